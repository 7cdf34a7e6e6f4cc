/* patterns/steward.h: wards that fail, fall silent, exit, do not listen; pauses and limits; the end of the context. */
#include "harness.h"
#include "patterns/steward.h"

enum act { WORK, FAIL, EXIT, SILENT, DEAF, FINISH, UNTIL_TOLD };
struct script { /* what each ward does, one after another */
    const enum act *acts;
    chan(char) gate; /* what a deaf one waits for */
    conc_atomic(int) at, alive, ended;
};
static void leaves(void *p) {
    struct script *s = p;
    conc_atomic_fetch_sub(&s->alive, 1), conc_atomic_fetch_add(&s->ended, 1);
}
static int ward(conc_ctx *ctx, struct steward_pulse *pulse, struct script *s) {
    int at = conc_atomic_fetch_add(&s->at, 1);
    CHECK_EQ(conc_atomic_fetch_add(&s->alive, 1), 0); /* never two at once */
    CHECK_EQ(conc_on_exit(leaves, s), CONC_OK);
    switch (s->acts[at]) {
    case WORK:
        for (int i = 0; i < 100; i++) steward_beat(pulse);
        return -1;
    case FAIL: return -5;
    case EXIT: conc_exit();
    case SILENT: return (void)chan_recv(conc_ctx_done(ctx)), -6;
    case DEAF: return (void)chan_recv(s->gate), -7;
    case UNTIL_TOLD: return (void)chan_recv(conc_ctx_done(ctx)), 0;
    case FINISH: break;
    }
    return 0;
}
static void make(struct steward *s, int64_t timeout) {
    REQUIRE(steward_init(s, timeout) == CONC_OK);
    s->grace = limit(20 * CONC_SEC);
    s->backoff = s->backoff_max = CONC_US;
}
static void check_stats(struct steward *s, size_t started, size_t silent, size_t stuck, int error) {
    struct steward_stats n = steward_get_stats(s);
    CHECK_EQ(n.started, started);
    CHECK_EQ(n.silent, silent);
    CHECK_EQ(n.stuck, stuck);
    CHECK_EQ(n.error, error);
}

TEST(done_at_once) {
    struct steward s;
    const enum act acts[] = { FINISH };
    struct script sc = { acts, NULL, 0, 0, 0 };
    make(&s, CONC_FOREVER);
    CHECK_EQ(steward_run(&s, NULL, ward, &sc), 0);
    check_stats(&s, 1, 0, 0, 0);
    steward_free(&s);
    make(&s, CONC_FOREVER);
    steward_free(&s); /* never run */
}
TEST(failures) {
    struct steward s;
    const enum act acts[] = { WORK, FAIL, EXIT, FAIL, FINISH };
    struct script sc = { acts, NULL, 0, 0, 0 };
    make(&s, CONC_FOREVER);
    CHECK_EQ(steward_run(&s, NULL, ward, &sc), 0);
    check_stats(&s, 5, 0, 0, -5);
    CHECK_EQ(conc_atomic_load(&sc.ended), 5);
    steward_free(&s);
}
TEST(most_restarts) {
    const enum act acts[] = { FAIL, FAIL, EXIT };
    for (size_t most = 0; most < 3; most++) {
        struct steward s;
        struct script sc = { acts, NULL, 0, 0, 0 };
        make(&s, CONC_FOREVER);
        s.most_restarts = most;
        CHECK_EQ(steward_run(&s, NULL, ward, &sc), most == 2 ? (int)CONC_CANCELED : -5);
        check_stats(&s, most + 1, 0, 0, most == 2 ? (int)CONC_CANCELED : -5);
        steward_free(&s);
    }
}
TEST(silence) {
    struct steward s;
    const enum act acts[] = { SILENT, UNTIL_TOLD };
    struct script sc = { acts, NULL, 0, 0, 0 };
    make(&s, CONC_MS);
    s.most_restarts = 1;
    CHECK_EQ(steward_run(&s, NULL, ward, &sc), 0); /* the second got its work done, if late */
    check_stats(&s, 2, 2, 0, CONC_TIMEOUT);
    steward_free(&s);
    const enum act again[] = { SILENT };
    struct script sc2 = { again, NULL, 0, 0, 0 };
    make(&s, CONC_MS);
    s.most_restarts = 0;
    CHECK_EQ(steward_run(&s, NULL, ward, &sc2), CONC_TIMEOUT);
    steward_free(&s);
}

static void open_gate(struct steward *s, struct script *sc) {
    while (steward_get_stats(s).stuck == 0) conc_sleep(CONC_MS);
    CHECK(conc_atomic_load(&sc->at) <= 1); /* 0: given up on before it had begun */
    chan_send(sc->gate, 0);
}
/* No other ward while the deaf one runs; the next is started when it has ended. */
TEST(deaf) {
    struct steward s;
    const enum act acts[] = { DEAF, FINISH };
    struct script sc = { acts, chan_make(char), 0, 0, 0 };
    conc_wg wg = CONC_WG_INIT;
    make(&s, CONC_MS);
    s.grace = CONC_MS;
    conc_wg_go(&wg, open_gate, &s, &sc);
    s.most_restarts = 1;
    int err = steward_run(&s, NULL, ward, &sc);
    conc_wg_wait(&wg);
    CHECK(err == 0 || err == CONC_TIMEOUT); /* the second may be so slow to begin that it counts as silent */
    CHECK_EQ(conc_atomic_load(&sc.at), 2);
    steward_free(&s);
    CHECK_EQ(conc_atomic_load(&sc.ended), 2);
    chan_free(sc.gate);
}
static int always_deaf(conc_ctx *ctx, struct steward_pulse *pulse, struct script *sc) {
    (void)ctx, (void)pulse;
    conc_atomic_fetch_add(&sc->at, 1);
    (void)chan_recv(sc->gate);
    steward_beat(pulse); /* for nobody */
    conc_atomic_fetch_add(&sc->ended, 1);
    return 0;
}
/* Others take the place of those that are stuck, up to the limit; steward_free joins them all. */
TEST(several_stuck) {
    struct steward s;
    struct script sc = { NULL, chan_make(char), 0, 0, 0 };
    make(&s, CONC_MS);
    s.grace = CONC_US;
    s.most_stuck = s.most_restarts = 2;
    CHECK_EQ(steward_run(&s, NULL, always_deaf, &sc), CONC_TIMEOUT);
    check_stats(&s, 3, 3, 3, CONC_TIMEOUT);
    chan_close(sc.gate);
    steward_free(&s);
    check_stats(&s, 3, 3, 0, CONC_TIMEOUT);
    CHECK_EQ(conc_atomic_load(&sc.ended), 3);
    chan_free(sc.gate);
}

/* The context ends: before, during a ward that listens, during one that does not, during the pause, while one is stuck. */
static void run_to(struct steward *s, conc_ctx *ctx, struct script *sc, conc_atomic(int) *result) {
    conc_atomic_store(result, steward_run(s, ctx, ward, sc));
}
TEST(cancelled) {
    for (int when = 0; when < 5; when++) {
        const enum act acts[][1] = { { FAIL }, { SILENT }, { DEAF }, { FAIL }, { DEAF } };
        struct steward s;
        struct script sc = { acts[when], chan_make(char), 0, 0, 0 };
        conc_atomic(int) result = -100;
        conc_wg wg = CONC_WG_INIT;
        conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
        make(&s, when == 4 ? CONC_MS : CONC_FOREVER);
        if (when == 2 || when == 4) s.grace = CONC_MS;
        if (when == 3) s.backoff = s.backoff_max = CONC_HOUR;
        if (when == 0) conc_ctx_cancel(ctx);
        conc_wg_go(&wg, run_to, &s, ctx, &sc, &result);
        if (when > 0) CHECK(wait_for(&sc.at, 1));
        if (when == 3) while (steward_get_stats(&s).error == 0) conc_yield();
        if (when == 4) while (steward_get_stats(&s).stuck == 0) conc_sleep(CONC_US);
        if (when > 0) CHECK_EQ(conc_atomic_load(&result), -100);
        conc_ctx_cancel(ctx);
        conc_wg_wait(&wg);
        CHECK_EQ(conc_atomic_load(&result), CONC_CANCELED);
        CHECK_EQ(steward_get_stats(&s).started, when != 0);
        CHECK_EQ(steward_get_stats(&s).stuck, when == 2 || when == 4);
        chan_close(sc.gate);
        steward_free(&s);
        conc_ctx_free(ctx), chan_free(sc.gate);
    }
}

/* A steward that is a ward: its own ward's beats are its own. */
struct nested { struct steward inner; struct script script; };
static int inner(conc_ctx *ctx, struct steward_pulse *pulse, struct nested *n) {
    n->inner.pulse = pulse;
    return steward_run(&n->inner, ctx, ward, &n->script);
}
TEST(nested) {
    struct steward outer;
    struct nested n;
    const enum act acts[] = { FAIL, EXIT, FAIL, WORK, FINISH };
    struct script sc = { acts, NULL, 0, 0, 0 };
    n.script = sc;
    make(&n.inner, CONC_FOREVER), make(&outer, CONC_FOREVER);
    n.inner.most_restarts = 1; /* two wards to each life of the inner one */
    CHECK_EQ(steward_run(&outer, NULL, inner, &n), 0);
    check_stats(&outer, 3, 0, 0, -1);
    check_stats(&n.inner, 5, 0, 0, -1);
    steward_free(&n.inner), steward_free(&outer);
}

/* Many stewards, goroutines and threads. */
static void one_of_many(unsigned i) {
    struct rng g = rng_new(i);
    enum act acts[12];
    for (int k = 0; k < 11; k++) acts[k] = (enum act[]){ WORK, FAIL, EXIT }[rng_below(&g, 3)];
    acts[11] = FINISH;
    struct steward s;
    struct script sc = { acts, NULL, 0, 0, 0 };
    make(&s, CONC_FOREVER);
    CHECK_EQ(steward_run(&s, NULL, ward, &sc), 0);
    CHECK_EQ(steward_get_stats(&s).started, 12);
    CHECK_EQ(conc_atomic_load(&sc.ended), 12);
    steward_free(&s);
}
static void *steward_thread(void *none) { return (void)none, one_of_many(9999), NULL; }
TEST(many) {
    conc_wg wg = CONC_WG_INIT;
    pthread_t t = thread_start(steward_thread, NULL);
    for (unsigned i = 0; i < live(50); i++) conc_wg_go(&wg, one_of_many, i);
    conc_wg_wait(&wg), thread_join(t);
}
