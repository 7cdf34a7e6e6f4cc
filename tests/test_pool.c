/* pool: last in first out, make and drop, the common store, drain; nothing lost and nothing twice. */
#include "harness.h"

static conc_atomic(int) made, dropped;
static void *make(void) {
    atomic_fetch_add(&made, 1);
    return malloc(sizeof(long));
}
static void drop(void *p) {
    atomic_fetch_add(&dropped, 1);
    free(p);
}
static void forget(void) {
    atomic_store(&made, 0);
    atomic_store(&dropped, 0);
}

static void lifo(int *ok) {
    conc_pool *p = conc_pool_new(NULL, NULL, 0);
    int v[100];
    CHECK(conc_pool_get(p) == NULL);
    conc_lock_thread(); /* stay on one thread, whose own stack it is about */
    conc_pool_put(p, &v[0]);
    conc_pool_put(p, &v[1]);
    CHECK(conc_pool_get(p) == &v[1]);
    CHECK(conc_pool_get(p) == &v[0]);
    CHECK(conc_pool_get(p) == NULL);
    conc_unlock_thread();
    for (int i = 0; i < 100; i++) conc_pool_put(p, &v[i]);
    bool seen[100] = { false };
    for (int i = 0; i < 100; i++) {
        int *x = conc_pool_get(p);
        CHECK(x && !seen[x - v]);
        if (x) seen[x - v] = true;
    }
    CHECK(conc_pool_get(p) == NULL);
    conc_pool_put(p, NULL);
    CHECK(conc_pool_get(p) == NULL);
    conc_pool_put(p, v); /* dropped by free, which does nothing */
    conc_pool_free(p);
    *ok = 1;
}
TEST(lifo_in_a_goroutine) {
    int ok = 0;
    conc_run(lifo, &ok);
    CHECK(ok);
}
TEST(on_an_os_thread, .os = true) {
    int ok = 0;
    lifo(&ok);
    CHECK(ok);
}

TEST(make_when_empty) {
    forget();
    conc_pool *p = conc_pool_new(make, drop, 0);
    void *a = conc_pool_get(p), *b = conc_pool_get(p);
    CHECK(a && b && a != b);
    CHECK_EQ(atomic_load(&made), 2);
    conc_pool_put(p, a);
    conc_pool_put(p, b);
    CHECK_EQ(conc_pool_drain(p), 2);
    CHECK_EQ(atomic_load(&dropped), 2);
    CHECK_EQ(conc_pool_drain(p), 0);
    a = conc_pool_get(p);
    CHECK_EQ(atomic_load(&made), 3);
    conc_pool_put(p, a);
    conc_pool_free(p);
    CHECK_EQ(atomic_load(&dropped), 3);
    conc_pool_free(NULL);
}

static void fill(conc_pool *p, int n) {
    for (int i = 0; i < n; i++) conc_pool_put(p, malloc(8));
}
TEST(bounded) {
    forget();
    conc_pool *p = conc_pool_new(NULL, drop, 10);
    conc_run(fill, p, 1000);
    int slots = 8 > 2 * conc_set_procs(0) ? 8 : 2 * conc_set_procs(0);
    CHECK(atomic_load(&dropped) >= 1000 - 10 - 32 * slots);
    CHECK(atomic_load(&dropped) < 1000);
    size_t left = conc_pool_drain(p);
    CHECK(left <= (size_t)(10 + 32 * slots));
    CHECK_EQ(atomic_load(&dropped), 1000);
    conc_pool_free(p);
}

struct stress { conc_pool *p; long n; conc_atomic(int) stop; conc_wg wg; };
/* TestPoolStress: everybody puts and gets. An item belongs to one at a time: its plain content says whose it is. */
static void hammer(struct stress *s, int id) {
    for (long i = 0; i < s->n; i++) {
        long *x = conc_pool_get(s->p);
        *x = id;
        long *y = (i & 3) == 0 ? conc_pool_get(s->p) : NULL;
        if (y) *y = id;
        if ((i & 255) == 0) conc_yield();
        CHECK_EQ(*x, id);
        conc_pool_put(s->p, x);
        if (y) CHECK_EQ(*y, id);
        conc_pool_put(s->p, y);
    }
}
struct stress_thread { struct stress *s; int id; };
static void *hammer_thread(void *p) {
    struct stress_thread *t = p;
    hammer(t->s, t->id);
    return NULL;
}
static void drainer(struct stress *s) {
    while (!atomic_load(&s->stop)) {
        (void)conc_pool_drain(s->p);
        conc_sleep(200 * CONC_US);
    }
}
static void stress(bool drain) {
    forget();
    struct stress s;
    memset(&s, 0, sizeof s);
    s.p = conc_pool_new(make, drop, 64);
    s.n = scale(200000);
    conc_wg drained = CONC_WG_INIT;
    if (drain) conc_wg_go(&drained, drainer, &s);
    for (int i = 0; i < 10; i++) conc_wg_go(&s.wg, hammer, &s, i);
    pthread_t t[2];
    struct stress_thread arg[2];
    for (int i = 0; i < 2; i++) arg[i] = (struct stress_thread){ &s, 100 + i }, t[i] = thread_start(hammer_thread, &arg[i]);
    conc_wg_wait(&s.wg);
    for (int i = 0; i < 2; i++) thread_join(t[i]);
    atomic_store(&s.stop, 1);
    conc_wg_wait(&drained);
    conc_pool_free(s.p);
    CHECK_EQ(atomic_load(&made), atomic_load(&dropped));
}
TEST(stress_plain, .seconds = 60) { stress(false); }
TEST(stress_drained, .seconds = 60) { stress(true); }

/* One side only puts, the other only gets: they share by the store. */
static void only_put(struct stress *s, chan(void *) back) {
    for (long i = 0; i < s->n; i++) conc_pool_put(s->p, chan_recv(back));
}
static void only_get(struct stress *s, chan(void *) back) {
    for (long i = 0; i < s->n; i++) chan_send(back, conc_pool_get(s->p));
}
TEST(one_way) {
    forget();
    struct stress s;
    memset(&s, 0, sizeof s);
    s.p = conc_pool_new(make, drop, 0);
    s.n = scale(50000);
    chan(void *) back = chan_make(void *, 64);
    conc_wg_go(&s.wg, only_put, &s, back);
    conc_wg_go(&s.wg, only_get, &s, back);
    conc_wg_wait(&s.wg);
    CHECK_SAY(atomic_load(&made) < 2000, "%d made", atomic_load(&made));
    chan_free(back);
    conc_pool_free(s.p);
    CHECK_EQ(atomic_load(&made), atomic_load(&dropped));
}
