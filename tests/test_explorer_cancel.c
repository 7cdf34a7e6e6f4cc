/* The patterns of cancelling, sharing and surviving under the explorer: what must hold in every schedule. */
#include "harness.h"
#include "../patterns/any.h"
#include "../patterns/breaker.h"
#include "../patterns/errgroup.h"
#include "../patterns/replicate.h"
#include "../patterns/retry.h"
#include "../patterns/singleflight.h"

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

/* singleflight: everybody gets the value of a load that began before he had it, one load at a time. */
struct sf { conc_atomic(int) loads, under_way; };
static int sf_load(conc_ctx *ctx, struct sf *s, const char *key, int *out) {
    (void)ctx, (void)key;
    conc_assert(conc_atomic_fetch_add(&s->under_way, 1) == 0);
    *out = conc_atomic_fetch_add(&s->loads, 1) + 1;
    conc_atomic_fetch_sub(&s->under_way, 1);
    return 0;
}
typedef singleflight(char, int) sf_group;
static void sf_ask(sf_group g, struct sf *s) {
    int v = 0;
    conc_assert(singleflight_do(g, NULL, "key", &v, NULL) == 0);
    conc_assert(v >= 1 && v <= conc_atomic_load(&s->loads));
}
static void sf_callers(void *arg) {
    struct sf s = { 0, 0 };
    sf_group g = singleflight_make(char, int, sf_load, &s);
    conc_wg wg = CONC_WG_INIT;
    (void)arg;
    for (int i = 0; i < 3; i++) conc_wg_go(&wg, sf_ask, g, &s);
    conc_wg_wait(&wg);
    conc_assert(conc_atomic_load(&s.loads) >= 1 && conc_atomic_load(&s.loads) <= 3);
    singleflight_free(g);
}
/* One caller gives up: the other gets his value all the same, whoever came first. */
static int sf_slow(conc_ctx *ctx, struct sf *s, const char *key, int *out) {
    (void)s, (void)key;
    if (conc_sleep_ctx(ctx, CONC_MS) != CONC_OK) return -9;
    *out = 4;
    return 0;
}
static void sf_patient(sf_group g) {
    int v = 0;
    conc_assert(singleflight_do(g, NULL, "key", &v, NULL) == 0 && v == 4);
}
static void sf_give_up(void *arg) {
    struct sf s = { 0, 0 };
    sf_group g = singleflight_make(char, int, sf_slow, &s);
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    conc_wg wg = CONC_WG_INIT;
    int v = 0;
    (void)arg;
    conc_wg_go(&wg, sf_patient, g);
    conc_wg_go(&wg, conc_ctx_cancel, ctx);
    int err = singleflight_do(g, ctx, "key", &v, NULL);
    conc_assert(err == 0 ? v == 4 : err == CONC_CANCELED);
    conc_wg_wait(&wg);
    singleflight_free(g);
    conc_ctx_free(ctx);
}
TEST(singleflight, .seconds = 120) {
    agree("singleflight: three callers", sf_callers, NULL);
    agree("singleflight: one gives up", sf_give_up, NULL);
}

/* any: the context ends, with the index of something that has fired, and any_free leaves nobody, whenever it comes. */
static void any_two(void *arg) {
    conc_ctx *one = conc_ctx_with_cancel(conc_ctx_background());
    chan(char) two = chan_make(char);
    conc_wg wg = CONC_WG_INIT;
    struct any a;
    conc_assert(any_init(&a, NULL) == CONC_OK && any_add_ctx(&a, one) == CONC_OK && any_add_chan(&a, two) == CONC_OK);
    conc_ctx *ctx = any_start(&a);
    conc_wg_go(&wg, conc_ctx_cancel, one);
    if (arg) { /* the caller does not wait for it */
        any_free(&a);
        conc_wg_wait(&wg);
    } else {
        chan_close(two);
        (void)chan_recv(conc_ctx_done(ctx));
        conc_assert(any_which(&a) == 0 || any_which(&a) == 1);
        conc_wg_wait(&wg);
        any_free(&a);
    }
    conc_ctx_free(one);
    chan_free(two);
}
TEST(any, .seconds = 120) {
    int yes = 1;
    agree("any: two fire", any_two, NULL);
    agree("any: freed meanwhile", any_two, &yes);
}

/* replicate: one answer is taken, each other one dropped, nobody runs afterwards. */
struct rp { conc_atomic(int) running, answers; int err; };
static conc_atomic(int) rp_dropped;
static int rp_ask(conc_ctx *ctx, struct rp *p, int *out) {
    conc_atomic_fetch_add(&p->running, 1);
    bool stopped = conc_ctx_err(ctx) != CONC_OK;
    conc_yield();
    if (!stopped && p->err == 0) conc_atomic_fetch_add(&p->answers, 1);
    conc_atomic_fetch_sub(&p->running, 1);
    *out = 6;
    return stopped ? -9 : p->err;
}
static void rp_drop(int *out) {
    conc_assert(*out == 6);
    conc_atomic_fetch_add(&rp_dropped, 1);
}
static void rp_three(void *hedged) {
    struct rp p[3] = { { 0, 0, -1 }, { 0, 0, 0 }, { 0, 0, 0 } };
    struct replicate r = REPLICATE_INIT;
    int v = 0, answers = 0;
    conc_atomic_store(&rp_dropped, 0);
    if (hedged) r.delay = CONC_MS;
    conc_assert(replicate_ask_drop(&r, NULL, rp_ask, p, 3, &v, rp_drop) == 0 && v == 6);
    conc_assert(r.winner != 0 && r.failed <= 1);
    for (int i = 0; i < 3; i++) conc_assert(conc_atomic_load(&p[i].running) == 0), answers += conc_atomic_load(&p[i].answers);
    conc_assert(answers == 1 + conc_atomic_load(&rp_dropped));
}
static int64_t rp_at[3];
static int rp_slow(conc_ctx *ctx, const int *i, int *out) {
    rp_at[*i] = conc_now();
    *out = *i;
    return conc_sleep_ctx(ctx, 50 * CONC_MS) == CONC_OK ? 0 : -9;
}
static void rp_times(void *arg) { /* hedged by 20 ms, each takes 50: asked at 0, 20 and 40, answered at 50 */
    const int which[3] = { 0, 1, 2 };
    struct replicate r = REPLICATE_INIT;
    int64_t begin = conc_now();
    int v = -1;
    (void)arg;
    r.delay = 20 * CONC_MS;
    conc_assert(replicate_ask(&r, NULL, rp_slow, which, 3, &v) == 0 && v == 0 && r.winner == 0 && r.started == 3);
    for (int i = 0; i < 3; i++) conc_assert(rp_at[i] - begin == i * 20 * CONC_MS);
    conc_assert(conc_now() - begin == 50 * CONC_MS);
}
static void in_bubble(void (*fn)(void *)) {
    conc_report r = conc_bubble(fn, NULL);
    CHECK_SAY(r.ok, "%s", r.text);
}
TEST(replicate, .seconds = 120) {
    int yes = 1;
    agree("replicate: all at once", rp_three, NULL);
    agree("replicate: hedged", rp_three, &yes);
    in_bubble(rp_times);
}

/* retry: the waits are what it says, to the nanosecond; limits are kept. */
static int rt_fail(conc_ctx *ctx, int *calls) {
    (void)ctx;
    ++*calls;
    return -5;
}
static void rt_times(void *arg) {
    struct retry r;
    int calls = 0;
    int64_t begin = conc_now();
    (void)arg;
    retry_init(&r, 100 * CONC_MS, 350 * CONC_MS);
    r.jitter = RETRY_NONE;
    r.attempts = 5;
    conc_assert(retry_run(&r, NULL, rt_fail, &calls) == -5 && calls == 5 && r.end == RETRY_ATTEMPTS);
    conc_assert(conc_now() - begin == (100 + 200 + 350 + 350) * CONC_MS && r.waited == conc_now() - begin && r.last_wait == 350 * CONC_MS);

    r.attempts = 0; /* tries at 0, 100 and 300; the next would be at 650 */
    r.elapsed = 649 * CONC_MS;
    conc_assert(retry_run(&r, NULL, rt_fail, &calls) == -5 && r.tries == 3 && r.end == RETRY_ELAPSED && r.waited == 300 * CONC_MS);
    r.elapsed = 650 * CONC_MS;
    conc_assert(retry_run(&r, NULL, rt_fail, &calls) == -5 && r.tries == 4);

    r.elapsed = CONC_FOREVER;
    begin = conc_now();
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_SEC);
    conc_assert(retry_run(&r, ctx, rt_fail, &calls) == -5 && r.tries == 4 && r.end == RETRY_CANCELED); /* the fifth would be due at 1.0 s */
    conc_assert(conc_now() - begin == 650 * CONC_MS); /* it did not wait for the deadline */
    conc_ctx_free(ctx);
}
static void rt_cancel(void *arg) { /* a cancellation at any moment ends it, after at least one try or before the first */
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    struct retry r;
    int calls = 0;
    (void)arg;
    retry_init(&r, CONC_MS, CONC_MS);
    r.attempts = 3;
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, conc_ctx_cancel, ctx);
    int err = retry_run(&r, ctx, rt_fail, &calls);
    conc_assert((unsigned)calls == r.tries && err == (calls == 0 ? (int)CONC_CANCELED : -5));
    conc_assert(r.end == RETRY_CANCELED || (r.end == RETRY_ATTEMPTS && calls == 3));
    conc_wg_wait(&wg);
    conc_ctx_free(ctx);
}
TEST(retry, .seconds = 120) {
    conc_report r = conc_test(rt_cancel, NULL, .schedules = (uint64_t)scale(1500), .seconds = 20);
    CHECK_SAY(r.ok, "%s", r.text);
    in_bubble(rt_times);
}

/* breaker: windows and cooldowns to the nanosecond; in every schedule no more probes than allowed, and no call while it is open. */
static int br_result(conc_ctx *ctx, const int *err) { return (void)ctx, *err; }
static void br_times(void *arg) {
    const int bad = -5, good = 0;
    struct breaker b;
    (void)arg;
    breaker_init(&b);
    b.failures = 3;
    b.window = 10 * CONC_SEC;
    b.cooldown = CONC_SEC;
    for (int i = 0; i < 2; i++) conc_assert(breaker_call(&b, NULL, br_result, &bad) == -5);
    conc_advance(10 * CONC_SEC); /* a new window: they are forgotten */
    for (int i = 0; i < 2; i++) conc_assert(breaker_call(&b, NULL, br_result, &bad) == -5);
    conc_advance(10 * CONC_SEC - 1);
    conc_assert(breaker_get_state(&b) == BREAKER_CLOSED);
    conc_assert(breaker_call(&b, NULL, br_result, &bad) == -5); /* the third in the same window */
    conc_assert(breaker_get_state(&b) == BREAKER_OPEN);
    conc_advance(CONC_SEC - 1);
    conc_assert(breaker_call(&b, NULL, br_result, &good) == BREAKER_REFUSED);
    conc_advance(1);
    conc_assert(breaker_get_state(&b) == BREAKER_HALF_OPEN);
    struct breaker_pass slow = breaker_begin(&b);
    conc_assert(slow.ok && !breaker_begin(&b).ok);
    conc_advance(CONC_SEC); /* it does not come back: another one */
    struct breaker_pass second = breaker_begin(&b);
    conc_assert(second.ok && !breaker_begin(&b).ok);
    breaker_end(&b, slow, BREAKER_SUCCESS); /* late, but it says that the service is well */
    conc_assert(breaker_get_state(&b) == BREAKER_CLOSED);
    breaker_end(&b, second, BREAKER_FAILURE); /* of a state that is over */
    conc_assert(breaker_get_counts(&b).failed == 0);
}
struct br { struct breaker b; conc_atomic(int) probes, open; };
static void br_change(struct br *s, struct breaker_change c) { conc_atomic_store(&s->open, c.to == BREAKER_OPEN); }
static void br_caller(struct br *s) {
    for (int i = 0; i < 2; i++) {
        struct breaker_pass p = breaker_begin(&s->b);
        if (!p.ok) continue;
        conc_assert(conc_atomic_fetch_add(&s->probes, 1) < 2);
        conc_yield();
        conc_atomic_fetch_sub(&s->probes, 1);
        breaker_end(&s->b, p, BREAKER_IGNORE);
    }
}
static void br_probes(void *arg) { /* half open, two probes at most, three who want to */
    struct br s;
    (void)arg;
    memset(&s, 0, sizeof s);
    breaker_init(&s.b);
    s.b.failures = 1;
    s.b.probes = 2;
    s.b.cooldown = 0;
    breaker_on_change(&s.b, br_change, &s);
    breaker_end(&s.b, breaker_begin(&s.b), BREAKER_FAILURE);
    conc_assert(conc_atomic_load(&s.open) == 1);
    s.b.cooldown = CONC_HOUR;
    conc_assert(breaker_get_state(&s.b) == BREAKER_HALF_OPEN && conc_atomic_load(&s.open) == 0);
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 3; i++) conc_wg_go(&wg, br_caller, &s);
    conc_wg_wait(&wg);
    conc_assert(breaker_get_state(&s.b) == BREAKER_HALF_OPEN);
}
TEST(breaker, .seconds = 120) {
    agree("breaker: probes", br_probes, NULL);
    in_bubble(br_times);
}
#else
TEST(unavailable) { CHECK_EQ(conc_bubble(NULL, NULL).kind, CONC_FAIL_UNAVAILABLE); }
#endif
