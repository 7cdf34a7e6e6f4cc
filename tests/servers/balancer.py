#!/usr/bin/env python3
"""Tests of examples/balancer.c: a number of requests, signals, the view on a terminal and off it, wrong usage; plain and under the sanitizers.

A line for each check that fails; the last line is "N passed, N failed".
"""
import os
import pty
import re
import signal
import subprocess
import sys

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
import programs
from programs import PATIENCE, check, environment


def numbers(kind, program):
    for args, n in (["-n", "300", "-m", "500"], 300), (["-n", "1", "-w", "1", "-q", "1", "-r", "1", "-m", "1"], 1), \
            (["-n", "200", "-w", "1", "-r", "50", "-q", "3", "-m", "100"], 200), (["-n", "500", "-w", "100", "-r", "200", "-q", "1", "-m", "0"], 500):
        run = subprocess.run([program, *args], capture_output=True, timeout=PATIENCE, env=environment(kind), text=True)
        lines = run.stdout.splitlines()
        check("%s: %s" % (kind, args), run.returncode == 0 and run.stderr == "" and
              lines[-1].startswith("%d requests asked, %d answered; waited" % (n, n)) and "signal" not in lines[-1], run)
        workers = int(args[args.index("-w") + 1]) if "-w" in args else 8
        check("%s: lines %s" % (kind, args), len(lines) >= 3 and
              all(re.fullmatch(r"loads( \d+){%d}; \d+ answered, \d+ under way" % workers, line) for line in lines[:-1]), lines[:3])
        check("%s: ends empty %s" % (kind, args), lines[-2] == "loads%s; %d answered, 0 under way" % (" 0" * workers, n), lines[-2])


def signals(kind, program):
    for sig in signal.SIGINT, signal.SIGTERM:
        run = subprocess.Popen([program, "-m", "2000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(kind), text=True)
        run.stdout.readline(), run.stdout.readline() # it works
        run.send_signal(sig)
        out, err = run.communicate(timeout=PATIENCE)
        end = re.search(r"(\d+) requests asked, (\d+) answered; .*; stopped by a signal\n$", out)
        check("%s: signal %d" % (kind, sig), run.returncode == 0 and err == "" and end and end[1] == end[2] and int(end[1]) > 0, (run.returncode, out[-300:], err))
    run = subprocess.Popen([program, "-m", "1000000", "-w", "1"], stdout=subprocess.PIPE, env=environment(kind), text=True) # long works: it cannot end soon
    run.stdout.readline(), run.stdout.readline()
    for _ in range(1000): # the second one ends it, once the first has been seen
        run.send_signal(signal.SIGINT)
        try:
            run.wait(0.05)
            break
        except subprocess.TimeoutExpired:
            pass
    check(kind + ": second signal", run.returncode == -signal.SIGINT, run.returncode)
    run.stdout.close()


def terminal(kind, program):
    master, slave = pty.openpty()
    run = subprocess.Popen([program, "-n", "200", "-w", "3", "-m", "3000"], stdout=slave, stderr=slave, env=environment(kind))
    os.close(slave)
    out = b""
    try:
        while True:
            data = os.read(master, 65536)
            if not data:
                break
            out += data
    except OSError: # the other side is closed
        pass
    os.close(master)
    text = out.decode().replace("\r\n", "\n")
    frames = text.split("\033[4A") # the cursor goes up over three workers and the sum
    frame = r"(worker   [123] \[#*\.*\] \d+\033\[K\n){3}\d+ answered, \d+ under way\033\[K\n"
    check(kind + ": terminal", run.wait(PATIENCE) == 0 and len(frames) >= 2 and all(re.match(frame, f) for f in frames), text[:400])
    check(kind + ": terminal's bars", all(len(bar) == 42 for bar in re.findall(r"\[[#.]*\]", text)) and "#" in text, text[:400])
    check(kind + ": terminal's end", text.splitlines()[-1].startswith("200 requests asked, 200 answered"), text[-200:])


def usage(kind, program):
    for args in ["-x"], ["-w", "0"], ["-w", "1001"], ["-n", "many"], ["-n", ""], ["more"], ["-q"]:
        run = subprocess.run([program, *args], capture_output=True, timeout=PATIENCE, env=environment(kind), text=True)
        check("%s: usage %s" % (kind, args), run.returncode == 2 and "usage: balancer" in run.stderr and run.stdout == "", run)


for kind in programs.arguments(__doc__).only:
    if programs.build("balancer", kind, "examples/balancer.c"):
        for part in numbers, signals, terminal, usage:
            part(kind, programs.program("balancer", kind))
sys.exit(programs.result())
