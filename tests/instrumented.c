/* Ordinary C11 (or C++) under the explorer: compiled with -fsanitize=thread, linked without it; see instrumented.sh and docs/testing.md. Nothing
   here calls conc_rd, conc_wr or, in C, conc_atomic_*: the compiler's calls are what the explorer sees. */
#include "conc.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __cplusplus
#define ATOMIC(T) std::atomic<T>
using std::atomic_load_explicit;
using std::atomic_store_explicit;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;
#define LOCAL thread_local
#else
#include <stdatomic.h>
#define ATOMIC(T) _Atomic(T)
#define LOCAL _Thread_local
#endif

struct world {
    int data, more;
    bool ready;
    char text[16];
    ATOMIC(int) x, y, turn;
    ATOMIC(unsigned char) byte;
    ATOMIC(short) half;
    ATOMIC(long long) wide;
    conc_mutex mu;
    conc_wg wg;
    int got[2];
};
static struct world *world_new(void) { return (struct world *)calloc(1, sizeof(struct world)); }

static void increment(struct world *w, bool locked) {
    if (locked) conc_mutex_lock(&w->mu);
    w->data++;
    if (locked) conc_mutex_unlock(&w->mu);
}
static void counter(void *ordered) {
    struct world *w = world_new();
    for (int i = 0; i < 2; i++) conc_wg_go(&w->wg, increment, w, ordered != NULL);
    conc_wg_wait(&w->wg);
    conc_assert(w->data == 2);
    free(w);
}
static void publish(struct world *w, bool release) {
    w->data = 42;
    if (release) atomic_store_explicit(&w->x, 1, memory_order_release);
    else atomic_store_explicit(&w->x, 1, memory_order_relaxed);
}
static void message(void *ordered) {
    struct world *w = world_new();
    conc_wg_go(&w->wg, publish, w, ordered != NULL);
    if (atomic_load_explicit(&w->x, memory_order_acquire)) conc_assert(w->data == 42);
    conc_wg_wait(&w->wg);
    free(w);
}
static void prepare(struct world *w, bool locked) { /* double-checked, by a plain flag */
    if (locked || !w->ready) {
        conc_mutex_lock(&w->mu);
        if (!w->ready) w->data = 7, w->ready = true;
        conc_mutex_unlock(&w->mu);
    }
}
static void double_checked(void *ordered) {
    struct world *w = world_new();
    for (int i = 0; i < 2; i++) conc_wg_go(&w->wg, prepare, w, ordered != NULL);
    conc_wg_wait(&w->wg);
    free(w);
}
#ifndef __cplusplus
static void copy_text(struct world *w, const char *text, bool locked) {
    if (locked) conc_mutex_lock(&w->mu);
    memcpy(w->text, text, 6);
    if (locked) conc_mutex_unlock(&w->mu);
}
static void text(void *ordered) {
    struct world *w = world_new();
    conc_wg_go(&w->wg, copy_text, w, "hello", ordered != NULL);
    conc_wg_go(&w->wg, copy_text, w, "world", ordered != NULL);
    conc_wg_wait(&w->wg);
    free(w);
}
#endif
static void look(struct world *w, int *into) { *into = w->data; }
static void early_free(void *ordered) {
    struct world *w = world_new();
    conc_wg wg = CONC_WG_INIT;
    int got = 0;
    conc_wg_go(&wg, look, w, &got);
    if (ordered) conc_wg_wait(&wg);
    else conc_yield();
    free(w);
    conc_wg_wait(&wg);
}
static void own(int n) { /* memory that is freed and allocated again, thread-local variables and errno: nobody shares them */
    static LOCAL int mine;
    for (int i = 0; i < 3; i++) {
        int *x = (int *)malloc(sizeof *x);
        *x = mine = errno = n;
        conc_yield();
        conc_assert(*x == n && errno == n);
        free(x);
    }
}
static void own_memory(void *arg) {
    conc_wg wg = CONC_WG_INIT;
    (void)arg;
    for (int i = 0; i < 3; i++) conc_wg_go(&wg, own, i);
    conc_wg_wait(&wg);
}
static void buffer_1(struct world *w) {
    atomic_store_explicit(&w->x, 1, memory_order_relaxed);
    w->got[0] = atomic_load_explicit(&w->y, memory_order_relaxed);
}
static void buffer_2(struct world *w) {
    atomic_store_explicit(&w->y, 1, memory_order_relaxed);
    w->got[1] = atomic_load_explicit(&w->x, memory_order_relaxed);
}
static void strong_1(struct world *w) {
    w->x = 1;
    w->got[0] = w->y;
}
static void strong_2(struct world *w) {
    w->y = 1;
    w->got[1] = w->x;
}
static void store_buffering(void *ordered) { /* both may find nothing, if they are relaxed and memory is weak */
    struct world *w = world_new();
    if (ordered) {
        conc_wg_go(&w->wg, strong_1, w);
        conc_wg_go(&w->wg, strong_2, w);
    } else {
        conc_wg_go(&w->wg, buffer_1, w);
        conc_wg_go(&w->wg, buffer_2, w);
    }
    conc_wg_wait(&w->wg);
    conc_assert(w->got[0] || w->got[1]);
    free(w);
}
#define EACH 3
static void mixed(struct world *w) { /* atomics of every size */
    for (int i = 0; i < EACH; i++) {
        w->byte++;
        w->half += 2;
        w->wide -= 3;
        w->x ^= 1;
        w->y |= 4;
    }
}
static void sizes(void *arg) {
    struct world *w = world_new();
    (void)arg;
    for (int i = 0; i < 2; i++) conc_wg_go(&w->wg, mixed, w);
    conc_wg_wait(&w->wg);
    conc_assert(w->byte == 2 * EACH && w->half == 4 * EACH && w->wide == -6 * EACH && w->x == 0 && w->y == 4);
    free(w);
}
static void send_box(conc_chan(struct world *) c) {
    struct world *w = world_new();
    w->data = 5;
    conc_chan_send(c, w);
}
static void selected(void *ordered) { /* what a channel hands over; racy: it is kept in use */
    conc_chan(struct world *) c = conc_chan_make(struct world *, 1);
    struct world *w = world_new();
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, send_box, c);
    conc_select {
        conc_on_recv(got, c) {
            conc_assert(got->data == 5);
            free(got);
        }
    }
    conc_wg_go(&wg, increment, w, true);
    if (!ordered) w->data++;
    conc_wg_wait(&wg);
    w->data++;
    free(w);
    conc_chan_free(c);
}

static int passed, failed;
static void check(bool ok, const char *what, const char *text) {
    if (ok) passed++;
    else failed++, printf("%s: failed: %s\n", what, text);
}
static conc_report explore(const char *name, void (*fn)(void *), void *arg, bool weak, conc_strategy strategy) {
    conc_test_opts o;
    memset(&o, 0, sizeof o);
    o.schedules = 5000;
    o.seconds = 30;
    o.weak = weak;
    o.strategy = strategy;
    return conc__test_run(name, fn, arg, &o);
}
static void pair(const char *name, void (*fn)(void *), conc_fail_kind kind, bool weak) { /* racy: kind, at a line of this file, again by its token */
    static int yes;
    conc_report r = explore(name, fn, &yes, weak, CONC_MIX);
    check(r.ok, name, r.text);
    r = explore(name, fn, &yes, weak, CONC_EXHAUSTIVE);
    check(r.ok && r.exhausted, name, r.text);
    r = explore(name, fn, NULL, weak, CONC_MIX);
    check(r.kind == kind, name, r.text);
    check(strstr(r.text, "instrumented.c:") != NULL, name, r.text);
    char *token = strdup(r.token);
    check(conc_replay(fn, NULL, token).kind == kind, name, "it does not come back");
    free(token);
}
int main(void) {
    pair("counter", counter, CONC_FAIL_RACE, false);
    pair("message", message, CONC_FAIL_RACE, false);
    pair("double checked", double_checked, CONC_FAIL_RACE, false);
#ifndef __cplusplus /* there memcpy cannot be seen */
    pair("text", text, CONC_FAIL_RACE, false);
#endif
    pair("early free", early_free, CONC_FAIL_RACE, false);
    pair("selected", selected, CONC_FAIL_RACE, false);
    pair("store buffering", store_buffering, CONC_FAIL_ASSERT, true);
    conc_report r = explore("store buffering", store_buffering, NULL, false, CONC_EXHAUSTIVE);
    check(r.ok && r.exhausted, "strong store buffering", r.text);
    for (int weak = 0; weak < 2; weak++) {
        r = explore("own memory", own_memory, NULL, weak, CONC_MIX);
        check(r.ok, "own memory", r.text);
        r = explore("sizes", sizes, NULL, weak, CONC_MIX);
        check(r.ok, "sizes", r.text);
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
