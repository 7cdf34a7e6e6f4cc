/* patterns/replicate.h: the first answer, hedging, failures, cancellation, surplus answers; nobody left behind. */
#include "harness.h"
#include "patterns/replicate.h"

struct server {
    int err;
    bool waits, exits, deaf; /* for its context's end; deaf: answers all the same */
    chan(char) gate;         /* or for this */
    conc_atomic(int) asked, ended;
    conc_atomic(int) cause;
};
struct reply { int from; long text[6]; };
static struct server *base; /* of the array at hand: replies tell their index */
static int ask(conc_ctx *ctx, struct server *s, struct reply *out) {
    CHECK(out->from == 0 && out->text[5] == 0);
    conc_atomic_fetch_add(&s->asked, 1);
    if (s->exits) conc_exit();
    if (s->gate) (void)chan_recv(s->gate);
    if (s->waits) (void)chan_recv(conc_ctx_done(ctx));
    s->cause = conc_ctx_cause(ctx);
    conc_atomic_fetch_add(&s->ended, 1);
    if (s->waits && !s->deaf) return -1000;
    out->from = (int)(s - base) + 1;
    for (int i = 0; i < 6; i++) out->text[i] = out->from;
    return s->err;
}
static conc_atomic(int) dropped;
static void drop(struct reply *r) { conc_atomic_fetch_add(&dropped, r->from); }

TEST(first_wins) {
    struct server s[3] = { { .waits = true }, { 0 }, { .waits = true } };
    struct replicate r = REPLICATE_INIT;
    struct reply a;
    base = s;
    CHECK_EQ(replicate_ask(&r, NULL, ask, s, 3, &a), 0);
    CHECK(a.from == 2 && a.text[5] == 2);
    CHECK_EQ(r.winner, 1);
    CHECK(r.started == 3 && r.failed == 0);
    for (int i = 0; i < 3; i++) CHECK(s[i].asked == s[i].ended);
    CHECK_EQ(s[0].cause, CONC_CANCELED);
    CHECK_EQ(replicate_ask(NULL, conc_ctx_background(), ask, s, 2, &a), 0); /* without a report */
}
TEST(one) {
    struct server s = { 0 };
    struct replicate r = { .winner = 7, .started = 7, .failed = 7 };
    struct reply a;
    base = &s;
    CHECK_EQ(replicate_ask(&r, NULL, ask, &s, 1, &a), 0);
    CHECK(a.from == 1 && r.winner == 0 && r.started == 1 && r.failed == 0);
}
TEST(none) {
    struct server s = { 0 };
    struct reply a = { .from = 9 };
    CHECK_EQ(replicate_ask(NULL, NULL, ask, &s, 0, &a), CONC_INVALID);
    CHECK(a.from == 9 && s.asked == 0);
}
/* All fail: the error of the one that is preferred, whatever the order. */
TEST(all_fail) {
    struct server s[3] = { { .err = -1 }, { .err = -2 }, { .exits = true } };
    struct replicate r = REPLICATE_INIT;
    struct reply a = { .from = 9 };
    base = s;
    for (int64_t delay = 0; delay < 2; delay++) {
        r.delay = delay * CONC_HOUR; /* a failure brings the next one in at once */
        CHECK_EQ(replicate_ask(&r, NULL, ask, s, 3, &a), -1);
        CHECK_EQ(r.started, 3);
        CHECK_EQ(r.failed, 3);
        CHECK_EQ(a.from, 9);
    }
    CHECK_EQ(replicate_ask(&r, NULL, ask, &s[2], 1, &a), CONC_CANCELED);
}
TEST(hedged) {
    struct server s[3] = { { 0 }, { 0 }, { 0 } };
    struct replicate r = REPLICATE_INIT;
    struct reply a;
    base = s;
    r.delay = CONC_HOUR;
    CHECK_EQ(replicate_ask(&r, NULL, ask, s, 3, &a), 0); /* quick: nobody else is asked */
    CHECK(a.from == 1 && r.started == 1 && s[1].asked == 0);
    s[0].err = -1;
    CHECK_EQ(replicate_ask(&r, NULL, ask, s, 3, &a), 0); /* failed: the next at once */
    CHECK(a.from == 2 && r.started == 2 && r.failed == 1 && s[2].asked == 0);
    r.delay = CONC_MS;
    s[0].waits = s[1].waits = true;
    CHECK_EQ(replicate_ask(&r, NULL, ask, s, 3, &a), 0); /* slow: one after another */
    CHECK(a.from == 3 && r.started == 3 && r.failed == 0);
}
static void stop(struct server *s, conc_ctx *ctx) {
    CHECK(wait_for(&s->asked, 1));
    conc_ctx_cancel_cause(ctx, -77);
}
TEST(cancelled) {
    for (int64_t delay = 0; delay < 2; delay++) {
        struct server s[3] = { { .waits = true }, { .waits = true }, { .waits = true } };
        struct replicate r = { .delay = delay * CONC_HOUR };
        struct reply a = { .from = 9 };
        conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
        conc_wg wg = CONC_WG_INIT;
        base = s;
        conc_wg_go(&wg, stop, &s[0], ctx);
        CHECK_EQ(replicate_ask(&r, ctx, ask, s, 3, &a), -77);
        conc_wg_wait(&wg);
        CHECK(a.from == 9 && r.failed == 0);
        CHECK_EQ(s[0].cause, -77);
        if (delay) CHECK_EQ(r.started, 1);
        CHECK_EQ(replicate_ask(&r, ctx, ask, s, 3, &a), -77); /* has ended before: nobody is asked */
        CHECK_EQ(r.started, 0);
        conc_ctx_free(ctx);
    }
}
/* Several answers: one is taken, each of the others is dropped once. An answer that comes although time is up is an answer. */
TEST(surplus) {
    chan(char) gate = chan_make(char);
    struct server s[3] = { { .waits = true, .deaf = true }, { .waits = true, .deaf = true }, { .gate = gate } };
    struct replicate r = REPLICATE_INIT;
    struct reply a;
    base = s;
    conc_atomic_store(&dropped, 0);
    chan_close(gate);
    CHECK_EQ(replicate_ask_drop(&r, NULL, ask, s, 3, &a, drop), 0);
    CHECK_EQ(a.from, 3);
    CHECK_EQ(dropped, 1 + 2);
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_MS);
    int err = replicate_ask_drop(&r, ctx, ask, s, 1, &a, drop);
    CHECK(err == 0 ? a.from == 1 : err == CONC_TIMEOUT && r.started == 0);
    conc_ctx_free(ctx);
    chan_free(gate);
}
static void *thread(void *arg) {
    struct server *s = arg;
    struct reply a;
    for (int i = 0; i < 50; i++)
        if (replicate_ask(NULL, NULL, ask, s, 2, &a) != 0) harness_fail(__FILE__, __LINE__, "no answer");
    return NULL;
}
TEST(threads, .os = true) {
    static struct server s[2];
    pthread_t t[3];
    base = s;
    for (int i = 0; i < 3; i++) t[i] = thread_start(thread, s);
    for (int i = 0; i < 3; i++) thread_join(t[i]);
}
TEST(many) {
    enum { M = 100 };
    struct server *s = calloc(M, sizeof *s);
    struct replicate r = REPLICATE_INIT;
    struct reply a;
    base = s;
    for (int i = 0; i < M - 1; i++) s[i].err = -1 - i;
    CHECK_EQ(replicate_ask(&r, NULL, ask, s, M, &a), 0);
    CHECK(a.from == M && r.winner == M - 1 && r.failed <= M - 1);
    free(s);
}
