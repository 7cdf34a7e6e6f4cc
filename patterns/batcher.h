/* batcher.h - single items in, batches out: when so many have come, or the first has waited so long. For conc.h; copy this file
   beside it.

   Problem: each write, insert or request has a price of its own (a system call, a round trip, a commit), and items come one by one
   from many goroutines.

       add ---.   [ queue: room items ]
       add --- -> [ oldest ... newest ] --- size items, or the oldest has waited linger, or a flush ---> put(batch)
       add ---'   waits while it is full                one goroutine, one batch at a time, in the order of coming

     static int insert(conc_ctx *ctx, struct db *db, const struct row *rows, size_t n) { ... }   // 0, or an error of its own

     batcher(struct row) b = batcher_make(struct row, 100, 50 * CONC_MS, 1000, insert, &db);
     int err = batcher_add(b, ctx, row);           // 0; waits while 1000 are queued: pressure on whoever makes them
     err = batcher_flush(b, ctx);                  // all that was added before has been put
     err = batcher_close(b, ctx);                  // no more; put the rest and wait for it
     batcher_free(b);

   When the goroutine stops: there is one, from batcher_make on; when batcher_close has returned 0, or an error of put's, it has put
   everything and ends. batcher_free waits for it.

   Cancel: what waits ends with its context (NULL: never). put's own context is the batcher's: it ends with batcher_free, and when
   batcher_close runs out of patience. Error: the first one of put ends the work: what is queued is dropped (batcher_get_stats
   counts it), and every later add, flush and close returns that error, as bufio.Writer's do. A put that can go on returns 0.
   There is no consumer that could be gone: put is the consumer; a slow one makes adds wait.

   Who owns what: items are copied; what they point to passes to put, but for those that are dropped, which are lost: keep in arg what
   must be freed then. The batch is put's until it returns. What arg points to is yours until batcher_free. put may not call
   flush, close or free, nor end its goroutine by conc_exit; an add of its own must not wait (give it a context). All
   operations but batcher_free may be called by any goroutine or thread.

   Source: the queuing stage of "Concurrency in Go", chapter 4, and the batchers of Go's client libraries: a select over a channel, a
   timer and a flush request. */
#ifndef BATCHER_H
#define BATCHER_H

#include "conc.h"

#include <stdlib.h>
#include <string.h>

struct batcher_stats {
    size_t queued;                    /* now */
    size_t added, put, dropped;       /* items: accepted; given to put, in a batch that may have failed; dropped after an error */
    size_t batches, full;             /* calls of put that have returned; those of them that were given size items */
};

struct batcher { /* the mutex guards what follows it; it is not held while put runs */
    size_t batcher__elem, batcher__size, batcher__room;
    int64_t batcher__linger;
    void (*batcher__put)(void);       /* int (conc_ctx *, A *, const T *, size_t) */
    void *batcher__arg;
    conc_ctx *batcher__ctx;
    conc_wg batcher__running;
    unsigned char *batcher__batch;    /* size items: put's */
    conc_mutex batcher__mutex;
    conc_cond batcher__added, batcher__taken, batcher__done;
    unsigned char *batcher__items;    /* a ring of room items, with when each was added */
    int64_t *batcher__since;
    size_t batcher__first, batcher__n;
    size_t batcher__flush;            /* put at once until so many of those added are dealt with */
    size_t batcher__dealt;            /* added items that put has returned for, or that were dropped */
    bool batcher__closed, batcher__stopped;
    int batcher__error;
    struct batcher_stats batcher__stats;
};

#ifdef __clang__
__attribute__((no_sanitize("function"))) /* T * and void * are passed alike; the macros below have checked T */
#endif
static inline int batcher__call(const struct batcher *b, size_t n) {
    return ((int (*)(conc_ctx *, void *, const void *, size_t))b->batcher__put)(b->batcher__ctx, b->batcher__arg, b->batcher__batch, n);
}

/* ---- the goroutine; all of it with the mutex ---- */

/* How long until a batch is to be put? <= 0: now. CONC_FOREVER: there is nothing to put. */
static inline int64_t batcher__delay(const struct batcher *b) {
    if (b->batcher__n == 0) return CONC_FOREVER;
    if (b->batcher__n >= b->batcher__size || b->batcher__closed || b->batcher__dealt < b->batcher__flush) return 0;
    int64_t waited = conc_now() - b->batcher__since[b->batcher__first];
    return b->batcher__linger - waited;
}

static inline size_t batcher__take(struct batcher *b) {
    size_t n = b->batcher__n < b->batcher__size ? b->batcher__n : b->batcher__size, elem = b->batcher__elem;
    size_t end = b->batcher__room - b->batcher__first, head = n < end ? n : end; /* up to where the ring turns */
    memcpy(b->batcher__batch, b->batcher__items + b->batcher__first * elem, head * elem);
    memcpy(b->batcher__batch + head * elem, b->batcher__items, (n - head) * elem);
    b->batcher__first = (b->batcher__first + n) % b->batcher__room;
    b->batcher__n -= n;
    conc_cond_broadcast(&b->batcher__taken);
    return n;
}

static inline void batcher__drop(struct batcher *b) {
    b->batcher__stats.dropped += b->batcher__n;
    b->batcher__dealt += b->batcher__n;
    b->batcher__n = 0;
}

static inline void batcher__put_one(struct batcher *b) {
    size_t n = batcher__take(b);
    conc_mutex_unlock(&b->batcher__mutex);
    int err = batcher__call(b, n);
    conc_mutex_lock(&b->batcher__mutex);
    b->batcher__stats.put += n;
    b->batcher__stats.batches++;
    b->batcher__stats.full += n == b->batcher__size;
    b->batcher__dealt += n;
    b->batcher__error = err;
    conc_cond_broadcast(&b->batcher__done);
}

static inline void batcher__main(struct batcher *b) {
    conc_mutex_lock(&b->batcher__mutex);
    while (!b->batcher__stopped && b->batcher__error == 0) {
        int64_t delay = batcher__delay(b);
        if (delay <= 0) batcher__put_one(b);
        else if (b->batcher__closed) break; /* and empty */
        else if (delay == CONC_FOREVER) conc_cond_wait(&b->batcher__added, &b->batcher__mutex);
        else (void)conc_cond_wait_for(&b->batcher__added, &b->batcher__mutex, delay);
    }
    batcher__drop(b);
    conc_cond_broadcast(&b->batcher__done);
    conc_cond_broadcast(&b->batcher__taken);
    conc_mutex_unlock(&b->batcher__mutex);
}

/* ---- making ---- */

static inline void batcher__release(struct batcher *b) {
    free(b->batcher__batch), free(b->batcher__items), free(b->batcher__since);
    conc_ctx_free(b->batcher__ctx);
    free(b);
}

static inline struct batcher *batcher__make(size_t elem, size_t size, int64_t linger, size_t room, void (*put)(void), void *arg) {
    const conc_mutex mutex = CONC_MUTEX_INIT;
    const conc_cond cond = CONC_COND_INIT;
    if (size == 0 || room < size) conc_panic("batcher_make: batches of %zu in a queue of %zu", size, room);
    struct batcher *b = (struct batcher *)calloc(1, sizeof *b);
    if (b == NULL) return NULL;
    b->batcher__elem = elem;
    b->batcher__size = size;
    b->batcher__room = room;
    b->batcher__linger = linger;
    b->batcher__put = put;
    b->batcher__arg = arg;
    b->batcher__mutex = mutex;
    b->batcher__added = b->batcher__taken = b->batcher__done = cond;
    b->batcher__ctx = conc_ctx_with_cancel(conc_ctx_background());
    b->batcher__batch = (unsigned char *)calloc(size, elem);
    b->batcher__items = (unsigned char *)calloc(room, elem);
    b->batcher__since = (int64_t *)calloc(room, sizeof *b->batcher__since);
    if (b->batcher__ctx == NULL || b->batcher__batch == NULL || b->batcher__items == NULL || b->batcher__since == NULL)
        return batcher__release(b), (struct batcher *)NULL;
    conc_wg_go(&b->batcher__running, batcher__main, b);
    return b;
}

/* ---- adding, flushing, closing ---- */

/* With the mutex: what an add is refused with; 0: it is not. */
static inline int batcher__refuses(const struct batcher *b) {
    return b->batcher__error != 0 ? b->batcher__error : b->batcher__closed ? (int)CONC_CLOSED : 0;
}

static inline int batcher__add(struct batcher *b, conc_ctx *ctx, bool waits, const void *item) {
    conc_mutex_lock(&b->batcher__mutex);
    int err = (int)conc_ctx_err(ctx);
    while (err == 0 && (err = batcher__refuses(b)) == 0 && b->batcher__n == b->batcher__room)
        err = waits ? (int)conc_cond_wait_ctx(&b->batcher__taken, &b->batcher__mutex, ctx) : (int)CONC_WOULD_BLOCK;
    if (err == 0) {
        size_t at = (b->batcher__first + b->batcher__n++) % b->batcher__room;
        memcpy(b->batcher__items + at * b->batcher__elem, item, b->batcher__elem);
        b->batcher__since[at] = conc_now();
        b->batcher__stats.added++;
        if (b->batcher__n == 1 || b->batcher__n == b->batcher__size) conc_cond_signal(&b->batcher__added); /* else it knows the time */
    }
    conc_mutex_unlock(&b->batcher__mutex);
    return err;
}

/* With the mutex: wait until those added so far are dealt with. */
static inline int batcher__settle(struct batcher *b, conc_ctx *ctx) {
    conc_status err = CONC_OK;
    size_t goal = b->batcher__stats.added;
    if (b->batcher__flush < goal) b->batcher__flush = goal;
    conc_cond_signal(&b->batcher__added);
    while (err == CONC_OK && b->batcher__dealt < goal) err = conc_cond_wait_ctx(&b->batcher__done, &b->batcher__mutex, ctx);
    return b->batcher__error != 0 ? b->batcher__error : (int)err;
}

static inline int batcher__do_flush(struct batcher *b, conc_ctx *ctx) {
    conc_mutex_lock(&b->batcher__mutex);
    int err = batcher__settle(b, ctx);
    conc_mutex_unlock(&b->batcher__mutex);
    return err;
}

static inline int batcher__close(struct batcher *b, conc_ctx *ctx) {
    conc_mutex_lock(&b->batcher__mutex);
    b->batcher__closed = true;
    conc_cond_broadcast(&b->batcher__taken); /* adds that wait fail */
    int err = batcher__settle(b, ctx);
    bool late = b->batcher__dealt < b->batcher__stats.added;
    conc_mutex_unlock(&b->batcher__mutex);
    if (late) conc_ctx_cancel(b->batcher__ctx);
    return err;
}

static inline struct batcher_stats batcher__get_stats(struct batcher *b) {
    conc_mutex_lock(&b->batcher__mutex);
    struct batcher_stats s = b->batcher__stats;
    s.queued = b->batcher__n;
    conc_mutex_unlock(&b->batcher__mutex);
    return s;
}

static inline void batcher__free(struct batcher *b) {
    if (b == NULL) return;
    conc_mutex_lock(&b->batcher__mutex);
    b->batcher__stopped = true;
    conc_cond_signal(&b->batcher__added);
    conc_mutex_unlock(&b->batcher__mutex);
    conc_ctx_cancel(b->batcher__ctx);
    conc_wg_wait(&b->batcher__running);
    batcher__release(b);
}

/* batcher(T)               a handle, as chan(T) is: copy it freely. T: any type but an array; in C++ trivially copyable
   batcher_make(T, size, linger, room, put, arg)
                            batches of up to size >= 1 items, the oldest of which has waited at most linger ns before it is put (0: no
                            longer than the batch before takes; CONC_FOREVER: full ones only, but for flush and close), and a
                            queue for room >= size. int put(conc_ctx *ctx, A *arg, const T *items, size_t n): 0, or an error, which
                            is final. NULL: no memory
   batcher_add(b, ctx, item)    wait for room, and queue a copy: 0. Else it is not queued: CONC_CLOSED, put's error, or why ctx ended
   batcher_try_add(b, item)     the same without waiting: CONC_WOULD_BLOCK
   batcher_flush(b, ctx)    put what was added before this call without lingering, and wait for that: 0, put's error, or why ctx ended
   batcher_close(b, ctx)    no more adds; then as flush. If ctx ends first, put's context is cancelled, and another close, or free, waits
                            for it
   batcher_get_stats(b)     -> struct batcher_stats
   batcher_free(b)          cancel put's context, drop what is queued, wait for the goroutine. No other call may be under way or
                            follow. NULL is allowed */
#ifndef __cplusplus
#define batcher(...) __typeof__(__typeof__(__VA_ARGS__) (**)(struct batcher *))
#define BATCHER__ITEM(b) __typeof__((**(b))((struct batcher *)0))
#define BATCHER__PTR(b) ((void)sizeof(BATCHER__ITEM(b) *), (struct batcher *)(void *)(b))
#define batcher_make(T, size, linger, room, put, ...) \
    ((void)sizeof(struct { \
        _Static_assert(_Generic((put)((conc_ctx *)0, (__VA_ARGS__), (const __typeof__(T) *)0, (size_t)0), int: 1, default: 0), \
        "batcher_make: put is  int put(conc_ctx *ctx, A *arg, const T *items, size_t n)"); int batcher__; }), \
     (batcher(T))(void *)batcher__make(sizeof(T), (size), (linger), (room), (void (*)(void))(put), (void *)(uintptr_t)(__VA_ARGS__)))
#define batcher_add(b, ctx, ...) \
    __extension__({ BATCHER__ITEM(b) batcher__v = (__VA_ARGS__); batcher__add(BATCHER__PTR(b), (ctx), true, &batcher__v); })
#define batcher_try_add(b, ...) \
    __extension__({ BATCHER__ITEM(b) batcher__v = (__VA_ARGS__); batcher__add(BATCHER__PTR(b), (conc_ctx *)0, false, &batcher__v); })
#else
template <class T> using batcher_of = T (**)(struct batcher *);
#define batcher(...) batcher_of<__VA_ARGS__>
template <class T> struct batcher__same { typedef T type; };
template <class T> static inline struct batcher *BATCHER__PTR(batcher_of<T> b) { return (struct batcher *)(void *)b; }
template <class T, class A>
static inline batcher_of<T> batcher__make_of(size_t size, int64_t linger, size_t room, int (*put)(conc_ctx *, A *, const T *, size_t),
                                             typename batcher__same<A>::type *arg) {
    static_assert(std::is_trivially_copyable<T>::value, "batcher_make: an item must be trivially copyable");
    return (batcher_of<T>)(void *)batcher__make(sizeof(T), size, linger, room, reinterpret_cast<void (*)(void)>(put),
                                                const_cast<void *>(static_cast<const volatile void *>(arg)));
}
#define batcher_make(T, size, linger, room, ...) batcher__make_of<T>((size), (linger), (room), __VA_ARGS__)
template <class T> static inline int batcher_add(batcher_of<T> b, conc_ctx *ctx, const typename batcher__same<T>::type &item) {
    return batcher__add(BATCHER__PTR<T>(b), ctx, true, &item);
}
template <class T> static inline int batcher_try_add(batcher_of<T> b, const typename batcher__same<T>::type &item) {
    return batcher__add(BATCHER__PTR<T>(b), nullptr, false, &item);
}
#endif
#define batcher_flush(b, ctx) batcher__do_flush(BATCHER__PTR(b), (ctx))
#define batcher_close(b, ctx) batcher__close(BATCHER__PTR(b), (ctx))
#define batcher_get_stats(b) batcher__get_stats(BATCHER__PTR(b))
#define batcher_free(b) batcher__free(BATCHER__PTR(b))

#endif
