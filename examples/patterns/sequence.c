/* sequence: the lengths of Collatz's walks from 1 to 24, by four workers. Some walks take longer than others, so the workers finish in any
   order; what is printed is in order. Then a caller that wants only the walks before the first long one. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "sequence.h"

#include <stdio.h>

struct result { int from, steps; };

/* n -> n/2 or 3n+1, until it is 1. One step takes a while, as real work does. CONC_CLOSED: this one is too long, let there be no more. */
static int walk(conc_ctx *ctx, const int *from, struct result *out, const int *too_long) {
    out->from = *from;
    out->steps = 0;
    for (long n = *from; n != 1; n = n % 2 ? 3 * n + 1 : n / 2) {
        if (++out->steps > *too_long) return CONC_CLOSED;
        if (conc_sleep_ctx(ctx, 20 * CONC_US) != CONC_OK) return conc_ctx_cause(ctx);
    }
    return 0;
}
static void count(conc_ctx *ctx, send_chan(int) out, int to) {
    for (int i = 1; i <= to && chan_send_ctx(out, i, ctx) == CONC_OK; i++) {}
    chan_close(out);
}

static int show(int to, int too_long) {
    conc_scope_begin(s);
    chan(int) numbers = conc_scope_chan(s, int);
    conc_scope_go(s, count, conc_scope_ctx(s), numbers, to);
    int seen = 0;
    chan_range(w, sequence_map(s, numbers, struct result, 4, 16, walk, &too_long))
        printf("%d:%d%c", w.from, w.steps, ++seen % 8 == 0 ? '\n' : ' ');
    printf("-> %d walks, in order\n", seen);
    return seen;
}

int main(void) { return !(show(24, 1000) == 24 && show(1000, 18) == 8); }
