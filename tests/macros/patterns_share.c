/* Every public form of the patterns that share and that control lifetimes; see patterns.c. */
#include "actor.h"
#include "heartbeat.h"
#include "pubsub.h"
#include "shutdown.h"
#include "steward.h"
#include "subscription.h"
#include "actor.h"
#include "heartbeat.h"
#include "pubsub.h"
#include "shutdown.h"
#include "steward.h"
#include "subscription.h"
#include <stdio.h>

#define CHECK(x) ((x) ? (void)0 : (fprintf(stderr, "patterns_share.c:%d: %s\n", __LINE__, #x), abort()))

struct note { const char *text; int n; };
struct board { pubsub(struct note) notes; pubsub_sub(struct note) mine; };

static void use_pubsub(void) {
    struct board b = { pubsub_make(struct note), NULL };
    const struct note note = { "x", 1 };
    CHECK(b.notes != NULL);
    b.mine = pubsub_subscribe(b.notes, "t", 2, PUBSUB_DROP_NEWEST);
    pubsub_sub(struct note) all = pubsub_subscribe(b.notes, NULL, 1, PUBSUB_DROP_OLDEST);
    conc_recv_chan(struct note) c = pubsub_chan(b.mine);
    CHECK(pubsub_count(b.notes, "t") == 1 && pubsub_count(b.notes, NULL) == 1);
    CHECK(pubsub_publish(b.notes, NULL, "t", note) == CONC_OK && pubsub_publish(b.notes, conc_ctx_background(), "u", note) == CONC_OK);
    CHECK(conc_chan_recv(c).n == 1 && pubsub_get_counts(all).dropped == 1);
    conc_select { conc_on_recv(v, pubsub_chan(all)) CHECK(v.text[0] == 'x'); }
    pubsub_unsubscribe(all);
    pubsub_close(b.notes);
    conc_chan_range(v, pubsub_chan(all)) CHECK(v.n == 0);
    pubsub_sub_free(b.mine), pubsub_free(b.notes), pubsub_sub_free(all);

    pubsub(int) numbers = pubsub_make(int);
    pubsub_sub(int) s = pubsub_subscribe(numbers, "n", 1, PUBSUB_BLOCK);
    CHECK(pubsub_publish(numbers, NULL, "n", 'a') == CONC_OK && conc_chan_recv(pubsub_chan(s)) == 'a');
    pubsub_sub_free(s), pubsub_free(numbers);
}

static void use_heartbeat(void) {
    struct heartbeat h;
    conc_chan(int) c = conc_chan_make(int, 1);
    int v = 0;
    CHECK(heartbeat_init(&h, CONC_HOUR) == CONC_OK);
    CHECK(heartbeat_do(&h, NULL, conc_case_send(c, 3)) == CONC_OK);
    CHECK(heartbeat_do(&h, conc_ctx_background(), conc_case_recv(c, &v)) == CONC_OK && v == 3);
    heartbeat_beat(&h);
    CHECK(heartbeat_wait(&h, NULL, CONC_FOREVER) == CONC_OK && heartbeat_count(&h) == 1 && heartbeat_last(&h) > 0);
    conc_select {
        conc_on_recv(t, heartbeat_ticks(&h)) CHECK(t == 0);
        conc_on_recv(t, heartbeat_chan(&h)) CHECK(t == 0);
        conc_on_default {}
    }
    heartbeat_end(&h);
    heartbeat_free(&h);
    conc_chan_free(c);
}

static int ward(conc_ctx *ctx, struct steward_pulse *pulse, int *n) { return (void)ctx, steward_beat(pulse), ++*n == 2 ? 0 : -1; }
static int any_ward(conc_ctx *ctx, struct steward_pulse *pulse, const void *p) { return (void)ctx, (void)pulse, p == NULL ? 0 : 1; }

static void use_steward(void) {
    struct steward s;
    int n = 0;
    CHECK(steward_init(&s, CONC_HOUR) == CONC_OK);
    s.backoff = 0;
    CHECK(steward_run(&s, NULL, ward, &n) == 0 && steward_run(&s, conc_ctx_background(), &any_ward, NULL) == 0);
    CHECK(steward_get_stats(&s).started == 3 && steward_get_stats(&s).error == -1);
    steward_free(&s);
}

static int hook(conc_ctx *ctx, int *n) { return (void)ctx, ++*n, 0; }
static int any_hook(conc_ctx *ctx, const void *p) { return (void)ctx, p == NULL ? 0 : 1; }

static void use_shutdown(void) {
    struct shutdown s;
    int n = 0;
    CHECK(shutdown_init(&s, true) == CONC_OK);
    CHECK(shutdown_hook(&s, hook, &n) == CONC_OK && shutdown_hook(&s, &any_hook, NULL) == CONC_OK);
    CHECK(shutdown_enter(&s, "job") && conc_ctx_err(shutdown_stopping(&s)) == CONC_OK && conc_ctx_err(shutdown_cut(&s)) == CONC_OK);
    shutdown_leave(&s, "job");
    shutdown_begin(&s);
    CHECK(shutdown_run(&s, conc_ctx_background()) == CONC_OK && n == 1 && s.report.text[0] == 'i');
    shutdown_free(&s);
}

static int be(conc_ctx *ctx, int *state) { return (void)ctx, *state = 1, 0; }
static int do_note(conc_ctx *ctx, int *state, struct note *note, long *out) { return (void)ctx, *out = *state += note->n, 0; }
static int do_const(conc_ctx *ctx, int *state, const struct note *note, char *none) { return (void)ctx, (void)none, *state = note->n, 0; }
struct with_actor { actor(struct note, long) a; };

static void use_actor(void) {
    struct actor_group g;
    int one = 0, two = 0;
    long out = 0;
    const struct note note = { "x", 4 };
    CHECK(actor_group_init(&g, ACTOR_ALL_FOR_ONE, 2, CONC_SEC) == CONC_OK);
    struct with_actor w = { actor_make(struct note, long, &g, 3, be, do_note, &one) };
    actor(struct note, char) b = actor_make(struct note, char, NULL, 0, &be, &do_const, &two);
    CHECK(w.a != NULL && b != NULL);
    CHECK(actor_ask(w.a, NULL, &out, note) == 0 && out == 5 && actor_tell(b, conc_ctx_background(), note) == 0);
    actor_close(b);
    CHECK(actor_wait(b, NULL) == CONC_OK && two == 4 && actor_get_stats(b).handled == 1 && actor_group_error(&g) == 0);
    actor_stop(w.a), actor_group_stop(&g);
    actor_free(w.a), actor_free(b), actor_group_free(&g);
}

static int two_notes(conc_ctx *ctx, const int *n, subscription_list(struct note) list, int64_t *next) {
    const struct note note = { "x", *n };
    (void)ctx;
    *next = CONC_FOREVER;
    return subscription_add(list, "a", note) == CONC_OK && subscription_add(list, "b", note) == CONC_OK ? 0 : -1;
}
static int no_numbers(conc_ctx *ctx, void *none, subscription_list(int) list, int64_t *next) {
    (void)ctx, (void)none, (void)list;
    *next = CONC_FOREVER;
    return 3;
}
static void use_subscription(void) {
    int n = 2, sum = 0;
    subscription(struct note) each[] = { subscription_make(struct note, 1, CONC_SEC, two_notes, &n),
                                         subscription_make(struct note, 1, CONC_SEC, &two_notes, &n) };
    subscription(struct note) all = subscription_merge(struct note, each, 2);
    conc_chan_range(v, subscription_updates(all)) sum += v.n;
    CHECK(sum == 8 && subscription_get_stats(all).items == 4 && subscription_close(all) == 0);
    subscription_free(all);
    subscription(int) bad = subscription_make(int, 1, CONC_HOUR, no_numbers, NULL);
    while (subscription_get_stats(bad).failures == 0) conc_yield();
    CHECK(subscription_close(bad) == 3);
    subscription_free(bad);
}

void PATTERNS_NAME(void);
void PATTERNS_NAME(void) { use_pubsub(), use_heartbeat(), use_steward(), use_shutdown(), use_actor(), use_subscription(); }
#ifdef PATTERNS_MAIN
void PATTERNS_OTHER(void);
int main(void) { PATTERNS_NAME(), PATTERNS_OTHER(); }
#endif
