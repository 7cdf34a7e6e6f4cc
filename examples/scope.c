/* scope: ask three mirrors at once, take the first answer, and leave nobody behind. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

struct mirror { const char *name; int64_t latency; };

static conc_status fetch(conc_ctx *ctx, const struct mirror *m, send_chan(const char *) answer) {
    conc_status st = conc_sleep_ctx(ctx, m->latency); /* a network would be here */
    if (st != CONC_OK) return st;                     /* somebody else was faster, or the time is up */
    return chan_send_ctx(answer, m->name, ctx);
}

static const char *first_of(const struct mirror *mirrors, int n, int64_t patience) {
    conc_scope_begin(s, .timeout = patience);
    chan(const char *) answer = conc_scope_chan(s, const char *);
    for (int i = 0; i < n; i++) conc_scope_go(s, fetch, conc_scope_ctx(s), &mirrors[i], answer);
    const char *name = NULL;
    return chan_recv_ctx(answer, &name, conc_scope_ctx(s)) == CONC_OK ? name : "nobody";
} /* here the slower ones are cancelled and joined, and the channel is freed */

int main(void) {
    static const struct mirror mirrors[] = { { "Oslo", CONC_HOUR }, { "Bonn", CONC_MS }, { "Lima", 2 * CONC_HOUR } };
    printf("%s\n", first_of(mirrors, 3, 10 * CONC_SEC));
    printf("%s\n", first_of(mirrors, 1, 5 * CONC_MS));
    printf("%d goroutines left\n", (int)conc_num_goroutines());
}
