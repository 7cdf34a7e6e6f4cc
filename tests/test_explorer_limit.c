/* The patterns of the chapter Limit under the explorer: what must hold in every schedule, and what takes exactly so long. */
#include "harness.h"
#include "../patterns/rate.h"

#if defined(CONC_TEST) && !HARNESS_TSAN
/* Every schedule of 3 seeds, and all with one preemption. */
static void agree(const char *name, void (*fn)(void *), void *arg) {
    for (uint64_t seed = 1; seed <= 3; seed++) {
        conc_report r = conc_test(fn, arg, .name = name, .seed = seed, .schedules = (uint64_t)scale(1000), .seconds = 20);
        CHECK_SAY(r.ok, "%s", r.text);
    }
    conc_report r = conc_test(fn, arg, .name = name, .strategy = CONC_BOUNDED, .preemptions = 1, .time = CONC_TIME_IDLE);
    CHECK_SAY(r.ok && r.exhausted, "%s", r.text);
}
static void bubble(void (*fn)(void *), void *arg) {
    conc_report r = conc_bubble(fn, arg);
    CHECK_SAY(r.ok, "%s", r.text);
}

/* ---- rate ---- */

static bool waits_for(struct rate *l, conc_ctx *ctx, int64_t n, conc_status want, int64_t ns) {
    int64_t begun = conc_now();
    return rate_wait_n(l, ctx, n) == want && llabs(conc_now() - begun - ns) <= 1;
}
static void rate_waits(void *arg) {
    struct rate l;
    (void)arg;
    rate_init(&l, 10, 3);
    conc_assert(waits_for(&l, NULL, 2, CONC_OK, 0) && waits_for(&l, NULL, 3, CONC_OK, 200 * CONC_MS));
    conc_assert(waits_for(&l, NULL, 4, CONC_INVALID, 0) && waits_for(&l, NULL, 1, CONC_OK, 100 * CONC_MS));
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), 150 * CONC_MS);
    conc_assert(waits_for(&l, ctx, 2, CONC_TIMEOUT, 0) && waits_for(&l, ctx, 1, CONC_OK, 100 * CONC_MS));
    conc_assert(waits_for(&l, ctx, 1, CONC_TIMEOUT, 0));
    conc_advance(50 * CONC_MS);
    conc_assert(waits_for(&l, ctx, 0, CONC_TIMEOUT, 0)); /* the context is over, though nothing is asked for */
    conc_ctx_free(ctx);
    conc_advance(CONC_SEC);
    conc_assert(rate_get_tokens(&l) == 3);
}
static void rate_waiter(struct rate *l, conc_ctx *ctx, int64_t n, conc_status *err, int64_t *when) {
    *err = rate_wait_n(l, ctx, n);
    *when = conc_now();
}
/* First come, first served, each at its time; who is cancelled gives its tokens back, and the others keep their times. */
static void rate_in_turn(void *arg) {
    struct rate l;
    conc_status err[4];
    int64_t when[4], begun = conc_now();
    (void)arg;
    rate_init(&l, 1, 2);
    conc_assert(rate_allow_n(&l, 2));
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 4; i++) {
        conc_wg_go(&wg, rate_waiter, &l, i == 3 ? ctx : NULL, i == 1 ? 2 : 1, &err[i], &when[i]);
        conc_settle();
    }
    conc_assert(rate_get_tokens(&l) == -5);
    conc_ctx_cancel(ctx);
    conc_settle();
    conc_assert(err[3] == CONC_CANCELED && rate_get_tokens(&l) == -4);
    conc_wg_wait(&wg);
    conc_assert(err[0] == CONC_OK && err[1] == CONC_OK && err[2] == CONC_OK);
    conc_assert(when[0] - begun == CONC_SEC && when[1] - begun == 3 * CONC_SEC && when[2] - begun == 4 * CONC_SEC);
    conc_ctx_free(ctx);
}
static void rate_several(void *arg) {
    struct rate second, minute, *const both[] = { &second, &minute };
    struct rate_multi m;
    int64_t begun = conc_now();
    (void)arg;
    rate_init(&second, 2, 1), rate_init(&minute, rate_every(6 * CONC_SEC), 10);
    rate_multi_init(&m, both, 2);
    for (int i = 0; i < 12; i++) conc_assert(rate_multi_wait(&m, NULL) == CONC_OK);
    conc_assert(llabs(conc_now() - begun - 12 * CONC_SEC) <= 12); /* the 11th and the 12th wait for the minute's tokens */
}
static void rate_now_and_then(int *n) { ++*n; }
static void rate_some_times(void *arg) {
    struct rate_sometimes s = { .interval = CONC_SEC };
    int n = 0;
    (void)arg;
    for (int i = 0; i < 35; i++) {
        rate_sometimes_do(&s, rate_now_and_then, &n);
        conc_advance(100 * CONC_MS);
    }
    conc_assert(n == 4); /* at 0, 1, 2, 3 seconds */
}
/* Never more than the burst and what has come since, whoever asks, waits, cancels or changes its mind in between. */
static void rate_asker(struct rate *l, conc_atomic(int) *got) {
    if (rate_allow(l)) conc_atomic_fetch_add(got, 1);
    struct rate_reservation r = rate_reserve(l);
    if (rate_delay(&r) == 0) conc_atomic_fetch_add(got, 1);
    else rate_cancel(&r);
}
static void rate_race(void *arg) {
    struct rate l;
    conc_atomic(int) got = 0;
    conc_wg wg = CONC_WG_INIT;
    (void)arg;
    rate_init(&l, 1, 2);
    int64_t begun = conc_now();
    for (int i = 0; i < 3; i++) conc_wg_go(&wg, rate_asker, &l, &got);
    conc_wg_wait(&wg);
    conc_assert(conc_atomic_load(&got) <= 2 + (conc_now() - begun) / CONC_SEC);
}
TEST(rate) {
    bubble(rate_waits, NULL);
    bubble(rate_in_turn, NULL);
    bubble(rate_several, NULL);
    bubble(rate_some_times, NULL);
    agree("rate: allow, reserve, cancel", rate_race, NULL);
}
#else
TEST(unavailable) { CHECK_EQ(conc_bubble(NULL, NULL).kind, CONC_FAIL_UNAVAILABLE); }
#endif
