/* heartbeat.h - signs of life of a goroutine, which never hold it up. For conc.h; copy this file beside it.

   Problem: a goroutine works, or waits for work, for a long time. Is it alive? Somebody else wants to know, now and then or all the time,
   and a test wants to know when it has begun; but the goroutine must not wait for anybody who is not looking.

       worker --- heartbeat_beat ---> [ room for one ] ---> heartbeat_wait, heartbeat_chan      a beat that finds it full is dropped:
         '<------ ticks, if there is an interval                                                one sign of life is as good as two

     struct heartbeat h;
     if (heartbeat_init(&h, CONC_SEC) != CONC_OK) ...                 // by interval: every second; 0: only where the worker says so

     static void worker(struct heartbeat *h, conc_ctx *ctx, recv_chan(int) jobs) {
         int job;
         defer(heartbeat_end, h);
         while (heartbeat_do(h, ctx, case_recv(jobs, &job)) == CONC_OK) {     // beats while it waits
             heartbeat_beat(h);                                               // and per unit of work
             work(job);
         }
     }

     while (heartbeat_wait(&h, ctx, 3 * CONC_SEC) == CONC_OK) {}      // CONC_TIMEOUT: three seconds of silence

   Two kinds of heart: by interval, which says that the goroutine is not stuck though nothing happens (it beats in heartbeat_do, or where
   its own select receives from heartbeat_ticks); and per unit of work, which says that it gets on. A goroutine that computes for
   long without either is silent, and that is the truth: whoever waits for it waits in vain.

   Goroutines: none of its own (the interval is a ticker), so there is none to stop. The worker ends the heart with heartbeat_end, on every
   path (defer); a worker that ends by conc_exit without it is just silent.
   Consumer gone, or never there: the worker does not notice. Cancel: heartbeat_do and heartbeat_wait end with their context (NULL:
   never). Error: a beat cannot fail.

   Who owns what: the struct is yours and stays where it is until heartbeat_free, when neither side uses it any more. beat, ticks, do and
   end are the worker's, one goroutine or several that end it once; all else is for any goroutine or thread.

   Source: the heartbeat of "Concurrency in Go", chapter 5, whose two forms this has in one. */
#ifndef HEARTBEAT_H
#define HEARTBEAT_H

#include "conc.h"

struct heartbeat {
    /* private */
    conc_ticker *heartbeat__ticker; /* NULL: no interval */
    conc_chan(int64_t) heartbeat__beats;
    uint64_t heartbeat__count;
    int64_t heartbeat__last;
};

/* A heart that beats every interval, in heartbeat_do or where its ticks are received (0 or CONC_FOREVER: only by heartbeat_beat).
   CONC_NO_MEMORY: it must not be used. */
static inline conc_status heartbeat_init(struct heartbeat *h, int64_t interval) {
    bool ticks = interval > 0 && interval != CONC_FOREVER;
    h->heartbeat__ticker = ticks ? conc_ticker_new(interval) : NULL;
    h->heartbeat__beats = conc_chan_make(int64_t, 1); /* room: the worker does not wait, and a beat is not lost before it is looked for */
    h->heartbeat__count = 0;
    h->heartbeat__last = conc_now();
    if (h->heartbeat__beats != NULL && (!ticks || h->heartbeat__ticker != NULL)) return CONC_OK;
    if (h->heartbeat__ticker != NULL) conc_ticker_free(h->heartbeat__ticker);
    conc_chan_free(h->heartbeat__beats);
    return CONC_NO_MEMORY;
}

/* Free what it holds; nobody uses it any more. */
static inline void heartbeat_free(struct heartbeat *h) {
    if (h->heartbeat__ticker != NULL) conc_ticker_free(h->heartbeat__ticker);
    conc_chan_free(h->heartbeat__beats);
}

/* ---- the worker's side ---- */

/* A sign of life. Never blocks. */
static inline void heartbeat_beat(struct heartbeat *h) {
    int64_t now = conc_now();
    (void)__atomic_fetch_add(&h->heartbeat__count, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&h->heartbeat__last, now, __ATOMIC_RELAXED);
    (void)conc_chan_try_send(h->heartbeat__beats, now); /* full: there is one to be seen */
}

/* For a select of the worker's own: beat whenever something comes out of this. NULL, which is never ready, without an interval. */
static inline conc_recv_chan(int64_t) heartbeat_ticks(struct heartbeat *h) {
    conc_recv_chan(int64_t) none = NULL;
    return h->heartbeat__ticker != NULL ? conc_ticker_chan(h->heartbeat__ticker) : none;
}

/* Do one operation, conc_case_send(c, v) or conc_case_recv(c, &v), and beat at every interval until it is done: CONC_OK; CONC_CLOSED: the
   channel received from is closed and drained; or why ctx ended. A tick that is due comes first, so a worker that never waits
   beats too. */
static inline conc_status heartbeat_do(struct heartbeat *h, conc_ctx *ctx, conc_case operation) {
    enum { DONE, TICK, DID };
    int64_t now;
    for (;;) {
        conc_case c[] = { conc_case_done(ctx), conc_case_recv(heartbeat_ticks(h), &now), operation };
        int got = conc_select_ordered_n(c, 3);
        if (got == DONE) return conc_ctx_err(ctx);
        if (got == DID) return c[DID].ok ? CONC_OK : CONC_CLOSED;
        heartbeat_beat(h);
    }
}

/* The worker's last word: whoever waits learns that there will be no more beats. Once. */
static inline void heartbeat_end(struct heartbeat *h) { conc_chan_close(h->heartbeat__beats); }

/* ---- the other side ---- */

/* For a select: the time (of conc_now) of a beat that nobody has seen; closed after the end. Borrowed. */
static inline conc_recv_chan(int64_t) heartbeat_chan(struct heartbeat *h) { return h->heartbeat__beats; }

/* Wait for a beat: CONC_OK (one that came since somebody waited last, or comes now); CONC_TIMEOUT: so many nanoseconds of silence;
   CONC_CLOSED: the worker has ended; or why ctx ended (CONC_CANCELED, or CONC_TIMEOUT too: ask conc_ctx_err(ctx) which). */
static inline conc_status heartbeat_wait(struct heartbeat *h, conc_ctx *ctx, int64_t patience) {
    enum { BEAT, DONE, SILENCE };
    int64_t at;
    conc_case c[] = { conc_case_recv(heartbeat_chan(h), &at), conc_case_done(ctx), conc_case_timeout(patience) };
    switch (conc_select_ordered_n(c, patience == CONC_FOREVER ? 2 : 3)) {
    case BEAT: return c[BEAT].ok ? CONC_OK : CONC_CLOSED;
    case DONE: return conc_ctx_err(ctx);
    default: return CONC_TIMEOUT;
    }
}

/* How many beats there were, seen or not; and when the last one was (before the first: when the heart was made). Snapshots. */
static inline uint64_t heartbeat_count(struct heartbeat *h) { return __atomic_load_n(&h->heartbeat__count, __ATOMIC_RELAXED); }
static inline int64_t heartbeat_last(struct heartbeat *h) { return __atomic_load_n(&h->heartbeat__last, __ATOMIC_RELAXED); }

#endif
