/* Mistakes with remote_work.h, in the form of wrong_patterns.c. */
#include "remote_work.h"

int job_fn(conc_ctx *ctx, const struct remote_job *job, int *n);
void job_void(conc_ctx *ctx, const struct remote_job *job, int *n);

void wrong(struct remote_work *w, int *n, double *d);
void wrong(struct remote_work *w, int *n, double *d) {
    (void)w, (void)n, (void)d;

#ifdef WRONG_remote_void
// gcc elsewhere: remote_work_consume: a task is int task\(conc_ctx \*ctx, const struct remote_job \*job, T \*arg\)
// clang: remote_work_consume: a task is int task\(conc_ctx \*ctx, const struct remote_job \*job, T \*arg\)
// c++ elsewhere: remote_work_consume: a task is int task\(conc_ctx \*ctx, const struct remote_job \*job, T \*arg\)
    (void)remote_work_consume(w, NULL, 1, job_void, n); //!
#endif
#ifdef WRONG_remote_argument
// gcc elsewhere: passing argument 3 of .job_fn. from incompatible pointer type
// clang: incompatible pointer types passing
// c++ elsewhere: remote_work_consume: a task is int task\(conc_ctx \*ctx, const struct remote_job \*job, T \*arg\)
    (void)remote_work_consume(w, NULL, 1, job_fn, d); //!
#endif
}
