/* Group sched: switch costs, wake-up latency, system calls.
   Twin: ../go/sched.go. Rules: ../README.md. */
#include "bench.h"
#include <sys/syscall.h>

// ---- switches ----
static void yielder(chan(char) start, int64_t yields, conc_wg *wg) {
    chan_recv(start);
    for (int64_t i = 0; i < yields; i++) conc_yield();
    conc_wg_done(wg);
}

/* G goroutines share total yields; ns per yield. */
static double gosched(int64_t g, int64_t total) {
    conc_wg wg = CONC_WG_INIT;
    chan(char) start = chan_make(char);
    conc_wg_add(&wg, (int)g);
    for (int64_t i = 0; i < g; i++) go(yielder, start, total / g, &wg);
    int64_t t = bench_now();
    chan_close(start);
    conc_wg_wait(&wg);
    double ns = ns_per(t, total / g * g);
    chan_free(start);
    return ns;
}

static void hop(chan(int64_t) in, chan(int64_t) out, chan(char) done) {
    chan_range(v, in) {
        if (v == 0) {
            chan_close(done);
            return;
        }
        chan_send(out, v - 1);
    }
}

/* G goroutines in a ring of unbuffered channels, one token. */
static double ring(int g, int64_t hops) {
    conc_wg wg = CONC_WG_INIT;
    chan(char) done = chan_make(char);
    chan(int64_t) *c = bench_alloc(g, sizeof *c);
    for (int i = 0; i < g; i++) c[i] = chan_make(int64_t);
    for (int i = 0; i < g; i++) conc_wg_go(&wg, hop, c[i], c[(i + 1) % g], done);
    int64_t t = bench_now();
    chan_send(c[0], hops);
    chan_recv(done);
    double ns = ns_per(t, hops);
    for (int i = 0; i < g; i++) chan_close(c[i]); /* the others leave their loops */
    conc_wg_wait(&wg);
    for (int i = 0; i < g; i++) chan_free(c[i]);
    chan_free(done);
    free(c);
    return ns;
}

// ---- wake-ups ----
/* Notes how old each time stamp is on arrival. */
static void stopwatch(chan(int64_t) c, double *late) {
    chan_range(t, c) *late++ = us_since(t);
}

/* The receiver has been blocked for >= 1 ms on an unbuffered channel; from just before the send to
   its first statement. With busy the sender then computes for 1 ms without yielding: another, idle
   processor has to pick the receiver up (with one processor the result is the 1 ms). */
static double *wake(int64_t n, bool busy) {
    conc_wg wg = CONC_WG_INIT;
    chan(int64_t) c = chan_make(int64_t);
    double *late = bench_alloc(n, sizeof *late);
    conc_wg_go(&wg, stopwatch, c, late);
    for (int64_t i = 0; i < n; i++) {
        conc_sleep(CONC_MS);
        int64_t t = bench_now();
        chan_send(c, t);
        while (busy && bench_now() - t < CONC_MS) {}
    }
    chan_close(c);
    conc_wg_wait(&wg);
    chan_free(c);
    bench_sort(late, n);
    return late;
}

static void wake_idle(int64_t n, double *v) {
    double *late = wake(n, false);
    v[0] = bench_pct(late, n, .5);
    v[1] = bench_pct(late, n, .99);
    v[2] = late[n - 1];
    free(late);
}

static void wake_other(int64_t n, double *v) {
    double *late = wake(n, true);
    v[0] = bench_pct(late, n, .5);
    v[1] = bench_pct(late, n, .9);
    v[2] = bench_pct(late, n, .99);
    free(late);
}

// ---- system calls ----
static double syscall_raw(int64_t n) {
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++) syscall(SYS_getppid);
    return ns_per(t, n);
}

static double syscall_marked(int64_t n) {
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++)
        conc_blocking { syscall(SYS_getppid); }
    return ns_per(t, n);
}

static void block(int64_t ns, bool marked) { /* holds up the thread, unlike conc_sleep */
    struct timespec d = { ns / CONC_SEC, ns % CONC_SEC };
    if (marked)
        conc_blocking { nanosleep(&d, NULL); }
    else
        nanosleep(&d, NULL);
}

/* G goroutines make one 10 ms call each; ms until all are back. */
static double blocking(int g, bool marked) {
    conc_wg wg = CONC_WG_INIT;
    int64_t t = bench_now();
    for (int i = 0; i < g; i++) conc_wg_go(&wg, block, 10 * CONC_MS, marked);
    conc_wg_wait(&wg);
    return ms_since(t);
}

/* In a fresh process, where no spare threads exist yet. */
static double blocking_cold(int g, bool marked) {
    char what[32];
    double ms;
    snprintf(what, sizeof what, "%d,%d", g, marked);
    bench_child(what, &ms, 1);
    return ms;
}

static void echo(chan(int64_t) a, chan(int64_t) b) {
    chan_range(v, a) chan_send(b, v);
}

static double ping_pong(int64_t n) {
    conc_wg wg = CONC_WG_INIT;
    chan(int64_t) a = chan_make(int64_t), b = chan_make(int64_t);
    conc_wg_go(&wg, echo, a, b);
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++) {
        chan_send(a, i);
        chan_recv(b);
    }
    double ns = ns_per(t, n);
    chan_close(a);
    conc_wg_wait(&wg);
    chan_free(a), chan_free(b);
    return ns;
}

static void blocker(conc_atomic(int) *stop) {
    while (!conc_atomic_load(stop)) block(CONC_MS, true);
}

/* While 8 goroutines loop on blocking 1 ms system calls. */
static double ping_pong_blocked(int64_t n) {
    conc_wg wg = CONC_WG_INIT;
    conc_atomic(int) stop = 0;
    for (int i = 0; i < 8; i++) conc_wg_go(&wg, blocker, &stop);
    conc_sleep(5 * CONC_MS);
    double ns = ping_pong(n);
    conc_atomic_store(&stop, 1);
    conc_wg_wait(&wg);
    return ns;
}

// ---- hogs ----
static void hog(conc_atomic(int) *stop, conc_atomic(int64_t) *sink) { /* no call, no yield */
    int64_t x = 0;
    while (!conc_atomic_load(stop)) x++;
    conc_atomic_fetch_add(sink, x);
}

/* 2 * P hogs and one goroutine that yields for d. Every yield then waits for hogs to be preempted:
   mean and worst wait show the preemption quantum and the queue discipline. */
static void hog_yield(int64_t d, double *v) {
    conc_wg wg = CONC_WG_INIT;
    conc_atomic(int) stop = 0;
    conc_atomic(int64_t) sink = 0;
    for (int i = 0; i < 2 * conc_set_procs(0); i++) conc_wg_go(&wg, hog, &stop, &sink);
    int64_t t = bench_now();
    double worst = 0, rounds = 0;
    while (bench_now() - t < d) {
        int64_t t1 = bench_now();
        conc_yield();
        double wait = ms_since(t1);
        if (wait > worst) worst = wait;
        rounds++;
    }
    v[0] = ms_since(t) / rounds;
    v[1] = worst;
    conc_atomic_store(&stop, 1);
    conc_wg_wait(&wg);
}

static int child(const char *what) {
    int g = 0, marked = 1;
    sscanf(what, "%d,%d", &g, &marked);
    printf("%f\n", blocking(g, marked));
    return 0;
}

int bench_main(void) {
    if (getenv("GOB_CHILD")) return child(getenv("GOB_CHILD"));
    bench_head("sched");
    BENCH("sched.gosched_1g", "ns/yield", gosched(1, bench_n(2000000)));
    BENCH("sched.gosched_2g", "ns/yield", gosched(2, bench_n(2000000)));
    BENCH("sched.gosched_1000g", "ns/yield", gosched(1000, bench_n(2000000)));
    BENCH("sched.ring503", "ns/hop", ring(503, bench_n(1000000)));
    for (bench b = BENCH_OF({ "sched.wake_idle_p50", "us" }, { "sched.wake_idle_p99", "us" },
                            { "sched.wake_idle_max", "us" }); bench_next(&b);)
        wake_idle(bench_n(1000), b.v);
    for (bench b = BENCH_OF({ "sched.wake_other_p50", "us" }, { "sched.wake_other_p90", "us" },
                            { "sched.wake_other_p99", "us" }); bench_next(&b);)
        wake_other(bench_n(1000), b.v);
    BENCH("sched.syscall_raw_getppid", "ns/call", syscall_raw(bench_n(2000000)));
    BENCH("sched.syscall_entersyscall_getppid", "ns/call", syscall_marked(bench_n(2000000)));
    BENCH("sched.blocking100x10ms_cold", "ms", blocking_cold(100, true));
    BENCH("sched.blocking1000x10ms_cold", "ms", blocking_cold(1000, true));
    BENCH("sched.blocking100x10ms", "ms", blocking(100, true));
    BENCH("sched.blocking1000x10ms", "ms", blocking(1000, true));
    /* the same with calls that nobody has marked: the monitor has to notice them */
    BENCH("sched.blocking1000x10ms_unannotated_cold", "ms", blocking_cold(1000, false));
    BENCH("sched.blocking1000x10ms_unannotated", "ms", blocking(1000, false));
    BENCH("sched.pingpong_with_8_blocking_syscalls", "ns/roundtrip",
          ping_pong_blocked(bench_n(300000)));
    for (bench b = BENCH_OF({ "sched.hogs_2P_yield_mean", "ms" },
                            { "sched.hogs_2P_yield_worst", "ms" }); bench_next(&b);)
        hog_yield(CONC_SEC, b.v);
    return 0;
}
