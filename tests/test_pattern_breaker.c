/* patterns/breaker.h: what opens it, what closes it, probes, what is not counted, changes; many callers; misuse. Times are exact in
   test_explorer_cancel.c; here they are an hour (never) or nothing (at once). */
#include "harness.h"
#include "patterns/breaker.h"

struct service { int err, calls; bool exits; conc_ctx *cancels; };
static int serve(conc_ctx *ctx, struct service *s) {
    (void)ctx;
    s->calls++;
    if (s->cancels) conc_ctx_cancel(s->cancels);
    if (s->exits) conc_exit();
    return s->err;
}
struct changes { int n; struct breaker_change at[20]; };
static void note(struct changes *c, struct breaker_change change) { c->at[c->n++ % 20] = change; }

static void make(struct breaker *b, int64_t cooldown) {
    breaker_init(b);
    b->window = CONC_FOREVER;
    b->cooldown = cooldown;
    b->failures = 3;
}
static void calls(struct breaker *b, struct service *s, int n, int want) {
    for (int i = 0; i < n; i++) CHECK_EQ(breaker_call(b, NULL, serve, s), want);
}

TEST(opens_after_failures_in_a_row) {
    struct breaker b;
    struct service bad = { .err = -5 }, good = { 0 };
    struct changes c = { 0 };
    make(&b, CONC_HOUR);
    breaker_on_change(&b, note, &c);
    for (int i = 0; i < 10; i++) calls(&b, &bad, 2, -5), calls(&b, &good, 1, 0); /* never three in a row */
    CHECK_EQ(breaker_get_state(&b), BREAKER_CLOSED);
    calls(&b, &bad, 3, -5);
    CHECK_EQ(breaker_get_state(&b), BREAKER_OPEN);
    int before = good.calls;
    calls(&b, &good, 100, BREAKER_REFUSED);
    CHECK_EQ(good.calls, before);
    CHECK_EQ(c.n, 1);
    CHECK(c.at[0].from == BREAKER_CLOSED && c.at[0].to == BREAKER_OPEN && c.at[0].counts.passed == 33 && c.at[0].counts.failed == 23 &&
          c.at[0].counts.succeeded == 10 && c.at[0].counts.in_a_row == 3);
}
TEST(opens_at_a_ratio) {
    struct breaker b;
    struct service bad = { .err = -5 }, good = { 0 };
    make(&b, CONC_HOUR);
    b.failures = 0;
    b.ratio = 0.5;
    b.at_least = 10;
    calls(&b, &bad, 4, -5); /* all of them, but too few to tell */
    calls(&b, &good, 5, 0);
    CHECK_EQ(breaker_get_counts(&b).failed, 4);
    calls(&b, &bad, 1, -5); /* 5 of 10 */
    CHECK_EQ(breaker_get_state(&b), BREAKER_OPEN);
    make(&b, CONC_HOUR);
    b.failures = 0; /* neither: it never opens */
    calls(&b, &bad, 1000, -5);
    CHECK_EQ(breaker_get_state(&b), BREAKER_CLOSED);
}
TEST(window) {
    struct breaker b;
    struct service bad = { .err = -5 };
    make(&b, CONC_HOUR);
    b.window = 0; /* each call begins a new one */
    calls(&b, &bad, 100, -5);
    CHECK_EQ(breaker_get_state(&b), BREAKER_CLOSED);
    CHECK_EQ(breaker_get_counts(&b).passed, 0);
}
/* With no cooldown the next call is a probe: good ones close it, a bad one opens it again. */
TEST(closes_after_probes) {
    struct breaker b;
    struct service bad = { .err = -5 }, good = { 0 };
    struct changes c = { 0 };
    make(&b, 0);
    b.probes = 2;
    breaker_on_change(&b, note, &c);
    calls(&b, &bad, 3, -5);
    calls(&b, &bad, 1, -5); /* a probe */
    calls(&b, &good, 1, 0);
    CHECK_EQ(breaker_get_state(&b), BREAKER_HALF_OPEN);
    calls(&b, &good, 1, 0); /* the second good one */
    CHECK_EQ(breaker_get_state(&b), BREAKER_CLOSED);
    calls(&b, &bad, 2, -5);
    CHECK_EQ(breaker_get_state(&b), BREAKER_CLOSED); /* it has forgotten the former failures */
    const enum breaker_state to[] = { BREAKER_OPEN, BREAKER_HALF_OPEN, BREAKER_OPEN, BREAKER_HALF_OPEN, BREAKER_CLOSED };
    CHECK_EQ(c.n, 5);
    for (int i = 0; i < 5; i++) CHECK_EQ(c.at[i].to, to[i]);
}
/* At most so many probes at once. Late results of what is over are not counted. */
TEST(probes_at_once) {
    struct breaker b;
    make(&b, 0);
    b.failures = 1;
    b.probes = 2;
    struct breaker_pass first = breaker_begin(&b), late = breaker_begin(&b);
    CHECK(first.ok && late.ok);
    breaker_end(&b, first, BREAKER_FAILURE);
    CHECK_EQ(breaker_get_state(&b), BREAKER_HALF_OPEN);
    b.cooldown = CONC_HOUR; /* from here on a probe keeps its place */
    struct breaker_pass p = breaker_begin(&b), q = breaker_begin(&b);
    CHECK(p.ok && q.ok);
    CHECK(!breaker_begin(&b).ok);
    breaker_end(&b, late, BREAKER_FAILURE); /* from before */
    CHECK_EQ(breaker_get_state(&b), BREAKER_HALF_OPEN);
    breaker_end(&b, p, BREAKER_IGNORE); /* its place is free again */
    p = breaker_begin(&b);
    CHECK(p.ok && !breaker_begin(&b).ok);
    breaker_end(&b, p, BREAKER_SUCCESS);
    CHECK(!breaker_begin(&b).ok); /* one has succeeded and one is under way: enough */
    breaker_end(&b, q, BREAKER_SUCCESS);
    CHECK_EQ(breaker_get_state(&b), BREAKER_CLOSED);
}
static void exiting(struct breaker *b, struct service *s) { (void)breaker_call(b, NULL, serve, s); }
TEST(lost_probe) {
    struct breaker b;
    struct service s = { .exits = true }, good = { 0 };
    make(&b, 0);
    b.failures = 1;
    struct breaker_pass p = breaker_begin(&b);
    breaker_end(&b, p, BREAKER_FAILURE);
    conc_run(exiting, &b, &s);
    CHECK_EQ(s.calls, 1);
    calls(&b, &good, 1, 0); /* the cooldown is over at once: another is let through */
    CHECK_EQ(breaker_get_state(&b), BREAKER_CLOSED);
}
static bool only_five(int err) { return err == -5; }
TEST(what_counts) {
    struct breaker b;
    struct service bad = { .err = -5 }, other = { .err = -6 };
    make(&b, CONC_HOUR);
    b.is_failure = only_five;
    calls(&b, &other, 10, -6);
    CHECK_EQ(breaker_get_counts(&b).succeeded, 10);
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    bad.cancels = ctx;
    CHECK_EQ(breaker_call(&b, ctx, serve, &bad), -5); /* its caller has given up: says nothing */
    CHECK_EQ(breaker_call(&b, ctx, serve, &bad), CONC_CANCELED); /* not even called */
    CHECK_EQ(bad.calls, 1);
    CHECK(breaker_get_counts(&b).failed == 0 && breaker_get_counts(&b).passed == 11);
    conc_ctx_free(ctx);
    ctx = conc_ctx_with_timeout(conc_ctx_background(), 0);
    CHECK_EQ(breaker_call(&b, ctx, serve, &bad), CONC_TIMEOUT);
    conc_ctx_free(ctx);
    CHECK(!strcmp(breaker_strstate(BREAKER_HALF_OPEN), "half open") && !strcmp(breaker_strstate((enum breaker_state)9), "unknown state"));
}

/* Many callers of a service that goes up and down: the counts add up, and each change begins where the last one ended. */
struct storm { struct breaker b; conc_atomic(int) up, passed, refused, probing, most; };
static void change_fits(enum breaker_state *last, struct breaker_change c) {
    CHECK_EQ(c.from, *last);
    CHECK(c.to != c.from && !(c.from == BREAKER_CLOSED && c.to == BREAKER_HALF_OPEN));
    *last = c.to;
}
static void caller(struct storm *s, unsigned i) {
    struct rng g = rng_new(i);
    for (int k = 0; k < 200; k++) {
        if (rng_below(&g, 50) == 0) conc_atomic_fetch_xor(&s->up, 1);
        struct breaker_pass p = breaker_begin(&s->b);
        conc_atomic_fetch_add(p.ok ? &s->passed : &s->refused, 1);
        if (rng_below(&g, 4) == 0) conc_yield();
        if (p.ok) breaker_end(&s->b, p, conc_atomic_load(&s->up) ? BREAKER_SUCCESS : BREAKER_FAILURE);
    }
}
static void *caller_thread(void *s) { return caller((struct storm *)s, 999), NULL; }
TEST(storm, .os = true) {
    struct storm s = { .up = 1 };
    enum breaker_state last = BREAKER_CLOSED;
    int n = (int)live(20);
    conc_wg wg = CONC_WG_INIT;
    make(&s.b, 20 * CONC_US);
    s.b.probes = 3;
    breaker_on_change(&s.b, change_fits, &last);
    pthread_t t = thread_start(caller_thread, &s);
    for (int i = 0; i < n; i++) conc_wg_go(&wg, caller, &s, (unsigned)i);
    conc_wg_wait(&wg);
    thread_join(t);
    CHECK_EQ(s.passed + s.refused, (n + 1) * 200);
}

CRASH(end_of_refused, "panic: breaker_end: this call was refused") {
    struct breaker b;
    breaker_init(&b);
    breaker_end(&b, (struct breaker_pass){ false, 0 }, BREAKER_SUCCESS);
}
CRASH(no_probes, "panic: breaker: probes must be at least 1") {
    struct breaker b;
    breaker_init(&b);
    b.probes = 0;
    (void)breaker_begin(&b);
}
