#!/usr/bin/env python3
"""Tests of examples/logs.c: the same result by any number of workers, by one thread and by awk; edges of the input; wrong usage.

A line for each check that fails; the last line is "N passed, N failed". Plain, then under the sanitizers with a smaller log.
"""
import os
import subprocess
import sys

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
import programs
from programs import OUT, ROOT, check, environment

LINE = b"2026-01-01T00:00:00.000Z 10.0.0.1 GET %s %d %d %d"


def logs(program, *args, text=None):
    return subprocess.run([program, *args], input=text, capture_output=True, timeout=120, env=ENV)


def same_results(kind, program, size):
    log = os.path.join(OUT, "logs-%s.txt" % kind)
    with open(log, "wb") as f:
        subprocess.run([program, "--generate", str(size), "--seed", "3"], stdout=f, check=True, timeout=120, env=ENV)
    check(kind + ": generated size", size <= os.path.getsize(log) < size + 200, os.path.getsize(log))
    for options in [], ["--status", "500"], ["--method", "POST", "--status", "300"], ["--method", "NONE"]:
        want = logs(program, "--serial", *options, log)
        check("%s: serial %s" % (kind, options), want.returncode == 0 and want.stdout.count(b"\n") >= 1, want.stderr)
        for workers in "1", "2", "7", "100":
            got = logs(program, "-j", workers, *options, log)
            check("%s: -j %s %s" % (kind, workers, options), got.returncode == 0 and got.stdout == want.stdout, got.stderr)
    with open(log, "rb") as f:
        text = f.read()
    check(kind + ": from a pipe", logs(program, text=text).stdout == logs(program, "--serial", log).stdout)
    again = logs(program, "--generate", str(size), "--seed", "3").stdout
    check(kind + ": the seed decides", again == text and logs(program, "--generate", "1000", "--seed", "4").stdout[:500] != text[:500])


def edges(kind, program):
    def says(name, text, want):
        for args in [], ["--serial"]:
            got = logs(program, *args, text=text)
            check("%s: %s %s" % (kind, name, args), got.returncode == 0 and got.stdout == want, (got.stdout[:300], got.stderr))
    says("empty", b"", b"0 lines, 0 left out, 0 bad\n")
    one = LINE % (b"/a/1", 200, 5, 7)
    says("no newline at the end", one, b"/a\t1\t0\t5\t7\n1 lines, 0 left out, 0 bad\n")
    says("routes", b"\n".join([one, LINE % (b"/a?x/y", 500, 1, 9), LINE % (b"/", 200, 0, 0), LINE % (b"/b", 599, 2, 1), b""]),
         b"/\t1\t0\t0\t0\n/a\t2\t1\t6\t9\n/b\t1\t1\t2\t1\n4 lines, 0 left out, 0 bad\n")
    bad = [b"", b"x", one + b" more", LINE % (b"a/1", 200, 5, 7), one.replace(b"200", b"2x0"), one.replace(b" 7", b" -7"),
           one.replace(b" 5", b" 1234567890123456"), b"\0" * 50, one.replace(b" GET", b"")]
    says("bad lines", b"\n".join(bad) + b"\n", b"9 lines, 0 left out, 9 bad\n")
    says("blanks", one.replace(b" ", b" \t ") + b"  \n", b"/a\t1\t0\t5\t7\n1 lines, 0 left out, 0 bad\n")
    many = b"".join(LINE % (b"/r%d/x" % (i % 5000), 200, 1, i) + b"\n" for i in range(40000)) # the tables grow, lines cross blocks
    got = logs(program, text=many).stdout
    check(kind + ": many routes", got.count(b"\t8\t0\t8\t") == 5000 and got.endswith(b"40000 lines, 0 left out, 0 bad\n"), got[:100])
    got = logs(program, text=b"x" * (3 << 20))
    check(kind + ": a line that is too long", got.returncode == 1 and b"File too large" in got.stderr, got)
    got = logs(program, "/nowhere")
    check(kind + ": no file", got.returncode == 1 and b"/nowhere: No such file" in got.stderr, got)
    check(kind + ": a directory", logs(program, "/").returncode == 1)
    for args in ["--what"], ["-j", "x"], ["a", "b"], ["--status", "-1"], ["--generate", "1k"]:
        check("%s: usage %s" % (kind, args), logs(program, *args).returncode == 2)


def against_awk(program):
    for options in [], ["--status", "400", "--method", "GET"]:
        run = subprocess.run(["examples/run-logs.sh", program, "2", *options], cwd=ROOT, capture_output=True, timeout=300, env=ENV)
        check("awk %s" % options, run.returncode == 0 and b"the same result, byte for byte" in run.stdout, run)


for kind in programs.arguments(__doc__).only:
    if programs.build("logs", kind, "examples/logs.c"):
        program = programs.program("logs", kind)
        ENV = environment(kind, LC_ALL="C")
        same_results(kind, program, 5_000_000 if kind == "plain" else 1_500_000)
        edges(kind, program)
        if kind == "plain":
            against_awk(program)
sys.exit(programs.result())
