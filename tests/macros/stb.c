/* A program that uses stb_ds.h itself, with its own allocator for it, beside conc.h. STB is
   BEFORE or AFTER: stb_ds is implemented in this file, before or after conc.h;
   ELSEWHERE: in another file (this one with -DSTB_OTHER). */
#define BEFORE 1
#define AFTER 2
#define ELSEWHERE 3
#include <stddef.h>
void *counted_realloc(void *p, size_t n);
void counted_free(void *p);

#ifdef STB_OTHER
#include <stdlib.h>
#define STBDS_REALLOC(c, p, n) counted_realloc(p, n)
#define STBDS_FREE(c, p) counted_free(p)
#define STB_DS_IMPLEMENTATION
#include <stb/stb_ds.h>
int live;
void *counted_realloc(void *p, size_t n) {
    live += p == NULL;
    char *block = (char *)realloc(p ? (char *)p - 16 : NULL, n + 16); /* a mixed-up free would crash */
    return block ? block + 16 : NULL;
}
void counted_free(void *p) {
    live -= p != NULL;
    if (p) free((char *)p - 16);
}
#else
#if STB == AFTER
#define CONC_IMPLEMENTATION
#include "conc.h"
#endif
#define STBDS_REALLOC(c, p, n) counted_realloc(p, n)
#define STBDS_FREE(c, p) counted_free(p)
#if STB != ELSEWHERE
#define STB_DS_IMPLEMENTATION
#endif
#include <stb/stb_ds.h>
#if STB != AFTER
#define CONC_IMPLEMENTATION
#include "conc.h"
#endif
#include <stdio.h>
#include <stdlib.h>
#if STB != ELSEWHERE
static int live;
void *counted_realloc(void *p, size_t n) {
    live += p == NULL;
    char *block = (char *)realloc(p ? (char *)p - 16 : NULL, n + 16);
    return block ? block + 16 : NULL;
}
void counted_free(void *p) {
    live -= p != NULL;
    if (p) free((char *)p - 16);
}
#else
extern int live;
#endif

static void squares(send_chan(int) out, int n) {
    for (int i = 0; i < n; i++) chan_send(out, i * i);
    chan_close(out);
}
int main(void) {
    struct { int key, value; } *table = NULL;
    struct { char *key; int value; } *names = NULL;
    int *list = NULL, n = 0;
    chan(int) c = chan_make(int, 4);
    go(squares, c, 1000);
    chan_range(v, c) {
        arrput(list, v);
        hmput(table, n, v);
        n++;
    }
    shput(names, "a", 1);
    chan_free(c);
    int bad = conc_shutdown() != 0 || arrlen(list) != 1000 || hmlen(table) != 1000 || hmget(table, 30) != 900 || shget(names, "a") != 1;
    arrfree(list);
    hmfree(table);
    shfree(names);
    bad += live != 0;
    if (!bad) puts("ok");
    return bad;
}
#endif
