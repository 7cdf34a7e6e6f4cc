/* Bugs that everybody knows: each the smallest program that has it. */
#include "bugs.h"

/* ---- what is read is old when it is used ---- */
static void add_by_parts(conc_atomic(int) *n, conc_mutex *mu) { /* mu NULL: not protected */
    if (mu) conc_mutex_lock(mu);
    int v = conc_atomic_load(n);
    conc_atomic_store(n, v + 1);
    if (mu) conc_mutex_unlock(mu);
}
CLASSIC(lost_update, "atomicity", ASSERT, "two goroutines load, add and store") {
    conc_atomic(int) n = 0;
    conc_mutex mu = CONC_MUTEX_INIT;
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 2; i++) conc_wg_go(&wg, add_by_parts, &n, mended ? &mu : NULL);
    conc_wg_wait(&wg);
    conc_assert(conc_atomic_load(&n) == 2);
}

/* First of those who ask: by a look and a write, or by one operation. */
static bool first_one(conc_atomic(int) *taken, bool mended) {
    int zero = 0;
    if (mended) return conc_atomic_compare_exchange(taken, &zero, 1);
    if (conc_atomic_load(taken)) return false;
    conc_atomic_store(taken, 1);
    return true;
}
static void count_first(conc_atomic(int) *taken, conc_atomic(int) *n, bool mended) {
    if (first_one(taken, mended)) conc_atomic_fetch_add(n, 1);
}
CLASSIC(check_then_act, "atomicity", ASSERT, "two goroutines see that nobody was first") {
    conc_atomic(int) taken = 0, n = 0;
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 2; i++) conc_wg_go(&wg, count_first, &taken, &n, mended);
    conc_wg_wait(&wg);
    conc_assert(conc_atomic_load(&n) == 1);
}

static void close_once(chan(int) c, conc_atomic(int) *taken, bool mended) {
    if (first_one(taken, mended)) chan_close(c);
}
CLASSIC(double_close, "atomicity", PANIC, "a channel is closed by whoever sees it open") {
    chan(int) c = chan_make(int);
    conc_atomic(int) taken = 0;
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 2; i++) conc_wg_go(&wg, close_once, c, &taken, mended);
    conc_wg_wait(&wg);
}

struct flight { conc_mutex mu; bool under_way, mended; conc_atomic(int) calls; conc_wg wg; };
static void flight_do(struct flight *f) {
    conc_mutex_lock(&f->mu);
    bool first = !f->under_way;
    if (!f->mended) {
        conc_mutex_unlock(&f->mu);
        conc_mutex_lock(&f->mu);
    }
    f->under_way = true;
    conc_mutex_unlock(&f->mu);
    if (first) conc_atomic_fetch_add(&f->calls, 1);
}
CLASSIC(singleflight, "atomicity", ASSERT, "one call for all: looked up and entered in two critical sections") {
    FRESH(struct flight, f);
    f.mended = mended;
    for (int i = 0; i < 3; i++) conc_wg_go(&f.wg, flight_do, &f);
    conc_wg_wait(&f.wg);
    conc_assert(conc_atomic_load(&f.calls) == 1);
}

struct limiter { conc_atomic(int) tokens, passed; conc_wg wg; bool mended; };
static void limiter_pass(struct limiter *l) {
    for (;;) {
        int n = conc_atomic_load(&l->tokens);
        if (n == 0) return;
        if (l->mended ? conc_atomic_compare_exchange(&l->tokens, &n, n - 1) : (conc_atomic_store(&l->tokens, n - 1), true)) break;
    }
    conc_atomic_fetch_add(&l->passed, 1);
}
CLASSIC(rate_limiter, "atomicity", ASSERT, "three want one of two tokens, and all get one") {
    FRESH(struct limiter, l);
    l.mended = mended;
    l.tokens = 2;
    for (int i = 0; i < 3; i++) conc_wg_go(&l.wg, limiter_pass, &l);
    conc_wg_wait(&l.wg);
    conc_assert(conc_atomic_load(&l.passed) <= 2);
}

static void reference_drop(conc_atomic(int) *count, conc_atomic(int) *freed, bool mended) {
    int before = conc_atomic_fetch_sub(count, 1);
    if (mended ? before == 1 : conc_atomic_load(count) == 0) conc_atomic_fetch_add(freed, 1);
}
CLASSIC(refcount, "atomicity", ASSERT, "the last reference is recognised by a look after the decrement") {
    conc_atomic(int) count = 2, freed = 0;
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 2; i++) conc_wg_go(&wg, reference_drop, &count, &freed, mended);
    conc_wg_wait(&wg);
    conc_assert(conc_atomic_load(&freed) == 1);
}

/* A string is appended to another while it is cut: its length is asked for, then its characters. */
struct strings { conc_mutex mu; int length; bool mended; conc_wg wg; };
static void string_append(struct strings *s) {
    conc_mutex_lock(&s->mu);
    int n = s->length;
    if (!s->mended) {
        conc_mutex_unlock(&s->mu);
        conc_mutex_lock(&s->mu);
    }
    conc_assert(n <= s->length);
    conc_mutex_unlock(&s->mu);
}
static void string_cut(struct strings *s) {
    conc_mutex_lock(&s->mu);
    s->length = 0;
    conc_mutex_unlock(&s->mu);
}
CLASSIC(stringbuffer, "atomicity", ASSERT, "a string's length and its characters are asked for one after the other") {
    FRESH(struct strings, s);
    s.mended = mended;
    s.length = 3;
    conc_wg_go(&s.wg, string_append, &s);
    conc_wg_go(&s.wg, string_cut, &s);
    conc_wg_wait(&s.wg);
}

struct wronglock { conc_mutex one, other; conc_atomic(int) n; bool mended; conc_wg wg; };
static void wronglock_check(struct wronglock *w) {
    conc_mutex_lock(&w->one);
    int n = conc_atomic_load(&w->n);
    conc_assert(conc_atomic_load(&w->n) == n);
    conc_mutex_unlock(&w->one);
}
static void wronglock_add(struct wronglock *w) {
    conc_mutex *mu = w->mended ? &w->one : &w->other;
    conc_mutex_lock(mu);
    conc_atomic_fetch_add(&w->n, 1);
    conc_mutex_unlock(mu);
}
CLASSIC(wronglock_3, "atomicity", ASSERT, "one number, two locks") {
    FRESH(struct wronglock, w);
    w.mended = mended;
    conc_wg_go(&w.wg, wronglock_check, &w);
    for (int i = 0; i < 3; i++) conc_wg_go(&w.wg, wronglock_add, &w);
    conc_wg_wait(&w.wg);
}

/* Two numbers that belong together, written in two stages. */
struct twostage { conc_mutex mu; int first, second; bool mended; conc_wg wg; };
static void twostage_write(struct twostage *t) {
    conc_mutex_lock(&t->mu);
    t->first = 1;
    if (!t->mended) {
        conc_mutex_unlock(&t->mu);
        conc_mutex_lock(&t->mu);
    }
    t->second = t->first + 1;
    conc_mutex_unlock(&t->mu);
    conc_wg_done(&t->wg);
}
static void twostage_read(struct twostage *t) {
    conc_mutex_lock(&t->mu);
    int first = t->first;
    conc_mutex_unlock(&t->mu);
    conc_mutex_lock(&t->mu);
    conc_assert(!first || t->second == first + 1);
    conc_mutex_unlock(&t->mu);
    conc_wg_done(&t->wg);
}
static void twostage(bool mended, int writers) {
    FRESH(struct twostage, t);
    t.mended = mended;
    conc_wg_add(&t.wg, writers + 1);
    for (int i = 0; i < writers; i++) go(twostage_write, &t);
    go(twostage_read, &t);
    conc_wg_wait(&t.wg);
}
CLASSIC(twostage_3, "atomicity", ASSERT, "two writers in two stages, a reader between them") { twostage(mended, 2); }
CLASSIC(twostage_20, "atomicity", ASSERT, "nineteen writers in two stages, a reader between them") { twostage(mended, 19); }

/* A pair written in the order a, b, and read by one. */
struct reorder { conc_mutex mu; conc_atomic(int) a, b; bool mended; conc_wg wg; };
static void reorder_set(struct reorder *r) {
    if (r->mended) conc_mutex_lock(&r->mu);
    conc_atomic_store(&r->a, 1);
    conc_atomic_store(&r->b, -1);
    if (r->mended) conc_mutex_unlock(&r->mu);
    conc_wg_done(&r->wg);
}
static void reorder_check(struct reorder *r) {
    if (r->mended) conc_mutex_lock(&r->mu);
    int a = conc_atomic_load(&r->a), b = conc_atomic_load(&r->b);
    conc_assert((a == 0 && b == 0) || (a == 1 && b == -1));
    if (r->mended) conc_mutex_unlock(&r->mu);
    conc_wg_done(&r->wg);
}
static void reorder(bool mended, int goroutines) {
    FRESH(struct reorder, r);
    r.mended = mended;
    conc_wg_add(&r.wg, goroutines); /* once, as each add is a step: all of them start at the same time */
    for (int i = 1; i < goroutines; i++) go(reorder_set, &r);
    go(reorder_check, &r);
    conc_wg_wait(&r.wg);
}
CLASSIC(reorder_3, "atomicity", ASSERT, "a pair is read half written, two writers") { reorder(mended, 3); }
CLASSIC(reorder_10, "atomicity", ASSERT, "a pair is read half written, nine writers") { reorder(mended, 10); }
CLASSIC(reorder_20, "atomicity", ASSERT, "a pair is read half written, nineteen writers") { reorder(mended, 20); }

/* A reader that sees a counter before its first and after its last step: a random walk hardly ever does. */
enum { LONG = 30 };
struct uneven { conc_mutex mu; conc_atomic(int) n; bool mended; conc_wg wg; };
static void uneven_count(struct uneven *u) {
    for (int i = 0; i < LONG; i++) {
        if (u->mended) conc_mutex_lock(&u->mu);
        conc_atomic_fetch_add(&u->n, 1);
        if (u->mended) conc_mutex_unlock(&u->mu);
    }
}
static void uneven_read(struct uneven *u) {
    if (u->mended) conc_mutex_lock(&u->mu);
    int before = conc_atomic_load(&u->n), after = conc_atomic_load(&u->n);
    conc_assert(after - before < LONG);
    if (u->mended) conc_mutex_unlock(&u->mu);
}
CLASSIC(uneven_30, "atomicity", ASSERT, "thirty steps of one goroutine between two of another") {
    FRESH(struct uneven, u);
    u.mended = mended;
    conc_wg_go(&u.wg, uneven_count, &u);
    conc_wg_go(&u.wg, uneven_read, &u);
    conc_wg_wait(&u.wg);
}

/* Goes wrong only if two goroutines take turns five times. */
struct turns { conc_mutex mu; conc_atomic(int) at; bool mended; conc_wg wg; };
static void turns_take(struct turns *t, int from) {
    if (t->mended) conc_mutex_lock(&t->mu);
    for (int i = from; i < 5; i += 2) {
        int at = i;
        (void)conc_atomic_compare_exchange(&t->at, &at, i + 1);
    }
    if (t->mended) conc_mutex_unlock(&t->mu);
}
CLASSIC(depth5_order, "order", ASSERT, "five steps that have to come in turn") {
    FRESH(struct turns, t);
    t.mended = mended;
    for (int i = 0; i < 2; i++) conc_wg_go(&t.wg, turns_take, &t, i);
    conc_wg_wait(&t.wg);
    conc_assert(conc_atomic_load(&t.at) < 5);
}

/* ---- published too early, used too late ---- */
struct publish { conc_mutex mu; conc_atomic(int) ready, value; bool mended; conc_wg wg; };
static void publish_after_unlock(struct publish *p) {
    conc_mutex_lock(&p->mu);
    if (p->mended) conc_atomic_store(&p->value, 42);
    conc_atomic_store(&p->ready, 1);
    conc_mutex_unlock(&p->mu);
    if (!p->mended) conc_atomic_store(&p->value, 42);
}
static void publish_read(struct publish *p) {
    conc_mutex_lock(&p->mu);
    int ready = conc_atomic_load(&p->ready);
    conc_mutex_unlock(&p->mu);
    if (ready) conc_assert(conc_atomic_load(&p->value) == 42);
}
CLASSIC(unlock_publish, "order", ASSERT, "ready is said under the lock, the value written after it") {
    FRESH(struct publish, p);
    p.mended = mended;
    conc_wg_go(&p.wg, publish_after_unlock, &p);
    conc_wg_go(&p.wg, publish_read, &p);
    conc_wg_wait(&p.wg);
}
static void publish_lazily(struct publish *p) {
    if (!conc_atomic_load(&p->ready)) {
        conc_mutex_lock(&p->mu);
        if (!conc_atomic_load(&p->ready)) {
            if (!p->mended) conc_atomic_store(&p->ready, 1);
            conc_atomic_store(&p->value, 42);
            if (p->mended) conc_atomic_store(&p->ready, 1);
        }
        conc_mutex_unlock(&p->mu);
    }
    conc_assert(conc_atomic_load(&p->value) == 42);
}
CLASSIC(double_checked, "order", ASSERT, "double-checked locking that says so before it has made the thing") {
    FRESH(struct publish, p);
    p.mended = mended;
    for (int i = 0; i < 2; i++) conc_wg_go(&p.wg, publish_lazily, &p);
    conc_wg_wait(&p.wg);
}
static void order_use(conc_atomic(int) *value) { conc_assert(conc_atomic_load(value) == 42); }
CLASSIC(order_violation, "order", ASSERT, "a goroutine is started before what it uses is set") {
    conc_atomic(int) value = 0;
    conc_wg wg = CONC_WG_INIT;
    if (mended) conc_atomic_store(&value, 42);
    conc_wg_go(&wg, order_use, &value);
    if (!mended) conc_atomic_store(&value, 42);
    conc_wg_wait(&wg);
}

enum { SLOTS = 2, ITEMS = 3 };
struct ring { conc_atomic(int) slot[SLOTS], head, tail; bool mended; conc_wg wg; };
static void ring_put(struct ring *r) {
    for (int i = 0; i < ITEMS; i++) {
        while (i - conc_atomic_load(&r->head) == SLOTS) conc_relax();
        if (!r->mended) conc_atomic_store(&r->tail, i + 1);
        conc_atomic_store(&r->slot[i % SLOTS], i + 1);
        if (r->mended) conc_atomic_store(&r->tail, i + 1);
    }
}
static void ring_get(struct ring *r) {
    for (int i = 0; i < ITEMS; i++) {
        while (conc_atomic_load(&r->tail) == i) conc_relax();
        conc_assert(conc_atomic_load(&r->slot[i % SLOTS]) == i + 1);
        conc_atomic_store(&r->head, i + 1);
    }
}
CLASSIC(spsc_publish, "order", ASSERT, "a ring's tail moves before the slot is written") {
    FRESH(struct ring, r);
    r.mended = mended;
    conc_wg_go(&r.wg, ring_put, &r);
    conc_wg_go(&r.wg, ring_get, &r);
    conc_wg_wait(&r.wg);
}

struct seqlock { conc_atomic(int) seq, a, b; bool mended; conc_wg wg; };
static void seqlock_write(struct seqlock *s) {
    conc_atomic_fetch_add(&s->seq, 1);
    conc_atomic_store(&s->a, 1);
    conc_atomic_store(&s->b, 1);
    conc_atomic_fetch_add(&s->seq, 1);
}
static void seqlock_read(struct seqlock *s) {
    int seq, a, b;
    do {
        while ((seq = conc_atomic_load(&s->seq)) & 1) conc_relax();
        a = conc_atomic_load(&s->a);
        b = conc_atomic_load(&s->b);
    } while (s->mended && conc_atomic_load(&s->seq) != seq);
    conc_assert(a == b);
}
CLASSIC(seqlock_torn, "order", ASSERT, "a sequence lock's reader that does not look again at the end") {
    FRESH(struct seqlock, s);
    s.mended = mended;
    conc_wg_go(&s.wg, seqlock_write, &s);
    conc_wg_go(&s.wg, seqlock_read, &s);
    conc_wg_wait(&s.wg);
}

/* A driver is stopped while requests come: pending counts them and the driver itself; who brings it to zero says so. */
struct driver { conc_atomic(int) stopping, pending, idle, stopped; bool mended; conc_wg wg; };
static void driver_leave(struct driver *d) {
    if (conc_atomic_fetch_sub(&d->pending, 1) == 1) conc_atomic_store(&d->idle, 1);
}
static void driver_request(struct driver *d) {
    if (d->mended) conc_atomic_fetch_add(&d->pending, 1);
    bool refused = conc_atomic_load(&d->stopping);
    if (!d->mended && refused) return;
    if (!d->mended) conc_atomic_fetch_add(&d->pending, 1);
    if (!refused) conc_assert(!conc_atomic_load(&d->stopped));
    driver_leave(d);
}
static void driver_stop(struct driver *d) {
    conc_atomic_store(&d->stopping, 1);
    driver_leave(d);
    while (!conc_atomic_load(&d->idle)) conc_relax();
    conc_atomic_store(&d->stopped, 1);
}
CLASSIC(bluetooth, "order", ASSERT, "a driver's request looks for the stop before it counts itself") {
    FRESH(struct driver, d);
    d.mended = mended;
    d.pending = 1;
    conc_wg_go(&d.wg, driver_request, &d);
    conc_wg_go(&d.wg, driver_stop, &d);
    conc_wg_wait(&d.wg);
}

/* Each of four passes on what the one before has; a fifth looks whether all have the same once all have done it. */
enum { RING = 4 };
struct token { conc_mutex mu; int x[RING], done; chan(int) turn[RING]; bool mended; conc_wg wg; };
static void token_pass(struct token *t, int i) {
    if (t->mended && i > 0) chan_recv(t->turn[i]);
    conc_mutex_lock(&t->mu);
    t->x[i] = i == 0 ? (t->x[RING - 2] + 1) % RING : t->x[i - 1];
    t->done++;
    conc_mutex_unlock(&t->mu);
    if (t->mended && i + 1 < RING) chan_close(t->turn[i + 1]);
}
static void token_check(struct token *t) {
    conc_mutex_lock(&t->mu);
    for (int i = 1; i < RING && t->done == RING; i++) conc_assert(t->x[i] == t->x[0]);
    conc_mutex_unlock(&t->mu);
}
CLASSIC(token_ring, "order", ASSERT, "four pass a value on, each when it likes") {
    FRESH(struct token, t);
    t.mended = mended;
    for (int i = 0; i < RING; i++) t.turn[i] = chan_make(int);
    for (int i = 0; i < RING; i++) conc_wg_go(&t.wg, token_pass, &t, i);
    conc_wg_go(&t.wg, token_check, &t);
    conc_wg_wait(&t.wg);
}

struct peterson { conc_atomic(int) want[2], turn, inside; bool mended; conc_wg wg; };
static void peterson_enter(struct peterson *p, int me) {
    if (!p->mended) conc_atomic_store(&p->turn, !me);
    conc_atomic_store(&p->want[me], 1);
    if (p->mended) conc_atomic_store(&p->turn, !me);
    while (conc_atomic_load(&p->want[!me]) && conc_atomic_load(&p->turn) != me) conc_relax();
    conc_assert(conc_atomic_fetch_add(&p->inside, 1) == 0);
    conc_atomic_fetch_sub(&p->inside, 1);
    conc_atomic_store(&p->want[me], 0);
}
CLASSIC(peterson_broken, "order", ASSERT, "Peterson's lock with its first two stores the other way round") {
    FRESH(struct peterson, p);
    p.mended = mended;
    for (int i = 0; i < 2; i++) conc_wg_go(&p.wg, peterson_enter, &p, i);
    conc_wg_wait(&p.wg);
}

/* ---- lock-free structures ---- */
enum { NODES = 3, NONE = -1, VERSION = 16 }; /* a head: the node's number + 1, and above it how often it was changed */
struct stack { conc_atomic(int) head, next[NODES], used[NODES]; bool mended; conc_wg wg; };
static int stack_pop(struct stack *s) {
    for (;;) {
        int head = conc_atomic_load(&s->head), node = head % VERSION - 1;
        if (node == NONE) return NONE;
        int next = conc_atomic_load(&s->next[node]), to = next + 1 + (s->mended ? (head / VERSION + 1) * VERSION : 0);
        if (conc_atomic_compare_exchange(&s->head, &head, to)) return node;
    }
}
static void stack_push(struct stack *s, int node) {
    for (;;) {
        int head = conc_atomic_load(&s->head), to = node + 1 + (s->mended ? (head / VERSION + 1) * VERSION : 0);
        conc_atomic_store(&s->next[node], head % VERSION - 1);
        if (conc_atomic_compare_exchange(&s->head, &head, to)) return;
    }
}
static int stack_take(struct stack *s) {
    int node = stack_pop(s);
    if (node != NONE) conc_assert(conc_atomic_fetch_add(&s->used[node], 1) == 0);
    return node;
}
static void stack_give(struct stack *s, int node) {
    if (node == NONE) return;
    conc_atomic_fetch_sub(&s->used[node], 1);
    stack_push(s, node);
}
static void stack_one(struct stack *s) {
    (void)stack_take(s);
    (void)stack_take(s);
}
static void stack_two(struct stack *s) {
    int a = stack_take(s);
    (void)stack_take(s);
    stack_give(s, a);
}
CLASSIC(treiber_aba, "lock-free", ASSERT, "a stack's head is the same node again, but its next is not") {
    FRESH(struct stack, s);
    s.mended = mended;
    for (int i = 0; i < NODES; i++) s.next[i] = i + 1 < NODES ? i + 1 : NONE;
    s.head = 1;
    conc_wg_go(&s.wg, stack_one, &s);
    conc_wg_go(&s.wg, stack_two, &s);
    conc_wg_wait(&s.wg);
}

/* A stack of three nodes that are taken, used and given back by three goroutines, twice each. Who takes one marks its next first, so that
   ABA takes many steps to come about: Vyukov's SafeStack. */
struct safestack { conc_atomic(int) head, count, next[NODES], user[NODES]; conc_mutex mu; bool mended; conc_wg wg; };
static int safestack_take(struct safestack *s) {
    while (conc_atomic_load(&s->count) > 1) {
        int head = conc_atomic_load(&s->head), was = head, next = conc_atomic_exchange(&s->next[head], NONE);
        if (next >= 0 && conc_atomic_compare_exchange(&s->head, &was, next)) {
            conc_atomic_fetch_sub(&s->count, 1);
            return head;
        }
        if (next >= 0) (void)conc_atomic_exchange(&s->next[head], next);
        conc_relax();
    }
    return NONE;
}
static void safestack_give(struct safestack *s, int node) {
    int head = conc_atomic_load(&s->head);
    do conc_atomic_store(&s->next[node], head);
    while (!conc_atomic_compare_exchange(&s->head, &head, node));
    conc_atomic_fetch_add(&s->count, 1);
}
static int safestack_op(struct safestack *s, int node) {
    if (s->mended) conc_mutex_lock(&s->mu);
    if (node == NONE) node = safestack_take(s);
    else safestack_give(s, node);
    if (s->mended) conc_mutex_unlock(&s->mu);
    return node;
}
static void safestack_use(struct safestack *s, int me) {
    for (int i = 0, node; i < 2; i++) {
        while ((node = safestack_op(s, NONE)) == NONE) conc_relax();
        conc_atomic_store(&s->user[node], me);
        conc_assert(conc_atomic_load(&s->user[node]) == me);
        (void)safestack_op(s, node);
    }
}
CLASSIC(safestack, "lock-free", ASSERT, "a lock-free stack that takes five preemptions to break") {
    FRESH(struct safestack, s);
    s.mended = mended;
    s.count = NODES;
    for (int i = 0; i < NODES; i++) s.next[i] = i + 1 < NODES ? i + 1 : NONE;
    for (int i = 0; i < 3; i++) conc_wg_go(&s.wg, safestack_use, &s, i);
    conc_wg_wait(&s.wg);
}

/* A queue whose owner takes at its tail and thieves, one at a time, at its head. Both announce what they take before they look at the other
   end; the owner locks only if they have met. */
struct wsq { conc_mutex mu; conc_atomic(int) head, tail, taken[ITEMS]; bool owner_hasty, thief_hasty; conc_wg wg; };
static void wsq_taken(struct wsq *q, int i) { conc_assert(conc_atomic_fetch_add(&q->taken[i], 1) == 0); }
static void wsq_own(struct wsq *q) {
    for (int i = 0; i < 2; i++) {
        int tail = conc_atomic_load(&q->tail) - 1, head = q->owner_hasty ? conc_atomic_load(&q->head) : 0;
        conc_atomic_store(&q->tail, tail);
        if (!q->owner_hasty) head = conc_atomic_load(&q->head);
        bool mine = head <= tail;
        if (!mine) {
            conc_atomic_store(&q->tail, tail + 1);
            conc_mutex_lock(&q->mu);
            conc_atomic_store(&q->tail, tail);
            mine = conc_atomic_load(&q->head) <= tail;
            if (!mine) conc_atomic_store(&q->tail, tail + 1);
            conc_mutex_unlock(&q->mu);
        }
        if (mine) wsq_taken(q, tail);
    }
}
static void wsq_steal(struct wsq *q) {
    if (!q->thief_hasty) conc_mutex_lock(&q->mu);
    int head = conc_atomic_load(&q->head);
    conc_atomic_store(&q->head, head + 1);
    bool mine = head + 1 <= conc_atomic_load(&q->tail);
    if (!mine) conc_atomic_store(&q->head, head);
    if (!q->thief_hasty) conc_mutex_unlock(&q->mu);
    if (mine) wsq_taken(q, head);
}
static void wsq(bool owner_hasty, bool thief_hasty) {
    FRESH(struct wsq, q);
    q.owner_hasty = owner_hasty;
    q.thief_hasty = thief_hasty;
    q.tail = ITEMS;
    conc_wg_go(&q.wg, wsq_own, &q);
    for (int i = 0; i < 2; i++) conc_wg_go(&q.wg, wsq_steal, &q);
    conc_wg_wait(&q.wg);
}
CLASSIC(wsq_chess, "lock-free", ASSERT, "a work-stealing queue's owner looks at the head before it lowers the tail") {
    wsq(!mended, false);
}
CLASSIC(wsq_thieves, "lock-free", ASSERT, "two thieves at a time in a queue made for one") { wsq(false, !mended); }

/* ---- conditions ---- */
struct flagged { conc_mutex mu; conc_cond c; conc_atomic(int) set; bool mended; conc_wg wg; };
static void flag_set(struct flagged *f) {
    if (f->mended) conc_mutex_lock(&f->mu);
    conc_atomic_store(&f->set, 1);
    conc_cond_signal(&f->c);
    if (f->mended) conc_mutex_unlock(&f->mu);
}
static void flag_await(struct flagged *f) {
    if (f->mended) conc_mutex_lock(&f->mu);
    bool set = conc_atomic_load(&f->set);
    if (!f->mended) conc_mutex_lock(&f->mu);
    if (!set) conc_cond_wait(&f->c, &f->mu);
    conc_mutex_unlock(&f->mu);
}
CLASSIC(lost_wakeup, "condition", DEADLOCK, "a flag is looked at without the lock that guards the wait") {
    FRESH(struct flagged, f);
    f.mended = mended;
    conc_wg_go(&f.wg, flag_set, &f);
    conc_wg_go(&f.wg, flag_await, &f);
    conc_wg_wait(&f.wg);
}
static void missed_wait(struct flagged *f) {
    conc_mutex_lock(&f->mu);
    if (!f->mended || !conc_atomic_load(&f->set)) conc_cond_wait(&f->c, &f->mu);
    conc_mutex_unlock(&f->mu);
}
static void missed_signal_set(struct flagged *f) {
    conc_mutex_lock(&f->mu);
    conc_atomic_store(&f->set, 1);
    conc_cond_signal(&f->c);
    conc_mutex_unlock(&f->mu);
}
CLASSIC(missed_signal, "condition", DEADLOCK, "a wait for a signal that may have been") {
    FRESH(struct flagged, f);
    f.mended = mended;
    conc_wg_go(&f.wg, missed_wait, &f);
    conc_wg_go(&f.wg, missed_signal_set, &f);
    conc_wg_wait(&f.wg);
}

/* A buffer with room for one. */
struct buffer { conc_mutex mu; conc_cond full, empty; int n; bool if_only, one_cond; conc_wg wg; };
static conc_cond *buffer_empty(struct buffer *b) { return b->one_cond ? &b->full : &b->empty; }
static void buffer_get(struct buffer *b, int n) {
    while (n-- > 0) {
        conc_mutex_lock(&b->mu);
        while (b->n == 0) {
            conc_cond_wait(buffer_empty(b), &b->mu);
            if (b->if_only) break;
        }
        conc_assert(b->n > 0);
        b->n--;
        conc_cond_signal(&b->full);
        conc_mutex_unlock(&b->mu);
    }
}
static void buffer_put(struct buffer *b, int n) {
    while (n-- > 0) {
        conc_mutex_lock(&b->mu);
        while (b->n == 1) conc_cond_wait(&b->full, &b->mu);
        b->n++;
        conc_cond_signal(buffer_empty(b));
        conc_mutex_unlock(&b->mu);
    }
}
CLASSIC(bbuf_if, "condition", ASSERT, "a buffer's reader looks again with if, not while") {
    FRESH(struct buffer, b);
    b.if_only = !mended;
    for (int i = 0; i < 2; i++) conc_wg_go(&b.wg, buffer_get, &b, 1);
    conc_wg_go(&b.wg, buffer_put, &b, 2);
    conc_wg_wait(&b.wg);
}
CLASSIC(bbuf_onecond, "condition", DEADLOCK, "a buffer whose readers and writers wait in one queue, and one is woken") {
    FRESH(struct buffer, b);
    b.one_cond = !mended;
    for (int i = 0; i < 2; i++) conc_wg_go(&b.wg, buffer_get, &b, 2);
    for (int i = 0; i < 2; i++) conc_wg_go(&b.wg, buffer_put, &b, 2);
    conc_wg_wait(&b.wg);
}

enum { PARTIES = 3 };
struct barrier { conc_mutex mu; conc_cond all; int n, generation; bool mended; conc_wg wg; };
static void barrier_rounds(struct barrier *b) {
    for (int round = 0; round < 2; round++) {
        conc_mutex_lock(&b->mu);
        int generation = b->generation;
        if (++b->n == PARTIES) {
            b->n = 0;
            b->generation++;
            conc_cond_broadcast(&b->all);
        } else while (b->mended ? b->generation == generation : b->n != 0) conc_cond_wait(&b->all, &b->mu);
        conc_mutex_unlock(&b->mu);
    }
}
CLASSIC(barrier_reuse, "condition", DEADLOCK, "a barrier's next round begins before all have seen the end of the last") {
    FRESH(struct barrier, b);
    b.mended = mended;
    for (int i = 0; i < PARTIES; i++) conc_wg_go(&b.wg, barrier_rounds, &b);
    conc_wg_wait(&b.wg);
}

/* ---- locks ---- */
static void lock_both(conc_mutex *first, conc_mutex *second) {
    conc_mutex_lock(first);
    pass(second);
    conc_mutex_unlock(first);
}
CLASSIC(abba, "lock order", DEADLOCK, "two locks in two orders") {
    FRESH(conc_mutex, a);
    FRESH(conc_mutex, b);
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, lock_both, &a, &b);
    if (mended) conc_wg_go(&wg, lock_both, &a, &b);
    else conc_wg_go(&wg, lock_both, &b, &a);
    conc_wg_wait(&wg);
}
enum { MOST_FORKS = 5 };
static void philosophers(bool mended, int n) {
    FRESH(struct { conc_mutex fork[MOST_FORKS]; }, table);
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < n; i++) {
        conc_mutex *left = &table.fork[i], *right = &table.fork[(i + 1) % n];
        if (mended && left > right) conc_wg_go(&wg, lock_both, right, left);
        else conc_wg_go(&wg, lock_both, left, right);
    }
    conc_wg_wait(&wg);
}
CLASSIC(phil3, "lock order", DEADLOCK, "three philosophers, each with the left fork") { philosophers(mended, 3); }
CLASSIC(phil5, "lock order", DEADLOCK, "five philosophers, each with the left fork") { philosophers(mended, 5); }

static void read_twice(conc_rwmutex *rw, bool mended) {
    conc_rwmutex_rlock(rw);
    if (!mended) pass_read(rw);
    conc_rwmutex_runlock(rw);
}
CLASSIC(recursive_rlock, "read-write lock", DEADLOCK, "a read lock taken again while a writer waits") {
    FRESH(conc_rwmutex, rw);
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, read_twice, &rw, mended);
    conc_wg_go(&wg, pass_write, &rw);
    conc_wg_wait(&wg);
}
static void upgrade(conc_rwmutex *rw, bool mended) {
    conc_rwmutex_rlock(rw);
    if (mended) conc_rwmutex_runlock(rw);
    pass_write(rw);
    if (!mended) conc_rwmutex_runlock(rw);
}
CLASSIC(rw_upgrade, "read-write lock", DEADLOCK, "a reader becomes a writer without ceasing to read") {
    FRESH(conc_rwmutex, rw);
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, upgrade, &rw, mended);
    conc_wg_go(&wg, pass_read, &rw);
    conc_wg_wait(&wg);
}

struct expiry { conc_mutex mu; chan(int) fired; };
static void expire(void *arg) {
    struct expiry *e = (struct expiry *)arg;
    pass(&e->mu);
    chan_send(e->fired, 1);
}
CLASSIC(stop_under_lock, "lock and time", DEADLOCK, "a timer's function that needs a lock is waited for with that lock") {
    FRESH(struct expiry, e);
    e.fired = chan_make(int, 1);
    conc_timer *timer = conc_after_func(CONC_SEC, expire, &e);
    conc_mutex_lock(&e.mu);
    bool stopped = conc_timer_stop(timer);
    if (mended) conc_mutex_unlock(&e.mu);
    if (!stopped) chan_recv(e.fired);
    if (!mended) conc_mutex_unlock(&e.mu);
}

/* ---- things that are given back ---- */
static void sem_worker(chan(int) sem, bool mended) {
    chan_send(sem, 1); /* acquire */
    bool failed = conc_choose(2);
    if (failed && !mended) chan_recv(sem); /* the error path releases, and so does the end */
    chan_recv(sem);
}
CLASSIC(sem_overrelease, "resource", DEADLOCK, "an error path releases what the end releases again") {
    chan(int) sem = chan_make(int, 2);
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 3; i++) conc_wg_go(&wg, sem_worker, sem, mended);
    conc_wg_wait(&wg);
}

/* An object goes back to its pool by who used it, or by who cancels that, whichever is first. Each use has a number, so that the second
   does not give back what has been taken anew. */
struct pool { conc_mutex mu; int free[2 * NODES], n; conc_atomic(int) use[NODES], users[NODES]; bool mended; conc_wg wg; };
static void pool_put(struct pool *p, int o, int use) {
    int is = use;
    if (p->mended) {
        if (!conc_atomic_compare_exchange(&p->use[o], &is, use + 1)) return;
    } else {
        if (conc_atomic_load(&p->use[o]) != use) return;
        conc_atomic_store(&p->use[o], use + 1);
    }
    conc_mutex_lock(&p->mu);
    p->free[p->n++] = o;
    conc_mutex_unlock(&p->mu);
}
static void pool_use(struct pool *p) {
    conc_mutex_lock(&p->mu);
    int o = p->n > 0 ? p->free[--p->n] : NONE;
    conc_mutex_unlock(&p->mu);
    if (o == NONE) return;
    conc_assert(conc_atomic_fetch_add(&p->users[o], 1) == 0);
    conc_yield();
    conc_atomic_fetch_sub(&p->users[o], 1);
}
CLASSIC(pool_double_put, "resource", ASSERT, "an object is given back by its user and by a cancel, and then used by two") {
    FRESH(struct pool, p);
    p.mended = mended;
    for (int i = 0; i < 2; i++) conc_wg_go(&p.wg, pool_put, &p, 0, 0);
    for (int i = 0; i < 2; i++) conc_wg_go(&p.wg, pool_use, &p);
    conc_wg_wait(&p.wg);
}

/* ---- channels ---- */
static void late_send(chan(int) c, conc_wg *wg) {
    chan_send(c, 1);
    conc_wg_done(wg);
}
CLASSIC(send_closed, "channel", PANIC, "a channel is closed by who does not know that all have sent") {
    chan(int) c = chan_make(int, 2);
    FRESH(conc_wg, wg);
    conc_wg_add(&wg, 2);
    for (int i = 0; i < 2; i++) go(late_send, c, &wg);
    if (mended) conc_wg_wait(&wg);
    conc_yield();
    chan_close(c);
    if (!mended) conc_wg_wait(&wg);
}
static void add_late(chan(int) c, conc_wg *wg, bool mended) {
    if (!mended) conc_wg_add(wg, 1);
    chan_send(c, 1);
    conc_wg_done(wg);
}
CLASSIC(wg_add_late, "wait group", PANIC, "a goroutine counts itself, after it was waited for") {
    chan(int) c = chan_make(int, 2);
    FRESH(conc_wg, wg);
    for (int i = 0; i < 2; i++) {
        if (mended) conc_wg_add(&wg, 1);
        go(add_late, c, &wg, mended);
    }
    conc_wg_wait(&wg);
    chan_close(c);
}

static void answer(chan(int) c) { chan_send(c, 42); }
CLASSIC(forgotten_sender, "channel", LEAK, "who asked has given up, and the answer has nowhere to go") {
    chan(int) c = mended ? chan_make(int, 1) : chan_make(int);
    go(answer, c);
    chan_select {
        on_recv(v, c) conc_assert(v == 42);
        on_timeout(CONC_SEC) {}
    }
}
CLASSIC(timeout_leak, "channel", LEAK, "each of three tries leaves its goroutine behind when it times out") {
    enum { TRIES = 3 };
    chan(int) c = chan_make(int, mended ? TRIES : 1);
    bool answered = false;
    for (int i = 0; i < TRIES && !answered; i++) {
        go(answer, c);
        chan_select {
            on_recv(v, c) answered = v == 42;
            on_timeout(CONC_SEC) {}
        }
    }
}

static void cancelled_worker(conc_ctx *ctx, chan(int) out, bool mended) {
    if (mended) (void)chan_send_ctx(out, 1, ctx);
    else chan_send(out, 1);
}
CLASSIC(cancel_strands_sender, "context", LEAK, "who reads goes away and cancels; who sends does not hear of it") {
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    chan(int) out = chan_make(int);
    go(cancelled_worker, ctx, out, mended);
    chan_select {
        on_recv(v, out) {}
        on_timeout(CONC_SEC) {}
    }
    conc_ctx_cancel(ctx);
}

static void stage(chan(int) out, chan(int) quit) {
    for (int i = 0; i < 3; i++)
        if (!quit) chan_send(out, i);
        else chan_select {
            on_send(out, i) {}
            on_recv(v, quit) i = 3;
        }
    chan_close(out);
}
CLASSIC(pipeline_exit, "channel", LEAK, "the end of a pipeline leaves after the first value") {
    chan(int) out = chan_make(int), quit = chan_make(int);
    go(stage, out, mended ? quit : NULL);
    chan_recv(out);
    chan_close(quit);
}

static void stop_then_send(chan(int) stop, chan(int) work) {
    chan_close(stop);
    chan_send(work, 1);
}
static void take_work(chan(int) stop, chan(int) work, bool mended) {
    conc_case k[2] = { case_recv(stop, (int *)NULL), case_recv(work, (int *)NULL) };
    int taken = mended ? chan_select_ordered_n(k, 2) : chan_select_n(k, 2);
    conc_assert(taken == 0); /* work that came after the stop is not taken */
}
CLASSIC(select_stop, "channel", ASSERT, "a select with stop and work ready takes either") {
    chan(int) stop = chan_make(int), work = chan_make(int, 1);
    conc_wg wg = CONC_WG_INIT;
    conc_run(stop_then_send, stop, work);
    conc_wg_go(&wg, take_work, stop, work, mended);
    conc_wg_wait(&wg);
}
