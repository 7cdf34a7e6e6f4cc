/* Data races on plain memory, as the explorer sees them: what each primitive orders is never reported, in 20,000 schedules; and for each a
   twin that lacks the order is, with both places, and comes back by its tokens. */
#include "harness.h"

#if defined(CONC_TEST) && !HARNESS_TSAN
/* A pair of programs that differ in what orders their accesses; racy: arg is NULL. */
#define PAIR(name) static void name(void *ordered)
struct shared {
    int data, more;
    conc_mutex mu, other;
    conc_rwmutex rw;
    conc_cond cond;
    conc_once once;
    conc_sem sem;
    conc_wg wg;
    conc_atomic(int) flag;
    bool ready;
};
#define SHARED_INIT { 0, 0, CONC_MUTEX_INIT, CONC_MUTEX_INIT, CONC_RWMUTEX_INIT, CONC_COND_INIT, CONC_ONCE_INIT, CONC_SEM_INIT(1), CONC_WG_INIT, \
                      0, false }
static void increment(struct shared *s) { conc_wr(s->data, conc_rd(s->data) + 1); }

static void add_locked(struct shared *s, conc_mutex *mu) {
    conc_mutex_lock(mu);
    increment(s);
    conc_mutex_unlock(mu);
}
PAIR(mutex) { /* racy: two locks for one variable */
    struct shared s = SHARED_INIT;
    conc_wg_go(&s.wg, add_locked, &s, &s.mu);
    conc_wg_go(&s.wg, add_locked, &s, ordered ? &s.mu : &s.other);
    conc_wg_wait(&s.wg);
    if (ordered) conc_assert(conc_rd(s.data) == 2);
}
static void add_tried(struct shared *s, bool check) {
    bool got = conc_mutex_try_lock(&s->mu);
    if (got || !check) increment(s);
    if (got) conc_mutex_unlock(&s->mu);
}
PAIR(try_lock) { /* racy: the result is not looked at */
    struct shared s = SHARED_INIT;
    for (int i = 0; i < 2; i++) conc_wg_go(&s.wg, add_tried, &s, ordered != NULL);
    conc_wg_wait(&s.wg);
}
static void add_in_time(struct shared *s, bool check) {
    bool got = conc_mutex_lock_for(&s->mu, CONC_SEC) == CONC_OK;
    if (got || !check) increment(s);
    conc_sleep(CONC_SEC * 2);
    if (got) conc_mutex_unlock(&s->mu);
}
PAIR(lock_for) {
    struct shared s = SHARED_INIT;
    for (int i = 0; i < 2; i++) conc_wg_go(&s.wg, add_in_time, &s, ordered != NULL);
    conc_wg_wait(&s.wg);
}
static void read_shared(struct shared *s) {
    conc_rwmutex_rlock(&s->rw);
    conc_assert(conc_rd(s->data) >= 0);
    conc_rwmutex_runlock(&s->rw);
}
static void write_shared(struct shared *s, bool exclusive) {
    if (exclusive) conc_rwmutex_lock(&s->rw);
    else conc_rwmutex_rlock(&s->rw);
    conc_wr(s->data, 1);
    if (exclusive) conc_rwmutex_unlock(&s->rw);
    else conc_rwmutex_runlock(&s->rw);
}
PAIR(rwmutex) { /* racy: a write under the read lock */
    struct shared s = SHARED_INIT;
    for (int i = 0; i < 2; i++) conc_wg_go(&s.wg, read_shared, &s);
    conc_wg_go(&s.wg, write_shared, &s, ordered != NULL);
    conc_wg_wait(&s.wg);
}
static void write_tried(struct shared *s, bool check) {
    bool got = conc_rwmutex_try_lock(&s->rw);
    if (got || !check) conc_wr(s->data, 1);
    if (got) conc_rwmutex_unlock(&s->rw);
    got = conc_rwmutex_try_rlock(&s->rw);
    if (got || !check) (void)conc_rd(s->data);
    if (got) conc_rwmutex_runlock(&s->rw);
}
PAIR(rwmutex_try) {
    struct shared s = SHARED_INIT;
    for (int i = 0; i < 2; i++) conc_wg_go(&s.wg, write_tried, &s, ordered != NULL);
    conc_wg_wait(&s.wg);
}
static void write_and_done(struct shared *s, bool before) {
    if (before) conc_wr(s->data, 1);
    conc_wg_done(&s->wg);
    if (!before) conc_wr(s->data, 1);
}
PAIR(group) { /* racy: done says it before it is done */
    struct shared s = SHARED_INIT;
    conc_wg end = CONC_WG_INIT;
    conc_wg_add(&s.wg, 1);
    conc_wg_go(&end, write_and_done, &s, ordered != NULL);
    conc_wg_wait(&s.wg);
    (void)conc_rd(s.data);
    conc_wg_wait(&end);
}
static void make_once(void *arg) { conc_wr(((struct shared *)arg)->data, 7); }
static void use_once(struct shared *s, bool by_once) {
    if (by_once || conc_choose(2)) conc_once_do(&s->once, make_once, s);
    (void)conc_rd(s->data);
}
PAIR(once) { /* racy: not everybody goes by the once */
    struct shared s = SHARED_INIT;
    for (int i = 0; i < 3; i++) conc_wg_go(&s.wg, use_once, &s, ordered != NULL);
    conc_wg_wait(&s.wg);
}
static void set_ready(struct shared *s, bool locked) {
    if (locked) conc_mutex_lock(&s->mu);
    conc_wr(s->ready, true);
    conc_cond_broadcast(&s->cond);
    if (locked) conc_mutex_unlock(&s->mu);
}
PAIR(cond) { /* racy: the condition changes without the lock */
    struct shared s = SHARED_INIT;
    conc_wg_go(&s.wg, set_ready, &s, ordered != NULL);
    conc_mutex_lock(&s.mu);
    while (!conc_rd(s.ready))
        if (conc_cond_wait_for(&s.cond, &s.mu, CONC_SEC) != CONC_OK) break;
    conc_mutex_unlock(&s.mu);
    conc_wg_wait(&s.wg);
}
static void add_held(struct shared *s) {
    conc_sem_acquire(&s->sem, 1);
    increment(s);
    conc_sem_release(&s->sem, 1);
}
PAIR(semaphore) { /* racy: room for two */
    struct shared s = SHARED_INIT;
    conc_sem_init(&s.sem, ordered ? 1 : 2);
    for (int i = 0; i < 3; i++) conc_wg_go(&s.wg, add_held, &s);
    conc_wg_wait(&s.wg);
}
static void fill_and_send(struct shared *s, chan(int) c) {
    conc_wr(s->data, 1);
    chan_send(c, 1);
}
PAIR(channel_forth) { /* what comes before a send comes before its receive; racy: a look before it */
    struct shared s = SHARED_INIT;
    chan(int) c = chan_make(int, 1);
    conc_wg_go(&s.wg, fill_and_send, &s, c);
    if (!ordered) (void)conc_rd(s.data);
    (void)chan_recv(c);
    (void)conc_rd(s.data);
    conc_wg_wait(&s.wg);
    chan_free(c);
}
static void fill_and_receive(struct shared *s, chan(int) c) {
    conc_wr(s->data, 1);
    (void)chan_recv(c);
}
PAIR(channel_back) { /* a receive comes before the end of its send, if there is no buffer between */
    struct shared s = SHARED_INIT;
    chan(int) c = chan_make(int, ordered ? 0 : 1);
    conc_wg_go(&s.wg, fill_and_receive, &s, c);
    chan_send(c, 1);
    (void)conc_rd(s.data);
    conc_wg_wait(&s.wg);
    chan_free(c);
}
static void in_turn(struct shared *s, chan(int) tokens) {
    chan_send(tokens, 1);
    increment(s);
    (void)chan_recv(tokens);
}
PAIR(channel_as_lock) { /* the n-th receive comes before the n + capacity-th send; racy: two may be in */
    struct shared s = SHARED_INIT;
    chan(int) tokens = chan_make(int, ordered ? 1 : 2);
    for (int i = 0; i < 3; i++) conc_wg_go(&s.wg, in_turn, &s, tokens);
    conc_wg_wait(&s.wg);
    chan_free(tokens);
}
static void two_senders(struct shared *s, chan(int) c, bool own, int i) {
    if (own && i) conc_wr(s->more, 1);
    else conc_wr(s->data, i);
    chan_send(c, i);
}
PAIR(senders) { /* two senders into a buffer are not ordered by it */
    struct shared s = SHARED_INIT;
    chan(int) c = chan_make(int, 2);
    for (int i = 0; i < 2; i++) conc_wg_go(&s.wg, two_senders, &s, c, ordered != NULL, i);
    for (int i = 0; i < 2; i++) (void)chan_recv(c);
    (void)conc_rd(s.data);
    (void)conc_rd(s.more);
    conc_wg_wait(&s.wg);
    chan_free(c);
}
static void close_and_fill(struct shared *s, chan(int) c, bool before) {
    if (before) conc_wr(s->data, 1);
    chan_close(c);
    if (!before) conc_wr(s->data, 1);
}
PAIR(closing) {
    struct shared s = SHARED_INIT;
    chan(int) c = chan_make(int);
    conc_wg_go(&s.wg, close_and_fill, &s, c, ordered != NULL);
    chan_range(v, c) (void)v;
    (void)conc_rd(s.data);
    conc_wg_wait(&s.wg);
    chan_free(c);
}
static void send_selected(struct shared *s, chan(int) a, chan(int) b) {
    conc_wr(s->data, 1);
    chan_select {
        on_send(a, 1) {}
        on_send(b, 2) {}
    }
}
PAIR(selecting) { /* racy: the default is no order */
    struct shared s = SHARED_INIT;
    chan(int) a = chan_make(int, ordered ? 0 : 1);
    chan(int) b = chan_make(int);
    conc_wg_go(&s.wg, send_selected, &s, a, b);
    if (ordered) chan_select {
        on_recv(v, a) (void)v;
        on_recv(v, b) (void)v;
    } else chan_select {
        on_recv(v, b) (void)v;
        on_default {}
    }
    (void)conc_rd(s.data);
    conc_wg_wait(&s.wg);
    chan_free(a);
    chan_free(b);
}
static void fill_and_cancel(struct shared *s, conc_ctx *ctx, bool before) {
    if (before) conc_wr(s->data, 1);
    conc_ctx_cancel(ctx);
    if (!before) conc_wr(s->data, 1);
}
PAIR(context) { /* what comes before a cancel comes before those who find it done, below it too */
    struct shared s = SHARED_INIT;
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background()), *child = conc_ctx_with_timeout(ctx, CONC_HOUR);
    conc_wg_go(&s.wg, fill_and_cancel, &s, ctx, ordered != NULL);
    switch (conc_choose(3)) {
    case 0: (void)chan_recv(conc_ctx_done(child)); break;
    case 1: while (conc_ctx_err(child) == CONC_OK) conc_sleep(CONC_HOUR * 2); break;
    default: while (conc_sleep_ctx(child, CONC_HOUR * 2) == CONC_OK) continue;
    }
    if (ordered ? conc_ctx_err(ctx) == CONC_CANCELED : true) (void)conc_rd(s.data);
    conc_wg_wait(&s.wg);
    conc_ctx_free(child);
    conc_ctx_free(ctx);
}
static void write_late(void *arg) {
    struct shared *s = (struct shared *)arg;
    conc_wr(s->data, 2);
    conc_wg_done(&s->wg);
}
PAIR(timer) { /* what comes before setting a timer comes before its function; racy: what comes after */
    struct shared s = SHARED_INIT;
    conc_wg_add(&s.wg, 1);
    if (ordered) conc_wr(s.data, 1);
    conc_timer *t = conc_after_func(CONC_SEC, write_late, &s);
    if (!ordered) conc_wr(s.data, 1);
    conc_wg_wait(&s.wg);
    (void)conc_rd(s.data);
    conc_timer_free(t);
}
static void write_in_time(struct shared *s) { conc_wr(s->data, 1); }
PAIR(sleeping) { /* time orders nothing */
    struct shared s = SHARED_INIT;
    conc_wg_go(&s.wg, write_in_time, &s);
    conc_sleep(CONC_HOUR);
    if (ordered) conc_wg_wait(&s.wg);
    (void)conc_rd(s.data);
    conc_wg_wait(&s.wg);
}
PAIR(settling) { /* conc_settle does: everybody else is blocked */
    struct shared s = SHARED_INIT;
    conc_wg_go(&s.wg, write_in_time, &s);
    if (ordered) conc_settle();
    else conc_yield();
    (void)conc_rd(s.data);
    conc_wg_wait(&s.wg);
}
static void publish(struct shared *s, bool release) {
    conc_wr(s->data, 1);
    if (release) conc_atomic_store_explicit(&s->flag, 1, CONC_RELEASE);
    else conc_atomic_store_explicit(&s->flag, 1, CONC_RELAXED);
}
PAIR(release_acquire) { /* racy: relaxed, although the step comes later */
    struct shared s = SHARED_INIT;
    conc_wg_go(&s.wg, publish, &s, ordered != NULL);
    if (conc_atomic_load_explicit(&s.flag, CONC_ACQUIRE)) (void)conc_rd(s.data);
    conc_wg_wait(&s.wg);
}
static void publish_fenced(struct shared *s, bool fence) {
    conc_wr(s->data, 1);
    if (fence) conc_atomic_fence(CONC_RELEASE);
    conc_atomic_store_explicit(&s->flag, 1, CONC_RELAXED);
}
PAIR(fences) {
    struct shared s = SHARED_INIT;
    conc_wg_go(&s.wg, publish_fenced, &s, ordered != NULL);
    if (conc_atomic_load_explicit(&s.flag, CONC_RELAXED)) {
        conc_atomic_fence(CONC_ACQUIRE);
        (void)conc_rd(s.data);
    }
    conc_wg_wait(&s.wg);
}
static void pass_on(struct shared *s, bool keep) { /* a read-modify-write keeps a release sequence, a store breaks it */
    int one = 1;
    if (keep) (void)conc_atomic_compare_exchange_explicit(&s->flag, &one, 2, CONC_RELAXED, CONC_RELAXED);
    else if (conc_atomic_load_explicit(&s->flag, CONC_RELAXED) == 1) conc_atomic_store_explicit(&s->flag, 2, CONC_RELAXED);
}
PAIR(release_sequence) {
    struct shared s = SHARED_INIT;
    conc_wg_go(&s.wg, publish, &s, true);
    conc_wg_go(&s.wg, pass_on, &s, ordered != NULL);
    if (conc_atomic_load_explicit(&s.flag, CONC_ACQUIRE) == 2) (void)conc_rd(s.data);
    conc_wg_wait(&s.wg);
}
static void spin_in(struct shared *s, bool take) {
    if (take)
        while (conc_atomic_exchange(&s->flag, 1)) conc_relax();
    increment(s);
    if (take) conc_atomic_store(&s->flag, 0);
}
PAIR(spin_lock) {
    struct shared s = SHARED_INIT;
    for (int i = 0; i < 2; i++) conc_wg_go(&s.wg, spin_in, &s, ordered != NULL);
    conc_wg_wait(&s.wg);
}
static void meet(struct shared *s, conc_barrier *b, int i, bool wait) {
    int *mine = i ? &s->data : &s->more, *other = i ? &s->more : &s->data;
    conc_wr(*mine, 1);
    if (wait) (void)conc_barrier_wait(b);
    (void)conc_rd(*other);
}
PAIR(barrier) {
    struct shared s = SHARED_INIT;
    conc_barrier b;
    conc_barrier_init(&b, 2);
    for (int i = 0; i < 2; i++) conc_wg_go(&s.wg, meet, &s, &b, i, ordered != NULL);
    conc_wg_wait(&s.wg);
}
static void *make_int(void) { return calloc(1, sizeof(int)); }
static void use_pooled(conc_pool *p, bool once) {
    int *x = (int *)conc_pool_get(p);
    conc_wr(*x, 1);
    conc_pool_put(p, x);
    if (!once) conc_wr(*x, 2); /* it is somebody else's */
}
PAIR(pool) {
    struct shared s = SHARED_INIT;
    conc_pool *p = conc_pool_new(make_int, free, 0);
    for (int i = 0; i < 2; i++) conc_wg_go(&s.wg, use_pooled, p, ordered != NULL);
    conc_wg_wait(&s.wg);
    conc_pool_free(p);
}
static void store_pointer(conc_map(int, int *) m, int *x, bool before) {
    if (before) conc_wr(*x, 1);
    conc_map_store(m, 1, x);
    if (!before) conc_wr(*x, 1);
}
PAIR(container) {
    struct shared s = SHARED_INIT;
    conc_map(int, int *) m = conc_map_make(int, int *);
    int *x;
    conc_wg_go(&s.wg, store_pointer, m, &s.data, ordered != NULL);
    if (conc_map_load(m, 1, &x)) (void)conc_rd(*x);
    conc_wg_wait(&s.wg);
    conc_map_free(m);
}
static void own_memory(struct shared *s, bool own) { /* memory that is freed and allocated again is another variable */
    int *x = own ? (int *)malloc(sizeof *x) : &s->data;
    conc_wr(*x, 1);
    conc_yield();
    conc_assert(conc_rd(*x) == 1);
    if (own) free(x);
}
PAIR(heap) {
    struct shared s = SHARED_INIT;
    for (int i = 0; i < 3; i++) conc_wg_go(&s.wg, own_memory, &s, ordered != NULL);
    conc_wg_wait(&s.wg);
}
#if !HARNESS_ASAN /* that tool's free is not conc.h's to listen to, and it looks for itself */
static void look_at(struct shared *s, int *x, bool locked) {
    if (locked) conc_mutex_lock(&s->mu);
    if (!locked || !conc_rd(s->ready)) (void)conc_rd(*x);
    if (locked) conc_mutex_unlock(&s->mu);
}
PAIR(use_after_free) { /* giving memory back is an access to all of it */
    struct shared s = SHARED_INIT;
    int *x = (int *)calloc(4, sizeof *x);
    conc_wg_go(&s.wg, look_at, &s, x + 1, ordered != NULL);
    if (ordered) {
        conc_mutex_lock(&s.mu);
        conc_wr(s.ready, true);
        conc_mutex_unlock(&s.mu);
    } else conc_yield();
    free(x);
    conc_wg_wait(&s.wg);
}
#endif
static void on_own_stack(struct shared *s, bool own) { /* so is the stack of a goroutine that has ended */
    int mine = 0, *x = own ? &mine : &s->data;
    conc_wr(*x, 1);
    conc_yield();
    conc_assert(conc_rd(*x) == 1);
}
PAIR(stacks) {
    struct shared s = SHARED_INIT;
    for (int i = 0; i < 6; i++) {
        conc_wg_go(&s.wg, on_own_stack, &s, ordered != NULL);
        conc_yield();
    }
    conc_wg_wait(&s.wg);
}
static void write_byte(char *at) { conc_wr(*at, 1); }
PAIR(neighbours) { /* bytes of one word do not race with each other */
    struct shared s = SHARED_INIT;
    char bytes[8] = { 0 };
    for (int i = 0; i < 3; i++) conc_wg_go(&s.wg, write_byte, &bytes[ordered ? i : 5]);
    conc_wg_wait(&s.wg);
}

static const struct pair { const char *name; void (*fn)(void *); } pairs[] = {
#define P(x) { #x, x }
    P(mutex), P(try_lock), P(lock_for), P(rwmutex), P(rwmutex_try), P(group), P(once), P(cond), P(semaphore), P(channel_forth), P(channel_back),
    P(channel_as_lock), P(senders), P(closing), P(selecting), P(context), P(timer), P(sleeping), P(settling), P(release_acquire), P(fences),
    P(release_sequence), P(spin_lock), P(barrier), P(pool), P(container), P(heap), P(stacks), P(neighbours),
#if !HARNESS_ASAN
    P(use_after_free),
#endif
#undef P
};
enum { PAIRS = sizeof pairs / sizeof pairs[0] };

TEST(every_race_is_found, .seconds = 120) {
    for (int i = 0; i < PAIRS; i++)
        for (uint64_t seed = 1; seed <= 20; seed++) {
            conc_report r = conc_test(pairs[i].fn, NULL, .name = pairs[i].name, .seed = seed, .schedules = 1000, .seconds = 60);
            CHECK_SAY(r.kind == CONC_FAIL_RACE, "%s, seed %d: %s", pairs[i].name, (int)seed, r.text);
            if (r.ok) continue;
            char *token = strdup(r.token), *list = strstr(r.text, "CONC_REPLAY='c1=");
            REQUIRE(token && list);
            list = strndup(list + 13, strcspn(list + 13, "'"));
            CHECK_SAY(conc_replay(pairs[i].fn, NULL, token).kind == CONC_FAIL_RACE, "%s: %s does not repeat it", pairs[i].name, token);
            CHECK_SAY(conc_replay(pairs[i].fn, NULL, list).kind == CONC_FAIL_RACE, "%s: %s does not repeat it", pairs[i].name, list);
            free(token);
            free(list);
        }
}
TEST(no_false_race, .seconds = 120) {
    int yes = 1;
    for (int i = 0; i < PAIRS; i++) {
        conc_report r = conc_test(pairs[i].fn, &yes, .name = pairs[i].name, .schedules = (uint64_t)scale(20000), .seconds = 60, .seed = 3);
        CHECK_SAY(r.ok, "%s: %s", pairs[i].name, r.text);
        r = conc_test(pairs[i].fn, &yes, .name = pairs[i].name, .schedules = 2000, .seconds = 60, .weak = true);
        CHECK_SAY(r.ok, "%s, weak: %s", pairs[i].name, r.text);
    }
}

/* What the report says: both accesses with their places, goroutines and starts, and the accesses among the steps. */
TEST(report_names_both) {
    conc_report r = conc_test(mutex, NULL);
    CHECK_EQ(r.kind, CONC_FAIL_RACE);
    CHECK(strstr(r.text, "DATA RACE") != NULL);
    CHECK(strstr(r.text, "of 4 bytes by g1 add_locked (started at test_explorer_race.c:") != NULL);
    CHECK(strstr(r.text, "of 4 bytes by g2 add_locked (started at test_explorer_race.c:") != NULL);
    CHECK(strstr(r.text, "previous ") != NULL);
    CHECK(strstr(r.text, "read  test_explorer_race.c:") != NULL);
    CHECK(strstr(r.text, "lock mutex#") != NULL);
}
/* An exhaustive search that ends has looked for races in all schedules that differ, and says so; one that found a race makes no claim. */
TEST(exhaustive_claim) {
    int yes = 1;
    conc_report r = conc_test(mutex, &yes, .strategy = CONC_EXHAUSTIVE);
    CHECK(r.ok && r.exhausted);
    CHECK_EQ(r.schedules, 2);
    CHECK(strstr(r.text, "no data race") != NULL);
    r = conc_test(mutex, NULL, .strategy = CONC_EXHAUSTIVE);
    CHECK(!r.ok && !r.exhausted);
    CHECK_EQ(r.kind, CONC_FAIL_RACE);
}
/* Races allowed: accesses are steps, and what comes of them is found. */
static void lost_update(void *arg) {
    struct shared s = SHARED_INIT;
    (void)arg;
    for (int i = 0; i < 2; i++) conc_wg_go(&s.wg, increment, &s);
    conc_wg_wait(&s.wg);
    conc_assert(conc_rd(s.data) == 2);
}
TEST(races_allowed) {
    conc_report r = conc_test(lost_update, NULL, .races_allowed = true);
    CHECK_EQ(r.kind, CONC_FAIL_ASSERT);
    char *token = strdup(r.token);
    CHECK_EQ(conc_replay(lost_update, NULL, token).kind, CONC_FAIL_ASSERT);
    free(token);
    CHECK_EQ(conc_test(lost_update, NULL).kind, CONC_FAIL_RACE);
}
/* More goroutines than clocks are kept for: the schedule goes on, and the report does not promise more than it looked at. */
static void nothing(void) {}
static void crowd(void *arg) {
    struct shared s = SHARED_INIT;
    (void)arg;
    for (int i = 0; i < 1100; i++) conc_wg_go(&s.wg, nothing);
    conc_wg_wait(&s.wg);
    conc_wr(s.data, 1);
}
TEST(says_what_it_left_out) {
    conc_report r = conc_test(crowd, NULL, .schedules = 2, .max_steps = 1000000);
    CHECK_SAY(r.ok, "%s", r.text);
    CHECK(strstr(r.text, "data races looked for only in a part") != NULL);
}
#endif

/* Without a test the macros are the plain access and the plain atomics. */
TEST(plain_elsewhere) {
    int x = 1;
    conc_atomic(int) a = 5;
    int expected = 5;
    conc_wr(x, conc_rd(x) + 1);
    CHECK_EQ(conc_rd(x), 2);
    CHECK_EQ(conc_atomic_load_explicit(&a, CONC_ACQUIRE), 5);
    CHECK(conc_atomic_compare_exchange_explicit(&a, &expected, 6, CONC_ACQ_REL, CONC_RELAXED));
    CHECK_EQ(conc_atomic_fetch_add_explicit(&a, 2, CONC_RELEASE), 6);
    CHECK_EQ(conc_atomic_exchange_explicit(&a, 1, CONC_SEQ_CST), 8);
    conc_atomic_store_explicit(&a, 3, CONC_RELAXED);
    CHECK_EQ(conc_atomic_fetch_sub_explicit(&a, 1, CONC_RELAXED), 3);
    CHECK_EQ(conc_atomic_fetch_or_explicit(&a, 4, CONC_RELAXED), 2);
    CHECK_EQ(conc_atomic_fetch_and_explicit(&a, 5, CONC_RELAXED), 6);
    CHECK_EQ(conc_atomic_fetch_xor_explicit(&a, 1, CONC_RELAXED), 4);
    conc_atomic_fence(CONC_SEQ_CST);
    CHECK_EQ(conc_atomic_load(&a), 5);
}
