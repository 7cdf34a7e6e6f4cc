/* Group explorer: what a schedule and a step cost under conc_test. Go has nothing of the kind, so there is no twin.
   Rules: ../README.md. */
#define CONC_TEST
#include "bench.h"

// ---- short schedules: the body starts anew again and again ----
static void add_n(conc_atomic(int) *x, int n) {
    for (int i = 0; i < n; i++) conc_atomic_fetch_add(x, 1);
}
/* 2 goroutines with 5 atomic additions each: 19 steps with those that start, join and end them. */
static void adds_2x5(void *arg) {
    (void)arg;
    conc_atomic(int) x = 0;
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 2; i++) conc_wg_go(&wg, add_n, &x, 5);
    conc_wg_wait(&wg);
    conc_assert(conc_atomic_load(&x) == 10);
}
static void lock_n(conc_mutex *m, int *x, int n) {
    for (int i = 0; i < n; i++) {
        conc_mutex_lock(m);
        ++*x;
        conc_mutex_unlock(m);
    }
}
/* A mutex that two want: some of the steps have to wait. */
static void locks_2x5(void *arg) {
    (void)arg;
    int x = 0;
    conc_mutex m = CONC_MUTEX_INIT;
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 2; i++) conc_wg_go(&wg, lock_n, &m, &x, 5);
    conc_wg_wait(&wg);
    conc_assert(x == 10);
}
static void send_n(chan(int) c, int n) {
    for (int i = 0; i < n; i++) chan_send(c, i);
}
static void recv_n(chan(int) c, int n) {
    for (int i = 0; i < n; i++) (void)chan_recv(c);
}
/* 3 producers and 3 consumers, 27 items through a channel with room for two. */
static void items_3x3(void *arg) {
    (void)arg;
    chan(int) c = chan_make(int, 2);
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 3; i++) {
        conc_wg_go(&wg, send_n, c, 9);
        conc_wg_go(&wg, recv_n, c, 9);
    }
    conc_wg_wait(&wg);
    chan_free(c);
}

// ---- long schedules: a crowd of goroutines that can all go on ----
enum { CROWD = 1000, ROUNDS = 50 };
static void yields(void) {
    for (int i = 0; i < ROUNDS; i++) conc_yield();
}
static void crowd_yields(void *arg) {
    (void)arg;
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < CROWD; i++) conc_wg_go(&wg, yields);
    conc_wg_wait(&wg);
}
/* Each two share an atomic, so that a step conflicts with one other, or none. */
static void crowd_adds(void *arg) {
    (void)arg;
    static conc_atomic(int) x[CROWD / 2];
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < CROWD; i++) conc_wg_go(&wg, add_n, &x[i / 2], ROUNDS);
    conc_wg_wait(&wg);
}
/* All want one mutex: with every unlock a thousand may look again. */
static void crowd_locks(void *arg) {
    (void)arg;
    int x = 0;
    conc_mutex m = CONC_MUTEX_INIT;
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < CROWD; i++) conc_wg_go(&wg, lock_n, &m, &x, 1);
    conc_wg_wait(&wg);
}

/* Without .races_allowed the first schedule of a test looks for data races, which in a crowd takes longer than all others. */
static double run(void (*body)(void *), conc_strategy how, int64_t schedules, bool per_step) {
    int64_t t = bench_now();
    conc_report r = conc_test(body, NULL, .strategy = how, .schedules = (uint64_t)schedules, .seconds = 3600, .fair_after = 1000000,
                              .races_allowed = per_step, .time = CONC_TIME_IDLE);
    double ns = ns_per(t, per_step ? (int64_t)r.steps : schedules);
    if (!r.ok || r.schedules != (uint64_t)schedules) bench_fail("%s", r.text);
    return ns;
}

static const struct { const char *name; conc_strategy how; } ways[] = {
    { "random", CONC_RANDOM }, { "pos", CONC_POS }, { "pct", CONC_PCT }, { "mix", CONC_MIX }
};
static const struct { const char *name; void (*body)(void *); int64_t schedules; bool per_step; } bodies[] = {
    { "adds_2x5", adds_2x5, 400000, false },     { "locks_2x5", locks_2x5, 200000, false },  { "items_3x3", items_3x3, 50000, false },
    { "yields_1000g", crowd_yields, 20, true },  { "adds_1000g", crowd_adds, 20, true },     { "locks_1000g", crowd_locks, 100, true }
};

int bench_main(void) {
    bench_head("explorer");
    for (size_t b = 0; b < sizeof bodies / sizeof *bodies; b++)
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
            char name[64];
            snprintf(name, sizeof name, "explorer.%s_%s", bodies[b].name, ways[w].name);
            BENCH(name, bodies[b].per_step ? "ns/step" : "ns/schedule",
                  run(bodies[b].body, ways[w].how, bench_n(bodies[b].schedules), bodies[b].per_step));
        }
    return 0;
}
