/* Group ctx: contexts.
   Twin: ../go/ctx.go. Rules: ../README.md. */
#include "bench.h"
#include <malloc.h>

enum { FANOUT = 10000 };

static conc_ctx *made(conc_ctx *ctx) {
    if (!ctx) bench_fail("out of memory");
    return ctx;
}

// ---- create and cancel ----
static double create_cancel(int64_t n) {
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++) conc_ctx_free(conc_ctx_with_cancel(conc_ctx_background()));
    return ns_per(t, n);
}

static double child_create_cancel(int64_t n) { /* the parent is live and its done channel exists */
    conc_ctx *parent = made(conc_ctx_with_cancel(conc_ctx_background()));
    if (!conc_ctx_done(parent)) bench_fail("done");
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++) conc_ctx_free(conc_ctx_with_cancel(parent));
    double ns = ns_per(t, n);
    conc_ctx_free(parent);
    return ns;
}

static double timeout_create_cancel(int64_t n) {
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++) conc_ctx_free(conc_ctx_with_timeout(conc_ctx_background(), CONC_HOUR));
    return ns_per(t, n);
}

/* A chain of d contexts; the last one's maker keeps the chain alive. */
static conc_ctx *chain(conc_ctx *root, int d) {
    conc_ctx *c = conc_ctx_ref(root);
    for (int k = 1; k < d; k++) {
        conc_ctx *child = made(conc_ctx_with_cancel(c));
        conc_ctx_unref(c);
        c = child;
    }
    return c;
}

static void depth(int d, int64_t n, double *v) {
    int64_t create = 0, cancel = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t t = bench_now();
        conc_ctx *root = made(conc_ctx_with_cancel(conc_ctx_background())), *leaf = chain(root, d);
        if (!conc_ctx_done(leaf)) bench_fail("done");
        int64_t t2 = bench_now();
        conc_ctx_cancel(root);
        int64_t t3 = bench_now();
        cancel += t3 - t2;
        if (!conc_ctx_err(leaf)) bench_fail("leaf not cancelled");
        conc_ctx_unref(leaf);
        conc_ctx_unref(root);
        create += t2 - t + bench_now() - t3; /* Go's collector frees on the creator's time, too */
    }
    v[0] = (double)create / (double)n;
    v[1] = (double)cancel / (double)n;
}

static void leaf_waiter(conc_ctx *leaf, chan(char) ready, chan(int64_t) got) {
    chan_send(ready, 1);
    chan_recv(conc_ctx_done(leaf));
    chan_send(got, bench_now());
}

static double depth_wake(int d, int64_t n) { /* a goroutine is parked on the leaf: cancel of the root until it runs */
    double *late = bench_alloc(n, sizeof *late);
    chan(char) ready = chan_make(char);
    chan(int64_t) got = chan_make(int64_t);
    for (int64_t i = 0; i < n; i++) {
        conc_ctx *root = made(conc_ctx_with_cancel(conc_ctx_background())), *leaf = chain(root, d);
        go(leaf_waiter, leaf, ready, got);
        chan_recv(ready);
        conc_sleep(100 * CONC_US);
        int64_t t = bench_now();
        conc_ctx_cancel(root);
        late[i] = (double)(chan_recv(got) - t) / 1e3;
        conc_ctx_unref(leaf);
        conc_ctx_free(root);
    }
    bench_sort(late, n);
    double p50 = bench_pct(late, n, .5);
    free(late);
    chan_free(ready);
    chan_free(got);
    return p50;
}

// ---- ten thousand children ----
static size_t heap_in_use(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void fanout(double *v) {
    conc_ctx **cs = bench_alloc(FANOUT, sizeof *cs);
    size_t before = heap_in_use();
    int64_t t = bench_now();
    conc_ctx *root = made(conc_ctx_with_cancel(conc_ctx_background()));
    for (int i = 0; i < FANOUT; i++) cs[i] = made(conc_ctx_with_cancel(root));
    v[0] = ns_per(t, FANOUT);
    v[1] = (double)(heap_in_use() - before) / FANOUT;
    t = bench_now();
    conc_ctx_cancel(root);
    v[2] = us_since(t);
    for (int i = 0; i < FANOUT; i++) {
        if (!conc_ctx_err(cs[i])) bench_fail("child not cancelled");
        conc_ctx_free(cs[i]);
    }
    conc_ctx_free(root);
    free(cs);
}

typedef struct crowd {
    conc_ctx *root;
    conc_wg ready, done;
    chan(int) never;
} crowd;

static void wait_on_child(crowd *w) {
    conc_ctx *c = made(conc_ctx_with_cancel(w->root));
    recv_chan(char) done = conc_ctx_done(c);
    conc_wg_done(&w->ready);
    chan_recv(done);
    conc_wg_done(&w->done);
    conc_ctx_free(c);
}

static void wait_in_select(crowd *w) {
    conc_wg_done(&w->ready);
    chan_select {
        on_done(w->root) {}
        on_recv(v, w->never) bench_fail("received %d", v);
    }
    conc_wg_done(&w->done);
}

static double fanout_wake(void (*fn)(crowd *)) { /* cancel until the last of the goroutines has run, us */
    crowd *w = bench_alloc(1, sizeof *w);
    conc_wg all = CONC_WG_INIT;
    w->root = made(conc_ctx_with_cancel(conc_ctx_background()));
    w->never = chan_make(int);
    conc_wg_add(&w->ready, FANOUT);
    conc_wg_add(&w->done, FANOUT);
    for (int i = 0; i < FANOUT; i++) conc_wg_go(&all, fn, w);
    conc_wg_wait(&w->ready);
    conc_sleep(20 * CONC_MS);
    int64_t t = bench_now();
    conc_ctx_cancel(w->root);
    conc_wg_wait(&w->done);
    double us = us_since(t);
    conc_wg_wait(&all);
    conc_ctx_free(w->root);
    chan_free(w->never);
    free(w);
    return us;
}

// ---- operations with a context ----
static double recv_ready(int64_t n) {
    conc_ctx *ctx = made(conc_ctx_with_cancel(conc_ctx_background()));
    chan(int64_t) c = chan_make(int64_t, 1);
    int64_t v, t = bench_now();
    for (int64_t i = 0; i < n; i++) {
        chan_send(c, i);
        if (chan_recv_ctx(c, &v, ctx) != CONC_OK || v != i) bench_fail("value");
    }
    double ns = ns_per(t, n);
    chan_free(c);
    conc_ctx_free(ctx);
    return ns;
}

static void echo(chan(int64_t) a, chan(int64_t) b, conc_ctx *ctx) {
    for (int64_t v; chan_recv_ctx(a, &v, ctx) == CONC_OK;) chan_send(b, v);
}

static double recv_pingpong(int64_t n) {
    conc_ctx *ctx = made(conc_ctx_with_cancel(conc_ctx_background()));
    chan(int64_t) a = chan_make(int64_t), b = chan_make(int64_t);
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, echo, a, b, ctx);
    int64_t v, t = bench_now();
    for (int64_t i = 0; i < n; i++) {
        chan_send(a, i);
        if (chan_recv_ctx(b, &v, ctx) != CONC_OK) bench_fail("done");
    }
    double ns = ns_per(t, n);
    conc_ctx_cancel(ctx);
    conc_wg_wait(&wg);
    conc_ctx_free(ctx);
    chan_free(a);
    chan_free(b);
    return ns;
}

static double done_check(int64_t n) {
    conc_ctx *ctx = made(conc_ctx_with_cancel(conc_ctx_background()));
    int64_t misses = 0, t = bench_now();
    for (int64_t i = 0; i < n; i++) {
        chan_select {
            on_done(ctx) {}
            on_default misses++;
        }
    }
    double ns = ns_per(t, n);
    if (misses != n) bench_fail("done");
    conc_ctx_free(ctx);
    return ns;
}

static double err_check(int64_t n) {
    conc_ctx *ctx = made(conc_ctx_with_cancel(conc_ctx_background()));
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++)
        if (conc_ctx_err(ctx)) bench_fail("err");
    double ns = ns_per(t, n);
    conc_ctx_free(ctx);
    return ns;
}

static double value(int d, int64_t n) { /* look up the key at the bottom of a chain of d values */
    static char keys[16];
    conc_ctx *c = conc_ctx_background();
    for (int i = 0; i < d; i++) {
        conc_ctx *child = made(conc_ctx_with_value(c, &keys[i], &keys[i]));
        conc_ctx_unref(c);
        c = child;
    }
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++)
        if (!conc_ctx_value(c, &keys[0])) bench_fail("value");
    double ns = ns_per(t, n);
    conc_ctx_free(c);
    return ns;
}

int bench_main(void) {
    bench_head("ctx");
    BENCH("ctx.withcancel_create_cancel", "ns/op", create_cancel(bench_n(2000000)));
    BENCH("ctx.withcancel_child_create_cancel", "ns/op", child_create_cancel(bench_n(1000000)));
    BENCH("ctx.withtimeout_create_cancel", "ns/op", timeout_create_cancel(bench_n(1000000)));
    for (bench b = BENCH_OF({ "ctx.depth10_create", "ns/chain" }, { "ctx.depth10_cancel", "ns/chain" }); bench_next(&b);)
        depth(10, bench_n(100000), b.v);
    BENCH("ctx.depth10_cancel_wake_p50", "us", depth_wake(10, bench_n(300)));
    for (bench b = BENCH_OF({ "ctx.fanout10000_create", "ns/child" }, { "ctx.fanout10000_heap", "B/child" },
                            { "ctx.fanout10000_cancel", "us" }); bench_next(&b);)
        fanout(b.v);
    BENCH("ctx.fanout10000_cancel_wake_all", "us", fanout_wake(wait_on_child));
    BENCH("ctx.fanout10000_select_wake_all", "us", fanout_wake(wait_in_select));
    BENCH("ctx.recv_ready", "ns/op", recv_ready(bench_n(3000000)));
    BENCH("ctx.recv_pingpong", "ns/op", recv_pingpong(bench_n(500000)));
    BENCH("ctx.select_done_default", "ns/op", done_check(bench_n(10000000)));
    BENCH("ctx.err_check", "ns/op", err_check(bench_n(10000000)));
    BENCH("ctx.value_depth10", "ns/op", value(10, bench_n(3000000)));
    return 0;
}
