/* WaitGroups: wait for several goroutines. Their lines come in any order. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

static void worker(int id) {
    printf("Worker %d starting\n", id);
    conc_sleep(50 * CONC_MS); /* something expensive */
    printf("Worker %d done\n", id);
}

int main(void) {
    conc_wg wg = CONC_WG_INIT;
    for (int i = 1; i <= 5; i++) conc_wg_go(&wg, worker, i); /* counts it, and counts it off when it returns */
    conc_wg_wait(&wg);
    printf("all done\n"); /* errors of many goroutines, or a limit on how many: patterns/errgroup.h, conc_scope */
}
