/* runner: the steps of a nightly job, in order, under a time limit, stopped cleanly by Ctrl-C. Three nights: one that goes well,
   one on which a step is too slow, and one on which somebody presses Ctrl-C. Each step asks its context how long to go on. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "runner.h"

#include <signal.h>
#include <stdio.h>

struct step {
    const char *what;
    int64_t takes;
    bool ctrl_c; /* somebody presses it in the middle of this step */
};

/* 0: done. Anything else ends the run; when the context ended first, the runner reports that and not the step's error. */
static int work(conc_ctx *ctx, const struct step *s) {
    printf("  %s\n", s->what);
    if (s->ctrl_c) raise(SIGINT);
    return conc_sleep_ctx(ctx, s->takes) == CONC_OK ? 0 : conc_ctx_cause(ctx);
}

static int broken(conc_ctx *ctx, const char *what) {
    (void)ctx;
    printf("  %s\n", what);
    return -28; /* an errno, say: no space left on device */
}

static enum runner_result night(const char *name, const struct step steps[3]) {
    struct runner r;
    if (runner_init(&r, CONC_SEC) != CONC_OK) return RUNNER_FAILED;
    defer(runner_free, &r);
    for (int i = 0; i < 3; i++)
        if (runner_add(&r, work, &steps[i]) != CONC_OK) return RUNNER_FAILED;
    printf("%s\n", name);
    enum runner_result result = runner_start(&r, NULL);
    printf("  -> %s, %zu of 3 steps completed\n", runner_strerror(result), r.report.completed);
    return result;
}

int main(void) {
    const struct step monday[] = { { "dump", CONC_MS, false }, { "compress", CONC_MS, false }, { "upload", CONC_MS, false } };
    const struct step tuesday[] = { { "dump", CONC_MS, false }, { "compress, for an hour", CONC_HOUR, false }, { "upload", CONC_MS, false } };
    const struct step wednesday[] = { { "dump", CONC_MS, false }, { "compress", CONC_MS, false }, { "upload, Ctrl-C", CONC_HOUR, true } };
    bool good = night("monday", monday) == RUNNER_OK;
    good &= night("tuesday", tuesday) == RUNNER_TIMEOUT;
    good &= night("wednesday", wednesday) == RUNNER_INTERRUPTED;

    struct runner r;
    if (runner_init(&r, CONC_FOREVER) != CONC_OK) return 1;
    defer(runner_free, &r);
    if (runner_add(&r, broken, "thursday: dump") != CONC_OK || runner_add(&r, work, &monday[2]) != CONC_OK) return 1;
    good &= runner_start(&r, NULL) == RUNNER_FAILED;
    printf("  -> %s: %s returned %d\n", runner_strerror(r.report.result), r.report.task, r.report.error);
    return !good;
}
