/* Tickers: events at regular intervals, until stopped. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

static void show(recv_chan(int64_t) ticks, recv_chan(bool) done, conc_wg *three) {
    for (int n = 1;;) {
        chan_select {
            on_recv(ok, done) if (ok) return;
            on_recv(at, ticks) {
                (void)at; /* the time in nanoseconds */
                if (n <= 3) printf("Tick %d\n", n), conc_wg_done(three);
                n++;
            }
        }
    }
}

int main(void) {
    conc_ticker *ticker = conc_ticker_new(50 * CONC_MS);
    chan(bool) done = chan_make(bool);
    conc_wg three = CONC_WG_INIT, shown = CONC_WG_INIT;
    conc_wg_add(&three, 3);
    conc_wg_go(&shown, show, conc_ticker_chan(ticker), done, &three);

    conc_wg_wait(&three);
    conc_ticker_stop(ticker); /* a stopped ticker sends nothing any more; it does not close its channel */
    chan_send(done, true);
    conc_wg_wait(&shown);
    printf("Ticker stopped\n");
    conc_ticker_free(ticker), chan_free(done);
}
