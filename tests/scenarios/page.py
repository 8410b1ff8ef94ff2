#!/usr/bin/python3
"""The report page in a browser: the file as it is, and the live page as it changes while it is open.

    tests/scenarios/page.py --bin BUILD_DIR [--screenshots FOLDER]

Needs root, the packages of tests/setup and chromium, which tests/setup leaves out: it is large
(124 MB to fetch, 414 MB on the disk). Exits 77 without.
"""

import argparse
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
from world import WAIT_S, Expectations, World, cannot_run, stop_on_signals  # noqa: E402

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden")
BROWSER_S = 60
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


class OpenPage:
    """A page that stays open: Chromium over its debugging pipe, JSON with a NUL behind it."""

    def __init__(self, profile, url):
        to_browser, self.sink = os.pipe()
        self.source, from_browser = os.pipe()
        self.process = subprocess.Popen(
            ["sh", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "sh", "chromium",
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
                return answer["result"]

    def value(self, expression):
        return self.ask("Runtime.evaluate", expression=expression)["result"].get("value")

    def becomes(self, expression, wanted):
        """None, or what it was at the end."""
        deadline = time.monotonic() + WAIT_S
        while (got := self.value(expression)) != wanted:
            if time.monotonic() > deadline:
                return got
            time.sleep(0.1)
        return None

    def close(self):
        self.ask("Browser.close")
        self.process.wait(WAIT_S)
        os.close(self.sink)
        os.close(self.source)


STATE = "document.querySelector('.state .badge').textContent"
ROWS = "document.querySelectorAll('tbody th').length"
STALE = "document.documentElement.className"


def check_live(world, profile, screenshots):
    """The page is opened while all is well, then an endpoint breaks, and the daemon ends."""
    url = f"http://127.0.0.1:{forward(world.socket)}/"
    page = OpenPage(profile, url)
    try:
        expect("live: healthy", page.becomes(STATE, "✓ healthy"), None)
        expect("live: seven endpoints", page.value(ROWS), 7)
        page.value("document.documentElement.id = 'the-same'")
        world.vpc("break sg ecr.api")
        expect("live: the open page tells the change", page.becomes(STATE, "✗ unhealthy"), None)
        expect("live: the time line, too",
               page.becomes("document.querySelector('#timeline ~ .wide tbody td + td')"
                            ".textContent", "ecr.api"), None)
        if screenshots:
            browser(os.path.join(profile, "shots"), "--window-size=1200,1500",
                    "--screenshot=" + os.path.join(screenshots, "live.png"), url)
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
    args = parser.parse_args()
    missing = cannot_run() or (None if shutil.which("chromium") else
                               "needs chromium (apt-get install --no-install-recommends chromium)")
    if missing:
        print("skipped: " + missing)
        return 77
    stop_on_signals()
    wrong = None
    with tempfile.TemporaryDirectory() as profile:
        check_file(profile, args.screenshots)
        world = World(12, os.path.abspath(args.bin))
        try:
            world.start()
            expect("all healthy", world.wait_until_healthy(), None)
            check_live(world, profile, args.screenshots)
        finally:
            wrong = world.stop()
    expect("the daemon's end", wrong, None)
    return expect.exit_status()


if __name__ == "__main__":
    sys.exit(main())
