/* The queue's tests: cc -DCONC_TEST queue_test.c -pthread. See docs/testing.md. */
#define CONC_IMPLEMENTATION
#define CONC_TEST_MAIN
#include "queue.h"

static void put_two(struct queue *q) {
    queue_put(q, 1);
    queue_put(q, 2);
}
static void take_one(struct queue *q, conc_atomic(int) *sum) {
    int item = queue_take(q);
    conc_atomic_fetch_add(sum, item);
}

static void one_feeds_two(void) {
    struct queue q = QUEUE_INIT;
    conc_atomic(int) sum;
    conc_wg wg = CONC_WG_INIT;
    conc_atomic_store(&sum, 0);
    conc_wg_go(&wg, put_two, &q);
    for (int i = 0; i < 2; i++) conc_wg_go(&wg, take_one, &q, &sum);
    conc_wg_wait(&wg);
    conc_assert(conc_atomic_load(&sum) == 3);
}
CONC_TEST_CASE(producer_and_consumers) { one_feeds_two(); }
CONC_TEST_CASE(in_every_order, .strategy = CONC_EXHAUSTIVE) { one_feeds_two(); }

CONC_TEST_PLAIN(in_real_time) {                       /* once, on threads, as in production */
    struct queue q = QUEUE_INIT;
    conc_go(queue_put, &q, 42);
    conc_assert(queue_take(&q) == 42);
}
