/* steward.h - a goroutine that is looked after: restarted when it fails, and when it gives no sign of life. For conc.h; copy this
   file beside it.

   Problem: a goroutine must run for as long as the program does (it reads a feed, it holds a connection), and it can fail, or get stuck in
   something that it does not come back from. Nobody is there to notice; so somebody must be.

       steward_run ---- starts ----> ward        beats: steward_beat, at least once every s.timeout
         |   ^  '<------ beats -------' |
         |   '------- what it returned -'        0: the work is done; else, or silence: cancel, wait for its end, pause, start another

     static int listen_to(conc_ctx *ctx, struct steward_pulse *pulse, struct feed *feed) {
         while (read_some(ctx, feed)) steward_beat(pulse);
         return conc_ctx_err(ctx) == CONC_OK ? -EIO : conc_ctx_cause(ctx);
     }

     struct steward s;
     if (steward_init(&s, 10 * CONC_SEC) != CONC_OK) ...
     int err = steward_run(&s, ctx, listen_to, &feed);       // an ordinary call; go and conc_wg_go make it a goroutine of its own
     steward_free(&s);

   Goroutines: one ward at a time. steward_run returns when a ward has returned 0, when ctx has ended, or when the restarts are used up.
   The ward's context is a child of ctx; it ends before the next ward is started.

   A ward that does not listen: nobody can end a goroutine from outside. After s.grace it counts as stuck; no other is started while more
   than s.most_stuck wards are (0: so there are never two at once, and the steward waits until the stuck one ends, or ctx does).
   With most_stuck > 0 others take its place while it still holds its argument, so that must bear it. steward_run does not wait for
   the stuck when it returns; steward_free does, as long as it takes.

   Error: a ward's error, conc_exit (CONC_CANCELED) and silence (CONC_TIMEOUT) are failures. The pause before the next ward is s.backoff, then
   twice as long each time up to s.backoff_max, and s.backoff again after a ward that has lived longer than s.backoff_max. Cancel:
   an error that the ward returns after ctx has ended is not a failure. 0 always means that the work is done: a ward that ends because
   its context has returns something else. Consumer gone: there is none.

   Stewards of stewards: a ward may be a steward itself: it sets its s.pulse to the pulse it was given, and steward_run beats there whenever its
   own ward does and at every step of its own. The outer timeout must be longer than the inner timeout, grace and longest pause.

   Who owns what: the steward is yours and stays where it is until steward_free; so does what the argument points to. steward_run is for one
   goroutine or thread at a time; steward_get_stats for any.

   Source: "Concurrency in Go", chapter 5, "Healing Unhealthy Goroutines". Its steward restarts at once, for ever, and forgets wards that do not
   end; the pause and the limit are those of Erlang's supervisors and of every init. */
#ifndef STEWARD_H
#define STEWARD_H

#include "conc.h"

#include <stdlib.h>

struct steward_pulse { conc_chan(char) steward__beats; }; /* one beat has room */

struct steward_stats {
    size_t started;  /* wards, the first one too */
    size_t silent;   /* of those: were cancelled for want of a beat */
    size_t stuck;    /* have been told to end and given up on, and still run */
    int error;       /* of the last one that failed; 0: none has */
};

struct steward {
    /* to be set between steward_init and steward_run */
    int64_t timeout;      /* silence that is a failure */
    int64_t grace;        /* how long a ward that was cancelled may take to end; one second */
    int64_t backoff;      /* the first pause, 10 ms */
    int64_t backoff_max;  /* the longest, 10 seconds */
    size_t most_restarts; /* without limit */
    size_t most_stuck;    /* 0 */
    struct steward_pulse *pulse; /* of a steward that is a ward itself; NULL */
    /* private; the mutex guards what follows */
    conc_mutex steward__mutex;
    conc_cond steward__ended; /* a stuck ward has */
    struct steward_stats steward__stats;
    conc_wg steward__running;
};

struct steward__ward {
    void (*fn)(void); /* really int (*)(conc_ctx *, struct steward_pulse *, T *) */
    void *arg;
    struct steward *of;
    conc_ctx *ctx;
    struct steward_pulse pulse;
    conc_chan(int) ended; /* what it returned; it has room */
    int err;
    bool stuck, over;     /* with the steward's mutex: whoever comes second frees it */
};

/* A steward for wards that give a sign of life at least every timeout ns (CONC_FOREVER: they need not). Never fails; a status as its
   kin have. */
static inline conc_status steward_init(struct steward *s, int64_t timeout) {
    const conc_mutex mutex = CONC_MUTEX_INIT;
    const conc_cond cond = CONC_COND_INIT;
    const conc_wg wg = CONC_WG_INIT;
    const struct steward_stats none = { 0, 0, 0, 0 };
    s->timeout = timeout;
    s->grace = CONC_SEC;
    s->backoff = 10 * CONC_MS;
    s->backoff_max = 10 * CONC_SEC;
    s->most_restarts = SIZE_MAX;
    s->most_stuck = 0;
    s->pulse = NULL;
    s->steward__mutex = mutex;
    s->steward__ended = cond;
    s->steward__stats = none;
    s->steward__running = wg;
    return CONC_OK;
}

/* Wait for wards that are stuck, as long as it takes. steward_run has returned. */
static inline void steward_free(struct steward *s) { conc_wg_wait(&s->steward__running); }

/* A ward's sign of life. Never blocks. */
static inline void steward_beat(struct steward_pulse *pulse) { (void)conc_chan_try_send(pulse->steward__beats, 0); }

/* A snapshot. Any goroutine or thread. */
static inline struct steward_stats steward_get_stats(struct steward *s) {
    conc_mutex_lock(&s->steward__mutex);
    struct steward_stats stats = s->steward__stats;
    conc_mutex_unlock(&s->steward__mutex);
    return stats;
}

/* ---- a ward ---- */

static inline void steward__free_ward(struct steward__ward *w) {
    conc_ctx_free(w->ctx);
    conc_chan_free(w->pulse.steward__beats), conc_chan_free(w->ended);
    free(w);
}

#ifdef __clang__
__attribute__((no_sanitize("function"))) /* T * and void * are passed alike; steward_run has checked T */
#endif
static inline int steward__call(struct steward__ward *w) {
    return ((int (*)(conc_ctx *, struct steward_pulse *, void *))w->fn)(w->ctx, &w->pulse, w->arg);
}

static inline void steward__end(void *arg) { /* at the end of the ward's goroutine, also by conc_exit */
    struct steward__ward *w = (struct steward__ward *)arg;
    struct steward *s = w->of;
    conc_mutex_lock(&s->steward__mutex);
    bool stuck = w->stuck;
    w->over = true;
    if (stuck) s->steward__stats.stuck--, conc_cond_broadcast(&s->steward__ended);
    else conc_chan_send(w->ended, w->err); /* has room; with the mutex, so that nobody frees it meanwhile */
    conc_mutex_unlock(&s->steward__mutex);
    if (stuck) steward__free_ward(w);
}
static inline void steward__main(struct steward__ward *w) {
    w->err = (int)conc_on_exit(steward__end, w);
    if (w->err != CONC_OK) { /* no memory: do not begin what could not be watched */
        steward__end(w);
        return;
    }
    w->err = CONC_CANCELED; /* unless it returns */
    w->err = steward__call(w);
}

static inline struct steward__ward *steward__start(struct steward *s, conc_ctx *ctx, void (*fn)(void), void *arg) {
    struct steward__ward *w = (struct steward__ward *)malloc(sizeof *w);
    if (w == NULL) return NULL;
    w->fn = fn;
    w->arg = arg;
    w->of = s;
    w->ctx = conc_ctx_with_cancel(ctx != NULL ? ctx : conc_ctx_background());
    w->pulse.steward__beats = conc_chan_make(char, 1);
    w->ended = conc_chan_make(int, 1);
    w->err = 0;
    w->stuck = w->over = false;
    if (w->ctx == NULL || w->pulse.steward__beats == NULL || w->ended == NULL) {
        steward__free_ward(w);
        return NULL;
    }
    conc_mutex_lock(&s->steward__mutex);
    s->steward__stats.started++;
    conc_mutex_unlock(&s->steward__mutex);
    conc_wg_go(&s->steward__running, steward__main, w);
    return w;
}

/* ---- the steward ---- */

/* Until the ward has ended (true, *err is what it returned), was silent for too long, or ctx has ended. */
static inline bool steward__watch(struct steward *s, struct steward__ward *w, conc_ctx *ctx, int *err) {
    enum { ENDED, DONE, BEAT, SILENCE };
    char none;
    for (;;) {
        if (s->pulse != NULL) steward_beat(s->pulse);
        conc_case c[] = { conc_case_recv(w->ended, err), conc_case_done(ctx), conc_case_recv(w->pulse.steward__beats, &none),
                          conc_case_timeout(s->timeout) };
        int got = conc_select_ordered_n(c, s->timeout == CONC_FOREVER ? 3 : 4);
        if (got == SILENCE) {
            *err = CONC_TIMEOUT;
            conc_mutex_lock(&s->steward__mutex);
            s->steward__stats.silent++;
            conc_mutex_unlock(&s->steward__mutex);
        }
        if (got != BEAT) return got == ENDED;
    }
}

/* Tell it to end, and give it the time to: if it gets its work done in that time, *err is 0. Afterwards w is not the steward's. */
static inline void steward__dismiss(struct steward *s, struct steward__ward *w, bool ended, int *err) {
    int late;
    conc_ctx_cancel(w->ctx);
    if (!ended && conc_chan_recv_for(w->ended, &late, s->grace) == CONC_OK && late == 0) *err = 0;
    conc_mutex_lock(&s->steward__mutex);
    bool over = w->over;
    if (!over) w->stuck = true, s->steward__stats.stuck++;
    conc_mutex_unlock(&s->steward__mutex);
    if (over) steward__free_ward(w);
}

/* A ward has failed: pause, and until not too many are stuck. Why ctx ended, if it did. */
static inline conc_status steward__recover(struct steward *s, conc_ctx *ctx, int64_t pause) {
    if (s->pulse != NULL) steward_beat(s->pulse);
    conc_status err = conc_sleep_ctx(ctx, pause);
    conc_mutex_lock(&s->steward__mutex);
    while (err == CONC_OK && s->steward__stats.stuck > s->most_stuck) err = conc_cond_wait_ctx(&s->steward__ended, &s->steward__mutex, ctx);
    conc_mutex_unlock(&s->steward__mutex);
    return err;
}

/* One ward, from its start to its end. */
static inline int steward__one(struct steward *s, conc_ctx *ctx, void (*fn)(void), void *arg) {
    int err = CONC_NO_MEMORY;
    struct steward__ward *w = steward__start(s, ctx, fn, arg);
    if (w != NULL) {
        bool ended = steward__watch(s, w, ctx, &err);
        steward__dismiss(s, w, ended, &err);
    }
    if (err != 0 && conc_ctx_err(ctx) == CONC_OK) {
        conc_mutex_lock(&s->steward__mutex);
        s->steward__stats.error = err;
        conc_mutex_unlock(&s->steward__mutex);
    }
    return err;
}

static inline int steward__run(struct steward *s, conc_ctx *ctx, void (*fn)(void), void *arg) {
    int64_t pause = s->backoff;
    for (size_t restarts = 0;; restarts++) {
        if (conc_ctx_err(ctx) != CONC_OK) return (int)conc_ctx_err(ctx);
        int64_t began = conc_now();
        int err = steward__one(s, ctx, fn, arg);
        if (conc_ctx_err(ctx) != CONC_OK && err != 0) return (int)conc_ctx_err(ctx);
        if (err == 0 || restarts == s->most_restarts) return err;
        if (conc_now() - began > s->backoff_max) pause = s->backoff; /* that one was well for a while */
        if (steward__recover(s, ctx, pause) != CONC_OK) return (int)conc_ctx_err(ctx);
        pause = 2 * pause < s->backoff_max ? 2 * pause : s->backoff_max;
    }
}

/* steward_run(s, ctx, ward, arg)   run  int ward(conc_ctx *ctx, struct steward_pulse *pulse, T *arg)  and look after it. 0: a ward has returned
                           0. CONC_CANCELED, CONC_TIMEOUT: ctx (NULL: never) has ended, if that was before. Else the restarts are used up, and it
                           is the last ward's failure: its error, CONC_CANCELED (conc_exit), CONC_TIMEOUT (silence), CONC_NO_MEMORY. */
#ifndef __cplusplus
#define steward_run(s, ctx, ward, ...) \
    ((void)sizeof(struct { _Static_assert(_Generic((ward)((conc_ctx *)0, (struct steward_pulse *)0, (__VA_ARGS__)), int: 1, default: 0), \
        "steward_run: a ward is int ward(conc_ctx *ctx, struct steward_pulse *pulse, T *arg)"); int steward__; }), \
     steward__run((s), (ctx), (void (*)(void))(ward), (void *)(uintptr_t)(__VA_ARGS__)))
#else
template <class T> struct steward__same { typedef T type; };
template <class T>
static inline int steward_run(struct steward *s, conc_ctx *ctx, int (*ward)(conc_ctx *, struct steward_pulse *, T *),
                              typename steward__same<T>::type *arg) {
    return steward__run(s, ctx, reinterpret_cast<void (*)(void)>(ward), const_cast<void *>(static_cast<const volatile void *>(arg)));
}
template <class S> static inline int steward_run(S *, conc_ctx *, ...) {
    static_assert(sizeof(S) == 0, "steward_run: a ward is int ward(conc_ctx *ctx, struct steward_pulse *pulse, T *arg)");
    return 0;
}
#endif

#endif
