/* patterns/balancer.h: the least loaded is chosen, every request once, waiting, close, contexts, a work that ends its goroutine, many. */
#include "harness.h"
#include "patterns/balancer.h"

struct request { int n; bool quits; chan(int) reply; chan(char) gate; };
struct site { conc_atomic(int) begun, done; };
static void answer(conc_ctx *ctx, struct site *s, struct request *r) {
    char none;
    conc_atomic_fetch_add(&s->begun, 1);
    if (r->gate) (void)chan_recv_ctx(r->gate, &none, ctx);
    conc_atomic_fetch_add(&s->done, 1);
    if (r->quits) conc_exit();
    if (r->reply) (void)chan_send_ctx(r->reply, r->n * r->n, ctx);
}
typedef balancer(struct request) requests;
static struct request question(int n, chan(int) reply) { return (struct request){ n, false, reply, NULL }; }
static struct request held(chan(char) gate) { return (struct request){ 0, false, NULL, gate }; }
static bool loads_are(requests b, const size_t *want, size_t n) {
    size_t loads[8];
    (void)balancer_get_loads(b, loads, n);
    return memcmp(loads, want, n * sizeof *want) == 0;
}
/* Wait until the balancer has taken n requests. */
static bool loaded(requests b, size_t n) {
    for (int64_t end = conc_now() + 10 * CONC_SEC; conc_now() < end; conc_yield())
        if (balancer_get_loads(b, NULL, 0) == n) return true;
    return false;
}

TEST(nothing) {
    struct site s = { 0 };
    for (size_t workers = 1; workers <= 9; workers += 4) {
        requests b = balancer_make(struct request, workers, 2, answer, &s);
        balancer_close(b), balancer_close(b);
        CHECK_EQ(balancer_wait(b, NULL), CONC_OK);
        CHECK_EQ(balancer_submit(b, NULL, question(1, NULL)), CONC_CLOSED);
        balancer_free(b);
        b = balancer_make(struct request, workers, 2, answer, &s);
        balancer_free(b);
    }
    balancer_free((requests)NULL);
    CHECK_EQ(s.begun, 0);
}
static void asker(requests b, int from, int to, conc_atomic(long) *sum) {
    chan(int) reply = chan_make(int);
    for (int i = from; i < to; i++) {
        CHECK_EQ(balancer_submit(b, NULL, question(i, reply)), CONC_OK);
        conc_atomic_fetch_add(sum, chan_recv(reply));
    }
    chan_free(reply);
}
struct thread { requests b; conc_atomic(long) *sum; };
static void *foreign(void *p) {
    struct thread *t = p;
    asker(t->b, 0, 100, t->sum);
    return NULL;
}
TEST(answers) {
    for (size_t workers = 1; workers <= 16; workers *= 4) {
        struct site s = { 0 };
        conc_atomic(long) sum = 0;
        requests b = balancer_make(struct request, workers, 3, answer, &s);
        struct thread thread = { b, &sum };
        conc_wg wg = CONC_WG_INIT;
        pthread_t t = thread_start(foreign, &thread);
        for (int i = 0; i < 20; i++) conc_wg_go(&wg, asker, b, 0, 20, &sum);
        conc_wg_wait(&wg);
        thread_join(t);
        balancer_close(b);
        CHECK_EQ(balancer_wait(b, NULL), CONC_OK);
        CHECK_EQ(s.done, 500);
        CHECK_EQ(sum, 20 * (19 * 20 * 39 / 6) + 99 * 100 * 199 / 6);
        balancer_free(b);
    }
}
/* Each goes where least is to be done: the loads never differ by more than one, and who has finished gets the next. */
TEST(least_loaded) {
    struct site s = { 0 };
    chan(char) gate = chan_make(char), other = chan_make(char);
    requests b = balancer_make(struct request, 3, 3, answer, &s);
    CHECK_EQ(balancer_submit(b, NULL, held(other)), CONC_OK); /* worker 1 is busy */
    CHECK(loaded(b, 1));
    for (int i = 0; i < 8; i++) CHECK_EQ(balancer_submit(b, NULL, held(gate)), CONC_OK);
    CHECK(loaded(b, 9) && loads_are(b, (const size_t[]){ 3, 3, 3 }, 3));
    CHECK(wait_for(&s.begun, 3));
    chan_send(gate, 0), chan_send(gate, 0), chan_send(gate, 0), chan_send(gate, 0); /* by the two others: the first is held */
    CHECK(wait_for(&s.done, 4) && loaded(b, 5));
    size_t loads[3];
    CHECK(balancer_get_loads(b, loads, 3) == 5 && loads[0] == 3 && loads[1] + loads[2] == 2);
    for (int i = 0; i < 4; i++) CHECK_EQ(balancer_submit(b, NULL, held(gate)), CONC_OK);
    CHECK(loaded(b, 9) && loads_are(b, (const size_t[]){ 3, 3, 3 }, 3));
    chan_close(gate), chan_close(other);
    balancer_close(b);
    CHECK(balancer_wait(b, NULL) == CONC_OK && s.done == 13);
    balancer_free(b);
    chan_free(gate), chan_free(other);
}
static void submitter(requests b, conc_ctx *ctx, struct request *r, conc_status *err) { *err = balancer_submit(b, ctx, *r); }
TEST(full) {
    struct site s = { 0 };
    chan(char) gate = chan_make(char);
    requests b = balancer_make(struct request, 2, 1, answer, &s);
    struct request r = held(gate);
    conc_status err[4];
    conc_wg wg = CONC_WG_INIT;
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    CHECK(balancer_try_submit(b, r) == CONC_OK && balancer_try_submit(b, r) == CONC_OK && balancer_try_submit(b, r) == CONC_WOULD_BLOCK);
    for (int i = 0; i < 4; i++) conc_wg_go(&wg, submitter, b, i < 2 ? ctx : NULL, &r, &err[i]);
    CHECK(settle());
    conc_ctx_cancel(ctx);
    CHECK(settle());
    chan_send(gate, 0); /* one comes back, and lets another in */
    CHECK(wait_for(&s.begun, 3));
    CHECK_EQ(balancer_wait(b, ctx), CONC_CANCELED);
    balancer_close(b);
    conc_wg_wait(&wg);
    CHECK(err[0] == CONC_CANCELED && err[1] == CONC_CANCELED);
    CHECK((err[2] == CONC_OK && err[3] == CONC_CLOSED) || (err[3] == CONC_OK && err[2] == CONC_CLOSED));
    CHECK_EQ(s.done, 1);
    balancer_free(b); /* cancels the two that are held */
    CHECK_EQ(s.done, 3);
    conc_ctx_free(ctx);
    chan_free(gate);
}
/* Requesters that are gone: their replies end with work's context. */
TEST(requester_gone) {
    struct site s = { 0 };
    chan(int) reply = chan_make(int);
    requests b = balancer_make(struct request, 2, 2, answer, &s);
    for (int i = 0; i < 4; i++) CHECK_EQ(balancer_submit(b, NULL, question(i, reply)), CONC_OK);
    balancer_free(b);
    CHECK_EQ(s.done, 4);
    chan_free(reply);
}
TEST(work_quits) {
    struct site s = { 0 };
    requests b = balancer_make(struct request, 2, 2, answer, &s);
    struct request r = { 0, true, NULL, NULL };
    for (int i = 0; i < 20; i++) CHECK_EQ(balancer_submit(b, NULL, r), CONC_OK);
    conc_atomic(long) sum = 0;
    asker(b, 0, 4, &sum);
    balancer_close(b);
    CHECK(balancer_wait(b, NULL) == CONC_OK && s.done == 24 && sum == 14);
    balancer_free(b);
}

CRASH(balancer_no_worker, "balancer_make: 0 workers with room for 1") {
    static struct site s;
    (void)balancer_make(struct request, 0, 1, answer, &s);
}
