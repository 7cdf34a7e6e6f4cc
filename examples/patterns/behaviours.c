/* behaviours: what channels are used for, in the words of Ardan Labs' "The Behavior of Channels" and its sequels, one function each. A channel is
   a way to signal: with data or without, with a guarantee that it was received (no buffer) or without (a buffer). No header: each is a
   few lines of conc.h, or a pattern of its own, which the comment names. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include <stdio.h>

enum { WORKERS = 3, TASKS = 12 };
static conc_atomic(int) done_tasks;
static void task(int n) { conc_atomic_fetch_add(&done_tasks, n); }

/* Wait for task: a new employee waits to be told what to do. No buffer: the sender knows that he has it. */
static void employee(recv_chan(int) tasks) { task(chan_recv(tasks)); }
static void wait_for_task(void) {
    chan(int) c = chan_make(int);
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, employee, c);
    chan_send(c, 1);
    conc_wg_wait(&wg);
    chan_free(c);
}

/* Wait for result: he knows what to do already; we wait for what comes of it. */
static void knows(send_chan(int) result) { chan_send(result, 42); }
static void wait_for_result(void) {
    chan(int) c = chan_make(int, 1); /* room: he may leave before we come */
    go(knows, c);
    printf("wait for result: %d\n", chan_recv(c));
    chan_free(c);
}

/* Wait for finished: a signal without data is a close, or a wait group where it is many. */
static void finishes(chan(char) finished) { chan_close(finished); }
static void wait_for_finished(void) {
    chan(char) c = chan_make(char);
    char none;
    go(finishes, c);
    printf("wait for finished: %s\n", chan_recv(c, &none) ? "a value" : "closed");
    chan_free(c);
}

/* Pooling: a fixed team takes tasks from one channel; who does which does not matter. With errors and shutdown: worker.h. */
static void team_member(recv_chan(int) tasks) { chan_range(n, tasks) task(n); }
static void pooling(void) {
    chan(int) c = chan_make(int);
    conc_wg wg = CONC_WG_INIT;
    conc_atomic_store(&done_tasks, 0);
    for (int i = 0; i < WORKERS; i++) conc_wg_go(&wg, team_member, c);
    for (int i = 0; i < TASKS; i++) chan_send(c, 1);
    chan_close(c);
    conc_wg_wait(&wg);
    printf("pooling: %d tasks by %d workers\n", conc_atomic_load(&done_tasks), WORKERS);
    chan_free(c);
}

/* Fan-out: a goroutine for each task; the results have room, so that nobody waits. */
static void squares(send_chan(int) out, int n) { chan_send(out, n * n); }
static void fan_out(void) {
    chan(int) c = chan_make(int, TASKS);
    int sum = 0;
    for (int i = 0; i < TASKS; i++) go(squares, c, i);
    for (int i = 0; i < TASKS; i++) sum += chan_recv(c);
    printf("fan-out: %d\n", sum);
    chan_free(c);
}

/* Fan-out semaphore: as many goroutines, but only so many at work. conc_scope's .limit and errgroup_set_limit do not even start the others. */
static conc_atomic(int) at_work, too_many;
static void bounded(conc_sem *places, send_chan(int) out) {
    conc_sem_acquire(places, 1);
    if (conc_atomic_fetch_add(&at_work, 1) >= WORKERS) conc_atomic_store(&too_many, 1);
    conc_yield();
    conc_atomic_fetch_sub(&at_work, 1);
    conc_sem_release(places, 1);
    chan_send(out, 1);
}
static void fan_out_semaphore(void) {
    chan(int) c = chan_make(int, TASKS);
    conc_sem places = CONC_SEM_INIT(WORKERS);
    conc_wg wg = CONC_WG_INIT;
    int n = 0;
    for (int i = 0; i < TASKS; i++) conc_wg_go(&wg, bounded, &places, c);
    for (int i = 0; i < TASKS; i++) n += chan_recv(c);
    conc_wg_wait(&wg);
    printf("fan-out semaphore: %d, %s\n", n, conc_atomic_load(&too_many) ? "too many at once" : "never more than three at once");
    chan_free(c);
}

/* Bounded work pooling: the work is known, so the team starts with all of it in the channel and ends when it is empty. */
static void bounded_work_pooling(void) {
    chan(int) c = chan_make(int, TASKS);
    conc_wg wg = CONC_WG_INIT;
    conc_atomic_store(&done_tasks, 0);
    for (int i = 0; i < TASKS; i++) chan_send(c, i);
    chan_close(c);
    for (int i = 0; i < WORKERS; i++) conc_wg_go(&wg, team_member, c);
    conc_wg_wait(&wg);
    printf("bounded work pooling: %d\n", conc_atomic_load(&done_tasks));
    chan_free(c);
}

/* Drop: the buffer is what we can take; more is refused at once, and counted. A DNS server, a log that must not slow anybody down. */
static void drop(void) {
    chan(int) c = chan_make(int, 5);
    int dropped = 0;
    for (int i = 0; i < TASKS; i++) dropped += chan_try_send(c, i) == CONC_WOULD_BLOCK;
    printf("drop: %zu taken, %d dropped\n", chan_len(c), dropped);
    chan_free(c);
}

/* Cancellation: wait for the result no longer than the context allows. The buffer is for the one who brings it too late. */
static void slow(conc_ctx *ctx, chan(int) out) {
    (void)conc_sleep_ctx(ctx, CONC_HOUR);
    chan_send(out, 7);
    chan_free(out);
}
static void cancellation(void) {
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_MS);
    chan(int) c = chan_make(int, 1);
    conc_wg wg = CONC_WG_INIT;
    int v;
    conc_wg_go(&wg, slow, ctx, chan_ref(c));
    printf("cancellation: %s\n", conc_strerror(chan_recv_ctx(c, &v, ctx)));
    chan_free(c);
    conc_wg_wait(&wg);
    conc_ctx_free(ctx);
}

/* Retry with timeout: again and again, until it works or the context ends. With backoff: retry.h. */
static void retry_with_timeout(void) {
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_MIN);
    int tries = 1;
    for (; tries < 4; tries++) /* the fourth works */
        if (conc_sleep_ctx(ctx, CONC_MS) != CONC_OK) break;
    printf("retry with timeout: %d tries, %s\n", tries, conc_strerror(conc_ctx_err(ctx)));
    conc_ctx_free(ctx);
}

/* Channel cancellation: code that knows channels only gets one that is closed when it is to stop. conc_ctx_done makes one of a context; the
   other way round: any.h. */
static bool old_code(recv_chan(char) stop) {
    chan_select {
        on_recv(none, stop) return (void)none, false;
        on_timeout(CONC_HOUR) return true;
    }
    return true;
}
static void channel_cancellation(void) {
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_MS);
    printf("channel cancellation: %s\n", old_code(conc_ctx_done(ctx)) ? "not told" : "told");
    conc_ctx_free(ctx);
}

int main(void) {
    wait_for_task();
    printf("wait for task: %d done\n", conc_atomic_load(&done_tasks));
    wait_for_result(), wait_for_finished(), pooling(), fan_out(), fan_out_semaphore(), bounded_work_pooling();
    drop(), cancellation(), retry_with_timeout(), channel_cancellation();
}
