/* throttle: a progress line that is drawn when the work begins, then at most every so often, and once more at the end. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "throttle.h"

#include <stdio.h>

struct progress {
    conc_atomic(int) done;
    int total, drawn;
};

static void draw(struct progress *p) {
    int done = conc_atomic_load(&p->done), width = 40 * done / p->total;
    p->drawn++; /* one run at a time: no lock is needed */
    printf("[%.*s%.*s] %3d %%\n", width, "########################################", 40 - width,
           "                                        ", 100 * done / p->total);
}

static void work(struct progress *p, struct throttle *redraw, int steps) {
    for (int i = 0; i < steps; i++) {
        conc_atomic_fetch_add(&p->done, 1);
        (void)throttle_event(redraw); /* cheap enough for every step */
    }
}

int main(void) {
    struct progress p;
    conc_atomic_store(&p.done, 0);
    p.total = 100000;
    p.drawn = 0;
    struct throttle redraw;
    throttle_init(&redraw, CONC_MIN, draw, &p); /* 50 ms would be usual; a minute, so that only the ends are seen here */

    (void)throttle_event(&redraw);
    if (throttle_flush(&redraw, NULL) != CONC_OK) return 1;
    conc_wg workers = CONC_WG_INIT;
    for (int i = 0; i < 4; i++) conc_wg_go(&workers, work, &p, &redraw, p.total / 4);
    conc_wg_wait(&workers);
    if (throttle_flush(&redraw, NULL) != CONC_OK) return 1; /* so that the last state is the one on the screen */
    throttle_free(&redraw);
    printf("%d steps, drawn %d times\n", conc_atomic_load(&p.done), p.drawn);
}
