/* Channel buffering: a channel with room takes so many values before anybody receives them. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

int main(void) {
    chan(const char *) messages = chan_make(const char *, 2);

    chan_send(messages, "buffered"); /* nobody receives at this time: the channel has room for two */
    chan_send(messages, "channel");

    printf("%s\n", chan_recv(messages));
    printf("%s\n", chan_recv(messages));
    chan_free(messages);
}
