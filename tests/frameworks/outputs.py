#!/usr/bin/env python3
"""outputs.py tap|junit FILE TESTS FAILURES, outputs.py page FILE: read what conc.h's test runner and explorer write, strictly.
outputs.py console DOCUMENT [write]: run the commands of its console blocks, and compare what they print with what the document says
(or write it there); times in parentheses are not compared."""
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser


def tap(path, tests, failures):
    lines = open(path, encoding="utf-8").read().split("\n")
    assert lines[0] == "TAP version 13" and lines[1] == f"1..{tests}", lines[:2]
    results = [line for line in lines[2:] if not line.startswith("#") and line]
    for i, line in enumerate(results):
        m = re.fullmatch(r"(not )?ok (\d+) - [a-z_]+( # SKIP .*)?", line)
        assert m and int(m[2]) == i + 1, line
    assert len(results) == tests and sum(r.startswith("not") for r in results) == failures
    assert not any(re.search(r"[\x00-\x08\x0b-\x1f]", line) for line in lines)


def junit(path, tests, failures):
    suite = ET.parse(path).getroot().find("testsuite")
    cases = suite.findall("testcase")
    failed = [c for c in cases if c.find("failure") is not None]
    assert (int(suite.get("tests")), int(suite.get("failures"))) == (tests, failures) == (len(cases), len(failed))
    text = next(c for c in cases if c.get("name") == "bad_text").find("failure").text
    assert "<a> & \"b\" 'c' ]]> ? ?? \u00e4 # 5%\nsecond line" in text, text


class Tags(HTMLParser):
    """Every tag is closed in its order, and nothing is fetched from elsewhere."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], set()

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.add(tag)
        assert not {"src", "href", "onload"} & {name for name, _ in attrs}, attrs

    def handle_startendtag(self, tag, attrs):
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag


def page(path):
    text = open(path, encoding="utf-8").read()
    tags = Tags()
    tags.feed(text)
    tags.close()
    assert not tags.open and {"svg", "title", "style", "circle"} <= tags.seen, tags.seen
    assert text.startswith("<!DOCTYPE html>") and "prefers-color-scheme:dark" in text
    ET.fromstring(text)


def console(path, write=None):
    text = open(path, encoding="utf-8").read()
    said, printed = [], []
    for block in re.finditer(r"^```console\n(.*?)^```$", text, re.M | re.S):
        out = ""
        for command in re.findall(r"^\$ (.*)$", block[1], re.M):
            run = subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
            out += f"$ {command}\n" + re.sub(r"\(\d+\.\d+ s\)", "(0.010 s)", "\n".join(map(str.rstrip, run.stdout.splitlines())) + "\n" * (run.stdout != ""))
        said.append(block[1])
        printed.append(out)
    assert said
    if write:
        parts = iter(printed)
        open(path, "w", encoding="utf-8").write(
            re.sub(r"^```console\n.*?^```$", lambda m: f"```console\n{next(parts)}```", text, flags=re.M | re.S))
    else:
        for want, got in zip(said, printed):
            assert want == got, f"the document says:\n{want}\nit is:\n{got}"


if __name__ == "__main__":
    what, arguments = sys.argv[1], sys.argv[2:]
    {"tap": tap, "junit": junit, "page": page, "console": console}[what](
        *(int(a) if a.isdigit() else a for a in arguments))
