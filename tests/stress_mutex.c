/* A bank: transfers under two locks in order, timed and tried ones too; audits under a read lock; a semaphore limits who is
   inside; a condition hands out work. Goroutines and OS threads. Money is conserved, and plain data is never torn. */
#include "harness.h"

enum { ACCOUNTS = 8, START = 1000 };

struct bank {
    struct { conc_mutex m; long money; } a[ACCOUNTS];
    conc_rwmutex audit; /* read-held during a transfer, write-held by an auditor */
    conc_sem inside;
    conc_mutex job_m;
    conc_cond job_c;
    int jobs, taken;
    bool closing;
    conc_atomic(int) transfers, in;
    uint64_t seed;
    int64_t end;
    conc_wg wg, workers;
};
struct actor {
    struct bank *b;
    unsigned id;
};

static bool lock_somehow(conc_mutex *m, struct rng *r) {
    switch (rng_below(r, 4)) {
    case 0: return conc_mutex_try_lock(m);
    case 1: return conc_mutex_lock_for(m, rng_below(r, 50000)) == CONC_OK;
    default: conc_mutex_lock(m); return true;
    }
}

static void transfer(struct bank *b, struct rng *r) {
    unsigned x = rng_below(r, ACCOUNTS), y = rng_below(r, ACCOUNTS);
    if (x == y) return;
    if (x > y) {
        unsigned z = x;
        x = y;
        y = z;
    }
    if (!lock_somehow(&b->a[x].m, r)) return;
    if (lock_somehow(&b->a[y].m, r)) {
        long sum = (long)rng_below(r, 10) - 5;
        b->a[x].money -= sum;
        if (rng_below(r, 16) == 0) conc_yield();
        if (rng_below(r, 256) == 0) conc_sleep(rng_below(r, 20000));
        b->a[y].money += sum;
        atomic_fetch_add(&b->transfers, 1);
        conc_mutex_unlock(&b->a[y].m);
    }
    conc_mutex_unlock(&b->a[x].m);
}

static void client(struct bank *b, unsigned id) {
    struct rng r = { b->seed + id };
    while (conc_now() < b->end) {
        if (rng_below(&r, 40) == 0) { /* audit */
            long sum = 0;
            if (rng_below(&r, 3) || !conc_rwmutex_try_lock(&b->audit)) conc_rwmutex_lock(&b->audit);
            for (int i = 0; i < ACCOUNTS; i++) sum += b->a[i].money;
            CHECK_SAY(sum == ACCOUNTS * START, "the audit finds %ld", sum);
            conc_rwmutex_unlock(&b->audit);
            continue;
        }
        int64_t weight = 1 + rng_below(&r, 2);
        if (rng_below(&r, 4)) conc_sem_acquire(&b->inside, weight);
        else if (conc_sem_acquire_for(&b->inside, weight, rng_below(&r, 100000)) != CONC_OK) continue;
        CHECK(atomic_fetch_add(&b->in, (int)weight) + weight <= 6);
        if (rng_below(&r, 3) || !conc_rwmutex_try_rlock(&b->audit)) conc_rwmutex_rlock(&b->audit);
        for (int i = 0; i < 4; i++) transfer(b, &r);
        conc_rwmutex_runlock(&b->audit);
        atomic_fetch_sub(&b->in, (int)weight);
        conc_sem_release(&b->inside, weight);
        conc_mutex_lock(&b->job_m);
        b->jobs++;
        if (rng_below(&r, 10)) conc_cond_signal(&b->job_c);
        else conc_cond_broadcast(&b->job_c);
        conc_mutex_unlock(&b->job_m);
    }
}
static void *client_thread(void *p) {
    client(((struct actor *)p)->b, ((struct actor *)p)->id);
    return NULL;
}

static void worker(struct bank *b) {
    conc_mutex_lock(&b->job_m);
    for (;;) {
        while (b->jobs == 0 && !b->closing) conc_cond_wait(&b->job_c, &b->job_m);
        if (b->jobs == 0) break;
        b->jobs--;
        b->taken++;
    }
    conc_mutex_unlock(&b->job_m);
}

static int one_bank(struct rng *r) {
    struct bank b = { .inside = CONC_SEM_INIT(6), .seed = rng_next(r) };
    long sum = 0;
    for (int i = 0; i < ACCOUNTS; i++) b.a[i].money = START;
    b.end = conc_now() + 20 * CONC_MS;
    unsigned n = 2 + rng_below(r, 20);
    struct actor actor[2] = { { &b, 100 }, { &b, 101 } };
    pthread_t t[2];
    for (int i = 0; i < 3; i++) conc_wg_go(&b.workers, worker, &b);
    for (int i = 0; i < 2; i++) t[i] = thread_start(client_thread, &actor[i]);
    for (unsigned i = 0; i < n; i++) conc_wg_go(&b.wg, client, &b, i);
    conc_wg_wait(&b.wg);
    for (int i = 0; i < 2; i++) thread_join(t[i]);
    conc_mutex_lock(&b.job_m);
    b.closing = true;
    conc_cond_broadcast(&b.job_c);
    conc_mutex_unlock(&b.job_m);
    conc_wg_wait(&b.workers);
    for (int i = 0; i < ACCOUNTS; i++) {
        CHECK(conc_mutex_try_lock(&b.a[i].m));
        sum += b.a[i].money;
    }
    CHECK_EQ(sum, ACCOUNTS * START);
    CHECK_EQ(b.jobs, 0);
    CHECK(conc_rwmutex_try_lock(&b.audit));
    CHECK(conc_sem_try_acquire(&b.inside, 6));
    return atomic_load(&b.transfers);
}

TEST(bank) {
    struct rng r = rng_new(0);
    long transfers = 0;
    int banks = 0;
    for (int64_t end = conc_now() + stress_ns(); conc_now() < end && !harness_failed(); banks++) transfers += one_bank(&r);
    printf("stress: %d banks, %ld transfers\n", banks, transfers);
}
