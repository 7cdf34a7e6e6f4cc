/* Every public form of the patterns of the chapter Limit that came after pool and worker, in the form of patterns.c. */
#include "rate.h"
#include "throttle.h"
#include "debounce.h"
#include "batcher.h"
#include "pqueue.h"
#include "balancer.h"
#include "rate.h"
#include "throttle.h"
#include "debounce.h"
#include "batcher.h"
#include "pqueue.h"
#include "balancer.h"
#include <stdio.h>
#include <stdlib.h>

#define CHECK(x) ((x) ? (void)0 : (fprintf(stderr, "patterns_limit.c:%d: %s\n", __LINE__, #x), abort()))

static void bump(int *n) { ++*n; }
static void look(const int *n) { CHECK(n != NULL); }

static void use_rate(void) {
    struct rate a, b, *const both[] = { &a, &b };
    struct rate_multi m;
    rate_init(&a, 1e6, 2), rate_init(&b, rate_every(CONC_MS), 3);
    rate_multi_init(&m, both, 2);
    CHECK(rate_multi_get_limit(&m) == 1000 && rate_multi_allow(&m) && rate_multi_allow_n(&m, 1) && rate_multi_allow_at(&m, conc_now(), 0));
    CHECK(rate_multi_wait(&m, NULL) == CONC_OK && rate_multi_wait_n(&m, conc_ctx_background(), 2) == CONC_OK);
    rate_init(&a, RATE_INF, 0);
    CHECK(rate_allow(&a) && rate_allow_n(&a, 5) && rate_allow_at(&a, 0, 5));
    CHECK(rate_wait(&a, NULL) == CONC_OK && rate_wait_n(&a, NULL, 7) == CONC_OK);
    struct rate_reservation r = rate_reserve(&a);
    CHECK(r.ok && rate_delay(&r) == 0);
    r = rate_reserve_n(&a, 2);
    rate_cancel(&r);
    r = rate_reserve_at(&a, 5, 2);
    CHECK(rate_delay_from(&r, 5) == 0 && r.time_to_act == 5);
    rate_cancel_at(&r, 5);
    rate_set_limit(&a, 2), rate_set_limit_at(&a, conc_now(), 3), rate_set_burst(&a, 4), rate_set_burst_at(&a, conc_now(), 5);
    CHECK(rate_get_limit(&a) == 3 && rate_get_burst(&a) == 5 && rate_get_tokens(&a) <= 5 && rate_get_tokens_at(&a, conc_now()) <= 5);

    static struct rate_sometimes s;
    int n = 0;
    s.every = 2;
    rate_sometimes_do(&s, bump, &n);
    rate_sometimes_do(&s, &look, &n);
    CHECK(n == 1);
}

static void use_edges(void) {
    struct throttle t, u;
    struct debounce d, e;
    int n = 0, m = 0;
    throttle_init(&t, CONC_HOUR, bump, &n);
    throttle_init(&u, CONC_HOUR, &look, &n);
    t.leading = false, u.trailing = false;
    CHECK(throttle_event(&t) && throttle_flush(&t, NULL) == CONC_OK && n == 1 && !throttle_cancel(&t));
    throttle_free(&t), throttle_free(&u);
    debounce_init(&d, CONC_HOUR, bump, &m);
    debounce_init(&e, CONC_HOUR, &look, &m);
    d.leading = true, d.trailing = true, d.max_wait = CONC_HOUR;
    debounce_event(&d), debounce_event(&e);
    CHECK(debounce_flush(&d, conc_ctx_background()) == CONC_OK && m == 1 && debounce_cancel(&e));
    debounce_free(&d), debounce_free(&e);
}

struct job { int n; double weight; };
static int put_jobs(conc_ctx *ctx, int *sum, const struct job *jobs, size_t n) {
    (void)ctx;
    for (size_t i = 0; i < n; i++) *sum += jobs[i].n;
    return 0;
}
static int put_any(conc_ctx *ctx, const void *none, const int *items, size_t n) { return (void)ctx, none == NULL && n > 0 ? items[0] : 0; }
typedef batcher(struct job) job_batches;
struct batch_holder { batcher(struct job) b; };

static void use_batcher(void) {
    int sum = 0;
    batcher(struct job) b = batcher_make(struct job, 2, CONC_HOUR, 4, put_jobs, &sum);
    batcher(int) c = batcher_make(int, 1, 0, 1, &put_any, NULL);
    struct batch_holder h = { b };
    job_batches same = h.b;
    struct job j = { 1, 1 };
    CHECK(b != NULL && c != NULL);
    CHECK(batcher_add(same, NULL, j) == 0 && batcher_try_add(b, j) == 0 && batcher_flush(b, NULL) == 0 && sum == 2);
    CHECK(batcher_close(b, conc_ctx_background()) == 0 && batcher_get_stats(h.b).full == 1);
    CHECK(batcher_add(c, NULL, 'a') == 0 && batcher_close(c, NULL) == 'a');
    batcher_free(b), batcher_free(c);
}

static bool job_before(const struct job *a, const struct job *b) { return a->weight < b->weight; }
static bool char_before(const char *a, const char *b) { return *a < *b; }
typedef pqueue(struct job) job_queue;

static void use_pqueue(void) {
    pqueue(struct job) q = pqueue_make(struct job, 3, job_before);
    pqueue(char) r = pqueue_make(char, 1, &char_before);
    job_queue same = q;
    struct job j = { 1, 1 }, k = { 2, 0.5 };
    char c;
    CHECK(q != NULL && r != NULL);
    CHECK(pqueue_put(q, NULL, j) == CONC_OK && pqueue_try_put(same, k) == CONC_OK && pqueue_len(q) == 2);
    CHECK(pqueue_take(q, conc_ctx_background(), &j) == CONC_OK && j.n == 2 && pqueue_try_take(q, &k) == CONC_OK);
    CHECK(pqueue_put(r, NULL, 'c') == CONC_OK && pqueue_take(r, NULL, &c) == CONC_OK && c == 'c');
    pqueue_close(q);
    CHECK(pqueue_try_take(q, &j) == CONC_CLOSED);
    pqueue_free(q), pqueue_free(r);
}

static void do_job(conc_ctx *ctx, conc_atomic(int) *sum, struct job *j) { (void)ctx, (void)conc_atomic_fetch_add(sum, j->n); }
static void do_number(conc_ctx *ctx, const void *none, const int *n) { (void)ctx, (void)none, (void)n; }
typedef balancer(struct job) job_balancer;

static void use_balancer(void) {
    conc_atomic(int) sum;
    conc_atomic_store(&sum, 0);
    balancer(struct job) b = balancer_make(struct job, 2, 2, do_job, &sum);
    balancer(int) c = balancer_make(int, 1, 1, &do_number, NULL);
    job_balancer same = b;
    struct job j = { 3, 1 };
    size_t loads[2];
    CHECK(b != NULL && c != NULL);
    CHECK(balancer_submit(b, NULL, j) == CONC_OK && balancer_try_submit(same, j) == CONC_OK);
    CHECK(balancer_get_loads(b, loads, 2) <= 2 && balancer_submit(c, conc_ctx_background(), 5) == CONC_OK);
    balancer_close(b);
    CHECK(balancer_wait(b, NULL) == CONC_OK && conc_atomic_load(&sum) == 6);
    balancer_free(b), balancer_free(c);
}

void PATTERNS_NAME(void);
void PATTERNS_NAME(void) { use_rate(), use_edges(), use_batcher(), use_pqueue(), use_balancer(); }
#ifdef PATTERNS_MAIN
void PATTERNS_OTHER(void);
int main(void) { PATTERNS_NAME(), PATTERNS_OTHER(); }
#endif
