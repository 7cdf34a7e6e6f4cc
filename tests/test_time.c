/* Time: sleep, timers, tickers, after_func. "Never early" is checked exactly, "not much too late" only loosely, and against
   several tries: the machine may be busy. */
#include "harness.h"

typedef recv_chan(int64_t) ticks;

static void sleep_checked(int64_t ns) {
    int64_t t = conc_now();
    conc_sleep(ns);
    t = conc_now() - t;
    CHECK_SAY(t >= ns, "slept %lld ns of %lld", (long long)t, (long long)ns);
}

/* TestSleep: never early; nothing or less than nothing returns at once; in goroutines and on OS threads. */
TEST(sleep) {
    static const int64_t ns[] = { 1, 100, 1000, 20000, 100000, 999999, CONC_MS, 3 * CONC_MS, 20 * CONC_MS };
    conc_wg wg = CONC_WG_INIT;
    for (size_t i = 0; i < sizeof ns / sizeof *ns; i++) {
        sleep_checked(ns[i]);
        for (int k = 0; k < 5; k++) conc_wg_go(&wg, sleep_checked, ns[i]);
        int64_t end = conc_now() + ns[i];
        conc_sleep_until(end);
        CHECK(conc_now() >= end);
    }
    int64_t t = conc_now();
    for (int i = 0; i < 1000; i++) {
        conc_sleep(0);
        conc_sleep(-1);
        conc_sleep(INT64_MIN);
        conc_sleep_until(t);
        conc_sleep_until(INT64_MIN);
    }
    CHECK(conc_now() - t < limit(CONC_SEC));
    conc_wg_wait(&wg);
}

static int compare_ns(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}
static int64_t median_lateness(int64_t ns, int n) {
    static int64_t late[200];
    for (int i = 0; i < n; i++) {
        int64_t t = conc_now();
        conc_sleep(ns);
        late[i] = conc_now() - t - ns;
    }
    qsort(late, (size_t)n, sizeof *late, compare_ns);
    return late[n / 2];
}
static void measure_lateness(int64_t *out) { *out = median_lateness(50 * CONC_US, 100); }

/* Sleeps of 50 us are under a millisecond late when the program is idle (Go's are over: it rounds up to 1 ms). */
TEST(short_sleeps) {
    int64_t best = INT64_MAX, late = 0;
    for (int try = 0; try < 10 && best >= CONC_MS; try++) {
        conc_run(measure_lateness, &late);
        if (late < best) best = late;
    }
    printf("50 us sleeps are %.0f us late (median)\n", (double)best / 1e3);
    CHECK_SAY(best < limit(CONC_MS), "50 us sleeps are %.0f us late", (double)best / 1e3);
}

static void sleep_forever(void *p) { conc_sleep(*(int64_t *)p); }

/* The longest durations do not overflow: they do not fire. */
TEST(longest_durations) {
    static int64_t max = CONC_FOREVER, almost = CONC_FOREVER - 1;
    CHECK(blocks_as(sleep_forever, &max, "sleep"));
    CHECK(blocks_as(sleep_forever, &almost, "sleep"));
    conc_timer *t = conc_timer_new(CONC_FOREVER), *u = conc_timer_new(CONC_FOREVER - CONC_SEC);
    int64_t v;
    conc_sleep(2 * CONC_MS);
    CHECK_EQ(chan_try_recv(conc_timer_chan(t), &v), CONC_WOULD_BLOCK);
    CHECK_EQ(chan_try_recv(conc_timer_chan(u), &v), CONC_WOULD_BLOCK);
    CHECK(conc_timer_stop(t));
    CHECK(conc_timer_reset(u, CONC_FOREVER));
    conc_timer_free(t), conc_timer_free(u);
}

struct sleeper {
    int64_t ns, woke;
};
static void sleep_and_note(struct sleeper *s) {
    int64_t begin = conc_now();
    conc_sleep(s->ns);
    s->woke = conc_now();
    CHECK(s->woke - begin >= s->ns);
}

/* Thousands of sleepers of random lengths: none early, all wake; the longest is done soon after its time. */
TEST(many_sleepers) {
    int n = (int)live(scale(20000));
    struct sleeper *s = calloc((size_t)n, sizeof *s);
    struct rng r = rng_new(0);
    conc_wg wg = CONC_WG_INIT;
    int64_t begin = conc_now();
    for (int i = 0; i < n; i++) {
        s[i].ns = rng_below(&r, 50 * 1000 * 1000);
        conc_wg_go(&wg, sleep_and_note, &s[i]);
    }
    conc_wg_wait(&wg);
    CHECK_SAY(conc_now() - begin < limit(5 * CONC_SEC), "50 ms of sleeps took %.0f ms", (double)(conc_now() - begin) / 1e6);
    free(s);
}

/* TestAfter, TestAfterTimes: a timer is never early; the value is the time of firing, not of reading. */
TEST(timer_value_is_the_fire_time) {
    int fired_before = 0; /* not in a round in which the thread that fires got no processor for 8 ms */
    for (int i = 0; i < 10; i++) {
        int64_t begin = conc_now(), d = 2 * CONC_MS;
        conc_timer *t = conc_timer_new(d);
        CHECK_EQ(chan_len(conc_timer_chan(t)), 0);
        CHECK_EQ(chan_cap(conc_timer_chan(t)), 0);
        conc_sleep(10 * CONC_MS);
        int64_t read = conc_now(), v = chan_recv(conc_timer_chan(t));
        CHECK(v >= begin + d);
        fired_before += v <= read;
        CHECK_EQ(chan_try_recv(conc_timer_chan(t), &v), CONC_WOULD_BLOCK);
        conc_timer_free(t);
        begin = conc_now();
        ticks c = conc_after(CONC_MS);
        v = chan_recv(c);
        CHECK(v >= begin + CONC_MS);
        CHECK(conc_now() - begin >= CONC_MS);
        chan_free(c);
    }
    CHECK_SAY(fired_before > 0, "the value is the time of reading");
}

static void note_call(void *p) { atomic_fetch_add((conc_atomic(int) *)p, 1); }

/* TestAfterStop, TestReset: stopped timers never fire; stop and reset say whether the timer was pending; the new time holds. */
TEST(stop_and_reset) {
    conc_atomic(int) calls;
    int64_t v;
    atomic_init(&calls, 0);
    conc_timer *f = conc_after_func(20 * CONC_MS, note_call, &calls), *t = conc_timer_new(20 * CONC_MS);
    CHECK(conc_timer_stop(f));
    CHECK(!conc_timer_stop(f));
    CHECK(conc_timer_stop(t));
    CHECK(!conc_timer_stop(t));
    conc_sleep(40 * CONC_MS);
    CHECK_EQ(atomic_load(&calls), 0);
    CHECK_EQ(chan_try_recv(conc_timer_chan(t), &v), CONC_WOULD_BLOCK);

    int64_t begin = conc_now();
    CHECK(!conc_timer_reset(t, CONC_HOUR));          /* was stopped */
    CHECK(conc_timer_reset(t, 5 * CONC_MS));         /* was pending */
    CHECK(!conc_timer_reset(f, 5 * CONC_MS));
    CHECK(chan_recv(conc_timer_chan(t)) >= begin + 5 * CONC_MS);
    CHECK(conc_now() >= begin + 5 * CONC_MS);
    CHECK(!conc_timer_stop(t)); /* has fired */
    wait_for(&calls, 1);
    CHECK(conc_now() >= begin + 5 * CONC_MS);
    CHECK(!conc_timer_reset(f, 1));
    wait_for(&calls, 2);
    CHECK(!conc_timer_reset(t, 1)); /* fired, then reset again */
    CHECK(chan_recv(conc_timer_chan(t)) > 0);
    wait_goroutines(body_goroutines());
    conc_timer_free(f), conc_timer_free(t);
}

/* Go 1.23: after stop or reset no stale value can be received, even if the timer has fired in the meantime. */
TEST(no_stale_value) {
    for (int i = 0; i < 50; i++) {
        int64_t v;
        conc_timer *t = conc_timer_new(i % 3 ? 1 : 200 * CONC_US);
        conc_sleep(i % 3 ? 300 * CONC_US : 200 * CONC_US);
        if (i & 1) (void)conc_timer_stop(t);
        else (void)conc_timer_reset(t, CONC_HOUR);
        CHECK_EQ(chan_try_recv(conc_timer_chan(t), &v), CONC_WOULD_BLOCK);
        CHECK_EQ(chan_recv_for(conc_timer_chan(t), &v, CONC_MS), CONC_TIMEOUT);
        int64_t begin = conc_now();
        (void)conc_timer_reset(t, CONC_MS);
        v = chan_recv(conc_timer_chan(t));
        CHECK_SAY(v >= begin + CONC_MS, "a stale value");
        conc_timer_free(t);
    }
}

static void recv_tick(void *c) { (void)chan_recv((ticks)c); }

/* A receiver that already waits: stop leaves it waiting, reset brings it its value. */
TEST(stop_under_a_receiver) {
    conc_timer *t = conc_timer_new(CONC_HOUR);
    CHECK(blocks_as(recv_tick, (void *)(uintptr_t)conc_timer_chan(t), "chan receive"));
    CHECK(conc_timer_stop(t));
    settle();
    CHECK_EQ(conc_num_goroutines(), 1 + body_goroutines());
    CHECK(!conc_timer_reset(t, CONC_MS));
    wait_goroutines(body_goroutines());
    conc_timer_free(t);
}

/* In a select: the timer's channel is a case like any other. */
TEST(timer_in_select) {
    int64_t begin = conc_now();
    conc_timer *t = conc_timer_new(3 * CONC_MS);
    chan(int) never = chan_make(int);
    int hit = 0;
    chan_select {
        on_recv(v, never) { hit = v; }
        on_recv(at, conc_timer_chan(t)) {
            CHECK(at >= begin + 3 * CONC_MS);
            hit = 1;
        }
    }
    CHECK_EQ(hit, 1);
    (void)conc_timer_reset(t, CONC_MS);
    chan_select {
        on_recv(at, conc_timer_chan(t)) {
            CHECK(at > begin);
            hit = 2;
        }
        on_timeout(CONC_HOUR) { hit = 3; }
    }
    CHECK_EQ(hit, 2);
    conc_timer_free(t);
    chan_free(never);
}

struct chain {
    conc_timer *timer;
    conc_atomic(int) left;
    uint64_t last_id;
};
static void chain_link(void *p) {
    struct chain *c = p;
    CHECK(conc_id() != 0 && conc_id() != c->last_id); /* a goroutine of its own */
    c->last_id = conc_id();
    if (atomic_fetch_sub(&c->left, 1) > 1) CHECK(!conc_timer_reset(c->timer, 100 * CONC_US));
}

/* TestAfterFunc: functions run in goroutines of their own, and may arm their timer again: a chain of ten. */
TEST(after_func_chain) {
    static struct chain c;
    c.last_id = 0;
    atomic_init(&c.left, 10);
    c.timer = conc_after_func(CONC_HOUR, chain_link, &c);
    CHECK(conc_timer_reset(c.timer, CONC_MS));
    while (atomic_load(&c.left) > 0) conc_sleep(CONC_MS);
    wait_goroutines(body_goroutines());
    conc_timer_free(c.timer);
}

static void block_in_func(void *p) { (void)chan_recv((chan(int))p); }

/* A function that blocks holds up no other timer, and free does not wait for it. */
TEST(after_func_may_block) {
    chan(int) gate = chan_make(int);
    conc_timer *t[5];
    for (int i = 0; i < 5; i++) t[i] = conc_after_func(1, block_in_func, (void *)gate);
    wait_goroutines(5 + body_goroutines());
    sleep_checked(CONC_MS);
    for (int i = 0; i < 5; i++) {
        CHECK(!conc_timer_stop(t[i]));
        conc_timer_free(t[i]);
    }
    chan_close(gate);
    wait_goroutines(body_goroutines());
    chan_free(gate);
}

/* TestTicker, TestTick: n/2 ticks, reset to the double, n/2 more, in about the time due; silent after stop. */
TEST(ticker) {
    enum { N = 10 };
    bool good = false;
    double ratio = 0;
    for (int try = 0; try < 10 && !good; try++) {
        const int64_t d = (20 + 20 * try) * CONC_MS / 2;
        conc_ticker *t = conc_ticker_new(d);
        ticks c = conc_ticker_chan(t);
        CHECK_EQ(chan_len(c), 0);
        CHECK_EQ(chan_cap(c), 0);
        int64_t begin = conc_now(), v;
        for (int i = 0; i < N / 2; i++) (void)chan_recv(c);
        conc_ticker_reset(t, 2 * d);
        for (int i = 0; i < N / 2; i++) (void)chan_recv(c);
        conc_ticker_stop(t);
        ratio = (double)(conc_now() - begin) / (double)(3 * d * N / 2);
        CHECK_SAY(ratio > 0.6, "the ticks took %.2f times what is due", ratio);
        good = ratio < 1.3;
        conc_sleep(3 * d);
        CHECK_EQ(chan_try_recv(c, &v), CONC_WOULD_BLOCK);
        conc_ticker_free(t);
    }
    CHECK_SAY(good, "the ticks took %.2f times what is due", ratio);
}

/* TestTickTimes, and dropping: the values are d apart and in the past; a slow receiver finds one tick, not a queue of them. */
TEST(ticker_drops) {
    conc_ticker *t = conc_ticker_new(2 * CONC_MS);
    ticks c = conc_ticker_chan(t);
    int64_t v, last = chan_recv(c);
    for (int i = 0; i < 5; i++) {
        v = chan_recv(c);
        CHECK(v > last);
        CHECK(v <= conc_now());
        last = v;
    }
    conc_sleep(20 * CONC_MS);
    int waiting = 0;
    conc_ticker_reset(t, CONC_HOUR); /* also takes away what is stale */
    while (chan_try_recv(c, &v) == CONC_OK) waiting++;
    CHECK_EQ(waiting, 0);
    conc_ticker_reset(t, 2 * CONC_MS);
    conc_sleep(21 * CONC_MS);
    int64_t now = conc_now();
    while (chan_try_recv(c, &v) == CONC_OK && v < now) waiting++;
    CHECK_SAY(waiting <= 1, "%d ticks were queued", waiting);
    conc_ticker_free(t);
}

/* TestTeardown: new, receive, stop, free over and over, also with the ticker running, does not deadlock. */
TEST(ticker_teardown) {
    for (int i = 0; i < 50; i++) {
        conc_ticker *t = conc_ticker_new(100 * CONC_US);
        if (i % 3) (void)chan_recv(conc_ticker_chan(t));
        if (i % 2) conc_ticker_stop(t);
        conc_ticker_free(t);
    }
}

/* TestAfterStress: a ticker of a nanosecond does not keep anybody from running. */
TEST(ticker_of_a_nanosecond) {
    conc_ticker *t = conc_ticker_new(1);
    for (int i = 0; i < 1000; i++) (void)chan_recv(conc_ticker_chan(t));
    sleep_checked(CONC_MS);
    chan(int) c = chan_make(int, 1);
    for (int i = 0; i < 1000; i++) {
        chan_send(c, i);
        CHECK_EQ(chan_recv(c), i);
        if (i % 100 == 0) conc_yield();
    }
    conc_ticker_free(t);
    chan_free(c);
}

static void zero_timers(int n, conc_wg *wg) {
    for (int i = 0; i < n; i++) {
        conc_timer *t = conc_timer_new(0);
        (void)chan_recv(conc_timer_chan(t)); /* hangs if the timer is missed by a scheduler about to sleep */
        conc_timer_free(t);
    }
    conc_wg_done(wg);
}

/* TestZeroTimer: many timers of no duration, one after the other: none is missed. Lost wake-ups between the insertion of a
   timer and the idle scheduler's going to sleep show here. */
TEST(zero_timers, .seconds = 60) {
    conc_wg wg = CONC_WG_INIT;
    conc_wg_add(&wg, 3);
    for (int i = 0; i < 2; i++) go(zero_timers, (int)scale(20000), &wg);
    zero_timers((int)scale(20000), &wg);
    conc_wg_wait(&wg);
}

static void *arm_from_thread(void *p) {
    for (int i = *(int *)p; i > 0; i--) {
        conc_timer *t = conc_timer_new(i % 50 * CONC_US);
        (void)chan_recv(conc_timer_chan(t));
        conc_timer_free(t);
    }
    return NULL;
}

/* The same from OS threads, while everything else is idle. */
TEST(timers_from_threads) {
    int n = (int)scale(2000);
    pthread_t t[2];
    for (int i = 0; i < 2; i++) t[i] = thread_start(arm_from_thread, &n);
    for (int i = 0; i < 2; i++) thread_join(t[i]);
}

struct machine {
    int n;
    conc_wg wg;
};
static void timer_machine(struct machine *m, int stream) {
    struct rng r = rng_new((unsigned)stream);
    conc_timer *t = conc_timer_new(CONC_HOUR);
    bool pending = true;
    int64_t due = INT64_MAX, v;
    for (int i = 0; i < m->n; i++) {
        int64_t d = rng_below(&r, 100) < 50 ? rng_below(&r, 300000) : CONC_SEC * (1 + rng_below(&r, 1000));
        switch (rng_below(&r, 5)) {
        case 0:
            if (conc_timer_stop(t)) CHECK(pending);
            pending = false;
            break;
        case 1:
        case 2:
            due = conc_now() + d;
            (void)conc_timer_reset(t, d);
            pending = true;
            break;
        case 3:
            if (chan_try_recv(conc_timer_chan(t), &v) == CONC_OK) {
                CHECK_SAY(pending && v >= due, "a value that is not due");
                pending = false;
            }
            break;
        default:
            if (chan_recv_for(conc_timer_chan(t), &v, rng_below(&r, 200000)) == CONC_OK) {
                CHECK_SAY(pending && v >= due, "a value that is not due");
                pending = false;
            }
        }
    }
    conc_timer_free(t);
}

/* TestAdjustTimers: a hundred timers through random resets, stops and receives, from many goroutines. */
TEST(timer_machine) {
    struct machine m = { .n = (int)scale(500) };
    for (int i = 0; i < 100; i++) conc_wg_go(&m.wg, timer_machine, &m, i);
    conc_wg_wait(&m.wg);
}

static void poll_and_reset(conc_timer *t, int n, conc_wg *wg) {
    int64_t v;
    for (int i = 0; i < n; i++) {
        if (chan_recv_for(conc_timer_chan(t), &v, CONC_MS) == CONC_OK) CHECK(v <= conc_now());
        (void)conc_timer_reset(t, 50 * CONC_US);
    }
    conc_wg_done(wg);
}

/* TestMultiWakeupTimer: many goroutines receive from and reset one timer. */
TEST(one_timer_many_users) {
    conc_timer *t = conc_timer_new(1);
    conc_wg wg = CONC_WG_INIT;
    conc_wg_add(&wg, 8);
    for (int i = 0; i < 8; i++) go(poll_and_reset, t, (int)scale(1000), &wg);
    conc_wg_wait(&wg);
    wait_goroutines(body_goroutines());
    conc_timer_free(t);
}

/* conc_after's channel may be freed before it fires; a timer's channel lives on while it is referenced; no timer is left. */
TEST(ownership) {
    struct conc_stats s;
    for (int i = 0; i < 1000; i++) {
        ticks c = conc_after(i & 1 ? CONC_HOUR : 1);
        if (i % 3 == 0) conc_sleep(1);
        chan_free(c);
    }
    conc_timer *t = conc_timer_new(1);
    ticks c = chan_ref(conc_timer_chan(t));
    conc_sleep(CONC_MS);
    conc_timer_free(t);
    int64_t v;
    conc_status st = chan_try_recv(c, &v);
    CHECK(st == CONC_WOULD_BLOCK || st == CONC_OK || st == CONC_CLOSED);
    chan_free(c);
    for (int64_t end = conc_now() + limit(5 * CONC_SEC); conc_now() < end; conc_sleep(CONC_MS / 2)) {
        conc_get_stats(&s);
        if (s.timers == 0) break;
        conc_timer_free(conc_timer_new(1)); /* lazily deleted ones go when the heap is next touched */
    }
    CHECK_EQ(s.timers, 0);
}

/* A timer or ticker may be freed in any state: pending, firing, fired, stopped. */
TEST(free_in_any_state) {
    for (int i = 0; i < 300; i++) {
        conc_timer *t = conc_timer_new((i % 5) * 30 * CONC_US);
        conc_ticker *k = conc_ticker_new(20 * CONC_US);
        if (i % 2) conc_sleep((i % 7) * 20 * CONC_US);
        if (i % 3 == 0) (void)conc_timer_stop(t);
        conc_timer_free(t);
        conc_ticker_free(k);
    }
}

static void tick_counter(conc_ticker *t, conc_atomic(int) *n, conc_atomic(int) *stop) {
    while (!atomic_load(stop)) {
        int64_t v;
        if (chan_recv_for(conc_ticker_chan(t), &v, 20 * CONC_MS) == CONC_OK) atomic_fetch_add(n, 1);
    }
}
static void send_some(chan(int) c, int n) {
    for (int i = 0; i < n; i++) chan_send(c, i);
    chan_close(c);
}

/* A timer's function, or who receives from it, frees it, while the reset that made it fire is still on its way out. */
struct last_use { conc_timer *t; conc_wg *wg; };
static void free_timer(void *p) {
    struct last_use *u = (struct last_use *)p;
    conc_timer_free(u->t);
    conc_wg_done(u->wg);
}
static void free_after_tick(struct last_use *u) {
    (void)chan_recv(conc_timer_chan(u->t));
    free_timer(u);
}
static void reset_last(struct rng *r, int n) {
    for (int i = 0; i < n; i++) {
        conc_wg wg = CONC_WG_INIT;
        struct last_use u = { NULL, &wg };
        conc_wg_add(&wg, 1);
        if (i & 1) u.t = conc_after_func(CONC_HOUR, free_timer, &u);
        else if ((u.t = conc_timer_new(CONC_HOUR)) != NULL) go(free_after_tick, &u);
        CHECK(u.t && conc_timer_reset(u.t, (int64_t)rng_below(r, 3) * 2000));
        conc_wg_wait(&wg);
    }
}
static void *reset_last_thread(void *arg) {
    struct rng r = rng_new(2);
    (void)arg;
    return reset_last(&r, (int)scale(2000)), (void *)NULL;
}
TEST(freed_after_reset) {
    struct rng r = rng_new(1);
    pthread_t t = thread_start(reset_last_thread, NULL);
    reset_last(&r, (int)scale(2000));
    thread_join(t);
}

/* Timers are served under load: a ticker goes on ticking while other goroutines keep every processor busy with channels. */
TEST(ticker_under_load) {
    conc_atomic(int) n, stop;
    atomic_init(&n, 0);
    atomic_init(&stop, 0);
    conc_ticker *t = conc_ticker_new(CONC_MS);
    chan(int) c[4];
    go(tick_counter, t, &n, &stop);
    int64_t begin = conc_now(), total = 0;
    for (int round = 0; conc_now() - begin < 100 * CONC_MS; round++) {
        for (int i = 0; i < 4; i++) c[i] = chan_make(int);
        for (int i = 0; i < 4; i++) go(send_some, c[i], 2000);
        for (int i = 0; i < 4; i++) {
            chan_range(v, c[i]) total += v;
        }
        for (int i = 0; i < 4; i++) chan_free(c[i]);
    }
    double due = (double)(conc_now() - begin) / 1e6;
    CHECK_SAY(atomic_load(&n) >= due / 10, "%d ticks of %.0f", atomic_load(&n), due);
    CHECK(total > 0);
    atomic_store(&stop, 1);
    wait_goroutines(body_goroutines());
    conc_ticker_free(t);
}
