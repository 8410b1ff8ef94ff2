#!/usr/bin/python3
"""The credentials of the role from a stand-in for IMDS that misbehaves (tests/imds_mock.py), and
what a core dump has of them.

    tests/credentials.py CREDENTIALS_DUMP

Every get ends by itself; no time is measured. No rights are needed.
"""

import hashlib
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import imds_mock  # noqa: E402
from imds_mock import CREDENTIALS, HTML, TOKEN, TTL, Mock, Role, ask, iso_time  # noqa: E402

SECONDS = "60"

failures = []


def expect(what, got, wanted):
    good = got == wanted
    print(f"{'ok  ' if good else 'FAIL'} {what}")
    if not good:
        print(f"     got {got!r}, expected {wanted!r}")
        failures.append(what)


def known(keys):
    """What the program says of these credentials."""
    texts = [keys["AccessKeyId"], keys["SecretAccessKey"], keys["Token"]]
    return {"id": len(texts[0]), "secret": len(texts[1]), "token": len(texts[2]),
            "sha256": hashlib.sha256("\n".join(texts).encode()).hexdigest()}


def allow_core():
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))


class Client:
    """The program, and the lines it prints."""

    def __init__(self, *args, **keywords):
        self.process = subprocess.Popen(
            [sys.argv[1], "--seconds", SECONDS, *args], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, **keywords)
        self.log = ""
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stdout.close()

    def _read_log(self):
        for line in self.process.stderr:
            self.log += line

    def text(self):
        return self.process.stdout.readline().strip()

    def line(self):
        line = self.text()
        return json.loads(line) if line else None

    def again(self, discard=False):
        self.process.send_signal(signal.SIGUSR2 if discard else signal.SIGUSR1)
        return self.line()


def first(mock):
    """What the first get says, of a program that ends by itself: a sanitizer would speak."""
    with Client(mock.url) as client:
        line = client.line()
        if client.process.wait() != 0 or client.log:
            failures.append(f"exit status {client.process.returncode}")
            print(f"FAIL exit status {client.process.returncode}: {client.log[-2000:]}")
    return line


def outcome(mock):
    line = first(mock)
    return line["state"], line["keys"]


# ---- the stand-in itself --------------------------------------------------------------------------

def check_mock():
    with Mock() as mock:
        token = ask(mock, "PUT", "/latest/api/token", {TTL: "60"})[1]

        def get(path):
            return ask(mock, "GET", "/latest/" + path, {TOKEN: token})

        expect("no role", get(CREDENTIALS)[0], 404)
        role = Role("web", lifetime_s=3600)
        mock.give_role(role)
        expect("the listing", get(CREDENTIALS), (200, "web"))
        expect("the document", json.loads(get(CREDENTIALS + "web")[1]), role.issued[0])
        expect("without a token", ask(mock, "GET", "/latest/" + CREDENTIALS)[0], 401)
        expect("another role", get(CREDENTIALS + "other")[0], 404)
        role.expires = time.time() + 299
        expect("rotates by itself", json.loads(get(CREDENTIALS + "web")[1]) != role.issued[0], True)
        mock.give_role(None)
        expect("no role any more", (get(CREDENTIALS)[0], get(CREDENTIALS + "web")[0]), (404, 404))
        mock.set_lifecycle_state("InService")
        mock.set_group("blue")
        expect("the group", (get(imds_mock.LIFECYCLE_STATE), get(imds_mock.GROUP)),
               ((200, "InService"), (200, "blue")))
        mock.set_lifecycle_state(None)
        expect("none", get(imds_mock.LIFECYCLE_STATE)[0], 404)
        mock.fault(imds_mock.GROUP, imds_mock.slow(0.01))
        expect("slow, but right", get(imds_mock.GROUP), (200, "blue"))


# ---- a healthy service ----------------------------------------------------------------------------

def check_good():
    with Mock() as mock:
        role = Role()
        mock.give_role(role)
        with Client("--lines", "9", mock.url) as client:
            line = client.line()
            expect("good", (line["state"], line["keys"]), ("ok", known(role.issued[0])))
            expect("three requests, one after the other", (mock.requests, mock.most_in_flight),
                   ([("PUT", "api/token"), ("GET", CREDENTIALS),
                     ("GET", CREDENTIALS + role.name)], 1))
            role.rotate()
            fds = line["fds"]
            line = client.again()
            expect("kept while they are good", (line["keys"], len(mock.requests)),
                   (known(role.issued[0]), 3))
            line = client.again(discard=True)
            expect("discarded, and new ones", (line["state"], line["keys"]),
                   ("ok", known(role.issued[1])))
            expect("no descriptor more", line["fds"], fds)
            expect("quiet", client.log, "")


def check_renewal():
    with Mock() as mock:
        role = Role(lifetime_s=290)
        mock.give_role(role)
        with Client("--lines", "9", mock.url) as client:
            expect("good for less than five minutes", client.line()["keys"],
                   known(role.issued[0]))
            role.rotate()
            expect("asked anew", client.again()["keys"], known(role.issued[1]))
            mock.fault("", imds_mock.status(404))
            line = client.again()
            expect("kept, for there are no others", (line["state"], line["keys"]),
                   ("ok", known(role.issued[1])))
            line = client.again(discard=True)
            expect("but not when they are discarded", (line["state"], line["keys"]),
                   ("no-role", None))
            mock.heal()
            expect("and back", client.again()["state"], "ok")
    with Mock() as mock:
        role = Role(lifetime_s=6)
        mock.give_role(role)
        with Client("--lines", "2", mock.url) as client:
            expect("good for seconds", client.line()["state"], "ok")
            mock.give_role(None)
            time.sleep(max(0.0, role.expires - time.time()))
            line = client.again()
            expect("expired, and no others", (line["state"], line["keys"]), ("no-role", None))


def check_pieces():
    with Mock() as mock:
        role = Role()
        mock.give_role(role)
        path = CREDENTIALS + role.name
        mock.fault(path, imds_mock.in_pieces(role.document()))
        expect("a few bytes at a time", outcome(mock), ("ok", known(role.issued[0])))
        mock.fault(path, imds_mock.in_chunks(role.document()))
        expect("in chunks", outcome(mock), ("ok", known(role.issued[0])))
        mock.fault(path, imds_mock.slow(0.3))
        expect("slowly", outcome(mock), ("ok", known(role.issued[0])))
        mock.fault(path, imds_mock.status(503), times=2)
        expect("503, then good", outcome(mock), ("ok", known(role.issued[0])))
        compact = json.dumps(role.issued[0]).replace("/", "\\/")
        mock.fault(path, imds_mock.text(compact))
        expect("in another hand", outcome(mock), ("ok", known(role.issued[0])))


# ---- none -----------------------------------------------------------------------------------------

def check_no_role():
    with Mock() as mock:
        line = first(mock)
        expect("no profile", (line["state"], "give it an instance profile" in line["description"]),
               ("no-role", True))
        mock.give_role(Role("web"))
        mock.fault(CREDENTIALS, imds_mock.text(""))
        expect("an empty listing", outcome(mock), ("no-role", None))
        mock.heal()
        mock.fault(CREDENTIALS + "web", imds_mock.status(404))
        line = first(mock)
        expect("a role without credentials", (line["state"], "role web:" in line["description"]),
               ("no-role", True))
        mock.fault(CREDENTIALS + "web", imds_mock.text(json.dumps(
            {"Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume the role"})))
        line = first(mock)
        expect("cannot be assumed", (line["state"], "AssumeRoleUnauthorizedAccess"
                                     in line["description"]), ("no-role", True))


def check_refused():
    with Mock() as mock:
        role = Role()
        mock.give_role(role)
        for path in ("api/token", CREDENTIALS, CREDENTIALS + role.name):
            for code in (401, 403):
                mock.heal()
                mock.fault(path, imds_mock.status(code))
                expect(f"{path} {code}", outcome(mock), ("refused", None))


def check_silent():
    with Mock() as mock:
        role = Role()
        mock.give_role(role)
        for path in ("api/token", CREDENTIALS, CREDENTIALS + role.name):
            for fault in ("hop_limit", "trickle"):
                mock.heal()
                mock.fault(path, getattr(imds_mock, fault))
                line = first(mock)
                expect(f"{path} {fault}", (line["state"], "does not answer" in line["description"]),
                       ("silent", True))
        mock.heal()
        mock.fault(CREDENTIALS, imds_mock.status(503))
        line = first(mock)
        expect("503 for ever", (line["state"], "is busy" in line["description"]), ("silent", True))
        port = mock.port
    with Client(f"http://127.0.0.1:{port}") as client:
        expect("nobody listens", client.line()["state"], "silent")


def check_broken():
    with Mock() as mock:
        role = Role("web")
        mock.give_role(role)
        good = dict(role.issued[0])
        answers = {
            "HTML": HTML, "half of it": role.document()[:300], "an array": "[]", "empty": "",
            "no secret": json.dumps({**good, "SecretAccessKey": None}),
            "a secret with a newline": json.dumps({**good, "SecretAccessKey": "a\nb" * 10}),
            "a token with an escape": json.dumps({**good, "Token": "\x1b[2J"}),
            "a NUL": role.document() + "\0",
            "huge": json.dumps({**good, "Token": "x" * 60000}),
        }
        for name, body in answers.items():
            mock.fault(CREDENTIALS + "web", imds_mock.text(body))
            line = first(mock)
            expect(name, (line["state"], line["keys"]), ("broken", None))
            expect(f"{name}: said without what it was",
                   "makes no sense)" in line["description"] and "x1b" not in line["description"],
                   True)
        mock.fault(CREDENTIALS + "web",
                   imds_mock.text(json.dumps({**good, "Expiration": iso_time(time.time() - 5)})))
        line = first(mock)
        expect("expired", (line["state"], "by the clock of this host" in line["description"]),
               ("broken", True))
        mock.heal()
        for name in ("../../user-data", "a/b", "a b", "x" * 65, HTML, "a\x1b", "a\0b", "\n"):
            mock.facts[CREDENTIALS] = name
            expect(f"role {name[:20]!r}", outcome(mock), ("broken", None))
        expect("nothing else was asked for", {path for _, path in mock.requests},
               {"api/token", CREDENTIALS, CREDENTIALS + "web"})
        mock.give_role(role)
        for name in ("garbage", "close", "redirect", "endless"):
            for path in ("api/token", CREDENTIALS, CREDENTIALS + "web"):
                mock.heal()
                mock.fault(path, getattr(imds_mock, name))
                expect(f"{name} for {path}", outcome(mock), ("broken", None))


def check_cancel():
    """The program ends in the middle of a get, and frees what there is."""
    with Mock() as mock:
        mock.fault("", imds_mock.silence)
        mock.give_role(Role())
        done = subprocess.run([sys.argv[1], "--seconds", "1", "--lines", "5", mock.url],
                              capture_output=True, text=True, check=False)
        expect("ended in the middle", (done.returncode, done.stderr), (1, ""))


def check_busy():
    with Mock() as mock:
        mock.fault("", imds_mock.slow(0.5))
        mock.give_role(Role())
        with Client(mock.url) as client:
            while not mock.requests:
                time.sleep(0.01)
            client.process.send_signal(signal.SIGUSR1)
            expect("one get at a time", client.text(), "Device or resource busy")
            expect("which goes on", client.line()["state"], "ok")


# ---- what a core dump has -------------------------------------------------------------------------

def cores_come_here():
    """A core file lands in the folder of the process; not with sanitizers, which map terabytes."""
    with open("/proc/sys/kernel/core_pattern", encoding="ascii") as f:
        pattern = f.read().strip()
    with open(sys.argv[1], "rb") as f:
        sanitized = b"__asan_init" in f.read()
    allowed = resource.getrlimit(resource.RLIMIT_CORE)[1] == resource.RLIM_INFINITY
    return "|" not in pattern and "/" not in pattern and allowed and not sanitized


def core_of(client, folder):
    client.process.send_signal(signal.SIGABRT)
    client.process.wait()
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as f:
            return f.read()
    return b""


def memory_of(core):
    """The core without its notes: vector registers keep the last bytes that were copied through
    them, until the next copy."""
    at, = struct.unpack_from("<Q", core, 32)
    size, n = struct.unpack_from("<HH", core, 54)
    segments = [struct.unpack_from("<IIQQQQQQ", core, at + i * size) for i in range(n)]
    return [core[s[2]:s[2] + s[5]] for s in segments if s[0] == 1]  # PT_LOAD


def pieces_of(issued):
    """Twenty characters of a secret in a row are twenty too many."""
    for keys in issued:
        for name in ("SecretAccessKey", "Token"):
            for i in range(0, len(keys[name]) - 19, 5):
                yield keys[name][i:i + 20].encode()


def has_undumped_pages(pid):
    with open(f"/proc/{pid}/smaps", encoding="ascii") as f:
        return any(line.startswith("VmFlags") and " dd" in line for line in f)


def check_core():
    moments = {"in use": [], "replaced": ["--lines", "9"], "freed": ["--free"],
               "in pieces": ["--lines", "9"], "in chunks": ["--lines", "9"]}
    ways = {"in pieces": imds_mock.in_pieces, "in chunks": imds_mock.in_chunks}
    if not cores_come_here():
        print("     no core dumps here: only the pages are looked at")
    for name, args in moments.items():
        with Mock() as mock, tempfile.TemporaryDirectory(prefix="vpce-core-") as folder:
            role = Role()
            mock.give_role(role)
            if name in ways:
                mock.fault(CREDENTIALS + role.name, ways[name](role.document()))
            with Client(*(args or ["--lines", "9"]), mock.url, cwd=folder,
                        preexec_fn=allow_core) as client:
                printed = client.line()["keys"]["sha256"]
                if name == "replaced":
                    role.rotate()
                    expect("replaced", client.again(discard=True)["keys"], known(role.issued[1]))
                    printed = known(role.issued[1])["sha256"]
                if name == "freed":
                    expect("freed", client.text(), "freed")
                else:
                    expect(f"{name}: pages that are not dumped",
                           has_undumped_pages(client.process.pid), True)
                if not cores_come_here():
                    continue
                core = core_of(client, folder)
            memory = b"\0".join(memory_of(core))
            expect(f"{name}: it is a core, with what was printed",
                   printed.encode() in memory, True)
            expect(f"{name}: pieces of secrets in the core",
                   [piece for piece in pieces_of(role.issued) if piece in memory], [])


def main():
    sys.argv[1] = os.path.abspath(sys.argv[1])
    for name, check in list(globals().items()):
        if name.startswith("check_"):
            print(f"-- {name[6:]}")
            check()
    print(f"{len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
