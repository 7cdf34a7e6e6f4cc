/* breaker.h - stop calling what keeps failing, and find out gently when it is well again. Circuit breaker. For conc.h; copy this file
   beside it.

   Problem: a service is down. Every request that needs it waits for its time limit, holds memory and a connection meanwhile, and keeps the
   service from coming up again. Most would rather hear at once that it will not work.

                       too many failures                cooldown is over
          CLOSED -------------------------> OPEN ---------------------------> HALF OPEN
          all calls go through              no call goes through              a few go through: probes
             ^                                ^                                  |        |
             '--------------------------------+--- enough of them succeed -------'        |
                                              '--- one of them fails --------------------'

     struct breaker b;
     breaker_init(&b);
     b.failures = 5;                                     // open after five failures in a row
     int err = breaker_call(&b, ctx, fetch, &page);      // what fetch returned, or BREAKER_REFUSED without having called it

     struct breaker_pass pass = breaker_begin(&b);       // or around any code of yours
     if (pass.ok) { err = fetch(ctx, &page); breaker_end(&b, pass, err == 0 ? BREAKER_SUCCESS : BREAKER_FAILURE); }

   Goroutines: none, and no timer: the state is looked at, with the time, when somebody calls.

   Cancel: a call whose context was cancelled says nothing about the service and is not counted; one that ran out of time is a failure.
   Error: b.is_failure, if set, says which results are failures; otherwise all but 0 are. A result that comes after the state has
   changed is not counted in the new one. A probe that does not come back (it hangs, its goroutine has ended by conc_exit, or
   somebody forgot breaker_end) does not hold its place for ever: after one cooldown without a new probe, others are let through.

   Who owns what: the struct is yours and stays where it is while it is used; nothing is allocated, nothing needs freeing. Any number of
   goroutines and threads may use it at once; settings are to be made before the first call. No lock is held while your function runs.

   Source: the circuit breaker of M. Nygard, "Release It!"; generations, counts and on_change as in Go's sony/gobreaker. */
#ifndef BREAKER_H
#define BREAKER_H

#include "conc.h"

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };
enum breaker_result { BREAKER_SUCCESS, BREAKER_FAILURE, BREAKER_IGNORE /* neither: only the probe's place is given back */ };
enum { BREAKER_REFUSED = CONC_WOULD_BLOCK }; /* what breaker_call returns if it has not called */

struct breaker_counts { /* since the state began; when closed: since the window did */
    unsigned passed, succeeded, failed;
    unsigned in_a_row; /* failures since the last success */
};
struct breaker_change { enum breaker_state from, to; struct breaker_counts counts; /* those of the state that ends */ };

struct breaker {
    /* to be set between breaker_init and the first call */
    unsigned failures;            /* open after so many in a row; 0: never for that. 5 */
    double ratio;                 /* open when this part of the calls in a window has failed, 0 to 1; 0: never for that. 0 */
    unsigned at_least;            /* but not before so many have come back. 10 */
    int64_t window;               /* ns after which a closed breaker begins to count anew; CONC_FOREVER: never. 10 s */
    int64_t cooldown;             /* ns that it stays open before it lets probes through. 1 s */
    unsigned probes;              /* at most so many at once, and so many must succeed to close it; at least 1. 1 */
    bool (*is_failure)(int err);  /* NULL: err != 0 */
    /* private */
    conc_mutex breaker__mutex; /* guards the rest */
    enum breaker_state breaker__state;
    uint64_t breaker__generation; /* one for each state and window */
    int64_t breaker__until;       /* when the window, the cooldown or the patience with the probes is over */
    struct breaker_counts breaker__counts;
    unsigned breaker__probing;
    void (*breaker__tell)(void); /* really void (*)(T *, struct breaker_change) */
    void *breaker__who;
};

struct breaker_pass { bool ok; uint64_t breaker__generation; };

static inline int64_t breaker__after(int64_t now, int64_t ns) { return ns < CONC_FOREVER - now ? now + ns : CONC_FOREVER; }

/* With the mutex: a new generation, with counts at zero, in the same state or another. */
static inline void breaker__renew(struct breaker *b, int64_t now) {
    const struct breaker_counts none = { 0, 0, 0, 0 };
    b->breaker__generation++;
    b->breaker__counts = none;
    b->breaker__probing = 0;
    b->breaker__until = breaker__after(now, b->breaker__state == BREAKER_CLOSED ? b->window : b->cooldown);
}

#ifdef __clang__
__attribute__((no_sanitize("function"))) /* T * and void * are passed alike; breaker_on_change has checked T */
#endif
static inline void breaker__report(struct breaker *b, struct breaker_change c) {
    ((void (*)(void *, struct breaker_change))b->breaker__tell)(b->breaker__who, c);
}
static inline void breaker__to(struct breaker *b, enum breaker_state to, int64_t now) { /* with the mutex */
    const struct breaker_change c = { b->breaker__state, to, b->breaker__counts };
    b->breaker__state = to;
    breaker__renew(b, now);
    if (b->breaker__tell != NULL) breaker__report(b, c);
}

/* With the mutex: what time has changed. */
static inline void breaker__look(struct breaker *b, int64_t now) {
    if (b->breaker__generation == 0) breaker__renew(b, now); /* the first call: the settings are made by now */
    if (now < b->breaker__until) return;
    if (b->breaker__state == BREAKER_OPEN) breaker__to(b, BREAKER_HALF_OPEN, now);
    else if (b->breaker__state == BREAKER_CLOSED) breaker__renew(b, now); /* the window is over */
    else b->breaker__probing = 0; /* no probe for so long: their places are free, though a late result still counts */
}

/* Make a closed breaker with the settings that the struct's comments name. Cannot fail. */
static inline void breaker_init(struct breaker *b) {
    const conc_mutex mutex = CONC_MUTEX_INIT;
    const struct breaker_counts none = { 0, 0, 0, 0 };
    b->failures = 5;
    b->ratio = 0;
    b->at_least = 10;
    b->window = 10 * CONC_SEC;
    b->cooldown = CONC_SEC;
    b->probes = 1;
    b->is_failure = NULL;
    b->breaker__mutex = mutex;
    b->breaker__state = BREAKER_CLOSED;
    b->breaker__generation = 0;
    b->breaker__until = 0;
    b->breaker__counts = none;
    b->breaker__probing = 0;
    b->breaker__tell = NULL;
    b->breaker__who = NULL;
}

/* May a call be made now? If pass.ok: yes, and breaker_end must be told how it went. Never blocks. */
static inline struct breaker_pass breaker_begin(struct breaker *b) {
    struct breaker_pass pass = { false, 0 };
    conc_mutex_lock(&b->breaker__mutex);
    int64_t now = conc_now();
    if (b->probes == 0) conc_panic("breaker: probes must be at least 1");
    breaker__look(b, now);
    pass.breaker__generation = b->breaker__generation;
    pass.ok = b->breaker__state == BREAKER_CLOSED ||
              (b->breaker__state == BREAKER_HALF_OPEN && b->breaker__probing + b->breaker__counts.succeeded < b->probes);
    if (pass.ok) {
        b->breaker__counts.passed++;
        if (b->breaker__state == BREAKER_HALF_OPEN) b->breaker__probing++, b->breaker__until = breaker__after(now, b->cooldown);
    }
    conc_mutex_unlock(&b->breaker__mutex);
    return pass;
}

/* With the mutex: is it bad enough to open? */
static inline bool breaker__trips(const struct breaker *b) {
    const struct breaker_counts *n = &b->breaker__counts;
    unsigned done = n->succeeded + n->failed;
    if (b->breaker__state == BREAKER_HALF_OPEN) return n->failed > 0;
    return (b->failures != 0 && n->in_a_row >= b->failures) ||
           (b->ratio > 0 && done >= b->at_least && (double)n->failed >= b->ratio * (double)done);
}

/* How a call that was let through has ended; exactly once for each pass that was ok. */
static inline void breaker_end(struct breaker *b, struct breaker_pass pass, enum breaker_result result) {
    if (!pass.ok) conc_panic("breaker_end: this call was refused");
    conc_mutex_lock(&b->breaker__mutex);
    int64_t now = conc_now();
    breaker__look(b, now);
    if (pass.breaker__generation == b->breaker__generation) { /* else it belongs to what is over */
        struct breaker_counts *n = &b->breaker__counts;
        if (b->breaker__probing > 0) b->breaker__probing--;
        if (result == BREAKER_SUCCESS) n->succeeded++, n->in_a_row = 0;
        if (result == BREAKER_FAILURE) n->failed++, n->in_a_row++;
        if (breaker__trips(b)) breaker__to(b, BREAKER_OPEN, now);
        else if (b->breaker__state == BREAKER_HALF_OPEN && n->succeeded >= b->probes) breaker__to(b, BREAKER_CLOSED, now);
    }
    conc_mutex_unlock(&b->breaker__mutex);
}

/* The state, as a call made now would find it. */
static inline enum breaker_state breaker_get_state(struct breaker *b) {
    conc_mutex_lock(&b->breaker__mutex);
    breaker__look(b, conc_now());
    enum breaker_state state = b->breaker__state;
    conc_mutex_unlock(&b->breaker__mutex);
    return state;
}
static inline struct breaker_counts breaker_get_counts(struct breaker *b) {
    conc_mutex_lock(&b->breaker__mutex);
    breaker__look(b, conc_now());
    struct breaker_counts counts = b->breaker__counts;
    conc_mutex_unlock(&b->breaker__mutex);
    return counts;
}

static inline void breaker__set_tell(struct breaker *b, void (*fn)(void), void *arg) {
    conc_mutex_lock(&b->breaker__mutex);
    b->breaker__tell = fn;
    b->breaker__who = arg;
    conc_mutex_unlock(&b->breaker__mutex);
}

#ifdef __clang__
__attribute__((no_sanitize("function"))) /* as above; breaker_call has checked T */
#endif
static inline int breaker__run(void (*fn)(void), conc_ctx *ctx, void *arg) { return ((int (*)(conc_ctx *, void *))fn)(ctx, arg); }

static inline int breaker__call(struct breaker *b, conc_ctx *ctx, void (*fn)(void), void *arg) {
    if (conc_ctx_err(ctx) != CONC_OK) return (int)conc_ctx_err(ctx);
    struct breaker_pass pass = breaker_begin(b);
    if (!pass.ok) return BREAKER_REFUSED;
    int err = breaker__run(fn, ctx, arg);
    bool bad = b->is_failure != NULL ? b->is_failure(err) : err != 0;
    breaker_end(b, pass, !bad ? BREAKER_SUCCESS : conc_ctx_err(ctx) == CONC_CANCELED ? BREAKER_IGNORE : BREAKER_FAILURE);
    return err;
}

/* breaker_call(b, ctx, fn, arg)     call  int fn(conc_ctx *ctx, T *arg)  in this goroutine and return its result, if the breaker lets it through;
                                     else BREAKER_REFUSED. ctx has ended before: conc_ctx_err(ctx), and nothing is counted
   breaker_on_change(b, fn, arg)     from now on call  void fn(T *arg, struct breaker_change change)  whenever the state changes, one change
                                     after another, in the goroutine that finds it, with the breaker locked: be short, do not call it */
#ifndef __cplusplus
#define breaker_call(b, ctx, fn, ...) \
    ((void)sizeof(struct { _Static_assert(_Generic((fn)((conc_ctx *)0, (__VA_ARGS__)), int: 1, default: 0), \
        "breaker_call: what is called is int fn(conc_ctx *ctx, T *arg)"); int breaker__; }), \
     breaker__call((b), (ctx), (void (*)(void))(fn), (void *)(uintptr_t)(__VA_ARGS__)))
#define breaker_on_change(b, fn, ...) \
    ((void)sizeof((void)(fn)((__VA_ARGS__), (struct breaker_change){ BREAKER_CLOSED, BREAKER_OPEN, { 0, 0, 0, 0 } }), 0), \
     breaker__set_tell((b), (void (*)(void))(fn), (void *)(uintptr_t)(__VA_ARGS__)))
#else
template <class T> struct breaker__same { typedef T type; };
template <class T> static inline void *breaker__arg(T *arg) { return const_cast<void *>(static_cast<const volatile void *>(arg)); }
template <class T>
static inline int breaker_call(struct breaker *b, conc_ctx *ctx, int (*fn)(conc_ctx *, T *), typename breaker__same<T>::type *arg) {
    return breaker__call(b, ctx, reinterpret_cast<void (*)(void)>(fn), breaker__arg<T>(arg));
}
template <class B> static inline int breaker_call(B *, conc_ctx *, ...) {
    static_assert(sizeof(B) == 0, "breaker_call: what is called is int fn(conc_ctx *ctx, T *arg)");
    return 0;
}
template <class T>
static inline void breaker_on_change(struct breaker *b, void (*fn)(T *, struct breaker_change), typename breaker__same<T>::type *arg) {
    breaker__set_tell(b, reinterpret_cast<void (*)(void)>(fn), breaker__arg<T>(arg));
}
#endif

/* The text of a state: a constant string. */
static inline const char *breaker_strstate(enum breaker_state state) {
    static const char *const text[] = { "closed", "open", "half open" };
    return (size_t)state < sizeof text / sizeof *text ? text[state] : "unknown state";
}

#endif
