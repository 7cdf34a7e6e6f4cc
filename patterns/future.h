/* future.h - a value that will be there: futures and promises, then, all, any. For conc.h; copy this file beside it.

   Problem: start something now and take its result, or its error, later; or more than once, in several places; or have several under
   way and take all of them, or the first.

       future_go ---> fn ----.                                   .---> future_await     at any time, any number of times
                              >---- settled once: value or error ----> future_await
       future_set, _fail ----'                                   '---> future_then ---> fn ---> settled once ...

     static int fetch(conc_ctx *ctx, struct page *out, const char *url) { ... }                // 0, or an error
     static int count(conc_ctx *ctx, const struct page *in, int *words, void *none) { ... }

     future(struct page) page = future_go(struct page, ctx, fetch, "http://...");
     future(int) words = future_then(page, ctx, int, count, NULL);
     int n, err = future_await(words, ctx, &n);        // 0; the first error on the way; or why ctx ended first
     future_free(words), future_free(page);

   When the goroutines stop (one for each future_go and future_then): when fn has returned. future_free of the last reference cancels
   fn's context, waits until it has returned, and frees; so a future that nobody wants any more costs no more than that, and what arg
   points to may go away afterwards.
   Cancel: by the context given at the start, and by future_free. The context of an await ends that await only. Error: what fn returns
   other than 0; a then whose input failed fails with the same error, without calling fn. conc_exit in fn counts as CONC_CANCELED.
   Consumer gone: no need to await; the value has its place in the future.

   Who owns what: a future is held by references; make, go and then give the caller one, future_ref another, future_free gives one
   back. A then holds one of the future that it comes after. The value is copied out by each await; what it points to is between you
   and fn. Whoever settles a promise must hold a reference. Any goroutine or thread may do all of this; no future_free within
   the future's own fn.

   Source: Go has none of it, a channel of one does for one reader; "promise" and "then" are those of Friedman and Wise (1976) and Liskov
   and Shrira (1988) by way of JavaScript's Promise, whose all and any these are. */
#ifndef FUTURE_H
#define FUTURE_H

#include "conc.h"

#include <stdlib.h>
#include <string.h>

struct future {
    size_t future__refs;
    int future__state; /* see below */
    int future__err;
    size_t future__size;
    char *future__value, *future__result; /* result: where fn writes; not where a future_set in the meantime puts its value */
    conc_chan(char) future__done; /* closed when it is settled */
    /* of those that run something */
    conc_ctx *future__ctx;
    conc_wg future__running;
    void (*future__fn)(void);
    void *future__arg;
    struct future *future__source; /* then: what comes before */
};
enum { FUTURE__OPEN, FUTURE__SETTLING, FUTURE__SETTLED };

/* The first to come settles it: err and NULL, or 0 and a value. False: it was settled. */
static inline bool future__settle(struct future *f, int err, const void *value) {
    int open = FUTURE__OPEN;
    if (!__atomic_compare_exchange_n(&f->future__state, &open, FUTURE__SETTLING, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return false;
    f->future__err = err;
    if (value != NULL) memcpy(f->future__value, value, f->future__size);
    __atomic_store_n(&f->future__state, FUTURE__SETTLED, __ATOMIC_RELEASE);
    conc_chan_close(f->future__done);
    return true;
}
static inline bool future__fail(struct future *f, int err) {
    if (err == 0) conc_panic("future_fail: 0 is no error");
    return future__settle(f, err, NULL);
}
static inline bool future__is_settled(struct future *f) { return __atomic_load_n(&f->future__state, __ATOMIC_ACQUIRE) == FUTURE__SETTLED; }
/* Of one that is settled. */
static inline int future__take(struct future *f, void *out) {
    if (f->future__err == 0) memcpy(out, f->future__value, f->future__size);
    return f->future__err;
}
static inline int future__wait(struct future *f, conc_ctx *ctx) {
    char none;
    if (future__is_settled(f)) return 0;
    conc_status got = conc_chan_recv_ctx(f->future__done, &none, ctx);
    return got == CONC_CLOSED ? 0 : conc_ctx_cause(ctx);
}
static inline int future__await(struct future *f, conc_ctx *ctx, void *out) {
    int err = future__wait(f, ctx);
    return err != 0 ? err : future__take(f, out);
}

/* ---- those that run something ---- */

#ifdef __clang__ /* T * and void * are passed alike; the macros below have checked T */
#define FUTURE__ERASED __attribute__((no_sanitize("function")))
#else
#define FUTURE__ERASED
#endif
FUTURE__ERASED static inline int future__call(struct future *f) {
    void *out = f->future__result;
    if (f->future__source == NULL) return ((int (*)(conc_ctx *, void *, void *))f->future__fn)(f->future__ctx, out, f->future__arg);
    const void *in = f->future__source->future__value;
    return ((int (*)(conc_ctx *, const void *, void *, void *))f->future__fn)(f->future__ctx, in, out, f->future__arg);
}
static inline void future__abandon(void *arg) { /* at the end of the goroutine: does nothing unless conc_exit was called */
    (void)future__settle((struct future *)arg, CONC_CANCELED, NULL);
}
static inline void future__run(struct future *f) {
    int err = (int)conc_on_exit(future__abandon, f);
    if (err == 0 && f->future__source != NULL) {
        err = future__wait(f->future__source, f->future__ctx);
        if (err == 0) err = f->future__source->future__err;
    }
    if (err == 0) err = future__call(f);
    (void)future__settle(f, err, err == 0 ? f->future__result : NULL);
}

/* ---- their life ---- */

static inline struct future *future__new(size_t size, bool runs) {
    const conc_wg wg = CONC_WG_INIT;
    size_t own = (sizeof(struct future) + 15) & ~(size_t)15, room = (size + 15) & ~(size_t)15;
    struct future *f = (struct future *)malloc(own + (runs ? 2 : 1) * room);
    if (f == NULL) return NULL;
    memset(f, 0, sizeof *f);
    f->future__refs = 1;
    f->future__size = size;
    f->future__value = (char *)f + own;
    f->future__result = f->future__value + (runs ? room : 0);
    f->future__running = wg;
    f->future__done = conc_chan_make(char);
    if (f->future__done != NULL) return f;
    free(f);
    return NULL;
}
static inline struct future *future__ref(struct future *f) {
    (void)__atomic_fetch_add(&f->future__refs, 1, __ATOMIC_RELAXED);
    return f;
}
static inline void future__free(struct future *f) {
    while (f != NULL && __atomic_sub_fetch(&f->future__refs, 1, __ATOMIC_ACQ_REL) == 0) {
        struct future *source = f->future__source;
        if (f->future__ctx != NULL) conc_ctx_cancel(f->future__ctx);
        conc_wg_wait(&f->future__running);
        conc_ctx_free(f->future__ctx);
        conc_chan_free(f->future__done);
        free(f);
        f = source; /* a loop: chains may be long */
    }
}
static inline struct future *future__start(size_t size, struct future *source, conc_ctx *ctx, void (*fn)(void), void *arg) {
    struct future *f = future__new(size, true);
    if (f == NULL) return NULL;
    f->future__ctx = conc_ctx_with_cancel(ctx != NULL ? ctx : conc_ctx_background());
    if (f->future__ctx == NULL) return future__free(f), (struct future *)NULL;
    f->future__fn = fn;
    f->future__arg = arg;
    f->future__source = source != NULL ? future__ref(source) : NULL;
    conc_wg_go(&f->future__running, future__run, f);
    return f;
}

/* ---- several ---- */

/* Wait for one more of those that are left; c has room for a case for each and one more. -> those that are left: the settled ones
   have been moved behind them. ctx's end: *err says so. */
static inline size_t future__wait_some(struct future **f, size_t left, conc_ctx *ctx, conc_case *c, int *err) {
    char none;
    c[0] = conc_case_done(ctx);
    for (size_t i = 0; i < left; i++) c[i + 1] = conc_case_recv(f[i]->future__done, &none);
    if (conc_select_ordered_n(c, left + 1) == 0) *err = conc_ctx_cause(ctx);
    for (size_t i = 0; i < left;) {
        if (!future__is_settled(f[i])) {
            i++;
            continue;
        }
        struct future *settled = f[i];
        f[i] = f[--left];
        f[left] = settled;
    }
    return left;
}
/* Wait until all have succeeded or one has failed (all), or one has succeeded or all have failed. *one: a success, the last. */
static inline int future__join(const void *fs, size_t n, conc_ctx *ctx, bool all, struct future **one) {
    int err = 0, failed = 0;
    if (n == 0) return all ? 0 : (int)CONC_INVALID;
    if (n >= INT32_MAX) return CONC_NO_MEMORY;
    struct future **f = (struct future **)malloc(n * sizeof *f);
    conc_case *c = (conc_case *)malloc((n + 1) * sizeof *c);
    if (f == NULL || c == NULL) err = CONC_NO_MEMORY;
    else memcpy(f, fs, n * sizeof *f);
    for (size_t left = n; err == 0 && left > 0;) {
        size_t before = left;
        left = future__wait_some(f, left, ctx, c, &err);
        bool enough = false;
        for (size_t i = left; i < before; i++) {
            if (f[i]->future__err != 0) failed = f[i]->future__err;
            else *one = f[i];
            enough |= all ? f[i]->future__err != 0 : f[i]->future__err == 0;
        }
        if (enough) break;
    }
    free(f);
    free(c);
    return err != 0 ? err : all || *one == NULL ? failed : 0;
}
static inline int future__all(const void *fs, size_t n, conc_ctx *ctx, void *out, size_t size) {
    struct future *one = NULL;
    int err = future__join(fs, n, ctx, true, &one);
    for (size_t i = 0; i < n && err == 0; i++) {
        memcpy(&one, (const char *)fs + i * sizeof one, sizeof one);
        memcpy((char *)out + i * size, one->future__value, size);
    }
    return err;
}
static inline int future__any(const void *fs, size_t n, conc_ctx *ctx, void *out, size_t size) {
    struct future *one = NULL;
    int err = future__join(fs, n, ctx, false, &one);
    if (one == NULL) return err;
    memcpy(out, one->future__value, size);
    return 0;
}

/* future(T)                a handle, as chan(T) is: copy it freely. (The word is a macro before a parenthesis only.)
   future_make(T)           a promise: settled by future_set or future_fail. NULL: no memory; so for the next two
   future_go(T, ctx, fn, arg)          run  int fn(conc_ctx *ctx, T *out, A *arg)  in a goroutine, under a child of ctx (NULL: of none)
   future_then(f, ctx, U, fn, arg)     run  int fn(conc_ctx *ctx, const T *in, U *out, A *arg)  once f has a value: a future(U)
   future_set(f, v), future_fail(f, err)   settle it, with a value or an error other than 0; false: it was settled already
   future_await(f, ctx, &v) wait until it is settled. 0: v is the value; its error; or why ctx (NULL: never) was done first (conc_ctx_cause).
                            One that is settled is taken even if ctx is done
   future_done(f)           -> recv_chan(char), borrowed, closed when it is settled: for a select
   future_all(fs, n, ctx, values)      wait for all n of an array of future(T): 0, and values[i] is that of fs[i]; or as soon as one has
                            failed, its error; or why ctx was done. The others go on. No futures: 0
   future_any(fs, n, ctx, &v)          wait for the first that succeeds: 0. All have failed: the error of the last. No futures: CONC_INVALID.
                            CONC_NO_MEMORY. Each wake of these two looks at all that are left, so they are for hundreds, not millions
   future_ref(f), future_free(f)       take, give back a reference; the last one ends what runs. NULL may be freed */
#ifndef __cplusplus
#define future(...) __typeof__(__typeof__(__VA_ARGS__) (**)(struct future *))
#define FUTURE__T(f) __typeof__((**(f))((struct future *)0))
#define FUTURE__IS(x, T) _Generic((x), T: 1, default: 0)
#define FUTURE__SAY(cond, text) ((void)sizeof(struct { _Static_assert(cond, text); int future__; }))
#define FUTURE__PTR(f) ((void)sizeof(FUTURE__T(f) *), (struct future *)(void *)(f))
#define FUTURE__TO(f, p) (FUTURE__SAY(FUTURE__IS((p), FUTURE__T(f) *), "the destination must point to the future's type"), (p))
#define FUTURE__FN(fn, ...) (void (*)(void))(fn), (void *)(uintptr_t)(__VA_ARGS__)
#define FUTURE__CAT_(a, b) a##b
#define FUTURE__CAT(a, b) FUTURE__CAT_(a, b)
#define FUTURE__CALL(m, ...) m(__VA_ARGS__)
#define future_make(...) ((future(__VA_ARGS__))(void *)future__new(sizeof(__VA_ARGS__), false))
#define future_go(T, ctx, fn, ...) \
    (FUTURE__SAY(FUTURE__IS((fn)((conc_ctx *)0, (__typeof__(T) *)0, (__VA_ARGS__)), int), \
        "future_go: the function is  int fn(conc_ctx *ctx, T *out, A *arg)"), \
     (future(T))(void *)future__start(sizeof(T), NULL, (ctx), FUTURE__FN(fn, __VA_ARGS__)))
#define future_then(f, ctx, U, fn, ...) \
    (FUTURE__SAY(FUTURE__IS((fn)((conc_ctx *)0, (const FUTURE__T(f) *)0, (__typeof__(U) *)0, (__VA_ARGS__)), int), \
        "future_then: the function is  int fn(conc_ctx *ctx, const T *in, U *out, A *arg)"), \
     (future(U))(void *)future__start(sizeof(U), FUTURE__PTR(f), (ctx), FUTURE__FN(fn, __VA_ARGS__)))
#define future_set(f, ...) FUTURE__CALL(FUTURE__SET, FUTURE__CAT(future__v, __COUNTER__), f, __VA_ARGS__)
#define FUTURE__SET(v, f, ...) __extension__({ FUTURE__T(f) v = (__VA_ARGS__); future__settle(FUTURE__PTR(f), 0, &v); })
#define future_await(f, ctx, p) future__await(FUTURE__PTR(f), (ctx), FUTURE__TO(f, p))
#define future_all(fs, n, ctx, values) future__all((fs), (n), (ctx), FUTURE__TO((fs)[0], values), sizeof(FUTURE__T((fs)[0])))
#define future_any(fs, n, ctx, p) future__any((fs), (n), (ctx), FUTURE__TO((fs)[0], p), sizeof(FUTURE__T((fs)[0])))
#define future_ref(f) ((__typeof__(f))(void *)future__ref(FUTURE__PTR(f)))
#else
template <class T> using future_of = T (**)(struct future *);
#define future(...) future_of<__VA_ARGS__>
template <class T> struct future__same { typedef T type; };
template <class T> static inline void *future__arg(T *arg) { return const_cast<void *>(static_cast<const volatile void *>(arg)); }
template <class F> static inline void (*future__fn(F *fn))(void) { return reinterpret_cast<void (*)(void)>(fn); }
template <class T> static inline struct future *FUTURE__PTR(future_of<T> f) { return (struct future *)(void *)f; }
template <class T> static inline future_of<T> future__as(struct future *f) {
    static_assert(std::is_trivially_copyable<T>::value, "a future's value must be trivially copyable");
    return (future_of<T>)(void *)f;
}
#define future_make(...) future__as<__VA_ARGS__>(future__new(sizeof(__VA_ARGS__), false))
template <class T, class A>
static inline future_of<T> future__go_of(conc_ctx *ctx, int (*fn)(conc_ctx *, T *, A *), typename future__same<A>::type *arg) {
    return future__as<T>(future__start(sizeof(T), nullptr, ctx, future__fn(fn), future__arg(arg)));
}
#define future_go(T, ...) future__go_of<T>(__VA_ARGS__)
template <class U, class T, class A>
static inline future_of<U> future__then_of(future_of<T> f, conc_ctx *ctx, int (*fn)(conc_ctx *, const T *, U *, A *),
                                           typename future__same<A>::type *arg) {
    return future__as<U>(future__start(sizeof(U), FUTURE__PTR<T>(f), ctx, future__fn(fn), future__arg(arg)));
}
#define future_then(f, ctx, U, ...) future__then_of<U>((f), (ctx), __VA_ARGS__)
#define FUTURE__TO typename future__same<T>::type *p
template <class T> static inline bool future_set(future_of<T> f, const typename future__same<T>::type &v) {
    return future__settle(FUTURE__PTR<T>(f), 0, &v);
}
template <class T> static inline int future_await(future_of<T> f, conc_ctx *ctx, FUTURE__TO) { return future__await(FUTURE__PTR<T>(f), ctx, p); }
template <class T> static inline int future_all(const future_of<T> *fs, size_t n, conc_ctx *ctx, FUTURE__TO) {
    return future__all(fs, n, ctx, p, sizeof(T));
}
template <class T> static inline int future_any(const future_of<T> *fs, size_t n, conc_ctx *ctx, FUTURE__TO) {
    return future__any(fs, n, ctx, p, sizeof(T));
}
template <class T> static inline future_of<T> future_ref(future_of<T> f) { return future__as<T>(future__ref(FUTURE__PTR<T>(f))); }
#endif
#define future_fail(f, err) future__fail(FUTURE__PTR(f), (err))
#define future_done(f) ((conc_recv_chan(char))FUTURE__PTR(f)->future__done)
#define future_free(f) future__free(FUTURE__PTR(f))

#endif
