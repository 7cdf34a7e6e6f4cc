/* The patterns of the chapter Limit under the explorer: what must hold in every schedule, and what takes exactly so long. */
#include "harness.h"
#include "../patterns/balancer.h"
#include "../patterns/batcher.h"
#include "../patterns/debounce.h"
#include "../patterns/pqueue.h"
#include "../patterns/rate.h"
#include "../patterns/throttle.h"

#if defined(CONC_TEST) && !HARNESS_TSAN
static void sample(const char *name, void (*fn)(void *), void *arg) {
    for (uint64_t seed = 1; seed <= 3; seed++) {
        conc_report r = conc_test(fn, arg, .name = name, .seed = seed, .schedules = (uint64_t)scale(300), .seconds = 20);
        CHECK_SAY(r.ok, "%s", r.text);
    }
}
static void exhaust(const char *name, void (*fn)(void *), void *arg) { /* all with at most one preemption */
    conc_report r = conc_test(fn, arg, .name = name, .strategy = CONC_BOUNDED, .preemptions = 1, .time = CONC_TIME_IDLE);
    CHECK_SAY(r.ok && r.exhausted, "%s", r.text);
}
static void agree(const char *name, void (*fn)(void *), void *arg) { sample(name, fn, arg), exhaust(name, fn, arg); }
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

/* ---- debounce, throttle: when does it run? ---- */

struct times { int n, at[16]; int64_t begun; }; /* ms */
static void note_time(struct times *t) { t->at[t->n++] = (int)((conc_now() - t->begun) / CONC_MS); }
static bool ran_at(const struct times *t, const int *at, int n) { return t->n == n && memcmp(t->at, at, (size_t)n * sizeof *at) == 0; }
#define RAN_AT(t, ...) ran_at(t, (const int[]){ __VA_ARGS__ }, (int)(sizeof((int[]){ __VA_ARGS__ }) / sizeof(int)))
/* An event every 10 ms until 200, then two more at 500 and 505. */
#define EVENTS(event) \
    do { \
        for (int i = 0; i <= 20; i++) event, conc_advance(10 * CONC_MS); \
        conc_advance(290 * CONC_MS); \
        event, conc_advance(5 * CONC_MS), event, conc_advance(CONC_SEC); \
    } while (0)
struct edges { bool leading, trailing; int64_t max_wait; };
static struct times debounced(struct edges e) {
    struct times t = { 0, { 0 }, conc_now() };
    struct debounce d;
    debounce_init(&d, 50 * CONC_MS, note_time, &t);
    d.leading = e.leading, d.trailing = e.trailing, d.max_wait = e.max_wait;
    EVENTS(debounce_event(&d));
    debounce_free(&d);
    return t;
}
static void debounce_times(void *arg) {
    (void)arg;
    struct times t = debounced((struct edges){ false, true, CONC_FOREVER });
    conc_assert(RAN_AT(&t, 250, 555));
    t = debounced((struct edges){ true, false, CONC_FOREVER });
    conc_assert(RAN_AT(&t, 0, 500));
    t = debounced((struct edges){ true, true, CONC_FOREVER });
    conc_assert(RAN_AT(&t, 0, 250, 500, 555));
    t = debounced((struct edges){ false, true, 95 * CONC_MS });
    conc_assert(RAN_AT(&t, 95, 195, 250, 555));
    t = debounced((struct edges){ true, true, 95 * CONC_MS });
    conc_assert(RAN_AT(&t, 0, 105, 205, 500, 555));
}
static struct times throttled(bool leading, bool trailing) {
    struct times t = { 0, { 0 }, conc_now() };
    struct throttle h;
    throttle_init(&h, 65 * CONC_MS, note_time, &t);
    h.leading = leading, h.trailing = trailing;
    EVENTS((void)throttle_event(&h));
    throttle_free(&h);
    return t;
}
static void throttle_times(void *arg) {
    (void)arg;
    struct times t = throttled(true, true);
    conc_assert(RAN_AT(&t, 0, 65, 130, 195, 260, 500, 565));
    t = throttled(true, false);
    conc_assert(RAN_AT(&t, 0, 70, 140, 500));
    t = throttled(false, true);
    conc_assert(RAN_AT(&t, 65, 130, 195, 260, 565));
}
/* Who has caused an event finds it served, whatever happens meanwhile: each run sees what was written before the events it serves. */
struct owed { conc_atomic(int) written, seen; };
static void see(struct owed *o) { conc_atomic_store(&o->seen, conc_atomic_load(&o->written)); }
static void debounce_writer(struct debounce *d, struct owed *o) {
    conc_atomic_fetch_add(&o->written, 1);
    debounce_event(d);
}
static void debounce_race(void *leading) {
    struct owed o = { 0, 0 };
    struct debounce d;
    conc_wg wg = CONC_WG_INIT;
    debounce_init(&d, CONC_MS, see, &o);
    d.leading = leading != NULL;
    for (int i = 0; i < 2; i++) conc_wg_go(&wg, debounce_writer, &d, &o);
    conc_assert(debounce_flush(&d, NULL) == CONC_OK);
    conc_wg_wait(&wg);
    conc_assert(debounce_flush(&d, NULL) == CONC_OK);
    conc_assert(conc_atomic_load(&o.seen) == 2);
    debounce_free(&d);
}
static void throttle_writer(struct throttle *t, struct owed *o) {
    conc_atomic_fetch_add(&o->written, 1);
    conc_assert(throttle_event(t));
}
static void throttle_race(void *leading) {
    struct owed o = { 0, 0 };
    struct throttle t;
    conc_wg wg = CONC_WG_INIT;
    throttle_init(&t, CONC_MS, see, &o);
    t.leading = leading != NULL;
    for (int i = 0; i < 2; i++) conc_wg_go(&wg, throttle_writer, &t, &o);
    conc_assert(throttle_flush(&t, NULL) == CONC_OK);
    conc_wg_wait(&wg);
    conc_assert(throttle_flush(&t, NULL) == CONC_OK);
    conc_assert(conc_atomic_load(&o.seen) == 2);
    throttle_free(&t);
}
TEST(debounce) {
    int yes = 1;
    bubble(debounce_times, NULL);
    agree("debounce: events and flush", debounce_race, NULL);
    agree("debounce: events and flush, leading", debounce_race, &yes);
}
TEST(throttle) {
    int yes = 1;
    bubble(throttle_times, NULL);
    agree("throttle: events and flush", throttle_race, NULL);
    agree("throttle: events and flush, leading", throttle_race, &yes);
}

/* ---- pqueue ---- */

static bool less(const int *a, const int *b) { return *a < *b; }
static void pqueue_putter(pqueue(int) q, int v) { conc_assert(pqueue_put(q, NULL, v) == CONC_OK); }
static void pqueue_taker(pqueue(int) q, conc_ctx *ctx, conc_atomic(int) *sum) {
    int v;
    while (pqueue_take(q, ctx, &v) == CONC_OK) conc_atomic_fetch_add(sum, v);
}
/* What is put is taken once, though one taker is cancelled meanwhile and there is room for one only. */
static void pqueue_race(void *arg) {
    const int *n = arg;
    pqueue(int) q = pqueue_make(int, 1, less);
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    conc_atomic(int) sum = 0;
    conc_wg puts = CONC_WG_INIT, takes = CONC_WG_INIT;
    conc_wg_go(&takes, pqueue_taker, q, ctx, &sum);
    conc_wg_go(&takes, pqueue_taker, q, NULL, &sum);
    for (int i = 0; i < *n; i++) conc_wg_go(&puts, pqueue_putter, q, 1 << i);
    conc_ctx_cancel(ctx);
    conc_wg_wait(&puts);
    pqueue_close(q);
    conc_wg_wait(&takes);
    conc_assert(conc_atomic_load(&sum) == (1 << *n) - 1);
    conc_ctx_free(ctx);
    pqueue_free(q);
}
TEST(pqueue) {
    int three = 3, one = 1;
    sample("pqueue: puts, takes, cancel, close", pqueue_race, &three);
    exhaust("pqueue: a put, takes, cancel, close", pqueue_race, &one);
}

/* ---- batcher ---- */

struct batches { int n, at[16], size[16]; int64_t begun; int sum; };
static int note_batch(conc_ctx *ctx, struct batches *b, const int *items, size_t n) {
    (void)ctx;
    b->at[b->n] = (int)((conc_now() - b->begun) / CONC_MS);
    b->size[b->n++] = (int)n;
    for (size_t i = 0; i < n; i++) b->sum += items[i];
    return 0;
}
static void batcher_times(void *arg) {
    struct batches t = { 0, { 0 }, { 0 }, conc_now(), 0 };
    batcher(int) b = batcher_make(int, 3, 50 * CONC_MS, 10, note_batch, &t);
    (void)arg;
    for (int i = 0; i < 4; i++) conc_assert(batcher_add(b, NULL, 1) == 0), conc_advance(10 * CONC_MS); /* at 0, 10, 20, 30 */
    conc_advance(100 * CONC_MS);                                                                          /* now it is 140 */
    conc_assert(batcher_add(b, NULL, 1) == 0);
    conc_advance(10 * CONC_MS);
    conc_assert(batcher_flush(b, NULL) == 0 && batcher_add(b, NULL, 1) == 0 && batcher_close(b, NULL) == 0);
    const int at[] = { 20, 80, 150, 150 }, size[] = { 3, 1, 1, 1 };
    conc_assert(t.n == 4 && memcmp(t.at, at, sizeof at) == 0 && memcmp(t.size, size, sizeof size) == 0);
    batcher_free(b);
}
static void batcher_adder(batcher(int) b, int v, conc_atomic(int) *accepted) {
    if (batcher_add(b, NULL, v) == 0) conc_atomic_fetch_add(accepted, v);
}
/* What was accepted is put, though it is closed in the middle, and a flush comes when it likes. */
static void batcher_race(void *arg) {
    struct batches t = { 0, { 0 }, { 0 }, conc_now(), 0 };
    batcher(int) b = batcher_make(int, 2, CONC_MS, 2, note_batch, &t);
    conc_atomic(int) accepted = 0;
    conc_wg wg = CONC_WG_INIT;
    (void)arg;
    for (int i = 0; i < 3; i++) conc_wg_go(&wg, batcher_adder, b, 1 << i, &accepted);
    conc_assert(batcher_flush(b, NULL) == 0 && batcher_close(b, NULL) == 0);
    conc_wg_wait(&wg);
    conc_assert(t.sum == conc_atomic_load(&accepted));
    batcher_free(b);
}
TEST(batcher) {
    bubble(batcher_times, NULL);
    agree("batcher: adds, flush, close", batcher_race, NULL);
}

/* ---- balancer ---- */

static void count_work(conc_ctx *ctx, conc_atomic(int) *n, int *weight) {
    (void)ctx;
    conc_atomic_fetch_add(n, *weight);
}
static void balancer_asker(balancer(int) b, int v, conc_atomic(int) *accepted) {
    if (balancer_submit(b, NULL, v) == CONC_OK) conc_atomic_fetch_add(accepted, v);
}
/* What was accepted is worked on once, though it is closed in the middle; nobody waits for ever. */
struct balance { size_t workers, room; int submits; };
static void balancer_race(void *arg) {
    const struct balance *of = arg;
    conc_atomic(int) worked = 0, accepted = 0;
    balancer(int) b = balancer_make(int, of->workers, of->room, count_work, &worked);
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < of->submits; i++) conc_wg_go(&wg, balancer_asker, b, 1 << i, &accepted);
    conc_yield();
    balancer_close(b);
    conc_assert(balancer_wait(b, NULL) == CONC_OK);
    conc_wg_wait(&wg);
    conc_assert(conc_atomic_load(&worked) == conc_atomic_load(&accepted));
    balancer_free(b);
}
TEST(balancer) {
    sample("balancer: submits and close", balancer_race, &(struct balance){ 2, 1, 3 });
    sample("balancer: submits and close, with queues", balancer_race, &(struct balance){ 2, 2, 3 });
    exhaust("balancer: two submits and close", balancer_race, &(struct balance){ 1, 1, 2 });
}
#else
TEST(unavailable) { CHECK_EQ(conc_bubble(NULL, NULL).kind, CONC_FAIL_UNAVAILABLE); }
#endif
