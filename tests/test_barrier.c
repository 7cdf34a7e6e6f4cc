/* barrier: rounds of goroutines and OS threads, exactly one true per round, breaking and reset. */
#include "harness.h"

struct meeting {
    conc_barrier b;
    int n, rounds;
    int seat[16];             /* plain: written by one before its wait, read by all after it */
    conc_atomic(int) serials; /* in all rounds */
    conc_atomic(int) out;
    conc_wg wg;
};
static void attend(struct meeting *m, int me) {
    for (int r = 1; r <= m->rounds; r++) {
        m->seat[me] = r;
        if (conc_barrier_wait(&m->b)) atomic_fetch_add(&m->serials, 1);
        for (int i = 0; i < m->n; i++) CHECK_EQ(m->seat[i], r);
        if (conc_barrier_wait(&m->b)) atomic_fetch_add(&m->serials, 1); /* nobody writes the next round while others read */
    }
    atomic_fetch_add(&m->out, 1);
}
struct threaded { struct meeting *m; int me; };
static void *attend_thread(void *p) {
    struct threaded *t = p;
    attend(t->m, t->me);
    return NULL;
}

/* Rounds at once after each other; nobody released early; one serial each. */
TEST(rounds) {
    for (int n = 1; n <= 8; n += n == 1 ? 2 : 5) {
        struct meeting m;
        memset(&m, 0, sizeof m);
        conc_barrier_init(&m.b, n);
        m.n = n;
        m.rounds = (int)scale(2000);
        for (int i = 0; i < n; i++) conc_wg_go(&m.wg, attend, &m, i);
        conc_wg_wait(&m.wg);
        CHECK_EQ(atomic_load(&m.serials), 2 * m.rounds);
    }
}

TEST(threads_and_goroutines) {
    struct meeting m;
    memset(&m, 0, sizeof m);
    conc_barrier_init(&m.b, 6);
    m.n = 6;
    m.rounds = (int)scale(300);
    pthread_t t[3];
    struct threaded arg[3];
    for (int i = 0; i < 3; i++) conc_wg_go(&m.wg, attend, &m, i);
    for (int i = 0; i < 3; i++) {
        arg[i] = (struct threaded){ &m, 3 + i };
        t[i] = thread_start(attend_thread, &arg[i]);
    }
    conc_wg_wait(&m.wg);
    for (int i = 0; i < 3; i++) thread_join(t[i]);
    CHECK_EQ(atomic_load(&m.serials), 2 * m.rounds);
}

TEST(alone) {
    conc_barrier b = CONC_BARRIER_INIT(1);
    bool serial = false;
    for (int i = 0; i < 10; i++) CHECK(conc_barrier_wait(&b));
    CHECK_EQ(conc_barrier_wait_for(&b, 0, &serial), CONC_OK);
    CHECK(serial);
    CHECK_EQ(conc_barrier_wait_for(&b, CONC_SEC, NULL), CONC_OK);
}

static void wait_status(conc_barrier *b, conc_atomic(int) *canceled, conc_atomic(int) *ok) {
    bool serial = true;
    conc_status st = conc_barrier_wait_for(b, CONC_FOREVER, &serial);
    if (st == CONC_CANCELED) CHECK(!serial);
    atomic_fetch_add(st == CONC_OK ? ok : canceled, 1);
}
/* A time limit breaks it for all, until reset. */
TEST(breaking) {
    conc_barrier b;
    conc_barrier_init(&b, 4);
    conc_atomic(int) canceled, ok;
    atomic_init(&canceled, 0);
    atomic_init(&ok, 0);
    for (int round = 0; round < 10; round++) {
        atomic_store(&canceled, 0);
        atomic_store(&ok, 0);
        for (int i = 0; i < 2; i++) go(wait_status, &b, &canceled, &ok);
        CHECK(settle());
        CHECK(!conc_barrier_broken(&b));
        int64_t t = conc_now();
        CHECK_EQ(conc_barrier_wait_for(&b, CONC_MS, NULL), CONC_TIMEOUT);
        CHECK(conc_now() - t >= CONC_MS);
        CHECK(conc_barrier_broken(&b));
        CHECK(wait_for(&canceled, 2));
        CHECK(!conc_barrier_wait(&b)); /* at once */
        CHECK_EQ(conc_barrier_wait_for(&b, CONC_SEC, NULL), CONC_CANCELED);
        conc_barrier_reset(&b);
        CHECK(!conc_barrier_broken(&b));
        for (int i = 0; i < 3; i++) go(wait_status, &b, &canceled, &ok);
        bool serial;
        CHECK_EQ(conc_barrier_wait_for(&b, limit(20 * CONC_SEC), &serial), CONC_OK);
        CHECK(wait_for(&ok, 3));
        CHECK_EQ(atomic_load(&canceled), 2);
    }
    CHECK(wait_goroutines(body_goroutines()));
}

TEST(reset_lets_go) {
    conc_barrier b;
    conc_barrier_init(&b, 3);
    conc_atomic(int) canceled, ok;
    atomic_init(&canceled, 0);
    atomic_init(&ok, 0);
    go(wait_status, &b, &canceled, &ok);
    go(wait_status, &b, &canceled, &ok);
    CHECK(settle());
    conc_barrier_reset(&b);
    CHECK(wait_for(&canceled, 2));
    CHECK(!conc_barrier_broken(&b));
    CHECK(wait_goroutines(body_goroutines()));
}

static void wait_plain(void *b) { (void)conc_barrier_wait(b); }
TEST(blocks) {
    static conc_barrier b;
    conc_barrier_init(&b, 2);
    CHECK(blocks_as(wait_plain, &b, "barrier wait"));
}

/* Expiry against completion: every round ends one way for all. */
static void racer(struct meeting *m, int stream) {
    struct rng r = rng_new((unsigned)stream);
    for (int i = 0; i < m->rounds; i++) {
        conc_status st = conc_barrier_wait_for(&m->b, rng_below(&r, 60000), NULL);
        CHECK(st == CONC_OK || st == CONC_TIMEOUT || st == CONC_CANCELED);
        if (st == CONC_TIMEOUT) conc_barrier_reset(&m->b);
        if (st == CONC_OK) atomic_fetch_add(&m->out, 1);
    }
}
TEST(expiry_race) {
    struct meeting m;
    memset(&m, 0, sizeof m);
    conc_barrier_init(&m.b, 3);
    m.rounds = (int)scale(2000);
    for (int i = 0; i < 6; i++) conc_wg_go(&m.wg, racer, &m, i);
    conc_wg_wait(&m.wg);
    CHECK_EQ(atomic_load(&m.out) % 3, 0);
}

CRASH(init_zero, "panic: conc_barrier_init: n must be at least 1") {
    conc_barrier b;
    conc_barrier_init(&b, 0);
}
CRASH(not_initialised, "panic: conc_barrier_wait: the barrier was not initialised") {
    conc_barrier b;
    memset(&b, 0, sizeof b);
    (void)conc_barrier_wait(&b);
}
CRASH_NATIVE(barrier_deadlock, "fatal error: all goroutines are asleep - deadlock!") {
    conc_barrier b = CONC_BARRIER_INIT(2);
    (void)conc_barrier_wait(&b);
}
