#!/usr/bin/python3
"""What programs see of the daemon: the JSON's shape, HTTP on the socket, signals, exit statuses,
changes of resolv.conf. The real daemon in a VPC of network namespaces.

    tests/scenarios/interface.py --bin BUILD_DIR

Needs root and the packages of tests/setup; exits 77 without.
"""

import argparse
import concurrent.futures
import datetime
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import world as scenarios  # noqa: E402

SCHEMA = os.path.join(scenarios.HERE, "..", "..", "daemon", "status.schema.json")
expect = scenarios.Expectations()

NOBODY = 65534
REQUEST = b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n"
CLOSED_S = 25  # what the daemon ends after 10 s is gone by then, on a slow machine too

# Opens connections, sends the same on each, reads nothing; stays until its stdin is closed.
CROWD = """
import socket, sys
path, number, data = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode()
crowd = [socket.socket(socket.AF_UNIX) for _ in range(number)]
for s in crowd:
    s.connect(path)
    try:
        s.send(data)
    except OSError:
        pass  # refused: the connection is closed already
print("there", flush=True)
sys.stdin.read()
"""


def validate(what, status):
    import jsonschema
    with open(SCHEMA, encoding="utf-8") as f:
        validator = jsonschema.Draft7Validator(json.load(f))
    wrong = [f"{list(e.path)}: {e.message}" for e in validator.iter_errors(status)]
    expect(f"the shape of the JSON, {what}", wrong[:3], [])


def curl(world, path, *options, user=None):
    r = subprocess.run(["curl", "-sS", "-m", "10", "--unix-socket", world.socket, *options,
                        "http://localhost" + path], user=user, capture_output=True, text=True,
                       check=False)
    return r.stdout


def code(world, path, *options, user=None):
    return curl(world, path, "-o", "/dev/null", "-w", "%{http_code}", *options, user=user)


def in_vpc(world, program, *args):
    return subprocess.run(["ip", "netns", "exec", world.name + "-host",
                           os.path.join(world.bin, program), *args],
                          capture_output=True, text=True, check=False)


def cli(world, *args):
    return in_vpc(world, "vpce-probe", *args)


def raw(world, data):
    """Sends bytes, returns the first answer (empty: closed)."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(15)
        s.connect(world.socket)
        s.sendall(data)
        return s.recv(4096)


def log_of(world):
    with open(os.path.join(world.folder, "log"), encoding="utf-8") as f:
        return f.read()


def wait_until(condition):
    deadline = time.monotonic() + scenarios.WAIT_S
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


def since_of(world, key):
    return datetime.datetime.fromisoformat(
        scenarios.endpoint(world.status(), key)["since"].replace("Z", "+00:00"))


def check_http(world):
    expect("GET /v1/status", code(world, "/v1/status"), "200")
    expect("HEAD /v1/status", code(world, "/v1/status", "-I"), "200")
    expect("GET /healthz", curl(world, "/healthz").split(":")[0], "healthy")
    expect("GET /livez", code(world, "/livez"), "200")
    expect("an unknown path", code(world, "/nothing"), "404")
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        expect(f"method {method}", code(world, "/v1/status", "-X", method), "405")
    expect("garbage", raw(world, b"\x00\xff\x16\x03\x01 garbage\r\n\r\n")[:12] != b"HTTP/1.1 200",
           True)
    big = b"GET /v1/status HTTP/1.1\r\nX: " + b"a" * 20000 + b"\r\n\r\n"
    expect("headers over the limit", b"200 OK" in raw(world, big), False)
    expect("still alive", code(world, "/livez"), "200")
    expect("mode of the socket", oct(os.stat(world.socket).st_mode & 0o777), "0o666")


def check_crowd(world, what, data, others):
    """A local user opens far more connections than there are places. others: what any user but
    root is answered then."""
    os.chmod(world.folder, 0o711)
    command = [sys.executable, "-c", CROWD, world.socket, "200", data.decode()]
    with subprocess.Popen(command, user=NOBODY, group=NOBODY, extra_groups=[], cwd="/",
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as crowd:
        expect(f"{what}: there", crowd.stdout.readline(), b"there\n")
        expect(f"{what}: others get {others}", wait_until(
            lambda: code(world, "/livez", user=NOBODY) == others), True)
        expect(f"{what}: root is served", code(world, "/v1/status"), "200")
        descriptors = len(os.listdir(f"/proc/{daemon_pid(world)}/fd"))
        expect(f"{what}: few of {descriptors} descriptors", descriptors < 100, True)
    expect(f"{what}: gone", code(world, "/livez"), "200")


def trickled_request(world):
    """A byte each 0.5 s. True when that is ended."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(world.socket)
        for byte in b"GET /livez HTTP/1.1\r\nX: ".ljust(CLOSED_S * 2, b"a"):
            try:
                s.send(bytes([byte]))
            except OSError:
                return True
            time.sleep(0.5)
    return False


def reader_of_nothing(world):
    """Asks as fast as it can. Whether that is ended, and how much of it was taken."""
    sent = 0
    deadline = time.monotonic() + CLOSED_S
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(world.socket)
        s.settimeout(0.5)
        while time.monotonic() < deadline:
            try:
                sent += s.send(REQUEST * 100)
            except TimeoutError:
                pass
            except OSError:
                return True, sent
    return False, sent


def steady_client(world):
    """One connection, a request each 2 s. The answers of longer than any one may take."""
    answers = []
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(15)
        s.connect(world.socket)
        for _ in range(8):
            try:
                s.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
                answers.append(s.recv(4096)[:12])
            except OSError as error:
                answers.append(error)
            time.sleep(2)
    return answers


def check_slow_clients(world):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        trickle = pool.submit(trickled_request, world)
        reader = pool.submit(reader_of_nothing, world)
        steady = pool.submit(steady_client, world)
    expect("a request in trickles is ended", trickle.result(), True)
    ended, sent = reader.result()
    expect("a client that reads nothing is ended", ended, True)
    expect(f"and little of its {sent >> 10} KiB of requests is taken", sent < 4 << 20, True)
    expect("a connection in use stays", steady.result(), [b"HTTP/1.1 200"] * 8)


def check_no_descriptors(world):
    """Accepting pauses, instead of spinning, and goes on when there are descriptors again."""
    pid = daemon_pid(world)
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (4, before[1]))
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(15)
        s.connect(world.socket)
        s.sendall(REQUEST)
        refused = wait_until(lambda: log_of(world).count("cannot accept") > 2)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        expect("out of descriptors: said", refused, True)
        expect("out of descriptors: served later", s.recv(4096)[:12], b"HTTP/1.1 200")
    expect("out of descriptors: no spinning", log_of(world).count("cannot accept") < 50, True)
    expect("out of descriptors: healthy later", wait_until(
        lambda: world.status()["state"] == "healthy"), True)


def check_trust_stores(world, conf):
    """A CaFile= without certificates is an error of the configuration."""
    wrong = os.path.join(world.folder, "wrong-ca.conf")
    empty = os.path.join(world.folder, "empty.pem")
    with open(empty, "w", encoding="utf-8"):
        pass
    for ca, why, of_daemon in (  # 1: it may come
            ("/nonexistent.pem", "No such file or directory", 1), ("/etc", "Is a directory", 78),
            (conf, "no certificate in it", 78), (empty, "no certificate in it", 1)):
        with open(conf, encoding="utf-8") as f:
            text = f.read() + f"[Probe]\nCaFile={ca}\n"
        with open(wrong, "w", encoding="utf-8") as f:
            f.write(text)
        line = f"{wrong}:{len(text.splitlines())}: CaFile: {ca}: {why}"
        for what, command in (
                ("check", ["vpce-probe", "check", "--config", wrong]),
                ("--check-config", ["vpce-probed", "--config", wrong, "--check-config"]),
                ("the daemon",
                 ["vpce-probed", "--config", wrong, "--socket", world.folder + "/wrong"])):
            r = in_vpc(world, *command)
            expect(f"{what}, {ca} as trust store", (r.returncode, line in r.stderr),
                   (of_daemon if what == "the daemon" else 78, True))


def check_exit_statuses(world, conf):
    expect("status of a healthy host", cli(world, "status", "--socket", world.socket).returncode, 0)
    r = cli(world, "status", "--socket", world.folder + "/none")
    expect("status without a daemon", (r.returncode, "systemctl start" in r.stderr), (3, True))
    expect("usage error", cli(world, "status", "--nonsense").returncode, 64)
    expect("unknown verb", cli(world, "nonsense").returncode, 64)
    expect("check of a healthy host", cli(world, "check", "--config", conf).returncode, 0)
    r = cli(world, "check", "--config", conf, "--json")
    validate("of check", json.loads(r.stdout))
    broken = os.path.join(world.folder, "broken.conf")
    with open(broken, "w", encoding="utf-8") as f:
        f.write("[Host]\nRegion=xx-nowhere-1\nAccountId=12\n[Probe]\nFall=many\n")
    r = cli(world, "check", "--config", broken)
    lines = [line for line in r.stderr.splitlines() if line.startswith(broken + ":")]
    expect("a broken configuration", (r.returncode, len(lines)), (78, 3))
    r = subprocess.run([os.path.join(world.bin, "vpce-probed"), "--config", broken,
                        "--check-config"], capture_output=True, check=False)
    expect("the daemon's --check-config", r.returncode, 78)
    check_trust_stores(world, conf)
    r = in_vpc(world, "vpce-probed", "--config", conf, "--socket", conf)
    expect("a socket's path that is a file's",
           (r.returncode, "it is not a socket" in r.stderr, os.path.isfile(conf)), (1, True, True))


def check_signals(world, conf):
    runs = scenarios.endpoint(world.status(), "ecs")["runs"]
    os.kill(daemon_pid(world), signal.SIGUSR1)
    expect("SIGUSR1 probes", wait_until(
        lambda: scenarios.endpoint(world.status(), "ecs")["runs"] > runs), True)
    since = since_of(world, "ecs")
    with open(conf, encoding="utf-8") as f:
        good = f.read()
    with open(conf, "w", encoding="utf-8") as f:
        f.write(good + "[Probe]\nRise=no\n")
    os.kill(daemon_pid(world), signal.SIGHUP)
    expect("a broken reload is refused", wait_until(
        lambda: "the old settings stay" in log_of(world)), True)
    expect("and the old settings serve", world.status()["state"], "healthy")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(good + "[Endpoint kms]\n")
    os.kill(daemon_pid(world), signal.SIGHUP)
    expect("a reload adds an endpoint", wait_until(lambda: any(
        e["endpoint"] == "kms" and e["state"] == "ok" for e in world.status()["endpoints"])), True)
    expect("and keeps the states", abs((since_of(world, "ecs") - since).total_seconds()) < 1, True)


def check_resolv_conf(world):
    world.vpc("break dns timeout 169.254.169.253")
    expect("a dead name server is seen", wait_until(
        lambda: world.status()["state"] == "unhealthy"), True)
    status = world.status()
    validate("while DNS fails", status)
    world.vpc("resolv 10.0.0.2")
    expect("resolv.conf changed: the new server is used", wait_until(
        lambda: world.status()["state"] == "healthy"), True)
    expect("and listed", [s["address"] for s in world.status()["nameservers"]], ["10.0.0.2"])
    world.vpc("heal all")


def daemon_pid(world):
    """`ip netns exec` execs the command: its pid is the daemon's."""
    return world.daemon.pid


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    args = parser.parse_args()
    if os.geteuid() != 0 or not shutil.which("dnsdist") or not shutil.which("curl"):
        print("skipped: needs root and the packages of tests/setup")
        return 77
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    world = scenarios.World(9, os.path.abspath(args.bin))
    conf = os.path.join(world.folder, "vpce-probe.conf")
    try:
        world.start()
        expect("all healthy", world.wait_for({}, "healthy", None), None)
        validate("healthy", world.status())
        check_http(world)
        check_crowd(world, "an idle crowd", b"", "200")
        check_crowd(world, "a crowd that reads nothing", REQUEST * 1000, "000")
        check_slow_clients(world)
        check_no_descriptors(world)
        check_exit_statuses(world, conf)
        check_signals(world, conf)
        check_resolv_conf(world)
        world.vpc("break cert-wrong ecs")
        expect("unhealthy", wait_until(lambda: code(world, "/healthz") == "503"), True)
        validate("unhealthy", world.status())
        expect("exit status of an unhealthy host",
               cli(world, "status", "--socket", world.socket).returncode, 2)
    finally:
        wrong = world.stop()
    expect("the daemon's end", wrong, None)
    return expect.exit_status()


if __name__ == "__main__":
    sys.exit(main())
