/* The scheduler: go with every kind of argument, progress without yields, blocking calls, thread locking, processors, what
   belongs to a goroutine (id, name, errno, local storage), ends of goroutines, shutdown, foreign threads, fork. */
#include "harness.h"
#include <complex.h>
#include <fcntl.h>
#include <math.h>
#include <netdb.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

typedef chan(int) ints;

static int thread_id(void) { return (int)syscall(SYS_gettid); }
static void block_thread(int64_t ns) {
    struct timespec t = { (time_t)(ns / CONC_SEC), (long)(ns % CONC_SEC) };
    while (nanosleep(&t, &t) != 0) {}
}

// ---- go: arguments

static conc_wg ran; /* each callee counts down: the test hangs if one did not run */
#define GO(...) (conc_wg_add(&ran, 1), go(__VA_ARGS__))
#define ALL_RAN() conc_wg_wait(&ran)

static void f_none(void) { conc_wg_done(&ran); }
static int f_returns(int x) {
    CHECK_EQ(x, 3);
    conc_wg_done(&ran);
    return x;
}
static double f_returns_double(double x) {
    CHECK(x == 0.5);
    conc_wg_done(&ran);
    return x;
}
static void f_small(signed char a, unsigned char b, short c, unsigned short d, bool e, char f) {
    CHECK(a == -3 && b == 253 && c == -30000 && d == 60000 && e && f == 'x');
    conc_wg_done(&ran);
}
static void f_wide(int a, unsigned b, long c, unsigned long d, long long e, unsigned long long f) {
    CHECK(a == INT32_MIN && b == UINT32_MAX && c == INT64_MIN && d == UINT64_MAX && e == INT64_MIN + 1 && f == UINT64_MAX - 1);
    conc_wg_done(&ran);
}
static void f_pointers(const char *s, void *p, int *q, const volatile long *r) {
    CHECK(!strcmp(s, "text") && p == &ran && *q == 5 && *r == 6);
    conc_wg_done(&ran);
}
static void f_regs3(int *a, int b, long c) {
    CHECK(*a == 5 && b == -1 && c == -2);
    conc_wg_done(&ran);
}
static void f_regs4(void *a, void *b, void *c, void *d) {
    CHECK(a == &ran && !b && c == &ran && !d);
    conc_wg_done(&ran);
}

/* Integers of all widths and pointers, in all the small argument counts that the capture treats specially. */
TEST(args_integers) {
    int five = 5;
    volatile long six = 6;
    for (int i = 0; i < 100; i++) {
        GO(f_none);
        GO(f_returns, 3);
        GO(f_returns_double, 0.5);
        GO(f_small, -3, 253, -30000, 60000, 1, 'x');
        GO(f_wide, INT32_MIN, UINT32_MAX, INT64_MIN, UINT64_MAX, INT64_MIN + 1, UINT64_MAX - 1);
        GO(f_pointers, "text", &ran, &five, &six);
        GO(f_regs3, &five, -1, -2);
        GO(f_regs4, &ran, NULL, &ran, 0);
        GO(&f_none);
        GO(*f_none);
    }
    ALL_RAN();
}

static void f_floats(float a, double b, long double c, float d, double e) {
    CHECK(a == 1.5f && b == 2.25 && c == 3.125L && d == -0.5f && e == 1e300);
    conc_wg_done(&ran);
}
static void f_mixed(int a, double b, const char *c, float d, long e, long double f, char g, double h, short i) {
    CHECK(a == 1 && b == 2 && !strcmp(c, "3") && d == 4 && e == 5 && f == 6.5L && g == 7 && h == 8 && i == 9);
    conc_wg_done(&ran);
}
static void f_doubles(double a, double b, double c, double d, double e, double f, double g, double h, double i, double j) {
    CHECK(a == 1 && b == 2 && c == 3 && d == 4 && e == 5 && f == 6 && g == 7 && h == 8 && i == 9 && j == 10);
    conc_wg_done(&ran);
}
static void f_long_doubles(long double a, long double b, long double c, long double d, long double e, long double f,
                           long double g, long double h, long double i) {
    CHECK(a == 1 && b == 2 && c == 3 && d == 4 && e == 5 && f == 6 && g == 7 && h == 8 && i == 9);
    conc_wg_done(&ran);
}
static void f_complex(double complex z, float complex w) {
    CHECK(creal(z) == 1 && cimag(z) == -2 && crealf(w) == 3 && cimagf(w) == -4);
    conc_wg_done(&ran);
}

/* float, double, long double, complex: alone, mixed with integers, and more than there are registers. */
TEST(args_floats) {
    for (int i = 0; i < 100; i++) {
        GO(f_floats, 1.5f, 2.25, 3.125L, -0.5f, 1e300);
        GO(f_mixed, 1, 2.0, "3", 4.0f, 5L, 6.5L, 7, 8.0, 9);
        GO(f_doubles, 1., 2., 3., 4., 5., 6., 7., 8., 9., 10.);
        GO(f_long_doubles, 1.L, 2.L, 3.L, 4.L, 5.L, 6.L, 7.L, 8.L, 9.L);
        GO(f_complex, 1.0 - 2.0 * I, (float complex)(3.0f - 4.0f * I));
    }
    ALL_RAN();
}

struct two_longs { long a, b; };
struct two_doubles { double a, b; };
struct long_double_pair { long a; double b; };
struct four_floats { float f[4]; };
struct chars16 { char c[16]; };
struct chars3 { char c[3]; };
struct one_long_double { long double x; };
struct one_byte { char c; };
typedef int vec4 __attribute__((vector_size(16)));

static void f_structs(struct two_longs a, struct two_doubles b, struct long_double_pair c, struct four_floats d, struct chars16 e,
                      struct chars3 f, struct one_byte g) {
    CHECK(a.a == 1 && a.b == 2 && b.a == 3 && b.b == 4 && c.a == 5 && c.b == 6);
    CHECK(d.f[0] == 7 && d.f[3] == 10 && !memcmp(e.c, "0123456789abcde", 16) && !memcmp(f.c, "xyz", 3) && g.c == 'g');
    conc_wg_done(&ran);
}
static void f_wide_structs(int pad, struct one_long_double a, __int128 b, vec4 c, struct one_long_double d) {
    CHECK(pad == 1 && a.x == 2 && b == ((__int128)3 << 100) && c[0] == 4 && c[3] == 7 && d.x == 8);
    conc_wg_done(&ran);
}
static void f_stacked_structs(struct two_longs a, struct two_longs b, struct two_longs c, struct two_longs d, struct two_longs e) {
    CHECK(a.a == 1 && b.a == 2 && c.a == 3 && d.a == 4 && e.a == 5);
    CHECK(a.b == -1 && b.b == -2 && c.b == -3 && d.b == -4 && e.b == -5);
    conc_wg_done(&ran);
}

/* Structs of up to 16 bytes in integer, vector and mixed registers and on the stack; 128-bit integers; vectors. */
TEST(args_structs) {
    for (int i = 0; i < 100; i++) {
        struct two_longs a = { 1, 2 };
        struct chars16 e = { "0123456789abcde" };
        GO(f_structs, a, ((struct two_doubles){ 3, 4 }), ((struct long_double_pair){ 5, 6 }),
           ((struct four_floats){ { 7, 8, 9, 10 } }), e, ((struct chars3){ { 'x', 'y', 'z' } }), ((struct one_byte){ 'g' }));
        GO(f_wide_structs, 1, ((struct one_long_double){ 2 }), (__int128)3 << 100, ((vec4){ 4, 5, 6, 7 }),
           ((struct one_long_double){ 8 }));
        struct two_longs s[5] = { { 1, -1 }, { 2, -2 }, { 3, -3 }, { 4, -4 }, { 5, -5 } };
        GO(f_stacked_structs, s[0], s[1], s[2], s[3], s[4]);
        memset(s, 0x55, sizeof s); /* they were copied */
        memset(&a, 0x55, sizeof a);
        memset(&e, 0x55, sizeof e);
    }
    ALL_RAN();
}

static void f_16(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j, int k, int l, int m, int n, int o, int p) {
    CHECK(a == 1 && b == 2 && c == 3 && d == 4 && e == 5 && f == 6 && g == 7 && h == 8 && i == 9 && j == 10 && k == 11);
    CHECK(l == 12 && m == 13 && n == 14 && o == 15 && p == 16);
    conc_wg_done(&ran);
}
static void f_16_wide(long double a, int b, long double c, int d, long double e, int f, long double g, int h, long double i, int j,
                      long double k, int l, long double m, int n, long double o, int p) {
    CHECK(a == 1 && b == 2 && c == 3 && d == 4 && e == 5 && f == 6 && g == 7 && h == 8 && i == 9 && j == 10 && k == 11);
    CHECK(l == 12 && m == 13 && n == 14 && o == 15 && p == 16);
    conc_wg_done(&ran);
}

/* Sixteen arguments, the most there can be, of the smallest and of the largest kind. */
TEST(args_sixteen) {
    for (int i = 0; i < 100; i++) {
        GO(f_16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
        GO(f_16_wide, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
    }
    ALL_RAN();
}

static void f_sum(double want, int n, ...) {
    va_list ap;
    double sum = 0;
    va_start(ap, n);
    for (int i = 0; i < n; i++) sum += i & 1 ? va_arg(ap, double) : va_arg(ap, int);
    va_end(ap);
    CHECK(sum == want);
    conc_wg_done(&ran);
}
static __attribute__((format(printf, 2, 3))) int f_printf(const char *want, const char *format, ...) {
    char text[200];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    CHECK_SAY(!strcmp(text, want), "printed \"%s\"", text);
    conc_wg_done(&ran);
    return n;
}

/* Functions with variable arguments, also floating ones (whose number travels in a register), also more than fit there. */
TEST(args_variadic) {
    char out[64] = "";
    for (int i = 0; i < 100; i++) {
        GO(f_sum, 0.0, 0);
        GO(f_sum, 3.5, 2, 1, 2.5);
        GO(f_sum, 47.0, 9, 1, 2.5, 3, 4.5, 5, 6.5, 7, 8.5, 9);
        GO(f_printf, "plain", "plain");
        GO(f_printf, "1 2.50 abc 3.75 x 9000000000", "%d %.2f %s %.2Lf %c %lld", 1, 2.5, "abc", 3.75L, 'x', 9000000000LL);
    }
    ALL_RAN();
    go(snprintf, out, sizeof out, "%s-%d-%.1f", "libc", 42, 0.5);
    wait_goroutines(body_goroutines());
    CHECK_SAY(!strcmp(out, "libc-42-0.5"), "snprintf in a goroutine wrote \"%s\"", out);
}

static void f_convert(double a, float b, unsigned char c, int d, long e, bool f, const int *g, void *h) {
    CHECK(a == 3 && b == 4 && c == 5 && d == 6 && e == 7 && f && g[1] == 9 && h == NULL);
    conc_wg_done(&ran);
}
static int twice(int x) { return 2 * x; }
static void f_callback(int (*f)(int), int x, int (*const table[2])(int)) {
    CHECK_EQ(f(x), 2 * x);
    CHECK_EQ(table[1](x), 2 * x);
    conc_wg_done(&ran);
}

/* The compiler converts as for a call: int to double, double to int, narrow, 0 to pointer, array to pointer. Functions as
   arguments; function pointers and table entries as the callee. */
TEST(args_conversions) {
    static int (*const table[2])(int) = { twice, twice };
    static void (*const callee[2])(void) = { f_none, f_none };
    void (*p)(void) = f_none;
    for (int i = 0; i < 100; i++) {
        int array[2] = { 8, 9 }, five = 5 + 256;
        GO(f_convert, 3, 4, five, 6.9, 7.9f, 0.25, array, 0);
        GO(f_callback, twice, i, table);
        GO(f_callback, &twice, i, table);
        GO(p);
        GO(callee[i & 1]);
        GO(i & 1 ? p : f_none);
        ALL_RAN();
    }
}

static __attribute__((const)) int f_const(int x) { return x + 1; }

/* Attributes of the callee do not confuse the caller: a const function is run although nobody looks at its value. (One that
   is declared noreturn is refused at compile time: tests/macros.) */
TEST(args_attributes) {
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 10; i++) {
        conc_wg_go(&wg, f_const, 5); /* the count goes down only if it runs */
    }
    ALL_RAN();
    conc_wg_wait(&wg);
}

static void f_value(int x, ints out) { chan_send(out, x); }
static int spawn_and_return(ints out, int x) {
    go(f_value, x, out);
    return x + 1;
}
static int yield_and_return(int x) {
    conc_yield();
    conc_sleep(1);
    return x;
}

/* Arguments are evaluated at once in the caller: a go within an argument of go; an argument that blocks on a channel, which
   only a goroutine started before can serve. */
TEST(args_nested_and_blocking) {
    ints out = chan_make(int, 8), in = chan_make(int);
    for (int i = 0; i < 200; i++) {
        go(f_value, spawn_and_return(out, 10), out);
        CHECK_EQ(chan_recv(out) + chan_recv(out), 21);
        go(f_value, spawn_and_return(out, spawn_and_return(out, spawn_and_return(out, 1))), out);
        CHECK_EQ(chan_recv(out) + chan_recv(out) + chan_recv(out) + chan_recv(out), 10);
        go(f_value, 77, in);
        go(f_value, chan_recv(in) + yield_and_return(1), out);
        CHECK_EQ(chan_recv(out), 78);
        int calls = 0;
        void (*f)(int, ints) = f_value;
        go((calls++, f), calls * 0 + 5, out);
        CHECK_EQ(calls, 1);
        CHECK_EQ(chan_recv(out), 5);
    }
    wait_goroutines(body_goroutines());
    chan_free(out), chan_free(in);
}

go_func(declared_none) { conc_wg_done(&ran); }
go_func(declared, (int, a), (double, b), (const char *, c), (ints, d)) {
    CHECK(a == 1 && b == 2.5 && !strcmp(c, "three") && d == NULL);
    conc_wg_done(&ran);
}

/* The declared form works everywhere; conc_wg_go, go_with and conc_run take the same arguments. */
TEST(other_ways_to_start) {
    conc_wg wg = CONC_WG_INIT;
    GO(declared_none);
    GO(declared, 1, 2.5, "three", NULL);
    conc_wg_add(&ran, 4);
    conc_wg_go(&wg, f_mixed, 1, 2.0, "3", 4.0f, 5L, 6.5L, 7, 8.0, 9);
    CHECK_EQ(go_with(conc_opts(.name = "mixed"), f_mixed, 1, 2.0, "3", 4.0f, 5L, 6.5L, 7, 8.0, 9), CONC_OK);
    conc_run(f_mixed, 1, 2.0, "3", 4.0f, 5L, 6.5L, 7, 8.0, 9);
    CHECK_EQ(go_with(conc_opts(.stack = 1 << 18), f_none), CONC_OK);
    conc_wg_wait(&wg);
    ALL_RAN();
}

static int in_run;
static void run_inner(int n) {
    in_run++;
    if (n > 0) conc_run(run_inner, n - 1);
    in_run--;
}

/* conc_run waits, from an OS thread and from a goroutine, nested. */
TEST(run_waits) {
    conc_run(run_inner, 20);
    CHECK_EQ(in_run, 0);
}

// ---- many

static void count_up(conc_atomic(int) *n) { atomic_fetch_add(n, 1); }
static void tree(int depth, conc_atomic(int) *n, conc_wg *wg) {
    if (depth == 0) {
        atomic_fetch_add(n, 1);
    } else {
        for (int i = 0; i < 10; i++) {
            conc_wg_add(wg, 1);
            go(tree, depth - 1, n, wg);
        }
    }
    conc_wg_done(wg);
}

/* Many goroutines: all run, each once; from one place, and as a tree that grows by itself. */
TEST(many_short) {
    conc_atomic(int) n;
    conc_wg wg = CONC_WG_INIT;
    atomic_init(&n, 0);
    int total = (int)scale(HARNESS_TSAN ? 20000 : 200000), batch = (int)live(50000);
    for (int i = 0; i < total; i++) {
        conc_wg_go(&wg, count_up, &n);
        if (i % batch == batch - 1) conc_wg_wait(&wg);
    }
    conc_wg_wait(&wg);
    CHECK_EQ(atomic_load(&n), total);
    int depth = live(100000) < 100000 ? 2 : 5, leaves = depth == 2 ? 100 : 100000;
    conc_wg_add(&wg, 1);
    atomic_store(&n, 0);
    go(tree, depth, &n, &wg);
    conc_wg_wait(&wg);
    CHECK_EQ(atomic_load(&n), leaves);
}

static void fill_stack(int me, ints gate, conc_wg *wg) {
    unsigned char block[20000], want = (unsigned char)me;
    memset(block, want, sizeof block);
    __asm__ volatile("" : : "r"(block) : "memory");
    for (int i = 0; i < 3; i++) {
        (void)chan_recv(gate);
        size_t bad = 0;
        for (size_t k = 0; k < sizeof block; k++) bad += block[k] != want;
        CHECK_SAY(bad == 0, "%d bytes of a parked stack changed", (int)bad);
        if (i & 1) conc_yield();
    }
    conc_wg_done(wg);
}

/* Stacks hold: thousands of goroutines fill theirs, park, and find everything as it was; again on reused stacks. */
TEST(stacks_hold) {
    int n = (int)live(scale(3000));
    ints gate = chan_make(int);
    for (int round = 0; round < 3; round++) {
        conc_wg wg = CONC_WG_INIT;
        conc_wg_add(&wg, n);
        for (int i = 0; i < n; i++) go(fill_stack, i, gate, &wg);
        for (int i = 0; i < 3 * n; i++) chan_send(gate, i);
        conc_wg_wait(&wg);
    }
    wait_goroutines(body_goroutines());
    chan_free(gate);
}

static void registers(int seed, conc_wg *wg) {
    double d[8];
    uint64_t u[8];
    for (int i = 0; i < 8; i++) d[i] = seed + i, u[i] = (uint64_t)(seed * 10 + i);
    double d0 = d[0], d1 = d[1], d2 = d[2], d3 = d[3], d4 = d[4], d5 = d[5];
    uint64_t u0 = u[0], u1 = u[1], u2 = u[2], u3 = u[3], u4 = u[4], u5 = u[5];
    long double x = seed;
    for (int i = 0; i < 200; i++) {
        conc_yield();
        d0 += 1, d1 += 2, d2 += 3, d3 += 4, d4 += 5, d5 += 6, x += 0.5L;
        u0 ^= u1, u1 += u2, u2 ^= u3 << 1, u3 += u4, u4 ^= u5, u5 += (uint64_t)i;
    }
    CHECK(d0 == seed + 200 && d1 == seed + 1 + 400 && d2 == seed + 2 + 600 && d3 == seed + 3 + 800);
    CHECK(d4 == seed + 4 + 1000 && d5 == seed + 5 + 1200 && x == seed + 100);
    uint64_t w[6] = { u[0], u[1], u[2], u[3], u[4], u[5] };
    for (int i = 0; i < 200; i++) {
        w[0] ^= w[1], w[1] += w[2], w[2] ^= w[3] << 1, w[3] += w[4], w[4] ^= w[5], w[5] += (uint64_t)i;
    }
    CHECK(u0 == w[0] && u1 == w[1] && u2 == w[2] && u3 == w[3] && u4 == w[4] && u5 == w[5]);
    conc_wg_done(wg);
}

/* Registers, integer and floating, survive switches. */
TEST(registers_survive) {
    conc_wg wg = CONC_WG_INIT;
    int n = (int)live(200);
    conc_wg_add(&wg, n);
    for (int i = 0; i < n; i++) go(registers, i, &wg);
    conc_wg_wait(&wg);
}

// ---- progress

struct spin {
    conc_atomic(int) flag, turn, stop, count[64];
    int n;
    conc_wg wg;
    ints c;
};
static void spin_until(struct spin *s) {
    while (!atomic_load(&s->flag)) {}
}
static void set_flag(struct spin *s) { atomic_store(&s->flag, 1); }
static void poll_and_yield(struct spin *s) {
    while (!atomic_load(&s->flag)) {
        chan_select {
            on_recv(v, s->c) { (void)v; }
            on_default { conc_yield(); }
        }
    }
}

/* TestYieldProgress: a goroutine that spins in select{default: yield} lets others run, on one processor. */
TEST(yield_progress) {
    int procs = conc_set_procs(1);
    struct spin s = { .c = chan_make(int) };
    conc_wg_go(&s.wg, poll_and_yield, &s);
    conc_wg_go(&s.wg, poll_and_yield, &s);
    conc_wg_go(&s.wg, set_flag, &s);
    conc_wg_wait(&s.wg);
    chan_free(s.c);
    conc_set_procs(procs);
}

/* A goroutine that spins without any call into conc.h does not keep the others from running, on one processor. */
TEST(spinners_are_handed_off) {
    int procs = conc_set_procs(1);
    for (int n = 1; n <= 4; n++) {
        struct spin s = { .n = 0 };
        for (int i = 0; i < n; i++) conc_wg_go(&s.wg, spin_until, &s);
        conc_wg_go(&s.wg, set_flag, &s);
        conc_wg_wait(&s.wg);
    }
    conc_set_procs(procs);
}

static void take_turns(struct spin *s, int me, int of) {
    for (int i = 0; i < s->n; i++) {
        while (atomic_load(&s->turn) % of != me) {}
        atomic_fetch_add(&s->turn, 1);
    }
}

/* TestPreemption: two goroutines spin on each other, on one processor. TestGoroutineParallelism: as many as processors. */
TEST(spin_on_each_other) {
    int procs = conc_set_procs(1), most = procs < 4 ? procs : 4;
    for (int of = 2; of <= (most > 2 ? most : 2); of++) {
        struct spin s = { .n = 5 };
        if (of == 3) conc_set_procs(procs);
        for (int i = 0; i < of; i++) conc_wg_go(&s.wg, take_turns, &s, i, of);
        conc_wg_wait(&s.wg);
        CHECK_EQ(atomic_load(&s.turn), of * s.n);
    }
    conc_set_procs(procs);
}

static void volley(ints in, ints out, conc_atomic(int) *stop) {
    while (!atomic_load(stop)) {
        int v = 0;
        if (chan_recv_for(in, &v, CONC_MS) == CONC_OK) (void)chan_send_for(out, v + 1, CONC_MS);
    }
}

/* A pair that wakes each other all the time (the run-next slot) does not starve a third, on one processor. */
TEST(pairs_do_not_starve) {
    int procs = conc_set_procs(1);
    struct spin s = { .n = 0 };
    ints a = chan_make(int), b = chan_make(int);
    conc_wg_go(&s.wg, volley, a, b, &s.stop);
    conc_wg_go(&s.wg, volley, b, a, &s.stop);
    chan_send(a, 1);
    conc_wg third = CONC_WG_INIT;
    for (int i = 0; i < 20; i++) {
        conc_wg_go(&third, count_up, &s.flag);
        CHECK_EQ(conc_wg_wait_for(&third, limit(5 * CONC_SEC)), CONC_OK);
    }
    CHECK_EQ(atomic_load(&s.flag), 20);
    atomic_store(&s.stop, 1);
    conc_wg_wait(&s.wg);
    chan_free(a), chan_free(b);
    conc_set_procs(procs);
}

static void yield_count(struct spin *s, int me) {
    while (!atomic_load(&s->stop)) {
        atomic_fetch_add(&s->count[me], 1);
        conc_yield();
    }
}

/* Goroutines that yield take turns: none gets less than a tenth of the best, on one processor. */
TEST(yield_is_fair) {
    int procs = conc_set_procs(1);
    struct spin s = { .n = 0 };
    for (int i = 0; i < 10; i++) conc_wg_go(&s.wg, yield_count, &s, i);
    for (int i = 0; i < 10; i++) wait_for(&s.count[i], 1);
    int before[10], least = INT32_MAX, most = 0;
    for (int i = 0; i < 10; i++) before[i] = atomic_load(&s.count[i]);
    while (atomic_load(&s.count[0]) < before[0] + scale(20000)) conc_sleep(CONC_MS);
    atomic_store(&s.stop, 1);
    conc_wg_wait(&s.wg);
    for (int i = 0; i < 10; i++) {
        int n = atomic_load(&s.count[i]) - before[i];
        if (n < least) least = n;
        if (n > most) most = n;
    }
    CHECK_SAY(least >= most / 10, "the least ran %d times, the most %d", least, most);
    conc_set_procs(procs);
}

// ---- blocking calls

static void blocked_loop(struct spin *s, int64_t ns) {
    while (!atomic_load(&s->stop)) block_thread(ns);
}

/* Plain blocking calls in many goroutines, not marked in any way, do not stop a ticker. */
TEST(blocking_calls_do_not_stop_a_ticker) {
    struct spin s = { .n = 0 };
    int n = (int)live(200), got = 0;
    conc_ticker *t = conc_ticker_new(5 * CONC_MS);
    for (int i = 0; i < n; i++) conc_wg_go(&s.wg, blocked_loop, &s, 50 * CONC_MS);
    int64_t begin = conc_now(), v;
    while (conc_now() - begin < 500 * CONC_MS)
        got += chan_recv_for(conc_ticker_chan(t), &v, 100 * CONC_MS) == CONC_OK;
    double due = (double)(conc_now() - begin) / (5 * CONC_MS);
    atomic_store(&s.stop, 1);
    conc_wg_wait(&s.wg);
    CHECK_SAY(got > due / 5, "%d ticks of %.0f", got, due);
    conc_ticker_free(t);
}

static void short_calls(struct spin *s, int64_t ns) {
    atomic_fetch_add(&s->flag, 1);
    while (!atomic_load(&s->stop)) block_thread(ns);
}

/* TestPreemptionAfterSyscall: eight goroutines of short blocking calls (10, 100, 1000 us) on two processors all start and all
   stop within five seconds. */
TEST(short_blocking_calls) {
    int procs = conc_set_procs(2);
    for (int64_t ns = 10 * CONC_US; ns <= CONC_MS; ns *= 10) {
        struct spin s = { .n = 0 };
        int64_t begin = conc_now();
        for (int i = 0; i < 8; i++) conc_wg_go(&s.wg, short_calls, &s, ns);
        wait_for(&s.flag, 8);
        atomic_store(&s.stop, 1);
        conc_wg_wait(&s.wg);
        CHECK(conc_now() - begin < limit(5 * CONC_SEC));
    }
    conc_set_procs(procs);
}

static void marked_blocking(struct spin *s) {
    atomic_store(&s->turn, 1);
    conc_blocking {
        while (!atomic_load(&s->flag)) block_thread(50 * CONC_US);
    }
    atomic_store(&s->turn, 2);
}

/* conc_blocking hands the processor on: on one processor, another goroutine runs while the block is inside. It nests in loops,
   costs nothing on an OS thread, and the goroutine goes on with the runtime afterwards. */
TEST(blocking_is_marked) {
    int procs = conc_set_procs(1);
    for (int i = 0; i < 20; i++) {
        struct spin s = { .n = 0 };
        conc_wg_go(&s.wg, marked_blocking, &s);
        wait_for(&s.turn, 1);
        conc_wg_go(&s.wg, set_flag, &s);
        conc_wg_wait(&s.wg);
        CHECK_EQ(atomic_load(&s.turn), 2);
    }
    int n = 0;
    conc_blocking { n++; }
    CHECK_EQ(n, 1);
    conc_set_procs(procs);
}

static void blocking_user(int n, ints c, conc_wg *wg) {
    for (int i = 0; i < n; i++) {
        uint64_t id = conc_id();
        conc_blocking { block_thread(i % 3 * 10 * CONC_US); }
        CHECK_EQ(conc_id(), id);
        chan_send(c, i);
    }
    conc_wg_done(wg);
}

/* Marked blocking calls mixed with channel operations, by more goroutines than processors. */
TEST(blocking_mixed) {
    ints c = chan_make(int, 2);
    conc_wg wg = CONC_WG_INIT;
    int n = (int)scale(300);
    conc_wg_add(&wg, 8);
    for (int i = 0; i < 8; i++) go(blocking_user, n, c, &wg);
    for (int i = 0; i < 8 * n; i++) (void)chan_recv(c);
    conc_wg_wait(&wg);
    wait_goroutines(body_goroutines());
    chan_free(c);
}

// ---- threads

struct lock_data {
    conc_atomic(int) owner, stop; /* the thread that is locked, 0: none */
    ints in, out;
    int n;
    conc_wg wg, others;
};
static void other_runner(struct lock_data *l) {
    while (!atomic_load(&l->stop)) {
        CHECK_SAY(thread_id() != atomic_load(&l->owner), "another goroutine ran on a locked thread");
        conc_yield();
    }
}
static void lock_echo(struct lock_data *l) {
    chan_range(v, l->in) chan_send(l->out, v);
}
static void locked_worker(struct lock_data *l) {
    conc_lock_thread();
    conc_lock_thread();
    int me = thread_id();
    atomic_store(&l->owner, me);
    for (int i = 0; i < l->n; i++) {
        switch (i % 4) {
        case 0: conc_yield(); break;
        case 1: conc_sleep(10 * CONC_US); break;
        default:
            chan_send(l->in, i);
            CHECK_EQ(chan_recv(l->out), i);
        }
        CHECK_EQ(thread_id(), me);
        if (i == l->n / 2) conc_unlock_thread(); /* still locked once */
    }
    atomic_store(&l->owner, 0);
    conc_unlock_thread();
    conc_yield();
}

/* TestLockOSThreadNesting, TestBlockLocked, TestYieldLocked: a locked goroutine stays on its thread across yields, sleeps and
   channel operations, nothing else runs there, and lock calls nest. */
TEST(lock_thread) {
    struct lock_data l = { .in = chan_make(int), .out = chan_make(int), .n = (int)scale(2000) };
    for (int i = 0; i < 3; i++) conc_wg_go(&l.others, other_runner, &l);
    conc_wg_go(&l.others, lock_echo, &l);
    conc_wg_go(&l.wg, locked_worker, &l);
    conc_wg_wait(&l.wg);
    atomic_store(&l.stop, 1);
    chan_close(l.in);
    conc_wg_wait(&l.others);
    chan_free(l.in), chan_free(l.out);
    if (conc_id() == 0) { /* no effect on an OS thread */
        conc_lock_thread();
        conc_unlock_thread();
    }
}

struct meeting {
    conc_atomic(int) ready, in, done;
    int rounds;
};
static void meet(struct meeting *m, int round) { /* keeps its processor until the other has one too */
    atomic_fetch_add(&m->in, 1);
    while (atomic_load(&m->in) < 2 * round) {}
    atomic_fetch_add(&m->done, 1);
}
static void *injector(void *arg) {
    struct meeting *m = (struct meeting *)arg;
    for (int round = 1; round <= m->rounds; round++) {
        atomic_fetch_add(&m->ready, 1);
        while (atomic_load(&m->ready) < 2 * round) {}
        go(meet, m, round);
        while (atomic_load(&m->done) < 2 * round) nap(100 * CONC_US);
        if (round % 2) nap(8 * CONC_MS); /* long enough for the monitor to sleep, or not */
    }
    return NULL;
}
/* Two threads bring a goroutine each at one moment, the only processor being idle. Both see that, one wakes a worker for it; the other
   goroutine must not be left to wait for the first. */
TEST(injected_together, .os = true) {
    int procs = conc_set_procs(1);
    struct meeting m = { .rounds = (int)scale(150) };
    pthread_t a = thread_start(injector, &m), b = thread_start(injector, &m);
    thread_join(a);
    thread_join(b);
    conc_set_procs(procs);
}

static void send_later(ints c) {
    conc_sleep(5 * CONC_MS);
    chan_send(c, 1);
}
static void lock_after_reading(int fd, ints c) {
    char b;
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(conc_read(fd, &b, 1), 1); /* the thread sleeps in the poller meanwhile */
        conc_lock_thread();
        go(send_later, c);
        CHECK_EQ(chan_recv(c), 1); /* now on its futex */
        conc_unlock_thread();
    }
}
/* A thread that once slept in the poller, and is wired to a goroutine now, is woken where it sleeps. The naps let it fall asleep: nothing
   tells from outside that it has; where they are too short the test sees less, but does not fail. */
TEST(lock_after_polling, .os = true) {
    int fd[2];
    ints c = chan_make(int);
    conc_wg wg = CONC_WG_INIT;
    REQUIRE(pipe(fd) == 0);
    conc_wg_go(&wg, lock_after_reading, fd[0], c);
    for (int i = 0; i < 5; i++) {
        nap(10 * CONC_MS);
        CHECK_EQ(write(fd[1], "x", 1), 1);
    }
    conc_wg_wait(&wg);
    CHECK_EQ(close(fd[0]), 0), CHECK_EQ(close(fd[1]), 0);
    chan_free(c);
}

static void exit_locked(conc_atomic(int) *tid, bool by_exit) {
    conc_lock_thread();
    atomic_store(tid, thread_id());
    conc_yield();
    if (by_exit) conc_exit();
}
static bool thread_exists(int tid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d", tid);
    return access(path, F_OK) == 0;
}

/* A goroutine that ends while locked takes its thread with it. */
TEST(exit_while_locked) {
    conc_atomic(int) tid;
    for (int i = 0; i < 6; i++) {
        atomic_init(&tid, 0);
        conc_run(exit_locked, &tid, i & 1);
        int id = atomic_load(&tid);
        CHECK(id != 0);
        int64_t end = conc_now() + limit(5 * CONC_SEC);
        while (thread_exists(id) && conc_now() < end) conc_sleep(CONC_MS);
        CHECK_SAY(!thread_exists(id), "the thread of a locked goroutine outlived it");
    }
}

// ---- processors

static void traffic(ints in, ints out, conc_atomic(int) *stop) {
    for (int v = 0; !atomic_load(stop);) {
        if (chan_try_recv(in, &v) == CONC_OK) (void)chan_send_for(out, v + 1, CONC_MS);
        else conc_yield();
    }
}

/* conc_set_procs: returns the previous number, only asks below 1; up and down under load. */
TEST(set_procs_up_and_down) {
    int before = conc_set_procs(0);
    CHECK(before >= 1);
    CHECK_EQ(conc_set_procs(-5), before);
    CHECK_EQ(conc_set_procs(3), before);
    CHECK_EQ(conc_set_procs(0), 3);
    struct spin s = { .n = 0 };
    ints c[5];
    for (int i = 0; i < 5; i++) c[i] = chan_make(int, 1);
    for (int i = 0; i < 5; i++) conc_wg_go(&s.wg, traffic, c[i], c[(i + 1) % 5], &s.stop);
    chan_send(c[0], 0);
    struct rng r = rng_new(0);
    int last = 3;
    for (long i = scale(100); i > 0; i--) {
        int n = 1 + (int)rng_below(&r, 12);
        CHECK_EQ(conc_set_procs(n), last);
        last = n;
        conc_sleep(rng_below(&r, 2000000));
    }
    atomic_store(&s.stop, 1);
    conc_wg_wait(&s.wg);
    for (int i = 0; i < 5; i++) chan_free(c[i]);
    conc_set_procs(before);
}

/* TestBigGOMAXPROCS: 1024 processors start and work. */
TEST(big_procs) {
    int before = conc_set_procs(1024);
    CHECK_EQ(conc_set_procs(0), 1024);
    conc_atomic(int) n;
    conc_wg wg = CONC_WG_INIT;
    atomic_init(&n, 0);
    for (int i = 0; i < 3000; i++) {
        conc_wg_go(&wg, count_up, &n);
        if (i % 100 == 0) conc_sleep(CONC_US);
    }
    conc_wg_wait(&wg);
    CHECK_EQ(atomic_load(&n), 3000);
    CHECK_EQ(conc_set_procs(before), 1024);
    CHECK(conc_set_procs(5000) == before);
    CHECK(conc_set_procs(before) <= 1024);
}

static int cpu_us(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (int)((u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}
static void park_on(ints c) { (void)chan_recv(c); }

/* An idle program uses no processor time to speak of, with goroutines parked and a far timer pending. */
TEST(idle_costs_nothing) {
    ints c = chan_make(int);
    for (int i = 0; i < 100; i++) go(park_on, c);
    conc_timer *t = conc_timer_new(CONC_HOUR);
    settle();
    int best = INT32_MAX;
    for (int try = 0; try < 10 && best > 5000; try++) {
        block_thread(50 * CONC_MS);
        int before = cpu_us();
        block_thread(200 * CONC_MS);
        int used = cpu_us() - before;
        if (used < best) best = used;
    }
    CHECK_SAY(best < limit(5000), "%d us of processor time in 200 idle ms", best);
    chan_close(c);
    wait_goroutines(body_goroutines());
    conc_timer_free(t);
    chan_free(c);
}

// ---- what belongs to a goroutine

static void note_id(uint64_t *slot, conc_wg *wg) {
    *slot = conc_id();
    conc_wg_done(wg);
}
static int compare_ids(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Ids: never 0 in a goroutine, never used twice; 0 on an OS thread. */
TEST(ids) {
    int n = (int)scale(5000);
    uint64_t *id = calloc((size_t)n, sizeof *id);
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < n; i++) {
        conc_wg_add(&wg, 1);
        go(note_id, &id[i], &wg);
        if (i % 500 == 0) conc_wg_wait(&wg);
    }
    conc_wg_wait(&wg);
    qsort(id, (size_t)n, sizeof *id, compare_ids);
    CHECK(id[0] > 0);
    for (int i = 1; i < n; i++) CHECK_SAY(id[i] != id[i - 1], "id %d was used twice", (int)id[i]);
    free(id);
}

static void *thread_facts(void *p) {
    (void)p;
    CHECK_EQ(conc_id(), 0);
    CHECK(!strcmp(conc_name(), ""));
    CHECK_EQ(conc_on_exit(free, NULL), CONC_INVALID);
    conc_yield();
    return NULL;
}
static void check_name(const char *want) { CHECK_SAY(!strcmp(conc_name(), want), "my name is \"%s\"", conc_name()); }

/* Names: by go_with, else the function's; nothing on an OS thread. */
TEST(names) {
    conc_wg wg = CONC_WG_INIT;
    conc_run(check_name, "check_name");
    conc_wg_go(&wg, check_name, "check_name");
    conc_wg_wait(&wg);
    CHECK_EQ(go_with(conc_opts(.name = "a special one"), check_name, "a special one"), CONC_OK);
    CHECK_EQ(go_with(conc_opts(.stack = 1 << 18), check_name, "check_name"), CONC_OK);
    wait_goroutines(body_goroutines());
    thread_join(thread_start(thread_facts, NULL));
}

/* TestNumGoroutine: counts what exists, and equals the number in the dump, which names function, state and place. */
TEST(num_goroutines_and_dump) {
    ints c = chan_make(int);
    int64_t base = conc_num_goroutines();
    CHECK_EQ(base, body_goroutines());
    for (int i = 0; i < 37; i++) go(park_on, c);
    CHECK_EQ(conc_num_goroutines(), base + 37);
    settle();
    CHECK_EQ(dump_count(NULL), base + 37);
    CHECK_EQ(go_with(conc_opts(.name = "watcher of birds"), park_on, c), CONC_OK);
    settle();
    char *text = dump_text();
    CHECK(strstr(text, "park_on") != NULL);
    CHECK(strstr(text, "watcher of birds") != NULL);
    CHECK(strstr(text, "[chan receive]") != NULL);
    CHECK(strstr(text, "test_sched.c:") != NULL);
    free(text);
    struct conc_stats s;
    conc_get_stats(&s);
    CHECK_EQ(s.goroutines, base + 38);
    CHECK(s.spawned >= 38);
    CHECK(s.threads >= 1 && s.threads == conc_num_threads());
    chan_close(c);
    wait_goroutines(base);
    chan_free(c);
}

static void errno_keeper(int me, int n, ints a, ints b, conc_wg *wg) {
    conc_mutex m = CONC_MUTEX_INIT;
    errno = me;
    for (int i = 0; i < n; i++) {
        switch (i % 6) {
        case 0: conc_yield(); break;
        case 1: conc_sleep(1 + i % 7); break;
        case 2: chan_send(a, me); break;
        case 3: (void)chan_recv(b); break;
        case 4:
            conc_mutex_lock(&m);
            conc_mutex_unlock(&m);
            break;
        default: conc_blocking { errno = me; }
        }
        CHECK_EQ(errno, me);
    }
    conc_wg_done(wg);
}
static void errno_spoiler(ints a, ints b) {
    chan_range(v, a) {
        errno = -1;
        chan_send(b, v);
        (void)close(-1);
    }
}

/* errno belongs to the goroutine: others, on the same thread, do not change it, nor does moving to another thread. */
TEST(errno_is_kept) {
    if (HARNESS_TSAN) LEAVE_OUT("to the thread sanitizer a thread's errno is one variable that its goroutines race for");
    ints a = chan_make(int), b = chan_make(int, 4);
    conc_wg wg = CONC_WG_INIT, spoilers = CONC_WG_INIT;
    int n = (int)scale(600) / 6 * 6 + 6;
    conc_wg_add(&wg, 16);
    for (int i = 0; i < 16; i++) go(errno_keeper, 1000 + i, n, a, b, &wg);
    for (int i = 0; i < 2; i++) conc_wg_go(&spoilers, errno_spoiler, a, b);
    conc_wg_wait(&wg);
    chan_close(a);
    conc_wg_wait(&spoilers);
    wait_goroutines(body_goroutines());
    chan_free(a), chan_free(b);
}

static void identity(conc_key key, int n, conc_atomic(int) *moves, conc_wg *wg) {
    uint64_t id = conc_id();
    const char *name = conc_name();
    int value, tid = thread_id();
    CHECK_EQ(conc_key_set(key, &value), CONC_OK);
    for (int i = 0; i < n; i++) {
        if (i % 16 == 0) block_thread(20 * CONC_US); /* may lose the processor, and come back elsewhere */
        else conc_yield();
        CHECK_EQ(conc_id(), id);
        CHECK(conc_name() == name);
        CHECK(conc_key_get(key) == &value);
        if (thread_id() != tid) {
            atomic_fetch_add(moves, 1);
            tid = thread_id();
        }
    }
    conc_wg_done(wg);
}

/* TestGetgThreadSwitch: the current goroutine, read again after a move to another thread, is not a stale cached one. */
TEST(identity_across_threads) {
    conc_key key;
    conc_atomic(int) moves;
    conc_wg wg = CONC_WG_INIT;
    atomic_init(&moves, 0);
    CHECK_EQ(conc_key_create(&key, NULL), CONC_OK);
    conc_wg_add(&wg, 12);
    for (int i = 0; i < 12; i++) go(identity, key, (int)scale(1000), &moves, &wg);
    conc_wg_wait(&wg);
    printf("identity: %d moves between threads\n", atomic_load(&moves));
}

static conc_atomic(int) dtor_calls, dtor_sum;
static void key_dtor(void *p) {
    atomic_fetch_add(&dtor_calls, 1);
    atomic_fetch_add(&dtor_sum, *(int *)p);
    free(p);
}
static void key_user(conc_key a, conc_key b, int me) {
    int *p = malloc(sizeof *p), *q = malloc(sizeof *q);
    *p = me;
    *q = 1000;
    CHECK(conc_key_get(a) == NULL && conc_key_get(b) == NULL);
    CHECK_EQ(conc_key_set(a, p), CONC_OK);
    conc_yield();
    CHECK_EQ(conc_key_set(b, q), CONC_OK);
    conc_yield();
    CHECK(conc_key_get(a) == p && conc_key_get(b) == q);
    if (me & 1) conc_exit();
    if (me & 2) { /* NULL again: no destructor */
        CHECK_EQ(conc_key_set(b, NULL), CONC_OK);
        free(q);
    }
}
static void *key_thread(void *p) {
    static int one, two;
    conc_key *k = p;
    CHECK(conc_key_get(*k) == NULL);
    CHECK_EQ(conc_key_set(*k, &one), CONC_OK);
    CHECK(conc_key_get(*k) == &one);
    CHECK_EQ(conc_key_set(*k, &two), CONC_OK);
    CHECK(conc_key_get(*k) == &two);
    CHECK_EQ(conc_key_set(*k, NULL), CONC_OK);
    return NULL;
}

/* Goroutine-local storage: own values, destructors when the goroutine ends (also by conc_exit), at most 64 keys. */
TEST(keys, .os = true) {
    conc_key a, b, plain;
    conc_wg wg = CONC_WG_INIT;
    atomic_store(&dtor_calls, 0);
    atomic_store(&dtor_sum, 0);
    CHECK_EQ(conc_key_create(&a, key_dtor), CONC_OK);
    CHECK_EQ(conc_key_create(&b, key_dtor), CONC_OK);
    CHECK_EQ(conc_key_create(&plain, NULL), CONC_OK);
    for (int i = 0; i < 100; i++) conc_wg_go(&wg, key_user, a, b, i);
    conc_wg_wait(&wg);
    wait_goroutines(body_goroutines());
    CHECK_EQ(atomic_load(&dtor_calls), 100 + 75);
    CHECK_EQ(atomic_load(&dtor_sum), 4950 + 75 * 1000);
    key_thread(&plain);
    thread_join(thread_start(key_thread, &plain));
    int more = 0;
    conc_status st;
    conc_key k;
    while ((st = conc_key_create(&k, NULL)) == CONC_OK && more <= 64) more++;
    CHECK(more <= 61);
    CHECK(more >= 61 || getenv("CK_FORK"));
    CHECK(st == CONC_NO_MEMORY || st == CONC_INVALID);
}

// ---- ends of goroutines

static char trail[16];
static conc_atomic(int) trail_n;
static void mark(void *p) { trail[atomic_fetch_add(&trail_n, 1)] = (char)(intptr_t)p; }
static void mark_slowly(void *p) {
    conc_sleep(CONC_MS);
    mark(p);
}
static void ends_by_return(void) {
    CHECK_EQ(conc_on_exit(mark, (void *)'3'), CONC_OK);
    CHECK_EQ(conc_on_exit(mark_slowly, (void *)'2'), CONC_OK);
    defer(mark, (void *)'1');
    mark((void *)'0');
}
static int deepest = 5;
static void deep_exit(int n) {
    defer(mark, (void *)'!'); /* pending in a frame that conc_exit leaves: does not run */
    if (n == deepest) {
        mark((void *)'a');
        conc_exit();
    }
    if (n < deepest) deep_exit(n + 1);
    mark((void *)'?');
}
static void ends_by_exit(void) {
    CHECK_EQ(conc_on_exit(mark, (void *)'c'), CONC_OK);
    CHECK_EQ(conc_on_exit(mark_slowly, (void *)'b'), CONC_OK);
    deep_exit(0);
}

/* conc_on_exit handlers run when the goroutine returns and when it calls conc_exit, the last first, and may block; conc_exit
   ends only this goroutine, from any depth. */
TEST(exit_handlers) {
    atomic_store(&trail_n, 0);
    memset(trail, 0, sizeof trail);
    go(ends_by_return);
    wait_goroutines(body_goroutines());
    go(ends_by_exit);
    wait_goroutines(body_goroutines());
    CHECK_SAY(!strcmp(trail, "0123abc"), "the trail is \"%s\"", trail);
}

static void exit_at_once(void) { conc_exit(); }

/* Very many exits: nothing of the goroutine stays behind. */
TEST(many_exits) {
    for (long i = scale(2000); i > 0; i--) {
        for (int k = 0; k < 10; k++) go(exit_at_once);
        wait_goroutines(body_goroutines());
    }
}

// ---- stacks

static int recurse(int depth) {
    volatile char frame[1024];
    frame[0] = (char)depth;
    frame[1023] = frame[0];
    return depth == 0 ? frame[1023] : recurse(depth - 1) + frame[1023] - (char)depth;
}
static void deep(int depth, ints out) { chan_send(out, recurse(depth)); }
static int compare_ints(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
static void use_libc(ints out) {
    char text[400];
    double d = 0;
    int v[1000];
    for (int i = 0; i < 1000; i++) v[i] = i * 7919 % 1000;
    qsort(v, 1000, sizeof *v, compare_ints);
    int n = snprintf(text, sizeof text, "%d %.30Lf %s %g %*d", v[999], 3.14159L, "text", 1e-300, 40, 5);
    CHECK(sscanf(text, "%*d %lf", &d) == 1 && d > 3.14 && d < 3.15);
    time_t now = time(NULL);
    struct tm tm;
    CHECK(localtime_r(&now, &tm) != NULL);
#ifndef HARNESS_STATIC
    struct addrinfo *list = NULL, hints;
    memset(&hints, 0, sizeof hints);
    hints.ai_flags = AI_NUMERICHOST;
    CHECK_EQ(getaddrinfo("127.0.0.1", "80", &hints, &list), 0);
    if (list) freeaddrinfo(list);
#endif
    chan_send(out, n);
}

/* go_with big stacks: eight megabytes of recursion. The default stack holds the usual libc calls. */
TEST(stack_sizes) {
    ints out = chan_make(int, 4);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(go_with(conc_opts(.stack = (size_t)(8 << 20)), deep, HARNESS_TSAN || HARNESS_ASAN ? 2000 : 6500, out), CONC_OK);
    }
    for (int i = 0; i < 4; i++) CHECK_EQ(chan_recv(out), 0);
    go(deep, HARNESS_ASAN || HARNESS_TSAN ? 20 : 60, out);
    CHECK_EQ(chan_recv(out), 0);
    for (int i = 0; i < 4; i++) go(use_libc, out);
    for (int i = 0; i < 4; i++) CHECK(chan_recv(out) > 0);
    wait_goroutines(body_goroutines());
    chan_free(out);
}

// ---- start and shutdown

static void shutdown_inside(conc_atomic(int) *got) { atomic_store(got, (int)conc_shutdown()); }
static int task_count(void) {
    int n = 0;
    FILE *f = fopen("/proc/self/status", "r");
    char line[200];
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "Threads: %d", &n) == 1) break;
    if (f) fclose(f);
    return n;
}

ints abandoned[30]; /* channels with waiters that were freed with their stacks: they cannot be freed */

/* conc_shutdown: 0 when all is quiet, the number of goroutines left otherwise, -1 inside a goroutine; no thread of the runtime
   is left; everything starts again by itself; over and over. */
TEST(shutdown_and_restart, .os = true) {
    int threads = task_count();
    for (int round = 0; round < 30; round++) {
        conc_atomic(int) n;
        conc_wg wg = CONC_WG_INIT;
        ints c = chan_make(int);
        atomic_init(&n, 0);
        for (int i = 0; i < 50; i++) conc_wg_go(&wg, count_up, &n);
        conc_wg_wait(&wg);
        CHECK_EQ(atomic_load(&n), 50);
        conc_run(shutdown_inside, &n);
        CHECK_EQ(atomic_load(&n), -1);
        int left = round % 3;
        for (int i = 0; i < left; i++) go(park_on, c);
        conc_timer *t = conc_timer_new(CONC_US);
        (void)chan_recv(conc_timer_chan(t));
        conc_timer_free(t);
        wait_goroutines(left);
        settle();
        CHECK_EQ(conc_shutdown(), left);
        CHECK_EQ(conc_num_goroutines(), 0);
        CHECK_EQ(conc_num_threads(), 0);
        if (left == 0) chan_free(c);
        else abandoned[round] = c;
        for (int64_t end = conc_now() + limit(CONC_SEC); task_count() > threads && conc_now() < end;) sched_yield();
        CHECK_EQ(task_count(), threads);
    }
    CHECK_EQ(conc_shutdown(), 0);
    CHECK_EQ(conc_shutdown(), 0);
}

struct first_use {
    conc_atomic(int) ready, n;
    pthread_barrier_t barrier;
};
static void *first_user(void *p) {
    struct first_use *f = p;
    pthread_barrier_wait(&f->barrier);
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 10; i++) conc_wg_go(&wg, count_up, &f->n);
    conc_wg_wait(&wg);
    conc_run(count_up, &f->n);
    return NULL;
}

/* The runtime starts by itself at first use, also when many threads are first at once. */
TEST(first_use_by_many_threads, .os = true) {
    for (long round = scale(50); round > 0; round--) {
        struct first_use f;
        pthread_t t[8];
        atomic_init(&f.ready, 0);
        atomic_init(&f.n, 0);
        pthread_barrier_init(&f.barrier, NULL, 8);
        for (int i = 0; i < 8; i++) t[i] = thread_start(first_user, &f);
        for (int i = 0; i < 8; i++) thread_join(t[i]);
        pthread_barrier_destroy(&f.barrier);
        CHECK_EQ(atomic_load(&f.n), 88);
        wait_goroutines(0);
        CHECK_EQ(conc_shutdown(), 0);
    }
}

struct foreign {
    ints c, spare; /* who sends on c may count on receiving; spare takes the rest */
    conc_mutex m;
    conc_rwmutex rw;
    conc_sem sem;
    conc_cond cond;
    conc_once once;
    int plain;
    conc_atomic(int) calls;
};
static void foreign_once(void *p) { atomic_fetch_add(&((struct foreign *)p)->calls, 1); }
static void foreign_body(struct foreign *f) {
    struct conc_stats st;
    conc_wg wg = CONC_WG_INIT;
    int v;
    conc_mutex_lock(&f->m);
    f->plain++;
    (void)conc_cond_wait_for(&f->cond, &f->m, 20 * CONC_US);
    conc_cond_signal(&f->cond);
    conc_mutex_unlock(&f->m);
    conc_rwmutex_rlock(&f->rw);
    conc_rwmutex_runlock(&f->rw);
    conc_rwmutex_lock(&f->rw);
    conc_rwmutex_unlock(&f->rw);
    conc_sem_acquire(&f->sem, 2);
    conc_sem_release(&f->sem, 2);
    conc_once_do(&f->once, foreign_once, f);
    chan_send(f->c, 1);
    (void)chan_recv(f->c);
    (void)chan_try_recv(f->spare, &v);
    (void)chan_send_for(f->spare, 2, 1000);
    chan_select {
        on_recv(x, f->spare) { (void)x; }
        on_timeout(10 * CONC_US) {}
    }
    conc_timer *t = conc_timer_new(5000);
    (void)chan_recv(conc_timer_chan(t));
    conc_timer_free(t);
    conc_wg_go(&wg, count_up, &f->calls);
    conc_wg_wait(&wg);
    conc_run(count_up, &f->calls);
    conc_sleep(1000);
    conc_yield();
    conc_get_stats(&st);
    if (!HARNESS_TSAN) errno = 33;
    conc_yield();
    CHECK(HARNESS_TSAN || errno == 33);
}
static void *foreign_thread(void *f) {
    foreign_body(f);
    return NULL;
}

/* OS threads that come and go use every operation, together with goroutines that do the same. */
TEST(foreign_threads) {
    struct foreign f = { .c = chan_make(int, 64), .spare = chan_make(int, 3), .sem = CONC_SEM_INIT(4) };
    int rounds = (int)scale(50), threads = 6;
    for (int round = 0; round < rounds; round++) {
        pthread_t t[6];
        conc_wg wg = CONC_WG_INIT;
        for (int i = 0; i < threads; i++) t[i] = thread_start(foreign_thread, &f);
        for (int i = 0; i < 4; i++) conc_wg_go(&wg, foreign_body, &f);
        for (int i = 0; i < threads; i++) thread_join(t[i]);
        conc_wg_wait(&wg);
        CHECK_EQ(chan_len(f.c), 0);
    }
    CHECK_EQ(f.plain, rounds * 10);
    CHECK_EQ(atomic_load(&f.calls), 1 + rounds * 20);
    wait_goroutines(body_goroutines());
    chan_free(f.c), chan_free(f.spare);
}

/* fork: in the child only the forking thread is left, and the runtime starts anew there; the parent goes on. */
TEST(fork_child, .os = true, .native = true) {
    if (HARNESS_TSAN) LEAVE_OUT("the thread sanitizer starts no threads after fork");
    if (HARNESS_ASAN) LEAVE_OUT("the address sanitizer forks with its allocator locked by threads that the child has not");
    ints c = chan_make(int), d = chan_make(int, 1);
    volatile int *result = mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(result != MAP_FAILED);
    for (int i = 0; i < 10; i++) go(park_on, c);
    settle();
    for (int round = 0; round < 3; round++) {
        *result = 0;
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
            conc_atomic(int) n;
            conc_wg wg = CONC_WG_INIT;
            atomic_init(&n, 0);
            for (int i = 0; i < 20; i++) conc_wg_go(&wg, count_up, &n);
            conc_wg_wait(&wg);
            go(f_value, 5, d);
            int v = chan_recv(d);
            conc_sleep(CONC_MS);
            conc_timer *t = conc_timer_new(CONC_US);
            (void)chan_recv(conc_timer_chan(t));
            conc_timer_free(t);
            *result = atomic_load(&n) == 20 && v == 5;
            kill(getpid(), SIGKILL); /* leak checkers at exit would report what the parent's runtime had */
        }
        int status = 0;
        for (int64_t end = conc_now() + limit(10 * CONC_SEC); waitpid(pid, &status, WNOHANG) == 0;) {
            if (conc_now() > end) {
                CHECK_SAY(false, "the child hangs");
                kill(pid, SIGKILL);
                waitpid(pid, &status, 0);
                break;
            }
            conc_sleep(CONC_MS);
        }
        CHECK_SAY(*result == 1, "the child did not work; its wait status is 0x%x", (unsigned)status);
    }
    munmap((void *)(uintptr_t)result, sizeof *result);
    CHECK_EQ(conc_num_goroutines(), 10);
    chan_close(c);
    wait_goroutines(0);
    chan_free(c), chan_free(d);
}

/* No signal's action is changed by the start of the runtime but those of the stack-overflow report; nor is the mask. */
TEST(signals_are_left_alone, .os = true) {
    struct sigaction before[32], after;
    sigset_t mask, now;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    for (int i = 1; i < 32; i++) sigaction(i, NULL, &before[i]);
    GO(f_none);
    ALL_RAN();
    conc_sleep(1);
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    for (int i = 1; i < 32; i++) {
        sigaction(i, NULL, &after);
        CHECK_SAY(before[i].sa_handler == after.sa_handler || i == SIGSEGV || i == SIGBUS, "signal %d is handled", i);
        CHECK_EQ(sigismember(&mask, i), sigismember(&now, i));
    }
}

/* The texts of the statuses, and the version. */
TEST(texts) {
    for (int i = -3; i < CONC__STATUS_COUNT + 3; i++) CHECK(conc_strerror((conc_status)i) != NULL);
    CHECK(!strcmp(conc_strerror(CONC_TIMEOUT), "deadline exceeded"));
    CHECK(!strcmp(conc_strerror(CONC_CANCELED), "context canceled"));
    CHECK_EQ(conc_version(), CONC_VERSION);
}
