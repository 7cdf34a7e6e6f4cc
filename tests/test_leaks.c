/* conc_test_leaks: what a mark finds, what it must not find, what it waits for. What differs without CONC_TEST (objects, parallel tests) is
   tested for what it says there. */
#include "harness.h"

#if defined(CONC_TEST) && !HARNESS_TSAN
enum { WHOLE = 1 }; /* objects too, and only one's own */
#else
enum { WHOLE = 0 };
#endif

static void waits(chan(int) c) { (void)chan_recv(c); }
static void starts_one(chan(int) c) { go(waits, c); }
static void yields(int n, chan(int) done) {
    for (int i = 0; i < n; i++) conc_yield();
    chan_send(done, 1);
    for (int i = 0; i < n; i++) conc_yield();
}
static bool says(conc_report r, const char *text) {
    bool found = !r.ok && r.kind == CONC_FAIL_LEAK && strstr(r.text, text);
    if (!found) fprintf(stderr, "%s", r.text);
    return found;
}
static void released(int n, chan(int) c) { /* n goroutines that wait in c end now */
    int64_t before = conc_num_goroutines();
    for (int i = 0; i < n; i++) chan_send(c, 1);
    CHECK(wait_goroutines(before - n));
}

TEST(nothing_left) {
    conc_leak_mark mark;
    for (int i = 0; i < 100; i++) {
        conc_leak_begin(&mark);
        chan(int) c = chan_make(int);
        go(waits, c);
        chan_send(c, 1);
        chan_free(c);
        conc_report r = conc_test_leaks(&mark); /* the goroutine may be on its way out */
        CHECK_SAY(r.ok && r.kind == CONC_FAIL_NONE, "%s", r.text);
        CHECK(strncmp(r.text, "ok leaks: nothing is left", 25) == 0);
        CHECK(WHOLE == !strstr(r.text, "CONC_TEST"));
    }
}
TEST(on_its_way_out) {
    conc_leak_mark mark;
    chan(int) done = chan_make(int);
    conc_leak_begin(&mark);
    for (int i = 0; i < 20; i++) go(yields, 1000, done);
    for (int i = 0; i < 20; i++) chan_recv(done);
    conc_report r = conc_test_leaks(&mark, .wait = limit(20 * CONC_SEC));
    CHECK_SAY(r.ok, "%s", r.text);
    chan_free(done);
}
static void leaves_a_goroutine(void) {
    conc_leak_mark mark;
    chan(int) c = chan_make(int);
    conc_leak_begin(&mark);
    go(waits, c);
    go_with(conc_opts(.name = "named"), starts_one, c);
    CHECK(settle());
    conc_report r = conc_test_leaks(&mark, .wait = CONC_MS);
    CHECK(says(r, "FAIL leaks: 2 goroutines left behind"));
    CHECK(says(r, " waits (started at test_leaks.c:"));
    CHECK(says(r, " by leaves_a_goroutine) is blocked in chan receive"));
    CHECK(says(r, " by starts_one) is blocked in chan receive")); /* of a goroutine that has ended */
    CHECK(!WHOLE || says(r, "chan receive, its last operation at test_leaks.c:"));
    conc_leak_begin(&mark); /* those of before are not found again */
    CHECK(conc_test_leaks(&mark).ok);
    released(2, c);
    chan_free(c);
}
TEST(goroutines) { leaves_a_goroutine(); }
TEST(goroutines_in_a_goroutine) { conc_run(leaves_a_goroutine); }
TEST(ignored) {
    chan(int) c = chan_make(int);
    const char *lists[] = { "waits", "other waits", "test_leaks.c:1 named waits" };
    conc_leak_mark mark;
    for (int i = 0; i < 3; i++) {
        conc_leak_begin(&mark);
        go(waits, c);
        CHECK(settle());
        CHECK_SAY(conc_test_leaks(&mark, .ignore = lists[i]).ok, "%s", lists[i]);
        released(1, c);
    }
    conc_leak_begin(&mark);
    (void)go_with(conc_opts(.name = "named"), waits, c);
    go(waits, c); const int line = __LINE__;
    CHECK(settle());
    char place[64];
    (void)snprintf(place, sizeof place, "named  test_leaks.c:%d", line);
    CHECK(conc_test_leaks(&mark, .ignore = place).ok);
    conc_leak_begin(&mark);
    released(2, c);
    go(waits, c);
    CHECK(settle());
    CHECK(says(conc_test_leaks(&mark, .wait = CONC_MS, .ignore = "wait aits waitss test_leaks.c:"), "1 goroutine left behind"));
    released(1, c);
    chan_free(c);
}

/* ---- tests beside each other ---- */
struct side { bool leaks; conc_report r; char *text; chan(int) c; conc_barrier *both; };
static void one_side(struct side *s) {
    conc_leak_mark mark;
    conc_barrier_wait(s->both);
    conc_leak_begin(&mark);
    conc_barrier_wait(s->both);
    if (s->leaks) go(starts_one, s->c);
    conc_barrier_wait(s->both);
    s->r = conc_test_leaks(&mark, .wait = s->leaks ? CONC_MS : 5 * CONC_MS);
    s->text = strdup(s->r.text); /* the mark goes */
    conc_barrier_wait(s->both);
}
static void *one_side_thread(void *arg) {
    one_side((struct side *)arg);
    return NULL;
}
static void both_sides(bool threads) {
    conc_barrier both;
    conc_barrier_init(&both, 2);
    chan(int) c = chan_make(int);
    struct side s[2];
    memset(s, 0, sizeof s);
    conc_wg wg = CONC_WG_INIT;
    pthread_t t[2];
    for (int i = 0; i < 2; i++) {
        s[i].leaks = i == 0;
        s[i].c = c;
        s[i].both = &both;
        if (threads) t[i] = thread_start(one_side_thread, &s[i]);
        else conc_wg_go(&wg, one_side, &s[i]);
    }
    for (int i = 0; i < 2 && threads; i++) thread_join(t[i]);
    conc_wg_wait(&wg);
    CHECK(!s[0].r.ok);
    CHECK_SAY(s[1].r.ok == WHOLE, "%s", s[1].text); /* without CONC_TEST the other's is found, too */
    CHECK(settle());
    released(1, c);
    chan_free(c);
    for (int i = 0; i < 2; i++) free(s[i].text);
}
TEST(parallel_goroutines) { both_sides(false); }
TEST(parallel_threads) { both_sides(true); }
CRASH(ended_twice, "panic: conc_test_leaks with a mark that this goroutine or thread did not begin, or has ended") {
    conc_leak_mark mark;
    conc_leak_begin(&mark);
    CHECK(conc_test_leaks(&mark).ok);
    (void)conc_test_leaks(&mark);
}

#if defined(CONC_TEST) && !HARNESS_TSAN
static void late(void *arg) { chan_recv((*(chan(int) *)arg)); }
TEST(objects) {
    conc_leak_mark mark;
    conc_leak_begin(&mark);
    chan(int) c = chan_make(int, 3);
    conc_timer *t = conc_timer_new(CONC_HOUR);
    conc_ticker *k = conc_ticker_new(CONC_HOUR);
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    conc_ctx *below = conc_ctx_with_timeout(ctx, CONC_HOUR);
    (void)conc_ctx_done(ctx); /* its channel is part of it */
    conc_report r = conc_test_leaks(&mark, .wait = CONC_MS);
    CHECK(says(r, "FAIL leaks: 5 objects left behind"));
    CHECK(says(r, "  a channel made at test_leaks.c:") && says(r, "  a timer made at test_leaks.c:") && says(r, "  a context made at test_leaks.c:"));
    conc_leak_begin(&mark);
    conc_ctx_free(below), conc_ctx_free(ctx), conc_ticker_free(k), conc_timer_free(t), chan_free(c);
    c = chan_make(int);
    ctx = conc_ctx_with_cancel(conc_ctx_background());
    CHECK(says(conc_test_leaks(&mark, .wait = CONC_MS, .ignore = "channel"), "1 object left behind\n  a context made at test_leaks.c:"));
    conc_leak_begin(&mark);
    chan(int) d = chan_make(int);
    CHECK(conc_test_leaks(&mark, .goroutines_only = true).ok);
    chan_free(d), chan_free(c), conc_ctx_free(ctx);
}
TEST(many_objects) {
    conc_leak_mark mark;
    static chan(int) c[100];
    conc_leak_begin(&mark);
    for (int i = 0; i < 100; i++) c[i] = chan_make(int);
    conc_report r = conc_test_leaks(&mark, .wait = 1);
    CHECK(says(r, "100 objects left behind") && strcmp(r.text + strlen(r.text) - 4, "...\n") == 0);
    for (int i = 0; i < 100; i++) chan_free(c[i]);
}
TEST(nested) {
    conc_leak_mark outer, inner;
    conc_leak_begin(&outer);
    chan(int) c = chan_make(int);
    conc_leak_begin(&inner);
    chan(int) d = chan_make(int);
    CHECK(says(conc_test_leaks(&inner, .wait = 1), "1 object left behind"));
    chan(int) e = chan_make(int);
    CHECK(says(conc_test_leaks(&outer, .wait = 1), "2 objects left behind"));
    chan_free(c), chan_free(d), chan_free(e);
}
/* What a timer starts is its maker's. */
TEST(function_of_a_timer) {
    conc_leak_mark mark;
    chan(int) c = chan_make(int);
    int64_t before = conc_num_goroutines();
    conc_leak_begin(&mark);
    conc_timer *t = conc_after_func(1, late, &c);
    CHECK(wait_goroutines(before + 1) && settle());
    conc_timer_free(t);
    CHECK(says(conc_test_leaks(&mark, .wait = CONC_MS), "is blocked in chan receive"));
    released(1, c);
    chan_free(c);
}
static void begins_a_mark(void *arg) {
    conc_leak_mark mark;
    (void)arg;
    conc_leak_begin(&mark);
}
TEST(not_in_a_body) { CHECK_EQ(conc_test(begins_a_mark, NULL).kind, CONC_FAIL_INVALID); }
#endif
