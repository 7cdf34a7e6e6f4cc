/* The ends of programs: every fatal text, exit status 2, and who is named. Each program runs in a child process. */
#include "harness.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

typedef chan(int) ints;

static conc_wg forever; /* waited for when a goroutine is to end the program */
static void wait_for_the_end(void) {
    conc_wg_add(&forever, 1);
    (void)conc_wg_wait_for(&forever, 15 * CONC_SEC);
    fprintf(stderr, "the program has not ended\n");
    _exit(9);
}

// ---- channels

CRASH(send_on_closed, "panic: send on closed channel") {
    ints c = chan_make(int, 1);
    chan_close(c);
    chan_send(c, 1);
}

static void late_beginner(conc_wg *wg) { conc_wg_done(wg); }
/* Goroutines without a stack yet are counted in a dump. They may begin at any time: so it is tried until a dump comes first. */
static void dump_among_the_unstarted(bool *found) {
    char text[4096];
    for (int i = 0; i < 1000 && !*found; i++) {
        conc_wg wg = CONC_WG_INIT;
        FILE *f = tmpfile();
        conc_wg_add(&wg, 3);
        for (int k = 0; k < 3; k++) go(late_beginner, &wg);
        conc_dump(fileno(f));
        conc_wg_wait(&wg);
        rewind(f);
        text[fread(text, 1, sizeof text - 1, f)] = 0;
        *found = strstr(text, "... and 3 that have not started yet\n") != NULL;
        CHECK(strstr(text, "dump_among_the_unstarted"));
        (void)fclose(f);
    }
}
TEST(dump_counts_the_unstarted) {
    bool found = false;
    conc_run(dump_among_the_unstarted, &found);
    CHECK(found);
}

static void send_five(ints c) { chan_send(c, 5); }

/* a sender that was already blocked when the close came */
CRASH(send_blocked_then_closed, "panic: send on closed channel", "~goroutine [0-9]+ \\[running\\]:", "send_five") {
    ints c = chan_make(int);
    go(send_five, c);
    settle();
    chan_close(c);
    wait_for_the_end();
}

static void select_send(ints c) {
    ints nil = NULL;
    chan_select {
        on_send(c, 5) {}
        on_recv(v, nil) { (void)v; }
    }
}
CRASH(select_send_blocked_then_closed, "panic: send on closed channel", "select_send") {
    ints c = chan_make(int);
    go(select_send, c);
    settle();
    chan_close(c);
    wait_for_the_end();
}
CRASH(select_send_on_closed, "panic: send on closed channel") {
    ints c = chan_make(int, 3);
    chan_close(c);
    chan_select {
        on_send(c, 1) {}
    }
}
CRASH(select_default_send_on_closed, "panic: send on closed channel") {
    ints c = chan_make(int);
    chan_close(c);
    chan_select {
        on_send(c, 1) {}
        on_default {}
    }
}
CRASH(try_send_on_closed, "panic: send on closed channel") {
    ints c = chan_make(int, 1);
    chan_close(c);
    (void)chan_try_send(c, 1);
}
CRASH(timed_send_on_closed, "panic: send on closed channel") {
    ints c = chan_make(int, 1);
    chan_close(c);
    (void)chan_send_for(c, 1, CONC_SEC);
}
CRASH(close_twice, "panic: close of closed channel") {
    ints c = chan_make(int, 1);
    chan_close(c);
    chan_close(c);
}
CRASH(close_nil, "panic: close of nil channel") {
    ints c = NULL;
    chan_close(c);
}

/* test chancap: negative sizes and sizes that overflow */
CRASH(make_negative, "panic: makechan: size out of range") {
    int n = -1;
    ints c = chan_make(int, n);
    (void)c;
}
CRASH(make_overflow, "panic: makechan: size out of range") {
    ints c = chan_make(int, SIZE_MAX / 2);
    (void)c;
}
CRASH(make_overflow_wraps, "panic: makechan: size out of range") {
    chan(int64_t) c = chan_make(int64_t, SIZE_MAX / 8 + 2); /* times 8 is 8 */
    (void)c;
}
CRASH(make_overflow_one, "panic: makechan: size out of range") {
    chan(char) c = chan_make(char, SIZE_MAX);
    (void)c;
}

static void park_on(ints c) { (void)chan_recv(c); }
CRASH(free_with_waiters, "fatal error: chan_free", "park_on") {
    ints c = chan_make(int);
    go(park_on, c);
    settle();
    chan_free(c);
}

// ---- sync

CRASH(mutex_unlock, "fatal error: sync: unlock of unlocked mutex") {
    conc_mutex m = CONC_MUTEX_INIT;
    conc_mutex_unlock(&m);
}
CRASH(mutex_unlock_twice, "fatal error: sync: unlock of unlocked mutex") {
    conc_mutex m = CONC_MUTEX_INIT;
    conc_mutex_lock(&m);
    conc_mutex_unlock(&m);
    conc_mutex_unlock(&m);
}
CRASH(rwmutex_unlock, "fatal error: sync: Unlock of unlocked RWMutex") {
    conc_rwmutex rw = CONC_RWMUTEX_INIT;
    conc_rwmutex_unlock(&rw);
}
CRASH(rwmutex_unlock_of_read_lock, "fatal error: sync: Unlock of unlocked RWMutex") {
    conc_rwmutex rw = CONC_RWMUTEX_INIT;
    conc_rwmutex_rlock(&rw);
    conc_rwmutex_unlock(&rw);
}
CRASH(rwmutex_unlock_twice, "fatal error: sync: Unlock of unlocked RWMutex") {
    conc_rwmutex rw = CONC_RWMUTEX_INIT;
    conc_rwmutex_lock(&rw);
    conc_rwmutex_unlock(&rw);
    conc_rwmutex_unlock(&rw);
}
CRASH(rwmutex_runlock, "fatal error: sync: RUnlock of unlocked RWMutex") {
    conc_rwmutex rw = CONC_RWMUTEX_INIT;
    conc_rwmutex_runlock(&rw);
}
CRASH(rwmutex_runlock_of_write_lock, "fatal error: sync: RUnlock of unlocked RWMutex") {
    conc_rwmutex rw = CONC_RWMUTEX_INIT;
    conc_rwmutex_lock(&rw);
    conc_rwmutex_runlock(&rw);
}
CRASH(rwmutex_runlock_twice, "fatal error: sync: RUnlock of unlocked RWMutex") {
    conc_rwmutex rw = CONC_RWMUTEX_INIT;
    conc_rwmutex_rlock(&rw);
    conc_rwmutex_runlock(&rw);
    conc_rwmutex_runlock(&rw);
}
static void unlock_mutex(conc_mutex *m) { conc_mutex_unlock(m); }
CRASH(mutex_unlock_in_goroutine, "fatal error: sync: unlock of unlocked mutex", "~goroutine [0-9]+ \\[running\\]:",
      "unlock_mutex", "created by") {
    static conc_mutex m;
    go(unlock_mutex, &m);
    wait_for_the_end();
}

CRASH(wg_negative, "panic: sync: negative WaitGroup counter") {
    conc_wg wg = CONC_WG_INIT;
    conc_wg_add(&wg, 1);
    conc_wg_done(&wg);
    conc_wg_done(&wg);
}
CRASH(wg_negative_add, "panic: sync: negative WaitGroup counter") {
    conc_wg wg = CONC_WG_INIT;
    conc_wg_add(&wg, -1);
}
CRASH(sem_release_too_much, "panic: semaphore: released more than held") {
    conc_sem s = CONC_SEM_INIT(3);
    conc_sem_acquire(&s, 2);
    conc_sem_release(&s, 3);
}
CRASH(cond_copied, "panic: sync.Cond is copied") {
    conc_cond a = CONC_COND_INIT, b;
    conc_mutex m = CONC_MUTEX_INIT;
    conc_mutex_lock(&m);
    (void)conc_cond_wait_for(&a, &m, 1);
    memcpy(&b, &a, sizeof b);
    conc_cond_signal(&b);
}
CRASH(cond_copied_wait, "panic: sync.Cond is copied") {
    conc_cond a = CONC_COND_INIT, b;
    conc_mutex m = CONC_MUTEX_INIT;
    conc_mutex_lock(&m);
    (void)conc_cond_wait_for(&a, &m, 1);
    memcpy(&b, &a, sizeof b);
    (void)conc_cond_wait_for(&b, &m, 1);
}

// ---- time

CRASH(ticker_zero, "panic: non-positive interval for NewTicker") { (void)conc_ticker_new(0); }
CRASH(ticker_negative, "panic: non-positive interval for NewTicker") { (void)conc_ticker_new(-CONC_SEC); }
CRASH(ticker_reset_zero, "panic: non-positive interval for Ticker.Reset") {
    conc_ticker *t = conc_ticker_new(CONC_HOUR);
    conc_ticker_reset(t, 0);
}
CRASH(timer_stop_nil, "panic: time: Stop called on uninitialized Timer") { (void)conc_timer_stop(NULL); }
CRASH(timer_reset_nil, "panic: time: Reset called on uninitialized Timer") { (void)conc_timer_reset(NULL, 1); }
CRASH(ticker_reset_nil, "panic: time: Reset called on uninitialized Ticker") { conc_ticker_reset(NULL, 1); }

// ---- goroutines

CRASH(go_nil, "fatal error: go of nil func value") {
    void (*volatile f)(void) = NULL;
    go(f);
}
CRASH(go_nil_with_arguments, "fatal error: go of nil func value") {
    void (*volatile f)(int, double) = NULL;
    go(f, 1, 2.5);
}
CRASH(wg_go_nil, "fatal error: go of nil func value") {
    void (*volatile f)(void) = NULL;
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, f);
    conc_wg_wait(&wg);
}

static void boom(int n) { conc_panic("boom %d of %s", n, "many"); }
static void spawn_boom(void) { go(boom, 7), wait_for_the_end(); }

/* the unrecovered panic: text, the goroutine's paragraph first, where it was started and by whom */
CRASH(panic_text, "~^panic: boom 7 of many\n\ngoroutine [0-9]+ \\[running\\]:\n", "boom",
      "~created by crash_panic_text\n.*test_crash.c:[0-9]+") {
    go(boom, 7);
    wait_for_the_end();
}
CRASH(panic_in_nested, "~^panic: boom 7 of many\n\ngoroutine [0-9]+ \\[running\\]:\n", "boom",
      "~created by spawn_boom in goroutine [0-9]+\n.*test_crash.c:[0-9]+") {
    go(spawn_boom);
    wait_for_the_end();
}
CRASH(panic_on_thread, "~^panic: on a thread\n") { conc_panic("on a thread"); }

static void panic_together(conc_atomic(int) *ready) {
    atomic_fetch_add(ready, 1);
    while (atomic_load(ready) < 8) conc_yield();
    conc_panic("all together");
}

/* many at once: one report, and no hang */
CRASH(panics_together, "~^panic: all together\n\ngoroutine") {
    static conc_atomic(int) ready;
    for (int i = 0; i < 8; i++) go(panic_together, &ready);
    wait_for_the_end();
}

static void sleeper(void) { conc_sleep(CONC_HOUR); }

/* the dump shows the other goroutines with their wait reasons; goroutines whose names were given have them */
static void look(void) { conc_panic("look"); }
CRASH(panic_shows_all, "panic: look", "running", "[sleep]:", "sleeper", "night watch") {
    (void)go_with(conc_opts(.name = "night watch"), sleeper);
    settle();
    conc_run(look);
}

static void hook(const char *message, void *arg) { fprintf(stderr, "hook: %s, %s\n", message, (const char *)arg); }
CRASH(fatal_hook, "hook: close of nil channel, argument", "panic: close of nil channel") {
    conc_set_fatal_hook(hook, (void *)"argument");
    ints c = NULL;
    chan_close(c);
}

CRASH(exit_outside, "conc_exit") { conc_exit(); }

static volatile int deepest = INT32_MAX;
static int recurse(volatile char *up, int depth) {
    volatile char frame[512];
    frame[0] = up ? (char)(up[0] + 1) : 0;
    return depth == deepest ? 0 : recurse(frame, depth + 1) + frame[0];
}
static void overflow(void) { (void)recurse(NULL, 0); }

/* TestStackOverflow: a report, not silent corruption, for the default stack and a given one */
CRASH_NATIVE(stack_overflow, "~goroutine stack exceeds [0-9]+-byte limit", "stack overflow", "overflow", "created by") {
    go(overflow);
    wait_for_the_end();
}
CRASH_NATIVE(stack_overflow_large, "~goroutine stack exceeds [0-9]+-byte limit", "stack overflow", "~deep one") {
    (void)go_with(conc_opts(.stack = 1 << 20, .name = "the deep one"), overflow);
    wait_for_the_end();
}
static void overflow_late(ints c) {
    (void)chan_recv(c);
    (void)recurse(NULL, 0);
}
CRASH_NATIVE(stack_overflow_after_park, "~goroutine stack exceeds [0-9]+-byte limit", "stack overflow") {
    ints c = chan_make(int);
    for (int i = 0; i < 100; i++) go(overflow_late, c);
    settle();
    for (int i = 0; i < 100; i++) chan_send(c, 1);
    wait_for_the_end();
}

static void block_locked(conc_atomic(int) *n) {
    conc_lock_thread();
    atomic_fetch_add(n, 1);
    for (;;) sleep(1);
}

/* TestThreadExhaustion */
CRASH(thread_exhaustion, "fatal error: thread exhaustion", "program exceeds 10-thread limit") {
    static conc_atomic(int) n;
    setenv("CONC_MAX_THREADS", "10", 1);
    for (int i = 0; i < 20; i++) go(block_locked, &n);
    wait_for_the_end();
}

/* An ordinary main that blocks for ever with nobody left to wake it is told so, too. */
#if !HARNESS_TSAN /* which has a thread of its own */
CRASH_NATIVE(deadlock_in_ordinary_main, "fatal error: all goroutines are asleep - deadlock!") {
    ints c = chan_make(int);
    go(park_on, c);
    ints d = chan_make(int);
    (void)chan_recv(d);
}
#endif

// ---- other endings

static struct child child;

CHILD(killed) {
    ints c = chan_make(int);
    for (int i = 0; i < 10; i++) go(park_on, c);
    settle();
    kill(getpid(), SIGTERM);
    wait_for_the_end();
}

/* TestSignalExitStatus: an unhandled SIGTERM kills with that signal's status. */
TEST(signal_exit_status, .os = true) {
    child_self(&child, "killed");
    CHECK_SAY(WIFSIGNALED(child.status) && WTERMSIG(child.status) == SIGTERM, "wait status 0x%x", (unsigned)child.status);
}

static void touch_null(int *volatile p) { *p = 1; }
CHILD(null_pointer) {
    struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);
    go(touch_null, NULL);
    wait_for_the_end();
}

static volatile sig_atomic_t handled;
static void own_handler(int sig) {
    handled = sig;
    _exit(5);
}
CHILD(null_pointer_own_handler) {
    signal(SIGSEGV, own_handler);
    go(touch_null, NULL);
    wait_for_the_end();
}

/* A fault that is no stack overflow does what it would have done: kills, or goes to the handler that was there before. */
TEST(other_faults, .os = true) {
    if (HARNESS_ASAN || HARNESS_TSAN) LEAVE_OUT("the sanitizers report faults themselves");
    child_self(&child, "null_pointer");
    CHECK_SAY(WIFSIGNALED(child.status) && WTERMSIG(child.status) == SIGSEGV, "wait status 0x%x: %.500s", (unsigned)child.status,
              child.text);
    child_self(&child, "null_pointer_own_handler");
    CHECK_SAY(child_exited(&child, 5), "wait status 0x%x: %.500s", (unsigned)child.status, child.text);
}

// ---- programs with CONC_MAIN: prog_main.c

static void run_main(const char *name) {
    const char *args[] = { name, "second", NULL };
    child_run(&child, "prog_main", args, NULL);
}
#define MAIN_CRASH(name_, ...)                                             \
    TEST(main_##name_, .os = true, .native = true) {                                       \
        static const char *const texts[] = { __VA_ARGS__, NULL };          \
        if (HARNESS_TSAN && strstr(texts[0], "deadlock"))                  \
            LEAVE_OUT("the sanitizer's own thread looks like one that might wake somebody"); \
        run_main(#name_);                                                  \
        expect_crash(&child, texts);                                       \
    }
#define DEADLOCK "fatal error: all goroutines are asleep - deadlock!"

/* TestSimpleDeadlock, issue 21576, and every other way to fall asleep alone: goroutine 1 and its wait reason are shown. */
MAIN_CRASH(send_alone, DEADLOCK, "goroutine 1 [chan send]:")
MAIN_CRASH(recv_alone, DEADLOCK, "goroutine 1 [chan receive]:")
MAIN_CRASH(recv_nil, DEADLOCK, "goroutine 1 [chan receive (nil chan)]:")
MAIN_CRASH(send_nil, DEADLOCK, "goroutine 1 [chan send (nil chan)]:")
MAIN_CRASH(select_nothing, DEADLOCK, "goroutine 1 [select (no cases)]:")
MAIN_CRASH(select_two, DEADLOCK, "goroutine 1 [select]:")
MAIN_CRASH(lock_twice, DEADLOCK, "goroutine 1 [sync.Mutex.Lock]:")
MAIN_CRASH(wait_group, DEADLOCK, "goroutine 1 [sync.WaitGroup.Wait]:")
MAIN_CRASH(cond_wait, DEADLOCK, "goroutine 1 [sync.Cond.Wait]:")
MAIN_CRASH(sem_acquire, DEADLOCK, "goroutine 1 [")
MAIN_CRASH(after_timer, DEADLOCK, "goroutine 1 [chan receive]:")
MAIN_CRASH(others_asleep, DEADLOCK, "asleep_too")
/* TestGoexitDeadlock, TestGoexitCrash */
MAIN_CRASH(goexit_alone, "fatal error: no goroutines (main called runtime.Goexit) - deadlock!")
MAIN_CRASH(goexit_then_others, "fatal error: no goroutines (main called runtime.Goexit) - deadlock!")
MAIN_CRASH(goexit_others_asleep, DEADLOCK, "asleep_too")
/* TestMainGoroutineID */
MAIN_CRASH(panics, "~^panic: in main\n\ngoroutine 1 \\[running\\]:\n")

static void expect_main(const char *name, int status) {
    run_main(name);
    CHECK_SAY(child_exited(&child, status), "%s: wait status 0x%x%s; it said:\n%.2000s", name, (unsigned)child.status,
              child.timed_out ? ", it hangs" : "", child.text);
}

/* The return of main ends the program with its value, without waiting for others, whatever they do. */
TEST(main_return_ends_all, .os = true) {
    expect_main("returns_7", 7);
    expect_main("others_sleep", 0);
    expect_main("others_spin", 0);
    expect_main("others_block", 0);
    expect_main("exit_in_other", 3);
}

/* main is goroutine 1 and has its arguments. */
TEST(main_is_goroutine_1, .os = true) { expect_main("is_goroutine_1", 0); }

/* No false alarms: sleeping, timers, tickers, threads outside, blocking system calls, work that is stolen around. */
TEST(main_no_false_deadlock, .os = true) {
    expect_main("sleeps", 0);
    expect_main("timer_wakes", 0);
    expect_main("thread_wakes", 0);
    expect_main("read_blocks", 0);
    expect_main("busy_then_quiet", 0);
    expect_main("goexit_then_exit", 4);
}
