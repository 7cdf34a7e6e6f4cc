/* rate: a service that allows 5 calls a second, 3 at once. Who comes too fast is turned away, told when to come back, or waits. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "rate.h"

#include <stdio.h>

/* A client that calls every 50 ms for two seconds of a clock of its own. # is a call that was let through. */
static void impatient(struct rate *limit) {
    int passed = 0;
    for (int i = 0; i < 40; i++) {
        bool ok = rate_allow_at(limit, i * 50 * CONC_MS, 1);
        putchar(ok ? '#' : '.');
        passed += ok;
    }
    printf("  %d of 40 calls\n", passed);
}

static void caller(struct rate_multi *limits, conc_ctx *ctx, conc_atomic(int) *calls) {
    while (rate_multi_wait(limits, ctx) == CONC_OK) conc_atomic_fetch_add(calls, 1);
}

static void report(int *failures) { printf("(reported at failure %d)\n", *failures); }

int main(void) {
    struct rate limit;
    rate_init(&limit, 5, 3);
    impatient(&limit);

    rate_init(&limit, 5, 3);
    struct rate_reservation three = rate_reserve_at(&limit, 0, 3), two = rate_reserve_at(&limit, 0, 2);
    printf("three calls: in %d ms, two more: in %d ms", (int)(rate_delay_from(&three, 0) / CONC_MS),
           (int)(rate_delay_from(&two, 0) / CONC_MS));
    rate_cancel_at(&two, 0);
    two = rate_reserve_at(&limit, 0, 1);
    printf("; given back, and one instead: in %d ms\n", (int)(rate_delay_from(&two, 0) / CONC_MS));

    /* ten goroutines share two limits until their context ends: 1000 calls a second, and 20 an hour */
    struct rate second, hour;
    struct rate *const both[] = { &second, &hour };
    struct rate_multi limits;
    rate_init(&second, 1000, 5);
    rate_init(&hour, rate_every(3 * CONC_MIN), 20);
    rate_multi_init(&limits, both, 2);
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_MIN); /* the 21st call would be after that: nobody waits for it */
    if (ctx == NULL) return 1;
    conc_atomic(int) calls;
    conc_atomic_store(&calls, 0);
    conc_wg callers = CONC_WG_INIT;
    for (int i = 0; i < 10; i++) conc_wg_go(&callers, caller, &limits, ctx, &calls);
    conc_wg_wait(&callers);
    printf("ten callers, two limits: %d calls, then %s\n", conc_atomic_load(&calls), conc_strerror(rate_wait(&hour, ctx)));
    conc_ctx_free(ctx);

    struct rate_sometimes sometimes = { 2, 100, 0, 0, 0, CONC_MUTEX_INIT }; /* the first two, and every hundredth */
    for (int failures = 0; failures < 250; failures++) rate_sometimes_do(&sometimes, report, &failures);
}
