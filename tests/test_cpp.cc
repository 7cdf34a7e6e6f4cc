// The C++ surface: go with lambdas and move-only arguments, channels, select, sync, defer, and exceptions inside goroutines.
#include "harness.h"
#include <atomic>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <vector>

typedef chan(int) ints;

static void free_function(int a, const char *b, double c, conc_wg *wg) {
    CHECK(a == 1 && std::string(b) == "two" && c == 3.0);
    conc_wg_done(wg);
}

struct Functor {
    int base;
    void operator()(int x, conc_wg *wg) const {
        CHECK_EQ(base + x, 42);
        conc_wg_done(wg);
    }
};

// Functions, function pointers, functors, lambdas with captures by value and by reference; arguments converted as in a call.
TEST(go_callables) {
    conc_wg wg = CONC_WG_INIT;
    int hits = 0;
    conc_wg_add(&wg, 5);
    go(free_function, 1, "two", 3.0, &wg);
    void (*p)(int, const char *, double, conc_wg *) = free_function;
    go(p, 1, "two", 3.0f, &wg);
    go(Functor{ 40 }, 2, &wg);
    std::string text = "captured by value";
    go([text, &wg] {
        CHECK(text == "captured by value");
        conc_wg_done(&wg);
    });
    conc_mutex m = CONC_MUTEX_INIT;
    go([&] {
        conc_mutex_lock(&m);
        hits++;
        conc_mutex_unlock(&m);
        conc_wg_done(&wg);
    });
    text = "changed";
    conc_wg_wait(&wg);
    CHECK_EQ(hits, 1);
    for (int i = 0; i < 100; i++) {
        conc_wg_go(&wg, [&, i] {
            if (i & 1) conc_yield();
            conc_mutex_lock(&m);
            hits++;
            conc_mutex_unlock(&m);
        });
    }
    conc_wg_wait(&wg);
    CHECK_EQ(hits, 101);
    conc_run([&] { hits = 7; });
    CHECK_EQ(hits, 7);
    CHECK_EQ(go_with(conc_opts(1 << 18, "named"), [&] {
        CHECK(std::string(conc_name()) == "named");
        conc_wg_add(&wg, 0);
    }), CONC_OK);
    wait_goroutines(body_goroutines());
}

static std::atomic<int> alive;
struct Counted {
    int v;
    explicit Counted(int x) : v(x) { alive++; }
    Counted(const Counted &o) : v(o.v) { alive++; }
    Counted(Counted &&o) noexcept : v(o.v) {
        o.v = -1;
        alive++;
    }
    ~Counted() { alive--; }
};

// Arguments are decay-copied or moved: unique_ptr travels, large objects too, and every copy is destroyed once.
TEST(go_moves_arguments) {
    conc_wg wg = CONC_WG_INIT;
    alive = 0;
    for (int i = 0; i < 100; i++) {
        std::unique_ptr<int> p(new int(i));
        std::vector<int> v(1000, i);
        std::string s(200, 'x');
        Counted c(i);
        conc_wg_go(&wg, [i](std::unique_ptr<int> q, std::vector<int> w, std::string t, const Counted &d) {
            conc_yield();
            CHECK_EQ(*q, i);
            CHECK(w.size() == 1000 && w[999] == i && t.size() == 200);
            CHECK_EQ(d.v, i);
        }, std::move(p), std::move(v), s, c);
        CHECK(!p && v.empty());
        CHECK_EQ(s.size(), 200);
    }
    conc_wg_wait(&wg);
    wait_goroutines(body_goroutines());
    CHECK_EQ(alive.load(), 0);
    struct { char big[500]; } big = {};
    big.big[499] = 9;
    conc_run([](decltype(big) b) { CHECK_EQ(b.big[499], 9); }, big);
}

struct Point { double x, y; };

// Channels: every operation, directions, structs.
TEST(channels) {
    chan(Point) c = chan_make(Point, 2);
    CHECK_EQ(chan_cap(c), 2);
    chan_send(c, Point{ 1, 2 });
    chan_send(c, { 3, 4 });
    CHECK_EQ(chan_len(c), 2);
    CHECK_EQ(chan_try_send(c, Point{ 5, 6 }), CONC_WOULD_BLOCK);
    CHECK_EQ(chan_send_for(c, Point{ 5, 6 }, CONC_MS), CONC_TIMEOUT);
    Point p = chan_recv(c);
    CHECK(p.x == 1 && p.y == 2);
    CHECK(chan_recv(c, &p) && p.x == 3);
    CHECK_EQ(chan_try_recv(c, &p), CONC_WOULD_BLOCK);
    CHECK_EQ(chan_recv_for(c, &p, CONC_MS), CONC_TIMEOUT);
    CHECK_EQ(chan_recv_until(c, &p, conc_now() + CONC_MS), CONC_TIMEOUT);
    chan_close(c);
    CHECK(!chan_recv(c, &p) && p.x == 0);
    chan_free(c);

    ints in = chan_make(int), out = chan_make(int, 1);
    go([](recv_chan(int) r, send_chan(int) s) {
        chan_range(v, r) chan_send(s, v * 2);
        chan_close(s);
    }, in, out);
    for (int i = 0; i < 1000; i++) {
        chan_send(in, i);
        CHECK_EQ(chan_recv(out), 2 * i);
    }
    chan_close(in);
    int left = 0;
    chan_range(v, out) left += v;
    CHECK_EQ(left, 0);
    ints same = chan_ref(out);
    chan_free(out);
    CHECK_EQ(chan_cap(same), 1);
    wait_goroutines(body_goroutines());
    chan_free(in), chan_free(same);
}

// select: statement and expression forms, timeouts, nil channels.
TEST(select) {
    ints a = chan_make(int, 1), b = chan_make(int, 1), nil = nullptr;
    int hit = 0, x = 0;
    for (int i = 0; i < 200; i++) {
        chan_select {
            on_send(a, i) { hit = 1; }
            on_recv(v, nil) { hit = v; }
        }
        CHECK_EQ(hit, 1);
        chan_select {
            on_recv_ok(v, ok, a) {
                CHECK(ok);
                CHECK_EQ(v, i);
                hit = 2;
            }
            on_recv_into(&x, b) { hit = 3; }
            on_timeout(CONC_SEC) { hit = 4; }
        }
        CHECK_EQ(hit, 2);
        chan_select {
            on_recv(v, a) { hit = v; }
            on_default { hit = 5; }
        }
        CHECK_EQ(hit, 5);
        switch (chan_select_of(case_send(b, i), case_recv(a, &x))) {
        case 0: break;
        default: CHECK(false);
        }
        CHECK_EQ(chan_select_of(case_recv(a, &x), case_recv(b, &x), case_timeout(CONC_SEC)), 1);
        CHECK_EQ(x, i);
        CHECK_EQ(chan_select_ordered_of(case_recv(a, &x), case_default()), 1);
    }
    chan_free(a), chan_free(b);
}

static void bump(int *p) { ++*p; }

// defer runs at the end of its scope, the last first, also when an exception passes.
TEST(defer_in_scope) {
    int n = 0;
    {
        defer(bump, &n);
        defer([](int *p) { *p *= 10; }, &n);
        n = 2;
    }
    CHECK_EQ(n, 21);
    try {
        defer(bump, &n);
        throw 1;
    } catch (int) {
        CHECK_EQ(n, 22);
    }
}

static void thrower(int depth, int id, ints out) {
    Counted guard(id);
    chan_send(out, id); // may park, and resume on another thread
    if (depth == 0) throw std::runtime_error("error " + std::to_string(id));
    thrower(depth - 1, id, out);
}

static void catcher(int id, int rounds, ints out) {
    for (int i = 0; i < rounds; i++) {
        bool caught = false;
        try {
            thrower(i % 4, id, out);
        } catch (const std::exception &e) {
            CHECK_EQ(std::uncaught_exceptions(), 0);
            std::string what = e.what();
            conc_yield(); // park inside the handler: the exception in flight is this goroutine's
            if (i % 3 == 0) conc_sleep(1 + id);
            CHECK(what == e.what());
            CHECK(what == "error " + std::to_string(id));
            try {
                conc_yield();
                throw; // rethrow what is being handled here, not what another goroutine handles
            } catch (const std::runtime_error &again) {
                CHECK(what == again.what());
                caught = true;
            }
        }
        CHECK(caught);
    }
}

// Exceptions are thrown and caught in many goroutines that park inside the try block and inside the handler, on several
// threads: each catches its own, destructors run, and the count of those in flight is the goroutine's.
TEST(exceptions_across_parks, .seconds = 60) {
    ints out = chan_make(int);
    conc_wg wg = CONC_WG_INIT;
    int n = (int)live(40), rounds = (int)scale(200), got = 0;
    alive = 0;
    for (int i = 0; i < n; i++) conc_wg_go(&wg, catcher, i, rounds, out);
    for (int total = 0, i = 0; i < rounds; i++) {
        for (int k = 0; k < n * (i % 4 + 1); k++) total += chan_recv(out) >= 0;
        got = total;
    }
    conc_wg_wait(&wg);
    CHECK(got > 0);
    CHECK_EQ(alive.load(), 0);
    wait_goroutines(body_goroutines());
    chan_free(out);
}

struct InFlight {
    int *seen;
    ~InFlight() {
        int before = std::uncaught_exceptions();
        conc_yield(); // park while an exception is unwinding
        conc_sleep(1);
        *seen = before == 1 && std::uncaught_exceptions() == 1;
    }
};

// A destructor that runs during unwinding may park.
TEST(parks_while_unwinding) {
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 20; i++) {
        conc_wg_go(&wg, [](int id) {
            for (int k = 0; k < (int)scale(50); k++) {
                int seen = 0;
                try {
                    InFlight f{ &seen };
                    throw id;
                } catch (int v) {
                    CHECK_EQ(v, id);
                }
                CHECK_EQ(seen, 1);
                CHECK_EQ(std::uncaught_exceptions(), 0);
            }
        }, i);
    }
    conc_wg_wait(&wg);
}

// An exception that leaves a goroutine ends the program with a report.
CRASH(exception_leaves, "an exception left a goroutine", "what it says", "running") {
    go([] { throw std::logic_error("what it says"); });
    conc_sleep(10 * CONC_SEC);
}

CHILD(odd_exception_leaves) {
    go([] { throw 42; });
    conc_sleep(10 * CONC_SEC);
}

// Also one that is no std::exception.
TEST(any_exception_leaves, .os = true) {
    static struct child c;
    child_self(&c, "odd_exception_leaves");
    CHECK_SAY(child_exited(&c, 2) || (WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGABRT), "wait status 0x%x",
              (unsigned)c.status);
    CHECK_SAY(strstr(c.text, "exception") || strstr(c.text, "terminate"), "it said: %.500s", c.text);
}

CRASH(lambda_panics, "panic: in a lambda", "~goroutine [0-9]+ \\[running\\]:", "created by", "test_cpp.cc") {
    go([] { conc_panic("in a lambda"); });
    conc_sleep(10 * CONC_SEC);
}
CRASH(go_nil, "fatal error: go of nil func value") {
    void (*f)(int) = nullptr;
    go(f, 1);
    conc_sleep(10 * CONC_SEC);
}

// sync and time from C++; atomics are std::atomic.
TEST(sync_and_time) {
    conc_atomic(long) n(0);
    static conc_rwmutex rw = CONC_RWMUTEX_INIT;
    static conc_once once = CONC_ONCE_INIT;
    conc_sem sem = CONC_SEM_INIT(2);
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 50; i++) {
        conc_wg_go(&wg, [&] {
            conc_sem_acquire(&sem, 1);
            conc_rwmutex_rlock(&rw);
            conc_atomic_fetch_add(&n, 1);
            conc_rwmutex_runlock(&rw);
            conc_sem_release(&sem, 1);
            conc_once_do(&once, [](void *p) { conc_atomic_fetch_add(static_cast<conc_atomic(long) *>(p), 1000); }, &n);
        });
    }
    conc_wg_wait(&wg);
    CHECK_EQ(conc_atomic_load(&n), 1050);
    conc_atomic_store_explicit(&n, 3L, CONC_RELEASE);
#if !HARNESS_TSAN /* it knows no fences, and the compiler says so */
    conc_atomic_fence(CONC_SEQ_CST);
#endif
    CHECK_EQ(conc_atomic_fetch_or_explicit(&n, 4L, CONC_RELAXED), 3);
    CHECK_EQ(conc_atomic_load_explicit(&n, CONC_ACQUIRE), 7);
    long expected = 1, plain = 1;
    CHECK(!conc_atomic_compare_exchange_explicit(&n, &expected, 8L, CONC_ACQ_REL, CONC_RELAXED));
    conc_wr(plain, conc_rd(plain) + expected);
    CHECK_EQ(plain, 8);
    conc_timer *t = conc_timer_new(CONC_MS);
    CHECK(chan_recv(conc_timer_chan(t)) > 0);
    conc_timer_free(t);
    recv_chan(int64_t) after = conc_after(CONC_MS);
    CHECK(chan_recv(after) > 0);
    chan_free(after);
    if (HARNESS_TSAN) return;
    errno = 12;
    conc_yield();
    CHECK_EQ(errno, 12);
}

// Contexts and scopes from C++.
TEST(contexts) {
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_HOUR), *child = conc_ctx_with_cancel(ctx);
    defer(conc_ctx_free, ctx);
    defer(conc_ctx_free, child);
    ints c = chan_make(int, 1);
    int v = 0, hit = 0;
    CHECK_EQ(chan_send_ctx(c, 4, child), CONC_OK);
    CHECK_EQ(chan_recv_ctx(c, &v, child), CONC_OK);
    conc_ctx_cancel_cause(ctx, 7);
    CHECK_EQ(chan_recv_ctx(c, &v, child), CONC_CANCELED);
    recv_chan(char) done = conc_ctx_done(child);
    CHECK_EQ(chan_recv(done), 0);
    chan_select {
        on_recv(x, c) hit = x;
        on_done(child) hit = 5;
    }
    CHECK_EQ(hit, 5);
    CHECK_EQ(chan_select_of(case_recv(c, &v), case_done(ctx), case_done(nullptr)), 1);
    CHECK_EQ(conc_ctx_cause(child), 7);
    chan_free(c);
}

static std::atomic<int> tasks_ended, objects;
struct Tracked {
    Tracked() { objects++; }
    Tracked(const Tracked &) { objects++; }
    Tracked(Tracked &&) noexcept { objects++; }
    ~Tracked() { objects--; }
};
static void linger(conc_ctx *ctx) {
    chan_recv(conc_ctx_done(ctx));
    tasks_ended++;
}
static int leave_scope(int way) {
    Tracked before;
    for (int i = 0; i < 1; i++) {
        conc_scope_begin(s, nullptr, 4);
        ints c = conc_scope_chan(s, int, 3);
        CHECK(c && chan_cap(c) == 3 && conc_scope_chan(s, long));
        CHECK_EQ(conc_scope_defer(s, [](int *n) { *n += 1; }, static_cast<int *>(conc_scope_alloc(s, sizeof(int)))), CONC_OK);
        conc_scope_go(s, linger, conc_scope_ctx(s));
        Tracked tracked;
        conc_scope_go(s, [s, tracked] { linger(conc_scope_ctx(s)); });
        conc_scope_go(s, [](std::unique_ptr<int> p, conc_ctx *ctx) -> int { return linger(ctx), *p; },
                      std::unique_ptr<int>(new int(5)), conc_scope_ctx(s));
        CHECK(conc_scope_try_go(s, linger, conc_scope_ctx(s)));
        CHECK(!conc_scope_try_go(s, linger, conc_scope_ctx(s)));
        if (way == 1) return 1;
        if (way == 2) break;
        if (way == 3) throw std::runtime_error("out of a scope");
        if (way == 4) {
            conc_scope_cancel(s, 9);
            return conc_scope_wait(s);
        }
    }
    return way;
}
// Every way out of a scope, an exception too: all joined, all destroyed.
TEST(scopes) {
    for (int way = 0; way < 5; way++)
        for (int inside = 0; inside < 2; inside++) {
            tasks_ended = 0;
            auto run = [way] {
                try {
                    int got = leave_scope(way);
                    CHECK_EQ(got, way == 4 ? 9 : way);
                } catch (const std::exception &e) {
                    CHECK(way == 3 && std::string(e.what()) == "out of a scope");
                }
            };
            if (inside) conc_run(run);
            else run();
            CHECK_EQ(tasks_ended.load(), 4);
            wait_goroutines(body_goroutines());
            CHECK_EQ(objects.load(), 0);
        }
}
TEST(scope_first_error) {
    conc_scope_begin(s);
    conc_scope_go(s, [](conc_ctx *ctx) { return chan_recv(conc_ctx_done(ctx)), 3; }, conc_scope_ctx(s));
    conc_scope_go(s, [] { return 42; });
    CHECK_EQ(conc_scope_wait(s), 42);
}
