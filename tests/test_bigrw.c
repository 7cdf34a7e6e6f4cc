/* big-reader rwmutex: the properties of the ordinary one, and those that its counters put at risk. */
#include "harness.h"

struct book {
    conc_rwmutex rw;
    int n;
    long a, b; /* plain; equal whenever nobody writes */
    conc_atomic(int) readers, writers, most, stop;
    conc_wg wg;
};
static void book_init(struct book *k, int n) {
    memset(k, 0, sizeof *k);
    CHECK_EQ(conc_rwmutex_init_big(&k->rw), CONC_OK);
    k->n = n;
}

TEST(truth_table) {
    struct book k;
    book_init(&k, 0);
    CHECK(conc_rwmutex_try_rlock(&k.rw));
    CHECK(conc_rwmutex_try_rlock(&k.rw));
    CHECK(!conc_rwmutex_try_lock(&k.rw));
    conc_rwmutex_runlock(&k.rw);
    CHECK(!conc_rwmutex_try_lock(&k.rw));
    conc_rwmutex_runlock(&k.rw);
    CHECK(conc_rwmutex_try_lock(&k.rw));
    CHECK(!conc_rwmutex_try_rlock(&k.rw));
    CHECK(!conc_rwmutex_try_lock(&k.rw));
    conc_rwmutex_unlock(&k.rw);
    conc_rwmutex_rlock(&k.rw);
    conc_rwmutex_runlock(&k.rw);
    conc_rwmutex_lock(&k.rw);
    conc_rwmutex_unlock(&k.rw);
    conc_rwmutex_destroy(&k.rw);
    CHECK(conc_rwmutex_try_lock(&k.rw)); /* an ordinary one again */
    conc_rwmutex_unlock(&k.rw);
}

static void reading(struct book *k, int stream) {
    struct rng r = rng_new((unsigned)stream);
    for (int i = 0; i < k->n; i++) {
        if (rng_below(&r, 4) || !conc_rwmutex_try_rlock(&k->rw)) conc_rwmutex_rlock(&k->rw);
        atomic_fetch_add(&k->readers, 1);
        CHECK_EQ(k->a, k->b);
        CHECK_EQ(atomic_load(&k->writers), 0);
        if (rng_below(&r, 8) == 0) conc_yield(); /* may go on on another thread */
        if (rng_below(&r, 64) == 0) conc_sleep(10 * CONC_US);
        atomic_fetch_sub(&k->readers, 1);
        conc_rwmutex_runlock(&k->rw);
    }
}
static void writing(struct book *k, int stream) {
    struct rng r = rng_new((unsigned)stream);
    for (int i = 0; i < k->n / 10 + 1; i++) {
        if (rng_below(&r, 2) || !conc_rwmutex_try_lock(&k->rw)) conc_rwmutex_lock(&k->rw);
        CHECK_EQ(atomic_fetch_add(&k->writers, 1), 0);
        CHECK_EQ(atomic_load(&k->readers), 0);
        k->a++;
        if (rng_below(&r, 4) == 0) conc_yield();
        k->b++;
        atomic_fetch_sub(&k->writers, 1);
        conc_rwmutex_unlock(&k->rw);
    }
}
struct thread_arg { struct book *k; int stream; };
static void *reading_thread(void *p) {
    struct thread_arg *a = p;
    reading(a->k, a->stream);
    return NULL;
}
static void *writing_thread(void *p) {
    struct thread_arg *a = p;
    writing(a->k, a->stream);
    return NULL;
}
/* TestRWMutex: mixes of readers and writers, goroutines and OS threads. */
TEST(hammer, .seconds = 60) {
    static const int mix[][2] = { { 1, 1 }, { 3, 1 }, { 10, 1 }, { 10, 4 }, { 5, 10 } };
    for (unsigned i = 0; i < sizeof mix / sizeof *mix; i++) {
        struct book k;
        book_init(&k, (int)scale(1000));
        for (int j = 0; j < mix[i][0]; j++) conc_wg_go(&k.wg, reading, &k, j);
        for (int j = 0; j < mix[i][1]; j++) conc_wg_go(&k.wg, writing, &k, 100 + j);
        struct thread_arg r = { &k, 200 }, w = { &k, 201 };
        pthread_t a = thread_start(reading_thread, &r), b = thread_start(writing_thread, &w);
        conc_wg_wait(&k.wg);
        thread_join(a);
        thread_join(b);
        CHECK_EQ(k.a, k.b);
        CHECK(conc_rwmutex_try_lock(&k.rw)); /* the counters' sum is zero again */
        conc_rwmutex_unlock(&k.rw);
        conc_rwmutex_destroy(&k.rw);
    }
}

static void hold(struct book *k, conc_barrier *b) {
    conc_rwmutex_rlock(&k->rw);
    (void)conc_barrier_wait(b); /* all are in at once */
    (void)conc_barrier_wait(b);
    conc_rwmutex_runlock(&k->rw);
}
/* TestParallelRWMutexReaders: readers hold it together, and parked. */
TEST(readers_together) {
    struct book k;
    conc_barrier b;
    book_init(&k, 0);
    conc_barrier_init(&b, 9);
    for (int i = 0; i < 8; i++) conc_wg_go(&k.wg, hold, &k, &b);
    (void)conc_barrier_wait(&b);
    CHECK(!conc_rwmutex_try_lock(&k.rw));
    (void)conc_barrier_wait(&b);
    conc_wg_wait(&k.wg);
    CHECK(conc_rwmutex_try_lock(&k.rw));
    conc_rwmutex_unlock(&k.rw);
    conc_rwmutex_destroy(&k.rw);
}

static void pass_on(struct book *k, chan(int) to) {
    for (int i = 0; i < k->n; i++) {
        conc_rwmutex_rlock(&k->rw);
        chan_send(to, i); /* whoever receives unlocks, wherever it runs */
    }
    chan_close(to);
}
static void *unlock_thread(void *p) {
    struct { struct book *k; chan(int) from; } *a = p;
    chan_range(i, a->from) {
        CHECK(i >= 0);
        conc_rwmutex_runlock(&a->k->rw);
    }
    return NULL;
}
TEST(unlocked_on_another_thread) {
    struct book k;
    book_init(&k, (int)scale(2000));
    struct { struct book *k; chan(int) from; } a = { &k, chan_make(int, 16) };
    pthread_t t = thread_start(unlock_thread, &a);
    conc_wg_go(&k.wg, pass_on, &k, a.from);
    for (int i = 0; i < 20; i++) {
        conc_rwmutex_lock(&k.rw);
        conc_rwmutex_unlock(&k.rw);
    }
    conc_wg_wait(&k.wg);
    thread_join(t);
    CHECK(conc_rwmutex_try_lock(&k.rw));
    conc_rwmutex_unlock(&k.rw);
    chan_free(a.from);
    conc_rwmutex_destroy(&k.rw);
}

static void reader_for_ever(struct book *k) {
    while (!atomic_load(&k->stop)) {
        conc_rwmutex_rlock(&k->rw);
        CHECK_EQ(k->a, k->b);
        conc_rwmutex_runlock(&k->rw);
    }
}
/* Readers that never pause do not keep a writer out. */
TEST(writer_is_not_starved) {
    struct book k;
    book_init(&k, 0);
    for (int i = 0; i < 4; i++) conc_wg_go(&k.wg, reader_for_ever, &k);
    int64_t begin = conc_now();
    for (long i = 0, n = scale(300); i < n; i++) {
        conc_rwmutex_lock(&k.rw);
        k.a++, k.b++;
        conc_rwmutex_unlock(&k.rw);
        conc_yield();
    }
    CHECK(conc_now() - begin < limit(20 * CONC_SEC));
    atomic_store(&k.stop, 1);
    conc_wg_wait(&k.wg);
    conc_rwmutex_destroy(&k.rw);
}

CRASH(runlock_of_unlocked, "fatal error: sync: RUnlock of unlocked RWMutex") {
    conc_rwmutex rw;
    (void)conc_rwmutex_init_big(&rw);
    conc_rwmutex_runlock(&rw);
    conc_rwmutex_lock(&rw); /* found by the next writer */
}
CRASH(unlock_of_unlocked, "fatal error: sync: Unlock of unlocked RWMutex") {
    conc_rwmutex rw;
    (void)conc_rwmutex_init_big(&rw);
    conc_rwmutex_unlock(&rw);
}
CRASH_NATIVE(bigrw_deadlock, "fatal error: all goroutines are asleep - deadlock!") {
    conc_rwmutex rw;
    (void)conc_rwmutex_init_big(&rw);
    conc_rwmutex_rlock(&rw);
    conc_rwmutex_lock(&rw);
}
