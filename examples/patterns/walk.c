/* walk: a small tree is made and walked: everything in order; without one directory; until something is found; and by four goroutines at
   once. A directory that is empty and one that is not there are not the same. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int print(conc_ctx *ctx, const struct walk_entry *e, const char *skip) {
    (void)ctx;
    if (e->err != 0) return printf("  %s: %s\n", e->name, strerror(-e->err)), 0;
    printf("  %*s%s%s\n", 2 * e->depth, "", e->depth == 0 ? "." : e->name, e->type == WALK_DIR ? "/" : "");
    return skip != NULL && strcmp(e->name, skip) == 0 ? WALK_SKIP_DIR : 0;
}

struct search { const char *name; char found[256]; };
static int find(conc_ctx *ctx, const struct walk_entry *e, struct search *s) {
    (void)ctx;
    if (strcmp(e->name, s->name) != 0) return 0;
    snprintf(s->found, sizeof s->found, "%s at depth %d", e->name, e->depth);
    return WALK_SKIP_ALL;
}

struct counts { conc_atomic(int) files, directories; };
static int count(conc_ctx *ctx, const struct walk_entry *e, struct counts *c) { /* by several goroutines at once */
    (void)ctx;
    if (e->type == WALK_FILE) conc_atomic_fetch_add(&c->files, 1);
    if (e->type == WALK_DIR) conc_atomic_fetch_add(&c->directories, 1);
    return 0;
}
static int remove_file(conc_ctx *ctx, const struct walk_entry *e, void *none) {
    (void)ctx, (void)none;
    return e->type == WALK_FILE ? unlink(e->path) : 0;
}

int main(void) {
    static const char *const dirs[] = { "docs", "empty", "src", "src/deep" };
    static const char *const files[] = { "README", "docs/guide", "src/main.c", "src/deep/a.c", "src/deep/b.c" };
    char root[] = "/tmp/walk-XXXXXX";
    struct search s = { "b.c", "nowhere" };
    static struct counts c;
    if (mkdtemp(root) == NULL || chdir(root) != 0) return 1;
    for (int i = 0; i < 4; i++) mkdir(dirs[i], 0700);
    for (int i = 0; i < 5; i++) {
        FILE *f = fopen(files[i], "w");
        if (f == NULL || fclose(f) != 0) return 1;
    }

    puts("everything");
    int err = walk_dir(NULL, root, print, NULL);
    puts("without src");
    err |= walk_dir(NULL, root, print, "src");
    err |= walk_dir(NULL, root, find, &s);
    printf("found: %s\n", s.found);
    err |= walk_parallel(NULL, root, 4, count, &c);
    printf("by four goroutines: %d files, %d directories\n", conc_atomic_load(&c.files), conc_atomic_load(&c.directories));
    puts("empty, and not there");
    err |= walk_dir(NULL, "empty", print, NULL);
    err |= walk_dir(NULL, "nowhere", print, NULL);

    err |= walk_dir(NULL, root, remove_file, NULL);
    for (int i = 4; i-- > 0;) err |= rmdir(dirs[i]);
    return err != 0 || rmdir(root) != 0;
}
