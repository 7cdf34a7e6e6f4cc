/* patterns/sequence.h: the order, the window, ends of all kinds, misuse, stress. */
#include "harness.h"
#include "patterns/sequence.h"

enum { FAIL = -7 };
struct how {
    int at, what;  /* for the value at: 0 returns what, EXIT ends the goroutine */
    chan(char) gate; /* the value 0 waits for it */
    conc_atomic(int) begun, at_once, most;
};
enum { EXIT = 99 };
static int work(conc_ctx *ctx, const int *in, long *out, struct how *h) {
    char none;
    int now = conc_atomic_fetch_add(&h->at_once, 1) + 1, most = conc_atomic_load(&h->most);
    while (now > most && !conc_atomic_compare_exchange(&h->most, &most, now)) {}
    conc_atomic_fetch_add(&h->begun, 1);
    if (*in == 0 && h->gate && chan_recv_ctx(h->gate, &none, ctx) != CONC_OK) return conc_ctx_cause(ctx);
    if (*in % 5 == 0) conc_yield();
    conc_atomic_fetch_sub(&h->at_once, 1);
    *out = 3L * *in;
    if (h->what == EXIT && *in == h->at) conc_exit();
    return *in == h->at ? h->what : 0;
}
static void count(conc_ctx *ctx, send_chan(int) out, int n) {
    for (int i = 0; i < n && chan_send_ctx(out, i, ctx) == CONC_OK; i++) {}
    chan_close(out);
}
/* So many values in order, then the end. */
static int in_order(conc_ctx *ctx, struct how *h, int n, size_t workers, size_t window, int expect) {
    conc_scope_begin(s, .parent = ctx);
    chan(int) in = conc_scope_chan(s, int, n); /* room: count ends whoever reads */
    conc_scope_go(s, count, conc_scope_ctx(s), in, n);
    int seen = 0;
    chan_range(v, sequence_map(s, in, long, workers, window, work, h)) CHECK_EQ(v, 3L * seen++);
    CHECK_SAY(expect < 0 ? seen <= -expect : seen == expect, "%d values", seen);
    CHECK_SAY(h->most <= (int)workers, "%d at once", h->most);
    int err = conc_scope_wait(s);
    CHECK(h->begun >= seen);
    return err;
}
static int all(int n, size_t workers, size_t window) {
    struct how h = { .at = -1 };
    return in_order(NULL, &h, n, workers, window, n);
}

TEST(nothing) { CHECK_EQ(all(0, 3, 5), 0); }
TEST(one_worker) { CHECK_EQ(all((int)scale(500), 1, 1), 0), CHECK_EQ(all((int)scale(500), 1, 100), 0); }
TEST(four_workers) { CHECK_EQ(all((int)scale(1000), 4, 16), 0); }
TEST(narrow) { CHECK_EQ(all((int)scale(300), 8, 1), 0), CHECK_EQ(all((int)scale(300), 8, 3), 0); }
TEST(many_workers) { CHECK_EQ(all((int)scale(1000), (size_t)live(300), 600), 0); }
CRASH(sequence_no_workers, "panic: sequence_map: the number of workers and the window must be at least 1") { (void)all(1, 0, 1); }
CRASH(sequence_no_window, "panic: sequence_map: the number of workers and the window must be at least 1") { (void)all(1, 1, 0); }

TEST(error) {
    for (long i = 0; i < scale(50); i++) {
        struct how h = { .at = 10, .what = FAIL };
        CHECK_EQ(in_order(NULL, &h, 1000, 1 + (size_t)i % 4, 8, -10), FAIL);
    }
}
/* Not an error: what came before it is all there. */
TEST(wants_no_more) {
    for (long i = 0; i < scale(50); i++) {
        struct how h = { .at = 10, .what = CONC_CLOSED };
        CHECK_EQ(in_order(NULL, &h, 30, 1 + (size_t)i % 4, 100, 10), 0);
    }
}
TEST(conc_exit_in_fn) {
    struct how h = { .at = 10, .what = EXIT };
    CHECK_EQ(in_order(NULL, &h, 1000, 3, 8, -10), CONC_CANCELED);
}

static void reader(recv_chan(long) c, conc_atomic(int) *seen) {
    chan_range(v, c) conc_atomic_fetch_add(seen, v >= 0);
}
/* The first value is slow: the others are worked on as far as the window reaches, and nobody sees them before it. */
TEST(window) {
    conc_scope_begin(s);
    struct how h = { .at = -1, .gate = conc_scope_chan(s, char) };
    conc_atomic(int) seen = 0;
    chan(int) in = conc_scope_chan(s, int);
    conc_scope_go(s, count, conc_scope_ctx(s), in, 100);
    conc_scope_go(s, reader, sequence_map(s, in, long, 3, 10, work, &h), &seen);
    CHECK(wait_for(&h.begun, 10));
    CHECK(settle());
    CHECK_EQ(h.begun, 10);
    CHECK_EQ(seen, 0);
    chan_send(h.gate, 0);
    CHECK_EQ(conc_scope_wait(s), 0);
    CHECK_EQ(seen, 100);
}

/* Cancelled, or left by its reader, in the middle. */
TEST(cancelled) {
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    struct how h = { .at = -1 };
    {
        conc_scope_begin(s, .parent = ctx);
        chan(int) in = conc_scope_chan(s, int);
        conc_scope_go(s, count, conc_scope_ctx(s), in, 1 << 30);
        recv_chan(long) out = sequence_map(s, in, long, 4, 8, work, &h);
        CHECK_EQ(chan_recv(out), 0);
        CHECK_EQ(chan_recv(out), 3);
        conc_ctx_cancel_cause(ctx, -99);
        chan_range(v, out) CHECK(v > 3);
        CHECK_EQ(conc_scope_wait(s), -99);
    }
    CHECK_EQ(in_order(ctx, &h, 100, 4, 8, -100), -99);
    conc_ctx_free(ctx);
}
static long third(size_t workers) {
    conc_scope_begin(s);
    struct how h = { .at = -1 };
    chan(int) in = conc_scope_chan(s, int);
    conc_scope_go(s, count, conc_scope_ctx(s), in, 1 << 30);
    int n = 0;
    chan_range(v, sequence_map(s, in, long, workers, 2 * workers, work, &h))
        if (++n == 3) return v;
    return 0;
}
TEST(consumer_gone) {
    for (long i = 0; i < scale(50); i++) CHECK_EQ(third(1 + (size_t)i % 5), 6);
}

static void *thread(void *arg) {
    for (long i = 0; i < scale(20); i++) CHECK_EQ(third(2) + all((int)i, 3, 7), 6);
    return arg;
}
static void goroutine(int i) { (void)i, (void)thread(NULL); }
TEST(stress) {
    pthread_t t = thread_start(thread, NULL);
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 6; i++) conc_wg_go(&wg, goroutine, i);
    thread_join(t);
    conc_wg_wait(&wg);
}
