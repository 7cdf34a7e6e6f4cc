/* Goroutines: functions that run at the same time as their caller. Their lines come in any order. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

static void f(const char *from) {
    for (int i = 0; i < 3; i++) printf("%s : %d\n", from, i);
}

int main(void) {
    conc_wg started = CONC_WG_INIT;
    f("direct"); /* an ordinary call */

    conc_wg_go(&started, f, "goroutine"); /* the same call in a goroutine; go(f, "goroutine") does it without counting */
    conc_wg_go(&started, f, "another");

    conc_wg_wait(&started); /* until both have returned: when main ends, the program ends */
    printf("done\n");
}
