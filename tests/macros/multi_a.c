/* Half of a program: main. Compiled as C and as C++; run.sh says which half has the implementation. */
#include "multi.h"
#include <stdio.h>

int main(void) {
    chan(int) c = chan_make(int, 2);
    conc_wg_go(&shared_wg, produce, c, 100);
    long sum = consume(c);
    conc_wg_wait(&shared_wg);
    conc_mutex_lock(&shared_mutex);
    conc_mutex_unlock(&shared_mutex);
    chan_free(c);
    if (sum != 4950 || conc_shutdown() != 0) return 1;
    puts("ok");
    return 0;
}
