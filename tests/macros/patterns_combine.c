/* As patterns.c: pipeline, sequence, parallel, future, walk. */
#include "pipeline.h"
#include "sequence.h"
#include "parallel.h"
#include "future.h"
#include "walk.h"
#include "pipeline.h"
#include "sequence.h"
#include "parallel.h"
#include "future.h"
#include "walk.h"
#include <stdio.h>

#define CHECK(x) ((x) ? (void)0 : (fprintf(stderr, "patterns_combine.c:%d: %s\n", __LINE__, #x), abort()))

struct point { int x; double y[4]; };
typedef const char *text;
static int lift(conc_ctx *ctx, const int *in, struct point *out, const int *by) { return (void)ctx, out->x = *in + *by, out->y[3] = 1, 0; }
static int drop(conc_ctx *ctx, const struct point *in, long *out, void *none) { return (void)ctx, (void)none, *out = in->x, 0; }
static int next(conc_ctx *ctx, text *out, int *n) { return (void)ctx, *out = &"abcd"[*n], ++*n < 4 ? 0 : (int)CONC_CLOSED; }
static bool small(const int *v, const int *limit) { return *v < *limit; }
typedef pipeline_batch_of(text, 2) texts;

static void use_pipeline(void) {
    static const int a[4] = { 1, 2, 3, 4 };
    const int by = 10, three = 3;
    int n = 0;
    long total = 0;
    conc_scope_begin(s);
    conc_recv_chan(int) in = pipeline_from(s, a, 4), p, q;
    conc_recv_chan(struct point) points = pipeline_map(s, in, struct point, lift, &by);
    conc_chan_range(v, pipeline_fan_out(s, points, long, 3, &drop, NULL)) total += v;
    CHECK(total == 50);
    pipeline_tee(s, pipeline_take(s, pipeline_filter(s, pipeline_repeat(s, a, 4), small, &three), 5), &p, &q);
    conc_recv_chan(int) both[2] = { pipeline_or_done(s, p), pipeline_buffer(s, q, 3) };
    total = 0;
    conc_chan_range(v, pipeline_merge(s, both, 2)) total += v;
    CHECK(total == 14);
    conc_chan_range(b, pipeline_batch(s, pipeline_generate(s, text, next, &n), texts, CONC_FOREVER)) total += (long)b.n, CHECK(b.item[0][1] != 'a');
    CHECK(total == 17);
    conc_chan(conc_recv_chan(int)) streams = conc_scope_chan(s, conc_recv_chan(int), 1);
    conc_chan(int) one = conc_chan_make(int, 1);
    conc_chan_send(one, 7);
    conc_chan_close(one);
    conc_chan_send(streams, one);
    conc_chan_close(streams);
    conc_chan_range(v, pipeline_bridge(s, streams)) total += v;
    CHECK(total == 24 && pipeline_end(s) == 0);
}
static void use_sequence(void) {
    static const int a[4] = { 1, 2, 3, 4 };
    const int by = 10;
    int expect = 11;
    conc_scope_begin(s);
    conc_chan_range(v, sequence_map(s, pipeline_from(s, a, 4), struct point, 2, 4, lift, &by)) CHECK(v.x == expect++);
    conc_chan_range(v, sequence_map(s, sequence_map(s, pipeline_from(s, a, 4), struct point, 2, 4, lift, &by), long, 1, 1, &drop, NULL)) CHECK(v > 10);
    CHECK(expect == 15 && conc_scope_wait(s) == 0);
}

static int tick(conc_ctx *ctx, size_t i, int *v) { return (void)ctx, v[i]++, 0; }
static int any(conc_ctx *ctx, size_t i, void *none) { return (void)ctx, none == NULL && i == 2 ? -3 : 0; }
static int add_up(conc_ctx *ctx, size_t from, size_t to, struct point *acc, const int *v) {
    (void)ctx;
    for (; from < to; from++) acc->x += v[from];
    return 0;
}
static void add(struct point *acc, const struct point *more) { acc->x += more->x; }
static void use_parallel(void) {
    const struct parallel_opts o = { 2, 1, true };
    const int by = 1;
    int v[3] = { 1, 2, 3 };
    struct point p[3], acc = { 0, { 0, 0, 0, 0 } };
    CHECK(parallel_for(NULL, NULL, 3, tick, v) == 0 && v[2] == 4);
    CHECK(parallel_for(conc_ctx_background(), &o, 3, any, NULL) == -3);
    CHECK(parallel_map(NULL, &o, v, 3, p, lift, &by) == 0 && p[0].x == 3);
    CHECK(parallel_reduce(NULL, &o, 3, &acc, add_up, add, v) == 0 && acc.x == 9);
}

typedef future(struct point) future_point;
static int at_once(conc_ctx *ctx, struct point *out, const int *x) { return (void)ctx, out->x = *x, 0; }
static void use_future(void) {
    const int x = 4;
    long v = 0;
    struct point p;
    future(struct point) f = future_go(struct point, NULL, at_once, &x);
    future_point g = future_ref(f);
    future(long) h = future_then(g, conc_ctx_background(), long, drop, NULL), i = future_make(long), both[2] = { h, i };
    CHECK(future_set(i, 6) && !future_fail(i, 1));
    CHECK(future_await(h, NULL, &v) == 0 && v == 4 && future_await(g, NULL, &p) == 0 && p.x == 4);
    long all[2];
    CHECK(future_all(both, 2, NULL, all) == 0 && all[1] == 6 && future_any(both, 2, NULL, &v) == 0);
    char none;
    CHECK(conc_chan_try_recv(future_done(i), &none) == CONC_CLOSED);
    future_free(f), future_free(g), future_free(h), future_free(i);
}

static int visit(conc_ctx *ctx, const struct walk_entry *e, conc_atomic(int) *n) {
    (void)ctx;
    conc_atomic_fetch_add(n, 1);
    return e->depth == 0 && e->type == WALK_DIR ? 0 : e->type == WALK_DIR ? WALK_SKIP_DIR : 0;
}
static int nothing(conc_ctx *ctx, const struct walk_entry *e, void *none) { return (void)ctx, (void)none, e->err != 0 ? WALK_SKIP_ALL : -1; }
static void use_walk(void) {
    static conc_atomic(int) n;
    CHECK(walk_dir(NULL, "/dev", visit, &n) == 0 && walk_parallel(conc_ctx_background(), "/dev", 2, visit, &n) == 0);
    CHECK(conc_atomic_load(&n) > 2);
    CHECK(walk_dir(NULL, "/nowhere", nothing, NULL) == 0);
}

void PATTERNS_NAME(void);
void PATTERNS_NAME(void) { use_pipeline(), use_sequence(), use_parallel(), use_future(), use_walk(); }
#ifdef PATTERNS_MAIN
void PATTERNS_OTHER(void);
int main(void) { PATTERNS_NAME(), PATTERNS_OTHER(); }
#endif
