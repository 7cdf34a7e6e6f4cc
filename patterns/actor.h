/* actor.h - actors: state that only one goroutine touches, messages to it, and somebody who restarts it. For conc.h; copy this file
   beside it.

   Problem: some state (an account, a device, a room of a game) has rules that span several fields, is used from everywhere, and must be put in
   order again when something goes wrong with it, rather than take the program with it.

       actor_tell ---.                             .--- begin(state): at the start of each life
       actor_ask ----+---> mailbox (room) ---> one goroutine: handle(state, message, reply), one at a time
         ^           |                             '--- failed: ask the group; a new life, or the end
         '-- reply --'

     struct account { int cents; };
     static int open_account(conc_ctx *ctx, struct account *a) { a->cents = 0; return 0; }
     static int deposit(conc_ctx *ctx, struct account *a, int *cents, int *balance) {     // message: int; reply: int
         if (*cents < 0) return -EINVAL;                                                  // a failure: the account is opened anew
         *balance = a->cents += *cents;
         return 0;
     }

     struct actor_group group;                                                   // at most 3 failures within a minute
     if (actor_group_init(&group, ACTOR_ONE_FOR_ONE, 3, CONC_MIN) != CONC_OK) ...
     actor(int, int) a = actor_make(int, int, &group, 16, open_account, deposit, &account);
     actor_tell(a, ctx, 100);                                                    // waits while the mailbox is full
     int balance, err = actor_ask(a, ctx, &balance, 50);                         // waits for the reply
     actor_close(a), actor_wait(a, ctx);                                         // handles what is in the mailbox, and ends
     actor_free(a), actor_group_free(&group);

   Goroutines: one per actor. It ends after actor_close, when the mailbox is empty; after actor_stop, with the message it is at; or when its
   group gives up, or it fails without a group. actor_wait waits for that, actor_free stops and waits.

   Failure: begin or handle returns other than 0, or ends the goroutine by conc_exit (CONC_CANCELED). The message is gone, the mailbox stays. An
   error that is an answer belongs into the reply. The group decides what follows, and then who asked gets the failure as the result:
     ACTOR_ONE_FOR_ONE    the actor begins a new life
     ACTOR_ALL_FOR_ONE    all actors of the group do: their contexts end, what they are at counts as no further failure, and they do
                          so before the next message. For actors that know things about each other
   More than so many failures within so much time: the group gives up and stops all its actors.

   Cancel: tell and ask end with their context (NULL: never); what was sent is handled all the same, and the reply goes nowhere. Handlers get a
   context that ends with the actor's life. Asker gone: the actor does not notice. Each accepted message is handled, or its failure or
   its drop (actor_stop: CONC_CLOSED to who asked) is counted: actor_get_stats. An actor that asks itself, or two that ask each
   other at once, wait for ever: tell instead, or ask with a time limit.

   Who owns what: messages and replies are copied; what they point to is yours. The state is the actor's from actor_make until actor_wait has
   returned, and yours otherwise. A handle is valid until actor_free, when no other call with it is under way; actors are freed before their
   group. All but make and free may be called by any goroutine or thread, handlers too (but they must not wait for themselves).

   Source: the actor model (Hewitt, Bishop, Steiger 1973); Erlang's gen_server and supervisor, with their strategies and intensity. */
#ifndef ACTOR_H
#define ACTOR_H

#include "conc.h"

#include <stdlib.h>
#include <string.h>

enum actor_strategy { ACTOR_ONE_FOR_ONE, ACTOR_ALL_FOR_ONE };

struct actor_stats {
    size_t handled; /* messages that were: returned 0 */
    size_t failed;  /* that were not */
    size_t dropped; /* that were in the mailbox when it was stopped */
    size_t lives;   /* how often it has begun */
    int error;      /* of the last failure; 0: none */
};

struct actor_group {
    /* private; the mutex guards it all, and is taken before an actor's */
    conc_mutex actor__mutex;
    enum actor_strategy actor__strategy;
    size_t actor__most, actor__failures; /* times holds the last most of them */
    int64_t actor__within, *actor__times;
    int actor__error;
    struct actor *actor__first;
};

struct actor__envelope {
    size_t refs;          /* the mailbox or the actor, and who asked */
    conc_chan(int) result; /* room for it; NULL: tell */
    void *message, *reply; /* behind this */
};

struct actor {
    void (*actor__begin)(void), (*actor__handle)(void); /* int (conc_ctx *, S *), int (conc_ctx *, S *, T *, R *) */
    void *actor__state;
    size_t actor__message, actor__reply; /* sizes of T and R */
    struct actor_group *actor__group;    /* may be NULL */
    struct actor *actor__next;           /* in it; the group's mutex guards it */
    conc_chan(struct actor__envelope *) actor__mailbox;
    conc_chan(char) actor__shut, actor__ended; /* closed when no more may be sent; when it is over */
    conc_ctx *actor__ctx;                      /* of the actor, parent of those of its lives */
    conc_wg actor__running;
    struct actor__envelope *actor__at; /* what the goroutine is at; its own, as is the next */
    bool actor__returned;              /* from all that it calls: it does not end by conc_exit */
    conc_mutex actor__mutex;           /* guards what follows */
    conc_cond actor__unsent;           /* nobody is sending */
    size_t actor__sending;
    bool actor__is_shut, actor__renew;
    conc_ctx *actor__life; /* NULL: it has not begun */
    struct actor_stats actor__stats;
};

/* ---- groups ---- */

/* A group that gives up at the first failure beyond most within so many nanoseconds (most 0: at the first). CONC_NO_MEMORY: it must not be used. */
static inline conc_status actor_group_init(struct actor_group *g, enum actor_strategy strategy, size_t most, int64_t within) {
    const conc_mutex mutex = CONC_MUTEX_INIT;
    g->actor__mutex = mutex;
    g->actor__strategy = strategy;
    g->actor__most = most;
    g->actor__failures = 0;
    g->actor__within = within;
    g->actor__times = (int64_t *)calloc(most + 1, sizeof *g->actor__times);
    g->actor__error = 0;
    g->actor__first = NULL;
    return g->actor__times != NULL ? CONC_OK : CONC_NO_MEMORY;
}
/* When all its actors are freed. */
static inline void actor_group_free(struct actor_group *g) {
    if (g->actor__first != NULL) conc_panic("actor_group_free: an actor of the group has not been freed");
    free(g->actor__times);
}
/* 0, or the failure with which it gave up. */
static inline int actor_group_error(struct actor_group *g) {
    conc_mutex_lock(&g->actor__mutex);
    int err = g->actor__error;
    conc_mutex_unlock(&g->actor__mutex);
    return err;
}

/* With the group's mutex: one more failure. False: it is one too many. */
static inline bool actor__bears(struct actor_group *g) {
    int64_t now = conc_now(), *oldest = &g->actor__times[g->actor__most > 0 ? g->actor__failures % g->actor__most : 0];
    if (g->actor__most == 0 || (g->actor__failures >= g->actor__most && now - *oldest <= g->actor__within)) return false;
    *oldest = now;
    g->actor__failures++;
    return true;
}

/* ---- the ends of actors and lives ---- */

static inline void actor__shut_mailbox(struct actor *a) {
    conc_mutex_lock(&a->actor__mutex);
    if (!a->actor__is_shut) conc_chan_close(a->actor__shut);
    a->actor__is_shut = true;
    conc_mutex_unlock(&a->actor__mutex);
}
static inline void actor__stop(struct actor *a) {
    actor__shut_mailbox(a);
    conc_ctx_cancel(a->actor__ctx);
}
static inline void actor__renew_life(struct actor *a) {
    conc_mutex_lock(&a->actor__mutex);
    a->actor__renew = true;
    if (a->actor__life != NULL) conc_ctx_cancel(a->actor__life);
    conc_mutex_unlock(&a->actor__mutex);
}
/* Stop all actors of the group, as actor_stop does. */
static inline void actor_group_stop(struct actor_group *g) {
    conc_mutex_lock(&g->actor__mutex);
    for (struct actor *a = g->actor__first; a != NULL; a = a->actor__next) actor__stop(a);
    conc_mutex_unlock(&g->actor__mutex);
}

/* An actor's life has ended with this failure. True: it is to begin another. */
static inline bool actor__recover(struct actor *a, int err) {
    struct actor_group *g = a->actor__group;
    conc_mutex_lock(&a->actor__mutex);
    bool told = a->actor__renew || conc_ctx_err(a->actor__ctx) != CONC_OK; /* it was to end anyway: no failure of its own */
    if (!told) a->actor__stats.error = err;
    conc_mutex_unlock(&a->actor__mutex);
    if (told) return conc_ctx_err(a->actor__ctx) == CONC_OK;
    if (g == NULL) return false;
    conc_mutex_lock(&g->actor__mutex);
    bool bears = actor__bears(g);
    if (!bears && g->actor__error == 0) g->actor__error = err;
    for (struct actor *other = g->actor__first; other != NULL; other = other->actor__next) {
        if (!bears) actor__stop(other);
        else if (g->actor__strategy == ACTOR_ALL_FOR_ONE && other != a) actor__renew_life(other);
    }
    conc_mutex_unlock(&g->actor__mutex);
    return bears;
}

/* ---- messages ---- */

static inline void actor__unref(struct actor__envelope *e) {
    if (__atomic_sub_fetch(&e->refs, 1, __ATOMIC_ACQ_REL) != 0) return;
    conc_chan_free(e->result);
    free(e);
}
static inline struct actor__envelope *actor__wrap(struct actor *a, const void *message, bool asks) {
    const size_t align = 15, head = (sizeof(struct actor__envelope) + align) & ~align, body = (a->actor__message + align) & ~align;
    struct actor__envelope *e = (struct actor__envelope *)malloc(head + body + a->actor__reply);
    if (e == NULL) return NULL;
    e->refs = asks ? 2 : 1;
    e->result = asks ? conc_chan_make(int, 1) : NULL;
    e->message = (char *)e + head;
    e->reply = (char *)e->message + body;
    memcpy(e->message, message, a->actor__message);
    memset(e->reply, 0, a->actor__reply);
    if (!asks || e->result != NULL) return e;
    free(e);
    return NULL;
}
/* The actor's last word on a message. */
static inline void actor__answer(struct actor__envelope *e, int result) {
    if (e->result != NULL) conc_chan_send(e->result, result); /* has room */
    actor__unref(e);
}

static inline int actor__send(struct actor *a, conc_ctx *ctx, struct actor__envelope *e) {
    enum { SHUT, DONE, SENT };
    char none;
    conc_mutex_lock(&a->actor__mutex);
    bool shut = a->actor__is_shut;
    if (!shut) a->actor__sending++;
    conc_mutex_unlock(&a->actor__mutex);
    if (shut) return CONC_CLOSED;
    int got = conc_select_ordered_of(conc_case_recv(a->actor__shut, &none), conc_case_done(ctx), conc_case_send(a->actor__mailbox, e));
    conc_mutex_lock(&a->actor__mutex);
    if (--a->actor__sending == 0) conc_cond_broadcast(&a->actor__unsent);
    conc_mutex_unlock(&a->actor__mutex);
    return got == SENT ? 0 : got == SHUT ? (int)CONC_CLOSED : (int)conc_ctx_err(ctx);
}
static inline int actor__tell(struct actor *a, conc_ctx *ctx, const void *message) {
    struct actor__envelope *e = actor__wrap(a, message, false);
    int err = e != NULL ? actor__send(a, ctx, e) : (int)CONC_NO_MEMORY;
    if (e != NULL && err != 0) actor__unref(e);
    return err;
}
static inline int actor__ask(struct actor *a, conc_ctx *ctx, const void *message, void *reply) {
    struct actor__envelope *e = actor__wrap(a, message, true);
    if (e == NULL) return CONC_NO_MEMORY;
    int err = actor__send(a, ctx, e), result = 0;
    if (err != 0) {
        actor__unref(e); /* the mailbox's */
    } else {
        err = (int)conc_chan_recv_ctx(e->result, &result, ctx);
        if (err == 0) err = result;
        if (err == 0) memcpy(reply, e->reply, a->actor__reply);
    }
    actor__unref(e);
    return err;
}

/* ---- the goroutine ---- */

#ifdef __clang__ /* S *, T *, R * and void * are passed alike; actor_make has checked them */
#define ACTOR__ERASED __attribute__((no_sanitize("function")))
#else
#define ACTOR__ERASED
#endif
ACTOR__ERASED static inline int actor__call_begin(struct actor *a) {
    return ((int (*)(conc_ctx *, void *))a->actor__begin)(a->actor__life, a->actor__state);
}
ACTOR__ERASED static inline int actor__call_handle(struct actor *a, struct actor__envelope *e) {
    return ((int (*)(conc_ctx *, void *, void *, void *))a->actor__handle)(a->actor__life, a->actor__state, e->message, e->reply);
}

/* A new life: its context, and begin. */
static inline int actor__live(struct actor *a) {
    conc_ctx *old, *life = conc_ctx_with_cancel(a->actor__ctx);
    if (life == NULL) return CONC_NO_MEMORY;
    conc_mutex_lock(&a->actor__mutex);
    old = a->actor__life;
    a->actor__life = life;
    a->actor__renew = false;
    a->actor__stats.lives++;
    conc_mutex_unlock(&a->actor__mutex);
    conc_ctx_free(old);
    return actor__call_begin(a);
}

/* Nobody is sending any more, as no more may be sent. */
static inline void actor__await_senders(struct actor *a) {
    conc_mutex_lock(&a->actor__mutex);
    while (a->actor__sending > 0) conc_cond_wait(&a->actor__unsent, &a->actor__mutex);
    conc_mutex_unlock(&a->actor__mutex);
}
/* The next message; NULL: this life has ended, or the mailbox has and is empty (*over). */
static inline struct actor__envelope *actor__next(struct actor *a, bool *over) {
    enum { DONE, MESSAGE, SHUT };
    struct actor__envelope *e = NULL;
    char none;
    int got = conc_select_ordered_of(conc_case_done(a->actor__life), conc_case_recv(a->actor__mailbox, &e), conc_case_recv(a->actor__shut, &none));
    if (got != SHUT) return e;
    actor__await_senders(a);
    *over = conc_chan_try_recv(a->actor__mailbox, &e) != CONC_OK;
    return e;
}
/* What it was at (which may be nothing) has ended with err. */
static inline void actor__settle(struct actor *a, int err) {
    struct actor__envelope *e = a->actor__at;
    if (e == NULL) return;
    a->actor__at = NULL;
    conc_mutex_lock(&a->actor__mutex);
    if (err == 0) a->actor__stats.handled++;
    else a->actor__stats.failed++;
    conc_mutex_unlock(&a->actor__mutex);
    actor__answer(e, err);
}
/* One life, from begin to its end. 0: the actor is over; else the failure, and the message that met it is not settled yet. */
static inline int actor__life_of(struct actor *a) {
    bool over = false;
    int err = actor__live(a);
    while (err == 0 && (a->actor__at = actor__next(a, &over)) != NULL) {
        err = actor__call_handle(a, a->actor__at);
        if (err == 0) actor__settle(a, 0);
    }
    return over ? 0 : err != 0 ? err : (int)CONC_CANCELED; /* its context has ended */
}
/* A life has ended with this failure: who asked learns of it when it has been decided what follows. True: another life. */
static inline bool actor__failed(struct actor *a, int err) {
    bool recovers = actor__recover(a, err);
    actor__settle(a, err);
    return recovers;
}
static inline void actor__over(struct actor *a) {
    struct actor__envelope *e;
    actor__shut_mailbox(a);
    actor__await_senders(a);
    while (conc_chan_try_recv(a->actor__mailbox, &e) == CONC_OK) {
        conc_mutex_lock(&a->actor__mutex);
        a->actor__stats.dropped++;
        conc_mutex_unlock(&a->actor__mutex);
        actor__answer(e, CONC_CLOSED);
    }
    conc_ctx_cancel(a->actor__ctx); /* for those whom it gave its context to */
    conc_chan_close(a->actor__ended);
}


static inline void actor__main(struct actor *a);
static inline void actor__exited(void *arg) { /* at the end of the goroutine, also by conc_exit in begin or handle */
    struct actor *a = (struct actor *)arg;
    if (a->actor__returned) return;
    if (actor__failed(a, CONC_CANCELED)) conc_wg_go(&a->actor__running, actor__main, a); /* in its place */
    else actor__over(a);
}
static inline void actor__main(struct actor *a) {
    bool watched = conc_on_exit(actor__exited, a) == CONC_OK; /* else a conc_exit would lose the actor: it does not begin */
    int err = CONC_NO_MEMORY;
    while (watched && (err = actor__life_of(a)) != 0 && actor__failed(a, err)) {}
    a->actor__returned = true;
    if (!watched) (void)actor__failed(a, err);
    actor__over(a);
}

/* ---- making, waiting, freeing ---- */

static inline void actor__release(struct actor *a) {
    conc_chan_free(a->actor__mailbox), conc_chan_free(a->actor__shut), conc_chan_free(a->actor__ended);
    conc_ctx_free(a->actor__life), conc_ctx_free(a->actor__ctx);
    free(a);
}
static inline bool actor__join_group(struct actor *a, struct actor_group *g) {
    if (g == NULL) return true;
    conc_mutex_lock(&g->actor__mutex);
    bool joins = g->actor__error == 0;
    a->actor__next = g->actor__first;
    if (joins) g->actor__first = a;
    conc_mutex_unlock(&g->actor__mutex);
    return joins;
}
static inline void actor__leave_group(struct actor *a, struct actor_group *g) {
    if (g == NULL) return;
    conc_mutex_lock(&g->actor__mutex);
    struct actor **at = &g->actor__first;
    while (*at != a) at = &(*at)->actor__next;
    *at = a->actor__next;
    conc_mutex_unlock(&g->actor__mutex);
}

static inline struct actor *actor__make(size_t message, size_t reply, struct actor_group *g, size_t room, void (*begin)(void),
                                        void (*handle)(void), void *state) {
    const conc_mutex mutex = CONC_MUTEX_INIT;
    const conc_cond cond = CONC_COND_INIT;
    const conc_wg wg = CONC_WG_INIT;
    struct actor *a = (struct actor *)calloc(1, sizeof *a);
    if (a == NULL) return NULL;
    a->actor__begin = begin;
    a->actor__handle = handle;
    a->actor__state = state;
    a->actor__message = message;
    a->actor__reply = reply;
    a->actor__group = g;
    a->actor__mutex = mutex;
    a->actor__unsent = cond;
    a->actor__running = wg;
    a->actor__mailbox = conc_chan_make(struct actor__envelope *, room);
    a->actor__shut = conc_chan_make(char);
    a->actor__ended = conc_chan_make(char);
    a->actor__ctx = conc_ctx_with_cancel(conc_ctx_background());
    if (a->actor__mailbox == NULL || a->actor__shut == NULL || a->actor__ended == NULL || a->actor__ctx == NULL || !actor__join_group(a, g)) {
        actor__release(a);
        return NULL;
    }
    conc_wg_go(&a->actor__running, actor__main, a);
    return a;
}
static inline conc_status actor__wait(struct actor *a, conc_ctx *ctx) {
    char none;
    conc_status s = conc_chan_recv_ctx(a->actor__ended, &none, ctx);
    return s == CONC_CLOSED ? CONC_OK : s;
}
static inline struct actor_stats actor__get_stats(struct actor *a) {
    conc_mutex_lock(&a->actor__mutex);
    struct actor_stats stats = a->actor__stats;
    conc_mutex_unlock(&a->actor__mutex);
    return stats;
}
static inline void actor__free(struct actor *a) {
    if (a == NULL) return;
    actor__stop(a);
    conc_wg_wait(&a->actor__running);
    actor__leave_group(a, a->actor__group);
    actor__release(a);
}

/* actor(T, R)            a handle of an actor that gets messages of type T and replies with R (any type; char, if it never does). Copy it freely
   actor_make(T, R, group, room, begin, handle, state)
                          start an actor whose mailbox has room for so many. state is an S *;  int begin(conc_ctx *ctx, S *state)  is called
                          at the start of each life,  int handle(conc_ctx *ctx, S *state, T *message, R *reply)  for each message; the
                          reply is zero before. group: NULL, or who decides about failures. NULL: no memory, or the group has given up
   actor_tell(a, ctx, message)     0: it is in the mailbox. CONC_CLOSED: the actor takes no more; CONC_CANCELED, CONC_TIMEOUT: ctx ended while it was
                          full; CONC_NO_MEMORY
   actor_ask(a, ctx, &reply, message)    the same, and wait for the reply: 0; or the failure it met, or CONC_CLOSED if the actor was stopped
                          before it came to it. reply, an R, is only written if it is 0
   actor_close(a)         no more messages; it handles those in the mailbox and ends. actor_stop(a): its context is cancelled, and those in the
                          mailbox are dropped. Neither waits; again: does nothing
   actor_wait(a, ctx)     CONC_OK: it has ended, and the state is yours. Else why ctx ended
   actor_get_stats(a)     -> struct actor_stats
   actor_free(a)          stop, wait, free. NULL is allowed */
#ifndef __cplusplus
#define actor(T, ...) __typeof__(__typeof__(T) (**)(struct actor *, __typeof__(__VA_ARGS__) *))
#define ACTOR__T(a, reply) __typeof__((**(a))((struct actor *)0, (reply)))
#define ACTOR__PTR(a) ((void)sizeof(ACTOR__T(a, (void *)0) *), (struct actor *)(void *)(a))
#define ACTOR__SAY(x, text) ((void)sizeof(struct { _Static_assert(_Generic((x), int: 1, default: 0), text); int actor__; }))
#define actor_make(T, R, group, room, begin, handle, ...) \
    (ACTOR__SAY((begin)((conc_ctx *)0, (__VA_ARGS__)), "actor_make: begin is  int begin(conc_ctx *ctx, S *state)"), \
     ACTOR__SAY((handle)((conc_ctx *)0, (__VA_ARGS__), (__typeof__(T) *)0, (__typeof__(R) *)0), \
                "actor_make: handle is  int handle(conc_ctx *ctx, S *state, T *message, R *reply)"), \
     (actor(T, R))(void *)actor__make(sizeof(T), sizeof(R), (group), (room), (void (*)(void))(begin), (void (*)(void))(handle), \
                                      (void *)(uintptr_t)(__VA_ARGS__)))
#define actor_tell(a, ctx, ...) __extension__({ \
    ACTOR__T(a, (void *)0) actor__m = (__VA_ARGS__); \
    actor__tell(ACTOR__PTR(a), (ctx), &actor__m); })
#define actor_ask(a, ctx, reply, ...) __extension__({ \
    ACTOR__T(a, reply) actor__m = (__VA_ARGS__); \
    actor__ask(ACTOR__PTR(a), (ctx), &actor__m, (reply)); })
#else
template <class T, class R> using actor_of = T (**)(struct actor *, R *);
#define actor(T, ...) actor_of<T, __VA_ARGS__>
template <class T> struct actor__same { typedef T type; };
template <class T, class R> static inline struct actor *ACTOR__PTR(actor_of<T, R> a) { return (struct actor *)(void *)a; }
template <class T, class R, class S, class M>
static inline actor_of<T, R> actor__make_of(struct actor_group *g, size_t room, int (*begin)(conc_ctx *, S *), int (*handle)(conc_ctx *, S *, M *, R *),
                                            typename actor__same<S>::type *state) {
    static_assert(std::is_convertible<T *, M *>::value, "actor_make: handle is  int handle(conc_ctx *ctx, S *state, T *message, R *reply)");
    return (actor_of<T, R>)(void *)actor__make(sizeof(T), sizeof(R), g, room, reinterpret_cast<void (*)(void)>(begin),
                                               reinterpret_cast<void (*)(void)>(handle), const_cast<void *>(static_cast<const volatile void *>(state)));
}
#define actor_make(T, R, group, room, ...) actor__make_of<T, R>((group), (room), __VA_ARGS__)
template <class T, class R> static inline int actor_tell(actor_of<T, R> a, conc_ctx *ctx, const typename actor__same<T>::type &message) {
    return actor__tell(ACTOR__PTR<T, R>(a), ctx, &message);
}
template <class T, class R>
static inline int actor_ask(actor_of<T, R> a, conc_ctx *ctx, typename actor__same<R>::type *reply, const typename actor__same<T>::type &message) {
    return actor__ask(ACTOR__PTR<T, R>(a), ctx, &message, reply);
}
#endif
#define actor_close(a) actor__shut_mailbox(ACTOR__PTR(a))
#define actor_stop(a) actor__stop(ACTOR__PTR(a))
#define actor_wait(a, ctx) actor__wait(ACTOR__PTR(a), (ctx))
#define actor_get_stats(a) actor__get_stats(ACTOR__PTR(a))
#define actor_free(a) actor__free(ACTOR__PTR(a))

#endif
