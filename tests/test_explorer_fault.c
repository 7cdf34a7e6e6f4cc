/* Faults as choices of the explorer: how many, how often, that they repeat, shrink and are searched; and what the library answers when its
   own allocations fail. Only where conc.h is compiled with CONC_TEST. */
#include "harness.h"

TEST(outside_a_test) {
    long n = 0;
    for (int i = 0; i < 1000; i++) n += conc_fault("never");
    CHECK_EQ(n, 0);
}

#if defined(CONC_TEST) && !HARNESS_TSAN
static void check_ok(conc_report r) { CHECK_SAY(r.ok, "%s", r.text); }
struct tally { long schedules, with, faults; int most; };
static void asks_twenty_times(void *arg) {
    struct tally *t = (struct tally *)arg;
    int n = 0;
    for (int i = 0; i < 20; i++) n += conc_fault("now");
    t->schedules++;
    t->with += n > 0;
    t->faults += n;
    if (n > t->most) t->most = n;
}
TEST(bounded_and_not_always) {
    struct tally t = { 0, 0, 0, 0 };
    check_ok(conc_test(asks_twenty_times, &t, .schedules = 1000));
    CHECK_EQ(t.faults, 0); /* off by default */
    check_ok(conc_test(asks_twenty_times, &t, .schedules = 1000, .fail_alloc = true, .fail_spawn = true));
    CHECK_EQ(t.faults, 0);
    memset(&t, 0, sizeof t);
    check_ok(conc_test(asks_twenty_times, &t, .schedules = 1000, .faults = 3));
    CHECK_EQ(t.most, 3);
    CHECK(t.with > 300 && t.with < 900 && t.faults > t.with);
    memset(&t, 0, sizeof t);
    check_ok(conc_test(asks_twenty_times, &t, .strategy = CONC_FIFO, .faults = 3));
    CHECK_EQ(t.faults, 0);
}
/* 20 questions, at most two yeses: 1 + 20 + 190 answers, each once. */
TEST(exhaustive) {
    struct tally t = { 0, 0, 0, 0 };
    conc_report r = conc_test(asks_twenty_times, &t, .strategy = CONC_EXHAUSTIVE, .faults = 2);
    CHECK(r.ok && r.exhausted);
    CHECK_EQ(r.schedules, 211);
    CHECK_EQ(t.schedules, 211);
    CHECK_EQ(t.faults, 20 + 2 * 190);
    CHECK_EQ(conc_test(asks_twenty_times, &t, .strategy = CONC_BOUNDED, .faults = 1).schedules, 21);
}

/* ---- a bug that needs one fault of several, in one schedule of several ---- */
struct store { conc_mutex mu; int saved, lost; };
static bool save(struct store *s) {
    if (conc_fault("disk full")) return false;
    conc_mutex_lock(&s->mu);
    s->saved++;
    conc_mutex_unlock(&s->mu);
    return !conc_fault("slow answer"); /* saved all the same: that is no failure */
}
static void save_or_count(struct store *s) {
    if (save(s)) return;
    conc_mutex_lock(&s->mu);
    s->lost++;
    conc_mutex_unlock(&s->mu);
}
static void saves(void *mended) {
    struct store s = { CONC_MUTEX_INIT, 0, 0 };
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 2; i++) conc_wg_go(&wg, save_or_count, &s);
    conc_wg_wait(&wg);
    conc_assert(mended ? s.saved + s.lost >= 2 : s.saved + s.lost == 2);
}
TEST(found_told_repeated_shrunk) {
    int yes = 1;
    check_ok(conc_test(saves, NULL, .schedules = 1000));
    check_ok(conc_test(saves, &yes, .schedules = 2000, .faults = 4));
    for (uint64_t seed = 1; seed <= 20; seed++) {
        conc_report r = conc_test(saves, NULL, .seed = seed, .schedules = 1000, .faults = 4);
        CHECK_SAY(r.kind == CONC_FAIL_ASSERT, "seed %d: %s", (int)seed, r.text);
        if (r.ok) continue;
        const char *first = strstr(r.text, "-- fault: ");
        CHECK_SAY(first && strncmp(first, "-- fault: slow answer\n", 22) == 0, "%s", r.text);
        CHECK_SAY(!strstr(r.text, "disk full") && !strstr(first + 1, "-- fault: "), "%s", r.text); /* the one that matters */
        char *token = strdup(r.token), *list = strstr(r.text, "CONC_REPLAY='c1=");
        REQUIRE(token && list);
        list = strndup(list + 13, strcspn(list + 13, "'"));
        CHECK_SAY(setenv("CONC_REPLAY", token, 1) == 0 && conc_test(saves, NULL, .faults = 4).kind == CONC_FAIL_ASSERT, "%s", token);
        CHECK_SAY(setenv("CONC_REPLAY", list, 1) == 0 && conc_test(saves, NULL, .faults = 4).kind == CONC_FAIL_ASSERT, "%s", list);
        (void)unsetenv("CONC_REPLAY");
        free(token);
        free(list);
    }
    conc_report r = conc_test(saves, NULL, .strategy = CONC_EXHAUSTIVE, .faults = 1);
    CHECK_EQ(r.kind, CONC_FAIL_ASSERT);
    r = conc_test(saves, &yes, .strategy = CONC_EXHAUSTIVE, .faults = 2);
    CHECK_SAY(r.ok && r.exhausted, "%s", r.text);
}

/* ---- the library's own failures, as they are documented ---- */
static unsigned seen; /* which of them have failed */
static void nothing(void) {}
static void after(void *arg) { (void)arg; }
static void makes_everything(void *arg) {
    chan(int) c = chan_make(int, 4);
    conc_timer *t = conc_timer_new(CONC_SEC), *f = conc_after_func(CONC_SEC, after, NULL);
    conc_ticker *k = conc_ticker_new(CONC_SEC);
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    conc_ctx *late = conc_ctx_with_timeout(conc_ctx_background(), CONC_SEC);
    conc_ctx_func *func = ctx ? conc_ctx_after_func(ctx, after, NULL) : NULL;
    conc_status st = go_with(conc_opts(.name = "n"), nothing);
    (void)arg;
    seen |= (unsigned)!c | (unsigned)!t << 1 | (unsigned)!f << 2 | (unsigned)!k << 3 | (unsigned)!ctx << 4 | (unsigned)!late << 5 | (unsigned)(ctx && !func) << 6 |
            (unsigned)(st == CONC_NO_MEMORY) << 7;
    conc_assert(st == CONC_OK || st == CONC_NO_MEMORY);
    if (ctx) conc_assert(conc_ctx_done(ctx) != NULL); /* never fails softly: must not be asked */
    (void)conc_ctx_func_stop(func);
    conc_ctx_free(late), conc_ctx_free(ctx), conc_ticker_free(k), conc_timer_free(f), conc_timer_free(t), chan_free(c);
}
TEST(every_allocation_fails_once) {
    seen = 0;
    check_ok(conc_test(makes_everything, NULL, .schedules = 300));
    CHECK_EQ(seen, 0);
    conc_report r = conc_test(makes_everything, NULL, .strategy = CONC_EXHAUSTIVE, .fail_alloc = true, .fail_spawn = true);
    CHECK_SAY(r.ok && r.exhausted && r.schedules >= 9, "%s", r.text);
    CHECK_EQ(seen, 0xff);
    seen = 0;
    check_ok(conc_test(makes_everything, NULL, .schedules = 300, .fail_spawn = true));
    CHECK_EQ(seen, 0x80);
    check_ok(conc_test(makes_everything, NULL, .schedules = 300, .fail_alloc = true, .faults = 9));
}
static void does_not_check(void *arg) {
    (void)arg;
    chan(int) c = chan_make(int, 1);
    chan_send(c, 1); /* of a NULL channel: for ever */
    chan_free(c);
}
TEST(unchecked_allocation) {
    conc_report r = conc_test(does_not_check, NULL, .fail_alloc = true);
    CHECK_EQ(r.kind, CONC_FAIL_DEADLOCK);
    CHECK_SAY(strstr(r.text, "-- fault: chan_make\n") != NULL, "%s", r.text);
}
#endif
