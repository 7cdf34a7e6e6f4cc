/* patterns/future.h: settled once, awaited by many; then, all, any; errors, cancels, futures that nobody wants; misuse, stress. */
#include "harness.h"
#include "patterns/future.h"

enum { FAIL = -7, EXIT = 99 };
struct job {
    int value, what; /* what: 0, an error, or EXIT */
    recv_chan(char) gate;
    conc_atomic(int) begun, ended;
};
static int run(conc_ctx *ctx, int *out, struct job *j) {
    char none;
    conc_atomic_fetch_add(&j->begun, 1);
    int err = j->what;
    if (j->gate && chan_recv_ctx(j->gate, &none, ctx) > CONC_CLOSED) err = conc_ctx_cause(ctx);
    if (err == EXIT) conc_exit();
    *out = j->value;
    conc_atomic_fetch_add(&j->ended, 1);
    return err;
}
static int add(conc_ctx *ctx, const int *in, int *out, const int *n) { return (void)ctx, *out = *in + *n, 0; }
static int halve(conc_ctx *ctx, const int *in, double *out, struct job *j) {
    conc_atomic_fetch_add(&j->begun, 1);
    (void)ctx;
    *out = *in / 2.0;
    return j->what;
}
static bool is_done(recv_chan(char) done) {
    char none;
    return chan_try_recv(done, &none) == CONC_CLOSED;
}

TEST(go_and_await) {
    struct job j = { .value = 42 }, bad = { .what = FAIL }, out = { .what = EXIT };
    int v = 0;
    future(int) f = future_go(int, NULL, run, &j), g = future_go(int, NULL, run, &bad), h = future_go(int, NULL, run, &out);
    REQUIRE(f && g && h);
    for (int i = 0; i < 3; i++) CHECK(future_await(f, NULL, &v) == 0 && v == 42);
    v = 1;
    CHECK_EQ(future_await(g, NULL, &v), FAIL);
    CHECK_EQ(future_await(h, NULL, &v), CONC_CANCELED);
    CHECK_EQ(v, 1);
    CHECK(is_done(future_done(f)) && is_done(future_done(g)));
    CHECK(!future_set(f, 7) && !future_fail(f, 7));
    conc_ctx *done = conc_ctx_with_cancel(conc_ctx_background());
    conc_ctx_cancel(done);
    CHECK(future_await(f, done, &v) == 0 && v == 42); /* it is there */
    conc_ctx_free(done);
    future_free(f), future_free(g), future_free(h);
    future_free((future(int))NULL);
}

static void awaiter(future(int) f, int expect) {
    int v = 0;
    CHECK_EQ(future_await(f, NULL, &v), 0);
    CHECK_EQ(v, expect);
    future_free(f);
}
TEST(promise) {
    conc_wg wg = CONC_WG_INIT;
    future(int) f = future_make(int), g = future_make(int);
    REQUIRE(f && g);
    for (int i = 0; i < 20; i++) conc_wg_go(&wg, awaiter, future_ref(f), 5);
    CHECK(!is_done(future_done(f)));
    CHECK(future_set(f, 5));
    CHECK(!future_set(f, 6) && !future_fail(f, FAIL));
    conc_wg_wait(&wg);
    int v;
    CHECK(future_fail(g, FAIL) && !future_set(g, 6));
    CHECK_EQ(future_await(g, NULL, &v), FAIL);
    future_free(f), future_free(g);
    f = future_make(int); /* never kept */
    conc_ctx *ctx = conc_ctx_with_timeout_cause(conc_ctx_background(), CONC_MS, -99);
    CHECK_EQ(future_await(f, ctx, &v), -99);
    conc_ctx_free(ctx);
    future_free(f);
}
CRASH(future_fails_with_0, "panic: future_fail: 0 is no error") { (void)future_fail(future_make(int), 0); }

TEST(then) {
    const int one = 1;
    struct job j = { .value = 20 }, fine = { 0 }, bad = { .what = FAIL };
    future(int) a = future_go(int, NULL, run, &j), b = future_then(a, NULL, int, add, &one);
    future(double) c = future_then(b, NULL, double, halve, &fine), d = future_then(b, NULL, double, halve, &bad);
    future(int) p = future_make(int);
    future(double) e = future_then(p, NULL, double, halve, &fine);
    future_free(a), future_free(b); /* those that come after hold them */
    double v = 0;
    CHECK(future_await(c, NULL, &v) == 0 && v == 10.5);
    CHECK_EQ(future_await(d, NULL, &v), FAIL);
    CHECK(fine.begun == 1 && bad.begun == 1);
    CHECK(future_fail(p, -9));
    CHECK_EQ(future_await(e, NULL, &v), -9);
    CHECK_EQ(fine.begun, 1);
    future_free(c), future_free(d), future_free(e), future_free(p);
}
TEST(long_chain) {
    const int one = 1;
    struct job j = { .value = 0 };
    int n = (int)live(2000), v = 0;
    future(int) f = future_go(int, NULL, run, &j);
    for (int i = 0; i < n; i++) {
        future(int) g = future_then(f, NULL, int, add, &one);
        future_free(f);
        f = g;
    }
    CHECK(future_await(f, NULL, &v) == 0 && v == n);
    future_free(f);
}

/* Whoever frees the last reference ends what runs, all along the chain, and knows that it has ended. */
TEST(not_wanted) {
    chan(char) never = chan_make(char);
    struct job j = { .gate = never }, fine = { 0 };
    future(int) f = future_go(int, NULL, run, &j);
    future(double) g = future_then(f, NULL, double, halve, &fine);
    future_free(f);
    CHECK(wait_for(&j.begun, 1));
    CHECK_EQ(j.ended, 0);
    future_free(g);
    CHECK(j.ended == 1 && fine.begun == 0);
    chan_free(never);
}
TEST(cancelled) {
    chan(char) never = chan_make(char);
    struct job j = { .gate = never }, fine = { 0 };
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    future(int) f = future_go(int, ctx, run, &j), p = future_make(int);
    future(double) g = future_then(p, ctx, double, halve, &fine);
    conc_ctx_cancel_cause(ctx, -99);
    int v;
    double w;
    CHECK_EQ(future_await(f, NULL, &v), -99);
    CHECK_EQ(future_await(g, NULL, &w), -99);
    CHECK_EQ(fine.begun, 0);
    future_free(f), future_free(g), future_free(p);
    conc_ctx_free(ctx);
    chan_free(never);
}

TEST(all) {
    enum { M = 50 };
    struct job j[M] = { { 0 } };
    future(int) f[M];
    int v[M];
    for (int i = 0; i < M; i++) j[i].value = i, f[i] = future_go(int, NULL, run, &j[i]);
    CHECK_EQ(future_all(f, M, NULL, v), 0);
    for (int i = 0; i < M; i++) CHECK_EQ(v[i], i);
    CHECK_EQ(future_all(f, 0, NULL, v), 0);
    for (int i = 0; i < M; i++) future_free(f[i]);
}
/* One that fails is enough, although others never come. */
TEST(all_with_error) {
    future(int) f[3] = { future_make(int), future_make(int), future_make(int) };
    int v[3] = { 1, 1, 1 };
    future_set(f[0], 0);
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_MS);
    CHECK_EQ(future_all(f, 3, ctx, v), CONC_TIMEOUT);
    future_fail(f[2], FAIL);
    CHECK_EQ(future_all(f, 3, NULL, v), FAIL);
    CHECK(v[0] == 1 && v[1] == 1);
    conc_ctx_free(ctx);
    for (int i = 0; i < 3; i++) future_free(f[i]);
}
TEST(any) {
    future(int) f[3] = { future_make(int), future_make(int), future_make(int) };
    int v = 0;
    CHECK_EQ(future_any(f, 0, NULL, &v), CONC_INVALID);
    future_fail(f[0], FAIL);
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_MS);
    CHECK_EQ(future_any(f, 3, ctx, &v), CONC_TIMEOUT);
    conc_ctx_free(ctx);
    future_set(f[2], 9);
    CHECK(future_any(f, 3, NULL, &v) == 0 && v == 9);
    CHECK_EQ(future_any(f, 1, NULL, &v), FAIL);
    for (int i = 0; i < 3; i++) future_free(f[i]);
}

/* Promises settled by several at once while others await, join and walk away. */
struct storm { conc_atomic(int) sets, wrong; };
static void settler(struct storm *s, future(int) f, int i) {
    if (i % 3 == 0 ? future_fail(f, FAIL) : future_set(f, i)) conc_atomic_fetch_add(&s->sets, 1);
    future_free(f);
}
static void taker(struct storm *s, future(int) f, int i) {
    int v = -1, err;
    conc_ctx *ctx = i % 2 ? conc_ctx_with_timeout(conc_ctx_background(), i * CONC_US) : NULL;
    if (i % 3 == 0) err = future_await(f, ctx, &v);
    else err = i % 3 == 1 ? future_all(&f, 1, ctx, &v) : future_any(&f, 1, ctx, &v);
    if (err == 0 ? v < 0 || v % 3 == 0 : err != FAIL && err != CONC_TIMEOUT) conc_atomic_fetch_add(&s->wrong, 1);
    conc_ctx_free(ctx);
    future_free(f);
}
static void *thread(void *arg) {
    struct storm s = { 0 };
    long n = scale(100);
    conc_wg wg = CONC_WG_INIT;
    for (long k = 0; k < n; k++) {
        future(int) f = future_make(int);
        for (int i = 0; i < 6; i++) conc_wg_go(&wg, taker, &s, future_ref(f), i);
        for (int i = 0; i < 3; i++) conc_wg_go(&wg, settler, &s, future_ref(f), (int)k + i);
        future_free(f);
    }
    conc_wg_wait(&wg);
    CHECK_EQ(s.sets, n);
    CHECK_EQ(s.wrong, 0);
    return arg;
}
TEST(stress) {
    pthread_t t = thread_start(thread, NULL);
    (void)thread(NULL);
    thread_join(t);
}
