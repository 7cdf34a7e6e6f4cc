/* The URL poller of "Share memory by communicating": pollers take resources from one channel and put them into another; whoever has a
   resource may use it, and nobody else can. The monitor owns the table of states, and is told of changes. There is not one lock.
   (The resources are of this program: each answers by a script, so that what is printed is always the same.) */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include <stdio.h>
#include <string.h>

enum { POLLERS = 2, RESOURCES = 3, POLLS = 4 }; /* each resource is polled so often */

struct resource { const char *url; const char *answers[POLLS]; int polls, errors; };
struct state { const char *url, *status; };

static const char *poll_once(struct resource *r) { /* a HEAD request */
    const char *status = r->answers[r->polls++];
    r->errors = strncmp(status, "200", 3) == 0 ? 0 : r->errors + 1;
    return status;
}
static void poller(recv_chan(struct resource *) in, send_chan(struct resource *) out, send_chan(struct state) status) {
    chan_range(r, in) {
        struct state s = { r->url, poll_once(r) };
        chan_send(status, s);
        chan_send(out, r); /* from here on it is somebody else's */
    }
}

static void monitor(recv_chan(struct state) updates, struct state *table) { /* the only one who writes it, until updates is closed */
    chan_range(s, updates) {
        int i = 0;
        while (table[i].url != NULL && strcmp(table[i].url, s.url) != 0) i++;
        table[i] = s;
    }
}

static void sleep_then_send(struct resource *r, send_chan(struct resource *) pending) { /* longer, the more errors there were */
    conc_sleep(CONC_MS * (1 + r->errors));
    chan_send(pending, r);
}

int main(void) {
    struct resource resources[RESOURCES] = {
        { "http://a.example/", { "200 OK", "200 OK", "200 OK", "200 OK" }, 0, 0 },
        { "http://b.example/", { "200 OK", "503 Busy", "503 Busy", "200 OK" }, 0, 0 },
        { "http://c.example/", { "404 Not Found", "404 Not Found", "404 Not Found", "410 Gone" }, 0, 0 },
    };
    struct state table[RESOURCES] = { { NULL, NULL } };
    chan(struct resource *) pending = chan_make(struct resource *), complete = chan_make(struct resource *);
    chan(struct state) status = chan_make(struct state);
    if (pending == NULL || complete == NULL || status == NULL) return 1;
    conc_wg polling = CONC_WG_INIT, monitoring = CONC_WG_INIT;
    conc_wg_go(&monitoring, monitor, status, table);
    for (int i = 0; i < POLLERS; i++) conc_wg_go(&polling, poller, pending, complete, status);

    for (int i = 0; i < RESOURCES; i++) go(sleep_then_send, &resources[i], pending);
    for (int left = RESOURCES; left > 0;) { /* main does the rounds itself */
        struct resource *r = chan_recv(complete);
        if (r->polls < POLLS) go(sleep_then_send, r, pending);
        else left--;
    }
    chan_close(pending), conc_wg_wait(&polling);
    chan_close(status), conc_wg_wait(&monitoring);
    for (int i = 0; i < RESOURCES; i++) /* now the table is main's */
        for (int k = 0; k < RESOURCES; k++)
            if (strcmp(resources[i].url, table[k].url) == 0) printf("%s %s, %d errors in a row\n", table[k].url, table[k].status, resources[i].errors);
    chan_free(pending), chan_free(complete), chan_free(status);
}
