"""A world: one VPC of network namespaces with one daemon in it, and what the daemon says."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
VPC = os.path.join(HERE, "..", "vpc")
STATE = os.environ.get("VPC_STATE", "/tmp/vpce-probe-vpc")
WAIT_S = 40
LOOK_AGAIN_S = 2

REQUIRED = ["ecs", "ecs-agent", "ecs-telemetry", "ecr.api", "ecr.dkr", "s3"]
ALL = REQUIRED + ["logs"]
INTERFACES = [key for key in ALL if key != "s3"]

TIMEOUTS = """Interval=1s
FastInterval=200ms
DnsTimeout=600ms
ConnectTimeout=1500ms
TlsTimeout=1500ms
"""

# The daemon sees files of its own where the ECS agent and docker have their settings. What is
# mounted here is seen in this mount namespace alone; resolv.conf and hosts are the namespace's.
START_DAEMON = """set -e
F=$1 NETNS=$2
shift 2
mkdir -p "$F/netns"
mount --bind "/etc/netns/$NETNS" "$F/netns"
mount -t tmpfs -o mode=755 vpce-probe "$F/etc"
mkdir -p "$F/etc/upper/ecs" "$F/etc/upper/systemd/system/docker.service.d" "$F/etc/work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$F/etc/upper,workdir=$F/etc/work" /etc
for file in resolv.conf hosts; do
    mount --bind "$F/netns/$file" "/etc/$file"
done
mount --bind "$F/ecs" /etc/ecs
mount --bind "$F/docker" /etc/systemd/system/docker.service.d
exec "$@"
"""

# What the daemon's clients are told in a file: name here -> path in the world's folder.
CLIENT_FILES = {"ecs.config": "ecs/ecs.config", "docker": "docker/http-proxy.conf"}


class Stopped(Exception):
    """Somebody wants an end."""


STOPPING = threading.Event()


def stop_on_signals():
    """From now on a signal lets every world end and clean up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: STOPPING.set())


def cannot_run():
    """Why no world can be made here, or None."""
    if os.geteuid() != 0 or not shutil.which("dnsdist") or not shutil.which("nginx"):
        return "needs root and the packages of tests/setup"
    return None


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

    def of(self, world, play):
        """Starts the world, calls play, and stops the world whatever happens. Returns the exit
        status."""
        try:
            world.start()
            play()
        except Stopped:
            self("nobody stopped it", "stopped", "run to its end")
        except (RuntimeError, subprocess.CalledProcessError) as problem:
            self("it went on", str(problem), None)
        finally:
            self("the daemon's end", world.stop(), None)
        return self.exit_status()


class StatusConnection(http.client.HTTPConnection):
    """A Unix socket needs no namespace."""

    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def compare(status, expect, host, check=None, causes=None, internet=None):
    """What is wrong with the status, or None. expect: key -> verdict, everything else must be ok.
    causes: pairs of a code and its endpoints (None: any)."""
    for e in status["endpoints"]:
        wanted = expect.get(e["endpoint"], "ok")
        if e["verdict"] != wanted:
            return f"{e['endpoint']}: {e['verdict']} instead of {wanted}: {e['summary']}"
    if status["state"] != host:
        return f"host {status['state']} instead of {host}"
    got = [(c["verdict"], c["endpoints"]) for c in status["causes"]]
    wanted = causes or []
    if sorted(code for code, _ in got) != sorted(code for code, _ in wanted):
        return f"causes {got} instead of {wanted}"
    for code, keys in wanted:
        if keys is not None and (code, keys) not in got:
            return f"causes {got} instead of {wanted}"
    if internet not in (None, status["egress"]["internet"]):
        return f"the Internet is {status['egress']['internet']} instead of {internet}"
    return check(status) if check else None


class World:
    """One VPC with one daemon in it."""

    def __init__(self, number, bin_dir, timeouts=TIMEOUTS):
        self.name = f"sc{os.getpid() % 10000}-{number}"
        self.bin = bin_dir
        self.timeouts = timeouts
        self.folder = tempfile.mkdtemp(prefix="vpce-scenario-")
        self.socket = os.path.join(self.folder, "status.sock")
        self.conf = os.path.join(self.folder, "vpce-probe.conf")
        self.started_by = []  # a program that starts the daemon, with its options
        self.daemon = None
        self.env = dict(os.environ, VPC_NAME=self.name)
        for name in ("etc", "ecs", "docker"):
            os.mkdir(os.path.join(self.folder, name))

    def vpc(self, words):
        """A verb of tests/vpc. Its session is its own: Ctrl-C is for us, who clean up."""
        subprocess.run([sys.executable, VPC] + words.split(), env=self.env, check=True,
                       stdout=subprocess.DEVNULL, start_new_session=True)

    def write_conf(self, path, ca_file, more=""):
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"""[Host]
Region=ap-northeast-1
AccountId=123456789012
VpcCidrs=10.0.0.0/16 fd00::/16
Subnets=10.0.1.0/24=apne1-az1 10.0.2.0/24=apne1-az2 10.0.3.0/24=apne1-az4
Imds=off
[Probe]
{self.timeouts}CaFile={ca_file}
{more}""")

    def start(self):
        self.vpc("up --private")
        self.write_conf(self.conf, os.path.join(STATE, "pki", "ca.crt"))
        self.start_daemon()

    def start_daemon(self):
        with open(os.path.join(self.folder, "log"), "a", encoding="utf-8") as log:
            self.daemon = subprocess.Popen(
                ["ip", "netns", "exec", self.name + "-host", "unshare", "-m", "sh", "-c",
                 START_DAEMON, "sh", self.folder, self.name + "-host", *self.started_by,
                 os.path.join(self.bin, "vpce-probed"), "--config", self.conf, "--socket",
                 self.socket],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)

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
                wrong = f"daemon ended with {code}: ...{self.log()[-3000:]}"
        subprocess.run([sys.executable, VPC, "down"], env=self.env, check=False,
                       stdout=subprocess.DEVNULL, start_new_session=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        return wrong

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8") as f:
            return f.read()

    def look(self):
        """Probe everything now, and whether the Internet is there."""
        os.kill(self.daemon.pid, signal.SIGUSR1)

    def configure(self, more="", clients=None):
        """These lines of configuration and these files of the daemon's clients, and no others."""
        for name, path in CLIENT_FILES.items():
            path = os.path.join(self.folder, path)
            if clients and name in clients:
                with open(path, "w", encoding="utf-8") as f:
                    f.write(clients[name])
            elif os.path.exists(path):
                os.unlink(path)
        self.write_conf(self.conf, os.path.join(STATE, "pki", "ca.crt"), more)
        reloads = self.log().count("configuration reloaded")
        os.kill(self.daemon.pid, signal.SIGHUP)
        deadline = time.monotonic() + WAIT_S
        while self.log().count("configuration reloaded") == reloads:
            if time.monotonic() > deadline:
                raise RuntimeError(f"no reload: ...{self.log()[-1000:]}")
            time.sleep(0.05)

    def status(self):
        """The status, or None while nobody answers."""
        connection = StatusConnection(self.socket)
        try:
            connection.request("GET", "/v1/status")
            return json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def statuses(self):
        """One after the other, as long as it makes sense to wait."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            if STOPPING.is_set():
                raise Stopped
            if self.daemon.poll() is not None:
                raise RuntimeError(f"the daemon has ended: ...{self.log()[-1000:]}")
            yield self.status()
            time.sleep(0.15)

    def wait_for(self, expect, host, check=None, causes=None, internet=None, watch=None):
        """Waits until exactly this is said, twice in a row. Returns None, or what is wrong."""
        good = 0
        wrong = "no answer"
        looked_at = time.monotonic()
        for status in self.statuses():
            if status is None:
                continue
            if watch is not None:
                watch(status)
            wrong = compare(status, expect, host, check, causes, internet)
            good = good + 1 if wrong is None else 0
            if good == 2:
                return None
            stale = internet not in (None, status["egress"]["internet"])
            if stale and time.monotonic() - looked_at > LOOK_AGAIN_S:
                self.look()
                looked_at = time.monotonic()
        return wrong

    def wait_until_healthy(self):
        return self.wait_for({}, "healthy", internet="closed")


def in_world(number, bin_dir, jobs, work):
    """Starts a world, lets `work(world, job)` do one job after the other. Returns what was wrong
    with the world itself, or None."""
    world = World(number, bin_dir)
    broken = None
    try:
        world.start()
        while jobs and not STOPPING.is_set():
            try:
                job = jobs.pop(0)
            except IndexError:  # another world took the last one
                break
            work(world, job)
    except Stopped:
        pass
    except (RuntimeError, subprocess.CalledProcessError) as problem:
        broken = str(problem)
    finally:
        wrong = world.stop()
    return broken or wrong
