/* As wrong_patterns.c: mistakes with pipeline, sequence, parallel, future, walk. */
#include "pipeline.h"
#include "sequence.h"
#include "parallel.h"
#include "future.h"
#include "walk.h"

typedef pipeline_batch_of(int, 8) ints;
int square(conc_ctx *ctx, const int *in, long *out, double *arg);
void square_void(conc_ctx *ctx, const int *in, long *out, double *arg);
int make(conc_ctx *ctx, long *out, double *arg);
void make_void(conc_ctx *ctx, long *out, double *arg);
int keep_int(const int *v, double *arg);
int item(conc_ctx *ctx, size_t i, double *arg);
void item_void(conc_ctx *ctx, size_t i, double *arg);
int fold(conc_ctx *ctx, size_t from, size_t to, long *acc, double *arg);
void combine(long *acc, const long *more);
void combine_int(int *acc, const int *more);
int visit(conc_ctx *ctx, const struct walk_entry *e, double *arg);
void visit_void(conc_ctx *ctx, const struct walk_entry *e, double *arg);

void wrong(conc_scope *s, conc_chan(int) c, conc_chan(long) l, double *d, char *text, long *n, int *v, future(long) f);
void wrong(conc_scope *s, conc_chan(int) c, conc_chan(long) l, double *d, char *text, long *n, int *v, future(long) f) {
    (void)s, (void)c, (void)l, (void)d, (void)text, (void)n, (void)v, (void)f;

#ifdef WRONG_pipeline_void
// gcc elsewhere: pipeline_map: the function is  int fn\(conc_ctx \*ctx, const T \*in, U \*out, A \*arg\)
// clang: pipeline_map: the function is  int fn\(conc_ctx \*ctx, const T \*in, U \*out, A \*arg\)
// c++ elsewhere: no matching function
    (void)pipeline_map(s, c, long, square_void, d); //!
#endif
#ifdef WRONG_pipeline_argument
// gcc elsewhere: passing argument 4 of .square. from incompatible pointer type
// clang: incompatible pointer types passing
// c++ elsewhere: no matching function|cannot convert
    (void)pipeline_fan_out(s, c, long, 3, square, text); //!
#endif
#ifdef WRONG_pipeline_input
// gcc elsewhere: passing argument 2 of .square. from incompatible pointer type
// clang: incompatible pointer types passing
// c++ elsewhere: no matching function
    (void)pipeline_map(s, l, long, square, d); //!
#endif
#ifdef WRONG_pipeline_result
// gcc elsewhere: (initialization of|initialization from) .*incompatible pointer type
// clang: incompatible (function )?pointer types initializing
// c++ elsewhere: (cannot convert|cannot initialize|invalid conversion|no viable conversion)
    conc_recv_chan(int) out = pipeline_map(s, c, long, square, d); //!
    (void)out;
#endif
#ifdef WRONG_pipeline_filter
// gcc elsewhere: pipeline_filter: the function is  bool fn\(const T \*v, A \*arg\)
// clang: pipeline_filter: the function is  bool fn\(const T \*v, A \*arg\)
// c++: no matching function
    (void)pipeline_filter(s, c, keep_int, d); //!
#endif
#ifdef WRONG_pipeline_generate
// gcc elsewhere: pipeline_generate: the function is  int fn\(conc_ctx \*ctx, T \*out, A \*arg\)
// clang: pipeline_generate: the function is  int fn\(conc_ctx \*ctx, T \*out, A \*arg\)
// c++ elsewhere: no matching function
    (void)pipeline_generate(s, long, make_void, d); //!
#endif
#ifdef WRONG_pipeline_batch
// gcc elsewhere: pipeline_batch: for a chan\(T\) B is a pipeline_batch_of\(T, N\)
// clang: pipeline_batch: for a chan\(T\) B is a pipeline_batch_of\(T, N\)
// c++ elsewhere: pipeline_batch: for a chan\(T\) B is a pipeline_batch_of\(T, N\)
    (void)pipeline_batch(s, l, ints, 0); //!
#endif
#ifdef WRONG_sequence_void
// gcc elsewhere: sequence_map: the function is  int fn\(conc_ctx \*ctx, const T \*in, U \*out, A \*arg\)
// clang: sequence_map: the function is  int fn\(conc_ctx \*ctx, const T \*in, U \*out, A \*arg\)
// c++ elsewhere: no matching function
    (void)sequence_map(s, c, long, 2, 4, square_void, d); //!
#endif
#ifdef WRONG_sequence_input
// gcc elsewhere: passing argument 2 of .square. from incompatible pointer type
// clang: incompatible pointer types passing
// c++ elsewhere: no matching function
    (void)sequence_map(s, l, long, 2, 4, square, d); //!
#endif
#ifdef WRONG_parallel_void
// gcc elsewhere: parallel_for: the function is  int fn\(conc_ctx \*ctx, size_t i, A \*arg\)
// clang: parallel_for: the function is  int fn\(conc_ctx \*ctx, size_t i, A \*arg\)
// c++: no matching function
    (void)parallel_for(NULL, NULL, 3, item_void, d); //!
#endif
#ifdef WRONG_parallel_argument
// gcc elsewhere: passing argument 3 of .item. from incompatible pointer type
// clang: incompatible pointer types passing
// c++: no matching function|cannot convert
    (void)parallel_for(NULL, NULL, 3, item, text); //!
#endif
#ifdef WRONG_parallel_map
// gcc elsewhere: passing argument 2 of .square. from incompatible pointer type
// clang: incompatible pointer types passing
// c++: no matching function
    (void)parallel_map(NULL, NULL, n, 3, n, square, d); //!
#endif
#ifdef WRONG_parallel_combine
// gcc elsewhere: passing argument 1 of .combine_int. from incompatible pointer type
// clang: incompatible pointer types passing
// c++: no matching function
    (void)parallel_reduce(NULL, NULL, 3, n, fold, combine_int, d); //!
#endif
#ifdef WRONG_future_go
// gcc elsewhere: future_go: the function is  int fn\(conc_ctx \*ctx, T \*out, A \*arg\)
// clang: future_go: the function is  int fn\(conc_ctx \*ctx, T \*out, A \*arg\)
// c++ elsewhere: no matching function
    (void)future_go(long, NULL, make_void, d); //!
#endif
#ifdef WRONG_future_then
// gcc elsewhere: passing argument 2 of .square. from incompatible pointer type
// clang: incompatible pointer types passing
// c++ elsewhere: no matching function
    (void)future_then(f, NULL, long, square, d); //!
#endif
#ifdef WRONG_future_destination
// gcc elsewhere: the destination must point to the future's type
// clang: the destination must point to the future's type
// c++: (no matching function|cannot convert)
    (void)future_await(f, NULL, v); //!
#endif
#ifdef WRONG_future_type
// gcc elsewhere: (initialization of|initialization from) .*incompatible pointer type
// clang: incompatible (function )?pointer types initializing
// c++ elsewhere: (cannot convert|cannot initialize|invalid conversion|no viable conversion)
    future(int) other = future_go(long, NULL, make, d); //!
    (void)other;
#endif
#ifdef WRONG_walk_void
// gcc elsewhere: walk_dir: the function is  int fn\(conc_ctx \*ctx, const struct walk_entry \*e, A \*arg\)
// clang: walk_dir: the function is  int fn\(conc_ctx \*ctx, const struct walk_entry \*e, A \*arg\)
// c++: no matching function
    (void)walk_dir(NULL, ".", visit_void, d); //!
#endif
#ifdef WRONG_walk_argument
// gcc elsewhere: passing argument 3 of .visit. from incompatible pointer type
// clang: incompatible pointer types passing
// c++: no matching function|cannot convert
    (void)walk_parallel(NULL, ".", 3, visit, text); //!
#endif
}
