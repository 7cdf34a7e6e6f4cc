#!/usr/bin/env python3
"""A second conc.h to be explored by the first: derive.py CONC_H OUT [MUTANT]

Every name conc becomes sut; every atomic access, wait, wake, clock reading and thread becomes a call of self.c, which makes it an
operation of the explorer. What is put in place of what is listed here; a text that is no longer found is an error, so that the harness
cannot quietly explore less than it says. MUTANT breaks it on purpose: the harness must notice.
"""
import re
import sys

REPLACE = [  # (what, by what), after the renaming
    # the threads' own variables: those of the explorer's goroutine
    ('static __thread __attribute__((tls_model("initial-exec"))) sut__m *sut__tls_m;', "#define sut__tls_m (*(sut__m **)self_m())"),
    ("static __thread struct sut__thread sut__tls_thread;", "#define sut__tls_thread (*(struct sut__thread *)self_thread(sizeof(struct sut__thread)))"),
    ('    sut__m *m;\n    __asm__ volatile("movq %1, %0" : "=r"(m) : "m"(sut__tls_m));\n    return m;\n', "    return sut__tls_m;\n"),
    # the system
    ("    return syscall(SYS_futex, word, SUT__FUTEX_WAIT_PRIVATE, value, ns < 0 ? NULL : &t, NULL, 0);\n",
     "    (void)t;\n    return self_wait(word, value, ns);\n"),
    ("(void)syscall(SYS_futex, word, SUT__FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);", "self_wake(word);"),
    ("    struct timespec t;\n    (void)clock_gettime(CLOCK_MONOTONIC, &t);\n    return (int64_t)t.tv_sec * SUT_SEC + t.tv_nsec;\n", "    return self_now();\n"),
    ("    __builtin_ia32_pause();\n", "    self_relax();\n"),
    ("(void)syscall(SYS_membarrier, 8 /* PRIVATE_EXPEDITED */, 0, 0);", "self_point(SELF_RMW, &sut__no_membarrier);"),
    ('    DIR *d = opendir("/proc/self/task");\n', "    DIR *d = NULL;\n"),
    ("    if (clock_gettime(sut__ld(&m->clock), &t) != 0) return 0;\n    return (int64_t)t.tv_sec * SUT_SEC + t.tv_nsec;\n",
     "    (void)m, (void)t;\n    return self_now();\n"),
    ("        (void)pthread_atfork(NULL, NULL, sut__fork_child);\n", ""),
    # loops that last until another thread has gone on
    ("(i < 4 ? 4u << i : 64u) && (sut__ld(l) & 1); k++) sut__os_relax();", "(i < 4 ? 4u << i : 64u) && (sut__ld(l) & 1); k++) self_await();"),
    ("    if (i < 1000) sut__os_relax();\n", "    if (i < 1000) self_await();\n"),
    ("        if (i < 200) sut__os_relax();\n", "        if (i < 200) self_await();\n"),
    # loops that only fill time: a turn or two do
    ("for (int i = 0; i < 400; i++) { /* about 10 us", "for (int i = 0; i < 2; i++) { /* about 10 us"),
    ("    int64_t limit = m->spins >= 8 ? 3000 : busy > 1 ? 40000 : 12000;\n", "    int64_t limit = m->spins >= 8 ? 1000 : 3000;\n"),
    ("        for (int i = 0; i < 20 && !sut__ld(&sut__rt.qn); i++) sut__os_relax();\n", "        sut__os_relax();\n"),
]
ATOMICS = re.compile(r"\b__atomic_(load_n|store_n|exchange_n|compare_exchange_n|fetch_add|fetch_sub|fetch_and|fetch_or|add_fetch|sub_fetch)\(")
CALLS = [("pthread_create", "self_create"), ("pthread_join", "self_join"), ("sched_yield", "self_yield"), ("nanosleep", "self_nanosleep")]

MUTANTS = {  # name: (what, by what)
    "a worker's wake-up is lost": ("    else sut__os_wake(&m->wake);\n", "    else if (m->id != 1) sut__os_wake(&m->wake);\n"),
    "nobody is woken for injected work": ("    if (wake && sut__wake_worker()) return;\n", "    if (wake) return;\n"),
    "idle without a last look": ("    if (sut__rt.stop || (sut__rt.qn && p)) {", "    if (sut__rt.stop) {"),
    "a thread that waits with a limit is not woken": ("    sut__st_rel(&t->woken, 1);", "    if (t->counted) sut__st_rel(&t->woken, 1);"),
    "thieves do not look whether the owner is inside": ("        if (sut__ld_acq(&m->in) == 0) return true;", "        return true;"),
    "the first timer is told to nobody": ("    if (sut__likely(when >= sut__ld(&sut__rt.waiter_due))) return;\n", "    return;\n"),
    "an unlock forgets that others wait": ("(uint8_t)sut__mutex_marked(m, s, m->sut__head)", "(uint8_t)sut__mutex_marked(m, s, false)"),
    "a woken waiter stays on its way": ("        if (woken) m->sut__woken = false;\n", ""),
    "a done context leaves its parent too soon": ("    if (first) sut__wake_list(list, false);\n", "    if (first) sut__ctx_detach(c);\n    if (first) sut__wake_list(list, false);\n"),
}


def substitute(text, old, new):
    if old not in text:
        sys.exit(f"derive.py: not found any more, look at the list: {old!r}")
    return text.replace(old, new, 1)


def main():
    with open(sys.argv[1]) as f:
        text = f.read()
    text = re.sub(r"\bconc(?=_)", "sut", re.sub(r"\bCONC(?=_)", "SUT", text))
    text = re.sub(r"\\nconc(?=_)", r"\\nsut", text)  # in assembly
    text = re.sub(r"\bSUT_TEST\b", "SUT_TEST_NONE", text)  # it has no explorer of its own
    for old, new in REPLACE:
        text = substitute(text, old, new)
    head, body = text.split("// >>platform", 1)
    for part in ("head", "body"):
        done = ATOMICS.sub(lambda m: f"self_{m[1]}(", head if part == "head" else body)
        for old, new in CALLS:
            done = re.sub(rf"\b{old}\(", f"{new}(", done)
        head, body = (done, body) if part == "head" else (head, done)
    text = head + "// >>platform" + body
    if len(sys.argv) > 3:
        text = substitute(text, *MUTANTS[sys.argv[3]])
    with open(sys.argv[2], "w") as f:
        f.write(text)


if __name__ == "__main__":
    if sys.argv[1:] == ["--mutants"]:
        print("\n".join(MUTANTS))
    else:
        main()
