/* Signals: values in a channel. Run it and press Ctrl-C; without a terminal it sends itself one. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void wait_for(recv_chan(int) sigs, send_chan(bool) done) {
    int sig = chan_recv(sigs);
    printf("\n%s\n", sig == SIGINT ? "interrupt" : "terminated");
    chan_send(done, true);
}

int main(void) {
    chan(int) sigs = chan_make(int, 1); /* room for one: a signal is never waited with */
    conc_signal_notify(sigs, SIGINT, SIGTERM);

    chan(bool) done = chan_make(bool, 1);
    go(wait_for, sigs, done);

    printf("awaiting signal\n");
    if (!isatty(0)) raise(SIGINT);
    chan_recv(done);
    printf("exiting\n");
    conc_signal_stop(sigs);
    chan_free(sigs), chan_free(done);
}
