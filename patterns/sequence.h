/* sequence.h - restoring sequencing: many workers, and their results in the order of the input. For conc.h; copy this file beside it.

   Problem: work is spread over several goroutines to be faster, so results come in any order; but whoever reads them wants the order of
   the input (lines of a file, frames of a film, pages of a listing), without waiting for all of them and without unbounded memory.

                                .--> worker 1 --.
       in ---> hand out -- job ---> worker 2 ----- ready ---> put in order ---> out
                  |             '--> worker n --'                 ^
                  |------------------ turns, in order ------------'
                  '<----------------- free slots -----------------'        as many as the window is wide

     static int shrink(conc_ctx *ctx, const struct photo *in, struct photo *out, struct settings *how) { ... }    // 0, or an error

     conc_scope_begin(s, .parent = ctx);
     recv_chan(struct photo) small = sequence_map(s, photos, struct photo, 8, 32, shrink, &how);
     chan_range(p, small) store(&p);               // in the order of photos
     int err = conc_scope_wait(s);                 // 0: all of them; else the first error, or why ctx ended

   The window is how many values may be under way: being worked on, or ready and waiting for their turn. It bounds the memory, and how
   far the workers run ahead of one slow value; several times the number of workers is a good width.

   When the goroutines stop (one that hands out, n workers, one that puts in order; tasks of the scope, begun without .limit): when in is
   closed and all has been read; when fn said so; when the scope's context is done: at the end of its block at the latest. out is closed
   in every case.
   Cancel: no send or receive waits without the context. Error: fn returns something other than 0: the scope is cancelled with it at
   once, without waiting for its turn. CONC_CLOSED is no error: out ends before that value, in its turn. conc_exit in fn counts as
   CONC_CANCELED. Consumer gone: leave the scope's block.

   Who owns what: out and all memory are the scope's; in is yours, and so is what arg points to: both outlive the scope's block. Values
   are copied. No memory ends the program, as in conc_scope_go. Any goroutine or thread may call it, as conc_scope_begin's rules allow.

   Source: the restoring of sequence in Rob Pike's "Go Concurrency Patterns", where each message brings a channel on which its sender
   waits for its turn. Here each slot has such a channel, and it is the reader who waits. */
#ifndef SEQUENCE_H
#define SEQUENCE_H

#include "conc.h"

#include <string.h>

struct sequence__slot {
    conc_chan(char) ready; /* room for one: a worker never waits to be asked */
    bool last;             /* fn wants no more */
    char *x, *y;           /* an element of in, of out */
};
struct sequence__run {
    conc_scope *scope;
    conc_case in, out; /* made where the types are known */
    void (*fn)(void);
    void *arg;
    struct sequence__slot *slots;
    size_t window;
    conc_chan(size_t) free, turns, jobs; /* of slots; free and turns have room for all */
    conc_chan(char) stop;                /* closed: nobody wants more */
};

#ifdef __clang__
__attribute__((no_sanitize("function"))) /* T * and void * are passed alike; the macro below has checked T */
#endif
static inline int sequence__call(struct sequence__run *q, struct sequence__slot *slot) {
    return ((int (*)(conc_ctx *, const void *, void *, void *))q->fn)(conc_scope_ctx(q->scope), slot->x, slot->y, q->arg);
}

/* ---- hand out ---- */
static inline void sequence__hand_out(struct sequence__run *q) {
    enum { DONE, STOP, READY };
    conc_ctx *ctx = conc_scope_ctx(q->scope);
    size_t at;
    char none;
    while (conc_select_ordered_of(conc_case_done(ctx), conc_case_recv(q->stop, &none), conc_case_recv(q->free, &at)) == READY) {
        conc_case c[3] = { conc_case_done(ctx), conc_case_recv(q->stop, &none), q->in };
        c[READY].val = q->slots[at].x;
        if (conc_select_ordered_n(c, 3) != READY || !c[READY].ok) break;
        conc_chan_send(q->turns, at); /* has room */
        if (conc_select_ordered_of(conc_case_done(ctx), conc_case_recv(q->stop, &none), conc_case_send(q->jobs, at)) != READY) break;
    }
    conc_chan_close(q->jobs);
    conc_chan_close(q->turns);
}

/* ---- work ---- */
struct sequence__worker { struct sequence__run *run; bool busy; };

static inline void sequence__leave(void *arg) { /* at the end of the goroutine, also by conc_exit */
    struct sequence__worker *w = (struct sequence__worker *)arg;
    if (w->busy) conc_scope_cancel(w->run->scope, CONC_CANCELED);
}
static inline int sequence__work(struct sequence__worker *w) {
    struct sequence__run *q = w->run;
    conc_ctx *ctx = conc_scope_ctx(q->scope);
    size_t at;
    if (conc_on_exit(sequence__leave, w) != CONC_OK) return CONC_NO_MEMORY;
    while (conc_chan_recv_ctx(q->jobs, &at, ctx) == CONC_OK) {
        struct sequence__slot *slot = &q->slots[at];
        w->busy = true;
        int err = sequence__call(q, slot);
        w->busy = false;
        if (err != 0 && err != CONC_CLOSED) return err;
        slot->last = err == CONC_CLOSED;
        conc_chan_send(slot->ready, 0); /* has room */
    }
    return 0;
}

/* ---- put in order ---- */

/* The next slot in turn, once it is ready. NULL: there is none, or the context is done. */
static inline struct sequence__slot *sequence__next(struct sequence__run *q, size_t *at) {
    conc_ctx *ctx = conc_scope_ctx(q->scope);
    char ready;
    if (conc_chan_recv_ctx(q->turns, at, ctx) != CONC_OK) return NULL;
    return conc_chan_recv_ctx(q->slots[*at].ready, &ready, ctx) == CONC_OK ? &q->slots[*at] : NULL;
}
static inline void sequence__put_in_order(struct sequence__run *q) {
    conc_ctx *ctx = conc_scope_ctx(q->scope);
    size_t at;
    for (struct sequence__slot *slot; (slot = sequence__next(q, &at)) != NULL && !slot->last;) {
        conc_case c[2] = { conc_case_done(ctx), q->out };
        c[1].val = slot->y;
        if (conc_select_ordered_n(c, 2) == 0) break;
        conc_chan_send(q->free, at); /* has room */
    }
    if (conc_ctx_err(ctx) != CONC_OK) conc_scope_cancel(q->scope, conc_ctx_cause(ctx)); /* before the close: who sees the end can ask why */
    conc_chan_close(q->stop);
    conc_chan_close((conc_chan(char))(uintptr_t)q->out.ch);
}

/* ---- their life ---- */
static inline size_t sequence__round(size_t size) { return (size + 15) & ~(size_t)15; }
static inline void *sequence__alloc(conc_scope *s, size_t n, size_t size) {
    void *p = n < SIZE_MAX / size ? conc_scope_alloc(s, n * size) : NULL;
    if (p == NULL) conc_panic("sequence_map: out of memory");
    return p;
}
static inline void sequence__make_slots(struct sequence__run *q) {
    size_t x = sequence__round(q->in.size), y = sequence__round(q->out.size);
    q->slots = (struct sequence__slot *)sequence__alloc(q->scope, q->window, sizeof *q->slots);
    char *room = (char *)sequence__alloc(q->scope, q->window, x + y);
    for (size_t i = 0; i < q->window; i++) {
        q->slots[i].ready = conc_scope_chan(q->scope, char, 1);
        if (q->slots[i].ready == NULL) conc_panic("sequence_map: out of memory");
        q->slots[i].x = room + i * (x + y);
        q->slots[i].y = q->slots[i].x + x;
        conc_chan_send(q->free, i);
    }
}
static inline void sequence__start(conc_scope *s, conc_case in, conc_case out, size_t n, size_t window, void (*fn)(void), void *arg) {
    if (n == 0 || window == 0) conc_panic("sequence_map: the number of workers and the window must be at least 1");
    struct sequence__run *q = (struct sequence__run *)sequence__alloc(s, 1, sizeof *q);
    q->scope = s;
    q->in = in;
    q->out = out;
    q->fn = fn;
    q->arg = arg;
    q->window = window;
    q->free = conc_scope_chan(s, size_t, window);
    q->turns = conc_scope_chan(s, size_t, window);
    q->jobs = conc_scope_chan(s, size_t);
    q->stop = conc_scope_chan(s, char);
    if (!q->free || !q->turns || !q->jobs || !q->stop || !out.ch) conc_panic("sequence_map: out of memory");
    sequence__make_slots(q);
    struct sequence__worker *w = (struct sequence__worker *)sequence__alloc(s, n, sizeof *w);
    for (size_t i = 0; i < n; i++) {
        w[i].run = q;
        conc_scope_go(s, sequence__work, &w[i]);
    }
    conc_scope_go(s, sequence__hand_out, q);
    conc_scope_go(s, sequence__put_in_order, q);
}

/* sequence_map(s, in, U, n, window, fn, arg)   -> recv_chan(U), the scope's: what  int fn(conc_ctx *ctx, const T *in, U *out, A *arg)  makes
                           of the values of in, a recv_chan(T) or chan(T), in their order, by n goroutines, at most window at a
                           time. fn runs up to n times at once. Returns at once. n == 0 and window == 0 end the program */
#ifndef __cplusplus
#define SEQUENCE__CAT_(a, b) a##b
#define SEQUENCE__CAT(a, b) SEQUENCE__CAT_(a, b)
#define SEQUENCE__ID(x) SEQUENCE__CAT(sequence__##x, __COUNTER__) /* so that calls may be nested */
#define SEQUENCE__CALL(m, ...) m(__VA_ARGS__)
#define SEQUENCE__T(c) __typeof__((**(c))((struct conc_chan *)0))
#define SEQUENCE__IS(x, T) _Generic((x), T: 1, default: 0)
#define SEQUENCE__SAY(cond, text) ((void)sizeof(struct { _Static_assert(cond, text); int sequence__; }))
#define sequence_map(s, in, U, n, window, fn, ...) \
    SEQUENCE__CALL(SEQUENCE__MAP, SEQUENCE__ID(s), SEQUENCE__ID(i), SEQUENCE__ID(o), s, in, U, n, window, fn, __VA_ARGS__)
#define SEQUENCE__MAP(S, I, O, s, in, U, n, window, fn, ...) __extension__({ \
    conc_scope *S = (s); \
    __auto_type I = (in); \
    conc_chan(U) O = conc_scope_chan(S, U); \
    SEQUENCE__SAY(SEQUENCE__IS((fn)((conc_ctx *)0, (const SEQUENCE__T(I) *)0, (__typeof__(U) *)0, (__VA_ARGS__)), int), \
        "sequence_map: the function is  int fn(conc_ctx *ctx, const T *in, U *out, A *arg)"); \
    sequence__start(S, conc_case_recv(I, (SEQUENCE__T(I) *)0), conc_case_send(O, (SEQUENCE__T(O)){ 0 }), (n), (window), \
                    (void (*)(void))(fn), (void *)(uintptr_t)(__VA_ARGS__)); \
    (conc_recv_chan(U))O; })
#else
template <class T> struct sequence__same { typedef T type; };
template <class U, class T, class A>
static inline conc_recv_chan_of<U> sequence__map_of(conc_scope *s, conc_recv_chan_of<T> in, size_t n, size_t window,
                                                    int (*fn)(conc_ctx *, const T *, U *, A *), typename sequence__same<A>::type *arg) {
    conc_chan_of<U> out = conc_scope_chan(s, U);
    sequence__start(s, conc_case_recv(in, nullptr), conc_case_send(out, U()), n, window, reinterpret_cast<void (*)(void)>(fn),
                    const_cast<void *>(static_cast<const volatile void *>(arg)));
    return out;
}
#define sequence_map(s, in, U, ...) sequence__map_of<U>((s), (in), __VA_ARGS__)
#endif

#endif
