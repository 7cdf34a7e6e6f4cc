/* patterns/errgroup.h: the first error, the context, the limit; reuse, conc_exit, OS threads; misuse. After errgroup_test.go of
   golang.org/x/sync. */
#include "harness.h"
#include "patterns/errgroup.h"

struct part {
    int returns;
    bool waits, exits; /* waits: for the context's end */
    int heard;         /* the cause it then found */
    conc_atomic(int) ran;
};
static int part(conc_ctx *ctx, struct part *p) {
    conc_atomic_fetch_add(&p->ran, 1);
    if (p->exits) conc_exit();
    if (p->waits) {
        (void)chan_recv(conc_ctx_done(ctx));
        p->heard = conc_ctx_cause(ctx);
    }
    return p->returns;
}
static void make(struct errgroup *g, conc_ctx *ctx) { REQUIRE(errgroup_init(g, ctx) == CONC_OK); }

/* TestZeroGroup: without a context every task runs to its end, and the first error stays the answer. */
TEST(no_context) {
    const int results[][3] = { { 0, 0, 0 }, { -1, 0, 0 }, { 0, -2, 0 }, { 0, 0, -3 }, { -1, -2, -3 } };
    for (int k = 0; k < 5; k++) {
        struct errgroup g;
        int first = 0;
        make(&g, NULL);
        CHECK(errgroup_ctx(&g) == NULL);
        for (int i = 0; i < 3; i++) {
            struct part p = { .returns = results[k][i] };
            errgroup_go(&g, part, &p);
            if (first == 0) first = p.returns;
            CHECK_EQ(errgroup_wait(&g), first); /* after each, and so repeatedly */
            CHECK_EQ(p.ran, 1);
        }
        CHECK_EQ(errgroup_wait(&g), first);
        errgroup_free(&g);
    }
}
TEST(no_tasks) {
    struct errgroup g;
    make(&g, NULL);
    CHECK_EQ(errgroup_wait(&g), 0);
    errgroup_free(&g);
    make(&g, conc_ctx_background());
    CHECK_EQ(conc_ctx_err(errgroup_ctx(&g)), CONC_OK);
    CHECK_EQ(errgroup_wait(&g), 0);
    CHECK_EQ(conc_ctx_err(errgroup_ctx(&g)), CONC_CANCELED); /* by the wait */
    errgroup_free(&g);
}
/* TestWithContext: the first error ends the context with itself as the cause; without one the wait does. */
TEST(first_error) {
    struct errgroup g;
    struct part p[4] = { { .waits = true, .returns = -7 }, { .returns = -9 }, { .waits = true }, { .waits = true, .returns = -8 } };
    make(&g, conc_ctx_background());
    for (int i = 0; i < 4; i++) errgroup_go(&g, part, &p[i]);
    CHECK_EQ(errgroup_wait(&g), -9);
    CHECK_EQ(conc_ctx_cause(errgroup_ctx(&g)), -9);
    for (int i = 0; i < 4; i++) CHECK(p[i].ran == 1 && p[i].heard == (p[i].waits ? -9 : 0));
    struct part late = { .waits = true, .returns = -1 }; /* it runs all the same, and hears of it */
    errgroup_go(&g, part, &late);
    CHECK_EQ(errgroup_wait(&g), -9);
    CHECK_EQ(late.heard, -9);
    errgroup_free(&g);
}
/* The parent ends half-way: the tasks hear of it, the wait still waits for all of them. */
TEST(parent_cancelled) {
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    struct errgroup g;
    struct part p[3] = { { .waits = true, .returns = -4 }, { .waits = true, .returns = -4 }, { .waits = true, .returns = -4 } };
    make(&g, ctx);
    for (int i = 0; i < 3; i++) errgroup_go(&g, part, &p[i]);
    conc_ctx_cancel_cause(ctx, -77);
    CHECK_EQ(errgroup_wait(&g), -4);
    for (int i = 0; i < 3; i++) CHECK_EQ(p[i].heard, -77);
    errgroup_free(&g);
    conc_ctx_free(ctx);
}
/* Whoever walks away frees: that cancels and waits. */
TEST(caller_gone) {
    struct errgroup g;
    struct part p[8];
    memset(p, 0, sizeof p);
    make(&g, conc_ctx_background());
    for (int i = 0; i < 8; i++) p[i].waits = true, errgroup_go(&g, part, &p[i]);
    errgroup_free(&g);
    for (int i = 0; i < 8; i++) CHECK_EQ(p[i].heard, CONC_CANCELED);
}
TEST(task_exits) {
    struct errgroup g;
    struct part p[2] = { { .exits = true }, { .waits = true } };
    make(&g, conc_ctx_background());
    errgroup_set_limit(&g, 2);
    errgroup_go(&g, part, &p[1]);
    errgroup_go(&g, part, &p[0]);
    CHECK_EQ(errgroup_wait(&g), CONC_CANCELED);
    CHECK_EQ(p[1].heard, CONC_CANCELED);
    struct part q = { 0 };
    for (int i = 0; i < 3; i++) errgroup_go(&g, part, &q); /* its place was given back */
    CHECK_EQ(errgroup_wait(&g), CONC_CANCELED);
    CHECK_EQ(q.ran, 3);
    errgroup_free(&g);
}

/* TestGoLimit: never more than the limit. */
struct gauge { conc_atomic(int) now, most, ran; };
static int busy(conc_ctx *ctx, struct gauge *a) {
    (void)ctx;
    int now = conc_atomic_fetch_add(&a->now, 1) + 1, most = conc_atomic_load(&a->most);
    while (now > most && !conc_atomic_compare_exchange(&a->most, &most, now)) {}
    conc_yield();
    conc_atomic_fetch_add(&a->ran, 1);
    conc_atomic_fetch_sub(&a->now, 1);
    return 0;
}
TEST(limit) {
    const int limits[] = { 1, 2, 10 };
    for (int k = 0; k < 3; k++) {
        struct errgroup g;
        struct gauge a = { 0, 0, 0 };
        make(&g, NULL);
        errgroup_set_limit(&g, limits[k]);
        for (int i = 0; i < 1025; i++) errgroup_go(&g, busy, &a);
        CHECK_EQ(errgroup_wait(&g), 0);
        CHECK_EQ(a.ran, 1025);
        CHECK_SAY(a.most <= limits[k], "%d at once", (int)a.most);
        errgroup_set_limit(&g, -1); /* nobody is at work: it may be changed */
        for (int i = 0; i < 100; i++) CHECK(errgroup_try_go(&g, busy, &a));
        CHECK_EQ(errgroup_wait(&g), 0);
        errgroup_free(&g);
    }
}
static int at_gate(conc_ctx *ctx, chan(char) *gate) {
    (void)ctx;
    (void)chan_recv(*gate);
    return 0;
}
/* TestTryGo */
TEST(try_go) {
    struct errgroup g;
    chan(char) gate = chan_make(char);
    make(&g, NULL);
    errgroup_set_limit(&g, 2);
    CHECK(errgroup_try_go(&g, at_gate, &gate) && errgroup_try_go(&g, at_gate, &gate));
    CHECK(!errgroup_try_go(&g, at_gate, &gate));
    chan_send(gate, 0);
    errgroup_go(&g, at_gate, &gate); /* waits for the place of the one let through */
    CHECK(!errgroup_try_go(&g, at_gate, &gate));
    chan_close(gate);
    CHECK_EQ(errgroup_wait(&g), 0);
    errgroup_set_limit(&g, 0);
    CHECK(!errgroup_try_go(&g, at_gate, &gate));
    errgroup_set_limit(&g, 1);
    CHECK(errgroup_try_go(&g, at_gate, &gate));
    CHECK_EQ(errgroup_wait(&g), 0);
    errgroup_free(&g);
    chan_free(gate);
}
static void go_at_zero(void *arg) { errgroup_go((struct errgroup *)arg, busy, (struct gauge *)NULL); }
TEST(limit_zero_waits_for_ever) {
    static struct errgroup g; /* the goroutine stays parked in it */
    make(&g, NULL);
    errgroup_set_limit(&g, 0);
    CHECK(blocks_forever(go_at_zero, &g));
}

/* A task may start others: here a tree of 2^8 - 1 tasks, of which one leaf fails. */
struct node { struct errgroup *g; int depth, index; conc_atomic(int) *ran; };
static int grow(conc_ctx *ctx, struct node *n) {
    int err = n->index == 200 ? -200 : 0;
    (void)ctx;
    conc_atomic_fetch_add(n->ran, 1);
    for (int side = 0; n->depth > 1 && side < 2; side++) {
        struct node *child = malloc(sizeof *child);
        *child = (struct node){ n->g, n->depth - 1, 2 * n->index + side, n->ran };
        errgroup_go(n->g, grow, child);
    }
    free(n);
    return err;
}
TEST(tree) {
    struct errgroup g;
    conc_atomic(int) ran = 0;
    make(&g, conc_ctx_background());
    struct node *root = malloc(sizeof *root);
    *root = (struct node){ &g, 8, 1, &ran };
    errgroup_go(&g, grow, root);
    CHECK_EQ(errgroup_wait(&g), -200);
    CHECK_EQ(ran, 255);
    errgroup_free(&g);
}

static void *from_thread(void *arg) {
    struct errgroup *g = arg;
    static struct gauge a;
    for (int i = 0; i < 100; i++) errgroup_go(g, busy, &a); /* whoever waits does so when no more come: a group may be at zero in between */
    return NULL;
}
TEST(threads, .os = true) {
    struct errgroup g;
    make(&g, NULL);
    errgroup_set_limit(&g, 3);
    pthread_t t[3];
    for (int i = 0; i < 3; i++) t[i] = thread_start(from_thread, &g);
    for (int i = 0; i < 3; i++) thread_join(t[i]);
    CHECK_EQ(errgroup_wait(&g), 0);
    errgroup_free(&g);
}

CRASH(limit_while_active, "panic: errgroup: modify limit while 1 goroutines in the group are still active") {
    struct errgroup g;
    chan(char) gate = chan_make(char);
    if (errgroup_init(&g, NULL) != CONC_OK) exit(3);
    errgroup_go(&g, at_gate, &gate);
    errgroup_set_limit(&g, 2);
}
