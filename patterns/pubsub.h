/* pubsub.h - publish and subscribe: messages by topic, to whoever wants them at the time. For conc.h; copy this file beside it.

   Problem: something happens (a price changes, a line of chat comes, a job ends) and any number of goroutines, which come and go and
   which the publisher does not know, want to hear of it; and one that is slow or has gone away must not hurt the others by accident,
   but only as was decided when it subscribed.

                                  .-- room for n -- pubsub_chan(a)    PUBSUB_DROP_OLDEST: what is oldest in there makes room
       publish --- "topic" -------+-- room for n -- pubsub_chan(b)    PUBSUB_DROP_NEWEST: it does not get this one
                                  '-- room for n -- pubsub_chan(c)    PUBSUB_BLOCK: publish waits, until its context ends

     pubsub(struct price) prices = pubsub_make(struct price);
     pubsub_sub(struct price) s = pubsub_subscribe(prices, "gold", 16, PUBSUB_DROP_OLDEST);
     pubsub_publish(prices, ctx, "gold", price);                       // in any goroutine: copies it to each

     chan_range(p, pubsub_chan(s)) show(p);                            // until unsubscribed, or the pubsub is closed
     pubsub_sub_free(s);
     pubsub_free(prices);

   Goroutines: none of its own, so there is none to stop. A publish runs in its caller and waits for subscribers with PUBSUB_BLOCK only;
   those come last, so that they do not hold up the others, but they do hold up each other.

   Who closes the subscriber's channel: the pubsub does, when the subscription ends (pubsub_unsubscribe, pubsub_sub_free, pubsub_close), and
   after the last publish that was at it has let go. What was queued can still be received. A publish that waits for a subscriber
   that ends stops waiting for it. The subscriber itself just receives, selects, or stops doing so.
   A subscriber that walks away without ending its subscription loses messages (the two policies that drop), or holds up
   publishers until their context ends (PUBSUB_BLOCK): end it on every path; defer helps.

   Order: what one goroutine publishes arrives in that order. Two publishers' messages may arrive in different orders at different
   subscribers. A message is for those who are subscribed when publish begins; who ends meanwhile may get it or not.
   Cancel: publish and its context (NULL: never ends). Once it has ended, those who have no room do not get the message: it counts
   as dropped for them. Error: nothing fails but for want of memory, which subscribe reports. A pubsub that is closed refuses both.

   Who owns what: messages are copied; what they point to is yours, and may be read by every subscriber at any time. Both handles may be
   freed in any order, and by whoever sees a subscription end, though the call that ended it has not returned. All operations may be
   called by any goroutine or thread.

   Source: the publish/subscribe examples of the Go literature, most of which hold a lock while they send, so that a slow subscriber
   cannot unsubscribe and locks up all others; the policies are those of the ROS and ZeroMQ queues. */
#ifndef PUBSUB_H
#define PUBSUB_H

#include "conc.h"

#include <stdlib.h>
#include <string.h>

enum pubsub_policy { /* what becomes of a message for a subscriber without room */
    PUBSUB_BLOCK,       /* publish waits for it */
    PUBSUB_DROP_OLDEST, /* it gets the message in place of the oldest it has not received: for states, of which the last counts */
    PUBSUB_DROP_NEWEST  /* it does not get the message: for events that mean nothing alone, as samples do */
};

struct pubsub_counts { size_t sent, dropped; }; /* of one subscription; what DROP_OLDEST threw out has been both */

struct pubsub__sub {
    struct pubsub *pubsub__of;
    size_t pubsub__refs; /* the handle, every list that it is on, every unsubscribe */
    char *pubsub__topic; /* NULL: every topic */
    enum pubsub_policy pubsub__policy;
    conc_chan(char) pubsub__out;  /* really a channel of T; size says how large that is */
    conc_chan(char) pubsub__gone; /* closed when it ends, for those who wait to send */
    void *pubsub__oldest;         /* room for a T, which is on its way out */
    conc_mutex pubsub__mutex;     /* guards what follows; not held while anybody waits */
    size_t pubsub__sending;       /* those who wait to send: the last one closes the channel */
    bool pubsub__ended;
    struct pubsub_counts pubsub__counts;
};

/* Subscriptions, followed in memory by n pointers to them. It never changes, so publish walks through one without a lock. */
struct pubsub__list { size_t refs, n; };

struct pubsub {
    size_t pubsub__refs; /* the handle, every subscription, every publish and close */
    size_t pubsub__size; /* of T */
    conc_mutex pubsub__mutex;
    bool pubsub__closed;
    conc_map(const char *, struct pubsub__list *) pubsub__topics; /* only those with subscriptions */
    struct pubsub__list *pubsub__every;                           /* subscriptions to every topic; NULL: none */
};

/* ---- references: what a call does may be what lets another goroutine free the handle ---- */

static inline struct pubsub *pubsub__ref(struct pubsub *p) {
    (void)__atomic_fetch_add(&p->pubsub__refs, 1, __ATOMIC_RELAXED);
    return p;
}
static inline void pubsub__unref(struct pubsub *p) {
    if (__atomic_sub_fetch(&p->pubsub__refs, 1, __ATOMIC_ACQ_REL) != 0) return;
    conc_map_free(p->pubsub__topics);
    free(p);
}
static inline struct pubsub__sub *pubsub__sub_ref(struct pubsub__sub *s) {
    (void)__atomic_fetch_add(&s->pubsub__refs, 1, __ATOMIC_RELAXED);
    return s;
}
static inline void pubsub__sub_unref(struct pubsub__sub *s) {
    if (__atomic_sub_fetch(&s->pubsub__refs, 1, __ATOMIC_ACQ_REL) != 0) return;
    struct pubsub *p = s->pubsub__of;
    conc_chan_free(s->pubsub__out), conc_chan_free(s->pubsub__gone);
    free(s->pubsub__topic), free(s->pubsub__oldest), free(s);
    pubsub__unref(p);
}
static inline struct pubsub__sub **pubsub__at(struct pubsub__list *l) { return (struct pubsub__sub **)(void *)(l + 1); }
static inline struct pubsub__list *pubsub__list_ref(struct pubsub__list *l) {
    if (l != NULL) (void)__atomic_fetch_add(&l->refs, 1, __ATOMIC_RELAXED);
    return l;
}
static inline void pubsub__list_unref(struct pubsub__list *l) {
    if (l == NULL || __atomic_sub_fetch(&l->refs, 1, __ATOMIC_ACQ_REL) != 0) return;
    for (size_t i = 0; i < l->n; i++) pubsub__sub_unref(pubsub__at(l)[i]);
    free(l);
}

/* ---- the lists; all with the pubsub's mutex ---- */

static inline bool pubsub__has_ended(struct pubsub__sub *s) {
    conc_mutex_lock(&s->pubsub__mutex);
    bool ended = s->pubsub__ended;
    conc_mutex_unlock(&s->pubsub__mutex);
    return ended;
}
static inline void pubsub__append(struct pubsub__list *l, struct pubsub__sub *s) {
    pubsub__at(l)[l->n++] = pubsub__sub_ref(s);
}
/* A copy without those that have ended, and with s (may be NULL). NULL: no memory. */
static inline struct pubsub__list *pubsub__list_copy(struct pubsub__list *old, struct pubsub__sub *s) {
    size_t n = old != NULL ? old->n : 0;
    struct pubsub__list *l = (struct pubsub__list *)malloc(sizeof *l + (n + 1) * sizeof s);
    if (l == NULL) return NULL;
    l->refs = 1;
    l->n = 0;
    for (size_t i = 0; i < n; i++)
        if (!pubsub__has_ended(pubsub__at(old)[i])) pubsub__append(l, pubsub__at(old)[i]);
    if (s != NULL) pubsub__append(l, s);
    return l;
}
static inline struct pubsub__list *pubsub__find(struct pubsub *p, const char *topic) {
    struct pubsub__list *l = p->pubsub__every;
    if (topic != NULL) (void)conc_map_load(p->pubsub__topics, topic, &l);
    return l;
}
static inline void pubsub__replace(struct pubsub *p, const char *topic, struct pubsub__list *l) {
    struct pubsub__list *old = pubsub__find(p, topic);
    if (l != NULL && l->n == 0) pubsub__list_unref(l), l = NULL;
    if (topic == NULL) p->pubsub__every = l;
    else if (l == NULL) (void)conc_map_delete(p->pubsub__topics, topic);
    else conc_map_store(p->pubsub__topics, topic, l);
    pubsub__list_unref(old);
}

/* ---- subscriptions ---- */

static inline void pubsub__end(struct pubsub__sub *s) {
    conc_mutex_lock(&s->pubsub__mutex);
    if (!s->pubsub__ended) {
        s->pubsub__ended = true;
        conc_chan_close(s->pubsub__gone);
        if (s->pubsub__sending == 0) conc_chan_close(s->pubsub__out);
    }
    conc_mutex_unlock(&s->pubsub__mutex);
}

static inline void pubsub__unsubscribe(struct pubsub__sub *s) {
    struct pubsub *p = pubsub__sub_ref(s)->pubsub__of;
    pubsub__end(s); /* who receives sees it and may free s */
    conc_mutex_lock(&p->pubsub__mutex);
    if (!p->pubsub__closed) {
        struct pubsub__list *old = pubsub__find(p, s->pubsub__topic), *l = pubsub__list_copy(old, NULL);
        if (l != NULL) pubsub__replace(p, s->pubsub__topic, l); /* else it stays there, without effect, until the next change */
    }
    conc_mutex_unlock(&p->pubsub__mutex);
    pubsub__sub_unref(s);
}
static inline void pubsub__sub_free(struct pubsub__sub *s) {
    if (s == NULL) return;
    pubsub__unsubscribe(s);
    pubsub__sub_unref(s);
}

/* The subscription, not on any list yet. out is its channel (NULL: there was no memory) and belongs to it from here on. */
static inline struct pubsub__sub *pubsub__sub_make(struct pubsub *p, const char *topic, enum pubsub_policy policy, void *out) {
    const conc_mutex mutex = CONC_MUTEX_INIT;
    const struct pubsub_counts none = { 0, 0 };
    struct pubsub__sub *s = (struct pubsub__sub *)malloc(sizeof *s);
    size_t n = topic != NULL ? strlen(topic) + 1 : 0;
    if (s == NULL) {
        conc_chan_free((conc_chan(char))out);
        return NULL;
    }
    s->pubsub__of = pubsub__ref(p);
    s->pubsub__refs = 1;
    s->pubsub__topic = topic != NULL ? (char *)malloc(n) : NULL;
    if (s->pubsub__topic != NULL) memcpy(s->pubsub__topic, topic, n);
    s->pubsub__policy = policy;
    s->pubsub__out = (conc_chan(char))out;
    s->pubsub__gone = conc_chan_make(char);
    s->pubsub__oldest = malloc(p->pubsub__size);
    s->pubsub__mutex = mutex;
    s->pubsub__sending = 0;
    s->pubsub__ended = false;
    s->pubsub__counts = none;
    if (out != NULL && s->pubsub__gone != NULL && s->pubsub__oldest != NULL && (topic == NULL || s->pubsub__topic != NULL)) return s;
    pubsub__sub_unref(s);
    return NULL;
}

static inline struct pubsub__sub *pubsub__subscribe(struct pubsub *p, const char *topic, enum pubsub_policy policy, void *out) {
    if (policy == PUBSUB_DROP_OLDEST && conc_chan_cap((conc_chan(char))out) == 0 && out != NULL)
        conc_panic("pubsub_subscribe: to drop the oldest message there must be room for one");
    struct pubsub__sub *s = pubsub__sub_make(p, topic, policy, out);
    if (s == NULL) return NULL;
    conc_mutex_lock(&p->pubsub__mutex);
    struct pubsub__list *l = p->pubsub__closed ? NULL : pubsub__list_copy(pubsub__find(p, topic), s);
    if (l != NULL) pubsub__replace(p, topic, l);
    conc_mutex_unlock(&p->pubsub__mutex);
    if (l != NULL) return s;
    pubsub__sub_unref(s);
    return NULL;
}

static inline struct pubsub_counts pubsub__get_counts(struct pubsub__sub *s) {
    conc_mutex_lock(&s->pubsub__mutex);
    struct pubsub_counts counts = s->pubsub__counts;
    conc_mutex_unlock(&s->pubsub__mutex);
    return counts;
}

/* ---- publishing ---- */

/* A case of a select that sends *v to, or receives *v from, the channel of T. */
static inline conc_case pubsub__sends(struct pubsub__sub *s, const void *v) {
    static const char none = 0;
    conc_case c = conc_case_send(s->pubsub__out, none);
    c.val = (void *)(uintptr_t)v;
    c.size = (uint32_t)s->pubsub__of->pubsub__size;
    return c;
}
static inline conc_case pubsub__takes_oldest(struct pubsub__sub *s) {
    conc_case c = conc_case_recv(s->pubsub__out, (char *)s->pubsub__oldest);
    c.size = (uint32_t)s->pubsub__of->pubsub__size;
    return c;
}

/* With the mutex: send it without waiting, by the policy. False: there is no room, for one that blocks. */
static inline bool pubsub__try(struct pubsub__sub *s, const void *v) {
    enum { SENT, NO_ROOM };
    while (conc_select_ordered_of(pubsub__sends(s, v), conc_case_default()) != SENT) {
        if (s->pubsub__policy == PUBSUB_BLOCK) return false;
        if (s->pubsub__policy == PUBSUB_DROP_NEWEST) {
            s->pubsub__counts.dropped++;
            return true;
        }
        if (conc_select_ordered_of(pubsub__takes_oldest(s), conc_case_default()) != NO_ROOM) s->pubsub__counts.dropped++;
    }
    s->pubsub__counts.sent++;
    return true;
}

/* What happens to v here has been decided; false: by the end of ctx. */
static inline bool pubsub__deliver(struct pubsub__sub *s, conc_ctx *ctx, const void *v) {
    enum { GONE, DONE, SENT };
    char none;
    conc_mutex_lock(&s->pubsub__mutex);
    bool decided = s->pubsub__ended || pubsub__try(s, v);
    if (!decided) s->pubsub__sending++;
    conc_mutex_unlock(&s->pubsub__mutex);
    if (decided) return true;

    int got = conc_select_ordered_of(conc_case_recv(s->pubsub__gone, &none), conc_case_done(ctx), pubsub__sends(s, v));
    conc_mutex_lock(&s->pubsub__mutex);
    if (got == SENT) s->pubsub__counts.sent++;
    if (got == DONE) s->pubsub__counts.dropped++;
    if (--s->pubsub__sending == 0 && s->pubsub__ended) conc_chan_close(s->pubsub__out);
    conc_mutex_unlock(&s->pubsub__mutex);
    return got != DONE;
}

/* To those of a list that block, or that do not. */
static inline bool pubsub__deliver_all(struct pubsub__list *l, bool blocking, conc_ctx *ctx, const void *v) {
    bool all = true;
    for (size_t i = 0; l != NULL && i < l->n; i++) {
        struct pubsub__sub *s = pubsub__at(l)[i];
        if ((s->pubsub__policy == PUBSUB_BLOCK) == blocking && !pubsub__deliver(s, ctx, v)) all = false;
    }
    return all;
}
static inline conc_status pubsub__publish(struct pubsub *p, conc_ctx *ctx, const char *topic, const void *v) {
    conc_status err = conc_ctx_err(ctx);
    if (topic == NULL) conc_panic("pubsub_publish: the topic is NULL");
    if (err != CONC_OK) return err;
    (void)pubsub__ref(p);
    conc_mutex_lock(&p->pubsub__mutex);
    bool closed = p->pubsub__closed;
    struct pubsub__list *to[2] = { NULL, NULL };
    if (!closed) { /* else pubsub__shut is freeing the lists */
        to[0] = pubsub__list_ref(pubsub__find(p, topic));
        to[1] = pubsub__list_ref(p->pubsub__every);
    }
    conc_mutex_unlock(&p->pubsub__mutex);
    for (int k = 0; k < 4; k++) /* those that block come last */
        if (!pubsub__deliver_all(to[k % 2], k >= 2, ctx, v)) err = conc_ctx_err(ctx);
    pubsub__list_unref(to[0]), pubsub__list_unref(to[1]);
    pubsub__unref(p);
    return closed ? CONC_CLOSED : err;
}

/* ---- the whole ---- */

static inline struct pubsub *pubsub__make(size_t size) {
    const conc_mutex mutex = CONC_MUTEX_INIT;
    struct pubsub *p = (struct pubsub *)malloc(sizeof *p);
    if (p == NULL) return NULL;
    p->pubsub__refs = 1;
    p->pubsub__size = size;
    p->pubsub__mutex = mutex;
    p->pubsub__closed = false;
    p->pubsub__every = NULL;
    p->pubsub__topics = conc_map_make(const char *, struct pubsub__list *);
    if (p->pubsub__topics != NULL) return p;
    free(p);
    return NULL;
}

static inline void pubsub__end_all(struct pubsub__list *l) {
    for (size_t i = 0; l != NULL && i < l->n; i++) pubsub__end(pubsub__at(l)[i]);
    pubsub__list_unref(l);
}
static inline void pubsub__shut(struct pubsub *p) {
    conc_mutex_lock(&p->pubsub__mutex);
    bool first = !p->pubsub__closed;
    p->pubsub__closed = true; /* so nobody changes the lists any more */
    if (first) (void)pubsub__ref(p); /* who sees that, or a subscription's end, may free p */
    conc_mutex_unlock(&p->pubsub__mutex);
    if (!first) return;
    pubsub__end_all(p->pubsub__every);
    p->pubsub__every = NULL;
    conc_map_range(const char *, topic, struct pubsub__list *, l, p->pubsub__topics) pubsub__end_all(l);
    conc_map_clear(p->pubsub__topics);
    pubsub__unref(p);
}
static inline void pubsub__free(struct pubsub *p) {
    if (p == NULL) return;
    pubsub__shut(p);
    pubsub__unref(p);
}
static inline size_t pubsub__count(struct pubsub *p, const char *topic) {
    conc_mutex_lock(&p->pubsub__mutex);
    struct pubsub__list *l = p->pubsub__closed ? NULL : pubsub__find(p, topic);
    size_t n = l != NULL ? l->n : 0;
    conc_mutex_unlock(&p->pubsub__mutex);
    return n;
}

/* pubsub(T), pubsub_sub(T)   handles, as chan(T) is: copy them freely. T may not be an array
   pubsub_make(T)         NULL: no memory
   pubsub_subscribe(p, topic, room, policy)
                          from now on messages for this topic, a text that is copied (NULL: for every topic), to a channel with
                          room for so many. -> pubsub_sub(T), yours to free. NULL: the pubsub is closed, or no memory.
                          PUBSUB_DROP_OLDEST with room 0 ends the program
   pubsub_chan(s)         -> recv_chan(T), borrowed until pubsub_sub_free
   pubsub_unsubscribe(s)  no more messages: the channel is closed, what is in it may still be received. Again: does nothing. Does not wait
   pubsub_sub_free(s)     the same, and the channel is gone too: when nobody receives any more. NULL is allowed
   pubsub_get_counts(s)   -> struct pubsub_counts
   pubsub_publish(p, ctx, topic, v)
                          CONC_OK: each subscriber's policy was kept, also if there is none. CONC_CLOSED. CONC_CANCELED, CONC_TIMEOUT: ctx
                          ended, at the call (nobody got it) or before one that blocks had room (it did not get it)
   pubsub_count(p, topic) how many are subscribed to just this topic (NULL: to every topic). A snapshot
   pubsub_close(p)        end all subscriptions, refuse new ones and messages. Again: does nothing
   pubsub_free(p)         close, and give the handle up; subscriptions are freed by their owners, now or later. NULL is allowed */
#ifndef __cplusplus
#define pubsub(...) __typeof__(__typeof__(__VA_ARGS__) (**)(struct pubsub *))
#define pubsub_sub(...) __typeof__(__typeof__(__VA_ARGS__) (**)(struct pubsub__sub *))
#define PUBSUB__T(p) __typeof__((**(p))((struct pubsub *)0))
#define PUBSUB__SUB_T(s) __typeof__((**(s))((struct pubsub__sub *)0))
#define PUBSUB__PTR(p) ((void)sizeof(PUBSUB__T(p) *), (struct pubsub *)(void *)(p))
#define PUBSUB__SUB(s) ((void)sizeof(PUBSUB__SUB_T(s) *), (struct pubsub__sub *)(void *)(s))
#define pubsub_make(...) ((pubsub(__VA_ARGS__))(void *)pubsub__make(sizeof(__VA_ARGS__)))
#define pubsub_subscribe(p, topic, room, policy) \
    ((pubsub_sub(PUBSUB__T(p)))(void *)pubsub__subscribe(PUBSUB__PTR(p), (topic), (policy), (void *)conc_chan_make(PUBSUB__T(p), (room))))
#define pubsub_chan(s) ((conc_recv_chan(PUBSUB__SUB_T(s)))(void *)PUBSUB__SUB(s)->pubsub__out)
#define pubsub_publish(p, ctx, topic, ...) __extension__({ \
    PUBSUB__T(p) pubsub__v = (__VA_ARGS__); \
    pubsub__publish(PUBSUB__PTR(p), (ctx), (topic), &pubsub__v); })
#else
template <class T> using pubsub_of = T (**)(struct pubsub *);
template <class T> using pubsub_sub_of = T (**)(struct pubsub__sub *);
#define pubsub(...) pubsub_of<__VA_ARGS__>
#define pubsub_sub(...) pubsub_sub_of<__VA_ARGS__>
template <class T> struct pubsub__same { typedef T type; };
template <class T> static inline struct pubsub *PUBSUB__PTR(pubsub_of<T> p) { return (struct pubsub *)(void *)p; }
template <class T> static inline struct pubsub__sub *PUBSUB__SUB(pubsub_sub_of<T> s) { return (struct pubsub__sub *)(void *)s; }
#define pubsub_make(...) ((pubsub(__VA_ARGS__))(void *)pubsub__make(sizeof(__VA_ARGS__)))
template <class T, class N>
static inline pubsub_sub_of<T> pubsub_subscribe(pubsub_of<T> p, const char *topic, N room, enum pubsub_policy policy) {
    return (pubsub_sub_of<T>)(void *)pubsub__subscribe(PUBSUB__PTR<T>(p), topic, policy, (void *)conc_chan_make(T, room));
}
template <class T> static inline conc_recv_chan(T) pubsub_chan(pubsub_sub_of<T> s) {
    return (conc_recv_chan(T))(void *)PUBSUB__SUB<T>(s)->pubsub__out;
}
template <class T>
static inline conc_status pubsub_publish(pubsub_of<T> p, conc_ctx *ctx, const char *topic, const typename pubsub__same<T>::type &v) {
    return pubsub__publish(PUBSUB__PTR<T>(p), ctx, topic, &v);
}
#endif
#define pubsub_unsubscribe(s) pubsub__unsubscribe(PUBSUB__SUB(s))
#define pubsub_sub_free(s) pubsub__sub_free(PUBSUB__SUB(s))
#define pubsub_get_counts(s) pubsub__get_counts(PUBSUB__SUB(s))
#define pubsub_count(p, topic) pubsub__count(PUBSUB__PTR(p), (topic))
#define pubsub_close(p) pubsub__shut(PUBSUB__PTR(p))
#define pubsub_free(p) pubsub__free(PUBSUB__PTR(p))

#endif
