/* breaker: a payment service goes down and comes up again. Its callers find out by five failures, are refused at once while it is down,
   and by one probe that it is back. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "breaker.h"

#include <stdio.h>

struct service {
    bool up;
    int calls;
};

static int pay(conc_ctx *ctx, struct service *s) {
    (void)ctx;
    s->calls++;
    return s->up ? 0 : -110;
}

static void log_change(const char *name, struct breaker_change c) {
    printf("%s: %s -> %s (%u of %u failed)\n", name, breaker_strstate(c.from), breaker_strstate(c.to), c.counts.failed, c.counts.passed);
}

static void many(struct breaker *b, struct service *s, int n) {
    int good = 0, failed = 0, refused = 0, before = s->calls;
    for (int i = 0; i < n; i++) {
        int err = breaker_call(b, NULL, pay, s);
        if (err == 0) good++;
        else if (err == BREAKER_REFUSED) refused++;
        else failed++;
    }
    printf("  %d payments: %d good, %d failed, %d refused; %d calls\n", n, good, failed, refused, s->calls - before);
}

int main(void) {
    struct service s = { true, 0 };
    struct breaker b;
    breaker_init(&b);
    b.window = b.cooldown = CONC_HOUR; /* nothing here depends on the time */
    breaker_on_change(&b, log_change, "payments");

    many(&b, &s, 100);
    s.up = false;
    many(&b, &s, 100);

    struct breaker quick;
    breaker_init(&quick);
    quick.failures = 2;
    quick.cooldown = CONC_MS;
    breaker_on_change(&quick, log_change, "with a short cooldown");
    for (int i = 0; i < 2; i++) (void)breaker_call(&quick, NULL, pay, &s);
    s.up = true;
    conc_sleep(2 * CONC_MS);
    many(&quick, &s, 100);
}
