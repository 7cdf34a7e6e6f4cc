#!/usr/bin/env python3
"""Tests of examples/crawl.c against a site of this program; the last line is "N passed, N failed".

  crawl.py                plain, ASan and TSan builds
  crawl.py --only NAMES   some of them
"""
import os
import re
import signal
import subprocess
import sys
import threading
import time

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
import http.server

import programs
from programs import PATIENCE, check, environment, program


class Site:
    """Pages: path -> (status, headers, body), or a function of the handler."""

    def __init__(self, pages):
        site = self
        self.lock, self.now, self.most, self.requests = threading.Lock(), 0, 0, []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                with site.lock:
                    site.now += 1
                    site.most = max(site.most, site.now)
                    site.requests.append((time.monotonic(), self.path))
                try:
                    page = pages.get(self.path, (404, {}, "no"))
                    if callable(page):
                        page = page(self)
                except OSError:
                    page = None
                finally:  # before the answer: whoever has it may begin the next request
                    with site.lock:
                        site.now -= 1
                try:
                    if page:
                        status, headers, body = page
                        self.send_response(status)
                        for name, value in headers.items():
                            self.send_header(name, value)
                        self.send_header("Content-Length", str(len(body.encode())))
                        self.end_headers()
                        self.wfile.write(body.encode())
                except OSError:
                    pass

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end(self):
        self.server.shutdown()
        self.server.server_close()


def html(*links):
    return 200, {"Content-Type": "text/html; charset=utf-8"}, "<html><body>" + "".join(f'<p><a class=x href="{l}">{l}</a>' for l in links)


def crawl(kind, *args):
    return subprocess.Popen([program("crawl", kind), *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env=environment(kind, leaks=False))


def run(kind, *args):
    p = crawl(kind, *args)
    out, err = p.communicate(timeout=PATIENCE)
    return p.returncode, out.split("\n")[:-1], err


def links(kind):
    """Every form of link, and every way to be broken."""
    released = threading.Event()
    pages = {
        "/": html("a/b.html", "/a/./c.html", "a/../d.html", "?q=1", "#here", "mailto:me@example.org", "javascript:void(0)", "", "missing",
                  "//127.0.0.1:1/nobody", "moved", "loop", "far/0", "secret/page", "slow", "half", "https://127.0.0.1/", "a b", "big", "text.txt"),
        "/a/b.html": html("c.html", "../", "../../../d.html?x#y", "/gone"),
        "/a/c.html": html(), "/d.html": html("/d.html"), "/d.html?x": html(), "/?q=1": html("?q=1"),
        "/moved": (301, {"Location": "a/c.html"}, ""), "/loop": (302, {"Location": "/loop"}, ""),
        "/gone": (410, {}, ""), "/secret/page": html("/never"), "/robots.txt": (200, {}, "User-agent: *\nDisallow: /secret # no\n"),
        "/slow": lambda h: released.wait(PATIENCE) and None, "/half": lambda h: h.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le") and None,
        "/big": lambda h: (200, {"Content-Type": "text/html"}, "x" * (5 << 20)),
        "/text.txt": (200, {"Content-Type": "text/plain"}, '<a href="/not-a-link">'),
        **{f"/far/{i}": (307, {"Location": f"/far/{i + 1}"}, "") for i in range(20)},
    }
    site = Site(pages)
    status, out, err = run(kind, "-v", "-x", "-t", "1500", site.url)
    released.set()
    port = site.url.rpartition(":")[2]
    lines = [line.replace(site.url, "") for line in out]
    broken = [line for line in lines if line.startswith("broken")]
    check(f"{kind}: broken links", broken == [
        "broken: http://127.0.0.1:1/nobody (no connection), linked from /", "broken: /big (page too large), linked from /",
        "broken: /far/6 (too many redirects), linked from /far/5", "broken: /gone (410), linked from /a/b.html",
        "broken: /half (bad answer), linked from /", "broken: /missing (404), linked from /",
        "broken: /slow (time is up), linked from /"], "\n".join(lines), err)
    fine = {line[6:] for line in lines if line.startswith("fine: ")}
    check(f"{kind}: fine ones", fine == {"/", "/?q=1", "/a/b.html", "/a/c.html", "/d.html", "/d.html?x", "/loop", "/moved", "/text.txt",
                                         *(f"/far/{i}" for i in range(6))}, fine)
    check(f"{kind}: robots.txt", "robots.txt: /secret/page" in lines and not any(p == "/secret/page" for _, p in site.requests))
    check(f"{kind}: exit status", status == 1 and lines[-1].endswith("7 broken"), status, lines[-1:])
    check(f"{kind}: each page once", len({p for _, p in site.requests}) == len(site.requests), sorted(p for _, p in site.requests))
    status, out, err = run(kind, site.url + "/a/c.html")
    check(f"{kind}: nothing is broken", (status, out) == (0, ["1 links, 1 pages, 0 broken"]), status, out, err)
    check(f"{kind}: nobody there", run(kind, "http://127.0.0.1:1/")[0] == 1)
    for args in ([], ["nonsense"], ["-c", "0", site.url], ["-d", "x", site.url], ["http://" + "x" * 5000]):
        check(f"{kind}: {args} is refused", run(kind, *args)[0] == 2)
    site.end()


def politeness(kind):
    n = 300 if kind == "plain" else 60
    site = Site({"/": html(*(f"p{i}" for i in range(n))), **{f"/p{i}": html(f"/p{(i * 7) % n}", "/") for i in range(n)}})
    status, out, err = run(kind, "-c", "3", site.url)
    check(f"{kind}: {n + 1} pages", (status, out[-1]) == (0, f"{3 * n + 1} links, {n + 1} pages, 0 broken"), out, err)
    check(f"{kind}: at most three connections", site.most <= 3, site.most)
    check(f"{kind}: each page once", len(site.requests) == n + 2, len(site.requests))
    site.requests.clear()
    status, out, err = run(kind, "-n", "10", "-d", "50", site.url)
    check(f"{kind}: at most ten pages", re.search(r" 10 pages", out[-1]) and len(site.requests) == 11, out, len(site.requests))
    took = site.requests[-1][0] - site.requests[0][0]
    check(f"{kind}: not faster than every 50 ms", took >= 10 * 0.05 - 0.04, took)
    p = crawl(kind, "-d", "2000", site.url)
    while len(site.requests) < 13 and p.poll() is None:
        time.sleep(0.01)
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=PATIENCE)
    check(f"{kind}: Ctrl-C", p.returncode == 130 and "0 broken" in out, p.returncode, out, err)
    site.end()


def main():
    for kind in programs.arguments(__doc__).only:
        if programs.build("crawl", kind, "examples/crawl.c", "-I/usr/include/libxml2", "-lhttp_parser", "-lxml2"):
            links(kind), politeness(kind)
    return programs.result()


if __name__ == "__main__":
    sys.exit(main())
