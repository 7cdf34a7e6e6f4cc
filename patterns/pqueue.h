/* pqueue.h - a bounded priority queue: whoever takes gets the most urgent. For conc.h; copy this file beside it.

   Problem: work of different urgency comes from many sides, faster than it is done now and then; a channel would serve it in the
   order of coming.

       put ----.   [ heap: before() decides,  ]   .---- take     waits while it is empty
       put ---- -> [ those equal stay in order] -> ---- take
       put ----'   waits while it is full         '---- take

     static bool before(const struct job *a, const struct job *b) { return a->urgency > b->urgency; }

     pqueue(struct job) q = pqueue_make(struct job, 100, before);       // room for 100
     pqueue_put(q, ctx, job);                                           // 0, CONC_CLOSED, CONC_TIMEOUT, CONC_CANCELED
     while (pqueue_take(q, ctx, &job) == CONC_OK) work(&job);           // until it is closed and empty
     pqueue_close(q);
     pqueue_free(q);

   Goroutines: none of its own, so there is none to stop. Whoever waits to put or take is woken by the other side, by its context, or
   by the close.

   Cancel: a put or take that waits ends with its context (NULL: never); it has then put or taken nothing. Error: there is none but
   those. A consumer that is gone makes puts wait when the queue is full: give them a context, or close the queue.
   Close: no more puts, and those that wait fail; what is in the queue can still be taken, then take says CONC_CLOSED.

   Who owns what: items are copied in and out, as with a channel; what they point to passes from the one who puts to the one who takes.
   What is left at pqueue_free is dropped: take it out before if it must be freed. before() runs inside the queue's lock, in the
   goroutine that puts or takes: it must be short, not block, and call no conc.h operation. All operations but pqueue_free
   may be called by any goroutine or thread.

   Source: container/heap with a mutex, as Go programmers write it; blocking and closing are a channel's, FIFO among equals java's
   PriorityBlockingQueue with sequence numbers. */
#ifndef PQUEUE_H
#define PQUEUE_H

#include "conc.h"

#include <stdlib.h>
#include <string.h>

struct pqueue__node { uint64_t seq; size_t slot; };

struct pqueue { /* the mutex guards all but the constants elem, room and before */
    size_t pqueue__elem, pqueue__room;
    void (*pqueue__before)(void);      /* bool (const T *, const T *) */
    conc_mutex pqueue__mutex;
    conc_cond pqueue__filled, pqueue__taken;
    size_t pqueue__n;
    uint64_t pqueue__seq;              /* puts so far */
    bool pqueue__closed;
    struct pqueue__node *pqueue__heap; /* n nodes; the slots of the others, up to room, are free */
    unsigned char *pqueue__items;      /* room slots */
};

#ifdef __clang__
__attribute__((no_sanitize("function"))) /* T * and void * are passed alike; the macros below have checked T */
#endif
static inline bool pqueue__precedes(const struct pqueue *q, size_t a, size_t b) {
    const void *x = q->pqueue__items + a * q->pqueue__elem, *y = q->pqueue__items + b * q->pqueue__elem;
    return ((bool (*)(const void *, const void *))q->pqueue__before)(x, y);
}
static inline bool pqueue__less(const struct pqueue *q, struct pqueue__node a, struct pqueue__node b) {
    if (pqueue__precedes(q, a.slot, b.slot)) return true;
    return a.seq < b.seq && !pqueue__precedes(q, b.slot, a.slot);
}

/* Put node where it belongs on the way from the hole at i to the root. */
static inline void pqueue__up(struct pqueue *q, size_t i, struct pqueue__node node) {
    struct pqueue__node *heap = q->pqueue__heap;
    for (; i > 0 && pqueue__less(q, node, heap[(i - 1) / 2]); i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
    heap[i] = node;
}
/* Put node where it belongs on the way from the root, which is a hole, to the leaves. */
static inline void pqueue__down(struct pqueue *q, struct pqueue__node node) {
    struct pqueue__node *heap = q->pqueue__heap;
    size_t i = 0, n = q->pqueue__n;
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && pqueue__less(q, heap[child + 1], heap[child])) child++;
        if (!pqueue__less(q, heap[child], node)) break;
        heap[i] = heap[child];
    }
    heap[i] = node;
}

static inline void pqueue__free(struct pqueue *q) {
    if (q == NULL) return;
    free(q->pqueue__heap);
    free(q->pqueue__items);
    free(q);
}

static inline struct pqueue *pqueue__make(size_t elem, size_t room, void (*before)(void)) {
    const conc_mutex mutex = CONC_MUTEX_INIT;
    const conc_cond cond = CONC_COND_INIT;
    if (room == 0) conc_panic("pqueue_make: there must be room for at least 1");
    struct pqueue *q = (struct pqueue *)malloc(sizeof *q);
    if (q == NULL) return NULL;
    q->pqueue__elem = elem;
    q->pqueue__room = room;
    q->pqueue__before = before;
    q->pqueue__mutex = mutex;
    q->pqueue__filled = q->pqueue__taken = cond;
    q->pqueue__n = 0;
    q->pqueue__seq = 0;
    q->pqueue__closed = false;
    q->pqueue__heap = (struct pqueue__node *)calloc(room, sizeof *q->pqueue__heap);
    q->pqueue__items = (unsigned char *)calloc(room, elem);
    if (q->pqueue__heap == NULL || q->pqueue__items == NULL) return pqueue__free(q), (struct pqueue *)NULL;
    for (size_t i = 0; i < room; i++) q->pqueue__heap[i].slot = i;
    return q;
}

/* With the mutex, and room. */
static inline void pqueue__push(struct pqueue *q, const void *item) {
    struct pqueue__node node = { q->pqueue__seq++, q->pqueue__heap[q->pqueue__n].slot };
    memcpy(q->pqueue__items + node.slot * q->pqueue__elem, item, q->pqueue__elem);
    pqueue__up(q, q->pqueue__n++, node);
    conc_cond_signal(&q->pqueue__filled);
}
/* With the mutex, and not empty. */
static inline void pqueue__pop(struct pqueue *q, void *item) {
    struct pqueue__node first = q->pqueue__heap[0], last = q->pqueue__heap[--q->pqueue__n];
    memcpy(item, q->pqueue__items + first.slot * q->pqueue__elem, q->pqueue__elem);
    if (q->pqueue__n > 0) pqueue__down(q, last);
    q->pqueue__heap[q->pqueue__n] = first; /* its slot is free */
    conc_cond_signal(&q->pqueue__taken);
}

static inline conc_status pqueue__put(struct pqueue *q, conc_ctx *ctx, bool waits, const void *item) {
    conc_mutex_lock(&q->pqueue__mutex);
    conc_status err = conc_ctx_err(ctx);
    while (err == CONC_OK && !q->pqueue__closed && q->pqueue__n == q->pqueue__room)
        err = waits ? conc_cond_wait_ctx(&q->pqueue__taken, &q->pqueue__mutex, ctx) : CONC_WOULD_BLOCK;
    if (q->pqueue__closed) err = CONC_CLOSED;
    if (err == CONC_OK) pqueue__push(q, item);
    conc_mutex_unlock(&q->pqueue__mutex);
    return err;
}

static inline conc_status pqueue__take(struct pqueue *q, conc_ctx *ctx, bool waits, void *item) {
    conc_mutex_lock(&q->pqueue__mutex);
    conc_status err = conc_ctx_err(ctx);
    while (err == CONC_OK && q->pqueue__n == 0) {
        if (q->pqueue__closed) err = CONC_CLOSED;
        else err = waits ? conc_cond_wait_ctx(&q->pqueue__filled, &q->pqueue__mutex, ctx) : CONC_WOULD_BLOCK;
    }
    if (err == CONC_OK) pqueue__pop(q, item);
    conc_mutex_unlock(&q->pqueue__mutex);
    return err;
}

static inline void pqueue__close(struct pqueue *q) {
    conc_mutex_lock(&q->pqueue__mutex);
    q->pqueue__closed = true;
    conc_cond_broadcast(&q->pqueue__filled);
    conc_cond_broadcast(&q->pqueue__taken);
    conc_mutex_unlock(&q->pqueue__mutex);
}

static inline size_t pqueue__len(struct pqueue *q) {
    conc_mutex_lock(&q->pqueue__mutex);
    size_t n = q->pqueue__n;
    conc_mutex_unlock(&q->pqueue__mutex);
    return n;
}

/* pqueue(T)                 a handle, as chan(T) is: copy it freely. T: any type but an array; in C++ trivially copyable
   pqueue_make(T, room, before)    a queue for up to room >= 1 items. NULL: no memory. bool before(const T *a, const T *b): is a to be
                             taken before b? It must be a strict weak order, as for sorting; of those equal the first put is first
   pqueue_put(q, ctx, item)        wait for room, and put a copy. CONC_OK; CONC_CLOSED; or why ctx ended
   pqueue_try_put(q, item)         the same without waiting: CONC_WOULD_BLOCK
   pqueue_take(q, ctx, &item)      wait for an item, and take the first. CONC_OK; CONC_CLOSED: closed and empty; or why ctx ended
   pqueue_try_take(q, &item)       the same without waiting: CONC_WOULD_BLOCK
   pqueue_len(q)             how many are in it; a snapshot
   pqueue_close(q)           no more puts. Again: does nothing
   pqueue_free(q)            nobody may use it any more. NULL is allowed */
#ifndef __cplusplus
#define pqueue(...) __typeof__(__typeof__(__VA_ARGS__) (**)(struct pqueue *))
#define PQUEUE__ITEM(q) __typeof__((**(q))((struct pqueue *)0))
#define PQUEUE__PTR(q) ((void)sizeof(PQUEUE__ITEM(q) *), (struct pqueue *)(void *)(q))
#define PQUEUE__SAY(cond, text) ((void)sizeof(struct { _Static_assert(cond, text); int pqueue__; }))
#define PQUEUE__DST(q, p, name) \
    (PQUEUE__SAY(_Generic((p), PQUEUE__ITEM(q) *: 1, default: 0), name ": for a pqueue(T) the destination must be a T *"), (p))
#define pqueue_make(T, room, before) \
    (PQUEUE__SAY(_Generic((before)((const __typeof__(T) *)0, (const __typeof__(T) *)0), bool: 1, default: 0), \
        "pqueue_make: the order is  bool before(const T *a, const T *b)"), \
     (pqueue(T))(void *)pqueue__make(sizeof(T), (room), (void (*)(void))(before)))
#define pqueue_put(q, ctx, ...) \
    __extension__({ PQUEUE__ITEM(q) pqueue__v = (__VA_ARGS__); pqueue__put(PQUEUE__PTR(q), (ctx), true, &pqueue__v); })
#define pqueue_try_put(q, ...) \
    __extension__({ PQUEUE__ITEM(q) pqueue__v = (__VA_ARGS__); pqueue__put(PQUEUE__PTR(q), (conc_ctx *)0, false, &pqueue__v); })
#define pqueue_take(q, ctx, p) pqueue__take(PQUEUE__PTR(q), (ctx), true, PQUEUE__DST(q, p, "pqueue_take"))
#define pqueue_try_take(q, p) pqueue__take(PQUEUE__PTR(q), (conc_ctx *)0, false, PQUEUE__DST(q, p, "pqueue_try_take"))
#else
template <class T> using pqueue_of = T (**)(struct pqueue *);
#define pqueue(...) pqueue_of<__VA_ARGS__>
template <class T> struct pqueue__same { typedef T type; };
template <class T> static inline struct pqueue *PQUEUE__PTR(pqueue_of<T> q) { return (struct pqueue *)(void *)q; }
template <class T> static inline pqueue_of<T> pqueue__make_of(size_t room, bool (*before)(const T *, const T *)) {
    static_assert(std::is_trivially_copyable<T>::value, "pqueue_make: an item must be trivially copyable");
    return (pqueue_of<T>)(void *)pqueue__make(sizeof(T), room, reinterpret_cast<void (*)(void)>(before));
}
#define pqueue_make(T, room, before) pqueue__make_of<T>((room), (before))
#define PQUEUE__OP template <class T> static inline conc_status
#define PQUEUE__VAL const typename pqueue__same<T>::type &item
#define PQUEUE__OUT typename pqueue__same<T>::type *out
PQUEUE__OP pqueue_put(pqueue_of<T> q, conc_ctx *ctx, PQUEUE__VAL) { return pqueue__put(PQUEUE__PTR<T>(q), ctx, true, &item); }
PQUEUE__OP pqueue_try_put(pqueue_of<T> q, PQUEUE__VAL) { return pqueue__put(PQUEUE__PTR<T>(q), nullptr, false, &item); }
PQUEUE__OP pqueue_take(pqueue_of<T> q, conc_ctx *ctx, PQUEUE__OUT) { return pqueue__take(PQUEUE__PTR<T>(q), ctx, true, out); }
PQUEUE__OP pqueue_try_take(pqueue_of<T> q, PQUEUE__OUT) { return pqueue__take(PQUEUE__PTR<T>(q), nullptr, false, out); }
#endif
#define pqueue_len(q) pqueue__len(PQUEUE__PTR(q))
#define pqueue_close(q) pqueue__close(PQUEUE__PTR(q))
#define pqueue_free(q) pqueue__free(PQUEUE__PTR(q))

#endif
