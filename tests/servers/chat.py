#!/usr/bin/env python3
"""Tests of examples/chat.c with real sockets; the last line is "N passed, N failed".

  chat.py                 plain, ASan and TSan builds
  chat.py --only NAMES    some builds (plain,asan,tsan)
"""
import os
import random
import re
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
from programs import PATIENCE, check, environment, program, until

TEXT = 400  # the server's
RANDOM = random.Random(0)

running = []


class Server:
    def __init__(self, kind, *options):
        self.kind = kind
        self.err = tempfile.TemporaryFile("w+")
        self.p = subprocess.Popen([program("chat", kind), *options, "127.0.0.1:0"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=self.err, text=True, env=environment(kind))
        running.append(self)
        self.port = int(re.fullmatch(r"chat: port (\d+)\n", self.p.stdout.readline())[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.p.pid}/fd"))

    def refuses(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), PATIENCE).close()
        except OSError:
            return True
        return False

    def discard(self):
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait()
        self.p.stdout.close()
        self.err.close()
        running.remove(self)

    def end(self, what, status=0, how="in time", sig=signal.SIGTERM):
        """Stop it and see how it ends: what its last line counts."""
        if sig:
            self.p.send_signal(sig)
        try:
            out = self.p.communicate(timeout=PATIENCE)[0]
        except subprocess.TimeoutExpired:
            self.p.kill()
            out = self.p.communicate()[0]
        self.err.seek(0)
        said = self.err.read()
        m = re.search(r"chat: (\d+) clients, (\d+) lines; (\d+) missed, (\d+) too slow; (.*); left: (\d+) goroutines$", out)
        check(f"{self.kind}, {what}: exit status {status}, nothing on stderr", self.p.returncode == status and not said, self.p.returncode, out, said)
        check(f"{self.kind}, {what}: closing line", m and m[5] == how and m[6] == "0", out)
        self.discard()
        return dict(zip(("clients", "lines", "missed", "slow"), map(int, m.groups()[:4]))) if m else {}


class Client:
    def __init__(self, server, name=None, small=False):
        self.s = socket.socket()
        if small:
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.s.settimeout(PATIENCE)
        self.s.connect(("127.0.0.1", server.port))
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.s.makefile("rb")
        self.name = name
        self.heard = set()
        if name:
            self.say(name)
            self.read_to(f"* {name} has come")

    def say(self, *lines):
        self.s.sendall("".join(line + "\n" for line in lines).encode())

    def line(self):
        """The next line; None at the end of the stream."""
        try:
            line = self.file.readline()
        except ConnectionError:
            return None
        if not line:
            return None
        self.heard.add(line.decode().rstrip("\n"))
        return line.decode().rstrip("\n")

    def read_to(self, wanted):
        """All lines up to that one."""
        lines = []
        while not lines or lines[-1] not in (wanted, None):
            lines.append(self.line())
        return lines

    def rest(self):
        return self.read_to(None)[:-1]

    def close(self, reset=False):
        if reset:
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.file.close()
        self.s.close()


def expect(what, client, *lines):
    got = [client.line() for _ in lines]
    check(what, got == list(lines), got, lines)


def conversation(kind):
    server = Server(kind)
    base = server.descriptors()
    ann = Client(server)
    expect(f"{kind}: it asks for a name", ann, "* your name?")
    ann.say("ann b", "", "x" * 17, "ann")
    expect(f"{kind}: names have a form", ann, *["* a name is 1 to 16 letters, digits, _ and -"] * 3, "* you are in hall, 1 there", "* ann has come")
    bob = Client(server)
    bob.say("ann", "bob")
    expect(f"{kind}: a name is given once", bob, "* your name?", "* ann is here already", "* you are in hall, 2 there", "* bob has come")
    expect(f"{kind}: who is there learns of it", ann, "* bob has come")
    ann.s.sendall(b"hello\r\ntwo \x1b[2J\tlines\n")
    for c in (ann, bob):
        expect(f"{kind}: all hear what is said, without control characters", c, "ann: hello", "ann: two  [2J lines")
    bob.say("y" * (TEXT + 1000))
    for c in (ann, bob):
        expect(f"{kind}: a long line is cut", c, "bob: " + "y" * TEXT)
    bob.say("/join kitchen", "/join a/b", "/nonsense", "anybody?")
    got = bob.read_to("bob: anybody?")  # the word of his own leaving may come or not: he leaves
    answers = ["* you are in kitchen, 1 there", "* a room's name is 1 to 16 letters, digits, _ and -", "* /join room, /who, /quit"]
    check(f"{kind}: another room, what is wrong and what is said", [x for x in got if x in answers] == answers
          and sorted(set(got) - {*answers, "* bob has left for kitchen"}) == ["* bob has come", "bob: anybody?"], got)
    expect(f"{kind}: the old room hears of it, and nothing more", ann, "* bob has left for kitchen")
    ann.say("/who", "alone")
    got = [ann.line() for _ in range(4)]
    check(f"{kind}: who is where", sorted(got[:2]) == ["* ann in hall", "* bob in kitchen"] and got[2:] == ["* that is all", "ann: alone"], got)
    ann.say("/quit")
    check(f"{kind}: good bye", ann.rest()[-1:] == ["* good bye"])
    dan = Client(server)
    dan.say("ann", "/quit")
    check(f"{kind}: the name is free again", dan.rest()[-3:] == ["* ann has come", "* ann has gone", "* good bye"])
    for c in (ann, bob, dan):
        c.close()
    check(f"{kind}: descriptors come back", until(lambda: server.descriptors() <= base + 3), server.descriptors(), base)
    count = server.end("conversation")
    check(f"{kind}: it counts", (count.get("clients"), count.get("lines"), count.get("missed")) == (3, 5, 0), count)


def crowd(kind, n, each):
    """All talk at once: everybody gets everything in each speaker's order, or is told how much is missing."""
    server = Server(kind)
    clients = [Client(server, f"c{i}") for i in range(n)]
    results, spoken = [None] * n, [threading.Event() for _ in range(n)]

    def reads(i):
        heard, news, lost, last, wrong = 0, 0, 0, {}, []
        for line in iter(clients[i].line, None):
            if m := re.fullmatch(r"(c\d+): (\d+)", line):
                heard += 1
                if last.get(m[1], -1) >= int(m[2]):
                    wrong.append(line)
                last[m[1]] = int(m[2])
            elif m := re.fullmatch(r"\* you have missed (\d+) lines", line):
                lost += int(m[1])
            elif re.fullmatch(r"\* c\d+ has (come|gone)", line):
                news += 1
            elif line == "* that is all":
                spoken[i].set()
            elif line != "* the server closes" and not re.fullmatch(r"\* c\d+ in hall", line):
                wrong.append(line)
        results[i] = heard, news, lost, wrong

    def talks(i):
        clients[i].say(*map(str, range(each)), "/who")
    threads = [threading.Thread(target=f, args=(i,)) for i in range(n) for f in (reads, talks)]
    for t in threads:
        t.start()
    check(f"{kind}, crowd: all was said", all(e.wait(PATIENCE) for e in spoken))
    count = server.end(f"crowd of {n}")
    for t in threads:
        t.join()
    check(f"{kind}, crowd: each speaker's lines in order, and nothing else", all(not r[3] for r in results), [r[3][:3] for r in results if r[3]])
    check(f"{kind}, crowd: it counts", count.get("lines") == n * each, count)
    # what is missing may be lines or news
    check(f"{kind}, crowd: heard, or told to be missing", all(r[0] + r[2] >= n * each and r[0] + r[1] + r[2] <= n * each + 2 * n for r in results),
          [r[:3] for r in results])
    for c in clients:
        c.close()


def flood(talker, n):
    """Say n lines, each when the one before has been heard."""
    for i in range(n):
        line = f"{i} " + "z" * 380
        talker.say(line)
        if talker.read_to(f"{talker.name}: {line}")[-1] is None:
            return False
    return True


FLOOD = 1000  # more lines than the sockets and the server hold for one that does not read


def behind(kind):
    """One that does not read loses lines, and is told how many; the others do not notice."""
    server = Server(kind, "-t", "100")
    sleeper, talker = Client(server, "sleeper", small=True), Client(server, "talker")
    n = FLOOD
    check(f"{kind}: the talker is not held up", flood(talker, n))
    talker.say("/quit")
    check(f"{kind}: the talker leaves", talker.rest()[-1:] == ["* good bye"])
    lines = sleeper.read_to("* talker has gone")
    heard = [int(m[1]) for x in lines if (m := re.match(r"talker: (\d+) z+$", x))]
    lost = sum(int(m[1]) for x in lines if (m := re.fullmatch(r"\* you have missed (\d+) lines", x)))
    told = [x for x in lines if not x.startswith(("talker: ", "* you have missed"))]
    check(f"{kind}: the sleeper has the first and the last, in order", heard == sorted(set(heard)) and heard[0] == 0 and heard[-1] == n - 1, heard[:5], heard[-5:])
    check(f"{kind}: it knows what it has missed", lost > 0 and len(heard) + lost + len(told) == n + 2, len(heard), lost, told)
    count = server.end("behind")
    check(f"{kind}: so does the server", count.get("missed", -1) >= lost and count.get("slow") == 0, count, lost)
    for c in (sleeper, talker):
        c.close()


def too_slow(kind):
    for options in (("-k", "-t", "100"), ("-t", "0.5")):
        server = Server(kind, *options)
        sleeper, talker = Client(server, "sleeper", small=True), Client(server, "talker")
        check(f"{kind} {options}: the talker is not held up", flood(talker, FLOOD))
        check(f"{kind} {options}: the talker hears that the sleeper is gone",  # it may have heard it while it talked
              "* sleeper has gone" in talker.heard or talker.read_to("* sleeper has gone")[-1])
        check(f"{kind} {options}: it is, and has no good bye", "* good bye" not in sleeper.rest())
        for c in (sleeper, talker):
            c.close()
        count = server.end(f"too slow {options}")
        check(f"{kind} {options}: it counts", count.get("slow") == 1, count)


def graceful(kind):
    server = Server(kind)
    clients = [Client(server, f"c{i}") for i in range(20)]
    clients[0].say("last words")
    clients[0].read_to("c0: last words")
    server.p.send_signal(signal.SIGINT)
    rests = [c.rest() for c in clients]
    check(f"{kind}, graceful: all that was said, and a last word", all("c0: last words" in r or c is clients[0] for c, r in zip(clients, rests))
          and all("* the server closes" in r for r in rests), rests[:2])
    check(f"{kind}, graceful: no more clients", server.refuses())
    server.end("graceful", sig=None)
    for c in clients:
        c.close()


def deaf_server(kind):
    server = Server(kind, "-t", "100")
    sleeper, talker = Client(server, "sleeper", small=True), Client(server, "talker")
    flood(talker, FLOOD)
    return server, sleeper, talker


def deadline(kind):
    server, sleeper, talker = deaf_server(kind)
    begin = time.monotonic()
    server.end("one does not read", status=1, how="1 client cut off")
    check(f"{kind}: the grace is over after 3 s", time.monotonic() - begin >= 3)
    sleeper.close(), talker.close()


def second_signal(kind):
    server, sleeper, talker = deaf_server(kind)
    server.p.send_signal(signal.SIGTERM)
    check(f"{kind}: the first signal stops it gracefully", "* the server closes" in talker.rest())
    while server.p.poll() is None:  # the first one may not have been seen by main
        server.p.send_signal(signal.SIGTERM)
        time.sleep(0.01)
    check(f"{kind}: the second ends it", server.p.returncode == -signal.SIGTERM or kind == "tsan", server.p.returncode)
    server.discard()
    sleeper.close(), talker.close()


def storm(kind, n):
    """Clients that come, talk and vanish in every way leave nothing behind."""
    server = Server(kind)
    base = server.descriptors()

    def guest(seed):
        rnd = random.Random(seed)
        for i in range(n):
            try:
                c = Client(server)
                if rnd.random() < 0.8:
                    c.say(f"g{seed}x{i}")
                for _ in range(rnd.randrange(5)):
                    c.say(rnd.choice(["hi", "/join r%d" % rnd.randrange(4), "/who", "/quit", "nobody"]))
                if rnd.random() < 0.5:
                    c.line()  # the question for the name, which always comes
                c.close(reset=rnd.random() < 0.5)
            except OSError:
                pass
    threads = [threading.Thread(target=guest, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check(f"{kind}, storm: descriptors come back", until(lambda: server.descriptors() <= base + 3), server.descriptors(), base)
    last = Client(server, "g0x0")

    def who():
        last.say("/who")
        return [x for x in last.read_to("* that is all") if re.match(r"\* \w+ in ", x)]
    check(f"{kind}, storm: all names are free again", until(lambda: who() == ["* g0x0 in hall"]), who())
    last.close()
    count = server.end("storm")
    check(f"{kind}, storm: it served them", count.get("clients") == 8 * n + 1, count)


def usage(kind):
    for args in ([], ["-x", ":0"], ["-t", "0", ":0"], ["-t", "soon", ":0"], [":0", ":0"]):
        p = subprocess.run([program("chat", kind), *args], capture_output=True, text=True, timeout=PATIENCE)
        check(f"{kind}: wrong usage {args}", p.returncode == 2 and "usage" in p.stderr, p.returncode, p.stderr)
    p = subprocess.run([program("chat", kind), "nonsense"], capture_output=True, text=True, timeout=PATIENCE)
    check(f"{kind}: cannot listen", p.returncode == 1 and p.stderr, p.returncode, p.stderr)


def main():
    args = programs.arguments(__doc__)
    for kind in args.only:
        if not programs.build("chat", kind, "examples/chat.c"):
            continue
        plain = kind == "plain"
        tests = [(conversation,), (crowd, 20, 50), (behind,), (graceful,), (storm, 100 if args.long else 20)]
        if plain or args.long:
            tests += [(too_slow,), (deadline,), (second_signal,), (usage,)]
        for test, *rest in tests:
            begin = time.monotonic()
            try:
                test(kind, *rest)
            except (OSError, subprocess.SubprocessError, AttributeError, TypeError, IndexError) as e:  # a server that is gone, most likely
                check(f"{kind}, {test.__name__}: {type(e).__name__}", False, e, "line", e.__traceback__.tb_next.tb_lineno)
            for s in list(running):
                s.discard()
            if os.environ.get("VERBOSE"):
                print(f"{kind} {test.__name__}: {time.monotonic() - begin:.1f} s", flush=True)
    return programs.result()


if __name__ == "__main__":
    sys.exit(main())
