/* cancel: goroutines that end when they are told. The for-select loop; a step that can be preempted; a quit channel with a receipt; values
   that travel with a request. No header: these are three lines each, and which three depends on what your loop does. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include <stdio.h>

/* The for-select loop: work as it comes, and look for the end each time round. Every channel operation is beside on_done, so there is no
   place where it could be stuck. */
static void counter(conc_ctx *ctx, recv_chan(int) in, send_chan(int) total) {
    int sum = 0;
    for (;;) {
        chan_select {
            on_recv(v, in) sum += v;
            on_send(total, sum) {}
            on_done(ctx) {
                printf("counter: ends with %d\n", sum);
                return;
            }
        }
    }
}

/* A long computation cannot be ended from outside; it asks, as often as the caller can bear to wait. conc_ctx_err costs some nanoseconds. */
static long preemptible(conc_ctx *ctx, long steps) {
    long done = 0;
    for (volatile double x = 0; done < steps; done++) {
        x = x + 1;
        if (done % 4096 == 0 && conc_ctx_err(ctx) != CONC_OK) break;
    }
    return done;
}

/* A quit channel with a receipt: the answer goes out on a channel that came with the question, after what there was to clean up. */
static void guard(recv_chan(chan(int)) quit) {
    int files = 3;
    chan(int) receipt = chan_recv(quit); /* in earnest: a case of its for-select loop */
    printf("guard: closing %d files\n", files);
    chan_send(receipt, files);
}

/* Values of a request: who asks, for logs and checks; not parameters. The key is an address that only these two functions know. */
static const char user_key = 0;
static conc_ctx *with_user(conc_ctx *ctx, char *name) { return conc_ctx_with_value(ctx, &user_key, name); }
static const char *user(conc_ctx *ctx) {
    const char *name = (const char *)conc_ctx_value(ctx, &user_key);
    return name != NULL ? name : "nobody";
}

int main(void) {
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    chan(int) in = chan_make(int), total = chan_make(int), receipt = chan_make(int, 1);
    chan(chan(int)) quit = chan_make(chan(int));
    conc_wg wg = CONC_WG_INIT;
    if (ctx == NULL || in == NULL || total == NULL || receipt == NULL || quit == NULL) return 1;

    conc_wg_go(&wg, counter, ctx, in, total);
    for (int i = 1; i <= 4; i++) chan_send(in, i);
    printf("so far: %d\n", chan_recv(total));
    conc_ctx_cancel(ctx);
    conc_wg_wait(&wg); /* told, and waited for: nothing is left behind */
    printf("preemptible: %ld steps under a context that has ended, %ld under none\n", preemptible(ctx, 1000000), preemptible(NULL, 1000000));

    conc_wg_go(&wg, guard, quit);
    chan_send(quit, receipt);
    printf("receipt: %d files closed\n", chan_recv(receipt));
    conc_wg_wait(&wg);

    char alice[] = "alice";
    conc_ctx *request = with_user(conc_ctx_background(), alice), *step = request != NULL ? conc_ctx_with_cancel(request) : NULL;
    printf("%s asks, and %s when nobody said so\n", user(step), user(conc_ctx_background()));
    conc_ctx_free(step), conc_ctx_free(request), conc_ctx_free(ctx);
    chan_free(in), chan_free(total), chan_free(receipt), chan_free(quit);
}
