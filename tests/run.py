#!/usr/bin/env python3
"""Build and run the tests of conc.h in all configurations; the last line is "N passed, N failed[, N skipped]".

  run.py                  what `make test` runs
  run.py --long           what `make check` runs: every configuration at 1, 2, 4 and 8 processors, long mode, 20 rounds
  run.py --every --only asan,tsan --rounds 20    at 1, 2, 4 and 8 processors, without the long mode
  run.py --soak SECONDS   stress only, for so long, plain and under the sanitizers
  run.py --only NAMES     some configurations (plain,one-process,debug,clang,asan,tsan,explorer,portable,valgrind,aarch64,million,macros,docs,self,
                          frameworks, instrumented: ordinary C11 under the explorer, see tests/instrumented.sh;
                          models: protocols of conc.h as Promela models, see tests/models;
                          servers: the servers of examples/ with clients of their kinds, see tests/servers)
  run.py --tests PATTERN  some tests (suite, suite.test, with wildcards, -pattern to leave out; may be given again)
  run.py --only builds    the explorer's tests with other compilers, and with mistakes in conc.h: tests/bugs/builds.py

Programs go to build/tests/CONFIGURATION/, their output to build/tests/log/. CONC_TEST_OUT=dir puts
them elsewhere (two runs at a time must not share one). An option after -- goes to every compiler.
"""
import argparse
import concurrent.futures as futures
import glob
import os
import re
import shutil
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
OUT = os.environ.get("CONC_TEST_OUT") or os.path.join(ROOT, "build", "tests")
LOG = os.path.join(OUT, "log")
C_FILES = ["conc_impl.c", "harness.c"] + sorted(
    f for f in os.listdir(HERE) if re.match(r"(test|stress)_.*\.c$", f))
WARN = ["-Wall", "-Wextra"]
CLOSING = re.compile(r"(?:^|: )(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")
# Suites whose tests need the kernel's or the machine's own speed, for the slow tools' reduced runs
SLOW_SUITES = ["chan", "select", "sync", "time", "ctx", "scope", "sched", "pattern_*", "stress_*"]


class Config:
    """One way of compiling: a C compiler, perhaps a C++ compiler, flags; and how its programs are run."""

    def __init__(self, name, cc, cxx, flags, env=None, prefix=(), check=True, needs=()):
        self.name, self.cc, self.cxx, self.flags = name, cc, cxx, flags
        self.env, self.prefix, self.check = env or {}, list(prefix), check
        self.needs = [cc] + list(needs)
        self.dir = os.path.join(OUT, name)
        self.built = None

    def missing(self):
        return [tool for tool in self.needs if shutil.which(tool.split()[0]) is None]


CONFIGS = {c.name: c for c in [
    Config("plain", "gcc", "g++", ["-O2", "-g"]),
    Config("debug", "gcc", None, ["-O0", "-g", "-DCONC_DEBUG=2"]),
    Config("clang", "clang", "clang++", ["-O2", "-g"]),
    Config("asan", "gcc", "g++", ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined",
                                  "-fno-sanitize-recover=undefined"],
           env={"ASAN_OPTIONS": "detect_stack_use_after_return=0:abort_on_error=0"}),
    Config("tsan", "gcc", "g++", ["-O1", "-g", "-fsanitize=thread"],
           # the tool sleeps a second at exit, and the tests of fatal errors are a hundred child programs
           env={"TSAN_OPTIONS": "halt_on_error=1:history_size=4:report_thread_leaks=0:atexit_sleep_ms=20", "CONC_TEST_STRESS_MS": "500"}),
    Config("portable", "gcc", "g++", ["-O2", "-g", "-DCONC_PORTABLE"]), # nothing but POSIX below >>os
    Config("explorer", "gcc", "g++", ["-O2", "-g", "-DCONC_TEST"]),
    Config("valgrind", "gcc", None, ["-O1", "-g"],
           env={"CONC_TEST_SCALE": "2", "CONC_TEST_LIVE": "100", "CONC_TEST_SLOW": "20", "CONC_TEST_STRESS_MS": "1000"},
           prefix=["valgrind", "-q", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite",
                   "--fair-sched=yes", "--max-threads=2000"], needs=["valgrind"]),
    Config("aarch64", "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-g++", ["-O2", "-g", "-static", "-DHARNESS_STATIC"],
           env={"CONC_TEST_SCALE": "10", "CONC_TEST_LIVE": "2000", "CONC_TEST_SLOW": "10", "CONC_TEST_EXEC": "qemu-aarch64"},
           prefix=["qemu-aarch64"], check=False, needs=["qemu-aarch64"]),
]}


class Totals:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.lock = threading.Lock()
        self.bad = []

    def add(self, name, passed, failed, skipped, seconds, text):
        with self.lock:
            self.passed, self.failed, self.skipped = self.passed + passed, self.failed + failed, self.skipped + skipped
            more = f", {skipped} skipped" if skipped else ""
            print(f"{name}: {passed} passed, {failed} failed{more} ({seconds:.1f} s)", flush=True)
            if failed:
                self.bad.append(name)
                print(indent(interesting(text)), flush=True)

    def skip(self, name, why):
        with self.lock:
            self.skipped += 1
            print(f"{name}: skipped: {why}", flush=True)


TOTAL = Totals()


def indent(text):
    return "".join("    " + line + "\n" for line in text.splitlines())


def interesting(text):
    """The lines of a failed run that say what failed: the head of each report, at most 60 lines."""
    lines = [l for l in text.splitlines() if l.strip()]
    marks = [i for i, l in enumerate(lines) if re.search(
        r":[FE]:|FAIL|failed:|watchdog|panic:|fatal error|ERROR: |WARNING: |runtime error|error:|==\d+== [A-Z]", l)]
    keep = sorted({j for i in marks for j in range(i, min(i + 4, len(lines)))})[:60]
    return "\n".join(lines[j] for j in keep) if keep else "\n".join(lines[-20:])


def check_flags(config):
    """Compiler and linker flags for Check, or None: then the harness runs the tests by itself."""
    if not config.check or not shutil.which("pkg-config"):
        return None
    got = subprocess.run(["pkg-config", "--cflags", "--libs", "check"], capture_output=True, text=True)
    return got.stdout.split() if got.returncode == 0 else None


def run_quiet(command, log):
    with open(log, "a") as f:
        f.write(" ".join(command) + "\n")
        f.flush()
        return subprocess.run(command, stdout=f, stderr=f, stdin=subprocess.DEVNULL, cwd=ROOT).returncode == 0


def newest(files):
    return max(os.path.getmtime(f) for f in files)


def build(config, pool, extra):
    """Start compiling; the result is a list of futures, and config.built() links when they are done."""
    os.makedirs(config.dir, exist_ok=True)
    log = os.path.join(LOG, f"build-{config.name}.txt")
    open(log, "w").close()
    for program in ("conctest", "conctest_cpp", "prog_main"):  # never run those of an earlier build
        path = os.path.join(config.dir, program)
        if os.path.exists(path):
            os.remove(path)
    headers = [os.path.join(ROOT, "conc.h"), os.path.join(HERE, "harness.h"), os.path.abspath(__file__),
               *glob.glob(os.path.join(ROOT, "patterns", "*.h")), *glob.glob(os.path.join(HERE, "bugs", "*"))]
    check = check_flags(config)
    define = ["-DHARNESS_CHECK"] if check else []
    include = ["-I."] + (["-isystem", "/usr/include/stb"] if config.name == "aarch64" else [])
    jobs, objects = [], {"c": [], "cc": []}

    def compile_one(compiler, std, source, target, more=()):
        if os.path.exists(target) and os.path.getmtime(target) > newest(headers + [os.path.join(ROOT, source)]) and not extra:
            return True
        return run_quiet([*compiler.split(), std, *WARN, *config.flags, *define, *extra, *include, *more, "-c", source, "-o",
                          target], log)

    for f in C_FILES:
        target = os.path.join(config.dir, f[:-2] + ".o")
        objects["c"].append(target)
        jobs.append(pool.submit(compile_one, config.cc, "-std=c11", "tests/" + f, target))
    main = os.path.join(config.dir, "prog_main.o")
    jobs.append(pool.submit(compile_one, config.cc, "-std=c11", "tests/prog_main.c", main))
    cxx = config.cxx if config.cxx and shutil.which(config.cxx.split()[0]) else None
    if cxx:
        for f, more in (("test_cpp.cc", ()), ("conc_impl.c", ("-x", "c++"))):  # the implementation by the C++ compiler
            target = os.path.join(config.dir, "cpp_" + f + ".o")
            objects["cc"].append(target)
            jobs.append(pool.submit(compile_one, cxx, "-std=c++20", "tests/" + f, target, more))
        objects["cc"].append(os.path.join(config.dir, "harness.o"))
    libs = [*(check or []), "-pthread", "-lm"]

    def link():
        good = all(j.result() for j in jobs)
        good = good and run_quiet([*config.cc.split(), *config.flags, *objects["c"], "-o", os.path.join(config.dir, "conctest"),
                                   *libs], log)
        good = good and run_quiet([*config.cc.split(), *config.flags, main, "-o", os.path.join(config.dir, "prog_main"),
                                   "-pthread"], log)
        if good and cxx:
            good = run_quiet([*cxx.split(), *config.flags, *objects["cc"], "-o", os.path.join(config.dir, "conctest_cpp"), *libs],
                             log)
        text = open(log).read()
        # static glibc's linker minds conc_getaddrinfo, which looks names up by shared libraries; that is so, and meant
        if good and "warning:" in re.sub(r".*warning: Using 'getaddrinfo' in statically linked.*", "", text):
            good = False  # the tests, and conc.h in them, compile without a warning
        return good, text, bool(cxx)

    config.built = link


def run(name, config, program, patterns, env, seconds):
    """Run one test program and count what its last line says."""
    log = os.path.join(LOG, name.replace("/", "-").replace(" ", "-") + ".txt")
    full = dict(os.environ)
    full.update(config.env if config else {})
    full.update(env)
    command = [*(config.prefix if config else []), program, *patterns]
    begin = time.monotonic()
    with open(log, "w") as f:
        p = subprocess.Popen(command, stdout=f, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=full, cwd=ROOT,
                             start_new_session=True)
        try:
            p.wait(seconds)
            status = p.returncode
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, 9)
            p.wait()
            status = "timeout"
    text = open(log, errors="replace").read()
    took = time.monotonic() - begin
    closing = None
    for line in reversed(text.splitlines()):
        closing = CLOSING.search(line.strip())
        if closing:
            break
    if not closing:
        TOTAL.add(name, 0, 1, 0, took, text + f"\n{name}: failed: no closing line, status {status}, see {log}")
        return
    passed, failed, skipped = int(closing[1]), int(closing[2]), int(closing[3] or 0)
    if status != 0 and failed == 0:
        failed = 1
        text += f"\n{name}: failed: exit status {status}"
    TOTAL.add(name, passed, failed, skipped, took, text)
    shown = r"goroutines|sleeps" if "million" in name else r"^measured: "
    print(indent("\n".join(l for l in text.splitlines() if re.search(shown, l))), end="", flush=True)


def plan(args):
    """The runs: (configuration, label, patterns, environment, seconds, C++ too)."""
    runs = []
    body = {"CONC_TEST_BODY": "goroutine"}
    long = {"CONC_TEST_LONG": "1"} if args.long else {}
    allowed = 7200 if args.long else 900  # each test has a watchdog of its own; a slow machine needs minutes for ThreadSanitizer

    def add(config, label, patterns=(), env=None, cpp=True, seconds=allowed):
        runs.append((config, label, list(patterns), {**long, **(env or {})}, seconds, cpp))

    def matrix(config, procs, patterns=(), cpp=True):
        for n in procs:
            goroutine = n in (2, 8)
            add(config, f"procs {n}" + (", in goroutines" if goroutine else ""), patterns,
                {"CONC_PROCS": str(n), **(body if goroutine else {})}, cpp)

    every = [1, 2, 4, 8]
    wide = args.long or args.every
    matrix("plain", every)
    add("one-process", "procs 4", (), {"CONC_PROCS": "4", "CK_FORK": "no"}, False)
    matrix("debug", every if wide else [4])
    matrix("clang", every if wide else [2])
    matrix("asan", every if wide else [4])
    matrix("tsan", every if wide else [4])
    matrix("explorer", every if wide else [4]) # everything, with the explorer's hooks in place
    matrix("portable", every if wide else [2])
    for suite in SLOW_SUITES:
        matrix("valgrind", every if wide else [2], [suite], False)
    matrix("aarch64", every if wide else [2], SLOW_SUITES + ["crash"])
    add("million", "", ["million"], {}, False, 1800)  # 4 GiB of fresh pages, which some hosts take a minute to give
    return [r for r in runs if not args.only or r[0] in args.only]


def base_config(name):
    return CONFIGS["plain" if name in ("one-process", "million") else name]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--long", action="store_true")
    p.add_argument("--every", action="store_true")
    p.add_argument("--soak", type=int, metavar="SECONDS")
    p.add_argument("--rounds", type=int)
    p.add_argument("--only", type=lambda s: s.split(","))
    p.add_argument("--tests", action="append", default=[])
    p.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    p.add_argument("extra", nargs="*", help="compiler options, after --")
    args = p.parse_args()
    os.makedirs(LOG, exist_ok=True)
    begin = time.monotonic()

    runs = plan(args)
    if args.soak:
        each = str(args.soak * 1000 // 15)  # five stress tests in three configurations
        runs = [(c, "soak", ["stress_*"], {"CONC_TEST_STRESS_MS": each, "CONC_TEST_WATCHDOG": str(args.soak + 120)},
                 args.soak + 600, False) for c in ("plain", "asan", "tsan") if not args.only or c in args.only]
    pool = futures.ThreadPoolExecutor(args.jobs)
    wanted = []
    for name in dict.fromkeys(r[0] for r in runs):
        config = base_config(name)
        missing = config.missing()
        if missing:
            TOTAL.skip(name, "no " + ", no ".join(missing) + " (make deps)")
            runs = [r for r in runs if r[0] != name]
        elif config not in wanted:
            wanted.append(config)
            build(config, pool, args.extra)

    scripts = []
    if not args.soak:
        for name, path in (("macros", "tests/macros/run.sh"), ("docs", "tests/docs.sh"), ("self", "tests/self/run.sh"),
                           ("instrumented", "tests/instrumented.sh"), ("models", "tests/models/run.sh"),
                           ("frameworks", "tests/frameworks/run.sh")):
            if args.only and name not in args.only:
                continue
            if os.path.exists(os.path.join(ROOT, path)):
                scripts.append((name, ["bash", path] + ["20000"] * (args.long and name == "self"), 1800))
            else:
                TOTAL.skip(name, f"no {path}")
        if not args.only or "servers" in args.only:
            for path in sorted(glob.glob(os.path.join(HERE, "servers", "*.py"))):
                name = "servers " + os.path.basename(path)[:-3]
                scripts.append((name, [sys.executable, path] + ["--long"] * args.long, 7200 if args.long else 600))
        if not args.only or "builds" in args.only:
            path = os.path.join(HERE, "bugs", "builds.py")
            scripts.append(("builds", [sys.executable, path] + ["--long"] * args.long, 7200 if args.long else 1800))

    results = {}
    for config in wanted:
        good, text, cxx = config.built()
        results[config.name] = good, cxx
        if not good:
            TOTAL.add(f"{config.name}: build", 0, 1, 0, time.monotonic() - begin, text)
    print(f"built {', '.join(c.name for c in wanted) or 'nothing'} in {time.monotonic() - begin:.0f} s", flush=True)

    rounds = args.rounds or (20 if args.long else 1)
    for r in range(rounds):
        seed = {"CONC_SEED": os.environ["CONC_SEED"]} if "CONC_SEED" in os.environ else {}
        for name, label, patterns, env, seconds, cpp in runs:
            config = base_config(name)
            good, cxx = results[config.name]
            if not good and not os.path.exists(os.path.join(config.dir, "conctest")):
                continue
            title = " ".join([name, label] + (patterns if name == "valgrind" else [])).strip()
            if rounds > 1:
                title += f", round {r + 1}"
            chosen = args.tests or patterns
            run(title, config, os.path.join(config.dir, "conctest"), chosen, {**env, **seed}, seconds)
            if cpp and cxx and not args.tests:
                run(f"{title}, C++", config, os.path.join(config.dir, "conctest_cpp"), [], {**env, **seed}, seconds)
    for name, command, seconds in scripts:
        run(name, None, command[0], command[1:], {}, seconds)

    if TOTAL.bad:
        print("failed: " + "; ".join(TOTAL.bad))
    print(f"all tests took {time.monotonic() - begin:.0f} s, logs are in {os.path.relpath(LOG, ROOT)}")
    more = f", {TOTAL.skipped} skipped" if TOTAL.skipped else ""
    print(f"{TOTAL.passed} passed, {TOTAL.failed} failed{more}")
    return TOTAL.failed != 0


if __name__ == "__main__":
    sys.exit(main())
