/* The network of a test: the same code runs on it and on the system's; what TCP promises, what it does not, and what a body may do to it.
   Explorer bodies only where conc.h is compiled with CONC_TEST. */
#include "harness.h"
#include <signal.h>
#include <sys/socket.h>

/* ---- a small server and its client, written as for the system ---- */
static void echo_serve(int fd) {
    char buf[16];
    for (ssize_t n; (n = conc_read(fd, buf, sizeof buf)) > 0;)
        if (conc_write(fd, buf, (size_t)n) != n) break;
    (void)conc_close(fd);
}
static void echo_accept(int listener, conc_wg *serving) {
    for (int fd; (fd = conc_accept(listener, NULL, NULL)) >= 0;) conc_wg_go(serving, echo_serve, fd);
    conc_wg_done(serving);
}
static bool read_all(int fd, char *buf, size_t n) {
    for (size_t got = 0; got < n;) {
        ssize_t k = conc_read(fd, buf + got, n - got);
        if (k <= 0) return false;
        got += (size_t)k;
    }
    return true;
}
static bool echo_once(const char *address) {
    char buf[64];
    int fd = conc_dial_tcp(NULL, address);
    bool good = fd >= 0 && conc_write(fd, "a message of some length", 24) == 24 && conc_close_write(fd) == 0 && read_all(fd, buf, 24);
    good = good && memcmp(buf, "a message of some length", 24) == 0 && conc_read(fd, buf, 1) == 0;
    if (fd >= 0) (void)conc_close(fd);
    return good;
}
static void echo_client(const char *address, conc_atomic(int) *good) { conc_atomic_fetch_add(good, echo_once(address)); }
static int echo_two_clients(void) {
    conc_wg serving = CONC_WG_INIT, clients = CONC_WG_INIT;
    conc_atomic(int) good = 0;
    char address[32];
    int listener = conc_listen_tcp("127.0.0.1:0");
    if (listener < 0) return -1;
    (void)snprintf(address, sizeof address, "127.0.0.1:%d", conc_local_port(listener));
    conc_wg_add(&serving, 1);
    go(echo_accept, listener, &serving);
    for (int i = 0; i < 2; i++) conc_wg_go(&clients, echo_client, address, &good);
    conc_wg_wait(&clients);
    (void)conc_close(listener);
    conc_wg_wait(&serving);
    return conc_atomic_load(&good);
}
TEST(on_the_system) { CHECK_EQ(echo_two_clients(), 2); }
TEST(numbers_outside_a_test) {
    char byte;
    CHECK(conc_read(1 << 30, &byte, 1) == -1 && errno == EBADF);
    CHECK(conc_close(1 << 30) == -1 && errno == EBADF);
}
CRASH(pipe_outside_a_test, "fatal error: conc_net_pipe outside a test") {
    int fd[2];
    (void)conc_net_pipe(fd);
}

#if defined(CONC_TEST) && !HARNESS_TSAN
static void check_ok(conc_report r) { CHECK_SAY(r.ok, "%s", r.text); }
#define CHECK_SCHEDULES(fn, ...) check_ok(conc_test(fn, NULL, .schedules = 300, .seconds = 20, ##__VA_ARGS__))

static void two_clients(void *arg) {
    (void)arg;
    conc_assert(echo_two_clients() == 2);
}
TEST(in_a_test) {
    check_ok(conc_bubble(two_clients, NULL));
    CHECK_SCHEDULES(two_clients);
    CHECK_SCHEDULES(two_clients, .net = { .short_reads = true });
    CHECK_SCHEDULES(two_clients, .net = { .latency = CONC_MS, .jitter = 3 * CONC_MS, .buffer = 24 });
}
static void one_message(void *arg) {
    int fd[2];
    char buf[4];
    (void)arg;
    conc_assert(conc_net_pipe(fd) == 0);
    go(echo_serve, fd[1]);
    conc_assert(conc_write(fd[0], "abc", 3) == 3);
    conc_assert(read_all(fd[0], buf, 3) && memcmp(buf, "abc", 3) == 0);
    (void)conc_close(fd[0]);
}
TEST(all_schedules) {
    conc_report r = conc_test(one_message, NULL, .strategy = CONC_EXHAUSTIVE, .net = { .short_reads = true });
    CHECK_SAY(r.ok && r.exhausted && r.schedules > 3, "%s", r.text);
    r = conc_test(one_message, NULL, .strategy = CONC_BOUNDED, .net = { .short_reads = true });
    CHECK_SAY(r.ok && r.exhausted, "%s", r.text);
}

/* ---- what streams promise ---- */
static void write_much(int fd, int n) {
    for (int i = 0; i < n; i++) {
        unsigned char b = (unsigned char)i;
        struct iovec v[2] = { { &b, 1 }, { &b, 1 } };
        conc_assert(conc_writev(fd, v, 2) == 2);
    }
    conc_assert(conc_close_write(fd) == 0);
}
static void in_order(void *arg) {
    int fd[2];
    unsigned char a[3], b[2];
    struct iovec v[2] = { { a, 3 }, { b, 2 } };
    int next = 0;
    (void)arg;
    conc_assert(conc_net_pipe(fd) == 0);
    go(write_much, fd[0], 40);
    for (ssize_t n; (n = conc_readv(fd[1], v, 2)) != 0;) {
        conc_assert(n > 0 && n <= 5);
        for (int i = 0; i < n; i++, next++) conc_assert((i < 3 ? a[i] : b[i - 3]) == next / 2);
    }
    conc_assert(next == 80);
    conc_assert(conc_read(fd[1], a, 1) == 0); /* the end is not used up */
    conc_assert(conc_write(fd[0], "x", 1) == -1 && errno == EPIPE);
    conc_assert(conc_close(fd[0]) == 0 && conc_close(fd[1]) == 0);
}
TEST(order_and_end) {
    CHECK_SCHEDULES(in_order, .net = { .buffer = 6 });
    CHECK_SCHEDULES(in_order, .net = { .buffer = 6, .short_reads = true, .latency = CONC_US, .jitter = CONC_US });
}
static void half_a_conversation(void *arg) {
    int fd[2];
    char b[8];
    (void)arg;
    conc_assert(conc_net_pipe(fd) == 0);
    conc_assert(conc_write(fd[0], "ab", 2) == 2 && conc_close_write(fd[0]) == 0);
    conc_assert(conc_recvfrom(fd[1], b, 8, MSG_PEEK, NULL, NULL) == 2 && conc_read(fd[1], b, 8) == 2 && conc_read(fd[1], b, 8) == 0);
    conc_assert(conc_recvfrom(fd[0], b, 8, MSG_DONTWAIT, NULL, NULL) == -1 && errno == EAGAIN);
    conc_assert(conc_wait_fd(fd[1], CONC_READ | CONC_WRITE) == (CONC_READ | CONC_WRITE));
    conc_assert(conc_wait_fd_until(fd[0], CONC_READ, conc_now() + CONC_SEC) == -1 && errno == ETIMEDOUT);
    conc_assert(conc_write(fd[1], "c", 1) == 1 && conc_wait_fd(fd[0], CONC_READ) == CONC_READ && conc_read(fd[0], b, 8) == 1);
    conc_assert(conc_close(fd[1]) == 0 && conc_read(fd[0], b, 8) == 0);
    conc_assert(conc_close(fd[0]) == 0);
    conc_assert(conc_close(fd[0]) == -1 && errno == EBADF);
    conc_assert(conc_read(fd[0], b, 8) == -1 && errno == EBADF);
    conc_assert(conc_accept(fd[0], NULL, NULL) == -1 && errno == EBADF);
}
TEST(half_close_peek_ready) { CHECK_SCHEDULES(half_a_conversation); }
/* Bytes that nobody will read reset the connection. */
static void unread(void *arg) {
    int a[2], b[2], c[2];
    char x[4];
    (void)arg;
    conc_assert(conc_net_pipe(a) == 0 && conc_net_pipe(b) == 0 && conc_net_pipe(c) == 0);
    conc_assert(conc_write(a[0], "x", 1) == 1 && conc_close(a[1]) == 0);
    conc_assert(conc_read(a[0], x, 1) == -1 && errno == ECONNRESET);
    conc_assert(conc_close(b[1]) == 0 && conc_read(b[0], x, 1) == 0);
    conc_assert(conc_write(b[0], "x", 1) == 1);                       /* nobody has told it yet */
    conc_assert(conc_write(b[0], "x", 1) == -1 && errno == EPIPE);
    conc_assert(conc_net_reset(c[0]) == 0);
    conc_assert(conc_read(c[1], x, 1) == -1 && errno == ECONNRESET && conc_write(c[0], x, 1) == -1 && errno == ECONNRESET);
    conc_close(a[0]), conc_close(b[0]), conc_close(c[0]), conc_close(c[1]);
}
TEST(resets) { CHECK_SCHEDULES(unread); }
static void blocked_reader(int fd, conc_atomic(int) *err) {
    char x;
    conc_assert(conc_read(fd, &x, 1) == -1);
    conc_atomic_store(err, errno);
}
static void close_wakes(void *arg) {
    int fd[2];
    conc_atomic(int) err = 0;
    conc_wg wg = CONC_WG_INIT;
    (void)arg;
    conc_assert(conc_net_pipe(fd) == 0);
    conc_wg_go(&wg, blocked_reader, fd[0], &err);
    if (conc_choose(2)) conc_settle();
    conc_close(fd[0]);
    conc_wg_wait(&wg);
    conc_assert(conc_atomic_load(&err) == EBADF);
    conc_close(fd[1]);
}
TEST(close_wakes_readers) { CHECK_SCHEDULES(close_wakes); }

/* ---- addresses ---- */
static void addresses(void *arg) {
    char text[40];
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    (void)arg;
    conc_assert(conc_dial_tcp(NULL, "db:80") == -1 && errno == ECONNREFUSED);
    int any = conc_listen_tcp(":80"), named = conc_listen_tcp("db:81"), loop = conc_listen_tcp("127.0.0.1:0"), path = conc_listen_unix("/run/x");
    conc_assert(any >= 0 && named >= 0 && loop >= 0 && path >= 0);
    conc_assert(conc_listen_tcp("db:80") == -1 && errno == EADDRINUSE);
    conc_assert(conc_listen_tcp("nonsense") == -1 && errno == EINVAL);
    conc_assert(conc_local_port(any) == 80 && conc_local_port(loop) >= 49152 && conc_local_port(path) == -1);
    conc_assert(conc_dial_tcp(NULL, "cache:81") == -1 && errno == ECONNREFUSED);
    (void)snprintf(text, sizeof text, "localhost:%d", conc_local_port(loop));
    int a = conc_dial_tcp(NULL, "db:80"), b = conc_dial_tcp(NULL, "db:81"), c = conc_dial_tcp(NULL, text), d = conc_dial_unix(NULL, "/run/x");
    conc_assert(a >= 0 && b >= 0 && c >= 0 && d >= 0);
    int got = conc_accept(loop, (struct sockaddr *)&from, &len);
    conc_assert(got >= 0 && from.ss_family == AF_INET && conc_local_port(got) == conc_local_port(loop) && conc_local_port(c) != conc_local_port(got));
    conc_assert(conc_read(loop, text, 1) == -1 && errno == ENOTCONN);
    conc_assert(conc_accept(a, NULL, NULL) == -1 && errno == EINVAL);
    conc_close(any);
    conc_assert(conc_read(a, text, 1) == -1 && errno == ECONNRESET); /* was never accepted */
    conc_assert(conc_dial_tcp(NULL, "db:80") == -1 && errno == ECONNREFUSED);
    int again = conc_listen_tcp("db:80");
    conc_assert(again >= 0);
    int all[] = { named, loop, path, a, b, c, d, got, again };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) conc_assert(conc_close(all[i]) == 0);
}
TEST(names_and_ports) { CHECK_SCHEDULES(addresses); }

/* ---- time ---- */
static void pong(int listener) {
    int fd = conc_accept(listener, NULL, NULL);
    echo_serve(fd);
}
static void round_trips(void *arg) {
    int listener = conc_listen_tcp(":1");
    char x[2];
    int64_t start = conc_now();
    (void)arg;
    go(pong, listener);
    int fd = conc_dial_tcp(NULL, "server:1");
    conc_assert(fd >= 0 && conc_now() - start == 20 * CONC_MS);
    for (int i = 1; i <= 3; i++) {
        conc_assert(conc_write(fd, "x", 1) == 1 && conc_read(fd, x, 1) == 1);
        conc_assert(conc_now() - start == (1 + i) * 20 * CONC_MS);
    }
    conc_assert(conc_write(fd, "x", 1) == 1);
    conc_assert(conc_read_until(fd, x, 1, conc_now() + 19 * CONC_MS) == -1 && errno == ETIMEDOUT);
    conc_assert(conc_read_until(fd, x, 1, conc_now() + 2 * CONC_MS) == 1);
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_MS);
    conc_assert(conc_read_ctx(ctx, fd, x, 1) == -1 && errno == ETIMEDOUT);
    conc_assert(conc_accept_ctx(ctx, listener, NULL, NULL) == -1 && errno == ETIMEDOUT);
    conc_assert(conc_dial_tcp(ctx, "server:1") == -1 && errno == ETIMEDOUT);
    conc_ctx_free(ctx);
    conc_assert(conc_accept_until(listener, NULL, NULL, conc_now() + CONC_MS) == -1 && errno == ETIMEDOUT);
    conc_assert(conc_dial_tcp_until("server:1", conc_now() + CONC_MS) == -1 && errno == ETIMEDOUT);
    conc_close(fd), conc_close(listener);
}
TEST(latency_is_exact) { CHECK_SCHEDULES(round_trips, .time = CONC_TIME_IDLE, .net = { .latency = 10 * CONC_MS }); }

/* ---- partitions ---- */
static void partitions(void *arg) {
    int listener = conc_listen_tcp("db:1"), other = conc_listen_tcp("cache:1");
    char x[4];
    int64_t start;
    (void)arg;
    int a = conc_dial_tcp(NULL, "db:1"), b = conc_accept(listener, NULL, NULL);
    conc_assert(a >= 0 && b >= 0);
    conc_assert(conc_net_partition("nobody:1") == CONC_INVALID && conc_net_partition("db:1") == CONC_OK);
    conc_assert(conc_write(a, "x", 1) == 1);
    conc_assert(conc_read_until(b, x, 1, conc_now() + CONC_HOUR) == -1 && errno == ETIMEDOUT);
    start = conc_now();
    conc_assert(conc_dial_tcp(NULL, "db:1") == -1 && errno == ETIMEDOUT && conc_now() - start == 127 * CONC_SEC);
    int c = conc_dial_tcp(NULL, "cache:1"), d = conc_accept(other, NULL, NULL);
    conc_assert(conc_write(c, "y", 1) == 1 && conc_read(d, x, 1) == 1); /* the rest of the network goes on */
    conc_assert(conc_net_partition(NULL) == CONC_OK && conc_write(c, "y", 1) == 1);
    conc_assert(conc_close(c) == 0);
    conc_assert(conc_read_until(d, x, 1, conc_now() + CONC_SEC) == -1 && errno == ETIMEDOUT);
    start = conc_now();
    conc_assert(conc_net_heal(NULL) == CONC_OK);
    conc_assert(conc_read(b, x, 1) == 1 && conc_now() - start == CONC_MS);
    conc_assert(conc_read(d, x, 4) == 1 && conc_read(d, x, 4) == 0);
    conc_close(a), conc_close(b), conc_close(d), conc_close(listener), conc_close(other);
}
TEST(cut_and_healed) { CHECK_SCHEDULES(partitions, .time = CONC_TIME_IDLE, .net = { .latency = CONC_MS }); }
static void dial_and_close(const char *address) {
    int fd = conc_dial_tcp(NULL, address);
    conc_assert(fd >= 0 && conc_close(fd) == 0);
}
static void dial_into_a_cut(void *arg) {
    int listener = conc_listen_tcp("db:1");
    conc_wg wg = CONC_WG_INIT;
    (void)arg;
    conc_assert(conc_net_partition("db:1") == CONC_OK);
    conc_wg_go(&wg, dial_and_close, "db:1");
    conc_sleep(CONC_MIN);
    conc_assert(conc_net_heal("db:1") == CONC_OK);
    conc_wg_wait(&wg);
    conc_close(listener);
}
TEST(dial_waits_for_the_cut) { CHECK_SCHEDULES(dial_into_a_cut, .time = CONC_TIME_IDLE); }

/* ---- what is found ---- */
static void reads_once(void *mended) {
    int fd[2];
    char b[8];
    conc_assert(conc_net_pipe(fd) == 0 && conc_write(fd[0], "12345678", 8) == 8);
    if (mended) conc_assert(read_all(fd[1], b, 8));
    else conc_assert(conc_read(fd[1], b, 8) == 8);
    conc_close(fd[0]), conc_close(fd[1]);
}
static void forgets_to_close(void *arg) {
    int fd[2];
    (void)arg;
    conc_assert(conc_net_pipe(fd) == 0);
    int listener = conc_listen_tcp("db:5432");
    conc_assert(conc_dial_tcp(NULL, "db:5432") >= 0);
    conc_close(fd[1]), conc_close(listener);
}
static void waits_for_no_answer(void *arg) {
    int fd[2];
    char x;
    (void)arg;
    conc_assert(conc_net_pipe(fd) == 0);
    (void)conc_read(fd[0], &x, 1);
}
static void leaves_a_server(void *arg) {
    conc_wg *wg = (conc_wg *)arg; /* used, so that it may count at its end */
    *wg = (conc_wg)CONC_WG_INIT;
    conc_wg_add(wg, 1);
    go(echo_accept, conc_listen_tcp(":1"), wg);
}
static void real_descriptor(void *arg) {
    char x;
    (void)arg;
    (void)conc_read(0, &x, 1);
}
static bool says(conc_report r, conc_fail_kind kind, const char *text) { return r.kind == kind && strstr(r.text, text); }
TEST(finds) {
    int yes = 1;
    conc_wg wg;
    conc_report r = conc_test(reads_once, NULL, .net = { .short_reads = true });
    CHECK_SAY(says(r, CONC_FAIL_ASSERT, "conc_read(fd[1], b, 8) == 8"), "%s", r.text);
    r = conc_test(reads_once, &yes, .net = { .short_reads = true }, .schedules = 500);
    CHECK_SAY(r.ok, "%s", r.text);
    r = conc_test(forgets_to_close, NULL);
    CHECK_SAY(says(r, CONC_FAIL_LEAK, "2 descriptors are open at the end") && strstr(r.text, "a connection at db:5432 (dialed at test_explorer_net.c:"), "%s", r.text);
    CHECK(conc_test(forgets_to_close, NULL, .leaks_allowed = true, .schedules = 10).ok);
    r = conc_bubble(waits_for_no_answer, NULL);
    CHECK_SAY(says(r, CONC_FAIL_DEADLOCK, "g0 main is blocked in read stream#1 (blocks)  test_explorer_net.c:"), "%s", r.text);
    r = conc_test(leaves_a_server, &wg);
    CHECK_SAY(says(r, CONC_FAIL_LEAK, "is blocked in accept"), "%s", r.text);
    r = conc_test(two_clients, NULL, .net = { .buffer = 7 }); /* each writes everything before it reads: that needs room on the way */
    CHECK_SAY(says(r, CONC_FAIL_DEADLOCK, "is blocked in write stream#"), "%s", r.text);
    r = conc_test(real_descriptor, NULL);
    CHECK_SAY(says(r, CONC_FAIL_INVALID, "I/O inside a test on descriptor 0"), "%s", r.text);
}
/* Under resets, refusals, short reads and latency the client either succeeds or says that it failed, and nothing is left behind. */
static void client_survives(void *arg) {
    conc_wg serving = CONC_WG_INIT;
    int *failed = (int *)arg, listener = conc_listen_tcp(":7");
    conc_wg_add(&serving, 1);
    go(echo_accept, listener, &serving);
    *failed += !echo_once("server:7");
    conc_close(listener);
    conc_wg_wait(&serving);
}
TEST(faults_of_the_network) {
    int failed = 0;
    check_ok(conc_test(client_survives, &failed, .schedules = 1000, .seconds = 20, .faults = 2,
                       .net = { .latency = CONC_MS, .jitter = CONC_MS, .short_reads = true, .resets = true }));
    CHECK_SAY(failed > 100 && failed < 900, "%d of 1000", failed);
    failed = 0;
    check_ok(conc_test(client_survives, &failed, .schedules = 300, .seconds = 20, .net = { .latency = CONC_MS }));
    CHECK_EQ(failed, 0);
}
TEST(repeats) {
    conc_report r = conc_test(forgets_to_close, NULL, .name = "x", .seed = 5, .net = { .jitter = CONC_MS });
    char *first = strdup(r.text);
    r = conc_test(forgets_to_close, NULL, .name = "x", .seed = 5, .net = { .jitter = CONC_MS });
    CHECK_SAY(strcmp(first, r.text) == 0, "%s\n%s", first, r.text);
    free(first);
}

/* ---- random programs: exhaustive search must see every outcome that depth-first search sees, so each call says rightly what it touches ---- */
enum { STEPS = 3, MOST = 4096 };
struct outcomes { uint32_t seen[MOST]; int n; };
struct program { uint32_t code; struct outcomes *out; };
struct wires { int fd[2], listener; uint32_t got[2]; conc_wg wg; };
static uint32_t result(ssize_t r) { return r < 0 ? 16 + (uint32_t)errno : (uint32_t)r; }
static void random_calls(struct wires *w, uint32_t code, int me) {
    uint32_t seen = 0;
    char b[2];
    for (int i = 0; i < STEPS; i++, code /= 22) {
        int fd = w->fd[code / 11 % 2];
        switch (code % 11) {
        case 0: case 1: case 2: seen = seen * 31 + result(conc_write(fd, "x", 1)); break;
        case 3: case 4: case 5: seen = seen * 31 + result(conc_recvfrom(fd, b, 2, MSG_DONTWAIT, NULL, NULL)); break;
        case 6: seen = seen * 31 + result(conc_close(fd)); break;
        case 7: seen = seen * 31 + result(conc_close_write(fd)); break;
        case 8: seen = seen * 31 + (uint32_t)(conc_net_partition(NULL) + conc_net_heal("db:1")); break;
        case 9: (void)conc_net_heal(NULL); break;
        default: {
            int c = conc_dial_tcp_until("db:1", conc_now() + CONC_SEC);
            seen = seen * 31 + (c < 0 ? result(c) : 1);
            if (c >= 0) (void)conc_close(c);
            if (code / 11 % 2) seen = seen * 31 + result(conc_close(w->listener));
        }
        }
    }
    w->got[me] = seen;
}
static void random_program(void *arg) {
    const struct program *p = (const struct program *)arg;
    struct wires w;
    memset(&w, 0, sizeof w);
    w.listener = conc_listen_tcp("db:1");
    w.fd[0] = conc_dial_tcp(NULL, "db:1");
    w.fd[1] = conc_accept(w.listener, NULL, NULL);
    for (int i = 0; i < 2; i++) conc_wg_go(&w.wg, random_calls, &w, i ? p->code * 1664525u + 1013904223u : p->code, i);
    conc_wg_wait(&w.wg);
    uint32_t out = w.got[0] * 131 + w.got[1], i = 0;
    while ((int)i < p->out->n && p->out->seen[i] != out) i++;
    if ((int)i == p->out->n && i < MOST) p->out->seen[p->out->n++] = out;
}
TEST(exhaustive_agrees_with_depth_first, .seconds = 120) {
    static struct outcomes all, dpor;
    struct rng r = rng_new(1);
    long several = 0;
    for (long i = 0; i < scale(150) && !harness_failed(); i++) {
        struct program p = { (uint32_t)rng_next(&r) >> 8, &all };
        all.n = dpor.n = 0;
        conc_report a = conc_test(random_program, &p, .strategy = CONC_BOUNDED, .preemptions = 100, .time = CONC_TIME_IDLE, .leaks_allowed = true);
        p.out = &dpor;
        conc_report b = conc_test(random_program, &p, .strategy = CONC_EXHAUSTIVE, .leaks_allowed = true);
        CHECK_SAY(a.ok && b.ok && a.exhausted && b.exhausted, "%s%s", a.text, b.text);
        for (int k = 0; k < all.n; k++) {
            int at = 0;
            while (at < dpor.n && dpor.seen[at] != all.seen[k]) at++;
            CHECK_SAY(at < dpor.n, "program %u: an outcome is missing (%d against %d)", p.code, dpor.n, all.n);
        }
        several += all.n > 1;
    }
    CHECK(several > 0);
}
#endif
