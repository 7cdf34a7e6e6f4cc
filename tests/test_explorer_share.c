/* The patterns that share and that control lifetimes, under the explorer: what must hold in every schedule. */
#include "harness.h"
#include "../patterns/actor.h"
#include "../patterns/heartbeat.h"
#include "../patterns/pubsub.h"
#include "../patterns/shutdown.h"
#include "../patterns/steward.h"
#include "../patterns/subscription.h"

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

/* ---- heartbeat ---- */

static void echo(struct heartbeat *h, conc_ctx *ctx, chan(int) in, chan(int) out) {
    int v;
    while (heartbeat_do(h, ctx, case_recv(in, &v)) == CONC_OK) {
        heartbeat_beat(h);
        if (heartbeat_do(h, ctx, case_send(out, v)) != CONC_OK) break;
    }
    heartbeat_end(h);
}
/* A watcher gets as many beats as it can see, then the end; the consumer goes away after the first result (arg: before it). */
static void beats_and_end(void *early) {
    struct heartbeat h;
    chan(int) in = chan_make(int, 2), out = chan_make(int);
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    conc_wg wg = CONC_WG_INIT;
    conc_assert(heartbeat_init(&h, CONC_SEC) == CONC_OK);
    conc_wg_go(&wg, echo, &h, ctx, in, out);
    chan_send(in, 1), chan_send(in, 2);
    conc_assert(heartbeat_wait(&h, NULL, CONC_FOREVER) == CONC_OK);
    if (!early) conc_assert(chan_recv(out) == 1);
    conc_ctx_cancel(ctx);
    while (heartbeat_wait(&h, NULL, CONC_FOREVER) == CONC_OK) {}
    conc_wg_wait(&wg);
    conc_assert(heartbeat_count(&h) >= 1 && chan_len(out) == 0);
    heartbeat_free(&h);
    conc_ctx_free(ctx), chan_free(in), chan_free(out);
}
/* Virtual time: a beat every second while the worker waits for ten, and silence once it has ended in silence. */
static void beats_in_time(void *arg) {
    struct heartbeat h;
    chan(int) none = chan_make(int);
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), 10 * CONC_SEC + 1);
    conc_wg wg = CONC_WG_INIT;
    (void)arg;
    conc_assert(heartbeat_init(&h, CONC_SEC) == CONC_OK);
    conc_wg_go(&wg, echo, &h, ctx, none, none);
    conc_assert(heartbeat_wait(&h, NULL, CONC_SEC - 1) == CONC_TIMEOUT);
    for (int i = 0; i < 10; i++) conc_assert(heartbeat_wait(&h, NULL, CONC_SEC) == CONC_OK);
    conc_assert(heartbeat_wait(&h, NULL, CONC_SEC) == CONC_CLOSED);
    conc_wg_wait(&wg);
    conc_assert(heartbeat_count(&h) == 10);
    heartbeat_free(&h);
    conc_ctx_free(ctx), chan_free(none);
}
static void bubble(void (*fn)(void *), void *arg) {
    conc_report r = conc_bubble(fn, arg);
    CHECK_SAY(r.ok, "%s", r.text);
}
TEST(heartbeat, .seconds = 120) {
    int yes = 1;
    agree("beats, and an end", beats_and_end, NULL, true);
    agree("beats, and an early end", beats_and_end, &yes, true);
    bubble(beats_in_time, NULL);
}

/* ---- steward ---- */

struct script { int at, alive; chan(char) gate; };
static int fails(conc_ctx *ctx, struct steward_pulse *pulse, struct script *s) {
    (void)ctx, (void)pulse;
    return s->at++, -1;
}
/* The pauses double up to the longest. */
static void pauses(void *arg) {
    struct steward s;
    struct script sc = { 0, 0, NULL };
    int64_t begin = conc_now();
    (void)arg;
    conc_assert(steward_init(&s, CONC_SEC) == CONC_OK);
    s.backoff = CONC_SEC, s.backoff_max = 5 * CONC_SEC, s.most_restarts = 5;
    conc_assert(steward_run(&s, NULL, fails, &sc) == -1 && sc.at == 6);
    conc_assert(conc_now() - begin == (1 + 2 + 4 + 5 + 5) * CONC_SEC);
    steward_free(&s);
}
static int beats_for_a_while(conc_ctx *ctx, struct steward_pulse *pulse, struct script *s) {
    for (int i = 0; i < 10; i++) conc_sleep(CONC_SEC), steward_beat(pulse);
    s->at++;
    return conc_sleep_ctx(ctx, CONC_HOUR) == CONC_OK ? 0 : -1;
}
/* A ward is left alone while it beats, and cancelled when it has been silent for as long as that; the pause is short again. */
static void silence_in_time(void *arg) {
    struct steward s;
    struct script sc = { 0, 0, NULL };
    int64_t begin = conc_now();
    (void)arg;
    conc_assert(steward_init(&s, 2 * CONC_SEC) == CONC_OK);
    s.backoff = CONC_SEC, s.backoff_max = 5 * CONC_SEC, s.most_restarts = 3;
    conc_assert(steward_run(&s, NULL, beats_for_a_while, &sc) == CONC_TIMEOUT && sc.at == 4);
    conc_assert(conc_now() - begin == (4 * 12 + 3) * CONC_SEC);
    conc_assert(steward_get_stats(&s).silent == 4 && steward_get_stats(&s).stuck == 0);
    steward_free(&s);
}
static int alone(conc_ctx *ctx, struct steward_pulse *pulse, struct script *s) {
    conc_assert(s->alive++ == 0); /* never two at once: no lock */
    steward_beat(pulse);
    if (conc_choose(2)) conc_yield();
    else (void)chan_recv(s->gate); /* deaf until it opens */
    s->alive--;
    return s->at++ < 1 ? -1 : conc_ctx_err(ctx) == CONC_OK ? 0 : -2;
}
static void run_alone(struct steward *s, conc_ctx *ctx, struct script *sc) { (void)steward_run(s, ctx, alone, sc); }
/* Whatever comes first of beats, silence, ends and the cancel: wards do not overlap, none is lost, all ends. */
static void stewardship(void *arg) {
    struct steward s;
    struct script sc = { 0, 0, chan_make(char) };
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    conc_wg wg = CONC_WG_INIT;
    (void)arg;
    conc_assert(steward_init(&s, CONC_MS) == CONC_OK);
    s.most_restarts = 2;
    conc_wg_go(&wg, run_alone, &s, ctx, &sc);
    conc_yield();
    chan_close(sc.gate);
    conc_yield();
    conc_ctx_cancel(ctx);
    conc_wg_wait(&wg);
    steward_free(&s);
    conc_assert(sc.alive == 0 && steward_get_stats(&s).stuck == 0 && steward_get_stats(&s).started == (size_t)sc.at);
    conc_ctx_free(ctx), chan_free(sc.gate);
}
TEST(steward, .seconds = 120) {
    bubble(pauses, NULL);
    bubble(silence_in_time, NULL);
    agree("a ward that may be deaf", stewardship, NULL, false);
}

/* ---- shutdown ---- */

struct shop { struct shutdown s; int inside, entered; };
static int shop_is_empty(conc_ctx *ctx, struct shop *shop) { return (void)ctx, shop->inside; }
static void visits(struct shop *shop, bool stays) {
    if (!shutdown_enter(&shop->s, "visitor")) return;
    shop->inside++, shop->entered++;
    if (stays) (void)chan_recv(conc_ctx_done(shutdown_cut(&shop->s)));
    else conc_yield();
    shop->inside--;
    shutdown_leave(&shop->s, "visitor");
}
/* Whoever entered has left before the hooks, or was cut off (arg: there is one who stays); nobody is let in afterwards. */
static void visitors_and_shutdown(void *stays) {
    struct shop shop = { .inside = 0, .entered = 0 };
    conc_wg wg = CONC_WG_INIT;
    conc_assert(shutdown_init(&shop.s, false) == CONC_OK && shutdown_hook(&shop.s, shop_is_empty, &shop) == CONC_OK);
    shop.s.cut_grace = CONC_FOREVER;
    if (!stays) shop.s.grace = CONC_FOREVER;
    for (int i = 0; i < 3; i++) conc_wg_go(&wg, visits, &shop, stays && i == 0);
    conc_yield();
    shutdown_begin(&shop.s);
    conc_status err = shutdown_run(&shop.s, NULL);
    conc_assert(shop.inside == 0 && shop.s.report.stuck == 0 && shop.s.report.hook == NULL);
    conc_assert(err == (shop.s.report.cut > 0 ? CONC_TIMEOUT : CONC_OK) && (stays || err == CONC_OK));
    conc_assert(!shutdown_enter(&shop.s, "visitor"));
    conc_wg_wait(&wg);
    shutdown_free(&shop.s);
}
TEST(shutdown, .seconds = 120) {
    int yes = 1;
    agree("visitors, and a stop", visitors_and_shutdown, NULL, true);
    agree("one who stays", visitors_and_shutdown, &yes, false);
}

/* ---- actor ---- */

struct counter { int n, lives, handled; };
static int begin_count(conc_ctx *ctx, struct counter *c) { return (void)ctx, c->n = 0, c->lives++, 0; }
static int count_up(conc_ctx *ctx, struct counter *c, const int *fails, int *n) {
    (void)ctx;
    conc_yield(); /* no lock: nobody else is in here */
    c->handled++;
    *n = ++c->n;
    if (*fails == 2) conc_exit();
    return *fails ? -1 : 0;
}
typedef actor(int, int) counting;
static void ask_count(counting a, int fails, int *result) {
    int n = 0;
    *result = actor_ask(a, NULL, &n, fails);
    conc_assert((*result == 0) == (n > 0));
}
/* Asks and failures (arg: what kind), and the actor is closed or stopped among them: each ask has one answer, and what was handled is what was
   answered. */
static void asks_and_an_end(void *arg) {
    int fails = *(int *)arg % 10, stops = *(int *)arg / 10, result[3] = { -100, -100, -100 };
    struct actor_group g;
    struct counter c = { 0, 0, 0 };
    conc_wg wg = CONC_WG_INIT;
    conc_assert(actor_group_init(&g, ACTOR_ALL_FOR_ONE, 1, CONC_HOUR) == CONC_OK);
    counting a = actor_make(int, int, &g, 1, begin_count, count_up, &c);
    for (int i = 0; i < 3; i++) conc_wg_go(&wg, ask_count, a, i == 0 ? fails : 0, &result[i]);
    conc_yield();
    if (stops) actor_stop(a);
    else actor_close(a);
    conc_assert(actor_wait(a, NULL) == CONC_OK);
    conc_wg_wait(&wg);
    struct actor_stats n = actor_get_stats(a);
    int answered = 0;
    for (int i = 0; i < 3; i++) conc_assert(result[i] != -100), answered += result[i] != CONC_CLOSED;
    conc_assert(c.handled == answered && (int)(n.handled + n.failed) == answered && (stops || n.dropped == 0));
    conc_assert(actor_tell(a, NULL, 0) == CONC_CLOSED);
    actor_free(a), actor_group_free(&g);
}
/* All for one: the other of the two has forgotten its state at the first message after the failure was answered. */
static void neighbours(void *arg) {
    struct actor_group g;
    struct counter c[2] = { { 0, 0, 0 }, { 0, 0, 0 } };
    int n = 0, busy = 0;
    conc_wg wg = CONC_WG_INIT;
    (void)arg;
    conc_assert(actor_group_init(&g, ACTOR_ALL_FOR_ONE, 1, CONC_HOUR) == CONC_OK);
    counting a = actor_make(int, int, &g, 0, begin_count, count_up, &c[0]), b = actor_make(int, int, &g, 1, begin_count, count_up, &c[1]);
    conc_assert(actor_ask(b, NULL, &n, 0) == 0 && n == 1);
    conc_wg_go(&wg, ask_count, b, 0, &busy);
    conc_assert(actor_ask(a, NULL, &n, 1) == -1);
    conc_wg_wait(&wg);
    conc_assert(busy == 0 && actor_ask(b, NULL, &n, 0) == 0 && n <= 2 && c[1].lives == 2);
    actor_free(a), actor_free(b), actor_group_free(&g);
}
TEST(actor, .seconds = 120) {
    int kind[] = { 0, 1, 2, 10, 11, 12 };
    for (int i = 0; i < 6; i++) agree("asks and an end", asks_and_an_end, &kind[i], i == 1);
    agree("neighbours", neighbours, NULL, false);
}

/* ---- subscription ---- */

struct feed { int who, upto, last, fails; int64_t pause; };
static int fetch(conc_ctx *ctx, struct feed *f, subscription_list(int) list, int64_t *next) {
    char key[2] = "0";
    (void)ctx;
    conc_yield();
    if (f->fails-- > 0) return -1;
    f->upto++;
    for (int i = 0; i < f->upto; i++) key[0] = (char)('0' + i), conc_assert(subscription_add(list, key, 10 * f->who + i) == CONC_OK);
    *next = f->upto == f->last ? CONC_FOREVER : f->pause;
    return 0;
}
/* Each item of two merged feeds comes once and in order, to the end (arg), or until all is closed in the middle. */
static void merged_feeds(void *to_the_end) {
    struct feed f[2] = { { 0, 0, 2, 1, 0 }, { 1, 0, 3, 0, 0 } };
    subscription(int) each[2];
    for (int i = 0; i < 2; i++) each[i] = subscription_make(int, 1, CONC_MS, fetch, &f[i]);
    subscription(int) all = subscription_merge(int, each, 2);
    int next[2] = { 0, 0 }, v;
    for (int n = 0; (to_the_end || n < 2) && chan_recv(subscription_updates(all), &v); n++) conc_assert(v % 10 == next[v / 10]++);
    conc_assert(!to_the_end || (next[0] == 2 && next[1] == 3));
    (void)subscription_close(all);
    conc_assert(!chan_recv(subscription_updates(all), &v));
    subscription_free(all);
}
/* Virtual time: three failures, with pauses of 1, 2 and 4 seconds, then an item a minute. */
static void feed_in_time(void *arg) {
    struct feed f = { 0, 0, 4, 3, CONC_MIN };
    int64_t begin = conc_now(), expected = 7 * CONC_SEC;
    (void)arg;
    subscription(int) s = subscription_make(int, 1, CONC_SEC, fetch, &f);
    chan_range(v, subscription_updates(s)) {
        conc_assert(conc_now() - begin == expected && v < 4);
        expected += CONC_MIN;
    }
    subscription_free(s);
}
TEST(subscription, .seconds = 120) {
    int yes = 1;
    agree("merged feeds to the end", merged_feeds, &yes, false);
    agree("merged feeds, closed", merged_feeds, NULL, false);
    bubble(feed_in_time, NULL);
}
#else
TEST(unavailable) { CHECK_EQ(conc_bubble(NULL, NULL).kind, CONC_FAIL_UNAVAILABLE); }
#endif
