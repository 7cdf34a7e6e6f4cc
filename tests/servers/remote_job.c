/* The two sides of patterns/remote_work.h as processes, for remote.py:
     remote_job submit ADDRESS CAPACITY FIRST COUNT [DATA]   COUNT jobs; the numbers from FIRST on, or DATA
     remote_job consume ADDRESS REDELIVER_MS TRIES WORKERS LOG
     remote_job twice ADDRESS COUNT                          so many consumers, told to end by their context and by remote_work_stop
   A consumer writes "begin ID TRIES DATA PID TIME" and "end ID ..." to the log for each run, and ends on SIGTERM with what it counted.
   Data: a number (5 ms of work), "fail", "late" (fails twice), "kill" (ends the process), "long" (work for three times REDELIVER_MS). */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "remote_work.h"

#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>

struct consumer { int log, redeliver; };

static void note(const struct consumer *c, const char *what, const struct remote_job *job) {
    char line[256];
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    int n = snprintf(line, sizeof line, "%s %s %d %.80s %ld %lld.%06ld\n", what, job->id, job->tries, job->data, (long)getpid(),
                     (long long)t.tv_sec, t.tv_nsec / 1000);
    if (write(c->log, line, (size_t)n) != n) err(1, "log"); /* one write per line: several processes append */
}
static int work(conc_ctx *ctx, const struct remote_job *job, const struct consumer *c) {
    note(c, "begin", job);
    if (strcmp(job->data, "kill") == 0) raise(SIGKILL);
    if (strcmp(job->data, "fail") == 0) return -7;
    if (strcmp(job->data, "late") == 0 && job->tries < 3) return -8;
    int64_t ns = strcmp(job->data, "long") == 0 ? 3 * c->redeliver * CONC_MS : 5 * CONC_MS;
    if (conc_sleep_ctx(ctx, ns) != CONC_OK) return conc_ctx_cause(ctx);
    note(c, "end", job);
    return 0;
}
static void stop_at(conc_ctx *signals, struct remote_work *w) {
    (void)conc_chan_recv(conc_ctx_done(signals));
    remote_work_stop(w);
}
static void must(struct remote_work *w, int e, const char *what) {
    char message[256];
    if (e == 0) return;
    remote_work_message(w, message, sizeof message);
    errx(1, "%s: %s %s", what, e < 0 ? strerror(-e) : conc_strerror((conc_status)e), e == -EPROTO ? message : "");
}

static void submit(const struct remote_opts *opts, char **argv) {
    static struct remote_work w;
    must(&w, remote_work_init(&w, opts, NULL), "init");
    for (int i = atoi(argv[0]), end = i + atoi(argv[1]); i < end; i++) {
        char number[16];
        (void)snprintf(number, sizeof number, "%d", i);
        const char *data = argv[2] != NULL ? argv[2] : number;
        must(&w, remote_work_submit(&w, NULL, data, strlen(data)), "submit");
    }
    remote_work_free(&w);
}
static void consume(const struct remote_opts *opts, size_t workers, const char *log) {
    static struct remote_work w;
    struct consumer c = { open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600), (int)(opts->redeliver / CONC_MS) };
    conc_ctx *signals = conc_ctx_notify(conc_ctx_background(), SIGTERM);
    conc_wg stopping = CONC_WG_INIT;
    if (c.log < 0 || signals == NULL) err(1, "%s", log);
    must(&w, remote_work_init(&w, opts, NULL), "init");
    conc_wg_go(&stopping, stop_at, signals, &w);
    printf("ready\n"), fflush(stdout);
    must(&w, remote_work_consume(&w, NULL, workers, work, (const struct consumer *)&c), "consume");
    conc_wg_wait(&stopping);
    struct remote_stats s = remote_work_get_stats(&w);
    remote_work_free(&w), conc_ctx_free(signals);
    printf("begun %zu acknowledged %zu failed %zu redelivered %zu dead %zu; left %d goroutines\n", s.begun, s.acknowledged, s.failed,
           s.redelivered, s.dead, (int)conc_shutdown());
}

struct ends { struct remote_work *w; conc_ctx *ctx; unsigned first, second; };
static void end_twice(const struct ends *e) {
    for (unsigned i = e->first; i > 0; i--) conc_atomic_fence(CONC_SEQ_CST);
    conc_ctx_cancel(e->ctx);
    for (unsigned i = e->second; i > 0; i--) conc_atomic_fence(CONC_SEQ_CST);
    remote_work_stop(e->w);
}
static void twice(const struct remote_opts *opts, int count) {
    const struct consumer none = { -1, 0 };
    for (unsigned i = 0; i < (unsigned)count; i++) {
        struct remote_work w;
        must(&w, remote_work_init(&w, opts, NULL), "init");
        struct ends e = { &w, conc_ctx_with_cancel(conc_ctx_background()), i * 7919 % 4096, i * 104729 % 65536 };
        conc_wg ending = CONC_WG_INIT;
        conc_wg_go(&ending, end_twice, &e);
        (void)remote_work_consume(&w, e.ctx, 1, work, &none);
        conc_wg_wait(&ending);
        remote_work_free(&w), conc_ctx_free(e.ctx);
    }
}

int main(int argc, char **argv) {
    bool submits = argc >= 6 && strcmp(argv[1], "submit") == 0;
    bool twofold = argc == 4 && strcmp(argv[1], "twice") == 0;
    if (!submits && !twofold && (argc != 7 || strcmp(argv[1], "consume") != 0)) errx(2, "see the source");
    struct remote_opts opts = { argv[2], getenv("REMOTE_PASSWORD"), "jobs", 0, 0, 0, NULL };
    if (submits) {
        opts.capacity = (size_t)atoi(argv[3]);
        submit(&opts, argv + 4);
    } else if (twofold) {
        twice(&opts, atoi(argv[3]));
    } else {
        opts.redeliver = atoi(argv[3]) * CONC_MS;
        opts.max_tries = atoi(argv[4]);
        consume(&opts, (size_t)atoi(argv[5]), argv[6]);
    }
    return 0;
}
