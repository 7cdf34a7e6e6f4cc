/* Mistakes with the patterns that cancel, share and survive; see wrong_patterns.c. */
#include "errgroup.h"
#include "singleflight.h"
#include "any.h"
#include "replicate.h"
#include "retry.h"
#include "breaker.h"
#include "fault.h"

struct job { int n; };
struct page { int n; };
struct other { int n; };
int job_fn(conc_ctx *ctx, struct job *job);
void job_void(conc_ctx *ctx, struct job *job);
int load(conc_ctx *ctx, struct job *job, const char *key, struct page *out);
void load_void(conc_ctx *ctx, struct job *job, const char *key, struct page *out);
int ask(conc_ctx *ctx, const struct job *job, struct page *out);
void ask_void(conc_ctx *ctx, const struct job *job, struct page *out);
void drop_other(struct other *o);
struct bad_answer { struct page value; long err; bool shared; };
struct bad_value { struct other value; int err; bool shared; };

void wrong(struct errgroup *g, singleflight(char, struct page) s, struct retry *r, struct breaker *b, struct job *job, struct page *page, double *d);
void wrong(struct errgroup *g, singleflight(char, struct page) s, struct retry *r, struct breaker *b, struct job *job, struct page *page, double *d) {
    (void)g, (void)s, (void)r, (void)b, (void)job, (void)page, (void)d;

#ifdef WRONG_errgroup_void
// gcc elsewhere: errgroup_go: a task is int task\(conc_ctx \*ctx, T \*arg\)
// clang: errgroup_go: a task is int task\(conc_ctx \*ctx, T \*arg\)
// c++ elsewhere: errgroup_go: a task is int task\(conc_ctx \*ctx, T \*arg\)
    errgroup_go(g, job_void, job); //!
#endif
#ifdef WRONG_errgroup_argument
// gcc elsewhere: passing argument 2 of .job_fn. from incompatible pointer type
// clang: incompatible pointer types passing
// c++ elsewhere: errgroup_go: a task is int task\(conc_ctx \*ctx, T \*arg\)
    (void)errgroup_try_go(g, job_fn, d); //!
#endif
#ifdef WRONG_singleflight_load
// gcc elsewhere: singleflight_make: load is  int load\(conc_ctx \*ctx, A \*arg, const K \*key, V \*value\)
// clang: singleflight_make: load is  int load\(conc_ctx \*ctx, A \*arg, const K \*key, V \*value\)
// c++ elsewhere: no matching function
    s = singleflight_make(char, struct page, load_void, job); //!
#endif
#ifdef WRONG_singleflight_value
// gcc elsewhere: passing argument 4 of .load. from incompatible pointer type
// clang: incompatible pointer types passing
// c++ elsewhere: (no matching function|cannot convert)
    (void)singleflight_make(char, struct other, load, job); //!
#endif
#ifdef WRONG_singleflight_key
// gcc elsewhere: passing argument 2 of .\*\*s. from incompatible pointer type
// clang: incompatible pointer types passing
// c++: (no matching function|cannot convert|invalid conversion)
    (void)singleflight_do(s, NULL, d, page, NULL); //!
#endif
#ifdef WRONG_singleflight_destination
// gcc elsewhere: passing argument 3 of .\*\*s. from incompatible pointer type
// clang: incompatible pointer types passing
// c++: (no matching function|cannot convert|invalid conversion)
    (void)singleflight_do(s, NULL, "key", job, NULL); //!
#endif
#ifdef WRONG_singleflight_answer
// gcc elsewhere: singleflight_do_chan: an answer has the members  V value, int err, bool shared
// clang: singleflight_do_chan: an answer has the members  V value, int err, bool shared
// c++ elsewhere: singleflight_do_chan: an answer has the members  V value, int err, bool shared
    (void)singleflight_do_chan(s, "key", struct bad_answer); //!
#endif
#ifdef WRONG_singleflight_answer_value
// gcc elsewhere: passing argument 3 of .\*\*s. from incompatible pointer type
// clang: incompatible pointer types passing
// c++ elsewhere: singleflight_do_chan: an answer has the members  V value, int err, bool shared
    (void)singleflight_do_chan(s, "key", struct bad_value); //!
#endif
#ifdef WRONG_singleflight_type
// gcc: (initialization of|initialization from) .*incompatible pointer type
// clang: incompatible (function )?pointer types initializing
// c++: (cannot convert|cannot initialize|invalid conversion)
    singleflight(char, struct other) t = s; //!
    (void)t;
#endif
#ifdef WRONG_any_destination
// gcc elsewhere: the destination must point to the channel's element type
// clang: the destination must point to the channel's element type
// c++: (no matching function|cannot convert)
    conc_chan(int) c[2];
    c[0] = c[1] = conc_chan_make(int);
    (void)any_recv(NULL, c, 2, d, NULL); //!
#endif
#ifdef WRONG_any_send_only
// gcc elsewhere: cannot receive from a send-only channel
// clang: cannot receive from a send-only channel
// c++: (no matching function|cannot convert)
    conc_send_chan(double) c[1];
    c[0] = conc_chan_make(double);
    (void)any_recv(NULL, c, 1, d, NULL); //!
#endif
#ifdef WRONG_replicate_ask
// gcc elsewhere: replicate_ask: ask is  int ask\(conc_ctx \*ctx, A \*replica, R \*answer\)
// clang: replicate_ask: ask is  int ask\(conc_ctx \*ctx, A \*replica, R \*answer\)
// c++ elsewhere: no matching function
    (void)replicate_ask(NULL, NULL, ask_void, job, 1, page); //!
#endif
#ifdef WRONG_replicate_answer
// gcc elsewhere: passing argument 3 of .ask. from incompatible pointer type
// clang: incompatible pointer types passing
// c++: (no matching function|cannot convert)
    (void)replicate_ask(NULL, NULL, ask, job, 1, job); //!
#endif
#ifdef WRONG_replicate_drop
// gcc elsewhere: passing argument 1 of .drop_other. from incompatible pointer type
// clang: incompatible pointer types passing
// c++ elsewhere: replicate_ask_drop: drop takes an R \*
    (void)replicate_ask_drop(NULL, NULL, ask, job, 1, page, drop_other); //!
#endif
#ifdef WRONG_retry_void
// gcc elsewhere: retry_run: what is tried is int fn\(conc_ctx \*ctx, T \*arg\)
// clang: retry_run: what is tried is int fn\(conc_ctx \*ctx, T \*arg\)
// c++ elsewhere: retry_run: what is tried is int fn\(conc_ctx \*ctx, T \*arg\)
    (void)retry_run(r, NULL, job_void, job); //!
#endif
#ifdef WRONG_breaker_argument
// gcc elsewhere: passing argument 2 of .job_fn. from incompatible pointer type
// clang: incompatible pointer types passing
// c++ elsewhere: breaker_call: what is called is int fn\(conc_ctx \*ctx, T \*arg\)
    (void)breaker_call(b, NULL, job_fn, d); //!
#endif
#ifdef WRONG_breaker_change
// gcc elsewhere: (incompatible type for argument 2 of .job_fn.|passing argument 1 of .job_fn. from incompatible pointer type|void value not ignored)
// clang: incompatible pointer types passing|passing 'struct job \*'
// c++: (no matching function|cannot convert)
    breaker_on_change(b, job_fn, job); //!
#endif
#ifdef WRONG_fault_format
// gcc: format .%d. expects argument of type .int.
// clang: format specifies type 'int'
// c++: format (.%d. expects argument of type|specifies type 'int')
    fault_free(fault_new(-1, "%d", *d)); //!
#endif
#ifdef WRONG_fault_cause
// gcc elsewhere: initialization of .struct fault \*. from incompatible pointer type
// clang: incompatible pointer types initializing
// c++: cannot (convert|initialize)
    fault_free(fault_wrap(job, -1, "text")); //!
#endif
}
