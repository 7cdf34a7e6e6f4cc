/* Select: wait for several channel operations at once. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

static void later(int64_t ns, const char *what, send_chan(const char *) c) {
    conc_sleep(ns);
    chan_send(c, what);
}

int main(void) {
    chan(const char *) c1 = chan_make(const char *), c2 = chan_make(const char *);

    go(later, 100 * CONC_MS, "one", c1);
    go(later, 400 * CONC_MS, "two", c2);

    for (int i = 0; i < 2; i++) { /* both wait at the same time: 400 ms in all */
        chan_select {
            on_recv(msg1, c1) printf("received %s\n", msg1);
            on_recv(msg2, c2) printf("received %s\n", msg2);
        }
    }
    chan_free(c1), chan_free(c2);
}
