/* The harness: registry, Check (or a runner of forty lines), watchdog, probes, child programs. */
#include "harness.h"
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#ifdef HARNESS_CHECK
#include <check.h>
#endif

extern char **environ;

#define MAX_TESTS 1024
static struct test *tests;
static struct test *chosen[MAX_TESTS];
static int chosen_count;
static struct test *current;
static uint64_t seed;
static char self[4096];
static int64_t work_scale = 100, slow = 1, live_limit = INT64_MAX, stress_time = 300 * CONC_MS;
static int64_t watchdog_seconds;
static bool body_in_goroutine, is_long;

/* What a test's process tells the harness: in memory shared by all of them. */
static struct shared {
    int left_out; /* tests of the whole run that do not apply here */
    bool leave_out; /* the running test is one */
    char text[4000];
} unshared, *shared = &unshared;

static _Atomic int failed;
static _Atomic int64_t parked_on_purpose;

// ---- failures

void harness_fail(const char *file, int line, const char *format, ...) {
    if (atomic_fetch_add(&failed, 1) > 0) return;
    const char *base = strrchr(file, '/');
    int n = snprintf(shared->text, sizeof shared->text, "%s:%d: ", base ? base + 1 : file, line);
    va_list ap;
    va_start(ap, format);
    vsnprintf(shared->text + n, sizeof shared->text - (size_t)n, format, ap);
    va_end(ap);
}

bool harness_eq(const char *file, int line, const char *as, const char *bs, long long a, long long b) {
    if (a != b) harness_fail(file, line, "%s is %lld, %s is %lld", as, a, bs, b);
    return a == b;
}

bool harness_failed(void) { return atomic_load(&failed) != 0; }

void harness_leave_out(const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    vsnprintf(shared->text, sizeof shared->text, format, ap);
    va_end(ap);
    printf("left out: %s: %s\n", current->name, shared->text);
    fflush(stdout);
    shared->leave_out = true;
}

// ---- modes and random numbers

long scale(long n) {
    long k = (long)((int64_t)n * work_scale / 100);
    return k < 1 ? 1 : k;
}
long live(long n) { return n < live_limit ? n : (long)live_limit; }
int64_t limit(int64_t ns) { return ns * slow; }
int64_t cpu_now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * CONC_SEC + t.tv_nsec;
}
int64_t stress_ns(void) { return stress_time; }
bool long_mode(void) { return is_long; }

uint64_t rng_next(struct rng *r) {
    uint64_t z = (r->s += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
unsigned rng_below(struct rng *r, unsigned n) { return (unsigned)((rng_next(r) >> 32) * n >> 32); }
struct rng rng_new(unsigned stream) {
    uint64_t h = seed + stream * UINT64_C(0x2545f4914f6cdd1d);
    for (const char *p = current->name; *p; p++) h = h * 31 + (unsigned char)*p;
    return (struct rng){ h };
}

// ---- watchdog

static struct watchdog {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool on, stop;
    int64_t seconds;
} dog = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static void *dog_main(void *arg) {
    (void)arg;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += dog.seconds;
    pthread_mutex_lock(&dog.mutex);
    int err = 0;
    while (!dog.stop && err == 0) err = pthread_cond_timedwait(&dog.cond, &dog.mutex, &t);
    bool expired = !dog.stop;
    pthread_mutex_unlock(&dog.mutex);
    if (expired) {
        dprintf(2, "watchdog: %s has not ended after %d s; recorded: %s\n", current->name, (int)dog.seconds,
                atomic_load(&failed) ? shared->text : "nothing");
        conc_dump(2);
        abort();
    }
    return NULL;
}

static void dog_start(int64_t seconds) {
    sigset_t all, old;
    dog.seconds = seconds;
    dog.stop = false;
    pthread_cond_init(&dog.cond, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are for the test's threads */
    dog.on = pthread_create(&dog.thread, NULL, dog_main, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void dog_stop(void) {
    if (!dog.on) return;
    pthread_mutex_lock(&dog.mutex);
    dog.stop = true;
    pthread_cond_signal(&dog.cond);
    pthread_mutex_unlock(&dog.mutex);
    pthread_join(dog.thread, NULL);
    pthread_cond_destroy(&dog.cond);
    dog.on = false;
}

// ---- the states of goroutines

char *dump_text(void) {
    int fd = memfd_create("dump", 0);
    if (fd < 0) abort();
    conc_dump(fd);
    off_t n = lseek(fd, 0, SEEK_END);
    char *text = (char *)malloc((size_t)n + 1);
    ssize_t got = pread(fd, text, (size_t)n, 0);
    text[got < 0 ? 0 : got] = 0;
    close(fd);
    return text;
}

/* "goroutine 12 [chan receive, 3 minutes]:" -> id, state; returns what follows, NULL at the end */
static const char *next_goroutine(const char *p, uint64_t *id, char *state, size_t size) {
    static const char head[] = "goroutine ";
    for (; p; p = strchr(p, '\n'), p = p ? p + 1 : p) {
        if (strncmp(p, head, sizeof head - 1) != 0) continue;
        char *end;
        *id = strtoull(p + sizeof head - 1, &end, 10);
        const char *open = strchr(end, '['), *line = strchr(end, '\n');
        if (!open || (line && open > line)) continue;
        size_t n = strcspn(open + 1, ",]\n");
        if (n >= size) n = size - 1;
        memcpy(state, open + 1, n);
        state[n] = 0;
        return open;
    }
    return NULL;
}

static bool is_running(const char *state) { return !strcmp(state, "running") || !strcmp(state, "runnable"); }

bool goroutine_state(uint64_t id, char *state, size_t size) {
    char *text = dump_text();
    uint64_t got;
    bool found = false;
    for (const char *p = text; !found && (p = next_goroutine(p, &got, state, size));) found = got == id;
    free(text);
    return found;
}

int dump_count(int *blocked) {
    char *text = dump_text(), state[80];
    uint64_t id;
    int n = 0, b = 0;
    for (const char *p = text; (p = next_goroutine(p, &id, state, sizeof state)); n++)
        if (!is_running(state)) b++;
    free(text);
    if (blocked) *blocked = b;
    return n;
}

static void let_run(void) {
    conc_yield();
    conc_sleep(CONC_MS / 5); /* a poll of the state above: its pace, not what is waited for */
}
void nap(long ns) {
    struct timespec t = { 0, ns };
    (void)nanosleep(&t, NULL);
}

bool wait_parked(uint64_t id, const char *reason) {
    char state[80] = "";
    for (int64_t end = conc_now() + limit(10 * CONC_SEC); conc_now() < end; let_run())
        if (goroutine_state(id, state, sizeof state) && !is_running(state) && (!reason || !strcmp(state, reason)))
            return true;
    harness_fail(__FILE__, __LINE__, "goroutine %d is [%s], not parked as [%s]", (int)id, state, reason ? reason : "any");
    return false;
}

/* All goroutines are in the dump, all but the caller parked, and this three times running. */
bool settle(void) {
    int rest = conc_id() != 0, blocked = -1, n = 0, good = 0;
    for (int64_t end = conc_now() + limit(10 * CONC_SEC); conc_now() < end; let_run()) {
        n = dump_count(&blocked);
        good = n == conc_num_goroutines() && n - blocked <= rest ? good + 1 : 0;
        if (good == 3) return true;
    }
    harness_fail(__FILE__, __LINE__, "goroutines do not settle: %d exist, the dump shows %d, %d of them blocked",
                 (int)conc_num_goroutines(), n, blocked);
    return false;
}

bool wait_for(conc_atomic(int) *counter, int n) {
    for (int64_t end = conc_now() + limit(10 * CONC_SEC); conc_now() < end; conc_yield())
        if (atomic_load(counter) >= n) return true;
    harness_fail(__FILE__, __LINE__, "a counter is %d, want %d", atomic_load(counter), n);
    return false;
}

bool wait_goroutines(int64_t n) {
    for (int64_t end = conc_now() + limit(10 * CONC_SEC); conc_now() < end; let_run())
        if (conc_num_goroutines() == n) return true;
    harness_fail(__FILE__, __LINE__, "%d goroutines, want %d", (int)conc_num_goroutines(), (int)n);
    return false;
}

void harness_parked(int64_t n) { atomic_fetch_add(&parked_on_purpose, n); }
int64_t body_goroutines(void) { return conc_id() != 0; }

// ---- blocks for ever?

struct probe {
    void (*fn)(void *);
    void *arg;
    _Atomic uint64_t id;
    _Atomic int returned;
    struct probe *next;
};
static struct probe *probes;

static void probe_run(struct probe *p) {
    atomic_store(&p->id, conc_id());
    p->fn(p->arg);
    atomic_store(&p->returned, 1);
}

bool blocks_as(void (*fn)(void *), void *arg, const char *reason) {
    struct probe *p = (struct probe *)calloc(1, sizeof *p);
    p->fn = fn;
    p->arg = arg;
    p->next = probes;
    probes = p;
    conc_go(probe_run, p);
    int64_t end = conc_now() + limit(10 * CONC_SEC);
    while (!atomic_load(&p->id) && conc_now() < end) conc_yield();
    char state[80];
    while (!atomic_load(&p->returned) && conc_now() < end) {
        if (goroutine_state(atomic_load(&p->id), state, sizeof state) && !is_running(state)) {
            bool ok = settle() && !atomic_load(&p->returned);
            if (ok && reason && strcmp(state, reason) != 0) {
                harness_fail(__FILE__, __LINE__, "blocked as [%s], want [%s]", state, reason);
                return false;
            }
            return ok;
        }
        let_run();
    }
    return false;
}

bool blocks_forever(void (*fn)(void *), void *arg) { return blocks_as(fn, arg, NULL); }

static int64_t probes_parked(void) {
    int64_t n = 0;
    for (struct probe *p = probes; p; p = p->next) n += !atomic_load(&p->returned);
    return n;
}
/* At the end of a test. They are kept: what an abandoned goroutine wrote there is ordered before nothing. */
static void probes_drop(void) {
    static struct probe *graves;
    while (probes) {
        struct probe *p = probes;
        probes = p->next;
        p->next = graves;
        graves = p;
    }
}

// ---- child programs

void child_run(struct child *c, const char *program, const char *const *args, const char *const *env) {
    char path[4200];
    const char *argv[16], *emulator = getenv("CONC_TEST_EXEC");
    int n = 0, fd[2];
    snprintf(path, sizeof path, "%s", self);
    if (program) snprintf(strrchr(path, '/') + 1, 64, "%s", program);
    if (emulator) argv[n++] = emulator;
    argv[n++] = path;
    for (; *args; args++) argv[n++] = *args;
    argv[n] = NULL;
    const char *asan = getenv("ASAN_OPTIONS"); /* programs that die in the middle may leave memory behind */
    char options[500];
    snprintf(options, sizeof options, "%s:detect_leaks=0", asan ? asan : "");
    if (HARNESS_ASAN) setenv("ASAN_OPTIONS", options, 1);
    for (; env && *env; env++) putenv((char *)(uintptr_t)*env);

    c->len = 0;
    c->status = -1;
    c->timed_out = false;
    if (pipe2(fd, O_CLOEXEC) != 0) abort();
    posix_spawn_file_actions_t acts;
    posix_spawn_file_actions_init(&acts);
    posix_spawn_file_actions_adddup2(&acts, fd[1], 2);
    pid_t pid;
    int err = emulator ? posix_spawnp(&pid, emulator, &acts, NULL, (char **)(uintptr_t)argv, environ)
                       : posix_spawn(&pid, path, &acts, NULL, (char **)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&acts);
    close(fd[1]);
    if (err) {
        harness_fail(__FILE__, __LINE__, "cannot start %s: %s", path, strerror(err));
        close(fd[0]);
        return;
    }
    int64_t end = conc_now() + limit(20 * CONC_SEC);
    for (;;) {
        struct pollfd p = { fd[0], POLLIN, 0 };
        int64_t left = (end - conc_now()) / CONC_MS;
        if (left <= 0 || poll(&p, 1, (int)left) == 0) {
            c->timed_out = true;
            kill(pid, SIGKILL);
            break;
        }
        char spill[4096];
        bool full = c->len == sizeof c->text - 1;
        ssize_t got = read(fd[0], full ? spill : c->text + c->len, full ? sizeof spill : sizeof c->text - 1 - c->len);
        if (got <= 0) break;
        if (!full) c->len += (size_t)got;
    }
    c->text[c->len] = 0;
    close(fd[0]);
    waitpid(pid, &c->status, 0);
}

bool child_exited(const struct child *c, int status) {
    return !c->timed_out && WIFEXITED(c->status) && WEXITSTATUS(c->status) == status;
}

bool text_has(const char *text, const char *const *texts, const char **missing) {
    for (; *texts; texts++) {
        const char *found = NULL;
        if (**texts == '~') {
            regex_t re;
            regmatch_t m;
            if (regcomp(&re, *texts + 1, REG_EXTENDED | REG_NEWLINE) != 0) abort();
            if (regexec(&re, text, 1, &m, 0) == 0) found = text + m.rm_eo;
            regfree(&re);
        } else if ((found = strstr(text, *texts)))
            found += strlen(*texts);
        if (!found) {
            *missing = *texts;
            return false;
        }
        text = found;
    }
    return true;
}

void expect_crash(const struct child *c, const char *const *texts) {
    const char *missing = "";
    if (c->timed_out) {
        harness_fail(__FILE__, __LINE__, "the child program hangs; it said:\n%.3000s", c->text);
    } else if (!child_exited(c, 2)) {
        harness_fail(__FILE__, __LINE__, "wait status 0x%x, want exit status 2; the child program said:\n%.3000s", (unsigned)c->status,
                     c->text);
    } else if (!text_has(c->text, texts, &missing)) {
        harness_fail(__FILE__, __LINE__, "no \"%s\" (in this place) in:\n%.3000s", missing, c->text);
    }
}

void child_self(struct child *c, const char *name) {
    const char *args[] = { "--crash", name, NULL };
    child_run(c, NULL, args, NULL);
}

void harness_crash_body(void) {
    static struct child c;
    child_self(&c, current->name);
    expect_crash(&c, current->texts);
}

static int crash_main(const char *name) {
    for (struct test *t = tests; t; t = t->next) {
        if (!t->crash || strcmp(t->name, name) != 0) continue;
        current = t;
        t->crash();
        return 0; /* the body should not have come back */
    }
    fprintf(stderr, "no program %s\n", name);
    return 1;
}

// ---- foreign threads

pthread_t thread_start(void *(*fn)(void *), void *arg) {
    pthread_t t;
    int err = pthread_create(&t, NULL, fn, arg);
    if (err) {
        fprintf(stderr, "pthread_create: %s\n", strerror(err));
        abort();
    }
    return t;
}
void thread_join(pthread_t t) { pthread_join(t, NULL); }

// ---- one test

static void body_ended(void *wg) { conc_wg_done((conc_wg *)wg); }
static void body_start(struct test *t, conc_wg *wg) {
    (void)conc_on_exit(body_ended, wg); /* also when REQUIRE leaves by conc_exit */
    t->body();
}

static void end_of_test(void) {
    if (atomic_load(&failed)) { /* what is left is not of interest; do not wait for it */
        dog_stop();
        return;
    }
    int64_t want = -1;
    for (int64_t end = conc_now() + limit(5 * CONC_SEC); conc_now() < end; let_run()) {
        want = probes_parked() + atomic_load(&parked_on_purpose);
        if (conc_num_goroutines() == want) break;
    }
    if (conc_num_goroutines() != want) {
        harness_fail(current->file, current->line, "%d goroutines at the end of the test, want %d",
                     (int)conc_num_goroutines(), (int)want);
        conc_dump(2);
        dog_stop();
        return;
    }
    int64_t left = conc_shutdown(); /* a probe that has just been woken ends meanwhile: count those parked once more */
    want = probes_parked() + atomic_load(&parked_on_purpose);
    if (left != want)
        harness_fail(current->file, current->line, "conc_shutdown reports %d goroutines, want %d", (int)left, (int)want);
    dog_stop();
    probes_drop();
}

static void report(void) {
#ifdef HARNESS_CHECK
    if (atomic_load(&failed)) ck_abort_msg("%s (%d in all)", shared->text, atomic_load(&failed));
#else
    if (atomic_load(&failed)) {
        fflush(stdout);
        fprintf(stderr, "failed: %s: %s (%d in all)\n", current->name, shared->text, atomic_load(&failed));
        _exit(1);
    }
#endif
}

void harness_leave(void) {
    if (conc_id() != 0) conc_exit();
    dog_stop();
    report();
}

static int64_t seconds_of(const struct test *t) {
    if (watchdog_seconds) return watchdog_seconds;
    return (t->seconds ? t->seconds : 30) * slow * (is_long ? 10 : 1) + stress_time / CONC_SEC;
}

static void run_one(struct test *t) {
    current = t;
    atomic_store(&failed, 0);
    atomic_store(&parked_on_purpose, 0);
    shared->leave_out = false;
    if (t->procs) {
        char procs[12];
        snprintf(procs, sizeof procs, "%d", t->procs);
        setenv("CONC_PROCS", procs, 1);
    }
    int64_t begin = conc_now();
    dog_start(seconds_of(t));
    if (body_in_goroutine && !t->os) {
        conc_wg wg = CONC_WG_INIT;
        conc_go_opts opts = { 1 << 20, "test body" };
        conc_wg_add(&wg, 1);
        (void)conc_go_with(opts, body_start, t, &wg);
        conc_wg_wait(&wg);
    } else {
        t->body();
    }
    end_of_test();
    if (shared->leave_out) shared->left_out++;
    if (getenv("CONC_TEST_TIMES")) printf("%7.1f ms %s\n", (double)(conc_now() - begin) / 1e6, t->name);
    report();
}

// ---- the run

void harness_register(struct test *t) {
    struct test **p = &tests;
    for (const struct test *o = tests; o && t->crash; o = o->next)
        if (o->crash && !strcmp(o->name, t->name)) { /* a child process is asked for its body by name alone */
            fprintf(stderr, "%s:%d and %s:%d: two CRASH or CHILD of the name %s\n", o->file, o->line, t->file, t->line, t->name);
            abort();
        }
    while (*p && (strcmp((*p)->file, t->file) < 0 || (!strcmp((*p)->file, t->file) && (*p)->line < t->line))) p = &(*p)->next;
    t->next = *p;
    *p = t;
}

static void full_name(const struct test *t, char *out, size_t size) {
    const char *base = strrchr(t->file, '/');
    base = base ? base + 1 : t->file;
    if (!strncmp(base, "test_", 5)) base += 5;
    snprintf(out, size, "%.*s.%s", (int)strcspn(base, "."), base, t->name);
}

/* patterns: suite, suite.test, with wildcards; -pattern takes away. None: all but the heavy ones. */
static bool is_chosen(const struct test *t, char **patterns, int n) {
    char name[200], with_star[200];
    if (!t->body || (t->native && getenv("CONC_TEST_EXEC"))) return false;
    full_name(t, name, sizeof name);
    bool in = false, any = false;
    for (int i = 0; i < n; i++) {
        bool minus = patterns[i][0] == '-';
        snprintf(with_star, sizeof with_star, strchr(patterns[i], '.') ? "%s" : "%s.*", patterns[i] + minus);
        bool match = fnmatch(with_star, name, 0) == 0;
        any |= !minus;
        if (match) in = !minus;
        if (match && minus) return false;
    }
    return any ? in : !t->heavy;
}

#ifdef HARNESS_CHECK
static void run_indexed(int i) {
    tcase_fn_start(chosen[i]->name, chosen[i]->file, chosen[i]->line);
    run_one(chosen[i]);
}
static int run_all(int *bad) {
    static const TTest entry = { "harness", run_indexed, __FILE__, __LINE__ };
    static char names[MAX_TESTS][100];
    Suite *s = suite_create("conc");
    for (int i = 0; i < chosen_count; i++) {
        full_name(chosen[i], names[i], sizeof names[i]);
        TCase *c = tcase_create(names[i]);
        tcase_set_timeout(c, (double)seconds_of(chosen[i]) + 10);
        tcase_add_loop_test(c, &entry, i, i + 1);
        suite_add_tcase(s, c);
    }
    SRunner *r = srunner_create(s);
    srunner_run_all(r, getenv("CONC_TEST_VERBOSE") ? CK_VERBOSE : CK_NORMAL);
    int n = srunner_ntests_run(r);
    *bad = srunner_ntests_failed(r);
    srunner_free(r);
    return n;
}
#else
static int run_all(int *bad) {
    for (int i = 0; i < chosen_count; i++) {
        int status = 0;
        char name[200];
        full_name(chosen[i], name, sizeof name);
        if (getenv("CONC_TEST_VERBOSE")) printf("%s\n", name);
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
            run_one(chosen[i]);
            exit(0);
        }
        waitpid(pid, &status, 0);
        if (status == 0) continue;
        ++*bad;
        printf("FAILED %s: wait status 0x%x\n", name, (unsigned)status);
    }
    return chosen_count;
}
#endif

static int64_t env_int(const char *name, int64_t otherwise) {
    const char *s = getenv(name);
    return s && *s ? (int64_t)strtoull(s, NULL, 0) : otherwise;
}

int main(int argc, char **argv) {
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n < 0 ? 0 : n] = 0;
    slow = env_int("CONC_TEST_SLOW", HARNESS_TSAN ? 5 : HARNESS_ASAN ? 2 : 1);
    if (argc == 3 && !strcmp(argv[1], "--crash")) return crash_main(argv[2]);

    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    seed = (uint64_t)env_int("CONC_SEED", now.tv_sec * 1000 + now.tv_nsec / 1000000);
    is_long = env_int("CONC_TEST_LONG", 0) != 0;
    work_scale = env_int("CONC_TEST_SCALE", HARNESS_TSAN ? 10 : HARNESS_ASAN ? 25 : 100) * (is_long ? 10 : 1);
    live_limit = env_int("CONC_TEST_LIVE", HARNESS_TSAN ? 1000 : HARNESS_ASAN ? 10000 : INT64_MAX);
    watchdog_seconds = env_int("CONC_TEST_WATCHDOG", 0);
    stress_time = env_int("CONC_TEST_STRESS_MS", is_long ? 5000 : 300) * CONC_MS;
    const char *body = getenv("CONC_TEST_BODY"), *procs = getenv("CONC_PROCS");
    body_in_goroutine = body && !strcmp(body, "goroutine");
    char seed_text[32];
    snprintf(seed_text, sizeof seed_text, "%llu", (unsigned long long)seed);
    setenv("CONC_SEED", seed_text, 1);

    for (struct test *t = tests; t; t = t->next)
        if (chosen_count < MAX_TESTS && is_chosen(t, argv + 1, argc - 1)) chosen[chosen_count++] = t;
    if (getenv("CONC_TEST_LIST")) {
        for (int i = 0; i < chosen_count; i++) {
            char name[200];
            full_name(chosen[i], name, sizeof name);
            puts(name);
        }
        return 0;
    }
    shared = (struct shared *)mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return 1;
    printf("seed %s, procs %s, body on %s, work %d %%\n", seed_text, procs ? procs : "default",
           body_in_goroutine ? "a goroutine" : "an OS thread", (int)work_scale);
    fflush(stdout);
    int bad = 0, ran = run_all(&bad) - shared->left_out;
    printf("%d passed, %d failed\n", ran - bad, bad);
    return bad != 0 || ran == 0;
}
