/* The patterns that combine streams and results, under the explorer: what must hold in every schedule. */
#include "harness.h"
#include "../patterns/future.h"
#include "../patterns/parallel.h"
#include "../patterns/pipeline.h"
#include "../patterns/sequence.h"

#if defined(CONC_TEST) && !HARNESS_TSAN
static void agree(const char *name, void (*fn)(void *), void *arg) {
    conc_report r = conc_test(fn, arg, .name = name, .schedules = (uint64_t)scale(4000), .seconds = 20);
    CHECK_SAY(r.ok, "%s", r.text);
}
static void exhaust(const char *name, void (*fn)(void *), void *arg) {
    conc_report r = conc_test(fn, arg, .name = name, .strategy = CONC_EXHAUSTIVE, .seconds = 30);
    CHECK_SAY(r.ok && r.exhausted, "%s", r.text);
}

/* ---- pipeline ---- */
static const int numbers[] = { 1, 2, 3 };
static int same(conc_ctx *ctx, const int *in, int *out, const int *fails) {
    (void)ctx;
    *out = *in;
    return *in == *fails ? -7 : 0;
}
/* Every value once through two workers, a tee and a merge. */
static void each_once(void *arg) {
    const int never = 0;
    int seen = 0, total = 0;
    (void)arg;
    conc_scope_begin(s);
    recv_chan(int) a, b;
    pipeline_tee(s, pipeline_fan_out(s, pipeline_from(s, numbers, 3), int, 2, same, &never), &a, &b);
    recv_chan(int) both[2] = { a, b };
    chan_range(v, pipeline_merge(s, both, 2)) seen++, total += v;
    conc_assert(seen == 6 && total == 12);
    conc_assert(pipeline_end(s) == 0);
}
/* The end of the stream is never seen without the error that caused it. */
static void error_is_told(void *arg) {
    const int two = 2;
    (void)arg;
    conc_scope_begin(s);
    chan_range(v, pipeline_fan_out(s, pipeline_from(s, numbers, 3), int, 2, same, &two)) conc_assert(v != 2);
    conc_assert(pipeline_end(s) == -7);
}
/* A cancelled parent: either all values and no error, or the cause. */
static void cancel_it(conc_ctx *ctx) { conc_ctx_cancel_cause(ctx, -99); }
static void cancelled_any_time(void *arg) {
    const int never = 0;
    int seen = 0;
    (void)arg;
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, cancel_it, ctx);
    {
        conc_scope_begin(s, .parent = ctx);
        chan_range(v, pipeline_map(s, pipeline_from(s, numbers, 2), int, same, &never)) seen++;
        int err = pipeline_end(s);
        conc_assert(err == 0 ? seen == 2 : err == -99);
    }
    conc_wg_wait(&wg);
    conc_ctx_free(ctx);
}
/* A consumer that leaves: no schedule strands a sender, and no channel of a bridge is lost. */
static void leaves_early(void *arg) {
    (void)arg;
    conc_scope_begin(s);
    chan(recv_chan(int)) streams = conc_scope_chan(s, recv_chan(int), 2);
    for (int i = 0; i < 2; i++) {
        chan(int) c = chan_make(int, 1);
        chan_send(c, i);
        chan_close(c);
        chan_send(streams, c);
    }
    conc_assert(chan_recv(pipeline_bridge(s, streams)) == 0);
}
/* Batches lose nothing and keep the order, whenever the patience is over. */
typedef pipeline_batch_of(int, 2) pair;
static void batches(void *arg) {
    int expect = 1;
    (void)arg;
    conc_scope_begin(s);
    chan_range(b, pipeline_batch(s, pipeline_from(s, numbers, 3), pair, 10)) {
        conc_assert(b.n == 1 || b.n == 2);
        for (size_t i = 0; i < b.n; i++) conc_assert(b.item[i] == expect++);
    }
    conc_assert(expect == 4 && pipeline_end(s) == 0);
}
static void one_stage(void *arg) {
    (void)arg;
    conc_scope_begin(s);
    conc_assert(chan_recv(pipeline_from(s, numbers, 2)) == 1);
}
TEST(pipeline, .seconds = 120) {
    agree("each once", each_once, NULL);
    agree("the error is told", error_is_told, NULL);
    agree("cancelled any time", cancelled_any_time, NULL);
    agree("leaves early", leaves_early, NULL);
    agree("batches", batches, NULL);
    exhaust("one stage", one_stage, NULL);
}

/* ---- sequence ---- */
static void count(conc_ctx *ctx, send_chan(int) out, int n) {
    for (int i = 1; i <= n && chan_send_ctx(out, i, ctx) == CONC_OK; i++) {}
    chan_close(out);
}
struct ends { int at, with, parent; };
static int ends_at(conc_ctx *ctx, const int *in, int *out, const struct ends *e) {
    (void)ctx;
    conc_yield();
    *out = *in;
    return *in == e->at ? e->with : 0;
}
/* In order; complete if nothing failed; an error is told, and so is the cancel of the parent; "no more" loses nothing before it. */
static void in_order(void *arg) {
    const struct ends *e = (const struct ends *)arg;
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    conc_wg wg = CONC_WG_INIT;
    if (e->parent) conc_wg_go(&wg, cancel_it, ctx);
    {
        conc_scope_begin(s, .parent = ctx);
        chan(int) in = conc_scope_chan(s, int, 4);
        int seen = 0;
        conc_scope_go(s, count, conc_scope_ctx(s), in, 4);
        chan_range(v, sequence_map(s, in, int, 2, 2, ends_at, e)) conc_assert(v == ++seen);
        int err = conc_scope_wait(s);
        if (e->parent) conc_assert(err == 0 ? seen == 4 : err == -99);
        else if (e->with == CONC_CLOSED) conc_assert(seen == e->at - 1 && err == 0);
        else conc_assert(e->with ? err == e->with && seen < e->at : seen == 4 && err == 0);
    }
    conc_wg_wait(&wg);
    conc_ctx_free(ctx);
}
TEST(sequence, .seconds = 120) {
    struct ends fine = { 0, 0, 0 }, error = { 3, -7, 0 }, no_more = { 3, CONC_CLOSED, 0 }, cancelled = { 0, 0, 1 };
    agree("in order", in_order, &fine);
    agree("an error", in_order, &error);
    agree("no more", in_order, &no_more);
    agree("cancelled", in_order, &cancelled);
}

/* ---- parallel ---- */
struct loop { conc_atomic(int) ran[4]; size_t fails_at; };
static int visit(conc_ctx *ctx, size_t i, struct loop *l) {
    (void)ctx;
    conc_atomic_fetch_add(&l->ran[i], 1);
    return i == l->fails_at ? -7 : 0;
}
static void each_item_once(void *fails) {
    const struct parallel_opts o = { .workers = 2, .chunk = 1 };
    struct loop l = { { 0, 0, 0, 0 }, fails ? 2 : SIZE_MAX };
    conc_assert(parallel_for(NULL, &o, 4, visit, &l) == (fails ? -7 : 0));
    for (int i = 0; i < 4; i++) conc_assert(conc_atomic_load(&l.ran[i]) == 1 || (fails && i != 2 && conc_atomic_load(&l.ran[i]) == 0));
}
static int spell(conc_ctx *ctx, size_t from, size_t to, long *acc, void *none) {
    (void)ctx, (void)none;
    conc_yield();
    for (; from < to; from++) *acc = 10 * *acc + (long)from + 1;
    return 0;
}
static void append(long *acc, const long *more) { *acc = 100 * *acc + *more; } /* for chunks of two */
static void left_to_right(void *arg) {
    const struct parallel_opts o = { .workers = 3, .chunk = 2 };
    long acc = 0;
    (void)arg;
    conc_assert(parallel_reduce(NULL, &o, 6, &acc, spell, append, NULL) == 0 && acc == 123456);
}
TEST(parallel, .seconds = 120) {
    int yes = 1;
    agree("each item once", each_item_once, NULL);
    agree("an error", each_item_once, &yes);
    agree("from left to right", left_to_right, NULL);
}

/* ---- future ---- */
static int one(conc_ctx *ctx, int *out, const int *err) { return (void)ctx, *out = 1, *err; }
static int plus_one(conc_ctx *ctx, const int *in, int *out, const int *err) { return (void)ctx, *out = *in + 1, *err; }
static void set_it(future(int) f, int v) {
    if (v < 0) future_fail(f, v);
    else future_set(f, v);
    future_free(f);
}
/* A chain gives its value or its first error, and may be freed at any time. */
static void chain(void *arg) {
    const int *err = (const int *)arg, fine = 0;
    int v = 0;
    future(int) f = future_go(int, NULL, one, &fine), g = future_then(f, NULL, int, plus_one, err), h = future_then(g, NULL, int, plus_one, &fine);
    future_free(f), future_free(g);
    if (conc_choose(2)) {
        int got = future_await(h, NULL, &v);
        conc_assert(*err ? got == *err : got == 0 && v == 3);
    }
    future_free(h);
}
/* Settled by two at once: everybody sees the same. */
static void settled_once(void *arg) {
    int v = 0, w = 0;
    (void)arg;
    future(int) f = future_make(int);
    go(set_it, future_ref(f), 5);
    go(set_it, future_ref(f), -7);
    int err = future_await(f, NULL, &v);
    conc_assert(err == 0 ? v == 5 : err == -7);
    conc_assert(future_all(&f, 1, NULL, &w) == err && w == v);
    conc_yield();
    future_free(f);
}
static void all_and_any(void *arg) {
    int v[2], w = 0;
    (void)arg;
    future(int) f[2] = { future_make(int), future_make(int) };
    go(set_it, future_ref(f[0]), 5);
    go(set_it, future_ref(f[1]), -7);
    conc_assert(future_any(f, 2, NULL, &w) == 0 && w == 5);
    conc_assert(future_all(f, 2, NULL, v) == -7);
    future_free(f[0]), future_free(f[1]);
}
TEST(future, .seconds = 120) {
    int fine = 0, bad = -7;
    agree("a chain", chain, &fine);
    agree("a chain with an error", chain, &bad);
    agree("settled once", settled_once, NULL);
    agree("all and any", all_and_any, NULL);
    exhaust("settled once", settled_once, NULL);
}
#else
TEST(unavailable) { CHECK_EQ(conc_bubble(NULL, NULL).kind, CONC_FAIL_UNAVAILABLE); }
#endif
