/* Mistakes with the patterns that share and that control lifetimes, in the form of wrong.c. */
#include "actor.h"
#include "heartbeat.h"
#include "pubsub.h"
#include "shutdown.h"
#include "steward.h"
#include "subscription.h"

struct job { int n; };
struct price { int n; };
int job_ward(conc_ctx *ctx, struct steward_pulse *pulse, struct job *job);
int job_deaf(conc_ctx *ctx, struct job *job);
void job_void(conc_ctx *ctx, struct job *job);
int fetch_jobs(conc_ctx *ctx, struct job *job, subscription_list(struct job) list, int64_t *next);
int job_price(conc_ctx *ctx, struct job *job, struct price *price, int *reply);

void wrong(pubsub(struct price) p, pubsub_sub(struct price) s, struct steward *st, struct heartbeat *h, struct shutdown *sd, struct job *job,
           double *d, actor(struct price, int) a, subscription(struct price) *su, subscription_list(struct price) list);
void wrong(pubsub(struct price) p, pubsub_sub(struct price) s, struct steward *st, struct heartbeat *h, struct shutdown *sd, struct job *job,
           double *d, actor(struct price, int) a, subscription(struct price) *su, subscription_list(struct price) list) {
    (void)p, (void)s, (void)st, (void)h, (void)sd, (void)job, (void)d, (void)a, (void)su, (void)list;

#ifdef WRONG_pubsub_message
// gcc elsewhere: incompatible types when initializing
// clang: initializing .* with an expression of incompatible type
// c++: (no matching function|invalid initialization|no viable conversion|could not convert)
    (void)pubsub_publish(p, NULL, "t", *job); //!
#endif
#ifdef WRONG_pubsub_member
// gcc elsewhere: invalid initializer|incompatible types when initializing
// clang: initializing .* with an expression of incompatible type
// c++: (no matching function|invalid initialization|no viable conversion|could not convert)
    (void)pubsub_publish(p, NULL, "t", 5); //!
#endif
#ifdef WRONG_pubsub_subscription
// gcc elsewhere: (initialization of|initialization from) .*incompatible pointer type
// clang: incompatible (function )?pointer types initializing
// c++: (cannot convert|cannot initialize|invalid conversion)
    pubsub_sub(struct job) other = pubsub_subscribe(p, "t", 1, PUBSUB_BLOCK); //!
    (void)other;
#endif
#ifdef WRONG_pubsub_channel
// gcc elsewhere: (initialization of|initialization from) .*incompatible pointer type
// clang: incompatible (function )?pointer types initializing
// c++: (cannot convert|cannot initialize|invalid conversion)
    conc_recv_chan(struct job) c = pubsub_chan(s); //!
    (void)c;
#endif
#ifdef WRONG_pubsub_send
// gcc elsewhere: cannot send on a receive-only channel
// clang: cannot send on a receive-only channel
// c++: (no matching function|cannot convert|invalid conversion)
    const struct price price = { 1 };
    conc_chan_send(pubsub_chan(s), price); //!
#endif
#ifdef WRONG_pubsub_handles
// gcc: too many arguments to function|incompatible pointer type|passing argument
// clang: incompatible (function )?pointer types
// c++: (no matching function|cannot convert)
    (void)pubsub_publish(s, NULL, "t", s); //!
#endif
#ifdef WRONG_heartbeat_channel
// gcc: conversion to non-scalar type|incompatible type|passing argument
// clang: passing .* to parameter of incompatible type
// c++: (no matching function|cannot convert|could not convert|no viable conversion)
    (void)heartbeat_do(h, NULL, heartbeat_chan(h)); //!
#endif
#ifdef WRONG_steward_parameters
// gcc elsewhere: too many arguments to function .job_deaf.
// clang: too many arguments to function call
// c++ elsewhere: steward_run: a ward is int ward\(conc_ctx \*ctx, struct steward_pulse \*pulse, T \*arg\)
    (void)steward_run(st, NULL, job_deaf, job); //!
#endif
#ifdef WRONG_steward_argument
// gcc elsewhere: passing argument 3 of .job_ward. from incompatible pointer type
// clang: incompatible pointer types passing
// c++ elsewhere: steward_run: a ward is int ward\(conc_ctx \*ctx, struct steward_pulse \*pulse, T \*arg\)
    (void)steward_run(st, NULL, job_ward, d); //!
#endif
#ifdef WRONG_shutdown_void
// gcc elsewhere: shutdown_hook: a hook is int hook\(conc_ctx \*ctx, T \*arg\)
// clang: shutdown_hook: a hook is int hook\(conc_ctx \*ctx, T \*arg\)
// c++ elsewhere: shutdown_hook: a hook is int hook\(conc_ctx \*ctx, T \*arg\)
    (void)shutdown_hook(sd, job_void, job); //!
#endif
#ifdef WRONG_shutdown_argument
// gcc elsewhere: passing argument 2 of .job_deaf. from incompatible pointer type
// clang: incompatible pointer types passing
// c++ elsewhere: shutdown_hook: a hook is int hook\(conc_ctx \*ctx, T \*arg\)
    (void)shutdown_hook(sd, job_deaf, d); //!
#endif
#ifdef WRONG_actor_begin
// gcc elsewhere: actor_make: begin is  int begin\(conc_ctx \*ctx, S \*state\)
// clang: actor_make: begin is  int begin\(conc_ctx \*ctx, S \*state\)
// c++ elsewhere: no matching function
    a = actor_make(struct price, int, NULL, 1, job_void, job_price, job); //!
#endif
#ifdef WRONG_actor_handle
// gcc elsewhere: passing argument 3 of .job_price. from incompatible pointer type
// clang: incompatible pointer types passing
// c++ elsewhere: (actor_make: handle is  int handle|no matching function)
    (void)actor_make(double, int, NULL, 1, job_deaf, job_price, job); //!
#endif
#ifdef WRONG_actor_message
// gcc elsewhere: (invalid initializer|incompatible types when initializing)
// clang: initializing .* with an expression of incompatible type
// c++: (no matching function|invalid initialization|no viable conversion|could not convert)
    (void)actor_tell(a, NULL, *job); //!
#endif
#ifdef WRONG_actor_reply
// gcc elsewhere: incompatible pointer type
// clang: incompatible pointer types
// c++: (no matching function|cannot convert)
    const struct price price = { 1 };
    (void)actor_ask(a, NULL, d, price); //!
#endif
#ifdef WRONG_subscription_fetch
// gcc elsewhere: passing argument 3 of .fetch_jobs. from incompatible pointer type
// clang: incompatible (function )?pointer types passing
// c++ elsewhere: no matching function
    (void)subscription_make(struct price, 1, 1, fetch_jobs, job); //!
#endif
#ifdef WRONG_subscription_item
// gcc elsewhere: (invalid initializer|incompatible types when initializing)
// clang: initializing .* with an expression of incompatible type
// c++: (no matching function|invalid initialization|no viable conversion|could not convert)
    (void)subscription_add(list, "key", *job); //!
#endif
#ifdef WRONG_subscription_parts
// gcc elsewhere: subscription_merge: the parts are an array of subscription\(T\)
// clang: subscription_merge: the parts are an array of subscription\(T\)
// c++ elsewhere: (no matching function|cannot convert|invalid conversion)
    (void)subscription_merge(struct job, su, 2); //!
#endif
}
