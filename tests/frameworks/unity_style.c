/* conc_test inside a framework of Unity's kind: TEST_ASSERT long-jumps out of the test's function. The three macros here stand for it (Debian
   has no package of Unity); with the real one, take #include "unity.h" instead of them.
   An assertion of one's own, legal on any goroutine, is a macro over conc_fail. cc -DCONC_TEST unity_style.c -pthread */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <setjmp.h>
#include <stdio.h>

static jmp_buf unity_end;
static int unity_failed;
#define TEST_ASSERT_TRUE_MESSAGE(cond, message) \
    do { if (!(cond)) { printf("%s:%d:FAIL: %s\n", __FILE__, __LINE__, message); unity_failed++; longjmp(unity_end, 1); } } while (0)
#define RUN_TEST(fn) (setjmp(unity_end) == 0 ? (fn(), printf("%s:%d:%s:done\n", __FILE__, __LINE__, #fn)) : 0)

/* on goroutines: */
#define EXPECT_EQ(a, b) expect_eq((a), (b), #a, #b, __FILE__, __LINE__)
static void expect_eq(long a, long b, const char *as, const char *bs, const char *file, int line) {
    if (a != b) conc_fail("%s:%d: %s is %ld, %s is %ld", file, line, as, a, bs, b);
}

struct counter { conc_atomic(long) n; };
static void count(struct counter *c, bool at_once) {
    if (at_once) {
        conc_atomic_fetch_add(&c->n, 1);
        return;
    }
    long before = conc_atomic_load(&c->n);
    conc_atomic_store(&c->n, before + 1);
}
static void count_twice(void *at_once) {
    struct counter c = { 0 };
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 2; i++) conc_wg_go(&wg, count, &c, at_once != NULL);
    conc_wg_wait(&wg);
    EXPECT_EQ(conc_atomic_load(&c.n), 2L);
}
static void good_count(void) {
    conc_report r = conc_test(count_twice, &r);
    TEST_ASSERT_TRUE_MESSAGE(r.ok, r.text);
}
static void bad_count(void) {
    conc_report r = conc_test(count_twice, NULL);
    TEST_ASSERT_TRUE_MESSAGE(r.ok, r.text);
}
int main(void) {
    RUN_TEST(good_count);
    RUN_TEST(bad_count);
    return unity_failed > 0;
}
