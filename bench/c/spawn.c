/* Group spawn: cost of starting, running and joining goroutines that do nothing.
   Twin: ../go/spawn.go. Rules: ../README.md. */
#include "bench.h"

static void finish(conc_wg *wg) { conc_wg_done(wg); }

static double spawn_wg(int64_t n) { /* one spawner, all n joined once through one WaitGroup */
    conc_wg wg = CONC_WG_INIT;
    conc_wg_add(&wg, (int)n);
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++) go(finish, &wg);
    conc_wg_wait(&wg);
    return ns_per(t, n);
}

/* Batches of b, joined per batch: at most b alive. */
static double spawn_batch(int64_t n, int64_t b) {
    conc_wg wg = CONC_WG_INIT;
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i += b) {
        conc_wg_add(&wg, (int)b);
        for (int64_t j = 0; j < b; j++) go(finish, &wg);
        conc_wg_wait(&wg);
    }
    return ns_per(t, n);
}

static void send_one(chan(char) c) { chan_send(c, 0); }

/* Spawn one, wait for it over an unbuffered channel, next. */
static double spawn_seq_join(int64_t n) {
    chan(char) c = chan_make(char);
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++) {
        go(send_one, c);
        chan_recv(c);
    }
    double ns = ns_per(t, n);
    chan_free(c);
    return ns;
}

static void spawner(int64_t n, conc_wg *wg) {
    for (int64_t i = 0; i < n; i++) go(finish, wg);
}

static double spawn_par(int64_t n, int64_t k) { /* k spawner goroutines, n/k each */
    conc_wg wg = CONC_WG_INIT, spawners = CONC_WG_INIT;
    conc_wg_add(&wg, (int)(n / k * k));
    int64_t t = bench_now();
    for (int64_t j = 0; j < k; j++) conc_wg_go(&spawners, spawner, n / k, &wg);
    conc_wg_wait(&wg);
    double ns = ns_per(t, n / k * k);
    conc_wg_wait(&spawners); /* they may still be on their way out, with a pointer to wg */
    return ns;
}

static void tree(int depth, conc_wg *up) { /* binary: every goroutine spawns 2 and waits for them */
    if (depth > 0) {
        conc_wg wg = CONC_WG_INIT;
        conc_wg_add(&wg, 2);
        go(tree, depth - 1, &wg);
        go(tree, depth - 1, &wg);
        conc_wg_wait(&wg);
    }
    conc_wg_done(up);
}

static double spawn_tree(int depth) {
    conc_wg wg = CONC_WG_INIT;
    conc_wg_add(&wg, 1);
    int64_t t = bench_now();
    go(tree, depth, &wg);
    conc_wg_wait(&wg);
    return ns_per(t, (INT64_C(1) << (depth + 1)) - 1);
}

/* Each starts the next and exits; the last one signals. */
static void chain(int64_t k, chan(char) done) {
    if (k == 0)
        chan_close(done);
    else
        go(chain, k - 1, done);
}

static double spawn_chain(int64_t n) {
    chan(char) done = chan_make(char);
    int64_t t = bench_now();
    go(chain, n, done);
    chan_recv(done);
    double ns = ns_per(t, n);
    chan_free(done);
    return ns;
}

__attribute__((noinline)) static unsigned char touch_4k(int x) {
    unsigned char b[4096] = { 0 }; /* Go's array is zeroed, too */
    bench_touch(b);
    for (int i = 0; i < (int)sizeof b; i += 512) b[i] = (unsigned char)(i + x);
    bench_touch(b);
    return b[x & 4095];
}

static void touch_and_finish(conc_wg *wg) {
    (void)bench_opaque(touch_4k(3));
    conc_wg_done(wg);
}

static double spawn_stack(int64_t n) { /* batches of 100; each body touches 4 KiB of its stack */
    conc_wg wg = CONC_WG_INIT;
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i += 100) {
        conc_wg_add(&wg, 100);
        for (int j = 0; j < 100; j++) go(touch_and_finish, &wg);
        conc_wg_wait(&wg);
    }
    return ns_per(t, n);
}

int bench_main(void) {
    bench_head("spawn");
    BENCH("spawn.wg_1e6", "ns/goroutine", spawn_wg(bench_n(1000000)));
    BENCH("spawn.batch100", "ns/goroutine", spawn_batch(bench_n(1000000), 100));
    BENCH("spawn.seq_join", "ns/goroutine", spawn_seq_join(bench_n(300000)));
    BENCH("spawn.par_spawners_P", "ns/goroutine", spawn_par(bench_n(1000000), conc_set_procs(0)));
    BENCH("spawn.tree_depth18", "ns/goroutine", spawn_tree(18));
    BENCH("spawn.chain_3e5", "ns/goroutine", spawn_chain(bench_n(300000)));
    BENCH("spawn.batch100_touch4k", "ns/goroutine", spawn_stack(bench_n(300000)));
    return 0;
}
