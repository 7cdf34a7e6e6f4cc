/* Weak memory in the explorer: litmus tests, each with exactly the outcomes that it can have, found by exhaustive search; random programs against
   sequential consistency and against plain depth-first search; waiting, replay. */
#include "harness.h"

#if defined(CONC_TEST) && !HARNESS_TSAN
/* ---- litmus tests: two to four goroutines, outcomes as the digits of what they read ---- */
struct world;
struct litmus {
    const char *name;
    void (*run[4])(struct world *w); /* of each goroutine */
    int orders[2];                   /* of stores, of loads */
    const char *outcomes;
};
struct world { conc_atomic(int) x, y; int r[4], store, load; conc_wg wg; };
static char seen[64][48];
static int nseen;
static void add_outcome(const char *text) {
    for (int i = 0; i < nseen; i++)
        if (strcmp(seen[i], text) == 0) return;
    if (nseen < 64) (void)snprintf(seen[nseen++], sizeof seen[0], "%s", text);
}
#define ST(v, n) conc_atomic_store_explicit(&w->v, n, (memory_order)w->store)
#define LD(v) conc_atomic_load_explicit(&w->v, (memory_order)w->load)
#define T(name, ...) static void name(struct world *w) { __VA_ARGS__ }
T(sb_1, ST(x, 1); w->r[0] = LD(y);)
T(sb_2, ST(y, 1); w->r[1] = LD(x);)
T(sb_fence_1, ST(x, 1); conc_atomic_fence(CONC_SEQ_CST); w->r[0] = LD(y);)
T(sb_fence_2, ST(y, 1); conc_atomic_fence(CONC_SEQ_CST); w->r[1] = LD(x);)
T(sb_weak_fence_1, ST(x, 1); conc_atomic_fence(CONC_ACQ_REL); w->r[0] = LD(y);)
T(sb_rmw_1, (void)conc_atomic_exchange(&w->x, 1); w->r[0] = LD(y);)
T(sb_rmw_2, (void)conc_atomic_exchange(&w->y, 1); w->r[1] = LD(x);)
T(mp_1, conc_atomic_store_explicit(&w->x, 1, CONC_RELAXED); ST(y, 1);)
T(mp_2, w->r[0] = LD(y); w->r[1] = conc_atomic_load_explicit(&w->x, CONC_RELAXED);)
T(mp_fence_1, ST(x, 1); conc_atomic_fence(CONC_RELEASE); ST(y, 1);)
T(mp_fence_2, w->r[0] = LD(y); conc_atomic_fence(CONC_ACQUIRE); w->r[1] = LD(x);)
T(sequence_3, (void)conc_atomic_fetch_add_explicit(&w->y, 1, CONC_RELAXED);)
T(broken_3, if (conc_atomic_load_explicit(&w->y, CONC_RELAXED)) conc_atomic_store_explicit(&w->y, 2, CONC_RELAXED);)
T(iriw_1, ST(x, 1);)
T(iriw_2, ST(y, 1);)
T(iriw_3, w->r[0] = LD(x); w->r[1] = LD(y);)
T(iriw_4, w->r[2] = LD(y); w->r[3] = LD(x);)
T(wrc_2, w->r[0] = LD(x); ST(y, w->r[0]);)
T(wrc_3, w->r[1] = LD(y); w->r[2] = LD(x);)
T(corr_1, ST(x, 1); ST(x, 2);)
T(corr_2, w->r[0] = LD(x); w->r[1] = LD(x);)
T(cowr_1, ST(x, 1); w->r[0] = LD(x);)
T(cowr_2, ST(x, 2); w->r[1] = LD(x);)
T(rmw_1, w->r[0] = conc_atomic_fetch_add_explicit(&w->x, 1, (memory_order)w->load);)
T(rmw_2, w->r[1] = conc_atomic_fetch_add_explicit(&w->x, 1, (memory_order)w->load);)
T(cas_1, int v = 0; w->r[0] = conc_atomic_compare_exchange_explicit(&w->x, &v, 1, CONC_RELAXED, CONC_RELAXED);)
T(cas_2, int v = 0; w->r[1] = conc_atomic_compare_exchange_explicit(&w->x, &v, 1, CONC_RELAXED, CONC_RELAXED);)
T(lb_1, w->r[0] = LD(y); ST(x, 1);)
T(lb_2, w->r[1] = LD(x); ST(y, 1);)
enum { RLX = __ATOMIC_RELAXED, ACQ = __ATOMIC_ACQUIRE, REL = __ATOMIC_RELEASE, SC = __ATOMIC_SEQ_CST };
#define ALL4 "00 01 10 11"
#define IRIW_SC "0000 0001 0010 0011 0100 0101 0110 0111 1000 1001 1011 1100 1101 1110 1111"
static const struct litmus litmus[] = {
    { "store buffering, relaxed", { sb_1, sb_2 }, { RLX, RLX }, ALL4 },
    { "store buffering, release and acquire", { sb_1, sb_2 }, { REL, ACQ }, ALL4 },
    { "store buffering, sequentially consistent", { sb_1, sb_2 }, { SC, SC }, "01 10 11" },
    { "store buffering, fences", { sb_fence_1, sb_fence_2 }, { RLX, RLX }, "01 10 11" },
    { "store buffering, one fence", { sb_fence_1, sb_2 }, { RLX, RLX }, ALL4 },
    { "store buffering, a fence that is too weak", { sb_weak_fence_1, sb_fence_2 }, { RLX, RLX }, ALL4 },
    { "store buffering, only the stores", { sb_1, sb_2 }, { SC, ACQ }, ALL4 },
    { "store buffering, exchanges and loads", { sb_rmw_1, sb_rmw_2 }, { SC, SC }, "01 10 11" },
    { "message passing, relaxed", { mp_1, mp_2 }, { RLX, RLX }, ALL4 },
    { "message passing, release and acquire", { mp_1, mp_2 }, { REL, ACQ }, "00 01 11" },
    { "message passing, release and relaxed", { mp_1, mp_2 }, { REL, RLX }, ALL4 },
    { "message passing, relaxed and acquire", { mp_1, mp_2 }, { RLX, ACQ }, ALL4 },
    { "message passing, sequentially consistent flag", { mp_1, mp_2 }, { SC, SC }, "00 01 11" },
    { "message passing, fences", { mp_fence_1, mp_fence_2 }, { RLX, RLX }, "00 01 11" },
    { "message passing, one fence", { mp_fence_1, mp_2 }, { RLX, RLX }, ALL4 },
    { "release sequence, kept by a read-modify-write", { mp_1, mp_2, sequence_3 }, { REL, ACQ }, "00 01 10 11 21" },
    { "release sequence, broken by a store", { mp_1, mp_2, broken_3 }, { REL, ACQ }, "00 01 11 20 21" },
    { "four goroutines, release and acquire", { iriw_1, iriw_2, iriw_3, iriw_4 }, { REL, ACQ }, IRIW_SC " 1010" },
    { "four goroutines, sequentially consistent", { iriw_1, iriw_2, iriw_3, iriw_4 }, { SC, SC }, IRIW_SC },
    { "write, read, causality: relaxed", { iriw_1, wrc_2, wrc_3 }, { RLX, RLX }, "000 001 100 101 110 111" },
    { "write, read, causality: release and acquire", { iriw_1, wrc_2, wrc_3 }, { REL, ACQ }, "000 001 100 101 111" },
    { "coherence of reads", { corr_1, corr_2 }, { RLX, RLX }, "00 01 02 11 12 22" },
    { "coherence of a write and a read", { cowr_1, cowr_2 }, { RLX, RLX }, "11 12 22" },
    { "read-modify-writes take the newest", { rmw_1, rmw_2 }, { RLX, RLX }, "01 10" },
    { "one of two compare-exchanges", { cas_1, cas_2 }, { RLX, RLX }, "01 10" },
    { "load buffering: allowed by C11, out of reach", { lb_1, lb_2 }, { RLX, RLX }, "00 01 10" },
};
enum { LITMUS = sizeof litmus / sizeof litmus[0] };
static void run_litmus(void *arg) {
    const struct litmus *l = (const struct litmus *)arg;
    struct world w = { 0, 0, { -1, -1, -1, -1 }, l->orders[0], l->orders[1], CONC_WG_INIT };
    char text[48] = "";
    for (int i = 0; i < 4 && l->run[i]; i++) conc_wg_go(&w.wg, l->run[i], &w);
    conc_wg_wait(&w.wg);
    for (int i = 0; i < 4; i++)
        if (w.r[i] >= 0) (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%d", w.r[i]);
    add_outcome(text);
}
static int count_words(const char *text) {
    int n = 0;
    for (const char *p = text; *p; p++) n += p[0] != ' ' && (p[1] == ' ' || !p[1]);
    return n;
}
static bool has_word(const char *text, const char *word) {
    size_t n = strlen(word);
    for (const char *p = text; (p = strstr(p, word)) != NULL; p++)
        if ((p == text || p[-1] == ' ') && (!p[n] || p[n] == ' ')) return true;
    return false;
}
TEST(litmus_tests, .seconds = 60) {
    for (int i = 0; i < LITMUS; i++) {
        nseen = 0;
        conc_report r = conc_test(run_litmus, (void *)(uintptr_t)&litmus[i], .name = litmus[i].name, .strategy = CONC_EXHAUSTIVE, .weak = true);
        CHECK_SAY(r.ok && r.exhausted, "%s", r.text);
        CHECK(strstr(r.text, "memory orders as in C11, without load buffering") != NULL);
        for (int k = 0; k < nseen; k++) CHECK_SAY(has_word(litmus[i].outcomes, seen[k]), "%s: %s is forbidden, and was seen", litmus[i].name, seen[k]);
        CHECK_SAY(nseen == count_words(litmus[i].outcomes), "%s: %d outcomes of %s seen in %d schedules", litmus[i].name, nseen,
                  litmus[i].outcomes, (int)r.schedules);
    }
}
/* Without .weak all of them are sequentially consistent, whatever orders they name. */
TEST(strong_by_default) {
    nseen = 0;
    conc_report r = conc_test(run_litmus, (void *)(uintptr_t)&litmus[0], .strategy = CONC_EXHAUSTIVE);
    CHECK(r.ok && r.exhausted);
    CHECK(strstr(r.text, "sequentially consistent") != NULL);
    CHECK_EQ(nseen, 3);
    for (int k = 0; k < nseen; k++) CHECK(strcmp(seen[k], "00") != 0);
}

/* ---- random programs ---- */
enum { CELLS = 2, STEPS = 3 };
struct program { uint32_t code; int goroutines, order; }; /* order: of everything, or -1: as the code says */
struct cells { conc_atomic(int) cell[CELLS]; int got[3]; conc_wg wg; const struct program *p; };
static uint32_t outcomes[3][4096];
static int noutcomes[3], which;
static void random_steps(struct cells *w, int me) {
    uint32_t code = w->p->code >> (me * 10);
    for (int i = 0; i < STEPS; i++, code = code * 1664525u + 1013904223u) {
        conc_atomic(int) *cell = &w->cell[code >> 20 & 1];
        static const memory_order loads[3] = { CONC_RELAXED, CONC_ACQUIRE, CONC_SEQ_CST }, stores[3] = { CONC_RELAXED, CONC_RELEASE, CONC_SEQ_CST };
        uint32_t k = code >> 8 & 3, o = w->p->order < 0 ? (code >> 12) % 3 : 2;
        int v = 0;
        if (k == 0) conc_atomic_store_explicit(cell, me + 1, stores[o]);
        else if (k == 1) v = conc_atomic_load_explicit(cell, loads[o]);
        else if (k == 2) v = conc_atomic_fetch_add_explicit(cell, me + 1, o == 2 ? CONC_SEQ_CST : o ? CONC_ACQ_REL : CONC_RELAXED);
        else if (code >> 16 & 1) conc_atomic_fence(CONC_SEQ_CST);
        else (void)conc_atomic_compare_exchange_explicit(cell, &v, me + 1, CONC_SEQ_CST, loads[o]);
        w->got[me] = w->got[me] * 10 + v;
    }
}
static void random_program(void *arg) {
    struct cells w = { { 0, 0 }, { 0, 0, 0 }, CONC_WG_INIT, (const struct program *)arg };
    uint32_t hash = 2166136261u;
    for (int i = 0; i < w.p->goroutines; i++) conc_wg_go(&w.wg, random_steps, &w, i);
    conc_wg_wait(&w.wg);
    for (int i = 0; i < 3; i++) hash = (hash ^ (uint32_t)w.got[i]) * 16777619u;
    for (int i = 0; i < CELLS; i++) hash = (hash ^ (uint32_t)conc_atomic_load(&w.cell[i])) * 16777619u;
    for (int i = 0; i < noutcomes[which]; i++)
        if (outcomes[which][i] == hash) return;
    if (noutcomes[which] < 4096) outcomes[which][noutcomes[which]++] = hash;
}
static bool includes(int a, int b) { /* every outcome of b is one of a */
    for (int i = 0; i < noutcomes[b]; i++) {
        int k = 0;
        while (k < noutcomes[a] && outcomes[a][k] != outcomes[b][i]) k++;
        if (k == noutcomes[a]) return false;
    }
    return true;
}
static void explore(int into, const struct program *p, conc_strategy strategy, bool weak) {
    which = into;
    noutcomes[into] = 0;
    conc_report r = conc_test(random_program, (void *)(uintptr_t)p, .strategy = strategy, .preemptions = 1000, .weak = weak, .time = CONC_TIME_IDLE);
    CHECK_SAY(r.exhausted, "program %08x: %s", p->code, r.text);
}
/* Weak memory has every outcome of strong memory; with all orders sequentially consistent no other; and the search that leaves out what is
   equivalent finds what plain depth-first search finds. */
TEST(random_programs, .seconds = 120) {
    uint32_t x = 12345;
    for (int i = 0; i < scale(300); i++) {
        x = x * 1664525u + 1013904223u;
        struct program p = { x ^ x >> 13, 2 + (i % 16 == 0), -1 };
        explore(0, &p, CONC_EXHAUSTIVE, true);
        explore(1, &p, CONC_EXHAUSTIVE, false);
        CHECK_SAY(includes(0, 1), "program %08x: an outcome of strong memory is missing", p.code);
        if (p.goroutines == 2) {
            explore(1, &p, CONC_BOUNDED, true);
            CHECK_SAY(includes(0, 1) && includes(1, 0), "program %08x: %d outcomes of %d", p.code, noutcomes[0], noutcomes[1]);
        }
        p.order = 2;
        explore(0, &p, CONC_EXHAUSTIVE, true);
        explore(1, &p, CONC_EXHAUSTIVE, false);
        CHECK_SAY(includes(0, 1) && includes(1, 0), "program %08x, sequentially consistent: %d outcomes, not %d", p.code, noutcomes[0], noutcomes[1]);
    }
}

/* ---- bugs that only weak memory has, found at random, and replayed ---- */
struct peterson { conc_atomic(int) want[2], turn; int inside; bool strong; conc_wg wg; };
static void critical(struct peterson *p, int me) {
    memory_order order = p->strong ? CONC_SEQ_CST : CONC_RELEASE, load = p->strong ? CONC_SEQ_CST : CONC_ACQUIRE;
    conc_atomic_store_explicit(&p->want[me], 1, order);
    conc_atomic_store_explicit(&p->turn, !me, order);
    while (conc_atomic_load_explicit(&p->want[!me], load) && conc_atomic_load_explicit(&p->turn, load) != me) conc_relax();
    conc_wr(p->inside, conc_rd(p->inside) + 1);
    conc_atomic_store_explicit(&p->want[me], 0, order);
}
static void peterson(void *arg) {
    struct peterson p = { { 0, 0 }, 0, 0, arg != NULL, CONC_WG_INIT };
    for (int i = 0; i < 2; i++) conc_wg_go(&p.wg, critical, &p, i);
    conc_wg_wait(&p.wg);
    conc_assert(conc_rd(p.inside) == 2);
}
TEST(peterson_needs_more) {
    int yes = 1;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        conc_report r = conc_test(peterson, NULL, .weak = true, .seed = seed, .schedules = 1000, .seconds = 60);
        CHECK_SAY(r.kind == CONC_FAIL_RACE, "seed %d: %s", (int)seed, r.text);
        char *token = strdup(r.token), *list = strstr(r.text, "CONC_REPLAY='c1w=");
        CHECK(strncmp(token, "c1w.", 4) == 0);
        CHECK(strstr(r.text, "finds an older value") != NULL);
        REQUIRE(list != NULL);
        list = strndup(list + 13, strcspn(list + 13, "'"));
        CHECK_EQ(conc_replay(peterson, NULL, token).kind, CONC_FAIL_RACE);
        CHECK_EQ(conc_replay(peterson, NULL, list).kind, CONC_FAIL_RACE);
        free(token);
        free(list);
    }
    CHECK(conc_test(peterson, NULL, .strategy = CONC_EXHAUSTIVE).ok);
    conc_report r = conc_test(peterson, &yes, .strategy = CONC_EXHAUSTIVE, .weak = true);
    CHECK_SAY(r.ok && r.exhausted, "%s", r.text);
    r = conc_test(peterson, &yes, .weak = true, .schedules = (uint64_t)scale(20000), .seconds = 60);
    CHECK_SAY(r.ok, "%s", r.text);
}

/* ---- a store becomes visible in the end ---- */
static void raise_flag(struct world *w) { conc_atomic_store_explicit(&w->x, 1, CONC_RELAXED); }
static void spins(void *arg) { /* without conc_relax, with it, and by failing compare-exchanges */
    struct world w = { 0, 0, { 0, 0, 0, 0 }, 0, 0, CONC_WG_INIT };
    int one = 1;
    conc_wg_go(&w.wg, raise_flag, &w);
    if (!arg) conc_wg_wait(&w.wg); /* ordered: no old value can be read */
    while (!conc_atomic_load_explicit(&w.x, CONC_RELAXED)) conc_relax();
    while (!conc_atomic_compare_exchange_explicit(&w.x, &one, 2, CONC_RELAXED, CONC_RELAXED)) one = 1;
    conc_wg_wait(&w.wg);
    conc_assert(conc_atomic_load_explicit(&w.x, CONC_RELAXED) == 2);
}
static void polls(void *arg) {
    struct world w = { 0, 0, { 0, 0, 0, 0 }, 0, 0, CONC_WG_INIT };
    (void)arg;
    conc_wg_go(&w.wg, raise_flag, &w);
    int n = 0;
    conc_settle();
    while (!conc_atomic_load_explicit(&w.x, CONC_RELAXED)) conc_assert(++n < 3);
    conc_wg_wait(&w.wg);
}
TEST(stores_arrive) {
    int yes = 1;
    for (int i = 0; i < 2; i++) {
        conc_report r = conc_test(spins, i ? &yes : NULL, .weak = true, .schedules = (uint64_t)scale(5000), .seconds = 60);
        CHECK_SAY(r.ok, "%s", r.text);
        r = conc_test(spins, i ? &yes : NULL, .weak = true, .strategy = CONC_EXHAUSTIVE);
        CHECK_SAY(r.ok && r.exhausted, "%s", r.text);
    }
    conc_report r = conc_test(polls, NULL, .weak = true, .schedules = (uint64_t)scale(5000), .seconds = 60);
    CHECK_SAY(r.ok, "%s", r.text);
}
/* Locks, channels and groups order atomics, too: what is known before passes over. */
static void relaxed_locked(struct world *w, conc_mutex *mu) {
    conc_mutex_lock(mu);
    int v = conc_atomic_load_explicit(&w->x, CONC_RELAXED);
    conc_atomic_store_explicit(&w->x, v + 1, CONC_RELAXED);
    conc_mutex_unlock(mu);
}
static void relaxed_under_locks(void *arg) {
    struct world w = { 0, 0, { 0, 0, 0, 0 }, 0, 0, CONC_WG_INIT };
    conc_mutex mu = CONC_MUTEX_INIT;
    (void)arg;
    for (int i = 0; i < 3; i++) conc_wg_go(&w.wg, relaxed_locked, &w, &mu);
    conc_wg_wait(&w.wg);
    conc_assert(conc_atomic_load_explicit(&w.x, CONC_RELAXED) == 3);
}
TEST(operations_order_atomics) {
    conc_report r = conc_test(relaxed_under_locks, NULL, .weak = true, .strategy = CONC_EXHAUSTIVE);
    CHECK_SAY(r.ok && r.exhausted, "%s", r.text);
    CHECK_EQ(r.schedules, 6);
}
#else
static void nothing(void *arg) { (void)arg; }
TEST(unavailable) { CHECK_EQ(conc_test(nothing, NULL, .weak = true).kind, CONC_FAIL_UNAVAILABLE); }
#endif
