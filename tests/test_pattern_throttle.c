/* patterns/throttle.h: both edges, flush, cancel, stop. What takes exactly so long is in test_explorer_limit.c. */
#include "harness.h"
#include "patterns/throttle.h"

struct log { conc_atomic(int) runs, alone; };
static void run(struct log *l) {
    CHECK_EQ(conc_atomic_fetch_add(&l->alone, 1), 0); /* one at a time */
    conc_atomic_fetch_add(&l->runs, 1);
    conc_yield();
    conc_atomic_fetch_sub(&l->alone, 1);
}
static void events(struct throttle *t, int n) {
    while (n-- > 0) CHECK(throttle_event(t));
}

TEST(nothing) {
    struct log l = { 0 };
    struct throttle t;
    throttle_init(&t, CONC_HOUR, run, &l);
    CHECK(throttle_flush(&t, NULL) == CONC_OK && !throttle_cancel(&t));
    throttle_free(&t);
    CHECK_EQ(l.runs, 0);
}
/* At once, then once more for all that came sooner. */
TEST(both_edges) {
    struct log l = { 0 };
    struct throttle t;
    throttle_init(&t, CONC_HOUR, run, &l);
    CHECK(throttle_event(&t) && wait_for(&l.runs, 1));
    events(&t, 1000);
    CHECK(settle());
    CHECK_EQ(l.runs, 1);
    CHECK(throttle_flush(&t, NULL) == CONC_OK && l.runs == 2);
    CHECK(throttle_flush(&t, NULL) == CONC_OK && l.runs == 2);
    throttle_free(&t);
    throttle_init(&t, CONC_MS, run, &l);
    CHECK(throttle_event(&t) && wait_for(&l.runs, 3));
    CHECK(throttle_event(&t) && wait_for(&l.runs, 4)); /* by itself, a millisecond later */
    throttle_free(&t);
}
TEST(leading_only) {
    struct log l = { 0 };
    struct throttle t;
    throttle_init(&t, CONC_HOUR, run, &l);
    t.trailing = false;
    CHECK(throttle_event(&t) && wait_for(&l.runs, 1));
    for (int i = 0; i < 100; i++) CHECK(!throttle_event(&t));
    CHECK(throttle_flush(&t, NULL) == CONC_OK && l.runs == 1);
    throttle_free(&t);
}
TEST(trailing_only) {
    struct log l = { 0 };
    struct throttle t;
    throttle_init(&t, CONC_HOUR, run, &l);
    t.leading = false;
    events(&t, 10);
    CHECK(settle());
    CHECK_EQ(l.runs, 0);
    CHECK(throttle_flush(&t, NULL) == CONC_OK && l.runs == 1);
    throttle_free(&t);
}
TEST(cancel) {
    struct log l = { 0 };
    struct throttle t;
    throttle_init(&t, CONC_HOUR, run, &l);
    t.leading = false;
    events(&t, 10);
    CHECK(throttle_cancel(&t) && !throttle_cancel(&t));
    CHECK(throttle_flush(&t, NULL) == CONC_OK && l.runs == 0);
    events(&t, 10);
    throttle_free(&t); /* what is owed is forgotten */
    CHECK_EQ(l.runs, 0);
}

struct gate { chan(char) begun, go_on; };
static void pass(struct gate *g) {
    chan_send(g->begun, 0);
    (void)chan_recv(g->go_on);
}
static void flusher(struct throttle *t, conc_ctx *ctx, conc_status *err) { *err = throttle_flush(t, ctx); }
/* Events during a run are owed another; a flush waits for both, unless its context ends or the second is cancelled. */
TEST(while_it_runs) {
    struct gate g = { chan_make(char), chan_make(char) };
    struct throttle t;
    conc_status err[3];
    conc_wg wg = CONC_WG_INIT, late = CONC_WG_INIT;
    throttle_init(&t, CONC_HOUR, pass, &g);
    CHECK(throttle_event(&t));
    (void)chan_recv(g.begun);
    CHECK(throttle_event(&t));
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    conc_wg_go(&wg, flusher, &t, ctx, &err[0]);
    conc_wg_go(&late, flusher, &t, NULL, &err[1]);
    CHECK(settle());
    conc_ctx_cancel(ctx);
    conc_wg_wait(&wg);
    CHECK_EQ(err[0], CONC_CANCELED);
    chan_send(g.go_on, 0);
    (void)chan_recv(g.begun); /* the second, hurried */
    CHECK(throttle_event(&t));
    conc_wg_go(&late, flusher, &t, NULL, &err[2]);
    CHECK(settle());
    CHECK(throttle_cancel(&t)); /* the third; the last flush then waits for the second only */
    chan_send(g.go_on, 0);
    conc_wg_wait(&late);
    CHECK(err[1] == CONC_OK && err[2] == CONC_OK);
    throttle_free(&t);
    conc_ctx_free(ctx);
    chan_free(g.begun), chan_free(g.go_on);
}

static void *foreign(void *p) {
    events((struct throttle *)p, 500);
    return NULL;
}
TEST(many) {
    struct log l = { 0 };
    struct throttle t;
    throttle_init(&t, 0, run, &l); /* a run for each, but for those that come during one */
    pthread_t thread = thread_start(foreign, &t);
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 8; i++) conc_wg_go(&wg, events, &t, 100);
    conc_wg_wait(&wg);
    thread_join(thread);
    CHECK_EQ(throttle_flush(&t, NULL), CONC_OK);
    CHECK(l.runs >= 1 && l.runs <= 1300);
    throttle_free(&t);
}

CRASH(throttle_no_edge, "throttle_event: neither leading nor trailing") {
    static struct log l;
    static struct throttle t;
    throttle_init(&t, CONC_MS, run, &l);
    t.leading = t.trailing = false;
    (void)throttle_event(&t);
}
CRASH(throttle_negative, "throttle_init: a negative time") {
    static struct log l;
    static struct throttle t;
    throttle_init(&t, -1, run, &l);
}
