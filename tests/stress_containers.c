/* A small service under load: sessions in a map (by text), buffers from a pool, a configuration under a big-reader lock that is changed
   now and then, rounds by a barrier, signals all the while. Goroutines and OS threads. Every session's plain data is consistent, every
   buffer belongs to one at a time, nothing is lost. */
#include "harness.h"
#include <signal.h>

enum { NAMES = 200, CREW = 4 };
struct session { int64_t id, copy; };
struct config { int64_t a, b; };
struct service {
    conc_map(const char *, struct session) sessions;
    conc_pool *buffers;
    conc_rwmutex lock;
    struct config config;
    conc_barrier rounds;
    chan(int) signals;
    conc_atomic(int) waits, stop;
    int64_t end;
    uint64_t seed;
    conc_wg wg, crew;
};
static conc_atomic(int) made, dropped;
static void *make(void) {
    atomic_fetch_add(&made, 1);
    return calloc(1, 64);
}
static void drop(void *p) {
    atomic_fetch_add(&dropped, 1);
    free(p);
}
static void touch(struct service *s, struct rng *r) {
    char *name = conc_pool_get(s->buffers);
    struct session x = { (int64_t)rng_below(r, 1000), 0 }, y;
    x.copy = x.id;
    snprintf(name, 64, "session %u", rng_below(r, NAMES));
    switch (rng_below(r, 12)) {
    case 0: conc_map_store(s->sessions, name, x); break;
    case 1: (void)conc_map_delete(s->sessions, name); break;
    case 2: (void)conc_map_load_or_store(s->sessions, name, x, &y), CHECK_EQ(y.id, y.copy); break;
    case 3: if (conc_map_swap(s->sessions, name, x, &y)) CHECK_EQ(y.id, y.copy); break;
    case 4:
        if (rng_below(r, 50)) break;
        conc_map_range(const char *, k, struct session, v, s->sessions) {
            CHECK(strncmp(k, "session ", 8) == 0 && v.id == v.copy);
            if (rng_below(r, 100) == 0) break;
        }
        break;
    default: if (conc_map_load(s->sessions, name, &y)) CHECK_EQ(y.id, y.copy);
    }
    conc_pool_put(s->buffers, name);
}
static void client(struct service *s, unsigned id) {
    struct rng r = { s->seed + id };
    while (conc_now() < s->end) {
        conc_rwmutex_rlock(&s->lock);
        CHECK_EQ(s->config.a, s->config.b);
        for (int i = 0; i < 8; i++) touch(s, &r);
        if (rng_below(&r, 64) == 0) conc_yield();
        conc_rwmutex_runlock(&s->lock);
        if (rng_below(&r, 2000) == 0) {
            conc_rwmutex_lock(&s->lock);
            s->config.a++;
            if (rng_below(&r, 2)) conc_yield();
            s->config.b++;
            conc_rwmutex_unlock(&s->lock);
        }
        if (rng_below(&r, 3000) == 0) (void)conc_pool_drain(s->buffers);
        if (rng_below(&r, 5000) == 0) conc_map_clear(s->sessions);
        if (rng_below(&r, 200) == 0) raise(SIGUSR2);
    }
}
struct actor { struct service *s; unsigned id; };
static void *client_thread(void *p) {
    struct actor *a = p;
    client(a->s, a->id);
    return NULL;
}
static void crew(struct service *s) { /* all leave in the same round: it is decided between its two waits */
    do {
        if (conc_barrier_wait(&s->rounds) && conc_now() >= s->end) atomic_store(&s->stop, 1);
        atomic_fetch_add(&s->waits, 1);
        (void)conc_barrier_wait(&s->rounds);
        conc_yield();
    } while (!atomic_load(&s->stop));
}
static void hear(struct service *s) {
    chan_range(sig, s->signals) CHECK_EQ(sig, SIGUSR2);
}

TEST(service, .seconds = 120) {
    struct service s;
    memset(&s, 0, sizeof s);
    atomic_store(&made, 0);
    atomic_store(&dropped, 0);
    signal(SIGUSR2, SIG_IGN); /* a late one meets this */
    s.sessions = conc_map_make(const char *, struct session);
    s.buffers = conc_pool_new(make, drop, 16);
    CHECK_EQ(conc_rwmutex_init_big(&s.lock), CONC_OK);
    conc_barrier_init(&s.rounds, CREW);
    s.signals = chan_make(int, 8);
    CHECK_EQ(conc_signal_notify(s.signals, SIGUSR2), CONC_OK);
    s.seed = rng_next(&(struct rng){ rng_new(0).s });
    s.end = conc_now() + stress_ns();
    conc_wg heard = CONC_WG_INIT;
    conc_wg_go(&heard, hear, &s);
    for (unsigned i = 0; i < 8; i++) conc_wg_go(&s.wg, client, &s, i);
    for (int i = 0; i < CREW; i++) conc_wg_go(&s.crew, crew, &s);
    pthread_t t[2];
    struct actor arg[2];
    for (unsigned i = 0; i < 2; i++) arg[i] = (struct actor){ &s, 100 + i }, t[i] = thread_start(client_thread, &arg[i]);
    conc_wg_wait(&s.wg);
    conc_wg_wait(&s.crew);
    for (int i = 0; i < 2; i++) thread_join(t[i]);
    conc_signal_stop(s.signals);
    chan_close(s.signals);
    conc_wg_wait(&heard);
    CHECK_EQ(atomic_load(&s.waits) % CREW, 0);
    CHECK_EQ(s.config.a, s.config.b);
    CHECK(conc_rwmutex_try_lock(&s.lock));
    conc_rwmutex_unlock(&s.lock);
    conc_rwmutex_destroy(&s.lock);
    conc_pool_free(s.buffers);
    CHECK_EQ(atomic_load(&made), atomic_load(&dropped));
    conc_map_free(s.sessions);
    chan_free(s.signals);
    signal(SIGUSR2, SIG_DFL);
}
