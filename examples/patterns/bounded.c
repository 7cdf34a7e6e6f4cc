/* bounded work pooling: a known amount of work, a fixed number of goroutines that range over one channel of it. When the work is done
   the channel is closed, the ranges end, and so do the goroutines. Each keeps its own count: nothing is shared while they work. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include <stdio.h>

enum { WORKERS = 4, NUMBERS = 20000 };

struct tally { int numbers, longest, of; }; /* the longest Collatz sequence one worker has seen */

static int steps_to_one(long n) {
    int steps = 0;
    for (; n != 1; steps++) n = n % 2 == 0 ? n / 2 : 3 * n + 1;
    return steps;
}

static void worker(recv_chan(int) work, struct tally *t) {
    chan_range(n, work) {
        int steps = steps_to_one(n);
        t->numbers++;
        if (steps > t->longest || (steps == t->longest && n < t->of)) t->longest = steps, t->of = n;
    }
}

int main(void) {
    static struct tally tallies[WORKERS];
    chan(int) work = chan_make(int, WORKERS); /* the bound: never more than this is in flight */
    if (work == NULL) return 1;
    conc_wg workers = CONC_WG_INIT;
    for (int i = 0; i < WORKERS; i++) conc_wg_go(&workers, worker, work, &tallies[i]);
    for (int n = 1; n <= NUMBERS; n++) chan_send(work, n); /* waits while all are busy */
    chan_close(work);
    conc_wg_wait(&workers); /* the tallies are ours from here on */

    struct tally all = { 0, 0, 0 };
    for (int i = 0; i < WORKERS; i++) {
        all.numbers += tallies[i].numbers;
        bool better = tallies[i].longest > all.longest || (tallies[i].longest == all.longest && tallies[i].of < all.of);
        if (better) all.longest = tallies[i].longest, all.of = tallies[i].of;
    }
    printf("of %d numbers, %d takes longest to come to 1: %d steps\n", all.numbers, all.of, all.longest);
    chan_free(work);
}
