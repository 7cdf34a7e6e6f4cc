/* I/O: every call on every kind of descriptor, deadlines, contexts, close, reuse of numbers, who polls, failures of the system. */
#include "harness.h"
#include "faults.h"
#include <dirent.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

// ---- helpers ----
static bool under_valgrind(void) {
    const char *preload = getenv("LD_PRELOAD");
    return preload && strstr(preload, "vgpreload");
}
#define NOT_UNDER_VALGRIND() do { if (under_valgrind()) LEAVE_OUT("Valgrind counts the parent's memory as the child's leak"); } while (0)
#define FAILS(call, err) (errno = 0, CHECK_EQ((call), -1), CHECK_EQ(errno, err))
static void pair(int fd[2]) { REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == 0); }
static void tcp_address(int listener, char text[64]) { (void)snprintf(text, 64, "127.0.0.1:%d", conc_local_port(listener)); }
static int tcp_listen(char text[64]) {
    int l = conc_listen_tcp("127.0.0.1:0");
    CHECK(l >= 0);
    tcp_address(l, text);
    return l;
}
static void tcp_pair(int fd[2]) {
    char at[64];
    int l = tcp_listen(at);
    fd[0] = conc_dial_tcp(NULL, at);
    fd[1] = conc_accept(l, NULL, NULL);
    CHECK(fd[0] >= 0 && fd[1] >= 0);
    CHECK_EQ(conc_close(l), 0);
}
/* The system would take megabytes by and by. */
static void small_buffers(int fd[2]) {
    const int size = 1 << 16;
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
        CHECK_EQ(setsockopt(fd[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
    }
}
static void close_pair(int fd[2]) {
    CHECK_EQ(conc_close(fd[0]), 0);
    CHECK_EQ(conc_close(fd[1]), 0);
}
static int open_files(void) {
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    if (!d) return -1;
    while (readdir(d)) n++;
    (void)closedir(d);
    return n;
}
static bool read_full(int fd, void *buf, size_t n) {
    for (size_t at = 0; at < n;) {
        ssize_t k = conc_read(fd, (char *)buf + at, n - at);
        if (k <= 0) return false;
        at += (size_t)k;
    }
    return true;
}
static void echo(int fd) {
    char b[4096];
    ssize_t n;
    while ((n = conc_read(fd, b, sizeof b)) > 0)
        if (conc_write(fd, b, (size_t)n) != n) break;
    (void)conc_close(fd);
}
static void serve(int l, conc_wg *wg) {
    int fd;
    while ((fd = conc_accept(l, NULL, NULL)) >= 0) conc_wg_go(wg, echo, fd);
    CHECK_EQ(errno, EBADF);
}
/* What a call gave, for a goroutine or thread that blocks in it. */
struct outcome { int fd, err; ssize_t n; conc_atomic(int) started, done; char b[64]; int64_t deadline; conc_ctx *ctx; };
#define OUTCOME(call) do { struct outcome *o = (struct outcome *)p; atomic_fetch_add(&o->started, 1); errno = 0; \
                           ssize_t got = (call); int err = errno; o->n = got, o->err = err; atomic_fetch_add(&o->done, 1); } while (0)
static void do_read(struct outcome *p) { OUTCOME(conc_read_until(o->fd, o->b, sizeof o->b, o->deadline ? o->deadline : CONC_FOREVER)); }
static void do_read_ctx(struct outcome *p) { OUTCOME(conc_read_ctx(o->ctx, o->fd, o->b, sizeof o->b)); }
static void do_write(struct outcome *p) {
    static char big[1 << 22];
    OUTCOME(conc_write(o->fd, big, sizeof big));
}
static void do_wait(struct outcome *p) { OUTCOME(conc_wait_fd(o->fd, CONC_READ | CONC_WRITE)); }
static void do_accept(struct outcome *p) { OUTCOME(conc_accept(o->fd, NULL, NULL)); }
static void *thread_read(void *p) { return do_read((struct outcome *)p), (void *)NULL; }
static void *thread_read_ctx(void *p) { return do_read_ctx((struct outcome *)p), (void *)NULL; }
static void *thread_write(void *p) { return do_write((struct outcome *)p), (void *)NULL; }

// ---- transfers ----
static void fill(char *b, size_t n, unsigned seed) {
    for (size_t i = 0; i < n; i++) b[i] = (char)((i * 31 + seed) >> 3);
}
static void send_all(int fd, size_t n) {
    char *b = (char *)malloc(n);
    fill(b, n, 7);
    CHECK_EQ(conc_write(fd, b, n), (ssize_t)n);
    free(b);
}
static void transfer(int from, int to, size_t n) {
    conc_wg wg = CONC_WG_INIT;
    char *got = (char *)malloc(n), *want = (char *)malloc(n);
    fill(want, n, 7);
    conc_wg_go(&wg, send_all, from, n);
    CHECK(read_full(to, got, n));
    CHECK(memcmp(got, want, n) == 0);
    conc_wg_wait(&wg);
    free(got), free(want);
}
/* More than any buffer holds, so that writes are cut short, over each kind of stream; O_NONBLOCK stays as it was. */
TEST(streams) {
    size_t n = (size_t)scale(3000000) + 17;
    int fd[2];
    for (int mode = 0; mode <= O_NONBLOCK; mode += O_NONBLOCK) {
        REQUIRE(pipe2(fd, mode | O_CLOEXEC) == 0);
        transfer(fd[1], fd[0], n);
        CHECK_EQ(fcntl(fd[0], F_GETFL) & O_NONBLOCK, mode);
        CHECK_EQ(fcntl(fd[1], F_GETFL) & O_NONBLOCK, mode);
        close_pair(fd);
    }
    pair(fd);
    transfer(fd[0], fd[1], n);
    transfer(fd[1], fd[0], n);
    CHECK_EQ(fcntl(fd[0], F_GETFL) & O_NONBLOCK, 0);
    close_pair(fd);
    tcp_pair(fd);
    transfer(fd[0], fd[1], n);
    transfer(fd[1], fd[0], n);
    close_pair(fd);
}
static void vectors(int from, int to) {
    char a[] = "one ", b[] = "", c[] = "three", got[3][5];
    struct iovec out[3] = { { a, 4 }, { b, 0 }, { c, 5 } }, in[3] = { { got[0], 2 }, { got[1], 2 }, { got[2], 5 } };
    CHECK_EQ(conc_writev(from, out, 3), 9);
    CHECK_EQ(conc_readv(to, in, 3), 9);
    CHECK(memcmp(got[0], "on", 2) == 0 && memcmp(got[1], "e ", 2) == 0 && memcmp(got[2], "three", 5) == 0);
}
static void send_pieces(int fd, int n) {
    static char b[1000];
    struct iovec v[64];
    for (int i = 0; i < 64; i++) v[i].iov_base = b, v[i].iov_len = (size_t)(i * 15);
    for (int i = 0; i < n; i++) CHECK_EQ(conc_writev(fd, v, 64), 15 * 63 * 32);
    CHECK_EQ(conc_close(fd), 0);
}
static void count_all(int fd, int64_t *all) {
    char b[999];
    for (ssize_t n; (n = conc_read(fd, b, sizeof b)) > 0;) *all += n;
}
TEST(vectors) {
    int fd[2];
    int64_t all = 0;
    conc_wg wg = CONC_WG_INIT;
    for (int kind = 0; kind < 3; kind++) {
        if (kind == 0) pair(fd);
        else REQUIRE(pipe2(fd, kind == 1 ? 0 : O_NONBLOCK) == 0);
        vectors(fd[kind > 0], fd[kind == 0]);
        all = 0;
        conc_wg_go(&wg, send_pieces, fd[1], 100);
        conc_run(count_all, fd[0], &all);
        conc_wg_wait(&wg);
        CHECK_EQ(all, 100 * 15 * 63 * 32);
        CHECK_EQ(conc_close(fd[0]), 0);
    }
    FAILS(conc_readv(0, NULL, -1), EINVAL);
}
static void tcp_client(const char *at, int n) {
    char b[100], c[100];
    int fd = conc_dial_tcp(NULL, at);
    CHECK(fd >= 0);
    for (int i = 0; i < n && fd >= 0; i++) {
        fill(b, sizeof b, (unsigned)i);
        CHECK_EQ(conc_write(fd, b, sizeof b), (ssize_t)sizeof b);
        CHECK(read_full(fd, c, sizeof c) && memcmp(b, c, sizeof b) == 0);
    }
    if (fd >= 0) CHECK_EQ(conc_close(fd), 0);
}
static void *tcp_client_thread(void *at) { return tcp_client((const char *)at, (int)scale(100)), (void *)NULL; }
TEST(tcp_echo) {
    char at[64];
    int files = open_files(), l = tcp_listen(at);
    conc_wg wg = CONC_WG_INIT, clients = CONC_WG_INIT;
    conc_wg_go(&wg, serve, l, &wg);
    for (long i = 0; i < live(64); i++) conc_wg_go(&clients, tcp_client, at, (int)scale(100));
    pthread_t t[3];
    for (int i = 0; i < 3; i++) t[i] = thread_start(tcp_client_thread, at);
    for (int i = 0; i < 3; i++) thread_join(t[i]);
    conc_wg_wait(&clients);
    CHECK_EQ(conc_close(l), 0);
    conc_wg_wait(&wg);
    CHECK(open_files() <= files + 4); /* the poller's own: two, with CONC_PORTABLE two pipes */
}
TEST(unix_sockets) {
    char path[2][64];
    struct stat st;
    (void)snprintf(path[0], sizeof path[0], "/tmp/conc-test-%d.sock", (int)getpid());
    (void)snprintf(path[1], sizeof path[1], "@conc-test-%d", (int)getpid());
    for (int i = 0; i < 2; i++) {
        int l = conc_listen_unix(path[i]), a = conc_dial_unix(NULL, path[i]), b = conc_accept(l, NULL, NULL), fd[2] = { a, b };
        CHECK(l >= 0 && a >= 0 && b >= 0);
        CHECK_EQ(stat(path[i], &st) == 0, i == 0);
        transfer(a, b, (size_t)scale(300000));
        FAILS(conc_listen_unix(path[i]), EADDRINUSE);
        close_pair(fd);
        CHECK_EQ(conc_close(l), 0);
        if (i == 0) CHECK_EQ(unlink(path[0]), 0);
        FAILS(conc_dial_unix(NULL, path[i]), i == 0 ? ENOENT : ECONNREFUSED);
    }
    FAILS(conc_listen_unix(""), EINVAL);
    FAILS(conc_dial_unix(NULL, NULL), EINVAL);
    char longer[300];
    memset(longer, 'x', sizeof longer - 1), longer[sizeof longer - 1] = 0;
    FAILS(conc_listen_unix(longer), ENAMETOOLONG);
}
static int udp_socket(struct sockaddr_in *a) {
    socklen_t len = sizeof *a;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memset(a, 0, sizeof *a);
    a->sin_family = AF_INET;
    a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)(void *)a, len) == 0 && getsockname(fd, (struct sockaddr *)(void *)a, &len) == 0);
    return fd;
}
static void udp_echo(int fd, int n) {
    char b[100];
    for (int i = 0; i < n; i++) {
        struct sockaddr_in from;
        socklen_t len = sizeof from;
        ssize_t k = conc_recvfrom(fd, b, sizeof b, 0, (struct sockaddr *)(void *)&from, &len);
        CHECK(k >= 0 && len == sizeof from);
        CHECK_EQ(conc_sendto(fd, b, (size_t)k, 0, (struct sockaddr *)(void *)&from, len), k);
    }
}
/* Datagrams keep their bounds, come with their sender, may be empty or cut; several at once are all delivered. */
TEST(udp) {
    struct sockaddr_in to, me, from;
    int fd[2] = { udp_socket(&me), udp_socket(&to) }, n = (int)scale(300);
    socklen_t len = sizeof from;
    char b[100] = "abcdef", got[100];
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, udp_echo, fd[1], n + 3);
    for (int i = 0; i < n; i++) {
        CHECK_EQ(conc_sendto(fd[0], b, (size_t)(i % 7), 0, (struct sockaddr *)(void *)&to, sizeof to), i % 7);
        CHECK_EQ(conc_recvfrom(fd[0], got, sizeof got, 0, (struct sockaddr *)(void *)&from, &len), i % 7);
        CHECK(from.sin_port == to.sin_port && len == sizeof from);
    }
    for (int i = 0; i < 3; i++) CHECK_EQ(conc_sendto(fd[0], b, 6, 0, (struct sockaddr *)(void *)&to, sizeof to), 6);
    conc_wg_wait(&wg); /* three wait here now: one edge */
    struct iovec v = { got, 2 };
    struct msghdr m;
    memset(&m, 0, sizeof m);
    m.msg_iov = &v, m.msg_iovlen = 1;
    CHECK_EQ(conc_recvmsg(fd[0], &m, 0), 2);
    CHECK(m.msg_flags & MSG_TRUNC);
    CHECK_EQ(conc_recvfrom(fd[0], got, 3, 0, NULL, NULL), 3);
    CHECK_EQ(conc_read(fd[0], got, 4), 4);
    FAILS(conc_recvfrom(fd[0], got, 3, MSG_DONTWAIT, NULL, NULL), EAGAIN);
    FAILS(conc_recvfrom_until(fd[0], got, 3, 0, NULL, NULL, conc_now() + 5 * CONC_MS), ETIMEDOUT);
    close_pair(fd);
}
static void post(int fd, uint64_t n) {
    conc_sleep(2 * CONC_MS);
    CHECK_EQ(conc_write(fd, &n, sizeof n), 8);
}
TEST(eventfd_timerfd) {
    int e = eventfd(0, EFD_CLOEXEC), t = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    uint64_t n = 0;
    struct itimerspec when;
    conc_wg wg = CONC_WG_INIT;
    memset(&when, 0, sizeof when);
    when.it_value.tv_nsec = 3000000;
    for (int i = 1; i < 10; i++) {
        conc_wg_go(&wg, post, e, (uint64_t)i);
        CHECK_EQ(conc_read(e, &n, sizeof n), 8);
        CHECK_EQ(n, i);
        CHECK_EQ(timerfd_settime(t, 0, &when, NULL), 0);
        CHECK_EQ(conc_read(t, &n, sizeof n), 8);
        CHECK_EQ(n, 1);
    }
    conc_wg_wait(&wg);
    CHECK_EQ(conc_close(e), 0);
    CHECK_EQ(conc_close(t), 0);
}
TEST(terminal) {
    int m = posix_openpt(O_RDWR | O_NOCTTY);
    if (m < 0 || grantpt(m) != 0 || unlockpt(m) != 0) LEAVE_OUT("no pseudo-terminals here");
    int s = conc_open(ptsname(m), O_RDWR | O_NOCTTY, 0);
    REQUIRE(s >= 0);
    static struct outcome o;
    o.fd = s;
    go(do_read, &o);
    CHECK(wait_for(&o.started, 1));
    CHECK_EQ(conc_write(m, "hello\n", 6), 6);
    CHECK(wait_for(&o.done, 1));
    CHECK(o.n == 6 && memcmp(o.b, "hello\n", 6) == 0);
    FAILS(conc_read_until(s, o.b, 1, conc_now() + 5 * CONC_MS), ETIMEDOUT);
    CHECK_EQ(fcntl(s, F_GETFL) & O_NONBLOCK, 0);
    CHECK_EQ(conc_close(s), 0);
    CHECK_EQ(conc_close(m), 0);
}
static void file_worker(const char *path, int i) {
    char b[3000], got[3000];
    int fd = conc_open(path, O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
    fill(b, sizeof b, (unsigned)i);
    CHECK_EQ(conc_pwrite(fd, b, sizeof b, i * 3000), 3000);
    CHECK_EQ(conc_pread(fd, got, sizeof got, i * 3000), 3000);
    CHECK(memcmp(b, got, sizeof b) == 0);
    CHECK_EQ(conc_read(fd, got, 1), 1);
    CHECK_EQ(conc_close(fd), 0);
}
TEST(files) {
    char path[64], b[10];
    (void)snprintf(path, sizeof path, "/tmp/conc-test-%d.file", (int)getpid());
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 50; i++) conc_wg_go(&wg, file_worker, path, i);
    conc_wg_wait(&wg);
    int fd = conc_open(path, O_RDWR, 0);
    CHECK_EQ(conc_pread(fd, b, 10, 3000 * 50), 0);
    CHECK_EQ(conc_pread(fd, b, 10, 3000 * 50 - 4), 4);
    CHECK_EQ(conc_write(fd, "abc", 3), 3);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(conc_read(fd, b, 3), 3);
    CHECK(memcmp(b, "abc", 3) == 0);
    CHECK_EQ(lseek(fd, 0, SEEK_END), 3000 * 50);
    CHECK_EQ(conc_read(fd, b, 3), 0);
    FAILS(conc_wait_fd(fd, CONC_READ), EPERM);
    FAILS(conc_recvfrom(fd, b, 1, 0, NULL, NULL), ENOTSOCK);
    FAILS(conc_sendto(fd, b, 1, 0, NULL, 0), ENOTSOCK);
    CHECK_EQ(conc_close(fd), 0);
    FAILS(conc_open("/nonexistent/file", O_RDONLY, 0), ENOENT);
    CHECK_EQ(unlink(path), 0);
}

// ---- ends and errors ----
TEST(ends) {
    int fd[2];
    char b[10];
    struct linger hard = { 1, 0 };
    tcp_pair(fd);
    CHECK_EQ(conc_write(fd[0], "xy", 2), 2);
    CHECK_EQ(conc_close(fd[0]), 0);
    CHECK_EQ(conc_read(fd[1], b, 10), 2); /* short: but the end is behind it, and must be told */
    CHECK_EQ(conc_read(fd[1], b, 10), 0);
    CHECK_EQ(conc_read(fd[1], b, 10), 0);
    CHECK_EQ(conc_close(fd[1]), 0);
    tcp_pair(fd); /* the same after a wait */
    static struct outcome o;
    o.fd = fd[1];
    go(do_read, &o);
    CHECK(wait_for(&o.started, 1));
    CHECK_EQ(conc_write(fd[0], "xy", 2), 2);
    CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
    CHECK(wait_for(&o.done, 1));
    CHECK_EQ(o.n, 2);
    CHECK_EQ(conc_read(fd[1], b, 10), 0);
    close_pair(fd);
    tcp_pair(fd); /* a reset */
    CHECK_EQ(setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
    static struct outcome r;
    r.fd = fd[1];
    go(do_read, &r);
    CHECK(wait_for(&r.started, 1));
    CHECK_EQ(conc_close(fd[0]), 0);
    CHECK(wait_for(&r.done, 1));
    CHECK_EQ(r.n, -1);
    CHECK_EQ(r.err, ECONNRESET);
    FAILS(conc_write(fd[1], b, 1), EPIPE);
    CHECK_EQ(conc_close(fd[1]), 0);
    pair(fd); /* no SIGPIPE */
    CHECK_EQ(conc_close(fd[0]), 0);
    FAILS(conc_write(fd[1], b, 1), EPIPE);
    CHECK_EQ(conc_read(fd[1], b, 1), 0);
    CHECK_EQ(conc_wait_fd(fd[1], CONC_READ | CONC_WRITE), CONC_READ | CONC_WRITE);
    CHECK_EQ(conc_close(fd[1]), 0);
}
TEST(bad_arguments) {
    char b[1] = "";
    int fd = dup(2);
    FAILS(conc_read(-1, b, 1), EBADF);
    FAILS(conc_write(-1, b, 1), EBADF);
    FAILS(conc_close(-1), EBADF);
    FAILS(conc_wait_fd(-1, CONC_READ), EBADF);
    CHECK_EQ(conc_close(fd), 0);
    FAILS(conc_close(fd), EBADF);
    FAILS(conc_read(fd, b, 1), EBADF);
    FAILS(conc_write(fd, b, 1), EBADF);
    FAILS(conc_accept(fd, NULL, NULL), EBADF);
    FAILS(conc_wait_fd(fd, CONC_WRITE), EBADF);
    FAILS(conc_wait_fd(fd, 0), EINVAL);
    FAILS(conc_wait_fd(fd, 4), EINVAL);
    static const char *const wrong[] = { "", "localhost", "1.2.3.4", ":", "1.2.3.4:", "::1:80", "[::1:80", "a[b]:1", "1.2.3.4:99999", "1.2.3.4:-1" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        errno = 0;
        CHECK_SAY(conc_dial_tcp(NULL, wrong[i]) == -1 && errno != 0, "dialled \"%s\"", wrong[i]);
    }
    FAILS(conc_listen_tcp(NULL), EINVAL);
    FAILS(conc_listen_tcp("1.2.3.4"), EINVAL);
    FAILS(conc_listen_tcp("127.0.0.1:99999"), EINVAL);
    FAILS(conc_listen_tcp("192.0.2.1:0"), EADDRNOTAVAIL);
    FAILS(conc_local_port(fd), EBADF);
}
TEST(dial) {
    char at[64], v6[64];
    int l = conc_listen_tcp(":0"), port = conc_local_port(l);
    CHECK(l >= 0 && port > 0);
    (void)snprintf(at, sizeof at, ":%d", port);
    (void)snprintf(v6, sizeof v6, "[::1]:%d", port);
    for (int i = 0; i < 3; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "localhost:%d", port);
        int fd[2] = { conc_dial_tcp(NULL, i == 0 ? at : i == 1 ? name : v6), -1 };
        if (fd[0] < 0 && i == 2) continue; /* no IPv6 here */
        if (fd[0] < 0 && i == 1 && errno == EADDRNOTAVAIL) continue; /* no /etc/hosts */
        fd[1] = conc_accept_until(l, NULL, NULL, conc_now() + limit(5 * CONC_SEC));
        CHECK(fd[0] >= 0 && fd[1] >= 0);
        vectors(fd[0], fd[1]);
        close_pair(fd);
    }
    CHECK_EQ(conc_close(l), 0);
    FAILS(conc_dial_tcp(NULL, at + 0), ECONNREFUSED);
    struct addrinfo *list = NULL;
    CHECK_EQ(conc_getaddrinfo("127.0.0.1", "80", NULL, &list), 0);
    CHECK(list != NULL);
    freeaddrinfo(list);
    CHECK_EQ(conc_getaddrinfo_until("127.0.0.1", "80", NULL, &list, conc_now() - 1), EAI_SYSTEM);
    CHECK_EQ(errno, ETIMEDOUT);
}

// ---- deadlines ----
/* TestReadTimeout, TestWriteTimeout, TestAcceptTimeout, TestReadFromTimeout, TestWriteToTimeout, TestDialTimeout: a deadline that has
   passed fails even if the call could go at once, and the descriptor is as good as before. */
static void past(int64_t t) {
    int fd[2];
    char at[64], b[10] = "";
    struct iovec v = { b, 1 };
    struct msghdr m;
    struct sockaddr_in addr;
    memset(&m, 0, sizeof m);
    memset(&addr, 0, sizeof addr);
    m.msg_iov = &v, m.msg_iovlen = 1;
    pair(fd);
    CHECK_EQ(conc_write(fd[0], "12345", 5), 5);
    FAILS(conc_read_until(fd[1], b, 1, t), ETIMEDOUT);
    FAILS(conc_readv_until(fd[1], &v, 1, t), ETIMEDOUT);
    FAILS(conc_recvfrom_until(fd[1], b, 1, 0, NULL, NULL, t), ETIMEDOUT);
    FAILS(conc_recvmsg_until(fd[1], &m, 0, t), ETIMEDOUT);
    FAILS(conc_wait_fd_until(fd[1], CONC_READ, t), ETIMEDOUT);
    FAILS(conc_write_until(fd[1], b, 1, t), ETIMEDOUT);
    FAILS(conc_writev_until(fd[1], &v, 1, t), ETIMEDOUT);
    FAILS(conc_sendto_until(fd[1], b, 1, 0, NULL, 0, t), ETIMEDOUT);
    FAILS(conc_sendmsg_until(fd[1], &m, 0, t), ETIMEDOUT);
    CHECK_EQ(conc_read_until(fd[1], b, 10, conc_now() + limit(CONC_SEC)), 5);
    CHECK_EQ(conc_write(fd[1], b, 1), 1);
    close_pair(fd);
    int l = tcp_listen(at), c = conc_dial_tcp(NULL, at);
    FAILS(conc_accept_until(l, NULL, NULL, t), ETIMEDOUT);
    FAILS(conc_dial_tcp_until(at, t), ETIMEDOUT);
    FAILS(conc_dial_unix_until("@nobody", t), ETIMEDOUT);
    FAILS(conc_connect_until(c, (struct sockaddr *)(void *)&addr, sizeof addr, t), ETIMEDOUT);
    FAILS(conc_wait_pid_until(getpid(), NULL, t), ETIMEDOUT);
    int s = conc_accept(l, NULL, NULL);
    CHECK(s >= 0);
    (void)conc_close(s), (void)conc_close(c), (void)conc_close(l);
}
static void all_past(void) {
    past(conc_now());
    past(conc_now() - CONC_HOUR);
    past(0);
    past(INT64_MIN);
}
TEST(past_deadlines) { all_past(); }
TEST(past_deadlines_goroutine) { conc_run(all_past); }

/* TestVariousDeadlines: each is a timeout, none is early. */
static void various(int fd) {
    static const int64_t ns[] = { 1, 2, 5, 50, 100, 1000, 5000, 10000, 50000, 100000, 500000, CONC_MS, 5 * CONC_MS, 10 * CONC_MS,
                                  25 * CONC_MS, 50 * CONC_MS, 100 * CONC_MS };
    char b;
    for (size_t i = 0; i < sizeof ns / sizeof *ns; i++)
        for (int k = 0; k < 3; k++) {
            int64_t t = conc_now() + ns[i];
            FAILS(conc_read_until(fd, &b, 1, t), ETIMEDOUT);
            CHECK(conc_now() >= t);
        }
}
TEST(various_deadlines, .seconds = 60) {
    int fd[2], p[2];
    conc_wg wg = CONC_WG_INIT;
    tcp_pair(fd);
    REQUIRE(pipe(p) == 0);
    conc_wg_go(&wg, various, fd[0]);
    conc_wg_go(&wg, various, p[0]);
    various(fd[1]);
    conc_wg_wait(&wg);
    close_pair(fd);
    close_pair(p);
}
/* TestReadTimeoutFluctuation: late by less than a tenth, for some wait from 1 ms up to 1 s. */
static void precise(int fd, bool *good) {
    char b;
    for (int64_t d = CONC_MS; d < CONC_SEC && !*good; d *= 2)
        for (int k = 0; k < 10 && !*good; k++) {
            int64_t t = conc_now();
            FAILS(conc_read_until(fd, &b, 1, t + d), ETIMEDOUT);
            int64_t late = conc_now() - t - d;
            CHECK(late >= 0);
            *good = late < d / 10;
        }
}
TEST(deadline_precision) {
    int fd[2];
    bool good = false;
    tcp_pair(fd);
    conc_run(precise, fd[0], &good);
    CHECK(good);
    close_pair(fd);
}
/* TestReadWriteDeadlineRace, and data that comes at the deadline: a timeout or the data, never neither, never both. */
static void racing_reader(int fd, int n, int64_t *got) {
    char b;
    for (int i = 0; i < n; i++) {
        ssize_t k = conc_read_until(fd, &b, 1, conc_now() + 2 * CONC_US * (1 + i % 20));
        if (k == 1) ++*got;
        else CHECK(k == -1 && errno == ETIMEDOUT);
    }
}
static void racing_writer(int fd, int n, int64_t *put) {
    char b = 'x';
    for (int i = 0; i < n; i++) {
        ssize_t k = conc_write_until(fd, &b, 1, conc_now() + 2 * CONC_US * (1 + i % 20));
        if (k == 1) ++*put;
        else CHECK(k == -1 && errno == ETIMEDOUT);
        if (i % 8 == 0) conc_sleep(10 * CONC_US);
    }
}
static void drain(int fd, int64_t *got) {
    char b[1000];
    for (ssize_t k; (k = conc_read(fd, b, sizeof b)) > 0;) *got += k;
}
TEST(deadline_races) {
    for (int kind = 0; kind < 2; kind++) {
        int fd[2], n = (int)scale(3000);
        int64_t got[3] = { 0, 0, 0 }, put[2] = { 0, 0 };
        conc_wg wg = CONC_WG_INIT;
        if (kind) pair(fd);
        else tcp_pair(fd);
        conc_wg_go(&wg, racing_reader, fd[0], n, &got[0]);
        conc_wg_go(&wg, racing_reader, fd[0], n, &got[1]);
        conc_wg_go(&wg, racing_writer, fd[1], n, &put[0]);
        conc_wg_go(&wg, racing_writer, fd[1], n, &put[1]);
        conc_wg_wait(&wg);
        CHECK_EQ(conc_close(fd[1]), 0);
        conc_run(drain, fd[0], &got[2]);
        CHECK_EQ(got[0] + got[1] + got[2], put[0] + put[1]);
        CHECK_EQ(conc_close(fd[0]), 0);
    }
}
/* TestConcurrentSetDeadline: many waits with deadlines on few descriptors at once. */
static void many_deadlines(int fd, unsigned seed, int n) {
    struct rng r = rng_new(seed);
    char b;
    for (int i = 0; i < n; i++) FAILS(conc_read_until(fd, &b, 1, conc_now() + (int64_t)rng_below(&r, 2000) * CONC_US), ETIMEDOUT);
}
TEST(concurrent_deadlines) {
    int fd[10][2];
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 10; i++) tcp_pair(fd[i]);
    for (unsigned g = 0; g < 8; g++)
        for (int i = 0; i < 10; i++) conc_wg_go(&wg, many_deadlines, fd[i][g & 1], g * 10 + (unsigned)i, (int)scale(100));
    conc_wg_wait(&wg);
    for (int i = 0; i < 10; i++) close_pair(fd[i]);
}
/* A write that runs into its deadline says how much is gone. */
TEST(part_written) {
    int fd[2];
    static char big[1 << 22];
    int64_t got = 0;
    tcp_pair(fd);
    small_buffers(fd);
    ssize_t n = conc_write_until(fd[0], big, sizeof big, conc_now() + 20 * CONC_MS), more;
    CHECK(n > 0 && n < (ssize_t)sizeof big && errno == ETIMEDOUT);
    /* a busy kernel may move some on to the peer's buffer yet: until that is full, too */
    while ((more = conc_write_until(fd[0], big, 1, conc_now() + 5 * CONC_MS)) == 1 && n < (ssize_t)sizeof big) n++;
    CHECK(more == -1 && errno == ETIMEDOUT);
    CHECK_EQ(conc_close(fd[0]), 0);
    conc_run(drain, fd[1], &got);
    CHECK_EQ(got, n);
    CHECK_EQ(conc_close(fd[1]), 0);
}
/* A connection to a, or -1: nobody takes it up. The kernel answers on the loopback at once, unless the listener's queue is full. */
static int connect_now(const struct sockaddr_in *a) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct pollfd p = { fd, POLLOUT, 0 };
    if (connect(fd, (const struct sockaddr *)(const void *)a, sizeof *a) == 0 || poll(&p, 1, 200) == 1) return fd;
    CHECK_EQ(close(fd), 0);
    return -1;
}
/* A peer that does not answer: its queue is full. */
TEST(dial_timeout) {
    char at[64];
    struct sockaddr_in a;
    int files = open_files(), l = socket(AF_INET, SOCK_STREAM, 0), fd[8], n = 0;
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(bind(l, (struct sockaddr *)(void *)&a, sizeof a) == 0 && listen(l, 0) == 0);
    tcp_address(l, at);
    socklen_t size = sizeof a;
    CHECK_EQ(getsockname(l, (struct sockaddr *)(void *)&a, &size), 0);
    while (n < 8 && (fd[n] = connect_now(&a)) >= 0) n++;
    CHECK(n < 8);
    int64_t t = conc_now();
    FAILS(conc_dial_tcp_until(at, t + 30 * CONC_MS), ETIMEDOUT);
    CHECK(conc_now() - t >= 30 * CONC_MS);
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), 20 * CONC_MS);
    FAILS(conc_dial_tcp(ctx, at), ETIMEDOUT);
    FAILS(conc_dial_tcp(ctx, at), ETIMEDOUT);
    conc_ctx_free(ctx);
    while (n > 0) CHECK_EQ(close(fd[--n]), 0);
    CHECK_EQ(conc_close(l), 0);
    CHECK(open_files() <= files + 4);
}

// ---- contexts ----
TEST(contexts) {
    int fd[2];
    static struct outcome o[4];
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    tcp_pair(fd);
    for (int i = 0; i < 4; i++) o[i].fd = fd[0], o[i].ctx = ctx;
    for (int i = 0; i < 3; i++) go(do_read_ctx, &o[i]);
    pthread_t t = thread_start(thread_read_ctx, &o[3]);
    for (int i = 0; i < 4; i++) CHECK(wait_for(&o[i].started, 1));
    conc_sleep(5 * CONC_MS);
    conc_ctx_cancel(ctx);
    for (int i = 0; i < 4; i++) {
        CHECK(wait_for(&o[i].done, 1));
        CHECK(o[i].n == -1 && o[i].err == ECANCELED);
    }
    thread_join(t);
    CHECK_EQ(conc_write(fd[1], "abc", 3), 3);
    char b[10];
    FAILS(conc_read_ctx(ctx, fd[0], b, 1), ECANCELED);
    FAILS(conc_write_ctx(ctx, fd[0], b, 1), ECANCELED);
    FAILS(conc_accept_ctx(ctx, fd[0], NULL, NULL), ECANCELED);
    FAILS(conc_wait_fd_ctx(ctx, fd[0], CONC_READ), ECANCELED);
    FAILS(conc_recvfrom_ctx(ctx, fd[0], b, 1, 0, NULL, NULL), ECANCELED);
    FAILS(conc_sendto_ctx(ctx, fd[0], b, 1, 0, NULL, 0), ECANCELED);
    FAILS(conc_dial_tcp(ctx, "127.0.0.1:1"), ECANCELED);
    FAILS(conc_wait_pid_ctx(ctx, getpid(), NULL), ECANCELED);
    conc_ctx_free(ctx);
    CHECK_EQ(conc_read_ctx(NULL, fd[0], b, 10), 3);
    ctx = conc_ctx_with_timeout(conc_ctx_background(), 5 * CONC_MS);
    FAILS(conc_read_ctx(ctx, fd[0], b, 1), ETIMEDOUT);
    conc_ctx_free(ctx);
    close_pair(fd);
}
/* Whoever sees that a call has begun, by what came of it, may cancel its context and free it, though the call is about to wait again. */
struct long_write { int fd; conc_ctx *ctx; conc_wg *wg; };
static void write_long(struct long_write *w) {
    static const char block[1 << 18];
    ssize_t r = conc_write_ctx(w->ctx, w->fd, block, sizeof block);
    CHECK_SAY(r > 0 && r < (ssize_t)sizeof block, "%zd", r);
    conc_wg_done(w->wg);
}
static void *write_long_thread(void *w) { return write_long((struct long_write *)w), (void *)NULL; }
TEST(context_freed_under_a_call) {
    struct rng r = rng_new(0);
    int fd[2];
    char b[4096];
    pair(fd);
    small_buffers(fd);
    for (int i = 0, n = (int)scale(400); i < n; i++) {
        conc_wg wg = CONC_WG_INIT;
        struct long_write w = { fd[0], conc_ctx_with_cancel(conc_ctx_background()), &wg };
        pthread_t t;
        conc_wg_add(&wg, 1);
        if (i & 1) t = thread_start(write_long_thread, &w);
        else go(write_long, &w);
        CHECK(conc_read(fd[1], b, sizeof b) > 0);
        turns(rng_below(&r, 10000));
        conc_ctx_free(w.ctx);
        conc_wg_wait(&wg);
        if (i & 1) thread_join(t);
        while (recv(fd[1], b, sizeof b, MSG_DONTWAIT) > 0) {}
    }
    close_pair(fd);
}

// ---- close ----
/* Everybody who waits fails with EBADF, goroutine or thread, whatever it waits for; by the time close returns the number is free. */
static void close_wakes(void (*call)(struct outcome *), void *(*thread)(void *), int kind) {
    enum { N = 5 };
    struct outcome *o = (struct outcome *)calloc(N + 2, sizeof *o);
    int fd[2];
    pthread_t t[2];
    char at[64];
    if (kind == 0) pair(fd);
    else if (kind == 1) tcp_pair(fd);
    else if (kind == 2) CHECK(pipe(fd) == 0);
    else fd[0] = tcp_listen(at), fd[1] = -1;
    if (kind < 2) small_buffers(fd);
    for (int i = 0; i < N + 2; i++) o[i].fd = fd[0];
    for (int i = 0; i < N; i++) go(call, &o[i]);
    for (int i = 0; i < 2 && thread; i++) t[i] = thread_start(thread, &o[N + i]);
    for (int i = 0; i < N + (thread ? 2 : 0); i++) CHECK(wait_for(&o[i].started, 1));
    conc_sleep(3 * CONC_MS);
    CHECK_EQ(conc_close(fd[0]), 0);
    CHECK(fcntl(fd[0], F_GETFD) == -1 && errno == EBADF);
    for (int i = 0; i < N + (thread ? 2 : 0); i++) {
        CHECK(wait_for(&o[i].done, 1));
        CHECK_SAY(o[i].err == EBADF, "%d: kind %d, %zd, %s", i, kind, o[i].n, strerror(o[i].err));
    }
    for (int i = 0; i < 2 && thread; i++) thread_join(t[i]);
    FAILS(conc_close(fd[0]), EBADF);
    if (fd[1] >= 0) CHECK_EQ(conc_close(fd[1]), 0);
    free(o);
}
TEST(close_wakes_readers) {
    for (int kind = 0; kind < 3; kind++) close_wakes(do_read, thread_read, kind);
}
TEST(close_wakes_writers) {
    for (int kind = 0; kind < 2; kind++) close_wakes(do_write, thread_write, kind);
}
TEST(close_wakes_acceptors) {
    close_wakes(do_accept, NULL, 3);
    int fd[2];
    static struct outcome o;
    static char big[1 << 22];
    tcp_pair(fd);
    small_buffers(fd);
    CHECK(conc_write_until(fd[0], big, sizeof big, conc_now() + 10 * CONC_MS) > 0); /* full: not ready in either way */
    o.fd = fd[0];
    go(do_wait, &o);
    CHECK(wait_for(&o.started, 1));
    conc_sleep(2 * CONC_MS);
    close_pair(fd);
    CHECK(wait_for(&o.done, 1));
    CHECK(o.n == -1 && o.err == EBADF);
}
/* A reader that goes on until it fails never reads from the next life of its number. */
static void reader_until_closed(int fd, conc_atomic(int) *wrong, conc_atomic(int) *up) {
    char b[10];
    ssize_t n;
    atomic_fetch_add(up, 1);
    while ((n = conc_read(fd, b, sizeof b)) > 0)
        for (ssize_t i = 0; i < n; i++)
            if (b[i] != 'a') atomic_fetch_add(wrong, 1);
    if (n != -1 || errno != EBADF) atomic_fetch_add(wrong, 1);
}
TEST(close_and_reuse) {
    static conc_atomic(int) wrong, up;
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < (int)scale(500); i++) {
        int fd[2];
        atomic_store(&up, 0);
        if (i & 1) tcp_pair(fd);
        else pair(fd);
        for (int k = 0; k < 3; k++) conc_wg_go(&wg, reader_until_closed, fd[0], &wrong, &up);
        CHECK(wait_for(&up, 3));
        CHECK_EQ(conc_write(fd[1], "aaaa", 4), 4);
        if (i % 3) conc_yield();
        CHECK_EQ(conc_close(fd[0]), 0);
        conc_wg_wait(&wg);
        CHECK_EQ(conc_close(fd[1]), 0);
    }
    CHECK_EQ(atomic_load(&wrong), 0);
}
/* Numbers closed by close(2) and used again, for something else: nothing hangs. */
TEST(plain_close_and_reuse) {
    char b[10], at[64];
    for (int i = 0; i < 20; i++) {
        int fd[2];
        static struct outcome o;
        memset(&o, 0, sizeof o);
        if (i % 3 == 0) pair(fd);
        else REQUIRE(pipe2(fd, i % 3 == 1 ? O_NONBLOCK : 0) == 0);
        o.fd = fd[0];
        go(do_read, &o);
        CHECK(wait_for(&o.started, 1));
        conc_sleep(CONC_MS);
        CHECK_EQ(conc_write(fd[1], "abc", 3), 3);
        CHECK(wait_for(&o.done, 1));
        CHECK_EQ(o.n, 3);
        (void)close(fd[0]), (void)close(fd[1]);
    }
    int l = tcp_listen(at);
    for (int i = 0; i < 20; i++) {
        int c = conc_dial_tcp(NULL, at), s = conc_accept(l, NULL, NULL), fd[2] = { c, s };
        FAILS(conc_read_until(s, b, 1, conc_now() + CONC_MS), ETIMEDOUT);
        FAILS(conc_read_until(c, b, 1, conc_now() + CONC_MS), ETIMEDOUT);
        transfer(c, s, 100000);
        if (i & 1) (void)close(c), (void)close(s);
        else close_pair(fd);
    }
    CHECK_EQ(conc_close(l), 0);
}
/* A duplicate lives on after its original's conc_close, and the original's number in another life does not mind. */
TEST(duplicates) {
    int fd[2], twin;
    char b[4];
    pair(fd);
    FAILS(conc_read_until(fd[0], b, 1, conc_now() + CONC_MS), ETIMEDOUT);
    twin = dup(fd[0]);
    CHECK_EQ(conc_close(fd[0]), 0);
    static struct outcome o;
    o.fd = twin;
    go(do_read, &o);
    CHECK(wait_for(&o.started, 1));
    CHECK_EQ(conc_write(fd[1], "x", 1), 1);
    CHECK(wait_for(&o.done, 1));
    CHECK_EQ(o.n, 1);
    CHECK_EQ(conc_close(twin), 0);
    CHECK_EQ(conc_close(fd[1]), 0);
}

// ---- many on one ----
static void accept_some(int l, conc_atomic(int) *served) {
    int fd;
    while ((fd = conc_accept(l, NULL, NULL)) >= 0) {
        atomic_fetch_add(served, 1);
        CHECK_EQ(conc_close(fd), 0);
    }
}
/* One edge may stand for many connections: whoever is woken passes it on. */
TEST(acceptors) {
    static conc_atomic(int) served;
    char at[64];
    int l = tcp_listen(at), n = (int)scale(200), *fd = (int *)calloc((size_t)n, sizeof *fd);
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 20; i++) conc_wg_go(&wg, accept_some, l, &served);
    CHECK(settle());
    for (int i = 0; i < n; i++) fd[i] = conc_dial_tcp(NULL, at);
    CHECK(wait_for(&served, n));
    for (int i = 0; i < n; i++) CHECK_EQ(conc_close(fd[i]), 0);
    CHECK_EQ(conc_close(l), 0);
    conc_wg_wait(&wg);
    free(fd);
}
static void wait_ready(int fd, conc_atomic(int) *n) {
    CHECK_EQ(conc_wait_fd(fd, CONC_READ), CONC_READ);
    atomic_fetch_add(n, 1);
}
TEST(all_who_wait_for_readiness) {
    static conc_atomic(int) n;
    int fd[2];
    conc_wg wg = CONC_WG_INIT;
    REQUIRE(pipe(fd) == 0);
    for (int i = 0; i < 10; i++) conc_wg_go(&wg, wait_ready, fd[0], &n);
    CHECK(settle());
    CHECK_EQ(atomic_load(&n), 0);
    CHECK_EQ(conc_wait_fd(fd[1], CONC_READ | CONC_WRITE), CONC_WRITE);
    CHECK_EQ(conc_write(fd[1], "x", 1), 1);
    conc_wg_wait(&wg);
    close_pair(fd);
}

// ---- failures of the system ----
static void storm(conc_atomic(int) *stop, pthread_t victim) {
    while (!atomic_load(stop)) {
        (void)pthread_kill(victim, SIGUSR1);
        conc_sleep(50 * CONC_US);
    }
}
static void nothing(int sig) { (void)sig; }
static void locked_echo_client(const char *at, pthread_t *me, conc_atomic(int) *up) {
    conc_lock_thread(); /* a thread that can be aimed at */
    *me = pthread_self();
    atomic_fetch_add(up, 1);
    tcp_client(at, (int)scale(200));
    conc_unlock_thread();
    atomic_fetch_add(up, -1);
    CHECK(wait_for(up, -1)); /* the thread stays while it is aimed at */
}
TEST(interrupted) {
    static conc_atomic(int) up, stop;
    static pthread_t victim;
    struct sigaction a, was;
    char at[64];
    int l = tcp_listen(at);
    memset(&a, 0, sizeof a);
    a.sa_handler = nothing;
    CHECK_EQ(sigaction(SIGUSR1, &a, &was), 0);
    conc_wg wg = CONC_WG_INIT, clients = CONC_WG_INIT, storms = CONC_WG_INIT;
    conc_wg_go(&wg, serve, l, &wg);
    conc_wg_go(&clients, locked_echo_client, at, &victim, &up);
    while (atomic_load(&up) != 1) conc_yield();
    conc_wg_go(&storms, storm, &stop, victim);
    while (atomic_load(&up) != 0) conc_sleep(CONC_MS);
    atomic_store(&stop, 1);
    conc_wg_wait(&storms);
    atomic_store(&up, -1);
    conc_wg_wait(&clients);
    CHECK_EQ(conc_close(l), 0);
    conc_wg_wait(&wg);
    (void)signal(SIGUSR1, SIG_IGN); /* one that is still pending is gone with this */
    CHECK_EQ(sigaction(SIGUSR1, &was, NULL), 0);
}
/* A server that is out of descriptors before its first wait can wait all the same. */
static void wait_without_descriptors(void) {
    int l = conc_listen_tcp("127.0.0.1:0"), fd[256], n = 0, pair[2];
    struct rlimit was = { 0, 0 }, now;
    char byte;
    CHECK(l >= 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &was), 0);
    now = was;
    now.rlim_cur = (rlim_t)pair[1] + 10;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &now), 0);
    while (n < 256 && (fd[n] = dup(pair[0])) >= 0) n++;
    CHECK(n < 256);
    FAILS(conc_read_until(pair[0], &byte, 1, conc_now() + 10 * CONC_MS), ETIMEDOUT);
    while (n > 0) close(fd[--n]);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &was), 0);
    CHECK_EQ(conc_close(l), 0);
    close_pair(pair);
}
TEST(wait_without_descriptors, .native = true) { conc_run(wait_without_descriptors); }
TEST(faults) {
    char at[64];
    int l = tcp_listen(at), fd[2];
    conc_wg wg = CONC_WG_INIT, clients = CONC_WG_INIT;
    __atomic_store_n(&fault_rate, 5, __ATOMIC_RELAXED);
    conc_wg_go(&wg, serve, l, &wg);
    for (int i = 0; i < 8; i++) conc_wg_go(&clients, tcp_client, at, (int)scale(200));
    conc_wg_wait(&clients);
    for (int mode = 0; mode <= O_NONBLOCK; mode += O_NONBLOCK) {
        REQUIRE(pipe2(fd, mode) == 0);
        transfer(fd[1], fd[0], 300000);
        vectors(fd[1], fd[0]);
        close_pair(fd);
    }
    CHECK_EQ(conc_close(l), 0);
    conc_wg_wait(&wg);
    char path[64];
    (void)snprintf(path, sizeof path, "/tmp/conc-test-%d.fault", (int)getpid());
    for (int i = 0; i < 20; i++) file_worker(path, i);
    CHECK_EQ(unlink(path), 0);
    CHECK(__atomic_load_n(&fault_count, __ATOMIC_RELAXED) > 20);
    __atomic_store_n(&fault_rate, 0, __ATOMIC_RELAXED);
}
static void no_poller(int fd) {
    char b;
    FAILS(conc_read(fd, &b, 1), ENOSPC);
}
TEST(out_of_descriptors) {
    if (under_valgrind()) LEAVE_OUT("Valgrind needs descriptors of its own");
    char at[64];
    int fd[2], l = tcp_listen(at), c = conc_dial_tcp(NULL, at);
    struct rlimit old, few;
    pair(fd);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = 3;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    FAILS(conc_accept(l, NULL, NULL), EMFILE);
    FAILS(conc_dial_tcp(NULL, at), EMFILE);
    FAILS(conc_listen_unix("@x"), EMFILE);
    FAILS(conc_open("/dev/null", O_RDONLY, 0), EMFILE);
    static struct outcome o;
    o.fd = fd[0]; /* a thread cannot have its eventfd: it looks from time to time */
    pthread_t t = thread_start(thread_read, &o);
    CHECK(wait_for(&o.started, 1));
    conc_sleep(2 * CONC_MS);
    CHECK_EQ(conc_close(fd[0]), 0);
    thread_join(t);
    CHECK(o.n == -1 && o.err == EBADF);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
    int s = conc_accept(l, NULL, NULL);
    CHECK(s >= 0);
    __atomic_store_n(&fault_no_poller, ENOSPC, __ATOMIC_RELAXED); /* fs.epoll.max_user_watches */
    conc_run(no_poller, s);
    __atomic_store_n(&fault_no_poller, 0, __ATOMIC_RELAXED);
    (void)conc_close(s), (void)conc_close(c), (void)conc_close(l), (void)conc_close(fd[1]);
}

// ---- who polls ----
static void hog(conc_atomic(int) *stop) {
    while (!atomic_load(stop)) continue;
}
static void stamp_reader(int fd, int64_t *late) {
    int64_t sent;
    while (conc_read(fd, &sent, sizeof sent) == sizeof sent) __atomic_store_n(late, conc_now() - sent, __ATOMIC_RELAXED);
}
/* A reader beside as many busy loops as there are processors is served within milliseconds. */
TEST(hogs_do_not_starve, .os = true) {
    static conc_atomic(int) stop;
    int fd[2];
    int64_t late = 0, best = INT64_MAX;
    conc_wg wg = CONC_WG_INIT;
    pair(fd);
    conc_wg_go(&wg, stamp_reader, fd[0], &late);
    CHECK(settle());
    for (int i = 0; i < 4; i++) conc_wg_go(&wg, hog, &stop);
    for (int i = 0; i < 20; i++) {
        struct timespec nap = { 0, 30000000 };
        int64_t now = conc_now();
        __atomic_store_n(&late, 0, __ATOMIC_RELAXED);
        CHECK_EQ(write(fd[1], &now, sizeof now), 8);
        (void)nanosleep(&nap, NULL);
        int64_t l = __atomic_load_n(&late, __ATOMIC_RELAXED);
        if (l && l < best) best = l;
    }
    printf("a reader beside busy loops is %.1f ms late at best\n", (double)best / 1e6);
    CHECK(best < limit(10 * CONC_MS));
    atomic_store(&stop, 1);
    CHECK_EQ(conc_close(fd[1]), 0);
    conc_wg_wait(&wg);
    CHECK_EQ(conc_close(fd[0]), 0);
}
/* Goroutines that wait for I/O cost nothing; and the sleep in the poller is broken by other work (TestNetpollBreak). */
static void set_flag(conc_atomic(int) *flag) { atomic_fetch_add(flag, 1); }
TEST(idle_and_break, .os = true) {
    static conc_atomic(int) ran;
    static struct outcome o[20];
    int fd[2];
    pair(fd);
    for (int i = 0; i < 20; i++) {
        o[i].fd = fd[0];
        o[i].deadline = i & 1 ? conc_now() + CONC_HOUR : 0;
        go(do_read, &o[i]);
    }
    CHECK(settle());
    struct timespec nap = { 0, 300000000 };
    (void)nanosleep(&nap, NULL);
    int64_t cpu = cpu_now();
    (void)nanosleep(&nap, NULL);
    cpu = cpu_now() - cpu;
    CHECK_SAY(cpu < limit(6 * CONC_MS), "%.1f ms of processor time in 300 ms of waiting", (double)cpu / 1e6);
    for (int i = 0; i < 50; i++) {
        int64_t t = conc_now();
        go(set_flag, &ran);
        CHECK(wait_for(&ran, i + 1));
        CHECK(conc_now() - t < limit(2 * CONC_SEC));
        if (i % 10 == 0) (void)nanosleep(&nap, NULL);
    }
    CHECK_EQ(conc_close(fd[0]), 0);
    for (int i = 0; i < 20; i++) CHECK(wait_for(&o[i].done, 1));
    CHECK_EQ(conc_close(fd[1]), 0);
}
TEST(dump) {
    int fd[2];
    static struct outcome o;
    pair(fd);
    o.fd = fd[0];
    go(do_read, &o);
    CHECK(wait_for(&o.started, 1) && settle());
    char *text = dump_text();
    CHECK(strstr(text, "[IO wait]") != NULL);
    free(text);
    CHECK_EQ(conc_close(fd[0]), 0);
    CHECK(wait_for(&o.done, 1));
    CHECK_EQ(conc_close(fd[1]), 0);
}
/* Who waits for I/O may still be woken: no deadlock. Nobody does any more: one. */
CRASH_NATIVE(deadlock_after_io, "fatal error: all goroutines are asleep - deadlock!") {
    int fd[2];
    chan(int) c = chan_make(int);
    pair(fd);
    static struct outcome o;
    o.fd = fd[0];
    go(do_read, &o);
    conc_sleep(100 * CONC_MS); /* asleep, but not accused */
    CHECK_EQ(conc_write(fd[1], "x", 1), 1);
    if (wait_for(&o.done, 1) && o.n == 1) (void)chan_recv(c);
}
/* Works on a goroutine that is wired to its thread, at one processor too. */
static void wired(int fd) {
    conc_lock_thread();
    echo(fd);
    conc_unlock_thread();
}
TEST(wired, .procs = 1) {
    int fd[2];
    char b[5];
    conc_wg wg = CONC_WG_INIT;
    pair(fd);
    conc_wg_go(&wg, wired, fd[0]);
    for (int i = 0; i < (int)scale(200); i++) {
        CHECK_EQ(conc_write(fd[1], "hello", 5), 5);
        CHECK(read_full(fd[1], b, 5));
    }
    CHECK_EQ(conc_close(fd[1]), 0);
    conc_wg_wait(&wg);
}

// ---- processes ----
TEST(children, .os = true) {
    int status = 0;
    NOT_UNDER_VALGRIND();
    pid_t pid = fork();
    if (pid == 0) _exit(7);
    CHECK_EQ(conc_wait_pid(pid, &status), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    FAILS(conc_wait_pid(pid, &status), ECHILD);
    pid = fork();
    if (pid == 0)
        for (;;) pause();
    FAILS(conc_wait_pid_until(pid, &status, conc_now() + 10 * CONC_MS), ETIMEDOUT);
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), 5 * CONC_MS);
    FAILS(conc_wait_pid_ctx(ctx, pid, &status), ETIMEDOUT);
    conc_ctx_free(ctx);
    CHECK_EQ(kill(pid, SIGKILL), 0);
    CHECK_EQ(conc_wait_pid(pid, &status), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    pid = fork();
    if (pid == 0) _exit(0);
    CHECK_EQ(conc_wait_pid(-1, NULL), pid);
}
static void wait_child(pid_t pid, conc_atomic(int) *ok) {
    int status;
    if (conc_wait_pid(pid, &status) == pid && WIFEXITED(status)) atomic_fetch_add(ok, 1);
}
TEST(many_children, .os = true) {
    static conc_atomic(int) ok;
    int gate[2];
    NOT_UNDER_VALGRIND();
    REQUIRE(pipe(gate) == 0);
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            char b;
            (void)close(gate[1]);
            _exit(read(gate[0], &b, 1) < 0);
        }
        go(wait_child, pid, &ok);
    }
    CHECK(settle());
    CHECK_EQ(atomic_load(&ok), 0);
    (void)close(gate[0]), (void)close(gate[1]);
    CHECK(wait_for(&ok, 20));
}
/* The child of a fork has a poller of its own. */
TEST(fork_child, .os = true, .native = true) {
    int fd[2], status = 0, files = open_files();
    NOT_UNDER_VALGRIND();
    pair(fd);
    FAILS(conc_read_until(fd[0], &status, 1, conc_now() + CONC_MS), ETIMEDOUT);
    static struct outcome o;
    o.fd = fd[0];
    o.deadline = conc_now() + CONC_MS;
    conc_run(do_read, &o);
    if (HARNESS_TSAN || HARNESS_ASAN) LEAVE_OUT("the sanitizers do not follow a fork with threads");
    pid_t pid = fork();
    if (pid == 0) {
        char b[5] = "";
        int mine[2], bad = 0;
        conc_wg wg = CONC_WG_INIT;
        bad |= socketpair(AF_UNIX, SOCK_STREAM, 0, mine) != 0;
        conc_wg_go(&wg, echo, mine[0]);
        bad |= conc_write(mine[1], "hello", 5) != 5 || !read_full(mine[1], b, 5) || memcmp(b, "hello", 5) != 0;
        bad |= conc_close(mine[1]) != 0;
        conc_wg_wait(&wg);
        bad |= conc_write(fd[0], "z", 1) != 1;
        bad |= conc_shutdown() != 0;
        bad |= open_files() > files + 2;
        _exit(bad);
    }
    CHECK_EQ(conc_wait_pid(pid, &status), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    char b;
    CHECK_EQ(conc_read(fd[1], &b, 1), 1);
    close_pair(fd);
}
/* The thread that looks a name up may still be waking its caller when that has ended, and the runtime with it; or come to wake one that was
   abandoned. */
static void look_up(chan(int) done) {
    struct addrinfo *list = NULL;
    if (conc_getaddrinfo("127.0.0.1", "80", NULL, &list) == 0) freeaddrinfo(list);
    if (done) chan_send(done, 1);
}
TEST(lookup_and_shutdown, .os = true) {
    struct rng r = rng_new(0);
    for (int i = 0, n = (int)scale(400); i < n; i++) {
        bool wait = i & 1;
        chan(int) done = wait ? chan_make(int) : NULL;
        go(look_up, done);
        if (wait) CHECK_EQ(chan_recv(done), 1);
        else turns(rng_below(&r, 100000));
        int64_t left = conc_shutdown();
        CHECK(wait ? left == 0 : left >= 0 && left <= 1);
        chan_free(done);
    }
}
/* conc_shutdown closes what the poller holds; what comes after starts anew. */
TEST(shutdown, .os = true) {
    for (int i = 0; i < 3; i++) {
        int files = open_files(), fd[2];
        pair(fd);
        transfer(fd[0], fd[1], 300000);
        close_pair(fd);
        CHECK_EQ(conc_shutdown(), 0);
        CHECK_EQ(open_files(), files);
    }
}
