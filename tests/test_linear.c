/* Linearizability: the models, the search against one that tries every order, and what it finds and passes on real objects, by threads and
   under the explorer. */
#include "harness.h"

/* ---- histories by hand ---- */
static int64_t whole(conc_history *h, int code, int64_t key, int64_t arg, int64_t result) { return conc_op_end(h, conc_op_begin(h, code, key, arg), result); }
#define PUT(v) whole(&h, CONC_OP_PUT, 0, v, 0)
#define TAKE(v) whole(&h, CONC_OP_TAKE, 0, 0, v)
static bool explained(const conc_history *h, const conc_model *m) {
    conc_report r = conc_linearizable(h, m);
    CHECK(r.ok == (strncmp(r.text, "ok ", 3) == 0) && r.kind == (r.ok ? CONC_FAIL_NONE : CONC_FAIL_ASSERT));
    return r.ok;
}
TEST(models_in_sequence) {
    conc_history h;
    conc_history_init(&h);
    CHECK(explained(&h, conc_model_queue())); /* nothing has happened */
    TAKE(CONC_NONE), PUT(1), PUT(2), TAKE(1), TAKE(2), TAKE(CONC_NONE), PUT(1), TAKE(1);
    CHECK(explained(&h, conc_model_queue()) && !explained(&h, conc_model_stack()));
    conc_history_init(&h);
    TAKE(CONC_NONE), PUT(1), PUT(2), TAKE(2), TAKE(1), TAKE(CONC_NONE);
    CHECK(explained(&h, conc_model_stack()) && !explained(&h, conc_model_queue()));
    conc_history_init(&h);
    whole(&h, CONC_OP_GET, 0, 0, 0), PUT(5), whole(&h, CONC_OP_GET, 0, 0, 5), whole(&h, CONC_OP_CAS, 5, 6, 1), whole(&h, CONC_OP_CAS, 5, 7, 0);
    whole(&h, CONC_OP_SWAP, 0, 8, 6), whole(&h, CONC_OP_GET, 0, 0, 8);
    CHECK(explained(&h, conc_model_register()));
    whole(&h, CONC_OP_GET, 0, 0, 6);
    CHECK(!explained(&h, conc_model_register()));
    conc_history_init(&h);
    whole(&h, CONC_OP_ADD, 0, 3, 3), whole(&h, CONC_OP_ADD, 0, -1, 2), whole(&h, CONC_OP_GET, 0, 0, 2);
    CHECK(explained(&h, conc_model_counter()));
    whole(&h, CONC_OP_ADD, 0, 1, 4);
    CHECK(!explained(&h, conc_model_counter()));
    conc_history_init(&h);
    whole(&h, CONC_OP_GET, 7, 0, CONC_NONE), whole(&h, CONC_OP_PUT, 7, 1, 0), whole(&h, CONC_OP_PUT, 3, 2, 0), whole(&h, CONC_OP_PUT, 5, 9, 0);
    whole(&h, CONC_OP_GET, 3, 0, 2), whole(&h, CONC_OP_SWAP, 7, 4, 1), whole(&h, CONC_OP_TAKE, 3, 0, 2), whole(&h, CONC_OP_TAKE, 3, 0, CONC_NONE);
    whole(&h, CONC_OP_TRY, 3, 6, CONC_NONE), whole(&h, CONC_OP_TRY, 3, 7, 6), whole(&h, CONC_OP_GET, 7, 0, 4), whole(&h, CONC_OP_GET, 5, 0, 9);
    CHECK(explained(&h, conc_model_map()));
    whole(&h, CONC_OP_GET, 3, 0, 7);
    CHECK(!explained(&h, conc_model_map()));
}
TEST(overlapping_and_pending) {
    conc_history h;
    conc_history_init(&h);
    int put1 = conc_op_begin(&h, CONC_OP_PUT, 0, 1), put2 = conc_op_begin(&h, CONC_OP_PUT, 0, 2);
    TAKE(2); /* by a put that has not ended */
    CHECK(explained(&h, conc_model_queue()));
    conc_op_end(&h, put1, 0), conc_op_end(&h, put2, 0);
    CHECK(explained(&h, conc_model_queue())); /* they overlap: either order */
    TAKE(1);
    CHECK(explained(&h, conc_model_queue()));
    TAKE(1);
    CHECK(!explained(&h, conc_model_queue()));
    conc_history_init(&h);
    PUT(1), PUT(2);
    int take = conc_op_begin(&h, CONC_OP_TAKE, 0, 0);
    TAKE(2); /* the one that has not ended took 1 */
    CHECK(explained(&h, conc_model_queue()));
    conc_op_end(&h, take, 2);
    CHECK(!explained(&h, conc_model_queue()));
}
TEST(report) {
    conc_history h;
    conc_history_init(&h);
    PUT(1), PUT(2);
    int take = conc_op_begin(&h, CONC_OP_TAKE, 0, 0);
    TAKE(2);
    conc_op_end(&h, take, CONC_NONE);
    conc_report r = conc_linearizable(&h, conc_model_queue());
    const char *end = "  in order as far as possible (2 of 4): put(1), put(2)\n  then none of these: take() = none, take() = 2\n";
    CHECK_SAY(strncmp(r.text, "FAIL queue: 4 operations are not linearizable\n", 46) == 0, "%s", r.text);
    CHECK_SAY(strstr(r.text, "  put(1) ...\n  ... done\n  put(2) ...\n  ... done\n  take() ...\n  take() ...\n  ... 2\n  ... none\n") != NULL, "%s", r.text);
    CHECK_SAY(strcmp(r.text + strlen(r.text) - strlen(end), end) == 0, "%s", r.text);
}
CRASH(history_ended_twice, "panic: conc_op_end: the operation has ended already") {
    conc_history h;
    conc_history_init(&h);
    int op = conc_op_begin(&h, CONC_OP_PUT, 0, 1);
    conc_op_end(&h, op, 0), conc_op_end(&h, op, 0);
}
CRASH(too_many, "panic: conc_op_begin: more than 64 operations in a history") {
    conc_history h;
    conc_history_init(&h);
    for (int i = 0; i < 65; i++) PUT(i);
}
CRASH(asserted_outside, "then none of these: take() = 2", "fatal error: the operations are not those of a queue") {
    conc_history h;
    conc_history_init(&h);
    PUT(1), TAKE(2);
    conc_assert_linearizable(&h, conc_model_queue());
}

/* ---- the search against all orders ---- */
enum { FEW = 6 };
static bool any_order(const conc_history *h, const conc_model *m, unsigned done, const void *state) {
    unsigned all = (1u << h->conc__n) - 1;
    unsigned char next[2048];
    bool left = false;
    for (unsigned i = 0; i < h->conc__n; i++) left |= !(done >> i & 1) && !h->conc__op[i].pending;
    if (!left) return true;
    for (unsigned i = 0; i < h->conc__n; i++) {
        bool first = !(done >> i & 1);
        for (unsigned k = 0; k < h->conc__n && first; k++)
            first = (done >> k & 1) || h->conc__op[k].pending || h->conc__op[k].ended > h->conc__op[i].begun;
        if (!first) continue;
        memcpy(next, state, m->size);
        if (m->step(next, &h->conc__op[i]) && any_order(h, m, done | 1u << i, next)) return true;
    }
    return done == all;
}
/* A history of random operations on a real object of the model, each somewhere within its time; then perhaps one result is changed. */
static void random_history(conc_history *h, const conc_model *m, struct rng *r, int kind) {
    int open[3] = { -1, -1, -1 };
    conc_history_init(h);
    for (unsigned i = 0, n = 2 + rng_below(r, FEW - 1); i < n || rng_below(r, 8) > 0;) {
        unsigned g = rng_below(r, 3);
        if (open[g] >= 0) {
            int64_t result = kind == 0 ? (int64_t)rng_below(r, 3) : (int64_t)rng_below(r, 4);
            if (rng_below(r, 4) == 0) result = CONC_NONE;
            conc_op_end(h, open[g], result);
            open[g] = -1;
        } else if (i < n) {
            static const int codes[3][4] = { { CONC_OP_PUT, CONC_OP_TAKE, CONC_OP_PUT, CONC_OP_TAKE }, { CONC_OP_PUT, CONC_OP_GET, CONC_OP_SWAP, CONC_OP_CAS },
                                             { CONC_OP_PUT, CONC_OP_GET, CONC_OP_TAKE, CONC_OP_TRY } };
            open[g] = conc_op_begin(h, codes[kind][rng_below(r, 4)], (int64_t)rng_below(r, 2), (int64_t)rng_below(r, 3));
            i++;
        }
    }
    (void)m;
}
TEST(agrees_with_all_orders, .seconds = 60) {
    const conc_model *models[3] = { conc_model_queue(), conc_model_register(), conc_model_map() };
    unsigned char zero[2048] = { 0 };
    struct rng r = rng_new(1);
    long good = 0, bad = 0;
    for (long i = 0; i < scale(3000) && !harness_failed(); i++) {
        conc_history h;
        const conc_model *m = models[i % 3];
        random_history(&h, m, &r, (int)(i % 3));
        REQUIRE(m->size <= sizeof zero);
        bool expected = any_order(&h, m, 0, zero);
        conc_report got = conc_linearizable(&h, m);
        CHECK_SAY(got.ok == expected, "%s, expected %d", got.text, expected);
        *(expected ? &good : &bad) += 1;
    }
    CHECK(good > 0 && bad > 0);
}
/* 64 operations, all of one queue, eight at a time: the states that were seen keep it short. */
TEST(as_many_as_there_may_be) {
    conc_history h;
    int op[8];
    conc_history_init(&h);
    for (int i = 0; i < 8; i++) {
        for (int k = 0; k < 8; k++) op[k] = conc_op_begin(&h, i % 2 ? CONC_OP_TAKE : CONC_OP_PUT, 0, i * 8 + k);
        for (int k = 0; k < 8; k++) conc_op_end(&h, op[k], i % 2 ? (i - 1) * 8 + (k * 3 + i) % 8 : 0);
    }
    conc_report r = conc_linearizable(&h, conc_model_queue());
    CHECK_SAY(r.ok && r.steps < 100000, "%s", r.text);
}

/* ---- a model of one's own: a set of small numbers ---- */
enum { SET_ADD, SET_HAS };
static bool set_step(void *state, const conc_op *o) {
    uint64_t *set = (uint64_t *)state, bit = UINT64_C(1) << o->arg, old = *set & bit;
    if (o->code == SET_ADD) *set |= bit;
    return o->pending || o->result == (o->code == SET_ADD ? !old : old != 0);
}
static void set_init(void *state) { *(uint64_t *)state = 1; } /* 0 is always in */
static void set_show(const conc_op *o, char *text, size_t size) { (void)snprintf(text, size, "%s %d", o->code == SET_ADD ? "add" : "has", (int)o->arg); }
TEST(own_model) {
    static const conc_model set = { "set", sizeof(uint64_t), set_step, set_init, set_show };
    conc_history h;
    conc_history_init(&h);
    whole(&h, SET_HAS, 0, 0, 1), whole(&h, SET_HAS, 0, 3, 0), whole(&h, SET_ADD, 0, 3, 1), whole(&h, SET_ADD, 0, 3, 0), whole(&h, SET_HAS, 0, 3, 1);
    CHECK(explained(&h, &set));
    whole(&h, SET_HAS, 0, 4, 1);
    conc_report r = conc_linearizable(&h, &set);
    CHECK_SAY(!r.ok && strstr(r.text, "then none of these: has 4 = 1\n"), "%s", r.text);
}

/* ---- real objects ---- */
typedef conc_map(int, int) ints;
static int64_t map_get(ints m, int k) {
    int v;
    return conc_map_load(m, k, &v) ? v : CONC_NONE;
}
static int64_t map_take(ints m, int k) {
    int v;
    return conc_map_load_and_delete(m, k, &v) ? v : CONC_NONE;
}
static int64_t map_put(ints m, int k, int v) {
    conc_map_store(m, k, v);
    return 0;
}
static int64_t map_try(ints m, int k, int v) {
    int old;
    return conc_map_load_or_store(m, k, v, &old) ? old : CONC_NONE;
}
static void use_map(conc_history *h, ints m, int me) {
    (void)conc_record(h, CONC_OP_PUT, me & 1, me, map_put(m, me & 1, me));
    (void)conc_record(h, CONC_OP_GET, 1, 0, map_get(m, 1));
    (void)conc_record(h, CONC_OP_TRY, 0, 10 + me, map_try(m, 0, 10 + me));
    (void)conc_record(h, CONC_OP_TAKE, me & 1, 0, map_take(m, me & 1));
}
static void map_history(conc_history *h) {
    ints m = conc_map_make(int, int);
    conc_wg wg = CONC_WG_INIT;
    conc_history_init(h);
    for (int i = 0; i < 3; i++) conc_wg_go(&wg, use_map, h, m, i);
    conc_wg_wait(&wg);
    conc_map_free(m);
}
TEST(map_by_threads) {
    for (long i = 0; i < scale(200) && !harness_failed(); i++) {
        conc_history h;
        map_history(&h);
        conc_report r = conc_linearizable(&h, conc_model_map());
        CHECK_SAY(r.ok, "%s", r.text);
    }
}

#if defined(CONC_TEST) && !HARNESS_TSAN
static void map_body(void *arg) {
    conc_history h;
    (void)arg;
    map_history(&h);
    conc_assert_linearizable(&h, conc_model_map());
}
/* A queue of a ring and two counters; broken: the place is read, then taken in a second step. */
struct ring { conc_atomic(int) head, tail, slot[16]; conc_mutex mu; bool broken; };
static int64_t ring_put(struct ring *q, int v) {
    if (!q->broken) conc_mutex_lock(&q->mu);
    int at = conc_atomic_load(&q->tail);
    conc_atomic_store(&q->slot[at], v);
    conc_atomic_store(&q->tail, at + 1);
    if (!q->broken) conc_mutex_unlock(&q->mu);
    return 0;
}
static int64_t ring_take(struct ring *q) {
    int64_t v = CONC_NONE;
    if (!q->broken) conc_mutex_lock(&q->mu);
    int at = conc_atomic_load(&q->head);
    if (at < conc_atomic_load(&q->tail)) {
        v = conc_atomic_load(&q->slot[at]);
        conc_atomic_store(&q->head, at + 1);
    }
    if (!q->broken) conc_mutex_unlock(&q->mu);
    return v;
}
static void use_ring(conc_history *h, struct ring *q, int me) {
    (void)conc_record(h, CONC_OP_PUT, 0, me, ring_put(q, me));
    (void)conc_record(h, CONC_OP_TAKE, 0, 0, ring_take(q));
}
static void ring_body(void *mended) {
    conc_history h;
    struct ring q = { 0, 0, { 0 }, CONC_MUTEX_INIT, !mended };
    conc_wg wg = CONC_WG_INIT;
    conc_history_init(&h);
    for (int i = 1; i <= 2; i++) conc_wg_go(&wg, use_ring, &h, &q, i);
    conc_wg_wait(&wg);
    conc_assert_linearizable(&h, conc_model_queue());
}
static int64_t chan_put(chan(int) c, int v) {
    chan_send(c, v);
    return 0;
}
static int64_t chan_take(chan(int) c) {
    int v;
    return chan_try_recv(c, &v) == CONC_OK ? v : CONC_NONE;
}
static void use_chan(conc_history *h, chan(int) c, int me) {
    (void)conc_record(h, CONC_OP_PUT, 0, me, chan_put(c, me));
    (void)conc_record(h, CONC_OP_TAKE, 0, 0, chan_take(c));
    (void)conc_record(h, CONC_OP_PUT, 0, 10 + me, chan_put(c, 10 + me));
}
static void chan_body(void *arg) { /* a channel with room is a queue */
    conc_history h;
    chan(int) c = chan_make(int, 8);
    conc_wg wg = CONC_WG_INIT;
    (void)arg;
    conc_history_init(&h);
    for (int i = 1; i <= 3; i++) conc_wg_go(&wg, use_chan, &h, c, i);
    conc_wg_wait(&wg);
    conc_assert_linearizable(&h, conc_model_queue());
    chan_free(c);
}
/* Read, then write: two goroutines may both have been the first. */
static int64_t check_then_put(ints m, int k, int v) {
    int64_t old = map_get(m, k);
    if (old == CONC_NONE) (void)map_put(m, k, v);
    return old;
}
static void use_check(conc_history *h, ints m, int v) { (void)conc_record(h, CONC_OP_TRY, 5, v, check_then_put(m, 5, v)); }
static void check_body(void *arg) {
    conc_history h;
    ints m = conc_map_make(int, int);
    conc_wg wg = CONC_WG_INIT;
    (void)arg;
    conc_history_init(&h);
    for (int i = 1; i <= 2; i++) conc_wg_go(&wg, use_check, &h, m, i);
    conc_wg_wait(&wg);
    conc_map_free(m);
    conc_assert_linearizable(&h, conc_model_map());
}
TEST(right_objects_pass) {
    int yes = 1;
    conc_report r = conc_test(map_body, NULL, .schedules = 300, .seconds = 20);
    CHECK_SAY(r.ok, "%s", r.text);
    r = conc_test(chan_body, NULL, .schedules = 500, .seconds = 20);
    CHECK_SAY(r.ok, "%s", r.text);
    r = conc_test(ring_body, &yes, .schedules = 500, .seconds = 20);
    CHECK_SAY(r.ok, "%s", r.text);
    r = conc_test(ring_body, &yes, .strategy = CONC_EXHAUSTIVE);
    CHECK_SAY(r.ok && r.exhausted, "%s", r.text);
}
TEST(broken_objects_are_found) {
    for (uint64_t seed = 1; seed <= 10; seed++) {
        conc_report r = conc_test(ring_body, NULL, .seed = seed, .schedules = 500);
        CHECK_SAY(r.kind == CONC_FAIL_ASSERT && strstr(r.text, "FAIL queue: 4 operations are not linearizable\n") && strstr(r.text, "then none of these: "), "%s", r.text);
        r = conc_test(check_body, NULL, .seed = seed, .schedules = 500);
        CHECK_SAY(r.kind == CONC_FAIL_ASSERT && strstr(r.text, "the operations are not those of a map, at test_linear.c:") && strstr(r.text, "then none of these: try(5, "), "%s", r.text);
    }
    conc_report r = conc_test(ring_body, NULL, .strategy = CONC_EXHAUSTIVE);
    CHECK_EQ(r.kind, CONC_FAIL_ASSERT);
    char *token = strdup(r.token);
    r = conc_replay(ring_body, NULL, token);
    CHECK_SAY(!r.ok && strstr(r.text, "not linearizable"), "%s", r.text);
    free(token);
}
#endif
