/* Worker pools: a few goroutines take jobs from one channel. The workers' lines come in any order. patterns/worker.h has more. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

static void worker(int id, recv_chan(int) jobs, send_chan(int) results) {
    chan_range(j, jobs) {
        conc_sleep(50 * CONC_MS); /* something expensive */
        printf("worker finished job %d\n", j);
        chan_send(results, j * 2);
    }
    printf("worker %d has no more to do\n", id);
}

int main(void) {
    enum { JOBS = 5, WORKERS = 3 };
    chan(int) jobs = chan_make(int, JOBS), results = chan_make(int, JOBS);
    conc_wg workers = CONC_WG_INIT;
    for (int w = 1; w <= WORKERS; w++) conc_wg_go(&workers, worker, w, jobs, results); /* they wait: there are no jobs yet */

    for (int j = 1; j <= JOBS; j++) chan_send(jobs, j);
    chan_close(jobs);

    int sum = 0;
    for (int a = 1; a <= JOBS; a++) sum += chan_recv(results);
    conc_wg_wait(&workers);
    printf("the results add up to %d\n", sum);
    chan_free(jobs), chan_free(results);
}
