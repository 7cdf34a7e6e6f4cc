#!/usr/bin/env python3
"""Tests of patterns/remote_work.h with a real redis-server and several processes (remote_job.c); the last line is "N passed, N failed".

  remote.py                 plain, ASan and TSan builds
  remote.py --only NAMES    some builds (plain,asan,tsan)
"""
import collections
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
import programs
from programs import check, environment, program

PATIENCE = 90  # seconds for what takes a few on an idle machine

running = []


def until(condition, seconds=PATIENCE):
    return programs.until(condition, seconds)


class Redis:
    def __init__(self, *options, tcp=False):
        self.dir = tempfile.TemporaryDirectory()
        self.socket = os.path.join(self.dir.name, "socket")
        self.port = 0
        if tcp:
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                self.port = s.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}" if tcp else self.socket
        self.options = options
        self.start()

    def start(self):
        self.p = subprocess.Popen(["redis-server", "--port", str(self.port), "--unixsocket", self.socket, "--dir", self.dir.name,
                                   "--save", "", *self.options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        running.append(self.p)
        check("redis-server starts", until(lambda: self.ask("PING", quiet=True) in ("PONG", "NOAUTH Authentication required.")))

    def ask(self, *words, quiet=False):
        r = subprocess.run(["redis-cli", "-s", self.socket, *words], stdin=subprocess.DEVNULL, text=True, capture_output=True)
        return r.stdout.strip() if r.returncode == 0 or quiet else f"{r.stdout}{r.stderr}"

    def len(self, key="jobs"):
        answer = self.ask("XLEN", key)
        return int(answer) if answer.isdigit() else -1

    def kill(self):
        self.p.kill()
        self.p.wait()

    def end(self):
        self.kill()
        self.dir.cleanup()


class Consumer:
    def __init__(self, kind, redis, redeliver=2000, tries=5, workers=4, log=None, password=None):
        self.kind = kind
        self.log = log or os.path.join(redis.dir.name, "log")
        env = environment(kind, **({"REMOTE_PASSWORD": password} if password else {}))
        self.p = subprocess.Popen([program("remote", kind), "consume", redis.address, str(redeliver), str(tries), str(workers),
                                   self.log], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
        running.append(self.p)
        check(f"{kind}: consumer is ready", self.p.stdout.readline() == "ready\n")

    def end(self, what, sig=signal.SIGTERM):
        """Stop it and see how it ends; what it counted."""
        self.p.send_signal(sig)
        try:
            out, err = self.p.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.p.kill()
            out, err = self.p.communicate()
        if sig == signal.SIGKILL:
            return {}
        well = self.p.returncode == 0 and out.endswith("left 0 goroutines\n")
        check(f"{self.kind}, {what}: consumer ends well", well, self.p.returncode, out, err)
        return {k: int(n) for k, n in re.findall(r"(\w+) (\d+)", out)}


def submit(kind, redis, first, count, data=None, capacity=100000, password=None):
    env = environment(kind, **({"REMOTE_PASSWORD": password} if password else {}))
    return subprocess.Popen([program("remote", kind), "submit", redis.address, str(capacity), str(first), str(count)] +
                            ([data] if data else []), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)


def submitted(what, p):
    out = p.communicate(timeout=PATIENCE)[0]
    return check(what, p.returncode == 0, p.returncode, out)


def runs(path):
    """The log's lines as (what, id, tries, data, pid, time)."""
    try:
        with open(path) as f:
            return [(w, i, int(n), d, int(p), float(t)) for w, i, n, d, p, t in (line.split() for line in f)]
    except FileNotFoundError:
        return []


def ended(path):
    return {r[3] for r in runs(path) if r[0] == "end"}


def one_of_three_is_killed(kind, tcp):
    """No job is lost; only what the killed one had begun is run again; nothing that was acknowledged is."""
    redis, jobs, capacity = Redis(tcp=tcp), 1500 if kind == "plain" else 300, 60
    trace = open(os.path.join(redis.dir.name, "monitor"), "w+")
    monitor = subprocess.Popen(["redis-cli", "-s", redis.socket, "MONITOR"], stdin=subprocess.DEVNULL, stdout=trace)
    running.append(monitor)
    until(lambda: os.path.getsize(trace.name) > 0)
    three = [Consumer(kind, redis) for _ in range(3)]
    log, p, most = three[0].log, submit(kind, redis, 0, jobs, capacity=capacity), 0

    def third():
        nonlocal most
        most = max(most, redis.len())
        return len(ended(log)) > jobs // 3
    check(f"{kind}: a third is done", until(third), len(ended(log)))
    killed = three[1].p.pid
    three[1].end("killed", signal.SIGKILL)

    def done():
        nonlocal most
        most = max(most, redis.len())
        return p.poll() is not None and redis.len() == 0
    check(f"{kind}: the queue is empty in the end", until(done), redis.len(), ended(log) ^ {str(i) for i in range(jobs)})
    submitted(f"{kind}: all jobs are accepted", p)
    check(f"{kind}: never more than {capacity} jobs in the queue", 0 < most <= capacity, most)
    all_runs = runs(log)
    check(f"{kind}: all jobs are done", ended(log) == {str(i) for i in range(jobs)}, len(ended(log)))
    check(f"{kind}: none is given up", redis.len("jobs:dead") == 0)
    check(f"{kind}: nothing is pending", redis.ask("XPENDING", "jobs", "workers").split()[0] == "0", redis.ask("XPENDING", "jobs", "workers"))

    begun = collections.defaultdict(list)
    for what, job, tries, data, pid, at in all_runs:
        if what == "begin":
            begun[job].append((pid, at))
    again = {job for job, who in begun.items() if len(who) > 1}
    check(f"{kind}: run again is only what the killed one had begun", all(any(pid == killed for pid, _ in begun[job]) for job in again), again)
    check(f"{kind}: and it had begun some", any(pid == killed for who in begun.values() for pid, _ in who))
    until(lambda: redis.ask("PING") == "PONG" and (trace.flush() or True) and '"PING"' in open(trace.name).read()[-4000:], 5)
    monitor.kill(), monitor.wait()
    trace.seek(0)
    acked = {}
    for at, job in re.findall(r'(?m)^(\d+\.\d+) \[[^]]*\] "XACK" "jobs" "workers" "([^"]+)"', trace.read()):
        acked.setdefault(job, float(at))
    trace.close()
    check(f"{kind}: every job is acknowledged", acked.keys() == begun.keys(), len(acked), len(begun))
    late = [(job, who, acked[job]) for job, who in begun.items() if job in acked and max(at for _, at in who) > acked[job]]
    check(f"{kind}: none is run after it was acknowledged", not late, late)
    counts = [c.end("after the work") for c in (three[0], three[2])]
    theirs = {job for what, job, tries, data, pid, at in all_runs if what == "end" and pid != killed}
    check(f"{kind}: counts agree", sum(c.get("acknowledged", 0) for c in counts) == len(theirs), counts, len(theirs))
    redis.end()


def failures(kind):
    """late: fails twice, then is done. fail, kill: given up after three deliveries, with what is known."""
    redis = Redis()
    for data in ("late", "fail"):
        submitted(f"{kind}: {data} is accepted", submit(kind, redis, 0, 1, data))
    c = Consumer(kind, redis, redeliver=300, tries=3)
    check(f"{kind}: failing jobs are settled", until(lambda: redis.len() == 0), redis.len())
    tries = collections.Counter(r[3] for r in runs(c.log) if r[0] == "begin")
    check(f"{kind}: three runs each", tries == {"late": 3, "fail": 3}, tries)
    check(f"{kind}: late is done", ended(c.log) == {"late"})
    dead = redis.ask("XRANGE", "jobs:dead", "-", "+").split("\n")
    check(f"{kind}: the dead letter says why", dead[1:3] == ["d", "fail"] and dead[5:] == ["tries", "3", "error", "-7"], dead)
    counts = c.end("after failures")
    check(f"{kind}: failures are counted", (counts.get("failed"), counts.get("dead"), counts.get("redelivered")) == (5, 1, 4), counts)

    submitted(f"{kind}: kill is accepted", submit(kind, redis, 0, 1, "kill"))
    deaths = 0
    while deaths < 10:
        c = Consumer(kind, redis, redeliver=300, tries=3)
        until(lambda: c.p.poll() is not None or redis.len() == 0)
        if redis.len() == 0:
            break
        deaths += 1
        c.p.communicate()
    check(f"{kind}: a job that kills its process does so three times", deaths == 3, deaths)
    c.end("after a job that kills")
    check(f"{kind}: it is given up, too", redis.len("jobs:dead") == 2)
    redis.end()


def signs_of_life(kind):
    """A job may take longer than redeliver. And what a consumer had taken is there for another as soon as it has ended."""
    redis = Redis()
    submitted(f"{kind}: long is accepted", submit(kind, redis, 0, 2, "long"))
    two = [Consumer(kind, redis, redeliver=1500, workers=2) for _ in range(2)]
    check(f"{kind}: long jobs are done", until(lambda: redis.len() == 0), redis.len())
    check(f"{kind}: once each", [r[0] for r in runs(two[0].log)].count("begin") == 2, runs(two[0].log))
    for c in two:
        c.end("after long jobs")
    submitted(f"{kind}: late is accepted", submit(kind, redis, 0, 1, "late"))
    start = time.monotonic()
    for n in range(1, 4):  # three consumers, which would wait for each other's jobs for an hour
        c = Consumer(kind, redis, redeliver=3600000, log=os.path.join(redis.dir.name, "late"))
        check(f"{kind}: try {n}", until(lambda: sum(r[0] == "begin" for r in runs(c.log)) == n and (n < 3 or redis.len() == 0)), runs(c.log))
        c.end(f"try {n}")
    check(f"{kind}: what is not acknowledged is given back", redis.len() == 0 and time.monotonic() - start < 1800)
    redis.end()


def the_server_goes(kind):
    """It is killed and comes back with what it had written."""
    redis, jobs = Redis("--appendonly", "yes", "--appendfsync", "always"), 400
    c = Consumer(kind, redis, redeliver=1000, tries=100)
    submitted(f"{kind}: jobs are accepted", submit(kind, redis, 0, jobs))
    check(f"{kind}: some are done", until(lambda: len(ended(c.log)) > 20))
    redis.kill()
    p = submit(kind, redis, 0, 1)
    out = p.communicate(timeout=PATIENCE)[0]
    check(f"{kind}: submit without a server says so", p.returncode == 1 and re.search(r"init: (Connection refused|No such file)", out), out)
    redis.start()
    check(f"{kind}: all are done after it came back", until(lambda: redis.len() == 0), redis.len())
    check(f"{kind}: none is lost", ended(c.log) == {str(i) for i in range(jobs)}, len(ended(c.log)))
    c.end("after the server came back")
    redis.end()


def ended_twice(kind):
    """What remote_work_stop starts may come to run when the consumer, ended by its context, has returned."""
    redis = Redis()
    p = subprocess.run([program("remote", kind), "twice", redis.address, "1000"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, env=environment(kind), timeout=PATIENCE)
    check(f"{kind}: consumers that are told to end twice", p.returncode == 0, p.returncode, p.stdout)
    redis.end()


def passwords(kind):
    redis = Redis("--requirepass", "secret")
    for password, good in ((None, False), ("wrong", False), ("secret", True)):
        p = submit(kind, redis, 0, 1, password=password)
        out = p.communicate(timeout=PATIENCE)[0]
        words = "" if good else "NOAUTH" if password is None else "WRONGPASS"
        check(f"{kind}: password {password}", p.returncode == (not good) and words in out, p.returncode, out)
    redis.end()


def main():
    for kind in programs.arguments(__doc__).only:
        if not programs.build("remote", kind, "tests/servers/remote_job.c", "-lhiredis"):
            continue
        try:
            one_of_three_is_killed(kind, tcp=kind != "asan")
            failures(kind)
            signs_of_life(kind)
            ended_twice(kind)
            if kind == "plain":
                the_server_goes(kind)
                passwords(kind)
        finally:
            for p in running:
                if p.poll() is None:
                    p.kill()
            running.clear()
    return programs.result()


if __name__ == "__main__":
    sys.exit(main())
