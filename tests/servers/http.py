#!/usr/bin/env python3
"""Tests of examples/http.c with curl, raw sockets and wrk.

    http.py [--long] [--only plain|asan|tsan]

plain: everything. asan: all but the latency and the speed. tsan: the same functional tests and a short wrk run.
A line for each check that fails; the last line is "N passed, N failed". --long: wrk runs for 10 s instead of 2.
"""
import argparse
import concurrent.futures
import email.utils
import json
import os
import random
import re
import resource
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUT = os.path.join(TOP, "build", "tests", "servers")
FLAGS = "-std=c11 -g -Wall -Wextra -Wpedantic -Wconversion -Wshadow -I. -pthread".split()
KINDS = {
    "plain": (["-O2"], {}),
    "asan": (["-O1", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"],
             {"ASAN_OPTIONS": "detect_stack_use_after_return=0:abort_on_error=0"}),
    "tsan": (["-O1", "-fsanitize=thread"], {"TSAN_OPTIONS": "halt_on_error=1:history_size=4:report_thread_leaks=0"}),
}
HEAD_LIMIT, BODY_LIMIT = 8 * 1024, 1024 * 1024
SECONDS = 30  # the patience of a test: nothing here takes a tenth of it on an idle machine

passed = failed = 0
kind = "plain"
counting = threading.Lock()


def check(name, ok, detail=""):
    global passed, failed
    with counting:
        passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print("FAILED %s: %s%s" % (kind, name, ": " + str(detail)[:600] if detail != "" else ""), flush=True)
    return ok


def wait_until(condition, seconds=SECONDS):
    """Poll until condition() is true; what it was at last."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.02)


class Server:
    def __init__(self, exe, root, *options, env=None, files=None):
        self.log = tempfile.TemporaryFile("w+", encoding="latin-1")

        def limit_files():
            if files:
                resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

        self.process = subprocess.Popen(
            ["nice", exe, "-v", "-d", root, *options, "127.0.0.1:0"], stdout=self.log, stderr=subprocess.PIPE, text=True,
            env=dict(os.environ, **(env or {})), preexec_fn=limit_files)
        self.err, self.port = [], None
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        wait_until(lambda: self.port or self.process.poll() is not None)
        if not self.port:
            raise RuntimeError("http did not start: " + "".join(self.err))
        self.url = "http://127.0.0.1:%d" % self.port

    def _read(self):
        for line in self.process.stderr:
            self.err.append(line)
            m = re.search(r"listening on port (\d+)", line)
            if m:
                self.port = int(m.group(1))

    def connect(self, seconds=SECONDS, small=False):
        s = socket.socket()
        s.settimeout(seconds)
        if small:  # so that the server cannot send much ahead
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        s.connect(("127.0.0.1", self.port))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def stats(self):
        with self.connect() as s:
            s.sendall(b"GET /stats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return json.loads(Reply(s).body)

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def rss(self):  # bytes
        with open("/proc/%d/statm" % self.process.pid) as f:
            return int(f.read().split()[1]) * resource.getpagesize()

    def lines(self):
        self.log.seek(0)
        return self.log.read().splitlines()

    def stop(self, sig=signal.SIGTERM):
        """Exit status and what it said on stderr."""
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            status = self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = "still running"
        self.reader.join(SECONDS)
        return status, "".join(self.err)


class Reply:
    """One reply, read from a socket; what came after it stays in s's rest."""

    def __init__(self, s, head=False, rest=b""):
        data = rest
        while b"\r\n\r\n" not in data:
            more = s.recv(65536)
            if not more:
                raise EOFError("end of connection after %r" % data[:200])
            data += more
        top, data = data.split(b"\r\n\r\n", 1)
        lines = top.decode("latin-1").split("\r\n")
        self.version, status = lines[0].split(" ", 2)[:2]
        self.status = int(status)
        self.headers = {k.strip().lower(): v.strip() for k, v in (l.split(":", 1) for l in lines[1:])}
        size = 0 if head or self.status in (100, 304) else int(self.headers["content-length"])
        while len(data) < size:
            more = s.recv(65536)
            if not more:
                raise EOFError("end of connection after %d of %d bytes" % (len(data), size))
            data += more
        self.body, self.rest = data[:size], data[size:]


def ask(server, data, head=False):
    """Send data on a new connection, return the reply and whether the connection was closed after it."""
    with server.connect() as s:
        try:
            s.sendall(data)
        except OSError:
            pass  # it may have answered and closed already
        r = Reply(s, head)
        if r.headers.get("connection") != "close":
            return r, False
        return r, s.recv(1) == b""


def curl(*args, data=None):
    p = subprocess.run(["curl", "-sS", "--max-time", str(SECONDS), *args], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return p.returncode, p.stdout, p.stderr.decode("latin-1")


def code(*args, data=None):
    status, out, err = curl("-o", "/dev/null", "-w", "%{http_code}", *args, data=data)
    return int(out) if status == 0 else err


def make_root(tmp):
    """A directory to serve, with things beside it that must not be served."""
    root = os.path.join(tmp, "root")
    os.makedirs(os.path.join(root, "dir", "deep"))
    os.makedirs(os.path.join(root, "no-index"))
    os.makedirs(os.path.join(tmp, "root-secret"))
    rnd = random.Random(9)
    files = {"index.html": b"<h1>top</h1>", "dir/index.html": b"<h1>dir</h1>", "a.css": b"a{}", "b.js": b"1", "c.png": b"\x89PNG",
             "d.json": b"{}", "e.bin": rnd.randbytes(1), "f.txt": b"", "with space.txt": b"space", "100%.txt": b"percent",
             "dir/deep/K\u00e4se.txt": b"cheese", "big.bin": rnd.randbytes(12 << 20), "odd.bin": rnd.randbytes(262145)}
    for name, data in files.items():
        with open(os.path.join(root, name), "wb") as f:
            f.write(data)
    for secret in ("secret.txt", "root-secret/secret.txt"):
        with open(os.path.join(tmp, secret), "wb") as f:
            f.write(b"SECRET")
    os.symlink("../secret.txt", os.path.join(root, "link-out"))
    os.symlink(os.path.join(tmp, "secret.txt"), os.path.join(root, "link-absolute"))
    os.symlink("..", os.path.join(root, "link-dir"))
    os.symlink("e.bin", os.path.join(root, "link-in"))
    os.symlink("loop", os.path.join(root, "loop"))
    os.mkfifo(os.path.join(root, "pipe"))
    return root, files


# ---- with curl ----

def test_files(server, root, files):
    for name, data in files.items():
        url = server.url + "/" + "/".join(map(quote, name.split("/")))
        status, out, err = curl(url)
        check("file " + name, status == 0 and out == data, err or "%d bytes of %d" % (len(out), len(data)))
        status, out, err = curl("-I", url)
        check("HEAD " + name, b"Content-Length: %d\r\n" % len(data) in out and out.endswith(b"\r\n\r\n"), out or err)
    for name, want in {"index.html": "text/html; charset=utf-8", "a.css": "text/css; charset=utf-8", "c.png": "image/png",
                       "b.js": "text/javascript; charset=utf-8", "d.json": "application/json", "e.bin": "application/octet-stream"}.items():
        out = curl("-o", "/dev/null", "-w", "%{content_type}", server.url + "/" + name)[1].decode()
        check("type of " + name, out == want, out)
    check("the root's index", curl(server.url + "/")[1] == files["index.html"])
    check("a directory's index", curl(server.url + "/dir/?q=1")[1] == files["dir/index.html"])
    check("a directory without its slash", code(server.url + "/dir") == 301)
    check("redirected to its index", curl("-L", server.url + "/dir?x")[1] == files["dir/index.html"])
    check("a directory without index", code(server.url + "/no-index/") == 404)
    check("a file is no directory", code(server.url + "/a.css/") == 404)
    check("no such file", code(server.url + "/none") == 404)
    check("a link inside", curl(server.url + "/link-in")[1] == files["e.bin"])
    check("a circle of links", code(server.url + "/loop") == 404)
    check("a named pipe", code(server.url + "/pipe") == 403)
    modified = email.utils.formatdate(os.stat(os.path.join(root, "a.css")).st_mtime, usegmt=True)
    check("not modified", code("-H", "If-Modified-Since: " + modified, server.url + "/a.css") == 304)
    check("modified", code("-H", "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT", server.url + "/a.css") == 200)
    check("a date that is none", code("-H", "If-Modified-Since: yesterday", server.url + "/a.css") == 200)


def quote(name):
    return "".join(c if c.isalnum() and c.isascii() or c in "._-" else "".join("%%%02X" % b for b in c.encode()) for c in name)


def test_curl(server):
    out = curl(*["-o", "/dev/null"] * 3, "-w", "%{num_connects} ", *[server.url + "/a.css"] * 3)[1]
    check("keep-alive", out.split() == [b"1", b"0", b"0"], out)
    echo = server.url + "/echo"
    for text in (b'{"a":[1,2.5,"x",null,true,{"\\u00e4":"\\u0000"}]}', b"[]", b"3", b'"s"', b"-0.5e3"):
        status, out, err = curl("--data-binary", "@-", echo, data=text)
        check("echo", status == 0 and json.loads(out) == json.loads(text), out or err)
    for text in (b"", b"{", b'{"a":1,}', b"\xff\xfe", b"[1] 2", b"nul", b"[" * 5000):
        check("bad JSON %r" % text[:20], code("--data-binary", "@-", echo, data=text) == 400)
    deep = b"[" * 2000 + b"]" * 2000
    check("deep JSON", curl("--data-binary", "@-", echo, data=deep)[1] == deep)
    large = json.dumps(["x" * 1000] * 1040).replace(" ", "").encode()
    assert BODY_LIMIT - 10000 < len(large) <= BODY_LIMIT
    check("large body", curl("--data-binary", "@-", echo, data=large)[1] == large)
    check("large chunked body", curl("-H", "Transfer-Encoding: chunked", "--data-binary", "@-", echo, data=large)[1] == large)
    check("without Expect", curl("-H", "Expect:", "--data-binary", "@-", echo, data=large)[1] == large)
    check("HTTP/1.0", curl("-0", "--data-binary", "@-", echo, data=large)[1] == large)
    check("upgrade not taken", curl("--http2", "--data-binary", "@-", echo, data=b"[1]")[1] == b"[1]")
    much = b"[" + b"1," * BODY_LIMIT + b"1]"
    for name, header in (("413", "X: y"), ("413 chunked", "Transfer-Encoding: chunked"), ("413 without Expect", "Expect:"),
                         ("413 chunked without Expect", "Expect:\r\nTransfer-Encoding: chunked")):
        headers = [x for h in header.split("\r\n") for x in ("-H", h)]
        check(name, code(*headers, "--data-binary", "@-", echo, data=much) == 413)
    exact = b'"' + b"x" * (BODY_LIMIT - 2) + b'"'
    check("body of the limit", curl("--data-binary", "@-", echo, data=exact)[1] == exact)
    check("body over the limit", code("--data-binary", "@-", echo, data=b" " + exact) == 413)
    check("431", code("-H", "X: " + "y" * HEAD_LIMIT, server.url + "/") == 431)
    check("431 for a URL", code(server.url + "/" + "y" * HEAD_LIMIT) == 431)
    check("long URL", code(server.url + "/" + "y" * (HEAD_LIMIT - 500)) == 404)
    check("long header", code("-H", "X: " + "y" * (HEAD_LIMIT - 500), server.url + "/") == 200)
    for method, path, want in (("POST", "/", 405), ("POST", "/stats", 405), ("GET", "/echo", 405), ("DELETE", "/", 501), ("PUT", "/echo", 501)):
        check(method + " " + path, code("-X", method, server.url + path) == want)
    status, out, err = curl("-i", "-X", "POST", server.url + "/stats")
    check("Allow", b"Allow: GET, HEAD\r\n" in out, out)
    stats = json.loads(curl(server.url + "/stats")[1])
    check("stats", stats["requests"] > 20 and stats["connections"] >= 1 and stats["goroutines"] >= 3 and stats["uptime"] > 0, stats)
    a, b = server.stats(), server.stats()
    check("stats count", b["requests"] == a["requests"] + 1 and b["uptime"] > a["uptime"], (a, b))


# ---- with sockets ----

def test_bytes(server, files):
    """Requests in pieces of one byte; pipelined; both."""
    body = b'{"piece": "by piece"}'
    one = b"GET /a.css HTTP/1.1\r\nHost: x\r\nX-Empty:\r\nX-Long: " + b"z" * 100 + b"\r\n\r\n"
    two = b"POST /echo HTTP/1.1\r\nhOST: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    three = (b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n5;ext=1\r\n" + body[:5] + b"\r\n%x\r\n" % len(body[5:]) +
             body[5:] + b"\r\n0\r\nTrailer: x\r\nHost: y\r\n\r\n")
    four = b"HEAD /odd.bin HTTP/1.1\r\nHost: x\r\n\r\n"
    five = b"GET /odd.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    whole = one + b"\r\n" + two + three + four + one + five

    def replies(s, name):
        rest = b""
        for i, want in enumerate((files["a.css"], json.loads(body), json.loads(body), b"", files["a.css"], files["odd.bin"])):
            r = Reply(s, head=i == 3, rest=rest)
            got = json.loads(r.body) if isinstance(want, dict) else r.body
            check("%s: reply %d" % (name, i), r.status == 200 and got == want, (r.status, r.body[:100]))
            rest = r.rest
        check(name + ": the end", rest == b"" and s.recv(1) == b"" and r.headers["connection"] == "close")

    with server.connect() as s:
        for i in range(len(whole)):
            s.sendall(whole[i:i + 1])
        replies(s, "byte by byte")
    with server.connect() as s:
        s.sendall(whole)
        replies(s, "pipelined")
    rnd = random.Random(3)
    for n in range(5):
        with server.connect() as s:
            at = 0
            while at < len(whole):
                size = rnd.choice((1, 2, 3, 20, 100))
                s.sendall(whole[at:at + size])
                at += size
            replies(s, "in pieces %d" % n)
    count = 400  # more than the buffers of both sides hold: the server must not wait for us to have sent all
    with server.connect() as s:
        sender = threading.Thread(target=s.sendall, args=(one * count,), daemon=True)
        sender.start()
        rest, good = b"", 0
        for _ in range(count):
            r = Reply(s, rest=rest)
            rest, good = r.rest, good + (r.body == files["a.css"])
        sender.join(SECONDS)
        check("%d requests pipelined" % count, good == count and not sender.is_alive(), good)
    for version, header, want in (("1.0", "", "close"), ("1.0", "Connection: keep-alive\r\n", "keep-alive"), ("1.1", "Host: x\r\n", "keep-alive"),
                                  ("1.1", "Host: x\r\nConnection: close\r\n", "close")):
        r, closed = ask(server, ("GET /a.css HTTP/%s\r\n%s\r\n" % (version, header)).encode())
        check("HTTP/%s %r" % (version, header), r.status == 200 and r.headers["connection"] == want and closed == (want == "close"), r.headers)
    r, _ = ask(server, b"GET http://x:80/a.css HTTP/1.1\r\nHost: x\r\n\r\n")
    check("absolute URL", r.body == files["a.css"])
    check("date", "date" in r.headers and email.utils.parsedate_to_datetime(r.headers["date"]))


def test_expect(server):
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: %d\r\n\r\n"
    with server.connect() as s:
        s.sendall(head % 3)
        first = Reply(s)
        s.sendall(b"[1]")
        check("100 Continue", first.status == 100 and Reply(s, rest=first.rest).body == b"[1]")
    r, closed = ask(server, head % (BODY_LIMIT + 1))
    check("413 instead of 100", r.status == 413 and closed, r.status)
    r, closed = ask(server, head.replace(b"100-Continue", b"101-what") % 3)
    check("417", r.status == 417 and closed, r.status)


def test_bad(server):
    """Requests that are wrong are answered with an error, and the connection is closed."""
    h = b"Host: x\r\n"
    for request, want in (
            (b"GET / HTTP/1.1\r\n\r\n", 400), (b"GET / HTTP/1.1\r\n" + h + h + b"\r\n", 400), 
            (b"GET / HTTP/1.1\r\nHost x\r\n\r\n", 400), (b"GET / HTTP/1.1\r\n" + h + b" folded\x00\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\n" + h + b"Content-Length: -1\r\n\r\n", 400), (b"GET / HTTP/1.1\r\n" + h + b"Content-Length: 1x\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\n" + h + b"Content-Length: 99999999999999999999999\r\n\r\n", 400),
            (b"POST /echo HTTP/1.1\r\n" + h + b"Content-Length: 9223372036854775808\r\n\r\n", 413),
            (b"POST /echo HTTP/1.1\r\n" + h + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n[1] ", 400),
            (b"POST /echo HTTP/1.1\r\n" + h + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
            (b"POST /echo HTTP/1.1\r\n" + h + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
            (b"POST /echo HTTP/1.1\r\n" + h + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
            (b"POST /echo HTTP/1.1\r\n" + h + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", 400),
            (b"POST /echo HTTP/1.1\r\n" + h + b"Transfer-Encoding: chunked\r\n\r\n1\r\n[1]\r\n", 400),
            (b"GET / HTTP/2.0\r\n" + h + b"\r\n", 505), (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 501), (b"GET /\r\n\r\n", 505), (b"get / HTTP/1.1\r\n\r\n", 501),
            (b"BREW /pot HTTP/1.1\r\n" + h + b"\r\n", 501), (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 501), (b"\x00" * 100, 501)):
        try:
            r, closed = ask(server, request)
            check("bad %r" % request[:60], r.status == want and closed, (r.status, closed))
        except (OSError, EOFError) as e:
            check("bad %r" % request[:60], False, e)
    r, closed = ask(server, b"A" * 100000)
    check("a long line of nothing", r.status == 501 and closed, r.status)
    r, closed = ask(server, b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 20000)
    check("very many headers", r.status == 431 and closed, r.status)
    r, closed = ask(server, b"POST /echo HTTP/1.1\r\n" + h + b"Transfer-Encoding: chunked\r\n\r\n1\r\n3\r\n0\r\n" + b"x: y\r\n" * 20000)
    check("very many trailers", r.status == 431 and closed, r.status)
    rnd = random.Random(5)
    good = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\nConnection: close\r\n\r\n[1,2,3,4,56]"
    answered = 0
    for _ in range(200):  # one byte changed: some answer, or the end of the connection, never silence
        data = bytearray(good)
        data[rnd.randrange(len(data))] = rnd.randrange(256)
        with server.connect() as s:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            try:
                answered += Reply(s).status in (200, 400, 404, 405, 413, 417, 501, 505)
            except EOFError:
                answered += 1  # the length grew: the request was not complete
    check("requests with a changed byte", answered == 200, answered)


def test_escapes(server):
    paths = ["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/dir/../../secret.txt", "/dir/deep/..%2f../../../secret.txt", "//../secret.txt",
             "/../root-secret/secret.txt", "/link-out", "/link-absolute", "/link-dir/secret.txt", "/link-dir/root/index.html", "/link-dir/",
             "/..", "/%2e%2e", "/../", "/./../secret.txt", "/dir/%2e%2e%2f%2e%2e/secret.txt", "/%2fetc/passwd", "//etc/passwd", "/proc/self/root/etc/passwd",
             "/..\\secret.txt", "/%5c..%5csecret.txt", "/%252e%252e/secret.txt", "/e.bin/../../secret.txt"]
    for path in paths:
        r, _ = ask(server, b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode())
        check("escape " + path, r.status in (400, 403, 404) and b"SECRET" not in r.body and b"root:" not in r.body, (r.status, r.body[:100]))
    for path in ("/%00", "/a.css%00.png", "/%", "/%4", "/%zz", "/%+1", "*", "x"):
        r, _ = ask(server, b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode())
        check("bad path " + path, r.status == 400, r.status)
    r, _ = ask(server, b"GET /dir/../a.css HTTP/1.1\r\nHost: x\r\n\r\n")
    check("a .. that stays inside", r.status == 200, r.status)
    r, _ = ask(server, b"GET //dir?x HTTP/1.1\r\nHost: x\r\n\r\n")
    check("where a redirect leads", r.status == 301 and r.headers["location"] == "./dir/", r.headers)


# ---- slow and rude clients ----

def test_times(exe, root, env):
    """Each time limit, shortened."""
    server = Server(exe, root, "-t", "0.6,0.8,1", env=env)

    def cut(name, data, want, low, drip=None):
        start = time.monotonic()
        with server.connect() as s:
            s.sendall(data)
            got = b""
            while True:
                if drip and not select.select([s], [], [], 0.1)[0]:
                    try:
                        s.sendall(drip)
                        continue
                    except OSError:
                        pass
                more = s.recv(65536)
                if not more:
                    break
                got += more
        took = time.monotonic() - start
        check(name, (want in got if want else got == b"") and took >= low * 0.99, "after %.2f s: %r" % (took, got[:80]))

    clients = [threading.Thread(target=cut, args=args) for args in (
        ("a client that says nothing", b"", b"", 0.6), ("half a head", b"GET / HT", b" 408 ", 0.6),
        ("a head byte by byte", b"GET / HTTP/1.1\r\n", b" 408 ", 0.6, b"x"),
        ("half a body", b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n[1", b" 408 ", 0.8),
        ("a body byte by byte", b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n", b" 408 ", 0.8, b" "),
        ("an idle connection", b"GET /a.css HTTP/1.1\r\nHost: x\r\n\r\n", b"a{}", 1),
        ("a second head", b"GET /a.css HTTP/1.1\r\nHost: x\r\n\r\nGET", b" 408 ", 0.6),
        ("empty lines", b"\r\n", b"", 0.6, b"\r\n"))]
    try:
        for t in clients:
            t.start()
        for t in clients:
            t.join(SECONDS)
        with server.connect(small=True) as s:  # takes nothing of a large answer
            s.sendall(b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
            check("a client that does not read", wait_until(lambda: any("big.bin" in l for l in server.lines())))
        check("times: nothing left", wait_until(lambda: server.stats()["connections"] == 1), server.stats())
    finally:
        status, err = server.stop()
    check("times: exit status", status == 0, (status, err))


def latency(server, n=100):
    """Median seconds of n requests on one connection."""
    times = []
    with server.connect() as s:
        for _ in range(n):
            start = time.monotonic()
            s.sendall(b"GET /a.css HTTP/1.1\r\nHost: x\r\n\r\n")
            Reply(s)
            times.append(time.monotonic() - start)
    return statistics.median(times)


def test_slow_loris(exe, root, env):
    server = Server(exe, root, "-t", "3", env=env)
    try:
        before = latency(server)
        start = time.monotonic()
        slow = [server.connect() for _ in range(300)]
        for s in slow:
            s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: ")
        during, rounds = [], 0
        while time.monotonic() < start + 2.5:
            for s in slow:
                s.send(b"y")
            during.append(latency(server, 20))
            rounds += 1
        now = statistics.median(during)
        check("latency with 300 slow clients", rounds and now <= max(0.005, 3 * before), "%.3f ms, %.3f ms before" % (now * 1e3, before * 1e3))
        ends = 0
        for s in slow:
            got = b""
            try:
                while True:
                    more = s.recv(4096)
                    if not more:
                        break
                    got += more
            except ConnectionResetError:
                pass
            ends += b" 408 " in got
            s.close()
        took = time.monotonic() - start
        check("300 slow clients were cut off", ends == 300 and took >= 3 * 0.99, "%d in %.1f s" % (ends, took))
        check("slow clients: nothing left", wait_until(lambda: server.stats()["connections"] == 1), server.stats())
        print("http: median latency %.3f ms, with 300 slow clients %.3f ms" % (before * 1e3, now * 1e3))
    finally:
        status, err = server.stop()
    check("slow clients: exit status", status == 0, (status, err))


def test_rude(server):
    """Clients that leave in the middle."""
    for data in (b"", b"GET /", b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[",
                 b"GET /odd.bin HTTP/1.1\r\nHost: x\r\n\r\n" * 50):
        for hard in (False, True):
            for _ in range(10):
                with server.connect(small=True) as s:
                    if hard:  # reset instead of a proper end
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    s.sendall(data)
                    if b"bin" in data:
                        s.recv(1)
    check("after clients that left", wait_until(lambda: server.stats()["connections"] == 1), server.stats())


def test_out_of_descriptors(exe, root, env):
    server = Server(exe, root, files=40, env=env)
    try:
        many = [server.connect() for _ in range(60)]  # the kernel takes them; the server cannot
        check("says that it has no descriptors", wait_until(lambda: any("trying again" in l for l in server.err)), server.err)
        with open("/proc/%d/stat" % server.process.pid) as f:
            before = sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
        time.sleep(0.5)  # how much does it work while it cannot accept?
        with open("/proc/%d/stat" % server.process.pid) as f:
            after = sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
        check("does not spin meanwhile", after - before <= 25, "%d ticks in 0.5 s" % (after - before))
        for s in many:
            s.close()
        check("serves again", ask(server, b"GET /a.css HTTP/1.1\r\nHost: x\r\n\r\n")[0].status == 200)
    finally:
        status, err = server.stop()
    check("out of descriptors: exit status", status == 0, (status, err))


# ---- the end ----

def test_shutdown(exe, root, files, env):
    for sig in (signal.SIGTERM, signal.SIGINT):
        server = Server(exe, root, "-t", "10,30,60,30", env=env)
        idle = [server.connect() for _ in range(5)]
        kept = server.connect()
        kept.sendall(b"GET /a.css HTTP/1.1\r\nHost: x\r\n\r\n")
        Reply(kept)
        half = server.connect()  # the head is complete: the request runs
        half.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        check("100 before the end", Reply(half).status == 100)
        load = server.connect(small=True)
        load.sendall(b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        first = load.recv(1000)
        server.process.send_signal(sig)
        wait_until(lambda: any("finishing" in l for l in server.err))
        for s in idle + [kept]:
            check("idle connections are closed", s.recv(1) == b"")
            s.close()

        def refused():
            try:
                server.connect().close()
            except ConnectionError:
                return True
        check("no new connections", wait_until(refused))
        check("still finishing", server.process.poll() is None)
        half.sendall(b"[1]")
        r = Reply(half)
        check("a request that runs is finished", r.body == b"[1]" and r.headers["connection"] == "close" and half.recv(1) == b"", r.headers)
        half.close()
        load.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        r = Reply(load, rest=first)
        check("a download in the middle is finished", r.body == files["big.bin"] and load.recv(1) == b"")
        load.close()
        status, err = server.stop(0)
        check("exit status after " + sig.name, status == 0 and len(err.splitlines()) == 2, (status, err))

    server = Server(exe, root, "-t", "10,30,60,0.3", env=env)
    with server.connect(small=True) as load:
        load.sendall(b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        load.recv(1)
        status, err = server.stop()
        check("the deadline of the end", status == 1 and "not finished in time" in err, (status, err))

    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        for args in (["-x"], ["-t", "x"], ["a", "b"], ["-d", "/nonexistent", "127.0.0.1:0"], ["127.0.0.1:%d" % busy.getsockname()[1]], ["nonsense"]):
            p = subprocess.run([exe, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS, env=dict(os.environ, **env))
            check("wrong usage %s" % args, p.returncode == (1 if ":" in args[-1] or args == ["nonsense"] else 2) and b"Sanitizer" not in p.stderr,
                  (p.returncode, p.stderr))


def test_wrk(server, seconds, paths):
    for path in paths:
        p = subprocess.run(["nice", "wrk", "-t1", "-c50", "-d%ds" % seconds, server.url + path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True, timeout=seconds + SECONDS)
        rate = re.search(r"Requests/sec:\s*([\d.]+)", p.stdout)
        bad = re.search(r"Socket errors.*|Non-2xx.*", p.stdout)
        check("wrk " + path, p.returncode == 0 and rate and float(rate.group(1)) > 0 and not bad, p.stdout)
        if rate:
            print("http: %s: %s requests/s (wrk, 1 thread, 50 connections)%s" % (path, rate.group(1), "" if kind == "plain" else ", " + kind))


def build(which):
    """The program, and what the compiler said, with its status in front if that is not 0."""
    os.makedirs(OUT, exist_ok=True)
    exe = os.path.join(OUT, "http" + ("" if which == "plain" else "-" + which))
    p = subprocess.run(["nice", os.environ.get("CC", "gcc"), *FLAGS, *KINDS[which][0], "examples/http.c", "-o", exe, "-lhttp_parser", "-ljansson"],
                       cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return exe, p.stdout if p.returncode == 0 else "status %d: %s" % (p.returncode, p.stdout)


def run(which, built, long):
    global kind
    kind = which
    exe, said = built.result()
    env = KINDS[which][1]
    if not check("build without warnings", said == "", said) and said.startswith("status"):
        return
    with tempfile.TemporaryDirectory() as tmp:
        root, files = make_root(tmp)
        server = Server(exe, root, env=env)
        try:
            before, descriptors = server.stats(), server.descriptors()
            for test, args in ((test_files, (root, files)), (test_curl, ()), (test_bytes, (files,)), (test_expect, ()), (test_bad, ()),
                               (test_escapes, ()), (test_rude, ())):
                if server.process.poll() is not None:
                    return
                try:
                    test(server, *args)
                except (OSError, EOFError, ValueError, KeyError) as e:
                    check(test.__name__, False, repr(e))
            if which == "plain":
                test_wrk(server, 10 if long else 2, ("/stats", "/odd.bin"))
            elif which == "tsan":
                test_wrk(server, 10 if long else 1, ("/a.css",))
            # once everybody has left, what is there is what was there before
            same = lambda: server.stats()["goroutines"] == before["goroutines"] and server.descriptors() == descriptors
            check("goroutines and descriptors", wait_until(same), (before, server.stats(), descriptors, server.descriptors()))
            if which == "plain":
                rss = server.rss()
                for _ in range(2000 if long else 300):
                    with server.connect() as s:
                        s.sendall(b"POST /echo HTTP/1.0\r\nContent-Length: 40000\r\n\r\n" + b"[" + b"1," * 19999 + b"]"[:1])
                        s.recv(1)
                check("memory", server.rss() - rss < 8 << 20, "%d KiB more" % ((server.rss() - rss) >> 10))
            log = server.lines()
            odd = [l for l in log if not re.match(r'127\.0\.0\.1 "([A-Z]+ \S+|- -)" \d{3} \d+ \d+\.\d{3} ms$', l)]
            check("log", len(log) > 500 and not odd, odd[:5])
        finally:
            status, err = server.stop()
        check("exit status", status == 0 and "Sanitizer" not in err, (status, err))
        test_times(exe, root, env)
        test_shutdown(exe, root, files, env)
        if which == "plain":
            test_slow_loris(exe, root, env)
            test_out_of_descriptors(exe, root, env)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", choices=list(KINDS))
    args = parser.parse_args()
    missing = [x for x in ("curl", "wrk") if not shutil.which(x)]
    if check("curl and wrk are there", not missing, " ".join(missing) + ": missing; run make deps"):
        kinds = [args.only] if args.only else list(KINDS)
        builder = concurrent.futures.ThreadPoolExecutor(1)  # the next one is built while this one is tested
        built = [builder.submit(build, which) for which in kinds]
        for which, exe in zip(kinds, built):
            start = time.monotonic()
            run(which, exe, args.long)
            print("http: %s in %.1f s" % (which, time.monotonic() - start))
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
