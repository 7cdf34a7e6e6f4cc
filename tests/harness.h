/* harness.h - the test harness of conc.h, on top of Check (libcheck), or alone where that is missing.

   TEST(name) { ... }             one test; its suite is the file's name without "test_"
   TEST(name, .os = true) { ... } options: struct test below, in its order
   CRASH(name, "text", ...) { ... }  a program that must die with exit status 2 and each text on stderr, in this order;
                                  a text that begins with '~' is an extended regular expression. It runs in a child
                                  process of its own: fork and exec of this very binary. CRASH_NATIVE: not in an emulator
   CHECK(cond), CHECK_EQ(a, b)    record the first failure and go on; allowed on any goroutine and any thread
   REQUIRE(cond)                  record it and leave the test; in the test's own body only

   No assertion ever jumps: Check's own asserts long-jump, which is not allowed on a goroutine's stack, so the failure is kept
   in an atomic flag and a message, and the test's own OS thread reports it to Check when the body has ended.

   Each test runs in a process forked from the harness, which has not started the runtime, with a watchdog thread that calls
   conc_dump(2) and aborts when the time is up. Bodies run on that process's OS thread, or, with CONC_TEST_BODY=goroutine, in
   a goroutine, unless .os is set. After the body every goroutine must have ended but those the harness knows to be parked for
   good; conc_shutdown() must report just these.

   Environment: CONC_SEED (printed at the start), CONC_TEST_LONG=1 (10 times the work), CONC_TEST_SCALE=percent,
   CONC_TEST_LIVE=most goroutines alive at once, CONC_TEST_SLOW=factor on time limits, CONC_TEST_STRESS_MS (per stress test), CONC_TEST_WATCHDOG=seconds,
   CONC_TEST_BODY=goroutine, CONC_TEST_TIMES=1 (print them), CONC_TEST_EXEC=emulator to start child programs with; CK_FORK=no runs all tests in one process. */
#ifndef HARNESS_H
#define HARNESS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "conc.h"
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__)
#define HARNESS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HARNESS_TSAN 1
#endif
#endif
#ifndef HARNESS_TSAN
#define HARNESS_TSAN 0
#endif
#if defined(__SANITIZE_ADDRESS__)
#define HARNESS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HARNESS_ASAN 1
#endif
#endif
#ifndef HARNESS_ASAN
#define HARNESS_ASAN 0
#endif

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __cplusplus
#define HARNESS_ZERO = {}
#else
#define HARNESS_ZERO
#endif
struct test {
    const char *name, *file;
    int line;
    void (*body)(void);
    void (*crash)(void) HARNESS_ZERO;      /* for CRASH: what the child process runs */
    const char *const *texts HARNESS_ZERO; /* and what it must say */
    bool os HARNESS_ZERO;                  /* the body must run on the OS thread */
    bool heavy HARNESS_ZERO;               /* only when asked for by name */
    bool native HARNESS_ZERO;              /* not under an emulator, which has threads and page protection of its own */
    int seconds HARNESS_ZERO;              /* watchdog; 0: 30 */
    int procs HARNESS_ZERO;                /* CONC_PROCS for this test; 0: as given */
    struct test *next HARNESS_ZERO;
};
void harness_register(struct test *t);
void harness_crash_body(void);
void harness_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
void harness_leave(void);
bool harness_eq(const char *file, int line, const char *as, const char *bs, long long a, long long b);

#define TEST(name_, ...) HARNESS_TEST(name_, NULL, NULL, ##__VA_ARGS__)
#define HARNESS_TEST(name_, crash_, texts_, ...)                                                       \
    static void test_##name_(void);                                                                    \
    static struct test entry_##name_ = { .name = #name_, .file = __FILE__, .line = __LINE__,           \
                                         .body = test_##name_, .crash = crash_, .texts = texts_,       \
                                         ##__VA_ARGS__ };                                              \
    __attribute__((constructor)) static void enter_##name_(void) { harness_register(&entry_##name_); } \
    static void test_##name_(void)
#define CRASH(name_, ...) HARNESS_CRASH(name_, false, __VA_ARGS__)
#define CRASH_NATIVE(name_, ...) HARNESS_CRASH(name_, true, __VA_ARGS__)
#define HARNESS_CRASH(name_, native_, ...)                                         \
    static void crash_##name_(void);                                               \
    static const char *const texts_##name_[] = { __VA_ARGS__, NULL };              \
    HARNESS_TEST(name_, crash_##name_, texts_##name_, .os = true, .native = native_) { harness_crash_body(); } \
    static void crash_##name_(void)

/* A program for child_self: CHILD(name) { ... } with an expectation of the test's own. */
#define CHILD(name_)                                                                              \
    static void crash_##name_(void);                                                              \
    static struct test entry_##name_ = { .name = #name_, .file = __FILE__, .line = __LINE__,      \
                                         .body = NULL, .crash = crash_##name_ };                  \
    __attribute__((constructor)) static void enter_##name_(void) { harness_register(&entry_##name_); } \
    static void crash_##name_(void)

#define CHECK(cond) ((cond) ? (void)0 : harness_fail(__FILE__, __LINE__, "%s", #cond))
#define CHECK_SAY(cond, ...) ((cond) ? (void)0 : harness_fail(__FILE__, __LINE__, __VA_ARGS__))
#define CHECK_EQ(a, b) ((void)harness_eq(__FILE__, __LINE__, #a, #b, (long long)(a), (long long)(b)))
#define REQUIRE(cond) ((cond) ? (void)0 : (harness_fail(__FILE__, __LINE__, "%s", #cond), harness_leave()))
/* Leave the test, which does not apply here (under this tool): it counts neither as passed nor as failed. */
#define LEAVE_OUT(...) do { harness_leave_out(__VA_ARGS__); return; } while (0)
void harness_leave_out(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool harness_failed(void);

/* How much work: n, scaled by the mode (long, valgrind, emulator, sanitizer); at least 1. */
long scale(long n);
/* How many goroutines may be alive at once: n, or fewer where the tool has a limit. */
long live(long n);
/* A time limit of ns, times the factor that the tool costs. */
int64_t limit(int64_t ns);
/* ns of processor time that the process has used: what else the machine does is not in it. */
int64_t cpu_now(void);
/* How long a stress test runs. */
int64_t stress_ns(void);
bool long_mode(void);

/* Random numbers: repeatable from CONC_SEED, the test's name and the stream number. */
struct rng { uint64_t s; };
struct rng rng_new(unsigned stream);
uint64_t rng_next(struct rng *r);
unsigned rng_below(struct rng *r, unsigned n);

/* State of goroutine id as conc_dump prints it ("chan receive", "sleep", "running"...); false if it is not there. */
bool goroutine_state(uint64_t id, char *state, size_t size);
/* Number of goroutines in a conc_dump; *blocked those that are neither running nor runnable. */
int dump_count(int *blocked);
/* conc_dump's text, to be freed. */
char *dump_text(void);
/* Wait until goroutine id is parked (for any reason, or with this one); false after 10 seconds. */
bool wait_parked(uint64_t id, const char *reason);
/* The thread sleeps, for less than a second, without the runtime, which would have a timer to watch. */
void nap(long ns);
/* Some nanoseconds for each turn, to move what comes next against other threads. */
static inline void turns(unsigned n) {
    while (n--) __asm__ volatile("" ::: "memory");
}
/* Wait until all goroutines but the caller are parked or gone; false after 10 seconds. */
bool settle(void);
/* Wait (yielding) until *counter is at least n; false after 10 seconds. */
bool wait_for(conc_atomic(int) *counter, int n);
/* Wait until n goroutines exist; false after 10 seconds. */
bool wait_goroutines(int64_t n);
/* Run fn(arg) in a goroutine: is it parked, and still parked after everybody else has settled? It may stay so for good.
   blocks_as also wants this wait reason. */
bool blocks_forever(void (*fn)(void *), void *arg);
bool blocks_as(void (*fn)(void *), void *arg, const char *reason);
/* n more goroutines will be parked at the end of the test on purpose. */
void harness_parked(int64_t n);
/* The body is running in a goroutine (which conc_num_goroutines() then counts). */
int64_t body_goroutines(void);

/* A child program: this binary (program NULL), or another beside it. */
struct child {
    int status; /* as from waitpid */
    bool timed_out;
    size_t len;
    char text[1 << 16]; /* stderr */
};
void child_run(struct child *c, const char *program, const char *const *args, const char *const *env);
void child_self(struct child *c, const char *name); /* the CHILD or CRASH body of that name */
bool child_exited(const struct child *c, int status);
bool text_has(const char *text, const char *const *texts, const char **missing);
/* It must have died of a fatal error: status 2, and these texts in this order. */
void expect_crash(const struct child *c, const char *const *texts);

/* A foreign OS thread. */
pthread_t thread_start(void *(*fn)(void *), void *arg);
void thread_join(pthread_t t);

#ifdef __cplusplus
}
#endif
#endif
