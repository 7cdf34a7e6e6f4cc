/* The example of the README: a goroutine squares what it receives. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

static void square(recv_chan(int) in, send_chan(long) out) {
    chan_range(v, in) chan_send(out, (long)v * v);
    chan_close(out);
}

int main(void) {
    chan(int) in = chan_make(int, 8);
    chan(long) out = chan_make(long);
    go(square, in, out);
    for (int i = 1; i <= 5; i++) chan_send(in, i);
    chan_close(in);
    chan_range(v, out) printf("%ld\n", v);
    chan_free(in), chan_free(out);
}
