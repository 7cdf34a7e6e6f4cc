/* retry: a server that is down for a while. Waits double, with jitter so that its clients do not all come back at once; some errors
   are not worth another try; there is an end to patience. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "retry.h"

#include <stdio.h>

enum { BUSY = -16, FORBIDDEN = -13 };
struct server {
    const char *name;
    int answers[8]; /* of one call after another */
    int calls;
};

static int fetch(conc_ctx *ctx, struct server *s) {
    (void)ctx;
    return s->answers[s->calls++];
}
static bool for_good(int err) { return err == FORBIDDEN; }

static void report(const char *what, int err, const struct retry *r) {
    printf("%s: %d after %u tries (%s)\n", what, err, r->tries, retry_strerror(r->end));
}

int main(void) {
    struct server recovers = { "a", { BUSY, BUSY, BUSY, 0 }, 0 }, forbids = { "b", { BUSY, FORBIDDEN }, 0 };
    struct server down = { "c", { BUSY, BUSY, BUSY, BUSY }, 0 };
    struct retry r;
    retry_init(&r, CONC_MS, 50 * CONC_MS);
    r.attempts = 4;
    r.permanent = for_good;

    int err = retry_run(&r, NULL, fetch, &recovers);
    report("it recovers", err, &r);
    err = retry_run(&r, NULL, fetch, &forbids);
    report("it says no", err, &r);
    err = retry_run(&r, NULL, fetch, &down);
    report("it is down", err, &r);

    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_SEC);
    if (ctx == NULL) return 1;
    r.base = r.max = CONC_HOUR;
    r.jitter = RETRY_NONE;
    down.calls = 0;
    err = retry_run(&r, ctx, fetch, &down); /* returns at once: there is no point in waiting */
    report("the deadline is nearer than the next try", err, &r);
    conc_ctx_free(ctx);

    printf("waits without jitter, in ms:");
    retry_init(&r, 100 * CONC_MS, 5 * CONC_SEC);
    r.jitter = RETRY_NONE;
    for (int i = 0; i < 8; i++) printf(" %d", (int)(retry_wait(&r) / CONC_MS));
    printf("\n");

    recovers.calls = 0; /* the loop form: any code, and something to say in between */
    retry_init(&r, CONC_MS, CONC_MS);
    do {
        err = fetch(NULL, &recovers);
        if (err != 0) printf("try %u: %d\n", r.tries + 1, err);
    } while (retry_again(&r, NULL, err));
    printf("try %u: %d\n", r.tries, err);
}
