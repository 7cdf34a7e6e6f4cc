/* Two private copies of conc.h in one program: each file has its own runtime (CONC_STATIC). */
#define CONC_IMPLEMENTATION
#define CONC_STATIC
#include "conc.h"
#include <stdio.h>

static void square(recv_chan(int) in, send_chan(int) out) {
    chan_range(v, in) chan_send(out, v * v);
    chan_close(out);
}
int PRIVATE_NAME(void);
int PRIVATE_NAME(void) {
    chan(int) in = chan_make(int, 3), out = chan_make(int);
    int sum = 0;
    go(square, in, out);
    for (int i = 1; i <= 3; i++) chan_send(in, i);
    chan_close(in);
    chan_range(v, out) sum += v;
    chan_free(in), chan_free(out);
    return sum - 14 + (int)conc_shutdown();
}
#ifdef PRIVATE_MAIN
int other(void);
int main(void) {
    int failed = PRIVATE_NAME() || other();
    if (!failed) puts("ok");
    return failed;
}
#endif
