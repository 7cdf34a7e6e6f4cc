#!/usr/bin/env python3
"""Run the C benchmarks and their Go twins alternately and compare them.

    bench/compare.py                         every group, one processor and all of them
    bench/compare.py --quick                 less work and fewer runs: a first impression
    bench/compare.py --match 'chan.select'   only metrics that match the regular expression
    bench/compare.py --groups chan,sync --procs 1 --markdown table.md

Both sides are built into build/bench/. For each group and number of processors the two programs run
in turn, several times, from this one process: what the machine does meanwhile hits both alike. All
timed runs of a metric are pooled; the table shows their median, min and max. The ratio is Go's
median by conc.h's, upside down for rates (units that end in /s): above 1, conc.h is ahead. "cores" is CPU time (user +
system) by wall time, set-up included; metrics that are measured together share it. Results are kept
in build/bench/results.json (partial.json if only a part was measured); --load prints them again.
"""
import argparse
import json
import os
import platform
import re
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
# group: the program's name; its metrics begin with the same word but for gosync's "sync."
GROUPS = "spawn sched chan skynet sieve gosync containers timer ctx forkjoin blocked netecho md5all explorer".split()
LIBRARIES = {"md5all": ["-lcrypto"]}
# what the plot shows: one line for each kind of work
HEADLINES = """spawn.wg_1e6 spawn.batch100 spawn.tree_depth18 sched.gosched_2g sched.ring503
    chan.pingpong_unbuf chan.spsc_cap0 chan.spsc_cap128 chan.mpmc_4x4_cap128
    chan.uncontended_sendrecv_cap1 chan.select2_one_ready chan.select2_blocking
    chan.select10_default_miss chan.pipeline3_unbuf skynet.unbuf_1e6 sieve.first_2500_primes
    sync.mutex_uncontended sync.mutex_8g sync.rwmutex_rlock_8g sync.waitgroup_round_16g
    sync.cond_pingpong timer.create_stop_loop timer.sleepers_100k_wall timer.sleep50us_idle_late_p50
    forkjoin.fib27_nocut_wg blocked.chan_1000k_create blocked.chan_1000k_rss_each
    netecho.inproc_1c_rt netecho.inproc_64c_rt netecho.idle_conn_rss_5000c""".split()

METRIC = re.compile(r"^(\S+) (\S+) (\S+) min=\S+ max=\S+ n=\d+$")
RAW = re.compile(r"^raw (\S+) run=\d+ (\S+) (\S+)$")
CPU = re.compile(r"^# cpu (\S+) wall=(\S+) user=(\S+) sys=(\S+)$")
HEAD = re.compile(r"^# group=(\S+) (\S+) .*?(?:compiler=\"(.*)\")?$")


def has_twin(group):
    return (ROOT / "bench/go" / (group + ".go")).exists()


# ---- build ----
def build(command, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True,
                          env=dict(os.environ, GOTOOLCHAIN="local"))
    if done.stderr:
        sys.stderr.write(done.stderr)
    if done.returncode:
        sys.exit("compare.py: cannot build: " + shlex.join(map(str, command)))


def build_all(groups, go):
    cc = shlex.split(os.environ.get("CC", "cc"))
    flags = shlex.split(os.environ.get("BENCH_CFLAGS", "-O2 -pthread"))
    jobs = []
    for group in groups:
        target = BUILD / "c" / group
        jobs.append((cc + flags + ["-o", target, ROOT / "bench/c" / (group + ".c"), *LIBRARIES.get(group, [])], target))
        if go and has_twin(group):
            target = BUILD / "go" / group
            jobs.append(([go, "build", "-o", target, ROOT / "bench/go" / (group + ".go"), ROOT / "bench/go/harness.go"], target))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda job: build(*job), jobs))


# ---- run ----
def run(program, procs, args):
    """The program's output, as far as it came, and what went wrong (None: nothing)."""
    env = dict(os.environ, GOB_RUNS=str(args.runs), GOB_WARM=str(args.warm),
               GOB_SCALE=str(args.scale), GOB_MATCH=args.match, GOB_RAW="1",
               GOMAXPROCS=str(procs), CONC_PROCS=str(procs))
    env.setdefault("GOB_TREE", str(BUILD / "tree"))  # of md5all, for both sides
    # a process group, so that a timeout also ends the programs' children; not a session of its own,
    # which the kernel's autogroup feature would schedule by different rules
    child = subprocess.Popen([program], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, preexec_fn=os.setpgrp)
    trouble = None
    try:
        out, err = child.communicate(timeout=args.timeout)
    except BaseException as stop:  # an interrupt from the keyboard must not leave it running either
        os.killpg(child.pid, signal.SIGKILL)
        out, err = child.communicate()
        if not isinstance(stop, subprocess.TimeoutExpired):
            raise
        trouble = "no end after %d s" % args.timeout
    if not trouble and child.returncode:
        said = [line for line in err.splitlines() if not RAW.match(line)]
        trouble = ": ".join(["exit status %d" % child.returncode, *said[:3]])
    return out, err, trouble


class Results:
    """metrics: one record for each (procs, name), in the order in which they were first seen."""

    def __init__(self):
        self.info, self.metrics, self.troubles = {}, {}, []

    def metric(self, procs, name, unit=None):
        key = "%d %s" % (procs, name)
        m = self.metrics.setdefault(
            key, {"procs": procs, "name": name, "unit": "", "C": [], "Go": [], "cpu": {}})
        m["unit"] = unit or m["unit"]
        return m

    def add(self, side, procs, out, err):
        for line in err.splitlines():
            if hit := RAW.match(line):
                self.metric(procs, hit[1], hit[3])[side].append(float(hit[2]))
        for line in out.splitlines():
            if hit := CPU.match(line):
                wall, used = float(hit[2]), float(hit[3]) + float(hit[4])
                cpu = self.metric(procs, hit[1])["cpu"].setdefault(side, [0, 0])
                cpu[0] += wall
                cpu[1] += used
            elif hit := HEAD.match(line):
                self.info[side] = hit[2] + (", " + hit[3].strip() if hit[3] else "")

    def save(self, path):
        path.write_text(json.dumps(self.__dict__, indent=1))

    def load(self, path):
        self.__dict__.update(json.loads(path.read_text()))


def measure(args, go):
    results = Results()
    sides = [("C", BUILD / "c")] + ([("Go", BUILD / "go")] if go else [])
    for procs in args.procs:
        for group in args.groups:
            for turn in range(args.rounds):
                # the order changes with every round: neither side always runs on the warmer machine
                for side, folder in sides if turn % 2 == 0 else reversed(sides):
                    if side == "Go" and not has_twin(group):
                        continue
                    begin = time.monotonic()
                    out, err, trouble = run(folder / group, procs, args)
                    results.add(side, procs, out, err)
                    who = "%s procs=%d %s" % (group, procs, side)
                    took = time.monotonic() - begin
                    note("%s round %d/%d: %.1f s" % (who, turn + 1, args.rounds, took))
                    if trouble:
                        results.troubles.append("%s: %s" % (who, trouble))
                        note("  " + results.troubles[-1])
    return results


def note(text):
    print(text, file=sys.stderr, flush=True)


# ---- report ----
def short(v):
    a = abs(v)
    if 0 < a < 0.01:
        return "%.3g" % v
    return "%.*f" % (0 if a >= 1000 else 1 if a >= 100 else 2 if a >= 10 else 3, v)


def spread(values):
    if not values:
        return "-", ""
    return short(statistics.median(values)), "%s .. %s" % (short(min(values)), short(max(values)))


def ratio(m):
    """How far conc.h is ahead: Go's cost by conc.h's, or conc.h's rate by Go's; None if one is missing or not positive."""
    if not m["C"] or not m["Go"]:
        return None
    c, go = abs(statistics.median(m["C"])), abs(statistics.median(m["Go"]))
    if not (c > 0 and go > 0):
        return None
    return c / go if m["unit"].endswith("/s") else go / c


def cores(m, side):
    wall, used = m["cpu"].get(side, (0, 0))
    return "%.2f" % (used / wall) if wall > 0 else ""


COLUMNS = ["metric", "unit", "conc.h", "min .. max", "Go", "min .. max", "ahead", "cores",
           "cores Go"]


def rows(results, procs):
    for m in results.metrics.values():
        if m["procs"] == procs and (m["C"] or m["Go"]):
            r = ratio(m)
            yield [m["name"], m["unit"], *spread(m["C"]), *spread(m["Go"]),
                   "-" if r is None else "%.2f" % r, cores(m, "C"), cores(m, "Go")]


def text_table(lines):
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        cells = [c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths))]
        yield "  ".join(cells).rstrip()


def markdown_table(lines):
    yield "| " + " | ".join(lines[0]) + " |"
    yield "|" + "---|" * 2 + "--:|" * (len(lines[0]) - 2)
    for line in lines[1:]:
        yield "| " + " | ".join(line) + " |"


def summary(results, procs):
    ratios = {m["name"]: ratio(m) for m in results.metrics.values() if m["procs"] == procs}
    ratios = {name: r for name, r in ratios.items() if r is not None}
    if not ratios:
        return
    behind = sorted((r, name) for name, r in ratios.items() if r < 0.97)
    yield "%d metrics, median ratio %.2f, conc.h behind (ratio below 0.97) in %d%s" % (
        len(ratios), statistics.median(ratios.values()), len(behind), ":" if behind else "")
    yield ""
    for r, name in behind:
        yield "- %s %.2f" % (name, r)


def report(results, markdown):
    out = []
    for key in "machine", "C", "Go", "settings":
        if key in results.info:
            out.append("%s%s: %s" % ("- " if markdown else "", key, results.info[key]))
    for procs in results.info["procs"]:
        lines = [COLUMNS, *rows(results, procs)]
        out += ["", "%s%d processor%s" % ("## " if markdown else "", procs, "s" * (procs > 1)), ""]
        out += markdown_table(lines) if markdown else text_table(lines)
        out += ["", *summary(results, procs)]
    if results.troubles:
        out += ["", "FAILED:", *("- " + t for t in results.troubles)]
    return "\n".join(out) + "\n"


def plot_data(results, path):
    """One line for each headline: name, then the ratio for each number of processors."""
    lines = ["metric\t" + "\t".join("procs=%d" % p for p in results.info["procs"])]
    for name in HEADLINES:
        ms = [results.metrics.get("%d %s" % (p, name)) for p in results.info["procs"]]
        ratios = [ratio(m) if m else None for m in ms]
        if any(ratios):
            lines.append("\t".join([name] + ["%.3f" % r if r else "NaN" for r in ratios]))
    path.write_text("\n".join(lines) + "\n")


# ---- the machine ----
def machine():
    cpu = platform.processor()
    try:
        cpu = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())[1]
    except (OSError, TypeError):
        pass
    system = " ".join([platform.system(), platform.release(), platform.machine()])
    return "%s, %s, %d CPUs" % (system, cpu, cpus())


def cpus():
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count()


def find_go():
    go = shutil.which(os.environ.get("GO", "go"))
    if not go:
        note("compare.py: no go on PATH: only the C column will be printed.\n"
             "  Debian, Ubuntu: apt-get install golang-go     elsewhere: https://go.dev/dl/\n"
             "  (GO=/path/to/go names another one)")
    return go


def arguments():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--groups", default=",".join(GROUPS), metavar="G,G", help=" ".join(GROUPS))
    p.add_argument("--match", default="", help="regular expression on metric names")
    p.add_argument("--procs", default="1,all", help="numbers of processors (default: 1,all)")
    p.add_argument("--quick", action="store_true", help="--rounds 2 --runs 2 --scale 0.25")
    p.add_argument("--rounds", type=int, help="alternations of C and Go (default 4)")
    p.add_argument("--runs", type=int, help="timed runs per alternation (default 3)")
    p.add_argument("--warm", type=int, default=1, help="discarded runs per alternation (default 1)")
    p.add_argument("--scale", type=float, help="size of the work (default 1)")
    p.add_argument("--timeout", type=int, default=900, help="seconds for one program (default 900)")
    p.add_argument("--no-build", action="store_true", help="use what was built before")
    p.add_argument("--no-go", action="store_true", help="the C side alone")
    p.add_argument("--markdown", type=Path, metavar="FILE", help="also write a markdown table")
    p.add_argument("--load", type=Path, metavar="FILE", help="run nothing, show these results")
    args = p.parse_args()
    fallback = (2, 2, 0.25) if args.quick else (4, 3, 1)
    for name, value in zip(("rounds", "runs", "scale"), fallback):
        if getattr(args, name) is None:
            setattr(args, name, value)
    args.groups = args.groups.split(",")
    if unknown := set(args.groups) - set(GROUPS):
        p.error("unknown group: " + ", ".join(unknown))
    every = [cpus() if n == "all" else int(n) for n in args.procs.split(",")]
    args.procs = list(dict.fromkeys(every))  # on a machine with one CPU, 1 and all are the same
    return args


def main():
    args = arguments()
    results = Results()
    if args.load:
        results.load(args.load)
    else:
        go = None if args.no_go else find_go()
        if not args.no_build:
            build_all(args.groups, go)
        load = os.getloadavg()[0]
        results = measure(args, go)
        results.info.update(procs=args.procs, machine=machine(), settings=(
            "%d alternations of %d timed runs, scale %g, %s, load average at the start %.2f" % (
                args.rounds, args.runs, args.scale, time.strftime("%Y-%m-%d"), load)))
        whole = not args.match and set(args.groups) == set(GROUPS)
        results.save(BUILD / ("results.json" if whole else "partial.json"))
        if whole:
            plot_data(results, BUILD / "plot.tsv")
    if args.markdown:
        args.markdown.write_text(report(results, True))
    print(report(results, False), end="")
    return 1 if results.troubles else 0


if __name__ == "__main__":
    sys.exit(main())
