/* Channels: pipes that connect goroutines. One sends a value into it, another receives it. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

static void ping(send_chan(const char *) messages) {
    chan_send(messages, "ping");
}

int main(void) {
    chan(const char *) messages = chan_make(const char *);

    go(ping, messages);

    const char *msg = chan_recv(messages); /* sends and receives wait until both sides are ready: no other synchronisation is needed */
    printf("%s\n", msg);
    chan_free(messages);
}
