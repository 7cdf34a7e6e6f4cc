/* Channels: blocking rules, order, close, nil, sizes, time limits, references, and what happens before what. */
#include "harness.h"

typedef chan(int) ints;

/* One operation in a goroutine of its own, which the test can see parked. */
struct op {
    ints c;
    int value;
    bool ok;
    conc_atomic(int) done;
    conc_atomic(uint64_t) id;
};
static void op_recv(struct op *o) {
    atomic_store(&o->id, conc_id());
    o->ok = chan_recv(o->c, &o->value);
    atomic_store(&o->done, 1);
}
static void op_send(struct op *o) {
    atomic_store(&o->id, conc_id());
    chan_send(o->c, o->value);
    atomic_store(&o->done, 1);
}
static void op_start(struct op *o, void (*fn)(struct op *), ints c, int value, const char *reason) {
    o->c = c;
    o->value = value;
    o->ok = false;
    atomic_init(&o->done, 0);
    atomic_init(&o->id, 0);
    go(fn, o);
    while (!atomic_load(&o->id)) conc_yield();
    wait_parked(atomic_load(&o->id), reason);
    CHECK_EQ(atomic_load(&o->done), 0);
}

/* src/runtime chan test, part 1: for many capacities, receive on empty and send on full block, their non-blocking forms miss
   at once, len and cap tell the truth, values leave in order. */
TEST(blocking_by_capacity) {
    for (int cap = 0; cap < 200; cap += cap < 10 ? 1 : (int)(1900 / scale(100))) {
        ints c = chan_make(int, cap);
        struct op o;
        int v = 7;
        CHECK_EQ(chan_cap(c), cap);
        CHECK_EQ(chan_len(c), 0);
        CHECK_EQ(chan_try_recv(c, &v), CONC_WOULD_BLOCK);
        CHECK_EQ(v, 7);

        op_start(&o, op_recv, c, 0, "chan receive");
        chan_send(c, 1234);
        REQUIRE(wait_for(&o.done, 1));
        CHECK(o.ok);
        CHECK_EQ(o.value, 1234);

        for (int i = 0; i < cap; i++) {
            if (i & 1) CHECK_EQ(chan_try_send(c, i), CONC_OK);
            else chan_send(c, i);
            CHECK_EQ(chan_len(c), i + 1);
        }
        CHECK_EQ(chan_try_send(c, -1), CONC_WOULD_BLOCK);
        op_start(&o, op_send, c, cap, "chan send");
        CHECK_EQ(chan_len(c), cap);
        for (int i = 0; i <= cap; i++) CHECK_EQ(chan_recv(c), i);
        REQUIRE(wait_for(&o.done, 1));
        CHECK_EQ(chan_len(c), 0);
        wait_goroutines(body_goroutines());
        chan_free(c);
    }
}

/* src/runtime chan test, part 2: close lets the buffer drain, then receives give zero and false, at once and for ever. */
TEST(close_drains_then_zero) {
    for (int cap = 0; cap < 40; cap++) {
        ints c = chan_make(int, cap);
        for (int i = 0; i < cap; i++) chan_send(c, i + 1);
        chan_close(c);
        CHECK_EQ(chan_len(c), cap);
        for (int i = 0; i < cap; i++) {
            int v = -1;
            bool ok = i % 3 ? chan_recv(c, &v) : chan_try_recv(c, &v) == CONC_OK;
            CHECK(ok);
            CHECK_EQ(v, i + 1);
        }
        for (int i = 0; i < 3; i++) {
            int v = -1;
            CHECK(!chan_recv(c, &v));
            CHECK_EQ(v, 0);
            CHECK_EQ(chan_recv(c), 0);
            v = -1;
            CHECK_EQ(chan_try_recv(c, &v), CONC_CLOSED);
            CHECK_EQ(v, 0);
            CHECK_EQ(chan_recv_for(c, &v, CONC_SEC), CONC_CLOSED);
        }
        chan_free(c);
    }
}

/* Close wakes every waiting receiver with (zero, false). */
TEST(close_wakes_all_receivers) {
    enum { N = 50 };
    static struct op o[N];
    ints c = chan_make(int);
    for (int i = 0; i < N; i++) op_start(&o[i], op_recv, c, 99, "chan receive");
    chan_close(c);
    for (int i = 0; i < N; i++) {
        REQUIRE(wait_for(&o[i].done, 1));
        CHECK(!o[i].ok);
        CHECK_EQ(o[i].value, 0);
    }
    wait_goroutines(body_goroutines());
    chan_free(c);
}

/* Waiting receivers are served in the order in which they came; so are waiting senders. */
TEST(waiters_are_fifo) {
    enum { N = 20 };
    static struct op o[N];
    for (int cap = 0; cap < 3; cap++) {
        ints c = chan_make(int, cap);
        for (int i = 0; i < N; i++) op_start(&o[i], op_recv, c, 0, "chan receive");
        for (int i = 0; i < N; i++) chan_send(c, i);
        for (int i = 0; i < N; i++) {
            REQUIRE(wait_for(&o[i].done, 1));
            CHECK_EQ(o[i].value, i);
        }
        for (int i = 0; i < cap; i++) chan_send(c, -1);
        for (int i = 0; i < N; i++) op_start(&o[i], op_send, c, i, "chan send");
        for (int i = 0; i < cap; i++) CHECK_EQ(chan_recv(c), -1);
        for (int i = 0; i < N; i++) CHECK_EQ(chan_recv(c), i);
        wait_goroutines(body_goroutines());
        chan_free(c);
    }
}

/* Receive on a full buffer takes the head and moves the first waiting sender's value to the tail in the same step. */
TEST(receive_refills_from_sender) {
    struct op a, b;
    ints c = chan_make(int, 2);
    chan_send(c, 1);
    chan_send(c, 2);
    op_start(&a, op_send, c, 3, "chan send");
    op_start(&b, op_send, c, 4, "chan send");
    CHECK_EQ(chan_recv(c), 1);
    CHECK_EQ(chan_len(c), 2);
    CHECK_EQ(chan_try_send(c, 9), CONC_WOULD_BLOCK);
    REQUIRE(wait_for(&a.done, 1));
    CHECK_EQ(atomic_load(&b.done), 0);
    CHECK_EQ(chan_recv(c), 2);
    CHECK_EQ(chan_len(c), 2);
    REQUIRE(wait_for(&b.done, 1));
    CHECK_EQ(chan_recv(c), 3);
    CHECK_EQ(chan_recv(c), 4);
    CHECK_EQ(chan_len(c), 0);
    wait_goroutines(body_goroutines());
    chan_free(c);
}

static void fifo_stage(recv_chan(int) in, send_chan(int) out) {
    chan_range(v, in) chan_send(out, v);
    chan_close(out);
}
static void count_into(send_chan(int) out, int n) {
    for (int i = 0; i < n; i++) chan_send(out, i);
    chan_close(out);
}

/* test/chan fifo: a buffered channel, and a chain of ten goroutines on unbuffered ones, keep the order of sending. */
TEST(fifo) {
    enum { STAGES = 10 };
    int n = (int)scale(5000);
    for (int cap = 0; cap <= 10; cap += 5) {
        ints c[STAGES + 1];
        for (int i = 0; i <= STAGES; i++) c[i] = chan_make(int, cap);
        for (int i = 0; i < STAGES; i++) go(fifo_stage, c[i], c[i + 1]);
        go(count_into, c[0], n);
        int want = 0;
        chan_range(v, c[STAGES]) {
            CHECK_EQ(v, want);
            want++;
        }
        CHECK_EQ(want, n);
        wait_goroutines(body_goroutines());
        for (int i = 0; i <= STAGES; i++) chan_free(c[i]);
    }
}

static void daisy(recv_chan(int) right, send_chan(int) left) { chan_send(left, 1 + chan_recv(right)); }

/* test/chan goroutines: 10,000 goroutines in a daisy chain pass one value along and all end. */
TEST(daisy_chain) {
    int n = (int)live(10000);
    ints *c = malloc((size_t)(n + 1) * sizeof *c);
    for (int i = 0; i <= n; i++) c[i] = chan_make(int);
    for (int i = 0; i < n; i++) go(daisy, c[i + 1], c[i]);
    chan_send(c[n], 1);
    CHECK_EQ(chan_recv(c[0]), n + 1);
    wait_goroutines(body_goroutines());
    for (int i = 0; i <= n; i++) chan_free(c[i]);
    free(c);
}

static void sieve_generate(send_chan(int) out, recv_chan(int) stop) {
    for (int i = 2;; i++) {
        chan_select {
            on_send(out, i) {}
            on_recv(v, stop) {
                (void)v;
                return;
            }
        }
    }
}
static void sieve_filter(recv_chan(int) in, send_chan(int) out, int prime, recv_chan(int) stop) {
    for (;;) {
        int v = 0;
        chan_select {
            on_recv_into(&v, in) {}
            on_recv(s, stop) {
                (void)s;
                return;
            }
        }
        if (v % prime == 0) continue;
        chan_select {
            on_send(out, v) {}
            on_recv(s, stop) {
                (void)s;
                return;
            }
        }
    }
}

/* test/chan sieve1: the prime sieve, a growing chain of filters, up to 97; then every stage is stopped by a close. */
TEST(sieve) {
    static const int primes[] = { 2,  3,  5,  7,  11, 13, 17, 19, 23, 29, 31, 37, 41,
                                  43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97 };
    enum { N = sizeof primes / sizeof *primes };
    ints stop = chan_make(int), c[N + 1];
    c[0] = chan_make(int);
    go(sieve_generate, c[0], stop);
    for (int i = 0; i < N; i++) {
        int prime = chan_recv(c[i]);
        CHECK_EQ(prime, primes[i]);
        c[i + 1] = chan_make(int);
        go(sieve_filter, c[i], c[i + 1], prime, stop);
    }
    chan_close(stop);
    wait_goroutines(body_goroutines());
    for (int i = 0; i <= N; i++) chan_free(c[i]);
    chan_free(stop);
}

struct mpmc {
    ints c;
    int senders, per_sender;
    conc_atomic(int) *seen;
    conc_wg sent, received;
};
static void mpmc_send(struct mpmc *m, int from) {
    for (int i = 0; i < m->per_sender; i++) chan_send(m->c, from * m->per_sender + i);
}
static void mpmc_recv(struct mpmc *m) {
    int last[16];
    for (int i = 0; i < 16; i++) last[i] = -1;
    chan_range(v, m->c) {
        CHECK(v >= 0 && v < m->senders * m->per_sender);
        int from = v / m->per_sender;
        CHECK_SAY(last[from] < v, "sender %d: %d came after %d", from, v, last[from]);
        last[from] = v;
        atomic_fetch_add(&m->seen[v], 1);
    }
}
static void mpmc_run(int cap, int senders, int receivers, int per_sender) {
    struct mpmc m = { .c = chan_make(int, cap), .senders = senders, .per_sender = per_sender };
    int n = senders * per_sender;
    m.seen = calloc((size_t)n, sizeof *m.seen);
    for (int i = 0; i < receivers; i++) conc_wg_go(&m.received, mpmc_recv, &m);
    for (int i = 0; i < senders; i++) conc_wg_go(&m.sent, mpmc_send, &m, i);
    conc_wg_wait(&m.sent);
    chan_close(m.c);
    conc_wg_wait(&m.received);
    for (int i = 0; i < n; i++)
        CHECK_SAY(atomic_load(&m.seen[i]) == 1, "value %d was received %d times", i, atomic_load(&m.seen[i]));
    chan_free(m.c);
    free(m.seen);
}

/* src/runtime chan test, part 3: 4 senders of 1000 values, 4 receivers: what is received is what was sent, each once, and each
   receiver sees one sender's values in order. Many capacities, and unequal numbers of senders and receivers. */
TEST(many_to_many) {
    int n = (int)scale(1000);
    for (int cap = 0; cap < 200; cap += cap < 5 ? 1 : 39) mpmc_run(cap, 4, 4, n);
    mpmc_run(0, 8, 1, n);
    mpmc_run(0, 1, 8, n);
    mpmc_run(3, 16, 2, n);
    mpmc_run(64, 2, 16, n);
}

static void *mpmc_send_thread(void *p) {
    mpmc_send(p, 0);
    return NULL;
}
static void *mpmc_recv_thread(void *p) {
    mpmc_recv(p);
    return NULL;
}

/* OS threads that the runtime does not own send and receive on the same channels as goroutines. */
TEST(foreign_threads) {
    for (int cap = 0; cap < 9; cap += 4) {
        struct mpmc m = { .c = chan_make(int, cap), .senders = 3, .per_sender = (int)scale(2000) };
        int n = m.senders * m.per_sender;
        m.seen = calloc((size_t)n, sizeof *m.seen);
        pthread_t r[2], s = thread_start(mpmc_send_thread, &m);
        for (int i = 0; i < 2; i++) r[i] = thread_start(mpmc_recv_thread, &m);
        conc_wg_go(&m.received, mpmc_recv, &m);
        for (int i = 1; i < 3; i++) conc_wg_go(&m.sent, mpmc_send, &m, i);
        thread_join(s);
        conc_wg_wait(&m.sent);
        chan_close(m.c);
        for (int i = 0; i < 2; i++) thread_join(r[i]);
        conc_wg_wait(&m.received);
        for (int i = 0; i < n; i++) CHECK_EQ(atomic_load(&m.seen[i]), 1);
        chan_free(m.c);
        free(m.seen);
    }
}

static void nil_send(void *p) {
    (void)p;
    ints nil = NULL;
    chan_send(nil, 1);
}
static void nil_recv(void *p) {
    (void)p;
    ints nil = NULL;
    (void)chan_recv(nil);
}
static void nil_range(void *p) {
    (void)p;
    ints nil = NULL;
    chan_range(v, nil)(void) v;
}

/* The nil channel: send, receive and range block for ever, with their own wait reasons; the try forms would block; the timed
   forms time out; len and cap are 0; freeing it is allowed. (Its close is in test_crash.c.) */
TEST(nil_channel) {
    ints nil = NULL;
    int v = 5;
    CHECK(blocks_as(nil_send, NULL, "chan send (nil chan)"));
    CHECK(blocks_as(nil_recv, NULL, "chan receive (nil chan)"));
    CHECK(blocks_as(nil_range, NULL, "chan receive (nil chan)"));
    CHECK_EQ(chan_try_send(nil, 1), CONC_WOULD_BLOCK);
    CHECK_EQ(chan_try_recv(nil, &v), CONC_WOULD_BLOCK);
    CHECK_EQ(chan_send_for(nil, 1, CONC_MS), CONC_TIMEOUT);
    CHECK_EQ(chan_recv_for(nil, &v, CONC_MS), CONC_TIMEOUT);
    CHECK_EQ(v, 5);
    CHECK_EQ(chan_len(nil), 0);
    CHECK_EQ(chan_cap(nil), 0);
    chan_free(nil);
}

static void recv_probe(void *c) { (void)chan_recv((ints)c); }
static void send_probe(void *c) { chan_send((ints)c, 1); }

/* blocks for ever: receive from an empty channel, send to an unbuffered or full one that nobody receives from. */
TEST(blocks_without_peer) {
    ints empty = chan_make(int, 3), none = chan_make(int), full = chan_make(int, 1);
    chan_send(full, 0);
    CHECK(blocks_as(recv_probe, (void *)empty, "chan receive"));
    CHECK(blocks_as(recv_probe, (void *)none, "chan receive"));
    CHECK(blocks_as(send_probe, (void *)full, "chan send"));
    chan_send(none, 1);
    chan_send(empty, 1);
    (void)chan_recv(full);
    (void)chan_recv(full);
    wait_goroutines(body_goroutines());
    CHECK(!blocks_forever(send_probe, (void *)empty)); /* the probe itself can say no */
    chan_free(empty), chan_free(none), chan_free(full);
}

struct nothing {};

/* test zerosize: elements of no size, with any capacity. */
TEST(zero_size_elements) {
    struct nothing none = {};
    chan(struct nothing) c = chan_make(struct nothing, 1000);
    for (int i = 0; i < 1000; i++) CHECK_EQ(chan_try_send(c, none), CONC_OK);
    CHECK_EQ(chan_try_send(c, none), CONC_WOULD_BLOCK);
    CHECK_EQ(chan_len(c), 1000);
    for (int i = 0; i < 1000; i++) CHECK(chan_recv(c, &none));
    chan_close(c);
    CHECK(!chan_recv(c, &none));
    chan_free(c);
    c = chan_make(struct nothing, (size_t)1 << 20);
    CHECK_EQ(chan_cap(c), 1 << 20);
    chan_free(c);
    c = chan_make(struct nothing);
    CHECK_EQ(chan_try_send(c, none), CONC_WOULD_BLOCK);
    CHECK_EQ(chan_try_recv(c, &none), CONC_WOULD_BLOCK);
    chan_free(c);
}

struct bytes3 { unsigned char b[3]; };
struct pair { double x, y; };
struct kilo { unsigned char b[1000]; };
struct huge { unsigned char b[60000]; };

#define SIZED(T)                                                                      \
    static void send_##T(send_chan(struct T) c, int n) {                              \
        static struct T v[4];                                                         \
        for (int i = 0; i < n; i++) {                                                 \
            memset(&v[i & 3], 1 + i % 250, sizeof v[0]);                              \
            chan_send(c, v[i & 3]);                                                   \
        }                                                                             \
        chan_close(c);                                                                \
    }                                                                                 \
    static void check_##T(int cap, int n) {                                           \
        chan(struct T) c = chan_make(struct T, cap);                                  \
        static struct T v, want, zero;                                                \
        go(send_##T, c, n);                                                           \
        int i = 0;                                                                    \
        for (; chan_recv(c, &v); i++) {                                               \
            memset(&want, 1 + i % 250, sizeof want);                                  \
            CHECK_SAY(!memcmp(&v, &want, sizeof v), "value %d is torn", i);           \
        }                                                                             \
        CHECK_EQ(i, n);                                                               \
        CHECK_SAY(!memcmp(&v, &zero, sizeof v), "no zero value from a closed channel"); \
        wait_goroutines(body_goroutines());                                           \
        chan_free(c);                                                                 \
    }
SIZED(bytes3)
SIZED(pair)
SIZED(kilo)
SIZED(huge)

/* Elements from 3 bytes to almost 64 KiB go through whole, buffered or not. */
TEST(element_sizes) {
    for (int cap = 0; cap < 8; cap += 3) {
        check_bytes3(cap, (int)scale(1000));
        check_pair(cap, (int)scale(1000));
        check_kilo(cap, (int)scale(300));
        check_huge(cap, (int)scale(50));
    }
}

/* A large buffer: a million elements in, then out. */
TEST(large_buffer) {
    int n = (int)scale(1000000);
    ints c = chan_make(int, n);
    REQUIRE(c != NULL);
    for (int i = 0; i < n; i++) chan_send(c, i);
    CHECK_EQ(chan_len(c), n);
    CHECK_EQ(chan_try_send(c, 0), CONC_WOULD_BLOCK);
    for (int i = 0; i < n; i++) CHECK_EQ(chan_recv(c), i);
    for (int i = 0; i < n; i++) chan_send(c, i); /* round the ring again */
    CHECK_EQ(chan_recv(c), 0);
    chan_free(c); /* with elements inside */
}

/* range over a channel: drains the buffer, ends on close; break and continue are the loop's own; the channel expression is
   evaluated once. */
TEST(range) {
    ints c = chan_make(int, 10);
    int calls = 0, sum = 0, odd = 0;
    for (int i = 1; i <= 10; i++) chan_send(c, i);
    chan_range(v, (calls++, c)) {
        if (v == 6) break;
        sum += v;
    }
    CHECK_EQ(sum, 15);
    CHECK_EQ(calls, 1);
    chan_close(c);
    chan_range(v, c) {
        if (v % 2 == 0) continue;
        odd += v;
    }
    CHECK_EQ(odd, 7 + 9);
    chan_free(c);
}

static void take_both(recv_chan(int) in, send_chan(int) out) { chan_send(out, chan_recv(in) * 2); }

/* Directions: a channel converts to either, len and cap work on both. */
TEST(directions) {
    ints a = chan_make(int, 1), b = chan_make(int, 1);
    recv_chan(int) r = a;
    send_chan(int) s = a;
    chan_send(s, 21);
    CHECK_EQ(chan_len(r), 1);
    CHECK_EQ(chan_cap(s), 1);
    go(take_both, r, b);
    CHECK_EQ(chan_recv(b), 42);
    wait_goroutines(body_goroutines());
    chan_free(a), chan_free(b);
}

struct request {
    int n;
    chan(int) reply;
};
static void server(recv_chan(struct request) in) { chan_range(r, in) chan_send(r.reply, r.n * r.n); }

/* Channels of channels: the request carries its reply channel. */
TEST(channel_of_channels) {
    chan(struct request) in = chan_make(struct request, 2);
    chan(ints) box = chan_make(ints, 1);
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 3; i++) conc_wg_go(&wg, server, in);
    for (int i = 0; i < 100; i++) {
        struct request r = { i, chan_make(int) };
        chan_send(in, r);
        chan_send(box, r.reply);
        ints back = chan_recv(box);
        CHECK_EQ(chan_recv(back), i * i);
        chan_free(back);
    }
    chan_close(in);
    conc_wg_wait(&wg);
    chan_free(in), chan_free(box);
}

/* Time limits: never early; a value that is there is taken; a value that was not taken is still there; a send that timed out
   has left nothing behind. */
TEST(time_limits) {
    ints c = chan_make(int), b = chan_make(int, 1);
    int v = 3;
    for (int i = 0; i < 5; i++) {
        int64_t d = i * CONC_MS, t = conc_now();
        CHECK_EQ(chan_recv_for(c, &v, d), CONC_TIMEOUT);
        CHECK(conc_now() - t >= d);
        t = conc_now();
        CHECK_EQ(chan_recv_until(c, &v, t + d), CONC_TIMEOUT);
        CHECK(conc_now() - t >= d);
        t = conc_now();
        CHECK_EQ(chan_send_for(c, 1, d), CONC_TIMEOUT);
        CHECK(conc_now() - t >= d);
        t = conc_now();
        CHECK_EQ(chan_send_until(c, 1, t + d), CONC_TIMEOUT);
        CHECK(conc_now() - t >= d);
        CHECK_EQ(chan_try_recv(c, &v), CONC_WOULD_BLOCK);
    }
    CHECK_EQ(v, 3);
    CHECK_EQ(chan_send_for(b, 8, CONC_FOREVER), CONC_OK);
    CHECK_EQ(chan_send_for(b, 9, CONC_MS), CONC_TIMEOUT);
    conc_status s = chan_recv_for(b, &v, -CONC_SEC); /* late, but ready: either answer is true, not both */
    CHECK(s == CONC_OK || s == CONC_TIMEOUT);
    CHECK_EQ(chan_len(b), s == CONC_OK ? 0 : 1);
    if (s == CONC_TIMEOUT) CHECK_EQ(chan_recv_for(b, &v, CONC_SEC), CONC_OK);
    CHECK_EQ(v, 8);
    chan_free(c), chan_free(b);
}

static void send_after(send_chan(int) c, int value, int64_t ns) {
    conc_sleep(ns);
    chan_send(c, value);
}
static void timed_recv(ints c, conc_wg *wg) {
    int v = 0;
    CHECK_EQ(chan_recv_for(c, &v, CONC_FOREVER), CONC_OK);
    CHECK_EQ(v, 11);
    conc_wg_done(wg);
}

/* Within the limit the operation succeeds; a close inside the limit gives CONC_CLOSED; CONC_FOREVER does not overflow. */
TEST(time_limits_met) {
    ints c = chan_make(int);
    int v = 0;
    conc_wg wg = CONC_WG_INIT;
    go(send_after, c, 10, 2 * CONC_MS);
    CHECK_EQ(chan_recv_for(c, &v, limit(10 * CONC_SEC)), CONC_OK);
    CHECK_EQ(v, 10);
    conc_wg_add(&wg, 1);
    go(timed_recv, c, &wg);
    CHECK_EQ(chan_send_for(c, 11, limit(10 * CONC_SEC)), CONC_OK);
    conc_wg_wait(&wg);
    struct op o;
    op_start(&o, op_recv, c, 0, NULL);
    CHECK_EQ(chan_send_until(c, 12, conc_now() + limit(10 * CONC_SEC)), CONC_OK);
    REQUIRE(wait_for(&o.done, 1));
    chan_close(c);
    CHECK_EQ(chan_recv_for(c, &v, CONC_FOREVER), CONC_CLOSED);
    wait_goroutines(body_goroutines());
    chan_free(c);
}

struct expiry {
    ints c;
    int sent, received, n;
};
static void expiry_send(struct expiry *e) {
    struct rng r = rng_new(1);
    for (int i = 0; i < e->n; i++)
        if (chan_send_for(e->c, 1, rng_below(&r, 40000)) == CONC_OK) e->sent++;
}
static void expiry_recv(struct expiry *e) {
    struct rng r = rng_new(2);
    for (int i = 0, v; i < e->n; i++)
        if (chan_recv_for(e->c, &v, rng_below(&r, 40000)) == CONC_OK) e->received++;
}

/* Expiry racing with a match: both sides always agree on whether the value went over. */
TEST(expiry_races_with_match) {
    for (int cap = 0; cap < 2; cap++) {
        struct expiry e = { chan_make(int, cap), 0, 0, (int)scale(3000) };
        conc_wg wg = CONC_WG_INIT;
        conc_wg_go(&wg, expiry_send, &e);
        conc_wg_go(&wg, expiry_recv, &e);
        conc_wg_wait(&wg);
        CHECK_EQ(e.sent, e.received + (int)chan_len(e.c));
        chan_free(e.c);
    }
}

/* References: each ref needs its free; the channel works until the last one. */
TEST(references) {
    ints c = chan_make(int, 2), d = chan_ref(c);
    CHECK(c == d);
    chan_send(c, 1);
    chan_free(c);
    CHECK_EQ(chan_recv(d), 1);
    recv_chan(int) r = chan_ref(d);
    chan_free(d);
    CHECK_EQ(chan_len(r), 0);
    chan_free(r);
}

struct window {
    ints c;
    int cap, n, counter;
    int slot[8];
    conc_wg wg;
};
static void critical(struct window *w) {
    for (int i = 0; i < w->n; i++) {
        chan_send(w->c, 0); /* capacity 1: a lock */
        w->counter++;
        (void)chan_recv(w->c);
    }
}

/* Memory model: the k-th receive on capacity C is before the completion of send k+C. With C = 1 a channel is a lock for plain
   data. (The thread sanitizer sees a missing edge even when the count is right.) */
TEST(happens_before_capacity) {
    struct window w = { .c = chan_make(int, 1), .n = (int)scale(3000) };
    for (int i = 0; i < 4; i++) conc_wg_go(&w.wg, critical, &w);
    conc_wg_wait(&w.wg);
    CHECK_EQ(w.counter, 4 * w.n);
    chan_free(w.c);
}

struct mail {
    ints c, ack;
    int plain, n;
};
static void mail_send(struct mail *m) {
    for (int i = 0; i < m->n; i++) {
        m->plain = i;
        chan_send(m->c, i);
        chan_send(m->ack, 0);
    }
    m->plain = -1;
    chan_close(m->c);
}
static void mail_wait(struct mail *m) {
    for (int i = 0; i < m->n; i++) {
        m->plain = i;
        (void)chan_recv(m->c); /* unbuffered: this receive is before the send's completion */
        (void)chan_recv(m->ack);
    }
}

/* Memory model: a send is before the completion of its receive; a close before a receive that sees it; on an unbuffered
   channel a receive is before the completion of its send. */
TEST(happens_before) {
    for (int cap = 0; cap < 2; cap++) {
        struct mail m = { chan_make(int, cap), chan_make(int), 0, (int)scale(5000) };
        go(mail_send, &m);
        int i = 0;
        chan_range(v, m.c) {
            CHECK_EQ(m.plain, v);
            CHECK_EQ(v, i++);
            (void)chan_recv(m.ack);
        }
        CHECK_EQ(m.plain, -1);
        wait_goroutines(body_goroutines());
        chan_free(m.c), chan_free(m.ack);
    }
    struct mail m = { chan_make(int), chan_make(int), 0, (int)scale(5000) };
    go(mail_wait, &m);
    for (int i = 0; i < m.n; i++) {
        chan_send(m.c, 0);
        CHECK_EQ(m.plain, i);
        chan_send(m.ack, 0);
    }
    wait_goroutines(body_goroutines());
    chan_free(m.c), chan_free(m.ack);
}

struct closing {
    ints c;
    conc_atomic(int) started;
    conc_wg wg;
};
static void closing_recv(struct closing *k) {
    int v = 9;
    atomic_fetch_add(&k->started, 1);
    bool ok = chan_recv(k->c, &v);
    CHECK(ok ? v == 1 : v == 0);
}

/* Close racing with receivers that arrive, and with buffered values: nobody stays behind. */
TEST(close_races_with_receivers) {
    for (long round = scale(300); round > 0; round--) {
        struct closing k = { .c = chan_make(int, 2) };
        chan_send(k.c, 1);
        for (int i = 0; i < 4; i++) conc_wg_go(&k.wg, closing_recv, &k);
        if (round & 1) wait_for(&k.started, 1 + (int)(round % 4));
        chan_close(k.c);
        conc_wg_wait(&k.wg);
        CHECK_EQ(chan_len(k.c), 0);
        chan_free(k.c);
    }
}

struct prober {
    ints c;
    conc_atomic(int) stop;
    conc_wg wg;
};
static void prober_len(struct prober *p) {
    while (!atomic_load(&p->stop)) {
        size_t n = chan_len(p->c);
        CHECK_SAY(n <= 5, "len is %d of 5", (int)n);
        CHECK_EQ(chan_cap(p->c), 5);
        conc_yield();
    }
}

/* len and cap may be read by anybody at any time, and stay within bounds. */
TEST(len_under_load) {
    struct prober p = { .c = chan_make(int, 5) };
    conc_wg_go(&p.wg, prober_len, &p);
    go(count_into, p.c, (int)scale(20000));
    chan_range(v, p.c)(void) v;
    atomic_store(&p.stop, 1);
    conc_wg_wait(&p.wg);
    wait_goroutines(body_goroutines());
    chan_free(p.c);
}

static void pingpong(ints a, ints b, int n) {
    for (int i = 0; i < n; i++) chan_send(b, chan_recv(a) + 1);
}

/* Ping-pong over every pairing of goroutine and OS thread. */
TEST(ping_pong) {
    int n = (int)scale(5000);
    for (int cap = 0; cap < 2; cap++) {
        ints a = chan_make(int, cap), b = chan_make(int, cap);
        go(pingpong, a, b, n);
        for (int i = 0; i < n; i++) {
            chan_send(a, i);
            CHECK_EQ(chan_recv(b), i + 1);
        }
        ints d = chan_make(int, cap);
        go(pingpong, a, b, n);
        go(pingpong, b, d, n);
        for (int i = 0; i < n; i++) {
            chan_send(a, i);
            CHECK_EQ(chan_recv(d), i + 2);
        }
        wait_goroutines(body_goroutines());
        chan_free(d);
        chan_free(a), chan_free(b);
    }
}

/* Values are copied at the send: later changes of the sender's variable are not seen; one evaluation of each operand. */
TEST(operands_once) {
    ints c[2] = { chan_make(int, 4), chan_make(int, 4) };
    int i = 0, v = 5;
    chan_send(c[i++], v++);
    v = 100;
    CHECK_EQ(i, 1);
    CHECK_EQ(chan_len(c[0]), 1);
    i = 0;
    CHECK_EQ(chan_recv(c[i++]), 5);
    CHECK_EQ(i, 1);
    int out[2] = { 0, 0 };
    ints *p = &c[1];
    chan_send(c[1], 6);
    CHECK(chan_recv(*p--, &out[1]));
    CHECK_EQ(out[1], 6);
    CHECK(p == &c[0]);
    chan_free(c[0]), chan_free(c[1]);
}

/* A plain operation is out of the channel once it has been served: whoever it met may drop the last reference, though it has not returned.
   The channel is freed by its sender, by its receiver, and by who closed it. */
enum { MET_RECEIVER, MET_SENDER, MET_CLOSE };
struct meeting { chan(long) c; int way; conc_wg wg; conc_atomic(uint64_t) id; };
static void meet(struct meeting *m) {
    long v = 7;
    conc_atomic_store(&m->id, conc_id());
    if (m->way == MET_RECEIVER) chan_send(m->c, 7);
    else CHECK_EQ(chan_recv(m->c, &v), m->way == MET_SENDER);
    CHECK_EQ(v, m->way == MET_CLOSE ? 0 : 7);
    conc_wg_done(&m->wg);
}
static void *meet_thread(void *m) { return meet((struct meeting *)m), (void *)NULL; }
TEST(freed_by_whom_it_met) {
    struct rng r = rng_new(0);
    for (int i = 0, n = (int)scale(6000); i < n; i++) {
        struct meeting m;
        pthread_t t;
        memset(&m, 0, sizeof m);
        m.c = chan_make(long);
        m.way = i % 32 == 0 ? MET_CLOSE : i % 2;
        conc_wg_add(&m.wg, 1);
        bool thread = m.way != MET_CLOSE && rng_below(&r, 16) == 0;
        if (thread) t = thread_start(meet_thread, &m);
        else go(meet, &m);
        turns(rng_below(&r, 5000));
        if (m.way == MET_CLOSE) { /* one that comes later would not be met */
            while (!conc_atomic_load(&m.id)) conc_yield();
            CHECK(wait_parked(conc_atomic_load(&m.id), "chan receive"));
            chan_close(m.c);
        } else if (m.way == MET_SENDER) chan_send(m.c, 7);
        else CHECK_EQ(chan_recv(m.c), 7);
        chan_free(m.c);
        conc_wg_wait(&m.wg);
        if (thread) thread_join(t);
    }
}
