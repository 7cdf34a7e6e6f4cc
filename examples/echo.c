/* echo [-u path] [-t seconds] host:port: give back every byte that comes over TCP, and over a Unix socket at path. Port 0: any free
   one. -t: close connections that have been idle for so long.

   One goroutine per connection. Most are idle most of the time, so an idle one must be cheap: it waits in a read into a small buffer
   on its stack, which fits in the one page that every waiting goroutine has; only while more comes than that it has a large one.

   The first SIGINT or SIGTERM stops it gracefully: no more connections are taken, open ones go on until nothing has come for QUIET
   (a stream of bytes has no other end), and what is left after GRACE is cut off. A second signal ends it at once.
   Exit status 0: all was echoed and nothing is left; 1: not so; 2: wrong usage. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <dirent.h>
#include <err.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SMALL = 1024, LARGE = 32 * 1024, POOLED = 64 };
static const int64_t QUIET = 500 * CONC_MS, GRACE = 5 * CONC_SEC, BACKOFF = 5 * CONC_MS, BACKOFF_MAX = CONC_SEC;

static conc_ctx *cut, *stop; /* cut: drop everything. Its child stop: begin nothing new */
static int64_t idle = CONC_FOREVER;
static conc_pool *pool; /* of large buffers */
static conc_wg accepting, serving;
static conc_atomic(long long) connections, ended, bytes;

/* Read as long as the connection may be idle; once the server is stopping, until it has been quiet. */
static ssize_t read_some(int fd, char *buf, size_t n) {
    for (;;) {
        bool stopping = conc_ctx_err(stop) != CONC_OK;
        conc_ctx *turn = conc_ctx_with_timeout(stopping ? cut : stop, stopping && QUIET < idle ? QUIET : idle);
        defer(conc_ctx_free, turn);
        ssize_t got = turn ? conc_read_ctx(turn, fd, buf, n) : -1;
        if (!turn || got >= 0 || errno != ECANCELED || stopping) return got; /* else stop came while it waited */
    }
}

static bool write_all(int fd, const char *buf, ssize_t n) {
    conc_ctx *turn = conc_ctx_with_timeout(cut, idle); /* a client that does not read is idle, too */
    defer(conc_ctx_free, turn);
    ssize_t put = turn ? conc_write_ctx(turn, fd, buf, (size_t)n) : -1;
    if (put > 0) conc_atomic_fetch_add(&bytes, put);
    return put == n;
}

static void *new_large(void) { return malloc(LARGE); }
static void serve(int fd) {
    char small[SMALL], *large = NULL; /* large: while more is there than small holds (no memory: small has to do) */
    for (;;) {
        ssize_t n = large ? conc_recvfrom(fd, large, LARGE, MSG_DONTWAIT, NULL, NULL) : read_some(fd, small, SMALL);
        if (large && n < 0 && errno == EAGAIN) conc_pool_put(pool, large), large = NULL;
        else if (n <= 0 || !write_all(fd, large ? large : small, n)) break;
        else if (!large && n == SMALL) large = conc_pool_get(pool);
    }
    conc_pool_put(pool, large), conc_atomic_fetch_add(&ended, 1);
    (void)conc_close(fd);
}

/* An accept that fails for want of descriptors or memory takes no connection off the queue: try again when some may be free. */
static void accept_from(int listener) {
    static conc_atomic(int64_t) failed = -CONC_HOUR; /* when an accept failed last */
    for (int64_t pause = 0; conc_ctx_err(stop) == CONC_OK;) {
        int fd = conc_accept_ctx(stop, listener, NULL, NULL), err = errno;
        if (fd >= 0) {
            conc_wg_go(&serving, serve, fd);
            conc_atomic_fetch_add(&connections, 1), pause = 0;
        } else if (err != ECANCELED) { /* near the limit good ones come between: one message until ten seconds were without */
            if (conc_now() - conc_atomic_exchange(&failed, conc_now()) > 10 * CONC_SEC)
                fprintf(stderr, "echo: accept: %s; trying again\n", strerror(err));
            pause = pause == 0 ? BACKOFF : 2 * pause < BACKOFF_MAX ? 2 * pause : BACKOFF_MAX;
            (void)conc_sleep_ctx(stop, pause);
        }
    }
    (void)conc_close(listener);
}

static int descriptors(void) { /* the open ones, and the same few more each time */
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d)) n++;
    if (d) closedir(d);
    return n;
}

int main(int argc, char **argv) {
    char *path = NULL, *end = "";
    double seconds = 0;
    int c, before = descriptors(), tcp, local = -1, on = 1;
    while ((c = getopt(argc, argv, "u:t:")) == 'u' || c == 't')
        if (c == 'u') path = optarg;
        else seconds = strtod(optarg, &end);
    if (c != -1 || argc - optind != 1 || *end || !(seconds >= 0 && seconds < 1e9)) errx(2, "usage: echo [-u path] [-t seconds] host:port");
    if (seconds > 0) idle = (int64_t)(seconds * 1e9);

    pool = conc_pool_new(new_large, free, POOLED), cut = conc_ctx_with_cancel(conc_ctx_background());
    if (!pool || !cut || !(stop = conc_ctx_notify(cut, SIGINT, SIGTERM))) err(1, "start");
    if ((tcp = conc_listen_tcp(argv[optind])) < 0) err(1, "%s", argv[optind]);
    if (path && (local = conc_listen_unix(path)) < 0) err(1, "%s", path);
    (void)setsockopt(tcp, SOL_TCP, TCP_NODELAY, &on, sizeof on); /* those it accepts inherit it */
    conc_wg_go(&accepting, accept_from, tcp);
    if (path) conc_wg_go(&accepting, accept_from, local);
    printf("echo: port %d\n", conc_local_port(tcp)), fflush(stdout);

    (void)chan_recv(conc_ctx_done(stop));
    conc_signal_reset(SIGINT, SIGTERM); /* the next one ends the program */
    conc_wg_wait(&accepting);
    if (path && *path != '@') (void)unlink(path);
    long long open = connections - ended;
    bool in_time = conc_wg_wait_for(&serving, GRACE) == CONC_OK;
    conc_ctx_cancel(cut), conc_wg_wait(&serving);
    conc_ctx_free(stop), conc_ctx_free(cut), conc_pool_free(pool);
    long long left = conc_shutdown(), still = descriptors() - before;
    printf("echo: %lld connections, %lld bytes; %lld open at the end%s; left: %lld goroutines, %lld descriptors\n",
        connections, bytes, open, in_time ? "" : ", not all in time", left, still);
    return !in_time || left != 0 || still != 0;
}
