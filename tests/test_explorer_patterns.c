/* The patterns under the explorer: what must hold in every schedule. */
#include "harness.h"
#include "../patterns/pool.h"
#include "../patterns/worker.h"

#if defined(CONC_TEST) && !HARNESS_TSAN
struct job { conc_atomic(int) runs; };
static int run_job(conc_ctx *ctx, struct job *j) {
    (void)ctx;
    conc_atomic_fetch_add(&j->runs, 1);
    return 0;
}
static void submit(struct worker_set *w, struct job *j, conc_atomic(int) *accepted) {
    if (worker_submit(w, NULL, run_job, j) == 0) conc_atomic_fetch_add(accepted, 1);
}
/* Every accepted task is run exactly once, whether the set is shut down after the submits (arg) or in the middle of them. */
static void submits_and_shutdown(void *after) {
    struct worker_set w;
    struct job j[3] = { { 0 }, { 0 }, { 0 } };
    conc_atomic(int) accepted = 0;
    conc_wg wg = CONC_WG_INIT;
    conc_assert(worker_init(&w, after ? 2 : 0, 2, NULL) == CONC_OK);
    for (int i = 0; i < 3; i++) conc_wg_go(&wg, submit, &w, &j[i], &accepted);
    if (after) conc_wg_wait(&wg);
    conc_assert(worker_shutdown(&w, NULL) == CONC_OK);
    if (!after) conc_wg_wait(&wg);
    int runs = 0;
    for (int i = 0; i < 3; i++) {
        conc_assert(conc_atomic_load(&j[i].runs) <= 1);
        runs += conc_atomic_load(&j[i].runs);
    }
    conc_assert(runs == conc_atomic_load(&accepted));
    conc_assert(!after || runs == 3);
    worker_free(&w);
}
/* At most two resources at once, and all closed when close and wait have returned, though that is in the middle. */
struct plant { conc_atomic(int) open, most; struct plant *self; };
static struct plant *dial(conc_ctx *ctx, struct plant *p) {
    (void)ctx;
    conc_assert(conc_atomic_fetch_add(&p->open, 1) < 2);
    return p;
}
static void hang_up(struct plant *p) { conc_atomic_fetch_sub(&p->open, 1); }
static void borrow(pool(struct plant) p) {
    struct plant *c;
    if (pool_acquire(p, NULL, &c) != 0) return;
    conc_yield();
    pool_release(p, c);
}
static void borrowers_and_close(void *arg) {
    struct plant plant = { 0, 0, NULL };
    pool(struct plant) p = pool_make(struct plant, 1, 2, dial, hang_up, &plant);
    conc_wg wg = CONC_WG_INIT;
    (void)arg;
    for (int i = 0; i < 3; i++) conc_wg_go(&wg, borrow, p);
    conc_yield();
    pool_close(p);
    conc_assert(pool_wait(p, NULL) == CONC_OK);
    conc_assert(conc_atomic_load(&plant.open) == 0);
    conc_wg_wait(&wg);
    pool_free(p);
}
static void agree(const char *name, void (*fn)(void *), void *arg) {
    for (uint64_t seed = 1; seed <= 3; seed++) {
        conc_report r = conc_test(fn, arg, .name = name, .seed = seed, .schedules = (uint64_t)scale(5000), .seconds = 20);
        CHECK_SAY(r.ok, "%s", r.text);
    }
    conc_report r = conc_test(fn, arg, .name = name, .strategy = CONC_BOUNDED, .preemptions = 1, .time = CONC_TIME_IDLE);
    CHECK_SAY(r.ok && r.exhausted, "%s", r.text);
}
TEST(worker, .seconds = 120) {
    int yes = 1;
    agree("submits, then shutdown", submits_and_shutdown, &yes);
    agree("shutdown among submits", submits_and_shutdown, NULL);
}
TEST(pool, .seconds = 120) { agree("borrowers and close", borrowers_and_close, NULL); }
#else
TEST(unavailable) { CHECK_EQ(conc_bubble(NULL, NULL).kind, CONC_FAIL_UNAVAILABLE); }
#endif
