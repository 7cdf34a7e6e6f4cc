/* Timeouts: do not wait longer than a given time, by a case of a select. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

static void later(int64_t ns, const char *what, chan(const char *) c) {
    conc_sleep(ns);
    chan_send(c, what); /* there is room: the sender is not stranded when nobody waits any more */
    chan_free(c);
}

static void ask(int64_t takes, const char *what, int64_t patience, const char *otherwise) {
    chan(const char *) c = chan_make(const char *, 1);
    go(later, takes, what, chan_ref(c));
    chan_select {
        on_recv(res, c) printf("%s\n", res);
        on_timeout(patience) printf("%s\n", otherwise);
    }
    chan_free(c);
}

int main(void) {
    ask(CONC_MIN, "result 1", 100 * CONC_MS, "timeout 1");
    ask(100 * CONC_MS, "result 2", CONC_MIN, "timeout 2");
}
