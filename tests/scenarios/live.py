#!/usr/bin/python3
"""What goes on while somebody looks: metrics, the schema, the event stream and its limits, and the
verbs wait, events, status --watch and --nagios. The real daemon in a VPC of network namespaces.

    tests/scenarios/live.py --bin BUILD_DIR

Needs root and the packages of tests/setup; exits 77 without.
"""

import argparse
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from world import WAIT_S, Expectations, World, cannot_run, stop_on_signals  # noqa: E402

expect = Expectations()
NOBODY = 65534


def wait_until(condition):
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


def curl(world, path, *options, **more):
    return subprocess.run(["curl", "-sS", "-m", "10", "--unix-socket", world.socket, *options,
                           "http://localhost" + path], capture_output=True, text=True, check=False,
                          **more).stdout


def code(world, path, *options, **more):
    return curl(world, path, "-o", "/dev/null", "-w", "%{http_code}", *options, **more)


def command(world, *args):
    return [os.path.join(world.bin, "vpce-probe"), args[0], "--socket", world.socket, *args[1:]]


def cli(world, *args):
    return subprocess.run(command(world, *args), capture_output=True, text=True, check=False)


# ---- pages --------------------------------------------------------------------------------------

def check_metrics(world):
    text = curl(world, "/metrics")
    if shutil.which("promtool"):
        r = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True,
                           text=True, check=False)
        expect("promtool has nothing to say", (r.returncode, r.stdout + r.stderr), (0, ""))
    else:
        print("skipped: no promtool here")
    expect("the host's state", 'vpce_probe_host_state{state="healthy"} 1' in text, True)
    expect("each address", text.count('vpce_probe_address_up{endpoint="ecr.api"'), 3)
    expect("no public address", "52.218" in text, False)
    expect("the process", len(re.findall(r"(?m)^process_\w+ [0-9.e+]+$", text)), 4)
    r = cli(world, "status", "--metrics")
    expect("status --metrics", (r.returncode, "vpce_probe_runs_total" in r.stdout), (0, True))


def check_schema(world):
    import jsonschema
    schema = json.loads(curl(world, "/v1/schema"))
    validator = jsonschema.Draft7Validator(schema)
    wrong = [e.message for e in validator.iter_errors(world.status())]
    expect("the status holds to the schema that is served", wrong[:3], [])
    shipped = os.path.join(os.path.dirname(__file__), "..", "..", "daemon", "status.schema.json")
    with open(shipped, encoding="utf-8") as f:
        expect("which is the one that is shipped", schema, json.load(f))


def check_nagios(world):
    r = cli(world, "status", "--nagios")
    expect("--nagios: exit status", r.returncode, 0)
    line = r"VPCE-PROBE OK: [^|]+ \|( '[^'=]+'=[0-9.]+(ms)?;;;0(;\d+)?)+\n"
    expect("--nagios: one line with performance data", bool(re.fullmatch(line, r.stdout)), True)
    r = cli(world, "status", "--nagios", "--json")
    expect("two formats at once", r.returncode, 64)


def check_page(world):
    """The report page, and the verb that makes one without the daemon."""
    head = curl(world, "/", "-I").lower()
    expect("/: HTML", "content-type: text/html; charset=utf-8\n" in head, True)
    policy = re.search(r"content-security-policy: (.*)\n", head)
    expect("/: a policy", "default-src 'none'" in policy[1] and "unsafe" not in policy[1], True)
    expect("/: healthy", "<title>healthy" in curl(world, "/"), True)
    world.vpc("break sg ecr.api")
    world.wait_for({"ecr.api": "blocked"}, "unhealthy")
    page = curl(world, "/")
    expect("/: tells a change", ("<title>unhealthy" in page,
                                  len(re.findall("<td[^>]*>blocked</td>", page))),
           (True, 2))
    path = os.path.join(world.folder, "page.html")
    with open(path, "w", encoding="utf-8") as f:
        f.write(page)
    pages = os.path.join(os.path.dirname(__file__), "..", "html_pages.py")
    r = subprocess.run([sys.executable, pages, "--live", path], capture_output=True, text=True,
                       check=False)
    expect("/: well-formed", (r.returncode, r.stdout), (0, ""))
    r = cli(world, "report")
    expect("report: of the daemon", (r.returncode, "<title>unhealthy" in r.stdout), (0, True))
    r = subprocess.run(["ip", "netns", "exec", world.name + "-host", os.path.join(
        world.bin, "vpce-probe"), "report", "--config", world.conf, "--socket",
        world.folder + "/none"], capture_output=True, text=True, check=False)
    expect("report: without the daemon",
           (r.returncode, "<title>unhealthy" in r.stdout, "probing once" in r.stderr),
           (0, True, True))
    world.vpc("heal all")
    world.wait_until_healthy()


# ---- the event stream ---------------------------------------------------------------------------

class Stream:
    """A client of /v1/events, read line by line."""

    def __init__(self, world):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(WAIT_S)
        self.socket.connect(world.socket)
        self.socket.sendall(b"GET /v1/events HTTP/1.0\r\n\r\n")
        self.file = self.socket.makefile("r", encoding="utf-8")
        self.status = self.file.readline().split()[1]

    def next(self):
        """(event, data) or None at the end."""
        event = None
        for line in self.file:
            if line.startswith("event: "):
                event = line[7:].strip()
            elif line.startswith("data: "):
                return event, json.loads(line[6:])
        return None

    def next_of(self, event, **wanted):
        """The next one that has this in it."""
        while True:
            got = self.next()
            if got is None or (got[0] == event and wanted.items() <= got[1].items()):
                return got and got[1]

    def close(self):
        self.file.close()
        self.socket.close()


def check_events(world):
    stream = Stream(world)
    event, data = stream.next()
    expect("the first event is the present state",
           (event, data["state"], data["old_state"]), ("state", "healthy", None))
    world.vpc("break sg ecr.api")
    data = stream.next_of("verdict", endpoint="ecr.api")
    expect("a verdict", (data["state"], data["old_state"], data["verdict"], data["old_verdict"]),
           ("failed", "ok", "blocked", "ok"))
    expect("with what to change", "security group" in data["remedy"], True)
    expect("and the host's state", stream.next_of("state")["state"], "unhealthy")
    world.vpc("heal all")
    expect("and back", stream.next_of("state")["state"], "healthy")
    stream.close()


def check_event_limits(world):
    streams = [Stream(world) for _ in range(6)]
    expect("four streams of one user", [s.status for s in streams],
           ["200"] * 4 + ["503"] * 2)
    os.chmod(world.folder, 0o711)
    r = subprocess.Popen(["curl", "-sN", "-m", "5", "--unix-socket", world.socket, "-w",
                          "%{http_code}", "http://localhost/v1/events"], user=NOBODY,
                         stdout=subprocess.PIPE)
    expect("another user has his own", b"200" in r.communicate()[0], True)
    for stream in streams:
        stream.close()

    def opens_again():
        stream = Stream(world)
        stream.close()
        return stream.status == "200"
    expect("a place is free when one leaves", wait_until(opens_again), True)
    expect("HEAD of a stream", code(world, "/v1/events", "-I"), "200")


def descriptors(world):
    return len(os.listdir(f"/proc/{world.daemon.pid}/fd"))


def check_streams_come_and_go(world):
    """Nothing is left of clients that leave in the middle."""
    before = descriptors(world)
    for _ in range(100):
        stream = Stream(world)
        stream.close()
    expect("a hundred streams came and went", wait_until(
        lambda: descriptors(world) <= before), True)


# ---- verbs --------------------------------------------------------------------------------------

def check_wait(world):
    expect("wait: ready", cli(world, "wait", "-q", "--timeout", "10s").returncode, 0)
    expect("wait: for one", cli(world, "wait", "--for", "ecr.api").returncode, 0)
    expect("wait: for none", cli(world, "wait", "--for", "nonsense").returncode, 2)
    expect("wait: usage", cli(world, "wait", "--timeout", "soon").returncode, 64)
    world.vpc("break sg ecr.api")
    world.wait_for({"ecr.api": "blocked"}, "unhealthy")
    r = cli(world, "wait", "--timeout", "1s")
    expect("wait: timed out, and what for", (r.returncode, r.stderr.splitlines()),
           (1, ["vpce-probe wait: timed out",
                "1 of 6 required endpoints failed: ecr.api (blocked)"]))
    r = cli(world, "wait", "--timeout", "1ms", "--for", "ecs", "--for", "ecr.api")
    expect("wait: for two, one of them failed",
           (r.returncode, [line.split(":")[0] for line in r.stderr.splitlines()]),
           (1, ["vpce-probe wait", "ecs ok", "ecr.api failed"]))
    expect("wait: quietly", cli(world, "wait", "-q", "--timeout", "1ms").stderr, "")
    expect("wait: for another", cli(world, "wait", "-q", "--for", "ecs").returncode, 0)
    with subprocess.Popen(command(world, "wait"), stdout=subprocess.DEVNULL) as waiting:
        world.vpc("heal all")
        expect("wait: until it is well", waiting.wait(WAIT_S), 0)


def restart(world):
    world.daemon.send_signal(signal.SIGTERM)
    world.daemon.wait(WAIT_S)
    return cli(world, "status")


def check_over_a_restart(world):
    """events and wait outlive the daemon."""
    with subprocess.Popen(command(world, "events", "--json"), stdout=subprocess.PIPE,
                          encoding="utf-8") as events:
        first = json.loads(events.stdout.readline())
        expect("events: begins with the state", (first["event"], first["state"]),
               ("state", "healthy"))
        r = restart(world)
        expect("no daemon: exit status and what to do",
               (r.returncode, "systemctl start vpce-probe" in r.stderr), (3, True))
        waiting = subprocess.Popen(command(world, "wait", "-q", "--timeout", f"{WAIT_S}s"))
        time.sleep(1)
        world.start_daemon()
        expect("wait: waits for the daemon", waiting.wait(), 0)
        states = set()
        while "healthy" not in states:
            line = json.loads(events.stdout.readline())
            states.add(line["state"])
        expect("events: comes back", "healthy" in states, True)
        events.terminate()
    r = cli(world, "events", "--socket", world.folder + "/none")
    expect("events without a daemon", r.returncode, 3)


class Terminal:
    """A program on a terminal of 24 lines and 80 columns."""

    def __init__(self, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", LINES="24", COLUMNS="80")
            os.execv(args[0], args)
        self.text = ""
        self.before = termios.tcgetattr(self.fd)

    def read(self, seconds=0.2):
        while select.select([self.fd], [], [], seconds)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                break
            if not data:
                break
            self.text += data.decode(errors="replace")
        return self.text

    def shows(self, words):
        return wait_until(lambda: words in self.read())

    def end(self):
        self.read(1)
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def check_watch(world):
    terminal = Terminal(*command(world, "status", "--watch"))
    expect("--watch: shows the status", terminal.shows("required endpoints are reachable"), True)
    expect("--watch: on a screen of its own", "\x1b[?1049h" in terminal.text, True)
    world.vpc("break sg ecr.api")
    expect("--watch: shows the change", terminal.shows("blocked"), True)
    expect("--watch: without clearing first", "\x1b[2J" in terminal.text, False)
    os.write(terminal.fd, b"q")
    expect("--watch: q ends it", terminal.end(), 2)
    expect("--watch: the screen is put back", terminal.text.endswith("\x1b[?25h\x1b[?1049l"), True)
    world.vpc("heal all")
    world.wait_until_healthy()
    terminal = Terminal(*command(world, "status", "--watch"))
    terminal.shows("reachable")
    changed = termios.tcgetattr(terminal.fd)[3] & termios.ECHO
    os.kill(terminal.pid, signal.SIGINT)
    time.sleep(0.5)
    restored = termios.tcgetattr(terminal.fd)[3] & termios.ECHO
    expect("--watch: Ctrl-C puts echo back", (bool(changed), bool(restored)), (False, True))
    expect("--watch: exit status after Ctrl-C", terminal.end(), 0)


def widths(text):
    return max(len(line) for line in text.splitlines())


def check_widths(world):
    world.vpc("break sg ecr.api ecr.dkr")
    world.wait_for({"ecr.api": "blocked", "ecr.dkr": "blocked"}, "unhealthy")
    text = cli(world, "status").stdout
    expect("a pipe gets 80 columns", widths(text) <= 80, True)
    expect("and plain text", "\x1b" in text, False)
    text = cli(world, "status", "--color", "always").stdout
    expect("colour when asked for", "\x1b[31m" in text, True)
    world.vpc("heal all")
    world.wait_until_healthy()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    args = parser.parse_args()
    if cannot_run():
        print("skipped: " + cannot_run())
        return 77
    stop_on_signals()
    world = World(8, os.path.abspath(args.bin))
    try:
        world.start()
        expect("all healthy", world.wait_until_healthy(), None)
        check_metrics(world)
        check_schema(world)
        check_nagios(world)
        check_page(world)
        check_events(world)
        check_event_limits(world)
        check_streams_come_and_go(world)
        check_wait(world)
        check_widths(world)
        check_watch(world)
        check_over_a_restart(world)
    finally:
        wrong = world.stop()
    expect("the daemon's end", wrong, None)
    return expect.exit_status()


if __name__ == "__main__":
    sys.exit(main())
