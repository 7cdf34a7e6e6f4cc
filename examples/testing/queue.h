/* The code of the tutorial in docs/testing.md: a queue with room for one, which hangs now and then. -DMENDED: it does not. */
#include "conc.h"

struct queue {
    conc_mutex mu;
    conc_cond changed;
    bool full;
    int item;
};
#define QUEUE_INIT { CONC_MUTEX_INIT, CONC_COND_INIT, false, 0 }

static inline void queue_tell(struct queue *q) {
#ifdef MENDED
    conc_cond_broadcast(&q->changed); /* whoever can go on is among them */
#else
    conc_cond_signal(&q->changed);    /* one of those who wait; but is it one who can go on? */
#endif
}
static inline void queue_put(struct queue *q, int item) {
    conc_mutex_lock(&q->mu);
    while (q->full) conc_cond_wait(&q->changed, &q->mu);
    q->item = item;
    q->full = true;
    queue_tell(q);
    conc_mutex_unlock(&q->mu);
}
static inline int queue_take(struct queue *q) {
    conc_mutex_lock(&q->mu);
    while (!q->full) conc_cond_wait(&q->changed, &q->mu);
    int item = q->item;
    q->full = false;
    queue_tell(q);
    conc_mutex_unlock(&q->mu);
    return item;
}
