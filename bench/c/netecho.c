/* Group netecho: TCP echo over loopback, 64-byte messages, one goroutine per connection on each side. netecho.raw_*: the same work by
   one thread with epoll and nothing else, the limit for one processor. GOB_SECS: seconds per run (default 2). GOB_MODE=server,
   GOB_ADDR=host:port: only the echo server, until stdin ends.
   Twin: ../go/netecho.go. Rules: ../README.md. */
#include "bench.h"
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>

enum { MSG = 64 };

static void echo(int fd, bool deadline) {
    char b[4096];
    ssize_t n;
    for (;;) {
        n = conc_read_until(fd, b, sizeof b, deadline ? conc_now() + 10 * CONC_SEC : CONC_FOREVER);
        if (n <= 0 || conc_write(fd, b, (size_t)n) != n) break;
    }
    conc_close(fd);
}
static void serve(int listener, bool deadline) {
    int fd;
    while ((fd = conc_accept(listener, NULL, NULL)) >= 0) go(echo, fd, deadline);
}
static int dial(const char *at) {
    int fd = conc_dial_tcp(NULL, at);
    if (fd < 0) bench_fail("dial %s: %s", at, strerror(errno));
    return fd;
}
static void read_full(int fd, char *b, int64_t deadline) {
    for (size_t got = 0; got < MSG;) {
        ssize_t n = conc_read_until(fd, b + got, MSG - got, deadline);
        if (n <= 0) bench_fail("read: %s", n ? strerror(errno) : "end");
        got += (size_t)n;
    }
}

/* Latencies in 32 steps per octave. */
typedef uint32_t hist[64 * 32];
static void hist_add(hist h, int64_t ns) {
    int o = ns < 32 ? -1 : 58 - __builtin_clzll((unsigned long long)ns);
    h[o < 0 ? 0 : (o + 1) * 32 + (int)(ns >> o) - 32]++;
}
static double hist_at(const double *h, double n, double q) {
    double k = q * n;
    for (int i = 0; i < 64 * 32; i++)
        if ((k -= h[i]) < 0) return i < 32 ? 0 : (double)((int64_t)(32 + i % 32) << (i / 32 - 1)) / 1e3;
    return 0;
}

static conc_atomic(int) stop;
static void client(int fd, int i, bool deadline, hist *lat) {
    char out[MSG] = "", in[MSG];
    for (int n = 0; !conc_atomic_load(&stop); n++) {
        int64_t until = deadline ? conc_now() + 10 * CONC_SEC : CONC_FOREVER, t;
        out[0] = (char)n, out[MSG - 1] = (char)i;
        t = bench_now();
        if (conc_write_until(fd, out, MSG, until) != MSG) bench_fail("write: %s", strerror(errno));
        read_full(fd, in, until);
        hist_add(*lat, bench_now() - t);
        if (in[0] != out[0] || in[MSG - 1] != out[MSG - 1]) bench_fail("echo mismatch");
    }
    conc_close(fd);
}
static double cpu_us(void) {
    bench_cost c = bench_cost_now();
    return (c.user + c.sys) * 1e3;
}
static int64_t run_ns(void) { return bench_int("GOB_SECS", 2) * CONC_SEC; }
/* k connections, each writes 64 bytes and reads them back: round trips/s, percentiles, CPU per round trip. */
static void load(const char *at, int k, bool deadline, double *v) {
    conc_wg wg = CONC_WG_INIT;
    hist *lat = bench_alloc(k, sizeof *lat);
    int *fd = bench_alloc(k, sizeof *fd);
    double *all = bench_alloc(64 * 32, sizeof *all), n = 0;
    for (int i = 0; i < k; i++) fd[i] = dial(at);
    conc_atomic_store(&stop, 0);
    int64_t t = bench_now();
    double cpu = cpu_us();
    for (int i = 0; i < k; i++) conc_wg_go(&wg, client, fd[i], i, deadline, &lat[i]);
    conc_sleep(run_ns());
    conc_atomic_store(&stop, 1);
    conc_wg_wait(&wg);
    double secs = (double)(bench_now() - t) / 1e9;
    cpu = cpu_us() - cpu;
    for (int i = 0; i < k; i++)
        for (int j = 0; j < 64 * 32; j++) all[j] += lat[i][j], n += lat[i][j];
    v[0] = n / secs, v[1] = hist_at(all, n, .5), v[2] = hist_at(all, n, .99), v[3] = hist_at(all, n, .999), v[4] = cpu / n;
    free(lat), free(fd), free(all);
}

static void churner(const char *at, conc_atomic(int64_t) *n) {
    const struct linger hard = { 1, 0 }; /* no TIME_WAIT: keeps the port range free */
    char b[MSG] = "";
    while (!conc_atomic_load(&stop)) {
        int fd = dial(at);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        if (conc_write(fd, b, MSG) != MSG) bench_fail("write");
        read_full(fd, b, CONC_FOREVER);
        conc_close(fd);
        conc_atomic_fetch_add(n, 1);
    }
}
static double churn(const char *at, int k) { /* dial, one echo, close */
    static conc_atomic(int64_t) n;
    conc_wg wg = CONC_WG_INIT;
    conc_atomic_store(&n, 0);
    conc_atomic_store(&stop, 0);
    int64_t t = bench_now();
    for (int i = 0; i < k; i++) conc_wg_go(&wg, churner, at, &n);
    conc_sleep(run_ns());
    conc_atomic_store(&stop, 1);
    conc_wg_wait(&wg);
    return (double)conc_atomic_load(&n) / ((double)(bench_now() - t) / 1e9);
}

// ---- a server in a process of its own ----
typedef struct child { pid_t pid; int in, out; char at[64]; } child;
static child child_start(void) {
    child c;
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) bench_fail("pipe");
    c.pid = fork();
    if (c.pid == 0) {
        dup2(in[0], 0), dup2(out[1], 1);
        setenv("GOB_MODE", "server", 1), setenv("GOB_ADDR", "127.0.0.1:0", 1);
        execl("/proc/self/exe", "netecho", (char *)NULL);
        _exit(127);
    }
    close(in[0]), close(out[1]);
    c.in = in[1], c.out = out[0];
    ssize_t n = conc_read(c.out, c.at, sizeof c.at - 1);
    if (n <= 1) bench_fail("no server");
    c.at[n - 1] = 0;
    return c;
}
static void child_end(child *c) {
    conc_close(c->in), conc_close(c->out);
    conc_wait_pid(c->pid, NULL);
}
static int server_main(void) {
    char b[64];
    int listener = conc_listen_tcp(getenv("GOB_ADDR"));
    if (listener < 0) bench_fail("listen");
    printf("127.0.0.1:%d\n", conc_local_port(listener));
    fflush(stdout);
    go(serve, listener, false);
    while (conc_read(0, b, sizeof b) > 0) continue;
    return 0;
}
static double rss_of(pid_t pid) {
    char path[64];
    long size = 0, pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *f = fopen(path, "r");
    if (!f || fscanf(f, "%ld %ld", &size, &pages) != 2) bench_fail("%s", path);
    fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}
static void idle(int k, double *v) { /* the server's memory per connection, untouched and after an echo */
    child c = child_start();
    int *fd = bench_alloc(k, sizeof *fd);
    char b[MSG] = "";
    double r0 = rss_of(c.pid);
    for (int i = 0; i < k; i++) fd[i] = dial(c.at);
    conc_sleep(200 * CONC_MS);
    v[0] = (rss_of(c.pid) - r0) / k;
    for (int i = 0; i < k; i++) {
        if (conc_write(fd[i], b, MSG) != MSG) bench_fail("write");
        read_full(fd[i], b, CONC_FOREVER);
    }
    v[1] = (rss_of(c.pid) - r0) / k;
    for (int i = 0; i < k; i++) conc_close(fd[i]);
    child_end(&c);
    free(fd);
}

// ---- the limit: one thread, epoll, both ends of k connections ----
static double raw(const char *at, int listener, int k) {
    int set = epoll_create1(EPOLL_CLOEXEC);
    int64_t n = 0, t, end;
    char b[4096] = "";
    uint8_t *server = bench_alloc(65536, 1);
    for (int i = 0; i < k; i++) {
        int fd[2] = { dial(at), conc_accept(listener, NULL, NULL) };
        for (int s = 0; s < 2; s++) {
            struct epoll_event e = { .events = EPOLLIN | (uint32_t)EPOLLET, .data.fd = fd[s] };
            server[fd[s]] = (uint8_t)(1 + s);
            epoll_ctl(set, EPOLL_CTL_ADD, fd[s], &e);
        }
        if (write(fd[0], b, MSG) != MSG) bench_fail("write");
    }
    t = bench_now(), end = t + run_ns();
    while (bench_now() < end) {
        struct epoll_event e[64];
        int got = epoll_wait(set, e, 64, 0);
        for (int i = 0; i < got; i++) {
            if (read(e[i].data.fd, b, sizeof b) != MSG || write(e[i].data.fd, b, MSG) != MSG) bench_fail("raw");
            n += server[e[i].data.fd] == 1;
        }
    }
    double rate = (double)n / ((double)(bench_now() - t) / 1e9);
    for (int fd = 0; fd < 65536; fd++)
        if (server[fd]) conc_close(fd);
    close(set);
    free(server);
    return rate;
}

#define ECHO(name) { name "_rt", "1/s" }, { name "_p50", "us" }, { name "_p99", "us" }, { name "_p999", "us" }, { name "_cpu_per_rt", "us" }
static int listen_at(char at[64], bool deadline, bool start) {
    int listener = conc_listen_tcp("127.0.0.1:0");
    if (listener < 0) bench_fail("listen");
    snprintf(at, 64, "127.0.0.1:%d", conc_local_port(listener));
    if (start) go(serve, listener, deadline);
    return listener;
}
int bench_main(void) {
    char at[64], late[64], bare[64];
    if (getenv("GOB_MODE")) return server_main();
    bench_head("netecho");
    listen_at(at, false, true);
    listen_at(late, true, true);
    int listener = listen_at(bare, false, false);
    for (bench b = BENCH_OF(ECHO("netecho.inproc_1c")); bench_next(&b);) load(at, 1, false, b.v);
    for (bench b = BENCH_OF(ECHO("netecho.inproc_64c")); bench_next(&b);) load(at, 64, false, b.v);
    for (bench b = BENCH_OF(ECHO("netecho.inproc_1000c")); bench_next(&b);) load(at, 1000, false, b.v);
    for (bench b = BENCH_OF(ECHO("netecho.inproc_64c_deadlines")); bench_next(&b);) load(late, 64, true, b.v);
    BENCH("netecho.inproc_churn_16c", "conn/s", churn(at, 16));
    BENCH("netecho.raw_1c_rt", "1/s", raw(bare, listener, 1));
    BENCH("netecho.raw_64c_rt", "1/s", raw(bare, listener, 64));
    for (bench b = BENCH_OF({ "netecho.idle_conn_rss_5000c", "B/conn" }, { "netecho.idle_conn_rss_after_echo_5000c", "B/conn" }); bench_next(&b);)
        idle((int)bench_n(5000), b.v);
    return 0;
}
