#!/usr/bin/python3
"""The installed units under a real systemd, in the VPC: hardening, activation, reload, restarts,
watchdog, and a broken configuration that somebody keeps asking.

    tests/scenarios/unit.py --bin BUILD_DIR

Needs root, overlayfs and the packages of tests/setup; exits 77 without. It runs itself again inside
tests/sdbox (--inside); that part changes files of the box only.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import world as scenarios  # noqa: E402

SDBOX = os.path.join(scenarios.HERE, "..", "sdbox")
OUT = "/mnt/out"
CONF = "/etc/vpce-probe/vpce-probe.conf"
SOCKET = "/run/vpce-probe/status.sock"
SERVICE = "vpce-probe.service"
SOCKET_UNIT = "vpce-probe.socket"
BROKEN_CONF = "/etc/vpce-probe/conf.d/broken.conf"
BROKEN = (("Intervall=1s", "Intervall: "),  # seen when the files are read, and later
          ("CaFile=/etc", "CaFile: /etc: Is a directory"))
LATE_CA = "/run/late.pem"
WAIT = "vpce-probe-wait.service"
CONSOLE = "vpce-probe-console.service"
TARGET = "vpce-online.target"
RESTARTS = 50
HOST_CHANGED = "bde3123f461541a29cf369dbace186ed"
RELOAD_REFUSED = "72f886ea030446f7865421874cdbc200"

expect = scenarios.Expectations()


def sh(command, check=False):
    """(exit status, output of both kinds)"""
    r = subprocess.run(command, shell=isinstance(command, str), stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if check and r.returncode != 0:
        raise RuntimeError(f"{command}: {r.returncode}: {r.stdout}")
    return r.returncode, r.stdout.strip()


def systemctl(*words):
    return sh(["systemctl", *words])[0]


def show(name, unit=SERVICE):
    return sh(["systemctl", "show", "-p", name, "--value", unit])[1]


def curl(path="/livez"):
    """(curl's exit status, HTTP status, body)"""
    r = subprocess.run(["curl", "-sS", "-m", "10", "-w", "\n%{http_code}", "--unix-socket", SOCKET,
                        "http://localhost" + path], capture_output=True, text=True, check=False)
    body, _, code = r.stdout.rpartition("\n")
    return r.returncode, code, body.strip()


def alive():
    return curl() == (0, "200", "alive")


def status():
    return json.loads(curl("/v1/status")[2])


def journal(*match):
    """Records of the service, by the service or about it."""
    lines = sh(["journalctl", "-q", "-u", SERVICE, "-o", "json", *match])[1].splitlines()
    return [json.loads(line) for line in lines]


def messages(*match):
    return [str(r["MESSAGE"]) for r in journal(*match)]


def wait_until(true, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.05)
    return False


def write(path, text, mode="w"):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, mode, encoding="utf-8") as f:
        f.write(text)


def dropin(text):
    """Adds to the service, or takes that away again (None)."""
    path = f"/run/systemd/system/{SERVICE}.d/test.conf"
    if text is None:
        os.unlink(path)
    else:
        write(path, "[Service]\n" + text)
    systemctl("daemon-reload")


def installed(path):
    """A path below the prefix it was installed to."""
    daemon = show("ExecStart").split("path=")[1].split()[0]
    return os.path.join(os.path.dirname(os.path.dirname(daemon)), path)


def starts():
    return len([m for m in messages() if m.startswith("Starting ")])


def main_pid():
    return int(show("MainPID") or 0)


# --- inside, in this order

def units_are_sound():
    expect("systemd-analyze verify is quiet",
           sh(["systemd-analyze", "verify", SERVICE, SOCKET_UNIT, WAIT, CONSOLE, TARGET]), (0, ""))
    for unit, threshold in ((SERVICE, 12), (WAIT, 15), (CONSOLE, 15)):
        code, out = sh(["systemd-analyze", "security", "--offline=true",
                        f"--threshold={threshold}", unit])
        expect(f"systemd-analyze security {unit}: {out.splitlines()[-1]}", code, 0)


def first_client_activates():
    # a system call that the filter denies is the end of the process, here: it shows
    dropin("SystemCallErrorNumber=kill\n")
    # as systemd-resolved does it
    os.makedirs("/run/systemd/resolve")
    shutil.copy("/etc/resolv.conf", "/run/systemd/resolve/stub-resolv.conf")
    os.unlink("/etc/resolv.conf")
    os.symlink("../run/systemd/resolve/stub-resolv.conf", "/etc/resolv.conf")
    systemctl("start", SOCKET_UNIT)
    mode = os.stat(SOCKET).st_mode & 0o777, os.stat(os.path.dirname(SOCKET)).st_mode & 0o777
    expect("modes of the socket and its folder", mode, (0o666, 0o755))
    expect("nothing runs yet", show("ActiveState"), "inactive")
    expect("the first client gets its answer", curl(), (0, "200", "alive"))
    expect("the service runs", show("ActiveState"), "active")
    expect("not as root", os.stat(f"/proc/{main_pid()}").st_uid >= 61184, True)
    with open(f"/proc/{main_pid()}/status", encoding="utf-8") as f:
        capabilities = {line.split()[1] for line in f if line.startswith("Cap")}
    expect("without capabilities", capabilities, {"0000000000000000"})


def tells_the_journal():
    from journal import FIELDS
    failed = ["VPCE_ENDPOINT=ecr.api", "VPCE_STATE=failed"]
    expect("the fault is recorded", wait_until(lambda: journal(*failed)), True)
    record = journal(*failed)[0]
    wanted = dict(FIELDS, _SYSTEMD_UNIT=SERVICE)
    expect("every field of the record", {k: record.get(k) for k in wanted}, wanted)
    expect("with what to change", all(record.get(k) for k in (
        "VPCE_SUMMARY", "VPCE_REMEDY", "VPCE_DURATION_MS")), True)
    expect("the duration is a number", record["VPCE_DURATION_MS"].isdigit(), True)
    wait_until(lambda: journal("MESSAGE_ID=" + HOST_CHANGED, "VPCE_STATE=unhealthy"))
    record = journal("MESSAGE_ID=" + HOST_CHANGED, "VPCE_STATE=unhealthy")[0]
    wanted = {"VPCE_OLD_STATE": "unknown", "PRIORITY": "3", "_TRANSPORT": "journal",
              "VPCE_SUMMARY": "1 of 6 required endpoints failed: ecr.api (blocked)"}
    expect("every field of the host's record", {k: record.get(k) for k in wanted}, wanted)
    expect("its duration is a number", record["VPCE_DURATION_MS"].isdigit(), True)
    expect("an endpoint that is ok is a notice",
           {r["PRIORITY"] for r in journal("VPCE_ENDPOINT=ecs", "VPCE_STATE=ok")}, {"5"})
    expect("STATUS= tells it", wait_until(lambda: "ecr.api (blocked)" in show("StatusText")), True)


def settled(key):
    e = next(e for e in status()["endpoints"] if e["endpoint"] == key)
    return e["state"], e["verdict"], e["since"][:-5]  # whole seconds: told from another clock


def remembers():
    """A restart inside an outage is one outage."""
    wait_until(lambda: settled("ecs")[0] == "ok" and settled("ecr.api")[0] == "failed")
    before = [settled(key) for key in ("ecs", "ecr.api")], status()["state"], status()["since"][:-5]
    records = len(journal("VPCE_ENDPOINT=ecr.api")), len(journal("VPCE_ENDPOINT=ecs"))
    pid = main_pid()
    systemctl("restart", SERVICE)
    wait_until(lambda: main_pid() not in (0, pid) and alive())

    def ran():
        return all(e["runs"] > 3 for e in status()["endpoints"])
    expect("probed anew", wait_until(ran), True)
    after = [settled(key) for key in ("ecs", "ecr.api")], status()["state"], status()["since"][:-5]
    expect("states and their beginnings outlive a restart", after, before)
    expect("nothing is told twice",
           (len(journal("VPCE_ENDPOINT=ecr.api")), len(journal("VPCE_ENDPOINT=ecs"))), records)


def explains_its_records():
    expect("the catalog is taken", sh(["journalctl", "--update-catalog"]), (0, ""))
    # enough of a locale to have the name of one: the texts come from the catalog alone
    shutil.copytree("/usr/lib/locale/C.utf8", "/usr/lib/locale/ja_JP.utf8")
    for language, heading, locale in (("English", "What to change:", "C.UTF-8"),
                                      ("Japanese", "対処:", "ja_JP.UTF-8")):
        for state in ("failed", "ok"):
            match = ["VPCE_ENDPOINT=" + ("ecr.api" if state == "failed" else "ecs"),
                     "VPCE_STATE=" + state]
            text = subprocess.run(["journalctl", "-q", "-x", "-u", SERVICE, *match],
                                  env=dict(os.environ, LANG=locale), capture_output=True,
                                  encoding="utf-8", check=False).stdout
            remedy = journal(*match)[0]["VPCE_REMEDY"]
            expect(f"{language}, {state}: the remedy", f"{heading}\n░░ {remedy}\n" in text, True)
            expect(f"{language}, {state}: is there", remedy != "", state == "failed")
            expect(f"{language}, {state}: nothing is left to fill in",
                   [word for word in text.split() if "VPCE_" in word or "@" in word], [])


def sees_the_machine():
    write("/etc/ecs/ecs.config", "HTTP_PROXY=http://agent-proxy.example:3128\n")
    write("/etc/systemd/system/docker.service.d/proxy.conf",
          "[Service]\nEnvironment=HTTPS_PROXY=http://docker-proxy.example:3128\n")
    expect("reload", systemctl("reload", SERVICE), 0)

    def proxies():
        return {e["endpoint"]: e["proxy"] for e in status()["endpoints"] if e["proxy"]}

    wait_until(lambda: "agent-proxy" in str(proxies()))
    expect("it reads ecs.config", "agent-proxy" in str(proxies().get("ecs")), True)
    expect("it reads the drop-ins of docker", "docker-proxy" in str(proxies().get("ecr.dkr")), True)
    server = next(e for e in status()["endpoints"] if e["endpoint"] == "ecs")["dns"]["server"]
    expect("it reads a resolv.conf that is a link", server is not None, True)
    os.unlink("/etc/ecs/ecs.config")
    os.unlink("/etc/systemd/system/docker.service.d/proxy.conf")
    write("/etc/hosts", "10.0.1.10 override.example\n", "a")
    write("/etc/vpce-probe/conf.d/hosts.conf", "[Endpoint override]\nHost=override.example\n")
    systemctl("reload", SERVICE)
    expect("it reads /etc/hosts", wait_until(lambda: any(
        a["address"] == "10.0.1.10" for e in status()["endpoints"] if e["endpoint"] == "override"
        for a in e["addresses"])), True)
    os.unlink("/etc/vpce-probe/conf.d/hosts.conf")
    systemctl("reload", SERVICE)
    expect("nothing was denied", [m for m in messages() if "not permitted" in m or "SYS" in m], [])
    dropin(None)
    systemctl("restart", SERVICE)


def reloads():
    n = len(status()["endpoints"])
    write("/etc/vpce-probe/conf.d/ssm.conf", "[Endpoint ssm]\n")
    expect("reload", systemctl("reload", SERVICE), 0)
    expect("the new settings", wait_until(lambda: len(status()["endpoints"]) == n + 1), True)
    write("/etc/vpce-probe/conf.d/ssm.conf", "[Probe]\nIntervall=1s\n")
    pid = main_pid()
    systemctl("reload", SERVICE)
    refused = "configuration refused, the old settings stay"
    expect("a broken one is refused", wait_until(lambda: refused in messages()), True)
    expect("in a record of its own kind", [r["PRIORITY"] for r in journal(
        "MESSAGE_ID=" + RELOAD_REFUSED)], ["3"])
    expect("it says where", any("ssm.conf:2: Intervall" in m for m in messages()), True)
    expect("the old settings stay", (len(status()["endpoints"]), main_pid()), (n + 1, pid))
    os.unlink("/etc/vpce-probe/conf.d/ssm.conf")
    systemctl("reload", SERVICE)


def comes_back(what, signal, seconds):
    pid = main_pid()
    sh(["kill", "-" + signal, str(pid)], check=True)
    expect(f"{what}: it comes back",
           wait_until(lambda: main_pid() not in (0, pid) and alive(), seconds), True)


def survives():
    comes_back("kill -9", "KILL", 10)
    expect("NRestarts", show("NRestarts"), "1")
    dropin("WatchdogSec=1s\n")
    systemctl("restart", SERVICE)
    comes_back("a daemon that hangs", "STOP", 10)
    expect("it was the watchdog", any("Watchdog timeout" in m for m in messages()), True)
    dropin(None)
    systemctl("restart", SERVICE)


class Client(threading.Thread):
    """Asks on and on. None may find the door closed; one that is just being served when the daemon
    ends loses its answer."""

    def __init__(self):
        super().__init__(daemon=True)
        self.done = threading.Event()
        self.refused = []
        self.n_answered = 0
        self.start()

    def run(self):
        while not self.done.wait(0.2):
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(10)
                try:
                    s.connect(SOCKET)
                except OSError as e:
                    self.refused.append(str(e))
                    continue
                try:
                    s.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
                    self.n_answered += b"alive" in s.recv(4096)
                except ConnectionError:
                    pass
                except socket.timeout:
                    self.refused.append("no answer")

    def stop(self):
        self.done.set()
        self.join()


def leftovers():
    """What a restart may leave: descriptors, files."""
    pid = main_pid()
    descriptors = sorted(os.readlink(f"/proc/{pid}/fd/{fd}").split(":")[0]
                         for fd in os.listdir(f"/proc/{pid}/fd"))
    fixed = [d for d in descriptors if d != "socket"]  # those of probes come and go
    # a folder has a name of its own each time: how many there are is what counts
    private = len([name for folder in ("/tmp", "/var/tmp") for name in os.listdir(folder)])
    return fixed, os.listdir("/run/vpce-probe"), private, show("NRestarts")


def restarts_leave_nothing():
    def wait_fds():
        wait_until(lambda: show("ActiveState") == "active" and alive())
        return leftovers()

    before = wait_fds()
    failed = []
    client = Client()
    for i in range(RESTARTS):
        if systemctl("restart", SERVICE) != 0:
            failed.append(i)
    client.stop()
    expect(f"{RESTARTS} restarts", failed, [])
    expect(f"nobody was refused, {client.n_answered} were answered",
           (client.refused, client.n_answered > 0), ([], True))
    expect("nothing is left", wait_fds(), before)
    pid = main_pid()
    expect("restart of the socket", systemctl("restart", SOCKET_UNIT), 0)
    expect("still answers", wait_until(alive), True)
    expect("by a new daemon", main_pid() != pid, True)


def broken_configuration_does_not_loop():
    sh(["journalctl", "--rotate"])
    for setting, told in BROKEN:
        systemctl("stop", SERVICE)
        write(BROKEN_CONF, f"[Probe]\n{setting}\n")
        before = starts()
        expect(f"with {setting} it does not start", systemctl("start", SERVICE) != 0, True)
        expect("exit status 78", show("ExecMainStatus"), "78")
        expect("the journal says why", any("broken.conf:2: " + told in m for m in messages()), True)
        time.sleep(1.5)  # longer than RestartSec=
        expect("it is not restarted", (show("NRestarts"), starts() - before), ("0", 1))


def asking_again_and_again_starts_it_once():
    for setting, _ in BROKEN:
        write(BROKEN_CONF, f"[Probe]\n{setting}\n")
        ask_again_and_again(setting)
    os.unlink(BROKEN_CONF)
    expect("repaired, it starts at once", systemctl("restart", SERVICE), 0)
    expect("and serves", alive(), True)


def a_trust_store_may_come_later():
    systemctl("stop", SERVICE)
    write(BROKEN_CONF, f"[Probe]\nCaFile={LATE_CA}\n")
    systemctl("start", "--no-block", SERVICE)
    expect("without its trust store it says so",
           wait_until(lambda: any("No such file" in m for m in messages())), True)
    expect("and to clients", curl()[1], "503")
    shutil.copyfile("/etc/ssl/certs/ca-certificates.crt", LATE_CA)
    expect("when it is there, it starts by itself",
           wait_until(lambda: curl()[:2] == (0, "200"), seconds=40), True)
    os.unlink(BROKEN_CONF)
    os.unlink(LATE_CA)
    expect("back to the system's", (systemctl("restart", SERVICE), alive()), (0, True))


def ask_again_and_again(setting):
    systemctl("stop", SERVICE)
    before = starts()
    answers = [curl() for _ in range(15)]
    told = {(code, http, "configuration is wrong" in body) for code, http, body in answers}
    expect(f"with {setting} clients are told", told, {(0, "503", True)})
    expect("one start for all of them", starts() - before, 1)
    expect("systemctl status says it", show("StatusText"), "the configuration is wrong")
    expect("the daemon goes", wait_until(lambda: show("ActiveState") == "failed"), True)
    time.sleep(1.5)
    expect("for good", starts() - before, 1)
    expect("the socket stays", show("ActiveState", SOCKET_UNIT), "active")
    expect("the next client gets the reason, too", curl()[1], "503")


def agent_waits_for_the_endpoints():
    """A stand-in for the ECS agent, with the drop-in of the documentation."""
    write("/run/systemd/system/ecs.service",
          "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n")
    os.makedirs("/run/systemd/system/ecs.service.d")
    shutil.copy(installed("share/doc/vpce-probe/ecs.service.d/10-vpce-probe.conf"),
                "/run/systemd/system/ecs.service.d")
    write(f"/run/systemd/system/{WAIT}.d/test.conf",
          "[Service]\nExecStart=\nExecStart=" + installed("bin/vpce-probe") +
          " wait --timeout 3s\n")
    systemctl("daemon-reload")
    expect("systemd-analyze verify", sh(["systemd-analyze", "verify", "ecs.service"]), (0, ""))

    systemctl("start", "--no-block", "ecs.service")
    expect("while an endpoint is blocked, it waits",
           (wait_until(lambda: show("ActiveState", WAIT) == "activating"),
            show("ActiveState", "ecs.service")), (True, "inactive"))
    expect("after the time-out it starts",
           wait_until(lambda: show("ActiveState", "ecs.service") == "active"), True)
    expect("and the target says the truth",
           (show("ActiveState", TARGET), show("ExecMainStatus", WAIT)), ("inactive", "1"))

    systemctl("stop", "ecs.service", SERVICE, SOCKET_UNIT)
    systemctl("reset-failed")
    write("/etc/vpce-probe/conf.d/wait.conf", "[Endpoint ecr.api]\nRequired=no\n")
    systemctl("start", "ecs.service")
    expect("with all that is required it starts, and the daemon before it",
           [show("ActiveState", unit) for unit in (TARGET, WAIT, SERVICE, "ecs.service")],
           ["active"] * 4)
    expect("an agent that is restarted does not wait again",
           systemctl("restart", "ecs.service"), 0)
    systemctl("stop", "ecs.service", TARGET, WAIT)
    os.unlink("/etc/vpce-probe/conf.d/wait.conf")


INSIDE = [units_are_sound, first_client_activates, tells_the_journal, explains_its_records,
          remembers, sees_the_machine, reloads, survives, restarts_leave_nothing,
          agent_waits_for_the_endpoints, broken_configuration_does_not_loop,
          asking_again_and_again_starts_it_once, a_trust_store_may_come_later]


def inside():
    for part in INSIDE:
        began = time.monotonic()
        part()
        print(f"     ({part.__name__}: {time.monotonic() - began:.1f} s)", flush=True)
    status_of = expect.exit_status()
    if status_of != 0:
        print(sh(["journalctl", "-q", "-u", "vpce-probe.*", "-n", "60"])[1])
    return status_of


# --- outside

def prepare_script(world):
    """What puts the installed files into the box, before it boots."""
    path = os.path.join(world.folder, "prepare")
    world.write_conf(os.path.join(world.folder, "conf"), "/etc/vpce-probe/ca.crt")
    write(path, f"""#!/bin/sh
set -e
DESTDIR="$1" cmake --install '{world.bin}' >/dev/null
rm -rf "$1/etc/vpce-probe"
mkdir -p "$1/etc/vpce-probe"
cp '{world.folder}/conf' "$1{CONF}"
cp '{scenarios.STATE}/pki/ca.crt' "$1/etc/vpce-probe/ca.crt"
chmod -R a+rX "$1/etc/vpce-probe"
""")
    os.chmod(path, 0o755)
    for name in os.listdir(scenarios.HERE):
        if name.endswith(".py"):
            shutil.copy(os.path.join(scenarios.HERE, name), world.folder)
    return path


def outside(number, bin_dir, script):
    """Runs a script of this folder again, inside a box in a VPC where ecr.api is blocked."""
    if os.geteuid() != 0 or not shutil.which("dnsdist"):
        print("skipped: needs root and the packages of tests/setup")
        return 77
    world = scenarios.World(number, os.path.abspath(bin_dir))
    try:
        world.vpc("up --private")
        world.vpc("break sg ecr.api")
        os.chmod(world.folder, 0o755)
        r = subprocess.run([SDBOX, "run", "-n", world.name + "-host", "-b", world.folder,
                            "-p", prepare_script(world), "--", sys.executable, f"{OUT}/{script}",
                            "--inside"], check=False, stdin=subprocess.DEVNULL)
    finally:
        world.stop()
    if r.returncode == 125:
        print("skipped: no systemd can be started here")
        return 77
    return r.returncode


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin")
    parser.add_argument("--inside", action="store_true")
    args = parser.parse_args()
    return inside() if args.inside else outside(8, args.bin, "unit.py")


if __name__ == "__main__":
    sys.exit(main())
