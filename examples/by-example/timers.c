/* Timers: one event in the future, which can be called off. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

static conc_wg fired = CONC_WG_INIT;
static void fire(void *what) {
    printf("%s fired\n", (const char *)what);
    conc_wg_done(&fired);
}

int main(void) {
    conc_timer *timer1 = conc_timer_new(100 * CONC_MS);
    chan_recv(conc_timer_chan(timer1)); /* conc_sleep does as much; a timer can be stopped, and selected on */
    printf("Timer 1 fired\n");

    static char two[] = "Timer 2", three[] = "Timer 3";
    conc_timer *timer2 = conc_after_func(CONC_HOUR, fire, two); /* calls the function in a goroutine of its own */
    if (conc_timer_stop(timer2)) printf("Timer 2 stopped\n");

    conc_wg_add(&fired, 1);
    conc_timer *timer3 = conc_after_func(CONC_HOUR, fire, three);
    conc_timer_reset(timer3, CONC_MS); /* sooner, after all */
    conc_wg_wait(&fired);
    conc_timer_free(timer1), conc_timer_free(timer2), conc_timer_free(timer3);
}
