/* conc_test inside Check: what a body finds becomes a failed test, with the report as its text. Check's own assertions long-jump, so none may be
   called on a goroutine: there it is conc_assert and conc_fail. cc -DCONC_TEST check.c $(pkg-config --cflags --libs check) -pthread */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <check.h>
#include <stdlib.h>

struct stock { conc_mutex mu; int left, sold; };
static void sell(struct stock *s, bool careful) {
    conc_mutex_lock(&s->mu);
    bool some = s->left > 0;
    if (!careful) {                     /* looks, lets go of the lock, and acts */
        conc_mutex_unlock(&s->mu);
        conc_mutex_lock(&s->mu);
    }
    if (some) s->left--, s->sold++;
    conc_mutex_unlock(&s->mu);
}
static void two_buyers(void *careful) {
    struct stock s = { CONC_MUTEX_INIT, 1, 0 };
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 2; i++) conc_wg_go(&wg, sell, &s, careful != NULL);
    conc_wg_wait(&wg);
    conc_assert(s.left == 0 && s.sold == 1);
}
START_TEST(good_sale) {
    conc_report r = conc_test(two_buyers, &r);
    ck_assert_msg(r.ok, "%s", r.text);
}
END_TEST
START_TEST(bad_sale) {
    conc_report r = conc_test(two_buyers, NULL);
    ck_assert_msg(r.ok, "%s", r.text);
}
END_TEST
int main(void) {
    Suite *s = suite_create("stock");
    TCase *c = tcase_create("stock");
    tcase_add_test(c, good_sale);
    tcase_add_test(c, bad_sale);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
