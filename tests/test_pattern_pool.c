/* patterns/pool.h: reuse, the limit, waiting, errors, health check and expiry, close and late releases, stress, misuse. */
#include "harness.h"
#include "patterns/pool.h"

struct source { /* what open and close see */
    conc_atomic(int) alive, most, opened, closed;
    conc_atomic(int) fail; /* so many opens fail with this errno */
    int err;
    chan(char) gate; /* an open waits for it */
};
struct thing {
    struct source *from;
    conc_atomic(int) users;
    bool dead;
};
static struct thing *open_thing(conc_ctx *ctx, struct source *s) {
    char none;
    if (s->gate && chan_recv_ctx(s->gate, &none, ctx) != CONC_OK) return NULL;
    if (conc_atomic_load(&s->fail) > 0) {
        conc_atomic_fetch_sub(&s->fail, 1);
        errno = s->err;
        return NULL;
    }
    struct thing *t = malloc(sizeof *t);
    REQUIRE(t != NULL);
    t->from = s;
    conc_atomic_store(&t->users, 0);
    t->dead = false;
    int now = conc_atomic_fetch_add(&s->alive, 1) + 1, most = conc_atomic_load(&s->most);
    while (now > most && !conc_atomic_compare_exchange(&s->most, &most, now)) {}
    conc_atomic_fetch_add(&s->opened, 1);
    return t;
}
static void close_thing(struct thing *t) {
    CHECK_EQ(conc_atomic_load(&t->users), 0);
    conc_atomic_fetch_add(&t->from->closed, 1);
    conc_atomic_fetch_sub(&t->from->alive, 1);
    free(t);
}
static bool is_alive(struct thing *t) { return !t->dead; }

typedef pool(struct thing) things;
static struct thing *get(things p) {
    struct thing *t;
    CHECK_EQ(pool_acquire(p, NULL, &t), 0);
    CHECK(t != NULL);
    return t;
}
static int try_get(things p, int64_t ns) { /* must fail */
    struct thing *t;
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), ns);
    int err = pool_acquire(p, ctx, &t);
    CHECK(t == NULL && err != 0);
    conc_ctx_free(ctx);
    return err;
}

TEST(reuse) {
    struct source s = { 0 };
    things p = pool_make(struct thing, 2, 3, open_thing, close_thing, &s);
    struct thing *a = get(p), *b = get(p), *c = get(p);
    CHECK(a != b && b != c && a != c);
    pool_release(p, a);
    CHECK(get(p) == a);
    pool_release(p, a), pool_release(p, b);
    CHECK_EQ(s.closed, 0);
    pool_release(p, c); /* no room for a third */
    CHECK_EQ(s.closed, 1);
    struct pool_stats t = pool_get_stats(p);
    CHECK(t.idle == 2 && t.lent == 0 && t.opened == 3 && t.closed == 1 && t.acquired == 4 && t.waited == 0 && t.failed == 0 && t.stale == 0);
    CHECK(get(p) == a && get(p) == b); /* the one that has idled longest first */
    c = get(p);                        /* the limit counts what exists, not what was opened */
    CHECK_EQ(s.opened, 4);
    pool_release(p, a), pool_release(p, b), pool_release(p, c);
    pool_free(p);
    CHECK_EQ(s.alive, 0);
    pool_free((things)NULL);
}

/* Nothing acquired; nothing kept; one only. */
TEST(sizes) {
    struct source s = { 0 };
    things p = pool_make(struct thing, 5, 9, open_thing, close_thing, &s);
    pool_free(p);
    CHECK_EQ(s.opened, 0);
    p = pool_make(struct thing, 0, 1, open_thing, close_thing, &s);
    for (int i = 0; i < 3; i++) pool_release(p, get(p));
    CHECK(s.opened == 3 && s.closed == 3);
    pool_free(p);
    p = pool_make(struct thing, 100, 1, open_thing, close_thing, &s);
    for (int i = 0; i < 3; i++) pool_release(p, get(p));
    CHECK(s.opened == 4 && s.most == 1);
    CHECK_EQ(try_get(p, CONC_NS), CONC_TIMEOUT); /* done already */
    pool_free(p);
    CHECK_EQ(s.alive, 0);
}

static void getter(things p, conc_ctx *ctx, int *err, struct thing **t) { *err = pool_acquire(p, ctx, t); }

/* Waiting ends with a release, kept or not, with the context, or with close. */
TEST(waits) {
    struct source s = { 0 };
    for (size_t idle = 0; idle < 2; idle++) {
        things p = pool_make(struct thing, idle, 1, open_thing, close_thing, &s);
        struct thing *a = get(p), *got = NULL;
        CHECK_EQ(try_get(p, CONC_MS), CONC_TIMEOUT);
        size_t waited = pool_get_stats(p).waited;
        int err = -1;
        conc_wg wg = CONC_WG_INIT;
        conc_wg_go(&wg, getter, p, NULL, &err, &got);
        CHECK(settle());
        pool_release(p, a);
        conc_wg_wait(&wg);
        CHECK_EQ(err, 0);
        CHECK_EQ(pool_get_stats(p).waited, waited + 1);

        conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
        struct thing *none = got;
        conc_wg_go(&wg, getter, p, ctx, &err, &none);
        CHECK(settle());
        conc_ctx_cancel(ctx);
        conc_wg_wait(&wg);
        CHECK_EQ(err, CONC_CANCELED);
        CHECK(none == NULL);
        conc_ctx_free(ctx);

        int errs[5];
        struct thing *nones[5];
        for (int i = 0; i < 5; i++) conc_wg_go(&wg, getter, p, NULL, &errs[i], &nones[i]);
        CHECK(settle());
        pool_close(p);
        conc_wg_wait(&wg);
        for (int i = 0; i < 5; i++) CHECK_EQ(errs[i], CONC_CLOSED);
        pool_release(p, got);
        pool_free(p);
        CHECK_EQ(s.alive, 0);
    }
}

/* An open that fails is its caller's error, and the permit goes to the next. */
TEST(open_fails) {
    struct source s = { 0 };
    things p = pool_make(struct thing, 2, 1, open_thing, close_thing, &s);
    s.err = ECONNREFUSED;
    conc_atomic_store(&s.fail, 2);
    for (int i = 0; i < 2; i++) CHECK_EQ(try_get(p, CONC_HOUR), -ECONNREFUSED);
    s.err = 0;
    conc_atomic_store(&s.fail, 1);
    CHECK_EQ(try_get(p, CONC_HOUR), -EIO);
    struct thing *a = get(p);
    CHECK_EQ(pool_get_stats(p).failed, 3);
    pool_release(p, a);
    pool_free(p);

    s.gate = chan_make(char);
    p = pool_make(struct thing, 1, 1, open_thing, close_thing, &s);
    int err[2];
    struct thing *t[2];
    conc_wg wg = CONC_WG_INIT;
    s.err = ENOENT;
    conc_atomic_store(&s.fail, 1);
    for (int i = 0; i < 2; i++) conc_wg_go(&wg, getter, p, NULL, &err[i], &t[i]);
    chan_send(s.gate, 0), chan_send(s.gate, 0);
    conc_wg_wait(&wg);
    CHECK((err[0] == 0 && err[1] == -ENOENT) || (err[1] == 0 && err[0] == -ENOENT));
    pool_release(p, err[0] ? t[1] : t[0]);
    pool_free(p);
    p = pool_make(struct thing, 1, 1, open_thing, close_thing, &s);
    CHECK_EQ(try_get(p, CONC_MS), CONC_TIMEOUT); /* the context ends while it is opened */
    pool_free(p);
    chan_free(s.gate);
    CHECK_EQ(s.alive, 0);
}

TEST(check_and_expiry) {
    struct source s = { 0 };
    things p = pool_make(struct thing, 3, 3, open_thing, close_thing, &s);
    pool_set_check(p, is_alive);
    struct thing *a = get(p), *b = get(p), *c = get(p);
    a->dead = c->dead = true;
    pool_release(p, a), pool_release(p, b), pool_release(p, c);
    CHECK_EQ(pool_prune(p), 2);
    CHECK_EQ(s.alive, 1);
    CHECK(get(p) == b);
    b->dead = true;
    pool_release(p, b);
    a = get(p); /* a new one, in the old one's place */
    CHECK_EQ(pool_get_stats(p).stale, 3);
    CHECK_EQ(s.opened, 4);
    pool_release(p, a);
    pool_free(p);

    p = pool_make(struct thing, 1, 1, open_thing, close_thing, &s);
    pool_set_max_idle(p, CONC_HOUR);
    pool_release(p, get(p));
    CHECK_EQ(pool_prune(p), 0);
    pool_release(p, get(p));
    CHECK_EQ(pool_get_stats(p).opened, 1);
    pool_set_max_idle(p, CONC_MS);
    conc_sleep(2 * CONC_MS);
    s.err = EAGAIN;
    conc_atomic_store(&s.fail, 1); /* the old one is gone, a new one does not come: the permit must not be lost */
    CHECK_EQ(try_get(p, CONC_HOUR), -EAGAIN);
    pool_release(p, get(p));
    conc_sleep(2 * CONC_MS);
    CHECK_EQ(pool_prune(p), 1);
    CHECK_EQ(s.alive, 0);
    pool_free(p);
}

/* Close: again does nothing; late releases are closed; wait waits for them; free before the last release is fine. */
TEST(close) {
    struct source s = { 0 };
    things p = pool_make(struct thing, 3, 3, open_thing, close_thing, &s);
    struct thing *a = get(p), *b = get(p);
    pool_release(p, get(p));
    CHECK_EQ(s.alive, 3);
    pool_close(p), pool_close(p);
    CHECK_EQ(s.alive, 2);
    CHECK_EQ(try_get(p, CONC_HOUR), CONC_CLOSED);
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_MS);
    CHECK_EQ(pool_wait(p, ctx), CONC_TIMEOUT);
    conc_ctx_free(ctx);
    CHECK_EQ(pool_get_stats(p).lent, 2);
    pool_release(p, a);
    CHECK_EQ(s.alive, 1);
    CHECK_EQ(pool_prune(p), 0);
    pool_free(p);
    pool_release(p, b);
    CHECK_EQ(s.alive, 0);

    s.gate = chan_make(char); /* closed while one is opened */
    p = pool_make(struct thing, 1, 1, open_thing, close_thing, &s);
    int err = 0;
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, getter, p, NULL, &err, &a);
    while (pool_get_stats(p).lent == 0) conc_yield();
    pool_close(p);
    chan_send(s.gate, 0);
    CHECK_EQ(pool_wait(p, NULL), CONC_OK);
    conc_wg_wait(&wg);
    CHECK_EQ(err, CONC_CLOSED);
    CHECK_EQ(s.alive, 0);
    pool_free(p);
    chan_free(s.gate);
}

struct load { things p; conc_atomic(long) served; conc_atomic(int) gone; };
static void user(struct load *l, unsigned i) {
    struct rng g = rng_new(i);
    for (int k = 0; k < 30; k++) {
        conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), rng_below(&g, 3) ? CONC_HOUR : (int64_t)rng_below(&g, 200000));
        struct thing *t;
        int err = pool_acquire(l->p, ctx, &t);
        if (err == 0) {
            CHECK_EQ(conc_atomic_fetch_add(&t->users, 1), 0); /* mine alone */
            if (rng_below(&g, 2)) conc_yield();
            if (rng_below(&g, 8) == 0) conc_sleep((int64_t)rng_below(&g, 100000));
            if (rng_below(&g, 16) == 0) t->dead = true;
            conc_atomic_fetch_sub(&t->users, 1);
            pool_release(l->p, t);
            conc_atomic_fetch_add(&l->served, 1);
        } else CHECK(err == CONC_TIMEOUT || err == CONC_CLOSED || err == -EMFILE);
        conc_ctx_free(ctx);
        if (rng_below(&g, 20) == 0) (void)pool_prune(l->p);
        if (err == CONC_CLOSED) break;
    }
    conc_atomic_fetch_add(&l->gone, 1);
}
static void stress(size_t idle, size_t max, int users, bool close_early) {
    struct source s = { 0 };
    struct load l = { .p = pool_make(struct thing, idle, max, open_thing, close_thing, &s) };
    s.err = EMFILE;
    conc_atomic_store(&s.fail, 5);
    pool_set_check(l.p, is_alive);
    pool_set_max_idle(l.p, CONC_MS);
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < users; i++) conc_wg_go(&wg, user, &l, (unsigned)i);
    if (close_early) {
        while (conc_atomic_load(&l.served) < users / 2 && conc_atomic_load(&l.gone) < users) conc_yield();
        pool_close(l.p);
        CHECK_EQ(pool_wait(l.p, NULL), CONC_OK);
    }
    conc_wg_wait(&wg);
    struct pool_stats t = pool_get_stats(l.p);
    CHECK_EQ(t.lent, 0);
    CHECK_EQ((int)t.opened, s.opened);
    CHECK_EQ((int)t.closed, s.closed);
    CHECK_EQ((int)t.acquired, conc_atomic_load(&l.served));
    CHECK_EQ((int)t.idle, s.alive);
    pool_free(l.p);
    CHECK_EQ(s.alive, 0);
    CHECK_SAY(s.most <= (int)max, "%d at once, the limit is %zu", s.most, max);
}
TEST(stress_one) { for (int i = 0; i < scale(20); i++) stress(1, 1, (int)live(20), i & 1); }
TEST(stress_few) { for (int i = 0; i < scale(20); i++) stress(2, 4, (int)live(50), i & 1); }
TEST(stress_none_kept) { for (int i = 0; i < scale(20); i++) stress(0, 3, (int)live(30), i & 1); }
TEST(stress_many) { for (int i = 0; i < scale(20); i++) stress(64, 64, (int)live(200), i & 1); }

/* After close and wait the last resource has been closed, whoever was about to take it. */
__attribute__((noinline)) static void borrow_some(things p) { /* inline, gcc would find that it frees p */
    struct thing *t;
    while (pool_acquire(p, NULL, &t) == 0) pool_release(p, t);
}
static void prune_some(things p, conc_ctx *ctx) {
    while (conc_ctx_err(ctx) == CONC_OK) (void)pool_prune(p);
}
TEST(all_are_back) {
    struct rng g = rng_new(0);
    int n = (int)scale(200);
    for (int i = 0; i < n; i++) {
        struct source s = { 0 };
        things p = pool_make(struct thing, 2, 2, open_thing, close_thing, &s);
        conc_ctx *pruning = conc_ctx_with_cancel(conc_ctx_background());
        conc_wg wg = CONC_WG_INIT;
        for (int k = 0; k < 3; k++) conc_wg_go(&wg, borrow_some, p);
        if (i & 1) conc_wg_go(&wg, prune_some, p, pruning);
        turns(rng_below(&g, 5000));
        pool_close(p);
        CHECK_EQ(pool_wait(p, NULL), CONC_OK);
        CHECK_EQ(conc_atomic_load(&s.alive), 0);
        conc_ctx_cancel(pruning);
        conc_wg_wait(&wg);
        conc_ctx_free(pruning);
        pool_free(p);
    }
}
/* Somebody else closes it; who cannot acquire any more frees it, before that close has returned. */
static void close_later(things p, unsigned delay) {
    turns(delay);
    pool_close(p);
}
static void *close_pool_thread(void *p) { return pool_close((things)p), NULL; }
TEST(freed_when_closed) {
    struct rng g = rng_new(0);
    int n = (int)scale(1000);
    for (int i = 0; i < n; i++) {
        struct source s = { 0 };
        things p = pool_make(struct thing, 2, 2, open_thing, close_thing, &s);
        bool threads = rng_below(&g, 16) == 0;
        conc_wg wg = CONC_WG_INIT;
        pthread_t t = pthread_self();
        pool_release(p, get(p));
        if (threads) t = thread_start(close_pool_thread, (void *)p);
        else conc_wg_go(&wg, close_later, p, rng_below(&g, 2000));
        borrow_some(p);
        pool_free(p);
        conc_wg_wait(&wg);
        if (threads) thread_join(t);
        CHECK_EQ(conc_atomic_load(&s.alive), 0);
    }
}

CRASH(no_resources, "panic: pool_make: max must be at least 1") {
    (void)pool_make(struct thing, 1, 0, open_thing, close_thing, NULL);
}
CRASH(release_twice, "panic: pool_release: nothing is lent by this pool") {
    struct source s = { 0 };
    things p = pool_make(struct thing, 1, 1, open_thing, close_thing, &s);
    struct thing *t;
    if (pool_acquire(p, NULL, &t) != 0) exit(3);
    pool_release(p, t);
    pool_release(p, t);
}
