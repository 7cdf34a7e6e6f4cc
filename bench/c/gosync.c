/* Group sync: mutexes, atomics, WaitGroup, Once, Cond.
   Twin: ../go/gosync.go. Rules: ../README.md.
   Pool and Map: group containers. */
#include "bench.h"
#define STB_DS_IMPLEMENTATION
#if __has_include(<stb/stb_ds.h>)
#include <stb/stb_ds.h>
#else
#include <stb_ds.h>
#endif

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

// ---- mutex ----
static double mutex_plain(int64_t n) {
    static int64_t shared;
    conc_mutex mutex = CONC_MUTEX_INIT;
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++) {
        conc_mutex_lock(&mutex);
        shared++;
        conc_mutex_unlock(&mutex);
    }
    return ns_per(t, n);
}

typedef struct guarded {
    conc_mutex mutex;
    uint64_t x;
} guarded;

static void mutex_member(void *shared, int id, int64_t n) {
    guarded *s = shared;
    (void)id;
    for (int64_t i = 0; i < n; i++) {
        conc_mutex_lock(&s->mutex);
        s->x++;
        conc_mutex_unlock(&s->mutex);
    }
}

static double mutex_g(int g, int64_t n) { /* empty critical section but for one increment */
    guarded s = { CONC_MUTEX_INIT, 0 };
    double ns = par(g, n, mutex_member, &s);
    if (s.x != (uint64_t)(n / g * g)) bench_fail("mutex: lost an increment");
    return ns;
}

static uint64_t work(int k) { /* k multiply-adds of local work */
    uint64_t x = bench_opaque((uint64_t)1);
    for (int i = 0; i < k; i++) x = x * 1664525 + 1013904223;
    return x;
}

static void mutex_work_member(void *shared, int id, int64_t n) {
    guarded *s = shared;
    uint64_t sum = 0;
    (void)id;
    for (int64_t i = 0; i < n; i++) {
        sum += work(100);
        conc_mutex_lock(&s->mutex);
        s->x += work(20);
        conc_mutex_unlock(&s->mutex);
    }
    conc_atomic_fetch_add(&sink, (int64_t)sum);
}

static double mutex_work(int g, int64_t n) { /* 100 steps outside and 20 inside the lock */
    guarded s = { CONC_MUTEX_INIT, 0 };
    return par(g, n, mutex_work_member, &s);
}

// ---- rwmutex ----
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

static double rw_read(int g, int64_t n) { /* read lock only */
    rw_guarded s = { CONC_RWMUTEX_INIT, 0, 0 };
    return par(g, n, rw_read_member, &s);
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

static double rw_mostly(int g, int64_t n, int64_t one_in) {
    rw_guarded s = { CONC_RWMUTEX_INIT, 0, one_in };
    double ns = par(g, n, rw_mostly_member, &s);
    if (s.x != (n / g + one_in - 1) / one_in * g) bench_fail("rwmutex: lost an increment");
    return ns;
}

// ---- atomics: they are C's own; the lines show the machine's floor ----
static void atomic_add_member(void *shared, int id, int64_t n) {
    conc_atomic(int64_t) *x = shared;
    (void)id;
    for (int64_t i = 0; i < n; i++) conc_atomic_fetch_add(x, 1);
}

static double atomic_add(int g, int64_t n) {
    conc_atomic(int64_t) x = 0;
    double ns = par(g, n, atomic_add_member, &x);
    if (conc_atomic_load(&x) != n / g * g) bench_fail("atomic");
    return ns;
}

static void atomic_cas_member(void *shared, int id, int64_t n) {
    conc_atomic(int64_t) *x = shared;
    (void)id;
    for (int64_t i = 0; i < n; i++) {
        int64_t seen;
        do seen = conc_atomic_load(x);
        while (!conc_atomic_compare_exchange(x, &seen, seen + 1));
    }
}

static double atomic_cas_loop(int g, int64_t n) {
    conc_atomic(int64_t) x = 0;
    return par(g, n, atomic_cas_member, &x);
}

// ---- WaitGroup, Once ----
static void wg_member(void *shared, int id, int64_t n) {
    conc_wg *wg = shared;
    (void)id;
    for (int64_t i = 0; i < n; i++) {
        conc_wg_add(wg, 1);
        conc_wg_done(wg);
    }
}

static double wg_add_done(int g, int64_t n) { /* add(1) and done() on one WaitGroup */
    conc_wg wg = CONC_WG_INIT;
    double ns = par(g, n, wg_member, &wg);
    conc_wg_wait(&wg);
    return ns;
}

static double wg_round(int64_t n, int b) { /* add(b), b goroutines done, wait: per round */
    conc_wg wg = CONC_WG_INIT;
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++) {
        conc_wg_add(&wg, b);
        for (int j = 0; j < b; j++) go(conc_wg_done, &wg);
        conc_wg_wait(&wg);
    }
    return ns_per(t, n);
}

static void nothing(void *arg) { (void)arg; }

static void once_member(void *shared, int id, int64_t n) {
    (void)id;
    for (int64_t i = 0; i < n; i++) conc_once_do(shared, nothing, NULL);
}

static double once(int g, int64_t n) {
    conc_once o = CONC_ONCE_INIT;
    return par(g, n, once_member, &o);
}

// ---- Cond ----
typedef struct turns {
    conc_mutex mutex;
    conc_cond cond[2];
    int turn;
} turns;

static void second_player(turns *s, int64_t n) {
    conc_mutex_lock(&s->mutex);
    for (int64_t i = 0; i < n; i++) {
        while (s->turn != 1) conc_cond_wait(&s->cond[1], &s->mutex);
        s->turn = 0;
        conc_cond_signal(&s->cond[0]);
    }
    conc_mutex_unlock(&s->mutex);
}

/* Two goroutines alternate under one mutex and one cond each. */
static double cond_ping_pong(int64_t n) {
    turns s = { CONC_MUTEX_INIT, { CONC_COND_INIT, CONC_COND_INIT }, 0 };
    conc_wg wg = CONC_WG_INIT;
    int64_t t = bench_now();
    conc_wg_go(&wg, second_player, &s, n);
    conc_mutex_lock(&s.mutex);
    for (int64_t i = 0; i < n; i++) {
        s.turn = 1;
        conc_cond_signal(&s.cond[1]);
        while (s.turn != 0) conc_cond_wait(&s.cond[0], &s.mutex);
    }
    conc_mutex_unlock(&s.mutex);
    conc_wg_wait(&wg);
    return ns_per(t, n);
}

typedef struct crowd {
    conc_mutex mutex;
    conc_cond cond;
    int64_t size, rounds, round, in;
    chan(char) all; /* told when the last one has come in */
} crowd;

static void crowd_member(crowd *s) {
    for (int64_t r = 0; r < s->rounds; r++) {
        conc_mutex_lock(&s->mutex);
        int64_t mine = s->round;
        if (++s->in == s->size) chan_send(s->all, 1);
        while (mine == s->round) conc_cond_wait(&s->cond, &s->mutex);
        conc_mutex_unlock(&s->mutex);
    }
}

/* K waiters, broadcast, all go on: per waiter. */
static double cond_broadcast(int k, int64_t rounds) {
    crowd s = { CONC_MUTEX_INIT, CONC_COND_INIT, k, rounds, 0, 0, chan_make(char, 1) };
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < k; i++) conc_wg_go(&wg, crowd_member, &s);
    int64_t t = bench_now();
    for (int64_t r = 0; r < rounds; r++) {
        chan_recv(s.all);
        conc_mutex_lock(&s.mutex);
        s.in = 0;
        s.round++;
        conc_cond_broadcast(&s.cond);
        conc_mutex_unlock(&s.mutex);
    }
    conc_wg_wait(&wg);
    double ns = ns_per(t, k * rounds);
    chan_free(s.all);
    return ns;
}

// ---- a hash map under a RWMutex ----
enum { KEYS = 65536 };
typedef struct entry {
    int64_t key, value;
} entry;

typedef struct rw_map {
    conc_rwmutex mutex;
    entry *map;
    unsigned write_pct;
} rw_map;

/* The _ts lookup writes to neither the table nor its header: readers may share the table. */
static int64_t map_get(const rw_map *s, int64_t key) {
    entry *map = s->map;
    ptrdiff_t at;
    return hmget_ts(map, key, at);
}

static void map_member(void *shared, int id, int64_t n) {
    rw_map *s = shared;
    uint32_t x = (uint32_t)((uint64_t)id * 2654435761u + 12345);
    int64_t sum = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t r = xorshift32(&x);
        int64_t key = r % KEYS;
        if ((r >> 16) % 100 < s->write_pct) {
            conc_rwmutex_lock(&s->mutex);
            hmput(s->map, key, i);
            conc_rwmutex_unlock(&s->mutex);
        } else {
            conc_rwmutex_rlock(&s->mutex);
            sum += map_get(s, key);
            conc_rwmutex_runlock(&s->mutex);
        }
    }
    conc_atomic_fetch_add(&sink, sum);
}

static double rw_mutex_map(int g, int64_t n, unsigned write_pct) {
    rw_map s = { CONC_RWMUTEX_INIT, NULL, write_pct };
    for (int64_t i = 0; i < KEYS; i++) hmput(s.map, i, i);
    double ns = par(g, n, map_member, &s);
    if (hmlen(s.map) != KEYS) bench_fail("map: %td keys", hmlen(s.map));
    hmfree(s.map);
    return ns;
}

int bench_main(void) {
    bench_head("sync");
    BENCH("sync.mutex_uncontended", "ns/op", mutex_plain(bench_n(50000000)));
    BENCH("sync.mutex_2g", "ns/op", mutex_g(2, bench_n(4000000)));
    BENCH("sync.mutex_8g", "ns/op", mutex_g(8, bench_n(4000000)));
    BENCH("sync.mutex_1000g", "ns/op", mutex_g(1000, bench_n(4000000)));
    BENCH("sync.mutex_work_8g", "ns/op", mutex_work(8, bench_n(2000000)));
    BENCH("sync.mutex_work_1000g", "ns/op", mutex_work(1000, bench_n(2000000)));
    BENCH("sync.rwmutex_rlock_1g", "ns/op", rw_read(1, bench_n(20000000)));
    BENCH("sync.rwmutex_rlock_8g", "ns/op", rw_read(8, bench_n(8000000)));
    BENCH("sync.rwmutex_mostly_1in100_8g", "ns/op", rw_mostly(8, bench_n(4000000), 100));
    BENCH("sync.rwmutex_mostly_1in10_8g", "ns/op", rw_mostly(8, bench_n(4000000), 10));
    BENCH("sync.atomic_add_1g", "ns/op", atomic_add(1, bench_n(20000000)));
    BENCH("sync.atomic_add_8g", "ns/op", atomic_add(8, bench_n(20000000)));
    BENCH("sync.atomic_cas_loop_8g", "ns/op", atomic_cas_loop(8, bench_n(10000000)));
    BENCH("sync.waitgroup_add_done_1g", "ns/op", wg_add_done(1, bench_n(10000000)));
    BENCH("sync.waitgroup_add_done_8g", "ns/op", wg_add_done(8, bench_n(10000000)));
    BENCH("sync.waitgroup_round_16g", "ns/round", wg_round(bench_n(50000), 16));
    BENCH("sync.once_8g", "ns/op", once(8, bench_n(20000000)));
    BENCH("sync.cond_pingpong", "ns/roundtrip", cond_ping_pong(bench_n(300000)));
    BENCH("sync.cond_broadcast_1000", "ns/waiter", cond_broadcast(1000, bench_n(200)));
    BENCH("sync.rwmutex_map_90_10_8g", "ns/op", rw_mutex_map(8, bench_n(3000000), 10));
    return 0;
}
