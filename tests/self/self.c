/* conc.h explored by conc.h. derive.py makes sut.h, a second copy of it under other names, in which every atomic access, futex call, clock
   reading and thread is one of the functions below. Here those are operations of the explorer: its goroutines are the threads of the copy, and
   between any two atomic accesses of one thread any other may run. So the scheduler's own protocols, parking and waking, the idle lists, the run
   queues and their thieves, timers, channels, select, locks and contexts, are tried in thousands of interleavings (sequentially consistent
   ones), with the monitor's time limits firing at any moment. A lost wake-up is a deadlock of the explorer's, with the schedule that leads there.

   usage: self [schedules [program]]; tests/self/run.sh builds it. Last line: "N passed, N failed". */
#define CONC_NO_SHORT_NAMES
#include "conc.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- what the copy calls ---- */

enum { SELF_LOAD, SELF_STORE, SELF_RMW };
#define self_point(op, p) conc__test_atomic(op, (const void *)(uintptr_t)(p))
/* values are worked out before the operation: they may hold operations themselves */
#define self_load_n(p, order) __extension__({ __auto_type self_p = (p); self_point(SELF_LOAD, self_p); __atomic_load_n(self_p, order); })
#define SELF_OP(name, op, p, v, ...) __extension__({ \
    __auto_type self_p = (p); \
    __typeof__(__atomic_load_n(self_p, 0)) self_v = (v); \
    self_point(op, self_p); \
    name(self_p, self_v, __VA_ARGS__); })
#define self_store_n(p, v, order) SELF_OP(__atomic_store_n, SELF_STORE, p, v, order)
#define self_exchange_n(p, v, order) SELF_OP(__atomic_exchange_n, SELF_RMW, p, v, order)
#define self_fetch_add(p, v, order) SELF_ADD(__atomic_fetch_add, p, v, order)
#define self_fetch_sub(p, v, order) SELF_ADD(__atomic_fetch_sub, p, v, order)
#define self_add_fetch(p, v, order) SELF_ADD(__atomic_add_fetch, p, v, order)
#define self_sub_fetch(p, v, order) SELF_ADD(__atomic_sub_fetch, p, v, order)
#define self_fetch_and(p, v, order) SELF_ADD(__atomic_fetch_and, p, v, order)
#define self_fetch_or(p, v, order) SELF_ADD(__atomic_fetch_or, p, v, order)
#define SELF_ADD(name, p, v, order) SELF_OP(name, SELF_RMW, p, v, order)
#define self_compare_exchange_n(p, old, v, weak, good, bad) __extension__({ \
    __auto_type self_p = (p); \
    __auto_type self_old = (old); \
    __typeof__(__atomic_load_n(self_p, 0)) self_v = (v); \
    self_point(SELF_RMW, self_p); \
    __atomic_compare_exchange_n(self_p, self_old, self_v, weak, good, bad); })

/* Memory that is at the same place in each schedule, so that what is sorted by address is repeatable. Nothing is given back. */
static _Alignas(64) char self_arena[64 << 20];
static size_t self_used;
static void *self_malloc(size_t n) {
    self_used = (self_used + 15) & ~(size_t)15;
    if (n > sizeof self_arena - self_used - 16) return NULL;
    char *p = self_arena + self_used;
    memcpy(p, &n, sizeof n);
    self_used += 16 + n;
    return p + 16;
}
static void *self_realloc(void *old, size_t n) {
    size_t had = 0;
    void *p = self_malloc(n);
    if (old) memcpy(&had, (char *)old - 16, sizeof had);
    if (p && old) memcpy(p, old, had < n ? had : n);
    return p;
}
static void self_free(void *p) { (void)p; }

/* What belongs to a thread: the explorer's goroutine has it as a local. */
struct self_local { void *m; _Alignas(16) char thread[64]; };
static conc_key self_key;
static struct self_local *self_local(void) {
    struct self_local *l = conc_key_get(self_key);
    if (!l) {
        l = self_malloc(sizeof *l);
        memset(l, 0, sizeof *l);
        if (conc_key_set(self_key, l) != CONC_OK) abort();
    }
    return l;
}
static void **self_m(void) { return &self_local()->m; }
static void *self_thread(size_t n) {
    if (n > sizeof ((struct self_local *)0)->thread) abort();
    return self_local()->thread;
}

/* Virtual, and a microsecond later each time somebody looks, so that loops until a time come to an end. */
static int64_t self_looks;
static int64_t self_now(void) { return conc_now() + 1000 * self_looks++; }
static void self_relax(void) { conc_yield(); }
static void self_await(void) { conc_relax(); } /* until one of the words just read has changed */
static int self_yield(void) { return conc_yield(), 0; }
static int self_nanosleep(const struct timespec *t, struct timespec *left) {
    (void)left;
    conc_sleep((int64_t)t->tv_sec * CONC_SEC + t->tv_nsec);
    return 0;
}

struct self_waiter { uint32_t *word; conc_chan(char) woken; struct self_waiter *next; };
static struct self_waiter *self_waiters;
static struct self_waiter *self_take(const struct self_waiter *w, const uint32_t *word) {
    for (struct self_waiter **at = &self_waiters; *at; at = &(*at)->next)
        if (w ? *at == w : (*at)->word == word) {
            struct self_waiter *found = *at;
            *at = found->next;
            return found;
        }
    return NULL;
}
static long self_wait(uint32_t *word, uint32_t value, int64_t ns) {
    struct self_waiter w = { word, conc_chan_make(char, 1), NULL }, **last = &self_waiters;
    char none;
    self_point(SELF_LOAD, word);
    if (__atomic_load_n(word, __ATOMIC_RELAXED) != value) return conc_chan_free(w.woken), -1; /* from here to the wait nobody else runs */
    while (*last) last = &(*last)->next;
    *last = &w;
    if (ns < 0) (void)conc_chan_recv(w.woken, &none);
    else (void)conc_chan_recv_for(w.woken, &none, ns);
    (void)self_take(&w, NULL);
    conc_chan_free(w.woken);
    return 0;
}
static void self_wake(uint32_t *word) {
    self_point(SELF_RMW, word);
    struct self_waiter *w = self_take(NULL, word);
    if (!w) return;
    conc_chan(char) woken = conc_chan_ref(w->woken); /* the waiter may run out of time before the send */
    (void)conc_chan_try_send(woken, 1);
    conc_chan_free(woken);
}

struct self_start { void *(*fn)(void *); void *arg; conc_chan(char) done; };
static void self_main(struct self_start *s) {
    (void)s->fn(s->arg);
    conc_chan_close(s->done);
}
static int self_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg) {
    struct self_start *s = self_malloc(sizeof *s);
    (void)attr;
    *s = (struct self_start){ fn, arg, conc_chan_make(char) };
    *thread = (pthread_t)(uintptr_t)s;
    conc_go(self_main, s);
    return 0;
}
static int self_join(pthread_t thread, void **result) {
    struct self_start *s = (struct self_start *)(uintptr_t)thread;
    (void)result;
    (void)conc_chan_recv(s->done);
    return 0;
}

/* ---- the copy ---- */

#define SUT_IMPLEMENTATION
#define SUT_STATIC
#define SUT_NO_SHORT_NAMES
#define SUT_NO_SEGV_HANDLER
#define SUT_NO_ERRNO
#define SUT_STACK_SIZE 32768
#define SUT_MALLOC(n) self_malloc(n)
#define SUT_REALLOC(p, n) self_realloc(p, n)
#define SUT_FREE(p) self_free(p)
#pragma GCC diagnostic ignored "-Wunused-function"
#include "sut.h"

/* ---- programs ---- */

#define CHECK(x) conc_assert(x)
static int procs;

static void add(int *n) { ++*n; }
static void three_goroutines(void) {
    sut_wg wg = SUT_WG_INIT;
    int n[3] = { 0 };
    for (int i = 0; i < 3; i++) sut_wg_go(&wg, add, &n[i]);
    sut_wg_wait(&wg);
    CHECK(n[0] + n[1] + n[2] == 3);
}

static void echo(sut_recv_chan(int) in, sut_send_chan(int) out) {
    for (int v; sut_chan_recv(in, &v);) sut_chan_send(out, v + 1);
    sut_chan_close(out);
}
static void ping_pong(void) {
    sut_chan(int) a = sut_chan_make(int), b = sut_chan_make(int);
    sut_go(echo, a, b);
    for (int i = 0; i < 2; i++) {
        sut_chan_send(a, i);
        CHECK(sut_chan_recv(b) == i + 1);
    }
    sut_chan_close(a);
    CHECK(!sut_chan_recv(b, &(int){ 0 }));
    sut_chan_free(a), sut_chan_free(b);
}

static void produce(sut_send_chan(int) c, int from) {
    for (int i = 0; i < 2; i++) sut_chan_send(c, from + i);
}
static void consume(sut_recv_chan(int) c, int *sum) {
    sut_chan_range(v, c) *sum += v;
}
static void many_to_many(void) {
    sut_chan(int) c = sut_chan_make(int, 1);
    sut_wg in = SUT_WG_INIT, out = SUT_WG_INIT;
    int sum[2] = { 0, 0 };
    for (int i = 0; i < 2; i++) sut_wg_go(&in, produce, c, 10 * i), sut_wg_go(&out, consume, c, &sum[i]);
    sut_wg_wait(&in);
    sut_chan_close(c);
    sut_wg_wait(&out);
    CHECK(sum[0] + sum[1] == 22);
    sut_chan_free(c);
}

static void choose(sut_recv_chan(int) a, sut_recv_chan(int) b, int *sum) {
    for (int n = 0; n < 2; n++) {
        sut_select {
            sut_on_recv(v, a) *sum += v;
            sut_on_recv(v, b) *sum += v;
        }
    }
}
static void give(sut_send_chan(int) c, int v) { sut_chan_send(c, v); }
static void selects(void) {
    sut_chan(int) a = sut_chan_make(int), b = sut_chan_make(int);
    sut_wg wg = SUT_WG_INIT;
    int sum = 0;
    sut_wg_go(&wg, choose, a, b, &sum);
    sut_wg_go(&wg, give, a, 1);
    sut_wg_go(&wg, give, b, 2);
    sut_wg_wait(&wg);
    CHECK(sum == 3);
    sut_chan_free(a), sut_chan_free(b);
}
static void select_both_ways(sut_chan(int) a, sut_chan(int) b, int *got) {
    sut_select { /* the same two channels, in the other order, from the other side: locks in one order all the same */
        sut_on_send(a, 1) ++*got;
        sut_on_recv(v, b) *got += v;
    }
}
static void selects_meet(void) {
    sut_chan(int) a = sut_chan_make(int), b = sut_chan_make(int);
    sut_wg wg = SUT_WG_INIT;
    int got[2] = { 0, 0 };
    sut_wg_go(&wg, select_both_ways, a, b, &got[0]);
    sut_wg_go(&wg, select_both_ways, b, a, &got[1]);
    sut_wg_wait(&wg);
    CHECK(got[0] == 1 && got[1] == 1);
    sut_chan_free(a), sut_chan_free(b);
}
static void select_times_out(void) {
    sut_chan(int) c = sut_chan_make(int, 1);
    sut_wg wg = SUT_WG_INIT;
    int got = 0;
    sut_wg_go(&wg, give, c, 1);
    sut_select {
        sut_on_recv(v, c) got = v;
        sut_on_timeout(50000) got = -1;
    }
    sut_wg_wait(&wg);
    CHECK(got == 1 ? sut_chan_len(c) == 0 : got == -1 && sut_chan_len(c) == 1);
    sut_chan_free(c);
}

struct guarded { sut_mutex m; int n; };
static void guard(struct guarded *g) {
    for (int i = 0; i < 2; i++) {
        sut_mutex_lock(&g->m);
        int n = g->n;
        if (i == 0) sut_yield();
        g->n = n + 1;
        sut_mutex_unlock(&g->m);
    }
}
static void mutexes(void) {
    struct guarded g = { SUT_MUTEX_INIT, 0 };
    sut_wg wg = SUT_WG_INIT;
    for (int i = 0; i < 3; i++) sut_wg_go(&wg, guard, &g);
    guard(&g); /* and a thread of the program's */
    sut_wg_wait(&wg);
    CHECK(g.n == 8);
}

struct shared { sut_rwmutex m; int n; };
static void rd(struct shared *s) {
    sut_rwmutex_rlock(&s->m);
    int n = s->n;
    sut_yield();
    CHECK(s->n == n);
    sut_rwmutex_runlock(&s->m);
}
static void wr(struct shared *s) {
    sut_rwmutex_lock(&s->m);
    s->n++;
    sut_yield();
    s->n++;
    sut_rwmutex_unlock(&s->m);
}
static void rwmutexes(void) {
    struct shared s = { SUT_RWMUTEX_INIT, 0 };
    sut_wg wg = SUT_WG_INIT;
    for (int i = 0; i < 2; i++) sut_wg_go(&wg, rd, &s), sut_wg_go(&wg, wr, &s);
    sut_wg_wait(&wg);
    CHECK(s.n == 4);
}

struct box { sut_mutex m; sut_cond c; int full; };
static void put(struct box *b) {
    sut_mutex_lock(&b->m);
    b->full++;
    sut_cond_signal(&b->c);
    sut_mutex_unlock(&b->m);
}
static void take(struct box *b) {
    sut_mutex_lock(&b->m);
    while (!b->full) sut_cond_wait(&b->c, &b->m);
    b->full--;
    sut_mutex_unlock(&b->m);
}
static void conds(void) {
    struct box b = { SUT_MUTEX_INIT, SUT_COND_INIT, 0 };
    sut_wg wg = SUT_WG_INIT;
    for (int i = 0; i < 2; i++) sut_wg_go(&wg, take, &b), sut_wg_go(&wg, put, &b);
    sut_wg_wait(&wg);
    CHECK(b.full == 0);
}

struct weighed { sut_sem s; int now; };
static void weigh(struct weighed *w, int n) {
    sut_sem_acquire(&w->s, n);
    w->now += n;
    CHECK(w->now <= 3);
    sut_yield();
    w->now -= n;
    sut_sem_release(&w->s, n);
}
static void semaphores(void) {
    struct weighed w = { SUT_SEM_INIT(3), 0 };
    sut_wg wg = SUT_WG_INIT;
    for (int i = 1; i <= 3; i++) sut_wg_go(&wg, weigh, &w, i);
    sut_wg_wait(&wg);
}

static void doze(int64_t ns, sut_send_chan(int) c) {
    sut_sleep(ns);
    sut_chan_send(c, 1);
}
static void sleeps(void) {
    sut_chan(int) c = sut_chan_make(int);
    for (int i = 1; i <= 2; i++) sut_go(doze, i * 20000, c);
    CHECK(sut_chan_recv(c) + sut_chan_recv(c) == 2);
    sut_wg wg = SUT_WG_INIT;
    int n = 0;
    sut_wg_go(&wg, add, &n);
    sut_sleep(1000);
    sut_wg_wait(&wg);
    sut_chan_free(c);
}
static void fire(void *n) { sut_wg_done((sut_wg *)n); }
static void timers(void) {
    sut_wg wg = SUT_WG_INIT;
    sut_wg_add(&wg, 1);
    sut_timer *t = sut_after_func(20000, fire, &wg);
    if (sut_timer_stop(t)) sut_wg_done(&wg); /* either it was stopped, or it runs */
    sut_wg_wait(&wg);
    sut_wg_add(&wg, 1);
    if (sut_timer_reset(t, 1000)) CHECK(false); /* it was not pending */
    sut_wg_wait(&wg);
    sut_timer_free(t);
}

static void wait_for_end(sut_ctx *ctx, int *ended) {
    (void)sut_sleep_ctx(ctx, SUT_HOUR); /* cancelled, or the hour has passed, which it may at any moment here */
    ++*ended;
}
static void contexts(void) {
    sut_ctx *root = sut_ctx_with_cancel(sut_ctx_background()), *child = sut_ctx_with_timeout(root, SUT_HOUR);
    sut_wg wg = SUT_WG_INIT;
    int ended[2] = { 0, 0 };
    for (int i = 0; i < 2; i++) sut_wg_go(&wg, wait_for_end, child, &ended[i]);
    sut_ctx *late = sut_ctx_with_cancel(child);
    sut_ctx_cancel(root);
    sut_wg_wait(&wg);
    CHECK(ended[0] + ended[1] == 2);
    CHECK(sut_ctx_err(late) != SUT_OK);
    sut_ctx_free(late), sut_ctx_free(child), sut_ctx_free(root);
}

/* A processor with more work than its share, and an idle one. */
static void burst(sut_wg *wg, int *n) {
    for (int i = 0; i < 4; i++) sut_wg_go(wg, add, &n[i]);
    for (int i = 0; i < 3; i++) sut_yield();
}
static void stealing(void) {
    sut_wg wg = SUT_WG_INIT, first = SUT_WG_INIT;
    int n[4] = { 0 };
    sut_wg_go(&first, burst, &wg, n);
    sut_wg_wait(&first);
    sut_wg_wait(&wg);
    for (int i = 0; i < 4; i++) CHECK(n[i] == 1);
}
/* A goroutine in a long call: its processor goes on with others. */
static void in_a_call(sut_recv_chan(int) c, int *got) {
    sut_blocking {
        while (!*got) conc_sleep(1000); /* not the copy's: the thread is stuck, from its view */
    }
    *got += sut_chan_recv(c);
}
static void handed_on(void) {
    sut_chan(int) c = sut_chan_make(int, 1);
    sut_wg wg = SUT_WG_INIT;
    int got = 0;
    sut_wg_go(&wg, in_a_call, c, &got);
    sut_wg_go(&wg, give, c, 2);
    sut_wg_go(&wg, add, &got); /* ends the call: it must run while that lasts, also with one processor */
    sut_wg_wait(&wg);
    CHECK(got == 3);
    sut_chan_free(c);
}
static void fewer_processors(void) {
    sut_wg wg = SUT_WG_INIT;
    int n[4] = { 0 };
    sut_wg_go(&wg, burst, &wg, n);
    sut_set_procs(1);
    sut_set_procs(2);
    sut_wg_wait(&wg);
    for (int i = 0; i < 4; i++) CHECK(n[i] == 1);
}

static const struct program { const char *name; void (*fn)(void); } programs[] = {
    { "three_goroutines", three_goroutines }, { "ping_pong", ping_pong }, { "many_to_many", many_to_many }, { "selects", selects },
    { "selects_meet", selects_meet }, { "select_times_out", select_times_out }, { "mutexes", mutexes }, { "rwmutexes", rwmutexes },
    { "conds", conds }, { "semaphores", semaphores }, { "sleeps", sleeps }, { "timers", timers }, { "contexts", contexts },
    { "stealing", stealing }, { "handed_on", handed_on }, { "fewer_processors", fewer_processors },
};

static void body(void *arg) {
    const struct program *p = arg;
    memset(&sut__rt, 0, sizeof sut__rt);
    memset(&sut__sig, 0, sizeof sut__sig);
    self_used = 0, self_looks = 0, self_waiters = NULL;
    sut_set_procs(procs);
    p->fn();
    CHECK(sut_shutdown() == 0);
}

int main(int argc, char **argv) {
    uint64_t schedules = argc > 1 ? strtoull(argv[1], NULL, 10) : 300;
    int passed = 0, failed = 0;
    if (conc_key_create(&self_key, NULL) != CONC_OK) return 2;
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        if (argc > 2 && strcmp(argv[2], programs[i].name) != 0) continue;
        for (procs = 1; procs <= 2; procs++) {
            struct timespec a, b;
            (void)clock_gettime(CLOCK_MONOTONIC, &a);
            conc_report r = conc_test(body, (void *)(uintptr_t)&programs[i], .name = programs[i].name, .schedules = schedules, .seconds = 3600,
                                      .max_steps = 200000);
            (void)clock_gettime(CLOCK_MONOTONIC, &b);
            if (r.ok) passed++;
            else if (getenv("SELF_MUTANT")) return 1; /* noticed: that will do */
            else failed++, printf("FAIL %s, %d processors:\n%s\n", programs[i].name, procs, r.text);
            if (r.ok && getenv("SELF_VERBOSE"))
                printf("%s, %d processors: %llu schedules of %llu steps, %.1f s\n", programs[i].name, procs, (unsigned long long)r.schedules,
                       (unsigned long long)(r.steps / r.schedules), (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec));
        }
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0 || passed == 0;
}
