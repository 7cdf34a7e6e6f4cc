/* balancer: five requesters ask four workers for sums. How the requests are spread is seen while the workers are held up; then each
   requester gets its answers. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "balancer.h"

#include <stdio.h>

struct request {
    int from, to;
    chan(long) reply; /* with room for one: the worker does not wait for whoever asked */
};
struct office {
    chan(char) open; /* closed when the work may begin */
    conc_atomic(int) sums;
};

static void add_up(conc_ctx *ctx, struct office *o, struct request *r) {
    char none;
    if (chan_recv_ctx(o->open, &none, ctx) != CONC_CLOSED) return;
    long sum = 0;
    for (int i = r->from; i <= r->to; i++) sum += i;
    conc_atomic_fetch_add(&o->sums, 1);
    chan_send(r->reply, sum);
}

static void requester(balancer(struct request) b, int n, chan(long) total) {
    long sum = 0;
    chan(long) reply = chan_make(long, 1);
    for (int i = 1; i <= n; i++) {
        struct request r = { 1, 100 * i, reply };
        if (balancer_submit(b, NULL, r) == CONC_OK) sum += chan_recv(reply);
    }
    chan_free(reply);
    chan_send(total, sum);
}

static void show(balancer(struct request) b, size_t requests) {
    size_t loads[4];
    while (balancer_get_loads(b, loads, 4) < requests) conc_yield(); /* until the balancer has taken the last */
    for (int i = 0; i < 4; i++) printf("%s worker %d: %zu", i > 0 ? "," : "", i + 1, loads[i]);
    printf("\n");
}

int main(void) {
    static struct office office;
    office.open = chan_make(char);
    balancer(struct request) b = balancer_make(struct request, 4, 3, add_up, &office);
    chan(long) total = chan_make(long), reply = chan_make(long, 12);
    if (office.open == NULL || b == NULL || total == NULL || reply == NULL) return 1;

    struct request r = { 1, 10, reply };
    for (size_t n = 1; n <= 12; n++) {
        if (balancer_submit(b, NULL, r) != CONC_OK) return 1;
        if (n == 2 || n == 6 || n == 12) printf("%2zu requests:", n), show(b, n);
    }
    printf("a thirteenth now: %s\n", conc_strerror(balancer_try_submit(b, r)));
    chan_close(office.open);

    for (int i = 1; i <= 5; i++) go(requester, b, 10 * i, total);
    long sum = 0;
    for (int i = 1; i <= 5; i++) sum += chan_recv(total);
    balancer_close(b);
    if (balancer_wait(b, NULL) != CONC_OK) return 1; /* everything that was accepted is done */
    printf("%d sums, of the requesters' together %ld\n", conc_atomic_load(&office.sums), sum);
    balancer_free(b);
    chan_free(office.open), chan_free(total), chan_free(reply);
}
