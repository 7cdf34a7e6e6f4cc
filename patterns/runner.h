/* runner.h - tasks in order, under a time limit, stoppable by Ctrl-C. For conc.h; copy this file beside it.

   Problem: a batch job (a cron job, a migration, a deployment) has steps that must run one after another, must not take longer
   than so long, and must stop cleanly when somebody presses Ctrl-C.

       runner_start ------ go ------> task 1, task 2, ... task n       one goroutine; its context is made by runner_start
         |   ^                          |
         |   '------- complete ---------'                              a report, into a buffer of one
         |---- interrupt: SIGINT, SIGTERM, runner_interrupt
         '---- timeout, or the caller's context
       any of the two: cancel the tasks' context, wait for complete (at most the grace period)

     static int fetch(conc_ctx *ctx, struct page *page) { ... }        // 0, or an error of its own

     struct runner r;
     if (runner_init(&r, 3 * CONC_SEC) != CONC_OK) ...
     runner_add(&r, fetch, &page);                                     // fetch's parameter must fit: the compiler checks
     switch (runner_start(&r, NULL)) { case RUNNER_OK: ... }           // r.report says more
     runner_free(&r);

   When the goroutine stops: when its tasks have run, or the first one that fails, or the one under way when the context ended has
   returned. Whether to go on is asked between tasks; a task that takes long asks too, by conc_ctx_err(ctx) or an operation with
   _ctx. runner_start comes back when the goroutine has ended, or when the grace period after a stop is over: then report.stuck is
   set and report.task names the task that does not listen. That goroutine is still not lost: runner_join waits for it, and
   runner_free does so first. (C cannot end a goroutine from outside any more than Go can.)

   Cancel: the caller's context is the parent of the tasks'. Error: the first task that returns something other than 0 ends the run,
   unless the context had ended before, which is then the reason. A task that ends its goroutine by conc_exit has failed with
   CONC_CANCELED. A caller that walks away is not possible: runner_start is an ordinary call; the report has room in any case.
   Second interrupt: from the first on, or once time is up, the signals have their former effect again, so Ctrl-C ends the program
   at once, even if every processor is busy in a task.

   Who owns what: the runner is yours and stays where it is until runner_free; what the arguments point to is yours and must outlive
   the run. One goroutine or thread at a time uses a runner; runner_interrupt may be called by any. A finished runner may be started
   again and runs all its tasks again.

   Source: the runner of "Go in Action", chapter 7. That one leaves its goroutine behind after a timeout, blocked for ever on a
   send nobody receives; this one gives the report a buffer, cancels and joins. */
#ifndef RUNNER_H
#define RUNNER_H

#include "conc.h"

#include <signal.h>
#include <stdlib.h>

enum runner_result {
    RUNNER_OK,          /* every task returned 0 */
    RUNNER_TIMEOUT,     /* the runner's time limit, or the caller's context's */
    RUNNER_INTERRUPTED, /* a signal, or runner_interrupt */
    RUNNER_CANCELED,    /* the caller's context was cancelled */
    RUNNER_FAILED       /* a task returned an error, or the run could not begin: report.error */
};

struct runner_report {
    enum runner_result result;
    int error;         /* RUNNER_FAILED: what the task returned; or CONC_NO_MEMORY, CONC_NO_THREADS: it could not begin */
    int signal;        /* the signal that arrived, whether it was in time to stop anything or not; 0: none */
    size_t completed;  /* tasks that returned 0 */
    const char *task;  /* the task after those: the one that failed, was stopped or was not begun; NULL: there is none */
    bool stuck;        /* it is still running: runner_join waits for it */
};

struct runner__task {
    void (*fn)(void); /* really int (*)(conc_ctx *, T *) */
    void *arg;
    const char *name;
};

struct runner {
    /* to be set between runner_init and runner_start */
    int64_t timeout; /* of the whole run; CONC_FOREVER: none */
    int64_t grace;   /* how long runner_start waits for the task under way once it is to stop; one second */
    bool signals;    /* SIGINT and SIGTERM stop the run; true */
    /* to be read after runner_start and runner_join */
    struct runner_report report;
    /* private */
    struct runner__task *runner__tasks;
    size_t runner__n, runner__room, runner__at;
    bool runner__busy;
    conc_ctx *runner__ctx;
    conc_wg runner__running;
    struct runner_report runner__own; /* the goroutine's, until it has sent it */
    conc_chan(struct runner_report) runner__complete;
    conc_chan(int) runner__interrupt;
};

/* Make an empty runner. CONC_NO_MEMORY: it must not be used. */
static inline conc_status runner_init(struct runner *r, int64_t timeout) {
    const conc_wg wg = CONC_WG_INIT;
    const struct runner_report none = { RUNNER_OK, 0, 0, 0, NULL, false };
    r->timeout = timeout;
    r->grace = CONC_SEC;
    r->signals = true;
    r->report = r->runner__own = none;
    r->runner__tasks = NULL;
    r->runner__n = r->runner__room = r->runner__at = 0;
    r->runner__busy = false;
    r->runner__ctx = NULL;
    r->runner__running = wg;
    r->runner__complete = conc_chan_make(struct runner_report, 1); /* room: the goroutine never waits to be asked */
    r->runner__interrupt = conc_chan_make(int, 1);                 /* room: an interrupt is not lost before it is looked for */
    if (r->runner__complete != NULL && r->runner__interrupt != NULL) return CONC_OK;
    conc_chan_free(r->runner__complete), conc_chan_free(r->runner__interrupt);
    return CONC_NO_MEMORY;
}

/* runner_add(r, task, arg)   append  int task(conc_ctx *ctx, T *arg)  with its argument; CONC_OK or CONC_NO_MEMORY. */
static inline conc_status runner__add(struct runner *r, void (*fn)(void), void *arg, const char *name) {
    if (__atomic_load_n(&r->runner__busy, __ATOMIC_ACQUIRE)) conc_panic("runner_add: the runner is running");
    if (r->runner__n == r->runner__room) {
        size_t room = 2 * r->runner__room + 8;
        void *tasks = realloc(r->runner__tasks, room * sizeof *r->runner__tasks);
        if (tasks == NULL) return CONC_NO_MEMORY;
        r->runner__tasks = (struct runner__task *)tasks;
        r->runner__room = room;
    }
    struct runner__task *t = &r->runner__tasks[r->runner__n++];
    t->fn = fn;
    t->arg = arg;
    t->name = name;
    return CONC_OK;
}
#ifndef __cplusplus
#define runner_add(r, task, ...) \
    ((void)sizeof(struct { _Static_assert(_Generic((task)((conc_ctx *)0, (__VA_ARGS__)), int: 1, default: 0), \
        "runner_add: a task is int task(conc_ctx *ctx, T *arg)"); int runner__; }), \
     runner__add((r), (void (*)(void))(task), (void *)(uintptr_t)(__VA_ARGS__), #task))
#else
template <class T> struct runner__same { typedef T type; };
template <class T>
static inline conc_status runner__add_of(struct runner *r, const char *name, int (*task)(conc_ctx *, T *), typename runner__same<T>::type *arg) {
    return runner__add(r, reinterpret_cast<void (*)(void)>(task), const_cast<void *>(static_cast<const volatile void *>(arg)), name);
}
template <class R> static inline conc_status runner__add_of(R *, const char *, ...) {
    static_assert(sizeof(R) == 0, "runner_add: a task is int task(conc_ctx *ctx, T *arg)");
    return CONC_INVALID;
}
#define runner_add(r, task, ...) runner__add_of((r), #task, (task), __VA_ARGS__)
#endif

/* Stop the run, as a signal does; before runner_start: the next one. Any goroutine or thread, while the runner exists. */
static inline void runner_interrupt(struct runner *r) {
    (void)conc_chan_try_send(r->runner__interrupt, SIGINT); /* full: it is interrupted already */
}

#ifdef __clang__
__attribute__((no_sanitize("function"))) /* T * and void * are passed alike; runner_add has checked T */
#endif
static inline int runner__call(const struct runner__task *t, conc_ctx *ctx) {
    return ((int (*)(conc_ctx *, void *))t->fn)(ctx, t->arg);
}

static inline void runner__finish(void *arg) { /* at the end of the goroutine, also by conc_exit */
    struct runner *r = (struct runner *)arg;
    conc_chan_send(r->runner__complete, r->runner__own);
}

static inline void runner__run(struct runner *r) {
    struct runner_report *own = &r->runner__own;
    own->result = RUNNER_FAILED;
    own->error = (int)conc_on_exit(runner__finish, r);
    if (own->error != CONC_OK) {
        runner__finish(r);
        return;
    }
    for (; own->completed < r->runner__n; own->completed++) {
        const struct runner__task *t = &r->runner__tasks[own->completed];
        __atomic_store_n(&r->runner__at, own->completed, __ATOMIC_RELAXED);
        own->task = t->name;
        own->result = RUNNER_CANCELED;
        if (conc_ctx_err(r->runner__ctx) != CONC_OK) return;
        own->result = RUNNER_FAILED;
        own->error = CONC_CANCELED; /* unless it returns */
        own->error = runner__call(t, r->runner__ctx);
        if (own->error != 0) {
            if (conc_ctx_err(r->runner__ctx) != CONC_OK) own->result = RUNNER_CANCELED, own->error = 0;
            return;
        }
    }
    own->result = RUNNER_OK;
    own->task = NULL;
}

static inline enum runner_result runner__end(struct runner *r, bool interrupted, int sig) {
    /* why the context ended is known here, not in the goroutine */
    if (r->report.result == RUNNER_CANCELED)
        r->report.result = interrupted ? RUNNER_INTERRUPTED
                           : conc_ctx_err(r->runner__ctx) == CONC_TIMEOUT ? RUNNER_TIMEOUT : RUNNER_CANCELED;
    r->report.signal = sig;
    if (!r->report.stuck) {
        conc_wg_wait(&r->runner__running); /* it has sent its report and is about to end */
        conc_ctx_free(r->runner__ctx);
        __atomic_store_n(&r->runner__busy, false, __ATOMIC_RELEASE);
    }
    return r->report.result;
}

/* Run the tasks, in order, and return how it went; r->report says more. parent: NULL, or a context that stops the run too. */
static inline enum runner_result runner_start(struct runner *r, conc_ctx *parent) {
    const struct runner_report none = { RUNNER_FAILED, 0, 0, 0, NULL, false };
    bool finished = false, interrupted = false;
    int sig = 0;
    if (__atomic_exchange_n(&r->runner__busy, true, __ATOMIC_ACQ_REL)) conc_panic("runner_start: the runner is running");
    r->report = r->runner__own = none;
    r->runner__at = 0;
    r->runner__ctx = conc_ctx_with_timeout(parent != NULL ? parent : conc_ctx_background(), r->timeout);
    conc_status ready = r->runner__ctx == NULL ? CONC_NO_MEMORY : CONC_OK;
    if (ready == CONC_OK && r->signals) ready = conc_signal_notify(r->runner__interrupt, SIGINT, SIGTERM);
    r->report.error = (int)ready;
    if (ready != CONC_OK) return runner__end(r, false, 0);

    if (conc_chan_try_recv(r->runner__interrupt, &sig) == CONC_OK) { /* it came before the start */
        interrupted = true;
        conc_ctx_cancel(r->runner__ctx);
    }
    conc_wg_go(&r->runner__running, runner__run, r);
    conc_select_ordered {
        conc_on_recv_into(&r->report, r->runner__complete) finished = true;
        conc_on_recv_into(&sig, r->runner__interrupt) {
            interrupted = true;
            conc_ctx_cancel(r->runner__ctx);
        }
        conc_on_done(r->runner__ctx) {}
    }
    conc_signal_stop(r->runner__interrupt); /* from here on the next Ctrl-C ends the program */
    if (!finished && conc_chan_recv_for(r->runner__complete, &r->report, r->grace) != CONC_OK) {
        r->report.result = RUNNER_CANCELED;
        r->report.completed = __atomic_load_n(&r->runner__at, __ATOMIC_RELAXED);
        r->report.task = r->report.completed < r->runner__n ? r->runner__tasks[r->report.completed].name : NULL;
        r->report.stuck = true;
    }
    if (!interrupted) (void)conc_chan_try_recv(r->runner__interrupt, &sig); /* too late to stop anything, but not to be told */
    return runner__end(r, interrupted, sig);
}

/* Wait for the task that was stuck, as long as it takes. Afterwards report.stuck is false, and completed and task are what they
   became in the end. */
static inline void runner_join(struct runner *r) {
    struct runner_report late;
    if (!r->report.stuck) return;
    (void)conc_chan_recv(r->runner__complete, &late);
    r->report.completed = late.completed;
    r->report.task = late.task;
    r->report.stuck = false;
    (void)runner__end(r, false, r->report.signal);
}

/* Join, and free what the runner holds. */
static inline void runner_free(struct runner *r) {
    runner_join(r);
    if (__atomic_load_n(&r->runner__busy, __ATOMIC_ACQUIRE)) conc_panic("runner_free: the runner is running");
    free(r->runner__tasks);
    conc_chan_free(r->runner__complete), conc_chan_free(r->runner__interrupt);
}

/* The text of a result: a constant string. */
static inline const char *runner_strerror(enum runner_result result) {
    static const char *const text[] = { "ok", "timeout", "interrupted", "canceled", "a task failed" };
    return (size_t)result < sizeof text / sizeof *text ? text[result] : "unknown result";
}

#endif
