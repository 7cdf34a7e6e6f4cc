/* shutdown.h - the end of a server: stop accepting, let the work under way finish, clean up, say what was left. For conc.h; copy this
   file beside it.

   Problem: a program that serves is told to stop (Ctrl-C, SIGTERM from whoever runs it). It must not take on more, should finish what it
   has begun, must not take for ever over that, and then has to close things in the order opposite to that of opening them.

       signal, shutdown_begin, the caller's context
            |
            v      up to s.grace                      up to s.cut_grace                          up to s.hook_grace
       stopping ------------- all work left? -- no --> cut ------------ all left? -- no: stuck ----> hooks, last added first
       nothing new is begun       '-- yes ------------------------------'--------------------------^

     struct shutdown s;
     if (shutdown_init(&s, true) != CONC_OK) ...                 // true: SIGINT and SIGTERM begin it
     shutdown_hook(&s, close_database, &db);             // int close_database(conc_ctx *ctx, struct db *db)

     while ((fd = conc_accept_ctx(shutdown_stopping(&s), listener, NULL, NULL)) >= 0)        // in a goroutine that has entered, too
         if (shutdown_enter(&s, "connection")) go(serve, &s, fd); else conc_close(fd);
     shutdown_leave(&s, "listener");
     ... serve: uses shutdown_cut(&s) as its context, and ends with shutdown_leave(&s, "connection")

     if (shutdown_run(&s, NULL) != CONC_OK) fprintf(stderr, "%s\n", s.report.text);        // in main: waits for the signal, too
     shutdown_free(&s);

   Goroutines: none of its own. It counts the work that has entered; shutdown_run waits for that, shutdown_free too, without a limit.
   Cancel: two contexts. shutdown_stopping ends when the stop begins: whoever begins new work has it (accept, the next request).
   shutdown_cut ends when patience does: whoever does the work has it. Work that listens to neither is stuck: it is named in the
   report, and no hook can wait for it. The first signal begins the stop; from then on signals have their former effect, so the second
   ends the program. Error: a hook that returns other than 0 does not keep the others from running; the first such is in the report.

   Who owns what: the struct is yours and stays where it is until shutdown_free; so does what the hooks' arguments point to. shutdown_free
   waits for those who have entered: whoever goes on using s or its contexts in another goroutine enters first. Names are borrowed: use
   literals. Hooks and settings before shutdown_run, by one goroutine; enter, leave, begin and the contexts from any goroutine or thread.

   Source: http.Server.Shutdown with signal.NotifyContext, and the hooks of every Go service's main. */
#ifndef SHUTDOWN_H
#define SHUTDOWN_H

#include "conc.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct shutdown_report {
    int signal;        /* that began it; 0: shutdown_begin, or the caller's context */
    size_t cut;        /* pieces of work that had not left when the grace was over */
    size_t stuck;      /* of those: had not left either when s.cut_grace was over */
    int error;         /* the first hook that failed: what it returned; 0: none */
    const char *hook;  /* and its name; NULL */
    char text[160];    /* all that in words: "in time", or what was cut, stuck, failed */
};

struct shutdown__kind { const char *name; size_t n; };
struct shutdown__hook {
    void (*fn)(void); /* really int (*)(conc_ctx *, T *) */
    void *arg;
    const char *name;
};

struct shutdown {
    /* to be set between shutdown_init and shutdown_run */
    int64_t grace;      /* for the work to leave by itself; 5 seconds */
    int64_t cut_grace;  /* for it to leave once it has been cut; 1 second */
    int64_t hook_grace; /* the context of all hooks together; 5 seconds */
    /* to be read after shutdown_run */
    struct shutdown_report report;
    /* private */
    conc_ctx *shutdown__cut, *shutdown__notified, *shutdown__stop; /* each the parent of the next */
    struct shutdown__hook *shutdown__hooks;
    size_t shutdown__n_hooks;
    conc_wg shutdown__inside;
    conc_mutex shutdown__mutex; /* guards what follows: the same by name */
    struct shutdown__kind *shutdown__kinds;
    size_t shutdown__n_kinds;
};

/* signals: from here on SIGINT and SIGTERM begin the stop. false: shutdown_begin or the caller's context will, in a part of a larger program.
   CONC_NO_MEMORY (or no thread to catch signals with): it must not be used. */
static inline conc_status shutdown_init(struct shutdown *s, bool signals) {
    const conc_mutex mutex = CONC_MUTEX_INIT;
    const conc_wg wg = CONC_WG_INIT;
    memset(&s->report, 0, sizeof s->report);
    s->grace = s->hook_grace = 5 * CONC_SEC;
    s->cut_grace = CONC_SEC;
    s->shutdown__hooks = NULL;
    s->shutdown__n_hooks = 0;
    s->shutdown__inside = wg;
    s->shutdown__mutex = mutex;
    s->shutdown__kinds = NULL;
    s->shutdown__n_kinds = 0;
    s->shutdown__cut = conc_ctx_with_cancel(conc_ctx_background());
    s->shutdown__notified = s->shutdown__cut == NULL ? NULL
                            : signals ? conc_ctx_notify(s->shutdown__cut, SIGINT, SIGTERM) : conc_ctx_with_cancel(s->shutdown__cut);
    s->shutdown__stop = s->shutdown__notified != NULL ? conc_ctx_with_cancel(s->shutdown__notified) : NULL;
    if (s->shutdown__stop != NULL) return CONC_OK;
    conc_ctx_free(s->shutdown__notified), conc_ctx_free(s->shutdown__cut);
    return CONC_NO_MEMORY;
}

/* Borrowed contexts, until shutdown_free. stopping: begin nothing new. cut: drop everything; it is the parent of stopping. */
static inline conc_ctx *shutdown_stopping(struct shutdown *s) { return s->shutdown__stop; }
static inline conc_ctx *shutdown_cut(struct shutdown *s) { return s->shutdown__cut; }

/* Stop, as a signal does. Again: does nothing. */
static inline void shutdown_begin(struct shutdown *s) { conc_ctx_cancel(s->shutdown__stop); }

/* With the mutex. NULL: there is no work of that name, and no memory to note any. */
static inline struct shutdown__kind *shutdown__find(struct shutdown *s, const char *name) {
    for (size_t i = 0; i < s->shutdown__n_kinds; i++)
        if (strcmp(s->shutdown__kinds[i].name, name) == 0) return &s->shutdown__kinds[i];
    void *more = realloc(s->shutdown__kinds, (s->shutdown__n_kinds + 1) * sizeof *s->shutdown__kinds);
    if (more == NULL) return NULL;
    s->shutdown__kinds = (struct shutdown__kind *)more;
    struct shutdown__kind *k = &s->shutdown__kinds[s->shutdown__n_kinds++];
    k->name = name;
    k->n = 0;
    return k;
}

/* A piece of work of this kind ("connection", "job") begins, in this goroutine or one that it starts. False: the stop has begun, or there
   is no memory: do not begin it. */
static inline bool shutdown_enter(struct shutdown *s, const char *name) {
    conc_mutex_lock(&s->shutdown__mutex);
    struct shutdown__kind *k = conc_ctx_err(s->shutdown__stop) == CONC_OK ? shutdown__find(s, name) : NULL;
    if (k != NULL) k->n++, conc_wg_add(&s->shutdown__inside, 1);
    conc_mutex_unlock(&s->shutdown__mutex);
    return k != NULL;
}
/* It has ended: once for each enter that was true, by any goroutine, which does not use s afterwards. */
static inline void shutdown_leave(struct shutdown *s, const char *name) {
    conc_mutex_lock(&s->shutdown__mutex);
    struct shutdown__kind *k = shutdown__find(s, name);
    if (k == NULL || k->n == 0) conc_panic("shutdown_leave: no %s has entered", name);
    k->n--;
    conc_mutex_unlock(&s->shutdown__mutex);
    conc_wg_done(&s->shutdown__inside);
}

static inline conc_status shutdown__add_hook(struct shutdown *s, void (*fn)(void), void *arg, const char *name) {
    void *more = realloc(s->shutdown__hooks, (s->shutdown__n_hooks + 1) * sizeof *s->shutdown__hooks);
    if (more == NULL) return CONC_NO_MEMORY;
    s->shutdown__hooks = (struct shutdown__hook *)more;
    struct shutdown__hook *h = &s->shutdown__hooks[s->shutdown__n_hooks++];
    h->fn = fn;
    h->arg = arg;
    h->name = name;
    return CONC_OK;
}

/* ---- the stop ---- */

static inline void shutdown__say(struct shutdown *s, const char *name, size_t n, const char *what) {
    size_t at = strlen(s->report.text);
    (void)snprintf(s->report.text + at, sizeof s->report.text - at, "%s%zu %s %s", at > 0 ? ", " : "", n, name, what);
}

/* Wait until all work has left, at most ns; else how much has not, and the report says which. */
static inline size_t shutdown__drain(struct shutdown *s, int64_t ns, const char *what) {
    size_t left = 0;
    conc_mutex_lock(&s->shutdown__mutex); /* who was let in before the stop is counted now, and nobody comes any more */
    conc_mutex_unlock(&s->shutdown__mutex);
    if (conc_wg_wait_for(&s->shutdown__inside, ns) == CONC_OK) return 0;
    conc_mutex_lock(&s->shutdown__mutex);
    for (size_t i = 0; i < s->shutdown__n_kinds; i++) {
        const struct shutdown__kind *k = &s->shutdown__kinds[i];
        if (k->n > 0) shutdown__say(s, k->name, k->n, what);
        left += k->n;
    }
    conc_mutex_unlock(&s->shutdown__mutex);
    return left;
}

#ifdef __clang__
__attribute__((no_sanitize("function"))) /* T * and void * are passed alike; shutdown_hook has checked T */
#endif
static inline int shutdown__call(const struct shutdown__hook *h, conc_ctx *ctx) {
    return ((int (*)(conc_ctx *, void *))h->fn)(ctx, h->arg);
}
static inline void shutdown__run_hooks(struct shutdown *s) {
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), s->hook_grace);
    for (size_t i = s->shutdown__n_hooks; i-- > 0;) {
        const struct shutdown__hook *h = &s->shutdown__hooks[i];
        int err = shutdown__call(h, ctx);
        if (err == 0 || s->report.hook != NULL) continue;
        s->report.error = err;
        s->report.hook = h->name;
        size_t at = strlen(s->report.text);
        (void)snprintf(s->report.text + at, sizeof s->report.text - at, "%s%s failed with %d", at > 0 ? ", " : "", h->name, err);
    }
    conc_ctx_free(ctx);
}

/* Wait until the stop begins (or parent ends, which begins it; NULL: never), then stop. Once. CONC_OK: all work has left in time and no
   hook has failed. CONC_TIMEOUT: some was cut. CONC_CANCELED: a hook has failed. s->report says more, s->report.text in words. */
static inline conc_status shutdown_run(struct shutdown *s, conc_ctx *parent) {
    conc_select {
        conc_on_done(s->shutdown__stop) {}
        conc_on_done(parent) {}
    }
    int cause = conc_ctx_err(s->shutdown__notified) != CONC_OK ? conc_ctx_cause(s->shutdown__notified) : 0;
    s->report.signal = cause > 128 ? cause - 128 : 0;
    conc_ctx_free(s->shutdown__notified), s->shutdown__notified = NULL; /* ends stopping, too; the next signal ends the program */
    s->report.cut = shutdown__drain(s, s->grace, "cut off");
    if (s->report.cut > 0) {
        conc_ctx_cancel(s->shutdown__cut);
        s->report.stuck = shutdown__drain(s, s->cut_grace, "stuck");
    }
    shutdown__run_hooks(s);
    if (s->report.text[0] == '\0') (void)snprintf(s->report.text, sizeof s->report.text, "in time");
    return s->report.cut > 0 ? CONC_TIMEOUT : s->report.hook != NULL ? CONC_CANCELED : CONC_OK;
}

/* Cut what is left, wait for it as long as it takes, and free what s holds; also without shutdown_run: then no hook runs. */
static inline void shutdown_free(struct shutdown *s) {
    conc_ctx_cancel(s->shutdown__cut); /* and stopping with it */
    conc_mutex_lock(&s->shutdown__mutex);
    conc_mutex_unlock(&s->shutdown__mutex);
    conc_wg_wait(&s->shutdown__inside);
    conc_ctx_free(s->shutdown__stop), conc_ctx_free(s->shutdown__notified), conc_ctx_free(s->shutdown__cut);
    free(s->shutdown__hooks), free(s->shutdown__kinds);
}

/* shutdown_hook(s, fn, arg)   run  int fn(conc_ctx *ctx, T *arg)  when the work has ended: the last one added first, in the goroutine of
                           shutdown_run. Its context ends after s.hook_grace. CONC_OK or CONC_NO_MEMORY. Before shutdown_run. */
#ifndef __cplusplus
#define shutdown_hook(s, hook, ...) \
    ((void)sizeof(struct { _Static_assert(_Generic((hook)((conc_ctx *)0, (__VA_ARGS__)), int: 1, default: 0), \
        "shutdown_hook: a hook is int hook(conc_ctx *ctx, T *arg)"); int shutdown__; }), \
     shutdown__add_hook((s), (void (*)(void))(hook), (void *)(uintptr_t)(__VA_ARGS__), #hook))
#else
template <class T> struct shutdown__same { typedef T type; };
template <class T>
static inline conc_status shutdown__hook_of(struct shutdown *s, const char *name, int (*hook)(conc_ctx *, T *), typename shutdown__same<T>::type *arg) {
    return shutdown__add_hook(s, reinterpret_cast<void (*)(void)>(hook), const_cast<void *>(static_cast<const volatile void *>(arg)), name);
}
template <class S> static inline conc_status shutdown__hook_of(S *, const char *, ...) {
    static_assert(sizeof(S) == 0, "shutdown_hook: a hook is int hook(conc_ctx *ctx, T *arg)");
    return CONC_INVALID;
}
#define shutdown_hook(s, hook, ...) shutdown__hook_of((s), #hook, (hook), __VA_ARGS__)
#endif

#endif
