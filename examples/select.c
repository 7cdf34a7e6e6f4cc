/* select: wait for several things at once: a ticker, a result that comes, and one that comes too late. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

static void answer(recv_chan(char) when, chan(int) out) { /* answers when that channel is closed */
    (void)chan_recv(when);
    chan_send(out, 42);
    chan_free(out);
}

static conc_wg answers = CONC_WG_INIT;
static void ask(recv_chan(char) when, int64_t patience) {
    chan(int) out = chan_make(int, 1); /* room for one: a late answer does not keep its sender waiting for ever */
    conc_wg_go(&answers, answer, when, chan_ref(out));
    chan_select {
        on_recv(v, out) printf("the answer is %d\n", v);
        on_timeout(patience) printf("too late\n");
    }
    chan_free(out);
}

int main(void) {
    chan(char) now = chan_make(char), later = chan_make(char);
    chan_close(now);
    ask(now, 10 * CONC_SEC);
    ask(later, 1 * CONC_MS);

    conc_ticker *ticker = conc_ticker_new(5 * CONC_MS);
    for (int ticks = 0; ticks < 3;) {
        chan_select {
            on_recv(at, conc_ticker_chan(ticker)) printf("tick %d\n", ++ticks);
            on_timeout(10 * CONC_SEC) ticks = 3;
        }
    }
    conc_ticker_free(ticker);
    chan_close(later);
    conc_wg_wait(&answers);
    chan_free(now), chan_free(later);
}
