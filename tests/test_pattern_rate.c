/* patterns/rate.h: x/time/rate's tables of allowing, reserving, cancelling and changing at given times; waiting; several limiters;
   Sometimes. What needs exact time is in test_explorer_limit.c, where time is virtual. */
#include "harness.h"
#include "patterns/rate.h"

enum { TICK = 100 * CONC_MS, NEVER = -1 }; /* at 10 a second a token comes each tick */
static int64_t at(int tick) { return 1000 * CONC_SEC + (int64_t)tick * TICK; }

TEST(conversion) {
    CHECK(rate_every(CONC_SEC) == 1 && rate_every(TICK) == 10 && rate_every(2 * CONC_SEC) == 0.5 && rate_every(CONC_US) == 1e6);
    CHECK(rate_every(0) == RATE_INF && rate_every(-1) == RATE_INF && rate_every(3 * CONC_SEC / 2) == 1 / 1.5);
    struct rate l;
    rate_init(&l, 10, 3);
    CHECK(rate_get_limit(&l) == 10 && rate_get_burst(&l) == 3 && rate_get_tokens(&l) == 3);
}

struct allow { int tick; int64_t n; bool ok; };
static void allow(int line, double limit, int64_t burst, const struct allow *a, size_t steps) {
    struct rate l;
    rate_init(&l, limit, burst);
    for (size_t i = 0; i < steps; i++)
        CHECK_SAY(rate_allow_at(&l, at(a[i].tick), a[i].n) == a[i].ok, "table of line %d, step %zu", line, i);
}
#define ALLOW(limit, burst, ...) \
    allow(__LINE__, limit, burst, (const struct allow[]){ __VA_ARGS__ }, sizeof((struct allow[]){ __VA_ARGS__ }) / sizeof(struct allow))
TEST(allow) {
    ALLOW(10, 1, { 0, 1, true }, { 0, 1, false }, { 1, 1, true }, { 1, 1, false }, { 2, 2, false }, { 2, 1, true }, { 2, 1, false });
    ALLOW(10, 3, { 0, 2, true }, { 0, 2, false }, { 0, 1, true }, { 0, 1, false }, { 1, 4, false }, { 2, 1, true }, { 3, 1, true },
          { 4, 1, true }, { 4, 1, true }, { 4, 1, false }, { 9, 3, true }, { 9, 0, true });
    ALLOW(10, 3, { 1, 1, true }, { 0, 1, true }, { 0, 1, true }, { 0, 1, false }, { 1, 1, true }, { 1, 1, false }); /* back in time */
    ALLOW(10, 0, { 0, 1, false }, { 9, 1, false }, { 9, 0, true });
    ALLOW(0, 2, { 0, 1, true }, { 0, 1, true }, { 1000, 1, false }); /* the burst and no more */
    ALLOW(-1, 1, { 0, 1, true }, { 1000, 1, false });
    ALLOW(RATE_INF, 0, { 0, 1000000, true }, { 0, 1000000, true });
    ALLOW(1 / 1.3, 1, { 0, 1, true }, { 12, 1, false }, { 13, 1, true }); /* no token is lost to rounding */
    ALLOW(0.7692307692307693, 1, { 0, 1, true });
    struct rate l;
    rate_init(&l, 0.7692307692307693, 1);
    CHECK(rate_allow(&l) && !rate_allow(&l) && !rate_allow_n(&l, 2) && rate_allow_n(&l, 0));
    static struct rate zero;
    CHECK(!rate_allow(&zero) && !rate_reserve(&zero).ok);
}

/* One step of a table of reservations. want: the tick of the time to act, or NEVER */
struct step {
    enum { RESERVE, CANCEL, LIMIT, BURST, WITHIN } op;
    int tick, n, want; /* CANCEL: n is the step that reserved. WITHIN: reserve, if it need not wait longer than a tick */
};
static void reserve(int line, double limit, int64_t burst, const struct step *s, size_t steps) {
    struct rate l;
    struct rate_reservation r[16];
    rate_init(&l, limit, burst);
    for (size_t i = 0; i < steps; i++) {
        int64_t t = at(s[i].tick);
        if (s[i].op == CANCEL) rate_cancel_at(&r[s[i].n], t);
        else if (s[i].op == LIMIT) rate_set_limit_at(&l, t, s[i].n);
        else if (s[i].op == BURST) rate_set_burst_at(&l, t, s[i].n);
        else {
            r[i] = s[i].op == RESERVE ? rate_reserve_at(&l, t, s[i].n) : rate__reserve(&l, t, s[i].n, TICK);
            CHECK_SAY(r[i].ok == (s[i].want != NEVER), "table of line %d, step %zu: ok is %d", line, i, r[i].ok);
            if (!r[i].ok) CHECK_EQ(rate_delay_from(&r[i], t), CONC_FOREVER);
            else CHECK_SAY(llabs(r[i].time_to_act - at(s[i].want)) <= 1, "table of line %d, step %zu: %.9f ticks", line, i,
                           (double)(r[i].time_to_act - at(0)) / TICK); /* a third of a second is not exact in binary */
        }
    }
}
#define STEPS(limit, burst, ...) \
    reserve(__LINE__, limit, burst, (const struct step[]){ __VA_ARGS__ }, sizeof((struct step[]){ __VA_ARGS__ }) / sizeof(struct step))
TEST(reserve) {
    STEPS(10, 2, { RESERVE, 0, 2, 0 }, { RESERVE, 0, 2, 2 }, { RESERVE, 3, 2, 4 });
    STEPS(10, 2, { RESERVE, 0, 3, NEVER }, { RESERVE, 0, 2, 0 }, { RESERVE, 1, 2, 2 }, { RESERVE, 1, 3, NEVER }, { RESERVE, 1, 1, 3 });
    STEPS(10, 2, { RESERVE, 1, 2, 1 }, { RESERVE, 0, 1, 1 }, { RESERVE, 2, 2, 3 }); /* back in time */
    STEPS(10, 2, { RESERVE, 0, 2, 0 }, { WITHIN, 0, 1, 1 }, { WITHIN, 0, 1, NEVER }, { RESERVE, 0, 1, 2 });
    STEPS(10, 2, { RESERVE, 0, 0, 0 }, { RESERVE, 0, 2, 0 }, { RESERVE, 0, 0, 0 }, { RESERVE, 0, 1, 1 }, { RESERVE, 0, 0, 1 });
    struct rate l;
    rate_init(&l, 0, 1);
    struct rate_reservation a = rate_reserve(&l), b = rate_reserve(&l);
    CHECK(a.ok && rate_delay(&a) == 0 && b.ok && rate_delay(&b) == CONC_FOREVER);
    rate_init(&l, RATE_INF, 0);
    a = rate_reserve_n(&l, 100);
    CHECK(a.ok && rate_delay(&a) == 0);
    rate_cancel(&a);
}
TEST(cancel) {
    STEPS(10, 2, { RESERVE, 0, 2, 0 }, { RESERVE, 0, 3, NEVER }, { CANCEL, 0, 1, 0 }, { RESERVE, 0, 2, 2 }); /* one that was refused */
    STEPS(10, 2, { RESERVE, 0, 2, 0 }, { RESERVE, 0, 2, 2 }, { CANCEL, 1, 1, 0 }, { RESERVE, 1, 2, 2 });      /* the last */
    STEPS(10, 2, { RESERVE, 0, 2, 0 }, { RESERVE, 0, 2, 2 }, { CANCEL, 3, 1, 0 }, { RESERVE, 3, 2, 4 });      /* too late */
    STEPS(10, 2, { RESERVE, 0, 2, 0 }, { RESERVE, 0, 1, 1 }, { RESERVE, 0, 1, 2 }, { CANCEL, 0, 1, 0 }, { RESERVE, 0, 1, 3 }); /* built upon */
    STEPS(10, 2, { RESERVE, 0, 2, 0 }, { RESERVE, 0, 2, 2 }, { RESERVE, 0, 1, 3 }, { CANCEL, 2, 1, 0 }, { RESERVE, 2, 2, 4 }); /* one of two */
    STEPS(10, 4, { RESERVE, 0, 4, 0 }, { RESERVE, 0, 3, 3 }, { RESERVE, 0, 1, 4 }, { RESERVE, 0, 1, 5 }, { CANCEL, 1, 3, 0 },
          { CANCEL, 1, 1, 0 }, { RESERVE, 1, 3, 5 });
    STEPS(10, 2, { RESERVE, 1, 2, 1 }, { RESERVE, 1, 2, 3 }, { RESERVE, 1, 1, 4 }, { CANCEL, 0, 1, 0 }, { RESERVE, 1, 2, 4 });
    /* that went back in time, which then counts again */
    STEPS(10, 2, { RESERVE, 0, 1, 0 }, { CANCEL, 9, 0, 0 }, { RESERVE, 9, 2, 9 }, { RESERVE, 9, 1, 10 });     /* never above the burst */
    STEPS(10, 2, { RESERVE, 0, 2, 0 }, { RESERVE, 0, 0, 0 }, { CANCEL, 0, 1, 0 }, { RESERVE, 0, 1, 1 });      /* nothing to give back */
}
TEST(change) {
    STEPS(5, 2, { RESERVE, 0, 2, 0 }, { RESERVE, 0, 2, 4 }, { LIMIT, 2, 10, 0 }, { RESERVE, 2, 1, 4 });
    STEPS(5, 2, { RESERVE, 0, 2, 0 }, { RESERVE, 0, 2, 4 }, { BURST, 3, 4, 0 }, { RESERVE, 0, 4, 9 });
    STEPS(5, 2, { RESERVE, 0, 2, 0 }, { RESERVE, 0, 2, 4 }, { LIMIT, 2, 10, 0 }, { CANCEL, 2, 1, 0 }, { RESERVE, 2, 2, 3 });
    STEPS(10, 4, { BURST, 0, 1, 0 }, { RESERVE, 0, 2, NEVER }, { RESERVE, 0, 1, 0 }, { RESERVE, 0, 1, 1 });
    struct rate l;
    rate_init(&l, 10, 10);
    CHECK(rate_allow_at(&l, at(0), 10) && rate_get_tokens_at(&l, at(0)) == 0 && rate_get_tokens_at(&l, at(3)) == 3);
    CHECK(rate_get_tokens_at(&l, at(1)) == 1 && rate_get_tokens_at(&l, at(99)) == 10);
    (void)rate_reserve_at(&l, at(0), 4);
    CHECK(rate_get_tokens_at(&l, at(0)) == -4);
    rate_set_limit(&l, 20), rate_set_burst(&l, 5);
    CHECK(rate_get_limit(&l) == 20 && rate_get_burst(&l) == 5 && rate_get_tokens(&l) == 5);
}

/* ---- waiting ---- */

TEST(wait) {
    struct rate l;
    rate_init(&l, 1000, 3);
    int64_t begun = conc_now();
    for (int i = 0; i < 6; i++) CHECK_EQ(rate_wait(&l, NULL), CONC_OK);
    CHECK(conc_now() - begun >= 3 * CONC_MS - 3); /* three at once, then each a millisecond after the other */
    CHECK_EQ(rate_wait_n(&l, NULL, 3), CONC_OK);
    CHECK(conc_now() - begun >= 6 * CONC_MS - 6);
    CHECK_EQ(rate_wait_n(&l, NULL, 4), CONC_INVALID);
    CHECK_EQ(rate_wait_n(&l, NULL, 0), CONC_OK);
    rate_init(&l, RATE_INF, 0);
    CHECK_EQ(rate_wait_n(&l, NULL, 1000000), CONC_OK);
}
TEST(wait_refuses) {
    struct rate l;
    rate_init(&l, rate_every(CONC_HOUR), 2);
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), 30 * CONC_MIN);
    CHECK_EQ(rate_wait_n(&l, ctx, 2), CONC_OK);
    CHECK_EQ(rate_wait(&l, ctx), CONC_TIMEOUT); /* at once */
    CHECK(rate_get_tokens(&l) >= 0);            /* and took nothing */
    conc_ctx_cancel(ctx);
    CHECK_EQ(rate_wait(&l, ctx), CONC_CANCELED);
    CHECK_EQ(rate_wait_n(&l, ctx, 3), CONC_INVALID);
    conc_ctx_free(ctx);
    rate_init(&l, 0, 1);
    ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_HOUR);
    CHECK(rate_wait(&l, ctx) == CONC_OK && rate_wait(&l, ctx) == CONC_TIMEOUT); /* there will never be another */
    conc_ctx_free(ctx);
}

static void waiter(struct rate *l, conc_ctx *ctx, conc_status *err) { *err = rate_wait(l, ctx); }
/* Cancelled half-way: the tokens of those who wait come back. */
TEST(wait_cancelled) {
    struct rate l;
    rate_init(&l, rate_every(CONC_HOUR), 1);
    CHECK(rate_allow(&l));
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    conc_status err[20];
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 20; i++) conc_wg_go(&wg, waiter, &l, ctx, &err[i]);
    CHECK(settle());
    CHECK(rate_get_tokens(&l) < -19);
    conc_ctx_cancel(ctx);
    conc_wg_wait(&wg);
    for (int i = 0; i < 20; i++) CHECK_EQ(err[i], CONC_CANCELED);
    CHECK(rate_get_tokens(&l) <= 1); /* how many come back depends on the order of cancelling: the last reserved first gives all */
    conc_ctx_free(ctx);
}

static void *foreign(void *p) {
    for (int i = 0; i < 50; i++) CHECK_EQ(rate_wait((struct rate *)p, NULL), CONC_OK);
    return NULL;
}
static void repeat(struct rate *l, int n) {
    while (n-- > 0) CHECK_EQ(rate_wait(l, NULL), CONC_OK);
}
/* Threads and goroutines together are not faster than the limit. */
TEST(many) {
    struct rate l;
    rate_init(&l, 10000, 1);
    int64_t begun = conc_now();
    pthread_t t = thread_start(foreign, &l);
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 10; i++) conc_wg_go(&wg, repeat, &l, 10);
    conc_wg_wait(&wg);
    thread_join(t);
    CHECK(conc_now() - begun >= 149 * CONC_MS / 10 - 150);
}

/* ---- several limiters ---- */

TEST(multi) {
    struct rate second, minute, *const both[] = { &second, &minute };
    struct rate_multi m;
    rate_init(&second, 10, 2), rate_init(&minute, 1, 5);
    rate_multi_init(&m, both, 2);
    CHECK(rate_multi_get_limit(&m) == 1);
    CHECK(rate_multi_allow_at(&m, at(0), 2) && !rate_multi_allow_at(&m, at(0), 1));
    CHECK(rate_get_tokens_at(&minute, at(0)) == 3); /* the refusal cost it nothing */
    CHECK(rate_multi_allow_at(&m, at(2), 2) && rate_multi_allow_at(&m, at(4), 1) && !rate_multi_allow_at(&m, at(4), 1));
    CHECK(rate_get_tokens_at(&second, at(4)) == 1); /* now the minute refuses */
    CHECK(!rate_multi_allow_at(&m, at(100), 3) && rate_multi_allow_at(&m, at(100), 0));
    rate_set_limit_at(&second, at(100), 0.5);
    CHECK(rate_multi_get_limit(&m) == 0.5);
}
TEST(multi_wait) {
    struct rate fast, slow, *const both[] = { &fast, &slow };
    struct rate_multi m;
    rate_init(&fast, 1000, 1), rate_init(&slow, rate_every(CONC_HOUR), 2);
    rate_multi_init(&m, both, 2);
    int64_t begun = conc_now();
    CHECK(rate_multi_wait(&m, NULL) == CONC_OK && rate_multi_wait(&m, NULL) == CONC_OK);
    CHECK(conc_now() - begun >= CONC_MS - 1);
    CHECK_EQ(rate_multi_wait_n(&m, NULL, 2), CONC_INVALID); /* the fast one never has two at once */
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_MIN);
    CHECK_EQ(rate_multi_wait(&m, ctx), CONC_TIMEOUT);
    conc_ctx_cancel(ctx);
    CHECK_EQ(rate_multi_wait(&m, ctx), CONC_CANCELED);
    CHECK(!rate_multi_allow(&m));
    conc_ctx_free(ctx);
}
static void multi_waiter(struct rate_multi *m, conc_ctx *ctx, conc_status *err) { *err = rate_multi_wait(m, ctx); }
TEST(multi_cancelled) {
    struct rate fast, slow, *const both[] = { &fast, &slow };
    struct rate_multi m;
    rate_init(&fast, rate_every(CONC_MIN), 1), rate_init(&slow, rate_every(CONC_HOUR), 1);
    rate_multi_init(&m, both, 2);
    CHECK(rate_multi_allow(&m));
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    conc_status err = CONC_OK;
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, multi_waiter, &m, ctx, &err);
    CHECK(settle());
    CHECK(rate_get_tokens(&fast) < 0 && rate_get_tokens(&slow) < 0);
    conc_ctx_cancel(ctx);
    conc_wg_wait(&wg);
    CHECK(err == CONC_CANCELED && rate_get_tokens(&fast) >= 0 && rate_get_tokens(&slow) >= 0);
    conc_ctx_free(ctx);
}

/* ---- Sometimes ---- */

static void count(int *n) { ++*n; }
static int done_of(struct rate_sometimes s, int calls) {
    int n = 0;
    while (calls-- > 0) rate_sometimes_do(&s, count, &n);
    return n;
}
#define SOMETIMES(...) (struct rate_sometimes){ __VA_ARGS__ }
TEST(sometimes) {
    CHECK_EQ(done_of(SOMETIMES(.first = 0), 10), 1);
    CHECK_EQ(done_of(SOMETIMES(.first = 2), 10), 2);
    CHECK_EQ(done_of(SOMETIMES(.every = 2), 10), 5);
    CHECK_EQ(done_of(SOMETIMES(.every = 1), 10), 10);
    CHECK_EQ(done_of(SOMETIMES(.first = 3, .every = 4), 10), 5); /* 0, 1, 2, 4, 8 */
    CHECK_EQ(done_of(SOMETIMES(.interval = CONC_HOUR), 10), 1);
    CHECK_EQ(done_of(SOMETIMES(.first = 3, .interval = CONC_HOUR), 10), 3);
    CHECK_EQ(done_of(SOMETIMES(.first = INT64_MAX, .every = INT64_MAX, .interval = INT64_MAX), 10), 10);
    CHECK_EQ(done_of(SOMETIMES(.every = INT64_MAX, .interval = INT64_MAX), 10), 1);
    CHECK_EQ(done_of(SOMETIMES(.first = -1, .every = -1, .interval = -1), 10), 1);
}
static void often(struct rate_sometimes *s, int *n) {
    for (int i = 0; i < 100; i++) rate_sometimes_do(s, count, n);
}
TEST(sometimes_many) {
    struct rate_sometimes s = { .every = 10 };
    int n = 0; /* guarded by s */
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 10; i++) conc_wg_go(&wg, often, &s, &n);
    conc_wg_wait(&wg);
    CHECK_EQ(n, 100);
}

CRASH(rate_negative, "rate: a negative number of events") {
    static struct rate l;
    (void)rate_allow_n(&l, -1);
}
CRASH(too_many_limiters, "rate_multi_init: 1 to 8 limiters, not 9") {
    static struct rate l;
    struct rate *const nine[9] = { &l, &l, &l, &l, &l, &l, &l, &l, &l };
    struct rate_multi m;
    rate_multi_init(&m, nine, 9);
}
