/* remote_work: three machines (here: three queue objects in one process) share jobs that a Redis server keeps. One job fails at first,
   one always, and is given up. Starts a server of its own; with an argument it uses the one at that address, "host:port" or a path. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "remote_work.h"

#include <signal.h>
#include <stdio.h>

enum { MACHINES = 3, JOBS = 22 };
struct ledger { conc_atomic(int) done[JOBS]; conc_wg open; };
struct machine { struct remote_work queue; struct ledger *ledger; };

static int work(conc_ctx *ctx, const struct remote_job *job, struct machine *m) {
    int n = (int)strtol(job->data, NULL, 10);
    bool bad = n == 0, late = n == 1 && job->tries < 3; /* what the late one needs is not there yet */
    (void)ctx;
    if (bad || late) return -EAGAIN;
    if (conc_atomic_exchange(&m->ledger->done[n], 1) == 0) conc_wg_done(&m->ledger->open); /* a second run does no harm */
    return 0; /* only now the server forgets the job */
}
static void serve(struct machine *m) {
    int err = remote_work_consume(&m->queue, NULL, 4, work, m);
    if (err != 0) fprintf(stderr, "consume: %d\n", err);
}

static pid_t start_server(char *dir, char *path, size_t n) {
    if (mkdtemp(dir) == NULL) return -1;
    (void)snprintf(path, n, "%s/redis", dir);
    pid_t pid = fork();
    if (pid == 0) {
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", path, "--dir", dir, "--save", "", "--logfile", "/dev/null",
               (char *)NULL);
        _exit(127);
    }
    return pid;
}

int main(int argc, char **argv) {
    char dir[] = "/tmp/remote_work.XXXXXX", path[64];
    pid_t server = argc > 1 ? 0 : start_server(dir, path, sizeof path);
    static struct machine machines[MACHINES];
    static struct ledger ledger;
    const struct remote_opts opts = { argc > 1 ? argv[1] : path, NULL, "jobs", 500 * CONC_MS, 3, 10, NULL };
    conc_wg serving = CONC_WG_INIT;
    int err = -1, refused = 0;

    for (int i = 0; i < MACHINES; i++) {
        for (int k = 0; k < 1000 && (err = remote_work_init(&machines[i].queue, &opts, NULL)) < 0; k++)
            conc_sleep(10 * CONC_MS); /* the server is starting */
        if (err != 0) return fprintf(stderr, "no server: %s\n", err < 0 ? strerror(-err) : conc_strerror((conc_status)err)), 1;
        machines[i].ledger = &ledger;
        conc_wg_go(&serving, serve, &machines[i]);
    }
    conc_wg_add(&ledger.open, JOBS - 1); /* all but the bad one */
    struct remote_work *q = &machines[0].queue;
    for (int i = 0; i < JOBS; i++) { /* at most ten in the queue: submit waits */
        char job[16];
        int n = snprintf(job, sizeof job, "%d", i);
        refused += remote_work_submit(q, NULL, job, (size_t)n) != 0;
    }
    conc_wg_wait(&ledger.open);
    while (remote_work_len(q, NULL, &err) > 0) conc_sleep(CONC_MS); /* until the last is acknowledged, or given up */
    printf("%d jobs: %d not accepted, all others but %lld done\n", JOBS, refused, remote_work_dead_len(q, NULL, &err));
    printf("back into the queue: %lld\n", remote_work_revive(q, NULL, &err));

    for (int i = 0; i < MACHINES; i++) remote_work_stop(&machines[i].queue);
    conc_wg_wait(&serving);
    for (int i = 0; i < MACHINES; i++) remote_work_free(&machines[i].queue);
    if (server <= 0) return 0;
    (void)kill(server, SIGTERM), (void)conc_wait_pid(server, NULL);
    return (void)unlink(path), rmdir(dir);
}
