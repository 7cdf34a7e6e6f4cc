/* errgroup.h - goroutines that work on one thing: wait for all, learn of the first error, cancel the rest. For conc.h; copy this file
   beside it.

   Problem: a job falls into parts that can run at once. Any of them may fail; then the others need not go on, and whoever wanted the
   job wants one answer: done, or the first thing that went wrong.

       errgroup_go ---- go ----> task ---.   returns 0
       errgroup_go ---- go ----> task ---|   returns -5: the first error; the group's context ends, with it as the cause
       errgroup_go ... (waits    task ---|   hears of it from its context, returns what it likes
                    at the limit)        |
       errgroup_wait <-------------------'   -5, once all have ended

     static int fetch(conc_ctx *ctx, struct page *page) { ... }       // 0, or an error of its own

     struct errgroup g;
     if (errgroup_init(&g, ctx) != CONC_OK) ...                        // NULL: a group without a context
     errgroup_set_limit(&g, 4);
     for (int i = 0; i < n; i++) errgroup_go(&g, fetch, &pages[i]);    // fetch's parameter must fit: the compiler checks
     int err = errgroup_wait(&g);
     errgroup_free(&g);

   When the goroutines stop: each with its task. errgroup_wait and errgroup_free return when all have ended.

   Cancel: the parent's end is the end of the tasks' context; the group itself goes on waiting for them. Error: the first result
   that is not 0 is kept and, in a group with a context, cancels it; in a group without one nobody is told, and all tasks run to their
   end. A task that ends its goroutine by conc_exit has failed with CONC_CANCELED. The caller who walks away: errgroup_free cancels and
   waits, so defer(errgroup_free, &g) covers every way out.

   Who owns what: the group is yours and stays where it is until errgroup_free; what the arguments point to is yours and must live
   until errgroup_wait has returned. Any goroutine or thread may start tasks and wait, a task of the group may start more (at the limit it
   would wait for a place while it holds one: use errgroup_try_go there). A start must not race with the wait that is to see it.

   conc_scope does the same for one block of one function, with any function and arguments, and cannot be forgotten. Take the
   group where its life does not fit a block: kept in a struct, filled by one function and waited for by another; or where
   tasks are not to be cancelled by each other's errors; or where the limit is set late.

   Source: golang.org/x/sync/errgroup. Tasks take their context as a parameter instead of from a closure. */
#ifndef ERRGROUP_H
#define ERRGROUP_H

#include "conc.h"

#include <stdlib.h>

struct errgroup { /* all private */
    conc_ctx *errgroup__ctx; /* NULL: none */
    conc_wg errgroup__running;
    conc_sem errgroup__places; /* of use if limited */
    bool errgroup__limited;
    conc_mutex errgroup__mutex; /* guards the two below */
    size_t errgroup__active;
    int errgroup__err;
};

struct errgroup__task {
    struct errgroup *group;
    void (*fn)(void); /* really int (*)(conc_ctx *, T *) */
    void *arg;
    int err;
};

/* Make an empty group without a limit. parent: whose end ends the tasks' context; the first error and errgroup_wait end it, too. NULL: the
   tasks get no context (NULL, which never ends), and errors cancel nothing. CONC_NO_MEMORY (never for NULL): it must not be used. */
static inline conc_status errgroup_init(struct errgroup *g, conc_ctx *parent) {
    const conc_wg wg = CONC_WG_INIT;
    const conc_mutex mutex = CONC_MUTEX_INIT;
    g->errgroup__ctx = parent != NULL ? conc_ctx_with_cancel(parent) : NULL;
    g->errgroup__running = wg;
    conc_sem_init(&g->errgroup__places, 0);
    g->errgroup__limited = false;
    g->errgroup__mutex = mutex;
    g->errgroup__active = 0;
    g->errgroup__err = 0;
    return parent == NULL || g->errgroup__ctx != NULL ? CONC_OK : CONC_NO_MEMORY;
}

/* The tasks' context, borrowed until errgroup_free; NULL in a group without one. Once it has ended after an error, conc_ctx_cause is
   that error. */
static inline conc_ctx *errgroup_ctx(struct errgroup *g) { return g->errgroup__ctx; }

/* At most n tasks at once from now on; n < 0: any number; 0: errgroup_go waits for ever. Not while tasks run: that ends the program. */
static inline void errgroup_set_limit(struct errgroup *g, int n) {
    conc_mutex_lock(&g->errgroup__mutex);
    size_t active = g->errgroup__active;
    conc_mutex_unlock(&g->errgroup__mutex);
    if (active != 0) conc_panic("errgroup: modify limit while %zu goroutines in the group are still active", active);
    g->errgroup__limited = n >= 0;
    if (n >= 0) conc_sem_init(&g->errgroup__places, n);
}

#ifdef __clang__
__attribute__((no_sanitize("function"))) /* T * and void * are passed alike; the macros below have checked T */
#endif
static inline int errgroup__call(const struct errgroup__task *t) {
    return ((int (*)(conc_ctx *, void *))t->fn)(t->group->errgroup__ctx, t->arg);
}

static inline void errgroup__end(void *arg) { /* at the end of the goroutine, also by conc_exit */
    struct errgroup__task *t = (struct errgroup__task *)arg;
    struct errgroup *g = t->group;
    conc_mutex_lock(&g->errgroup__mutex);
    bool first = t->err != 0 && g->errgroup__err == 0;
    if (first) g->errgroup__err = t->err;
    g->errgroup__active--;
    conc_mutex_unlock(&g->errgroup__mutex);
    if (first && g->errgroup__ctx != NULL) conc_ctx_cancel_cause(g->errgroup__ctx, t->err);
    if (g->errgroup__limited) conc_sem_release(&g->errgroup__places, 1); /* only now: who takes the place sees the cancelled context */
    free(t);
}
static inline void errgroup__main(struct errgroup__task *t) {
    bool watched = conc_on_exit(errgroup__end, t) == CONC_OK;
    int err = errgroup__call(t);
    t->err = err;
    if (!watched) errgroup__end(t); /* there was no memory for the handler: a conc_exit would have been lost */
}

/* The place has been taken. As with a plain go, no memory for a task ends the program. */
static inline void errgroup__start(struct errgroup *g, void (*fn)(void), void *arg) {
    struct errgroup__task *t = (struct errgroup__task *)malloc(sizeof *t);
    if (t == NULL) conc_panic("errgroup: out of memory");
    t->group = g;
    t->fn = fn;
    t->arg = arg;
    t->err = CONC_CANCELED; /* unless it returns */
    conc_mutex_lock(&g->errgroup__mutex);
    g->errgroup__active++;
    conc_mutex_unlock(&g->errgroup__mutex);
    conc_wg_go(&g->errgroup__running, errgroup__main, t);
}
static inline void errgroup__go(struct errgroup *g, void (*fn)(void), void *arg) {
    if (g->errgroup__limited) conc_sem_acquire(&g->errgroup__places, 1);
    errgroup__start(g, fn, arg);
}
static inline bool errgroup__try_go(struct errgroup *g, void (*fn)(void), void *arg) {
    if (g->errgroup__limited && !conc_sem_try_acquire(&g->errgroup__places, 1)) return false;
    errgroup__start(g, fn, arg);
    return true;
}

/* errgroup_go(g, task, arg)       run  int task(conc_ctx *ctx, T *arg)  in a goroutine; at the limit wait until a task has ended. A task always
                                   runs, also when the context has ended: it may look, and it may have something to free
   errgroup_try_go(g, task, arg)   the same, but at the limit false, and nothing is started */
#ifndef __cplusplus
#define ERRGROUP__CHECK(name, task, ...) \
    ((void)sizeof(struct { _Static_assert(_Generic((task)((conc_ctx *)0, (__VA_ARGS__)), int: 1, default: 0), \
        name ": a task is int task(conc_ctx *ctx, T *arg)"); int errgroup__; }))
#define ERRGROUP__ARGS(task, ...) (void (*)(void))(task), (void *)(uintptr_t)(__VA_ARGS__)
#define errgroup_go(g, task, ...) (ERRGROUP__CHECK("errgroup_go", task, __VA_ARGS__), errgroup__go((g), ERRGROUP__ARGS(task, __VA_ARGS__)))
#define errgroup_try_go(g, task, ...) \
    (ERRGROUP__CHECK("errgroup_try_go", task, __VA_ARGS__), errgroup__try_go((g), ERRGROUP__ARGS(task, __VA_ARGS__)))
#else
template <class T> struct errgroup__same { typedef T type; };
template <class T> static inline void *errgroup__arg(T *arg) { return const_cast<void *>(static_cast<const volatile void *>(arg)); }
#define ERRGROUP__FN int (*task)(conc_ctx *, T *), typename errgroup__same<T>::type *arg
template <class T> static inline void errgroup_go(struct errgroup *g, ERRGROUP__FN) {
    errgroup__go(g, reinterpret_cast<void (*)(void)>(task), errgroup__arg<T>(arg));
}
template <class T> static inline bool errgroup_try_go(struct errgroup *g, ERRGROUP__FN) {
    return errgroup__try_go(g, reinterpret_cast<void (*)(void)>(task), errgroup__arg<T>(arg));
}
template <class G> static inline bool errgroup__wrong() {
    static_assert(sizeof(G) == 0, "errgroup_go: a task is int task(conc_ctx *ctx, T *arg)");
    return false;
}
template <class G> static inline void errgroup_go(G *, ...) { (void)errgroup__wrong<G>(); }
template <class G> static inline bool errgroup_try_go(G *, ...) { return errgroup__wrong<G>(); }
#endif

/* Wait until all tasks have ended, end the group's context, and return the first error, else 0. The error stays: a group that has failed
   once says so at every wait. More tasks may be started afterwards (their context, if any, has ended). */
static inline int errgroup_wait(struct errgroup *g) {
    conc_wg_wait(&g->errgroup__running);
    conc_mutex_lock(&g->errgroup__mutex);
    int err = g->errgroup__err;
    conc_mutex_unlock(&g->errgroup__mutex);
    if (g->errgroup__ctx != NULL) conc_ctx_cancel_cause(g->errgroup__ctx, err);
    return err;
}

/* Cancel the tasks that still run, wait for them, and free what the group holds. */
static inline void errgroup_free(struct errgroup *g) {
    if (g->errgroup__ctx != NULL) conc_ctx_cancel(g->errgroup__ctx);
    conc_wg_wait(&g->errgroup__running);
    conc_ctx_free(g->errgroup__ctx);
}

#endif
