/* patterns/any.h: the first of contexts and channels, as a context and as a wait; nothing left when none fires; misuse. */
#include "harness.h"
#include "patterns/any.h"

enum { N = 5 };
struct set { struct any a; conc_ctx *ctx[N]; chan(char) chan[N]; };
static void make(struct set *s, conc_ctx *parent) { /* contexts at 0, 2, 4 ..., channels at 1, 3, 5 ... */
    REQUIRE(any_init(&s->a, parent) == CONC_OK);
    for (int i = 0; i < N; i++) {
        s->ctx[i] = conc_ctx_with_cancel(conc_ctx_background());
        s->chan[i] = chan_make(char);
        CHECK_EQ(any_add_ctx(&s->a, s->ctx[i]), CONC_OK);
        CHECK_EQ(any_add_chan(&s->a, s->chan[i]), CONC_OK);
    }
}
static void unmake(struct set *s) {
    any_free(&s->a);
    for (int i = 0; i < N; i++) conc_ctx_free(s->ctx[i]), chan_free(s->chan[i]);
}
static void fire(struct set *s, int i) {
    if (i % 2 == 0) conc_ctx_cancel_cause(s->ctx[i / 2], -i - 1);
    else chan_close(s->chan[i / 2]);
}

TEST(each) {
    for (int i = 0; i < 2 * N; i++) {
        struct set s;
        make(&s, NULL);
        conc_ctx *ctx = any_start(&s.a);
        CHECK(ctx == any_start(&s.a));
        CHECK_EQ(conc_ctx_err(ctx), CONC_OK);
        CHECK_EQ(any_which(&s.a), -1);
        fire(&s, i);
        (void)chan_recv(conc_ctx_done(ctx));
        CHECK_EQ(any_which(&s.a), i);
        CHECK_EQ(conc_ctx_cause(ctx), i % 2 == 0 ? -i - 1 : CONC_CANCELED);
        unmake(&s);
    }
}
TEST(fired_before) {
    struct set s;
    make(&s, NULL);
    fire(&s, 3), fire(&s, 6);
    (void)chan_recv(conc_ctx_done(any_start(&s.a)));
    CHECK(any_which(&s.a) == 3 || any_which(&s.a) == 6);
    unmake(&s);
}
/* Nothing ever fires: the goroutine is gone with any_free, or with the parent. */
TEST(never) {
    int64_t before = conc_num_goroutines();
    struct set s;
    make(&s, NULL);
    unmake(&s); /* not even started */
    make(&s, NULL);
    conc_ctx *ctx = conc_ctx_ref(any_start(&s.a));
    CHECK_EQ(conc_num_goroutines(), before + 1); /* however many there are to watch */
    unmake(&s);
    CHECK(wait_goroutines(before)); /* it has ended; that it is no longer counted may be a moment later */
    CHECK_EQ(conc_ctx_err(ctx), CONC_CANCELED);
    conc_ctx_unref(ctx);
}
TEST(parent) {
    conc_ctx *parent = conc_ctx_with_cancel(conc_ctx_background());
    int64_t before = conc_num_goroutines();
    struct set s;
    make(&s, parent);
    conc_ctx *ctx = any_start(&s.a);
    conc_ctx_cancel_cause(parent, -50);
    CHECK_EQ(conc_ctx_cause(ctx), -50);
    CHECK(wait_goroutines(before));
    CHECK_EQ(any_which(&s.a), -1);
    unmake(&s);
    conc_ctx_free(parent);
}
TEST(none_and_null) {
    struct any a;
    REQUIRE(any_init(&a, NULL) == CONC_OK);
    any_free(&a);
    REQUIRE(any_init(&a, NULL) == CONC_OK);
    CHECK_EQ(any_add_ctx(&a, NULL), CONC_OK);
    CHECK_EQ(any_add_chan(&a, (chan(char))NULL), CONC_OK);
    CHECK_EQ(conc_ctx_err(any_start(&a)), CONC_OK);
    CHECK(settle());
    CHECK_EQ(conc_ctx_err(any_start(&a)), CONC_OK); /* they never fire */
    any_free(&a);
}

TEST(wait) {
    struct set s;
    conc_ctx *over = conc_ctx_with_cancel(conc_ctx_background());
    make(&s, NULL);
    conc_ctx_cancel(over);
    CHECK_EQ(any_wait(&s.a, over), -1);
    conc_ctx *soon = conc_ctx_with_timeout(conc_ctx_background(), CONC_MS);
    CHECK_EQ(any_wait(&s.a, soon), -1);
    for (int i = 0; i < 3; i++) {
        conc_wg wg = CONC_WG_INIT;
        if (i == 0) conc_wg_go(&wg, fire, &s, 7);
        CHECK_EQ(any_wait(&s.a, NULL), 7); /* again: still */
        conc_wg_wait(&wg);
    }
    CHECK_EQ(any_wait(&s.a, over), -1);
    unmake(&s);
    conc_ctx_free(over), conc_ctx_free(soon);
    conc_ctx *parent = conc_ctx_with_cancel(conc_ctx_background());
    make(&s, parent);
    conc_ctx_cancel(parent);
    CHECK_EQ(any_wait(&s.a, NULL), -1);
    unmake(&s);
    conc_ctx_free(parent);
}

TEST(recv) {
    chan(int) c[20];
    int v = 5;
    bool ok = false;
    for (int i = 0; i < 20; i++) c[i] = chan_make(int, 1); /* more than a select keeps without memory */
    chan_send(c[17], 42);
    CHECK_EQ(any_recv(NULL, c, 20, &v, &ok), 17);
    CHECK(v == 42 && ok);
    chan_close(c[3]);
    CHECK_EQ(any_recv(NULL, c, 20, &v, &ok), 3);
    CHECK(v == 0 && !ok);
    chan_free(c[3]);
    c[3] = NULL;
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_MS);
    CHECK_EQ(any_recv(ctx, c, 20, &v, &ok), -1);
    CHECK_EQ(any_recv(ctx, c, 2, &v, &ok), -1);
    CHECK_EQ(any_recv(ctx, c, 0, &v, NULL), -1);
    CHECK(!ok);
    conc_ctx_free(ctx);
    const recv_chan(int) one[1] = { c[0] };
    chan_send(c[0], 9);
    CHECK_EQ(any_recv(NULL, one, 1, &v, NULL), 0);
    CHECK_EQ(v, 9);
    for (int i = 0; i < 20; i++) chan_free(c[i]);
}

static void *thread(void *arg) { /* a plain OS thread waits and is woken */
    struct set *s = arg;
    if (any_wait(&s->a, NULL) != 4) harness_fail(__FILE__, __LINE__, "another one");
    return NULL;
}
TEST(threads, .os = true) {
    struct set s;
    make(&s, NULL);
    pthread_t t = thread_start(thread, &s);
    fire(&s, 4);
    thread_join(t);
    (void)chan_recv(conc_ctx_done(any_start(&s.a)));
    CHECK_EQ(any_which(&s.a), 4);
    unmake(&s);
}

CRASH(add_after_start, "panic: any_add: after any_start") {
    struct any a;
    if (any_init(&a, NULL) != CONC_OK) exit(3);
    (void)any_start(&a);
    (void)any_add_ctx(&a, NULL);
}
CRASH(wait_after_start, "panic: any_wait: after any_start") {
    struct any a;
    if (any_init(&a, NULL) != CONC_OK) exit(3);
    (void)any_start(&a);
    (void)any_wait(&a, NULL);
}
