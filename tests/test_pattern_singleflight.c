/* patterns/singleflight.h: one load for many, errors, keys, callers who give up, channels, forget, conc_exit, OS threads; a panic.
   After singleflight_test.go of golang.org/x/sync. */
#include "harness.h"
#include "patterns/singleflight.h"

struct source {
    conc_atomic(int) loads, ended;
    chan(char) gate; /* a load waits for it, or for its context's end; NULL: it does not */
    bool exits, panics, deaf;
    int err;
    conc_atomic(int) cause; /* that a load found when its context ended */
    conc_atomic(const void *) user;
};
struct value { char text[24]; int n; };
static const char tag;
static int load(conc_ctx *ctx, struct source *s, const char *key, struct value *out) {
    char none;
    int n = conc_atomic_fetch_add(&s->loads, 1) + 1;
    s->user = conc_ctx_value(ctx, &tag);
    conc_status st = s->gate == NULL ? CONC_CLOSED : chan_recv_ctx(s->gate, &none, s->deaf ? NULL : ctx);
    if (s->exits) conc_exit();
    if (s->panics) conc_panic("bad load");
    if (st != CONC_CLOSED && st != CONC_OK) s->cause = conc_ctx_cause(ctx);
    conc_atomic_fetch_add(&s->ended, 1);
    if (st != CONC_CLOSED && st != CONC_OK) return -99;
    snprintf(out->text, sizeof out->text, "<%s>", key);
    out->n = n;
    return s->err;
}
typedef singleflight(char, struct value) values;
struct answer { int before; bool shared; struct value value; int err; };

static values make(struct source *s) {
    values g = singleflight_make(char, struct value, load, s);
    REQUIRE(g != NULL);
    return g;
}

/* TestDo */
TEST(one) {
    struct source s = { 0 };
    values g = make(&s);
    struct value v;
    bool shared = true;
    CHECK_EQ(singleflight_do(g, NULL, "key", &v, &shared), 0);
    CHECK(!strcmp(v.text, "<key>") && v.n == 1 && !shared);
    CHECK_EQ(singleflight_do(g, conc_ctx_background(), "key", &v, NULL), 0); /* nothing is remembered */
    CHECK_EQ(v.n, 2);
    singleflight_free(g);
    singleflight_free((values)NULL);
}
/* TestDoErr: the error comes, the value is left alone. */
TEST(error) {
    struct source s = { .err = -5 };
    values g = make(&s);
    struct value v = { "untouched", 7 };
    bool shared = true;
    CHECK_EQ(singleflight_do(g, NULL, "key", &v, &shared), -5);
    CHECK(!strcmp(v.text, "untouched") && v.n == 7 && !shared);
    recv_chan(struct answer) c = singleflight_do_chan(g, "key", struct answer);
    struct answer a = chan_recv(c);
    CHECK(a.err == -5 && a.value.n == 0 && !a.shared && a.before == 0);
    chan_free(c);
    singleflight_free(g);
}

/* TestDoDupSuppress: many callers of one key, one load, all told that it is shared. */
struct crowd { values g; conc_atomic(int) here, ok, shared; };
static void member(struct crowd *c) {
    struct value v;
    bool shared;
    conc_atomic_fetch_add(&c->here, 1);
    if (singleflight_do(c->g, NULL, "key", &v, &shared) == 0 && v.n == 1) conc_atomic_fetch_add(&c->ok, 1);
    if (shared) conc_atomic_fetch_add(&c->shared, 1);
}
TEST(many) {
    int n = (int)live(200);
    struct source s = { .gate = chan_make(char) };
    struct crowd c = { .g = make(&s) };
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < n; i++) conc_wg_go(&wg, member, &c);
    CHECK(wait_for(&c.here, n));
    CHECK(settle()); /* all wait, and the load too */
    chan_close(s.gate);
    conc_wg_wait(&wg);
    CHECK_EQ(s.loads, 1);
    CHECK_EQ(c.ok, n);
    CHECK_EQ(c.shared, n);
    singleflight_free(c.g);
    chan_free(s.gate);
}

/* Keys: different texts are different flights, also when they begin alike; equal ones at different addresses are one. */
TEST(texts) {
    struct source s = { .gate = chan_make(char) };
    values g = make(&s);
    char one[] = "one", again[] = "one";
    recv_chan(struct answer) c[3] = { singleflight_do_chan(g, one, struct answer), singleflight_do_chan(g, "on", struct answer),
                                      singleflight_do_chan(g, again, struct answer) };
    one[0] = '!'; /* the key was copied */
    chan_close(s.gate);
    const char *text[] = { "<one>", "<on>", "<one>" };
    for (int i = 0; i < 3; i++) {
        struct answer a = chan_recv(c[i]);
        CHECK_SAY(!strcmp(a.value.text, text[i]) && a.err == 0, "%d: %s", i, a.value.text);
        CHECK_EQ(a.shared, i != 1);
        chan_free(c[i]);
    }
    CHECK_EQ(s.loads, 2);
    singleflight_free(g);
    chan_free(s.gate);
}
struct point { int x, y; };
static int area(conc_ctx *ctx, conc_atomic(int) *loads, const struct point *p, long *out) {
    (void)ctx;
    conc_atomic_fetch_add(loads, 1);
    *out = (long)p->x * p->y;
    return 0;
}
TEST(structs) {
    conc_atomic(int) loads = 0;
    singleflight(struct point, long) g = singleflight_make(struct point, long, area, &loads);
    for (int i = 0; i < 300; i++) { /* more keys than buckets */
        struct point p = { i, 3 };
        long v;
        CHECK_EQ(singleflight_do(g, NULL, &p, &v, NULL), 0);
        CHECK_EQ(v, 3L * i);
    }
    CHECK_EQ(loads, 300);
    singleflight_free(g);
}

/* Cancel ctx once n loads have begun and whoever is to wait for them does. */
static void cancel_later(struct source *s, conc_ctx *ctx, int n) {
    CHECK(wait_for(&s->loads, n));
    conc_ctx_cancel_cause(ctx, -1);
}
/* A caller gives up: the others get their value; the last one to give up ends the load, and the next who comes starts a new one. */
TEST(give_up) {
    struct source s = { .gate = chan_make(char) };
    values g = make(&s);
    struct value v = { "untouched", 7 };
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    conc_wg wg = CONC_WG_INIT;
    bool shared = true;
    recv_chan(struct answer) c = singleflight_do_chan(g, "key", struct answer);
    conc_wg_go(&wg, cancel_later, &s, ctx, 1);
    CHECK_EQ(singleflight_do(g, ctx, "key", &v, &shared), CONC_CANCELED);
    CHECK(!shared && v.n == 7);
    CHECK_EQ(singleflight_do(g, ctx, "other", &v, NULL), CONC_CANCELED); /* ended before: nothing is started */
    conc_wg_wait(&wg);
    chan_send(s.gate, 0);
    struct answer a = chan_recv(c);
    CHECK(a.err == 0 && a.value.n == 1 && !a.shared); /* nobody else got it */
    CHECK_EQ(s.loads, 1);
    chan_free(c);
    conc_ctx_free(ctx);

    ctx = conc_ctx_with_cancel(conc_ctx_background());
    conc_wg_go(&wg, cancel_later, &s, ctx, 2);
    CHECK_EQ(singleflight_do(g, ctx, "key", &v, NULL), CONC_CANCELED);
    conc_wg_wait(&wg);
    conc_ctx_free(ctx);
    chan_close(s.gate);
    CHECK_EQ(singleflight_do(g, NULL, "key", &v, NULL), 0);
    singleflight_free(g);
    CHECK_EQ(s.loads, 3);
    CHECK_EQ(s.ended, 3);
    chan_free(s.gate);
}
/* The load sees the first caller's values, not its end. */
TEST(context) {
    struct source s = { .gate = chan_make(char) };
    values g = make(&s);
    int user = 1;
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    conc_ctx *with = conc_ctx_with_value(ctx, &tag, &user);
    conc_ctx *stop = conc_ctx_with_timeout(with, CONC_HOUR);
    conc_wg wg = CONC_WG_INIT;
    struct value v;
    conc_wg_go(&wg, cancel_later, &s, stop, 1);
    CHECK_EQ(singleflight_do(g, stop, "key", &v, NULL), CONC_CANCELED);
    conc_wg_wait(&wg);
    CHECK(wait_for(&s.ended, 1));
    CHECK(s.user == &user);
    CHECK_EQ(s.cause, CONC_CANCELED); /* since nobody waits for it; the caller's cause was -1 */
    conc_ctx_free(stop), conc_ctx_unref(with), conc_ctx_free(ctx);
    singleflight_free(g);
    chan_free(s.gate);
}
/* TestForget, TestForgetUnshared */
TEST(forget) {
    struct source s = { .gate = chan_make(char) };
    values g = make(&s);
    singleflight_forget(g, "key"); /* none */
    recv_chan(struct answer) first = singleflight_do_chan(g, "key", struct answer);
    CHECK(wait_for(&s.loads, 1));
    singleflight_forget(g, "key");
    recv_chan(struct answer) second = singleflight_do_chan(g, "key", struct answer), third = singleflight_do_chan(g, "key", struct answer);
    CHECK(wait_for(&s.loads, 2));
    chan_close(s.gate);
    struct answer a = chan_recv(first), b = chan_recv(second), c = chan_recv(third);
    CHECK(a.value.n == 1 && !a.shared);
    CHECK(b.value.n == 2 && b.shared && c.value.n == 2 && c.shared);
    CHECK_EQ(s.loads, 2);
    chan_free(first), chan_free(second), chan_free(third);
    singleflight_free(g);
    chan_free(s.gate);
}
/* Consumers of channels who walk away, before and after the answer; a free in the middle. */
TEST(consumer_gone) {
    struct source s = { .gate = chan_make(char), .deaf = true };
    values g = make(&s);
    recv_chan(struct answer) c = singleflight_do_chan(g, "key", struct answer);
    chan_free(c);
    chan_close(s.gate);
    c = singleflight_do_chan(g, "key", struct answer);
    CHECK(c != NULL);
    singleflight_free(g);
    CHECK_EQ(chan_len(c), 1); /* free has waited for it */
    chan_free(c);
    CHECK(s.ended >= 1 && s.ended == s.loads);
    chan_free(s.gate);
}
TEST(free_ends_loads) {
    struct source s = { .gate = chan_make(char) };
    values g = make(&s);
    recv_chan(struct answer) c = singleflight_do_chan(g, "key", struct answer);
    singleflight_free(g);
    CHECK_EQ(chan_recv(c).err, -99);
    CHECK_EQ(s.cause, CONC_CANCELED);
    chan_free(c);
    chan_free(s.gate);
}
/* TestGoexitDo: all who wait learn of it. */
TEST(load_exits) {
    struct source s = { .exits = true };
    values g = make(&s);
    struct value v;
    CHECK_EQ(singleflight_do(g, NULL, "key", &v, NULL), CONC_CANCELED);
    recv_chan(struct answer) c = singleflight_do_chan(g, "key", struct answer);
    CHECK_EQ(chan_recv(c).err, CONC_CANCELED);
    chan_free(c);
    singleflight_free(g);
}

/* Goroutines and OS threads that come and give up at any moment: every load ends, every answer fits its key. */
struct storm { values g; conc_atomic(int) wrong; };
static void rain(struct storm *s, unsigned i) {
    struct rng r = rng_new(i);
    for (int k = 0; k < 30; k++) {
        char key[2] = { (char)('a' + rng_below(&r, 3)), 0 };
        conc_ctx *ctx = rng_below(&r, 3) ? NULL : conc_ctx_with_timeout(conc_ctx_background(), (int64_t)rng_below(&r, 60000));
        if (rng_below(&r, 5) == 0) singleflight_forget(s->g, key);
        if (rng_below(&r, 3) == 0) {
            recv_chan(struct answer) c = singleflight_do_chan(s->g, key, struct answer);
            if (rng_below(&r, 2) && chan_recv(c).value.text[1] != key[0]) conc_atomic_fetch_add(&s->wrong, 1);
            chan_free(c);
        } else {
            struct value v;
            int err = singleflight_do(s->g, ctx, key, &v, NULL);
            if (err == 0 ? v.text[1] != key[0] : err != CONC_TIMEOUT) conc_atomic_fetch_add(&s->wrong, 1);
        }
        conc_ctx_free(ctx);
    }
}
static void *rain_thread(void *s) { return rain((struct storm *)s, 99), NULL; }
TEST(storm, .os = true) {
    for (long round = 0; round < scale(10); round++) {
        struct source src = { 0 };
        struct storm s = { .g = make(&src) };
        conc_wg wg = CONC_WG_INIT;
        pthread_t t = thread_start(rain_thread, &s);
        for (unsigned i = 0; i < (unsigned)live(20); i++) conc_wg_go(&wg, rain, &s, i);
        conc_wg_wait(&wg);
        thread_join(t);
        singleflight_free(s.g);
        CHECK_EQ(s.wrong, 0);
        CHECK_EQ(src.loads, src.ended);
    }
}

/* TestPanicDo, TestPanicDoChan: it ends the program, and nobody hangs. */
CRASH(load_panics, "panic: bad load") {
    struct source s = { .panics = true };
    values g = singleflight_make(char, struct value, load, &s);
    recv_chan(struct answer) c = singleflight_do_chan(g, "key", struct answer);
    (void)chan_recv(c);
}
