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
     public:          >>options >>status >>goroutines >>channels >>select >>sync >>containers >>time >>context >>scope >>io >>signal >>diagnostics
                      >>testing >>short-names
     implementation:  >>platform >>os >>coro >>ds >>sched-types >>park >>sched >>time-impl >>watch >>chan-impl >>select-impl >>sync-impl
                      >>context-impl >>scope-impl >>poll >>io >>containers-impl >>signal-impl >>diag >>test >>test-net >>test-leaks
                      >>test-linear >>api >>runner

   Options (define before including, the same in every file; CONC_STATIC goes with CONC_IMPLEMENTATION in each file that uses it):
     CONC_IMPLEMENTATION    compile the implementation into this file (exactly one file)
     CONC_STATIC            all functions static: for a program of one file, or a private copy
     CONC_MAIN              the implementation supplies main(); you write  int conc_main(int argc, char **argv),
                            which runs as goroutine 1; the program ends when it returns
     CONC_NO_SHORT_NAMES    leave go, chan, chan_*, on_*, case_*, defer alone; the long names are conc_go, conc_chan_send, ...
     CONC_NO_ERRNO          leave errno alone (by default it is made safe for code that moves between threads)
     CONC_NO_VALGRIND       do not include valgrind/valgrind.h where it is found (it costs nothing outside Valgrind)
     CONC_NO_SEGV_HANDLER   do not install the SIGSEGV/SIGBUS handler that reports stack overflows
     CONC_STACK_SIZE        bytes of address space of a goroutine stack (131072; 262144 under sanitizers)
     CONC_MALLOC(n), CONC_REALLOC(p, n), CONC_FREE(p)      the allocator, all three or none
     CONC_TEST              in the test build, in the file with CONC_IMPLEMENTATION and in those under test: see >>testing
     CONC_TEST_MAIN         the implementation supplies a main() that runs the tests of CONC_TEST_CASE: see >>testing
     CONC_ASSERT(x)         assertions (assert.h's by default); CONC_DEBUG=1 or 2 adds internal, then expensive ones
     CONC_PORTABLE          nothing of Linux's own, POSIX threads, poll and mprotect only: for other systems, see >>os
     CONC_STB_DS            where stb_ds.h is, with its quotes or angle brackets
     CONC_DEV               do not declare the header a system header (for work on conc.h itself)

   Environment: CONC_PROCS=n processors (default: what affinity and the cgroup quota allow); CONC_MAX_THREADS=n (10000).

   Documentation: docs/guide.md (users), docs/testing.md (tests of concurrent code), docs/internals.md (the scheduler and its protocols).
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
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
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
#if defined(__SANITIZE_THREAD__)
#define CONC__TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CONC__TSAN 1
#endif
#endif
#ifndef CONC__TSAN
#define CONC__TSAN 0
#endif
#if defined(CONC_TEST) && CONC__TSAN
#include <string.h> /* before its functions become macros, see the end */
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
#if CONC__TSAN /* goroutines of one thread are not ordered, so for this tool each gets a word of its own; see conc_errno_location */
CONC_API int *conc_errno_location(void);
#else
extern int *conc_errno_location(void) __asm__("__errno_location");
#endif
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
/* Goroutines that exist now: started and not yet ended. Any thread; a snapshot. What a goroutine did before it ended happens
   before the call that no longer counts it. (runtime.NumGoroutine) */
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
#define conc_blocking for (int conc__b = (conc__blocking_begin(), 1); conc__b; conc__b = (conc__blocking_end(), 0))
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
    void *rec;
    void (*run)(void *); /* a scope's task: this is called with the captured call, for conc__call; else NULL */
} conc__godesc;
CONC_API void *conc__go_begin(conc__godesc *d, void (*run)(void *), size_t size); /* -> room for size bytes, NULL: no memory */
CONC_API void conc__go_commit(conc__godesc *d);

#if !defined(CONC_NO_REGISTER_GO) && defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__)) && !defined(__ILP32__)
#define CONC__REGISTER_GO 1
#else
#define CONC__REGISTER_GO 0
#endif

#define CONC__NARGS(...) CONC__NARGS_(__VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, ~)
#define CONC__NARGS_(f, a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, N, ...) N
/* go_func(worker, (int, id), (const char *, name)) { ... }   defines  static void worker(int id, const char *name)  in the
   form that go() can start on any CPU. At most 8 parameters; none: go_func(worker). */
#define CONC__PARAMS(...) CONC__CAT(CONC__PARAMS_, CONC__NARGS(__VA_ARGS__))(__VA_ARGS__)
#define CONC__P(t, n) t n
#define CONC__PARAMS_0(fn) fn(void)
#define CONC__PARAMS_1(fn, a) fn(CONC__P a)
#define CONC__PARAMS_2(fn, a, b) fn(CONC__P a, CONC__P b)
#define CONC__PARAMS_3(fn, a, b, c) fn(CONC__P a, CONC__P b, CONC__P c)
#define CONC__PARAMS_4(fn, a, b, c, d) fn(CONC__P a, CONC__P b, CONC__P c, CONC__P d)
#define CONC__PARAMS_5(fn, a, b, c, d, e) fn(CONC__P a, CONC__P b, CONC__P c, CONC__P d, CONC__P e)
#define CONC__PARAMS_6(fn, a, b, c, d, e, f) fn(CONC__P a, CONC__P b, CONC__P c, CONC__P d, CONC__P e, CONC__P f)
#define CONC__PARAMS_7(fn, a, b, c, d, e, f, g) fn(CONC__P a, CONC__P b, CONC__P c, CONC__P d, CONC__P e, CONC__P f, CONC__P g)
#define CONC__PARAMS_8(fn, a, b, c, d, e, f, g, h) \
    fn(CONC__P a, CONC__P b, CONC__P c, CONC__P d, CONC__P e, CONC__P f, CONC__P g, CONC__P h)
#define CONC__FIELD(t, n) t n;
#define CONC__FIELDS(...) CONC__CAT(CONC__FIELDS_, CONC__NARGS(__VA_ARGS__))(__VA_ARGS__)
#define CONC__FIELDS_0(fn) char conc__none;
#define CONC__FIELDS_1(fn, a) CONC__FIELD a
#define CONC__FIELDS_2(fn, a, ...) CONC__FIELD a CONC__FIELDS_1(fn, __VA_ARGS__)
#define CONC__FIELDS_3(fn, a, ...) CONC__FIELD a CONC__FIELDS_2(fn, __VA_ARGS__)
#define CONC__FIELDS_4(fn, a, ...) CONC__FIELD a CONC__FIELDS_3(fn, __VA_ARGS__)
#define CONC__FIELDS_5(fn, a, ...) CONC__FIELD a CONC__FIELDS_4(fn, __VA_ARGS__)
#define CONC__FIELDS_6(fn, a, ...) CONC__FIELD a CONC__FIELDS_5(fn, __VA_ARGS__)
#define CONC__FIELDS_7(fn, a, ...) CONC__FIELD a CONC__FIELDS_6(fn, __VA_ARGS__)
#define CONC__FIELDS_8(fn, a, ...) CONC__FIELD a CONC__FIELDS_7(fn, __VA_ARGS__)
#define CONC__USE(t, n) conc__a->n
#define CONC__USES(...) CONC__CAT(CONC__USES_, CONC__NARGS(__VA_ARGS__))(__VA_ARGS__)
#define CONC__USES_0(fn)
#define CONC__USES_1(fn, a) CONC__USE a
#define CONC__USES_2(fn, a, ...) CONC__USE a, CONC__USES_1(fn, __VA_ARGS__)
#define CONC__USES_3(fn, a, ...) CONC__USE a, CONC__USES_2(fn, __VA_ARGS__)
#define CONC__USES_4(fn, a, ...) CONC__USE a, CONC__USES_3(fn, __VA_ARGS__)
#define CONC__USES_5(fn, a, ...) CONC__USE a, CONC__USES_4(fn, __VA_ARGS__)
#define CONC__USES_6(fn, a, ...) CONC__USE a, CONC__USES_5(fn, __VA_ARGS__)
#define CONC__USES_7(fn, a, ...) CONC__USE a, CONC__USES_6(fn, __VA_ARGS__)
#define CONC__USES_8(fn, a, ...) CONC__USE a, CONC__USES_7(fn, __VA_ARGS__)

#ifndef __cplusplus
#define CONC__ASSERT(cond, msg) ((void)sizeof(struct { _Static_assert(cond, msg); int conc__; }))
#define CONC__SITE(f) static const conc__site conc__st = { f, __func__, __FILE__, __LINE__ }
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
#ifdef __clang__ /* has no way to tell; its C11 _Noreturn is harmless, __attribute__((noreturn)) is not */
#define CONC__RETURNS(f) (void)0
#else /* a call through the type of a noreturn function would end the caller's code */
#define CONC__RETURNS(f) \
    __attribute__((noreturn, unused)) __typeof__(&*(f)) conc__nr = 0; \
    CONC__ASSERT(!__builtin_types_compatible_p(__typeof__(&*(f)), __typeof__(conc__nr)), "go: a function declared noreturn cannot be started")
#endif
#define CONC__GO__(w, o, stub, n, fits, f, ...) __extension__({ \
    fits; \
    CONC__RETURNS(f); \
    CONC__ASSERT(sizeof(__typeof__((f)(__VA_ARGS__))) <= 16, "go: the function must return void or a scalar"); \
    CONC__SITE(#f); \
    conc__godesc conc__d = { (void (*)(void))(f), &conc__st, CONC__WG_OF w, o, (n) * 16, CONC_OK, CONC__NULL, \
        CONC__APPLY(CONC__RUN_OF w, __typeof__((f)(__VA_ARGS__))) }; \
    __builtin_call_with_static_chain(((__typeof__(&*(f)))(conc__d.run ? conc__go_stub : (stub)))(__VA_ARGS__), (void *)&conc__d); \
    conc__d.status; })
#define go_func(...) static void CONC__PARAMS(__VA_ARGS__)
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
    conc__godesc conc__d = { (void (*)(void))(f), &conc__st, CONC__WG_OF w, o, 0, CONC_OK, CONC__NULL, \
        CONC__APPLY(CONC__RUN_OF w, __typeof__((f)(__VA_ARGS__))) }; \
    struct f##__go *conc__r = (struct f##__go *)conc__go_begin(&conc__d, f##__run, sizeof(struct f##__go)); \
    if (conc__r) { *conc__r = (struct f##__go){ __VA_ARGS__ }; conc__go_commit(&conc__d); } \
    conc__d.status; })
#define go_func(...) CONC__GOFUNC(CONC__FIRST(__VA_ARGS__, ~), __VA_ARGS__)
#define CONC__FIRST(f, ...) f
#define CONC__GOFUNC(f, ...) CONC__GOFUNC_(f, __VA_ARGS__)
#define CONC__GOFUNC_(name, ...) \
    struct name##__go { CONC__FIELDS(__VA_ARGS__) }; \
    static void CONC__PARAMS(__VA_ARGS__); \
    __attribute__((unused)) static void name##__run(void *conc__p) { \
        struct name##__go *conc__a = (struct name##__go *)conc__p; \
        (void)conc__a; \
        name(CONC__USES(__VA_ARGS__)); \
    } \
    static void CONC__PARAMS(__VA_ARGS__)
#endif
/* The first argument of CONC__GO: (wait group, macro that makes of the function's return type how to run it) */
#define CONC__APPLY(m, ...) CONC__APPLY_(m, __VA_ARGS__)
#define CONC__APPLY_(m, ...) m(__VA_ARGS__)
#define CONC__WG_OF(wg, run) wg
#define CONC__RUN_OF(wg, run) run
#define CONC__PLAIN(...) CONC__NULL
#define conc_go(...) ((void)CONC__GO((CONC__NULL, CONC__PLAIN), CONC__NULL, __VA_ARGS__))
#define conc_go_with(options, ...) CONC__GO((CONC__NULL, CONC__PLAIN), (&(conc_go_opts[1]){ options }[0]), __VA_ARGS__)
#define conc_wg_go(wg, ...) ((void)CONC__GO(((wg), CONC__PLAIN), CONC__NULL, __VA_ARGS__))
#define conc_run(...) __extension__({ \
    conc_wg conc__w = CONC_WG_INIT; \
    (void)CONC__GO((&conc__w, CONC__PLAIN), CONC__NULL, __VA_ARGS__); \
    conc_wg_wait(&conc__w); })
#define conc_opts(...) ((conc_go_opts){ __VA_ARGS__ })

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
                          freeing it under a waiting goroutine ends the program. NULL is allowed. A plain send, receive
                          or close need not have returned when whoever it met drops the last reference; a select, and what
                          has a time limit or a context, must.
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
       on_done(ctx)         { ... }       the context ctx is done (see >>context); NULL: never
       on_default           { ... }       none of the others is ready now
   }
   Every channel and value expression is evaluated exactly once, in source order, on entry. NULL channels are never ready;
   a closed channel always is (to send on it ends the program: "send on closed channel"). With no case that can ever go it
   blocks for ever. break and continue leave the select (continue does not reach an enclosing loop); return and goto are
   fine. Put nothing but cases between the braces. Up to 16 cases of up to 16 bytes use no heap.
   chan_select_ordered { ... } is the same but takes the first ready case in source order (Go has no such thing).

   Expression form:   switch (chan_select_of(case_recv(a, &x), case_send(b, y), case_timeout(ns), case_done(ctx),
                                              case_default())) { case 0: ... }
   Array form:        conc_case c[2] = { case_recv(a, &x), case_recv(b, &y) }; int i = chan_select_n(c, 2);
   Both return the index of the chosen case and set its ok; chan_select_ordered_of and chan_select_ordered_n go in order.
   For array form in C, a case_send's value lives until the end of the enclosing block. */
enum { CONC__SEND = 1, CONC__RECV = 2, CONC__TIME = 3, CONC__DEFAULT = 4, CONC__DONE = 5, CONC__ORDERED = 1 };
struct conc_ctx;
typedef struct conc_case {
    const volatile void *ch; /* CONC__DONE: the context */
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
    const volatile void *ch; /* a send's channel, evaluated before its value */
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
static inline const volatile void *conc__sel_ctx(struct conc_ctx *ctx) { return ctx; } /* so that nothing else is taken for one */
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
    if (!(conc__s.chosen >= 0 ? conc__sel_hit(&conc__s) : conc__sel_add(&conc__s, dir, ch, v, into, size, ns))) {} else
#define conc_on_timeout(t) CONC__ON(CONC__TIME, CONC__NULL, CONC__NULL, &conc__s, 0, t)
#define conc_on_done(ctx) CONC__ON(CONC__DONE, conc__sel_ctx(ctx), CONC__NULL, &conc__s, 0, 0)
#define conc_on_default CONC__ON(CONC__DEFAULT, CONC__NULL, CONC__NULL, &conc__s, 0, 0)
#define conc_on_recv(v, ch) CONC__ON_RECV(v, ch, CONC__UID(conc__o))
#define conc_on_recv_ok(v, okv, ch) CONC__ON_RECV(v, ch, CONC__UID(conc__o)) CONC__ON_OK(okv, CONC__UID(conc__k))
#define CONC__ON_RECV(v, ch, o) CONC__ON(CONC__RECV, CONC__RX(ch), CONC__NULL, CONC__NULL, sizeof(CONC__ELEM(ch)), 0) \
    for (CONC__ELEM(ch) v, *o = (CONC__ELEM(ch) *)conc__sel_take(&conc__s, &v, sizeof v); o; o = CONC__NULL)
#define CONC__ON_OK(okv, k) for (bool okv = conc__s.c[conc__s.chosen].ok, *k = &okv; k; k = CONC__NULL)
#ifndef __cplusplus
/* the value as an element: a variable, so that no number is taken for the first member of a struct */
#define CONC__SENT(c, ...) (CONC__ELEM(c)[1]){ __extension__({ CONC__ELEM(c) conc__value = ((void)0, __VA_ARGS__); conc__value; }) }
#define conc_on_send(c, ...) \
    if (!(conc__s.chosen >= 0 ? conc__sel_hit(&conc__s) : (conc__s.ch = CONC__TX(c), conc__sel_add(&conc__s, CONC__SEND, \
        conc__s.ch, CONC__SENT(c, __VA_ARGS__), CONC__NULL, sizeof(CONC__ELEM(c)), 0)))) {} else
#define conc_on_recv_into(p, ch) CONC__ON(CONC__RECV, CONC__RX(ch), CONC__NULL, CONC__DST(ch, p), sizeof(CONC__ELEM(ch)), 0)
#define conc_case_recv(c, p) \
    ((conc_case){ CONC__RX(c), CONC__DST(c, p), 0, (uint32_t)sizeof(CONC__ELEM(c)), CONC__RECV, true })
#define conc_case_send(c, ...) \
    ((conc_case){ CONC__TX(c), CONC__SENT(c, __VA_ARGS__), 0, (uint32_t)sizeof(CONC__ELEM(c)), CONC__SEND, true })
#define conc_case_timeout(t) ((conc_case){ CONC__NULL, CONC__NULL, (t), 0, CONC__TIME, true })
#define conc_case_done(ctx) ((conc_case){ conc__sel_ctx(ctx), CONC__NULL, 0, 0, CONC__DONE, true })
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
   need no destroy (but for a big-reader lock). Do not copy one that has been used. Goroutines and OS threads may both use them.
   Who unlocked a mutex last may free it; so may who waited free a wait group, semaphore, condition variable or barrier, though the
   done, release, signal that let it go on has not returned yet. But a wait with a time limit or a context must have returned, whoever
   else waits for the same. A read-write mutex or a once must be left alone by all. */

/* Mutual exclusion. A lock is not tied to a goroutine: any may unlock. A waiter of more than 1 ms gets the lock handed over
   directly (starvation mode). unlock of an unlocked mutex ends the program. Source: sync.Mutex. */
typedef struct conc_mutex { uint8_t conc__state, conc__woken; uint16_t conc__pad; uint32_t conc__spin; void *conc__head, *conc__tail; } conc_mutex;
#define CONC_MUTEX_INIT { 0, 0, 0, 0, CONC__NULL, CONC__NULL }
CONC_API void conc_mutex_lock(conc_mutex *m);
CONC_API bool conc_mutex_try_lock(conc_mutex *m);
CONC_API conc_status conc_mutex_lock_for(conc_mutex *m, int64_t ns); /* CONC_OK or CONC_TIMEOUT */
CONC_API void conc_mutex_unlock(conc_mutex *m);

/* Many readers or one writer. A waiting writer holds new readers back, so do not read-lock twice in one goroutine. Any goroutine may
   unlock. Source: sync.RWMutex.

   conc_rwmutex_init_big makes it a big-reader lock, for data that is read all the time and hardly ever written: a read lock and unlock
   take about 2 ns instead of 10 and do not slow each other down on other processors, but a write lock interrupts every processor that
   runs the program (some microseconds). It holds memory, a cache line for each of twice as many threads as there are processors (8 at
   least), until conc_rwmutex_destroy, which wants nobody in any operation on it any more. CONC_NO_MEMORY: it is an ordinary lock.
   An OS thread may use it, at an ordinary lock's price. */
typedef struct conc_rwmutex {
    int32_t conc__readers, conc__wait;
    conc_mutex conc__w;
    uint32_t conc__spin, conc__pad;
    void *conc__rhead, *conc__big, *conc__writer;
} conc_rwmutex;
#define CONC_RWMUTEX_INIT { 0, 0, CONC_MUTEX_INIT, 0, 0, CONC__NULL, CONC__NULL, CONC__NULL }
CONC_API conc_status conc_rwmutex_init_big(conc_rwmutex *rw);
CONC_API void conc_rwmutex_destroy(conc_rwmutex *rw);
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
CONC_API void conc__once_slow(conc_once *once, void (*fn)(void *), void *arg);
#ifdef CONC_TEST
CONC_API void conc__test_after(const void *obj); /* the explorer: what ended with obj happened before this */
#endif
static inline void conc_once_do(conc_once *once, void (*fn)(void *), void *arg) {
    if (__builtin_expect(!__atomic_load_n(&once->conc__done, __ATOMIC_ACQUIRE), 0)) conc__once_slow(once, fn, arg);
#ifdef CONC_TEST
    else conc__test_after(once);
#endif
}

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

/* Typed atomics: conc_atomic(T) is C11's _Atomic(T) and C++'s std::atomic<T>; the operations take a pointer to one. fetch_* and
   exchange give the old value; compare_exchange(p, &expected, desired) gives a bool and writes what it found into expected on failure.
   They are sequentially consistent; those whose names end in _explicit take the order after their other arguments (compare_exchange
   two: on success, on failure), one of CONC_RELAXED, CONC_ACQUIRE, CONC_RELEASE, CONC_ACQ_REL, CONC_SEQ_CST. conc_atomic_fence(order)
   is C11's atomic_thread_fence. */
#ifdef __cplusplus
#define conc_atomic(...) std::atomic<__VA_ARGS__>
#define CONC__STD std::
#else
#define conc_atomic(...) _Atomic(__VA_ARGS__)
#define CONC__STD
#endif
#define CONC_RELAXED CONC__STD memory_order_relaxed
#define CONC_ACQUIRE CONC__STD memory_order_acquire
#define CONC_RELEASE CONC__STD memory_order_release
#define CONC_ACQ_REL CONC__STD memory_order_acq_rel
#define CONC_SEQ_CST CONC__STD memory_order_seq_cst
#define conc_atomic_load_explicit(p, order) CONC__STD atomic_load_explicit(p, order)
#define conc_atomic_store_explicit(p, v, order) CONC__STD atomic_store_explicit(p, v, order)
#define conc_atomic_exchange_explicit(p, v, order) CONC__STD atomic_exchange_explicit(p, v, order)
#define conc_atomic_compare_exchange_explicit(p, expected, v, order, failed) \
    CONC__STD atomic_compare_exchange_strong_explicit(p, expected, v, order, failed)
#define conc_atomic_fetch_add_explicit(p, v, order) CONC__STD atomic_fetch_add_explicit(p, v, order)
#define conc_atomic_fetch_sub_explicit(p, v, order) CONC__STD atomic_fetch_sub_explicit(p, v, order)
#define conc_atomic_fetch_and_explicit(p, v, order) CONC__STD atomic_fetch_and_explicit(p, v, order)
#define conc_atomic_fetch_or_explicit(p, v, order) CONC__STD atomic_fetch_or_explicit(p, v, order)
#define conc_atomic_fetch_xor_explicit(p, v, order) CONC__STD atomic_fetch_xor_explicit(p, v, order)
#define conc_atomic_fence(order) CONC__STD atomic_thread_fence(order)
#define conc_atomic_load(p) conc_atomic_load_explicit(p, CONC_SEQ_CST)
#define conc_atomic_store(p, v) conc_atomic_store_explicit(p, v, CONC_SEQ_CST)
#define conc_atomic_exchange(p, v) conc_atomic_exchange_explicit(p, v, CONC_SEQ_CST)
#define conc_atomic_compare_exchange(p, expected, v) conc_atomic_compare_exchange_explicit(p, expected, v, CONC_SEQ_CST, CONC_SEQ_CST)
#define conc_atomic_fetch_add(p, v) conc_atomic_fetch_add_explicit(p, v, CONC_SEQ_CST)
#define conc_atomic_fetch_sub(p, v) conc_atomic_fetch_sub_explicit(p, v, CONC_SEQ_CST)
#define conc_atomic_fetch_and(p, v) conc_atomic_fetch_and_explicit(p, v, CONC_SEQ_CST)
#define conc_atomic_fetch_or(p, v) conc_atomic_fetch_or_explicit(p, v, CONC_SEQ_CST)
#define conc_atomic_fetch_xor(p, v) conc_atomic_fetch_xor_explicit(p, v, CONC_SEQ_CST)

// >>containers
/* A cyclic barrier: wait blocks until n have called it, then lets all n go, and starts again at once for the next n. Exactly one of
   each n gets true (as PTHREAD_BARRIER_SERIAL_THREAD does). What each did before its wait happens before all of them go on.

   A barrier breaks when a wait_for runs out of time before the n-th has come: that call gives CONC_TIMEOUT, the others that wait
   give CONC_CANCELED (conc_barrier_wait: false), and so does every later call until conc_barrier_reset, since the n can no longer
   meet. reset breaks the barrier for those who wait and mends it for those who come. wait_for writes *serial (may be NULL).
   conc_barrier_init wants n >= 1; a barrier that was not initialised ends the program when waited on. Owns no memory. It may be
   freed by whoever got true once all others have returned. Source: pthread_barrier_t; breaking is java's CyclicBarrier. */
typedef struct conc_barrier { uint32_t conc__n, conc__in, conc__spin, conc__broken; void *conc__head, *conc__tail; } conc_barrier;
#define CONC_BARRIER_INIT(n) { (n), 0, 0, 0, CONC__NULL, CONC__NULL }
CONC_API void conc_barrier_init(conc_barrier *b, int n);
CONC_API bool conc_barrier_wait(conc_barrier *b);
CONC_API conc_status conc_barrier_wait_for(conc_barrier *b, int64_t ns, bool *serial);
CONC_API void conc_barrier_reset(conc_barrier *b);
CONC_API bool conc_barrier_broken(conc_barrier *b);

/* A pool of pointers to things that are costly to make. get gives one that was put, the thread's own last one first; else one from the
   common store; else what make returns; else (make is NULL) NULL. put keeps it (NULL: nothing); when the pool is full, the surplus is
   dropped: drop(item) if drop is not NULL, so drop = free suits a pool of malloc'ed blocks. make and drop run without locks, in the
   caller. At most max items in the common store (0: 4096) and 32 more per worker thread. No item is dropped by itself (Go's pool
   loses them to the garbage collector); conc_pool_drain drops all that are in the pool now and returns how many: the hook for
   memory pressure. conc_pool_free drains it and frees it; nobody may use it any more. NULL from new: no memory.
   A put happens before the get that returns its item. Any thread. Source: sync.Pool. */
typedef struct conc_pool conc_pool;
CONC_API conc_pool *conc_pool_new(void *(*make)(void), void (*drop)(void *item), size_t max);
CONC_API void *conc_pool_get(conc_pool *pool);
CONC_API void conc_pool_put(conc_pool *pool, void *item);
CONC_API size_t conc_pool_drain(conc_pool *pool);
CONC_API void conc_pool_free(conc_pool *pool);

/* A hash map that any number of goroutines and threads may use at once: conc_map(K, V), a handle as a channel's is, with K and V in its
   type. K: an integer, a pointer, a struct without padding (keys are compared by their bytes; no floating point), or const char *: then
   the key is the text, of which the map keeps a copy. V: any type but an array; compared by its bytes where it is compared.

   conc_map(int, double) m = conc_map_make(int, double);    NULL: no memory. Later operations end the program when there is none
   conc_map_store(m, k, v)                  set
   conc_map_load(m, k, &v)                  -> is it there? v is zero if not
   conc_map_load_or_store(m, k, v, &got)    -> was it there? got is what is there now, the old value or v
   conc_map_swap(m, k, v, &old)             -> was it there? old is zero if not. v is there now
   conc_map_load_and_delete(m, k, &old)     -> was it there? old is zero if not
   conc_map_delete(m, k)                    -> was it there?
   conc_map_compare_and_swap(m, k, old, v)  -> was it there with the value old, so that it is v now?
   conc_map_compare_and_delete(m, k, old)   -> was it there with the value old, and is gone now?
   conc_map_clear(m), conc_map_len(m)       delete all; number of entries, exact if nobody changes the map meanwhile
   conc_map_range(K, k, V, v, m) { ... }    for every entry, with its key in a new variable k and its value in v. No key comes twice;
                          entries may be added, changed and deleted meanwhile, in the body too, and may then be seen or not. break and
                          continue work. It copies a 64th of the map at a time, so keys that are texts are the loop's own.
   conc_map_free(m)       nobody may use it any more. NULL is allowed. What values point to is yours

   The operations on one key are atomic, in one order; a store happens before the load that sees it. An empty map takes 4 KiB.
   Source: sync.Map. */
struct conc_map;
typedef struct conc__map_iter { struct conc_map *m; uint32_t shard; size_t at, n; char *copy; } conc__map_iter;
CONC_API struct conc_map *conc__map_make(size_t key, size_t value, bool text);
CONC_API void conc__map_free(const volatile void *m);
CONC_API void conc__map_store(const volatile void *m, const void *key, const void *v);
CONC_API bool conc__map_load(const volatile void *m, const void *key, void *v);
CONC_API bool conc__map_load_or_store(const volatile void *m, const void *key, const void *v, void *got);
CONC_API bool conc__map_swap(const volatile void *m, const void *key, const void *v, void *old);
CONC_API bool conc__map_take(const volatile void *m, const void *key, const void *only_if, void *old);
CONC_API bool conc__map_compare_and_swap(const volatile void *m, const void *key, const void *old, const void *v);
CONC_API void conc__map_clear(const volatile void *m);
CONC_API size_t conc__map_len(const volatile void *m);
CONC_API bool conc__map_next(conc__map_iter *it, void *key, void *v);
CONC_API void conc__map_end(conc__map_iter *it);
#ifndef __cplusplus
/* K and V are kept as a channel's element is: a pointer to a pointer to a function from K to V. V comes back as the type of a call with
   the key at hand. K cannot be had from a function's type, so the key's own type is used, after conversion where the handle's K is
   one of the types that values are converted to in a call; a struct or a pointer is what it is. */
#define conc_map(K, ...) __typeof__(__typeof__(__VA_ARGS__) (**)(struct conc_map *, __typeof__(K)))
#define CONC__MAP_V(m, k) __typeof__((**(m))((struct conc_map *)0, (k)))
#define CONC__MAP_AS(m, k, T) conc_map(T, CONC__MAP_V(m, k)): (T)0
#define CONC__MAP_K(m, k) __typeof__(_Generic((m), CONC__MAP_AS(m, k, _Bool), CONC__MAP_AS(m, k, char), CONC__MAP_AS(m, k, signed char), \
    CONC__MAP_AS(m, k, unsigned char), CONC__MAP_AS(m, k, short), CONC__MAP_AS(m, k, unsigned short), CONC__MAP_AS(m, k, int), \
    CONC__MAP_AS(m, k, unsigned), CONC__MAP_AS(m, k, long), CONC__MAP_AS(m, k, unsigned long), CONC__MAP_AS(m, k, long long), \
    CONC__MAP_AS(m, k, unsigned long long), CONC__MAP_AS(m, k, const char *), CONC__MAP_AS(m, k, void *), CONC__MAP_AS(m, k, const void *), \
    default: ((void)0, (k))))
#define CONC__MAP_TEXT(K) CONC__IS((__typeof__(K) *)0, const char **)
#define CONC__MAP_OK(K) CONC__ASSERT(!CONC__IS((__typeof__(K) *)0, float *: 1, double *: 1, long double *), "a map's keys may not be floating-point numbers")
#define CONC__MAP_DST(m, k, p) \
    (CONC__ASSERT(CONC__IS(p, CONC__MAP_V(m, k) *), "the destination must point to the map's value type"), (p))
#define CONC__MAP_KEY(m, key, k) CONC__MAP_K(m, key) k = (key)
/* in these k is the key's copy, which types are taken from too: clang 14 refuses a compound literal within a static assertion */
#define CONC__MAP_GET(m, key, k, p) __extension__({ CONC__MAP_KEY(m, key, k); conc__map_load(m, &k, CONC__MAP_DST(m, k, p)); })
#define CONC__MAP_TAKE(m, key, k, p) __extension__({ CONC__MAP_KEY(m, key, k); conc__map_take(m, &k, CONC__NULL, CONC__MAP_DST(m, k, p)); })
#define CONC__MAP_DEL(m, key, k) __extension__({ CONC__MAP_KEY(m, key, k); conc__map_take(m, &k, CONC__NULL, CONC__NULL); })
#define CONC__MAP_DELIF(m, key, val, k, v) \
    __extension__({ CONC__MAP_KEY(m, key, k); CONC__MAP_V(m, k) v = (val); conc__map_take(m, &k, &v, CONC__NULL); })
#define CONC__MAP_SET(op, m, key, val, k, v, p) \
    __extension__({ CONC__MAP_KEY(m, key, k); CONC__MAP_V(m, k) v = (val); op(m, &k, &v, CONC__MAP_DST(m, k, p)); })
#define CONC__MAP_STORE(m, key, k, v, ...) \
    __extension__({ CONC__MAP_KEY(m, key, k); CONC__MAP_V(m, k) v = (__VA_ARGS__); conc__map_store(m, &k, &v); })
#define CONC__MAP_CAS(m, key, was, val, k, o, v) __extension__({ \
    CONC__MAP_KEY(m, key, k); CONC__MAP_V(m, k) o = (was); CONC__MAP_V(m, k) v = (val); conc__map_compare_and_swap(m, &k, &o, &v); })
#define conc_map_make(K, ...) \
    (CONC__MAP_OK(K), (conc_map(K, __VA_ARGS__))(void *)conc__map_make(sizeof(K), sizeof(__VA_ARGS__), CONC__MAP_TEXT(K)))
#define conc_map_free(m) conc__map_free(m)
#define conc_map_store(m, k, ...) CONC__MAP_STORE(m, k, CONC__UID(conc__k), CONC__UID(conc__v), __VA_ARGS__)
#define conc_map_load(m, k, p) CONC__MAP_GET(m, k, CONC__UID(conc__k), p)
#define conc_map_load_or_store(m, k, v, p) CONC__MAP_SET(conc__map_load_or_store, m, k, v, CONC__UID(conc__k), CONC__UID(conc__v), p)
#define conc_map_swap(m, k, v, p) CONC__MAP_SET(conc__map_swap, m, k, v, CONC__UID(conc__k), CONC__UID(conc__v), p)
#define conc_map_load_and_delete(m, k, p) CONC__MAP_TAKE(m, k, CONC__UID(conc__k), p)
#define conc_map_delete(m, k) CONC__MAP_DEL(m, k, CONC__UID(conc__k))
#define conc_map_compare_and_swap(m, k, old, v) \
    CONC__MAP_CAS(m, k, old, v, CONC__UID(conc__k), CONC__UID(conc__o), CONC__UID(conc__v))
#define conc_map_compare_and_delete(m, k, old) CONC__MAP_DELIF(m, k, old, CONC__UID(conc__k), CONC__UID(conc__o))
#define conc_map_clear(m) conc__map_clear(m)
#define conc_map_len(m) conc__map_len(m)
#define CONC__MAP_RANGE(m, K, V) \
    (CONC__ASSERT(CONC__IS(m, conc_map(K, V)), "conc_map_range: these are not the map's key and value types"), (struct conc_map *)(void *)(m))
#endif /* !__cplusplus */
#define conc_map_range(K, k, V, v, m) CONC__MAP_FOR(K, k, V, v, m, CONC__UID(conc__i), CONC__UID(conc__a), CONC__UID(conc__b))
#define CONC__MAP_FOR(K, k, V, v, m, it, a, b) \
    for (conc__map_iter it __attribute__((cleanup(conc__map_end))) = { CONC__MAP_RANGE(m, K, V), 0, 0, 0, CONC__NULL }, *a = &it; a; a = CONC__NULL) \
        for (__typeof__(K) k, *b = &k; b; b = CONC__NULL) \
            for (__typeof__(V) v; conc__map_next(&it, &k, &v);)

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

// >>context
/* A context tells goroutines when to stop: it is done once it is cancelled, its deadline passes, or its parent is done.
   Contexts form a tree; one that is done has, before the call that made it so returns, made all its descendants done, closed
   their done channels and woken whoever waits with one of them. Source: package context.

     conc_ctx *ctx = conc_ctx_with_timeout(parent, 2 * CONC_SEC);
     defer(conc_ctx_free, ctx);                    // cancels what was started with it, and gives the memory back
     if (chan_recv_ctx(c, &v, ctx) != CONC_OK) return conc_ctx_cause(ctx);

   Functions that make a context return it with one reference, the caller's, which conc_ctx_free gives back; NULL: no memory. A
   context keeps its parent alive. An operation that uses a context needs somebody to hold a reference until it is cancelled
   or the operation returns. parent == NULL ends the program with "cannot create context from nil parent"; anywhere else NULL
   is a context that is never done. Everything here may be called from any thread; nothing here blocks but the operations at the
   end. Free contexts with a deadline before conc_shutdown.

   A cause is an int that belongs to the caller (a conc_status, -errno, an exit status); 0: none. */
typedef struct conc_ctx conc_ctx;
/* The roots of all trees: never done, with no values and no deadline. Static; freeing them does nothing. */
CONC_API conc_ctx *conc_ctx_background(void);
CONC_API conc_ctx *conc_ctx_todo(void); /* the same, where it is not clear yet which context to use */
/* A child that can be cancelled. A child of a parent that is done is born done. (context.WithCancel, WithCancelCause) */
CONC_API conc_ctx *conc_ctx_with_cancel(conc_ctx *parent);
/* The same with a deadline on conc_now()'s clock, or ns from now: then it is done, with CONC_TIMEOUT and the cause if one is given.
   A parent's earlier deadline holds. (context.WithDeadline, WithTimeout, WithDeadlineCause, WithTimeoutCause) */
CONC_API conc_ctx *conc_ctx_with_deadline(conc_ctx *parent, int64_t deadline);
CONC_API conc_ctx *conc_ctx_with_deadline_cause(conc_ctx *parent, int64_t deadline, int cause);
CONC_API conc_ctx *conc_ctx_with_timeout(conc_ctx *parent, int64_t ns);
CONC_API conc_ctx *conc_ctx_with_timeout_cause(conc_ctx *parent, int64_t ns, int cause);
/* A child that maps key to value; it is done when parent is, and not cancelled by itself. Keys are addresses: use that of a static
   variable of yours. The value is borrowed. key == NULL ends the program with "nil key". (context.WithValue) */
CONC_API conc_ctx *conc_ctx_with_value(conc_ctx *parent, const void *key, void *value);
/* A child with its parent's values, but never done. (context.WithoutCancel) */
CONC_API conc_ctx *conc_ctx_without_cancel(conc_ctx *parent);
/* Make ctx and its descendants done, with CONC_CANCELED and the cause; all of them are when it returns. Nothing happens if ctx is done
   already. Only for contexts made by with_cancel, with_deadline and with_timeout: cancelling another ends the program. */
CONC_API void conc_ctx_cancel(conc_ctx *ctx);
CONC_API void conc_ctx_cancel_cause(conc_ctx *ctx, int cause);
/* Cancel ctx (unless it is one that cannot be) and give the maker's reference back, once. NULL is allowed. */
CONC_API void conc_ctx_free(conc_ctx *ctx);
/* Take, drop another reference; dropping does not cancel. Ending the last one under a waiting goroutine ends the program (but I/O, a mutex
   and a condition variable hold one while they wait). */
CONC_API conc_ctx *conc_ctx_ref(conc_ctx *ctx);
CONC_API void conc_ctx_unref(conc_ctx *ctx);
/* CONC_OK while ctx is not done, then CONC_CANCELED or CONC_TIMEOUT for good. */
CONC_API conc_status conc_ctx_err(conc_ctx *ctx);
/* Why ctx is done: the cause that was given, by it or by the ancestor that was cancelled, else conc_ctx_err; 0: it is not.
   (context.Cause) */
CONC_API int conc_ctx_cause(conc_ctx *ctx);
/* Has ctx a deadline? *deadline is written only then. */
CONC_API bool conc_ctx_deadline(conc_ctx *ctx, int64_t *deadline);
/* The value of the nearest context, ctx or an ancestor, that maps key; NULL: none does. */
CONC_API void *conc_ctx_value(conc_ctx *ctx, const void *key);
/* conc_ctx_done(ctx) -> recv_chan(char), borrowed, closed when ctx is done; NULL if it never can be. Made at the first call, so prefer
   the forms below, which need none: on_done(ctx) in a select, and the operations with _ctx. No memory for it: the program ends. */
CONC_API const volatile void *conc__ctx_done(conc_ctx *ctx);
/* Run fn(arg) in a goroutine of its own once ctx is done (at once if it is already). NULL: no memory. conc_ctx_func_stop gives it up:
   true if fn has not been started and will not be; it does not wait for a running fn, so on false what arg points to must outlive fn,
   by a reference that fn drops, say. It also frees: call it exactly once for each, also after fn has run; NULL is allowed.
   (context.AfterFunc) */
typedef struct conc_ctx_func conc_ctx_func;
CONC_API conc_ctx_func *conc_ctx_after_func(conc_ctx *ctx, void (*fn)(void *), void *arg);
CONC_API bool conc_ctx_func_stop(conc_ctx_func *f);
/* Operations that a context ends: CONC_OK, or conc_ctx_err(ctx) once it is done; if it is done at the call they fail without trying.
   chan_send_ctx(c, v, ctx), chan_recv_ctx(c, &v, ctx) (CONC_CLOSED too). conc_cond_wait_ctx holds m again in every case.
   None of them allocates. */
CONC_API conc_status conc_sleep_ctx(conc_ctx *ctx, int64_t ns);
CONC_API conc_status conc_mutex_lock_ctx(conc_mutex *m, conc_ctx *ctx);
CONC_API conc_status conc_cond_wait_ctx(conc_cond *c, conc_mutex *m, conc_ctx *ctx);
CONC_API conc_status conc_wg_wait_ctx(conc_wg *wg, conc_ctx *ctx);
CONC_API conc_status conc_sem_acquire_ctx(conc_sem *s, int64_t n, conc_ctx *ctx);
CONC_API conc_status conc__chan_send_ctx(const volatile void *c, const void *v, conc_ctx *ctx);
CONC_API conc_status conc__chan_recv_ctx(const volatile void *c, void *v, conc_ctx *ctx);
// >>scope
/* A scope owns what is started and made in it, and lets nothing out: structured concurrency.

     int fetch_all(conc_ctx *ctx, struct site *sites, int n) {
         conc_scope_begin(s, .parent = ctx, .limit = 8, .timeout = 5 * CONC_SEC);
         for (int i = 0; i < n; i++) conc_scope_go(s, fetch, conc_scope_ctx(s), &sites[i]);
         return conc_scope_wait(s);       // 0, or the first error; by then no task runs
     }

   conc_scope_begin(s, options...)  declares  conc_scope *s.  On any way out of the enclosing block - its end, return, break, goto, an
                          exception, conc_exit - the tasks that still run are cancelled and waited for; then what the scope
                          owns is freed, last made first. Options, all zero by default: .parent (conc_ctx_background()), .limit
                          (tasks at one time; 0: any number), .timeout (ns) or .deadline, .join = true (wait at the end, do not
                          cancel). In C++ in this order, without names: conc_scope_begin(s, parent, limit, timeout), or a
                          conc_scope_opts.
   conc_scope_go(s, fn, args...)   start fn(args...) as a task; fn returns void, or an int or a conc_status, where other than 0 is an error.
                          The first error cancels the scope's context, with it as the cause. At the limit it blocks until a task
                          ends. A task always runs, also in a scope that is cancelled: it may have arguments to free.
   conc_scope_try_go(s, fn, args...)   false, and nothing is evaluated, if it would block
   conc_scope_wait(s)     wait for all tasks: 0, or the first error. What counts: an int task's result; conc_scope_cancel's cause; and for a
                          task without a result that ends after the context was done (by the deadline, or the parent) the
                          context's cause. More tasks may be started afterwards.
   conc_scope_ctx(s)      its context, borrowed
   conc_scope_cancel(s, cause)     cancel its context; cause 0: CONC_CANCELED
   conc_scope_chan(s, T), conc_scope_chan(s, T, cap)   a channel that is freed with the scope; NULL: no memory
   conc_scope_alloc(s, size)       zeroed memory for anything, freed with the scope; NULL: no memory
   conc_scope_defer(s, fn, arg)    call fn(arg) when the tasks have ended; last registered first. CONC_NO_MEMORY: it will not be

   The block that declares it must be left by the goroutine or thread that entered it; s may be used by the tasks as well, but only from
   outside may it be waited for, and a task that starts others at the limit may block for ever. No memory for the scope's
   context or for a task ends the program. A crash in a task ends the program at once. Source: errgroup, and the nurseries of
   Trio. */
typedef struct conc_scope {
    conc_ctx *conc__ctx;
    conc_wg conc__wg;
    conc_sem conc__sem;
    void *conc__items;   /* what is to be freed, last first */
    int conc__err;       /* the first error */
    bool conc__limited, conc__join;
    void *conc__exit[4]; /* ends the scope if its goroutine calls conc_exit */
} conc_scope;
typedef struct conc_scope_opts {
    conc_ctx *parent;
    int limit;
    int64_t timeout, deadline;
    bool join;
    char conc__none;
} conc_scope_opts;
CONC_API conc_scope *conc__scope_begin(conc_scope *s, const conc_scope_opts *o);
CONC_API void conc__scope_end(conc_scope *s);
CONC_API void conc__scope_slot(conc_scope *s);     /* wait until one more task may run */
CONC_API bool conc__scope_try_slot(conc_scope *s);
CONC_API void *conc__scope_room(conc_scope *s, size_t size, void (*fn)(void *)); /* zeroed; fn(room) at the end */
CONC_API conc_status conc__scope_defer(conc_scope *s, void (*fn)(void *), void *arg);
CONC_API const volatile void *conc__scope_own(conc_scope *s, const volatile void *chan); /* -> chan; NULL: no memory, freed */
CONC_API void conc__scope_task(void *call);        /* how tasks are run: with an int result, without */
CONC_API void conc__scope_task_void(void *call);
CONC_API conc_ctx *conc_scope_ctx(conc_scope *s);
CONC_API int conc_scope_wait(conc_scope *s);
CONC_API void conc_scope_cancel(conc_scope *s, int cause);
CONC_API void *conc_scope_alloc(conc_scope *s, size_t size);
typedef struct conc__task { void *conc__exit[4]; conc_scope *s; } conc__task;
CONC_API void conc__task_begin(conc__task *t, conc_scope *s);
CONC_API void conc__task_end(conc__task *t, int result, bool has_result);

// >>io
/* POSIX's calls for goroutines: where the plain call would block the thread, these park the goroutine and the processor goes on
   with others. On a plain OS thread they block it, with the same deadlines and the same wake-up by conc_close. They return what the
   plain calls return, -1 with errno else; EINTR is never seen. Durations are not taken, deadlines are: times of conc_now().

   Three forms:   conc_read(fd, buf, n)                     as long as it takes
                  conc_read_until(fd, buf, n, deadline)     -1 with ETIMEDOUT from deadline on; a deadline that has passed fails even
                                                            if data is ready; CONC_FOREVER: none
                  conc_read_ctx(ctx, fd, buf, n)            -1 with ECANCELED or ETIMEDOUT once the context is done; NULL: never

   Descriptors may come from anywhere, blocking or not; their O_NONBLOCK flag is left alone. Sockets, pipes, terminals, eventfds,
   timerfds, pidfds, other epoll sets ... are waited for by the poller; regular files, which no poller takes, are read and written
   with the processor handed on if they are slow. Any number of goroutines may use one descriptor at once, in both directions. The
   calls that take a buffer leave it alone once they have returned, and touch it before only in the calling goroutine.

   Close with conc_close what was used here: it wakes every goroutine and thread that waits (they fail with EBADF), lets calls in
   flight finish, and only then gives the number free. A descriptor closed by close(2) while nobody uses it does no harm, if it did
   not come from conc_accept, conc_dial_*, conc_listen_* or conc_open; those keep a registration that only conc_close takes back
   (a new descriptor from the same functions under the same number is fine too). A descriptor that is waited for must not be closed
   by close(2) at all. Sources: net.Conn, net.Listener, os.File, internal/poll. */
struct addrinfo;
enum { CONC_READ = 1, CONC_WRITE = 2 };

/* Up to n bytes; 0: end of file. readv: at most 1024 pieces, as the system's. */
CONC_API ssize_t conc_read(int fd, void *buf, size_t n);
CONC_API ssize_t conc_read_until(int fd, void *buf, size_t n, int64_t deadline);
CONC_API ssize_t conc_read_ctx(conc_ctx *ctx, int fd, void *buf, size_t n);
CONC_API ssize_t conc_readv(int fd, const struct iovec *iov, int count);
CONC_API ssize_t conc_readv_until(int fd, const struct iovec *iov, int count, int64_t deadline);
/* All n bytes, as a blocking descriptor would take them. Fewer: it failed after so many, and errno says why (ETIMEDOUT, ECANCELED,
   EBADF, EPIPE ...); -1: it failed before the first. A write to a socket without a reader fails with EPIPE and raises no SIGPIPE;
   pipes raise it as ever. Concurrent writes to one descriptor may be interleaved when the other side is slow. */
CONC_API ssize_t conc_write(int fd, const void *buf, size_t n);
CONC_API ssize_t conc_write_until(int fd, const void *buf, size_t n, int64_t deadline);
CONC_API ssize_t conc_write_ctx(conc_ctx *ctx, int fd, const void *buf, size_t n);
CONC_API ssize_t conc_writev(int fd, const struct iovec *iov, int count);
CONC_API ssize_t conc_writev_until(int fd, const struct iovec *iov, int count, int64_t deadline);
/* Sockets only (else ENOTSOCK). flags as the system's; MSG_DONTWAIT makes them fail with EAGAIN instead of waiting, MSG_WAITALL has no
   effect. sendto and sendmsg send everything, as conc_write. */
CONC_API ssize_t conc_recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *addr, socklen_t *len);
CONC_API ssize_t conc_recvfrom_until(int fd, void *buf, size_t n, int flags, struct sockaddr *addr, socklen_t *len, int64_t deadline);
CONC_API ssize_t conc_recvfrom_ctx(conc_ctx *ctx, int fd, void *buf, size_t n, int flags, struct sockaddr *addr, socklen_t *len);
CONC_API ssize_t conc_sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr, socklen_t len);
CONC_API ssize_t conc_sendto_until(int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr, socklen_t len, int64_t deadline);
CONC_API ssize_t conc_sendto_ctx(conc_ctx *ctx, int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr, socklen_t len);
CONC_API ssize_t conc_recvmsg(int fd, struct msghdr *msg, int flags);
CONC_API ssize_t conc_recvmsg_until(int fd, struct msghdr *msg, int flags, int64_t deadline);
CONC_API ssize_t conc_sendmsg(int fd, const struct msghdr *msg, int flags);
CONC_API ssize_t conc_sendmsg_until(int fd, const struct msghdr *msg, int flags, int64_t deadline);
/* A connection as a new descriptor, non-blocking and closed on exec; yours to conc_close. addr and len may be NULL. Connections
   that were aborted in the queue are skipped. */
CONC_API int conc_accept(int fd, struct sockaddr *addr, socklen_t *len);
CONC_API int conc_accept_until(int fd, struct sockaddr *addr, socklen_t *len, int64_t deadline);
CONC_API int conc_accept_ctx(conc_ctx *ctx, int fd, struct sockaddr *addr, socklen_t *len);
/* 0 once connected. After a failure (a deadline, too) the socket is good for conc_close only. */
CONC_API int conc_connect(int fd, const struct sockaddr *addr, socklen_t len);
CONC_API int conc_connect_until(int fd, const struct sockaddr *addr, socklen_t len, int64_t deadline);
CONC_API int conc_connect_ctx(conc_ctx *ctx, int fd, const struct sockaddr *addr, socklen_t len);
/* Wait until a read or write (what: CONC_READ, CONC_WRITE or both) would not block; the set of those that hold, which for an error or
   a hang-up is all that were asked for. EPERM: a descriptor that is always ready (a regular file, a directory): there is nothing to
   wait for. */
CONC_API int conc_wait_fd(int fd, int what);
CONC_API int conc_wait_fd_until(int fd, int what, int64_t deadline);
CONC_API int conc_wait_fd_ctx(conc_ctx *ctx, int fd, int what);
/* Wake all who wait for fd, wait for calls in flight, close. EBADF: not open, or being closed by somebody else. */
CONC_API int conc_close(int fd);
/* Nothing more will be written: the other side reads the end of file after what was; reading goes on. shutdown(fd, SHUT_WR), which
   in a test's network is possible only so. 0, or -1 with errno. (TCPConn.CloseWrite) */
CONC_API int conc_close_write(int fd);

/* A listening socket, SO_REUSEADDR set, backlog SOMAXCONN. address: "host:port", ":port" (every interface, IPv6 and IPv4 at once where
   the system has both), "[v6]:port"; port 0: any free one (conc_local_port tells). unix: a path, which must not exist; "@name" is
   Linux's abstract name space. EINVAL: not an address; EADDRNOTAVAIL: no such host. conc_listen_tcp may look the host up. */
CONC_API int conc_listen_tcp(const char *address);
CONC_API int conc_listen_unix(const char *path);
/* The port of a TCP or UDP socket's own end, -1: it has none. */
CONC_API int conc_local_port(int fd);
/* A connected socket. All addresses of the host are tried in turn until the context (NULL: none) is done; TCP_NODELAY is set, as Go
   does. errno is that of the last attempt. */
CONC_API int conc_dial_tcp(conc_ctx *ctx, const char *address);
CONC_API int conc_dial_tcp_until(const char *address, int64_t deadline);
CONC_API int conc_dial_unix(conc_ctx *ctx, const char *path);
CONC_API int conc_dial_unix_until(const char *path, int64_t deadline);

/* The system's calls with the processor handed on while they block. getaddrinfo runs on a thread of its own (it needs more stack than
   a goroutine has); EAI_SYSTEM with errno ETIMEDOUT past the deadline. Files that open makes are close-on-exec. */
CONC_API int conc_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result);
CONC_API int conc_getaddrinfo_until(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result, int64_t deadline);
CONC_API int conc_open(const char *path, int flags, mode_t mode);
CONC_API ssize_t conc_pread(int fd, void *buf, size_t n, off_t offset);
CONC_API ssize_t conc_pwrite(int fd, const void *buf, size_t n, off_t offset);
/* Wait for a child process and take its status, as waitpid(pid, status, 0). status may be NULL. */
CONC_API pid_t conc_wait_pid(pid_t pid, int *status);
CONC_API pid_t conc_wait_pid_until(pid_t pid, int *status, int64_t deadline);
CONC_API pid_t conc_wait_pid_ctx(conc_ctx *ctx, pid_t pid, int *status);
// >>signal
/* Signals as values in channels. All of it from any goroutine or thread, but not from a signal handler.
   Source: package os/signal.

   conc_signal_notify(c, sig...)   from now on send the number of each of these signals that arrives to c, a chan(int) or
                          send_chan(int). No sig named: every signal that can be caught and does not report a fault. The send
                          never waits: a signal that finds c full is dropped for c, so give c room (1 is enough to learn that
                          something came). A channel may be named again, for more signals; several channels may ask for the
                          same one. A reference to c is held until it is stopped. c == NULL ends the program with
                          "os/signal: Notify using nil channel".
   conc_signal_stop(c)    no more signals to c: what had arrived before is in c when it returns, and nothing is sent after it,
                          so c may be closed and freed. A channel that was never named: does nothing.
   conc_signal_reset(sig...)       undo notify and ignore for these signals (none named: for all)
   conc_signal_ignore(sig...)      undo notify, and ignore these signals (none named: all) from now on
   conc_signal_ignored(sig)        is the signal ignored now, by whatever means?
   conc_ctx_notify(parent, sig...) -> a context below parent that the first of these signals cancels, with the cause 128 + its number
                          (an exit status, as a shell gives it). Later ones are caught and change nothing, until conc_ctx_free (or
                          conc_signal_reset) ends it: free it as soon as it is done, and the next Ctrl-C ends the program as it
                          would without it. NULL: no memory or thread, or CONC_INVALID's signals. (signal.NotifyContext)

   The first three give CONC_OK, or CONC_INVALID, and then nothing was changed: a number that is no signal, SIGKILL or SIGSTOP, a
   signal that the C library keeps for itself, or one by which the processor reports a fault (SIGSEGV, SIGBUS, SIGFPE, SIGILL,
   SIGTRAP, SIGSYS). notify may also give CONC_NO_THREADS.

   No signal's disposition is touched until asked. When nobody asks for a signal any more it gets back the disposition it had
   before: a handler of the program's own is not called meanwhile, and is in place again afterwards (a handler that the program
   installed later than conc.h's is left alone). A signal that is still pending in the kernel at that moment meets it too. Handlers are installed with SA_RESTART and SA_ONSTACK. A signal is noticed
   even if every thread of the program blocks it. Signals arrive in the order in which the kernel delivered them; of more than
   256 that have not been relayed yet, those of one kind count once. After fork the child has the program's own dispositions
   back and relays nothing; an ignored signal stays ignored. */
CONC_API conc_status conc__signal_notify(const volatile void *c, const int *sig, size_t n);
CONC_API void conc__signal_stop(const volatile void *c);
CONC_API conc_status conc__signal_reset(const int *sig, size_t n);
CONC_API conc_status conc__signal_ignore(const int *sig, size_t n);
CONC_API bool conc_signal_ignored(int sig);
CONC_API conc_ctx *conc__ctx_notify(conc_ctx *parent, const int *sig, size_t n);
#ifndef __cplusplus
#define CONC__INT_CHAN(c) (CONC__ASSERT(CONC__IS((CONC__ELEM(c) *)0, int *), "signals are sent to a channel of int"), CONC__TX(c))
#define CONC__SIG_HEAD(c, ...) c
#define CONC__SIG_TAIL(c, ...) __VA_ARGS__
#define CONC__SIG_LIST(...) ((const int[]){ __VA_ARGS__ })
#define CONC__SIG_COUNT(...) (sizeof(CONC__SIG_LIST(__VA_ARGS__)) / sizeof(int))
#define conc_signal_notify(...) \
    conc__signal_notify(CONC__INT_CHAN(CONC__SIG_HEAD(__VA_ARGS__, 0)), CONC__SIG_LIST(CONC__SIG_TAIL(__VA_ARGS__, 0)), \
                        CONC__SIG_COUNT(CONC__SIG_TAIL(__VA_ARGS__, 0)) - 1)
#define conc_signal_stop(c) conc__signal_stop(CONC__INT_CHAN(c))
#define conc_ctx_notify(...) \
    conc__ctx_notify(CONC__SIG_HEAD(__VA_ARGS__, 0), CONC__SIG_LIST(CONC__SIG_TAIL(__VA_ARGS__, 0)), \
                     CONC__SIG_COUNT(CONC__SIG_TAIL(__VA_ARGS__, 0)) - 1)
/* the list may be empty, which an initialiser may not: "+ 0" makes it a zero, and the length of its text tells the two apart */
#define CONC__SIG_ANY(op, ...) op(CONC__SIG_LIST(__VA_ARGS__ + 0), sizeof(#__VA_ARGS__) > 1 ? CONC__SIG_COUNT(__VA_ARGS__ + 0) : 0)
#define conc_signal_reset(...) CONC__SIG_ANY(conc__signal_reset, __VA_ARGS__)
#define conc_signal_ignore(...) CONC__SIG_ANY(conc__signal_ignore, __VA_ARGS__)
#endif

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

// >>testing
/* Tests of concurrent code: the body runs under a scheduler of its own, on one thread, which decides at every operation of
   conc.h who goes on. The same seed gives the same schedule on every machine, compiler and optimisation; time is virtual; a
   deadlock, a goroutine left behind, a panic, a failed assertion or a livelock is found, shown as an interleaving in columns,
   and has a token that repeats it. Define CONC_TEST where CONC_IMPLEMENTATION is defined, and in the files under test (for the
   places of operations in reports, and for conc_atomic_* as operations); without it, and under ThreadSanitizer, these calls return
   CONC_FAIL_UNAVAILABLE.

     static void body(void *arg) { ... go(worker, c); ... conc_assert(x == 2); }
     conc_report r = conc_test(body, NULL, .schedules = 50000);
     if (!r.ok) puts(r.text);                                  // and CONC_REPLAY=<token> runs that schedule alone

   Inside the body: everything of conc.h but signals, conc_lock_thread's thread and operations of other OS threads on the same
   objects. I/O goes to a network inside the test, see below; descriptors of the system are refused. Channels, timers and contexts
   that the body makes are gone when a schedule ends, so make what it uses inside it.
   Plain shared memory is seen where it is read by conc_rd(x) and written by conc_wr(x, value), and everywhere in files that are
   compiled with -fsanitize=thread and linked without it (docs/testing.md): two accesses that nothing orders are a data race.
   The body must be repeatable: no real clock, no random numbers but conc_choose, no state from one schedule to the next. */
typedef enum conc_strategy {
    CONC_MIX,        /* POS, random walk, PCT with 3 and with 2 changes, in turn: no single one is safe */
    CONC_RANDOM,     /* each step to any goroutine that can go */
    CONC_POS,        /* partial order sampling (Yuan, Yang, Gu: CAV 2018) */
    CONC_PCT,        /* random priorities with .depth - 1 changes (Burckhardt et al.: ASPLOS 2010) */
    CONC_URW,        /* uniform random walk, weighted by the goroutines' lengths (Zhao et al.: SURW, ASPLOS 2025) */
    CONC_BOUNDED,    /* all schedules with at most .preemptions preemptions, depth first */
    CONC_EXHAUSTIVE, /* all schedules that differ: source-set DPOR with sleep sets (Abdulla et al.: POPL 2014); 64 goroutines at most */
    CONC_FIFO        /* one schedule: each runs until it waits */
} conc_strategy;
enum { CONC_TIME_RACE, CONC_TIME_IDLE };
#define CONC_FAIL_LIST(X)                                      \
    X(CONC_FAIL_NONE, "passed")                                \
    X(CONC_FAIL_ASSERT, "assertion failed")                    \
    X(CONC_FAIL_PANIC, "panic")                                \
    X(CONC_FAIL_DEADLOCK, "deadlock")                          \
    X(CONC_FAIL_LEAK, "goroutines left behind")                \
    X(CONC_FAIL_RACE, "data race")                             \
    X(CONC_FAIL_LIVELOCK, "livelock, or too many steps")       \
    X(CONC_FAIL_CRASH, "crash")                                \
    X(CONC_FAIL_HANG, "the body hangs")                        \
    X(CONC_FAIL_NONDET, "the test is not deterministic")       \
    X(CONC_FAIL_INVALID, "not possible in a test")             \
    X(CONC_FAIL_UNAVAILABLE, "not available in this build")
typedef enum conc_fail_kind {
#define CONC__X(name, text) name,
    CONC_FAIL_LIST(CONC__X)
#undef CONC__X
    CONC__FAIL_COUNT
} conc_fail_kind;
/* The network of a test. Inside a body conc_listen_*, conc_dial_*, conc_net_pipe and what they lead to (conc_accept, conc_read and
   all the others, with their deadlines and contexts, conc_close, conc_local_port) are simulated: the code of a real server or client runs as
   it is. Each body has a network of its own, empty at first, which is gone at its end; descriptors left open are reported as leaks. Their
   numbers begin at 1 << 30 and are not used twice. Addresses are compared, not looked up: "host:80" reaches who listens at "host:80" or ":80", and
   the names of the loopback are one. Connections are streams, as TCP's: in order, nothing lost, unless one is reset. */
typedef struct conc_net_opts {
    int64_t latency;         /* ns of virtual time that bytes are under way; a dial takes twice that. 0: they are there at once */
    int64_t jitter;          /* up to so much more, chosen anew for each write */
    size_t buffer;           /* bytes that a connection takes in one direction before a write waits: 65,536 */
    bool short_reads;        /* a read may give less than there is */
    bool resets;             /* faults, see .faults: a connection is reset at a read or a write, or a dial is refused */
} conc_net_opts;
typedef struct conc_test_opts { /* zero is the default everywhere */
    const char *name;        /* in the report; the function's */
    uint64_t schedules;      /* 10,000 */
    double seconds;          /* real time, 1.0; CONC_BOUNDED and CONC_EXHAUSTIVE: no limit */
    conc_strategy strategy;
    int depth;               /* PCT: 3 */
    int preemptions;         /* BOUNDED: 2 */
    uint64_t seed;           /* 1, or the environment's CONC_SEED */
    int time;                /* CONC_TIME_RACE: a pending timer may fire at any step, as it may on a slow machine; CONC_TIME_IDLE:
                                only when nobody can go on, as in Go's synctest. EXHAUSTIVE is always IDLE */
    bool leaks_allowed;      /* goroutines may be left blocked at the end */
    bool races_allowed;      /* no data race is reported; plain accesses that are seen become steps instead */
    bool weak;               /* atomics by their memory orders: C11's without load buffering. A load may then give an older value */
    uint64_t max_steps;      /* of one schedule, 100,000 */
    uint64_t fair_after;     /* steps after which POS and PCT, which may starve a goroutine, become random: 10,000 */
    bool (*invariant)(void *arg); /* asked before each step from the body's first operation until it returns: false fails the test there.
                                It only looks: at plain memory, at atomics (which are no steps then), at chan_len and the like. EXHAUSTIVE
                                then also tells orders apart that only it can see: all steps count as depending on each other */
    bool quiet;              /* do not shrink and do not explain a failure */
    uint32_t faults;         /* at most so many in one schedule: conc_fault is true, or one of those that follow. 0: conc_fault is always
                                false, and of the others, where asked for, at most one happens */
    bool fail_alloc;         /* faults: a channel, timer, context or what a scope owns is not made (NULL, CONC_NO_MEMORY) */
    bool fail_spawn;         /* faults: go_with gives CONC_NO_MEMORY. (go itself ends the program when it fails) */
    conc_net_opts net;
    bool isolate;            /* run in a process of its own: if the body crashes, ends the process or hangs, that is CONC_FAIL_CRASH or
                                CONC_FAIL_HANG, with its schedule and token, and the caller goes on. What the body writes to memory is lost */
    int jobs;                /* processes that share the schedules, at most 64; more than one means isolate. The report is that of one
                                process, to the letter, unless .seconds ends the search. BOUNDED and EXHAUSTIVE use one */
    const char *timeline;    /* a file to write a failure's schedule to, as one HTML page: a column for each goroutine, arrows from send to
                                receive, unlock to lock, waker to woken. For all tests: CONC_TIMELINE=directory in the environment */
    double stuck;            /* isolated: real seconds without an operation after which the body is taken to hang, 10 */
    int conc__end;
} conc_test_opts;
typedef struct conc_report {
    bool ok;
    conc_fail_kind kind;
    bool exhausted;          /* all schedules (within .preemptions) were run: text says what that means */
    uint64_t schedules, steps;
    const char *token;       /* what to give conc_replay or CONC_REPLAY; "" if ok. Both texts live until the thread's next test */
    const char *text;        /* the whole report */
} conc_report;
CONC_API conc_report conc__test_run(const char *name, void (*fn)(void *), void *arg, const conc_test_opts *opts);
/* One schedule again, under the default options: where .time, .faults, .net or the like were set, set CONC_REPLAY and call conc_test as before. */
CONC_API conc_report conc_replay(void (*fn)(void *), void *arg, const char *token);
/* conc_test with options made elsewhere; the form for C++. */
#define conc_test_with(fn, arg, opts) conc__test_run(#fn, (fn), (arg), (opts))
/* One schedule with virtual time, which moves only when everybody waits: Go's testing/synctest. The clock begins at 2000-01-01. */
CONC_API conc_report conc_bubble(void (*fn)(void *), void *arg);
/* In a body: wait until every other goroutine is blocked (synctest.Wait); let d nanoseconds of virtual time pass, and settle. */
CONC_API void conc_settle(void);
CONC_API void conc_advance(int64_t d);
/* A number below n, n >= 1, that the explorer chooses; outside a test a random one. */
CONC_API int conc_choose(int n);
/* Faults that are put into the code under test: if (conc_fault("disk full")) return ENOSPC; false outside of tests, where files that do
   not define CONC_TEST have nothing but the constant. In a test with .faults it is true now and then: not in every schedule, and at most
   .faults times in one. What failed is in the report, repeats by its token, and is left out by shrinking as far as the failure stays; the
   searches try both answers. */
CONC_API bool conc__test_fault(const char *point);
#ifdef CONC_TEST
#define conc_fault(point) conc__test_fault(point)
#else
#define conc_fault(point) ((void)(point), false)
#endif
/* In a body only. Two connected descriptors, as of socketpair: 0, or -1 with errno. */
CONC_API int conc_net_pipe(int fd[2]);
/* Cut the network: to and from who listens, or has listened, at address, or (NULL) everywhere. Bytes that are written meanwhile, and the ends of
   connections, arrive when it is healed; dials wait, 127 seconds at most as Linux does. CONC_INVALID: nobody has listened there. */
CONC_API conc_status conc_net_partition(const char *address);
CONC_API conc_status conc_net_heal(const char *address); /* NULL: every cut */
/* Reset a connection, as a host does that has forgotten it: both sides fail with ECONNRESET. EBADF, ENOTCONN. */
CONC_API int conc_net_reset(int fd);

/* Leaks of ordinary runs, in any test framework:
     conc_leak_mark mark;
     conc_leak_begin(&mark);
     ... the test ...
     conc_report r = conc_test_leaks(&mark);                   // r.ok, or r.text says what is left, made or started where
   Where the implementation has CONC_TEST: goroutines, channels, timers and contexts that were started or made by the goroutine or thread that
   began the mark, and by what it started, and so on; so tests may run at once, each with a mark of its own, and
   marks may be nested (the inner one's are not the outer one's). Elsewhere: goroutines alone, all that the program has started since.
   What is on its way out is waited for, up to .wait; if nothing is left there is no wait at all. Both calls on the same goroutine or
   thread, not in a body of conc_test, which checks by itself. It ends the mark, which holds the text. (goleak) */
typedef struct conc_leak_mark {
    struct conc__family *conc__family, *conc__outer;
    uint64_t *conc__before;
    size_t conc__n;
    char conc__text[2000];
} conc_leak_mark;
typedef struct conc_leak_opts {
    int64_t wait;            /* 400 ms */
    const char *ignore;      /* words, separated by spaces: functions as written at the go statement, names of go_with, places ("main.c:12"), or
                                "channel", "timer", "context" */
    bool goroutines_only;
    int conc__end;
} conc_leak_opts;
CONC_API void conc_leak_begin(conc_leak_mark *mark);
CONC_API conc_report conc__test_leaks(conc_leak_mark *mark, const conc_leak_opts *opts);
#ifndef __cplusplus /* conc_test_leaks(&mark), conc_test_leaks(&mark, .wait = CONC_SEC, ...) */
#define conc_test_leaks(...) CONC__LEAKS_CALL(__VA_ARGS__, .conc__end = 0)
#define CONC__LEAKS_CALL(mark, ...) conc__test_leaks((mark), &(const conc_leak_opts){ __VA_ARGS__ })
#endif
/* In a loop that waits for an atomic to change: this goroutine need not run before one of those that it has read since its last call has
   been written. Outside a test: conc_yield. */
CONC_API void conc_relax(void);
/* The value of CONC_FAIL_...: a constant string. */
CONC_API const char *conc_fail_text(conc_fail_kind kind);
CONC_API void conc__test_assert(const char *cond, const char *file, int line);
#ifdef CONC_TEST
#ifdef CONC_STATIC
static __thread const conc__site *conc__here;
#else
extern __thread const conc__site *conc__here; /* of the operation that comes */
#endif
/* Before an atomic operation of n bytes at p with C11's order. load, cas: true, it is done: *value, *expected have an older value. */
CONC_API bool conc__test_load(const volatile void *p, size_t n, int order, void *value);
CONC_API void conc__test_store(const volatile void *p, size_t n, int order);
CONC_API void conc__test_rmw(const volatile void *p, size_t n, int order);
CONC_API bool conc__test_cas(const volatile void *p, size_t n, void *expected, int order, int failed);
CONC_API void conc__test_fence(int order);
CONC_API void conc__test_atomic(int op, const void *p); /* a step and nothing else: 0 load, 1 store, 2 read-modify-write */
CONC_API void conc__test_plain(const volatile void *p, size_t n, bool write);
CONC_API void conc__test_here(const conc__site *site);
CONC_API void *conc__test_memcpy(void *to, const void *from, size_t n);
CONC_API void *conc__test_memmove(void *to, const void *from, size_t n);
CONC_API void *conc__test_memset(void *to, int c, size_t n);
#endif
/* The value of an ordinary variable that goroutines share; x = v. The explorer sees them, and finds them racing. Elsewhere: just that. */
#define conc_rd(x) ((void)0, (x))
#define conc_wr(x, v) ((void)((x) = (v)))
/* Ends this schedule, and the test with it, if cond is false; on any goroutine. Outside a test: ends the program. */
/* The same with a message of one's own, for a framework's or a program's own assertions: #define EXPECT_EQ(a, b) ((a) == (b) ? (void)0 :
   conc_fail("%s:%d: " #a " is not " #b, __FILE__, __LINE__)). On any goroutine, as conc_assert. */
CONC_API void conc_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
#define conc_assert(cond) ((cond) ? (void)0 : conc__test_assert(#cond, __FILE__, __LINE__))
#ifndef __cplusplus /* conc_test(fn, arg), conc_test(fn, arg, .schedules = 1000, ...) */
#define conc_test(...) CONC__TEST_CALL(__VA_ARGS__, .conc__end = 0)
#define CONC__TEST_CALL(fn, arg, ...) conc__test_run(#fn, (fn), (arg), &(const conc_test_opts){ __VA_ARGS__ })
#endif


/* Linearizability: is what concurrent operations on an object gave explained by some order of them, one at a time? Operations are
   noted in a history, at most 64, by goroutines or threads, in a body or out of it; a model says what each does by itself.
     conc_history h;                                           // one for each object; no pointers in it
     conc_history_init(&h);
     int op = conc_op_begin(&h, CONC_OP_PUT, 0, 7);            // in each goroutine: just before the operation: what, key, argument
     my_queue_put(q, 7);
     conc_op_end(&h, op, 0);                                   // just after it: its result
     got = conc_record(&h, CONC_OP_TAKE, 0, 0, my_queue_take(q));   // the three at once, for an expression that gives an int64_t
     conc_assert_linearizable(&h, conc_model_queue());         // when all have ended
   conc_linearizable gives a report instead: r.text has the history in columns, the longest explanation, and what could not come next. An
   operation that has begun and not ended may have had its effect, or not. In a body beginning and end are steps, so every order of them
   is explored. Herlihy and Wing, TOPLAS 1990; Lowe, CCPE 2017. */
#define CONC_HISTORY_MAX 64
#define CONC_NONE INT64_MIN /* a result: there was nothing */
enum { CONC_OP_PUT, CONC_OP_TAKE, CONC_OP_GET, CONC_OP_CAS, CONC_OP_ADD, CONC_OP_SWAP, CONC_OP_TRY };
typedef struct conc_op {
    int code;
    bool pending;            /* has not ended: there is no result */
    int64_t key, arg, result;
    uint64_t who, begun, ended;
} conc_op;
typedef struct conc_history {
    uint32_t conc__n;
    uint64_t conc__clock;
    conc_op conc__op[CONC_HISTORY_MAX];
} conc_history;
typedef struct conc_model {
    const char *name;
    size_t size;             /* of a state, which is compared by its bytes: keep padding and unused places zero */
    bool (*step)(void *state, const conc_op *op); /* let op happen; false: it cannot have had its result in this state */
    void (*init)(void *state); /* NULL: it begins as zero */
    void (*show)(const conc_op *op, char *text, size_t size); /* "push(3)"; NULL: by the names of the codes */
} conc_model;
/* queue, stack: PUT arg; TAKE -> what was taken, or CONC_NONE. register (0 at first): PUT arg, GET, SWAP arg -> the old value, CAS from key to
   arg -> 1 or 0. counter (0 at first): ADD arg -> the new value, GET. map: PUT key arg; GET, TAKE (and delete) key -> the value or
   CONC_NONE; SWAP key arg -> the old one or CONC_NONE; TRY key arg (put if there is none) -> the one there, or CONC_NONE. */
CONC_API const conc_model *conc_model_queue(void);
CONC_API const conc_model *conc_model_stack(void);
CONC_API const conc_model *conc_model_register(void);
CONC_API const conc_model *conc_model_counter(void);
CONC_API const conc_model *conc_model_map(void);
CONC_API void conc_history_init(conc_history *h);
CONC_API int conc_op_begin(conc_history *h, int code, int64_t key, int64_t arg); /* -> for conc_op_end, which returns the result */
CONC_API int64_t conc_op_end(conc_history *h, int op, int64_t result);
#define conc_record(h, code, key, arg, expr) __extension__({ \
    conc_history *conc__h = (h); \
    int conc__o = conc_op_begin(conc__h, (code), (key), (arg)); \
    int64_t conc__r = (expr); \
    conc_op_end(conc__h, conc__o, conc__r); })
/* kind CONC_FAIL_ASSERT: it is not; CONC_FAIL_INVALID: given up, there are too many operations at once. The text lives until 16 more
   histories have been checked. No operation may end meanwhile. */
CONC_API conc_report conc_linearizable(const conc_history *h, const conc_model *model);
/* Ends the schedule if not; outside a test the program, the history on stderr. */
CONC_API void conc__assert_linearizable(const conc_history *h, const conc_model *model, const char *file, int line);
#define conc_assert_linearizable(h, model) conc__assert_linearizable((h), (model), __FILE__, __LINE__)

/* Tests without a framework. In any file, outside functions:

     CONC_TEST_CASE(transfers_keep_the_sum) { ... conc_assert(...); ... }      explored, as by conc_test
     CONC_TEST_CASE(a_rare_one, .schedules = 100000) { ... }                   with its options; C, and C++ from C++20 on
     CONC_TEST_PLAIN(the_file_is_read) { ... conc_assert(...); ... }           run once, on an OS thread, in real time, with I/O

   and before conc.h in the file with CONC_IMPLEMENTATION: #define CONC_TEST_MAIN. Its main runs them in their order, each in a process
   of its own; --help tells of filters, lists, seeds, replay, TAP and JUnit. A plain test fails if an assertion fails on any
   goroutine, if it panics, crashes, has not ended when its time is up, or leaves goroutines behind. Exit status 0: all passed; 1: some
   failed; 2: wrong usage, or no test of that name. */
struct conc__case {
    const char *name, *file;
    int line;
    void (*fn)(void *);
    bool plain;
    const conc_test_opts *opts;
    struct conc__case *next;
    int result; /* 0: not run; then enum conc__verdict */
    double seconds;
    char *text;
};
CONC_API void conc__case_add(struct conc__case *c);
#define CONC__CASE(name, plain, ...) \
    static void conc__case_body_##name(void); \
    static void conc__case_fn_##name(void *conc__arg) { \
        (void)conc__arg; \
        conc__case_body_##name(); \
    } \
    static const conc_test_opts conc__case_opts_##name = { __VA_ARGS__ }; \
    static struct conc__case conc__case_##name = { #name, __FILE__, __LINE__, conc__case_fn_##name, plain, &conc__case_opts_##name, CONC__NULL, \
                                                   0, 0, CONC__NULL }; \
    __attribute__((constructor)) static void conc__case_enter_##name(void) { conc__case_add(&conc__case_##name); } \
    static void conc__case_body_##name(void)
#ifndef __cplusplus
#define CONC_TEST_CASE(...) CONC__CASE_OF(__VA_ARGS__, .conc__end = 0)
#define CONC_TEST_PLAIN(name) CONC__CASE(name, true, .conc__end = 0)
#else
#define CONC_TEST_CASE(...) CONC__CASE_OF(__VA_ARGS__, )
#define CONC_TEST_PLAIN(name) CONC__CASE(name, true, )
#endif
#define CONC__CASE_OF(name, ...) CONC__CASE(name, false, __VA_ARGS__)

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
#define conc_ctx_done(ctx) ((conc_recv_chan(char))conc__ctx_done(ctx))
/* the last designator, so that there is one */
#define conc_scope_begin(...) CONC__SCOPE(CONC__UID(conc__scope), __VA_ARGS__, .conc__none = 0)
#define CONC__SCOPE(id, s, ...) \
    __attribute__((cleanup(conc__scope_end))) conc_scope id; \
    __attribute__((unused)) conc_scope *const s = conc__scope_begin(&id, &(const conc_scope_opts){ __VA_ARGS__ })
#define CONC__SCOPE_RUN(T) \
    (CONC__ASSERT(__builtin_types_compatible_p(T, void) || __builtin_types_compatible_p(T, int) || __builtin_types_compatible_p(T, conc_status), \
        "conc_scope_go: a task returns void, int or conc_status"), \
    __builtin_types_compatible_p(T, void) ? conc__scope_task_void : conc__scope_task)
#define conc_scope_go(s, ...) __extension__({ \
    conc_scope *conc__sc = (s); \
    conc__scope_slot(conc__sc); \
    (void)CONC__GO((&conc__sc->conc__wg, CONC__SCOPE_RUN), CONC__NULL, __VA_ARGS__); })
#define conc_scope_try_go(s, ...) __extension__({ \
    conc_scope *conc__sc = (s); \
    bool conc__free = conc__scope_try_slot(conc__sc); \
    if (conc__free) (void)CONC__GO((&conc__sc->conc__wg, CONC__SCOPE_RUN), CONC__NULL, __VA_ARGS__); \
    conc__free; })
#define conc_scope_chan(s, ...) __extension__({ \
    __auto_type conc__c = conc_chan_make(__VA_ARGS__); \
    (__typeof__(conc__c))(uintptr_t)conc__scope_own((s), conc__c); })
#define conc_scope_defer(s, f, a) \
    conc__scope_defer((s), (CONC__ASSERT(sizeof(char[sizeof((f)(a), 1)]), ""), (void (*)(void *))(uintptr_t)(f)), (void *)(uintptr_t)(a))
#define CONC__SENDX_(c, v, val, ctx) __extension__({ CONC__ELEM(c) v = (val); conc__chan_send_ctx(CONC__TX(c), &v, (ctx)); })
#define conc_chan_send_ctx(c, v, ctx) CONC__SENDX_(c, CONC__UID(conc__v), v, ctx)
#define conc_chan_recv_ctx(c, p, ctx) conc__chan_recv_ctx(CONC__RX(c), CONC__DST(c, p), (ctx))
#endif
#ifdef CONC_MAIN
int conc_main(int argc, char **argv);
#endif
#ifdef __cplusplus
} /* extern "C" */

#ifdef CONC_STATIC
namespace { /* so that the instances of two private copies are not merged */
#endif
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
inline conc_recv_chan(char) conc_ctx_done(conc_ctx *ctx) { return (conc_recv_chan(char))conc__ctx_done(ctx); }
template <class T> inline conc_status conc_chan_send_ctx(conc_send_chan_of<T> c, const typename conc__id<T>::type &v, conc_ctx *ctx) {
    return conc__chan_send_ctx(CONC__TX(c), &v, ctx);
}
template <class T> inline conc_status conc_chan_recv_ctx(conc_recv_chan_of<T> c, typename conc__id<T>::type *p, conc_ctx *ctx) {
    return conc__chan_recv_ctx(CONC__RX(c), p, ctx);
}
inline conc_recv_chan(int64_t) conc_after(int64_t ns) { return (conc_recv_chan(int64_t))conc__after(ns); }

template <class K, class V> using conc_map_of = V (**)(struct conc_map *, K);
#define conc_map(K, ...) conc_map_of<K, __VA_ARGS__>
template <class K, class V> inline conc_map_of<K, V> conc__map_make_t() {
    static_assert(std::is_trivially_copyable<K>::value && std::is_trivially_copyable<V>::value, "a map's keys and values must be trivially copyable");
    static_assert(!std::is_floating_point<K>::value, "a map's keys may not be floating-point numbers");
    return (conc_map_of<K, V>)(void *)conc__map_make(sizeof(K), sizeof(V), std::is_same<K, const char *>::value);
}
#define conc_map_make(K, ...) conc__map_make_t<K, __VA_ARGS__>()
#define CONC__MAP_T template <class K, class V> inline
#define CONC__MAP_P const typename conc__id<K>::type &k
#define CONC__MAP_W const typename conc__id<V>::type &v
#define CONC__MAP_O typename conc__id<V>::type *p
CONC__MAP_T void conc_map_free(conc_map_of<K, V> m) { conc__map_free((const volatile void *)m); }
CONC__MAP_T void conc_map_store(conc_map_of<K, V> m, CONC__MAP_P, CONC__MAP_W) { conc__map_store((const volatile void *)m, &k, &v); }
CONC__MAP_T bool conc_map_load(conc_map_of<K, V> m, CONC__MAP_P, CONC__MAP_O) { return conc__map_load((const volatile void *)m, &k, p); }
CONC__MAP_T bool conc_map_load_or_store(conc_map_of<K, V> m, CONC__MAP_P, CONC__MAP_W, CONC__MAP_O) {
    return conc__map_load_or_store((const volatile void *)m, &k, &v, p);
}
CONC__MAP_T bool conc_map_swap(conc_map_of<K, V> m, CONC__MAP_P, CONC__MAP_W, CONC__MAP_O) { return conc__map_swap((const volatile void *)m, &k, &v, p); }
CONC__MAP_T bool conc_map_load_and_delete(conc_map_of<K, V> m, CONC__MAP_P, CONC__MAP_O) {
    return conc__map_take((const volatile void *)m, &k, nullptr, p);
}
CONC__MAP_T bool conc_map_delete(conc_map_of<K, V> m, CONC__MAP_P) { return conc__map_take((const volatile void *)m, &k, nullptr, nullptr); }
CONC__MAP_T bool conc_map_compare_and_swap(conc_map_of<K, V> m, CONC__MAP_P, const typename conc__id<V>::type &old, CONC__MAP_W) {
    return conc__map_compare_and_swap((const volatile void *)m, &k, &old, &v);
}
CONC__MAP_T bool conc_map_compare_and_delete(conc_map_of<K, V> m, CONC__MAP_P, CONC__MAP_W) {
    return conc__map_take((const volatile void *)m, &k, &v, nullptr);
}
CONC__MAP_T void conc_map_clear(conc_map_of<K, V> m) { conc__map_clear((const volatile void *)m); }
CONC__MAP_T size_t conc_map_len(conc_map_of<K, V> m) { return conc__map_len((const volatile void *)m); }
CONC__MAP_T struct conc_map *conc__map_range(conc_map_of<K, V> m) { return (struct conc_map *)(void *)m; }
#define CONC__MAP_RANGE(m, K, V) conc__map_range<K, V>(m)

template <class... S> inline conc_status conc_signal_notify(conc_send_chan_of<int> c, S... sig) {
    const int list[] = { static_cast<int>(sig)..., 0 };
    return conc__signal_notify(CONC__TX(c), list, sizeof...(sig));
}
inline void conc_signal_stop(conc_send_chan_of<int> c) { conc__signal_stop(CONC__TX(c)); }
template <class... S> inline conc_ctx *conc_ctx_notify(conc_ctx *parent, S... sig) {
    const int list[] = { static_cast<int>(sig)..., 0 };
    return conc__ctx_notify(parent, list, sizeof...(sig));
}
template <class... S> inline conc_status conc_signal_reset(S... sig) {
    const int list[] = { static_cast<int>(sig)..., 0 };
    return conc__signal_reset(list, sizeof...(sig));
}
template <class... S> inline conc_status conc_signal_ignore(S... sig) {
    const int list[] = { static_cast<int>(sig)..., 0 };
    return conc__signal_ignore(list, sizeof...(sig));
}

inline conc_report conc_test_leaks(conc_leak_mark *mark, const conc_leak_opts &opts = conc_leak_opts()) { return conc__test_leaks(mark, &opts); }

template <class T> struct conc__sending { /* made before the value is evaluated */
    conc__sel *s;
    conc_send_chan_of<T> c;
    bool operator()(const typename conc__id<T>::type &v) { return conc__sel_add(s, CONC__SEND, CONC__TX(c), &v, nullptr, sizeof v, 0); }
};
template <class T> inline conc__sending<T> conc__on_send(conc__sel *s, conc_send_chan_of<T> c) { return conc__sending<T>{ s, c }; }
#define conc_on_send(c, ...) if (!(conc__s.chosen >= 0 ? conc__sel_hit(&conc__s) : conc__on_send(&conc__s, (c))(__VA_ARGS__))) {} else
template <class T> inline bool conc__on_into(conc__sel *s, T *p, conc_recv_chan_of<T> c) {
    return conc__sel_add(s, CONC__RECV, CONC__RX(c), nullptr, p, sizeof *p, 0);
}
#define conc_on_recv_into(p, c) if (!(conc__s.chosen >= 0 ? conc__sel_hit(&conc__s) : conc__on_into(&conc__s, (p), (c)))) {} else
template <class T> inline conc_case conc_case_recv(conc_recv_chan_of<T> c, typename conc__id<T>::type *p) {
    return conc_case{ CONC__RX(c), p, 0, (uint32_t)sizeof(T), CONC__RECV, true };
}
/* the value is borrowed: it must live until the select (a temporary lives until the end of the full expression) */
template <class T> inline conc_case conc_case_send(conc_send_chan_of<T> c, const typename conc__id<T>::type &v) {
    return conc_case{ CONC__TX(c), const_cast<void *>(static_cast<const void *>(&v)), 0, (uint32_t)sizeof(T), CONC__SEND, true };
}
inline conc_case conc_case_timeout(int64_t ns) { return conc_case{ nullptr, nullptr, ns, 0, CONC__TIME, true }; }
inline conc_case conc_case_done(conc_ctx *ctx) { return conc_case{ ctx, nullptr, 0, 0, CONC__DONE, true }; }
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
template <class F> inline bool conc__is_nil(const F &) { return false; }
template <class R, class... A> inline bool conc__is_nil(R (*f)(A...)) { return !f; }
template <class F, class... A>
inline auto conc__go_cxx(const conc__site *site, conc_wg *wg, const conc_go_opts *opts, F &&f, A &&...a)
    -> decltype((void)f(std::forward<A>(a)...), conc_status()) {
    typedef conc__job<typename std::decay<F>::type, typename std::decay<A>::type...> J;
    conc__godesc d = { nullptr, site, wg, opts, 0, CONC_OK, nullptr, nullptr };
    void *room = conc__go_begin(&d, conc__is_nil(f) ? nullptr : &J::run, sizeof(J));
    if (room) {
        new (room) J{ std::forward<F>(f), std::tuple<typename std::decay<A>::type...>(std::forward<A>(a)...) };
        conc__go_commit(&d);
    }
    return d.status;
}
#define CONC__NAME_(f, ...) #f
#define CONC__NAME(...) CONC__NAME_(__VA_ARGS__, ~)
#define CONC__SITE_OF(f) \
    ([](const char *conc__f) -> const conc__site * { static const conc__site s = { f[0] == '[' ? "lambda" : f, conc__f, __FILE__, __LINE__ }; return &s; }(__func__))
#define conc_go(...) ((void)conc__go_cxx(CONC__SITE_OF(CONC__NAME(__VA_ARGS__)), nullptr, nullptr, __VA_ARGS__))
#define conc_go_with(options, ...) \
    ([&](const conc_go_opts &conc__o) { return conc__go_cxx(CONC__SITE_OF(CONC__NAME(__VA_ARGS__)), nullptr, &conc__o, __VA_ARGS__); }(options))
#define conc_wg_go(wg, ...) ((void)conc__go_cxx(CONC__SITE_OF(CONC__NAME(__VA_ARGS__)), (wg), nullptr, __VA_ARGS__))
#define conc_run(...) do { \
    conc_wg conc__w = CONC_WG_INIT; \
    (void)conc__go_cxx(CONC__SITE_OF(CONC__NAME(__VA_ARGS__)), &conc__w, nullptr, __VA_ARGS__); \
    conc_wg_wait(&conc__w); } while (0)
inline conc_go_opts conc_opts(size_t stack, const char *name = nullptr) { return conc_go_opts{ stack, name }; }
#define go_func(...) static void CONC__PARAMS(__VA_ARGS__)
template <class F, class A> struct conc__guard {
    F f;
    A a;
    bool on;
    conc__guard(F g, A x) : f(g), a(x), on(true) {}
    conc__guard(conc__guard &&o) : f(o.f), a(o.a), on(o.on) { o.on = false; }
    ~conc__guard() { if (on) (void)f(a); }
};
template <class F, class A> inline auto conc__mkguard(F f, A a) -> decltype((void)f(a), conc__guard<F, A>(f, a)) { return conc__guard<F, A>(f, a); }
#define conc_defer(f, ...) auto CONC__UID(conc__d) = conc__mkguard((f), (__VA_ARGS__))

struct conc__scope_guard {
    conc_scope s;
    explicit conc__scope_guard(const conc_scope_opts &o) { (void)conc__scope_begin(&s, &o); }
    conc__scope_guard(const conc__scope_guard &) = delete;
    ~conc__scope_guard() { conc__scope_end(&s); }
};
inline conc_scope_opts conc__scope_opts_of(conc_ctx *parent = nullptr, int limit = 0, int64_t timeout = 0, int64_t deadline = 0, bool join = false) {
    return conc_scope_opts{ parent, limit, timeout, deadline, join, 0 };
}
inline conc_scope_opts conc__scope_opts_of(const conc_scope_opts &o) { return o; }
#define conc_scope_begin(...) CONC__CAT(CONC__SCOPE_, CONC__NARGS(__VA_ARGS__))(CONC__UID(conc__scope), __VA_ARGS__)
#define CONC__SCOPE(id, name, opts) \
    conc__scope_guard id(opts); \
    __attribute__((unused)) conc_scope *const name = &id.s
#define CONC__SCOPE_0(id, name) CONC__SCOPE(id, name, conc__scope_opts_of())
#define CONC__SCOPE_1(id, name, ...) CONC__SCOPE(id, name, conc__scope_opts_of(__VA_ARGS__))
#define CONC__SCOPE_2 CONC__SCOPE_1
#define CONC__SCOPE_3 CONC__SCOPE_1
#define CONC__SCOPE_4 CONC__SCOPE_1
#define CONC__SCOPE_5 CONC__SCOPE_1
template <class R> struct conc__result {
    static_assert(std::is_same<R, int>::value || std::is_same<R, conc_status>::value, "conc_scope_go: a task returns void, int or conc_status");
    template <class F, class... A> static void of(conc__task *t, F &f, A &&...a) { conc__task_end(t, (int)f(std::forward<A>(a)...), true); }
};
template <> struct conc__result<void> {
    template <class F, class... A> static void of(conc__task *t, F &f, A &&...a) {
        f(std::forward<A>(a)...);
        conc__task_end(t, 0, false);
    }
};
template <class F> struct conc__tasked { /* a task as a function for conc__go_cxx */
    F f;
    conc_scope *s;
    template <class... A> auto operator()(A &&...a) -> decltype((void)f(std::forward<A>(a)...)) {
        conc__task t;
        conc__task_begin(&t, s);
        conc__result<decltype(f(std::forward<A>(a)...))>::of(&t, f, std::forward<A>(a)...);
    }
};
template <class F> inline bool conc__is_nil(const conc__tasked<F> &t) { return conc__is_nil(t.f); }
template <class F, class... A>
inline auto conc__scope_start(const conc__site *site, conc_scope *s, F &&f, A &&...a) -> decltype((void)f(std::forward<A>(a)...)) {
    conc__tasked<typename std::decay<F>::type> t = { std::forward<F>(f), s };
    (void)conc__go_cxx(site, &s->conc__wg, nullptr, std::move(t), std::forward<A>(a)...);
}
template <class F, class... A>
inline auto conc__scope_go(const conc__site *site, conc_scope *s, F &&f, A &&...a) -> decltype((void)f(std::forward<A>(a)...)) {
    conc__scope_slot(s);
    conc__scope_start(site, s, std::forward<F>(f), std::forward<A>(a)...);
}
#define conc_scope_go(s, ...) conc__scope_go(CONC__SITE_OF(CONC__NAME(__VA_ARGS__)), (s), __VA_ARGS__)
#define conc_scope_try_go(scope, ...) \
    ([&](conc_scope *conc__s) { \
        bool conc__free = conc__scope_try_slot(conc__s); \
        if (conc__free) conc__scope_start(CONC__SITE_OF(CONC__NAME(__VA_ARGS__)), conc__s, __VA_ARGS__); \
        return conc__free; \
    }(scope))
template <class C> inline C conc__scope_own_t(conc_scope *s, C c) { return (C)const_cast<void *>(conc__scope_own(s, (const volatile void *)c)); }
#define conc_scope_chan(s, ...) conc__scope_own_t((s), conc_chan_make(__VA_ARGS__))
template <class F, class A> struct conc__late {
    F f;
    A a;
    static void run(void *p) {
        conc__late *l = static_cast<conc__late *>(p);
        (void)l->f(l->a);
        l->~conc__late();
    }
};
template <class F, class A> inline auto conc_scope_defer(conc_scope *s, F f, A a) -> decltype((void)f(a), conc_status()) {
    void *room = conc__scope_room(s, sizeof(conc__late<F, A>), &conc__late<F, A>::run);
    return room ? (new (room) conc__late<F, A>{ f, a }, CONC_OK) : CONC_NO_MEMORY;
}
#ifdef CONC_STATIC
} /* namespace */
#endif
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
#define on_done(ctx) conc_on_done(ctx)
#define case_recv(...) conc_case_recv(__VA_ARGS__)
#define case_send(...) conc_case_send(__VA_ARGS__)
#define case_timeout(...) conc_case_timeout(__VA_ARGS__)
#define case_default() conc_case_default()
#define case_done(...) conc_case_done(__VA_ARGS__)
#define chan_send_ctx(...) conc_chan_send_ctx(__VA_ARGS__)
#define chan_recv_ctx(...) conc_chan_recv_ctx(__VA_ARGS__)
#endif
#endif /* CONC_H */

/* ======================================================================================================================
   implementation
   ====================================================================================================================== */
#ifdef CONC_IMPLEMENTATION
#ifndef CONC__IMPLEMENTED
#define CONC__IMPLEMENTED

// >>platform
/* Compiler, CPU, OS and tool facts as 0/1 macros. Nothing above the coro section asks for a CPU or a tool by name. */
#if defined(__linux__) && !defined(CONC_PORTABLE)
#define CONC__LINUX 1
#else
#define CONC__LINUX 0 /* POSIX threads, poll and mprotect do all of it */
#endif
#if !CONC__LINUX && !defined(CONC_PORTABLE)
#error "conc.h: developed on Linux. Define CONC_PORTABLE to use nothing but POSIX; that was run on Linux only"
#endif
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <link.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#if CONC__LINUX
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif
#ifndef MAP_ANONYMOUS
#error "conc.h: in the file that defines CONC_IMPLEMENTATION include conc.h before any system header, or compile it with -D_GNU_SOURCE"
#endif
#ifndef CONC_ASSERT
#include <assert.h>
#define CONC_ASSERT(x) assert(x)
#endif
#ifdef CONC_NO_ERRNO
extern int *conc_errno_location(void) __asm__("__errno_location"); /* the user's errno is the C library's, but it travels all the same */
#endif
#ifndef CONC_DEBUG
#define CONC_DEBUG 0
#endif
#define conc__assert(x) do { if (CONC_DEBUG >= 1) CONC_ASSERT(x); } while (0)           /* internal consistency */
#define conc__assert_slow(x) do { if (CONC_DEBUG >= 2) CONC_ASSERT(x); } while (0)      /* walks whole structures */
#ifndef CONC_MALLOC
#define CONC_MALLOC(n) malloc(n)
#define CONC_REALLOC(p, n) realloc(p, n)
#define CONC_FREE(p) free(p)
#endif

#ifndef CONC__SYS
#define CONC__SYS(call) call /* the system's I/O calls go through this: the tests put failures in their place */
#endif

#if defined(__x86_64__) && !defined(__ILP32__)
#define CONC__X64 1
#else
#define CONC__X64 0
#endif
#if defined(__aarch64__)
#define CONC__A64 1
#else
#define CONC__A64 0
#endif
#if !CONC__X64 && !CONC__A64
#error "conc.h: this version switches stacks on x86-64 and AArch64 only"
#endif
#if defined(__SANITIZE_ADDRESS__)
#define CONC__ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CONC__ASAN 1
#endif
#endif
#ifndef CONC__ASAN
#define CONC__ASAN 0
#endif

#if defined(__has_include) && !defined(CONC_NO_VALGRIND)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef VALGRIND_STACK_REGISTER
#define VALGRIND_STACK_REGISTER(lo, hi) 0u
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#define RUNNING_ON_VALGRIND 0u
#endif

#if defined(CONC_TEST) && !CONC__TSAN
#define CONC__TEST 1
#else
#define CONC__TEST 0
#endif

#define conc__likely(x) __builtin_expect(!!(x), 1)
#define conc__unlikely(x) __builtin_expect(!!(x), 0)
#define CONC__FN __attribute__((unused)) static
#define CONC__INLINE __attribute__((unused, always_inline)) static inline
#define CONC__NOINLINE __attribute__((unused, noinline)) static
#define CONC__LINE 64 /* bytes of a cache line */
#ifdef CONC_STATIC
#define CONC__ASM_GLOBAL(name) ""
#define CONC__FROM_ASM __attribute__((used, noinline)) static
#else
#define CONC__ASM_GLOBAL(name) ".globl " #name "\n.hidden " #name "\n"
#define CONC__FROM_ASM __attribute__((used, noinline, visibility("hidden")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Atomic accesses by their order. Every use of acquire or release names its partner in a comment or in the section's essay. */
#define conc__ld(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define conc__ld_acq(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define conc__st(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define conc__st_rel(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define conc__add(p, v) __atomic_add_fetch(p, v, __ATOMIC_SEQ_CST)
#define conc__cas(p, old, v) __atomic_compare_exchange_n(p, old, v, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)

// >>os
/* What the rest asks of the operating system: one function each. With CONC_PORTABLE they ask for POSIX threads, poll and mprotect only: for
   systems other than Linux, and forced on Linux by the tests. What is dearer then: a wake-up (a condition variable), descriptors (poll
   looks at all that somebody waits for, and goes by milliseconds), the light fence (a full one), many stacks (guards stop at a budget). */

extern int *conc__os_errno(void) __asm__("__errno_location"); /* the thread's errno; without the promise that it stays one place */

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif
#define CONC__MAP_FRESH (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
/* Address space, readable and writable, zero, not yet backed; NULL if refused. Huge pages are declined: one touched stack
   page would otherwise cost 2 MiB. */
CONC__FN void *conc__os_reserve(size_t size) {
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, CONC__MAP_FRESH, -1, 0);
    if (p == MAP_FAILED) return NULL;
#ifdef MADV_NOHUGEPAGE
    (void)madvise(p, size, MADV_NOHUGEPAGE);
#endif
    return p;
}
CONC__FN void conc__os_release(void *p, size_t size) { (void)munmap(p, size); }
/* Drop the pages' contents; they read as zero when next touched. */
CONC__FN void conc__os_discard(void *p, size_t size) {
#if CONC__LINUX
    (void)madvise(p, size, MADV_DONTNEED);
#else
    (void)mmap(p, size, PROT_READ | PROT_WRITE, CONC__MAP_FRESH | MAP_FIXED, -1, 0); /* elsewhere MADV_DONTNEED may keep the contents */
#endif
}

/* Make [p, p + size) fault on access. Linux 6.13's MADV_GUARD_INSTALL leaves the mapping whole, so a million guards need no
   more than one map entry; before it, mprotect splits the mapping in two each time, so guards stop at a budget (the limit
   vm.max_map_count is 65,530 by default) and later stacks go without. */
#define CONC__MADV_GUARD_INSTALL 102
#define CONC__GUARD_BATCH 8
static int conc__guard_mode = !CONC__LINUX, conc__guards; /* mode 1: mprotect */
CONC__FN void conc__os_guard(void *p, size_t size) {
    if (conc__ld(&conc__guard_mode) == 0) {
        if (madvise(p, size, CONC__MADV_GUARD_INSTALL) == 0) return;
        conc__st(&conc__guard_mode, 1);
    }
    if (conc__add(&conc__guards, 1) <= 24000) (void)mprotect(p, size, PROT_NONE);
}
/* The same for n regions: where the kernel takes a list (process_madvise on oneself, 6.14), a third of the cost of a guard is saved. */
CONC__FN void conc__os_guard_all(char *const *p, int n, size_t size) {
#if CONC__LINUX
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#define CONC__PIDFD_SELF (-10000)
    static int refused;
    struct iovec v[CONC__GUARD_BATCH];
    if (n > 1 && !conc__ld(&refused) && conc__ld(&conc__guard_mode) == 0 && !RUNNING_ON_VALGRIND) {
        for (int i = 0; i < n; i++) v[i].iov_base = p[i], v[i].iov_len = size;
        long done = syscall(SYS_process_madvise, CONC__PIDFD_SELF, v, (size_t)n, CONC__MADV_GUARD_INSTALL, 0);
        if (done == (long)((size_t)n * size)) return;
        conc__st(&refused, 1);
    }
#endif
    for (int i = 0; i < n; i++) conc__os_guard(p[i], size); /* a guard that is there already does no harm */
}

CONC__FN long conc__os_page(void) { return 4096 > sysconf(_SC_PAGESIZE) ? 4096 : sysconf(_SC_PAGESIZE); }

/* Wait while *word == value; ns < 0 waits for ever. May return early. conc__os_wake ends the wait of (at least) one thread; the word's
   memory may be gone by then, its address is all that is used. */
#if CONC__LINUX
#define CONC__FUTEX_WAIT_PRIVATE 128
#define CONC__FUTEX_WAKE_PRIVATE 129
CONC__FN long conc__futex_wait(uint32_t *word, uint32_t value, int64_t ns) {
    struct timespec t;
    t.tv_sec = (time_t)(ns / CONC_SEC);
    t.tv_nsec = (long)(ns % CONC_SEC);
    return syscall(SYS_futex, word, CONC__FUTEX_WAIT_PRIVATE, value, ns < 0 ? NULL : &t, NULL, 0);
}
CONC__FN void conc__os_wait(uint32_t *word, uint32_t value, int64_t ns) {
#if CONC__TSAN /* it holds signal handlers back until the thread makes a call that it knows: a long wait is cut up */
    for (const int64_t slice = 20 * CONC_MS; ns < 0 || ns > slice; ns -= ns < 0 ? 0 : slice) {
        if (conc__futex_wait(word, value, slice) == 0 || conc__ld(word) != value) return;
        (void)usleep(0);
    }
#endif
    (void)conc__futex_wait(word, value, ns);
}
CONC__FN void conc__os_wake(uint32_t *word) { (void)syscall(SYS_futex, word, CONC__FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0); }
CONC__FN void conc__os_forked(void) {}
#else
/* A table of waiting rooms by the word's address. The word was changed before conc__os_wake: who has locked the room later has seen the
   change, who has locked it before waits in the condition and is woken. Others in the room look again. */
struct conc__room { pthread_mutex_t lock; pthread_cond_t changed; };
#define CONC__ROOM { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER }
#define CONC__ROOMS_4 CONC__ROOM, CONC__ROOM, CONC__ROOM, CONC__ROOM
#define CONC__ROOMS_16 CONC__ROOMS_4, CONC__ROOMS_4, CONC__ROOMS_4, CONC__ROOMS_4
static struct conc__room conc__rooms[64] = { CONC__ROOMS_16, CONC__ROOMS_16, CONC__ROOMS_16, CONC__ROOMS_16 };
CONC__FN struct conc__room *conc__room_of(const uint32_t *word) {
    return &conc__rooms[((uint64_t)(uintptr_t)word * UINT64_C(0x9e3779b97f4a7c15)) >> 58];
}
CONC__FN void conc__os_wait(uint32_t *word, uint32_t value, int64_t ns) {
    struct conc__room *r = conc__room_of(word);
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t); /* the only clock of a static condition; if it is set the wait is early, or late by as much */
    if (ns >= 0) t.tv_sec += (time_t)(ns / CONC_SEC), t.tv_nsec += (long)(ns % CONC_SEC);
    if (t.tv_nsec >= CONC_SEC) t.tv_sec++, t.tv_nsec -= CONC_SEC;
    (void)pthread_mutex_lock(&r->lock);
    if (conc__ld(word) != value) {} /* changed already */
    else if (ns < 0) (void)pthread_cond_wait(&r->changed, &r->lock);
    else (void)pthread_cond_timedwait(&r->changed, &r->lock, &t);
    (void)pthread_mutex_unlock(&r->lock);
}
CONC__FN void conc__os_wake(uint32_t *word) {
    struct conc__room *r = conc__room_of(word);
    (void)pthread_mutex_lock(&r->lock);
    (void)pthread_mutex_unlock(&r->lock);
    (void)pthread_cond_broadcast(&r->changed);
}
/* In a forked child: rooms may be locked by threads that are no more. */
CONC__FN void conc__os_forked(void) {
    for (int i = 0; i < 64; i++) {
        (void)pthread_mutex_init(&conc__rooms[i].lock, NULL);
        (void)pthread_cond_init(&conc__rooms[i].changed, NULL);
    }
}
#endif

CONC__FN int64_t conc__os_now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * CONC_SEC + t.tv_nsec;
}
CONC__INLINE void conc__os_relax(void) {
#if CONC__X64
    __builtin_ia32_pause();
#else
    __asm__ volatile("isb" ::: "memory");
#endif
}

/* How the kernel shares a processor between our threads. Where it lets a thread ask for a slice (6.12), one that wakes with a
   shorter slice than the running one's takes its place at once: so workers ask for a short one, and a thread that has become a
   busy loop beside the processors has the usual one (conc__hand_off) until it is back. tid 0: the caller. */
#define CONC__SLICE_SHORT 200000u
#define CONC__SLICE_USUAL 3000000u
#if CONC__LINUX
CONC__FN void conc__os_slice(pid_t tid, uint64_t ns) {
    struct { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t runtime, deadline, period; } attr;
    memset(&attr, 0, sizeof attr);
    if (syscall(SYS_sched_getattr, tid, &attr, sizeof attr, 0) != 0 || attr.policy != 0) return;
    attr.size = sizeof attr;
    attr.runtime = ns;
    (void)syscall(SYS_sched_setattr, tid, &attr, 0);
}
CONC__FN pid_t conc__os_tid(void) { return (pid_t)syscall(SYS_gettid); }
/* A thread that wakes on time: timer slack of 1 ns (short sleeps are 20 us late instead of 70), and a short slice. */
CONC__FN void conc__os_prompt(void) {
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
    conc__os_slice(0, CONC__SLICE_SHORT);
}
#else
CONC__FN void conc__os_slice(pid_t tid, uint64_t ns) { (void)tid, (void)ns; }
CONC__FN pid_t conc__os_tid(void) { return 0; }
CONC__FN void conc__os_prompt(void) {}
#endif

#if !CONC__LINUX
CONC__FN int conc__os_marked(int fd, bool nonblock) {
    if (fd >= 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && nonblock) (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}
#endif
/* A pipe that no exec inherits. 0, or -1 and errno. */
CONC__FN int conc__os_pipe(int end[2]) {
#if CONC__LINUX
    return pipe2(end, O_CLOEXEC);
#else
    if (pipe(end) != 0) return -1;
    (void)conc__os_marked(end[0], false), (void)conc__os_marked(end[1], false);
    return 0;
#endif
}
CONC__FN int conc__os_poll(struct pollfd *p, nfds_t n, int64_t ns) {
#if CONC__LINUX
    struct timespec t;
    t.tv_sec = (time_t)(ns / CONC_SEC);
    t.tv_nsec = (long)(ns % CONC_SEC);
    return CONC__SYS(ppoll)(p, n, ns < 0 ? NULL : &t, NULL);
#else
    const int64_t ms = ns / CONC_MS + (ns % CONC_MS > 0);
    return CONC__SYS(poll)(p, n, ns < 0 ? -1 : ms > INT_MAX ? INT_MAX : (int)ms);
#endif
}

/* An event that ends a sleep in poll: fd is readable from its signal until it is taken back. Opening one: 0 or an error number, and then
   the others do nothing. */
typedef struct conc__wakeup { int fd, in; } conc__wakeup; /* in: where to write; the same but for a pipe */
CONC__FN int conc__os_event_open(conc__wakeup *e) {
#if CONC__LINUX
    e->fd = e->in = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return e->fd < 0 ? errno : 0;
#else
    int end[2] = { -1, -1 }, err = pipe(end) == 0 ? 0 : errno;
    e->fd = conc__os_marked(end[0], true);
    e->in = conc__os_marked(end[1], true);
    return err;
#endif
}
CONC__FN void conc__os_event_signal(const conc__wakeup *e) {
    const uint64_t one = 1;
    int in = conc__ld(&e->in);
    if (in >= 0 && write(in, &one, sizeof one) < 0) return; /* full: it is signalled */
}
CONC__FN void conc__os_event_take(const conc__wakeup *e) {
    uint64_t count;
    while (read(e->fd, &count, sizeof count) == (ssize_t)sizeof count && !CONC__LINUX) continue; /* a pipe holds one for each signal */
}
CONC__FN void conc__os_event_close(const conc__wakeup *e) {
    if (e->fd >= 0) (void)close(e->fd);
    if (e->in >= 0 && e->in != e->fd) (void)close(e->in);
}

/* The same for the one thread that signal handlers wake: _open before it starts, _close when it has ended. */
#if CONC__LINUX
CONC__FN bool conc__os_relay_open(void) { return true; }
CONC__FN void conc__os_relay_close(void) {}
CONC__FN void conc__os_relay_wait(uint32_t *word, uint32_t value) { conc__os_wait(word, value, -1); }
CONC__FN void conc__os_relay_wake(uint32_t *word) { conc__os_wake(word); }
#else
static conc__wakeup conc__relay_event = { -1, -1 }; /* a pipe: a handler may not lock a waiting room */
CONC__FN bool conc__os_relay_open(void) { return conc__os_event_open(&conc__relay_event) == 0; }
CONC__FN void conc__os_relay_close(void) {
    conc__wakeup old = conc__relay_event;
    conc__st(&conc__relay_event.in, -1); /* a handler that comes later wakes nobody */
    conc__os_event_close(&old);
}
CONC__FN void conc__os_relay_wait(uint32_t *word, uint32_t value) {
    struct pollfd p = { conc__relay_event.fd, POLLIN, 0 };
    if (conc__ld(word) == value && poll(&p, 1, -1) > 0) conc__os_event_take(&conc__relay_event);
}
CONC__FN void conc__os_relay_wake(uint32_t *word) {
    (void)word;
    conc__os_event_signal(&conc__relay_event);
}
#endif

/* Readiness of descriptors: a set that tells which of its members have become readable or writable since it was last asked (edges,
   not levels), and an event to end a sleep in it. 0 or an error number, unless said.
   conc__os_set_open, _close: the descriptors; _free: the memory
   conc__os_set_add     reports at least one edge of what (CONC_READ | CONC_WRITE) for fd; what is ready already counts as an edge. EPERM: fd
                        is always ready
   conc__os_set_del     before fd is closed
   conc__os_set_take    up to n <= 64 edges, without waiting -> how many
   conc__os_set_wait    sleep until the set has an edge to tell, or event was signalled, or ns nanoseconds have passed (< 0: no limit).
                        Takes no edges. One thread at a time */
struct conc__edge { int fd; uint8_t what; bool odd; }; /* what: CONC_READ | CONC_WRITE; odd: hang-up, error or urgent data as well */
#if CONC__LINUX
/* epoll, edge-triggered: one registration for both directions tells of all edges there will ever be. */
typedef struct conc__set { int epoll; conc__wakeup event; } conc__set;
CONC__FN int conc__os_set_open(conc__set *s) {
    int err;
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll < 0) return errno;
    if ((err = conc__os_event_open(&s->event)) != 0) (void)close(s->epoll);
    return err;
}
CONC__FN void conc__os_set_close(conc__set *s) {
    (void)close(s->epoll);
    conc__os_event_close(&s->event);
}
CONC__FN void conc__os_set_free(conc__set *s) { (void)s; }
CONC__FN int conc__os_set_add(conc__set *s, int fd, int what) {
    struct epoll_event e;
    (void)what;
    memset(&e, 0, sizeof e);
    e.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | (uint32_t)EPOLLET;
    e.data.fd = fd;
    return CONC__SYS(epoll_ctl)(s->epoll, EPOLL_CTL_ADD, fd, &e) == 0 || errno == EEXIST ? 0 : errno;
}
CONC__FN void conc__os_set_del(conc__set *s, int fd) {
    struct epoll_event e; /* kernels before 2.6.9 want one */
    (void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, fd, &e);
}
CONC__FN int conc__os_set_take(conc__set *s, struct conc__edge *edge, int n) {
    struct epoll_event e[64];
    n = epoll_wait(s->epoll, e, n, 0);
    for (int i = 0; i < n; i++) {
        const uint32_t end = EPOLLHUP | EPOLLERR, got = e[i].events;
        edge[i].fd = e[i].data.fd;
        edge[i].odd = (got & (end | EPOLLRDHUP | EPOLLPRI)) != 0;
        edge[i].what = (uint8_t)((got & (EPOLLIN | EPOLLRDHUP | EPOLLPRI | end) ? CONC_READ : 0) | (got & (EPOLLOUT | end) ? CONC_WRITE : 0));
    }
    return n > 0 ? n : 0;
}
CONC__FN void conc__os_set_wait(conc__set *s, int64_t ns) {
    struct pollfd p[2] = { { s->epoll, POLLIN, 0 }, { s->event.fd, POLLIN, 0 } };
    if (conc__os_poll(p, 2, ns) > 0 && p[1].revents) conc__os_event_take(&s->event);
}
#else
/* poll, by one-shot requests: a direction that is asked for and found ready is reported once, as an edge, and is in the set no more;
   whoever waits again asks again, and a level that is still there is the next edge. A thread that sleeps in poll is told (changed)
   of requests that it does not know of. */
typedef struct conc__set {
    pthread_mutex_t lock;
    struct pollfd *asked, *asleep; /* lock; asleep: the sleeper's copy */
    nfds_t n, room, asleep_room;
    bool sleeping;
    conc__wakeup event, changed;
} conc__set;
CONC__FN int conc__os_set_open(conc__set *s) {
    int err;
    memset(s, 0, sizeof *s);
    (void)pthread_mutex_init(&s->lock, NULL);
    if ((err = conc__os_event_open(&s->event)) != 0) return err;
    if ((err = conc__os_event_open(&s->changed)) != 0) conc__os_event_close(&s->event);
    return err;
}
CONC__FN void conc__os_set_close(conc__set *s) {
    conc__os_event_close(&s->event);
    conc__os_event_close(&s->changed);
}
CONC__FN void conc__os_set_free(conc__set *s) {
    CONC_FREE(s->asked);
    CONC_FREE(s->asleep);
}
/* Room for n in an array; false: no memory. */
CONC__FN bool conc__os_set_room(struct pollfd **p, nfds_t *room, nfds_t n) {
    if (n <= *room) return true;
    struct pollfd *more = (struct pollfd *)CONC_REALLOC(*p, sizeof *more * (n * 2 + 16));
    if (!more) return false;
    *p = more;
    *room = n * 2 + 16;
    return true;
}
/* -> its request, NULL: there is none. Lock held. */
CONC__FN struct pollfd *conc__os_set_find(conc__set *s, int fd) {
    for (nfds_t i = 0; i < s->n; i++)
        if (s->asked[i].fd == fd) return &s->asked[i];
    return NULL;
}
CONC__FN int conc__os_set_add(conc__set *s, int fd, int what) {
    struct stat st;
    if (CONC__SYS(fstat)(fd, &st) != 0) return errno;
    if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) return EPERM;
    (void)pthread_mutex_lock(&s->lock);
    struct pollfd *p = conc__os_set_find(s, fd);
    if (!p && conc__os_set_room(&s->asked, &s->room, s->n + 1)) {
        p = &s->asked[s->n++];
        p->fd = fd, p->events = 0;
    }
    if (p) p->events = (short)(p->events | (what & CONC_READ ? POLLIN | POLLPRI : 0) | (what & CONC_WRITE ? POLLOUT : 0));
    if (s->sleeping) conc__os_event_signal(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
    return p ? 0 : ENOMEM;
}
CONC__FN void conc__os_set_del(conc__set *s, int fd) {
    (void)pthread_mutex_lock(&s->lock);
    struct pollfd *p = conc__os_set_find(s, fd);
    if (p) *p = s->asked[--s->n];
    if (p && s->sleeping) conc__os_event_signal(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}
CONC__FN int conc__os_set_take(conc__set *s, struct conc__edge *edge, int n) {
    const int end = POLLHUP | POLLERR | POLLNVAL;
    int k = 0;
    if (pthread_mutex_trylock(&s->lock) != 0) return 0; /* somebody else looks, or a request is on its way in */
    int ready = s->n ? CONC__SYS(poll)(s->asked, s->n, 0) : 0;
    for (nfds_t i = s->n; i-- > 0 && ready > 0 && k < n;) {
        struct pollfd *p = &s->asked[i];
        const int got = p->revents;
        if (!got) continue;
        ready--;
        edge[k].fd = p->fd;
        edge[k].odd = (got & (end | POLLPRI)) != 0;
        edge[k++].what = (uint8_t)((got & (POLLIN | POLLPRI | end) ? CONC_READ : 0) | (got & (POLLOUT | end) ? CONC_WRITE : 0));
        if (got & (POLLIN | POLLPRI)) p->events &= ~(POLLIN | POLLPRI);
        if (got & POLLOUT) p->events &= ~POLLOUT;
        if ((got & end) || !p->events) *p = s->asked[--s->n];
    }
    (void)pthread_mutex_unlock(&s->lock);
    return k;
}
CONC__FN void conc__os_set_wait(conc__set *s, int64_t ns) {
    (void)pthread_mutex_lock(&s->lock);
    nfds_t n = conc__os_set_room(&s->asleep, &s->asleep_room, s->n + 2) ? s->n : 0;
    struct pollfd few[2], *p = s->asleep_room >= n + 2 ? s->asleep : few;
    if (p == few && (ns < 0 || ns > 20 * CONC_MS)) ns = 20 * CONC_MS; /* no memory: look every 20 ms */
    if (n) memcpy(p, s->asked, sizeof *p * n);
    p[n].fd = s->event.fd, p[n].events = POLLIN;
    p[n + 1].fd = s->changed.fd, p[n + 1].events = POLLIN;
    s->sleeping = true;
    (void)pthread_mutex_unlock(&s->lock);
    bool any = conc__os_poll(p, n + 2, ns) > 0;
    (void)pthread_mutex_lock(&s->lock);
    s->sleeping = false;
    if (any && p[n].revents) conc__os_event_take(&s->event);
    if (any && p[n + 1].revents) conc__os_event_take(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}
#endif

/* Asymmetric fence: of the pair conc__fence_light / conc__fence_heavy the light side is a compiler barrier, because the heavy
   side interrupts every running thread of the process (membarrier). Together they order like two full fences. Where the
   kernel has no private expedited membarrier, the light side is a full fence too. */
static uint32_t conc__no_membarrier = !CONC__LINUX;
CONC__FN void conc__os_fence_init(void) {
#if CONC__LINUX
    if (syscall(SYS_membarrier, 16 /* REGISTER_PRIVATE_EXPEDITED */, 0, 0) != 0) conc__st(&conc__no_membarrier, 1);
#endif
}
#if defined(__GNUC__) && !defined(__clang__) && CONC__TSAN
#pragma GCC diagnostic ignored "-Wtsan"
#endif
CONC__INLINE void conc__fence_light(void) {
    if (conc__unlikely(conc__ld(&conc__no_membarrier))) __atomic_thread_fence(__ATOMIC_SEQ_CST);
    else __atomic_signal_fence(__ATOMIC_SEQ_CST);
}
CONC__FN void conc__fence_heavy(void) {
    if (conc__ld(&conc__no_membarrier)) __atomic_thread_fence(__ATOMIC_SEQ_CST);
#if CONC__LINUX
    else (void)syscall(SYS_membarrier, 8 /* PRIVATE_EXPEDITED */, 0, 0);
#endif
}

#if CONC__LINUX
/* Processors by affinity, capped by the cgroup v2 or v1 CPU quota (rounded up, at least 2 as in Go 1.25). */
CONC__FN bool conc__read_numbers(const char *path, long long *a, long long *b) {
    FILE *f = fopen(path, "re");
    if (!f) return false;
    int n = fscanf(f, "%lld %lld", a, b);
    (void)fclose(f);
    return n >= 1;
}
CONC__FN int conc__os_quota(void) {
    long long quota = 0, period = 0;
    char line[512], path[600], *at;
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (f) {
        while (fgets(line, sizeof line, f)) {
            if (strncmp(line, "0::", 3) != 0) continue;
            line[strcspn(line, "\n")] = 0;
            (void)snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", (at = line + 3)[1] ? at : "");
            if (!conc__read_numbers(path, &quota, &period)) quota = 0;
        }
        (void)fclose(f);
    }
    if (quota <= 0 && !conc__read_numbers("/sys/fs/cgroup/cpu.max", &quota, &period)) {
        long long none;
        if (!conc__read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", &quota, &none) ||
            !conc__read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_period_us", &period, &none))
            return INT_MAX;
    }
    if (quota <= 0 || period <= 0) return INT_MAX;
    long long n = (quota + period - 1) / period;
    return n < 2 ? 2 : n > 4096 ? 4096 : (int)n;
}
CONC__FN int conc__os_procs(void) {
    unsigned char mask[1024]; /* 8192 processors */
    long bytes = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
    int n = 0, quota = conc__os_quota();
    for (long i = 0; i < bytes; i++) n += __builtin_popcount(mask[i]);
    if (n < 1) n = 1;
    return n < quota ? n : quota;
}
#else
CONC__FN int conc__os_procs(void) {
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (int)n;
}
#endif
/* Threads of this process now, 0 if unknown. */
CONC__FN int conc__os_threads(void) {
    DIR *d = opendir("/proc/self/task");
    int n = 0;
    if (!d) return 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;) n += e->d_name[0] != '.';
    (void)closedir(d);
    return n;
}

/* Descriptors that no exec inherits. */
CONC__FN int conc__os_socket(int family) {
#if CONC__LINUX
    return CONC__SYS(socket)(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
#else
    return conc__os_marked(CONC__SYS(socket)(family, SOCK_STREAM, 0), true);
#endif
}
CONC__FN int conc__os_accept(int fd, struct sockaddr *addr, socklen_t *len) {
#if CONC__LINUX
    return CONC__SYS(accept4)(fd, addr, len, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
    return conc__os_marked(CONC__SYS(accept)(fd, addr, len), true);
#endif
}
/* One that becomes readable when the process ends; -1: there is no such thing. */
CONC__FN int conc__os_pidfd(pid_t pid) {
#if CONC__LINUX && defined(SYS_pidfd_open)
    if (pid > 0) return (int)syscall(SYS_pidfd_open, pid, 0);
#endif
    (void)pid;
    return errno = ENOSYS, -1;
}
/* What the page cache holds of a file, without waiting for the disk. EAGAIN: nothing; EOPNOTSUPP, ENOSYS: who knows? */
CONC__FN ssize_t conc__os_read_cached(int fd, void *buf, size_t n, off_t offset) {
#if CONC__LINUX
#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif
    struct iovec iov = { buf, n };
    return preadv2(fd, &iov, 1, offset, RWF_NOWAIT);
#else
    (void)fd, (void)buf, (void)n, (void)offset;
    return errno = ENOSYS, -1;
#endif
}

CONC__FN int conc__env(const char *name, int least, int most, int otherwise) {
    const char *text = getenv(name);
    char *end;
    if (!text || !*text) return otherwise;
    long v = strtol(text, &end, 10);
    return *end || v < least || v > most ? otherwise : (int)v;
}

// >>coro
/* A goroutine's context is its stack pointer, its frame pointer and a resume label. conc__switch saves the three, loads the
   other side's and jumps; every other register is declared clobbered, so the compiler saves around the switch only what is
   live, and there is no ret to mispredict. The control block sits at the top of its own stack at one of 16 offsets, so that
   a thousand parked goroutines do not all map to the same cache sets.

   Tools: ThreadSanitizer fibers are switched without its synchronisation flag, else two goroutines of one worker would look
   ordered; AddressSanitizer is told of the stacks. The exception globals of the C++ runtime belong to the goroutine and are
   exchanged by the callers of conc__switch (see conc__save, conc__restore), as is errno. */
typedef struct conc__g conc__g;
typedef struct conc__m conc__m;
typedef struct conc__p conc__p;
struct conc__exc { void *caught; unsigned uncaught; }; /* the C++ ABI's __cxa_eh_globals */
struct conc__exit { struct conc__exit *next; void (*fn)(void *); void *arg; bool heap; };
struct conc__g {
    void *sp, *ip, *bp; /* first: the assembly knows these offsets */
    conc__m *locked;    /* thread this goroutine is wired to */
    int err;            /* errno while parked */
    uint8_t wait;       /* why it is parked (enum conc__wait); 0: running or runnable */
    uint8_t live;       /* 0: free stack */
    uint16_t locks;     /* nesting of conc_lock_thread */
    struct conc__exc exc; /* C++ exception globals while parked */
    uint64_t id, parent;
    const struct conc__site *site;
    const char *name;
    void *rec;                /* what to run: conc__rec */
    struct conc_wg *wg;       /* counted down at the end */
    struct conc__exit *exits; /* conc_on_exit handlers, last first */
    void **local;             /* goroutine-local values, or NULL */
    char *lo;                 /* lowest address of the stack, above its guard */
    size_t size;              /* from lo to the control block */
    void *map;                /* start of its own mapping, NULL for a slab stack */
    struct conc__slab *slab;  /* else: where it was carved from */
    uint32_t slot;
    void *tsan, *asan;
#if CONC__TEST
    struct conc__tg *tg; /* its part in a test, or NULL */
    struct conc__family *family, *born; /* see >>test-leaks: what it hands on, what it counts in */
    const conc__site *last;      /* the operation in which it left its stack last, if that has a place */
#endif
};
#if CONC__TSAN
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
void __tsan_ignore_thread_begin(void);
void __tsan_ignore_thread_end(void);
#endif
#if CONC__ASAN
void __sanitizer_start_switch_fiber(void **fake, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *fake, const void **bottom, size_t *size);
void __asan_unpoison_memory_region(const volatile void *addr, size_t size);
#endif

/* What ThreadSanitizer cannot see: whoever makes g runnable happens before g runs on. */
CONC__INLINE void conc__hb_release(void *g) {
#if CONC__TSAN
    __tsan_release(g);
#else
    (void)g;
#endif
}
CONC__INLINE void conc__hb_acquire(void *g) {
#if CONC__TSAN
    __tsan_acquire(g);
#else
    (void)g;
#endif
}

/* The scheduler's plain memory is handed from goroutine to goroutine on one thread by the switch itself, which ThreadSanitizer is
   told does not synchronise them; so it shall not look between conc__enter and conc__leave. Locks and atomics still count. */
CONC__INLINE void conc__tsan_blind(bool on) {
#if CONC__TSAN
    if (on) __tsan_ignore_thread_begin();
    else __tsan_ignore_thread_end();
#else
    (void)on;
#endif
}

CONC__INLINE void conc__jump(conc__g *from, conc__g *to) {
#if CONC__X64
    __asm__ volatile(
        "leaq 1f(%%rip), %%rax\n\t"
        "movq %%rsp, 0(%0)\n\t"
        "movq %%rax, 8(%0)\n\t"
        "movq %%rbp, 16(%0)\n\t"
        "movq 16(%1), %%rbp\n\t"
        "movq 0(%1), %%rsp\n\t"
        "jmp *8(%1)\n"
        "1:\n\t"
#ifdef __CET__
        "endbr64\n\t"
#endif
        : "+D"(from), "+S"(to)
        :
        : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc", "xmm0", "xmm1", "xmm2",
          "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#ifdef __AVX512F__
          , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", "xmm28",
          "xmm29", "xmm30", "xmm31", "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"
#endif
    );
#else
    register conc__g *a __asm__("x0") = from;
    register conc__g *b __asm__("x1") = to;
    __asm__ volatile(
        "adr x9, 1f\n\t"
        "mov x10, sp\n\t"
        "stp x10, x9, [x0]\n\t"
        "str x29, [x0, #16]\n\t"
        "ldp x10, x17, [x1]\n\t"
        "ldr x29, [x1, #16]\n\t"
        "mov sp, x10\n\t"
        "br x17\n"
        "1:\n\t"
        "hint #36\n\t" /* bti j */
        : "+r"(a), "+r"(b)
        :
        : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20",
          "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x30", "memory", "cc", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7",
          "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25",
          "v26", "v27", "v28", "v29", "v30", "v31");
#endif
}
/* Leave from, go on in to. dying: from will not run again. Returns when somebody switches back to from. */
CONC__INLINE void conc__switch(conc__g *from, conc__g *to, bool dying) {
#if CONC__ASAN
    __sanitizer_start_switch_fiber(dying ? NULL : &from->asan, to->lo, to->size);
#endif
#if CONC__TSAN
    void *fiber = to->tsan;
    if (dying) conc__tsan_blind(false); /* a fiber may not end blind */
    __tsan_switch_to_fiber(fiber, 1);
#endif
    (void)dying;
    conc__jump(from, to);
#if CONC__ASAN
    __sanitizer_finish_switch_fiber(from->asan, NULL, NULL);
#endif
}
/* First thing in a context that has just been entered for the first time. */
CONC__INLINE void conc__switched_new(void) {
#if CONC__ASAN
    __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
#endif
}
/* Prepare g (its lo and size are set) to run entry on an empty stack. */
CONC__FN void conc__context(conc__g *g, void (*entry)(void)) {
    uintptr_t top = ((uintptr_t)g->lo + g->size) & ~(uintptr_t)15;
    void **sp = (void **)top;
#if CONC__X64
    *--sp = NULL; /* 16-byte alignment for the word below it */
    *--sp = NULL; /* the return address of entry: none, so that unwinders stop */
    sp = (void **)(top - 8);
#endif
    g->sp = sp;
    g->ip = (void *)(uintptr_t)entry;
    g->bp = NULL;
}

// >>ds
/* A private, renamed copy of stb_ds: its symbols cannot clash with the user's copy, and its allocator is ours. stb_ds is not
   thread-safe; each array here is used under the lock named beside it. */
CONC__FN void *conc__realloc(void *old, size_t n);
#ifndef CONC_STB_DS
#if defined(__has_include)
#if __has_include("stb_ds.h")
#define CONC_STB_DS "stb_ds.h"
#elif __has_include("stb/stb_ds.h")
#define CONC_STB_DS "stb/stb_ds.h"
#elif __has_include(<stb/stb_ds.h>)
#define CONC_STB_DS <stb/stb_ds.h>
#else
#error "conc.h needs stb_ds.h: put it beside conc.h, or install libstb-dev, or define CONC_STB_DS to its name in quotes"
#endif
#else
#define CONC_STB_DS "stb_ds.h"
#endif
#endif
#ifdef __cplusplus
} /* stb_ds has C++ templates of its own */
#endif
#pragma push_macro("STBDS_REALLOC")
#pragma push_macro("STBDS_FREE")
#pragma push_macro("STB_DS_IMPLEMENTATION")
#pragma push_macro("STBDS_NO_SHORT_NAMES")
#pragma push_macro("STBDS_UNIT_TESTS")
#undef STBDS_REALLOC
#undef STBDS_FREE
#undef STBDS_UNIT_TESTS
#define STBDS_REALLOC(c, p, n) conc__realloc(p, n)
#define STBDS_FREE(c, p) CONC_FREE(p)
#ifdef INCLUDE_STB_DS_H
#define CONC__STB_SEEN
#undef INCLUDE_STB_DS_H
#endif
#ifndef STBDS_NO_SHORT_NAMES
#define STBDS_NO_SHORT_NAMES
#endif
#ifndef STB_DS_IMPLEMENTATION
#define STB_DS_IMPLEMENTATION
#endif
#define stbds_rand_seed conc__stbds_rand_seed
#define stbds_hash_bytes conc__stbds_hash_bytes
#define stbds_hash_string conc__stbds_hash_string
#define stbds_stralloc conc__stbds_stralloc
#define stbds_strreset conc__stbds_strreset
#define stbds_unit_tests conc__stbds_unit_tests
#define stbds_arrgrowf conc__stbds_arrgrowf
#define stbds_arrfreef conc__stbds_arrfreef
#define stbds_hmfree_func conc__stbds_hmfree_func
#define stbds_hmget_key conc__stbds_hmget_key
#define stbds_hmget_key_ts conc__stbds_hmget_key_ts
#define stbds_hmput_default conc__stbds_hmput_default
#define stbds_hmput_key conc__stbds_hmput_key
#define stbds_hmdel_key conc__stbds_hmdel_key
#define stbds_shmode_func conc__stbds_shmode_func
#define stbds_array_header conc__stbds_array_header
#define stbds_string_block conc__stbds_string_block
#define stbds_string_arena conc__stbds_string_arena
#define stbds_hash_bucket conc__stbds_hash_bucket
#define stbds_hash_index conc__stbds_hash_index
#define STBDS_SH_NONE conc__STBDS_SH_NONE
#define STBDS_SH_DEFAULT conc__STBDS_SH_DEFAULT
#define STBDS_SH_STRDUP conc__STBDS_SH_STRDUP
#define STBDS_SH_ARENA conc__STBDS_SH_ARENA
#define stbds_hash_seed conc__stbds_hash_seed
#define stbds_probe_position conc__stbds_probe_position
#define stbds_log2 conc__stbds_log2
#define stbds_make_hash_index conc__stbds_make_hash_index
#define stbds_siphash_bytes conc__stbds_siphash_bytes
#define stbds_is_key_equal conc__stbds_is_key_equal
#define stbds_hm_find_slot conc__stbds_hm_find_slot
#define stbds_strdup conc__stbds_strdup
#ifdef __cplusplus
#define stbds_arrgrowf_wrapper conc__stbds_arrgrowf_wrapper
#define stbds_hmget_key_wrapper conc__stbds_hmget_key_wrapper
#define stbds_hmget_key_ts_wrapper conc__stbds_hmget_key_ts_wrapper
#define stbds_hmput_default_wrapper conc__stbds_hmput_default_wrapper
#define stbds_hmput_key_wrapper conc__stbds_hmput_key_wrapper
#define stbds_hmdel_key_wrapper conc__stbds_hmdel_key_wrapper
#define stbds_shmode_func_wrapper conc__stbds_shmode_func_wrapper
#endif
#ifdef CONC_STATIC /* stb_ds has no static build: an earlier static declaration makes its functions static */
#ifdef __cplusplus
extern "C" {
#endif
struct conc__stbds_string_arena;
CONC__FN void stbds_rand_seed(size_t seed);
CONC__FN size_t stbds_hash_bytes(void *p, size_t len, size_t seed);
CONC__FN size_t stbds_hash_string(char *str, size_t seed);
CONC__FN char *stbds_stralloc(struct conc__stbds_string_arena *a, char *str);
CONC__FN void stbds_strreset(struct conc__stbds_string_arena *a);
CONC__FN void *stbds_arrgrowf(void *a, size_t elemsize, size_t addlen, size_t min_cap);
CONC__FN void stbds_arrfreef(void *a);
CONC__FN void stbds_hmfree_func(void *p, size_t elemsize);
CONC__FN void *stbds_hmget_key(void *a, size_t elemsize, void *key, size_t keysize, int mode);
CONC__FN void *stbds_hmget_key_ts(void *a, size_t elemsize, void *key, size_t keysize, ptrdiff_t *temp, int mode);
CONC__FN void *stbds_hmput_default(void *a, size_t elemsize);
CONC__FN void *stbds_hmput_key(void *a, size_t elemsize, void *key, size_t keysize, int mode);
CONC__FN void *stbds_hmdel_key(void *a, size_t elemsize, void *key, size_t keysize, size_t keyoffset, int mode);
CONC__FN void *stbds_shmode_func(size_t elemsize, int mode);
#ifdef __cplusplus
}
#endif
#endif
/* it shifts promoted bytes into the sign bit, which UndefinedBehaviorSanitizer minds: the attribute of an earlier declaration holds */
__attribute__((no_sanitize("undefined"))) static size_t stbds_siphash_bytes(void *p, size_t len, size_t seed);
#ifdef __cplusplus
extern "C" {
#endif
#ifdef CONC_STATIC
static
#endif
__attribute__((no_sanitize("undefined"))) size_t stbds_hash_bytes(void *p, size_t len, size_t seed);
#ifdef __cplusplus
}
#endif
#include CONC_STB_DS
/* what conc.h uses of it, expanded while the renames hold */
CONC__FN void *conc__arr_grow(void *a, size_t elem, size_t add) { return stbds_arrgrowf(a, elem, add, 0); }
CONC__FN size_t conc__arr_len(const void *a) { return a ? ((const stbds_array_header *)a)[-1].length : 0; }
CONC__FN void conc__arr_set_len(void *a, size_t n) { if (a) ((stbds_array_header *)a)[-1].length = n; }
CONC__FN size_t conc__arr_cap(const void *a) { return a ? ((const stbds_array_header *)a)[-1].capacity : 0; }
CONC__FN void conc__arr_free(void *a) { if (a) CONC_FREE((stbds_array_header *)a - 1); }
/* hash tables of stb_ds by size: elements of elem bytes that begin with a key of n bytes, or (text) with a pointer to the table's own
   copy of a text, which is what key then is. */
#define CONC__MODE(text) ((text) ? STBDS_HM_STRING : STBDS_HM_BINARY)
CONC__FN void *conc__table_new(size_t elem, bool text) { return stbds_shmode_func(elem, text ? STBDS_SH_STRDUP : STBDS_SH_NONE); }
CONC__FN ptrdiff_t conc__table_find(void *t, size_t elem, const void *key, size_t n, bool text) {
    ptrdiff_t i;
    (void)stbds_hmget_key_ts(t, elem, (void *)(uintptr_t)key, n, &i, CONC__MODE(text));
    return i;
}
CONC__FN void *conc__table_add(void *t, size_t elem, const void *key, size_t n, bool text, size_t *i) {
    t = stbds_hmput_key(t, elem, (void *)(uintptr_t)key, n, CONC__MODE(text));
    *i = (size_t)((stbds_array_header *)(void *)((char *)t - elem))[-1].temp;
    return t;
}
CONC__FN void *conc__table_del(void *t, size_t elem, const void *key, size_t n, bool text) {
    return stbds_hmdel_key(t, elem, (void *)(uintptr_t)key, n, 0, CONC__MODE(text));
}
CONC__FN void conc__table_free(void *t, size_t elem) { stbds_hmfree_func((char *)t - elem, elem); }
CONC__FN size_t conc__hash_bytes(const void *key, size_t n) { return stbds_hash_bytes((void *)(uintptr_t)key, n, 0); }
CONC__FN size_t conc__hash_text(const char *key) { return stbds_hash_string((char *)(uintptr_t)key, 0); }
#undef stbds_rand_seed
#undef stbds_hash_bytes
#undef stbds_hash_string
#undef stbds_stralloc
#undef stbds_strreset
#undef stbds_unit_tests
#undef stbds_arrgrowf
#undef stbds_arrfreef
#undef stbds_hmfree_func
#undef stbds_hmget_key
#undef stbds_hmget_key_ts
#undef stbds_hmput_default
#undef stbds_hmput_key
#undef stbds_hmdel_key
#undef stbds_shmode_func
#undef stbds_array_header
#undef stbds_string_block
#undef stbds_string_arena
#undef stbds_hash_bucket
#undef stbds_hash_index
#undef STBDS_SH_NONE
#undef STBDS_SH_DEFAULT
#undef STBDS_SH_STRDUP
#undef STBDS_SH_ARENA
#undef stbds_hash_seed
#undef stbds_probe_position
#undef stbds_log2
#undef stbds_make_hash_index
#undef stbds_siphash_bytes
#undef stbds_is_key_equal
#undef stbds_hm_find_slot
#undef stbds_strdup
#ifdef __cplusplus
#undef stbds_arrgrowf_wrapper
#undef stbds_hmget_key_wrapper
#undef stbds_hmget_key_ts_wrapper
#undef stbds_hmput_default_wrapper
#undef stbds_hmput_key_wrapper
#undef stbds_hmdel_key_wrapper
#undef stbds_shmode_func_wrapper
#endif
#ifndef CONC__STB_SEEN
#undef INCLUDE_STB_DS_H
#endif
#undef STBDS_REALLOC
#undef STBDS_FREE
#pragma pop_macro("STBDS_REALLOC")
#pragma pop_macro("STBDS_FREE")
#pragma pop_macro("STB_DS_IMPLEMENTATION")
#pragma pop_macro("STBDS_NO_SHORT_NAMES")
#pragma pop_macro("STBDS_UNIT_TESTS")
#ifdef __cplusplus
extern "C" {
#endif

/* Zeroed memory on a cache line of its own, from CONC_MALLOC; NULL: none. The pointer to free lies in front of it. */
CONC__FN void *conc__line_alloc(size_t n) {
    char *raw = (char *)CONC_MALLOC(n + 2 * CONC__LINE);
    if (!raw) return NULL;
    char *at = (char *)(((uintptr_t)raw + 2 * CONC__LINE - 1) & ~(uintptr_t)(CONC__LINE - 1));
    memcpy(at - sizeof raw, &raw, sizeof raw);
    memset(at, 0, n);
    return at;
}
CONC__FN void conc__line_free(void *at) {
    char *raw;
    memcpy(&raw, (char *)at - sizeof raw, sizeof raw);
    CONC_FREE(raw);
}

/* Spin lock with a version: odd while held, and each hold moves it on by two, so that a reader without the lock can tell
   whether anybody held it in between (select's exact "none is ready"). Release is a plain store. Waiting goroutines never
   hold one, except across the switch that parks them, where the next context releases it; critical sections are tens of
   nanoseconds, but the kernel may preempt a holder, so waiters spin briefly, then give up their time slice.
   Acquire pairs with the release in conc__unlock. */
CONC__NOINLINE void conc__lock_slow(uint32_t *l) {
    for (unsigned i = 0;; i++) {
        for (unsigned k = 0; k < (i < 4 ? 4u << i : 64u) && (conc__ld(l) & 1); k++) conc__os_relax();
        uint32_t v = conc__ld(l);
        if (!(v & 1) && __atomic_compare_exchange_n(l, &v, v + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return;
        if (i >= 16) (void)sched_yield();
        if (i >= 400) { /* the holder is not running: stop competing with it for the processor */
            struct timespec t = { 0, 50000 };
            (void)nanosleep(&t, NULL);
        }
    }
}
CONC__INLINE bool conc__trylock(uint32_t *l) {
    uint32_t v = conc__ld(l) & ~1u;
    return __atomic_compare_exchange_n(l, &v, v + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}
/* A lock that is held across a switch is released by another context than the one that wrote under it; ThreadSanitizer hears of
   the writer by a second address. */
CONC__INLINE void conc__lock_passed(uint32_t *l) { conc__hb_release((char *)l + 1); }
CONC__INLINE void conc__lock(uint32_t *l) {
    if (conc__unlikely(!conc__trylock(l))) conc__lock_slow(l);
    conc__hb_acquire((char *)l + 1);
}
CONC__INLINE void conc__unlock(uint32_t *l) {
    conc__assert(conc__ld(l) & 1);
    conc__st_rel(l, conc__ld(l) + 1);
}

/* The i-th look in vain at what somebody else, who is running and needs nothing of ours, will change at once. */
CONC__INLINE void conc__linger(unsigned i) {
    if (i < 1000) conc__os_relax();
    else (void)sched_yield();
}
/* Wait until such a one has cleared *word. Partner: that release store. */
CONC__INLINE void conc__await_zero(uint32_t *word) {
    for (unsigned i = 0; conc__ld_acq(word); i++) conc__linger(i);
}

// >>sched-types
/* G, M, P as in Go: a goroutine (conc__g), an OS thread (conc__m), a processor (conc__p). An M runs goroutines while it
   holds a P. docs/internals.md has the long form of this essay.

   Ownership of a P ("the bracket"). Everything in a P but its timers is plain memory that belongs to the M holding it, while
   that M is inside the runtime: conc__enter sets m->in and checks m->stop, conc__leave clears m->in. Another thread (a thief or
   the monitor) may act on the P only while it has seized the M: it sets CONC__SEIZED in m->stop, runs the heavy fence, and
   finds m->in clear; the owner, entering, sets m->in, runs the light fence and finds the bit, so it waits. Either the seizer
   sees m->in or the owner sees the bit (Dekker; asymmetric fence). Partners: the owner's release store of in = 0 with the
   seizer's acquire load of in; the seizer's release of stop with the owner's acquire load of stop.
   On its own scheduler stack (m->g0) an M with a P is always inside.

   m->stop, written by others:  SEIZED: somebody is at work on the P, wait.  YIELD: give way at the next entry.
   LOST: the P has been handed to another M; the goroutine queues for one at the next entry. stop == 0 implies m->p != NULL
   for an M that runs a goroutine.

   Work in queues is a tagged pointer: a conc__g, or (bit 0) a conc__rec, a goroutine that has not started and has no stack.

   Lock order (a lock may be taken only while holding locks to its left):
     a channel or sync object's lock (several channels: by address) -> a context's lock -> a P's timer lock -> sched.lock
     -> sched.stack_lock. */
#define CONC__PROCS_MAX 1024
#define CONC__SEIZED 1u
#define CONC__YIELD 2u
#define CONC__LOST 4u
#define CONC__TESTED (CONC__TEST ? 8u : 0u) /* always set in an explorer's M: all that would park, wake, start or end asks >>test */
#ifndef CONC_STACK_SIZE
#define CONC_STACK_SIZE (CONC__TSAN || CONC__ASAN ? 262144 : 131072)
#endif
#define CONC__GUARD 16384  /* bytes of a stack slot that fault */
#define CONC__SLAB 128     /* stacks in a slab */
#define CONC__IDS 4096     /* goroutine numbers a P takes at once */
#define CONC__BATCH 128    /* stacks or records moved between a P and the common pool at once */

typedef struct conc__vacant { struct conc__slab *slab; uint32_t slot; } conc__vacant;

/* A goroutine before it starts: 64 bytes. */
enum { CONC__R_INT = 1, CONC__R_REGS = 2, CONC__R_ROOM = 3, CONC__R_KIND = 3, CONC__R_BIG = 4, CONC__R_WG = 8 };
typedef struct conc__rec {
    void (*fn)(void);     /* R_INT, R_REGS: the user's function; R_ROOM: void (*)(void *room) */
    const conc__site *site;
    uint64_t id;          /* low 8 bits: what it is (enum above); the rest: the goroutine's number */
    uint64_t parent;
    uintptr_t arg[4];     /* R_INT: integer registers; R_ROOM: room for 32 bytes. R_WG and not R_BIG: the last is the group */
#if CONC__TSAN
    void *tsan; /* a fiber is ordered after its creator: that must be who spawns it, not who happens to run it */
#endif
#if CONC__TEST
    struct conc__family *family;
#endif
} conc__rec;
struct conc__regs { /* offsets known to the assembly */
    uintptr_t gp[8]; /* x86-64: rdi rsi rdx rcx r8 r9 rax -; AArch64: x0 to x7 */
    uint64_t vec[16]; /* xmm0 to xmm7; q0 to q7 */
};
typedef struct conc__big { /* a record that needs more: from CONC_MALLOC */
    conc__rec r;
    struct conc_wg *wg;
    const char *name;
    conc__g *g; /* its own stack (go_with), or NULL */
    size_t words;
    void (*fn)(void); /* of a call that is in the room */
    __attribute__((aligned(16))) struct conc__regs regs; /* R_REGS: then words stacked words follow; R_ROOM: the room starts here */
} conc__big;

typedef struct conc__timer conc__timer;
struct conc__timer {
    int64_t when, period;
    /* Runs on a worker, outside all locks, with firing == 1. It must clear firing (release) before it lets anybody who might
       free the timer go on, and not touch the timer after. */
    void (*f)(conc__timer *t, int64_t now);
    void *arg;
    conc__p *p;      /* whose heap it is or was last in */
    int32_t at;      /* index in the heap, -1 outside; under p->tlock */
    uint32_t firing;
};
typedef struct conc__tslot { int64_t when; conc__timer *t; } conc__tslot;

struct conc__p {
    void *next;           /* run-next: made runnable last, runs first */
    uint32_t head, tail;  /* ring[head..tail): the run queue */
    uint32_t mask;        /* ring capacity - 1 */
    uint32_t tick;        /* dispatches */
    uint32_t lifo;        /* dispatches in a row out of next */
    uint32_t nrec, nstack;
    void **ring;
    conc__rec *recs;      /* free records, linked through arg[1] */
    conc__g *stacks[2 * CONC__BATCH]; /* nstack free stacks; an array, so that moving them touches none of their pages */
    uint64_t id, id_end;  /* goroutine numbers to hand out */
    int64_t live;         /* goroutines spawned less ended here: the sum over Ps counts */
    int64_t spawned, parks;
    uint32_t rng;
    int index;
    __attribute__((aligned(CONC__LINE))) conc__m *m; /* holder; NULL: idle. Written under sched.lock or by the hand-over */
    conc__p *idle_next;   /* sched.lock */
    bool idle, dead;
    uint32_t mon_tick, mon_same; /* the monitor's notes */
    int64_t mon_since, mon_cpu;
    __attribute__((aligned(CONC__LINE))) uint32_t tlock;
    int64_t due;          /* time of the first timer, INT64_MAX: none; written under tlock, read by anybody */
    int64_t polled;       /* when this P's worker last looked for I/O; read by anybody */
    conc__tslot *heap;    /* tlock */
};

struct conc__m {
    uint32_t in, stop;
    conc__p *p;
    conc__g *cur;         /* running goroutine, or &g0 */
    uint32_t *unlock;     /* after the switch: release this lock */
    struct conc__selwait *unlock_sel; /* after the switch: release the locks of this select */
    conc__g *dead;        /* after the switch: free this stack */
    conc__g *requeue;     /* after the switch: put this goroutine into the common queue */
    int *err;             /* this thread's errno */
    struct conc__exc *exc; /* this thread's C++ exception globals, or NULL */
    conc__g g0;           /* the thread's own stack */
    __attribute__((aligned(CONC__LINE))) uint32_t wake; /* 1: go on; futex */
    bool idle, waiter;    /* sched.lock */
    bool polling;         /* its sleep is in the poller; written under sched.lock */
    bool blocking;        /* in conc_blocking: its P may be taken at once */
    bool exiting, locked_exit, gone, started;
    bool fruitful;        /* found aged work since it was last woken */
    conc__g *locked;      /* goroutine wired to this thread */
    conc__g *run;         /* goroutine to run at once after a wake */
    void *next;           /* picked before switching to g0 */
    conc__m *idle_next, *all_next;
    uint32_t seed;        /* of conc__random */
    uint32_t spins;       /* fruitless spins in a row */
    uint32_t *seen;       /* ticks of the Ps at the last look */
#if CONC__TEST
    struct conc__test *test; /* whose explorer this is, or NULL */
#endif
    int id;
    pthread_t thread;
    pid_t tid;
    bool demoted;         /* has the slice of a busy loop */
    clockid_t clock;
    void *altstack;
};

enum { CONC__ATTN_MONITOR = 1, CONC__ATTN_WAKE = 2 };
enum { CONC__OFF = 0, CONC__STARTING = 1, CONC__ON = 2 };
static struct conc__sched {
    uint32_t state;       /* OFF, STARTING, ON; futex */
    uint32_t stop;        /* conc_shutdown is running */
    __attribute__((aligned(CONC__LINE))) uint32_t attn; /* bits a push must look at: the monitor sleeps; a worker may be woken */
    __attribute__((aligned(CONC__LINE))) int64_t waiter_due; /* when the sleeping timer waiter wakes; INT64_MAX: none sleeps */
    __attribute__((aligned(CONC__LINE))) uint32_t lock; /* the rest, unless noted */
    uint32_t qn, qhead, qcap; /* common queue: a circle of tagged pointers */
    void **q;
    conc__p *ps[CONC__PROCS_MAX];
    int procs, nps;       /* wanted; existing (grows only) */
    conc__p *idle_p;
    int nidle_p;
    conc__m *idle_m, *all_m;
    int nm, nidle_m, nspin, max_m, next_m;
    conc__m *waiter;
    conc__m *poller;      /* the idle thread that sleeps in the poller, or NULL; read by anybody */
    conc__m *in_poller;   /* the same, and after it was given a P until it is awake; sched.lock */
    int64_t io_waiting;   /* atomic: goroutines that wait for a descriptor */
    uint32_t io_on;       /* io_set is open; io_lock to write, release */
    uint32_t io_lock;
    conc__set io_set;     /* the poller's descriptors, see >>poll */
    struct conc__fd *fds[32]; /* the table of descriptors: chunks of 64, 128, 256 ... entries; release */
    uint32_t backoff, rearm; /* monitor ticks until ATTN_WAKE is set again */
    int64_t foreign_live, foreign_spawned; /* atomic: goroutines spawned by or ended outside a P */
    uint64_t next_id;     /* atomic */
    int foreign_blocked;  /* atomic: OS threads waiting without a time limit */
    bool main_gone;       /* conc_main ended by conc_exit */
    bool main_mode;
    int64_t steals, handoffs, wakes;
    bool monitor_on;
    pthread_t monitor;
    sigset_t sigmask;     /* of the thread that started the runtime: every worker's */
    uint32_t mon_wake;    /* futex */
    conc__rec *recs;      /* batches of free records: linked through arg[0], each batch through arg[1] */
    uint32_t stack_lock;
    conc__g **stacks;     /* free stacks; stack_lock */
    int64_t nstacks, nstacks_free, stack_moves;
    conc__vacant *vacant; /* places of slabs whose pages were given back; stack_lock */
    struct conc__slab *slabs, *bigs; /* every stack; grown under stack_lock, slabs walked by anybody */
    conc__rec *chunks;    /* every chunk of records; sched.lock */
    size_t stack_size;
    void (*hook)(const char *, void *);
    void *hook_arg;
    uint32_t nkeys;
    void (*key_dtor[64])(void *);
    uint32_t dying;
} conc__rt;

static __thread __attribute__((tls_model("initial-exec"))) conc__m *conc__tls_m;
/* The calling thread's M; NULL on a thread that is not a worker. Volatile: a goroutine may resume on another thread, so the
   value may not be kept across a switch, whatever the compiler believes of thread-locals. */
#if CONC__X64
CONC__INLINE conc__m *conc__self(void) {
    conc__m *m;
    __asm__ volatile("movq %1, %0" : "=r"(m) : "m"(conc__tls_m));
    return m;
}
#else
CONC__NOINLINE conc__m *conc__self(void) {
    __asm__ volatile("");
    return conc__tls_m;
}
#endif

enum conc__wait {
    CONC__W_RUNNING, CONC__W_RECV, CONC__W_SEND, CONC__W_RECV_NIL, CONC__W_SEND_NIL, CONC__W_SELECT, CONC__W_SELECT_NONE, CONC__W_MUTEX,
    CONC__W_RLOCK, CONC__W_WLOCK, CONC__W_WG, CONC__W_COND, CONC__W_SEM, CONC__W_SLEEP, CONC__W_BLOCKING, CONC__W_IO,
    CONC__W_BARRIER, CONC__W_COUNT
};
static const char *const conc__wait_text[CONC__W_COUNT] = {
    "running", "chan receive", "chan send", "chan receive (nil chan)", "chan send (nil chan)", "select", "select (no cases)",
    "sync.Mutex.Lock", "sync.RWMutex.RLock", "sync.RWMutex.Lock", "sync.WaitGroup.Wait", "sync.Cond.Wait", "semacquire", "sleep", "syscall",
    "IO wait", "barrier wait"
};

CONC__FN void conc__fatal(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
CONC__FN void conc__start(void);
CONC__FN void conc__g_main(void);
CONC__FN int conc__wake_worker(void);
CONC__NOINLINE void conc__attend(void);
CONC__FN void conc__kick_monitor(void);
CONC__FN void conc__run_timers(conc__m *m, conc__p *p, int64_t now);
CONC__FN void conc__unlock_select(struct conc__selwait *s);
CONC__FN void conc__inject(void *work);
CONC__FN void conc__deadlock_check(void);
CONC__FN bool conc__poll(conc__m *m);

/* The explorer's seams; see >>test. */
#if CONC__TEST
static uint32_t conc__testing; /* explorers at work: only then does anybody look further */
CONC__FN void conc__test_point(int op, const void *obj, const void *also);
CONC__FN void conc__test_select(const conc_case *c, int n);
CONC__FN uint32_t conc__test_draw(uint32_t n);
CONC__FN void conc__test_park(conc__m *m, conc__g *g);
CONC__FN void conc__test_ready(conc__g *g);
CONC__FN void conc__test_spawn(conc__m *m, conc__rec *r, const conc__site *site);
CONC__FN conc__g *conc__test_exit(conc__m *m);
CONC__FN void conc__test_died(const char *kind, const char *message);
CONC__FN void conc__test_forbid(const char *what);
CONC__FN const conc__site *conc__test_site(void);
CONC__FN int64_t conc__test_now(void);
CONC__FN int64_t conc__test_live(void);
CONC__FN void *conc__obj_alloc(size_t n);
CONC__FN void conc__obj_free(void *p);
CONC__FN void conc__order_after(const void *obj, uint32_t part);
CONC__FN void conc__order_before(const void *obj, uint32_t part, bool alone);
CONC__FN void conc__order_slot(const struct conc_chan *c, bool send, const void *who);
CONC__FN void conc__order_meet(const void *who);
CONC__FN void conc__test_reuse(void *p, size_t n);
CONC__FN bool conc__alloc_fails(const char *what);
CONC__FN bool conc__spawn_fails(void);
CONC__FN void conc__test_forbid_fd(int fd);
CONC__FN bool conc__net_has(int fd);
CONC__FN ssize_t conc__net_read(int fd, const struct iovec *iov, size_t count, int flags, int64_t deadline, conc_ctx *ctx);
CONC__FN ssize_t conc__net_write(int fd, const struct iovec *iov, size_t count, int flags, int64_t deadline, conc_ctx *ctx);
CONC__FN int conc__net_accept(int fd, struct sockaddr *addr, socklen_t *len, int64_t deadline, conc_ctx *ctx);
CONC__FN int conc__net_wait_fd(int fd, int what, int64_t deadline, conc_ctx *ctx);
CONC__FN int conc__net_close(int fd, bool write_only);
CONC__FN int conc__net_listen(const char *address, bool path);
CONC__FN int conc__net_dial(const char *address, bool path, int64_t deadline, conc_ctx *ctx);
CONC__FN int conc__net_port(int fd);
CONC__FN void conc__family_join(conc__rec *r);
CONC__FN void conc__family_leave(conc__g *g);
CONC__FN struct conc__family *conc__family_lend(struct conc__family *f);
CONC__FN struct conc__family *conc__family_of(const void *obj);
CONC__FN void *conc__tracked_alloc(size_t n);
CONC__FN void conc__tracked_free(void *obj);
CONC__FN void conc__obj_is(void *obj, const char *kind);
#define conc__last_set(g) ((g)->last = conc__here, conc__here = NULL)
#define conc__tested() conc__unlikely(conc__ld(&conc__testing))
#else
#define conc__tested() 0
#define conc__test_point(op, obj, also) ((void)0)
#define conc__test_select(c, n) ((void)0)
#define conc__test_draw(n) 0u
#define conc__test_park(m, g) ((void)0)
#define conc__test_ready(g) ((void)0)
#define conc__test_spawn(m, r, site) ((void)0)
#define conc__test_exit(m) ((conc__g *)NULL)
#define conc__test_died(kind, message) ((void)0)
#define conc__test_forbid(what) ((void)0)
#define conc__test_now() INT64_C(-1)
#define conc__test_live() INT64_C(-1)
#define conc__test_reuse(p, n) ((void)0)
#define conc__obj_alloc(n) CONC_MALLOC(n)
#define conc__obj_free(p) CONC_FREE(p)
#define conc__alloc_fails(what) 0
#define conc__spawn_fails() 0
#define conc__test_forbid_fd(fd) ((void)0)
#define conc__net_has(fd) 0
#define conc__net_read(fd, iov, count, flags, deadline, ctx) ((void)(iov), -1)
#define conc__net_write(fd, iov, count, flags, deadline, ctx) ((void)(iov), -1)
#define conc__net_accept(fd, addr, len, deadline, ctx) (-1)
#define conc__net_wait_fd(fd, what, deadline, ctx) (-1)
#define conc__net_close(fd, write_only) (-1)
#define conc__net_listen(address, path) (-1)
#define conc__net_dial(address, path, deadline, ctx) (-1)
#define conc__net_port(fd) (-1)
#define conc__family_join(r) ((void)0)
#define conc__family_leave(g) ((void)0)
#define conc__family_lend(f) ((struct conc__family *)NULL)
#define conc__family_of(obj) ((struct conc__family *)NULL)
#define conc__obj_is(obj, kind) ((void)0)
#define conc__last_set(g) ((void)0)
#endif
#define CONC__NET_FIRST (1 << 30) /* the first descriptor of a test's network: the system has none so high */
/* The place of the next operation, for reports; each operation takes it. */
#if CONC__TEST
#define conc__here_set(site) (conc__here = (site))
#define conc__here_last() conc__test_site()
#else
#define conc__here_set(site) ((void)0)
#define conc__here_last() NULL
#endif
/* What the running goroutine has done happens before what those do who come after the same part of obj. By a channel: it, or who, takes
   the next place of the buffer; it meets who. */
enum { CONC__PART_ALL, CONC__PART_WRITER, CONC__PART_READERS, CONC__PART_ATOMIC, CONC__PART_TIMER, CONC__PART_SLOT };
#if CONC__TEST
#define conc__ordered_after(obj, part) do { if (conc__tested()) conc__order_after((const void *)(uintptr_t)(obj), CONC__PART_##part); } while (0)
#define conc__ordered_before(obj, part) \
    do { if (conc__tested()) conc__order_before((const void *)(uintptr_t)(obj), CONC__PART_##part, false); } while (0)
#define conc__ordered_anew(obj, part) do { if (conc__tested()) conc__order_before(obj, CONC__PART_##part, true); } while (0)
#define conc__slot_passed(c, send, who) do { if (conc__tested()) conc__order_slot(c, send, (const void *)(who)); } while (0)
#define conc__met(who) do { if (conc__tested()) conc__order_meet((const void *)(who)); } while (0)
#else
#define conc__ordered_after(obj, part) ((void)0)
#define conc__ordered_before(obj, part) ((void)0)
#define conc__ordered_anew(obj, part) ((void)0)
#define conc__slot_passed(c, send, who) ((void)0)
#define conc__met(who) ((void)0)
#endif
/* A goroutine comes to an operation on obj (and also). */
#if CONC__TEST
#define conc__in_test(m) (conc__tested() && (m) && (m)->test)
#else
#define conc__in_test(m) 0
#endif
#define conc__point(op, obj) do { if (conc__tested()) conc__test_point(CONC__O_##op, (const void *)(uintptr_t)(obj), NULL); } while (0)
#define conc__point2(op, obj, also) do { if (conc__tested()) conc__test_point(CONC__O_##op, obj, also); } while (0)
enum conc__testop {
    CONC__O_NONE, CONC__O_START, CONC__O_RESUME, CONC__O_LOCK, CONC__O_TRYLOCK, CONC__O_UNLOCK, CONC__O_RLOCK, CONC__O_RUNLOCK,
    CONC__O_WLOCK, CONC__O_WUNLOCK, CONC__O_SEND, CONC__O_RECV, CONC__O_CLOSE, CONC__O_LEN, CONC__O_SELECT, CONC__O_ADD, CONC__O_DONE,
    CONC__O_WAIT, CONC__O_CWAIT, CONC__O_SIGNAL, CONC__O_BROADCAST, CONC__O_ACQUIRE, CONC__O_RELEASE, CONC__O_LOAD, CONC__O_STORE,
    CONC__O_RMW, CONC__O_FENCE, CONC__O_YIELD, CONC__O_SLEEP, CONC__O_RELAX, CONC__O_SETTLE, CONC__O_CANCEL, CONC__O_OTHER,
    CONC__O_READ, CONC__O_WRITE, CONC__O_FDWAIT, CONC__O_FDCLOSE, CONC__O_LISTEN, CONC__O_ACCEPT, CONC__O_DIAL, CONC__O_PIPE, CONC__O_CUT,
    CONC__O_HEAL, CONC__O_RESET, /* see >>test-net */ CONC__O_BEGIN, CONC__O_END, CONC__O_TIMER, CONC__O_CHOICE, CONC__O_FAULT, CONC__O_COUNT
};
CONC_API int64_t conc_now(void) {
    int64_t virtual_now;
    if (conc__tested() && (virtual_now = conc__test_now()) >= 0) return virtual_now;
    return conc__os_now();
}

CONC__INLINE void conc__ensure(void) {
    if (conc__unlikely(conc__ld_acq(&conc__rt.state) != CONC__ON)) conc__start();
}

/* the bracket */
CONC__NOINLINE void conc__enter_wait(conc__m *m) {
    for (unsigned i = 0; conc__ld_acq(&m->stop) & CONC__SEIZED; i++) {
        if (i < 200) conc__os_relax();
        else (void)sched_yield();
    }
}
/* -> the M's stop bits once nobody else is at work on its P: 0, or YIELD or LOST for the caller to honour */
CONC__INLINE uint32_t conc__stop_bits(conc__m *m) {
    uint32_t stop = conc__ld_acq(&m->stop);
    if (conc__unlikely(stop & CONC__SEIZED)) {
        conc__enter_wait(m);
        stop = conc__ld_acq(&m->stop);
    }
    return stop;
}
CONC__INLINE uint32_t conc__enter(conc__m *m) {
    conc__tsan_blind(true);
    conc__st(&m->in, 1);
    conc__fence_light();
    return conc__stop_bits(m);
}
CONC__INLINE void conc__leave(conc__m *m) {
    conc__st_rel(&m->in, 0);
    conc__tsan_blind(false);
}

/* From another thread: true if its P is now ours to change until conc__unseize. */
CONC__FN bool conc__seize(conc__m *m) {
    uint32_t old = __atomic_fetch_or(&m->stop, CONC__SEIZED, __ATOMIC_ACQ_REL);
    if (old & CONC__SEIZED) return false; /* somebody else is at it */
    if (!(old & CONC__LOST)) {
        conc__fence_heavy();
        if (conc__ld_acq(&m->in) == 0) return true;
    }
    (void)__atomic_fetch_and(&m->stop, ~CONC__SEIZED, __ATOMIC_RELEASE);
    return false;
}
CONC__FN void conc__unseize(conc__m *m, uint32_t set) {
    if (set) (void)__atomic_fetch_or(&m->stop, set, __ATOMIC_RELEASE);
    (void)__atomic_fetch_and(&m->stop, ~CONC__SEIZED, __ATOMIC_RELEASE);
}

/* run queue of a P: by its owner inside the bracket, or by a seizer. head, tail and next are read by others as a hint. */
CONC__FN void *conc__xmalloc(size_t n) {
    void *p = CONC_MALLOC(n);
    if (!p) conc__fatal("out of memory (%zu bytes)", n);
    return p;
}
CONC__NOINLINE void conc__ring_grow(conc__p *p) {
    uint32_t cap = p->mask + 1, n = p->tail - p->head;
    void **ring = (void **)conc__xmalloc(sizeof(void *) * cap * 2);
    for (uint32_t i = 0; i < n; i++) ring[i] = p->ring[(p->head + i) & p->mask];
    CONC_FREE(p->ring);
    p->ring = ring;
    p->mask = cap * 2 - 1;
    conc__st(&p->head, 0);
    conc__st(&p->tail, n);
}
CONC__INLINE void conc__ring_put(conc__p *p, void *work) {
    if (conc__unlikely(p->tail - p->head > p->mask)) conc__ring_grow(p);
    p->ring[p->tail & p->mask] = work;
    conc__st(&p->tail, p->tail + 1);
}
/* The control block and what lies below it on the stack: the frames that a parked goroutine returns through. */
CONC__INLINE void conc__prefetch(void *work) {
    const char *at = (const char *)((uintptr_t)work & ~(uintptr_t)1);
    __builtin_prefetch(at);
    __builtin_prefetch(at - 64);
    __builtin_prefetch(at - 128);
    __builtin_prefetch(at - 192);
    __builtin_prefetch(at - 256);
    __builtin_prefetch(at - 320);
}
CONC__INLINE void *conc__ring_get(conc__p *p) {
    if (p->head == p->tail) return NULL;
    void *work = p->ring[p->head & p->mask];
    conc__st(&p->head, p->head + 1);
    if (p->tail - p->head > 4) conc__prefetch(p->ring[(p->head + 3) & p->mask]);
    return work;
}
CONC__INLINE bool conc__p_has_work(conc__p *p) { return conc__ld(&p->next) != NULL || conc__ld(&p->head) != conc__ld(&p->tail); }

/* Make work runnable on p: it runs next, and what was to run next goes to the back of the queue. */
CONC__INLINE void conc__push(conc__p *p, void *work) {
    void *old = p->next;
    conc__st(&p->next, work);
    if (old) conc__ring_put(p, old);
    /* The monitor goes to sleep by setting the bit, fencing heavily, and looking at the queues once more; so either it sees
       this work or we see the bit. */
    conc__fence_light();
    if (conc__unlikely(conc__ld(&conc__rt.attn))) conc__attend();
}
/* Next work of p, or NULL: none, or it is time for the slow look (common queue, timers) on the scheduler stack. A pair that
   keeps waking each other through next gives way to the queue every 32 dispatches. */
CONC__INLINE void *conc__pick(conc__p *p) {
    uint32_t tick = p->tick + 1;
    conc__st(&p->tick, tick);
    if (conc__unlikely((tick & 63) == 0)) return NULL;
    void *work = p->next;
    if (work) {
        if (conc__likely(++p->lifo < 32 || p->head == p->tail)) {
            conc__st(&p->next, NULL);
            return work;
        }
        conc__st(&p->next, NULL);
        conc__ring_put(p, work);
    }
    p->lifo = 0;
    return conc__ring_get(p);
}

/* stacks */
/* A never-used stack is carved out of a slab, guarded in its lowest pages, its control block at one of 16 offsets from its top.
   Stacks are reused last in, first out; batches move between a P and the common pool, so that one worker may spawn and another
   end goroutines. Their pages are given back by the monitor, never on exit. */
struct conc__slab { struct conc__slab *next; char *base; size_t size, slot; uint32_t used; unsigned valgrind[CONC__SLAB]; };
#define CONC__COLOURS 16
#define CONC__G_ROOM ((sizeof(conc__g) + 63) & ~(size_t)63)
CONC__FN conc__g *conc__slab_at(const struct conc__slab *s, uint32_t i) {
    return (conc__g *)(void *)(s->base + s->slot * (i + 1) - (i % CONC__COLOURS) * CONC__LINE - CONC__G_ROOM);
}
CONC__FN void conc__stack_init(conc__g *g, char *base, void *map) {
    memset(g, 0, sizeof *g);
    g->lo = base + CONC__GUARD;
    g->size = (size_t)((char *)g - g->lo);
#if CONC__TSAN
    g->size &= ~(size_t)4095; /* see conc__stack_put */
#endif
    g->map = map;
}
CONC__FN struct conc__slab *conc__slab_new(void) {
    struct conc__slab *s = (struct conc__slab *)CONC_MALLOC(sizeof *s);
    if (!s) return NULL;
    s->slot = conc__rt.stack_size;
    s->size = s->slot * CONC__SLAB;
    s->base = (char *)conc__os_reserve(s->size);
    if (!s->base) return CONC_FREE(s), (struct conc__slab *)NULL;
    s->used = 0;
    s->next = conc__rt.slabs;
    conc__st_rel(&conc__rt.slabs, s); /* partner: the acquire load of whoever walks the slabs */
    return s;
}
/* Up to n places for stacks that are not in use: those whose pages were given back first, the last *fresh of them never used, and so
   without a guard. stack_lock held. A place's control block reads as zero until conc__stack_carve: it is not live for those who
   walk the slabs. */
CONC__FN int conc__stack_places(conc__vacant *v, int n, int *fresh) {
    int k = 0;
    size_t vacant = conc__arr_len(conc__rt.vacant);
    while (k < n && vacant > 0) v[k++] = conc__rt.vacant[--vacant];
    conc__arr_set_len(conc__rt.vacant, vacant);
    *fresh = 0;
    for (; k < n; k++, ++*fresh) {
        struct conc__slab *s = conc__rt.slabs;
        if (!s || s->used == CONC__SLAB || s->slot != conc__rt.stack_size) s = conc__slab_new();
        if (!s) break;
        v[k].slab = s;
        v[k].slot = s->used;
        conc__st_rel(&s->used, s->used + 1);
    }
    conc__rt.nstacks += *fresh;
    return k;
}
CONC__FN char *conc__place_base(conc__vacant v) { return v.slab->base + v.slab->slot * v.slot; }
/* The stack of one place. Touches its pages: not under a lock. */
CONC__FN conc__g *conc__stack_carve(conc__vacant v, bool fresh) {
    conc__g *g = conc__slab_at(v.slab, v.slot);
    char *base = conc__place_base(v);
    conc__stack_init(g, base, NULL);
    g->slab = v.slab;
    g->slot = v.slot;
    if (fresh && RUNNING_ON_VALGRIND) v.slab->valgrind[v.slot] = VALGRIND_STACK_REGISTER(g->lo, base + v.slab->slot);
    return g;
}
/* common pool: stack_lock held */
CONC__FN conc__g *conc__pool_get(void) {
    size_t n = conc__arr_len(conc__rt.stacks);
    if (n == 0) return NULL;
    conc__arr_set_len(conc__rt.stacks, n - 1);
    conc__st(&conc__rt.nstacks_free, (int64_t)n - 1);
    return conc__rt.stacks[n - 1];
}
CONC__FN void conc__pool_put(conc__g *g) {
    size_t n = conc__arr_len(conc__rt.stacks);
    if (n == conc__arr_cap(conc__rt.stacks)) conc__rt.stacks = (conc__g **)conc__arr_grow(conc__rt.stacks, sizeof g, n ? n : 1024);
    conc__rt.stacks[n] = g;
    conc__arr_set_len(conc__rt.stacks, n + 1);
    conc__st(&conc__rt.nstacks_free, (int64_t)n + 1);
}
CONC__NOINLINE void conc__stack_refill(conc__p *p) {
    conc__vacant v[CONC__GUARD_BATCH];
    char *bare[CONC__GUARD_BATCH];
    int places = 0, fresh = 0;
    conc__lock(&conc__rt.stack_lock);
    conc__st(&conc__rt.stack_moves, conc__rt.stack_moves + 1);
    for (conc__g *g; p->nstack < CONC__BATCH && (g = conc__pool_get()) != NULL;) p->stacks[p->nstack++] = g;
    if (p->nstack == 0) places = conc__stack_places(v, CONC__GUARD_BATCH, &fresh);
    conc__unlock(&conc__rt.stack_lock);
    for (int i = 0; i < fresh; i++) bare[i] = conc__place_base(v[places - fresh + i]);
    conc__os_guard_all(bare, fresh, CONC__GUARD);
    for (int i = 0; i < places; i++) p->stacks[p->nstack++] = conc__stack_carve(v[i], i >= places - fresh);
}
CONC__INLINE conc__g *conc__stack_get(conc__p *p) {
    if (conc__unlikely(p->nstack == 0)) {
        conc__stack_refill(p);
        if (p->nstack == 0) return NULL;
    }
    uint32_t n = --p->nstack;
    if (n >= 4) conc__prefetch(p->stacks[n - 4]);
    return p->stacks[n];
}
CONC__NOINLINE void conc__stack_spill(conc__p *p) {
    conc__lock(&conc__rt.stack_lock);
    conc__st(&conc__rt.stack_moves, conc__rt.stack_moves + 1);
    for (int i = 0; i < CONC__BATCH; i++) conc__pool_put(p->stacks[i]); /* the coldest */
    conc__unlock(&conc__rt.stack_lock);
    p->nstack -= CONC__BATCH;
    memmove(p->stacks, p->stacks + CONC__BATCH, sizeof p->stacks[0] * p->nstack);
}
CONC__FN void conc__slab_free(struct conc__slab *s) {
    if (RUNNING_ON_VALGRIND)
        for (uint32_t i = 0; i < s->used; i++) VALGRIND_STACK_DEREGISTER(s->valgrind[i]);
#if CONC__ASAN
    __asan_unpoison_memory_region(s->base, s->size); /* marks of goroutines that were abandoned: the system may give the place to others */
#endif
    conc__os_release(s->base, s->size);
    CONC_FREE(s);
}
/* A stack of its own size for go_with; NULL: no memory. Any thread. */
CONC__FN conc__g *conc__stack_big(size_t want) {
    size_t size = conc__rt.stack_size;
    while (size < want + CONC__GUARD + 4096 && size < SIZE_MAX / 4) size *= 2;
    char *base = size > want ? (char *)conc__os_reserve(size) : NULL;
    if (!base) return NULL;
    conc__os_guard(base, CONC__GUARD);
    conc__g *g = (conc__g *)(void *)(base + size - CONC__G_ROOM);
    conc__stack_init(g, base, base);
    struct conc__slab *s = (struct conc__slab *)CONC_MALLOC(sizeof *s);
    if (!s) return conc__os_release(base, size), (conc__g *)NULL;
    s->base = base, s->size = s->slot = size, s->used = 1;
    if (RUNNING_ON_VALGRIND) s->valgrind[0] = VALGRIND_STACK_REGISTER(g->lo, base + size);
    conc__lock(&conc__rt.stack_lock);
    s->next = conc__rt.bigs;
    conc__rt.bigs = s;
    conc__unlock(&conc__rt.stack_lock);
    return g;
}
CONC__NOINLINE void conc__stack_big_free(conc__g *g) {
    conc__lock(&conc__rt.stack_lock);
    struct conc__slab **at = &conc__rt.bigs;
    while (*at && (*at)->base != (char *)g->map) at = &(*at)->next;
    struct conc__slab *s = *at;
    if (s) *at = s->next;
    conc__unlock(&conc__rt.stack_lock);
    if (!s) return;
    conc__slab_free(s);
}
CONC__FN void conc__stack_put(conc__p *p, conc__g *g) {
    g->live = 0;
#if CONC__TEST
    g->tg = NULL;
#endif
#if CONC__TSAN
    /* The next goroutine on this stack is not ordered after this one: only a fresh mapping makes the tool forget what was there. */
    __tsan_destroy_fiber(g->tsan);
    (void)mmap(g->lo, g->size, PROT_READ | PROT_WRITE, CONC__MAP_FRESH | MAP_FIXED, -1, 0);
#endif
#if CONC__ASAN
    __asan_unpoison_memory_region(g->lo, g->size);
#endif
    if (conc__unlikely(g->map != NULL)) {
        conc__stack_big_free(g);
        return;
    }
    if (conc__unlikely(!p)) { /* its M has lost the P */
        conc__lock(&conc__rt.stack_lock);
        conc__pool_put(g);
        conc__unlock(&conc__rt.stack_lock);
        return;
    }
    if (conc__unlikely(p->nstack == 2 * CONC__BATCH)) conc__stack_spill(p);
    p->stacks[p->nstack++] = g;
}

/* records */
CONC__FN conc__rec *conc__rec_batch(void) { /* sched.lock held; NULL: no memory */
    conc__rec *r = conc__rt.recs;
    if (r) {
        conc__rt.recs = (conc__rec *)r->arg[0];
        return r;
    }
    conc__rec *chunk = (conc__rec *)CONC_MALLOC(sizeof *chunk * (4 * CONC__BATCH + 1));
    if (!chunk) return NULL;
    chunk->arg[1] = (uintptr_t)conc__rt.chunks; /* the first record is the chunk's header */
    conc__rt.chunks = chunk++;
    for (int b = 3; b >= 0; b--) {
        conc__rec *batch = chunk + b * CONC__BATCH;
        for (int i = 0; i < CONC__BATCH; i++) batch[i].arg[1] = (uintptr_t)(i + 1 < CONC__BATCH ? &batch[i + 1] : NULL);
        if (b == 0) return batch;
        batch->arg[0] = (uintptr_t)conc__rt.recs;
        conc__rt.recs = batch;
    }
    return NULL;
}
CONC__NOINLINE conc__rec *conc__rec_refill(conc__p *p) {
    conc__lock(&conc__rt.lock);
    conc__rec *r = conc__rec_batch();
    conc__unlock(&conc__rt.lock);
    if (!r) return NULL;
    p->recs = (conc__rec *)r->arg[1];
    p->nrec = CONC__BATCH - 1;
    return r;
}
CONC__INLINE conc__rec *conc__rec_get(conc__p *p) {
    conc__rec *r = p->recs;
    if (conc__likely(r != NULL)) {
        p->recs = (conc__rec *)r->arg[1];
        p->nrec--;
        return r;
    }
    return conc__rec_refill(p);
}
CONC__NOINLINE void conc__rec_spill(conc__p *p) {
    conc__rec *first = p->recs, *last = first;
    for (int i = 1; i < CONC__BATCH; i++) last = (conc__rec *)last->arg[1];
    p->recs = (conc__rec *)last->arg[1];
    p->nrec -= CONC__BATCH;
    last->arg[1] = 0;
    conc__lock(&conc__rt.lock);
    first->arg[0] = (uintptr_t)conc__rt.recs;
    conc__rt.recs = first;
    conc__unlock(&conc__rt.lock);
}
CONC__INLINE void conc__rec_put(conc__p *p, conc__rec *r) {
    r->arg[1] = (uintptr_t)p->recs;
    p->recs = r;
    if (conc__unlikely(++p->nrec >= 4 * CONC__BATCH)) conc__rec_spill(p);
}

// >>park
/* Parking. A goroutine parks with a lock held: it has written itself into some queue under that lock, and the lock is released
   only when the processor has left its stack (conc__post, run by the next context). Whoever takes it out of the queue under the
   lock may therefore make it runnable at once. An OS thread waits on a futex in the same queues.

   A waiter is a node on the waiting side's stack, in the doubly linked circular queue of one channel or sync object, under that
   object's lock. Whoever unlinks it (queued becomes false) owns the right to wake it, and does so after releasing the lock. */
typedef uintptr_t conc__who; /* conc__g *, or (bit 0) struct conc__thread * */
struct conc__thread { uint32_t woken; bool counted, own; /* own: the runtime's (signals), already counted as such */ };
struct conc__selwait;
typedef struct conc__waiter {
    struct conc__waiter *next, *prev;
    conc__who who;
    void *elem;                /* channels: value to send, place to receive into; semaphore: amount */
    struct conc__selwait *sel; /* one case of a select, else NULL */
    uint16_t index;            /* which case */
    bool ok, queued, handed, expired;
} conc__waiter;
typedef conc__waiter *conc__queue; /* first waiter; its prev is the last */

/* The first waiter's address is looked at without the lock too (conc__not_ready), so it is stored atomically. */
CONC__INLINE void conc__q_put(conc__queue *q, conc__waiter *w) {
    conc__waiter *first = *q;
    w->queued = true;
    if (!first) {
        w->next = w->prev = w;
        conc__st(q, w);
    } else {
        w->next = first;
        w->prev = first->prev;
        first->prev->next = w;
        first->prev = w;
    }
}
CONC__INLINE void conc__q_put_first(conc__queue *q, conc__waiter *w) {
    conc__q_put(q, w);
    conc__st(q, w);
}
CONC__INLINE void conc__q_del(conc__queue *q, conc__waiter *w) {
    w->queued = false;
    if (w->next == w) {
        conc__st(q, (conc__waiter *)NULL);
        return;
    }
    w->next->prev = w->prev;
    w->prev->next = w->next;
    if (*q == w) conc__st(q, w->next);
}
/* All of them, in order, as a list that ends with NULL. */
CONC__INLINE conc__waiter *conc__q_take_all(conc__queue *q) {
    conc__waiter *list = *q;
    if (!list) return NULL;
    list->prev->next = NULL;
    conc__st(q, (conc__waiter *)NULL);
    for (conc__waiter *w = list; w; w = w->next) w->queued = false;
    return list;
}

/* The rest of a switch, in the context switched to; m is inside the bracket. */
CONC__INLINE void conc__post(conc__m *m) {
    if (m->unlock) {
        uint32_t *l = m->unlock;
        m->unlock = NULL;
        conc__unlock(l);
    } else if (m->dead) {
        conc__g *g = m->dead;
        m->dead = NULL;
        conc__stack_put(m->p, g);
    } else if (m->unlock_sel) {
        struct conc__selwait *s = m->unlock_sel;
        m->unlock_sel = NULL;
        conc__unlock_select(s);
    }
    if (conc__unlikely(m->requeue != NULL)) {
        conc__g *g = m->requeue;
        m->requeue = NULL;
        conc__inject(g);
    }
}

/* errno and the C++ exception globals are the thread's; they travel with the goroutine. */
CONC__INLINE void conc__save(conc__m *m, conc__g *g) {
    g->err = *m->err;
    if (conc__unlikely(m->exc != NULL)) {
        g->exc = *m->exc;
        m->exc->caught = NULL;
        m->exc->uncaught = 0;
    }
}
CONC__INLINE void conc__restore(conc__m *m, conc__g *g) {
    *m->err = g->err;
    if (conc__unlikely(m->exc != NULL)) *m->exc = g->exc;
}

CONC__FN conc__g *conc__bind(conc__m *m, conc__rec *r);
/* Leave the running goroutine for the next work of this M, or for its scheduler. The bracket is held; on return the goroutine
   is running again, perhaps on another M, outside the bracket. */
CONC__INLINE void conc__switch_out(conc__m *m, conc__g *g, uint32_t stop) {
    void *work = NULL;
    conc__last_set(g);
    if (conc__likely(stop == 0 && !g->locked)) work = conc__pick(m->p);
    else if (stop & CONC__TESTED) {
        conc__test_park(m, g);
        return;
    }
    conc__g *to = (conc__g *)work;
    if (conc__unlikely(((uintptr_t)work & 1) || !work || to->locked)) {
        to = NULL;
        if (work && ((uintptr_t)work & 1)) to = conc__bind(m, (conc__rec *)((uintptr_t)work & ~(uintptr_t)1));
        if (!to) {
            m->next = work;
            to = &m->g0;
        }
    }
    conc__save(m, g);
    conc__st(&m->cur, to);
    conc__hb_release(&conc__rt.stop); /* partner: conc_shutdown, should it abandon this goroutine */
    conc__switch(g, to, false);
    m = conc__self();
    conc__post(m);
    conc__restore(m, g);
    conc__hb_acquire(g);
    conc__leave(m);
}
/* Park the running goroutine; lock is released once its stack is left. Inline in the functions that block most: a frame less above
   the switch is a mispredicted return less after it. */
CONC__INLINE void conc__park_inline(conc__m *m, uint32_t *lock, int why) {
    conc__g *g = conc__ld(&m->cur);
    uint32_t stop = conc__enter(m);
    g->wait = (uint8_t)why;
    m->unlock = lock;
    conc__lock_passed(lock);
    conc__switch_out(m, g, stop);
}
CONC__NOINLINE void conc__park(conc__m *m, uint32_t *lock, int why) { conc__park_inline(m, lock, why); }
CONC__INLINE void conc__park_select(conc__m *m, struct conc__selwait *s, int why) {
    conc__g *g = conc__ld(&m->cur);
    uint32_t stop = conc__enter(m);
    g->wait = (uint8_t)why;
    m->unlock_sel = s;
    conc__switch_out(m, g, stop);
}
/* Go to the back of the common queue: the processor was taken away, or is wanted by others. */
CONC__NOINLINE void conc__give_way(conc__m *m) {
    conc__g *g = conc__ld(&m->cur);
    uint32_t stop = conc__enter(m);
    (void)__atomic_fetch_and(&m->stop, ~CONC__YIELD, __ATOMIC_RELAXED);
    m->requeue = g;
    conc__hb_release(g);
    conc__switch_out(m, g, stop | CONC__YIELD);
}

#if CONC__TSAN && !defined(CONC_NO_ERRNO)
/* A goroutine's errno under ThreadSanitizer: the thread's word would be shared by goroutines that are not ordered. What the C library
   has left in the thread's word moves to the goroutine's, at the far end of its stack (which conc__stack_put makes the tool forget); CONC__NO_ERRNUM stays there, and tells that nothing new has been left. perror and
   %m do not see what a goroutine stored itself. */
#define CONC__NO_ERRNUM (-77)
__attribute__((no_sanitize("thread"))) CONC_API int *conc_errno_location(void) {
    conc__m *m = conc__self();
    int *os = conc__os_errno();
    if (!m || m->cur == &m->g0) return os;
    int *own = (int *)(void *)m->cur->lo;
    if (*os != CONC__NO_ERRNUM) {
        *own = *os;
        *os = CONC__NO_ERRNUM;
    }
    return own;
}
#endif

/* who is running here, as a waiter's who */
static __thread struct conc__thread conc__tls_thread;
CONC__INLINE conc__who conc__me(conc__m *m) { return m ? (conc__who)conc__ld(&m->cur) : (conc__who)&conc__tls_thread | 1; }

CONC__NOINLINE void conc__thread_wake(struct conc__thread *t) {
    if (t->counted) (void)conc__add(&conc__rt.foreign_blocked, -1);
    conc__st_rel(&t->woken, 1); /* partner: the acquire in conc__thread_wait. The thread may be gone after this line: */
    conc__os_wake(&t->woken);   /* the kernel then finds nobody there, or at worst wakes a waiter that looks again */
}
/* Before it can be woken: woken is told of what comes from here on, and whoever waits for ever is one of those who could be stuck. */
CONC__FN void conc__thread_arm(struct conc__thread *t, bool for_ever) {
    t->woken = 0;
    t->counted = for_ever && !t->own;
    if (t->counted) (void)conc__add(&conc__rt.foreign_blocked, 1);
}
/* An OS thread waits until it is woken, or until deadline (INT64_MAX: none): false. lock is released first. */
CONC__NOINLINE bool conc__thread_wait(uint32_t *lock, int64_t deadline) {
    struct conc__thread *t = &conc__tls_thread;
    if (lock) {
        conc__thread_arm(t, deadline == INT64_MAX);
        conc__unlock(lock);
    }
    for (int i = 0; i < 400; i++) { /* about 10 us: less than a sleep and a wake */
        if (conc__ld_acq(&t->woken)) return true;
        conc__os_relax();
    }
    bool looked = false;
    while (!conc__ld_acq(&t->woken)) {
        int64_t left = -1, now;
        if (deadline != INT64_MAX) {
            if ((now = conc_now()) >= deadline) return false;
            left = deadline - now;
        } else if (!looked) {
            looked = true;
            if (!t->own) conc__deadlock_check();
        }
        conc__os_wait(&t->woken, 0, left);
    }
    return true;
}

/* Make a goroutine, or the OS thread, run on. can_yield: the caller may lose the processor here. No locks held. */
CONC__NOINLINE void conc__ready_slow(conc__m *m, conc__who who, uint32_t stop, bool nested, bool can_yield) {
    if (stop & CONC__TESTED) {
        conc__test_ready((conc__g *)who);
        can_yield = false;
    } else if (m && !(stop & CONC__LOST)) conc__push(m->p, (void *)who);
    else conc__inject((void *)who);
    if (!m || nested) return;
    conc__leave(m);
    if (can_yield) conc__give_way(m);
}
CONC__INLINE void conc__ready(conc__who who, bool can_yield) {
    if (conc__unlikely(who & 1)) {
        conc__thread_wake((struct conc__thread *)(who & ~(conc__who)1));
        return;
    }
    conc__hb_release((void *)who);
    conc__st(&((conc__g *)who)->wait, 0); /* from here on it is runnable */
    conc__m *m = conc__self();
#if CONC__TEST
    if (conc__tested() && ((conc__g *)who)->tg && !(m && m->test)) conc__fatal("a goroutine of a test and one outside it use the same object");
#endif
    bool nested = m && conc__ld(&m->in);
    uint32_t stop = conc__unlikely(!m) ? CONC__LOST : conc__unlikely(nested) ? conc__stop_bits(m) : conc__enter(m);
    if (conc__unlikely(stop)) {
        conc__ready_slow(m, who, stop, nested, can_yield);
        return;
    }
    conc__push(m->p, (void *)who);
    if (conc__likely(!nested)) conc__leave(m);
}
/* A list of waiters that were taken out of their queue. The object they waited for may be gone with the first that runs. */
CONC__FN void conc__wake_list(conc__waiter *list, bool can_yield) {
    while (list) { /* a woken waiter's stack may be gone: read the link first */
        conc__waiter *w = list;
        list = w->next;
        conc__ready(w->who, can_yield && list == NULL);
    }
}

// >>sched
/* The scheduler. Go's shape (P-local queues, run-next, common queue looked at every 64th dispatch, stealing half) with three
   differences that docs/internals.md argues with figures:
   - Work is not shared the moment it appears. A push only looks at sched.attn. A thief takes work that has waited: from a P
     whose dispatch counter stood still for some microseconds (its goroutine computes or blocks), or whose queue is longer than
     it can drain soon. A worker is woken for a push only while such wakes have lately found aged work (ATTN_WAKE and the
     back-off); else the monitor's tick does it.
   - A goroutine that keeps its processor is not interrupted: the processor is taken from under it (conc__hand_off) and the
     goroutine queues at its next entry into the runtime. Blocking system call and busy loop are the same case.
   - A goroutine that has not started has no stack, and is run on the stack of the one that has just ended.

   No lost wake-up: (1) work pushed to a P is run by its M when that parks, or, if the M stays in one goroutine, is found by the
   monitor, which never sleeps without a look at the queues after announcing it (see conc__push); (2) work injected from outside
   is enqueued under sched.lock; an M goes idle under the same lock after finding the queue empty, so either it sees the work or
   the injector sees it idle; (3) a timer is inserted before waiter_due is read, and an M that is about to sleep publishes
   waiter_due, fences heavily and looks at all timers again. */

/* common queue: sched.lock held */
CONC__FN void conc__gq_put(void *work) {
    if (conc__rt.qn == conc__rt.qcap) {
        uint32_t cap = conc__rt.qcap ? conc__rt.qcap * 2 : 256;
        void **q = (void **)conc__xmalloc(sizeof(void *) * cap);
        for (uint32_t i = 0; i < conc__rt.qn; i++) q[i] = conc__rt.q[(conc__rt.qhead + i) & (conc__rt.qcap - 1)];
        CONC_FREE(conc__rt.q);
        conc__rt.q = q;
        conc__rt.qcap = cap;
        conc__rt.qhead = 0;
    }
    conc__rt.q[(conc__rt.qhead + conc__rt.qn) & (conc__rt.qcap - 1)] = work;
    conc__st(&conc__rt.qn, conc__rt.qn + 1);
}
CONC__FN void *conc__gq_get(void) {
    if (!conc__rt.qn) return NULL;
    void *work = conc__rt.q[conc__rt.qhead & (conc__rt.qcap - 1)];
    conc__rt.qhead = (conc__rt.qhead + 1) & (conc__rt.qcap - 1);
    conc__st(&conc__rt.qn, conc__rt.qn - 1);
    return work;
}
/* -> one for m to run, and a fair share of the rest into its queue */
CONC__FN void *conc__gq_take(conc__p *p) {
    if (!conc__ld(&conc__rt.qn)) return NULL;
    conc__lock(&conc__rt.lock);
    uint32_t n = conc__rt.qn / (uint32_t)conc__rt.procs;
    void *work = conc__gq_get();
    for (uint32_t i = 0; i < n && i < 64 && conc__rt.qn; i++) conc__ring_put(p, conc__gq_get());
    conc__unlock(&conc__rt.lock);
    return work;
}
/* Work was put into the common queue, and sched.lock released: see that somebody comes for it. wake: there was an idle P for it. */
CONC__FN void conc__gq_announce(bool wake) {
    if (wake && conc__wake_worker()) return;
    conc__fence_light(); /* nobody comes at once: the monitor will. Partner: the heavy fence in conc__monitor_sleep */
    if (conc__ld(&conc__rt.attn) & CONC__ATTN_MONITOR) conc__kick_monitor();
}
/* From anywhere: into the common queue. */
CONC__FN void conc__inject(void *work) {
    conc__lock(&conc__rt.lock);
    conc__gq_put(work);
    bool wake = conc__rt.nspin == 0 && conc__rt.idle_p != NULL;
    conc__unlock(&conc__rt.lock);
    conc__gq_announce(wake);
}

/* idle lists: sched.lock held */
CONC__FN void conc__p_idle(conc__p *p) {
    p->idle = true;
    conc__st(&p->m, (conc__m *)NULL);
    p->idle_next = conc__rt.idle_p;
    conc__rt.idle_p = p;
    conc__st(&conc__rt.nidle_p, conc__rt.nidle_p + 1);
}
CONC__FN conc__p *conc__p_take(void) {
    conc__p *p = conc__rt.idle_p;
    if (!p) return NULL;
    conc__rt.idle_p = p->idle_next;
    p->idle = false;
    conc__st(&conc__rt.nidle_p, conc__rt.nidle_p - 1);
    return p;
}
CONC__FN void conc__m_idle(conc__m *m) {
    m->idle = true;
    m->idle_next = conc__rt.idle_m;
    conc__rt.idle_m = m;
    conc__rt.nidle_m++;
}
CONC__FN void conc__m_unidle(conc__m *m) {
    for (conc__m **at = &conc__rt.idle_m; *at; at = &(*at)->idle_next)
        if (*at == m) {
            *at = m->idle_next;
            break;
        }
    m->idle = false;
    conc__rt.nidle_m--;
    if (conc__rt.waiter == m) {
        conc__st(&conc__rt.waiter, (conc__m *)NULL);
        conc__st(&conc__rt.waiter_due, INT64_MAX);
    }
    if (conc__rt.poller == m) conc__st(&conc__rt.poller, (conc__m *)NULL);
}
/* Give p to m and let it go on. */
CONC__FN void conc__m_give(conc__m *m, conc__p *p) {
    conc__st(&m->p, p);
    conc__st_rel(&p->m, m); /* partner: the acquire loads of thieves and the monitor */
    conc__st_rel(&m->stop, 0);
}
CONC__FN void conc__m_wake(conc__m *m) {
    /* before it runs on: then it may say anything, and either call is harmless. Partner of the acquire: conc__poll_open */
    bool polling = conc__ld(&m->polling) && conc__ld_acq(&conc__rt.io_on);
    conc__st_rel(&m->wake, 1);
    if (polling) conc__os_event_signal(&conc__rt.io_set.event);
    else conc__os_wake(&m->wake);
}
CONC__FN void conc__m_sleep(conc__m *m, int64_t ns) {
    if (m->polling) conc__os_set_wait(&conc__rt.io_set, ns);
    else conc__os_wait(&m->wake, 0, ns);
}
CONC__FN int conc__m_start(conc__p *p);
CONC__FN void conc__kick_monitor(void);

/* Let an idle or new thread run p. sched.lock held, released here. */
CONC__FN bool conc__p_run(conc__p *p) {
    conc__m *m = conc__rt.idle_m, *spare = NULL;
    for (conc__m *i = m; i && !spare; i = i->idle_next)
        if (i != conc__rt.waiter && !conc__ld(&i->locked)) spare = i;
    if (!spare && m && !conc__ld(&m->locked)) spare = m;
    if (conc__rt.poller) spare = conc__rt.poller; /* else it and the one that runs would snatch each other's events */
    if (spare) {
        bool watched = spare == conc__rt.poller || spare == conc__rt.waiter;
        conc__m_unidle(spare);
        conc__m_give(spare, p);
        conc__rt.wakes++;
        conc__unlock(&conc__rt.lock);
        conc__m_wake(spare);
        /* what it watched in its sleep is the monitor's now, should its goroutine keep it */
        if (watched && (conc__ld(&conc__rt.attn) & CONC__ATTN_MONITOR)) conc__kick_monitor();
        return true;
    }
    conc__unlock(&conc__rt.lock);
    if (conc__m_start(p) == 0) return true;
    conc__lock(&conc__rt.lock);
    conc__p_idle(p);
    conc__unlock(&conc__rt.lock);
    return false;
}
/* Put an idle P to work; 0: there was none, or no thread for it. */
CONC__FN int conc__wake_worker(void) {
    conc__lock(&conc__rt.lock);
    conc__p *p = conc__p_take();
    if (p) return conc__p_run(p);
    /* none idle; one whose M waits in conc_blocking is as good */
    for (conc__m *m = conc__rt.all_m; m; m = m->all_next)
        if (conc__ld(&m->blocking) && m->p && conc__seize(m)) {
            p = m->p;
            if (conc__ld(&m->blocking) && p) {
                conc__st(&m->p, (conc__p *)NULL);
                conc__unseize(m, CONC__LOST);
                conc__rt.handoffs++;
                return conc__p_run(p);
            }
            conc__unseize(m, 0);
        }
    conc__unlock(&conc__rt.lock);
    return 0;
}
CONC__FN void conc__kick_monitor(void) {
    (void)__atomic_fetch_and(&conc__rt.attn, ~(uint32_t)CONC__ATTN_MONITOR, __ATOMIC_ACQ_REL);
    conc__st_rel(&conc__rt.mon_wake, 1);
    conc__os_wake(&conc__rt.mon_wake);
}
/* A push found a bit in sched.attn. */
CONC__NOINLINE void conc__attend(void) {
    uint32_t attn = conc__ld(&conc__rt.attn);
    if (attn & CONC__ATTN_MONITOR) conc__kick_monitor();
    if (attn & CONC__ATTN_WAKE) {
        uint32_t old = __atomic_fetch_and(&conc__rt.attn, ~(uint32_t)CONC__ATTN_WAKE, __ATOMIC_ACQ_REL);
        if ((old & CONC__ATTN_WAKE) && conc__ld(&conc__rt.nspin) == 0 && conc__ld(&conc__rt.nidle_p) > 0) (void)conc__wake_worker();
    }
}

/* Steal: half of the queue of v, or its run-next, for p. Both Ms' brackets are held (v by seizing). */
CONC__FN void *conc__steal_from(conc__p *v, conc__p *p) {
    uint32_t n = v->tail - v->head;
    if (n == 0) {
        void *work = v->next;
        conc__st(&v->next, NULL);
        return work;
    }
    n -= n / 2;
    if (n > 4096) n = 4096;
    void *first = NULL;
    for (uint32_t i = 0; i < n; i++) {
        void *work = v->ring[v->head & v->mask];
        conc__st(&v->head, v->head + 1);
        if (first) conc__ring_put(p, work);
        else first = work;
    }
    return first;
}
/* One look at all other Ps. seen holds their dispatch counters of ns nanoseconds ago. Work is taken from a P that has dispatched
   nothing since, or that needs more than about 20 us for its queue at the pace seen. */
CONC__FN void *conc__try_steal(conc__m *m, int64_t ns) {
    int n = conc__ld(&conc__rt.nps);
    uint32_t start = (m->p->rng = m->p->rng * 1664525u + 1013904223u) >> 16;
    for (int k = 0; k < n; k++) {
        conc__p *v = conc__rt.ps[(start + (uint32_t)k) % (uint32_t)n];
        conc__m *vm = conc__ld_acq(&v->m);
        if (v == m->p || !vm || !conc__p_has_work(v)) continue;
        uint32_t ran = conc__ld(&v->tick) - m->seen[v->index];
        uint32_t queue = conc__ld(&v->tail) - conc__ld(&v->head);
        if (ran != 0 && (double)queue * (double)ns < 20000.0 * (double)ran) continue;
        if (conc__ld(&vm->in) || !conc__seize(vm)) continue; /* do not pay for a fence that is likely in vain */
        void *work = vm->p == v ? conc__steal_from(v, m->p) : NULL;
        conc__unseize(vm, 0);
        if (work) {
            (void)conc__add(&conc__rt.steals, 1);
            m->fruitful = true;
            return work;
        }
    }
    return NULL;
}
CONC__FN void conc__look(conc__m *m) {
    int n = conc__ld(&conc__rt.nps);
    if (!m->seen) m->seen = (uint32_t *)conc__xmalloc(sizeof *m->seen * CONC__PROCS_MAX);
    for (int i = 0; i < n; i++) m->seen[i] = conc__ld(&conc__rt.ps[i]->tick);
}
/* time of the first timer of all Ps */
CONC__FN int64_t conc__first_due(void) {
    int64_t due = INT64_MAX;
    int n = conc__ld_acq(&conc__rt.nps);
    for (int i = 0; i < n; i++) {
        int64_t d = conc__ld(&conc__rt.ps[i]->due);
        if (d < due) due = d;
    }
    return due;
}
/* Fire what is due on every P's heap; true if that made work. */
CONC__FN bool conc__fire_all(conc__m *m) {
    int64_t first = conc__first_due(), now;
    if (first == INT64_MAX || first > (now = conc_now())) return false;
    int n = conc__ld_acq(&conc__rt.nps);
    for (int i = 0; i < n; i++)
        if (conc__ld(&conc__rt.ps[i]->due) <= now) conc__run_timers(m, conc__rt.ps[i], now);
    return conc__p_has_work(m->p);
}

/* Has the worker of a busy P other than mine looked for I/O in the last ns nanoseconds? *busy: there is such a P. */
CONC__FN bool conc__polled_lately(const conc__p *mine, int64_t now, int64_t ns, bool *busy) {
    bool lately = false;
    int n = conc__ld_acq(&conc__rt.nps);
    for (int i = 0; i < n; i++) {
        const conc__p *p = conc__rt.ps[i];
        if (p == mine || !conc__ld(&p->m)) continue;
        *busy = true;
        lately |= now - conc__ld(&p->polled) < ns;
    }
    return lately;
}
/* A spinner leaves I/O to a worker that looks often: whoever runs out of work there finds its own events. */
CONC__FN bool conc__spin_poll(conc__m *m, int64_t now) {
    bool busy = false;
    if (conc__ld(&conc__rt.io_waiting) == 0 || conc__polled_lately(m->p, now, 20 * CONC_US, &busy)) return false;
    return conc__poll(m);
}
/* Spin for work for some tens of microseconds, one spinner at a time: as long as a sleep and a wake would take. */
CONC__FN void *conc__spin(conc__m *m) {
    int busy = conc__ld(&conc__rt.procs) - conc__ld(&conc__rt.nidle_p);
    int64_t t0 = conc_now(), look = t0, polled = t0, now = t0;
    int64_t limit = m->spins >= 8 ? 3000 : busy > 1 ? 40000 : 12000;
    void *work = NULL;
    if (conc__add(&conc__rt.nspin, 1) > 1 + conc__ld(&conc__rt.procs) / 4) limit = 0;
    conc__look(m);
    while (now - t0 < limit && !conc__ld(&conc__rt.stop)) {
        for (int i = 0; i < 20 && !conc__ld(&conc__rt.qn); i++) conc__os_relax();
        if ((work = conc__gq_take(m->p)) != NULL) break;
        if (conc__fire_all(m)) break;
        now = conc_now();
        if (now - polled >= 5000) {
            if (conc__spin_poll(m, now)) break;
            polled = now;
        }
        if (busy > 1 && now - look >= 5000) {
            if ((work = conc__try_steal(m, now - look)) != NULL) break;
            look = now;
            conc__look(m);
        }
        if (conc__ld_acq(&m->stop)) break;
    }
    (void)conc__add(&conc__rt.nspin, -1);
    m->spins = work || conc__p_has_work(m->p) ? 0 : m->spins + 1;
    return work;
}

/* Was waking m right? Then the next push shall do it again; else not for 1, 2, 4 ... 64 monitor ticks. sched.lock held. */
CONC__FN void conc__wake_policy(conc__m *m) {
    if (m->fruitful) {
        m->fruitful = false;
        conc__rt.backoff = 0;
        (void)__atomic_fetch_or(&conc__rt.attn, CONC__ATTN_WAKE, __ATOMIC_RELAXED);
    } else if (!(conc__ld(&conc__rt.attn) & CONC__ATTN_WAKE) && !conc__rt.rearm) {
        conc__rt.backoff = conc__rt.backoff ? (conc__rt.backoff < 64 ? conc__rt.backoff * 2 : 64) : 1;
        conc__rt.rearm = conc__rt.backoff;
    }
}
/* m comes back without a P. Was it a busy loop beside the others? From here on it is a worker again. */
CONC__FN void conc__promote(conc__m *m) {
    if (!m->demoted) return;
    m->demoted = false;
    conc__os_slice(0, CONC__SLICE_SHORT);
}
/* m is about to sleep: in the poller, unless somebody sees to I/O already (a thread asleep there would wake for each event of a worker
   that polls). -> the monitor must be awake, to see that this stays so.
   sched.lock held. */
CONC__FN bool conc__elect_poller(conc__m *m) {
    /* partner: the increment in conc__op_wait, after the set's opening: whoever wakes m, after this lock, sees the set's event */
    bool busy = false, wanted = conc__ld_acq(&conc__rt.io_waiting) > 0 && !conc__rt.poller;
    /* one that has a P, but is not awake yet, will poll. Two on one eventfd could take each other's signals: the one with the P slept on */
    bool others = wanted && (conc__rt.in_poller || conc__polled_lately(NULL, conc_now(), CONC_MS, &busy));
    conc__st(&m->polling, wanted && !others);
    if (m->polling) conc__rt.in_poller = m, conc__st(&conc__rt.poller, m);
    return others;
}
/* m and its P go idle, unless there is work after all (false). */
CONC__FN bool conc__go_idle(conc__m *m) {
    conc__promote(m);
    conc__lock(&conc__rt.lock);
    conc__p *p = m->p;
    if (conc__rt.qn && !p && !conc__rt.stop && (p = conc__p_take()) != NULL) conc__m_give(m, p);
    if (conc__rt.stop || (conc__rt.qn && p)) {
        conc__unlock(&conc__rt.lock);
        return false;
    }
    if (p) {
        m->p = NULL;
        if (p->index >= conc__rt.procs) p->dead = true, conc__st(&p->m, (conc__m *)NULL);
        else conc__p_idle(p);
    }
    conc__st(&m->wake, 0);
    conc__m_idle(m);
    conc__st_rel(&m->stop, CONC__LOST);
    conc__wake_policy(m);
    bool watch = conc__elect_poller(m);
    int64_t due = conc__first_due();
    if (due < conc__rt.waiter_due || (m->polling && due != INT64_MAX && due == conc__rt.waiter_due)) { /* better one thread than two */
        conc__st(&conc__rt.waiter, m);
        conc__st(&conc__rt.waiter_due, due);
    }
    conc__unlock(&conc__rt.lock);
    if (watch && (conc__ld(&conc__rt.attn) & CONC__ATTN_MONITOR)) conc__kick_monitor();
    return true;
}
/* How long may m, idle, sleep? -1: until it is woken. */
CONC__FN int64_t conc__sleep_limit(conc__m *m, bool *retire, bool *suspect) {
    conc__fence_heavy(); /* partner: the light fence in conc__timer_notify: from here on whoever adds a timer sees us idle */
    int64_t due = conc__first_due(), promised = conc__ld(&conc__rt.waiter_due), now;
    if (due < promised && conc__ld(&conc__rt.nidle_p) > 0) return 0; /* one came in between, its maker counted on us: look again */
    if (conc__ld(&conc__rt.waiter) == m) { /* never later than promised: timers after it were not announced */
        if (promised == INT64_MAX) return 0;
        now = conc_now();
        int64_t limit = promised > now ? promised - now : 0;
        /* without an idle P we could do nothing about it: those who have the Ps will */
        return limit < CONC_MS && conc__ld(&conc__rt.nidle_p) == 0 ? CONC_MS : limit;
    }
    conc__lock(&conc__rt.lock);
    *retire = !m->polling && conc__rt.nidle_m > conc__rt.procs + 2 && conc__rt.nm > conc__rt.procs + 2;
    conc__unlock(&conc__rt.lock);
    if (*retire) return 2 * CONC_SEC;
    *suspect = due == INT64_MAX && conc__ld(&conc__rt.foreign_blocked) > 0 && conc__ld(&conc__rt.io_waiting) == 0;
    return *suspect ? 10 * CONC_MS : -1;
}
/* The P goes idle and the thread sleeps until it is given one; with the first timer's time as limit if it is the timer waiter.
   true: m has a P. false: look again, or the runtime is stopping, or the thread shall end (m->exiting). */
CONC__FN bool conc__sleep_m(conc__m *m) {
    bool retire = false, suspect = false;
    if (!conc__go_idle(m)) return m->p != NULL;
    int64_t limit = conc__sleep_limit(m, &retire, &suspect);
    if (limit != 0 && !conc__ld_acq(&m->wake)) conc__m_sleep(m, limit);
    if (suspect && !conc__ld_acq(&m->wake)) {
        conc__deadlock_check();
        conc__m_sleep(m, -1);
    }
    conc__lock(&conc__rt.lock);
    if (conc__rt.in_poller == m) conc__rt.in_poller = NULL;
    if (m->idle) { /* nobody took us off the list: time limit, or a stray wake */
        conc__p *p = retire || conc__rt.stop ? NULL : conc__p_take();
        if (p) conc__m_give(m, p);
        else m->exiting = retire && !conc__rt.stop;
        conc__m_unidle(m);
    }
    conc__unlock(&conc__rt.lock);
    if (!m->p && m->polling) (void)conc__poll(m); /* all Ps are busy: into the common queue with it */
    return m->p != NULL;
}

/* Get rid of a P that conc_set_procs has abolished. */
CONC__FN void conc__p_retire(conc__m *m) {
    conc__p *p = m->p;
    conc__lock(&conc__rt.lock);
    if (p->next) conc__gq_put(p->next);
    conc__st(&p->next, NULL);
    for (void *w; (w = conc__ring_get(p)) != NULL;) conc__gq_put(w);
    p->dead = true;
    m->p = NULL;
    conc__st(&p->m, (conc__m *)NULL);
    conc__st_rel(&m->stop, CONC__LOST);
    conc__unlock(&conc__rt.lock);
    conc__gq_announce(false); /* m itself takes an idle P, if there is one */
}

/* Find work for m, waiting for it; NULL: look at m again (it got a goroutine of its own, or must end). */
CONC__FN void *conc__find(conc__m *m) {
    void *work;
    for (;;) {
        if (conc__ld(&conc__rt.stop) || m->exiting) return NULL;
        if (!m->p) {
            if (conc__sleep_m(m)) m->spins = 0;
            continue;
        }
        conc__p *p = m->p;
        uint32_t stop = conc__stop_bits(m);
        if (stop & CONC__YIELD) (void)__atomic_fetch_and(&m->stop, ~CONC__YIELD, __ATOMIC_RELAXED);
        if (conc__unlikely(p->index >= conc__ld(&conc__rt.procs))) {
            conc__p_retire(m);
            continue;
        }
        (void)conc__fire_all(m); /* of all Ps: conc_set_procs may have left some without anybody to run them */
        if ((p->tick & 63) == 0) {
            (void)conc__poll(m);
            if ((work = conc__gq_take(p)) != NULL) return work;
        }
        if ((work = conc__pick(p)) != NULL) return work;
        if ((p->tick & 63) == 0 && (work = conc__pick(p)) != NULL) return work;
        if ((work = conc__gq_take(p)) != NULL) return work;
        if (conc__fire_all(m) || conc__poll(m)) continue;
        if ((work = conc__spin(m)) != NULL) {
            if (conc__ld(&conc__rt.qn) && conc__ld(&conc__rt.nidle_p)) (void)conc__wake_worker(); /* injectors counted on us */
            return work;
        }
        if (conc__p_has_work(p)) continue;
        if (conc__sleep_m(m)) m->spins = 0; /* woken: the first look gets its full time, 3 us are too short to steal */
    }
}

/* g is wired to a thread that is not ours: if that thread sleeps it gets p and runs g (true). Else it is on its way to sleep, with
   a P of its own perhaps: it is told, and p stays ours. Both are decided under sched.lock (conc__wait_locked). */
CONC__FN bool conc__run_locked(conc__m *m, conc__p *p, conc__g *g) {
    conc__m *lm = g->locked;
    conc__lock(&conc__rt.lock);
    lm->run = g;
    bool asleep = lm->idle;
    if (asleep) {
        if (m) {
            m->p = NULL;
            conc__st_rel(&m->stop, CONC__LOST);
        }
        conc__m_unidle(lm);
        conc__m_give(lm, p);
    }
    conc__unlock(&conc__rt.lock);
    if (asleep) conc__m_wake(lm);
    return asleep;
}
/* The goroutine that m is wired to is parked. Unless it is runnable again already, give the P on and sleep until it is. work: what
   was picked to run next, or NULL. */
CONC__FN void conc__wait_locked(conc__m *m, void *work) {
    conc__p *p = m->p;
    conc__g *other = NULL;
    conc__promote(m);
    if (p && !work) work = conc__pick(p);
    if (work && !((uintptr_t)work & 1)) {
        conc__g *g = (conc__g *)work;
        if (g == m->locked) { /* our own, runnable again: nobody else can have it */
            m->run = g;
            return;
        }
        if (g->locked) other = g;
    }
    if (work && !other) conc__push(p, work);
    conc__lock(&conc__rt.lock);
    bool idle_p = conc__rt.idle_p != NULL;
    if (m->run && p) {
        if (other) conc__gq_put(other);
        conc__unlock(&conc__rt.lock);
        if (other) conc__gq_announce(idle_p);
        return;
    }
    if (m->run) conc__gq_put(m->run); /* no P: whoever takes it from there finds this thread asleep and brings one */
    m->run = NULL;
    m->p = NULL;
    conc__st_rel(&m->stop, CONC__LOST);
    conc__st(&m->wake, 0);
    conc__st(&m->polling, false); /* it may have been, before its goroutine wired it */
    conc__m_idle(m);
    bool orphans = !p && conc__rt.qn;
    conc__unlock(&conc__rt.lock);
    if (orphans) conc__gq_announce(idle_p);
    if (p && !(other && conc__run_locked(NULL, p, other))) {
        conc__lock(&conc__rt.lock);
        bool io = conc__ld(&conc__rt.io_waiting) > 0 && !conc__rt.poller; /* who takes it will sleep in the poller, if nothing else */
        if (conc__p_has_work(p) || conc__rt.qn || conc__ld(&p->due) != INT64_MAX || io) (void)conc__p_run(p);
        else {
            conc__p_idle(p);
            conc__unlock(&conc__rt.lock);
        }
    }
    /* its goroutine's partner may be about to answer: a wake by memory takes 50 ns, by the kernel 20 us and more */
    for (int i = 0; i < 1000 && !conc__ld_acq(&m->wake); i++) conc__os_relax();
    while (!conc__ld_acq(&m->wake) && !conc__ld(&conc__rt.stop)) conc__os_wait(&m->wake, 0, -1);
}
/* The scheduler of one thread, on the thread's own stack; always inside the bracket. */
CONC__FN void conc__m_loop(conc__m *m) {
    for (;;) {
        void *work = m->next;
        m->next = NULL;
        if (m->locked) {
            conc__wait_locked(m, work);
            if (conc__ld(&conc__rt.stop)) return;
            work = m->run;
            m->run = NULL;
        } else if (!work) work = conc__find(m);
        if (conc__ld(&conc__rt.stop)) return;
        if (m->exiting) return;
        if (!work) continue;
        if (!m->p) { /* the P was taken while we looked elsewhere */
            conc__inject(work);
            continue;
        }
        conc__g *g = (conc__g *)work;
        if ((uintptr_t)work & 1) g = conc__bind(m, (conc__rec *)((uintptr_t)work & ~(uintptr_t)1));
        else if (g->locked && g->locked != m) {
            (void)conc__run_locked(m, m->p, g);
            continue;
        }
        conc__st(&m->cur, g);
        conc__switch(&m->g0, g, false);
        m = conc__self();
        conc__post(m);
        if (m->locked_exit) return;
    }
}

/* goroutine life */
CONC__INLINE uint64_t conc__new_id(conc__p *p) {
    if (conc__unlikely(p->id == p->id_end)) {
        p->id = __atomic_fetch_add(&conc__rt.next_id, CONC__IDS, __ATOMIC_RELAXED);
        p->id_end = p->id + CONC__IDS;
    }
    return p->id++;
}
/* Give a record a stack. */
CONC__FN conc__g *conc__bind(conc__m *m, conc__rec *r) {
    conc__g *g = (r->id & CONC__R_BIG) ? ((conc__big *)(void *)r)->g : NULL;
    if (conc__likely(!g)) g = conc__stack_get(m->p);
    if (conc__unlikely(!g)) conc__fatal("out of memory: no address space for a goroutine's stack (%zu bytes)", conc__rt.stack_size);
    g->rec = r;
    conc__context(g, conc__g_main);
#if CONC__TSAN
    g->tsan = r->tsan;
#endif
    return g;
}
extern int conc__go_replay(const struct conc__regs *regs, const uintptr_t *stack, size_t words, void (*fn)(void)) __attribute__((visibility("hidden"))); /* in assembly */
#if CONC__X64
typedef void (*conc__fn4)(uintptr_t, ...); /* as variadic: al is set, so that a variadic function may be started */
#else
typedef void (*conc__fn4)(uintptr_t, uintptr_t, uintptr_t, uintptr_t);
#endif
#if defined(__clang__)
#define CONC__ANY_CALL __attribute__((no_sanitize("function", "cfi")))
#else
#define CONC__ANY_CALL
#endif
/* Run the record of g, on g's stack; the bracket is held and is left before the user's function is called. A small record is
   free for reuse before that; one that holds the arguments in memory stays until the goroutine ends (g->rec). */
CONC__ANY_CALL CONC__INLINE void conc__run_rec(conc__m *m, conc__g *g) {
    conc__rec *r = (conc__rec *)g->rec;
    conc__big *big = (conc__big *)(void *)r;
    unsigned kind = (unsigned)(r->id & 255);
    g->id = r->id >> 8;
    g->parent = r->parent;
    g->site = r->site;
    g->name = NULL;
    g->wg = NULL;
    g->exits = NULL;
    g->local = NULL;
    g->wait = 0;
#if CONC__TEST
    g->family = g->born = r->family;
#endif
    g->live = 1;
    if (conc__unlikely(kind & CONC__R_BIG)) {
        g->wg = big->wg;
        g->name = big->name;
    } else if (kind & CONC__R_WG) g->wg = (struct conc_wg *)r->arg[3];
    conc__hb_acquire(r);
    void (*fn)(void) = r->fn;
    switch (kind & CONC__R_KIND) {
    case CONC__R_INT: {
        uintptr_t a = r->arg[0], b = r->arg[1], c = r->arg[2], d = r->arg[3];
        g->rec = NULL;
        if (conc__likely(!(kind & CONC__R_BIG))) conc__rec_put(m->p, r);
        else g->rec = r;
        conc__leave(m);
        ((conc__fn4)(uintptr_t)fn)(a, b, c, d);
        break;
    }
    case CONC__R_REGS:
        conc__leave(m);
        (void)conc__go_replay(&big->regs, (const uintptr_t *)(&big->regs + 1), big->words, fn);
        break;
    default:
        conc__leave(m);
        ((void (*)(void *))(uintptr_t)fn)((kind & CONC__R_BIG) ? (void *)&big->regs : (void *)r->arg);
    }
}
/* What a goroutine keeps in its control block for itself is accessed atomically: the block is reused by goroutines that are not
   ordered after it. */
CONC__FN void conc__run_exits(conc__g *g) {
    for (struct conc__exit *e; (e = conc__ld(&g->exits)) != NULL;) {
        void (*fn)(void *) = e->fn;
        void *arg = e->arg;
        conc__st(&g->exits, e->next);
        if (e->heap) CONC_FREE(e);
        fn(arg);
    }
    void **local = conc__ld(&g->local);
    if (!local) return;
    for (uint32_t i = 0; i < conc__ld_acq(&conc__rt.nkeys); i++) {
        void *v = local[i];
        local[i] = NULL;
        if (v && conc__rt.key_dtor[i]) conc__rt.key_dtor[i](v);
    }
    CONC_FREE(local);
    conc__st(&g->local, (void **)NULL);
}
/* The goroutine has ended. Its stack goes on with the next work if that has not started yet (-> the M, inside the bracket; only
   if reuse is allowed); else it is left for good. */
CONC__NOINLINE conc__m *conc__finish(conc__g *g, bool reuse) {
    if (conc__unlikely(conc__ld(&g->exits) || conc__ld(&g->local))) conc__run_exits(g);
    conc__family_leave(g);
    if (g->wg) conc_wg_done(g->wg);
    conc__m *m = conc__self();
    uint32_t stop = conc__enter(m);
    conc__last_set(g);
    conc__hb_release(&conc__rt); /* partners: conc_num_goroutines, conc_shutdown */
    conc__rec *r = (conc__rec *)g->rec;
    if (conc__unlikely(r != NULL)) {
        if (r->id & CONC__R_BIG) CONC_FREE(r);
        else if (m->p) conc__rec_put(m->p, r);
        else {
            conc__lock(&conc__rt.lock);
            r->arg[1] = 0;
            r->arg[0] = (uintptr_t)conc__rt.recs;
            conc__rt.recs = r;
            conc__unlock(&conc__rt.lock);
        }
    }
    if (conc__likely(m->p != NULL)) conc__st_rel(&m->p->live, m->p->live - 1); /* partner: the acquire in conc_num_goroutines */
    else (void)conc__add(&conc__rt.foreign_live, -1);
    conc__g *to = &m->g0;
    if (conc__unlikely(stop & CONC__TESTED)) to = conc__test_exit(m);
    else if (conc__unlikely(g->locked)) {
        g->locked = NULL;
        g->locks = 0;
        m->locked = NULL;
        m->locked_exit = true;
    } else if (conc__likely(stop == 0)) {
        void *work = conc__pick(m->p);
        if (work && ((uintptr_t)work & 1)) {
            r = (conc__rec *)((uintptr_t)work & ~(uintptr_t)1);
            if (reuse && !CONC__TSAN && !g->map && !(r->id & CONC__R_BIG)) {
                g->rec = r;
                return m;
            }
            to = conc__bind(m, r);
        } else if (work && !((conc__g *)work)->locked) to = (conc__g *)work;
        else m->next = work;
    }
    m->dead = g;
    conc__st(&m->cur, to);
    conc__switch(g, to, true);
    __builtin_unreachable();
}
/* Where every goroutine stack begins. */
CONC__FN void conc__g_main(void) {
    conc__tsan_blind(true);
    conc__m *m = conc__self();
    conc__switched_new();
    conc__post(m);
    for (;;) {
        conc__g *g = m->cur;
        conc__run_rec(m, g);
        m = conc__finish(conc__ld(&conc__self()->cur), true);
    }
}

/* starting goroutines */
CONC__FN conc__rec *conc__rec_foreign(void) {
    conc__ensure();
    conc__lock(&conc__rt.lock);
    conc__rec *r = conc__rec_batch();
    conc__rec *rest = r ? (conc__rec *)r->arg[1] : NULL;
    if (rest) {
        rest->arg[0] = (uintptr_t)conc__rt.recs;
        conc__rt.recs = rest;
    }
    conc__unlock(&conc__rt.lock);
    return r;
}
/* Number, parent, site, counts. m == NULL or without a P: from outside. */
CONC__INLINE void conc__rec_fill(conc__m *m, bool inside, conc__rec *r, const conc__site *site, unsigned kind) {
    r->site = site;
    if (conc__likely(inside)) {
        conc__p *p = m->p;
        r->id = conc__new_id(p) << 8 | kind;
        r->parent = conc__ld(&m->cur)->id;
        p->live++;
        p->spawned++;
    } else {
        r->id = __atomic_fetch_add(&conc__rt.next_id, 1, __ATOMIC_RELAXED) << 8 | kind;
        r->parent = m ? conc__ld(&m->cur)->id : 0;
        (void)conc__add(&conc__rt.foreign_live, 1);
        (void)conc__add(&conc__rt.foreign_spawned, 1);
    }
#if CONC__TSAN
    r->tsan = __tsan_create_fiber(0);
#endif
    conc__family_join(r);
    conc__hb_release(r);
}
/* A record is filled; outside: m has no P, or is wanted elsewhere. */
CONC__NOINLINE void conc__submit_slow(conc__m *m, conc__rec *r) {
    conc__inject((void *)((uintptr_t)r | 1));
    if (m && conc__ld(&m->cur) != &m->g0) {
        conc__leave(m);
        conc__give_way(m);
    }
}
CONC__NOINLINE void conc__go_nil(void) { conc__fatal("go of nil func value"); }
CONC__NOINLINE void conc__go4_slow(conc__m *m, uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d, conc__godesc *ds);

/* Four integer registers. From the assembly stub, tail-called: its caller is the user's go statement. */
CONC__FROM_ASM void conc__go4(uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d, conc__godesc *ds) {
    conc__m *m = conc__self();
    if (conc__unlikely(!m || !ds->fn || ds->opts || (ds->wg && ds->stack > 48) || conc__enter(m))) {
        conc__go4_slow(m, a, b, c, d, ds);
        return;
    }
    conc__rec *r = conc__rec_get(m->p);
    if (conc__unlikely(!r)) conc__fatal("out of memory: go");
    r->fn = ds->fn;
    r->arg[0] = a;
    r->arg[1] = b;
    r->arg[2] = c;
    r->arg[3] = d;
    unsigned kind = CONC__R_INT;
    if (ds->wg) {
        conc_wg_add(ds->wg, 1);
        r->arg[3] = (uintptr_t)ds->wg;
        kind |= CONC__R_WG;
    }
    conc__rec_fill(m, true, r, ds->site, kind);
    conc__push(m->p, (void *)((uintptr_t)r | 1));
    conc__leave(m);
}
CONC__FN conc__big *conc__big_new(conc__godesc *ds, size_t extra) {
    conc__big *big = ds->opts && conc__spawn_fails() ? NULL : (conc__big *)CONC_MALLOC(sizeof *big + extra);
    if (!big) return NULL;
    memset(big, 0, offsetof(conc__big, regs));
    big->wg = ds->wg;
    if (ds->opts) {
        big->name = ds->opts->name;
        if (ds->opts->stack > conc__rt.stack_size - CONC__GUARD - 4096) {
            conc__ensure();
            big->g = conc__stack_big(ds->opts->stack);
            if (!big->g) return CONC_FREE(big), (conc__big *)NULL;
        }
    }
    return big;
}
/* Submit a filled record from wherever we are. */
CONC__FN void conc__submit(conc__rec *r, conc__godesc *ds, unsigned kind) {
    conc__ensure();
    if (ds->wg) {
        conc__here_set(ds->site);
        conc_wg_add(ds->wg, 1);
        kind |= CONC__R_WG;
        conc__tsan_blind(true);
        if (!(kind & CONC__R_BIG)) r->arg[3] = (uintptr_t)ds->wg;
        conc__tsan_blind(false);
    }
    conc__m *m = conc__self();
    if (conc__in_test(m)) {
        r->id = kind;
        conc__test_spawn(m, r, ds->site);
        return;
    }
    bool nested = m && conc__ld(&m->in);
    bool inside = m && (nested ? conc__stop_bits(m) : conc__enter(m)) == 0;
    if (!inside) conc__tsan_blind(true);
    conc__rec_fill(m, inside, r, ds->site, kind);
    if (!inside) conc__tsan_blind(false);
    if (conc__unlikely(!inside)) {
        conc__submit_slow(nested ? NULL : m, r);
        return;
    }
    conc__push(m->p, (void *)((uintptr_t)r | 1));
    if (!nested) conc__leave(m);
}
/* No memory for a record: an error for go_with, the end for go. */
CONC__FN void conc__go_failed(conc__godesc *ds) {
    if (!ds->opts) conc__fatal("out of memory: go");
    ds->status = CONC_NO_MEMORY;
}
CONC__NOINLINE void conc__go4_slow(conc__m *m, uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d, conc__godesc *ds) {
    if (!ds->fn) conc__go_nil();
    conc__ensure();
    bool nested = m && conc__ld(&m->cur) == &m->g0;
    bool big = ds->opts || (ds->wg && ds->stack > 48); /* then conc__go4 has not tried to enter */
    if (m && !nested && conc__ld(&m->in)) conc__leave(m);
    conc__rec *r = big ? (conc__rec *)(void *)conc__big_new(ds, 0) : conc__in_test(m) ? conc__rec_get(m->p) : conc__rec_foreign();
    if (!r) {
        conc__go_failed(ds);
        return;
    }
    conc__tsan_blind(true); /* records pass from goroutine to goroutine like the rest of the scheduler's memory */
    r->fn = ds->fn;
    r->arg[0] = a;
    r->arg[1] = b;
    r->arg[2] = c;
    r->arg[3] = d;
    conc__tsan_blind(false);
    conc__submit(r, ds, big ? CONC__R_INT | CONC__R_BIG : CONC__R_INT);
}
/* All registers and the stacked words. From the assembly stub. The words are copied one by one: they belong to the caller's
   frame, which AddressSanitizer would not let memcpy read. */
__attribute__((no_sanitize_address)) CONC__FROM_ASM void conc__go_captured(const struct conc__regs *regs, const uintptr_t *stack, conc__godesc *ds) {
    if (!ds->fn) conc__go_nil();
    conc__ensure();
    size_t words = ds->stack / sizeof(uintptr_t);
    conc__big *big = conc__big_new(ds, ds->stack);
    if (!big) {
        conc__go_failed(ds);
        return;
    }
    big->r.fn = ds->fn;
    big->words = words;
    for (size_t i = 0; i < 8; i++) {
        big->regs.gp[i] = regs->gp[i];
        __asm__ volatile("" ::: "memory");
    }
    for (size_t i = 0; i < 16; i++) {
        big->regs.vec[i] = regs->vec[i];
        __asm__ volatile("" ::: "memory");
    }
    uintptr_t *to = (uintptr_t *)(&big->regs + 1);
    conc__tsan_blind(true); /* words past the arguments are the caller's own variables, copied in vain */
    for (size_t i = 0; i < words; i++) {
        to[i] = stack[i];
        __asm__ volatile("" ::: "memory");
    }
    conc__tsan_blind(false);
    if (ds->run) { /* the room holds the call, and run calls it by conc__call */
        big->fn = ds->fn;
        big->r.fn = (void (*)(void))(uintptr_t)ds->run;
    }
    conc__submit(&big->r, ds, ds->run ? CONC__R_ROOM | CONC__R_BIG : CONC__R_REGS | CONC__R_BIG);
}
CONC__INLINE conc__big *conc__big_of(void *room) { return (conc__big *)(void *)((char *)room - offsetof(conc__big, regs)); }
#define CONC__TYPED SIZE_MAX /* big->words: the call was put there by go_func's code, which also makes it */
/* Make the call that was captured, in the goroutine that was started for it: its int result, if it has one. The replay leaves the
   result's register alone. */
CONC__ANY_CALL CONC__FN int conc__call(void *room) {
    conc__big *big = conc__big_of(room);
    if (big->words != CONC__TYPED) return conc__go_replay(&big->regs, (const uintptr_t *)(&big->regs + 1), big->words, big->fn);
    ((void (*)(void *))(uintptr_t)big->fn)(room);
    return 0;
}
/* Typed room, for C++ and go_func: begin gives the room, the caller constructs the arguments in it, commit starts it. */
CONC_API void *conc__go_begin(conc__godesc *d, void (*run)(void *), size_t size) {
    if (!run) conc__go_nil();
    conc__ensure();
    bool big = d->opts || d->run || size > (d->wg ? 24u : 32u) || CONC__TSAN; /* the room is filled outside, see conc__go4_slow */
    size_t extra = size > sizeof(struct conc__regs) ? size - sizeof(struct conc__regs) : 0;
    conc__rec *r = NULL;
    if (big) {
        conc__big *b = conc__big_new(d, extra);
        if (b) r = &b->r;
    } else r = conc__rec_foreign();
    if (!r) {
        conc__go_failed(d);
        return NULL;
    }
    r->fn = (void (*)(void))(uintptr_t)run;
    if (d->run) {
        ((conc__big *)(void *)r)->fn = r->fn;
        ((conc__big *)(void *)r)->words = CONC__TYPED;
        r->fn = (void (*)(void))(uintptr_t)d->run;
    }
    d->rec = r;
    d->stack = big ? CONC__R_ROOM | CONC__R_BIG : CONC__R_ROOM;
    void *room = big ? (void *)&((conc__big *)(void *)r)->regs : (void *)r->arg;
    if (conc__tested()) conc__test_reuse(room, size);
    return room;
}
CONC_API void conc__go_commit(conc__godesc *d) { conc__submit((conc__rec *)d->rec, d, d->stack); }

/* The stubs that go() calls in place of the user's function (see the macro): the argument registers are as that function would
   find them, and the description is in the static chain register (r10, x18). */
#if CONC__X64
__asm__(
    ".text\n"
    ".type conc__go_int, @function\n"
    "conc__go_int:\n"
    "    endbr64\n"
    "    movq %r10, %r8\n"
    "    jmp conc__go4\n"
    ".size conc__go_int, .-conc__go_int\n"
    ".type conc__go_all, @function\n"
    "conc__go_all:\n"
    "    endbr64\n"
    "    pushq %rbp\n"
    "    movq %rsp, %rbp\n"
    "    subq $192, %rsp\n"
    "    andq $-16, %rsp\n"
    "    movq %rdi, 0(%rsp)\n"
    "    movq %rsi, 8(%rsp)\n"
    "    movq %rdx, 16(%rsp)\n"
    "    movq %rcx, 24(%rsp)\n"
    "    movq %r8, 32(%rsp)\n"
    "    movq %r9, 40(%rsp)\n"
    "    movq %rax, 48(%rsp)\n"
    "    movq $0, 56(%rsp)\n"
    "    movaps %xmm0, 64(%rsp)\n"
    "    movaps %xmm1, 80(%rsp)\n"
    "    movaps %xmm2, 96(%rsp)\n"
    "    movaps %xmm3, 112(%rsp)\n"
    "    movaps %xmm4, 128(%rsp)\n"
    "    movaps %xmm5, 144(%rsp)\n"
    "    movaps %xmm6, 160(%rsp)\n"
    "    movaps %xmm7, 176(%rsp)\n"
    "    movq %rsp, %rdi\n"
    "    leaq 16(%rbp), %rsi\n"
    "    movq %r10, %rdx\n"
    "    call conc__go_captured\n"
    "    leave\n"
    "    ret\n"
    ".size conc__go_all, .-conc__go_all\n"
    CONC__ASM_GLOBAL(conc__go_replay)
    ".type conc__go_replay, @function\n"
    "conc__go_replay:\n" /* (regs, stack, words, fn) */
    "    endbr64\n"
    "    pushq %rbp\n"
    "    movq %rsp, %rbp\n"
    "    movq %rdi, %r11\n"
    "    movq %rcx, %r10\n"
    "    movq %rdx, %rcx\n"
    "    incq %rdx\n"
    "    andq $-2, %rdx\n"
    "    shlq $3, %rdx\n"
    "    subq %rdx, %rsp\n"
    "    movq %rsp, %rdi\n"
    "    cld\n"
    "    rep movsq\n"
    "    movups 64(%r11), %xmm0\n"
    "    movups 80(%r11), %xmm1\n"
    "    movups 96(%r11), %xmm2\n"
    "    movups 112(%r11), %xmm3\n"
    "    movups 128(%r11), %xmm4\n"
    "    movups 144(%r11), %xmm5\n"
    "    movups 160(%r11), %xmm6\n"
    "    movups 176(%r11), %xmm7\n"
    "    movq 0(%r11), %rdi\n"
    "    movq 8(%r11), %rsi\n"
    "    movq 16(%r11), %rdx\n"
    "    movq 24(%r11), %rcx\n"
    "    movq 32(%r11), %r8\n"
    "    movq 40(%r11), %r9\n"
    "    movq 48(%r11), %rax\n"
    "    call *%r10\n"
    "    leave\n"
    "    ret\n"
    ".size conc__go_replay, .-conc__go_replay\n"
#else
__asm__(
    ".text\n"
    ".type conc__go_int, %function\n"
    "conc__go_int:\n"
    "    hint #34\n" /* bti c */
    "    mov x4, x18\n"
    "    b conc__go4\n"
    ".size conc__go_int, .-conc__go_int\n"
    ".type conc__go_all, %function\n"
    "conc__go_all:\n"
    "    hint #34\n"
    "    stp x29, x30, [sp, #-16]!\n"
    "    mov x29, sp\n"
    "    sub sp, sp, #192\n"
    "    stp x0, x1, [sp, #0]\n"
    "    stp x2, x3, [sp, #16]\n"
    "    stp x4, x5, [sp, #32]\n"
    "    stp x6, x7, [sp, #48]\n"
    "    stp q0, q1, [sp, #64]\n"
    "    stp q2, q3, [sp, #96]\n"
    "    stp q4, q5, [sp, #128]\n"
    "    stp q6, q7, [sp, #160]\n"
    "    mov x0, sp\n"
    "    add x1, x29, #16\n"
    "    mov x2, x18\n"
    "    bl conc__go_captured\n"
    "    mov sp, x29\n"
    "    ldp x29, x30, [sp], #16\n"
    "    ret\n"
    ".size conc__go_all, .-conc__go_all\n"
    CONC__ASM_GLOBAL(conc__go_replay)
    ".type conc__go_replay, %function\n"
    "conc__go_replay:\n"
    "    hint #34\n"
    "    stp x29, x30, [sp, #-16]!\n"
    "    mov x29, sp\n"
    "    mov x9, x0\n"
    "    mov x15, x3\n"
    "    add x10, x2, #1\n"
    "    and x10, x10, #-2\n"
    "    lsl x10, x10, #3\n"
    "    sub sp, sp, x10\n"
    "    mov x11, sp\n"
    "2:  cbz x2, 3f\n"
    "    ldr x13, [x1], #8\n"
    "    str x13, [x11], #8\n"
    "    sub x2, x2, #1\n"
    "    b 2b\n"
    "3:  ldp q0, q1, [x9, #64]\n"
    "    ldp q2, q3, [x9, #96]\n"
    "    ldp q4, q5, [x9, #128]\n"
    "    ldp q6, q7, [x9, #160]\n"
    "    ldp x0, x1, [x9, #0]\n"
    "    ldp x2, x3, [x9, #16]\n"
    "    ldp x4, x5, [x9, #32]\n"
    "    ldp x6, x7, [x9, #48]\n"
    "    blr x15\n"
    "    mov sp, x29\n"
    "    ldp x29, x30, [sp], #16\n"
    "    ret\n"
    ".size conc__go_replay, .-conc__go_replay\n"
#endif
    ".section .data.rel.ro,\"aw\"\n"
    ".balign 8\n"
    CONC__ASM_GLOBAL(conc__go_stub)
    CONC__ASM_GLOBAL(conc__go_stub4)
    "conc__go_stub: .quad conc__go_all\n"
    "conc__go_stub4: .quad conc__go_int\n"
    ".text\n");

/* processors and threads */
CONC__FN conc__p *conc__p_new(int index) {
    conc__tsan_blind(true);
    conc__p *p = (conc__p *)conc__line_alloc(sizeof *p);
    conc__tsan_blind(false);
    if (!p) return NULL;
    p->mask = 255;
    p->ring = (void **)CONC_MALLOC(sizeof(void *) * 256);
    if (!p->ring) return conc__line_free(p), (conc__p *)NULL;
    conc__tsan_blind(true);
    p->rng = (uint32_t)index * 2654435761u + 1;
    p->index = index;
    p->due = INT64_MAX;
    conc__tsan_blind(false);
    return p;
}
static void *conc__cxa_get_globals(void) __attribute__((weakref("__cxa_get_globals")));
CONC__FN void conc__thread_bind(conc__m *m) {
    m->err = conc__os_errno();
    m->exc = conc__cxa_get_globals ? (struct conc__exc *)conc__cxa_get_globals() : NULL;
#if CONC__TSAN
    m->g0.tsan = __tsan_get_current_fiber();
#endif
#if CONC__ASAN
    pthread_attr_t attr;
    void *lo = NULL;
    size_t size = 0;
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        (void)pthread_attr_getstack(&attr, &lo, &size);
        (void)pthread_attr_destroy(&attr);
    }
    m->g0.lo = (char *)lo;
    m->g0.size = size;
#endif
}
CONC__FN void conc__thread_begin(conc__m *m) {
    conc__thread_bind(m);
    conc__os_prompt();
    conc__st(&m->tid, conc__os_tid());
    clockid_t clock;
    if (pthread_getcpuclockid(pthread_self(), &clock) == 0) conc__st(&m->clock, clock);
#ifndef CONC_NO_SEGV_HANDLER
    stack_t alt;
    memset(&alt, 0, sizeof alt);
    alt.ss_size = 65536;
    alt.ss_sp = m->altstack = CONC_MALLOC(alt.ss_size);
    if (m->altstack) (void)sigaltstack(&alt, NULL);
#endif
}
CONC__FN void conc__thread_end(conc__m *m) {
#ifndef CONC_NO_SEGV_HANDLER
    stack_t alt;
    memset(&alt, 0, sizeof alt);
    alt.ss_flags = SS_DISABLE;
    (void)sigaltstack(&alt, NULL);
    CONC_FREE(m->altstack);
    m->altstack = NULL;
#endif
    conc__p *p = m->p; /* a goroutine ended while wired to this thread: the P lives on */
    conc__st(&m->p, (conc__p *)NULL);
    conc__st_rel(&m->stop, CONC__LOST);
    conc__tls_m = NULL;
    conc__lock(&conc__rt.lock);
    if (p && !conc__rt.stop) {
        (void)conc__p_run(p);
        conc__lock(&conc__rt.lock);
    }
    m->gone = true;
    conc__rt.nm--;
    conc__unlock(&conc__rt.lock);
}
CONC__FN void *conc__m_main(void *arg) {
    conc__m *m = (conc__m *)arg;
    conc__tls_m = m;
    (void)pthread_sigmask(SIG_SETMASK, &conc__rt.sigmask, NULL); /* our maker may be a thread that blocks signals, as the relay does */
    conc__tsan_blind(true);
    conc__thread_begin(m);
    conc__m_loop(m);
    conc__thread_end(m);
    conc__tsan_blind(false);
    return NULL;
}
/* A new thread that starts with p; 0, or -1 if there is none to be had while others exist to do the work. No locks held. */
CONC__FN int conc__m_start(conc__p *p) {
    conc__m *m = NULL;
    conc__lock(&conc__rt.lock);
    if (conc__rt.nm >= conc__rt.max_m) {
        int max = conc__rt.max_m;
        conc__unlock(&conc__rt.lock);
        conc__fatal("thread exhaustion\nruntime: program exceeds %d-thread limit: that many goroutines are blocked in system calls at once; "
                    "raise CONC_MAX_THREADS or limit them with a conc_sem", max);
    }
    for (conc__m *i = conc__rt.all_m; i && !m; i = i->all_next)
        if (i->gone) m = i;
    bool reuse = m != NULL;
    if (reuse) m->gone = false;
    conc__rt.nm++;
    conc__unlock(&conc__rt.lock);
    if (reuse) { /* in == 1 and stop == LOST remain from its last life, so that nobody can seize it */
        if (m->started) (void)pthread_join(m->thread, NULL);
        m->exiting = m->locked_exit = m->fruitful = m->blocking = m->started = false;
        conc__st(&m->locked, (conc__g *)NULL);
        m->run = NULL;
        m->next = NULL;
    } else {
        conc__tsan_blind(true);
        m = (conc__m *)conc__line_alloc(sizeof *m);
        conc__tsan_blind(false);
    }
    pthread_attr_t attr;
    int err = m ? 0 : ENOMEM;
    if (m) {
        conc__st(&m->in, 1);
        conc__st(&m->cur, &m->g0);
        conc__m_give(m, p);
        (void)pthread_attr_init(&attr);
        (void)pthread_attr_setstacksize(&attr, CONC__TSAN || CONC__ASAN ? 1u << 20 : 1u << 17);
        conc__lock(&conc__rt.lock);
        if (!reuse) {
            m->id = conc__rt.next_m++;
            m->all_next = conc__rt.all_m;
            conc__st_rel(&conc__rt.all_m, m);
        }
        conc__unlock(&conc__rt.lock);
        err = pthread_create(&m->thread, &attr, conc__m_main, m);
        conc__lock(&conc__rt.lock);
        m->started = !err;
        if (err) { /* it stays in all_m as one that has ended */
            m->p = NULL;
            conc__st(&m->stop, CONC__LOST);
            m->gone = true;
        }
        conc__unlock(&conc__rt.lock);
        (void)pthread_attr_destroy(&attr);
    }
    if (!err) return 0;
    conc__lock(&conc__rt.lock);
    int others = --conc__rt.nm;
    conc__unlock(&conc__rt.lock);
    if (others == 0) conc__fatal("cannot create a thread: %s", strerror(err));
    return -1;
}

/* The monitor: a thread that ticks every millisecond (up to 10 when it finds nothing to do) while some P is busy and there is
   work or a timer to watch, and sleeps otherwise. A P that has dispatched nothing for a whole tick while work waits behind it
   is helped: by waking another worker if a P is idle (it will steal), else by taking the P away from the thread and giving it
   to another (hand-off). When a tick handed a P off because its thread was asleep in the kernel, the next ticks come every
   20 us and hand off at once where the thread's CPU time stands still: a thousand goroutines that all block are through in
   tens of milliseconds. It also gives the pages of unused stacks back, after a second without use. */
CONC__FN bool conc__hand_off(conc__m *m, conc__p *p, bool busy) {
    if (!conc__seize(m)) {
        (void)__atomic_fetch_or(&m->stop, CONC__YIELD, __ATOMIC_RELAXED); /* it is in the runtime now: let it give way itself */
        return false;
    }
    if (m->p != p || conc__ld(&p->m) != m || m->cur == &m->g0) {
        conc__unseize(m, 0);
        return false;
    }
    if (busy && !m->demoted) {
        m->demoted = true;
        conc__os_slice(m->tid, CONC__SLICE_USUAL);
    }
    conc__lock(&conc__rt.lock);
    conc__st(&m->p, (conc__p *)NULL);
    conc__st(&p->m, (conc__m *)NULL);
    conc__unseize(m, CONC__LOST);
    conc__rt.handoffs++;
    return conc__p_run(p);
}
CONC__FN int64_t conc__cpu_time(conc__m *m) {
    struct timespec t;
    if (clock_gettime(conc__ld(&m->clock), &t) != 0) return 0;
    return (int64_t)t.tv_sec * CONC_SEC + t.tv_nsec;
}
struct conc__tickinfo { bool busy, waiting, blocked, overdue; };
CONC__FN void conc__monitor_p(conc__p *p, int64_t now, struct conc__tickinfo *t) {
    conc__m *m = conc__ld_acq(&p->m);
    if (!m) {
        p->mon_since = 0;
        return;
    }
    t->busy = true;
    bool work = conc__p_has_work(p) || conc__ld(&conc__rt.qn) || t->overdue;
    uint32_t tick = conc__ld(&p->tick);
    if (tick != p->mon_tick || !p->mon_since) {
        uint32_t ran = tick - p->mon_tick, queue = conc__ld(&p->tail) - conc__ld(&p->head);
        if (p->mon_since && queue && now - p->mon_since >= 5000 * (int64_t)ran && conc__ld(&conc__rt.nidle_p) > 0 &&
            conc__ld(&conc__rt.nspin) == 0)
            (void)conc__wake_worker(); /* coarse work waits: share it, whatever the back-off says */
        p->mon_tick = tick;
        p->mon_since = now;
        p->mon_cpu = work ? conc__cpu_time(m) : -1;
        t->waiting |= work;
        return;
    }
    if (!work) return;
    t->waiting = true;
    bool stuck = now - p->mon_since >= CONC_MS * 9 / 10, asleep = false;
    int64_t cpu = conc__cpu_time(m);
    asleep = p->mon_cpu >= 0 && cpu == p->mon_cpu && now - p->mon_since >= 20 * CONC_US;
    p->mon_cpu = cpu;
    if (!stuck && !asleep) return;
    if (conc__ld(&conc__rt.nidle_p) > 0) {
        if (conc__ld(&conc__rt.nspin) == 0) (void)conc__wake_worker();
        if (now - p->mon_since < 3 * CONC_MS) return; /* thieves had their chance */
    }
    if (conc__hand_off(m, p, !asleep)) {
        t->blocked = true;
        p->mon_since = 0;
    }
}
/* Goroutines wait for I/O, nobody sleeps in the poller, and no worker has looked for a millisecond: look for them. */
CONC__FN void conc__monitor_io(int64_t now, struct conc__tickinfo *t) {
    bool busy = false;
    if (!conc__ld(&conc__rt.io_waiting) || conc__ld(&conc__rt.poller) || conc__polled_lately(NULL, now, CONC_MS, &busy) || !busy) return;
    t->waiting = true;
    (void)conc__poll(NULL);
}
/* Give the pages of up to n stacks of the common pool back. A trimmed stack leaves the list (its control block was in its own
   pages) and is noted by slab and place. */
CONC__FN bool conc__trim(int n) {
    while (n-- > 0) {
        conc__lock(&conc__rt.stack_lock);
        conc__g *g = conc__pool_get();
        conc__unlock(&conc__rt.stack_lock);
        if (!g) return false;
        conc__vacant v = { g->slab, g->slot };
        conc__os_discard(g->lo, g->size + CONC__G_ROOM + g->slot % CONC__COLOURS * CONC__LINE);
        conc__lock(&conc__rt.stack_lock);
        conc__rt.vacant = (conc__vacant *)conc__arr_grow(conc__rt.vacant, sizeof v, 1);
        size_t k = conc__arr_len(conc__rt.vacant);
        conc__rt.vacant[k] = v;
        conc__arr_set_len(conc__rt.vacant, k + 1);
        conc__unlock(&conc__rt.stack_lock);
    }
    return true;
}
/* Sleep until a push or a timer asks for the monitor (conc__kick_monitor), unless there is something to watch already. */
CONC__FN void conc__monitor_sleep(void) {
    (void)__atomic_fetch_or(&conc__rt.attn, CONC__ATTN_MONITOR, __ATOMIC_ACQ_REL);
    conc__fence_heavy(); /* partner: the light fences in conc__push, conc__timer_notify and conc__io_notify */
    bool work = conc__ld(&conc__rt.qn) != 0, io = conc__ld(&conc__rt.io_waiting) > 0 && !conc__ld(&conc__rt.poller);
    int n = conc__ld_acq(&conc__rt.nps);
    for (int i = 0; i < n; i++) work |= conc__ld(&conc__rt.ps[i]->m) && (io || conc__p_has_work(conc__rt.ps[i]));
    int64_t moves = conc__ld(&conc__rt.stack_moves);
    while (!work && !conc__ld_acq(&conc__rt.mon_wake) && !conc__ld(&conc__rt.stop)) {
        int64_t due = conc__first_due(), now = conc_now(), limit = -1;
        if (due < conc__ld(&conc__rt.waiter_due)) limit = due > now ? due - now : 0;
        if (conc__ld(&conc__rt.nstacks_free) > 0 && (limit < 0 || limit > CONC_SEC)) limit = CONC_SEC;
        if (limit == 0) break;
        conc__os_wait(&conc__rt.mon_wake, 0, limit);
        int64_t m = conc__ld(&conc__rt.stack_moves);
        if (m == moves)
            while (!conc__ld_acq(&conc__rt.mon_wake) && conc__ld(&conc__rt.nstacks_free) > 0 && conc__trim(64)) continue;
        moves = m;
        if (due < conc__ld(&conc__rt.waiter_due) && due <= conc_now()) break;
    }
    (void)__atomic_fetch_and(&conc__rt.attn, ~(uint32_t)CONC__ATTN_MONITOR, __ATOMIC_ACQ_REL);
}
CONC__FN void *conc__monitor_main(void *arg) {
    (void)arg;
    conc__os_prompt();
    int64_t interval = CONC_MS;
    int quiet = 0, fast = 0;
    while (!conc__ld(&conc__rt.stop)) {
        conc__os_wait(&conc__rt.mon_wake, 0, interval);
        conc__st(&conc__rt.mon_wake, 0);
        if (conc__ld(&conc__rt.stop)) break;
        int64_t now = conc_now();
        struct conc__tickinfo t = { false, false, false, conc__first_due() <= now };
        if (t.overdue && conc__ld(&conc__rt.nidle_p) > 0 && conc__ld(&conc__rt.nspin) == 0) (void)conc__wake_worker();
        conc__monitor_io(now, &t);
        int n = conc__ld_acq(&conc__rt.nps);
        for (int i = 0; i < n; i++) conc__monitor_p(conc__rt.ps[i], now, &t);
        if (!fast && conc__ld(&conc__rt.rearm)) {
            conc__lock(&conc__rt.lock);
            if (conc__rt.rearm && --conc__rt.rearm == 0) (void)__atomic_fetch_or(&conc__rt.attn, CONC__ATTN_WAKE, __ATOMIC_RELAXED);
            conc__unlock(&conc__rt.lock);
        }
        if (t.blocked) fast = 20;
        else if (fast > 0) fast--;
        interval = fast > 0 ? 20 * CONC_US : CONC_MS;
        quiet = t.waiting ? 0 : quiet + 1;
        if (quiet > 10 && !fast) interval = quiet > 40 ? 10 * CONC_MS : 5 * CONC_MS;
        if (quiet < (t.busy ? 60 : 4)) continue; /* a kick costs whoever gives it 7 us: not one for every short burst */
        conc__monitor_sleep();
        quiet = 0;
        interval = CONC_MS;
    }
    return NULL;
}

// >>time-impl
/* Timers: a 4-ary heap per P under the P's timer lock, keys beside the pointers. A P's own worker fires its heap when it looks
   (every 64th dispatch, and whenever it runs out of work); the sleeping timer waiter fires anybody's. */
CONC__FN void conc__heap_set(conc__p *p, size_t i, conc__tslot s) {
    p->heap[i] = s;
    s.t->at = (int32_t)i;
}
CONC__FN void conc__heap_up(conc__p *p, size_t i) {
    conc__tslot s = p->heap[i];
    while (i > 0) {
        size_t up = (i - 1) / 4;
        if (p->heap[up].when <= s.when) break;
        conc__heap_set(p, i, p->heap[up]);
        i = up;
    }
    conc__heap_set(p, i, s);
}
CONC__FN void conc__heap_down(conc__p *p, size_t i) {
    size_t n = conc__arr_len(p->heap);
    conc__tslot s = p->heap[i];
    for (;;) {
        size_t child = i * 4 + 1, end = child + 4 < n ? child + 4 : n;
        if (child >= n) break;
        size_t least = child;
        for (size_t k = child + 1; k < end; k++)
            if (p->heap[k].when < p->heap[least].when) least = k;
        if (p->heap[least].when >= s.when) break;
        conc__heap_set(p, i, p->heap[least]);
        i = least;
    }
    conc__heap_set(p, i, s);
}
CONC__INLINE void conc__heap_due(conc__p *p) { conc__st(&p->due, conc__arr_len(p->heap) ? p->heap[0].when : INT64_MAX); }
CONC__FN void conc__heap_put(conc__p *p, conc__timer *t) { /* tlock held */
    size_t n = conc__arr_len(p->heap);
    if (n == conc__arr_cap(p->heap)) p->heap = (conc__tslot *)conc__arr_grow(p->heap, sizeof *p->heap, n ? n : 16);
    conc__arr_set_len(p->heap, n + 1);
    conc__tslot s = { t->when, t };
    p->heap[n] = s;
    conc__st(&t->p, p);
    conc__heap_up(p, n);
    conc__heap_due(p);
}
CONC__FN void conc__heap_take(conc__p *p, size_t i) { /* tlock held */
    size_t n = conc__arr_len(p->heap) - 1;
    p->heap[i].t->at = -1;
    conc__arr_set_len(p->heap, n);
    if (i < n) {
        int64_t old = p->heap[i].when;
        conc__heap_set(p, i, p->heap[n]);
        if (p->heap[i].when < old) conc__heap_up(p, i);
        else conc__heap_down(p, i);
    }
    conc__heap_due(p);
}
CONC__INLINE conc__p *conc__timer_home(conc__m *m) {
    conc__p *p = m ? conc__ld(&m->p) : NULL; /* only a preference: any P's heap will do */
    return p ? p : conc__rt.ps[0];
}
/* A timer is in p's heap: is somebody going to be awake for it? parks: the caller is about to give its processor up. */
CONC__FN void conc__timer_notify(conc__p *p, int64_t when, bool parks) {
#if CONC__TEST
    if (conc__tested() && p->m && p->m->test) return;
#endif
    conc__fence_light(); /* partner: the heavy fences in conc__sleep_m and conc__monitor_sleep */
    if (conc__likely(when >= conc__ld(&conc__rt.waiter_due))) return;
    if (parks && !conc__p_has_work(p)) return; /* this worker goes idle itself and will see it */
    if (conc__ld(&conc__rt.attn) & CONC__ATTN_MONITOR) conc__kick_monitor();
    if (conc__ld(&conc__rt.nidle_p) > 0 && conc__ld(&conc__rt.nspin) == 0) (void)conc__wake_worker();
}
/* Arm t. Not while it is armed. held: a lock to release, or NULL; released before t can fire, because whoever is let go on then may free
   t, and the lock with it. */
CONC__FN void conc__timer_put_under(conc__timer *t, int64_t when, bool parks, uint32_t *held) {
    conc__p *p = conc__timer_home(conc__self());
    conc__ordered_anew(t, TIMER);
    conc__lock(&p->tlock);
    t->when = when;
    conc__heap_put(p, t);
    if (held) conc__unlock(held);
    conc__unlock(&p->tlock);
    conc__timer_notify(p, when, parks);
}
CONC__FN void conc__timer_put(conc__timer *t, int64_t when, bool parks) { conc__timer_put_under(t, when, parks, NULL); }
/* Disarm t; true if it was armed. Afterwards t->f is not running and will not run. */
CONC__FN bool conc__timer_del(conc__timer *t) {
    bool armed = false;
    for (;;) {
        conc__p *p = conc__ld(&t->p);
        if (!p) break;
        conc__lock(&p->tlock);
        if (conc__ld(&t->p) != p) { /* reset moved it meanwhile */
            conc__unlock(&p->tlock);
            continue;
        }
        if (t->at >= 0) {
            conc__heap_take(p, (size_t)t->at);
            armed = true;
        }
        conc__unlock(&p->tlock);
        break;
    }
    conc__await_zero(&t->firing); /* partner: the release in t->f */
    return armed;
}
/* Take up to n due timers out of v's heap (periodic ones stay in it), each marked as firing. */
CONC__FN int conc__take_due(conc__p *v, int64_t now, conc__timer **due, int n) {
    int k = 0;
    conc__lock(&v->tlock);
    while (k < n && conc__arr_len(v->heap) && v->heap[0].when <= now) {
        conc__timer *t = v->heap[0].t;
        if (t->period > 0) {
            t->when += t->period * (1 + (now - t->when) / t->period);
            v->heap[0].when = t->when;
            conc__heap_down(v, 0);
            if (conc__ld_acq(&t->firing)) continue; /* the last tick is still being delivered elsewhere: this one is dropped */
        } else conc__heap_take(v, 0);
        conc__st(&t->firing, 1);
        due[k++] = t;
    }
    conc__heap_due(v);
    conc__unlock(&v->tlock);
    return k;
}
/* Fire what is due in v's heap. By an M with a P, on its scheduler stack. */
CONC__FN void conc__run_timers(conc__m *m, conc__p *v, int64_t now) {
    conc__timer *due[32];
    int n;
    (void)m;
    for (int i = 0; i < 32 && (n = conc__take_due(v, now, due, 32)) > 0; i++) /* then look at the rest of the world */
        for (int k = 0; k < n; k++) due[k]->f(due[k], now);
}
CONC__FN void conc__fire_sleep(conc__timer *t, int64_t now) {
    conc__who who = (conc__who)t->arg;
    (void)now;
    conc__st_rel(&t->firing, 0);
    conc__ready(who, false);
}
CONC__INLINE void conc__timer_init(conc__timer *t, void (*f)(conc__timer *, int64_t), void *arg) {
    t->f = f;
    t->arg = arg;
    t->p = NULL;
    t->period = 0;
    t->at = -1;
    t->firing = 0;
}
CONC_API int64_t conc__deadline(int64_t ns) {
    if (ns == CONC_FOREVER) return INT64_MAX;
    int64_t now = conc_now();
    if (ns <= 0) return now;
    return now > INT64_MAX - 1 - ns ? INT64_MAX - 1 : now + ns;
}
CONC_API void conc_sleep_until(int64_t deadline) {
    conc__point(SLEEP, NULL);
    conc__m *m = conc__self();
    int64_t now = conc_now();
    if (deadline <= now) return;
    if (!m) {
        for (; now < deadline; now = conc_now()) {
            struct timespec ts = { (time_t)((deadline - now) / CONC_SEC), (long)((deadline - now) % CONC_SEC) };
            (void)nanosleep(&ts, NULL);
        }
        return;
    }
    conc__timer t;
    conc__timer_init(&t, conc__fire_sleep, (void *)conc__me(m));
    t.when = deadline;
    conc__p *p = conc__timer_home(m);
    conc__lock(&p->tlock); /* held until this stack is left: it cannot fire before */
    conc__heap_put(p, &t);
    conc__timer_notify(p, deadline, true);
    conc__park(m, &p->tlock, CONC__W_SLEEP);
}
CONC_API void conc_sleep(int64_t ns) {
    if (ns > 0) conc_sleep_until(conc__deadline(ns));
}

/* Waiting in one queue, with an optional deadline. The queue's lock decides between the waker and the timer: whoever unlinks
   the waiter under it has won. */
typedef struct conc__timed {
    conc__timer t;
    uint32_t *lock;
    conc__queue *q;
    conc__waiter *w;
    void (*expire)(void *obj); /* bookkeeping of the object, under its lock, may be NULL */
    void *obj;
} conc__timed;
CONC__FN bool conc__expire(uint32_t *lock, conc__queue *q, conc__waiter *w, void (*expire)(void *), void *obj) {
    conc__lock(lock);
    bool hit = w->queued;
    if (hit) {
        conc__q_del(q, w);
        w->expired = true;
        if (expire) expire(obj);
    }
    conc__unlock(lock);
    return hit;
}
CONC__FN void conc__fire_timed(conc__timer *t, int64_t now) {
    conc__timed *x = (conc__timed *)t->arg;
    conc__who who = x->w->who;
    (void)now;
    bool hit = conc__expire(x->lock, x->q, x->w, x->expire, x->obj);
    conc__st_rel(&t->firing, 0);
    if (hit) conc__ready(who, false);
}
/* lock is held and w is queued in *q; waits, releasing lock. false: the deadline passed and w was taken out of the queue. */
CONC__NOINLINE bool conc__wait_timed(conc__m *m, uint32_t *lock, conc__queue *q, conc__waiter *w, int why, int64_t deadline,
                                     void (*expire)(void *), void *obj) {
    if (!m) {
        if (conc__thread_wait(lock, deadline)) return true;
        if (conc__expire(lock, q, w, expire, obj)) return false;
        return conc__thread_wait(NULL, INT64_MAX); /* it is being woken this moment */
    }
    conc__timed x;
    conc__timer_init(&x.t, conc__fire_timed, &x);
    x.lock = lock;
    x.q = q;
    x.w = w;
    x.expire = expire;
    x.obj = obj;
    conc__timer_put(&x.t, deadline, true);
    conc__park(m, lock, why);
    (void)conc__timer_del(&x.t);
    return !w->expired;
}
CONC__INLINE bool conc__wait_on(conc__m *m, uint32_t *lock, conc__queue *q, conc__waiter *w, int why, int64_t deadline,
                                void (*expire)(void *), void *obj) {
    if (conc__unlikely(!m || deadline != INT64_MAX)) return conc__wait_timed(m, lock, q, w, why, deadline, expire, obj);
    conc__park_inline(m, lock, why);
    return true;
}
CONC__INLINE void conc__waiter_init(conc__waiter *w, conc__m *m, void *elem) {
    w->who = conc__me(m);
    w->elem = elem;
    w->sel = NULL;
    w->ok = w->handed = w->expired = false;
}

// >>watch
/* Contexts as whoever waits sees them; >>context-impl has how they are made and cancelled.

   A context that can be cancelled by itself (a source) keeps a list of nodes under its lock: child contexts, and watchers. A watcher's
   node lies on the stack of the waiting side, like its waiter; nothing is allocated to wait. A context of another kind (one with
   a value) refers to its nearest source; one that is never done has none. The life of a node n is in n->state:

     OFF -> ON      conc__ctx_watch, under the lock, and only while the context is not done: so the list of one that is done only shrinks
     ON -> LEAVING  conc__ctx_unwatch, by a compare-and-swap: n->f has not run and will not
     LEAVING -> OFF the same, under the lock, where it takes n out of the list
     ON -> FIRING   the canceller, by a compare-and-swap under the lock; it takes n out of the list and alone may touch it
     FIRING -> OFF  n->f, by a release store that is its last access to the node and to everything the owner may free with it.
                    Partner: the acquire loads in conc__ctx_unwatch, which waits for this

   n->f runs with no lock held, because it takes the lock of the channel or object that is waited for, and whoever waits takes the
   context's lock (watch) while holding that one: channel -> context, never the other way. It never waits for anything but spin
   locks, so the wait in unwatch is short. Between a waker and a canceller the queue's lock decides, as it does for deadlines:
   whoever unlinks the waiter has won. n->err tells the owner how the context ended: a woken goroutine need not touch the context
   again, which may be gone.

   A context may be freed once it has been cancelled, whoever is still on the way out of a wait. An owner that finds n FIRING or OFF
   therefore leaves the context alone; and one that has made n LEAVING is waited for by the canceller, until the lock is released
   (conc__ctx_take). Both want n while it is ON, which is why a swap decides: after a mere look the context could be gone.
   What may wait more than once (a mutex, a cond, I/O) holds a reference: between two waits no canceller knows of it.

   Rejected: a goroutine for each wait or each child (Go's, for foreign contexts; 2 KiB and a switch each); waiting on the done
   channel by a select of two (twice the locks, and a channel for every context); calling n->f under the context's lock (it would
   have to come after every channel's lock and before it). */
typedef struct conc__ctx_node conc__ctx_node;
enum { CONC__N_OFF = 0, CONC__N_ON = 1, CONC__N_FIRING = 2, CONC__N_LEAVING = 3 };
struct conc__ctx_node {
    conc__ctx_node *next, **link;   /* link: the word that points to this node */
    void (*f)(conc__ctx_node *n);   /* NULL: the node is a child context's */
    uint32_t state;
    conc_status err;                /* written before f is called, and where watch refuses */
};
enum conc__ctx_kind { CONC__C_ROOT, CONC__C_CANCEL, CONC__C_TIMED, CONC__C_VALUE, CONC__C_DETACHED, CONC__C_NOTIFY };
struct conc_ctx {
    uint32_t lock;
    int32_t refs;           /* the maker's, conc_ctx_ref's, one of each child, and of a canceller at work */
    uint32_t err;           /* a conc_status; written once under lock (and done's lock), read by anybody */
    int cause;              /* written before err */
    conc_ctx *parent;       /* referenced; NULL: a root */
    conc_ctx *source;       /* nearest that can be cancelled, perhaps this; NULL: never done. Below: sources only */
    conc__ctx_node *nodes;  /* lock */
    struct conc_chan *done; /* made on demand, under lock */
    conc_ctx *up;           /* where the canceller goes on when it is through with this one */
    uint32_t busy;          /* a canceller is at work below */
    uint8_t kind;
    bool freed;             /* by the maker */
    conc__ctx_node node;    /* in the list of the parent's source */
};
CONC__INLINE conc_ctx *conc__ctx_of(conc__ctx_node *n) { return (conc_ctx *)(void *)((char *)n - offsetof(conc_ctx, node)); }
CONC__INLINE conc_ctx *conc__ctx_source(const volatile void *ctx) { return ctx ? ((conc_ctx *)(uintptr_t)ctx)->source : NULL; }
CONC__INLINE conc_status conc__ctx_err(conc_ctx *source) {
    conc_status err = source ? (conc_status)conc__ld_acq(&source->err) : CONC_OK;
    if (conc__unlikely(err != CONC_OK)) conc__ordered_after(source, ALL);
    return err;
}

/* n->f(n) shall run once ctx is done, unless unwatch comes first. false: it is done already, and not watched. ctx NULL: never done. */
CONC__FN bool conc__ctx_watch(conc_ctx *ctx, conc__ctx_node *n, void (*f)(conc__ctx_node *)) {
    conc_ctx *c = conc__ctx_source(ctx);
    n->f = f;
    n->err = CONC_OK;
    conc__st(&n->state, CONC__N_OFF);
    if (!c) return true;
    conc__lock(&c->lock);
    conc_status err = n->err = (conc_status)conc__ld(&c->err);
    if (conc__likely(err == CONC_OK)) {
        n->next = c->nodes;
        n->link = &c->nodes;
        if (n->next) n->next->link = &n->next;
        conc__st(&c->nodes, n);
        conc__st(&n->state, CONC__N_ON);
    }
    conc__unlock(&c->lock);
    if (err != CONC_OK) conc__ordered_after(c, ALL);
    return err == CONC_OK; /* n may have been fired by now */
}
CONC__INLINE void conc__ctx_unlink(conc__ctx_node *n) {
    conc__st_rel(n->link, n->next); /* partner: the acquire in conc__ctx_take */
    if (n->next) n->next->link = n->link;
}
/* Afterwards n->f is not running and will not run; true if it has not. No locks held that n->f takes. The context is touched only if
   it has not fired n, and then cannot go away before its lock is released. */
CONC__FN bool conc__ctx_unwatch(conc_ctx *ctx, conc__ctx_node *n) {
    uint32_t state = conc__ld_acq(&n->state);
    if (state != CONC__N_ON || !conc__cas(&n->state, &state, CONC__N_LEAVING)) {
        conc__await_zero(&n->state);
        return false;
    }
    conc_ctx *c = conc__ctx_source(ctx);
    conc__lock(&c->lock);
    conc__ctx_unlink(n);
    conc__st(&n->state, CONC__N_OFF);
    conc__unlock(&c->lock);
    return true;
}

/* A wait in one queue that a context may end, and a deadline too. */
struct conc__watched {
    conc__ctx_node n; /* first: the callback is given its address */
    conc__timed x;
    bool hit;
};
CONC__FN void conc__fire_watched(conc__ctx_node *n) {
    struct conc__watched *y = (struct conc__watched *)(void *)n;
    conc__timed *x = &y->x;
    conc__who who = x->w->who;
    bool hit = y->hit = conc__expire(x->lock, x->q, x->w, x->expire, x->obj);
    conc__st_rel(&n->state, CONC__N_OFF);
    if (hit) conc__ready(who, false);
}
/* lock is held and w is queued in *q; waits, releasing lock. CONC_OK: somebody took w out of the queue to wake it; else w was taken out
   because the deadline passed (CONC_TIMEOUT) or ctx is done (its error; *by_ctx tells the two apart). */
CONC__NOINLINE conc_status conc__wait_watched(conc__m *m, uint32_t *lock, conc__queue *q, conc__waiter *w, int why, conc_ctx *ctx,
                                              int64_t deadline, void (*expire)(void *), void *obj, bool *by_ctx) {
    struct conc__watched y;
    conc__timer_init(&y.x.t, conc__fire_timed, &y.x);
    y.x.lock = lock;
    y.x.q = q;
    y.x.w = w;
    y.x.expire = expire;
    y.x.obj = obj;
    y.hit = false;
    if (!conc__ctx_watch(ctx, &y.n, conc__fire_watched)) {
        conc__q_del(q, w);
        if (expire) expire(obj);
        conc__unlock(lock);
        return *by_ctx = true, y.n.err;
    }
    if (!m) {
        if (!conc__thread_wait(lock, deadline) && !conc__expire(lock, q, w, expire, obj)) (void)conc__thread_wait(NULL, INT64_MAX);
    } else {
        if (deadline != INT64_MAX) conc__timer_put(&y.x.t, deadline, true);
        conc__park(m, lock, why);
        if (deadline != INT64_MAX) (void)conc__timer_del(&y.x.t);
    }
    (void)conc__ctx_unwatch(ctx, &y.n);
    *by_ctx = y.hit;
    return y.hit ? y.n.err : w->expired ? CONC_TIMEOUT : CONC_OK;
}
/* conc__wait_on with a context, which may be NULL. */
CONC__INLINE conc_status conc__wait_until(conc__m *m, uint32_t *lock, conc__queue *q, conc__waiter *w, int why, conc_ctx *ctx,
                                          int64_t deadline, void (*expire)(void *), void *obj) {
    bool by_ctx;
    if (conc__unlikely(ctx != NULL)) return conc__wait_watched(m, lock, q, w, why, ctx, deadline, expire, obj, &by_ctx);
    return conc__wait_on(m, lock, q, w, why, deadline, expire, obj) ? CONC_OK : CONC_TIMEOUT;
}
/* Wait for nothing but the deadline and the context: in a queue that nobody else knows. */
CONC__FN conc_status conc__pause(conc_ctx *ctx, int64_t deadline, int why, bool *by_ctx) {
    conc__ensure();
    conc__m *m = conc__self();
    uint32_t lock = 0;
    conc__queue q = NULL;
    conc__waiter w;
    conc__waiter_init(&w, m, NULL);
    conc__lock(&lock);
    conc__q_put(&q, &w);
    return conc__wait_watched(m, &lock, &q, &w, why, ctx, deadline, NULL, NULL, by_ctx);
}
CONC_API conc_status conc_sleep_ctx(conc_ctx *ctx, int64_t ns) {
    conc__point(SLEEP, conc__ctx_source(ctx));
    bool by_ctx;
    conc_status err = conc__ctx_err(conc__ctx_source(ctx));
    if (err || ns <= 0) return err;
    err = conc__pause(ctx, conc__deadline(ns), CONC__W_SLEEP, &by_ctx);
    return by_ctx ? err : CONC_OK;
}

// >>chan-impl
/* A channel is one cache line, a lock, a ring of elements, and two queues of waiters.
   Under the lock always:  count > 0  implies no receiver waits (but one whose select is already decided);
   count < cap  implies no sender waits (likewise);  closed implies neither does.
   A sender that finds a waiting receiver copies the value straight into its destination; a receiver of a full channel takes the
   head and moves the first waiting sender's value to the tail in the same step; so values stay first in, first out, and a woken
   waiter has already been served: it never competes again. */
struct conc_chan {
    uint32_t lock, count;
    uint32_t cap, closed;
    uint32_t ri, wi; /* next element to receive, next place to send into */
    uint32_t size, timed; /* of an element; timed: a timer's channel, len and cap read 0 */
    unsigned char *buf;
    conc__queue recvq, sendq;
    struct conc_timer *owned; /* conc_after: freed with the channel */
    int32_t refs;
};
CONC__FN void conc__timer_drop(struct conc_timer *t);
CONC__INLINE struct conc_chan *conc__c(const volatile void *c) { return (struct conc_chan *)(uintptr_t)c; }
CONC__INLINE void conc__copy(void *to, const void *from, uint32_t n) {
    if (conc__likely(n == 8)) memcpy(to, from, 8);
    else if (n == 4) memcpy(to, from, 4);
    else memcpy(to, from, n);
}
CONC__FN struct conc_chan *conc__chan_new(size_t size, size_t cap) {
    struct conc_chan *c = (struct conc_chan *)conc__obj_alloc(sizeof *c + 16 + size * cap);
    if (!c) return NULL;
    memset(c, 0, sizeof *c);
    c->buf = (unsigned char *)(((uintptr_t)(c + 1) + 15) & ~(uintptr_t)15);
    c->size = (uint32_t)size;
    c->cap = (uint32_t)cap;
    c->refs = 1;
    return c;
}
CONC_API struct conc_chan *conc__chan_make(size_t size, size_t cap, int negative) {
    size_t bytes;
    if (negative || size > UINT32_MAX || __builtin_mul_overflow(size, cap, &bytes) || bytes > PTRDIFF_MAX / 2 || (cap > UINT32_MAX / 2 && size == 0))
        conc_panic("makechan: size out of range");
    if (cap > UINT32_MAX / 2 || conc__alloc_fails("chan_make")) return NULL;
    struct conc_chan *c = conc__chan_new(size, cap);
    if (c) conc__obj_is(c, "channel");
    return c;
}
CONC_API void conc__chan_ref(const volatile void *ch) {
    struct conc_chan *c = conc__c(ch);
    if (c) (void)__atomic_fetch_add(&c->refs, 1, __ATOMIC_RELAXED);
}
CONC_API void conc__chan_free(const volatile void *ch) {
    struct conc_chan *c = conc__c(ch);
    if (!c) return;
    int32_t left = __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL);
    if (left > 0) return;
    if (left < 0) conc__fatal("chan_free: channel freed more often than referenced");
    if (c->owned) {
        struct conc_timer *t = c->owned;
        c->owned = NULL;
        conc__timer_drop(t);
    }
    conc__lock(&c->lock); /* the last operation may still be between its work and its unlock */
    if (c->recvq || c->sendq) conc__fatal("chan_free: channel freed while a goroutine waits on it");
    conc__obj_free(c);
}
/* First waiter that can still be woken, out of the queue; a select that another channel has won is dropped. */
CONC__FN bool conc__claim(struct conc__selwait *s, conc__waiter *w);
CONC__INLINE conc__waiter *conc__q_take(conc__queue *q) {
    for (conc__waiter *w; (w = *q) != NULL;) {
        conc__q_del(q, w);
        if (conc__likely(!w->sel) || conc__claim(w->sel, w)) return w;
    }
    return NULL;
}
CONC__INLINE unsigned char *conc__slot(struct conc_chan *c, uint32_t i) { return c->buf + (size_t)i * c->size; }
CONC__INLINE void conc__buf_put(struct conc_chan *c, const void *v) {
    conc__copy(conc__slot(c, c->wi), v, c->size);
    c->wi = c->wi + 1 == c->cap ? 0 : c->wi + 1;
    conc__st(&c->count, c->count + 1);
}
/* One step, lock held: done or not. who: somebody to wake after the lock is released. */
typedef enum { CONC__STEP_WAIT, CONC__STEP_DONE, CONC__STEP_CLOSED } conc__step;
CONC__INLINE conc__step conc__send_step(struct conc_chan *c, const void *v, conc__who *who) {
    if (conc__unlikely(c->closed)) return CONC__STEP_CLOSED;
    if (c->recvq) {
        conc__waiter *w = conc__q_take(&c->recvq);
        if (conc__likely(w != NULL)) {
            if (w->elem) conc__copy(w->elem, v, c->size);
            w->ok = true;
            *who = w->who;
            if (c->cap == 0) conc__met(w->who);
            else {
                conc__slot_passed(c, true, NULL);
                conc__slot_passed(c, false, w->who);
            }
            return CONC__STEP_DONE;
        }
    }
    if (c->count < c->cap) {
        conc__buf_put(c, v);
        conc__slot_passed(c, true, NULL);
        return CONC__STEP_DONE;
    }
    return CONC__STEP_WAIT;
}
CONC__INLINE conc__step conc__recv_step(struct conc_chan *c, void *v, conc__who *who) {
    if (c->count > 0) {
        if (v) conc__copy(v, conc__slot(c, c->ri), c->size);
        c->ri = c->ri + 1 == c->cap ? 0 : c->ri + 1;
        conc__st(&c->count, c->count - 1);
        conc__slot_passed(c, false, NULL);
        if (conc__unlikely(c->sendq != NULL)) {
            conc__waiter *w = conc__q_take(&c->sendq);
            if (w) {
                conc__buf_put(c, w->elem);
                conc__slot_passed(c, true, w->who);
                w->ok = true;
                *who = w->who;
            }
        }
        return CONC__STEP_DONE;
    }
    if (c->sendq) {
        conc__waiter *w = conc__q_take(&c->sendq);
        if (conc__likely(w != NULL)) {
            if (v) conc__copy(v, w->elem, c->size);
            w->ok = true;
            *who = w->who;
            conc__met(w->who);
            return CONC__STEP_DONE;
        }
    }
    if (conc__unlikely(c->closed)) {
        conc__ordered_after(c, ALL);
        if (v) memset(v, 0, c->size);
        return CONC__STEP_CLOSED;
    }
    return CONC__STEP_WAIT;
}
CONC__NOINLINE void conc__block_for_ever(int why) {
    conc__ensure();
    conc__m *m = conc__self();
    uint32_t lock = 1;
    if (!m) (void)conc__thread_wait(&lock, INT64_MAX);
    else conc__park(m, &lock, why);
    conc__fatal("a goroutine that blocks for ever was woken");
}
CONC__NOINLINE void conc__send_closed(struct conc_chan *c) {
    if (c) conc__unlock(&c->lock);
    conc_panic("send on closed channel");
}
/* Nothing to do at once: wait. lock held. */
CONC__INLINE conc_status conc__send_wait(struct conc_chan *c, const void *v, conc_ctx *ctx, int64_t deadline) {
    conc__m *m = conc__self();
    conc__waiter w;
    conc__waiter_init(&w, m, (void *)(uintptr_t)v);
    conc__q_put(&c->sendq, &w);
    conc_status st = conc__wait_until(m, &c->lock, &c->sendq, &w, CONC__W_SEND, ctx, deadline, NULL, NULL);
    if (conc__unlikely(st != CONC_OK)) return st;
    if (conc__unlikely(!w.ok)) conc__send_closed(NULL);
    return CONC_OK;
}
CONC__INLINE conc_status conc__recv_wait(struct conc_chan *c, void *v, conc_ctx *ctx, int64_t deadline) {
    conc__m *m = conc__self();
    conc__waiter w;
    conc__waiter_init(&w, m, v);
    conc__q_put(&c->recvq, &w);
    conc_status st = conc__wait_until(m, &c->lock, &c->recvq, &w, CONC__W_RECV, ctx, deadline, NULL, NULL);
    if (conc__unlikely(st != CONC_OK)) return st;
    return conc__likely(w.ok) ? CONC_OK : CONC_CLOSED;
}
CONC__NOINLINE void conc__send_park(struct conc_chan *c, const void *v) { (void)conc__send_wait(c, v, NULL, INT64_MAX); }
CONC__NOINLINE bool conc__recv_park(struct conc_chan *c, void *v) { return conc__recv_wait(c, v, NULL, INT64_MAX) == CONC_OK; }
CONC_API void conc__chan_send(const volatile void *ch, const void *v) {
    conc__point(SEND, ch);
    struct conc_chan *c = conc__c(ch);
    if (conc__unlikely(!c)) conc__block_for_ever(CONC__W_SEND_NIL);
    conc__who who = 0;
    conc__lock(&c->lock);
    conc__step step = conc__send_step(c, v, &who);
    if (conc__likely(step == CONC__STEP_DONE)) {
        conc__unlock(&c->lock);
        if (who) conc__ready(who, true);
    } else if (step == CONC__STEP_WAIT) conc__send_park(c, v);
    else conc__send_closed(c);
}
CONC_API bool conc__chan_recv(const volatile void *ch, void *v) {
    conc__point(RECV, ch);
    struct conc_chan *c = conc__c(ch);
    if (conc__unlikely(!c)) conc__block_for_ever(CONC__W_RECV_NIL);
    conc__who who = 0;
    conc__lock(&c->lock);
    conc__step step = conc__recv_step(c, v, &who);
    if (step == CONC__STEP_WAIT) return conc__recv_park(c, v);
    conc__unlock(&c->lock);
    if (who) conc__ready(who, true);
    return step == CONC__STEP_DONE;
}
/* Is it sure, without the lock, that nothing can be done at once? One load of each word that could say otherwise would see
   different instants; the lock's version, unchanged and even around the looks, makes them one. */
CONC__INLINE bool conc__not_ready(struct conc_chan *c, bool send, uint32_t *version) {
    uint32_t v = conc__ld_acq(&c->lock);
    *version = v;
    if (v & 1) return false;
    if (conc__ld(&c->closed)) return false;
    if (send) return conc__ld(&c->recvq) == NULL && conc__ld(&c->count) >= c->cap;
    return conc__ld(&c->count) == 0 && conc__ld(&c->sendq) == NULL;
}
/* partner: the release store in conc__unlock. The fence orders the looks before this second load of the version. */
CONC__INLINE bool conc__version_is(struct conc_chan *c, uint32_t version) {
#if CONC__X64
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* x86 does not reorder loads */
#else
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
    return conc__ld(&c->lock) == version;
}
CONC_API conc_status conc__chan_try_send(const volatile void *ch, const void *v) {
    conc__point(SEND, ch);
    struct conc_chan *c = conc__c(ch);
    uint32_t version;
    conc__who who = 0;
    if (!c || (conc__not_ready(c, true, &version) && conc__version_is(c, version))) return CONC_WOULD_BLOCK;
    conc__lock(&c->lock);
    conc__step step = conc__send_step(c, v, &who);
    if (conc__unlikely(step == CONC__STEP_CLOSED)) conc__send_closed(c);
    conc__unlock(&c->lock);
    if (who) conc__ready(who, true);
    return step == CONC__STEP_DONE ? CONC_OK : CONC_WOULD_BLOCK;
}
CONC_API conc_status conc__chan_try_recv(const volatile void *ch, void *v) {
    conc__point(RECV, ch);
    struct conc_chan *c = conc__c(ch);
    uint32_t version;
    conc__who who = 0;
    if (!c || (conc__not_ready(c, false, &version) && conc__version_is(c, version))) return CONC_WOULD_BLOCK;
    conc__lock(&c->lock);
    conc__step step = conc__recv_step(c, v, &who);
    conc__unlock(&c->lock);
    if (who) conc__ready(who, true);
    return step == CONC__STEP_DONE ? CONC_OK : step == CONC__STEP_CLOSED ? CONC_CLOSED : CONC_WOULD_BLOCK;
}
CONC__FN conc_status conc__nil_until(int64_t deadline, int why) {
    if (deadline == INT64_MAX) conc__block_for_ever(why);
    conc_sleep_until(deadline);
    return CONC_TIMEOUT;
}
CONC_API conc_status conc__chan_send_until(const volatile void *ch, const void *v, int64_t deadline) {
    conc__point(SEND, ch);
    struct conc_chan *c = conc__c(ch);
    conc__ensure();
    if (!c) return conc__nil_until(deadline, CONC__W_SEND_NIL);
    conc__who who = 0;
    conc__lock(&c->lock);
    conc__step step = conc__send_step(c, v, &who);
    if (step == CONC__STEP_WAIT && deadline > conc_now()) return conc__send_wait(c, v, NULL, deadline);
    if (step == CONC__STEP_CLOSED) conc__send_closed(c);
    conc__unlock(&c->lock);
    if (who) conc__ready(who, true);
    return step == CONC__STEP_DONE ? CONC_OK : CONC_TIMEOUT;
}
CONC_API conc_status conc__chan_recv_until(const volatile void *ch, void *v, int64_t deadline) {
    conc__point(RECV, ch);
    struct conc_chan *c = conc__c(ch);
    conc__ensure();
    if (!c) return conc__nil_until(deadline, CONC__W_RECV_NIL);
    conc__who who = 0;
    conc__lock(&c->lock);
    conc__step step = conc__recv_step(c, v, &who);
    if (step == CONC__STEP_WAIT && deadline > conc_now()) return conc__recv_wait(c, v, NULL, deadline);
    conc__unlock(&c->lock);
    if (who) conc__ready(who, true);
    return step == CONC__STEP_DONE ? CONC_OK : step == CONC__STEP_CLOSED ? CONC_CLOSED : CONC_TIMEOUT;
}
CONC__FN conc_status conc__nil_ctx(conc_ctx *ctx, int why) {
    bool by_ctx;
    return conc__pause(ctx, INT64_MAX, why, &by_ctx);
}
CONC_API conc_status conc__chan_send_ctx(const volatile void *ch, const void *v, conc_ctx *ctx) {
    conc__point2(SEND, (const void *)(uintptr_t)ch, conc__ctx_source(ctx));
    struct conc_chan *c = conc__c(ch);
    conc_status err = conc__ctx_err(conc__ctx_source(ctx));
    if (conc__unlikely(err != CONC_OK)) return err;
    if (!c) return conc__nil_ctx(ctx, CONC__W_SEND_NIL);
    conc__who who = 0;
    conc__lock(&c->lock);
    conc__step step = conc__send_step(c, v, &who);
    if (step == CONC__STEP_WAIT) return conc__send_wait(c, v, ctx, INT64_MAX);
    if (step == CONC__STEP_CLOSED) conc__send_closed(c);
    conc__unlock(&c->lock);
    if (who) conc__ready(who, true);
    return CONC_OK;
}
CONC_API conc_status conc__chan_recv_ctx(const volatile void *ch, void *v, conc_ctx *ctx) {
    conc__point2(RECV, (const void *)(uintptr_t)ch, conc__ctx_source(ctx));
    struct conc_chan *c = conc__c(ch);
    conc_status err = conc__ctx_err(conc__ctx_source(ctx));
    if (conc__unlikely(err != CONC_OK)) return err;
    if (!c) return conc__nil_ctx(ctx, CONC__W_RECV_NIL);
    conc__who who = 0;
    conc__lock(&c->lock);
    conc__step step = conc__recv_step(c, v, &who);
    if (step == CONC__STEP_WAIT) return conc__recv_wait(c, v, ctx, INT64_MAX);
    conc__unlock(&c->lock);
    if (who) conc__ready(who, true);
    return step == CONC__STEP_DONE ? CONC_OK : CONC_CLOSED;
}
/* Close c, whose lock is held: -> its waiters, to be woken once it is released. Receivers are given their zeros here: who has closed the
   channel may free it before they run. */
CONC__FN conc__waiter *conc__chan_shut(struct conc_chan *c) {
    conc__st(&c->closed, 1);
    conc__ordered_before(c, ALL);
    conc__waiter *list = NULL, **end = &list;
    for (int side = 0; side < 2; side++)
        for (conc__waiter *w; (w = conc__q_take(side ? &c->sendq : &c->recvq)) != NULL;) {
            w->ok = false;
            if (side == 0 && w->elem) memset(w->elem, 0, c->size);
            *end = w;
            end = &w->next;
            w->next = NULL;
        }
    return list;
}
CONC_API void conc__chan_close(const volatile void *ch) {
    conc__point(CLOSE, ch);
    struct conc_chan *c = conc__c(ch);
    if (!c) conc_panic("close of nil channel");
    conc__lock(&c->lock);
    if (c->closed) {
        conc__unlock(&c->lock);
        conc_panic("close of closed channel");
    }
    conc__waiter *list = conc__chan_shut(c);
    conc__unlock(&c->lock);
    conc__wake_list(list, true);
}
CONC_API size_t conc__chan_len(const volatile void *c) {
    conc__point(LEN, c);
    return c && !conc__c(c)->timed ? conc__ld(&conc__c(c)->count) : 0;
}
CONC_API size_t conc__chan_cap(const volatile void *c) { return c && !conc__c(c)->timed ? conc__c(c)->cap : 0; }

// >>select-impl
/* select. 1. Look at every case without a lock, in a random order; one that seems ready is tried under its channel's lock.
   2. None ready and there is a default: it is taken if the versions of all locks are unchanged since the look, so that "none is
   ready" was true at one instant; else look again. 3. Else lock all channels by address, look once more, enqueue one waiter per
   case, park, and release the locks from the next context.
   A waker claims the select by a compare-and-swap of done from 0 to 1, under the lock of its channel; so exactly one case fires.
   The woken goroutine then locks every channel once to unlink its other waiters: this also means that the parker's unlocking
   (conc__unlock_select, which reads this goroutine's stack) is over before the goroutine goes on.
   A context's case watches it (>>watch). Its callback has no channel's lock to claim under, so a select with such cases has a lock of
   its own, which is held like the channels' until the stack is left, released last, and taken once by the woken goroutine. */
typedef struct conc__selwait {
    uint32_t done;
    int index, n, locks;
    union conc__selcase *w;
    conc__who who;
    uint32_t lock;            /* taken if watching */
    bool watching;
    struct conc_chan **order; /* the distinct channels, by address */
    uint32_t *tlock;          /* timer lock to release after the switch */
} conc__selwait;

struct conc__seldone {
    conc__ctx_node n; /* first: the callback is given its address */
    conc__selwait *sel;
    int index;
};
union conc__selcase { /* as large as a waiter: a parked select shall fit its page */
    conc__waiter w;
    struct conc__seldone d;
};
CONC__FN bool conc__claim_index(conc__selwait *s, int index) {
    uint32_t zero = 0;
    if (!__atomic_compare_exchange_n(&s->done, &zero, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) return false;
    s->index = index;
    return true;
}
CONC__FN bool conc__claim(conc__selwait *s, conc__waiter *w) { return conc__claim_index(s, w->index); }
CONC__FN void conc__fire_done(conc__ctx_node *n) {
    struct conc__seldone *d = (struct conc__seldone *)(void *)n;
    conc__selwait *s = d->sel;
    conc__who who = s->who;
    conc__lock(&s->lock); /* the goroutine has left its stack */
    bool won = conc__claim_index(s, d->index);
    conc__unlock(&s->lock);
    conc__st_rel(&n->state, CONC__N_OFF);
    if (won) conc__ready(who, false);
}
CONC__FN void conc__unlock_select(conc__selwait *s) {
    uint32_t *tlock = s->tlock;
    struct conc_chan **order = s->order;
    int n = s->locks;
    bool watching = s->watching;
    if (tlock) conc__unlock(tlock); /* the goroutine waits for the other locks if there are any; if not, it is not touched after */
    for (int i = 0; i < n; i++) conc__unlock(&order[i]->lock);
    if (watching) conc__unlock(&s->lock);
}
static __thread uint32_t conc__seed;
CONC__INLINE uint32_t conc__random(void) { /* xorshift; two goroutines of one thread may at worst draw the same number */
    conc__m *m = conc__self();
    uint32_t *seed = m ? &m->seed : &conc__seed, x = conc__ld(seed);
    if (conc__unlikely(!x)) x = (uint32_t)(uintptr_t)seed | 1;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    conc__st(seed, x);
    return x;
}
CONC__FN conc__step conc__case_step(conc_case *k, conc__who *who) {
    struct conc_chan *c = conc__c(k->ch);
    if (k->dir == CONC__SEND) return conc__send_step(c, k->val, who);
    conc__step step = conc__recv_step(c, k->val, who);
    k->ok = step == CONC__STEP_DONE;
    return step == CONC__STEP_CLOSED ? CONC__STEP_DONE : step;
}
/* try one case under its lock */
CONC__FN bool conc__case_try(conc_case *k) {
    struct conc_chan *c = conc__c(k->ch);
    conc__who who = 0;
    conc__lock(&c->lock);
    conc__step step = conc__case_step(k, &who);
    if (conc__unlikely(step == CONC__STEP_CLOSED)) conc__send_closed(c);
    conc__unlock(&c->lock);
    if (who) conc__ready(who, true);
    return step == CONC__STEP_DONE;
}
#define CONC__IS_CHAN(k) ((k)->dir <= CONC__RECV && (k)->ch)
CONC__FN bool conc__case_done(const conc_case *k) { return k->dir == CONC__DONE && conc__ctx_err(conc__ctx_source(k->ch)) != CONC_OK; }
/* One of the n candidates out of the list: a random one, or the first if the select is ordered. */
CONC__INLINE int conc__sel_draw(uint16_t *list, int *n, int flags) {
    int k = *n > 1 && !(flags & CONC__ORDERED) ? (int)(conc__in_test(conc__self()) ? conc__test_draw((uint32_t)*n) : ((uint64_t)conc__random() * (uint64_t)*n) >> 32) : 0;
    int i = list[k];
    --*n;
    for (int j = k; j < *n; j++) list[j] = list[j + 1];
    return i;
}
/* Look at all cases without a lock, then try those that seem ready: index of the one that was done, or -1. */
CONC__FN int conc__sel_pass(conc_case *c, int n, int flags, uint32_t *versions, uint16_t *ready) {
    int k = 0;
    for (int i = 0; i < n; i++)
        if (CONC__IS_CHAN(&c[i]) ? !conc__not_ready(conc__c(c[i].ch), c[i].dir == CONC__SEND, &versions[i]) : conc__case_done(&c[i]))
            ready[k++] = (uint16_t)i;
    while (k > 0) {
        int i = conc__sel_draw(ready, &k, flags);
        if (c[i].dir == CONC__DONE || conc__case_try(&c[i])) return i;
        versions[i] = 1; /* no lock's resting version: what was seen is not one instant any more */
    }
    return -1;
}
CONC__FN bool conc__sel_unchanged(conc_case *c, int n, const uint32_t *versions) {
    for (int i = 0; i < n; i++)
        if (CONC__IS_CHAN(&c[i]) ? !conc__version_is(conc__c(c[i].ch), versions[i]) : conc__case_done(&c[i])) return false;
    return true;
}
CONC__FN int conc__sel_order(conc_case *c, int n, struct conc_chan **order) {
    int k = 0;
    for (int i = 0; i < n; i++) {
        if (!CONC__IS_CHAN(&c[i])) continue;
        struct conc_chan *ch = conc__c(c[i].ch);
        int at = k;
        while (at > 0 && (uintptr_t)order[at - 1] > (uintptr_t)ch) at--;
        if (at > 0 && order[at - 1] == ch) continue;
        for (int j = k; j > at; j--) order[j] = order[j - 1];
        order[at] = ch;
        k++;
    }
    return k;
}
CONC__FN void conc__fire_select(conc__timer *t, int64_t now) {
    conc__waiter *w = (conc__waiter *)t->arg;
    conc__who who = w->who;
    (void)now;
    bool won = conc__claim(w->sel, w);
    conc__st_rel(&t->firing, 0);
    if (won) conc__ready(who, false);
}
/* Write a waiter for each case into its channel's queue. All channels are locked. */
CONC__FN void conc__sel_enqueue(conc_case *c, int n, conc__selwait *s, conc__m *m) {
    for (int i = 0; i < n; i++) {
        conc__waiter *w = &s->w[i].w;
        if (c[i].dir == CONC__DONE) {
            s->watching |= conc__ctx_source(c[i].ch) != NULL;
            continue;
        }
        conc__waiter_init(w, m, c[i].val);
        w->sel = s;
        w->index = (uint16_t)i;
        w->queued = false;
        if (!CONC__IS_CHAN(&c[i])) continue;
        struct conc_chan *ch = conc__c(c[i].ch);
        conc__q_put(c[i].dir == CONC__SEND ? &ch->sendq : &ch->recvq, w);
    }
}
/* Watch the contexts; the select's own lock is held. false: one of them is done already, and the select is decided for it. */
CONC__FN bool conc__sel_watch(conc_case *c, int n, conc__selwait *s) {
    bool wait = true;
    for (int i = 0; i < n; i++) {
        if (c[i].dir != CONC__DONE) continue;
        struct conc__seldone *d = &s->w[i].d;
        d->sel = s;
        d->index = i;
        if (conc__ctx_watch((conc_ctx *)(uintptr_t)c[i].ch, &d->n, conc__fire_done)) continue;
        (void)conc__claim_index(s, i); /* others may be done too: the first has it */
        wait = false;
    }
    return wait;
}
CONC__FN void conc__sel_unwatch(conc_case *c, int n, conc__selwait *s) {
    conc__lock(&s->lock); /* conc__unlock_select is over */
    conc__unlock(&s->lock);
    for (int i = 0; i < n; i++)
        if (c[i].dir == CONC__DONE) (void)conc__ctx_unwatch((conc_ctx *)(uintptr_t)c[i].ch, &s->w[i].d.n);
}
CONC__FN void conc__sel_dequeue(conc_case *c, int n, conc__selwait *s) {
    for (int i = 0; i < s->locks; i++) {
        struct conc_chan *ch = s->order[i];
        conc__lock(&ch->lock);
        for (int k = 0; k < n; k++)
            if (c[k].dir <= CONC__RECV && conc__c(c[k].ch) == ch && s->w[k].w.queued)
                conc__q_del(c[k].dir == CONC__SEND ? &ch->sendq : &ch->recvq, &s->w[k].w);
        conc__unlock(&ch->lock);
    }
}
CONC__FN void conc__sel_thread_wait(conc__selwait *s, int timeout, int64_t deadline) {
    conc__thread_arm(&conc__tls_thread, timeout < 0);
    conc__unlock_select(s);
    if (conc__thread_wait(NULL, timeout < 0 ? INT64_MAX : deadline)) return;
    if (!conc__claim(s, &s->w[timeout].w)) (void)conc__thread_wait(NULL, INT64_MAX);
}
/* All channels are locked and no case can go: enqueue, wait, dequeue. -> index of the case that fired */
CONC__FN int conc__sel_wait(conc_case *c, int n, conc__selwait *s, int timeout, int64_t deadline) {
    conc__m *m = conc__self();
    conc__timer t;
    s->who = conc__me(m);
    conc__sel_enqueue(c, n, s, m);
    if (conc__unlikely(s->watching)) conc__lock(&s->lock);
    bool timed = m && timeout >= 0;
    if (conc__unlikely(s->watching) && !conc__sel_watch(c, n, s)) {
        timed = false;
        conc__unlock_select(s);
    } else if (m) {
        if (timed) {
            conc__timer_init(&t, conc__fire_select, &s->w[timeout].w);
            conc__p *p = conc__timer_home(m);
            t.when = deadline;
            conc__lock(&p->tlock);
            conc__heap_put(p, &t);
            conc__timer_notify(p, deadline, true);
            s->tlock = &p->tlock;
            conc__lock_passed(s->tlock);
        }
        for (int i = 0; i < s->locks; i++) conc__lock_passed(&s->order[i]->lock);
        if (s->watching) conc__lock_passed(&s->lock);
        conc__park_select(m, s, s->locks || timed || s->watching ? CONC__W_SELECT : CONC__W_SELECT_NONE);
    } else conc__sel_thread_wait(s, timeout, deadline);
    conc__sel_dequeue(c, n, s);
    if (timed) (void)conc__timer_del(&t);
    if (conc__unlikely(s->watching)) conc__sel_unwatch(c, n, s);
    int i = s->index;
    if (c[i].dir == CONC__SEND && !s->w[i].w.ok) conc__send_closed(NULL);
    if (c[i].dir == CONC__RECV) {
        c[i].ok = s->w[i].w.ok;
        if (!c[i].ok && c[i].val) memset(c[i].val, 0, c[i].size);
    }
    return i;
}
CONC__FN int conc__sel_block(conc_case *c, int n, int flags, int timeout, int64_t deadline, union conc__selcase *w, struct conc_chan **order,
                             uint16_t *ready) {
    conc__selwait s;
    s.done = 0;
    s.index = -1;
    s.n = n;
    s.w = w;
    s.order = order;
    s.tlock = NULL;
    s.lock = 0;
    s.watching = false;
    s.locks = conc__sel_order(c, n, order);
    for (int i = 0; i < s.locks; i++) conc__lock(&order[i]->lock);
    int k = 0;
    for (int i = 0; i < n; i++) {
        if (!CONC__IS_CHAN(&c[i])) continue;
        struct conc_chan *ch = conc__c(c[i].ch);
        bool send = c[i].dir == CONC__SEND;
        if (ch->closed || (send ? ch->recvq || ch->count < ch->cap : ch->sendq || ch->count > 0)) ready[k++] = (uint16_t)i;
    }
    while (k > 0) {
        int i = conc__sel_draw(ready, &k, flags);
        conc__who who = 0;
        conc__step step = conc__case_step(&c[i], &who);
        if (step == CONC__STEP_WAIT) continue; /* those that seemed to wait there had been served elsewhere */
        for (int j = 0; j < s.locks; j++) conc__unlock(&order[j]->lock);
        if (step == CONC__STEP_CLOSED) conc__send_closed(NULL);
        if (who) conc__ready(who, true);
        return i;
    }
    return conc__sel_wait(c, n, &s, timeout, deadline);
}
CONC__NOINLINE int conc__sel_block_small(conc_case *c, int n, int flags, int timeout, int64_t deadline, uint16_t *ready) {
    union conc__selcase w[CONC__SEL_CASES];
    struct conc_chan *order[CONC__SEL_CASES];
    return conc__sel_block(c, n, flags, timeout, deadline, w, order, ready);
}
CONC__NOINLINE int conc__sel_block_large(conc_case *c, int n, int flags, int timeout, int64_t deadline, uint16_t *ready) {
    union conc__selcase *w = (union conc__selcase *)conc__xmalloc((size_t)n * (sizeof *w + sizeof(struct conc_chan *)));
    int i = conc__sel_block(c, n, flags, timeout, deadline, w, (struct conc_chan **)(void *)(w + n), ready);
    CONC_FREE(w);
    return i;
}
/* The whole of it, with room for n versions and candidates. */
CONC__INLINE int conc__select_in(conc_case *c, int n, int flags, uint32_t *versions, uint16_t *ready) {
    int timeout = -1, fallback = -1;
    int64_t first = INT64_MAX;
    for (int i = 0; i < n; i++) {
        if (conc__likely(c[i].dir <= CONC__RECV)) continue;
        if (c[i].dir == CONC__DEFAULT) fallback = i;
        else if (c[i].dir == CONC__TIME && c[i].ns < first) first = c[i].ns, timeout = i;
    }
    for (int look = 0;; look++) {
        int done = conc__sel_pass(c, n, flags, versions, ready);
        if (done >= 0) return done;
        if (fallback < 0 && first > 0) break;
        if (conc__sel_unchanged(c, n, versions)) return fallback >= 0 ? fallback : timeout;
        if (look > 8) (void)sched_yield(); /* its channels keep moving: let their users through */
    }
    int64_t deadline = timeout >= 0 ? conc__deadline(first) : INT64_MAX;
    if (deadline == INT64_MAX) timeout = -1;
    conc__ensure();
    return n <= CONC__SEL_CASES ? conc__sel_block_small(c, n, flags, timeout, deadline, ready)
                                : conc__sel_block_large(c, n, flags, timeout, deadline, ready);
}
CONC_API int conc__select(conc_case *c, int n, int flags) {
    if (conc__tested()) conc__test_select(c, n);
    uint32_t versions[CONC__SEL_CASES];
    uint16_t ready[CONC__SEL_CASES];
    if (conc__likely(n <= CONC__SEL_CASES)) return conc__select_in(c, n, flags, versions, ready);
    if (n > 65535) conc_panic("select: more than 65535 cases");
    uint32_t *room = (uint32_t *)conc__xmalloc((size_t)n * (sizeof *versions + sizeof *ready));
    int i = conc__select_in(c, n, flags, room, (uint16_t *)(void *)(room + n));
    CONC_FREE(room);
    return i;
}
/* the statement form's storage beyond 16 cases or 16 bytes a value */
struct conc__selheap { struct conc__selheap *next; };
CONC__FN void *conc__sel_alloc(conc__sel *s, size_t size) {
    struct conc__selheap *h = (struct conc__selheap *)conc__xmalloc(16 + size);
    h->next = (struct conc__selheap *)s->heap;
    s->heap = h;
    return (char *)h + 16;
}
CONC_API bool conc__sel_add_slow(conc__sel *s, int dir, const volatile void *ch, const void *v, void *into, size_t size, int64_t ns) {
    if (s->n == s->cap) {
        conc_case *bigger = (conc_case *)conc__sel_alloc(s, sizeof *bigger * (size_t)s->cap * 2);
        memcpy(bigger, s->c, sizeof *bigger * (size_t)s->n);
        s->c = bigger;
        s->cap *= 2;
    }
    void *room = into ? into : conc__sel_alloc(s, size);
    if (!into && v) memcpy(room, v, size);
    (void)conc__sel_add(s, dir, ch, NULL, room, size, ns);
    return false;
}
CONC_API void conc__sel_free(conc__sel *s) {
    for (struct conc__selheap *h = (struct conc__selheap *)s->heap, *next; h; h = next) {
        next = h->next;
        CONC_FREE(h);
    }
    s->heap = NULL;
}

/* timers as objects */
struct conc_timer {
    conc__timer t;
    uint32_t lock; /* stop and reset from several goroutines are one after the other; before all other locks */
    struct conc_chan *c; /* NULL: runs fn(arg) */
    void (*fn)(void *);
    void *arg;
};
struct conc_ticker { struct conc_timer timer; };
CONC__FN void conc__fire_chan(conc__timer *t, int64_t now) {
    struct conc_timer *x = (struct conc_timer *)t->arg;
    conc__who who = 0;
    conc__lock(&x->c->lock);
    (void)conc__send_step(x->c, &now, &who); /* a tick that nobody has taken stays, this one is dropped */
    conc__unlock(&x->c->lock);
    conc__st_rel(&t->firing, 0);
    if (who) conc__ready(who, false);
}
CONC__FN void conc__fire_func(conc__timer *t, int64_t now) {
    static const conc__site site = { "conc_after_func", "a timer", "", 0 };
    struct conc_timer *x = (struct conc_timer *)t->arg;
    conc__godesc d;
    (void)now;
    memset(&d, 0, sizeof d);
    d.site = &site;
    conc__m *m = conc__self();
    conc__rec *r = conc__rec_get(m->p);
    if (!r) conc__fatal("out of memory: conc_after_func");
    r->fn = (void (*)(void))(uintptr_t)x->fn;
    r->arg[0] = (uintptr_t)x->arg;
    struct conc__family *mine __attribute__((unused)) = conc__family_lend(conc__family_of(x));
    conc__st_rel(&t->firing, 0);
    conc__submit(r, &d, CONC__R_INT);
    (void)conc__family_lend(mine);
}
CONC__FN struct conc_timer *conc__timer_make(void (*f)(conc__timer *, int64_t), bool channel, int64_t ns, int64_t period) {
    conc__ensure();
    struct conc_timer *x = conc__alloc_fails("timer") ? NULL : (struct conc_timer *)conc__obj_alloc(sizeof *x);
    if (!x) return NULL;
    memset(x, 0, sizeof *x);
    conc__timer_init(&x->t, f, x);
    x->t.period = period;
    if (channel) {
        x->c = conc__chan_new(sizeof(int64_t), 1);
        if (!x->c) return conc__obj_free(x), (struct conc_timer *)NULL;
        x->c->timed = 1;
    }
    (void)ns;
    conc__obj_is(x, "timer");
    return x;
}
CONC__FN void conc__timer_check(const void *t, const char *what) {
    if (!t) conc_panic("time: %s", what);
}
/* Disarm; a value that was sent and not yet received is taken back. true if it had not fired, or nobody had noticed. */
CONC__FN bool conc__timer_disarm(struct conc_timer *x) {
    bool armed = conc__timer_del(&x->t);
    if (!x->c) return armed;
    conc__lock(&x->c->lock);
    bool unseen = x->c->count > 0;
    if (unseen) {
        conc__st(&x->c->count, 0);
        x->c->ri = x->c->wi = 0;
    }
    conc__unlock(&x->c->lock);
    return armed || unseen;
}
CONC__FN bool conc__timer_rearm(struct conc_timer *x, int64_t ns, int64_t period) {
    conc__point2(OTHER, x, x->c);
    conc__lock(&x->lock);
    bool was = conc__timer_disarm(x);
    x->t.period = period;
    conc__timer_put_under(&x->t, conc__deadline(ns), false, &x->lock);
    return was;
}
CONC_API conc_timer *conc_timer_new(int64_t ns) {
    conc_timer *x = conc__timer_make(conc__fire_chan, true, ns, 0);
    if (x) conc__timer_put(&x->t, conc__deadline(ns), false);
    return x;
}
CONC_API conc_timer *conc_after_func(int64_t ns, void (*fn)(void *), void *arg) {
    if (!fn) conc__go_nil();
    conc_timer *x = conc__timer_make(conc__fire_func, false, ns, 0);
    if (!x) return NULL;
    x->fn = fn;
    x->arg = arg;
    conc__timer_put(&x->t, conc__deadline(ns), false);
    return x;
}
CONC_API bool conc_timer_stop(conc_timer *t) {
    conc__timer_check(t, "Stop called on uninitialized Timer");
    conc__point2(OTHER, t, t->c);
    conc__lock(&t->lock);
    bool was = conc__timer_disarm(t);
    conc__unlock(&t->lock);
    return was;
}
CONC_API bool conc_timer_reset(conc_timer *t, int64_t ns) {
    conc__timer_check(t, "Reset called on uninitialized Timer");
    return conc__timer_rearm(t, ns, 0);
}
CONC__FN void conc__timer_drop(struct conc_timer *t) { /* its channel is being freed by the caller */
    (void)conc__timer_del(&t->t);
    conc__obj_free(t);
}
CONC_API void conc_timer_free(conc_timer *t) {
    if (!t) return;
    (void)conc__timer_del(&t->t);
    conc__chan_free(t->c);
    conc__obj_free(t);
}
CONC_API conc_ticker *conc_ticker_new(int64_t ns) {
    if (ns <= 0) conc_panic("non-positive interval for NewTicker");
    conc_timer *x = conc__timer_make(conc__fire_chan, true, ns, ns);
    if (x) conc__timer_put(&x->t, conc__deadline(ns), false);
    return (conc_ticker *)x;
}
CONC_API void conc_ticker_stop(conc_ticker *t) {
    conc__timer_check(t, "Stop called on uninitialized Ticker");
    (void)conc_timer_stop(&t->timer);
}
CONC_API void conc_ticker_reset(conc_ticker *t, int64_t ns) {
    conc__timer_check(t, "Reset called on uninitialized Ticker");
    if (ns <= 0) conc_panic("non-positive interval for Ticker.Reset");
    (void)conc__timer_rearm(&t->timer, ns, ns);
}
CONC_API void conc_ticker_free(conc_ticker *t) { conc_timer_free((conc_timer *)t); }
CONC_API const volatile void *conc__timer_chan(conc_timer *t) { return t ? t->c : NULL; }
CONC_API const volatile void *conc__ticker_chan(conc_ticker *t) { return t ? t->timer.c : NULL; }
CONC_API const volatile void *conc__after(int64_t ns) {
    conc_timer *x = conc__timer_make(conc__fire_chan, true, ns, 0);
    if (!x) return NULL;
    struct conc_chan *c = x->c;
    c->owned = x; /* the caller's last chan_free frees both */
    conc__timer_put(&x->t, conc__deadline(ns), false);
    return c;
}

// >>sync-impl
/* Each object has a spin lock for its queue of waiters, taken only on the slow paths, and an atomic word for the fast ones.
   The words' operations are sequentially consistent read-modify-writes: what happened before an unlock, a done, or a release
   happens before the lock, the wait, or the acquire that it lets through. */
#define CONC__Q(x) ((conc__queue *)(void *)(x))

/* Mutex. state: LOCKED; STARVING, the first waiter has waited more than a millisecond: the lock is handed to it, newcomers queue;
   CALL, an unlock is to wake a waiter: the queue is not empty, and STARVING is set or woken is not. woken, guarded by the spin lock: a
   waiter was woken and is on its way to compete, so unlocks need not wake another. All but LOCKED change under the spin lock, but for
   the holder that drops STARVING; STARVING implies CALL, so that 0 is the one state in which the mutex is open. Waiters or not, who
   finds it open has it: barging past those in the queue is what makes normal mode fast.
   An unlock subtracts LOCKED, which needs no look before, and the sign says whether it is done (by layout CALL, or LOCKED missing
   before, makes it negative). If not, CALL without LOCKED keeps everyone out, as if the mutex were still locked, until this one unlock
   has taken the spin lock and opened the mutex or handed it on. Nobody else ends that state, not even the last waiter that gives
   up: who did could lock, unlock and free the mutex before the unlock comes to touch it, and the last to unlock may free it.
   Invariant: a waiter in the queue implies woken, or CALL and somebody who will unlock. An unlock that opens the mutex touches it no
   more, but for the spin lock while the waiter that it took out, who keeps the mutex alive, is still to be woken. */
enum { CONC__STARVING = 1, CONC__LOCKED = 0x40, CONC__CALL = 0x80 };
#define CONC__STARVE_NS CONC_MS
CONC__INLINE bool conc__mutex_cas(conc_mutex *m, uint8_t *from, int to) {
    return __atomic_compare_exchange_n(&m->conc__state, from, (uint8_t)to, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}
CONC__INLINE bool conc__mutex_try(conc_mutex *m) {
    uint8_t s = 0;
    if (conc__unlikely(!conc__mutex_cas(m, &s, CONC__LOCKED))) return false;
    conc__ordered_after(m, ALL);
    return true;
}
/* The state s with the right marks for a queue in which somebody waits, or nobody. */
CONC__INLINE int conc__mutex_marked(conc_mutex *m, int s, bool waiters) {
    if (!waiters) return s & ~(CONC__CALL | CONC__STARVING);
    return m->conc__woken && !(s & CONC__STARVING) ? s & ~CONC__CALL : s | CONC__CALL;
}
CONC__FN void conc__mutex_expire(void *obj) {
    conc_mutex *m = (conc_mutex *)obj;
    uint8_t s = conc__ld(&m->conc__state);
    while (!m->conc__head && s & CONC__LOCKED && !conc__mutex_cas(m, &s, conc__mutex_marked(m, s, false))) {}
}
/* Contention is the moment for a goroutine whose processor was handed on to queue for one: running beside its successor it would
   fight it for the lock. */
CONC__FN void conc__give_way_if_lost(void) {
    conc__m *m = conc__self();
    if (conc__unlikely(m && conc__ld(&m->stop) & CONC__LOST) && conc__ld(&m->cur) != &m->g0) conc__give_way(m);
}
/* Spinning helps only if the holder runs now, elsewhere, and nobody here would rather use the processor. */
CONC__FN bool conc__can_spin(conc_mutex *mu) {
    conc__m *m = conc__self();
    conc__p *p = m ? conc__ld(&m->p) : NULL;
    uint8_t s = conc__ld(&mu->conc__state);
    if (s == 0 || s & CONC__STARVING) return false;
    return !m || (p && !conc__p_has_work(p) && conc__ld(&conc__rt.procs) - conc__ld(&conc__rt.nidle_p) - conc__ld(&conc__rt.nspin) > 1);
}
CONC__NOINLINE conc_status conc__mutex_slow(conc_mutex *m, conc_ctx *ctx, int64_t deadline) {
    int64_t since = 0;
    bool woken = false;
    conc__give_way_if_lost();
    for (int i = 0; i < 4 && conc__can_spin(m); i++) { /* the holder may be about to release it on another processor */
        for (int k = 0; k < 30; k++) conc__os_relax();
        if (conc__mutex_try(m)) return CONC_OK;
    }
    for (;;) {
        conc__m *self = conc__self();
        conc__lock(&m->conc__spin);
        if (woken) m->conc__woken = false;
        uint8_t s = conc__ld(&m->conc__state);
        for (;;) { /* take it, or leave a mark that makes the holder's unlock come here */
            bool take = s == 0;
            int to = s;
            if (take) to = CONC__LOCKED;
            else if (since && conc_now() - since > CONC__STARVE_NS) to |= CONC__STARVING;
            if (!conc__mutex_cas(m, &s, conc__mutex_marked(m, to, !take || m->conc__head))) continue;
            if (!take) break;
            conc__unlock(&m->conc__spin);
            conc__ordered_after(m, ALL);
            return CONC_OK;
        }
        conc__waiter w;
        conc__waiter_init(&w, self, NULL);
        if (since) conc__q_put_first(CONC__Q(&m->conc__head), &w); /* it has been first before */
        else conc__q_put(CONC__Q(&m->conc__head), &w);
        if (!since) since = conc_now();
        conc_status st = conc__wait_until(self, &m->conc__spin, CONC__Q(&m->conc__head), &w, CONC__W_MUTEX, ctx, deadline, conc__mutex_expire, m);
        if (st != CONC_OK) return st;
        if (w.handed) {
            conc__ordered_after(m, ALL);
            /* served within the millisecond: the queue is short again, back to normal mode */
            if (conc_now() - since < CONC__STARVE_NS) (void)__atomic_fetch_and(&m->conc__state, (uint8_t)~CONC__STARVING, __ATOMIC_SEQ_CST);
            return CONC_OK;
        }
        woken = true;
    }
}
CONC_API void conc_mutex_lock(conc_mutex *m) {
    conc__point(LOCK, m);
    if (conc__unlikely(!conc__mutex_try(m))) (void)conc__mutex_slow(m, NULL, INT64_MAX);
}
CONC_API bool conc_mutex_try_lock(conc_mutex *m) {
    conc__point(TRYLOCK, m);
    return conc__mutex_try(m);
}
CONC_API conc_status conc_mutex_lock_for(conc_mutex *m, int64_t ns) {
    conc__point(TRYLOCK, m);
    if (conc__likely(conc__mutex_try(m))) return CONC_OK;
    if (ns <= 0) return conc_mutex_try_lock(m) ? CONC_OK : CONC_TIMEOUT;
    conc__ensure();
    return conc__mutex_slow(m, NULL, conc__deadline(ns));
}
CONC_API conc_status conc_mutex_lock_ctx(conc_mutex *m, conc_ctx *ctx) {
    conc__point2(TRYLOCK, m, conc__ctx_source(ctx));
    conc_status err = conc__ctx_err(conc__ctx_source(ctx));
    if (conc__unlikely(err != CONC_OK)) return err;
    if (conc__likely(conc__mutex_try(m))) return CONC_OK;
    conc_ctx_ref(ctx); /* woken, it may find the mutex taken and wait again */
    err = conc__mutex_slow(m, ctx, INT64_MAX);
    conc_ctx_unref(ctx);
    return err;
}
CONC__NOINLINE void conc__unlock_fatal(const char *text) { conc__fatal("%s", text); }
/* An unlock with a waiter to wake: the mutex is there until this has opened it or handed it on, since nobody else can lock it. 0 if
   all waiters have given up since: it is locked again then, and this unlock yet to come. */
CONC__FN conc__who conc__mutex_call(conc_mutex *m) {
    conc__lock(&m->conc__spin);
    int s = conc__ld(&m->conc__state);
    if ((s & (CONC__LOCKED | CONC__CALL)) != CONC__CALL) {
        (void)conc__add(&m->conc__state, CONC__LOCKED);
        conc__unlock_fatal("sync: unlock of unlocked mutex");
    }
    conc__waiter *w = (conc__waiter *)m->conc__head;
    conc__who who = w ? w->who : 0;
    if (w) {
        conc__q_del(CONC__Q(&m->conc__head), w);
        w->handed = s & CONC__STARVING;
        m->conc__woken |= !w->handed;
    }
    if (!w || w->handed) s |= CONC__LOCKED;
    __atomic_store_n(&m->conc__state, (uint8_t)conc__mutex_marked(m, s, m->conc__head), __ATOMIC_SEQ_CST);
    conc__unlock(&m->conc__spin);
    return who;
}
CONC__INLINE bool conc__mutex_unlocked(conc_mutex *m) {
    /* compared with 0 at once: `lock sub` and its flags, which is quicker than `lock xadd` */
    return conc__likely((int8_t)__atomic_sub_fetch(&m->conc__state, CONC__LOCKED, __ATOMIC_SEQ_CST) >= 0);
}
CONC__NOINLINE void conc__mutex_unlock_slow(conc_mutex *m, bool can_yield) {
    do {
        conc__who who = conc__mutex_call(m);
        if (who) {
            conc__ready(who, can_yield);
            return;
        }
    } while (!conc__mutex_unlocked(m));
}
CONC__INLINE void conc__mutex_unlock(conc_mutex *m, bool can_yield) {
    conc__ordered_before(m, ALL);
    if (!conc__mutex_unlocked(m)) conc__mutex_unlock_slow(m, can_yield);
}
CONC_API void conc_mutex_unlock(conc_mutex *m) {
    conc__point(UNLOCK, m);
    conc__mutex_unlock(m, true);
}

/* Big-reader mode (conc_rwmutex_init_big). A reader counts itself in a counter that belongs to its thread, with a plain store, fences
   lightly, and looks whether a writer is there; a writer says that it is, fences heavily, and adds the counters up. Dekker again:
   either the reader sees the writer and steps back, or the writer sees the reader. Only the thread writes its counter, and nothing
   switches goroutines between its load and its store. OS threads, and threads beyond the last counter, share counter 0, atomically.

   A reader may unlock on another thread than it locked on: a counter by itself means nothing (it may be below zero), only the sum does.
   A sum that is zero is exact though the counters are not read at one instant. After the heavy fence nobody new gets in: what is
   still added to a counter is taken from the same counter again (a reader that steps back), by the same thread, so a look sees both,
   neither, or the addition alone. Those who hold the lock can only subtract. So every look finds at least as many as hold it when
   the look ends, and a sum below zero is a runlock too many.

   No wake-up is lost: a reader that subtracts, fences lightly and finds a writer (to leave, or to step back) takes the spin lock, and
   under it adds up and wakes the writer if that is parked and the sum is zero; the writer parks under the spin lock after a sum that
   was not zero. A subtraction that the writer's look missed came after its fence, hence saw the writer, hence takes the spin lock
   after it; and the last to take it sees all the others' subtractions. Readers that find a writer queue under the same lock; unlock
   counts them in at once, before the next writer can come, so neither side starves.
   Partners: the readers' release stores with the acquire loads of the sum; the release of writer = 0 with the readers' acquire. */
struct conc__tally { __attribute__((aligned(CONC__LINE))) uint32_t n; };
struct conc__readers {
    uint32_t writer, slots; /* writer: one is waiting or at work; read by every reader */
    struct conc__tally count[1]; /* slots + 1 of them */
};
/* How many threads get something of their own: all that run goroutines, and some that wait in system calls. */
CONC__FN uint32_t conc__thread_slots(void) {
    conc__ensure();
    uint32_t n = (uint32_t)conc__ld(&conc__rt.procs) * 2;
    return n < 8 ? 8 : n > 256 ? 256 : n;
}
CONC_API conc_status conc_rwmutex_init_big(conc_rwmutex *rw) {
    uint32_t n = conc__thread_slots();
    struct conc__readers *b = (struct conc__readers *)conc__line_alloc(sizeof *b + sizeof b->count[0] * (n + 1));
    memset(rw, 0, sizeof *rw);
    if (!b) return CONC_NO_MEMORY;
    b->slots = n;
    rw->conc__big = b;
    return CONC_OK;
}
CONC_API void conc_rwmutex_destroy(conc_rwmutex *rw) {
    if (rw->conc__big) conc__line_free(rw->conc__big);
    memset(rw, 0, sizeof *rw);
}
CONC__INLINE struct conc__readers *conc__readers_of(const conc_rwmutex *rw) { return (struct conc__readers *)rw->conc__big; }
CONC__INLINE void conc__big_add(struct conc__readers *b, uint32_t d) {
    conc__m *m = conc__self();
    if (conc__likely(m && !CONC__TSAN && (uint32_t)m->id < b->slots)) { /* the tool takes a thread's goroutines for threads */
        uint32_t *n = &b->count[m->id + 1].n;
        conc__st_rel(n, conc__ld(n) + d);
    } else (void)__atomic_fetch_add(&b->count[0].n, d, __ATOMIC_ACQ_REL);
    conc__fence_light(); /* partner: the heavy fence in conc__big_lock */
}
CONC__FN int32_t conc__big_sum(const struct conc__readers *b) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i <= b->slots; i++) sum += conc__ld_acq(&b->count[i].n);
    if ((int32_t)sum < 0) conc__unlock_fatal("sync: RUnlock of unlocked RWMutex");
    return (int32_t)sum;
}
/* A reader has gone while a writer is there: wake the writer if it was the last. */
CONC__NOINLINE void conc__big_left(conc_rwmutex *rw) {
    conc__who who = 0;
    conc__lock(&rw->conc__spin);
    if (rw->conc__writer && conc__big_sum(conc__readers_of(rw)) == 0) {
        who = ((conc__waiter *)rw->conc__writer)->who;
        rw->conc__writer = NULL;
    }
    conc__unlock(&rw->conc__spin);
    if (who) conc__ready(who, true);
}
/* A writer was there: step back and, unless it is only a try, wait until it has gone. */
CONC__NOINLINE bool conc__big_rlock_slow(conc_rwmutex *rw, bool wait) {
    struct conc__readers *b = conc__readers_of(rw);
    conc__waiter w;
    conc__big_add(b, (uint32_t)-1);
    conc__big_left(rw);
    if (!wait) return false;
    conc__give_way_if_lost();
    conc__m *self = conc__self();
    conc__lock(&rw->conc__spin);
    if (!conc__ld_acq(&b->writer)) { /* and under the spin lock none can come */
        (void)__atomic_fetch_add(&b->count[0].n, 1, __ATOMIC_ACQ_REL);
        conc__unlock(&rw->conc__spin);
        return true;
    }
    conc__waiter_init(&w, self, NULL);
    conc__q_put(CONC__Q(&rw->conc__rhead), &w);
    (void)conc__wait_on(self, &rw->conc__spin, CONC__Q(&rw->conc__rhead), &w, CONC__W_RLOCK, INT64_MAX, NULL, NULL);
    return true;
}
CONC__INLINE bool conc__big_rlock(conc_rwmutex *rw, bool wait) {
    conc__big_add(conc__readers_of(rw), 1);
    return conc__likely(!conc__ld_acq(&conc__readers_of(rw)->writer)) || conc__big_rlock_slow(rw, wait);
}
CONC__INLINE void conc__big_runlock(conc_rwmutex *rw) {
    conc__big_add(conc__readers_of(rw), (uint32_t)-1);
    if (conc__unlikely(conc__ld(&conc__readers_of(rw)->writer))) conc__big_left(rw);
}
/* The writers' mutex is held: let the readers out, waiting for them if that is asked; false: some are still in. */
CONC__NOINLINE bool conc__big_lock(conc_rwmutex *rw, bool wait) {
    struct conc__readers *b = conc__readers_of(rw);
    conc__waiter w;
    conc__lock(&rw->conc__spin);
    conc__st(&b->writer, 1);
    conc__unlock(&rw->conc__spin);
    conc__fence_heavy(); /* partner: the light fence in conc__big_add */
    conc__m *self = conc__self();
    conc__lock(&rw->conc__spin);
    bool alone = conc__big_sum(b) == 0;
    if (alone || !wait) {
        conc__unlock(&rw->conc__spin);
        return alone;
    }
    conc__waiter_init(&w, self, NULL);
    w.queued = true;
    rw->conc__writer = &w;
    (void)conc__wait_on(self, &rw->conc__spin, NULL, &w, CONC__W_WLOCK, INT64_MAX, NULL, NULL);
    return true;
}
CONC__NOINLINE void conc__big_unlock(conc_rwmutex *rw) {
    struct conc__readers *b = conc__readers_of(rw);
    if (!conc__ld(&b->writer)) conc__unlock_fatal("sync: Unlock of unlocked RWMutex");
    conc__lock(&rw->conc__spin);
    conc__waiter *list = conc__q_take_all(CONC__Q(&rw->conc__rhead));
    uint32_t n = 0;
    for (conc__waiter *w = list; w; w = w->next) n++;
    (void)__atomic_fetch_add(&b->count[0].n, n, __ATOMIC_ACQ_REL);
    conc__st_rel(&b->writer, 0);
    conc__unlock(&rw->conc__spin);
    conc__wake_list(list, false);
    conc_mutex_unlock(&rw->conc__w);
}

/* RWMutex. readers: how many hold or want it for reading; a writer makes it negative by CONC__WRITER, so that new readers queue.
   wait: readers that the writer still waits for. A reader that finds a writer queues, unless the writer's unlock came between its
   count and the spin lock: unlock leaves one grant (pad) for each such reader. */
#define CONC__WRITER (1 << 30)
CONC__FN void conc__rlock_slow(conc_rwmutex *rw) {
    conc__give_way_if_lost();
    conc__m *self = conc__self();
    conc__waiter w;
    conc__lock(&rw->conc__spin);
    if (rw->conc__pad > 0) {
        rw->conc__pad--;
        conc__unlock(&rw->conc__spin);
        return;
    }
    conc__waiter_init(&w, self, NULL);
    conc__q_put(CONC__Q(&rw->conc__rhead), &w);
    (void)conc__wait_on(self, &rw->conc__spin, CONC__Q(&rw->conc__rhead), &w, CONC__W_RLOCK, INT64_MAX, NULL, NULL);
}
CONC_API void conc_rwmutex_rlock(conc_rwmutex *rw) {
    if (conc__tested()) conc__test_point(rw->conc__big ? CONC__O_OTHER : CONC__O_RLOCK, rw, NULL);
    if (rw->conc__big) (void)conc__big_rlock(rw, true);
    else if (conc__unlikely(conc__add(&rw->conc__readers, 1) < 0)) conc__rlock_slow(rw);
    conc__ordered_after(rw, WRITER);
}
CONC__FN bool conc__rwmutex_enter(conc_rwmutex *rw) { /* for reading, if no writer is there */
    if (rw->conc__big) return conc__big_rlock(rw, false);
    for (int32_t r = conc__ld(&rw->conc__readers); r >= 0;)
        if (__atomic_compare_exchange_n(&rw->conc__readers, &r, r + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) return true;
    return false;
}
CONC_API bool conc_rwmutex_try_rlock(conc_rwmutex *rw) {
    conc__point(OTHER, rw);
    if (!conc__rwmutex_enter(rw)) return false;
    conc__ordered_after(rw, WRITER);
    return true;
}
CONC__NOINLINE void conc__runlock_slow(conc_rwmutex *rw, int32_t r) {
    if (r + 1 == 0 || r + 1 == -CONC__WRITER) conc__unlock_fatal("sync: RUnlock of unlocked RWMutex");
    conc__lock(&rw->conc__spin);
    conc__who who = 0;
    if (--rw->conc__wait == 0 && rw->conc__writer) {
        who = ((conc__waiter *)rw->conc__writer)->who;
        rw->conc__writer = NULL;
    }
    conc__unlock(&rw->conc__spin);
    if (who) conc__ready(who, true);
}
CONC_API void conc_rwmutex_runlock(conc_rwmutex *rw) {
    conc__point(RUNLOCK, rw);
    conc__ordered_before(rw, READERS);
    if (rw->conc__big) {
        conc__big_runlock(rw);
        return;
    }
    int32_t r = conc__add(&rw->conc__readers, -1);
    if (conc__unlikely(r < 0)) conc__runlock_slow(rw, r);
    else if (r > 0) conc__give_way_if_lost(); /* others read at the same time */
}
/* The writers' mutex is held: let the readers out. */
CONC__FN void conc__rwmutex_drain(conc_rwmutex *rw) {
    if (rw->conc__big) {
        (void)conc__big_lock(rw, true);
        return;
    }
    int32_t readers = __atomic_fetch_sub(&rw->conc__readers, CONC__WRITER, __ATOMIC_SEQ_CST);
    if (conc__likely(readers == 0)) return;
    conc__m *self = conc__self();
    conc__waiter w;
    conc__lock(&rw->conc__spin);
    rw->conc__wait += readers; /* those that have left meanwhile have counted it below zero */
    if (rw->conc__wait == 0) {
        conc__unlock(&rw->conc__spin);
        return;
    }
    conc__waiter_init(&w, self, NULL);
    w.queued = true;
    rw->conc__writer = &w;
    (void)conc__wait_on(self, &rw->conc__spin, NULL, &w, CONC__W_WLOCK, INT64_MAX, NULL, NULL);
}
CONC_API void conc_rwmutex_lock(conc_rwmutex *rw) {
    conc_mutex_lock(&rw->conc__w); /* writers one by one */
    conc__point(WLOCK, rw);
    conc__rwmutex_drain(rw);
    conc__ordered_after(rw, WRITER);
    conc__ordered_after(rw, READERS);
}
CONC_API bool conc_rwmutex_try_lock(conc_rwmutex *rw) {
    int32_t zero = 0;
    if (!conc_mutex_try_lock(&rw->conc__w)) return false;
    conc__point(WLOCK, rw);
    bool alone = rw->conc__big ? conc__big_lock(rw, false)
                               : __atomic_compare_exchange_n(&rw->conc__readers, &zero, -CONC__WRITER, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    if (alone) {
        conc__ordered_after(rw, WRITER);
        conc__ordered_after(rw, READERS);
    } else if (rw->conc__big) conc__big_unlock(rw);
    else conc_mutex_unlock(&rw->conc__w);
    return alone;
}
CONC_API void conc_rwmutex_unlock(conc_rwmutex *rw) {
    conc__point(WUNLOCK, rw);
    conc__ordered_before(rw, WRITER);
    if (rw->conc__big) {
        conc__big_unlock(rw);
        return;
    }
    if (conc__ld(&rw->conc__readers) >= 0) conc__unlock_fatal("sync: Unlock of unlocked RWMutex");
    conc__lock(&rw->conc__spin);
    int32_t waiting = conc__add(&rw->conc__readers, CONC__WRITER);
    conc__waiter *list = conc__q_take_all(CONC__Q(&rw->conc__rhead));
    int32_t queued = 0;
    for (conc__waiter *w = list; w; w = w->next) queued++;
    rw->conc__pad += (uint32_t)(waiting - queued);
    conc__unlock(&rw->conc__spin);
    conc__wake_list(list, false);
    conc_mutex_unlock(&rw->conc__w);
}

/* WaitGroup. state: counter in the high half, length of the queue in the low, which changes under the spin lock and with the counter
   above zero. It may live on a waiter's stack: whoever brings the counter to zero touches it no more. So with waiters that happens
   under the spin lock, in one step with the emptying of the queue, whose waiters keep the group alive until they are woken. (Were it
   a subtraction first and a look at the queue then, as in Go, a waiter could give up in between, see that the counter is zero after
   all, and free the group.) Hence no waiter ever sees the counter at zero and rising again, and Go's "WaitGroup misuse" has nothing to
   report here; the explorer, which can tell that an add and a wait are not ordered, does report it. */
CONC__NOINLINE bool conc__wg_last(conc_wg *wg, uint64_t n) {
    conc__waiter *list = NULL;
    conc__lock(&wg->conc__spin);
    uint64_t state = conc__ld(&wg->conc__state);
    while ((state + n) >> 32 == 0 && (uint32_t)state && !list)
        if (__atomic_compare_exchange_n(&wg->conc__state, &state, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
            list = conc__q_take_all(CONC__Q(&wg->conc__head));
    conc__unlock(&wg->conc__spin);
    bool last = list != NULL;
    conc__wake_list(list, true);
    return last;
}
CONC__NOINLINE void conc__wg_negative(void) { conc_panic("sync: negative WaitGroup counter"); }
CONC__INLINE void conc__wg_sub(conc_wg *wg, uint64_t n) {
    uint64_t state = conc__ld(&wg->conc__state);
    for (;;) {
        uint64_t to = state + n;
        if (conc__unlikely((int64_t)to < 0)) conc__wg_negative();
        if (conc__unlikely(to >> 32 == 0 && (uint32_t)to)) { /* somebody waits for just this */
            if (conc__wg_last(wg, n)) return;
            state = conc__ld(&wg->conc__state);
        } else if (conc__likely(__atomic_compare_exchange_n(&wg->conc__state, &state, to, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))) return;
        else conc__give_way_if_lost();
    }
}
CONC_API void conc_wg_add(conc_wg *wg, int n) {
    if (conc__tested()) conc__test_point(n < 0 ? CONC__O_DONE : CONC__O_ADD, wg, NULL);
    uint64_t by = (uint64_t)(int64_t)n << 32;
    if (n < 0) {
        conc__ordered_before(wg, ALL);
        conc__wg_sub(wg, by);
    } else if (conc__unlikely((int64_t)conc__add(&wg->conc__state, by) < 0)) conc__wg_negative();
}
CONC_API void conc_wg_done(conc_wg *wg) { conc_wg_add(wg, -1); }
CONC__FN void conc__wg_expire(void *obj) { (void)conc__add(&((conc_wg *)obj)->conc__state, (uint64_t)-1); }
CONC__FN conc_status conc__wg_await(conc_wg *wg, conc_ctx *ctx, int64_t deadline) {
    uint64_t state = __atomic_load_n(&wg->conc__state, __ATOMIC_SEQ_CST);
    if (state >> 32 == 0) return CONC_OK;
    conc__m *self = conc__self();
    conc__waiter w;
    conc__lock(&wg->conc__spin);
    do {
        state = __atomic_load_n(&wg->conc__state, __ATOMIC_SEQ_CST);
        if (state >> 32 == 0) {
            conc__unlock(&wg->conc__spin);
            return CONC_OK;
        }
    } while (!__atomic_compare_exchange_n(&wg->conc__state, &state, state + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    conc__waiter_init(&w, self, NULL);
    conc__q_put(CONC__Q(&wg->conc__head), &w);
    return conc__wait_until(self, &wg->conc__spin, CONC__Q(&wg->conc__head), &w, CONC__W_WG, ctx, deadline, conc__wg_expire, wg);
}
CONC__FN conc_status conc__wg_wait(conc_wg *wg, conc_ctx *ctx, int64_t deadline) {
    conc_status st = conc__wg_await(wg, ctx, deadline);
    if (st == CONC_OK) conc__ordered_after(wg, ALL);
    return st;
}
CONC_API void conc_wg_wait(conc_wg *wg) {
    conc__point(WAIT, wg);
    (void)conc__wg_wait(wg, NULL, INT64_MAX);
}
CONC_API conc_status conc_wg_wait_for(conc_wg *wg, int64_t ns) {
    conc__point(OTHER, wg);
    conc__ensure();
    if (ns <= 0 && __atomic_load_n(&wg->conc__state, __ATOMIC_SEQ_CST) >> 32 != 0) return CONC_TIMEOUT;
    return conc__wg_wait(wg, NULL, conc__deadline(ns));
}
CONC_API conc_status conc_wg_wait_ctx(conc_wg *wg, conc_ctx *ctx) {
    conc__point2(OTHER, wg, conc__ctx_source(ctx));
    conc_status err = conc__ctx_err(conc__ctx_source(ctx));
    return err != CONC_OK ? err : conc__wg_wait(wg, ctx, INT64_MAX);
}

/* Once. conc_exit out of fn runs conc__once_end as an exit handler, so that it counts as done. */
CONC__FN void conc__once_end(void *arg) {
    conc_once *once = (conc_once *)arg;
    conc__ordered_before(once, ALL);
    conc__st_rel(&once->conc__done, 1); /* partner: the acquire in conc_once_do */
    conc_mutex_unlock(&once->conc__m);
}
CONC_API void conc__once_slow(conc_once *once, void (*fn)(void *), void *arg) {
    conc_mutex_lock(&once->conc__m);
    if (conc__ld(&once->conc__done)) {
        conc_mutex_unlock(&once->conc__m);
        return;
    }
    conc__m *m = conc__self();
    struct conc__exit e = { NULL, conc__once_end, once, false };
    if (m) {
        conc__g *g = conc__ld(&m->cur);
        e.next = conc__ld(&g->exits);
        conc__st(&g->exits, &e);
    }
    fn(arg);
    m = conc__self();
    if (m) { /* handlers that fn registered stay; ours goes, wherever it is */
        struct conc__exit **at = &conc__ld(&m->cur)->exits;
        while (conc__ld(at) != &e) at = &(*at)->next;
        conc__st(at, e.next);
    }
    conc__once_end(once);
}

/* Cond. The waiter is in the queue before the mutex is released, and parks before the spin lock is: no signal is lost. Lock order:
   a cond's spin lock before its mutex's. */
CONC__FN void conc__cond_check(conc_cond *c) {
    void *self = NULL;
    if (conc__ld(&c->conc__self) == c) return;
    if (!__atomic_compare_exchange_n(&c->conc__self, &self, (void *)c, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED) && self != c)
        conc_panic("sync.Cond is copied");
}
CONC__FN conc_status conc__cond_wait(conc_cond *c, conc_mutex *m, conc_ctx *ctx, int64_t deadline) {
    conc__point2(CWAIT, c, m);
    conc__cond_check(c);
    conc__m *self = conc__self();
    conc__waiter w;
    conc__waiter_init(&w, self, NULL);
    conc__lock(&c->conc__spin);
    conc__q_put(CONC__Q(&c->conc__head), &w);
    conc__mutex_unlock(m, false);
    conc_status st = conc__wait_until(self, &c->conc__spin, CONC__Q(&c->conc__head), &w, CONC__W_COND, ctx, deadline, NULL, NULL);
    conc__here_set(conc__here_last()); /* locking again is part of the wait */
    conc_mutex_lock(m);
    return st;
}
CONC_API void conc_cond_wait(conc_cond *c, conc_mutex *m) { (void)conc__cond_wait(c, m, NULL, INT64_MAX); }
CONC_API conc_status conc_cond_wait_for(conc_cond *c, conc_mutex *m, int64_t ns) {
    conc__ensure();
    return conc__cond_wait(c, m, NULL, conc__deadline(ns > 0 ? ns : 0));
}
CONC_API conc_status conc_cond_wait_ctx(conc_cond *c, conc_mutex *m, conc_ctx *ctx) {
    conc_status err = conc__ctx_err(conc__ctx_source(ctx));
    if (err != CONC_OK) return err;
    conc_ctx_ref(ctx); /* it lets go of m, and only then watches the context */
    err = conc__cond_wait(c, m, ctx, INT64_MAX);
    conc_ctx_unref(ctx);
    return err;
}
CONC_API void conc_cond_signal(conc_cond *c) {
    conc__point(SIGNAL, c);
    conc__cond_check(c);
    conc__lock(&c->conc__spin);
    conc__waiter *w = conc__q_take(CONC__Q(&c->conc__head));
    conc__who who = w ? w->who : 0;
    conc__unlock(&c->conc__spin);
    if (who) conc__ready(who, true);
}
CONC_API void conc_cond_broadcast(conc_cond *c) {
    conc__point(BROADCAST, c);
    conc__cond_check(c);
    conc__lock(&c->conc__spin);
    conc__waiter *list = conc__q_take_all(CONC__Q(&c->conc__head));
    conc__unlock(&c->conc__spin);
    conc__wake_list(list, true);
}

/* Semaphore: first come, first served, so the queue is looked at from its head only. All of it under the spin lock. */
CONC_API void conc_sem_init(conc_sem *s, int64_t size) {
    memset(s, 0, sizeof *s);
    s->conc__size = size;
}
CONC__FN conc_status conc__sem_await(conc_sem *s, int64_t n, conc_ctx *ctx, int64_t deadline) {
    conc__m *self = conc__self();
    conc__lock(&s->conc__spin);
    if (s->conc__size - s->conc__cur >= n && !s->conc__head) {
        s->conc__cur += n;
        conc__unlock(&s->conc__spin);
        return CONC_OK;
    }
    conc__waiter w, *parked = &w;
    conc__waiter_init(parked, self, (void *)(intptr_t)n);
    if (n > s->conc__size) { /* can never be served, and must not hold the others up */
        conc__unlock(&s->conc__spin);
        return ctx ? conc__nil_ctx(ctx, CONC__W_SEM) : conc__nil_until(deadline, CONC__W_SEM);
    }
    conc__q_put(CONC__Q(&s->conc__head), parked);
    return conc__wait_until(self, &s->conc__spin, CONC__Q(&s->conc__head), parked, CONC__W_SEM, ctx, deadline, NULL, NULL);
}
CONC__FN conc_status conc__sem_acquire(conc_sem *s, int64_t n, conc_ctx *ctx, int64_t deadline) {
    conc_status st = conc__sem_await(s, n, ctx, deadline);
    if (st == CONC_OK) conc__ordered_after(s, ALL);
    return st;
}
/* Give those at the head that fit what they want: taken out, to be woken when the spin lock is released. All in one go, and the
   semaphore is not touched after it, since it may live on the stack of one of them. */
CONC__FN conc__waiter *conc__sem_serve(conc_sem *s) {
    conc__waiter *list = NULL, **end = &list;
    for (conc__waiter *w; (w = (conc__waiter *)s->conc__head) != NULL; end = &w->next) {
        int64_t n = (int64_t)(intptr_t)w->elem;
        if (s->conc__size - s->conc__cur < n) break;
        s->conc__cur += n;
        conc__q_del(CONC__Q(&s->conc__head), w);
        w->next = NULL;
        *end = w;
    }
    return list;
}
/* One at the head gave up: those behind it may fit where it did not. */
CONC__FN void conc__sem_gave_up(conc_sem *s) {
    conc__lock(&s->conc__spin);
    conc__waiter *list = conc__sem_serve(s);
    conc__unlock(&s->conc__spin);
    conc__wake_list(list, false);
}
CONC_API void conc_sem_acquire(conc_sem *s, int64_t n) {
    conc__point(ACQUIRE, s);
    (void)conc__sem_acquire(s, n, NULL, INT64_MAX);
}
CONC_API conc_status conc_sem_acquire_for(conc_sem *s, int64_t n, int64_t ns) {
    conc__point(ACQUIRE, s);
    conc__ensure();
    if (ns <= 0) return conc_sem_try_acquire(s, n) ? CONC_OK : CONC_TIMEOUT;
    conc_status st = conc__sem_acquire(s, n, NULL, conc__deadline(ns));
    if (st == CONC_TIMEOUT) conc__sem_gave_up(s);
    return st;
}
CONC_API conc_status conc_sem_acquire_ctx(conc_sem *s, int64_t n, conc_ctx *ctx) {
    conc__point2(ACQUIRE, s, conc__ctx_source(ctx));
    conc_status st = conc__ctx_err(conc__ctx_source(ctx));
    if (st != CONC_OK) return st;
    st = conc__sem_acquire(s, n, ctx, INT64_MAX);
    if (st != CONC_OK) conc__sem_gave_up(s);
    return st;
}
CONC_API bool conc_sem_try_acquire(conc_sem *s, int64_t n) {
    conc__point(ACQUIRE, s);
    conc__lock(&s->conc__spin);
    bool ok = s->conc__size - s->conc__cur >= n && !s->conc__head;
    if (ok) s->conc__cur += n;
    conc__unlock(&s->conc__spin);
    if (ok) conc__ordered_after(s, ALL);
    return ok;
}
CONC_API void conc_sem_release(conc_sem *s, int64_t n) {
    conc__point(RELEASE, s);
    conc__ordered_before(s, ALL);
    conc__lock(&s->conc__spin);
    s->conc__cur -= n;
    bool bad = s->conc__cur < 0;
    conc__waiter *list = bad ? NULL : conc__sem_serve(s);
    conc__unlock(&s->conc__spin);
    if (bad) conc_panic("semaphore: released more than held");
    conc__wake_list(list, false);
}

// >>context-impl
/* A tree of contexts. Children refer to their parent (and so keep it alive); a source knows the sources below it by their nodes.

   Being done is one store: err, under the context's lock and, if the done channel exists, under that channel's lock too, in
   between which the channel is closed. So whoever sees err finds the channel closed, and whoever sees the channel closed
   finds err: both look under a lock or after an acquire that comes after. Lock order: done channel -> context; the channel is
   made under the context's lock, so cancelling looks for it again when it has both.

   Cancelling walks the tree without recursion (a chain may be longer than a stack): each context is marked done, then its nodes
   are taken out of the list one by one, the lock held only for the taking; a child is marked and entered before its siblings, its
   way back in c->up. No lock is held while watchers are called. The walk holds a reference to every context that it is in: whoever
   is woken may free it.

   Two cancellers may meet: the second finds the context done, and waits until the first is through with everything below
   (busy), so that for both, all is done when they return. (So a context leaves its parent's list only when it has been walked: one that
   was marked but not walked yet must still be found.) This cannot deadlock: one who waits is through with his own way down to
   there, holds no lock, and has released the node (so that the other, taking its context out of its parent's list, does not wait
   for him); and waiting goes only from an ancestor's canceller to a descendant's. Timers do not wait.

   References: hold() is for those who come to a context by a node or a timer, which do not count: it refuses once the count has
   reached zero. Whoever brought it there waits, in unwatch and timer_del, until they have seen that. */
struct conc__ctx_timed { conc_ctx c; int64_t deadline; conc__timer t; int cause; };
struct conc__ctx_value { conc_ctx c; const void *key; void *value; };
struct conc_ctx_func { conc__ctx_node n; conc_ctx *ctx; void (*fn)(void *); void *arg; };

static conc_ctx conc__ctx_roots[2];
CONC_API conc_ctx *conc_ctx_background(void) { return &conc__ctx_roots[0]; }
CONC_API conc_ctx *conc_ctx_todo(void) { return &conc__ctx_roots[1]; }
CONC_API conc_ctx *conc_ctx_ref(conc_ctx *ctx) {
    if (ctx && ctx->kind != CONC__C_ROOT) (void)__atomic_fetch_add(&ctx->refs, 1, __ATOMIC_RELAXED);
    return ctx;
}
CONC__FN bool conc__ctx_hold(conc_ctx *c) {
    for (int32_t n = conc__ld(&c->refs); n > 0;)
        if (__atomic_compare_exchange_n(&c->refs, &n, n + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return true;
    return false;
}
/* Out of the parent's list, and out of the timers. */
CONC__FN void conc__ctx_detach(conc_ctx *c) {
    (void)conc__ctx_unwatch(c->parent, &c->node);
    if (c->kind == CONC__C_TIMED) (void)conc__timer_del(&((struct conc__ctx_timed *)(void *)c)->t);
}
CONC__FN void conc__ctx_destroy(conc_ctx *c) {
    if (c->source == c) {
        conc__ctx_detach(c);
        if (conc__ld(&c->nodes)) conc__fatal("conc_ctx_unref: context freed while a goroutine waits with it");
        conc__chan_free(c->done);
    }
    conc__obj_free(c);
}
CONC_API void conc_ctx_unref(conc_ctx *ctx) {
    for (conc_ctx *c = ctx, *up; c && c->kind != CONC__C_ROOT; c = up) {
        int32_t left = __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL);
        if (left > 0) return;
        if (left < 0) conc__fatal("conc_ctx_unref: context freed more often than referenced");
        up = c->parent;
        conc__ctx_destroy(c);
    }
}

/* cancelling */
/* Make c alone done; false: it was. Its done channel's waiters are woken. The caller holds a reference. */
CONC__FN bool conc__ctx_mark(conc_ctx *c, conc_status err, int cause) {
    struct conc_chan *done;
    conc__waiter *list = NULL;
    for (;;) { /* lock the channel, if there is one, and the context */
        done = conc__ld_acq(&c->done);
        if (done) conc__lock(&done->lock);
        conc__lock(&c->lock);
        if (conc__likely(c->done == done)) break;
        conc__unlock(&c->lock);
        if (done) conc__unlock(&done->lock);
    }
    bool first = c->err == CONC_OK;
    if (first) {
        c->cause = cause ? cause : (int)err;
        conc__st(&c->busy, 1);
        if (done) list = conc__chan_shut(done);
        conc__ordered_before(c, ALL);
        conc__st_rel(&c->err, (uint32_t)err); /* partner: the acquire in conc__ctx_err */
    }
    conc__unlock(&c->lock);
    if (done) conc__unlock(&done->lock);
    if (first) conc__wake_list(list, false);
    return first;
}
/* The node after next, and who waits for next's done channel, on the way to the cache. */
CONC__INLINE void conc__ctx_prefetch(conc__ctx_node *next) {
    if (next->next) __builtin_prefetch(next->next);
    struct conc_chan *done = next->f ? NULL : conc__ld_acq(&conc__ctx_of(next)->done); /* partner: the release in conc__ctx_done */
    if (done) __builtin_prefetch(conc__ld(&done->recvq));
}
/* The first node of c, now ours; NULL: there is none, or its owner is about to take it out. Lock held. */
CONC__INLINE conc__ctx_node *conc__ctx_seize(conc_ctx *c) {
    conc__ctx_node *n = c->nodes;
    uint32_t on = CONC__N_ON;
    if (!n || !conc__cas(&n->state, &on, CONC__N_FIRING)) return NULL;
    conc__ctx_unlink(n);
    if (n->next) conc__ctx_prefetch(n->next);
    n->err = (conc_status)c->err;
    return n;
}
/* Next node of a context that is done, now ours; NULL: none is left, none comes any more, and nobody who took one out will touch the
   context again: he did so under the lock, which is seen to be held by whoever sees the list without the node. */
CONC__FN conc__ctx_node *conc__ctx_take(conc_ctx *c) {
    for (unsigned i = 0; conc__ld_acq(&c->nodes) || (conc__ld(&c->lock) & 1); i++) { /* partner: the release in conc__ctx_unlink */
        conc__lock(&c->lock);
        conc__ctx_node *n = conc__ctx_seize(c);
        conc__unlock(&c->lock);
        if (n) return n;
        conc__linger(i);
    }
    return NULL;
}
/* The child that n belongs to, marked done and held, to be walked next; NULL: somebody else has been there. */
CONC__FN conc_ctx *conc__ctx_descend(conc_ctx *up, conc__ctx_node *n) {
    conc_ctx *c = conc__ctx_of(n);
    bool alive = conc__ctx_hold(c);
    conc__st_rel(&n->state, CONC__N_OFF); /* partner: the acquire in conc__ctx_unwatch */
    if (!alive) return NULL;
    if (conc__ctx_mark(c, (conc_status)up->err, up->cause)) {
        c->up = up;
        return c;
    }
    conc__await_zero(&c->busy);
    conc_ctx_unref(c);
    return NULL;
}
/* Cancel the tree below top, which is marked already. */
CONC__FN void conc__ctx_walk(conc_ctx *top) {
    for (conc_ctx *c = top;;) {
        conc__ctx_node *n = conc__ctx_take(c);
        if (n && n->f) {
            n->f(n);
            continue;
        }
        if (n) {
            conc_ctx *child = conc__ctx_descend(c, n);
            if (child) c = child;
            continue;
        }
        conc_ctx *up = c->up;
        conc__ctx_detach(c); /* not before all below is done: an ancestor's canceller that no longer finds c need not wait for it */
        conc__st_rel(&c->busy, 0); /* partner: conc__await_zero */
        if (c == top) return;
        conc_ctx_unref(c);
        c = up;
    }
}
CONC__FN bool conc__ctx_cancel(conc_ctx *c, conc_status err, int cause) {
    bool first = conc__ctx_mark(c, err, cause);
    if (first) conc__ctx_walk(c);
    return first;
}
CONC_API void conc_ctx_cancel_cause(conc_ctx *ctx, int cause) {
    if (!ctx || ctx->source != ctx) conc_panic("conc_ctx_cancel of a context that cannot be cancelled by itself");
    conc__point(CANCEL, ctx);
    if (!conc__ctx_cancel(ctx, CONC_CANCELED, cause)) conc__await_zero(&ctx->busy);
}
CONC_API void conc_ctx_cancel(conc_ctx *ctx) { conc_ctx_cancel_cause(ctx, 0); }
CONC_API void conc_ctx_free(conc_ctx *ctx) {
    if (!ctx || ctx->kind == CONC__C_ROOT) return;
    if (ctx->freed) conc__fatal("conc_ctx_free: context freed twice");
    ctx->freed = true;
    if (ctx->kind == CONC__C_NOTIFY) conc__signal_stop(ctx);
    if (ctx->source == ctx) conc_ctx_cancel_cause(ctx, 0);
    conc_ctx_unref(ctx);
}
CONC__FN void conc__ctx_expire(conc__timer *t, int64_t now) {
    struct conc__ctx_timed *x = (struct conc__ctx_timed *)t->arg;
    bool alive = conc__ctx_hold(&x->c);
    (void)now;
    conc__st_rel(&t->firing, 0);
    if (!alive) return;
    (void)conc__ctx_cancel(&x->c, CONC_TIMEOUT, x->cause);
    conc_ctx_unref(&x->c);
}

/* making */
CONC__FN conc_ctx *conc__ctx_new(conc_ctx *parent, size_t size, enum conc__ctx_kind kind) {
    if (!parent) conc_panic("cannot create context from nil parent");
    conc_ctx *c = conc__alloc_fails("context") ? NULL : (conc_ctx *)conc__obj_alloc(size);
    if (!c) return NULL;
    memset(c, 0, sizeof *c);
    c->refs = 1;
    c->kind = (uint8_t)kind;
    c->parent = conc_ctx_ref(parent);
    conc__obj_is(c, "context");
    return c;
}
/* c becomes a source below its parent's, and shares its fate. */
CONC__FN void conc__ctx_attach(conc_ctx *c) {
    conc_ctx *up = c->parent->source;
    c->source = c;
    if (!conc__ctx_watch(up, &c->node, NULL)) (void)conc__ctx_cancel(c, c->node.err, up->cause);
}
CONC_API conc_ctx *conc_ctx_with_cancel(conc_ctx *parent) {
    conc_ctx *c = conc__ctx_new(parent, sizeof *c, CONC__C_CANCEL);
    if (c) conc__ctx_attach(c);
    return c;
}
CONC_API conc_ctx *conc_ctx_with_deadline_cause(conc_ctx *parent, int64_t deadline, int cause) {
    int64_t earlier;
    if (deadline == INT64_MAX || (conc_ctx_deadline(parent, &earlier) && earlier <= deadline)) return conc_ctx_with_cancel(parent);
    conc__ensure();
    struct conc__ctx_timed *x = (struct conc__ctx_timed *)(void *)conc__ctx_new(parent, sizeof *x, CONC__C_TIMED);
    if (!x) return NULL;
    x->deadline = deadline;
    x->cause = cause;
    conc__timer_init(&x->t, conc__ctx_expire, x);
    conc__ctx_attach(&x->c);
    if (deadline <= conc_now()) {
        (void)conc__ctx_cancel(&x->c, CONC_TIMEOUT, cause);
        return &x->c;
    }
    conc__lock(&x->c.lock); /* whoever cancels it after this takes the timer out again */
    if (!x->c.err) conc__timer_put(&x->t, deadline, false);
    conc__unlock(&x->c.lock);
    return &x->c;
}
CONC_API conc_ctx *conc_ctx_with_deadline(conc_ctx *parent, int64_t deadline) { return conc_ctx_with_deadline_cause(parent, deadline, 0); }
CONC_API conc_ctx *conc_ctx_with_timeout_cause(conc_ctx *parent, int64_t ns, int cause) {
    return conc_ctx_with_deadline_cause(parent, conc__deadline(ns), cause);
}
CONC_API conc_ctx *conc_ctx_with_timeout(conc_ctx *parent, int64_t ns) { return conc_ctx_with_timeout_cause(parent, ns, 0); }
CONC_API conc_ctx *conc_ctx_with_value(conc_ctx *parent, const void *key, void *value) {
    if (parent && !key) conc_panic("nil key");
    struct conc__ctx_value *x = (struct conc__ctx_value *)(void *)conc__ctx_new(parent, sizeof *x, CONC__C_VALUE);
    if (!x) return NULL;
    x->c.source = parent->source;
    x->key = key;
    x->value = value;
    return &x->c;
}
CONC_API conc_ctx *conc_ctx_without_cancel(conc_ctx *parent) {
    return conc__ctx_new(parent, sizeof(conc_ctx), CONC__C_DETACHED);
}

/* asking */
CONC_API conc_status conc_ctx_err(conc_ctx *ctx) {
    conc__point(LOAD, conc__ctx_source(ctx));
    return conc__ctx_err(conc__ctx_source(ctx));
}
CONC_API int conc_ctx_cause(conc_ctx *ctx) {
    conc_ctx *c = conc__ctx_source(ctx);
    return conc__ctx_err(c) != CONC_OK ? c->cause : 0;
}
CONC_API bool conc_ctx_deadline(conc_ctx *ctx, int64_t *deadline) {
    for (conc_ctx *c = ctx; c && c->kind != CONC__C_DETACHED; c = c->parent)
        if (c->kind == CONC__C_TIMED) { /* made only where it is earlier than those above */
            *deadline = ((struct conc__ctx_timed *)(void *)c)->deadline;
            return true;
        }
    return false;
}
CONC_API void *conc_ctx_value(conc_ctx *ctx, const void *key) {
    for (conc_ctx *c = ctx; c; c = c->parent) {
        struct conc__ctx_value *x = (struct conc__ctx_value *)(void *)c;
        if (c->kind == CONC__C_VALUE && x->key == key) return x->value;
    }
    return NULL;
}
CONC_API const volatile void *conc__ctx_done(conc_ctx *ctx) {
    conc_ctx *c = conc__ctx_source(ctx);
    if (!c) return NULL;
    struct conc_chan *done = conc__ld_acq(&c->done); /* partner: the release below */
    if (conc__likely(done != NULL)) return done;
    struct conc_chan *made = conc__chan_new(1, 0);
    if (!made) conc__fatal("out of memory: conc_ctx_done");
    conc__lock(&c->lock);
    done = c->done;
    if (!done) {
        made->closed = c->err != CONC_OK;
        if (made->closed) { /* its receivers come after the cancel */
            conc__ordered_after(c, ALL);
            conc__ordered_before(made, ALL);
        }
        conc__st_rel(&c->done, made);
    }
    conc__unlock(&c->lock);
    if (!done) return made;
    conc__chan_free(made);
    return done;
}

/* functions to run afterwards */
CONC__FN void conc__ctx_start(void (*fn)(void *), void *arg) {
    static const conc__site site = { "conc_ctx_after_func", "a context", "", 0 };
    conc__godesc d;
    memset(&d, 0, sizeof d);
    d.site = &site;
    conc__rec *r = conc__rec_foreign(); /* cancellers are goroutines, threads, and timers on a scheduler's stack */
    if (!r) conc__fatal("out of memory: conc_ctx_after_func");
    conc__tsan_blind(true);
    r->fn = (void (*)(void))(uintptr_t)fn;
    r->arg[0] = (uintptr_t)arg;
    conc__tsan_blind(false);
    conc__submit(r, &d, CONC__R_INT);
}
CONC__FN void conc__ctx_fire_func(conc__ctx_node *n) {
    struct conc_ctx_func *f = (struct conc_ctx_func *)(void *)n;
    void (*fn)(void *) = f->fn;
    void *arg = f->arg;
    conc__st_rel(&n->state, CONC__N_OFF);
    conc__ctx_start(fn, arg);
}
CONC_API conc_ctx_func *conc_ctx_after_func(conc_ctx *ctx, void (*fn)(void *), void *arg) {
    if (!fn) conc__go_nil();
    struct conc_ctx_func *f = conc__alloc_fails("conc_ctx_after_func") ? NULL : (struct conc_ctx_func *)conc__obj_alloc(sizeof *f);
    if (!f) return NULL;
    f->ctx = conc_ctx_ref(ctx);
    f->fn = fn;
    f->arg = arg;
    if (!conc__ctx_watch(ctx, &f->n, conc__ctx_fire_func)) conc__ctx_start(fn, arg);
    return f;
}
CONC_API bool conc_ctx_func_stop(conc_ctx_func *f) {
    if (!f) return false;
    bool stopped = conc__ctx_unwatch(f->ctx, &f->n) || !conc__ctx_source(f->ctx);
    conc_ctx_unref(f->ctx);
    conc__obj_free(f);
    return stopped;
}

// >>scope-impl
/* A scope is a wait group, a context, a semaphore if it has a limit, and a list of what to free. It lives in the frame that declares it;
   a task refers to it by its goroutine's wait group, which is counted down when everything else of the task is over, so that the
   scope is there as long as it is needed.

   A task's result: go() drops what a function returns, so a task is not run as other goroutines are. Its registers are captured in
   the same way, but the record's function is conc__scope_task, and the captured call is its argument; it replays the call and
   finds the result where the ABI leaves it. Ordinary goroutines pay nothing for this: their records and conc__run_rec are
   unchanged. (Rejected: a kind of record of its own, for a test in conc__run_rec, the hottest function there is.)

   conc_exit unwinds no C frames, so a task leaves its slot, and the owner ends the scope, by exit handlers that lie in those frames,
   as conc_once_do has it. They are taken out wherever they are: handlers registered later stay.

   Items are pushed by anybody without a lock and popped by the owner alone, when no task is left. */
struct conc__item { struct conc__item *next; void (*fn)(void *room); }; /* then the room */
struct conc__deferred { void (*fn)(void *); void *arg; };

CONC__FN void conc__exit_push(struct conc__exit *e, void (*fn)(void *), void *arg) {
    conc__m *m = conc__self();
    e->fn = NULL;
    if (!m) return;
    conc__g *g = conc__ld(&m->cur);
    e->fn = fn;
    e->arg = arg;
    e->heap = false;
    e->next = conc__ld(&g->exits);
    conc__st(&g->exits, e);
}
CONC__FN void conc__exit_remove(struct conc__exit *e) {
    if (!e->fn) return; /* an OS thread's */
    struct conc__exit **at = &conc__ld(&conc__self()->cur)->exits;
    while (conc__ld(at) && conc__ld(at) != e) at = &conc__ld(at)->next; /* not there: it is running */
    if (conc__ld(at)) conc__st(at, e->next);
}
CONC__INLINE struct conc__exit *conc__exit_in(void **words) { return (struct conc__exit *)(void *)words; }

CONC__FN void conc__scope_gone(void *s) { conc__scope_end((conc_scope *)s); }
CONC_API conc_scope *conc__scope_begin(conc_scope *s, const conc_scope_opts *o) {
    memset(s, 0, sizeof *s);
    conc_ctx *parent = o->parent ? o->parent : conc_ctx_background();
    int64_t deadline = o->deadline ? o->deadline : INT64_MAX;
    if (o->timeout) {
        int64_t t = conc__deadline(o->timeout);
        if (t < deadline) deadline = t;
    }
    if (o->limit < 0) conc_panic("conc_scope_begin: negative limit");
    s->conc__ctx = conc_ctx_with_deadline(parent, deadline);
    if (!s->conc__ctx) conc__fatal("out of memory: conc_scope_begin");
    s->conc__limited = o->limit > 0;
    s->conc__join = o->join;
    conc_sem_init(&s->conc__sem, o->limit);
    conc__exit_push(conc__exit_in(s->conc__exit), conc__scope_gone, s);
    return s;
}
CONC_API void conc__scope_end(conc_scope *s) {
    conc__exit_remove(conc__exit_in(s->conc__exit));
    if (!s->conc__join) conc_ctx_cancel(s->conc__ctx);
    conc_wg_wait(&s->conc__wg);
    for (struct conc__item *i; (i = (struct conc__item *)s->conc__items) != NULL;) { /* a deferred function may register more */
        s->conc__items = i->next;
        if (i->fn) i->fn(i + 1);
        conc__obj_free(i);
    }
    conc_ctx_free(s->conc__ctx);
}
CONC_API conc_ctx *conc_scope_ctx(conc_scope *s) { return s->conc__ctx; }
CONC_API void conc_scope_cancel(conc_scope *s, int cause) {
    int none = 0;
    if (!cause) cause = CONC_CANCELED;
    (void)__atomic_compare_exchange_n(&s->conc__err, &none, cause, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    conc_ctx_cancel_cause(s->conc__ctx, cause);
}
CONC_API int conc_scope_wait(conc_scope *s) {
    conc_wg_wait(&s->conc__wg);
    return conc__ld(&s->conc__err);
}

/* tasks */
CONC_API void conc__scope_slot(conc_scope *s) {
    if (s->conc__limited) conc_sem_acquire(&s->conc__sem, 1);
}
CONC_API bool conc__scope_try_slot(conc_scope *s) { return !s->conc__limited || conc_sem_try_acquire(&s->conc__sem, 1); }
CONC__FN void conc__task_gone(void *t) { conc__task_end((conc__task *)t, 0, false); }
CONC_API void conc__task_begin(conc__task *t, conc_scope *s) {
    t->s = s;
    conc__exit_push(conc__exit_in(t->conc__exit), conc__task_gone, t);
}
CONC_API void conc__task_end(conc__task *t, int result, bool has_result) {
    conc_scope *s = t->s;
    conc__exit_remove(conc__exit_in(t->conc__exit));
    if (!has_result) result = conc_ctx_cause(s->conc__ctx);
    if (result) conc_scope_cancel(s, result);
    if (s->conc__limited) conc_sem_release(&s->conc__sem, 1);
}
CONC__FN conc_scope *conc__scope_of(void *room) {
    return (conc_scope *)(void *)((char *)conc__big_of(room)->wg - offsetof(conc_scope, conc__wg));
}
CONC_API void conc__scope_task(void *room) {
    conc__task t;
    conc__task_begin(&t, conc__scope_of(room));
    conc__task_end(&t, conc__call(room), true);
}
CONC_API void conc__scope_task_void(void *room) {
    conc__task t;
    conc__task_begin(&t, conc__scope_of(room));
    (void)conc__call(room);
    conc__task_end(&t, 0, false);
}

/* what it owns */
CONC_API void *conc__scope_room(conc_scope *s, size_t size, void (*fn)(void *)) {
    bool fits = size < PTRDIFF_MAX / 2 && !conc__alloc_fails("scope");
    struct conc__item *i = fits ? (struct conc__item *)conc__obj_alloc(sizeof *i + size) : NULL;
    if (!i) return NULL;
    memset(i + 1, 0, size);
    i->fn = fn;
    void *first = conc__ld(&s->conc__items);
    do i->next = (struct conc__item *)first;
    while (!__atomic_compare_exchange_n(&s->conc__items, &first, (void *)i, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
    return i + 1;
}
CONC__ANY_CALL CONC__FN void conc__run_deferred(void *room) {
    struct conc__deferred *d = (struct conc__deferred *)room;
    d->fn(d->arg);
}
CONC_API conc_status conc__scope_defer(conc_scope *s, void (*fn)(void *), void *arg) {
    struct conc__deferred *d = (struct conc__deferred *)conc__scope_room(s, sizeof *d, conc__run_deferred);
    if (!d) return CONC_NO_MEMORY;
    d->fn = fn;
    d->arg = arg;
    return CONC_OK;
}
CONC__FN void conc__free_owned(void *c) { conc__chan_free(c); }
CONC_API const volatile void *conc__scope_own(conc_scope *s, const volatile void *chan) {
    if (!chan || conc__scope_defer(s, conc__free_owned, (void *)(uintptr_t)chan) == CONC_OK) return chan;
    conc__chan_free(chan);
    return NULL;
}
CONC_API void *conc_scope_alloc(conc_scope *s, size_t size) { return conc__scope_room(s, size, NULL); }

// >>poll
/* Waiting for descriptors. A table indexed by descriptor number holds what is known of each (conc__fd, 32 bytes); a goroutine
   whose call would block queues there and parks; whoever polls takes the edges that the system reports and wakes from there.

   Edges, not levels. A descriptor is registered once, at the first call that would block, for both directions. Each edge counts one
   up in edges[]. An operation notes the counts (seen), makes its call, and if that would block queues only if, under the lock, the
   counts still stand; else the call is made again. So an edge between the call and the queueing is not lost:
     waiter:  seen = edges (acquire); call: EAGAIN; lock; edges == seen? queue, park (which unlocks)
     poller:  lock; edges++ (release); take a waiter; unlock; wake it
   An edge wakes one waiter for reading and one for writing. It may stand for more than one of them can use (ten connections to
   accept), so a woken operation wakes the next waiter when it is done, whatever came of it (conc__fd_pass). A stale or spurious edge,
   one meant for a descriptor that had the same number, costs a call that would block and nothing else.

   "A short read means drained": a stream that gave less than was asked for is empty until its next edge, so the next read need not
   try (drained). Not so once a hang-up, an error or urgent data were reported: of these the next call must tell (ODD). A hang-up that
   comes between that short read and the next is an edge of its own.

   Which registrations may be trusted? The system forgets a descriptor that is closed, and nobody tells us of a plain close(2). For a
   descriptor that conc.h made and conc_close will close (OWNED) the mark REGISTERED is believed. All others are registered again at each
   wait; EEXIST says that it is the same open file. That costs 0.2 us and makes the reuse of a number harmless.

   Life (Go's fdMutex): state counts the operations under way. conc_close sets CLOSING: from then on operations are refused (EBADF), and
   those that wait are woken to fail. When the count is zero it sets DYING and makes the system call: the number may come back for another
   file before that returns, so operations that find DYING wait for its end and then start afresh. Entries are never freed, so an
   operation may look at one at any time.

   Who polls (conc__poll)? Whoever looks for work: a worker each 64th dispatch, and when it runs out of work, before it spins; so the answer to
   a message that one goroutine sent is found by the same worker a microsecond later, and no thread is woken. When nobody has looked for a
   millisecond (goroutines that compute) the monitor does. A thread that goes idle while no other worker polls sleeps in the poller
   instead of on its futex (sched.poller, at most one): in ppoll on the epoll descriptor, which takes no events, so it need not be told
   apart who polls from who sleeps, and on an eventfd by which conc__m_wake ends its sleep. If it is also the timer waiter the first
   timer's time limits that sleep. Whoever puts an idle P to work prefers that thread: if another polled while it slept, the system
   would wake it for each event, and the two would snatch them from each other.
   One thread at a time uses the eventfd. A poller that is given a P leaves the idle list, and with it sched.poller, at once, but sleeps
   on until conc__m_wake has signalled. Were another elected in between, it could take that signal, and the one with the P would sleep for
   ever. So it stays sched.in_poller until it is awake and holds sched.lock again (conc__sleep_m), and nobody is elected before
   (conc__elect_poller); none is needed either: it has a P, and looks for I/O before it sleeps again.

   No lost wake-up. A goroutine counts itself in io_waiting, then registers and queues. Consider the M that ran it. It looks for work (polls),
   and in the end goes idle under sched.lock: then (1) it sleeps in the poller, where a pending edge keeps it from sleeping: edges are only
   ever taken by conc__poll, which serves them; or (2) somebody sleeps there already; or (3) a busy P has polled within a millisecond: it goes
   idle in its turn, under the same lock, or keeps computing, and then the monitor polls, which has been kicked if it slept. If the
   M never goes idle it polls, or computes while the monitor polls; conc__io_notify kicks that if it sleeps. The monitor goes to sleep only
   after setting ATTN_MONITOR, a heavy fence, and finding no busy P or no goroutine that waits for I/O or somebody in the poller; and who
   takes that somebody out of the poller kicks the monitor (conc__p_run). All of it is free while io_waiting is zero: one load.

   Lock order: a descriptor's lock stands with the channels'; nothing is locked under it but a timer lock, in conc__wait_on.

   OS threads do not use the poller: they sleep in poll(2) on their descriptor, and on an eventfd made for the occasion by which conc_close
   wakes them.

   With CONC_PORTABLE the set is one of one-shot requests to poll(2): a wait asks for one edge (conc__fd_register believes no mark), and an
   edge that is told is a request that is gone. What is said above holds for these edges; a level that lasts is the next one.

   Rejected on Linux: level-triggered or one-shot registration (a system call more per wait); a poller thread of its own (two thread switches per
   message: 49 us against 7.6 for a round trip); io_uring (0 to 4 % for sockets on the machine this was tuned on). */
enum { CONC__FD_REGISTERED = 1, CONC__FD_OWNED = 2, CONC__FD_STREAM = 4, CONC__FD_ODD = 8 };           /* flags */
enum { CONC__FD_CLOSER = 4, CONC__FD_REBORN = 8, CONC__FD_THREAD = 16 }; /* what else a waiter may wait for, beside CONC_READ, CONC_WRITE */
#define CONC__FD_CLOSING (1u << 31)
#define CONC__FD_DYING (1u << 30)
#define CONC__FD_REFS (CONC__FD_DYING - 1)
typedef struct conc__fd {
    uint32_t lock;
    uint32_t state;    /* operations under way | CLOSING | DYING; atomic, the bits change under the lock */
    uint32_t edges[2]; /* reported so far, for reading and for writing; lock to write, release */
    uint32_t flags;    /* atomic */
    uint32_t drained;  /* 1 + edges[0] before a short read; 0: none */
    conc__queue q;     /* waiters of all kinds, their index says for what; lock */
} conc__fd;

/* Entry of a descriptor; NULL: not a number of the system's, or never used (make == false), or no memory. */
CONC__NOINLINE conc__fd *conc__fd_grow(uint32_t k) {
    conc__fd *chunk = (conc__fd *)CONC_MALLOC(sizeof *chunk << (k + 6)), *none = NULL;
    if (!chunk) return NULL;
    memset(chunk, 0, sizeof *chunk << (k + 6));
    if (__atomic_compare_exchange_n(&conc__rt.fds[k], &none, chunk, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return chunk;
    CONC_FREE(chunk); /* somebody was faster */
    return none;
}
CONC__INLINE conc__fd *conc__fd_at(int fd, bool make) {
    if (conc__unlikely((unsigned)fd >= CONC__NET_FIRST)) return NULL;
    uint32_t i = (uint32_t)fd + 64, k = 25u - (uint32_t)__builtin_clz(i);
    conc__fd *chunk = conc__ld_acq(&conc__rt.fds[k]); /* partner: the exchange in conc__fd_grow */
    if (conc__unlikely(!chunk) && (!make || (chunk = conc__fd_grow(k)) == NULL)) return NULL;
    return &chunk[i - (64u << k)];
}
/* First waiter for any of what, out of the queue, or NULL. Lock held. */
CONC__FN conc__waiter *conc__fd_take(conc__fd *f, int what) {
    conc__waiter *w = f->q;
    if (!w) return NULL;
    do {
        if (w->index & what) {
            conc__q_del(&f->q, w);
            w->ok = true;
            return w;
        }
        w = w->next;
    } while (w != f->q);
    return NULL;
}
/* Wake the next waiter for what: another has used up its wake-up. */
CONC__NOINLINE void conc__fd_pass(conc__fd *f, int what) {
    conc__lock(&f->lock);
    conc__waiter *w = conc__fd_take(f, what);
    conc__who who = w ? w->who : 0;
    conc__unlock(&f->lock);
    if (who) conc__ready(who, false);
}
CONC__FN void conc__fd_edge(const struct conc__edge *e) {
    conc__fd *f = conc__fd_at(e->fd, false);
    conc__who reader = 0, writer = 0;
    if (!f) return;
    conc__lock(&f->lock);
    if (e->odd) (void)__atomic_fetch_or(&f->flags, CONC__FD_ODD, __ATOMIC_RELAXED); /* conc__fd_register holds no lock */
    for (int i = 0; i < 2; i++) {
        conc__waiter *w;
        if (!(e->what & (1 << i))) continue;
        conc__st_rel(&f->edges[i], f->edges[i] + 1); /* partner: the acquire in conc__op_look */
        if ((w = conc__fd_take(f, 1 << i)) != NULL) *(i ? &writer : &reader) = w->who;
    }
    conc__unlock(&f->lock);
    if (reader) conc__ready(reader, false);
    if (writer) conc__ready(writer, false);
}
/* Take what edges there are and wake who waits for them; true if there were any. m: the caller's, NULL on the monitor. */
CONC__FN bool conc__poll(conc__m *m) {
    struct conc__edge e[64];
    if (conc__likely(conc__ld(&conc__rt.io_waiting) == 0) || !conc__ld_acq(&conc__rt.io_on)) return false; /* partner: conc__poll_open */
    int n = conc__os_set_take(&conc__rt.io_set, e, 64);
    if (m && m->p) conc__st(&m->p->polled, conc_now());
    for (int i = 0; i < n; i++) conc__fd_edge(&e[i]);
    return n > 0;
}
/* A goroutine is about to wait, and counted: will anybody look? */
CONC__FN void conc__io_notify(conc__m *m) {
    const conc__p *p = conc__ld(&m->p);
    conc__fence_light(); /* partner: the heavy fence in conc__monitor_sleep */
    if (conc__likely(!(conc__ld(&conc__rt.attn) & CONC__ATTN_MONITOR)) || conc__ld(&conc__rt.poller)) return;
    if (p && conc__ld(&p->next) == NULL && conc__ld(&p->head) == conc__ld(&p->tail)) return; /* this worker will, at once */
    conc__kick_monitor();
}
CONC__FN int conc__poll_open(void) {
    int err = 0;
    conc__lock(&conc__rt.io_lock);
    if (!conc__ld(&conc__rt.io_on) && (err = conc__os_set_open(&conc__rt.io_set)) == 0) conc__st_rel(&conc__rt.io_on, 1);
    conc__unlock(&conc__rt.io_lock);
    return err;
}
/* See that what fd is ready for is reported from now on: at least one edge of what. 0 or an error number. */
CONC__FN int conc__fd_register(conc__fd *f, int fd, int what) {
    const uint32_t trusted = CONC__FD_REGISTERED | CONC__FD_OWNED;
    int err;
    if (CONC__LINUX && (conc__ld(&f->flags) & trusted) == trusted) return 0;
    if (!conc__ld_acq(&conc__rt.io_on) && (err = conc__poll_open()) != 0) return err; /* partner: the release in conc__poll_open */
    if ((err = conc__os_set_add(&conc__rt.io_set, fd, what)) != 0) return err;
    (void)__atomic_fetch_or(&f->flags, CONC__FD_REGISTERED, __ATOMIC_RELAXED);
    return 0;
}

/* What may wait several times with a context holds a reference meanwhile: who sees that it has begun (the peer, that something came)
   may cancel and free the context between two of the waits. Keeps errno. */
CONC__FN void conc__ctx_let_go(conc_ctx *ctx) {
    int err = errno;
    conc_ctx_unref(ctx);
    errno = err;
}
/* One operation on a descriptor: begin, then the call, and again while conc__op_again says so, then end. */
typedef struct conc__op {
    conc__fd *f;
    int fd;
    uint8_t what;  /* CONC_READ | CONC_WRITE */
    bool woken;    /* by an edge: to be passed on at the end */
    uint32_t seen[2];
    int64_t deadline;
    conc_ctx *ctx; /* referenced */
} conc__op;
CONC__INLINE bool conc__fail(int err) {
    errno = err;
    return false;
}
CONC__INLINE void conc__op_look(conc__op *o) {
    o->seen[0] = conc__ld_acq(&o->f->edges[0]); /* partner: the release in conc__fd_edge */
    o->seen[1] = conc__ld_acq(&o->f->edges[1]);
}
/* Since the operation looked last, has there been an edge for it? */
CONC__INLINE bool conc__op_news(const conc__op *o) {
    return ((o->what & CONC_READ) && conc__ld(&o->f->edges[0]) != o->seen[0]) || ((o->what & CONC_WRITE) && conc__ld(&o->f->edges[1]) != o->seen[1]);
}
/* One operation less; the last one lets the closer go on. Keeps errno. */
CONC__INLINE void conc__fd_unref(conc__fd *f) {
    uint32_t left = __atomic_sub_fetch(&f->state, 1, __ATOMIC_ACQ_REL); /* what it did happens before the close */
    if (conc__likely(!(left & CONC__FD_CLOSING)) || (left & CONC__FD_REFS)) return;
    conc__fd_pass(f, CONC__FD_CLOSER); /* he looks again: this may be another life of the number */
}
/* A context's or a deadline's end as an errno. */
CONC__INLINE int conc__errno_of(conc_status st) { return st == CONC_CANCELED ? ECANCELED : ETIMEDOUT; }
/* Queue as w under f's lock, which is held, and park, until woken (CONC_OK) or the deadline has passed or the context is done. */
CONC__INLINE conc_status conc__fd_wait(conc__fd *f, conc__waiter *w, int what, bool first, int64_t deadline, conc_ctx *ctx) {
    conc__m *m = conc__self();
    conc__waiter_init(w, m, NULL);
    w->index = (uint16_t)what;
    if (first) conc__q_put_first(&f->q, w);
    else conc__q_put(&f->q, w);
    return conc__wait_until(m, &f->lock, &f->q, w, CONC__W_IO, ctx, deadline, NULL, NULL);
}
/* The descriptor is being closed. true: it was, the number is free for a new life; false: errno. */
CONC__NOINLINE bool conc__fd_refused(conc__op *o) {
    conc__fd *f = o->f;
    conc__waiter w;
    conc__fd_unref(f);
    conc__lock(&f->lock);
    uint32_t state = conc__ld(&f->state);
    if (!(state & CONC__FD_DYING)) {
        conc__unlock(&f->lock);
        return state & CONC__FD_CLOSING ? conc__fail(EBADF) : true;
    }
    conc_status st = conc__fd_wait(f, &w, CONC__FD_REBORN, false, o->deadline, o->ctx);
    return st == CONC_OK ? true : conc__fail(conc__errno_of(st));
}
CONC__FN bool conc__op_begin(conc__op *o, int fd, int what, int64_t deadline, conc_ctx *ctx) {
    if (conc__tested()) conc__test_forbid_fd(fd);
    conc__ensure();
    conc__give_way_if_lost(); /* a goroutine whose calls never block must not run on for ever without a processor */
    if (conc__unlikely(deadline != INT64_MAX) && deadline <= conc_now()) return conc__fail(ETIMEDOUT);
    if (conc__unlikely(ctx != NULL) && conc_ctx_err(ctx) != CONC_OK) return conc__fail(conc__errno_of(conc_ctx_err(ctx)));
    o->f = conc__fd_at(fd, true);
    if (conc__unlikely(!o->f)) return conc__fail((unsigned)fd >= CONC__NET_FIRST ? EBADF : ENOMEM);
    o->fd = fd;
    o->what = (uint8_t)what;
    o->woken = false;
    o->deadline = deadline;
    o->ctx = conc_ctx_ref(ctx);
    while (conc__unlikely(__atomic_fetch_add(&o->f->state, 1, __ATOMIC_ACQUIRE) & CONC__FD_CLOSING)) /* partner: the end of conc_close */
        if (!conc__fd_refused(o)) return conc__ctx_let_go(ctx), false;
    conc__op_look(o);
    return true;
}
CONC__INLINE void conc__op_end(conc__op *o) {
    if (conc__unlikely(o->woken && conc__ld(&o->f->q) != NULL)) conc__fd_pass(o->f, o->what);
    conc__fd_unref(o->f);
    if (conc__unlikely(o->ctx != NULL)) conc__ctx_let_go(o->ctx);
}
/* An OS thread waits, until the descriptor is ready, or conc_close or the context wakes it by the eventfd. */
struct conc__fd_watch { conc__ctx_node n; conc__wakeup event; };
CONC__FN void conc__fire_fd_watch(conc__ctx_node *n) {
    conc__os_event_signal(&((struct conc__fd_watch *)(void *)n)->event);
    conc__st_rel(&n->state, CONC__N_OFF);
}
CONC__NOINLINE bool conc__op_wait_thread(conc__op *o) {
    conc__fd *f = o->f;
    conc__waiter w;
    struct pollfd p[2] = { { o->fd, (short)((o->what & CONC_READ ? POLLIN : 0) | (o->what & CONC_WRITE ? POLLOUT : 0)), 0 }, { -1, POLLIN, 0 } };
    struct conc__fd_watch y;
    p[1].fd = conc__os_event_open(&y.event) == 0 ? y.event.fd : -1; /* none to be had: look every 20 ms */
    bool watched = conc__ctx_watch(o->ctx, &y.n, conc__fire_fd_watch);
    conc__waiter_init(&w, NULL, &y.event);
    w.index = CONC__FD_THREAD;
    w.queued = false;
    conc__lock(&f->lock);
    bool open = !(conc__ld(&f->state) & CONC__FD_CLOSING);
    if (open) conc__q_put(&f->q, &w);
    conc__unlock(&f->lock);
    for (int n = 0; open && watched && n == 0;) {
        int64_t left = o->deadline == INT64_MAX ? -1 : o->deadline - conc_now();
        if (o->deadline != INT64_MAX && left <= 0) break;
        if (p[1].fd < 0 && (left < 0 || left > 20 * CONC_MS)) left = 20 * CONC_MS;
        n = conc__os_poll(p, 2, left);
        open = !(conc__ld(&f->state) & CONC__FD_CLOSING);
        if (o->ctx && conc_ctx_err(o->ctx) != CONC_OK) break;
    }
    conc__lock(&f->lock);
    if (w.queued) conc__q_del(&f->q, &w);
    conc__unlock(&f->lock);
    if (watched) (void)conc__ctx_unwatch(o->ctx, &y.n);
    conc__os_event_close(&y.event);
    if (!open) return conc__fail(EBADF);
    if (o->ctx && conc_ctx_err(o->ctx) != CONC_OK) return conc__fail(conc__errno_of(conc_ctx_err(o->ctx)));
    return o->deadline == INT64_MAX || conc_now() < o->deadline ? true : conc__fail(ETIMEDOUT);
}
/* The call would block: wait. true: try again; false: errno. */
CONC__FN bool conc__op_wait(conc__op *o) {
    conc__fd *f = o->f;
    conc__m *m = conc__self();
    conc__waiter w;
    if (!m) return conc__op_wait_thread(o);
    int err = conc__fd_register(f, o->fd, o->what);
    if (conc__unlikely(err)) return conc__fail(err);
    (void)conc__add(&conc__rt.io_waiting, 1);
    conc__io_notify(m);
    conc__lock(&f->lock);
    bool ok = !(conc__ld(&f->state) & CONC__FD_CLOSING);
    conc_status st = CONC_OK;
    if (conc__likely(ok && !conc__op_news(o))) {
        st = conc__fd_wait(f, &w, o->what, o->woken, o->deadline, o->ctx);
        ok = w.ok;
        o->woken |= ok;
    } else conc__unlock(&f->lock);
    (void)conc__add(&conc__rt.io_waiting, -1);
    if (conc__unlikely(!ok)) return conc__fail(st != CONC_OK ? conc__errno_of(st) : EBADF);
    conc__op_look(o);
    return true;
}
/* After a call that failed. */
CONC__INLINE bool conc__op_again(conc__op *o) {
    int err = errno;
    return err == EINTR || ((err == EAGAIN || err == EWOULDBLOCK) && conc__op_wait(o));
}

// >>io
/* The calls. A socket is recognised by the system: the socket form of a call is tried first, with MSG_DONTWAIT and MSG_NOSIGNAL, and only
   ENOTSOCK (0.1 us) leads to the plain call; nothing is remembered of a descriptor's kind that its next life could belie. For the plain
   call the flag O_NONBLOCK is asked for each time. Descriptors without it (terminals, inherited pipes) may be shared with other
   processes, so it is not set: poll(2) says whether the call may be made, at most 4096 bytes are written at once (a pipe that is ready
   has room for them), and should the call block all the same, because another process was faster, then as in conc_blocking. */
#define CONC__PIECE 4096
/* conc_blocking: hand the P on at once if work waits; else keep it in reach (blocking is set, and the bracket is not held, so
   that whoever has work for it may seize it). */
CONC_API int conc__blocking_begin(void) {
    conc__m *m = conc__self();
    if (!m || conc__in_test(m)) return 1;
    conc__st(&conc__ld(&m->cur)->wait, CONC__W_BLOCKING);
    uint32_t stop = conc__enter(m);
    conc__p *p = m->p;
    if (!(stop & CONC__LOST) && (conc__p_has_work(p) || conc__ld(&conc__rt.qn) || conc__ld(&p->due) <= conc_now())) {
        conc__lock(&conc__rt.lock);
        conc__st(&m->p, (conc__p *)NULL);
        conc__st(&p->m, (conc__m *)NULL);
        conc__st_rel(&m->stop, CONC__LOST);
        conc__rt.handoffs++;
        (void)conc__p_run(p);
    } else conc__st(&m->blocking, true);
    conc__leave(m);
    return 1;
}
CONC_API int conc__blocking_end(void) {
    conc__m *m = conc__self();
    if (!m || conc__in_test(m)) return 0;
    conc__st(&m->blocking, false);
    conc__st(&conc__ld(&m->cur)->wait, 0);
    if (!(conc__ld(&m->stop) & CONC__LOST)) return 0;
    conc__give_way(m); /* keeps errno */
    return 0;
}
CONC__FN ssize_t conc__blocking_errno(ssize_t r) { /* the end of conc_blocking, errno kept */
    int err = errno;
    (void)conc__blocking_end();
    errno = err;
    return r;
}
/* As conc__blocking_begin for calls that mostly return at once: the processor stays, in reach of whoever has work for it. */
CONC__INLINE void conc__slow_begin(void) {
    conc__m *m = conc__self();
    if (!m) return;
    conc__st(&conc__ld(&m->cur)->wait, CONC__W_BLOCKING);
    conc__st(&m->blocking, true);
}
CONC__FN bool conc__is_file(int fd) {
    struct stat st;
    return fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
}
/* May the plain call be made? 1: yes, it will not block; 2: yes, as a blocking one; 0: errno. */
CONC__FN int conc__plain_mode(conc__op *o) {
    int flags = fcntl(o->fd, F_GETFL);
    if (flags < 0) return 0;
    if (flags & O_NONBLOCK) return 1;
    for (;;) {
        struct pollfd p = { o->fd, (short)(o->what == CONC_READ ? POLLIN : POLLOUT), 0 };
        int n = conc__os_poll(&p, 1, 0);
        if (n > 0) return 2;
        if (n < 0 && errno != EINTR) return 0;
        if (n == 0 && !conc__op_wait(o)) return 0;
    }
}
CONC__FN ssize_t conc__plain_read(conc__op *o, const struct iovec *iov, int count) {
    ssize_t r;
    int mode;
    do {
        if ((mode = conc__plain_mode(o)) == 0) return -1;
        if (mode == 1) r = CONC__SYS(readv)(o->fd, iov, count);
        else {
            conc__slow_begin();
            r = conc__blocking_errno(CONC__SYS(readv)(o->fd, iov, count));
        }
    } while (r < 0 && conc__op_again(o));
    return r;
}
CONC__FN ssize_t conc__plain_write(conc__op *o, const struct iovec *iov, int count) {
    struct iovec piece = { NULL, 0 };
    int mode = conc__plain_mode(o);
    if (mode == 0) return -1;
    if (mode == 1) return CONC__SYS(writev)(o->fd, iov, count);
    if (count > 0 && !conc__is_file(o->fd)) {
        piece = iov[0];
        if (piece.iov_len > CONC__PIECE) piece.iov_len = CONC__PIECE;
        iov = &piece, count = 1;
    }
    conc__slow_begin();
    return conc__blocking_errno(CONC__SYS(writev)(o->fd, iov, count));
}

/* Receiving. */
CONC__FN ssize_t conc__read(int fd, void *buf, size_t n, int64_t deadline, conc_ctx *ctx) {
    conc__op o;
    ssize_t r = -1;
    struct iovec whole = { buf, n };
    if (conc__tested() && conc__net_has(fd)) return conc__net_read(fd, &whole, 1, 0, deadline, ctx);
    if (!conc__op_begin(&o, fd, CONC_READ, deadline, ctx)) return -1;
    conc__fd *f = o.f;
    for (;;) {
        if (conc__ld(&f->drained) == o.seen[0] + 1 && !(conc__ld(&f->flags) & CONC__FD_ODD) && conc__self()) {
            if (!conc__op_wait(&o)) break;
        }
        r = CONC__SYS(recv)(fd, buf, n, MSG_DONTWAIT);
        if (r >= 0 || !conc__op_again(&o)) break;
    }
    const uint32_t stream = CONC__FD_OWNED | CONC__FD_STREAM | CONC__FD_REGISTERED;
    if (r > 0 && (conc__ld(&f->flags) & stream) == stream) conc__st(&f->drained, (size_t)r < n ? o.seen[0] + 1 : 0);
    if (r < 0 && errno == ENOTSOCK) r = conc__plain_read(&o, &whole, 1);
    conc__op_end(&o);
    return r;
}
CONC__FN ssize_t conc__recv(int fd, struct msghdr *msg, int flags, bool plain, int64_t deadline, conc_ctx *ctx) {
    conc__op o;
    ssize_t r;
    if (conc__tested() && conc__net_has(fd)) {
        msg->msg_namelen = 0;
        msg->msg_controllen = 0;
        msg->msg_flags = 0;
        return conc__net_read(fd, msg->msg_iov, msg->msg_iovlen, flags, deadline, ctx);
    }
    if (!conc__op_begin(&o, fd, CONC_READ, deadline, ctx)) return -1;
    socklen_t namelen = msg->msg_namelen;
    size_t controllen = msg->msg_controllen;
    conc__st(&o.f->drained, 0);
    do {
        msg->msg_namelen = namelen;
        msg->msg_controllen = controllen;
        r = CONC__SYS(recvmsg)(fd, msg, flags | MSG_DONTWAIT);
    } while (r < 0 && !((flags & MSG_DONTWAIT) && errno == EAGAIN) && conc__op_again(&o));
    if (r < 0 && plain && errno == ENOTSOCK) r = conc__plain_read(&o, msg->msg_iov, (int)msg->msg_iovlen);
    conc__op_end(&o);
    return r;
}
CONC__FN ssize_t conc__readv(int fd, const struct iovec *iov, int count, int64_t deadline, conc_ctx *ctx) {
    struct msghdr msg;
    if (count < 0) return errno = EINVAL, -1;
    memset(&msg, 0, sizeof msg);
    msg.msg_iov = (struct iovec *)(uintptr_t)iov;
    msg.msg_iovlen = (size_t)count;
    return conc__recv(fd, &msg, 0, true, deadline, ctx);
}
CONC__FN ssize_t conc__recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *addr, socklen_t *len, int64_t deadline, conc_ctx *ctx) {
    struct msghdr msg;
    struct iovec iov = { buf, n };
    memset(&msg, 0, sizeof msg);
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    msg.msg_name = addr;
    msg.msg_namelen = addr && len ? *len : 0;
    ssize_t r = conc__recv(fd, &msg, flags, false, deadline, ctx);
    if (r >= 0 && addr && len) *len = msg.msg_namelen;
    return r;
}

/* Sending: until everything is gone. */
CONC__FN ssize_t conc__write(int fd, const void *buf, size_t n, int64_t deadline, conc_ctx *ctx) {
    conc__op o;
    ssize_t r;
    size_t done = 0;
    bool sock = true;
    struct iovec whole = { (void *)(uintptr_t)buf, n };
    if (conc__tested() && conc__net_has(fd)) return conc__net_write(fd, &whole, 1, 0, deadline, ctx);
    if (!conc__op_begin(&o, fd, CONC_WRITE, deadline, ctx)) return -1;
    do {
        struct iovec iov = { (char *)(uintptr_t)buf + done, n - done };
        r = sock ? CONC__SYS(send)(fd, iov.iov_base, iov.iov_len, MSG_DONTWAIT | MSG_NOSIGNAL) : conc__plain_write(&o, &iov, 1);
        if (r >= 0) done += (size_t)r;
        else if (sock && errno == ENOTSOCK) sock = false, errno = EINTR;
    } while (r > 0 ? done < n : r < 0 && conc__op_again(&o));
    conc__op_end(&o);
    return r >= 0 || done ? (ssize_t)done : -1;
}
/* The pieces of a message of which done bytes are gone, at most 8 -> how many. */
CONC__FN size_t conc__iov_rest(struct iovec *rest, const struct iovec *v, size_t n, size_t done) {
    size_t k = 0;
    for (size_t i = 0; i < n && k < 8; i++) {
        if (done >= v[i].iov_len) {
            done -= v[i].iov_len;
            continue;
        }
        rest[k].iov_base = (char *)v[i].iov_base + done;
        rest[k++].iov_len = v[i].iov_len - done;
        done = 0;
    }
    return k;
}
/* The first attempt takes the message whole: it may be a datagram. What takes it in parts is a stream. */
CONC__FN ssize_t conc__send(int fd, const struct msghdr *msg, int flags, bool plain, int64_t deadline, conc_ctx *ctx) {
    conc__op o;
    struct msghdr part = *msg;
    struct iovec rest[8];
    ssize_t r;
    size_t done = 0, all = 0;
    bool sock = true;
    if (conc__tested() && conc__net_has(fd)) return conc__net_write(fd, msg->msg_iov, msg->msg_iovlen, flags, deadline, ctx);
    for (size_t i = 0; i < msg->msg_iovlen; i++) all += msg->msg_iov[i].iov_len;
    if (!conc__op_begin(&o, fd, CONC_WRITE, deadline, ctx)) return -1;
    do {
        if (done || !sock) {
            part.msg_iovlen = conc__iov_rest(rest, msg->msg_iov, msg->msg_iovlen, done);
            part.msg_iov = rest;
            part.msg_controllen = 0;
        }
        r = sock ? CONC__SYS(sendmsg)(fd, &part, flags | MSG_DONTWAIT | MSG_NOSIGNAL) : conc__plain_write(&o, part.msg_iov, (int)part.msg_iovlen);
        if (r >= 0) done += (size_t)r;
        else if (sock && plain && errno == ENOTSOCK) sock = false, errno = EINTR;
        else if ((flags & MSG_DONTWAIT) && errno == EAGAIN) break;
    } while (r > 0 ? done < all : r < 0 && conc__op_again(&o));
    conc__op_end(&o);
    return r >= 0 || done ? (ssize_t)done : -1;
}
CONC__FN ssize_t conc__writev(int fd, const struct iovec *iov, int count, int64_t deadline, conc_ctx *ctx) {
    struct msghdr msg;
    if (count < 0) return errno = EINVAL, -1;
    memset(&msg, 0, sizeof msg);
    msg.msg_iov = (struct iovec *)(uintptr_t)iov;
    msg.msg_iovlen = (size_t)count;
    return conc__send(fd, &msg, 0, true, deadline, ctx);
}
CONC__FN ssize_t conc__sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr, socklen_t len, int64_t deadline, conc_ctx *ctx) {
    struct msghdr msg;
    struct iovec iov = { (void *)(uintptr_t)buf, n };
    memset(&msg, 0, sizeof msg);
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    msg.msg_name = (void *)(uintptr_t)addr;
    msg.msg_namelen = addr ? len : 0;
    return conc__send(fd, &msg, flags, false, deadline, ctx);
}

/* fd is new and comes from us: its registration, once made, can be believed. */
CONC__FN int conc__adopt(int fd, bool stream) {
    conc__fd *f = conc__fd_at(fd, true);
    if (!f) return fd;
    if (!conc__ld_acq(&conc__rt.io_on)) (void)conc__poll_open(); /* now: later there may be no descriptor left for it */
    conc__lock(&f->lock);
    conc__st(&f->flags, (uint32_t)CONC__FD_OWNED | (stream ? CONC__FD_STREAM : 0));
    conc__st(&f->drained, 0);
    conc__unlock(&f->lock);
    return fd;
}
CONC__FN bool conc__is_stream(int fd) {
    int type = 0;
    socklen_t len = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}
CONC__FN int conc__accept(int fd, struct sockaddr *addr, socklen_t *len, int64_t deadline, conc_ctx *ctx) {
    conc__op o;
    int r = -1, mode;
    if (conc__tested() && conc__net_has(fd)) return conc__net_accept(fd, addr, len, deadline, ctx);
    const socklen_t room = len ? *len : 0;
    if (!conc__op_begin(&o, fd, CONC_READ, deadline, ctx)) return -1;
    bool stream = (conc__ld(&o.f->flags) & CONC__FD_STREAM) != 0;
    do {
        if (!(conc__ld(&o.f->flags) & CONC__FD_OWNED) && (mode = conc__plain_mode(&o)) == 0) break;
        if (len) *len = room;
        r = conc__os_accept(fd, addr, len);
    } while (r < 0 && (errno == ECONNABORTED || conc__op_again(&o)));
    conc__op_end(&o);
    return r < 0 ? -1 : conc__adopt(r, stream || conc__is_stream(r));
}

/* Wait until fd is ready in one of the ways asked for -> those, as the system says; 0: errno. */
CONC__FN int conc__op_ready(conc__op *o) {
    for (;;) {
        struct pollfd p = { o->fd, (short)((o->what & CONC_READ ? POLLIN : 0) | (o->what & CONC_WRITE ? POLLOUT : 0)), 0 };
        int n = conc__os_poll(&p, 1, 0);
        if (n > 0 && (p.revents & POLLNVAL)) return conc__fail(EBADF);
        if (n > 0) {
            int got = p.revents & (POLLERR | POLLHUP) ? o->what : (p.revents & POLLIN ? CONC_READ : 0) | (p.revents & POLLOUT ? CONC_WRITE : 0);
            return got & o->what;
        }
        if (n < 0 && errno != EINTR) return 0;
        if (n == 0 && !conc__op_wait(o)) return 0;
    }
}
CONC__FN int conc__wait_fd(int fd, int what, int64_t deadline, conc_ctx *ctx) {
    conc__op o;
    if (what < CONC_READ || what > (CONC_READ | CONC_WRITE)) return errno = EINVAL, -1;
    if (conc__tested() && conc__net_has(fd)) return conc__net_wait_fd(fd, what, deadline, ctx);
    if (!conc__op_begin(&o, fd, what, deadline, ctx)) return -1;
    int r = conc__is_file(fd) ? conc__fail(EPERM) : conc__op_ready(&o);
    o.woken |= r > 0; /* it leaves what it was woken for to others */
    conc__op_end(&o);
    return r ? r : -1;
}
/* A blocking socket is non-blocking for the instant of the call: nobody else can do much with one that is not connected. A Unix socket
   whose listener's queue is full cannot be waited for: the system has no event for it. */
CONC__FN int conc__connect_call(int fd, const struct sockaddr *addr, socklen_t len) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return errno;
    if (!(flags & O_NONBLOCK)) (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    int err = CONC__SYS(connect)(fd, addr, len) == 0 ? 0 : errno;
    if (!(flags & O_NONBLOCK)) (void)fcntl(fd, F_SETFL, flags);
    return err;
}
/* Sleep ns, less if the deadline or the context's end comes first. */
CONC__FN conc_status conc__nap(int64_t ns, int64_t deadline, conc_ctx *ctx) {
    int64_t until = conc_now() + ns;
    bool by_ctx = false;
    conc_status st = conc__pause(ctx, until < deadline ? until : deadline, CONC__W_SLEEP, &by_ctx);
    return by_ctx ? st : conc_now() >= deadline ? CONC_TIMEOUT : CONC_OK;
}
CONC__FN int conc__connect(int fd, const struct sockaddr *addr, socklen_t len, int64_t deadline, conc_ctx *ctx) {
    conc__op o;
    int err;
    if (!conc__op_begin(&o, fd, CONC_WRITE, deadline, ctx)) return -1;
    while ((err = conc__connect_call(fd, addr, len)) == EAGAIN && addr->sa_family == AF_UNIX) {
        conc_status st = conc__nap(CONC_MS, deadline, ctx);
        if (st != CONC_OK) err = conc__errno_of(st);
        else if (conc__ld(&o.f->state) & CONC__FD_CLOSING) err = EBADF;
        else continue;
        break;
    }
    if (err == EINPROGRESS || err == EINTR || err == EALREADY) {
        socklen_t size = sizeof err;
        if (!conc__op_ready(&o) || getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) != 0) err = errno;
    }
    conc__op_end(&o);
    return err ? (errno = err, -1) : 0;
}

/* Wake all waiters in the list; threads are woken under the lock, which keeps their events there. */
CONC__FN void conc__fd_wake_all(conc__fd *f, bool ok) { /* lock held, released here */
    conc__waiter *list = NULL;
    for (conc__waiter *w; (w = f->q) != NULL;) {
        conc__q_del(&f->q, w);
        w->ok = ok;
        if (w->index & CONC__FD_THREAD) {
            conc__os_event_signal((const conc__wakeup *)w->elem);
            continue;
        }
        w->next = list;
        list = w;
    }
    conc__unlock(&f->lock);
    while (list) {
        conc__who who = list->who;
        list = list->next; /* before its owner runs */
        conc__ready(who, false);
    }
}
/* Until no operation is under way; then DYING is set. */
CONC__FN void conc__fd_settle(conc__fd *f) {
    conc__waiter w;
    for (;;) {
        conc__lock(&f->lock);
        if (!(__atomic_load_n(&f->state, __ATOMIC_ACQUIRE) & CONC__FD_REFS)) break; /* partner: the release in conc__fd_unref */
        (void)conc__fd_wait(f, &w, CONC__FD_CLOSER, false, INT64_MAX, NULL);
    }
    (void)__atomic_fetch_or(&f->state, CONC__FD_DYING, __ATOMIC_RELAXED);
    conc__unlock(&f->lock);
}
/* Be the one who closes: set CLOSING, and keep the lock. A close under way that has given the number free already is waited for: this
   is then its next life. */
CONC__FN bool conc__fd_claim(conc__fd *f) {
    for (;;) {
        conc__waiter w;
        conc__lock(&f->lock);
        uint32_t state = __atomic_fetch_or(&f->state, CONC__FD_CLOSING, __ATOMIC_ACQ_REL);
        if (!(state & CONC__FD_CLOSING)) return true;
        if (state & CONC__FD_DYING) (void)conc__fd_wait(f, &w, CONC__FD_REBORN, false, INT64_MAX, NULL);
        else {
            conc__unlock(&f->lock);
            return conc__fail(EBADF);
        }
    }
}
CONC_API int conc_close(int fd) {
    if (conc__tested() && conc__net_has(fd)) return conc__net_close(fd, false);
    conc__ensure();
    conc__fd *f = conc__fd_at(fd, true);
    if (!f) return close(fd);
    if (!conc__fd_claim(f)) return -1;
    conc__fd_wake_all(f, false);
    conc__fd_settle(f);
    if (conc__ld(&f->flags) & CONC__FD_REGISTERED) conc__os_set_del(&conc__rt.io_set, fd); /* a duplicate would keep the registration */
    conc__st(&f->flags, 0); /* now: once the number is free conc__adopt may set them for another file */
    conc__st(&f->drained, 0);
    conc__slow_begin();
    int r = (int)conc__blocking_errno(close(fd));
    conc__lock(&f->lock);
    (void)__atomic_fetch_and(&f->state, CONC__FD_REFS, __ATOMIC_RELEASE); /* partner: the acquire in conc__op_begin */
    int err = errno;
    conc__fd_wake_all(f, true);
    errno = err;
    return r;
}
CONC_API int conc_close_write(int fd) {
    if (conc__tested() && conc__net_has(fd)) return conc__net_close(fd, true);
    return shutdown(fd, SHUT_WR);
}

/* Addresses. */
/* The threads that look names up are joined by nobody: conc_shutdown does not wait for a name server. It sets off, and waits while
   anybody is waking: either a thread sees off and wakes nobody, or it is waited for (Dekker). When no goroutine runs any more it gives
   back what those hold that it found waiting, so that threads that come later find nobody, and free what they worked for. */
typedef struct conc__lookup { /* shared by the caller and the thread that works for it; the second to leave frees it */
    struct conc__lookup *next, **link;
    uint32_t lock;
    int refs, result, err;
    bool done;
    conc__queue q;
    struct addrinfo hints, *list;
    char *node, *service; /* behind the struct */
} conc__lookup;
static struct conc__lookups {
    uint32_t lock, off, waking;
    conc__lookup *list; /* those whose callers have not left; lock */
} conc__lookups;
CONC__FN void conc__lookup_unref(conc__lookup *l) {
    conc__lock(&l->lock);
    bool last = --l->refs == 0;
    conc__unlock(&l->lock);
    if (!last) return;
    if (l->list) freeaddrinfo(l->list);
    CONC_FREE(l);
}
CONC__FN void *conc__lookup_main(void *arg) {
    conc__lookup *l = (conc__lookup *)arg;
    struct addrinfo *list = NULL;
    int result = getaddrinfo(l->node, l->service, &l->hints, &list), err = errno;
    (void)conc__add(&conc__lookups.waking, 1);
    conc__lock(&l->lock);
    l->result = result;
    l->err = err;
    l->list = list;
    l->done = true;
    conc__waiter *w = __atomic_load_n(&conc__lookups.off, __ATOMIC_SEQ_CST) ? NULL : l->q;
    conc__who who = w ? w->who : 0;
    if (w) conc__q_del(&l->q, w);
    conc__unlock(&l->lock);
    if (who) conc__ready(who, false);
    (void)conc__add(&conc__lookups.waking, -1); /* partner: conc__lookups_off */
    conc__lookup_unref(l);
    return NULL;
}
CONC__FN void conc__lookup_enter(conc__lookup *l) {
    conc__lock(&conc__lookups.lock);
    l->next = conc__lookups.list;
    l->link = &conc__lookups.list;
    if (l->next) l->next->link = &l->next;
    conc__lookups.list = l;
    conc__unlock(&conc__lookups.lock);
}
CONC__FN void conc__lookup_leave(conc__lookup *l) {
    conc__lock(&conc__lookups.lock);
    *l->link = l->next;
    if (l->next) l->next->link = l->link;
    conc__unlock(&conc__lookups.lock);
    conc__lookup_unref(l);
}
/* conc_shutdown: from here on no thread wakes anybody. */
CONC__FN void conc__lookups_off(void) {
    __atomic_store_n(&conc__lookups.off, 1, __ATOMIC_SEQ_CST);
    conc__await_zero(&conc__lookups.waking);
}
/* Those who wait still were abandoned. */
CONC__FN void conc__lookups_end(void) {
    for (conc__lookup *l; (l = conc__lookups.list) != NULL;) {
        conc__lock(&l->lock);
        l->q = NULL;
        conc__unlock(&l->lock);
        conc__lookup_leave(l);
    }
    conc__st(&conc__lookups.off, 0);
}
CONC__FN conc__lookup *conc__lookup_new(const char *node, const char *service, const struct addrinfo *hints) {
    size_t n = node ? strlen(node) + 1 : 0, k = service ? strlen(service) + 1 : 0;
    conc__lookup *l = (conc__lookup *)CONC_MALLOC(sizeof *l + n + k);
    if (!l) return NULL;
    memset(l, 0, sizeof *l);
    if (n) l->node = (char *)memcpy(l + 1, node, n);
    if (k) l->service = (char *)memcpy((char *)(l + 1) + n, service, k);
    if (hints) {
        l->hints.ai_flags = hints->ai_flags;
        l->hints.ai_family = hints->ai_family;
        l->hints.ai_socktype = hints->ai_socktype;
        l->hints.ai_protocol = hints->ai_protocol;
    } else l->hints.ai_flags = AI_V4MAPPED | AI_ADDRCONFIG;
    l->refs = 2;
    return l;
}
CONC__FN bool conc__lookup_start(conc__lookup *l) {
    pthread_t thread;
    pthread_attr_t attr;
    sigset_t all, old;
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attr, 1u << 20);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old); /* the program's handlers are no business of this thread */
    int err = pthread_create(&thread, &attr, conc__lookup_main, l);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    (void)pthread_attr_destroy(&attr);
    return err == 0;
}
CONC__FN int conc__getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result, int64_t deadline,
                               conc_ctx *ctx) {
    if (conc__tested()) conc__test_forbid("conc_getaddrinfo");
    conc__ensure();
    if (!conc__self() && deadline == INT64_MAX && !ctx) return getaddrinfo(node, service, hints, result);
    if (deadline != INT64_MAX && deadline <= conc_now()) return errno = ETIMEDOUT, EAI_SYSTEM;
    if (ctx && conc_ctx_err(ctx) != CONC_OK) return errno = conc__errno_of(conc_ctx_err(ctx)), EAI_SYSTEM;
    conc__lookup *l = conc__lookup_new(node, service, hints);
    if (!l) return EAI_MEMORY;
    if (!conc__lookup_start(l)) return CONC_FREE(l), EAI_AGAIN;
    conc__lookup_enter(l);
    conc__waiter w;
    conc_status st = CONC_OK;
    conc__lock(&l->lock);
    if (!l->done) {
        conc__m *m = conc__self();
        conc__waiter_init(&w, m, NULL);
        conc__q_put(&l->q, &w);
        st = conc__wait_until(m, &l->lock, &l->q, &w, CONC__W_IO, ctx, deadline, NULL, NULL);
    } else conc__unlock(&l->lock);
    int r = EAI_SYSTEM, err = conc__errno_of(st);
    if (st == CONC_OK) {
        r = l->result;
        err = l->err;
        *result = l->list;
        l->list = NULL;
    }
    conc__lookup_leave(l);
    errno = err;
    return r;
}
/* "host:port" into its addresses; NULL: errno. Numbers are not looked up. */
CONC__FN struct addrinfo *conc__resolve(const char *address, bool passive, int64_t deadline, conc_ctx *ctx) {
    char text[512], *host = text, *port;
    struct addrinfo hints, *list = NULL;
    size_t n = address ? strlen(address) : sizeof text;
    if (n >= sizeof text || !memcpy(text, address, n + 1) || (port = strrchr(text, ':')) == NULL) return errno = EINVAL, (struct addrinfo *)NULL;
    *port++ = 0;
    n = strlen(host);
    if (host[0] == '[' && host[n - 1] == ']') host[n - 1] = 0, host++;
    else if (strpbrk(host, "[]:")) return errno = EINVAL, (struct addrinfo *)NULL;
    if (!*port || (!port[strspn(port, "0123456789")] && (strlen(port) > 5 || atoi(port) > 65535))) return errno = EINVAL, (struct addrinfo *)NULL;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | (passive ? AI_PASSIVE : 0);
    int r = getaddrinfo(*host ? host : NULL, port, &hints, &list);
    if (r == EAI_NONAME) {
        hints.ai_flags = AI_ADDRCONFIG | (passive ? AI_PASSIVE : 0);
        r = conc__getaddrinfo(*host ? host : NULL, port, &hints, &list, deadline, ctx);
    }
    if (r == 0) return list;
    if (r != EAI_SYSTEM) errno = r == EAI_MEMORY ? ENOMEM : r == EAI_AGAIN ? EAGAIN : r == EAI_SERVICE ? EINVAL : EADDRNOTAVAIL;
    return NULL;
}
/* A new socket, ours; -1: errno. */
CONC__FN int conc__socket(int family) {
    int fd = conc__os_socket(family);
    return fd < 0 ? -1 : conc__adopt(fd, true);
}
CONC__FN int conc__close_failed(int fd) {
    int err = errno;
    (void)conc_close(fd);
    errno = err;
    return -1;
}
CONC__FN int conc__listen(int family, const struct sockaddr *addr, socklen_t len) {
    int fd = conc__socket(family), on = 1, off = 0;
    if (fd < 0) return -1;
    if (family != AF_UNIX) (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (family == AF_INET6) (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, addr, len) != 0 || listen(fd, SOMAXCONN) != 0) return conc__close_failed(fd);
    return fd;
}
CONC_API int conc_listen_tcp(const char *address) {
    if (conc__in_test(conc__self())) return conc__net_listen(address, false);
    conc__ensure();
    struct addrinfo *list = conc__resolve(address, true, INT64_MAX, NULL);
    int fd = -1;
    if (!list) return -1;
    for (int family = address[0] == ':' ? AF_INET6 : AF_UNSPEC; fd < 0; family = AF_UNSPEC) { /* of every interface IPv6 means both */
        for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
            if (family == AF_UNSPEC || a->ai_family == family) fd = conc__listen(a->ai_family, a->ai_addr, a->ai_addrlen);
        if (family == AF_UNSPEC) break;
    }
    int err = errno;
    freeaddrinfo(list);
    errno = err;
    return fd;
}
CONC__FN bool conc__unix_addr(const char *path, struct sockaddr_un *addr, socklen_t *len) {
    size_t n = path ? strlen(path) : 0;
    memset(addr, 0, sizeof *addr);
    addr->sun_family = AF_UNIX;
    if (n == 0 || n >= sizeof addr->sun_path) return conc__fail(n ? ENAMETOOLONG : EINVAL);
    memcpy(addr->sun_path, path, n);
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (path[0] != '@'));
    if (path[0] == '@') addr->sun_path[0] = 0;
    return true;
}
CONC_API int conc_listen_unix(const char *path) {
    struct sockaddr_un addr;
    socklen_t len;
    if (conc__in_test(conc__self())) return conc__net_listen(path, true);
    conc__ensure();
    return conc__unix_addr(path, &addr, &len) ? conc__listen(AF_UNIX, (struct sockaddr *)(void *)&addr, len) : -1;
}
CONC_API int conc_local_port(int fd) {
    union { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; struct sockaddr_storage room; } a;
    socklen_t len = sizeof a;
    if (conc__tested() && conc__net_has(fd)) return conc__net_port(fd);
    if (getsockname(fd, &a.any, &len) != 0) return -1;
    if (a.any.sa_family == AF_INET) return ntohs(a.v4.sin_port);
    return a.any.sa_family == AF_INET6 ? ntohs(a.v6.sin6_port) : (errno = EAFNOSUPPORT, -1);
}
CONC__FN int conc__dial(int family, const struct sockaddr *addr, socklen_t len, int64_t deadline, conc_ctx *ctx) {
    int fd = conc__socket(family), on = 1;
    if (fd < 0) return -1;
    if (conc__connect(fd, addr, len, deadline, ctx) != 0) return conc__close_failed(fd);
    if (family != AF_UNIX) (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}
CONC__FN int conc__dial_tcp(conc_ctx *ctx, const char *address, int64_t deadline) {
    if (conc__in_test(conc__self())) return conc__net_dial(address, false, deadline, ctx);
    conc__ensure();
    struct addrinfo *list = conc__resolve(address, false, deadline, conc_ctx_ref(ctx));
    int fd = -1;
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = conc__dial(a->ai_family, a->ai_addr, a->ai_addrlen, deadline, ctx);
        if (fd < 0 && ((ctx && conc_ctx_err(ctx) != CONC_OK) || (deadline != INT64_MAX && conc_now() >= deadline))) break;
    }
    int err = errno;
    if (list) freeaddrinfo(list);
    conc_ctx_unref(ctx);
    errno = err;
    return fd;
}
CONC__FN int conc__dial_unix(conc_ctx *ctx, const char *path, int64_t deadline) {
    struct sockaddr_un addr;
    socklen_t len;
    if (conc__in_test(conc__self())) return conc__net_dial(path, true, deadline, ctx);
    conc__ensure();
    return conc__unix_addr(path, &addr, &len) ? conc__dial(AF_UNIX, (struct sockaddr *)(void *)&addr, len, deadline, ctx) : -1;
}

/* The public forms. */
CONC_API ssize_t conc_read(int fd, void *buf, size_t n) { return conc__read(fd, buf, n, INT64_MAX, NULL); }
CONC_API ssize_t conc_read_until(int fd, void *buf, size_t n, int64_t deadline) { return conc__read(fd, buf, n, deadline, NULL); }
CONC_API ssize_t conc_read_ctx(conc_ctx *ctx, int fd, void *buf, size_t n) { return conc__read(fd, buf, n, INT64_MAX, ctx); }
CONC_API ssize_t conc_readv(int fd, const struct iovec *iov, int count) { return conc__readv(fd, iov, count, INT64_MAX, NULL); }
CONC_API ssize_t conc_readv_until(int fd, const struct iovec *iov, int count, int64_t deadline) { return conc__readv(fd, iov, count, deadline, NULL); }
CONC_API ssize_t conc_write(int fd, const void *buf, size_t n) { return conc__write(fd, buf, n, INT64_MAX, NULL); }
CONC_API ssize_t conc_write_until(int fd, const void *buf, size_t n, int64_t deadline) { return conc__write(fd, buf, n, deadline, NULL); }
CONC_API ssize_t conc_write_ctx(conc_ctx *ctx, int fd, const void *buf, size_t n) { return conc__write(fd, buf, n, INT64_MAX, ctx); }
CONC_API ssize_t conc_writev(int fd, const struct iovec *iov, int count) { return conc__writev(fd, iov, count, INT64_MAX, NULL); }
CONC_API ssize_t conc_writev_until(int fd, const struct iovec *iov, int count, int64_t deadline) { return conc__writev(fd, iov, count, deadline, NULL); }
CONC_API ssize_t conc_recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *addr, socklen_t *len) {
    return conc__recvfrom(fd, buf, n, flags, addr, len, INT64_MAX, NULL);
}
CONC_API ssize_t conc_recvfrom_until(int fd, void *buf, size_t n, int flags, struct sockaddr *addr, socklen_t *len, int64_t deadline) {
    return conc__recvfrom(fd, buf, n, flags, addr, len, deadline, NULL);
}
CONC_API ssize_t conc_recvfrom_ctx(conc_ctx *ctx, int fd, void *buf, size_t n, int flags, struct sockaddr *addr, socklen_t *len) {
    return conc__recvfrom(fd, buf, n, flags, addr, len, INT64_MAX, ctx);
}
CONC_API ssize_t conc_sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr, socklen_t len) {
    return conc__sendto(fd, buf, n, flags, addr, len, INT64_MAX, NULL);
}
CONC_API ssize_t conc_sendto_until(int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr, socklen_t len, int64_t deadline) {
    return conc__sendto(fd, buf, n, flags, addr, len, deadline, NULL);
}
CONC_API ssize_t conc_sendto_ctx(conc_ctx *ctx, int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr, socklen_t len) {
    return conc__sendto(fd, buf, n, flags, addr, len, INT64_MAX, ctx);
}
CONC_API ssize_t conc_recvmsg(int fd, struct msghdr *msg, int flags) { return conc__recv(fd, msg, flags, false, INT64_MAX, NULL); }
CONC_API ssize_t conc_recvmsg_until(int fd, struct msghdr *msg, int flags, int64_t deadline) { return conc__recv(fd, msg, flags, false, deadline, NULL); }
CONC_API ssize_t conc_sendmsg(int fd, const struct msghdr *msg, int flags) { return conc__send(fd, msg, flags, false, INT64_MAX, NULL); }
CONC_API ssize_t conc_sendmsg_until(int fd, const struct msghdr *msg, int flags, int64_t deadline) {
    return conc__send(fd, msg, flags, false, deadline, NULL);
}
CONC_API int conc_accept(int fd, struct sockaddr *addr, socklen_t *len) { return conc__accept(fd, addr, len, INT64_MAX, NULL); }
CONC_API int conc_accept_until(int fd, struct sockaddr *addr, socklen_t *len, int64_t deadline) { return conc__accept(fd, addr, len, deadline, NULL); }
CONC_API int conc_accept_ctx(conc_ctx *ctx, int fd, struct sockaddr *addr, socklen_t *len) { return conc__accept(fd, addr, len, INT64_MAX, ctx); }
CONC_API int conc_connect(int fd, const struct sockaddr *addr, socklen_t len) { return conc__connect(fd, addr, len, INT64_MAX, NULL); }
CONC_API int conc_connect_until(int fd, const struct sockaddr *addr, socklen_t len, int64_t deadline) { return conc__connect(fd, addr, len, deadline, NULL); }
CONC_API int conc_connect_ctx(conc_ctx *ctx, int fd, const struct sockaddr *addr, socklen_t len) { return conc__connect(fd, addr, len, INT64_MAX, ctx); }
CONC_API int conc_wait_fd(int fd, int what) { return conc__wait_fd(fd, what, INT64_MAX, NULL); }
CONC_API int conc_wait_fd_until(int fd, int what, int64_t deadline) { return conc__wait_fd(fd, what, deadline, NULL); }
CONC_API int conc_wait_fd_ctx(conc_ctx *ctx, int fd, int what) { return conc__wait_fd(fd, what, INT64_MAX, ctx); }
CONC_API int conc_dial_tcp(conc_ctx *ctx, const char *address) { return conc__dial_tcp(ctx, address, INT64_MAX); }
CONC_API int conc_dial_tcp_until(const char *address, int64_t deadline) { return conc__dial_tcp(NULL, address, deadline); }
CONC_API int conc_dial_unix(conc_ctx *ctx, const char *path) { return conc__dial_unix(ctx, path, INT64_MAX); }
CONC_API int conc_dial_unix_until(const char *path, int64_t deadline) { return conc__dial_unix(NULL, path, deadline); }
CONC_API int conc_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
    return conc__getaddrinfo(node, service, hints, result, INT64_MAX, NULL);
}
CONC_API int conc_getaddrinfo_until(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result, int64_t deadline) {
    return conc__getaddrinfo(node, service, hints, result, deadline, NULL);
}

/* Files. What the page cache holds is read at once; else the processor is handed on for the disk. */
CONC_API int conc_open(const char *path, int flags, mode_t mode) {
    int fd;
    conc__ensure();
    do {
        (void)conc__blocking_begin();
        fd = (int)conc__blocking_errno(CONC__SYS(open)(path, flags | O_CLOEXEC, mode));
    } while (fd < 0 && errno == EINTR);
    return fd < 0 ? -1 : conc__adopt(fd, false);
}
CONC_API ssize_t conc_pread(int fd, void *buf, size_t n, off_t offset) {
    conc__give_way_if_lost();
    ssize_t r = conc__os_read_cached(fd, buf, n, offset);
    if (r >= 0 && ((size_t)r == n || r == 0)) return r;
    if (r < 0 && errno != EAGAIN && errno != EOPNOTSUPP && errno != ENOSYS && errno != EINTR) return r;
    size_t done = r > 0 ? (size_t)r : 0;
    do {
        (void)conc__blocking_begin();
        r = conc__blocking_errno(CONC__SYS(pread)(fd, (char *)buf + done, n - done, offset + (off_t)done));
    } while (r < 0 && errno == EINTR);
    return r < 0 && !done ? -1 : (ssize_t)done + (r > 0 ? r : 0);
}
CONC_API ssize_t conc_pwrite(int fd, const void *buf, size_t n, off_t offset) {
    size_t done = 0;
    ssize_t r;
    conc__give_way_if_lost();
    do {
        conc__slow_begin();
        r = conc__blocking_errno(CONC__SYS(pwrite)(fd, (const char *)buf + done, n - done, offset + (off_t)done));
        if (r > 0) done += (size_t)r;
    } while (r > 0 ? done < n : r < 0 && errno == EINTR);
    return r >= 0 || done ? (ssize_t)done : -1;
}

/* Child processes: a pidfd becomes readable when its process ends. Where there is none, or pid stands for several, and nobody gives up
   waiting, a handed-off waitpid; else a look every few milliseconds. */
CONC__FN pid_t conc__reap(pid_t pid, int *status, int options) {
    pid_t got;
    do got = waitpid(pid, status, options);
    while (got < 0 && errno == EINTR);
    return got;
}
CONC__FN pid_t conc__wait_pid(pid_t pid, int *status, int64_t deadline, conc_ctx *ctx) {
    conc__ensure();
    if (deadline != INT64_MAX && deadline <= conc_now()) return errno = ETIMEDOUT, -1;
    if (ctx && conc_ctx_err(ctx) != CONC_OK) return errno = conc__errno_of(conc_ctx_err(ctx)), -1;
    pid_t got = conc__reap(pid, status, WNOHANG);
    if (got != 0) return got;
    int fd = conc__os_pidfd(pid);
    if (fd < 0 && deadline == INT64_MAX && !ctx) {
        (void)conc__blocking_begin();
        return (pid_t)conc__blocking_errno(conc__reap(pid, status, 0));
    }
    conc_ctx_ref(ctx);
    for (int64_t nap = CONC_MS; (got = conc__reap(pid, status, WNOHANG)) == 0; nap = nap < 8 * CONC_MS ? nap * 2 : nap) {
        conc_status st = CONC_OK;
        if (fd < 0 && (st = conc__nap(nap, deadline, ctx)) != CONC_OK) errno = conc__errno_of(st);
        if (st != CONC_OK || (fd >= 0 && conc__wait_fd(fd, CONC_READ, deadline, ctx) < 0)) {
            got = -1;
            break;
        }
    }
    if (fd >= 0) (void)conc__close_failed(fd);
    conc__ctx_let_go(ctx);
    return got;
}
CONC_API pid_t conc_wait_pid(pid_t pid, int *status) { return conc__wait_pid(pid, status, INT64_MAX, NULL); }
CONC_API pid_t conc_wait_pid_until(pid_t pid, int *status, int64_t deadline) { return conc__wait_pid(pid, status, deadline, NULL); }
CONC_API pid_t conc_wait_pid_ctx(conc_ctx *ctx, pid_t pid, int *status) { return conc__wait_pid(pid, status, INT64_MAX, ctx); }
// >>containers-impl
/* Barrier. in counts those of this round under the spin lock; the n-th takes the queue and wakes it. A wait that times out leaves the
   queue under the same lock and breaks the barrier there; it wakes the others itself when it runs again. ok in a waiter: the round
   was completed. Goroutines woken by a completed round have left the queue, so the next round may begin before they run. */
CONC_API void conc_barrier_init(conc_barrier *b, int n) {
    if (n < 1) conc_panic("conc_barrier_init: n must be at least 1");
    memset(b, 0, sizeof *b);
    b->conc__n = (uint32_t)n;
}
/* End the round: everybody in the queue goes on. Lock held, released here. can_yield: the caller may lose the processor. */
CONC__FN void conc__barrier_end(conc_barrier *b, bool complete) {
    conc__waiter *list = conc__q_take_all(CONC__Q(&b->conc__head));
    b->conc__in = 0;
    for (conc__waiter *w = list; w; w = w->next) w->ok = complete;
    conc__unlock(&b->conc__spin);
    conc__wake_list(list, true);
}
CONC__FN void conc__barrier_expire(void *obj) {
    conc_barrier *b = (conc_barrier *)obj;
    b->conc__in--;
    b->conc__broken = 1;
}
CONC__FN conc_status conc__barrier_wait(conc_barrier *b, int64_t deadline, bool *serial) {
    *serial = false;
    if (b->conc__n == 0) conc_panic("conc_barrier_wait: the barrier was not initialised");
    conc__m *m = conc__self();
    conc__waiter w;
    conc__lock(&b->conc__spin);
    if (b->conc__broken) {
        conc__unlock(&b->conc__spin);
        return CONC_CANCELED;
    }
    conc__ordered_before(b, ALL);
    if (++b->conc__in == b->conc__n) {
        *serial = true;
        conc__ordered_after(b, ALL);
        conc__barrier_end(b, true);
        return CONC_OK;
    }
    conc__waiter_init(&w, m, NULL);
    conc__q_put(CONC__Q(&b->conc__head), &w);
    if (conc__wait_on(m, &b->conc__spin, CONC__Q(&b->conc__head), &w, CONC__W_BARRIER, deadline, conc__barrier_expire, b))
        return w.ok ? CONC_OK : CONC_CANCELED;
    conc__lock(&b->conc__spin);
    conc__barrier_end(b, false); /* those who came after a reset wait for a whole round again: they are broken too, as documented */
    return CONC_TIMEOUT;
}
CONC_API bool conc_barrier_wait(conc_barrier *b) {
    bool serial;
    (void)conc__barrier_wait(b, INT64_MAX, &serial);
    return serial;
}
CONC_API conc_status conc_barrier_wait_for(conc_barrier *b, int64_t ns, bool *serial) {
    bool none;
    conc__ensure();
    return conc__barrier_wait(b, conc__deadline(ns > 0 ? ns : 0), serial ? serial : &none);
}
CONC_API void conc_barrier_reset(conc_barrier *b) {
    conc__lock(&b->conc__spin);
    b->conc__broken = 0;
    conc__barrier_end(b, false);
}
CONC_API bool conc_barrier_broken(conc_barrier *b) {
    conc__lock(&b->conc__spin);
    bool broken = b->conc__broken;
    conc__unlock(&b->conc__spin);
    return broken;
}

/* Pool. Each worker thread has a small stack of items of its own, used without an atomic read-modify-write: nothing switches a
   goroutine in the middle of it, so its only user is the thread. drain takes the items from outside, so the owner brackets its
   access as it does its P: busy is set, the light fence, stop is looked at; drain sets stop, fences heavily, and waits until busy is
   clear. Partners: the owner's release of busy with drain's acquire; drain's release of stop with the owner's acquire. An owner that
   finds stop set uses the common store, as OS threads and threads with a high number do. A full stack gives its older half to
   the store, an empty one takes as many from it, so producers and consumers on different threads share through the store. */
enum { CONC__POOL_OWN = 32, CONC__POOL_BATCH = CONC__POOL_OWN / 2 };
struct conc__pool_own {
    __attribute__((aligned(CONC__LINE))) uint32_t busy;
    uint32_t n;
    void *item[CONC__POOL_OWN];
};
struct conc_pool {
    void *(*make)(void);
    void (*drop)(void *);
    uint32_t stop, nown; /* stop: a drain is at work */
    size_t max;
    __attribute__((aligned(CONC__LINE))) conc_mutex lock; /* of the store, which may grow under it */
    void **store;
    __attribute__((aligned(CONC__LINE))) struct conc__pool_own own[1]; /* nown of them */
};
CONC_API conc_pool *conc_pool_new(void *(*make)(void), void (*drop)(void *), size_t max) {
    uint32_t n = conc__thread_slots();
    conc_pool *p = (conc_pool *)conc__line_alloc(sizeof *p + n * sizeof p->own[0]);
    if (!p) return NULL;
    p->make = make;
    p->drop = drop;
    p->max = max ? max : 4096;
    p->nown = n;
    return p;
}
/* The calling thread's stack, busy; NULL: it has none, or may not use it now. */
CONC__INLINE struct conc__pool_own *conc__pool_enter(conc_pool *p) {
    conc__m *m = conc__self();
    conc__tsan_blind(true); /* goroutines of one thread follow each other here */
    if (conc__likely(m && (uint32_t)m->id < p->nown)) {
        struct conc__pool_own *o = &p->own[m->id];
        conc__st(&o->busy, 1);
        conc__fence_light();
        if (conc__likely(!conc__ld_acq(&p->stop))) return o;
        conc__st_rel(&o->busy, 0);
    }
    conc__tsan_blind(false);
    return NULL;
}
CONC__INLINE void conc__pool_leave(struct conc__pool_own *o) {
    conc__st_rel(&o->busy, 0);
    conc__tsan_blind(false);
}
/* Up to n items from the store into v, newest first; how many. */
CONC__FN uint32_t conc__store_take(conc_pool *p, void **v, uint32_t n) {
    conc_mutex_lock(&p->lock);
    size_t have = conc__arr_len(p->store);
    if (n > have) n = (uint32_t)have;
    for (uint32_t i = 0; i < n; i++) v[i] = p->store[--have];
    conc__arr_set_len(p->store, have);
    conc_mutex_unlock(&p->lock);
    return n;
}
/* n items into the store, or dropped if it is full. */
CONC__FN void conc__store_put(conc_pool *p, void **v, uint32_t n) {
    conc_mutex_lock(&p->lock);
    size_t have = conc__arr_len(p->store), room = p->max > have ? p->max - have : 0;
    uint32_t kept = n < room ? n : (uint32_t)room;
    if (kept) p->store = (void **)conc__arr_grow(p->store, sizeof *v, kept);
    for (uint32_t i = 0; i < kept; i++) p->store[have + i] = v[i];
    if (kept) conc__arr_set_len(p->store, have + kept);
    conc_mutex_unlock(&p->lock);
    for (uint32_t i = kept; i < n && p->drop; i++) p->drop(v[i]);
}
CONC__NOINLINE void *conc__pool_get_slow(conc_pool *p) {
    void *v[CONC__POOL_BATCH];
    uint32_t n = conc__store_take(p, v, CONC__POOL_BATCH);
    if (n == 0) return p->make ? p->make() : NULL;
    void *item = v[0];
    struct conc__pool_own *o = n > 1 ? conc__pool_enter(p) : NULL;
    uint32_t left = n - 1;
    if (o) { /* perhaps another thread than before, whose stack is not empty */
        for (; left > 0 && o->n < CONC__POOL_OWN; left--) o->item[o->n++] = v[left];
        conc__pool_leave(o);
    }
    if (left) conc__store_put(p, v + 1, left);
    return item;
}
CONC_API void *conc_pool_get(conc_pool *p) {
    struct conc__pool_own *o = conc__pool_enter(p);
    if (conc__likely(o != NULL)) {
        void *item = conc__likely(o->n > 0) ? o->item[--o->n] : NULL;
        conc__pool_leave(o);
        if (conc__likely(item != NULL)) {
            conc__hb_acquire(item);
            conc__ordered_after(item, ALL);
            return item;
        }
    }
    void *item = conc__pool_get_slow(p);
    if (item) {
        conc__hb_acquire(item);
        conc__ordered_after(item, ALL);
    }
    return item;
}
CONC_API void conc_pool_put(conc_pool *p, void *item) {
    if (!item) return;
    conc__hb_release(item);
    conc__ordered_before(item, ALL);
    struct conc__pool_own *o = conc__pool_enter(p);
    void *v[CONC__POOL_BATCH];
    if (conc__unlikely(!o)) {
        conc__store_put(p, &item, 1);
        return;
    }
    bool full = o->n == CONC__POOL_OWN;
    if (conc__unlikely(full)) {
        memcpy(v, o->item, sizeof v);
        memmove(o->item, o->item + CONC__POOL_BATCH, sizeof v);
        o->n -= CONC__POOL_BATCH;
    }
    o->item[o->n++] = item;
    conc__pool_leave(o);
    if (conc__unlikely(full)) conc__store_put(p, v, CONC__POOL_BATCH);
}
CONC_API size_t conc_pool_drain(conc_pool *p) {
    size_t dropped = 0;
    void *v[CONC__POOL_OWN];
    conc_mutex_lock(&p->lock); /* one drain at a time sets stop; the store is emptied below */
    conc__st(&p->stop, 1);
    conc__fence_heavy();
    for (uint32_t i = 0; i < p->nown; i++) {
        struct conc__pool_own *o = &p->own[i];
        for (unsigned k = 0; conc__ld_acq(&o->busy); k++) k < 100 ? conc__os_relax() : (void)sched_yield();
        conc__tsan_blind(true);
        uint32_t n = o->n;
        memcpy(v, o->item, sizeof v[0] * n);
        o->n = 0;
        conc__tsan_blind(false);
        size_t have = conc__arr_len(p->store); /* beyond max for a moment: dropped below */
        if (n) p->store = (void **)conc__arr_grow(p->store, sizeof v[0], n);
        for (uint32_t k = 0; k < n; k++) p->store[have + k] = v[k];
        if (n) conc__arr_set_len(p->store, have + n);
    }
    conc__st_rel(&p->stop, 0);
    conc_mutex_unlock(&p->lock);
    for (uint32_t n; (n = conc__store_take(p, v, CONC__POOL_OWN)) > 0; dropped += n)
        for (uint32_t i = 0; i < n; i++) {
            conc__hb_acquire(v[i]);
            conc__ordered_after(v[i], ALL);
            if (p->drop) p->drop(v[i]);
        }
    return dropped;
}
CONC_API void conc_pool_free(conc_pool *p) {
    if (!p) return;
    (void)conc_pool_drain(p);
    conc__arr_free(p->store);
    conc__line_free(p);
}

/* Map: 64 shards, each a table of stb_ds behind a mutex on its own cache line. The key's hash picks the shard. A shard's lock is held for
   one look-up and one copy, some 10 ns, so two processors rarely meet; a reader lock costs as much as the mutex does and a big-reader
   lock makes writers pay a membarrier. It is a conc_mutex and not a spin lock because the table may grow under it. stb_ds's seed is
   one for all tables: new tables are made under a lock of their own (conc__map_seed), which is the innermost.

   An element of the table is the key (or, for texts, a pointer to the map's copy) and behind it the value. stb_ds moves elements when
   one is deleted, so nothing is kept of an element once the lock is released. */
enum { CONC__SHARDS = 64 };
typedef struct conc__shard {
    __attribute__((aligned(CONC__LINE))) conc_mutex lock;
    char *table; /* stb_ds's pointer to element 0; NULL: empty from the start */
    size_t n;    /* read without the lock by len */
} conc__shard;
struct conc_map {
    size_t key, value, elem; /* bytes */
    bool text;
    conc__shard shard[CONC__SHARDS];
};
static conc_mutex conc__map_seed;
CONC__INLINE struct conc_map *conc__map(const volatile void *m) {
    if (conc__unlikely(!m)) conc_panic("conc_map: operation on a NULL map");
    return (struct conc_map *)(uintptr_t)m;
}
CONC_API struct conc_map *conc__map_make(size_t key, size_t value, bool text) {
    struct conc_map *m = (struct conc_map *)conc__line_alloc(sizeof *m);
    if (!m) return NULL;
    m->key = key;
    m->value = value;
    m->elem = (key + value + 7) & ~(size_t)7;
    m->text = text;
    return m;
}
CONC__INLINE const void *conc__map_key(const struct conc_map *m, const void *key) {
    if (!m->text) return key;
    const char *text;
    memcpy(&text, key, sizeof text);
    if (conc__unlikely(!text)) conc_panic("conc_map: NULL is no text");
    return text;
}
CONC__INLINE conc__shard *conc__map_shard(struct conc_map *m, const void *key) {
    uint64_t h = 0;
    if (conc__likely(!m->text && m->key == 8)) memcpy(&h, key, 8);
    else if (!m->text && m->key == 4) {
        uint32_t k;
        memcpy(&k, key, 4);
        h = k;
    } else if (m->text) h = conc__hash_text((const char *)key);
    else h = conc__hash_bytes(key, m->key);
    return &m->shard[(h * UINT64_C(0x9e3779b97f4a7c15)) >> 58];
}
/* The place of key's value, NULL: not there. Lock held. */
CONC__INLINE char *conc__map_at(const struct conc_map *m, const conc__shard *s, const void *key) {
    ptrdiff_t i = s->table ? conc__table_find(s->table, m->elem, key, m->key, m->text) : -1;
    return i < 0 ? NULL : s->table + m->elem * (size_t)i + m->key;
}
/* Add it; it is not there. Lock held. */
CONC__FN void conc__map_add(const struct conc_map *m, conc__shard *s, const void *key, const void *v) {
    if (!s->table) {
        conc_mutex_lock(&conc__map_seed);
        s->table = (char *)conc__table_new(m->elem, m->text);
        conc_mutex_unlock(&conc__map_seed);
    }
    size_t i;
    s->table = (char *)conc__table_add(s->table, m->elem, key, m->key, m->text, &i);
    memcpy(s->table + m->elem * i + m->key, v, m->value);
    conc__st(&s->n, s->n + 1);
}
CONC__FN void conc__map_remove(const struct conc_map *m, conc__shard *s, const void *key) {
    s->table = (char *)conc__table_del(s->table, m->elem, key, m->key, m->text);
    conc__st(&s->n, s->n - 1);
}
CONC__INLINE void conc__map_get(const struct conc_map *m, const char *at, void *v) {
    if (!v) return;
    if (at) memcpy(v, at, m->value);
    else memset(v, 0, m->value);
}
CONC_API void conc__map_store(const volatile void *map, const void *key, const void *v) {
    struct conc_map *m = conc__map(map);
    key = conc__map_key(m, key);
    conc__shard *s = conc__map_shard(m, key);
    conc_mutex_lock(&s->lock);
    char *at = conc__map_at(m, s, key);
    if (at) memcpy(at, v, m->value);
    else conc__map_add(m, s, key, v);
    conc_mutex_unlock(&s->lock);
}
CONC_API bool conc__map_load(const volatile void *map, const void *key, void *v) {
    struct conc_map *m = conc__map(map);
    key = conc__map_key(m, key);
    conc__shard *s = conc__map_shard(m, key);
    conc_mutex_lock(&s->lock);
    const char *at = conc__map_at(m, s, key);
    conc__map_get(m, at, v);
    conc_mutex_unlock(&s->lock);
    return at != NULL;
}
CONC_API bool conc__map_load_or_store(const volatile void *map, const void *key, const void *v, void *got) {
    struct conc_map *m = conc__map(map);
    key = conc__map_key(m, key);
    conc__shard *s = conc__map_shard(m, key);
    conc_mutex_lock(&s->lock);
    const char *at = conc__map_at(m, s, key);
    if (!at) conc__map_add(m, s, key, v);
    conc__map_get(m, at ? at : (const char *)v, got);
    conc_mutex_unlock(&s->lock);
    return at != NULL;
}
CONC_API bool conc__map_swap(const volatile void *map, const void *key, const void *v, void *old) {
    struct conc_map *m = conc__map(map);
    key = conc__map_key(m, key);
    conc__shard *s = conc__map_shard(m, key);
    conc_mutex_lock(&s->lock);
    char *at = conc__map_at(m, s, key);
    conc__map_get(m, at, old);
    if (at) memcpy(at, v, m->value);
    else conc__map_add(m, s, key, v);
    conc_mutex_unlock(&s->lock);
    return at != NULL;
}
CONC_API bool conc__map_take(const volatile void *map, const void *key, const void *only_if, void *old) {
    struct conc_map *m = conc__map(map);
    key = conc__map_key(m, key);
    conc__shard *s = conc__map_shard(m, key);
    conc_mutex_lock(&s->lock);
    const char *at = conc__map_at(m, s, key);
    bool hit = at && (!only_if || memcmp(at, only_if, m->value) == 0);
    conc__map_get(m, at, old);
    if (hit) conc__map_remove(m, s, key);
    conc_mutex_unlock(&s->lock);
    return hit;
}
CONC_API bool conc__map_compare_and_swap(const volatile void *map, const void *key, const void *old, const void *v) {
    struct conc_map *m = conc__map(map);
    key = conc__map_key(m, key);
    conc__shard *s = conc__map_shard(m, key);
    conc_mutex_lock(&s->lock);
    char *at = conc__map_at(m, s, key);
    bool hit = at && memcmp(at, old, m->value) == 0;
    if (hit) memcpy(at, v, m->value);
    conc_mutex_unlock(&s->lock);
    return hit;
}
CONC_API void conc__map_clear(const volatile void *map) {
    struct conc_map *m = conc__map(map);
    for (int i = 0; i < CONC__SHARDS; i++) {
        conc__shard *s = &m->shard[i];
        conc_mutex_lock(&s->lock);
        char *table = s->table;
        s->table = NULL;
        conc__st(&s->n, 0);
        conc_mutex_unlock(&s->lock);
        if (table) conc__table_free(table, m->elem);
    }
}
CONC_API size_t conc__map_len(const volatile void *map) {
    const struct conc_map *m = conc__map(map);
    size_t n = 0;
    for (int i = 0; i < CONC__SHARDS; i++) n += conc__ld(&m->shard[i].n);
    return n;
}
CONC_API void conc__map_free(const volatile void *map) {
    if (!map) return;
    conc__map_clear(map);
    conc__line_free(conc__map(map));
}
/* Copy the iterator's next shard. A text is copied behind the elements, and its element then points to that. */
CONC__FN void conc__map_copy(conc__map_iter *it) {
    struct conc_map *m = it->m;
    conc__shard *s = &m->shard[it->shard++];
    CONC_FREE(it->copy);
    it->copy = NULL;
    it->at = it->n = 0;
    conc_mutex_lock(&s->lock);
    size_t n = s->n, bytes = n * m->elem, room = bytes;
    for (size_t i = 0; m->text && i < n; i++) room += strlen(*(char **)(void *)(s->table + m->elem * i)) + 1;
    if (n) {
        it->copy = (char *)conc__xmalloc(room);
        memcpy(it->copy, s->table, bytes);
        char *to = it->copy + bytes;
        for (size_t i = 0; m->text && i < n; i++) {
            char **at = (char **)(void *)(it->copy + m->elem * i);
            size_t len = strlen(*at) + 1;
            *at = (char *)memcpy(to, *at, len);
            to += len;
        }
    }
    conc_mutex_unlock(&s->lock);
    it->n = n;
}
CONC_API bool conc__map_next(conc__map_iter *it, void *key, void *v) {
    struct conc_map *m = conc__map(it->m);
    while (it->at == it->n) {
        if (it->shard == CONC__SHARDS) return false;
        if (conc__ld(&m->shard[it->shard].n)) conc__map_copy(it);
        else it->shard++;
    }
    const char *at = it->copy + m->elem * it->at++;
    memcpy(key, at, m->key);
    memcpy(v, at + m->key, m->value);
    return true;
}
CONC_API void conc__map_end(conc__map_iter *it) { CONC_FREE(it->copy); }

// >>signal-impl
/* A signal's way: the kernel interrupts some thread -> conc__on_signal writes the number into a ring -> the relay thread wakes,
   takes the lock, and sends to the channels (cancels the contexts) that ask. Only the first step runs in signal context, and it does nothing but
   atomic operations on static memory and a futex wake.

   The ring has many producers (a handler may run on every thread, and is itself interrupted by nothing: its mask is full) and
   one consumer, whoever holds the lock. A producer claims a place by moving tail on, then stores the number (release; partner:
   the acquire in conc__sig_next). A place that is claimed but still zero ends what the consumer can see; the producer's
   increment of seq, which comes after its store, makes the relay thread look again. head is moved on (release) after the place
   is cleared, so a producer that reads it (acquire) finds the place free. When the ring is full the signal becomes a bit of
   more, where equal signals merge, as they do in the kernel.

   stop is exact: it restores the dispositions first, so that no new handler starts; waits until no handler is between its first
   and its last step (running == 0: such a handler may run on a preempted thread); sends what is in the ring; and only then
   forgets the channel (or context), all under the lock, which every send is done under. Waiting is short: handlers do not wait.

   The lock is a conc_mutex, because memory, threads and dispositions are made under it. It is taken before a channel's lock.

   fork: a signal's mode is noted before its handler is installed and forgotten after it is removed, so the child, which may be
   born between any two steps of another thread, always knows what it has to restore.

   Deadlock: the relay thread is accounted for, and a program is only given the benefit of the doubt while somebody waits to
   receive from a channel, or waits with a context, that signals are sent to (conc__signal_hope). Go's detector stays silent for ever after Notify. */
enum { CONC__SIGS = 65, CONC__SIG_RING = 256 };
enum { CONC__SIG_OWN, CONC__SIG_CAUGHT, CONC__SIG_IGNORED }; /* a signal's mode: the program's own disposition, or ours */
typedef struct conc__relay {
    const volatile void *to; /* a channel, or a conc_ctx to cancel; a reference is held */
    uint64_t want;           /* bit sig - 1: send it */
    bool ctx;
} conc__relay;
static struct conc__signals {
    uint32_t seq;     /* moves on with every signal caught and every request to the relay thread; futex */
    uint32_t running; /* handlers at work now */
    uint32_t head, tail;
    uint64_t more;
    unsigned char ring[CONC__SIG_RING];
    conc_mutex lock; /* the rest */
    conc__relay *relays;
    uint64_t caught; /* modes as bits */
    unsigned char mode[CONC__SIGS];
    struct sigaction own[CONC__SIGS];
    bool on, stop; /* the relay thread exists; shall end */
    bool parked;   /* it sleeps, with nothing of what it did still under way */
    bool doubt;    /* somebody saw a program asleep, but not the relay thread parked: it looks again when it is */
    pthread_t thread;
} conc__sig;

CONC__INLINE uint64_t conc__sig_bit(int sig) { return UINT64_C(1) << (sig - 1); }
/* errno is the thread's here, not the interrupted goroutine's, whose word may be another (ThreadSanitizer). */
__attribute__((no_sanitize("thread"))) CONC__FN void conc__on_signal(int sig) {
    int *word = conc__os_errno(), err = *word;
    (void)conc__add(&conc__sig.running, 1);
    uint32_t at = conc__ld(&conc__sig.tail);
    bool room;
    while ((room = at - conc__ld_acq(&conc__sig.head) < CONC__SIG_RING) && !conc__cas(&conc__sig.tail, &at, at + 1)) continue;
    if (room) conc__st_rel(&conc__sig.ring[at % CONC__SIG_RING], (unsigned char)sig);
    else (void)__atomic_fetch_or(&conc__sig.more, conc__sig_bit(sig), __ATOMIC_SEQ_CST);
    (void)conc__add(&conc__sig.seq, 1);
    conc__os_relay_wake(&conc__sig.seq);
    (void)__atomic_fetch_sub(&conc__sig.running, 1, __ATOMIC_SEQ_CST); /* last: stop and shutdown wait for it */
    *word = err;
}
/* The oldest signal that has not been relayed, 0: none. Lock held. */
CONC__FN int conc__sig_next(void) {
    uint32_t head = conc__ld(&conc__sig.head);
    unsigned char *place = &conc__sig.ring[head % CONC__SIG_RING];
    int sig = conc__ld_acq(place);
    if (sig) {
        conc__st(place, 0);
        conc__st_rel(&conc__sig.head, head + 1);
        return sig;
    }
    uint64_t more = head == conc__ld(&conc__sig.tail) ? conc__ld(&conc__sig.more) : 0;
    if (!more) return 0;
    sig = __builtin_ctzll(more) + 1;
    (void)__atomic_fetch_and(&conc__sig.more, ~conc__sig_bit(sig), __ATOMIC_SEQ_CST);
    return sig;
}
/* Cancelling runs no code of the program, and nothing that wants the lock. */
CONC__FN void conc__sig_send(const conc__relay *r, int sig) {
    if (r->ctx) (void)conc__ctx_cancel((conc_ctx *)(uintptr_t)r->to, CONC_CANCELED, 128 + sig);
    else (void)conc__chan_try_send(r->to, &sig);
}
/* Lock held, which conc_mutex allows across the hand-over of the processor that a send may bring. */
CONC__FN void conc__sig_relay(void) {
    for (int sig; (sig = conc__sig_next()) != 0;)
        for (size_t i = 0; i < conc__arr_len(conc__sig.relays); i++)
            if (conc__sig.relays[i].want & conc__sig_bit(sig)) conc__sig_send(&conc__sig.relays[i], sig);
}
CONC__FN void conc__sig_kick(void) {
    (void)conc__add(&conc__sig.seq, 1);
    conc__os_relay_wake(&conc__sig.seq);
}
/* It blocks every signal but those asked for, so that these find a thread even if all others block them. */
CONC__FN void *conc__sig_main(void *arg) {
    (void)arg;
    conc__tls_thread.own = true; /* waiting for the lock it is no thread of the program that could be stuck */
    for (bool stop = false; !stop;) {
        uint32_t seq = conc__ld_acq(&conc__sig.seq);
        sigset_t mask;
        (void)sigfillset(&mask);
        conc_mutex_lock(&conc__sig.lock);
        conc__sig_relay();
        for (int sig = 1; sig < CONC__SIGS; sig++)
            if (conc__sig.caught & conc__sig_bit(sig)) (void)sigdelset(&mask, sig);
        stop = conc__sig.stop;
        conc_mutex_unlock(&conc__sig.lock);
        (void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
        /* Dekker with conc__signal_hope: either that sees parked, or this the doubt. All wakes by unlock are before it. */
        __atomic_store_n(&conc__sig.parked, true, __ATOMIC_SEQ_CST);
        if (conc__unlikely(__atomic_load_n(&conc__sig.doubt, __ATOMIC_SEQ_CST))) {
            conc__st(&conc__sig.doubt, false);
            conc__deadlock_check();
        }
        if (!stop) conc__os_relay_wait(&conc__sig.seq, seq);
        conc__st(&conc__sig.parked, false);
    }
    return NULL;
}
/* Lock held. */
CONC__FN bool conc__sig_start(void) {
    if (conc__sig.on) return true;
    if (!conc__os_relay_open()) return false;
    pthread_attr_t attr;
    sigset_t all, old;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, CONC__TSAN || CONC__ASAN ? 1u << 20 : 1u << 17);
    conc__st(&conc__sig.on, pthread_create(&conc__sig.thread, &attr, conc__sig_main, NULL) == 0);
    (void)pthread_attr_destroy(&attr);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!conc__sig.on) conc__os_relay_close();
    return conc__sig.on;
}

/* May it be caught, and is it not the report of a fault? Real-time signals below SIGRTMIN are the C library's own. */
CONC__FN bool conc__sig_valid(int sig) {
    switch (sig) {
    case SIGKILL: case SIGSTOP: case SIGSEGV: case SIGBUS: case SIGFPE: case SIGILL: case SIGTRAP: case SIGSYS: return false;
    default: return (sig >= 1 && sig < 32) || (sig >= SIGRTMIN && sig <= SIGRTMAX && sig < CONC__SIGS);
    }
}
/* The set of the signals named, of all if none is; 0: one of them is not allowed. */
CONC__FN uint64_t conc__sig_set(const int *sig, size_t n) {
    uint64_t set = 0;
    for (size_t i = 0; i < n; i++) {
        if (!conc__sig_valid(sig[i])) return 0;
        set |= conc__sig_bit(sig[i]);
    }
    for (int s = 1; n == 0 && s < CONC__SIGS; s++)
        if (conc__sig_valid(s)) set |= conc__sig_bit(s);
    return set;
}
/* Back to the program's own disposition, unless it has put another in the place of ours. */
CONC__FN void conc__sig_restore(int sig) {
    struct sigaction now;
    bool caught = conc__sig.mode[sig] == CONC__SIG_CAUGHT;
    if (sigaction(sig, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) && now.sa_handler == (caught ? conc__on_signal : SIG_IGN))
        (void)sigaction(sig, &conc__sig.own[sig], NULL);
}
CONC__FN void conc__sig_mode(int sig, int mode) {
    int was = conc__sig.mode[sig];
    if (was == mode) return;
    if (was == CONC__SIG_OWN) (void)sigaction(sig, NULL, &conc__sig.own[sig]);
    if (mode == CONC__SIG_CAUGHT) conc__sig.mode[sig] = CONC__SIG_CAUGHT; /* before the handler is there */
    if (mode == CONC__SIG_OWN) conc__sig_restore(sig);
    else {
        struct sigaction a;
        memset(&a, 0, sizeof a);
        a.sa_handler = mode == CONC__SIG_CAUGHT ? conc__on_signal : SIG_IGN;
        a.sa_flags = SA_RESTART | (RUNNING_ON_VALGRIND ? 0 : SA_ONSTACK); /* which it takes for a goroutine's stack shrinking */
        (void)sigfillset(&a.sa_mask);
        (void)sigaction(sig, &a, NULL);
    }
    conc__sig.mode[sig] = (unsigned char)mode;
    if (mode == CONC__SIG_CAUGHT) conc__sig.caught |= conc__sig_bit(sig);
    else conc__sig.caught &= ~conc__sig_bit(sig);
}
/* Every signal of set: caught if a channel wants it, else mode. */
CONC__FN void conc__sig_apply(uint64_t set, int mode) {
    uint64_t want = 0;
    for (size_t i = 0; i < conc__arr_len(conc__sig.relays); i++) want |= conc__sig.relays[i].want;
    for (int sig = 1; sig < CONC__SIGS; sig++)
        if (set & conc__sig_bit(sig)) conc__sig_mode(sig, (want & conc__sig_bit(sig)) ? CONC__SIG_CAUGHT : mode);
}
CONC__FN void conc__sig_await_handlers(void) {
    while (__atomic_load_n(&conc__sig.running, __ATOMIC_SEQ_CST)) (void)sched_yield();
}
/* All that has arrived is in its channels. Lock held. */
CONC__FN void conc__sig_flush(void) {
    conc__sig_await_handlers();
    conc__sig_relay();
}
CONC__FN conc__relay *conc__sig_find(const volatile void *to) {
    for (size_t i = 0; i < conc__arr_len(conc__sig.relays); i++)
        if (conc__sig.relays[i].to == to) return &conc__sig.relays[i];
    return NULL;
}
CONC__FN void conc__sig_drop(conc__relay *r) {
    size_t n = conc__arr_len(conc__sig.relays) - 1;
    if (r->ctx) conc_ctx_unref((conc_ctx *)(uintptr_t)r->to);
    else conc__chan_free(r->to);
    *r = conc__sig.relays[n];
    conc__arr_set_len(conc__sig.relays, n);
}
/* Nobody gets the signals of set any more, but those sent already. */
CONC__FN void conc__sig_forget(uint64_t set, int mode) {
    conc_mutex_lock(&conc__sig.lock);
    for (size_t i = conc__arr_len(conc__sig.relays); i-- > 0;)
        if (!(conc__sig.relays[i].want &= ~set)) conc__sig_drop(&conc__sig.relays[i]);
    conc__sig_apply(set, mode);
    conc_mutex_unlock(&conc__sig.lock);
}
/* false: no thread. Lock held. */
CONC__FN bool conc__sig_ask(const volatile void *to, bool ctx, uint64_t set) {
    if (!conc__sig_start()) return false;
    conc__relay *r = conc__sig_find(to);
    if (!r) {
        size_t at = conc__arr_len(conc__sig.relays);
        conc__sig.relays = (conc__relay *)conc__arr_grow(conc__sig.relays, sizeof *r, 1);
        conc__arr_set_len(conc__sig.relays, at + 1);
        r = &conc__sig.relays[at];
        r->to = to;
        r->want = 0;
        r->ctx = ctx;
        if (ctx) (void)conc_ctx_ref((conc_ctx *)(uintptr_t)to);
        else conc__chan_ref(to);
    }
    r->want |= set;
    conc__sig_apply(set, CONC__SIG_CAUGHT);
    conc__sig_kick();
    return true;
}
CONC_API conc_status conc__signal_notify(const volatile void *c, const int *sig, size_t n) {
    if (!c) conc_panic("os/signal: Notify using nil channel");
    if (conc__tested()) conc__test_forbid("conc_signal_notify");
    uint64_t set = conc__sig_set(sig, n);
    if (!set) return CONC_INVALID;
    conc__ensure();
    conc_mutex_lock(&conc__sig.lock);
    bool started = conc__sig_ask(c, false, set);
    conc_mutex_unlock(&conc__sig.lock);
    return started ? CONC_OK : CONC_NO_THREADS;
}
CONC_API conc_ctx *conc__ctx_notify(conc_ctx *parent, const int *sig, size_t n) {
    uint64_t set = conc__sig_set(sig, n);
    if (!set) return NULL;
    conc__ensure();
    conc_ctx *c = conc__ctx_new(parent, sizeof *c, CONC__C_NOTIFY);
    if (!c) return NULL;
    conc__ctx_attach(c);
    conc_mutex_lock(&conc__sig.lock);
    bool started = conc__sig_ask(c, true, set);
    conc_mutex_unlock(&conc__sig.lock);
    if (!started) conc_ctx_free(c);
    return started ? c : NULL;
}
CONC_API void conc__signal_stop(const volatile void *c) {
    conc_mutex_lock(&conc__sig.lock);
    conc__relay *r = conc__sig_find(c);
    if (r) {
        uint64_t set = r->want;
        r->want = 0;
        conc__sig_apply(set, CONC__SIG_OWN);
        r->want = set;
        conc__sig_flush();
        conc__sig_drop(r);
    }
    conc_mutex_unlock(&conc__sig.lock);
}
CONC_API conc_status conc__signal_reset(const int *sig, size_t n) {
    uint64_t set = conc__sig_set(sig, n);
    if (!set) return CONC_INVALID;
    conc__sig_forget(set, CONC__SIG_OWN);
    return CONC_OK;
}
CONC_API conc_status conc__signal_ignore(const int *sig, size_t n) {
    uint64_t set = conc__sig_set(sig, n);
    if (!set) return CONC_INVALID;
    conc__ensure(); /* so that conc_shutdown undoes it */
    conc__sig_forget(set, CONC__SIG_IGNORED);
    return CONC_OK;
}
CONC_API bool conc_signal_ignored(int sig) {
    struct sigaction a;
    return sigaction(sig, NULL, &a) == 0 && !(a.sa_flags & SA_SIGINFO) && a.sa_handler == SIG_IGN;
}
/* Does somebody wait for what r may bring? */
CONC__FN bool conc__sig_awaited(const conc__relay *r) {
    const conc_ctx *ctx = (const conc_ctx *)(uintptr_t)r->to;
    const struct conc_chan *c = r->ctx ? conc__ld(&ctx->done) : conc__c(r->to);
    if (r->ctx && conc__ld(&ctx->err) == CONC_OK && conc__ld(&ctx->nodes)) return true;
    return c && conc__ld(&c->recvq) != NULL;
}
/* Could a signal wake somebody in a program that is asleep? Also true while there is any doubt; the relay thread then looks again. */
CONC__FN bool conc__signal_hope(void) {
    if (!conc__ld(&conc__sig.on)) return false;
    for (int i = 0; !__atomic_load_n(&conc__sig.parked, __ATOMIC_SEQ_CST) || !conc_mutex_try_lock(&conc__sig.lock); i++) {
        if (i == 1000) __atomic_store_n(&conc__sig.doubt, true, __ATOMIC_SEQ_CST); /* it works for microseconds, if it is let */
        if (i == 1001) return true;
        (void)sched_yield();
    }
    bool hope = conc__ld(&conc__sig.head) != conc__ld(&conc__sig.tail) || conc__ld(&conc__sig.more);
    for (size_t i = 0; i < conc__arr_len(conc__sig.relays); i++) hope |= conc__sig_awaited(&conc__sig.relays[i]);
    conc_mutex_unlock(&conc__sig.lock);
    return hope;
}
/* conc_shutdown: everything as it was before. */
CONC__FN void conc__signal_end(void) {
    conc__sig_forget(~UINT64_C(0), CONC__SIG_OWN);
    if (conc__sig.on) {
        conc_mutex_lock(&conc__sig.lock);
        conc__sig.stop = true;
        conc_mutex_unlock(&conc__sig.lock);
        conc__sig_kick();
        (void)pthread_join(conc__sig.thread, NULL);
        conc__sig_await_handlers(); /* one could wake a relay whose descriptor is another's by then */
        conc__os_relay_close();
    }
    conc__arr_free(conc__sig.relays);
    conc__sig.relays = NULL;
    conc__sig.on = conc__sig.stop = conc__sig.parked = conc__sig.doubt = false;
}
/* After fork, in the child: only dispositions outlive it. */
CONC__FN void conc__signal_child(void) {
    for (int sig = 1; sig < CONC__SIGS; sig++)
        if (conc__sig.mode[sig] == CONC__SIG_CAUGHT) {
            conc__sig_restore(sig);
            conc__sig.mode[sig] = CONC__SIG_OWN;
        }
    if (conc__sig.on) conc__os_relay_close();
    memset(&conc__sig, 0, offsetof(struct conc__signals, mode));
    conc__sig.on = conc__sig.stop = conc__sig.parked = conc__sig.doubt = false;
}

// >>diag
/* Reports go to stderr by write(2), from a fixed buffer: they may be about the allocator. A dump reads other goroutines' control
   blocks while they run: good enough for a dying program, and for conc_dump a snapshot of each goroutine by itself. */
struct conc__out { int fd; size_t n; char text[1024]; };
CONC__FN void conc__write_all(int fd, const void *data, size_t n) {
    for (const char *p = (const char *)data; n > 0;) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return;
        p += k;
        n -= (size_t)k;
    }
}
CONC__FN void conc__flush(struct conc__out *o) {
    conc__write_all(o->fd, o->text, o->n);
    o->n = 0;
}
CONC__FN void conc__vprint(struct conc__out *o, const char *format, va_list args) {
    if (o->n > sizeof o->text / 2) conc__flush(o);
    int k = vsnprintf(o->text + o->n, sizeof o->text - o->n, format, args);
    if (k < 0) return;
    size_t room = sizeof o->text - o->n - 1;
    o->n += (size_t)k < room ? (size_t)k : room;
}
CONC__FN void conc__print(struct conc__out *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
CONC__FN void conc__print(struct conc__out *o, const char *format, ...) {
    va_list args;
    va_start(args, format);
    conc__vprint(o, format, args);
    va_end(args);
}
__attribute__((no_sanitize("thread"))) CONC__FN bool conc__is_running(const conc__g *g) {
    for (conc__m *m = conc__ld_acq(&conc__rt.all_m); m; m = m->all_next)
        if (m->cur == g) return true;
    return false;
}
__attribute__((no_sanitize("thread"))) CONC__FN void conc__print_g(struct conc__out *o, const conc__g *g, bool me) {
    const conc__site *s = g->site;
    const char *state = me ? "running" : g->wait ? conc__wait_text[g->wait % CONC__W_COUNT] : conc__is_running(g) ? "running" : "runnable";
    conc__print(o, "\ngoroutine %llu [%s%s]:\n", (unsigned long long)g->id, state, g->locked ? ", locked to thread" : "");
    if (!s) return;
    conc__print(o, "%.*s(...)%s%s\n", (int)strcspn(s->fn, ","), s->fn, g->name ? "  name: " : "", g->name ? g->name : "");
    conc__print(o, "created by %s", s->func);
    if (g->parent) conc__print(o, " in goroutine %llu", (unsigned long long)g->parent);
    if (s->line) conc__print(o, "\n\t%s:%d", s->file, s->line);
    conc__print(o, "\n");
}
#define CONC__DUMP_MAX 1000
__attribute__((no_sanitize("thread"))) CONC__FN void conc__print_all(struct conc__out *o, const conc__g *but) {
    int64_t shown = 0, more = 0;
    struct conc__slab *lists[2] = { conc__ld_acq(&conc__rt.slabs), conc__ld_acq(&conc__rt.bigs) };
    for (int l = 0; l < 2; l++)
        for (struct conc__slab *s = lists[l]; s; s = s->next)
            for (uint32_t i = 0; i < conc__ld_acq(&s->used); i++) {
                conc__g *g = l ? (conc__g *)(void *)(s->base + s->size - CONC__G_ROOM) : conc__slab_at(s, i);
                if (!g->live || g == but) continue;
                if (shown++ < CONC__DUMP_MAX) conc__print_g(o, g, false);
                else more++;
            }
    if (more) conc__print(o, "\n... and %lld more goroutines\n", (long long)more);
    int64_t fresh = conc_num_goroutines() - shown - (but != NULL); /* they have no stack yet, and stand in some queue */
    if (fresh > 0 && !conc__tested()) conc__print(o, "\n... and %lld that have not started yet\n", (long long)fresh);
    int threads = conc__ld(&conc__rt.foreign_blocked);
    if (threads > 0) conc__print(o, "\n%d OS thread%s of the program blocked in conc.h operations\n", threads, threads > 1 ? "s" : "");
}
CONC_API void conc_dump(int fd) {
    struct conc__out o;
    o.fd = fd;
    o.n = 0;
    conc__m *m = conc__self();
    conc__g *me = m && conc__ld(&m->cur) != &m->g0 ? conc__ld(&m->cur) : NULL;
    if (me) conc__print_g(&o, me, true);
    conc__print_all(&o, me);
    conc__flush(&o);
}
CONC__FN void conc__die(const char *kind, const char *message) __attribute__((noreturn));
CONC__FN void conc__die(const char *kind, const char *message) {
    struct conc__out o;
    conc__test_died(kind, message);
    if (__atomic_exchange_n(&conc__rt.dying, 1, __ATOMIC_SEQ_CST)) /* somebody else is reporting already: let them finish */
        for (;;) (void)pause();
    if (conc__rt.hook) conc__rt.hook(message, conc__rt.hook_arg);
    o.fd = 2;
    o.n = 0;
    conc__print(&o, "%s: %s\n", kind, message);
    conc__m *m = conc__self();
    conc__g *me = m && conc__ld(&m->cur) != &m->g0 ? conc__ld(&m->cur) : NULL;
    if (me) conc__print_g(&o, me, true);
    conc__print_all(&o, me);
    conc__flush(&o);
    if (m && !me) conc__tsan_blind(false); /* the tool minds a thread that ends blind */
    _exit(2);
}
CONC__FN void conc__fatal(const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    conc__die("fatal error", text);
}
CONC_API void conc_panic(const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    conc__die("panic", text);
}
CONC_API void conc_set_fatal_hook(void (*hook)(const char *, void *), void *arg) {
    conc__rt.hook_arg = arg;
    conc__rt.hook = hook;
}
CONC__FN void *conc__realloc(void *old, size_t n) {
    void *p = CONC_REALLOC(old, n);
    if (!p) conc__fatal("out of memory (%zu bytes)", n);
    return p;
}

/* Deadlock: every goroutine is parked, no timer is armed, and every thread of the process is either idle in the runtime or
   blocked for ever in a conc.h operation, and no signal could wake anybody; so nobody is left who could. Threads are counted by the kernel, so a
   program with threads of its own that do other things is never accused. The first look, the count and the relay thread of the signals
   are not one moment; what any of these could have been doing is done when the second look begins: the relay thread is seen parked
   after its last wake, and a thread that had run on in between would be missing in the second look. */
CONC__FN bool conc__all_asleep(int *threads) {
    conc__lock(&conc__rt.lock);
    bool asleep = !conc__rt.stop && conc__ld(&conc__rt.foreign_blocked) > 0 && conc__rt.nidle_m == conc__rt.nm && conc__rt.qn == 0 &&
                  conc__first_due() == INT64_MAX && conc__ld(&conc__rt.io_waiting) == 0;
    *threads = conc__rt.nm + conc__rt.monitor_on + conc__ld(&conc__sig.on) + conc__ld(&conc__rt.foreign_blocked);
    conc__unlock(&conc__rt.lock);
    return asleep;
}
CONC__FN void conc__deadlock_check(void) {
    int threads, again;
    if (!conc__all_asleep(&threads)) return;
    int extra = conc__os_threads() - threads; /* ThreadSanitizer has a thread of its own */
    if ((extra != 0 && extra != CONC__TSAN) || conc__signal_hope() || !conc__all_asleep(&again) || again != threads) return;
    if (conc__rt.main_gone && conc_num_goroutines() == 0) conc__fatal("no goroutines (main called runtime.Goexit) - deadlock!");
    conc__fatal("all goroutines are asleep - deadlock!");
}

/* Stack overflow: a fault in the guard of a stack. Anything else goes to the handler that was there before. */
#ifndef CONC_NO_SEGV_HANDLER
static struct sigaction conc__old_segv, conc__old_bus;
CONC__FN const conc__g *conc__guard_hit(const char *at) {
    struct conc__slab *lists[2] = { conc__ld_acq(&conc__rt.slabs), conc__ld_acq(&conc__rt.bigs) };
    for (int l = 0; l < 2; l++)
        for (struct conc__slab *s = lists[l]; s; s = s->next) {
            if (at < s->base || at >= s->base + s->size) continue;
            uint32_t i = (uint32_t)((size_t)(at - s->base) / s->slot);
            const conc__g *g = l ? (const conc__g *)(void *)(s->base + s->size - CONC__G_ROOM) : conc__slab_at(s, i);
            return (size_t)(at - s->base) % s->slot < CONC__GUARD ? g : NULL;
        }
    return NULL;
}
CONC__FN void conc__on_segv(int sig, siginfo_t *info, void *context) {
    const conc__g *g = conc__guard_hit((const char *)info->si_addr);
    if (g) {
        struct conc__out o;
        o.fd = 2;
        o.n = 0;
        conc__print(&o, "runtime: goroutine stack exceeds %zu-byte limit\n", g->size);
        conc__print(&o, "give it more with go_with(conc_opts(.stack = ...), ...), or all with -DCONC_STACK_SIZE=...\n");
        conc__flush(&o);
        conc__die("fatal error", "stack overflow");
    }
    struct sigaction *old = sig == SIGSEGV ? &conc__old_segv : &conc__old_bus;
    if ((old->sa_flags & SA_SIGINFO) && old->sa_sigaction) old->sa_sigaction(sig, info, context);
    else if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN && old->sa_handler) old->sa_handler(sig);
    else (void)sigaction(sig, old, NULL); /* returns to the faulting instruction, which now does what it would have done */
}
CONC__FN void conc__segv_install(void) {
    struct sigaction a;
    memset(&a, 0, sizeof a);
    a.sa_sigaction = conc__on_segv;
    a.sa_flags = SA_SIGINFO | SA_ONSTACK;
    (void)sigemptyset(&a.sa_mask);
    (void)sigaction(SIGSEGV, &a, &conc__old_segv);
    (void)sigaction(SIGBUS, &a, &conc__old_bus);
}
#endif

// >>test
/* The explorer. One M of its own, on the thread that called conc_test, with a P of its own, runs the goroutines of a test one step at a
   time; no other thread has a part in it. m->stop always has CONC__TESTED set, so every entry into the runtime takes its slow
   path, and those that would park, wake, start or end a goroutine ask here instead: what runs is conc.h's own channels, selects,
   locks and timers, under another scheduler.

   A step is one operation and the local code after it; the point comes before the operation (conc__point). There the running
   goroutine itself asks the strategy who goes on, and switches only if it is another: a step costs tens of nanoseconds.

   A goroutine is runnable (in t->run), parked by an operation of conc.h (in that object's queue), waiting (t->wait) because its next
   operation cannot go yet, or dead. Locking a mutex, read-locking, and waiting for a group are enabled or not by the state of
   the object, so that any of those who wait may be next, whatever queue production would use; channels, conds, semaphores and
   writers wait in their real queues, because others can tell who has arrived. Goroutines whose operation is found not enabled
   leave t->run for t->wait and come back when something is done to the object.

   Time is t->now. It moves to the first timer of the P's heap when nobody can go on, or, where time may race, at any step.

   What a schedule decides (who goes on, which timer, conc_choose, a select's choice) comes from a generator seeded by (seed, index),
   from the search's stack, or from a recorded list; so a failure is repeated by its seed and index, or by its list. Nothing may depend
   on an address or the clock.

   A schedule that ends early (failure, or pruned by the search) abandons its goroutines where they stand: their stacks are taken
   back, and what the body made comes from an arena that is reset (conc__obj_alloc). */
/* Processes and texts, for the explorer and for CONC_TEST_MAIN. */
CONC__FN const char *conc__base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
CONC__FN const char *conc__signal_text(int sig) {
    static const struct { int sig; const char *text; } known[] = {
        { SIGSEGV, "SIGSEGV" }, { SIGBUS, "SIGBUS" }, { SIGFPE, "SIGFPE" }, { SIGILL, "SIGILL" }, { SIGABRT, "SIGABRT" }, { SIGTRAP, "SIGTRAP" },
        { SIGSYS, "SIGSYS" }, { SIGKILL, "SIGKILL" }, { SIGTERM, "SIGTERM" }, { SIGPIPE, "SIGPIPE" }, { SIGALRM, "SIGALRM" }
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].sig == sig) return known[i].text;
    return "a signal";
}
/* -> how a process ended: 0, its exit status, or 128 and the signal */
CONC__FN int conc__apart_wait(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
/* All that comes until the end of the file, and a zero byte. To be freed. */
CONC__FN char *conc__read_all(int fd, size_t *n) {
    size_t have = 4096;
    char *text = (char *)conc__realloc(NULL, have);
    *n = 0;
    for (ssize_t k = 1; k != 0;) {
        if (have - *n < 2) text = (char *)conc__realloc(text, have *= 2);
        k = read(fd, text + *n, have - *n - 1);
        if (k < 0 && errno != EINTR) break;
        if (k > 0) *n += (size_t)k;
    }
    text[*n] = 0;
    return text;
}
/* The length of the UTF-8 character at c, if it is one that XML allows; 0: it is not. */
CONC__FN size_t conc__utf8(const unsigned char *c) {
    uint32_t x = c[0];
    size_t n = x < 0x80 ? 1 : (x & 0xe0) == 0xc0 ? 2 : (x & 0xf0) == 0xe0 ? 3 : (x & 0xf8) == 0xf0 ? 4 : 0;
    static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (n == 1) return x >= 32 || x == '\n' || x == '\t';
    x &= 0x7fu >> n;
    for (size_t i = 1; i < n; i++) {
        if ((c[i] & 0xc0) != 0x80) return 0;
        x = x << 6 | (c[i] & 0x3f);
    }
    return n && x >= least[n] && x < 0x110000 && (x < 0xd800 || x > 0xdfff) && (x & 0xfffe) != 0xfffe ? n : 0;
}
/* The next piece of text as XML or HTML: at most size - 1 bytes to to. -> what is left of the text, NULL: nothing */
CONC__FN const char *conc__escape(const char *text, char *to, size_t size) {
    size_t n = 0;
    for (; *text && n + 8 < size; n += strlen(to + n)) {
        size_t k = conc__utf8((const unsigned char *)text);
        if (strchr("<>&\"'", *text)) (void)snprintf(to + n, size - n, "&#%d;", *text);
        else (void)snprintf(to + n, size - n, "%.*s", k ? (int)k : 1, k ? text : "?");
        text += k ? k : 1;
    }
    to[n] = 0;
    return n ? text : NULL;
}
#if CONC__TEST
static const char *const conc__op_text[CONC__O_COUNT] = {
    "", "start", "resume", "lock", "try_lock", "unlock", "rlock", "runlock", "lock (writer)", "unlock (writer)", "send", "receive", "close",
    "len", "select", "wg add", "wg done", "wg wait", "cond wait", "cond signal", "cond broadcast", "sem acquire", "sem release", "load",
    "store", "read-modify-write", "fence", "yield", "sleep", "relax", "settle", "cancel", "operation", "read", "write", "wait_fd", "close", "listen",
    "accept", "dial", "pipe", "partition", "heal", "reset", "begin", "end", "timer", "choose", "fault"
};
#define CONC__OBJS 8 /* objects of one step that are told apart; a select of more touches everything */
#define CONC__ANY 255
struct conc__tstep {
    uint16_t g;           /* O_TIMER: which of equal timers; O_CHOICE: what was chosen; O_FAULT: whether (obj[0] is its name) */
    uint8_t op, nobj;
    bool parked;          /* it did not go through at once */
    int8_t moved;         /* traced: elements that it put into a channel's buffer, or, less than 0, took out */
    uint8_t moved_in;     /* of which of its objects */
    uint32_t options;     /* O_CHOICE: of how many; O_FAULT: whose; O_ADD, O_DONE: the counter before it */
    const void *obj[CONC__OBJS];
    const conc__site *site;
};
struct conc__tg {
    uint64_t prio;        /* PCT, POS: the higher, the sooner; see conc__prio */
    struct conc__tstep next; /* its pending step */
    conc__g *g;           /* NULL: dead */
    struct conc__tg *chain; /* t->wait */
    int32_t at;           /* place in t->run, -1: not there */
    bool waiting, listed; /* listed: its pending step is in t->pending */
    const conc__site *spawned;
    uint32_t length, first, left; /* steps of this schedule, of the first, and (URW) to come as the first says */
    uint32_t nread;
    uint16_t read[8];     /* conc_relax: the last 8 of nread places of t->writes, and what was there */
    uint32_t seen[8];
    uint32_t after[CONC__OBJS]; /* listed: for each of the step's objects, what comes next in its chain */
};
#define CONC__JOBS 64  /* processes of a test */
#define CONC__BLOCK 64 /* schedules that a process takes at a time; PCT learns from the first of them how long a schedule is */
#define CONC__BUCKETS 256
#define CONC__WRITES 4096
#define CONC__PENDING 1024
#ifndef CONC__SCAN /* tests set it to 0: the same schedules must come out */
#define CONC__SCAN 16 /* so many runnable goroutines are looked at one by one; more are kept in a tree */
#endif
enum { CONC__D_CHOICE = 0x8000, CONC__D_TIMER = 0xffff }; /* a decision: below these, who; which; time */

/* Of plain memory and memory orders; the essay is below, at their functions. */
typedef struct conc__clock { uint32_t *at, n, room; } conc__clock; /* those not there are 0 */
struct conc__key { const void *obj; uint32_t part; };
struct conc__table { /* entries by key, each beginning with its own; emptied by a new generation, and then used again with what they hold */
    char *entry;
    size_t size, have;
    uint64_t *slot;       /* generation << 32 | index of the entry */
    uint32_t n, generation, slots;
    bool fresh;           /* the entry that conc__table_entry returned is a new one */
};
struct conc__order { struct conc__key key; conc__clock clock; uint32_t sent, received; }; /* of a part of an object; a channel's elements */
struct conc__cell { struct conc__key key; uint32_t first; }; /* eight bytes of memory: its accesses, by index + 1 */
struct conc__access {
    uint32_t next, g, time, step; /* time: its goroutine's clock */
    uint32_t size;
    uint8_t bytes;        /* which of the cell's */
    bool write, atomic;
    const conc__site *site;
};
struct conc__glimpse { size_t at; uintptr_t p; struct conc__access a; }; /* an access between two steps of the trace */
#define CONC__STORES 8
struct conc__place { /* an atomic whose older values can be read: the stores first .. first + n - 1, in order */
    struct conc__key key;
    uint32_t id, first, n;
    size_t bytes;         /* 0: it is another variable now */
    struct { uint64_t value[2]; conc__clock clock; } store[CONC__STORES];
};
struct conc__stale { struct conc__key key; uint32_t store, times; }; /* what a goroutine has read last of a place, and how often in a row */
struct conc__code { conc__site site; uintptr_t pc; bool known; }; /* the place of a return address; its fn is: */
static const char conc__code_mark[] = "";
struct conc__codesite { struct conc__key key; struct conc__code *code; };
struct conc__order_g { conc__clock now, fence, pending; uint32_t id, born; const char *lo, *hi; };
#define CONC__RACE_GOROUTINES 1024
#define CONC__RACE_CELLS (1u << 20)
struct conc__memory {
    bool on, seen, partly; /* kept in this schedule; plain accesses were made; not all could be kept */
    struct conc__order_g *g; /* by number */
    size_t have_g;
    uint32_t ids;         /* of the clocks: goroutines, and places */
    conc__clock fire, sc, spare; /* of the timer that fires; what sequentially consistent fences and accesses have made known */
    struct conc__table order, cell, place, stale, code;
    struct conc__access *access, earlier, later; /* the last two race */
    size_t have_access;
    uint32_t naccess, vacant;
    uintptr_t where;
    struct conc__glimpse *glimpse; /* while tracing */
    size_t nglimpse, have_glimpse;
};

struct conc__test {
    conc__m *m;
    conc_test_opts o;
    const char *name;
    void (*fn)(void *);
    void *arg;
    struct conc__tg **tg; /* by number; kept from schedule to schedule */
    uint32_t ntg, live;
    size_t have;
    struct conc__tg *cur;
    struct conc__tg **run;
    uint32_t nrun, nwait;
    struct conc__tg *wait[CONC__BUCKETS];
    uint32_t writes[CONC__WRITES];
    int64_t now;
    uint64_t rng, rand, steps, all_steps;
    conc_strategy how;    /* of this schedule: never CONC_MIX */
    int depth;
    bool race_time, main_done, bubble;
    uint32_t late_fires, relaxed; /* timers fired when main had ended and nobody could go on: a goroutine that ticks for ever is left behind */
    bool firing;          /* a timer's function is running */
    size_t last_frame, last_of[64]; /* frame of the last step, and of each goroutine's; counted from 1 */
    uint64_t asleep;      /* DPOR's sleep set here */
    struct conc__wake *wake;
    size_t nwake, have_wake;
    conc_fail_kind kind;  /* of this schedule */
    bool pruned;
    char what[512];
    /* priorities: PCT, POS */
    struct conc__tg *top; /* PCT: of t->run, the highest; NULL: not known */
    uint64_t low, changes[16], most; /* lowest priority handed out; steps at which to change; steps of the longest of the first schedules */
    uint64_t draw;        /* POS: what this schedule's priorities are drawn from */
    uint64_t *tree;       /* see conc__prio; while leaves > 0 */
    size_t have_tree;
    uint32_t leaves;
    uint32_t pending[CONC__PENDING + 1]; /* beside the tree: chains of pending steps, by object */
    /* record and replay */
    bool tracing;
    struct conc__tstep *trace;
    size_t ntrace, have_trace;
    uint16_t *list;       /* decisions to follow */
    size_t nlist, at_list;
    bool following;
    /* search */
    struct conc__frame *frame;
    size_t nframe, at_frame, have_frame;
    int preempted;
    struct conc__memory mem;
    /* the arena */
    char *arena;
    size_t used, size;
    uint32_t faults, fault_rate; /* so far in this schedule; one in so many, 0: not drawn yet */
    struct conc__net *net;       /* see >>test-net; in the arena, NULL: not used yet */
    char *more;           /* text to show behind the failure, or NULL */
    char *text;           /* report */
    size_t ntext, have_text;
    char token[96];
    char *long_token;
    struct conc__part *job; /* isolated: what is known of this process to the one that waits for it */
    uint64_t from;        /* the schedule that other processes found to fail */
    size_t misfits;       /* decisions of the list that did not fit */
    struct conc__woken *woken; /* traced: which step made whom runnable */
    size_t nwoken, have_woken;
    uint32_t counts[CONC__OBJS]; /* lengths of the channels of the last step, before it */
};
#ifndef CONC_STATIC
__thread const conc__site *conc__here;
#endif
static __thread struct conc__test *conc__test_last; /* its texts are the caller's until the next test */

CONC__INLINE struct conc__test *conc__test_of(void) {
    conc__m *m = conc__self();
    return m ? m->test : NULL;
}
CONC__INLINE uint64_t conc__mix64(uint64_t x) { /* splitmix64 */
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}
CONC__INLINE uint64_t conc__test_rand(struct conc__test *t) { /* xorshift64*; who asks waits for none of it: it was made the last time */
    uint64_t x = t->rng, now = t->rand;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    t->rng = x;
    t->rand = x * 0x2545f4914f6cdd1du;
    return now;
}
CONC__INLINE uint32_t conc__test_below(struct conc__test *t, uint32_t n) { return (uint32_t)(((conc__test_rand(t) >> 32) * n) >> 32); }
CONC__FN void *conc__test_grow(void *p, size_t *have, size_t want, size_t size) {
    if (want <= *have) return p;
    size_t n = *have ? *have : 64;
    while (n < want) n *= 2;
    *have = n;
    return conc__realloc(p, n * size);
}

/* the arena: objects that the body makes */
#define CONC__ARENA ((size_t)256 << 20)
CONC__FN void *conc__obj_alloc(size_t n) {
    struct conc__test *t;
    if (conc__likely(!conc__ld(&conc__testing)) || !(t = conc__test_of())) return conc__tracked_alloc(n);
    n = (n + 63) & ~(size_t)63;
    if (n > t->size - t->used) return NULL;
    t->used += n;
    return t->arena + t->used - n;
}
CONC__FN void conc__obj_free(void *p) {
    struct conc__test *t;
    if (conc__unlikely(conc__ld(&conc__testing)) && (t = conc__test_of()) && (char *)p >= t->arena && (char *)p < t->arena + t->size) return;
    if (p) conc__tracked_free(p);
}

CONC__FN const conc__site *conc__test_site(void) {
    struct conc__test *t = conc__test_of();
    return t && t->cur ? t->cur->next.site : NULL;
}
CONC__FN int64_t conc__test_now(void) {
    struct conc__test *t = conc__test_of();
    return t ? t->now : -1;
}
CONC__FN int64_t conc__test_live(void) { return conc__test_of()->live; }

/* failing */
CONC__FN void conc__test_leave(struct conc__test *t) __attribute__((noreturn));
CONC__FN void conc__test_leave(struct conc__test *t) { /* this schedule is over, and nobody of it runs again */
    conc__g *g = t->m->cur;
    conc__st(&t->m->cur, &t->m->g0);
    conc__switch(g, &t->m->g0, false);
    __builtin_unreachable();
}
CONC__FN void conc__test_note(struct conc__test *t, conc_fail_kind kind, const char *format, ...) __attribute__((format(printf, 3, 4)));
CONC__FN void conc__test_note(struct conc__test *t, conc_fail_kind kind, const char *format, ...) {
    va_list args;
    if (t->kind != CONC_FAIL_NONE) return; /* the first counts */
    t->kind = kind;
    va_start(args, format);
    (void)vsnprintf(t->what, sizeof t->what, format, args);
    va_end(args);
}
/* A fatal error or panic in a test's goroutine ends its schedule; elsewhere it returns. */
CONC__FN void conc__test_died(const char *kind, const char *message) {
    struct conc__test *t = conc__test_of();
    if (!t || t->m->cur == &t->m->g0) return;
    conc__test_note(t, CONC_FAIL_PANIC, "%s: %s", kind, message);
    conc__test_leave(t);
}
CONC_API void conc__test_assert(const char *cond, const char *file, int line) {
    struct conc__test *t = conc__test_of();
    if (!t) conc__fatal("conc_assert(%s) failed\n\t%s:%d", cond, file, line);
    conc__test_note(t, CONC_FAIL_ASSERT, "conc_assert(%s) failed at %s:%d", cond, conc__base(file), line);
    conc__test_leave(t);
}
/* A history is not linearizable; more: what to show behind that. */
CONC__FN void conc__test_failed(const char *model, const char *more, const char *file, int line) {
    struct conc__test *t = conc__test_of();
    if (!t) return;
    conc__test_note(t, CONC_FAIL_ASSERT, "the operations are not those of a %s, at %s:%d", model, conc__base(file), line);
    if (!t->more) t->more = strcpy((char *)conc__xmalloc(strlen(more) + 1), more);
    conc__test_leave(t);
}
CONC__FN void conc__test_forbid_fd(int fd) {
    struct conc__test *t = conc__test_of();
    if (!t) return;
    conc__test_note(t, CONC_FAIL_INVALID,
                    "I/O inside a test on descriptor %d, which is not of its network (conc_listen_*, conc_dial_*, conc_net_pipe)", fd);
}
CONC__FN void conc__test_fail_text(const char *text) { /* conc_fail's part in a test */
    struct conc__test *t = conc__test_of();
    if (!t) return;
    conc__test_note(t, CONC_FAIL_ASSERT, "%s", text);
    conc__test_leave(t);
}
/* Something that cannot be under the explorer's control. */
CONC__FN void conc__test_forbid(const char *what) {
    struct conc__test *t = conc__test_of();
    if (!t) return;
    conc__test_note(t, CONC_FAIL_INVALID, "%s inside a test: it is not under the explorer's control", what);
    conc__test_leave(t);
}

/* Plain memory and memory orders.

   Who comes after whom (C11's happens-before, Go's the same) is kept in clocks. Each goroutine has one: how many of its own stretches of
   work, and how many of each other's, lie behind it. A stretch ends where the goroutine passes something on: a part of an object
   (conc__order_before) keeps the clocks of those who have passed it on there, and whoever comes after it (conc__order_after) joins them to
   his own. Channels pass by places of their buffer, so that the n-th receive comes after the n-th send and the n + cap-th send after the
   n-th receive, and no two senders are ordered; whoever is started or woken comes after who did that; a timer's function after who set it.
   Time alone orders nothing.

   Plain accesses are kept by cells of eight bytes. Two to a common byte, one of them a write, not both atomic, race if the later's
   goroutine does not have the earlier's time in its clock. An access is dropped when a later one covers it: comes after it, to all of its
   bytes, and conflicts with whatever it conflicts with. So few are kept, and none that matters is lost (Flanagan, Freund: FastTrack, PLDI
   2009, without its limit to one reader). A race ends the schedule; where it does not, all that could race was seen.

   With .weak each atomic is a place with its last stores, the newest of them in memory itself. Places have numbers in the clocks, too: the
   newest store of it that a goroutine knows of; a load takes any store from there on, which one is a choice like others. So what an acquire
   learns of plain memory and of places is one join. A store's clock is what its goroutine passed on: its own at a release, that of its last
   release fence else; read-modify-writes keep the clock they found (release sequences) and take the newest store. Sequentially consistent
   accesses and fences agree on mem.sc, what is the least that each of them may see of a place. Stores are in modification order as they are
   executed and loads are not delayed, so load buffering, and stores that overtake each other in that order, are out of reach. One that
   reads the same old value three times is given a newer one: a store becomes visible in the end. */
CONC__FN void conc__clock_room(conc__clock *c, uint32_t n) {
    if (n > c->room) {
        c->room = n < 8 ? 8 : n * 2;
        c->at = (uint32_t *)conc__realloc(c->at, c->room * sizeof *c->at);
    }
    while (c->n < n) c->at[c->n++] = 0;
}
CONC__INLINE uint32_t conc__clock_get(const conc__clock *c, uint32_t i) { return i < c->n ? c->at[i] : 0; }
CONC__INLINE void conc__clock_set(conc__clock *c, uint32_t i, uint32_t to) {
    if (conc__unlikely(i >= c->n)) conc__clock_room(c, i + 1);
    c->at[i] = to;
}
CONC__INLINE void conc__clock_raise(conc__clock *c, uint32_t i, uint32_t to) {
    if (conc__clock_get(c, i) < to) conc__clock_set(c, i, to);
}
CONC__FN void conc__clock_add(conc__clock *a, const conc__clock *b) { /* join */
    if (conc__unlikely(a->n < b->n)) conc__clock_room(a, b->n);
    for (uint32_t i = 0; i < b->n; i++)
        if (b->at[i] > a->at[i]) a->at[i] = b->at[i];
}
CONC__FN void conc__clock_copy(conc__clock *a, const conc__clock *b) {
    a->n = 0;
    conc__clock_room(a, b->n);
    if (b->n) memcpy(a->at, b->at, b->n * sizeof *b->at);
}
CONC__FN void conc__clock_free(conc__clock *c) { CONC_FREE(c->at); }

/* tables */
CONC__INLINE uint32_t conc__key_hash(const void *obj, uint32_t part) {
    return (uint32_t)((((uint64_t)(uintptr_t)obj + ((uint64_t)part << 48)) * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}
CONC__INLINE struct conc__key *conc__table_at(const struct conc__table *t, uint32_t i) {
    return (struct conc__key *)(void *)(t->entry + i * t->size);
}
/* The slot of the key, or the free one where it belongs. */
CONC__INLINE uint64_t *conc__table_slot(const struct conc__table *t, const void *obj, uint32_t part) {
    for (uint32_t i = conc__key_hash(obj, part);; i++) {
        uint64_t *slot = &t->slot[i & (t->slots - 1)];
        if (*slot >> 32 != t->generation) return slot;
        const struct conc__key *k = conc__table_at(t, (uint32_t)*slot);
        if (k->obj == obj && k->part == part) return slot;
    }
}
CONC__NOINLINE void conc__table_grow(struct conc__table *t) {
    t->slots = t->slots ? t->slots * 2 : 64;
    t->generation = 1;
    CONC_FREE(t->slot);
    t->slot = (uint64_t *)conc__xmalloc(t->slots * sizeof *t->slot);
    memset(t->slot, 0, t->slots * sizeof *t->slot);
    for (uint32_t i = 0; i < t->n; i++) {
        const struct conc__key *k = conc__table_at(t, i);
        *conc__table_slot(t, k->obj, k->part) = 1ull << 32 | i;
    }
}
/* The entry of a key, made if there is none (t->fresh). It may move when another is made. */
CONC__FN struct conc__key *conc__table_entry(struct conc__table *t, const void *obj, uint32_t part) {
    if (conc__unlikely(t->n * 2 >= t->slots)) conc__table_grow(t);
    uint64_t *slot = conc__table_slot(t, obj, part);
    t->fresh = *slot >> 32 != t->generation;
    if (conc__likely(!t->fresh)) return conc__table_at(t, (uint32_t)*slot);
    size_t had = t->have;
    t->entry = (char *)conc__test_grow(t->entry, &t->have, t->n + 1, t->size);
    if (t->have > had) memset(t->entry + had * t->size, 0, (t->have - had) * t->size);
    struct conc__key *k = conc__table_at(t, t->n);
    *slot = (uint64_t)t->generation << 32 | t->n++;
    k->obj = obj;
    k->part = part;
    return k;
}
CONC__FN struct conc__key *conc__table_look(const struct conc__table *t, const void *obj, uint32_t part) { /* NULL: there is none */
    uint64_t slot = t->slots ? *conc__table_slot(t, obj, part) : 0;
    return t->slots && slot >> 32 == t->generation ? conc__table_at(t, (uint32_t)slot) : NULL;
}
CONC__FN void conc__table_empty(struct conc__table *t) {
    t->n = 0;
    if (++t->generation == 0) { /* after 2^32 schedules */
        if (t->slots) memset(t->slot, 0, t->slots * sizeof *t->slot);
        t->generation = 1;
    }
}
CONC__FN void conc__table_release(struct conc__table *t) {
    CONC_FREE(t->slot);
    CONC_FREE(t->entry);
}
CONC__FN void conc__memory_reset(struct conc__test *t) {
    struct conc__memory *m = &t->mem;
    m->order.size = sizeof(struct conc__order);
    m->cell.size = sizeof(struct conc__cell);
    m->place.size = sizeof(struct conc__place);
    m->stale.size = sizeof(struct conc__stale);
    conc__table_empty(&m->order);
    conc__table_empty(&m->cell);
    conc__table_empty(&m->place);
    conc__table_empty(&m->stale);
    m->ids = m->naccess = m->vacant = 0;
    m->sc.n = m->fire.n = 0;
    m->nglimpse = 0;
}
CONC__FN void conc__memory_free(struct conc__memory *m) {
    for (size_t i = 0; i < m->have_g; i++) {
        conc__clock_free(&m->g[i].now);
        conc__clock_free(&m->g[i].fence);
        conc__clock_free(&m->g[i].pending);
    }
    for (size_t i = 0; i < m->order.have; i++) conc__clock_free(&((struct conc__order *)(void *)m->order.entry)[i].clock);
    for (size_t i = 0; i < m->place.have; i++)
        for (int k = 0; k < CONC__STORES; k++) conc__clock_free(&((struct conc__place *)(void *)m->place.entry)[i].store[k].clock);
    for (size_t i = 0; i < m->code.n; i++) {
        struct conc__code *code = ((struct conc__codesite *)(void *)m->code.entry)[i].code;
        CONC_FREE((void *)(uintptr_t)code->site.file);
        CONC_FREE((void *)(uintptr_t)code->site.func);
        CONC_FREE(code);
    }
    conc__clock_free(&m->fire);
    conc__clock_free(&m->sc);
    conc__clock_free(&m->spare);
    conc__table_release(&m->order);
    conc__table_release(&m->cell);
    conc__table_release(&m->place);
    conc__table_release(&m->stale);
    conc__table_release(&m->code);
    CONC_FREE(m->g);
    CONC_FREE(m->access);
    CONC_FREE(m->glimpse);
}

/* order */
CONC__FN struct conc__test *conc__order_of(void) { /* the test that keeps clocks, if it runs here */
    struct conc__test *t = conc__test_of();
    return t && t->mem.on && (t->firing || t->cur) ? t : NULL;
}
CONC__INLINE struct conc__order_g *conc__order_me(struct conc__test *t) { return &t->mem.g[t->cur->next.g]; }
CONC__INLINE conc__clock *conc__clock_now(struct conc__test *t) { return t->firing ? &t->mem.fire : &conc__order_me(t)->now; }
CONC__INLINE void conc__stretch_end(struct conc__order_g *g) { g->now.at[g->id]++; } /* what comes now has not been passed on */
CONC__FN struct conc__order *conc__order_part(struct conc__test *t, const void *obj, uint32_t part) {
    struct conc__order *o = (struct conc__order *)(void *)conc__table_entry(&t->mem.order, obj, part);
    if (t->mem.order.fresh) o->clock.n = o->sent = o->received = 0;
    return o;
}
CONC__FN void conc__order_after(const void *obj, uint32_t part) {
    struct conc__test *t = conc__order_of();
    if (t) conc__clock_add(conc__clock_now(t), &conc__order_part(t, obj, part)->clock);
}
CONC__FN void conc__order_before(const void *obj, uint32_t part, bool alone) { /* alone: instead of those who were before */
    struct conc__test *t = conc__order_of();
    if (!t) return;
    struct conc__order *o = conc__order_part(t, obj, part);
    if (alone) o->clock.n = 0;
    conc__clock_add(&o->clock, conc__clock_now(t));
    if (!t->firing) conc__stretch_end(conc__order_me(t));
}
CONC__FN void conc__order_exchange(struct conc__test *t, conc__clock *a, conc__clock *b) { /* each learns what the other knew */
    conc__clock_copy(&t->mem.spare, a);
    conc__clock_add(a, b);
    conc__clock_add(b, &t->mem.spare);
}
/* who (NULL: the running goroutine) takes the next place of the channel's buffer, and leaves there what it knows. */
CONC__FN void conc__order_slot(const struct conc_chan *c, bool send, const void *who) {
    struct conc__test *t = conc__order_of();
    if (!t) return;
    struct conc__order_g *g = who ? &t->mem.g[((const conc__g *)who)->tg->next.g] : t->firing ? NULL : conc__order_me(t);
    struct conc__order *o = conc__order_part(t, c, CONC__PART_ALL);
    uint32_t n = send ? o->sent++ : o->received++;
    o = conc__order_part(t, c, CONC__PART_SLOT + n % c->cap);
    conc__clock *now = g ? &g->now : &t->mem.fire;
    conc__clock_copy(&t->mem.spare, now);
    conc__clock_add(now, &o->clock);
    conc__clock_copy(&o->clock, &t->mem.spare);
    if (g) conc__stretch_end(g);
}
CONC__FN void conc__order_meet(const void *who) { /* at a channel without a buffer */
    struct conc__test *t = conc__order_of();
    if (!t) return;
    struct conc__order_g *g = &t->mem.g[((const conc__g *)who)->tg->next.g];
    conc__order_exchange(t, conc__clock_now(t), &g->now);
    conc__stretch_end(g);
    if (!t->firing) conc__stretch_end(conc__order_me(t));
}
CONC__FN void conc__order_wake(struct conc__test *t, const struct conc__tg *tg) {
    conc__clock_add(&t->mem.g[tg->next.g].now, conc__clock_now(t));
    if (!t->firing) conc__stretch_end(conc__order_me(t));
}
CONC__FN void conc__order_fire(struct conc__test *t, const conc__timer *timer) {
    conc__clock_copy(&t->mem.fire, &conc__order_part(t, timer, CONC__PART_TIMER)->clock);
}
CONC__FN void conc__order_settled(void) { /* all others are blocked: what they did is done */
    struct conc__test *t = conc__order_of();
    for (uint32_t i = 0; t && i < t->ntg; i++)
        if (t->tg[i] != t->cur) {
            conc__clock_add(&conc__order_me(t)->now, &t->mem.g[i].now);
            conc__stretch_end(&t->mem.g[i]);
        }
}
CONC__FN void conc__order_spawn(struct conc__test *t, const struct conc__tg *tg) {
    struct conc__memory *m = &t->mem;
    uint32_t n = tg->next.g;
    size_t had = m->have_g;
    if (n >= CONC__RACE_GOROUTINES) { /* clocks would take too much */
        m->on = false;
        m->partly = true;
        return;
    }
    m->g = (struct conc__order_g *)conc__test_grow(m->g, &m->have_g, n + 1, sizeof *m->g);
    if (m->have_g > had) memset(m->g + had, 0, (m->have_g - had) * sizeof *m->g);
    struct conc__order_g *g = &m->g[n];
    g->now.n = g->fence.n = g->pending.n = 0;
    if (t->firing || t->cur) conc__clock_add(&g->now, conc__clock_now(t));
    g->id = m->ids++;
    conc__clock_set(&g->now, g->id, 1);
    g->born = (uint32_t)t->steps;
    g->lo = tg->g->lo;
    g->hi = tg->g->lo + tg->g->size;
    for (uint32_t i = 0; i < m->place.n; i++) { /* atomics on the stack of somebody who had it before */
        struct conc__place *p = (struct conc__place *)(void *)conc__table_at(&m->place, i);
        if ((const char *)p->key.obj >= g->lo && (const char *)p->key.obj < g->hi) p->bytes = 0;
    }
    if (!t->firing && t->cur) conc__stretch_end(conc__order_me(t));
}

/* plain accesses */
/* Thread-local variables belong to the thread, not to its goroutines: none is shared with another thread. */
struct conc__tls_query { uintptr_t p; bool hit; };
CONC__FN int conc__tls_has(struct dl_phdr_info *info, size_t size, void *arg) {
    struct conc__tls_query *q = (struct conc__tls_query *)arg;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum && info->dlpi_tls_data; i++)
        if (info->dlpi_phdr[i].p_type == PT_TLS) q->hit |= q->p - (uintptr_t)info->dlpi_tls_data < info->dlpi_phdr[i].p_memsz;
    return q->hit;
}
/* Was the earlier access to what is another variable now: on the stack of a goroutine that had not been started then? */
CONC__FN bool conc__access_moot(const struct conc__test *t, uintptr_t cell, const struct conc__access *earlier) {
    for (uint32_t i = 0; i < t->ntg; i++) {
        const struct conc__order_g *g = &t->mem.g[i];
        if (t->tg[i]->g && cell - (uintptr_t)g->lo < (uintptr_t)(g->hi - g->lo)) return earlier->step < g->born;
    }
    struct conc__tls_query q = { cell, false };
    (void)dl_iterate_phdr(conc__tls_has, &q);
    return q.hit;
}
CONC__FN void conc__race_found(struct conc__test *t, uintptr_t cell, const struct conc__access *earlier, const struct conc__access *later) {
    t->mem.earlier = *earlier;
    t->mem.later = *later;
    t->mem.where = cell;
    conc__test_note(t, CONC_FAIL_RACE, "DATA RACE"); /* the places are named once the goroutine's stack is left */
    conc__test_leave(t);
}
/* Does a make b superfluous: conflicts with all that b conflicts with? a's goroutine is known to come after b. */
CONC__INLINE bool conc__access_covers(const struct conc__access *a, const struct conc__access *b) {
    return !(b->bytes & ~a->bytes) && (a->write || !b->write) && (!a->atomic || b->atomic);
}
/* The place of code at a return address: it is looked up only for reports. */
CONC__INLINE const conc__site *conc__code_tag(void *pc) { return (const conc__site *)((uintptr_t)pc | (uintptr_t)1 << 63); }
CONC__FN const conc__site *conc__code_site(struct conc__test *t, void *pc) {
    t->mem.code.size = sizeof(struct conc__codesite);
    struct conc__codesite *c = (struct conc__codesite *)(void *)conc__table_entry(&t->mem.code, pc, 0);
    if (t->mem.code.fresh) {
        c->code = (struct conc__code *)conc__xmalloc(sizeof *c->code);
        memset(c->code, 0, sizeof *c->code);
        c->code->site.fn = conc__code_mark;
        c->code->pc = (uintptr_t)pc;
    }
    return &c->code->site;
}
CONC__FN uint32_t conc__access_new(struct conc__memory *m, const struct conc__access *a) { /* -> index + 1 */
    uint32_t i = m->vacant;
    if (i) m->vacant = m->access[i - 1].next;
    else {
        m->access = (struct conc__access *)conc__test_grow(m->access, &m->have_access, m->naccess + 1, sizeof *a);
        i = ++m->naccess;
    }
    m->access[i - 1] = *a;
    return i;
}
CONC__INLINE uint32_t conc__access_drop(struct conc__memory *m, uint32_t i) { /* -> the next in its cell */
    uint32_t next = m->access[i - 1].next;
    m->access[i - 1].next = m->vacant;
    m->vacant = i;
    return next;
}
CONC__FN void conc__cell_access(struct conc__test *t, struct conc__cell *c, struct conc__access *a) {
    struct conc__memory *m = &t->mem;
    const conc__clock *now = &conc__order_me(t)->now;
    for (uint32_t *at = &c->first; *at;) {
        const struct conc__access *b = &m->access[*at - 1];
        bool mine = b->g == a->g, before = mine || b->time <= conc__clock_get(now, m->g[b->g].id);
        if (mine && b->time == a->time && conc__access_covers(b, a)) return;
        if (!before && (b->bytes & a->bytes) && (b->write || a->write) && !(b->atomic && a->atomic)) {
            before = conc__access_moot(t, (uintptr_t)c->key.obj, b);
            if (!before) conc__race_found(t, (uintptr_t)c->key.obj, b, a);
            *at = conc__access_drop(m, *at);
        } else if (before && conc__access_covers(a, b)) *at = conc__access_drop(m, *at);
        else at = &m->access[*at - 1].next;
    }
    a->next = c->first;
    c->first = conc__access_new(m, a);
}
CONC__FN struct conc__access conc__access_make(struct conc__test *t, size_t size, bool write, bool atomic, const conc__site *site) {
    struct conc__order_g *g = conc__order_me(t);
    struct conc__access a = { 0, t->cur->next.g, g->now.at[g->id], (uint32_t)t->steps, (uint32_t)size, 0, write, atomic, site };
    return a;
}
/* Which bytes of the cell at p lie in n bytes from there on. */
CONC__INLINE uint8_t conc__cell_bytes(uintptr_t p, size_t n) {
    uint32_t first = p & 7, count = n < 8 - first ? (uint32_t)n : 8 - first;
    return (uint8_t)(((1u << count) - 1) << first);
}
CONC__FN void conc__memory_access(struct conc__test *t, uintptr_t p, size_t n, bool write, bool atomic, const conc__site *site) {
    struct conc__access a = conc__access_make(t, n, write, atomic, site);
    if (t->tracing && !atomic) {
        struct conc__glimpse glimpse = { t->ntrace, p, a };
        t->mem.glimpse = (struct conc__glimpse *)conc__test_grow(t->mem.glimpse, &t->mem.have_glimpse, t->mem.nglimpse + 1, sizeof glimpse);
        t->mem.glimpse[t->mem.nglimpse++] = glimpse;
    }
    for (uintptr_t end = p + n; p < end; p = (p | 7) + 1) {
        if (conc__unlikely(t->mem.cell.n >= CONC__RACE_CELLS)) {
            t->mem.partly = true;
            return;
        }
        struct conc__cell *c = (struct conc__cell *)(void *)conc__table_entry(&t->mem.cell, (const void *)(p & ~(uintptr_t)7), 0);
        if (t->mem.cell.fresh) c->first = 0;
        a.bytes = conc__cell_bytes(p, end - p);
        conc__cell_access(t, c, &a);
    }
}
/* What comes into this memory now is another variable. If it was given back by an access (to all of it), that may race. */
CONC__FN void conc__cell_forget(struct conc__test *t, struct conc__cell *c, const struct conc__access *by) {
    if (by && c->first) {
        struct conc__access all = *by;
        all.bytes = 255;
        conc__cell_access(t, c, &all);
    }
    while (c->first) c->first = conc__access_drop(&t->mem, c->first);
}
CONC__FN void conc__memory_forget(struct conc__test *t, uintptr_t p, size_t n, const struct conc__access *by) {
    struct conc__memory *m = &t->mem;
    uintptr_t cell = p & ~(uintptr_t)7, end = p + n;
    for (uint32_t i = 0; i < m->place.n; i++) {
        struct conc__place *place = (struct conc__place *)(void *)conc__table_at(&m->place, i);
        if ((uintptr_t)place->key.obj - p < n) place->bytes = 0;
    }
    if (n / 8 <= m->cell.n)
        for (; cell < end; cell += 8) {
            struct conc__cell *c = (struct conc__cell *)(void *)conc__table_look(&m->cell, (const void *)cell, 0);
            if (c) conc__cell_forget(t, c, by);
        }
    else
        for (uint32_t i = 0; i < m->cell.n; i++) {
            struct conc__cell *c = (struct conc__cell *)(void *)conc__table_at(&m->cell, i);
            if ((uintptr_t)c->key.obj - cell < end - cell) conc__cell_forget(t, c, by);
        }
}
CONC__FN void conc__test_reuse(void *p, size_t n) { /* conc.h's own memory, which files under test write to */
    struct conc__test *t = conc__order_of();
    if (t) conc__memory_forget(t, (uintptr_t)p, n, NULL);
}

/* atomics */
CONC__INLINE bool conc__acquires(int order) { return order != __ATOMIC_RELAXED && order != __ATOMIC_RELEASE; }
CONC__INLINE bool conc__releases(int order) { return order == __ATOMIC_RELEASE || order >= __ATOMIC_ACQ_REL; }
/* What a load that found clock makes known: at once, or at the next acquire fence. */
CONC__FN void conc__atomic_learn(struct conc__order_g *g, const conc__clock *clock, int order) {
    conc__clock_add(conc__acquires(order) ? &g->now : &g->pending, clock);
}
/* The clock of a store: that of a read-modify-write keeps what it found. */
CONC__FN void conc__atomic_tell(struct conc__order_g *g, conc__clock *clock, const conc__clock *found, int order) {
    if (!found) clock->n = 0;
    else if (found != clock) conc__clock_copy(clock, found);
    conc__clock_add(clock, conc__releases(order) ? &g->now : &g->fence);
    if (conc__releases(order)) conc__stretch_end(g);
}
/* The place at p; its first value, which was there before anybody looked, is everybody's. */
CONC__FN struct conc__place *conc__place_of(struct conc__test *t, const volatile void *p, size_t n) {
    struct conc__place *w = (struct conc__place *)(void *)conc__table_entry(&t->mem.place, (const void *)(uintptr_t)p, 0);
    if (t->mem.place.fresh || w->bytes != n) {
        w->bytes = n;
        w->id = t->mem.ids++;
        w->first = w->n = 1;
        w->store[1].clock.n = 0;
    }
    return w;
}
/* The oldest store that the running goroutine may read. */
CONC__FN uint32_t conc__place_oldest(struct conc__test *t, const struct conc__place *w, int order) {
    uint32_t oldest = w->first, known = conc__clock_get(&conc__order_me(t)->now, w->id), newest = w->first + w->n - 1;
    if (known > oldest) oldest = known;
    if (order == __ATOMIC_SEQ_CST && (known = conc__clock_get(&t->mem.sc, w->id)) > oldest) oldest = known;
    struct conc__stale *s = (struct conc__stale *)(void *)conc__table_look(&t->mem.stale, w->key.obj, t->cur->next.g + 1u);
    if (s && s->times >= 2 && s->store >= oldest && s->store < newest) oldest = s->store + 1;
    return oldest;
}
/* A load takes store i. -> false: the newest, which is in memory */
CONC__FN bool conc__place_read(struct conc__test *t, struct conc__place *w, uint32_t i, int order, void *value) {
    struct conc__order_g *g = conc__order_me(t);
    bool old = i + 1 < w->first + w->n;
    conc__clock_raise(&g->now, w->id, i);
    if (order == __ATOMIC_SEQ_CST) conc__clock_raise(&t->mem.sc, w->id, i);
    conc__atomic_learn(g, &w->store[i % CONC__STORES].clock, order);
    if (!old) return false;
    memcpy(value, w->store[i % CONC__STORES].value, w->bytes);
    struct conc__tg *tg = t->cur; /* conc_relax need not wait for a store that is there already */
    if (tg->nread) tg->seen[(tg->nread - 1) & 7]--;
    struct conc__stale *s = (struct conc__stale *)(void *)conc__table_entry(&t->mem.stale, w->key.obj, t->cur->next.g + 1u);
    if (t->mem.stale.fresh || s->store != i) s->times = 0;
    s->store = i;
    s->times++;
    return true;
}
CONC__FN uint32_t conc__test_choice(struct conc__test *t, uint32_t n);
/* One of n values, newest first. */
CONC__FN uint32_t conc__place_choice(struct conc__test *t, uint32_t n) {
    uint32_t back = conc__test_choice(t, n);
    if (t->tracing && n > 1) t->trace[t->ntrace - 1].nobj = 1; /* see conc__say_older */
    return back;
}
/* A store, or the writing half of a read-modify-write that found the newest. */
CONC__FN void conc__place_write(struct conc__test *t, const volatile void *p, size_t n, int order, bool modify) {
    struct conc__place *w = conc__place_of(t, p, n);
    struct conc__order_g *g = conc__order_me(t);
    uint32_t newest = w->first + w->n - 1, i = newest + 1;
    if (modify) (void)conc__place_read(t, w, newest, order, NULL);
    memcpy(w->store[newest % CONC__STORES].value, (const void *)(uintptr_t)p, n);
    if (w->n == CONC__STORES) w->first++;
    else w->n++;
    conc__clock_raise(&g->now, w->id, i);
    if (order == __ATOMIC_SEQ_CST) conc__clock_raise(&t->mem.sc, w->id, i);
    conc__clock *found = modify ? &w->store[newest % CONC__STORES].clock : NULL;
    conc__atomic_tell(g, &w->store[i % CONC__STORES].clock, found, order);
}
CONC__FN void conc__order_fence(struct conc__test *t, int order) {
    struct conc__order_g *g = conc__order_me(t);
    if (conc__acquires(order)) conc__clock_add(&g->now, &g->pending);
    for (uint32_t i = 0; order == __ATOMIC_SEQ_CST && i < t->mem.place.n; i++) { /* places only: fences alone order no plain memory */
        uint32_t id = ((struct conc__place *)(void *)conc__table_at(&t->mem.place, i))->id;
        conc__clock_raise(&t->mem.sc, id, conc__clock_get(&g->now, id));
        conc__clock_raise(&g->now, id, conc__clock_get(&t->mem.sc, id));
    }
    if (!conc__releases(order)) return;
    conc__clock_copy(&g->fence, &g->now);
    conc__stretch_end(g);
}

/* Priorities. No two are equal: the low bits are the goroutine's number, and the lower number goes first. Where many are runnable the
   highest is at the root of a tree, tree[1]: the leaf of goroutine g, tree[leaves + g], has its priority, 0 if it is not in t->run, and
   tree[i] has the greater of tree[2 i] and tree[2 i + 1]. It is made when it is wanted (conc__pick_highest), and anew when there are more
   goroutines than leaves. */
#define CONC__PRIO_BITS 15
#define CONC__PRIO_MASK ((1u << CONC__PRIO_BITS) - 1)
CONC__INLINE uint64_t conc__prio(const struct conc__tg *tg, uint64_t rank) {
    return rank << CONC__PRIO_BITS | (CONC__PRIO_MASK - tg->next.g);
}
CONC__INLINE struct conc__tg *conc__prio_of(const struct conc__test *t, uint64_t prio) {
    return t->tg[CONC__PRIO_MASK - (prio & CONC__PRIO_MASK)];
}
CONC__FN void conc__tree_set(struct conc__test *t, uint32_t g, uint64_t prio) {
    if (g >= t->leaves) {
        t->leaves = 0;
        return;
    }
    for (uint32_t i = t->leaves + g; i > 1; i >>= 1) {
        t->tree[i] = prio;
        if (t->tree[i ^ 1] > prio) prio = t->tree[i ^ 1];
    }
    t->tree[1] = prio;
}
CONC__INLINE void conc__prio_set(struct conc__test *t, struct conc__tg *tg, uint64_t prio) {
    tg->prio = prio;
    if (conc__unlikely(t->leaves != 0)) conc__tree_set(t, tg->next.g, prio);
}

/* who can go on */
CONC__INLINE void conc__run_add(struct conc__test *t, struct conc__tg *tg) {
    tg->at = (int32_t)t->nrun;
    t->run[t->nrun++] = tg;
    if (t->top && tg->prio > t->top->prio) t->top = tg;
    if (conc__unlikely(t->leaves != 0)) conc__tree_set(t, tg->next.g, tg->prio);
}
CONC__INLINE void conc__run_del(struct conc__test *t, struct conc__tg *tg) {
    struct conc__tg *last = t->run[--t->nrun];
    t->run[tg->at] = last;
    last->at = tg->at;
    tg->at = -1;
    if (conc__unlikely(t->leaves != 0)) conc__tree_set(t, tg->next.g, 0);
}
CONC__INLINE uint32_t conc__bucket(const void *obj) { return (uint32_t)(((uintptr_t)obj * 0x9e3779b97f4a7c15u) >> 56); }
CONC__INLINE uint32_t conc__write_place(const void *obj) { return (uint32_t)(((uintptr_t)obj * 0x9e3779b97f4a7c15u) >> 52); }
CONC__FN bool conc__relax_over(const struct conc__test *t, const struct conc__tg *tg) {
    uint32_t n = tg->nread < 8 ? tg->nread : 8;
    for (uint32_t i = 0; i < n; i++)
        if (t->writes[tg->read[i]] != tg->seen[i]) return true;
    return n == 0;
}
/* A set of operations, and whether op is in it: tests of a bit, where a jump by table would be mispredicted in every other step. */
#define CONC__OP(op) (1ull << CONC__O_##op)
enum { CONC__OPS_FIT = 1 / (CONC__O_COUNT <= 64) }; /* a bit for each: it does not compile otherwise */
CONC__INLINE bool conc__op_in(uint8_t op, uint64_t set) { return set >> op & 1; }
/* May the pending step be taken now? */
CONC__INLINE bool conc__enabled(struct conc__test *t, const struct conc__tg *tg) {
    const void *obj = tg->next.obj[0];
    if (!conc__op_in(tg->next.op, CONC__OP(LOCK) | CONC__OP(RLOCK) | CONC__OP(WAIT) | CONC__OP(RELAX) | CONC__OP(SETTLE))) return true;
    switch (tg->next.op) {
    case CONC__O_LOCK: return ((const conc_mutex *)obj)->conc__state == 0;
    case CONC__O_RLOCK: return ((const conc_rwmutex *)obj)->conc__readers >= 0;
    case CONC__O_WAIT: return ((const conc_wg *)obj)->conc__state >> 32 == 0;
    case CONC__O_RELAX: return conc__relax_over(t, tg);
    case CONC__O_SETTLE: return false; /* see conc__test_idle */
    default: return true;
    }
}
/* tg's step is not enabled: out of the way until something is done to its object. */
CONC__FN void conc__wait_add(struct conc__test *t, struct conc__tg *tg) {
    uint32_t b = tg->next.op == CONC__O_SETTLE || tg->next.op == CONC__O_RELAX ? 0 : conc__bucket(tg->next.obj[0]);
    conc__run_del(t, tg);
    tg->chain = t->wait[b];
    t->wait[b] = tg;
    tg->waiting = true;
    t->nwait++;
}
/* All that wait for obj (of the bucket, if relaxing: any) may look again. */
CONC__FN void conc__wait_release(struct conc__test *t, uint32_t b, const void *obj) {
    for (struct conc__tg **at = &t->wait[b], *tg; (tg = *at) != NULL;) {
        bool hit = obj ? tg->next.obj[0] == obj && tg->next.op != CONC__O_RELAX : tg->next.op == CONC__O_RELAX;
        if (!hit) {
            at = &tg->chain;
            continue;
        }
        *at = tg->chain;
        tg->waiting = false;
        t->nwait--;
        conc__run_add(t, tg);
    }
}
/* An add to a group that is at zero, and a wait for it, both about to come: the wait may as well return before the add (Go: misuse). */
CONC__FN void conc__wg_misuse(struct conc__test *t, const conc_wg *wg, uint8_t other) {
    for (uint32_t i = 0; i < t->nrun; i++)
        if (t->run[i]->next.op == other && t->run[i]->next.obj[0] == wg)
            conc__test_note(t, CONC_FAIL_PANIC, "panic: sync: WaitGroup misuse: Add called concurrently with Wait");
}
CONC__FN void conc__effect_wg(struct conc__test *t, const conc_wg *wg, uint8_t op) { /* of a wait, which finds it at zero, or an add */
    if (wg->conc__state >> 32 == 0) conc__wg_misuse(t, wg, op == CONC__O_WAIT ? CONC__O_ADD : CONC__O_WAIT);
    if (op == CONC__O_ADD && t->nwait) conc__wait_release(t, conc__bucket(wg), wg);
}
/* tg's step is about to be taken: whom may it let go on? */
CONC__INLINE void conc__step_effect(struct conc__test *t, struct conc__tg *tg) {
    const uint64_t writes = CONC__OP(RMW) | CONC__OP(STORE);
    const uint64_t lets_go = CONC__OP(DONE) | CONC__OP(UNLOCK) | CONC__OP(RUNLOCK) | CONC__OP(WUNLOCK);
    const struct conc__tstep *s = &tg->next;
    const void *obj = s->obj[0];
    if (conc__op_in(s->op, writes)) {
        t->writes[conc__write_place(obj)]++;
        if (t->wait[0]) conc__wait_release(t, 0, NULL);
    } else if (conc__op_in(s->op, lets_go)) {
        if (t->nwait) conc__wait_release(t, conc__bucket(obj), obj);
    } else if (s->op == CONC__O_LOAD) {
        uint32_t place = conc__write_place(obj), i = tg->nread++ & 7;
        tg->read[i] = (uint16_t)place;
        tg->seen[i] = t->writes[place];
    } else if (conc__op_in(s->op, CONC__OP(WAIT) | CONC__OP(ADD))) conc__effect_wg(t, (const conc_wg *)obj, s->op);
    else if (s->op == CONC__O_CWAIT) {
        if (t->nwait) conc__wait_release(t, conc__bucket(s->obj[1]), s->obj[1]);
    } else if (s->op == CONC__O_RELAX) tg->nread = 0;
}

/* Do two steps of different goroutines, of which a has been taken, not commute? (Taken in either order they lead to the same state.)
   An add and a done do, unless the done came first to a counter of zero, which is fatal. */
CONC__INLINE bool conc__commute(const struct conc__tstep *a, const struct conc__tstep *b) { /* whatever their objects are */
    const uint64_t reads = CONC__OP(LOAD) | CONC__OP(LEN) | CONC__OP(RELAX) | CONC__OP(WAIT), shares = CONC__OP(RLOCK) | CONC__OP(RUNLOCK);
    const uint64_t counts = CONC__OP(ADD) | CONC__OP(DONE), marks = CONC__OP(BEGIN) | CONC__OP(END);
    if (!conc__op_in(a->op, reads | shares | counts | marks)) return false;
    if (conc__op_in(a->op, reads)) return conc__op_in(b->op, reads);
    if (conc__op_in(a->op, shares)) return conc__op_in(b->op, shares);
    if (conc__op_in(a->op, marks)) return a->op == b->op;
    return conc__op_in(b->op, counts) && !(a->op == CONC__O_ADD && b->op == CONC__O_DONE && a->options == 0);
}
CONC__FN bool conc__share(const struct conc__tstep *a, const struct conc__tstep *b) {
    for (int i = 0; i < a->nobj; i++)
        for (int k = 0; k < b->nobj; k++)
            if (a->obj[i] == b->obj[k]) return true;
    return false;
}
CONC__INLINE bool conc__conflict(const struct conc__tstep *a, const struct conc__tstep *b) {
    if (a->op == CONC__O_FENCE || b->op == CONC__O_FENCE) return true; /* touches what everybody knows of every place */
    if (a->nobj == 0 || b->nobj == 0) return false;
    if (a->nobj == 1 && b->nobj == 1) return a->obj[0] == b->obj[0] && !conc__commute(a, b);
    if (a->nobj == CONC__ANY || b->nobj == CONC__ANY) return true;
    return !conc__commute(a, b) && conc__share(a, b);
}
/* For the search that runs one of several equivalent orders: an invariant may tell apart what does not conflict. */
CONC__INLINE bool conc__depends(const struct conc__test *t, const struct conc__tstep *a, const struct conc__tstep *b) {
    return t->o.invariant != NULL || conc__conflict(a, b);
}

/* recording */
struct conc__woken { size_t by; uint32_t g; }; /* by: index in the trace */
/* The channel that is object k of s; NULL if it is none of the body's own, and may be gone. */
CONC__FN const struct conc_chan *conc__step_chan(const struct conc__test *t, const struct conc__tstep *s, int k) {
    const char *c = (const char *)s->obj[k];
    bool chan = (s->op == CONC__O_SEND || s->op == CONC__O_RECV || s->op == CONC__O_SELECT) && k < s->nobj && s->nobj != CONC__ANY;
    return chan && c >= t->arena && c < t->arena + t->used ? (const struct conc_chan *)(const void *)c : NULL;
}
CONC__FN size_t conc__trace_last(const struct conc__test *t) { /* the step that is being taken, without its choices; or a timer's */
    size_t i = t->ntrace;
    while (i > 0 && t->trace[i - 1].op == CONC__O_CHOICE) i--;
    return i;
}
/* The last step is over: what has it done to its channels' buffers? */
CONC__FN void conc__trace_settle(struct conc__test *t) {
    size_t last = conc__trace_last(t);
    struct conc__tstep *s = last ? &t->trace[last - 1] : NULL;
    const struct conc_chan *c;
    for (int k = 0; s && k < CONC__OBJS; k++)
        if ((c = conc__step_chan(t, s, k)) != NULL && c->count != t->counts[k]) {
            s->moved = c->count > t->counts[k] ? 1 : -1;
            s->moved_in = (uint8_t)k;
        }
}
CONC__NOINLINE void conc__trace_add(struct conc__test *t, const struct conc__tstep *s) {
    const struct conc_chan *c;
    if (s->op != CONC__O_CHOICE) {
        conc__trace_settle(t);
        for (int k = 0; k < CONC__OBJS; k++) t->counts[k] = (c = conc__step_chan(t, s, k)) != NULL ? c->count : 0;
    }
    t->trace = (struct conc__tstep *)conc__test_grow(t->trace, &t->have_trace, t->ntrace + 1, sizeof *s);
    t->trace[t->ntrace] = *s;
    t->trace[t->ntrace++].moved = 0;
}
CONC__FN void conc__trace_wake(struct conc__test *t, uint32_t g) {
    size_t last = conc__trace_last(t);
    if (!last) return;
    t->woken = (struct conc__woken *)conc__test_grow(t->woken, &t->have_woken, t->nwoken + 1, sizeof *t->woken);
    t->woken[t->nwoken].by = last - 1;
    t->woken[t->nwoken++].g = g;
}
CONC__FN void conc__trace_other(struct conc__test *t, uint8_t op, uint32_t what, uint32_t options) {
    struct conc__tstep s;
    memset(&s, 0, sizeof s);
    s.op = op;
    s.g = (uint16_t)what;
    s.options = options;
    conc__trace_add(t, &s);
}

/* choices of data */
CONC__FN uint32_t conc__search_choice(struct conc__test *t, uint32_t n);
/* What the list or the search says; false: neither is in charge. */
CONC__FN bool conc__choice_given(struct conc__test *t, uint32_t n, uint32_t *k) {
    *k = 0;
    if (t->following) {
        if (t->at_list < t->nlist && t->list[t->at_list] >= CONC__D_CHOICE && t->list[t->at_list] != CONC__D_TIMER)
            *k = (t->list[t->at_list++] & 0x7fffu) % n;
        else if (t->at_list < t->nlist) t->misfits++;
    } else if (t->how == CONC_BOUNDED || t->how == CONC_EXHAUSTIVE) *k = conc__search_choice(t, n);
    else return t->how == CONC_FIFO;
    return true;
}
CONC__FN uint32_t conc__test_choice(struct conc__test *t, uint32_t n) {
    uint32_t k;
    if (n <= 1) return 0;
    if (!conc__choice_given(t, n, &k)) k = conc__test_below(t, n);
    if (t->tracing) conc__trace_other(t, CONC__O_CHOICE, k, n);
    return k;
}

/* Faults: choices of yes and no, of which a schedule has a limited number of yeses. How often they come differs from schedule to
   schedule (never, at every second, eighth, 32nd question), so that early and late ones are met, alone and together. */
CONC__FN uint32_t conc__fault_draw(struct conc__test *t) {
    static const uint32_t rates[4] = { UINT32_MAX, 2, 8, 32 };
    if (!t->fault_rate) t->fault_rate = rates[conc__test_below(t, 4)];
    return t->fault_rate != UINT32_MAX && conc__test_below(t, t->fault_rate) == 0;
}
CONC__FN bool conc__fault_ask(struct conc__test *t, const char *what) {
    uint32_t k;
    if (t->faults >= (t->o.faults ? t->o.faults : 1)) return false;
    if (!conc__choice_given(t, 2, &k)) k = conc__fault_draw(t);
    if (t->tracing) {
        conc__trace_other(t, CONC__O_FAULT, k, t->cur->next.g);
        t->trace[t->ntrace - 1].obj[0] = what;
    }
    t->faults += k;
    return k != 0;
}
CONC__INLINE struct conc__test *conc__fault_here(void) { /* the test whose goroutine is here */
    struct conc__test *t = conc__tested() ? conc__test_of() : NULL;
    return t && t->m->cur != &t->m->g0 ? t : NULL;
}
CONC__FN bool conc__alloc_fails(const char *what) {
    struct conc__test *t = conc__fault_here();
    return t && t->o.fail_alloc && conc__fault_ask(t, what);
}
CONC__FN bool conc__spawn_fails(void) {
    struct conc__test *t = conc__fault_here();
    return t && t->o.fail_spawn && conc__fault_ask(t, "go_with");
}
CONC_API bool conc__test_fault(const char *point) {
    struct conc__test *t = conc__fault_here();
    return t && t->o.faults && conc__fault_ask(t, point);
}

/* timers */
/* Let time go on to the first timer and fire it; of several for the same instant, any. */
CONC__FN void conc__test_fire(struct conc__test *t) {
    conc__p *p = t->m->p;
    int64_t when = p->heap[0].when;
    conc__timer *due[1];
    uint32_t same = 0, nth;
    size_t i = 0;
    if (when > t->now) t->now = when;
    if (t->tracing) conc__trace_other(t, CONC__O_TIMER, 0, 0);
    for (size_t k = 0; k < conc__arr_len(p->heap); k++) same += p->heap[k].when == when;
    for (nth = conc__test_choice(t, same); p->heap[i].when != when || nth-- > 0; i++) continue;
    conc__tslot first = p->heap[0]; /* equal keys may change places */
    conc__heap_set(p, 0, p->heap[i]);
    conc__heap_set(p, i, first);
    t->firing = true;
    if (conc__take_due(p, t->now, due, 1) == 1) {
        if (t->mem.on) conc__order_fire(t, due[0]);
        due[0]->f(due[0], t->now);
    }
    t->firing = false;
}
CONC__INLINE bool conc__test_timers(const struct conc__test *t) { return conc__arr_len(t->m->p->heap) > 0; }
/* Nobody can go on, and all timers are tickers that nobody listens to: whatever fires changes nothing. */
CONC__FN bool conc__test_deaf(const struct conc__test *t) {
    for (size_t i = 0; i < conc__arr_len(t->m->p->heap); i++) {
        const conc__timer *x = t->m->p->heap[i].t;
        if (x->f != conc__fire_chan || x->period == 0 || ((const struct conc_timer *)x->arg)->c->recvq) return false;
    }
    return true;
}

/* The strategies. Each returns one of t->run that is enabled; NULL: there is none. */
/* A random one: draw until one that is enabled comes, putting the others out of the way. */
CONC__FN struct conc__tg *conc__pick_random(struct conc__test *t) {
    while (t->nrun > 0) {
        struct conc__tg *tg = t->run[t->nrun == 1 ? 0 : conc__test_below(t, t->nrun)];
        if (conc__likely(conc__enabled(t, tg))) return tg;
        conc__wait_add(t, tg);
    }
    return NULL;
}
/* Pending steps by object, for POS beside the tree: chains of those whose objects have the same hash, and one, the last, of those that may
   conflict with any. A link is a goroutine's number and which of its objects; 0 is the end. A step leaves its chains when it is taken. */
CONC__INLINE bool conc__conflicts_widely(const struct conc__tstep *s) { return s->nobj == CONC__ANY || s->op == CONC__O_FENCE; }
CONC__INLINE uint32_t conc__pending_chains(const struct conc__tstep *s) { return conc__conflicts_widely(s) ? 1 : s->nobj; }
CONC__INLINE uint32_t *conc__pending_chain(struct conc__test *t, const struct conc__tstep *s, uint32_t k) { /* that of object k */
    uint64_t hash = (uintptr_t)s->obj[k] * UINT64_C(0x9e3779b97f4a7c15);
    return &t->pending[conc__conflicts_widely(s) ? CONC__PENDING : hash >> 54];
}
CONC__FN void conc__pending_add(struct conc__test *t, struct conc__tg *tg) {
    for (uint32_t k = 0; k < conc__pending_chains(&tg->next); k++) {
        uint32_t *first = conc__pending_chain(t, &tg->next, k);
        tg->after[k] = *first;
        *first = 1u + tg->next.g * CONC__OBJS + k;
    }
    tg->listed = true;
}
/* All of run go into the tree, and for POS all pending steps into their chains. */
CONC__NOINLINE void conc__tree_build(struct conc__test *t) {
    uint32_t n = 64;
    while (n < t->ntg) n *= 2;
    t->tree = (uint64_t *)conc__test_grow(t->tree, &t->have_tree, n * 2, sizeof *t->tree);
    t->leaves = n;
    memset(t->pending, 0, sizeof t->pending);
    for (uint32_t i = 0; i < n; i++) {
        struct conc__tg *tg = i < t->ntg ? t->tg[i] : NULL;
        t->tree[n + i] = tg && tg->at >= 0 ? tg->prio : 0;
        if (tg && t->how == CONC_POS && (tg->at >= 0 || tg->waiting)) conc__pending_add(t, tg);
    }
    for (uint32_t i = n; i-- > 1;) t->tree[i] = t->tree[i * 2] > t->tree[i * 2 + 1] ? t->tree[i * 2] : t->tree[i * 2 + 1];
}
CONC__INLINE struct conc__tg *conc__run_highest(const struct conc__test *t) {
    if (conc__unlikely(t->leaves != 0)) return t->tree[1] ? conc__prio_of(t, t->tree[1]) : NULL;
    if (t->nrun == 0) return NULL;
    struct conc__tg *best = t->run[0];
    for (uint32_t i = 1; i < t->nrun; i++)
        if (t->run[i]->prio > best->prio) best = t->run[i];
    return best;
}
CONC__INLINE struct conc__tg *conc__pick_highest(struct conc__test *t) {
    if (conc__unlikely(t->nrun > CONC__SCAN && t->leaves == 0)) conc__tree_build(t);
    for (;;) {
        struct conc__tg *best = conc__run_highest(t);
        if (!best || conc__enabled(t, best)) return best;
        conc__wait_add(t, best);
    }
}
/* Partial order sampling (Yuan, Yang, Gu: Partial Order Aware Concurrency Sampling, CAV 2018): every pending step has a random priority;
   when a step is taken, those that conflict with it draw again. What is drawn depends on the step that is taken and the goroutine only,
   not on the order in which they draw. */
CONC__INLINE uint64_t conc__pos_step(const struct conc__test *t) { return t->draw + (t->steps << CONC__PRIO_BITS); }
CONC__INLINE uint64_t conc__pos_draw(const struct conc__tg *tg, uint64_t step) { return conc__prio(tg, conc__mix64(step + tg->next.g)); }
/* taken's step is taken: those that conflict with it draw again, and taken draws for the step that it comes to. All are looked at, */
CONC__FN void conc__pos_scan(struct conc__test *t, const struct conc__tg *taken) {
    uint64_t step = conc__pos_step(t);
    for (uint32_t i = 0; i < t->nrun; i++) {
        struct conc__tg *tg = t->run[i];
        if (tg == taken || conc__conflict(&taken->next, &tg->next)) tg->prio = conc__pos_draw(tg, step);
    }
}
/* or, beside the tree, those in the chains of the step's objects; taken leaves them. */
CONC__FN void conc__pos_chain(struct conc__test *t, const struct conc__tg *taken, uint32_t *link) {
    uint64_t step = conc__pos_step(t);
    while (*link) {
        struct conc__tg *tg = t->tg[(*link - 1) / CONC__OBJS];
        uint32_t *after = &tg->after[(*link - 1) % CONC__OBJS];
        if (tg == taken) *link = *after;
        else link = after;
        if (tg != taken && tg->at >= 0 && conc__conflict(&taken->next, &tg->next)) conc__prio_set(t, tg, conc__pos_draw(tg, step));
    }
}
CONC__FN void conc__pos_chains(struct conc__test *t, struct conc__tg *taken) {
    uint64_t step = conc__pos_step(t);
    bool widely = conc__conflicts_widely(&taken->next);
    for (uint32_t k = 0; k < conc__pending_chains(&taken->next); k++) conc__pos_chain(t, taken, conc__pending_chain(t, &taken->next, k));
    if (!widely) conc__pos_chain(t, taken, &t->pending[CONC__PENDING]);
    for (uint32_t i = 0; widely && i < t->nrun; i++)
        if (conc__conflict(&taken->next, &t->run[i]->next)) conc__prio_set(t, t->run[i], conc__pos_draw(t->run[i], step));
    conc__prio_set(t, taken, conc__pos_draw(taken, step));
}
CONC__FN struct conc__tg *conc__pick_pos(struct conc__test *t) {
    if (conc__unlikely(t->leaves && t->cur && t->cur->at >= 0 && !t->cur->listed)) conc__pending_add(t, t->cur);
    struct conc__tg *tg = conc__pick_highest(t);
    if (!tg) return NULL;
    if (conc__unlikely(t->leaves != 0)) conc__pos_chains(t, tg);
    else conc__pos_scan(t, tg);
    tg->listed = false;
    return tg;
}
/* PCT: the highest priority runs; at depth - 1 random steps it becomes the lowest. One that yields does, too. */
CONC__FN void conc__pct_last(struct conc__test *t, struct conc__tg *tg) {
    conc__prio_set(t, tg, conc__prio(tg, t->low--));
    t->top = NULL;
}
CONC__FN struct conc__tg *conc__pick_pct(struct conc__test *t) {
    if (t->cur && t->cur->at >= 0 && t->cur->next.op == CONC__O_YIELD) conc__pct_last(t, t->cur);
    for (int i = 0; i + 1 < t->depth; i++)
        if (t->changes[i] == t->steps) {
            struct conc__tg *tg = conc__pick_highest(t);
            if (tg) conc__pct_last(t, tg);
        }
    if (!t->top || t->top->at < 0 || !conc__enabled(t, t->top)) t->top = conc__pick_highest(t);
    return t->top;
}
/* Uniform random walk: weighted by the steps that each has left, as counted in the first schedule. */
CONC__FN struct conc__tg *conc__pick_urw(struct conc__test *t) {
    for (;;) {
        uint64_t sum = 0, k;
        for (uint32_t i = 0; i < t->nrun; i++) sum += t->run[i]->left ? t->run[i]->left : 1;
        if (!sum) return NULL;
        k = conc__mix64(conc__test_rand(t)) % sum;
        struct conc__tg *tg = NULL;
        for (uint32_t i = 0; i < t->nrun; i++) {
            uint64_t w = t->run[i]->left ? t->run[i]->left : 1;
            if (k < w) {
                tg = t->run[i];
                break;
            }
            k -= w;
        }
        if (conc__enabled(t, tg)) {
            if (tg->left) tg->left--;
            return tg;
        }
        conc__wait_add(t, tg);
    }
}
/* All that are enabled, by number; the rest goes out of the way. */
CONC__FN uint32_t conc__pick_list(struct conc__test *t, struct conc__tg **list, uint32_t max) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->nrun;) {
        struct conc__tg *tg = t->run[i];
        if (!conc__enabled(t, tg)) {
            conc__wait_add(t, tg);
            continue;
        }
        i++;
        if (n == max) continue;
        uint32_t at = n++;
        for (; at > 0 && list[at - 1]->next.g > tg->next.g; at--) list[at] = list[at - 1];
        list[at] = tg;
    }
    return n;
}
CONC__FN struct conc__tg *conc__pick_fifo(struct conc__test *t) {
    struct conc__tg *list[1024];
    uint32_t n = conc__pick_list(t, list, 1024);
    for (uint32_t i = 0; i < n; i++)
        if (list[i] == t->cur && t->cur->next.op != CONC__O_YIELD) return t->cur;
    if (n > 1 && list[0] == t->cur) return list[1]; /* it yields */
    return n ? list[0] : NULL;
}
/* By a recorded list, as far as it fits: where it names one who cannot go, it is passed over, unless it waits for nobody to be able to
   (conc_settle, conc_relax). */
CONC__FN struct conc__tg *conc__pick_listed(struct conc__test *t) {
    struct conc__tg *any;
    for (; t->at_list < t->nlist; t->at_list++, t->misfits++) {
        uint16_t want = t->list[t->at_list];
        if (want == CONC__D_TIMER) {
            if (!conc__test_timers(t)) continue;
            t->misfits--;
            conc__test_fire(t);
            continue;
        }
        if (want >= CONC__D_CHOICE || want >= t->ntg) continue;
        struct conc__tg *tg = t->tg[want];
        if (tg->at >= 0 && conc__enabled(t, tg)) {
            t->at_list++;
            return tg;
        }
        if (tg->g && (tg->next.op == CONC__O_SETTLE || tg->next.op == CONC__O_RELAX) && conc__pick_list(t, &any, 1) == 0) return NULL;
    }
    return conc__pick_fifo(t);
}
CONC__FN struct conc__tg *conc__pick_bounded(struct conc__test *t);
CONC__FN struct conc__tg *conc__pick_dpor(struct conc__test *t);
CONC__FN struct conc__tg *conc__pick_by(struct conc__test *t) {
    if (conc__unlikely(t->following)) return conc__pick_listed(t);
    bool fair = t->steps > t->o.fair_after; /* these two may starve somebody for ever */
    switch (t->how) {
    case CONC_POS: return fair ? conc__pick_random(t) : conc__pick_pos(t);
    case CONC_PCT: return fair ? conc__pick_random(t) : conc__pick_pct(t);
    case CONC_URW: return conc__pick_urw(t);
    case CONC_BOUNDED: return conc__pick_bounded(t);
    case CONC_EXHAUSTIVE: return conc__pick_dpor(t);
    case CONC_FIFO: return conc__pick_fifo(t);
    default: return conc__pick_random(t);
    }
}
/* Nobody can go on: what is due is fired; else those who settle may; else time moves; else those who relax may look again (64 times without a write, then it is a
   livelock); else the schedule is over (false). */
CONC__FN bool conc__test_idle(struct conc__test *t) {
    if (conc__test_timers(t) && t->m->p->heap[0].when <= t->now) {
        conc__test_fire(t);
        return true;
    }
    for (struct conc__tg *tg = t->wait[0]; tg; tg = tg->chain)
        if (tg->next.op == CONC__O_SETTLE) {
            tg->next.op = CONC__O_RESUME;
            tg->next.obj[0] = tg;
            conc__wait_release(t, 0, tg);
            return true;
        }
    if (conc__test_timers(t) && !conc__test_deaf(t) && !(t->main_done && ++t->late_fires > 1000)) {
        conc__test_fire(t);
        return true;
    }
    bool relaxing = false;
    for (struct conc__tg *tg = t->wait[0]; tg; tg = tg->chain)
        if (tg->next.op == CONC__O_RELAX) relaxing = true, tg->nread = 0;
    if (!relaxing) return false;
    if (++t->relaxed > 64) {
        conc__test_note(t, CONC_FAIL_LIVELOCK, "livelock: all that are left wait in conc_relax for somebody to write");
        return false;
    }
    conc__wait_release(t, 0, NULL);
    return true;
}
/* Between two steps, while the body has begun and not returned: does what must always hold? Inside the bracket nothing is a step. */
CONC__NOINLINE bool conc__test_invariant(struct conc__test *t) {
    uint32_t in = conc__ld(&t->m->in);
    if (t->steps == 0 || !t->tg[0]->g) return true;
    conc__st(&t->m->in, 1);
    bool holds = t->o.invariant(t->arg);
    conc__st(&t->m->in, in);
    if (!holds) conc__test_note(t, CONC_FAIL_ASSERT, "the invariant does not hold after the last step");
    return holds;
}
/* Who takes the next step? NULL: the schedule is over. On the running goroutine's stack, or the driver's. */
CONC__FN struct conc__tg *conc__test_next(struct conc__test *t) {
    for (;;) {
        if (conc__unlikely(t->kind != CONC_FAIL_NONE || t->pruned)) return NULL;
        if (conc__unlikely(t->o.invariant != NULL) && !conc__test_invariant(t)) return NULL;
        if (conc__unlikely(++t->steps > t->o.max_steps)) {
            conc__test_note(t, CONC_FAIL_LIVELOCK, "more than %llu steps", (unsigned long long)t->o.max_steps);
            return NULL;
        }
        if (t->race_time && !t->following && conc__test_timers(t) && conc__test_below(t, 8) == 0) {
            conc__test_fire(t);
            continue;
        }
        struct conc__tg *tg = conc__pick_by(t);
        if (conc__likely(tg != NULL)) {
            tg->length++;
            conc__step_effect(t, tg);
            if (conc__unlikely(t->tracing)) conc__trace_add(t, &tg->next);
            return tg;
        }
        if (t->pruned || !conc__test_idle(t)) return NULL;
    }
}

/* leaving and entering goroutines */
/* From me's context to to's, or to the driver's. Out of line: a step that goes on where it is saves no registers. */
CONC__NOINLINE void conc__test_switch(struct conc__test *t, conc__g *me, struct conc__tg *to) {
    conc__m *m = t->m;
    conc__g *g = &m->g0;
    if (to) {
        t->cur = to;
        g = to->g;
    }
    conc__save(m, me);
    conc__st(&m->cur, g);
    conc__switch(me, g, false);
    conc__post(m);
    conc__restore(m, me);
    conc__leave(m);
}
/* A goroutine of a test comes to an operation. */
CONC__INLINE void conc__test_step(struct conc__test *t) {
    struct conc__tg *me = t->cur, *to = conc__test_next(t);
    if (to != me) conc__test_switch(t, me->g, to);
}
CONC__INLINE struct conc__test *conc__at_point(void) { /* the test whose goroutine is here, if it may be interrupted */
    struct conc__test *t = conc__test_of();
    return t && t->m->cur != &t->m->g0 && !conc__ld(&t->m->in) ? t : NULL;
}
CONC__NOINLINE void conc__touch_all(struct conc__tstep *s, const void *test) { /* it depends on all others, and they on it */
    s->nobj = CONC__ANY;
    for (int i = 0; i < CONC__OBJS; i++) s->obj[i] = test;
}
CONC__INLINE void conc__point_of(struct conc__test *t, int op, const void *obj, const void *also) {
    struct conc__tstep *s = &t->cur->next;
    s->op = (uint8_t)op;
    s->parked = false;
    s->nobj = (uint8_t)((obj != NULL) + (also != NULL));
    s->obj[0] = obj;
    s->obj[1] = also;
    if (obj == t) conc__touch_all(s, t);
    s->site = conc__here;
    conc__here = NULL;
    conc__test_step(t);
}
CONC__NOINLINE void conc__test_point(int op, const void *obj, const void *also) {
    struct conc__test *t = conc__at_point();
    if (t) conc__point_of(t, op, obj, also);
}
CONC__NOINLINE void conc__test_select(const conc_case *c, int n) {
    struct conc__test *t = conc__at_point();
    if (!t) return;
    struct conc__tstep *s = &t->cur->next;
    int k = 0;
    for (int i = 0; i < n; i++) {
        if (!c[i].ch) continue;
        if (k < CONC__OBJS) s->obj[k] = (const void *)(uintptr_t)c[i].ch;
        k++;
    }
    s->op = CONC__O_SELECT;
    s->parked = false;
    s->nobj = (uint8_t)(k <= CONC__OBJS ? k : CONC__ANY);
    s->site = conc__here;
    conc__here = NULL;
    conc__test_step(t);
}
/* Its operation has to wait: it is in some queue. Locks held until its stack is left are released here: nobody else can come. */
CONC__NOINLINE void conc__test_park(conc__m *m, conc__g *g) {
    struct conc__test *t = m->test;
    struct conc__tg *me = t->cur;
    conc__post(m);
    if (t->tracing)
        for (size_t i = t->ntrace; i-- > 0;)
            if (t->trace[i].op < CONC__O_TIMER && t->trace[i].g == me->next.g) {
                t->trace[i].parked = true;
                break;
            }
    me->next.parked = true;
    conc__run_del(t, me);
    struct conc__tg *to = conc__test_next(t);
    if (to == me) conc__leave(m); /* the time that passed meanwhile has woken it */
    else conc__test_switch(t, g, to);
}
CONC__FN void conc__frame_wake(struct conc__test *t, uint32_t g);
CONC__FN void conc__test_ready(conc__g *g) {
    struct conc__tg *tg = g->tg;
    struct conc__test *t = conc__test_of();
    if (!t || !tg) conc__fatal("a goroutine of a test and one outside it use the same object");
    tg->next.op = CONC__O_RESUME;
    tg->next.nobj = 0;
    tg->next.parked = false;
    if (t->mem.on) conc__order_wake(t, tg);
    if (t->how == CONC_EXHAUSTIVE) conc__frame_wake(t, tg->next.g);
    if (t->tracing) conc__trace_wake(t, tg->next.g);
    conc__run_add(t, tg);
}
CONC__FN struct conc__tg *conc__tg_new(struct conc__test *t) {
    size_t have = t->have;
    if (t->ntg >= CONC__D_CHOICE - 1) {
        conc__test_note(t, CONC_FAIL_INVALID, "more than %d goroutines in one schedule", CONC__D_CHOICE - 1);
        conc__test_leave(t);
    }
    t->tg = (struct conc__tg **)conc__test_grow(t->tg, &have, t->ntg + 1, sizeof *t->tg);
    if (have != t->have) {
        memset(t->tg + t->have, 0, (have - t->have) * sizeof *t->tg);
        t->run = (struct conc__tg **)conc__realloc(t->run, have * sizeof *t->run);
        t->have = have;
    }
    struct conc__tg *tg = t->tg[t->ntg];
    if (!tg) {
        tg = t->tg[t->ntg] = (struct conc__tg *)conc__xmalloc(sizeof *tg);
        memset(tg, 0, sizeof *tg);
    }
    struct conc__tstep *s = &tg->next;
    s->g = (uint16_t)t->ntg++;
    s->op = CONC__O_START;
    s->nobj = 0;
    s->parked = false;
    s->options = 0;
    s->obj[0] = s->obj[1] = NULL;
    tg->chain = NULL;
    tg->at = -1;
    tg->waiting = tg->listed = false;
    tg->prio = 0;
    tg->length = tg->nread = 0;
    tg->left = tg->first;
    return tg;
}
/* A record is filled: it becomes a goroutine of the test. */
CONC__FN void conc__test_spawn(conc__m *m, conc__rec *r, const conc__site *site) {
    struct conc__test *t = m->test;
    struct conc__tg *tg = conc__tg_new(t);
    r->site = site;
    r->family = NULL;
    r->id = (uint64_t)(tg->next.g + 1u) << 8 | (r->id & 255);
    r->parent = t->cur ? t->cur->next.g + 1u : 0;
    tg->spawned = site;
    tg->next.site = site;
    tg->g = conc__bind(m, r);
    tg->g->tg = tg;
    tg->g->site = site;
    if (t->mem.on) conc__order_spawn(t, tg);
    if (t->how == CONC_PCT) tg->prio = conc__prio(tg, (1ull << 40) + (conc__test_rand(t) >> 24));
    else if (t->how == CONC_POS) tg->prio = conc__pos_draw(tg, conc__pos_step(t));
    if (t->how == CONC_EXHAUSTIVE) conc__frame_wake(t, tg->next.g);
    t->live++;
    conc__run_add(t, tg);
}
/* The goroutine has ended. -> the context to go to */
CONC__FN conc__g *conc__test_exit(conc__m *m) {
    struct conc__test *t = m->test;
    conc__run_del(t, t->cur);
    t->cur->g = NULL;
    t->live--;
    if (t->cur->next.g == 0) t->main_done = true;
    struct conc__tg *to = conc__test_next(t);
    t->cur = to;
    return to ? to->g : &m->g0;
}

/* Search. A frame is one decision of a schedule: who takes a step, or a choice of data. The stack of frames is the path that is being
   searched; it is followed from its bottom in every schedule, and its last frame with something left to try is changed between. */
struct conc__frame {
    uint32_t options, chosen; /* a choice, and the bounded search */
    bool choice;
    uint64_t enabled, backtrack, done, sleep; /* DPOR: sets of goroutines, by number */
    struct conc__tstep step;
    uint32_t clock[64], own;  /* of the step: what happened before it, and its number among its goroutine's */
};
struct conc__wake { size_t frame, from; uint32_t g; }; /* the step of that frame made g runnable: before g's frames from there on */
CONC__FN struct conc__frame *conc__frame_new(struct conc__test *t) {
    t->frame = (struct conc__frame *)conc__test_grow(t->frame, &t->have_frame, t->nframe + 1, sizeof *t->frame);
    memset(&t->frame[t->nframe], 0, sizeof *t->frame);
    return &t->frame[t->nframe++];
}
CONC__FN uint32_t conc__search_choice(struct conc__test *t, uint32_t n) {
    if (t->at_frame == t->nframe) {
        struct conc__frame *f = conc__frame_new(t);
        f->options = n;
        f->choice = true;
    }
    return t->frame[t->at_frame++].chosen;
}
CONC__FN bool conc__is_local(const struct conc__tg *tg) { return tg->next.op == CONC__O_RESUME || tg->next.op == CONC__O_START || tg->next.op == CONC__O_SLEEP; }

/* Bounded: in each frame the current goroutine first, then the others by number, then a timer if time may race. Leaving one that could
   go on is a preemption. */
CONC__FN struct conc__tg *conc__pick_bounded(struct conc__test *t) {
    struct conc__tg *list[1025];
    for (;;) {
        uint32_t n = conc__pick_list(t, list, 1024), options, k = 0;
        if (n == 0) return NULL;
        for (uint32_t i = 0; i < n; i++)
            if (conc__is_local(list[i])) return list[i];
        bool going = false;
        for (uint32_t i = 0; i < n && !going; i++)
            if (list[i] == t->cur && t->cur->next.op != CONC__O_YIELD) {
                for (; i > 0; i--) list[i] = list[i - 1];
                list[0] = t->cur;
                going = true;
            }
        options = going && t->preempted >= t->o.preemptions ? 1 : n + (t->o.time == CONC_TIME_RACE && conc__test_timers(t));
        if (options > 1) {
            if (t->at_frame == t->nframe) conc__frame_new(t)->options = options;
            if (t->frame[t->at_frame].options != options) {
                conc__test_note(t, CONC_FAIL_NONDET, "the same choices led to another state: %u can go on, not %u", options, t->frame[t->at_frame].options);
                return NULL;
            }
            k = t->frame[t->at_frame++].chosen;
        }
        t->preempted += going && k > 0;
        if (k < n) return list[k];
        conc__test_fire(t);
    }
}
/* The next path; false: there is none. */
CONC__FN bool conc__bounded_next(struct conc__test *t) {
    for (; t->nframe > 0; t->nframe--)
        if (++t->frame[t->nframe - 1].chosen < t->frame[t->nframe - 1].options) return true;
    return false;
}

/* DPOR. After each schedule the steps that could have come in another order, with another outcome (a race: they conflict, and no
   chain of conflicts between them orders them) add to the backtrack set of the frame before the first of the two a goroutine that leads
   there (an initial of what follows, without what depends on it), unless one is there: source sets. Sleep sets prune schedules that
   would only repeat others. Steps without objects (start, resume) are taken at once; who was woken by a step comes after it. */
CONC__FN void conc__wake_edge(struct conc__test *t, size_t frame, uint32_t g) { /* frame: counted from 1, 0: none */
    if (!frame) return;
    t->wake = (struct conc__wake *)conc__test_grow(t->wake, &t->have_wake, t->nwake + 1, sizeof *t->wake);
    t->wake[t->nwake].frame = frame - 1;
    t->wake[t->nwake].from = t->at_frame;
    t->wake[t->nwake++].g = g;
}
CONC__FN void conc__frame_wake(struct conc__test *t, uint32_t g) {
    if (!t->firing) conc__wake_edge(t, t->last_frame, g);
    else /* time moves only when nobody can go on: after everything */
        for (int i = 0; i < 64; i++) conc__wake_edge(t, t->last_of[i], g);
}
CONC__INLINE uint64_t conc__bit(uint32_t g) { return 1ull << g; }
/* The step a was taken, b comes later: could b have been taken where a was? */
CONC__FN bool conc__coenabled(const struct conc__tstep *a, const struct conc__tstep *b) {
    switch (a->op) {
    case CONC__O_UNLOCK: case CONC__O_CWAIT: return b->op != CONC__O_LOCK;
    case CONC__O_WUNLOCK: return b->op != CONC__O_RLOCK;
    case CONC__O_DONE: return b->op != CONC__O_WAIT;
    case CONC__O_LOCK: return b->op != CONC__O_UNLOCK && b->op != CONC__O_CWAIT;
    case CONC__O_STORE: case CONC__O_RMW: return b->op != CONC__O_RELAX;
    default: return true;
    }
}
CONC__FN struct conc__tg *conc__pick_dpor(struct conc__test *t) {
    struct conc__tg *list[65];
    uint32_t n = conc__pick_list(t, list, 65);
    uint64_t enabled = 0;
    if (t->ntg > 64) {
        conc__test_note(t, CONC_FAIL_INVALID, "CONC_EXHAUSTIVE with more than 64 goroutines");
        return NULL;
    }
    if (n == 0) return NULL;
    for (uint32_t i = 0; i < n; i++) {
        if (conc__is_local(list[i])) return list[i];
        enabled |= conc__bit(list[i]->next.g);
    }
    if (t->at_frame == t->nframe) {
        struct conc__frame *f = conc__frame_new(t);
        uint64_t open = enabled & ~t->asleep, others;
        f->enabled = enabled;
        f->sleep = t->asleep;
        if (!open) { /* whatever comes now has been seen in another order */
            t->nframe--;
            t->pruned = true;
            return NULL;
        }
        uint32_t me = t->cur ? t->cur->next.g : 0;
        others = open & ~conc__bit(me);
        if (!(open & conc__bit(me)) || (t->cur->next.op == CONC__O_YIELD && others)) me = (uint32_t)__builtin_ctzll(others);
        f->chosen = me;
        f->backtrack = conc__bit(me);
    }
    struct conc__frame *f = &t->frame[t->at_frame++];
    if (f->enabled != enabled) {
        conc__test_note(t, CONC_FAIL_NONDET, "the same choices led to another state: others can go on");
        return NULL;
    }
    struct conc__tg *tg = t->tg[f->chosen];
    if (tg->next.op == CONC__O_ADD || tg->next.op == CONC__O_DONE)
        tg->next.options = (uint32_t)(((const conc_wg *)tg->next.obj[0])->conc__state >> 32);
    f->step = tg->next;
    t->last_frame = t->last_of[f->chosen] = t->at_frame;
    t->asleep = 0;
    for (uint64_t s = (f->sleep | f->done) & ~conc__bit(f->chosen); s; s &= s - 1) {
        const struct conc__tg *q = t->tg[__builtin_ctzll(s)];
        if (q->g && (q->at >= 0 || q->waiting) && !conc__depends(t, &f->step, &q->next)) t->asleep |= conc__bit(q->next.g);
    }
    return tg;
}
struct conc__event { struct conc__frame *f; size_t index; }; /* index: of its frame; steps still pending at the end: behind all */
CONC__FN void conc__clock_join(uint32_t *a, const uint32_t *b) {
    for (int i = 0; i < 64; i++)
        if (b[i] > a[i]) a[i] = b[i];
}
/* Goroutines whose step may come first among those after event i that do not depend on it, with event j (its clock without objects in
   before) last: the initials. */
CONC__FN uint64_t conc__initials(const struct conc__test *t, const struct conc__event *e, size_t i, size_t j, size_t taken, const uint32_t *before) {
    const struct conc__frame *fi = e[i].f, *fj = e[j].f;
    uint32_t g = fi->step.g, last[64];
    uint64_t found = 0;
    memcpy(last, before, sizeof last);
    for (size_t m = i + 1; m < j && m < taken; m++)
        if (e[m].f->clock[g] < fi->own && conc__depends(t, &e[m].f->step, &fj->step)) conc__clock_join(last, e[m].f->clock);
    for (size_t k = i + 1; k <= j; k++) {
        if (k >= taken && k != j) continue;
        const uint32_t *clock = k == j ? last : e[k].f->clock;
        bool first = k == j || clock[g] < fi->own;
        for (size_t m = i + 1; m < k && m < taken && first; m++) {
            const struct conc__frame *fm = e[m].f;
            if (fm->clock[g] >= fi->own) continue;
            first = fm->step.g != e[k].f->step.g && clock[fm->step.g] < fm->own;
        }
        if (first) found |= conc__bit(e[k].f->step.g);
    }
    return found;
}
CONC__FN void conc__backtrack(struct conc__frame *f, uint64_t initials, uint32_t g) {
    if (initials & f->backtrack) return;
    uint64_t can = initials & f->enabled;
    if (!can) f->backtrack |= f->enabled;
    else f->backtrack |= can & conc__bit(g) ? conc__bit(g) : can & -can;
}
/* The clock of event j, and what its races with earlier events ask for. */
CONC__FN void conc__event_races(struct conc__test *t, const struct conc__event *e, size_t j, size_t taken, uint32_t last[64][64]) {
    struct conc__frame *f = e[j].f;
    uint32_t g = f->step.g, before[64], ordered[64];
    memcpy(f->clock, last[g], sizeof f->clock);
    for (size_t k = 0; k < t->nwake; k++)
        if (t->wake[k].g == g && t->wake[k].from <= e[j].index) conc__clock_join(f->clock, t->frame[t->wake[k].frame].clock);
    memcpy(before, f->clock, sizeof before);
    memcpy(ordered, f->clock, sizeof ordered);
    for (size_t i = j < taken ? j : taken; i-- > 0;) {
        struct conc__frame *fi = e[i].f;
        if (fi->step.g == g || !conc__depends(t, &fi->step, &f->step)) continue;
        if (conc__coenabled(&fi->step, &f->step) && ordered[fi->step.g] < fi->own) {
            conc__backtrack(fi, conc__initials(t, e, i, j, taken, before), g);
            conc__clock_join(ordered, fi->clock);
        }
        conc__clock_join(f->clock, fi->clock);
    }
}
CONC__FN void conc__dpor_races(struct conc__test *t) {
    static const size_t most = 64;
    uint32_t last[64][64], count[64];
    size_t n = 0, taken;
    struct conc__event *e = (struct conc__event *)conc__xmalloc((t->nframe + most) * sizeof *e);
    struct conc__frame *pending = (struct conc__frame *)conc__xmalloc(most * sizeof *pending);
    memset(last, 0, sizeof last);
    memset(count, 0, sizeof count);
    for (size_t i = 0; i < t->nframe; i++)
        if (!t->frame[i].choice) e[n].f = &t->frame[i], e[n++].index = i;
    taken = n;
    for (uint32_t i = 0; i < t->ntg && i < 64; i++) /* who could not go, or was not let: what they wanted may race, too */
        if (t->tg[i]->g && (t->tg[i]->at >= 0 || t->tg[i]->waiting) && t->tg[i]->next.nobj) {
            memset(&pending[i], 0, sizeof pending[i]);
            pending[i].step = t->tg[i]->next;
            e[n].f = &pending[i];
            e[n++].index = t->nframe;
        }
    for (size_t j = 0; j < n; j++) {
        uint32_t g = e[j].f->step.g;
        e[j].f->own = count[g] + 1;
        conc__event_races(t, e, j, taken, last);
        if (j >= taken) continue;
        e[j].f->clock[g] = ++count[g];
        memcpy(last[g], e[j].f->clock, sizeof last[g]);
    }
    CONC_FREE(pending);
    CONC_FREE(e);
}
CONC__FN bool conc__dpor_next(struct conc__test *t) {
    conc__dpor_races(t);
    for (; t->nframe > 0; t->nframe--) {
        struct conc__frame *f = &t->frame[t->nframe - 1];
        if (f->choice) {
            if (++f->chosen < f->options) return true;
            continue;
        }
        f->done |= conc__bit(f->chosen);
        uint64_t left = f->backtrack & f->enabled & ~f->done & ~f->sleep;
        if (!left) continue;
        f->chosen = (uint32_t)__builtin_ctzll(left);
        return true;
    }
    return false;
}

/* One schedule. */
CONC__FN void conc__tg_discard(struct conc__test *t, struct conc__tg *tg) { /* abandoned where it stands */
    conc__g *g = tg->g;
    conc__rec *r = (conc__rec *)g->rec;
    tg->g = NULL;
    if (r) {
        if (r->id & CONC__R_BIG) CONC_FREE(r);
        else conc__rec_put(t->m->p, r);
    }
    for (struct conc__exit *e = g->live ? g->exits : NULL, *next; e; e = next) { /* it has started */
        next = e->next;
        if (e->heap) CONC_FREE(e);
    }
    if (g->live) CONC_FREE(g->local);
    g->exits = NULL;
    g->local = NULL;
    g->tg = NULL;
    conc__stack_put(t->m->p, g);
}
CONC__FN void conc__test_reset(struct conc__test *t, uint64_t index) {
    conc__p *p = t->m->p;
    for (uint32_t i = 0; i < t->ntg; i++)
        if (t->tg[i]->g) conc__tg_discard(t, t->tg[i]);
    for (size_t i = 0; i < t->have && index == 0; i++) /* URW: the first schedule measures, and has no weights, however often it is run */
        if (t->tg[i]) t->tg[i]->first = 0;
    conc__arr_set_len(p->heap, 0);
    conc__st(&p->due, INT64_MAX);
    if (t->nwait) memset(t->wait, 0, sizeof t->wait);
    if (t->how == CONC_EXHAUSTIVE) memset(t->last_of, 0, sizeof t->last_of);
    t->ntg = t->nrun = t->nwait = t->live = 0;
    t->cur = NULL;
    t->now = INT64_C(946684800) * CONC_SEC; /* 2000-01-01, as Go's bubbles */
    t->draw = conc__mix64(t->o.seed ^ conc__mix64(index));
    t->rng = t->draw | 1;
    (void)conc__test_rand(t);
    t->steps = 0;
    t->main_done = t->pruned = t->firing = false;
    t->kind = CONC_FAIL_NONE;
    t->what[0] = 0;
    t->low = 1u << 30;
    t->top = NULL;
    t->leaves = 0;
    t->late_fires = t->relaxed = 0;
    t->preempted = 0;
    t->at_frame = t->last_frame = t->nwake = t->at_list = t->ntrace = t->misfits = t->nwoken = 0;
    t->asleep = 0;
    t->used = 0;
    if (t->mem.on) conc__memory_reset(t);
    t->faults = t->fault_rate = 0;
    t->net = NULL;
    CONC_FREE(t->more);
    t->more = NULL;
    if (t->how != CONC_PCT) return;
    for (int i = 0; i + 1 < t->depth; i++) t->changes[i] = t->most ? 1 + conc__test_below(t, (uint32_t)t->most) : 0;
}
CONC__FN void conc__race_text(struct conc__test *t);
CONC__FN void conc__net_leaks(struct conc__test *t);
CONC__FN void conc__say_open(struct conc__test *t);
CONC__FN void conc__test_main(void *arg) {
    struct conc__test *t = (struct conc__test *)arg;
    t->fn(t->arg);
}
CONC__FN void conc__job_at(struct conc__test *t, uint64_t index);
CONC__FN void conc__test_once(struct conc__test *t, uint64_t index) {
    static const conc__site site = { "main", "conc_test", "", 0 };
    conc__m *m = t->m;
    if (conc__unlikely(t->job != NULL)) conc__job_at(t, index);
    conc__test_reset(t, index);
    conc__rec *r = conc__rec_get(m->p);
    if (!r) conc__fatal("out of memory: conc_test");
    memset(r, 0, sizeof *r);
    r->fn = (void (*)(void))(uintptr_t)conc__test_main;
    r->arg[0] = (uintptr_t)t;
    r->id = CONC__R_INT;
#if CONC__TSAN
    r->tsan = __tsan_create_fiber(0);
#endif
    conc__test_spawn(m, r, &site);
    t->cur = conc__test_next(t);
    if (t->cur) {
        conc__st(&m->cur, t->cur->g);
        conc__switch(&m->g0, t->cur->g, false);
        conc__post(m);
    }
    conc__st(&m->in, 0);
    conc__st(&m->cur, &m->g0);
    if (t->kind == CONC_FAIL_NONE && !t->pruned && t->live > 0) {
        if (!t->main_done) conc__test_note(t, CONC_FAIL_DEADLOCK, t->bubble ? "deadlock: all goroutines in bubble are blocked"
                                                                          : "all goroutines are asleep - deadlock!");
        else if (t->bubble) conc__test_note(t, CONC_FAIL_LEAK, "deadlock: main bubble goroutine has exited but blocked goroutines remain");
        else if (!t->o.leaks_allowed) conc__test_note(t, CONC_FAIL_LEAK, "%u goroutine%s blocked at the end", t->live, t->live == 1 ? " is" : "s are");
    }
    if (t->kind == CONC_FAIL_RACE) conc__race_text(t);
    if (t->kind == CONC_FAIL_NONE && !t->pruned && !t->o.leaks_allowed) conc__net_leaks(t);
    if (index < CONC__BLOCK && t->steps > t->most) t->most = t->steps;
    if (t->how == CONC_URW && index == 0)
        for (uint32_t i = 0; i < t->ntg; i++) t->tg[i]->first = t->tg[i]->length;
    t->all_steps += t->steps;
}

/* Reports. Objects have no names: they are called by kind and number, in the order in which a schedule first uses them. */
CONC__FN void conc__say(struct conc__test *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
CONC__FN void conc__say(struct conc__test *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) return;
    t->text = (char *)conc__test_grow(t->text, &t->have_text, t->ntext + (size_t)n + 1, 1);
    va_start(args, format);
    (void)vsnprintf(t->text + t->ntext, (size_t)n + 1, format, args);
    va_end(args);
    t->ntext += (size_t)n;
}
CONC__FN const char *conc__kind_of(uint8_t op) {
    switch (op) {
    case CONC__O_LOCK: case CONC__O_TRYLOCK: case CONC__O_UNLOCK: return "mutex";
    case CONC__O_RLOCK: case CONC__O_RUNLOCK: case CONC__O_WLOCK: case CONC__O_WUNLOCK: return "rwmutex";
    case CONC__O_SEND: case CONC__O_RECV: case CONC__O_CLOSE: case CONC__O_LEN: case CONC__O_SELECT: return "chan";
    case CONC__O_ADD: case CONC__O_DONE: case CONC__O_WAIT: return "wg";
    case CONC__O_CWAIT: case CONC__O_SIGNAL: case CONC__O_BROADCAST: return "cond";
    case CONC__O_ACQUIRE: case CONC__O_RELEASE: return "sem";
    case CONC__O_LOAD: case CONC__O_STORE: case CONC__O_RMW: case CONC__O_RELAX: return "atomic";
    case CONC__O_CANCEL: return "ctx";
    case CONC__O_READ: case CONC__O_WRITE: case CONC__O_FDWAIT: case CONC__O_FDCLOSE: return "stream";
    case CONC__O_BEGIN: case CONC__O_END: return "history";
    default: return "object";
    }
}
/* Number of obj: how many others have come before it in the trace. */
CONC__FN uint32_t conc__number_of(const struct conc__test *t, const void *obj) {
    const void *seen[256];
    uint32_t n = 0;
    for (size_t i = 0; i < t->ntrace; i++)
        for (int k = 0; k < t->trace[i].nobj && k < CONC__OBJS; k++) {
            uint32_t at = 0;
            if (t->trace[i].obj[k] == t || t->trace[i].obj[k] == t->net) continue; /* not shown */
            while (at < n && seen[at] != t->trace[i].obj[k]) at++;
            if (t->trace[i].obj[k] == obj) return at + 1;
            if (at == n && n < 256) seen[n++] = t->trace[i].obj[k];
        }
    return n + 1;
}
/* Places in files compiled with -fsanitize=thread are return addresses. addr2line is asked for their lines when a report wants them;
   where it cannot say, the report has what to ask it. */
struct conc__module { uintptr_t pc, base; char path[512]; };
CONC__FN int conc__module_has(struct dl_phdr_info *info, size_t size, void *arg) {
    struct conc__module *m = (struct conc__module *)arg;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && m->pc - (info->dlpi_addr + info->dlpi_phdr[i].p_vaddr) < info->dlpi_phdr[i].p_memsz) {
            m->base = info->dlpi_addr;
            if (info->dlpi_name && info->dlpi_name[0]) (void)snprintf(m->path, sizeof m->path, "%s", info->dlpi_name);
            else {
                ssize_t n = readlink("/proc/self/exe", m->path, sizeof m->path - 1);
                m->path[n > 0 ? n : 0] = 0;
            }
            return 1;
        }
    return 0;
}
/* What addr2line says, a process of its own: "function\nfile:line\n". */
CONC__FN bool conc__code_ask(const struct conc__module *m, char *to, size_t size) {
    extern char **environ;
    char offset[32];
    int ends[2];
    pid_t child;
    size_t n = 0;
    posix_spawn_file_actions_t actions;
    (void)snprintf(offset, sizeof offset, "0x%llx", (unsigned long long)(m->pc - m->base));
    const char *const argv[] = { "addr2line", "-f", "-e", m->path, offset, NULL };
    if (!m->path[0] || conc__os_pipe(ends) != 0) return false;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    (void)posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    bool on = posix_spawnp(&child, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ) == 0;
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    for (ssize_t got; on && n + 1 < size && (got = read(ends[0], to + n, size - 1 - n)) > 0;) n += (size_t)got;
    to[n] = 0;
    (void)close(ends[0]);
    if (on) (void)waitpid(child, NULL, 0);
    return n > 0;
}
CONC__FN char *conc__text_copy(const char *text, size_t n) {
    char *to = (char *)conc__xmalloc(n + 1);
    memcpy(to, text, n);
    to[n] = 0;
    return to;
}
CONC__FN void conc__code_resolve(struct conc__code *c) {
    struct conc__module m = { c->pc - 1, 0, "" }; /* within the call, not behind it */
    char text[1024], *line, *colon;
    c->known = true;
    (void)dl_iterate_phdr(conc__module_has, &m);
    if (conc__code_ask(&m, text, sizeof text) && (line = strchr(text, '\n')) && (colon = strrchr(line, ':')) && atoi(colon + 1) > 0) {
        c->site.func = conc__text_copy(text, (size_t)(line - text));
        c->site.file = conc__text_copy(line + 1, (size_t)(colon - line - 1));
        c->site.line = atoi(colon + 1);
        return;
    }
    int n = snprintf(text, sizeof text, "(addr2line -f -e %s 0x%llx)", m.path, (unsigned long long)(m.pc - m.base));
    c->site.file = conc__text_copy(text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}
CONC__FN const conc__site *conc__site_known(struct conc__test *t, const conc__site *site) {
    if ((uintptr_t)site >> 63) site = conc__code_site(t, (void *)((uintptr_t)site & ~((uintptr_t)1 << 63)));
    struct conc__code *c = (struct conc__code *)(uintptr_t)site; /* its first member, if it is one */
    if (site && site->fn == conc__code_mark && !c->known) conc__code_resolve(c);
    return site;
}
CONC__FN void conc__site_text(struct conc__test *t, const conc__site *site, char *to, size_t size) {
    site = conc__site_known(t, site);
    if (!site || !site->file) (void)snprintf(to, size, "?");
    else if (site->line) (void)snprintf(to, size, "%s:%d", conc__base(site->file), site->line);
    else (void)snprintf(to, size, "%s", site->file);
}
CONC__FN int conc__objs_shown(const struct conc__tstep *s) { /* of the network's the rest goes without saying */
    if (s->op >= CONC__O_LISTEN && s->op <= CONC__O_RESET) return 0;
    return s->op >= CONC__O_READ && s->op <= CONC__O_FDCLOSE ? 1 : s->nobj;
}
CONC__FN void conc__step_text(const struct conc__test *t, const struct conc__tstep *s, char *to, size_t size) {
    int n = snprintf(to, size, "%s", conc__op_text[s->op % CONC__O_COUNT]);
    int objs = conc__objs_shown(s);
    if (n > 0 && objs == CONC__ANY) n += snprintf(to + n, size - (size_t)n, " many");
    for (int k = 0; n > 0 && (size_t)n < size && k < objs && objs != CONC__ANY; k++)
        n += snprintf(to + n, size - (size_t)n, " %s#%u", s->op == CONC__O_CWAIT && k == 1 ? "mutex" : conc__kind_of(s->op),
                      conc__number_of(t, s->obj[k]));
    if (n > 0 && (size_t)n < size && s->parked) n += snprintf(to + n, size - (size_t)n, " (blocks)");
    if (n > 0 && (size_t)n < size && s->site && conc__site_known(NULL, s->site)->line)
        (void)snprintf(to + n, size - (size_t)n, "  %s:%d", conc__base(s->site->file), s->site->line);
}
CONC__FN void conc__tg_name(const struct conc__tg *tg, char *to, size_t size) {
    if (tg->next.g == 0) (void)snprintf(to, size, "g0 main");
    else (void)snprintf(to, size, "g%u %.*s", tg->next.g, (int)strcspn(tg->spawned->fn, ","), tg->spawned->fn);
}
#define CONC__COLUMN 34
CONC__FN const char *conc__access_text(const struct conc__access *a) {
    return a->atomic ? a->write ? "atomic write" : "atomic read" : a->write ? "write" : "read";
}
/* The failed schedule's text. */
CONC__FN void conc__race_text(struct conc__test *t) {
    char earlier[600], later[600];
    const struct conc__access *a = &t->mem.earlier, *b = &t->mem.later;
    conc__site_text(t, a->site, earlier, sizeof earlier);
    conc__site_text(t, b->site, later, sizeof later);
    (void)snprintf(t->what, sizeof t->what, "%s at %.180s and %s at %.180s, with nothing that orders them", conc__access_text(b), later,
                   conc__access_text(a), earlier);
}
CONC__FN void conc__say_access(struct conc__test *t, const char *before, const struct conc__access *a) {
    char name[64], where[600];
    conc__tg_name(t->tg[a->g], name, sizeof name);
    conc__site_text(t, a->site, where, sizeof where);
    conc__say(t, "  %s%s of %u byte%s by %s", before, conc__access_text(a), a->size, a->size == 1 ? "" : "s", name);
    if (t->tg[a->g]->spawned->line) conc__say(t, " (started at %s:%d)", conc__base(t->tg[a->g]->spawned->file), t->tg[a->g]->spawned->line);
    const conc__site *site = conc__site_known(t, a->site);
    if (site && site->func && site->func[0]) conc__say(t, " in %s", site->func);
    conc__say(t, ", %s\n", where);
}
CONC__FN void conc__say_race(struct conc__test *t) {
    conc__say(t, "  DATA RACE\n");
    conc__say_access(t, "", &t->mem.later);
    conc__say_access(t, "previous ", &t->mem.earlier);
}
/* The accesses before step i to what was raced for. */
CONC__FN void conc__say_glimpses(struct conc__test *t, size_t i, uint32_t columns) {
    for (size_t k = 0; t->kind == CONC_FAIL_RACE && k < t->mem.nglimpse; k++) {
        const struct conc__glimpse *l = &t->mem.glimpse[k];
        char name[64], where[600];
        if (l->at != i || l->p >= t->mem.where + 8 || l->p + l->a.size <= t->mem.where) continue;
        conc__site_text(t, l->a.site, where, sizeof where);
        conc__tg_name(t->tg[l->a.g], name, sizeof name);
        if (columns) conc__say(t, "%*s%s  %s\n", (int)(l->a.g * CONC__COLUMN), "", conc__access_text(&l->a), where);
        else conc__say(t, "%-20s %s  %s\n", name, conc__access_text(&l->a), where);
    }
}
CONC__FN void conc__say_older(struct conc__test *t, const struct conc__tstep *s) {
    if (s->g) conc__say(t, "-- that finds an older value, %u store%s back\n", s->g, s->g == 1 ? "" : "s");
}
/* The schedule, a line for each step: in columns if there are few goroutines. */
CONC__FN void conc__say_trace(struct conc__test *t) {
    uint32_t columns = t->ntg <= 4 ? t->ntg : 0;
    char text[160];
    for (uint32_t g = 0; g < columns; g++) {
        conc__tg_name(t->tg[g], text, sizeof text);
        if (g + 1 < columns) conc__say(t, "%-*.*s", CONC__COLUMN, CONC__COLUMN - 1, text);
        else conc__say(t, "%s\n", text);
    }
    size_t first = t->ntrace > 400 ? t->ntrace - 400 : 0;
    if (first) conc__say(t, "... %zu steps before these\n", first);
    for (size_t i = first; i < t->ntrace; i++) {
        const struct conc__tstep *s = &t->trace[i];
        conc__say_glimpses(t, i, columns);
        if (s->op == CONC__O_START || s->op == CONC__O_RESUME) continue;
        if (s->op == CONC__O_TIMER) conc__say(t, "-- time goes on, a timer fires\n");
        else if (s->op == CONC__O_CHOICE && s->nobj) conc__say_older(t, s);
        else if (s->op == CONC__O_CHOICE) conc__say(t, "-- choice %u of %u\n", s->g, s->options);
        else if (s->op == CONC__O_FAULT) {
            if (s->g) conc__say(t, "%*s-- fault: %s\n", columns ? (int)(s->options * CONC__COLUMN) : 0, "", (const char *)s->obj[0]);
        } else {
            conc__step_text(t, s, text, sizeof text);
            if (columns) conc__say(t, "%*s%s\n", (int)(s->g * CONC__COLUMN), "", text);
            else {
                char name[64];
                conc__tg_name(t->tg[s->g], name, sizeof name);
                conc__say(t, "%-20s %s\n", name, text);
            }
        }
    }
    conc__say_glimpses(t, t->ntrace, columns);
}
/* Who holds the mutex now: who locked it last in the trace. */
CONC__FN const struct conc__tstep *conc__holder(const struct conc__test *t, const void *mutex) {
    for (size_t i = t->ntrace; i-- > 0;) {
        const struct conc__tstep *s = &t->trace[i];
        if ((s->op == CONC__O_LOCK || s->op == CONC__O_TRYLOCK) && s->obj[0] == mutex) return s;
    }
    return NULL;
}
CONC__FN void conc__say_blocked(struct conc__test *t) {
    for (uint32_t i = 0; i < t->ntg; i++) {
        const struct conc__tg *tg = t->tg[i];
        const struct conc__tstep *s = &tg->next, *h;
        char name[64], text[160];
        if (!tg->g) continue;
        conc__tg_name(tg, name, sizeof name);
        conc__step_text(t, s, text, sizeof text);
        if (s->op == CONC__O_RESUME || s->op == CONC__O_START) continue;
        conc__say(t, "  %s", name);
        if (tg->spawned->line) conc__say(t, " (started at %s:%d)", conc__base(tg->spawned->file), tg->spawned->line);
        conc__say(t, " is blocked in %s", text);
        if (s->op == CONC__O_LOCK && (h = conc__holder(t, s->obj[0])) != NULL) {
            conc__tg_name(t->tg[h->g], name, sizeof name);
            conc__say(t, ", held by %s", h->g == s->g ? "itself" : name);
            if (h->site && h->site->line) conc__say(t, " since %s:%d", conc__base(h->site->file), h->site->line);
        }
        conc__say(t, "\n");
    }
}
/* A cycle of mutexes, if there is one. */
CONC__FN void conc__say_cycle(struct conc__test *t) {
    for (uint32_t i = 0; i < t->ntg; i++) {
        uint32_t path[64], n = 0, g = i;
        while (n < 64 && t->tg[g]->g && t->tg[g]->next.op == CONC__O_LOCK) {
            const struct conc__tstep *h = conc__holder(t, t->tg[g]->next.obj[0]);
            path[n++] = g;
            if (!h) break;
            g = h->g;
            if (g == i) {
                conc__say(t, "  cycle:");
                for (uint32_t k = 0; k < n; k++) conc__say(t, " g%u waits for mutex#%u, held by", path[k], conc__number_of(t, t->tg[path[k]]->next.obj[0]));
                conc__say(t, " g%u\n", i);
                return;
            }
        }
    }
}

/* The schedule that has been recorded, and how it ended. */
CONC__FN void conc__say_schedule(struct conc__test *t) {
    conc__say_trace(t);
    conc__say(t, "  => %s\n%s", t->kind == CONC_FAIL_NONE ? "passed" : t->what, t->more ? t->more : "");
    if (t->kind == CONC_FAIL_RACE) conc__say_race(t);
    if (t->kind != CONC_FAIL_DEADLOCK && t->kind != CONC_FAIL_LEAK && t->kind != CONC_FAIL_LIVELOCK) return;
    conc__say_blocked(t);
    conc__say_cycle(t);
    if (t->kind == CONC_FAIL_LEAK) conc__say_open(t);
}

/* ---- the timeline: the recorded schedule as one page of HTML ----
   A row for each step, a column for each goroutine: its line, which is thick where it is blocked. Arrows come from three sources: what went
   through a channel (first in, first out, by what each step moved), who unlocked what another locked next, and who woke whom.
   The page is well-formed XML, too, and needs nothing but itself. */
#define CONC__ROW 22
#define CONC__WIDTH 230
#define CONC__ROWS 2000 /* the last steps are shown, of the first goroutines */
#define CONC__COLUMNS 64
struct conc__page {
    struct conc__test *t;
    size_t first;         /* step in the first row */
    uint32_t columns;
    size_t *queue;        /* steps that have put something into a channel that nobody has taken yet; or SIZE_MAX */
    size_t nqueue, have_queue;
};
CONC__FN size_t conc__row_y(const struct conc__page *p, size_t step) { return 60 + (step - p->first) * CONC__ROW; }
CONC__FN uint32_t conc__column_x(uint32_t g) { return 24 + g * CONC__WIDTH; }
CONC__FN void conc__say_html(struct conc__test *t, const char *text) {
    char piece[256];
    while ((text = conc__escape(text, piece, sizeof piece)) != NULL) conc__say(t, "%s", piece);
}
CONC__FN bool conc__row_shown(const struct conc__page *p, size_t step) {
    return step >= p->first && p->t->trace[step].g < p->columns;
}
CONC__FN void conc__say_arrow(const struct conc__page *p, size_t from, size_t to, const char *kind) {
    const struct conc__tstep *a = &p->t->trace[from], *b = &p->t->trace[to];
    if (from >= to || a->g == b->g || !conc__row_shown(p, from) || !conc__row_shown(p, to)) return;
    int right = b->g > a->g ? 1 : -1;
    int x1 = (int)conc__column_x(a->g) + 6 * right, x2 = (int)conc__column_x(b->g) - 8 * right;
    conc__say(p->t, "<path class=\"%s\" d=\"M%d %zu C%d %zu %d %zu %d %zu\" marker-end=\"url(#tip)\"><title>%s</title></path>\n", kind, x1,
              conc__row_y(p, from), x1 + 60 * right, conc__row_y(p, from), x2 - 60 * right, conc__row_y(p, to), x2, conc__row_y(p, to), kind);
}
/* The first step of g at or after step i; ntrace: there is none. */
CONC__FN size_t conc__step_of(const struct conc__test *t, uint32_t g, size_t i) {
    while (i < t->ntrace && (t->trace[i].g != g || t->trace[i].op >= CONC__O_TIMER)) i++;
    return i;
}
/* The last step of g before step i, counted from 1; 0: there is none. */
CONC__FN size_t conc__step_before(const struct conc__test *t, uint32_t g, size_t i) {
    while (i > 0 && (t->trace[i - 1].g != g || t->trace[i - 1].op >= CONC__O_TIMER)) i--;
    return i;
}
CONC__FN bool conc__uses_chan(const struct conc__tstep *s, const void *chan) {
    if (s->op != CONC__O_SEND && s->op != CONC__O_RECV && s->op != CONC__O_SELECT) return false;
    for (int k = 0; k < s->nobj && k < CONC__OBJS; k++)
        if (s->obj[k] == chan) return true;
    return false;
}
/* Somebody takes the oldest element of the channel: -> the step that put it there, SIZE_MAX if that is not known. */
CONC__FN size_t conc__queue_take(struct conc__page *p, const void *chan) {
    for (size_t i = 0; i < p->nqueue; i++) {
        size_t step = p->queue[i];
        if (!conc__uses_chan(&p->t->trace[step], chan)) continue;
        memmove(p->queue + i, p->queue + i + 1, (--p->nqueue - i) * sizeof *p->queue);
        return step;
    }
    return SIZE_MAX;
}
CONC__FN void conc__queue_put(struct conc__page *p, size_t step) {
    p->queue = (size_t *)conc__test_grow(p->queue, &p->have_queue, p->nqueue + 1, sizeof *p->queue);
    p->queue[p->nqueue++] = step;
}
/* Step by has woken g, which was blocked in step blocked: an element may have gone from one to the other. -> it did, and has its arrow */
CONC__FN bool conc__say_handed(struct conc__page *p, size_t by, size_t blocked, size_t goes_on) {
    const struct conc__tstep *a = &p->t->trace[by], *b = &p->t->trace[blocked];
    const struct conc_chan *c;
    const void *chan = a->op == CONC__O_SELECT ? b->obj[0] : a->obj[0]; /* of two selects, a guess would be one */
    if ((a->op == CONC__O_SELECT && b->op == CONC__O_SELECT) || !conc__uses_chan(a, chan) || !conc__uses_chan(b, chan)) return false;
    if (a->op == CONC__O_SEND || b->op == CONC__O_RECV) { /* to who waits */
        conc__say_arrow(p, by, goes_on, "send");
        return true;
    }
    c = conc__step_chan(p->t, a->op == CONC__O_SELECT ? b : a, 0);
    if (c && c->cap > 0) { /* the oldest is taken, and the sender's goes into its place */
        size_t put = conc__queue_take(p, chan);
        if (put != SIZE_MAX) conc__say_arrow(p, put, by, "send");
        conc__queue_put(p, blocked);
    } else conc__say_arrow(p, blocked, by, "send");
    return true;
}
CONC__FN void conc__say_wakes(struct conc__page *p, size_t by) {
    struct conc__test *t = p->t;
    for (size_t k = 0; k < t->nwoken; k++) {
        size_t blocked = conc__step_before(t, t->woken[k].g, by), goes_on = conc__step_of(t, t->woken[k].g, by + 1);
        if (t->woken[k].by != by || !blocked) continue;
        if (t->trace[by].op != CONC__O_TIMER && conc__say_handed(p, by, blocked - 1, goes_on)) continue;
        if (goes_on < t->ntrace && t->trace[by].op != CONC__O_TIMER) conc__say_arrow(p, by, goes_on, "wake");
    }
}
/* A lock, or the end of a wait: the last step on its object that let it. */
CONC__FN void conc__say_released(const struct conc__page *p, size_t to) {
    const struct conc__tstep *s = &p->t->trace[to];
    if (s->op != CONC__O_LOCK && s->op != CONC__O_RLOCK && s->op != CONC__O_WLOCK && s->op != CONC__O_WAIT) return;
    for (size_t i = to; i-- > 0;) {
        const struct conc__tstep *a = &p->t->trace[i];
        bool lets = a->op == CONC__O_UNLOCK || a->op == CONC__O_WUNLOCK || a->op == CONC__O_DONE || (a->op == CONC__O_RUNLOCK && s->op == CONC__O_WLOCK);
        if ((lets && a->obj[0] == s->obj[0]) || (a->op == CONC__O_CWAIT && a->obj[1] == s->obj[0])) {
            conc__say_arrow(p, i, to, s->op == CONC__O_WAIT ? "done" : "unlock");
            return;
        }
    }
}
CONC__FN void conc__say_arrows(struct conc__page *p) {
    for (size_t i = 0; i < p->t->ntrace; i++) {
        const struct conc__tstep *s = &p->t->trace[i];
        size_t put;
        if (s->moved > 0) conc__queue_put(p, i);
        else if (s->moved < 0 && (put = conc__queue_take(p, s->obj[s->moved_in])) != SIZE_MAX) conc__say_arrow(p, put, i, "send");
        conc__say_wakes(p, i);
        conc__say_released(p, i);
    }
    CONC_FREE(p->queue);
}
/* A goroutine's line, and where it is blocked. */
CONC__FN void conc__say_line(const struct conc__page *p, uint32_t g) {
    struct conc__test *t = p->t;
    char name[80];
    size_t first = conc__step_of(t, g, p->first), last = conc__step_before(t, g, t->ntrace);
    uint32_t x = conc__column_x(g);
    conc__tg_name(t->tg[g], name, sizeof name);
    conc__say(t, "<text class=\"name\" x=\"%u\" y=\"24\">", x - 8);
    conc__say_html(t, name);
    conc__say(t, "<title>started at %s:%d</title></text>\n", conc__base(t->tg[g]->spawned->file), t->tg[g]->spawned->line);
    if (first >= t->ntrace) return;
    size_t end = t->tg[g]->g ? t->ntrace : last;
    conc__say(t, "<line class=\"life\" x1=\"%u\" y1=\"%zu\" x2=\"%u\" y2=\"%zu\"/>\n", x, conc__row_y(p, first), x, conc__row_y(p, end - 1));
    for (size_t i = first; i < t->ntrace; i = conc__step_of(t, g, i + 1)) {
        size_t next = conc__step_of(t, g, i + 1);
        bool stuck = next == t->ntrace && t->tg[g]->g && t->kind != CONC_FAIL_NONE && t->tg[g] != t->cur;
        if (!t->trace[i].parked && !stuck) continue;
        conc__say(t, "<line class=\"blocked\" x1=\"%u\" y1=\"%zu\" x2=\"%u\" y2=\"%zu\"><title>blocked</title></line>\n", x, conc__row_y(p, i) + 5, x,
                  conc__row_y(p, next < t->ntrace ? next : t->ntrace) - 5);
    }
}
CONC__FN void conc__say_row(const struct conc__page *p, size_t i) {
    struct conc__test *t = p->t;
    const struct conc__tstep *s = &t->trace[i];
    char text[160];
    size_t y = conc__row_y(p, i);
    if (s->op == CONC__O_TIMER || s->op == CONC__O_CHOICE) {
        if (s->op == CONC__O_TIMER)
            conc__say(t, "<line class=\"time\" x1=\"8\" y1=\"%zu\" x2=\"%u\" y2=\"%zu\"/><text class=\"time\" x=\"30\" y=\"%zu\">"
                         "time goes on, a timer fires</text>\n", y, conc__column_x(p->columns) - 8, y, y - 3);
        else conc__say(t, "<text class=\"time\" x=\"30\" y=\"%zu\">choice %u of %u</text>\n", y + 4, s->g, s->options);
        return;
    }
    if (s->g >= p->columns) return;
    uint32_t x = conc__column_x(s->g);
    if (s->op == CONC__O_START) (void)snprintf(text, sizeof text, "starts");
    else if (s->op == CONC__O_RESUME) (void)snprintf(text, sizeof text, "goes on");
    else conc__step_text(t, s, text, sizeof text);
    bool minor = s->op == CONC__O_START || s->op == CONC__O_RESUME;
    conc__say(t, "<g class=\"%s\"><circle cx=\"%u\" cy=\"%zu\" r=\"%d\"/><text x=\"%u\" y=\"%zu\">", minor ? "minor" : "step", x, y, minor ? 3 : 5,
              x + 14, y + 4);
    conc__say_html(t, text);
    conc__say(t, "</text><title>step %zu: ", i + 1);
    conc__say_html(t, text);
    if (s->site && s->site->line) {
        conc__say(t, "\n");
        conc__say_html(t, s->site->file);
        conc__say(t, ":%d", s->site->line);
    }
    conc__say(t, "</title></g>\n");
}
/* Where the schedule ended, in the column of who was running, or across. */
CONC__FN void conc__say_end(const struct conc__page *p) {
    struct conc__test *t = p->t;
    size_t y = conc__row_y(p, t->ntrace);
    bool own = t->kind == CONC_FAIL_ASSERT || t->kind == CONC_FAIL_PANIC || t->kind == CONC_FAIL_RACE || t->kind == CONC_FAIL_CRASH ||
               t->kind == CONC_FAIL_HANG;
    own = own && t->cur && t->cur->next.g < p->columns;
    uint32_t x = conc__column_x(own ? t->cur->next.g : 0);
    conc__say(t, "<g class=\"end\"><path d=\"M%u %zu l12 12 m0 -12 l-12 12\"/><text x=\"%u\" y=\"%zu\">", x - 6, y - 6, x + 14, y + 4);
    conc__say_html(t, t->kind == CONC_FAIL_NONE ? "passed" : t->what);
    conc__say(t, "</text></g>\n");
}
CONC__FN void conc__say_page(struct conc__test *t) {
    static const char style[] =
        ":root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--faint:#8a929c;--send:#0a62c4;--unlock:#1a7f37;--wake:#8250df;--bad:#cf222e;"
        "--wait:#f0b429}\n@media(prefers-color-scheme:dark){:root{--ink:#e6e9ed;--paper:#14171b;--send:#6cb2ff;--unlock:#57d07a;--wake:#c39bff;"
        "--bad:#ff7b72;--wait:#b8860b}}\n"
        "body{background:var(--paper);color:var(--ink);font:14px/1.5 system-ui,sans-serif;margin:1.5em}\n"
        "svg{font:12px ui-monospace,monospace;fill:var(--ink)}.scroll{overflow:auto}pre{white-space:pre-wrap}\n"
        ".name{font-weight:bold}.life{stroke:var(--faint);stroke-width:1.5}.blocked{stroke:var(--wait);stroke-width:7;stroke-linecap:round}\n"
        ".minor,.time{fill:var(--faint);stroke:none}line.time{stroke:var(--faint);stroke-dasharray:2 4}.step:hover,.minor:hover{fill:var(--send)}\n"
        "path.send,path.unlock,path.done,path.wake{fill:none;stroke-width:1.5;stroke:var(--send);opacity:.8}path.unlock{stroke:var(--unlock)}\n"
        "path.done,path.wake{stroke:var(--wake);stroke-dasharray:5 3}path:hover{opacity:1;stroke-width:3}\n"
        "#tip path{fill:var(--faint)}.end path{stroke:var(--bad);stroke-width:3}.end text{fill:var(--bad);font-weight:bold}\n";
    struct conc__page p;
    memset(&p, 0, sizeof p);
    p.t = t;
    p.first = t->ntrace > CONC__ROWS ? t->ntrace - CONC__ROWS : 0;
    p.columns = t->ntg < CONC__COLUMNS ? t->ntg : CONC__COLUMNS;
    conc__say(t, "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head><meta charset=\"utf-8\"/><title>");
    conc__say_html(t, t->name);
    conc__say(t, "</title>\n<style>\n%s</style></head>\n<body>\n<h1>", style);
    conc__say_html(t, t->name);
    conc__say(t, "</h1>\n<p>%s: ", conc_fail_text(t->kind));
    conc__say_html(t, t->what);
    conc__say(t, "</p>\n<p>%u goroutines, %zu steps", t->ntg, t->ntrace);
    if (p.first) conc__say(t, ", the last %d are shown", CONC__ROWS);
    if (p.columns < t->ntg) conc__say(t, " of the first %u goroutines", p.columns);
    conc__say(t, ". Thick: blocked. Arrows: send to receive, unlock to lock, dashed: done to wait, waker to woken. Point at a step for its place."
                 "</p>\n");
    uint32_t wide = conc__column_x(p.columns) + 120;
    size_t high = conc__row_y(&p, t->ntrace) + 30;
    conc__say(t, "<div class=\"scroll\"><svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%zu\" viewBox=\"0 0 %u %zu\" role=\"img\" "
                 "aria-label=\"schedule\">\n<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"6\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" "
                 "orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n", wide, high, wide, high);
    for (uint32_t g = 0; g < p.columns; g++) conc__say_line(&p, g);
    for (size_t i = p.first; i < t->ntrace; i++) conc__say_row(&p, i);
    conc__say_arrows(&p);
    conc__say_end(&p);
    conc__say(t, "</svg></div>\n</body>\n</html>\n");
}
/* The page's file: what the option says, or the test's name in CONC_TIMELINE. -> false: none is wanted */
CONC__FN bool conc__page_path(const struct conc__test *t, char *path, size_t size) {
    const char *dir = getenv("CONC_TIMELINE");
    if (t->o.timeline) return snprintf(path, size, "%s", t->o.timeline) < (int)size;
    if (!dir || !*dir) return false;
    int n = snprintf(path, size, "%s/%s.html", dir, t->name);
    for (int i = (int)strlen(dir) + 1; i < n - 5 && n < (int)size; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", path[i])) path[i] = '-';
    return n < (int)size;
}
/* Write the page of the recorded schedule, if one is wanted, and say where it is. */
CONC__FN void conc__timeline(struct conc__test *t) {
    char path[4096], *text = t->text;
    size_t n = t->ntext, have = t->have_text;
    if (!conc__page_path(t, path, sizeof path)) return;
    conc__trace_settle(t);
    t->text = NULL;
    t->ntext = t->have_text = 0;
    conc__say_page(t);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), error = fd < 0 ? errno : 0;
    if (fd >= 0) {
        conc__write_all(fd, t->text, t->ntext);
        (void)close(fd);
    }
    CONC_FREE(t->text);
    t->text = text;
    t->ntext = n;
    t->have_text = have;
    if (error) conc__say(t, "timeline: %s: %s\n", path, strerror(error));
    else conc__say(t, "timeline: %s\n", path);
}

/* Tokens, c1 followed by w if memory is weak, and p if plain accesses are steps: c1.<strategy and depth>.<seed>.<index>.<longest> for
   schedules out of a generator; c1=<list> for any: decisions as text, each goroutine's number once for a run of steps ("3x5" is five
   steps of goroutine 3), "t" a timer, "c2" a choice. */
CONC__FN const char *conc__marks(const struct conc__test *t) {
    return t->o.weak ? t->o.races_allowed ? "wp" : "w" : t->o.races_allowed ? "p" : "";
}
static const char *const conc__strategy_text[] = { "mix", "random", "pos", "pct", "urw", "bounded", "dpor", "fifo" };
CONC__FN size_t conc__decisions(struct conc__test *t) { /* the trace as a list to follow */
    size_t n = 0, have = 0;
    uint16_t *list = NULL;
    for (size_t i = 0; i < t->ntrace; i++) {
        const struct conc__tstep *s = &t->trace[i];
        list = (uint16_t *)conc__test_grow(list, &have, n + 1, sizeof *list);
        bool choice = s->op == CONC__O_CHOICE || s->op == CONC__O_FAULT;
        list[n++] = s->op == CONC__O_TIMER ? (uint16_t)CONC__D_TIMER : choice ? (uint16_t)(CONC__D_CHOICE | s->g) : s->g;
    }
    CONC_FREE(t->list);
    t->list = list;
    t->nlist = n;
    return n;
}
CONC__FN char *conc__list_text(const char *marks, const uint16_t *list, size_t n) {
    char *text = (char *)conc__xmalloc(n * 12 + 8);
    size_t at = (size_t)sprintf(text, "c1%s=", marks);
    for (size_t i = 0, k; i < n; i = k) {
        for (k = i + 1; k < n && list[k] == list[i] && list[i] < CONC__D_CHOICE;) k++;
        if (i) text[at++] = ',';
        if (list[i] == CONC__D_TIMER) at += (size_t)sprintf(text + at, "t");
        else if (list[i] >= CONC__D_CHOICE) at += (size_t)sprintf(text + at, "c%d", list[i] & 0x7fff);
        else if (k - i > 1) at += (size_t)sprintf(text + at, "%dx%zu", list[i], k - i);
        else at += (size_t)sprintf(text + at, "%d", list[i]);
    }
    text[at] = 0;
    return text;
}
CONC__FN bool conc__list_parse(struct conc__test *t, const char *p) {
    size_t have = 0;
    CONC_FREE(t->list);
    t->list = NULL;
    t->nlist = 0;
    while (*p) {
        long n = 1, what;
        char *end = (char *)(uintptr_t)p;
        if (*p == 't') what = CONC__D_TIMER, end++;
        else if (*p == 'c') what = CONC__D_CHOICE | (strtol(p + 1, &end, 10) & 0x7fff);
        else {
            what = strtol(p, &end, 10);
            if (*end == 'x') n = strtol(end + 1, &end, 10);
        }
        if (end == p || n < 1 || n > 10000000 || what < 0 || what > CONC__D_TIMER || (*end && *end != ',')) return false;
        t->list = (uint16_t *)conc__test_grow(t->list, &have, t->nlist + (size_t)n, sizeof *t->list);
        while (n-- > 0) t->list[t->nlist++] = (uint16_t)what;
        p = *end ? end + 1 : end;
    }
    return true;
}

/* Shrinking: drop runs of decisions as long as the same failure comes back with fewer faults, changes of goroutine, decisions, or
   choices that are not the first. */
CONC__FN uint32_t conc__changes(const uint16_t *list, size_t n) {
    uint32_t k = 0;
    for (size_t i = 1; i < n; i++) k += list[i] != list[i - 1];
    return k;
}
CONC__FN uint32_t conc__choices(const uint16_t *list, size_t n) {
    uint32_t k = 0;
    for (size_t i = 0; i < n; i++) k += list[i] > CONC__D_CHOICE && list[i] != CONC__D_TIMER;
    return k;
}
CONC__FN bool conc__follow(struct conc__test *t, conc_fail_kind kind, const char *what) {
    t->following = t->tracing = true;
    conc__test_once(t, 0);
    return t->kind == kind && (kind == CONC_FAIL_LEAK || kind == CONC_FAIL_LIVELOCK || strcmp(t->what, what) == 0);
}
CONC__FN void conc__shrink(struct conc__test *t, conc_fail_kind kind, const char *what) {
    int64_t limit = conc__os_now() + 200 * CONC_MS;
    uint32_t faults = t->faults;
    size_t n = conc__decisions(t);
    uint16_t *best = (uint16_t *)conc__xmalloc((n + 1) * sizeof *best);
    memcpy(best, t->list, n * sizeof *best);
    bool better = true;
    for (int tries = 0; better && tries < 2000;) {
        better = false;
        for (size_t i = 0, k; i < n && tries < 2000 && conc__os_now() < limit; i = k) {
            for (k = i + 1; k < n && best[k] == best[i];) k++;
            t->list = (uint16_t *)conc__realloc(t->list, (n + 1) * sizeof *t->list);
            memcpy(t->list, best, i * sizeof *best);
            memcpy(t->list + i, best + k, (n - k) * sizeof *best);
            t->nlist = n - (k - i);
            tries++;
            if (!conc__follow(t, kind, what) || t->faults > faults || (t->ntrace > n && t->faults == faults)) continue;
            size_t now = conc__decisions(t);
            uint32_t before = conc__changes(best, n), after = conc__changes(t->list, now);
            bool fewer = now < n || (now == n && conc__choices(t->list, now) < conc__choices(best, n));
            if (t->faults == faults && (after > before || (after == before && !fewer))) continue;
            faults = t->faults;
            if (now > n) best = (uint16_t *)conc__realloc(best, (now + 1) * sizeof *best);
            memcpy(best, t->list, now * sizeof *best);
            n = now;
            better = true;
            k = i;
            if (k >= n) break;
        }
    }
    t->list = (uint16_t *)conc__realloc(t->list, (n + 1) * sizeof *t->list);
    memcpy(t->list, best, n * sizeof *best);
    t->nlist = n;
    CONC_FREE(best);
}

/* The driver. */
CONC__FN struct conc__test *conc__test_new(const char *name, void (*fn)(void *), void *arg, const conc_test_opts *o) {
    struct conc__test *t = (struct conc__test *)conc__xmalloc(sizeof *t);
    memset(t, 0, sizeof *t);
    t->o = *o;
    t->name = o->name ? o->name : name;
    t->fn = fn;
    t->arg = arg;
    if (!t->o.schedules) t->o.schedules = 10000;
    if (t->o.seconds <= 0) t->o.seconds = 1;
    if (t->o.depth < 1 || t->o.depth > 16) t->o.depth = 3;
    if (t->o.preemptions <= 0) t->o.preemptions = 2;
    if (!t->o.max_steps) t->o.max_steps = 100000;
    if (!t->o.fair_after) t->o.fair_after = 10000;
    if (t->o.stuck <= 0) t->o.stuck = 10;
    if (t->o.jobs > CONC__JOBS) t->o.jobs = CONC__JOBS;
    if (t->o.jobs > 1) t->o.isolate = true;
    if (!t->o.seed) t->o.seed = (uint64_t)conc__env("CONC_SEED", 1, INT_MAX, 1);
    t->size = CONC__ARENA;
    t->arena = (char *)conc__os_reserve(t->size);
    conc__m *m = (conc__m *)conc__line_alloc(sizeof *m);
    conc__p *p = conc__p_new(0);
    if (!t->arena || !m || !p) conc__fatal("out of memory: conc_test");
    m->test = t;
    m->p = p;
    m->cur = &m->g0;
    m->stop = CONC__TESTED;
    p->m = m;
    t->m = m;
    return t;
}
CONC__FN void conc__test_free(struct conc__test *t) {
    if (!t) return;
    for (size_t i = 0; i < t->have; i++) CONC_FREE(t->tg[i]);
    CONC_FREE(t->tg);
    CONC_FREE(t->run);
    CONC_FREE(t->tree);
    CONC_FREE(t->trace);
    CONC_FREE(t->list);
    CONC_FREE(t->frame);
    CONC_FREE(t->wake);
    CONC_FREE(t->woken);
    CONC_FREE(t->text);
    CONC_FREE(t->long_token);
    conc__memory_free(&t->mem);
    CONC_FREE(t->more);
    CONC_FREE(t);
}
/* The calling thread becomes the explorer's M, and is itself again. */
CONC__FN void conc__test_enter(struct conc__test *t) {
    conc__ensure();
    conc__thread_bind(t->m);
    conc__tls_m = t->m;
    (void)conc__add(&conc__testing, 1);
    conc__tsan_blind(true);
}
CONC__FN void conc__test_release(struct conc__test *t) {
    conc__p *p = t->m->p;
    conc__lock(&conc__rt.stack_lock); /* its free stacks and records go back to the common pools */
    while (p->nstack > 0) conc__pool_put(p->stacks[--p->nstack]);
    conc__unlock(&conc__rt.stack_lock);
    conc__lock(&conc__rt.lock);
    while (p->recs) { /* a batch may be of fewer, but not of more: who takes it counts on that */
        conc__rec *first = p->recs, *last = first;
        for (int i = 1; i < CONC__BATCH && last->arg[1]; i++) last = (conc__rec *)last->arg[1];
        p->recs = (conc__rec *)last->arg[1];
        last->arg[1] = 0;
        first->arg[0] = (uintptr_t)conc__rt.recs;
        conc__rt.recs = first;
    }
    conc__unlock(&conc__rt.lock);
    conc__arr_free(p->heap);
    CONC_FREE(p->ring);
    conc__line_free(p);
    conc__line_free(t->m);
    t->m = NULL;
    conc__os_release(t->arena, t->size);
    t->arena = NULL;
}
CONC__FN void conc__test_exit_thread(struct conc__test *t) {
    for (uint32_t i = 0; i < t->ntg; i++)
        if (t->tg[i]->g) conc__tg_discard(t, t->tg[i]);
    t->ntg = 0;
    conc__tsan_blind(false);
    (void)conc__add(&conc__testing, (uint32_t)-1);
    conc__tls_m = NULL;
    conc__test_release(t);
}
/* Which strategy schedule i of a test follows. */
CONC__FN void conc__test_turn(struct conc__test *t, uint64_t index) {
    static const conc_strategy turn[4] = { CONC_POS, CONC_RANDOM, CONC_PCT, CONC_PCT };
    t->how = t->o.strategy == CONC_MIX ? turn[index & 3] : t->o.strategy;
    t->depth = t->o.strategy == CONC_MIX ? ((index & 3) == 2 ? 3 : 2) : t->o.depth;
    t->race_time = t->o.time == CONC_TIME_RACE && t->how <= CONC_URW;
    bool search = t->how == CONC_BOUNDED || t->how == CONC_EXHAUSTIVE;
    /* order costs, and many tests have no use for it: in the process's first schedule, and from when plain memory was seen */
    t->mem.on = t->o.weak || (!t->o.races_allowed && (index == t->from || search || t->mem.seen));
}
CONC__FN bool conc__test_more(struct conc__test *t, uint64_t index, int64_t limit) {
    switch (t->how) {
    case CONC_BOUNDED: return conc__bounded_next(t);
    case CONC_EXHAUSTIVE: return conc__dpor_next(t);
    case CONC_FIFO: return false;
    default: return index + 1 < t->o.schedules && ((index & 63) != 63 || conc__os_now() < limit);
    }
}
/* May a failure's schedule be run over and over in this process? Not after one that may have damaged its memory, or takes long. */
CONC__FN bool conc__harmless(conc_fail_kind kind) { return kind != CONC_FAIL_CRASH && kind != CONC_FAIL_HANG; }
CONC__FN const char *conc__short_token(struct conc__test *t, uint64_t index, uint64_t longest) {
    (void)snprintf(t->token, sizeof t->token, "c1%s.%s%d.%llu.%llu.%llu", conc__marks(t), conc__strategy_text[t->how], t->depth,
                   (unsigned long long)t->o.seed, (unsigned long long)index, (unsigned long long)longest);
    return t->token;
}
/* Run the failed schedule again, record it, make it small, and tell. */
CONC__FN void conc__test_explain(struct conc__test *t, conc_report *r, uint64_t index, uint64_t longest) {
    conc_fail_kind kind = t->kind;
    conc_strategy how = t->how;
    char what[sizeof t->what];
    memcpy(what, t->what, sizeof what);
    t->tracing = true;
    t->most = longest;
    t->how = how;
    conc__test_once(t, index);
    if (t->kind != kind || strcmp(t->what, what) != 0) {
        r->kind = CONC_FAIL_NONDET;
        conc__say(t, "FAIL %s: the test is not deterministic: schedule %llu failed (%s), and did not when it was run again\n", t->name,
                  (unsigned long long)index, what);
        return;
    }
    uint32_t before, after;
    (void)conc__decisions(t);
    before = after = conc__changes(t->list, t->nlist);
    if (!t->o.quiet && conc__harmless(kind)) {
        conc__shrink(t, kind, what);
        after = conc__changes(t->list, t->nlist);
        (void)conc__follow(t, kind, what);
    }
    t->long_token = conc__list_text(conc__marks(t), t->list, t->nlist);
    if (how == CONC_BOUNDED || how == CONC_EXHAUSTIVE || how == CONC_FIFO) r->token = t->long_token;
    else r->token = conc__short_token(t, index, longest);
    conc__say(t, "FAIL %s: %s: %s\n", t->name, conc_fail_text(kind), t->what);
    if (t->o.quiet) return;
    conc__say(t, "  schedule %llu of %s, %u goroutines, %zu steps, %u changes of goroutine", (unsigned long long)index + 1,
              conc__strategy_text[t->o.strategy], t->ntg, t->ntrace, after);
    if (conc__harmless(kind)) conc__say(t, " (shrunk from %u)\n\n", before);
    else conc__say(t, "\n\n");
    conc__say_schedule(t);
    conc__say(t, "\nagain: CONC_REPLAY='%s'\n", r->token);
    if (r->token != t->long_token && strlen(t->long_token) < 20000) /* a schedule of 100,000 steps has none that anybody copies */
        conc__say(t, "   or: CONC_REPLAY='%s' (%s)\n", t->long_token, conc__harmless(kind) ? "this shorter one" : "step by step");
    conc__timeline(t);
}
CONC__FN conc_report conc__test_search(struct conc__test *t) {
    conc_report r;
    memset(&r, 0, sizeof r);
    r.token = "";
    bool search = t->o.strategy == CONC_BOUNDED || t->o.strategy == CONC_EXHAUSTIVE;
    int64_t limit = conc__os_now() + (int64_t)(t->o.seconds * 1e9);
    uint64_t index = 0, longest;
    do {
        conc__test_turn(t, index);
        longest = t->most;
        conc__test_once(t, index);
        r.schedules += !t->pruned;
        if (t->kind != CONC_FAIL_NONE) break;
    } while (conc__test_more(t, index, limit) && (index = index + 1 == CONC__BLOCK && t->from > index ? t->from : index + 1));
    if (t->from) r.schedules = index + 1;
    r.kind = t->kind;
    r.steps = t->all_steps;
    r.ok = r.kind == CONC_FAIL_NONE;
    r.exhausted = r.ok && search && !t->mem.partly;
    if (!r.ok) conc__test_explain(t, &r, index, longest);
    else if (r.exhausted && t->o.strategy == CONC_EXHAUSTIVE)
        conc__say(t, "ok %s: all %llu distinct schedules explored (%s%s, timers when idle)\n", t->name, (unsigned long long)r.schedules,
                  t->o.weak ? "memory orders as in C11, without load buffering" : "sequentially consistent",
                  t->mem.seen && !t->o.races_allowed ? ", no data race" : "");
    else if (r.exhausted) conc__say(t, "ok %s: all %llu schedules with at most %d preemptions explored\n", t->name, (unsigned long long)r.schedules, t->o.preemptions);
    else conc__say(t, "ok %s: %llu schedules%s\n", t->name, (unsigned long long)r.schedules,
                   t->mem.partly ? ", data races looked for only in a part of memory or of the schedules" : "");
    return r;
}
CONC__FN conc_report conc__test_replay(struct conc__test *t, const char *token) {
    conc_report r;
    char name[16];
    unsigned long long seed, index, most;
    int depth, k = 0;
    memset(&r, 0, sizeof r);
    r.token = "";
    const char *rest = token;
    if (strncmp(token, "c1", 2) == 0) {
        for (rest += 2; *rest == 'w' || *rest == 'p'; rest++) *(*rest == 'w' ? &t->o.weak : &t->o.races_allowed) = true;
    }
    t->mem.on = !t->o.races_allowed || t->o.weak;
    if (*rest == '=' && conc__list_parse(t, rest + 1)) {
        t->how = CONC_FIFO;
        t->following = t->tracing = true;
        conc__test_once(t, 0);
    } else if (sscanf(rest, ".%15[a-z]%d.%llu.%llu.%llu", name, &depth, &seed, &index, &most) == 5) {
        for (k = CONC_RANDOM; k <= CONC_URW && strcmp(name, conc__strategy_text[k]) != 0;) k++;
        t->how = (conc_strategy)k;
        t->depth = depth < 1 || depth > 16 ? 1 : depth;
        t->o.seed = seed;
        t->race_time = t->o.time == CONC_TIME_RACE;
        t->most = most;
        t->tracing = true;
        if (k == CONC_URW && index > 0) conc__test_once(t, 0); /* the weights */
        if (k <= CONC_URW) conc__test_once(t, index);
    }
    if (t->steps == 0) {
        r.kind = CONC_FAIL_INVALID;
        conc__say(t, "FAIL %s: no such token: %s\n", t->name, token);
        return r;
    }
    r.kind = t->kind;
    r.ok = r.kind == CONC_FAIL_NONE;
    r.schedules = 1;
    r.steps = t->steps;
    if (r.ok) conc__say(t, "ok %s: this schedule passes\n", t->name);
    else conc__say(t, "FAIL %s: %s: %s\n", t->name, conc_fail_text(t->kind), t->what);
    t->misfits += t->nlist - t->at_list;
    if (t->misfits)
        conc__say(t, "  %zu of the token's %zu decisions did not fit and were passed over: the program has changed since\n", t->misfits, t->nlist);
    conc__say(t, "\n");
    conc__say_schedule(t);
    conc__timeline(t);
    (void)snprintf(t->token, sizeof t->token, "%s", r.ok ? "" : strlen(token) < sizeof t->token ? token : "");
    r.token = t->token;
    return r;
}
CONC__FN conc_report conc__test_whole(struct conc__test *t, const char *token) {
    return token ? conc__test_replay(t, token) : conc__test_search(t);
}

/* ---- processes: .isolate and .jobs ----
   Nothing of the test runs in the caller's process. The process that does run it ("apart") is forked, has one thread of the explorer and
   what conc.h's runtime starts afresh (see conc__fork_child), and ends by _exit, so a runtime and threads that the caller has are
   not touched; memory is a copy, and locks that other threads held at the fork stay locked in it: a body must not use what they guard.

   There a signal that would kill ends the schedule, as a panic does: its handler switches to the driver, which then explains the failure as any other. The
   process may be damaged by then, and the second blow kills it; so it notes in shared memory which schedule it is at, and from
   that the caller makes a report of fewer words.

   With jobs, processes take blocks of schedules in turn, each in order, and stop behind the least that has failed; since each runs the first block for itself
   (PCT and URW measure in it), a schedule is the same in all of them. The one that failed is then explained by one more process. */
struct conc__part { uint64_t index, most, schedules, steps; }; /* which schedule; and PCT's length before it; how many have been run */
struct conc__apart {
    uint64_t next, failed; /* the first block that nobody has; the least schedule that failed */
    struct conc__part job[CONC__JOBS + 1]; /* the last: of the one that explains */
};
struct conc__told { conc_fail_kind kind; bool exhausted; uint64_t schedules, steps; size_t token; }; /* through the pipe: this, token, text */
static struct { struct conc__test *t; pthread_t thread; uint64_t steps; int same; } conc__watch;

CONC__FN void conc__job_at(struct conc__test *t, uint64_t index) {
    if (t->following) return; /* shrinking */
    conc__st(&t->job->index, index);
    conc__st(&t->job->most, t->most);
}
CONC__FN bool conc__in_body(const struct conc__test *t) { return pthread_equal(pthread_self(), conc__watch.thread) && t->m->cur != &t->m->g0; }
CONC__FN void conc__on_crash(int sig, siginfo_t *info, void *context) {
    struct conc__test *t = conc__watch.t;
    uintptr_t at = (uintptr_t)info->si_addr;
    (void)context;
    if (!conc__in_body(t)) {
        (void)signal(sig, SIG_DFL); /* returns, and dies of it */
        return;
    }
    bool address = sig == SIGSEGV || sig == SIGBUS;
    if (address && conc__guard_hit((const char *)at)) conc__test_note(t, CONC_FAIL_PANIC, "fatal error: stack overflow");
    else if (address && info->si_code > 0 && at < 65536)
        conc__test_note(t, CONC_FAIL_CRASH, "%s: an access through a null pointer (address %#zx)", conc__signal_text(sig), (size_t)at);
    else conc__test_note(t, CONC_FAIL_CRASH, "%s", conc__signal_text(sig));
    conc__test_leave(t);
}
CONC__FN void conc__on_tick(int sig) { /* four times in .stuck seconds */
    struct conc__test *t = conc__watch.t;
    if (!pthread_equal(pthread_self(), conc__watch.thread)) {
        (void)pthread_kill(conc__watch.thread, sig);
        return;
    }
    uint64_t steps = t->all_steps + t->steps;
    if (conc__watch.steps != steps) {
        conc__watch.steps = steps;
        conc__watch.same = 0;
    } else if (++conc__watch.same >= 4) {
        if (!conc__in_body(t)) _exit(3); /* the driver, stuck: a crash has left something locked */
        conc__watch.same = 0;
        conc__test_note(t, CONC_FAIL_HANG, "no operation for %g s: a loop without one, or a call that blocks", t->o.stuck);
        conc__test_leave(t);
    }
}
/* This process is the test's: have the signals that would kill it, and a clock that looks after it. */
CONC__FN void conc__watch_begin(struct conc__test *t) {
    static const int fatal[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };
    struct itimerval every;
    struct sigaction a;
    stack_t alt;
    conc__watch.t = t;
    conc__watch.thread = pthread_self();
    memset(&alt, 0, sizeof alt);
    alt.ss_size = 65536;
    alt.ss_sp = conc__xmalloc(alt.ss_size);
    (void)sigaltstack(&alt, NULL);
    memset(&a, 0, sizeof a);
    (void)sigemptyset(&a.sa_mask);
    a.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER; /* its handlers do not return */
    a.sa_sigaction = conc__on_crash;
    size_t n = CONC__ASAN ? 1 : sizeof fatal / sizeof fatal[0]; /* AddressSanitizer explains the others */
    for (size_t i = 0; i < n; i++) (void)sigaction(fatal[i], &a, NULL);
    a.sa_flags = SA_ONSTACK | SA_NODEFER | SA_RESTART;
    a.sa_handler = conc__on_tick;
    (void)sigaction(SIGALRM, &a, NULL);
    int64_t us = (int64_t)(t->o.stuck * 1e6 / 4) + 1;
    every.it_interval.tv_sec = (time_t)(us / 1000000);
    every.it_interval.tv_usec = (suseconds_t)(us % 1000000);
    every.it_value = every.it_interval;
    (void)setitimer(ITIMER_REAL, &every, NULL);
}

/* the processes that search */
CONC__FN void conc__job_run(struct conc__test *t, struct conc__apart *s, uint64_t index, bool counts) {
    uint64_t least = conc__ld(&s->failed);
    conc__test_turn(t, index);
    conc__test_once(t, index);
    if (counts) conc__st(&t->job->schedules, t->job->schedules + 1);
    conc__st(&t->job->steps, t->all_steps);
    if (t->kind == CONC_FAIL_NONE) return;
    while (index < least && !__atomic_compare_exchange_n(&s->failed, &least, index, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) continue;
}
CONC__FN void conc__job_main(struct conc__test *t, struct conc__apart *s, bool first) {
    int64_t limit = conc__os_now() + (int64_t)(t->o.seconds * 1e9);
    uint64_t end = t->o.schedules, i = 0;
    (void)signal(SIGALRM, SIG_DFL);
    (void)alarm((unsigned)t->o.stuck + 1); /* until the watch begins: a lock that was held at the fork must not stop the caller */
    conc__test_enter(t);
    conc__watch_begin(t);
    for (; i < end && i < CONC__BLOCK && i < conc__ld(&s->failed); i++) conc__job_run(t, s, i, first);
    do {
        i = conc__add(&s->next, (uint64_t)CONC__BLOCK) - CONC__BLOCK;
        for (uint64_t k = i; k < end && k < i + CONC__BLOCK && k < conc__ld(&s->failed); k++) conc__job_run(t, s, k, true);
    } while (i < end && i < conc__ld(&s->failed) && conc__os_now() < limit);
    (void)fflush(NULL);
    _exit(0);
}
/* All processes that search; -> false: none could be started. */
CONC__FN bool conc__jobs_run(struct conc__test *t, struct conc__apart *s) {
    pid_t pid[CONC__JOBS];
    int n = 0;
    for (; n < t->o.jobs; n++) {
        t->job = &s->job[n];
        if ((pid[n] = fork()) == 0) conc__job_main(t, s, n == 0);
        if (pid[n] < 0) break;
    }
    for (int k = 0; k < n; k++)
        if (conc__apart_wait(pid[k]) != 0 && s->job[k].index < s->failed) s->failed = s->job[k].index;
    return n > 0;
}

/* the process that explains, or does it all */
CONC__FN void conc__apart_main(struct conc__test *t, const char *token, int fd) {
    struct conc__told told;
    (void)signal(SIGALRM, SIG_DFL);
    (void)alarm((unsigned)t->o.stuck + 1); /* until the watch begins: a lock that was held at the fork must not stop the caller */
    conc__test_enter(t);
    conc__watch_begin(t);
    conc_report r = conc__test_whole(t, token);
    memset(&told, 0, sizeof told);
    told.kind = r.kind;
    told.exhausted = r.exhausted;
    told.schedules = r.schedules;
    told.steps = r.steps;
    told.token = strlen(r.token);
    (void)fflush(NULL);
    conc__write_all(fd, &told, sizeof told);
    conc__write_all(fd, r.token, told.token);
    conc__write_all(fd, t->text, t->ntext);
    _exit(0);
}
/* The process has told nothing: a report from what it has left in the shared memory. */
CONC__FN void conc__apart_lost(struct conc__test *t, conc_report *r, const char *token, int status) {
    uint64_t index = t->job->index;
    t->ntext = 0;
    r->kind = CONC_FAIL_CRASH;
    r->schedules = index + 1;
    if (status > 128) conc__say(t, "FAIL %s: crash: the process of the test died of %s (%d)", t->name, conc__signal_text(status - 128), status - 128);
    else conc__say(t, "FAIL %s: crash: the process of the test ended with exit status %d", t->name, status);
    if (token) {
        conc__say(t, "\n");
        return;
    }
    conc__say(t, "\n  schedule %llu of %s\n", (unsigned long long)index + 1, conc__strategy_text[t->o.strategy]);
    conc__test_turn(t, index);
    if (t->how == CONC_BOUNDED || t->how == CONC_EXHAUSTIVE || t->how == CONC_FIFO) return;
    r->token = conc__short_token(t, index, t->job->most);
    conc__say(t, "\nagain: CONC_REPLAY='%s'\n", r->token);
}
CONC__FN conc_report conc__apart_report(struct conc__test *t, const char *token) {
    conc_report r;
    struct conc__told told;
    int fd[2], status = 0;
    pid_t pid;
    memset(&r, 0, sizeof r);
    r.token = "";
    r.kind = CONC_FAIL_UNAVAILABLE;
    if (conc__os_pipe(fd) != 0) return r;
    if ((pid = fork()) == 0) conc__apart_main(t, token, fd[1]);
    (void)close(fd[1]);
    if (pid > 0) {
        t->text = conc__read_all(fd[0], &t->ntext);
        t->have_text = t->ntext + 1;
        status = conc__apart_wait(pid);
    }
    (void)close(fd[0]);
    if (pid < 0) return r;
    if (t->ntext < sizeof told) {
        conc__apart_lost(t, &r, token, status);
        return r;
    }
    memcpy(&told, t->text, sizeof told);
    r.kind = told.kind;
    r.ok = r.kind == CONC_FAIL_NONE;
    r.exhausted = told.exhausted;
    r.schedules = told.schedules;
    r.steps = told.steps;
    r.token = t->long_token = (char *)conc__xmalloc(told.token + 1);
    memcpy(t->long_token, t->text + sizeof told, told.token);
    t->long_token[told.token] = 0;
    t->ntext -= sizeof told + told.token;
    memmove(t->text, t->text + sizeof told + told.token, t->ntext + 1);
    return r;
}
/* The jobs are done: what they found. -> true: all is well, and r says so. */
CONC__FN bool conc__jobs_good(struct conc__test *t, const struct conc__apart *s, conc_report *r) {
    for (int k = 0; k < t->o.jobs; k++) {
        r->schedules += s->job[k].schedules;
        r->steps += s->job[k].steps;
    }
    r->ok = s->failed == UINT64_MAX;
    if (r->ok) conc__say(t, "ok %s: %llu schedules\n", t->name, (unsigned long long)r->schedules);
    return r->ok;
}
CONC__FN conc_report conc__test_apart(struct conc__test *t, const char *token) {
    conc_report r;
    bool search = t->o.strategy == CONC_BOUNDED || t->o.strategy == CONC_EXHAUSTIVE || t->o.strategy == CONC_FIFO;
    struct conc__apart *s = (struct conc__apart *)mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memset(&r, 0, sizeof r);
    if (s == MAP_FAILED) conc__fatal("out of memory: conc_test");
    s->next = CONC__BLOCK;
    s->failed = UINT64_MAX;
    r.token = "";
    (void)fflush(NULL); /* or the processes would write it again */
    if (token || search || t->o.jobs < 2 || !conc__jobs_run(t, s) || !conc__jobs_good(t, s, &r)) {
        uint64_t steps = r.steps;
        if (s->failed != UINT64_MAX) {
            t->from = s->failed < CONC__BLOCK ? 0 : s->failed;
            t->o.schedules = s->failed + 1;
            t->o.seconds = 1e6;
        }
        t->job = &s->job[CONC__JOBS];
        r = conc__apart_report(t, token);
        r.steps += steps;
        if (r.kind == CONC_FAIL_UNAVAILABLE) conc__say(t, "FAIL %s: no process can be started: %s\n", t->name, strerror(errno));
        if (r.ok && s->failed != UINT64_MAX) {
            r.ok = false;
            r.kind = CONC_FAIL_NONDET;
            t->ntext = 0;
            conc__say(t, "FAIL %s: the test is not deterministic: schedule %llu failed, and did not when it was run again\n", t->name,
                      (unsigned long long)s->failed);
        }
    }
    t->job = NULL;
    (void)munmap(s, sizeof *s);
    conc__test_release(t);
    return r;
}
struct conc__testcall { struct conc__test *t; const char *token; conc_report r; };
CONC__FN void *conc__test_thread(void *arg) {
    struct conc__testcall *c = (struct conc__testcall *)arg;
    if (c->t->o.isolate) c->r = conc__test_apart(c->t, c->token);
    else {
        conc__test_enter(c->t);
        c->r = conc__test_whole(c->t, c->token);
        conc__test_exit_thread(c->t);
    }
    c->r.text = c->t->text ? c->t->text : "";
    return NULL;
}
CONC__FN conc_report conc__test_start(struct conc__test *t, const char *token) {
    struct conc__testcall c;
    memset(&c, 0, sizeof c);
    c.t = t;
    c.token = token;
    conc__test_free(conc__test_last);
    conc__test_last = t;
    if (!conc__self()) (void)conc__test_thread(&c);
    else { /* a goroutine: the explorer needs a thread */
        pthread_t thread;
        conc_blocking {
            if (pthread_create(&thread, NULL, conc__test_thread, &c) == 0) (void)pthread_join(thread, NULL);
        }
    }
    return c.r;
}
CONC_API conc_report conc__test_run(const char *name, void (*fn)(void *), void *arg, const conc_test_opts *opts) {
    const char *token = getenv("CONC_REPLAY");
    return conc__test_start(conc__test_new(name, fn, arg, opts), token && *token ? token : NULL);
}
CONC_API conc_report conc_replay(void (*fn)(void *), void *arg, const char *token) {
    conc_test_opts o;
    memset(&o, 0, sizeof o);
    return conc__test_start(conc__test_new("replay", fn, arg, &o), token);
}
CONC_API conc_report conc_bubble(void (*fn)(void *), void *arg) {
    conc_test_opts o;
    memset(&o, 0, sizeof o);
    o.strategy = CONC_FIFO;
    o.time = CONC_TIME_IDLE;
    struct conc__test *t = conc__test_new("bubble", fn, arg, &o);
    t->bubble = true;
    return conc__test_start(t, NULL);
}
CONC_API void conc_settle(void) {
    if (!conc__test_of()) conc__fatal("conc_settle outside a test");
    conc__test_point(CONC__O_SETTLE, NULL, NULL);
    conc__order_settled();
}
CONC_API void conc_advance(int64_t d) {
    if (!conc__test_of()) conc__fatal("conc_advance outside a test");
    conc_sleep(d);
    conc_settle();
}
CONC_API int conc_choose(int n) {
    struct conc__test *t = conc__test_of();
    if (n < 1) conc_panic("conc_choose of less than one");
    if (!t) return (int)(((uint64_t)conc__random() * (uint64_t)n) >> 32);
    return (int)conc__test_choice(t, (uint32_t)n < 0x7fff ? (uint32_t)n : 0x7fff);
}
CONC__FN uint32_t conc__test_draw(uint32_t n) { return conc__test_choice(conc__test_of(), n); }
/* What files under test call before atomic operations and plain accesses. */
CONC_API void conc__test_here(const conc__site *site) { conc__here = site; }
CONC_API void conc__test_after(const void *obj) { conc__ordered_after(obj, ALL); }
CONC_API void conc__test_atomic(int op, const void *p) {
    static const uint8_t as[3] = { CONC__O_LOAD, CONC__O_STORE, CONC__O_RMW };
    if (conc__tested()) conc__test_point(as[op], p, NULL);
}
/* The step of an atomic operation. NULL: no test is here, or it keeps no order. */
CONC__FN struct conc__test *conc__atomic_step(int op, const volatile void *p, size_t n) {
    if (!conc__tested()) return NULL;
    struct conc__test *t = conc__at_point();
    if (!t) return NULL;
    conc__point_of(t, op, (const void *)(uintptr_t)p, NULL);
    if (!t->mem.on) return NULL;
    conc__memory_access(t, (uintptr_t)p, n, op != CONC__O_LOAD, true, t->cur->next.site);
    return t;
}
/* Orders between atomics without weak memory: every load finds the newest store. */
CONC__FN void conc__order_load(struct conc__test *t, const volatile void *p, int order) {
    conc__atomic_learn(conc__order_me(t), &conc__order_part(t, (const void *)(uintptr_t)p, CONC__PART_ATOMIC)->clock, order);
}
CONC__FN void conc__order_store(struct conc__test *t, const volatile void *p, int order, bool modify) {
    conc__clock *clock = &conc__order_part(t, (const void *)(uintptr_t)p, CONC__PART_ATOMIC)->clock;
    conc__atomic_tell(conc__order_me(t), clock, modify ? clock : NULL, order);
}
CONC_API bool conc__test_load(const volatile void *p, size_t n, int order, void *value) {
    struct conc__test *t = conc__atomic_step(CONC__O_LOAD, p, n);
    if (!t) return false;
    if (t->o.weak && n <= 16) {
        struct conc__place *w = conc__place_of(t, p, n);
        uint32_t newest = w->first + w->n - 1, oldest = conc__place_oldest(t, w, order);
        return conc__place_read(t, w, newest - conc__place_choice(t, newest - oldest + 1), order, value);
    }
    conc__order_load(t, p, order);
    return false;
}
CONC_API void conc__test_store(const volatile void *p, size_t n, int order) {
    struct conc__test *t = conc__atomic_step(CONC__O_STORE, p, n);
    if (!t) return;
    if (t->o.weak && n <= 16) conc__place_write(t, p, n, order, false);
    else conc__order_store(t, p, order, false);
}
CONC__FN void conc__atomic_modify(struct conc__test *t, const volatile void *p, size_t n, int order) {
    if (t->o.weak && n <= 16) conc__place_write(t, p, n, order, true);
    else {
        conc__order_load(t, p, order);
        conc__order_store(t, p, order, true);
    }
}
CONC_API void conc__test_rmw(const volatile void *p, size_t n, int order) {
    struct conc__test *t = conc__atomic_step(CONC__O_RMW, p, n);
    if (t) conc__atomic_modify(t, p, n, order);
}
/* It succeeds on the newest value only; failing, it is a load, and may find any older one that is not what was expected. */
CONC__FN bool conc__weak_cas(struct conc__test *t, const volatile void *p, size_t n, void *expected, int order, int failed) {
    struct conc__place *w = conc__place_of(t, p, n);
    uint32_t newest = w->first + w->n - 1, other[CONC__STORES], k = 0;
    bool equal = memcmp((const void *)(uintptr_t)p, expected, n) == 0;
    for (uint32_t i = newest; i-- > conc__place_oldest(t, w, failed);)
        if (memcmp(w->store[i % CONC__STORES].value, expected, n) != 0) other[k++] = i;
    uint32_t back = conc__place_choice(t, k + 1);
    if (back > 0) return conc__place_read(t, w, other[back - 1], failed, expected);
    if (equal) conc__place_write(t, p, n, order, true);
    else (void)conc__place_read(t, w, newest, failed, expected);
    return false;
}
CONC_API bool conc__test_cas(const volatile void *p, size_t n, void *expected, int order, int failed) {
    struct conc__test *t = conc__atomic_step(CONC__O_RMW, p, n);
    if (!t) return false;
    if (t->o.weak && n <= 16) return conc__weak_cas(t, p, n, expected, order, failed);
    if (memcmp((const void *)(uintptr_t)p, expected, n) == 0) conc__atomic_modify(t, p, n, order);
    else conc__order_load(t, p, failed);
    return false;
}
CONC_API void conc__test_fence(int order) {
    if (!conc__tested()) return;
    struct conc__test *t = conc__at_point();
    if (!t || !t->mem.on) return;
    if (t->o.weak && order == __ATOMIC_SEQ_CST) conc__test_point(CONC__O_FENCE, NULL, NULL);
    conc__order_fence(t, order);
}
CONC_API void conc__test_plain(const volatile void *p, size_t n, bool write) {
    if (!conc__tested()) return;
    struct conc__test *t = conc__at_point();
    if (!t) return;
    t->mem.seen = true;
    if (t->o.races_allowed) {
        conc__test_point(write ? CONC__O_STORE : CONC__O_LOAD, (const void *)(uintptr_t)p, NULL);
        return;
    }
    const conc__site *site = conc__here;
    conc__here = NULL;
    if (t->mem.on) conc__memory_access(t, (uintptr_t)p, n, write, false, site);
}

/* Files under test that are compiled with -fsanitize=thread call these before every access to plain memory that may be shared, and in place of
   every atomic operation. Linked without that option they find them here; libtsan's would take their place, so they are weak. Outside a
   test they do what was asked for and nothing else. An operation of conc.h's own macros has noted its place; else it is the call's. */
#define CONC__WEAK __attribute__((weak, visibility("default")))
CONC__NOINLINE void conc__code_access(const volatile void *p, size_t n, bool write, void *pc) {
    struct conc__test *t = conc__at_point();
    if (!t) return;
    t->mem.seen = true;
    if (t->o.races_allowed) {
        const conc__site *here = conc__here; /* of the operation whose arguments these may be */
        conc__here = conc__code_site(t, pc);
        conc__test_point(write ? CONC__O_STORE : CONC__O_LOAD, (const void *)(uintptr_t)p, NULL);
        conc__here = here;
    } else if (t->mem.on) conc__memory_access(t, (uintptr_t)p, n, write, false, conc__code_tag(pc));
}
CONC__NOINLINE void conc__code_here(void *pc) { /* an atomic operation comes */
    struct conc__test *t = conc__at_point();
    if (t && !conc__here) conc__here = conc__code_site(t, pc);
}
#define CONC__PC __builtin_return_address(0)
#define CONC__CODE_ACCESS(p, n, write) do { if (conc__tested()) conc__code_access(p, n, write, CONC__PC); } while (0)
#define CONC__CODE_HERE() do { if (conc__tested()) conc__code_here(CONC__PC); } while (0)
CONC__WEAK void __tsan_init(void);
CONC__WEAK void __tsan_func_entry(void *pc);
CONC__WEAK void __tsan_func_exit(void *pc);
CONC__WEAK void __tsan_vptr_read(void **p);
CONC__WEAK void __tsan_vptr_update(void **p, void *to);
CONC__WEAK void __tsan_read_range(void *p, size_t n);
CONC__WEAK void __tsan_write_range(void *p, size_t n);
CONC__WEAK void *__tsan_memcpy(void *to, const void *from, size_t n);
CONC__WEAK void *__tsan_memmove(void *to, const void *from, size_t n);
CONC__WEAK void *__tsan_memset(void *to, int c, size_t n);
CONC__WEAK void __tsan_atomic_thread_fence(int order);
CONC__WEAK void __tsan_atomic_signal_fence(int order);
CONC__WEAK void __tsan_init(void) {}
CONC__WEAK void __tsan_func_entry(void *pc) { (void)pc; }
CONC__WEAK void __tsan_func_exit(void *pc) { (void)pc; }
CONC__WEAK void __tsan_vptr_read(void **p) { CONC__CODE_ACCESS(p, sizeof *p, false); }
CONC__WEAK void __tsan_vptr_update(void **p, void *to) {
    if (*p != to) CONC__CODE_ACCESS(p, sizeof *p, true);
}
CONC__WEAK void __tsan_read_range(void *p, size_t n) { CONC__CODE_ACCESS(p, n, false); }
CONC__WEAK void __tsan_write_range(void *p, size_t n) { CONC__CODE_ACCESS(p, n, true); }
CONC_API void *conc__test_memcpy(void *to, const void *from, size_t n) {
    CONC__CODE_ACCESS(from, n, false);
    CONC__CODE_ACCESS(to, n, true);
    return memcpy(to, from, n);
}
CONC__WEAK void *__tsan_memcpy(void *to, const void *from, size_t n) {
    CONC__CODE_ACCESS(from, n, false);
    CONC__CODE_ACCESS(to, n, true);
    return memcpy(to, from, n);
}
CONC_API void *conc__test_memmove(void *to, const void *from, size_t n) {
    CONC__CODE_ACCESS(from, n, false);
    CONC__CODE_ACCESS(to, n, true);
    return memmove(to, from, n);
}
CONC__WEAK void *__tsan_memmove(void *to, const void *from, size_t n) {
    CONC__CODE_ACCESS(from, n, false);
    CONC__CODE_ACCESS(to, n, true);
    return memmove(to, from, n);
}
CONC_API void *conc__test_memset(void *to, int c, size_t n) {
    CONC__CODE_ACCESS(to, n, true);
    return memset(to, c, n);
}
CONC__WEAK void *__tsan_memset(void *to, int c, size_t n) {
    CONC__CODE_ACCESS(to, n, true);
    return memset(to, c, n);
}
CONC__WEAK void __tsan_atomic_thread_fence(int order) {
    CONC__CODE_HERE();
    conc__test_fence(order & 7);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
CONC__WEAK void __tsan_atomic_signal_fence(int order) { (void)order; }
/* kinds of plain access, by size */
#define CONC__CODE_PLAIN(name, n, write) \
    CONC__WEAK void __tsan_##name##n(void *p); \
    CONC__WEAK void __tsan_##name##n(void *p) { CONC__CODE_ACCESS(p, n, write); }
#define CONC__CODE_PLAINS(name, write) \
    CONC__CODE_PLAIN(name, 1, write) CONC__CODE_PLAIN(name, 2, write) CONC__CODE_PLAIN(name, 4, write) CONC__CODE_PLAIN(name, 8, write) \
    CONC__CODE_PLAIN(name, 16, write)
CONC__CODE_PLAINS(read, false)
CONC__CODE_PLAINS(write, true)
CONC__CODE_PLAINS(read_write, true)
CONC__CODE_PLAINS(unaligned_read, false)
CONC__CODE_PLAINS(unaligned_write, true)
CONC__CODE_PLAINS(unaligned_read_write, true)
CONC__CODE_PLAINS(volatile_read, false)
CONC__CODE_PLAINS(volatile_write, true)
CONC__CODE_PLAINS(unaligned_volatile_read, false)
CONC__CODE_PLAINS(unaligned_volatile_write, true)
/* Atomics. Those of 16 bytes, for which not every machine has instructions, take a lock. */
static uint32_t conc__wide_lock;
#define CONC__NARROW(T, e) (e)
#define CONC__WIDE(T, e) __extension__({ \
    conc__lock(&conc__wide_lock); \
    T conc__wide_value = (e); \
    conc__unlock(&conc__wide_lock); \
    conc__wide_value; })
#define CONC__CODE_MODIFY(bits, T, ATOM, name, e) \
    CONC__WEAK T __tsan_atomic##bits##_##name(volatile T *p, T v, int order); \
    CONC__WEAK T __tsan_atomic##bits##_##name(volatile T *p, T v, int order) { \
        CONC__CODE_HERE(); \
        conc__test_rmw(p, sizeof v, order & 7); \
        return ATOM(T, e); \
    }
#define CONC__CODE_CAS(bits, T, ATOM, name, e) \
    CONC__WEAK int __tsan_atomic##bits##_compare_exchange_##name(volatile T *p, T *expected, T v, int order, int failed); \
    CONC__WEAK int __tsan_atomic##bits##_compare_exchange_##name(volatile T *p, T *expected, T v, int order, int failed) { \
        CONC__CODE_HERE(); \
        return !conc__test_cas(p, sizeof v, expected, order & 7, failed & 7) && ATOM(bool, e); \
    }
#define CONC__CODE_ATOMICS(bits, T, ATOM, e_load, e_store, e_xchg, e_add, e_sub, e_and, e_or, e_xor, e_nand, e_cas) \
    CONC__WEAK T __tsan_atomic##bits##_load(const volatile T *p, int order); \
    CONC__WEAK T __tsan_atomic##bits##_load(const volatile T *p, int order) { \
        T v; \
        CONC__CODE_HERE(); \
        return conc__test_load(p, sizeof v, order & 7, &v) ? v : ATOM(T, e_load); \
    } \
    CONC__WEAK void __tsan_atomic##bits##_store(volatile T *p, T v, int order); \
    CONC__WEAK void __tsan_atomic##bits##_store(volatile T *p, T v, int order) { \
        CONC__CODE_HERE(); \
        conc__test_store(p, sizeof v, order & 7); \
        (void)ATOM(T, e_store); \
    } \
    CONC__CODE_MODIFY(bits, T, ATOM, exchange, e_xchg) \
    CONC__CODE_MODIFY(bits, T, ATOM, fetch_add, e_add) \
    CONC__CODE_MODIFY(bits, T, ATOM, fetch_sub, e_sub) \
    CONC__CODE_MODIFY(bits, T, ATOM, fetch_and, e_and) \
    CONC__CODE_MODIFY(bits, T, ATOM, fetch_or, e_or) \
    CONC__CODE_MODIFY(bits, T, ATOM, fetch_xor, e_xor) \
    CONC__CODE_MODIFY(bits, T, ATOM, fetch_nand, e_nand) \
    CONC__CODE_CAS(bits, T, ATOM, strong, e_cas) \
    CONC__CODE_CAS(bits, T, ATOM, weak, e_cas) \
    CONC__WEAK T __tsan_atomic##bits##_compare_exchange_val(volatile T *p, T expected, T v, int order, int failed); \
    CONC__WEAK T __tsan_atomic##bits##_compare_exchange_val(volatile T *p, T expected, T v, int order, int failed) { \
        (void)__tsan_atomic##bits##_compare_exchange_strong(p, &expected, v, order, failed); \
        return expected; \
    }
#define CONC__CODE_ATOM(bits, T) \
    CONC__CODE_ATOMICS(bits, T, CONC__NARROW, __atomic_load_n(p, 5), __atomic_exchange_n(p, v, 5), __atomic_exchange_n(p, v, 5), \
        __atomic_fetch_add(p, v, 5), __atomic_fetch_sub(p, v, 5), __atomic_fetch_and(p, v, 5), __atomic_fetch_or(p, v, 5), \
        __atomic_fetch_xor(p, v, 5), __atomic_fetch_nand(p, v, 5), __atomic_compare_exchange_n(p, expected, v, false, 5, 5))
CONC__CODE_ATOM(8, uint8_t)
CONC__CODE_ATOM(16, uint16_t)
CONC__CODE_ATOM(32, uint32_t)
CONC__CODE_ATOM(64, uint64_t)
__extension__ typedef unsigned __int128 conc__wide;
CONC__INLINE conc__wide conc__wide_put(volatile conc__wide *p, conc__wide v) { /* -> the old value; lock held */
    conc__wide old = *p;
    *p = v;
    return old;
}
CONC__INLINE bool conc__wide_cas(volatile conc__wide *p, conc__wide *expected, conc__wide v) {
    conc__wide old = *p;
    bool equal = old == *expected;
    if (equal) *p = v;
    else *expected = old;
    return equal;
}
CONC__CODE_ATOMICS(128, conc__wide, CONC__WIDE, *p, conc__wide_put(p, v), conc__wide_put(p, v), conc__wide_put(p, *p + v), conc__wide_put(p, *p - v),
    conc__wide_put(p, *p & v), conc__wide_put(p, *p | v), conc__wide_put(p, *p ^ v), conc__wide_put(p, ~(*p & v)), conc__wide_cas(p, expected, v))
#ifndef CONC_NO_ERRNO
CONC__WEAK int *conc__errno_of_tsan(void) __asm__("conc_errno_location"); /* what such files call for errno */
CONC__WEAK int *conc__errno_of_tsan(void) { return conc__os_errno(); }
#endif

/* Memory that is freed may be somebody else's the next moment: the race detector has to know. free and realloc do what the next ones of the
   program (the C library's, or a tool's) do. */
#if defined(__GLIBC__) && !CONC__ASAN
#ifdef __cplusplus
#define CONC__THROW __THROW /* as it is declared */
#else
#define CONC__THROW
#endif
extern void *dlsym(void *handle, const char *name) CONC__THROW __attribute__((weak)); /* not in every libc itself */
extern void __libc_free(void *p);
extern void *__libc_realloc(void *p, size_t n);
extern size_t malloc_usable_size(void *p) CONC__THROW;
CONC__NOINLINE void conc__test_freed(void *p, void *pc) {
    struct conc__test *t = conc__at_point();
    if (!t || !t->mem.on || !p) return;
    size_t n = malloc_usable_size(p);
    struct conc__access by = conc__access_make(t, n, true, false, conc__code_tag(pc));
    conc__memory_forget(t, (uintptr_t)p, n, &by);
}
CONC__FN void *conc__next_function(const char *name, void *own) {
    void *f = dlsym ? dlsym((void *)-1l, name) : NULL; /* RTLD_NEXT */
    return f ? f : own;
}
CONC__WEAK void free(void *p) CONC__THROW {
    static void (*next)(void *);
    if (conc__tested()) conc__test_freed(p, CONC__PC);
    if (conc__unlikely(!conc__ld(&next))) conc__st(&next, (void (*)(void *))(uintptr_t)conc__next_function("free", (void *)(uintptr_t)__libc_free));
    conc__ld(&next)(p);
}
CONC__WEAK void *realloc(void *p, size_t n) CONC__THROW {
    static void *(*next)(void *, size_t);
    if (conc__tested()) conc__test_freed(p, CONC__PC);
    if (conc__unlikely(!conc__ld(&next)))
        conc__st(&next, (void *(*)(void *, size_t))(uintptr_t)conc__next_function("realloc", (void *)(uintptr_t)__libc_realloc));
    return conc__ld(&next)(p, n);
}
#endif

#else
#ifdef CONC_TEST
#ifndef CONC_STATIC
__thread const conc__site *conc__here;
#endif
CONC_API bool conc__test_load(const volatile void *p, size_t n, int order, void *value) { return (void)p, (void)n, (void)order, (void)value, false; }
CONC_API void conc__test_store(const volatile void *p, size_t n, int order) { (void)p, (void)n, (void)order; }
CONC_API void conc__test_rmw(const volatile void *p, size_t n, int order) { (void)p, (void)n, (void)order; }
CONC_API bool conc__test_cas(const volatile void *p, size_t n, void *expected, int order, int failed) {
    return (void)p, (void)n, (void)expected, (void)order, (void)failed, false;
}
CONC_API void conc__test_fence(int order) { (void)order; }
CONC_API void conc__test_atomic(int op, const void *p) { (void)op, (void)p; }
CONC_API void conc__test_plain(const volatile void *p, size_t n, bool write) { (void)p, (void)n, (void)write; }
CONC_API void conc__test_after(const void *obj) { (void)obj; }
CONC_API void conc__test_here(const conc__site *site) { (void)site; }
CONC_API void *conc__test_memcpy(void *to, const void *from, size_t n) { return memcpy(to, from, n); }
CONC_API void *conc__test_memmove(void *to, const void *from, size_t n) { return memmove(to, from, n); }
CONC_API void *conc__test_memset(void *to, int c, size_t n) { return memset(to, c, n); }
#endif
static conc_report conc__test_none(void) {
    conc_report r;
    memset(&r, 0, sizeof r);
    r.kind = CONC_FAIL_UNAVAILABLE;
    r.token = "";
    r.text = CONC__TSAN ? "tests do not run under ThreadSanitizer\n"
                        : "conc.h was compiled without CONC_TEST: define it where CONC_IMPLEMENTATION is defined\n";
    return r;
}
CONC_API conc_report conc__test_run(const char *name, void (*fn)(void *), void *arg, const conc_test_opts *opts) {
    (void)name, (void)fn, (void)arg, (void)opts;
    return conc__test_none();
}
CONC_API conc_report conc_replay(void (*fn)(void *), void *arg, const char *token) {
    (void)fn, (void)arg, (void)token;
    return conc__test_none();
}
CONC_API conc_report conc_bubble(void (*fn)(void *), void *arg) {
    (void)fn, (void)arg;
    return conc__test_none();
}
CONC_API void conc_settle(void) { conc__fatal("conc_settle outside a test"); }
CONC_API void conc_advance(int64_t d) {
    (void)d;
    conc__fatal("conc_advance outside a test");
}
CONC_API int conc_choose(int n) {
    if (n < 1) conc_panic("conc_choose of less than one");
    return (int)(((uint64_t)conc__random() * (uint64_t)n) >> 32);
}
CONC_API bool conc__test_fault(const char *point) { return (void)point, false; }
#define conc__test_failed(model, more, file, line) ((void)0)
CONC_API void conc__test_assert(const char *cond, const char *file, int line) { conc__fatal("conc_assert(%s) failed\n\t%s:%d", cond, file, line); }
#define conc__test_fail_text(text) ((void)0)
#endif
CONC_API void conc_fail(const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    conc__test_fail_text(text);
    conc__fatal("%s", text);
}
CONC_API const char *conc_fail_text(conc_fail_kind kind) {
    static const char *const text[] = {
#define CONC__X(name, words) words,
        CONC_FAIL_LIST(CONC__X)
#undef CONC__X
    };
    return (unsigned)kind < CONC__FAIL_COUNT ? text[(unsigned)kind] : "unknown";
}

// >>test-net
/* The network of a test. Its descriptors are numbers that the system never gives (from CONC__NET_FIRST up), so the calls of >>io tell them
   apart by one comparison, and only while a test runs. Everything lies in the test's arena and is forgotten with the schedule.

   A connection is two ends (conc__sock), each with a wire that leads to it: a ring of bytes, of which the first `here` have arrived, and a
   list of segments on their way, each with the time of its arrival. With a latency a wire's timer stands in the P's heap for the first
   segment, so time moves as for sleeps, and a deadline may race against bytes on their way. Segments of a connection that is cut stay
   where they are; healing gives them a new time.

   A call comes to its point before it looks at the socket, and again after each wait: between the look and the wait nobody else runs, so
   no wake-up is lost. Whatever changes a socket wakes all who wait for it in that direction. For the search a read touches the wire
   that it empties, a write both wires of the connection (to a closed end it resets its own), and whatever has to do with addresses one object
   for the whole network. What was done before a write happens before what is done after a read of its bytes, or of those that came later.

   As TCP on Linux: the end of file comes after the data; bytes that reach a closed end, or are unread when it is closed, reset the
   connection; a dial to where nobody listens is refused, one into a cut gives up after 127 s; a listener holds 128 connections that nobody
   has accepted. Resets and refusals are not delayed. */
#if CONC__TEST
enum { CONC__SEGS = 16, CONC__BACKLOG = 128 };
static const int64_t conc__dial_limit = 127 * CONC_SEC; /* six repeated SYNs */
struct conc__seg { int64_t when; size_t bytes; bool last; }; /* last: no more will come */
struct conc__wire {
    struct conc__sock *to;
    unsigned char *buf;      /* a ring of net->room bytes, from first on */
    size_t first, here, all; /* arrived, in it at all */
    struct conc__seg seg[CONC__SEGS];
    uint32_t nseg;
    bool ended;              /* the last segment has arrived */
    conc__timer timer;
};
struct conc__host { /* where somebody has listened */
    struct conc__host *next;
    struct conc__sock *listener;
    char host[108];
    int port; /* -1: host is a path */
    bool cut;
};
struct conc__sock {
    uint32_t lock;
    conc__queue q;             /* waiters, their index says for what */
    struct conc__sock *peer;   /* NULL: a listener */
    struct conc__host *place; /* NULL: of conc_net_pipe */
    struct conc__sock *first, *next; /* a listener's connections that are not accepted */
    uint32_t waiting;
    int fd, port;              /* fd: 0 before it is accepted */
    uint8_t op;                /* what made it */
    bool closed, reset, finished; /* finished: will write no more */
    const conc__site *made;
    struct conc__wire in;
};
struct conc__net {
    struct conc__sock **sock;  /* by number */
    uint32_t n, have, open;
    struct conc__host *places;
    size_t room;
    int next_port;
    bool cut;
    uint32_t lock;
    conc__queue dialers;
};

CONC__FN void *conc__net_alloc(struct conc__test *t, size_t n) {
    void *p = conc__obj_alloc(n);
    if (p) return p;
    conc__test_note(t, CONC_FAIL_INVALID, "the network of the test is out of memory (%zu MiB)", t->size >> 20);
    conc__test_leave(t);
}
CONC__FN struct conc__net *conc__net_of(struct conc__test *t) {
    if (t->net) return t->net;
    struct conc__net *net = t->net = (struct conc__net *)conc__net_alloc(t, sizeof *net);
    memset(net, 0, sizeof *net);
    net->room = t->o.net.buffer ? t->o.net.buffer : 65536;
    net->next_port = 49152;
    return net;
}
CONC__FN bool conc__net_has(int fd) { return fd >= CONC__NET_FIRST && conc__test_of(); }
CONC__FN struct conc__sock *conc__sock_ever(struct conc__test *t, int fd) { /* it may be closed; NULL: it never was */
    uint32_t i = (uint32_t)(fd - CONC__NET_FIRST);
    return t->net && i < t->net->n ? t->net->sock[i] : NULL;
}
CONC__FN struct conc__sock *conc__sock_at(struct conc__test *t, int fd) { /* NULL: not open */
    struct conc__sock *s = conc__sock_ever(t, fd);
    return s && !s->closed ? s : NULL;
}
/* The point of a call on s: also if it is closed, for it was closed before or after. */
CONC__FN void conc__sock_point(struct conc__test *t, int op, struct conc__sock *s) {
    if (!s || op == CONC__O_ACCEPT) conc__test_point(op, conc__net_of(t), s ? &s->in : NULL);
    else if (op == CONC__O_READ) conc__test_point(op, &s->in, NULL);
    else conc__test_point(op, s->peer ? (void *)&s->peer->in : t->net, &s->in);
}
/* A descriptor for s. */
CONC__FN int conc__sock_open(struct conc__test *t, struct conc__sock *s, uint8_t op) {
    struct conc__net *net = conc__net_of(t);
    if (net->n == net->have) {
        struct conc__sock **old = net->sock;
        net->have = net->have ? net->have * 2 : 8;
        net->sock = (struct conc__sock **)conc__net_alloc(t, net->have * sizeof *net->sock);
        if (net->n) memcpy(net->sock, old, net->n * sizeof *old);
    }
    s->op = op;
    s->made = conc__here_last();
    s->fd = CONC__NET_FIRST + (int)net->n;
    net->sock[net->n++] = s;
    net->open++;
    return s->fd;
}
CONC__FN void conc__fire_wire(conc__timer *timer, int64_t now);
CONC__FN struct conc__sock *conc__sock_new(struct conc__test *t, struct conc__host *place) {
    struct conc__sock *s = (struct conc__sock *)conc__net_alloc(t, sizeof *s);
    memset(s, 0, sizeof *s);
    s->place = place;
    s->in.to = s;
    conc__timer_init(&s->in.timer, conc__fire_wire, &s->in);
    return s;
}
CONC__FN struct conc__sock *conc__sock_pair(struct conc__test *t, struct conc__host *place) {
    struct conc__sock *a = conc__sock_new(t, place), *b = conc__sock_new(t, place);
    a->peer = b;
    b->peer = a;
    a->in.buf = (unsigned char *)conc__net_alloc(t, conc__net_of(t)->room);
    b->in.buf = (unsigned char *)conc__net_alloc(t, conc__net_of(t)->room);
    return a;
}

/* waiting */
CONC__FN conc_status conc__net_wait(uint32_t *lock, conc__queue *q, int what, int64_t deadline, conc_ctx *ctx) {
    conc__waiter w;
    conc__m *m = conc__self();
    conc__lock(lock);
    conc__waiter_init(&w, m, NULL);
    w.index = (uint16_t)what;
    conc__q_put(q, &w);
    conc_status st = conc__wait_until(m, lock, q, &w, CONC__W_IO, ctx, deadline, NULL, NULL);
    conc__here_set(conc__here_last()); /* the call goes on */
    return st;
}
CONC__FN bool conc__sock_wait(struct conc__sock *s, int what, int64_t deadline, conc_ctx *ctx) {
    conc_status st = conc__net_wait(&s->lock, &s->q, what, deadline, ctx);
    return st == CONC_OK || conc__fail(conc__errno_of(st));
}
CONC__FN conc__waiter *conc__net_first(conc__waiter *q, int what) {
    conc__waiter *w = q;
    if (!w) return NULL;
    do {
        if (w->index & what) return w;
        w = w->next;
    } while (w != q);
    return NULL;
}
/* All who wait for any of these look again. */
CONC__FN void conc__net_wake(conc__queue *q, int what) {
    for (conc__waiter *w; (w = conc__net_first(*q, what)) != NULL;) {
        conc__q_del(q, w);
        conc__ready(w->who, false);
    }
}

/* wires */
CONC__FN int64_t conc__net_delay(struct conc__test *t) {
    int64_t jitter = t->o.net.jitter;
    return t->o.net.latency + (jitter > 0 ? jitter / 3 * conc__test_choice(t, 4) : 0);
}
CONC__FN bool conc__sock_cut(const struct conc__test *t, const struct conc__sock *s) { return s->place && (t->net->cut || s->place->cut); }
CONC__FN void conc__sock_reset(struct conc__sock *s) {
    s->reset = true;
    s->in.here = s->in.all = 0;
    s->in.nseg = 0;
    conc__net_wake(&s->q, CONC_READ | CONC_WRITE);
}
/* What is due arrives; the timer is set for the rest. */
CONC__FN void conc__wire_arrive(struct conc__test *t, struct conc__wire *w) {
    bool news = false, cut = conc__sock_cut(t, w->to);
    for (; !cut && w->nseg > 0 && w->seg[0].when <= t->now; news = true) {
        w->here += w->seg[0].bytes;
        w->ended |= w->seg[0].last;
        memmove(w->seg, w->seg + 1, --w->nseg * sizeof w->seg[0]);
    }
    if (w->to->closed && w->here > 0) {
        conc__sock_reset(w->to->peer);
        w->here = w->all = 0;
        w->nseg = 0;
    }
    if (w->nseg > 0 && !cut && w->timer.at < 0) conc__timer_put(&w->timer, w->seg[0].when, false);
    if (news) conc__net_wake(&w->to->q, CONC_READ);
}
CONC__FN void conc__fire_wire(conc__timer *timer, int64_t now) {
    (void)now;
    conc__st_rel(&timer->firing, 0);
    conc__wire_arrive(conc__test_of(), (struct conc__wire *)timer->arg);
}
/* Bytes that are in the ring, or the end, set out. Where there are too many segments on their way, they go with the last. */
CONC__FN void conc__wire_send(struct conc__test *t, struct conc__wire *w, size_t bytes, bool last) {
    int64_t when = t->now + conc__net_delay(t);
    struct conc__seg *s = &w->seg[w->nseg > 0 ? w->nseg - 1 : 0];
    if (w->nseg > 0 && s->when > when) when = s->when;
    if (w->nseg < CONC__SEGS) {
        s = &w->seg[w->nseg++];
        s->bytes = 0;
        s->last = false;
    }
    s->when = when;
    s->bytes += bytes;
    s->last |= last;
    conc__wire_arrive(t, w);
}
/* n bytes between the ring, from place at, and the user's memory; in: into the ring. */
CONC__FN void conc__ring_copy(const struct conc__wire *w, size_t room, size_t at, char *user, size_t n, bool in) {
    for (size_t i = at % room, k; n > 0; n -= k, user += k, i = 0) {
        k = n < room - i ? n : room - i;
        if (in) memcpy(w->buf + i, user, k);
        else memcpy(user, w->buf + i, k);
    }
}
CONC__FN size_t conc__iov_size(const struct iovec *iov, size_t count) {
    size_t n = 0;
    for (size_t i = 0; i < count; i++) n += iov[i].iov_len;
    return n;
}
/* n bytes of the user's, of which done have been dealt with. */
CONC__FN void conc__iov_copy(const struct conc__wire *w, size_t room, size_t at, const struct iovec *iov, size_t done, size_t n, bool in) {
    for (; n > 0; iov++) {
        if (done >= iov->iov_len) {
            done -= iov->iov_len;
            continue;
        }
        size_t k = iov->iov_len - done < n ? iov->iov_len - done : n;
        conc__ring_copy(w, room, at, (char *)iov->iov_base + done, k, in);
        at += k, n -= k, done = 0;
    }
}

/* Begin, or go on with, a call on fd: the socket, or NULL and errno. An end if end, else a listener. */
CONC__FN struct conc__sock *conc__net_begin(int fd, int op, bool end, int64_t deadline, conc_ctx *ctx) {
    struct conc__test *t = conc__test_of();
    struct conc__sock *s = conc__sock_ever(t, fd);
    int err = 0;
    conc__sock_point(t, op, s);
    if (!s || s->closed) err = EBADF;
    else if (!end != !s->peer) err = end ? ENOTCONN : EINVAL;
    else if (deadline != INT64_MAX && deadline <= t->now) err = ETIMEDOUT;
    else if (ctx && conc__ctx_err(conc__ctx_source(ctx)) != CONC_OK) err = conc__errno_of(conc__ctx_err(conc__ctx_source(ctx)));
    if (err) return errno = err, (struct conc__sock *)NULL;
    if (end && t->o.net.resets && s->place && !s->reset && conc__fault_ask(t, "connection reset")) {
        conc__sock_reset(s);
        conc__sock_reset(s->peer);
    }
    return s;
}
CONC__FN ssize_t conc__wire_read(struct conc__sock *s, const struct iovec *iov, size_t count, bool peek) {
    struct conc__test *t = conc__test_of();
    struct conc__wire *w = &s->in;
    size_t n = conc__iov_size(iov, count);
    if (n > w->here) n = w->here;
    if (t->o.net.short_reads && n > 1) n -= (n - 1) * conc__test_choice(t, 3) / 2; /* all, half or one */
    conc__iov_copy(w, t->net->room, w->first, iov, 0, n, false);
    conc__ordered_after(w, ALL);
    if (peek) return (ssize_t)n;
    w->first = (w->first + n) % t->net->room;
    w->here -= n;
    w->all -= n;
    conc__net_wake(&s->peer->q, CONC_WRITE);
    return (ssize_t)n;
}
CONC__FN ssize_t conc__net_read(int fd, const struct iovec *iov, size_t count, int flags, int64_t deadline, conc_ctx *ctx) {
    for (struct conc__sock *s; (s = conc__net_begin(fd, CONC__O_READ, true, deadline, ctx)) != NULL;) {
        if (s->in.here > 0 && conc__iov_size(iov, count) > 0) return conc__wire_read(s, iov, count, (flags & MSG_PEEK) != 0);
        if (s->reset) return errno = ECONNRESET, -1;
        if (s->in.ended) conc__ordered_after(&s->in, ALL);
        if (s->in.ended || conc__iov_size(iov, count) == 0) return 0;
        if (flags & MSG_DONTWAIT) return errno = EAGAIN, -1;
        if (!conc__sock_wait(s, CONC_READ, deadline, ctx)) break;
    }
    return -1;
}
/* What fits of the rest -> how many bytes. */
CONC__FN size_t conc__wire_write(struct conc__sock *s, const struct iovec *iov, size_t done, size_t rest) {
    struct conc__test *t = conc__test_of();
    struct conc__wire *w = &s->peer->in;
    size_t n = t->net->room - w->all;
    if (n > rest) n = rest;
    conc__iov_copy(w, t->net->room, w->first + w->all, iov, done, n, true);
    w->all += n;
    conc__ordered_before(w, ALL);
    if (n > 0) conc__wire_send(t, w, n, false);
    return n;
}
CONC__FN ssize_t conc__net_write(int fd, const struct iovec *iov, size_t count, int flags, int64_t deadline, conc_ctx *ctx) {
    size_t done = 0, all = conc__iov_size(iov, count), k;
    for (struct conc__sock *s; (s = conc__net_begin(fd, CONC__O_WRITE, true, deadline, ctx)) != NULL;) {
        bool broken = s->reset || s->finished;
        if (broken) errno = s->finished || s->in.ended ? EPIPE : ECONNRESET;
        if (broken) break;
        done += k = conc__wire_write(s, iov, done, all - done);
        if (done == all) return (ssize_t)done;
        if (k > 0) continue;
        if (flags & MSG_DONTWAIT) errno = EAGAIN;
        if ((flags & MSG_DONTWAIT) || !conc__sock_wait(s, CONC_WRITE, deadline, ctx)) break;
    }
    return done ? (ssize_t)done : -1;
}
CONC__FN int conc__net_wait_fd(int fd, int what, int64_t deadline, conc_ctx *ctx) {
    struct conc__sock *s = conc__sock_at(conc__test_of(), fd);
    const bool end = s && s->peer;
    while ((s = conc__net_begin(fd, CONC__O_FDWAIT, end, deadline, ctx)) != NULL) {
        bool can_read = end ? s->in.here > 0 || s->in.ended || s->reset : s->first != NULL;
        bool can_write = end && (s->reset || s->finished || s->peer->in.all < conc__test_of()->net->room);
        int got = ((can_read ? CONC_READ : 0) | (can_write ? CONC_WRITE : 0)) & what;
        if (got) return got;
        if (!conc__sock_wait(s, what, deadline, ctx)) break;
    }
    return -1;
}
CONC__FN void conc__net_hang_up(struct conc__test *t, struct conc__sock *s) { /* s is closed: what its peer learns of it */
    if (s->in.here > 0 && !conc__sock_cut(t, s)) conc__sock_reset(s->peer);
    else if (!s->finished && !s->peer->closed) conc__wire_send(t, &s->peer->in, 0, true);
    s->finished = true;
}
CONC__FN void conc__net_hush(struct conc__net *net, struct conc__sock *s) { /* a listener is closed */
    s->place->listener = NULL;
    for (; s->first; s->first = s->first->next) conc__sock_reset(s->first->peer);
    conc__net_wake(&net->dialers, CONC_WRITE);
}
CONC__FN int conc__net_close(int fd, bool write_only) {
    struct conc__test *t = conc__test_of();
    struct conc__sock *s = conc__sock_ever(t, fd);
    conc__sock_point(t, CONC__O_FDCLOSE, s);
    if (!s || s->closed) return errno = EBADF, -1;
    if (write_only && (!s->peer || s->reset)) return errno = ENOTCONN, -1;
    if (s->peer) conc__ordered_before(&s->peer->in, ALL);
    if (write_only) {
        if (!s->finished) conc__wire_send(t, &s->peer->in, 0, true);
        s->finished = true;
    } else {
        s->closed = true;
        t->net->open--;
        if (s->peer) conc__net_hang_up(t, s);
        else conc__net_hush(t->net, s);
    }
    conc__net_wake(&s->q, write_only ? CONC_WRITE : CONC_READ | CONC_WRITE);
    return 0;
}

/* addresses */
CONC__FN bool conc__host_parse(struct conc__host *p, const char *address, bool path) {
    size_t n = address ? strlen(address) : 0;
    char *colon, *end;
    memset(p, 0, sizeof *p);
    if (n == 0) return conc__fail(EINVAL);
    if (n >= sizeof p->host) return conc__fail(ENAMETOOLONG);
    memcpy(p->host, address, n);
    p->port = -1;
    if (path) return true;
    colon = strrchr(p->host, ':');
    if (!colon || !colon[1]) return conc__fail(EINVAL);
    p->port = (int)strtol(colon + 1, &end, 10);
    if (*end || end - colon > 6 || p->port > 65535 || p->port < 0) return conc__fail(EINVAL);
    *colon = 0;
    return true;
}
CONC__FN bool conc__is_one_of(const char *s, const char *a, const char *b, const char *c) {
    return strcmp(s, a) == 0 || strcmp(s, b) == 0 || strcmp(s, c) == 0;
}
CONC__FN bool conc__host_is(const struct conc__host *p, const struct conc__host *wanted) {
    if (p->port != wanted->port) return false;
    if (strcmp(p->host, wanted->host) == 0 || p->port < 0) return strcmp(p->host, wanted->host) == 0;
    if (conc__is_one_of(p->host, "", "0.0.0.0", "[::]") || conc__is_one_of(wanted->host, "", "0.0.0.0", "[::]")) return true;
    return conc__is_one_of(p->host, "localhost", "127.0.0.1", "[::1]") && conc__is_one_of(wanted->host, "localhost", "127.0.0.1", "[::1]");
}
CONC__FN struct conc__host *conc__host_at(struct conc__net *net, const struct conc__host *wanted) {
    struct conc__host *p = net->places;
    while (p && !conc__host_is(p, wanted)) p = p->next;
    return p;
}
CONC__FN int conc__net_listen(const char *address, bool path) {
    struct conc__test *t = conc__test_of();
    struct conc__net *net = conc__net_of(t);
    struct conc__host wanted, *p;
    conc__test_point(CONC__O_LISTEN, net, NULL);
    if (!conc__host_parse(&wanted, address, path)) return -1;
    if (wanted.port == 0) wanted.port = net->next_port++;
    p = conc__host_at(net, &wanted);
    if (p && p->listener) return errno = EADDRINUSE, -1;
    if (!p) {
        p = (struct conc__host *)conc__net_alloc(t, sizeof *p);
        *p = wanted;
        p->next = net->places;
        net->places = p;
    }
    p->listener = conc__sock_new(t, p);
    p->listener->port = p->port;
    return conc__sock_open(t, p->listener, CONC__O_LISTEN);
}
CONC__FN int conc__net_port(int fd) {
    const struct conc__sock *s = conc__sock_at(conc__test_of(), fd);
    if (!s) return errno = EBADF, -1;
    return s->place && s->place->port >= 0 ? s->port : (errno = EAFNOSUPPORT, -1);
}
CONC__FN int conc__net_accept(int fd, struct sockaddr *addr, socklen_t *len, int64_t deadline, conc_ctx *ctx) {
    struct conc__sock *s;
    while ((s = conc__net_begin(fd, CONC__O_ACCEPT, false, deadline, ctx)) != NULL && !s->first)
        if (!conc__sock_wait(s, CONC_READ, deadline, ctx)) return -1;
    if (!s) return -1;
    struct conc__sock *c = s->first;
    struct conc__test *t = conc__test_of();
    s->first = c->next;
    conc__ordered_after(&c->in, ALL);
    if (s->waiting-- == CONC__BACKLOG) conc__net_wake(&t->net->dialers, CONC_WRITE);
    if (addr && len) {
        struct sockaddr_in a;
        memset(&a, 0, sizeof a);
        a.sin_family = s->place->port < 0 ? AF_UNIX : AF_INET;
        a.sin_port = htons((uint16_t)c->peer->port);
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = s->place->port < 0 ? (socklen_t)sizeof a.sin_family : (socklen_t)sizeof a;
        memcpy(addr, &a, *len < size ? *len : size);
        *len = size;
    }
    return conc__sock_open(t, c, CONC__O_ACCEPT);
}
/* Until the network lets a dial through to wanted: its place, where somebody listens and has room; or NULL and errno. */
CONC__FN struct conc__host *conc__dial_wait(struct conc__test *t, const struct conc__host *wanted, int64_t deadline, conc_ctx *ctx) {
    struct conc__net *net = t->net;
    for (;;) {
        struct conc__host *p = conc__host_at(net, wanted);
        bool cut = net->cut || (p && p->cut);
        if (!cut && (!p || !p->listener)) return errno = ECONNREFUSED, (struct conc__host *)NULL;
        if (!cut && p->listener->waiting < CONC__BACKLOG) return p;
        conc_status st = conc__net_wait(&net->lock, &net->dialers, CONC_WRITE, deadline, ctx);
        if (st != CONC_OK) return errno = conc__errno_of(st), (struct conc__host *)NULL;
        conc__test_point(CONC__O_DIAL, net, NULL);
    }
}
/* The time that a dial takes, in a queue that nobody else knows. */
CONC__FN bool conc__dial_travel(struct conc__test *t, int64_t deadline, conc_ctx *ctx) {
    int64_t there = t->now + conc__net_delay(t) + t->o.net.latency;
    uint32_t lock = 0;
    conc__queue q = NULL;
    if (there > t->now) {
        (void)conc__net_wait(&lock, &q, CONC_WRITE, there < deadline ? there : deadline, ctx);
        conc__test_point(CONC__O_DIAL, t->net, NULL);
    }
    conc_status st = ctx ? conc__ctx_err(conc__ctx_source(ctx)) : CONC_OK;
    if (st == CONC_OK && t->now >= deadline) st = CONC_TIMEOUT;
    return st == CONC_OK || conc__fail(conc__errno_of(st));
}
CONC__FN int conc__net_dial(const char *address, bool path, int64_t deadline, conc_ctx *ctx) {
    struct conc__test *t = conc__test_of();
    struct conc__net *net = conc__net_of(t);
    struct conc__host wanted, *p;
    conc__test_point(CONC__O_DIAL, net, NULL);
    if (!conc__host_parse(&wanted, address, path)) return -1;
    if (t->o.net.resets && conc__fault_ask(t, "connection refused")) return errno = ECONNREFUSED, -1;
    if (deadline > t->now + conc__dial_limit) deadline = t->now + conc__dial_limit;
    if (!conc__dial_travel(t, deadline, ctx) || (p = conc__dial_wait(t, &wanted, deadline, ctx)) == NULL) return -1;
    struct conc__sock *c = conc__sock_pair(t, p), *l = p->listener, **at = &l->first;
    c->port = net->next_port++;
    c->peer->port = p->port;
    while (*at) at = &(*at)->next;
    *at = c->peer;
    l->waiting++;
    conc__ordered_before(&c->peer->in, ALL);
    conc__net_wake(&l->q, CONC_READ);
    return conc__sock_open(t, c, CONC__O_DIAL);
}

/* What a body does to the network: everything may depend on it. */
CONC__FN struct conc__test *conc__net_point(int op, const char *what) {
    struct conc__test *t = conc__test_of();
    if (!t) conc__fatal("%s outside a test", what);
    conc__test_point(op, t, NULL);
    (void)conc__net_of(t);
    return t;
}
CONC_API int conc_net_pipe(int fd[2]) {
    struct conc__test *t = conc__test_of();
    if (!t) conc__fatal("conc_net_pipe outside a test");
    conc__test_point(CONC__O_PIPE, conc__net_of(t), NULL);
    struct conc__sock *a = conc__sock_pair(t, NULL);
    fd[0] = conc__sock_open(t, a, CONC__O_PIPE);
    fd[1] = conc__sock_open(t, a->peer, CONC__O_PIPE);
    return 0;
}
CONC_API int conc_net_reset(int fd) {
    struct conc__test *t = conc__net_point(CONC__O_RESET, "conc_net_reset");
    struct conc__sock *s = conc__sock_at(t, fd);
    if (!s) return errno = EBADF, -1;
    if (!s->peer) return errno = ENOTCONN, -1;
    conc__sock_reset(s);
    conc__sock_reset(s->peer);
    return 0;
}
CONC__FN conc_status conc__net_cut(struct conc__test *t, const char *address, bool cut) {
    struct conc__host wanted, *p;
    if (!address) t->net->cut = cut;
    for (p = t->net->places; !address && !cut && p; p = p->next) p->cut = false;
    if (!address) return CONC_OK;
    if (!conc__host_parse(&wanted, address, !strrchr(address, ':'))) return CONC_INVALID;
    if ((p = conc__host_at(t->net, &wanted)) == NULL) return CONC_INVALID;
    p->cut = cut;
    return CONC_OK;
}
CONC_API conc_status conc_net_partition(const char *address) {
    return conc__net_cut(conc__net_point(CONC__O_CUT, "conc_net_partition"), address, true);
}
/* What stood still sets out anew. */
CONC__FN void conc__wire_resume(struct conc__test *t, struct conc__wire *w) {
    int64_t when = t->now + t->o.net.latency;
    for (uint32_t i = 0; i < w->nseg; i++)
        if (w->seg[i].when < when) w->seg[i].when = when;
    conc__wire_arrive(t, w);
}
CONC_API conc_status conc_net_heal(const char *address) {
    struct conc__test *t = conc__net_point(CONC__O_HEAL, "conc_net_heal");
    conc_status st = conc__net_cut(t, address, false);
    for (uint32_t i = 0; i < t->net->n; i++) {
        struct conc__sock *s = t->net->sock[i];
        if (!s->peer || conc__sock_cut(t, s)) continue;
        conc__wire_resume(t, &s->in);
        if (!s->peer->fd) conc__wire_resume(t, &s->peer->in); /* not accepted yet */
    }
    conc__net_wake(&t->net->dialers, CONC_WRITE);
    return st;
}

/* at the end of a schedule */
CONC__FN void conc__net_leaks(struct conc__test *t) {
    uint32_t n = t->net ? t->net->open : 0;
    if (n > 0) conc__test_note(t, CONC_FAIL_LEAK, "%u descriptor%s open at the end", n, n == 1 ? " is" : "s are");
}
CONC__FN void conc__say_open(struct conc__test *t) {
    for (uint32_t i = 0; t->net && i < t->net->n; i++) {
        const struct conc__sock *s = t->net->sock[i];
        if (s->closed) continue;
        conc__say(t, "  a %s", s->peer ? "connection" : "listener");
        if (s->place && s->place->port >= 0) conc__say(t, " at %s:%d", s->place->host, s->place->port);
        else if (s->place) conc__say(t, " at %s", s->place->host);
        const char *how = s->op == CONC__O_ACCEPT ? "accepted" : s->op == CONC__O_DIAL ? "dialed" : "made";
        if (s->made && s->made->line) conc__say(t, " (%s at %s:%d)", how, conc__base(s->made->file), s->made->line);
        conc__say(t, " is open\n");
    }
}
#else
CONC__FN int conc__net_none(const char *what) { conc__fatal("%s outside a test", what); }
CONC_API int conc_net_pipe(int fd[2]) { return (void)fd, conc__net_none("conc_net_pipe"); }
CONC_API int conc_net_reset(int fd) { return (void)fd, conc__net_none("conc_net_reset"); }
CONC_API conc_status conc_net_partition(const char *address) { return (void)address, (conc_status)conc__net_none("conc_net_partition"); }
CONC_API conc_status conc_net_heal(const char *address) { return (void)address, (conc_status)conc__net_none("conc_net_heal"); }
#endif

// >>test-leaks
/* What is left behind, in ordinary runs. Where the implementation is compiled with CONC_TEST, a mark founds a family: whoever
   runs under it hands it on to the goroutines that it starts and to the channels, timers and contexts that it makes, and these to theirs
   (a timer to the goroutine of its function). So tests may run beside each other, and what one leaves is never found by another. A
   family counts its living goroutines, those that have no stack yet too, and its objects: that nothing is left is known by two loads. Families are
   not freed, for goroutines that were abandoned may still name them, but used again once nobody does.

   Objects that conc__obj_alloc makes have a struct conc__tracked before them then; it is in a list, under one lock, while its family is
   marked. Elsewhere (and under ThreadSanitizer) nothing is added to anything: a mark notes the numbers of the goroutines that
   live, and who is alive later and not among them is new. */
struct conc__leftover { int64_t goroutines, starting, objects; };
struct conc__text { char *p; size_t n, have; };
CONC__FN void conc__text_add(struct conc__text *x, const char *format, ...) __attribute__((format(printf, 2, 3)));
CONC__FN void conc__text_add(struct conc__text *x, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) return;
    if (x->n + (size_t)n >= x->have) x->p = (char *)conc__realloc(x->p, x->have = 2 * (x->n + (size_t)n) + 256);
    va_start(args, format);
    (void)vsnprintf(x->p + x->n, (size_t)n + 1, format, args);
    va_end(args);
    x->n += (size_t)n;
}
/* Is this word, of n characters, one of those in the list? */
CONC__FN bool conc__listed(const char *list, const char *word, size_t n) {
    for (const char *at = list; at && *at; at += strspn(at, " ")) {
        size_t k = strcspn(at, " ");
        if (k == n && memcmp(at, word, n) == 0) return true;
        at += k;
    }
    return false;
}
CONC__FN bool conc__site_listed(const char *list, const conc__site *s) {
    char place[160];
    if (!list || !s) return false;
    const char *slash = strrchr(s->file, '/');
    int n = snprintf(place, sizeof place, "%s:%d", slash ? slash + 1 : s->file, s->line);
    return conc__listed(list, s->fn, strcspn(s->fn, ",")) || conc__listed(list, place, n > 0 ? (size_t)n : 0);
}
CONC__FN void conc__say_place(struct conc__text *x, const char *how, const conc__site *s) {
    if (!s || !s->line) return;
    const char *slash = strrchr(s->file, '/');
    conc__text_add(x, "%s%s:%d", how, slash ? slash + 1 : s->file, s->line);
}

/* goroutines */
#if CONC__TEST
#define CONC__TEST_LAST(g) (g)->last
CONC__FN bool conc__g_new(const conc_leak_mark *mark, const conc__g *g) { return g->family == mark->conc__family; }
#else
#define CONC__TEST_LAST(g) NULL
CONC__FN bool conc__g_new(const conc_leak_mark *mark, const conc__g *g) {
    for (size_t i = 0; i < mark->conc__n; i++)
        if (mark->conc__before[i] == g->id) return false;
    return true;
}
#endif
CONC__FN void conc__say_left(struct conc__text *x, const conc__g *g) {
    const conc__site *s = g->site;
    const char *state = g->wait ? conc__wait_text[g->wait % CONC__W_COUNT] : NULL;
    conc__text_add(x, "  goroutine %llu %.*s", (unsigned long long)g->id, s ? (int)strcspn(s->fn, ",") : 0, s ? s->fn : "");
    if (g->name) conc__text_add(x, " \"%s\"", g->name);
    conc__say_place(x, " (started at ", s);
    if (s && s->line) conc__text_add(x, " by %s)", s->func);
    conc__text_add(x, state ? " is blocked in %s" : " is running", state);
    conc__say_place(x, ", its last operation at ", CONC__TEST_LAST(g));
    conc__text_add(x, "\n");
}
/* Walk all that have a stack: how many count, and, if x, what they are. Read while they run, as for a dump. */
__attribute__((no_sanitize("thread")))
CONC__FN int64_t conc__left_goroutines(const conc_leak_mark *mark, const char *ignore, int64_t *all, struct conc__text *x) {
    int64_t n = 0;
    conc__m *m = conc__self();
    const conc__g *me = m ? conc__ld(&m->cur) : NULL;
    struct conc__slab *lists[2] = { conc__ld_acq(&conc__rt.slabs), conc__ld_acq(&conc__rt.bigs) };
    *all = 0;
    for (int l = 0; l < 2; l++)
        for (struct conc__slab *s = lists[l]; s; s = s->next)
            for (uint32_t i = 0; i < conc__ld_acq(&s->used); i++) {
                const conc__g *g = l ? (const conc__g *)(void *)(s->base + s->size - CONC__G_ROOM) : conc__slab_at(s, i);
                if (!g->live || g == me || !conc__g_new(mark, g)) continue;
                ++*all;
                if (conc__site_listed(ignore, g->site) || (g->name && conc__listed(ignore, g->name, strlen(g->name)))) continue;
                n++;
                if (x) conc__say_left(x, g);
            }
    return n;
}

#if CONC__TEST
struct conc__family { struct conc__family *next; int64_t users, living, objects; uint32_t marked; }; /* marked: by a mark that has not ended */
struct conc__tracked {
    struct conc__tracked *next, **link; /* link NULL: not in the list */
    struct conc__family *family;
    const conc__site *site;
    const char *kind;
};
#define CONC__TRACKED 64 /* bytes before an object */
static struct { uint32_t lock; struct conc__family *families; struct conc__tracked *objects; } conc__leaks;
static __thread struct conc__family *conc__tls_family;
CONC__FN struct conc__family **conc__family_here(void) {
    conc__m *m = conc__self();
    return m ? &conc__ld(&m->cur)->family : &conc__tls_family;
}
CONC__FN struct conc__family *conc__family_found(void) {
    struct conc__family *made = (struct conc__family *)conc__xmalloc(sizeof *made), *f;
    memset(made, 0, sizeof *made);
    conc__lock(&conc__leaks.lock);
    for (f = conc__leaks.families; f && (conc__ld_acq(&f->marked) || conc__ld_acq(&f->users) > 0); f = f->next) continue;
    if (!f) {
        f = made;
        f->next = conc__leaks.families;
        conc__leaks.families = f;
        made = NULL;
    }
    conc__st(&f->marked, 1);
    conc__unlock(&conc__leaks.lock);
    CONC_FREE(made);
    return f;
}
/* A goroutine is started here, and ends. */
CONC__FN void conc__family_join(conc__rec *r) {
    struct conc__family *f = r->family = *conc__family_here();
    if (!f) return;
    (void)conc__add(&f->users, 1);
    (void)conc__add(&f->living, 1);
}
CONC__FN void conc__family_leave(conc__g *g) {
    struct conc__family *f = g->born;
    g->family = g->born = NULL;
    if (!f) return;
    (void)conc__add(&f->living, -1);
    (void)__atomic_fetch_sub(&f->users, 1, __ATOMIC_RELEASE); /* partner: the acquire in conc__family_found */
}
CONC__FN struct conc__tracked *conc__tracked_of(const void *obj) { return (struct conc__tracked *)(void *)((char *)(uintptr_t)obj - CONC__TRACKED); }
CONC__FN void *conc__tracked_alloc(size_t n) {
    char *p = (char *)CONC_MALLOC(n + CONC__TRACKED);
    if (!p) return NULL;
    memset(p, 0, CONC__TRACKED);
    return p + CONC__TRACKED;
}
CONC__FN void conc__tracked_free(void *obj) {
    struct conc__tracked *x = conc__tracked_of(obj);
    if (x->link) {
        conc__lock(&conc__leaks.lock);
        *x->link = x->next;
        if (x->next) x->next->link = x->link;
        conc__unlock(&conc__leaks.lock);
        (void)conc__add(&x->family->objects, -1);
        (void)__atomic_fetch_sub(&x->family->users, 1, __ATOMIC_RELEASE);
    }
    CONC_FREE(x);
}
/* obj, from conc__obj_alloc, is what a user sees as a channel, timer, context ... */
CONC__FN void conc__obj_is(void *obj, const char *kind) {
    const conc__site *here = conc__here;
    if (here && here->fn[0] == 'm') conc__here = NULL; /* it was noted for the making of this */
    else here = NULL;
    struct conc__family *f = *conc__family_here();
    if (!f || conc__in_test(conc__self())) return;
    struct conc__tracked *x = conc__tracked_of(obj);
    x->kind = kind;
    x->site = here;
    x->family = f;
    (void)conc__add(&f->users, 1);
    (void)conc__add(&f->objects, 1);
    conc__lock(&conc__leaks.lock);
    x->next = conc__leaks.objects;
    x->link = &conc__leaks.objects;
    if (x->next) x->next->link = &x->next;
    conc__leaks.objects = x;
    conc__unlock(&conc__leaks.lock);
}
/* What is started until the end of it belongs to obj's family. */
CONC__FN struct conc__family *conc__family_lend(struct conc__family *f) {
    struct conc__family **here = conc__family_here(), *old = *here;
    *here = f;
    return old;
}
CONC__FN struct conc__family *conc__family_of(const void *obj) { return conc__in_test(conc__self()) ? NULL : conc__tracked_of(obj)->family; }

/* Objects of the mark's family that count; if x, told there. Noted under the lock, told without it. */
CONC__FN int64_t conc__left_objects(const conc_leak_mark *mark, const char *ignore, struct conc__text *x) {
    struct { const char *kind; const conc__site *site; } some[64];
    int64_t n = 0, k;
    conc__lock(&conc__leaks.lock);
    for (const struct conc__tracked *o = conc__leaks.objects; o; o = o->next) {
        if (o->family != mark->conc__family || conc__listed(ignore, o->kind, strlen(o->kind)) || conc__site_listed(ignore, o->site)) continue;
        if (n < 64) some[n].kind = o->kind, some[n].site = o->site;
        n++;
    }
    conc__unlock(&conc__leaks.lock);
    for (k = 0; x && k < n && k < 64; k++) {
        conc__text_add(x, "  a %s", some[k].kind);
        conc__say_place(x, " made at ", some[k].site);
        conc__text_add(x, "\n");
    }
    if (x && n > 64) conc__text_add(x, "  and %lld more objects\n", (long long)n - 64);
    return n;
}
CONC__FN struct conc__leftover conc__left(const conc_leak_mark *mark, const conc_leak_opts *o, struct conc__text *x) {
    const struct conc__family *f = mark->conc__family;
    struct conc__leftover l = { 0, 0, 0 };
    int64_t all, living = conc__ld_acq(&f->living);
    if (living > 0) {
        l.goroutines = conc__left_goroutines(mark, o->ignore, &all, x);
        l.starting = living > all ? living - all : 0;
    }
    if (!o->goroutines_only && conc__ld_acq(&f->objects) > 0) l.objects = conc__left_objects(mark, o->ignore, x);
    return l;
}
CONC_API void conc_leak_begin(conc_leak_mark *mark) {
    conc__test_forbid("conc_leak_begin");
    conc__ensure();
    memset(mark, 0, sizeof *mark);
    mark->conc__family = conc__family_found();
    mark->conc__outer = conc__family_lend(mark->conc__family);
}
CONC__FN void conc__leak_close(conc_leak_mark *mark) {
    (void)conc__family_lend(mark->conc__outer);
    conc__st_rel(&mark->conc__family->marked, 0); /* partner: the acquire in conc__family_found */
    mark->conc__family = NULL;
}
CONC__FN bool conc__leak_mine(const conc_leak_mark *mark) { return mark->conc__family && *conc__family_here() == mark->conc__family; }
static const char conc__leaks_scope[] = "";
#else
/* Goroutines that live now and have a stack, by number; those that have none yet are given a moment. */
__attribute__((no_sanitize("thread"))) CONC__FN size_t conc__living(uint64_t *id, size_t room) {
    size_t n = 0;
    struct conc__slab *lists[2] = { conc__ld_acq(&conc__rt.slabs), conc__ld_acq(&conc__rt.bigs) };
    for (int l = 0; l < 2; l++)
        for (struct conc__slab *s = lists[l]; s; s = s->next)
            for (uint32_t i = 0; i < conc__ld_acq(&s->used); i++) {
                const conc__g *g = l ? (const conc__g *)(void *)(s->base + s->size - CONC__G_ROOM) : conc__slab_at(s, i);
                if (!g->live) continue;
                if (n < room) id[n] = g->id;
                n++;
            }
    return n;
}
CONC_API void conc_leak_begin(conc_leak_mark *mark) {
    conc__ensure();
    memset(mark, 0, sizeof *mark);
    for (int tries = 0; tries < 50 && conc__living(NULL, 0) < (size_t)conc_num_goroutines(); tries++) conc_sleep(100 * CONC_US);
    size_t room = conc__living(NULL, 0) + 64;
    mark->conc__before = (uint64_t *)conc__xmalloc(room * sizeof(uint64_t));
    mark->conc__n = conc__living(mark->conc__before, room);
    if (mark->conc__n > room) mark->conc__n = room;
}
CONC__FN void conc__leak_close(conc_leak_mark *mark) {
    CONC_FREE(mark->conc__before);
    mark->conc__before = NULL;
}
CONC__FN bool conc__leak_mine(const conc_leak_mark *mark) { return mark->conc__before != NULL; }
CONC__FN struct conc__leftover conc__left(const conc_leak_mark *mark, const conc_leak_opts *o, struct conc__text *x) {
    struct conc__leftover l = { 0, 0, 0 };
    int64_t all, living = (int64_t)conc__living(NULL, 0), alive = conc_num_goroutines();
    l.goroutines = conc__left_goroutines(mark, o->ignore, &all, x);
    l.starting = alive > living ? alive - living : 0;
    return l;
}
static const char conc__leaks_scope[] = " (goroutines of the whole program only: built without CONC_TEST)";
#endif
CONC__FN void conc__say_count(struct conc__text *x, int64_t n, const char *what) {
    if (n > 0) conc__text_add(x, "%s%lld %s%s", x->p[x->n - 1] == ' ' ? "" : ", ", (long long)n, what, n == 1 ? "" : "s");
}
CONC_API conc_report conc__test_leaks(conc_leak_mark *mark, const conc_leak_opts *o) {
    conc_report r;
    struct conc__text x = { NULL, 0, 0 }, list = { NULL, 0, 0 };
    if (!conc__leak_mine(mark)) conc_panic("conc_test_leaks with a mark that this goroutine or thread did not begin, or has ended");
    memset(&r, 0, sizeof r);
    int64_t limit = conc_now() + (o->wait ? o->wait : 400 * CONC_MS);
    struct conc__leftover l = conc__left(mark, o, NULL);
    for (int64_t nap = 20 * CONC_US; l.goroutines + l.starting + l.objects > 0 && conc_now() < limit; nap += nap < 5 * CONC_MS ? nap : 0) {
        conc_sleep(nap);
        l = conc__left(mark, o, NULL);
    }
    if (l.goroutines + l.starting + l.objects > 0) l = conc__left(mark, o, &list);
    r.ok = l.goroutines + l.starting + l.objects == 0;
    r.kind = r.ok ? CONC_FAIL_NONE : CONC_FAIL_LEAK;
    r.token = "";
    conc__text_add(&x, r.ok ? "ok leaks: nothing is left" : "FAIL leaks: ");
    conc__say_count(&x, l.goroutines, "goroutine");
    conc__say_count(&x, l.starting, "goroutine not yet running");
    conc__say_count(&x, l.objects, "object");
    conc__text_add(&x, "%s%s\n%s", r.ok ? "" : " left behind", conc__leaks_scope, list.p && !r.ok ? list.p : "");
    conc__leak_close(mark);
    CONC_FREE(list.p);
    if (snprintf(mark->conc__text, sizeof mark->conc__text, "%s", x.p) >= (int)sizeof mark->conc__text)
        memcpy(mark->conc__text + sizeof mark->conc__text - 5, "...\n", 5);
    CONC_FREE(x.p);
    r.text = mark->conc__text;
    return r;
}

// >>test-linear
/* Linearizability (Herlihy and Wing, TOPLAS 1990): is there one order of the operations, in which none that had ended before another began comes
   after it, and in which each result is that of the sequential model? Wing and Gong's search, with Lowe's memory (Testing for
   linearizability, CCPE 2017): a set of operations that are done, together with the model's state, need be tried once. An operation may come
   next if it had begun before all that are left and have ended ended. One that has not ended may come at any place after its
   beginning, or not at all.

   The search keeps a stack of states, one per operation done; undoing is going down. */
#define CONC__LIN_ROOM ((size_t)256 << 20) /* bytes of states after which it is given up */
struct conc__seen { uint64_t done; size_t at; }; /* at: 1 + place of the state in room */
struct conc__lin {
    const conc_history *h;
    const conc_model *m;
    uint32_t n;
    uint64_t done, finite;   /* sets of operations; finite: those that have ended */
    unsigned char *states;   /* n + 2 of m->size bytes: before each step, and one to try in */
    uint8_t order[64], best[64];
    uint32_t depth, most;
    bool too_much;
    struct conc__seen *seen; /* open addressing */
    size_t nseen, have;
    struct conc__text room;  /* states that were seen */
};
CONC_API void conc_history_init(conc_history *h) { memset(h, 0, sizeof *h); }
CONC_API int conc_op_begin(conc_history *h, int code, int64_t key, int64_t arg) {
    conc__point(BEGIN, h);
    uint32_t i = __atomic_fetch_add(&h->conc__n, 1, __ATOMIC_RELAXED);
    if (i >= CONC_HISTORY_MAX) conc_panic("conc_op_begin: more than %d operations in a history", CONC_HISTORY_MAX);
    conc_op *o = &h->conc__op[i];
    o->code = code;
    o->key = key;
    o->arg = arg;
    o->pending = true;
    const conc__m *m = conc__self();
    o->who = m ? conc__ld(&m->cur)->id : (uint64_t)(uintptr_t)&conc__tls_thread;
    o->begun = __atomic_fetch_add(&h->conc__clock, 1, __ATOMIC_SEQ_CST); /* the last thing: what comes after is the operation */
    return (int)i;
}
CONC_API int64_t conc_op_end(conc_history *h, int op, int64_t result) {
    conc__point(END, h);
    uint64_t now = __atomic_fetch_add(&h->conc__clock, 1, __ATOMIC_SEQ_CST); /* the first thing */
    if (op < 0 || (uint32_t)op >= conc__ld(&h->conc__n)) conc_panic("conc_op_end: there is no such operation");
    conc_op *o = &h->conc__op[op];
    if (!o->pending) conc_panic("conc_op_end: the operation has ended already");
    o->result = result;
    o->ended = now;
    conc__st_rel(&o->pending, false);
    return result;
}

/* models */
struct conc__lin_list { int64_t n, v[CONC_HISTORY_MAX]; };
CONC__FN bool conc__lin_push(struct conc__lin_list *l, int64_t v) {
    l->v[l->n++] = v;
    return true;
}
CONC__FN bool conc__lin_take(struct conc__lin_list *l, const conc_op *o, bool last) {
    if (l->n == 0) return o->pending || o->result == CONC_NONE;
    int64_t at = last ? l->n - 1 : 0;
    if (!o->pending && o->result != l->v[at]) return false;
    memmove(l->v + at, l->v + at + 1, (size_t)(l->n - at - 1) * sizeof l->v[0]);
    l->v[--l->n] = 0; /* states are compared whole */
    return true;
}
CONC__FN bool conc__lin_queue(void *state, const conc_op *o) {
    struct conc__lin_list *l = (struct conc__lin_list *)state;
    return o->code == CONC_OP_PUT ? conc__lin_push(l, o->arg) : conc__lin_take(l, o, false);
}
CONC__FN bool conc__lin_stack(void *state, const conc_op *o) {
    struct conc__lin_list *l = (struct conc__lin_list *)state;
    return o->code == CONC_OP_PUT ? conc__lin_push(l, o->arg) : conc__lin_take(l, o, true);
}
CONC__FN bool conc__lin_register(void *state, const conc_op *o) {
    int64_t *v = (int64_t *)state, old = *v;
    if (o->code == CONC_OP_GET) return o->pending || o->result == old;
    if (o->code == CONC_OP_CAS && old != o->key) return o->pending || o->result == 0;
    *v = o->arg;
    return o->pending || o->code == CONC_OP_PUT || o->result == (o->code == CONC_OP_CAS ? 1 : old);
}
CONC__FN bool conc__lin_counter(void *state, const conc_op *o) {
    int64_t *v = (int64_t *)state;
    if (o->code == CONC_OP_ADD) *v += o->arg;
    return o->pending || o->result == *v;
}
struct conc__lin_pair { int64_t key, value; };
struct conc__lin_map { int64_t n; struct conc__lin_pair pair[CONC_HISTORY_MAX]; }; /* by key */
CONC__FN bool conc__lin_of_map(void *state, const conc_op *o) {
    struct conc__lin_map *m = (struct conc__lin_map *)state;
    int64_t i = 0;
    while (i < m->n && m->pair[i].key < o->key) i++;
    struct conc__lin_pair *at = &m->pair[i];
    bool there = i < m->n && at->key == o->key;
    int64_t old = there ? at->value : CONC_NONE;
    if (o->code == CONC_OP_PUT || o->code == CONC_OP_SWAP || (o->code == CONC_OP_TRY && !there)) {
        if (!there) memmove(at + 1, at, (size_t)(m->n++ - i) * sizeof *at);
        at->key = o->key;
        at->value = o->arg;
        if (o->code == CONC_OP_PUT) return true;
    } else if (o->code == CONC_OP_TAKE && there) {
        memmove(at, at + 1, (size_t)(m->n - i - 1) * sizeof *at);
        memset(&m->pair[--m->n], 0, sizeof *at);
    }
    return o->pending || o->result == old;
}
#define CONC__MODEL(word, state, step) \
    CONC_API const conc_model *conc_model_##word(void) { \
        static const conc_model m = { #word, sizeof(state), step, NULL, NULL }; \
        return &m; \
    }
CONC__MODEL(queue, struct conc__lin_list, conc__lin_queue)
CONC__MODEL(stack, struct conc__lin_list, conc__lin_stack)
CONC__MODEL(register, int64_t, conc__lin_register)
CONC__MODEL(counter, int64_t, conc__lin_counter)
CONC__MODEL(map, struct conc__lin_map, conc__lin_of_map)

/* the search */
CONC__FN unsigned char *conc__lin_state(const struct conc__lin *l, uint32_t i) { return l->states + (size_t)i * l->m->size; }
CONC__FN uint64_t conc__lin_hash(const struct conc__lin *l, uint64_t done, const unsigned char *state) {
    uint64_t x = done * 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < l->m->size; i++) x = (x ^ state[i]) * 0x100000001b3u;
    return x ^ x >> 29;
}
CONC__FN void conc__lin_grow(struct conc__lin *l) {
    size_t have = l->have ? l->have * 2 : 256;
    struct conc__seen *old = l->seen, *seen = (struct conc__seen *)conc__xmalloc(have * sizeof *seen);
    memset(seen, 0, have * sizeof *seen);
    for (size_t i = 0; i < l->have; i++) {
        if (!old[i].at) continue;
        size_t k = conc__lin_hash(l, old[i].done, (unsigned char *)l->room.p + old[i].at - 1) & (have - 1);
        while (seen[k].at) k = (k + 1) & (have - 1);
        seen[k] = old[i];
    }
    CONC_FREE(old);
    l->seen = seen;
    l->have = have;
}
/* Has it been here, with this state? It has now. */
CONC__FN bool conc__lin_known(struct conc__lin *l, uint64_t done, const unsigned char *state) {
    const size_t size = l->m->size;
    if (l->nseen * 2 >= l->have) conc__lin_grow(l);
    size_t k = conc__lin_hash(l, done, state) & (l->have - 1);
    for (; l->seen[k].at; k = (k + 1) & (l->have - 1))
        if (l->seen[k].done == done && memcmp(l->room.p + l->seen[k].at - 1, state, size) == 0) return true;
    if (l->room.n + size > l->room.have) l->room.p = (char *)conc__realloc(l->room.p, l->room.have = 2 * (l->room.n + size));
    memcpy(l->room.p + l->room.n, state, size);
    l->seen[k].done = done;
    l->seen[k].at = l->room.n + 1;
    l->room.n += size;
    l->nseen++;
    return false;
}
/* The first operation from i on that may come next. */
CONC__FN uint32_t conc__lin_next(const struct conc__lin *l, uint32_t i) {
    uint64_t first_end = UINT64_MAX;
    for (uint32_t k = 0; k < l->n; k++)
        if (!(l->done >> k & 1) && (l->finite >> k & 1) && l->h->conc__op[k].ended < first_end) first_end = l->h->conc__op[k].ended;
    while (i < l->n && ((l->done >> i & 1) || l->h->conc__op[i].begun > first_end)) i++;
    return i;
}
CONC__FN bool conc__lin_try(struct conc__lin *l, uint32_t i) {
    unsigned char *from = conc__lin_state(l, l->depth), *to = conc__lin_state(l, l->depth + 1);
    memcpy(to, from, l->m->size);
    if (!l->m->step(to, &l->h->conc__op[i]) || conc__lin_known(l, l->done | 1ull << i, to)) return false;
    l->too_much = l->room.n > CONC__LIN_ROOM;
    l->done |= 1ull << i;
    l->order[l->depth++] = (uint8_t)i;
    return true;
}
CONC__FN bool conc__lin_search(struct conc__lin *l) {
    for (uint32_t i = 0; (l->done & l->finite) != l->finite && !l->too_much;) {
        i = conc__lin_next(l, i);
        if (i < l->n) {
            if (!conc__lin_try(l, i)) {
                i++;
                continue;
            }
            if (l->depth > l->most) memcpy(l->best, l->order, l->most = l->depth);
            i = 0;
        } else {
            if (l->depth == 0) return false;
            i = l->order[--l->depth];
            l->done &= ~(1ull << i++);
        }
    }
    return !l->too_much;
}

/* telling */
CONC__FN void conc__lin_call(const conc_model *m, const conc_op *o, char *to, size_t size) {
    static const char *const name[] = { "put", "take", "get", "cas", "add", "swap", "try" };
    long long key = o->key, arg = o->arg;
    bool two = m->step == conc__lin_of_map || o->code == CONC_OP_CAS, none = o->code == CONC_OP_TAKE || o->code == CONC_OP_GET;
    const char *verb = o->code >= 0 && o->code < 7 ? name[o->code] : "operation";
    if (m->show) m->show(o, to, size);
    else if (two && !none) (void)snprintf(to, size, "%s(%lld, %lld)", verb, key, arg);
    else if (none && !two) (void)snprintf(to, size, "%s()", verb);
    else (void)snprintf(to, size, "%s(%lld)", verb, two ? key : arg);
}
CONC__FN void conc__say_op(struct conc__text *x, const conc_model *m, const conc_op *o) {
    char call[120];
    conc__lin_call(m, o, call, sizeof call);
    conc__text_add(x, "%s", call);
    if (o->pending) conc__text_add(x, " (not ended)");
    else if (o->result == CONC_NONE) conc__text_add(x, " = none");
    else if (o->code != CONC_OP_PUT || m->show) conc__text_add(x, " = %lld", (long long)o->result);
}
/* A column for each goroutine, a line for each beginning and end. */
CONC__FN void conc__say_event(struct conc__text *x, const struct conc__lin *l, const conc_op *o, bool begins, uint32_t column) {
    char call[120];
    conc__lin_call(l->m, o, call, sizeof call);
    conc__text_add(x, "%*s", (int)column * 20 + 2, "");
    if (begins) conc__text_add(x, "%s ...\n", call);
    else if (o->result == CONC_NONE) conc__text_add(x, "... none\n");
    else if (o->code != CONC_OP_PUT || l->m->show) conc__text_add(x, "... %lld\n", (long long)o->result);
    else conc__text_add(x, "... done\n");
}
CONC__FN uint32_t conc__lin_columns(const struct conc__lin *l, uint64_t *who) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        uint64_t one = l->h->conc__op[i].who;
        uint32_t c = 0;
        while (c < n && who[c] < one) c++;
        if (c < n && who[c] == one) continue;
        memmove(who + c + 1, who + c, (n++ - c) * sizeof *who);
        who[c] = one;
    }
    return n;
}
CONC__FN void conc__say_history(struct conc__text *x, const struct conc__lin *l) {
    uint64_t who[CONC_HISTORY_MAX];
    uint32_t columns = conc__lin_columns(l, who);
    bool test = conc__in_test(conc__self());
    char name[32];
    for (uint32_t c = 0; c < columns; c++) {
        if (test) (void)snprintf(name, sizeof name, "g%llu", (unsigned long long)who[c] - 1); /* as in the schedule */
        else (void)snprintf(name, sizeof name, who[c] < 1ull << 32 ? "goroutine %llu" : "thread %llx", (unsigned long long)who[c]);
        conc__text_add(x, c + 1 < columns ? "%s%-20s" : "%s%s", c ? "" : "  ", name);
    }
    conc__text_add(x, "\n");
    for (uint64_t now = 0; now < l->h->conc__clock; now++)
        for (uint32_t i = 0; i < l->n; i++) {
            const conc_op *o = &l->h->conc__op[i];
            uint32_t c = 0;
            while (c < columns && who[c] != o->who) c++;
            if (o->begun == now) conc__say_event(x, l, o, true, c);
            else if (!o->pending && o->ended == now) conc__say_event(x, l, o, false, c);
        }
}
CONC__FN void conc__say_linear(struct conc__text *x, struct conc__lin *l) {
    conc__say_history(x, l);
    conc__text_add(x, "  in order as far as possible (%u of %u):%s", l->most, l->n, l->most ? " " : " nothing");
    l->done = 0;
    for (uint32_t i = 0; i < l->most; i++) {
        conc__text_add(x, "%s", i ? ", " : "");
        conc__say_op(x, l->m, &l->h->conc__op[l->best[i]]);
        l->done |= 1ull << l->best[i];
    }
    conc__text_add(x, "\n  then none of these: ");
    for (uint32_t i = conc__lin_next(l, 0), k = 0; i < l->n; i = conc__lin_next(l, i + 1)) {
        conc__text_add(x, "%s", k++ ? ", " : "");
        conc__say_op(x, l->m, &l->h->conc__op[i]);
    }
    conc__text_add(x, "\n");
}
CONC__FN bool conc__lin_check(struct conc__lin *l, const conc_history *h, const conc_model *m) {
    memset(l, 0, sizeof *l);
    l->h = h;
    l->m = m;
    l->n = h->conc__n < CONC_HISTORY_MAX ? h->conc__n : CONC_HISTORY_MAX;
    l->states = (unsigned char *)conc__xmalloc((l->n + 2) * m->size);
    memset(l->states, 0, m->size);
    if (m->init) m->init(l->states);
    for (uint32_t i = 0; i < l->n; i++)
        if (!conc__ld_acq(&h->conc__op[i].pending)) l->finite |= 1ull << i;
    return conc__lin_search(l);
}
CONC__FN void conc__lin_free(struct conc__lin *l) {
    CONC_FREE(l->states);
    CONC_FREE(l->seen);
    CONC_FREE(l->room.p);
}
static struct { uint32_t lock, next; char *text[16]; } conc__linear_texts;
CONC__FN const char *conc__linear_keep(char *text) {
    conc__lock(&conc__linear_texts.lock);
    char **at = &conc__linear_texts.text[conc__linear_texts.next++ & 15], *old = *at;
    *at = text;
    conc__unlock(&conc__linear_texts.lock);
    CONC_FREE(old);
    return text;
}
CONC_API conc_report conc_linearizable(const conc_history *h, const conc_model *model) {
    struct conc__lin l;
    struct conc__text x = { NULL, 0, 0 };
    conc_report r;
    memset(&r, 0, sizeof r);
    r.ok = conc__lin_check(&l, h, model);
    r.kind = r.ok ? CONC_FAIL_NONE : l.too_much ? CONC_FAIL_INVALID : CONC_FAIL_ASSERT;
    r.steps = l.nseen;
    r.token = "";
    const char *verdict = r.ok ? "are linearizable" : l.too_much ? "are too many at a time: given up, undecided" : "are not linearizable";
    conc__text_add(&x, "%s %s: %u operations %s\n", r.ok ? "ok" : "FAIL", model->name, l.n, verdict);
    if (r.kind == CONC_FAIL_ASSERT) conc__say_linear(&x, &l);
    conc__lin_free(&l);
    r.text = conc__linear_keep(x.p);
    return r;
}
CONC_API void conc__assert_linearizable(const conc_history *h, const conc_model *model, const char *file, int line) {
    conc_report r = conc_linearizable(h, model);
    if (r.ok) return;
    conc__test_failed(model->name, r.text, file, line);
    (void)fputs(r.text, stderr);
    conc__fatal("the operations are not those of a %s\n\t%s:%d", model->name, file, line);
}

// >>api
CONC_API const char *conc_strerror(conc_status status) {
    static const char *const text[] = {
#define CONC__X(name, words) words,
        CONC_STATUS_LIST(CONC__X)
#undef CONC__X
    };
    return (unsigned)status < CONC__STATUS_COUNT ? text[(unsigned)status] : "unknown status";
}
CONC_API int conc_version(void) { return CONC_VERSION; }

/* Bring the number of Ps to n. sched.lock held. */
CONC__FN void conc__set_procs(int n) {
    for (int i = conc__rt.nps; i < n; i++) {
        conc__p *p = conc__p_new(i);
        if (!p) n = i;
        else {
            conc__rt.ps[i] = p;
            p->dead = true;
            conc__st_rel(&conc__rt.nps, i + 1);
        }
    }
    conc__st(&conc__rt.procs, n);
    for (int i = 0; i < n; i++) {
        conc__p *p = conc__rt.ps[i];
        if (!p->dead) continue;
        p->dead = false;
        conc__p_idle(p);
    }
    conc__p **at = &conc__rt.idle_p;
    while (*at) {
        conc__p *p = *at;
        if (p->index < n) {
            at = &p->idle_next;
            continue;
        }
        *at = p->idle_next;
        conc__st(&conc__rt.nidle_p, conc__rt.nidle_p - 1);
        p->idle = false;
        p->dead = true;
    }
    for (int i = n; i < conc__rt.nps; i++) { /* busy ones notice at their next look */
        conc__m *m = conc__ld(&conc__rt.ps[i]->m);
        if (m) (void)__atomic_fetch_or(&m->stop, CONC__YIELD, __ATOMIC_RELAXED);
    }
}
CONC__FN void conc__forget(void) {
    conc__tls_m = NULL;
    if (conc__rt.io_on) conc__os_set_close(&conc__rt.io_set);
    void (*hook)(const char *, void *) = conc__rt.hook;
    void *arg = conc__rt.hook_arg;
    memset(&conc__rt, 0, sizeof conc__rt);
    conc__rt.hook = hook;
    conc__rt.hook_arg = arg;
}
CONC__FN void conc__fork_child(void) { /* only this thread is left; the runtime starts afresh, its old memory is not reused */
    conc__forget();
    conc__os_forked();
    conc__signal_child();
    memset(&conc__lookups, 0, sizeof conc__lookups);
}
CONC__FN void conc__start(void) {
    uint32_t off = CONC__OFF;
    if (!__atomic_compare_exchange_n(&conc__rt.state, &off, CONC__STARTING, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        while (conc__ld_acq(&conc__rt.state) != CONC__ON) (void)sched_yield();
        return;
    }
    static bool once;
    size_t page = (size_t)conc__os_page(), size = page * 4;
    while (size < CONC_STACK_SIZE) size *= 2;
    conc__os_fence_init();
    conc__rt.stack_size = size;
    conc__rt.next_id = 1;
    conc__rt.waiter_due = INT64_MAX;
    conc__rt.attn = CONC__ATTN_MONITOR | CONC__ATTN_WAKE;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &conc__rt.sigmask);
    conc__rt.max_m = conc__env("CONC_MAX_THREADS", 1, 1000000, 10000);
    conc__lock(&conc__rt.lock);
    conc__set_procs(conc__env("CONC_PROCS", 1, CONC__PROCS_MAX, conc__os_procs()));
    conc__unlock(&conc__rt.lock);
    if (conc__rt.procs < 1) conc__fatal("out of memory: no processor");
    if (!once) {
        once = true;
        (void)pthread_atfork(NULL, NULL, conc__fork_child);
#ifndef CONC_NO_SEGV_HANDLER
        conc__segv_install();
#endif
    }
    conc__st_rel(&conc__rt.state, CONC__ON);
    pthread_attr_t attr;
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, 1u << 17);
    bool on = pthread_create(&conc__rt.monitor, &attr, conc__monitor_main, NULL) == 0; /* without it nothing is preempted */
    (void)pthread_attr_destroy(&attr);
    conc__lock(&conc__rt.lock);
    conc__rt.monitor_on = on;
    conc__unlock(&conc__rt.lock);
}
CONC_API int64_t conc_shutdown(void) {
    if (conc__self()) return -1;
    if (conc__ld_acq(&conc__rt.state) != CONC__ON) return 0;
    for (int i = 0, idle = 0; i < 20000 && idle < 2; i++) { /* let those that can still run come to their ends: a second at most */
        struct timespec t = { 0, 50000 };
        conc__lock(&conc__rt.lock);
        idle = conc__rt.nidle_m == conc__rt.nm && conc__rt.qn == 0 ? idle + 1 : 0;
        conc__unlock(&conc__rt.lock);
        if (idle < 2) (void)nanosleep(&t, NULL);
    }
    conc__signal_end();
    conc__lookups_off();
    int64_t left = conc_num_goroutines();
    conc__lock(&conc__rt.lock);
    conc__st(&conc__rt.stop, 1);
    bool monitor = conc__rt.monitor_on;
    conc__unlock(&conc__rt.lock);
    for (conc__m *m = conc__rt.all_m; m; m = m->all_next) conc__m_wake(m);
    if (monitor) {
        conc__st_rel(&conc__rt.mon_wake, 1);
        conc__os_wake(&conc__rt.mon_wake);
        (void)pthread_join(conc__rt.monitor, NULL);
    }
    conc__hb_acquire(&conc__rt);
    conc__hb_acquire(&conc__rt.stop);
    conc__tsan_blind(true); /* goroutines that never end are ordered before nothing */
    for (conc__m *m = conc__rt.all_m, *next; m; m = next) {
        next = m->all_next;
        if (m->started) (void)pthread_join(m->thread, NULL);
        CONC_FREE(m->seen);
        conc__line_free(m);
    }
    conc__lookups_end();
    for (int i = 0; i < conc__rt.nps; i++) {
        conc__p *p = conc__rt.ps[i];
        conc__arr_free(p->heap);
        CONC_FREE(p->ring);
        conc__line_free(p);
    }
    for (int l = 0; l < 2; l++)
        for (struct conc__slab *s = l ? conc__rt.bigs : conc__rt.slabs, *next; s; s = next) {
            next = s->next;
            conc__slab_free(s);
        }
    for (conc__rec *c = conc__rt.chunks, *next; c; c = next) {
        next = (conc__rec *)c->arg[1];
        CONC_FREE(c);
    }
    for (int i = 0; i < 32; i++) CONC_FREE(conc__rt.fds[i]);
    CONC_FREE(conc__rt.q);
    conc__os_set_free(&conc__rt.io_set);
    conc__arr_free(conc__rt.stacks);
    conc__arr_free(conc__rt.vacant);
    uint32_t nkeys = conc__rt.nkeys;
    void (*dtors[64])(void *);
    memcpy(dtors, conc__rt.key_dtor, sizeof dtors);
    conc__forget();
    conc__rt.nkeys = nkeys;
    memcpy(conc__rt.key_dtor, dtors, sizeof dtors);
    conc__tsan_blind(false);
    return left;
}
CONC_API int conc_set_procs(int n) {
    conc__ensure();
    conc__lock(&conc__rt.lock);
    int old = conc__rt.procs;
    if (n >= 1) conc__set_procs(n < CONC__PROCS_MAX ? n : CONC__PROCS_MAX);
    conc__unlock(&conc__rt.lock);
    if (n > old) (void)__atomic_fetch_or(&conc__rt.attn, CONC__ATTN_WAKE, __ATOMIC_RELAXED);
    if (n >= 1 && n < old) conc_yield();
    return old;
}
CONC_API void conc_yield(void) {
    conc__m *m = conc__self();
    if (!m) {
        (void)sched_yield();
        return;
    }
    if (conc__in_test(m)) {
        conc__test_point(CONC__O_YIELD, NULL, NULL);
        return;
    }
    conc__g *g = conc__ld(&m->cur);
    uint32_t stop = conc__enter(m);
    if (conc__unlikely(stop || g->locked)) {
        conc__leave(m);
        conc__give_way(m);
        return;
    }
    conc__p *p = m->p;
    if (p->head == p->tail && !p->next && (p->tick & 15) && !conc__ld(&conc__rt.qn)) { /* alone: nothing to give way to */
        conc__st(&p->tick, p->tick + 1);
        conc__leave(m);
        return;
    }
    conc__ring_put(p, g);
    conc__hb_release(g);
    conc__switch_out(m, g, 0);
}
CONC_API void conc_relax(void) {
    if (conc__in_test(conc__self())) conc__test_point(CONC__O_RELAX, NULL, NULL);
    else conc_yield();
}
CONC_API void conc_exit(void) {
    conc__m *m = conc__self();
    if (!m) conc__fatal("conc_exit outside a goroutine");
    (void)conc__finish(conc__ld(&m->cur), false);
    __builtin_unreachable();
}
CONC_API conc_status conc_on_exit(void (*fn)(void *), void *arg) {
    conc__m *m = conc__self();
    if (!m || !fn) return CONC_INVALID;
    struct conc__exit *e = (struct conc__exit *)CONC_MALLOC(sizeof *e);
    if (!e) return CONC_NO_MEMORY;
    e->fn = fn;
    e->arg = arg;
    e->heap = true;
    conc__g *g = conc__ld(&m->cur);
    e->next = conc__ld(&g->exits);
    conc__st(&g->exits, e);
    return CONC_OK;
}
CONC_API uint64_t conc_id(void) {
    conc__m *m = conc__self();
    return m ? conc__ld(&m->cur)->id : 0;
}
CONC_API const char *conc_name(void) {
    conc__m *m = conc__self();
    if (!m) return "";
    conc__g *g = conc__ld(&m->cur);
    return g->name ? g->name : g->site ? g->site->fn : "";
}
CONC_API int64_t conc_num_goroutines(void) {
    if (conc__in_test(conc__self())) return conc__test_live();
    int64_t n = conc__ld_acq(&conc__rt.foreign_live);
    for (int i = 0; i < conc__ld_acq(&conc__rt.nps); i++) n += conc__ld_acq(&conc__rt.ps[i]->live);
    conc__hb_acquire(&conc__rt);
    return n;
}
CONC_API int conc_num_threads(void) {
    conc__lock(&conc__rt.lock);
    int n = conc__rt.nm + conc__rt.monitor_on + conc__ld(&conc__sig.on);
    conc__unlock(&conc__rt.lock);
    return n;
}
CONC_API void conc_lock_thread(void) {
    conc__m *m = conc__self();
    if (!m || conc__in_test(m)) return; /* a test has one thread */
    conc__g *g = conc__ld(&m->cur);
    conc__st(&g->locks, (uint16_t)(conc__ld(&g->locks) + 1));
    conc__st(&g->locked, m);
    conc__st(&m->locked, g);
}
CONC_API void conc_unlock_thread(void) {
    conc__m *m = conc__self();
    if (!m) return;
    conc__g *g = conc__ld(&m->cur);
    uint16_t locks = conc__ld(&g->locks);
    if (locks == 0) return;
    conc__st(&g->locks, (uint16_t)(locks - 1));
    if (locks > 1) return;
    conc__st(&g->locked, (conc__m *)NULL);
    conc__st(&m->locked, (conc__g *)NULL);
}
static __thread void *conc__thread_local[64];
CONC_API conc_status conc_key_create(conc_key *key, void (*dtor)(void *)) {
    conc__lock(&conc__rt.stack_lock);
    uint32_t n = conc__rt.nkeys;
    if (n < 64) {
        conc__rt.key_dtor[n] = dtor;
        key->conc__n = n;
        conc__st_rel(&conc__rt.nkeys, n + 1);
    }
    conc__unlock(&conc__rt.stack_lock);
    return n < 64 ? CONC_OK : CONC_NO_MEMORY;
}
CONC_API conc_status conc_key_set(conc_key key, void *value) {
    conc__m *m = conc__self();
    if (key.conc__n >= conc__ld_acq(&conc__rt.nkeys)) return CONC_INVALID;
    if (!m) {
        conc__thread_local[key.conc__n] = value;
        return CONC_OK;
    }
    conc__g *g = conc__ld(&m->cur);
    void **local = conc__ld(&g->local);
    if (!local) {
        local = (void **)CONC_MALLOC(sizeof(void *) * 64);
        if (!local) return CONC_NO_MEMORY;
        memset(local, 0, sizeof(void *) * 64);
        conc__st(&g->local, local);
    }
    local[key.conc__n] = value;
    return CONC_OK;
}
CONC_API void *conc_key_get(conc_key key) {
    conc__m *m = conc__self();
    if (key.conc__n >= 64) return NULL;
    if (!m) return conc__thread_local[key.conc__n];
    void **local = conc__ld(&conc__ld(&m->cur)->local);
    return local ? local[key.conc__n] : NULL;
}
CONC_API void conc_get_stats(conc_stats *out) {
    memset(out, 0, sizeof *out);
    out->goroutines = conc_num_goroutines();
    out->spawned = conc__ld(&conc__rt.foreign_spawned);
    for (int i = 0; i < conc__ld_acq(&conc__rt.nps); i++) {
        out->spawned += conc__ld(&conc__rt.ps[i]->spawned);
        out->parks += conc__ld(&conc__rt.ps[i]->tick);
    }
    conc__lock(&conc__rt.lock);
    out->threads = conc__rt.nm + conc__rt.monitor_on + conc__ld(&conc__sig.on);
    out->idle_threads = conc__rt.nidle_m;
    out->steals = conc__ld(&conc__rt.steals);
    out->handoffs = conc__rt.handoffs;
    out->wakes = conc__rt.wakes;
    conc__unlock(&conc__rt.lock);
    conc__lock(&conc__rt.stack_lock);
    out->stacks = conc__rt.nstacks;
    out->stacks_free = conc__ld(&conc__rt.nstacks_free);
    conc__unlock(&conc__rt.stack_lock);
    for (int i = 0; i < conc__ld_acq(&conc__rt.nps); i++) {
        conc__p *p = conc__rt.ps[i];
        conc__lock(&p->tlock);
        out->timers += (int64_t)conc__arr_len(p->heap);
        conc__unlock(&p->tlock);
    }
}

#ifdef CONC_MAIN
struct conc__mainargs { int argc; char **argv; int status; conc_wg done; };
CONC__FN void conc__main_exit(void *arg) { /* conc_main left by conc_exit: the others go on, and main waits for ever */
    (void)arg;
    conc__rt.main_gone = true;
}
CONC__FN void conc__main_run(void *arg) {
    struct conc__mainargs *a = (struct conc__mainargs *)arg;
    struct conc__exit e = { NULL, conc__main_exit, NULL, false };
    conc__st(&conc__ld(&conc__self()->cur)->exits, &e);
    a->status = conc_main(a->argc, a->argv);
    exit(a->status); /* returning ends the program, whatever the others do */
}
#ifdef __cplusplus
}
int main(int argc, char **argv) {
#else
int main(int argc, char **argv) {
#endif
    struct conc__mainargs a;
    memset(&a, 0, sizeof a);
    a.argc = argc;
    a.argv = argv;
    static const conc__site site = { "main", "runtime", "", 0 };
    conc__godesc d;
    memset(&d, 0, sizeof d);
    d.site = &site;
    void **room = (void **)conc__go_begin(&d, conc__main_run, sizeof(void *));
    (void)room;
    ((conc__rec *)d.rec)->fn = (void (*)(void))(uintptr_t)conc__main_run;
    ((conc__rec *)d.rec)->arg[0] = (uintptr_t)&a;
    conc__submit((conc__rec *)d.rec, &d, CONC__R_INT);
    conc__block_for_ever(CONC__W_WG);
}
#ifdef __cplusplus
extern "C" {
#endif
#endif
// >>runner
/* CONC_TEST_MAIN: the tests of CONC_TEST_CASE and CONC_TEST_PLAIN, and a main that runs them. */
static struct conc__case *conc__cases;
CONC_API void conc__case_add(struct conc__case *c) {
    struct conc__case **at = &conc__cases;
    while (*at) at = &(*at)->next;
    *at = c;
}
#ifdef CONC_TEST_MAIN
enum conc__verdict { CONC__PASSED = 1, CONC__FAILED, CONC__SKIPPED };
static struct conc__runner {
    const char **filters;
    int nfilters, jobs, count[4];
    bool list, tap, no_fork;
    const char *junit, *replay, *program;
    uint64_t seed, schedules;
    double timeout;
} conc__runner;
static const char conc__runner_help[] =
    "  NAME                run the tests whose name contains NAME; with * and ?, those that it matches; several: any of them\n"
    "  --filter=NAME       the same\n"
    "  --list              print their names and places, and run none\n"
    "  --seed=N|random     of the schedules; the environment's CONC_SEED, else 1\n"
    "  --schedules=N       of each test, instead of its own number\n"
    "  --replay=TOKEN      one schedule of one test\n"
    "  --timeout=SECONDS   for a plain test; for an explored one, time without an operation (10)\n"
    "  --jobs=N            processes that share the schedules of a test (1)\n"
    "  --no-fork           all in this process: for a debugger; the first crash ends it\n"
    "  --tap               print as the Test Anything Protocol, version 13\n"
    "  --junit=FILE        write a JUnit report, too\n"
    "exit status: 0 all passed, 1 some failed, 2 wrong usage or no such test\n";

/* a plain test: in its process, and what it has to tell through this descriptor: "\1", or why it failed */
static int conc__plain_out = -1;
CONC__FN void conc__plain_died(const char *message, void *arg) {
    (void)arg;
    conc__write_all(conc__plain_out, message, strlen(message));
}
CONC__FN void conc__plain_late(int sig) {
    char text[80];
    int n = snprintf(text, sizeof text, "it has not ended after %g s; its goroutines:\n", conc__runner.timeout);
    (void)sig;
    conc__write_all(conc__plain_out, text, (size_t)n);
    conc_dump(conc__plain_out);
    _exit(2);
}
CONC__FN char *conc__plain_leftover(void) {
    int64_t left = conc_shutdown();
    char *text = (char *)conc__xmalloc(64);
    (void)snprintf(text, 64, left ? "%lld goroutine%s left behind" : "", (long long)left, left == 1 ? "" : "s");
    return text;
}
CONC__FN void conc__plain_main(const struct conc__case *c, int fd) {
    struct itimerval limit;
    conc__plain_out = fd;
    memset(&limit, 0, sizeof limit);
    limit.it_value.tv_sec = (time_t)conc__runner.timeout;
    limit.it_value.tv_usec = (suseconds_t)((conc__runner.timeout - (double)limit.it_value.tv_sec) * 1e6) + 1;
    (void)signal(SIGALRM, conc__plain_late);
    (void)setitimer(ITIMER_REAL, &limit, NULL);
    conc_set_fatal_hook(conc__plain_died, NULL);
    c->fn(NULL);
    const char *text = conc__plain_leftover();
    (void)fflush(NULL);
    conc__write_all(fd, *text ? text : "\1", *text ? strlen(text) : 1);
    _exit(0);
}
/* -> why it failed, "" if it has not; to be freed */
CONC__FN char *conc__plain_run(const struct conc__case *c) {
    int fd[2], status;
    size_t n;
    if (conc__runner.no_fork) {
        c->fn(NULL);
        return conc__plain_leftover();
    }
    (void)fflush(NULL);
    if (conc__os_pipe(fd) != 0) conc__fatal("pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0) conc__fatal("fork: %s", strerror(errno));
    if (pid == 0) conc__plain_main(c, fd[1]);
    (void)close(fd[1]);
    char *text = conc__read_all(fd[0], &n);
    (void)close(fd[0]);
    status = conc__apart_wait(pid);
    if (status == 0 && strcmp(text, "\1") == 0) text[0] = 0;
    else if (n == 0) {
        text = (char *)conc__realloc(text, 80);
        if (status > 128) (void)snprintf(text, 80, "it died of %s (%d)", conc__signal_text(status - 128), status - 128);
        else (void)snprintf(text, 80, "it ended the process with exit status %d", status);
    }
    return text;
}
CONC__FN void conc__case_run(struct conc__case *c) {
    int64_t begin = conc__os_now();
    if (c->plain) {
        c->text = conc__plain_run(c);
        c->result = *c->text ? CONC__FAILED : CONC__PASSED;
    } else {
        conc_test_opts o = *c->opts;
        if (!o.name) o.name = c->name;
        if (conc__runner.seed) o.seed = conc__runner.seed; /* else the test's, the environment's, 1 */
        if (conc__runner.schedules) o.schedules = conc__runner.schedules;
        if (conc__runner.jobs) o.jobs = conc__runner.jobs;
        o.stuck = conc__runner.timeout;
        o.isolate = !conc__runner.no_fork;
        conc_report r = conc__test_run(c->name, c->fn, NULL, &o);
        c->text = (char *)conc__xmalloc(strlen(r.text) + 1);
        (void)strcpy(c->text, r.text);
        c->result = r.kind == CONC_FAIL_UNAVAILABLE ? CONC__SKIPPED : r.ok ? CONC__PASSED : CONC__FAILED;
    }
    c->seconds = (double)(conc__os_now() - begin) / 1e9;
    conc__runner.count[c->result]++;
}

/* output */
/* Each line of text behind prefix; what is no UTF-8 as question marks. */
CONC__FN void conc__print_lines(const char *prefix, const char *text) {
    for (bool begins = true; *text; begins = *text++ == '\n') {
        size_t k = conc__utf8((const unsigned char *)text);
        if (begins) (void)fputs(prefix, stdout);
        printf("%.*s", k ? (int)k : 1, k ? text : "?");
        if (k > 1) text += k - 1;
        if (!text[1] && *text != '\n') printf("\n");
    }
}
CONC__FN void conc__case_print(const struct conc__case *c, int number) {
    if (conc__runner.tap) {
        printf("%s %d - %s%s\n", c->result == CONC__FAILED ? "not ok" : "ok", number, c->name,
               c->result == CONC__SKIPPED ? " # SKIP not available in this build" : "");
        conc__print_lines("# ", c->text);
    } else {
        static const char *const word[] = { "", "ok  ", "FAIL", "skip" };
        printf("%s %s (%.3f s)\n", word[c->result], c->name, c->seconds);
        if (c->result != CONC__PASSED) conc__print_lines("     ", c->text);
    }
    (void)fflush(stdout);
}
CONC__FN void conc__print_xml(FILE *f, const char *text) {
    char piece[256];
    while ((text = conc__escape(text, piece, sizeof piece)) != NULL) (void)fputs(piece, f);
}
CONC__FN void conc__case_xml(FILE *f, const struct conc__case *c) {
    (void)fputs("  <testcase classname=\"", f);
    conc__print_xml(f, c->file);
    (void)fputs("\" name=\"", f);
    conc__print_xml(f, c->name);
    (void)fprintf(f, "\" time=\"%.6f\">", c->seconds);
    if (c->result == CONC__SKIPPED) (void)fputs("<skipped/>", f);
    if (c->result == CONC__FAILED) {
        (void)fputs("<failure>", f);
        conc__print_xml(f, c->text);
        (void)fputs("</failure>", f);
    }
    (void)fputs("</testcase>\n", f);
}
CONC__FN bool conc__write_junit(void) {
    const int *n = conc__runner.count;
    FILE *f = fopen(conc__runner.junit, "w");
    double seconds = 0;
    if (!f) return false;
    for (const struct conc__case *c = conc__cases; c; c = c->next) seconds += c->seconds;
    (void)fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"", f);
    conc__print_xml(f, conc__runner.program);
    (void)fprintf(f, "\" tests=\"%d\" failures=\"%d\" skipped=\"%d\" time=\"%.6f\">\n",
                  n[CONC__PASSED] + n[CONC__FAILED] + n[CONC__SKIPPED], n[CONC__FAILED], n[CONC__SKIPPED], seconds);
    for (const struct conc__case *c = conc__cases; c; c = c->next)
        if (c->result) conc__case_xml(f, c);
    (void)fputs("</testsuite>\n</testsuites>\n", f);
    bool good = !ferror(f);
    return fclose(f) == 0 && good;
}

/* options */
CONC__FN bool conc__case_wanted(const struct conc__case *c) {
    for (int i = 0; i < conc__runner.nfilters; i++) {
        const char *f = conc__runner.filters[i];
        if (strpbrk(f, "*?") ? fnmatch(f, c->name, 0) == 0 : strstr(c->name, f) != NULL) return true;
    }
    return conc__runner.nfilters == 0;
}
/* The value of "--name=value", if arg is that. */
CONC__FN const char *conc__runner_value(const char *arg, const char *name) {
    size_t n = strlen(name);
    return strncmp(arg, name, n) == 0 && arg[n] == '=' && arg[n + 1] ? arg + n + 1 : NULL;
}
CONC__FN bool conc__runner_number(const char *text, uint64_t most, uint64_t *out) {
    char *end;
    errno = 0;
    unsigned long long x = strtoull(text, &end, 10);
    *out = x;
    return *text >= '0' && *text <= '9' && !*end && errno == 0 && x >= 1 && x <= most;
}
CONC__FN bool conc__runner_seconds(const char *text) {
    char *end;
    conc__runner.timeout = strtod(text, &end);
    return !*end && conc__runner.timeout > 0 && conc__runner.timeout < 1e6;
}
/* One argument; false: there is no such. */
CONC__FN bool conc__runner_arg(const char *arg) {
    struct conc__runner *r = &conc__runner;
    const char *v = *arg == '-' ? conc__runner_value(arg, "--filter") : arg;
    uint64_t n = 0;
    if (v) r->filters[r->nfilters++] = v;
    if (v) return true;
    if (strcmp(arg, "--list") == 0) return r->list = true;
    if (strcmp(arg, "--tap") == 0) return r->tap = true;
    if (strcmp(arg, "--no-fork") == 0) return r->no_fork = true;
    if ((v = conc__runner_value(arg, "--junit")) != NULL) return (r->junit = v) != NULL;
    if ((v = conc__runner_value(arg, "--replay")) != NULL) return (r->replay = v) != NULL;
    if ((v = conc__runner_value(arg, "--timeout")) != NULL) return conc__runner_seconds(v);
    if ((v = conc__runner_value(arg, "--schedules")) != NULL) return conc__runner_number(v, UINT64_MAX, &r->schedules);
    if ((v = conc__runner_value(arg, "--jobs")) != NULL) {
        bool good = conc__runner_number(v, 64, &n);
        r->jobs = (int)n;
        return good;
    }
    if ((v = conc__runner_value(arg, "--seed")) == NULL) return false;
    if (strcmp(v, "random") != 0) return conc__runner_number(v, UINT64_MAX, &r->seed);
    r->seed = 1 + (uint64_t)conc__os_now() % 1000000000;
    return true;
}
/* -> the exit status if there is nothing to run, else -1 */
CONC__FN int conc__runner_args(int argc, char **argv) {
    struct conc__runner *r = &conc__runner;
    int wanted = 0;
    r->program = argc > 0 ? conc__base(argv[0]) : "test";
    r->timeout = 10;
    r->filters = (const char **)conc__xmalloc((size_t)(argc + 1) * sizeof *r->filters);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            printf("usage: %s [OPTIONS] [NAME...]\n%s", r->program, conc__runner_help);
            return 0;
        }
        if (!conc__runner_arg(argv[i])) {
            fprintf(stderr, "%s: not understood: %s (see --help)\n", r->program, argv[i]);
            return 2;
        }
    }
    for (const struct conc__case *c = conc__cases; c; c = c->next) {
        if (!conc__case_wanted(c)) continue;
        wanted++;
        if (r->list) printf("%s %s:%d%s\n", c->name, c->file, c->line, c->plain ? " plain" : "");
    }
    if (wanted == 0 || (r->replay && wanted != 1)) {
        fprintf(stderr, wanted ? "%s: --replay is for one test; %d are chosen\n" : "%s: no such test\n", r->program, wanted);
        return 2;
    }
    unsigned long long seed = r->seed ? r->seed : (unsigned long long)conc__env("CONC_SEED", 1, INT_MAX, 1);
    if (r->replay) (void)setenv("CONC_REPLAY", r->replay, 1);
    if (r->tap && !r->list) printf("TAP version 13\n1..%d\n", wanted);
    if (!r->list) printf("%sseed %llu\n", r->tap ? "# " : "", seed);
    return r->list ? 0 : -1;
}
CONC__FN int conc__runner_main(int argc, char **argv) {
    const int *n = conc__runner.count;
    int number = 0, status = conc__runner_args(argc, argv);
    for (struct conc__case *c = conc__cases; status < 0 && c; c = c->next) {
        if (!conc__case_wanted(c)) continue;
        conc__case_run(c);
        conc__case_print(c, ++number);
    }
    if (status < 0) {
        status = n[CONC__FAILED] > 0;
        if (conc__runner.junit && !conc__write_junit()) {
            fprintf(stderr, "%s: %s: %s\n", conc__runner.program, conc__runner.junit, strerror(errno));
            status = 2;
        }
        printf("%s%d passed, %d failed", conc__runner.tap ? "# " : "", n[CONC__PASSED], n[CONC__FAILED]);
        if (n[CONC__SKIPPED]) printf(", %d skipped", n[CONC__SKIPPED]);
        printf("\n");
    }
    for (struct conc__case *c = conc__cases; c; c = c->next) CONC_FREE(c->text);
    CONC_FREE(conc__runner.filters);
    return status;
}
#ifdef __cplusplus
}
#endif
int main(int argc, char **argv) { return conc__runner_main(argc, argv); }
#ifdef __cplusplus
extern "C" {
#endif
#endif
#ifdef __cplusplus
}
#endif
#endif /* CONC__IMPLEMENTED */
#endif /* CONC_IMPLEMENTATION */

/* Places of operations, for the explorer's reports: files that define CONC_TEST note where each operation stands. Last in the
   header, so that they do not touch the implementation. */
#if defined(CONC_TEST) && !defined(CONC__SITES)
#define CONC__SITES
#if CONC__TSAN /* a store into it would be taken for one of the program */
#define CONC__SITE_SET(s, what) static const conc__site s = { what, __func__, __FILE__, __LINE__ }; conc__test_here(&s)
#else
#define CONC__SITE_SET(s, what) static const conc__site s = { what, __func__, __FILE__, __LINE__ }; conc__here = &s
#endif
#define CONC__HERE(call) CONC__HERE_(CONC__UID(conc__h), call)
#define CONC__HERE_(s, call) __extension__({ \
    CONC__SITE_SET(s, ""); \
    call; })
#define conc_mutex_lock(...) CONC__HERE(conc_mutex_lock(__VA_ARGS__))
#define conc_mutex_try_lock(...) CONC__HERE(conc_mutex_try_lock(__VA_ARGS__))
#define conc_mutex_lock_for(...) CONC__HERE(conc_mutex_lock_for(__VA_ARGS__))
#define conc_mutex_unlock(...) CONC__HERE(conc_mutex_unlock(__VA_ARGS__))
#define conc_rwmutex_lock(...) CONC__HERE(conc_rwmutex_lock(__VA_ARGS__))
#define conc_rwmutex_try_lock(...) CONC__HERE(conc_rwmutex_try_lock(__VA_ARGS__))
#define conc_rwmutex_unlock(...) CONC__HERE(conc_rwmutex_unlock(__VA_ARGS__))
#define conc_rwmutex_rlock(...) CONC__HERE(conc_rwmutex_rlock(__VA_ARGS__))
#define conc_rwmutex_try_rlock(...) CONC__HERE(conc_rwmutex_try_rlock(__VA_ARGS__))
#define conc_rwmutex_runlock(...) CONC__HERE(conc_rwmutex_runlock(__VA_ARGS__))
#define conc_wg_add(...) CONC__HERE(conc_wg_add(__VA_ARGS__))
#define conc_wg_done(...) CONC__HERE(conc_wg_done(__VA_ARGS__))
#define conc_wg_wait(...) CONC__HERE(conc_wg_wait(__VA_ARGS__))
#define conc_wg_wait_for(...) CONC__HERE(conc_wg_wait_for(__VA_ARGS__))
#define conc_cond_wait(...) CONC__HERE(conc_cond_wait(__VA_ARGS__))
#define conc_cond_wait_for(...) CONC__HERE(conc_cond_wait_for(__VA_ARGS__))
#define conc_cond_signal(...) CONC__HERE(conc_cond_signal(__VA_ARGS__))
#define conc_cond_broadcast(...) CONC__HERE(conc_cond_broadcast(__VA_ARGS__))
#define conc_sem_acquire(...) CONC__HERE(conc_sem_acquire(__VA_ARGS__))
#define conc_sem_acquire_for(...) CONC__HERE(conc_sem_acquire_for(__VA_ARGS__))
#define conc_sem_try_acquire(...) CONC__HERE(conc_sem_try_acquire(__VA_ARGS__))
#define conc_sem_release(...) CONC__HERE(conc_sem_release(__VA_ARGS__))
#define conc_sleep(...) CONC__HERE(conc_sleep(__VA_ARGS__))
#define conc_sleep_until(...) CONC__HERE(conc_sleep_until(__VA_ARGS__))
#define conc_yield(...) CONC__HERE(conc_yield(__VA_ARGS__))
#define conc_relax(...) CONC__HERE(conc_relax(__VA_ARGS__))
#define conc_ctx_cancel(...) CONC__HERE(conc_ctx_cancel(__VA_ARGS__))
#define conc_ctx_err(...) CONC__HERE(conc_ctx_err(__VA_ARGS__))
#define CONC__MADE(call) CONC__MADE_(CONC__UID(conc__h), call)
#define CONC__MADE_(s, call) __extension__({ \
    CONC__SITE_SET(s, "make"); /* of an object: see conc__obj_is */ \
    call; })
#define conc_timer_new(...) CONC__MADE(conc_timer_new(__VA_ARGS__))
#define conc_ticker_new(...) CONC__MADE(conc_ticker_new(__VA_ARGS__))
#define conc_after_func(...) CONC__MADE(conc_after_func(__VA_ARGS__))
#define conc_ctx_with_cancel(...) CONC__MADE(conc_ctx_with_cancel(__VA_ARGS__))
#define conc_ctx_with_deadline(...) CONC__MADE(conc_ctx_with_deadline(__VA_ARGS__))
#define conc_ctx_with_deadline_cause(...) CONC__MADE(conc_ctx_with_deadline_cause(__VA_ARGS__))
#define conc_ctx_with_timeout(...) CONC__MADE(conc_ctx_with_timeout(__VA_ARGS__))
#define conc_ctx_with_timeout_cause(...) CONC__MADE(conc_ctx_with_timeout_cause(__VA_ARGS__))
#define conc_ctx_with_value(...) CONC__MADE(conc_ctx_with_value(__VA_ARGS__))
#define conc_ctx_without_cancel(...) CONC__MADE(conc_ctx_without_cancel(__VA_ARGS__))
#define conc_read(...) CONC__HERE(conc_read(__VA_ARGS__))
#define conc_read_until(...) CONC__HERE(conc_read_until(__VA_ARGS__))
#define conc_read_ctx(...) CONC__HERE(conc_read_ctx(__VA_ARGS__))
#define conc_readv(...) CONC__HERE(conc_readv(__VA_ARGS__))
#define conc_recvfrom(...) CONC__HERE(conc_recvfrom(__VA_ARGS__))
#define conc_recvmsg(...) CONC__HERE(conc_recvmsg(__VA_ARGS__))
#define conc_write(...) CONC__HERE(conc_write(__VA_ARGS__))
#define conc_write_until(...) CONC__HERE(conc_write_until(__VA_ARGS__))
#define conc_write_ctx(...) CONC__HERE(conc_write_ctx(__VA_ARGS__))
#define conc_writev(...) CONC__HERE(conc_writev(__VA_ARGS__))
#define conc_sendto(...) CONC__HERE(conc_sendto(__VA_ARGS__))
#define conc_sendmsg(...) CONC__HERE(conc_sendmsg(__VA_ARGS__))
#define conc_wait_fd(...) CONC__HERE(conc_wait_fd(__VA_ARGS__))
#define conc_wait_fd_until(...) CONC__HERE(conc_wait_fd_until(__VA_ARGS__))
#define conc_wait_fd_ctx(...) CONC__HERE(conc_wait_fd_ctx(__VA_ARGS__))
#define conc_accept(...) CONC__HERE(conc_accept(__VA_ARGS__))
#define conc_accept_until(...) CONC__HERE(conc_accept_until(__VA_ARGS__))
#define conc_accept_ctx(...) CONC__HERE(conc_accept_ctx(__VA_ARGS__))
#define conc_close(...) CONC__HERE(conc_close(__VA_ARGS__))
#define conc_close_write(...) CONC__HERE(conc_close_write(__VA_ARGS__))
#define conc_listen_tcp(...) CONC__HERE(conc_listen_tcp(__VA_ARGS__))
#define conc_listen_unix(...) CONC__HERE(conc_listen_unix(__VA_ARGS__))
#define conc_dial_tcp(...) CONC__HERE(conc_dial_tcp(__VA_ARGS__))
#define conc_dial_tcp_until(...) CONC__HERE(conc_dial_tcp_until(__VA_ARGS__))
#define conc_dial_unix(...) CONC__HERE(conc_dial_unix(__VA_ARGS__))
#define conc_dial_unix_until(...) CONC__HERE(conc_dial_unix_until(__VA_ARGS__))
#define conc_op_begin(...) CONC__HERE(conc_op_begin(__VA_ARGS__))
#define conc_op_end(...) CONC__HERE(conc_op_end(__VA_ARGS__))
#define conc_net_pipe(...) CONC__HERE(conc_net_pipe(__VA_ARGS__))
#define conc_net_partition(...) CONC__HERE(conc_net_partition(__VA_ARGS__))
#define conc_net_heal(...) CONC__HERE(conc_net_heal(__VA_ARGS__))
#define conc_net_reset(...) CONC__HERE(conc_net_reset(__VA_ARGS__))
#ifndef __cplusplus
#define conc__chan_make(...) CONC__MADE(conc__chan_make(__VA_ARGS__))
#define conc__after(...) CONC__MADE(conc__after(__VA_ARGS__))
#define conc__chan_send(...) CONC__HERE(conc__chan_send(__VA_ARGS__))
#define conc__chan_recv(...) CONC__HERE(conc__chan_recv(__VA_ARGS__))
#define conc__chan_try_send(...) CONC__HERE(conc__chan_try_send(__VA_ARGS__))
#define conc__chan_try_recv(...) CONC__HERE(conc__chan_try_recv(__VA_ARGS__))
#define conc__chan_send_until(...) CONC__HERE(conc__chan_send_until(__VA_ARGS__))
#define conc__chan_recv_until(...) CONC__HERE(conc__chan_recv_until(__VA_ARGS__))
#define conc__chan_send_ctx(...) CONC__HERE(conc__chan_send_ctx(__VA_ARGS__))
#define conc__chan_recv_ctx(...) CONC__HERE(conc__chan_recv_ctx(__VA_ARGS__))
#define conc__chan_close(...) CONC__HERE(conc__chan_close(__VA_ARGS__))
#define conc__chan_len(...) CONC__HERE(conc__chan_len(__VA_ARGS__))
#else
#define conc_chan_send(...) CONC__HERE(conc_chan_send(__VA_ARGS__))
#define conc_chan_recv(...) CONC__HERE(conc_chan_recv(__VA_ARGS__))
#define conc_chan_try_send(...) CONC__HERE(conc_chan_try_send(__VA_ARGS__))
#define conc_chan_try_recv(...) CONC__HERE(conc_chan_try_recv(__VA_ARGS__))
#define conc_chan_close(...) CONC__HERE(conc_chan_close(__VA_ARGS__))
#endif
#define conc__select(...) CONC__HERE(conc__select(__VA_ARGS__))
/* Plain accesses, and atomics with their orders. In files compiled with -fsanitize=thread the compiler's calls do what these would, and only
   the place is noted. */
#undef conc_rd
#undef conc_wr
#define conc_rd(x) CONC__HERE((conc__test_plain(&(x), sizeof(x), false), (x)))
#define conc_wr(x, v) CONC__PLAIN_WRITE(CONC__UID(conc__p), CONC__UID(conc__v), CONC__UID(conc__h), x, v)
#define CONC__PLAIN_WRITE(q, w, s, x, v) __extension__({ \
    __typeof__(x) *q = &(x); \
    __typeof__(x) w = (v); \
    CONC__SITE_SET(s, ""); \
    conc__test_plain(q, sizeof *q, true); \
    *q = w; \
    (void)0; })
#ifdef __cplusplus
#define CONC__AUTO auto
#else
#define CONC__AUTO __auto_type
#endif
#if CONC__TSAN
#ifndef __cplusplus /* the compilers call these without a word */
#undef memcpy
#undef memmove
#undef memset
#define memcpy(to, from, n) conc__test_memcpy(to, from, n)
#define memmove(to, from, n) conc__test_memmove(to, from, n)
#define memset(to, c, n) conc__test_memset(to, c, n)
#endif
#define CONC__TEST_LOAD(q, n, order, v) false
#define CONC__TEST_STORE(q, n, order) ((void)0)
#define CONC__TEST_RMW(q, n, order) ((void)0)
#define CONC__TEST_CAS(q, n, expected, order, failed) false
#define CONC__TEST_FENCE(order) ((void)0)
#else
#define CONC__TEST_LOAD(q, n, order, v) conc__test_load(q, n, (int)(order), v)
#define CONC__TEST_STORE(q, n, order) conc__test_store(q, n, (int)(order))
#define CONC__TEST_RMW(q, n, order) conc__test_rmw(q, n, (int)(order))
#define CONC__TEST_CAS(q, n, expected, order, failed) conc__test_cas(q, n, expected, (int)(order), (int)(failed))
#define CONC__TEST_FENCE(order) conc__test_fence((int)(order))
#endif
#define CONC__LOAD(q, w, s, p, order) __extension__({ \
    CONC__AUTO q = (p); \
    __typeof__(CONC__STD atomic_load_explicit(q, order)) w; \
    CONC__SITE_SET(s, ""); \
    if (!CONC__TEST_LOAD(q, sizeof w, order, &w)) w = CONC__STD atomic_load_explicit(q, order); \
    w; })
#define CONC__STORE(q, w, s, p, v, order) __extension__({ \
    CONC__AUTO q = (p); \
    __typeof__(CONC__STD atomic_load(q)) w = (v); \
    CONC__SITE_SET(s, ""); \
    CONC__TEST_STORE(q, sizeof w, order); \
    CONC__STD atomic_store_explicit(q, w, order); })
#define CONC__MODIFY(f, q, w, s, p, v, order) __extension__({ \
    CONC__AUTO q = (p); \
    CONC__AUTO w = (v); \
    CONC__SITE_SET(s, ""); \
    CONC__TEST_RMW(q, sizeof(*q), order); \
    CONC__STD f(q, w, order); })
#define CONC__CAS(q, e, w, s, p, expected, v, order, failed) __extension__({ \
    CONC__AUTO q = (p); \
    CONC__AUTO e = (expected); \
    __typeof__(*e) w = (v); \
    CONC__SITE_SET(s, ""); \
    !CONC__TEST_CAS(q, sizeof(*q), e, order, failed) && \
        CONC__STD atomic_compare_exchange_strong_explicit(q, e, w, order, failed); })
#undef conc_atomic_load_explicit
#undef conc_atomic_store_explicit
#undef conc_atomic_exchange_explicit
#undef conc_atomic_compare_exchange_explicit
#undef conc_atomic_fetch_add_explicit
#undef conc_atomic_fetch_sub_explicit
#undef conc_atomic_fetch_and_explicit
#undef conc_atomic_fetch_or_explicit
#undef conc_atomic_fetch_xor_explicit
#undef conc_atomic_fence
#define conc_atomic_load_explicit(p, order) CONC__LOAD(CONC__UID(conc__p), CONC__UID(conc__v), CONC__UID(conc__h), p, order)
#define conc_atomic_store_explicit(p, v, order) CONC__STORE(CONC__UID(conc__p), CONC__UID(conc__v), CONC__UID(conc__h), p, v, order)
#define conc_atomic_exchange_explicit(p, v, order) \
    CONC__MODIFY(atomic_exchange_explicit, CONC__UID(conc__p), CONC__UID(conc__v), CONC__UID(conc__h), p, v, order)
#define conc_atomic_compare_exchange_explicit(p, expected, v, order, failed) \
    CONC__CAS(CONC__UID(conc__p), CONC__UID(conc__e), CONC__UID(conc__v), CONC__UID(conc__h), p, expected, v, order, failed)
#define conc_atomic_fetch_add_explicit(p, v, order) \
    CONC__MODIFY(atomic_fetch_add_explicit, CONC__UID(conc__p), CONC__UID(conc__v), CONC__UID(conc__h), p, v, order)
#define conc_atomic_fetch_sub_explicit(p, v, order) \
    CONC__MODIFY(atomic_fetch_sub_explicit, CONC__UID(conc__p), CONC__UID(conc__v), CONC__UID(conc__h), p, v, order)
#define conc_atomic_fetch_and_explicit(p, v, order) \
    CONC__MODIFY(atomic_fetch_and_explicit, CONC__UID(conc__p), CONC__UID(conc__v), CONC__UID(conc__h), p, v, order)
#define conc_atomic_fetch_or_explicit(p, v, order) \
    CONC__MODIFY(atomic_fetch_or_explicit, CONC__UID(conc__p), CONC__UID(conc__v), CONC__UID(conc__h), p, v, order)
#define conc_atomic_fetch_xor_explicit(p, v, order) \
    CONC__MODIFY(atomic_fetch_xor_explicit, CONC__UID(conc__p), CONC__UID(conc__v), CONC__UID(conc__h), p, v, order)
#define conc_atomic_fence(order) CONC__HERE((CONC__TEST_FENCE(order), CONC__STD atomic_thread_fence(order)))
#endif
