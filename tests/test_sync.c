/* sync: mutex, rwmutex, wait group, once, cond, semaphore, atomics. Plain (non-atomic) data under each lock lets the thread
   sanitizer see a missing happens-before edge even where the counts come out right. */
#include "harness.h"

typedef chan(int) ints;

// ---- mutex

struct hammer {
    conc_mutex m;
    conc_rwmutex rw;
    conc_sem sem;
    conc_wg wg;
    long counter;
    int n, active;
    conc_atomic(int) done;
};

static void mutex_hammer(struct hammer *h) {
    for (int i = 0; i < h->n; i++) {
        if (i % 3 == 0) {
            if (conc_mutex_try_lock(&h->m)) {
                h->counter++;
                conc_mutex_unlock(&h->m);
            } else
                i--, conc_yield();
            continue;
        }
        conc_mutex_lock(&h->m);
        h->counter++;
        conc_mutex_unlock(&h->m);
    }
}
static void *mutex_hammer_thread(void *p) {
    mutex_hammer(p);
    return NULL;
}

/* TestMutex: try_lock's truth table; ten goroutines and two OS threads hammer, every third lock a try. */
TEST(mutex) {
    struct hammer h = { .n = (int)scale(3000) };
    CHECK(conc_mutex_try_lock(&h.m));
    CHECK(!conc_mutex_try_lock(&h.m));
    conc_mutex_unlock(&h.m);
    conc_mutex_lock(&h.m);
    CHECK(!conc_mutex_try_lock(&h.m));
    CHECK_EQ(conc_mutex_lock_for(&h.m, CONC_MS), CONC_TIMEOUT);
    conc_mutex_unlock(&h.m);
    CHECK_EQ(conc_mutex_lock_for(&h.m, CONC_MS), CONC_OK);
    conc_mutex_unlock(&h.m);

    for (int i = 0; i < 10; i++) conc_wg_go(&h.wg, mutex_hammer, &h);
    pthread_t t[2];
    for (int i = 0; i < 2; i++) t[i] = thread_start(mutex_hammer_thread, &h);
    conc_wg_wait(&h.wg);
    for (int i = 0; i < 2; i++) thread_join(t[i]);
    CHECK_EQ(h.counter, 12L * h.n);
}

static void mutex_unlock_it(conc_mutex *m, conc_atomic(int) *done) {
    conc_mutex_unlock(m);
    atomic_store(done, 1);
}

/* A lock is not tied to a goroutine: another may unlock it. */
TEST(mutex_unlocked_by_another) {
    static conc_mutex m;
    conc_atomic(int) done;
    for (int i = 0; i < 100; i++) {
        atomic_init(&done, 0);
        conc_mutex_lock(&m);
        go(mutex_unlock_it, &m, &done);
        conc_mutex_lock(&m);
        wait_for(&done, 1);
        conc_mutex_unlock(&m);
    }
}

static void mutex_hog(struct hammer *h) {
    while (!atomic_load(&h->done)) {
        conc_mutex_lock(&h->m);
        for (int64_t end = conc_now() + 100 * CONC_US; conc_now() < end;) {}
        conc_mutex_unlock(&h->m);
    }
}

/* TestMutexFairness: a goroutine that locks again in a tight loop cannot keep another out for longer than some milliseconds
   (starvation mode after 1 ms). */
TEST(mutex_fairness) {
    struct hammer h = { .n = 10 };
    conc_wg_go(&h.wg, mutex_hog, &h);
    int64_t worst = 0, begin = conc_now();
    for (int i = 0; i < h.n; i++) {
        conc_sleep(100 * CONC_US);
        int64_t t = conc_now();
        conc_mutex_lock(&h.m);
        t = conc_now() - t;
        if (t > worst) worst = t;
        conc_mutex_unlock(&h.m);
    }
    atomic_store(&h.done, 1);
    conc_wg_wait(&h.wg);
    CHECK_SAY(conc_now() - begin < limit(5 * CONC_SEC), "ten locks took %.1f ms, the worst %.1f ms",
              (double)(conc_now() - begin) / 1e6, (double)worst / 1e6);
}

static void mutex_timed(struct hammer *h, int stream) {
    struct rng r = rng_new((unsigned)stream);
    for (int i = 0; i < h->n; i++) {
        if (conc_mutex_lock_for(&h->m, rng_below(&r, 30000)) != CONC_OK) continue;
        long before = h->counter++;
        if (rng_below(&r, 4) == 0) conc_yield();
        CHECK_EQ(h->counter, before + 1);
        conc_mutex_unlock(&h->m);
        atomic_fetch_add(&h->done, 1);
    }
}

/* lock_for: never early; expiry racing with hand-over loses neither the lock nor the exclusion. */
TEST(mutex_lock_for) {
    struct hammer h = { .n = (int)scale(3000) };
    conc_mutex_lock(&h.m);
    for (int ms = 1; ms < 5; ms++) {
        int64_t t = conc_now();
        CHECK_EQ(conc_mutex_lock_for(&h.m, ms * CONC_MS), CONC_TIMEOUT);
        CHECK(conc_now() - t >= ms * CONC_MS);
    }
    conc_mutex_unlock(&h.m);
    for (int i = 0; i < 8; i++) conc_wg_go(&h.wg, mutex_timed, &h, i);
    conc_wg_wait(&h.wg);
    CHECK_EQ(h.counter, atomic_load(&h.done));
    CHECK(conc_mutex_try_lock(&h.m));
}

struct mortal {
    conc_mutex m;
    int users;
};
struct mortals {
    struct mortal **all;
    int n, users;
    conc_wg wg;
};
static void mutex_mourner(struct mortals *h, int stream) {
    struct rng r = rng_new((unsigned)stream);
    for (int i = 0; i < h->n; i++) {
        struct mortal *o = h->all[i];
        while (rng_below(&r, 2) ? conc_mutex_lock_for(&o->m, rng_below(&r, 3000)) != CONC_OK : !conc_mutex_try_lock(&o->m)) {
            if (rng_below(&r, 4)) continue;
            conc_mutex_lock(&o->m);
            break;
        }
        bool last = --o->users == 0;
        if (rng_below(&r, 8) == 0) conc_yield();
        conc_mutex_unlock(&o->m);
        if (!last) continue;
        memset(o, 0xdd, sizeof *o);
        free(o);
    }
}
static void *mutex_mourner_thread(void *h) {
    mutex_mourner((struct mortals *)h, 100);
    return NULL;
}

/* Who unlocks last may free the mutex, whatever the unlocks before it and the waiters that gave up still had to do. */
TEST(mutex_freed_by_its_last_user) {
    struct mortals h = { .n = (int)scale(4000), .users = 5 };
    h.all = (struct mortal **)calloc((size_t)h.n, sizeof *h.all);
    for (int i = 0; i < h.n; i++) {
        h.all[i] = (struct mortal *)calloc(1, sizeof **h.all);
        h.all[i]->users = h.users;
    }
    pthread_t t = thread_start(mutex_mourner_thread, &h);
    for (int i = 1; i < h.users; i++) conc_wg_go(&h.wg, mutex_mourner, &h, i);
    conc_wg_wait(&h.wg);
    thread_join(t);
    free(h.all);
}

static void mutex_probe(void *m) { conc_mutex_lock((conc_mutex *)m); }

/* Locking a locked mutex blocks, with its wait reason; the unlock wakes. */
TEST(mutex_blocks) {
    static conc_mutex m;
    conc_mutex_lock(&m);
    CHECK(blocks_as(mutex_probe, &m, "sync.Mutex.Lock"));
    conc_mutex_unlock(&m);
    wait_goroutines(body_goroutines());
    CHECK(!conc_mutex_try_lock(&m));
    conc_mutex_unlock(&m);
}

static void mutex_sleeper(struct hammer *h) {
    for (int i = 0; i < h->n; i++) {
        conc_mutex_lock(&h->m);
        long c = h->counter;
        conc_sleep(20 * CONC_US);
        h->counter = c + 1;
        conc_mutex_unlock(&h->m);
    }
}

/* Holders that park inside the critical section; many waiters. */
TEST(mutex_held_across_parks) {
    struct hammer h = { .n = (int)scale(20) };
    int n = (int)live(100);
    for (int i = 0; i < n; i++) conc_wg_go(&h.wg, mutex_sleeper, &h);
    conc_wg_wait(&h.wg);
    CHECK_EQ(h.counter, (long)n * h.n);
}

// ---- rwmutex

/* TestRWMutex, the truth table of the try forms. */
TEST(rwmutex_try) {
    static conc_rwmutex rw;
    conc_rwmutex_lock(&rw);
    CHECK(!conc_rwmutex_try_lock(&rw));
    CHECK(!conc_rwmutex_try_rlock(&rw));
    conc_rwmutex_unlock(&rw);
    CHECK(conc_rwmutex_try_lock(&rw));
    conc_rwmutex_unlock(&rw);
    conc_rwmutex_rlock(&rw);
    CHECK(conc_rwmutex_try_rlock(&rw));
    CHECK(!conc_rwmutex_try_lock(&rw));
    conc_rwmutex_runlock(&rw);
    CHECK(!conc_rwmutex_try_lock(&rw));
    conc_rwmutex_runlock(&rw);
    CHECK(conc_rwmutex_try_lock(&rw));
    conc_rwmutex_unlock(&rw);
}

static void rw_reader(struct hammer *h, conc_atomic(int) *activity) {
    for (int i = 0; i < h->n; i++) {
        if (i & 1 || !conc_rwmutex_try_rlock(&h->rw)) conc_rwmutex_rlock(&h->rw);
        int n = atomic_fetch_add(activity, 1);
        CHECK_SAY(n >= 0 && n < 10000, "a reader entered with activity %d", n);
        long before = h->counter;
        if (i % 16 == 0) conc_yield();
        CHECK_EQ(h->counter, before);
        atomic_fetch_sub(activity, 1);
        conc_rwmutex_runlock(&h->rw);
    }
}
static void rw_writer(struct hammer *h, conc_atomic(int) *activity) {
    for (int i = 0; i < h->n; i++) {
        if (i & 1 || !conc_rwmutex_try_lock(&h->rw)) conc_rwmutex_lock(&h->rw);
        int n = atomic_fetch_add(activity, 10000);
        CHECK_SAY(n == 0, "a writer entered with activity %d", n);
        h->counter++;
        if (i % 16 == 0) conc_yield();
        atomic_fetch_sub(activity, 10000);
        conc_rwmutex_unlock(&h->rw);
    }
}

/* The hammer mixes: 1 to 10 readers, one or more writers, an activity counter in which a writer weighs 10,000. */
TEST(rwmutex_hammer) {
    static const int mix[][2] = { { 1, 1 }, { 3, 1 }, { 10, 1 }, { 3, 3 }, { 10, 5 }, { 5, 10 } };
    for (size_t k = 0; k < sizeof mix / sizeof *mix; k++) {
        struct hammer h = { .n = (int)scale(1000) };
        conc_atomic(int) activity;
        atomic_init(&activity, 0);
        for (int i = 0; i < mix[k][0]; i++) conc_wg_go(&h.wg, rw_reader, &h, &activity);
        for (int i = 0; i < mix[k][1]; i++) conc_wg_go(&h.wg, rw_writer, &h, &activity);
        conc_wg_wait(&h.wg);
        CHECK_EQ(atomic_load(&activity), 0);
        CHECK_EQ(h.counter, (long)mix[k][1] * h.n);
    }
}

static void rw_meet(conc_rwmutex *rw, conc_atomic(int) *in, int all) {
    conc_rwmutex_rlock(rw);
    atomic_fetch_add(in, 1);
    wait_for(in, all); /* only if all readers are inside at once */
    conc_rwmutex_runlock(rw);
}

/* TestParallelReaders: readers hold the lock together. */
TEST(rwmutex_readers_in_parallel) {
    for (int n = 1; n <= 64; n *= 4) {
        static conc_rwmutex rw;
        conc_atomic(int) in;
        conc_wg wg = CONC_WG_INIT;
        atomic_init(&in, 0);
        for (int i = 0; i < n; i++) conc_wg_go(&wg, rw_meet, &rw, &in, n);
        conc_wg_wait(&wg);
        CHECK(conc_rwmutex_try_lock(&rw));
        conc_rwmutex_unlock(&rw);
    }
}

static void rw_write_probe(void *rw) { conc_rwmutex_lock((conc_rwmutex *)rw); }
static void rw_read_probe(void *rw) { conc_rwmutex_rlock((conc_rwmutex *)rw); }

/* A waiting writer holds new readers back; it gets the lock when the old readers leave; the readers follow it. */
TEST(rwmutex_writer_blocks_new_readers) {
    static conc_rwmutex rw;
    conc_rwmutex_rlock(&rw);
    CHECK(blocks_as(rw_write_probe, &rw, "sync.RWMutex.Lock"));
    CHECK(!conc_rwmutex_try_rlock(&rw));
    CHECK(blocks_as(rw_read_probe, &rw, "sync.RWMutex.RLock"));
    CHECK(blocks_as(rw_read_probe, &rw, "sync.RWMutex.RLock"));
    conc_rwmutex_runlock(&rw); /* now the writer has it */
    wait_goroutines(2 + body_goroutines());
    CHECK(!conc_rwmutex_try_rlock(&rw));
    conc_rwmutex_unlock(&rw); /* now both readers */
    wait_goroutines(body_goroutines());
    CHECK(!conc_rwmutex_try_lock(&rw));
    CHECK(conc_rwmutex_try_rlock(&rw));
    for (int i = 0; i < 3; i++) conc_rwmutex_runlock(&rw);
    CHECK(conc_rwmutex_try_lock(&rw));
    conc_rwmutex_unlock(&rw);
}

static void *rw_reader_thread(void *p) {
    static conc_atomic(int) activity;
    struct hammer *h = p;
    for (int i = 0; i < h->n; i++) {
        conc_rwmutex_rlock(&h->rw);
        atomic_fetch_add(&activity, 1);
        long before = h->counter;
        CHECK_EQ(h->counter, before);
        conc_rwmutex_runlock(&h->rw);
    }
    return NULL;
}

/* OS threads and goroutines read and write together. */
TEST(rwmutex_foreign_threads) {
    struct hammer h = { .n = (int)scale(2000) };
    conc_atomic(int) activity;
    atomic_init(&activity, 0);
    pthread_t t[2];
    for (int i = 0; i < 2; i++) t[i] = thread_start(rw_reader_thread, &h);
    for (int i = 0; i < 2; i++) conc_wg_go(&h.wg, rw_reader, &h, &activity);
    conc_wg_go(&h.wg, rw_writer, &h, &activity);
    for (int i = 0; i < h.n; i++) {
        conc_rwmutex_lock(&h.rw);
        h.counter++;
        conc_rwmutex_unlock(&h.rw);
    }
    for (int i = 0; i < 2; i++) thread_join(t[i]);
    conc_wg_wait(&h.wg);
    CHECK_EQ(h.counter, 2L * h.n);
}

// ---- wait group

static void wg_worker(conc_wg *first, conc_wg *second, ints exited, int *slot) {
    *slot = 1;
    conc_wg_done(first);
    conc_wg_wait(second);
    chan_send(exited, 1);
}

/* TestWaitGroup: sixteen goroutines through two alternating barriers, eight times over: nobody is let go early, and the
   effects before done are seen after wait. */
TEST(wg_barriers) {
    enum { N = 16 };
    static conc_wg wg[2];
    ints exited = chan_make(int, N);
    for (int round = 0; round < 8; round++) {
        conc_wg *first = &wg[round & 1], *second = &wg[!(round & 1)];
        int slot[N] = { 0 };
        conc_wg_add(first, N);
        conc_wg_add(second, N);
        for (int i = 0; i < N; i++) go(wg_worker, first, second, exited, &slot[i]);
        conc_wg_wait(first);
        for (int i = 0; i < N; i++) {
            int v;
            CHECK_EQ(slot[i], 1);
            CHECK_SAY(chan_try_recv(exited, &v) == CONC_WOULD_BLOCK, "released early");
            conc_wg_done(second);
        }
        for (int i = 0; i < N; i++) CHECK_EQ(chan_recv(exited), 1);
    }
    wait_goroutines(body_goroutines());
    chan_free(exited);
}

static void wg_effect(conc_wg *wg, int *p) {
    *p = 1;
    conc_wg_done(wg);
}

/* TestWaitGroupRace: wait never returns before the effects of both goroutines are visible; a new group each round. */
TEST(wg_race) {
    for (long i = scale(3000); i > 0; i--) {
        conc_wg wg = CONC_WG_INIT;
        int a = 0, b = 0;
        conc_wg_add(&wg, 1);
        go(wg_effect, &wg, &a);
        conc_wg_add(&wg, 1);
        go(wg_effect, &wg, &b);
        conc_wg_wait(&wg);
        CHECK_EQ(a + b, 2);
    }
}

static void add_one(conc_atomic(int) *n) { atomic_fetch_add(n, 1); }
static void exit_inside(conc_atomic(int) *n) {
    atomic_fetch_add(n, 1);
    conc_exit();
}
static void wg_wait_and_count(conc_wg *wg, conc_atomic(int) *woken) {
    conc_wg_wait(wg);
    atomic_fetch_add(woken, 1);
}

/* wg.Go: counts, runs, is done when the function returns, also when it leaves by conc_exit; conc_run likewise. Any number may
   wait; waiting on zero returns at once; wait_for times out, never early, and works again. */
TEST(wg_go_and_waiters) {
    conc_wg wg = CONC_WG_INIT, gate = CONC_WG_INIT, waiters = CONC_WG_INIT;
    conc_atomic(int) n, woken;
    atomic_init(&n, 0);
    atomic_init(&woken, 0);
    conc_wg_wait(&wg);
    CHECK_EQ(conc_wg_wait_for(&wg, 0), CONC_OK);
    for (int i = 0; i < 50; i++) conc_wg_go(&wg, add_one, &n);
    for (int i = 0; i < 50; i++) conc_wg_go(&wg, exit_inside, &n);
    conc_wg_wait(&wg);
    CHECK_EQ(atomic_load(&n), 100);
    conc_run(add_one, &n);
    CHECK_EQ(atomic_load(&n), 101);
    conc_run(exit_inside, &n);
    CHECK_EQ(atomic_load(&n), 102);

    conc_wg_add(&gate, 2);
    for (int i = 0; i < 20; i++) conc_wg_go(&waiters, wg_wait_and_count, &gate, &woken);
    settle();
    int64_t t = conc_now();
    CHECK_EQ(conc_wg_wait_for(&gate, 3 * CONC_MS), CONC_TIMEOUT);
    CHECK(conc_now() - t >= 3 * CONC_MS);
    conc_wg_done(&gate);
    settle();
    CHECK_EQ(atomic_load(&woken), 0);
    conc_wg_add(&gate, -1);
    conc_wg_wait(&waiters);
    CHECK_EQ(atomic_load(&woken), 20);
    CHECK_EQ(conc_wg_wait_for(&gate, CONC_SEC), CONC_OK);
}

static void wg_probe(void *wg) { conc_wg_wait((conc_wg *)wg); }
static void *wg_wait_thread(void *wg) {
    conc_wg_wait((conc_wg *)wg);
    return NULL;
}

/* Wait blocks with its wait reason; a goroutine and an OS thread wait together. */
TEST(wg_blocks) {
    static conc_wg wg;
    conc_wg_add(&wg, 1);
    CHECK(blocks_as(wg_probe, &wg, "sync.WaitGroup.Wait"));
    pthread_t t = thread_start(wg_wait_thread, &wg);
    CHECK_EQ(conc_wg_wait_for(&wg, CONC_MS), CONC_TIMEOUT);
    conc_wg_done(&wg);
    thread_join(t);
    conc_wg_wait(&wg);
}

static void wg_timed(conc_wg *wg, int64_t ns, conc_atomic(int) *ok) {
    if (conc_wg_wait_for(wg, ns) == CONC_OK) atomic_fetch_add(ok, 1);
}

/* wait_for's expiry racing with the last done. */
TEST(wg_wait_for_races) {
    struct rng r = rng_new(0);
    for (long i = scale(1000); i > 0; i--) {
        conc_wg wg = CONC_WG_INIT, waiters = CONC_WG_INIT;
        conc_atomic(int) ok;
        atomic_init(&ok, 0);
        conc_wg_add(&wg, 1);
        for (int k = 0; k < 3; k++) conc_wg_go(&waiters, wg_timed, &wg, rng_below(&r, 50000), &ok);
        conc_sleep(rng_below(&r, 50000));
        conc_wg_done(&wg);
        conc_wg_wait(&waiters);
        CHECK_EQ(conc_wg_wait_for(&wg, 0), CONC_OK);
    }
}

// ---- once

struct once_data {
    conc_once once;
    int value;
    conc_atomic(int) calls, enough;
    conc_wg wg;
};
static void once_body(void *p) {
    struct once_data *d = p;
    atomic_fetch_add(&d->calls, 1);
    conc_sleep(CONC_MS);
    d->value = 42;
}
static void once_user(struct once_data *d) {
    conc_once_do(&d->once, once_body, d);
    CHECK_EQ(d->value, 42);
}
static void *once_thread(void *p) {
    once_user(p);
    return NULL;
}

/* TestOnce: the body runs once; every caller, goroutine or thread, returns after it has finished and sees its result. */
TEST(once) {
    for (int round = 0; round < 20; round++) {
        struct once_data d = { .value = 0 };
        for (int i = 0; i < 10; i++) conc_wg_go(&d.wg, once_user, &d);
        pthread_t t = thread_start(once_thread, &d);
        once_user(&d);
        conc_wg_wait(&d.wg);
        thread_join(t);
        CHECK_EQ(atomic_load(&d.calls), 1);
    }
}

static void once_exit_body(void *p) {
    struct once_data *d = p;
    atomic_fetch_add(&d->calls, 1);
    conc_exit();
}
static void once_exit_user(struct once_data *d) {
    conc_once_do(&d->once, once_exit_body, d);
    atomic_fetch_add(&d->enough, 1);
}
static void once_again(void *p) {
    struct once_data *d = p;
    conc_once_do(&d->once, once_again, d);
}

/* TestOncePanic, with conc_exit for the panic: it counts as done. A recursive do deadlocks. */
TEST(once_exit_and_recursion) {
    static struct once_data d, e;
    conc_wg_go(&d.wg, once_exit_user, &d);
    conc_wg_wait(&d.wg);
    CHECK_EQ(atomic_load(&d.enough), 0);
    conc_wg_go(&d.wg, once_exit_user, &d);
    conc_wg_wait(&d.wg);
    CHECK_EQ(atomic_load(&d.enough), 1);
    CHECK_EQ(atomic_load(&d.calls), 1);
    CHECK(blocks_forever(once_again, &e));
}

// ---- cond

struct waiting {
    conc_mutex m;
    conc_cond c;
    int n, order[64], x, woken;
    conc_wg wg;
    conc_atomic(int) in;
};
static void cond_waiter(struct waiting *w, int me) {
    conc_mutex_lock(&w->m);
    atomic_fetch_add(&w->in, 1);
    conc_cond_wait(&w->c, &w->m);
    w->order[w->n++] = me;
    conc_mutex_unlock(&w->m);
}

/* TestCondSignal: each signal wakes exactly one waiter, the one that has waited longest; none wakes by itself; broadcast wakes
   all that are left; signals without waiters do nothing. */
TEST(cond_signal_is_fifo) {
    enum { N = 12 };
    static struct waiting w;
    w = (struct waiting){ .n = 0 };
    conc_cond_signal(&w.c);
    conc_cond_broadcast(&w.c);
    for (int i = 0; i < N; i++) {
        conc_wg_go(&w.wg, cond_waiter, &w, i);
        wait_for(&w.in, i + 1);
        conc_mutex_lock(&w.m); /* waiter i has released it, so it waits */
        conc_mutex_unlock(&w.m);
    }
    settle();
    CHECK_EQ(w.n, 0);
    for (int i = 0; i < N / 2; i++) {
        conc_mutex_lock(&w.m);
        conc_cond_signal(&w.c);
        conc_mutex_unlock(&w.m);
        settle();
        conc_mutex_lock(&w.m);
        CHECK_EQ(w.n, i + 1);
        CHECK_EQ(w.order[i], i);
        conc_mutex_unlock(&w.m);
    }
    conc_cond_broadcast(&w.c);
    conc_wg_wait(&w.wg);
    CHECK_EQ(w.n, N);
}

static void cond_baton(struct waiting *w, int from, int to, int end) {
    conc_mutex_lock(&w->m);
    while (w->x < end) {
        while (w->x % 3 != from && w->x < end) conc_cond_wait(&w->c, &w->m);
        if (w->x >= end) break;
        w->x += (to - from + 3) % 3;
        w->woken++;
        conc_cond_broadcast(&w->c);
    }
    conc_mutex_unlock(&w->m);
}

/* TestRace (cond): three goroutines hand a number round through one condition. */
TEST(cond_baton) {
    static struct waiting w;
    w = (struct waiting){ .n = 0 };
    int end = (int)scale(6000);
    for (int i = 0; i < 3; i++) conc_wg_go(&w.wg, cond_baton, &w, i, (i + 1) % 3, end);
    conc_wg_wait(&w.wg);
    CHECK_EQ(w.x, end);
    CHECK_EQ(w.woken, end);
}

static void cond_first(struct waiting *w) {
    conc_mutex_lock(&w->m);
    atomic_store(&w->in, 1);
    conc_cond_wait(&w->c, &w->m);
    w->woken++;
    conc_mutex_unlock(&w->m);
}
static void cond_second(struct waiting *w) {
    conc_mutex_lock(&w->m);
    while (!w->x) conc_cond_wait(&w->c, &w->m);
    conc_mutex_unlock(&w->m);
}

/* TestCondSignalStealing: a waiter that is there before a broadcast or signal is woken by it even when a newer wait races. */
TEST(cond_signal_is_not_stolen) {
    for (long i = scale(1000); i > 0; i--) {
        struct waiting w = { .n = 0 };
        conc_wg_go(&w.wg, cond_first, &w);
        wait_for(&w.in, 1);
        conc_mutex_lock(&w.m);
        conc_mutex_unlock(&w.m);
        conc_wg second = CONC_WG_INIT;
        conc_wg_go(&second, cond_second, &w);
        conc_cond_broadcast(&w.c);
        conc_wg_wait(&w.wg); /* hangs if the broadcast was lost */
        CHECK_EQ(w.woken, 1);
        conc_mutex_lock(&w.m);
        w.x = 1;
        conc_cond_signal(&w.c);
        conc_mutex_unlock(&w.m);
        conc_wg_wait(&second);
    }
}

/* wait_for: never early, the mutex is held again after it, and a later signal does not go to the one that has left. */
TEST(cond_wait_for) {
    static struct waiting w;
    w = (struct waiting){ .n = 0 };
    conc_mutex_lock(&w.m);
    for (int ms = 0; ms < 4; ms++) {
        int64_t t = conc_now();
        CHECK_EQ(conc_cond_wait_for(&w.c, &w.m, ms * CONC_MS), CONC_TIMEOUT);
        CHECK(conc_now() - t >= ms * CONC_MS);
        CHECK(!conc_mutex_try_lock(&w.m));
    }
    conc_mutex_unlock(&w.m);
    conc_wg_go(&w.wg, cond_waiter, &w, 1);
    wait_for(&w.in, 1);
    conc_mutex_lock(&w.m);
    conc_cond_signal(&w.c);
    conc_mutex_unlock(&w.m);
    conc_wg_wait(&w.wg);
    CHECK_EQ(w.n, 1);
}

static void cond_consumer(struct waiting *w, int stream, int stop_at) {
    struct rng r = rng_new((unsigned)stream);
    conc_mutex_lock(&w->m);
    while (w->woken < stop_at) {
        if (w->x == 0) (void)conc_cond_wait_for(&w->c, &w->m, rng_below(&r, 60000));
        if (w->x > 0) w->x--, w->woken++;
    }
    conc_mutex_unlock(&w->m);
    conc_cond_broadcast(&w->c);
}

/* Expiry racing with signal: a signal is not lost on a waiter that expires: the items are all consumed. */
TEST(cond_expiry_races_with_signal) {
    static struct waiting w;
    w = (struct waiting){ .n = 0 };
    int n = (int)scale(4000);
    for (int i = 0; i < 4; i++) conc_wg_go(&w.wg, cond_consumer, &w, i, n);
    for (int i = 0; i < n; i++) {
        conc_mutex_lock(&w.m);
        w.x++;
        conc_cond_signal(&w.c);
        conc_mutex_unlock(&w.m);
        if (i % 50 == 0) conc_yield();
    }
    conc_wg_wait(&w.wg);
    CHECK_EQ(w.woken, n);
    CHECK_EQ(w.x, 0);
}

struct timed_waiter {
    struct waiting *w;
    int64_t ns;
    conc_atomic(int) status; /* -1: still waiting */
};
static void cond_timed(struct timed_waiter *t) {
    conc_status st = CONC_OK;
    conc_mutex_lock(&t->w->m);
    atomic_fetch_add(&t->w->in, 1);
    if (t->ns) st = conc_cond_wait_for(&t->w->c, &t->w->m, t->ns);
    else conc_cond_wait(&t->w->c, &t->w->m);
    conc_mutex_unlock(&t->w->m);
    atomic_store(&t->status, (int)st);
}

/* One signal for two waiters, the first about to expire: it goes to one of them, whatever the timing. */
TEST(cond_signal_reaches_somebody) {
    struct rng r = rng_new(0);
    for (long i = scale(2000); i > 0; i--) {
        static struct waiting w;
        w = (struct waiting){ .n = 0 };
        struct timed_waiter a = { .w = &w, .ns = 1 + rng_below(&r, 60000) }, b = { .w = &w };
        atomic_init(&a.status, -1);
        atomic_init(&b.status, -1);
        conc_wg_go(&w.wg, cond_timed, &a);
        wait_for(&w.in, 1);
        conc_wg second = CONC_WG_INIT;
        conc_wg_go(&second, cond_timed, &b);
        wait_for(&w.in, 2);
        conc_mutex_lock(&w.m); /* both are in the queue, or a has just expired */
        conc_mutex_unlock(&w.m);
        conc_sleep(rng_below(&r, 40000));
        conc_cond_signal(&w.c);
        conc_wg_wait(&w.wg);
        if (atomic_load(&a.status) == CONC_OK) {
            CHECK_EQ(atomic_load(&b.status), -1);
            conc_cond_signal(&w.c);
        }
        conc_wg_wait(&second); /* hangs if the signal was lost on a */
    }
}

static void cond_probe(void *p) {
    struct waiting *w = p;
    conc_mutex_lock(&w->m);
    conc_cond_wait(&w->c, &w->m);
    conc_mutex_unlock(&w->m);
}
static void *cond_thread(void *p) {
    cond_probe(p);
    return NULL;
}

/* The wait reason; an OS thread waits on the same condition as a goroutine. */
TEST(cond_blocks) {
    static struct waiting w;
    w = (struct waiting){ .n = 0 };
    CHECK(blocks_as(cond_probe, &w, "sync.Cond.Wait"));
    conc_cond_signal(&w.c);
    wait_goroutines(body_goroutines());
    pthread_t t = thread_start(cond_thread, &w);
    conc_wg_go(&w.wg, cond_waiter, &w, 0);
    while (conc_wg_wait_for(&w.wg, CONC_MS) != CONC_OK) conc_cond_broadcast(&w.c);
    while (pthread_tryjoin_np(t, NULL) != 0) {
        conc_cond_broadcast(&w.c);
        conc_yield();
    }
}

// ---- semaphore

/* TestWeightedTryAcquire: the truth table. */
TEST(sem_try) {
    conc_sem s = CONC_SEM_INIT(2);
    bool got[5];
    conc_sem_acquire(&s, 1);
    got[0] = conc_sem_try_acquire(&s, 1);
    got[1] = conc_sem_try_acquire(&s, 1);
    conc_sem_release(&s, 2);
    got[2] = conc_sem_try_acquire(&s, 1);
    conc_sem_acquire(&s, 1);
    got[3] = conc_sem_try_acquire(&s, 1);
    got[4] = conc_sem_try_acquire(&s, 0);
    CHECK(got[0] && !got[1] && got[2] && !got[3] && got[4]);
    conc_sem_release(&s, 2);
    conc_sem_init(&s, 5);
    CHECK(conc_sem_try_acquire(&s, 5));
    CHECK(!conc_sem_try_acquire(&s, 1));
    CHECK_EQ(conc_sem_acquire_for(&s, 1, CONC_MS), CONC_TIMEOUT);
    conc_sem_release(&s, 3);
    CHECK_EQ(conc_sem_acquire_for(&s, 3, CONC_MS), CONC_OK);
    conc_sem_release(&s, 5);
    CHECK_EQ(conc_sem_acquire_for(&s, 6, CONC_MS), CONC_TIMEOUT);
}

static void sem_hammer(struct hammer *h, int weight, int size, conc_atomic(int) *held) {
    for (int i = 0; i < h->n; i++) {
        conc_sem_acquire(&h->sem, weight);
        int now = atomic_fetch_add(held, weight) + weight;
        CHECK_SAY(now <= size, "%d held of %d", now, size);
        if (i % 8 == 0) conc_yield();
        atomic_fetch_sub(held, weight);
        conc_sem_release(&h->sem, weight);
    }
}

/* TestWeighted, TestSemaphore: a hammer with weights never has more out than the size. */
TEST(sem_hammer) {
    struct hammer h = { .n = (int)scale(1000), .sem = CONC_SEM_INIT(10) };
    conc_atomic(int) held;
    atomic_init(&held, 0);
    for (int i = 0; i < 20; i++) conc_wg_go(&h.wg, sem_hammer, &h, 1 + i % 10, 10, &held);
    conc_wg_wait(&h.wg);
    CHECK(conc_sem_try_acquire(&h.sem, 10));
}

static void sem_lock(struct hammer *h) {
    for (int i = 0; i < h->n; i++) {
        conc_sem_acquire(&h->sem, 1);
        h->counter++;
        conc_sem_release(&h->sem, 1);
    }
}

/* A semaphore of size one is a lock: release is before the acquire it lets in. */
TEST(sem_happens_before) {
    struct hammer h = { .n = (int)scale(3000), .sem = CONC_SEM_INIT(1) };
    for (int i = 0; i < 6; i++) conc_wg_go(&h.wg, sem_lock, &h);
    sem_lock(&h);
    conc_wg_wait(&h.wg);
    CHECK_EQ(h.counter, 7L * h.n);
}

static void sem_small(struct hammer *h) {
    while (!atomic_load(&h->done)) {
        conc_sem_acquire(&h->sem, 1);
        conc_sleep(50 * CONC_US);
        conc_sem_release(&h->sem, 1);
    }
}

/* TestLargeAcquireDoesntStarve: a large request is served although small ones keep coming. */
TEST(sem_large_is_not_starved) {
    enum { N = 8 };
    struct hammer h = { .sem = CONC_SEM_INIT(N) };
    for (int i = 0; i < 2 * N; i++) conc_wg_go(&h.wg, sem_small, &h);
    CHECK_EQ(conc_sem_acquire_for(&h.sem, N, limit(10 * CONC_SEC)), CONC_OK);
    atomic_store(&h.done, 1);
    conc_sem_release(&h.sem, N);
    conc_wg_wait(&h.wg);
}

struct sem_op {
    conc_sem *s;
    int64_t n, ns;
    conc_atomic(int) status; /* -1: still waiting */
    conc_atomic(uint64_t) id;
};
static void sem_op(struct sem_op *o) {
    atomic_store(&o->id, conc_id());
    conc_status st = CONC_OK;
    if (o->ns) st = conc_sem_acquire_for(o->s, o->n, o->ns);
    else conc_sem_acquire(o->s, o->n);
    atomic_store(&o->status, (int)st);
}
static void sem_op_start(struct sem_op *o, conc_sem *s, int64_t n, int64_t ns) {
    o->s = s;
    o->n = n;
    o->ns = ns;
    atomic_init(&o->status, -1);
    atomic_init(&o->id, 0);
    go(sem_op, o);
    while (!atomic_load(&o->id)) conc_yield();
    wait_parked(atomic_load(&o->id), NULL);
}
static void sem_probe(void *s) { conc_sem_acquire((conc_sem *)s, 100); }

/* Waiters are served in order: a large one at the head holds small ones back, its expiry lets them go on, one release may
   serve several. More than the size blocks for ever. */
TEST(sem_order) {
    conc_sem s = CONC_SEM_INIT(4);
    struct sem_op big, small[3];
    conc_sem_acquire(&s, 3);
    sem_op_start(&big, &s, 4, 0);
    sem_op_start(&small[0], &s, 1, 0);
    CHECK(!conc_sem_try_acquire(&s, 1)); /* there is one left, but others wait */
    settle();
    CHECK_EQ(atomic_load(&small[0].status), -1);
    conc_sem_release(&s, 3);
    REQUIRE(wait_for(&big.status, 0));
    CHECK_EQ(atomic_load(&small[0].status), -1);
    sem_op_start(&small[1], &s, 2, 0);
    sem_op_start(&small[2], &s, 1, 0);
    conc_sem_release(&s, 4);
    for (int i = 0; i < 3; i++) REQUIRE(wait_for(&small[i].status, 0));
    CHECK(!conc_sem_try_acquire(&s, 1));
    conc_sem_release(&s, 2);
    CHECK_EQ(conc_sem_acquire_for(&s, 3, CONC_MS), CONC_TIMEOUT);
    sem_op_start(&big, &s, 3, limit(100 * CONC_MS));
    sem_op_start(&small[0], &s, 2, 0); /* behind it */
    REQUIRE(wait_for(&big.status, 0));
    CHECK_EQ(atomic_load(&big.status), CONC_TIMEOUT);
    REQUIRE(wait_for(&small[0].status, 0));
    conc_sem_release(&s, 4);
    static conc_sem fresh = CONC_SEM_INIT(3);
    CHECK(blocks_forever(sem_probe, &fresh));
}

static void sem_timed(struct hammer *h, int stream, conc_atomic(int) *held) {
    struct rng r = rng_new((unsigned)stream);
    for (int i = 0; i < h->n; i++) {
        int w = 1 + (int)rng_below(&r, 4);
        if (conc_sem_acquire_for(&h->sem, w, rng_below(&r, 40000)) != CONC_OK) continue;
        CHECK(atomic_fetch_add(held, w) + w <= 4);
        conc_yield();
        atomic_fetch_sub(held, w);
        conc_sem_release(&h->sem, w);
    }
}

/* Expiry racing with release: in the end everything is free again. */
TEST(sem_expiry_races) {
    struct hammer h = { .n = (int)scale(1500), .sem = CONC_SEM_INIT(4) };
    conc_atomic(int) held;
    atomic_init(&held, 0);
    for (int i = 0; i < 6; i++) conc_wg_go(&h.wg, sem_timed, &h, i, &held);
    conc_wg_wait(&h.wg);
    CHECK(conc_sem_try_acquire(&h.sem, 4));
    conc_sem_release(&h.sem, 4);
}

// ---- life: the one who waited may free what it waited for

struct parcel {
    conc_mutex m;
    conc_cond c;
    conc_wg wg;
    conc_sem sem;
    conc_barrier both;
    chan(int) now, later;
    bool there;
};
enum { BY_WG, BY_SEM, BY_COND, BY_BARRIER, BY_SEND, BY_BUFFER, BY_CLOSE, WAYS };
static void parcel_deliver(struct parcel *p, int way, unsigned delay) {
    turns(delay);
    switch (way) {
    case BY_WG: conc_wg_done(&p->wg); break;
    case BY_SEM: conc_sem_release(&p->sem, 1); break;
    case BY_BARRIER: conc_barrier_wait(&p->both); break;
    case BY_SEND: chan_send(p->now, 1); break;
    case BY_BUFFER: chan_send(p->later, 1); break;
    case BY_CLOSE: chan_close(p->now); break;
    default:
        conc_mutex_lock(&p->m);
        p->there = true;
        conc_cond_signal(&p->c);
        conc_mutex_unlock(&p->m);
    }
}
/* Gives up again and again, each time a little later. */
static void parcel_wait(struct parcel *p, int way, int64_t ns) {
    if (way == BY_COND) {
        conc_mutex_lock(&p->m);
        while (!p->there) (void)conc_cond_wait_for(&p->c, &p->m, ns++);
        conc_mutex_unlock(&p->m);
        return;
    }
    if (way == BY_BARRIER) conc_barrier_wait(&p->both); /* one that gives up breaks it */
    int got;
    for (conc_status st = CONC_TIMEOUT; way != BY_BARRIER && st == CONC_TIMEOUT; ns++)
        st = way == BY_WG ? conc_wg_wait_for(&p->wg, ns) : way == BY_SEM ? conc_sem_acquire_for(&p->sem, 1, ns) :
             chan_recv_for(way == BY_BUFFER ? p->later : p->now, &got, ns);
}
struct delivery {
    struct parcel *p;
    int way;
    unsigned delay;
};
static void *parcel_thread(void *arg) {
    struct delivery *d = (struct delivery *)arg;
    parcel_deliver(d->p, d->way, d->delay);
    return NULL;
}

/* Whatever the other side has still to do in done, release, signal or unlock when the waiter finds that it is over. */
TEST(freed_by_the_waiter) {
    struct rng r = rng_new(0);
    int n = (int)scale(6000);
    for (int i = 0; i < n; i++) {
        struct parcel *p = (struct parcel *)calloc(1, sizeof *p);
        int way = i % WAYS;
        struct delivery d = { p, way, rng_below(&r, 20000) };
        conc_sem_init(&p->sem, 1);
        conc_sem_acquire(&p->sem, 1);
        conc_wg_add(&p->wg, 1);
        conc_barrier_init(&p->both, 2);
        if (way >= BY_SEND) {
            p->now = chan_make(int);
            p->later = chan_make(int, 1);
        }
        bool threads = rng_below(&r, 16) == 0;
        pthread_t t;
        if (threads) t = thread_start(parcel_thread, &d);
        else go(parcel_deliver, p, way, d.delay);
        parcel_wait(p, way, rng_below(&r, 4) ? 1 + (int64_t)rng_below(&r, 3000) : CONC_SEC);
        if (way >= BY_SEND) {
            chan_free(p->now);
            chan_free(p->later);
        }
        memset(p, 0xdd, sizeof *p);
        free(p);
        if (threads) thread_join(t);
    }
    wait_goroutines(body_goroutines());
}

// ---- atomics

/* TestSwap, Add, CompareAndSwap, Load, Store: the result, the old value, and untouched neighbours. */
#define ATOMIC_CASE(T, NAME, BIG)                                                              \
    static void atomic_##NAME(void) {                                                          \
        struct { T before; conc_atomic(T) x; T after; } v;                                     \
        const T magic = (T)UINT64_C(0xdeddeadbeefbeef), big = (T)(BIG);                        \
        v.before = v.after = magic;                                                            \
        atomic_init(&v.x, 0);                                                                  \
        T want = 0, found;                                                                     \
        for (T delta = 1; delta + delta > delta && delta < big; delta = (T)(delta + delta)) {  \
            CHECK(conc_atomic_fetch_add(&v.x, delta) == want);                                 \
            want = (T)(want + delta);                                                          \
            CHECK(conc_atomic_load(&v.x) == want);                                             \
            CHECK(conc_atomic_exchange(&v.x, delta) == want);                                  \
            found = want == delta ? (T)0 : want;                                               \
            CHECK(!conc_atomic_compare_exchange(&v.x, &found, (T)1) && found == delta);        \
            CHECK(conc_atomic_compare_exchange(&v.x, &found, want));                           \
            CHECK(conc_atomic_fetch_sub(&v.x, delta) == want);                                 \
            CHECK(conc_atomic_fetch_or(&v.x, delta) == (T)(want - delta));                     \
            CHECK(conc_atomic_fetch_and(&v.x, delta) == (T)((T)(want - delta) | delta));       \
            CHECK(conc_atomic_fetch_xor(&v.x, delta) == delta);                                \
            CHECK(conc_atomic_load(&v.x) == 0);                                                \
            conc_atomic_store(&v.x, want);                                                     \
        }                                                                                      \
        CHECK(v.before == magic && v.after == magic);                                          \
    }
ATOMIC_CASE(int32_t, int32, INT32_MAX / 4)
ATOMIC_CASE(uint32_t, uint32, UINT32_MAX / 4)
ATOMIC_CASE(int64_t, int64, INT64_MAX / 4)
ATOMIC_CASE(uint64_t, uint64, UINT64_MAX / 4)
ATOMIC_CASE(uintptr_t, uintptr, UINTPTR_MAX / 4)
TEST(atomics) {
    atomic_int32();
    atomic_uint32();
    atomic_int64();
    atomic_uint64();
    atomic_uintptr();
}

struct shared_words {
    conc_atomic(uint64_t) x, y, halves;
    int plain, n;
    conc_atomic(int) stop, flag;
    conc_wg wg;
};
static void hammer_add(struct shared_words *w) {
    for (int i = 0; i < w->n; i++) {
        conc_atomic_fetch_add(&w->x, 1);
        uint64_t old = conc_atomic_load(&w->y);
        while (!conc_atomic_compare_exchange(&w->y, &old, old + 1)) {}
    }
}
static void hammer_halves(struct shared_words *w) {
    for (int i = 0; i < w->n; i++) {
        uint64_t v = conc_atomic_load(&w->halves);
        CHECK_SAY((uint32_t)v == (uint32_t)(v >> 32), "a torn 64-bit load");
        uint64_t next = (uint32_t)v + 1u;
        conc_atomic_store(&w->halves, next << 32 | next);
    }
}

/* TestHammer: adds and compare-exchange loops from several goroutines sum up. TestHammerStoreLoad: no torn load. */
TEST(atomics_hammer) {
    struct shared_words w = { .n = (int)scale(20000) };
    for (int i = 0; i < 4; i++) conc_wg_go(&w.wg, hammer_add, &w);
    for (int i = 0; i < 4; i++) conc_wg_go(&w.wg, hammer_halves, &w);
    conc_wg_wait(&w.wg);
    CHECK_EQ(atomic_load(&w.x), 4ull * (unsigned)w.n);
    CHECK_EQ(atomic_load(&w.y), 4ull * (unsigned)w.n);
}

static void *dekker(void *p) {
    struct { struct shared_words *w; bool first; int *missed; conc_atomic(int) *in, *out; } *d = p;
    for (int i = 1; i <= d->w->n; i++) {
        atomic_fetch_add(d->in, 1);
        while (atomic_load(d->in) < 2 * i) sched_yield();
        conc_atomic_store(d->first ? &d->w->x : &d->w->y, (uint64_t)i);
        d->missed[i] = conc_atomic_load(d->first ? &d->w->y : &d->w->x) != (uint64_t)i;
        atomic_fetch_add(d->out, 1);
        while (atomic_load(d->out) < 2 * i) sched_yield();
    }
    return NULL;
}

/* TestStoreLoadSeqCst64: after x=i | y=i, at least one of two threads sees the other's store. */
TEST(atomics_store_load, .native = true) { /* qemu does not order stlr before ldar */
    struct shared_words w = { .n = (int)scale(3000) };
    conc_atomic(int) in, out;
    atomic_init(&in, 0);
    atomic_init(&out, 0);
    int *missed[2] = { calloc((size_t)w.n + 1, sizeof(int)), calloc((size_t)w.n + 1, sizeof(int)) };
    struct { struct shared_words *w; bool first; int *missed; conc_atomic(int) *in, *out; } d[2] = {
        { &w, true, missed[0], &in, &out }, { &w, false, missed[1], &in, &out }
    };
    pthread_t t[2];
    for (int i = 0; i < 2; i++) t[i] = thread_start(dekker, &d[i]);
    for (int i = 0; i < 2; i++) thread_join(t[i]);
    for (int i = 1; i <= w.n; i++) CHECK_SAY(missed[0][i] + missed[1][i] < 2, "both missed in round %d", i);
    free(missed[0]);
    free(missed[1]);
}

static void publish(struct shared_words *w) {
    for (int i = 1; i <= w->n; i++) {
        w->plain = i;
        conc_atomic_store(&w->flag, i);
        while (conc_atomic_load(&w->flag) == i) conc_yield();
    }
}

/* TestStoreLoadRelAcq: message passing through an atomic publishes plain data. */
TEST(atomics_publish) {
    struct shared_words w = { .n = (int)scale(1000) };
    conc_wg_go(&w.wg, publish, &w);
    for (int i = 1; i <= w.n; i++) {
        while (conc_atomic_load(&w.flag) != i) conc_yield();
        CHECK_EQ(w.plain, i);
        conc_atomic_store(&w.flag, 0);
    }
    conc_wg_wait(&w.wg);
}
