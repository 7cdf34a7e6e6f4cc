/* steward: a line to a distant gauge, read by a goroutine. The first one meets an error, the second falls silent but hangs up when it is told
   to, the third is lost in a call that does not return; the fourth gets to the end. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "steward.h"

#include <stdio.h>

struct line { int calls; chan(char) repaired; };

static int read_gauge(conc_ctx *ctx, struct steward_pulse *pulse, struct line *line) {
    int call = ++line->calls;
    printf("call %d: 17 degrees\n", call);
    steward_beat(pulse);
    switch (call) {
    case 1: return -32; /* broken pipe */
    case 2:
        (void)chan_recv(conc_ctx_done(ctx));
        printf("... silence, until it is told to hang up\n");
        return conc_ctx_cause(ctx);
    case 3:
        (void)chan_recv(line->repaired); /* does not listen to anybody */
        printf("... lost the connection\n");
        return -32;
    default: return 0;
    }
}

static void repair(struct steward *s, struct line *line) { /* as soon as the steward has given up on the third */
    while (steward_get_stats(s).stuck == 0) conc_sleep(CONC_MS);
    printf("... silence; somebody repairs the line\n");
    chan_send(line->repaired, 0);
}

int main(void) {
    struct steward s;
    struct line line = { 0, chan_make(char) };
    conc_wg wg = CONC_WG_INIT;
    if (line.repaired == NULL || steward_init(&s, 300 * CONC_MS) != CONC_OK) return 1;
    s.grace = 300 * CONC_MS, s.backoff = CONC_MS, s.most_restarts = 10;
    conc_wg_go(&wg, repair, &s, &line);
    int err = steward_run(&s, NULL, read_gauge, &line); /* s.most_stuck is 0: the fourth call waits until the third has ended */
    conc_wg_wait(&wg);
    struct steward_stats n = steward_get_stats(&s);
    printf("steward: %d; %zu wards, %zu fell silent, %zu stuck now; the last failure: %s\n", err, n.started, n.silent, n.stuck,
           conc_strerror((conc_status)n.error));
    steward_free(&s);
    chan_free(line.repaired);
}
