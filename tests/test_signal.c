/* signal: notify, stop, reset, ignore, ignored. What must die of a signal does so in a child process. */
#include "harness.h"
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

typedef chan(int) ints;

/* Check has handlers of its own for SIGINT, SIGTERM and SIGALRM. */
static bool is_default(int sig) {
    struct sigaction a;
    return sigaction(sig, NULL, &a) == 0 && a.sa_handler == SIG_DFL;
}
/* The next signal in c, 0 if none comes. */
static int next(ints c) {
    int sig = 0;
    return chan_recv_for(c, &sig, limit(20 * CONC_SEC)) == CONC_OK ? sig : 0;
}
static bool empty(ints c) {
    int sig;
    return chan_try_recv(c, &sig) == CONC_WOULD_BLOCK;
}
static bool died_of(const struct child *c, int sig) {
    return !c->timed_out && WIFSIGNALED(c->status) && WTERMSIG(c->status) == sig;
}

// ---- notify

/* One signal, and every signal; a channel that nobody reads holds nobody up, and keeps the first. */
TEST(notify) {
    ints c = chan_make(int, 1), all = chan_make(int, 1);
    CHECK_EQ(conc_signal_notify(c, SIGHUP), CONC_OK);
    raise(SIGHUP);
    CHECK_EQ(next(c), SIGHUP);
    CHECK_EQ(conc_signal_notify(all), CONC_OK);
    raise(SIGWINCH);
    CHECK_EQ(next(all), SIGWINCH);
    for (int i = 0; i < 3; i++) raise(SIGHUP);
    CHECK_EQ(next(all), SIGHUP);
    raise(SIGWINCH);
    conc_signal_stop(all);
    CHECK_EQ(next(c), SIGHUP);
    CHECK(empty(c));
    CHECK(!empty(all));
    conc_signal_stop(c);
    CHECK(is_default(SIGHUP) && is_default(SIGWINCH) && is_default(SIGQUIT));
    chan_free(c), chan_free(all);
}

TEST(notify_again_adds) {
    ints c = chan_make(int, 4), d = chan_make(int, 4);
    CHECK_EQ(conc_signal_notify(c, SIGUSR1), CONC_OK);
    CHECK_EQ(conc_signal_notify(c, SIGUSR2, SIGUSR1), CONC_OK);
    CHECK_EQ(conc_signal_notify(d, SIGUSR2), CONC_OK);
    raise(SIGUSR1);
    raise(SIGUSR2);
    CHECK_EQ(next(c), SIGUSR1);
    CHECK_EQ(next(c), SIGUSR2);
    CHECK_EQ(next(d), SIGUSR2);
    conc_signal_stop(c);
    CHECK(is_default(SIGUSR1));
    CHECK(!is_default(SIGUSR2)); /* d still asks */
    raise(SIGUSR2);
    CHECK_EQ(next(d), SIGUSR2);
    CHECK(empty(c));
    conc_signal_stop(d);
    conc_signal_stop(d); /* no harm */
    CHECK(is_default(SIGUSR2));
    chan_free(c), chan_free(d);
}

/* In the order of arrival, each counted: real-time signals and others. */
TEST(order) {
    ints c = chan_make(int, 256);
    CHECK_EQ(conc_signal_notify(c), CONC_OK);
    static const int kinds[] = { SIGUSR1, SIGCONT, SIGHUP, SIGUSR2, SIGURG, SIGCHLD, SIGINT, SIGWINCH };
    for (int i = 0; i < 200; i++) raise(i % 9 == 8 ? SIGRTMIN + i % 20 : kinds[i % 8]);
    for (int i = 0; i < 200; i++) CHECK_EQ(next(c), i % 9 == 8 ? SIGRTMIN + i % 20 : kinds[i % 8]);
    conc_signal_stop(c);
    CHECK(empty(c));
    chan_free(c);
}

/* A flood of one signal does not push another out. */
TEST(flood) {
    ints flood = chan_make(int, 1), term = chan_make(int, 1);
    CHECK_EQ(conc_signal_notify(flood, SIGUSR1), CONC_OK);
    CHECK_EQ(conc_signal_notify(term, SIGTERM), CONC_OK);
    for (long i = 0, n = scale(20000); i < n; i++) {
        raise(SIGUSR1);
        if (i == n / 2) raise(SIGTERM);
    }
    CHECK_EQ(next(term), SIGTERM);
    conc_signal_stop(term);
    CHECK(empty(term));
    CHECK_EQ(next(flood), SIGUSR1);
    conc_signal_stop(flood);
    chan_free(flood), chan_free(term);
}

TEST(invalid) {
    ints c = chan_make(int, 1);
    const int bad[] = { 0, -1, SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, 32, SIGRTMIN - 1, SIGRTMAX + 1, 1000 };
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_EQ(conc_signal_notify(c, SIGUSR1, bad[i]), CONC_INVALID);
        CHECK_EQ(conc_signal_ignore(bad[i]), CONC_INVALID);
        CHECK_EQ(conc_signal_reset(bad[i], SIGUSR1), CONC_INVALID);
    }
    CHECK(is_default(SIGUSR1));
    CHECK(!conc_signal_ignored(0) && !conc_signal_ignored(-5) && !conc_signal_ignored(1000));
    conc_signal_stop(c); /* never named */
    CHECK_EQ(conc_signal_reset(), CONC_OK);
    chan_free(c);
}

CRASH(nil_channel, "panic: os/signal: Notify using nil channel") {
    ints c = NULL;
    (void)conc_signal_notify(c, SIGINT);
}

TEST(nil_stop) {
    ints c = NULL;
    conc_signal_stop(c);
}

// ---- what a signal interrupts

TEST(errno_kept) {
    ints c = chan_make(int, 1);
    CHECK_EQ(conc_signal_notify(c, SIGUSR1), CONC_OK);
    for (int i = 1; i < 100; i++) {
        errno = i;
        raise(SIGUSR1);
        CHECK_EQ(errno, i);
    }
    conc_signal_stop(c);
    chan_free(c);
}

struct reader { int fd[2]; conc_atomic(int) ready, done; };
static void *read_one(void *p) {
    struct reader *r = p;
    char byte = 0;
    atomic_store(&r->ready, 1);
    ssize_t n = read(r->fd[0], &byte, 1);
    CHECK_SAY(n == 1 && byte == 'x', "read gave %zd, errno %d", n, errno);
    atomic_store(&r->done, 1);
    return NULL;
}
/* A blocking read goes on after a signal. */
TEST(restart) {
    struct reader r;
    memset(&r, 0, sizeof r);
    ints c = chan_make(int, 100);
    REQUIRE(pipe(r.fd) == 0);
    CHECK_EQ(conc_signal_notify(c, SIGUSR1), CONC_OK);
    pthread_t t = thread_start(read_one, &r);
    CHECK(wait_for(&r.ready, 1));
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(pthread_kill(t, SIGUSR1), 0);
        CHECK_EQ(HARNESS_TSAN || next(c), HARNESS_TSAN || SIGUSR1); /* the tool runs handlers after the call */
        conc_yield();
    }
    CHECK(!atomic_load(&r.done));
    CHECK_EQ(write(r.fd[1], "x", 1), 1);
    thread_join(t);
    conc_signal_stop(c);
    chan_free(c);
    close(r.fd[0]), close(r.fd[1]);
}

/* Signals all the time while the clock is read and goroutines switch. */
static void switcher(ints c, int n) {
    for (int i = 0; i < n; i++) chan_send(c, i);
    chan_close(c);
}
TEST(time_and_switches) {
    ints c = chan_make(int, 1), work = chan_make(int);
    signal(SIGALRM, SIG_IGN); /* as in stress */
    CHECK_EQ(conc_signal_notify(c, SIGALRM), CONC_OK);
    struct itimerval every = { { 0, 200 }, { 0, 200 } }, never = { { 0, 0 }, { 0, 0 } };
    CHECK_EQ(setitimer(ITIMER_REAL, &every, NULL), 0);
    int n = (int)scale(100000), at = 0;
    int64_t last = conc_now();
    go(switcher, work, n);
    chan_range(v, work) {
        int64_t now = conc_now();
        CHECK(now >= last);
        last = now;
        CHECK_EQ(v, at);
        at++;
    }
    CHECK_EQ(at, n);
    CHECK_EQ(next(c), SIGALRM);
    CHECK_EQ(setitimer(ITIMER_REAL, &never, NULL), 0);
    conc_signal_stop(c);
    chan_free(c), chan_free(work);
}

/* All threads block it: the relay's own thread takes it. */
TEST(blocked_everywhere, .os = true) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    ints c = chan_make(int, 1);
    kill(getpid(), SIGUSR2); /* pending before it is asked for */
    CHECK_EQ(conc_signal_notify(c, SIGUSR2), CONC_OK);
    CHECK_EQ(next(c), SIGUSR2);
    kill(getpid(), SIGUSR2);
    CHECK_EQ(next(c), SIGUSR2);
    conc_signal_stop(c);
    CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
    chan_free(c);
}

static void note_mask(ints c, conc_atomic(int) *blocked) {
    sigset_t set;
    CHECK_EQ(next(c), SIGUSR1);
    sigemptyset(&set);
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    atomic_store(blocked, sigismember(&set, SIGUSR2));
}
static void keep_busy(conc_atomic(int) *until) {
    atomic_store(until, -1);
    while (atomic_load(until) < 0) {}
}
/* The thread that passes a signal on starts the worker for who waited for it: a worker's mask is the program's all the same. */
TEST(workers_mask, .os = true) {
    int procs = conc_set_procs(2);
    conc_atomic(int) blocked;
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 3; i++) {
        (void)conc_shutdown(); /* no idle worker is left over */
        conc_set_procs(2);
        ints c = chan_make(int, 1);
        atomic_init(&blocked, -2);
        CHECK_EQ(conc_signal_notify(c, SIGUSR1), CONC_OK);
        conc_wg_go(&wg, note_mask, c, &blocked);
        CHECK(settle());
        conc_wg_go(&wg, keep_busy, &blocked); /* on the only worker */
        CHECK(wait_for(&blocked, -1));
        raise(SIGUSR1);
        conc_wg_wait(&wg);
        CHECK_EQ(atomic_load(&blocked), 0);
        conc_signal_stop(c);
        chan_free(c);
    }
    (void)conc_shutdown();
    conc_set_procs(procs);
}

static void select_signal(ints c, ints other, conc_atomic(int) *got) {
    chan_select {
        on_recv(sig, c) atomic_store(got, sig);
        on_recv(v, other) atomic_store(got, -v);
    }
}
TEST(select_on_a_signal) {
    ints c = chan_make(int, 1), other = chan_make(int);
    conc_atomic(int) got;
    atomic_init(&got, 0);
    CHECK_EQ(conc_signal_notify(c, SIGUSR1), CONC_OK);
    go(select_signal, c, other, &got);
    CHECK(settle());
    raise(SIGUSR1);
    CHECK(wait_for(&got, SIGUSR1));
    CHECK(wait_goroutines(body_goroutines()));
    conc_signal_stop(c);
    chan_free(c), chan_free(other);
}

// ---- stop

CHILD(int_after_stop) {
    ints c = chan_make(int, 1);
    (void)conc_signal_notify(c, SIGINT);
    raise(SIGINT);
    if (next(c) != SIGINT) _exit(9);
    conc_signal_stop(c);
    raise(SIGINT);
    _exit(8);
}
TEST(stop_gives_the_default_back, .os = true) {
    static struct child c;
    child_self(&c, "int_after_stop");
    CHECK_SAY(died_of(&c, SIGINT), "status %x", c.status);
}

/* What arrived before stop is in the channel after it; what arrives after it is not sent. */
TEST(stop_is_exact) {
    for (long i = 0, n = scale(500); i < n; i++) {
        ints c = chan_make(int, 2), keep = chan_make(int, 2);
        CHECK_EQ(conc_signal_notify(keep, SIGUSR1), CONC_OK);
        CHECK_EQ(conc_signal_notify(c, SIGUSR1), CONC_OK);
        raise(SIGUSR1);
        conc_signal_stop(c);
        CHECK_EQ(chan_len(c), 1);
        raise(SIGUSR1);
        chan_close(c); /* a later send would end the program */
        conc_signal_stop(keep);
        CHECK_EQ(chan_len(keep), 2);
        chan_free(c), chan_free(keep);
    }
}

struct storm { conc_atomic(int) stop; conc_wg wg; };
static void storm(struct storm *s) {
    while (!atomic_load(&s->stop)) {
        kill(getpid(), SIGUSR1);
        conc_yield();
    }
}
static void drain(ints c) {
    chan_range(sig, c) CHECK_EQ(sig, SIGUSR1);
}
/* TestStress: signals, readers, stop, close, free; again and again. */
TEST(stress, .seconds = 60) {
    struct storm s;
    memset(&s, 0, sizeof s);
    signal(SIGUSR1, SIG_IGN); /* one that is still pending at the end meets this */
    ints keep = chan_make(int, 1);
    CHECK_EQ(conc_signal_notify(keep, SIGUSR1), CONC_OK);
    conc_wg_go(&s.wg, storm, &s);
    conc_wg_go(&s.wg, storm, &s);
    for (int64_t end = conc_now() + stress_ns() / 4; conc_now() < end;) {
        ints c = chan_make(int, 4);
        conc_wg wg = CONC_WG_INIT;
        conc_wg_go(&wg, drain, c);
        CHECK_EQ(conc_signal_notify(c, SIGUSR1), CONC_OK);
        conc_yield();
        conc_signal_stop(c);
        chan_close(c);
        conc_wg_wait(&wg);
        chan_free(c);
    }
    atomic_store(&s.stop, 1);
    conc_wg_wait(&s.wg);
    conc_signal_stop(keep);
    chan_free(keep);
    signal(SIGUSR1, SIG_DFL);
}

/* A channel that is freed without a stop stays alive for the relay. */
TEST(freed_without_stop, .os = true) {
    ints c = chan_make(int, 1);
    CHECK_EQ(conc_signal_notify(c, SIGUSR1), CONC_OK);
    chan_free(c);
    raise(SIGUSR1);
    (void)conc_shutdown();
    CHECK(is_default(SIGUSR1));
}

// ---- dispositions

static volatile sig_atomic_t own_calls, later_calls;
static void own(int sig) { (void)sig, own_calls++; }
static void later(int sig) { (void)sig, later_calls++; }

TEST(own_handler) {
    ints c = chan_make(int, 4);
    signal(SIGUSR1, own);
    raise(SIGUSR1);
    CHECK_EQ(own_calls, 1);
    CHECK_EQ(conc_signal_notify(c, SIGUSR1), CONC_OK);
    raise(SIGUSR1);
    CHECK_EQ(next(c), SIGUSR1);
    CHECK_EQ(own_calls, 1); /* not called meanwhile */
    conc_signal_stop(c);
    raise(SIGUSR1);
    CHECK_EQ(own_calls, 2);
    CHECK(empty(c));
    CHECK_EQ(conc_signal_notify(c, SIGUSR1), CONC_OK);
    signal(SIGUSR1, later); /* the program changes its mind: conc.h does not undo it */
    conc_signal_stop(c);
    raise(SIGUSR1);
    CHECK_EQ(later_calls, 1);
    CHECK_EQ(own_calls, 2);
    signal(SIGUSR1, SIG_DFL);
    chan_free(c);
}

TEST(reset) {
    ints c = chan_make(int, 4), d = chan_make(int, 4);
    signal(SIGUSR2, own);
    int before = own_calls;
    CHECK_EQ(conc_signal_notify(c, SIGUSR1, SIGUSR2), CONC_OK);
    CHECK_EQ(conc_signal_notify(d, SIGUSR2), CONC_OK);
    CHECK_EQ(conc_signal_reset(SIGUSR2), CONC_OK);
    raise(SIGUSR2);
    CHECK_EQ(own_calls, before + 1);
    raise(SIGUSR1);
    CHECK_EQ(next(c), SIGUSR1);
    CHECK(empty(c) && empty(d));
    CHECK_EQ(conc_signal_notify(d, SIGHUP), CONC_OK);
    CHECK_EQ(conc_signal_reset(), CONC_OK);
    CHECK(is_default(SIGUSR1) && is_default(SIGHUP));
    conc_signal_stop(c), conc_signal_stop(d);
    signal(SIGUSR2, SIG_DFL);
    chan_free(c), chan_free(d);
}

TEST(ignore) {
    ints c = chan_make(int, 4);
    CHECK(!conc_signal_ignored(SIGHUP));
    CHECK_EQ(conc_signal_notify(c, SIGHUP, SIGTERM), CONC_OK);
    CHECK(!conc_signal_ignored(SIGHUP));
    CHECK_EQ(conc_signal_ignore(SIGHUP), CONC_OK);
    CHECK(conc_signal_ignored(SIGHUP) && !conc_signal_ignored(SIGTERM));
    raise(SIGHUP);
    raise(SIGTERM);
    CHECK_EQ(next(c), SIGTERM); /* and no SIGHUP before it */
    CHECK_EQ(conc_signal_notify(c, SIGHUP), CONC_OK);
    CHECK(!conc_signal_ignored(SIGHUP));
    raise(SIGHUP);
    CHECK_EQ(next(c), SIGHUP);
    conc_signal_stop(c);
    CHECK(is_default(SIGHUP)); /* as it was before the first call */
    CHECK_EQ(conc_signal_ignore(), CONC_OK);
    for (int sig = 1; sig < 32; sig++)
        if (sig != SIGSEGV && sig != SIGBUS) CHECK_SAY(conc_signal_ignored(sig) == (conc_signal_ignore(sig) == CONC_OK), "signal %d", sig);
    raise(SIGQUIT);
    CHECK_EQ(conc_signal_reset(), CONC_OK);
    CHECK(!conc_signal_ignored(SIGQUIT) && is_default(SIGQUIT));
    chan_free(c);
}

/* As under nohup: ignored from the start, so it is again when nobody asks. */
TEST(nohup) {
    ints c = chan_make(int, 1);
    signal(SIGHUP, SIG_IGN);
    CHECK(conc_signal_ignored(SIGHUP));
    CHECK_EQ(conc_signal_notify(c, SIGHUP), CONC_OK);
    CHECK(!conc_signal_ignored(SIGHUP));
    raise(SIGHUP);
    CHECK_EQ(next(c), SIGHUP);
    conc_signal_stop(c);
    CHECK(conc_signal_ignored(SIGHUP));
    raise(SIGHUP);
    signal(SIGHUP, SIG_DFL);
    chan_free(c);
}

// ---- fork, shutdown

TEST(fork_child_has_its_own, .os = true) {
    ints c = chan_make(int, 1);
    CHECK_EQ(conc_signal_notify(c, SIGUSR2), CONC_OK);
    CHECK_EQ(conc_signal_ignore(SIGHUP), CONC_OK);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(20);
        raise(SIGHUP); /* still ignored */
        raise(SIGUSR2);
        _exit(9);
    }
    int status = 0;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_SAY(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR2, "status %x", (unsigned)status);
    raise(SIGUSR2);
    CHECK_EQ(next(c), SIGUSR2); /* the parent's relay is untouched */
    conc_signal_stop(c);
    chan_free(c);
}

/* The child may start over. gcc 12's sanitizers do not support threads in the child of a program with threads. */
TEST(fork_child_starts_over, .os = true, .native = true) {
    if (HARNESS_TSAN || HARNESS_ASAN) LEAVE_OUT("no new threads after fork under a sanitizer");
    ints c = chan_make(int, 1);
    CHECK_EQ(conc_signal_notify(c, SIGUSR2), CONC_OK);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(20);
        ints d = chan_make(int, 1);
        if (conc_signal_notify(d, SIGUSR2) != CONC_OK) _exit(2);
        raise(SIGUSR2);
        if (next(d) != SIGUSR2) _exit(3);
        conc_signal_stop(d);
        chan_free(d);
        (void)conc_shutdown();
        raise(SIGUSR2);
        _exit(9);
    }
    int status = 0;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_SAY(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR2, "status %x", (unsigned)status);
    conc_signal_stop(c);
    chan_free(c);
}

TEST(shutdown, .os = true) {
    for (int i = 0; i < 3; i++) {
        ints c = chan_make(int, 1);
        signal(SIGUSR1, own);
        int before = own_calls;
        CHECK_EQ(conc_signal_notify(c, SIGUSR1, SIGUSR2), CONC_OK);
        CHECK_EQ(conc_signal_ignore(SIGHUP), CONC_OK);
        raise(SIGUSR1);
        CHECK_EQ(next(c), SIGUSR1);
        CHECK_EQ(conc_shutdown(), 0);
        CHECK(is_default(SIGUSR2) && is_default(SIGHUP));
        raise(SIGUSR1);
        CHECK_EQ(own_calls, before + 1);
        signal(SIGUSR1, SIG_DFL);
        chan_free(c);
    }
}

// ---- deadlock

CRASH_NATIVE(deadlock_beside_a_notify, "fatal error: all goroutines are asleep - deadlock!") {
    ints c = chan_make(int, 1), other = chan_make(int);
    (void)conc_signal_notify(c, SIGINT);
    (void)chan_recv(other); /* no signal can end this */
}

CHILD(waits_for_alarm) {
    ints c = chan_make(int, 1), other = chan_make(int);
    struct itimerval soon = { { 0, 0 }, { 0, 200000 } };
    (void)conc_signal_notify(c, SIGALRM);
    (void)setitimer(ITIMER_REAL, &soon, NULL);
    conc_atomic(int) got;
    atomic_init(&got, 0);
    conc_run(select_signal, c, other, &got); /* all asleep, but for the signal that will come */
    _exit(atomic_load(&got) == SIGALRM ? 0 : 9);
}
TEST(no_deadlock_while_a_signal_may_come, .os = true) {
    static struct child c;
    child_self(&c, "waits_for_alarm");
    CHECK_SAY(child_exited(&c, 0), "status %x: %s", c.status, c.text);
}

/* The thread that passes signals on is busy with its list, or waits for it, while the program's one thread waits for the list too: that is
   no deadlock. Each start of that thread is a chance to be wrong. */
static void lock_unlock(conc_mutex *m) { conc_mutex_lock(m), conc_mutex_unlock(m); }
CHILD(notifies_and_stops) {
    static conc_mutex m;
    for (int i = 0; i < 300; i++) {
        ints c = chan_make(int, 1);
        (void)go(lock_unlock, &m);
        if (conc_signal_notify(c, SIGUSR1) != CONC_OK) _exit(9);
        raise(SIGUSR1);
        conc_mutex_lock(&m);
        (void)go(lock_unlock, &m);
        conc_mutex_unlock(&m);
        conc_signal_stop(c);
        chan_free(c);
        if (i % 4 == 0) conc_shutdown();
    }
    _exit(0);
}
TEST(no_deadlock_while_the_relay_works, .os = true) {
    static struct child c;
    child_self(&c, "notifies_and_stops");
    CHECK_SAY(child_exited(&c, 0), "status %x: %s", c.status, c.text);
}

// ---- contexts

TEST(ctx_notify) {
    CHECK(conc_ctx_notify(conc_ctx_background(), SIGKILL) == NULL);
    conc_ctx *ctx = conc_ctx_notify(conc_ctx_background(), SIGHUP, SIGUSR1);
    conc_ctx *child = conc_ctx_with_cancel(ctx);
    CHECK_EQ(conc_ctx_err(ctx), CONC_OK);
    raise(SIGUSR1);
    CHECK(!chan_recv(conc_ctx_done(child), &(char){ 0 }));
    CHECK_EQ(conc_ctx_err(ctx), CONC_CANCELED);
    CHECK_EQ(conc_ctx_cause(ctx), 128 + SIGUSR1);
    CHECK_EQ(conc_ctx_cause(child), 128 + SIGUSR1);
    raise(SIGHUP); /* caught, and changes nothing */
    raise(SIGUSR1);
    CHECK_EQ(conc_ctx_cause(ctx), 128 + SIGUSR1);
    conc_ctx_free(ctx);
    CHECK(is_default(SIGHUP) && is_default(SIGUSR1));
    conc_ctx_free(child);
}

/* stop, and a parent that is cancelled before or after: the context is done without a signal, and ignored flips. */
TEST(ctx_notify_ends_without_a_signal) {
    signal(SIGHUP, SIG_IGN);
    for (int how = 0; how < 3; how++) {
        conc_ctx *parent = conc_ctx_with_cancel(conc_ctx_background());
        if (how == 1) conc_ctx_cancel_cause(parent, 77);
        conc_ctx *ctx = conc_ctx_notify(parent, SIGHUP), *held = conc_ctx_ref(ctx);
        CHECK(!conc_signal_ignored(SIGHUP));
        CHECK_EQ(conc_ctx_err(ctx), how == 1 ? CONC_CANCELED : CONC_OK);
        if (how == 2) conc_ctx_cancel_cause(parent, 77);
        conc_ctx_free(ctx);
        CHECK(conc_signal_ignored(SIGHUP));
        raise(SIGHUP);
        CHECK_EQ(conc_ctx_err(held), CONC_CANCELED);
        CHECK_EQ(conc_ctx_cause(held), how ? 77 : CONC_CANCELED);
        conc_ctx_unref(held);
        conc_ctx_free(parent);
    }
    signal(SIGHUP, SIG_DFL);
}

TEST(ctx_notify_beside_a_channel) {
    ints c = chan_make(int, 2);
    CHECK_EQ(conc_signal_notify(c, SIGUSR1), CONC_OK);
    conc_ctx *a = conc_ctx_notify(conc_ctx_background(), SIGUSR1), *b = conc_ctx_notify(a, SIGUSR2);
    raise(SIGUSR1);
    CHECK_EQ(next(c), SIGUSR1);
    CHECK_EQ(conc_sleep_ctx(b, limit(20 * CONC_SEC)), CONC_CANCELED);
    CHECK_EQ(conc_ctx_cause(b), 128 + SIGUSR1);
    CHECK_EQ(conc_signal_reset(SIGUSR2), CONC_OK); /* b's relay goes */
    CHECK(is_default(SIGUSR2));
    conc_ctx_free(b), conc_ctx_free(a);
    CHECK(!is_default(SIGUSR1));
    conc_signal_stop(c);
    CHECK(is_default(SIGUSR1));
    chan_free(c);
}

TEST(ctx_freed_after_shutdown, .os = true) {
    conc_ctx *ctx = conc_ctx_notify(conc_ctx_background(), SIGUSR1);
    CHECK_EQ(conc_shutdown(), 0);
    CHECK(is_default(SIGUSR1));
    conc_ctx_free(ctx);
}

CHILD(second_after_free) {
    conc_ctx *ctx = conc_ctx_notify(conc_ctx_background(), SIGUSR2);
    raise(SIGUSR2);
    if (conc_sleep_ctx(ctx, 20 * CONC_SEC) != CONC_CANCELED) _exit(9);
    conc_ctx_free(ctx);
    raise(SIGUSR2);
    _exit(8);
}
CHILD(waits_with_a_context) {
    conc_ctx *ctx = conc_ctx_notify(conc_ctx_background(), SIGALRM);
    struct itimerval soon = { { 0, 0 }, { 0, 200000 } };
    (void)setitimer(ITIMER_REAL, &soon, NULL);
    chan(int) never = chan_make(int);
    int v;
    conc_status st = chan_recv_ctx(never, &v, ctx); /* all asleep, but for the signal that will come */
    _exit(st == CONC_CANCELED && conc_ctx_cause(ctx) == 128 + SIGALRM ? 0 : 9);
}
TEST(ctx_children, .os = true) {
    static struct child c;
    child_self(&c, "second_after_free");
    CHECK_SAY(died_of(&c, SIGUSR2), "status %x", c.status);
    child_self(&c, "waits_with_a_context");
    CHECK_SAY(child_exited(&c, 0), "status %x: %s", c.status, c.text);
}
CRASH_NATIVE(deadlock_beside_a_context, "fatal error: all goroutines are asleep - deadlock!") {
    (void)conc_ctx_notify(conc_ctx_background(), SIGINT);
    chan(int) never = chan_make(int);
    (void)chan_recv(never); /* without the context */
}
