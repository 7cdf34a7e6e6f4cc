/* patterns/subscription.h: each item once and in order, failures, the bound, closed at every moment, merged. */
#include "harness.h"
#include "patterns/subscription.h"

enum act { GOOD, FAIL, EXIT, HANG };
struct source {
    int who, upto, step, last; /* items 0 to upto - 1, step more at each fetch, until last */
    const enum act *acts;      /* for the first fetches; NULL: all are good */
    conc_atomic(int) fetches, inside;
};
static int fetch(conc_ctx *ctx, struct source *s, subscription_list(int) list, int64_t *next) {
    int at = conc_atomic_fetch_add(&s->fetches, 1);
    enum act act = s->acts != NULL ? s->acts[at] : GOOD;
    CHECK_EQ(conc_atomic_fetch_add(&s->inside, 1), 0); /* never two at once */
    CHECK_EQ(*next, 0);
    if (act == HANG) (void)chan_recv(conc_ctx_done(ctx));
    conc_atomic_fetch_sub(&s->inside, 1);
    if (act == EXIT) conc_exit();
    if (act == HANG) return conc_ctx_cause(ctx);
    s->upto += s->step;
    for (int i = 0; i < s->upto; i++) { /* it repeats itself */
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        CHECK_EQ(subscription_add(list, key, 1000 * s->who + i), CONC_OK);
    }
    *next = s->upto >= s->last ? CONC_FOREVER : 0;
    return act == FAIL ? -5 : 0;
}
static void check_stats(subscription(int) s, size_t fetches, size_t failures, size_t items, size_t repeated) {
    struct subscription_stats n = subscription_get_stats(s);
    CHECK_EQ(n.fetches, fetches);
    CHECK_EQ(n.failures, failures);
    CHECK_EQ(n.items, items);
    CHECK_EQ(n.repeated, repeated);
}

TEST(each_item_once) {
    for (size_t most = 1; most < 8; most += 3) {
        struct source src = { .step = 3, .last = 12 };
        subscription(int) s = subscription_make(int, most, CONC_MS, fetch, &src);
        REQUIRE(s != NULL);
        int next = 0;
        chan_range(v, subscription_updates(s)) CHECK_EQ(v, next++);
        CHECK_EQ(next, 12);
        check_stats(s, 4, 0, 12, 3 + 6 + 9);
        CHECK(subscription_close(s) == 0 && subscription_close(s) == 0);
        subscription_free(s), subscription_free((subscription(int))NULL);
    }
}
TEST(no_items) {
    struct source src = { 0 };
    subscription(int) s = subscription_make(int, 1, CONC_MS, fetch, &src);
    int v;
    CHECK(!chan_recv(subscription_updates(s), &v));
    check_stats(s, 1, 0, 0, 0);
    subscription_free(s);
}
/* Failures of each kind: it is asked again; the items of a fetch that fails count. */
TEST(failures) {
    const enum act acts[] = { EXIT, FAIL, FAIL, EXIT, GOOD };
    struct source src = { .step = 2, .last = 6, .acts = acts };
    subscription(int) s = subscription_make(int, 10, CONC_US, fetch, &src);
    int next = 0;
    chan_range(v, subscription_updates(s)) CHECK_EQ(v, next++);
    CHECK_EQ(next, 6);
    check_stats(s, 5, 4, 6, 2 + 4);
    CHECK_EQ(subscription_close(s), 0); /* the last one was good */
    subscription_free(s);
    const enum act always[] = { FAIL };
    struct source bad = { .acts = always };
    s = subscription_make(int, 1, CONC_HOUR, fetch, &bad);
    while (subscription_get_stats(s).failures == 0) conc_yield();
    CHECK_EQ(subscription_close(s), -5); /* in its backoff */
    check_stats(s, 1, 1, 0, 0);
    subscription_free(s);
}
/* Nobody takes anything: it stops fetching, and can be closed. */
TEST(consumer_gone) {
    struct source src = { .step = 2, .last = 1000000 };
    subscription(int) s = subscription_make(int, 5, CONC_MS, fetch, &src);
    CHECK(wait_for(&src.fetches, 2));
    CHECK(settle());
    int fetches = conc_atomic_load(&src.fetches); /* a few wait, and a few have come in */
    CHECK(fetches >= 2 && fetches <= 4);
    CHECK_EQ(chan_recv(subscription_updates(s)), 0);
    CHECK_EQ(subscription_close(s), 0);
    int v;
    CHECK(!chan_recv(subscription_updates(s), &v));
    subscription_free(s);
}
TEST(closed_while_it_fetches) {
    const enum act acts[] = { HANG };
    struct source src = { .acts = acts };
    subscription(int) s = subscription_make(int, 5, CONC_MS, fetch, &src);
    CHECK(wait_for(&src.fetches, 1));
    CHECK_EQ(subscription_close(s), CONC_CANCELED);
    check_stats(s, 1, 1, 0, 0);
    subscription_free(s);
}

TEST(merged) {
    enum { N = 5 };
    struct source src[N];
    subscription(int) each[N];
    int next[N] = { 0 };
    for (int i = 0; i < N; i++) {
        src[i] = (struct source){ .who = i, .step = i, .last = 4 * i };
        each[i] = subscription_make(int, 3, CONC_MS, fetch, &src[i]);
    }
    subscription(int) some = subscription_merge(int, each, 2), rest = subscription_merge(int, &each[2], 3);
    subscription(int) both[] = { some, rest };
    subscription(int) all = subscription_merge(int, both, 2); /* trees, too */
    REQUIRE(all != NULL);
    chan_range(v, subscription_updates(all)) CHECK_EQ(v % 1000, next[v / 1000]++);
    for (int i = 0; i < N; i++) CHECK_EQ(next[i], 4 * i);
    CHECK_EQ(subscription_get_stats(all).items, 4 * (0 + 1 + 2 + 3 + 4));
    subscription_free(all);
    all = subscription_merge(int, each, 0); /* of nothing */
    int v;
    CHECK(!chan_recv(subscription_updates(all), &v));
    subscription_free(all);
}
TEST(merged_closed) {
    const enum act bad[] = { FAIL };
    struct source src[3] = { { .who = 0, .step = 5, .last = 1000000 }, { .who = 1, .acts = bad }, { .who = 2, .step = 1, .last = 1000000 } };
    subscription(int) each[3];
    for (int i = 0; i < 3; i++) each[i] = subscription_make(int, 3, CONC_HOUR, fetch, &src[i]);
    subscription(int) all = subscription_merge(int, each, 3);
    while (subscription_get_stats(all).failures == 0) (void)chan_recv(subscription_updates(all));
    CHECK_EQ(subscription_close(all), -5);
    subscription_free(all);
    each[0] = subscription_make(int, 3, CONC_HOUR, fetch, &src[0]);
    each[1] = NULL;
    CHECK(subscription_merge(int, each, 2) == NULL); /* and the other is freed */
}

/* Closed at any moment, from a goroutine or a thread, while others receive. */
static void *close_thread(void *s) { return (void)subscription_close((subscription(int))s), NULL; }
static void receive(subscription(int) s) {
    int next = 0;
    chan_range(v, subscription_updates(s)) CHECK_EQ(v, next++);
}
TEST(many) {
    for (unsigned i = 0; i < scale(30); i++) {
        struct rng g = rng_new(i);
        struct source src = { .step = 1 + (int)rng_below(&g, 5), .last = 1000000 };
        subscription(int) s = subscription_make(int, 1 + rng_below(&g, 5), CONC_US, fetch, &src);
        conc_wg wg = CONC_WG_INIT;
        conc_wg_go(&wg, receive, s);
        conc_sleep((int64_t)rng_below(&g, 200) * CONC_US);
        pthread_t t = thread_start(close_thread, (void *)s);
        (void)subscription_close(s);
        conc_wg_wait(&wg), thread_join(t);
        subscription_free(s);
    }
}

/* Somebody else closes it; who receives sees the end and frees it, before that close has returned. */
static void close_it(subscription(int) s, unsigned delay) {
    turns(delay);
    CHECK_EQ(subscription_close(s), 0);
}
TEST(freed_at_the_end) {
    struct rng g = rng_new(0);
    int n = (int)scale(500);
    for (int i = 0; i < n; i++) {
        struct source src = { .step = 1, .last = 1000000 };
        subscription(int) s = subscription_make(int, 1, CONC_US, fetch, &src);
        if (i & 1) s = subscription_merge(int, &s, 1);
        REQUIRE(s != NULL);
        conc_wg wg = CONC_WG_INIT;
        bool threads = rng_below(&g, 16) == 0;
        pthread_t t = pthread_self();
        if (threads) t = thread_start(close_thread, (void *)s);
        else conc_wg_go(&wg, close_it, s, rng_below(&g, 2000));
        receive(s);
        subscription_free(s);
        conc_wg_wait(&wg);
        if (threads) thread_join(t);
    }
}

CRASH(subscription_no_room, "panic: subscription_make: max_pending must be at least 1") {
    struct source src = { 0 };
    (void)subscription_make(int, 0, CONC_MS, fetch, &src);
}
