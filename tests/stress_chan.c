/* Random worlds of channels, senders and receivers (goroutines and OS threads) with every operation mixed: what was sent is
   received, each value once, and one sender's values on one channel in order. */
#include "harness.h"

enum { CHANS = 6, ACTORS = 12 };
typedef chan(uint64_t) words;

struct world {
    words c[CHANS];
    int chans, selecting; /* of ten operations, how many are selects */
    uint64_t seed;
    int64_t end;
    conc_atomic(uint64_t) sent, sent_sum, got, got_sum;
    conc_wg senders, receivers;
};
struct actor {
    struct world *w;
    unsigned id;
};

static uint64_t mix(uint64_t v) { return (v ^ v >> 29) * UINT64_C(0xbf58476d1ce4e5b9); }

static void sender(struct world *w, unsigned id) {
    struct rng r = { w->seed + id };
    for (uint64_t seq = 1; conc_now() < w->end; seq++) {
        uint64_t v = (uint64_t)id << 48 | seq;
        unsigned a = rng_below(&r, (unsigned)w->chans), b = rng_below(&r, (unsigned)w->chans);
        words second = rng_below(&r, 3) ? w->c[b] : NULL;
        bool done = true;
        if ((int)rng_below(&r, 10) < w->selecting) {
            chan_select {
                on_send(w->c[a], v) {}
                on_send(second, v) {}
                on_timeout(rng_below(&r, 200000)) { done = false; }
            }
        } else {
            switch (rng_below(&r, 4)) {
            case 0: done = chan_try_send(w->c[a], v) == CONC_OK; break;
            case 1: done = chan_send_for(w->c[a], v, rng_below(&r, 100000)) == CONC_OK; break;
            default: chan_send(w->c[a], v); /* receivers stay until the close */
            }
        }
        if (done) {
            atomic_fetch_add(&w->sent, 1);
            atomic_fetch_add(&w->sent_sum, mix(v));
        }
        if (rng_below(&r, 64) == 0) conc_yield();
    }
}

static void receiver(struct world *w, unsigned id) {
    struct rng r = { w->seed + id };
    uint64_t last[ACTORS][CHANS], v;
    words c[CHANS];
    int open = w->chans;
    memset(last, 0, sizeof last);
    memcpy(c, w->c, sizeof c);
    while (open > 0) {
        unsigned a = rng_below(&r, (unsigned)w->chans), b = rng_below(&r, (unsigned)w->chans);
        bool got = true, closed = false;
        if ((int)rng_below(&r, 10) < w->selecting) {
            unsigned from = a;
            chan_select {
                on_recv_ok(x, ok, c[a]) { v = x, got = ok, closed = !ok; }
                on_recv_ok(x, ok, c[b]) { v = x, got = ok, closed = !ok, from = b; }
                on_timeout(rng_below(&r, 200000)) { got = false; }
            }
            a = from;
        } else if (!c[a]) {
            continue;
        } else {
            conc_status s = CONC_OK;
            unsigned how = rng_below(&r, 4); /* with several channels nobody may wait for ever on one of them */
            if (how == 0) s = chan_try_recv(c[a], &v);
            else if (how == 1 || w->chans > 1) s = chan_recv_for(c[a], &v, rng_below(&r, 100000));
            else s = chan_recv(c[a], &v) ? CONC_OK : CONC_CLOSED;
            got = s == CONC_OK;
            closed = s == CONC_CLOSED;
        }
        if (closed) {
            c[a] = NULL;
            open--;
        }
        if (!got) continue;
        unsigned from = (unsigned)(v >> 48);
        uint64_t seq = v << 16 >> 16;
        if (from >= ACTORS) {
            CHECK_SAY(false, "an unknown value");
            continue;
        }
        CHECK_SAY(seq > last[from][a], "sender %u, channel %u: %llu after %llu", from, a, (unsigned long long)seq,
                  (unsigned long long)last[from][a]);
        last[from][a] = seq;
        atomic_fetch_add(&w->got, 1);
        atomic_fetch_add(&w->got_sum, mix(v));
    }
}

static void *sender_thread(void *p) {
    sender(((struct actor *)p)->w, ((struct actor *)p)->id);
    return NULL;
}
static void *receiver_thread(void *p) {
    receiver(((struct actor *)p)->w, ((struct actor *)p)->id);
    return NULL;
}

static uint64_t one_world(struct rng *r, int selecting) {
    struct world w = { .chans = 1 + (int)rng_below(r, CHANS), .selecting = selecting, .seed = rng_next(r) };
    for (int i = 0; i < w.chans; i++) w.c[i] = chan_make(uint64_t, rng_below(r, 2) ? 0 : 1 + rng_below(r, 20));
    struct actor actor[ACTORS];
    pthread_t thread[ACTORS];
    bool is_thread[ACTORS];
    unsigned senders = 1 + rng_below(r, ACTORS / 2), receivers = 1 + rng_below(r, ACTORS / 2);
    w.end = conc_now() + 20 * CONC_MS;
    for (unsigned i = 0; i < senders + receivers; i++) {
        actor[i] = (struct actor){ &w, i };
        is_thread[i] = rng_below(r, 5) == 0;
        if (is_thread[i]) thread[i] = thread_start(i < senders ? sender_thread : receiver_thread, &actor[i]);
        else if (i < senders) conc_wg_go(&w.senders, sender, &w, i);
        else conc_wg_go(&w.receivers, receiver, &w, i);
    }
    for (unsigned i = 0; i < senders; i++)
        if (is_thread[i]) thread_join(thread[i]);
    conc_wg_wait(&w.senders);
    for (int i = 0; i < w.chans; i++) chan_close(w.c[i]);
    for (unsigned i = senders; i < senders + receivers; i++)
        if (is_thread[i]) thread_join(thread[i]);
    conc_wg_wait(&w.receivers);
    CHECK_EQ(atomic_load(&w.got), atomic_load(&w.sent));
    CHECK_SAY(atomic_load(&w.got_sum) == atomic_load(&w.sent_sum), "not what was sent was received");
    for (int i = 0; i < w.chans; i++) {
        CHECK_EQ(chan_len(w.c[i]), 0);
        chan_free(w.c[i]);
    }
    return atomic_load(&w.sent);
}

static void run(int selecting) {
    struct rng r = rng_new(0);
    uint64_t values = 0;
    int worlds = 0;
    for (int64_t end = conc_now() + stress_ns(); conc_now() < end && !harness_failed(); worlds++)
        values += one_world(&r, selecting);
    printf("stress: %d worlds, %llu values\n", worlds, (unsigned long long)values);
}

TEST(operations) { run(2); }
TEST(selects) { run(9); }
