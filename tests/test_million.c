/* Size: a million goroutines in one process; ten thousand in blocking calls; spinners against a sleeper. Prints its figures. */
#include "harness.h"
#include <sys/resource.h>
#include <time.h>

typedef chan(int) ints;

static long resident_kb(void) {
    long pages = 0, skip;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f) return 0;
    if (fscanf(f, "%ld %ld", &skip, &pages) != 2) pages = 0;
    fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}
static long max_map_count(void) {
    long n = 0;
    FILE *f = fopen("/proc/sys/vm/max_map_count", "r");
    if (!f) return 0;
    if (fscanf(f, "%ld", &n) != 1) n = 0;
    fclose(f);
    return n;
}

static void park_and_count(ints gate, conc_atomic(int) *in, conc_atomic(long) *sum) {
    atomic_fetch_add(in, 1);
    atomic_fetch_add(sum, chan_recv(gate));
}

/* A million parked goroutines are made, woken and freed in one process, twice, with the default vm.max_map_count. */
TEST(a_million_parked, .heavy = true, .seconds = 900) {
    int n = (int)live(scale(1000000));
    for (int round = 0; round < 2; round++) {
        ints gate = chan_make(int);
        conc_atomic(int) in;
        conc_atomic(long) sum;
        atomic_init(&in, 0);
        atomic_init(&sum, 0);
        long before = resident_kb();
        int64_t t0 = conc_now();
        for (int i = 0; i < n; i++) go(park_and_count, gate, &in, &sum);
        while (atomic_load(&in) < n) conc_sleep(CONC_MS);
        int64_t t1 = conc_now();
        long used = resident_kb() - before;
        CHECK_EQ(conc_num_goroutines(), n + body_goroutines());
        for (int i = 0; i < n; i++) chan_send(gate, 1);
        while (conc_num_goroutines() > body_goroutines()) conc_sleep(CONC_MS);
        int64_t t2 = conc_now();
        CHECK_EQ(atomic_load(&sum), n);
        printf("%d parked goroutines: made in %.2f s, %.2f KiB each, woken and ended in %.2f s (vm.max_map_count %ld)\n", n,
               (double)(t1 - t0) / 1e9, (double)used / n, (double)(t2 - t1) / 1e9, max_map_count());
        chan_free(gate);
    }
}

static void one_more(conc_atomic(int) *n, int of, ints gate, conc_wg *wg) {
    if (atomic_fetch_add(n, 1) + 1 == of) chan_close(gate);
    else (void)chan_recv(gate);
    conc_wg_done(wg);
}

/* The same released at once by a close. */
TEST(a_million_released_by_close, .heavy = true, .seconds = 900) {
    int n = (int)live(scale(1000000));
    ints gate = chan_make(int);
    conc_atomic(int) in;
    conc_wg wg = CONC_WG_INIT;
    atomic_init(&in, 0);
    conc_wg_add(&wg, n);
    int64_t t = conc_now();
    for (int i = 0; i < n; i++) go(one_more, &in, n, gate, &wg);
    conc_wg_wait(&wg);
    printf("%d goroutines parked and released by one close: %.2f s\n", n, (double)(conc_now() - t) / 1e9);
    wait_goroutines(body_goroutines());
    chan_free(gate);
}

static void block_thread(int64_t ns) {
    struct timespec t = { (time_t)(ns / CONC_SEC), (long)(ns % CONC_SEC) };
    while (nanosleep(&t, &t) != 0) {}
}
static void blocked_call(int64_t ns, conc_atomic(int) *in) {
    atomic_fetch_add(in, 1);
    block_thread(ns);
}

/* Ten thousand goroutines in a real, unmarked nanosleep do not stop a ticker. (Each that is blocked at the same time costs a
   thread; the default limit is 10,000 threads, so a little less are started.) */
TEST(ten_thousand_blocked, .heavy = true, .seconds = 900) {
    int n = (int)live(scale(9000)), ticks = 0, worst_gap = 0;
    struct rlimit most;
    if (getrlimit(RLIMIT_NPROC, &most) == 0 && most.rlim_cur < (rlim_t)n + 1000) n = (int)most.rlim_cur / 2;
    conc_atomic(int) in;
    conc_wg wg = CONC_WG_INIT;
    atomic_init(&in, 0);
    conc_ticker *t = conc_ticker_new(10 * CONC_MS);
    int64_t begin = conc_now(), last = begin, v;
    for (int i = 0; i < n; i++) conc_wg_go(&wg, blocked_call, CONC_SEC, &in);
    while (conc_wg_wait_for(&wg, 0) != CONC_OK) {
        if (chan_recv_for(conc_ticker_chan(t), &v, CONC_SEC) != CONC_OK) continue;
        int64_t now = conc_now();
        if (now - last > worst_gap) worst_gap = (int)(now - last);
        last = now;
        ticks++;
    }
    double took = (double)(conc_now() - begin) / 1e9;
    printf("%d goroutines in nanosleep(1 s): all done in %.2f s, a 10 ms ticker ticked %d times, longest gap %.1f ms, %d threads\n",
           n, took, ticks, (double)worst_gap / 1e6, conc_num_threads());
    CHECK_SAY(ticks >= 10, "%d ticks", ticks);
    CHECK_SAY(worst_gap < limit(CONC_SEC), "a gap of %.1f ms", (double)worst_gap / 1e6);
    wait_goroutines(body_goroutines());
    conc_ticker_free(t);
}

static void spin(conc_atomic(int) *stop) {
    while (!atomic_load(stop)) {}
}
static int compare_ns(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}
static void sleeps(int64_t *late, int n) {
    for (int i = 0; i < n; i++) {
        int64_t t = conc_now();
        conc_sleep(CONC_MS);
        late[i] = conc_now() - t - CONC_MS;
    }
}

/* Eight spinning goroutines on two processors do not delay a 1 ms sleeper by more than 5 ms at the 99th percentile. */
TEST(spinners_against_a_sleeper, .heavy = true, .seconds = 900) {
    enum { N = 500 };
    static int64_t late[N];
    int n = (int)scale(N) > N ? N : (int)scale(N), procs = conc_set_procs(2);
    int64_t best = INT64_MAX, median = 0;
    for (int try = 0; try < 5 && best > 5 * CONC_MS; try++) {
        conc_atomic(int) stop;
        conc_wg wg = CONC_WG_INIT;
        atomic_init(&stop, 0);
        for (int i = 0; i < 8; i++) conc_wg_go(&wg, spin, &stop);
        conc_run(sleeps, late, n);
        atomic_store(&stop, 1);
        conc_wg_wait(&wg);
        qsort(late, (size_t)n, sizeof *late, compare_ns);
        if (late[n * 99 / 100] < best) best = late[n * 99 / 100], median = late[n / 2];
        printf("8 spinners on 2 processors: 1 ms sleeps are %.2f ms late at the median, %.2f at p99, %.2f at worst\n",
               (double)late[n / 2] / 1e6, (double)late[n * 99 / 100] / 1e6, (double)late[n - 1] / 1e6);
    }
    CHECK_SAY(best <= limit(5 * CONC_MS), "p99 is %.2f ms, the median %.2f ms", (double)best / 1e6, (double)median / 1e6);
    conc_set_procs(procs);
}
