/* singleflight: a front page that expires, and two hundred readers who come for it at once. One of them has no patience, and leaves
   without spoiling it for the others. Then the page is changed while it is being loaded: who comes after that gets the new one. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "singleflight.h"

#include <stdio.h>
#include <string.h>

struct page { char text[40]; };
struct site {
    conc_atomic(int) version, loads;
    chan(char) hold; /* a load takes until it is closed */
};

static int load(conc_ctx *ctx, struct site *site, const char *name, struct page *out) {
    char none;
    int version = conc_atomic_load(&site->version);
    conc_atomic_fetch_add(&site->loads, 1);
    if (chan_recv_ctx(site->hold, &none, ctx) != CONC_CLOSED) return conc_ctx_cause(ctx); /* nobody wants it any more */
    snprintf(out->text, sizeof out->text, "%s, version %d", name, version);
    return strcmp(name, "missing") == 0 ? -404 : 0;
}

typedef singleflight(char, struct page) pages;
struct answer { struct page value; int err; bool shared; };
static void reader(pages p, conc_wg *here, conc_atomic(int) *served) {
    recv_chan(struct answer) c = singleflight_do_chan(p, "front", struct answer);
    conc_wg_done(here); /* who has asked is on board */
    if (c == NULL) return;
    if (chan_recv(c).err == 0) conc_atomic_fetch_add(served, 1);
    chan_free(c);
}

int main(void) {
    static struct site site;
    static conc_atomic(int) served;
    conc_wg here = CONC_WG_INIT, gone = CONC_WG_INIT;
    site.hold = chan_make(char);
    pages p = singleflight_make(char, struct page, load, &site);
    if (site.hold == NULL || p == NULL) return 1;

    recv_chan(struct answer) old = singleflight_do_chan(p, "front", struct answer); /* it starts the load ... */
    conc_wg_add(&here, 200);
    for (int i = 0; i < 200; i++) conc_wg_go(&gone, reader, p, &here, &served); /* ... and these come while it is under way */
    conc_wg_wait(&here);

    struct page page;
    conc_ctx *patience = conc_ctx_with_timeout(conc_ctx_background(), 5 * CONC_MS);
    if (old == NULL || patience == NULL) return 1;
    int err = singleflight_do(p, patience, "front", &page, NULL);
    printf("no patience: %s\n", conc_strerror((conc_status)err));
    conc_ctx_free(patience);

    while (conc_atomic_load(&site.loads) == 0) conc_yield(); /* it has begun with the old version */
    conc_atomic_fetch_add(&site.version, 1);
    singleflight_forget(p, "front"); /* what is being loaded is out of date */
    recv_chan(struct answer) fresh = singleflight_do_chan(p, "front", struct answer);
    if (fresh == NULL) return 1;
    chan_close(site.hold);
    conc_wg_wait(&gone);
    struct answer a = chan_recv(old), b = chan_recv(fresh);
    printf("%d readers served by %d loads\n", conc_atomic_load(&served), conc_atomic_load(&site.loads));
    printf("%s, %s\n", a.value.text, a.shared ? "shared" : "not shared");
    printf("%s, %s\n", b.value.text, b.shared ? "shared" : "not shared");
    printf("missing: %d\n", singleflight_do(p, NULL, "missing", &page, NULL));
    chan_free(old), chan_free(fresh);
    singleflight_free(p);
    chan_free(site.hold);
}
