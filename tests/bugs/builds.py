#!/usr/bin/env python3
"""Other builds of conc.h under the explorer's tests (test_explorer.c, test_bugs.c); the last line is "N passed, N failed".

  builds    the same seed gives the same token and the same interleaving with gcc and clang, at -O0 and at -O2, and whether the priorities of
            POS and PCT are in a tree from the beginning (CONC__SCAN=0) or not: bugs.tokens is compared
  mutants   a conc.h with a mistake in one of its primitives, made here in a copy, must fail these tests

  builds.py [--long]    long: more builds; otherwise gcc -O0 against clang -O2 with the tree
Programs go to build/tests/builds, or to builds in the directory that CONC_TEST_OUT names.
"""
import concurrent.futures as futures
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
ROOT = os.path.dirname(TESTS)
OUT = os.path.join(os.environ.get("CONC_TEST_OUT") or os.path.join(ROOT, "build", "tests"), "builds")
SUITES = ["conc_impl.c", "harness.c", "test_bugs.c", "test_explorer.c"]

# name, what is wrong, and (function, text in it, what is there instead), each text exactly once in its function
MUTANTS = [
    ("signal_lost", "cond_signal takes a waiter out of the queue and does not wake it",
     [("conc_cond_signal", "if (who) conc__ready(who, true);", "(void)who;")]),
    ("broadcast_one", "cond_broadcast wakes the first only",
     [("conc_cond_broadcast", "conc__wake_list(list, true);", "if (list) list->next = NULL; conc__wake_list(list, true);")]),
    ("close_silent", "closing a channel wakes nobody",
     [("conc__chan_close", "conc__wake_list(list, true);", "(void)list;")]),
    ("last_come", "queues are served last come, first served",
     [("conc__q_put", "first->prev = w;", "first->prev = w; conc__st(q, w);")]),
    ("select_first", "a select takes the first ready case, always",
     [("conc__sel_draw", "int k = *n > 1 &&", "int k = false &&")]),
    ("readers_first", "a waiting writer does not keep new readers out",
     [("conc_rwmutex_rlock", "conc__rlock_slow(rw);", "{ if (rw->conc__writer) rw->conc__wait++; else conc__rlock_slow(rw); }"),
      ("conc__enabled", "->conc__readers >= 0;", "->conc__readers >= 0 || ((const conc_rwmutex *)obj)->conc__writer;")]),
    ("release_silent", "sem_release serves nobody",
     [("conc_sem_release", "conc__wake_list(list, false);", "(void)list;")]),
    ("timer_stopped", "stopping a timer always says that it was stopped in time",
     [("conc_timer_stop", "return ", "return true || ")]),
]


def run(command, env=None, seconds=600):
    try:
        p = subprocess.run(command, cwd=ROOT, env={**os.environ, **(env or {})}, capture_output=True, text=True, errors="replace", timeout=seconds)
        return p.returncode, p.stdout + p.stderr
    except subprocess.TimeoutExpired:
        return None, f"{command[0]}: not done after {seconds} s"


def compile_one(compiler, flags, source, target, include):
    return run([compiler, "-std=c11", "-g", "-DCONC_TEST", *flags, *[f"-I{i}" for i in include], "-c", source, "-o", target], seconds=1200)


def link(compiler, flags, objects, target):
    return run([compiler, *flags, *objects, "-o", target, "-pthread", "-lm"])


def build(pool, name, compiler, flags):
    """Compile all into OUT/name; -> a function that waits, links and gives (program, "" or what went wrong)."""
    where = os.path.join(OUT, name)
    os.makedirs(where, exist_ok=True)
    objects = [os.path.join(where, f[:-2] + ".o") for f in SUITES]
    jobs = [pool.submit(compile_one, compiler, flags, os.path.join(TESTS, f), o, [ROOT]) for f, o in zip(SUITES, objects)]

    def finish():
        for status, text in [j.result() for j in jobs]:
            if status != 0:
                return None, text
        program = os.path.join(where, "explorer")
        status, text = link(compiler, flags, objects, program)
        return (program, "") if status == 0 else (None, text)

    return finish


def mutate(source, changes):
    """conc.h with the changes, each within the definition of its function."""
    for function, text, instead in changes:
        at = re.search(r"^(?:CONC_API|CONC__FN|CONC__INLINE|CONC__NOINLINE)[^;{}]*\b" + function + r"\([^;{}]*\) \{\n", source, re.M)
        if not at:
            return None
        end = source.index("\n}\n", at.end())
        body = source[at.end():end]
        if body.count(text) != 1:
            return None
        source = source[:at.end()] + body.replace(text, instead) + source[end:]
    return source


def try_mutant(name, changes, objects, source):
    """-> "" if the tests catch it, else why not."""
    mutant = mutate(source, changes)
    if mutant is None:
        return "its place is no longer in conc.h: bring MUTANTS up to date"
    where = os.path.join(OUT, "mutant_" + name)
    os.makedirs(where, exist_ok=True)
    with open(os.path.join(where, "conc.h"), "w") as f:
        f.write(mutant)
    impl, program = os.path.join(where, "conc_impl.o"), os.path.join(where, "explorer")
    status, text = compile_one("gcc", ["-O0", "-w"], os.path.join(TESTS, "conc_impl.c"), impl, [where, ROOT])
    if status == 0:
        status, text = link("gcc", [], [impl, *objects], program)
    if status != 0:
        return text
    status, text = run([program, "explorer", "bugs.found_and_repeated", "bugs.twins_never_fail"])
    if status is None:
        return text
    caught = re.findall(r"^FAILED (\S+?):", text, re.M)
    print(f"{name}: caught by {', '.join(caught)}" if caught else f"{name}: not caught", flush=True)
    return "" if caught else "all tests pass"


def main():
    long = "--long" in sys.argv[1:]
    wanted = [("gcc-O0", "gcc", ["-O0"]), ("clang-O2-tree", "clang", ["-O2", "-DCONC__SCAN=0"])]
    if long:
        wanted += [("gcc-O2", "gcc", ["-O2"]), ("clang-O2", "clang", ["-O2"]), ("clang-O0", "clang", ["-O0"]), ("gcc-O3", "gcc", ["-O3"])]
    passed = failed = skipped = 0
    pool = futures.ThreadPoolExecutor(os.cpu_count() or 2)
    builds = []
    for name, compiler, flags in wanted:
        if shutil.which(compiler):
            builds.append((name, build(pool, name, compiler, flags)))
        else:
            print(f"{name}: skipped: no {compiler}")
            skipped += 1

    first = None
    for name, finish in builds:
        program, text = finish()
        status, text = run([program, "bugs.tokens"]) if program else (1, text)
        tokens = re.findall(r"^token .*$", text, re.M)
        good = status == 0 and len(tokens) > 0 and (first is None or tokens == first)
        if not good:
            differing = [f"{a} | {b}" for a, b in zip(first or [], tokens) if a != b][:5]
            print(f"{name}: failed: {len(tokens)} tokens\n" + "\n".join(differing or [text[-2000:]]))
        first = first or tokens
        passed, failed = passed + good, failed + (not good)

    objects = [os.path.join(OUT, "gcc-O0", f[:-2] + ".o") for f in SUITES if f != "conc_impl.c"]
    with open(os.path.join(ROOT, "conc.h")) as f:
        source = f.read()
    jobs = [(name, pool.submit(try_mutant, name, changes, objects, source)) for name, _, changes in MUTANTS]
    for (name, what, _), (_, job) in zip(MUTANTS, jobs):
        why = job.result()
        if why:
            print(f"mutant {name} ({what}): failed: {why[-2000:]}")
        passed, failed = passed + (not why), failed + bool(why)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
