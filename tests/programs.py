"""What the tests of whole programs (tests/servers/*.py) share: the builds of a program, counted checks, waiting for what another process does.

A script there begins with
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
so that this module is found, and that its neighbour http.py is not taken for Python's.
"""
import argparse
import os
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUT = os.path.abspath(os.path.join(os.environ.get("CONC_TEST_OUT") or os.path.join(ROOT, "build", "tests"), "servers"))
FLAGS = "-std=c11 -g -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -I. -Ipatterns".split()
KINDS = {
    "plain": (["-O2"], {}),
    "asan": (["-O1", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"],
             {"ASAN_OPTIONS": "detect_stack_use_after_return=0:abort_on_error=0"}),
    "tsan": (["-O1", "-fsanitize=thread"], {"TSAN_OPTIONS": "halt_on_error=1:history_size=4:report_thread_leaks=0"}),
}
PATIENCE = 60  # seconds for what takes a few milliseconds on an idle machine

passed = failed = 0


def check(what, good, *detail):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f"FAIL: {what}", *(str(d)[:3000] for d in detail), flush=True)
    return bool(good)


def until(condition, seconds=PATIENCE):
    """Poll until condition() is true or the time is over; its last value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.01)


def arguments(doc):
    """--only NAMES (as a list) and --long"""
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", type=lambda s: s.split(","), default=list(KINDS))
    p.add_argument("--long", action="store_true", help="more of what takes time, where there is such")
    return p.parse_args()


def program(name, kind):
    return os.path.join(OUT, f"{name}-{kind}")


def environment(kind, leaks=True, **more):
    """For a program of that build. leaks=False: it ends with memory that it needs to the end."""
    env = {**os.environ, **KINDS[kind][1], **more}
    if not leaks and "ASAN_OPTIONS" in KINDS[kind][1]:
        env["ASAN_OPTIONS"] += ":detect_leaks=0"
    return env


def build(name, kind, source, *options):
    """Is program(name, kind) there now? A check of its own."""
    os.makedirs(OUT, exist_ok=True)
    p = subprocess.run(["gcc", *FLAGS, *KINDS[kind][0], source, "-o", program(name, kind), "-pthread", *options], cwd=ROOT,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return check(f"{kind}: builds", p.returncode == 0, p.stdout)


def result():
    """The last line; -> the exit status"""
    print(f"{passed} passed, {failed} failed")
    return failed > 0
