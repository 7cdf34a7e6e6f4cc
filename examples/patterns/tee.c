/* tee: every order goes to the till, which adds up, and to the kitchen, which cooks; neither knows of the other, and both see all of them
   in the same order. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "pipeline.h"

#include <stdio.h>

struct order { const char *dish; int cents; };

static void kitchen(recv_chan(struct order) orders) {
    chan_range(o, orders) printf("cooking %s\n", o.dish);
}

int main(void) {
    const struct order orders[] = { { "soup", 450 }, { "fish", 1290 }, { "cake", 380 } };
    int total = 0;
    conc_scope_begin(s);
    recv_chan(struct order) to_kitchen, to_till;
    pipeline_tee(s, pipeline_from(s, orders, 3), &to_kitchen, &to_till);
    conc_scope_go(s, kitchen, to_kitchen);
    chan_range(o, to_till) total += o.cents;
    int err = conc_scope_wait(s); /* the kitchen, too, has seen the end of its orders */
    printf("%d.%02d in the till\n", total / 100, total % 100);
    return err;
}
