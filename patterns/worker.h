/* worker.h - a set of goroutines that run the tasks submitted to them. For conc.h; copy this file beside it.

   Problem: there is more work than may be done at once (files to convert, requests to answer), and whoever brings it must be held
   up while everybody is busy, rather than pile it up in memory.

       submit ----.                    .---- worker 1      started when no other is free, at most max;
       submit ---- tasks (unbuffered) ------ worker 2      those above min end after lingering idle
       submit ----'                    '---- ...
                <------- result --------             one channel per submit_result, with room for the one int it gets

     static int convert(conc_ctx *ctx, struct image *im) { ... }       // 0, or an error of its own

     struct worker_set w;
     if (worker_init(&w, 4, 4, NULL) != CONC_OK) ...                    // four workers; (0, 100) is an elastic set
     worker_submit(&w, ctx, convert, &image);                          // returns once a worker has taken it

     recv_chan(int) result;                                            // or with a handle on what it returns:
     if (worker_submit_result(&w, ctx, &result, convert, &image) == 0) {
         int err = chan_recv(result);                                  // or in a select, with a time limit, or not at all
         chan_free(result);
     }
     worker_shutdown(&w, patience);                                    // refuse new tasks, finish the accepted ones
     worker_free(&w);

   When the goroutines stop: all of them when worker_shutdown has returned CONC_OK, or worker_free. Workers above the maximum
   (after worker_resize) end with the task they are at, those above the minimum when they have idled for w.linger.

   Every task that was accepted (submit returned 0) is run exactly once, to its end. Others are not run at all.
   Cancel: a submit that waits ends with its context (NULL: never). The tasks' own context is the set's: it ends with the parent given
   to worker_init, with worker_free, and when worker_shutdown runs out of patience. Error: what a task returns goes to its result
   channel; of tasks without one the first is kept: worker_error. A task that ends its goroutine by conc_exit counts as
   CONC_CANCELED, and another worker takes its place. A consumer that walks away just frees the result channel, or forgets to look:
   the worker never waits for it. A task that submits to its own set waits for a worker while it is one: use worker_try_submit there.

   Who owns what: the set is yours and stays where it is until worker_free; what an argument points to is yours and must live until
   the task has run. Any goroutine or thread may call everything here but worker_init and worker_free.

   Source: the work package of "Go in Action", chapter 7 (an unbuffered channel, so that submitting is handing over), with Ardan
   Labs' resizable pool. The book's has no errors, no context and no way to give up waiting. */
#ifndef WORKER_H
#define WORKER_H

#include "conc.h"

#include <stdlib.h>

struct worker_stats {
    size_t workers;   /* goroutines now */
    size_t waiting;   /* submits that wait for one */
    size_t begun, finished, failed; /* tasks; begun - finished are running; failed: those finished that did not return 0 */
};

struct worker__task {
    void (*fn)(void); /* really int (*)(conc_ctx *, T *); NULL: no task */
    void *arg;
    conc_chan(int) result; /* may be NULL */
};

struct worker_set {
    int64_t linger; /* how long a worker above the minimum idles before it ends; one second. Set it before the first submit */
    /* private. The mutex guards what follows up to error; it is not held while a task runs or a submit waits */
    conc_mutex worker__mutex;
    conc_cond worker__quiet; /* pending has become 0 */
    size_t worker__min, worker__max, worker__alive, worker__waiting;
    size_t worker__pending; /* tasks that are being submitted or run: counted before they are handed over, so none is overlooked */
    size_t worker__begun, worker__finished, worker__failed;
    bool worker__is_shut;
    int worker__error;
    conc_chan(char) worker__changed; /* closed, and replaced, when min or max change */
    conc_chan(char) worker__shut;    /* closed by shutdown */
    conc_chan(struct worker__task) worker__tasks;
    conc_ctx *worker__ctx;
    conc_wg worker__running;
};

struct worker__self { /* a worker */
    struct worker_set *set;
    struct worker__task task; /* what it is at */
    bool ended;               /* it has taken itself off the set */
};

/* Make a set that keeps min workers, once it has needed so many, and has at most max. parent: NULL, or a context that ends the tasks'
   context. CONC_NO_MEMORY, CONC_INVALID (min > max): it must not be used. max == 0: tasks wait until worker_resize. */
static inline conc_status worker_init(struct worker_set *w, size_t min, size_t max, conc_ctx *parent) {
    const conc_mutex mutex = CONC_MUTEX_INIT;
    const conc_cond cond = CONC_COND_INIT;
    const conc_wg wg = CONC_WG_INIT;
    if (min > max) return CONC_INVALID;
    w->linger = CONC_SEC;
    w->worker__mutex = mutex;
    w->worker__quiet = cond;
    w->worker__min = min;
    w->worker__max = max;
    w->worker__alive = w->worker__waiting = w->worker__pending = 0;
    w->worker__begun = w->worker__finished = w->worker__failed = 0;
    w->worker__is_shut = false;
    w->worker__error = 0;
    w->worker__running = wg;
    w->worker__changed = conc_chan_make(char);
    w->worker__shut = conc_chan_make(char);
    w->worker__tasks = conc_chan_make(struct worker__task);
    w->worker__ctx = conc_ctx_with_cancel(parent != NULL ? parent : conc_ctx_background());
    if (w->worker__changed != NULL && w->worker__shut != NULL && w->worker__tasks != NULL && w->worker__ctx != NULL) return CONC_OK;
    conc_chan_free(w->worker__changed), conc_chan_free(w->worker__shut), conc_chan_free(w->worker__tasks);
    conc_ctx_free(w->worker__ctx);
    return CONC_NO_MEMORY;
}

/* ---- the workers ---- */

#ifdef __clang__
__attribute__((no_sanitize("function"))) /* T * and void * are passed alike; the macros below have checked T */
#endif
static inline int worker__call(const struct worker__task *t, conc_ctx *ctx) {
    return ((int (*)(conc_ctx *, void *))t->fn)(ctx, t->arg);
}

/* With the mutex: one task less under way. */
static inline void worker__settle(struct worker_set *w) {
    if (--w->worker__pending == 0) conc_cond_broadcast(&w->worker__quiet);
}

/* With the mutex: the worker's task has ended with err. */
static inline void worker__report(struct worker__self *self, int err) {
    struct worker_set *w = self->set;
    w->worker__finished++;
    if (err != 0) w->worker__failed++;
    if (self->task.result != NULL) {
        conc_chan_send(self->task.result, err); /* has room for it */
        conc_chan_free(self->task.result);
    } else if (w->worker__error == 0) {
        w->worker__error = err;
    }
    self->task.fn = NULL;
    worker__settle(w);
}

/* With the mutex: wait for a task. False: the worker has taken itself off the set. */
static inline bool worker__next(struct worker__self *self) {
    struct worker_set *w = self->set;
    for (bool idled = false; self->task.fn == NULL;) {
        bool surplus = w->worker__alive > w->worker__max;
        if (idled && w->worker__alive > w->worker__min && w->worker__waiting == 0) surplus = true;
        if (surplus) {
            w->worker__alive--;
            return false;
        }
        int64_t patience = w->worker__alive > w->worker__min ? w->linger : CONC_FOREVER;
        conc_chan(char) changed = conc_chan_ref(w->worker__changed);
        conc_mutex_unlock(&w->worker__mutex);
        char none;
        conc_select {
            conc_on_recv_into(&self->task, w->worker__tasks) {}
            conc_on_recv_into(&none, changed) {}
            conc_on_timeout(patience) idled = true;
        }
        conc_chan_free(changed);
        conc_mutex_lock(&w->worker__mutex);
    }
    return true;
}

static inline void worker__main(struct worker__self *self);
static inline void worker__end(void *arg) { /* at the end of the goroutine, also by conc_exit in a task */
    struct worker__self *self = (struct worker__self *)arg;
    struct worker_set *w = self->set;
    if (!self->ended) {
        conc_mutex_lock(&w->worker__mutex);
        worker__report(self, CONC_CANCELED);
        conc_mutex_unlock(&w->worker__mutex);
        conc_wg_go(&w->worker__running, worker__main, self); /* in its place */
        return;
    }
    free(self);
}
static inline void worker__main(struct worker__self *self) {
    struct worker_set *w = self->set;
    bool watched = conc_on_exit(worker__end, self) == CONC_OK;
    conc_mutex_lock(&w->worker__mutex);
    while (worker__next(self)) {
        w->worker__begun++;
        conc_mutex_unlock(&w->worker__mutex);
        int err = worker__call(&self->task, w->worker__ctx);
        conc_mutex_lock(&w->worker__mutex);
        worker__report(self, err);
    }
    conc_mutex_unlock(&w->worker__mutex);
    self->ended = true;
    if (!watched) worker__end(self); /* there was no memory for the handler: a conc_exit would have lost the worker */
}
/* With the mutex: start a worker, with its first task or without. */
static inline bool worker__start(struct worker_set *w, struct worker__task first) {
    struct worker__self *self = (struct worker__self *)malloc(sizeof *self);
    if (self == NULL) return false;
    self->set = w;
    self->task = first;
    self->ended = false;
    w->worker__alive++;
    conc_wg_go(&w->worker__running, worker__main, self);
    return true;
}

/* ---- submitting ---- */

static inline int worker__submit(struct worker_set *w, conc_ctx *ctx, bool waits, struct worker__task t) {
    enum { SHUT, DONE, SET_DONE, SENT };
    conc_mutex_lock(&w->worker__mutex);
    conc_status err = w->worker__is_shut ? CONC_CLOSED : conc_ctx_err(ctx);
    if (err == CONC_OK) err = conc_ctx_err(w->worker__ctx);
    if (err != CONC_OK) {
        conc_mutex_unlock(&w->worker__mutex);
        return (int)err;
    }
    bool sent = conc_chan_try_send(w->worker__tasks, t) == CONC_OK;
    if (!sent && w->worker__alive < w->worker__max) sent = worker__start(w, t);
    if (sent || waits) w->worker__pending++;
    if (!sent && waits) w->worker__waiting++;
    conc_mutex_unlock(&w->worker__mutex);
    if (sent) return 0;
    if (!waits) return CONC_WOULD_BLOCK;

    char none;
    int got = conc_select_ordered_of(conc_case_recv(w->worker__shut, &none), conc_case_done(ctx), conc_case_done(w->worker__ctx),
                                     conc_case_send(w->worker__tasks, t));
    conc_mutex_lock(&w->worker__mutex);
    w->worker__waiting--;
    if (got != SENT) worker__settle(w);
    conc_mutex_unlock(&w->worker__mutex);
    return got == SENT ? 0 : got == SHUT ? (int)CONC_CLOSED : (int)conc_ctx_err(got == DONE ? ctx : w->worker__ctx);
}
static inline int worker__plain(struct worker_set *w, conc_ctx *ctx, bool waits, void (*fn)(void), void *arg) {
    const struct worker__task t = { fn, arg, NULL };
    return worker__submit(w, ctx, waits, t);
}
static inline int worker__with_result(struct worker_set *w, conc_ctx *ctx, conc_recv_chan(int) *result, void (*fn)(void), void *arg) {
    conc_chan(int) c = conc_chan_make(int, 1); /* room: the worker never waits for whoever wants to know */
    *result = NULL;
    if (c == NULL) return CONC_NO_MEMORY;
    const struct worker__task t = { fn, arg, conc_chan_ref(c) };
    int err = worker__submit(w, ctx, true, t);
    if (err != 0) conc_chan_free(c), conc_chan_free(c); /* the worker's reference too */
    else *result = c;
    return err;
}

/* worker_submit(w, ctx, task, arg)   run  int task(conc_ctx *ctx, T *arg)  in a worker; wait until one takes it. 0: accepted. CONC_CLOSED:
                           the set is shut. CONC_CANCELED, CONC_TIMEOUT: ctx (NULL: never) or the set's own context has ended.
   worker_submit_result(w, ctx, &result, task, arg)
                           the same; result, a recv_chan(int), then gets the one int that task returns. It is yours: chan_free it, at
                           any time. Not accepted (CONC_NO_MEMORY, too): it is NULL.
   worker_try_submit(w, task, arg)    accepted, CONC_WOULD_BLOCK if no worker is waiting and none may be started, or CONC_CLOSED */
#ifndef __cplusplus
#define WORKER__CHECK(name, task, ...) \
    ((void)sizeof(struct { _Static_assert(_Generic((task)((conc_ctx *)0, (__VA_ARGS__)), int: 1, default: 0), \
        name ": a task is int task(conc_ctx *ctx, T *arg)"); int worker__; }))
#define WORKER__ARGS(task, ...) (void (*)(void))(task), (void *)(uintptr_t)(__VA_ARGS__)
#define worker_submit(w, ctx, task, ...) \
    (WORKER__CHECK("worker_submit", task, __VA_ARGS__), worker__plain((w), (ctx), true, WORKER__ARGS(task, __VA_ARGS__)))
#define worker_try_submit(w, task, ...) \
    (WORKER__CHECK("worker_try_submit", task, __VA_ARGS__), worker__plain((w), (conc_ctx *)0, false, WORKER__ARGS(task, __VA_ARGS__)))
#define worker_submit_result(w, ctx, result, task, ...) \
    (WORKER__CHECK("worker_submit_result", task, __VA_ARGS__), \
     worker__with_result((w), (ctx), (result), WORKER__ARGS(task, __VA_ARGS__)))
#else
template <class T> struct worker__same { typedef T type; };
template <class T> static inline void *worker__arg(T *arg) { return const_cast<void *>(static_cast<const volatile void *>(arg)); }
#define WORKER__TASK template <class T> static inline int
#define WORKER__FN int (*task)(conc_ctx *, T *), typename worker__same<T>::type *arg
#define WORKER__ARGS reinterpret_cast<void (*)(void)>(task), worker__arg<T>(arg)
WORKER__TASK worker_submit(struct worker_set *w, conc_ctx *ctx, WORKER__FN) { return worker__plain(w, ctx, true, WORKER__ARGS); }
WORKER__TASK worker_try_submit(struct worker_set *w, WORKER__FN) { return worker__plain(w, nullptr, false, WORKER__ARGS); }
WORKER__TASK worker_submit_result(struct worker_set *w, conc_ctx *ctx, conc_recv_chan(int) *result, WORKER__FN) {
    return worker__with_result(w, ctx, result, WORKER__ARGS);
}
template <class W> static inline int worker__wrong() {
    static_assert(sizeof(W) == 0, "worker_submit: a task is int task(conc_ctx *ctx, T *arg)");
    return 0;
}
template <class W> static inline int worker_submit(W *, conc_ctx *, ...) { return worker__wrong<W>(); }
template <class W> static inline int worker_try_submit(W *, ...) { return worker__wrong<W>(); }
template <class W> static inline int worker_submit_result(W *, conc_ctx *, conc_recv_chan(int) *, ...) { return worker__wrong<W>(); }
#endif

/* ---- the set ---- */

/* Change how many workers are kept and may be. More of them start at once if submits wait; those too many end when they have finished
   what they are at. CONC_INVALID (min > max), CONC_CLOSED, CONC_NO_MEMORY: nothing has changed. */
static inline conc_status worker_resize(struct worker_set *w, size_t min, size_t max) {
    const struct worker__task none = { NULL, NULL, NULL };
    if (min > max) return CONC_INVALID;
    conc_chan(char) changed = conc_chan_make(char);
    if (changed == NULL) return CONC_NO_MEMORY;
    conc_mutex_lock(&w->worker__mutex);
    bool shut = w->worker__is_shut;
    if (!shut) {
        conc_chan(char) old = w->worker__changed;
        w->worker__min = min;
        w->worker__max = max;
        w->worker__changed = changed;
        changed = old;
        conc_chan_close(old); /* idle workers look again */
        for (size_t n = w->worker__waiting; n > 0 && w->worker__alive < max && worker__start(w, none); n--) {}
    }
    conc_mutex_unlock(&w->worker__mutex);
    conc_chan_free(changed);
    return shut ? CONC_CLOSED : CONC_OK;
}

/* Wait until no task is running and no submit waits: CONC_OK, or why ctx (NULL: as long as it takes) ended first. */
static inline conc_status worker_drain(struct worker_set *w, conc_ctx *ctx) {
    conc_status err = CONC_OK;
    conc_mutex_lock(&w->worker__mutex);
    while (w->worker__pending > 0 && err == CONC_OK) err = conc_cond_wait_ctx(&w->worker__quiet, &w->worker__mutex, ctx);
    conc_mutex_unlock(&w->worker__mutex);
    return err;
}

static inline void worker__shut_down(struct worker_set *w) {
    conc_mutex_lock(&w->worker__mutex);
    bool first = !w->worker__is_shut;
    if (first) {
        w->worker__is_shut = true;
        w->worker__min = w->worker__max = 0; /* so all are too many */
        conc_chan_close(w->worker__changed);
        conc_chan_close(w->worker__shut);
    }
    conc_mutex_unlock(&w->worker__mutex);
}

/* Accept no more tasks (submits that wait fail with CONC_CLOSED) and wait until the accepted ones have been run. CONC_OK: all of them, and
   no worker is left. Else ctx has ended first; then the tasks' context is cancelled, worker_get_stats tells how many still run,
   and another worker_shutdown, or worker_free, waits for them. */
static inline conc_status worker_shutdown(struct worker_set *w, conc_ctx *ctx) {
    worker__shut_down(w);
    conc_status err = worker_drain(w, ctx);
    if (err != CONC_OK) conc_ctx_cancel(w->worker__ctx);
    else conc_wg_wait(&w->worker__running);
    return err;
}

/* Shut down without patience (cancel the tasks' context), wait for every task and worker, and free what the set holds. No other call
   may be under way, and none may follow. */
static inline void worker_free(struct worker_set *w) {
    worker__shut_down(w);
    conc_ctx_cancel(w->worker__ctx);
    (void)worker_drain(w, NULL);
    conc_wg_wait(&w->worker__running);
    conc_ctx_free(w->worker__ctx);
    conc_chan_free(w->worker__changed), conc_chan_free(w->worker__shut), conc_chan_free(w->worker__tasks);
}

/* The first error of a task that was submitted without a result channel; 0: none yet. */
static inline int worker_error(struct worker_set *w) {
    conc_mutex_lock(&w->worker__mutex);
    int err = w->worker__error;
    conc_mutex_unlock(&w->worker__mutex);
    return err;
}

static inline struct worker_stats worker_get_stats(struct worker_set *w) {
    struct worker_stats s;
    conc_mutex_lock(&w->worker__mutex);
    s.workers = w->worker__alive;
    s.waiting = w->worker__waiting;
    s.begun = w->worker__begun;
    s.finished = w->worker__finished;
    s.failed = w->worker__failed;
    conc_mutex_unlock(&w->worker__mutex);
    return s;
}

#endif
