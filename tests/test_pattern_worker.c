/* patterns/worker.h: every accepted task once, results and errors, waiting, growing and shrinking, drain and shutdown, misuse, stress. */
#include "harness.h"
#include "patterns/worker.h"

struct task {
    conc_atomic(int) ran;
    int returns;
    bool exits;
    chan(char) gate; /* waits for it, or for the context's end */
    conc_atomic(int) *begun;
    conc_atomic(int) *at_once, *most;
};
static int work(conc_ctx *ctx, struct task *t) {
    int err = t->returns;
    char none;
    if (t->at_once) {
        int now = conc_atomic_fetch_add(t->at_once, 1) + 1, most = conc_atomic_load(t->most);
        while (now > most && !conc_atomic_compare_exchange(t->most, &most, now)) {}
    }
    conc_atomic_fetch_add(&t->ran, 1);
    if (t->begun) conc_atomic_fetch_add(t->begun, 1);
    if (t->gate && chan_recv_ctx(t->gate, &none, ctx) > CONC_CLOSED) err = conc_ctx_cause(ctx);
    if (t->at_once) conc_atomic_fetch_sub(t->at_once, 1);
    if (t->exits) conc_exit();
    return err;
}
static struct worker_set *make(struct worker_set *w, size_t min, size_t max) {
    REQUIRE(worker_init(w, min, max, NULL) == CONC_OK);
    return w;
}
static void submitter(struct worker_set *w, conc_ctx *ctx, struct task *t, int *err) { *err = worker_submit(w, ctx, work, t); }
static bool waiting(struct worker_set *w, size_t n) {
    for (int64_t end = conc_now() + limit(10 * CONC_SEC); conc_now() < end; conc_sleep(CONC_MS / 10))
        if (worker_get_stats(w).waiting == n) return true;
    return false;
}
static bool workers(struct worker_set *w, size_t n) {
    for (int64_t end = conc_now() + limit(10 * CONC_SEC); conc_now() < end; conc_sleep(CONC_MS / 10))
        if (worker_get_stats(w).workers == n) return true;
    return false;
}

TEST(nothing) {
    struct worker_set w;
    CHECK_EQ(worker_init(&w, 2, 1, NULL), CONC_INVALID);
    make(&w, 0, 0);
    CHECK_EQ(worker_drain(&w, NULL), CONC_OK);
    worker_free(&w);
    make(&w, 4, 4);
    CHECK_EQ(worker_shutdown(&w, NULL), CONC_OK);
    CHECK_EQ(worker_shutdown(&w, NULL), CONC_OK);
    CHECK_EQ(worker_get_stats(&w).workers, 0);
    CHECK_EQ(worker_error(&w), 0);
    worker_free(&w);
}

/* Every accepted task runs once, never more at a time than there may be workers. */
static void all_run(size_t min, size_t max, int n) {
    struct worker_set w;
    conc_atomic(int) now = 0, most = 0;
    struct task *t = calloc((size_t)n, sizeof *t);
    REQUIRE(t != NULL);
    make(&w, min, max);
    for (int i = 0; i < n; i++) {
        t[i].at_once = &now, t[i].most = &most;
        CHECK_EQ(worker_submit(&w, NULL, work, &t[i]), 0);
    }
    CHECK_EQ(worker_drain(&w, NULL), CONC_OK);
    for (int i = 0; i < n; i++) CHECK_EQ(t[i].ran, 1);
    struct worker_stats s = worker_get_stats(&w);
    CHECK_EQ(s.begun, n);
    CHECK_EQ(s.finished, n);
    CHECK(s.failed == 0 && s.waiting == 0 && s.workers <= max);
    CHECK_SAY(most <= (int)max, "%d at once, the limit is %zu", most, max);
    CHECK_EQ(worker_shutdown(&w, NULL), CONC_OK);
    CHECK_EQ(worker_submit(&w, NULL, work, &t[0]), CONC_CLOSED);
    CHECK_EQ(worker_try_submit(&w, work, &t[0]), CONC_CLOSED);
    CHECK_EQ(worker_resize(&w, 1, 1), CONC_CLOSED);
    worker_free(&w);
    free(t);
}
TEST(one_worker) { all_run(1, 1, (int)scale(1000)); }
TEST(four_workers) { all_run(4, 4, (int)scale(1000)); }
TEST(elastic) { all_run(0, 64, (int)scale(1000)); }
TEST(many_workers) { all_run((size_t)live(1000), (size_t)live(1000), (int)scale(3000)); }

/* What a task returns goes to whoever submitted it, if they want it; the first that nobody wants is kept. */
TEST(results) {
    struct worker_set w;
    struct task good = { 0 }, bad = { .returns = -7 }, bad2 = { .returns = -8 }, out = { .exits = true };
    recv_chan(int) r[4];
    make(&w, 2, 2);
    CHECK_EQ(worker_submit_result(&w, NULL, &r[0], work, &good), 0);
    CHECK_EQ(worker_submit_result(&w, NULL, &r[1], work, &bad), 0);
    CHECK_EQ(worker_submit_result(&w, NULL, &r[2], work, &out), 0);
    CHECK_EQ(chan_recv(r[0]), 0);
    CHECK_EQ(chan_recv(r[1]), -7);
    CHECK_EQ(chan_recv(r[2]), CONC_CANCELED);
    CHECK_EQ(worker_error(&w), 0);
    for (int i = 0; i < 3; i++) chan_free(r[i]);
    CHECK_EQ(worker_submit(&w, NULL, work, &bad2), 0);
    CHECK_EQ(worker_drain(&w, NULL), CONC_OK);
    CHECK_EQ(worker_submit(&w, NULL, work, &bad), 0);
    CHECK_EQ(worker_drain(&w, NULL), CONC_OK);
    CHECK_EQ(worker_error(&w), -8);
    CHECK_EQ(worker_get_stats(&w).failed, 4);
    for (int i = 0; i < 20; i++) CHECK_EQ(worker_submit(&w, NULL, work, &out), 0); /* workers are replaced */
    CHECK_EQ(worker_submit_result(&w, NULL, &r[3], work, &bad), 0);
    chan_free(r[3]); /* walks away */
    CHECK_EQ(worker_shutdown(&w, NULL), CONC_OK);
    CHECK_EQ(bad.ran, 3);
    CHECK_EQ(out.ran, 21);
    CHECK_EQ(worker_submit_result(&w, NULL, &r[3], work, &good), CONC_CLOSED);
    CHECK(r[3] == NULL);
    worker_free(&w);
}

/* A submit waits while all are busy, until a worker is free, its context ends, or the set is shut. */
TEST(waits) {
    struct worker_set w;
    chan(char) gate = chan_make(char);
    struct task busy = { .gate = gate }, t[4] = { { 0 } };
    int err[4] = { -1, -1, -1, -1 };
    conc_wg wg = CONC_WG_INIT;
    make(&w, 1, 1);
    CHECK_EQ(worker_submit(&w, NULL, work, &busy), 0);
    CHECK_EQ(worker_try_submit(&w, work, &t[0]), CONC_WOULD_BLOCK);
    conc_wg_go(&wg, submitter, &w, NULL, &t[0], &err[0]);
    CHECK(waiting(&w, 1));
    CHECK_EQ(t[0].ran, 0);
    chan_send(gate, 0);
    conc_wg_wait(&wg);
    CHECK_EQ(err[0], 0);
    CHECK_EQ(worker_submit(&w, NULL, work, &busy), 0);
    CHECK_EQ(t[0].ran, 1);

    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    conc_wg_go(&wg, submitter, &w, ctx, &t[1], &err[1]);
    CHECK(waiting(&w, 1));
    conc_ctx_cancel(ctx);
    conc_wg_wait(&wg);
    CHECK_EQ(err[1], CONC_CANCELED);
    CHECK_EQ(worker_submit(&w, ctx, work, &t[1]), CONC_CANCELED); /* had ended before */
    conc_ctx_free(ctx);

    for (int i = 2; i < 4; i++) conc_wg_go(&wg, submitter, &w, NULL, &t[i], &err[i]);
    CHECK(waiting(&w, 2));
    ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_MS);
    CHECK_EQ(worker_shutdown(&w, ctx), CONC_TIMEOUT); /* tells the task, which listens */
    conc_ctx_free(ctx);
    conc_wg_wait(&wg);
    CHECK(err[2] == CONC_CLOSED && err[3] == CONC_CLOSED);
    CHECK_EQ(worker_shutdown(&w, NULL), CONC_OK);
    CHECK(t[1].ran == 0 && t[2].ran == 0 && t[3].ran == 0);
    CHECK_EQ(worker_error(&w), CONC_CANCELED);
    worker_free(&w);
    chan_free(gate);
}

/* The parent's end tells the tasks and lets nobody submit any more. */
TEST(parent) {
    struct worker_set w;
    chan(char) gate = chan_make(char);
    struct task t = { .gate = gate }, late = { 0 };
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    REQUIRE(worker_init(&w, 1, 1, ctx) == CONC_OK);
    recv_chan(int) r;
    int err = -1;
    conc_wg wg = CONC_WG_INIT;
    CHECK_EQ(worker_submit_result(&w, NULL, &r, work, &t), 0);
    conc_wg_go(&wg, submitter, &w, NULL, &late, &err);
    CHECK(waiting(&w, 1));
    conc_ctx_cancel_cause(ctx, -99);
    CHECK_EQ(chan_recv(r), -99);
    conc_wg_wait(&wg);
    CHECK(err == CONC_CANCELED || (err == 0 && late.ran <= 1));
    CHECK_EQ(worker_submit(&w, NULL, work, &late), CONC_CANCELED);
    chan_free(r);
    CHECK_EQ(worker_shutdown(&w, NULL), CONC_OK);
    worker_free(&w);
    conc_ctx_free(ctx);
    chan_free(gate);
}

/* Free without shutdown: the task is told, waited for, and has run. */
TEST(free_at_once) {
    struct worker_set w;
    chan(char) gate = chan_make(char);
    conc_atomic(int) begun = 0;
    struct task t = { .gate = gate, .begun = &begun };
    make(&w, 0, 5);
    for (int i = 0; i < 5; i++) CHECK_EQ(worker_submit(&w, NULL, work, &t), 0);
    worker_free(&w);
    CHECK_EQ(begun, 5);
    chan_free(gate);
}

TEST(resize) {
    struct worker_set w;
    chan(char) gate = chan_make(char);
    conc_atomic(int) begun = 0;
    struct task t = { .gate = gate, .begun = &begun };
    int err[6];
    conc_wg wg = CONC_WG_INIT;
    make(&w, 2, 2);
    CHECK_EQ(worker_resize(&w, 3, 2), CONC_INVALID);
    for (int i = 0; i < 6; i++) conc_wg_go(&wg, submitter, &w, NULL, &t, &err[i]);
    CHECK(waiting(&w, 4));
    CHECK(wait_for(&begun, 2));
    CHECK_EQ(worker_resize(&w, 5, 5), CONC_OK); /* those who wait are served at once */
    CHECK(wait_for(&begun, 5));
    CHECK(waiting(&w, 1));
    CHECK_EQ(worker_resize(&w, 1, 1), CONC_OK); /* nobody is interrupted */
    CHECK_EQ(worker_get_stats(&w).workers, 5);
    for (int i = 0; i < 4; i++) chan_send(gate, 0);
    CHECK(workers(&w, 1));
    chan_send(gate, 0);
    conc_wg_wait(&wg);
    for (int i = 0; i < 6; i++) CHECK_EQ(err[i], 0);
    CHECK(wait_for(&begun, 6));
    CHECK_EQ(worker_resize(&w, 0, 0), CONC_OK); /* a pause */
    chan_send(gate, 0);
    CHECK(workers(&w, 0));
    CHECK_EQ(worker_try_submit(&w, work, &t), CONC_WOULD_BLOCK);
    conc_wg_go(&wg, submitter, &w, NULL, &t, &err[0]);
    CHECK(waiting(&w, 1));
    CHECK_EQ(worker_resize(&w, 0, 1), CONC_OK);
    chan_send(gate, 0);
    conc_wg_wait(&wg);
    CHECK_EQ(worker_shutdown(&w, NULL), CONC_OK);
    CHECK_EQ(begun, 7);
    worker_free(&w);

    make(&w, 8, 8); /* idle workers go too */
    for (int i = 0; i < 8; i++) CHECK_EQ(worker_submit(&w, NULL, work, &t), 0);
    for (int i = 0; i < 8; i++) chan_send(gate, 0);
    CHECK_EQ(worker_drain(&w, NULL), CONC_OK);
    CHECK_EQ(worker_resize(&w, 3, 3), CONC_OK);
    CHECK(workers(&w, 3));
    CHECK_EQ(worker_resize(&w, 0, 3), CONC_OK);
    worker_free(&w);
    chan_free(gate);
}

/* Workers above the minimum end when they have lingered, those below never. */
TEST(lingering) {
    struct worker_set w;
    chan(char) gate = chan_make(char);
    struct task t = { .gate = gate };
    make(&w, 2, 6);
    w.linger = CONC_MS;
    for (int i = 0; i < 6; i++) CHECK_EQ(worker_submit(&w, NULL, work, &t), 0);
    CHECK_EQ(worker_get_stats(&w).workers, 6);
    for (int i = 0; i < 6; i++) chan_send(gate, 0);
    CHECK(workers(&w, 2));
    conc_sleep(5 * CONC_MS);
    CHECK_EQ(worker_get_stats(&w).workers, 2);
    worker_free(&w);
    chan_free(gate);
}

/* A task may submit to its own set, if it does not wait. */
struct nest { struct worker_set *w; conc_atomic(int) ran; };
static int nested(conc_ctx *ctx, struct nest *n) {
    (void)ctx;
    if (conc_atomic_fetch_add(&n->ran, 1) < 50 && worker_try_submit(n->w, nested, n) == CONC_WOULD_BLOCK) return nested(ctx, n);
    return 0;
}
TEST(from_a_task) {
    struct worker_set w;
    struct nest n = { .w = make(&w, 0, 3) };
    CHECK_EQ(worker_submit(&w, NULL, nested, &n), 0);
    CHECK_EQ(worker_drain(&w, NULL), CONC_OK);
    CHECK_EQ(n.ran, 51);
    CHECK_EQ(worker_shutdown(&w, NULL), CONC_OK);
    worker_free(&w);
}

/* Submitters of every kind, a resizer, and a shutdown in the middle: what was accepted has run once, the rest not at all. */
struct storm {
    struct worker_set w;
    conc_atomic(long) accepted, refused, ran, wrong;
    conc_atomic(int) left;
};
static int quick(conc_ctx *ctx, struct storm *s) {
    (void)ctx;
    long n = conc_atomic_fetch_add(&s->ran, 1);
    if (n % 7 == 0) conc_yield();
    if (n % 31 == 0) conc_sleep(20 * CONC_US);
    if (n % 101 == 0) conc_exit();
    return -5;
}
static void storm_submitter(struct storm *s, unsigned i) {
    struct rng g = rng_new(i);
    for (int k = 0; k < 60; k++) {
        recv_chan(int) r = NULL;
        conc_ctx *ctx = rng_below(&g, 4) ? NULL : conc_ctx_with_timeout(conc_ctx_background(), (int64_t)rng_below(&g, 100000));
        unsigned kind = rng_below(&g, 3);
        int err = kind == 0   ? worker_try_submit(&s->w, quick, s)
                  : kind == 1 ? worker_submit(&s->w, ctx, quick, s)
                              : worker_submit_result(&s->w, ctx, &r, quick, s);
        conc_atomic_fetch_add(err == 0 ? &s->accepted : &s->refused, 1);
        if (err != 0 && err != CONC_WOULD_BLOCK && err != CONC_TIMEOUT && err != CONC_CLOSED) conc_atomic_fetch_add(&s->wrong, 1);
        if (r != NULL && rng_below(&g, 2)) {
            int got = chan_recv(r);
            if (got != -5 && got != CONC_CANCELED) conc_atomic_fetch_add(&s->wrong, 1);
        }
        chan_free(r);
        conc_ctx_free(ctx);
    }
    conc_atomic_fetch_sub(&s->left, 1);
}
static void storm_resizer(struct storm *s) {
    for (struct rng g = rng_new(9999); conc_atomic_load(&s->left) > 0; conc_sleep(50 * CONC_US)) {
        unsigned min = rng_below(&g, 4), max = min + rng_below(&g, 8) + (min == 0);
        (void)worker_resize(&s->w, min, max);
    }
}
static void storm(bool shut_early) {
    struct storm s = { .left = (int)live(40) };
    make(&s.w, 1, 3);
    s.w.linger = 30 * CONC_US;
    int n = conc_atomic_load(&s.left);
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < n; i++) conc_wg_go(&wg, storm_submitter, &s, (unsigned)i);
    conc_wg_go(&wg, storm_resizer, &s);
    if (shut_early) {
        while (conc_atomic_load(&s.ran) < n * 10 && conc_atomic_load(&s.left) > 0) conc_yield();
        CHECK_EQ(worker_shutdown(&s.w, NULL), CONC_OK);
    }
    conc_wg_wait(&wg);
    CHECK_EQ(worker_shutdown(&s.w, NULL), CONC_OK);
    struct worker_stats t = worker_get_stats(&s.w);
    CHECK_EQ(s.ran, s.accepted);
    CHECK_EQ(t.finished, s.accepted);
    CHECK_EQ(t.begun, s.accepted);
    CHECK_EQ(t.workers, 0);
    CHECK_EQ(s.accepted + s.refused, (long)n * 60);
    CHECK_EQ(s.wrong, 0);
    worker_free(&s.w);
}
TEST(stress) { for (long i = 0; i < scale(20); i++) storm(false); }
TEST(stress_shutdown) { for (long i = 0; i < scale(20); i++) storm(true); }
