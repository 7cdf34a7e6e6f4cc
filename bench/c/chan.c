/* Group chan: channels and select.
   Twin: ../go/chan.go. Rules: ../README.md. */
#include "bench.h"

static int64_t sink;

// ---- two goroutines ----
static void echo(chan(int64_t) a, chan(int64_t) b) {
    chan_range(v, a) chan_send(b, v);
}

static void echo_locked(chan(int64_t) a, chan(int64_t) b) {
    conc_lock_thread();
    echo(a, b);
}

static void play(chan(int64_t) a, chan(int64_t) b, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        chan_send(a, i);
        chan_recv(b);
    }
}

/* Two unbuffered channels; ns per round trip (2 sends, 2 receives). */
static double ping_pong(int64_t n, void (*partner)(chan(int64_t), chan(int64_t))) {
    conc_wg wg = CONC_WG_INIT;
    chan(int64_t) a = chan_make(int64_t), b = chan_make(int64_t);
    conc_wg_go(&wg, partner, a, b);
    int64_t t = bench_now();
    play(a, b, n);
    double ns = ns_per(t, n);
    chan_close(a);
    conc_wg_wait(&wg);
    chan_free(a), chan_free(b);
    return ns;
}

/* Both sides wired to a thread: every hop crosses threads. */
static double ping_pong_locked(int64_t n) {
    conc_lock_thread();
    double ns = ping_pong(n, echo_locked);
    conc_unlock_thread();
    return ns;
}

static void pair(int64_t n) { ping_pong(n, echo); }

/* K pairs at once; ns of wall time per round trip. */
static double ping_pong_pairs(int64_t k, int64_t n) {
    conc_wg wg = CONC_WG_INIT;
    int64_t t = bench_now();
    for (int64_t i = 0; i < k; i++) conc_wg_go(&wg, pair, n / k);
    conc_wg_wait(&wg);
    return ns_per(t, n / k * k);
}

static void produce(chan(int64_t) c, int64_t n) {
    for (int64_t i = 0; i < n; i++) chan_send(c, i);
    chan_close(c);
}

static void consume(chan(int64_t) c, chan(int64_t) done) {
    int64_t sum = 0;
    chan_range(v, c) sum += v;
    chan_send(done, sum);
}

static double spsc(int cap, int64_t n) {
    chan(int64_t) c = chan_make(int64_t, cap), done = chan_make(int64_t);
    int64_t t = bench_now();
    go(produce, c, n);
    go(consume, c, done);
    int64_t sum = chan_recv(done);
    double ns = ns_per(t, n);
    if (sum != n * (n - 1) / 2) bench_fail("spsc sum");
    chan_free(c), chan_free(done);
    return ns;
}

typedef struct fat { unsigned char b[64]; } fat;

static void produce_fat(chan(fat) c, int64_t n) {
    fat f = { { 0 } };
    for (int64_t i = 0; i < n; i++) {
        f.b[0] = (unsigned char)i;
        chan_send(c, f);
    }
    chan_close(c);
}

static void consume_fat(chan(fat) c, chan(int64_t) done) {
    int64_t sum = 0;
    chan_range(f, c) sum += f.b[0];
    chan_send(done, sum);
}

static double spsc_fat(int cap, int64_t n) {
    chan(fat) c = chan_make(fat, cap);
    chan(int64_t) done = chan_make(int64_t);
    int64_t t = bench_now(), want = 0;
    go(produce_fat, c, n);
    go(consume_fat, c, done);
    int64_t sum = chan_recv(done);
    double ns = ns_per(t, n);
    for (int64_t i = 0; i < n; i++) want += i & 255;
    if (sum != want) bench_fail("spsc_64B sum");
    chan_free(c), chan_free(done);
    return ns;
}

// ---- many goroutines ----
static void send_ones(chan(int64_t) c, int64_t n) {
    for (int64_t i = 0; i < n; i++) chan_send(c, 1);
}

typedef struct total {
    conc_mutex mutex;
    int64_t value;
} total;

static void add_up(chan(int64_t) c, total *all) {
    int64_t sum = 0;
    chan_range(v, c) sum += v;
    conc_mutex_lock(&all->mutex);
    all->value += sum;
    conc_mutex_unlock(&all->mutex);
}

static double mpmc(int p, int q, int cap, int64_t n) {
    chan(int64_t) c = chan_make(int64_t, cap);
    conc_wg producers = CONC_WG_INIT, consumers = CONC_WG_INIT;
    total all = { CONC_MUTEX_INIT, 0 };
    int64_t t = bench_now();
    for (int i = 0; i < p; i++) conc_wg_go(&producers, send_ones, c, n / p);
    for (int i = 0; i < q; i++) conc_wg_go(&consumers, add_up, c, &all);
    conc_wg_wait(&producers);
    chan_close(c);
    conc_wg_wait(&consumers);
    double ns = ns_per(t, n / p * p);
    if (all.value != n / p * p) bench_fail("mpmc sum");
    chan_free(c);
    return ns;
}

static double uncontended(int64_t n) { /* cap 1, same goroutine: send then receive; ns per pair */
    chan(int64_t) c = chan_make(int64_t, 1);
    int64_t sum = 0, t = bench_now();
    for (int64_t i = 0; i < n; i++) {
        chan_send(c, i);
        sum += chan_recv(c);
    }
    double ns = ns_per(t, n);
    sink = sum;
    chan_free(c);
    return ns;
}

// ---- select ----
static double select2_ready(int64_t n) { /* 2 cases, one ready; with the send that made it ready */
    chan(int64_t) a = chan_make(int64_t, 1), b = chan_make(int64_t, 1);
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++) {
        chan_send(a, i);
        chan_select {
            on_recv(v, a) sink = v;
            on_recv(v, b) sink = v;
        }
    }
    double ns = ns_per(t, n);
    chan_free(a), chan_free(b);
    return ns;
}

static double select2_all(int64_t n) { /* 2 cases, both always ready (closed channels) */
    chan(int64_t) a = chan_make(int64_t), b = chan_make(int64_t);
    chan_close(a), chan_close(b);
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++) {
        chan_select {
            on_recv(v, a) sink = v;
            on_recv(v, b) sink = v;
        }
    }
    double ns = ns_per(t, n);
    chan_free(a), chan_free(b);
    return ns;
}

typedef struct ten { chan(int64_t) c[10]; } ten;

static ten ten_make(int cap) {
    ten t;
    for (int i = 0; i < 10; i++) t.c[i] = chan_make(int64_t, cap);
    return t;
}

static void ten_free(ten *t) {
    for (int i = 0; i < 10; i++) chan_free(t->c[i]);
}

static void select10(ten *t) {
    chan_select {
        on_recv_into(&sink, t->c[0]) {}
        on_recv_into(&sink, t->c[1]) {}
        on_recv_into(&sink, t->c[2]) {}
        on_recv_into(&sink, t->c[3]) {}
        on_recv_into(&sink, t->c[4]) {}
        on_recv_into(&sink, t->c[5]) {}
        on_recv_into(&sink, t->c[6]) {}
        on_recv_into(&sink, t->c[7]) {}
        on_recv_into(&sink, t->c[8]) {}
        on_recv_into(&sink, t->c[9]) {}
    }
}

static double select10_ready(int64_t n) {
    ten all = ten_make(1);
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++) {
        chan_send(all.c[i % 10], i);
        select10(&all);
    }
    double ns = ns_per(t, n);
    ten_free(&all);
    return ns;
}

static double select10_all(int64_t n) {
    ten all = ten_make(0);
    for (int i = 0; i < 10; i++) chan_close(all.c[i]);
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++) select10(&all);
    double ns = ns_per(t, n);
    ten_free(&all);
    return ns;
}

static void send_in_turn(ten *all, int width, chan(int64_t) ack, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        chan_send(all->c[i % width], i);
        chan_recv(ack);
    }
}

/* Never ready on entry: parks on 2 channels, of which the sender uses one at a time; and an ack. */
static double select2_blocking(int64_t n) {
    conc_wg wg = CONC_WG_INIT;
    ten all = ten_make(0);
    chan(int64_t) a = all.c[0], b = all.c[1], ack = chan_make(int64_t);
    conc_wg_go(&wg, send_in_turn, &all, 2, ack, n);
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++) {
        chan_select {
            on_recv_into(&sink, a) {}
            on_recv_into(&sink, b) {}
        }
        chan_send(ack, 1);
    }
    double ns = ns_per(t, n);
    conc_wg_wait(&wg);
    ten_free(&all), chan_free(ack);
    return ns;
}

static double select10_blocking(int64_t n) {
    conc_wg wg = CONC_WG_INIT;
    ten all = ten_make(0);
    chan(int64_t) ack = chan_make(int64_t);
    conc_wg_go(&wg, send_in_turn, &all, 10, ack, n);
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++) {
        select10(&all);
        chan_send(ack, 1);
    }
    double ns = ns_per(t, n);
    conc_wg_wait(&wg);
    ten_free(&all), chan_free(ack);
    return ns;
}

static double select1_default(int64_t n) { /* one case, not ready, default taken */
    chan(int64_t) a = chan_make(int64_t);
    int64_t missed = 0, t = bench_now();
    for (int64_t i = 0; i < n; i++) {
        chan_select {
            on_recv_into(&sink, a) {}
            on_default missed++;
        }
    }
    double ns = ns_per(t, n);
    if (missed != n) bench_fail("default");
    chan_free(a);
    return ns;
}

static double select2_default(int64_t n) {
    chan(int64_t) a = chan_make(int64_t), b = chan_make(int64_t);
    int64_t missed = 0, t = bench_now();
    for (int64_t i = 0; i < n; i++) {
        chan_select {
            on_recv_into(&sink, a) {}
            on_recv_into(&sink, b) {}
            on_default missed++;
        }
    }
    double ns = ns_per(t, n);
    if (missed != n) bench_fail("default");
    chan_free(a), chan_free(b);
    return ns;
}

static double select10_default(int64_t n) {
    ten all = ten_make(1);
    int64_t missed = 0, t = bench_now();
    for (int64_t i = 0; i < n; i++) {
        chan_select {
            on_recv_into(&sink, all.c[0]) {}
            on_recv_into(&sink, all.c[1]) {}
            on_recv_into(&sink, all.c[2]) {}
            on_recv_into(&sink, all.c[3]) {}
            on_recv_into(&sink, all.c[4]) {}
            on_recv_into(&sink, all.c[5]) {}
            on_recv_into(&sink, all.c[6]) {}
            on_recv_into(&sink, all.c[7]) {}
            on_recv_into(&sink, all.c[8]) {}
            on_recv_into(&sink, all.c[9]) {}
            on_default missed++;
        }
    }
    double ns = ns_per(t, n);
    if (missed != n) bench_fail("default");
    ten_free(&all);
    return ns;
}

static void echo_until_quit(chan(int64_t) a, chan(int64_t) b, chan(char) quit) {
    for (;;) {
        int64_t v = 0;
        char closed;
        chan_select {
            on_recv_into(&v, a) {}
            on_recv_into(&closed, quit) return;
        }
        chan_select {
            on_send(b, v) {}
            on_recv_into(&closed, quit) return;
        }
    }
}

static double ping_pong_select(int64_t n) { /* both sides select on {send/recv, quit} */
    conc_wg wg = CONC_WG_INIT;
    chan(int64_t) a = chan_make(int64_t), b = chan_make(int64_t);
    chan(char) quit = chan_make(char);
    char closed;
    conc_wg_go(&wg, echo_until_quit, a, b, quit);
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++) {
        chan_select {
            on_send(a, i) {}
            on_recv_into(&closed, quit) {}
        }
        chan_select {
            on_recv_into(&sink, b) {}
            on_recv_into(&closed, quit) {}
        }
    }
    double ns = ns_per(t, n);
    chan_close(quit);
    conc_wg_wait(&wg);
    chan_free(a), chan_free(b), chan_free(quit);
    return ns;
}

static void serve(chan(int64_t) a, chan(int64_t) b, chan(char) quit) { /* owns a and b */
    char closed;
    for (bool open = true; open;) {
        chan_select {
            on_recv(v, a) chan_send(b, v);
            on_recv_into(&closed, quit) open = false;
        }
    }
    chan_free(a), chan_free(b);
}

static void client(chan(char) quit, int64_t n, conc_wg *servers) {
    chan(int64_t) a = chan_make(int64_t), b = chan_make(int64_t);
    int64_t answer;
    char closed;
    conc_wg_go(servers, serve, a, b, quit);
    for (int64_t i = 0; i < n; i++) {
        chan_send(a, i);
        chan_select {
            on_recv_into(&answer, b) {}
            on_recv_into(&closed, quit) {}
        }
    }
}

static double select_shared(int64_t g, int64_t n) { /* g pairs select on the same quit channel */
    conc_wg clients = CONC_WG_INIT, servers = CONC_WG_INIT;
    chan(char) quit = chan_make(char);
    for (int64_t i = 0; i < g; i++) conc_wg_go(&clients, client, quit, n / g, &servers);
    int64_t t = bench_now();
    conc_wg_wait(&clients);
    double ns = ns_per(t, n / g * g);
    chan_close(quit);
    conc_wg_wait(&servers);
    chan_free(quit);
    return ns;
}

// ---- the rest ----
static double make_and_free(int cap, int64_t n) {
    int64_t t = bench_now();
    for (int64_t i = 0; i < n; i++) {
        chan(int64_t) c = chan_make(int64_t, cap);
        chan_free(c);
    }
    return ns_per(t, n);
}

static void wait_for_close(chan(char) c, conc_wg *ready) {
    conc_wg_done(ready);
    chan_recv(c);
}

/* K goroutines parked on one channel; close; until the last has run. */
static double close_wakes(int k) {
    conc_wg ready = CONC_WG_INIT, done = CONC_WG_INIT;
    chan(char) c = chan_make(char);
    conc_wg_add(&ready, k);
    for (int i = 0; i < k; i++) conc_wg_go(&done, wait_for_close, c, &ready);
    conc_wg_wait(&ready);
    conc_sleep(20 * CONC_MS);
    int64_t t = bench_now();
    chan_close(c);
    conc_wg_wait(&done);
    double ns = ns_per(t, k);
    chan_free(c);
    return ns;
}

static void stage(chan(int64_t) in, chan(int64_t) out) {
    chan_range(v, in) chan_send(out, v + 1);
    chan_close(out);
}

static double pipeline3(int64_t n) { /* generator -> 3 stages (x + 1) -> sum, all unbuffered */
    chan(int64_t) c[4] = { chan_make(int64_t) };
    int64_t sum = 0, t = bench_now();
    go(produce, c[0], n);
    for (int i = 0; i < 3; i++) {
        c[i + 1] = chan_make(int64_t);
        go(stage, c[i], c[i + 1]);
    }
    chan_range(v, c[3]) sum += v;
    double ns = ns_per(t, n);
    if (sum != n * (n - 1) / 2 + 3 * n) bench_fail("pipeline sum");
    for (int i = 0; i < 4; i++) chan_free(c[i]);
    return ns;
}

int bench_main(void) {
    static const struct { const char *name; int cap; } spscs[] = {
        { "chan.spsc_cap0", 0 }, { "chan.spsc_cap1", 1 }, { "chan.spsc_cap16", 16 },
        { "chan.spsc_cap128", 128 }, { "chan.spsc_cap1024", 1024 },
    };
    bench_head("chan");
    BENCH("chan.pingpong_unbuf", "ns/roundtrip", ping_pong(bench_n(1000000), echo));
    BENCH("chan.pingpong_unbuf_8pairs", "ns/roundtrip", ping_pong_pairs(8, bench_n(1000000)));
    BENCH("chan.pingpong_locked_threads", "ns/roundtrip", ping_pong_locked(bench_n(30000)));
    for (size_t i = 0; i < sizeof spscs / sizeof *spscs; i++)
        BENCH(spscs[i].name, "ns/item", spsc(spscs[i].cap, bench_n(3000000)));
    BENCH("chan.spsc_64B_cap128", "ns/item", spsc_fat(128, bench_n(3000000)));
    BENCH("chan.mpmc_4x4_cap128", "ns/item", mpmc(4, 4, 128, bench_n(3000000)));
    BENCH("chan.mpmc_4x4_cap0", "ns/item", mpmc(4, 4, 0, bench_n(2000000)));
    BENCH("chan.mpmc_1x4_cap128", "ns/item", mpmc(1, 4, 128, bench_n(2000000)));
    BENCH("chan.mpmc_4x1_cap128", "ns/item", mpmc(4, 1, 128, bench_n(2000000)));
    BENCH("chan.fanin_1000x1_cap0", "ns/item", mpmc(1000, 1, 0, bench_n(1000000)));
    BENCH("chan.uncontended_sendrecv_cap1", "ns/pair", uncontended(bench_n(10000000)));
    BENCH("chan.select2_one_ready", "ns/op", select2_ready(bench_n(3000000)));
    BENCH("chan.select2_all_ready", "ns/op", select2_all(bench_n(3000000)));
    BENCH("chan.select10_one_ready", "ns/op", select10_ready(bench_n(2000000)));
    BENCH("chan.select10_all_ready", "ns/op", select10_all(bench_n(2000000)));
    BENCH("chan.select2_blocking", "ns/op", select2_blocking(bench_n(500000)));
    BENCH("chan.select10_blocking", "ns/op", select10_blocking(bench_n(500000)));
    BENCH("chan.select1_default_miss", "ns/op", select1_default(bench_n(20000000)));
    BENCH("chan.select2_default_miss", "ns/op", select2_default(bench_n(5000000)));
    BENCH("chan.select10_default_miss", "ns/op", select10_default(bench_n(2000000)));
    BENCH("chan.pingpong_select_quit", "ns/roundtrip", ping_pong_select(bench_n(500000)));
    BENCH("chan.pingpong_select_shared_quit_1000g", "ns/roundtrip",
          select_shared(1000, bench_n(500000)));
    BENCH("chan.make_unbuf", "ns/op", make_and_free(0, bench_n(3000000)));
    BENCH("chan.make_cap128", "ns/op", make_and_free(128, bench_n(1000000)));
    BENCH("chan.close_wakes_10000", "ns/waiter", close_wakes((int)bench_n(10000)));
    BENCH("chan.pipeline3_unbuf", "ns/item", pipeline3(bench_n(500000)));
    return 0;
}
