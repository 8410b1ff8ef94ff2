#!/usr/bin/python3
"""Calls to EC2 Auto Scaling against a strict stand-in that misbehaves (tests/autoscaling_mock.py),
with credentials of a stand-in for IMDS: what every fault becomes.

    tests/autoscaling_faults.py AUTOSCALING_CALL

Every call ends by itself; no time is measured. Exit status: 0, 1 something failed, 77 botocore is
absent. No rights are needed.
"""

import concurrent.futures
import os
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
try:
    import autoscaling_mock
except ImportError:
    print("botocore is not installed; skipped")
    sys.exit(77)
from autoscaling_mock import ACTIONS, FAULTS, REGION, make_certificate  # noqa: E402
import imds_mock  # noqa: E402
from imds_mock import CREDENTIALS, Role  # noqa: E402

HOST = f"autoscaling.{REGION}.amazonaws.com"
ID = "i-0abcdef1234567890"
GROUP, HOOK = "web servers/blue+green", "endpoints/ready-1"
NOBODY = "127.66.0.1"  # no name server there

# of the fault -> outcome, HTTP status
OUTCOMES = {
    "unavailable": ("server-error", 503),
    "internal": ("server-error", 500),
    "throttling": ("throttled", 400),
    "contention": ("contention", 500),
    "expired-token": ("expired", 403),
    "silence": ("timeout", 0),
    "close": ("unreachable", 0),
    "html": ("malformed", 200),
    "html-502": ("server-error", 502),
    "empty": ("malformed", 200),
    "endless": ("malformed", 0),
    "trickle": ("timeout", 0),
    "bad-xml": ("malformed", 200),
    "bad-error": ("malformed", 400),
    "deep": ("malformed", 200),
    "billion-laughs": ("malformed", 400),
    "redirect": ("malformed", 307),
    "lost": ("unreachable", 0),
}

failures = []
folder = tempfile.TemporaryDirectory(prefix="vpce-autoscaling-")
certificates = {}


def expect(what, got, wanted):
    good = got == wanted
    print(f"{'ok  ' if good else 'FAIL'} {what}")
    if not good:
        print(f"     got {got!r}, expected {wanted!r}")
        failures.append(what)


def certificate(kind, *names):
    """(certificate, key), made once."""
    if kind not in certificates:
        path = os.path.join(folder.name, kind)
        os.mkdir(path)
        certificates[kind] = make_certificate(path, *names)
    return certificates[kind]


def parse(text):
    """A dict for each call."""
    calls = []
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key == "outcome":
            calls.append({})
        calls[-1][key] = value
    return calls


class World:
    """Both stand-ins, a group with a hook, and our instance waiting at it."""

    def __init__(self, address="127.0.0.1", kind="good", names=("DNS:" + HOST,)):
        self.imds = imds_mock.Mock()
        self.role = Role()
        self.imds.give_role(self.role)
        self.mock = autoscaling_mock.Mock(*certificate(kind, *names), address=address)
        self.mock.roles.append(self.role)
        self.mock.do("add_group", GROUP)
        self.mock.do("add_hook", GROUP, HOOK)
        self.mock.do("launch", GROUP, ID)
        self.port = self.mock.port
        self.hosts = [address]
        self.region = REGION
        self.descriptions = []

    def __enter__(self):
        self.imds.__enter__()
        self.mock.__enter__()
        return self

    def __exit__(self, *_):
        self.mock.__exit__()
        self.imds.__exit__()

    def run(self, *args, **env):
        """(exit status, stdout)"""
        with tempfile.TemporaryDirectory(dir=folder.name) as files:
            hosts, resolv_conf = os.path.join(files, "hosts"), os.path.join(files, "resolv.conf")
            with open(hosts, "w", encoding="ascii") as f:
                f.writelines(f"{address} {HOST}\n" for address in self.hosts)
            with open(resolv_conf, "w", encoding="ascii") as f:
                f.write(f"nameserver {NOBODY}\n")
            done = subprocess.run(
                [sys.argv[1], "--imds", self.imds.url, "--ca", certificate("good")[0], "--host",
                 HOST, "--port", str(self.port), "--region", self.region, "--resolv-conf",
                 resolv_conf, "--hosts", hosts, "--hook", HOOK, "--group", GROUP, "--instance", ID,
                 *args], capture_output=True, text=True, check=False, env=dict(os.environ, **env))
        secrets = [document[key] for document in self.role.issued
                   for key in ("SecretAccessKey", "Token")]
        if done.stderr or any(secret in done.stdout + done.stderr for secret in secrets):
            failures.append("stderr, or a secret")
            print(f"FAIL stderr, or a secret in the output: {done.stderr[-2000:]}")
        return done.returncode, done.stdout

    def calls(self, *args):
        status, text = self.run(*args)
        if status != 0:
            failures.append(f"exit status {status}")
            print(f"FAIL exit status {status}")
        return parse(text)

    def call(self, *args):
        """The last call."""
        return self.calls(*args)[-1]

    def outcome(self, *args):
        answer = self.call(*args)
        return answer["outcome"], answer["message"]


# ---- a healthy service ----------------------------------------------------------------------------

def check_describe():
    with World() as world:
        answer = world.call("describe")
        expect("in a group", [answer[key] for key in
                              ("outcome", "status", "found", "group", "lifecycle_state", "code")],
               ["ok", "200", "1", GROUP, "Pending:Wait", ""])
        expect("the request's id", answer["request_id"], world.mock.log()[-1]["request_id"])
        answer = world.call("--instance", "i-0ffffffffffffffff", "describe")
        expect("in none", [answer[key] for key in ("outcome", "found", "group")], ["ok", "0", ""])
        expect("signed headers", [call["headers"] for call in world.mock.log()][0],
               sorted(["authorization", "connection", "content-length", "content-type", "host",
                       "x-amz-date", "x-amz-security-token"]))


def check_lifecycle():
    hook = {"LifecycleHookName": HOOK, "AutoScalingGroupName": GROUP, "InstanceId": ID}
    with World() as world:
        expect("heartbeat", world.outcome("heartbeat"), ("ok", ""))
        expect("its parameters", world.mock.accepted("RecordLifecycleActionHeartbeat"), [hook])
        expect("continue", world.outcome("continue"), ("ok", ""))
        expect("its parameters", world.mock.accepted("CompleteLifecycleAction"),
               [{**hook, "LifecycleActionResult": "CONTINUE"}])
        expect("in service", world.call("describe")["lifecycle_state"], "InService")
        answer = world.call("continue")
        expect("again: no action", (answer["outcome"], answer["code"]),
               ("no-action", "ValidationError"))
        expect("heartbeat: no action", world.outcome("heartbeat")[0], "no-action")
        expect("set health", world.outcome("set-health"), ("ok", ""))
        expect("its parameters", world.mock.accepted("SetInstanceHealth"),
               [{"InstanceId": ID, "HealthStatus": "Unhealthy",
                 "ShouldRespectGracePeriod": True}])
    with World() as world:
        expect("abandon", world.outcome("abandon"), ("ok", ""))
        expect("its parameters", world.mock.accepted("CompleteLifecycleAction"),
               [{**hook, "LifecycleActionResult": "ABANDON"}])
        expect("another group", world.outcome("--group", "red", "continue")[0], "invalid")


def check_many():
    with World() as world:
        answers = world.calls("--calls", "20", "heartbeat")
        expect("twenty calls", {answer["outcome"] for answer in answers}, {"ok"})
        fds = [int(answer["fds"]) for answer in answers]
        expect("descriptors", max(fds) - min(fds) <= 1, True)
        expect("IMDS is asked once", world.imds.asked(CREDENTIALS + world.role.name), 1)
        world.mock.fault("close")
        answers = world.calls("--calls", "20", "heartbeat")
        fds = [int(answer["fds"]) for answer in answers]
        expect("descriptors, after failures", max(fds) - min(fds) <= 1, True)


# ---- faults ---------------------------------------------------------------------------------------

def fault_of(name):
    with World() as world:
        world.mock.fault(name)
        return world.call("continue"), len(world.mock.log())


def check_faults():
    expect("all faults are here", sorted(OUTCOMES), sorted([*FAULTS, "lost"]))
    # two of them last until the deadline of the call
    names = sorted(OUTCOMES, key=lambda name: OUTCOMES[name][0] != "timeout")
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        done = dict(zip(names, pool.map(fault_of, names)))
    for name, (answer, n_calls) in done.items():
        expect(f"{name}: {answer['message']}", (answer["outcome"], int(answer["status"])),
               OUTCOMES[name])
        expect(f"{name}: sent once", n_calls, 1)
        expect(f"{name}: printable", answer["message"].isprintable(), True)


def check_denied():
    with World() as world:
        for action, verb in (("CompleteLifecycleAction", "continue"),
                             ("RecordLifecycleActionHeartbeat", "heartbeat")):
            world.mock.deny(action)
            answer = world.call(verb)
            expect(f"{verb} denied", (answer["outcome"], answer["code"]),
                   ("denied", "AccessDenied"))
            expect("what to allow", f"allow autoscaling:{action} on arn:aws:autoscaling:{REGION}:*:"
                   f"autoScalingGroup:*:autoScalingGroupName/{GROUP} " in answer["description"],
                   True)
        world.mock.deny("DescribeAutoScalingInstances")
        expect("describe denied", 'resource "*"' in world.call("describe")["description"], True)


def check_signature():
    with World() as world:
        for seconds in (400, -400):
            world.mock.skew(seconds)
            answer = world.call("continue")
            expect(f"a clock that is off by {seconds} s", answer["outcome"], "signature")
            expect("the clock is named", "clock" in answer["description"], True)
        world.mock.heal()
        world.region = "eu-west-1"
        expect("another Region", world.outcome("continue")[0], "signature")


# ---- credentials ----------------------------------------------------------------------------------

def check_credentials():
    with World() as world:
        path = CREDENTIALS + world.role.name
        world.mock.roles.clear()
        answers = world.calls("--calls", "2", "continue")
        expect("credentials nobody knows", [answer["outcome"] for answer in answers],
               ["expired", "expired"])
        expect("IMDS is asked anew", world.imds.asked(path), 2)
        world.mock.roles.append(world.role)
        world.mock.fault("expired-token", times=1)
        world.mock.fault("throttling", times=1)
        world.imds.requests.clear()
        answers = world.calls("--calls", "3", "continue")
        expect("expired, throttled, then good", [answer["outcome"] for answer in answers],
               ["expired", "throttled", "ok"])
        expect("asked anew for the first only", world.imds.asked(path), 2)
        world.imds.give_role(None)
        answer = world.call("continue")
        expect("no role", answer["outcome"], "no-credentials")
        expect("it is said", "role" in answer["message"], True)
        world.imds.fault("", imds_mock.status(403))
        expect("IMDS refuses", world.outcome("continue")[0], "no-credentials")
        world.imds.fault("api/token", imds_mock.silence)
        expect("IMDS is silent", world.outcome("continue")[0], "no-credentials")
        expect("nothing was sent", len(world.mock.log()), 5)


# ---- addresses ------------------------------------------------------------------------------------

class Silent:
    """Takes connections and says nothing."""

    def __init__(self, address, port):
        self._socket = socket.create_server((address, port))
        self.n = 0
        self._kept = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        try:
            while True:
                self._kept.append(self._socket.accept()[0])
                self.n += 1
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self._kept:
            connection.close()


def check_tls():
    for kind, names, words in (("other", ("DNS:" + HOST,), "self-signed certificate"),):
        with World(kind=kind, names=names) as world:
            outcome, message = world.outcome("continue")
            expect(f"certificate: {kind}", (outcome, message),
                   ("unreachable", f"127.0.0.1 port {world.port}: {words}"))
            expect("nothing was sent", len(world.mock.log()), 0)
    with World() as world:
        outcome, message = world.outcome("--host", "autoscaling.test", "continue")
        expect("a name that does not resolve", (outcome, "does not resolve" in message),
               ("unreachable", True))
        world.port = world.imds.port
        outcome, message = world.outcome("continue")
        expect("plain HTTP", (outcome, message),
               ("unreachable", f"127.0.0.1 port {world.port}: wrong version number"))
        expect("the endpoint is named", f"com.amazonaws.{REGION}.autoscaling"
               in world.call("continue")["description"], True)


def check_wrong_name():
    """The certificate is trusted, but for another name."""
    with World() as world:
        certificate("trusted", "DNS:other.test")
        world.mock.tls.load_cert_chain(*certificates["trusted"])
        good = certificates["good"]
        certificates["good"] = certificates["trusted"]
        try:
            outcome, message = world.outcome("continue")
        finally:
            certificates["good"] = good
        expect("another name", (outcome, message),
               ("unreachable", f"127.0.0.1 port {world.port}: hostname mismatch"))
        expect("nothing was sent", len(world.mock.log()), 0)


def check_addresses():
    with World("127.0.0.3") as world:
        world.hosts = ["127.0.0.2"]
        expect("refused", world.outcome("continue"),
               ("unreachable", f"127.0.0.2 port {world.port}: Connection refused"))
        world.hosts = ["127.0.0.2", "127.0.0.3"]
        expect("the first refuses, the second is good", world.outcome("heartbeat"), ("ok", ""))
        with Silent("127.0.0.2", world.port) as silent:
            expect("the first is silent, the second is good", world.outcome("heartbeat"),
                   ("ok", ""))
            expect("the first was tried", silent.n, 1)
            world.hosts = ["127.0.0.2", "127.0.0.4"]
            outcome, message = world.outcome("heartbeat")
            expect("silent, then refused: the furthest is told", (outcome, message[:9]),
                   ("unreachable", "127.0.0.2"))
            world.hosts = ["127.0.0.2"]
            outcome, message = world.outcome("heartbeat")
            expect("silent", (outcome, "in time" in message), ("unreachable", True))
        expect("each was sent once", len(world.mock.log()), 2)
        with autoscaling_mock.Mock(*certificate("other", "DNS:" + HOST), address="127.0.0.2",
                                   port=world.port) as impostor:
            world.hosts = ["127.0.0.2", "127.0.0.3"]
            expect("the first is an impostor, the second is good", world.outcome("heartbeat"),
                   ("ok", ""))
            expect("it was told nothing", len(impostor.log()), 0)
        with autoscaling_mock.Mock(*certificate("good"), address="127.0.0.2",
                                   port=world.port) as first:
            first.roles.append(world.role)
            first.fault("close")
            expect("the first may have done it", world.outcome("heartbeat")[0], "unreachable")
            expect("so the second is not asked", (len(first.log()), len(world.mock.log())), (1, 3))


# ---- ends -----------------------------------------------------------------------------------------

def check_end_in_the_middle():
    with World() as world:
        world.mock.fault("silence")
        for ms in ("1", *(str(n) for n in range(8, 40, 2)), "400"):  # amid the handshake, too
            expect(f"ended after {ms} ms", world.run("--end-ms", ms, "continue"), (1, ""))
    with World() as world:
        world.imds.fault("", imds_mock.silence)
        expect("ended while IMDS is asked", world.run("--end-ms", "200", "continue"), (1, ""))


def check_refusals():
    with World() as world:
        for args in (("--hook", ""), ("--group", ""), ("--host", "a b"), ("--instance", ""),
                     ("--region", "")):
            done = subprocess.run(
                [sys.argv[1], "--imds", world.imds.url, "--ca", certificate("good")[0], "--host",
                 HOST, "--region", REGION, "--hook", HOOK, "--group", GROUP, *args, "continue"],
                capture_output=True, text=True, check=False)
            expect(f"{args} is refused", (done.returncode, "Invalid" in done.stderr), (1, True))
        expect("nobody was asked", (world.imds.requests, world.mock.log()), ([], []))


def main():
    assert set(ACTIONS) == {"CompleteLifecycleAction", "RecordLifecycleActionHeartbeat",
                            "SetInstanceHealth", "DescribeAutoScalingInstances"}
    certificate("good", "DNS:" + HOST)
    try:
        for name, check in list(globals().items()):
            if name.startswith("check_"):
                print(f"-- {name[6:]}", flush=True)
                check()
    finally:
        folder.cleanup()
    print(f"{len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
