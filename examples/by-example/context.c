/* Context: a request that its client gives up is not worked on any longer. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

static void hello(conc_ctx *ctx, send_chan(const char *) answer) {
    printf("server: hello handler started\n");
    chan_select {
        on_timeout(CONC_MIN) chan_send(answer, "hello"); /* some work */
        on_done(ctx) {
            printf("server: %s\n", conc_strerror(conc_ctx_err(ctx))); /* why: cancelled, or its time is over */
            chan_send(answer, "internal error");
        }
    }
    printf("server: hello handler ended\n");
}

static void client(conc_ctx *parent, int64_t patience) {
    conc_ctx *ctx = conc_ctx_with_timeout(parent, patience);
    defer(conc_ctx_free, ctx);
    chan(const char *) answer = chan_make(const char *, 1);
    conc_run(hello, ctx, answer);
    printf("client: %s\n", chan_recv(answer));
    chan_free(answer);
}

static void cancel_later(conc_ctx *ctx) {
    conc_sleep(50 * CONC_MS);
    conc_ctx_cancel(ctx);
}

int main(void) {
    client(conc_ctx_background(), 50 * CONC_MS);
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, cancel_later, ctx); /* as Ctrl-C would: conc_ctx_notify */
    client(ctx, CONC_HOUR);             /* the parent's end is the child's end */
    conc_wg_wait(&wg);
    conc_ctx_free(ctx);
}
