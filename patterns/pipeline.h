/* pipeline.h - stages joined by channels: sources, stages, fan-out, fan-in, tee, bridge, batches. For conc.h; copy this file beside it.

   Problem: a stream of values goes through steps that run at the same time. Somewhere a step fails, the caller stops reading in the
   middle, or a request is cancelled; then nobody may be left blocked on a send, and every channel must be closed and freed by somebody.

       source ---> stage ---> stage ---> for (v in the last one)        each arrow a channel, each stage a goroutine (or n)
          values, then close: downstream ---->
          <---- upstream: the end of the scope's context

     static int parse(conc_ctx *ctx, const struct line *in, struct record *out, void *none) { ... }       // 0, or an error

     conc_scope_begin(s, .parent = ctx);
     recv_chan(struct line)   lines   = pipeline_from(s, array, n);
     recv_chan(struct record) records = pipeline_fan_out(s, lines, struct record, 8, parse, NULL);
     chan_range(r, records) print(&r);             // ends when all have come, when a stage failed, when ctx is cancelled
     int err = pipeline_end(s);                    // which of these it was: 0, or the first error

   The pipeline is a scope (conc_scope_begin without .limit). It owns the stages' goroutines, channels and memory; what a function here
   returns is borrowed from it: read it, never close or free it.

   When the goroutines stop: a stage ends when its input is closed, when its function says so, or when the scope's context is done. A
   stage that ends, for whatever reason, closes its output; so the end of a stream reaches everybody downstream. Upstream is told by
   the context alone: what is no longer read waits until pipeline_end, or the end of the scope's block, cancels and joins it.

   Cancel: by the parent, conc_scope_cancel or pipeline_end; no send or receive of a stage waits without the context. Error: a stage's
   function returns something other than 0: the value is dropped and the scope is cancelled with that as its cause. CONC_CLOSED is
   no error: this stage wants no more. conc_exit in a stage's function counts as CONC_CANCELED.
   Consumer gone: leave the loop by break, the block by return; there is no sender to forget.
   An output that has closed does not tell whether it is complete. pipeline_end does.

   Who owns what: arrays and what arg points to are yours and outlive the scope's block. Values are copied from channel to channel; what
   they point to belongs to whoever holds the value, and a value that is under way when the pipeline is cancelled is dropped: let such
   values point to what the scope owns (conc_scope_alloc). No memory for a stage ends the program, as in conc_scope_go.
   Goroutines and OS threads may all build and read pipelines; conc_scope_begin's rules hold for the block.

   Source: "Go Concurrency Patterns: Pipelines and cancellation" (the Go blog); chapter 4 of "Concurrency in Go" (generators, or-done, tee,
   bridge, fan-out, fan-in, queuing). Their done channel is the scope's context. */
#ifndef PIPELINE_H
#define PIPELINE_H

#include "conc.h"

#include <limits.h>
#include <string.h>

enum { PIPELINE__ENOUGH = INT_MIN }; /* the cause when the consumer wants no more */

/* ---- the stages, with types erased. A channel's end is a case of a select, made where its type is known ---- */

struct pipeline__stage {
    conc_scope *scope;
    void (*body)(struct pipeline__stage *);
    void (*fn)(void); /* the user's; its type was checked by the macro */
    void *arg;
    conc_case in, out, other; /* other: tee's second output; what bridge's inner channels are like */
    char *x, *y;              /* room for an element of in, of out */
    const char *items;        /* array: where they are */
    size_t n;                 /* array: how many; copy: at most so many; batch: room */
    size_t offset;            /* batch: of the elements */
    int64_t patience;         /* batch: of the first element */
    int err;
    struct pipeline__stage *first; /* the stages that share an output; the last of them closes it */
    size_t left;                   /* of the first: how many there are */
};

/* One receive or send between the stage's memory and a channel. False: closed, or the context is done and st->err says why. */
static inline bool pipeline__io(struct pipeline__stage *st, conc_case end, void *v) {
    conc_ctx *ctx = conc_scope_ctx(st->scope);
    end.val = v;
    conc_case c[2] = { conc_case_done(ctx), end };
    if (conc_select_ordered_n(c, 2) == 1) return c[1].ok;
    st->err = conc_ctx_cause(ctx);
    return false;
}

/* What the user's function returned: go on? */
static inline bool pipeline__goes_on(struct pipeline__stage *st, int err) {
    st->err = err == CONC_CLOSED ? 0 : err;
    return err == 0;
}

#ifdef __clang__ /* T * and void * are passed alike; the macros below have checked T */
#define PIPELINE__ERASED __attribute__((no_sanitize("function")))
#else
#define PIPELINE__ERASED
#endif
PIPELINE__ERASED static inline int pipeline__call_map(struct pipeline__stage *st) {
    st->err = CONC_CANCELED; /* unless it returns */
    return ((int (*)(conc_ctx *, const void *, void *, void *))st->fn)(conc_scope_ctx(st->scope), st->x, st->y, st->arg);
}
PIPELINE__ERASED static inline int pipeline__call_generate(struct pipeline__stage *st) {
    st->err = CONC_CANCELED;
    return ((int (*)(conc_ctx *, void *, void *))st->fn)(conc_scope_ctx(st->scope), st->y, st->arg);
}
PIPELINE__ERASED static inline bool pipeline__call_filter(struct pipeline__stage *st) {
    st->err = CONC_CANCELED;
    bool keep = ((bool (*)(const void *, void *))st->fn)(st->x, st->arg);
    st->err = 0;
    return keep;
}

static inline void pipeline__map(struct pipeline__stage *st) {
    while (pipeline__io(st, st->in, st->x) && pipeline__goes_on(st, pipeline__call_map(st)) && pipeline__io(st, st->out, st->y)) {}
}
static inline void pipeline__generate(struct pipeline__stage *st) {
    while (pipeline__goes_on(st, pipeline__call_generate(st)) && pipeline__io(st, st->out, st->y)) {}
}
static inline void pipeline__filter(struct pipeline__stage *st) {
    while (pipeline__io(st, st->in, st->x))
        if (pipeline__call_filter(st) && !pipeline__io(st, st->out, st->x)) return;
}
static inline void pipeline__copy(struct pipeline__stage *st) {
    for (size_t i = 0; i < st->n; i++)
        if (!pipeline__io(st, st->in, st->x) || !pipeline__io(st, st->out, st->x)) return;
}
static inline void pipeline__array(struct pipeline__stage *st) {
    for (size_t i = 0; i < st->n; i++) {
        memcpy(st->y, st->items + i * st->out.size, st->out.size);
        if (!pipeline__io(st, st->out, st->y)) return;
    }
}
static inline void pipeline__repeat(struct pipeline__stage *st) {
    while (st->n > 0 && st->err == 0) pipeline__array(st);
}
static inline void pipeline__tee(struct pipeline__stage *st) {
    conc_ctx *ctx = conc_scope_ctx(st->scope);
    while (pipeline__io(st, st->in, st->x)) {
        conc_case c[3] = { conc_case_done(ctx), st->out, st->other };
        c[1].val = c[2].val = st->x;
        int got = conc_select_ordered_n(c, 3); /* whoever comes first, then the other one */
        if (got == 0) st->err = conc_ctx_cause(ctx);
        if (got == 0 || !pipeline__io(st, got == 1 ? st->other : st->out, st->x)) return;
    }
}

static inline void pipeline__unref(const volatile void *ch) { conc_chan_free((conc_chan(char))(uintptr_t)ch); }
static inline void pipeline__bridge(struct pipeline__stage *st) {
    while (pipeline__io(st, st->in, st->y)) {
        memcpy(&st->other.ch, st->y, sizeof st->other.ch);
        while (pipeline__io(st, st->other, st->x) && pipeline__io(st, st->out, st->x)) {}
        pipeline__unref(st->other.ch);
        if (st->err != 0) return;
    }
}
static inline void pipeline__drain(struct pipeline__stage *st) { /* at the scope's end: the channels that nobody has taken */
    for (;;) {
        conc_case c[2] = { st->in, conc_case_default() };
        c[0].val = st->y;
        if (conc_select_n(c, 2) == 1 || !c[0].ok) return;
        memcpy(&st->other.ch, st->y, sizeof st->other.ch);
        pipeline__unref(st->other.ch);
    }
}

static inline bool pipeline__flush(struct pipeline__stage *st, size_t n) {
    memcpy(st->y, &n, sizeof n);
    return n == 0 || pipeline__io(st, st->out, st->y);
}
static inline void pipeline__batch(struct pipeline__stage *st) {
    enum { DONE, IN, TIMEOUT };
    conc_ctx *ctx = conc_scope_ctx(st->scope);
    int64_t begun = 0;
    for (size_t n = 0;;) {
        conc_case c[3] = { conc_case_done(ctx), st->in,
                           conc_case_timeout(n == 0 || st->patience == CONC_FOREVER ? CONC_FOREVER : st->patience - (conc_now() - begun)) };
        c[IN].val = st->y + st->offset + n * st->in.size;
        int got = conc_select_ordered_n(c, 3);
        if (got == DONE) st->err = conc_ctx_cause(ctx);
        if (got == DONE) return;
        bool more = got == IN && c[IN].ok;
        if (more && n++ == 0) begun = conc_now();
        if (more && n < st->n) continue;
        if (!pipeline__flush(st, n) || (got == IN && !more)) return;
        n = 0;
    }
}

/* ---- their life ---- */

static inline void pipeline__close(const volatile void *ch) { conc_chan_close((conc_chan(char))(uintptr_t)ch); }
static inline void pipeline__finish(void *arg) { /* at the end of the goroutine, also by conc_exit */
    struct pipeline__stage *st = (struct pipeline__stage *)arg;
    if (st->err != 0) conc_scope_cancel(st->scope, st->err); /* before the close: who sees the end can ask why */
    if (__atomic_sub_fetch(&st->first->left, 1, __ATOMIC_ACQ_REL) != 0) return;
    pipeline__close(st->out.ch);
    if (st->body == pipeline__tee) pipeline__close(st->other.ch);
}
static inline void pipeline__run(struct pipeline__stage *st) {
    bool watched = conc_on_exit(pipeline__finish, st) == CONC_OK;
    st->body(st);
    if (!watched) pipeline__finish(st);
}

/* To what any type may need; not 0, so that bridge has room for a handle whatever the elements are. */
static inline size_t pipeline__round(size_t size) { return (size + 15) & ~(size_t)15; }
static inline struct pipeline__stage *pipeline__new(conc_scope *s, void (*body)(struct pipeline__stage *), conc_case in, conc_case out) {
    size_t own = pipeline__round(sizeof(struct pipeline__stage)), x = pipeline__round(in.size), y = pipeline__round(out.size);
    struct pipeline__stage *st = (struct pipeline__stage *)conc_scope_alloc(s, own + x + y);
    if (st == NULL || out.ch == NULL) conc_panic("pipeline: out of memory");
    st->scope = s;
    st->body = body;
    st->in = in;
    st->out = out;
    st->x = (char *)st + own;
    st->y = st->x + x;
    st->first = st;
    st->left = 1;
    return st;
}
static inline void pipeline__start(struct pipeline__stage *st) { conc_scope_go(st->scope, pipeline__run, st); }

static inline void pipeline__add_map(conc_scope *s, conc_case in, conc_case out, size_t n, void (*fn)(void), void *arg) {
    struct pipeline__stage *first = NULL;
    if (n == 0) conc_panic("pipeline_fan_out: n must be at least 1");
    for (size_t i = 0; i < n; i++) {
        struct pipeline__stage *st = pipeline__new(s, pipeline__map, in, out);
        st->fn = fn;
        st->arg = arg;
        if (i == 0) first = st, first->left = n;
        st->first = first;
        pipeline__start(st);
    }
}
static inline void pipeline__add_filter(conc_scope *s, conc_case in, conc_case out, void (*fn)(void), void *arg) {
    struct pipeline__stage *st = pipeline__new(s, pipeline__filter, in, out);
    st->fn = fn;
    st->arg = arg;
    pipeline__start(st);
}
static inline void pipeline__add_generate(conc_scope *s, conc_case out, void (*fn)(void), void *arg) {
    struct pipeline__stage *st = pipeline__new(s, pipeline__generate, out, out);
    st->fn = fn;
    st->arg = arg;
    pipeline__start(st);
}
static inline void pipeline__add_array(conc_scope *s, void (*body)(struct pipeline__stage *), conc_case out, const void *items, size_t n) {
    struct pipeline__stage *st = pipeline__new(s, body, out, out);
    st->items = (const char *)items;
    st->n = n;
    pipeline__start(st);
}
static inline void pipeline__add_copy(conc_scope *s, conc_case in, conc_case out, size_t n) {
    struct pipeline__stage *st = pipeline__new(s, pipeline__copy, in, out);
    st->n = n;
    pipeline__start(st);
}
static inline void pipeline__add_merge(conc_scope *s, conc_case in, conc_case out, const void *ins, size_t n) {
    struct pipeline__stage *first = NULL;
    for (size_t i = 0; i < n; i++) {
        memcpy(&in.ch, (const char *)ins + i * sizeof in.ch, sizeof in.ch);
        struct pipeline__stage *st = pipeline__new(s, pipeline__copy, in, out);
        st->n = SIZE_MAX;
        if (i == 0) first = st, first->left = n;
        st->first = first;
        pipeline__start(st);
    }
    if (n == 0) pipeline__add_copy(s, in, out, 0);
}
static inline void pipeline__add_tee(conc_scope *s, conc_case in, conc_case out, conc_case other) {
    struct pipeline__stage *st = pipeline__new(s, pipeline__tee, in, out);
    if (other.ch == NULL) conc_panic("pipeline: out of memory");
    st->other = other;
    pipeline__start(st);
}
static inline void pipeline__add_bridge(conc_scope *s, conc_case in, conc_case inner, conc_case out) {
    struct pipeline__stage *st = pipeline__new(s, pipeline__bridge, out, out);
    st->in = in;
    st->other = inner;
    if (conc_scope_defer(s, pipeline__drain, st) != CONC_OK) conc_panic("pipeline: out of memory");
    pipeline__start(st);
}
static inline void pipeline__add_batch(conc_scope *s, conc_case in, conc_case out, size_t offset, size_t room, int64_t patience) {
    struct pipeline__stage *st = pipeline__new(s, pipeline__batch, in, out);
    st->offset = offset;
    st->n = room;
    st->patience = patience;
    pipeline__start(st);
}

/* The consumer wants no more: cancel what still runs, wait until every task of the scope has ended, and tell how it went: 0 if nothing
   had failed until now, else the first error, or the cause with which the scope's context had ended. Afterwards the scope is done for:
   leave its block. By the goroutine or thread that may call conc_scope_wait. */
static inline int pipeline_end(conc_scope *s) {
    conc_scope_cancel(s, PIPELINE__ENOUGH);
    int err = conc_scope_wait(s);
    return err == PIPELINE__ENOUGH ? 0 : err;
}

/* In all of these s is a conc_scope *, in any recv_chan(T) or chan(T) (of this pipeline or not, as long as the scope lives), and the result a
   recv_chan of the scope's. They return at once.

   sources
     pipeline_from(s, items, n)              the n elements of an array
     pipeline_repeat(s, items, n)            the same, over and over
     pipeline_generate(s, T, fn, arg)        what  int fn(conc_ctx *ctx, T *out, A *arg)  makes, until it returns CONC_CLOSED or an error
   stages
     pipeline_map(s, in, U, fn, arg)         int fn(conc_ctx *ctx, const T *in, U *out, A *arg)  makes a U of each T, in their order
     pipeline_fan_out(s, in, U, n, fn, arg)  the same by n goroutines, in whatever order they are ready. fn runs up to n times at once
     pipeline_filter(s, in, fn, arg)         those for which  bool fn(const T *v, A *arg)  is true
     pipeline_take(s, in, n)                 the first n
     pipeline_or_done(s, in)                 the same as in, until the scope's context is done: for channels that do not know of it
     pipeline_buffer(s, in, n)               the same as in, with room for n: a queue between a stage of uneven speed and the next
     pipeline_batch(s, in, B, patience)      up to N at a time, B being a  pipeline_batch_of(T, N),  struct { size_t n; T item[N]; }: when
                                             it is full, when its first element has waited so many ns (CONC_FOREVER), and at the end
   joints
     pipeline_merge(s, ins, n)               fan-in: what comes from the n channels of an array, as it comes; closed after all n
     pipeline_tee(s, in, &a, &b)             each value to both of two recv_chan(T): as fast as the slower of the two is read
     pipeline_bridge(s, in)                  in: a channel of recv_chan(T). The values of the first, then of the second, ... Each of them
                                             comes with a reference (chan_ref, or the maker's), which is given back here */
#define pipeline_batch_of(T, N) struct { size_t n; __typeof__(T) item[N]; }
#ifndef __cplusplus
#define PIPELINE__CAT_(a, b) a##b
#define PIPELINE__CAT(a, b) PIPELINE__CAT_(a, b)
#define PIPELINE__ID(x) PIPELINE__CAT(pipeline__##x, __COUNTER__) /* so that calls may be nested */
#define PIPELINE__IDS PIPELINE__ID(s), PIPELINE__ID(i), PIPELINE__ID(o)
#define PIPELINE__CALL(m, ...) m(__VA_ARGS__)
#define PIPELINE__T(c) __typeof__((**(c))((struct conc_chan *)0))
#define PIPELINE__IN(c) conc_case_recv((c), (PIPELINE__T(c) *)0)
#define PIPELINE__OUT(c) conc_case_send((c), (PIPELINE__T(c)){ 0 })
#define PIPELINE__IS(x, T) _Generic((x), T: 1, default: 0)
#define PIPELINE__SAY(cond, text) ((void)sizeof(struct { _Static_assert(cond, text); int pipeline__; }))
#define PIPELINE__FN(fn, ...) (void (*)(void))(fn), (void *)(uintptr_t)(__VA_ARGS__)
/* S, I, O: the scope, the input and the output, each evaluated once */
#define PIPELINE__SOURCE(S, s, O, U, ...) __extension__({ \
    conc_scope *S = (s); \
    conc_chan(U) O = conc_scope_chan(S, U); \
    __VA_ARGS__; \
    (conc_recv_chan(U))O; })
#define PIPELINE__STAGE(S, s, I, in, O, U, cap, ...) __extension__({ \
    conc_scope *S = (s); \
    __auto_type I = (in); \
    conc_chan(U) O = conc_scope_chan(S, U, (cap)); \
    __VA_ARGS__; \
    (conc_recv_chan(U))O; })

#define pipeline_from(s, items, n) PIPELINE__CALL(PIPELINE__ARRAY, PIPELINE__IDS, s, pipeline__array, items, n)
#define pipeline_repeat(s, items, n) PIPELINE__CALL(PIPELINE__ARRAY, PIPELINE__IDS, s, pipeline__repeat, items, n)
#define PIPELINE__ARRAY(S, I, O, s, body, items, n) \
    PIPELINE__SOURCE(S, s, O, __typeof__(((void)0, (items)[0])), pipeline__add_array(S, body, PIPELINE__OUT(O), (items), (n)))
#define pipeline_generate(s, T, fn, ...) PIPELINE__CALL(PIPELINE__GENERATE, PIPELINE__IDS, s, T, fn, __VA_ARGS__)
#define PIPELINE__GENERATE(S, I, O, s, T, fn, ...) PIPELINE__SOURCE(S, s, O, T, \
    PIPELINE__SAY(PIPELINE__IS((fn)((conc_ctx *)0, (__typeof__(T) *)0, (__VA_ARGS__)), int), \
        "pipeline_generate: the function is  int fn(conc_ctx *ctx, T *out, A *arg)"); \
    pipeline__add_generate(S, PIPELINE__OUT(O), PIPELINE__FN(fn, __VA_ARGS__)))
#define pipeline_map(s, in, U, fn, ...) PIPELINE__CALL(PIPELINE__MAP, PIPELINE__IDS, s, in, U, 1, fn, __VA_ARGS__)
#define pipeline_fan_out(s, in, U, n, fn, ...) PIPELINE__CALL(PIPELINE__MAP, PIPELINE__IDS, s, in, U, n, fn, __VA_ARGS__)
#define PIPELINE__MAP(S, I, O, s, in, U, n, fn, ...) PIPELINE__STAGE(S, s, I, in, O, U, 0, \
    PIPELINE__SAY(PIPELINE__IS((fn)((conc_ctx *)0, (const PIPELINE__T(I) *)0, (__typeof__(U) *)0, (__VA_ARGS__)), int), \
        "pipeline_map: the function is  int fn(conc_ctx *ctx, const T *in, U *out, A *arg)"); \
    pipeline__add_map(S, PIPELINE__IN(I), PIPELINE__OUT(O), (n), PIPELINE__FN(fn, __VA_ARGS__)))
#define pipeline_filter(s, in, fn, ...) PIPELINE__CALL(PIPELINE__FILTER, PIPELINE__IDS, s, in, fn, __VA_ARGS__)
#define PIPELINE__FILTER(S, I, O, s, in, fn, ...) PIPELINE__STAGE(S, s, I, in, O, PIPELINE__T(I), 0, \
    PIPELINE__SAY(PIPELINE__IS((fn)((const PIPELINE__T(I) *)0, (__VA_ARGS__)), bool), \
        "pipeline_filter: the function is  bool fn(const T *v, A *arg)"); \
    pipeline__add_filter(S, PIPELINE__IN(I), PIPELINE__OUT(O), PIPELINE__FN(fn, __VA_ARGS__)))
#define pipeline_take(s, in, n) PIPELINE__CALL(PIPELINE__COPY, PIPELINE__IDS, s, in, 0, n)
#define pipeline_or_done(s, in) PIPELINE__CALL(PIPELINE__COPY, PIPELINE__IDS, s, in, 0, SIZE_MAX)
#define pipeline_buffer(s, in, n) PIPELINE__CALL(PIPELINE__COPY, PIPELINE__IDS, s, in, n, SIZE_MAX)
#define PIPELINE__COPY(S, I, O, s, in, cap, n) PIPELINE__STAGE(S, s, I, in, O, PIPELINE__T(I), cap, \
    pipeline__add_copy(S, PIPELINE__IN(I), PIPELINE__OUT(O), (n)))
#define pipeline_merge(s, ins, n) PIPELINE__CALL(PIPELINE__MERGE, PIPELINE__IDS, s, ins, n)
#define PIPELINE__MERGE(S, I, O, s, ins, n) PIPELINE__STAGE(S, s, I, ins, O, PIPELINE__T(I[0]), 0, \
    pipeline__add_merge(S, conc_case_recv((conc_recv_chan(PIPELINE__T(I[0])))0, (PIPELINE__T(I[0]) *)0), PIPELINE__OUT(O), I, (n)))
#define pipeline_tee(s, in, a, b) PIPELINE__CALL(PIPELINE__TEE, PIPELINE__IDS, PIPELINE__ID(p), s, in, a, b)
#define PIPELINE__TEE(S, I, O, P, s, in, a, b) __extension__({ \
    conc_scope *S = (s); \
    __auto_type I = (in); \
    conc_chan(PIPELINE__T(I)) O = conc_scope_chan(S, PIPELINE__T(I)), P = conc_scope_chan(S, PIPELINE__T(I)); \
    pipeline__add_tee(S, PIPELINE__IN(I), PIPELINE__OUT(O), PIPELINE__OUT(P)); \
    *(a) = O; \
    *(b) = P; })
#define pipeline_bridge(s, in) PIPELINE__CALL(PIPELINE__BRIDGE, PIPELINE__IDS, s, in)
#define PIPELINE__BRIDGE(S, I, O, s, in) PIPELINE__STAGE(S, s, I, in, O, PIPELINE__T((PIPELINE__T(I))0), 0, \
    pipeline__add_bridge(S, PIPELINE__IN(I), PIPELINE__IN((PIPELINE__T(I))0), PIPELINE__OUT(O)))
#define pipeline_batch(s, in, B, patience) PIPELINE__CALL(PIPELINE__BATCH, PIPELINE__IDS, s, in, B, patience)
#define PIPELINE__BATCH(S, I, O, s, in, B, patience) PIPELINE__STAGE(S, s, I, in, O, B, 0, \
    PIPELINE__SAY(PIPELINE__IS(&((B *)0)->item[0], PIPELINE__T(I) *), "pipeline_batch: for a chan(T) B is a pipeline_batch_of(T, N)"); \
    pipeline__add_batch(S, PIPELINE__IN(I), PIPELINE__OUT(O), offsetof(B, item), sizeof ((B *)0)->item / sizeof ((B *)0)->item[0], (patience)))
#else
template <class T> struct pipeline__same { typedef T type; };
template <class T> static inline void *pipeline__arg(T *arg) { return const_cast<void *>(static_cast<const volatile void *>(arg)); }
template <class F> static inline void (*pipeline__fn(F *fn))(void) { return reinterpret_cast<void (*)(void)>(fn); }
template <class T> static inline conc_case pipeline__in(conc_recv_chan_of<T> c) { return conc_case_recv(c, nullptr); }
template <class T> static inline conc_case pipeline__out(conc_chan_of<T> c) { return conc_case_send(c, T()); /* the value is not looked at */ }
#define PIPELINE__ARG typename pipeline__same<A>::type *arg
template <class T>
static inline conc_recv_chan_of<T> pipeline__array_of(conc_scope *s, void (*body)(struct pipeline__stage *), const T *items, size_t n) {
    conc_chan_of<T> out = conc_scope_chan(s, T);
    pipeline__add_array(s, body, pipeline__out<T>(out), items, n);
    return out;
}
template <class T> static inline conc_recv_chan_of<T> pipeline_from(conc_scope *s, const T *items, size_t n) {
    return pipeline__array_of<T>(s, pipeline__array, items, n);
}
template <class T> static inline conc_recv_chan_of<T> pipeline_repeat(conc_scope *s, const T *items, size_t n) {
    return pipeline__array_of<T>(s, pipeline__repeat, items, n);
}
template <class T, class A>
static inline conc_recv_chan_of<T> pipeline__generate_of(conc_scope *s, int (*fn)(conc_ctx *, T *, A *), PIPELINE__ARG) {
    conc_chan_of<T> out = conc_scope_chan(s, T);
    pipeline__add_generate(s, pipeline__out<T>(out), pipeline__fn(fn), pipeline__arg(arg));
    return out;
}
#define pipeline_generate(s, T, ...) pipeline__generate_of<T>((s), __VA_ARGS__)
template <class U, class T, class A>
static inline conc_recv_chan_of<U> pipeline__map_of(conc_scope *s, conc_recv_chan_of<T> in, size_t n, int (*fn)(conc_ctx *, const T *, U *, A *),
                                                    PIPELINE__ARG) {
    conc_chan_of<U> out = conc_scope_chan(s, U);
    pipeline__add_map(s, pipeline__in<T>(in), pipeline__out<U>(out), n, pipeline__fn(fn), pipeline__arg(arg));
    return out;
}
#define pipeline_map(s, in, U, ...) pipeline__map_of<U>((s), (in), 1, __VA_ARGS__)
#define pipeline_fan_out(s, in, U, n, ...) pipeline__map_of<U>((s), (in), (n), __VA_ARGS__)
template <class T, class A>
static inline conc_recv_chan_of<T> pipeline_filter(conc_scope *s, conc_recv_chan_of<T> in, bool (*fn)(const T *, A *), PIPELINE__ARG) {
    conc_chan_of<T> out = conc_scope_chan(s, T);
    pipeline__add_filter(s, pipeline__in<T>(in), pipeline__out<T>(out), pipeline__fn(fn), pipeline__arg(arg));
    return out;
}
template <class T> static inline conc_recv_chan_of<T> pipeline__copy_of(conc_scope *s, conc_recv_chan_of<T> in, size_t cap, size_t n) {
    conc_chan_of<T> out = conc_scope_chan(s, T, cap);
    pipeline__add_copy(s, pipeline__in<T>(in), pipeline__out<T>(out), n);
    return out;
}
#define pipeline_take(s, in, n) pipeline__copy_of((s), (in), 0, (n))
#define pipeline_or_done(s, in) pipeline__copy_of((s), (in), 0, SIZE_MAX)
#define pipeline_buffer(s, in, n) pipeline__copy_of((s), (in), (n), SIZE_MAX)
template <class T> static inline conc_recv_chan_of<T> pipeline__merge_of(conc_scope *s, conc_recv_chan_of<T>, const void *ins, size_t n) {
    conc_chan_of<T> out = conc_scope_chan(s, T);
    pipeline__add_merge(s, pipeline__in<T>(nullptr), pipeline__out<T>(out), ins, n);
    return out;
}
template <class C> static inline auto pipeline_merge(conc_scope *s, C *ins, size_t n) -> decltype(pipeline__merge_of(s, ins[0], ins, n)) {
    return pipeline__merge_of(s, C(), ins, n);
}
template <class T> static inline void pipeline_tee(conc_scope *s, conc_recv_chan_of<T> in, conc_recv_chan_of<T> *a, conc_recv_chan_of<T> *b) {
    conc_chan_of<T> out = conc_scope_chan(s, T), other = conc_scope_chan(s, T);
    pipeline__add_tee(s, pipeline__in<T>(in), pipeline__out<T>(out), pipeline__out<T>(other));
    *a = out;
    *b = other;
}
template <class C, class T> static inline conc_recv_chan_of<T> pipeline__bridge_of(conc_scope *s, conc_recv_chan_of<C> in, conc_recv_chan_of<T>) {
    conc_chan_of<T> out = conc_scope_chan(s, T);
    pipeline__add_bridge(s, pipeline__in<C>(in), pipeline__in<T>(nullptr), pipeline__out<T>(out));
    return out;
}
template <class C> static inline auto pipeline_bridge(conc_scope *s, conc_chan_of<C> in) -> decltype(pipeline__bridge_of<C>(s, in, C())) {
    return pipeline__bridge_of<C>(s, in, C());
}
template <class C> static inline auto pipeline_bridge(conc_scope *s, conc_recv_chan_of<C> in) -> decltype(pipeline__bridge_of<C>(s, in, C())) {
    return pipeline__bridge_of<C>(s, in, C());
}
template <class B, class T> static inline conc_recv_chan_of<B> pipeline__batch_of(conc_scope *s, conc_recv_chan_of<T> in, int64_t patience) {
    static_assert(std::is_same<decltype(B::item[0]), T &>::value, "pipeline_batch: for a chan(T) B is a pipeline_batch_of(T, N)");
    conc_chan_of<B> out = conc_scope_chan(s, B);
    pipeline__add_batch(s, pipeline__in<T>(in), pipeline__out<B>(out), offsetof(B, item), sizeof(B::item) / sizeof(B::item[0]), patience);
    return out;
}
#define pipeline_batch(s, in, B, patience) pipeline__batch_of<B>((s), (in), (patience))
#endif

#endif
