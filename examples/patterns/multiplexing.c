/* multiplexing: Joe and Ann talk, each in a goroutine that a function started for its caller (a generator). Listened to one after the
   other, the quick one waits for the slow one; through one channel (fan-in) each speaks as it likes; and with a channel in each
   message on which its sender waits, they take turns again (restoring sequencing). Time is virtual here, so the order is known. */
#define CONC_TEST
#define CONC_IMPLEMENTATION
#include "conc.h"

#include <stdio.h>

struct message { const char *who; int n; send_chan(char) go_on; };

static void talk(conc_ctx *ctx, const char *who, int64_t pause, bool waits, send_chan(struct message) out, chan(char) go_on) {
    for (int n = 0;; n++) {
        struct message m = { who, n, go_on };
        char told;
        if (conc_sleep_ctx(ctx, pause) != CONC_OK || chan_send_ctx(out, m, ctx) != CONC_OK) return;
        if (waits && chan_recv_ctx(go_on, &told, ctx) != CONC_OK) return;
    }
}
/* A generator: it starts somebody and returns where to listen. The scope ends it. */
static recv_chan(struct message) speaker(conc_scope *s, const char *who, int64_t pause, bool waits) {
    chan(struct message) c = conc_scope_chan(s, struct message);
    chan(char) go_on = conc_scope_chan(s, char, 1);
    conc_scope_go(s, talk, conc_scope_ctx(s), who, pause, waits, c, go_on);
    return c;
}
static void print(struct message m) { printf(" %s %d", m.who, m.n); }

static void in_turn(void) {
    conc_scope_begin(s);
    recv_chan(struct message) joe = speaker(s, "Joe", 10 * CONC_MS, false), ann = speaker(s, "Ann", 24 * CONC_MS, false);
    printf("in turn: ");
    for (int i = 0; i < 4; i++) print(chan_recv(joe)), print(chan_recv(ann));
    puts("");
}
static void fan_in(void) {
    conc_scope_begin(s);
    recv_chan(struct message) joe = speaker(s, "Joe", 10 * CONC_MS, false), ann = speaker(s, "Ann", 24 * CONC_MS, false);
    printf("fan-in:  ");
    for (int i = 0; i < 8; i++) {
        chan_select {
            on_recv(m, joe) print(m);
            on_recv(m, ann) print(m);
        }
    }
    puts("");
}
static void restored(void) {
    conc_scope_begin(s);
    recv_chan(struct message) joe = speaker(s, "Joe", 10 * CONC_MS, true), ann = speaker(s, "Ann", 24 * CONC_MS, true);
    printf("restored:");
    for (int i = 0; i < 4; i++) {
        struct message first, second;
        chan_select {
            on_recv_into(&first, joe) second = chan_recv(ann);
            on_recv_into(&first, ann) second = chan_recv(joe);
        }
        print(first), print(second);
        chan_send(first.go_on, 0), chan_send(second.go_on, 0);
    }
    puts("");
}

static void all(void *arg) { (void)arg, in_turn(), fan_in(), restored(); }

int main(void) {
    conc_report r = conc_bubble(all, NULL);
    if (!r.ok) puts(r.text);
    return !r.ok;
}
