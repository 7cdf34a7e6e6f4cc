/* The explorer: what it finds, what it must not find, what it counts, and that it repeats. Only where conc.h is compiled with CONC_TEST
   (configuration explorer of tests/run.py). */
#include "harness.h"

#if !defined(CONC_TEST) || HARNESS_TSAN
static void nothing(void *arg) { (void)arg; }
TEST(unavailable) {
    conc_report r = conc_test(nothing, NULL);
    CHECK(!r.ok);
    CHECK_EQ(r.kind, CONC_FAIL_UNAVAILABLE);
    CHECK(strstr(r.text, HARNESS_TSAN ? "ThreadSanitizer" : "CONC_TEST") != NULL);
    CHECK_EQ(conc_bubble(nothing, NULL).kind, CONC_FAIL_UNAVAILABLE);
}
#else

/* ---- bugs, each with its mended twin: arg NULL is the bug ---- */
#define BUG(name) static void name(void *mended)
struct two { conc_mutex a, b; conc_cond c; conc_wg wg; conc_atomic(int) n, m; };
#define TWO_INIT { CONC_MUTEX_INIT, CONC_MUTEX_INIT, CONC_COND_INIT, CONC_WG_INIT, 0, 0 }

static void add_by_parts(struct two *t, bool safe) {
    if (safe) conc_mutex_lock(&t->a);
    int v = conc_atomic_load(&t->n);
    conc_atomic_store(&t->n, v + 1);
    if (safe) conc_mutex_unlock(&t->a);
}
BUG(lost_update) {
    struct two t = TWO_INIT;
    for (int i = 0; i < 2; i++) conc_wg_go(&t.wg, add_by_parts, &t, mended != NULL);
    conc_wg_wait(&t.wg);
    conc_assert(conc_atomic_load(&t.n) == 2);
}
static void lock_both(struct two *t, conc_mutex *first, conc_mutex *second) {
    conc_mutex_lock(first);
    conc_mutex_lock(second);
    conc_atomic_fetch_add(&t->n, 1);
    conc_mutex_unlock(second);
    conc_mutex_unlock(first);
}
BUG(abba) {
    struct two t = TWO_INIT;
    conc_wg_go(&t.wg, lock_both, &t, &t.a, &t.b);
    if (mended) conc_wg_go(&t.wg, lock_both, &t, &t.a, &t.b);
    else conc_wg_go(&t.wg, lock_both, &t, &t.b, &t.a);
    conc_wg_wait(&t.wg);
}
static void eat(struct two *t, conc_mutex *forks, int i, bool ordered) {
    conc_mutex *l = &forks[i], *r = &forks[(i + 1) % 3];
    if (ordered && l > r) lock_both(t, r, l);
    else lock_both(t, l, r);
}
BUG(philosophers) {
    struct two t = TWO_INIT;
    conc_mutex forks[3] = { CONC_MUTEX_INIT, CONC_MUTEX_INIT, CONC_MUTEX_INIT };
    for (int i = 0; i < 3; i++) conc_wg_go(&t.wg, eat, &t, forks, i, mended != NULL);
    conc_wg_wait(&t.wg);
}
/* lost wake-up: the flag is looked at without the lock that guards the wait */
static void set_and_signal(struct two *t, bool safe) {
    if (safe) conc_mutex_lock(&t->a);
    conc_atomic_store(&t->n, 1);
    conc_cond_signal(&t->c);
    if (safe) conc_mutex_unlock(&t->a);
}
BUG(lost_wakeup) {
    struct two t = TWO_INIT;
    conc_wg_go(&t.wg, set_and_signal, &t, mended != NULL);
    if (mended) {
        conc_mutex_lock(&t.a);
        while (!conc_atomic_load(&t.n)) conc_cond_wait(&t.c, &t.a);
    } else if (!conc_atomic_load(&t.n)) {
        conc_mutex_lock(&t.a);
        conc_cond_wait(&t.c, &t.a);
    } else conc_mutex_lock(&t.a);
    conc_mutex_unlock(&t.a);
    conc_wg_wait(&t.wg);
}
/* a bounded buffer that re-checks with if instead of while */
struct buffer { conc_mutex mu; conc_cond full, empty; int n; bool again; conc_wg wg; };
static void buffer_get(struct buffer *b) {
    conc_mutex_lock(&b->mu);
    if (b->again)
        while (b->n == 0) conc_cond_wait(&b->empty, &b->mu);
    else if (b->n == 0) conc_cond_wait(&b->empty, &b->mu);
    conc_assert(b->n > 0);
    b->n--;
    conc_cond_signal(&b->full);
    conc_mutex_unlock(&b->mu);
}
static void buffer_put(struct buffer *b) {
    for (int i = 0; i < 2; i++) {
        conc_mutex_lock(&b->mu);
        while (b->n == 1) conc_cond_wait(&b->full, &b->mu);
        b->n++;
        conc_cond_signal(&b->empty);
        conc_mutex_unlock(&b->mu);
    }
}
BUG(buffer_if) {
    struct buffer b = { CONC_MUTEX_INIT, CONC_COND_INIT, CONC_COND_INIT, 0, mended != NULL, CONC_WG_INIT };
    for (int i = 0; i < 2; i++) conc_wg_go(&b.wg, buffer_get, &b);
    conc_wg_go(&b.wg, buffer_put, &b);
    conc_wg_wait(&b.wg);
}
static void close_once(chan(int) c, struct two *t, bool safe) {
    if (safe) {
        int zero = 0;
        if (!conc_atomic_compare_exchange(&t->n, &zero, 1)) return;
    } else {
        if (conc_atomic_load(&t->n)) return;
        conc_atomic_store(&t->n, 1);
    }
    chan_close(c);
}
BUG(double_close) {
    struct two t = TWO_INIT;
    chan(int) c = chan_make(int);
    for (int i = 0; i < 2; i++) conc_wg_go(&t.wg, close_once, c, &t, mended != NULL);
    conc_wg_wait(&t.wg);
    chan_free(c);
}
static void late_send(chan(int) c, struct two *t) {
    chan_send(c, 1);
    conc_wg_done(&t->wg);
}
BUG(send_on_closed) {
    struct two t = TWO_INIT;
    chan(int) c = chan_make(int, 1);
    conc_wg_add(&t.wg, 1);
    go(late_send, c, &t);
    if (mended) conc_wg_wait(&t.wg);
    conc_yield();
    chan_close(c);
    if (!mended) conc_wg_wait(&t.wg);
    chan_free(c);
}
/* the forgotten sender: its receiver has timed out */
static void answer(chan(int) c) { chan_send(c, 42); }
BUG(forgotten_sender) {
    chan(int) c = mended ? chan_make(int, 1) : chan_make(int);
    go(answer, c);
    chan_select {
        on_recv(v, c) conc_assert(v == 42);
        on_timeout(CONC_SEC) {}
    }
}
/* waiting, with a lock, for a timer's function that needs the lock */
struct expiry { conc_mutex mu; chan(int) fired; };
static void expire(void *arg) {
    struct expiry *e = (struct expiry *)arg;
    conc_mutex_lock(&e->mu);
    conc_mutex_unlock(&e->mu);
    chan_send(e->fired, 1);
}
BUG(stop_under_lock) {
    struct expiry e = { CONC_MUTEX_INIT, chan_make(int, 1) };
    conc_timer *t = conc_after_func(CONC_SEC, expire, &e);
    conc_mutex_lock(&e.mu);
    bool stopped = conc_timer_stop(t);
    if (mended) conc_mutex_unlock(&e.mu);
    if (!stopped) chan_recv(e.fired);
    if (!mended) conc_mutex_unlock(&e.mu);
    conc_timer_free(t);
}
/* double-checked flag by two stores in the wrong order */
struct peterson { conc_atomic(int) want[2], turn, inside; bool broken; conc_wg wg; };
static void critical(struct peterson *p, int me) {
    if (p->broken) conc_atomic_store(&p->turn, !me);
    conc_atomic_store(&p->want[me], 1);
    if (!p->broken) conc_atomic_store(&p->turn, !me);
    while (conc_atomic_load(&p->want[!me]) && conc_atomic_load(&p->turn) != me) conc_relax();
    conc_assert(conc_atomic_fetch_add(&p->inside, 1) == 0);
    conc_atomic_fetch_sub(&p->inside, 1);
    conc_atomic_store(&p->want[me], 0);
}
BUG(peterson) {
    struct peterson p = { { 0, 0 }, 0, 0, mended == NULL, CONC_WG_INIT };
    for (int i = 0; i < 2; i++) conc_wg_go(&p.wg, critical, &p, i);
    conc_wg_wait(&p.wg);
}
/* read lock taken again while a writer waits */
struct twice { conc_rwmutex rw; conc_wg wg; bool again; };
static void read_twice(struct twice *t) {
    conc_rwmutex_rlock(&t->rw);
    if (t->again) conc_rwmutex_rlock(&t->rw);
    if (t->again) conc_rwmutex_runlock(&t->rw);
    conc_rwmutex_runlock(&t->rw);
}
static void write_once(struct twice *t) {
    conc_rwmutex_lock(&t->rw);
    conc_rwmutex_unlock(&t->rw);
}
BUG(recursive_rlock) {
    struct twice t = { CONC_RWMUTEX_INIT, CONC_WG_INIT, mended == NULL };
    conc_wg_go(&t.wg, read_twice, &t);
    conc_wg_go(&t.wg, write_once, &t);
    conc_wg_wait(&t.wg);
}
/* a select that may take work after stop */
static void stop_then_send(chan(int) stop, chan(int) work) {
    chan_close(stop);
    chan_send(work, 1);
}
static void take(chan(int) stop, chan(int) work, conc_atomic(int) *stopped, bool ordered) {
    conc_case k[2] = { case_recv(stop, (int *)NULL), case_recv(work, (int *)NULL) };
    if ((ordered ? chan_select_ordered_n(k, 2) : chan_select_n(k, 2)) == 1) conc_assert(!conc_atomic_load(stopped));
}
BUG(select_after_stop) {
    chan(int) stop = chan_make(int);
    chan(int) work = chan_make(int, 1);
    conc_atomic(int) stopped = 1;
    conc_wg wg = CONC_WG_INIT;
    conc_run(stop_then_send, stop, work);
    conc_wg_go(&wg, take, stop, work, &stopped, mended != NULL);
    conc_wg_wait(&wg);
}
static void cancelled_worker(conc_ctx *ctx, chan(int) out, bool safe) {
    if (safe) (void)chan_send_ctx(out, 1, ctx);
    else chan_send(out, 1);
}
BUG(cancel_strands_sender) {
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    chan(int) out = chan_make(int);
    go(cancelled_worker, ctx, out, mended != NULL);
    chan_select {
        on_recv(v, out) (void)v;
        on_timeout(CONC_SEC) {}
    }
    conc_ctx_cancel(ctx);
    if (mended) conc_settle();
}

static const struct bug { const char *name; void (*fn)(void *); conc_fail_kind kind; } bugs[] = {
    { "lost_update", lost_update, CONC_FAIL_ASSERT },
    { "abba", abba, CONC_FAIL_DEADLOCK },
    { "philosophers", philosophers, CONC_FAIL_DEADLOCK },
    { "lost_wakeup", lost_wakeup, CONC_FAIL_DEADLOCK },
    { "buffer_if", buffer_if, CONC_FAIL_ASSERT },
    { "double_close", double_close, CONC_FAIL_PANIC },
    { "send_on_closed", send_on_closed, CONC_FAIL_PANIC },
    { "forgotten_sender", forgotten_sender, CONC_FAIL_LEAK },
    { "stop_under_lock", stop_under_lock, CONC_FAIL_DEADLOCK },
    { "peterson", peterson, CONC_FAIL_ASSERT },
    { "recursive_rlock", recursive_rlock, CONC_FAIL_DEADLOCK },
    { "select_after_stop", select_after_stop, CONC_FAIL_ASSERT },
    { "cancel_strands_sender", cancel_strands_sender, CONC_FAIL_LEAK },
};
enum { BUGS = sizeof bugs / sizeof bugs[0] };

/* Each bug is found under every one of 20 seeds within 1,000 schedules, and its failure comes back: by its token, and by the list. */
TEST(every_bug_is_found, .seconds = 120) {
    for (int b = 0; b < BUGS; b++)
        for (uint64_t seed = 1; seed <= 20; seed++) {
            conc_report r = conc_test(bugs[b].fn, NULL, .name = bugs[b].name, .seed = seed, .schedules = 1000, .seconds = 60);
            CHECK_SAY(r.kind == bugs[b].kind, "%s, seed %d: %s", bugs[b].name, (int)seed, r.text);
            if (r.ok) continue;
            char *token = strdup(r.token), *list = strstr(r.text, "CONC_REPLAY='c1=");
            REQUIRE(token && list);
            list = strndup(list + 13, strcspn(list + 13, "'"));
            CHECK_SAY(conc_replay(bugs[b].fn, NULL, token).kind == bugs[b].kind, "%s: %s does not repeat it", bugs[b].name, token);
            CHECK_SAY(conc_replay(bugs[b].fn, NULL, list).kind == bugs[b].kind, "%s: %s does not repeat it", bugs[b].name, list);
            free(token);
            free(list);
        }
}
/* The mended twin never fails. */
TEST(no_false_alarm, .seconds = 120) {
    int yes = 1;
    for (int b = 0; b < BUGS; b++)
        for (int s = CONC_MIX; s <= CONC_BOUNDED; s++) {
            conc_report r = conc_test(bugs[b].fn, &yes, .name = bugs[b].name, .strategy = (conc_strategy)s, .schedules = (uint64_t)scale(5000), .seconds = 60,
                                      .seed = 7);
            CHECK_SAY(r.ok, "%s, strategy %d: %s", bugs[b].name, s, r.text);
        }
}

/* ---- counts ---- */
struct shape { int goroutines, operations; long orders; };
static void add_n(conc_atomic(int) *x, int n) {
    for (int i = 0; i < n; i++) conc_atomic_fetch_add(x, 1);
}
static void adds(void *arg) {
    const struct shape *s = (const struct shape *)arg;
    conc_atomic(int) x = 0;
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < s->goroutines; i++) conc_wg_go(&wg, add_n, &x, s->operations);
    conc_wg_wait(&wg);
    conc_assert(conc_atomic_load(&x) == s->goroutines * s->operations);
}
static void lock_n(conc_mutex *m, int n) {
    for (int i = 0; i < n; i++) {
        conc_mutex_lock(m);
        conc_mutex_unlock(m);
    }
}
static void locks(void *arg) {
    const struct shape *s = (const struct shape *)arg;
    conc_mutex m = CONC_MUTEX_INIT;
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < s->goroutines; i++) conc_wg_go(&wg, lock_n, &m, s->operations);
    conc_wg_wait(&wg);
}
/* Exhaustive search runs each distinct order of conflicting steps once: (gn)! / (n!)^g of them. */
TEST(exact_counts, .seconds = 60) {
    struct shape shapes[] = { { 2, 3, 20 }, { 2, 5, 252 }, { 3, 2, 90 }, { 3, 3, 1680 } };
    for (int i = 0; i < 4; i++) {
        conc_report r = conc_test(adds, &shapes[i], .strategy = CONC_EXHAUSTIVE);
        CHECK(r.ok && r.exhausted);
        CHECK_EQ(r.schedules, shapes[i].orders);
        r = conc_test(locks, &shapes[i], .strategy = CONC_EXHAUSTIVE);
        CHECK(r.ok && r.exhausted);
        CHECK_EQ(r.schedules, shapes[i].orders);
        CHECK(strstr(r.text, "distinct schedules explored") != NULL);
    }
}

/* ---- random programs: exhaustive search must see every outcome that depth-first search sees ---- */
enum { CELLS = 3, STEPS = 3, MOST = 4096 };
struct program { uint32_t code; int goroutines; };
static uint32_t outcomes[2][MOST];
static int noutcomes[2], which;
struct world { conc_atomic(int) cell[CELLS]; conc_mutex mu; chan(int) c; conc_wg wg; int got[3]; };
static void random_steps(struct world *w, uint32_t code, int me) {
    int seen = 0;
    for (int i = 0; i < STEPS; i++, code /= 13) {
        int cell = (int)(code / 7 % CELLS);
        switch (code % 7) {
        case 0: seen = seen * 5 + conc_atomic_load(&w->cell[cell]); break;
        case 1: conc_atomic_store(&w->cell[cell], me + 1); break;
        case 2: conc_atomic_fetch_add(&w->cell[cell], me + 1); break;
        case 3:
            conc_mutex_lock(&w->mu);
            seen = seen * 5 + conc_atomic_load(&w->cell[0]);
            conc_atomic_store(&w->cell[0], seen % 4);
            conc_mutex_unlock(&w->mu);
            break;
        case 4: (void)chan_try_send(w->c, me + 1); break;
        case 5: {
            int v = 0;
            (void)chan_try_recv(w->c, &v);
            seen = seen * 5 + v;
            break;
        }
        default:
            if (conc_mutex_try_lock(&w->mu)) {
                seen = seen * 5 + 1;
                conc_mutex_unlock(&w->mu);
            }
        }
    }
    w->got[me] = seen;
}
static void random_program(void *arg) {
    const struct program *p = (const struct program *)arg;
    struct world w;
    memset(&w, 0, sizeof w);
    w.c = chan_make(int, 1);
    uint32_t code = p->code;
    for (int i = 0; i < p->goroutines; i++, code = code * 1664525u + 1013904223u) conc_wg_go(&w.wg, random_steps, &w, code >> 8, i);
    conc_wg_wait(&w.wg);
    uint32_t out = 0;
    for (int i = 0; i < CELLS; i++) out = out * 31 + (uint32_t)w.cell[i];
    for (int i = 0; i < 3; i++) out = out * 131 + (uint32_t)w.got[i];
    out = out * 7 + (uint32_t)chan_len(w.c);
    int *n = &noutcomes[which], i = 0;
    while (i < *n && outcomes[which][i] != out) i++;
    if (i == *n && *n < MOST) outcomes[which][(*n)++] = out;
    chan_free(w.c);
}
static bool outcome_in(int set, uint32_t out) {
    for (int i = 0; i < noutcomes[set]; i++)
        if (outcomes[set][i] == out) return true;
    return false;
}
TEST(exhaustive_agrees_with_depth_first, .seconds = 300) {
    struct rng r = rng_new(1);
    for (long i = 0; i < scale(300) && !harness_failed(); i++) {
        struct program p = { (uint32_t)rng_next(&r), 2 + (int)rng_below(&r, 2) };
        noutcomes[0] = noutcomes[1] = which = 0;
        conc_report all = conc_test(random_program, &p, .strategy = CONC_BOUNDED, .preemptions = p.goroutines == 2 ? 100 : 4, .time = CONC_TIME_IDLE);
        which = 1;
        conc_report dpor = conc_test(random_program, &p, .strategy = CONC_EXHAUSTIVE);
        CHECK_SAY(all.ok && dpor.ok && all.exhausted && dpor.exhausted, "%s%s", all.text, dpor.text);
        CHECK(dpor.schedules <= all.schedules || p.goroutines == 3);
        for (int k = 0; k < noutcomes[0]; k++)
            CHECK_SAY(outcome_in(1, outcomes[0][k]), "program %u of %d goroutines: an outcome is missing (%d against %d)", p.code, p.goroutines,
                      noutcomes[1], noutcomes[0]);
    }
}

/* A timed wait that ends late does not order what its goroutine did before it. */
static void set_one(conc_atomic(int) *x) { conc_atomic_store(x, 1); }
static void look_then_wait(conc_atomic(int) *x, int *seen, chan(int) c) {
    *seen |= 1 << conc_atomic_load(x);
    int v;
    (void)chan_recv_for(c, &v, CONC_SEC);
}
static void look_before_a_wait(void *arg) {
    conc_atomic(int) x = 0;
    conc_wg wg = CONC_WG_INIT;
    chan(int) c = chan_make(int);
    conc_wg_go(&wg, set_one, &x);
    conc_wg_go(&wg, look_then_wait, &x, (int *)arg, c);
    conc_wg_wait(&wg);
    chan_free(c);
}
TEST(timed_wait_orders_nothing_before_it) {
    int seen = 0;
    conc_report r = conc_test(look_before_a_wait, &seen, .strategy = CONC_EXHAUSTIVE);
    CHECK_SAY(r.ok && r.exhausted, "%s", r.text);
    CHECK_EQ(seen, 3);
}

/* ---- time ---- */
static void sleeps(void *arg) {
    int64_t t = conc_now();
    (void)arg;
    conc_assert(t == INT64_C(946684800) * CONC_SEC);
    conc_sleep(3 * CONC_HOUR);
    conc_assert(conc_now() - t == 3 * CONC_HOUR);
    chan(int) c = chan_make(int);
    int v;
    conc_assert(chan_recv_for(c, &v, CONC_MIN) == CONC_TIMEOUT);
    conc_assert(conc_now() - t == 3 * CONC_HOUR + CONC_MIN);
    conc_ticker *k = conc_ticker_new(CONC_SEC);
    for (int i = 0; i < 5; i++) chan_recv(conc_ticker_chan(k));
    conc_assert(conc_now() - t == 3 * CONC_HOUR + CONC_MIN + 5 * CONC_SEC);
    conc_ticker_free(k);
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_SEC);
    conc_assert(conc_sleep_ctx(ctx, CONC_HOUR) == CONC_TIMEOUT);
    conc_ctx_free(ctx);
    chan_free(c);
}
TEST(virtual_time) {
    int64_t t = conc_now();
    conc_report r = conc_bubble(sleeps, NULL);
    CHECK_SAY(r.ok, "%s", r.text);
    CHECK(conc_now() - t < limit(5 * CONC_SEC));
}
static void count_up(conc_atomic(int) *n) {
    for (int i = 0; i < 10; i++) {
        conc_atomic_fetch_add(n, 1);
        conc_sleep(CONC_SEC);
    }
}
static void settles(void *arg) {
    conc_atomic(int) n = 0;
    (void)arg;
    go(count_up, &n);
    conc_settle();
    conc_assert(conc_atomic_load(&n) == 1);
    conc_advance(CONC_SEC);
    conc_assert(conc_atomic_load(&n) == 2);
    conc_advance(5 * CONC_SEC);
    conc_assert(conc_atomic_load(&n) == 7);
    conc_advance(CONC_MIN);
    conc_assert(conc_atomic_load(&n) == 10);
    conc_assert(conc_num_goroutines() == 1);
}
TEST(settle_and_advance) {
    conc_report r = conc_bubble(settles, NULL);
    CHECK_SAY(r.ok, "%s", r.text);
    r = conc_test(settles, NULL, .time = CONC_TIME_IDLE, .schedules = 500);
    CHECK_SAY(r.ok, "%s", r.text);
}
static void blocks(void *arg) {
    chan(int) c = chan_make(int);
    (void)arg;
    chan_recv(c);
}
static void recv_one(chan(int) c) { chan_recv(c); }
static void leaves_one(void *arg) {
    (void)arg;
    go(recv_one, chan_make(int));
}
TEST(bubble_texts) {
    conc_report r = conc_bubble(blocks, NULL);
    CHECK(!r.ok && strstr(r.text, "deadlock: all goroutines in bubble are blocked"));
    r = conc_bubble(leaves_one, NULL);
    CHECK(!r.ok && strstr(r.text, "deadlock: main bubble goroutine has exited but blocked goroutines remain"));
    CHECK(strstr(r.text, "g1 recv_one") && strstr(r.text, "receive chan#1 (blocks)"));
}

/* ---- choices, limits, misuse ---- */
static unsigned faces;
static void throws(void *arg) {
    (void)arg;
    faces |= 1u << conc_choose(6);
}
static void spins(void *arg) {
    (void)arg;
    for (;;) conc_yield();
}
static conc_atomic(int) never;
static void waits_for_nobody(void *arg) {
    (void)arg;
    while (!conc_atomic_load(&never)) conc_relax();
}
static long calls;
static void changes(void *arg) { /* differs from run to run */
    (void)arg;
    conc_assert(++calls % 5 != 4);
}
TEST(choices_limits_misuse) {
    faces = 0;
    conc_report r = conc_test(throws, NULL, .strategy = CONC_EXHAUSTIVE);
    CHECK(r.ok && r.exhausted);
    CHECK_EQ(r.schedules, 6);
    CHECK_EQ(faces, 63);
    r = conc_test(spins, NULL, .max_steps = 1000);
    CHECK_EQ(r.kind, CONC_FAIL_LIVELOCK);
    r = conc_test(waits_for_nobody, NULL);
    CHECK_EQ(r.kind, CONC_FAIL_LIVELOCK);
    CHECK(strstr(r.text, "conc_relax") != NULL);
    r = conc_test(changes, NULL);
    CHECK_EQ(r.kind, CONC_FAIL_NONDET);
    CHECK_EQ(conc_replay(throws, NULL, "nonsense").kind, CONC_FAIL_INVALID);
    CHECK_EQ(conc_replay(throws, NULL, "c1=0x").kind, CONC_FAIL_INVALID);
}
static void reads_a_descriptor(void *arg) {
    char byte;
    (void)arg;
    (void)conc_read(0, &byte, 1);
}
static void scope_task(conc_atomic(int) *n) { conc_atomic_fetch_add(n, 1); }
static void uses_a_scope(void *arg) {
    conc_atomic(int) n = 0;
    (void)arg;
    conc_scope_begin(s, .limit = 2);
    for (int i = 0; i < 3; i++) conc_scope_go(s, scope_task, &n);
    conc_assert(conc_scope_wait(s) == 0);
    conc_assert(conc_atomic_load(&n) == 3);
}
TEST(borders) {
    conc_report r = conc_test(reads_a_descriptor, NULL);
    CHECK_EQ(r.kind, CONC_FAIL_INVALID);
    CHECK(strstr(r.text, "I/O inside a test") != NULL);
    r = conc_test(uses_a_scope, NULL, .schedules = 2000);
    CHECK_SAY(r.ok, "%s", r.text);
}
TEST(same_seed_same_report) {
    for (int b = 0; b < BUGS; b++) {
        conc_report r = conc_test(bugs[b].fn, NULL, .seed = 3);
        char *first = strdup(r.text);
        r = conc_test(bugs[b].fn, NULL, .seed = 3);
        CHECK_SAY(strcmp(first, r.text) == 0, "%s\n%s", first, r.text);
        free(first);
    }
}
/* Records that a test of many goroutines has left go to others in batches that are none too long. */
static void yield_twice(void) {
    conc_yield();
    conc_yield();
}
static void many_yield(void *arg) {
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < *(int *)arg; i++) conc_wg_go(&wg, yield_twice);
    conc_wg_wait(&wg);
}
TEST(few_after_many) {
    int many = 1000;
    for (int n = 100; n < 700; n += 60) {
        CHECK(conc_test(many_yield, &many, .strategy = CONC_FIFO).ok);
        CHECK(conc_test(many_yield, &n, .strategy = CONC_FIFO).ok);
        conc_run(many_yield, &n); /* ordinary ones */
    }
}
/* Nothing is left over in the runtime: tests and ordinary goroutines may take turns. */
static void bump(conc_atomic(int) *n) { conc_atomic_fetch_add(n, 1); }
TEST(beside_ordinary_goroutines) {
    conc_atomic(int) n = 0;
    for (int i = 0; i < 20; i++) {
        conc_wg wg = CONC_WG_INIT;
        for (int k = 0; k < 100; k++) conc_wg_go(&wg, bump, &n);
        CHECK(!conc_test(abba, NULL, .seed = (uint64_t)i + 1).ok);
        conc_wg_wait(&wg);
    }
    CHECK_EQ(conc_atomic_load(&n), 2000);
}
#endif
