/* pool: at most two connections to a server, shared by six goroutines. A connection is opened when nobody has one to spare, kept
   when it is given back, and replaced when it has died meanwhile. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "pool.h"

#include <stdio.h>
#include <stdlib.h>

struct server {
    conc_atomic(int) connections, queries;
};
struct conn {
    struct server *server;
    bool broken;
};

static struct conn *dial(conc_ctx *ctx, struct server *to) {
    if (conc_sleep_ctx(ctx, CONC_MS) != CONC_OK) return NULL; /* pool_acquire says why */
    struct conn *c = (struct conn *)malloc(sizeof *c);
    if (c == NULL) return NULL; /* malloc has set errno */
    c->server = to;
    c->broken = false;
    conc_atomic_fetch_add(&to->connections, 1);
    return c;
}
static void hang_up(struct conn *c) {
    conc_atomic_fetch_sub(&c->server->connections, 1);
    free(c);
}
static bool alive(struct conn *c) { return !c->broken; }

static void client(pool(struct conn) p, int queries) {
    for (int i = 0; i < queries; i++) {
        struct conn *c;
        if (pool_acquire(p, NULL, &c) != 0) return;
        conc_atomic_fetch_add(&c->server->queries, 1);
        conc_sleep(CONC_MS / 10);
        pool_release(p, c);
    }
}

int main(void) {
    static struct server server;
    pool(struct conn) p = pool_make(struct conn, 2, 2, dial, hang_up, &server);
    if (p == NULL) return 1;
    pool_set_check(p, alive);

    conc_wg clients = CONC_WG_INIT;
    for (int i = 0; i < 6; i++) conc_wg_go(&clients, client, p, 10);
    conc_wg_wait(&clients);
    struct pool_stats s = pool_get_stats(p);
    printf("%d queries over %zu connections, %zu kept\n", conc_atomic_load(&server.queries), s.opened, s.idle);

    struct conn *a, *b, *none;
    if (pool_acquire(p, NULL, &a) != 0 || pool_acquire(p, NULL, &b) != 0) return 1;
    conc_ctx *patience = conc_ctx_with_timeout(conc_ctx_background(), 5 * CONC_MS);
    if (patience == NULL) return 1;
    int err = pool_acquire(p, patience, &none);
    printf("a third while both are lent: %s\n", conc_strerror((conc_status)err));
    conc_ctx_free(patience);

    a->broken = true;
    pool_release(p, a);
    if (pool_acquire(p, NULL, &a) != 0) return 1;
    s = pool_get_stats(p);
    printf("one had died and was replaced: %zu opened, %zu found dead\n", s.opened, s.stale);

    pool_release(p, b);
    pool_close(p);
    printf("closed with one lent: %d connection left\n", conc_atomic_load(&server.connections));
    pool_release(p, a);
    printf("that one came back: %d connections left\n", conc_atomic_load(&server.connections));
    pool_free(p);
}
