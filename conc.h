/* conc.h 0.1.0 - Go's concurrency for C and C++: goroutines, channels, select, sync, time. One header.

   Drop it in:
     1. copy conc.h into your project and have stb_ds.h (https://github.com/nothings/stb, or Debian's libstb-dev);
     2. in ONE C or C++ file:   #define CONC_IMPLEMENTATION
                                #include "conc.h"
     3. everywhere else:        #include "conc.h"
     4. cc -O2 -pthread *.c

   A program:

     #define CONC_IMPLEMENTATION
     #include "conc.h"
     #include <stdio.h>

     static void square(recv_chan(int) in, send_chan(long) out) {
         chan_range(v, in) chan_send(out, (long)v * v);
         chan_close(out);
     }

     int main(void) {                            // an ordinary main: plain OS threads may use every operation
         chan(int)  in  = chan_make(int, 8);
         chan(long) out = chan_make(long);
         go(square, in, out);                    // any function, any scalar or small-struct arguments, type-checked
         for (int i = 0; i < 3; i++) chan_send(in, i);
         chan_close(in);
         chan_range(sq, out) printf("%ld\n", sq);
         chan_free(in), chan_free(out);
     }

   Sections (grep for the markers):
     public:          >>options >>status >>goroutines >>channels >>select >>sync >>time >>diagnostics >>short-names
     implementation:  >>platform >>os >>coro >>ds >>sched-types >>park >>sched >>time-impl >>chan-impl >>select-impl >>sync-impl
                      >>diag >>api

   Options (define before including, the same in every file):
     CONC_IMPLEMENTATION    compile the implementation into this file (exactly one file)
     CONC_STATIC            all functions static: for a program of one file, or a private copy
     CONC_MAIN              the implementation supplies main(); you write  int conc_main(int argc, char **argv),
                            which runs as goroutine 1; the program ends when it returns
     CONC_NO_SHORT_NAMES    leave go, chan, chan_*, on_*, case_*, defer alone; the long names are conc_go, conc_chan_send, ...
     CONC_NO_ERRNO          leave errno alone (by default it is made safe for code that moves between threads)
     CONC_NO_SEGV_HANDLER   do not install the SIGSEGV/SIGBUS handler that reports stack overflows
     CONC_STACK_SIZE        bytes of address space of a goroutine stack (131072; 262144 under sanitizers)
     CONC_MALLOC(n), CONC_REALLOC(p, n), CONC_FREE(p)      the allocator, all three or none
     CONC_ASSERT(x)         assertions (assert.h's by default); CONC_DEBUG=1 or 2 adds internal, then expensive ones
     CONC_STB_DS            where stb_ds.h is, with its quotes or angle brackets
     CONC_DEV               do not declare the header a system header (for work on conc.h itself)

   Environment: CONC_PROCS=n processors (default: what affinity and the cgroup quota allow); CONC_MAX_THREADS=n (10000).

   Documentation: docs/guide.md (users), docs/internals.md (the scheduler and its protocols).
   Licence: public domain (Unlicense) or MIT-0, at your choice; see LICENSE. */
#ifndef CONC_H
#define CONC_H

#define CONC_VERSION_MAJOR 0
#define CONC_VERSION_MINOR 1
#define CONC_VERSION_PATCH 0
#define CONC_VERSION_STRING "0.1.0"
#define CONC_VERSION (CONC_VERSION_MAJOR * 10000 + CONC_VERSION_MINOR * 100 + CONC_VERSION_PATCH)

// >>options
#if defined(CONC_IMPLEMENTATION) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE 1 /* the implementation's file should include conc.h before any system header */
#endif
#if !defined(CONC_DEV) && (defined(__GNUC__) || defined(__clang__))
#pragma GCC system_header /* mistakes are reported at your line instead of inside these macros */
#endif
#if !defined(__GNUC__) && !defined(__clang__)
#error "conc.h needs gcc or clang (statement expressions, typeof, inline assembly)"
#endif

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
#include <atomic>
#include <exception>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>
#else
#include <stdatomic.h>
#endif

#ifndef CONC_API
#ifdef CONC_STATIC
#define CONC_API __attribute__((unused)) static
#else
#define CONC_API extern
#endif
#endif
#if defined(CONC_MALLOC) || defined(CONC_REALLOC) || defined(CONC_FREE)
#if !(defined(CONC_MALLOC) && defined(CONC_REALLOC) && defined(CONC_FREE))
#error "conc.h: define all of CONC_MALLOC, CONC_REALLOC and CONC_FREE, or none"
#endif
#endif

#define CONC__CAT_(a, b) a##b
#define CONC__CAT(a, b) CONC__CAT_(a, b)
#define CONC__UID(x) CONC__CAT(x, __COUNTER__)
#ifdef __cplusplus
#define CONC__NULL nullptr
extern "C" {
#else
#define CONC__NULL ((void *)0)
#endif

/* errno. glibc declares __errno_location() as a constant function, so a compiler may keep one thread's address across a
   call that moves the goroutine to another thread and then read or write the wrong thread's errno. The same symbol
   declared without that promise is safe; conc.h also saves and restores errno around every park. */
#if !defined(CONC_NO_ERRNO) && defined(__linux__)
extern int *conc_errno_location(void) __asm__("__errno_location");
#undef errno
#define errno (*conc_errno_location())
#endif

// >>status
/* What the try, timed and option-taking operations return. CONC_OK is 0. */
#define CONC_STATUS_LIST(X)                                          \
    X(CONC_OK, "ok")                                                 \
    X(CONC_CLOSED, "channel is closed and drained")                  \
    X(CONC_WOULD_BLOCK, "operation would block")                     \
    X(CONC_TIMEOUT, "deadline exceeded")                             \
    X(CONC_CANCELED, "context canceled")                             \
    X(CONC_NO_MEMORY, "out of memory")                               \
    X(CONC_NO_THREADS, "cannot create another thread")               \
    X(CONC_INVALID, "invalid argument, or not allowed here")
typedef enum conc_status {
#define CONC__X(name, text) name,
    CONC_STATUS_LIST(CONC__X)
#undef CONC__X
    CONC__STATUS_COUNT
} conc_status;

/* The text of a status: a constant string, never NULL. Any thread. */
CONC_API const char *conc_strerror(conc_status status);
/* CONC_VERSION of the compiled implementation, to compare with the header's. Any thread. */
CONC_API int conc_version(void);

// >>goroutines
/* go(fn, args...)            start fn(args...) in a new goroutine
   conc_wg_go(wg, fn, args...)  the same, counted in a WaitGroup: add(1) now, done() when fn returns (Go 1.25's WaitGroup.Go)
   go_with(opts, fn, args...)   the same with options; yields a conc_status (CONC_OK or CONC_NO_MEMORY)
   conc_run(fn, args...)        start it and wait until it has returned; from an OS thread or a goroutine

   fn is any function or function pointer; its return value (void or scalar) is dropped. fn and the arguments are evaluated
   at once, in the caller; they are checked and converted against fn's own parameter types by the compiler. An argument is
   at most 16 bytes (pass larger structs by pointer; the pointee must outlive its use). fn == NULL ends the program with
   "go of nil func value". In C++ the arguments are decay-copied or moved, and fn may be a lambda.
   Never blocks. Any thread may call it. go() itself ends the program when there is no memory for 64 bytes.
   Unless conc.h knows how to capture arguments on your CPU (x86-64 and AArch64 do), functions to be started must be
   defined with go_func. Source: the go statement. */
typedef struct conc_go_opts {
    size_t stack;     /* bytes of stack; 0: CONC_STACK_SIZE. Rounded up to a power of two */
    const char *name; /* shown in dumps; must stay valid while the goroutine lives (a literal is best) */
} conc_go_opts;

/* Give up the processor; the goroutine goes to the back of its queue. On an OS thread: sched_yield. (runtime.Gosched) */
CONC_API void conc_yield(void);
/* End the calling goroutine: its conc_on_exit handlers run, then it is gone. C frames below are not unwound: defer()s
   pending in them do not run. On an OS thread it ends the program with a message. (runtime.Goexit) */
CONC_API void conc_exit(void) __attribute__((noreturn));
/* Run fn(arg) when this goroutine ends, by return or conc_exit; last registered runs first. Goroutines only.
   CONC_NO_MEMORY if the handler could not be recorded; CONC_INVALID on an OS thread. */
CONC_API conc_status conc_on_exit(void (*fn)(void *), void *arg);
/* Number of the calling goroutine (1, 2, ...; never reused), 0 on an OS thread. */
CONC_API uint64_t conc_id(void);
/* Name given by go_with, else the function's name as written at the go statement; "" on an OS thread. */
CONC_API const char *conc_name(void);
/* Set the number of processors (goroutines that may run at one instant) and return the previous one; n < 1 only asks.
   At most 1024. Any thread. (runtime.GOMAXPROCS) */
CONC_API int conc_set_procs(int n);
/* Goroutines that exist now: started and not yet ended. Any thread; a snapshot. (runtime.NumGoroutine) */
CONC_API int64_t conc_num_goroutines(void);
/* OS threads that the runtime owns now. */
CONC_API int conc_num_threads(void);
/* Wire the calling goroutine to its OS thread until the matching unlock; calls nest. The thread runs nothing else, and it
   ends with the goroutine if that ends still locked. No effect on an OS thread. (runtime.LockOSThread) */
CONC_API void conc_lock_thread(void);
CONC_API void conc_unlock_thread(void);
/* Goroutine-local storage, in the shape of pthread_key_create. At most 64 keys; keys are not freed. On an OS thread the value
   is thread-local. dtor (may be NULL) runs with each non-NULL value when its goroutine ends. */
typedef struct conc_key { unsigned conc__n; } conc_key;
CONC_API conc_status conc_key_create(conc_key *key, void (*dtor)(void *));
CONC_API conc_status conc_key_set(conc_key key, void *value);
CONC_API void *conc_key_get(conc_key key);
/* conc_blocking { read(fd, ...); }   a hint around a call that may block the thread: the processor is handed on at once
   instead of after about a millisecond. Leave the block only by its end (no return, break or goto out of it).
   Do not use conc.h operations inside. On an OS thread it does nothing. (entersyscall, exitsyscall) */
#define conc_blocking for (int conc__b = conc__blocking_begin(); conc__b; conc__b = conc__blocking_end())
CONC_API int conc__blocking_begin(void);
CONC_API int conc__blocking_end(void);
/* Join and free everything the runtime holds; it starts again by itself at the next use. Returns the number of goroutines
   that were still alive: they are abandoned where they stood (their stacks are freed, their defers do not run), so 0 is what
   you want. Only from an OS thread while no other thread uses conc.h; -1 from a goroutine. */
CONC_API int64_t conc_shutdown(void);

/* private part of go() */
typedef struct conc__site { const char *fn, *func, *file; int line; } conc__site;
typedef struct conc__godesc {
    void (*fn)(void);
    const conc__site *site;
    struct conc_wg *wg;
    const conc_go_opts *opts;
    unsigned stack;     /* bytes of stacked arguments to copy, at most */
    conc_status status; /* out */
} conc__godesc;
CONC_API void *conc__go_begin(conc__godesc *d, void (*run)(void *), size_t size); /* -> room for size bytes, NULL: no memory */
CONC_API void conc__go_commit(void *room);

#if !defined(CONC_NO_REGISTER_GO) && defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__)) && !defined(__ILP32__)
#define CONC__REGISTER_GO 1
#else
#define CONC__REGISTER_GO 0
#endif

#ifndef __cplusplus
#define CONC__ASSERT(cond, msg) ((void)sizeof(struct { _Static_assert(cond, msg); int conc__; }))
#define CONC__SITE(f) static const conc__site conc__st = { f, __func__, __FILE__, __LINE__ }
#define CONC__NARGS(...) CONC__NARGS_(__VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, ~)
#define CONC__NARGS_(f, a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, N, ...) N
#if CONC__REGISTER_GO
/* fn is called through its own type, so the compiler checks and converts; what is really called is a stub in assembly that
   keeps the argument registers for the new goroutine. conc__go_stub4 keeps four integer registers (every argument is then
   known to be passed so), conc__go_stub all of them and the stacked words. The description travels in the static chain. */
extern void (*const conc__go_stub)(void);
extern void (*const conc__go_stub4)(void);
#define CONC__FIT(a) CONC__ASSERT(sizeof(__typeof__(((void)0, (a)))) <= 16, "go: pass a struct larger than 16 bytes by pointer")
#define CONC__PTR(a) (__builtin_classify_type(a) == 5)
#define CONC__T(a) __typeof__(((void)0, (a)))
#define CONC__INT(a) _Generic(((void)0, (a)), _Bool: 1, char: 1, signed char: 1, unsigned char: 1, short: 1, unsigned short: 1, int: 1, \
    unsigned: 1, long: 1, unsigned long: 1, long long: 1, unsigned long long: 1, default: CONC__PTR(a))
#define CONC__SIG(fn, ...) _Generic((fn), __typeof__((fn)(__VA_ARGS__)) (*)(CONC__MAP(CONC__T, __VA_ARGS__)): 1, default: 0)
#define CONC__REGS_0(fn) 1
#define CONC__REGS_1(fn, a) (CONC__PTR(a) || (CONC__INT(a) && CONC__SIG1(fn, a)))
#define CONC__REGS_2(fn, a, b) ((CONC__PTR(a) && CONC__PTR(b)) || (CONC__INT(a) && CONC__INT(b) && CONC__SIG2(fn, a, b)))
#define CONC__REGS_3(fn, a, b, c) ((CONC__PTR(a) && CONC__PTR(b) && CONC__PTR(c)) || \
    (CONC__INT(a) && CONC__INT(b) && CONC__INT(c) && CONC__SIG3(fn, a, b, c)))
#define CONC__REGS_4(fn, a, b, c, d) ((CONC__PTR(a) && CONC__PTR(b) && CONC__PTR(c) && CONC__PTR(d)) || \
    (CONC__INT(a) && CONC__INT(b) && CONC__INT(c) && CONC__INT(d) && CONC__SIG4(fn, a, b, c, d)))
#define CONC__SIG1(fn, a) _Generic((fn), __typeof__((fn)(a)) (*)(CONC__T(a)): 1, default: 0)
#define CONC__SIG2(fn, a, b) _Generic((fn), __typeof__((fn)(a, b)) (*)(CONC__T(a), CONC__T(b)): 1, default: 0)
#define CONC__SIG3(fn, a, b, c) _Generic((fn), __typeof__((fn)(a, b, c)) (*)(CONC__T(a), CONC__T(b), CONC__T(c)): 1, default: 0)
#define CONC__SIG4(fn, a, b, c, d) \
    _Generic((fn), __typeof__((fn)(a, b, c, d)) (*)(CONC__T(a), CONC__T(b), CONC__T(c), CONC__T(d)): 1, default: 0)
#define CONC__FITS_0() (void)0
#define CONC__FITS_1(a) CONC__FIT(a)
#define CONC__FITS_2(a, ...) CONC__FIT(a), CONC__FITS_1(__VA_ARGS__)
#define CONC__FITS_3(a, ...) CONC__FIT(a), CONC__FITS_2(__VA_ARGS__)
#define CONC__FITS_4(a, ...) CONC__FIT(a), CONC__FITS_3(__VA_ARGS__)
#define CONC__FITS_5(a, ...) CONC__FIT(a), CONC__FITS_4(__VA_ARGS__)
#define CONC__FITS_6(a, ...) CONC__FIT(a), CONC__FITS_5(__VA_ARGS__)
#define CONC__FITS_7(a, ...) CONC__FIT(a), CONC__FITS_6(__VA_ARGS__)
#define CONC__FITS_8(a, ...) CONC__FIT(a), CONC__FITS_7(__VA_ARGS__)
#define CONC__FITS_9(a, ...) CONC__FIT(a), CONC__FITS_8(__VA_ARGS__)
#define CONC__FITS_10(a, ...) CONC__FIT(a), CONC__FITS_9(__VA_ARGS__)
#define CONC__FITS_11(a, ...) CONC__FIT(a), CONC__FITS_10(__VA_ARGS__)
#define CONC__FITS_12(a, ...) CONC__FIT(a), CONC__FITS_11(__VA_ARGS__)
#define CONC__FITS_13(a, ...) CONC__FIT(a), CONC__FITS_12(__VA_ARGS__)
#define CONC__FITS_14(a, ...) CONC__FIT(a), CONC__FITS_13(__VA_ARGS__)
#define CONC__FITS_15(a, ...) CONC__FIT(a), CONC__FITS_14(__VA_ARGS__)
#define CONC__FITS_16(a, ...) CONC__FIT(a), CONC__FITS_15(__VA_ARGS__)
#define CONC__GO(w, o, ...) CONC__CAT(CONC__GO_, CONC__NARGS(__VA_ARGS__))(w, o, __VA_ARGS__)
#define CONC__GO_0(w, o, f) CONC__GO__(w, o, conc__go_stub4, 0, CONC__FITS_0(), f, )
#define CONC__GO_1(w, o, f, a) CONC__GO__(w, o, (CONC__REGS_1(f, a) ? conc__go_stub4 : conc__go_stub), 1, CONC__FITS_1(a), f, a)
#define CONC__GO_2(w, o, f, a, b) \
    CONC__GO__(w, o, (CONC__REGS_2(f, a, b) ? conc__go_stub4 : conc__go_stub), 2, CONC__FITS_2(a, b), f, a, b)
#define CONC__GO_3(w, o, f, a, b, c) \
    CONC__GO__(w, o, (CONC__REGS_3(f, a, b, c) ? conc__go_stub4 : conc__go_stub), 3, CONC__FITS_3(a, b, c), f, a, b, c)
#define CONC__GO_4(w, o, f, a, b, c, d) \
    CONC__GO__(w, o, (CONC__REGS_4(f, a, b, c, d) ? conc__go_stub4 : conc__go_stub), 4, CONC__FITS_4(a, b, c, d), f, a, b, c, d)
#define CONC__GO_5(w, o, f, ...) CONC__GO__(w, o, conc__go_stub, 5, CONC__FITS_5(__VA_ARGS__), f, __VA_ARGS__)
#define CONC__GO_6(w, o, f, ...) CONC__GO__(w, o, conc__go_stub, 6, CONC__FITS_6(__VA_ARGS__), f, __VA_ARGS__)
#define CONC__GO_7(w, o, f, ...) CONC__GO__(w, o, conc__go_stub, 7, CONC__FITS_7(__VA_ARGS__), f, __VA_ARGS__)
#define CONC__GO_8(w, o, f, ...) CONC__GO__(w, o, conc__go_stub, 8, CONC__FITS_8(__VA_ARGS__), f, __VA_ARGS__)
#define CONC__GO_9(w, o, f, ...) CONC__GO__(w, o, conc__go_stub, 9, CONC__FITS_9(__VA_ARGS__), f, __VA_ARGS__)
#define CONC__GO_10(w, o, f, ...) CONC__GO__(w, o, conc__go_stub, 10, CONC__FITS_10(__VA_ARGS__), f, __VA_ARGS__)
#define CONC__GO_11(w, o, f, ...) CONC__GO__(w, o, conc__go_stub, 11, CONC__FITS_11(__VA_ARGS__), f, __VA_ARGS__)
#define CONC__GO_12(w, o, f, ...) CONC__GO__(w, o, conc__go_stub, 12, CONC__FITS_12(__VA_ARGS__), f, __VA_ARGS__)
#define CONC__GO_13(w, o, f, ...) CONC__GO__(w, o, conc__go_stub, 13, CONC__FITS_13(__VA_ARGS__), f, __VA_ARGS__)
#define CONC__GO_14(w, o, f, ...) CONC__GO__(w, o, conc__go_stub, 14, CONC__FITS_14(__VA_ARGS__), f, __VA_ARGS__)
#define CONC__GO_15(w, o, f, ...) CONC__GO__(w, o, conc__go_stub, 15, CONC__FITS_15(__VA_ARGS__), f, __VA_ARGS__)
#define CONC__GO_16(w, o, f, ...) CONC__GO__(w, o, conc__go_stub, 16, CONC__FITS_16(__VA_ARGS__), f, __VA_ARGS__)
#define CONC__GO__(w, o, stub, n, fits, f, ...) __extension__({ \
    fits; \
    CONC__ASSERT(sizeof(__typeof__((f)(__VA_ARGS__))) <= 16, "go: the function must return void or a scalar"); \
    CONC__SITE(#f); \
    conc__godesc conc__d = { (void (*)(void))(f), &conc__st, w, o, (n) * 16, CONC_OK }; \
    __builtin_call_with_static_chain(((__typeof__(&*(f)))(stub))(__VA_ARGS__), (void *)&conc__d); \
    conc__d.status; })
#define go_func(name, ...) static void name CONC__PARAMS(__VA_ARGS__)
#else
#define CONC__GO(w, o, ...) CONC__CAT(CONC__GOF_, CONC__NARGS(__VA_ARGS__))(w, o, __VA_ARGS__)
#define CONC__GOF_0(w, o, f) CONC__GOF(w, o, f, 0, )
#define CONC__GOF_N(w, o, f, ...) CONC__GOF(w, o, f, sizeof(struct f##__go), __VA_ARGS__)
#define CONC__GOF_1 CONC__GOF_N
#define CONC__GOF_2 CONC__GOF_N
#define CONC__GOF_3 CONC__GOF_N
#define CONC__GOF_4 CONC__GOF_N
#define CONC__GOF_5 CONC__GOF_N
#define CONC__GOF_6 CONC__GOF_N
#define CONC__GOF_7 CONC__GOF_N
#define CONC__GOF_8 CONC__GOF_N
#define CONC__GOF(w, o, f, size, ...) __extension__({ \
    CONC__SITE(#f); \
    (void)sizeof(((f)(__VA_ARGS__), 0)); \
    conc__godesc conc__d = { (void (*)(void))(f), &conc__st, w, o, 0, CONC_OK }; \
    struct f##__go *conc__r = (struct f##__go *)conc__go_begin(&conc__d, f##__run, sizeof(struct f##__go)); \
    if (conc__r) { *conc__r = (struct f##__go){ __VA_ARGS__ }; conc__go_commit(conc__r); } \
    conc__d.status; })
#define go_func(name, ...) \
    struct name##__go { CONC__FIELDS(__VA_ARGS__) }; \
    static void name CONC__PARAMS(__VA_ARGS__); \
    __attribute__((unused)) static void name##__run(void *conc__p) { \
        struct name##__go *conc__a = (struct name##__go *)conc__p; \
        (void)conc__a; \
        name(CONC__USES(__VA_ARGS__)); \
    } \
    static void name CONC__PARAMS(__VA_ARGS__)
#endif
#define conc_go(...) ((void)CONC__GO(CONC__NULL, CONC__NULL, __VA_ARGS__))
#define conc_go_with(options, ...) CONC__GO(CONC__NULL, (&(conc_go_opts[1]){ options }[0]), __VA_ARGS__)
#define conc_wg_go(wg, ...) ((void)CONC__GO((wg), CONC__NULL, __VA_ARGS__))
#define conc_run(...) __extension__({ \
    conc_wg conc__w = CONC_WG_INIT; \
    (void)CONC__GO(&conc__w, CONC__NULL, __VA_ARGS__); \
    conc_wg_wait(&conc__w); })
#define conc_opts(...) ((conc_go_opts){ __VA_ARGS__ })

/* go_func(worker, (int, id), (const char *, name)) { ... }   defines  static void worker(int id, const char *name)  in the
   form that go() can start on any CPU. At most 8 parameters; none: go_func(worker). */
#define CONC__PARAMS(...) CONC__CAT(CONC__PARAMS_, CONC__NARGS(~, ##__VA_ARGS__))(__VA_ARGS__)
#define CONC__P(t, n) t n
#define CONC__PARAMS_0() (void)
#define CONC__PARAMS_1(a) (CONC__P a)
#define CONC__PARAMS_2(a, b) (CONC__P a, CONC__P b)
#define CONC__PARAMS_3(a, b, c) (CONC__P a, CONC__P b, CONC__P c)
#define CONC__PARAMS_4(a, b, c, d) (CONC__P a, CONC__P b, CONC__P c, CONC__P d)
#define CONC__PARAMS_5(a, b, c, d, e) (CONC__P a, CONC__P b, CONC__P c, CONC__P d, CONC__P e)
#define CONC__PARAMS_6(a, b, c, d, e, f) (CONC__P a, CONC__P b, CONC__P c, CONC__P d, CONC__P e, CONC__P f)
#define CONC__PARAMS_7(a, b, c, d, e, f, g) (CONC__P a, CONC__P b, CONC__P c, CONC__P d, CONC__P e, CONC__P f, CONC__P g)
#define CONC__PARAMS_8(a, b, c, d, e, f, g, h) \
    (CONC__P a, CONC__P b, CONC__P c, CONC__P d, CONC__P e, CONC__P f, CONC__P g, CONC__P h)
#define CONC__FIELD(t, n) t n;
#define CONC__FIELDS(...) CONC__CAT(CONC__FIELDS_, CONC__NARGS(~, ##__VA_ARGS__))(__VA_ARGS__)
#define CONC__FIELDS_0() char conc__none;
#define CONC__FIELDS_1(a) CONC__FIELD a
#define CONC__FIELDS_2(a, ...) CONC__FIELD a CONC__FIELDS_1(__VA_ARGS__)
#define CONC__FIELDS_3(a, ...) CONC__FIELD a CONC__FIELDS_2(__VA_ARGS__)
#define CONC__FIELDS_4(a, ...) CONC__FIELD a CONC__FIELDS_3(__VA_ARGS__)
#define CONC__FIELDS_5(a, ...) CONC__FIELD a CONC__FIELDS_4(__VA_ARGS__)
#define CONC__FIELDS_6(a, ...) CONC__FIELD a CONC__FIELDS_5(__VA_ARGS__)
#define CONC__FIELDS_7(a, ...) CONC__FIELD a CONC__FIELDS_6(__VA_ARGS__)
#define CONC__FIELDS_8(a, ...) CONC__FIELD a CONC__FIELDS_7(__VA_ARGS__)
#define CONC__USE(t, n) conc__a->n
#define CONC__USES(...) CONC__CAT(CONC__USES_, CONC__NARGS(~, ##__VA_ARGS__))(__VA_ARGS__)
#define CONC__USES_0()
#define CONC__USES_1(a) CONC__USE a
#define CONC__USES_2(a, ...) CONC__USE a, CONC__USES_1(__VA_ARGS__)
#define CONC__USES_3(a, ...) CONC__USE a, CONC__USES_2(__VA_ARGS__)
#define CONC__USES_4(a, ...) CONC__USE a, CONC__USES_3(__VA_ARGS__)
#define CONC__USES_5(a, ...) CONC__USE a, CONC__USES_4(__VA_ARGS__)
#define CONC__USES_6(a, ...) CONC__USE a, CONC__USES_5(__VA_ARGS__)
#define CONC__USES_7(a, ...) CONC__USE a, CONC__USES_6(__VA_ARGS__)
#define CONC__USES_8(a, ...) CONC__USE a, CONC__USES_7(__VA_ARGS__)
#endif /* !__cplusplus */

// >>channels
/* A channel handle: conc_chan(T), short chan(T), for elements of type T. Copy the handle freely; NULL is Go's nil channel.
   recv_chan(T) and send_chan(T) are the two directions; chan(T) converts to either, never back.
   T is any object type but an array (wrap arrays in a struct); in C++ it must be trivially copyable.

   chan_make(T), chan_make(T, cap)    a new channel: unbuffered, or with room for cap elements. The caller owns one
                          reference. NULL when there is no memory; a size that overflows ends the program with
                          "makechan: size out of range".
   chan_send(c, v)        send; blocks while no receiver waits and the buffer is full. On a closed channel, or one closed
                          while waiting: ends the program with "send on closed channel". On NULL: blocks for ever.
   v = chan_recv(c)       receive; blocks while there is nothing. Zero once the channel is closed and drained.
   ok = chan_recv(c, &v)  the same into v; false (and *v zero) once closed and drained.
   chan_range(v, c) {..}  receive into a new variable v until c is closed and drained; break and continue work.
   chan_close(c)          no more sends. Wakes everybody. Twice: "close of closed channel"; NULL: "close of nil channel".
   chan_len(c), chan_cap(c)           elements queued, room; 0 on NULL. A snapshot.
   chan_try_send(c, v), chan_try_recv(c, &v)                  CONC_OK, CONC_WOULD_BLOCK, CONC_CLOSED (recv only); never block
   chan_send_for(c, v, ns), chan_recv_for(c, &v, ns)          the same with a time limit: CONC_TIMEOUT
   chan_send_until(c, v, t), chan_recv_until(c, &v, t)        with a deadline on conc_now()'s clock
   chan_ref(c), chan_free(c)          take, drop a reference. The last chan_free frees the channel and what its buffer holds;
                          freeing it under a waiting goroutine ends the program. NULL is allowed.
   Values of one sender arrive in order; waiters are served first come, first served. All of it from any thread.
   Happens-before is Go's: a send before its receive completes, a close before a receive that sees it. */
struct conc_chan;
CONC_API struct conc_chan *conc__chan_make(size_t elem, size_t cap, int toolarge);
CONC_API void conc__chan_send(const volatile void *c, const void *v);
CONC_API bool conc__chan_recv(const volatile void *c, void *v);
CONC_API conc_status conc__chan_try_send(const volatile void *c, const void *v);
CONC_API conc_status conc__chan_try_recv(const volatile void *c, void *v);
CONC_API conc_status conc__chan_send_until(const volatile void *c, const void *v, int64_t deadline);
CONC_API conc_status conc__chan_recv_until(const volatile void *c, void *v, int64_t deadline);
CONC_API void conc__chan_close(const volatile void *c);
CONC_API size_t conc__chan_len(const volatile void *c);
CONC_API size_t conc__chan_cap(const volatile void *c);
CONC_API void conc__chan_ref(const volatile void *c);
CONC_API void conc__chan_free(const volatile void *c);
CONC_API int64_t conc__deadline(int64_t ns); /* now + ns, saturating */

#ifndef __cplusplus
/* T is kept in the handle's own type: a pointer to a pointer to a function that returns T. Directions are the pointee's
   qualifiers: const is receive-only, volatile is send-only. Nothing of that type is ever called or dereferenced. */
#define conc_chan(...) __typeof__(__typeof__(__VA_ARGS__) (**)(struct conc_chan *))
#define conc_recv_chan(...) __typeof__(__typeof__(__VA_ARGS__) (*const *)(struct conc_chan *))
#define conc_send_chan(...) __typeof__(__typeof__(__VA_ARGS__) (*volatile *)(struct conc_chan *))
#define CONC__ELEM(c) __typeof__((**(c))((struct conc_chan *)0))
#define CONC__IS(x, ...) _Generic((x), __VA_ARGS__: 1, default: 0)
#define CONC__TX(c) (CONC__ASSERT(!CONC__IS(c, conc_recv_chan(CONC__ELEM(c))), "cannot send on a receive-only channel"), (c))
#define CONC__RX(c) (CONC__ASSERT(!CONC__IS(c, conc_send_chan(CONC__ELEM(c))), "cannot receive from a send-only channel"), (c))
#define CONC__DST(c, p) \
    (CONC__ASSERT(CONC__IS(p, CONC__ELEM(c) *), "the destination must point to the channel's element type"), (p))
#define CONC__PICK2(a, b, N, ...) N

#define conc_chan_make(...) CONC__PICK2(__VA_ARGS__, CONC__MAKE2, CONC__MAKE1, 0)(__VA_ARGS__)
#define CONC__MAKE1(T) ((conc_chan(T))(void *)conc__chan_make(sizeof(T), 0, 0))
#define CONC__MAKE2(T, n) ((conc_chan(T))(void *)conc__chan_make(sizeof(T), (size_t)(n), (n) < 0))
#define CONC__SEND_(c, v, op, ...) __extension__({ CONC__ELEM(c) v = (__VA_ARGS__); op(CONC__TX(c), &v); })
#define CONC__SENDT_(c, v, val, t) __extension__({ CONC__ELEM(c) v = (val); conc__chan_send_until(CONC__TX(c), &v, (t)); })
#define CONC__RECV_(c, v) __extension__({ CONC__ELEM(c) v; (void)conc__chan_recv(CONC__RX(c), &v); v; })
#define conc_chan_send(c, ...) CONC__SEND_(c, CONC__UID(conc__v), conc__chan_send, __VA_ARGS__)
#define conc_chan_try_send(c, ...) CONC__SEND_(c, CONC__UID(conc__v), conc__chan_try_send, __VA_ARGS__)
#define conc_chan_send_until(c, v, t) CONC__SENDT_(c, CONC__UID(conc__v), v, t)
#define conc_chan_send_for(c, v, ns) CONC__SENDT_(c, CONC__UID(conc__v), v, conc__deadline(ns))
#define CONC__RECV_V(c) CONC__RECV_(c, CONC__UID(conc__v))
#define CONC__RECV_P(c, p) conc__chan_recv(CONC__RX(c), CONC__DST(c, p))
#define conc_chan_recv(...) CONC__PICK2(__VA_ARGS__, CONC__RECV_P, CONC__RECV_V, 0)(__VA_ARGS__)
#define conc_chan_try_recv(c, p) conc__chan_try_recv(CONC__RX(c), CONC__DST(c, p))
#define conc_chan_recv_until(c, p, t) conc__chan_recv_until(CONC__RX(c), CONC__DST(c, p), (t))
#define conc_chan_recv_for(c, p, ns) conc__chan_recv_until(CONC__RX(c), CONC__DST(c, p), conc__deadline(ns))
#define conc_chan_close(c) conc__chan_close(CONC__TX(c))
#define conc_chan_len(c) ((void)sizeof(CONC__ELEM(c) *), conc__chan_len(c))
#define conc_chan_cap(c) ((void)sizeof(CONC__ELEM(c) *), conc__chan_cap(c))
#define conc_chan_ref(c) __extension__({ __typeof__(c) conc__c = (c); (void)sizeof(CONC__ELEM(c) *); conc__chan_ref(conc__c); conc__c; })
#define conc_chan_free(c) ((void)sizeof(CONC__ELEM(c) *), conc__chan_free(c))
#endif /* !__cplusplus */
#define conc_chan_range(v, c) CONC__RANGE(v, c, CONC__UID(conc__r))
#define CONC__RANGE(v, c, r) \
    for (const volatile void *r[2] = { CONC__RX(c), "" }; r[1]; r[1] = CONC__NULL) \
        for (CONC__ELEM(c) v; conc__chan_recv(r[0], &v);)

// >>select
/* chan_select {                          wait until one case can go, do it, run its body; several ready: one at random
       on_recv(v, a)        { ... }       receive into a new variable v
       on_recv_ok(v, ok, a) { ... }       the same, with ok false when a is closed and drained
       on_recv_into(&x, a)  { ... }       receive into an existing variable (written only if this case is chosen)
       on_send(b, expr)     { ... }       send the value of expr
       on_timeout(ns)       { ... }       ns nanoseconds have passed (<= 0: at once, as a case that is ready)
       on_default           { ... }       none of the others is ready now
   }
   Every channel and value expression is evaluated exactly once, in source order, on entry. NULL channels are never ready;
   a closed channel always is (to send on it ends the program: "send on closed channel"). With no case that can ever go it
   blocks for ever. break and continue leave the select (continue does not reach an enclosing loop); return and goto are
   fine. Put nothing but cases between the braces. Up to 16 cases of up to 16 bytes use no heap.
   chan_select_ordered { ... } is the same but takes the first ready case in source order (Go has no such thing).

   Expression form:   switch (chan_select_of(case_recv(a, &x), case_send(b, y), case_timeout(ns), case_default())) { case 0: ... }
   Array form:        conc_case c[2] = { case_recv(a, &x), case_recv(b, &y) }; int i = chan_select_n(c, 2);
   Both return the index of the chosen case and set its ok; chan_select_ordered_of and chan_select_ordered_n go in order.
   For array form in C, a case_send's value lives until the end of the enclosing block. */
enum { CONC__SEND = 1, CONC__RECV = 2, CONC__TIME = 3, CONC__DEFAULT = 4, CONC__ORDERED = 1 };
typedef struct conc_case {
    const volatile void *ch;
    void *val;
    int64_t ns;
    uint32_t size;
    uint8_t dir;
    bool ok; /* out: receive cases: a value was received (false: closed) */
} conc_case;
CONC_API int conc__select(conc_case *c, int n, int flags);
#define CONC__SEL_CASES 16
typedef struct conc__sel {
    conc_case *c;
    int n, chosen, at, cap, flags;
    unsigned used;
    void *heap;
    conc_case room[CONC__SEL_CASES];
    __attribute__((aligned(16))) unsigned char mem[CONC__SEL_CASES * 16];
} conc__sel;
CONC_API bool conc__sel_add_slow(conc__sel *s, int dir, const volatile void *ch, const void *v, void *into, size_t size, int64_t ns);
CONC_API void conc__sel_free(conc__sel *s);
static inline conc__sel *conc__sel_init(conc__sel *s, int flags) {
    s->c = s->room;
    s->n = s->at = 0;
    s->used = 0;
    s->cap = CONC__SEL_CASES;
    s->flags = flags;
    s->chosen = -1;
    s->heap = CONC__NULL;
    return s;
}
static inline bool conc__sel_next(conc__sel *s) {
    if (s->chosen == -1) return s->chosen = -2, true;                        /* first pass: the cases register */
    if (s->chosen == -2) return s->chosen = conc__select(s->c, s->n, s->flags), s->at = 0, true; /* second: one runs */
    return false;
}
static inline bool conc__sel_add(conc__sel *s, int dir, const volatile void *ch, const void *v, void *into, size_t size, int64_t ns) {
    size_t room = (size + 15) & ~(size_t)15;
    if (__builtin_expect(s->n == s->cap || (!into && room > sizeof s->mem - s->used), 0))
        return conc__sel_add_slow(s, dir, ch, v, into, size, ns);
    conc_case *k = &s->c[s->n++];
    k->ch = ch;
    k->dir = (uint8_t)dir;
    k->size = (uint32_t)size;
    k->ns = ns;
    k->ok = true;
    k->val = into;
    if (!into) {
        k->val = s->mem + s->used;
        s->used += (unsigned)room;
        if (v) __builtin_memcpy(k->val, v, size);
    }
    return false;
}
static inline bool conc__sel_hit(conc__sel *s) { return s->chosen == s->at++; }
static inline void *conc__sel_take(conc__sel *s, void *v, size_t size) { return __builtin_memcpy(v, s->c[s->chosen].val, size); }
static inline void conc__sel_end(conc__sel *s) {
    if (__builtin_expect(s->heap != CONC__NULL, 0)) conc__sel_free(s);
}
#define CONC__SELECT(flags) \
    for (conc__sel conc__s __attribute__((cleanup(conc__sel_end))), *conc__sp = conc__sel_init(&conc__s, flags); conc__sel_next(conc__sp);)
#define conc_select CONC__SELECT(0)
#define conc_select_ordered CONC__SELECT(CONC__ORDERED)
#define CONC__ON(dir, ch, v, into, size, ns) \
    if (conc__s.chosen >= 0 ? conc__sel_hit(&conc__s) : conc__sel_add(&conc__s, dir, ch, v, into, size, ns))
#define conc_on_timeout(t) CONC__ON(CONC__TIME, CONC__NULL, CONC__NULL, &conc__s, 0, t)
#define conc_on_default CONC__ON(CONC__DEFAULT, CONC__NULL, CONC__NULL, &conc__s, 0, 0)
#define conc_on_recv(v, ch) CONC__ON_RECV(v, ch, CONC__UID(conc__o))
#define conc_on_recv_ok(v, okv, ch) CONC__ON_RECV(v, ch, CONC__UID(conc__o)) CONC__ON_OK(okv, CONC__UID(conc__k))
#define CONC__ON_RECV(v, ch, o) CONC__ON(CONC__RECV, CONC__RX(ch), CONC__NULL, CONC__NULL, sizeof(CONC__ELEM(ch)), 0) \
    for (CONC__ELEM(ch) v, *o = (CONC__ELEM(ch) *)conc__sel_take(&conc__s, &v, sizeof v); o; o = CONC__NULL)
#define CONC__ON_OK(okv, k) for (bool okv = conc__s.c[conc__s.chosen].ok, *k = &okv; k; k = CONC__NULL)
#ifndef __cplusplus
#define conc_on_send(c, ...) \
    CONC__ON(CONC__SEND, CONC__TX(c), (CONC__ELEM(c)[1]){ ((void)0, __VA_ARGS__) }, CONC__NULL, sizeof(CONC__ELEM(c)), 0)
#define conc_on_recv_into(p, ch) CONC__ON(CONC__RECV, CONC__RX(ch), CONC__NULL, CONC__DST(ch, p), sizeof(CONC__ELEM(ch)), 0)
#define conc_case_recv(c, p) \
    ((conc_case){ CONC__RX(c), CONC__DST(c, p), 0, (uint32_t)sizeof(CONC__ELEM(c)), CONC__RECV, true })
#define conc_case_send(c, ...) \
    ((conc_case){ CONC__TX(c), (CONC__ELEM(c)[1]){ ((void)0, __VA_ARGS__) }, 0, (uint32_t)sizeof(CONC__ELEM(c)), CONC__SEND, true })
#define conc_case_timeout(t) ((conc_case){ CONC__NULL, CONC__NULL, (t), 0, CONC__TIME, true })
#define conc_case_default() ((conc_case){ CONC__NULL, CONC__NULL, 0, 0, CONC__DEFAULT, true })
#define CONC__SELECT_OF(flags, ...) \
    conc__select((conc_case[]){ __VA_ARGS__ }, (int)(sizeof((conc_case[]){ __VA_ARGS__ }) / sizeof(conc_case)), flags)
#define conc_select_of(...) CONC__SELECT_OF(0, __VA_ARGS__)
#define conc_select_ordered_of(...) CONC__SELECT_OF(CONC__ORDERED, __VA_ARGS__)
#endif
#define conc_select_n(cases, n) conc__select((cases), (int)(n), 0)
#define conc_select_ordered_n(cases, n) conc__select((cases), (int)(n), CONC__ORDERED)

// >>sync
/* All of these are valid when zero-filled (static storage, = {0}, or the _INIT value), own no memory outside themselves, and
   need no destroy. Do not copy one that has been used. Goroutines and OS threads may both use them. */

/* Mutual exclusion. A lock is not tied to a goroutine: any may unlock. A waiter of more than 1 ms gets the lock handed over
   directly (starvation mode). unlock of an unlocked mutex ends the program. Source: sync.Mutex. */
typedef struct conc_mutex { uint32_t conc__state, conc__spin; void *conc__head, *conc__tail; } conc_mutex;
#define CONC_MUTEX_INIT { 0, 0, CONC__NULL, CONC__NULL }
CONC_API void conc_mutex_lock(conc_mutex *m);
CONC_API bool conc_mutex_try_lock(conc_mutex *m);
CONC_API conc_status conc_mutex_lock_for(conc_mutex *m, int64_t ns); /* CONC_OK or CONC_TIMEOUT */
CONC_API void conc_mutex_unlock(conc_mutex *m);

/* Many readers or one writer. A waiting writer holds new readers back, so do not read-lock twice in one goroutine.
   Source: sync.RWMutex. */
typedef struct conc_rwmutex {
    int32_t conc__readers, conc__wait;
    conc_mutex conc__w;
    uint32_t conc__spin, conc__pad;
    void *conc__rhead, *conc__rtail, *conc__writer;
} conc_rwmutex;
#define CONC_RWMUTEX_INIT { 0, 0, CONC_MUTEX_INIT, 0, 0, CONC__NULL, CONC__NULL, CONC__NULL }
CONC_API void conc_rwmutex_lock(conc_rwmutex *rw);
CONC_API void conc_rwmutex_unlock(conc_rwmutex *rw);
CONC_API bool conc_rwmutex_try_lock(conc_rwmutex *rw);
CONC_API void conc_rwmutex_rlock(conc_rwmutex *rw);
CONC_API void conc_rwmutex_runlock(conc_rwmutex *rw);
CONC_API bool conc_rwmutex_try_rlock(conc_rwmutex *rw);

/* Wait for a group of goroutines. add(n > 0) must happen before the wait it is to hold up; a counter below zero ends the
   program. May be reused once all waits have returned. Source: sync.WaitGroup. */
typedef struct conc_wg { uint64_t conc__state; uint32_t conc__spin, conc__pad; void *conc__head, *conc__tail; } conc_wg;
#define CONC_WG_INIT { 0, 0, 0, CONC__NULL, CONC__NULL }
CONC_API void conc_wg_add(conc_wg *wg, int n);
CONC_API void conc_wg_done(conc_wg *wg);
CONC_API void conc_wg_wait(conc_wg *wg);
CONC_API conc_status conc_wg_wait_for(conc_wg *wg, int64_t ns); /* CONC_OK or CONC_TIMEOUT */

/* Run fn once; every caller returns after it has finished. conc_exit inside fn counts as finished. Calling once from
   inside fn deadlocks. Source: sync.Once. */
typedef struct conc_once { uint32_t conc__done, conc__pad; conc_mutex conc__m; } conc_once;
#define CONC_ONCE_INIT { 0, 0, CONC_MUTEX_INIT }
CONC_API void conc_once_do(conc_once *once, void (*fn)(void *), void *arg);

/* Condition variable. wait releases m, sleeps, and locks m again; it wakes only for signal or broadcast (in the order of
   waiting), never by itself, but re-check your condition in a loop all the same. A copied cond ends the program.
   Source: sync.Cond; the mutex is named at wait, as in POSIX. */
typedef struct conc_cond { uint32_t conc__spin, conc__pad; void *conc__head, *conc__tail, *conc__self; } conc_cond;
#define CONC_COND_INIT { 0, 0, CONC__NULL, CONC__NULL, CONC__NULL }
CONC_API void conc_cond_wait(conc_cond *c, conc_mutex *m);
CONC_API conc_status conc_cond_wait_for(conc_cond *c, conc_mutex *m, int64_t ns); /* m is locked again on CONC_TIMEOUT too */
CONC_API void conc_cond_signal(conc_cond *c);
CONC_API void conc_cond_broadcast(conc_cond *c);

/* Weighted semaphore with capacity size: waiters are served in order, so a large request is not starved by small ones.
   acquire of more than the capacity blocks for ever (acquire_for: CONC_TIMEOUT); releasing more than is held ends the
   program. Source: golang.org/x/sync/semaphore. */
typedef struct conc_sem { int64_t conc__size, conc__cur; uint32_t conc__spin, conc__pad; void *conc__head, *conc__tail; } conc_sem;
#define CONC_SEM_INIT(size) { (size), 0, 0, 0, CONC__NULL, CONC__NULL }
CONC_API void conc_sem_init(conc_sem *s, int64_t size);
CONC_API void conc_sem_acquire(conc_sem *s, int64_t n);
CONC_API conc_status conc_sem_acquire_for(conc_sem *s, int64_t n, int64_t ns);
CONC_API bool conc_sem_try_acquire(conc_sem *s, int64_t n);
CONC_API void conc_sem_release(conc_sem *s, int64_t n);

/* Typed atomics, all sequentially consistent: conc_atomic(T) is C11's _Atomic(T) and C++'s std::atomic<T>; the operations
   take a pointer to one. fetch_* and exchange give the old value; compare_exchange(p, &expected, desired) gives a bool and
   writes what it found into expected on failure. */
#ifdef __cplusplus
#define conc_atomic(...) std::atomic<__VA_ARGS__>
#define CONC__STD std::
#else
#define conc_atomic(...) _Atomic(__VA_ARGS__)
#define CONC__STD
#endif
#define conc_atomic_load(p) CONC__STD atomic_load(p)
#define conc_atomic_store(p, v) CONC__STD atomic_store(p, v)
#define conc_atomic_exchange(p, v) CONC__STD atomic_exchange(p, v)
#define conc_atomic_compare_exchange(p, expected, v) CONC__STD atomic_compare_exchange_strong(p, expected, v)
#define conc_atomic_fetch_add(p, v) CONC__STD atomic_fetch_add(p, v)
#define conc_atomic_fetch_sub(p, v) CONC__STD atomic_fetch_sub(p, v)
#define conc_atomic_fetch_and(p, v) CONC__STD atomic_fetch_and(p, v)
#define conc_atomic_fetch_or(p, v) CONC__STD atomic_fetch_or(p, v)
#define conc_atomic_fetch_xor(p, v) CONC__STD atomic_fetch_xor(p, v)

// >>time
/* Times and durations are nanoseconds in an int64_t, on the monotonic clock. Nothing here ever fires early. */
#define CONC_NS INT64_C(1)
#define CONC_US INT64_C(1000)
#define CONC_MS INT64_C(1000000)
#define CONC_SEC INT64_C(1000000000)
#define CONC_MIN (60 * CONC_SEC)
#define CONC_HOUR (60 * CONC_MIN)
#define CONC_FOREVER INT64_MAX
/* The monotonic clock. */
CONC_API int64_t conc_now(void);
/* Sleep at least ns nanoseconds; <= 0 returns at once. Any thread. (time.Sleep) */
CONC_API void conc_sleep(int64_t ns);
CONC_API void conc_sleep_until(int64_t deadline);

/* A timer fires once. With a channel (conc_timer_new) it sends the time of firing to conc_timer_chan(t), which behaves as in
   Go 1.23: after stop or reset no stale value can be received, and len and cap read 0. With a function (conc_after_func) it
   runs fn(arg) in a goroutine of its own.
   stop and reset return true if the timer was pending (had neither fired nor been stopped); neither waits for a running fn.
   NULL from new: no memory. Free every timer with conc_timer_free (stops it; the channel goes with it unless referenced).
   Passing NULL: "time: Stop called on uninitialized Timer". Any thread. */
typedef struct conc_timer conc_timer;
CONC_API conc_timer *conc_timer_new(int64_t ns);
CONC_API conc_timer *conc_after_func(int64_t ns, void (*fn)(void *), void *arg);
CONC_API bool conc_timer_stop(conc_timer *t);
CONC_API bool conc_timer_reset(conc_timer *t, int64_t ns);
CONC_API void conc_timer_free(conc_timer *t);
/* A ticker sends the time every ns nanoseconds and drops ticks that nobody has taken. ns <= 0 ends the program with
   "non-positive interval for NewTicker". */
typedef struct conc_ticker conc_ticker;
CONC_API conc_ticker *conc_ticker_new(int64_t ns);
CONC_API void conc_ticker_stop(conc_ticker *t);
CONC_API void conc_ticker_reset(conc_ticker *t, int64_t ns);
CONC_API void conc_ticker_free(conc_ticker *t);
CONC_API const volatile void *conc__timer_chan(conc_timer *t);
CONC_API const volatile void *conc__ticker_chan(conc_ticker *t);
CONC_API const volatile void *conc__after(int64_t ns);
/* conc_timer_chan(t), conc_ticker_chan(t)   -> recv_chan(int64_t), borrowed: it lives as long as the timer
   conc_after(ns)    -> recv_chan(int64_t) that gets the time once, after ns; yours: chan_free it (before or after it fires).
                        Inside a select prefer on_timeout, which allocates nothing. */

// >>diagnostics
/* End the program as an unrecovered panic does: "panic: " and the message, "goroutine N [running]:", where it was started;
   exit status 2. Any thread. */
CONC_API void conc_panic(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* Write one paragraph per goroutine (number, state and wait reason, start site) to the file descriptor. Any thread. */
CONC_API void conc_dump(int fd);
/* Called before a fatal error is printed, with its first line; for embedders that log or clean up. May not return to conc.h's
   operations; if it returns the program ends as usual. One hook; NULL removes it. */
CONC_API void conc_set_fatal_hook(void (*hook)(const char *message, void *arg), void *arg);
/* Counters since the runtime started, for tuning and tests. A snapshot. */
typedef struct conc_stats {
    int64_t goroutines, spawned, threads, idle_threads, steals, handoffs, wakes, parks, stacks, stacks_free, timers;
} conc_stats;
CONC_API void conc_get_stats(conc_stats *out);

/* private part of defer(fn, arg): runs fn(arg) when the enclosing scope ends; arguments are checked against fn. */
struct conc__defer { void (*fn)(void *); void *arg; };
#if defined(__clang__)
__attribute__((no_sanitize("function")))
#endif
static inline void conc__defer_run(struct conc__defer *d) { d->fn(d->arg); }
#ifndef __cplusplus
#define conc_defer(f, a) \
    __attribute__((cleanup(conc__defer_run), unused)) struct conc__defer CONC__UID(conc__d) = \
        { (CONC__ASSERT(sizeof(char[sizeof((f)(a), 1)]), ""), (void (*)(void *))(uintptr_t)(f)), (void *)(uintptr_t)(a) }
#define conc_timer_chan(t) ((conc_recv_chan(int64_t))conc__timer_chan(t))
#define conc_ticker_chan(t) ((conc_recv_chan(int64_t))conc__ticker_chan(t))
#define conc_after(ns) ((conc_recv_chan(int64_t))conc__after(ns))
#endif
#ifdef CONC_MAIN
int conc_main(int argc, char **argv);
#endif
#ifdef __cplusplus
} /* extern "C" */

template <class T> using conc_chan_of = T (**)(struct conc_chan *);
template <class T> using conc_recv_chan_of = T (*const *)(struct conc_chan *);
template <class T> using conc_send_chan_of = T (*volatile *)(struct conc_chan *);
template <class T> using conc_any_chan_of = T (*const volatile *)(struct conc_chan *);
template <class T> struct conc__id { typedef T type; };
#define conc_chan(...) conc_chan_of<__VA_ARGS__>
#define conc_recv_chan(...) conc_recv_chan_of<__VA_ARGS__>
#define conc_send_chan(...) conc_send_chan_of<__VA_ARGS__>
#define CONC__ELEM(c) decltype((**(c))((struct conc_chan *)nullptr))
template <class T> inline const volatile void *CONC__TX(conc_send_chan_of<T> c) { return (const volatile void *)c; }
template <class T> inline const volatile void *CONC__RX(conc_recv_chan_of<T> c) { return (const volatile void *)c; }
#define conc_chan_make(...) conc__chan_make_t<CONC__HEAD(__VA_ARGS__, 0)>(CONC__TAIL(__VA_ARGS__, 0, 0))
#define CONC__HEAD(a, ...) a
#define CONC__TAIL(a, b, ...) b
template <class T, class N> inline conc_chan_of<T> conc__chan_make_t(N n) {
    static_assert(std::is_trivially_copyable<T>::value, "a channel element must be trivially copyable");
    return (conc_chan_of<T>)(void *)conc__chan_make(sizeof(T), (size_t)n, n < 0);
}
template <class T> inline void conc_chan_send(conc_send_chan_of<T> c, const typename conc__id<T>::type &v) { conc__chan_send(CONC__TX(c), &v); }
template <class T> inline conc_status conc_chan_try_send(conc_send_chan_of<T> c, const typename conc__id<T>::type &v) {
    return conc__chan_try_send(CONC__TX(c), &v);
}
template <class T> inline conc_status conc_chan_send_until(conc_send_chan_of<T> c, const typename conc__id<T>::type &v, int64_t t) {
    return conc__chan_send_until(CONC__TX(c), &v, t);
}
template <class T> inline conc_status conc_chan_send_for(conc_send_chan_of<T> c, const typename conc__id<T>::type &v, int64_t ns) {
    return conc__chan_send_until(CONC__TX(c), &v, conc__deadline(ns));
}
template <class T> inline T conc_chan_recv(conc_recv_chan_of<T> c) {
    T v;
    (void)conc__chan_recv(CONC__RX(c), &v);
    return v;
}
template <class T> inline bool conc_chan_recv(conc_recv_chan_of<T> c, typename conc__id<T>::type *p) { return conc__chan_recv(CONC__RX(c), p); }
template <class T> inline conc_status conc_chan_try_recv(conc_recv_chan_of<T> c, typename conc__id<T>::type *p) {
    return conc__chan_try_recv(CONC__RX(c), p);
}
template <class T> inline conc_status conc_chan_recv_until(conc_recv_chan_of<T> c, typename conc__id<T>::type *p, int64_t t) {
    return conc__chan_recv_until(CONC__RX(c), p, t);
}
template <class T> inline conc_status conc_chan_recv_for(conc_recv_chan_of<T> c, typename conc__id<T>::type *p, int64_t ns) {
    return conc__chan_recv_until(CONC__RX(c), p, conc__deadline(ns));
}
template <class T> inline void conc_chan_close(conc_send_chan_of<T> c) { conc__chan_close(CONC__TX(c)); }
template <class T> inline size_t conc_chan_len(conc_any_chan_of<T> c) { return conc__chan_len((const volatile void *)c); }
template <class T> inline size_t conc_chan_cap(conc_any_chan_of<T> c) { return conc__chan_cap((const volatile void *)c); }
template <class T> inline conc_chan_of<T> conc_chan_ref(conc_chan_of<T> c) { return conc__chan_ref((const volatile void *)c), c; }
template <class T> inline void conc_chan_free(conc_any_chan_of<T> c) { conc__chan_free((const volatile void *)c); }
inline conc_recv_chan(int64_t) conc_timer_chan(conc_timer *t) { return (conc_recv_chan(int64_t))conc__timer_chan(t); }
inline conc_recv_chan(int64_t) conc_ticker_chan(conc_ticker *t) { return (conc_recv_chan(int64_t))conc__ticker_chan(t); }
inline conc_recv_chan(int64_t) conc_after(int64_t ns) { return (conc_recv_chan(int64_t))conc__after(ns); }

template <class T> inline bool conc__on_send(conc__sel *s, conc_send_chan_of<T> c, const typename conc__id<T>::type &v) {
    return conc__sel_add(s, CONC__SEND, CONC__TX(c), &v, nullptr, sizeof v, 0);
}
#define conc_on_send(c, ...) if (conc__s.chosen >= 0 ? conc__sel_hit(&conc__s) : conc__on_send(&conc__s, (c), __VA_ARGS__))
template <class T> inline bool conc__on_into(conc__sel *s, T *p, conc_recv_chan_of<T> c) {
    return conc__sel_add(s, CONC__RECV, CONC__RX(c), nullptr, p, sizeof *p, 0);
}
#define conc_on_recv_into(p, c) if (conc__s.chosen >= 0 ? conc__sel_hit(&conc__s) : conc__on_into(&conc__s, (p), (c)))
template <class T> inline conc_case conc_case_recv(conc_recv_chan_of<T> c, typename conc__id<T>::type *p) {
    return conc_case{ CONC__RX(c), p, 0, (uint32_t)sizeof(T), CONC__RECV, true };
}
/* the value is borrowed: it must live until the select (a temporary lives until the end of the full expression) */
template <class T> inline conc_case conc_case_send(conc_send_chan_of<T> c, const typename conc__id<T>::type &v) {
    return conc_case{ CONC__TX(c), const_cast<void *>(static_cast<const void *>(&v)), 0, (uint32_t)sizeof(T), CONC__SEND, true };
}
inline conc_case conc_case_timeout(int64_t ns) { return conc_case{ nullptr, nullptr, ns, 0, CONC__TIME, true }; }
inline conc_case conc_case_default() { return conc_case{ nullptr, nullptr, 0, 0, CONC__DEFAULT, true }; }
template <class... C> inline int conc__select_of(int flags, C... c) {
    conc_case a[] = { c... };
    return conc__select(a, (int)sizeof...(c), flags);
}
#define conc_select_of(...) conc__select_of(0, __VA_ARGS__)
#define conc_select_ordered_of(...) conc__select_of(CONC__ORDERED, __VA_ARGS__)

template <size_t... I> struct conc__seq {};
template <size_t N, size_t... I> struct conc__gen : conc__gen<N - 1, N - 1, I...> {};
template <size_t... I> struct conc__gen<0, I...> { typedef conc__seq<I...> type; };
template <class F, class... A> struct conc__job {
    F f;
    std::tuple<A...> a;
    template <size_t... I> void call(conc__seq<I...>) { (void)f(std::move(std::get<I>(a))...); }
    static void run(void *p) {
        conc__job *room = static_cast<conc__job *>(p);
        conc__job j(std::move(*room));
        room->~conc__job();
#if defined(__cpp_exceptions)
        try {
            j.call(typename conc__gen<sizeof...(A)>::type());
        } catch (const std::exception &e) {
            conc_panic("an exception left a goroutine: %s", e.what());
        }
#else
        j.call(typename conc__gen<sizeof...(A)>::type());
#endif
    }
};
template <class F, class... A>
inline auto conc__go_cxx(const conc__site *site, conc_wg *wg, const conc_go_opts *opts, F &&f, A &&...a)
    -> decltype((void)f(std::forward<A>(a)...), conc_status()) {
    typedef conc__job<typename std::decay<F>::type, typename std::decay<A>::type...> J;
    conc__godesc d = { nullptr, site, wg, opts, 0, CONC_OK };
    void *room = conc__go_begin(&d, &J::run, sizeof(J));
    if (room) {
        new (room) J{ std::forward<F>(f), std::tuple<typename std::decay<A>::type...>(std::forward<A>(a)...) };
        conc__go_commit(room);
    }
    return d.status;
}
#define CONC__SITE_OF(f) \
    ([](const char *conc__f) -> const conc__site * { static const conc__site s = { f, conc__f, __FILE__, __LINE__ }; return &s; }(__func__))
#define conc_go(...) ((void)conc__go_cxx(CONC__SITE_OF(#__VA_ARGS__), nullptr, nullptr, __VA_ARGS__))
#define conc_go_with(options, ...) \
    ([&](const conc_go_opts &conc__o) { return conc__go_cxx(CONC__SITE_OF(#__VA_ARGS__), nullptr, &conc__o, __VA_ARGS__); }(options))
#define conc_wg_go(wg, ...) ((void)conc__go_cxx(CONC__SITE_OF(#__VA_ARGS__), (wg), nullptr, __VA_ARGS__))
#define conc_run(...) do { \
    conc_wg conc__w = CONC_WG_INIT; \
    (void)conc__go_cxx(CONC__SITE_OF(#__VA_ARGS__), &conc__w, nullptr, __VA_ARGS__); \
    conc_wg_wait(&conc__w); } while (0)
inline conc_go_opts conc_opts(size_t stack, const char *name = nullptr) { return conc_go_opts{ stack, name }; }
#define go_func(name, ...) static void name CONC__PARAMS(__VA_ARGS__)
template <class F, class A> struct conc__guard {
    F f;
    A a;
    bool on;
    conc__guard(F g, A x) : f(g), a(x), on(true) {}
    conc__guard(conc__guard &&o) : f(o.f), a(o.a), on(o.on) { o.on = false; }
    ~conc__guard() { if (on) (void)f(a); }
};
template <class F, class A> inline conc__guard<F, A> conc__mkguard(F f, A a) { return conc__guard<F, A>(f, a); }
#define conc_defer(f, ...) auto CONC__UID(conc__d) = conc__mkguard((f), (__VA_ARGS__))
#endif /* __cplusplus */

// >>short-names
#ifndef CONC_NO_SHORT_NAMES
#define go(...) conc_go(__VA_ARGS__)
#define go_with(...) conc_go_with(__VA_ARGS__)
#define defer(...) conc_defer(__VA_ARGS__)
#define chan(...) conc_chan(__VA_ARGS__)
#define recv_chan(...) conc_recv_chan(__VA_ARGS__)
#define send_chan(...) conc_send_chan(__VA_ARGS__)
#define chan_make(...) conc_chan_make(__VA_ARGS__)
#define chan_send(...) conc_chan_send(__VA_ARGS__)
#define chan_recv(...) conc_chan_recv(__VA_ARGS__)
#define chan_range(v, c) conc_chan_range(v, c)
#define chan_close(...) conc_chan_close(__VA_ARGS__)
#define chan_len(...) conc_chan_len(__VA_ARGS__)
#define chan_cap(...) conc_chan_cap(__VA_ARGS__)
#define chan_try_send(...) conc_chan_try_send(__VA_ARGS__)
#define chan_try_recv(...) conc_chan_try_recv(__VA_ARGS__)
#define chan_send_for(...) conc_chan_send_for(__VA_ARGS__)
#define chan_recv_for(...) conc_chan_recv_for(__VA_ARGS__)
#define chan_send_until(...) conc_chan_send_until(__VA_ARGS__)
#define chan_recv_until(...) conc_chan_recv_until(__VA_ARGS__)
#define chan_ref(...) conc_chan_ref(__VA_ARGS__)
#define chan_free(...) conc_chan_free(__VA_ARGS__)
#define chan_select conc_select
#define chan_select_ordered conc_select_ordered
#define chan_select_of(...) conc_select_of(__VA_ARGS__)
#define chan_select_ordered_of(...) conc_select_ordered_of(__VA_ARGS__)
#define chan_select_n(...) conc_select_n(__VA_ARGS__)
#define chan_select_ordered_n(...) conc_select_ordered_n(__VA_ARGS__)
#define on_recv(v, ch) conc_on_recv(v, ch)
#define on_recv_ok(v, ok, ch) conc_on_recv_ok(v, ok, ch)
#define on_recv_into(p, ch) conc_on_recv_into(p, ch)
#define on_send(...) conc_on_send(__VA_ARGS__)
#define on_timeout(ns) conc_on_timeout(ns)
#define on_default conc_on_default
#define case_recv(...) conc_case_recv(__VA_ARGS__)
#define case_send(...) conc_case_send(__VA_ARGS__)
#define case_timeout(...) conc_case_timeout(__VA_ARGS__)
#define case_default() conc_case_default()
#endif
#endif /* CONC_H */
