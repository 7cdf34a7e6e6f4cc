/* parallel: the Mandelbrot set, its rows on all processors; its area, by map and by reduce; and what becomes of a loop that fails and of
   one that is cancelled. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "parallel.h"

#include <stdio.h>

enum { COLUMNS = 64, ROWS = 22, LIMIT = 200, TOO_BRIGHT = -3 };
struct picture { char row[ROWS][COLUMNS + 1]; };

static double middle(int i, int n, double width) { return (i + 0.5) * width / n - width / 2; } /* of the i-th of n pieces */
static int escape(double x, double y) { /* after how many steps; LIMIT: never */
    double a = 0, b = 0;
    int n = 0;
    for (; n < LIMIT && a * a + b * b <= 4; n++) {
        double t = a * a - b * b + x;
        b = 2 * a * b + y, a = t;
    }
    return n;
}
static int draw(conc_ctx *ctx, size_t r, struct picture *p) {
    (void)ctx;
    for (int c = 0; c < COLUMNS; c++) {
        int n = escape(middle(c, COLUMNS, 3.0) - 0.7, middle((int)r, ROWS, 2.4));
        p->row[r][c] = n == LIMIT ? '#' : " .:-=+"[n < 12 ? n / 2 : 5];
    }
    p->row[r][COLUMNS] = '\0';
    return 0;
}

static int width(conc_ctx *ctx, const double *y, int *points, const int *columns) {
    (void)ctx;
    *points = 0;
    for (int c = 0; c < *columns; c++) *points += escape(middle(c, *columns, 3.0) - 0.7, *y) == LIMIT;
    return 0;
}
static int add_up(conc_ctx *ctx, size_t from, size_t to, long *sum, const int *v) {
    (void)ctx;
    for (; from < to; from++) *sum += v[from];
    return 0;
}
static void add(long *sum, const long *more) { *sum += *more; }

static int fail(conc_ctx *ctx, size_t i, void *none) { return (void)ctx, (void)none, i == 700 ? TOO_BRIGHT : 0; }
static int wait_long(conc_ctx *ctx, size_t i, void *none) {
    (void)i, (void)none;
    return conc_sleep_ctx(ctx, CONC_HOUR) == CONC_OK ? 0 : conc_ctx_cause(ctx);
}

int main(void) {
    enum { N = 600 };
    static struct picture p;
    static double y[N];
    static int points[N];
    if (parallel_for(NULL, NULL, ROWS, draw, &p) != 0) return 1;
    for (int r = 0; r < ROWS; r++) puts(p.row[r]);

    const int columns = N;
    long sum = 0;
    const struct parallel_opts by_ten = { 4, 10, false };
    for (int i = 0; i < N; i++) y[i] = middle(i, N, 2.4);
    if (parallel_map(NULL, &by_ten, y, N, points, width, &columns) != 0) return 1;
    if (parallel_reduce(NULL, &by_ten, N, &sum, add_up, add, points) != 0) return 1;
    printf("area: %.2f\n", (double)sum * 3.0 * 2.4 / (double)(N * N));

    printf("an error: %d\n", parallel_for(NULL, NULL, 1000, fail, NULL));
    conc_ctx *patience = conc_ctx_with_timeout(conc_ctx_background(), CONC_MS);
    if (patience == NULL) return 1;
    printf("cancelled: %s\n", conc_strerror((conc_status)parallel_for(patience, NULL, 1000, wait_long, NULL)));
    conc_ctx_free(patience);
}
