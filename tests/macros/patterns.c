/* Every public form of the patterns, in C and C++, in every standard, under the strictest warnings. Compiled twice (PATTERNS_MAIN or
   not) and linked, so that two files may use them; each header is included twice. */
#include "runner.h"
#include "pool.h"
#include "worker.h"
#include "runner.h"
#include "pool.h"
#include "worker.h"
#include <stdio.h>

#define CHECK(x) ((x) ? (void)0 : (fprintf(stderr, "patterns.c:%d: %s\n", __LINE__, #x), abort()))

struct counter { int n, closed; };
static int bump(conc_ctx *ctx, struct counter *c) { return (void)ctx, c->n++, 0; }
static int look(conc_ctx *ctx, const struct counter *c) { return conc_ctx_err(ctx) == CONC_OK && c->n > 0 ? 0 : -1; }
static int any(conc_ctx *ctx, void *p) { return (void)ctx, p == NULL ? 3 : 0; }

static void use_runner(void) {
    struct counter c = { 0, 0 }, many[2] = { { 0, 0 }, { 0, 0 } };
    struct runner r;
    CHECK(runner_init(&r, CONC_FOREVER) == CONC_OK);
    CHECK(runner_add(&r, bump, &c) == CONC_OK);
    CHECK(runner_add(&r, &look, &c) == CONC_OK);
    CHECK(runner_add(&r, bump, many) == CONC_OK);
    CHECK(runner_add(&r, any, many + 1) == CONC_OK);
    CHECK(runner_start(&r, NULL) == RUNNER_OK && r.report.completed == 4);
    CHECK(runner_add(&r, any, NULL) == CONC_OK);
    CHECK(runner_start(&r, conc_ctx_background()) == RUNNER_FAILED && r.report.error == 3);
    CHECK(r.report.task[0] == 'a' && runner_strerror(r.report.result)[0] == 'a');
    runner_interrupt(&r);
    CHECK(runner_start(&r, NULL) == RUNNER_INTERRUPTED);
    runner_join(&r);
    runner_free(&r);
}

static struct counter *open_counter(conc_ctx *ctx, const char *name) {
    struct counter *c = (struct counter *)malloc(sizeof *c);
    (void)ctx;
    if (c != NULL) c->n = name != NULL, c->closed = 0;
    return c;
}
static void close_counter(struct counter *c) { free(c); }
static bool counter_alive(struct counter *c) { return c->closed == 0; }
typedef pool(struct counter) counters;
struct holder { pool(struct counter) p; };

static void use_pool(void) {
    pool(struct counter) p = pool_make(struct counter, 1, 2, open_counter, close_counter, "x");
    counters q = pool_make(struct counter, 1, 1, &open_counter, free, NULL); /* free takes a void * */
    struct holder h = { p };
    struct counter *c, *d;
    CHECK(p != NULL && q != NULL);
    pool_set_check(p, counter_alive);
    pool_set_max_idle(p, CONC_HOUR);
    CHECK(pool_acquire(h.p, NULL, &c) == 0 && pool_acquire(q, conc_ctx_background(), &d) == 0 && c->n == 1 && d->n == 0);
    c->closed = 1;
    pool_release(p, c);
    CHECK(pool_get_stats(p).idle == 1 && pool_prune(p) == 1);
    pool_close(q);
    pool_release(q, d);
    CHECK(pool_wait(q, NULL) == CONC_OK && pool_acquire(q, NULL, &d) == CONC_CLOSED);
    pool_free(p), pool_free(q);
}

static void use_worker(void) {
    struct counter c = { 0, 0 };
    struct worker_set w;
    conc_recv_chan(int) result;
    CHECK(worker_init(&w, 1, 2, NULL) == CONC_OK);
    w.linger = CONC_MS;
    CHECK(worker_submit(&w, NULL, bump, &c) == 0 && worker_drain(&w, NULL) == CONC_OK);
    CHECK(worker_submit_result(&w, conc_ctx_background(), &result, look, &c) == 0 && conc_chan_recv(result) == 0);
    conc_chan_free(result);
    CHECK(worker_resize(&w, 0, 3) == CONC_OK);
    CHECK(worker_try_submit(&w, any, NULL) == 0 && worker_shutdown(&w, NULL) == CONC_OK);
    CHECK(worker_error(&w) == 3 && worker_get_stats(&w).finished == 3);
    worker_free(&w);
}

void PATTERNS_NAME(void);
void PATTERNS_NAME(void) { use_runner(), use_pool(), use_worker(); }
#ifdef PATTERNS_MAIN
void PATTERNS_OTHER(void);
int main(void) { PATTERNS_NAME(), PATTERNS_OTHER(); }
#endif
