/* Mutexes: several values that must change together, or more than an atomic can do. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

struct container {
    conc_mutex mu; /* zero is an unlocked mutex */
    int a, b;      /* guarded by mu */
};

static void inc(struct container *c, int *counter) {
    conc_mutex_lock(&c->mu);
    defer(conc_mutex_unlock, &c->mu); /* on every way out of this function */
    ++*counter;
}

static void inc_many(struct container *c, int *counter, int n) {
    for (int i = 0; i < n; i++) inc(c, counter);
}

int main(void) {
    struct container c = { CONC_MUTEX_INIT, 0, 0 };
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, inc_many, &c, &c.a, 10000);
    conc_wg_go(&wg, inc_many, &c, &c.a, 10000);
    conc_wg_go(&wg, inc_many, &c, &c.b, 10000);
    conc_wg_wait(&wg);
    printf("a: %d, b: %d\n", c.a, c.b);
}
