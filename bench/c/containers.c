/* Group containers: pool, concurrent map, the big-reader lock, barrier.
   Twin: ../go/containers.go. Rules: ../README.md. */
#include "bench.h"

// ---- a team: g goroutines share the work and start together ----
typedef void member_fn(void *shared, int id, int64_t n);

typedef struct team {
    member_fn *fn;
    void *shared;
    conc_wg start, done;
} team;

static void member(team *t, int id, int64_t n) {
    conc_wg_wait(&t->start);
    t->fn(t->shared, id, n);
    conc_wg_done(&t->done);
}

/* fn(shared, id, n / g) on g goroutines; ns of wall time per iteration. */
static double par(int g, int64_t n, member_fn *fn, void *shared) {
    team t = { fn, shared, CONC_WG_INIT, CONC_WG_INIT };
    conc_wg_add(&t.start, 1);
    conc_wg_add(&t.done, g);
    for (int i = 0; i < g; i++) go(member, &t, i, n / g);
    int64_t start = bench_now();
    conc_wg_done(&t.start);
    conc_wg_wait(&t.done);
    return ns_per(start, n / g * g);
}

static conc_atomic(int64_t) sink;

// ---- pool: get, touch, put of a 256-byte object ----
typedef struct obj { unsigned char b[256]; } obj;
static void *make_obj(void) { return calloc(1, sizeof(obj)); }

static void pool_member(void *shared, int id, int64_t n) {
    (void)id;
    for (int64_t i = 0; i < n; i++) {
        obj *o = conc_pool_get(shared);
        o->b[0]++;
        conc_pool_put(shared, o);
    }
}
static void burst_member(void *shared, int id, int64_t n) { /* get 16, then put 16 */
    obj *a[16];
    (void)id;
    for (int64_t i = 0; i < n; i += 16) {
        for (int j = 0; j < 16; j++) a[j] = conc_pool_get(shared), a[j]->b[0]++;
        for (int j = 0; j < 16; j++) conc_pool_put(shared, a[j]);
    }
}
static double pool(int g, int64_t n, member_fn *fn) {
    conc_pool *p = conc_pool_new(make_obj, free, 0);
    double ns = par(g, n, fn, p);
    conc_pool_free(p);
    return ns;
}

// ---- map ----
enum { KEYS = 65536 };
typedef conc_map(int64_t, int64_t) map;
typedef struct mapped { map m; unsigned write_pct; } mapped;

static void map_member(void *shared, int id, int64_t n) {
    mapped *s = shared;
    uint32_t x = (uint32_t)((uint64_t)id * 2654435761u + 12345);
    int64_t sum = 0, v;
    for (int64_t i = 0; i < n; i++) {
        uint32_t r = xorshift32(&x);
        int64_t key = r % KEYS;
        if ((r >> 16) % 100 < s->write_pct) conc_map_store(s->m, key, i);
        else if (conc_map_load(s->m, key, &v)) sum += v;
    }
    conc_atomic_fetch_add(&sink, sum);
}
static double shared_map(int g, int64_t n, unsigned write_pct) {
    mapped s = { conc_map_make(int64_t, int64_t), write_pct };
    for (int64_t i = 0; i < KEYS; i++) conc_map_store(s.m, i, i);
    double ns = par(g, n, map_member, &s);
    if (conc_map_len(s.m) != KEYS) bench_fail("map: %zu keys", conc_map_len(s.m));
    conc_map_free(s.m);
    return ns;
}
static void churn_member(void *shared, int id, int64_t n) {
    mapped *s = shared;
    int64_t v;
    for (int64_t i = 0; i < n; i++) {
        int64_t key = (int64_t)id << 32 | i;
        conc_map_store(s->m, key, i);
        (void)conc_map_load(s->m, key, &v);
        (void)conc_map_delete(s->m, key);
    }
}
static double churn(int g, int64_t n) {
    mapped s = { conc_map_make(int64_t, int64_t), 0 };
    double ns = par(g, n, churn_member, &s);
    if (conc_map_len(s.m) != 0) bench_fail("map: %zu keys left", conc_map_len(s.m));
    conc_map_free(s.m);
    return ns;
}

// ---- big-reader rwmutex ----
typedef struct rw_guarded {
    conc_rwmutex mutex;
    int64_t x;
    int64_t one_in; /* one write per one_in operations */
} rw_guarded;

static void rw_read_member(void *shared, int id, int64_t n) {
    rw_guarded *s = shared;
    (void)id;
    for (int64_t i = 0; i < n; i++) {
        conc_rwmutex_rlock(&s->mutex);
        conc_rwmutex_runlock(&s->mutex);
    }
}

static void rw_mostly_member(void *shared, int id, int64_t n) {
    rw_guarded *s = shared;
    int64_t sum = 0, one_in = s->one_in;
    (void)id;
    for (int64_t i = 0; i < n; i++) {
        if (i % one_in == 0) {
            conc_rwmutex_lock(&s->mutex);
            s->x++;
            conc_rwmutex_unlock(&s->mutex);
        } else {
            conc_rwmutex_rlock(&s->mutex);
            sum += s->x;
            conc_rwmutex_runlock(&s->mutex);
        }
    }
    conc_atomic_fetch_add(&sink, sum);
}


static double rw(int g, int64_t n, member_fn *fn, int64_t one_in) {
    rw_guarded s = { CONC_RWMUTEX_INIT, 0, one_in };
    if (conc_rwmutex_init_big(&s.mutex) != CONC_OK) bench_fail("no memory");
    double ns = par(g, n, fn, &s);
    conc_rwmutex_destroy(&s.mutex);
    return ns;
}

// ---- barrier ----
static void barrier_member(void *shared, int id, int64_t n) {
    (void)id;
    for (int64_t i = 0; i < n; i++) (void)conc_barrier_wait(shared);
}
static double barrier(int g, int64_t rounds) { /* per round */
    conc_barrier b;
    conc_barrier_init(&b, g);
    return par(g, g * rounds, barrier_member, &b) * g;
}

int bench_main(void) {
    bench_head("containers");
    int P = conc_set_procs(0);
    BENCH("containers.pool_1g", "ns/op", pool(1, bench_n(10000000), pool_member));
    BENCH("containers.pool_Pg", "ns/op", pool(P, bench_n(10000000), pool_member));
    BENCH("containers.pool_burst16_8g", "ns/op", pool(8, bench_n(10000000), burst_member));
    BENCH("containers.map_90_10_1g", "ns/op", shared_map(1, bench_n(3000000), 10));
    BENCH("containers.map_90_10_8g", "ns/op", shared_map(8, bench_n(3000000), 10));
    BENCH("containers.map_100_0_8g", "ns/op", shared_map(8, bench_n(5000000), 0));
    BENCH("containers.map_50_50_8g", "ns/op", shared_map(8, bench_n(2000000), 50));
    BENCH("containers.map_churn_8g", "ns/op", churn(8, bench_n(1000000)));
    BENCH("containers.rwmutex_big_rlock_1g", "ns/op", rw(1, bench_n(20000000), rw_read_member, 0));
    BENCH("containers.rwmutex_big_rlock_8g", "ns/op", rw(8, bench_n(20000000), rw_read_member, 0));
    BENCH("containers.rwmutex_big_1in1000_8g", "ns/op", rw(8, bench_n(4000000), rw_mostly_member, 1000));
    BENCH("containers.barrier_8g", "ns/round", barrier(8, bench_n(100000)));
    BENCH("containers.barrier_100g", "ns/round", barrier(100, bench_n(10000)));
    return 0;
}
