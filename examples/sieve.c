/* sieve: the prime sieve of the Go documentation: a chain of goroutines, each of which lets through what its prime does not
   divide. 2, 3, 4, ... -> [not by 2] -> [not by 3] -> [not by 5] -> ... and the head of the chain is always the next prime.
   To stop it, close done: every goroutine of the chain selects on it. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

static bool put(send_chan(int) out, int v, recv_chan(char) done) { /* false: stop */
    chan_select {
        on_send(out, v) return true;
        on_recv(none, done) return false;
    }
    return false;
}

static void generate(chan(int) out, recv_chan(char) done) {
    for (int i = 2; put(out, i, done); i++) {}
    chan_close(out);
    chan_free(out);
}

static void filter(chan(int) in, chan(int) out, int prime, recv_chan(char) done) {
    chan_range(v, in) {
        if (v % prime != 0 && !put(out, v, done)) break;
    }
    chan_close(out);
    chan_free(in), chan_free(out);
}

int main(void) {
    chan(char) done = chan_make(char);
    chan(int) head = chan_make(int);
    conc_wg chain = CONC_WG_INIT;
    conc_wg_go(&chain, generate, chan_ref(head), done); /* who is given a reference frees it */
    for (int i = 0; i < 20; i++) {
        int prime = chan_recv(head);
        printf(i % 10 == 9 ? "%d\n" : "%d ", prime);
        chan(int) next = chan_make(int);
        conc_wg_go(&chain, filter, head, chan_ref(next), prime, done); /* head is handed over */
        head = next;
    }
    chan_close(done);
    conc_wg_wait(&chain);
    chan_free(head), chan_free(done);
}
