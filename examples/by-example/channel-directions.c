/* Channel directions: a parameter may say that a function only sends, or only receives. The compiler refuses the rest. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

static void ping(send_chan(const char *) pings, const char *msg) {
    chan_send(pings, msg); /* chan_recv(pings) would not compile */
}

static void pong(recv_chan(const char *) pings, send_chan(const char *) pongs) {
    const char *msg = chan_recv(pings);
    chan_send(pongs, msg);
}

int main(void) {
    chan(const char *) pings = chan_make(const char *, 1), pongs = chan_make(const char *, 1);
    ping(pings, "passed message");
    pong(pings, pongs); /* a chan is converted to either direction, never back */
    printf("%s\n", chan_recv(pongs));
    chan_free(pings), chan_free(pongs);
}
