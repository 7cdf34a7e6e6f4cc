/* pipeline: readings of a thermometer go through stages that run at the same time: parse | drop what is no reading | convert. Three
   runs: one to the end, one whose reader has seen enough, one that a broken line ends. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>

typedef const char *line;
struct reading { int sensor; double celsius; };
enum { BROKEN = -1 };

static int parse(conc_ctx *ctx, const line *text, struct reading *r, void *none) {
    (void)ctx, (void)none;
    return sscanf(*text, "%d %lf", &r->sensor, &r->celsius) == 2 ? 0 : BROKEN;
}
static bool plausible(const struct reading *r, const double *coldest) { return r->celsius >= *coldest; }

static int convert(conc_ctx *ctx, const struct reading *in, struct reading *out, void *none) {
    (void)ctx, (void)none;
    out->sensor = in->sensor;
    out->celsius = in->celsius * 1.8 + 32; /* Fahrenheit from here on */
    return 0;
}

/* Print at most so many readings. The scope ends the stages on every way out of the block. */
static int show(const char *title, const line *lines, size_t n, int most) {
    const double absolute_zero = -273.15;
    conc_scope_begin(s);
    recv_chan(line) texts = pipeline_from(s, lines, n);
    recv_chan(struct reading) all = pipeline_map(s, texts, struct reading, parse, NULL);
    recv_chan(struct reading) good = pipeline_filter(s, all, plausible, &absolute_zero);
    recv_chan(struct reading) out = pipeline_map(s, good, struct reading, convert, NULL);
    printf("%s:", title);
    chan_range(r, pipeline_take(s, out, (size_t)most)) printf("  %d: %.1f F", r.sensor, r.celsius);
    int err = pipeline_end(s);
    printf("\n  -> %s\n", err == 0 ? "fine" : err == BROKEN ? "a line cannot be read" : conc_strerror((conc_status)err));
    return err;
}

int main(void) {
    const line good[] = { "1 20.5", "2 19.0", "1 -999", "3 37.0", "2 18.5" };
    const line bad[] = { "?", "1 20.5" };
    bool ok = show("to the end", good, 5, 100) == 0;
    ok &= show("two are enough", good, 5, 2) == 0;
    ok &= show("a broken line", bad, 2, 100) == BROKEN;

    /* the first ten of a stream without end */
    const int faces[] = { 1, 2, 3 };
    conc_scope_begin(s);
    chan_range(v, pipeline_take(s, pipeline_repeat(s, faces, 3), 10)) printf("%d ", v);
    puts("and no goroutine is left");
    return !ok;
}
