/* error handling: a stage knows that a request failed, but not how many failures are too many. So it sends pairs of result and error, and
   the consumer, which sees the whole, decides. An error that makes all further work senseless is what a stage returns instead. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "pipeline.h"

#include <stdio.h>

typedef const char *url;
enum { NO_HOST = -1, NO_NETWORK = -2, TOO_MANY = 3 };
struct result { url from; int status, err; };

static int get(conc_ctx *ctx, const url *u, struct result *out, void *none) {
    (void)ctx, (void)none;
    out->from = *u;
    out->err = (*u)[0] == '?' ? NO_HOST : 0;
    out->status = out->err ? 0 : 200;
    return (*u)[0] == '!' ? NO_NETWORK : 0;
}

static void fetch(const char *title, const url *urls, size_t n) {
    int failures = 0;
    printf("%s\n", title);
    conc_scope_begin(s);
    chan_range(r, pipeline_map(s, pipeline_from(s, urls, n), struct result, get, NULL)) {
        if (r.err == 0) printf("  %s: %d\n", r.from, r.status);
        else printf("  %s: no such host\n", r.from);
        if ((failures += r.err != 0) < TOO_MANY) continue;
        puts("  too many failures, I give up");
        break;
    }
    int err = pipeline_end(s);
    printf("  -> %s\n", err == NO_NETWORK ? "no network" : "done");
}

int main(void) {
    const url some[] = { "a.example", "?b.example", "c.example" };
    const url many[] = { "?a.example", "?b.example", "c.example", "?d.example", "e.example" };
    const url none[] = { "!a.example", "b.example" };
    fetch("one failure", some, 3);
    fetch("three failures", many, 5);
    fetch("an error of the stage", none, 2);
}
