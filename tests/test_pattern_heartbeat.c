/* patterns/heartbeat.h: beats that never block, by interval and per unit of work; silence; the end. */
#include "harness.h"
#include "patterns/heartbeat.h"

static void make(struct heartbeat *h, int64_t interval) { REQUIRE(heartbeat_init(h, interval) == CONC_OK); }

/* Nobody looks: the worker does not notice, and one beat is kept. */
TEST(never_blocks) {
    struct heartbeat h;
    make(&h, 0);
    int64_t made = heartbeat_last(&h);
    CHECK_EQ(heartbeat_wait(&h, NULL, 0), CONC_TIMEOUT);
    for (int i = 0; i < 100; i++) heartbeat_beat(&h);
    CHECK_EQ(heartbeat_count(&h), 100);
    CHECK(heartbeat_last(&h) >= made && heartbeat_last(&h) <= conc_now());
    CHECK_EQ(heartbeat_wait(&h, NULL, CONC_FOREVER), CONC_OK);
    CHECK_EQ(heartbeat_wait(&h, NULL, CONC_MS), CONC_TIMEOUT);
    heartbeat_beat(&h), heartbeat_end(&h);
    CHECK_EQ(heartbeat_wait(&h, NULL, CONC_FOREVER), CONC_OK); /* the last one is not lost */
    CHECK_EQ(heartbeat_wait(&h, NULL, CONC_FOREVER), CONC_CLOSED);
    CHECK(heartbeat_ticks(&h) == NULL);
    heartbeat_free(&h);
}

static void worker(struct heartbeat *h, conc_ctx *ctx, chan(int) in, chan(int) out) {
    int v;
    while (heartbeat_do(h, ctx, case_recv(in, &v)) == CONC_OK) {
        heartbeat_beat(h);
        if (heartbeat_do(h, ctx, case_send(out, 2 * v)) != CONC_OK) break;
    }
    heartbeat_end(h);
}
TEST(per_unit_of_work) {
    struct heartbeat h;
    chan(int) in = chan_make(int), out = chan_make(int);
    conc_wg wg = CONC_WG_INIT;
    make(&h, CONC_FOREVER);
    conc_wg_go(&wg, worker, &h, NULL, in, out);
    for (int i = 1; i <= 5; i++) {
        chan_send(in, i);
        CHECK_EQ(heartbeat_wait(&h, NULL, CONC_FOREVER), CONC_OK);
        CHECK_EQ(heartbeat_count(&h), i); /* it has begun, and waits for us to take the result */
        CHECK_EQ(chan_recv(out), 2 * i);
    }
    chan_close(in);
    CHECK_EQ(heartbeat_wait(&h, NULL, CONC_FOREVER), CONC_CLOSED);
    conc_wg_wait(&wg);
    heartbeat_free(&h), chan_free(in), chan_free(out);
}
/* It beats while it waits: to receive, and for a consumer that is gone; until its context ends. */
TEST(interval) {
    struct heartbeat h;
    chan(int) in = chan_make(int), out = chan_make(int);
    conc_wg wg = CONC_WG_INIT;
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    make(&h, CONC_MS);
    CHECK(heartbeat_ticks(&h) != NULL);
    conc_wg_go(&wg, worker, &h, ctx, in, out);
    for (int i = 0; i < 3; i++) CHECK_EQ(heartbeat_wait(&h, NULL, CONC_FOREVER), CONC_OK);
    chan_send(in, 1);
    for (int i = 0; i < 3; i++) CHECK_EQ(heartbeat_wait(&h, NULL, CONC_FOREVER), CONC_OK);
    conc_ctx_cancel(ctx);
    conc_wg_wait(&wg);
    while (heartbeat_wait(&h, NULL, CONC_FOREVER) == CONC_OK) {}
    CHECK(heartbeat_count(&h) >= 6);
    conc_ctx_free(ctx);
    heartbeat_free(&h), chan_free(in), chan_free(out);
}
/* A worker that always finds something to do beats as well. */
TEST(interval_busy) {
    struct heartbeat h;
    chan(int) c = chan_make(int, 1);
    make(&h, CONC_MS);
    while (heartbeat_count(&h) < 3) {
        int v;
        CHECK_EQ(heartbeat_do(&h, NULL, case_send(c, 1)), CONC_OK);
        CHECK_EQ(heartbeat_do(&h, NULL, case_recv(c, &v)), CONC_OK);
    }
    heartbeat_free(&h), chan_free(c);
}

TEST(cancelled) {
    struct heartbeat h;
    chan(int) c = chan_make(int, 1);
    int v = 7;
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    make(&h, 0);
    conc_ctx_cancel(ctx);
    CHECK_EQ(heartbeat_wait(&h, ctx, CONC_FOREVER), CONC_CANCELED);
    CHECK_EQ(heartbeat_do(&h, ctx, case_send(c, 1)), CONC_CANCELED);
    CHECK_EQ(chan_len(c), 0);
    chan_close(c);
    CHECK_EQ(heartbeat_do(&h, NULL, case_recv(c, &v)), CONC_CLOSED);
    CHECK_EQ(v, 0);
    conc_ctx_free(ctx);
    heartbeat_free(&h), chan_free(c);
}

/* Several workers with one heart, several that watch, on goroutines and threads: every beat counts, and all learn of the end. */
static void beats(struct heartbeat *h, int n) {
    for (int i = 0; i < n; i++) heartbeat_beat(h);
}
static void *beats_thread(void *h) { return beats((struct heartbeat *)h, 1000), NULL; }
static void watches(struct heartbeat *h) {
    while (heartbeat_wait(h, NULL, CONC_FOREVER) != CONC_CLOSED) {}
}
TEST(many) {
    struct heartbeat h;
    conc_wg beating = CONC_WG_INIT, watching = CONC_WG_INIT;
    make(&h, 0);
    for (int i = 0; i < 4; i++) conc_wg_go(&watching, watches, &h);
    for (int i = 0; i < 4; i++) conc_wg_go(&beating, beats, &h, 1000);
    pthread_t t = thread_start(beats_thread, &h);
    conc_wg_wait(&beating), thread_join(t);
    CHECK_EQ(heartbeat_count(&h), 5000);
    heartbeat_end(&h);
    conc_wg_wait(&watching);
    heartbeat_free(&h);
}

CRASH(end_twice, "panic: close of closed channel") {
    struct heartbeat h;
    make(&h, 0);
    heartbeat_end(&h), heartbeat_end(&h);
}
