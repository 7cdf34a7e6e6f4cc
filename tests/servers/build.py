#!/usr/bin/env python3
"""Tests of examples/build.c, beside GNU make; the last line is "N passed, N failed".

  build.py                plain, ASan and TSan builds
  build.py --only NAMES   some of them
"""
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
import programs
from programs import PATIENCE, check, environment


class Tree:
    """A directory with a Makefile."""

    def __init__(self, kind, rules, **files):
        self.kind, self.dir = kind, tempfile.TemporaryDirectory()
        self.write("Makefile", rules)
        for name, text in files.items():
            self.write(name, text)

    def path(self, name):
        return os.path.join(self.dir.name, name)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)

    def read(self, name):
        try:
            with open(self.path(name)) as f:
                return f.read()
        except FileNotFoundError:
            return None

    def touch(self, name, later):
        at = time.time() + later
        os.utime(self.path(name), (at, at))

    def start(self, *args, program=None):
        return subprocess.Popen([*(program or [programs.program("build", self.kind)]), "-C", self.dir.name, *args], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(self.kind, leaks=False))

    def build(self, *args, program=None):
        """-> exit status, lines of stdout, stderr"""
        p = self.start(*args, program=program)
        out, err = p.communicate(timeout=PATIENCE)
        return p.returncode, out.split("\n")[:-1], err


DIAMOND = """# comment
NAMES = b c
OUT = d
$(OUT): $(NAMES)   # the diamond's foot
\tcat $^ > $@
b: a
\t@echo b from $< > $@
c: a \\
   extra
\t@echo c > $@; echo two; echo lines
a:
\techo $$((20 + 22)) > $@
.PHONY: clean
clean:
\t-rm -f a b c d nothing/here
"""


def diamond(kind):
    t = Tree(kind, DIAMOND, extra="")
    status, out, err = t.build("-j", "4")
    check(f"{kind}: diamond", (status, err) == (0, "") and out[0] == "echo $((20 + 22)) > a" and out[-1] == "cat b c > d", status, out, err)
    check(f"{kind}: its files", t.read("d") == "b from a\nc\n" and t.read("a") == "42\n", t.read("d"))
    check(f"{kind}: nothing to be done", t.build() == (0, ["build: nothing to be done"], ""), t.build())
    for name in "abcd":
        t.touch(name, -100)
    t.touch("extra", -50)
    status, out, err = t.build()
    check(f"{kind}: what is older than extra", (status, out) == (0, ["two", "lines", "cat b c > d"]), out, err)
    status, out, err = t.build("b", "c")
    check(f"{kind}: named targets", (status, out) == (0, ["build: nothing to be done"]), out, err)
    status, out, err = t.build("clean")
    check(f"{kind}: phony", status == 0 and t.read("a") is None, out, err)


def failures(kind):
    t = Tree(kind, "all: x y z\nx:\n\tfalse\n\techo not this\ny: x\n\techo nor this\nz: w\n\techo z > z\nw:\n\techo w > w\n")
    status, out, err = t.build("-j", "1", "-k")
    check(f"{kind}: -k", status == 2 and "echo z > z" in out and not any("this" in line for line in out) and t.read("z") == "z\n", out, err)
    check(f"{kind}: it is told", err.split("\n")[0] == "build: [x] error 1" and "was not made" in err, err)
    t = Tree(kind, "all: slow bad\nslow:\n\techo begun; touch begun; sleep 1000\nbad:\n\twhile ! test -e begun; do sleep 0.01; done; exit 9\n")
    start = time.monotonic()
    status, out, err = t.build("-j", "2")
    check(f"{kind}: the first failure ends the rest", status == 2 and "begun" in out and "[bad] error 9" in err, status, out, err)
    check(f"{kind}: at once", time.monotonic() - start < 500)
    t = Tree(kind, "half:\n\techo half > half; false\n")
    status, out, err = t.build()
    check(f"{kind}: half made files are removed", status == 2 and t.read("half") is None, err)
    t = Tree(kind, "killed:\n\tkill -9 $$$$\n")
    check(f"{kind}: a recipe that is killed", "[killed] killed by signal 9" in t.build()[2], t.build())
    for rules, words in (("a: b\nb: c\nc: a\n", "circular dependency: c <- a"), ("a: b\n", "no rule to make target 'b', needed by a"), ("", "no targets"),
                         ("\tfoo\n", "recipe commences before first target"), ("foo bar\n", "Makefile:1: missing separator"),
                         ("a:\n", None)):
        status, out, err = Tree(kind, rules).build()
        check(f"{kind}: {words}", status == (2 if words else 0) and (words or "") in err, status, out, err)
    check(f"{kind}: no file", t.build("-f", "nowhere")[0] == 2 and t.build("-j", "0")[0] == 2 and t.build("-x")[0] == 2)


def many(kind):
    """-j n: so many at the same time and not more; what one prints is not mixed with what others print."""
    n = 200 if kind == "plain" else 40
    rules = "all:" + "".join(f" t{i}" for i in range(n)) + "\n"
    for i in range(n):
        rules += f"t{i}:\n\t@touch running.$$$$; ls | grep -c running >> counts; echo {i}; echo {i}; rm running.$$$$; echo {i} > t{i}\n"
    for jobs in (1, 7):
        t = Tree(kind, rules)
        status, out, err = t.build("-j", str(jobs))
        check(f"{kind}: {n} targets, -j {jobs}", status == 0 and sorted(map(int, out)) == sorted(2 * list(range(n))), status, err)
        check(f"{kind}: output in pieces", all(out[i] == out[i + 1] for i in range(0, 2 * n, 2)))
        counts = [int(c) for c in t.read("counts").split()]
        check(f"{kind}: not more than {jobs} at a time", max(counts) <= jobs, max(counts))


def interrupted(kind):
    t = Tree(kind, "x:\n\techo $$$$ > pid; touch x; sleep 1000\n")
    p = t.start()
    end = time.monotonic() + PATIENCE
    while not t.read("pid") and time.monotonic() < end:
        time.sleep(0.01)
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=PATIENCE)
    check(f"{kind}: Ctrl-C", p.returncode == 130 and t.read("x") is None, p.returncode, out, err)
    pid = int(t.read("pid"))
    check(f"{kind}: the recipe is gone", not os.path.exists(f"/proc/{pid}") or "Z" in open(f"/proc/{pid}/stat").read())


def like_make(kind):
    """A small C project: the same files as GNU make, and the same idea of what is out of date."""
    rules = "CC = gcc\nOBJECTS = " + " ".join(f"f{i}.o" for i in range(10)) + "\nprog: main.o $(OBJECTS)\n\t$(CC) -o $@ $^\n"
    files = {"main.c": "#include \"h.h\"\nint main(void) { return " + " + ".join(f"f{i}()" for i in range(10)) + " - 45; }\n",
             "h.h": "".join(f"int f{i}(void);\n" for i in range(10))}
    for name in ["main"] + [f"f{i}" for i in range(10)]:
        rules += f"{name}.o: {name}.c h.h\n\t$(CC) -c -o $@ $<\n"
        files.setdefault(f"{name}.c", f"#include \"h.h\"\nint {name}(void) {{ return {name[1:]}; }}\n")
    two = [Tree(kind, rules, **files) for _ in range(2)]
    make = ["make", "-s", "-j", "2"]
    for what, change in (("all", None), ("nothing", None), ("one file", "f3.c"), ("a header", "h.h")):
        if change:
            for t in two:
                t.touch(change, 1)
        before = [{f: os.stat(t.path(f)).st_mtime_ns for f in os.listdir(t.dir.name)} for t in two]
        ours, theirs = two[0].build("-j", "2", "-q"), two[1].build(program=make)
        check(f"{kind}: {what}: exit status", ours[0] == theirs[0] == 0, ours, theirs)
        made = [{f for f in os.listdir(t.dir.name) if os.stat(t.path(f)).st_mtime_ns != b.get(f)} for t, b in zip(two, before)]
        check(f"{kind}: {what}: the same files as make", made[0] == made[1], made)
        if change:
            for t in two:  # so that nothing lies in the future
                t.touch(change, -1000)
    check(f"{kind}: the program runs", subprocess.run([two[0].path("prog")]).returncode == 0)


def main():
    for kind in programs.arguments(__doc__).only:
        if programs.build("build", kind, "examples/build.c"):
            diamond(kind), failures(kind), many(kind), interrupted(kind)
            if kind == "plain":
                like_make(kind)
    return programs.result()


if __name__ == "__main__":
    sys.exit(main())
