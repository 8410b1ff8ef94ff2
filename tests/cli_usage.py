#!/usr/bin/python3
"""The verbs of vpce-probe on a bad command line, and with something at the socket that is not the
daemon, or that streams what no daemon would. A server of the test's own stands there.

    tests/cli_usage.py VPCE_PROBE
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading

EVENT = {"at": "2026-01-15T12:00:00.000Z", "state": "failed", "summary": "no answer to SYN"}
LINE_MAX = 1 << 20

failures = []


def expect(what, got, wanted):
    if got != wanted:
        print(f"FAIL {what}\n     got {got!r}, expected {wanted!r}")
        failures.append(what)


# Words, exit status, and what is said about it.
USAGE = [
    ("", 64, "Usage: vpce-probe VERB"),
    ("--help", 0, "Usage: vpce-probe VERB"),
    ("--version", 0, "vpce-probe "),
    ("stat", 64, 'no verb "stat"'),
    ("status --help", 0, "Usage: vpce-probe status"),
    ("status --version", 0, "vpce-probe "),
    ("status extra", 64, "unexpected argument: extra"),
    ("status --color sometimes", 64, "vpce-probe status: --color takes auto, always or never"),
    ("status --color", 64, "vpce-probe status: option '--color' requires an argument"),
    ("status --timeout 5s", 64, "unrecognized option"),
    ("status --json --nagios", 64, "exclude each other"),
    ("status --watch --metrics", 64, "no other format"),
    ("check -4 -6", 64, "vpce-probe check: -4 and -6 exclude each other"),
    ("check -q", 64, "invalid option"),
    ("check --config /nonexistent", 78, "/nonexistent"),
    ("events --json --console", 64, "--console and --json exclude each other"),
    ("events extra", 64, "unexpected argument: extra"),
    ("wait --timeout 0", 64, "vpce-probe wait: --timeout takes a time span such as 5min"),
    ("wait --timeout never", 64, "a time span such as 5min"),
    ("wait" + " --for x" * 65, 64, "more than 64 times"),
    ("wait -4", 64, "invalid option"),
    ("explain a b", 64, "unexpected argument: b"),
    ("history --since yesterday", 64, "yesterday"),
    ("endpoints --help", 0, "Usage: vpce-probe endpoints"),
    ("endpoints --version", 0, "vpce-probe "),
    ("endpoints -h", 0, "Usage: vpce-probe endpoints"),
    ("endpoints extra", 64, "unexpected argument extra"),
    ("endpoints --region", 64, "--region needs a value"),
    ("endpoints --regoin x", 64, "unknown option --regoin"),
    ("endpoints --region nowhere", 64, "nowhere is not a Region"),
    ("endpoints --region " + "x" * 300, 64, "is not a Region"),
    ("endpoints --region eu-west-1 --account 123", 64, "123 is not an account id"),
    ("endpoints --region eu-west-1 --account 1234567890123", 64, "is not an account id"),
    ("endpoints --region eu-west-1 --account 12345678901a", 64, "is not an account id"),
    ("endpoints --region eu-west-1 --launch-type lambda", 64, "lambda is not a launch type"),
    ("endpoints --region eu-west-1 --launch-type fargate", 0, "hold the account id"),
    ("endpoints --region eu-west-1 --account 123456789012 --launch-type ec2 --all", 0, "ecs\t"),
    ("endpoints --config CONF", 64, "the Region is not known"),
    ("endpoints --config /nonexistent", 78, "/nonexistent"),
]


def check_usage(program, folder):
    conf = os.path.join(folder, "empty.conf")
    with open(conf, "w", encoding="utf-8"):
        pass
    for words, status, says in USAGE:
        command = [conf if word == "CONF" else word for word in words.split()]
        r = subprocess.run([program, *command], capture_output=True, text=True, check=False,
                           stdin=subprocess.DEVNULL, timeout=60)
        where = r.stdout if status == 0 and "hold the" not in says else r.stderr
        if (r.returncode, says in where) != (status, True):
            expect(f"vpce-probe {words[:70]}", (r.returncode, r.stdout + r.stderr), (status, says))
    with open("/dev/full", "w", encoding="utf-8") as full:
        r = subprocess.run([program, "endpoints", "--region", "eu-west-1"], stdout=full,
                           stderr=subprocess.PIPE, check=False)
    expect("a full disk is told", (r.returncode, b"cannot write" in r.stderr), (2, True))


class Server:
    """Answers each connection with the next of these texts and closes; the first one stays open
    until the end, if it is to."""

    def __init__(self, folder, answers, stays=False):
        self.path = os.path.join(folder, "socket")
        self.answers = [a.encode() if isinstance(a, str) else a for a in answers]
        self.stays = stays
        self.n = 0
        self.open = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(8)
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        for i, answer in enumerate(self.answers):
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.n += 1
            if self.stays and i == 0:
                self.open.append(connection)
            try:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += connection.recv(4096)
                connection.sendall(answer)
            except OSError:
                pass
            if connection not in self.open:
                connection.close()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        for connection in self.open:
            connection.close()
        os.unlink(self.path)


def run(program, server, *args, **more):
    return subprocess.run([program, args[0], "--socket", server.path, *args[1:]],
                          capture_output=True, text=True, check=False, timeout=60, **more)


def check_answers(program, folder):
    """What is not our daemon is said to be none, quickly."""
    for what, answer in (
            ("nothing", ""), ("no head", "hello"),
            ("another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n"),
            ("a status that is none", "HTTP/1.0 abc OK\r\n\r\n{}"),
            ("a status of no class", "HTTP/1.0 999 OK\r\n\r\n{}"),
            ("an error", "HTTP/1.0 503 Busy\r\n\r\n{}"),
            ("no JSON", "HTTP/1.0 200 OK\r\n\r\n<html>"),
            ("an array", "HTTP/1.0 200 OK\r\n\r\n[]"),
            ("half of it", "HTTP/1.0 200 OK\r\n\r\n{\"a\":"),
            ("no end", b"HTTP/1.0 200 OK\r\n\r\n" + b" " * (64 << 20))):
        with Server(folder, [answer]) as server:
            r = run(program, server, "status")
            expect(f"status, {what}", (r.returncode, r.stdout, r.stderr != ""), (3, "", True))
    with Server(folder, ["HTTP/1.0 200 OK\r\n\r\n{}"]) as server:
        r = run(program, server, "wait", "--timeout", "100ms")
        expect("wait: a status without endpoints is not ready", r.returncode, 1)
    status = ('{"endpoints":[{"endpoint":"ecs","required":true,"state":"degraded","summary":"e"}],'
              '"summary":"s"}')
    for what, words, wanted in (("ready", (), (0, "s\n")), ("ready, and quiet", ("-q",), (0, "")),
                                ("by name", ("--for", "ecs"), (0, "ecs degraded: e\n")),
                                ("of no such name", ("--for", "s3"), (2, ""))):
        with Server(folder, ["HTTP/1.0 200 OK\r\n\r\n" + status]) as server:
            r = run(program, server, "wait", *words)
            expect(f"wait, {what}", (r.returncode, r.stdout), wanted)
    r = subprocess.run([program, "status", "--nagios", "--socket", "/nonexistent"],
                       capture_output=True, text=True, check=False)
    expect("--nagios without a daemon is a line", (r.returncode, r.stdout, r.stderr),
           (3, "VPCE-PROBE UNKNOWN: no answer from the daemon at /nonexistent: "
            "No such file or directory\n", ""))
    there = folder + "/there"
    for text, path in ((f"[Status]\nSocket={there}\n[Probe]\nInterval=x\n", there),
                       ("[Status]\nSocket=here\n", "/run/vpce-probe/status.sock")):
        with open(folder + "/broken.conf", "w", encoding="utf-8") as f:
            f.write(text)
        r = subprocess.run([program, "status", "--config", folder + "/broken.conf"],
                           capture_output=True, text=True, check=False)
        expect("a broken configuration's socket",
               (r.returncode, "broken.conf:" in r.stderr, f"the daemon at {path}:" in r.stderr),
               (3, True, True))
    r = subprocess.run([program, "status", "--socket", "/" + "x" * 200], capture_output=True,
                       text=True, check=False)
    expect("a path that is too long", (r.returncode, "too long" in r.stderr), (3, True))


def check_refused_streams(program, folder):
    for what, answer, says in (
            ("refused", "HTTP/1.0 503 Busy\r\n\r\n", "gives no event stream"),
            ("a line without end", b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * (LINE_MAX + 1),
             "too large")):
        with Server(folder, [answer]) as server:
            r = run(program, server, "events")
            expect(f"events, {what}", (r.returncode, says in r.stderr), (3, True))


def follow(program, folder, args, stream, n_lines):
    """The first lines of a follower that has SIGPIPE ignored, as systemd's services have. Then
    nobody reads, and it is told something more."""
    head = "HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    with Server(folder, [head + stream], stays=True) as server:
        with subprocess.Popen([program, "events", "--socket", server.path, *args],
                              stdout=subprocess.PIPE, encoding="utf-8",
                              restore_signals=False) as events:
            lines = [events.stdout.readline().rstrip("\n") for _ in range(n_lines)]
            events.stdout.close()
            with contextlib.suppress(OSError):  # gone already, by a line of the stream
                for connection in server.open:
                    connection.sendall(f"event: host\r\ndata: {json.dumps(EVENT)}\r\n\r\n".encode())
            return lines, events.wait(timeout=60)


def check_streams(program, folder):
    second = dict(EVENT, endpoint="s3", verdict="blocked")
    stream = (f": comment\r\nevent: host\r\ndata: {json.dumps(EVENT)}\r\n\r\n"
              "data: no JSON\r\ndata: [1]\n\n"
              "event: a name that is far too long to be one\ndata: 7\n\n"
              f"event: verdict\ndata: {json.dumps(second)}\n\n"
              "event: verdict\ndata: {\"state\": 7}\n\n")
    text = follow(program, folder, [], stream, 3)
    expect("events", text, ([
        "2026-01-15T12:00:00 host           failed: no answer to SYN",
        "2026-01-15T12:00:00 s3             failed blocked: no answer to SYN",
        "- -              - -: -"], 1))
    lines, status = follow(program, folder, ["--json"], stream, 2)
    expect("events --json", ([json.loads(line).get("event") for line in lines], status),
           (["host", "verdict"], 1))
    lines, _ = follow(program, folder, ["--color", "always"], stream, 1)
    expect("events --color", "\x1b[" in lines[0], True)


def check_console(program, folder):
    """An event, then the status is asked for: one answer that is none, one that is. Then nobody
    reads, and there is something new."""
    head = "HTTP/1.0 200 OK\r\n\r\n"
    event = f"event: host\ndata: {json.dumps(EVENT)}\n\n"
    statuses = [head + json.dumps({"state": state, "summary": state, "generated_at": EVENT["at"]})
                for state in ("unhealthy", "healthy")]
    with Server(folder, [head + event, "nonsense", *statuses], stays=True) as server:
        with subprocess.Popen([program, "events", "--console", "--socket", server.path],
                              stdout=subprocess.PIPE, encoding="utf-8",
                              restore_signals=False) as events:
            line = events.stdout.readline()
            events.stdout.close()
            server.open[0].sendall(event.encode())
            status = events.wait(timeout=60)
    expect("events --console", (line, status, server.n),
           ("vpce-probe: 2026-01-15T12:00:00 unhealthy: unhealthy\n", 1, 4))


CONF = """[Host]
Region=eu-west-1
AccountId=123456789012
VpcCidrs=10.0.0.0/16
[Probe]
EgressControl=off
SecondOpinion=off
[Endpoint own]
Host=127.0.0.1
Port=1
Required=yes
""" + "".join(f"[Endpoint {key}]\nEnabled=no\n" for key in (
    "ecs", "ecs-agent", "ecs-telemetry", "ecr.api", "ecr.dkr", "s3", "logs"))


def check_full_disk(program, folder):
    """`check` of one port where nobody listens, in all its formats; who cannot write says so."""
    conf = os.path.join(folder, "check.conf")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(CONF)
    for words, says in (([], "own (unexpected-address)"), (["--json"], '"unexpected-address"'),
                        (["--metrics"], 'vpce_probe_endpoint_required{endpoint="own"} 1'),
                        (["--nagios"], "VPCE-PROBE CRITICAL")):
        command = [program, "check", "--config", conf, *words]
        r = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        expect(f"{command[1:]}", (r.returncode, says in r.stdout), (2, True))
        expect_disk_full(command)
    status = 'HTTP/1.0 200 OK\r\n\r\n{"state":"healthy"}'
    metrics = "HTTP/1.0 200 OK\r\n\r\na 1\nb 2"
    for words in ([], ["--json"], ["--metrics"]):
        with Server(folder, [status, metrics]) as server:
            expect_disk_full([program, "status", "--socket", server.path, *words])
    with Server(folder, [status, metrics]) as server:
        r = run(program, server, "status", "--metrics")
        expect("status --metrics", (r.returncode, r.stdout), (0, "a 1\nb 2"))
    with Server(folder, [status, "HTTP/1.0 404 Not Found\r\n\r\n"]) as server:
        r = run(program, server, "status", "--metrics")
        expect("status --metrics, there are none", (r.returncode, "no metrics" in r.stderr),
               (3, True))


def expect_disk_full(command):
    with open("/dev/full", "w", encoding="utf-8") as full:
        r = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)
    expect(f"{command[1:]}: a full disk is told", (r.returncode, b"cannot write" in r.stderr),
           (3, True))


def main():
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="vpce-probe-usage-") as folder:
        for check in (check_usage, check_answers, check_refused_streams, check_streams,
                      check_console, check_full_disk):
            check(program, folder)
    print(f"{len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
