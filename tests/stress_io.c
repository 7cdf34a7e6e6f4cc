/* I/O under load: connections that come and go at random while servers run, closed under those who read, with deadlines and contexts
   that fire in between, interrupted system calls, and failures put in their place. What was sent arrives, or the connection ends; no
   descriptor is left over. */
#include "harness.h"
#include "faults.h"
#include <dirent.h>
#include <signal.h>

struct shop {
    int listener;
    char at[64];
    conc_wg servers, clients;
    conc_atomic(int) served, dialled;
    conc_atomic(int) budget; /* connections still to be made */
    int64_t end;
    uint64_t seed;
};
static int open_files(void) {
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d)) n++;
    if (d) (void)closedir(d);
    return n;
}
/* Sends back what it gets, until the other side ends it. */
static void server(struct shop *s, int fd) {
    char b[700];
    ssize_t n;
    while ((n = conc_read(fd, b, sizeof b)) > 0 && conc_write(fd, b, (size_t)n) == n) continue;
    atomic_fetch_add(&s->served, 1);
    CHECK_EQ(conc_close(fd), 0);
}
static void acceptor(struct shop *s) {
    int fd;
    while ((fd = conc_accept(s->listener, NULL, NULL)) >= 0 || errno == EMFILE)
        if (fd >= 0) conc_wg_go(&s->servers, server, s, fd);
        else conc_sleep(CONC_MS);
    CHECK_EQ(errno, EBADF);
}
/* One message there and back; false: the connection is of no more use. */
static bool exchange(int fd, struct rng *r) {
    char b[2000], c[2000];
    size_t n = 1 + rng_below(r, sizeof b), at = 0;
    for (size_t i = 0; i < n; i++) b[i] = (char)rng_next(r);
    if (conc_write(fd, b, n) != (ssize_t)n) return false;
    while (at < n) {
        ssize_t k = rng_below(r, 4) ? conc_read(fd, c + at, n - at) : conc_read_until(fd, c + at, n - at, conc_now() + (int64_t)rng_below(r, 300) * CONC_US);
        if (k < 0 && errno == ETIMEDOUT) continue;
        if (k <= 0) return false;
        at += (size_t)k;
    }
    CHECK(memcmp(b, c, n) == 0);
    return true;
}
static void visit(struct shop *s, struct rng *r) {
    int fd = conc_dial_tcp(NULL, s->at);
    if (fd < 0) return;
    atomic_fetch_add(&s->dialled, 1);
    switch (rng_below(r, 4)) {
    case 0: break; /* says nothing */
    case 1: { /* dropped with a reset, unread */
        struct linger hard = { 1, 0 };
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        CHECK(conc_write(fd, "unread", 6) == 6);
        break;
    }
    default:
        for (unsigned i = 1 + rng_below(r, 5); i > 0; i--) CHECK(exchange(fd, r));
    }
    CHECK_EQ(conc_close(fd), 0);
}
static void client(struct shop *s, unsigned id) {
    struct rng r = { s->seed + id };
    while (conc_now() < s->end && atomic_fetch_sub(&s->budget, 1) > 0) visit(s, &r);
}
static void *client_thread(void *p) { return client((struct shop *)p, 1000), (void *)NULL; }
static void run_shop(int clients, int budget, int64_t ns, uint32_t faults) {
    static struct shop s;
    struct rng r = rng_new(faults);
    memset(&s, 0, sizeof s);
    int files = open_files();
    s.seed = rng_next(&r);
    s.end = conc_now() + ns;
    atomic_store(&s.budget, budget);
    s.listener = conc_listen_tcp("127.0.0.1:0");
    REQUIRE(s.listener >= 0);
    (void)snprintf(s.at, sizeof s.at, "127.0.0.1:%d", conc_local_port(s.listener));
    __atomic_store_n(&fault_rate, faults, __ATOMIC_RELAXED);
    for (int i = 0; i < 4; i++) conc_wg_go(&s.servers, acceptor, &s);
    for (int i = 0; i < clients; i++) conc_wg_go(&s.clients, client, &s, (unsigned)i);
    pthread_t t = thread_start(client_thread, &s);
    thread_join(t);
    conc_wg_wait(&s.clients);
    __atomic_store_n(&fault_rate, 0, __ATOMIC_RELAXED);
    int64_t drained = conc_now() + limit(10 * CONC_SEC);
    while (conc_now() < drained && open_files() > files + 3) conc_sleep(CONC_MS); /* connections in the listener's queue get their turn */
    CHECK_EQ(conc_close(s.listener), 0);
    conc_wg_wait(&s.servers);
    CHECK_SAY(open_files() <= files + 4, "%d descriptors before, %d after", files, open_files());
    printf("%d connections\n", atomic_load(&s.dialled));
}
/* 5,000 connections opened and dropped at random. */
TEST(connections, .seconds = 120) { run_shop((int)live(60), (int)scale(5000), INT64_MAX / 2, 0); }
TEST(connections_with_faults, .seconds = 120) { run_shop((int)live(20), INT32_MAX, stress_ns() / 2, 30); }

/* Readers, writers, waiters and closers at random on a few pairs, each given a new life as soon as it is closed. */
enum { PAIRS = 6 };
struct life { conc_rwmutex m; int fd[2]; };
struct zoo { struct life l[PAIRS]; uint64_t seed; int64_t end; conc_wg wg; };
static void keeper(struct zoo *z, unsigned id) {
    struct rng r = { z->seed + id };
    while (conc_now() < z->end) {
        struct life *l = &z->l[rng_below(&r, PAIRS)];
        conc_sleep((int64_t)rng_below(&r, 500) * CONC_US);
        int end = (int)rng_below(&r, 2);
        conc_rwmutex_lock(&l->m); /* held by nobody who waits: they are woken by the close, and let go before it returns to them */
        CHECK_EQ(conc_close(l->fd[end]), 0);
        CHECK_EQ(conc_close(l->fd[!end]), 0);
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (rng_below(&r, 2) ? SOCK_NONBLOCK : 0), 0, l->fd) == 0);
        conc_rwmutex_unlock(&l->m);
    }
}
static void visitor(struct zoo *z, unsigned id) {
    struct rng r = { z->seed + 100 + id };
    static const char text[5000];
    char b[5000];
    while (conc_now() < z->end) {
        struct life *l = &z->l[rng_below(&r, PAIRS)];
        conc_rwmutex_rlock(&l->m);
        int fd = l->fd[rng_below(&r, 2)];
        conc_rwmutex_runlock(&l->m); /* from here on it may have a new life at any time: any outcome but a hang is right */
        int64_t until = conc_now() + (int64_t)rng_below(&r, 300) * CONC_US;
        switch (rng_below(&r, 4)) {
        case 0: (void)conc_read_until(fd, b, 1 + rng_below(&r, sizeof b), until); break;
        case 1: (void)conc_write_until(fd, text, 1 + rng_below(&r, sizeof text), until); break;
        case 2: (void)conc_wait_fd_until(fd, 1 + (int)rng_below(&r, 3), until); break;
        default: {
            conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), (int64_t)rng_below(&r, 300) * CONC_US);
            (void)conc_read_ctx(ctx, fd, b, sizeof b);
            conc_ctx_free(ctx);
        }
        }
    }
}
static void *visitor_thread(void *p) { return visitor((struct zoo *)p, 50), (void *)NULL; }
TEST(lives, .seconds = 120) {
    static struct zoo z;
    struct rng r = rng_new(1);
    if (HARNESS_TSAN) LEAVE_OUT("ThreadSanitizer takes the use of a number after its close for the race that it is");
    z.seed = rng_next(&r);
    z.end = conc_now() + stress_ns() / 2;
    for (int i = 0; i < PAIRS; i++) REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, z.l[i].fd) == 0);
    for (unsigned i = 0; i < 2; i++) conc_wg_go(&z.wg, keeper, &z, i);
    for (unsigned i = 0; i < 20; i++) conc_wg_go(&z.wg, visitor, &z, i);
    pthread_t t = thread_start(visitor_thread, &z);
    thread_join(t);
    conc_wg_wait(&z.wg);
    for (int i = 0; i < PAIRS; i++) {
        CHECK_EQ(conc_close(z.l[i].fd[0]), 0);
        CHECK_EQ(conc_close(z.l[i].fd[1]), 0);
    }
}

/* Tokens round a ring of pipes and sockets, by goroutines that have computing to do as well; then all is closed under them. */
static void passer(int from, int to, int64_t work, conc_atomic(int) *done) {
    int64_t token;
    while (conc_read(from, &token, sizeof token) == sizeof token) {
        for (int64_t t = conc_now(); conc_now() - t < work;) continue;
        if (--token < 0) atomic_fetch_add(done, 1);
        else if (conc_write(to, &token, sizeof token) != sizeof token) break;
    }
}
TEST(ring, .seconds = 120) {
    enum { N = 20, TOKENS = 3 };
    static conc_atomic(int) done;
    int in[N], out[N];
    int64_t token = scale(3000);
    conc_wg wg = CONC_WG_INIT;
    (void)signal(SIGPIPE, SIG_IGN); /* a write to a pipe that is closed already */
    for (int i = 0; i < N; i++) {
        int fd[2];
        REQUIRE((i & 1 ? pipe2(fd, i & 2 ? O_NONBLOCK : 0) : socketpair(AF_UNIX, SOCK_STREAM, 0, fd)) == 0);
        in[i] = fd[0], out[i] = fd[1];
    }
    for (int i = 0; i < N; i++) conc_wg_go(&wg, passer, in[i], out[(i + 1) % N], i == 3 ? 50 * CONC_US : 0, &done);
    for (int i = 0; i < TOKENS; i++) CHECK_EQ(conc_write(out[i * 5], &token, sizeof token), 8);
    while (atomic_load(&done) < TOKENS) conc_sleep(CONC_MS);
    for (int i = 0; i < N; i++) {
        CHECK_EQ(conc_close(in[i]), 0);
        CHECK_EQ(conc_close(out[i]), 0);
    }
    conc_wg_wait(&wg);
}
