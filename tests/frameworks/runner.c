/* Tests of CONC_TEST_MAIN, run by run.sh: some pass, and some fail in every way there is. C11 and C++11. */
#define CONC_IMPLEMENTATION
#define CONC_TEST_MAIN
#include "conc.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct account { conc_mutex mu; int id; int balance; };
static void transfer(struct account *from, struct account *to, int amount, bool ordered) {
    struct account *first = ordered && to->id < from->id ? to : from, *second = first == from ? to : from;
    conc_mutex_lock(&first->mu);
    conc_mutex_lock(&second->mu);
    from->balance -= amount;
    to->balance += amount;
    conc_mutex_unlock(&second->mu);
    conc_mutex_unlock(&first->mu);
}
static void both_ways(bool ordered) {
    struct account a = { CONC_MUTEX_INIT, 1, 100 }, b = { CONC_MUTEX_INIT, 2, 100 };
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, transfer, &a, &b, 10, ordered);
    conc_wg_go(&wg, transfer, &b, &a, 20, ordered);
    conc_wg_wait(&wg);
    conc_assert(a.balance == 110);
}
CONC_TEST_CASE(good_transfer) { both_ways(true); }
CONC_TEST_CASE(bad_deadlock) { both_ways(false); }
#ifndef __cplusplus
CONC_TEST_CASE(good_options, .strategy = CONC_EXHAUSTIVE) { both_ways(true); }
#endif
static int *volatile nowhere;
CONC_TEST_CASE(bad_null) { *nowhere = 1; }
CONC_TEST_CASE(bad_loop) {
    for (volatile int i = 0;; i++) continue;
}
CONC_TEST_CASE(bad_text) { conc_fail("<a> & \"b\" 'c' ]]> \x01 \xff\xfe \xc3\xa4 # %d%%\nsecond line", 5); }

static void answer(conc_chan(int) c) { conc_chan_send(c, 42); }
static void wait_for_ever(conc_chan(int) c) { (void)conc_chan_recv(c); }
static void fail_here(void) { conc_assert(1 + 1 == 3); }
CONC_TEST_PLAIN(good_plain) {
    conc_chan(int) c = conc_chan_make(int);
    conc_go(answer, c);
    conc_assert(conc_chan_recv(c) == 42);
    conc_chan_free(c);
}
CONC_TEST_PLAIN(bad_plain_assert) {
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, fail_here);
    conc_wg_wait(&wg);
}
CONC_TEST_PLAIN(bad_plain_leak) { conc_go(wait_for_ever, conc_chan_make(int)); }
CONC_TEST_PLAIN(bad_plain_crash) { (void)raise(SIGSEGV); }
CONC_TEST_PLAIN(bad_plain_exit) { exit(0); }
CONC_TEST_PLAIN(bad_plain_late) {
    conc_go(wait_for_ever, conc_chan_make(int));
    for (volatile int i = 0;; i++) continue;
}
