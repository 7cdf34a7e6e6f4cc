/* parallel.h - loops over arrays on every processor: for, map, reduce. For conc.h; copy this file beside it.

   Problem: the same work for each of many items, which do not depend on each other; as fast as the processors can, with no more
   goroutines than that, and stopped by the first error or by a context.

       0 .. n in chunks:  [0 | 1 | 2 | 3 | ... ]
                            \   \   \
                     next --> worker 1 .. k        each takes the next chunk when it has finished one
                                   |
       reduce:             one result for each chunk, combined from left to right when all are there

     static int shade(conc_ctx *ctx, size_t row, struct image *im) { ... }                       // 0, or an error
     int err = parallel_for(ctx, NULL, im->height, shade, im);

     static int area(conc_ctx *ctx, const struct shape *in, double *out, void *none) { ... }
     err = parallel_map(ctx, NULL, shapes, n, areas, area, NULL);                                // areas[i] for shapes[i]

     static int add_up(conc_ctx *ctx, size_t from, size_t to, double *sum, const double *v) { for (...) *sum += v[from]; return 0; }
     static void add(double *sum, const double *more) { *sum += *more; }
     double sum = 0;
     err = parallel_reduce(ctx, NULL, n, &sum, add_up, add, v);

   These are ordinary calls: when they return, the last of their goroutines has ended.

   Cancel: the context is looked at between chunks; an item that takes long looks itself (the ctx that it gets). Error: the first that
   a function returns stops the others at their next chunk; it is the result, and which items were done is not known. conc_exit in
   an item counts as CONC_CANCELED.
   Order: map's results stand where their items stand, whatever order they were made in. reduce keeps one
   result for each chunk and combines them from left to right: combine must be associative, and need not be commutative; with a .chunk
   of your own the result is the same on every machine, also with floating-point numbers. With .unordered each worker keeps one
   result, of whatever chunks it came to, and combine must be commutative too.

   Who owns what: the arrays, results and what arg points to are yours; nothing is kept after the call. Any goroutine or thread may call.

   Source: OpenMP's parallel for with schedule(dynamic), and Go's errgroup with a limit and an atomic index. */
#ifndef PARALLEL_H
#define PARALLEL_H

#include "conc.h"

#include <stdlib.h>
#include <string.h>

struct parallel_opts { /* zero: the default; NULL instead of a pointer to one: all of them */
    int workers;       /* at most so many at a time; as many as there are processors (conc_set_procs) */
    size_t chunk;      /* items taken at a time; an eighth of a worker's share. Small for items that take long, large for quick ones */
    bool unordered;    /* reduce only: combine in any order */
};

struct parallel__run;
struct parallel__worker {
    struct parallel__run *run;
    conc_scope *scope;
    void *acc;   /* unordered reduce: its own partial result */
    bool inside; /* the user's function has not returned */
};
struct parallel__run {
    conc_ctx *ctx;
    int (*body)(struct parallel__worker *w, size_t from, size_t to); /* a chunk */
    void (*fn)(void), (*combine)(void);                              /* the user's; the macros have checked their types */
    void *arg;
    size_t n, chunk, chunks, workers, next; /* next: the next chunk */
    const char *in;
    char *out; /* reduce: the partial results */
    size_t in_size, out_size;
    bool unordered;
};

#ifdef __clang__ /* T * and void * are passed alike */
#define PARALLEL__ERASED __attribute__((no_sanitize("function")))
#else
#define PARALLEL__ERASED
#endif
PARALLEL__ERASED static inline int parallel__each(struct parallel__worker *w, size_t from, size_t to) {
    struct parallel__run *r = w->run;
    int err = 0;
    for (; from < to && err == 0; from++) err = ((int (*)(conc_ctx *, size_t, void *))r->fn)(r->ctx, from, r->arg);
    return err;
}
PARALLEL__ERASED static inline int parallel__each_to_each(struct parallel__worker *w, size_t from, size_t to) {
    struct parallel__run *r = w->run;
    int err = 0;
    for (; from < to && err == 0; from++)
        err = ((int (*)(conc_ctx *, const void *, void *, void *))r->fn)(r->ctx, r->in + from * r->in_size, r->out + from * r->out_size, r->arg);
    return err;
}
PARALLEL__ERASED static inline int parallel__fold(struct parallel__worker *w, size_t from, size_t to) {
    struct parallel__run *r = w->run;
    void *acc = r->unordered ? w->acc : r->out + from / r->chunk * r->out_size;
    return ((int (*)(conc_ctx *, size_t, size_t, void *, void *))r->fn)(r->ctx, from, to, acc, r->arg);
}
PARALLEL__ERASED static inline void parallel__combine(struct parallel__run *r, void *acc, const void *more) {
    ((void (*)(void *, const void *))r->combine)(acc, more);
}

static inline void parallel__leave(void *arg) { /* at the end of the goroutine, also by conc_exit */
    struct parallel__worker *w = (struct parallel__worker *)arg;
    if (w->inside) conc_scope_cancel(w->scope, CONC_CANCELED);
}
/* Chunk by chunk, until there is none, one fails, or the context is done. */
static inline int parallel__work(struct parallel__worker *w) {
    struct parallel__run *r = w->run;
    if (conc_on_exit(parallel__leave, w) != CONC_OK) return CONC_NO_MEMORY;
    for (;;) {
        size_t at = __atomic_fetch_add(&r->next, 1, __ATOMIC_RELAXED);
        if (at >= r->chunks) return 0;
        if (conc_ctx_err(r->ctx) != CONC_OK) return conc_ctx_cause(r->ctx);
        size_t from = at * r->chunk, to = r->n - from > r->chunk ? from + r->chunk : r->n;
        w->inside = true;
        int err = r->body(w, from, to);
        w->inside = false;
        if (err != 0) return err;
    }
}

/* Run the chunks on r->workers goroutines; accs: a partial result for each, or NULL. */
static inline int parallel__start(struct parallel__run *r, conc_ctx *ctx, char *accs) {
    conc_scope_begin(s, ctx);
    r->ctx = conc_scope_ctx(s);
    for (size_t i = 0; i < r->workers; i++) {
        struct parallel__worker *w = (struct parallel__worker *)conc_scope_alloc(s, sizeof *w);
        if (w == NULL) {
            conc_scope_cancel(s, CONC_NO_MEMORY);
            break;
        }
        w->run = r;
        w->scope = s;
        if (accs != NULL) w->acc = accs + i * r->out_size;
        conc_scope_go(s, parallel__work, w);
    }
    return conc_scope_wait(s);
}

/* How many workers, and how large a chunk. */
static inline struct parallel__run parallel__plan(const struct parallel_opts *o, size_t n) {
    struct parallel__run r;
    memset(&r, 0, sizeof r);
    size_t workers = (size_t)(o != NULL && o->workers > 0 ? o->workers : conc_set_procs(0));
    r.n = n;
    r.chunk = o != NULL && o->chunk > 0 ? o->chunk : n / (8 * workers) + 1;
    r.chunks = n / r.chunk + (n % r.chunk != 0);
    r.workers = workers < r.chunks ? workers : r.chunks;
    r.unordered = o != NULL && o->unordered;
    return r;
}
static inline int parallel__for(conc_ctx *ctx, const struct parallel_opts *o, size_t n, void (*fn)(void), void *arg) {
    struct parallel__run r = parallel__plan(o, n);
    r.body = parallel__each;
    r.fn = fn;
    r.arg = arg;
    return parallel__start(&r, ctx, NULL);
}
static inline int parallel__map(conc_ctx *ctx, const struct parallel_opts *o, const void *in, size_t in_size, size_t n, void *out, size_t out_size,
                                void (*fn)(void), void *arg) {
    struct parallel__run r = parallel__plan(o, n);
    r.body = parallel__each_to_each;
    r.fn = fn;
    r.arg = arg;
    r.in = (const char *)in;
    r.out = (char *)out;
    r.in_size = in_size;
    r.out_size = out_size;
    return parallel__start(&r, ctx, NULL);
}
static inline int parallel__reduce(conc_ctx *ctx, const struct parallel_opts *o, size_t n, void *acc, size_t size, void (*fn)(void),
                                   void (*combine)(void), void *arg) {
    struct parallel__run r = parallel__plan(o, n);
    size_t parts = r.unordered ? r.workers : r.chunks;
    r.body = parallel__fold;
    r.fn = fn;
    r.combine = combine;
    r.arg = arg;
    r.out_size = size;
    if (parts == 0) return 0;
    if (parts > SIZE_MAX / size || (r.out = (char *)malloc(parts * size)) == NULL) return CONC_NO_MEMORY;
    for (size_t i = 0; i < parts; i++) memcpy(r.out + i * size, acc, size); /* the neutral element */
    int err = parallel__start(&r, ctx, r.out);
    for (size_t i = 0; i < parts && err == 0; i++) parallel__combine(&r, acc, r.out + i * size);
    free(r.out);
    return err;
}

/* ctx may be NULL, and so may opts, a const struct parallel_opts *. All return 0, the first error of a function, or why ctx was done
   (conc_ctx_cause); CONC_NO_MEMORY.

   parallel_for(ctx, opts, n, fn, arg)                  int fn(conc_ctx *ctx, size_t i, A *arg)  for each i below n
   parallel_map(ctx, opts, in, n, out, fn, arg)         int fn(conc_ctx *ctx, const T *in, U *out, A *arg)  for each of the n elements of
                           the array in and the one of the array out in the same place
   parallel_reduce(ctx, opts, n, &acc, fn, combine, arg)   acc, an R, is combined with what is found in 0 .. n. It must hold the neutral
                           element of combine (0 for a sum) when called, and is as it was after an error.
                           int fn(conc_ctx *ctx, size_t from, size_t to, R *acc, A *arg)  adds from .. to - 1 to *acc;
                           void combine(R *acc, const R *more)  adds one result to another */
#ifndef __cplusplus
#define PARALLEL__IS(x, T) _Generic((x), T: 1, default: 0)
#define PARALLEL__SAY(cond, text) ((void)sizeof(struct { _Static_assert(cond, text); int parallel__; }))
#define PARALLEL__FN(fn, ...) (void (*)(void))(fn), (void *)(uintptr_t)(__VA_ARGS__)
#define PARALLEL__VALUE(p) __typeof__(((void)0, *(p)))
#define parallel_for(ctx, opts, n, fn, ...) \
    (PARALLEL__SAY(PARALLEL__IS((fn)((conc_ctx *)0, (size_t)0, (__VA_ARGS__)), int), \
        "parallel_for: the function is  int fn(conc_ctx *ctx, size_t i, A *arg)"), \
     parallel__for((ctx), (opts), (n), PARALLEL__FN(fn, __VA_ARGS__)))
#define parallel_map(ctx, opts, in, n, out, fn, ...) \
    (PARALLEL__SAY(PARALLEL__IS((fn)((conc_ctx *)0, (const PARALLEL__VALUE(in) *)0, (__typeof__(*(out)) *)0, (__VA_ARGS__)), int), \
        "parallel_map: the function is  int fn(conc_ctx *ctx, const T *in, U *out, A *arg)"), \
     parallel__map((ctx), (opts), (in), sizeof *(in), (n), (out), sizeof *(out), PARALLEL__FN(fn, __VA_ARGS__)))
#define parallel_reduce(ctx, opts, n, acc, fn, combine, ...) \
    (PARALLEL__SAY(PARALLEL__IS((fn)((conc_ctx *)0, (size_t)0, (size_t)0, (acc), (__VA_ARGS__)), int), \
        "parallel_reduce: the function is  int fn(conc_ctx *ctx, size_t from, size_t to, R *acc, A *arg)"), \
     (void)sizeof((combine)((acc), (const __typeof__(*(acc)) *)0), 0), \
     parallel__reduce((ctx), (opts), (n), (acc), sizeof *(acc), (void (*)(void))(fn), (void (*)(void))(combine), \
                      (void *)(uintptr_t)(__VA_ARGS__)))
#else
template <class T> struct parallel__same { typedef T type; };
template <class T> static inline void *parallel__arg(T *arg) { return const_cast<void *>(static_cast<const volatile void *>(arg)); }
template <class F> static inline void (*parallel__fn(F *fn))(void) { return reinterpret_cast<void (*)(void)>(fn); }
#define PARALLEL__ARG typename parallel__same<A>::type *arg
template <class A>
static inline int parallel_for(conc_ctx *ctx, const struct parallel_opts *o, size_t n, int (*fn)(conc_ctx *, size_t, A *), PARALLEL__ARG) {
    return parallel__for(ctx, o, n, parallel__fn(fn), parallel__arg(arg));
}
template <class T, class U, class A>
static inline int parallel_map(conc_ctx *ctx, const struct parallel_opts *o, const T *in, size_t n, U *out, int (*fn)(conc_ctx *, const T *, U *, A *),
                               PARALLEL__ARG) {
    static_assert(std::is_trivially_copyable<T>::value && std::is_trivially_copyable<U>::value, "parallel_map: elements must be trivially copyable");
    return parallel__map(ctx, o, in, sizeof(T), n, out, sizeof(U), parallel__fn(fn), parallel__arg(arg));
}
template <class R, class A>
static inline int parallel_reduce(conc_ctx *ctx, const struct parallel_opts *o, size_t n, R *acc, int (*fn)(conc_ctx *, size_t, size_t, R *, A *),
                                  void (*combine)(R *, const R *), PARALLEL__ARG) {
    static_assert(std::is_trivially_copyable<R>::value, "parallel_reduce: the result must be trivially copyable");
    return parallel__reduce(ctx, o, n, acc, sizeof(R), parallel__fn(fn), parallel__fn(combine), parallel__arg(arg));
}
#endif

#endif
