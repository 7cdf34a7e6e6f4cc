/* The explorer in processes of its own: bodies that crash, hang and end the process; several processes that search. */
#include "harness.h"

#if defined(CONC_TEST) && !HARNESS_TSAN
#include <signal.h>

struct pair { conc_atomic(int) first, second; conc_wg wg; };
static void set_both(struct pair *p) {
    conc_atomic_store(&p->first, 1);
    conc_atomic_store(&p->second, 1);
}
/* One that sees the first set and the second not does harm: in some schedules. */
static void harm(struct pair *p, void (*how)(void)) {
    if (conc_atomic_load(&p->second) == 0 && conc_atomic_load(&p->first) == 1) how();
}
static void in_some_schedules(void (*how)(void)) {
    struct pair p = { 0, 0, CONC_WG_INIT };
    conc_wg_go(&p.wg, set_both, &p);
    conc_wg_go(&p.wg, harm, &p, how);
    conc_wg_wait(&p.wg);
}
static void write_to_null(void) { *(int *volatile *)0 = NULL; }
static void loop_for_ever(void) {
    for (volatile int i = 0;; i++) continue;
}
static void leave_with_7(void) { _exit(7); }
static void be_killed(void) { (void)raise(SIGKILL); }
static int deeper(volatile char *above, int levels) {
    volatile char here[512];
    here[0] = *above;
    return levels ? deeper(here, levels - 1) + here[0] : 0;
}
static void overflow(void) {
    char zero = 0;
    if (deeper(&zero, 1000000) == 1) abort();
}
static void fail(void) { conc_fail("there are %d of them", 3); }
static void crashes(void *arg) { (void)arg, in_some_schedules(write_to_null); }
static void aborts(void *arg) { (void)arg, in_some_schedules(abort); }
static void hangs(void *arg) { (void)arg, in_some_schedules(loop_for_ever); }
static void leaves(void *arg) { (void)arg, in_some_schedules(leave_with_7); }
static void killed(void *arg) { (void)arg, in_some_schedules(be_killed); }
static void overflows(void *arg) { (void)arg, in_some_schedules(overflow); }
static void fails(void *arg) { (void)arg, in_some_schedules(fail); }
static void passes(void *arg) { (void)arg, in_some_schedules(conc_yield); }

static const struct blow { const char *name; void (*fn)(void *); conc_fail_kind kind; const char *text; bool told; } blows[] = {
    { "crashes", crashes, CONC_FAIL_CRASH, "SIGSEGV: an access through a null pointer (address 0)", true },
    { "aborts", aborts, CONC_FAIL_CRASH, "crash: SIGABRT", true },
    { "hangs", hangs, CONC_FAIL_HANG, "no operation for 0.1 s", true },
    { "overflows", overflows, CONC_FAIL_PANIC, "stack overflow", true },
    { "leaves", leaves, CONC_FAIL_CRASH, "ended with exit status 7", false },
    { "killed", killed, CONC_FAIL_CRASH, "died of SIGKILL (9)", false },
    { "fails", fails, CONC_FAIL_ASSERT, "there are 3 of them", true },
};
enum { BLOWS = sizeof blows / sizeof blows[0] };
static conc_report strike(const struct blow *b, int jobs) {
    return conc_test(b->fn, NULL, .name = b->name, .isolate = true, .jobs = jobs, .stuck = b->kind == CONC_FAIL_HANG ? 0.1 : 0, .seconds = 60);
}
static bool under_asan(const struct blow *b) { return HARNESS_ASAN && (b->fn == crashes || b->fn == overflows); } /* it reports, and ends the process */

/* Each is a report with its kind, its interleaving if the process could still tell it, and a token that brings it back. */
TEST(blows_are_reports, .seconds = 120) {
    for (int i = 0; i < BLOWS; i++) {
        const struct blow *b = &blows[i];
        if (under_asan(b)) continue;
        conc_report r = strike(b, 1);
        CHECK_SAY(!r.ok && r.kind == b->kind && strstr(r.text, b->text), "%s: %s", b->name, r.text);
        CHECK_SAY(!b->told || (strstr(r.text, "load atomic#") && strstr(r.text, "CONC_REPLAY='c1=")), "%s: %s", b->name, r.text);
        CHECK_SAY(strncmp(r.token, "c1.", 3) == 0, "%s: %s", b->name, r.text);
        char *token = strdup(r.token);
        (void)setenv("CONC_REPLAY", token, 1);
        r = strike(b, 1);
        (void)unsetenv("CONC_REPLAY");
        CHECK_SAY(!r.ok && r.kind == b->kind && strstr(r.text, b->text), "%s by %s: %s", b->name, token, r.text);
        free(token);
    }
}
/* What several processes find is what one finds, to the letter: whichever is first, the least schedule is reported. */
TEST(jobs_change_nothing, .seconds = 120) {
    for (int i = 0; i < BLOWS; i++) {
        if (under_asan(&blows[i]) || blows[i].kind == CONC_FAIL_HANG) continue;
        char *alone = strdup(strike(&blows[i], 1).text);
        for (int jobs = 2; jobs <= 4; jobs++) {
            conc_report r = strike(&blows[i], jobs);
            CHECK_SAY(strcmp(alone, r.text) == 0, "%d jobs: %s\nalone: %s", jobs, r.text, alone);
        }
        free(alone);
    }
}
/* A bug of late schedules: about one in 8,000. */
static void throw_dice(void *arg) {
    int sum = 0;
    (void)arg;
    for (int i = 0; i < 3; i++) {
        sum += conc_choose(20) == 7;
        conc_yield();
    }
    conc_assert(sum < 3);
}
TEST(jobs_agree_on_a_rare_failure, .seconds = 120) {
    for (uint64_t seed = 1; seed <= 3; seed++) {
        conc_report r = conc_test(throw_dice, NULL, .seed = seed, .schedules = 100000, .seconds = 60);
        CHECK_SAY(r.kind == CONC_FAIL_ASSERT && r.schedules > 64, "%s", r.text);
        char *alone = strdup(r.text);
        uint64_t schedules = r.schedules;
        for (int jobs = 1; jobs <= 3; jobs++) {
            r = conc_test(throw_dice, NULL, .seed = seed, .schedules = 100000, .seconds = 60, .isolate = true, .jobs = jobs);
            CHECK_SAY(strcmp(alone, r.text) == 0 && r.schedules == schedules, "%d jobs: %s\nalone: %s", jobs, r.text, alone);
        }
        free(alone);
    }
}
TEST(passing_in_processes, .seconds = 60) {
    for (int jobs = 1; jobs <= 3; jobs++) {
        conc_report r = conc_test(passes, NULL, .isolate = true, .jobs = jobs, .schedules = 1000, .seconds = 60);
        CHECK_SAY(r.ok && r.kind == CONC_FAIL_NONE && r.token[0] == 0, "%s", r.text);
        CHECK_EQ(r.schedules, 1000);
        CHECK(strcmp(r.text, "ok passes: 1000 schedules\n") == 0);
    }
    conc_report r = conc_test(passes, NULL, .jobs = 2, .strategy = CONC_EXHAUSTIVE);
    CHECK_SAY(r.ok && r.exhausted, "%s", r.text);
    r = conc_test(passes, NULL, .jobs = 2, .schedules = 10, .seconds = 60); /* less than one block */
    CHECK_EQ(r.schedules, 10);
}
/* The body's memory is its process's own; what it prints comes once. */
static int calls;
static void counts(void *arg) { (void)arg, calls++; }
TEST(memory_is_its_own) {
    CHECK(conc_test(counts, NULL, .isolate = true, .schedules = 10).ok);
    CHECK_EQ(calls, 0);
}
/* From a process whose runtime has work, and from a goroutine. */
static void bump(conc_atomic(int) *n) { conc_atomic_fetch_add(n, 1); }
TEST(beside_a_busy_runtime, .seconds = 60) {
    conc_atomic(int) n = 0;
    conc_wg wg = CONC_WG_INIT;
    if (HARNESS_ASAN) LEAVE_OUT("AddressSanitizer's allocator may be locked by another thread when a process is forked");
    for (int i = 0; i < 10; i++) {
        for (int k = 0; k < 100; k++) conc_wg_go(&wg, bump, &n);
        conc_report r = conc_test(fails, NULL, .jobs = 2);
        CHECK_SAY(r.kind == CONC_FAIL_ASSERT, "%s", r.text);
    }
    conc_wg_wait(&wg);
    CHECK_EQ(conc_atomic_load(&n), 1000);
}
/* A list of another program: what fits is followed, and the report says what did not. */
TEST(lenient_replay) {
    conc_report r = conc_replay(passes, NULL, "c1=0x5,9x2,1,t,2");
    CHECK(r.ok);
    CHECK_SAY(strstr(r.text, "5 of the token's 10 decisions did not fit") != NULL, "%s", r.text);
    r = conc_test(fails, NULL);
    char *list = strdup(strstr(r.text, "CONC_REPLAY='c1=") + 13);
    *strchr(list, '\'') = 0;
    r = conc_replay(fails, NULL, list);
    CHECK_SAY(!r.ok && !strstr(r.text, "did not fit"), "%s", r.text);
    free(list);
}
#else
TEST(unavailable) { CHECK_EQ(conc_bubble(NULL, NULL).kind, CONC_FAIL_UNAVAILABLE); }
#endif
