/* any.h - the first of many: channels that are closed, contexts that end. The or-channel. For conc.h; copy this file beside it.

   Problem: a goroutine shall stop when its request is cancelled, or the server shuts down, or the configuration changes; how many such
   reasons there are is known at run time only. What it calls wants one context, not a list.

       request's context ----.
       server's context  ----+---- any_start ---->  one context, which ends with the first of them
       closed(channel)   ----'     (one goroutine, a select over all)

     struct any a;
     if (any_init(&a, ctx) != CONC_OK) ...
     any_add_ctx(&a, server->ctx), any_add_chan(&a, config->changed);
     err = serve(any_start(&a));           // conc_ctx_cause: that of the context that ended; any_which: which one it was
     any_free(&a);

     int i = any_wait(&a, ctx);            // or: wait here, without a goroutine; the index in the order of adding, -1: ctx has ended

     int i = any_recv(ctx, chans, n, &v, &ok);    // the first value from n channels of one type

   When the goroutine stops: there is one after any_start, none otherwise. It ends when the first of them fires, when the parent ends, and
   by any_free, which waits for it. So it is not left behind when nothing ever fires and the caller has lost interest.

   Cancel: the parent given to any_init is one of the reasons, so is the ctx of any_wait and any_recv. Error: CONC_NO_MEMORY from
   any_init and the adds is all there is. A consumer that walks away calls any_free; defer helps.

   Who owns what: the struct is yours and stays where it is until any_free. Contexts and channels are borrowed: they must live until then. A
   value sent on an added channel counts as firing and is received by whoever waits here, so add channels that are closed rather than
   sent on. Any goroutine or thread may use it, one at a time; the context may be used by any number.

   Source: the or-channel of "Concurrency in Go", chapter 4. That one is a recursive function that starts a goroutine for every two
   channels, all of which stay for ever if none of the channels is ever closed. */
#ifndef ANY_H
#define ANY_H

#include "conc.h"

#include <stdlib.h>
#include <string.h>

struct any { /* all private */
    conc_ctx *any__ctx;
    conc_case *any__cases; /* the first is any__ctx's own end */
    size_t any__n, any__room;
    int any__which;
    bool any__started;
    char any__none; /* where channels' values go */
    conc_wg any__running;
};

static inline conc_status any__add(struct any *a, conc_case c) {
    if (a->any__started) conc_panic("any_add: after any_start");
    if (a->any__n == a->any__room) {
        size_t room = 2 * a->any__room + 4;
        void *cases = realloc(a->any__cases, room * sizeof *a->any__cases);
        if (cases == NULL) return CONC_NO_MEMORY;
        a->any__cases = (conc_case *)cases;
        a->any__room = room;
    }
    a->any__cases[a->any__n++] = c;
    return CONC_OK;
}

/* Make an empty list. parent: NULL, or a context whose end is a reason, too (but has no index). CONC_NO_MEMORY: it must not be used. */
static inline conc_status any_init(struct any *a, conc_ctx *parent) {
    const conc_wg wg = CONC_WG_INIT;
    a->any__cases = NULL;
    a->any__n = a->any__room = 0;
    a->any__which = -1;
    a->any__started = false;
    a->any__running = wg;
    a->any__ctx = conc_ctx_with_cancel(parent != NULL ? parent : conc_ctx_background());
    if (a->any__ctx == NULL) return CONC_NO_MEMORY;
    conc_status err = any__add(a, conc_case_done(a->any__ctx));
    if (err != CONC_OK) conc_ctx_free(a->any__ctx);
    return err;
}

/* One more context (NULL: it never ends), one more channel (NULL: it is never closed); before any_start. They have the indices 0, 1, 2, ...
   in the order of the calls. CONC_NO_MEMORY: it was not added. */
static inline conc_status any_add_ctx(struct any *a, conc_ctx *ctx) { return any__add(a, conc_case_done(ctx)); }
static inline conc_status any_add_chan(struct any *a, conc_recv_chan(char) done) { return any__add(a, conc_case_recv(done, &a->any__none)); }

/* Wait in the calling goroutine or thread for the first that fires; several at once: any of them. Its index; -1: ctx (NULL: never ends) or the
   parent has ended. Again: waits for what fires then, which a closed channel and a context that has ended still do. Not after any_start. */
static inline int any_wait(struct any *a, conc_ctx *ctx) {
    if (a->any__started) conc_panic("any_wait: after any_start");
    if (conc_ctx_err(ctx) != CONC_OK || conc_ctx_err(a->any__ctx) != CONC_OK) return -1;
    if (any__add(a, conc_case_done(ctx)) != CONC_OK) conc_panic("any_wait: out of memory");
    int got = conc_select_n(a->any__cases, a->any__n);
    a->any__n--;
    return got == 0 || (size_t)got == a->any__n ? -1 : got - 1;
}

static inline void any__watch(struct any *a) {
    int got = conc_select_n(a->any__cases, a->any__n);
    if (got == 0) return; /* the parent, or any_free */
    const conc_case *c = &a->any__cases[got]; /* of a context or, unlike the first, of a channel */
    __atomic_store_n(&a->any__which, got - 1, __ATOMIC_RELEASE);
    conc_ctx *ctx = c->dir == a->any__cases[0].dir ? (conc_ctx *)(uintptr_t)c->ch : NULL;
    conc_ctx_cancel_cause(a->any__ctx, ctx != NULL ? conc_ctx_cause(ctx) : 0);
}

/* The context that ends with the first that fires: borrowed until any_free, good for any number of users. It has the parent's deadline and
   values. If a context has fired, its cause is that one's. Again: the same context. */
static inline conc_ctx *any_start(struct any *a) {
    if (!a->any__started) {
        a->any__started = true;
        conc_wg_go(&a->any__running, any__watch, a);
    }
    return a->any__ctx;
}

/* What made any_start's context end: the index, or -1: nothing has fired yet, or it was the parent's end. */
static inline int any_which(struct any *a) { return __atomic_load_n(&a->any__which, __ATOMIC_ACQUIRE); }

/* End any_start's context and goroutine, wait for that, and free the list. */
static inline void any_free(struct any *a) {
    conc_ctx_cancel(a->any__ctx);
    conc_wg_wait(&a->any__running);
    conc_ctx_free(a->any__ctx);
    free(a->any__cases);
}

static inline int any__recv(conc_ctx *ctx, const void *chans, size_t n, conc_case like, bool *ok) {
    conc_case few[8], *c = few;
    if (ok != NULL) *ok = false;
    if (conc_ctx_err(ctx) != CONC_OK) return -1;
    if (n + 1 > sizeof few / sizeof *few && (c = (conc_case *)malloc((n + 1) * sizeof *c)) == NULL) conc_panic("any_recv: out of memory");
    for (size_t i = 0; i < n; i++) {
        c[i] = like;
        memcpy(&c[i].ch, (const char *)chans + i * sizeof c->ch, sizeof c->ch); /* the handles are pointers of one size */
    }
    c[n] = conc_case_done(ctx);
    int got = conc_select_n(c, n + 1);
    if (ok != NULL && (size_t)got != n) *ok = c[got].ok;
    if (c != few) free(c);
    return (size_t)got == n ? -1 : got;
}

/* any_recv(ctx, chans, n, &v, &ok)   receive from the first of n channels that has a value or is closed: chans points to n of chan(T) or
                       recv_chan(T), v is a T. The index; -1: ctx has ended (conc_ctx_err). *ok (NULL is allowed): false if the channel is
                       closed, v is then zero; set it to NULL in chans and it is left out from now on. No channels: waits for ctx */
#ifndef __cplusplus
#define any_recv(ctx, chans, n, value, ok) any__recv((ctx), (chans), (n), conc_case_recv((__typeof__(*(chans)))0, (value)), (ok))
#else
template <class T> struct any__same { typedef T type; };
template <class T>
static inline int any_recv(conc_ctx *ctx, const conc_chan_of<T> *chans, size_t n, typename any__same<T>::type *value, bool *ok) {
    return any__recv(ctx, chans, n, conc_case_recv(static_cast<conc_chan_of<T> >(nullptr), value), ok);
}
template <class T>
static inline int any_recv(conc_ctx *ctx, const conc_recv_chan_of<T> *chans, size_t n, typename any__same<T>::type *value, bool *ok) {
    return any__recv(ctx, chans, n, conc_case_recv(static_cast<conc_recv_chan_of<T> >(nullptr), value), ok);
}
#endif

#endif
