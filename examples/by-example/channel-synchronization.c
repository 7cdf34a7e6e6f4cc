/* Channel synchronisation: wait for a goroutine by a receive. For several goroutines a wait group is better. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

static void worker(send_chan(bool) done) {
    printf("working...");
    conc_sleep(200 * CONC_MS);
    printf("done\n");

    chan_send(done, true);
}

int main(void) {
    chan(bool) done = chan_make(bool, 1);
    go(worker, done);

    chan_recv(done); /* without this line the program would end before the worker has begun */
    chan_free(done);
}
