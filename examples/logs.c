/* logs: what a web server's log says of each route: requests, errors, bytes, the slowest. Parse, filter and aggregate on every processor.

       read ---- full ----> [ parse -> filter -> aggregate ] x N ----.
         ^                                                           '---> merge ---> print, sorted
         '----- spare: blocks to be filled again ----'

   logs [-j workers] [--serial] [--status least] [--method name] [--stats] [file]
   logs --generate bytes [--seed n]                      a log of about that size, the same for the same seed

   A line is   time address method path status bytes microseconds   with blanks between; a line that is not is counted as bad. A route is
   the path up to its second slash or its question mark. An error is a status from 500 on. With --serial one thread does it all, without
   a channel: for comparison (examples/run-logs.sh compares with awk, too).

   Blocks of whole lines go to whichever worker is free; each worker has a table of its own, so nothing is shared while they work, and the
   tables are merged when they have ended. There are 2 * N + 1 blocks: when all are full, the reader waits. read closes `full` at
   the end of the input; the workers' ranges end then, and main waits for them.

   Exit status: 0; 1 if the input cannot be read; 2 for wrong usage. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 1 << 20, FIELDS = 7, USAGE = 2, WORKERS_MOST = 256 };

typedef struct block {
    size_t n; /* bytes of whole lines */
    char text[BLOCK];
} block;

typedef struct slice { const char *at; size_t n; } slice;
typedef struct record {
    slice method, route;
    int64_t status, bytes, us;
} record;

typedef struct route { /* NULL name: a free place */
    char *name;
    size_t length;
    uint64_t hash;
    int64_t requests, errors, bytes, slowest;
} route;
typedef struct table { /* a worker's; open addressing, never more than half full */
    route *places;
    size_t room, n;
    int64_t lines, bad, left_out;
} table;

typedef struct run {
    const char *file, *method;
    int64_t status, generate;
    uint64_t seed;
    int workers;
    bool serial, stats;

    int fd, err;
    int64_t bytes;
    chan(block *) full, spare;
    block *two;         /* --serial: one is filled while the other waits to be processed */
    int turn;
    table tables[WORKERS_MOST];
} run;

static void *xalloc(size_t n, size_t size) {
    void *p = calloc(n, size);
    if (p == NULL) fputs("logs: out of memory\n", stderr), exit(1);
    return p;
}

/* ---- tables ---- */

static route *find(table *t, slice name, uint64_t hash) { /* its place, or the free one where it belongs */
    size_t i = hash & (t->room - 1);
    for (route *p; (p = &t->places[i])->name != NULL; i = (i + 1) & (t->room - 1))
        if (p->hash == hash && p->length == name.n && memcmp(p->name, name.at, name.n) == 0) break;
    return &t->places[i];
}

static void grow(table *t) {
    table bigger = *t;
    bigger.room = t->room ? 2 * t->room : 64;
    bigger.places = (route *)xalloc(bigger.room, sizeof(route));
    for (size_t i = 0; i < t->room; i++)
        if (t->places[i].name != NULL) *find(&bigger, (slice){ t->places[i].name, t->places[i].length }, t->places[i].hash) = t->places[i];
    free(t->places);
    *t = bigger;
}

static route *route_of(table *t, slice name) {
    uint64_t hash = 14695981039346656037U; /* FNV-1a */
    for (size_t i = 0; i < name.n; i++) hash = (hash ^ (unsigned char)name.at[i]) * 1099511628211U;
    if (2 * t->n >= t->room) grow(t);
    route *p = find(t, name, hash);
    if (p->name != NULL) return p;
    t->n++;
    p->name = (char *)xalloc(name.n + 1, 1);
    memcpy(p->name, name.at, name.n);
    p->length = name.n;
    p->hash = hash;
    return p;
}

static void merge(table *into, table *t) {
    for (size_t i = 0; i < t->room; i++) {
        const route *from = &t->places[i];
        if (from->name == NULL) continue;
        route *p = route_of(into, (slice){ from->name, from->length });
        p->requests += from->requests, p->errors += from->errors, p->bytes += from->bytes;
        if (from->slowest > p->slowest) p->slowest = from->slowest;
        free(from->name);
    }
    into->lines += t->lines, into->bad += t->bad, into->left_out += t->left_out;
    free(t->places);
}

/* ---- a line: parse, filter, aggregate ---- */

static int split(const char *p, const char *end, slice *fields) { /* -> how many; one too many is enough to know */
    int n = 0;
    for (;; n++) {
        while (p < end && (*p == ' ' || *p == '\t')) p++;
        if (p == end || n == FIELDS) return p == end ? n : n + 1;
        fields[n].at = p;
        while (p < end && *p != ' ' && *p != '\t') p++;
        fields[n].n = (size_t)(p - fields[n].at);
    }
}

static bool number(slice s, int64_t *n) {
    if (s.n == 0 || s.n > 15) return false;
    *n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.at[i] < '0' || s.at[i] > '9') return false;
        *n = 10 * *n + (s.at[i] - '0');
    }
    return true;
}

static bool parse(const char *line, const char *end, record *r) {
    slice f[FIELDS];
    if (split(line, end, f) != FIELDS || f[3].at[0] != '/') return false;
    r->method = f[2];
    r->route = f[3];
    for (size_t i = 1; i < f[3].n; i++)
        if (f[3].at[i] == '/' || f[3].at[i] == '?') r->route.n = i, i = f[3].n;
    return number(f[4], &r->status) && number(f[5], &r->bytes) && number(f[6], &r->us);
}

static bool wanted(const run *r, const record *rec) {
    if (rec->status < r->status) return false;
    return r->method == NULL || (rec->method.n == strlen(r->method) && memcmp(rec->method.at, r->method, rec->method.n) == 0);
}

static void aggregate(table *t, const record *rec) {
    route *p = route_of(t, rec->route);
    p->requests++;
    p->errors += rec->status >= 500;
    p->bytes += rec->bytes;
    if (rec->us > p->slowest) p->slowest = rec->us;
}

static void process(const run *r, table *t, const block *b) {
    const char *end = b->text + b->n;
    for (const char *line = b->text, *eol; line < end; line = eol + 1) {
        eol = (const char *)memchr(line, '\n', (size_t)(end - line));
        if (eol == NULL) eol = end; /* the last line of the file may have none */
        record rec;
        t->lines++;
        if (!parse(line, eol, &rec)) t->bad++;
        else if (!wanted(r, &rec)) t->left_out++;
        else aggregate(t, &rec);
    }
}

/* ---- the stages ---- */

static block *next_block(run *r) { return r->serial ? &r->two[r->turn ^= 1] : chan_recv(r->spare); }

static void hand_over(run *r, block *b) {
    if (r->serial) process(r, &r->tables[0], b);
    else chan_send(r->full, b);
}

/* Fill the rest of b; false: the input is at its end, or cannot be read. */
static bool fill(run *r, block *b) {
    while (b->n < BLOCK) {
        ssize_t n = conc_read(r->fd, b->text + b->n, BLOCK - b->n); /* on the one thread of --serial it is read(2) */
        if (n < 0) r->err = errno;
        if (n <= 0) return false;
        b->n += (size_t)n;
        r->bytes += n;
    }
    return true;
}

static void read_all(run *r) {
    block *b = next_block(r);
    b->n = 0;
    while (fill(r, b)) {
        size_t whole = BLOCK;
        while (whole > 0 && b->text[whole - 1] != '\n') whole--;
        if (whole == 0) r->err = EFBIG; /* a line that is longer than a block */
        if (whole == 0) break;
        block *next = next_block(r);
        next->n = BLOCK - whole;
        memcpy(next->text, b->text + whole, next->n);
        b->n = whole;
        hand_over(r, b);
        b = next;
    }
    hand_over(r, b);
    if (!r->serial) chan_close(r->full);
}

static void worker(run *r, table *t) {
    chan_range(b, r->full) {
        process(r, t, b);
        chan_send(r->spare, b); /* has room for all */
    }
}

static void pipeline(run *r) {
    size_t blocks = 2 * (size_t)r->workers + 1;
    r->full = chan_make(block *, blocks);
    r->spare = chan_make(block *, blocks);
    block *all = (block *)xalloc(blocks, sizeof *all);
    if (r->full == NULL || r->spare == NULL) fputs("logs: out of memory\n", stderr), exit(1);
    for (size_t i = 0; i < blocks; i++) chan_send(r->spare, &all[i]);
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < r->workers; i++) conc_wg_go(&wg, worker, r, &r->tables[i]);
    conc_wg_go(&wg, read_all, r);
    conc_wg_wait(&wg);
    for (int i = 1; i < r->workers; i++) merge(&r->tables[0], &r->tables[i]);
    chan_free(r->full), chan_free(r->spare);
    free(all);
}

static void alone(run *r) {
    r->two = (block *)xalloc(2, sizeof *r->two);
    read_all(r);
    free(r->two);
}

/* ---- the report ---- */

static int by_name(const void *a, const void *b) { return strcmp((*(route *const *)a)->name, (*(route *const *)b)->name); }

static void print(table *t) {
    route **sorted = (route **)xalloc(t->n + 1, sizeof(route *));
    size_t n = 0;
    for (size_t i = 0; i < t->room; i++)
        if (t->places[i].name != NULL) sorted[n++] = &t->places[i];
    qsort(sorted, n, sizeof *sorted, by_name);
    for (size_t i = 0; i < n; i++) {
        const route *p = sorted[i];
        printf("%s\t%lld\t%lld\t%lld\t%lld\n", p->name, (long long)p->requests, (long long)p->errors, (long long)p->bytes,
            (long long)p->slowest);
        free(p->name);
    }
    printf("%lld lines, %lld left out, %lld bad\n", (long long)t->lines, (long long)t->left_out, (long long)t->bad);
    free(sorted);
    free(t->places);
}

/* ---- the generator ---- */

static uint64_t draw(uint64_t *seed) { /* xorshift64* */
    *seed ^= *seed >> 12, *seed ^= *seed << 25, *seed ^= *seed >> 27;
    return *seed * 0x2545F4914F6CDD1DU >> 16;
}

static int print_line(uint64_t *seed, int64_t ms) {
    static const char *const routes[] = { "/users", "/users", "/orders", "/orders", "/orders", "/cart", "/search", "/search", "/static",
        "/static", "/static", "/static", "/login", "/health", "/invoices", "/" };
    static const char *const methods[] = { "GET", "GET", "GET", "GET", "GET", "POST", "PUT", "DELETE" };
    static const int statuses[] = { 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 201, 204, 304, 404, 500, 503 };
    uint64_t a = draw(seed), b = draw(seed), us = 200 + b % 1000;
    if ((b >> 16) % 64 == 0) us *= 100; /* some are slow */
    if (a % 997 == 0) return printf("-- log rotated --\n");
    const char *path = routes[a % 16];
    return printf("2026-%02d-%02dT%02d:%02d:%02d.%03dZ 10.%d.%d.%d %s %s%s%d%s %d %d %llu\n", (int)(ms / 2419200000 % 12) + 1,
        (int)(ms / 86400000 % 28) + 1, (int)(ms / 3600000 % 24), (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), (int)(ms % 1000),
        (int)(a >> 8 & 255), (int)(a >> 16 & 255), (int)(a >> 24 & 255), methods[a >> 32 & 7], path, path[1] ? "/" : "", (int)(b >> 24 & 65535),
        a >> 40 & 3 ? "" : "?page=2", statuses[b >> 40 & 15], (int)(a >> 20 & 32767) + 100,
        (unsigned long long)us);
}

static int generate(const run *r) {
    static char out[1 << 20];
    uint64_t seed = r->seed * 0x9E3779B97F4A7C15U + 1;
    setvbuf(stdout, out, _IOFBF, sizeof out);
    int64_t ms = 0;
    for (int64_t written = 0; written < r->generate && !ferror(stdout); ms += (int64_t)(draw(&seed) % 20))
        written += print_line(&seed, ms);
    if (fflush(stdout) == 0 && !ferror(stdout)) return 0;
    perror("logs: write error");
    return 1;
}

/* ---- main ---- */

static int usage(void) {
    fputs("usage: logs [-j workers] [--serial] [--status least] [--method name] [--stats] [file]\n"
          "       logs --generate bytes [--seed n]\n", stderr);
    return USAGE;
}

static int parse_options(run *r, int argc, char **argv) {
    enum { SERIAL = 256, STATUS, METHOD, STATS, GENERATE, SEED };
    static const struct option options[] = { { "serial", no_argument, NULL, SERIAL }, { "status", required_argument, NULL, STATUS },
        { "method", required_argument, NULL, METHOD }, { "stats", no_argument, NULL, STATS }, { "generate", required_argument, NULL, GENERATE },
        { "seed", required_argument, NULL, SEED }, { NULL, 0, NULL, 0 } };
    int64_t n = 0;
    for (int c; (c = getopt_long(argc, argv, "j:", options, NULL)) != -1;) {
        if (c == '?') return usage();
        if (c != METHOD && optarg != NULL && !number((slice){ optarg, strlen(optarg) }, &n)) return usage();
        switch (c) {
        case 'j': r->workers = (int)(n < WORKERS_MOST ? n : WORKERS_MOST); break;
        case SERIAL: r->serial = true; break;
        case STATUS: r->status = n; break;
        case METHOD: r->method = optarg; break;
        case STATS: r->stats = true; break;
        case GENERATE: r->generate = n; break;
        case SEED: r->seed = (uint64_t)n; break;
        }
        optarg = NULL;
    }
    if (argc - optind > 1) return usage();
    r->file = argv[optind];
    if (r->workers < 1) r->workers = conc_set_procs(0) < WORKERS_MOST ? conc_set_procs(0) : WORKERS_MOST;
    return 0;
}

int main(int argc, char **argv) {
    static run r = { .generate = -1, .seed = 1 };
    if (parse_options(&r, argc, argv) != 0) return USAGE;
    if (r.generate >= 0) return generate(&r);
    r.fd = r.file != NULL ? open(r.file, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (r.fd < 0) return fprintf(stderr, "logs: %s: %s\n", r.file, strerror(errno)), 1;

    int64_t begun = conc_now();
    if (r.serial) alone(&r);
    else conc_run(pipeline, &r);
    double seconds = (double)(conc_now() - begun) / 1e9;

    print(&r.tables[0]);
    double mib = (double)r.bytes / 1048576;
    if (r.stats) fprintf(stderr, "%.1f MiB in %.3f s: %.0f MiB/s\n", mib, seconds, mib / seconds);
    if (r.err != 0) fprintf(stderr, "logs: %s: %s\n", r.file != NULL ? r.file : "standard input", strerror(r.err));
    if (fflush(stdout) != 0) perror("logs: write error"), r.err = errno;
    if (r.file != NULL) (void)close(r.fd);
    if (conc_shutdown() != 0) fputs("logs: goroutines were left behind\n", stderr), r.err = 1;
    return r.err != 0;
}
