/* conc_test inside a framework of utest.h's kind: an assertion writes a mark and returns. Its marks are no business of a goroutine (a schedule would
   go on after a failure); bodies use conc_assert, or what they say themselves is a failure: conc_fail. The macros here stand for the framework,
   which Debian does not have. C++11, where conc_test's options are a variable. c++ -DCONC_TEST -x c++ utest_style.c -pthread */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <cstdio>

#define UTEST(set, name) static void set##_##name(int *utest_result)
#define ASSERT_TRUE_MSG(cond, message) \
    do { if (!(cond)) { std::printf("%s:%d: Failure\n%s", __FILE__, __LINE__, message); *utest_result = 1; return; } } while (0)

static void set_once(conc_once *once, int *value) {
    conc_once_do(once, [](void *v) { ++*static_cast<int *>(v); }, value);
}
static void sets_twice(void *) {
    conc_once once = CONC_ONCE_INIT;
    int value = 0;
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 2; i++) conc_wg_go(&wg, set_once, &once, &value);
    conc_wg_wait(&wg);
    conc_assert(value == 1);
}
static void waits_for_itself(void *) {
    conc_mutex mu = CONC_MUTEX_INIT;
    conc_mutex_lock(&mu);
    conc_mutex_lock(&mu);
}
UTEST(once, good_value) {
    conc_test_opts o = {};
    o.schedules = 2000;
    conc_report r = conc_test_with(sets_twice, nullptr, &o);
    ASSERT_TRUE_MSG(r.ok, r.text);
}
UTEST(mutex, bad_relock) {
    conc_test_opts o = {};
    o.isolate = true;
    conc_report r = conc_test_with(waits_for_itself, nullptr, &o);
    ASSERT_TRUE_MSG(r.ok, r.text);
}
int main() {
    int failed[2] = { 0, 0 };
    once_good_value(&failed[0]);
    mutex_bad_relock(&failed[1]);
    return failed[0] + failed[1] > 0;
}
