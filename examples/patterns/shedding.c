/* shedding: a server with more load than it can carry answers part of it in time rather than all of it too late. Three doors, from the
   outside in: no more than so many requests inside; the last quarter of the places is for important ones; and who has waited longer
   than its client does is not worked on any more. Each costs next to nothing, and says no at once. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include <stdio.h>

enum { PLACES = 40, RESERVED = PLACES / 4 };

struct request {
    bool important;
    conc_ctx *patience; /* its client's */
};
struct server {
    conc_sem places;              /* taken at the door, given back with the answer */
    chan(struct request) queue;   /* has room for all who have a place: nobody waits at the door */
    conc_atomic(int) answered, late, refused, refused_important;
};

static bool admit(struct server *s, struct request r) {
    int64_t want = r.important ? 1 : 1 + RESERVED; /* an ordinary one must leave the reserve untouched */
    if (!conc_sem_try_acquire(&s->places, want)) {
        conc_atomic_fetch_add(r.important ? &s->refused_important : &s->refused, 1);
        return false;
    }
    if (want > 1) conc_sem_release(&s->places, want - 1);
    chan_send(s->queue, r);
    return true;
}

static void work(struct server *s, recv_chan(char) begin) {
    (void)chan_recv(begin); /* the load comes while the server is at something else */
    chan_range(r, s->queue) {
        bool gone = conc_ctx_err(r.patience) != CONC_OK;
        conc_atomic_fetch_add(gone ? &s->late : &s->answered, 1);
        conc_sem_release(&s->places, 1);
    }
}

int main(void) {
    static struct server s;
    conc_sem_init(&s.places, PLACES);
    s.queue = chan_make(struct request, PLACES);
    chan(char) begin = chan_make(char);
    conc_ctx *gone = conc_ctx_with_cancel(conc_ctx_background());
    if (s.queue == NULL || begin == NULL || gone == NULL) return 1;
    conc_wg workers = CONC_WG_INIT;
    for (int i = 0; i < 3; i++) conc_wg_go(&workers, work, &s, begin);

    int admitted = 0;
    for (int i = 0; i < 100; i++) { /* every fifth is important; every fourth client will not wait long enough */
        struct request r = { i % 5 == 0, i % 4 == 0 ? gone : conc_ctx_background() };
        admitted += admit(&s, r);
    }
    printf("100 requests: %d admitted, refused %d ordinary and %d important ones\n", admitted, conc_atomic_load(&s.refused),
           conc_atomic_load(&s.refused_important));
    conc_ctx_cancel(gone);
    chan_close(begin);
    chan_close(s.queue);
    conc_wg_wait(&workers);
    printf("answered %d; %d had waited too long and cost no work\n", conc_atomic_load(&s.answered), conc_atomic_load(&s.late));
    printf("all places are free again: %s\n", conc_sem_try_acquire(&s.places, PLACES) ? "yes" : "no");
    conc_ctx_free(gone);
    chan_free(begin), chan_free(s.queue);
}
