/* digest: print the SHA-256 of every file under a directory, sorted by path, as sha256sum does, using every processor.

       walk ---- jobs ----> work x N ---- results ----> collect ---> stdout
         |                                                 |
         '------------------- slots: one per file under way (a semaphore) ---'

   The shape is that of the Go blog's "Pipelines and cancellation". Every stage ends when its input is closed. SIGINT, SIGTERM and
   --timeout cancel a context, on which walk stops making jobs and work stops hashing; its cause is the exit status. Every job gives
   exactly one result. At most SLOTS files are under way, and jobs and results have room for as many: only walk ever waits for room,
   so nobody can be left blocked on a send. Output lines are whole and in order also when the program is stopped. A second signal
   ends the program at once, in case a file hangs.

   Exit status: 0; 1 if any file failed; 2 for wrong usage; 124 after --timeout; 130 after Ctrl-C. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOTS = 256, BLOCK = 128 * 1024, NOT_A_FILE = -1, USAGE = 2, TIMED_OUT = 124 };

typedef struct job {
    char *path;
    int64_t index; /* position in the output */
    int err;       /* why the walk could not read it: an errno or NOT_A_FILE; else 0 */
} job;
typedef struct result {
    char *path;
    int64_t index, bytes;
    int err; /* an errno, NOT_A_FILE or 0; ECANCELED: stopped before the end */
    unsigned length;
    unsigned char sum[EVP_MAX_MD_SIZE];
} result;

/* A run: its options, its channels, and what it counted. */
typedef struct run {
    const char *root;
    EVP_MD *md;
    int64_t timeout; /* nanoseconds; 0: none */
    int workers;
    bool serial, stats, progress;

    chan(job) jobs;
    chan(result *) results;
    chan(char) slots;
    conc_ctx *signals, *ctx; /* done on a signal; and on a signal or after the time limit */
    conc_wg walking, working;

    int64_t files, bytes, failed, next; /* next: files seen by the walk */
    int stopped;                        /* exit status, if it was stopped */
} run;

static void *xrealloc(void *p, size_t n) {
    p = realloc(p, n);
    if (p == NULL) fputs("digest: out of memory\n", stderr), exit(1);
    return p;
}

static bool stopping(run *r) { return conc_ctx_err(r->ctx) != CONC_OK; }

/* ---- walk: every regular file under a path, in the byte order of the paths ---- */

typedef struct node {
    char *path; /* directories end in '/': so sorting names sorts the paths of what is in them too */
    bool dir;
} node;

static int by_path_descending(const void *a, const void *b) { return strcmp(((const node *)b)->path, ((const node *)a)->path); }

static bool is_dir(const char *path, unsigned char type, bool *regular) {
    struct stat st;
    *regular = type == DT_REG;
    if (type != DT_UNKNOWN) return type == DT_DIR;
    if (lstat(path, &st) != 0) return false;
    *regular = S_ISREG(st.st_mode);
    return S_ISDIR(st.st_mode);
}

typedef struct stack { node *v; size_t n, room; } stack;

static void push(stack *s, char *path, bool dir) {
    if (s->n == s->room) s->v = xrealloc(s->v, (s->room = 2 * s->room + 64) * sizeof *s->v);
    s->v[s->n++] = (node){ path, dir };
}

/* Push what the directory path (which ends in '/') holds, last name first. Returns an errno. */
static int push_children(stack *s, const char *path) {
    size_t first = s->n, length = strlen(path);
    DIR *d = opendir(path);
    if (d == NULL) return errno;
    int err = 0;
    for (;;) {
        errno = 0;
        struct dirent *e = readdir(d);
        if (e == NULL) {
            err = errno;
            break;
        }
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        size_t name = strlen(e->d_name);
        char *child = xrealloc(NULL, length + name + 2);
        memcpy(child, path, length);
        memcpy(child + length, e->d_name, name + 1);
        bool regular, dir = is_dir(child, e->d_type, &regular);
        if (dir) strcpy(child + length + name, "/");
        if (dir || regular) push(s, child, dir);
        else free(child);
    }
    closedir(d);
    if (s->n > first) qsort(s->v + first, s->n - first, sizeof *s->v, by_path_descending);
    return err;
}

/* Call file(r, job) for every file, and for every directory that could not be read, until it returns false. The path is the
   callee's to free. */
static void walk_tree(run *r, bool (*file)(run *, job)) {
    stack s = { NULL, 0, 0 };
    bool regular, dir = is_dir(r->root, DT_UNKNOWN, &regular), more = true;
    size_t length = strlen(r->root);
    char *root = xrealloc(NULL, length + 2);
    memcpy(root, r->root, length + 1);
    if (dir && root[length - 1] != '/') strcpy(root + length, "/");
    push(&s, root, dir);
    int err = dir || regular ? 0 : access(root, F_OK) != 0 ? errno : NOT_A_FILE;
    while (s.n && more) {
        node top = s.v[--s.n];
        if (top.dir) err = push_children(&s, top.path);
        if (!top.dir || err) more = file(r, (job){ top.path, r->next++, err });
        else free(top.path);
        err = 0;
    }
    while (s.n) free(s.v[--s.n].path);
    free(s.v);
}

static bool send_job(run *r, job j) {
    bool slot = false;
    chan_select {
        on_send(r->slots, 0) slot = true;
        on_done(r->ctx) slot = false;
    }
    if (slot) chan_send(r->jobs, j); /* never waits: a slot is room */
    else free(j.path);
    return slot;
}

static void walk(run *r) {
    walk_tree(r, send_job);
    chan_close(r->jobs);
}

/* ---- work: hash files ---- */

/* Hash one file into out, block by block through buf; the path is handed over. */
static void hash(run *r, job j, EVP_MD_CTX *md, unsigned char *buf, result *out) {
    *out = (result){ .path = j.path, .index = j.index, .err = j.err };
    int fd = -1;
    if (out->err == 0 && (fd = open(j.path, O_RDONLY | O_CLOEXEC)) < 0) out->err = errno;
    if (out->err == 0 && !EVP_DigestInit_ex(md, r->md, NULL)) out->err = ENOMEM;
    while (out->err == 0) {
        ssize_t n = read(fd, buf, BLOCK); /* may block the thread: the scheduler then goes on with another */
        if (n == 0) break;
        if (n < 0 && errno != EINTR) out->err = errno;
        if (n > 0) EVP_DigestUpdate(md, buf, (size_t)n), out->bytes += n;
        if (stopping(r)) out->err = ECANCELED;
    }
    if (out->err == 0) EVP_DigestFinal_ex(md, out->sum, &out->length);
    if (fd >= 0) close(fd);
}

static void work(run *r) {
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char *buf = xrealloc(NULL, BLOCK);
    chan_range(j, r->jobs) {
        result *out = xrealloc(NULL, sizeof *out);
        if (stopping(r)) j.err = ECANCELED;
        hash(r, j, md, buf, out);
        chan_send(r->results, out); /* never waits: a slot is room */
    }
    free(buf);
    EVP_MD_CTX_free(md);
}

static void close_results(run *r) { /* when the last worker is done */
    conc_wg_wait(&r->working);
    chan_close(r->results);
}

/* ---- collect: print results in the order of their index ---- */

/* One line as sha256sum prints it: a name with a backslash, newline or carriage return is escaped, and the line says so. */
static void print_line(const result *x) {
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    for (unsigned i = 0; i < x->length; i++) {
        hex[2 * i] = "0123456789abcdef"[x->sum[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[x->sum[i] & 15];
    }
    bool escape = strpbrk(x->path, "\\\n\r") != NULL;
    if (escape) putchar('\\');
    fwrite(hex, 1, 2 * (size_t)x->length, stdout);
    fputs("  ", stdout);
    if (!escape) fputs(x->path, stdout);
    else
        for (const char *p = x->path; *p; p++) {
            if (*p == '\\' || *p == '\n' || *p == '\r') putchar('\\'), putchar(*p == '\n' ? 'n' : *p == '\r' ? 'r' : '\\');
            else putchar(*p);
        }
    putchar('\n');
}

static void report(run *r, const result *x) {
    if (x->err == 0) {
        r->files++, r->bytes += x->bytes;
        print_line(x);
    } else if (x->err != ECANCELED) {
        r->failed++;
        if (r->progress) fputs("\r\033[K", stderr);
        fprintf(stderr, "digest: %s: %s\n", x->path,
            x->err == NOT_A_FILE ? "not a regular file or directory" : strerror(x->err));
    }
}

static void show_progress(run *r) {
    fprintf(stderr, "\r%lld files, %.1f MiB\033[K", (long long)r->files, (double)r->bytes / 1048576);
}

static void collect(run *r) {
    result *waiting[SLOTS] = { NULL }; /* results that came before their turn, by index % SLOTS */
    int64_t turn = 0;
    bool open = true, cut = false; /* cut: a file was left out, so what follows is not printed */
    conc_ticker *ticker = r->progress ? conc_ticker_new(100 * CONC_MS) : NULL;
    recv_chan(int64_t) tick = ticker ? conc_ticker_chan(ticker) : NULL; /* NULL: a case that is never ready */
    while (open) {
        chan_select {
            on_recv(now, tick) show_progress(r);
            on_recv_ok(x, ok, r->results) {
                open = ok;
                if (ok) waiting[x->index % SLOTS] = x;
            }
        }
        for (result *x; (x = waiting[turn % SLOTS]) != NULL; turn++) {
            waiting[turn % SLOTS] = NULL;
            if (x->err == ECANCELED) cut = true;
            if (!cut) report(r, x);
            free(x->path);
            free(x);
            (void)chan_recv(r->slots);
        }
    }
    if (ticker) conc_ticker_free(ticker), fputs("\r\033[K", stderr);
}

/* ---- the same, one file after the other ---- */

static bool hash_and_print(run *r, job j) {
    static unsigned char buf[BLOCK];
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    result x;
    hash(r, j, md, buf, &x);
    EVP_MD_CTX_free(md);
    report(r, &x);
    free(x.path);
    return !stopping(r);
}

/* ---- main ---- */

/* From now on a signal does what it does without this program. */
static void let_go(void *signals) { conc_ctx_free(signals); }

static void digest(run *r) { /* a goroutine; returns when all the others that it started have ended */
    if (r->serial) walk_tree(r, hash_and_print);
    else {
        conc_wg_go(&r->walking, walk, r);
        for (int i = 0; i < r->workers; i++) conc_wg_go(&r->working, work, r);
        conc_wg_go(&r->walking, close_results, r);
        collect(r);
        conc_wg_wait(&r->walking);
    }
    r->stopped = conc_ctx_cause(r->ctx);
}

static void usage(FILE *to) {
    fputs("Usage: digest [-j N] [--timeout SECONDS] [--md5] [--serial] [--stats] [DIRECTORY]\n"
          "Print the SHA-256 of every file under DIRECTORY (default .), sorted by path, as sha256sum does.\n\n"
          "  -j, --jobs N        hash N files at a time (default: twice the processors)\n"
          "  --timeout SECONDS   stop after that time, exit status 124\n"
          "  --md5               MD5 instead, as md5sum does\n"
          "  --serial            one file after the other, for comparison\n"
          "  --stats             say on stderr how much was read and how fast\n", to);
}

static int parse(run *r, int argc, char **argv) { /* -> exit status, -1 to go on */
    enum { MD5 = 256, TIMEOUT, SERIAL, STATS, HELP };
    static const struct option options[] = { { "jobs", required_argument, NULL, 'j' }, { "timeout", required_argument, NULL, TIMEOUT },
        { "md5", no_argument, NULL, MD5 }, { "serial", no_argument, NULL, SERIAL }, { "stats", no_argument, NULL, STATS },
        { "help", no_argument, NULL, HELP }, { NULL, 0, NULL, 0 } };
    const char *name = "SHA256";
    for (int c; (c = getopt_long(argc, argv, "j:", options, NULL)) != -1;) {
        char *end = "";
        double seconds;
        long n;
        switch (c) {
        case 'j':
            n = strtol(optarg, &end, 10);
            if (*end || end == optarg || n < 1) return fprintf(stderr, "digest: -j needs a number above 0, not '%s'\n", optarg), USAGE;
            r->workers = n < SLOTS ? (int)n : SLOTS; /* more could not be busy */
            break;
        case TIMEOUT:
            seconds = strtod(optarg, &end);
            if (*end || end == optarg || !(seconds > 0 && seconds < 1e9))
                return fprintf(stderr, "digest: --timeout needs a number of seconds, not '%s'\n", optarg), USAGE;
            r->timeout = (int64_t)(seconds * 1e9);
            break;
        case MD5: name = "MD5"; break;
        case SERIAL: r->serial = true; break;
        case STATS: r->stats = true; break;
        case HELP: usage(stdout); return 0;
        default: usage(stderr); return USAGE;
        }
    }
    if (argc - optind > 1) return usage(stderr), USAGE;
    r->root = optind < argc && *argv[optind] ? argv[optind] : ".";
    r->md = EVP_MD_fetch(NULL, name, NULL);
    if (r->md == NULL) return fprintf(stderr, "digest: no %s in this OpenSSL\n", name), 1;
    if (r->workers == 0) r->workers = 2 * conc_set_procs(0) < SLOTS ? 2 * conc_set_procs(0) : SLOTS;
    r->progress = !r->serial && isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
    return -1;
}

int main(int argc, char **argv) {
    static run r;
    static char out[1 << 16];
    int status = parse(&r, argc, argv);
    if (status >= 0) return status;
    if (!isatty(STDOUT_FILENO)) setvbuf(stdout, out, _IOFBF, sizeof out);

    r.jobs = chan_make(job, SLOTS);
    r.results = chan_make(result *, SLOTS);
    r.slots = chan_make(char, SLOTS);
    r.signals = conc_ctx_notify(conc_ctx_background(), SIGINT, SIGTERM);
    r.ctx = conc_ctx_with_timeout_cause(r.signals, r.timeout ? r.timeout : CONC_FOREVER, TIMED_OUT);
    conc_ctx_func *first = conc_ctx_after_func(r.signals, let_go, r.signals);

    int64_t start = conc_now();
    conc_run(digest, &r);
    double seconds = (double)(conc_now() - start) / 1e9;

    if (conc_ctx_func_stop(first)) conc_ctx_free(r.signals);
    conc_ctx_free(r.ctx);
    chan_free(r.jobs), chan_free(r.results), chan_free(r.slots);
    EVP_MD_free(r.md);

    if (fflush(stdout) != 0 || ferror(stdout)) perror("digest: write error"), r.failed++;
    if (r.stopped == TIMED_OUT) fprintf(stderr, "digest: stopped after %g seconds\n", (double)r.timeout / 1e9);
    if (r.stats)
        fprintf(stderr, "%lld files, %.1f MiB in %.3f s: %.0f MiB/s\n", (long long)r.files, (double)r.bytes / 1048576, seconds,
            (double)r.bytes / 1048576 / seconds);
    int64_t left = conc_shutdown();
    if (left) fprintf(stderr, "digest: %lld goroutines were left behind\n", (long long)left), r.failed++;
    return r.stopped ? r.stopped : r.failed > 0;
}
