/* Group forkjoin: fork-join and data-parallel compute.
   Twin: ../go/forkjoin.go. Rules: ../README.md. */
#include "bench.h"

// ---- fib ----
__attribute__((noinline)) static int64_t fib(int64_t n) {
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static int64_t fib_wg(int64_t n, int64_t cut);

static void fib_wg_into(int64_t *result, int64_t n, int64_t cut) { *result = fib_wg(n, cut); }

/* Spawns fib(n - 1), computes fib(n - 2) itself, joins through a WaitGroup. */
static int64_t fib_wg(int64_t n, int64_t cut) {
    if (n < 2 || n <= cut) return fib(n);
    conc_wg wg = CONC_WG_INIT;
    int64_t a;
    conc_wg_go(&wg, fib_wg_into, &a, n - 1, cut);
    int64_t b = fib_wg(n - 2, cut);
    conc_wg_wait(&wg);
    return a + b;
}

static int64_t fib_chan(int64_t n, int64_t cut);

static void fib_chan_into(chan(int64_t) c, int64_t n, int64_t cut) {
    chan_send(c, fib_chan(n, cut));
}

/* The same, joined through a channel of capacity 1. */
static int64_t fib_chan(int64_t n, int64_t cut) {
    if (n < 2 || n <= cut) return fib(n);
    chan(int64_t) c = chan_make(int64_t, 1);
    go(fib_chan_into, c, n - 1, cut);
    int64_t b = fib_chan(n - 2, cut), a = chan_recv(c);
    chan_free(c);
    return a + b;
}

/* The milliseconds that an expression takes, which must have the value `want`. */
#define TIMED(expr, want) __extension__({ \
    int64_t start_ = bench_now(); \
    int64_t got_ = (expr); \
    double ms_ = ms_since(start_); \
    if (got_ != (want)) bench_fail("%s is %lld", #expr, (long long)got_); \
    ms_; })

// ---- quicksort ----
static void swap(int64_t *a, int64_t *b) {
    int64_t t = *a;
    *a = *b;
    *b = t;
}

static void insertion_sort(int64_t *a, int64_t n) {
    for (int64_t i = 1; i < n; i++) {
        int64_t v = a[i], j = i - 1;
        for (; j >= 0 && a[j] > v; j--) a[j + 1] = a[j];
        a[j + 1] = v;
    }
}

/* Hoare, median of three; j: [0, j] and [j + 1, n). */
static int64_t partition(int64_t *a, int64_t n) {
    int64_t m = n / 2, last = n - 1;
    if (a[m] < a[0]) swap(&a[m], &a[0]);
    if (a[last] < a[0]) swap(&a[last], &a[0]);
    if (a[last] < a[m]) swap(&a[last], &a[m]);
    int64_t pivot = a[m], i = -1, j = n;
    for (;;) {
        do i++; while (a[i] < pivot);
        do j--; while (a[j] > pivot);
        if (i >= j) return j;
        swap(&a[i], &a[j]);
    }
}

static void sort_serial(int64_t *a, int64_t n) {
    while (n > 16) {
        int64_t left = partition(a, n) + 1;
        if (left < n - left) {
            sort_serial(a, left);
            a += left;
            n -= left;
        } else {
            sort_serial(a + left, n - left);
            n = left;
        }
    }
    insertion_sort(a, n);
}

/* A goroutine for the left part while the length is above cut. */
static void sort_parallel(int64_t *a, int64_t n, int64_t cut, conc_wg *wg) {
    while (n > cut) {
        int64_t left = partition(a, n) + 1;
        conc_wg_go(wg, sort_parallel, a, left, cut, wg);
        a += left;
        n -= left;
    }
    sort_serial(a, n);
}

static int64_t *sort_input(int64_t n) {
    int64_t *a = bench_alloc(n, sizeof *a);
    uint64_t x = 88172645463325252u;
    for (int64_t i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        a[i] = (int64_t)(x >> 1);
    }
    return a;
}

/* Cut 0: serial. */
static double sort_timed(int64_t *a, const int64_t *input, int64_t n, int64_t cut) {
    conc_wg wg = CONC_WG_INIT;
    memcpy(a, input, (size_t)n * sizeof *a);
    int64_t t = bench_now();
    if (cut)
        conc_wg_go(&wg, sort_parallel, a, n, cut, &wg);
    else
        sort_serial(a, n);
    conc_wg_wait(&wg);
    double ms = ms_since(t);
    for (int64_t i = 1; i < n; i++)
        if (a[i - 1] > a[i]) bench_fail("not sorted");
    return ms;
}

// ---- Mandelbrot set: iterations in a picture of [-2, 1] x [-1.5, 1.5], at most 200 per point ----
static int64_t mandel_row(int64_t y, int64_t size) {
    int64_t sum = 0;
    double ci = -1.5 + 3 * (double)y / (double)size;
    for (int64_t x = 0; x < size; x++) {
        double cr = -2 + 3 * (double)x / (double)size, zr = 0, zi = 0;
        int k = 0;
        for (; k < 200 && zr * zr + zi * zi <= 4; k++) {
            double next = zr * zr - zi * zi + cr;
            zi = 2 * zr * zi + ci;
            zr = next;
        }
        sum += k;
    }
    return sum;
}

static int64_t mandel_serial(int64_t size) {
    int64_t sum = 0;
    size = bench_opaque(size); /* lest all runs share one result */
    for (int64_t y = 0; y < size; y++) sum += mandel_row(y, size);
    return sum;
}

static void mandel_worker(chan(int64_t) rows, chan(int64_t) results, int64_t size) {
    chan_range(y, rows) chan_send(results, mandel_row(y, size));
}

static void mandel_feed(chan(int64_t) rows, int64_t size) {
    for (int64_t y = 0; y < size; y++) chan_send(rows, y);
    chan_close(rows);
}

/* Workers take row numbers from an unbuffered channel, results come back on another. */
static int64_t mandel_pool(int64_t size, int workers) {
    chan(int64_t) rows = chan_make(int64_t), results = chan_make(int64_t);
    conc_wg wg = CONC_WG_INIT;
    int64_t sum = 0;
    for (int i = 0; i < workers; i++) conc_wg_go(&wg, mandel_worker, rows, results, size);
    conc_wg_go(&wg, mandel_feed, rows, size);
    for (int64_t y = 0; y < size; y++) sum += chan_recv(results);
    conc_wg_wait(&wg); /* the channels may go when the workers have seen the end */
    chan_free(rows), chan_free(results);
    return sum;
}

static void mandel_send(int64_t y, int64_t size, chan(int64_t) results) {
    chan_send(results, mandel_row(y, size));
}

static int64_t mandel_go(int64_t size) { /* one goroutine per row */
    chan(int64_t) results = chan_make(int64_t, size);
    int64_t sum = 0;
    for (int64_t y = 0; y < size; y++) go(mandel_send, y, size, results);
    for (int64_t y = 0; y < size; y++) sum += chan_recv(results);
    chan_free(results);
    return sum;
}

int bench_main(void) {
    bench_head("forkjoin");
    BENCH("forkjoin.fib35_serial", "ms", TIMED(fib(bench_opaque((int64_t)35)), 9227465));
    BENCH("forkjoin.fib35_cut20_wg", "ms", TIMED(fib_wg(35, 20), 9227465));
    BENCH("forkjoin.fib35_cut20_chan", "ms", TIMED(fib_chan(35, 20), 9227465));
    BENCH("forkjoin.fib35_cut10_wg", "ms", TIMED(fib_wg(35, 10), 9227465));
    BENCH("forkjoin.fib27_nocut_wg", "ms", TIMED(fib_wg(27, 1), 196418));

    int64_t n = bench_n(10000000), *input = sort_input(n), *a = bench_alloc(n, sizeof *a);
    BENCH("forkjoin.qsort_1e7_serial", "ms", sort_timed(a, input, n, 0));
    BENCH("forkjoin.qsort_1e7_cut2048", "ms", sort_timed(a, input, n, 2048));
    BENCH("forkjoin.qsort_1e7_cut64", "ms", sort_timed(a, input, n, 64));
    free(input), free(a);

    int64_t want = mandel_serial(1024);
    printf("# mandel1024 iteration sum %lld\n", (long long)want);
    BENCH("forkjoin.mandel1024_serial", "ms", TIMED(mandel_serial(1024), want));
    BENCH("forkjoin.mandel1024_pool_P", "ms", TIMED(mandel_pool(1024, conc_set_procs(0)), want));
    BENCH("forkjoin.mandel1024_pool_64", "ms", TIMED(mandel_pool(1024, 64), want));
    BENCH("forkjoin.mandel1024_go_per_row", "ms", TIMED(mandel_go(1024), want));
    return 0;
}
