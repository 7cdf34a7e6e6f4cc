/* balancer.h - a load balancer: each request goes to the worker with the least to do. For conc.h; copy this file beside it.

   Problem: requests take very different times, and each worker has a queue of its own (a connection, a machine, a cache that is
   warm). Dealt out in turn, some wait behind a long one while other workers idle.

       submit ---- requests ---.                     .---- jobs ----> worker 1 ---.
       submit ---- requests -----> balancer (heap) -------- jobs ----> worker 2 -----.
         ^                     '-> least loaded first                                |
         |                         ^                                                 |
         |                         '---------------------- done ---------------------'
         '---------------------- slots: workers * room ------------'

     static void answer(conc_ctx *ctx, struct site *site, struct request *r) { ...; chan_send(r->reply, ...); }

     balancer(struct request) b = balancer_make(struct request, 8, 4, answer, &site);   // 8 workers, 4 requests at each
     if (balancer_submit(b, ctx, request) == CONC_OK) ...                               // accepted: it will be answered
     balancer_close(b);                                                                // no more
     balancer_wait(b, ctx);                                                            // all accepted ones are done
     balancer_free(b);

   When the goroutines stop: the balancer and its workers, workers + 1 in all, run from balancer_make on; after balancer_close they
   end when the accepted requests are done; balancer_wait and balancer_free wait for that.

   Every accepted request is worked on exactly once. Cancel: a submit that waits ends with its context (NULL: never); work's own
   context is the balancer's and ends with balancer_free. Error: work has none to return; what went wrong is part of its
   answer. A work that ends its goroutine by conc_exit has done its request, and its worker goes on. A requester that is gone:
   give the reply channel a buffer of one, or select over its context, so that work does not wait for it.

   No deadlock among them: every request holds one of workers * room slots from submit until done, and the least loaded worker has at
   most an equal share, so there is always room in its queue: the balancer never waits to hand over, and so always takes what is
   done.

   Who owns what: requests are copied; work gets a pointer to the copy, valid until it returns. What arg points to is yours until
   balancer_free. The heap is the balancer's goroutine's alone: no lock. All operations but balancer_free may be called by any
   goroutine or thread; a work that submits to its own balancer must not wait (balancer_try_submit).

   Source: the load balancer of Rob Pike's talk "Concurrency is not parallelism". In the talk a worker's queue may fill up and then
   the balancer and the worker wait for each other; and it never ends. */
#ifndef BALANCER_H
#define BALANCER_H

#include "conc.h"

#include <stdlib.h>
#include <string.h>

struct balancer;
struct balancer__worker {
    struct balancer *of;
    conc_chan(void *) jobs; /* slots */
    void *job;              /* what it is at */
    size_t pending;         /* handed over, and not yet known to be done; the balancer's, and looked at by balancer_get_loads */
    size_t at;              /* place in the heap */
    bool ended;
};
struct balancer__done { struct balancer__worker *worker; void *slot; };

struct balancer { /* written only while it is made, but for closed, and what the heap and the workers point to */
    size_t balancer__elem, balancer__n, balancer__total; /* total: slots */
    void (*balancer__work)(void);                        /* void (conc_ctx *, A *, T *) */
    void *balancer__arg;
    conc_ctx *balancer__ctx;
    unsigned char *balancer__items;                      /* the slots */
    struct balancer__worker *balancer__workers, **balancer__heap;
    conc_chan(void *) balancer__slots, balancer__requests;
    conc_chan(struct balancer__done) balancer__finished;
    conc_chan(char) balancer__shut;
    conc_wg balancer__running;
    int balancer__closed;
};

/* ---- the heap: the least loaded worker is at 0 ---- */

static inline void balancer__place(struct balancer *b, size_t at, struct balancer__worker *w) {
    b->balancer__heap[at] = w;
    w->at = at;
}
static inline void balancer__up(struct balancer *b, struct balancer__worker *w) {
    struct balancer__worker **heap = b->balancer__heap;
    size_t i = w->at;
    for (; i > 0 && w->pending < heap[(i - 1) / 2]->pending; i = (i - 1) / 2) balancer__place(b, i, heap[(i - 1) / 2]);
    balancer__place(b, i, w);
}
static inline void balancer__down(struct balancer *b, struct balancer__worker *w) {
    struct balancer__worker **heap = b->balancer__heap;
    size_t i = w->at;
    for (size_t child; (child = 2 * i + 1) < b->balancer__n; i = child) {
        if (child + 1 < b->balancer__n && heap[child + 1]->pending < heap[child]->pending) child++;
        if (w->pending <= heap[child]->pending) break;
        balancer__place(b, i, heap[child]);
    }
    balancer__place(b, i, w);
}

/* ---- the goroutines ---- */

static inline void balancer__dispatch(struct balancer *b, void *slot) {
    struct balancer__worker *w = b->balancer__heap[0];
    __atomic_store_n(&w->pending, w->pending + 1, __ATOMIC_RELAXED);
    balancer__down(b, w);
    conc_chan_send(w->jobs, slot); /* has room: see above */
}
static inline void balancer__complete(struct balancer *b, struct balancer__done done) {
    __atomic_store_n(&done.worker->pending, done.worker->pending - 1, __ATOMIC_RELAXED);
    balancer__up(b, done.worker);
    conc_chan_send(b->balancer__slots, done.slot); /* has room for all */
}

static inline void balancer__main(struct balancer *b) {
    enum { REQUEST, DONE, SPARE, SHUT };
    conc_chan(char) shut = b->balancer__shut;
    conc_chan(void *) spare = NULL; /* once it is shut: the slots, which are collected until nobody can have one any more */
    for (size_t back = 0; back < b->balancer__total;) {
        struct balancer__done done;
        void *slot, *collected;
        char none;
        switch (conc_select_of(conc_case_recv(b->balancer__requests, &slot), conc_case_recv(b->balancer__finished, &done),
                               conc_case_recv(spare, &collected), conc_case_recv(shut, &none))) {
        case REQUEST: balancer__dispatch(b, slot); break;
        case DONE: balancer__complete(b, done); break;
        case SPARE: back++; break;
        case SHUT: spare = b->balancer__slots, shut = NULL; break;
        }
    }
    for (size_t i = 0; i < b->balancer__n; i++) conc_chan_close(b->balancer__workers[i].jobs);
}

#ifdef __clang__
__attribute__((no_sanitize("function"))) /* T * and void * are passed alike; the macros below have checked T */
#endif
static inline void balancer__call(const struct balancer *b, void *request) {
    ((void (*)(conc_ctx *, void *, void *))b->balancer__work)(b->balancer__ctx, b->balancer__arg, request);
}

static inline void balancer__report(struct balancer__worker *w) {
    const struct balancer__done done = { w, w->job };
    conc_chan_send(w->of->balancer__finished, done);
}
static inline void balancer__serve(struct balancer__worker *w);
static inline void balancer__end(void *arg) { /* at the end of the goroutine, also by conc_exit in work */
    struct balancer__worker *w = (struct balancer__worker *)arg;
    if (w->ended) return;
    balancer__report(w);
    conc_wg_go(&w->of->balancer__running, balancer__serve, w); /* in its place */
}
static inline void balancer__serve(struct balancer__worker *w) {
    if (conc_on_exit(balancer__end, w) != CONC_OK) conc_panic("balancer: out of memory");
    while (conc_chan_recv(w->jobs, &w->job)) {
        balancer__call(w->of, w->job);
        balancer__report(w);
    }
    w->ended = true;
}

/* ---- the balancer ---- */

static inline void balancer__release(struct balancer *b) {
    for (size_t i = 0; b->balancer__workers != NULL && i < b->balancer__n; i++) conc_chan_free(b->balancer__workers[i].jobs);
    conc_chan_free(b->balancer__slots), conc_chan_free(b->balancer__requests);
    conc_chan_free(b->balancer__finished), conc_chan_free(b->balancer__shut);
    free(b->balancer__workers), free(b->balancer__heap), free(b->balancer__items);
    conc_ctx_free(b->balancer__ctx);
    free(b);
}

static inline bool balancer__fill(struct balancer *b, size_t room) { /* false: no memory */
    size_t n = b->balancer__n, total = b->balancer__total;
    b->balancer__ctx = conc_ctx_with_cancel(conc_ctx_background());
    b->balancer__items = (unsigned char *)calloc(total, b->balancer__elem);
    b->balancer__workers = (struct balancer__worker *)calloc(n, sizeof *b->balancer__workers);
    b->balancer__heap = (struct balancer__worker **)calloc(n, sizeof *b->balancer__heap);
    b->balancer__slots = conc_chan_make(void *, total);
    b->balancer__requests = conc_chan_make(void *);
    b->balancer__finished = conc_chan_make(struct balancer__done, n);
    b->balancer__shut = conc_chan_make(char);
    if (b->balancer__ctx == NULL || b->balancer__items == NULL || b->balancer__workers == NULL || b->balancer__heap == NULL ||
        b->balancer__slots == NULL || b->balancer__requests == NULL || b->balancer__finished == NULL || b->balancer__shut == NULL)
        return false;
    for (size_t i = 0; i < total; i++) conc_chan_send(b->balancer__slots, (void *)(b->balancer__items + i * b->balancer__elem));
    for (size_t i = 0; i < n; i++) {
        b->balancer__workers[i].of = b;
        balancer__place(b, i, &b->balancer__workers[i]);
        b->balancer__workers[i].jobs = conc_chan_make(void *, room);
        if (b->balancer__workers[i].jobs == NULL) return false;
    }
    return true;
}

static inline struct balancer *balancer__make(size_t elem, size_t workers, size_t room, void (*work)(void), void *arg) {
    size_t total;
    if (workers == 0 || room == 0) conc_panic("balancer_make: %zu workers with room for %zu", workers, room);
    if (__builtin_mul_overflow(workers, room, &total)) return NULL;
    struct balancer *b = (struct balancer *)calloc(1, sizeof *b);
    if (b == NULL) return NULL;
    b->balancer__elem = elem;
    b->balancer__n = workers;
    b->balancer__total = total;
    b->balancer__work = work;
    b->balancer__arg = arg;
    if (!balancer__fill(b, room)) return balancer__release(b), (struct balancer *)NULL;
    for (size_t i = 0; i < workers; i++) conc_wg_go(&b->balancer__running, balancer__serve, &b->balancer__workers[i]);
    conc_wg_go(&b->balancer__running, balancer__main, b);
    return b;
}

static inline conc_status balancer__submit(struct balancer *b, conc_ctx *ctx, bool waits, const void *request) {
    enum { SHUT, DONE, SLOT, NONE };
    void *slot = NULL;
    char none;
    conc_chan(char) shut = b->balancer__shut;
    conc_chan(void *) slots = b->balancer__slots;
    int got = waits ? conc_select_ordered_of(conc_case_recv(shut, &none), conc_case_done(ctx), conc_case_recv(slots, &slot))
                    : conc_select_ordered_of(conc_case_recv(shut, &none), conc_case_done(ctx), conc_case_recv(slots, &slot), conc_case_default());
    if (got == SHUT) return CONC_CLOSED;
    if (got == DONE) return conc_ctx_err(ctx);
    if (got == NONE) return CONC_WOULD_BLOCK;
    memcpy(slot, request, b->balancer__elem);
    conc_chan_send(b->balancer__requests, slot); /* the balancer takes it at once, and does not end while somebody has a slot */
    return CONC_OK;
}

static inline void balancer__close(struct balancer *b) {
    if (__atomic_exchange_n(&b->balancer__closed, 1, __ATOMIC_ACQ_REL) == 0) conc_chan_close(b->balancer__shut);
}

static inline size_t balancer__get_loads(struct balancer *b, size_t *loads, size_t n) {
    size_t sum = 0;
    for (size_t i = 0; i < b->balancer__n; i++) {
        size_t pending = __atomic_load_n(&b->balancer__workers[i].pending, __ATOMIC_RELAXED);
        if (i < n) loads[i] = pending;
        sum += pending;
    }
    return sum;
}

static inline void balancer__free(struct balancer *b) {
    if (b == NULL) return;
    balancer__close(b);
    conc_ctx_cancel(b->balancer__ctx);
    conc_wg_wait(&b->balancer__running);
    balancer__release(b);
}

/* balancer(T)              a handle, as chan(T) is: copy it freely. T: any type but an array; in C++ trivially copyable
   balancer_make(T, workers, room, work, arg)
                            workers >= 1 goroutines, each with up to room >= 1 requests: one it is at, the others queued.
                            void work(conc_ctx *ctx, A *arg, T *request). NULL: no memory
   balancer_submit(b, ctx, request)    wait for room, and hand over a copy. CONC_OK: it will be worked on. Else it will not: CONC_CLOSED,
                            or why ctx ended
   balancer_try_submit(b, request)     the same without waiting for room: CONC_WOULD_BLOCK
   balancer_get_loads(b, loads, n)     how many requests each worker has now, of the first n workers; -> the sum over all. A snapshot
   balancer_close(b)        no more requests. Again: does nothing
   balancer_wait(b, ctx)    wait until all accepted requests are done and the goroutines have ended, for which somebody must close it:
                            CONC_OK, or why ctx ended
   balancer_free(b)         close, cancel work's context, and wait. No other call may be under way or follow. NULL is allowed */
#ifndef __cplusplus
#define balancer(...) __typeof__(__typeof__(__VA_ARGS__) (**)(struct balancer *))
#define BALANCER__ITEM(b) __typeof__((**(b))((struct balancer *)0))
#define BALANCER__PTR(b) ((void)sizeof(BALANCER__ITEM(b) *), (struct balancer *)(void *)(b))
#define balancer_make(T, workers, room, work, ...) \
    ((void)sizeof(struct { \
        _Static_assert(__builtin_types_compatible_p(__typeof__((work)((conc_ctx *)0, (__VA_ARGS__), (__typeof__(T) *)0)), void), \
        "balancer_make: work is  void work(conc_ctx *ctx, A *arg, T *request)"); int balancer__; }), \
     (balancer(T))(void *)balancer__make(sizeof(T), (workers), (room), (void (*)(void))(work), (void *)(uintptr_t)(__VA_ARGS__)))
#define balancer_submit(b, ctx, ...) \
    __extension__({ BALANCER__ITEM(b) balancer__v = (__VA_ARGS__); balancer__submit(BALANCER__PTR(b), (ctx), true, &balancer__v); })
#define balancer_try_submit(b, ...) \
    __extension__({ \
        BALANCER__ITEM(b) balancer__v = (__VA_ARGS__); \
        balancer__submit(BALANCER__PTR(b), (conc_ctx *)0, false, &balancer__v); })
#else
template <class T> using balancer_of = T (**)(struct balancer *);
#define balancer(...) balancer_of<__VA_ARGS__>
template <class T> struct balancer__same { typedef T type; };
template <class T> static inline struct balancer *BALANCER__PTR(balancer_of<T> b) { return (struct balancer *)(void *)b; }
template <class T, class A, class R>
static inline balancer_of<T> balancer__make_of(size_t workers, size_t room, void (*work)(conc_ctx *, A *, R *),
                                               typename balancer__same<A>::type *arg) {
    static_assert(std::is_trivially_copyable<T>::value, "balancer_make: a request must be trivially copyable");
    static_assert(std::is_convertible<T *, R *>::value, "balancer_make: work is  void work(conc_ctx *ctx, A *arg, T *request)");
    return (balancer_of<T>)(void *)balancer__make(sizeof(T), workers, room, reinterpret_cast<void (*)(void)>(work),
                                                  const_cast<void *>(static_cast<const volatile void *>(arg)));
}
#define balancer_make(T, workers, room, ...) balancer__make_of<T>((workers), (room), __VA_ARGS__)
template <class T>
static inline conc_status balancer_submit(balancer_of<T> b, conc_ctx *ctx, const typename balancer__same<T>::type &request) {
    return balancer__submit(BALANCER__PTR<T>(b), ctx, true, &request);
}
template <class T>
static inline conc_status balancer_try_submit(balancer_of<T> b, const typename balancer__same<T>::type &request) {
    return balancer__submit(BALANCER__PTR<T>(b), nullptr, false, &request);
}
#endif
#define balancer_get_loads(b, loads, n) balancer__get_loads(BALANCER__PTR(b), (loads), (n))
#define balancer_close(b) balancer__close(BALANCER__PTR(b))
#define balancer_wait(b, ctx) conc_wg_wait_ctx(&BALANCER__PTR(b)->balancer__running, (ctx))
#define balancer_free(b) balancer__free(BALANCER__PTR(b))

#endif
