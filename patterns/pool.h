/* pool.h - a pool of reusable resources: connections, file handles, large buffers. For conc.h; copy this file beside it.

   Problem: things that are slow to make, and of which only so many may exist at once, are to be shared by many goroutines.

       acquire <---- idle (a buffered channel) ----- release         back into the channel, or closed if that is full
          '<------- permits (a buffered channel) ----- closed ones   one for each resource that may still be opened
       acquire takes what comes first: an idle resource, a permit to open one, the end of its context, or the pool's close

     static struct conn *dial(conc_ctx *ctx, struct server *to) { ... }        // NULL with errno set: it failed
     static void hang_up(struct conn *c) { ... }

     pool(struct conn) p = pool_make(struct conn, 4, 16, dial, hang_up, &server);  // keep 4 idle, at most 16 at once
     struct conn *c;
     int err = pool_acquire(p, ctx, &c);         // 0; CONC_CLOSED, CONC_TIMEOUT, CONC_CANCELED; or -errno of dial
     if (err == 0) query(c), pool_release(p, c);
     pool_free(p);

   Goroutines: none of its own, so there is none to stop. open, close and check run in the goroutine that calls the pool, outside its
   lock, and may block.

   Cancel: an acquire that waits ends with its context (NULL: never); open gets the context too. Error: an open that fails gives its
   permit to the next who waits, and the error to its caller only. A consumer that walks away without releasing keeps a resource
   and its permit: release on every path (defer helps).
   Close: pool_close closes the idle resources; those that are out are closed as they come back; whoever waits in acquire fails with
   CONC_CLOSED. pool_wait waits until all have come back, and after pool_close until the last has been closed.

   Who owns what: a resource is the pool's while idle and the acquirer's alone from acquire to release. What arg points to is yours
   and must outlive the last open. The pool itself lives until pool_free and the last release, whichever is later.

   Source: the pool of "Go in Action", chapter 7, and database/sql.DB for the limit on open ones, health check and expiry. The book's
   pool opens without limit; here the number of permits is the limit, and waiting is first come, first served. */
#ifndef POOL_H
#define POOL_H

#include "conc.h"

#include <stdlib.h>
#include <string.h>

struct pool_stats {
    size_t idle;                  /* in the channel now */
    size_t lent;                  /* out now, or being opened for somebody */
    size_t acquired, waited;      /* acquires that succeeded; that found neither a resource nor a permit at first */
    size_t opened, failed;        /* opens that succeeded, that failed */
    size_t closed, stale;         /* resources closed; those of them that had idled too long or failed the check */
};

struct pool__idle { void *item; int64_t since; };

struct pool {
    void (*pool__open)(void), (*pool__close)(void), (*pool__check)(void); /* T *(conc_ctx *, A *), R (T *), bool (T *) */
    void *pool__arg;
    int64_t pool__max_idle;
    conc_chan(struct pool__idle) pool__idle;
    conc_chan(char) pool__permits, pool__shut;
    size_t pool__refs; /* the owner, every resource that is out, and every call that does more than look */
    /* the mutex makes close and release one or the other; it is never held in open, close or check */
    conc_mutex pool__mutex;
    conc_cond pool__back;
    bool pool__closed;
    size_t pool__hands; /* calls that may have something in hand that is neither idle nor lent */
    struct pool_stats pool__stats;
};

#ifdef __clang__ /* T * and void * are passed alike; the macros below have checked T */
#define POOL__ERASED __attribute__((no_sanitize("function")))
#else
#define POOL__ERASED
#endif
POOL__ERASED static inline void *pool__do_open(struct pool *p, conc_ctx *ctx) {
    return ((void *(*)(conc_ctx *, void *))p->pool__open)(ctx, p->pool__arg);
}
POOL__ERASED static inline void pool__do_close(struct pool *p, void *item) { ((void (*)(void *))p->pool__close)(item); }
POOL__ERASED static inline bool pool__do_check(struct pool *p, void *item) { return ((bool (*)(void *))p->pool__check)(item); }

static inline void pool__ref(struct pool *p) { (void)__atomic_fetch_add(&p->pool__refs, 1, __ATOMIC_RELAXED); }
static inline void pool__unref(struct pool *p) {
    if (__atomic_sub_fetch(&p->pool__refs, 1, __ATOMIC_ACQ_REL) != 0) return;
    conc_chan_free(p->pool__idle), conc_chan_free(p->pool__permits), conc_chan_free(p->pool__shut);
    free(p);
}

static inline struct pool *pool__make(size_t idle, size_t max, void (*open_)(void), void (*close_)(void), void *arg) {
    const conc_mutex mutex = CONC_MUTEX_INIT;
    const conc_cond cond = CONC_COND_INIT;
    const struct pool_stats none = { 0, 0, 0, 0, 0, 0, 0, 0 };
    if (max == 0) conc_panic("pool_make: max must be at least 1");
    struct pool *p = (struct pool *)malloc(sizeof *p);
    if (p == NULL) return NULL;
    p->pool__open = open_;
    p->pool__close = close_;
    p->pool__check = NULL;
    p->pool__arg = arg;
    p->pool__max_idle = CONC_FOREVER;
    p->pool__idle = conc_chan_make(struct pool__idle, idle < max ? idle : max);
    p->pool__permits = conc_chan_make(char, max);
    p->pool__shut = conc_chan_make(char);
    p->pool__refs = 1;
    p->pool__mutex = mutex;
    p->pool__back = cond;
    p->pool__closed = false;
    p->pool__hands = 0;
    p->pool__stats = none;
    if (p->pool__idle == NULL || p->pool__permits == NULL || p->pool__shut == NULL) return pool__unref(p), (struct pool *)NULL;
    for (size_t i = 0; i < max; i++) conc_chan_send(p->pool__permits, 0);
    return p;
}

/* Close a resource that nobody has any more, and let another be opened in its place. */
static inline void pool__drop(struct pool *p, void *item, bool stale) {
    pool__do_close(p, item);
    conc_mutex_lock(&p->pool__mutex);
    p->pool__stats.closed++;
    if (stale) p->pool__stats.stale++;
    conc_mutex_unlock(&p->pool__mutex);
}

/* All four with the mutex. Has everything come back? After the close that includes what somebody has yet to close. */
static inline bool pool__is_back(const struct pool *p) { return p->pool__stats.lent == 0 && (!p->pool__closed || p->pool__hands == 0); }
/* What was lent has been dealt with. */
static inline void pool__returned(struct pool *p) {
    p->pool__stats.lent--;
    if (pool__is_back(p)) conc_cond_broadcast(&p->pool__back);
}
static inline void pool__reach(struct pool *p) { p->pool__hands++; }
static inline void pool__let_go(struct pool *p) {
    p->pool__hands--;
    if (pool__is_back(p)) conc_cond_broadcast(&p->pool__back);
}

static inline bool pool__is_stale(struct pool *p, const struct pool__idle *it) {
    return (p->pool__max_idle != CONC_FOREVER && conc_now() - it->since >= p->pool__max_idle) ||
           (p->pool__check != NULL && !pool__do_check(p, it->item));
}

/* A permit without a resource: give it back. */
static inline int pool__gave_up(struct pool *p, int err, bool failed) {
    conc_mutex_lock(&p->pool__mutex);
    if (failed) p->pool__stats.failed++;
    pool__returned(p);
    conc_mutex_unlock(&p->pool__mutex);
    conc_chan_send(p->pool__permits, 0); /* has room for all there are */
    return err;
}

enum { POOL__SHUT, POOL__DONE, POOL__IDLE, POOL__PERMIT, POOL__NONE };
/* Take an idle resource, or a permit for one: -> which, or why not. With the mutex, which it leaves while it waits. */
static inline int pool__take(struct pool *p, conc_ctx *ctx, struct pool__idle *it) {
    char none;
    const conc_case shut = conc_case_recv(p->pool__shut, &none), done = conc_case_done(ctx);
    const conc_case idle = conc_case_recv(p->pool__idle, it), permit = conc_case_recv(p->pool__permits, &none);
    if (p->pool__closed) return POOL__SHUT;
    int got = conc_select_ordered_of(shut, done, idle, permit, conc_case_default());
    if (got != POOL__NONE) return got;
    p->pool__stats.waited++;
    pool__reach(p);
    conc_mutex_unlock(&p->pool__mutex);
    got = conc_select_ordered_of(shut, done, idle, permit);
    conc_mutex_lock(&p->pool__mutex);
    pool__let_go(p);
    return got;
}

static inline int pool__get(struct pool *p, conc_ctx *ctx, void **item) {
    struct pool__idle it = { NULL, 0 };
    conc_mutex_lock(&p->pool__mutex);
    int got = pool__take(p, ctx, &it);
    bool closed = p->pool__closed;
    if (got == POOL__IDLE || got == POOL__PERMIT) p->pool__stats.lent++;
    conc_mutex_unlock(&p->pool__mutex);
    if (got == POOL__SHUT) return CONC_CLOSED;
    if (got == POOL__DONE) return (int)conc_ctx_err(ctx);

    /* from here on it is ours: an idle resource, or a permit for one */
    bool stale = it.item != NULL && !closed && pool__is_stale(p, &it);
    if (it.item != NULL && (closed || stale)) pool__drop(p, it.item, stale), it.item = NULL;
    if (closed) return pool__gave_up(p, CONC_CLOSED, false);
    bool opened = it.item == NULL;
    if (opened) {
        errno = 0;
        it.item = pool__do_open(p, ctx);
        int err = errno;
        if (it.item == NULL) {
            if (conc_ctx_err(ctx) != CONC_OK) return pool__gave_up(p, (int)conc_ctx_err(ctx), true);
            return pool__gave_up(p, err != 0 ? -err : -EIO, true);
        }
    }
    conc_mutex_lock(&p->pool__mutex);
    p->pool__stats.opened += opened;
    closed = p->pool__closed;
    if (!closed) p->pool__stats.acquired++;
    conc_mutex_unlock(&p->pool__mutex);
    if (closed) { /* while it was opened or checked */
        pool__drop(p, it.item, false);
        return pool__gave_up(p, CONC_CLOSED, false);
    }
    *item = it.item;
    return 0;
}

static inline int pool__acquire(struct pool *p, conc_ctx *ctx, void *out) {
    void *item = NULL;
    pool__ref(p);
    int err = pool__get(p, ctx, &item);
    memcpy(out, &item, sizeof item); /* out is a T ** */
    if (err != 0) pool__unref(p);    /* else release does it */
    return err;
}

static inline bool pool__keep(struct pool *p, void *item, int64_t since) { /* with the mutex */
    const struct pool__idle it = { item, since };
    return !p->pool__closed && conc_chan_try_send(p->pool__idle, it) == CONC_OK;
}

static inline void pool__release(struct pool *p, void *item) {
    conc_mutex_lock(&p->pool__mutex);
    if (p->pool__stats.lent == 0) conc_panic("pool_release: nothing is lent by this pool");
    bool kept = pool__keep(p, item, conc_now());
    if (kept) pool__returned(p);
    conc_mutex_unlock(&p->pool__mutex);
    if (!kept) {
        pool__drop(p, item, false);
        (void)pool__gave_up(p, 0, false);
    }
    pool__unref(p);
}

/* A close or prune is through with the idle ones. */
static inline void pool__went_over(struct pool *p) {
    conc_mutex_lock(&p->pool__mutex);
    pool__let_go(p);
    conc_mutex_unlock(&p->pool__mutex);
    pool__unref(p);
}

static inline void pool__shut_down(struct pool *p) {
    struct pool__idle it;
    conc_mutex_lock(&p->pool__mutex);
    bool first = !p->pool__closed;
    p->pool__closed = true;
    if (first) pool__ref(p), pool__reach(p); /* who is told that it is closed may free it */
    conc_mutex_unlock(&p->pool__mutex);
    if (!first) return;
    conc_chan_close(p->pool__shut);
    while (conc_chan_try_recv(p->pool__idle, &it) == CONC_OK) {
        pool__drop(p, it.item, false);
        conc_chan_send(p->pool__permits, 0);
    }
    pool__went_over(p);
}

static inline size_t pool__prune(struct pool *p) {
    struct pool__idle it;
    size_t dropped = 0;
    conc_mutex_lock(&p->pool__mutex);
    pool__ref(p), pool__reach(p);
    conc_mutex_unlock(&p->pool__mutex);
    for (size_t n = conc_chan_len(p->pool__idle); n > 0 && conc_chan_try_recv(p->pool__idle, &it) == CONC_OK; n--) {
        bool stale = pool__is_stale(p, &it);
        conc_mutex_lock(&p->pool__mutex);
        bool kept = !stale && pool__keep(p, it.item, it.since);
        conc_mutex_unlock(&p->pool__mutex);
        if (kept) continue;
        pool__drop(p, it.item, stale);
        conc_chan_send(p->pool__permits, 0);
        dropped++;
    }
    pool__went_over(p);
    return dropped;
}

static inline conc_status pool__wait(struct pool *p, conc_ctx *ctx) {
    conc_status err = CONC_OK;
    conc_mutex_lock(&p->pool__mutex);
    while (!pool__is_back(p) && err == CONC_OK) err = conc_cond_wait_ctx(&p->pool__back, &p->pool__mutex, ctx);
    conc_mutex_unlock(&p->pool__mutex);
    return err;
}

static inline struct pool_stats pool__get_stats(struct pool *p) {
    conc_mutex_lock(&p->pool__mutex);
    struct pool_stats s = p->pool__stats;
    conc_mutex_unlock(&p->pool__mutex);
    s.idle = conc_chan_len(p->pool__idle);
    return s;
}

static inline void pool__free(struct pool *p) {
    if (p == NULL) return;
    pool__shut_down(p);
    pool__unref(p);
}

/* pool(T)                a handle, as chan(T) is: copy it freely. (The word is a macro before a parenthesis only.) All operations may be
                          called by any goroutine or thread
   pool_make(T, idle, max, open, close, arg)
                          a pool that keeps up to idle resources for reuse and never has more than max >= 1 at once. NULL: no memory.
                          T *open(conc_ctx *ctx, A *arg): a new one, or NULL with errno set; close(T *): its end
   pool_set_check(p, alive)    bool alive(T *): asked for an idle resource before it is handed out; false: close it, open another
   pool_set_max_idle(p, ns)    those that have idled so long are not handed out any more, but closed. Both: before the first acquire
   pool_acquire(p, ctx, &item)
                          0: *item, a T *, is yours. CONC_CLOSED, CONC_TIMEOUT, CONC_CANCELED, or -errno as open left it: *item is NULL
   pool_release(p, item)  give it back: exactly once, and not used any more
   pool_prune(p)          close what idled too long or fails the check, now rather than at the next acquire; -> how many
   pool_close(p)          no more acquires. Again: does nothing
   pool_wait(p, ctx)      wait until nothing is lent: CONC_OK, or why ctx ended. After pool_close that is the end of all resources
   pool_get_stats(p)      -> struct pool_stats
   pool_free(p)           close, and give the handle up; resources that are still lent may be released afterwards. NULL is allowed */
#ifndef __cplusplus
#define pool(...) __typeof__(__typeof__(__VA_ARGS__) *(**)(struct pool *))
#define POOL__ITEM(p) __typeof__((**(p))((struct pool *)0)) /* T * */
#define POOL__SAY(cond, text) ((void)sizeof(struct { _Static_assert(cond, text); int pool__; }))
#define POOL__PTR(p) ((void)sizeof(POOL__ITEM(p)), (struct pool *)(void *)(p))
#define POOL__IS(x, T) _Generic((x), T: 1, default: 0)
#define pool_make(T, idle, max, open, close, ...) \
    (POOL__SAY(POOL__IS((open)((conc_ctx *)0, (__VA_ARGS__)), T *), "pool_make: open is  T *open(conc_ctx *ctx, A *arg)"), \
     (void)sizeof((void)(close)((T *)0), 0), \
     (pool(T))(void *)pool__make((idle), (max), (void (*)(void))(open), (void (*)(void))(close), (void *)(uintptr_t)(__VA_ARGS__)))
#define pool_set_check(p, alive) \
    (POOL__SAY(POOL__IS((alive)((POOL__ITEM(p))0), bool), "pool_set_check: the check is  bool alive(T *item)"), \
     (void)(POOL__PTR(p)->pool__check = (void (*)(void))(alive)))
#define pool_acquire(p, ctx, out) \
    (POOL__SAY(POOL__IS((out), POOL__ITEM(p) *), "pool_acquire: for a pool(T) the destination must be a T **"), \
     pool__acquire(POOL__PTR(p), (ctx), (out)))
#define pool_release(p, item) \
    (POOL__SAY(POOL__IS((item), POOL__ITEM(p)), "pool_release: a pool(T) takes back a T *"), \
     pool__release(POOL__PTR(p), (item)))
#else
template <class T> using pool_of = T *(**)(struct pool *);
#define pool(...) pool_of<__VA_ARGS__>
template <class T> struct pool__same { typedef T type; };
template <class T> static inline struct pool *POOL__PTR(pool_of<T> p) { return (struct pool *)(void *)p; }
template <class T, class A, class R, class C>
static inline pool_of<T> pool__make_of(size_t idle, size_t max, T *(*open)(conc_ctx *, A *), R (*close)(C *), typename pool__same<A>::type *arg) {
    static_assert(std::is_convertible<T *, C *>::value, "pool_make: close takes a T *");
    return (pool_of<T>)(void *)pool__make(idle, max, reinterpret_cast<void (*)(void)>(open), reinterpret_cast<void (*)(void)>(close),
                                          const_cast<void *>(static_cast<const volatile void *>(arg)));
}
#define pool_make(T, idle, max, ...) pool__make_of<T>((idle), (max), __VA_ARGS__)
template <class T> static inline void pool_set_check(pool_of<T> p, bool (*alive)(T *)) {
    POOL__PTR<T>(p)->pool__check = reinterpret_cast<void (*)(void)>(alive);
}
template <class T> static inline int pool_acquire(pool_of<T> p, conc_ctx *ctx, typename pool__same<T>::type **out) {
    return pool__acquire(POOL__PTR<T>(p), ctx, out);
}
template <class T> static inline void pool_release(pool_of<T> p, typename pool__same<T>::type *item) { pool__release(POOL__PTR<T>(p), item); }
#endif
#define pool_set_max_idle(p, ns) ((void)(POOL__PTR(p)->pool__max_idle = (ns)))
#define pool_prune(p) pool__prune(POOL__PTR(p))
#define pool_close(p) pool__shut_down(POOL__PTR(p))
#define pool_wait(p, ctx) pool__wait(POOL__PTR(p), (ctx))
#define pool_get_stats(p) pool__get_stats(POOL__PTR(p))
#define pool_free(p) pool__free(POOL__PTR(p))

#endif
