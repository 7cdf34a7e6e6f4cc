/* The proof that the explorer finds bugs: those of bugs/, which are real ones and classics, each with its mended twin. Only where conc.h is
   compiled with CONC_TEST (configuration explorer of run.py); the score table is the test bugs.table, which runs when it is named. */
#include "harness.h"

#if defined(CONC_TEST) && !HARNESS_TSAN
#include "bugs/blocking_resource.c"
#include "bugs/blocking_channel.c"
#include "bugs/blocking_mixed.c"
#include "bugs/nonblocking.c"
#include "bugs/classics.c"

enum { SEEDS = 20, ENOUGH = 1000, FEW = 300, MANY = 50000 };

/* A failure as a replay must show it again: what it is, behind the second colon of a report and the arrow of a replay. */
static bool same_failure(const char *text, const char *again) {
    const char *what = strstr(text, ": "), *shown = strstr(again, "=> ");
    if (what) what = strstr(what + 2, ": ");
    return what && shown && strncmp(what + 2, shown + 3, strcspn(what + 2, "\n")) == 0;
}
/* The bug is found within limit schedules, and its failure comes back by its token. -> how many it took */
static long found_after(const struct bug *b, uint64_t seed, uint64_t limit) {
    conc_report r = conc_test(b->fn, NULL, .name = b->name, .seed = seed, .schedules = limit, .seconds = 60, .quiet = true);
    CHECK_SAY(r.kind == b->kind, "%s, seed %d: %s", b->name, (int)seed, r.text);
    long schedules = (long)r.schedules;
    char *token = strdup(r.token), *text = strdup(r.text);
    if (!r.ok) {
        r = conc_replay(b->fn, NULL, token);
        CHECK_SAY(r.kind == b->kind && same_failure(text, r.text), "%s: %s was\n%sand is\n%s", b->name, token, text, r.text);
    }
    free(token);
    free(text);
    return schedules;
}
static int by_size(const void *a, const void *b) {
    long x = *(const long *)a, y = *(const long *)b;
    return (x > y) - (x < y);
}
/* The kernels within 1,000 schedules under each seed; the classics at a median of 300 (but one that needs 500,000, see below). */
TEST(found_and_repeated, .seconds = 300) {
    for (const struct bug *b = bugs; b; b = b->next) {
        long after[SEEDS];
        if (b->fn == safestack) continue;
        for (int i = 0; i < SEEDS; i++) after[i] = found_after(b, (uint64_t)i + 1, b->suite == BUG_CLASSIC ? MANY : ENOUGH);
        qsort(after, SEEDS, sizeof *after, by_size);
        CHECK_SAY(after[SEEDS / 2] <= FEW, "%s: half of the seeds need more than %ld schedules", b->name, after[SEEDS / 2]);
    }
}
/* The shrunk list of decisions that a report ends with repeats the failure, too. */
TEST(lists_repeat, .seconds = 300) {
    for (const struct bug *b = bugs; b; b = b->next) {
        if (b->fn == safestack) continue;
        conc_report r = conc_test(b->fn, NULL, .name = b->name, .schedules = MANY, .seconds = 60);
        char *list = strstr(r.text, "CONC_REPLAY='c1=");
        REQUIRE(list);
        list = strndup(list + 13, strcspn(list + 13, "'"));
        r = conc_replay(b->fn, NULL, list);
        CHECK_SAY(r.kind == b->kind, "%s: %s gives %s", b->name, list, r.text);
        free(list);
    }
}
TEST(same_seed_same_report, .seconds = 300) {
    for (const struct bug *b = bugs; b; b = b->next) {
        if (b->fn == safestack) continue;
        conc_report r = conc_test(b->fn, NULL, .seed = 3, .schedules = MANY, .seconds = 60);
        if (r.steps / r.schedules > 200) continue; /* shrinking may be cut short by its time limit */
        char *first = strdup(r.text);
        r = conc_test(b->fn, NULL, .seed = 3, .schedules = MANY, .seconds = 60);
        CHECK_SAY(strcmp(first, r.text) == 0, "%s\n%s", first, r.text);
        free(first);
    }
}
TEST(twins_never_fail, .seconds = 1200) {
    static int yes;
    for (const struct bug *b = bugs; b; b = b->next) {
        conc_report r = conc_test(b->fn, &yes, .name = b->name, .seed = 7, .schedules = long_mode() ? 100000 : 5000, .seconds = 600);
        CHECK_SAY(r.ok, "%s", r.text);
    }
}

/* The exhaustive search, which has time at idle, finds what random ones find so, and says of the twin that it has seen all of it. Not for
   programs with too many orders. */
static bool too_many_orders(const struct bug *b) {
    return b->fn == twostage_20 || b->fn == reorder_10 || b->fn == reorder_20 || b->fn == safestack;
}
TEST(exhaustive_finds_them, .seconds = 300) {
    static int yes;
    for (const struct bug *b = bugs; b; b = b->next) {
        if (too_many_orders(b)) continue;
        conc_report r = conc_test(b->fn, NULL, .name = b->name, .time = CONC_TIME_IDLE, .schedules = ENOUGH, .seconds = 60, .quiet = true);
        conc_fail_kind kind = r.kind;
        r = conc_test(b->fn, NULL, .name = b->name, .strategy = CONC_EXHAUSTIVE, .quiet = true);
        CHECK_SAY(r.kind == kind, "%s: at random %s, exhaustively %s", b->name, conc_fail_text(kind), r.text);
        if (b->fn == bbuf_onecond && !long_mode()) continue; /* 50,000 orders */
        r = conc_test(b->fn, &yes, .name = b->name, .strategy = CONC_EXHAUSTIVE, .quiet = true);
        CHECK_SAY(r.ok && r.exhausted, "%s", r.text);
    }
}

/* The classic that needs five preemptions: some 500,000 schedules. */
TEST(safestack_is_found, .seconds = 600) {
    if (!long_mode()) LEAVE_OUT("takes long");
    for (uint64_t seed = 1; seed <= 2; seed++) (void)found_after(&safestack_entry, seed, 5000000);
}

/* PCT finds a bug of depth d with at least 1 / (n k^(d - 1)) per schedule, for n goroutines and k steps. */
TEST(pct_keeps_its_bound, .seconds = 300) {
    static const struct { struct bug *b; int depth, goroutines; } of[] = {
        { &lost_update_entry, 2, 3 }, { &abba_entry, 2, 3 }, { &uneven_30_entry, 2, 3 }, { &wsq_chess_entry, 2, 4 }, { &phil3_entry, 3, 4 },
    };
    enum { RUNS = 200 };
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        double schedules = 0, most = 0; /* most: at most k, so that the bound is at least the theorem's */
        for (uint64_t seed = 1; seed <= RUNS; seed++) {
            conc_report r = conc_test(of[i].b->fn, NULL, .strategy = CONC_PCT, .depth = of[i].depth, .seed = seed, .schedules = MANY, .seconds = 60,
                                      .quiet = true);
            CHECK_EQ(r.kind, of[i].b->kind);
            schedules += (double)r.schedules;
            if ((double)r.steps / (double)r.schedules > most) most = (double)r.steps / (double)r.schedules;
        }
        double bound = 1.0 / of[i].goroutines;
        for (int d = 1; d < of[i].depth; d++) bound /= most;
        double rate = RUNS / schedules; /* 200 finds deviate by 7 % */
        CHECK_SAY(rate >= 0.8 * bound, "%s: %.4f of the schedules, the bound is %.4f", of[i].b->name, rate, bound);
        printf("measured: %s: PCT finds it in %.4f of the schedules, %.1f times its bound\n", of[i].b->name, rate, rate / bound);
    }
}

/* What builds.py compares between compilers, optimisations, and POS with and without its tree: each failure's token, and a sum of its
   whole interleaving. The kernels are small; forty goroutines that do a little of everything are not. */
struct everything { conc_mutex mu[4]; conc_cond cond; conc_atomic(int) x[4]; chan(int) c[2]; conc_wg wg; };
static void do_everything(struct everything *e, int i) {
    conc_mutex *mu = &e->mu[i & 3];
    conc_mutex_lock(mu);
    conc_atomic_fetch_add(&e->x[i >> 1 & 3], 1);
    if (mu == e->mu) conc_cond_broadcast(&e->cond);
    conc_mutex_unlock(mu);
    conc_yield();
    chan_select {
        on_send(e->c[0], i) {}
        on_send(e->c[1], i) {}
    }
    chan_select {
        on_recv(v, e->c[0]) conc_atomic_store(&e->x[v & 3], v);
        on_recv(v, e->c[1]) conc_atomic_store(&e->x[v & 3], v);
    }
    conc_sleep(i);
    while (i == 0 && conc_atomic_load(&e->x[3]) < 2) conc_relax();
}
static void waits_for_everybody(struct everything *e) {
    conc_mutex_lock(&e->mu[0]);
    while (conc_atomic_load(&e->x[0]) == 0) conc_cond_wait(&e->cond, &e->mu[0]);
    conc_mutex_unlock(&e->mu[0]);
}
static void crowd(void *arg) {
    struct everything e = { .cond = CONC_COND_INIT };
    (void)arg;
    for (int i = 0; i < 2; i++) e.c[i] = chan_make(int, 3);
    conc_wg_go(&e.wg, waits_for_everybody, &e);
    for (int i = 0; i < 40; i++) conc_wg_go(&e.wg, do_everything, &e, i);
    conc_wg_wait(&e.wg);
    conc_fail("%d", conc_atomic_load(&e.x[0]));
}
static uint64_t sum_of(const char *text) { /* FNV-1a */
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *text; text++) h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return h;
}
static void print_token(const char *name, void (*fn)(void *), uint64_t seed, conc_strategy how) {
    conc_report r = conc_test(fn, NULL, .seed = seed, .schedules = MANY, .seconds = 60, .quiet = true, .strategy = how);
    char *token = strdup(r.token);
    r = conc_replay(fn, NULL, token);
    printf("token %s %s %016llx\n", name, token, (unsigned long long)sum_of(r.text));
    free(token);
}
TEST(tokens, .heavy = true, .seconds = 300) {
    for (const struct bug *b = bugs; b; b = b->next)
        for (uint64_t seed = 1; seed <= 3 && b->fn != safestack; seed++) print_token(b->name, b->fn, seed, CONC_MIX);
    for (uint64_t seed = 1; seed <= 20; seed++) print_token("crowd", crowd, seed, CONC_POS);
}

/* ---- the score table ---- */
struct score { int found; long median, most; }; /* of SEEDS seeds; schedules until it was found, of those that found it */
static struct score score(const struct bug *b, conc_strategy how, int depth, int time, uint64_t limit) {
    long after[SEEDS];
    struct score s = { 0, 0, 0 };
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        conc_report r = conc_test(b->fn, NULL, .name = b->name, .strategy = how, .depth = depth, .time = time, .seed = seed, .schedules = limit,
                                  .seconds = 600, .quiet = true);
        if (r.kind == b->kind) after[s.found++] = (long)r.schedules;
    }
    qsort(after, (size_t)s.found, sizeof *after, by_size);
    if (s.found > SEEDS / 2) s.median = after[SEEDS / 2];
    if (s.found > 0) s.most = after[s.found - 1];
    return s;
}
/* "median", with "*" if not every seed found it; ">limit (share)" if fewer than half did. */
static void print_median(struct score s, uint64_t limit) {
    if (s.found <= SEEDS / 2) printf(" | >%llu (%d%%)", (unsigned long long)limit, 100 * s.found / SEEDS);
    else printf(" | %ld%s", s.median, s.found < SEEDS ? "*" : "");
}
static void print_found(struct score s) {
    if (s.found < SEEDS) printf(" | %d of %d", s.found, SEEDS);
    else printf(" | %ld / %ld", s.median, s.most);
}
static void print_kernels(enum bug_suite suite, const char *title) {
    int all = 0, mix = 0, idle = 0, fifo = 0;
    printf("\n| %s | group | failure | one schedule | mix, time races | mix, time idle | what is wrong |\n|---|---|---|---|---|---|---|\n", title);
    for (const struct bug *b = bugs; b; b = b->next) {
        if (b->suite != suite) continue;
        bool once = conc_test(b->fn, NULL, .strategy = CONC_FIFO, .quiet = true).kind == b->kind;
        struct score race = score(b, CONC_MIX, 0, CONC_TIME_RACE, ENOUGH), rest = score(b, CONC_MIX, 0, CONC_TIME_IDLE, ENOUGH);
        printf("| %s | %s | %s | %s", b->name, b->group, conc_fail_text(b->kind), once ? "found" : "-");
        print_found(race);
        print_found(rest);
        printf(" | %s |\n", b->what);
        all++, fifo += once, mix += race.found == SEEDS, idle += rest.found == SEEDS;
    }
    printf("\n%s: %d kernels; one schedule finds %d; under every one of %d seeds within %d schedules, mix finds %d, and %d with time at idle\n", title,
           all, fifo, SEEDS, ENOUGH, mix, idle);
}
static void print_classics(void) {
    static const struct { const char *name; conc_strategy how; int depth; } column[] = {
        { "mix", CONC_MIX, 0 },      { "random", CONC_RANDOM, 0 }, { "PCT d=2", CONC_PCT, 2 },
        { "PCT d=3", CONC_PCT, 3 }, { "POS", CONC_POS, 0 },       { "URW", CONC_URW, 0 },
    };
    enum { COLUMNS = sizeof column / sizeof column[0] };
    printf("\n| classic | failure");
    for (int i = 0; i < COLUMNS; i++) printf(" | %s", column[i].name);
    printf(" | what is wrong |\n|---|---|---|---|---|---|---|---|---|\n");
    for (const struct bug *b = bugs; b; b = b->next) {
        if (b->suite != BUG_CLASSIC) continue;
        printf("| %s | %s", b->name, conc_fail_text(b->kind));
        for (int i = 0; i < COLUMNS; i++) print_median(score(b, column[i].how, column[i].depth, CONC_TIME_RACE, MANY), MANY);
        printf(" | %s |\n", b->what);
        fflush(stdout);
    }
}
TEST(table, .heavy = true, .seconds = 3600) {
    print_kernels(BUG_BLOCKING, "GoKer, blocking");
    print_kernels(BUG_NONBLOCKING, "GoKer, non-blocking");
    print_classics();
}
#endif
