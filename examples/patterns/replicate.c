/* replicate: three copies of a search index, of which the first is slow today and the second is gone. Asked one after another with a
   hedge, all at once, and with nobody left who could answer. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "replicate.h"

#include <stdio.h>
#include <string.h>

struct replica {
    const char *name;
    int64_t takes;
    int error;
};
struct hits { char text[32]; };

static int search(conc_ctx *ctx, const struct replica *r, struct hits *out) {
    if (conc_sleep_ctx(ctx, r->takes) != CONC_OK) return conc_ctx_cause(ctx);
    snprintf(out->text, sizeof out->text, "10 hits from %s", r->name);
    return r->error;
}

static void show(const char *how, int err, const struct replicate *r, const struct hits *h) {
    printf("%s: ", how);
    if (err == 0) printf("%s", h->text);
    else printf("error %d", err);
    printf(" (asked %zu, failed %zu)\n", r->started, r->failed);
}

int main(void) {
    const struct replica today[] = { { "Amsterdam", CONC_HOUR, 0 }, { "Berlin", 0, -111 }, { "Copenhagen", CONC_MS, 0 } };
    const struct replica usual[] = { { "Amsterdam", CONC_MS, 0 }, { "Berlin", CONC_HOUR, 0 }, { "Copenhagen", CONC_HOUR, 0 } };
    struct hits h;
    struct replicate r = REPLICATE_INIT;

    r.delay = CONC_MIN; /* hardly ever needed, so the others are hardly ever asked */
    show("hedged, usually", replicate_ask(&r, NULL, search, usual, 3, &h), &r, &h);

    r.delay = 50 * CONC_MS; /* Amsterdam says nothing, Berlin fails, so Copenhagen is asked at once */
    show("hedged, today", replicate_ask(&r, NULL, search, today, 3, &h), &r, &h);

    r.delay = 0;
    int err = replicate_ask(&r, NULL, search, today, 3, &h);
    printf("all at once: %s\n", err == 0 ? h.text : "no answer");

    show("only the one that is gone", replicate_ask(&r, NULL, search, &today[1], 1, &h), &r, &h);
    conc_ctx *ctx = conc_ctx_with_timeout_cause(conc_ctx_background(), 5 * CONC_MS, -62);
    if (ctx == NULL) return 1;
    show("only the slow one, with a time limit", replicate_ask(&r, ctx, search, today, 1, &h), &r, &h);
    conc_ctx_free(ctx);
}
