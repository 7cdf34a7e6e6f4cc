/* subscription.h - a source that is asked now and then, as a channel of what is new in it. For conc.h; copy this file beside it.

   Problem: a feed, a mailbox or a directory must be asked for its items again and again. Whoever wants them wants a channel: each item once,
   though the source repeats itself; not too often, and less often while it fails; no more fetched than is taken; and an end, at once,
   whatever is going on.

                 .-----------------------------------------------.
       due ------|  one goroutine, one select:                   |---- subscription_updates(s)     one item at a time
       fetched --|    due and room for more: fetch               |
       closing --|    fetched: drop what was seen, keep the rest |---- fetch(ctx, arg, list, &next), in a goroutine of its own
                 |    kept something: offer the first            |
                 '-----------------------------------------------'

     static int fetch(conc_ctx *ctx, struct feed *f, subscription_list(struct item) list, int64_t *next) {
         ... for each: subscription_add(list, item.guid, item);        // the key: what was seen under it before is left out
         *next = 10 * CONC_MIN;                                        // from now; CONC_FOREVER: this was the last
         return 0;                                                     // or an error: it is asked again after backoff
     }

     subscription(struct item) s[2] = { subscription_make(struct item, 10, CONC_MIN, fetch, &a), ... };
     subscription(struct item) all = subscription_merge(struct item, s, 2);     // the two are its own now
     chan_range(item, subscription_updates(all)) show(item);
     subscription_free(all);

   Goroutines: one per subscription, and one more while it fetches; a merged one has one per part. They end with subscription_close and
   subscription_free, which wait for them; or when the source has had its last items and they have been taken. Then the channel
   is closed, by the subscription. fetch must listen to its context: close waits for it.

   Consumer gone: what has been fetched waits; no more is fetched once max_pending items do. Cancel: close ends a wait, a fetch that
   listens, and an offer alike. Error: a fetch that fails is repeated after backoff, twice as long each time up to 64 times as long;
   the error of the last fetch is what close returns (0: it did not fail). A fetch that ends its goroutine by conc_exit has failed
   with CONC_CANCELED. Items of a fetch that fails count all the same.

   Who owns what: items are copied, keys too. The set of keys only grows, as the feed does: a subscription that lives for years should
   be made anew now and then. What the argument points to is yours, and is only used by one fetch at a time. Handles are
   freed once, by one goroutine, when nobody receives any more; close is for any goroutine or thread, and who sees the end of the
   channel may free the handle though the close that brought it about has not returned.

   Source: Sameer Ajmani, "Advanced Go Concurrency Patterns" (2013): the subscription loop, with its nil channels for what is not to be
   done now, dedupe, asynchronous fetch, bounded queue, and merge. */
#ifndef SUBSCRIPTION_H
#define SUBSCRIPTION_H

#include "conc.h"

#include <stdlib.h>
#include <string.h>

struct subscription_stats { size_t fetches, failures, items, repeated; }; /* items: new ones; repeated: left out */

/* A queue: of what a fetch has brought, or of what is to be offered. */
struct subscription__list {
    struct subscription *of;
    size_t n, room, first; /* items, from first on */
    char *items;
};
struct subscription__fetched { int err; int64_t next; };

struct subscription {
    size_t subscription__refs; /* the handle, or the merged one that it is part of; every close */
    size_t subscription__size; /* of T */
    conc_chan(char) subscription__updates; /* really of T */
    conc_ctx *subscription__ctx;
    conc_wg subscription__running;
    /* a source. What has come in is the fetch's while there is one; all else the loop's */
    void (*subscription__fetch)(void); /* int (conc_ctx *, A *, list, int64_t *) */
    void *subscription__arg;
    size_t subscription__max;
    int64_t subscription__backoff;
    conc_map(const char *, char) subscription__seen;
    struct subscription__list subscription__pending, subscription__incoming;
    struct subscription__fetched subscription__now;
    conc_chan(struct subscription__fetched) subscription__done;
    /* a merged one */
    struct subscription **subscription__parts;
    size_t subscription__n_parts, subscription__open; /* those whose channel is */
    conc_mutex subscription__mutex;
    int subscription__error;
    struct subscription_stats subscription__stats;
};

/* ---- items ---- */

static inline bool subscription__push(struct subscription__list *l, const void *item) {
    size_t size = l->of->subscription__size;
    if (l->first > 0 && l->first + l->n == l->room) { /* use the room in front */
        memmove(l->items, l->items + l->first * size, l->n * size);
        l->first = 0;
    }
    if (l->first + l->n == l->room) {
        size_t room = 2 * l->room + 8;
        char *items = (char *)realloc(l->items, room * size);
        if (items == NULL) return false;
        l->items = items;
        l->room = room;
    }
    memcpy(l->items + (l->first + l->n++) * size, item, size);
    return true;
}
static inline conc_status subscription__add(struct subscription__list *l, const char *key, const void *item) {
    struct subscription *s = l->of;
    char none;
    bool again = conc_map_load_or_store(s->subscription__seen, key, 1, &none);
    if (!again && !subscription__push(l, item)) {
        (void)conc_map_delete(s->subscription__seen, key);
        return CONC_NO_MEMORY;
    }
    conc_mutex_lock(&s->subscription__mutex);
    if (again) s->subscription__stats.repeated++;
    else s->subscription__stats.items++;
    conc_mutex_unlock(&s->subscription__mutex);
    return CONC_OK;
}

/* ---- fetching ---- */

#ifdef __clang__
__attribute__((no_sanitize("function"))) /* A * and void *, and all handles, are passed alike; subscription_make has checked them */
#endif
static inline int subscription__call(struct subscription *s, int64_t *next) {
    return ((int (*)(conc_ctx *, void *, void *, int64_t *))s->subscription__fetch)(s->subscription__ctx, s->subscription__arg,
                                                                                    &s->subscription__incoming, next);
}
static inline void subscription__end_fetch(void *arg) { /* at the end of its goroutine, also by conc_exit */
    struct subscription *s = (struct subscription *)arg;
    conc_chan_send(s->subscription__done, s->subscription__now); /* has room */
}
static inline void subscription__do_fetch(struct subscription *s) {
    struct subscription__fetched *f = &s->subscription__now;
    f->next = 0;
    f->err = (int)conc_on_exit(subscription__end_fetch, s);
    if (f->err != CONC_OK) {
        subscription__end_fetch(s);
        return;
    }
    f->err = CONC_CANCELED; /* unless it returns */
    f->err = subscription__call(s, &f->next);
}

/* When to fetch next. */
static inline int64_t subscription__settle(struct subscription *s, const struct subscription__fetched *f, unsigned *failures) {
    conc_mutex_lock(&s->subscription__mutex);
    s->subscription__stats.fetches++;
    s->subscription__error = f->err;
    if (f->err != 0) s->subscription__stats.failures++;
    conc_mutex_unlock(&s->subscription__mutex);
    *failures = f->err == 0 ? 0 : *failures < 7 ? *failures + 1 : 7;
    int64_t wait = f->err == 0 ? f->next : s->subscription__backoff << (*failures - 1);
    return wait == CONC_FOREVER ? CONC_FOREVER : conc_now() + wait;
}

/* A case that offers the first item, or none: a nil channel is never ready. */
static inline conc_case subscription__offer(struct subscription *s) {
    static const char none = 0;
    struct subscription__list *l = &s->subscription__pending;
    conc_chan(char) nil = NULL;
    conc_case c = conc_case_send(l->n > 0 ? s->subscription__updates : nil, none);
    c.size = (uint32_t)s->subscription__size;
    if (l->n > 0) c.val = l->items + l->first * s->subscription__size;
    return c;
}

/* When all has been offered, what has come in is next. */
static inline void subscription__turn(struct subscription *s) {
    struct subscription__list empty = s->subscription__pending;
    if (empty.n > 0) return;
    empty.first = 0;
    s->subscription__pending = s->subscription__incoming;
    s->subscription__incoming = empty;
}

static inline void subscription__loop(struct subscription *s) {
    enum { CLOSING, FETCHED, OFFERED };
    struct subscription__fetched f = { 0, 0 };
    struct subscription__list *l = &s->subscription__pending;
    int64_t due = conc_now();
    unsigned failures = 0;
    for (bool fetching = false, closing = false; !closing && (fetching || l->n > 0 || due != CONC_FOREVER);) {
        bool waits = !fetching && due != CONC_FOREVER && l->n < s->subscription__max && s->subscription__incoming.n == 0;
        conc_case c[] = { conc_case_done(s->subscription__ctx), conc_case_recv(s->subscription__done, &f), subscription__offer(s),
                          conc_case_timeout(waits ? due - conc_now() : 0) };
        int got = conc_select_ordered_n(c, waits ? 4 : 3);
        closing = got == CLOSING;
        if (closing && fetching) conc_chan_recv(s->subscription__done, &f); /* it listens to its context */
        if (got == FETCHED || (closing && fetching)) due = subscription__settle(s, &f, &failures), fetching = false;
        else if (got == OFFERED) l->n--, l->first++;
        else if (!closing) conc_wg_go(&s->subscription__running, subscription__do_fetch, s), fetching = true;
        if (!fetching) subscription__turn(s);
    }
    conc_chan_close(s->subscription__updates);
}

/* ---- merging ---- */

static inline void subscription__forward(struct subscription *all, struct subscription *part) {
    enum { CLOSING, ITEM };
    const size_t size = all->subscription__size;
    char *item = (char *)malloc(size);
    for (bool more = item != NULL; more;) {
        conc_case c[] = { conc_case_done(all->subscription__ctx), conc_case_recv(part->subscription__updates, item) };
        c[ITEM].size = (uint32_t)size;
        more = conc_select_ordered_n(c, 2) == ITEM && c[ITEM].ok;
        if (!more) break;
        conc_case out[] = { conc_case_done(all->subscription__ctx), conc_case_send(all->subscription__updates, 0) };
        out[ITEM].size = (uint32_t)size;
        out[ITEM].val = item;
        more = conc_select_ordered_n(out, 2) == ITEM;
    }
    free(item);
    if (__atomic_sub_fetch(&all->subscription__open, 1, __ATOMIC_ACQ_REL) == 0) conc_chan_close(all->subscription__updates);
}

/* ---- making and ending ---- */

static inline void subscription__release(struct subscription *s) {
    conc_chan_free(s->subscription__updates), conc_chan_free(s->subscription__done);
    conc_ctx_free(s->subscription__ctx);
    conc_map_free(s->subscription__seen);
    free(s->subscription__pending.items), free(s->subscription__incoming.items), free(s->subscription__parts);
    free(s);
}
static inline struct subscription *subscription__new(size_t size, void *updates) {
    const conc_mutex mutex = CONC_MUTEX_INIT;
    const conc_wg wg = CONC_WG_INIT;
    struct subscription *s = (struct subscription *)calloc(1, sizeof *s);
    if (s == NULL) {
        conc_chan_free((conc_chan(char))updates);
        return NULL;
    }
    s->subscription__refs = 1;
    s->subscription__size = size;
    s->subscription__updates = (conc_chan(char))updates;
    s->subscription__ctx = conc_ctx_with_cancel(conc_ctx_background());
    s->subscription__running = wg;
    s->subscription__mutex = mutex;
    s->subscription__pending.of = s->subscription__incoming.of = s;
    if (updates != NULL && s->subscription__ctx != NULL) return s;
    subscription__release(s);
    return NULL;
}
static inline struct subscription *subscription__make(size_t size, void *updates, size_t max, int64_t backoff, void (*fetch)(void), void *arg) {
    if (max == 0) conc_panic("subscription_make: max_pending must be at least 1");
    struct subscription *s = subscription__new(size, updates);
    if (s == NULL) return NULL;
    s->subscription__fetch = fetch;
    s->subscription__arg = arg;
    s->subscription__max = max;
    s->subscription__backoff = backoff;
    s->subscription__seen = conc_map_make(const char *, char);
    s->subscription__done = conc_chan_make(struct subscription__fetched, 1);
    if (s->subscription__seen != NULL && s->subscription__done != NULL) return conc_wg_go(&s->subscription__running, subscription__loop, s), s;
    subscription__release(s);
    return NULL;
}
static inline void subscription__free(struct subscription *s);
static inline void subscription__unref(struct subscription *s) {
    if (__atomic_sub_fetch(&s->subscription__refs, 1, __ATOMIC_ACQ_REL) != 0) return;
    for (size_t i = 0; i < s->subscription__n_parts; i++) subscription__free(s->subscription__parts[i]);
    subscription__release(s);
}
static inline int subscription__close(struct subscription *s) {
    int err = 0;
    (void)__atomic_fetch_add(&s->subscription__refs, 1, __ATOMIC_RELAXED); /* who sees the channel closed may free s */
    conc_ctx_cancel(s->subscription__ctx);
    for (size_t i = 0; i < s->subscription__n_parts; i++) {
        int part = subscription__close(s->subscription__parts[i]);
        if (err == 0) err = part;
    }
    conc_wg_wait(&s->subscription__running);
    conc_mutex_lock(&s->subscription__mutex);
    if (err == 0) err = s->subscription__error;
    conc_mutex_unlock(&s->subscription__mutex);
    subscription__unref(s);
    return err;
}
static inline void subscription__free(struct subscription *s) {
    if (s == NULL) return;
    (void)subscription__close(s);
    subscription__unref(s);
}
static inline struct subscription *subscription__merge(size_t size, void *updates, const void *parts, size_t n) {
    struct subscription *all = subscription__new(size, updates);
    bool good = all != NULL;
    if (good) all->subscription__parts = (struct subscription **)malloc((n + 1) * sizeof *all->subscription__parts);
    good = good && all->subscription__parts != NULL;
    for (size_t i = 0; i < n; i++) {
        struct subscription *part;
        memcpy(&part, (const char *)parts + i * sizeof part, sizeof part); /* parts is an array of handles */
        good = good && part != NULL;
        if (all != NULL && all->subscription__parts != NULL && part != NULL) all->subscription__parts[all->subscription__n_parts++] = part;
        else subscription__free(part);
    }
    if (!good) return subscription__free(all), (struct subscription *)NULL;
    all->subscription__open = n;
    if (n == 0) conc_chan_close(all->subscription__updates);
    for (size_t i = 0; i < n; i++) conc_wg_go(&all->subscription__running, subscription__forward, all, all->subscription__parts[i]);
    return all;
}
static inline struct subscription_stats subscription__get_stats(struct subscription *s) {
    conc_mutex_lock(&s->subscription__mutex);
    struct subscription_stats sum = s->subscription__stats;
    conc_mutex_unlock(&s->subscription__mutex);
    for (size_t i = 0; i < s->subscription__n_parts; i++) {
        struct subscription_stats part = subscription__get_stats(s->subscription__parts[i]);
        sum.fetches += part.fetches, sum.failures += part.failures, sum.items += part.items, sum.repeated += part.repeated;
    }
    return sum;
}

/* subscription(T), subscription_list(T)      handles, as chan(T) is. T may not be an array
   subscription_make(T, max_pending, backoff, fetch, arg)
                          begin; no more than max_pending >= 1 items wait when a fetch begins. NULL: no memory.
                          int fetch(conc_ctx *ctx, A *arg, subscription_list(T) list, int64_t *next): see above; *next is 0 before
   subscription_add(list, key, item)          in fetch: CONC_OK, whether it is new or not; CONC_NO_MEMORY: it was not added
   subscription_merge(T, subs, n)             the items of all n, which belong to it from here on. NULL, and all are freed: no memory, or one of
                          them is NULL; so what subscription_make returned need not be looked at
   subscription_updates(s)                    -> recv_chan(T), borrowed until subscription_free
   subscription_close(s)  end it and wait for that; what was not taken is lost. -> the error of the last fetch (merged: of the first part with one),
                          0: none. Again: the same
   subscription_get_stats(s)                  -> struct subscription_stats; of a merged one, the sums
   subscription_free(s)   close, and free. NULL is allowed */
#ifndef __cplusplus
#define subscription(...) __typeof__(__typeof__(__VA_ARGS__) (**)(struct subscription *))
#define subscription_list(...) __typeof__(__typeof__(__VA_ARGS__) (**)(struct subscription__list *))
#define SUBSCRIPTION__T(s) __typeof__((**(s))((struct subscription *)0))
#define SUBSCRIPTION__LIST_T(l) __typeof__((**(l))((struct subscription__list *)0))
#define SUBSCRIPTION__PTR(s) ((void)sizeof(SUBSCRIPTION__T(s) *), (struct subscription *)(void *)(s))
#define subscription_make(T, max_pending, backoff, fetch, ...) \
    ((void)sizeof(struct { _Static_assert(_Generic((fetch)((conc_ctx *)0, (__VA_ARGS__), (subscription_list(T))0, (int64_t *)0), int: 1, default: 0), \
        "subscription_make: fetch is  int fetch(conc_ctx *ctx, A *arg, subscription_list(T) list, int64_t *next)"); int subscription__; }), \
     (subscription(T))(void *)subscription__make(sizeof(T), (void *)conc_chan_make(T), (max_pending), (backoff), (void (*)(void))(fetch), \
                                                 (void *)(uintptr_t)(__VA_ARGS__)))
#define subscription_add(list, key, ...) __extension__({ \
    SUBSCRIPTION__LIST_T(list) subscription__v = (__VA_ARGS__); \
    subscription__add((struct subscription__list *)(void *)(list), (key), &subscription__v); })
#define subscription_merge(T, subs, n) \
    ((void)sizeof(struct { _Static_assert(_Generic(&(subs)[0], subscription(T) *: 1, const subscription(T) *: 1, default: 0), \
        "subscription_merge: the parts are an array of subscription(T)"); int subscription__; }), \
     (subscription(T))(void *)subscription__merge(sizeof(T), (void *)conc_chan_make(T), &(subs)[0], (n)))
#define subscription_updates(s) ((conc_recv_chan(SUBSCRIPTION__T(s)))(void *)SUBSCRIPTION__PTR(s)->subscription__updates)
#else
template <class T> using subscription_of = T (**)(struct subscription *);
template <class T> using subscription_list_of = T (**)(struct subscription__list *);
#define subscription(...) subscription_of<__VA_ARGS__>
#define subscription_list(...) subscription_list_of<__VA_ARGS__>
template <class T> struct subscription__same { typedef T type; };
template <class T> static inline struct subscription *SUBSCRIPTION__PTR(subscription_of<T> s) { return (struct subscription *)(void *)s; }
template <class T, class A>
static inline subscription_of<T> subscription__make_of(size_t max, int64_t backoff, int (*fetch)(conc_ctx *, A *, subscription_list_of<T>, int64_t *),
                                                       typename subscription__same<A>::type *arg) {
    return (subscription_of<T>)(void *)subscription__make(sizeof(T), (void *)conc_chan_make(T), max, backoff, reinterpret_cast<void (*)(void)>(fetch),
                                                          const_cast<void *>(static_cast<const volatile void *>(arg)));
}
#define subscription_make(T, max_pending, backoff, ...) subscription__make_of<T>((max_pending), (backoff), __VA_ARGS__)
template <class T>
static inline conc_status subscription_add(subscription_list_of<T> list, const char *key, const typename subscription__same<T>::type &item) {
    return subscription__add((struct subscription__list *)(void *)list, key, &item);
}
template <class T> static inline subscription_of<T> subscription__merge_of(const subscription_of<T> *subs, size_t n) {
    return (subscription_of<T>)(void *)subscription__merge(sizeof(T), (void *)conc_chan_make(T), subs, n);
}
#define subscription_merge(T, subs, n) subscription__merge_of<T>(&(subs)[0], (n))
template <class T> static inline conc_recv_chan(T) subscription_updates(subscription_of<T> s) {
    return (conc_recv_chan(T))(void *)SUBSCRIPTION__PTR<T>(s)->subscription__updates;
}
#endif
#define subscription_close(s) subscription__close(SUBSCRIPTION__PTR(s))
#define subscription_get_stats(s) subscription__get_stats(SUBSCRIPTION__PTR(s))
#define subscription_free(s) subscription__free(SUBSCRIPTION__PTR(s))

#endif
