/* Group timer: timers, sleeps, tickers.
   Twin: ../go/timer.go. Rules: ../README.md. */
#include "bench.h"

static void never(void *arg) {
    (void)arg;
    bench_fail("a timer fired that should have been stopped");
}

/* A timer that fires in one to two hours. */
static conc_timer *distant_timer(uint32_t *x) {
    int64_t ns = CONC_HOUR + (int64_t)(xorshift32(x) % 3600000) * CONC_MS;
    conc_timer *t = conc_after_func(ns, never, NULL);
    if (!t) bench_fail("out of memory");
    return t;
}

static void timers_free(conc_timer **ts, int64_t n) {
    for (int64_t i = 0; i < n; i++) conc_timer_free(ts[i]);
    free(ts);
}

// ---- create, stop, reset, fire ----
/* N timers alive at once, stopped in creation order. */
static void create_stop(int64_t n, double *v) {
    conc_timer **ts = bench_alloc(n, sizeof *ts);
    uint32_t x = 12345;
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++) ts[i] = distant_timer(&x);
    v[0] = ns_per(t, n);
    t = bench_now();
    for (int64_t i = 0; i < n; i++)
        if (!conc_timer_stop(ts[i])) bench_fail("stop");
    v[1] = ns_per(t, n);
    v[2] = v[0] + v[1];
    timers_free(ts, n);
}

/* The timeout idiom: create, then stop at once. Freeing a timer stops it. */
static void time_out_often(int64_t n) {
    for (int64_t i = 0; i < n; i++) conc_timer_free(conc_after_func(30 * CONC_SEC, never, NULL));
}

static double create_stop_loop(int64_t n, int64_t alive) { /* with alive other timers pending */
    conc_timer **ts = bench_alloc(alive + 1, sizeof *ts);
    uint32_t x = 777;
    for (int64_t i = 0; i < alive; i++) ts[i] = distant_timer(&x);
    int64_t t = bench_now();
    time_out_often(n);
    double ns = ns_per(t, n);
    timers_free(ts, alive);
    return ns;
}

static double create_stop_par(int64_t g, int64_t n) {
    conc_wg wg = CONC_WG_INIT;
    int64_t t = bench_now();
    for (int64_t i = 0; i < g; i++) conc_wg_go(&wg, time_out_often, n / g);
    conc_wg_wait(&wg);
    return ns_per(t, n / g * g);
}

static double reset(int64_t n) {
    conc_timer *timer = conc_after_func(CONC_HOUR, never, NULL);
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++) conc_timer_reset(timer, CONC_HOUR + (i & 1023) * CONC_MS);
    double ns = ns_per(t, n);
    conc_timer_free(timer);
    return ns;
}

static double select_timeout(int64_t n) { /* {ready channel, 1 min}: a timeout for every message */
    chan(int64_t) c = chan_make(int64_t, 1);
    int64_t value, t = bench_now();
    for (int64_t i = 0; i < n; i++) {
        chan_send(c, i);
        chan_select {
            on_recv_into(&value, c) {}
            on_timeout(CONC_MIN) bench_fail("timeout");
        }
    }
    double ns = ns_per(t, n);
    chan_free(c);
    return ns;
}

static void finish(void *wg) { conc_wg_done(wg); }

static double fire(int64_t n) { /* n timers of 0..1 ms created, until all callbacks ran: ns each */
    conc_wg wg = CONC_WG_INIT;
    conc_timer **ts = bench_alloc(n, sizeof *ts);
    uint32_t x = 99;
    conc_wg_add(&wg, (int)n);
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++)
        ts[i] = conc_after_func((int64_t)(xorshift32(&x) % 1000) * CONC_US, finish, &wg);
    conc_wg_wait(&wg);
    for (int64_t i = 0; i < n; i++) conc_timer_free(ts[i]); /* timed: Go's collector is, too */
    double ns = ns_per(t, n);
    free(ts);
    return ns;
}

// ---- sleep ----
static void sleeper(double *late, int64_t d) {
    int64_t t = bench_now();
    conc_sleep(d);
    *late = (double)(bench_now() - t - d) / 1e3;
}

/* n goroutines each sleep 1..10 ms once; wall of all; lateness against each one's own deadline. */
static void sleepers(int64_t n, double *v) {
    conc_wg wg = CONC_WG_INIT;
    double *late = bench_alloc(n, sizeof *late);
    uint32_t x = 4242;
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++)
        conc_wg_go(&wg, sleeper, &late[i], (int64_t)(1000 + xorshift32(&x) % 9001) * CONC_US);
    conc_wg_wait(&wg);
    v[0] = ms_since(t);
    bench_sort(late, n);
    if (late[0] < 0) bench_fail("a sleeper woke %g us early", -late[0]);
    v[1] = bench_pct(late, n, .5);
    v[2] = bench_pct(late, n, .99);
    v[3] = late[n - 1];
    v[4] = late[0];
    free(late);
}

/* Lateness of a sleep of d in us: p50, p99, max. */
static void sleep_late(int64_t d, int64_t n, double *v) {
    double *late = bench_alloc(n, sizeof *late);
    for (int64_t i = 0; i < n; i++) sleeper(&late[i], d);
    bench_sort(late, n);
    v[0] = bench_pct(late, n, .5);
    v[1] = bench_pct(late, n, .99);
    v[2] = late[n - 1];
    free(late);
}

static void hog(conc_atomic(int) *stop) {
    while (!conc_atomic_load(stop)) {}
}

static void sleep_late_among(int hogs, int64_t n, double *v) { /* with goroutines in pure loops */
    conc_wg wg = CONC_WG_INIT;
    conc_atomic(int) stop = 0;
    for (int i = 0; i < hogs; i++) conc_wg_go(&wg, hog, &stop);
    conc_sleep(20 * CONC_MS);
    sleep_late(CONC_MS, n, v);
    conc_atomic_store(&stop, 1);
    conc_wg_wait(&wg);
}

// ---- ticker ----
/* P50 and p99 of |interval - d|, total drift in us. */
static void ticker(int64_t d, int64_t n, double *v) {
    double *jitter = bench_alloc(n, sizeof *jitter);
    conc_ticker *ticker = conc_ticker_new(d);
    recv_chan(int64_t) c = conc_ticker_chan(ticker);
    chan_recv(c);
    int64_t first = bench_now(), last = first;
    for (int64_t i = 0; i < n; i++) {
        chan_recv(c);
        int64_t now = bench_now(), off = now - last - d;
        jitter[i] = (double)(off < 0 ? -off : off) / 1e3;
        last = now;
    }
    bench_sort(jitter, n);
    v[0] = bench_pct(jitter, n, .5);
    v[1] = bench_pct(jitter, n, .99);
    v[2] = (double)(last - first - n * d) / 1e3;
    conc_ticker_free(ticker);
    free(jitter);
}

#define LATE(name) { name "_p50", "us" }, { name "_p99", "us" }, { name "_max", "us" }

int bench_main(void) {
    int procs = conc_set_procs(0);
    bench_head("timer");
    for (bench b = BENCH_OF({ "timer.afterfunc_create_1e6", "ns/op" },
                            { "timer.afterfunc_stop_1e6", "ns/op" },
                            { "timer.afterfunc_create_stop_1e6_sum", "ns/op" }); bench_next(&b);)
        create_stop(bench_n(1000000), b.v);
    BENCH("timer.create_stop_loop", "ns/op", create_stop_loop(bench_n(2000000), 0));
    BENCH("timer.create_stop_loop_100k_alive", "ns/op", create_stop_loop(bench_n(2000000), 100000));
    BENCH("timer.create_stop_loop_Pg", "ns/op", create_stop_par(procs, bench_n(2000000)));
    BENCH("timer.reset", "ns/op", reset(bench_n(2000000)));
    BENCH("timer.select_time_After", "ns/op", select_timeout(bench_n(500000)));
    BENCH("timer.fire_3e5", "ns/op", fire(bench_n(300000)));
    for (bench b = BENCH_OF({ "timer.sleepers_100k_wall", "ms" }, LATE("timer.sleepers_100k_late"),
                            { "timer.sleepers_100k_late_min", "us" }); bench_next(&b);)
        sleepers(bench_n(100000), b.v);
    for (bench b = BENCH_OF(LATE("timer.sleep1ms_idle_late")); bench_next(&b);)
        sleep_late(CONC_MS, bench_n(1000), b.v);
    for (bench b = BENCH_OF(LATE("timer.sleep50us_idle_late")); bench_next(&b);)
        sleep_late(50 * CONC_US, bench_n(1000), b.v);
    for (bench b = BENCH_OF(LATE("timer.sleep1ms_hogs_P_late")); bench_next(&b);)
        sleep_late_among(procs, bench_n(200), b.v);
    for (bench b = BENCH_OF(LATE("timer.sleep1ms_hogs_1_late")); bench_next(&b);)
        sleep_late_among(1, bench_n(200), b.v);
    for (bench b = BENCH_OF({ "timer.ticker1ms_jitter_p50", "us" },
                            { "timer.ticker1ms_jitter_p99", "us" },
                            { "timer.ticker1ms_drift", "us" }); bench_next(&b);)
        ticker(CONC_MS, bench_n(1000), b.v);
    return 0;
}
