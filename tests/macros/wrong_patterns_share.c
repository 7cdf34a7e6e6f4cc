/* Mistakes with the patterns that share and that control lifetimes, in the form of wrong.c. */
#include "pubsub.h"

struct job { int n; };
struct price { int n; };

void wrong(pubsub(struct price) p, pubsub_sub(struct price) s, struct job *job);
void wrong(pubsub(struct price) p, pubsub_sub(struct price) s, struct job *job) {
    (void)p, (void)s, (void)job;

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
}
