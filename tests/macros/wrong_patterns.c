/* Mistakes with the patterns, in the form of wrong.c. The patterns are no system headers, so gcc reports a failed assertion at the
   macro's line and names the user's in a note. */
#include "runner.h"
#include "pool.h"
#include "worker.h"

struct job { int n; };
struct conn { int fd; };
int job_fn(conc_ctx *ctx, struct job *job);
void job_void(conc_ctx *ctx, struct job *job);
int job_alone(struct job *job);
struct conn *dial(conc_ctx *ctx, const char *to);
int dial_int(conc_ctx *ctx, const char *to);
void hang_up(struct conn *c);
void hang_up_job(struct job *job);
bool alive(struct conn *c);
int alive_int(struct conn *c);

void wrong(struct runner *r, struct worker_set *w, pool(struct conn) p, struct job *job, struct conn *c, double *d);
void wrong(struct runner *r, struct worker_set *w, pool(struct conn) p, struct job *job, struct conn *c, double *d) {
    (void)r, (void)w, (void)p, (void)job, (void)c, (void)d;

#ifdef WRONG_runner_void
// gcc elsewhere: runner_add: a task is int task\(conc_ctx \*ctx, T \*arg\)
// clang: runner_add: a task is int task\(conc_ctx \*ctx, T \*arg\)
// c++ elsewhere: runner_add: a task is int task\(conc_ctx \*ctx, T \*arg\)
    (void)runner_add(r, job_void, job); //!
#endif
#ifdef WRONG_runner_parameters
// gcc elsewhere: too many arguments to function .job_alone.
// clang: too many arguments to function call
// c++ elsewhere: runner_add: a task is int task\(conc_ctx \*ctx, T \*arg\)
    (void)runner_add(r, job_alone, job); //!
#endif
#ifdef WRONG_runner_argument
// gcc elsewhere: passing argument 2 of .job_fn. from incompatible pointer type
// clang: incompatible pointer types passing
// c++ elsewhere: runner_add: a task is int task\(conc_ctx \*ctx, T \*arg\)
    (void)runner_add(r, job_fn, d); //!
#endif
#ifdef WRONG_worker_void
// gcc elsewhere: worker_submit: a task is int task\(conc_ctx \*ctx, T \*arg\)
// clang: worker_submit: a task is int task\(conc_ctx \*ctx, T \*arg\)
// c++ elsewhere: worker_submit: a task is int task\(conc_ctx \*ctx, T \*arg\)
    (void)worker_submit(w, NULL, job_void, job); //!
#endif
#ifdef WRONG_worker_argument
// gcc elsewhere: passing argument 2 of .job_fn. from incompatible pointer type
// clang: incompatible pointer types passing
// c++ elsewhere: worker_submit: a task is int task\(conc_ctx \*ctx, T \*arg\)
    (void)worker_try_submit(w, job_fn, d); //!
#endif
#ifdef WRONG_worker_result
// gcc elsewhere: passing argument 3 of .worker__with_result. from incompatible pointer type
// clang: incompatible (function )?pointer types passing
// c++: (no matching function|invalid conversion|cannot convert)
    conc_recv_chan(long) result;
    (void)worker_submit_result(w, NULL, &result, job_fn, job); //!
#endif
#ifdef WRONG_pool_open
// gcc elsewhere: pool_make: open is  T \*open\(conc_ctx \*ctx, A \*arg\)
// clang: pool_make: open is  T \*open\(conc_ctx \*ctx, A \*arg\)
// c++ elsewhere: no matching function
    (void)pool_make(struct conn, 1, 2, dial_int, hang_up, "x"); //!
#endif
#ifdef WRONG_pool_close
// gcc elsewhere: passing argument 1 of .hang_up_job. from incompatible pointer type
// clang: incompatible pointer types passing
// c++ elsewhere: pool_make: close takes a T \*
    (void)pool_make(struct conn, 1, 2, dial, hang_up_job, "x"); //!
#endif
#ifdef WRONG_pool_check
// gcc elsewhere: pool_set_check: the check is  bool alive\(T \*item\)
// clang: pool_set_check: the check is  bool alive\(T \*item\)
// c++: no matching function
    pool_set_check(p, alive_int); //!
#endif
#ifdef WRONG_pool_destination
// gcc elsewhere: pool_acquire: for a pool\(T\) the destination must be a T \*\*
// clang: pool_acquire: for a pool\(T\) the destination must be a T \*\*
// c++: (no matching function|cannot convert)
    (void)pool_acquire(p, NULL, &job); //!
#endif
#ifdef WRONG_pool_release
// gcc elsewhere: pool_release: a pool\(T\) takes back a T \*
// clang: pool_release: a pool\(T\) takes back a T \*
// c++: (no matching function|cannot convert)
    pool_release(p, job); //!
#endif
#ifdef WRONG_pool_type
// gcc: (initialization of|initialization from) .*incompatible pointer type
// clang: incompatible (function )?pointer types initializing
// c++: (cannot convert|cannot initialize|invalid conversion)
    pool(struct job) other = p; //!
    (void)other;
#endif
}
