/* Contexts made, cancelled, waited with and freed by everybody at once. A small world: a few shared contexts in slots, replaced now
   and then; actors wait with them in every way. Whoever waits must be woken by the cancel, and only by it. */
#include "harness.h"

enum { SLOTS = 8 };
struct slot {
    conc_mutex m; /* guards ctx: a reference is taken under it */
    conc_ctx *ctx;
};
struct world {
    struct slot slot[SLOTS];
    chan(int) c;
    conc_sem sem;
    conc_mutex busy;
    conc_cond cond;
    uint64_t seed;
    int64_t end;
    conc_wg wg;
    conc_atomic(int) started, stopped, called;
};
struct actor {
    struct world *w;
    unsigned id;
};

static conc_ctx *borrow(struct slot *s) {
    conc_mutex_lock(&s->m);
    conc_ctx *ctx = conc_ctx_ref(s->ctx);
    conc_mutex_unlock(&s->m);
    return ctx;
}
/* A new context in the slot, below another slot's or none's; the old one is cancelled, dropped, or left to its deadline. */
static void replace(struct world *w, struct rng *r, struct slot *s) {
    conc_ctx *parent = rng_below(r, 3) ? borrow(&w->slot[rng_below(r, SLOTS)]) : conc_ctx_background(), *ctx;
    switch (rng_below(r, 4)) {
    case 0: ctx = conc_ctx_with_timeout(parent, rng_below(r, 300000)); break;
    case 1: ctx = conc_ctx_with_timeout_cause(parent, CONC_HOUR, 7); break;
    case 2: ctx = conc_ctx_with_value(parent, w, s); break;
    default: ctx = conc_ctx_with_cancel(parent);
    }
    conc_ctx_unref(parent);
    conc_mutex_lock(&s->m);
    conc_ctx *old = s->ctx;
    s->ctx = ctx;
    conc_mutex_unlock(&s->m);
    conc_ctx_free(old);
}
static void called(void *p) { atomic_fetch_add((conc_atomic(int) *)p, 1); }

static conc_status wait_somehow(struct world *w, struct rng *r, conc_ctx *ctx) {
    conc_status st = CONC_OK;
    int v;
    switch (rng_below(r, 9)) {
    case 0: return chan_recv_ctx(w->c, &v, ctx);
    case 1: return chan_send_ctx(w->c, 1, ctx);
    case 2: return conc_sleep_ctx(ctx, rng_below(r, 100000));
    case 3:
        st = conc_sem_acquire_ctx(&w->sem, 1 + rng_below(r, 3), ctx);
        return st;
    case 4:
        st = conc_mutex_lock_ctx(&w->busy, ctx);
        if (st == CONC_OK) conc_sleep_ctx(ctx, rng_below(r, 20000)), conc_mutex_unlock(&w->busy);
        return st;
    case 5:
        conc_mutex_lock(&w->busy);
        if (rng_below(r, 2)) st = conc_cond_wait_ctx(&w->cond, &w->busy, ctx);
        else conc_cond_signal(&w->cond);
        conc_mutex_unlock(&w->busy);
        return st;
    case 6:
        chan_select {
            on_done(ctx) { st = conc_ctx_err(ctx); CHECK(st != CONC_OK); }
            on_recv(x, w->c) { (void)x; }
            on_timeout(rng_below(r, 200000)) {}
        }
        return st;
    case 7: {
        conc_ctx *child = conc_ctx_with_timeout(ctx, rng_below(r, 100000));
        chan_recv(conc_ctx_done(child));
        CHECK(conc_ctx_err(child) != CONC_OK);
        conc_ctx_free(child);
        return CONC_OK;
    }
    default: {
        atomic_fetch_add(&w->started, 1);
        conc_ctx_func *f = conc_ctx_after_func(ctx, called, &w->called);
        if (rng_below(r, 2)) conc_yield();
        atomic_fetch_add(&w->stopped, conc_ctx_func_stop(f));
        return CONC_OK;
    }
    }
}
static void actor_run(struct world *w, unsigned id) {
    struct rng r = { w->seed + id };
    while (conc_now() < w->end) {
        struct slot *s = &w->slot[rng_below(&r, SLOTS)];
        if (rng_below(&r, 4) == 0) {
            replace(w, &r, s);
            continue;
        }
        conc_ctx *shared = borrow(s), *ctx = conc_ctx_with_timeout(shared, 2 * CONC_MS); /* so that all of them end */
        conc_ctx_unref(shared);
        conc_status st = wait_somehow(w, &r, ctx);
        if (st != CONC_OK) CHECK_EQ(st, conc_ctx_err(ctx));
        if (rng_below(&r, 2)) conc_ctx_free(ctx);
        else conc_ctx_unref(ctx);
    }
}
static void actor_goroutine(struct world *w, unsigned id) { actor_run(w, id); }
static void *actor_thread(void *p) { return actor_run(((struct actor *)p)->w, ((struct actor *)p)->id), (void *)NULL; }

static void one_world(struct rng *r) {
    static struct world w;
    memset(&w, 0, sizeof w);
    w.seed = rng_next(r);
    w.c = chan_make(int);
    conc_sem_init(&w.sem, INT32_MAX);
    conc_sem_acquire(&w.sem, INT32_MAX - 50); /* runs dry after some time */
    for (int i = 0; i < SLOTS; i++) w.slot[i].ctx = conc_ctx_with_cancel(conc_ctx_background());
    w.end = conc_now() + 20 * CONC_MS;
    unsigned n = 1 + rng_below(r, 30);
    struct actor a[2] = { { &w, 100 }, { &w, 101 } };
    pthread_t t[2];
    for (int i = 0; i < 2; i++) t[i] = thread_start(actor_thread, &a[i]);
    for (unsigned i = 0; i < n; i++) conc_wg_go(&w.wg, actor_goroutine, &w, i);
    conc_wg_wait(&w.wg);
    for (int i = 0; i < 2; i++) thread_join(t[i]);
    for (int i = 0; i < SLOTS; i++) conc_ctx_free(w.slot[i].ctx);
    wait_goroutines(body_goroutines());
    CHECK_EQ(atomic_load(&w.called) + atomic_load(&w.stopped), atomic_load(&w.started));
    chan_free(w.c);
}

TEST(contexts) {
    struct rng r = rng_new(0);
    int worlds = 0;
    for (int64_t end = conc_now() + stress_ns(); conc_now() < end && !harness_failed(); worlds++) one_world(&r);
    printf("stress: %d worlds\n", worlds);
}
