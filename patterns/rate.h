/* rate.h - so many events a second, with bursts: a token bucket. For conc.h; copy this file beside it.

   Problem: a service allows so many calls a second, a log so many lines, a disk so many bytes; whoever is faster must wait, be
   turned away, or be told when to come back.

         limit tokens a second                          allow: a token now, or false
       ------------------------> [ bucket: burst ] ---> reserve: one later if not now, and how long until then; may be given back
                                                        wait: sleep until then, at most until the context ends

     struct rate l;
     rate_init(&l, 10, 3);                              // 10 a second on average, 3 at once; or rate_every(100 * CONC_MS)
     if (!rate_allow(&l)) return TOO_MANY;              // turn away,
     conc_status err = rate_wait(&l, ctx);              // or wait: CONC_OK, and the event may happen

   Several limits at a time, say 2 a second and 30 a minute, or one's own and the whole machine's:

     struct rate *const both[] = { &per_second, &per_minute };
     struct rate_multi m;
     rate_multi_init(&m, both, 2);
     err = rate_multi_wait(&m, ctx);

   Goroutines: none of its own, so there is none to stop; there is no ticker either. The bucket is filled by arithmetic when it is
   looked at. Waiters sleep, each until a time of its own: first come, first served.

   Cancel: a wait that ends with its context gives its tokens back, and so does rate_cancel; what was reserved after them keeps its
   time, so as many are lost as others have built upon. Error: CONC_TIMEOUT at once when the context's deadline is before the time
   to act, CONC_INVALID when more than the burst is asked for, which no waiting helps.

   Who owns what: the limiter is yours, owns no memory and stays where it is while used. Any goroutine or thread may call anything
   here, but not _init beside another call. A zero-filled limiter lets nothing through. Times are those of conc_now; the _at forms
   are given the time, for tests and for events that have their own clock. A time that goes back adds no tokens.

   Source: golang.org/x/time/rate, whose arithmetic this keeps to the bit (Limiter, Reservation, Sometimes); several limits:
   "Concurrency in Go", chapter 5, where they are waited for one after the other. Here all are reserved at once, so that what
   one refuses costs nothing of the others. */
#ifndef RATE_H
#define RATE_H

#include "conc.h"

#include <float.h>

#define RATE_INF DBL_MAX /* the limit that is none: everything is allowed, whatever the burst */
enum { RATE_MULTI_MAX = 8 };

struct rate { /* private; the mutex guards all of it */
    conc_mutex rate__mutex;
    double rate__limit;
    int64_t rate__burst;
    double rate__tokens;  /* at the time last; below 0: reserved in advance */
    int64_t rate__last;
    int64_t rate__latest; /* when the last of the reserved events may happen */
};

struct rate_reservation {
    bool ok;             /* false: refused; nothing was taken */
    int64_t time_to_act; /* ok: the event may happen from then on, on conc_now's clock */
    /* private */
    struct rate *rate__from;
    int64_t rate__tokens;
    double rate__limit; /* that of the time it was made */
};

struct rate_multi { /* private */
    struct rate *rate__limiters[RATE_MULTI_MAX]; /* the lowest limit first */
    size_t rate__n;
};

/* ---- arithmetic ---- */

static inline double rate__seconds(int64_t ns) { /* in two parts, as Go does it: it rounds otherwise */
    return (double)(ns / CONC_SEC) + (double)(ns % CONC_SEC) / 1e9;
}
/* The limit that has one event every ns nanoseconds; none for ns <= 0. (Every) */
static inline double rate_every(int64_t ns) { return ns <= 0 ? RATE_INF : 1 / rate__seconds(ns); }

static inline int64_t rate__add(int64_t t, int64_t ns) { /* saturating, as Go's times are far from their ends */
    int64_t sum;
    return __builtin_add_overflow(t, ns, &sum) ? (ns < 0 ? INT64_MIN : INT64_MAX) : sum;
}
static inline int64_t rate__since(int64_t t, int64_t then) {
    int64_t ns;
    return __builtin_sub_overflow(t, then, &ns) ? (t < then ? INT64_MIN : INT64_MAX) : ns;
}
static inline double rate__tokens_in(double limit, int64_t ns) {
    return limit <= 0 ? 0 : rate__seconds(ns) * limit;
}
static inline int64_t rate__time_for(double limit, double tokens) {
    if (limit <= 0) return CONC_FOREVER;
    double ns = tokens / limit * (double)CONC_SEC;
    return ns >= (double)INT64_MAX ? CONC_FOREVER : (int64_t)ns;
}
/* With the mutex: the tokens there are at time t. */
static inline double rate__tokens_at(const struct rate *l, int64_t t) {
    int64_t last = t < l->rate__last ? t : l->rate__last;
    double tokens = l->rate__tokens + rate__tokens_in(l->rate__limit, rate__since(t, last));
    return tokens > (double)l->rate__burst ? (double)l->rate__burst : tokens;
}
static inline void rate__settle(struct rate *l, int64_t t) { /* with the mutex: count up to t under the limit and burst so far */
    l->rate__tokens = rate__tokens_at(l, t);
    l->rate__last = t;
}

/* ---- one limiter ---- */

/* Make a limiter of limit events a second (RATE_INF: any number; <= 0: those of the burst and no more) and at most burst at once,
   which it starts with. (NewLimiter) */
static inline void rate_init(struct rate *l, double limit, int64_t burst) {
    const conc_mutex mutex = CONC_MUTEX_INIT;
    l->rate__mutex = mutex;
    l->rate__limit = limit;
    l->rate__burst = burst;
    l->rate__tokens = (double)burst;
    l->rate__last = l->rate__latest = INT64_MIN;
}

static inline struct rate_reservation rate__reserve(struct rate *l, int64_t t, int64_t n, int64_t longest_wait) {
    struct rate_reservation r = { true, t, l, n, 0 };
    if (n < 0) conc_panic("rate: a negative number of events");
    conc_mutex_lock(&l->rate__mutex);
    if (l->rate__limit < RATE_INF) {
        double tokens = rate__tokens_at(l, t) - (double)n;
        int64_t wait = tokens < 0 ? rate__time_for(l->rate__limit, -tokens) : 0;
        r.rate__limit = l->rate__limit;
        r.ok = n <= l->rate__burst && wait <= longest_wait;
        if (r.ok) {
            r.time_to_act = rate__add(t, wait);
            l->rate__tokens = tokens;
            l->rate__last = t;
            l->rate__latest = r.time_to_act;
        }
    }
    conc_mutex_unlock(&l->rate__mutex);
    return r;
}

/* May n events happen now? If so, their tokens are taken. Never waits. (AllowN) */
static inline bool rate_allow_at(struct rate *l, int64_t t, int64_t n) { return rate__reserve(l, t, n, 0).ok; }
static inline bool rate_allow_n(struct rate *l, int64_t n) { return rate_allow_at(l, conc_now(), n); }
static inline bool rate_allow(struct rate *l) { return rate_allow_n(l, 1); }

/* Take the tokens of n events now, for a time when there are as many: .ok, then sleep rate_delay(&r) and act, or rate_cancel(&r).
   Not .ok: n is more than the burst. Never waits. A copy of r is the same reservation: cancel one of them. (ReserveN) */
static inline struct rate_reservation rate_reserve_at(struct rate *l, int64_t t, int64_t n) {
    return rate__reserve(l, t, n, CONC_FOREVER);
}
static inline struct rate_reservation rate_reserve_n(struct rate *l, int64_t n) { return rate_reserve_at(l, conc_now(), n); }
static inline struct rate_reservation rate_reserve(struct rate *l) { return rate_reserve_n(l, 1); }

/* Nanoseconds from now (from t) until the event may happen; 0: at once; CONC_FOREVER: never, or it was refused. (Delay) */
static inline int64_t rate_delay_from(const struct rate_reservation *r, int64_t t) {
    if (!r->ok || r->time_to_act == INT64_MAX) return CONC_FOREVER;
    return r->time_to_act > t ? rate__since(r->time_to_act, t) : 0;
}
static inline int64_t rate_delay(const struct rate_reservation *r) { return rate_delay_from(r, conc_now()); }

/* The event will not happen: give its tokens back, but for those that later reservations have been told to wait for. After the time to
   act there is nothing to give back. Once for each reservation. (CancelAt) */
static inline void rate_cancel_at(const struct rate_reservation *r, int64_t t) {
    struct rate *l = r->rate__from;
    if (!r->ok || r->rate__tokens == 0 || r->time_to_act < t) return;
    conc_mutex_lock(&l->rate__mutex);
    double back = (double)r->rate__tokens - rate__tokens_in(r->rate__limit, rate__since(l->rate__latest, r->time_to_act));
    if (l->rate__limit < RATE_INF && back > 0) {
        rate__settle(l, t);
        l->rate__tokens += back;
        if (l->rate__tokens > (double)l->rate__burst) l->rate__tokens = (double)l->rate__burst;
        int64_t before = rate__add(r->time_to_act, rate__time_for(r->rate__limit, -(double)r->rate__tokens));
        if (r->time_to_act == l->rate__latest && before >= t) l->rate__latest = before; /* the one before it is the last again */
    }
    conc_mutex_unlock(&l->rate__mutex);
}
static inline void rate_cancel(const struct rate_reservation *r) { rate_cancel_at(r, conc_now()); }

/* Limit and burst, events a second and events. Set: from now on (from t on); what was reserved keeps its time. (SetLimit, SetBurst) */
static inline double rate_get_limit(struct rate *l) {
    conc_mutex_lock(&l->rate__mutex);
    double limit = l->rate__limit;
    conc_mutex_unlock(&l->rate__mutex);
    return limit;
}
static inline int64_t rate_get_burst(struct rate *l) {
    conc_mutex_lock(&l->rate__mutex);
    int64_t burst = l->rate__burst;
    conc_mutex_unlock(&l->rate__mutex);
    return burst;
}
static inline void rate_set_limit_at(struct rate *l, int64_t t, double limit) {
    conc_mutex_lock(&l->rate__mutex);
    rate__settle(l, t);
    l->rate__limit = limit;
    conc_mutex_unlock(&l->rate__mutex);
}
static inline void rate_set_limit(struct rate *l, double limit) { rate_set_limit_at(l, conc_now(), limit); }
static inline void rate_set_burst_at(struct rate *l, int64_t t, int64_t burst) {
    conc_mutex_lock(&l->rate__mutex);
    rate__settle(l, t);
    l->rate__burst = burst;
    conc_mutex_unlock(&l->rate__mutex);
}
static inline void rate_set_burst(struct rate *l, int64_t burst) { rate_set_burst_at(l, conc_now(), burst); }
/* Tokens there are now (at t); below 0: so many are reserved in advance. (TokensAt) */
static inline double rate_get_tokens_at(struct rate *l, int64_t t) {
    conc_mutex_lock(&l->rate__mutex);
    double tokens = rate__tokens_at(l, t);
    conc_mutex_unlock(&l->rate__mutex);
    return tokens;
}
static inline double rate_get_tokens(struct rate *l) { return rate_get_tokens_at(l, conc_now()); }

/* ---- waiting ---- */

static inline bool rate__never(struct rate *l, int64_t n) { /* more than there will ever be at once */
    conc_mutex_lock(&l->rate__mutex);
    bool never = n > l->rate__burst && l->rate__limit < RATE_INF;
    conc_mutex_unlock(&l->rate__mutex);
    return never;
}
static inline int64_t rate__patience(conc_ctx *ctx, int64_t now) {
    int64_t deadline;
    return conc_ctx_deadline(ctx, &deadline) ? rate__since(deadline, now) : CONC_FOREVER;
}

/* Wait until n events may happen: CONC_OK. Else nothing is taken: CONC_INVALID, n is more than the burst; CONC_CANCELED, CONC_TIMEOUT,
   ctx (NULL: never) has ended, or will before they may: then it does not wait at all. (WaitN) */
static inline conc_status rate_wait_n(struct rate *l, conc_ctx *ctx, int64_t n) {
    int64_t now = conc_now();
    if (rate__never(l, n)) return CONC_INVALID;
    conc_status err = conc_ctx_err(ctx);
    if (err != CONC_OK) return err;
    struct rate_reservation r = rate__reserve(l, now, n, rate__patience(ctx, now));
    if (!r.ok) return CONC_TIMEOUT;
    int64_t delay = rate_delay_from(&r, now);
    if (delay == 0) return CONC_OK;
    err = conc_sleep_ctx(ctx, delay);
    if (err != CONC_OK) rate_cancel(&r);
    return err;
}
static inline conc_status rate_wait(struct rate *l, conc_ctx *ctx) { return rate_wait_n(l, ctx, 1); }

/* ---- several limiters ---- */

/* An event of m is one of each of these n limiters, 1 to RATE_MULTI_MAX. They are borrowed, and may be used by themselves and in other
   combinations as well; which is the strictest is looked up now. */
static inline void rate_multi_init(struct rate_multi *m, struct rate *const *limiters, size_t n) {
    if (n == 0 || n > RATE_MULTI_MAX) conc_panic("rate_multi_init: 1 to %d limiters, not %zu", (int)RATE_MULTI_MAX, n);
    m->rate__n = n;
    for (size_t i = 0; i < n; i++) { /* by insertion: the strictest, most likely to refuse, is asked first */
        size_t at = i;
        double limit = rate_get_limit(limiters[i]);
        for (; at > 0 && rate_get_limit(m->rate__limiters[at - 1]) > limit; at--) m->rate__limiters[at] = m->rate__limiters[at - 1];
        m->rate__limiters[at] = limiters[i];
    }
}

/* Reserve n events of each, or of none. -> how long until all of them may happen; < 0: refused. */
static inline int64_t rate__multi_reserve(struct rate_multi *m, int64_t t, int64_t n, int64_t patience, struct rate_reservation *r) {
    int64_t longest = 0;
    for (size_t i = 0; i < m->rate__n; i++) {
        r[i] = rate__reserve(m->rate__limiters[i], t, n, patience);
        if (!r[i].ok) {
            while (i > 0) rate_cancel_at(&r[--i], t);
            return -1;
        }
        int64_t delay = rate_delay_from(&r[i], t);
        if (delay > longest) longest = delay;
    }
    return longest;
}

/* The lowest of the limits as they are now. */
static inline double rate_multi_get_limit(struct rate_multi *m) {
    double lowest = RATE_INF;
    for (size_t i = 0; i < m->rate__n; i++) {
        double limit = rate_get_limit(m->rate__limiters[i]);
        if (limit < lowest) lowest = limit;
    }
    return lowest;
}

/* May n events happen now, by all the limiters? As rate_allow_n; a refusal takes nothing of any. */
static inline bool rate_multi_allow_at(struct rate_multi *m, int64_t t, int64_t n) {
    struct rate_reservation r[RATE_MULTI_MAX];
    return rate__multi_reserve(m, t, n, 0, r) == 0;
}
static inline bool rate_multi_allow_n(struct rate_multi *m, int64_t n) { return rate_multi_allow_at(m, conc_now(), n); }
static inline bool rate_multi_allow(struct rate_multi *m) { return rate_multi_allow_n(m, 1); }

/* Wait until n events may happen by all the limiters. As rate_wait_n. */
static inline conc_status rate_multi_wait_n(struct rate_multi *m, conc_ctx *ctx, int64_t n) {
    struct rate_reservation r[RATE_MULTI_MAX];
    int64_t now = conc_now();
    for (size_t i = 0; i < m->rate__n; i++)
        if (rate__never(m->rate__limiters[i], n)) return CONC_INVALID;
    conc_status err = conc_ctx_err(ctx);
    if (err != CONC_OK) return err;
    int64_t delay = rate__multi_reserve(m, now, n, rate__patience(ctx, now), r);
    if (delay < 0) return CONC_TIMEOUT;
    if (delay == 0) return CONC_OK;
    err = conc_sleep_ctx(ctx, delay);
    for (size_t i = 0; i < m->rate__n && err != CONC_OK; i++) rate_cancel(&r[i]);
    return err;
}
static inline conc_status rate_multi_wait(struct rate_multi *m, conc_ctx *ctx) { return rate_multi_wait_n(m, ctx, 1); }

/* ---- something done only sometimes ---- */

/* Which of many calls do something: the first, and each of which one of these says so; 0: that does not. To be set before the first
   call; valid when zero-filled: the first call only. (rate.Sometimes) */
struct rate_sometimes {
    int64_t first;    /* so many at the beginning */
    int64_t every;    /* each that has a multiple of this number, counted from 0 */
    int64_t interval; /* those so long (ns) after the end of the last that did */
    /* private */
    int64_t rate__count, rate__done;
    conc_mutex rate__mutex;
};

#ifdef __clang__
__attribute__((no_sanitize("function"))) /* T * and void * are passed alike; the macros below have checked T */
#endif
static inline void rate__call(void (*fn)(void), void *arg) { ((void (*)(void *))fn)(arg); }

static inline void rate__sometimes(struct rate_sometimes *s, void (*fn)(void), void *arg) {
    conc_mutex_lock(&s->rate__mutex);
    if (s->rate__count == 0 || s->rate__count < s->first || (s->every > 0 && s->rate__count % s->every == 0) ||
        (s->interval > 0 && conc_now() - s->rate__done >= s->interval)) {
        rate__call(fn, arg);
        s->rate__done = conc_now();
    }
    s->rate__count++;
    conc_mutex_unlock(&s->rate__mutex);
}

/* rate_sometimes_do(s, fn, arg)   call  void fn(T *arg)  if it is one of those calls. Others wait while fn runs, so fn must not call
                                   it for the same s, nor end its goroutine by conc_exit. (Sometimes.Do) */
#ifndef __cplusplus
#define rate_sometimes_do(s, fn, ...) \
    ((void)sizeof(struct { _Static_assert(__builtin_types_compatible_p(__typeof__((fn)(__VA_ARGS__)), void), \
        "rate_sometimes_do: the function is void fn(T *arg)"); int rate__; }), \
     rate__sometimes((s), (void (*)(void))(fn), (void *)(uintptr_t)(__VA_ARGS__)))
#else
template <class T> struct rate__same { typedef T type; };
template <class T> static inline void rate_sometimes_do(struct rate_sometimes *s, void (*fn)(T *), typename rate__same<T>::type *arg) {
    rate__sometimes(s, reinterpret_cast<void (*)(void)>(fn), const_cast<void *>(static_cast<const volatile void *>(arg)));
}
#endif

#endif
