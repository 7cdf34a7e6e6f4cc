/* patterns/parallel.h: each item once, results in place, the order of combining, errors, cancels, misuse of nothing, stress. */
#include "harness.h"
#include "patterns/parallel.h"

enum { FAIL = -7, EXIT = 99 };
struct loop {
    conc_atomic(int) *ran; /* of each item */
    conc_atomic(int) at_once, most, begun;
    size_t at;
    int what; /* for item at: returned, or EXIT */
    bool waits;
};
static int item(conc_ctx *ctx, size_t i, struct loop *l) {
    int now = conc_atomic_fetch_add(&l->at_once, 1) + 1, most = conc_atomic_load(&l->most);
    while (now > most && !conc_atomic_compare_exchange(&l->most, &most, now)) {}
    conc_atomic_fetch_add(&l->begun, 1);
    if (l->ran) conc_atomic_fetch_add(&l->ran[i], 1);
    if (i % 7 == 0) conc_yield();
    int err = l->waits && conc_sleep_ctx(ctx, CONC_HOUR) != CONC_OK ? conc_ctx_cause(ctx) : 0;
    conc_atomic_fetch_sub(&l->at_once, 1);
    if (i == l->at && l->what == EXIT) conc_exit();
    return i == l->at ? l->what : err;
}
static void each_once(size_t n, int workers, size_t chunk) {
    struct parallel_opts o = { .workers = workers, .chunk = chunk };
    struct loop l = { .ran = calloc(n + 1, sizeof *l.ran) };
    REQUIRE(l.ran != NULL);
    CHECK_EQ(parallel_for(NULL, &o, n, item, &l), 0);
    for (size_t i = 0; i < n; i++) CHECK_EQ(l.ran[i], 1);
    CHECK_SAY(workers == 0 || l.most <= workers, "%d at once, of %d", l.most, workers);
    free(l.ran);
}
TEST(nothing) {
    struct loop l = { .what = FAIL };
    conc_ctx *done = conc_ctx_with_cancel(conc_ctx_background());
    conc_ctx_cancel(done);
    CHECK_EQ(parallel_for(NULL, NULL, 0, item, &l), 0);
    CHECK_EQ(parallel_for(done, NULL, 0, item, &l), 0);
    CHECK_EQ(parallel_for(done, NULL, 5, item, &l), CONC_CANCELED);
    CHECK_EQ(l.begun, 0);
    conc_ctx_free(done);
}
TEST(one_worker) { each_once((size_t)scale(1000), 1, 0), each_once(10, 1, 1), each_once(10, 1, 100); }
TEST(four_workers) { each_once((size_t)scale(3000), 4, 0), each_once(100, 4, 1), each_once(10, 4, 3), each_once(1, 4, 0); }
TEST(many_workers) { each_once((size_t)scale(3000), (int)live(300), 2); }
TEST(as_given) { each_once(1000, 0, 0), each_once(1, 0, SIZE_MAX); }

static int times3(conc_ctx *ctx, const int *in, long *out, const int *fails) {
    (void)ctx;
    *out = 3L * *in;
    return *in == *fails ? FAIL : 0;
}
TEST(map) {
    enum { M = 1000 };
    static int in[M];
    static long out[M];
    int fails = -1;
    for (int i = 0; i < M; i++) in[i] = i;
    CHECK_EQ(parallel_map(NULL, NULL, in, M, out, times3, &fails), 0);
    for (int i = 0; i < M; i++) CHECK_EQ(out[i], 3L * i);
    fails = 500;
    CHECK_EQ(parallel_map(NULL, NULL, in, M, out, times3, &fails), FAIL);
}

/* Combining intervals is associative and not commutative: it works in order only. */
struct span { size_t from, to; bool torn; };
static int gather(conc_ctx *ctx, size_t from, size_t to, struct span *acc, const int *fails) {
    (void)ctx;
    if (from % 5 == 0) conc_yield();
    acc->torn |= acc->to != 0 && acc->to != from;
    if (acc->to == 0) acc->from = from;
    acc->to = to;
    return *fails;
}
static void join(struct span *acc, const struct span *more) {
    acc->torn |= more->torn || (acc->to != 0 && acc->to != more->from);
    if (acc->to == 0) acc->from = more->from;
    acc->to = more->to;
}
TEST(reduce_ordered) {
    const int fine = 0, bad = FAIL;
    for (int workers = 1; workers < 9; workers++) {
        struct parallel_opts o = { .workers = workers, .chunk = (size_t)workers % 3 };
        struct span all = { 0, 0, false };
        CHECK_EQ(parallel_reduce(NULL, &o, 1000, &all, gather, join, &fine), 0);
        CHECK(all.from == 0 && all.to == 1000 && !all.torn);
        all.to = 0;
        CHECK_EQ(parallel_reduce(NULL, &o, 0, &all, gather, join, &fine), 0);
        CHECK_EQ(parallel_reduce(NULL, &o, 1000, &all, gather, join, &bad), FAIL);
        CHECK_EQ(all.to, 0); /* as it was */
    }
}
static int add_up(conc_ctx *ctx, size_t from, size_t to, long *sum, void *none) {
    (void)ctx, (void)none;
    for (; from < to; from++) *sum += (long)from;
    return 0;
}
static void add(long *sum, const long *more) { *sum += *more; }
TEST(reduce_unordered) {
    for (int workers = 0; workers < 9; workers++) {
        struct parallel_opts o = { .workers = workers, .chunk = 3, .unordered = true };
        long sum = 0;
        CHECK_EQ(parallel_reduce(NULL, &o, 1000, &sum, add_up, add, NULL), 0);
        CHECK_EQ(sum, 499500);
    }
}

TEST(error) {
    for (long i = 0; i < scale(50); i++) {
        struct parallel_opts o = { .workers = 1 + (int)i % 4, .chunk = 1 };
        struct loop l = { .at = 3, .what = FAIL };
        CHECK_EQ(parallel_for(NULL, &o, 1 << 30, item, &l), FAIL);
        l.at = 0, l.what = CONC_CLOSED; /* an error as any other */
        CHECK_EQ(parallel_for(NULL, &o, 1 << 30, item, &l), CONC_CLOSED);
        l.what = EXIT;
        CHECK_EQ(parallel_for(NULL, &o, 1 << 30, item, &l), CONC_CANCELED);
    }
}

static void canceller(conc_ctx *ctx, struct loop *l) {
    CHECK(wait_for(&l->begun, 3));
    conc_ctx_cancel_cause(ctx, -99);
}
TEST(cancelled) {
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    struct parallel_opts o = { .workers = 3, .chunk = 10 };
    struct loop l = { .waits = true };
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, canceller, ctx, &l);
    CHECK_EQ(parallel_for(ctx, &o, 1 << 30, item, &l), -99);
    conc_wg_wait(&wg);
    conc_ctx_free(ctx);
}

/* Loops in loops, in goroutines and threads. */
static int outer(conc_ctx *ctx, size_t i, struct loop *l) { return parallel_for(ctx, NULL, i, item, l); }
static void *thread(void *arg) {
    struct loop l = { .at = SIZE_MAX };
    CHECK_EQ(parallel_for(NULL, NULL, 30, outer, &l), 0);
    CHECK_EQ(l.begun, 30 * 29 / 2);
    return arg;
}
static void goroutine(int i) { (void)i, (void)thread(NULL); }
TEST(stress) {
    pthread_t t = thread_start(thread, NULL);
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < scale(10); i++) conc_wg_go(&wg, goroutine, i);
    thread_join(t);
    conc_wg_wait(&wg);
}
