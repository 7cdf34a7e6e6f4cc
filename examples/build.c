/* build: a small make. Reads rules, and runs what is out of date, as many recipes at a time as there are processors (-j).

   A goroutine per target. It waits for the targets that its own depends on (each closes a channel when it is done), then for one of the
   permits that limit how many recipes run, then for the recipe's process. The graph is not scheduled: it runs by itself. What a recipe prints
   comes in one piece when it has ended. The first failure cancels the rest, Ctrl-C all of it; with -k only what needs the failed target.

   Rules as make's: "target ...: prerequisite ...", recipe lines that begin with a tab (@: do not print it, -: failure does not matter),
   NAME = value, $(NAME), $@ $< $^ $$, # comments, lines continued by \, .PHONY. No pattern rules, no functions, no implicit rules. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STB_DS_IMPLEMENTATION
#include <stb/stb_ds.h>

struct target {
    char *name, **needs, **recipe;
    struct target **before;           /* needs as targets; by check, which also expands the recipe: stb_ds is for one thread */
    bool phony, has_rule;
    enum { UNSEEN, OPEN, SEEN } seen; /* by check */
    chan(char) done;                  /* closed when what follows is final */
    bool failed, changed;
    struct timespec time;             /* of the file */
};
static struct { char *key; struct target *value; } *targets;
static struct { char *key; char *value; } *variables;
static conc_sem permits;
static bool keep_going, quiet;
static const struct timespec NEVER = { -1, 0 };

static char *copy(const char *from, size_t n) {
    char *s = malloc(n + 1);
    if (!s) err(2, "memory");
    memcpy(s, from, n), s[n] = 0;
    return s;
}
static struct target *target(char *name) {
    struct target *t = shget(targets, name);
    if (t) return t;
    t = calloc(1, sizeof *t);
    if (!t || !(t->done = chan_make(char))) err(2, "memory");
    t->name = name;
    return shput(targets, name, t), t;
}

/* ---- reading ---- */

static void add(char **out, const char *s, size_t n) { memcpy(arraddnptr(*out, n), s, n); }
/* text with $(NAME) replaced, and with t the automatic variables; an stb_ds array that ends with 0. */
static char *expand(const char *text, const struct target *t) {
    char *out = NULL;
    for (const char *p = text, *end; *p; p++) {
        if (*p != '$' || !p[1]) {
            arrput(out, *p);
            continue;
        }
        char c = *++p;
        if ((c == '(' || c == '{') && (end = strchr(p, c == '(' ? ')' : '}')) != NULL) {
            char *name = copy(p + 1, (size_t)(end - p - 1)), *value = shget(variables, name);
            value = expand(value ? value : getenv(name) ? getenv(name) : "", t);
            add(&out, value, strlen(value)), arrfree(value), free(name);
            p = end;
        } else if (c == '@' && t) add(&out, t->name, strlen(t->name));
        else if (c == '<' && t && arrlen(t->needs)) add(&out, t->needs[0], strlen(t->needs[0]));
        else if (c == '^' && t)
            for (int i = 0; i < arrlen(t->needs); i++) {
                if (i) arrput(out, ' ');
                add(&out, t->needs[i], strlen(t->needs[i]));
            }
        else if (c == '$' || t) arrput(out, c);
        else arrput(out, '$'), arrput(out, c); /* $@ in a variable: when it is used */
    }
    arrput(out, 0);
    return out;
}
static char **words(const char *text) {
    char **list = NULL, *all = expand(text, NULL), *rest = all;
    for (char *w; (w = strsep(&rest, " \t")) != NULL;)
        if (*w) arrput(list, copy(w, strlen(w)));
    return arrfree(all), list;
}
static struct target **read_rule(char *line, char *colon) {
    struct target **list = NULL;
    *colon = 0;
    char **names = words(line), **needs = words(colon + 1);
    for (int i = 0; i < arrlen(names); i++) {
        struct target *t = target(names[i]);
        bool phony = strcmp(names[i], ".PHONY") == 0;
        for (int k = 0; k < arrlen(needs); k++) {
            if (phony) target(needs[k])->phony = true;
            else arrput(t->needs, needs[k]);
        }
        t->has_rule = true;
        arrput(list, t);
    }
    return list;
}
/* -> the first target */
static char *read_rules(FILE *in, const char *path) {
    struct target **rule = NULL;
    char *line = NULL, *first = NULL;
    size_t room = 0;
    for (int number = 1;; number++) {
        ssize_t n = getline(&line, &room, in);
        if (n < 0) break;
        while (n >= 2 && line[n - 1] == '\n' && line[n - 2] == '\\') { /* goes on in the next line */
            char *more = NULL;
            size_t size = 0;
            ssize_t k = getline(&more, &size, in);
            if (k < 0) k = 0;
            if ((size_t)(n + k) > room && !(line = realloc(line, room = (size_t)(n + k) * 2))) err(2, "memory");
            line[n - 2] = ' ', memcpy(line + n - 1, more ? more : "", (size_t)k), n += k - 1, number++;
            line[n] = 0;
            free(more);
        }
        line[strcspn(line, "\n")] = 0;
        if (line[0] == '\t') {
            if (!rule) errx(2, "%s:%d: recipe commences before first target", path, number);
            for (int i = 0; i < arrlen(rule); i++) arrput(rule[i]->recipe, copy(line + 1, strlen(line + 1)));
            continue;
        }
        line[strcspn(line, "#")] = 0;
        char *equals = strchr(line, '='), *colon = strchr(line, ':');
        if (equals && (!colon || equals < colon)) {
            char *name = line + strspn(line, " "), *value = equals + 1 + strspn(equals + 1, " \t");
            shput(variables, copy(name, strcspn(name, " \t=")), copy(value, strlen(value)));
        } else if (colon) {
            arrfree(rule);
            rule = read_rule(line, colon);
            if (!first && arrlen(rule) && rule[0]->name[0] != '.') first = rule[0]->name;
        } else if (line[strspn(line, " \t")]) errx(2, "%s:%d: missing separator", path, number);
    }
    arrfree(rule), free(line);
    return first;
}

static struct timespec time_of(const char *file) {
    struct stat s;
    return stat(file, &s) == 0 ? s.st_mtim : NEVER;
}
static bool older(struct timespec a, struct timespec b) { return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec); }
/* Depth first, before anything runs: no cycles, and nobody to make what is not there? Lists what is needed, what others need first. */
static void check(char *name, const char *by, struct target ***order) {
    struct target *t = target(name);
    if (t->seen == OPEN) errx(2, "circular dependency: %s <- %s", by, name);
    if (t->seen == SEEN) return;
    t->seen = OPEN;
    t->time = time_of(name);
    if (!t->has_rule && !t->phony && t->time.tv_sec == NEVER.tv_sec)
        errx(2, "no rule to make target '%s'%s%s", name, by ? ", needed by " : "", by ? by : "");
    for (int i = 0; i < arrlen(t->needs); i++) {
        check(t->needs[i], name, order);
        arrput(t->before, target(t->needs[i]));
    }
    for (int i = 0; i < arrlen(t->recipe); i++) t->recipe[i] = expand(t->recipe[i], t);
    t->seen = SEEN;
    arrput(*order, t);
}

/* ---- running ---- */

/* Everything that comes from the descriptor until its end, as an stb_ds array. */
static char *read_all(int fd) {
    char *text = NULL, buf[4096];
    for (ssize_t n; (n = conc_read(fd, buf, sizeof buf)) > 0;) add(&text, buf, (size_t)n);
    (void)conc_close(fd);
    return text;
}
static void end_group(void *group) { (void)kill(-(pid_t)(intptr_t)group, SIGTERM); }
/* Start a process group of its own for the shell, with its output in the pipe. */
static pid_t start(char *command, int out) {
    char *argv[] = { "sh", "-c", command, NULL };
    extern char **environ;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none;
    pid_t pid = -1;
    (void)sigemptyset(&none);
    posix_spawn_file_actions_init(&files), posix_spawnattr_init(&attr);
    posix_spawn_file_actions_adddup2(&files, out, 1), posix_spawn_file_actions_adddup2(&files, out, 2);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK), posix_spawnattr_setsigmask(&attr, &none);
    errno = posix_spawn(&pid, "/bin/sh", &files, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&files), posix_spawnattr_destroy(&attr);
    return errno == 0 ? pid : -1;
}
/* One line of a recipe; its wait status. */
static int run(conc_ctx *ctx, char *command) {
    int pipe_fd[2], status = -1;
    if (pipe2(pipe_fd, O_CLOEXEC) != 0) return warn("pipe"), -1;
    pid_t pid = start(command, pipe_fd[1]);
    (void)close(pipe_fd[1]);
    if (pid < 0) return warn("/bin/sh"), (void)close(pipe_fd[0]), -1;
    conc_ctx_func *stop = conc_ctx_after_func(ctx, end_group, (void *)(intptr_t)pid);
    char *text = read_all(pipe_fd[0]);
    (void)conc_wait_pid(pid, &status);
    if (stop) (void)conc_ctx_func_stop(stop);
    if (arrlen(text)) fwrite(text, 1, arrlenu(text), stdout), fflush(stdout);
    arrfree(text);
    return status;
}
static bool run_recipe(conc_ctx *ctx, const struct target *t) {
    for (int i = 0; i < arrlen(t->recipe); i++) {
        char *command = t->recipe[i];
        bool silent = false, may_fail = false;
        for (;; command++)
            if (*command == '@') silent = true;
            else if (*command == '-') may_fail = true;
            else if (*command != ' ') break;
        if (!silent && !quiet) printf("%s\n", command), fflush(stdout);
        int status = run(ctx, command);
        if (status != 0 && !(may_fail && status != -1) && conc_ctx_err(ctx) == CONC_OK)
            fprintf(stderr, "build: [%s] %s %d\n", t->name, WIFEXITED(status) ? "error" : "killed by signal",
                    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        if (status != 0 && !may_fail) return false;
    }
    return true;
}
/* Its prerequisites are done: is there something to do? */
static bool outdated(const struct target *t) {
    bool changed = t->time.tv_sec == NEVER.tv_sec || t->phony;
    for (int i = 0; i < arrlen(t->before); i++) changed |= t->before[i]->changed || older(t->time, t->before[i]->time);
    return changed && (t->has_rule || t->phony);
}
static int make(conc_ctx *ctx, struct target *t) {
    for (int i = 0; i < arrlen(t->before) && !t->failed; i++) {
        char none; /* nothing is ever sent: it is closed, or we are cancelled */
        t->failed = chan_recv_ctx(t->before[i]->done, &none, ctx) != CONC_CLOSED || t->before[i]->failed;
    }
    if (!t->failed && outdated(t)) {
        t->failed = conc_sem_acquire_ctx(&permits, 1, ctx) != CONC_OK;
        if (!t->failed) {
            t->failed = !run_recipe(ctx, t);
            if (t->failed && arrlen(t->recipe) && !t->phony && older(t->time, time_of(t->name))) (void)unlink(t->name); /* half made */
            conc_sem_release(&permits, 1);
        }
        t->time = time_of(t->name);
        t->changed = true;
    }
    chan_close(t->done); /* publishes all of it */
    return t->failed && !keep_going ? CONC_CANCELED : 0;
}

int main(int argc, char **argv) {
    const char *path = "Makefile";
    int64_t jobs = conc_set_procs(0);
    for (int c; (c = getopt(argc, argv, "f:j:kqC:")) != -1;) switch (c) {
        case 'f': path = optarg; break;
        case 'j': jobs = atoi(optarg); break;
        case 'k': keep_going = true; break;
        case 'q': quiet = true; break;
        case 'C': if (chdir(optarg) != 0) err(2, "%s", optarg); break;
        default: return fprintf(stderr, "usage: build [-kq] [-C dir] [-f file] [-j jobs] [target ...]\n"), 2;
        }
    FILE *in = fopen(path, "r");
    if (!in) err(2, "%s", path);
    char *first = read_rules(in, path);
    (void)fclose(in);
    if (optind == argc && !first) errx(2, "no targets");
    if (jobs < 1) errx(2, "-j: at least 1");
    conc_sem_init(&permits, jobs);
    struct target **order = NULL, *failed = NULL;
    for (int i = optind; i < argc; i++) check(argv[i], NULL, &order);
    if (optind == argc) check(first, NULL, &order);

    conc_ctx *signals = conc_ctx_notify(conc_ctx_background(), SIGINT, SIGTERM);
    if (!signals) err(2, "start");
    {
        conc_scope_begin(s, .parent = signals);
        for (int i = 0; i < arrlen(order); i++) conc_scope_go(s, make, conc_scope_ctx(s), order[i]);
        (void)conc_scope_wait(s);
    }
    int status = conc_ctx_err(signals) != CONC_OK ? conc_ctx_cause(signals) : 0;
    conc_ctx_free(signals);
    bool changed = false;
    for (int i = 0; i < arrlen(order); i++) {
        if (order[i]->failed && !failed) failed = order[i];
        changed |= order[i]->changed;
    }
    if (failed && !status) fprintf(stderr, "build: *** %s was not made\n", failed->name), status = 2;
    if (!failed && !changed) printf("build: nothing to be done\n");
    return status;
}
