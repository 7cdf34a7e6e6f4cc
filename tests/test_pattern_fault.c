/* patterns/fault.h: chains, codes, texts of any length, the log's lines, no memory left behind, many at once. */
#include "harness.h"
#include "patterns/fault.h"
#include <fcntl.h>

static struct fault *inner(bool fails) { return fails ? fault_new(-2, "no %s at %d", "file", 7) : NULL; }
static struct fault *middle(bool fails) { return fault_wrap(inner(fails), -111, "no connection"); }
static struct fault *outer(bool fails) { return fault_wrap(middle(fails), -1000, "no report %d", 3); }

TEST(success) {
    CHECK(outer(false) == NULL);
    CHECK_EQ(fault_code(NULL), 0);
    CHECK(fault_is(NULL, -2) == NULL && fault_root(NULL) == NULL);
    fault_free(NULL);
}
TEST(chain) {
    struct fault *f = outer(true);
    const char *const messages[] = { "no report 3", "no connection", "no file at 7" }, *const funcs[] = { "outer", "middle", "inner" };
    const int codes[] = { -1000, -111, -2 };
    const struct fault *at = f;
    for (int i = 0; i < 3; i++, at = at->cause) {
        CHECK(!strcmp(at->message, messages[i]) && !strcmp(at->func, funcs[i]));
        CHECK_EQ(at->code, codes[i]);
        CHECK(fault_is(f, codes[i]) == at);
        CHECK(at->id == f->id && at->id != 0);
        CHECK(strstr(at->file, "test_pattern_fault.c") && at->line > 0);
        CHECK_EQ(at->goroutine, conc_id());
    }
    CHECK(at == NULL && fault_is(f, -3) == NULL && fault_root(f)->code == -2);
    CHECK_EQ(fault_code(f), -1000);
    fault_free(f);
}
/* A wrap takes the fault it is given, exactly once, however it is written. */
static int made;
static struct fault *counted(void) { return made++, fault_new(1, "x"); }
TEST(wrap_once) {
    struct fault *f = fault_wrap(fault_wrap(counted(), 2, "y"), 3, "z%s", "!");
    CHECK_EQ(made, 1);
    CHECK(f->code == 3 && f->cause->code == 2 && f->cause->cause->code == 1 && f->cause->cause->cause == NULL);
    fault_free(f);
}
TEST(texts) {
    char buf[32], big[3000];
    memset(big, 'x', sizeof big - 1), big[sizeof big - 1] = '\0';
    struct fault *f = fault_new(-1, "%s", big), *empty = fault_new(-1, "%s", "");
    CHECK(!strcmp(f->message, big) && !strcmp(empty->message, ""));
    CHECK(fault_user(f, buf, sizeof buf) == buf && strlen(buf) == sizeof buf - 1);
    CHECK(strlen(fault_user(empty, buf, sizeof buf)) == strlen(" [0123456789abcdef]"));
    fault_free(f), fault_free(empty);
}
TEST(log_lines) {
    int fd[2];
    static char text[8192], big[3000];
    memset(big, 'y', sizeof big - 1);
    REQUIRE(pipe(fd) == 0);
    struct fault *f = fault_wrap(outer(true), 9, "%s", big);
    fault_log(f, fd[1]);
    close(fd[1]);
    ssize_t len = 0, n;
    while ((n = read(fd[0], text + len, sizeof text - 1 - (size_t)len)) > 0) len += n;
    close(fd[0]);
    text[len] = '\0';
    int lines = 0;
    char id[24];
    snprintf(id, sizeof id, "[%016llx] ", (unsigned long long)f->id);
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1, lines++) {
        *end = '\0';
        CHECK(!strncmp(line, id, strlen(id)));
        CHECK(strlen(line) < 1024);
        if (lines == 1) CHECK(strstr(line, "because no report 3 (-1000) at outer, ") != NULL);
        if (lines == 3) CHECK(strstr(line, "because no file at 7 (-2) at inner, ") != NULL);
    }
    CHECK_EQ(lines, 4);
    fault_log(f, -1); /* nobody to tell: not a crash */
    fault_free(f);
}
/* Numbers differ, from wherever they are made; faults go through channels. */
static void maker(send_chan(struct fault *) c, int n) {
    for (int i = 0; i < n; i++) chan_send(c, fault_new(-i - 1, "%d", i));
}
static void *maker_thread(void *c) { return maker((send_chan(struct fault *))c, 100), NULL; }
TEST(unique, .os = true) {
    enum { N = 4 };
    static uint64_t seen[(N + 1) * 100];
    chan(struct fault *) c = chan_make(struct fault *, 3);
    conc_wg wg = CONC_WG_INIT;
    pthread_t t = thread_start(maker_thread, (void *)c);
    for (int i = 0; i < N; i++) conc_wg_go(&wg, maker, c, 100);
    for (int i = 0; i < (N + 1) * 100; i++) {
        struct fault *f = chan_recv(c);
        seen[i] = f->id;
        for (int k = 0; k < i; k++) CHECK(seen[k] != f->id);
        CHECK_EQ(atoi(f->message), -f->code - 1);
        fault_free(f);
    }
    thread_join(t);
    conc_wg_wait(&wg);
    chan_free(c);
}
