/* search: Rob Pike's search engine asks three services: 1.0 one after another, 2.0 at the same time, 2.1 not longer than 80 ms, 3.0 two
   replicas of each, of which the first answer counts. It runs in conc_bubble, where time is virtual: so the times are exact, and a
   goroutine that is left behind is an error. */
#define CONC_TEST
#define CONC_IMPLEMENTATION
#include "conc.h"

#include <stdio.h>

enum { SERVICES = 3, REPLICAS = 2 };
struct result { int service; const char *text; };
static const char *const name[SERVICES] = { "web", "image", "video" };
static const int64_t latency[REPLICAS][SERVICES] = { { 40, 70, 120 }, { 90, 20, 60 } }; /* ms */

static int ask(conc_ctx *ctx, int replica, int service, send_chan(struct result) out) {
    struct result r = { service, name[service] };
    if (conc_sleep_ctx(ctx, latency[replica][service] * CONC_MS) != CONC_OK) return 0; /* nobody wants it any more */
    chan_send(out, r);                                                                 /* has room */
    return 0;
}
static void show(const char *version, int64_t begun, const char *const found[SERVICES]) {
    printf("%s:", version);
    for (int i = 0; i < SERVICES; i++) printf(" %s", found[i] ? found[i] : "-");
    printf(", after %d ms\n", (int)((conc_now() - begun) / CONC_MS));
}

static void search_1_0(void) {
    const char *found[SERVICES] = { NULL, NULL, NULL };
    int64_t begun = conc_now();
    conc_scope_begin(s);
    chan(struct result) c = conc_scope_chan(s, struct result, 1);
    for (int i = 0; i < SERVICES; i++) {
        ask(conc_scope_ctx(s), 0, i, c);
        struct result r = chan_recv(c);
        found[r.service] = r.text;
    }
    show("1.0", begun, found);
}

/* 2.0, 2.1 and 3.0: so many replicas, and so much patience. The block's end cancels whoever has not answered. */
static void search_at_once(const char *version, int replicas, int64_t patience) {
    const char *found[SERVICES] = { NULL, NULL, NULL };
    int64_t begun = conc_now();
    conc_scope_begin(s);
    chan(struct result) c = conc_scope_chan(s, struct result, SERVICES * REPLICAS); /* room: no sender is forgotten */
    for (int r = 0; r < replicas; r++)
        for (int i = 0; i < SERVICES; i++) conc_scope_go(s, ask, conc_scope_ctx(s), r, i, c);
    for (int missing = SERVICES; missing > 0;) {
        struct result r;
        if (chan_recv_until(c, &r, begun + patience) != CONC_OK) break;
        if (found[r.service] != NULL) continue; /* the slower replica */
        found[r.service] = r.text;
        missing--;
    }
    show(version, begun, found);
}

static void searches(void *arg) {
    (void)arg;
    search_1_0();
    search_at_once("2.0", 1, CONC_HOUR);
    search_at_once("2.1", 1, 80 * CONC_MS);
    search_at_once("3.0", REPLICAS, 80 * CONC_MS);
}

int main(void) {
    conc_report r = conc_bubble(searches, NULL);
    if (!r.ok) puts(r.text);
    return !r.ok;
}
