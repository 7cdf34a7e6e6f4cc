/* Group skynet: the 1e6-leaf skynet tree (each node spawns 10 children, leaves send their ordinal,
   parents sum).
   Twin: ../go/skynet.go. Rules: ../README.md. */
#include "bench.h"

typedef void skynet_fn(chan(int64_t) c, int64_t num, int64_t size, int64_t div);

static void skynet(chan(int64_t) c, int64_t num, int64_t size, int64_t div) {
    if (size == 1) {
        chan_send(c, num);
        return;
    }
    chan(int64_t) rc = chan_make(int64_t);
    int64_t sum = 0;
    for (int64_t i = 0; i < div; i++) go(skynet, rc, num + i * (size / div), size / div, div);
    for (int64_t i = 0; i < div; i++) sum += chan_recv(rc);
    chan_free(rc);
    chan_send(c, sum);
}

/* As above with channels of capacity 10: leaves never park. */
static void skynet_buffered(chan(int64_t) c, int64_t num, int64_t size, int64_t div) {
    if (size == 1) {
        chan_send(c, num);
        return;
    }
    chan(int64_t) rc = chan_make(int64_t, div);
    int64_t sum = 0;
    for (int64_t i = 0; i < div; i++)
        go(skynet_buffered, rc, num + i * (size / div), size / div, div);
    for (int64_t i = 0; i < div; i++) sum += chan_recv(rc);
    chan_free(rc);
    chan_send(c, sum);
}

static double run(skynet_fn *fn) {
    chan(int64_t) c = chan_make(int64_t);
    int64_t t = bench_now();
    go(fn, c, 0, 1000000, 10);
    int64_t sum = chan_recv(c);
    double ms = ms_since(t);
    if (sum != 499999500000) bench_fail("skynet sum %lld", (long long)sum);
    chan_free(c);
    return ms;
}

int bench_main(void) {
    bench_head("skynet");
    BENCH("skynet.unbuf_1e6", "ms", run(skynet));
    BENCH("skynet.buf10_1e6", "ms", run(skynet_buffered));
    return 0;
}
