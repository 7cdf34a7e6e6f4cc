/* throttle.h - run something at most once in so long, however often it is asked for. For conc.h; copy this file beside it.

   Problem: events come faster than it makes sense to act on them: redraw a progress bar, save a position, report a state. Each must
   be acted on soon, but one run serves all that came before it.

       events   ||||||||||||||||||||||||             |
       runs     L       R       R       R            L              leading: at once, if the last run was so long ago
                <-- ns -><-- ns ><-- ns >                           trailing: else when it will have been

     static void redraw(struct screen *s) { ... }                       // in the throttle's goroutine, one run at a time

     struct throttle t;
     throttle_init(&t, 50 * CONC_MS, redraw, &screen);
     throttle_event(&t);                                                // from anywhere; never blocks
     throttle_flush(&t, ctx);                                           // run now what is owed: the last state is on the screen
     throttle_free(&t);

   When the goroutine stops: there is one, from throttle_init until throttle_free, which waits for it. What is still owed then is not
   run: flush first if it must be.

   Cancel: throttle_cancel forgets what is owed. A flush that waits ends with its context (NULL: never). Error: fn has none to
   return; it keeps its own in what arg points to. There is no consumer that could be gone. A run that takes longer than ns is
   followed at once by the next, if one is owed.

   Who owns what: the struct is yours and stays where it is until throttle_free; what arg points to is yours and must live as long,
   and so must a lock for it: fn runs beside those who cause the events. fn may call throttle_event and throttle_cancel, but
   not flush, free or conc_exit. Any goroutine or thread may call everything else here.

   Source: throttle of lodash, with its leading and trailing; in Go, a ticker in a select with the events. A throttle lets events
   go; take rate.h where each must happen, debounce.h where only the end of a burst counts. */
#ifndef THROTTLE_H
#define THROTTLE_H

#include "conc.h"

struct throttle {
    /* to be set between throttle_init and the first event */
    bool leading;  /* run at once if the last run began at least ns ago; else such an event waits ns, too; true */
    bool trailing; /* events that come sooner are served by a run when ns have passed; else they are dropped; true */
    /* private; the mutex guards all of it, and is not held while fn runs */
    conc_mutex throttle__mutex;
    conc_cond throttle__changed, throttle__served;
    void (*throttle__fn)(void); /* really void (*)(T *) */
    void *throttle__arg;
    int64_t throttle__ns;
    bool throttle__owed, throttle__stopped;
    int64_t throttle__due;  /* owed: when fn is to run */
    int64_t throttle__next; /* the last run was so long ago from then on */
    uint64_t throttle__begun, throttle__ended, throttle__forgotten; /* runs, and cancels */
    conc_wg throttle__running;
};

#ifdef __clang__
__attribute__((no_sanitize("function"))) /* T * and void * are passed alike; the macros below have checked T */
#endif
static inline void throttle__call(const struct throttle *t) { ((void (*)(void *))t->throttle__fn)(t->throttle__arg); }

static inline int64_t throttle__add(int64_t t, int64_t ns) { return ns > INT64_MAX - t ? INT64_MAX : t + ns; }

/* With the mutex, which it leaves meanwhile. */
static inline void throttle__run(struct throttle *t) {
    t->throttle__owed = false;
    t->throttle__next = throttle__add(conc_now(), t->throttle__ns);
    t->throttle__begun++;
    conc_mutex_unlock(&t->throttle__mutex);
    throttle__call(t);
    conc_mutex_lock(&t->throttle__mutex);
    t->throttle__ended++;
    conc_cond_broadcast(&t->throttle__served);
}

static inline void throttle__main(struct throttle *t) {
    conc_mutex_lock(&t->throttle__mutex);
    while (!t->throttle__stopped) {
        int64_t now = conc_now();
        if (!t->throttle__owed) conc_cond_wait(&t->throttle__changed, &t->throttle__mutex);
        else if (t->throttle__due > now) (void)conc_cond_wait_for(&t->throttle__changed, &t->throttle__mutex, t->throttle__due - now);
        else throttle__run(t);
    }
    conc_mutex_unlock(&t->throttle__mutex);
}

/* throttle_init(t, ns, fn, arg)   make a throttle for  void fn(T *arg)  and start its goroutine. No memory for that ends the program. */
static inline void throttle__init(struct throttle *t, int64_t ns, void (*fn)(void), void *arg) {
    const conc_mutex mutex = CONC_MUTEX_INIT;
    const conc_cond cond = CONC_COND_INIT;
    const conc_wg wg = CONC_WG_INIT;
    if (ns < 0) conc_panic("throttle_init: a negative time");
    t->leading = t->trailing = true;
    t->throttle__mutex = mutex;
    t->throttle__changed = t->throttle__served = cond;
    t->throttle__fn = fn;
    t->throttle__arg = arg;
    t->throttle__ns = ns;
    t->throttle__owed = t->throttle__stopped = false;
    t->throttle__due = t->throttle__next = INT64_MIN;
    t->throttle__begun = t->throttle__ended = t->throttle__forgotten = 0;
    t->throttle__running = wg;
    conc_wg_go(&t->throttle__running, throttle__main, t);
}
#ifndef __cplusplus
#define throttle_init(t, ns, fn, ...) \
    ((void)sizeof(struct { _Static_assert(__builtin_types_compatible_p(__typeof__((fn)(__VA_ARGS__)), void), \
        "throttle_init: the function is void fn(T *arg)"); int throttle__; }), \
     throttle__init((t), (ns), (void (*)(void))(fn), (void *)(uintptr_t)(__VA_ARGS__)))
#else
template <class T> struct throttle__same { typedef T type; };
template <class T>
static inline void throttle_init(struct throttle *t, int64_t ns, void (*fn)(T *), typename throttle__same<T>::type *arg) {
    throttle__init(t, ns, reinterpret_cast<void (*)(void)>(fn), const_cast<void *>(static_cast<const volatile void *>(arg)));
}
#endif

/* An event has happened. -> a run that begins after this call serves it; false: it came too soon, and trailing is off. Never blocks. */
static inline bool throttle_event(struct throttle *t) {
    conc_mutex_lock(&t->throttle__mutex);
    if (!t->leading && !t->trailing) conc_panic("throttle_event: neither leading nor trailing: nothing would ever run");
    int64_t now = conc_now();
    bool soon = now < t->throttle__next;
    bool owes = !t->throttle__owed && (!soon || t->trailing);
    if (owes) {
        t->throttle__owed = true;
        t->throttle__due = soon ? t->throttle__next : t->leading ? now : throttle__add(now, t->throttle__ns);
        conc_cond_signal(&t->throttle__changed);
    }
    bool served = t->throttle__owed;
    conc_mutex_unlock(&t->throttle__mutex);
    return served;
}

/* Forget what is owed. -> was there anything? A run that has begun goes on. */
static inline bool throttle_cancel(struct throttle *t) {
    conc_mutex_lock(&t->throttle__mutex);
    bool any = t->throttle__owed;
    t->throttle__owed = false;
    t->throttle__forgotten++;
    conc_cond_broadcast(&t->throttle__served);
    conc_mutex_unlock(&t->throttle__mutex);
    return any;
}

/* Run now what is owed, and wait until every event before this call is served (or cancelled): CONC_OK; or why ctx ended first. */
static inline conc_status throttle_flush(struct throttle *t, conc_ctx *ctx) {
    conc_status err = CONC_OK;
    conc_mutex_lock(&t->throttle__mutex);
    uint64_t begun = t->throttle__begun, forgotten = t->throttle__forgotten, owed = begun + t->throttle__owed;
    t->throttle__due = INT64_MIN;
    conc_cond_signal(&t->throttle__changed);
    while (err == CONC_OK && t->throttle__ended < (t->throttle__forgotten == forgotten ? owed : begun))
        err = conc_cond_wait_ctx(&t->throttle__served, &t->throttle__mutex, ctx);
    conc_mutex_unlock(&t->throttle__mutex);
    return err;
}

/* Forget what is owed, and wait until the goroutine has ended. No other call may be under way, and none may follow. */
static inline void throttle_free(struct throttle *t) {
    conc_mutex_lock(&t->throttle__mutex);
    t->throttle__stopped = true;
    conc_cond_signal(&t->throttle__changed);
    conc_mutex_unlock(&t->throttle__mutex);
    conc_wg_wait(&t->throttle__running);
}

#endif
