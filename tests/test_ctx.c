/* Contexts: Go's context_test and afterfunc_test, the operations that a context ends, misuse. */
#include "harness.h"

static conc_ctx *cancellable(conc_ctx *parent) {
    conc_ctx *ctx = conc_ctx_with_cancel(parent);
    CHECK(ctx);
    return ctx;
}
static bool done_is_closed(conc_ctx *ctx) {
    char v;
    return chan_try_recv(conc_ctx_done(ctx), &v) == CONC_CLOSED;
}
/* All that can be seen of a context agrees with err. */
static void check_ctx(conc_ctx *ctx, conc_status err) {
    CHECK_EQ(conc_ctx_err(ctx), err);
    CHECK_EQ(done_is_closed(ctx), err != CONC_OK);
    CHECK_EQ(conc_ctx_cause(ctx) != 0, err != CONC_OK);
    int hit = chan_select_of(case_done(ctx), case_default());
    CHECK_EQ(hit, err ? 0 : 1);
}

/* TestBackground, TestTODO: never done. */
TEST(roots) {
    conc_ctx *roots[2] = { conc_ctx_background(), conc_ctx_todo() };
    CHECK(roots[0] != roots[1]);
    for (int i = 0; i < 2; i++) {
        int64_t t = 7;
        CHECK_EQ(conc_ctx_err(roots[i]), CONC_OK);
        CHECK_EQ(conc_ctx_cause(roots[i]), 0);
        CHECK(conc_ctx_done(roots[i]) == NULL);
        CHECK(!conc_ctx_deadline(roots[i], &t) && t == 7);
        CHECK(conc_ctx_value(roots[i], roots) == NULL);
        CHECK(conc_ctx_ref(roots[i]) == roots[i]);
        conc_ctx_free(roots[i]), conc_ctx_free(roots[i]);
        conc_ctx_unref(roots[i]), conc_ctx_unref(roots[i]);
        CHECK_EQ(conc_ctx_err(roots[i]), CONC_OK);
    }
    conc_ctx_free(NULL);
    conc_ctx_unref(NULL);
    CHECK(conc_ctx_ref(NULL) == NULL);
    CHECK_EQ(conc_ctx_err(NULL), CONC_OK);
    CHECK_EQ(conc_ctx_cause(NULL), 0);
    CHECK(conc_ctx_done(NULL) == NULL);
    CHECK(conc_ctx_value(NULL, roots) == NULL);
}

/* TestWithCancel, TestParentFinishesChild: cancel reaches all below it before it returns, whatever stands between. */
TEST(cancel_reaches_all) {
    static char key;
    for (int asked = 0; asked < 2; asked++) {
        conc_ctx *a = cancellable(conc_ctx_background()), *v = conc_ctx_with_value(a, &key, &key), *b = cancellable(v);
        conc_ctx *t = conc_ctx_with_timeout(b, CONC_HOUR), *d = conc_ctx_without_cancel(t), *e = cancellable(d);
        conc_ctx *all[] = { a, v, b, t };
        for (int i = 0; asked && i < 4; i++) check_ctx(all[i], CONC_OK);
        CHECK(conc_ctx_done(v) == conc_ctx_done(a));
        conc_ctx_cancel(a);
        for (int i = 0; i < 4; i++) check_ctx(all[i], CONC_CANCELED);
        CHECK_EQ(conc_ctx_cause(t), CONC_CANCELED);
        CHECK_EQ(conc_ctx_err(d), CONC_OK); /* TestWithoutCancel */
        CHECK(conc_ctx_done(d) == NULL);
        check_ctx(e, CONC_OK);
        CHECK(conc_ctx_value(e, &key) == &key);
        conc_ctx_cancel(a); /* idempotent */
        conc_ctx_cancel_cause(a, 99);
        conc_ctx_cancel_cause(b, 99);
        CHECK_EQ(conc_ctx_cause(a), CONC_CANCELED);
        CHECK_EQ(conc_ctx_cause(b), CONC_CANCELED);
        conc_ctx_free(a), conc_ctx_free(v), conc_ctx_free(b), conc_ctx_free(t), conc_ctx_free(d);
        check_ctx(e, CONC_OK);
        CHECK(conc_ctx_value(e, &key) == &key); /* its ancestors live as long as it does */
        conc_ctx_free(e);
    }
}

/* TestChildFinishesFirst, TestCancelRemoves: a child that is cancelled leaves its parent alone, and its parent's list. */
TEST(child_finishes_first) {
    conc_ctx *parents[] = { conc_ctx_background(), cancellable(conc_ctx_background()), conc_ctx_with_timeout(conc_ctx_background(), CONC_HOUR) };
    conc_stats before, after;
    conc_get_stats(&before);
    for (int i = 0; i < 3; i++)
        for (int timed = 0; timed < 2; timed++)
            for (long n = scale(1000); n > 0; n--) {
                conc_ctx *c = timed ? conc_ctx_with_timeout(parents[i], CONC_HOUR) : cancellable(parents[i]);
                conc_ctx_cancel(c);
                CHECK_EQ(conc_ctx_err(c), CONC_CANCELED);
                CHECK_EQ(conc_ctx_err(parents[i]), CONC_OK);
                conc_ctx_free(c);
            }
    conc_get_stats(&after);
    CHECK_EQ(after.timers, before.timers);
    for (int i = 1; i < 3; i++) conc_ctx_free(parents[i]);
}

/* TestWithCancelCanceledParent: born done, with the parent's cause. */
TEST(born_done) {
    conc_ctx *a = cancellable(conc_ctx_background());
    conc_ctx_cancel_cause(a, -42);
    conc_ctx *b = cancellable(a), *t = conc_ctx_with_timeout(a, CONC_HOUR), *past = conc_ctx_with_timeout(a, -1);
    conc_ctx *all[] = { a, b, t, past };
    for (int i = 0; i < 4; i++) {
        check_ctx(all[i], CONC_CANCELED);
        CHECK_EQ(conc_ctx_cause(all[i]), -42);
        conc_ctx_free(all[i]);
    }
}

/* TestDeadline, TestTimeout: done at the deadline, never before; a past one is done at once; the earlier one holds. */
TEST(deadlines) {
    int64_t begin = conc_now(), t = 0;
    conc_ctx *a = conc_ctx_with_timeout(conc_ctx_background(), 10 * CONC_MS), *b = conc_ctx_with_timeout_cause(a, CONC_HOUR, 5);
    conc_ctx *c = conc_ctx_with_deadline(a, begin + CONC_MS), *v = conc_ctx_with_value(b, &t, NULL), *d = cancellable(v);
    CHECK(conc_ctx_deadline(a, &t) && t >= begin + 10 * CONC_MS);
    int64_t of_a = t;
    CHECK(conc_ctx_deadline(b, &t) && t == of_a);
    CHECK(conc_ctx_deadline(d, &t) && t == of_a);
    CHECK(conc_ctx_deadline(c, &t) && t == begin + CONC_MS);
    chan_recv(conc_ctx_done(c));
    CHECK(conc_now() >= begin + CONC_MS);
    chan_recv(conc_ctx_done(d));
    CHECK(conc_now() >= of_a);
    conc_ctx *all[] = { a, b, c, v, d };
    for (int i = 0; i < 5; i++) {
        if (all[i] != c) chan_recv(conc_ctx_done(all[i]));
        check_ctx(all[i], CONC_TIMEOUT);
        CHECK_EQ(conc_ctx_cause(all[i]), CONC_TIMEOUT);
        conc_ctx_free(all[i]);
    }
    conc_ctx *past[] = { conc_ctx_with_timeout(conc_ctx_background(), 0), conc_ctx_with_timeout_cause(conc_ctx_background(), INT64_MIN, 3),
                         conc_ctx_with_deadline_cause(conc_ctx_background(), begin, 4) };
    for (int i = 0; i < 3; i++) {
        check_ctx(past[i], CONC_TIMEOUT);
        CHECK_EQ(conc_ctx_cause(past[i]), i == 0 ? (int)CONC_TIMEOUT : i + 2);
        conc_ctx_free(past[i]);
    }
    conc_ctx *never = conc_ctx_with_timeout(conc_ctx_background(), CONC_FOREVER);
    CHECK(!conc_ctx_deadline(never, &t));
    check_ctx(never, CONC_OK);
    conc_ctx_free(never);
}

/* WithTimeoutCause: only if it was the timeout; the first cause stays, and is the descendants' too. */
TEST(causes) {
    conc_ctx *a = conc_ctx_with_timeout_cause(conc_ctx_background(), 2 * CONC_MS, 77), *b = cancellable(a);
    chan_recv(conc_ctx_done(b));
    CHECK_EQ(conc_ctx_err(b), CONC_TIMEOUT);
    CHECK_EQ(conc_ctx_cause(b), 77);
    conc_ctx_cancel_cause(b, 78);
    CHECK_EQ(conc_ctx_cause(b), 77);
    conc_ctx_free(b), conc_ctx_free(a);
    a = conc_ctx_with_timeout_cause(conc_ctx_background(), CONC_HOUR, 77);
    b = cancellable(a);
    conc_ctx_cancel_cause(b, INT32_MIN);
    CHECK_EQ(conc_ctx_cause(a), 0);
    conc_ctx_cancel(a);
    CHECK_EQ(conc_ctx_cause(a), CONC_CANCELED);
    CHECK_EQ(conc_ctx_cause(b), INT32_MIN);
    conc_ctx_free(b), conc_ctx_free(a);
}

/* TestValues: the nearest mapping of the address holds, a NULL value too. */
TEST(values) {
    static char k1, k2;
    int x, y;
    conc_ctx *a = conc_ctx_with_value(conc_ctx_background(), &k1, &x), *b = conc_ctx_with_value(a, &k2, &y);
    conc_ctx *c = conc_ctx_with_value(b, &k1, NULL), *d = cancellable(b), *e = conc_ctx_with_timeout(d, CONC_HOUR);
    CHECK(conc_ctx_value(a, &k1) == &x && !conc_ctx_value(a, &k2));
    CHECK(conc_ctx_value(b, &k1) == &x && conc_ctx_value(b, &k2) == &y);
    CHECK(!conc_ctx_value(c, &k1) && conc_ctx_value(c, &k2) == &y);
    CHECK(conc_ctx_value(e, &k1) == &x && !conc_ctx_value(e, &x));
    CHECK(conc_ctx_done(c) == NULL);
    conc_ctx_free(a), conc_ctx_free(b), conc_ctx_free(c), conc_ctx_free(d), conc_ctx_free(e);
}

/* A chain that is longer than a stack of calls could be. */
TEST(long_chain) {
    long n = scale(100000);
    conc_ctx *root = cancellable(conc_ctx_background()), *c = conc_ctx_ref(root);
    for (long i = 0; i < n; i++) {
        conc_ctx *child = cancellable(c);
        conc_ctx_unref(c);
        c = child;
    }
    conc_ctx_cancel_cause(root, 9);
    CHECK_EQ(conc_ctx_cause(c), 9);
    conc_ctx_free(root);
    conc_ctx_free(c);
}

struct tree {
    conc_ctx *node[128];
    int n;
    conc_atomic(int) ready;
};
static conc_ctx *random_layer(struct rng *r, conc_ctx *parent) {
    static char key;
    switch (rng_below(r, 3)) {
    case 0: return conc_ctx_with_value(parent, &key, parent);
    case 1: return conc_ctx_with_timeout(parent, CONC_HOUR);
    default: return conc_ctx_with_cancel(parent);
    }
}
static bool is_value(conc_ctx *parent, conc_ctx *c) { return conc_ctx_done(c) == conc_ctx_done(parent); }

/* TestLayersCancel: random layers, one of them cancelled: all below are done, none above. */
TEST(random_layers) {
    struct rng r = rng_new(0);
    for (long round = scale(300); round > 0; round--) {
        conc_ctx *layer[40] = { cancellable(conc_ctx_background()) };
        int at = 0, can = 0;
        for (int i = 1; i < 40; i++) layer[i] = random_layer(&r, layer[i - 1]);
        for (int i = 0; i < 40; i++) {
            if (i && is_value(layer[i - 1], layer[i])) continue;
            if (rng_below(&r, (unsigned)++can) == 0) at = i;
        }
        conc_ctx_cancel(layer[at]);
        for (int i = 0; i < 40; i++) CHECK_EQ(conc_ctx_err(layer[i]), i < at ? CONC_OK : CONC_CANCELED);
        for (int i = 39; i >= 0; i--) {
            int k = (int)rng_below(&r, (unsigned)i + 1); /* in any order */
            conc_ctx_free(layer[k]);
            layer[k] = layer[i];
        }
    }
}

static void cancel_it(struct tree *t, conc_ctx *c) {
    atomic_fetch_add(&t->ready, 1);
    while (atomic_load(&t->ready) < t->n) conc_yield();
    conc_ctx_cancel(c);
    CHECK_EQ(conc_ctx_err(c), CONC_CANCELED);
}
static void wait_done(conc_ctx *c) {
    chan_recv(conc_ctx_done(c));
    CHECK_EQ(conc_ctx_err(c), CONC_CANCELED);
}
/* TestSimultaneousCancels: a tree, all of it cancelled at once by as many goroutines. */
static void simultaneous(void) {
    static struct tree t;
    conc_wg wg = CONC_WG_INIT;
    t.n = 0;
    atomic_store(&t.ready, 0);
    conc_ctx *root = t.node[t.n++] = cancellable(conc_ctx_background());
    for (int i = 0; t.n < 120; i++)
        for (int k = 0; k < 3; k++) t.node[t.n++] = cancellable(i == 0 ? root : t.node[i]);
    for (int i = 0; i < t.n; i++) {
        conc_wg_go(&wg, wait_done, t.node[i]);
        conc_wg_go(&wg, cancel_it, &t, t.node[i]);
    }
    conc_wg_wait(&wg);
    for (int i = 0; i < t.n; i++) conc_ctx_free(t.node[i]);
}
TEST(simultaneous_cancels) {
    int procs[] = { 1, 2, 4, 8 };
    for (int i = 0; i < 4; i++) {
        conc_set_procs(procs[i]);
        for (long n = scale(20); n > 0; n--) simultaneous();
    }
}

/* Whoever sees one of "err is set" and "done is closed" sees the other, at any moment. */
struct pair {
    conc_ctx *ctx;
    conc_atomic(int) stop;
};
static void watch_pair(struct pair *p) {
    recv_chan(char) done = conc_ctx_done(p->ctx);
    for (char v;;) {
        bool closed = chan_try_recv(done, &v) == CONC_CLOSED;
        if (closed) CHECK(conc_ctx_err(p->ctx) == CONC_CANCELED && conc_ctx_cause(p->ctx) == 6);
        if (conc_ctx_err(p->ctx)) {
            CHECK_EQ(conc_ctx_cause(p->ctx), 6);
            CHECK_EQ(chan_try_recv(done, &v), CONC_CLOSED);
            return;
        }
        if (atomic_load(&p->stop)) conc_yield();
    }
}
TEST(err_and_done_are_one) {
    for (long n = scale(500); n > 0; n--) {
        struct pair p = { .ctx = cancellable(conc_ctx_background()) };
        conc_wg wg = CONC_WG_INIT;
        atomic_store(&p.stop, (int)(n & 1));
        for (int i = 0; i < 3; i++) conc_wg_go(&wg, watch_pair, &p);
        for (int i = 0; i < n % 3; i++) conc_yield();
        conc_ctx_cancel_cause(p.ctx, 6);
        CHECK(done_is_closed(p.ctx));
        conc_wg_wait(&wg);
        conc_ctx_free(p.ctx);
    }
}

static void add_one(void *p) { atomic_fetch_add((conc_atomic(int) *)p, 1); }
static void note_id(void *p) { atomic_store((conc_atomic(uint64_t) *)p, conc_id()); }

/* TestAfterFunc*: once, in a goroutine of its own, after cancel, timeout, or at once; stop tells. */
TEST(after_func) {
    conc_atomic(int) n;
    conc_atomic(uint64_t) id;
    atomic_init(&n, 0);
    atomic_init(&id, 0);
    conc_ctx *a = cancellable(conc_ctx_background()), *b = cancellable(a), *t = conc_ctx_with_timeout(a, CONC_MS);
    conc_ctx_func *f = conc_ctx_after_func(b, add_one, &n), *g = conc_ctx_after_func(b, add_one, &n), *h = conc_ctx_after_func(b, note_id, &id);
    conc_ctx_func *late = conc_ctx_after_func(t, add_one, &n), *never = conc_ctx_after_func(conc_ctx_background(), add_one, &n);
    CHECK(conc_ctx_func_stop(g)); /* in time */
    CHECK(wait_for(&n, 1));       /* the timeout */
    conc_ctx_cancel(a);
    CHECK(wait_for(&n, 2));
    conc_ctx_func *now = conc_ctx_after_func(b, add_one, &n);
    CHECK(wait_for(&n, 3));
    while (!atomic_load(&id)) conc_yield();
    CHECK(atomic_load(&id) != conc_id());
    CHECK(!conc_ctx_func_stop(f));
    CHECK(!conc_ctx_func_stop(h));
    CHECK(!conc_ctx_func_stop(late));
    CHECK(!conc_ctx_func_stop(now));
    CHECK(conc_ctx_func_stop(never));
    CHECK(!conc_ctx_func_stop(NULL));
    wait_goroutines(body_goroutines());
    CHECK_EQ(atomic_load(&n), 3);
    f = conc_ctx_after_func(b, add_one, &n);
    conc_ctx_free(b), conc_ctx_free(t), conc_ctx_free(a); /* before the function's handle */
    CHECK(!conc_ctx_func_stop(f));
    CHECK(wait_for(&n, 4));
}
/* stop and cancel at the same moment: fn runs if, and only if, stop says that it was too late. */
static void just_cancel(conc_ctx *c) { conc_ctx_cancel(c); }
TEST(after_func_race) {
    conc_atomic(int) n;
    atomic_init(&n, 0);
    int expected = 0;
    for (long i = scale(2000); i > 0; i--) {
        conc_ctx *c = cancellable(conc_ctx_background());
        conc_wg wg = CONC_WG_INIT;
        conc_ctx_func *f = conc_ctx_after_func(c, add_one, &n);
        conc_wg_go(&wg, just_cancel, c);
        if (i % 3) conc_yield();
        expected += !conc_ctx_func_stop(f);
        conc_wg_wait(&wg);
        conc_ctx_free(c);
    }
    wait_goroutines(body_goroutines());
    CHECK_EQ(atomic_load(&n), expected);
}

// ---- operations ----
enum op { SEND, RECV, SEND_NIL, RECV_NIL, SLEEP, LOCK, COND, WG, SEM, SEM_TOO_MUCH, SELECT, SELECT_ONLY, SELECT_TIMED, OPS };
static const char *const reasons[OPS] = { "chan send", "chan receive", "chan send (nil chan)", "chan receive (nil chan)", "sleep",
    "sync.Mutex.Lock", "sync.Cond.Wait", "sync.WaitGroup.Wait", "semacquire", "semacquire", "select", "select", "select" };
struct room {
    conc_ctx *ctx;
    chan(int) c;
    conc_mutex m, free;
    conc_cond cond;
    conc_wg wg;
    conc_sem sem;
    conc_atomic(int) ended, locked;
    conc_atomic(uint64_t) id;
    enum op op;
    conc_status want;
};
static conc_status run_select(struct room *r) {
    int hit = -1;
    chan(int) nil = NULL;
    if (r->op == SELECT_ONLY) return chan_select_of(case_done(r->ctx)) == 0 ? conc_ctx_err(r->ctx) : CONC_OK;
    chan_select {
        on_recv(v, r->c) { hit = v; }
        on_send(nil, 1) { hit = 1; }
        on_done(NULL) { hit = 2; }
        on_done(conc_ctx_background()) { hit = 3; }
        on_timeout(r->op == SELECT_TIMED ? CONC_HOUR : CONC_FOREVER) { hit = 4; }
        on_done(r->ctx) { return conc_ctx_err(r->ctx); }
    }
    CHECK_SAY(hit == 5, "case %d", hit); /* a value from the channel */
    return CONC_OK;
}
static conc_status run_op(struct room *r) {
    chan(int) nil = NULL;
    conc_status st;
    int v;
    switch (r->op) {
    case SEND: return chan_send_ctx(r->c, 1, r->ctx);
    case RECV: return chan_recv_ctx(r->c, &v, r->ctx);
    case SEND_NIL: return chan_send_ctx(nil, 1, r->ctx);
    case RECV_NIL: return chan_recv_ctx(nil, &v, r->ctx);
    case SLEEP: return conc_sleep_ctx(r->ctx, CONC_HOUR);
    case LOCK:
        st = conc_mutex_lock_ctx(&r->m, r->ctx);
        if (st == CONC_OK) conc_mutex_unlock(&r->m);
        return st;
    case COND:
        conc_mutex_lock(&r->free);
        st = conc_cond_wait_ctx(&r->cond, &r->free, r->ctx);
        CHECK(!conc_mutex_try_lock(&r->free));
        conc_mutex_unlock(&r->free);
        return st;
    case WG: return conc_wg_wait_ctx(&r->wg, r->ctx);
    case SEM:
        st = conc_sem_acquire_ctx(&r->sem, 1, r->ctx);
        if (st == CONC_OK) conc_sem_release(&r->sem, 1);
        return st;
    case SEM_TOO_MUCH: return conc_sem_acquire_ctx(&r->sem, 2, r->ctx);
    default: return run_select(r);
    }
}
static void op_runner(struct room *r) {
    atomic_store(&r->id, conc_id());
    CHECK_SAY(run_op(r) == r->want, "operation %d", (int)r->op);
    atomic_fetch_add(&r->ended, 1);
}
static void *op_thread(void *p) { return op_runner(p), (void *)NULL; }
static void room_open(struct room *r, enum op op, conc_ctx *ctx, conc_status want) {
    memset(r, 0, sizeof *r);
    r->op = op;
    r->ctx = ctx;
    r->want = want;
    r->c = chan_make(int);
    conc_sem_init(&r->sem, 1);
    conc_sem_acquire(&r->sem, 1);
    conc_mutex_lock(&r->m);
    conc_wg_add(&r->wg, 1);
}
static void room_close(struct room *r) {
    CHECK(conc_sem_try_acquire(&r->sem, 1) == false);
    conc_sem_release(&r->sem, 1);
    CHECK(conc_sem_try_acquire(&r->sem, 1)); /* nothing of the waiter is left */
    conc_mutex_unlock(&r->m);
    CHECK(conc_mutex_try_lock(&r->m));
    conc_wg_done(&r->wg);
    CHECK_EQ(chan_try_send(r->c, 1), CONC_WOULD_BLOCK);
    chan_free(r->c);
}

/* Every operation, in a goroutine and on an OS thread: it waits, and a cancel or a deadline ends it. */
TEST(operations_end) {
    static struct room r;
    for (int op = 0; op < OPS; op++)
        for (int timed = 0; timed < 2; timed++)
            for (int on_thread = 0; on_thread < 2; on_thread++) {
                conc_ctx *ctx = timed ? conc_ctx_with_timeout(conc_ctx_background(), 5 * CONC_MS) : cancellable(conc_ctx_background());
                conc_wg wg = CONC_WG_INIT;
                pthread_t t;
                room_open(&r, (enum op)op, ctx, timed ? CONC_TIMEOUT : CONC_CANCELED);
                if (on_thread) t = thread_start(op_thread, &r);
                else conc_wg_go(&wg, op_runner, &r);
                if (!timed && !on_thread) {
                    while (!atomic_load(&r.id)) conc_yield();
                    CHECK_SAY(wait_parked(atomic_load(&r.id), reasons[op]), "operation %d does not wait as \"%s\"", op, reasons[op]);
                }
                if (!timed) conc_ctx_cancel(ctx);
                if (on_thread) thread_join(t);
                conc_wg_wait(&wg);
                CHECK_EQ(atomic_load(&r.ended), 1);
                room_close(&r);
                conc_ctx_free(ctx);
            }
}
/* A context that is done fails every operation at once; one that is never done fails none. */
TEST(operations_refused) {
    static struct room r;
    conc_ctx *ctx = cancellable(conc_ctx_background()), *v = conc_ctx_with_value(ctx, &r, NULL);
    conc_ctx_cancel(ctx);
    for (int op = 0; op < OPS; op++) {
        room_open(&r, (enum op)op, v, CONC_CANCELED);
        if (op == COND) conc_mutex_lock(&r.free);
        if (op == COND) CHECK_EQ(conc_cond_wait_ctx(&r.cond, &r.free, v), CONC_CANCELED);
        else op_runner(&r);
        room_close(&r);
    }
    conc_ctx_free(v), conc_ctx_free(ctx);
}
TEST(operations_without) {
    conc_ctx *none[] = { NULL, conc_ctx_background(), cancellable(conc_ctx_background()) };
    for (int i = 0; i < 3; i++) {
        conc_ctx *ctx = none[i];
        chan(int) c = chan_make(int, 1);
        conc_mutex m = CONC_MUTEX_INIT;
        conc_wg wg = CONC_WG_INIT;
        conc_sem s = CONC_SEM_INIT(2);
        int v = 0;
        CHECK_EQ(chan_send_ctx(c, 5, ctx), CONC_OK);
        CHECK_EQ(chan_recv_ctx(c, &v, ctx), CONC_OK);
        CHECK_EQ(v, 5);
        chan_close(c);
        CHECK_EQ(chan_recv_ctx(c, &v, ctx), CONC_CLOSED);
        CHECK_EQ(v, 0);
        CHECK_EQ(conc_mutex_lock_ctx(&m, ctx), CONC_OK);
        conc_mutex_unlock(&m);
        CHECK_EQ(conc_wg_wait_ctx(&wg, ctx), CONC_OK);
        CHECK_EQ(conc_sem_acquire_ctx(&s, 2, ctx), CONC_OK);
        int64_t t = conc_now();
        CHECK_EQ(conc_sleep_ctx(ctx, 2 * CONC_MS), CONC_OK);
        CHECK(conc_now() >= t + 2 * CONC_MS);
        CHECK_EQ(conc_sleep_ctx(ctx, -1), CONC_OK);
        chan_free(c);
    }
    conc_ctx_free(none[2]);
}

static void feed(struct room *r) {
    while (!atomic_load(&r->id)) conc_yield();
    CHECK(wait_parked(atomic_load(&r->id), NULL));
    switch (r->op) {
    case SEND: CHECK_EQ(chan_recv(r->c), 1); break;
    case RECV: chan_send(r->c, 5); break;
    case LOCK: conc_mutex_unlock(&r->m); break;
    case COND: conc_cond_signal(&r->cond); break;
    case WG: conc_wg_done(&r->wg); break;
    case SEM: conc_sem_release(&r->sem, 1); break;
    default: chan_send(r->c, 5);
    }
}
/* The thing waited for comes while the context is alive. */
TEST(operations_served) {
    static struct room r;
    static const enum op ops[] = { SEND, RECV, LOCK, COND, WG, SEM, SELECT, SELECT_TIMED };
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_HOUR);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        conc_wg wg = CONC_WG_INIT;
        room_open(&r, ops[i], ctx, CONC_OK);
        conc_wg_go(&wg, op_runner, &r);
        feed(&r);
        conc_wg_wait(&wg);
        chan_free(r.c);
    }
    conc_ctx_free(ctx);
}
static void late_send_closed(conc_ctx *ctx, chan(int) c, int64_t want) {
    int v = 1;
    CHECK_EQ(chan_recv_ctx(c, &v, ctx), want);
    CHECK_EQ(v, want == CONC_CLOSED ? 0 : 1);
}
TEST(close_under_a_receiver) {
    conc_ctx *ctx = cancellable(conc_ctx_background());
    chan(int) c = chan_make(int);
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 3; i++) conc_wg_go(&wg, late_send_closed, ctx, c, CONC_CLOSED);
    settle();
    chan_close(c);
    conc_wg_wait(&wg);
    conc_ctx_free(ctx);
    chan_free(c);
}

/* A large request that is given up lets the small ones behind it through. */
static void take_two(conc_sem *s, conc_ctx *ctx) { CHECK_EQ(conc_sem_acquire_ctx(s, 2, ctx), CONC_CANCELED); }
static void take_one(conc_sem *s) { conc_sem_acquire(s, 1); }
TEST(semaphore_moves_on) {
    conc_ctx *ctx = cancellable(conc_ctx_background());
    conc_sem s = CONC_SEM_INIT(2);
    conc_wg first = CONC_WG_INIT, second = CONC_WG_INIT;
    conc_sem_acquire(&s, 1);
    conc_wg_go(&first, take_two, &s, ctx);
    settle();
    conc_wg_go(&second, take_one, &s);
    settle();
    conc_ctx_cancel(ctx);
    conc_wg_wait(&first);
    conc_wg_wait(&second);
    conc_ctx_free(ctx);
}

/* select: at random among what is ready, in order if asked, more than 16 cases, the same context twice. */
TEST(select_with_contexts) {
    conc_ctx *a = cancellable(conc_ctx_background()), *b = cancellable(a);
    chan(int) c = chan_make(int, 1);
    int hits[3] = { 0 }, v;
    CHECK_EQ(chan_select_of(case_done(a), case_recv(c, &v), case_default()), 2);
    CHECK_EQ(chan_select_of(case_done(a), case_recv(c, &v), case_timeout(CONC_MS)), 2);
    conc_ctx_cancel(a);
    for (int i = 0; i < 600; i++) {
        (void)chan_try_send(c, 1);
        hits[chan_select_of(case_done(a), case_recv(c, &v), case_done(b))]++;
        CHECK_EQ(chan_select_ordered_of(case_timeout(0), case_done(b), case_done(a)), 1);
    }
    for (int i = 0; i < 3; i++) CHECK_SAY(hits[i] > 100, "case %d: %d", i, hits[i]);
    conc_case many[40];
    for (int i = 0; i < 40; i++) many[i] = case_recv((chan(int))NULL, &v);
    many[33] = case_done(b);
    CHECK_EQ(chan_select_n(many, 40), 33);
    int n = 0;
    chan_select {
        on_done(b) { n++; }
        on_done(b) { n++; }
    }
    CHECK_EQ(n, 1);
    conc_ctx_free(b), conc_ctx_free(a);
    chan_free(c);
}
static void select_many(conc_ctx **ctx, chan(int) *c, int expect) {
    conc_case k[40];
    int v;
    for (int i = 0; i < 20; i++) {
        k[2 * i] = case_recv(c[i], &v);
        k[2 * i + 1] = case_done(ctx[i]);
    }
    CHECK_EQ(chan_select_n(k, 40), expect);
    CHECK_EQ(chan_select_n(k, 40), expect); /* closed and cancelled for good */
}
TEST(select_of_forty) {
    for (int i = 0; i < 40; i += 3) {
        conc_ctx *ctx[20];
        chan(int) c[20];
        conc_wg wg = CONC_WG_INIT;
        for (int k = 0; k < 20; k++) ctx[k] = cancellable(conc_ctx_background()), c[k] = chan_make(int);
        conc_wg_go(&wg, select_many, ctx, c, i);
        if (i & 4) settle();
        if (i & 1) conc_ctx_cancel(ctx[i / 2]);
        else chan_close(c[i / 2]);
        conc_wg_wait(&wg);
        for (int k = 0; k < 20; k++) conc_ctx_free(ctx[k]), chan_free(c[k]);
    }
}

/* Thousands of waiters of every kind go when the root is cancelled, though the root is freed before they run on. */
static void all_kinds(struct room *r, int i) {
    conc_ctx *ctx = i % 2 ? conc_ctx_ref(r->ctx) : conc_ctx_with_cancel(r->ctx);
    int v;
    conc_wg_done(&r->wg);
    switch (i % 5) {
    case 0: chan_recv(conc_ctx_done(ctx)); break;
    case 1: CHECK_EQ(chan_recv_ctx(r->c, &v, ctx), CONC_CANCELED); break;
    case 2: CHECK_EQ(conc_sleep_ctx(ctx, CONC_HOUR), CONC_CANCELED); break;
    case 3: CHECK_EQ(chan_select_of(case_recv(r->c, &v), case_done(ctx)), 1); break;
    default: CHECK_EQ(chan_select_of(case_done(ctx), case_timeout(CONC_HOUR)), 0);
    }
    conc_ctx_unref(ctx);
}
TEST(crowd) {
    static struct room r;
    int n = (int)live(scale(10000)), procs[] = { 1, 2, 4, 8 };
    for (int p = 0; p < 4; p++) {
        conc_set_procs(procs[p]);
        conc_wg wg = CONC_WG_INIT;
        memset(&r, 0, sizeof r);
        r.ctx = cancellable(conc_ctx_background());
        r.c = chan_make(int);
        conc_wg_add(&r.wg, n);
        for (int i = 0; i < n; i++) conc_wg_go(&wg, all_kinds, &r, i);
        conc_wg_wait(&r.wg);
        if (p & 1) conc_sleep(5 * CONC_MS); /* most are parked by then */
        conc_ctx_free(r.ctx);
        conc_wg_wait(&wg);
        chan_free(r.c);
    }
}

/* The maker may free a context as soon as it has cancelled it, though an operation with it is under way: it has been served and is on its
   way out, or has let a mutex go and is about to wait. Whoever is freed is a goroutine and an OS thread by turns. */
enum { OUT_RECV, OUT_SEND, OUT_SELECT, OUT_COND, OUT_COND_SERVED, OUT_WAYS };
struct outing {
    conc_ctx *ctx;
    chan(int) c;
    conc_mutex m;
    conc_cond cond;
    bool waits;
    int way;
};
typedef struct outing *outing;
static void outing_wait(outing o) {
    int v = 7;
    conc_status st = CONC_OK;
    switch (o->way) {
    case OUT_RECV: st = chan_recv_ctx(o->c, &v, o->ctx); break;
    case OUT_SEND: st = chan_send_ctx(o->c, 7, o->ctx); break;
    case OUT_SELECT: CHECK_EQ(chan_select_of(case_done(o->ctx), case_recv(o->c, &v)), 1); break;
    default:
        conc_mutex_lock(&o->m);
        o->waits = true;
        st = conc_cond_wait_ctx(&o->cond, &o->m, o->ctx);
        conc_mutex_unlock(&o->m);
        if (o->way == OUT_COND) CHECK_EQ(st, CONC_CANCELED), st = CONC_OK;
    }
    CHECK_SAY(st == CONC_OK && v == 7, "way %d: %s, %d", o->way, conc_strerror(st), v);
}
static void outing_serve(outing o, unsigned delay) {
    switch (o->way) {
    case OUT_RECV: case OUT_SELECT: chan_send(o->c, 7); break;
    case OUT_SEND: CHECK_EQ(chan_recv(o->c), 7); break;
    default:
        for (bool waits = false; !waits; conc_yield()) {
            conc_mutex_lock(&o->m);
            waits = o->waits;
            if (waits && o->way == OUT_COND_SERVED) conc_cond_signal(&o->cond);
            if (waits) o->waits = false;
            conc_mutex_unlock(&o->m);
        }
    }
    turns(delay);
    conc_ctx_free(o->ctx);
}
struct outings { chan(outing) go; chan(int) back; };
static void outings_run(struct outings *w) {
    chan_range(o, w->go) {
        outing_wait(o);
        chan_send(w->back, 1);
    }
}
static void *outings_thread(void *w) { return outings_run((struct outings *)w), (void *)NULL; }
TEST(freed_by_the_canceller) {
    struct rng r = rng_new(0);
    struct outings w[2];
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 2; i++) w[i].go = chan_make(outing), w[i].back = chan_make(int);
    conc_wg_go(&wg, outings_run, &w[0]);
    pthread_t t = thread_start(outings_thread, &w[1]);
    for (int i = 0, n = (int)scale(16000); i < n; i++) {
        struct outings *to = &w[rng_below(&r, 2)];
        struct outing o;
        memset(&o, 0, sizeof o);
        o.way = i % OUT_WAYS;
        o.c = chan_make(int);
        o.ctx = cancellable(conc_ctx_background());
        chan_send(to->go, &o);
        outing_serve(&o, rng_below(&r, 1u << rng_below(&r, 15)));
        CHECK_EQ(chan_recv(to->back), 1);
        chan_free(o.c);
    }
    for (int i = 0; i < 2; i++) chan_close(w[i].go);
    conc_wg_wait(&wg);
    thread_join(t);
    for (int i = 0; i < 2; i++) chan_free(w[i].go), chan_free(w[i].back);
}

// ---- misuse ----
CRASH(nil_parent, "panic: cannot create context from nil parent") { (void)conc_ctx_with_cancel(NULL); }
CRASH(nil_parent_deadline, "panic: cannot create context from nil parent") { (void)conc_ctx_with_timeout(NULL, 1); }
CRASH(nil_parent_value, "panic: cannot create context from nil parent") { (void)conc_ctx_with_value(NULL, NULL, NULL); }
CRASH(nil_parent_detached, "panic: cannot create context from nil parent") { (void)conc_ctx_without_cancel(NULL); }
CRASH(nil_key, "panic: nil key") { (void)conc_ctx_with_value(conc_ctx_background(), NULL, NULL); }
CRASH(nil_func, "fatal error: go of nil func value") { (void)conc_ctx_after_func(conc_ctx_background(), NULL, NULL); }
CRASH(cancel_of_a_root, "panic: conc_ctx_cancel of a context that cannot be cancelled by itself") { conc_ctx_cancel(conc_ctx_todo()); }
CRASH(cancel_of_a_value, "panic: conc_ctx_cancel of a context that cannot be cancelled by itself") {
    static char key;
    conc_ctx_cancel(conc_ctx_with_value(cancellable(conc_ctx_background()), &key, NULL));
}
CRASH(freed_twice, "fatal error: conc_ctx_free: context freed twice") {
    conc_ctx *a = cancellable(conc_ctx_background());
    (void)cancellable(a);
    conc_ctx_free(a);
    conc_ctx_free(a);
}
static void wait_with(conc_ctx *ctx) { (void)conc_sleep_ctx(ctx, CONC_HOUR); }
CRASH(dropped_under_a_waiter, "fatal error: conc_ctx_unref: context freed while a goroutine waits with it") {
    conc_ctx *a = cancellable(conc_ctx_background());
    go(wait_with, a);
    settle();
    conc_ctx_unref(a);
}
CRASH_NATIVE(deadlock_with_a_context, "fatal error: all goroutines are asleep - deadlock!", "goroutine", "chan receive") {
    conc_ctx *a = cancellable(conc_ctx_background());
    chan(int) c = chan_make(int);
    int v;
    go(wait_done, a);
    (void)chan_recv_ctx(c, &v, a);
}
