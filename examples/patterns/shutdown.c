/* shutdown: a bakery closes. Who is being served is served, a guest who stays is asked to leave, and one has fallen asleep; then the oven
   and the books are seen to, in the order opposite to that of the morning. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "shutdown.h"

#include <stdio.h>

static chan(char) served, woken;

static void customer(struct shutdown *shop) {
    chan_send(served, 0);
    shutdown_leave(shop, "customer");
}
static void guest(struct shutdown *shop) {
    (void)chan_recv(conc_ctx_done(shutdown_cut(shop))); /* stays until he is asked to leave */
    printf("the guest leaves\n");
    shutdown_leave(shop, "guest");
}
static void sleeper(struct shutdown *shop) {
    (void)chan_recv(woken);
    shutdown_leave(shop, "sleeper");
}
static void sell(struct shutdown *shop) {
    (void)chan_recv(conc_ctx_done(shutdown_stopping(shop)));
    printf("the door is closed; one more customer? %s\n", shutdown_enter(shop, "customer") ? "yes" : "no");
    for (int i = 0; i < 3; i++) (void)chan_recv(served); /* those in the queue get their bread */
    printf("three more were served\n");
    shutdown_leave(shop, "seller");
}

static int cool_down(conc_ctx *ctx, const char *what) { return (void)ctx, printf("%s is cold\n", what), 0; }
static int add_up(conc_ctx *ctx, const int *missing) { return (void)ctx, printf("the books are closed\n"), -*missing; }

int main(void) {
    struct shutdown shop;
    const int missing = 2;
    served = chan_make(char), woken = chan_make(char);
    if (served == NULL || woken == NULL || shutdown_init(&shop, true) != CONC_OK) return 1;
    if (shutdown_hook(&shop, add_up, &missing) != CONC_OK || shutdown_hook(&shop, cool_down, "the oven") != CONC_OK) return 1;
    shop.grace = shop.cut_grace = 700 * CONC_MS; /* they have no more patience than that */

    for (int i = 0; i < 3; i++)
        if (shutdown_enter(&shop, "customer")) go(customer, &shop);
    if (shutdown_enter(&shop, "guest")) go(guest, &shop);
    if (shutdown_enter(&shop, "sleeper")) go(sleeper, &shop);
    if (shutdown_enter(&shop, "seller")) go(sell, &shop);

    raise(SIGTERM); /* closing time */
    conc_status how = shutdown_run(&shop, NULL);
    printf("%s: %s\n", conc_strerror(how), shop.report.text);
    chan_close(woken);
    shutdown_free(&shop); /* the sleeper is waited for */
    chan_free(served), chan_free(woken);
}
