/* timeout: the ways to stop waiting. A time limit for each answer; one for the whole conversation; moving on with what has come so far; an
   answer that comes too late and strands nobody. No header: conc.h's select and contexts are all there is to it. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include <stdio.h>

struct line { char text[24]; };

/* Says so many lines, then is silent. It ends with its context, or when its listener has gone, which is the same thing. */
static void speaker(conc_ctx *ctx, const char *name, int lines, int64_t pause, send_chan(struct line) out) {
    for (int i = 1; i <= lines; i++) {
        struct line l;
        snprintf(l.text, sizeof l.text, "%s %d", name, i);
        if (conc_sleep_ctx(ctx, pause) != CONC_OK || chan_send_ctx(out, l, ctx) != CONC_OK) break;
    }
    chan_close(out);
}

/* The time limit starts anew with each line: a speaker may go on for ever, but not pause for long. */
static void each(conc_ctx *ctx, chan(struct line) in, int64_t limit) {
    for (bool on = true; on;) {
        chan_select {
            on_recv_ok(l, ok, in) {
                on = ok;
                if (ok) printf("  %s\n", l.text);
            }
            on_timeout(limit) {
                printf("  you are too slow\n");
                on = false;
            }
            on_done(ctx) on = false;
        }
    }
}

/* One time limit for all of it: a context with a deadline, made before the loop. */
static void whole(conc_ctx *parent, chan(struct line) in, int64_t limit) {
    conc_ctx *ctx = conc_ctx_with_timeout(parent, limit);
    if (ctx == NULL) return;
    for (struct line l; chan_recv_ctx(in, &l, ctx) == CONC_OK;) {}
    printf("  it talks too much: %s\n", conc_strerror(conc_ctx_err(ctx)));
    conc_ctx_free(ctx);
}

/* What the blog calls moving on: the answer has room in the channel, so the goroutine that brings it too late does not wait for ever. */
static void answer(chan(int) out, chan(char) hold) {
    (void)chan_recv(hold);
    chan_send(out, 42); /* never blocks: there is room for one */
    chan_free(out);     /* its own reference; the last one frees the answer nobody wanted */
}
static void move_on(void) {
    chan(int) c = chan_make(int, 1);
    chan(char) hold = chan_make(char);
    conc_wg wg = CONC_WG_INIT;
    int v = 0;
    if (c == NULL || hold == NULL) return;
    conc_wg_go(&wg, answer, chan_ref(c), hold);
    conc_status err = chan_recv_for(c, &v, CONC_MS);
    printf("moving on: %s, with the default %d\n", conc_strerror(err), v);
    chan_free(c);
    chan_close(hold);
    conc_wg_wait(&wg);
    chan_free(hold);
}

static void conversation(const char *how, void (*listen)(conc_ctx *, chan(struct line), int64_t), int64_t limit, int lines, int64_t pause) {
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    chan(struct line) c = chan_make(struct line);
    conc_wg wg = CONC_WG_INIT;
    if (ctx == NULL || c == NULL) return;
    printf("%s:\n", how);
    conc_wg_go(&wg, speaker, ctx, "line", lines, pause, c);
    listen(ctx, c, limit);
    conc_ctx_cancel(ctx); /* a speaker who is not listened to any more ends ... */
    conc_wg_wait(&wg);    /* ... and this is the proof */
    conc_ctx_free(ctx);
    chan_free(c);
}

int main(void) {
    conversation("a limit for each line, and they come in time", each, CONC_MIN, 3, CONC_MS);
    conversation("a limit for each line, and the first is late", each, CONC_MS, 3, CONC_HOUR);
    conversation("a limit for the whole conversation", whole, 20 * CONC_MS, 1000000, CONC_MS);
    move_on();
}
