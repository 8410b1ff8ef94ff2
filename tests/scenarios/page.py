#!/usr/bin/python3
"""The report page in a browser: the file as it is, printed, and without scripts; and the live page
as it changes while it is open.

    tests/scenarios/page.py --bin BUILD_DIR [--screenshots FOLDER] [--picture FILE]

--screenshots puts pictures of it into a folder, to be looked at: light, dark, live and as a PDF.
--picture makes the README's one, daemon/man/report.png; that wants pngquant.

Needs root and the packages of tests/setup, chromium among them (124 MB to fetch, 414 MB on the
disk); exits 77 without. With pdftotext (poppler-utils) the text on paper is looked at, too.
"""

import argparse
import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from world import (STOPPING, WAIT_S, Expectations, Stopped, World, cannot_run,  # noqa: E402
                   stop_on_signals)

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden")
BROWSER_S = 60
PAPER = {"width": 718, "height": 1047, "deviceScaleFactor": 1, "mobile": False}  # A4 less margins
PICTURE_WIDTH = 1100
PICTURE_MAX = 150_000  # bytes; everybody who clones the sources gets it
expect = Expectations()


def browser(profile, *args):
    """What it prints and what it complains about."""
    r = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         "--enable-logging=stderr", "--user-data-dir=" + profile, *args],
        capture_output=True, text=True, check=False, timeout=BROWSER_S)
    complaints = [line for line in r.stderr.splitlines() if "CONSOLE" in line]
    return r.stdout, complaints


def check_file(profile, screenshots):
    """The golden pages: what it makes of them is what stands in them."""
    dom, complaints = browser(
        profile, "--dump-dom", "file://" + os.path.join(GOLDEN, "report.html"))
    expect("the file: nothing to complain of", complaints, [])
    expect("the file: the table", len(re.findall(r'<tr><th scope="row">', dom)), 4)
    expect("the file: the picture", dom.count('<svg class="picture"'), 1)
    expect("the file: a hostile name is text",
           ("<script>" in dom, "&lt;script&gt;alert(1)" in dom), (False, True))
    dom, complaints = browser(
        profile, "--dump-dom", "file://" + os.path.join(GOLDEN, "report-hostile.html"))
    expect("the hostile file: nothing to complain of", complaints, [])
    expect("the hostile file: no image, no link, no script",
           re.findall(r"<(?:img|a|script|iframe)[ >]", dom), [])
    if screenshots:
        for name, options in (("light", []), ("dark", ["--blink-settings=preferredColorScheme=0"])):
            browser(profile, "--window-size=1200,1400", *options,
                    "--screenshot=" + os.path.join(screenshots, name + ".png"),
                    "file://" + os.path.join(GOLDEN, "report.html"))


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def forward(path):
    """A TCP port of this machine that leads to the Unix socket, as "ssh -L" makes one."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            client, _ = listener.accept()
            daemon = socket.socket(socket.AF_UNIX)
            try:
                daemon.connect(path)
            except OSError:
                client.close()
                continue
            for ends in ((client, daemon), (daemon, client)):
                threading.Thread(target=pump, args=ends, daemon=True).start()
    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


class Refused(Exception):
    """The browser does not want to."""


class OpenPage:
    """A page that stays open: Chromium over its debugging pipe, JSON with a NUL behind it."""

    def __init__(self, profile, url, scripts=True):
        to_browser, self.sink = os.pipe()
        self.source, from_browser = os.pipe()
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "bash", "chromium",
             "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
             "--user-data-dir=" + profile],
            pass_fds=(to_browser, from_browser), stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.rest = b""
        self.n = 0
        self.session = None
        self.complaints = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Log", "Runtime", "Page"):
            self.ask(domain + ".enable")
        self.ask("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.ask("Page.navigate", url=url)

    def next(self):
        while b"\0" not in self.rest:
            data = os.read(self.source, 65536)
            if not data:
                raise EOFError("the browser has ended")
            self.rest += data
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def ask(self, method, **params):
        self.n += 1
        message = {"id": self.n, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.sink, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.next()
            if answer.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
                self.complaints.append(answer["params"])
            if answer.get("id") == self.n:
                if "error" in answer:
                    raise Refused(f"{method}: {answer['error']}")
                return answer["result"]

    def value(self, expression):
        """None, too, while one document takes the place of another."""
        try:
            return self.ask("Runtime.evaluate", expression=expression)["result"].get("value")
        except Refused:
            return None

    def becomes(self, expression, wanted):
        """None, or what it was at the end."""
        deadline = time.monotonic() + WAIT_S
        while (got := self.value(expression)) != wanted:
            if STOPPING.is_set():
                raise Stopped
            if time.monotonic() > deadline:
                return got
            time.sleep(0.1)
        return None

    def source_becomes(self, pattern):
        """Its elements as HTML, which needs no script, once the pattern is found there."""
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                root = self.ask("DOM.getDocument")["root"]["nodeId"]
                source = self.ask("DOM.getOuterHTML", nodeId=root)["outerHTML"]
            except Refused:  # another document has taken its place
                source = ""
            if re.search(pattern, source) or time.monotonic() > deadline:
                return source
            time.sleep(0.1)

    def pdf(self):
        return base64.b64decode(self.ask("Page.printToPDF", paperWidth=8.27, paperHeight=11.69,
                                         preferCSSPageSize=True)["data"])

    def close(self):
        try:
            self.ask("Browser.close")
            self.process.wait(WAIT_S)
        except (EOFError, OSError, subprocess.TimeoutExpired):  # Ctrl-C has ended it already
            self.process.kill()
            self.process.wait()
        os.close(self.sink)
        os.close(self.source)


LOADED = "document.readyState === 'complete' && document.querySelector('footer') !== null"
CUT_OFF = """Array.from(document.querySelectorAll('body, .wide, pre, p, h3')).filter(
    e => e.scrollWidth > e.clientWidth + 1).map(e => e.outerHTML.slice(0, 80)).join()"""
BROKEN_WORDS = """Array.from(document.querySelectorAll('td.mono, td.tone, td.word')).filter(e => {
    const range = document.createRange();
    range.selectNodeContents(e);
    return range.getClientRects().length > 1;
}).map(e => e.textContent).join()"""
COPIED = """(() => {
    const pre = document.querySelector('pre');
    getSelection().selectAllChildren(pre);
    return getSelection().toString().trim() === pre.textContent;
})()"""


def text_of(pdf):
    """What stands on its pages in one line, or None when nobody can read it."""
    if not shutil.which("pdftotext"):
        print("skipped: needs pdftotext (poppler-utils)")
        return None
    r = subprocess.run(["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True,
                       check=True)
    return " ".join(r.stdout.decode().split())


def check_paper(profile, screenshots):
    """The golden pages as they are printed, by somebody whose screen is dark."""
    for name in ("report.html", "report-hostile.html"):
        page = OpenPage(profile, "file://" + os.path.join(GOLDEN, name))
        try:
            page.ask("Emulation.setEmulatedMedia", media="print", features=[
                {"name": "prefers-color-scheme", "value": "dark"}])
            page.ask("Emulation.setDeviceMetricsOverride", **PAPER)
            expect(f"{name} on paper: loaded", page.becomes(LOADED, True), None)
            expect(f"{name} on paper: nothing is cut off", page.value(CUT_OFF), "")
            expect(f"{name} on paper: black on white", page.value(
                "(s => s.color + s.backgroundColor)(getComputedStyle(document.body))"),
                   "rgb(0, 0, 0)rgb(255, 255, 255)")
            if name == "report.html":
                expect("on paper: words in one piece", page.value(BROKEN_WORDS), "")
                expect("commands are copied as they are", page.value(COPIED), True)
                pdf = page.pdf()
                check_words_on_paper(pdf)
                if screenshots:
                    with open(os.path.join(screenshots, "paper.pdf"), "wb") as f:
                        f.write(pdf)
        finally:
            page.close()


def check_words_on_paper(pdf):
    text = text_of(pdf)
    if text is not None:
        wanted = ["! degraded for 30s", "Availability Zone euw1-az2, 10.0.2.0/24",
                  "ecr.api ! degraded partly-blocked interface 1/2", "What to change: Look at",
                  "ip route get 10.0.2.11", "29min 30s ! degraded partly-blocked",
                  "ecr.api 10.0.2.11 euw1-az2 vpc ✗ timeout"]
        expect("on paper: everything is there", [w for w in wanted if w not in text], [])


def check_without_scripts(profile, url):
    """The live page while an endpoint is blocked: all of it is there, and it is loaded anew."""
    page = OpenPage(profile, url, scripts=False)
    try:
        source = page.source_becomes("</footer>")
        expect("without scripts: the state", "✗ unhealthy</span>" in source, True)
        expect("without scripts: the table", len(re.findall(r'<tr><th scope="row">', source)), 7)
        expect("without scripts: the picture", source.count('<svg class="picture"'), 1)
        expect("without scripts: what to change", "aws ec2 describe-security-group" in source, True)
        expect("without scripts: the time line", 'id="timeline"' in source, True)
        # an element there, not text, is what noscript holds only while scripts are off
        expect("without scripts: it is loaded anew", page.value(
            "document.querySelector('noscript').firstElementChild.outerHTML"),
               '<meta http-equiv="refresh" content="30">')
    finally:
        page.close()


def make_picture(profile, url, path):
    """From the top of the page to what the lines mean."""
    page = OpenPage(profile, url)
    try:
        page.ask("Emulation.setDeviceMetricsOverride", width=PICTURE_WIDTH, height=900,
                 deviceScaleFactor=1, mobile=False)
        expect("the picture: loaded", page.becomes(LOADED, True), None)
        bottom = page.value("document.querySelector('.legend').getBoundingClientRect().bottom")
        png = page.ask("Page.captureScreenshot", captureBeyondViewport=True, clip={
            "x": 0, "y": 0, "width": PICTURE_WIDTH, "height": int(bottom) + 16, "scale": 1})["data"]
    finally:
        page.close()
    small = subprocess.run(["pngquant", "--strip", "--speed", "1", "48", "-"],
                           input=base64.b64decode(png), stdout=subprocess.PIPE, check=True).stdout
    with open(path, "wb") as f:
        f.write(small)
    expect("the picture: small enough", len(small) <= PICTURE_MAX, True)


STATE = "document.querySelector('.state .badge').textContent"
INSTANCE = "document.querySelector('.picture .node ~ .key').textContent.slice(0, 3)"
TOO_LONG = """Array.from(document.querySelectorAll('.picture .node')).flatMap(box =>
    Array.from(box.parentNode.querySelectorAll('text')).filter(text =>
        text.getBBox().x + text.getBBox().width + 6 > box.getBBox().x + box.getBBox().width)
).map(text => text.textContent).join()"""
ROWS = "document.querySelectorAll('tbody th').length"
STALE = "document.documentElement.className"


def check_live(world, profile, screenshots, picture):
    """The page is opened while all is well, then an endpoint breaks, and the daemon ends."""
    url = f"http://127.0.0.1:{forward(world.socket)}/"
    page = OpenPage(profile, url)
    try:
        expect("live: loaded", page.becomes(LOADED, True), None)
        expect("live: healthy", page.becomes(STATE, "✓ healthy"), None)
        expect("live: seven endpoints", page.becomes(ROWS, 7), None)
        expect("live: the instance id", page.becomes(INSTANCE, "i-0"), None)
        expect("live: the picture's words keep inside", page.value(TOO_LONG), "")
        page.value("document.documentElement.id = 'the-same'")
        world.vpc("break sg ecr.api")
        expect("live: the open page tells the change", page.becomes(STATE, "✗ unhealthy"), None)
        expect("live: the time line, too",
               page.becomes("document.querySelector('#timeline ~ .wide tbody td + td')"
                            ".textContent", "ecr.api"), None)
        if screenshots:
            browser(os.path.join(profile, "shots"), "--window-size=1200,1500",
                    "--screenshot=" + os.path.join(screenshots, "live.png"), url)
        check_without_scripts(os.path.join(profile, "plain"), url)
        if picture:
            make_picture(os.path.join(profile, "picture"), url, picture)
        world.vpc("heal all")
        expect("live: and back", page.becomes(STATE, "✓ healthy"), None)
        expect("live: it was never loaded anew", page.value("document.documentElement.id"),
               "the-same")
        expect("live: nothing to complain of", page.complaints, [])
        world.daemon.terminate()
        world.daemon.wait(WAIT_S)
        expect("live: without the daemon it says that it is old", page.becomes(STALE, "stale"),
               None)
        world.start_daemon()
        expect("live: with it again it goes on", page.becomes(STALE, ""), None)
    finally:
        page.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--screenshots")
    parser.add_argument("--picture")
    args = parser.parse_args()
    missing = cannot_run() or (None if shutil.which("chromium") else
                               "needs chromium (tests/setup browser)")
    if missing:
        print("skipped: " + missing)
        return 77
    stop_on_signals()
    wrong = None
    with tempfile.TemporaryDirectory() as profile:
        check_file(profile, args.screenshots)
        check_paper(profile, args.screenshots)
        world = World(12, os.path.abspath(args.bin))
        try:
            world.start()
            expect("all healthy", world.wait_until_healthy(), None)
            world.configure("[Host]\nImds=auto\n")  # which knows the instance id
            expect("all healthy again", world.wait_until_healthy(), None)
            check_live(world, profile, args.screenshots, args.picture)
        except Stopped:
            expect("it was let finish", False, True)
        finally:
            wrong = world.stop()
    expect("the daemon's end", wrong, None)
    return expect.exit_status()


if __name__ == "__main__":
    sys.exit(main())
