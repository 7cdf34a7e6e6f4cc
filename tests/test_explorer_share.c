/* The patterns that share and that control lifetimes, under the explorer: what must hold in every schedule. */
#include "harness.h"
#include "../patterns/pubsub.h"

#if defined(CONC_TEST) && !HARNESS_TSAN
/* Several hundred schedules of each strategy; and all of those with one preemption, where they are few enough. */
static void agree(const char *name, void (*fn)(void *), void *arg, bool all) {
    conc_report r = conc_test(fn, arg, .name = name, .schedules = (uint64_t)scale(2000), .seconds = 20);
    CHECK_SAY(r.ok, "%s", r.text);
    if (!all) return;
    r = conc_test(fn, arg, .name = name, .strategy = CONC_BOUNDED, .preemptions = 1, .time = CONC_TIME_IDLE);
    CHECK_SAY(r.ok && r.exhausted, "%s", r.text);
}

/* ---- pubsub ---- */

static void publish_two(pubsub(int) p, int first) {
    for (int i = 0; i < 2; i++)
        if (pubsub_publish(p, NULL, "t", first + i) == CONC_CLOSED) return;
}
/* A subscriber ends its subscription, or the whole is closed (arg), while two publishers are at it: what was sent is received, in each
   publisher's order, the channel is closed once, and nobody waits for ever. */
static void subscriber_leaves(void *close) {
    pubsub(int) p = pubsub_make(int);
    pubsub_sub(int) s = pubsub_subscribe(p, "t", 1, PUBSUB_BLOCK), other = pubsub_subscribe(p, NULL, 1, PUBSUB_DROP_OLDEST);
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, publish_two, p, 10);
    conc_wg_go(&wg, publish_two, p, 20);
    int last[3] = { 0, 0, 0 }, v;
    conc_assert(chan_recv(pubsub_chan(s), &v));
    last[v / 10] = v;
    if (close) pubsub_close(p);
    else pubsub_unsubscribe(s);
    size_t n = 1;
    for (; chan_recv(pubsub_chan(s), &v); n++) {
        conc_assert(v > last[v / 10]);
        last[v / 10] = v;
    }
    conc_wg_wait(&wg);
    conc_assert(pubsub_get_counts(s).sent == n && pubsub_get_counts(s).dropped == 0);
    struct pubsub_counts counts = pubsub_get_counts(other);
    if (!close) conc_assert(counts.sent == 4 && counts.dropped == 3);
    pubsub_sub_free(s), pubsub_free(p), pubsub_sub_free(other);
}
/* The oldest is dropped while the subscriber receives: nothing is lost but what is counted, and the last message always arrives. */
static void drops_and_receives(void *arg) {
    pubsub(int) p = pubsub_make(int);
    pubsub_sub(int) s = pubsub_subscribe(p, "t", 1, PUBSUB_DROP_OLDEST);
    conc_wg wg = CONC_WG_INIT;
    (void)arg;
    conc_wg_go(&wg, publish_two, p, 10);
    int v = 0;
    size_t n = 0;
    while (v != 11) conc_assert(chan_recv(pubsub_chan(s), &v)), n++;
    conc_wg_wait(&wg);
    conc_assert(pubsub_get_counts(s).sent == 2 && n + pubsub_get_counts(s).dropped == 2);
    pubsub_sub_free(s), pubsub_free(p);
}
TEST(pubsub, .seconds = 120) {
    int yes = 1;
    agree("a subscriber leaves", subscriber_leaves, NULL, true);
    agree("the pubsub is closed", subscriber_leaves, &yes, true);
    agree("drops while it receives", drops_and_receives, NULL, true);
}
#else
TEST(unavailable) { CHECK_EQ(conc_bubble(NULL, NULL).kind, CONC_FAIL_UNAVAILABLE); }
#endif
