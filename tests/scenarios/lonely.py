"""A daemon alone with the servers of a test: namespaces (network, mounts, processes) that end with
the test, however it ends, all of 10.0.0.0/8 on their loopback, and files that only they see."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import world as scenarios

WAIT_S = 90  # everything has ended long before, even on a slow machine
FOLDER = "/mnt"
TIMEOUTS = """Interval=2s
FastInterval=1s
DnsTimeout=3s
ConnectTimeout=5s
TlsTimeout=5s
"""

# The name server is that of one process and what it starts.
WITH_NAMESERVER = """mount --bind "$1" /etc/resolv.conf
shift
exec "$@"
"""


def enter_namespaces():
    """Starts this program anew in namespaces. All in them ends when it does."""
    if os.environ.get("VPCE_LONELY"):
        return
    os.environ["VPCE_LONELY"] = "yes"
    os.execvp("unshare", ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child",
                          "--mount-proc", sys.executable, *sys.argv])


def set_up():
    """Network and folder, once inside. The MTU is that of a VPC: with loopback's own, of 64 KiB, large
    answers stall until a timer of TCP's sees that the window is open again."""
    for command in ("link set lo up mtu 9001", "address add 10.0.11.68/8 dev lo",
                    "route add default dev lo src 10.0.11.68"):
        subprocess.run(["ip", *command.split()], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=711", "tests", FOLDER], check=True)
    hosts = os.path.join(FOLDER, "hosts")
    with open(hosts, "w", encoding="ascii") as f:
        f.write("127.0.0.1 localhost\n")
    subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)


def configuration(ca_file, endpoints):
    off = "".join(f"[Endpoint {key}]\nEnabled=no\n" for key in scenarios.ALL)
    return f"""[Host]
Region=ap-northeast-1
AccountId=123456789012
VpcCidrs=10.0.0.0/8
Imds=off
[Probe]
{TIMEOUTS}CaFile={ca_file}
SecondOpinion=off
EgressControl=off
{off}{endpoints}"""


class Daemon:
    """A daemon, its files, and the name server it and its `check` ask."""

    def __init__(self, bin_dir, name, nameserver, ca_file, endpoints):
        self.ca_file = ca_file
        self.always = endpoints
        self.folder = os.path.join(FOLDER, name)
        os.mkdir(self.folder)
        with open(self.path("resolv.conf"), "w", encoding="ascii") as f:
            f.write(f"nameserver {nameserver}\n")
        self.prefix = ["unshare", "--mount", "sh", "-ec", WITH_NAMESERVER, "sh",
                       self.path("resolv.conf")]
        self.conf = self.path("vpce-probe.conf")
        self.socket = self.path("status.sock")
        self.cli = os.path.join(bin_dir, "vpce-probe")
        self.configure("")
        with open(self.path("log"), "wb") as log:
            self.process = subprocess.Popen(
                [*self.prefix, os.path.join(bin_dir, "vpce-probed"), "--config", self.conf,
                 "--socket", self.socket], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def path(self, file):
        return os.path.join(self.folder, file)

    def configure(self, endpoints):
        with open(self.conf, "w", encoding="ascii") as f:
            f.write(configuration(self.ca_file, self.always + endpoints))

    def reload(self, endpoints):
        """Raises when it is refused."""
        done = self.log().count(b"configuration reloaded")
        self.configure(endpoints)
        self.process.send_signal(signal.SIGHUP)
        while self.log().count(b"configuration reloaded") == done:
            if b"the old settings stay" in self.log() or self.process.poll() is not None:
                raise RuntimeError("no reload")
            time.sleep(0.1)

    def get(self, path):
        connection = scenarios.StatusConnection(self.socket)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()

    def status(self):
        try:
            return json.loads(self.get("/v1/status"))
        except OSError:
            return None

    def run_cli(self, *args):
        return subprocess.run([*self.prefix, self.cli, *args], capture_output=True,
                              timeout=WAIT_S, check=False)

    def memory_kib(self, key):
        """VmHWM, VmRSS …"""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return int(re.search(key + r":\s+(\d+)", f.read()).group(1))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def is_sanitized(self):
        with open(f"/proc/{self.process.pid}/maps", encoding="utf-8") as f:
            return "asan" in f.read()

    def log(self):
        with open(self.path("log"), "rb") as f:
            return f.read()

    def stop(self):
        self.process.terminate()
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "none: it hung"


def wait_until(daemon, condition):
    """Asks condition(status) until it says None; else returns what it said last."""
    deadline = time.monotonic() + WAIT_S
    said = "no answer"
    while time.monotonic() < deadline and daemon.process.poll() is None:
        status = daemon.status()
        said = condition(status) if status is not None else said
        if said is None:
            return None
        time.sleep(0.2)
    return said
