/* The patterns of cancelling, sharing and surviving under the explorer: what must hold in every schedule. */
#include "harness.h"
#include "../patterns/errgroup.h"

#if defined(CONC_TEST) && !HARNESS_TSAN
/* Several hundred schedules by chance, then all with one preemption. */
static void agree(const char *name, void (*fn)(void *), void *arg) {
    conc_report r = conc_test(fn, arg, .name = name, .schedules = (uint64_t)scale(1500), .seconds = 20);
    CHECK_SAY(r.ok, "%s", r.text);
    r = conc_test(fn, arg, .name = name, .strategy = CONC_BOUNDED, .preemptions = 1, .time = CONC_TIME_IDLE);
    CHECK_SAY(r.ok && r.exhausted, "%s", r.text);
}

/* errgroup: the answer is an error that a task returned, is the context's cause, and all tasks have ended. */
struct eg_task { int returns; conc_atomic(int) ended; };
static int eg_task(conc_ctx *ctx, struct eg_task *t) {
    if (t->returns == 0) (void)conc_sleep_ctx(ctx, CONC_HOUR);
    conc_atomic_fetch_add(&t->ended, 1);
    return t->returns;
}
static void eg_errors(void *limit) {
    struct errgroup g;
    struct eg_task t[3] = { { -1, 0 }, { -2, 0 }, { 0, 0 } };
    conc_assert(errgroup_init(&g, conc_ctx_background()) == CONC_OK);
    if (limit) errgroup_set_limit(&g, 2);
    for (int i = 0; i < 3; i++) errgroup_go(&g, eg_task, &t[i]);
    int err = errgroup_wait(&g);
    conc_assert(err == -1 || err == -2);
    conc_assert(conc_ctx_cause(errgroup_ctx(&g)) == err);
    for (int i = 0; i < 3; i++) conc_assert(conc_atomic_load(&t[i].ended) == 1);
    errgroup_free(&g);
}
TEST(errgroup, .seconds = 120) {
    int yes = 1;
    agree("errgroup: two errors", eg_errors, NULL);
    agree("errgroup: two errors and a limit", eg_errors, &yes);
}
#else
TEST(unavailable) { CHECK_EQ(conc_bubble(NULL, NULL).kind, CONC_FAIL_UNAVAILABLE); }
#endif
