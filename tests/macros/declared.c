/* go_func: functions that go() can start on a CPU whose registers conc.h cannot capture. Compiled as C and as C++, with and
   without CONC_NO_REGISTER_GO, and run. */
#include "conc.h"
#include <stdio.h>
#include <stdlib.h>

#define CHECK(x) ((x) ? (void)0 : (fprintf(stderr, "declared.c:%d: %s\n", __LINE__, #x), abort()))

static int hits;
struct pt { int x, y; };
go_func(none) { hits += 1; }
go_func(one, (int, id)) { hits += id; }
go_func(two, (recv_chan(int), in), (struct pt, p)) { hits += chan_recv(in) + p.x + p.y; }
go_func(eight, (char, a), (int, b), (int, c), (int, d), (float, e), (double, f), (const char *, g), (int, h)) {
    hits += a + b + c + d + (int)e + (int)f + g[0] + h;
}

int main(void) {
    struct pt p = { 20, 22 };
    chan(int) c = chan_make(int, 1);
    chan_send(c, 100);
    conc_run(none);
    conc_run(one, 10);
    conc_run(two, c, p);
    conc_run(eight, 1, 2, 3, 4, 5, 6, "A", 7);
    CHECK(hits == 1 + 10 + 142 + 28 + 'A');
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, one, hits);
    conc_wg_wait(&wg);
    CHECK(hits == 2 * (181 + 'A'));
    chan_send(c, 7);
    CHECK(go_with(conc_opts(1 << 18, "two"), two, c, p) == CONC_OK);
    while (chan_len(c)) conc_yield();
    chan_free(c);
    (void)conc_shutdown();
    puts("ok");
}
