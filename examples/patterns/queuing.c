/* queuing: a stage whose every call is dear. Writing records one by one costs a call for each; in batches it costs one for several. And a
   buffer lets the source finish early, though it makes nothing faster: the slowest stage sets the pace. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "pipeline.h"

#include <stdio.h>

enum { RECORDS = 30 };
struct disk { int calls, records; };
typedef pipeline_batch_of(int, 8) batch;

static int write_one(conc_ctx *ctx, const int *record, int *written, struct disk *d) {
    (void)ctx, (void)record;
    d->calls++;
    d->records++;
    return *written = 1, 0;
}
static int write_batch(conc_ctx *ctx, const batch *b, int *written, struct disk *d) {
    (void)ctx;
    d->calls++;
    d->records += (int)b->n;
    return *written = (int)b->n, 0;
}
static int sum(recv_chan(int) c) {
    int total = 0;
    chan_range(v, c) total += v;
    return total;
}

int main(void) {
    int records[RECORDS];
    struct disk d = { 0, 0 };
    for (int i = 0; i < RECORDS; i++) records[i] = i;
    conc_scope_begin(s);

    int n = sum(pipeline_map(s, pipeline_from(s, records, RECORDS), int, write_one, &d));
    printf("one by one: %d records, %d calls\n", n, d.calls);

    d.calls = 0;
    recv_chan(batch) batches = pipeline_batch(s, pipeline_from(s, records, RECORDS), batch, CONC_FOREVER);
    n = sum(pipeline_map(s, batches, int, write_batch, &d));
    printf("in batches: %d records, %d calls\n", n, d.calls);

    recv_chan(int) queue = pipeline_buffer(s, pipeline_from(s, records, RECORDS), RECORDS);
    int err = conc_scope_wait(s); /* for the source: nobody has read yet */
    printf("the source is done, %zu records wait\n", chan_len(queue));
    return err;
}
