/* debounce.h - run something once a burst of events is over. For conc.h; copy this file beside it.

   Problem: events come in bursts (keys typed, files changed, requests to refresh), and what they ask for need only be done once,
   when they have calmed down: save, rebuild, search.

       events   | |  | | ||  |                    |
       runs                     <- wait -> R         <- wait -> R       trailing (the default)
                L                                 L                     leading: at once, and again only after a pause
                <-- max_wait --> R                                      so a burst without end does not put it off for ever

     static void save(struct document *doc) { ... }                     // in the debouncer's goroutine, one run at a time

     struct debounce d;
     debounce_init(&d, 300 * CONC_MS, save, &doc);
     d.max_wait = 2 * CONC_SEC;                                         // settings: before the first event
     debounce_event(&d);                                                // from anywhere; never blocks
     debounce_flush(&d, ctx);                                           // do not wait for the pause: run now, if anything is owed
     debounce_free(&d);

   When the goroutine stops: there is one, from debounce_init until debounce_free, which waits for it. What is still owed then is
   not run: flush first if it must be.

   Cancel: debounce_cancel forgets what is owed. A flush that waits ends with its context (NULL: never). Error: fn has none to
   return; it keeps its own in what arg points to. There is no consumer that could be gone.

   Who owns what: the struct is yours and stays where it is until debounce_free; what arg points to is yours and must live as long,
   and so must a lock for it: fn runs beside those who cause the events. fn may call debounce_event and debounce_cancel, but
   not flush, free or conc_exit. Any goroutine or thread may call everything else here.

   Source: debounce of lodash, with its leading, trailing and maxWait; in Go, a timer that each event resets. Here an event only notes
   the time, and the goroutine looks again when it wakes. */
#ifndef DEBOUNCE_H
#define DEBOUNCE_H

#include "conc.h"

struct debounce {
    /* to be set between debounce_init and the first event */
    int64_t wait;     /* the pause that ends a burst, ns */
    int64_t max_wait; /* so long after an event fn has begun in any case; CONC_FOREVER: it may be put off without end */
    bool leading;     /* run at the first event of a burst; false */
    bool trailing;    /* run after the burst, if it had an event that was not yet served; true */
    /* private; the mutex guards all of it, and is not held while fn runs */
    conc_mutex debounce__mutex;
    conc_cond debounce__changed, debounce__served;
    void (*debounce__fn)(void); /* really void (*)(T *) */
    void *debounce__arg;
    bool debounce__any;         /* there was an event */
    bool debounce__lead;        /* a run is owed to the first event of a burst */
    bool debounce__owed;        /* a run is owed to others */
    bool debounce__hurry, debounce__stopped;
    int64_t debounce__last, debounce__since; /* the last event; the first of those others */
    uint64_t debounce__begun, debounce__ended, debounce__forgotten; /* runs, and cancels */
    conc_wg debounce__running;
};

#ifdef __clang__
__attribute__((no_sanitize("function"))) /* T * and void * are passed alike; the macros below have checked T */
#endif
static inline void debounce__call(const struct debounce *d) { ((void (*)(void *))d->debounce__fn)(d->debounce__arg); }

static inline int64_t debounce__add(int64_t t, int64_t ns) { return ns > INT64_MAX - t ? INT64_MAX : t + ns; }

/* With the mutex: how long until fn is to run? CONC_FOREVER: nothing is owed. */
static inline int64_t debounce__delay(const struct debounce *d) {
    if (d->debounce__lead || (d->debounce__owed && d->debounce__hurry)) return 0;
    if (!d->debounce__owed) return CONC_FOREVER;
    int64_t pause = debounce__add(d->debounce__last, d->wait), latest = debounce__add(d->debounce__since, d->max_wait);
    return (pause < latest ? pause : latest) - conc_now();
}

/* With the mutex, which it leaves meanwhile. */
static inline void debounce__run(struct debounce *d) {
    if (d->debounce__lead) d->debounce__lead = false;
    else d->debounce__owed = d->debounce__hurry = false;
    d->debounce__begun++;
    conc_mutex_unlock(&d->debounce__mutex);
    debounce__call(d);
    conc_mutex_lock(&d->debounce__mutex);
    d->debounce__ended++;
    conc_cond_broadcast(&d->debounce__served);
}

static inline void debounce__main(struct debounce *d) {
    conc_mutex_lock(&d->debounce__mutex);
    while (!d->debounce__stopped) {
        int64_t delay = debounce__delay(d);
        if (delay <= 0) debounce__run(d);
        else if (delay == CONC_FOREVER) conc_cond_wait(&d->debounce__changed, &d->debounce__mutex);
        else (void)conc_cond_wait_for(&d->debounce__changed, &d->debounce__mutex, delay);
    }
    conc_mutex_unlock(&d->debounce__mutex);
}

/* debounce_init(d, wait, fn, arg)   make a debouncer for  void fn(T *arg)  and start its goroutine. No memory for that ends the program. */
static inline void debounce__init(struct debounce *d, int64_t wait, void (*fn)(void), void *arg) {
    const conc_mutex mutex = CONC_MUTEX_INIT;
    const conc_cond cond = CONC_COND_INIT;
    const conc_wg wg = CONC_WG_INIT;
    if (wait < 0) conc_panic("debounce_init: a negative time to wait");
    d->wait = wait;
    d->max_wait = CONC_FOREVER;
    d->leading = false;
    d->trailing = true;
    d->debounce__mutex = mutex;
    d->debounce__changed = d->debounce__served = cond;
    d->debounce__fn = fn;
    d->debounce__arg = arg;
    d->debounce__any = d->debounce__lead = d->debounce__owed = d->debounce__hurry = d->debounce__stopped = false;
    d->debounce__last = d->debounce__since = 0;
    d->debounce__begun = d->debounce__ended = d->debounce__forgotten = 0;
    d->debounce__running = wg;
    conc_wg_go(&d->debounce__running, debounce__main, d);
}
#ifndef __cplusplus
#define debounce_init(d, wait, fn, ...) \
    ((void)sizeof(struct { _Static_assert(__builtin_types_compatible_p(__typeof__((fn)(__VA_ARGS__)), void), \
        "debounce_init: the function is void fn(T *arg)"); int debounce__; }), \
     debounce__init((d), (wait), (void (*)(void))(fn), (void *)(uintptr_t)(__VA_ARGS__)))
#else
template <class T> struct debounce__same { typedef T type; };
template <class T>
static inline void debounce_init(struct debounce *d, int64_t wait, void (*fn)(T *), typename debounce__same<T>::type *arg) {
    debounce__init(d, wait, reinterpret_cast<void (*)(void)>(fn), const_cast<void *>(static_cast<const volatile void *>(arg)));
}
#endif

/* An event has happened. Never blocks. */
static inline void debounce_event(struct debounce *d) {
    conc_mutex_lock(&d->debounce__mutex);
    if (!d->leading && !d->trailing) conc_panic("debounce_event: neither leading nor trailing: nothing would ever run");
    int64_t now = conc_now();
    bool first = !d->debounce__any || now - d->debounce__last >= d->wait;
    d->debounce__any = true;
    d->debounce__last = now; /* a goroutine that waits for the pause finds it moved when it wakes, and waits again */
    if (d->leading && first) {
        d->debounce__lead = true;
        if (!d->debounce__hurry) d->debounce__owed = false; /* served by the same run; a flush counts on one of its own */
        conc_cond_signal(&d->debounce__changed);
    } else if (d->trailing && !d->debounce__owed) {
        d->debounce__owed = true;
        d->debounce__since = now;
        conc_cond_signal(&d->debounce__changed);
    }
    conc_mutex_unlock(&d->debounce__mutex);
}

/* Forget what is owed. -> was there anything? A run that has begun goes on. */
static inline bool debounce_cancel(struct debounce *d) {
    conc_mutex_lock(&d->debounce__mutex);
    bool any = d->debounce__owed || d->debounce__lead;
    d->debounce__owed = d->debounce__lead = d->debounce__hurry = false;
    d->debounce__forgotten++;
    conc_cond_broadcast(&d->debounce__served);
    conc_mutex_unlock(&d->debounce__mutex);
    return any;
}

/* Run now what is owed, and wait until every event before this call is served (or cancelled): CONC_OK; or why ctx ended first. */
static inline conc_status debounce_flush(struct debounce *d, conc_ctx *ctx) {
    conc_status err = CONC_OK;
    conc_mutex_lock(&d->debounce__mutex);
    uint64_t begun = d->debounce__begun, forgotten = d->debounce__forgotten;
    uint64_t owed = begun + d->debounce__lead + d->debounce__owed;
    d->debounce__hurry = d->debounce__owed;
    conc_cond_signal(&d->debounce__changed);
    while (err == CONC_OK && d->debounce__ended < (d->debounce__forgotten == forgotten ? owed : begun))
        err = conc_cond_wait_ctx(&d->debounce__served, &d->debounce__mutex, ctx);
    conc_mutex_unlock(&d->debounce__mutex);
    return err;
}

/* Forget what is owed, and wait until the goroutine has ended. No other call may be under way, and none may follow. */
static inline void debounce_free(struct debounce *d) {
    conc_mutex_lock(&d->debounce__mutex);
    d->debounce__stopped = true;
    conc_cond_signal(&d->debounce__changed);
    conc_mutex_unlock(&d->debounce__mutex);
    conc_wg_wait(&d->debounce__running);
}

#endif
