#!/usr/bin/python3
"""Scenarios: the real daemon in a VPC of network namespaces. Each breaks something, waits until
the daemon says what it must say, heals it, and waits until all is well again.

    tests/scenarios/run.py --bin BUILD_DIR [--worlds N] [NAME_PART]

Needs root and the packages of tests/setup; exits 77 without. Waiting is bounded, never measured.
"""

import argparse
import concurrent.futures
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
VPC = os.path.join(HERE, "..", "vpc")
STATE = os.environ.get("VPC_STATE", "/tmp/vpce-probe-vpc")
WAIT_S = 40

REQUIRED = ["ecs", "ecs-agent", "ecs-telemetry", "ecr.api", "ecr.dkr", "s3"]
ALL = REQUIRED + ["logs"]
INTERFACES = [key for key in ALL if key != "s3"]


class Scenario:
    """What is broken (words of tests/vpc), what must be said, and of whom."""

    def __init__(self, name, breaks, expect, host=None, prepare=(), check=None):
        self.name = name
        self.breaks = [breaks] if isinstance(breaks, str) else list(breaks)
        self.expect = expect  # key -> verdict; everything else must be ok
        self.prepare = list(prepare)  # verbs before the break, e.g. "ipv6 on"
        self.check = check  # a further look at the status, returns what is wrong or None
        self.host = host or ("healthy" if not expect else "unhealthy")


def names_address(key, address):
    def check(status):
        summary = endpoint(status, key)["summary"]
        return None if address in summary else f"{address} is not named in: {summary}"
    return check


def names_ill_server(address):
    def check(status):
        ill = [s["address"] for s in status["nameservers"] if s["state"] == "failed"]
        return None if ill == [address] else f"ill name servers: {ill}"
    return check


def says(key, *words):
    def check(status):
        text = endpoint(status, key)["summary"]
        missing = [word for word in words if word not in text]
        return f"{missing} not in: {text}" if missing else None
    return check


TWO_SERVERS = ["resolv 10.0.0.2 169.254.169.253"]

SCENARIOS = [
    Scenario("all healthy", [], {}),
    Scenario("security group off one endpoint", "sg ecr.api", {"ecr.api": "blocked"},
             check=says("ecr.api", "no answer to SYN", "10.0.1.10")),
    Scenario("security group off the ECS endpoints", "sg ecs ecs-agent ecs-telemetry",
             {"ecs": "blocked", "ecs-agent": "blocked", "ecs-telemetry": "blocked"}),
    Scenario("security group off one that is not required", "sg logs", {"logs": "blocked"},
             host="healthy"),
    Scenario("one Availability Zone dead", "eni 2",
             {key: "partly-blocked" for key in INTERFACES}, host="degraded",
             check=names_address("ecr.dkr", "10.0.2.11 (apne1-az2)")),
    Scenario("one dead address of three", "sg 10.0.3.10", {"ecr.api": "partly-blocked"},
             host="degraded", check=names_address("ecr.api", "10.0.3.10")),
    Scenario("RST", "rst ecs", {"ecs": "refused"}),
    Scenario("ICMP prohibited", "unreach ecs", {"ecs": "unroutable"}),
    Scenario("silent TLS", "hang ecr.dkr", {"ecr.dkr": "tls-timeout"}),
    Scenario("closed in the handshake", "close ecr.dkr", {"ecr.dkr": "tls-failed"}),
    Scenario("TLS alert", "alert ecr.dkr", {"ecr.dkr": "tls-failed"}),
    Scenario("plain HTTP", "plain ecr.dkr", {"ecr.dkr": "tls-failed"}),
    Scenario("certificate for another name", "cert-wrong ecs", {"ecs": "tls-wrong-name"},
             check=says("ecs", "other.example")),
    Scenario("expired certificate", "cert-expired ecs", {"ecs": "tls-expired"}),
    Scenario("certificate of tomorrow", "cert-future ecs", {"ecs": "tls-not-yet-valid"}),
    Scenario("self-signed certificate", "cert-self ecs", {"ecs": "tls-untrusted"}),
    Scenario("intercepted TLS", "cert-intercept ecs", {"ecs": "tls-untrusted"},
             check=says("ecs", "Corp Inspection CA")),
    Scenario("S3 route gone", "s3gw", {"s3": "gateway-missing"}),
    Scenario("private DNS off, no NAT", "public ecr.api", {"ecr.api": "endpoint-missing"}),
    Scenario("NXDOMAIN", "dns nxdomain", {key: "name-not-found" for key in ALL}),
    Scenario("no records", "dns nodata", {key: "no-address" for key in ALL}),
    Scenario("SERVFAIL", "dns servfail", {key: "dns-failed" for key in ALL}),
    Scenario("REFUSED", "dns refused", {key: "dns-failed" for key in ALL}),
    Scenario("silent name server", "dns timeout", {key: "dns-timeout" for key in ALL},
             check=names_ill_server("169.254.169.253")),
    Scenario("truncated answers", "dns trunc", {}),
    Scenario("first name server dead", "dns timeout 10.0.0.2", {}, prepare=TWO_SERVERS,
             check=names_ill_server("10.0.0.2")),
    Scenario("first name server refuses", "dns refused 10.0.0.2", {}, prepare=TWO_SERVERS,
             check=names_ill_server("10.0.0.2")),
    Scenario("first name server fails", "dns servfail 10.0.0.2", {}, prepare=TWO_SERVERS,
             check=names_ill_server("10.0.0.2")),
    Scenario("IPv6, all healthy", [], {}, prepare=["ipv6 on"]),
    Scenario("IPv6 of one endpoint blocked", "sg fd00:1::10 fd00:2::10 fd00:3::10",
             {"ecr.api": "family-split"}, host="degraded", prepare=["ipv6 on"]),
    Scenario("hosts file points to loopback", [], {"ecs": "unexpected-address"},
             prepare=["hosts ecs 127.0.0.1"]),
]


def endpoint(status, key):
    return next(e for e in status["endpoints"] if e["endpoint"] == key)


class Expectations:
    """Checks that are printed as they are made, and counted."""

    def __init__(self):
        self.failures = []

    def __call__(self, what, got, wanted):
        good = got == wanted
        print(f"{'ok  ' if good else 'FAIL'} {what}")
        if not good:
            print(f"     got {got!r}, expected {wanted!r}")
            self.failures.append(what)

    def exit_status(self):
        print(f"{len(self.failures)} failed")
        return 1 if self.failures else 0


class World:
    """One VPC with one daemon in it."""

    def __init__(self, number, bin_dir):
        self.name = f"sc{os.getpid() % 10000}-{number}"
        self.bin = bin_dir
        self.folder = tempfile.mkdtemp(prefix="vpce-scenario-")
        self.socket = os.path.join(self.folder, "status.sock")
        self.daemon = None
        self.env = dict(os.environ, VPC_NAME=self.name)

    def vpc(self, words):
        subprocess.run([sys.executable, VPC] + words.split(), env=self.env, check=True,
                       stdout=subprocess.DEVNULL)

    def write_conf(self, path, ca_file):
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"""[Host]
Region=ap-northeast-1
AccountId=123456789012
VpcCidrs=10.0.0.0/16 fd00::/16
Subnets=10.0.1.0/24=apne1-az1 10.0.2.0/24=apne1-az2 10.0.3.0/24=apne1-az4
Imds=off
[Probe]
Interval=1s
FastInterval=200ms
DnsTimeout=600ms
ConnectTimeout=1500ms
TlsTimeout=1500ms
CaFile={ca_file}
""")

    def start(self):
        self.vpc("up --private")
        conf = os.path.join(self.folder, "vpce-probe.conf")
        self.write_conf(conf, os.path.join(STATE, "pki", "ca.crt"))
        log = open(os.path.join(self.folder, "log"), "w", encoding="utf-8")
        self.daemon = subprocess.Popen(
            ["ip", "netns", "exec", self.name + "-host", os.path.join(self.bin, "vpce-probed"),
             "--config", conf, "--socket", self.socket],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        log.close()

    def stop(self):
        """Ends the daemon, takes the VPC down. Returns what was wrong with the daemon's end."""
        wrong = None
        if self.daemon is not None:
            self.daemon.terminate()
            try:
                code = self.daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                self.daemon.wait()
                code = "none: it hung"
            if code != 0:
                with open(os.path.join(self.folder, "log"), encoding="utf-8") as f:
                    wrong = f"daemon ended with {code}: ...{f.read()[-3000:]}"
        subprocess.run([sys.executable, VPC, "down"], env=self.env, check=False,
                       stdout=subprocess.DEVNULL)
        shutil.rmtree(self.folder, ignore_errors=True)
        return wrong

    def status(self):
        """The status, or None while nobody answers. A Unix socket needs no namespace."""
        r = subprocess.run([os.path.join(self.bin, "vpce-probe"), "status", "--json",
                            "--socket", self.socket], capture_output=True, check=False)
        return json.loads(r.stdout) if r.stdout else None

    def wait_for(self, expect, host, check):
        """Waits until exactly this is said, twice in a row. Returns None, or what is wrong."""
        deadline = time.monotonic() + WAIT_S
        good = 0
        wrong = "no answer"
        while time.monotonic() < deadline:
            if self.daemon.poll() is not None:
                return "the daemon has ended"
            status = self.status()
            wrong = "no answer" if status is None else compare(status, expect, host, check)
            good = good + 1 if wrong is None else 0
            if good == 2:
                return None
            time.sleep(0.15)
        return wrong


def compare(status, expect, host, check):
    for e in status["endpoints"]:
        wanted = expect.get(e["endpoint"], "ok")
        if e["verdict"] != wanted:
            return f"{e['endpoint']}: {e['verdict']} instead of {wanted}: {e['summary']}"
    if status["state"] != host:
        return f"host {status['state']} instead of {host}"
    return check(status) if check else None


def run(world, scenario):
    wrong = world.wait_for({}, "healthy", None)
    if wrong is not None:
        return f"before: {wrong}"
    for words in scenario.prepare:
        world.vpc(words)
    for words in scenario.breaks:
        world.vpc("break " + words)
    wrong = world.wait_for(scenario.expect, scenario.host, scenario.check)
    world.vpc("heal all")
    healed = world.wait_for({}, "healthy", None)
    if wrong is None and healed is not None:
        wrong = f"after healing: {healed}"
    return wrong


def run_world(number, bin_dir, todo, report):
    world = World(number, bin_dir)
    try:
        world.start()
        while True:
            try:
                scenario = todo.get_nowait()
            except queue.Empty:
                break
            report(scenario, run(world, scenario))
    finally:
        wrong = world.stop()
    if wrong is not None:
        report(Scenario(f"end of world {number}", [], {}), wrong)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--worlds", type=int, default=4)
    parser.add_argument("part", nargs="?", default="")
    args = parser.parse_args()
    if os.geteuid() != 0 or not shutil.which("dnsdist") or not shutil.which("nginx"):
        print("skipped: needs root and the packages of tests/setup")
        return 77
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    todo = queue.Queue()
    results = []
    for scenario in SCENARIOS:
        if args.part in scenario.name:
            todo.put(scenario)

    def report(scenario, wrong):
        results.append(wrong)
        what = " ".join(sorted(set(scenario.expect.values()))) or "ok"
        print(f"{'ok  ' if wrong is None else 'FAIL'} {scenario.name:44} {what}", flush=True)
        if wrong is not None:
            print(f"     {wrong}", flush=True)

    with concurrent.futures.ThreadPoolExecutor(args.worlds) as pool:
        jobs = [pool.submit(run_world, i, os.path.abspath(args.bin), todo, report)
                for i in range(args.worlds)]
        for job in jobs:
            job.result()
    failed = sum(1 for wrong in results if wrong is not None)
    print(f"{len(results)} scenarios, {failed} failed")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
