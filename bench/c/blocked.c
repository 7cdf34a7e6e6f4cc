/* Group blocked: memory, creation and teardown of many parked goroutines. Every configuration runs
   in a fresh process (this program runs itself again with GOB_CHILD set), so that memory is cold.
   Twin: ../go/blocked.go. Rules: ../README.md. */
#include "bench.h"
#include <fcntl.h>

static double resident(void) { /* bytes; without stdio, whose buffers would count */
    char text[128];
    long pages = 0;
    int fd = open("/proc/self/statm", O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0) close(fd);
    if (n <= 0) bench_fail("cannot read /proc/self/statm");
    text[n] = '\0';
    if (sscanf(text, "%*s %ld", &pages) != 1) bench_fail("cannot parse /proc/self/statm");
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

// ---- the kinds of parked goroutines ----
typedef struct crowd {
    int n;
    conc_wg ready, done;
    chan(char) stop, other; /* stop is shared by all */
    chan(char) *own;        /* one for each */
    conc_mutex mutex;
    conc_atomic(int64_t) sink;
} crowd;

static void body_chan(crowd *c) {
    conc_wg_done(&c->ready);
    chan_recv(c->stop);
    conc_wg_done(&c->done);
}

static void body_own(crowd *c, chan(char) own) {
    conc_wg_done(&c->ready);
    chan_recv(own);
    conc_wg_done(&c->done);
}

static void body_select(crowd *c) {
    char closed;
    conc_wg_done(&c->ready);
    chan_select {
        on_recv_into(&closed, c->stop) {}
        on_recv_into(&closed, c->other) {}
    }
    conc_wg_done(&c->done);
}

/* Parks in a 4 KiB frame. */
__attribute__((noinline)) static unsigned char use_stack(int k, crowd *c) {
    unsigned char b[4096] = { 0 };
    bench_touch(b);
    for (int i = 0; i < (int)sizeof b; i += 256) b[i] = (unsigned char)(i + k);
    conc_wg_done(&c->ready);
    chan_recv(c->stop);
    bench_touch(b);
    return b[k & 4095];
}

static void body_deep(crowd *c) {
    conc_atomic_fetch_add(&c->sink, use_stack(1, c));
    conc_wg_done(&c->done);
}

static void body_mutex(crowd *c) {
    conc_wg_done(&c->ready);
    conc_mutex_lock(&c->mutex);
    conc_mutex_unlock(&c->mutex);
    conc_wg_done(&c->done);
}

static void body_sleep(crowd *c) {
    conc_wg_done(&c->ready);
    conc_sleep(CONC_HOUR);
    conc_wg_done(&c->done);
}

static void release_all(crowd *c) { chan_close(c->stop); }
static void release_own(crowd *c) {
    for (int i = 0; i < c->n; i++) chan_close(c->own[i]);
}
static void release_mutex(crowd *c) { conc_mutex_unlock(&c->mutex); }
/* The sleepers end with the process. */
static void release_none(crowd *c) { conc_wg_add(&c->done, -c->n); }

static const struct kind {
    const char *name;
    void (*body)(crowd *); /* NULL: body_own, which has an argument more */
    void (*release)(crowd *);
    bool thousands_only;   /* no run with a million */
} kinds[] = {
    { "chan", body_chan, release_all, false },     { "own", NULL, release_own, true },
    { "select", body_select, release_all, false }, { "deep", body_deep, release_all, false },
    { "mutex", body_mutex, release_mutex, true },  { "sleep", body_sleep, release_none, false },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void crowd_init(crowd *c, const struct kind *k, int n) {
    c->n = n;
    c->stop = chan_make(char);
    c->other = chan_make(char);
    conc_wg_add(&c->ready, n);
    conc_wg_add(&c->done, n);
    conc_mutex_lock(&c->mutex);
    if (k->body) return;
    c->own = bench_alloc(n, sizeof *c->own);
    for (int i = 0; i < n; i++) c->own[i] = chan_make(char);
}

/* Prints: bytes per goroutine, create ms, teardown ms, resident MiB after teardown. */
static void crowd_run(const struct kind *k, int n) {
    static crowd c;
    crowd_init(&c, k, n);
    double before = resident();
    int64_t t = bench_now();
    for (int i = 0; i < n; i++) {
        if (k->body)
            go(k->body, &c);
        else
            go(body_own, &c, c.own[i]);
    }
    conc_wg_wait(&c.ready);
    double create = ms_since(t);
    conc_sleep(50 * CONC_MS);
    double parked = resident();
    t = bench_now();
    k->release(&c);
    conc_wg_wait(&c.done);
    double teardown = ms_since(t);
    printf("%f %f %f %f\n", (parked - before) / n, create, teardown, resident() / (1 << 20));
}

static int child(const char *what) {
    char name[32] = "";
    int n = 0;
    sscanf(what, "%31[a-z],%d", name, &n);
    for (int i = 0; i < KINDS; i++)
        if (!strcmp(kinds[i].name, name)) return crowd_run(&kinds[i], n), 0;
    bench_fail("no such kind: %s", what);
}

static void measure(const struct kind *k, int n) {
    static const char *const what[] = { "rss_each", "create", "teardown", "rss_after" };
    static const char *const unit[] = { "B", "ms", "ms", "MiB" };
    char name[4][64], spec[64];
    metric m[4];
    for (int i = 0; i < 4; i++) {
        snprintf(name[i], sizeof name[i], "blocked.%s_%dk_%s", k->name, n / 1000, what[i]);
        m[i] = (metric){ name[i], unit[i] };
    }
    snprintf(spec, sizeof spec, "%s,%d", k->name, (int)bench_n(n));
    for (bench b = bench_begin(m, 4); bench_next(&b);) bench_child(spec, b.v, 4);
}

int bench_main(void) {
    static const int counts[] = { 100000, 1000000 };
    if (getenv("GOB_CHILD")) return child(getenv("GOB_CHILD"));
    bench_head("blocked");
    setenv("GOB_WARM", "0", 1);
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < KINDS; j++)
            if (!(i == 1 && kinds[j].thousands_only)) measure(&kinds[j], counts[i]);
    return 0;
}
