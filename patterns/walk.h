/* walk.h - walk a directory tree: one by one in order, or many directories at a time. For conc.h; copy this file beside it.

   Problem: do something for every file below a directory; leave parts out; stop early; and know of every directory that could not be
   read, so that "there is nothing" and "I was not allowed to look" are told apart.

       walk_dir:       caller: root, root/a, root/a/x, root/b ...            in the order of the names, each directory before what is in it
       walk_parallel:  directories still to be read (a stack)
                           |         |         |
                       worker 1  worker 2  worker n        each: read one, sort it, fn for each entry, push the directories among them

     static int show(conc_ctx *ctx, const struct walk_entry *e, struct totals *t) {
         if (e->err != 0) return complain(e->path, e->err), 0;                 // a directory that cannot be read: go on without it
         if (e->type == WALK_DIR && strcmp(e->name, ".git") == 0) return WALK_SKIP_DIR;
         if (e->type == WALK_FILE) t->files++;
         return 0;
     }
     int err = walk_dir(ctx, "src", show, &totals);       // 0; what fn returned; why ctx ended (conc_ctx_cause)

   They are ordinary calls, with a function to call back, as filepath.WalkDir is: no channel that somebody must drain. fn may send to one.

   fn is called with each entry, the root first. A directory is read after its call; if that fails, fn is called for it once more, with
   err set to -errno, and decides: 0 goes on (with those entries that could be read), anything else ends the walk. So a directory for
   which no second call comes was read to its end, even if it was empty. A root that is not there gets one call, with err set.
   WALK_SKIP_DIR: do not enter this directory; returned for something else: leave out the rest of the directory that it is in.
   WALK_SKIP_ALL: that was enough; the result is 0. Symbolic links are not followed, but a root with a '/' behind it is.

   When the goroutines stop (walk_parallel's workers; walk_dir has none): when no directory is left, fn fails or says enough, or the context
   is done; walk_parallel returns after the last of them. In it fn runs in several goroutines at once; the entries of one directory come in
   order, by one goroutine, and after the directory itself.
   Cancel: looked at before each directory and entry. Reading a directory hands the processor on, and cannot be interrupted. Error:
   the first from fn, or CONC_NO_MEMORY; the others stop at their next entry. conc_exit in fn: CONC_CANCELED (walk_dir: ends the caller).

   Who owns what: the entry and its texts are the walk's and live as long as the call to fn: copy what you keep. fn's ctx ends with the walk:
   give goroutines that outlast it another. Any goroutine or thread may call.

   Source: filepath.WalkDir; the bounded parallel reading is that of the Go blog's "Pipelines and cancellation" and of Donovan and
   Kernighan's du. */
#ifndef WALK_H
#define WALK_H

#include "conc.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#ifndef __cplusplus
extern int lstat(const char *path, struct stat *st); /* -std=c11 hides it */
#endif

enum walk_type { WALK_FILE, WALK_DIR, WALK_LINK, WALK_OTHER };
enum { WALK_SKIP_DIR = INT_MAX - 1, WALK_SKIP_ALL = INT_MAX };

struct walk_entry {
    const char *path; /* begins with the root as it was given */
    const char *name; /* the last part of it */
    enum walk_type type;
    int depth; /* of the root: 0 */
    int err;   /* 0, or -errno: this directory could not be read, or this root is not there */
};

struct walk__name { char *text; enum walk_type type; };
struct walk__dir { /* a directory that is to be read, or is being walked */
    struct walk__dir *next;
    char *path;
    int depth;
    bool is_read;
    struct walk__name *v; /* what is in it, sorted */
    size_t n, room, at;   /* at: the next entry */
    char *child;          /* path of the entry that fn has now */
};
struct walk__run {
    conc_ctx *ctx;
    void (*fn)(void); /* int (*)(conc_ctx *, const struct walk_entry *, A *) */
    void *arg;
    struct walk__dir *stack;
    /* parallel only */
    conc_mutex mutex; /* of what follows, and of stack */
    conc_cond more;   /* there is another directory, or there will be none */
    size_t busy;      /* workers that may still push some */
    bool enough;
};
struct walk__worker {
    struct walk__run *run;
    conc_scope *scope;
    struct walk__dir *dir; /* what it is at */
};

#ifdef __clang__
__attribute__((no_sanitize("function"))) /* A * and void * are passed alike; the macros below have checked A */
#endif
static inline int walk__call(struct walk__run *r, const struct walk_entry *e) {
    return ((int (*)(conc_ctx *, const struct walk_entry *, void *))r->fn)(r->ctx, e, r->arg);
}

/* ---- directories ---- */

static inline void walk__drop(struct walk__dir *d) {
    if (d == NULL) return;
    for (size_t i = 0; i < d->n; i++) free(d->v[i].text);
    free(d->v);
    free(d->child);
    free(d->path);
    free(d);
}
/* path is handed over. NULL: no memory. */
static inline struct walk__dir *walk__new(char *path, int depth) {
    struct walk__dir *d = (struct walk__dir *)calloc(1, sizeof *d);
    if (d == NULL) return free(path), d;
    d->path = path;
    d->depth = depth;
    return d;
}
static inline char *walk__join(const char *dir, const char *name) {
    size_t a = strlen(dir), b = strlen(name);
    bool slash = a > 0 && dir[a - 1] != '/';
    char *path = (char *)malloc(a + slash + b + 1);
    if (path == NULL) return NULL;
    memcpy(path, dir, a);
    if (slash) path[a] = '/';
    memcpy(path + a + slash, name, b + 1);
    return path;
}
static inline const char *walk__base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

enum { WALK__IS_DIR = 4, WALK__IS_FILE = 8, WALK__IS_LINK = 10, WALK__MODE_LINK = 0120000, WALK__MODE = 0170000 }; /* DT_DIR ...; hidden, too */
static inline int walk__stat(const char *path, enum walk_type *type) {
    struct stat st;
    if (lstat(path, &st) != 0) return -errno;
    *type = S_ISDIR(st.st_mode) ? WALK_DIR : S_ISREG(st.st_mode) ? WALK_FILE
            : (st.st_mode & WALK__MODE) == WALK__MODE_LINK ? WALK_LINK : WALK_OTHER;
    return 0;
}
/* Some file systems do not tell the type; then it is asked for. One that is gone meanwhile is WALK_OTHER. */
static inline enum walk_type walk__type(const char *dir, const struct dirent *e) {
    enum walk_type type = WALK_OTHER;
    if (e->d_type == WALK__IS_DIR) return WALK_DIR;
    if (e->d_type == WALK__IS_FILE) return WALK_FILE;
    if (e->d_type == WALK__IS_LINK) return WALK_LINK;
    if (e->d_type != 0) return WALK_OTHER;
    char *path = walk__join(dir, e->d_name);
    if (path != NULL) (void)walk__stat(path, &type);
    free(path);
    return type;
}
static inline int walk__add(struct walk__dir *d, const struct dirent *e) {
    if (d->n == d->room) {
        size_t room = 2 * d->room + 16;
        void *v = realloc(d->v, room * sizeof *d->v);
        if (v == NULL) return -ENOMEM;
        d->v = (struct walk__name *)v;
        d->room = room;
    }
    size_t size = strlen(e->d_name) + 1;
    char *text = (char *)malloc(size);
    if (text == NULL) return -ENOMEM;
    memcpy(text, e->d_name, size);
    d->v[d->n].text = text;
    d->v[d->n++].type = walk__type(d->path, e);
    return 0;
}
static inline int walk__by_name(const void *a, const void *b) {
    return strcmp(((const struct walk__name *)a)->text, ((const struct walk__name *)b)->text);
}
/* All of it, or as far as it goes: 0 or -errno. */
static inline int walk__list(struct walk__dir *d) {
    int err = 0;
    DIR *stream = opendir(d->path);
    if (stream == NULL) return -errno;
    while (err == 0) {
        errno = 0;
        const struct dirent *e = readdir(stream);
        if (e == NULL) {
            err = -errno;
            break;
        }
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) err = walk__add(d, e);
    }
    closedir(stream);
    if (d->n > 0) qsort(d->v, d->n, sizeof *d->v, walk__by_name);
    return err;
}

/* ---- steps: 0, or what ends the walk ---- */

static inline int walk__read(struct walk__run *r, struct walk__dir *d) {
    struct walk_entry e = { d->path, walk__base(d->path), WALK_DIR, d->depth, 0 };
    if (conc_ctx_err(r->ctx) != CONC_OK) return conc_ctx_cause(r->ctx);
    conc_blocking e.err = walk__list(d);
    d->is_read = true;
    if (e.err == 0) return 0;
    int err = walk__call(r, &e);
    if (err == WALK_SKIP_DIR) d->at = d->n;
    return err == WALK_SKIP_DIR ? 0 : err;
}
/* The next entry; *sub: it is a directory that is to be walked. */
static inline int walk__step(struct walk__run *r, struct walk__dir *d, struct walk__dir **sub) {
    const struct walk__name *name = &d->v[d->at++];
    if (conc_ctx_err(r->ctx) != CONC_OK) return conc_ctx_cause(r->ctx);
    d->child = walk__join(d->path, name->text);
    if (d->child == NULL) return CONC_NO_MEMORY;
    struct walk_entry e = { d->child, name->text, name->type, d->depth + 1, 0 };
    int err = walk__call(r, &e);
    if (err == 0 && e.type == WALK_DIR) {
        *sub = walk__new(d->child, e.depth);
        err = *sub == NULL ? CONC_NO_MEMORY : 0;
    } else free(d->child);
    d->child = NULL;
    if (err == WALK_SKIP_DIR && e.type != WALK_DIR) d->at = d->n;
    return err == WALK_SKIP_DIR ? 0 : err;
}
static inline int walk__root(struct walk__run *r, const char *root) {
    struct walk_entry e = { root, walk__base(root), WALK_OTHER, 0, 0 };
    if (conc_ctx_err(r->ctx) != CONC_OK) return conc_ctx_cause(r->ctx);
    conc_blocking e.err = walk__stat(root, &e.type);
    int err = walk__call(r, &e);
    if (err != 0 || e.type != WALK_DIR) return err == WALK_SKIP_DIR ? 0 : err;
    char *path = (char *)malloc(strlen(root) + 1);
    if (path == NULL) return CONC_NO_MEMORY;
    strcpy(path, root);
    r->stack = walk__new(path, 0);
    return r->stack == NULL ? CONC_NO_MEMORY : 0;
}

/* ---- one by one: the stack holds the directories from the one under way up to the root ---- */

static inline int walk__serial(struct walk__run *r) {
    int err = 0;
    for (struct walk__dir *d; err == 0 && (d = r->stack) != NULL;) {
        struct walk__dir *sub = NULL;
        if (!d->is_read) err = walk__read(r, d);
        else if (d->at < d->n) err = walk__step(r, d, &sub);
        else r->stack = d->next, walk__drop(d);
        if (sub != NULL) sub->next = d, r->stack = sub;
    }
    return err;
}

/* ---- in parallel: the stack holds directories that nobody has begun ---- */

static inline void walk__push(struct walk__run *r, struct walk__dir *d) {
    conc_mutex_lock(&r->mutex);
    d->next = r->stack;
    r->stack = d;
    conc_mutex_unlock(&r->mutex);
    conc_cond_signal(&r->more);
}
/* Another directory for a worker that has none. NULL: there will be none, or the context is done. */
static inline struct walk__dir *walk__next(struct walk__run *r) {
    conc_status waited = CONC_OK;
    conc_mutex_lock(&r->mutex);
    while (r->stack == NULL && r->busy > 0 && !r->enough && waited == CONC_OK) waited = conc_cond_wait_ctx(&r->more, &r->mutex, r->ctx);
    struct walk__dir *d = r->enough || waited != CONC_OK ? NULL : r->stack;
    if (d != NULL) r->stack = d->next, r->busy++;
    conc_mutex_unlock(&r->mutex);
    return d;
}
static inline void walk__finished(struct walk__worker *w, bool enough) {
    struct walk__run *r = w->run;
    walk__drop(w->dir);
    w->dir = NULL;
    conc_mutex_lock(&r->mutex);
    r->enough |= enough;
    bool last = --r->busy == 0;
    conc_mutex_unlock(&r->mutex);
    if (last || enough) conc_cond_broadcast(&r->more);
}
static inline void walk__leave(void *arg) { /* at the end of the goroutine, also by conc_exit: then it was at a directory */
    struct walk__worker *w = (struct walk__worker *)arg;
    if (w->dir == NULL) return;
    conc_scope_cancel(w->scope, CONC_CANCELED);
    walk__finished(w, false);
}
static inline int walk__work(struct walk__worker *w) {
    int err = (int)conc_on_exit(walk__leave, w);
    while (err == 0 && (w->dir = walk__next(w->run)) != NULL) {
        err = walk__read(w->run, w->dir);
        while (err == 0 && w->dir->at < w->dir->n) {
            struct walk__dir *sub = NULL;
            err = walk__step(w->run, w->dir, &sub);
            if (sub != NULL) walk__push(w->run, sub);
        }
        walk__finished(w, err == WALK_SKIP_ALL);
    }
    return err == WALK_SKIP_ALL ? 0 : err;
}

/* ---- both ---- */

static inline void walk__free(void *arg) { /* on every way out */
    struct walk__run *r = (struct walk__run *)arg;
    for (struct walk__dir *d; (d = r->stack) != NULL;) r->stack = d->next, walk__drop(d);
}
static inline int walk__start(conc_ctx *ctx, const char *root, int workers, void (*fn)(void), void *arg) {
    const conc_mutex mutex = CONC_MUTEX_INIT;
    const conc_cond cond = CONC_COND_INIT;
    conc_scope_begin(s, ctx);
    struct walk__run *r = (struct walk__run *)conc_scope_alloc(s, sizeof *r);
    if (r == NULL || conc_scope_defer(s, walk__free, r) != CONC_OK) return CONC_NO_MEMORY;
    r->ctx = conc_scope_ctx(s);
    r->fn = fn;
    r->arg = arg;
    r->mutex = mutex;
    r->more = cond;
    int err = walk__root(r, root);
    if (err == 0 && workers == 0) err = walk__serial(r);
    if (err != 0) return err == WALK_SKIP_ALL ? 0 : err;
    for (int i = 0; i < workers; i++) {
        struct walk__worker *w = (struct walk__worker *)conc_scope_alloc(s, sizeof *w);
        if (w == NULL) {
            conc_scope_cancel(s, CONC_NO_MEMORY);
            break;
        }
        w->run = r;
        w->scope = s;
        conc_scope_go(s, walk__work, w);
    }
    return conc_scope_wait(s);
}
static inline int walk__check(int workers) {
    if (workers < 1) conc_panic("walk_parallel: the number of workers must be at least 1");
    return workers;
}

/* walk_dir(ctx, root, fn, arg)                 int fn(conc_ctx *ctx, const struct walk_entry *e, A *arg)  for everything below root
   walk_parallel(ctx, root, workers, fn, arg)   the same with at most so many directories being read, and fn running, at a time
   ctx may be NULL. 0, what fn returned, why ctx was done, CONC_NO_MEMORY. */
#ifndef __cplusplus
#define WALK__CALL(name, ctx, root, workers, fn, ...) \
    ((void)sizeof(struct { _Static_assert(_Generic((fn)((conc_ctx *)0, (const struct walk_entry *)0, (__VA_ARGS__)), int: 1, default: 0), \
        name ": the function is  int fn(conc_ctx *ctx, const struct walk_entry *e, A *arg)"); int walk__; }), \
     walk__start((ctx), (root), (workers), (void (*)(void))(fn), (void *)(uintptr_t)(__VA_ARGS__)))
#define walk_dir(ctx, root, fn, ...) WALK__CALL("walk_dir", ctx, root, 0, fn, __VA_ARGS__)
#define walk_parallel(ctx, root, workers, fn, ...) WALK__CALL("walk_parallel", ctx, root, walk__check(workers), fn, __VA_ARGS__)
#else
template <class T> struct walk__same { typedef T type; };
#define WALK__FN int (*fn)(conc_ctx *, const struct walk_entry *, A *), typename walk__same<A>::type *arg
#define WALK__ARGS reinterpret_cast<void (*)(void)>(fn), const_cast<void *>(static_cast<const volatile void *>(arg))
template <class A> static inline int walk_dir(conc_ctx *ctx, const char *root, WALK__FN) { return walk__start(ctx, root, 0, WALK__ARGS); }
template <class A> static inline int walk_parallel(conc_ctx *ctx, const char *root, int workers, WALK__FN) {
    return walk__start(ctx, root, walk__check(workers), WALK__ARGS);
}
#endif

#endif
