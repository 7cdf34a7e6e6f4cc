/* md5all: the MD5 of every file in a tree, as in the Go blog's "Pipelines and cancellation": serial; parallel, a goroutine for each file;
   bounded, a fixed number of them. The three must agree. Then somebody who has seen the first digest walks away. Needs OpenSSL
   (-lcrypto). examples/digest.c is the program that grew out of this one. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "pipeline.h"
#include "walk.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES = 20, DIGESTERS = 4 };
typedef struct path { char text[64]; } path;
struct digest { path file; unsigned char sum[16]; };
struct table { struct digest v[FILES]; int n; };

static path path_of(const char *text) {
    path p;
    memset(&p, 0, sizeof p); /* so that equal ones have equal bytes */
    snprintf(p.text, sizeof p.text, "%s", text);
    return p;
}

/* ---- one file: 0 or -errno ---- */
static int digest_file(conc_ctx *ctx, const path *file, struct digest *out, void *none) {
    char block[4096];
    int err = 0;
    FILE *f = fopen(file->text, "rb");
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    (void)none;
    out->file = *file;
    if (f == NULL || md == NULL || !EVP_DigestInit_ex(md, EVP_md5(), NULL)) err = f == NULL ? -errno : -ENOMEM;
    for (size_t n; err == 0 && (n = fread(block, 1, sizeof block, f)) > 0; err = conc_ctx_cause(ctx)) EVP_DigestUpdate(md, block, n);
    if (err == 0) EVP_DigestFinal_ex(md, out->sum, NULL);
    EVP_MD_CTX_free(md);
    if (f != NULL) fclose(f);
    return err;
}

/* ---- three ways ---- */
static int digest_here(conc_ctx *ctx, const struct walk_entry *e, struct table *t) {
    if (e->err != 0 || e->type != WALK_FILE) return e->err;
    path p = path_of(e->path);
    return digest_file(ctx, &p, &t->v[t->n++], NULL);
}
static int serial(const char *root, struct table *t) { return walk_dir(NULL, root, digest_here, t); }

struct sink { conc_scope *scope; send_chan(path) paths; struct table *table; };
static int digest_apart(conc_ctx *ctx, path *p, struct digest *out) { return digest_file(ctx, p, out, NULL); }
static int start(conc_ctx *ctx, const struct walk_entry *e, struct sink *k) {
    (void)ctx; /* ends with the walk */
    if (e->err != 0 || e->type != WALK_FILE) return e->err;
    path *p = (path *)conc_scope_alloc(k->scope, sizeof *p);
    if (p == NULL) return CONC_NO_MEMORY;
    *p = path_of(e->path);
    conc_scope_go(k->scope, digest_apart, conc_scope_ctx(k->scope), p, &k->table->v[k->table->n++]);
    return 0;
}
static int parallel(const char *root, struct table *t) {
    conc_scope_begin(s);
    struct sink k = { s, NULL, t };
    int err = walk_dir(conc_scope_ctx(s), root, start, &k), first = conc_scope_wait(s);
    return first != 0 ? first : err;
}

static int emit(conc_ctx *ctx, const struct walk_entry *e, struct sink *k) {
    if (e->err != 0 || e->type != WALK_FILE) return e->err;
    return (int)chan_send_ctx(k->paths, path_of(e->path), ctx);
}
static int emit_paths(conc_ctx *ctx, const char *root, struct sink *k) {
    int err = walk_dir(ctx, root, emit, k);
    if (err != 0) conc_scope_cancel(k->scope, err); /* before the close, so that nobody takes it for the end */
    chan_close(k->paths);
    return err;
}
static int bounded(const char *root, struct table *t, int most) {
    conc_scope_begin(s);
    chan(path) paths = conc_scope_chan(s, path);
    struct sink *k = (struct sink *)conc_scope_alloc(s, sizeof *k); /* lives as long as emit_paths may */
    if (paths == NULL || k == NULL) return CONC_NO_MEMORY;
    k->scope = s;
    k->paths = paths;
    conc_scope_go(s, emit_paths, conc_scope_ctx(s), root, k);
    chan_range(d, pipeline_take(s, pipeline_fan_out(s, paths, struct digest, DIGESTERS, digest_file, NULL), (size_t)most)) t->v[t->n++] = d;
    return pipeline_end(s);
}

/* ---- files to digest ---- */
static int by_path(const void *a, const void *b) {
    return strcmp(((const struct digest *)a)->file.text, ((const struct digest *)b)->file.text);
}
static bool make_files(const char *root) {
    for (int i = 0; i < FILES; i++) {
        path p;
        snprintf(p.text, sizeof p.text, "%s/%02d", root, i);
        FILE *f = fopen(p.text, "wb");
        if (f == NULL) return false;
        for (int k = 0; k < i * 1000; k++) fputc('a' + i, f);
        if (fclose(f) != 0) return false;
    }
    return true;
}
static int drop(conc_ctx *ctx, const struct walk_entry *e, void *none) { return (void)ctx, (void)none, e->depth > 0 ? unlink(e->path) : 0; }

int main(void) {
    char root[] = "/tmp/md5all-XXXXXX";
    static struct table one, each, some, first;
    if (mkdtemp(root) == NULL || !make_files(root)) return 1;
    int err = serial(root, &one);
    err |= parallel(root, &each);
    err |= bounded(root, &some, FILES);
    err |= bounded(root, &first, 1);
    qsort(some.v, FILES, sizeof *some.v, by_path);
    for (int i = 0; i < FILES; i += 5) {
        for (int k = 0; k < 16; k++) printf("%02x", one.v[i].sum[k]);
        printf("  %s\n", strrchr(one.v[i].file.text, '/') + 1);
    }
    bool agree = memcmp(&one, &each, sizeof one) == 0 && memcmp(&one, &some, sizeof one) == 0;
    printf("serial %d, parallel %d, bounded %d files: %s\n", one.n, each.n, some.n, agree ? "they agree" : "they differ");
    printf("one who walked away saw %d\n", first.n);
    err |= walk_dir(NULL, root, drop, NULL);
    return rmdir(root) != 0 || err != 0 || !agree;
}
