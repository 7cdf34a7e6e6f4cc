/* pingpong: a ball goes to and fro between two goroutines. The ball is a struct, passed by value; whoever holds it owns it. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

struct ball { int hits; };

static void player(const char *name, chan(struct ball) table, send_chan(struct ball) over) {
    chan_range(ball, table) {
        ball.hits++;
        printf("%-4s %d\n", name, ball.hits);
        if (ball.hits == 6) {
            chan_send(over, ball);
            return;
        }
        chan_send(table, ball); /* unbuffered: the other player takes it, since this one is not receiving */
    }
}

int main(void) {
    chan(struct ball) table = chan_make(struct ball), over = chan_make(struct ball);
    conc_wg players = CONC_WG_INIT;
    conc_wg_go(&players, player, "ping", table, over);
    chan_send(table, (struct ball){ 0 }); /* ping has it before pong exists */
    conc_wg_go(&players, player, "pong", table, over);
    struct ball last = chan_recv(over);
    chan_close(table); /* ends the player who still waits for the ball */
    conc_wg_wait(&players);
    printf("%d hits\n", last.hits);
    chan_free(table), chan_free(over);
}
