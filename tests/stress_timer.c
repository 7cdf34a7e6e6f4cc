/* Timers under random stops and resets from many goroutines and threads: a function runs once per arming that was not taken
   back; nothing is early; what is stopped stays silent. */
#include "harness.h"

enum { TIMERS = 20 };

struct shared_timer {
    conc_timer *t;
    conc_atomic(int) calls, armed, taken_back;
    conc_atomic(int64_t) earliest; /* no arming is due before this */
};
struct world {
    struct shared_timer f[TIMERS];
    uint64_t seed;
    int64_t end;
    conc_wg wg;
};
struct actor {
    struct world *w;
    unsigned id;
};

static void called(void *p) { atomic_fetch_add(&((struct shared_timer *)p)->calls, 1); }

static void juggler(struct world *w, unsigned id) {
    struct rng r = { w->seed + id };
    conc_timer *own = conc_timer_new(CONC_HOUR);
    conc_ticker *tick = conc_ticker_new(1 + rng_below(&r, 300000));
    int64_t due = INT64_MAX, v;
    while (conc_now() < w->end) {
        struct shared_timer *f = &w->f[rng_below(&r, TIMERS)];
        int64_t d = rng_below(&r, 3) ? rng_below(&r, 200000) : CONC_HOUR;
        switch (rng_below(&r, 8)) {
        case 0:
            if (conc_timer_stop(f->t)) atomic_fetch_add(&f->taken_back, 1);
            break;
        case 1:
        case 2:
            atomic_fetch_add(&f->armed, 1);
            if (conc_timer_reset(f->t, d)) atomic_fetch_add(&f->taken_back, 1);
            break;
        case 3: {
            int64_t begin = conc_now();
            conc_sleep(d % 100000);
            CHECK(conc_now() - begin >= d % 100000);
            break;
        }
        case 4:
            due = conc_now() + d;
            (void)conc_timer_reset(own, d);
            break;
        case 5:
            (void)conc_timer_stop(own);
            due = INT64_MAX;
            CHECK_SAY(chan_try_recv(conc_timer_chan(own), &v) == CONC_WOULD_BLOCK, "a stopped timer spoke");
            break;
        case 6:
            if (chan_recv_for(conc_timer_chan(own), &v, rng_below(&r, 100000)) == CONC_OK) {
                CHECK_SAY(v >= due && conc_now() >= due, "a timer was early or stale");
                due = INT64_MAX;
            }
            break;
        default:
            if (rng_below(&r, 4) == 0) conc_ticker_reset(tick, 1 + rng_below(&r, 300000));
            (void)chan_recv_for(conc_ticker_chan(tick), &v, 50000);
        }
    }
    conc_timer_free(own);
    conc_ticker_free(tick);
}
static void *juggler_thread(void *p) {
    juggler(((struct actor *)p)->w, ((struct actor *)p)->id);
    return NULL;
}

static int one_world(struct rng *r) {
    static struct world w;
    int calls = 0;
    memset(&w, 0, sizeof w);
    w.seed = rng_next(r);
    for (int i = 0; i < TIMERS; i++) {
        atomic_store(&w.f[i].armed, 1);
        w.f[i].t = conc_after_func(CONC_HOUR, called, &w.f[i]);
    }
    w.end = conc_now() + 20 * CONC_MS;
    unsigned n = 1 + rng_below(r, 20);
    struct actor actor[2] = { { &w, 100 }, { &w, 101 } };
    pthread_t t[2];
    for (int i = 0; i < 2; i++) t[i] = thread_start(juggler_thread, &actor[i]);
    for (unsigned i = 0; i < n; i++) conc_wg_go(&w.wg, juggler, &w, i);
    conc_wg_wait(&w.wg);
    for (int i = 0; i < 2; i++) thread_join(t[i]);
    for (int i = 0; i < TIMERS; i++)
        if (conc_timer_stop(w.f[i].t)) atomic_fetch_add(&w.f[i].taken_back, 1);
    wait_goroutines(body_goroutines()); /* the functions that were started have ended */
    for (int i = 0; i < TIMERS; i++) {
        CHECK_EQ(atomic_load(&w.f[i].calls), atomic_load(&w.f[i].armed) - atomic_load(&w.f[i].taken_back));
        calls += atomic_load(&w.f[i].calls);
        conc_timer_free(w.f[i].t);
    }
    return calls;
}

TEST(timers) {
    struct rng r = rng_new(0);
    long calls = 0;
    int worlds = 0;
    for (int64_t end = conc_now() + stress_ns(); conc_now() < end && !harness_failed(); worlds++) calls += one_world(&r);
    printf("stress: %d worlds, %ld calls\n", worlds, calls);
}
