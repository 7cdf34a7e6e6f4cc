/* fan-out and fan-in: three sources; their numbers are tested for primality by four goroutines each; the answers come together in one
   channel. Which answer comes when is not known; how many there are is. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "pipeline.h"

#include <stdio.h>

enum { SOURCES = 3, EACH = 2000, TESTERS = 4 };
struct answer { int source, number; bool prime; };

static int count_up(conc_ctx *ctx, int *out, int *next) {
    (void)ctx;
    *out = (*next)++;
    return *out % EACH < EACH - 1 ? 0 : CONC_CLOSED;
}
static int test(conc_ctx *ctx, const int *n, struct answer *out, void *none) {
    (void)ctx, (void)none;
    out->source = *n / EACH;
    out->number = *n;
    out->prime = *n >= 2;
    for (int d = 2; d * d <= *n && out->prime; d++) out->prime = *n % d != 0;
    return 0;
}

int main(void) {
    int next[SOURCES], primes[SOURCES] = { 0 }, largest = 0;
    conc_scope_begin(s);
    recv_chan(struct answer) answers[SOURCES];
    for (int i = 0; i < SOURCES; i++) {
        next[i] = i * EACH;
        recv_chan(int) numbers = pipeline_generate(s, int, count_up, &next[i]);
        answers[i] = pipeline_fan_out(s, numbers, struct answer, TESTERS, test, NULL);
    }
    chan_range(a, pipeline_merge(s, answers, SOURCES)) {
        primes[a.source] += a.prime;
        if (a.prime && a.number > largest) largest = a.number;
    }
    for (int i = 0; i < SOURCES; i++) printf("%d primes from %d on\n", primes[i], i * EACH);
    printf("the largest is %d\n", largest);
    return pipeline_end(s);
}
