/* Group md5all: MD5 of every file of a tree, three ways (the shapes of the Go blog's "Pipelines and cancellation"): serial, parallel (a
   goroutine for each file), bounded (20 digesters, and as many as processors). The files come from the page cache after the first run.
   MD5 is OpenSSL's here and crypto/md5's (assembly too) there: raw_md5 tells how fast each is alone.

   Env: GOB_TREE (directory, default $TMPDIR/gob_tree; made if absent: 2,000 files in 40 directories, 131 MB).
   Twin: ../go/md5all.go. Rules: ../README.md. */
#include "bench.h"
#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#define STB_DS_IMPLEMENTATION
#if __has_include(<stb/stb_ds.h>)
#include <stb/stb_ds.h>
#else
#include <stb_ds.h>
#endif

typedef struct sum { uint8_t md5[16]; } sum;
typedef struct result { char *path; sum sum; int err; } result; /* the path goes along */
typedef struct entry { char *key; sum value; } entry;
typedef void visit(void *to, char *path); /* owns path */

static const char want_digest[] = "9ac7fdc42949e8775b46004e0928a1b3";
static char root[2048];

static sum md5(const void *data, size_t n) {
    sum s;
    if (!EVP_Digest(data, n, s.md5, NULL, EVP_md5(), NULL)) bench_fail("no MD5");
    return s;
}

// ---- the tree ----
static char *join(const char *dir, const char *name) {
    size_t n = strlen(dir) + strlen(name) + 2;
    char *path = bench_alloc((int64_t)n, 1);
    snprintf(path, n, "%s/%s", dir, name);
    return path;
}

static void make_file(const char *dir, int i, const void *data, size_t n) {
    char name[16];
    struct stat st;
    snprintf(name, sizeof name, "f%02d", i);
    char *path = join(dir, name);
    if (stat(path, &st) || st.st_size != (off_t)n) {
        FILE *f = fopen(path, "wb");
        if (!f || fwrite(data, 1, n, f) != n || fclose(f)) bench_fail("cannot write %s", path);
    }
    free(path);
}

static void make_tree(void) { /* of words from one seed, little-endian */
    uint32_t x = 2463534242;
    uint8_t *data = bench_alloc(4 * (256 + 32768), 1);
    if (mkdir(root, 0755) && errno != EEXIST) bench_fail("cannot make %s", root);
    for (int d = 0; d < 40; d++) {
        char name[16];
        snprintf(name, sizeof name, "d%02d", d);
        char *dir = join(root, name);
        if (mkdir(dir, 0755) && errno != EEXIST) bench_fail("cannot make %s", dir);
        for (int f = 0; f < 50; f++) {
            size_t words = 256 + xorshift32(&x) % 32768; /* 1 to 129 KiB */
            for (size_t i = 0; i < words; i++) {
                uint32_t v = xorshift32(&x);
                for (int b = 0; b < 4; b++) data[4 * i + (size_t)b] = (uint8_t)(v >> 8 * b);
            }
            make_file(dir, f, data, 4 * words);
        }
        free(dir);
    }
    free(data);
}

/* The regular files below dir, in lexical order, to fn, until *stop is set. */
static void walk(const char *dir, visit *fn, void *to, const bool *stop) {
    struct dirent **list;
    int n = scandir(dir, &list, NULL, alphasort);
    if (n < 0) bench_fail("cannot read %s", dir);
    for (int i = 0; i < n; i++) {
        struct stat st;
        char *path = list[i]->d_name[0] == '.' ? NULL : join(dir, list[i]->d_name);
        free(list[i]);
        if (!path) continue;
        if (*stop || lstat(path, &st)) free(path);
        else if (S_ISREG(st.st_mode)) fn(to, path);
        else {
            if (S_ISDIR(st.st_mode)) walk(path, fn, to, stop);
            free(path);
        }
    }
    free(list);
}

static result digest_file(char *path) {
    result r = { .path = path, .err = 0 };
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st)) return r.err = errno, r;
    size_t n = (size_t)st.st_size, got = 0;
    uint8_t *data = bench_alloc(st.st_size + 1, 1);
    for (ssize_t k = 1; got < n && k > 0; got += (size_t)k)
        if ((k = read(fd, data + got, n - got)) < 0) r.err = errno, k = 0;
    close(fd);
    r.sum = md5(data, got);
    free(data);
    return r;
}

// ---- three ways ----
static void take(entry **map, result r) {
    if (r.err) bench_fail("%s: %s", r.path, strerror(r.err));
    shput(*map, r.path, r.sum);
}

static void serial_file(void *map, char *path) { take(map, digest_file(path)); }
static entry *serial(int digesters) {
    const bool stop = false;
    entry *map = NULL;
    (void)digesters;
    walk(root, serial_file, &map, &stop);
    return map;
}

typedef struct job {
    chan(result) out;
    chan(char *) paths; /* bounded only */
    chan(char) done;    /* closed: nobody takes results any more */
    conc_wg digesters;
    int count;          /* of digesters, bounded only */
    bool stop;
} job;

static void send_result(job *j, char *path) {
    result r = digest_file(path);
    chan_select {
        on_send(j->out, r) {}
        on_recv(v, j->done) free(path), (void)v;
    }
}
static void start_digester(void *to, char *path) {
    job *j = to;
    conc_wg_go(&j->digesters, send_result, j, path);
    chan_select {
        on_recv(v, j->done) j->stop = true, (void)v;
        on_default {}
    }
}
static void parallel_walk(job *j) {
    walk(root, start_digester, j, &j->stop);
    conc_wg_wait(&j->digesters);
    chan_close(j->out);
}

static void send_path(void *to, char *path) {
    job *j = to;
    chan_select {
        on_send(j->paths, path) {}
        on_recv(v, j->done) j->stop = true, free(path), (void)v;
    }
}
static void digester(job *j) { chan_range(path, j->paths) send_result(j, path); }
static void bounded_walk(job *j) {
    for (int i = 0; i < j->count; i++) conc_wg_go(&j->digesters, digester, j);
    walk(root, send_path, j, &j->stop);
    chan_close(j->paths);
    conc_wg_wait(&j->digesters);
    chan_close(j->out);
}

static entry *collect(job *j, void (*walker)(job *)) {
    entry *map = NULL;
    conc_wg wg = CONC_WG_INIT;
    j->out = chan_make(result);
    j->paths = chan_make(char *);
    j->done = chan_make(char);
    conc_wg_go(&wg, walker, j);
    chan_range(r, j->out) take(&map, r);
    chan_close(j->done);
    conc_wg_wait(&wg);
    chan_free(j->out), chan_free(j->paths), chan_free(j->done);
    return map;
}
static entry *parallel(int digesters) {
    job j = { .digesters = CONC_WG_INIT };
    (void)digesters;
    return collect(&j, parallel_walk);
}
static entry *bounded(int digesters) {
    job j = { .digesters = CONC_WG_INIT, .count = digesters };
    return collect(&j, bounded_walk);
}

// ---- the proof, and the metrics ----
static int by_path(const void *a, const void *b) { return strcmp(((const entry *)a)->key, ((const entry *)b)->key); }
static void free_map(entry *map) {
    for (ptrdiff_t i = 0; i < shlen(map); i++) free(map[i].key);
    shfree(map);
}
/* What was found equals what the files say, in whatever order it came. Frees map. */
static void check(entry *map) {
    uint8_t all[16];
    char text[33];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ptrdiff_t n = shlen(map);
    entry *sorted = bench_alloc(n + 1, sizeof *sorted);
    if (n) memcpy(sorted, map, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, by_path);
    EVP_DigestInit_ex(ctx, EVP_md5(), NULL);
    for (ptrdiff_t i = 0; i < n; i++) {
        for (int b = 0; b < 16; b++) snprintf(text + 2 * b, 3, "%02x", sorted[i].value.md5[b]);
        const char *name = sorted[i].key + strlen(root) + 1;
        EVP_DigestUpdate(ctx, text, 32), EVP_DigestUpdate(ctx, "  ", 2);
        EVP_DigestUpdate(ctx, name, strlen(name)), EVP_DigestUpdate(ctx, "\n", 1);
    }
    EVP_DigestFinal_ex(ctx, all, NULL);
    EVP_MD_CTX_free(ctx);
    free(sorted);
    free_map(map);
    for (int b = 0; b < 16; b++) snprintf(text + 2 * b, 3, "%02x", all[b]);
    if (strcmp(text, want_digest)) bench_fail("digest %s of %td files instead of %s", text, n, want_digest);
}

static double timed(entry *(*way)(int), int digesters) {
    int64_t t = bench_now();
    entry *map = way(digesters);
    double ms = ms_since(t);
    check(map);
    return ms;
}

static double raw_md5(void) {
    enum { SIZE = 1 << 20, TIMES = 100 };
    void *data = bench_alloc(SIZE, 1);
    int64_t t = bench_now();
    for (int i = 0; i < TIMES; i++) (void)md5(data, SIZE);
    double us = us_since(t);
    free(data);
    return (double)SIZE * TIMES / us;
}

int bench_main(void) {
    const char *tree = getenv("GOB_TREE"), *tmp = getenv("TMPDIR");
    if (tree && *tree) snprintf(root, sizeof root, "%s", tree);
    else snprintf(root, sizeof root, "%s/gob_tree", tmp && *tmp ? tmp : "/tmp");
    bench_head("md5all");
    make_tree();
    check(serial(1));
    BENCH("md5all.raw_md5", "MB/s", raw_md5());
    BENCH("md5all.serial", "ms", timed(serial, 1));
    BENCH("md5all.parallel", "ms", timed(parallel, 0));
    BENCH("md5all.bounded20", "ms", timed(bounded, 20));
    BENCH("md5all.boundedP", "ms", timed(bounded, conc_set_procs(0)));
    return 0;
}
