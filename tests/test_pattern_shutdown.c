/* patterns/shutdown.h: what begins it, what waits, what is cut, what is stuck; hooks; signals. */
#include "harness.h"
#include "patterns/shutdown.h"
#include <sys/wait.h>

static void make(struct shutdown *s) {
    REQUIRE(shutdown_init(s, false) == CONC_OK);
    s->grace = s->cut_grace = limit(20 * CONC_SEC);
}
static void check_report(const struct shutdown *s, size_t cut, size_t stuck, int error, const char *text) {
    CHECK_EQ(s->report.cut, cut);
    CHECK_EQ(s->report.stuck, stuck);
    CHECK_EQ(s->report.error, error);
    CHECK_EQ(s->report.hook != NULL, error != 0);
    CHECK_SAY(!strcmp(s->report.text, text), "text is \"%s\", not \"%s\"", s->report.text, text);
}

static int hook_log[8], hook_n;
static int note(conc_ctx *ctx, const int *v) {
    CHECK_EQ(conc_ctx_err(ctx), CONC_OK);
    hook_log[hook_n++] = *v;
    return *v > 0 ? 0 : *v;
}
TEST(nothing_to_do) {
    struct shutdown s;
    make(&s);
    shutdown_begin(&s), shutdown_begin(&s);
    CHECK_EQ(shutdown_run(&s, NULL), CONC_OK);
    check_report(&s, 0, 0, 0, "in time");
    CHECK_EQ(s.report.signal, 0);
    shutdown_free(&s);
    make(&s);
    shutdown_free(&s); /* never run */
}
TEST(hooks) {
    struct shutdown s;
    const int v[] = { 1, -2, 3, -4 };
    make(&s);
    hook_n = 0;
    for (int i = 0; i < 4; i++) CHECK_EQ(shutdown_hook(&s, note, &v[i]), CONC_OK);
    shutdown_begin(&s);
    CHECK_EQ(shutdown_run(&s, NULL), CONC_CANCELED);
    CHECK_EQ(hook_n, 4);
    for (int i = 0; i < 4; i++) CHECK_EQ(hook_log[i], v[3 - i]);
    check_report(&s, 0, 0, -4, "note failed with -4");
    shutdown_free(&s);
}
static int waits(conc_ctx *ctx, void *none) { return (void)none, (void)chan_recv(conc_ctx_done(ctx)), conc_ctx_err(ctx); }
TEST(hook_is_slow) {
    struct shutdown s;
    make(&s);
    s.hook_grace = CONC_MS;
    CHECK_EQ(shutdown_hook(&s, waits, NULL), CONC_OK);
    shutdown_begin(&s);
    CHECK_EQ(shutdown_run(&s, NULL), CONC_CANCELED);
    CHECK_EQ(s.report.error, CONC_TIMEOUT);
    shutdown_free(&s);
}

static void leaves_on(struct shutdown *s, conc_ctx *ctx, const char *name) {
    (void)chan_recv(conc_ctx_done(ctx));
    shutdown_leave(s, name);
}
static void runs(struct shutdown *s, conc_ctx *parent, conc_atomic(int) *result) { conc_atomic_store(result, shutdown_run(s, parent)); }

/* Work that listens to stopping leaves in time, and nothing enters any more; hooks come after it. */
TEST(in_time) {
    struct shutdown s;
    const int v = 1;
    conc_atomic(int) result = -1;
    conc_wg wg = CONC_WG_INIT;
    make(&s);
    hook_n = 0;
    CHECK_EQ(shutdown_hook(&s, note, &v), CONC_OK);
    CHECK(shutdown_enter(&s, "job"));
    for (int i = 0; i < 3; i++) {
        CHECK(shutdown_enter(&s, "listener"));
        conc_wg_go(&wg, leaves_on, &s, shutdown_stopping(&s), "listener");
    }
    conc_wg_go(&wg, runs, &s, NULL, &result);
    CHECK(settle());
    shutdown_begin(&s);
    CHECK(!shutdown_enter(&s, "job"));
    CHECK(settle());
    CHECK(conc_atomic_load(&result) == -1 && hook_n == 0); /* there is a job still */
    CHECK_EQ(conc_ctx_err(shutdown_cut(&s)), CONC_OK);
    shutdown_leave(&s, "job");
    conc_wg_wait(&wg);
    CHECK_EQ(conc_atomic_load(&result), CONC_OK);
    CHECK_EQ(hook_n, 1);
    check_report(&s, 0, 0, 0, "in time");
    shutdown_free(&s);
}
TEST(cut) {
    struct shutdown s;
    conc_wg wg = CONC_WG_INIT;
    make(&s);
    s.grace = CONC_MS;
    for (int i = 0; i < 3; i++) {
        CHECK(shutdown_enter(&s, i < 2 ? "connection" : "job"));
        conc_wg_go(&wg, leaves_on, &s, shutdown_cut(&s), i < 2 ? "connection" : "job");
    }
    shutdown_begin(&s);
    CHECK_EQ(shutdown_run(&s, NULL), CONC_TIMEOUT);
    check_report(&s, 3, 0, 0, "2 connection cut off, 1 job cut off");
    conc_wg_wait(&wg);
    shutdown_free(&s);
}
static void deaf(struct shutdown *s, chan(char) gate) {
    (void)chan_recv(gate);
    shutdown_leave(s, "deaf");
}
TEST(stuck) {
    struct shutdown s;
    const int v[] = { 1, -2 };
    conc_wg wg = CONC_WG_INIT;
    chan(char) gate = chan_make(char);
    make(&s);
    s.grace = s.cut_grace = CONC_MS;
    hook_n = 0;
    for (int i = 0; i < 2; i++) CHECK_EQ(shutdown_hook(&s, note, &v[i]), CONC_OK);
    CHECK(shutdown_enter(&s, "deaf"));
    conc_wg_go(&wg, deaf, &s, gate);
    shutdown_begin(&s);
    CHECK_EQ(shutdown_run(&s, NULL), CONC_TIMEOUT);
    check_report(&s, 1, 1, -2, "1 deaf cut off, 1 deaf stuck, note failed with -2");
    CHECK_EQ(hook_n, 2);
    chan_close(gate);
    shutdown_free(&s); /* waits for it */
    conc_wg_wait(&wg);
    chan_free(gate);
}

/* Begun by the caller's context, before and during the run. */
TEST(parent) {
    for (int before = 0; before < 2; before++) {
        struct shutdown s;
        conc_atomic(int) result = -1;
        conc_wg wg = CONC_WG_INIT;
        conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
        make(&s);
        if (before) conc_ctx_cancel(ctx);
        CHECK(shutdown_enter(&s, "listener"));
        conc_wg_go(&wg, leaves_on, &s, shutdown_stopping(&s), "listener");
        conc_wg_go(&wg, runs, &s, ctx, &result);
        CHECK(settle());
        CHECK_EQ(conc_atomic_load(&result), before ? CONC_OK : -1);
        conc_ctx_cancel(ctx);
        conc_wg_wait(&wg);
        CHECK_EQ(conc_atomic_load(&result), CONC_OK);
        shutdown_free(&s), conc_ctx_free(ctx);
    }
}

TEST(signals) {
    for (int k = 0; k < 2; k++) {
        int sig = k ? SIGTERM : SIGINT;
        signal(SIGINT, SIG_DFL), signal(SIGTERM, SIG_DFL); /* Check's */
        struct shutdown s;
        struct sigaction a;
        REQUIRE(shutdown_init(&s, true) == CONC_OK);
        CHECK(shutdown_enter(&s, "listener"));
        conc_wg wg = CONC_WG_INIT;
        conc_wg_go(&wg, leaves_on, &s, shutdown_stopping(&s), "listener");
        raise(sig);
        CHECK_EQ(shutdown_run(&s, NULL), CONC_OK);
        CHECK_EQ(s.report.signal, sig);
        CHECK(sigaction(sig, NULL, &a) == 0 && a.sa_handler == SIG_DFL); /* the next one ends the program */
        conc_wg_wait(&wg);
        shutdown_free(&s);
    }
}
static int raises(conc_ctx *ctx, void *none) {
    (void)ctx, (void)none;
    raise(SIGTERM);
    conc_sleep(CONC_HOUR);
    return 0;
}
CHILD(shutdown_second_signal) {
    struct shutdown s;
    if (shutdown_init(&s, true) != CONC_OK || shutdown_hook(&s, raises, NULL) != CONC_OK) exit(3);
    raise(SIGTERM);
    (void)shutdown_run(&s, NULL);
    exit(5);
}
TEST(second_signal, .os = true) {
    struct child c;
    child_self(&c, "shutdown_second_signal");
    CHECK(!c.timed_out && WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGTERM);
}

/* Work that enters all the time, from goroutines and threads, while the stop begins: what entered has left when it returns. */
static void enters(struct shutdown *s, conc_atomic(int) *inside) {
    while (shutdown_enter(s, "job")) {
        conc_atomic_fetch_add(inside, 1);
        conc_yield();
        conc_atomic_fetch_sub(inside, 1);
        shutdown_leave(s, "job");
    }
}
struct entering { struct shutdown *s; conc_atomic(int) *inside; };
static void *enters_thread(void *arg) {
    struct entering *e = arg;
    return enters(e->s, e->inside), NULL;
}
TEST(many) {
    struct shutdown s;
    conc_atomic(int) inside = 0;
    conc_wg wg = CONC_WG_INIT;
    make(&s);
    struct entering e = { &s, &inside };
    pthread_t t = thread_start(enters_thread, &e);
    for (int i = 0; i < 8; i++) conc_wg_go(&wg, enters, &s, &inside);
    conc_sleep(5 * CONC_MS);
    shutdown_begin(&s);
    CHECK_EQ(shutdown_run(&s, NULL), CONC_OK);
    CHECK_EQ(conc_atomic_load(&inside), 0);
    conc_wg_wait(&wg), thread_join(t);
    shutdown_free(&s);
}

CRASH(leave_without_enter, "panic: shutdown_leave: no job has entered") {
    struct shutdown s;
    make(&s);
    shutdown_leave(&s, "job");
}
