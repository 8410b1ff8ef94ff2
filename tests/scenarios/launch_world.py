"""A world whose host belongs to an Auto Scaling group: the stand-in for EC2 Auto Scaling answers as
the Region's endpoint, IMDS knows the role and the target lifecycle state."""

import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import world as scenarios  # noqa: E402
from faults import IMDS  # noqa: E402

TESTS = os.path.join(scenarios.HERE, "..")
sys.path.insert(0, TESTS)
import autoscaling_mock  # noqa: E402
from imds_mock import Role  # noqa: E402

INSTANCE = "i-0abcdef1234567890"  # as the world's IMDS has it
GROUP, HOOK = "web servers/blue", "endpoints/ready-1"
HOST = f"autoscaling.{autoscaling_mock.REGION}.amazonaws.com"
PORT = 4460  # of the stand-in, in the namespace of the network
ROLE_FOLDER = "latest/meta-data/iam/security-credentials"
GATE = f"""{IMDS}[Lifecycle]
Enabled=yes
Hook={HOOK}
"""


class LaunchWorld(scenarios.World):
    """Its daemon comes and goes; each launch begins with one that knows nothing."""

    def __init__(self, number, bin_dir):
        super().__init__(number, bin_dir)
        self.control = os.path.join(self.folder, "autoscaling.sock")
        self.calls_file = os.path.join(self.folder, "calls")
        self.imds = os.path.join(scenarios.STATE, self.name, "imds")
        self.role = Role()
        self.group = None  # the stand-in, from outside
        self.server = None
        self.log_mark = 0
        self.call_mark = 0

    # ---- what is around the host ----

    def start(self):
        self.vpc("up --private")
        self.start_group()

    def start_group(self):
        pki = os.path.join(scenarios.STATE, "pki")
        self.give_role(self.role)
        with open(os.path.join(self.folder, "group.log"), "w", encoding="utf-8") as log:
            self.server = subprocess.Popen(
                ["ip", "netns", "exec", self.name + "-net", sys.executable,
                 os.path.join(TESTS, "autoscaling_mock.py"), "--cert", pki + "/good.crt", "--key",
                 pki + "/good.key", "--address", "0.0.0.0", "--port", str(PORT), "--host", HOST,
                 "--control", self.control, "--log", self.calls_file, "--imds", self.imds],
                stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True,
                start_new_session=True)
        if self.server.stdout.readline().strip() != str(PORT):
            raise RuntimeError("the stand-in for EC2 Auto Scaling does not start")
        self.group = autoscaling_mock.Control(self.control)
        self.group.do("add_group", GROUP)
        self.vpc(f"break serve autoscaling {PORT}")

    def stop(self):
        wrong = super().stop()
        if self.server is not None:
            self.server.terminate()
            self.server.wait()
            self.server.stdout.close()
        return wrong

    def write_imds(self, path, text):
        path = os.path.join(self.imds, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "w", encoding="ascii") as f:
            f.write(text)
        os.replace(path + ".new", path)

    def give_role(self, role):
        """None: the instance has no instance profile, and the folder is not there."""
        if role is None:
            shutil.rmtree(os.path.join(self.imds, ROLE_FOLDER))
            return
        self.write_imds(f"{ROLE_FOLDER}/{role.name}", role.document())
        self.write_imds(f"{ROLE_FOLDER}/.index", role.name)

    def pieces(self):
        """Of what nobody may see: twenty characters of a secret in a row are twenty too many."""
        for keys in self.role.issued:
            for name in ("SecretAccessKey", "Token"):
                for i in range(0, len(keys[name]) - 19, 5):
                    yield keys[name][i:i + 20]

    # ---- launches ----

    def set_hook(self, heartbeat_timeout=600.0):
        self.group.do("add_hook", GROUP, HOOK, heartbeat_timeout=heartbeat_timeout)

    def remove_hook(self):
        self.set_hook()
        self.group.do("remove_hook", GROUP, HOOK)

    def prepare_launch(self, warm=False):
        """A new instance, whose daemon is not there yet."""
        self.kill_daemon()
        self.group.heal()
        self.call_mark = len(self.group.log())
        self.group.do("launch", GROUP, INSTANCE, warm=warm)

    def launch(self, more=GATE, warm=False):
        self.prepare_launch(warm)
        self.start_with(more)

    def start_with(self, more=GATE):
        self.write_conf(self.conf, os.path.join(scenarios.STATE, "pki", "ca.crt"), more)
        self.mark_log()
        self.start_daemon()

    def kill_daemon(self):
        if self.daemon is not None:
            self.daemon.kill()
            self.daemon.wait()
            self.daemon = None

    def mark_log(self):
        path = os.path.join(self.folder, "log")
        self.log_mark = os.path.getsize(path) if os.path.exists(path) else 0

    def said(self):
        """By the daemon, since the launch."""
        with open(os.path.join(self.folder, "log"), encoding="utf-8") as f:
            f.seek(self.log_mark)
            return f.read()

    def lines(self, words):
        return [line for line in self.said().splitlines() if words in line]

    def calls(self, action=None):
        """What the group was asked since the launch."""
        return [call for call in self.group.log()[self.call_mark:]
                if action in (None, call.get("action"))]

    def accepted(self, action):
        return [call["parameters"] for call in self.calls(action) if call["accepted"]]

    def results(self):
        """Of the completions that the group has accepted."""
        return [p["LifecycleActionResult"] for p in self.accepted("CompleteLifecycleAction")]

    def state(self):
        return self.group.state()["instances"][INSTANCE]["state"]

    def wait_until(self, true):
        """Whether it came true."""
        deadline = time.monotonic() + 2 * scenarios.WAIT_S
        while time.monotonic() < deadline:
            if scenarios.STOPPING.is_set():
                raise scenarios.Stopped
            if true():
                return True
            time.sleep(0.05)
        return False
