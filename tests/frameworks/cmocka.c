/* conc_test inside cmocka: assert_true and the like long-jump, so they are for the test's own function, after conc_test has returned.
   cc -DCONC_TEST cmocka.c -lcmocka -pthread */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void produce(chan(int) out, chan(bool) stop) {
    for (int i = 0; i < 3; i++)
        chan_select {
            on_send(out, i) {}
            on_recv(told, stop) {
                (void)told;
                return;
            }
        }
}
static void take_one(bool say_stop) {
    chan(int) out = chan_make(int);
    chan(bool) stop = chan_make(bool);
    go(produce, out, stop);
    conc_assert(chan_recv(out) == 0);
    if (say_stop) chan_close(stop);     /* or the producer waits for ever */
}
static void stops(void *arg) { (void)arg, take_one(true); }
static void forgets(void *arg) { (void)arg, take_one(false); }

#define assert_report(r) do { conc_report r_ = (r); if (!r_.ok) fail_msg("%s", r_.text); } while (0)
static void good_consumer(void **state) { (void)state; assert_report(conc_test(stops, NULL)); }
static void bad_consumer(void **state) { (void)state; assert_report(conc_test(forgets, NULL)); }
int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(good_consumer), cmocka_unit_test(bad_consumer) };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
