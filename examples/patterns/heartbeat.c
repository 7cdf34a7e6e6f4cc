/* heartbeat: a clerk who says when he begins with a letter, an idle one who shows that he is still there, and one who has died over
   his work. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "heartbeat.h"

#include <stdio.h>

struct clerk { struct heartbeat heart; recv_chan(const char *) letters; chan(char) life; };

static void work(struct clerk *c) {
    const char *letter;
    defer(heartbeat_end, &c->heart);
    while (heartbeat_do(&c->heart, NULL, case_recv(c->letters, &letter)) == CONC_OK) {
        heartbeat_beat(&c->heart); /* per unit of work */
        if (letter[0] == '?') (void)chan_recv(c->life); /* this one asks for the meaning of life */
    }
}

static void watch(const char *who, struct clerk *c, conc_status expected, int64_t patience) {
    conc_status s = heartbeat_wait(&c->heart, NULL, patience);
    printf("%s: %s\n", who, s == CONC_OK ? "alive" : s == CONC_TIMEOUT ? "silent" : "has gone home");
    if (s != expected) printf("(unexpected)\n");
}

int main(void) {
    conc_wg wg = CONC_WG_INIT;
    chan(const char *) letters = chan_make(const char *), none = chan_make(const char *);
    struct clerk busy, idle;
    busy.letters = letters, busy.life = chan_make(char), idle.letters = none, idle.life = NULL;
    if (heartbeat_init(&busy.heart, 0) != CONC_OK || heartbeat_init(&idle.heart, 5 * CONC_MS) != CONC_OK) return 1;
    conc_wg_go(&wg, work, &busy);
    conc_wg_go(&wg, work, &idle);

    for (int i = 0; i < 3; i++) watch("idle clerk", &idle, CONC_OK, CONC_FOREVER); /* by interval */
    chan_send(letters, "Dear Sir");
    watch("busy clerk", &busy, CONC_OK, CONC_FOREVER);
    watch("busy clerk without a letter", &busy, CONC_TIMEOUT, CONC_MS); /* per unit of work: no work, no beat */
    chan_send(letters, "? Dear Madam");
    watch("busy clerk", &busy, CONC_OK, CONC_FOREVER);
    watch("busy clerk with the great question", &busy, CONC_TIMEOUT, CONC_MS);
    printf("he has begun %d letters\n", (int)heartbeat_count(&busy.heart));

    chan_send(busy.life, 0);
    chan_close(letters), chan_close(none);
    conc_wg_wait(&wg);
    watch("busy clerk", &busy, CONC_CLOSED, CONC_FOREVER);
    heartbeat_free(&busy.heart), heartbeat_free(&idle.heart);
    chan_free(letters), chan_free(none), chan_free(busy.life);
}
