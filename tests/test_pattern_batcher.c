/* patterns/batcher.h: by size, by time, flush, close, error, back-pressure, order. What takes exactly so long is in
   test_explorer_limit.c. */
#include "harness.h"
#include "patterns/batcher.h"

struct item { int from, n; char more[5]; }; /* 16 bytes */
struct sink {
    chan(char) gate;            /* not NULL: each put receives from it */
    int fail_at;                /* this put, counted from 1, returns -7 */
    conc_atomic(int) puts, items, begun;
    int sizes[64], last[16];    /* of each batch; the last number of each sender */
    bool saw_cancel;
};
static int put(conc_ctx *ctx, struct sink *s, const struct item *items, size_t n) {
    char none;
    conc_atomic_fetch_add(&s->begun, 1);
    if (s->gate && chan_recv_ctx(s->gate, &none, ctx) != CONC_OK) {
        s->saw_cancel = conc_ctx_err(ctx) == CONC_CANCELED;
        if (s->saw_cancel) return -9;
    }
    for (size_t i = 0; i < n; i++) {
        CHECK_EQ(items[i].n, s->last[items[i].from] + 1);
        s->last[items[i].from] = items[i].n;
    }
    int at = conc_atomic_fetch_add(&s->puts, 1);
    if (at < 64) s->sizes[at] = (int)n;
    conc_atomic_fetch_add(&s->items, (int)n);
    return at + 1 == s->fail_at ? -7 : 0;
}
typedef batcher(struct item) items;
static struct item item(int from, int n) { return (struct item){ from, n, "abcd" }; }
static void add(items b, int from, int first, int last) {
    for (int i = first; i <= last; i++) CHECK_EQ(batcher_add(b, NULL, item(from, i)), 0);
}

TEST(nothing) {
    struct sink s = { 0 };
    items b = batcher_make(struct item, 3, CONC_HOUR, 3, put, &s);
    CHECK(batcher_flush(b, NULL) == 0 && batcher_close(b, NULL) == 0 && batcher_close(b, NULL) == 0 && batcher_flush(b, NULL) == 0);
    CHECK_EQ(batcher_add(b, NULL, item(0, 1)), CONC_CLOSED);
    batcher_free(b);
    b = batcher_make(struct item, 3, CONC_HOUR, 3, put, &s);
    batcher_free(b);
    batcher_free((items)NULL);
    CHECK_EQ(s.puts, 0);
}
TEST(by_size) {
    struct sink s = { 0 };
    items b = batcher_make(struct item, 4, CONC_FOREVER, 7, put, &s); /* the ring turns within batches */
    add(b, 0, 1, 40);
    CHECK(wait_for(&s.items, 40));
    for (int i = 0; i < 10; i++) CHECK_EQ(s.sizes[i], 4);
    add(b, 0, 41, 43);
    CHECK(settle());
    CHECK(s.items == 40 && batcher_get_stats(b).queued == 3);
    CHECK_EQ(batcher_close(b, NULL), 0);
    CHECK(s.items == 43 && s.sizes[10] == 3);
    struct batcher_stats t = batcher_get_stats(b);
    CHECK(t.added == 43 && t.put == 43 && t.dropped == 0 && t.batches == 11 && t.full == 10 && t.queued == 0);
    batcher_free(b);
}
TEST(by_time) {
    struct sink s = { 0 };
    items b = batcher_make(struct item, 100, CONC_MS, 100, put, &s);
    add(b, 0, 1, 1);
    CHECK(wait_for(&s.items, 1));
    add(b, 0, 2, 3);
    CHECK(wait_for(&s.items, 3));
    batcher_free(b);
    CHECK_EQ(batcher_get_stats((b = batcher_make(struct item, 1, 0, 1, put, &s))).added, 0); /* one by one */
    add(b, 0, 4, 9);
    CHECK(batcher_close(b, NULL) == 0 && s.items == 9 && batcher_get_stats(b).full == 6);
    batcher_free(b);
}
TEST(flush) {
    struct sink s = { 0 };
    items b = batcher_make(struct item, 10, CONC_HOUR, 100, put, &s);
    for (int i = 0; i < 5; i++) {
        add(b, 0, 3 * i + 1, 3 * i + 3);
        CHECK(batcher_flush(b, NULL) == 0 && s.items == 3 * i + 3);
    }
    batcher_free(b);
}

static void adder(items b, conc_ctx *ctx, int from, int n, int *err) {
    *err = 0;
    for (int i = 1; i <= n && *err == 0; i++) *err = batcher_add(b, ctx, item(from, i));
}
static void flusher(items b, conc_ctx *ctx, int *err) { *err = batcher_flush(b, ctx); }
/* put does not come back: adds wait, a flush waits; each ends with its context, or with the close. */
TEST(back_pressure) {
    struct sink s = { .gate = chan_make(char) };
    items b = batcher_make(struct item, 2, CONC_HOUR, 2, put, &s);
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    int err[4] = { -1, -1, -1, -1 };
    conc_wg wg = CONC_WG_INIT;
    add(b, 0, 1, 2);
    CHECK(wait_for(&s.begun, 1));
    add(b, 0, 3, 4); /* the queue is full */
    CHECK_EQ(batcher_try_add(b, item(0, 5)), CONC_WOULD_BLOCK);
    conc_wg_go(&wg, adder, b, ctx, 1, 1, &err[0]);
    conc_wg_go(&wg, flusher, b, ctx, &err[1]);
    CHECK(settle());
    conc_ctx_cancel(ctx);
    conc_wg_wait(&wg);
    CHECK(err[0] == CONC_CANCELED && err[1] == CONC_CANCELED);
    conc_wg_go(&wg, adder, b, NULL, 1, 1, &err[2]);
    CHECK(settle());
    CHECK_EQ(batcher_close(b, ctx), CONC_CANCELED); /* and put's context is cancelled now */
    conc_wg_wait(&wg);
    CHECK(err[2] == CONC_CLOSED || err[2] == -9); /* put may have failed before it looked */
    CHECK_EQ(batcher_close(b, NULL), -9);
    CHECK(s.saw_cancel && s.items == 0);
    struct batcher_stats t = batcher_get_stats(b);
    CHECK(t.added == 4 && t.put == 2 && t.dropped == 2);
    batcher_free(b);
    conc_ctx_free(ctx);
    chan_free(s.gate);
}
/* The first error is final: what is queued is dropped, and everybody hears of it. */
TEST(error) {
    struct sink s = { .gate = chan_make(char), .fail_at = 2 };
    items b = batcher_make(struct item, 2, CONC_HOUR, 4, put, &s);
    int err[2] = { -1, -1 };
    conc_wg wg = CONC_WG_INIT;
    add(b, 0, 1, 6); /* two in put's hands, four queued */
    conc_wg_go(&wg, adder, b, NULL, 1, 9, &err[0]);
    conc_wg_go(&wg, flusher, b, NULL, &err[1]);
    CHECK(settle());
    chan_close(s.gate);
    conc_wg_wait(&wg);
    CHECK(err[0] == -7 && err[1] == -7);
    CHECK(batcher_add(b, NULL, item(0, 7)) == -7 && batcher_try_add(b, item(0, 7)) == -7 && batcher_flush(b, NULL) == -7);
    CHECK_EQ(batcher_close(b, NULL), -7);
    struct batcher_stats t = batcher_get_stats(b);
    CHECK(s.puts == 2 && t.put == 4 && t.added == t.put + t.dropped && t.queued == 0);
    batcher_free(b);
    chan_free(s.gate);
}
TEST(free_in_the_middle) {
    struct sink s = { .gate = chan_make(char) };
    items b = batcher_make(struct item, 2, 0, 8, put, &s);
    add(b, 0, 1, 7);
    CHECK(wait_for(&s.begun, 1));
    batcher_free(b);
    CHECK(s.saw_cancel && s.begun == 1);
    chan_free(s.gate);
}

static void *foreign(void *p) {
    int err;
    adder((items)p, NULL, 15, 500, &err);
    CHECK_EQ(err, 0);
    return NULL;
}
/* Nothing is lost, nobody's items change places (put checks that). */
TEST(many) {
    struct sink s = { 0 };
    items b = batcher_make(struct item, 7, CONC_US, 20, put, &s);
    int err[10];
    conc_wg wg = CONC_WG_INIT;
    pthread_t t = thread_start(foreign, (void *)b);
    for (int i = 0; i < 10; i++) conc_wg_go(&wg, adder, b, NULL, i, 100, &err[i]);
    conc_wg_wait(&wg);
    thread_join(t);
    CHECK_EQ(batcher_close(b, NULL), 0);
    CHECK_EQ(s.items, 1500);
    batcher_free(b);
}

CRASH(batcher_no_room, "batcher_make: batches of 5 in a queue of 4") {
    static struct sink s;
    (void)batcher_make(struct item, 5, 0, 4, put, &s);
}
