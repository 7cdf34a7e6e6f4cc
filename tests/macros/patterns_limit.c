/* Every public form of the patterns of the chapter Limit that came after pool and worker, in the form of patterns.c. */
#include "rate.h"
#include "rate.h"
#include <stdio.h>
#include <stdlib.h>

#define CHECK(x) ((x) ? (void)0 : (fprintf(stderr, "patterns_limit.c:%d: %s\n", __LINE__, #x), abort()))

static void bump(int *n) { ++*n; }
static void look(const int *n) { CHECK(n != NULL); }

static void use_rate(void) {
    struct rate a, b, *const both[] = { &a, &b };
    struct rate_multi m;
    rate_init(&a, 1e6, 2), rate_init(&b, rate_every(CONC_MS), 3);
    rate_multi_init(&m, both, 2);
    CHECK(rate_multi_get_limit(&m) == 1000 && rate_multi_allow(&m) && rate_multi_allow_n(&m, 1) && rate_multi_allow_at(&m, conc_now(), 0));
    CHECK(rate_multi_wait(&m, NULL) == CONC_OK && rate_multi_wait_n(&m, conc_ctx_background(), 2) == CONC_OK);
    rate_init(&a, RATE_INF, 0);
    CHECK(rate_allow(&a) && rate_allow_n(&a, 5) && rate_allow_at(&a, 0, 5));
    CHECK(rate_wait(&a, NULL) == CONC_OK && rate_wait_n(&a, NULL, 7) == CONC_OK);
    struct rate_reservation r = rate_reserve(&a);
    CHECK(r.ok && rate_delay(&r) == 0);
    r = rate_reserve_n(&a, 2);
    rate_cancel(&r);
    r = rate_reserve_at(&a, 5, 2);
    CHECK(rate_delay_from(&r, 5) == 0 && r.time_to_act == 5);
    rate_cancel_at(&r, 5);
    rate_set_limit(&a, 2), rate_set_limit_at(&a, conc_now(), 3), rate_set_burst(&a, 4), rate_set_burst_at(&a, conc_now(), 5);
    CHECK(rate_get_limit(&a) == 3 && rate_get_burst(&a) == 5 && rate_get_tokens(&a) <= 5 && rate_get_tokens_at(&a, conc_now()) <= 5);

    static struct rate_sometimes s;
    int n = 0;
    s.every = 2;
    rate_sometimes_do(&s, bump, &n);
    rate_sometimes_do(&s, &look, &n);
    CHECK(n == 1);
}

void PATTERNS_NAME(void);
void PATTERNS_NAME(void) { use_rate(); }
#ifdef PATTERNS_MAIN
void PATTERNS_OTHER(void);
int main(void) { PATTERNS_NAME(), PATTERNS_OTHER(); }
#endif
