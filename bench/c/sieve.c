/* Group sieve: concurrent prime sieve (the shape of Go's test/chan/sieve1.go): one goroutine and
   one unbuffered channel per prime.
   Twin: ../go/sieve.go. Rules: ../README.md. */
#include "bench.h"

/* Go's twin leaves its goroutines parked for ever. Here stop ends them, outside the timing. */
static void generate(chan(int64_t) out, conc_atomic(bool) *stop) {
    for (int64_t i = 2; !conc_atomic_load(stop); i++) chan_send(out, i);
    chan_close(out);
}

static void filter(chan(int64_t) in, chan(int64_t) out, int64_t prime) { /* owns in */
    chan_range(i, in)
        if (i % prime != 0) chan_send(out, i);
    chan_close(out);
    chan_free(in);
}

/* Ms for the first k primes, the last of which is want. */
static double sieve(int k, int64_t want) {
    conc_wg wg = CONC_WG_INIT;
    conc_atomic(bool) stop = false;
    int64_t last = 0, t = bench_now();
    chan(int64_t) c = chan_make(int64_t);
    conc_wg_go(&wg, generate, c, &stop);
    for (int i = 0; i < k; i++) {
        last = chan_recv(c);
        chan(int64_t) next = chan_make(int64_t);
        conc_wg_go(&wg, filter, c, next, last);
        c = next;
    }
    double ms = ms_since(t);
    if (last != want) bench_fail("prime %d is %lld, not %lld", k, (long long)last, (long long)want);
    conc_atomic_store(&stop, true);
    chan_range(v, c) (void)v;
    conc_wg_wait(&wg);
    chan_free(c);
    return ms;
}

int bench_main(void) {
    bench_head("sieve");
    BENCH("sieve.first_1000_primes", "ms", sieve(1000, 7919));
    BENCH("sieve.first_2500_primes", "ms", sieve(2500, 22307));
    BENCH("sieve.first_5000_primes", "ms", sieve(5000, 48611));
    return 0;
}
