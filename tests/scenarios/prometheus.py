#!/usr/bin/python3
"""A real Prometheus with the shipped alert rules watches two hosts, each in a VPC of its own. One
host loses an endpoint, the other one its daemon: just those alerts fire, and end.

    tests/scenarios/prometheus.py --bin BUILD_DIR

Prometheus lives in a third network namespace, with a link to each host, and scrapes the TCP socket
that systemd's own tool passes to each daemon. Of the rules only `for:` is changed: a minute becomes
a second. The dashboard's queries are asked as well. Needs root and the packages of tests/setup;
exits 77 without.
"""

import argparse
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import world as scenarios  # noqa: E402
from world import Expectations, Stopped, World, cannot_run, stop_on_signals  # noqa: E402

CONF = os.path.join(scenarios.HERE, "..", "..", "conf")
PORT = 9899
API = "http://127.0.0.1:9090/api/v1/"
NETWORK = "192.0.2."  # RFC 5737: for documentation, so the world has none of it
expect = Expectations()


def ip(*words):
    subprocess.run(["ip", *words], check=True, start_new_session=True)


def shipped_rules():
    """The rules with a second for each minute, and how many there are."""
    def shorter(match):
        return f"{match[1]}{int(match[2]) * {'m': 1, 'h': 60}[match[3]]}s\n"

    with open(os.path.join(CONF, "alerts.yml"), encoding="utf-8") as f:
        return re.subn(r"(?m)^( +for: )(\d+)([mh])\n", shorter, f.read())


class Host(World):
    """A world whose daemon is passed a TCP socket as well, with a link to Prometheus."""

    def __init__(self, number, bin_dir):
        super().__init__(number, bin_dir)
        self.instance = f"{NETWORK}{4 * number + 2}:{PORT}"
        options = [f"-E{name}" for name in os.environ if name.endswith("SAN_OPTIONS")]
        self.started_by = ["systemd-socket-activate", *options, "-l", self.socket, "-l", str(PORT)]

    def link(self, namespace, number):
        """A link of its own, since all worlds have the same addresses. Gone with the world."""
        ours = f"host{number}"
        ip("-n", namespace, "link", "add", ours, "type", "veth", "peer", "name", "monitoring",
           "netns", self.name + "-host")
        for where, device, last in ((namespace, ours, 1), (self.name + "-host", "monitoring", 2)):
            ip("-n", where, "address", "add", f"{NETWORK}{4 * number + last}/30", "dev", device)
            ip("-n", where, "link", "set", device, "up")


def in_words(alerts):
    """Their names, and which host, endpoint and verdict they are about."""
    return sorted(" ".join(labels[name] for name in ("alertname", "instance", "endpoint", "verdict")
                           if name in labels) for labels in alerts)


class Prometheus:
    """In a namespace of its own, with its data in a folder of its own."""

    def __init__(self):
        self.namespace = f"sc{os.getpid() % 10000}-prometheus"
        self.folder = tempfile.mkdtemp(prefix="vpce-prometheus-")
        self.process = None

    def prepare(self):
        ip("netns", "add", self.namespace)
        ip("-n", self.namespace, "link", "set", "lo", "up")

    def start(self, hosts, rules):
        conf = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s",
                           "evaluation_interval": "1s"},
                "rule_files": ["alerts.yml"],
                "scrape_configs": [{"job_name": "vpce-probe", "static_configs": [
                    {"targets": [host.instance for host in hosts]}]}]}
        for name, text in (("alerts.yml", rules), ("prometheus.yml", json.dumps(conf))):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as f:
                f.write(text)
        with open(os.path.join(self.folder, "log"), "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", self.namespace, "prometheus", "--config.file",
                 os.path.join(self.folder, "prometheus.yml"), "--storage.tsdb.path",
                 os.path.join(self.folder, "data"), "--web.listen-address", "127.0.0.1:9090"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        subprocess.run(["ip", "netns", "del", self.namespace], check=False, start_new_session=True,
                       stderr=subprocess.DEVNULL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, path, **parameters):
        """The data of the answer, or None while there is none."""
        if self.process.poll() is not None:
            with open(os.path.join(self.folder, "log"), encoding="utf-8") as f:
                raise RuntimeError(f"Prometheus has ended: ...{f.read()[-2000:]}")
        r = subprocess.run(
            ["ip", "netns", "exec", self.namespace, "curl", "-s", "-m", "10",
             API + path + "?" + urllib.parse.urlencode(parameters)],
            capture_output=True, text=True, check=False, start_new_session=True)
        try:
            answer = json.loads(r.stdout)
        except ValueError:
            return None
        return answer["data"] if answer["status"] == "success" else None

    def query(self, expression):
        """The labels of what it finds, or None while nothing answers."""
        data = self.ask("query", query=expression)
        return None if data is None else [found["metric"] for found in data["result"]]

    def firing(self):
        """The alerts that fire, or None while nothing answers."""
        data = self.ask("alerts")
        return None if data is None else in_words(
            alert["labels"] for alert in data["alerts"] if alert["state"] == "firing")

    def has_fired(self):
        """The same, since the beginning."""
        return in_words(self.query('last_over_time(ALERTS{alertstate="firing"}[1h])') or [])

    def up(self):
        """What is scraped, without trouble."""
        return {target["labels"]["instance"] for target in
                (self.ask("targets", state="active") or {"activeTargets": []})["activeTargets"]
                if target["health"] == "up"}

    def rules(self):
        """(alert, seconds) of those that were evaluated, without trouble."""
        return {(rule["name"], rule["duration"])
                for group in (self.ask("rules") or {"groups": []})["groups"]
                for rule in group["rules"]
                if rule["health"] == "ok" and not rule["lastEvaluation"].startswith("0001")}


def becomes(question, wanted):
    """What is answered once it is what is wanted, or at the end of our patience."""
    deadline = time.monotonic() + scenarios.WAIT_S
    while (got := question()) != wanted and time.monotonic() < deadline:
        if scenarios.STOPPING.is_set():
            raise Stopped
        time.sleep(0.2)
    return got


def check_alerts(prometheus, what, wanted):
    expect(f"{what}: what fires", becomes(prometheus.firing, wanted), wanted)


def check_optional(prometheus, host):
    """Told, but no reason for an alert."""
    host.vpc("break sg logs")
    wrong = host.wait_for({"logs": "blocked"}, "healthy")
    expect("an endpoint that is not required is blocked", wrong, None)
    failed = 'vpce_probe_endpoint_state{endpoint="logs",state="failed"} == 1'
    expect("Prometheus sees it, on that host", becomes(lambda: [
        labels["instance"] for labels in prometheus.query(failed) or []], [host.instance]),
           [host.instance])


def check_required(prometheus, host):
    """Returns what fired, and does no more."""
    host.vpc("break sg ecr.api")
    wanted = [f"VpceProbeEndpointFailed {host.instance} ecr.api blocked",
              f"VpceProbeHostUnhealthy {host.instance}"]
    check_alerts(prometheus, "a required endpoint is blocked", wanted)
    check_dashboard(prometheus)
    host.vpc("heal all")
    check_alerts(prometheus, "it is there again", [])
    return wanted


def check_end(prometheus, host):
    """Returns what fires for it."""
    host.daemon.terminate()
    expect("a daemon ends", host.daemon.wait(scenarios.WAIT_S), 0)
    wanted = [f"VpceProbeDown {host.instance}"]
    check_alerts(prometheus, "it gives no metrics", wanted)
    return wanted


def check_dashboard(prometheus):
    """While something fails each query has something to show."""
    with open(os.path.join(CONF, "grafana.json"), encoding="utf-8") as f:
        panels = json.load(f)["panels"]
    for panel in panels:
        for target in panel["targets"]:
            query = target["expr"].replace("$__rate_interval", "5s").replace("$instance", ".+")
            found = becomes(lambda q=query: bool(prometheus.query(q)), True)
            expect(f"dashboard, {panel['title']}: there is something", found, True)


def check(prometheus, hosts, rules):
    wanted = {(name, float(seconds)) for name, seconds in
              re.findall(r"- alert: (\w+)\n(?:.*\n)*?        for: (\d+)s", rules)}
    expect("every shipped rule is in force", becomes(prometheus.rules, wanted), wanted)
    instances = {host.instance for host in hosts}
    expect("both hosts are scraped", becomes(prometheus.up, instances), instances)
    check_alerts(prometheus, "all is well", [])
    check_optional(prometheus, hosts[1])
    fired = check_required(prometheus, hosts[0]) + check_end(prometheus, hosts[1])
    expect("nothing else has fired at any time", prometheus.has_fired(), sorted(fired))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    args = parser.parse_args()
    missing = cannot_run() or next(
        (f"needs {name}: tests/setup tests" for name in ("prometheus", "systemd-socket-activate")
         if not shutil.which(name)), None)
    if missing:
        print("skipped: " + missing)
        return 77
    stop_on_signals()
    rules, count = shipped_rules()
    expect("each rule has its time", count, rules.count("- alert: "))
    hosts = [Host(number, os.path.abspath(args.bin)) for number in (13, 14)]
    prometheus = Prometheus()
    wrong = []
    try:
        prometheus.prepare()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(World.start, hosts))
        for number, host in enumerate(hosts, 13):
            host.link(prometheus.namespace, number)
            expect(f"host {number}: healthy", host.wait_until_healthy(), None)
        prometheus.start(hosts, rules)
        check(prometheus, hosts, rules)
    except Stopped:
        expect("it was let finish", False, True)
    finally:
        prometheus.stop()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            wrong = list(pool.map(World.stop, hosts))
    expect("the daemons' ends", wrong, [None, None])
    return expect.exit_status()


if __name__ == "__main__":
    sys.exit(main())
