/* select: who is ready, who is chosen, what is evaluated, and what the losers leave behind. */
#include "harness.h"

typedef chan(int) ints;

// ---- the matrix of blocking (test/chan select3)

struct sel {
    ints a, b;
};
static void sel_nothing(void *p) {
    (void)p;
    chan_select {}
}
static void sel_all_nil(void *p) {
    (void)p;
    ints nil = NULL;
    chan_select {
        on_recv(v, nil) { (void)v; }
        on_send(nil, 1) {}
    }
}
static void sel_recv(void *p) {
    struct sel *s = p;
    chan_select {
        on_recv(v, s->a) { (void)v; }
    }
}
static void sel_send(void *p) {
    struct sel *s = p;
    chan_select {
        on_send(s->a, 1) {}
    }
}
static void sel_two(void *p) {
    struct sel *s = p;
    chan_select {
        on_recv(v, s->a) { (void)v; }
        on_send(s->b, 1) {}
    }
}
static void sel_self(void *p) {
    struct sel *s = p;
    chan_select {
        on_recv(v, s->a) { (void)v; }
        on_send(s->a, 1) {}
    }
}
static void sel_forever(void *p) {
    struct sel *s = p;
    chan_select {
        on_recv(v, s->a) { (void)v; }
        on_timeout(CONC_FOREVER) {}
    }
}
static void sel_of_nothing(void *p) {
    (void)p;
    (void)chan_select_n((conc_case *)NULL, 0);
}

/* What blocks for ever: no cases, only nil channels, empty receives, full sends, a channel with itself, an endless timeout;
   each with its wait reason. One peer then lets each go. */
TEST(blocks) {
    struct sel s = { chan_make(int), chan_make(int, 1) }, full = { s.b, NULL };
    chan_send(s.b, 0);
    CHECK(blocks_as(sel_nothing, NULL, "select (no cases)"));
    CHECK(blocks_as(sel_of_nothing, NULL, "select (no cases)"));
    CHECK(blocks_forever(sel_all_nil, NULL));
    CHECK(blocks_as(sel_self, &s, "select"));
    chan_send(s.a, 1);
    wait_goroutines(3 + body_goroutines());
    CHECK(blocks_forever(sel_recv, &s));
    CHECK_EQ(chan_try_send(s.a, 1), CONC_OK);
    CHECK(blocks_forever(sel_send, &s));
    CHECK_EQ(chan_recv(s.a), 1);
    CHECK(blocks_forever(sel_send, &full));
    CHECK_EQ(chan_recv(s.b), 0);
    wait_goroutines(3 + body_goroutines());
    CHECK_EQ(chan_len(s.b), 1);
    CHECK(blocks_as(sel_two, &s, "select"));
    CHECK_EQ(chan_recv(s.b), 1);
    wait_goroutines(3 + body_goroutines());
    CHECK(blocks_as(sel_forever, &s, "select"));
    chan_send(s.a, 1);
    wait_goroutines(3 + body_goroutines());
    chan_free(s.a), chan_free(s.b);
}

/* What does not block: a buffer with room, a buffer with something in it, a closed channel to receive from, default. */
TEST(does_not_block) {
    ints b = chan_make(int, 1), closed = chan_make(int), none = chan_make(int), nil = NULL;
    int got = 0;
    chan_close(closed);
    chan_select {
        on_send(b, 7) { got = 1; }
    }
    CHECK_EQ(got, 1);
    chan_select {
        on_recv(v, none) { got = v; }
        on_recv(v, b) { got = v; }
        on_send(nil, 3) { got = 3; }
    }
    CHECK_EQ(got, 7);
    chan_select {
        on_recv(v, nil) { got = v; }
        on_recv_ok(v, ok, closed) {
            CHECK_EQ(v, 0);
            CHECK(!ok);
            got = 8;
        }
    }
    CHECK_EQ(got, 8);
    chan_select {
        on_recv(v, none) { got = v; }
        on_send(none, 1) { got = 2; }
        on_send(nil, 1) { got = 3; }
        on_recv(v, nil) { got = v; }
        on_default { got = 9; }
    }
    CHECK_EQ(got, 9);
    chan_select {
        on_default { got = 10; }
    }
    CHECK_EQ(got, 10);
    chan_free(b), chan_free(closed), chan_free(none);
}

// ---- what is evaluated

static int order[16], order_n;
static ints note(int k, ints c) {
    order[order_n++] = k;
    return c;
}
static int note_value(int k) {
    order[order_n++] = k;
    return k;
}
static int *note_into(int k, int *p) {
    order[order_n++] = k;
    return p;
}

/* Every operand of every case is evaluated exactly once, in source order, on entry, whichever case wins. */
TEST(operands_in_source_order) {
    ints c[3] = { chan_make(int, 1), chan_make(int, 1), chan_make(int, 1) };
    for (int win = 0; win < 4; win++) {
        int into = -1, won = -1;
        order_n = 0;
        if (win == 0) chan_send(c[0], 50);
        if (win != 1) chan_send(c[1], 51);
        if (win == 2) chan_send(c[2], 52);
        chan_select {
            on_recv(v, note(1, c[0])) { won = v - 50; }
            on_send(note(2, c[1]), note_value(3)) { won = 1; }
            on_recv_into(note_into(4, &into), note(4, c[2])) { won = into - 50; }
            on_timeout((order[order_n++] = 5, CONC_MS)) { won = 3; }
        }
        CHECK_EQ(won, win);
        CHECK_EQ(order_n, 6);
        static const int want[6] = { 1, 2, 3, 4, 4, 5 };
        CHECK_SAY(!memcmp(order, want, sizeof want), "operands were not evaluated in order");
        if (win != 2) CHECK_EQ(into, -1);
        CHECK_EQ(chan_recv(c[1]), win == 1 ? 3 : 51);
    }
    for (int i = 0; i < 3; i++) chan_free(c[i]);
}

/* test/chan select4: the destination of a receive case is written only if that case wins. */
TEST(losers_are_not_written) {
    ints a = chan_make(int, 1), b = chan_make(int, 1);
    int x = 11, y = 22, z = 33;
    for (int i = 0; i < 100; i++) {
        x = 11;
        chan_send(b, i);
        chan_select {
            on_recv_into(&x, a) { CHECK(false); }
            on_recv_into(&y, b) { CHECK_EQ(y, i); }
        }
        CHECK_EQ(x, 11);
        switch (chan_select_of(case_recv(a, &x), case_recv(b, &z), case_default())) {
        case 2: break;
        default: CHECK(false);
        }
        CHECK_EQ(x, 11);
        CHECK_EQ(z, 33);
    }
    chan_free(a), chan_free(b);
}

static int inner(ints c) {
    int got = -1;
    chan_select {
        on_recv(v, c) { got = v; }
        on_default { got = -2; }
    }
    return got;
}

/* A select within an operand, and within the body of another, is independent of it. */
TEST(nested) {
    ints a = chan_make(int, 2), b = chan_make(int, 2), out = chan_make(int, 1);
    int steps = 0;
    chan_send(a, 5);
    chan_select {
        on_send(out, inner(a)) { steps++; }
    }
    CHECK_EQ(chan_recv(out), 5);
    chan_send(a, 6);
    chan_select {
        on_recv(v, a) {
            CHECK_EQ(v, 6);
            chan_send(b, 7);
            chan_select {
                on_recv(w, b) {
                    CHECK_EQ(w, 7);
                    chan_select {
                        on_recv(u, a) { CHECK_EQ(u, -1); }
                        on_default { steps++; }
                    }
                    steps++;
                }
            }
            steps++;
        }
    }
    CHECK_EQ(steps, 4);
    chan_free(a), chan_free(b), chan_free(out);
}

// ---- leaving

static int leave_by_return(ints c) {
    for (;;) {
        chan_select {
            on_recv(v, c) { return v; }
            on_default { return -1; }
        }
    }
}

/* test/chan select8: break inside a case leaves the select only, with one, two or three cases; continue leaves it too;
   return and goto leave everything. */
TEST(ways_out) {
    ints c = chan_make(int, 1), nil = NULL;
    int rounds = 0, after = 0;
    for (int i = 0; i < 3; i++) {
        chan_select {
            on_default {
                rounds++;
                if (i < 3) break;
                after++;
            }
        }
        chan_select {
            on_recv(v, nil) { (void)v; }
            on_default {
                rounds++;
                if (i < 3) break;
                after++;
            }
        }
        chan_send(c, i);
        chan_select {
            on_recv_ok(v, ok, c) {
                CHECK_EQ(v, i);
                CHECK(ok);
                rounds++;
                if (i < 3) break;
                after++;
            }
            on_recv(v, nil) { (void)v; }
            on_send(nil, 0) {}
        }
        chan_send(c, i);
        chan_select {
            on_recv(v, c) {
                rounds++;
                if (v == i) continue;
                after++;
            }
        }
    }
    CHECK_EQ(rounds, 12);
    CHECK_EQ(after, 0);
    chan_send(c, 77);
    CHECK_EQ(leave_by_return(c), 77);
    CHECK_EQ(leave_by_return(c), -1);
    for (;;) {
        chan_select {
            on_default { goto out; }
        }
        CHECK(false);
    }
out:
    chan_free(c);
}

struct big { long w[20]; };

/* test/chan select7 and the storage rules: values dropped, ok dropped, from buffered, unbuffered and closed channels; values
   of more than 16 bytes; more than 16 cases. */
TEST(large_values_many_cases) {
    chan(struct big) b = chan_make(struct big, 1), d = chan_make(struct big, 1);
    ints c[20], nil = NULL;
    struct big v = { { 1, 2, 3 } };
    v.w[19] = 19;
    int hit = -1;
    chan_select {
        on_send(b, v) { hit = 0; }
        on_recv(x, d) { hit = (int)x.w[0]; }
    }
    CHECK_EQ(hit, 0);
    memset(&v, 0, sizeof v);
    chan_select {
        on_recv_into(&v, b) { hit = 1; }
        on_recv_into(&v, d) { hit = 2; }
    }
    CHECK_EQ(hit, 1);
    CHECK_EQ(v.w[2], 3);
    CHECK_EQ(v.w[19], 19);
    for (int i = 0; i < 20; i++) c[i] = chan_make(int, 1);
    for (int i = 0; i < 20; i++) {
        chan_send(c[i], 100 + i);
        hit = -1;
        chan_select {
            on_recv(x, c[0]) { hit = x; }
            on_recv(x, c[1]) { hit = x; }
            on_recv(x, c[2]) { hit = x; }
            on_recv(x, c[3]) { hit = x; }
            on_recv(x, c[4]) { hit = x; }
            on_recv(x, c[5]) { hit = x; }
            on_recv(x, c[6]) { hit = x; }
            on_recv(x, c[7]) { hit = x; }
            on_recv(x, c[8]) { hit = x; }
            on_recv(x, c[9]) { hit = x; }
            on_send(nil, 1) { hit = 1; }
            on_recv(x, c[10]) { hit = x; }
            on_recv(x, c[11]) { hit = x; }
            on_recv(x, c[12]) { hit = x; }
            on_recv(x, c[13]) { hit = x; }
            on_recv(x, c[14]) { hit = x; }
            on_recv(x, c[15]) { hit = x; }
            on_recv(x, c[16]) { hit = x; }
            on_recv(x, d) { hit = (int)x.w[0]; }
            on_recv(x, c[17]) { hit = x; }
            on_recv(x, c[18]) { hit = x; }
            on_recv(x, c[19]) { hit = x; }
        }
        CHECK_EQ(hit, 100 + i);
    }
    for (int i = 0; i < 20; i++) chan_free(c[i]);
    chan_free(b), chan_free(d);
}

// ---- the other forms

/* The expression and array forms: index, ok, thousands of cases. */
TEST(array_form) {
    enum { N = 5000 };
    static conc_case cases[N];
    static int into[N];
    ints *c = malloc(N * sizeof *c);
    struct rng r = rng_new(0);
    for (int i = 0; i < N; i++) {
        c[i] = chan_make(int, 1);
        cases[i] = case_recv(c[i], &into[i]);
    }
    for (long k = scale(50); k > 0; k--) {
        int i = (int)rng_below(&r, N);
        chan_send(c[i], i * 2);
        CHECK_EQ(chan_select_n(cases, N), i);
        CHECK(cases[i].ok);
        CHECK_EQ(into[i], i * 2);
    }
    chan_close(c[17]);
    CHECK_EQ(chan_select_n(cases, N), 17);
    CHECK(!cases[17].ok);
    CHECK_EQ(into[17], 0);
    int x = 0;
    switch (chan_select_of(case_send(c[3], 5), case_recv(c[4], &x), case_timeout(CONC_SEC))) {
    case 0: break;
    default: CHECK(false);
    }
    CHECK_EQ(chan_recv(c[3]), 5);
    CHECK_EQ(chan_select_of(case_recv(c[4], &x), case_default()), 1);
    CHECK_EQ(chan_select_of(case_recv(c[4], &x), case_timeout(CONC_MS)), 1);
    for (int i = 0; i < N; i++) chan_free(c[i]);
    free(c);
}

/* chan_select_ordered takes the first ready case in source order, always. */
TEST(ordered) {
    ints c[3] = { chan_make(int, 1), chan_make(int, 1), chan_make(int, 1) };
    for (int first = 0; first < 3; first++) {
        for (int k = 0; k < 100; k++) {
            int hit = -1, x;
            for (int i = first; i < 3; i++) (void)chan_try_send(c[i], i);
            chan_select_ordered {
                on_recv(v, c[0]) { hit = v; }
                on_recv(v, c[1]) { hit = v; }
                on_recv(v, c[2]) { hit = v; }
                on_default { hit = 3; }
            }
            CHECK_EQ(hit, first);
            for (int i = first; i < 3; i++) (void)chan_try_send(c[i], i);
            hit = chan_select_ordered_of(case_recv(c[0], &x), case_recv(c[1], &x), case_recv(c[2], &x));
            CHECK_EQ(hit, first);
        }
        for (int i = 0, x; i < 3; i++) (void)chan_try_recv(c[i], &x);
    }
    for (int i = 0; i < 3; i++) chan_free(c[i]);
}

/* Timeouts: never early; the earliest of several; <= 0 is a ready case; a ready channel does not wait for it. */
TEST(timeouts) {
    ints none = chan_make(int), one = chan_make(int, 1);
    int hit = 0;
    for (int ms = 1; ms < 6; ms++) {
        int64_t t = conc_now();
        chan_select {
            on_recv(v, none) { hit = v; }
            on_timeout(ms * CONC_MS) { hit = 1; }
            on_timeout(CONC_HOUR) { hit = 2; }
        }
        CHECK_EQ(hit, 1);
        CHECK(conc_now() - t >= ms * CONC_MS);
        t = conc_now();
        chan_select {
            on_timeout(CONC_FOREVER) { hit = 3; }
            on_timeout(CONC_HOUR) { hit = 4; }
            on_timeout(ms * CONC_MS) { hit = 5; }
        }
        CHECK_EQ(hit, 5);
        CHECK(conc_now() - t >= ms * CONC_MS);
    }
    for (int i = -1; i < 1; i++) {
        chan_select {
            on_recv(v, none) { hit = v; }
            on_timeout(i) { hit = 6; }
        }
        CHECK_EQ(hit, 6);
    }
    chan_send(one, 7);
    chan_select {
        on_recv(v, one) { hit = v; }
        on_timeout(CONC_HOUR) { hit = 8; }
    }
    CHECK_EQ(hit, 7);
    CHECK_EQ(chan_try_send(none, 1), CONC_WOULD_BLOCK); /* the timed-out receivers are gone */
    chan_free(none), chan_free(one);
}

// ---- choice

/* src/runtime select fairness: two ready cases of four are picked evenly: within 4.89 standard deviations, which a right
   select misses once in a million runs. */
TEST(fairness) {
    enum { TRIALS = 10000 };
    ints ready[2] = { chan_make(int), chan_make(int) }, c3 = chan_make(int), c4 = chan_make(int);
    int picks[2] = { 0, 0 };
    chan_close(ready[0]);
    chan_close(ready[1]);
    for (int i = 0; i < TRIALS; i++) {
        chan_select {
            on_recv(v, c3) { CHECK_EQ(v, -1); }
            on_recv(v, ready[0]) {
                (void)v;
                picks[0]++;
            }
            on_recv(v, ready[1]) {
                (void)v;
                picks[1]++;
            }
            on_send(c4, 1) { CHECK(false); }
        }
    }
    CHECK_EQ(picks[0] + picks[1], TRIALS);
    CHECK_SAY(abs(picks[0] - TRIALS / 2) < 245, "%d and %d picks", picks[0], picks[1]); /* 4.89/2 * sqrt(n) */
    chan_free(ready[0]), chan_free(ready[1]), chan_free(c3), chan_free(c4);
}

/* The same over 2 to 9 cases that are all ready, sends and receives, with a chi-squared bound. */
TEST(fairness_of_many) {
    enum { TRIALS = 9000 };
    ints in = chan_make(int), out[9];
    chan_close(in);
    for (int i = 0; i < 9; i++) out[i] = chan_make(int, 1);
    for (int n = 2; n <= 9; n++) {
        int picks[9] = { 0 };
        conc_case c[9];
        int x = 0, one = 1;
        for (int i = 0; i < n; i++) {
            if (i & 1) c[i] = case_recv(in, &x);
            else c[i] = case_send(out[i], 1), c[i].val = &one; /* which outlives this block */
        }
        for (int t = 0; t < TRIALS; t++) {
            int k = chan_select_n(c, n);
            REQUIRE(k >= 0 && k < n);
            picks[k]++;
            if (!(k & 1)) CHECK_EQ(chan_recv(out[k]), 1);
        }
        double chi2 = 0, want = (double)TRIALS / n;
        for (int i = 0; i < n; i++) chi2 += (picks[i] - want) * (picks[i] - want) / want;
        CHECK_SAY(chi2 < 45, "chi squared %.1f with %d cases", chi2, n); /* p < 1e-6 with 8 degrees of freedom */
    }
    chan_free(in);
    for (int i = 0; i < 9; i++) chan_free(out[i]);
}

// ---- races

struct mux {
    ints c[4], out;
    int n;
    conc_wg wg;
};
static void mux_send(struct mux *m) {
    for (int i = 0; i < m->n; i++) {
        chan_select {
            on_send(m->c[0], i) {}
            on_send(m->c[1], i) {}
            on_send(m->c[2], i) {}
            on_send(m->c[3], i) {}
        }
    }
    for (int i = 0; i < 4; i++) chan_close(m->c[i]);
}
static void mux_forward(struct mux *m, int k) {
    chan_range(v, m->c[k]) chan_send(m->out, v);
}

/* test/chan doubleselect: 100,000 values through a 4-way select of sends and merged again: none twice, none lost. Two cases of
   one select must never both fire. */
TEST(double_select) {
    struct mux m = { .out = chan_make(int), .n = (int)scale(100000) };
    char *seen = calloc((size_t)m.n, 1);
    for (int i = 0; i < 4; i++) {
        m.c[i] = chan_make(int);
        conc_wg_go(&m.wg, mux_forward, &m, i);
    }
    go(mux_send, &m);
    for (int i = 0; i < m.n; i++) {
        int v = chan_recv(m.out);
        CHECK_SAY(v >= 0 && v < m.n && !seen[v], "value %d came twice", v);
        seen[v] = 1;
    }
    conc_wg_wait(&m.wg);
    wait_goroutines(body_goroutines());
    for (int i = 0; i < 4; i++) chan_free(m.c[i]);
    chan_free(m.out);
    free(seen);
}

struct counts {
    ints a, b, result;
    int n;
};
static void count_both(struct counts *k) {
    ints a = k->a, b = k->b;
    int na = 0, nb = 0;
    while (a || b) {
        chan_select {
            on_recv_ok(v, ok, a) {
                if (ok) na += v;
                else a = NULL;
            }
            on_recv_ok(v, ok, b) {
                if (ok) nb += v;
                else b = NULL;
            }
        }
    }
    chan_send(k->result, na);
    chan_send(k->result, nb);
}

/* test/chan select: sends to either of two channels, one switched off by a nil handle now and then; the counts agree. */
TEST(nil_switches_a_case_off) {
    struct counts k = { chan_make(int), chan_make(int, 3), chan_make(int), (int)scale(20000) };
    struct rng r = rng_new(0);
    int na = 0, nb = 0;
    go(count_both, &k);
    for (int i = 0; i < k.n; i++) {
        unsigned off = rng_below(&r, 3);
        ints a = off == 0 ? NULL : k.a, b = off == 1 ? NULL : k.b;
        chan_select {
            on_send(a, 1) {
                CHECK(off != 0);
                na++;
            }
            on_send(b, 1) {
                CHECK(off != 1);
                nb++;
            }
        }
    }
    chan_close(k.a);
    chan_close(k.b);
    CHECK_EQ(chan_recv(k.result), na);
    CHECK_EQ(chan_recv(k.result), nb);
    wait_goroutines(body_goroutines());
    chan_free(k.a), chan_free(k.b), chan_free(k.result);
}

struct self {
    ints c;
    int n;
    conc_atomic(int) sends, recvs;
    conc_wg wg;
};
static void self_select(struct self *s, int me) {
    for (int i = 0; i < s->n; i++) {
        chan_select {
            on_send(s->c, me) { atomic_fetch_add(&s->sends, 1); }
            on_recv(v, s->c) {
                CHECK_SAY(v != me || chan_cap(s->c) > 0, "goroutine %d received its own value", me);
                atomic_fetch_add(&s->recvs, 1);
            }
        }
    }
}

/* src/runtime self select: two goroutines select over sending and receiving on one channel: no deadlock, nobody meets
   himself. */
TEST(self_select) {
    for (int cap = 0; cap < 11; cap += 10) {
        struct self s = { .c = chan_make(int, cap), .n = (int)scale(10000) };
        for (int me = 0; me < 2; me++) conc_wg_go(&s.wg, self_select, &s, me);
        conc_wg_wait(&s.wg);
        CHECK_EQ(atomic_load(&s.sends), atomic_load(&s.recvs) + (int)chan_len(s.c));
        chan_free(s.c);
    }
}

struct stress {
    ints c[4];
    int n;
    conc_wg wg;
};
static void stress_send(struct stress *s, int k) {
    for (int i = 0; i < s->n; i++) chan_send(s->c[k], 0);
}
static void stress_recv(struct stress *s, int k) {
    for (int i = 0; i < s->n; i++) (void)chan_recv(s->c[k]);
}
static void stress_select(struct stress *s, bool sending) {
    ints c[4];
    int left[4];
    for (int i = 0; i < 4; i++) c[i] = s->c[i], left[i] = s->n;
    for (int i = 0; i < 4 * s->n; i++) {
        int k = -1, v;
        if (sending) {
            chan_select {
                on_send(c[3], 0) { k = 3; }
                on_send(c[2], 0) { k = 2; }
                on_send(c[0], 0) { k = 0; }
                on_send(c[1], 0) { k = 1; }
            }
        } else {
            k = chan_select_of(case_recv(c[0], &v), case_recv(c[1], &v), case_recv(c[2], &v), case_recv(c[3], &v));
        }
        if (--left[k] == 0) c[k] = NULL;
    }
    for (int i = 0; i < 4; i++) CHECK_EQ(left[i], 0);
}

/* src/runtime select stress: channels of capacity 0, 0, 2, 3; a sender and a receiver each, plus one select that sends and one
   that receives on all, cases going nil as they finish. Wrong lock order or a lost waiter shows as a deadlock here. */
TEST(stress) {
    static const int caps[4] = { 0, 0, 2, 3 };
    struct stress s = { .n = (int)scale(20000) };
    for (int i = 0; i < 4; i++) {
        s.c[i] = chan_make(int, caps[i]);
        conc_wg_go(&s.wg, stress_send, &s, i);
        conc_wg_go(&s.wg, stress_recv, &s, i);
    }
    conc_wg_go(&s.wg, stress_select, &s, true);
    conc_wg_go(&s.wg, stress_select, &s, false);
    conc_wg_wait(&s.wg);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(chan_len(s.c[i]), 0);
        CHECK_EQ(chan_try_send(s.c[i], 1), caps[i] ? CONC_OK : CONC_WOULD_BLOCK);
        chan_free(s.c[i]);
    }
}

static void close_it(ints c) { chan_close(c); }

/* src/runtime non-blocking receive race: a capacity-1 channel that holds one value and is being closed is ready at every
   instant: default must never be taken. */
TEST(nonblocking_receive_race) {
    for (long i = scale(20000); i > 0; i--) {
        ints c = chan_make(int, 1);
        conc_wg wg = CONC_WG_INIT;
        chan_send(c, 1);
        conc_wg_go(&wg, close_it, c);
        int v = 0;
        chan_select {
            on_recv(x, c) { v = x; }
            on_default { CHECK_SAY(false, "default taken while a value was there"); }
        }
        CHECK_EQ(v, 1);
        conc_wg_wait(&wg);
        chan_free(c);
    }
}

struct instant {
    ints a, b, done;
};
static void instant_select(struct instant *s) {
    int hit = 0;
    chan_select {
        on_recv(v, s->a) {
            (void)v;
            hit = 1;
        }
        on_recv(v, s->b) {
            (void)v;
            hit = 2;
        }
        on_default {}
    }
    chan_send(s->done, hit);
}

/* src/runtime non-blocking select race: b becomes ready before a stops being so; at every instant one of them is ready, so
   default must never be taken. With buffers, and with closes. */
TEST(nonblocking_select_race) {
    struct instant s = { NULL, NULL, chan_make(int, 1) };
    for (long i = scale(40000); i > 0; i--) {
        bool closing = i & 1;
        int v;
        s.a = chan_make(int, 1);
        s.b = chan_make(int, 1);
        chan_send(s.a, 1);
        go(instant_select, &s);
        if (closing) chan_close(s.b);
        else chan_send(s.b, 1);
        (void)chan_try_recv(s.a, &v);
        CHECK_SAY(chan_recv(s.done) != 0, "default taken while one of two was always ready");
        chan_free(s.a), chan_free(s.b);
    }
    chan_free(s.done);
}

/* Exactly one case of a blocked select fires although two peers arrive at once; what the loser offered stays. */
static void offer(ints c, int v, conc_wg *wg) {
    (void)chan_try_send(c, v);
    conc_wg_done(wg);
}
static void take_one(ints a, ints b, ints out) {
    chan_select {
        on_recv(v, a) { chan_send(out, v); }
        on_recv(v, b) { chan_send(out, v); }
    }
}
TEST(only_one_case_fires) {
    ints a = chan_make(int, 1), b = chan_make(int, 1), out = chan_make(int, 2);
    for (long i = scale(5000); i > 0; i--) {
        conc_wg wg = CONC_WG_INIT;
        conc_wg_add(&wg, 2);
        go(take_one, a, b, out);
        if (i & 1) conc_yield();
        go(offer, a, 1, &wg);
        go(offer, b, 2, &wg);
        int v = chan_recv(out), x = 0, left = 0;
        conc_wg_wait(&wg);
        left += chan_try_recv(a, &x) == CONC_OK;
        CHECK(left == 0 || x == 1);
        left += chan_try_recv(b, &x) == CONC_OK;
        CHECK(v == 1 || v == 2);
        CHECK_EQ(left, 1);
        CHECK_EQ(chan_len(out), 0);
    }
    wait_goroutines(body_goroutines());
    chan_free(a), chan_free(b), chan_free(out);
}

static void hold(ints c, ints gate, conc_atomic(int) *in) {
    atomic_fetch_add(in, 1);
    chan_select {
        on_recv(v, c) { (void)v; }
        on_recv(v, gate) { (void)v; }
    }
}

/* test chanlinear: a select that loses on a channel with a long queue of waiters leaves it in constant time: twice the
   waiters must not take much more than twice the time. */
static int64_t linear_time(int n) {
    ints c = chan_make(int);
    ints *gate = malloc((size_t)n * sizeof *gate);
    conc_atomic(int) in;
    atomic_init(&in, 0);
    for (int i = 0; i < n; i++) {
        gate[i] = chan_make(int);
        go(hold, c, gate[i], &in);
    }
    wait_for(&in, n);
    wait_goroutines(n + body_goroutines());
    int64_t t = cpu_now();
    for (int i = n - 1; i >= 0; i--) chan_send(gate[i], 0); /* the youngest first: the far end of c's queue */
    t = cpu_now() - t;
    wait_goroutines(body_goroutines());
    CHECK_EQ(chan_try_send(c, 1), CONC_WOULD_BLOCK);
    for (int i = 0; i < n; i++) chan_free(gate[i]);
    free(gate);
    chan_free(c);
    return t;
}
TEST(losers_leave_in_constant_time) {
    int n = (int)live(scale(6000)) / 4;
    double best = 1e9;
    for (int try = 0; try < 5 && best >= 4; try++) {
        int64_t one = linear_time(n), four = linear_time(4 * n);
        double ratio = (double)four / (double)one;
        if (ratio / 4 < best) best = ratio / 4;
        if (best < 2) break;
    }
    CHECK_SAY(best < 4, "4 times the waiters cost %.1f times the time each", best);
}

struct barrier {
    chan(ints) requests;
    ints done;
    int n;
    conc_wg wg;
};
static void barrier_client(struct barrier *b) {
    for (int i = 0; i < b->n; i++) {
        ints reply = chan_make(int, 1);
        chan_select {
            on_send(b->requests, reply) { CHECK_EQ(chan_recv(reply), 5); }
            on_recv(v, b->done) {
                (void)v;
                CHECK(false);
            }
        }
        chan_free(reply);
    }
}
static void barrier_server(struct barrier *b) {
    for (;;) {
        chan_select {
            on_recv(reply, b->requests) { chan_send(reply, 5); }
            on_recv(v, b->done) {
                (void)v;
                return;
            }
        }
    }
}

/* src/runtime send-select barrier: a hundred clients, request and reply through select{send, done}, a new channel each. */
TEST(request_reply_barrier) {
    struct barrier b = { .requests = chan_make(ints), .done = chan_make(int), .n = (int)scale(500) };
    conc_wg servers = CONC_WG_INIT;
    for (int i = 0; i < 3; i++) conc_wg_go(&servers, barrier_server, &b);
    for (int i = 0; i < 100; i++) conc_wg_go(&b.wg, barrier_client, &b);
    conc_wg_wait(&b.wg);
    chan_close(b.done);
    conc_wg_wait(&servers);
    chan_free(b.requests), chan_free(b.done);
}

static void wait_closed(ints a, ints b, conc_wg *wg) {
    chan_select {
        on_recv_ok(v, ok, a) {
            CHECK_EQ(v, 0);
            CHECK(!ok);
        }
        on_send(b, 1) { CHECK(false); }
    }
    conc_wg_done(wg);
}

/* Close wakes every select that waits to receive. */
TEST(close_wakes_selects) {
    ints a = chan_make(int), b = chan_make(int);
    conc_wg wg = CONC_WG_INIT;
    conc_wg_add(&wg, 100);
    for (int i = 0; i < 100; i++) go(wait_closed, a, b, &wg);
    settle();
    chan_close(a);
    conc_wg_wait(&wg);
    wait_goroutines(body_goroutines());
    CHECK_EQ(chan_try_recv(b, &(int){ 0 }), CONC_WOULD_BLOCK);
    chan_free(a), chan_free(b);
}

static void same_twice(ints c, ints out) {
    int hit = 0;
    chan_select {
        on_recv(v, c) { hit = v; }
        on_recv(v, c) { hit = v; }
        on_recv(v, c) { hit = v; }
        on_send(c, 5) { hit = -1; }
    }
    chan_send(out, hit);
}

/* The same channel may appear many times in one select, for both directions. */
TEST(same_channel_many_times) {
    ints c = chan_make(int), out = chan_make(int);
    for (long i = scale(500); i > 0; i--) {
        go(same_twice, c, out);
        if (i & 1) {
            chan_send(c, (int)i);
            CHECK_EQ(chan_recv(out), i);
        } else {
            CHECK_EQ(chan_recv(c), 5);
            CHECK_EQ(chan_recv(out), -1);
        }
    }
    wait_goroutines(body_goroutines());
    chan_free(c), chan_free(out);
}

static void *thread_selects(void *p) {
    struct stress *s = p;
    stress_select(s, true);
    return NULL;
}

/* OS threads take part: a thread selects over sends, the test's own thread over receives, with goroutines on each side. */
TEST(foreign_threads) {
    struct stress s = { .n = (int)scale(2000) };
    for (int i = 0; i < 4; i++) {
        s.c[i] = chan_make(int, i);
        conc_wg_go(&s.wg, stress_send, &s, i);
        conc_wg_go(&s.wg, stress_recv, &s, i);
    }
    pthread_t t = thread_start(thread_selects, &s);
    stress_select(&s, false);
    conc_wg_wait(&s.wg);
    thread_join(t);
    for (int i = 0; i < 4; i++) chan_free(s.c[i]);
}

static void sel_deadline(ints c, int64_t ns, conc_atomic(int) *got, conc_atomic(int) *expired) {
    chan_select {
        on_recv(v, c) {
            CHECK_EQ(v, 1);
            atomic_fetch_add(got, 1);
        }
        on_timeout(ns) { atomic_fetch_add(expired, 1); }
    }
}

/* Timeouts racing with sends: each value is received by one select that did not expire. */
TEST(timeout_races_with_send) {
    ints c = chan_make(int);
    conc_atomic(int) got, expired;
    atomic_init(&got, 0);
    atomic_init(&expired, 0);
    int n = (int)scale(2000), sent = 0;
    struct rng r = rng_new(0);
    for (int i = 0; i < n; i++) {
        go(sel_deadline, c, rng_below(&r, 100000), &got, &expired);
        if (rng_below(&r, 2)) conc_sleep(rng_below(&r, 60000));
        sent += chan_send_for(c, 1, rng_below(&r, 60000)) == CONC_OK;
    }
    wait_goroutines(body_goroutines());
    CHECK_EQ(atomic_load(&got), sent);
    CHECK_EQ(atomic_load(&got) + atomic_load(&expired), n);
    chan_free(c);
}
