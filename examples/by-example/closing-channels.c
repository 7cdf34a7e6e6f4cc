/* Closing channels: the sender says that no more values will come. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

static void worker(recv_chan(int) jobs, send_chan(bool) done) {
    for (int j; chan_recv(jobs, &j);) printf("received job %d\n", j); /* false: closed, and all received */
    printf("received all jobs\n");
    chan_send(done, true);
}

int main(void) {
    chan(int) jobs = chan_make(int, 5);
    chan(bool) done = chan_make(bool);
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, worker, jobs, done);

    for (int j = 1; j <= 3; j++) chan_send(jobs, j);
    chan_close(jobs);
    chan_recv(done);
    printf("sent all jobs\n");

    int more; /* a receive from a closed channel goes on at once, with zero */
    bool ok = chan_recv(jobs, &more);
    printf("received more jobs: %s\n", ok ? "true" : "false");
    conc_wg_wait(&wg);
    chan_free(jobs), chan_free(done);
}
