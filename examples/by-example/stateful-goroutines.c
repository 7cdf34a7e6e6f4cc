/* Stateful goroutines: one goroutine owns the data, the others ask it. No lock: sharing by communicating. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

struct read_op { int key; send_chan(int) resp; };
struct write_op { int key, val; send_chan(bool) resp; };

static void owner(recv_chan(struct read_op) reads, recv_chan(struct write_op) writes, recv_chan(bool) stop) {
    int state[5] = { 0 }; /* nobody else can see it */
    for (;;) {
        chan_select {
            on_recv(read, reads) chan_send(read.resp, state[read.key]);
            on_recv(write, writes) {
                state[write.key] = write.val;
                chan_send(write.resp, true);
            }
            on_recv(v, stop) {
                (void)v; /* closed */
                return;
            }
        }
    }
}
static void reader(int key, send_chan(struct read_op) reads, conc_atomic(int) *count) {
    chan(int) resp = chan_make(int);
    for (int i = 0; i < 100; i++) {
        chan_send(reads, (struct read_op){ key, resp });
        (void)chan_recv(resp), conc_atomic_fetch_add(count, 1);
    }
    chan_free(resp);
}
static void writer(int key, send_chan(struct write_op) writes, conc_atomic(int) *count) {
    chan(bool) resp = chan_make(bool);
    for (int i = 0; i < 100; i++) {
        chan_send(writes, (struct write_op){ key, i, resp });
        (void)chan_recv(resp), conc_atomic_fetch_add(count, 1);
    }
    chan_free(resp);
}

int main(void) {
    chan(struct read_op) reads = chan_make(struct read_op);
    chan(struct write_op) writes = chan_make(struct write_op);
    chan(bool) stop = chan_make(bool);
    conc_atomic(int) read_ops = 0, write_ops = 0;
    conc_wg clients = CONC_WG_INIT, state = CONC_WG_INIT;
    conc_wg_go(&state, owner, reads, writes, stop);
    for (int r = 0; r < 100; r++) conc_wg_go(&clients, reader, r % 5, reads, &read_ops);
    for (int w = 0; w < 10; w++) conc_wg_go(&clients, writer, w % 5, writes, &write_ops);
    conc_wg_wait(&clients), chan_close(stop), conc_wg_wait(&state);
    printf("readOps: %d\nwriteOps: %d\n", conc_atomic_load(&read_ops), conc_atomic_load(&write_ops));
    chan_free(reads), chan_free(writes), chan_free(stop);
}
