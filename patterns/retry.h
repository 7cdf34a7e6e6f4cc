/* retry.h - try again, later each time. Exponential backoff with jitter. For conc.h; copy this file beside it.

   Problem: a call over the network fails now and then, and the next one succeeds. Calling again at once, and all at the same time, is what
   keeps an overloaded server down.

       call -- fails --> wait ~100 ms --> call -- fails --> wait ~200 ms --> call -- fails --> wait ~400 ms --> call ...
       until it succeeds, fails for good (permanent), has been tried often enough, or there is no time left

     struct retry r;
     retry_init(&r, 100 * CONC_MS, 10 * CONC_SEC);       // the first wait, the longest wait
     r.attempts = 5;
     int err = retry_run(&r, ctx, fetch, &page);         // int fetch(conc_ctx *ctx, struct page *page): 0, or an error of its own

     int err;                                            // or around any code of yours, without a function:
     retry_begin(&r);
     do err = fetch(ctx, &page); while (retry_again(&r, ctx, err));

   Goroutines: none; everything happens in the one that calls, which sleeps in between. An OS thread may call, too.

   Cancel: the context ends the wait, and no further try is made. A wait that the context's deadline would cut short is not begun.
   Error: that of the last try; r.end says why there was no other. Only you know which errors are worth a retry: set r.permanent, or
   break out of your loop. Nothing is printed; the loop, or the function that is tried, may.

   Who owns what: the struct is yours, one goroutine or thread at a time uses it, and it may be used again and again. What arg points to is
   yours. Nothing is allocated, nothing needs freeing. What is tried must be harmless if done twice: a request that timed out may have
   been carried out.

   Time and chance are conc_now, conc_sleep_ctx and conc_choose: in a test under the explorer both are the explorer's.

   Source: M. Brooker, "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015), for the three kinds of jitter; the limits are those of
   Go's cenkalti/backoff. */
#ifndef RETRY_H
#define RETRY_H

#include "conc.h"

enum retry_jitter {         /* d doubles (r.factor) from base to max with each try. The wait is ... */
    RETRY_FULL,             /* anything from 0 to d: the least work for everybody */
    RETRY_EQUAL,            /* d/2 and anything from 0 to d/2: never very short */
    RETRY_DECORRELATED,     /* anything from base to three times the last wait, at most max */
    RETRY_NONE              /* d: for a client that is alone, and for tests */
};

enum retry_end {            /* why there was no other try */
    RETRY_OK,               /* the last one succeeded */
    RETRY_PERMANENT,        /* r.permanent said so */
    RETRY_ATTEMPTS,         /* r.attempts */
    RETRY_ELAPSED,          /* the next wait would have gone beyond r.elapsed */
    RETRY_CANCELED          /* the context has ended, or would have during the wait */
};

struct retry {
    /* to be set between retry_init and retry_run or retry_begin */
    int64_t base, max;             /* ns: the first wait, the longest, before jitter */
    double factor;                 /* of one wait to the one before; 2 */
    enum retry_jitter jitter;      /* RETRY_FULL */
    unsigned attempts;             /* tries at most; 0, as retry_init has it: any number */
    int64_t elapsed;               /* ns: no waiting beyond that since the begin; CONC_FOREVER */
    bool (*permanent)(int err);    /* errors that no retry will help; NULL: none */
    /* to be read at any time */
    unsigned tries;                /* made */
    int64_t waited, last_wait;     /* ns: slept in all; what retry_wait returned last */
    enum retry_end end;
    /* private */
    double retry__next;            /* d of the next wait */
    int64_t retry__start;
};

/* Forget what was tried before: r is as after retry_init but keeps its settings. */
static inline void retry_begin(struct retry *r) {
    r->tries = 0;
    r->waited = r->last_wait = 0;
    r->end = RETRY_OK;
    r->retry__next = (double)r->base;
    r->retry__start = conc_now();
}

/* Waits of base ns, doubling up to max ns, with full jitter and without other limits. 0 < base <= max, else the program ends. */
static inline void retry_init(struct retry *r, int64_t base, int64_t max) {
    if (base <= 0 || max < base) conc_panic("retry_init: want 0 < base <= max");
    r->base = base;
    r->max = max;
    r->factor = 2;
    r->jitter = RETRY_FULL;
    r->attempts = 0;
    r->elapsed = CONC_FOREVER;
    r->permanent = NULL;
    retry_begin(r);
}

static inline int64_t retry__ns(double ns, int64_t most) { return ns < (double)most ? (int64_t)ns : most; } /* a double may be beyond int64_t */

/* Any time from low to high, in 10000 steps: enough to spread clients, few enough for the explorer. */
static inline int64_t retry__between(int64_t low, int64_t high) {
    return low + (int64_t)((double)(high - low) * ((double)conc_choose(10001) / 10000));
}

static inline int64_t retry__draw(struct retry *r) {
    int64_t d = retry__ns(r->retry__next, r->max);
    r->retry__next *= r->factor;
    if (r->retry__next > (double)r->max) r->retry__next = (double)r->max;
    switch (r->jitter) {
    case RETRY_FULL: return retry__between(0, d);
    case RETRY_EQUAL: return retry__between(d / 2, d);
    case RETRY_DECORRELATED: return retry__between(r->base, retry__ns(3.0 * (double)(r->last_wait > r->base ? r->last_wait : r->base), r->max));
    case RETRY_NONE: break;
    }
    return d;
}

/* The next wait in ns, for those who do the waiting themselves. retry_again calls it. */
static inline int64_t retry_wait(struct retry *r) { return r->last_wait = retry__draw(r); }

static inline bool retry__stop(struct retry *r, enum retry_end why) { return r->end = why, false; }

/* A try has returned err. true: it failed, and the wait for the next one is over. false: there is to be no other; r->end says why. */
static inline bool retry_again(struct retry *r, conc_ctx *ctx, int err) {
    int64_t deadline = CONC_FOREVER;
    r->tries++;
    if (err == 0) return retry__stop(r, RETRY_OK);
    if (r->permanent != NULL && r->permanent(err)) return retry__stop(r, RETRY_PERMANENT);
    if (conc_ctx_err(ctx) != CONC_OK) return retry__stop(r, RETRY_CANCELED);
    if (r->tries == r->attempts) return retry__stop(r, RETRY_ATTEMPTS);
    int64_t wait = retry_wait(r), now = conc_now();
    if (wait > r->elapsed - (now - r->retry__start)) return retry__stop(r, RETRY_ELAPSED);
    if (conc_ctx_deadline(ctx, &deadline) && wait >= deadline - now) return retry__stop(r, RETRY_CANCELED);
    if (conc_sleep_ctx(ctx, wait) != CONC_OK) return retry__stop(r, RETRY_CANCELED);
    r->waited += wait;
    return true;
}

#ifdef __clang__
__attribute__((no_sanitize("function"))) /* T * and void * are passed alike; retry_run has checked T */
#endif
static inline int retry__call(void (*fn)(void), conc_ctx *ctx, void *arg) { return ((int (*)(conc_ctx *, void *))fn)(ctx, arg); }

static inline int retry__run(struct retry *r, conc_ctx *ctx, void (*fn)(void), void *arg) {
    int err = (int)conc_ctx_err(ctx);
    retry_begin(r);
    if (err != 0) return (void)retry__stop(r, RETRY_CANCELED), err;
    do err = retry__call(fn, ctx, arg);
    while (retry_again(r, ctx, err));
    return err;
}

/* retry_run(r, ctx, fn, arg)    call  int fn(conc_ctx *ctx, T *arg)  until it returns 0 or there is to be no other try; what the last one
                                 returned. If ctx has ended before the first: conc_ctx_err(ctx), and r->tries is 0 */
#ifndef __cplusplus
#define retry_run(r, ctx, fn, ...) \
    ((void)sizeof(struct { _Static_assert(_Generic((fn)((conc_ctx *)0, (__VA_ARGS__)), int: 1, default: 0), \
        "retry_run: what is tried is int fn(conc_ctx *ctx, T *arg)"); int retry__; }), \
     retry__run((r), (ctx), (void (*)(void))(fn), (void *)(uintptr_t)(__VA_ARGS__)))
#else
template <class T> struct retry__same { typedef T type; };
template <class T> static inline int retry_run(struct retry *r, conc_ctx *ctx, int (*fn)(conc_ctx *, T *), typename retry__same<T>::type *arg) {
    return retry__run(r, ctx, reinterpret_cast<void (*)(void)>(fn), const_cast<void *>(static_cast<const volatile void *>(arg)));
}
template <class R> static inline int retry_run(R *, conc_ctx *, ...) {
    static_assert(sizeof(R) == 0, "retry_run: what is tried is int fn(conc_ctx *ctx, T *arg)");
    return 0;
}
#endif

/* The text of why it ended: a constant string. */
static inline const char *retry_strerror(enum retry_end end) {
    static const char *const text[] = { "ok", "permanent error", "too many attempts", "too much time", "context ended" };
    return (size_t)end < sizeof text / sizeof *text ? text[end] : "unknown end";
}

#endif
