/* The other half: what the goroutines run. */
#include "multi.h"

conc_mutex shared_mutex = CONC_MUTEX_INIT;
conc_wg shared_wg = CONC_WG_INIT;

void produce(send_chan(int) out, int n) {
    for (int i = 0; i < n; i++) chan_send(out, i);
    chan_close(out);
}
long consume(recv_chan(int) in) {
    long sum = 0;
    chan_range(v, in) sum += v;
    return sum;
}
