/* patterns/pqueue.h: order, FIFO among equals, room, waiting, close, contexts, many. */
#include "harness.h"
#include "patterns/pqueue.h"

struct job { int urgency; unsigned id; char name[9]; }; /* 20 bytes */
static bool before(const struct job *a, const struct job *b) { return a->urgency > b->urgency; }
static bool first(const int *a, const int *b) { return *a < *b; }
typedef pqueue(struct job) jobs;
typedef pqueue(int) ints;

static int taken(ints q) {
    int v = -1;
    CHECK_EQ(pqueue_take(q, NULL, &v), CONC_OK);
    return v;
}

TEST(order) {
    ints q = pqueue_make(int, 100, first);
    struct rng r = rng_new(1);
    for (int round = 0; round < 20; round++) {
        unsigned n = 1 + rng_below(&r, 100);
        for (unsigned i = 0; i < n; i++) CHECK_EQ(pqueue_put(q, NULL, (int)rng_below(&r, 50)), CONC_OK);
        CHECK_EQ(pqueue_len(q), n);
        for (int last = -1, v; n > 0; n--, last = v) CHECK((v = taken(q)) >= last);
        CHECK_EQ(pqueue_len(q), 0);
    }
    pqueue_free(q);
    pqueue_free((ints)NULL);
}
/* Among equals the first put is the first, also when puts and takes alternate. */
TEST(fifo) {
    jobs q = pqueue_make(struct job, 64, before);
    struct rng r = rng_new(2);
    unsigned seen[4] = { 0 }, id = 0;
    struct job j;
    for (int i = 0; i < 2000; i++) {
        struct job in = { (int)rng_below(&r, 4), ++id, "a name" };
        if (rng_below(&r, 2) == 0 && pqueue_try_put(q, in) == CONC_OK) continue;
        if (pqueue_try_take(q, &j) != CONC_OK) continue;
        CHECK(j.id > seen[j.urgency] && strcmp(j.name, "a name") == 0);
        seen[j.urgency] = j.id;
    }
    pqueue_free(q);
}
TEST(room) {
    ints q = pqueue_make(int, 1, first);
    int v = 7;
    CHECK_EQ(pqueue_try_take(q, &v), CONC_WOULD_BLOCK);
    CHECK(pqueue_try_put(q, 1) == CONC_OK && pqueue_try_put(q, 2) == CONC_WOULD_BLOCK);
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_MS);
    CHECK_EQ(pqueue_put(q, ctx, 2), CONC_TIMEOUT);
    CHECK_EQ(pqueue_take(q, ctx, &v), CONC_TIMEOUT); /* done already: not even tried */
    CHECK(taken(q) == 1 && v == 7);
    CHECK_EQ(pqueue_take(q, ctx, &v), CONC_TIMEOUT);
    conc_ctx_free(ctx);
    pqueue_free(q);
}

static void putter(ints q, conc_ctx *ctx, int from, int to, conc_status *err) {
    *err = CONC_OK;
    for (int i = from; i < to && *err == CONC_OK; i++) *err = pqueue_put(q, ctx, i);
}
static void taker(ints q, conc_ctx *ctx, conc_atomic(int) *n, conc_atomic(long) *sum, conc_status *err) {
    int v;
    while ((*err = pqueue_take(q, ctx, &v)) == CONC_OK) conc_atomic_fetch_add(n, 1), conc_atomic_fetch_add(sum, v);
}
/* The consumer is gone: those who put wait until the queue is closed, or their context ends. */
TEST(consumer_gone) {
    ints q = pqueue_make(int, 2, first);
    conc_status err[4];
    conc_wg wg = CONC_WG_INIT;
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    for (int i = 0; i < 2; i++) conc_wg_go(&wg, putter, q, ctx, 0, 10, &err[i]);
    CHECK(settle());
    conc_ctx_cancel(ctx);
    conc_wg_wait(&wg);
    for (int i = 2; i < 4; i++) conc_wg_go(&wg, putter, q, NULL, 0, 10, &err[i]);
    CHECK(settle());
    pqueue_close(q), pqueue_close(q);
    conc_wg_wait(&wg);
    CHECK(err[0] == CONC_CANCELED && err[1] == CONC_CANCELED && err[2] == CONC_CLOSED && err[3] == CONC_CLOSED);
    CHECK_EQ(pqueue_try_put(q, 1), CONC_CLOSED);
    int v;
    CHECK(taken(q) == 0 && pqueue_len(q) == 1 && pqueue_try_take(q, &v) == CONC_OK); /* what was in it is still to be had */
    CHECK(pqueue_take(q, NULL, &v) == CONC_CLOSED && pqueue_try_take(q, &v) == CONC_CLOSED);
    conc_ctx_free(ctx);
    pqueue_free(q);
}
TEST(takers_wait) {
    ints q = pqueue_make(int, 2, first);
    conc_status err[4];
    conc_atomic(int) n = 0;
    conc_atomic(long) sum = 0;
    conc_wg wg = CONC_WG_INIT;
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    for (int i = 0; i < 4; i++) conc_wg_go(&wg, taker, q, i < 2 ? ctx : NULL, &n, &sum, &err[i]);
    CHECK(settle());
    CHECK(pqueue_put(q, NULL, 5) == CONC_OK && wait_for(&n, 1));
    conc_ctx_cancel(ctx);
    CHECK(pqueue_put(q, NULL, 6) == CONC_OK && wait_for(&n, 2));
    pqueue_close(q);
    conc_wg_wait(&wg);
    CHECK(err[0] == CONC_CANCELED && err[1] == CONC_CANCELED && err[2] == CONC_CLOSED && err[3] == CONC_CLOSED && sum == 11);
    conc_ctx_free(ctx);
    pqueue_free(q);
}

static void *foreign(void *p) {
    conc_status err;
    putter((ints)p, NULL, 0, 500, &err);
    CHECK_EQ(err, CONC_OK);
    return NULL;
}
/* Everything put is taken once. */
TEST(many) {
    for (size_t room = 1; room <= 16; room *= 16) {
        ints q = pqueue_make(int, room, first);
        enum { P = 4, T = 5, N = 200 };
        conc_status put[P], took[T];
        conc_atomic(int) n = 0;
        conc_atomic(long) sum = 0;
        conc_wg puts = CONC_WG_INIT, takes = CONC_WG_INIT;
        pthread_t t = thread_start(foreign, (void *)q);
        for (int i = 0; i < P; i++) conc_wg_go(&puts, putter, q, NULL, 0, N, &put[i]);
        for (int i = 0; i < T; i++) conc_wg_go(&takes, taker, q, NULL, &n, &sum, &took[i]);
        conc_wg_wait(&puts);
        thread_join(t);
        pqueue_close(q);
        conc_wg_wait(&takes);
        CHECK_EQ(n, P * N + 500);
        CHECK_EQ(sum, P * (long)N * (N - 1) / 2 + 500 * 499 / 2);
        pqueue_free(q);
    }
}

CRASH(pqueue_no_room, "pqueue_make: there must be room for at least 1") { (void)pqueue_make(int, 0, first); }
