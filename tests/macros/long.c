/* The long names, with the short ones left to the program (CONC_NO_SHORT_NAMES). Compiled as C and as C++, and run. */
#define CONC_NO_SHORT_NAMES
#include "conc.h"
#include <stdio.h>
#include <stdlib.h>

#define CHECK(x) ((x) ? (void)0 : (fprintf(stderr, "long.c:%d: %s\n", __LINE__, #x), abort()))

static int chan, go, defer, recv_chan, on_default; /* the program's own */
static void one(conc_send_chan(int) out, conc_recv_chan(int) in) { conc_chan_send(out, 1 + conc_chan_recv(in)); }
static void count(int *p) { ++*p; }

int main(void) {
    conc_chan(int) a = conc_chan_make(int, 1), b = conc_chan_make(int);
    int v = 0, hits = 0;
    conc_go(one, b, a);
    CHECK(conc_chan_try_send(a, 5) == CONC_OK && conc_chan_recv(b, &v) && v == 6);
    CHECK(conc_go_with(conc_opts(0, "named"), one, b, a) == CONC_OK);
    CHECK(conc_chan_send_for(a, 1, CONC_SEC) == CONC_OK && conc_chan_recv_for(b, &v, 10 * CONC_SEC) == CONC_OK);
    CHECK(conc_chan_send_until(a, 1, conc_now()) == CONC_OK && conc_chan_recv_until(a, &v, conc_now()) == CONC_OK);
    CHECK(conc_chan_try_recv(a, &v) == CONC_WOULD_BLOCK && conc_chan_len(a) == 0 && conc_chan_cap(a) == 1);
    conc_select {
        conc_on_recv(x, a) { hits = x + 100; }
        conc_on_send(a, 3) { hits = 1; }
        conc_on_timeout(CONC_SEC) { hits = 200; }
    }
    conc_select_ordered {
        conc_on_recv_ok(x, ok, a) { hits += ok + x; }
        conc_on_recv_into(&v, b) { hits = 300; }
        conc_on_default { hits = 400; }
    }
    CHECK(hits == 5);
    CHECK(conc_select_of(conc_case_recv(b, &v), conc_case_timeout(CONC_US)) == 1);
    CHECK(conc_select_ordered_of(conc_case_send(a, 4), conc_case_default()) == 0);
    conc_case cases[1] = { conc_case_recv(a, &v) };
    CHECK(conc_select_n(cases, 1) == 0 && v == 4);
    {
        conc_scope_begin(s);
        conc_scope_go(s, count, &v);
        conc_ctx *ctx = conc_scope_ctx(s);
        CHECK(conc_scope_wait(s) == 0 && conc_chan_cap(conc_scope_chan(s, int, 2)) == 2);
        v--;
        conc_select {
            conc_on_done(ctx) { hits = 500; }
            conc_on_default {}
        }
        CHECK(conc_select_of(conc_case_done(ctx), conc_case_timeout(CONC_US)) == 1);
        CHECK(conc_chan_send_ctx(a, 4, ctx) == CONC_OK && conc_chan_recv_ctx(a, &v, ctx) == CONC_OK && v == 4);
    }
    {
        conc_defer(count, &v);
        conc_chan_close(a);
    }
    CHECK(v == 5);
    conc_chan_range(x, a) hits = x;
    conc_chan_free(conc_chan_ref(b));
    conc_chan_free(a), conc_chan_free(b);
    CHECK(chan + go + defer + recv_chan + on_default == 0 && hits == 5);
    puts("ok");
}
