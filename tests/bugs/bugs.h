/* bugs.h - how the bugs of this directory are written down.

   BLOCKING(name, group, kind, "what is wrong") { ... }     kernels of the GoKer suite (GoBench, CGO 2021): real bugs of Go programs,
   NONBLOCKING(name, group, kind, "what is wrong") { ... }  reduced to the goroutines that have a part in them. Written afresh from the
                                                            descriptions of the bugs
   CLASSIC(name, group, kind, "what is wrong") { ... }      small bugs that everybody knows

   The body sees `bool mended`: false runs the bug, true its mended twin, so that what differs between them can be read off. kind is the
   failure that the explorer must report for the bug; for the twin it must report none. What a body makes is gone when its schedule
   ends (see >>testing in conc.h), so nothing is freed here. tests/test_bugs.c includes these files and runs them all. */
#ifndef BUGS_H
#define BUGS_H
#include "../harness.h"

enum bug_suite { BUG_BLOCKING, BUG_NONBLOCKING, BUG_CLASSIC };
struct bug {
    enum bug_suite suite;
    const char *name, *group, *what;
    void (*fn)(void *arg); /* arg NULL: the bug, else its mended twin */
    conc_fail_kind kind;
    struct bug *next;
};
static struct bug *bugs, **bugs_end = &bugs; /* in the order in which they are written */
static void bug_enter(struct bug *b) {
    *bugs_end = b;
    bugs_end = &b->next;
}

#define BUG(suite_, name_, group_, kind_, what_)                                                       \
    static void name_##_body(bool mended);                                                             \
    static void name_(void *arg) { name_##_body(arg != NULL); }                                        \
    static struct bug name_##_entry = { suite_, #name_, group_, what_, name_, kind_, NULL };           \
    __attribute__((constructor)) static void name_##_enter(void) { bug_enter(&name_##_entry); }        \
    static void name_##_body(bool mended)
#define BLOCKING(name, group, kind, what) BUG(BUG_BLOCKING, name, group, CONC_FAIL_##kind, what)
#define NONBLOCKING(name, group, kind, what) BUG(BUG_NONBLOCKING, name, group, CONC_FAIL_##kind, what)
#define CLASSIC(name, group, kind, what) BUG(BUG_CLASSIC, name, group, CONC_FAIL_##kind, what)

/* State of a body: zero when it begins, and still there for goroutines that outlive it. All of conc.h's locks are valid when zero. */
#define FRESH(type, v) \
    static type v;     \
    memset(&v, 0, sizeof v)

/* Locked and unlocked again: all that a kernel keeps of a critical section whose inside has no part in the bug. */
static void pass(conc_mutex *m) {
    conc_mutex_lock(m);
    conc_mutex_unlock(m);
}
static void pass_write(conc_rwmutex *rw) {
    conc_rwmutex_lock(rw);
    conc_rwmutex_unlock(rw);
}
static void pass_read(conc_rwmutex *rw) {
    conc_rwmutex_rlock(rw);
    conc_rwmutex_runlock(rw);
}
#endif
