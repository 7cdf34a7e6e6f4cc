/* Every public form of remote_work.h, as patterns.c does for the others. Run without a server: it is refused at once, with an error. */
#include "remote_work.h"
#include "remote_work.h"

#define CHECK(x) ((x) ? (void)0 : (fprintf(stderr, "patterns_remote.c:%d: %s\n", __LINE__, #x), abort()))

struct tools { int runs; };
static int work(conc_ctx *ctx, const struct remote_job *job, struct tools *t) { return t->runs += job->tries, (int)conc_ctx_err(ctx); }
static int look(conc_ctx *ctx, const struct remote_job *job, const struct tools *t) { return (void)ctx, job->size == 0 ? t->runs : -1; }
static int any(conc_ctx *ctx, const struct remote_job *job, void *p) { return (void)ctx, (void)job, p == NULL; }

static void consume(struct remote_work *w, conc_ctx *ctx) {
    struct tools t = { 0 };
    CHECK(remote_work_consume(w, ctx, 0, work, &t) == 0);
    CHECK(remote_work_consume(w, ctx, 1, &work, &t) == 0);
    CHECK(remote_work_consume(w, ctx, 1, look, (const struct tools *)&t) == 0);
    CHECK(remote_work_consume(w, ctx, 1, any, NULL) == 0);
}
static void use_remote_work(void) {
    struct remote_opts opts = { "/nowhere/at/all", NULL, "jobs", CONC_SEC, 3, 100, "me" };
    struct remote_work w;
    struct remote_stats s;
    char message[32];
    int err;
    CHECK(remote_work_init(&w, &opts, NULL) == -ENOENT);
    opts.max_tries = -1;
    CHECK(remote_work_init(&w, &opts, conc_ctx_background()) == CONC_INVALID);
    opts.max_tries = 0;
    if (remote_work_init(&w, &opts, NULL) != 0) return; /* what follows is compiled here; servers/remote.py runs it */
    remote_work_stop(&w);
    consume(&w, NULL);
    CHECK(remote_work_try_submit(&w, NULL, "x", 1) == 0 && remote_work_submit(&w, NULL, NULL, 0) == 0);
    CHECK(remote_work_len(&w, NULL, &err) == 2 && remote_work_dead_len(&w, NULL, &err) == 0 && remote_work_revive(&w, NULL, &err) == 0);
    s = remote_work_get_stats(&w);
    remote_work_message(&w, message, sizeof message);
    CHECK(s.submitted == 2 && message[0] == 0);
    remote_work_free(&w);
}

void PATTERNS_NAME(void);
void PATTERNS_NAME(void) { use_remote_work(); }
#ifdef PATTERNS_MAIN
void PATTERNS_OTHER(void);
int main(void) { PATTERNS_NAME(), PATTERNS_OTHER(); }
#endif
