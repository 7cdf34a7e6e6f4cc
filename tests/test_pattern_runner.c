/* patterns/runner.h: ok, timeout, interrupted, canceled, failed; stuck tasks; misuse. */
#include "harness.h"
#include "patterns/runner.h"
#include <sys/wait.h>

struct step {
    int returns;
    int64_t sleeps; /* until then or the context's end */
    int64_t deaf;   /* sleeps without listening */
    struct runner *interrupts;
    int signal; /* raised */
    bool exits;
    int ran, err;
};
static int step(conc_ctx *ctx, struct step *s) {
    s->ran++;
    if (s->interrupts) runner_interrupt(s->interrupts);
    if (s->signal) raise(s->signal);
    if (s->exits) conc_exit();
    if (s->deaf) conc_sleep(s->deaf);
    if (s->sleeps && conc_sleep_ctx(ctx, s->sleeps) != CONC_OK) return s->err = conc_ctx_cause(ctx);
    return s->returns;
}
static int until_done(conc_ctx *ctx, struct step *s) {
    s->ran++;
    (void)chan_recv(conc_ctx_done(ctx));
    return s->returns;
}

static struct runner make(int64_t timeout) {
    struct runner r;
    REQUIRE(runner_init(&r, timeout) == CONC_OK);
    r.grace = limit(20 * CONC_SEC);
    r.signals = false;
    return r;
}
static void add(struct runner *r, struct step *steps, int n) {
    for (int i = 0; i < n; i++) CHECK_EQ(runner_add(r, step, &steps[i]), CONC_OK);
}
static void check_report(const struct runner *r, enum runner_result result, size_t completed, const char *task) {
    CHECK_EQ(r->report.result, result);
    CHECK_EQ(r->report.completed, completed);
    CHECK_EQ(r->report.task != NULL, task != NULL);
    if (r->report.task && task) CHECK_SAY(!strcmp(r->report.task, task), "task is %s, not %s", r->report.task, task);
}

static int order_log[40], order_n;
static int note(conc_ctx *ctx, const int *v) {
    CHECK_EQ(conc_ctx_err(ctx), CONC_OK);
    order_log[order_n++] = *v;
    return 0;
}
TEST(in_order) {
    struct runner r = make(CONC_FOREVER);
    int v[40];
    for (int i = 0; i < 40; i++) v[i] = i, CHECK_EQ(runner_add(&r, note, &v[i]), CONC_OK);
    CHECK_EQ(runner_start(&r, NULL), RUNNER_OK);
    check_report(&r, RUNNER_OK, 40, NULL);
    CHECK_EQ(order_n, 40);
    for (int i = 0; i < 40; i++) CHECK_EQ(order_log[i], i);
    CHECK_EQ(r.report.error, 0);
    CHECK(!r.report.stuck && r.report.signal == 0);
    runner_free(&r);
}

TEST(no_tasks) {
    struct runner r = make(0); /* even if there is no time */
    for (int i = 0; i < 3; i++) CHECK_EQ(runner_start(&r, NULL), RUNNER_OK);
    check_report(&r, RUNNER_OK, 0, NULL);
    runner_free(&r);
    r = make(1);
    runner_free(&r); /* never started */
}

TEST(task_fails) {
    struct runner r = make(CONC_FOREVER);
    struct step s[3] = { { 0 }, { .returns = -5 }, { 0 } };
    add(&r, s, 3);
    CHECK_EQ(runner_start(&r, NULL), RUNNER_FAILED);
    check_report(&r, RUNNER_FAILED, 1, "step");
    CHECK_EQ(r.report.error, -5);
    CHECK(s[0].ran == 1 && s[1].ran == 1 && s[2].ran == 0);
    s[1].returns = 0; /* again, all of them */
    CHECK_EQ(runner_start(&r, NULL), RUNNER_OK);
    CHECK(s[0].ran == 2 && s[1].ran == 2 && s[2].ran == 1);
    CHECK_EQ(r.report.error, 0);
    runner_free(&r);
}

TEST(task_exits) {
    struct runner r = make(CONC_FOREVER);
    struct step s[2] = { { .exits = true }, { 0 } };
    add(&r, s, 2);
    CHECK_EQ(runner_start(&r, NULL), RUNNER_FAILED);
    check_report(&r, RUNNER_FAILED, 0, "step");
    CHECK_EQ(r.report.error, CONC_CANCELED);
    CHECK_EQ(s[1].ran, 0);
    runner_free(&r);
}

/* The task under way learns of it, and nothing is left of it when runner_start returns. */
TEST(timeout) {
    struct runner r = make(limit(200 * CONC_MS));
    struct step s[2] = { { .sleeps = CONC_HOUR }, { 0 } };
    add(&r, s, 2);
    int64_t begin = conc_now(), before = conc_num_goroutines();
    CHECK_EQ(runner_start(&r, NULL), RUNNER_TIMEOUT);
    CHECK(conc_now() - begin >= limit(200 * CONC_MS));
    check_report(&r, RUNNER_TIMEOUT, 0, "step");
    CHECK_EQ(s[0].err, CONC_TIMEOUT);
    CHECK_EQ(r.report.error, 0);
    CHECK_EQ(s[1].ran, 0);
    CHECK(!r.report.stuck);
    CHECK(wait_goroutines(before));
    runner_free(&r);
}
/* A task that returns 0 although time is up has been completed; the next one is not begun. */
TEST(timeout_between) {
    struct runner r = make(limit(200 * CONC_MS));
    struct step s[2] = { { 0 }, { 0 } };
    CHECK_EQ(runner_add(&r, until_done, &s[0]), CONC_OK);
    CHECK_EQ(runner_add(&r, step, &s[1]), CONC_OK);
    CHECK_EQ(runner_start(&r, NULL), RUNNER_TIMEOUT);
    check_report(&r, RUNNER_TIMEOUT, 1, "step");
    CHECK_EQ(s[1].ran, 0);
    runner_free(&r);
    r = make(limit(200 * CONC_MS)); /* but if it was the last, all is well */
    CHECK_EQ(runner_add(&r, until_done, &s[0]), CONC_OK);
    CHECK_EQ(runner_start(&r, NULL), RUNNER_OK);
    check_report(&r, RUNNER_OK, 1, NULL);
    runner_free(&r);
}

/* Interrupted half-way: by a call, by a signal, before the start, after the end. */
TEST(interrupt) {
    struct runner r = make(CONC_FOREVER);
    struct step s[3] = { { 0 }, { .sleeps = CONC_HOUR, .interrupts = &r }, { 0 } };
    add(&r, s, 3);
    CHECK_EQ(runner_start(&r, NULL), RUNNER_INTERRUPTED);
    check_report(&r, RUNNER_INTERRUPTED, 1, "step");
    CHECK_EQ(s[1].err, CONC_CANCELED);
    CHECK_EQ(s[2].ran, 0);
    runner_interrupt(&r), runner_interrupt(&r);
    CHECK_EQ(runner_start(&r, NULL), RUNNER_INTERRUPTED);
    check_report(&r, RUNNER_INTERRUPTED, 0, "step");
    CHECK_EQ(s[0].ran, 1);
    runner_free(&r);
}
static bool is_default(int sig) {
    struct sigaction a;
    return sigaction(sig, NULL, &a) == 0 && a.sa_handler == SIG_DFL;
}
TEST(signals) {
    signal(SIGINT, SIG_DFL), signal(SIGTERM, SIG_DFL); /* Check's */
    for (int k = 0; k < 2; k++) {
        int sig = k ? SIGTERM : SIGINT;
        struct runner r = make(CONC_FOREVER);
        r.signals = true;
        struct step s[2] = { { .sleeps = CONC_HOUR, .signal = sig }, { 0 } };
        add(&r, s, 2);
        CHECK_EQ(runner_start(&r, NULL), RUNNER_INTERRUPTED);
        CHECK_EQ(r.report.signal, sig);
        CHECK_EQ(s[1].ran, 0);
        CHECK(is_default(SIGINT) && is_default(SIGTERM));
        runner_free(&r);
    }
}
static conc_atomic(int) raised;
static int raises(conc_ctx *ctx, void *none) {
    (void)ctx, (void)none;
    raise(SIGINT);
    conc_atomic_store(&raised, 1);
    conc_sleep(CONC_HOUR); /* deaf */
    return 0;
}
CHILD(runner_second_signal) {
    struct runner r;
    if (runner_init(&r, CONC_FOREVER) != CONC_OK || runner_add(&r, raises, NULL) != CONC_OK) exit(3);
    r.grace = CONC_HOUR;
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, runner_start, &r, NULL);
    if (!wait_for(&raised, 1)) exit(4);
    while (!is_default(SIGINT)) conc_sleep(CONC_MS); /* the runner has seen it */
    raise(SIGINT);
    exit(5);
}
TEST(second_signal, .os = true) {
    struct child c;
    child_self(&c, "runner_second_signal");
    CHECK(!c.timed_out && WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGINT);
}

/* The caller's own context. */
TEST(parent) {
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    struct runner r = make(CONC_FOREVER);
    struct step s[2] = { { .sleeps = CONC_HOUR }, { 0 } };
    add(&r, s, 2);
    conc_timer *t = conc_after_func(limit(200 * CONC_MS), (void (*)(void *))(void (*)(void))conc_ctx_cancel, ctx);
    CHECK_EQ(runner_start(&r, ctx), RUNNER_CANCELED);
    check_report(&r, RUNNER_CANCELED, 0, "step");
    conc_timer_free(t);
    CHECK_EQ(runner_start(&r, ctx), RUNNER_CANCELED); /* cancelled before */
    CHECK_EQ(s[0].ran, 1);
    conc_ctx_free(ctx);
    ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_MS);
    CHECK_EQ(runner_start(&r, ctx), RUNNER_TIMEOUT);
    conc_ctx_free(ctx);
    runner_free(&r);
}

/* A task that does not listen: reported after the grace period, joined later. */
static int deaf(conc_ctx *ctx, chan(char) *gate) {
    (void)ctx;
    (void)chan_recv(*gate);
    return 0;
}
TEST(stuck) {
    chan(char) gate = chan_make(char);
    struct step s[2] = { { 0 }, { 0 } };
    for (int last = 0; last < 2; last++) {
        struct runner r = make(limit(200 * CONC_MS));
        r.grace = CONC_MS;
        CHECK_EQ(runner_add(&r, deaf, &gate), CONC_OK);
        if (!last) CHECK_EQ(runner_add(&r, step, &s[1]), CONC_OK);
        CHECK_EQ(runner_start(&r, NULL), RUNNER_TIMEOUT);
        CHECK(r.report.stuck);
        check_report(&r, RUNNER_TIMEOUT, 0, "deaf");
        chan_send(gate, 0);
        if (!last) {
            runner_join(&r);
            CHECK(!r.report.stuck);
            check_report(&r, RUNNER_TIMEOUT, 1, "step");
            CHECK_EQ(s[1].ran, 0);
            runner_join(&r);
        }
        runner_free(&r); /* joins */
    }
    chan_free(gate);
}

/* Many runners at once, stopped at any moment; what they report is what has happened. */
static void one_of_many(unsigned i) {
    struct rng g = rng_new(i);
    struct runner r = make(rng_below(&g, 4) == 0 ? (int64_t)rng_below(&g, 2000000) : CONC_FOREVER);
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), rng_below(&g, 4) == 0 ? (int64_t)rng_below(&g, 2000000) : CONC_HOUR);
    struct step s[8] = { { 0 } };
    for (int k = 0; k < 8; k++) {
        s[k].sleeps = rng_below(&g, 3) == 0 ? (int64_t)rng_below(&g, 400000) : 0;
        s[k].returns = rng_below(&g, 30) == 0 ? -7 : 0;
        s[k].interrupts = rng_below(&g, 30) == 0 ? &r : NULL;
    }
    add(&r, s, 8);
    enum runner_result result = runner_start(&r, ctx);
    CHECK_EQ(result, r.report.result);
    size_t done = r.report.completed;
    for (size_t k = 0; k < 8; k++) CHECK(s[k].ran == (k < done) || (k == done && s[k].ran <= 1));
    CHECK_EQ(result == RUNNER_OK, done == 8);
    if (result == RUNNER_FAILED) CHECK_EQ(s[done].returns, r.report.error);
    CHECK(!r.report.stuck);
    runner_free(&r);
    conc_ctx_free(ctx);
}
TEST(many) {
    for (unsigned round = 0; round < scale(20); round++) {
        conc_wg wg = CONC_WG_INIT;
        for (unsigned i = 0; i < live(100); i++) conc_wg_go(&wg, one_of_many, round * 1000 + i);
        conc_wg_wait(&wg);
    }
}

static int adds(conc_ctx *ctx, struct runner *r) {
    (void)ctx;
    (void)runner_add(r, adds, r);
    return 0;
}
CRASH(add_while_running, "panic: runner_add: the runner is running") {
    struct runner r;
    if (runner_init(&r, CONC_FOREVER) != CONC_OK || runner_add(&r, adds, &r) != CONC_OK) exit(3);
    (void)runner_start(&r, NULL);
}
static int starts(conc_ctx *ctx, struct runner *r) { return (int)runner_start(r, ctx); }
CRASH(start_while_running, "panic: runner_start: the runner is running") {
    struct runner r;
    if (runner_init(&r, CONC_FOREVER) != CONC_OK || runner_add(&r, starts, &r) != CONC_OK) exit(3);
    (void)runner_start(&r, NULL);
}
