/* patterns/actor.h: mailboxes, replies, the ends; failures, new lives, groups that give up. */
#include "harness.h"
#include "patterns/actor.h"

enum what { ADD, FAIL, EXIT, WAIT, HANG };
struct msg { enum what what; int n; };
struct state {
    int sum, begun, fails_to_begin; /* the actor's own: no locks */
    chan(char) gate;
    conc_atomic(int) at, inside;
};
static int begin(conc_ctx *ctx, struct state *s) {
    (void)ctx;
    s->sum = 0, s->begun++;
    return s->fails_to_begin-- > 0 ? -9 : 0;
}
static int handle(conc_ctx *ctx, struct state *s, const struct msg *m, int *sum) {
    conc_atomic_fetch_add(&s->at, 1);
    CHECK_EQ(conc_atomic_fetch_add(&s->inside, 1), 0);
    CHECK_EQ(*sum, 0);
    if (m->what == WAIT) (void)chan_recv(s->gate);
    if (m->what == HANG) (void)chan_recv(conc_ctx_done(ctx));
    conc_atomic_fetch_sub(&s->inside, 1);
    if (m->what == EXIT) conc_exit();
    *sum = s->sum += m->n;
    return m->what == FAIL ? m->n : m->what == HANG ? conc_ctx_cause(ctx) : 0;
}
typedef actor(struct msg, int) adder;
static adder make(struct actor_group *g, size_t room, struct state *s) {
    adder a = actor_make(struct msg, int, g, room, begin, handle, s);
    REQUIRE(a != NULL);
    return a;
}
static int tell(adder a, enum what what, int n) { return actor_tell(a, NULL, (struct msg){ what, n }); }
static int ask(adder a, enum what what, int n, int *sum) { return actor_ask(a, NULL, sum, (struct msg){ what, n }); }
static void check_ask(adder a, enum what what, int n, int err, int sum) {
    int got = -100;
    CHECK_EQ(ask(a, what, n, &got), err);
    CHECK_EQ(got, err == 0 ? sum : -100);
}
static void check_stats(adder a, size_t handled, size_t failed, size_t dropped, size_t lives, int error) {
    struct actor_stats n = actor_get_stats(a);
    CHECK_EQ(n.handled, handled);
    CHECK_EQ(n.failed, failed);
    CHECK_EQ(n.dropped, dropped);
    CHECK_EQ(n.lives, lives);
    CHECK_EQ(n.error, error);
}

TEST(asks_and_tells) {
    for (size_t room = 0; room < 3; room++) {
        struct state s = { 0 };
        adder a = make(NULL, room, &s);
        for (int i = 1; i <= 5; i++) CHECK_EQ(tell(a, ADD, i), 0);
        check_ask(a, ADD, 10, 0, 25); /* in order */
        CHECK_EQ(tell(a, ADD, 1), 0);
        actor_close(a), actor_close(a);
        CHECK_EQ(actor_wait(a, NULL), CONC_OK);
        CHECK_EQ(s.sum, 26); /* drained */
        check_ask(a, ADD, 1, CONC_CLOSED, 0);
        CHECK_EQ(tell(a, ADD, 1), CONC_CLOSED);
        check_stats(a, 7, 0, 0, 1, 0);
        actor_free(a), actor_free((adder)NULL);
    }
}
TEST(no_messages) {
    struct state s = { 0 };
    adder a = make(NULL, 0, &s);
    actor_close(a);
    CHECK_EQ(actor_wait(a, NULL), CONC_OK);
    CHECK_EQ(s.begun, 1);
    actor_free(a);
    a = make(NULL, 0, &s);
    actor_free(a);
}

static void asks_until(adder a, conc_ctx *ctx, conc_atomic(int) *result) {
    int sum = -1;
    conc_atomic_store(result, actor_ask(a, ctx, &sum, (struct msg){ ADD, 2 }));
    CHECK_EQ(sum, -1);
}
/* A full mailbox holds tellers up until their context ends; an asker that gives up leaves its message there. */
TEST(cancelled) {
    struct state s = { .gate = chan_make(char) };
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background()), *short_ctx = conc_ctx_with_timeout(ctx, CONC_MS);
    conc_atomic(int) result = -1;
    conc_wg wg = CONC_WG_INIT;
    adder a = make(NULL, 1, &s);
    CHECK_EQ(tell(a, WAIT, 1), 0);
    CHECK(wait_for(&s.at, 1));
    conc_wg_go(&wg, asks_until, a, ctx, &result);
    CHECK(settle());
    CHECK_EQ(actor_tell(a, short_ctx, (struct msg){ ADD, 100 }), CONC_TIMEOUT);
    CHECK_EQ(actor_wait(a, short_ctx), CONC_TIMEOUT);
    conc_ctx_free(short_ctx), conc_ctx_cancel(ctx);
    conc_wg_wait(&wg);
    CHECK_EQ(conc_atomic_load(&result), CONC_CANCELED);
    chan_close(s.gate);
    check_ask(a, ADD, 4, 0, 7); /* the 2 was handled, the 100 never came in */
    actor_free(a), conc_ctx_free(ctx), chan_free(s.gate);
}

static void asks_into(adder a, enum what what, int n, conc_atomic(int) *result) {
    int sum;
    conc_atomic_store(result, ask(a, what, n, &sum));
}
/* Stopped half-way: the handler's context ends, who waits in the mailbox and before it is told, and nothing is lost in silence. */
TEST(stopped) {
    struct state s = { 0 };
    conc_atomic(int) result[4] = { -1, -1, -1, -1 };
    conc_wg wg = CONC_WG_INIT;
    adder a = make(NULL, 1, &s);
    conc_wg_go(&wg, asks_into, a, HANG, 1, &result[0]);
    CHECK(wait_for(&s.at, 1));
    for (int i = 1; i < 4; i++) conc_wg_go(&wg, asks_into, a, ADD, 1, &result[i]);
    CHECK(settle());
    actor_stop(a), actor_stop(a);
    conc_wg_wait(&wg);
    CHECK_EQ(conc_atomic_load(&result[0]), CONC_CANCELED);
    for (int i = 1; i < 4; i++) CHECK_EQ(conc_atomic_load(&result[i]), CONC_CLOSED);
    CHECK_EQ(actor_wait(a, NULL), CONC_OK);
    check_stats(a, 0, 1, 1, 1, 0); /* it was told to end: no failure of its own */
    actor_free(a);
}

TEST(fails_alone) {
    for (int k = 0; k < 3; k++) {
        struct state s = { .fails_to_begin = k == 2 };
        adder a = make(NULL, 4, &s);
        if (k < 2) check_ask(a, k ? EXIT : FAIL, -5, k ? (int)CONC_CANCELED : -5, 0);
        CHECK_EQ(actor_wait(a, NULL), CONC_OK);
        check_ask(a, ADD, 1, CONC_CLOSED, 0);
        check_stats(a, 0, k < 2, 0, 1, k == 0 ? -5 : k == 1 ? (int)CONC_CANCELED : -9);
        actor_free(a);
    }
}
TEST(one_for_one) {
    struct actor_group g;
    struct state s = { 0 }, t = { .fails_to_begin = 1 };
    CHECK_EQ(actor_group_init(&g, ACTOR_ONE_FOR_ONE, 3, CONC_HOUR), CONC_OK);
    adder a = make(&g, 4, &s), b = make(&g, 4, &t);
    check_ask(b, ADD, 7, 0, 7); /* in its second life */
    check_ask(a, ADD, 1, 0, 1);
    check_ask(a, FAIL, -5, -5, 0);
    check_ask(a, ADD, 2, 0, 2); /* anew */
    check_ask(a, EXIT, 0, CONC_CANCELED, 0);
    check_ask(a, ADD, 3, 0, 3);
    check_ask(b, ADD, 1, 0, 8); /* the other does not know */
    check_stats(a, 3, 2, 0, 3, CONC_CANCELED);
    check_stats(b, 2, 0, 0, 2, -9);
    CHECK_EQ(actor_group_error(&g), 0);
    check_ask(a, FAIL, -6, -6, 0); /* the fourth: the group gives up */
    CHECK_EQ(actor_group_error(&g), -6);
    check_ask(a, ADD, 1, CONC_CLOSED, 0);
    check_ask(b, ADD, 1, CONC_CLOSED, 0);
    CHECK(actor_wait(a, NULL) == CONC_OK && actor_wait(b, NULL) == CONC_OK);
    CHECK(actor_make(struct msg, int, &g, 0, begin, handle, &s) == NULL);
    actor_free(b), actor_free(a), actor_group_free(&g);
}
TEST(all_for_one) {
    struct actor_group g;
    struct state s[3] = { { 0 }, { 0 }, { 0 } };
    adder a[3];
    conc_atomic(int) result = -1;
    conc_wg wg = CONC_WG_INIT;
    CHECK_EQ(actor_group_init(&g, ACTOR_ALL_FOR_ONE, 1, CONC_HOUR), CONC_OK);
    for (int i = 0; i < 3; i++) a[i] = make(&g, 4, &s[i]), check_ask(a[i], ADD, 5, 0, 5);
    conc_wg_go(&wg, asks_into, a[1], HANG, 1, &result);
    CHECK(wait_for(&s[1].at, 2));
    check_ask(a[0], FAIL, -5, -5, 0);
    conc_wg_wait(&wg);
    CHECK_EQ(conc_atomic_load(&result), CONC_CANCELED); /* its life has ended, but it has not failed */
    for (int i = 0; i < 3; i++) check_ask(a[i], ADD, 1, 0, 1);
    check_stats(a[1], 2, 1, 0, 2, 0);
    CHECK_EQ(actor_group_error(&g), 0);
    actor_group_stop(&g);
    for (int i = 0; i < 3; i++) CHECK_EQ(actor_wait(a[i], NULL), CONC_OK), actor_free(a[i]);
    actor_group_free(&g);
}
TEST(no_failure_allowed) {
    struct actor_group g;
    struct state s = { 0 };
    CHECK_EQ(actor_group_init(&g, ACTOR_ONE_FOR_ONE, 0, CONC_HOUR), CONC_OK);
    adder a = make(&g, 0, &s);
    check_ask(a, FAIL, -5, -5, 0);
    CHECK_EQ(actor_group_error(&g), -5);
    actor_free(a), actor_group_free(&g);
}

/* Many who tell and ask, goroutines and threads, while the actor fails now and then and is closed in the end: each message is settled once. */
struct crowd { adder a; conc_atomic(int) ok, failed, closed; };
static void one_of_many(struct crowd *c, unsigned seed) {
    struct rng g = rng_new(seed);
    for (int i = 0; i < scale(100); i++) {
        enum what what = (enum what[]){ ADD, ADD, ADD, FAIL, EXIT }[rng_below(&g, 5)];
        int sum, err = ask(c->a, what, -1, &sum);
        conc_atomic_fetch_add(err == 0 ? &c->ok : err == CONC_CLOSED ? &c->closed : &c->failed, 1);
    }
}
static void *crowd_thread(void *c) { return one_of_many(c, 99), NULL; }
TEST(many) {
    struct actor_group g;
    struct state s = { 0 };
    conc_wg wg = CONC_WG_INIT;
    CHECK_EQ(actor_group_init(&g, ACTOR_ONE_FOR_ONE, (size_t)scale(300), CONC_HOUR), CONC_OK);
    struct crowd c = { make(&g, 3, &s), 0, 0, 0 };
    pthread_t t = thread_start(crowd_thread, &c);
    for (unsigned i = 0; i < 15; i++) conc_wg_go(&wg, one_of_many, &c, i);
    conc_wg_wait(&wg), thread_join(t);
    struct actor_stats n = actor_get_stats(c.a);
    CHECK_EQ(n.handled, conc_atomic_load(&c.ok));
    CHECK_EQ(n.failed, conc_atomic_load(&c.failed));
    CHECK(n.dropped <= (size_t)conc_atomic_load(&c.closed) && n.failed == (size_t)scale(300) + 1);
    CHECK_EQ(n.lives, n.failed);
    actor_free(c.a), actor_group_free(&g);
}

CRASH(group_freed_early, "panic: actor_group_free: an actor of the group has not been freed") {
    struct actor_group g;
    struct state s = { 0 };
    if (actor_group_init(&g, ACTOR_ONE_FOR_ONE, 0, 0) != CONC_OK) exit(3);
    (void)make(&g, 0, &s);
    actor_group_free(&g);
}
