/* errgroup: a page is put together from four services, asked at once. If all answer there is a page; if one fails, the others are told
   to stop and the page is that error. The last group has no context: there, all run to their end. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "errgroup.h"

#include <stdio.h>

struct service {
    const char *name;
    int64_t takes;
    int error;
    const char *was; /* what became of it */
};

static int ask(conc_ctx *ctx, struct service *s) {
    if (conc_sleep_ctx(ctx, s->takes) != CONC_OK) {
        s->was = "stopped";
        return conc_ctx_cause(ctx);
    }
    s->was = s->error == 0 ? "answered" : "failed";
    return s->error;
}

static int page(conc_ctx *ctx, const char *title, struct service *s, int n) {
    struct errgroup g;
    if (errgroup_init(&g, ctx) != CONC_OK) return CONC_NO_MEMORY;
    defer(errgroup_free, &g);
    for (int i = 0; i < n; i++) errgroup_go(&g, ask, &s[i]);
    int err = errgroup_wait(&g);
    printf("%s: %d\n", title, err);
    for (int i = 0; i < n; i++) printf("  %-8s %s\n", s[i].name, s[i].was);
    return err;
}

static int count(conc_ctx *ctx, conc_atomic(int) *n) {
    (void)ctx;
    conc_atomic_fetch_add(n, 1);
    return 0;
}

int main(void) {
    struct service good[] = { { "user", CONC_MS, 0, "" }, { "cart", 2 * CONC_MS, 0, "" }, { "prices", CONC_MS, 0, "" } };
    struct service bad[] = { { "user", CONC_HOUR, 0, "" }, { "cart", CONC_MS, -111, "" }, { "prices", CONC_HOUR, 0, "" } };
    struct service bad_too[] = { { "user", 30 * CONC_MS, 0, "" }, { "cart", CONC_MS, -111, "" }, { "prices", 30 * CONC_MS, 0, "" } };
    if (page(conc_ctx_background(), "all is well", good, 3) != 0) return 1;
    if (page(conc_ctx_background(), "one fails", bad, 3) != -111) return 1;
    if (page(NULL, "one fails, no context", bad_too, 3) != -111) return 1;

    static conc_atomic(int) ran;
    struct errgroup g;
    if (errgroup_init(&g, conc_ctx_background()) != CONC_OK) return 1;
    errgroup_set_limit(&g, 3);
    for (int i = 0; i < 1000; i++) errgroup_go(&g, count, &ran); /* waits while three are at work */
    int err = errgroup_wait(&g);
    printf("%d tasks, three at a time: %d\n", conc_atomic_load(&ran), err);
    errgroup_free(&g);
}
