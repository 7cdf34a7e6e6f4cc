/* confinement: data that only one goroutine can reach needs no lock. Ad hoc: everybody keeps to an agreement. Lexical: nobody else has a name
   for it, and directions in the types do the rest. No header: it is about what is not shared. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include <stdio.h>
#include <string.h>

/* Ad hoc: the table is global, and the comment says who may touch it. The compiler does not help: it works until somebody does not read it. */
static int table[8]; /* owner's only */
struct deposit { int account, amount; };
static void owner(recv_chan(struct deposit) in) {
    chan_range(d, in) table[d.account] += d.amount;
}

/* Lexical: the results channel is made, written and closed in one function, and what comes out is a recv_chan, which cannot be sent on or
   closed: that would not compile. */
static void produce(send_chan(int) out, int n) {
    for (int i = 0; i < n; i++) chan_send(out, i * i);
    chan_close(out);
}
static recv_chan(int) squares(int n) {
    chan(int) c = chan_make(int, n); /* has room for all: whoever loses interest strands nobody */
    if (c != NULL) go(produce, c, n);
    return c;
}

/* Lexical, with pieces of one array: each goroutine is given its own half and has no name for the other. No lock, no race. */
static void fill(char *piece, size_t n, char with) { memset(piece, with, n); }

int main(void) {
    chan(struct deposit) in = chan_make(struct deposit);
    conc_wg wg = CONC_WG_INIT;
    if (in == NULL) return 1;
    conc_wg_go(&wg, owner, in);
    for (int i = 0; i < 100; i++) {
        const struct deposit d = { i % 8, i };
        chan_send(in, d);
    }
    chan_close(in);
    conc_wg_wait(&wg); /* from here on the table is ours */
    printf("account 3: %d\n", table[3]);

    recv_chan(int) c = squares(5);
    if (c == NULL) return 1;
    chan_range(v, c) printf("%d ", v);
    printf("\n");
    chan_free(c), chan_free(in);

    char text[11] = "";
    conc_wg_go(&wg, fill, text, (size_t)5, 'a');
    conc_wg_go(&wg, fill, text + 5, (size_t)5, 'b');
    conc_wg_wait(&wg);
    printf("%s\n", text);
}
