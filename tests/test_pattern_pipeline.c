/* patterns/pipeline.h: every source, stage and joint; the end of the input, of the scope, of the consumer's interest; errors; misuse. */
#include "harness.h"
#include "patterns/pipeline.h"

static const int numbers[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
enum { N = 10 };

static int square(conc_ctx *ctx, const int *n, long *out, void *none) {
    (void)ctx, (void)none;
    *out = (long)*n * *n;
    return 0;
}
static int count_up(conc_ctx *ctx, int *out, int *next) { return (void)ctx, *out = (*next)++, 0; }
static int count_to_5(conc_ctx *ctx, int *out, int *next) { return *next == 5 ? (int)CONC_CLOSED : count_up(ctx, out, next); }
static bool divisible(const int *v, const int *by) { return *v % *by == 0; }
/* Returns *arg for the value 4. */
static int fails_at_4(conc_ctx *ctx, const int *n, int *out, int *err) { return (void)ctx, *out = *n, *n == 4 ? *err : 0; }
static int exits_at_4(conc_ctx *ctx, const int *n, int *out, void *none) {
    (void)ctx, (void)none;
    if (*n == 4) conc_exit();
    return *out = *n, 0;
}
static int waits(conc_ctx *ctx, const int *n, int *out, conc_atomic(int) *begun) {
    *out = *n;
    conc_atomic_fetch_add(begun, 1);
    return conc_sleep_ctx(ctx, CONC_HOUR) == CONC_OK ? 0 : conc_ctx_cause(ctx);
}
static long sum(recv_chan(int) c) {
    long total = 0;
    chan_range(v, c) total += v;
    return total;
}

TEST(sources) {
    conc_scope_begin(s);
    int next = 0, expect = 1;
    chan_range(v, pipeline_from(s, numbers, N)) CHECK_EQ(v, expect++);
    CHECK_EQ(expect, N + 1);
    expect = 0;
    chan_range(v, pipeline_take(s, pipeline_repeat(s, numbers, 3), 8)) CHECK_EQ(v, expect++ % 3 + 1);
    CHECK_EQ(expect, 8);
    expect = 0;
    chan_range(v, pipeline_generate(s, int, count_to_5, &next)) CHECK_EQ(v, expect++);
    CHECK_EQ(expect, 5);
    CHECK_EQ(pipeline_end(s), 0);
}

TEST(stages) {
    conc_scope_begin(s);
    const int three = 3;
    long expect = 0;
    chan_range(v, pipeline_map(s, pipeline_from(s, numbers, N), long, square, NULL)) expect++, CHECK_EQ(v, expect * expect);
    CHECK_EQ(expect, N);
    CHECK_EQ(sum(pipeline_filter(s, pipeline_from(s, numbers, N), divisible, &three)), 18);
    CHECK_EQ(sum(pipeline_take(s, pipeline_from(s, numbers, N), 4)), 10);
    CHECK_EQ(sum(pipeline_take(s, pipeline_from(s, numbers, N), 400)), 55);
    CHECK_EQ(sum(pipeline_or_done(s, pipeline_from(s, numbers, N))), 55);
    CHECK_EQ(pipeline_end(s), 0);
}
TEST(queue) {
    conc_scope_begin(s);
    recv_chan(int) queue = pipeline_buffer(s, pipeline_from(s, numbers, N), N);
    CHECK_EQ(chan_cap(queue), N);
    CHECK_EQ(conc_scope_wait(s), 0); /* all of it fits in the queue, so nobody waits for a reader */
    CHECK_EQ(sum(queue), 55);
    CHECK_EQ(pipeline_end(s), 0);
}

TEST(nothing) {
    conc_scope_begin(s);
    recv_chan(int) none[2] = { pipeline_from(s, numbers, 0), pipeline_repeat(s, numbers, 0) }, a, b;
    pipeline_tee(s, pipeline_merge(s, none, 2), &a, &b);
    CHECK_EQ(sum(a) + sum(b), 0);
    CHECK_EQ(sum(pipeline_merge(s, none, 0)), 0);
    CHECK_EQ(sum(pipeline_take(s, pipeline_repeat(s, numbers, N), 0)), 0);
    typedef pipeline_batch_of(int, 3) threes;
    int batches = 0;
    chan_range(v, pipeline_batch(s, pipeline_from(s, numbers, 0), threes, 0)) batches += v.n < 100;
    CHECK_EQ(batches, 0);
    chan(recv_chan(int)) streams = conc_scope_chan(s, recv_chan(int));
    chan_close(streams);
    CHECK_EQ(sum(pipeline_bridge(s, streams)), 0);
    long seen = 0;
    chan_range(v, pipeline_fan_out(s, pipeline_from(s, numbers, 0), long, 7, square, NULL)) seen += v;
    CHECK_EQ(seen, 0);
    CHECK_EQ(pipeline_end(s), 0);
}

static void fan_out(size_t workers, int n) {
    conc_scope_begin(s);
    int next = 1;
    long total = 0, seen = 0;
    recv_chan(int) in = pipeline_take(s, pipeline_generate(s, int, count_up, &next), (size_t)n);
    chan_range(v, pipeline_fan_out(s, in, long, workers, square, NULL)) total += v, seen++;
    CHECK_EQ(seen, n);
    CHECK_EQ(total, (long)n * (n + 1) / 2 * (2 * n + 1) / 3);
    CHECK_EQ(pipeline_end(s), 0);
}
TEST(one_worker) { fan_out(1, (int)scale(1000)); }
TEST(four_workers) { fan_out(4, (int)scale(1000)); }
TEST(many_workers) { fan_out((size_t)live(500), (int)scale(1000)); }
CRASH(pipeline_no_workers, "panic: pipeline_fan_out: n must be at least 1") {
    conc_scope_begin(s);
    pipeline_fan_out(s, pipeline_from(s, numbers, N), long, 0, square, NULL);
}

TEST(merge) {
    conc_scope_begin(s);
    recv_chan(int) in[30];
    for (int i = 0; i < 30; i++) in[i] = pipeline_from(s, numbers, (size_t)(i % (N + 1)));
    long expect = 0;
    for (int i = 0; i < 30; i++) expect += (long)(i % (N + 1)) * (i % (N + 1) + 1) / 2;
    CHECK_EQ(sum(pipeline_merge(s, in, 30)), expect);
    chan(int) plain[2] = { conc_scope_chan(s, int, 1), conc_scope_chan(s, int, 1) };
    for (int i = 0; i < 2; i++) chan_send(plain[i], i + 1), chan_close(plain[i]);
    CHECK_EQ(sum(pipeline_merge(s, plain, 2)), 3);
    CHECK_EQ(pipeline_end(s), 0);
}

TEST(tee) {
    conc_scope_begin(s);
    recv_chan(int) a, b;
    pipeline_tee(s, pipeline_from(s, numbers, N), &a, &b);
    for (int i = 1; i <= N; i++) { /* whoever asks first */
        CHECK_EQ(chan_recv(i % 2 ? a : b), i);
        CHECK_EQ(chan_recv(i % 2 ? b : a), i);
    }
    int v;
    CHECK(!chan_recv(a, &v) && !chan_recv(b, &v));
    CHECK_EQ(pipeline_end(s), 0);
}

static chan(int) filled(int from, int n) {
    chan(int) c = chan_make(int, n + 1);
    REQUIRE(c != NULL);
    for (int i = 0; i < n; i++) chan_send(c, from + i);
    chan_close(c);
    return c;
}
TEST(bridge) {
    conc_scope_begin(s);
    chan(recv_chan(int)) streams = conc_scope_chan(s, recv_chan(int), 3);
    for (int i = 0; i < 3; i++) chan_send(streams, filled(10 * i, i)); /* 0, 1 and 2 values */
    chan_close(streams);
    int got[3] = { 0, 0, 0 }, n = 0;
    chan_range(v, pipeline_bridge(s, streams)) got[n++ % 3] = v;
    CHECK(n == 3 && got[0] == 10 && got[1] == 20 && got[2] == 21);
    CHECK_EQ(pipeline_end(s), 0);
}
/* Channels that nobody takes any more are freed with the scope: the leak checkers see to it. */
TEST(bridge_left) {
    conc_scope_begin(s);
    chan(recv_chan(int)) streams = conc_scope_chan(s, recv_chan(int), 5);
    recv_chan(int) all = pipeline_bridge(s, streams);
    for (int i = 0; i < 5; i++) chan_send(streams, filled(10 * i, 3));
    CHECK_EQ(chan_recv(all), 0);
    CHECK_EQ(chan_recv(all), 1);
    CHECK_EQ(pipeline_end(s), 0);
}

typedef pipeline_batch_of(int, 4) batch4;
TEST(batch) {
    conc_scope_begin(s);
    int expect = 1;
    size_t sizes[3] = { 0, 0, 0 }, n = 0;
    chan_range(b, pipeline_batch(s, pipeline_from(s, numbers, N), batch4, CONC_FOREVER)) {
        sizes[n++ % 3] = b.n;
        for (size_t i = 0; i < b.n; i++) CHECK_EQ(b.item[i], expect++);
    }
    CHECK(n == 3 && sizes[0] == 4 && sizes[1] == 4 && sizes[2] == 2);
    CHECK_EQ(pipeline_end(s), 0);
}
/* One that is not full goes when its first element has waited long enough. */
TEST(batch_patience) {
    conc_scope_begin(s);
    chan(int) in = conc_scope_chan(s, int);
    recv_chan(batch4) out = pipeline_batch(s, in, batch4, CONC_MS);
    for (int i = 0; i < 3; i++) {
        chan_send(in, i);
        batch4 b = chan_recv(out);
        CHECK(b.n == 1 && b.item[0] == i);
    }
    CHECK_EQ(pipeline_end(s), 0);
}

/* An error ends the whole pipeline, and is not lost although the consumer sees the end first. */
static void error_half_way(int err, int expect, size_t workers) {
    conc_scope_begin(s);
    int seen = 0;
    recv_chan(int) out = pipeline_fan_out(s, pipeline_repeat(s, numbers, N), int, workers, fails_at_4, &err);
    chan_range(v, pipeline_buffer(s, pipeline_or_done(s, out), 2)) seen += v != 4;
    CHECK_SAY(workers > 1 || seen <= 3, "%d values", seen);
    CHECK_EQ(pipeline_end(s), expect);
    CHECK_EQ(pipeline_end(s), expect);
}
TEST(error) {
    for (long i = 0; i < scale(50); i++) error_half_way(-7, -7, 1), error_half_way(-7, -7, 3);
}
/* A function that wants no more ends its stage in good order. */
TEST(wants_no_more) {
    for (long i = 0; i < scale(50); i++) {
        conc_scope_begin(s);
        int closed = CONC_CLOSED;
        CHECK_EQ(sum(pipeline_map(s, pipeline_repeat(s, numbers, N), int, fails_at_4, &closed)), 6);
        CHECK_EQ(pipeline_end(s), 0);
    }
}
TEST(conc_exit_in_a_stage) {
    conc_scope_begin(s);
    CHECK(sum(pipeline_map(s, pipeline_repeat(s, numbers, N), int, exits_at_4, NULL)) <= 6);
    CHECK_EQ(pipeline_end(s), CONC_CANCELED);
}
TEST(fails_unread) {
    conc_scope_begin(s);
    int err = -9;
    recv_chan(int) out = pipeline_map(s, pipeline_from(s, numbers + 3, 1), int, fails_at_4, &err);
    CHECK_EQ(conc_scope_wait(s), -9); /* although nobody reads */
    CHECK_EQ(sum(out), 0);
}

/* The consumer leaves without a word: the block's end is enough. */
static int first_of(conc_ctx *ctx, size_t workers) {
    conc_scope_begin(s, .parent = ctx);
    int err = 0;
    recv_chan(int) in = pipeline_repeat(s, numbers, N), a, b;
    pipeline_tee(s, pipeline_fan_out(s, in, int, workers, fails_at_4, &err), &a, &b);
    recv_chan(int) both[2] = { a, pipeline_buffer(s, b, 3) };
    chan_range(v, pipeline_merge(s, both, 2)) return v;
    return 0;
}
TEST(consumer_gone) {
    for (long i = 0; i < scale(50); i++) CHECK(first_of(NULL, 1 + (size_t)i % 5) > 0);
}

TEST(cancelled) {
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    conc_atomic(int) begun = 0;
    {
        conc_scope_begin(s, .parent = ctx);
        recv_chan(int) out = pipeline_fan_out(s, pipeline_repeat(s, numbers, N), int, 5, waits, &begun);
        CHECK(wait_for(&begun, 5));
        conc_ctx_cancel_cause(ctx, -99);
        CHECK_EQ(sum(out), 0);
        CHECK_EQ(pipeline_end(s), -99);
    }
    CHECK_EQ(first_of(ctx, 3), 0); /* had ended before */
    conc_ctx_free(ctx);
    conc_scope_begin(late, .timeout = CONC_MS);
    (void)sum(pipeline_repeat(late, numbers, N)); /* ends */
    CHECK_EQ(pipeline_end(late), CONC_TIMEOUT);
}
/* or_done: the channel does not know of the context, and nobody ever sends to it. */
TEST(or_done) {
    chan(int) silent = chan_make(int);
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_MS);
    {
        conc_scope_begin(s, .parent = ctx);
        CHECK_EQ(sum(pipeline_or_done(s, silent)), 0);
        CHECK_EQ(pipeline_end(s), CONC_TIMEOUT);
    }
    conc_ctx_free(ctx);
    chan_free(silent);
}

/* Pipelines of all kinds, by threads and goroutines at once, ended in the middle or not. */
static void *thread(void *arg) {
    struct rng g = rng_new((unsigned)(uintptr_t)arg);
    for (long i = 0; i < scale(30); i++) {
        conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), rng_below(&g, 4) ? CONC_HOUR : (int64_t)rng_below(&g, 100000));
        CHECK(first_of(ctx, 1 + rng_below(&g, 4)) > 0 || conc_ctx_err(ctx) != CONC_OK);
        conc_ctx_free(ctx);
        fan_out(1 + rng_below(&g, 4), (int)rng_below(&g, 30));
    }
    return NULL;
}
static void goroutine(int i) { (void)thread((void *)(uintptr_t)(unsigned)i); }
TEST(stress) {
    pthread_t t[2];
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 2; i++) t[i] = thread_start(thread, (void *)(uintptr_t)i);
    for (int i = 2; i < 8; i++) conc_wg_go(&wg, goroutine, i);
    for (int i = 0; i < 2; i++) thread_join(t[i]);
    conc_wg_wait(&wg);
}
