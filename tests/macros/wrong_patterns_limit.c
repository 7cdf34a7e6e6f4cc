/* Mistakes with the patterns of the chapter Limit, in the form of wrong_patterns.c. */
#include "rate.h"
#include "throttle.h"
#include "debounce.h"
#include "batcher.h"
#include "pqueue.h"
#include "balancer.h"

struct job { int n; };
void job_fn(struct job *job);
int job_int(struct job *job);
int put(conc_ctx *ctx, const char *to, const struct job *jobs, size_t n);
void put_void(conc_ctx *ctx, const char *to, const struct job *jobs, size_t n);
bool before(const struct job *a, const struct job *b);
int before_int(const struct job *a, const struct job *b);
void work(conc_ctx *ctx, const char *to, struct job *job);
int work_int(conc_ctx *ctx, const char *to, struct job *job);
struct edges { struct rate_sometimes s; struct throttle t; struct debounce d; };

void wrong(struct edges *e, struct job *job, double *d, batcher(struct job) b, pqueue(struct job) q, balancer(struct job) l);
void wrong(struct edges *e, struct job *job, double *d, batcher(struct job) b, pqueue(struct job) q, balancer(struct job) l) {
    struct rate_sometimes *s = &e->s;
    (void)s, (void)job, (void)d, (void)b, (void)q, (void)l;

#ifdef WRONG_rate_sometimes_int
// gcc elsewhere: rate_sometimes_do: the function is void fn\(T \*arg\)
// clang: rate_sometimes_do: the function is void fn\(T \*arg\)
// c++: (no matching function|invalid conversion)
    rate_sometimes_do(s, job_int, job); //!
#endif
#ifdef WRONG_rate_sometimes_argument
// gcc elsewhere: passing argument 1 of .job_fn. from incompatible pointer type
// clang: incompatible pointer types passing
// c++: (no matching function|cannot convert)
    rate_sometimes_do(s, job_fn, d); //!
#endif
#ifdef WRONG_throttle_int
// gcc elsewhere: throttle_init: the function is void fn\(T \*arg\)
// clang: throttle_init: the function is void fn\(T \*arg\)
// c++: (no matching function|invalid conversion)
    throttle_init(&e->t, 1, job_int, job); //!
#endif
#ifdef WRONG_throttle_argument
// gcc elsewhere: passing argument 1 of .job_fn. from incompatible pointer type
// clang: incompatible pointer types passing
// c++: (no matching function|cannot convert)
    throttle_init(&e->t, 1, job_fn, d); //!
#endif
#ifdef WRONG_debounce_int
// gcc elsewhere: debounce_init: the function is void fn\(T \*arg\)
// clang: debounce_init: the function is void fn\(T \*arg\)
// c++: (no matching function|invalid conversion)
    debounce_init(&e->d, 1, job_int, job); //!
#endif
#ifdef WRONG_debounce_argument
// gcc elsewhere: passing argument 1 of .job_fn. from incompatible pointer type
// clang: incompatible pointer types passing
// c++: (no matching function|cannot convert)
    debounce_init(&e->d, 1, job_fn, d); //!
#endif
#ifdef WRONG_batcher_void
// gcc elsewhere: batcher_make: put is  int put\(conc_ctx \*ctx, A \*arg, const T \*items, size_t n\)
// clang: batcher_make: put is  int put\(conc_ctx \*ctx, A \*arg, const T \*items, size_t n\)
// c++ elsewhere: no matching function
    (void)batcher_make(struct job, 1, 1, 1, put_void, "x"); //!
#endif
#ifdef WRONG_batcher_items
// gcc elsewhere: passing argument 3 of .put. from incompatible pointer type
// clang: incompatible pointer types passing
// c++ elsewhere: no matching function
    (void)batcher_make(double, 1, 1, 1, put, "x"); //!
#endif
#ifdef WRONG_batcher_item
// gcc elsewhere: (incompatible types when initializing|invalid initializer)
// clang: initializing .* with an expression of incompatible type
// c++: (no matching function|could not convert|no viable conversion|invalid initialization)
    (void)batcher_add(b, NULL, 5.0); //!
#endif
#ifdef WRONG_pqueue_order
// gcc elsewhere: pqueue_make: the order is  bool before\(const T \*a, const T \*b\)
// clang: pqueue_make: the order is  bool before\(const T \*a, const T \*b\)
// c++ elsewhere: (no matching function|invalid conversion|cannot convert)
    (void)pqueue_make(struct job, 1, before_int); //!
#endif
#ifdef WRONG_pqueue_order_items
// gcc elsewhere: passing argument 1 of .before. from incompatible pointer type
// clang: incompatible pointer types passing
// c++ elsewhere: (no matching function|invalid conversion|cannot convert)
    (void)pqueue_make(double, 1, before); //!
#endif
#ifdef WRONG_pqueue_destination
// gcc elsewhere: pqueue_take: for a pqueue\(T\) the destination must be a T \*
// clang: pqueue_take: for a pqueue\(T\) the destination must be a T \*
// c++: (no matching function|cannot convert)
    (void)pqueue_take(q, NULL, d); //!
#endif
#ifdef WRONG_pqueue_type
// gcc: (initialization of|initialization from) .*incompatible pointer type
// clang: incompatible (function )?pointer types initializing
// c++: (cannot convert|cannot initialize|invalid conversion)
    pqueue(int) other = q; //!
    (void)other;
#endif
#ifdef WRONG_balancer_int
// gcc elsewhere: balancer_make: work is  void work\(conc_ctx \*ctx, A \*arg, T \*request\)
// clang: balancer_make: work is  void work\(conc_ctx \*ctx, A \*arg, T \*request\)
// c++ elsewhere: no matching function
    (void)balancer_make(struct job, 1, 1, work_int, "x"); //!
#endif
#ifdef WRONG_balancer_request
// gcc elsewhere: passing argument 3 of .work. from incompatible pointer type
// clang: incompatible pointer types passing
// c++ elsewhere: balancer_make: work is  void work\(conc_ctx \*ctx, A \*arg, T \*request\)
    (void)balancer_make(double, 1, 1, work, "x"); //!
#endif
#ifdef WRONG_balancer_type
// gcc: (initialization of|initialization from) .*incompatible pointer type
// clang: incompatible (function )?pointer types initializing
// c++: (cannot convert|cannot initialize|invalid conversion)
    balancer(int) other = l; //!
    (void)other;
#endif
}
