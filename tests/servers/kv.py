#!/usr/bin/env python3
"""Tests of examples/kv.c: the protocol, byte for byte, and against Debian's redis-server where that is installed.

  kv.py           build (plain, ASan, TSan), all tests, a short redis-benchmark; the last line is "N passed, N failed"
  kv.py --long    more random commands, and the comparison with redis-server: requests/s and p99, medians of three rounds

Needs gcc; uses redis-server, redis-cli and redis-benchmark (Debian: redis-server, redis-tools) where they are there.
"""
import csv
import os
import random
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUT = os.path.join(ROOT, "build", "tests", "servers")
LONG = "--long" in sys.argv
PATIENCE = 60  # seconds that anything may take on a loaded machine before it counts as failed
FLAGS = {
    "plain": ["-O2", "-g"],
    "asan": ["-O0", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined",
             "-fno-sanitize=shift"],  # stb_ds shifts bytes into the sign of an int
    "tsan": ["-O1", "-g", "-fsanitize=thread"],
}
ENV = {
    "asan": {"ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=0"},
    "tsan": {"TSAN_OPTIONS": "halt_on_error=1:history_size=4:report_thread_leaks=0"},
}
passed = failed = 0


def check(name, good, *detail):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print("FAIL", name, *[shorten(d) for d in detail], flush=True)
    return good


def shorten(x):
    text = x if isinstance(x, str) else repr(x)
    return text if len(text) < 600 else text[:300] + " ... " + text[-300:]


def part(f, *args):
    """A part of the tests: when the server goes away in the middle, that is one failure and not the end."""
    try:
        f(*args)
    except (Closed, OSError, ValueError) as e:
        check(f.__name__, False, repr(e))


def same(name, got, want):
    return check(name, got == want, "\n    got ", got, "\n    want", want)


# ---- programs ----

def program(kind):
    return os.path.join(OUT, "kv-" + kind)


def build_all():
    os.makedirs(OUT, exist_ok=True)
    sources = [os.path.join(ROOT, "conc.h"), os.path.join(ROOT, "examples", "kv.c")]
    newest = max(os.path.getmtime(f) for f in sources + [__file__])
    running = {}
    for kind, flags in FLAGS.items():
        if not os.path.exists(program(kind)) or os.path.getmtime(program(kind)) < newest:
            if os.path.exists(program(kind)):
                os.remove(program(kind))  # never run an older one
            command = ["gcc", "-std=c11", "-Wall", "-Wextra", "-I" + ROOT, *flags, sources[1], "-o", program(kind), "-pthread"]
            running[kind] = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for kind, p in running.items():
        text = p.communicate()[0]
        if p.returncode != 0 or text:
            check("build " + kind, False, text)
    return all(os.path.exists(program(kind)) for kind in FLAGS)


class Server:
    """kv in one of its builds; it must stop when asked, with status 0 and nothing on stderr."""

    def __init__(self, kind="plain", procs=2, files=None):
        self.kind = kind
        limit = files and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files)))
        self.process = subprocess.Popen([program(kind), "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        preexec_fn=limit, env={**os.environ, "CONC_PROCS": str(procs), **ENV.get(kind, {})})
        self.port = int(self.process.stdout.readline().split()[-1])

    def stop(self, how=signal.SIGTERM):
        if how and self.process.poll() is None:
            self.process.send_signal(how)
        try:
            text = self.process.communicate(timeout=PATIENCE)[1].decode(errors="replace")
        except subprocess.TimeoutExpired:
            self.process.kill()
            text = "did not stop\n" + self.process.communicate()[1].decode(errors="replace")
        check(f"{self.kind}: stops with status 0 and says nothing", self.process.returncode == 0 and not text,
              self.process.returncode, text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Redis:
    """Debian's redis-server on a free port, keeping nothing."""

    def __init__(self):
        for _ in range(5):  # the port may be taken between asking for it and using it
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                self.port = s.getsockname()[1]
            self.process = subprocess.Popen(
                ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no",
                 "--daemonize", "no", "--dir", OUT], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            end = time.monotonic() + PATIENCE
            while self.process.poll() is None and time.monotonic() < end:
                try:
                    Client(self.port).close()
                    return
                except OSError:
                    time.sleep(0.02)
            self.process.kill()
        raise RuntimeError("redis-server does not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE)


class Closed(Exception):
    pass


def request(*args):
    args = [a if isinstance(a, bytes) else str(a).encode() for a in args]
    return b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in args)


class Client:
    def __init__(self, port):
        self.s = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.f = self.s.makefile("rb", 1 << 16)

    def send(self, data):
        self.s.sendall(data)

    def raw(self):
        """One reply, as it came."""
        line = self.f.readline()
        if not line.endswith(b"\r\n"):
            raise Closed(line)
        if line[:1] == b"$" and line != b"$-1\r\n":
            body = self.f.read(int(line[1:]) + 2)
            if len(body) != int(line[1:]) + 2:
                raise Closed(line)
            return line + body
        if line[:1] == b"*":
            return line + b"".join(self.raw() for _ in range(int(line[1:])))
        return line

    def ask(self, *args):
        self.send(request(*args))
        return self.raw()

    def rest(self):
        """Everything until the end of the connection."""
        data = b""
        try:
            while True:
                more = self.f.read1(1 << 16)
                if not more:
                    return data
                data += more
        except ConnectionError:
            return data

    def close(self):
        self.f.close()
        self.s.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def bulk(data):
    data = data if isinstance(data, bytes) else str(data).encode()
    return b"$%d\r\n%s\r\n" % (len(data), data)


def array(*items):
    return b"*%d\r\n" % len(items) + b"".join(items)


def arity(name):
    return b"-ERR wrong number of arguments for '%s' command\r\n" % name.encode()


OK, NIL, PONG = b"+OK\r\n", b"$-1\r\n", b"+PONG\r\n"
NUMBER = b"-ERR value is not an integer or out of range\r\n"
TYPE = b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
SYNTAX = b"-ERR syntax error\r\n"
BIN = b"\0\r\n\xff \"'$*"
MAX, MIN = 2**63 - 1, -2**63

# What is sent, in this order, and what must come back: from redis-server too.
TALK = [
    (("PING",), PONG), (("ping", "hi"), bulk("hi")), (("PING", "a", "b"), arity("ping")), (("PING", b""), bulk("")),
    (("ECHO", BIN), bulk(BIN)), (("ECHO",), arity("echo")), (("echo", "a", "b"), arity("echo")),
    (("SET", "s", "v"), OK), (("GET", "s"), bulk("v")), (("GET", "none"), NIL), (("GET",), arity("get")),
    (("GET", "a", "b"), arity("get")), (("SET", "s"), arity("set")), (("SET",), arity("set")),
    (("SET", BIN, BIN), OK), (("GET", BIN), bulk(BIN)), (("SET", b"", b""), OK), (("GET", b""), bulk("")),
    (("SET", b"a\0b", "1"), OK), (("SET", b"a\0c", "2"), OK), (("GET", b"a\0b"), bulk("1")), (("GET", b"a"), NIL),
    (("SET", "s", "w", "NX"), NIL), (("SET", "s", "w", "xx"), OK), (("SET", "new", "w", "XX"), NIL),
    (("SET", "new", "w", "nx"), OK), (("SET", "s", "w", "NX", "XX"), SYNTAX), (("SET", "s", "w", "XX", "NX"), SYNTAX),
    (("SET", "s", "w", "BAD"), SYNTAX), (("SET", "s", "w", "EX"), SYNTAX), (("SET", "s", "w", "EX", "1", "PX", "1"), SYNTAX),
    (("SET", "s", "w", "EX", "1", "EX", "9", "XX"), OK), (("SET", "s", "w"), OK), (("SET", "s", "w", "EX", "x"), NUMBER), (("SET", "s", "w", "PX", "1.5"), NUMBER),
    (("SET", "s", "w", "EX", "0"), b"-ERR invalid expire time in 'set' command\r\n"),
    (("SET", "s", "w", "PX", "-1"), b"-ERR invalid expire time in 'set' command\r\n"),
    (("SET", "s", "w", "EX", MAX), b"-ERR invalid expire time in 'set' command\r\n"),
    (("SET", "s", "w", "PX", MAX), b"-ERR invalid expire time in 'set' command\r\n"),
    (("GET", "s"), bulk("w")), (("TTL", "s"), b":-1\r\n"), (("TTL", "none"), b":-2\r\n"), (("TTL",), arity("ttl")),
    (("SET", "t", "v", "EX", 1000), OK), (("TTL", "t"), b":1000\r\n"), (("SET", "t", "v"), OK), (("TTL", "t"), b":-1\r\n"),
    (("EXPIRE", "t", 1000), b":1\r\n"), (("INCR", "t"), NUMBER), (("APPEND", "t", "w"), b":2\r\n"), (("TTL", "t"), b":1000\r\n"),
    (("MSET", "t", "1"), OK), (("TTL", "t"), b":-1\r\n"), (("EXPIRE", "none", 10), b":0\r\n"), (("EXPIRE", "t", "x"), NUMBER),
    (("EXPIRE", "t"), arity("expire")), (("EXPIRE", "t", 10, "ZZ"), b"-ERR Unsupported option ZZ\r\n"),
    (("EXPIRE", "t", MAX), b"-ERR invalid expire time in 'expire' command\r\n"),
    (("EXPIRE", "t", MIN), b"-ERR invalid expire time in 'expire' command\r\n"),
    (("SET", "t", "9", "PX", 100000), OK), (("INCR", "t"), b":10\r\n"), (("TTL", "t"), b":100\r\n"), (("EXPIRE", "t", 0), b":1\r\n"),
    (("GET", "t"), NIL), (("SET", "t", "1"), OK), (("EXPIRE", "t", -5), b":1\r\n"), (("EXISTS", "t"), b":0\r\n"),
    (("DEL", "s", "none", "new", "s"), b":2\r\n"), (("DEL",), arity("del")), (("EXISTS",), arity("exists")),
    (("SET", "s", "1"), OK), (("EXISTS", "s", "s", "none"), b":2\r\n"),
    (("INCR", "n"), b":1\r\n"), (("INCR", "n"), b":2\r\n"), (("DECR", "n"), b":1\r\n"), (("INCRBY", "n", "-11"), b":-10\r\n"),
    (("GET", "n"), bulk("-10")), (("INCRBY", "n", "ten"), NUMBER), (("INCRBY", "n"), arity("incrby")), (("INCR",), arity("incr")),
    (("DECR", "a", "b"), arity("decr")), (("INCRBY", "n", "1.0"), NUMBER), (("INCRBY", "n", " 1"), NUMBER),
    (("INCRBY", "n", "+1"), NUMBER), (("INCRBY", "n", "01"), NUMBER), (("INCRBY", "n", "-0"), NUMBER), (("INCRBY", "n", ""), NUMBER),
    (("INCRBY", "n", "-"), NUMBER), (("INCRBY", "n", MAX + 1), NUMBER), (("INCRBY", "n", MIN - 1), NUMBER),
    (("SET", "n", MAX), OK), (("INCR", "n"), b"-ERR increment or decrement would overflow\r\n"),
    (("DECR", "n"), b":%d\r\n" % (MAX - 1)), (("SET", "n", MIN), OK), (("DECR", "n"), b"-ERR increment or decrement would overflow\r\n"),
    (("INCR", "n"), b":%d\r\n" % (MIN + 1)), (("INCRBY", "n", MAX), b":0\r\n"), (("SET", "n", "x"), OK), (("INCR", "n"), NUMBER),
    (("SET", "n", MAX + 1), OK), (("INCR", "n"), NUMBER), (("SET", "n", b"1\0"), OK), (("INCR", "n"), NUMBER),
    (("APPEND", "ap", BIN), b":%d\r\n" % len(BIN)), (("APPEND", "ap", b""), b":%d\r\n" % len(BIN)),
    (("APPEND", "ap", BIN), b":%d\r\n" % (2 * len(BIN))), (("GET", "ap"), bulk(BIN * 2)), (("APPEND", "ap"), arity("append")),
    (("RPUSH", "l", "a", "b", "c"), b":3\r\n"), (("LPUSH", "l", "x", "y"), b":5\r\n"), (("LLEN", "l"), b":5\r\n"),
    (("LRANGE", "l", 0, -1), array(*map(bulk, "yxabc"))), (("LRANGE", "l", 1, 2), array(bulk("x"), bulk("a"))),
    (("LRANGE", "l", -2, -1), array(bulk("b"), bulk("c"))), (("LRANGE", "l", -100, 100), array(*map(bulk, "yxabc"))),
    (("LRANGE", "l", 3, 2), array()), (("LRANGE", "l", 5, 9), array()), (("LRANGE", "none", 0, -1), array()),
    (("LRANGE", "l", MIN, MAX), array(*map(bulk, "yxabc"))), (("LRANGE", "l", 0, -100), array()), (("LRANGE", "l", "a", 1), NUMBER),
    (("LRANGE", "l", 0, MAX + 1), NUMBER), (("LRANGE", "l", 0), arity("lrange")), (("LPOP", "l"), bulk("y")), (("RPOP", "l"), bulk("c")),
    (("LPOP", "l", 2), array(bulk("x"), bulk("a"))), (("RPOP", "l", 0), array()), (("LLEN", "l"), b":1\r\n"),
    (("RPOP", "l", 10), array(bulk("b"))), (("EXISTS", "l"), b":0\r\n"), (("LPOP", "l"), NIL), (("RPOP", "l", 1), b"*-1\r\n"),
    (("LPOP", "l", -1), b"-ERR value is out of range, must be positive\r\n"), (("LPOP", "l", 1, 2), arity("lpop")),
    (("RPOP", "l", "x"), b"-ERR value is out of range, must be positive\r\n"), (("RPOP",), arity("rpop")), (("LLEN",), arity("llen")),
    (("LPUSH", "l"), arity("lpush")), (("RPUSH",), arity("rpush")), (("LLEN", "none"), b":0\r\n"),
    (("RPUSH", "l", BIN, b""), b":2\r\n"), (("LRANGE", "l", 0, -1), array(bulk(BIN), bulk(""))),
    (("GET", "l"), TYPE), (("INCR", "l"), TYPE), (("APPEND", "l", "x"), TYPE), (("LPUSH", "s", "x"), TYPE), (("RPUSH", "s", "x"), TYPE),
    (("LPOP", "s"), TYPE), (("RPOP", "s", 2), TYPE), (("LLEN", "s"), TYPE), (("LRANGE", "s", 0, 1), TYPE),
    (("TYPE", "s"), b"+string\r\n"), (("TYPE", "l"), b"+list\r\n"), (("TYPE", "none"), b"+none\r\n"), (("TYPE",), arity("type")),
    (("SET", "l", "now a string"), OK), (("TYPE", "l"), b"+string\r\n"),
    (("MSET", "m1", 1, "m2", 2, "m1", 3), OK), (("RPUSH", "ml", 1), b":1\r\n"),
    (("MGET", "m1", "none", "m2", "ml", "m1"), array(bulk(3), NIL, bulk(2), NIL, bulk(3))), (("MGET",), arity("mget")),
    (("MSET",), arity("mset")), (("MSET", "a"), arity("mset")), (("MSET", "a", 1, "b"), arity("mset")), (("MSET", "ml", "s"), OK),
    (("GET", "ml"), bulk("s")),
    (("SELECT", 0), OK), (("SELECT", 99), b"-ERR DB index is out of range\r\n"), (("SELECT", "x"), NUMBER), (("SELECT",), arity("select")),
    (("SELECT", -1), b"-ERR DB index is out of range\r\n"), (("CONFIG",), arity("config")),
    (("CONFIG", "GET", "save"), array(bulk("save"), bulk(""))), (("config", "get", "appendonly"), array(bulk("appendonly"), bulk("no"))),
    (("CONFIG", "GET"), arity("config|get")), (("CONFIG", "NO", "x"), b"-ERR unknown subcommand 'NO'. Try CONFIG HELP.\r\n"),
    (("CONFIG", "GET", "nothing"), array()),
    (("FLUSHALL", "NOW"), SYNTAX), (("HELLO", 9), b"-NOPROTO unsupported protocol version\r\n"),
    (("HELLO", "x"), b"-ERR Protocol version is not an integer or out of range\r\n"),
    (("HELLO", 2, "x"), b"-ERR Syntax error in HELLO option 'x'\r\n"),
    (("FOO",), b"-ERR unknown command 'FOO', with args beginning with: \r\n"),
    (("foo", "a", "b c", b"d\r\ne"), b"-ERR unknown command 'foo', with args beginning with: 'a' 'b c' 'd  e' \r\n"),
    ((b"a\r\nb",), b"-ERR unknown command 'a  b', with args beginning with: \r\n"), ((b"",), b"-ERR unknown command '', with args beginning with: \r\n"),
    (("x" * 200, "y" * 200), b"-ERR unknown command '" + b"x" * 128 + b"', with args beginning with: '" + b"y" * 128 + b"' \r\n"),
    (("x", *["yy"] * 99), b"-ERR unknown command 'x', with args beginning with: " + b"'yy' " * 26 + b"\r\n"),
    (("GET" * 3,), b"-ERR unknown command 'GETGETGET', with args beginning with: \r\n"),
    ((b"GET\0", "a"), b"-ERR unknown command 'GET', with args beginning with: 'a' \r\n"),
    (("DBSIZE", "x"), arity("dbsize")), (("FLUSHALL",), OK), (("DBSIZE",), b":0\r\n"), (("MSET", "a", 1, "b", 2), OK), (("DBSIZE",), b":2\r\n"),
    (("FLUSHALL", "async"), OK), (("GET", "a"), NIL), (("FLUSHALL", "SYNC"), OK), (("QUIT",), OK),
]

# Bytes as typed, and the reply; then the connection is closed (END) or goes on.
BAD = [
    (b"*a\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", True),
    (b"*\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", True),
    (b"*01\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", True),
    (b"*3000000000\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", True),
    (b"*99999999999999999999\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", True),
    (b"*1\r\n$-1\r\n", b"-ERR Protocol error: invalid bulk length\r\n", True),
    (b"*1\r\n$x\r\n", b"-ERR Protocol error: invalid bulk length\r\n", True),
    (b"*1\r\n$\r\n", b"-ERR Protocol error: invalid bulk length\r\n", True),
    (b"*1\r\n$536870913\r\n", b"-ERR Protocol error: invalid bulk length\r\n", True),
    (b"*1\r\n$99999999999999999999\r\n", b"-ERR Protocol error: invalid bulk length\r\n", True),
    (b"*1\r\nx3\r\nGET\r\n", b"-ERR Protocol error: expected '$', got 'x'\r\n", True),
    (b"*2\r\n$3\r\nGET\r\n:1\r\n", b"-ERR Protocol error: expected '$', got ':'\r\n", True),
    (b"*1\r\n\r\n", b"-ERR Protocol error: expected '$', got ' '\r\n", True),
    (b"PING\r\n*1\r\nx\r\nPING\r\n", b"+PONG\r\n-ERR Protocol error: expected '$', got 'x'\r\n", True),
    (b"x" * 65600, b"-ERR Protocol error: too big inline request\r\n", True),
    (b"*" + b"1" * 65600, b"-ERR Protocol error: too big mbulk count string\r\n", True),
    (b"*1\r\n$" + b"1" * 65600, b"-ERR Protocol error: too big bulk count string\r\n", True),
    (b"QUIT\r\nPING\r\n", b"+OK\r\n", True),
    (b"PING\r\n", PONG, False), (b"ping\n", PONG, False), (b"\r\n\r\nPING\r\n", PONG, False), (b"*0\r\nPING\r\n", PONG, False),
    (b"*-7\r\nPING\r\n", PONG, False), (b"*1\r\n$4\r\nPINGxxPING\r\n", PONG + PONG, False), (b" \t PING \t hi  \r\n", bulk("hi"), False),
    (b"\n", b"", False), (b"SET in 1\r\nGET in\r\nDEL in\r\n", OK + bulk(1) + b":1\r\n", False),
    (b"$1\r\n", b"-ERR unknown command '$1', with args beginning with: \r\n", False),
]


def talk(port, name):
    with Client(port) as c:
        for args, want in TALK:
            got = c.ask(*args)
            same(f"{name}: {shorten(args)}", got, want)
        same(f"{name}: closed after QUIT", c.rest(), b"")


def bad(port, name):
    for data, want, end in BAD:
        with Client(port) as c:
            try:
                c.send(data)
            except ConnectionError:
                pass  # closed before all was sent
            if end:
                same(f"{name}: {shorten(data)}, then closed", c.rest(), want)
            else:
                c.send(request("ECHO", "still here"))
                same(f"{name}: {shorten(data)}, still open", c.f.read(len(want) + 17), want + bulk("still here"))


def pieces(port):
    """The whole talk in one write, byte by byte, and in random pieces."""
    data = b"".join(request(*args) for args, _ in TALK)
    want = b"".join(w for _, w in TALK)
    rng = random.Random(7)
    for name, cut in (("one write", lambda: len(data)), ("bytes", lambda: 1), ("pieces", lambda: rng.choice((1, 2, 3, 50, 700)))):
        with Client(port) as c:
            reader = threading.Thread(target=lambda: got.append(c.rest()))
            got, at = [], 0
            reader.start()
            while at < len(data):
                n = cut()
                c.send(data[at:at + n])
                at += n
            reader.join(PATIENCE)
            same("pipelined in " + name, got, [want])


def large(port):
    value = random.Random(3).randbytes(10 << 20)
    with Client(port) as c:
        same("SET 10 MB", c.ask("SET", "big", value), OK)
        check("GET 10 MB", c.ask("GET", "big") == bulk(value))
        same("APPEND 10 MB", c.ask("APPEND", "big", value), b":%d\r\n" % (2 * len(value)))
        check("GET 20 MB", c.ask("GET", "big") == bulk(value * 2))
        same("key of 10 MB", c.ask("SET", value, "x"), OK)
        same("EXISTS key of 10 MB", c.ask("EXISTS", value), b":1\r\n")
        same("DEL", c.ask("DEL", "big", value), b":2\r\n")
        items = [b"%d" % i for i in range(100000)]
        same("RPUSH of 100000", c.ask("RPUSH", "biglist", *items), b":100000\r\n")
        check("LRANGE of 100000", c.ask("LRANGE", "biglist", 0, -1) == array(*map(bulk, items)))
        check("LPOP of 60000", c.ask("LPOP", "biglist", 60000) == array(*map(bulk, items[:60000])))
        c.ask("LPUSH", "biglist", *reversed(items[:60000]))
        check("the ring wraps", c.ask("LRANGE", "biglist", 0, -1) == array(*map(bulk, items)))
        n = 20000
        sender = threading.Thread(target=lambda: c.send(request("ECHO", b"x" * 500) * n))
        sender.start()
        check("20000 pipelined", all(c.raw() == bulk(b"x" * 500) for _ in range(n)))
        sender.join(PATIENCE)
        c.ask("FLUSHALL")
    with Client(port) as c:
        c.send(b"*1048577\r\n")
        same("too many arguments", c.rest(), b"-ERR Protocol error: invalid multibulk length\r\n")
    with Client(port) as c:
        same("a million arguments", c.ask("EXISTS", *["a"] * ((1 << 20) - 1)), b":0\r\n")


def rude(port):
    """Clients that go away in the middle, and half-closed ones, which get their replies."""
    for data in (b"", b"*", b"*2\r\n", b"*2\r\n$3\r\nGE", b"*1\r\n$500000000\r\nabc", b"GET", request("GET", "x") * 1000):
        with Client(port) as c:
            c.send(data)
    with Client(port) as c:
        c.send(request("PING") * 3 + b"*1\r\n$4\r\nPI")
        c.s.shutdown(socket.SHUT_WR)
        same("a half-closed client gets its replies", c.rest(), PONG * 3)
    with Client(port) as c:
        same("still there", c.ask("PING"), PONG)


def garbage(port, n=200):
    rng = random.Random(20)
    words = [b"*1\r\n", b"*3\r\n", b"$3\r\n", b"$0\r\n\r\n", b"$-1\r\n", b"\r\n", b"\n", b"\r", b"GET", b"SET", b"k", b"*", b"$", b" ", b"\0", b"9" * 20,
             b"$536870912\r\n", b"*1048576\r\n", b"LPUSH k a b\r\n", b"EXPIRE k -1\r\n", b"'", b'"', b"\xff\xfe", b"-2147483649"]
    good = request("SET", "k", "v") + request("MSET", "k", "1", "j", "2") + request("LRANGE", "k", 0, -1) + request("APPEND", "k", BIN)
    ended = 0
    for i in range(n):
        if i % 3 == 0:
            data = rng.randbytes(rng.randrange(1, 3000))
        elif i % 3 == 1:
            data = b"".join(rng.choice(words) for _ in range(rng.randrange(1, 200)))
        else:
            data = bytearray(good * 3)
            for _ in range(rng.randrange(1, 12)):
                data[rng.randrange(len(data))] = rng.randrange(256)
        with Client(port) as c:
            try:
                c.send(bytes(data))
                c.s.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            c.rest()
            ended += 1
    with Client(port) as c:
        same("after garbage", c.ask("PING"), PONG)
        c.ask("FLUSHALL")
    same("garbage streams ended", ended, n)


def differential(port, other, n):
    """Random commands on few keys: kv and redis-server must say the same, to the byte."""
    rng = random.Random(11)
    keys = ["k%d" % i for i in range(6)] + [BIN, b""]
    values = ["v", b"", BIN, "x" * 300, 0, 1, -1, 7, MAX, MIN, MAX - 1, "01", "1 ", "abc", "1.5", MAX + 1]
    number = [0, 1, -1, 2, 5, -3, 100, MAX, MIN, MAX + 1, "x", "", "-0"]

    def k():
        return rng.choice(keys)

    def v():
        return rng.choice(values)

    make = [
        lambda: ("SET", k(), v()), lambda: ("SET", k(), v(), rng.choice(("NX", "XX", "nx", "zz"))), lambda: ("GET", k()),
        lambda: ("SET", k(), v(), rng.choice(("EX", "PX")), rng.choice((100000, 0, -1, "x", MAX))),
        lambda: ("DEL", *(k() for _ in range(rng.randrange(1, 4)))), lambda: ("EXISTS", *(k() for _ in range(rng.randrange(4)))),
        lambda: ("INCR", k()), lambda: ("DECR", k()), lambda: ("INCRBY", k(), rng.choice(number)), lambda: ("APPEND", k(), v()),
        lambda: ("LPUSH", k(), *(v() for _ in range(rng.randrange(1, 5)))), lambda: ("RPUSH", k(), *(v() for _ in range(rng.randrange(6)))),
        lambda: ("LPOP", k()), lambda: ("RPOP", k()), lambda: (rng.choice(("LPOP", "RPOP")), k(), rng.choice(number)),
        lambda: ("LRANGE", k(), rng.choice(number), rng.choice(number)), lambda: ("LLEN", k()), lambda: ("TYPE", k()),
        lambda: ("MSET", *(v() if i % 2 else k() for i in range(rng.randrange(1, 9)))), lambda: ("MGET", *(k() for _ in range(4))),
        lambda: ("DBSIZE",), lambda: ("EXPIRE", k(), rng.choice((100000, 0, -1, "x"))), lambda: (v(), k(), v()),
    ]
    with Client(port) as a, Client(other) as b:
        a.ask("FLUSHALL"), b.ask("FLUSHALL")
        for start in range(0, n, 50):
            batch = [rng.choice(make)() for _ in range(50)]
            data = b"".join(request(*c) for c in batch)
            a.send(data), b.send(data)
            for c in batch:
                x, y = a.raw(), b.raw()
                if x != y:
                    return same("as redis-server: " + shorten(c), x, y)
        a.ask("FLUSHALL"), b.ask("FLUSHALL")
    check("as redis-server", True)


def until(what, want, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while True:
        got = what()
        if got == want or time.monotonic() > end:
            return got
        time.sleep(0.005)


def expiry(port):
    with Client(port) as c:
        c.ask("FLUSHALL")
        begin = time.monotonic()
        c.ask("SET", "short", "v", "PX", 60)
        same("PX: gone in time", until(lambda: c.ask("GET", "short"), NIL), NIL)
        check("PX: not early", time.monotonic() - begin >= 0.058, time.monotonic() - begin)
        for i in range(3000):
            c.send(request("SET", "sweep%d" % i, "v", "PX", 1 + i % 50))
        for i in range(3000):
            c.raw()
        c.ask("RPUSH", "list", 1, 2, 3), c.ask("EXPIRE", "list", 1), c.ask("SET", "stays", 1)
        same("swept without being asked for", until(lambda: c.ask("DBSIZE"), b":1\r\n"), b":1\r\n")
        c.ask("FLUSHALL")


def small_commands(port):
    with Client(port) as c:
        same("COMMAND", c.ask("COMMAND"), array())
        same("COMMAND DOCS", c.ask("COMMAND", "DOCS"), array())
        for args in (("HELLO",), ("HELLO", 2)):
            got = c.ask(*args)
            check(f"{args}", got.startswith(b"*14\r\n$6\r\nserver\r\n") and got.endswith(b"$7\r\nmodules\r\n*0\r\n"), got)
        same("CONFIG GET two", c.ask("CONFIG", "GET", "appendonly", "save"),
             array(bulk("save"), bulk(""), bulk("appendonly"), bulk("no")))


def redis_cli(port):
    def cli(*args, data=None):
        p = subprocess.run(["redis-cli", "-h", "127.0.0.1", "-p", str(port), *args], input=data, capture_output=True, timeout=PATIENCE)
        return p.returncode, p.stdout

    same("redis-cli SET", cli("SET", "greeting", "hello world", "EX", "100"), (0, b"OK\n"))
    same("redis-cli GET", cli("GET", "greeting"), (0, b"hello world\n"))
    same("redis-cli LPUSH", cli("LPUSH", "l", "a", "b"), (0, b"2\n"))
    same("redis-cli LRANGE", cli("LRANGE", "l", "0", "-1"), (0, b"b\na\n"))
    same("redis-cli from stdin", cli(data=b"INCR c\nINCR c\nTYPE l\n"), (0, b"1\n2\nlist\n"))
    status, text = cli("--pipe", data=b"".join(request("SET", "p%d" % i, i) for i in range(5000)))
    check("redis-cli --pipe", status == 0 and b"errors: 0, replies: 5000" in text, text)
    same("redis-cli FLUSHALL", cli("FLUSHALL"), (0, b"OK\n"))


def leave(port):
    """What is left when the server stops must be freed too."""
    with Client(port) as c:
        c.ask("MSET", *range(1000)), c.ask("RPUSH", "l", *range(1000)), c.ask("SET", "e", 1, "EX", 100)


def concurrency(server, clients, each):
    """INCR from many connections sums up; MSET is seen whole or not at all; lists lose and double nothing."""
    errors, popped, lock = [], [], threading.Lock()

    def guard(f, *args):
        try:
            f(*args)
        except Exception as e:  # a thread's failure must not be lost
            errors.append(repr(e))

    def incr(i):
        with Client(server.port) as c:
            for k in range(each):
                c.send(request("INCR", "sum") + request("INCRBY", "sum%d" % (k % 5), 2) + request("RPUSH", "queue", "%d.%d" % (i, k)))
                for _ in range(3):
                    c.raw()

    def write(i):
        with Client(server.port) as c:
            for k in range(each):
                c.ask("MSET", *sum((["m%d" % j, "%d.%d" % (i, k)] for j in range(8)), []))
                c.ask("SET", "brief%d" % (k % 10), k, "PX", 1)
                if k % 50 == 0:
                    c.ask("DBSIZE")

    def read():
        with Client(server.port) as c:
            for _ in range(each):
                got = c.ask("MGET", *["m%d" % j for j in range(8)])
                if len(set(got.split(b"\r\n")[2::2])) != 1 and NIL not in got:
                    errors.append(shorten(got))

    def pop():
        with Client(server.port) as c:
            for _ in range(each):
                got = c.ask("LPOP", "queue", 10)
                with lock:
                    popped.extend(got.split(b"\r\n")[2::2])

    threads = [threading.Thread(target=guard, args=(incr, i)) for i in range(clients)]
    threads += [threading.Thread(target=guard, args=(f, *a)) for f, a in ((write, (1,)), (write, (2,)), (read, ()), (read, ()), (pop, ()))]
    for t in threads:
        t.start()
    for t in threads:
        t.join(2 * PATIENCE)
    same(f"{server.kind}: nothing torn", errors, [])
    with Client(server.port) as c:
        same(f"{server.kind}: INCR sums up", c.ask("GET", "sum"), bulk(clients * each))
        same(f"{server.kind}: INCRBY sums up", [c.ask("GET", "sum%d" % j) for j in range(5)], [bulk(2 * clients * each // 5)] * 5)
        left = c.ask("LRANGE", "queue", 0, -1).split(b"\r\n")[2::2]
    want = sorted(b"%d.%d" % (i, k) for i in range(clients) for k in range(each))
    check(f"{server.kind}: the queue lost and doubled nothing", sorted(x for x in popped + left if x) == want)


def stopping():
    server = Server()
    idle, busy = Client(server.port), Client(server.port)
    idle.ask("SET", "x", b"y" * 1000)
    busy.send(request("GET", "x") * 100)
    busy.raw()
    server.process.send_signal(signal.SIGINT)
    same("stop: idle connections end", idle.rest(), b"")
    check("stop: what was read is answered whole", busy.rest().count(bulk(b"y" * 1000)) == 99)
    server.stop(how=None)
    server = Server()
    with Client(server.port) as deaf:  # reads nothing, so the server's write waits: it is cut off after some seconds
        deaf.ask("SET", "x", b"y" * (1 << 20))
        sender = threading.Thread(target=lambda: deaf.send(request("GET", "x") * 100))
        sender.start()
        sender.join(PATIENCE)
        server.stop()
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE).close()
        check("stop: nobody listens", False)
    except ConnectionRefusedError:
        check("stop: nobody listens", True)


def no_descriptors():
    """More clients than the server has descriptors for: the others wait until some have gone."""
    with Server(files=32) as server:
        with Client(server.port) as c:  # the poller opens its own descriptors at the first wait
            c.ask("PING"), c.ask("PING")
        clients = [Client(server.port) for _ in range(50)]
        for c in clients:
            c.send(request("PING"))
        for c in clients:
            same("served once there is a descriptor", c.raw(), PONG)
            c.close()


def start_errors():
    for args, status, text in ((["1", "2"], 2, "Usage"), (["-h"], 2, "Usage"), (["nonsense"], 1, "kv: nonsense: ")):
        p = subprocess.run([program("asan"), *args], capture_output=True, text=True, timeout=PATIENCE)
        check(f"kv {args}", p.returncode == status and p.stderr.startswith(text), p.returncode, p.stderr)
    with Server() as server:
        p = subprocess.run([program("plain"), "127.0.0.1:%d" % server.port], capture_output=True, text=True, timeout=PATIENCE)
        check("port in use", p.returncode == 1 and "in use" in p.stderr, p.returncode, p.stderr)


# ---- redis-benchmark ----

TESTS = ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "LPUSH", "MSET (10 keys)"]


def benchmark(port, n, pipeline, test="ping,set,get,incr,lpush,mset", names=TESTS):
    """-> {test: (requests/s, p99 in ms)}"""
    p = subprocess.run(["redis-benchmark", "-h", "127.0.0.1", "-p", str(port), "-t", test, "-n", str(n), "-c", "64", "-P", str(pipeline),
                        "--csv"], capture_output=True, text=True, timeout=300)
    rows = list(csv.reader(p.stdout.splitlines()))
    got = {r[0]: (float(r[1]), float(r[6])) for r in rows if len(r) >= 8 and re.fullmatch(r"[0-9.]+", r[1])}
    good = p.returncode == 0 and list(got) == names and "rror" not in p.stdout + p.stderr
    check(f"redis-benchmark -P {pipeline}", good, p.returncode, p.stdout, p.stderr)
    return got


def cpu_us(server):
    """Processor time of a server up to now; unlike requests/s it does not depend on what else the machine does."""
    with open(f"/proc/{server.process.pid}/stat") as f:
        user, system = f.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) * 1e6 / os.sysconf("SC_CLK_TCK")


def compare(n=200000, rounds=3):
    """The same load on redis-server and on kv, in turns; medians."""
    with Server(procs=1) as one, Server(procs=2) as two, Redis() as redis:
        who = {"redis-server": redis, "kv, 1 processor": one, "kv, 2 processors": two}
        for pipeline in (1, 16):
            print(f"\nredis-benchmark -n {n} -c 64 -P {pipeline}: thousand requests/s, p99 in ms, the server's CPU per request in us; "
                  f"medians of {rounds}")
            print(f"{'':16}" + "".join(f"{name:>26}" for name in who))
            for test, name in zip("ping_inline ping_mbulk set get incr lpush mset".split(), TESTS):
                runs = {server: [] for server in who}
                for i in range(rounds):
                    for server in sorted(who, reverse=i % 2 == 1):
                        before = cpu_us(who[server])
                        rps, p99 = benchmark(who[server].port, n, pipeline, test, [name])[name]
                        runs[server].append((rps / 1000, p99, (cpu_us(who[server]) - before) / n))
                        with Client(who[server].port) as c:
                            c.ask("FLUSHALL")
                medians = [[statistics.median(r[k] for r in runs[server]) for k in range(3)] for server in who]
                print(f"{name:16}" + "".join(f"{m[0]:12.1f} {m[1]:6.2f} {m[2]:6.2f}" for m in medians), flush=True)


def main():
    os.nice(5)
    if not build_all():
        print(f"{passed} passed, {failed} failed")
        return 1
    have = {tool for tool in ("redis-server", "redis-cli", "redis-benchmark") if shutil.which(tool)}
    with Server("asan") as server:
        for f in (talk, bad, pieces, small_commands, large, rude, garbage, expiry):
            part(f, server.port, *(["kv"] if f in (talk, bad) else []))
        if "redis-server" in have:
            with Redis() as redis:  # is what we ask of kv what Redis does?
                part(talk, redis.port, "redis-server")
                part(bad, redis.port, "redis-server")
                part(differential, server.port, redis.port, 100000 if LONG else 5000)
        part(leave, server.port)
    with Server("tsan") as server:
        part(concurrency, server, 50, 1000 if LONG else 100)
    with Server("plain") as server:
        part(concurrency, server, 50, 2000 if LONG else 200)
        if "redis-cli" in have:
            part(redis_cli, server.port)
        if "redis-benchmark" in have and not LONG:
            for pipeline in (1, 16):
                part(benchmark, server.port, 20000, pipeline)
    part(stopping)
    part(no_descriptors)
    part(start_errors)
    if LONG and have >= {"redis-benchmark", "redis-server"}:
        part(compare)
    missing = {"redis-server", "redis-cli", "redis-benchmark"} - have
    if missing:
        print("left out, not installed:", ", ".join(sorted(missing)))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
