/* fault.h - an error that says what, where, and because of what. Error propagation across layers. For conc.h; copy this file beside it.

   Problem: -5 has come up through six functions and two goroutines. The user wants to know what it means for him; whoever reads the log
   wants to know where it began, what everybody on the way was trying, and which line in the log belongs to which complaint.

       open_config: "cannot read settings"   ENOENT   config.c:40, goroutine 7      fault_new
         ^ cause
       start_job:   "cannot start the job"   JOB_FAILED   job.c:12, goroutine 3     fault_wrap: its layer's words, the other's cause
         |
         |---> fault_user:  "cannot start the job [4f2a81c09d3e7b65]"               to the user: the outermost words and the number
         '---> fault_log:   all of it, one line for each                            to the log: the same number

     struct fault *f = open_config(path);                       // NULL: success
     if (f != NULL) return fault_wrap(f, JOB_FAILED, "cannot start job %d", id);
     ...
     if (fault_is(f, ENOENT)) ...                               // is this anywhere in the chain?
     fault_log(f, STDERR_FILENO), puts(fault_user(f, line, sizeof line)), fault_free(f);

   Goroutines: none. A fault is a value: return it, send it through a chan(struct fault *), keep it; it never changes once made.

   Cancel: nothing waits. Error: no memory for a fault is no reason to lose the error: fault_new then gives a static one that says so, with
   code CONC_NO_MEMORY, and fault_wrap gives back what it was to wrap. A consumer that walks away must free what is in
   the channel, as with any pointer.

   Who owns what: whoever has the pointer has the fault with its causes, and frees it once, with fault_free. fault_wrap takes its cause.
   Texts are copied. Any goroutine or thread may use one, one at a time.

   Source: the error type of "Concurrency in Go", chapter 5 (cause, message, place, an id that joins the user's message with the log; errors
   are wrapped where they cross from one module to another); fmt.Errorf's %w and errors.Is. */
#ifndef FAULT_H
#define FAULT_H

#include "conc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fault { /* read it, never write it */
    int code;            /* the int of all patterns: a conc_status, -errno, your own; not 0 */
    struct fault *cause; /* NULL: it began here */
    uint64_t id;         /* the whole chain's: what the user is told and the log says */
    int64_t when;        /* conc_now() */
    uint64_t goroutine;  /* conc_id(): 0 on an OS thread */
    const char *func, *file;
    int line;
    const char *message; /* never NULL */
};

/* A number for a chain that no other process and no other fault is likely to have: chance, the clock, and where we are in memory. */
static inline uint64_t fault__id(void) {
    static uint64_t last;
    uint64_t x = __atomic_add_fetch(&last, UINT64_C(0x9e3779b97f4a7c15), __ATOMIC_RELAXED); /* splitmix64, Steele et al. 2014 */
    x ^= (uint64_t)conc_now() ^ (uint64_t)(uintptr_t)&last << 20 ^ (uint64_t)getpid() << 44;
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (x ^ x >> 31) | 1; /* 0 is the static one's */
}

static inline struct fault *fault__no_memory(void) {
    static struct fault none = { CONC_NO_MEMORY, NULL, 0, 0, 0, "", "", 0, "out of memory" };
    return &none;
}

__attribute__((format(printf, 6, 7)))
static inline struct fault *fault__make(const char *func, const char *file, int line, struct fault *cause, int code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    size_t size = n > 0 ? (size_t)n + 1 : 1;
    struct fault *f = (struct fault *)malloc(sizeof *f + size);
    if (f == NULL) return cause != NULL ? cause : fault__no_memory();
    char *text = (char *)(f + 1);
    text[0] = '\0';
    va_start(args, format);
    (void)vsnprintf(text, size, format, args);
    va_end(args);
    f->code = code;
    f->cause = cause;
    f->id = cause != NULL ? cause->id : fault__id();
    f->when = conc_now();
    f->goroutine = conc_id();
    f->func = func;
    f->file = file;
    f->line = line;
    f->message = text;
    return f;
}

/* fault_new(code, format, ...)           a fault that begins here; never NULL. The place is where this is written
   fault_wrap(cause, code, format, ...)   this layer's words about a fault of the layer below; cause is taken. NULL stays NULL, and nothing is
                                          formatted: return fault_wrap(next(), ...) is good for success, too */
#define fault_new(code, ...) fault__make(__func__, __FILE__, __LINE__, NULL, (code), __VA_ARGS__)
#define fault_wrap(cause, ...) FAULT__WRAP(FAULT__CAT(fault__, __COUNTER__), cause, __VA_ARGS__)
#define FAULT__CAT(a, b) FAULT__CAT_(a, b)
#define FAULT__CAT_(a, b) a##b
#define FAULT__WRAP(f, cause, ...) __extension__({ \
    struct fault *f = (cause); \
    f != NULL ? fault__make(__func__, __FILE__, __LINE__, f, __VA_ARGS__) : (struct fault *)NULL; })

/* Free a fault and its causes. NULL is allowed. */
static inline void fault_free(struct fault *f) {
    while (f != NULL && f->id != 0) { /* 0: the static one, of which each file has its own */
        struct fault *cause = f->cause;
        free(f);
        f = cause;
    }
}

/* The outermost code; 0: f is NULL, which is success. */
static inline int fault_code(const struct fault *f) { return f != NULL ? f->code : 0; }

/* Is this the code of the fault or of one of its causes? The outermost such; NULL: no. */
static inline const struct fault *fault_is(const struct fault *f, int code) {
    while (f != NULL && f->code != code) f = f->cause;
    return f;
}

/* Where it began: the innermost cause. */
static inline const struct fault *fault_root(const struct fault *f) {
    while (f != NULL && f->cause != NULL) f = f->cause;
    return f;
}

/* What the user is told: the outermost message and the number to quote, cut to size - 1 bytes. Returns buf. */
static inline const char *fault_user(const struct fault *f, char *buf, size_t size) {
    (void)snprintf(buf, size, "%s [%016llx]", f->message, (unsigned long long)f->id);
    return buf;
}

/* What the log is told: a line for each, outermost first, to a file descriptor, each in one write so that goroutines do not mix lines. */
static inline void fault_log(const struct fault *f, int fd) {
    char line[1024];
    for (const char *why = ""; f != NULL; f = f->cause, why = "because ") {
        int n = snprintf(line, sizeof line - 1, "[%016llx] %s%s (%d) at %s, %s:%d, goroutine %llu", (unsigned long long)f->id, why, f->message,
                         f->code, f->func, f->file, f->line, (unsigned long long)f->goroutine);
        size_t len = n < 0 ? 0 : (size_t)n < sizeof line - 1 ? (size_t)n : sizeof line - 2;
        line[len] = '\n';
        if (conc_write(fd, line, len + 1) < 0) return; /* there is nobody left to tell */
    }
}

#endif
