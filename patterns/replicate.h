/* replicate.h - ask several replicas the same thing and take the first answer. Replicated and hedged requests. For conc.h; copy this file
   beside it.

   Problem: most answers come at once, but one in a hundred takes a hundred times as long, because that server is busy, or gone. The same
   question to another server at the same time would have been answered long ago.

       replicate_ask --- go ---> replica 0 ---.   an answer: it is taken
              |---- delay --- go -> replica 1 ---|   cancelled, waited for; if it has answered as well: drop(answer)
              '---- delay --- ... replica 2      '   not even started
       delay 0: all at once (replicated); else the next only when those before have not answered in that time, or have failed (hedged)

     static int ask(conc_ctx *ctx, const struct server *s, struct reply *out) { ... }   // 0 and *out, or an error of its own

     struct replicate r = REPLICATE_INIT;
     r.delay = 20 * CONC_MS;                                  // the usual answer's 95th percentile is a good one
     int err = replicate_ask(&r, ctx, ask, servers, 3, &reply);   // 0: servers[r.winner] has answered; r.started were asked

   When the goroutines stop: one for each replica asked; all have ended when replicate_ask returns. It is therefore as fast as
   the losers are at noticing that their context has ended: use the operations with _ctx in them.

   Cancel: when ctx ends, no more replicas are asked, and those that were are cancelled. Error: a replica that fails brings the next one in at
   once; when all have failed, the answer is the error of the first of them in the array, the one that is preferred. A replica
   that ends its goroutine by conc_exit has failed with CONC_CANCELED. There is no consumer who could walk away: it is a call.

   Who owns what: the replicas (an array of yours) are only passed on. Each call of ask has an answer of its own to write to, zero
   at first; the winner's is copied to yours. An answer that owns something needs drop, since two may answer in the same instant:
   replicate_ask_drop calls it for each answer that is not taken. ask must be harmless if it is done twice.

   Source: replicated requests in "Concurrency in Go", chapter 5; Go's search 3.0 (Pike, "Go Concurrency Patterns"); hedged requests: Dean
   and Barroso, "The Tail at Scale", 2013. In those the losers are left to themselves. */
#ifndef REPLICATE_H
#define REPLICATE_H

#include "conc.h"

#include <stdlib.h>
#include <string.h>

struct replicate {
    int64_t delay; /* before the next replica is asked, ns; 0: none. To be set before replicate_ask */
    /* to be read afterwards */
    size_t winner;  /* the index of the replica whose answer was taken, if there is one */
    size_t started; /* replicas that were asked */
    size_t failed;  /* those of them that failed by themselves: before one had answered, and before ctx ended */
};
#define REPLICATE_INIT { 0, 0, 0, 0 }

struct replicate__run;
struct replicate__slot { /* one replica */
    struct replicate__run *run;
    size_t index;
    int err;
};
struct replicate__run {
    struct replicate *r;
    conc_ctx *ctx;
    void (*ask)(void);  /* int (conc_ctx *, A *, R *) */
    void (*drop)(void); /* void (R *), or NULL */
    char *args, *answers;
    size_t arg, answer; /* sizes */
    size_t n, pending;
    struct replicate__slot *slots;
    conc_chan(size_t) ended; /* with room for all */
    conc_wg running;
    bool won;
};

#ifdef __clang__ /* T * and void * are passed alike; the macros below have checked T */
#define REPLICATE__ERASED __attribute__((no_sanitize("function")))
#else
#define REPLICATE__ERASED
#endif
REPLICATE__ERASED static inline int replicate__call(const struct replicate__run *run, size_t i) {
    return ((int (*)(conc_ctx *, void *, void *))run->ask)(run->ctx, run->args + i * run->arg, run->answers + i * run->answer);
}
REPLICATE__ERASED static inline void replicate__drop(const struct replicate__run *run, size_t i) {
    if (run->drop != NULL) ((void (*)(void *))run->drop)(run->answers + i * run->answer);
}

static inline void replicate__end(void *arg) { /* at the end of the goroutine, also by conc_exit */
    struct replicate__slot *s = (struct replicate__slot *)arg;
    conc_chan_send(s->run->ended, s->index);
}
static inline void replicate__main(struct replicate__slot *s) {
    bool watched = conc_on_exit(replicate__end, s) == CONC_OK;
    int err = replicate__call(s->run, s->index);
    s->err = err;
    if (!watched) replicate__end(s); /* there was no memory for the handler: a conc_exit would have been lost */
}

static inline void replicate__start(struct replicate__run *run) {
    struct replicate__slot *s = &run->slots[run->r->started];
    s->run = run;
    s->index = run->r->started++;
    s->err = CONC_CANCELED; /* unless it returns */
    run->pending++;
    conc_wg_go(&run->running, replicate__main, s);
}

/* A replica has ended: take its answer, or bring in the next one. */
static inline void replicate__ended(struct replicate__run *run, size_t i) {
    run->pending--;
    if (run->slots[i].err != 0) {
        if (conc_ctx_err(run->ctx) != CONC_OK) return;
        run->r->failed++;
        if (run->r->started < run->n) replicate__start(run);
    } else if (run->won) {
        replicate__drop(run, i);
    } else {
        run->won = true;
        run->r->winner = i;
        conc_ctx_cancel(run->ctx);
    }
}

static inline int replicate__loop(struct replicate__run *run) {
    size_t i;
    replicate__start(run);
    for (int64_t due = conc_now() + run->r->delay; run->pending > 0;) {
        bool more = !run->won && run->r->started < run->n && conc_ctx_err(run->ctx) == CONC_OK;
        if (more && conc_now() >= due) {
            replicate__start(run);
            due = conc_now() + run->r->delay;
            continue;
        }
        conc_select {
            conc_on_recv_into(&i, run->ended) replicate__ended(run, i);
            conc_on_done(more ? run->ctx : NULL) {}
            conc_on_timeout(more ? due - conc_now() : CONC_FOREVER) {}
        }
    }
    return run->won ? 0 : conc_ctx_err(run->ctx) != CONC_OK ? conc_ctx_cause(run->ctx) : run->slots[0].err;
}

static inline int replicate__ask(struct replicate *r, conc_ctx *ctx, struct replicate__run run, void *answer) {
    struct replicate none = REPLICATE_INIT;
    int err = CONC_NO_MEMORY;
    none.delay = r != NULL ? r->delay : 0;
    if (r == NULL) r = &none;
    *r = none;
    if (run.n == 0) return CONC_INVALID;
    if (conc_ctx_err(ctx) != CONC_OK) return conc_ctx_cause(ctx);
    run.r = r;
    run.ctx = conc_ctx_with_cancel(ctx != NULL ? ctx : conc_ctx_background());
    run.ended = conc_chan_make(size_t, run.n);
    run.slots = (struct replicate__slot *)malloc(run.n * sizeof *run.slots);
    run.answers = (char *)calloc(run.n, run.answer);
    if (run.ctx != NULL && run.ended != NULL && run.slots != NULL && run.answers != NULL) {
        err = replicate__loop(&run);
        conc_wg_wait(&run.running);
        if (err == 0) memcpy(answer, run.answers + r->winner * run.answer, run.answer);
    }
    free(run.answers);
    free(run.slots);
    conc_chan_free(run.ended);
    conc_ctx_free(run.ctx);
    return err;
}

static inline struct replicate__run replicate__run_of(void (*ask)(void), void (*drop)(void), void *args, size_t arg, size_t answer, size_t n) {
    struct replicate__run run;
    memset(&run, 0, sizeof run);
    run.ask = ask;
    run.drop = drop;
    run.args = (char *)args;
    run.arg = arg;
    run.answer = answer;
    run.n = n;
    return run;
}

/* replicate_ask(r, ctx, ask, replicas, n, &answer)    call  int ask(conc_ctx *ctx, A *replica, R *answer)  for replicas[0], replicas[1] ... as
                        r->delay has it (r NULL: all at once, and no report), in goroutines. 0: answer is the first one that came. The
                        first replica's error: all have failed. ctx ended first: its cause. CONC_NO_MEMORY; CONC_INVALID: n is 0.
                        answer is written only if there is one. Any goroutine or thread
   replicate_ask_drop(r, ctx, ask, replicas, n, &answer, drop)    the same, with  void drop(R *answer)  called for the others */
#ifndef __cplusplus
#define REPLICATE__CHECK(name, ask, args, answer) \
    ((void)sizeof(struct { _Static_assert(_Generic((ask)((conc_ctx *)0, &(args)[0], (answer)), int: 1, default: 0), \
        name ": ask is  int ask(conc_ctx *ctx, A *replica, R *answer)"); int replicate__; }))
#define REPLICATE__ASK(r, ctx, ask, drop, args, n, answer) replicate__ask((r), (ctx), replicate__run_of((void (*)(void))(ask), drop, \
    (void *)(uintptr_t)&(args)[0], sizeof *(args), sizeof *(answer), (n)), (answer))
#define replicate_ask(r, ctx, ask, args, n, answer) \
    (REPLICATE__CHECK("replicate_ask", ask, args, answer), REPLICATE__ASK(r, ctx, ask, NULL, args, n, answer))
#define replicate_ask_drop(r, ctx, ask, args, n, answer, drop) \
    (REPLICATE__CHECK("replicate_ask_drop", ask, args, answer), (void)sizeof((void)(drop)(answer), 0), \
     REPLICATE__ASK(r, ctx, ask, (void (*)(void))(drop), args, n, answer))
#else
template <class T> struct replicate__same { typedef T type; };
#define REPLICATE__FN struct replicate *r, conc_ctx *ctx, int (*ask)(conc_ctx *, A *, R *), typename replicate__same<A>::type *args, size_t n, \
    typename replicate__same<R>::type *answer
#define REPLICATE__RUN(drop) replicate__ask(r, ctx, replicate__run_of(reinterpret_cast<void (*)(void)>(ask), drop, \
    const_cast<void *>(static_cast<const volatile void *>(args)), sizeof(A), sizeof(R), n), answer)
template <class A, class R> static inline int replicate_ask(REPLICATE__FN) {
    static_assert(std::is_trivially_copyable<R>::value, "replicate_ask: an answer must be trivially copyable");
    return REPLICATE__RUN(nullptr);
}
template <class A, class R, class D> static inline int replicate_ask_drop(REPLICATE__FN, void (*drop)(D *)) {
    static_assert(std::is_trivially_copyable<R>::value && std::is_convertible<R *, D *>::value, "replicate_ask_drop: drop takes an R *");
    return REPLICATE__RUN(reinterpret_cast<void (*)(void)>(drop));
}
#endif

#endif
