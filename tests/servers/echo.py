#!/usr/bin/env python3
"""Tests of examples/echo.c; the last line is "N passed, N failed".

  echo.py                 plain, ASan and TSan builds (the last two with fewer clients), about half a minute
  echo.py --long          clients are killed at random for a minute instead of 5 s
  echo.py --only NAMES    some builds (plain,asan,tsan)
"""
import os
import random
import re
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
import programs
from programs import KINDS, PATIENCE, ROOT, check, environment, program, until

GRACE = 5  # the server's
SIZES = [1, 2, 3, 1000, 1023, 1024, 1025, 2048, 4096, 32767, 32768, 32769, 33791, 33792, 33793, 65536, 100001, 1 << 20, 4 << 20]
RANDOM = random.Random(0)
PATTERN = RANDOM.randbytes(5 << 20)

running = []  # servers of the test under way


def some_data(n):
    at = RANDOM.randrange(len(PATTERN) - n)
    return PATTERN[at:at + n]


class Server:
    def __init__(self, kind, *options, files=None):
        self.kind, self.dir = kind, tempfile.TemporaryDirectory()
        self.path = os.path.join(self.dir.name, "socket")
        self.err = open(os.path.join(self.dir.name, "stderr"), "w+")
        limit = files or resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        self.p = subprocess.Popen(
            [program("echo", kind), "-u", self.path, *options, "127.0.0.1:0"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=self.err, text=True, env=environment(kind),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
        running.append(self)
        self.port = int(re.fullmatch(r"echo: port (\d+)\n", self.p.stdout.readline())[1])

    def connect(self, unix=False):
        s = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        s.settimeout(PATIENCE)
        s.connect(self.path if unix else ("127.0.0.1", self.port))
        if not unix:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def refuses(self):
        try:
            self.connect().close()
        except (ConnectionError, OSError):
            return True
        return False

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.p.pid}/fd"))

    def resident(self):  # bytes
        with open(f"/proc/{self.p.pid}/status") as f:
            return int(re.search(r"VmRSS:\s*(\d+) kB", f.read())[1]) * 1024

    def cpu(self):  # seconds
        with open(f"/proc/{self.p.pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def warm(self):
        """The number of descriptors of a server that has served and has no connection."""
        for unix in (False, True):
            with self.connect(unix) as s:
                exchange(s, b"warm")
        old = [0]

        def settled():  # five looks in a row
            old.append(self.descriptors())
            return len(old) > 5 and len(set(old[-5:])) == 1
        until(settled)
        return old[-1]

    def said(self):
        if self.err.closed:
            return ""
        self.err.seek(0)
        return self.err.read()

    def discard(self):
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait()
        self.p.stdout.close()
        self.err.close()
        self.dir.cleanup()

    def end(self, what, status=0, opened=None, sig=signal.SIGTERM):
        """Stop it and see how it ends; what its last line counts, or None."""
        if sig:
            self.p.send_signal(sig)
        try:
            out = self.p.communicate(timeout=PATIENCE)[0]
        except subprocess.TimeoutExpired:
            self.p.kill()
            out = self.p.communicate()[0]
        m = re.search(r"echo: (\d+) connections, (\d+) bytes; (\d+) open at the end(, not all in time)?; "
                      r"left: (\d+) goroutines, (-?\d+) descriptors$", out)
        said = self.said()
        self.discard()
        good = check(f"{self.kind}, {what}: exit status {status}", self.p.returncode == status, self.p.returncode, out, said)
        if not check(f"{self.kind}, {what}: closing line", bool(m), out, said) or not good:
            return None
        count = dict(zip(("connections", "bytes", "open", "late", "goroutines", "descriptors"), m.groups()), said=said)
        check(f"{self.kind}, {what}: no goroutine, no descriptor left", (m[5], m[6]) == ("0", "0"), out)
        if opened is not None:
            check(f"{self.kind}, {what}: connections open when it was stopped", int(m[3]) == opened, out)
        return count


def receive(s, n):
    """n bytes, fewer at the end of the stream."""
    parts = []
    while n > 0:
        part = s.recv(min(n, 1 << 18))
        if not part:
            break
        parts.append(part)
        n -= len(part)
    return b"".join(parts)


def exchange(s, data, close=False):
    """Send data, and at the same time receive as much; with close then the end of the stream. True if it came back."""
    def send():
        try:
            s.sendall(data)
            if close:
                s.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the receiver says it
    if len(data) <= 4096:
        send()
        sender = None
    else:
        sender = threading.Thread(target=send)
        sender.start()
    try:
        return receive(s, len(data) + close) == data
    except OSError:
        return False
    finally:
        if sender:
            sender.join()


def ended(s):
    """The other side has closed: an end of the stream, or a reset."""
    try:
        while s.recv(1 << 16):
            pass
        return True
    except ConnectionError:
        return True
    except socket.timeout:
        return False


# ---- what it does ----

def sizes(kind):
    server = Server(kind)
    base, total, count = server.warm(), 8, 2
    for unix in (False, True):
        name = f"{kind}, {'Unix' if unix else 'TCP'}"
        with server.connect(unix) as s:
            for n in SIZES:
                check(f"{name}: {n} bytes on one connection", exchange(s, some_data(n)))
            check(f"{name}: byte by byte", all(exchange(s, bytes([i])) for i in range(256)))
            data = some_data(300000)
            pieces = []
            while len(b"".join(pieces)) < len(data):
                at = len(b"".join(pieces))
                pieces.append(data[at:at + RANDOM.choice((1, 10, 1024, 5000, 32768, 40000))])
            check(f"{name}: pieces", all(exchange(s, p) for p in pieces))
        for n in [0] + SIZES:
            with server.connect(unix) as s:
                check(f"{name}: {n} bytes and a half-close", exchange(s, some_data(n), close=True))
        pipelined = [server.connect(unix) for _ in range(20)]
        for s in pipelined:
            s.sendall(b"a")
        for s in pipelined:
            s.sendall(b"b")
            s.shutdown(socket.SHUT_WR)
        check(f"{name}: both of two messages", all(receive(s, 3) == b"ab" for s in pipelined))
        for s in pipelined:
            s.close()
        total += 2 * sum(SIZES) + 256 + len(data) + 40
        count += 2 + len(SIZES) + 20
    until(lambda: server.descriptors() == base)
    got = server.end("sizes", opened=0)
    if got:
        check(f"{kind}, sizes: it counts connections and bytes", (int(got["connections"]), int(got["bytes"])) == (count, total),
              got, count, total)
        check(f"{kind}, sizes: nothing on stderr", got["said"] == "", got["said"])


def timeouts(kind):
    server = Server(kind, "-t", "0.5")
    begin = time.monotonic()
    idle, deaf, busy = server.connect(), server.connect(), server.connect(True)
    deaf.settimeout(0.1)
    try:
        while True:  # until neither side has room for more
            deaf.sendall(PATTERN)
    except OSError:
        pass
    gap, last = 0, time.monotonic()
    good = True
    while time.monotonic() - begin < 1.2:
        good = good and exchange(busy, b"still here")
        gap, last = max(gap, time.monotonic() - last), time.monotonic()
        time.sleep(0.05)
    check(f"{kind}: a connection in use outlives the idle timeout", good or gap > 0.4, gap)
    check(f"{kind}: an idle one does not", ended(idle))
    deaf.settimeout(PATIENCE)
    check(f"{kind}: nor one that does not read", ended(deaf))
    check(f"{kind}: the last one is idle in the end", ended(busy))
    check(f"{kind}: not before its time", time.monotonic() - begin >= 0.5)
    for s in (idle, deaf, busy):
        s.close()
    server.end("timeouts", opened=0)


def usage(kind):
    exe = program("echo", kind)
    for args in ([], ["-x", ":0"], ["-t", "soon", ":0"], ["-t", "-1", ":0"], ["-t", "nan", ":0"], [":0", ":0"], ["-u"]):
        p = subprocess.run([exe, *args], capture_output=True, text=True, timeout=PATIENCE)
        check(f"{kind}: wrong usage {args}", p.returncode == 2 and "usage" in p.stderr, p.returncode, p.stderr)
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
        for args in ([f"127.0.0.1:{port}"], ["nonsense"], ["-u", "/nonexistent/directory/socket", "127.0.0.1:0"]):
            p = subprocess.run([exe, *args], capture_output=True, text=True, timeout=PATIENCE)
            check(f"{kind}: cannot listen {args}", p.returncode == 1 and re.match(r"echo\S*: ", p.stderr), p.returncode, p.stderr)


def idle(kind, wanted):
    """Many connections that do nothing: what each costs, that they still work, and that they end in order."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    n = min(wanted, limit - 100)
    server = Server(kind)
    server.warm()
    before, clients = server.resident(), []
    for i in range(n):
        clients.append(server.connect(i % 4 == 3))
        clients[-1].sendall(b"hello")
    check(f"{kind}: each of {n} connections is answered", all(receive(s, 5) == b"hello" for s in clients))
    each = (server.resident() - before) / n
    print(f"measured: {kind}: {n} idle connections, {each:.0f} resident bytes each", flush=True)
    if kind == "plain":
        check(f"{kind}: an idle connection costs one page", each < 5000, each)
    check(f"{kind}: some of {n} connections after a while", all(exchange(s, some_data(3000)) for s in RANDOM.sample(clients, 100)))
    begin = time.monotonic()
    server.p.send_signal(signal.SIGINT)
    check(f"{kind}: {n} idle connections are closed when it is stopped", all(ended(s) for s in clients))
    check(f"{kind}: before they would be cut off", time.monotonic() - begin < GRACE + PATIENCE * (kind != "plain"))
    for s in clients:
        s.close()
    server.end(f"{n} idle connections", opened=n, sig=None)


# ---- how it ends ----

def graceful(kind):
    """Idle connections are closed; a busy one is served to its end, and nothing is lost."""
    for attempt in range(5):
        server = Server(kind)
        quiet = [server.connect(i % 2 == 1) for i in range(6)]
        check(f"{kind}, graceful: before", all(exchange(s, b"x") for s in quiet))
        busy = [server.connect(False), server.connect(True)]
        chunk, rounds = some_data(64 * 1024), 60
        gap, good, last = 0, [True, True], time.monotonic()
        for i in range(rounds):
            if i == 10:
                server.p.send_signal(signal.SIGTERM)
            if i == 20:
                check(f"{kind}, graceful: no connection is taken any more", until(server.refuses))
            good = [g and exchange(s, chunk, close=i == rounds - 1) for g, s in zip(good, busy)]
            gap, last = max(gap, time.monotonic() - last), time.monotonic()
        if all(good) or gap < 0.25 or attempt == 4:  # else this machine had no time for the client
            break
        server.end("graceful", status=server.p.wait(PATIENCE), sig=None)
    check(f"{kind}, graceful: a busy connection is served to its end", all(good), good, gap)
    check(f"{kind}, graceful: idle ones are closed", all(ended(s) for s in quiet))
    path = server.path
    status = server.p.wait(PATIENCE)
    check(f"{kind}, graceful: the Unix socket is gone", status != 0 or not os.path.exists(path))
    server.end("graceful", opened=8, sig=None)
    for s in quiet + busy:
        s.close()
    Server(kind).end("no connections at all", opened=0)


def deadline(kind):
    """Who keeps on sending, and who does not read, is cut off after GRACE."""
    server = Server(kind)
    server.warm()
    chatty, deaf = server.connect(), server.connect()
    check(f"{kind}, deadline: before", exchange(chatty, b"x") and exchange(deaf, b"x"))
    deaf.settimeout(0.2)
    try:
        while True:
            deaf.sendall(PATTERN)
    except OSError:
        pass
    until(lambda: server.descriptors() and exchange(chatty, b"x"), 1)
    begin = time.monotonic()
    server.p.send_signal(signal.SIGTERM)
    chatty.settimeout(PATIENCE)
    gap, last = 0, begin
    while exchange(chatty, b"more") and time.monotonic() - begin < PATIENCE:
        gap, last = max(gap, time.monotonic() - last), time.monotonic()
        time.sleep(0.02)
    took = time.monotonic() - begin
    check(f"{kind}, deadline: a connection that goes on lives for {GRACE} s", took >= GRACE - 0.05 or gap > 0.25, took, gap)
    check(f"{kind}, deadline: and is cut off then", took < GRACE + 2 or gap > 0.25, took, gap)
    got = server.end("deadline", status=1, opened=2, sig=None)
    check(f"{kind}, deadline: it says so", got and got["late"], got)
    chatty.close(), deaf.close()


def second_signal(kind):
    for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT), (signal.SIGINT, signal.SIGTERM)):
        server = Server(kind)
        stuck = server.connect()
        exchange(stuck, b"x")
        stuck.settimeout(0.1)
        try:
            while True:
                stuck.sendall(PATTERN)
        except OSError:
            pass
        begin = time.monotonic()
        server.p.send_signal(first)
        until(server.refuses)
        until(lambda: server.p.poll() is not None or server.p.send_signal(second))  # again: the first one may still be at work
        status = server.p.wait(PATIENCE)
        check(f"{kind}: a second signal ends it at once", status == -second, status)
        check(f"{kind}: that is, before its time", time.monotonic() - begin < GRACE - 0.5 or kind != "plain", time.monotonic() - begin)
        stuck.close()


# ---- when things go wrong ----

def storm(kind, clients=200, files=64):
    """More clients than it may have descriptors: all are served in the end."""
    server = Server(kind, files=files)
    base = server.warm()
    sockets = []
    for i in range(clients):
        sockets.append(server.connect(i % 8 == 7))
        sockets[-1].sendall(b"%d" % i)
    check(f"{kind}, storm: it runs out of descriptors", until(lambda: server.descriptors() == files), server.descriptors())
    cpu, begin = server.cpu(), time.monotonic()
    time.sleep(1.0)  # the time is what is measured
    share = (server.cpu() - cpu) / (time.monotonic() - begin)
    check(f"{kind}, storm: it waits rather than spins", share < 0.2, share)
    good, waiting = 0, {s: b"%d" % i for i, s in enumerate(sockets)}
    while waiting:  # whoever is served goes, and makes room for others: TCP and Unix clients are not accepted in one order
        ready = select.select(list(waiting), [], [], PATIENCE)[0]
        for s in ready:
            want = waiting.pop(s)
            good += receive(s, len(want)) == want
            s.close()
        if not ready:
            break
    check(f"{kind}, storm: all {clients} are served", good == clients, good)
    check(f"{kind}, storm: descriptors come back", until(lambda: server.descriptors() == base), server.descriptors(), base)
    got = server.end("storm", opened=0)
    if got:
        check(f"{kind}, storm: one message", len(got["said"].splitlines()) == 1 and "Too many open files" in got["said"], got["said"])
        check(f"{kind}, storm: all connections are counted", int(got["connections"]) == clients + 2, got)

    server = Server(kind, files=files)  # the same, stopped in the middle of it; nobody has been served before
    os.kill(server.p.pid, signal.SIGSTOP)
    sockets = [server.connect() for _ in range(clients)]
    for s in sockets:
        s.sendall(b"x")
    os.kill(server.p.pid, signal.SIGCONT)
    until(lambda: server.descriptors() == files)
    check(f"{kind}, storm: who was accepted is served", receive(sockets[0], 1) == b"x")
    server.p.send_signal(signal.SIGTERM)
    check(f"{kind}, storm: all connections end when it is stopped", all(ended(s) for s in sockets))
    for s in sockets:
        s.close()
    server.end("stopped in a storm", sig=None)


def client(port, path, seed):
    """A process of its own, to be killed: echoes over several connections, with ends of all kinds."""
    rnd = random.Random(seed)
    pattern = rnd.randbytes(1 << 17)
    sockets = {}
    end = time.monotonic() + 300
    while time.monotonic() < end:
        if len(sockets) < 8:
            s = socket.socket(socket.AF_UNIX if rnd.random() < 0.3 else socket.AF_INET)
            s.connect(path if s.family == socket.AF_UNIX else ("127.0.0.1", port))
            s.setblocking(False)
            sockets[s] = [0, 0, rnd.choice((10, 1000, 1024, 50000, 1 << 17)), rnd.random()]  # sent, received, to send, how to end
        readable, writable, _ = select.select(list(sockets), [s for s, x in sockets.items() if x[0] < x[2]], [], 5)
        for s in writable:
            x = sockets[s]
            x[0] += s.send(pattern[x[0]:min(x[2], x[0] + rnd.randrange(1, 20000))])
        for s in readable:
            x = sockets[s]
            data = s.recv(1 << 16)
            if not data or data != pattern[x[1]:x[1] + len(data)]:
                sys.exit(f"wrong data at {x}: {len(data)}")
            x[1] += len(data)
            if x[3] < 0.2 and x[1] > x[2] // 2 or x[1] == x[2]:
                if x[3] < 0.1 and s.family == socket.AF_INET:  # a reset
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                if x[3] < 0.5:
                    s.close()
                    del sockets[s]
                else:
                    x[:3] = 0, 0, rnd.choice((10, 1000, 1024, 50000, 1 << 17))


def killed(kind, seconds, processes):
    """Clients that are killed at random leave nothing behind."""
    server = Server(kind)
    base, resident, kills = server.warm(), [], 0
    for part in range(4):  # the first warms it up
        alive, end, wrong = [], time.monotonic() + seconds / 4, []
        while time.monotonic() < end:
            while len(alive) < processes:
                alive.append(subprocess.Popen([sys.executable, "-S", "-E", os.path.abspath(__file__), "--client", str(server.port),
                                               server.path, str(RANDOM.random())], stderr=subprocess.PIPE, text=True))
            time.sleep(RANDOM.uniform(0, 0.2))
            p = RANDOM.choice(alive)
            p.kill()
            said = p.communicate()[1]
            alive.remove(p)
            kills += 1
            if said or p.returncode != -signal.SIGKILL:
                wrong.append((p.returncode, said))
        for p in alive:
            p.kill()
            p.communicate()
        kills += len(alive)
        check(f"{kind}, killed: clients get what they sent", not wrong, wrong)
        check(f"{kind}, killed: descriptors come back", until(lambda: server.descriptors() == base), server.descriptors(), base)
        resident.append(server.resident())
    if kind == "plain":  # the pool may keep 32 buffers of 32 KiB for each thread that ever held so many: that is its bound, not a leak
        check(f"{kind}, killed: no memory growth", resident[-1] - resident[0] < 16 << 20, resident)
    got = server.end("killed", opened=0)
    if got:
        print(f"measured: {kind}: {kills} clients killed in {seconds} s: {got['connections']} connections, {got['bytes']} bytes; left: "
              f"{got['goroutines']} goroutines, {got['descriptors']} descriptors; resident KiB after each quarter: "
              + ", ".join(str(r // 1024) for r in resident), flush=True)


def main():
    args = programs.arguments(__doc__)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    others = None
    if "plain" in args.only and len(args.only) > 1:  # the rest at the same time: most of it is waiting
        others = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--only", ",".join(k for k in args.only if k != "plain"),
                                   *["--long"] * args.long], stdout=subprocess.PIPE, text=True)
        args.only = ["plain"]
    for kind in args.only:
        if not programs.build("echo", kind, "examples/echo.c"):
            continue
        plain = kind == "plain"
        tests = [(sizes,), (timeouts,), (usage,), (idle, 10000 if plain else 300), (graceful,), (deadline,), (second_signal,), (storm,),
                 (killed, 60 if args.long else 5 if plain else 2, 4 if plain else 2)]
        if not plain and not args.long:
            tests = [t for t in tests if t[0] not in (usage, deadline)]
        for test, *rest in tests:
            begin = time.monotonic()
            try:
                test(kind, *rest)
            except (OSError, subprocess.SubprocessError, AttributeError, TypeError) as e:  # a server that is gone, most likely
                check(f"{kind}, {test.__name__}: {type(e).__name__}", False, e, "line", e.__traceback__.tb_next.tb_lineno,
                      *(f"\n{s.p.poll()}: {s.said()}" for s in running))
            for s in running:
                s.discard()
            running.clear()
            if os.environ.get("VERBOSE"):
                print(f"{kind} {test.__name__}: {time.monotonic() - begin:.1f} s", flush=True)
    if others:
        *lines, last = others.communicate()[0].splitlines() or [""]
        print(*lines, sep="\n")
        m = re.fullmatch(r"(\d+) passed, (\d+) failed", last)
        if m:
            programs.passed, programs.failed = programs.passed + int(m[1]), programs.failed + int(m[2])
        else:
            check("the other builds", False, last)
    return programs.result()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--client"]:
        client(int(sys.argv[2]), sys.argv[3], sys.argv[4])
    else:
        sys.exit(main())
