/* The same table of votes three times: kept by a goroutine that is asked (the stateful goroutine), under a mutex, and in the workers' own
   hands until a barrier. All count right; they differ in who waits for whom, and in what else they could do meanwhile. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include <stdio.h>

enum { VOTERS = 8, VOTES = 100, PARTIES = 3 };

/* ---- a goroutine owns it: requests come in one channel each kind; it can wait for several things at once, have timeouts, refuse ---- */

struct question { int party; chan(int) answer; };
static void teller(recv_chan(int) votes, recv_chan(struct question) questions, conc_ctx *closing) {
    int count[PARTIES] = { 0 };
    for (bool open = true; open;)
        chan_select {
            on_recv(party, votes) count[party]++;
            on_recv(q, questions) chan_send(q.answer, count[q.party]); /* room for one: whoever asked may have gone */
            on_done(closing) open = false;
        }
}
static void vote_by_message(int me, send_chan(int) votes) {
    for (int i = 0; i < VOTES; i++) chan_send(votes, (me + i) % PARTIES);
}
static int ask(send_chan(struct question) questions, int party) {
    struct question q = { party, chan_make(int, 1) };
    chan_send(questions, q);
    int n = chan_recv(q.answer);
    chan_free(q.answer);
    return n;
}
static void by_goroutine(void) {
    chan(int) votes = chan_make(int);
    chan(struct question) questions = chan_make(struct question);
    conc_ctx *closing = conc_ctx_with_cancel(conc_ctx_background());
    conc_wg voting = CONC_WG_INIT, telling = CONC_WG_INIT;
    conc_wg_go(&telling, teller, votes, questions, closing);
    for (int i = 0; i < VOTERS; i++) conc_wg_go(&voting, vote_by_message, i, votes);
    conc_wg_wait(&voting);
    printf("by a goroutine: %d %d %d\n", ask(questions, 0), ask(questions, 1), ask(questions, 2));
    conc_ctx_cancel(closing), conc_wg_wait(&telling);
    conc_ctx_free(closing), chan_free(votes), chan_free(questions);
}

/* ---- a mutex: less of everything, as long as nobody has to wait for a state of the table ---- */

struct table { conc_mutex mutex; int count[PARTIES]; };
static void vote_by_mutex(int me, struct table *t) {
    for (int i = 0; i < VOTES; i++) {
        conc_mutex_lock(&t->mutex);
        t->count[(me + i) % PARTIES]++;
        conc_mutex_unlock(&t->mutex);
    }
}
static void by_mutex(void) {
    struct table t = { CONC_MUTEX_INIT, { 0 } };
    conc_wg voting = CONC_WG_INIT;
    for (int i = 0; i < VOTERS; i++) conc_wg_go(&voting, vote_by_mutex, i, &t);
    conc_wg_wait(&voting);
    printf("by a mutex: %d %d %d\n", t.count[0], t.count[1], t.count[2]);
}

/* ---- nothing is shared: each has a table of its own, and the last to come adds them up (conc_barrier) ---- */

struct hall { conc_barrier all_done; int count[VOTERS][PARTIES], sum[PARTIES]; };
static void vote_alone(int me, struct hall *h) {
    for (int i = 0; i < VOTES; i++) h->count[me][(me + i) % PARTIES]++;
    if (!conc_barrier_wait(&h->all_done)) return;
    for (int i = 0; i < VOTERS; i++) /* exactly one gets here, when all have voted */
        for (int p = 0; p < PARTIES; p++) h->sum[p] += h->count[i][p];
}
static void by_barrier(void) {
    struct hall h = { CONC_BARRIER_INIT(VOTERS), { { 0 } }, { 0 } };
    conc_wg voting = CONC_WG_INIT;
    for (int i = 0; i < VOTERS; i++) conc_wg_go(&voting, vote_alone, i, &h);
    conc_wg_wait(&voting);
    printf("by a barrier: %d %d %d\n", h.sum[0], h.sum[1], h.sum[2]);
}

int main(void) { by_goroutine(), by_mutex(), by_barrier(); }
