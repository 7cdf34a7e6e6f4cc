/* future: a trip is planned from answers that come later. Fares and weather are asked for at once, in goroutines of their own; then
   all are awaited, or the first, or a chain of steps; a promise is kept by somebody else; and one is not worth waiting for. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "future.h"

#include <stdio.h>

struct fare { const char *by; int euros; };
struct carrier { const char *name; int euros; int64_t takes; };
enum { SOLD_OUT = -1 };

static int ask(conc_ctx *ctx, struct fare *out, const struct carrier *c) {
    if (conc_sleep_ctx(ctx, c->takes) != CONC_OK) return conc_ctx_cause(ctx);
    if (c->euros == 0) return SOLD_OUT;
    out->by = c->name;
    out->euros = c->euros;
    return 0;
}
static int there_and_back(conc_ctx *ctx, const struct fare *one_way, struct fare *out, const int *discount) {
    (void)ctx;
    out->by = one_way->by;
    out->euros = 2 * one_way->euros - *discount;
    return 0;
}
static int in_cents(conc_ctx *ctx, const struct fare *f, long *cents, void *none) { return (void)ctx, (void)none, *cents = 100L * f->euros, 0; }
static void forecaster(future(int) degrees) {
    future_set(degrees, 21);
    future_free(degrees);
}
static const char *text(int err) { return err == SOLD_OUT ? "sold out" : conc_strerror((conc_status)err); }

int main(void) {
    const struct carrier train = { "train", 80, CONC_MS }, bus = { "bus", 35, 2 * CONC_MS }, ferry = { "ferry", 0, 0 };
    future(struct fare) asked[2] = { future_go(struct fare, NULL, ask, &train), future_go(struct fare, NULL, ask, &bus) };
    future(struct fare) none = future_go(struct fare, NULL, ask, &ferry);
    if (asked[0] == NULL || asked[1] == NULL || none == NULL) return 1;

    struct fare fare[2], first;
    if (future_all(asked, 2, NULL, fare) != 0) return 1;
    for (int i = 0; i < 2; i++) printf("%s: %d euros\n", fare[i].by, fare[i].euros);
    printf("ferry: %s\n", text(future_await(none, NULL, &first)));
    future(struct fare) either[2] = { none, asked[1] };
    if (future_any(either, 2, NULL, &first) != 0) return 1;
    printf("the first that can be had: %s\n", first.by);

    const int discount = 10;
    long cents;
    future(struct fare) back = future_then(asked[0], NULL, struct fare, there_and_back, &discount);
    future(long) price = future_then(back, NULL, long, in_cents, NULL);
    future(struct fare) no_way = future_then(none, NULL, struct fare, there_and_back, &discount);
    if (back == NULL || price == NULL || no_way == NULL || future_await(price, NULL, &cents) != 0) return 1;
    printf("by train, there and back: %ld cents; by ferry: %s\n", cents, text(future_await(no_way, NULL, &first)));

    int degrees;
    future(int) weather = future_make(int);
    if (weather == NULL) return 1;
    conc_go(forecaster, future_ref(weather));
    if (future_await(weather, NULL, &degrees) != 0) return 1;
    printf("and it will be %d degrees\n", degrees);

    const struct carrier ship = { "ship", 900, CONC_HOUR };
    future(struct fare) late = future_go(struct fare, NULL, ask, &ship);
    conc_ctx *patience = conc_ctx_with_timeout(conc_ctx_background(), CONC_MS);
    if (late == NULL || patience == NULL) return 1;
    printf("ship: %s\n", text(future_await(late, patience, &first)));
    conc_ctx_free(patience);
    future_free(late); /* tells the goroutine, and waits for it */
    future_free(weather), future_free(no_way), future_free(price), future_free(back), future_free(none);
    for (int i = 0; i < 2; i++) future_free(asked[i]);
}
