/* or-done: a device that reports its state in a channel and knows nothing of contexts. It falls silent and never closes the channel; who
   reads it must be able to leave all the same, without a select around each receive. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "pipeline.h"

#include <stdio.h>

enum { TIRED = -5 };

static void device(send_chan(int) out) {
    for (int i = 1; i <= 3; i++) chan_send(out, 10 * i);
}

static int read_device(conc_ctx *ctx, recv_chan(int) states) {
    conc_scope_begin(s, ctx);
    chan_range(v, pipeline_or_done(s, states)) printf("state %d\n", v);
    return pipeline_end(s);
}

int main(void) {
    chan(int) states = chan_make(int, 3);
    conc_ctx *ctx = conc_ctx_with_timeout_cause(conc_ctx_background(), 20 * CONC_MS, TIRED);
    if (states == NULL || ctx == NULL) return 1;
    device(states);
    int err = read_device(ctx, states);
    puts(err == TIRED ? "nothing more: gave up" : "the end");
    conc_ctx_free(ctx);
    chan_free(states);
    return err != TIRED;
}
