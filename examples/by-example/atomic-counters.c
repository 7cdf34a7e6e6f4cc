/* Atomic counters: a number that many goroutines change without a lock. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

static void count(conc_atomic(long) *ops) {
    for (int c = 0; c < 1000; c++) conc_atomic_fetch_add(ops, 1);
}

int main(void) {
    conc_atomic(long) ops = 0;
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 50; i++) conc_wg_go(&wg, count, &ops);

    conc_wg_wait(&wg);
    printf("ops: %ld\n", conc_atomic_load(&ops)); /* a plain long would have lost some of them */
}
