/* balancer: watch a load balancer at work. Requesters ask for work of very different lengths; the balancer gives each request to the
   worker that has least to do. On a terminal the workers' loads are drawn ten times a second; else a line tells them twice a second.

       requester x R ---- requests ----> balancer ----> worker x W
             ^                                              |
             '------------------ reply (room for one) ------'

   balancer [-w workers] [-r requesters] [-q requests at a worker] [-n requests] [-m mean length in microseconds]

   It ends after n requests, or on Ctrl-C (SIGINT, SIGTERM): then nobody asks any more, and what was accepted is still answered. A second
   signal ends it at once. The last lines say how many were asked and answered, and by whom.

   When the goroutines end: a requester with its last answer; balancer and workers when the balancer is closed and empty; the view when
   `over` is closed. main waits for all of them. Exit status: 0; 1 if an answer is missing; 2 for wrong usage.

   The shape is that of Rob Pike's "Concurrency is not parallelism". */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "patterns/balancer.h"

#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { USAGE = 2, BAR = 40, WORKERS_MOST = 1000 };

typedef struct request {
    int64_t length, asked; /* how long the work takes; when it was asked for */
    chan(int64_t) reply;   /* gets how long the requester waited */
} request;

typedef struct office { /* one run: its options, and what it counts */
    int workers, requesters, room, mean;
    int64_t requests; /* how many in all; 0: until a signal */
    balancer(request) balancer;
    conc_ctx *ctx;
    chan(char) over;
    conc_atomic(int64_t) tickets, asked, answered, waited, longest;
} office;

/* ---- the goroutines ---- */

static double uniform(uint64_t *seed) { /* below 1: xorshift64* */
    *seed ^= *seed >> 12, *seed ^= *seed << 25, *seed ^= *seed >> 27;
    return (double)(*seed * 0x2545F4914F6CDD1DU >> 11) / 9007199254740992.0;
}

static void serve(conc_ctx *ctx, office *o, request *r) {
    (void)conc_sleep_ctx(ctx, r->length); /* the work */
    conc_atomic_fetch_add(&o->answered, 1);
    chan_send(r->reply, conc_now() - r->asked);
}

static void note_wait(office *o, int64_t waited) {
    conc_atomic_fetch_add(&o->waited, waited);
    int64_t longest = conc_atomic_load(&o->longest);
    while (waited > longest && !conc_atomic_compare_exchange(&o->longest, &longest, waited)) {}
}

static void requester(office *o, int id) {
    uint64_t seed = 0x9E3779B97F4A7C15U * (uint64_t)(id + 1);
    request r = { 0, 0, chan_make(int64_t, 1) };
    if (r.reply == NULL) return;
    while (conc_ctx_err(o->ctx) == CONC_OK && (o->requests == 0 || conc_atomic_fetch_add(&o->tickets, 1) < o->requests)) {
        double u = uniform(&seed);
        r.length = (int64_t)(3 * u * u * o->mean * (double)CONC_US); /* many short ones, a few long */
        r.asked = conc_now();
        if (balancer_submit(o->balancer, o->ctx, r) != CONC_OK) break;
        conc_atomic_fetch_add(&o->asked, 1);
        note_wait(o, chan_recv(r.reply));
    }
    chan_free(r.reply);
}

/* ---- the view ---- */

static void draw_bars(const office *o, const size_t *loads, bool again) {
    static const char full[BAR + 1] = "########################################";
    static const char none[BAR + 1] = "........................................";
    if (again) printf("\033[%dA", o->workers + 1);
    for (int i = 0; i < o->workers; i++) {
        int n = (int)(loads[i] * BAR / (size_t)o->room);
        printf("worker %3d [%.*s%.*s] %zu\033[K\n", i + 1, n, full, BAR - n, none, loads[i]);
    }
}

static void draw_line(const office *o, const size_t *loads) {
    printf("loads");
    for (int i = 0; i < o->workers; i++) printf(" %zu", loads[i]);
    printf("; ");
}

static void draw(office *o, bool live, bool again) {
    size_t loads[WORKERS_MOST];
    size_t sum = balancer_get_loads(o->balancer, loads, WORKERS_MOST);
    if (live) draw_bars(o, loads, again);
    else draw_line(o, loads);
    printf("%lld answered, %zu under way%s\n", (long long)conc_atomic_load(&o->answered), sum, live ? "\033[K" : "");
    fflush(stdout);
}

static void view(office *o, bool live) {
    int64_t period = live ? 100 * CONC_MS : 500 * CONC_MS;
    for (bool again = false, over = false; !over; again = true) {
        draw(o, live, again);
        char none;
        over = chan_recv_for(o->over, &none, period) == CONC_CLOSED;
    }
    draw(o, live, true);
}

static int report(office *o) {
    long long asked = conc_atomic_load(&o->asked), answered = conc_atomic_load(&o->answered);
    printf("%lld requests asked, %lld answered", asked, answered);
    if (answered > 0)
        printf("; waited %.1f ms on average, %.1f ms at most", (double)conc_atomic_load(&o->waited) / (double)answered / 1e6,
            (double)conc_atomic_load(&o->longest) / 1e6);
    printf("%s\n", conc_ctx_err(o->ctx) != CONC_OK ? "; stopped by a signal" : "");
    return asked != answered;
}

/* ---- a run ---- */

static void run(office *o) {
    conc_wg requesters = CONC_WG_INIT, viewing = CONC_WG_INIT;
    conc_wg_go(&viewing, view, o, isatty(STDOUT_FILENO) != 0);
    for (int i = 0; i < o->requesters; i++) conc_wg_go(&requesters, requester, o, i);
    conc_wg_wait(&requesters);
    balancer_close(o->balancer);
    (void)balancer_wait(o->balancer, NULL);
    chan_close(o->over);
    conc_wg_wait(&viewing);
}

static int usage(void) {
    fputs("usage: balancer [-w workers] [-r requesters] [-q requests at a worker] [-n requests]\n"
          "                [-m mean length in microseconds]\n", stderr);
    return USAGE;
}

static bool number(const char *text, long least, long most, long *n) {
    char *end;
    *n = strtol(text, &end, 10);
    return *text != '\0' && *end == '\0' && *n >= least && *n <= most;
}

static int parse(office *o, int argc, char **argv) {
    long n;
    for (int c; (c = getopt(argc, argv, "w:r:q:n:m:")) != -1;) {
        long most = c == 'n' ? LONG_MAX : c == 'w' ? WORKERS_MOST : 1000000;
        if (c == '?' || !number(optarg, c == 'n' || c == 'm' ? 0 : 1, most, &n)) return usage();
        if (c == 'w') o->workers = (int)n;
        if (c == 'r') o->requesters = (int)n;
        if (c == 'q') o->room = (int)n;
        if (c == 'n') o->requests = n;
        if (c == 'm') o->mean = (int)n;
    }
    return optind < argc ? usage() : 0;
}

static void let_go(void *signals) { conc_ctx_free((conc_ctx *)signals); } /* they have their usual effect again */

int main(int argc, char **argv) {
    static office o = { .workers = 8, .requesters = 40, .room = 8, .mean = 20000 };
    if (parse(&o, argc, argv) != 0) return USAGE;
    conc_ctx *signals = conc_ctx_notify(conc_ctx_background(), SIGINT, SIGTERM);
    o.ctx = conc_ctx_with_cancel(signals);
    o.over = chan_make(char);
    o.balancer = balancer_make(request, (size_t)o.workers, (size_t)o.room, serve, &o);
    if (signals == NULL || o.over == NULL || o.balancer == NULL) return fputs("balancer: out of memory\n", stderr), 1;
    conc_ctx_func *first = conc_ctx_after_func(signals, let_go, signals);

    conc_run(run, &o);
    int status = report(&o);

    if (conc_ctx_func_stop(first)) conc_ctx_free(signals);
    conc_ctx_free(o.ctx);
    balancer_free(o.balancer);
    chan_free(o.over);
    if (conc_shutdown() != 0) fputs("balancer: goroutines were left behind\n", stderr), status = 1;
    return status;
}
