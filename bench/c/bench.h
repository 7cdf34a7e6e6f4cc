/* bench.h - the harness of the C benchmarks, twin of ../go/harness.go.

   Env: GOB_RUNS (timed runs per metric, default 5), GOB_WARM (discarded runs, default 1), GOB_SCALE
   (float, scales the work, default 1), GOB_MATCH (regexp on metric names), GOB_RAW=1 (every run on
   stderr). CONC_PROCS is what GOMAXPROCS is to the twin.
   Output line:  name median unit min=<min> max=<max> n=<runs>    Lines that begin with '#' are
   comments; '# cpu name wall= user= sys=' is the cost of an average timed run in ms, with the
   set-up that the metric leaves out.

   Each program includes this file instead of conc.h and defines bench_main, which runs as
   goroutine 1. One metric is one line:

       BENCH("skynet.unbuf_1e6", "ms", run(skynet));

   A run that yields several metrics writes them into an array:

       for (bench b = BENCH_OF({ "x_p50", "us" }, { "x_p99", "us" }); bench_next(&b);)
           wake_idle(1000, b.v); */
#ifndef BENCH_H
#define BENCH_H

#define CONC_IMPLEMENTATION
#define CONC_MAIN
#include "../../conc.h"

#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#ifdef __clang__
#define BENCH_COMPILER "clang " __clang_version__
#else
#define BENCH_COMPILER "gcc " __VERSION__
#endif

/* A check failed: the run did not do the work, so its time is worth nothing. */
__attribute__((noreturn, format(printf, 1, 2)))
static inline void bench_fail(const char *text, ...) {
    va_list args;
    va_start(args, text);
    fputs("FAILED: ", stderr);
    vfprintf(stderr, text, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static inline void *bench_alloc(int64_t n, size_t size) {
    void *p = calloc((size_t)n, size);
    if (!p) bench_fail("out of memory");
    return p;
}

static inline int bench_int(const char *name, int fallback) {
    const char *text = getenv(name);
    char *end = NULL;
    long value = text ? strtol(text, &end, 10) : 0;
    return text && end != text && *end == '\0' ? (int)value : fallback;
}

/* The size of the work: n times GOB_SCALE, at least 1. */
static inline int64_t bench_n(int64_t n) {
    const char *text = getenv("GOB_SCALE");
    char *end = NULL;
    double scale = text ? strtod(text, &end) : 1;
    if (text && (end == text || *end != '\0')) scale = 1;
    int64_t scaled = (int64_t)((double)n * scale);
    return scaled >= 1 ? scaled : 1;
}

/* The clock of the measurement is the system's, not the library's own: the judge is not a party. */
static inline int64_t bench_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * CONC_SEC + t.tv_nsec;
}
static inline double ns_per(int64_t start, int64_t n) {
    return (double)(bench_now() - start) / (double)n;
}
static inline double us_since(int64_t start) { return (double)(bench_now() - start) / 1e3; }
static inline double ms_since(int64_t start) { return (double)(bench_now() - start) / 1e6; }

/* Hide a value from the optimiser, lest it compute a benchmark's answer at compile time. */
#define bench_opaque(x) __extension__({ \
    __typeof__(x) value_ = (x); \
    __asm__ volatile("" : "+r"(value_)); \
    value_; })
/* Make the compiler believe that somebody reads and writes the memory at p. */
#define bench_touch(p) __asm__ volatile("" : : "r"(p) : "memory")

static inline int bench_compare_double(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
static inline void bench_sort(double *v, int64_t n) {
    qsort(v, (size_t)n, sizeof *v, bench_compare_double);
}
static inline double bench_pct(const double *sorted, int64_t n, double p) {
    int64_t i = (int64_t)(p * (double)n);
    return sorted[i < n ? i : n - 1];
}

/* Go's benchmarks draw their pseudo-random numbers from the same generator. */
static inline uint32_t xorshift32(uint32_t *x) {
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x;
}

// ---- metrics ----
typedef struct metric {
    const char *name, *unit;
} metric;

typedef struct bench_cost {
    double wall, user, sys;
} bench_cost;

enum { BENCH_METRICS = 8 };
typedef struct bench {
    metric metrics[BENCH_METRICS];
    int count;       /* of metrics that a run yields */
    int run, runs;   /* a run below 0 is a warm-up */
    double v[BENCH_METRICS];
    double *all;     /* values of all runs, one row of `runs` per metric; NULL: not wanted */
    bench_cost cost; /* when the first timed run began */
} bench;

/* Of the process and the children it has waited for. */
static inline bench_cost bench_cost_now(void) {
    bench_cost cost = { (double)bench_now() / 1e6, 0, 0 };
    for (int who = 0; who < 2; who++) {
        struct rusage r;
        if (getrusage(who ? RUSAGE_CHILDREN : RUSAGE_SELF, &r)) continue;
        cost.user += (double)r.ru_utime.tv_sec * 1e3 + (double)r.ru_utime.tv_usec / 1e3;
        cost.sys += (double)r.ru_stime.tv_sec * 1e3 + (double)r.ru_stime.tv_usec / 1e3;
    }
    return cost;
}

static inline bool bench_wanted(const metric *m, int count) {
    const char *pattern = getenv("GOB_MATCH");
    regex_t re;
    if (!pattern || !*pattern) return true;
    if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB)) bench_fail("GOB_MATCH: bad pattern");
    bool hit = false;
    for (int i = 0; i < count; i++) hit = hit || !regexec(&re, m[i].name, 0, NULL, 0);
    regfree(&re);
    return hit;
}

static inline bench bench_begin(const metric *m, int count) {
    bench b = { .count = count, .runs = bench_int("GOB_RUNS", 5) };
    if (count > BENCH_METRICS || b.runs < 1) bench_fail("too many metrics or too few runs");
    b.run = -bench_int("GOB_WARM", 1) - 1;
    memcpy(b.metrics, m, (size_t)count * sizeof *m);
    if (bench_wanted(m, count)) b.all = bench_alloc((int64_t)count * b.runs, sizeof *b.all);
    return b;
}

/* Four significant digits or so, as in the twin. */
static inline void bench_text(char *room, size_t size, double v) {
    double a = v < 0 ? -v : v;
    if (a > 0 && a < 0.01)
        snprintf(room, size, "%.3g", v);
    else
        snprintf(room, size, "%.*f", a >= 1000 ? 0 : a >= 100 ? 1 : a >= 10 ? 2 : 3, v);
}

static inline void bench_record(bench *b) {
    char text[64];
    bool raw = getenv("GOB_RAW") && *getenv("GOB_RAW");
    for (int i = 0; i < b->count; i++) {
        const metric *m = &b->metrics[i];
        b->all[i * b->runs + b->run] = b->v[i];
        if (!raw) continue;
        bench_text(text, sizeof text, b->v[i]);
        fprintf(stderr, "raw %s run=%d %s %s\n", m->name, b->run, text, m->unit);
    }
}

static inline void bench_print(bench *b) {
    bench_cost now = bench_cost_now();
    int n = b->runs;
    printf("# cpu %s wall=%.3f user=%.3f sys=%.3f\n", b->metrics[0].name,
           (now.wall - b->cost.wall) / n, (now.user - b->cost.user) / n,
           (now.sys - b->cost.sys) / n);
    for (int i = 0; i < b->count; i++) {
        char median[64], min[64], max[64];
        const metric *m = &b->metrics[i];
        double *v = b->all + i * n;
        bench_sort(v, n);
        bench_text(median, sizeof median, (v[(n - 1) / 2] + v[n / 2]) / 2);
        bench_text(min, sizeof min, v[0]);
        bench_text(max, sizeof max, v[n - 1]);
        printf("%s %s %s min=%s max=%s n=%d\n", m->name, median, m->unit, min, max, n);
    }
}

/* True if another run is due; the values of the last one are in b->v. Prints at the end. */
static inline bool bench_next(bench *b) {
    if (!b->all) return false;
    if (b->run >= 0) bench_record(b);
    if (++b->run == 0) b->cost = bench_cost_now();
    if (b->run < b->runs) return true;
    bench_print(b);
    free(b->all);
    b->all = NULL;
    return false;
}

#define BENCH_COUNT(...) (int)(sizeof((metric[]){ __VA_ARGS__ }) / sizeof(metric))
#define BENCH_OF(...) bench_begin((metric[]){ __VA_ARGS__ }, BENCH_COUNT(__VA_ARGS__))
#define BENCH(name, unit, expr) \
    for (bench b_ = BENCH_OF({ name, unit }); bench_next(&b_);) b_.v[0] = (expr)

static inline void bench_head(const char *group) {
    setvbuf(stdout, NULL, _IOLBF, 0); /* what was measured is not lost with a later crash */
    printf("# group=%s conc.h-%s CONC_PROCS=%d NumCPU=%ld runs=%d compiler=\"%s\"\n", group,
           CONC_VERSION_STRING, conc_set_procs(0), sysconf(_SC_NPROCESSORS_ONLN),
           bench_int("GOB_RUNS", 5), BENCH_COMPILER);
}

/* Run this program again with GOB_CHILD set to `what`, in a process that has no history, and read
   the `n` numbers that it prints. */
static inline void bench_child(const char *what, double *v, int n) {
    char path[4096], command[4200];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length < 0) bench_fail("cannot find myself");
    path[length] = '\0';
    snprintf(command, sizeof command, "exec '%s'", path);
    setenv("GOB_CHILD", what, 1);
    int got = 0, status = -1;
    conc_blocking {
        FILE *out = popen(command, "r");
        while (out && got < n && fscanf(out, "%lf", &v[got]) == 1) got++;
        if (out) status = pclose(out);
    }
    if (got < n || status)
        bench_fail("child %s: %d of %d numbers, status %d", what, got, n, status);
}

int bench_main(void);
int conc_main(int argc, char **argv) {
    (void)argc, (void)argv;
    return bench_main();
}
#endif
