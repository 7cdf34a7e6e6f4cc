/* pubsub: a day at the exchange. The archive must have every price and may hold up the exchange; the board shows the last two
   only; the sampler takes what it has room for. Nobody of them reads before the day is over, but the archive. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "pubsub.h"

#include <stdio.h>

struct price { const char *of; int value; };

static void archive(pubsub_sub(struct price) s, int *total) {
    chan_range(p, pubsub_chan(s)) *total += p.value; /* ends when the pubsub is closed */
}

static void show(const char *who, pubsub_sub(struct price) s) {
    struct pubsub_counts n = pubsub_get_counts(s);
    printf("%s: %zu sent, %zu dropped:", who, n.sent, n.dropped);
    chan_range(p, pubsub_chan(s)) printf(" %s %d", p.of, p.value); /* what was queued is still there */
    printf("\n");
    pubsub_sub_free(s);
}

static void publish(pubsub(struct price) exchange, conc_ctx *ctx, const char *of, int value) {
    struct price p = { of, value };
    conc_status err = pubsub_publish(exchange, ctx, of, p);
    if (err != CONC_OK) printf("%s %d: %s\n", of, value, conc_strerror(err));
}

int main(void) {
    pubsub(struct price) exchange = pubsub_make(struct price);
    if (exchange == NULL) return 1;
    pubsub_sub(struct price) everything = pubsub_subscribe(exchange, NULL, 16, PUBSUB_BLOCK);
    pubsub_sub(struct price) board = pubsub_subscribe(exchange, "gold", 2, PUBSUB_DROP_OLDEST);
    pubsub_sub(struct price) sampler = pubsub_subscribe(exchange, "gold", 3, PUBSUB_DROP_NEWEST);
    if (everything == NULL || board == NULL || sampler == NULL) return 1;

    int total = 0;
    conc_wg archiving = CONC_WG_INIT;
    conc_wg_go(&archiving, archive, everything, &total);
    for (int i = 1; i <= 5; i++) publish(exchange, NULL, "gold", 1900 + i), publish(exchange, NULL, "tin", 20 + i);

    pubsub_sub(struct price) asleep = pubsub_subscribe(exchange, "tin", 1, PUBSUB_BLOCK); /* has room for one, and walks away */
    if (asleep == NULL) return 1;
    publish(exchange, NULL, "tin", 30);
    conc_ctx *patience = conc_ctx_with_timeout(conc_ctx_background(), 20 * CONC_MS);
    publish(exchange, patience, "tin", 31);
    pubsub_unsubscribe(asleep);
    publish(exchange, NULL, "tin", 32); /* nobody is held up any more */
    conc_ctx_free(patience);

    pubsub_close(exchange);
    publish(exchange, NULL, "gold", 2000);
    conc_wg_wait(&archiving);
    printf("archive: all of it, %d\n", total);
    pubsub_sub_free(everything);
    show("board", board), show("sampler", sampler), show("asleep", asleep);
    pubsub_free(exchange);
}
