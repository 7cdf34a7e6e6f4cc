/* Rate limiting: one request per tick; then with bursts. patterns/rate.h is the full thing. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

enum { STEP = 20 }; /* ms */

static chan(int) requests(void) {
    chan(int) c = chan_make(int, 5);
    for (int i = 1; i <= 5; i++) chan_send(c, i);
    chan_close(c);
    return c;
}

static void fill(recv_chan(int64_t) ticks, send_chan(int64_t) bursty, recv_chan(bool) stop) {
    for (;;) {
        chan_select {
            on_recv(t, ticks) (void)chan_try_send(bursty, t); /* at most three are saved up */
            on_recv(v, stop) {
                (void)v; /* closed */
                return;
            }
        }
    }
}

int main(void) {
    int64_t start = conc_now();
    conc_ticker *limiter = conc_ticker_new(STEP * CONC_MS);
    chan(int) paced = requests(), more = requests();
    chan_range(req, paced) {
        chan_recv(conc_ticker_chan(limiter));
        printf("request %d\n", req);
    }
    if (conc_now() - start >= 5 * STEP * CONC_MS) printf("five requests took five steps\n");

    chan(int64_t) bursty = chan_make(int64_t, 3);
    for (int i = 0; i < 3; i++) chan_send(bursty, conc_now());
    chan(bool) stop = chan_make(bool);
    conc_wg filler = CONC_WG_INIT;
    conc_wg_go(&filler, fill, conc_ticker_chan(limiter), bursty, stop);
    chan_range(req, more) { /* the first three at once, the others as the ticks come */
        chan_recv(bursty);
        printf("bursty request %d\n", req);
    }
    chan_close(stop), conc_wg_wait(&filler);
    conc_ticker_free(limiter);
    chan_free(paced), chan_free(more), chan_free(bursty), chan_free(stop);
}
