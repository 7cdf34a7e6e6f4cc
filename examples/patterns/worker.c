/* worker: count the primes below a million in ten pieces on three workers, and see what becomes of a task that fails, of work that
   comes when everybody is busy, and of a set that is shut down while it works. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "worker.h"

#include <stdio.h>

struct piece { int from, to, primes; };

static int count(conc_ctx *ctx, struct piece *p) {
    for (int n = p->from; n < p->to; n++) {
        if (n % 10000 == 0 && conc_ctx_err(ctx) != CONC_OK) return conc_ctx_cause(ctx); /* long work asks now and then */
        bool prime = n > 1;
        for (int d = 2; prime && d * d <= n; d++) prime = n % d != 0;
        p->primes += prime;
    }
    return 0;
}

static int parse(conc_ctx *ctx, const char *text) {
    (void)ctx;
    return text[0] == '{' ? 0 : -22;
}

static int until_told(conc_ctx *ctx, chan(char) *told) {
    char none;
    return chan_recv_ctx(*told, &none, ctx) == CONC_CLOSED ? 0 : conc_ctx_cause(ctx);
}

int main(void) {
    struct worker_set w;
    if (worker_init(&w, 3, 3, NULL) != CONC_OK) return 1;
    defer(worker_free, &w);

    struct piece pieces[10] = { { 0, 0, 0 } };
    for (int i = 0; i < 10; i++) {
        pieces[i].from = i * 100000, pieces[i].to = (i + 1) * 100000;
        if (worker_submit(&w, NULL, count, &pieces[i]) != 0) return 1; /* the fourth waits for the first to be done */
    }
    if (worker_drain(&w, NULL) != CONC_OK) return 1;
    int primes = 0;
    for (int i = 0; i < 10; i++) primes += pieces[i].primes;
    printf("%d primes below a million\n", primes);

    recv_chan(int) good, bad; /* one answer each: what parse returned */
    if (worker_submit_result(&w, NULL, &good, parse, "{}") != 0) return 1;
    if (worker_submit_result(&w, NULL, &bad, parse, "]") != 0) return chan_free(good), 1;
    printf("parse: %d and %d\n", chan_recv(good), chan_recv(bad));
    chan_free(good), chan_free(bad);

    chan(char) told = chan_make(char);
    if (told == NULL) return 1;
    for (int i = 0; i < 3; i++)
        if (worker_submit(&w, NULL, until_told, &told) != 0) return 1;
    printf("a fourth task now: %s\n", conc_strerror((conc_status)worker_try_submit(&w, until_told, &told)));
    if (worker_resize(&w, 3, 4) != CONC_OK) return 1;
    printf("with room for four workers: %s\n", conc_strerror((conc_status)worker_try_submit(&w, until_told, &told)));

    conc_ctx *patience = conc_ctx_with_timeout(conc_ctx_background(), 20 * CONC_MS);
    if (patience == NULL) return 1;
    printf("shutdown: %s", conc_strerror(worker_shutdown(&w, patience))); /* they are told to stop, by their context */
    conc_ctx_free(patience);
    printf("; again: %s", conc_strerror(worker_shutdown(&w, NULL)));
    printf("; the first error: %s\n", conc_strerror((conc_status)worker_error(&w)));
    chan_free(told);
}
