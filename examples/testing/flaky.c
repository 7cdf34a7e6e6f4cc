/* Two producers and two consumers, a few items each. Most runs end well. See docs/testing.md. */
#define CONC_IMPLEMENTATION
#include "queue.h"
#include <stdio.h>

enum { ITEMS = 20 };
static void produce(struct queue *q) {
    for (int i = 1; i <= ITEMS; i++) queue_put(q, i);
}
static void consume(struct queue *q, conc_atomic(long) *sum) {
    for (int i = 0; i < ITEMS; i++) {
        int item = queue_take(q);
        conc_atomic_fetch_add(sum, item);
    }
}
int main(void) {
    struct queue q = QUEUE_INIT;
    conc_atomic(long) sum = 0;
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 2; i++) {
        conc_wg_go(&wg, produce, &q);
        conc_wg_go(&wg, consume, &q, &sum);
    }
    conc_wg_wait(&wg);
    printf("sum %ld\n", conc_atomic_load(&sum));
}
