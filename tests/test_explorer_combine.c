/* The patterns that combine streams and results, under the explorer: what must hold in every schedule. */
#include "harness.h"
#include "../patterns/pipeline.h"

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
#else
TEST(unavailable) { CHECK_EQ(conc_bubble(NULL, NULL).kind, CONC_FAIL_UNAVAILABLE); }
#endif
