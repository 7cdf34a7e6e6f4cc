/* Range over channels: receive until the channel is closed and empty. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

int main(void) {
    chan(const char *) queue = chan_make(const char *, 2);
    chan_send(queue, "one");
    chan_send(queue, "two");
    chan_close(queue); /* what is in it can still be received */

    chan_range(elem, queue) printf("%s\n", elem);
    chan_free(queue);
}
