/* patterns/retry.h: how often, how long between, what ends it; misuse. Times are exact in test_explorer_cancel.c. */
#include "harness.h"
#include "patterns/retry.h"

struct call { int fails, err, calls; conc_ctx *cancels; chan(char) begun; };
static int call(conc_ctx *ctx, struct call *c) {
    (void)ctx;
    if (c->calls++ == 0 && c->begun) chan_close(c->begun);
    if (c->cancels && c->calls == 2) conc_ctx_cancel(c->cancels);
    return c->calls <= c->fails ? c->err : 0;
}
static struct retry quick(void) {
    struct retry r;
    retry_init(&r, 1, 1000);
    return r;
}
static void check(const struct retry *r, enum retry_end end, unsigned tries) {
    CHECK_SAY(r->end == end, "it ended with: %s", retry_strerror(r->end));
    CHECK_EQ(r->tries, tries);
}

TEST(succeeds) {
    struct retry r = quick();
    struct call c = { .fails = 0, .err = -5 };
    CHECK_EQ(retry_run(&r, NULL, call, &c), 0);
    check(&r, RETRY_OK, 1);
    c = (struct call){ .fails = 7, .err = -5 };
    CHECK_EQ(retry_run(&r, conc_ctx_background(), call, &c), 0);
    check(&r, RETRY_OK, 8);
}
TEST(attempts) {
    struct retry r = quick();
    for (unsigned n = 1; n < 5; n++) {
        struct call c = { .fails = 100, .err = -5 };
        r.attempts = n;
        CHECK_EQ(retry_run(&r, NULL, call, &c), -5);
        check(&r, RETRY_ATTEMPTS, n);
        CHECK_EQ(c.calls, n);
    }
}
static bool is_seven(int err) { return err == -7; }
TEST(permanent) {
    struct retry r = quick();
    struct call c = { .fails = 100, .err = -7 };
    r.permanent = is_seven;
    CHECK_EQ(retry_run(&r, NULL, call, &c), -7);
    check(&r, RETRY_PERMANENT, 1);
    c = (struct call){ .fails = 3, .err = -8 };
    CHECK_EQ(retry_run(&r, NULL, call, &c), 0);
    check(&r, RETRY_OK, 4);
}
TEST(elapsed) {
    struct retry r = quick();
    struct call c = { .fails = 100, .err = -5 };
    r.base = r.max = CONC_HOUR;
    r.jitter = RETRY_NONE;
    r.elapsed = CONC_MIN; /* the first wait would go beyond it: it is not begun */
    CHECK_EQ(retry_run(&r, NULL, call, &c), -5);
    check(&r, RETRY_ELAPSED, 1);
    CHECK_EQ(r.waited, 0);
}
TEST(context) {
    struct retry r = quick();
    struct call c = { .fails = 100, .err = -5 };
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    c.cancels = ctx; /* in the second call */
    CHECK_EQ(retry_run(&r, ctx, call, &c), -5);
    check(&r, RETRY_CANCELED, 2);
    CHECK_EQ(retry_run(&r, ctx, call, &c), CONC_CANCELED); /* has ended before */
    check(&r, RETRY_CANCELED, 0);
    CHECK_EQ(c.calls, 2);
    conc_ctx_free(ctx);
    ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_MIN); /* a deadline that comes before the next try */
    c = (struct call){ .fails = 100, .err = -5 };
    r.base = r.max = CONC_HOUR;
    r.jitter = RETRY_EQUAL;
    CHECK_EQ(retry_run(&r, ctx, call, &c), -5);
    check(&r, RETRY_CANCELED, 1);
    conc_ctx_free(ctx);
}
static void cancel_waiting(struct call *c, conc_ctx *ctx) {
    (void)chan_recv(c->begun);
    conc_ctx_cancel(ctx);
}
TEST(cancelled_in_the_wait) {
    struct retry r;
    struct call c = { .fails = 100, .err = -5, .begun = chan_make(char) };
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    conc_wg wg = CONC_WG_INIT;
    retry_init(&r, CONC_HOUR, CONC_HOUR);
    r.jitter = RETRY_EQUAL; /* half an hour at least */
    conc_wg_go(&wg, cancel_waiting, &c, ctx);
    CHECK_EQ(retry_run(&r, ctx, call, &c), -5);
    check(&r, RETRY_CANCELED, 1);
    CHECK_EQ(r.waited, 0);
    conc_wg_wait(&wg);
    conc_ctx_free(ctx);
    chan_free(c.begun);
}

/* Waits: what each kind of jitter allows, that it uses it, and that it never leaves it, to the largest numbers. */
TEST(jitter) {
    const enum retry_jitter kinds[] = { RETRY_NONE, RETRY_FULL, RETRY_EQUAL, RETRY_DECORRELATED };
    const int64_t base = 1000, max = 100000;
    for (int k = 0; k < 4; k++) {
        struct retry r;
        int64_t least = INT64_MAX, most = 0;
        retry_init(&r, base, max);
        r.jitter = kinds[k];
        for (int round = 0; round < 300; round++) {
            retry_begin(&r);
            int64_t d = base, last = base;
            for (int i = 0; i < 10; i++) {
                int64_t low = kinds[k] == RETRY_NONE ? d : kinds[k] == RETRY_FULL ? 0 : kinds[k] == RETRY_EQUAL ? d / 2 : base;
                int64_t high = kinds[k] != RETRY_DECORRELATED ? d : 3 * last < max ? 3 * last : max;
                int64_t w = retry_wait(&r);
                CHECK_SAY(w >= low && w <= high, "jitter %d: wait %d is %lld, not in %lld..%lld", k, i, (long long)w, (long long)low,
                          (long long)high);
                if (w < least) least = w;
                if (w > most) most = w;
                last = w;
                d = 2 * d < max ? 2 * d : max;
            }
        }
        CHECK(kinds[k] == RETRY_NONE ? least == base && most == max : most > max / 2 && least < base + base / 2);
    }
}
TEST(extremes) {
    struct retry r;
    retry_init(&r, INT64_MAX / 2, INT64_MAX);
    r.jitter = RETRY_NONE;
    for (int i = 0; i < 2000; i++) CHECK(retry_wait(&r) > 0);
    r.jitter = RETRY_DECORRELATED;
    for (int i = 0; i < 2000; i++) CHECK(retry_wait(&r) > 0);
    retry_init(&r, 1, 1);
    r.factor = 1;
    r.jitter = RETRY_NONE;
    for (int i = 0; i < 100; i++) CHECK_EQ(retry_wait(&r), 1);
    CHECK(!strcmp(retry_strerror((enum retry_end)99), "unknown end"));
}
/* The loop form: any code around it, an error that changes, a way out of one's own. */
TEST(loop) {
    struct retry r = quick();
    int err, n = 0;
    retry_begin(&r);
    do err = n++ < 3 ? -n : 0;
    while (retry_again(&r, NULL, err));
    CHECK(err == 0 && n == 4);
    check(&r, RETRY_OK, 4);
    CHECK(r.waited >= 0 && r.last_wait <= 1000);
}
static void *thread(void *arg) {
    struct retry r = quick();
    struct call c = { .fails = 50, .err = -5 };
    *(int *)arg = retry_run(&r, NULL, call, &c);
    return NULL;
}
TEST(threads, .os = true) {
    int err[3] = { 1, 1, 1 };
    pthread_t t[3];
    for (int i = 0; i < 3; i++) t[i] = thread_start(thread, &err[i]);
    for (int i = 0; i < 3; i++) thread_join(t[i]), CHECK_EQ(err[i], 0);
}
CRASH(bad_base, "panic: retry_init: want 0 < base <= max") {
    struct retry r;
    retry_init(&r, 0, 5);
}
CRASH(bad_max, "panic: retry_init: want 0 < base <= max") {
    struct retry r;
    retry_init(&r, 6, 5);
}
