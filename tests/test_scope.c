/* Scopes: every way out joins, frees, and leaves nothing; the first error; limits; errgroup's tests. */
#include "harness.h"

static conc_atomic(int) ran, freed, inside, most;
static void reset_counts(void) { atomic_store(&ran, 0), atomic_store(&freed, 0), atomic_store(&inside, 0), atomic_store(&most, 0); }
static void count_free(int *p) { atomic_fetch_add(&freed, *p); }
/* Ends only when its context does. */
static void linger(conc_ctx *ctx) {
    chan_recv(conc_ctx_done(ctx));
    atomic_fetch_add(&ran, 1);
}
static void brief(void) { conc_yield(), atomic_fetch_add(&ran, 1); }
static int result(int r) { return conc_yield(), atomic_fetch_add(&ran, 1), r; }
static int late_result(conc_ctx *ctx, int r) { return chan_recv(conc_ctx_done(ctx)), atomic_fetch_add(&ran, 1), r; }

enum way { END, RETURN, BREAK, CONTINUE, GOTO, EXIT, WAYS };
static int one = 1;
static bool scope_left(enum way way, int depth) {
    for (int i = 0; i < 1; i++) {
        conc_scope_begin(s);
        conc_ctx *own = conc_ctx_with_timeout(conc_scope_ctx(s), CONC_HOUR);
        conc_scope_defer(s, conc_ctx_free, own);
        conc_scope_defer(s, count_free, &one);
        chan(int) c = conc_scope_chan(s, int), d = conc_scope_chan(s, int, 5);
        CHECK(c && d && chan_cap(c) == 0 && chan_cap(d) == 5);
        char *memory = conc_scope_alloc(s, 1000);
        for (int k = 0; k < 1000; k++) CHECK(memory[k] == 0);
        memset(memory, 1, 1000);
        for (int k = 0; k < 3; k++) conc_scope_go(s, linger, k ? own : conc_scope_ctx(s));
        if (depth > 0) (void)scope_left(way == EXIT ? END : way, depth - 1);
        if (way == RETURN) return true;
        if (way == BREAK) break;
        if (way == CONTINUE) continue;
        if (way == GOTO) goto out;
        if (way == EXIT) conc_exit();
    }
    return true;
out:
    return true;
}
static void leave_in(enum way way, int depth) { (void)scope_left(way, depth); }

TEST(every_way_out) {
    for (int way = 0; way < WAYS; way++)
        for (int depth = 0; depth < 3; depth++) {
            reset_counts();
            if (way == EXIT) {
                conc_run(leave_in, (enum way)way, depth);
            } else {
                CHECK(scope_left((enum way)way, depth));
                conc_run(leave_in, (enum way)way, depth);
            }
            int n = (way == EXIT ? 1 : 2) * (depth + 1);
            CHECK_EQ(atomic_load(&ran), 3 * n);
            CHECK_EQ(atomic_load(&freed), n);
            wait_goroutines(body_goroutines());
        }
}
static void scope_then_exit_handler(void) {
    conc_scope_begin(s, .join = true);
    conc_scope_go(s, brief);
    conc_on_exit((void (*)(void *))count_free, &one); /* stays when the scope ends */
}
TEST(exit_handlers_stay) {
    reset_counts();
    conc_run(scope_then_exit_handler);
    CHECK_EQ(atomic_load(&freed), 1);
}

/* Waiting, joining, cancelling: what ends, and when. */
TEST(wait_and_join) {
    reset_counts();
    {
        conc_scope_begin(s);
        for (int round = 1; round <= 3; round++) {
            for (int i = 0; i < 10; i++) conc_scope_go(s, brief);
            CHECK_EQ(conc_scope_wait(s), 0);
            CHECK_EQ(atomic_load(&ran), 10 * round);
        }
        CHECK_EQ(conc_ctx_err(conc_scope_ctx(s)), CONC_OK);
    }
    {
        conc_scope_begin(s, .join = true);
        for (int i = 0; i < 10; i++) conc_scope_go(s, brief);
    }
    CHECK_EQ(atomic_load(&ran), 40);
    {
        conc_scope_begin(s); /* nothing in it */
        CHECK_EQ(conc_scope_wait(s), 0);
    }
}

/* errgroup's TestZeroGroup, TestWithContext: no error, the first error, whichever task it is; it is the context's cause. */
TEST(first_error) {
    for (int bad = -1; bad < 5; bad++) {
        reset_counts();
        conc_scope_begin(s);
        for (int i = 0; i < 5; i++) {
            if (i == bad) conc_scope_go(s, result, 70 + i);
            else if (bad >= 0) conc_scope_go(s, late_result, conc_scope_ctx(s), 1);
            else conc_scope_go(s, result, 0);
        }
        int want = bad < 0 ? 0 : 70 + bad;
        CHECK_EQ(conc_scope_wait(s), want);
        CHECK_EQ(conc_scope_wait(s), want);
        CHECK_EQ(conc_ctx_cause(conc_scope_ctx(s)), want);
        CHECK_EQ(atomic_load(&ran), 5);
        conc_scope_go(s, result, 99); /* runs all the same */
        CHECK_EQ(conc_scope_wait(s), bad < 0 ? 99 : want);
        CHECK_EQ(atomic_load(&ran), 6);
    }
}

static int all_registers(int a, double b, const char *c, long d, float e, short f, long g, unsigned char h, long i, long j) {
    CHECK(a == 1 && b == 2.5 && strcmp(c, "three") == 0 && d == 4 && e == 5.5f && f == -6 && g == 7 && h == 8 && i == 9 && j == 10);
    return a - 1 + (int)(j - 10);
}
struct pair { long a, b; };
static int by_value(struct pair p) { return (int)(p.a - p.b); }
static int extremes(int r) { return r; }
static conc_status status(conc_status st) { return st; }
static void nothing(void) {}
static int zero(void) { return 0; }
/* The result is captured whatever way the arguments travel. */
TEST(results) {
    static const int all[] = { 1, -1, INT32_MAX, INT32_MIN, 256, 1 << 16, -125 };
    int (*pointer)(int) = extremes;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        conc_scope_begin(s);
        conc_scope_go(s, pointer, all[i]);
        CHECK_EQ(conc_scope_wait(s), all[i]);
    }
    conc_scope_begin(s);
    conc_scope_go(s, all_registers, 1, 2.5, "three", 4, 5.5f, -6, 7, 8, 9, 10);
    conc_scope_go(s, zero);
    conc_scope_go(s, nothing);
    conc_scope_go(s, status, CONC_OK);
    conc_scope_go(s, by_value, ((struct pair){ 8, 8 }));
    CHECK_EQ(conc_scope_wait(s), 0);
    conc_scope_go(s, by_value, ((struct pair){ 50, 8 }));
    CHECK_EQ(conc_scope_wait(s), 42);
}

static void crowded(int limit) {
    int n = atomic_fetch_add(&inside, 1) + 1, seen = atomic_load(&most);
    while (n > seen && !atomic_compare_exchange_weak(&most, &seen, n)) {}
    CHECK_SAY(n <= limit, "%d tasks, the limit is %d", n, limit);
    conc_yield();
    atomic_fetch_sub(&inside, 1);
    atomic_fetch_add(&ran, 1);
}
/* errgroup's TestGoLimit: never more than the limit, and all of them run. */
TEST(limits) {
    for (int limit = 1; limit <= 10; limit += 3) {
        reset_counts();
        conc_scope_begin(s, .limit = limit);
        for (int i = 0; i < scale(1025); i++) conc_scope_go(s, crowded, limit);
        CHECK_EQ(conc_scope_wait(s), 0);
        CHECK_EQ(atomic_load(&ran), scale(1025));
        CHECK(atomic_load(&most) <= limit);
    }
}
static void exit_task(void) { atomic_fetch_add(&ran, 1), conc_exit(); }
TEST(try_go) {
    reset_counts();
    conc_scope_begin(s, .limit = 2);
    int evaluated = 0;
    for (int i = 0; i < 5; i++) {
        bool started = conc_scope_try_go(s, linger, (evaluated++, conc_scope_ctx(s)));
        CHECK_EQ(started, i < 2);
    }
    CHECK_EQ(evaluated, 2);
    conc_scope_cancel(s, 0);
    CHECK_EQ(conc_scope_wait(s), CONC_CANCELED);
    for (int i = 0; i < 20; i++) conc_scope_go(s, exit_task); /* conc_exit gives the slot back */
    CHECK_EQ(conc_scope_wait(s), CONC_CANCELED);
    CHECK_EQ(atomic_load(&ran), 22);
}

/* Nested: a scope's context derives from its parent's; the inner error stays inside unless it is handed on. */
static int inner(conc_ctx *ctx, int fail) {
    conc_scope_begin(s, .parent = ctx);
    for (int i = 0; i < 3; i++) conc_scope_go(s, late_result, conc_scope_ctx(s), 1);
    if (fail) conc_scope_go(s, result, fail);
    return conc_scope_wait(s);
}
TEST(nested) {
    reset_counts();
    {
        conc_scope_begin(s);
        for (int i = 0; i < 5; i++) conc_scope_go(s, inner, conc_scope_ctx(s), i == 3 ? 42 : 0);
        CHECK_EQ(conc_scope_wait(s), 42);
        CHECK_EQ(atomic_load(&ran), 16);
    }
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    {
        conc_scope_begin(s, .parent = ctx);
        conc_scope_go(s, linger, conc_scope_ctx(s));
        conc_ctx_cancel_cause(ctx, 43); /* from outside */
        CHECK_EQ(conc_scope_wait(s), 43);
    }
    {
        conc_scope_begin(s, .parent = ctx); /* born cancelled */
        conc_scope_go(s, linger, conc_scope_ctx(s));
        conc_scope_go(s, zero);
        CHECK_EQ(conc_scope_wait(s), 43);
    }
    conc_ctx_free(ctx);
}
TEST(deadlines) {
    int64_t begin = conc_now(), t = 0;
    {
        conc_scope_begin(s, .timeout = 5 * CONC_MS);
        CHECK(conc_ctx_deadline(conc_scope_ctx(s), &t) && t >= begin + 5 * CONC_MS);
        conc_scope_go(s, linger, conc_scope_ctx(s));
        conc_scope_go(s, late_result, conc_scope_ctx(s), 0);
        CHECK_EQ(conc_scope_wait(s), CONC_TIMEOUT);
        CHECK(conc_now() >= begin + 5 * CONC_MS);
    }
    {
        conc_scope_begin(s, .timeout = CONC_HOUR, .deadline = begin);
        conc_scope_go(s, linger, conc_scope_ctx(s));
        CHECK_EQ(conc_scope_wait(s), CONC_TIMEOUT);
    }
    {
        conc_scope_begin(s, .timeout = 1); /* everybody was through all the same */
        conc_scope_go(s, zero);
        CHECK_EQ(conc_scope_wait(s), 0);
    }
}

/* Many tasks that start others and make things in the scope, at 1 to 8 processors. */
static int busy_task(conc_scope *s, int depth) {
    CHECK(conc_scope_alloc(s, (size_t)depth * 16 + 1));
    chan(int) c = conc_scope_chan(s, int, 1);
    chan_send(c, depth);
    conc_scope_defer(s, count_free, &one);
    atomic_fetch_add(&ran, 1);
    if (depth > 0)
        for (int i = 0; i < 10; i++) conc_scope_go(s, busy_task, s, depth - 1);
    return chan_recv(c) - depth;
}
TEST(ten_thousand) {
    int procs[] = { 1, 2, 4, 8 }, depth = scale(10000) >= 10000 ? 4 : 2, want = depth == 4 ? 11111 : 111;
    for (int i = 0; i < 4; i++) {
        conc_set_procs(procs[i]);
        reset_counts();
        {
            conc_scope_begin(s, .join = true);
            conc_scope_go(s, busy_task, s, depth);
        }
        CHECK_EQ(atomic_load(&ran), want);
        CHECK_EQ(atomic_load(&freed), want);
    }
    wait_goroutines(body_goroutines());
}
static void order(void *p) { CHECK_EQ(*(int *)p, atomic_fetch_sub(&freed, 1)); }
/* Last registered first; a deferred function may register another. */
struct again { conc_scope *s; };
static void register_another(void *p) { conc_scope_defer(((struct again *)p)->s, order, &one); }
TEST(order_of_release) {
    int n[10];
    struct again again;
    reset_counts();
    conc_scope_begin(s);
    again.s = s;
    CHECK_EQ(conc_scope_defer(s, register_another, &again), CONC_OK);
    for (int i = 2; i < 10; i++) n[i] = i, CHECK_EQ(conc_scope_defer(s, order, &n[i]), CONC_OK);
    atomic_store(&freed, 9);
    CHECK(!conc_scope_alloc(s, SIZE_MAX));
    CHECK(!conc_scope_alloc(s, SIZE_MAX / 2));
}
static void *scope_on_thread(void *p) {
    (void)p;
    CHECK(scope_left(RETURN, 2));
    return NULL;
}
TEST(on_threads) {
    pthread_t t[4];
    reset_counts();
    for (int i = 0; i < 4; i++) t[i] = thread_start(scope_on_thread, NULL);
    for (int i = 0; i < 4; i++) thread_join(t[i]);
    CHECK_EQ(atomic_load(&ran), 36);
    CHECK_EQ(atomic_load(&freed), 12);
}

CRASH(negative_limit, "panic: conc_scope_begin: negative limit") { conc_scope_begin(s, .limit = -1); }
CRASH(nil_task, "fatal error: go of nil func value") {
    int (*f)(void) = NULL;
    conc_scope_begin(s);
    conc_scope_go(s, f);
}
