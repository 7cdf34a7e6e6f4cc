/* patterns/walk.h: what is visited and in which order, what cannot be read, what is left out, ends of all kinds, misuse. */
#include "harness.h"
#include "patterns/walk.h"

#include <fcntl.h>

enum { FAIL = -7, EXIT = 99 };

/* A tree in a directory of its own; paths in tests are below it. */
static char root[64], path_room[4][160];
static const char *at(const char *name) { /* the last four stay */
    static int turn;
    char *p = path_room[turn++ % 4];
    snprintf(p, sizeof path_room[0], "%s/%s", root, name);
    return p;
}
static void make_file(const char *name) {
    int fd = open(at(name), O_CREAT | O_WRONLY, 0600);
    REQUIRE(fd >= 0);
    close(fd);
}
static void make_tree(void) {
    static const char *const dirs[] = { "a", "a-b", "a/x", "a/x/y", "empty", "z" };
    static const char *const files[] = { ".hidden", "a/1", "a/2", "a/x/3", "a/x/y/4", "a-b/5", "m", "z/6", "z/7", "z/8" };
    strcpy(root, "/tmp/test-walk-XXXXXX");
    REQUIRE(mkdtemp(root) != NULL);
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) REQUIRE(mkdir(at(dirs[i]), 0700) == 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) make_file(files[i]);
    REQUIRE(symlink("a", at("link")) == 0);
    REQUIRE(mkfifo(at("pipe"), 0600) == 0);
}
static void drop_tree(void) {
    char command[160];
    snprintf(command, sizeof command, "rm -rf %s", root);
    CHECK_EQ(system(command), 0);
}

struct log {
    char text[1024]; /* names, with what they are */
    const char *name; /* for this one */
    int what;         /* is returned, or EXIT */
    conc_atomic(int) entries, errors, outside;
    conc_atomic(int) at_once, most;
    chan(char) gate;  /* each entry waits for it */
};
static int note(conc_ctx *ctx, const struct walk_entry *e, struct log *l) {
    int now = conc_atomic_fetch_add(&l->at_once, 1) + 1, most = conc_atomic_load(&l->most);
    while (now > most && !conc_atomic_compare_exchange(&l->most, &most, now)) {}
    conc_atomic_fetch_add(e->err ? &l->errors : &l->entries, 1);
    char none;
    int err = l->gate && chan_recv_ctx(l->gate, &none, ctx) > CONC_CLOSED ? conc_ctx_cause(ctx) : 0;
    if (strncmp(e->path, root, strlen(root)) != 0) conc_atomic_fetch_add(&l->outside, 1);
    conc_atomic_fetch_sub(&l->at_once, 1);
    if (l->name && strcmp(l->name, e->name) == 0) {
        if (l->what == EXIT) conc_exit();
        err = l->what;
    }
    return err;
}
static int write_down(conc_ctx *ctx, const struct walk_entry *e, struct log *l) {
    static const char mark[] = { ' ', '/', '@', '|' };
    size_t n = strlen(l->text);
    const char *name = e->depth == 0 ? "." : e->name;
    snprintf(l->text + n, sizeof l->text - n, "%s%c%s ", name, e->err ? '!' : mark[e->type], e->err == -ENOENT ? "ENOENT" : "");
    return note(ctx, e, l);
}

TEST(in_order) {
    make_tree();
    struct log l = { .what = 0 };
    CHECK_EQ(walk_dir(NULL, root, write_down, &l), 0);
    CHECK_SAY(!strcmp(l.text, "./ .hidden  a/ 1  2  x/ 3  y/ 4  a-b/ 5  empty/ link@ m  pipe| z/ 6  7  8  "), "%s", l.text);
    CHECK_EQ(l.outside, 0);
    l.text[0] = 0;
    CHECK_EQ(walk_dir(NULL, at("link"), write_down, &l), 0);
    CHECK_EQ(walk_dir(NULL, at("link/"), write_down, &l), 0);
    CHECK_EQ(walk_dir(NULL, at("m"), write_down, &l), 0);
    CHECK_SAY(!strcmp(l.text, ".@ ./ 1  2  x/ 3  y/ 4  .  "), "%s", l.text);
    drop_tree();
}
/* Nothing there, nothing in it, and not readable are three things. */
TEST(empty_or_failed) {
    make_tree();
    struct log l = { .what = 0 };
    CHECK_EQ(walk_dir(NULL, at("empty"), write_down, &l), 0);
    CHECK_EQ(walk_dir(NULL, at("nowhere"), write_down, &l), 0);
    CHECK_SAY(!strcmp(l.text, "./ .!ENOENT "), "%s", l.text);
    l.name = "nowhere", l.what = FAIL;
    CHECK_EQ(walk_dir(NULL, at("nowhere"), note, &l), FAIL);
    CHECK_EQ(walk_parallel(NULL, at("nowhere"), 3, note, &l), FAIL);
    l.what = WALK_SKIP_DIR;
    CHECK_EQ(walk_dir(NULL, at("nowhere"), note, &l), 0);
    drop_tree();
}
/* fn removes the directory between its two calls: the second one tells. */
static int remove_empty(conc_ctx *ctx, const struct walk_entry *e, struct log *l) {
    if (e->err == 0 && strcmp(e->name, "empty") == 0) CHECK_EQ(rmdir(e->path), 0);
    return write_down(ctx, e, l);
}
TEST(unreadable) {
    struct log l = { .what = 0 }, p = { .what = 0 };
    make_tree();
    CHECK_EQ(walk_dir(NULL, root, remove_empty, &l), 0);
    CHECK_SAY(strstr(l.text, "empty/ empty!ENOENT link@"), "%s", l.text);
    REQUIRE(mkdir(at("empty"), 0700) == 0);
    CHECK_EQ(walk_parallel(NULL, root, 1, remove_empty, &p), 0);
    CHECK(p.errors == 1 && p.entries == 19);
    drop_tree();
}

TEST(skip) {
    make_tree();
    struct log l = { .name = "a", .what = WALK_SKIP_DIR };
    CHECK_EQ(walk_dir(NULL, root, write_down, &l), 0);
    CHECK_SAY(!strcmp(l.text, "./ .hidden  a/ a-b/ 5  empty/ link@ m  pipe| z/ 6  7  8  "), "%s", l.text);
    struct log rest = { .name = "7", .what = WALK_SKIP_DIR }, stop = { .name = "2", .what = WALK_SKIP_ALL };
    CHECK_EQ(walk_dir(NULL, at("z"), write_down, &rest), 0);
    CHECK_SAY(!strcmp(rest.text, "./ 6  7  "), "%s", rest.text);
    CHECK_EQ(walk_dir(NULL, root, write_down, &stop), 0);
    CHECK_SAY(!strcmp(stop.text, "./ .hidden  a/ 1  2  "), "%s", stop.text);
    struct log none = { .name = strrchr(root, '/') + 1, .what = WALK_SKIP_DIR };
    CHECK_EQ(walk_dir(NULL, root, write_down, &none), 0);
    CHECK_EQ(walk_parallel(NULL, root, 2, note, &none), 0);
    CHECK_EQ(none.entries, 2);
    drop_tree();
}

static void parallel(int workers) {
    make_tree();
    struct log l = { .what = 0 }, a = { .name = "a", .what = WALK_SKIP_DIR };
    CHECK_EQ(walk_parallel(NULL, root, workers, note, &l), 0);
    CHECK(l.entries == 19 && l.errors == 0 && l.outside == 0);
    CHECK_SAY(l.most <= workers, "%d at once, of %d", l.most, workers);
    CHECK_EQ(walk_parallel(NULL, root, workers, note, &a), 0);
    CHECK_EQ(a.entries, 13);
    for (int i = 0; i < 10; i++) {
        struct log bad = { .name = "4", .what = FAIL }, out = { .name = "2", .what = EXIT }, enough = { .name = "x", .what = WALK_SKIP_ALL };
        CHECK_EQ(walk_parallel(NULL, root, workers, note, &bad), FAIL);
        CHECK_EQ(walk_parallel(NULL, root, workers, note, &out), CONC_CANCELED);
        CHECK_EQ(walk_parallel(NULL, root, workers, note, &enough), 0);
        CHECK(enough.entries < 19);
    }
    drop_tree();
}
TEST(one_worker) { parallel(1); }
TEST(four_workers) { parallel(4); }
TEST(many_workers) { parallel((int)live(200)); }
CRASH(walk_without_workers, "panic: walk_parallel: the number of workers must be at least 1") {
    struct log l = { .what = 0 };
    (void)walk_parallel(NULL, "/", 0, note, &l);
}

static void serial_exit(struct log *l) { (void)walk_dir(NULL, root, note, l); }
TEST(error) {
    make_tree();
    struct log bad = { .name = "4", .what = FAIL }, out = { .name = "2", .what = EXIT };
    CHECK_EQ(walk_dir(NULL, root, note, &bad), FAIL);
    conc_run(serial_exit, &out); /* what the walk held is freed: the leak checkers see to it */
    CHECK_EQ(out.entries, 5);
    drop_tree();
}

static void canceller(conc_ctx *ctx, struct log *l) {
    CHECK(wait_for(&l->entries, 1));
    conc_ctx_cancel_cause(ctx, -99);
}
TEST(cancelled) {
    make_tree();
    for (int workers = 0; workers < 4; workers++) {
        conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
        struct log l = { .gate = chan_make(char) };
        conc_wg wg = CONC_WG_INIT;
        conc_wg_go(&wg, canceller, ctx, &l);
        CHECK_EQ(workers ? walk_parallel(ctx, root, workers, note, &l) : walk_dir(ctx, root, note, &l), -99);
        conc_wg_wait(&wg);
        int before = l.entries;
        CHECK_EQ(workers ? walk_parallel(ctx, root, workers, note, &l) : walk_dir(ctx, root, note, &l), -99);
        CHECK_EQ(l.entries, before); /* had ended before */
        chan_free(l.gate);
        conc_ctx_free(ctx);
    }
    drop_tree();
}

static void *thread(void *arg) {
    for (long i = 0; i < scale(10); i++) {
        struct log l = { .what = 0 }, s = { .what = 0 };
        CHECK_EQ(walk_parallel(NULL, root, 3, note, &l), 0);
        CHECK_EQ(walk_dir(NULL, root, note, &s), 0);
        CHECK(l.entries == 19 && s.entries == 19);
    }
    return arg;
}
static void goroutine(int i) { (void)i, (void)thread(NULL); }
TEST(stress) {
    make_tree();
    pthread_t t = thread_start(thread, NULL);
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 4; i++) conc_wg_go(&wg, goroutine, i);
    thread_join(t);
    conc_wg_wait(&wg);
    drop_tree();
}
