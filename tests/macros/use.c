/* Every public macro of conc.h, in the forms that users write. Compiled under the strictest warnings for every C standard,
   with and without the short names' alternatives, and run. A failed check aborts with its line. */
#include "conc.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(x) ((x) ? (void)0 : (fprintf(stderr, "use.c:%d: %s\n", __LINE__, #x), abort()))

struct pt { int x, y; };
struct big { long a[4]; };
enum color { RED, GREEN };
typedef chan(struct job *) jobs_t; /* of an incomplete type's pointer */
struct job { int n; chan(int) reply; };

static conc_atomic(long) sum;
static void add(long v) { conc_atomic_fetch_add(&sum, v); }
static long taken(void) { return conc_atomic_exchange(&sum, 0); }

/* ---- go ---- */
static void f0(void) { add(1); }
static void f1(int a) { add(a); }
static int f2(const char *s, double d) { return add((long)strlen(s) + (long)d), 1; }
static void f3(void *p, unsigned char c, struct pt v) { add(*(int *)p + c + v.x + v.y); }
static void f4(int a, long b, char c, bool d) { add(a + b + c + d); }
static void f5(int a, long b, float c, void *d, struct pt e) { add(a + b + (long)c + (d == NULL) + e.x); }
static void f6(long a, long b, long c, long d, long e, long f) { add(a + b + c + d + e + f); }
static void f8(int a, double b, int c, double d, int e, double f, int g, double h) {
    add(a + c + e + g + (long)(b + d + f + h));
}
static void f16(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j, int k, int l, int m, int n, int o, int p) {
    add(a + b + c + d + e + f + g + h + i + j + k + l + m + n + o + p);
}
static void fn(void (*f)(int), int a) { f(a); }
static void flong(long double a, enum color c) { add((long)a + (long)c); }
static void square(recv_chan(int) in, send_chan(long) out) {
    chan_range(v, in) chan_send(out, (long)v * v);
    chan_close(out);
}
static void giver(send_chan(int) out, int first, int n) {
    for (int i = 0; i < n; i++) chan_send(out, first + i);
}
static void closer(chan(int) c) { chan_close(c); }

static void test_go(void) {
    struct pt p = { 3, 4 };
    int i = 5, calls = 0;
    void (*ptr)(int) = f1;
    void (*table[2])(int) = { f1, f1 };
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, f0);
    conc_wg_go(&wg, f1, 3);
    conc_wg_go(&wg, f1, 'a');
    conc_wg_go(&wg, f1, calls++);
    conc_wg_go(&wg, ptr, 1);
    conc_wg_go(&wg, &f1, 1);
    conc_wg_go(&wg, *ptr, 1);
    conc_wg_go(&wg, table[1], 1);
    conc_wg_go(&wg, f2, "ab", 2.5f);
    conc_wg_go(&wg, f2, "ab", 7);
    conc_wg_go(&wg, f3, &i, 3, p);
    conc_wg_go(&wg, f3, &i, 3, ((struct pt){ 1, 2 }));
    conc_wg_go(&wg, f4, 1, 2, 3, true);
    conc_wg_go(&wg, f5, 1, 2, 3, NULL, p);
    conc_wg_go(&wg, f6, 1, 2, 3, 4, 5, 6);
    conc_wg_go(&wg, f8, 1, 2, 3, 4, 5, 6, 7, 8);
    conc_wg_go(&wg, f16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
    conc_wg_go(&wg, fn, f1, 9);
    conc_wg_go(&wg, flong, 1.5L, GREEN);
    conc_wg_wait(&wg);
    CHECK(calls == 1);
    CHECK(taken() == 1 + 3 + 'a' + 0 + 4 + 4 + 9 + 15 + 11 + 7 + 10 + 21 + 36 + 136 + 9 + 2);
    conc_run(f1, 4);
    conc_run(f0);
    CHECK(taken() == 5);
    char text[32] = "";
    conc_run(snprintf, text, sizeof text, "%d %.1f %s", 1, 2.5, "three"); /* a variadic function */
    CHECK(strcmp(text, "1 2.5 three") == 0);
    chan(int) c = chan_make(int);
    go(giver, c, 1, 2);
    CHECK(chan_recv(c) == 1 && chan_recv(c) == 2);
    go_with(conc_opts(.stack = 1 << 18, .name = "closing"), closer, c);
    CHECK(!chan_recv(c, &i) && i == 0);
    CHECK(go_with(((conc_go_opts){ .name = "again" }), f1, 2) == CONC_OK);
    CHECK(go_with(conc_opts(0, NULL), f1, 2) == CONC_OK);
    while (conc_atomic_load(&sum) != 4) conc_yield();
    conc_atomic_store(&sum, 0);
    chan_free(c);
}

/* ---- channels ---- */
static int pick(int *calls, int v) { return ++*calls, v; }
static void test_chan(void) {
    chan(int) c = chan_make(int, 4);
    chan(struct pt) ps = chan_make(struct pt, 2);
    chan(struct big) bs = chan_make(struct big, 1);
    chan(const char *) strs = chan_make(const char *, 1);
    chan(chan(int)) cc = chan_make(chan(int), 1);
    chan(unsigned char) bytes = chan_make(unsigned char, 1);
    chan(double) ds = chan_make(double, (size_t)1);
    jobs_t jobs = chan_make(struct job *, 1);
    recv_chan(int) ro = c;
    send_chan(int) so = c;
    int v = 0, calls = 0;
    struct big b = { { 1, 2, 3, 4 } };
    struct job job = { 7, c };

    chan_send(c, 1);
    chan_send(so, calls++);
    chan_send(c, pick(&calls, 5));
    CHECK(calls == 2 && chan_len(c) == 3 && chan_cap(ro) == 4);
    CHECK(chan_recv(c) == 1);
    CHECK(chan_recv(ro, &v) && v == 0);
    v = chan_recv(ro);
    CHECK(v == 5);
    chan_send(ps, (struct pt){ 1, 2 });
    chan_send(ps, ((struct pt){ 3, 4 }));
    CHECK(chan_recv(ps).y == 2 && chan_recv(ps).x == 3);
    chan_send(bs, b);
    CHECK(chan_recv(bs).a[3] == 4);
    chan_send(strs, "hello");
    CHECK(strcmp(chan_recv(strs), "hello") == 0);
    chan_send(cc, c);
    chan_send(chan_recv(cc), 9);
    CHECK(chan_recv(c) == 9);
    chan_send(bytes, 200);
    CHECK(chan_recv(bytes) == 200);
    chan_send(ds, 2);
    CHECK(chan_recv(ds) > 1.5);
    chan_send(jobs, &job);
    chan_send(chan_recv(jobs)->reply, 11);
    CHECK(chan_recv(job.reply) == 11);

    CHECK(chan_try_recv(c, &v) == CONC_WOULD_BLOCK);
    CHECK(chan_try_send(ps, (struct pt){ 5, 6 }) == CONC_OK && chan_try_send(ps, ((struct pt){ 5, 6 })) == CONC_OK);
    CHECK(chan_try_send(ps, (struct pt){ 5, 6 }) == CONC_WOULD_BLOCK);
    CHECK(chan_send_for(ps, ((struct pt){ 5, 6 }), CONC_US) == CONC_TIMEOUT);
    CHECK(chan_send_until(ps, ((struct pt){ 5, 6 }), conc_now()) == CONC_TIMEOUT);
    CHECK(chan_recv_for(c, &v, 10 * CONC_NS) == CONC_TIMEOUT);
    CHECK(chan_recv_until(c, &v, conc_now() + CONC_US) == CONC_TIMEOUT);
    CHECK(chan_send_for(c, 3, CONC_SEC) == CONC_OK && chan_recv_for(ro, &v, CONC_MIN) == CONC_OK && v == 3);

    int total = 0;
    for (int i = 0; i < 4; i++) chan_send(c, i);
    chan_range(x, c) {
        if (x == 1) continue;
        if (x == 3) break;
        total += x;
    }
    CHECK(total == 2);
    chan_range(p, ps) {
        total += p.x;
        chan_range(q, ps) {
            total += q.y;
            break;
        }
        break;
    }
    CHECK(total == 13);
    chan_close(so);
    CHECK(chan_try_recv(c, &v) == CONC_CLOSED && v == 0 && chan_recv_for(c, &v, 0) == CONC_CLOSED);
    chan_range(x, c) total += x;
    CHECK(total == 13);

    chan(int) in = chan_make(int, 8);
    chan(long) out = chan_make(long);
    go(square, in, out);
    for (int i = 1; i <= 4; i++) chan_send(in, i);
    chan_close(in);
    long squares = 0;
    chan_range(sq, out) squares += sq;
    CHECK(squares == 30);

    chan(int) again = chan_ref(c);
    chan_free(again);
    chan_free(ro), chan_free(ps), chan_free(bs), chan_free(strs), chan_free(cc), chan_free(bytes), chan_free(ds), chan_free(jobs);
    chan_free(in), chan_free(out);
    again = NULL;
    chan_free(again);
    CHECK(chan_len(again) == 0 && chan_cap(again) == 0);
}

/* ---- select ---- */
static int sel_return(chan(int) c) {
    chan_select {
        on_recv(v, c) return v;
        on_default return -1;
    }
    return -2;
}
static void test_select(void) {
    chan(int) a = chan_make(int, 2);
    chan(long) b = chan_make(long, 2);
    chan(struct pt) ps = chan_make(struct pt, 1);
    chan(struct big) bs = chan_make(struct big, 1);
    chan(int) never = NULL;
    int hits = 0, calls = 0, v = 0;

    chan_select {
        on_recv(x, a) { hits = x; }
        on_recv(x, b) { hits = (int)x; }
        on_timeout(CONC_US) { hits = -1; }
    }
    CHECK(hits == -1);
    chan_select {
        on_recv(x, never) hits = x;
        on_send(never, pick(&calls, 3)) hits = 1;
        on_send(a, pick(&calls, 7)) { hits = 2; }
    }
    CHECK(hits == 2 && calls == 2 && sel_return(a) == 7 && sel_return(a) == -1);
    chan_select {
        on_send(ps, (struct pt){ 1, 2 }) { hits = 3; }
        on_default { hits = 4; }
    }
    CHECK(hits == 3);
    chan_select_ordered {
        on_recv_ok(x, ok, a) { hits = ok ? x : 0; }
        on_recv_into(&v, a) { hits = 5; }
        on_recv(p, ps) { hits = p.x + p.y; }
        on_default { hits = 6; }
    }
    CHECK(hits == 3);
    chan_send(bs, (struct big){ { 1, 2, 3, 4 } });
    chan_send(b, 8);
    chan_select_ordered {
        on_recv(x, bs) {
            CHECK(x.a[3] == 4);
            chan_select {
                on_recv(x2, b) { hits = (int)x2 + (int)x.a[0]; }
                on_send(bs, x) { hits = 0, (void)chan_recv(bs); }
            }
        }
        on_default { hits = -2; }
    }
    CHECK(hits == 9 || hits == 0);
    chan_send(a, 4);
    for (;;) {
        chan_select {
            on_recv_into(&v, a) break;
            on_timeout(CONC_HOUR) break;
        }
        break;
    }
    CHECK(v == 4);
    chan_close(a);
    chan_select {
        on_recv_ok(x, ok, a) { hits = ok ? -1 : x + 20; }
    }
    CHECK(hits == 20);

    long lv = 0;
    if (chan_len(b) == 0) chan_send(b, 8);
    switch (chan_select_of(case_recv(b, &lv), case_send(never, pick(&calls, 1)), case_timeout(CONC_SEC))) {
    case 0: hits = (int)lv; break;
    default: hits = -3; break;
    }
    CHECK(hits == 8 && calls == 3);
    CHECK(chan_select_ordered_of(case_recv(b, &lv), case_send(ps, (struct pt){ 1, 2 }), case_default()) == 1);
    conc_case cases[2] = { case_recv(b, &lv), case_recv(a, &v) };
    CHECK(chan_select_n(cases, 2) == 1 && !cases[1].ok);
    CHECK(chan_select_ordered_n(cases, 2) == 1);
    conc_case sends[2];
    for (int i = 0; i < 2; i++) sends[i] = case_send(b, 40 + i);
    chan_free(a), chan_free(b), chan_free(ps), chan_free(bs);
    chan_select {
        on_default hits = 21;
    }
    CHECK(hits == 21 && sends[0].size == sizeof(long));
}

/* ---- containers, signals ---- */
static void test_containers(void) {
    conc_map(const char *, struct pt) m = conc_map_make(const char *, struct pt);
    conc_map(uint64_t, int) u = conc_map_make(uint64_t, int);
    struct pt p, key = { 1, 2 };
    int v = 0, n = 0, calls = 0;
    conc_map_store(m, "a", (struct pt){ 1, 2 });
    CHECK(conc_map_load(m, "a", &p) && p.y == 2 && conc_map_len(m) == 1);
    CHECK(conc_map_compare_and_swap(m, "a", key, p) && conc_map_compare_and_delete(m, "a", p) && !conc_map_delete(m, "a"));
    conc_map_store(u, (calls++, 3), (calls++, 4));
    CHECK(calls == 2 && conc_map_swap(u, 3, 5, &v) && v == 4 && conc_map_load_or_store(u, 3, 6, &v) && v == 5);
    conc_map_range(uint64_t, k, int, x, u) n += (int)k + x;
    conc_map_range(const char *, k, struct pt, x, m) n += k[0] + x.x;
    CHECK(n == 8 && conc_map_load_and_delete(u, 3, &v));
    if (n) conc_map_range(uint64_t, k, int, x, u) n += (int)k + x;
    else n = 0;
    conc_map_clear(u), conc_map_free(u), conc_map_free(m);
    conc_barrier bar = CONC_BARRIER_INIT(1);
    CHECK(conc_barrier_wait(&bar));
    conc_pool *pool = conc_pool_new(NULL, free, 0);
    conc_pool_put(pool, malloc(8)), conc_pool_free(pool);
    chan(int) sig = chan_make(int, 1);
    send_chan(int) out = sig;
    CHECK(conc_signal_notify(out, 10) == CONC_OK && conc_signal_notify(sig, 12, 10) == CONC_OK && conc_signal_notify(sig, 0) == CONC_INVALID);
    CHECK(conc_signal_notify(sig) == CONC_OK && conc_signal_ignore(10) == CONC_OK && conc_signal_ignored(10));
    CHECK(conc_signal_reset(10, 12) == CONC_OK && conc_signal_reset(0) == CONC_INVALID && conc_signal_reset() == CONC_OK);
    conc_signal_stop(out);
    conc_ctx *ctx = conc_ctx_notify(conc_ctx_background(), 10, 12);
    CHECK(ctx && conc_ctx_err(ctx) == CONC_OK);
    conc_ctx_free(ctx);
    chan_free(sig);
}

/* ---- sync, time, the rest ---- */
static void once(void *p) { ++*(int *)p; }
static void unlock(conc_mutex *m) { conc_mutex_unlock(m); }
static void later(void *p) { chan_send((chan(int))p, 1); }
static void key_dtor(void *p) { add(*(int *)p); }
static conc_mutex mu = CONC_MUTEX_INIT;
static conc_rwmutex rw = CONC_RWMUTEX_INIT;
static conc_once first = CONC_ONCE_INIT;
static conc_cond cond = CONC_COND_INIT;
static conc_sem sem = CONC_SEM_INIT(3);
static conc_key key;
static void in_goroutine(int *order) {
    CHECK(conc_id() > 0 && strcmp(conc_name(), "in_goroutine") == 0);
    CHECK(conc_on_exit(once, order) == CONC_OK);
    CHECK(conc_key_set(key, order) == CONC_OK && conc_key_get(key) == order);
    conc_lock_thread();
    conc_blocking { add(1); }
    conc_unlock_thread();
    conc_exit();
}
static void test_rest(void) {
    int n = 0;
    {
        conc_mutex_lock(&mu);
        defer(unlock, &mu);
        defer(free, malloc(8));
        n = 1;
    }
    CHECK(conc_mutex_try_lock(&mu));
    CHECK(conc_mutex_lock_for(&mu, CONC_US) == CONC_TIMEOUT);
    CHECK(conc_cond_wait_for(&cond, &mu, CONC_US) == CONC_TIMEOUT);
    conc_cond_signal(&cond), conc_cond_broadcast(&cond);
    conc_mutex_unlock(&mu);
    conc_rwmutex_rlock(&rw);
    CHECK(conc_rwmutex_try_rlock(&rw) && !conc_rwmutex_try_lock(&rw));
    conc_rwmutex_runlock(&rw), conc_rwmutex_runlock(&rw);
    conc_rwmutex_lock(&rw), conc_rwmutex_unlock(&rw);
    conc_once_do(&first, once, &n), conc_once_do(&first, once, &n);
    CHECK(n == 2);
    conc_sem_acquire(&sem, 2);
    CHECK(!conc_sem_try_acquire(&sem, 2) && conc_sem_acquire_for(&sem, 2, CONC_US) == CONC_TIMEOUT);
    conc_sem_release(&sem, 2);
    conc_wg wg = { 0 };
    conc_wg_add(&wg, 1);
    CHECK(conc_wg_wait_for(&wg, CONC_US) == CONC_TIMEOUT);
    conc_wg_done(&wg), conc_wg_wait(&wg);

    int64_t t0 = conc_now();
    conc_sleep(CONC_MS), conc_sleep_until(t0 + CONC_MS), conc_yield();
    CHECK(conc_now() - t0 >= CONC_MS);
    conc_timer *t = conc_timer_new(CONC_MS);
    recv_chan(int64_t) tick = conc_timer_chan(t);
    chan_select {
        on_recv(at, tick) CHECK(at >= t0);
        on_recv(at, conc_timer_chan(t)) CHECK(at >= t0);
    }
    CHECK(!conc_timer_stop(t) && !conc_timer_reset(t, CONC_HOUR) && conc_timer_stop(t));
    conc_timer_free(t);
    conc_ticker *k = conc_ticker_new(CONC_MS);
    CHECK(chan_recv(conc_ticker_chan(k)) >= t0);
    conc_ticker_reset(k, CONC_SEC), conc_ticker_stop(k), conc_ticker_free(k);
    recv_chan(int64_t) after = conc_after(CONC_US);
    CHECK(chan_recv(after) >= t0);
    chan_free(after);
    chan(int) c = chan_make(int, 1);
    t = conc_after_func(CONC_US, later, (void *)c);
    CHECK(chan_recv(c) == 1);
    conc_timer_free(t);
    chan_free(c);

    conc_atomic(int) a = 1;
    int old = 1;
    CHECK(conc_atomic_compare_exchange(&a, &old, 6) && conc_atomic_fetch_sub(&a, 2) == 6 && conc_atomic_fetch_and(&a, 7) == 4);
    CHECK(conc_atomic_fetch_or(&a, 3) == 4 && conc_atomic_fetch_xor(&a, 1) == 7 && conc_atomic_load(&a) == 6);
    conc_atomic_store_explicit(&a, 8, CONC_RELEASE);
    conc_atomic_fence(CONC_SEQ_CST);
    CHECK(conc_atomic_load_explicit(&a, CONC_ACQUIRE) == 8 && conc_atomic_fetch_add_explicit(&a, 1, CONC_RELAXED) == 8);
    CHECK(!conc_atomic_compare_exchange_explicit(&a, &old, 1, CONC_ACQ_REL, CONC_RELAXED) && old == 9);
    conc_wr(old, conc_rd(old) + 1);
    CHECK(old == 10);
    CHECK(conc_key_create(&key, key_dtor) == CONC_OK);
    n = 0;
    (void)taken();
    conc_run(in_goroutine, &n);
    CHECK(n == 1 && conc_atomic_load(&sum) == 2);

    errno = 3;
    conc_stats st;
    conc_get_stats(&st);
    CHECK(st.spawned > 0 && conc_set_procs(0) > 0 && conc_num_threads() >= 0);
    CHECK(strcmp(conc_strerror(CONC_TIMEOUT), "deadline exceeded") == 0 && conc_version() == CONC_VERSION);
    CHECK(conc_id() == 0 && conc_on_exit(once, &n) == CONC_INVALID);
    conc_set_fatal_hook(NULL, NULL);
    if (n == 77) conc_dump(2), conc_panic("%d", n);
    CHECK(errno == 3);
}

static int in_scope(conc_ctx *ctx, int wait) { return wait ? chan_recv(conc_ctx_done(ctx)) + 42 : 0; }
static void test_scope(void) {
    int v = 0;
    conc_scope_begin(s);
    conc_scope_begin(inner, .parent = conc_scope_ctx(s), .limit = 1);
    conc_scope_go(s, in_scope, conc_scope_ctx(inner), 0);
    CHECK(conc_scope_try_go(inner, in_scope, conc_scope_ctx(s), 0));
    CHECK(conc_scope_wait(s) == 0 && conc_scope_wait(inner) == 0);
    chan(int) owned = conc_scope_chan(s, int, 1);
    CHECK(chan_send_ctx(owned, 3, conc_scope_ctx(s)) == CONC_OK && conc_scope_defer(s, once, (void *)&v) == CONC_OK);
    chan_select {
        on_done(conc_scope_ctx(inner)) v = -1;
        on_recv(x, owned) v = x;
    }
    CHECK(v == 3 && chan_select_of(case_recv(owned, &v), case_done(NULL), case_default()) == 2);
    conc_scope_go(inner, in_scope, conc_scope_ctx(s), 1);
    conc_scope_cancel(s, 0);
    CHECK(conc_scope_wait(inner) == 42 && chan_recv(conc_ctx_done(conc_scope_ctx(s))) == 0);
}

int main(void) {
    test_go();
    test_chan();
    test_select();
    test_containers();
    test_rest();
    test_scope();
    CHECK(conc_shutdown() == 0);
    puts("ok");
}
