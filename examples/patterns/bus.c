/* An event bus over pubsub.h: events of several kinds in one type, each handler a function with a goroutine of its own, which gets the
   events of one topic in their order. There is nothing to put into a header: a handler is a loop over a subscription. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "pubsub.h"

#include <stdio.h>

enum kind { ORDERED, PAID, SHIPPED };
static const char *const topic_of[] = { "ordered", "paid", "shipped" };
struct event { enum kind kind; int order, cents; };

struct bus { pubsub(struct event) events; conc_wg handlers; };
typedef void handler(struct event e, int *state);

static void run(pubsub_sub(struct event) s, handler *handle, int *state) {
    chan_range(e, pubsub_chan(s)) handle(e, state); /* until the bus is closed, and all that was queued is handled */
    pubsub_sub_free(s);
}
static bool on(struct bus *b, const char *topic, handler *handle, int *state) {
    pubsub_sub(struct event) s = pubsub_subscribe(b->events, topic, 16, PUBSUB_BLOCK); /* a handler misses nothing */
    if (s != NULL) conc_wg_go(&b->handlers, run, s, handle, state);
    return s != NULL;
}
static void emit(struct bus *b, enum kind kind, int order, int cents) {
    const struct event e = { kind, order, cents };
    if (pubsub_publish(b->events, NULL, topic_of[kind], e) != CONC_OK) printf("order %d: too late to be %s\n", order, topic_of[kind]);
}

static void add_up(struct event e, int *cents) { *cents += e.cents; }
static void count(struct event e, int *n) { *n += e.order > 0; }
static void print(struct event e, int *lines) { printf("%d. order %d %s\n", ++*lines, e.order, topic_of[e.kind]); }

int main(void) {
    struct bus b = { pubsub_make(struct event), CONC_WG_INIT };
    int turnover = 0, shipped = 0, lines = 0; /* each is its handler's alone until the bus is closed */
    if (b.events == NULL || !on(&b, "paid", add_up, &turnover) || !on(&b, "shipped", count, &shipped) || !on(&b, NULL, print, &lines)) return 1;
    for (int order = 1; order <= 3; order++) {
        emit(&b, ORDERED, order, 100 * order), emit(&b, PAID, order, 100 * order);
        if (order != 2) emit(&b, SHIPPED, order, 0);
    }
    pubsub_close(b.events);
    conc_wg_wait(&b.handlers);
    emit(&b, SHIPPED, 2, 0);
    printf("%d cents, %d shipped\n", turnover, shipped);
    pubsub_free(b.events);
}
