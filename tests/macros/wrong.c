/* Mistakes, one per #ifdef, and what the compilers must say about each. run.sh compiles this file once per mistake and compiler
   family (gcc, clang, c++ for both C++ compilers). The comment under an #ifdef is an extended regular expression: a warning or
   error must match it at the line that ends in //!, or anywhere where the comment says "elsewhere" (a static_assert inside a
   template). A family without a comment is not tried. */
#include "conc.h"
#include <stdio.h>
#include <stdlib.h>
#ifdef __cplusplus
#include <string>
#endif

struct pt { int x, y; };
struct big { long a[3]; };
void takes_int(chan(int) c);
void takes_in(recv_chan(int) c);
void takes_out(send_chan(int) c);
void work(int id, const char *name);
void work_pt(double d);
void work_big(struct big b);
struct big returns_big(void);
void unlock(conc_mutex *m);
double measures(int id);
int passes(int id);
__attribute__((noreturn)) void serves_for_ever(int fd);

void wrong(chan(int) ints, chan(const char *) strs, chan(struct pt) pts, recv_chan(int) ro, send_chan(int) so, int *ip);
void wrong(chan(int) ints, chan(const char *) strs, chan(struct pt) pts, recv_chan(int) ro, send_chan(int) so, int *ip) {
    int v = 0;
    double d = 0;
    struct pt p = { 0, 0 };
    struct big b = { { 0, 0, 0 } };
    conc_mutex mu = CONC_MUTEX_INIT;
    conc_wg wg = CONC_WG_INIT;
    (void)ints, (void)strs, (void)pts, (void)ro, (void)so, (void)ip, (void)v, (void)d, (void)p, (void)b, (void)mu, (void)wg;

/* ---- the type of a channel ---- */
#ifdef WRONG_channel_argument
// gcc: passing argument 1 of .takes_int. from incompatible pointer type
// clang: incompatible (function )?pointer types passing
// c++: (invalid conversion|cannot convert|no matching function)
    takes_int(strs); //!
#endif
#ifdef WRONG_channel_assignment
// gcc: from incompatible pointer type
// clang: incompatible (function )?pointer types
// c++: (invalid conversion|cannot (convert|initialize))
    chan(int) c = chan_make(long); //!
    (void)c;
#endif
#ifdef WRONG_array_element
// gcc: function returning an array
// clang: function cannot return array type
// c++: (function returning an array|function cannot return array type|no matching function)
    (void)chan_make(int[3]); //!
#endif
#ifdef WRONG_direction_lost
// gcc: discards .const. qualifier
// clang: discards qualifiers
// c++: (invalid conversion|no matching function|cannot)
    takes_int(ro); //!
#endif
#ifdef WRONG_direction_crossed
// gcc: discards .const. qualifier
// clang: discards qualifiers
// c++: (invalid conversion|no matching function|cannot)
    takes_out(ro); //!
#endif

/* ---- send, receive, close ---- */
#ifdef WRONG_send_type
// gcc: incompatible types when initializing type .const char \*. using type .double.
// clang: initializing .* with an expression of incompatible type 'double'
// c++: (invalid initialization of reference|no matching function)
    chan_send(strs, 1.5); //!
#endif
#ifdef WRONG_send_struct
// gcc: invalid initializer
// clang: initializing .* with an expression of incompatible type 'double'
// c++: (invalid initialization of reference|no matching function)
    chan_send(pts, 5.5); //!
#endif
#ifdef WRONG_send_pointer
// gcc: initialization of .const char \*. from incompatible pointer type
// clang: incompatible pointer types initializing
// c++: (invalid initialization of reference|no matching function)
    chan_send(strs, ip); //!
#endif
#ifdef WRONG_send_nothing
// gcc: expected expression before
// clang: expected expression
// c++: no matching function
    chan_send(ints); //!
#endif
#ifdef WRONG_send_on_receive_only
// gcc: static assertion failed: "cannot send on a receive-only channel"
// clang: cannot send on a receive-only channel
// c++: no matching function
    chan_send(ro, 1); //!
#endif
#ifdef WRONG_try_send_on_receive_only
// gcc: static assertion failed: "cannot send on a receive-only channel"
// clang: cannot send on a receive-only channel
// c++: no matching function
    (void)chan_try_send(ro, 1); //!
#endif
#ifdef WRONG_send_for_on_receive_only
// gcc: static assertion failed: "cannot send on a receive-only channel"
// clang: cannot send on a receive-only channel
// c++: no matching function
    (void)chan_send_for(ro, 1, CONC_SEC); //!
#endif
#ifdef WRONG_close_receive_only
// gcc: static assertion failed: "cannot send on a receive-only channel"
// clang: cannot send on a receive-only channel
// c++: no matching function
    chan_close(ro); //!
#endif
#ifdef WRONG_recv_from_send_only
// gcc: static assertion failed: "cannot receive from a send-only channel"
// clang: cannot receive from a send-only channel
// c++: no matching function
    v = chan_recv(so); //!
#endif
#ifdef WRONG_range_over_send_only
// gcc: static assertion failed: "cannot receive from a send-only channel"
// clang: cannot receive from a send-only channel
// c++: no matching function
    chan_range(x, so) printf("%d\n", x); //!
#endif
#ifdef WRONG_recv_destination
// gcc: static assertion failed: "the destination must point to the channel.{1,2}s element type"
// clang: the destination must point to the channel.{1,2}s element type
// c++: no matching function
    (void)chan_recv(ints, &d); //!
#endif
#ifdef WRONG_recv_destination_value
// gcc: static assertion failed: "the destination must point to the channel.{1,2}s element type"
// clang: the destination must point to the channel.{1,2}s element type
// c++: (cannot convert|no matching function)
    (void)chan_recv(ints, v); //!
#endif
#ifdef WRONG_try_recv_destination
// gcc: static assertion failed: "the destination must point to the channel.{1,2}s element type"
// clang: the destination must point to the channel.{1,2}s element type
// c++: (cannot convert|no matching function)
    (void)chan_try_recv(ints, &d); //!
#endif
#ifdef WRONG_recv_for_destination
// gcc: static assertion failed: "the destination must point to the channel.{1,2}s element type"
// clang: the destination must point to the channel.{1,2}s element type
// c++: (cannot convert|no matching function)
    (void)chan_recv_for(ints, &d, CONC_SEC); //!
#endif
#ifdef WRONG_recv_result
// gcc: incompatible types when assigning to type .struct pt. from type
// clang: assigning to 'struct pt' from incompatible type
// c++: (no match for .operator=.|no viable overloaded '=')
    p = chan_recv(ints); //!
#endif
#ifdef WRONG_not_a_channel
// gcc: (invalid type argument of unary|called object|subscripted)
// clang: (indirection requires pointer operand|called object type)
// c++: no matching function
    chan_send(ip, 1); //!
#endif
#ifdef WRONG_free_not_a_channel
// gcc: invalid type argument of unary
// clang: (indirection requires pointer operand|called object type)
// c++: no matching function
    chan_free(ip); //!
#endif
#ifdef WRONG_len_not_a_channel
// gcc: invalid type argument of unary
// clang: (indirection requires pointer operand|called object type)
// c++: no matching function
    printf("%zu\n", chan_len(ip)); //!
#endif
#ifdef WRONG_non_trivial_element
// c++ elsewhere: a channel element must be trivially copyable
    (void)chan_make(std::string); //!
#endif

/* ---- go ---- */
#ifdef WRONG_go_too_few
// gcc: too few arguments to function .work.
// clang: too few arguments to function call, expected 2, have 1
// c++: no matching function
    go(work, 1); //!
#endif
#ifdef WRONG_go_too_many
// gcc: too many arguments to function .work.
// clang: too many arguments to function call, expected 2, have 3
// c++: no matching function
    go(work, 1, "a", 2); //!
#endif
#ifdef WRONG_go_argument_type
// gcc: passing argument 1 of .work. makes integer from pointer without a cast
// clang: incompatible pointer to integer conversion passing
// c++: no matching function
    go(work, "a", "b"); //!
#endif
#ifdef WRONG_go_argument_struct
// gcc: incompatible type for argument 1 of .work_pt.
// clang: passing 'struct pt' to parameter of incompatible type 'double'
// c++: no matching function
    go(work_pt, p); //!
#endif
#ifdef WRONG_go_argument_channel
// gcc: passing argument 1 of .takes_in. from incompatible pointer type
// clang: incompatible (function )?pointer types passing
// c++: no matching function
    go(takes_in, strs); //!
#endif
#ifdef WRONG_go_large_struct
// gcc: static assertion failed: "go: pass a struct larger than 16 bytes by pointer"
// clang: go: pass a struct larger than 16 bytes by pointer
    go(work_big, b); //!
#endif
#ifdef WRONG_go_large_result
// gcc: static assertion failed: "go: the function must return void or a scalar"
// clang: go: the function must return void or a scalar
    go(returns_big); //!
#endif
#ifdef WRONG_go_noreturn
// gcc: static assertion failed: "go: a function declared noreturn cannot be started"
    go(serves_for_ever, 1); //!
#endif
#ifdef WRONG_go_not_a_function
// gcc: (invalid type argument of unary|called object)
// clang: (called object type|indirection requires|is not a function)
// c++: no matching function
    go(v, 1); //!
#endif
#ifdef WRONG_go_called
// gcc: (called object|invalid use of void)
// clang: called object type 'void' is not a function
// c++: (no matching function|invalid use of void)
    go(work(1, "a")); //!
#endif
#ifdef WRONG_go_nothing
// gcc: expected expression
// clang: expected expression
// c++: expected (primary-)?expression
    go(); //!
#endif
#ifdef WRONG_wg_go_group
// gcc: from incompatible pointer type
// clang: incompatible pointer types
// c++: (cannot convert|no matching function)
    conc_wg_go(&mu, work, 1, "a"); //!
#endif
#ifdef WRONG_wg_go_arguments
// gcc: too few arguments to function .work.
// clang: too few arguments to function call
// c++: no matching function
    conc_wg_go(&wg, work, 1); //!
#endif
#ifdef WRONG_run_arguments
// gcc: too few arguments to function .work.
// clang: too few arguments to function call
// c++: no matching function
    conc_run(work, 1); //!
#endif
#ifdef WRONG_go_with_options
// gcc: makes integer from pointer without a cast
// clang: incompatible pointer to integer conversion
// c++: no match
    (void)go_with("name", work, 1, "a"); //!
#endif

/* ---- select ---- */
#ifdef WRONG_default_outside
// gcc: .conc__s. undeclared
// clang: use of undeclared identifier 'conc__s'
// c++: (.conc__s. was not declared|use of undeclared identifier 'conc__s')
    on_default v = 1; //!
#endif
#ifdef WRONG_recv_outside
// gcc: .conc__s. undeclared
// clang: use of undeclared identifier 'conc__s'
// c++: (.conc__s. was not declared|use of undeclared identifier 'conc__s')
    on_recv(x, ints) v = x; //!
#endif
#ifdef WRONG_send_outside
// gcc: .conc__s. undeclared
// clang: use of undeclared identifier 'conc__s'
// c++: (.conc__s. was not declared|use of undeclared identifier 'conc__s')
    on_send(ints, 1) v = 1; //!
#endif
#ifdef WRONG_on_recv_direction
// gcc: static assertion failed: "cannot receive from a send-only channel"
// clang: cannot receive from a send-only channel
// c++: no matching function
    chan_select { on_recv(x, so) v = x; } //!
#endif
#ifdef WRONG_on_send_direction
// gcc: static assertion failed: "cannot send on a receive-only channel"
// clang: cannot send on a receive-only channel
// c++: no matching function
    chan_select { on_send(ro, 1) v = 1; } //!
#endif
#ifdef WRONG_on_send_type
// gcc: incompatible types when initializing type
// clang: initializing .* with an expression of incompatible type 'double'
// c++: (invalid initialization of reference|no matching function|no match for call)
    chan_select { on_send(strs, 1.5) v = 1; } //!
#endif
#ifdef WRONG_on_recv_into
// gcc: static assertion failed: "the destination must point to the channel.{1,2}s element type"
// clang: the destination must point to the channel.{1,2}s element type
// c++: no matching function
    chan_select { on_recv_into(&d, ints) v = 1; } //!
#endif
#ifdef WRONG_case_recv
// gcc: static assertion failed: "the destination must point to the channel.{1,2}s element type"
// clang: the destination must point to the channel.{1,2}s element type
// c++: (cannot convert|no matching function)
    v = chan_select_of(case_recv(ints, &d)); //!
#endif
#ifdef WRONG_on_send_struct
// gcc: invalid initializer
// clang: with an expression of incompatible type .int.
// c++: (could not convert|cannot convert|no viable|no matching|no known conversion|invalid initialization|no match)
    chan_select { on_send(pts, 1) v = 1; } //!
#endif
#ifdef WRONG_case_send_struct
// gcc: invalid initializer
// clang: with an expression of incompatible type .int.
// c++: (could not convert|cannot convert|no viable|no matching|no known conversion|invalid initialization|no match)
    v = chan_select_of(case_send(pts, 1)); //!
#endif
#ifdef WRONG_case_send
// gcc: static assertion failed: "cannot send on a receive-only channel"
// clang: cannot send on a receive-only channel
// c++: no matching function
    v = chan_select_of(case_send(ro, 1)); //!
#endif

#ifdef WRONG_on_done_channel
// gcc: passing argument 1 of .conc__sel_ctx. from incompatible pointer type
// clang: incompatible (function )?pointer types passing
// c++: (invalid conversion|cannot convert|no matching function|cannot initialize)
    chan_select { on_done(ints) v = 1; } //!
#endif
#ifdef WRONG_recv_ctx_destination
// gcc: static assertion failed: "the destination must point to the channel.{1,2}s element type"
// clang: the destination must point to the channel.{1,2}s element type
// c++: (cannot convert|no matching function)
    (void)chan_recv_ctx(ints, &d, NULL); //!
#endif
#ifdef WRONG_send_ctx_direction
// gcc: static assertion failed: "cannot send on a receive-only channel"
// clang: cannot send on a receive-only channel
// c++: no matching function
    (void)chan_send_ctx(ro, 1, NULL); //!
#endif

/* ---- scopes ---- */
#ifdef WRONG_task_result
// gcc: static assertion failed: "conc_scope_go: a task returns void, int or conc_status"
// clang: conc_scope_go: a task returns void, int or conc_status
// c++ elsewhere: conc_scope_go: a task returns void, int or conc_status
    conc_scope_begin(s);
    conc_scope_go(s, measures, 1); //!
#endif
#ifdef WRONG_task_arguments
// gcc: too few arguments to function .passes.
// clang: too few arguments to function call
// c++: no matching function
    conc_scope_begin(s);
    conc_scope_go(s, passes); //!
#endif
#ifdef WRONG_scope_defer
// gcc: passing argument 1 of .unlock. from incompatible pointer type
// clang: incompatible pointer types passing
// c++: no matching function
    conc_scope_begin(s);
    (void)conc_scope_defer(s, unlock, &v); //!
#endif

/* ---- the rest ---- */
#ifdef WRONG_defer_argument
// gcc: passing argument 1 of .unlock. from incompatible pointer type
// clang: incompatible pointer types passing
// c++: no matching function
    defer(unlock, &v); //!
#endif
#ifdef WRONG_atomic_plain
// clang: address argument to atomic operation must be a pointer to _Atomic type
// c++: no matching function
    conc_atomic_store(&v, 1); //!
#endif
#ifdef WRONG_timer_for_ticker
// gcc: passing argument 1 of .*from incompatible pointer type
// clang: incompatible pointer types passing
// c++: (cannot convert|no matching function)
    (void)conc_ticker_chan((conc_timer *)ip); //!
#endif
#ifdef WRONG_map_value
// gcc: incompatible types when initializing type .int. using type .struct pt.
// clang: initializing .* with an expression of incompatible type .struct pt.
// c++: (no matching function|invalid initialization of reference)
    conc_map(int, int) m = conc_map_make(int, int);
    conc_map_store(m, 1, p); //!
#endif
#ifdef WRONG_map_destination
// gcc: the destination must point to the map.*s value type
// clang: the destination must point to the map.*s value type
// c++: (no matching function|cannot convert)
    conc_map(int, int) m = conc_map_make(int, int);
    conc_map_load(m, 1, &d); //!
#endif
#ifdef WRONG_map_floating_key
// gcc: a map.*s keys may not be floating-point numbers
// clang: a map.*s keys may not be floating-point numbers
// c++ elsewhere: a map.*s keys may not be floating-point numbers
    conc_map(double, int) m = conc_map_make(double, int); //!
    conc_map_free(m);
#endif
#ifdef WRONG_map_range_types
// gcc: conc_map_range: these are not the map.*s key and value types
// clang: conc_map_range: these are not the map.*s key and value types
// c++: (no matching function|invalid conversion)
    conc_map(int, int) m = conc_map_make(int, int);
    conc_map_range(long, k, int, x, m) v += (int)k + x; //!
#endif
#ifdef WRONG_notify_strings
// gcc: signals are sent to a channel of int
// clang: signals are sent to a channel of int
// c++: no matching function
    (void)conc_signal_notify(strs, 2); //!
#endif
}
