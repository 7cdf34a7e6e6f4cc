/* drop: a service logs to a disk that hangs. Whoever logs must not hang with it: a line that finds no room in the buffer is dropped
   and counted, and the count is part of the log once the disk is back. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include <stdio.h>

struct line { int request; };
struct logger {
    chan(struct line) lines; /* the capacity is how much is kept while the disk hangs */
    conc_atomic(int) dropped;
};

static void log_request(struct logger *l, int request) { /* never blocks */
    struct line line = { request };
    if (chan_try_send(l->lines, line) != CONC_OK) conc_atomic_fetch_add(&l->dropped, 1);
}

static void write_lines(struct logger *l, recv_chan(char) disk_is_back, chan(int) written) {
    int n = 0, early = 0;
    (void)chan_recv(disk_is_back);
    chan_range(line, l->lines) {
        n++;
        early += line.request <= 40;
    }
    printf("written: %d lines, the first 40 among them: %s\n", n, early == 40 ? "yes" : "no");
    chan_send(written, n);
}

static void serve(struct logger *l, int requests, conc_atomic(int) *served) {
    for (int i = 0; i < requests; i++) log_request(l, conc_atomic_fetch_add(served, 1) + 1);
}

int main(void) {
    static struct logger logger;
    static conc_atomic(int) served;
    chan(char) disk = chan_make(char);
    chan(int) written = chan_make(int);
    logger.lines = chan_make(struct line, 100);
    if (disk == NULL || written == NULL || logger.lines == NULL) return 1;
    go(write_lines, &logger, disk, written);

    serve(&logger, 40, &served); /* the disk hangs from here on */
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 8; i++) conc_wg_go(&wg, serve, &logger, 250, &served);
    conc_wg_wait(&wg);
    printf("served: %d requests, though the disk hangs\n", conc_atomic_load(&served));

    chan_close(disk);         /* it is back */
    chan_close(logger.lines); /* and the service ends: what was kept is written */
    int n = 100 - chan_recv(written);
    printf("dropped: %d lines, kept but not written: %d\n", conc_atomic_load(&logger.dropped), n);
    chan_free(disk), chan_free(written), chan_free(logger.lines);
}
