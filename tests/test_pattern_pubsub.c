/* patterns/pubsub.h: the policies and what they count; who closes what; publishers held up, freed by an end of any kind. */
#include "harness.h"
#include "patterns/pubsub.h"

static pubsub(int) make(void) {
    pubsub(int) p = pubsub_make(int);
    REQUIRE(p != NULL);
    return p;
}
static void check_counts(pubsub_sub(int) s, size_t sent, size_t dropped) {
    struct pubsub_counts n = pubsub_get_counts(s);
    CHECK_EQ(n.sent, sent);
    CHECK_EQ(n.dropped, dropped);
}
static void check_next(pubsub_sub(int) s, int v) {
    int got = 0;
    CHECK_EQ(chan_try_recv(pubsub_chan(s), &got), CONC_OK);
    CHECK_EQ(got, v);
}
static void check_end(pubsub_sub(int) s) {
    int got;
    CHECK_EQ(chan_try_recv(pubsub_chan(s), &got), CONC_CLOSED);
}

TEST(topics) {
    pubsub(int) p = make();
    CHECK_EQ(pubsub_publish(p, NULL, "a", 1), CONC_OK); /* nobody is there */
    char name[] = "a";
    pubsub_sub(int) a = pubsub_subscribe(p, name, 8, PUBSUB_BLOCK), b = pubsub_subscribe(p, "b", 8, PUBSUB_BLOCK);
    pubsub_sub(int) all = pubsub_subscribe(p, NULL, 8, PUBSUB_DROP_OLDEST);
    name[0] = 'x'; /* it was copied */
    CHECK(pubsub_count(p, "a") == 1 && pubsub_count(p, "c") == 0 && pubsub_count(p, NULL) == 1);
    CHECK_EQ(pubsub_publish(p, NULL, "a", 2), CONC_OK);
    CHECK_EQ(pubsub_publish(p, NULL, "b", 3), CONC_OK);
    CHECK_EQ(pubsub_publish(p, NULL, "c", 4), CONC_OK);
    check_next(a, 2), check_next(b, 3);
    check_next(all, 2), check_next(all, 3), check_next(all, 4);
    CHECK(chan_len(pubsub_chan(a)) == 0 && chan_len(pubsub_chan(b)) == 0 && chan_len(pubsub_chan(all)) == 0);
    pubsub_sub_free(a);
    CHECK_EQ(pubsub_count(p, "a"), 0);
    pubsub_sub_free(b), pubsub_sub_free(all), pubsub_sub_free((pubsub_sub(int))NULL);
    pubsub_free(p), pubsub_free((pubsub(int))NULL);
}

TEST(drop_oldest) {
    pubsub(int) p = make();
    pubsub_sub(int) s = pubsub_subscribe(p, "t", 2, PUBSUB_DROP_OLDEST);
    for (int i = 0; i < 5; i++) CHECK_EQ(pubsub_publish(p, NULL, "t", i), CONC_OK);
    check_counts(s, 5, 3);
    check_next(s, 3), check_next(s, 4);
    pubsub_sub_free(s), pubsub_free(p);
}
TEST(drop_newest) {
    pubsub(int) p = make();
    pubsub_sub(int) s = pubsub_subscribe(p, "t", 2, PUBSUB_DROP_NEWEST), none = pubsub_subscribe(p, "t", 0, PUBSUB_DROP_NEWEST);
    for (int i = 0; i < 5; i++) CHECK_EQ(pubsub_publish(p, NULL, "t", i), CONC_OK);
    check_counts(s, 2, 3);
    check_counts(none, 0, 5);
    check_next(s, 0), check_next(s, 1);
    pubsub_sub_free(s), pubsub_sub_free(none), pubsub_free(p);
}

static void publish_one(pubsub(int) p, conc_ctx *ctx, int v, conc_atomic(int) *result) { conc_atomic_store(result, pubsub_publish(p, ctx, "t", v)); }

/* One that blocks holds publish up, but not before the others have the message; it goes on with the first receive. */
TEST(block) {
    pubsub(int) p = make();
    conc_atomic(int) result = -1;
    conc_wg wg = CONC_WG_INIT;
    pubsub_sub(int) slow = pubsub_subscribe(p, "t", 1, PUBSUB_BLOCK);
    pubsub_sub(int) late = pubsub_subscribe(p, "t", 1, PUBSUB_DROP_NEWEST), all = pubsub_subscribe(p, NULL, 2, PUBSUB_DROP_OLDEST);
    CHECK_EQ(pubsub_publish(p, NULL, "t", 1), CONC_OK);
    check_next(late, 1);
    conc_wg_go(&wg, publish_one, p, NULL, 2, &result);
    CHECK_EQ(chan_recv(pubsub_chan(late)), 2);
    CHECK(settle());
    CHECK_EQ(conc_atomic_load(&result), -1);
    check_next(all, 1), check_next(all, 2);
    CHECK_EQ(chan_recv(pubsub_chan(slow)), 1);
    conc_wg_wait(&wg);
    CHECK_EQ(conc_atomic_load(&result), CONC_OK);
    check_next(slow, 2);
    check_counts(slow, 2, 0);
    pubsub_sub_free(slow), pubsub_sub_free(late), pubsub_sub_free(all), pubsub_free(p);
}
/* Cancelled half-way: those behind the one that blocks get the message if they have room. */
TEST(cancelled) {
    pubsub(int) p = make();
    conc_atomic(int) result = -1;
    conc_wg wg = CONC_WG_INIT;
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    pubsub_sub(int) stuck = pubsub_subscribe(p, "t", 0, PUBSUB_BLOCK), behind = pubsub_subscribe(p, "t", 1, PUBSUB_BLOCK);
    conc_wg_go(&wg, publish_one, p, ctx, 1, &result);
    CHECK(settle());
    conc_ctx_cancel(ctx);
    conc_wg_wait(&wg);
    CHECK_EQ(conc_atomic_load(&result), CONC_CANCELED);
    check_counts(stuck, 0, 1);
    check_counts(behind, 1, 0);
    check_next(behind, 1);
    CHECK_EQ(pubsub_publish(p, ctx, "t", 2), CONC_CANCELED); /* not tried */
    check_counts(behind, 1, 0);
    conc_ctx_free(ctx);
    pubsub_sub_free(stuck), pubsub_sub_free(behind), pubsub_free(p);
}
/* The consumer is gone, in each way there is, while a publisher waits for it. */
TEST(walks_away) {
    for (int way = 0; way < 3; way++) {
        pubsub(int) p = make();
        conc_atomic(int) result[2] = { -1, -1 };
        conc_wg wg = CONC_WG_INIT;
        pubsub_sub(int) s = pubsub_subscribe(p, "t", 1, PUBSUB_BLOCK);
        CHECK_EQ(pubsub_publish(p, NULL, "t", 0), CONC_OK);
        for (int i = 0; i < 2; i++) conc_wg_go(&wg, publish_one, p, NULL, i, &result[i]);
        CHECK(settle());
        if (way == 0) pubsub_unsubscribe(s), pubsub_unsubscribe(s);
        if (way == 1) pubsub_close(p), pubsub_close(p);
        if (way == 2) pubsub_sub_free(s);
        conc_wg_wait(&wg);
        CHECK(conc_atomic_load(&result[0]) == CONC_OK && conc_atomic_load(&result[1]) == CONC_OK);
        if (way != 2) {
            check_next(s, 0); /* what was queued is there */
            check_end(s);
            check_counts(s, 1, 0);
            pubsub_sub_free(s);
        }
        CHECK_EQ(pubsub_count(p, "t"), 0);
        pubsub_free(p);
    }
}

TEST(closed) {
    pubsub(int) p = make();
    pubsub_sub(int) s = pubsub_subscribe(p, "t", 1, PUBSUB_BLOCK), all = pubsub_subscribe(p, NULL, 1, PUBSUB_BLOCK);
    pubsub_close(p);
    check_end(s), check_end(all);
    CHECK_EQ(pubsub_publish(p, NULL, "t", 1), CONC_CLOSED);
    CHECK(pubsub_subscribe(p, "t", 1, PUBSUB_BLOCK) == NULL);
    CHECK(pubsub_count(p, "t") == 0 && pubsub_count(p, NULL) == 0);
    pubsub_free(p);
    pubsub_unsubscribe(s); /* the handles live on */
    pubsub_sub_free(s), pubsub_sub_free(all);
}

struct large { char text[100]; int n; };
TEST(large_messages) {
    pubsub(struct large) p = pubsub_make(struct large);
    pubsub_sub(struct large) s = pubsub_subscribe(p, "t", 1, PUBSUB_DROP_OLDEST);
    for (int i = 0; i < 3; i++) CHECK_EQ(pubsub_publish(p, NULL, "t", (struct large){ "hello", i }), CONC_OK);
    struct large v = chan_recv(pubsub_chan(s));
    CHECK(!strcmp(v.text, "hello") && v.n == 2);
    pubsub_sub_free(s), pubsub_free(p);
}

/* Subscribers come and go, of every policy, while publishers publish and the whole is closed; each publisher's messages arrive in
   order, and nothing is left behind. Goroutines and OS threads. */
enum { PUBLISHERS = 4 };
static void publisher(pubsub(int) p, int me, int n) {
    for (int i = 0; i < n; i++)
        if (pubsub_publish(p, NULL, i % 2 ? "odd" : "even", me + PUBLISHERS * i) == CONC_CLOSED) return;
}
static void subscriber(pubsub(int) p, unsigned me) {
    struct rng g = rng_new(me);
    for (int round = 0; round < 20; round++) {
        const char *topics[] = { "odd", "even", NULL };
        pubsub_sub(int) s = pubsub_subscribe(p, topics[rng_below(&g, 3)], 1 + rng_below(&g, 3), (enum pubsub_policy)rng_below(&g, 3));
        if (s == NULL) return;
        int last[PUBLISHERS] = { -1, -1, -1, -1 }, v;
        for (unsigned n = rng_below(&g, 20); n > 0 && chan_recv(pubsub_chan(s), &v); n--) {
            CHECK(v > last[v % PUBLISHERS]);
            last[v % PUBLISHERS] = v;
        }
        pubsub_sub_free(s);
    }
}
static void *publisher_thread(void *p) { return publisher((pubsub(int))p, PUBLISHERS - 1, (int)scale(2000)), NULL; }
TEST(many) {
    pubsub(int) p = make();
    conc_wg publishing = CONC_WG_INIT, receiving = CONC_WG_INIT;
    pubsub_sub(int) stuck = pubsub_subscribe(p, "odd", 5, PUBSUB_BLOCK); /* nobody receives */
    for (unsigned i = 0; i < live(30); i++) conc_wg_go(&receiving, subscriber, p, i);
    for (int i = 0; i < PUBLISHERS - 1; i++) conc_wg_go(&publishing, publisher, p, i, (int)scale(2000));
    pthread_t t = thread_start(publisher_thread, (void *)p);
    while (pubsub_get_counts(stuck).sent < 5) conc_yield();
    pubsub_unsubscribe(stuck);
    conc_sleep(CONC_MS);
    pubsub_close(p);
    conc_wg_wait(&publishing), conc_wg_wait(&receiving), thread_join(t);
    pubsub_sub_free(stuck), pubsub_free(p);
}

/* Somebody else ends the subscription, or the whole; who receives sees the end and frees what it has, before that call has returned. */
struct ending {
    pubsub(int) p;
    pubsub_sub(int) s;
    bool all;
    unsigned delay;
    conc_wg both;
};
static void pubsub_ender(struct ending *e) {
    turns(e->delay);
    if (e->all) pubsub_close(e->p);
    else pubsub_unsubscribe(e->s);
}
static void *pubsub_ender_thread(void *e) { return pubsub_ender((struct ending *)e), NULL; }
TEST(freed_at_the_end) {
    struct rng g = rng_new(0);
    int n = (int)scale(2000);
    for (int i = 0; i < n; i++) {
        pubsub(int) p = make();
        struct ending e = { p, pubsub_subscribe(p, i & 2 ? "t" : NULL, 1, PUBSUB_BLOCK), i & 1, rng_below(&g, 2000), CONC_WG_INIT };
        bool threads = rng_below(&g, 16) == 0;
        pthread_t t = pthread_self();
        int got;
        if (threads) t = thread_start(pubsub_ender_thread, &e);
        else conc_wg_go(&e.both, pubsub_ender, &e);
        CHECK(!chan_recv(pubsub_chan(e.s), &got));
        if (i & 4) pubsub_sub_free(e.s), pubsub_free(p);
        else pubsub_free(p), pubsub_sub_free(e.s);
        conc_wg_wait(&e.both);
        if (threads) thread_join(t);
    }
}

CRASH(pubsub_no_room, "panic: pubsub_subscribe: to drop the oldest message there must be room for one") {
    pubsub(int) p = pubsub_make(int);
    (void)pubsub_subscribe(p, "t", 0, PUBSUB_DROP_OLDEST);
}
CRASH(no_topic, "panic: pubsub_publish: the topic is NULL") {
    pubsub(int) p = pubsub_make(int);
    (void)pubsub_publish(p, NULL, NULL, 1);
}
