/* daisy chain: 100,000 goroutines in a row, each of which waits for its right neighbour, adds one and tells the left one. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include <stdio.h>

enum { LINKS = 100000 };

static void link_up(send_chan(int) left, chan(int) right) {
    chan_send(left, 1 + chan_recv(right));
    chan_free(right); /* each link owns the channel on its right */
}

int main(void) {
    chan(int) leftmost = chan_make(int), right = leftmost;
    for (int i = 0; i < LINKS && right != NULL; i++) {
        chan(int) left = right;
        right = chan_make(int);
        if (right != NULL) go(link_up, left, right);
    }
    if (right == NULL) return 1;
    chan_send(right, 0);
    int v = chan_recv(leftmost);
    printf("%d links, and it arrived as %d\n", LINKS, v);
    chan_free(leftmost);
    return v != LINKS;
}
