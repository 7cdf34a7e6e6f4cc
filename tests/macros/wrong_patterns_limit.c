/* Mistakes with the patterns of the chapter Limit, in the form of wrong_patterns.c. */
#include "rate.h"

struct job { int n; };
void job_fn(struct job *job);
int job_int(struct job *job);

void wrong(struct rate_sometimes *s, struct job *job, double *d);
void wrong(struct rate_sometimes *s, struct job *job, double *d) {
    (void)s, (void)job, (void)d;

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
}
