/* any: a request is served until its client hangs up, the server shuts down, or the configuration changes, whichever comes first. What
   serves it knows one context only. Then the first of several answers, of a type that is not char. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "any.h"

#include <stdio.h>

static const char *const reasons[] = { "the client has hung up", "the server shuts down", "the configuration has changed" };
enum { HUNG_UP = -1, SHUTDOWN = -2 }; /* causes are ours */

static int serve(conc_ctx *ctx, chan(char) busy) {
    chan_close(busy);
    return conc_sleep_ctx(ctx, CONC_HOUR) == CONC_OK ? 0 : conc_ctx_cause(ctx);
}

static void request(int happens) {
    conc_ctx *client = conc_ctx_with_cancel(conc_ctx_background()), *server = conc_ctx_with_cancel(conc_ctx_background());
    chan(char) busy = chan_make(char), changed = chan_make(char);
    conc_wg wg = CONC_WG_INIT;
    struct any a;
    if (client == NULL || server == NULL || busy == NULL || changed == NULL || any_init(&a, NULL) != CONC_OK) return;
    if (any_add_ctx(&a, client) == CONC_OK && any_add_ctx(&a, server) == CONC_OK && any_add_chan(&a, changed) == CONC_OK) {
        conc_ctx *either = any_start(&a);
        conc_wg_go(&wg, serve, either, busy);
        (void)chan_recv(busy); /* it is under way */
        if (happens == 0) conc_ctx_cancel_cause(client, HUNG_UP);
        else if (happens == 1) conc_ctx_cancel_cause(server, SHUTDOWN);
        else chan_close(changed);
        conc_wg_wait(&wg);
        printf("%s: cause %d\n", reasons[any_which(&a)], conc_ctx_cause(either));
    }
    any_free(&a); /* no goroutine is left, whatever has happened */
    conc_ctx_free(client), conc_ctx_free(server);
    chan_free(busy), chan_free(changed);
}

static void answer(send_chan(double) to, double what) {
    chan_send(to, what);
    chan_close(to);
}

int main(void) {
    for (int happens = 0; happens < 3; happens++) request(happens);

    chan(double) from[3];
    for (int i = 0; i < 3; i++)
        if ((from[i] = chan_make(double)) == NULL) return 1;
    for (int i = 0; i < 3; i++) go(answer, from[i], 0.5 + i);
    double v, sum = 0;
    bool ok;
    for (int left = 3; left > 0;) {
        int which = any_recv(NULL, from, 3, &v, &ok);
        sum += v;
        if (ok) continue;
        chan_free(from[which]);
        from[which] = NULL; /* closed: leave it out from now on */
        left--;
    }
    printf("three answers, %.1f in all\n", sum);
    printf("from nobody, with a time limit: ");
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_MS);
    if (ctx == NULL) return 1;
    int i = any_recv(ctx, from, 3, &v, &ok);
    printf("%d, %s\n", i, conc_strerror(conc_ctx_err(ctx)));
    conc_ctx_free(ctx);
}
