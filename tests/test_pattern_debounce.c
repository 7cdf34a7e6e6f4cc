/* patterns/debounce.h: bursts, both edges, flush, cancel, stop. What takes exactly so long is in test_explorer_limit.c. */
#include "harness.h"
#include "patterns/debounce.h"

struct log { conc_atomic(int) runs, alone; };
static void run(struct log *l) {
    CHECK_EQ(conc_atomic_fetch_add(&l->alone, 1), 0); /* one at a time */
    conc_atomic_fetch_add(&l->runs, 1);
    conc_yield();
    conc_atomic_fetch_sub(&l->alone, 1);
}
static void events(struct debounce *d, int n) {
    while (n-- > 0) debounce_event(d);
}

TEST(nothing) {
    struct log l = { 0 };
    struct debounce d;
    debounce_init(&d, CONC_HOUR, run, &l);
    CHECK(debounce_flush(&d, NULL) == CONC_OK && !debounce_cancel(&d));
    debounce_free(&d);
    CHECK_EQ(l.runs, 0);
}
TEST(trailing) {
    struct log l = { 0 };
    struct debounce d;
    debounce_init(&d, CONC_MS, run, &l);
    events(&d, 3);
    CHECK(wait_for(&l.runs, 1));
    events(&d, 3);
    CHECK(wait_for(&l.runs, 2));
    debounce_free(&d);
    CHECK(l.runs <= 6); /* two, but a slow machine may tear a burst apart */
}
TEST(flush) {
    struct log l = { 0 };
    struct debounce d;
    debounce_init(&d, CONC_HOUR, run, &l);
    for (int i = 1; i <= 3; i++) {
        events(&d, 1000);
        CHECK_EQ(debounce_flush(&d, NULL), CONC_OK);
        CHECK_EQ(l.runs, i);
        CHECK_EQ(debounce_flush(&d, NULL), CONC_OK); /* nothing is owed */
        CHECK_EQ(l.runs, i);
    }
    debounce_free(&d);
}
TEST(leading) {
    struct log l = { 0 };
    struct debounce d;
    debounce_init(&d, CONC_HOUR, run, &l);
    d.leading = true, d.trailing = false;
    debounce_event(&d);
    CHECK(wait_for(&l.runs, 1));
    events(&d, 100);
    CHECK(debounce_flush(&d, NULL) == CONC_OK && l.runs == 1);
    debounce_free(&d);
    debounce_init(&d, CONC_HOUR, run, &l);
    d.leading = true;
    debounce_event(&d);
    CHECK(debounce_flush(&d, NULL) == CONC_OK && l.runs == 2); /* one event, one run */
    events(&d, 100);
    CHECK(debounce_flush(&d, NULL) == CONC_OK && l.runs == 3);
    debounce_free(&d);
}
TEST(max_wait) {
    struct log l = { 0 };
    struct debounce d;
    debounce_init(&d, CONC_HOUR, run, &l);
    d.max_wait = CONC_MS;
    debounce_event(&d);
    CHECK(wait_for(&l.runs, 1));
    debounce_event(&d);
    CHECK(wait_for(&l.runs, 2));
    debounce_free(&d);
}
TEST(cancel) {
    struct log l = { 0 };
    struct debounce d;
    debounce_init(&d, CONC_HOUR, run, &l);
    events(&d, 10);
    CHECK(debounce_cancel(&d) && !debounce_cancel(&d));
    CHECK(debounce_flush(&d, NULL) == CONC_OK && l.runs == 0);
    events(&d, 10);
    debounce_free(&d); /* what is owed is forgotten */
    CHECK_EQ(l.runs, 0);
}

struct gate { chan(char) begun, go_on; };
static void pass(struct gate *g) {
    chan_send(g->begun, 0);
    (void)chan_recv(g->go_on);
}
static void flusher(struct debounce *d, conc_ctx *ctx, conc_status *err) { *err = debounce_flush(d, ctx); }
/* Events during a run are owed another; a flush waits for both, unless its context ends or the second is cancelled. */
TEST(while_it_runs) {
    struct gate g = { chan_make(char), chan_make(char) };
    struct debounce d;
    conc_status err[3];
    conc_wg wg = CONC_WG_INIT, late = CONC_WG_INIT;
    debounce_init(&d, CONC_HOUR, pass, &g);
    d.leading = true;
    debounce_event(&d);
    (void)chan_recv(g.begun);
    debounce_event(&d);
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    conc_wg_go(&wg, flusher, &d, ctx, &err[0]);
    conc_wg_go(&late, flusher, &d, NULL, &err[1]);
    CHECK(settle());
    conc_ctx_cancel(ctx);
    conc_wg_wait(&wg);
    CHECK_EQ(err[0], CONC_CANCELED);
    chan_send(g.go_on, 0);
    (void)chan_recv(g.begun); /* the second, hurried */
    debounce_event(&d);
    conc_wg_go(&late, flusher, &d, NULL, &err[2]);
    CHECK(settle());
    CHECK(debounce_cancel(&d)); /* the third; the last flush then waits for the second only */
    chan_send(g.go_on, 0);
    conc_wg_wait(&late);
    CHECK(err[1] == CONC_OK && err[2] == CONC_OK);
    debounce_free(&d);
    conc_ctx_free(ctx);
    chan_free(g.begun), chan_free(g.go_on);
}

static void *foreign(void *p) {
    events((struct debounce *)p, 500);
    return NULL;
}
TEST(many) {
    struct log l = { 0 };
    struct debounce d;
    debounce_init(&d, CONC_NS, run, &l);
    pthread_t t = thread_start(foreign, &d);
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 8; i++) conc_wg_go(&wg, events, &d, 100);
    conc_wg_wait(&wg);
    thread_join(t);
    CHECK_EQ(debounce_flush(&d, NULL), CONC_OK);
    CHECK(l.runs >= 1 && l.runs <= 1300);
    debounce_free(&d);
}

CRASH(debounce_no_edge, "debounce_event: neither leading nor trailing") {
    static struct log l;
    static struct debounce d;
    debounce_init(&d, CONC_MS, run, &l);
    d.trailing = false;
    debounce_event(&d);
}
CRASH(debounce_negative, "debounce_init: a negative time to wait") {
    static struct log l;
    static struct debounce d;
    debounce_init(&d, -1, run, &l);
}
