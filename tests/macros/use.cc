/* Every public form of conc.h in C++. Compiled for every C++ standard under the strictest warnings, and run. */
#include "conc.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#define CHECK(x) ((x) ? (void)0 : (fprintf(stderr, "use.cc:%d: %s\n", __LINE__, #x), abort()))

struct pt { int x, y; };
struct big { long a[4]; };
typedef chan(struct job *) jobs_t;
struct job { int n; chan(int) reply; };

static conc_atomic(long) sum{ 0 };
static void add(long v) { conc_atomic_fetch_add(&sum, v); }
static long taken() { return conc_atomic_exchange(&sum, 0L); }

static void f0() { add(1); }
static void f1(int a) { add(a); }
static int f2(const char *s, double d) { return add((long)strlen(s) + (long)d), 1; }
static void f3(const std::string &s, big b) { add((long)s.size() + b.a[3]); }
static void f4(std::unique_ptr<int> p) { add(*p); }
struct functor {
    int k;
    void operator()(int v) { add(k * v); }
};
struct obj {
    int k;
    void method(int v) { add(k + v); }
};
static void square(recv_chan(int) in, send_chan(long) out) {
    chan_range(v, in) chan_send(out, (long)v * v);
    chan_close(out);
}
template <class T> static void forward_all(recv_chan(T) in, send_chan(T) out) {
    chan_range(v, in) chan_send(out, v);
    chan_close(out);
}

static void checks_its_name(const char *name) { CHECK(strcmp(conc_name(), name) == 0); }

static void test_go() {
    conc_wg wg = CONC_WG_INIT;
    std::string name = "abc";
    obj o = { 40 };
    conc_wg_go(&wg, f0);
    conc_wg_go(&wg, f1, 3);
    conc_wg_go(&wg, &f1, 3);
    conc_wg_go(&wg, f2, "ab", 2);
    conc_wg_go(&wg, f3, name, big{ { 1, 2, 3, 4 } });
    conc_wg_go(&wg, f3, "abcd", big{ { 1, 2, 3, 4 } });
    conc_wg_go(&wg, f4, std::unique_ptr<int>(new int(5)));
    conc_wg_go(&wg, functor{ 3 }, 4);
    conc_wg_go(&wg, [&] { add(6); });
    conc_wg_go(&wg, [name](int a, int b) { add((long)name.size() + a + b); }, 1, 2);
    conc_wg_go(&wg, [&o] { o.method(2); });
    conc_wg_wait(&wg);
    CHECK(taken() == 1 + 3 + 3 + 4 + 7 + 8 + 5 + 12 + 6 + 6 + 42);
    conc_run(f1, 2);
    conc_run([] { add(1); });
    CHECK(taken() == 3);
    char text[32] = "";
    conc_run(snprintf, text, sizeof text, "%d %.1f %s", 1, 2.5, "three");
    CHECK(strcmp(text, "1 2.5 three") == 0);
    conc_run([] { CHECK(strcmp(conc_name(), "lambda") == 0); });
    conc_run(checks_its_name, "checks_its_name");
    chan(int) c = chan_make(int);
    go(f1, 1);
    go([c] { chan_send(c, 5); });
    CHECK(chan_recv(c) == 5);
    CHECK(go_with(conc_opts(1 << 18, "closing"), [c] { chan_close(c); }) == CONC_OK);
    int v = 3;
    CHECK(!chan_recv(c, &v) && v == 0);
    while (conc_atomic_load(&sum) != 1) conc_yield();
    (void)taken();
    chan_free(c);
}

static int pick(int *calls, int v) { return ++*calls, v; }
static void test_chan() {
    chan(int) c = chan_make(int, 4);
    chan(pt) ps = chan_make(pt, 2);
    chan(const char *) strs = chan_make(const char *, 1);
    chan(chan(int)) cc = chan_make(chan(int), 1);
    jobs_t jobs = chan_make(job *, 1);
    recv_chan(int) ro = c;
    send_chan(int) so = c;
    std::vector<chan(int)> many(2, c);
    job j = { 7, c };
    int v = 0, calls = 0;
    chan_send(c, 1);
    chan_send(so, calls++);
    chan_send(many[1], pick(&calls, 5));
    CHECK(calls == 2 && chan_len(c) == 3 && chan_cap(ro) == 4);
    CHECK(chan_recv(c) == 1 && chan_recv(ro, &v) && v == 0 && chan_recv(many[0]) == 5);
    chan_send(ps, pt{ 1, 2 });
    chan_send(ps, { 3, 4 });
    CHECK(chan_recv(ps).y == 2 && chan_recv(ps).x == 3);
    chan_send(strs, "hello");
    CHECK(strcmp(chan_recv(strs), "hello") == 0);
    chan_send(cc, c);
    chan_send(chan_recv(cc), 9);
    chan_send(jobs, &j);
    CHECK(chan_recv(chan_recv(jobs)->reply) == 9);
    CHECK(chan_try_recv(c, &v) == CONC_WOULD_BLOCK && chan_try_send(ps, pt{ 5, 6 }) == CONC_OK);
    CHECK(chan_send_for(ps, pt{ 5, 6 }, CONC_US) == CONC_OK && chan_send_until(ps, pt{ 5, 6 }, conc_now()) == CONC_TIMEOUT);
    CHECK(chan_recv_for(c, &v, 10 * CONC_NS) == CONC_TIMEOUT && chan_recv_until(ro, &v, conc_now()) == CONC_TIMEOUT);
    int total = 0;
    for (int i = 0; i < 4; i++) chan_send(c, i);
    chan_range(x, c) {
        if (x == 1) continue;
        if (x == 3) break;
        total += x;
    }
    CHECK(total == 2);
    chan(int) again = chan_ref(c);
    chan_free(again);
    chan_close(so);
    CHECK(chan_try_recv(c, &v) == CONC_CLOSED);

    chan(int) in = chan_make(int, 8), mid = chan_make(int);
    chan(long) out = chan_make(long);
    go(forward_all<int>, in, mid);
    go(square, mid, out);
    for (int i = 1; i <= 4; i++) chan_send(in, i);
    chan_close(in);
    long squares = 0;
    chan_range(sq, out) squares += sq;
    CHECK(squares == 30);
    chan_free(ro), chan_free(ps), chan_free(strs), chan_free(cc), chan_free(jobs), chan_free(in), chan_free(mid), chan_free(out);
    again = nullptr;
    CHECK(chan_len(again) == 0);
}

static int sel_return(chan(int) c) {
    chan_select {
        on_recv(v, c) return v;
        on_default return -1;
    }
    return -2;
}
static void test_select() {
    chan(int) a = chan_make(int, 2);
    chan(long) b = chan_make(long, 2);
    chan(pt) ps = chan_make(pt, 1);
    chan(big) bs = chan_make(big, 1);
    chan(int) never = nullptr;
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
        on_send(ps, { 1, 2 }) { hits = 3; }
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
    chan_send(bs, big{ { 1, 2, 3, 4 } });
    chan_send(b, 8);
    chan_select_ordered {
        on_recv(x, bs) {
            chan_select {
                on_recv(x2, b) { hits = (int)x2 + (int)x.a[0]; }
                on_send(bs, x) { hits = 0, (void)chan_recv(bs); }
            }
        }
        on_default { hits = -2; }
    }
    CHECK(hits == 9 || hits == 0);
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
    CHECK(chan_select_ordered_of(case_recv(b, &lv), case_send(ps, pt{ 1, 2 }), case_default()) == 1);
    conc_case cases[2] = { case_recv(b, &lv), case_recv(a, &v) };
    CHECK(chan_select_n(cases, 2) == 1 && chan_select_ordered_n(cases, 2) == 1);
    chan_free(a), chan_free(b), chan_free(ps), chan_free(bs);
}

static void test_containers() {
    conc_map(const char *, pt) m = conc_map_make(const char *, pt);
    conc_map(uint64_t, int) u = conc_map_make(uint64_t, int);
    pt p = { 0, 0 };
    int v = 0, n = 0;
    conc_map_store(m, "a", pt{ 1, 2 });
    CHECK(conc_map_load(m, "a", &p) && p.y == 2 && conc_map_len(m) == 1);
    CHECK(conc_map_compare_and_swap(m, "a", p, p) && conc_map_compare_and_delete(m, "a", p) && !conc_map_delete(m, "a"));
    conc_map_store(u, 3, 4);
    CHECK(conc_map_swap(u, 3, 5, &v) && v == 4 && conc_map_load_or_store(u, 3, 6, &v) && v == 5);
    conc_map_range(uint64_t, k, int, x, u) n += int(k) + x;
    CHECK(n == 8 && conc_map_load_and_delete(u, 3, &v));
    conc_map_clear(u), conc_map_free(u), conc_map_free(m);
    chan(int) sig = chan_make(int, 1);
    CHECK(conc_signal_notify(sig, 10) == CONC_OK && conc_signal_notify(sig) == CONC_OK && conc_signal_notify(sig, 0) == CONC_INVALID);
    CHECK(conc_signal_ignore(10) == CONC_OK && conc_signal_reset(0) == CONC_INVALID && conc_signal_reset() == CONC_OK);
    conc_signal_stop(sig);
    conc_ctx *ctx = conc_ctx_notify(conc_ctx_background(), 10, 12);
    conc_ctx_free(ctx);
    chan_free(sig);
}

static conc_mutex mu = CONC_MUTEX_INIT;
static conc_sem sem = CONC_SEM_INIT(3);
static void unlock(conc_mutex *m) { conc_mutex_unlock(m); }
static void once(void *p) { ++*static_cast<int *>(p); }
static void test_rest() {
    int n = 0;
    {
        conc_mutex_lock(&mu);
        defer(unlock, &mu);
        defer(once, &n);
        n = 1;
    }
    CHECK(n == 2 && conc_mutex_try_lock(&mu));
    unlock(&mu);
    static conc_rwmutex rw = CONC_RWMUTEX_INIT;
    static conc_once first = CONC_ONCE_INIT;
    static conc_cond cond = CONC_COND_INIT;
    conc_rwmutex_lock(&rw), conc_rwmutex_unlock(&rw);
    conc_once_do(&first, once, &n), conc_once_do(&first, once, &n);
    conc_cond_broadcast(&cond);
    conc_sem_acquire(&sem, 2), conc_sem_release(&sem, 2);
    int64_t t0 = conc_now();
    conc_timer *t = conc_timer_new(CONC_MS);
    chan_select {
        on_recv(at, conc_timer_chan(t)) CHECK(at >= t0);
    }
    conc_timer_free(t);
    conc_ticker *k = conc_ticker_new(CONC_MS);
    CHECK(chan_recv(conc_ticker_chan(k)) >= t0);
    conc_ticker_free(k);
    recv_chan(int64_t) after = conc_after(CONC_US);
    CHECK(chan_recv(after) >= t0);
    chan_free(after);
    conc_atomic(int) a{ 1 };
    int old = 1;
    CHECK(conc_atomic_compare_exchange(&a, &old, 6) && conc_atomic_fetch_sub(&a, 2) == 6 && conc_atomic_fetch_and(&a, 7) == 4);
    CHECK(conc_atomic_fetch_or(&a, 3) == 4 && conc_atomic_fetch_xor(&a, 1) == 7 && conc_atomic_load(&a) == 6);
    conc_run([] { conc_blocking { add(1); } });
    errno = 3;
    CHECK(taken() == 1 && errno == 3 && conc_version() == CONC_VERSION);
}

static int in_scope(conc_ctx *ctx, int wait) { return wait ? chan_recv(conc_ctx_done(ctx)) + 42 : 0; }
static void test_scope() {
    int v = 0;
    conc_scope_begin(s);
    conc_scope_begin(inner, conc_scope_ctx(s), 1);
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

int main() {
    test_go();
    test_chan();
    test_select();
    test_containers();
    test_rest();
    test_scope();
    CHECK(conc_shutdown() == 0);
    puts("ok");
}
