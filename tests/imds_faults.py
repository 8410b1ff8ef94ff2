#!/usr/bin/python3
"""The IMDS client against a stand-in that misbehaves (tests/imds_mock.py).

    tests/imds_faults.py IMDS_DUMP

Every round of the client ends by itself; what is waited for here has bounds far beyond that, and no
time is measured. No rights are needed.
"""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import imds_mock  # noqa: E402
from imds_mock import HTML, MAC, MACS, TOKEN, TTL, Mock, ask  # noqa: E402

REGION = "meta-data/placement/region"
DOCUMENT = "dynamic/instance-identity/document"
GROUP = imds_mock.GROUP
OTHER = "02:00:00:00:00:02"
SECONDS = "40"

failures = []


def expect(what, got, wanted):
    good = got == wanted
    print(f"{'ok  ' if good else 'FAIL'} {what}")
    if not good:
        print(f"     got {got!r}, expected {wanted!r}")
        failures.append(what)


class Client:
    """The program, and the lines it prints."""

    def __init__(self, *args, **env):
        self.process = subprocess.Popen(
            [sys.argv[1], "--seconds", SECONDS, *args], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=dict(os.environ, **env))
        self.log = ""
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()

    def _read_log(self):
        for line in self.process.stderr:
            self.log += line

    def line(self):
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def ask_anew(self):
        self.process.send_signal(signal.SIGUSR1)

    def end(self):
        """The last line, once it has ended by itself."""
        rest = self.process.stdout.read().splitlines()
        status = self.process.wait()
        self._reader.join()
        if status != 0:
            failures.append(f"exit status {status}")
            print(f"FAIL exit status {status}: {self.log[-2000:]}")
        return json.loads(rest[-1]) if rest else None

    def stop(self):
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stdout.close()

    def memory_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))


def first(mock, *args):
    """What the first round says."""
    return Client(*args, mock.url).end()


# ---- the stand-in itself --------------------------------------------------------------------------

def check_mock():
    with Mock() as mock:
        put = {TTL: "21600"}
        expect("PUT without TTL", ask(mock, "PUT", "/latest/api/token")[0], 400)
        for ttl in ("0", "21601", "-1", "x", ""):
            expect(f"PUT with TTL {ttl!r}",
                   ask(mock, "PUT", "/latest/api/token", {TTL: ttl})[0], 400)
        expect("PUT through a proxy", ask(mock, "PUT", "/latest/api/token",
                                          {**put, "X-Forwarded-For": "10.0.0.1"})[0], 403)
        status, token = ask(mock, "PUT", "/latest/api/token", put)
        expect("PUT", (status, len(token) > 40), (200, True))
        expect("GET without token", ask(mock, "GET", "/latest/" + REGION)[0], 401)
        expect("GET with another token",
               ask(mock, "GET", "/latest/" + REGION, {TOKEN: "x"})[0], 401)
        expect("GET", ask(mock, "GET", "/latest/" + REGION, {TOKEN: token}),
               (200, "ap-northeast-1"))
        expect("unknown path", ask(mock, "GET", "/latest/none", {TOKEN: token})[0], 404)
        expect("POST", ask(mock, "POST", "/latest/api/token", put)[0], 405)


# ---- a healthy service ----------------------------------------------------------------------------

def check_all_facts():
    with Mock() as mock:
        mock.facts[GROUP] = "blue"
        mock.facts["meta-data/autoscaling/target-lifecycle-state"] = "InService"
        line = first(mock)
        host = line["host"]
        expect("state", line["state"], "ok")
        expect("all facts", host, {
            "region": "ap-northeast-1", "availability_zone": "ap-northeast-1a",
            "availability_zone_id": "apne1-az4", "account_id": "123456789012",
            "instance_id": "i-0abcdef1234567890", "partition": "aws",
            "dns_suffix": "amazonaws.com", "vpc_id": "vpc-0123456789abcdef0",
            "subnet_id": "subnet-0123456789abcdef0", "asg_name": "blue",
            "lifecycle_state": "InService", "vpc_cidrs": ["10.0.0.0/16"], "ipv4_known": True,
            "ipv6_known": True, "subnets": {"10.0.11.0/24": "apne1-az4"}})
        names = [name for _, name in mock.requests]
        expect("each path is asked for once", sorted(set(names)), sorted(names))
        expect("one token", mock.asked("api/token"), 1)
        expect("requests in flight", mock.most_in_flight <= 2, True)


def check_two_interfaces():
    with Mock() as mock:
        mock.facts[MACS] = f"{OTHER}/\n{MAC}/"
        mock.facts[MACS + MAC + "/vpc-ipv4-cidr-blocks"] = "10.0.0.0/16\n10.1.0.0/16"
        mock.facts[MACS + MAC + "/vpc-ipv6-cidr-blocks"] = "2600:1f14:abc::/56"
        mock.facts[MACS + OTHER + "/vpc-ipv4-cidr-blocks"] = "10.1.0.0/16\n172.16.0.0/16"
        mock.facts[MACS + OTHER + "/subnet-ipv4-cidr-block"] = "172.16.1.0/24"
        host = first(mock)["host"]
        expect("CIDRs of two interfaces", sorted(host["vpc_cidrs"]),
               ["10.0.0.0/16", "10.1.0.0/16", "172.16.0.0/16", "2600:1f14:abc::/56"])
        expect("complete", (host["ipv4_known"], host["ipv6_known"]), (True, True))
        expect("the host's own subnet alone", host["subnets"], {"10.0.11.0/24": "apne1-az4"})


def check_many_interfaces():
    with Mock() as mock:
        mock.facts[MACS] = "".join(f"02:00:00:00:00:{i:02x}/\n" for i in range(1, 60))
        line = first(mock)
        expect("more interfaces than are kept", line["state"], "ok")
        expect("are not complete", line["host"]["ipv4_known"], False)
        expect("and it is said", "more than 16 interfaces" in line["description"], True)


def check_absurd_cidrs():
    with Mock() as mock:
        mock.facts[MACS + MAC + "/vpc-ipv4-cidr-blocks"] = "0.0.0.0/0"
        mock.facts[MACS + MAC + "/vpc-ipv6-cidr-blocks"] = "::/0"
        line = first(mock)
        host = line["host"]
        expect("everything is no VPC", (line["state"], host["vpc_cidrs"], host["ipv4_known"],
                                        host["ipv6_known"]), ("broken", [], False, False))


# ---- refusals, and what passes --------------------------------------------------------------------

def check_refusals():
    with Mock() as mock:
        for code in (403, 401):
            mock.fault("api/token", imds_mock.status(code))
            line = first(mock)
            expect(f"PUT {code}", (line["state"], line["host"]), ("refused", None))
        mock.heal()
        for code in (403, 401):
            mock.requests.clear()
            mock.fault("", imds_mock.status(code))
            expect(f"GET {code}", first(mock)["state"], "refused")
            expect("tokens tried", mock.asked("api/token"), 1 if code == 403 else 2)
        client = Client("--until", "ok", mock.url)
        expect("refused first", client.line()["state"], "refused")
        mock.heal()
        expect("and good by itself after healing", client.end()["state"], "ok")


def check_busy():
    with Mock() as mock:
        mock.fault("api/token", imds_mock.status(503), times=2)
        mock.fault(REGION, imds_mock.status(503), times=2)
        mock.fault(DOCUMENT, imds_mock.status(500), times=1)
        line = first(mock)
        expect("503, then good", (line["state"], line["host"]["region"]),
               ("ok", "ap-northeast-1"))
        expect("asked again", (mock.asked("api/token"), mock.asked(REGION)), (3, 3))
        mock.fault(REGION, imds_mock.status(503))
        line = first(mock)
        expect("503 for ever", line["state"], "busy")
        expect("the others are known", line["host"]["account_id"], "123456789012")
        mock.fault("api/token", imds_mock.status(503))
        expect("no token for ever", first(mock)["state"], "busy")


# ---- answers that are none ------------------------------------------------------------------------

def check_nonsense():
    with Mock() as mock:
        mock.fault(DOCUMENT, imds_mock.text(HTML))
        line = first(mock)
        expect("HTML instead of JSON", line["state"], "broken")
        expect("it is named", "instance-identity/document" in line["description"], True)
        expect("the others are known", (line["host"]["account_id"], line["host"]["region"]),
               ("", "ap-northeast-1"))
        mock.fault("", imds_mock.text(HTML))
        expect("HTML everywhere", first(mock)["host"], None)
        mock.heal()
        mock.fault("api/token", imds_mock.text(HTML))
        expect("HTML for a token", first(mock)["state"], "broken")
        mock.fault("api/token", imds_mock.text("x" * 600))
        expect("a token that is too long", first(mock)["state"], "broken")
        mock.fault("api/token", imds_mock.text("a b"))
        expect("a token with a blank", first(mock)["state"], "broken")
        for name in ("garbage", "close", "redirect"):
            mock.heal()
            mock.fault("api/token", getattr(imds_mock, name))
            expect(f"{name} for a token", first(mock)["state"], "broken")
            mock.heal()
            mock.fault(REGION, getattr(imds_mock, name))
            line = first(mock)
            expect(f"{name} for the Region", (line["state"], line["host"]["region"]),
                   ("broken", "ap-northeast-1"))  # the document knows it, too
        expect("redirects are not followed", mock.asked("evil"), 0)


def check_endless():
    for name, state in (("endless", "broken"), ("endless_chunk_line", "broken")):
        with Mock() as mock:
            client = Client("--lines", "9", mock.url)
            expect("good first", client.line()["state"], "ok")
            before = client.memory_kib()
            mock.facts[GROUP] = "new"
            for path in (REGION, DOCUMENT, "meta-data/mac"):
                mock.fault(path, getattr(imds_mock, name))
            client.ask_anew()
            line = client.line()
            grown = client.memory_kib() - before
            expect(f"{name}: state", line["state"], state)
            expect(f"{name}: memory", grown < 16384, True)
            expect(f"{name}: facts stay", line["host"]["region"], "ap-northeast-1")
            client.stop()


def check_slow():
    for name in ("trickle", "silence"):
        with Mock() as mock:
            mock.fault(REGION, getattr(imds_mock, name))
            line = first(mock)
            expect(f"{name} for one path", (line["state"], line["host"]["account_id"]),
                   ("silent", "123456789012"))
            mock.fault("", getattr(imds_mock, name))
            expect(f"{name} for all", (first(mock)["state"]), "silent")
            mock.fault("api/token", getattr(imds_mock, name))
            expect(f"{name} for the token", first(mock)["state"], "silent")


# ---- over time ------------------------------------------------------------------------------------

def check_nobody():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = Client("--until", "ok", f"http://127.0.0.1:{port}")
    line = client.line()
    expect("nobody listens", (line["state"], line["host"]), ("silent", None))
    with Mock(port) as mock:
        expect("then somebody does", client.end()["host"]["region"], "ap-northeast-1")
        expect("one token", mock.asked("api/token"), 1)


def check_tokens():
    with Mock() as mock:
        client = Client("--lines", "3", mock.url)
        client.line()
        mock.facts[GROUP] = "blue"
        client.ask_anew()
        expect("a new fact", client.line()["host"]["asg_name"], "blue")
        expect("the token is used again", mock.asked("api/token"), 1)
        mock.revoke()
        del mock.facts[GROUP]
        client.ask_anew()
        line = client.end()
        expect("an absent fact, with an expired token", (line["state"], line["host"]["asg_name"]),
               ("ok", ""))
        expect("the token is renewed once", mock.asked("api/token"), 2)
    with Mock() as mock:
        mock.ttl_granted = 30
        client = Client("--lines", "2", mock.url)
        client.line()
        mock.facts[GROUP] = "blue"
        client.ask_anew()
        client.end()
        expect("renewed before it expires", mock.asked("api/token"), 2)


def check_facts_stay():
    with Mock() as mock:
        client = Client("--until", "silent", mock.url)
        client.line()
        mock.fault("", imds_mock.silence)
        client.ask_anew()
        line = client.end()
        expect("facts stay when it falls silent", (line["state"], line["host"]["account_id"],
                                                   line["host"]["vpc_cidrs"]),
               ("silent", "123456789012", ["10.0.0.0/16"]))


def check_descriptors():
    with Mock() as mock:
        client = Client("--lines", "12", mock.url)
        fds = [client.line()["fds"]]
        for i in range(10):
            mock.facts[GROUP] = f"group {i}"
            mock.fault("meta-data/mac", imds_mock.close if i % 2 else imds_mock.status(503), 1)
            client.ask_anew()
            fds.append(client.line()["fds"])
        expect("descriptors over ten rounds", max(fds) - min(fds) <= 2, True)
        client.stop()
        # a leak checker needs descriptors of its own at the end
        client = Client("--until", "resources", mock.url, ASAN_OPTIONS="detect_leaks=0")
        client.line()
        resource.prlimit(client.process.pid, resource.RLIMIT_NOFILE, (3, 1024))
        client.ask_anew()
        line = client.end()
        expect("out of descriptors", (line["state"], line["host"]["region"]),
               ("resources", "ap-northeast-1"))


def check_end_in_the_middle():
    with Mock() as mock:
        mock.fault("", imds_mock.silence)
        done = subprocess.run([sys.argv[1], "--seconds", "1", mock.url], capture_output=True,
                              text=True, check=False)
        expect("ended in the middle of a round", (done.returncode, done.stderr), (1, ""))


def check_urls():
    for url in ("http://localhost", "http://metadata.test:80", "https://127.0.0.1", "127.0.0.1"):
        done = subprocess.run([sys.argv[1], url], capture_output=True, text=True, check=False)
        expect(f"{url} is refused", (done.returncode, "Invalid" in done.stderr), (1, True))


def main():
    for name, check in list(globals().items()):
        if name.startswith("check_"):
            print(f"-- {name[6:]}")
            check()
    print(f"{len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
