/* Non-blocking channel operations: a select with on_default goes on at once when no other case can. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

int main(void) {
    chan(const char *) messages = chan_make(const char *);
    chan(bool) signals = chan_make(bool);

    chan_select {
        on_recv(msg, messages) printf("received message %s\n", msg);
        on_default printf("no message received\n");
    }

    const char *msg = "hi";
    chan_select {
        on_send(messages, msg) printf("sent message %s\n", msg); /* there is no buffer and no receiver */
        on_default printf("no message sent\n");
    }

    chan_select { /* any number of cases */
        on_recv(m, messages) printf("received message %s\n", m);
        on_recv(sig, signals) printf("received signal %d\n", sig);
        on_default printf("no activity\n");
    }

    if (chan_try_send(messages, msg) == CONC_WOULD_BLOCK) printf("no message sent, again\n"); /* the short form for one channel */
    chan_free(messages), chan_free(signals);
}
