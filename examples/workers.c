/* workers: three goroutines take jobs from one channel and answer on another. Nobody needs a lock: a job belongs to whoever
   received it. conc_wg_go counts a goroutine in a wait group, so the results can be closed when the last worker is done. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

enum { WORKERS = 3, JOBS = 9 };
struct answer { int job, steps; };

static int collatz(long n) {
    int steps = 0;
    for (; n != 1; steps++) n = n % 2 ? 3 * n + 1 : n / 2;
    return steps;
}

static void worker(recv_chan(int) jobs, send_chan(struct answer) answers) {
    chan_range(job, jobs) chan_send(answers, (struct answer){ job, collatz(job) });
}

static void close_when_done(conc_wg *workers, send_chan(struct answer) answers) {
    conc_wg_wait(workers);
    chan_close(answers);
}

int main(void) {
    chan(int) jobs = chan_make(int, JOBS);
    chan(struct answer) answers = chan_make(struct answer);
    conc_wg workers = CONC_WG_INIT;
    for (int i = 0; i < WORKERS; i++) conc_wg_go(&workers, worker, jobs, answers);
    go(close_when_done, &workers, answers);

    for (int i = 1; i <= JOBS; i++) chan_send(jobs, i);
    chan_close(jobs);
    int steps[JOBS + 1] = { 0 };
    chan_range(a, answers) steps[a.job] = a.steps; /* in any order */
    for (int i = 1; i <= JOBS; i++) printf("%d reaches 1 in %d steps\n", i, steps[i]);
    chan_free(jobs), chan_free(answers);
}
