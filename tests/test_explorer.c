/* The explorer: what it counts, what it says, its time, its borders; what it finds is in test_bugs.c. Only where conc.h is compiled with CONC_TEST
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

/* What must hold between any two steps. */
struct accounts { conc_atomic(int) from, to; int looks; };
static bool nothing_lost(void *arg) {
    struct accounts *a = (struct accounts *)arg;
    return conc_atomic_load(&a->from) + conc_atomic_load(&a->to) == 10; /* no steps: nobody comes in between */
}
static void transfer(struct accounts *a) {
    conc_atomic_fetch_sub(&a->from, 1);
    conc_atomic_fetch_add(&a->to, 1);
}
static void transfers(void *arg) {
    struct accounts *a = (struct accounts *)arg;
    conc_wg wg = CONC_WG_INIT;
    atomic_init(&a->from, 10), atomic_init(&a->to, 0);
    for (int i = 0; i < 2; i++) conc_wg_go(&wg, transfer, a);
    conc_wg_wait(&wg);
}
static bool first_before_second(void *arg) {
    struct accounts *a = (struct accounts *)arg;
    return conc_atomic_load(&a->from) || !conc_atomic_load(&a->to);
}
static void store_1(conc_atomic(int) *x) { conc_atomic_store(x, 1); }
static void two_stores(void *arg) {
    struct accounts *a = (struct accounts *)arg;
    conc_wg wg = CONC_WG_INIT;
    atomic_init(&a->from, 0), atomic_init(&a->to, 0);
    conc_wg_go(&wg, store_1, &a->from);
    conc_wg_go(&wg, store_1, &a->to);
    conc_wg_wait(&wg);
}
static bool always(void *arg) { return ((struct accounts *)arg)->looks++ >= 0; }
TEST(invariant) {
    static struct accounts a;
    conc_report r = conc_test(transfers, &a, .invariant = nothing_lost);
    CHECK_SAY(r.kind == CONC_FAIL_ASSERT && strstr(r.text, "the invariant does not hold after the last step"), "%s", r.text);
    CHECK(conc_test(transfers, &a).ok); /* in the end all is well */
    setenv("CONC_REPLAY", r.token, 1);
    CHECK_EQ(conc_test(transfers, &a, .invariant = nothing_lost).kind, CONC_FAIL_ASSERT);
    unsetenv("CONC_REPLAY");
    /* two stores that do not conflict: one order is enough, but not for who can tell which was first */
    conc_report one = conc_test(two_stores, &a, .strategy = CONC_EXHAUSTIVE);
    CHECK(one.ok && one.exhausted);
    a.looks = 0;
    conc_report all = conc_test(two_stores, &a, .strategy = CONC_EXHAUSTIVE, .invariant = always);
    CHECK_SAY(all.ok && all.exhausted && all.schedules > one.schedules && a.looks > 0, "%s%s", one.text, all.text);
    CHECK_EQ(conc_test(two_stores, &a, .strategy = CONC_EXHAUSTIVE, .invariant = first_before_second).kind, CONC_FAIL_ASSERT);
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

/* ---- timers that nobody listens to ---- */
static void deaf(void *arg) { /* a ticker that is not read hides no deadlock */
    chan(int) c = chan_make(int);
    (void)arg;
    (void)conc_ticker_new(CONC_MS);
    chan_recv(c);
}
static void slept_through(void *arg) { /* and does not end a sleep before its time, however many ticks that is */
    int64_t t = conc_now();
    (void)arg;
    (void)conc_ticker_new(CONC_MS);
    conc_sleep(5 * CONC_SEC);
    conc_assert(conc_now() - t == 5 * CONC_SEC);
}
static void ticks_for_ever(chan(int) quit) {
    conc_ticker *ticker = conc_ticker_new(CONC_SEC);
    for (bool on = true; on;) chan_select {
        on_recv(t, conc_ticker_chan(ticker)) {}
        on_recv(v, quit) on = false;
    }
    conc_ticker_free(ticker);
}
static void leaves_a_ticker(void *quits) {
    chan(int) quit = chan_make(int);
    go(ticks_for_ever, quit);
    if (quits) chan_close(quit);
}
TEST(timers_and_the_end) {
    int yes = 1;
    CHECK_EQ(conc_test(deaf, NULL).kind, CONC_FAIL_DEADLOCK);
    CHECK_EQ(conc_bubble(deaf, NULL).kind, CONC_FAIL_DEADLOCK);
    CHECK_EQ(conc_bubble(slept_through, NULL).kind, CONC_FAIL_NONE);
    conc_report r = conc_test(leaves_a_ticker, NULL);
    CHECK_EQ(r.kind, CONC_FAIL_LEAK);
    CHECK(strstr(r.text, "g1 ticks_for_ever") != NULL);
    CHECK_EQ(conc_test(leaves_a_ticker, &yes, .schedules = 1000).kind, CONC_FAIL_NONE);
}

/* ---- who waits in a queue is served in order ---- */
enum { LINE = 3 };
struct line { chan(int) c; conc_mutex mu; conc_cond cond; conc_sem sem; int served[LINE], n; };
static void line_served(struct line *l, int i) { l->served[l->n++] = i; }
static void line_chan(struct line *l, int i) {
    chan_recv(l->c);
    line_served(l, i);
}
static void line_cond(struct line *l, int i) {
    conc_mutex_lock(&l->mu);
    conc_cond_wait(&l->cond, &l->mu);
    line_served(l, i);
    conc_mutex_unlock(&l->mu);
}
static void line_sem(struct line *l, int i) {
    conc_sem_acquire(&l->sem, 1);
    line_served(l, i);
}
static void stands_in_line(void *arg) {
    for (int kind = 0; kind < 3; kind++) {
        struct line l = { chan_make(int), CONC_MUTEX_INIT, CONC_COND_INIT, CONC_SEM_INIT(LINE), { 0 }, 0 };
        (void)arg;
        conc_sem_acquire(&l.sem, LINE);
        for (int i = 0; i < LINE; i++) {
            go(kind == 0 ? line_chan : kind == 1 ? line_cond : line_sem, &l, i);
            conc_settle();
        }
        for (int i = 0; i < LINE; i++) {
            if (kind == 0) chan_send(l.c, i);
            else if (kind == 1) conc_cond_signal(&l.cond);
            else conc_sem_release(&l.sem, 1);
            conc_settle();
            conc_assert(l.n == i + 1 && l.served[i] == i);
        }
    }
}
TEST(first_come_first_served) {
    conc_report r = conc_test(stands_in_line, NULL, .time = CONC_TIME_IDLE, .schedules = 500);
    CHECK_SAY(r.ok, "%s", r.text);
}

/* ---- wait groups: an add from zero may not meet a wait ---- */
struct groups { conc_wg wg, all; chan(int) counted; bool orderly; };
static void add_one(struct groups *g) {
    conc_wg_add(&g->wg, 1);
    chan_close(g->counted);
    conc_wg_done(&g->wg);
}
static void wait_for_one(struct groups *g) {
    if (g->orderly) chan_recv(g->counted);
    conc_wg_wait(&g->wg);
}
static void add_and_wait(void *orderly) {
    struct groups g = { CONC_WG_INIT, CONC_WG_INIT, chan_make(int), orderly != NULL };
    conc_wg_go(&g.all, add_one, &g);
    conc_wg_go(&g.all, wait_for_one, &g);
    conc_wg_wait(&g.all);
}
TEST(add_meets_wait) {
    int yes = 1;
    for (int s = CONC_MIX; s <= CONC_EXHAUSTIVE; s++) {
        conc_report r = conc_test(add_and_wait, NULL, .strategy = (conc_strategy)s);
        CHECK_EQ(r.kind, CONC_FAIL_PANIC);
        CHECK(strstr(r.text, "WaitGroup misuse: Add called concurrently with Wait") != NULL);
        CHECK_SAY(conc_test(add_and_wait, &yes, .strategy = (conc_strategy)s, .schedules = 1000).ok, "strategy %d", s);
    }
}

/* ---- each strategy repeats its own failures, the first schedule's too ---- */
static void fails(void *arg) {
    chan(int) c = chan_make(int, 3);
    (void)arg;
    for (int i = 0; i < 3; i++) go(recv_one, c);
    conc_yield();
    conc_assert(false);
}
TEST(first_schedule_repeats) {
    for (int s = CONC_MIX; s <= CONC_FIFO; s++)
        for (uint64_t seed = 1; seed <= 20; seed++) {
            conc_report r = conc_test(fails, NULL, .strategy = (conc_strategy)s, .seed = seed);
            CHECK_EQ(r.kind, CONC_FAIL_ASSERT);
            CHECK_EQ(r.schedules, 1);
            char *token = strdup(r.token);
            CHECK_EQ(conc_replay(fails, NULL, token).kind, CONC_FAIL_ASSERT);
            free(token);
        }
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
/* A crowd under partial order sampling, of which every goroutine may lose an update: both tokens of the failure lead to it. */
struct pair { conc_atomic(int) x; };
static void add_badly(struct pair *p) {
    int x = conc_atomic_load(&p->x);
    conc_atomic_store(&p->x, x + 1);
}
static void crowd(void *arg) {
    enum { CROWD = 1000 };
    static struct pair pairs[CROWD / 2];
    conc_wg wg = CONC_WG_INIT;
    (void)arg;
    memset(pairs, 0, sizeof pairs);
    for (int i = 0; i < CROWD; i++) conc_wg_go(&wg, add_badly, &pairs[i / 2]);
    conc_wg_wait(&wg);
    for (int i = 0; i < CROWD / 2; i++) conc_assert(conc_atomic_load(&pairs[i].x) == 2);
}
TEST(pos_of_a_crowd_comes_again, .seconds = 60) {
    for (uint64_t seed = 1; seed <= 3; seed++) {
        conc_report r = conc_test(crowd, NULL, .strategy = CONC_POS, .seed = seed, .races_allowed = true);
        CHECK_EQ(r.kind, CONC_FAIL_ASSERT);
        char *token = strdup(r.token), *once;
        CHECK(strncmp(token, "c1p.pos", 7) == 0);
        CHECK_EQ((r = conc_replay(crowd, NULL, token)).kind, CONC_FAIL_ASSERT);
        once = strdup(r.text);
        r = conc_replay(crowd, NULL, token);
        CHECK(strcmp(once, r.text) == 0);
        free(once);
        free(token);
    }
}
/* Nothing is left over in the runtime: tests and ordinary goroutines may take turns. */
static void bump(conc_atomic(int) *n) { conc_atomic_fetch_add(n, 1); }
TEST(beside_ordinary_goroutines) {
    conc_atomic(int) n = 0;
    for (int i = 0; i < 20; i++) {
        conc_wg wg = CONC_WG_INIT;
        for (int k = 0; k < 100; k++) conc_wg_go(&wg, bump, &n);
        CHECK(!conc_test(blocks, NULL, .seed = (uint64_t)i + 1).ok);
        conc_wg_wait(&wg);
    }
    CHECK_EQ(conc_atomic_load(&n), 2000);
}
#endif
