/* Tokens wander between channels through goroutines and threads that select over sending and receiving at once, on channels in
   random order, the same one twice, nil ones, with timeouts and defaults: no token is lost, none is doubled. */
#include "harness.h"

enum { CHANS = 5, TOKENS = 40 };
typedef chan(int) ints;

struct world {
    ints c[CHANS], bank;
    uint64_t seed;
    int64_t end;
    conc_atomic(int) moves;
    conc_wg wg;
};
struct actor {
    struct world *w;
    unsigned id;
};

static void wanderer(struct world *w, unsigned id) {
    struct rng r = { w->seed + id };
    int hand = -1, v = -1;
    while (conc_now() < w->end) {
        ints c[4];
        for (int i = 0; i < 4; i++) c[i] = rng_below(&r, 6) ? w->c[rng_below(&r, CHANS)] : NULL;
        if (hand >= 0) {
            bool sent = true, got = false;
            switch (rng_below(&r, 3)) {
            case 0:
                chan_select {
                    on_send(c[0], hand) {}
                    on_send(c[1], hand) {}
                    on_recv_into(&v, c[2]) { got = true, sent = false; }
                    on_timeout(rng_below(&r, 100000)) { sent = false; }
                }
                break;
            case 1:
                chan_select {
                    on_send(c[0], hand) {}
                    on_recv_into(&v, c[0]) { got = true, sent = false; }
                    on_send(c[3], hand) {}
                    on_default { sent = false; }
                }
                break;
            default:
                sent = chan_select_ordered_of(case_send(c[1], hand), case_send(c[2], hand), case_recv(c[3], &v),
                                              case_timeout(rng_below(&r, 50000))) < 2;
                got = false;
                if (!sent && v >= 0) got = true; /* v is -1 unless the receive won */
            }
            if (sent) hand = -1;
            if (got) { /* two now: put one into the bank, which has room for all */
                chan_send(w->bank, v);
                v = -1;
            }
        } else {
            if (rng_below(&r, 8) == 0) (void)chan_try_recv(w->bank, &hand);
            else {
                chan_select {
                    on_recv_into(&hand, c[0]) {}
                    on_recv_into(&hand, c[1]) {}
                    on_recv_into(&hand, c[2]) {}
                    on_timeout(rng_below(&r, 100000)) {}
                }
            }
        }
        atomic_fetch_add(&w->moves, 1);
    }
    if (hand >= 0) chan_send(w->bank, hand);
}
static void *wanderer_thread(void *p) {
    wanderer(((struct actor *)p)->w, ((struct actor *)p)->id);
    return NULL;
}

static int one_world(struct rng *r) {
    struct world w = { .seed = rng_next(r), .bank = chan_make(int, TOKENS) };
    char seen[TOKENS] = { 0 };
    int count = 0, token;
    for (int i = 0; i < CHANS; i++) w.c[i] = chan_make(int, rng_below(r, 2) ? 0 : 1 + rng_below(r, 4));
    for (int i = 0; i < TOKENS; i++) chan_send(w.bank, i);
    w.end = conc_now() + 20 * CONC_MS;
    unsigned n = 2 + rng_below(r, 12);
    struct actor actor[2] = { { &w, 100 }, { &w, 101 } };
    pthread_t t[2];
    for (int i = 0; i < 2; i++) t[i] = thread_start(wanderer_thread, &actor[i]);
    for (unsigned i = 0; i < n; i++) conc_wg_go(&w.wg, wanderer, &w, i);
    conc_wg_wait(&w.wg);
    for (int i = 0; i < 2; i++) thread_join(t[i]);
    for (int i = 0; i <= CHANS; i++) {
        ints c = i < CHANS ? w.c[i] : w.bank;
        while (chan_try_recv(c, &token) == CONC_OK) {
            bool known = token >= 0 && token < TOKENS;
            CHECK_SAY(known && !seen[token], "token %d is there twice", token);
            if (known) seen[token] = 1;
            count++;
        }
        CHECK_EQ(chan_try_send(c, 0) == CONC_OK, chan_cap(c) > 0); /* nobody waits any more */
        chan_free(c);
    }
    CHECK_EQ(count, TOKENS);
    return atomic_load(&w.moves);
}

TEST(tokens) {
    struct rng r = rng_new(0);
    long moves = 0;
    int worlds = 0;
    for (int64_t end = conc_now() + stress_ns(); conc_now() < end && !harness_failed(); worlds++) moves += one_world(&r);
    printf("stress: %d worlds, %ld moves\n", worlds, moves);
}
