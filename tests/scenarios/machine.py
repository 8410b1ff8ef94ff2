#!/usr/bin/python3
"""A machine that fails under the daemon: descriptors and ports run out, the interface goes, the
address changes, resolv.conf goes, the CPU is taken, the process is stopped. What the network did
not cause is no outage, and the daemon works again when the machine does.

    tests/scenarios/machine.py --bin BUILD_DIR [PART..]

Needs root and the packages of tests/setup; exits 77 without.
"""

import argparse
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from scenario import has_looked  # noqa: E402
from soak import Listening, get  # noqa: E402
from world import (ALL, STOPPING, TIMEOUTS, WAIT_S, Expectations, Stopped, World,  # noqa: E402
                   cannot_run, endpoint, stop_on_signals)

NAMESERVER = "nameserver 169.254.169.253\n"
HOLD_S = 2  # less than what makes an endpoint unknown for want of a run: three intervals and 10 s
STOPPED_S = 4  # more than all time limits of a run together

# Every port of the namespace is somebody else's, until its standard input ends.
SQUATTER = """import socket, sys
held = []
for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
    for port in (40000, 40001):
        s = socket.socket(socket.AF_INET6, kind)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        s.bind(("::", port))
        held.append(s)
print("ready", flush=True)
sys.stdin.read()
"""

expect = Expectations()


def on_host(world, *command, **more):
    return subprocess.run(["ip", "netns", "exec", world.name + "-host", *command], check=True,
                          **more)


def alarms(listening):
    """Every change to the worse so far."""
    return [(key, *change) for key in ALL for change in listening.changes[key]
            if change[1] in ("failed", "degraded")]


def spoiled(world):
    """How many runs have said that this host spoiled them."""
    return sum(int(n) for n in re.findall(r'verdict="no-resources"} (\d+)', get(world, "/metrics")))


def cpu_s(world):
    with open(f"/proc/{world.daemon.pid}/stat", encoding="ascii") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def well_again(world, what):
    """Healthy, by runs that have begun since."""
    before = world.status()
    expect(f"{what}: well afterwards",
           world.wait_for({}, "healthy", lambda status: has_looked(before, status)), None)


def set_descriptors(world, soft, hard):
    resource.prlimit(world.daemon.pid, resource.RLIMIT_NOFILE, (soft, hard))


def part_descriptors(world):
    """32, and then none, with clients at the door."""
    soft, hard = resource.prlimit(world.daemon.pid, resource.RLIMIT_NOFILE)
    before = spoiled(world)
    set_descriptors(world, 32, hard)
    time.sleep(HOLD_S)
    set_descriptors(world, 3, hard)
    clients = []
    for _ in range(5):
        s = socket.socket(socket.AF_UNIX)
        s.connect(world.socket)
        s.sendall(b"GET /v1/status HTTP/1.0\r\n\r\n")
        clients.append(s)
    used = cpu_s(world)
    time.sleep(HOLD_S)
    used = cpu_s(world) - used
    set_descriptors(world, soft, hard)
    after = spoiled(world)
    print(f"     {after - before} runs without resources, {used:.2f} s of CPU in {HOLD_S} s")
    expect("descriptors: runs said so", after > before, True)
    expect("descriptors: no spinning", used < HOLD_S / 2, True)
    answers = []
    for s in clients:
        s.settimeout(WAIT_S)
        answers.append(s.recv(12))
        s.close()
    expect("descriptors: who waited is answered", answers, [b"HTTP/1.0 200"] * len(clients))


def part_ports(world):
    """Two ports, and both are taken."""
    name = "net.ipv4.ip_local_port_range"
    path = "/proc/sys/" + name.replace(".", "/")
    ports = on_host(world, "cat", path, capture_output=True, text=True).stdout.strip()
    before = spoiled(world)
    squatter = subprocess.Popen(["ip", "netns", "exec", world.name + "-host", sys.executable, "-c",
                                 SQUATTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        expect("ports: taken", squatter.stdout.readline(), b"ready\n")
        on_host(world, "sysctl", "-qw", f"{name}=40000 40001")
        time.sleep(HOLD_S)
    finally:
        on_host(world, "sysctl", "-qw", f"{name}={ports}")
        squatter.communicate()
    after = spoiled(world)
    print(f"     {after - before} runs without resources")
    expect("ports: runs said so", after > before, True)


def part_stopped(world):
    """For longer than every time limit, at two moments. On so long a way a run takes most of the
    time from one to the next, so some are half way."""
    world.vpc("break delay 100")
    for moment in (1.3, 0.6):
        time.sleep(moment)
        os.kill(world.daemon.pid, signal.SIGSTOP)
        try:
            time.sleep(STOPPED_S)
        finally:
            os.kill(world.daemon.pid, signal.SIGCONT)
    time.sleep(0.5)
    world.vpc("heal delay")


def part_starved(world):
    """Everybody else comes first."""
    os.setpriority(os.PRIO_PROCESS, world.daemon.pid, 19)
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"])
            for _ in range(2 * os.cpu_count())]
    try:
        time.sleep(2 * HOLD_S)
    finally:
        for process in busy:
            process.kill()
            process.wait()


def part_rewritten(world):
    """resolv.conf is empty for a moment each time somebody writes it in place."""
    path = f"/etc/netns/{world.name}-host/resolv.conf"
    for _ in range(5):
        with open(path, "w", encoding="ascii") as f:
            time.sleep(0.05)
            f.write(NAMESERVER)
        time.sleep(0.7)


# ---- what is an outage, and ends ----------------------------------------------------------------

def routes(world, family):
    """Those that the kernel does not make itself, a line each."""
    shown = on_host(world, "ip", family, "route", "show", capture_output=True, text=True).stdout
    return [line for line in shown.splitlines() if "proto kernel" not in line]


def put_routes(world, family, lines):
    for line in lines:
        on_host(world, "ip", family, "route", "replace", *line.split())


def fails(status):
    """Whatever it is called, every endpoint has failed."""
    good = [e["endpoint"] for e in status["endpoints"] if e["state"] != "failed"]
    return f"not failed: {good}" if good else None


def until(world, condition):
    said = "no answer"
    for status in world.statuses():
        said = condition(status) if status is not None else said
        if said is None:
            return None
    return said


def outage_interface(world):
    on_host(world, "sysctl", "-qw", "net.ipv6.conf.eth0.keep_addr_on_down=1")
    saved = {family: routes(world, family) for family in ("-4", "-6")}
    on_host(world, "ip", "link", "set", "eth0", "down")
    expect("interface: down is an outage", until(world, fails), None)
    on_host(world, "ip", "link", "set", "eth0", "up")
    for family, lines in saved.items():
        put_routes(world, family, lines)


def local_addresses(key, wanted):
    def check(status):
        got = {a["local_address"] for a in endpoint(status, key)["addresses"]}
        return None if got == {wanted} else f"local addresses {got}"
    return check


def move(world, old, new):
    """The host has another address from one moment to the next; its routes name none."""
    shown = on_host(world, "ip", "-o", "-4", "address", "show", "dev", "eth0",
                    capture_output=True, text=True).stdout
    length = re.search(re.escape(old) + r"/(\d+)", shown)[1]
    saved = routes(world, "-4")
    on_host(world, "sysctl", "-qw", "net.ipv4.conf.eth0.promote_secondaries=1")
    on_host(world, "ip", "address", "add", f"{new}/{length}", "dev", "eth0")
    on_host(world, "ip", "address", "del", f"{old}/{length}", "dev", "eth0")
    put_routes(world, "-4", [line.replace(old, new) for line in saved])


def outage_address(world):
    for old, new in (("10.0.11.68", "10.0.11.69"), ("10.0.11.69", "10.0.11.68")):
        move(world, old, new)
        expect(f"address: all is well from {new}",
               world.wait_for({}, "healthy", local_addresses("ecs", new)), None)


def in_daemon(world, script):
    subprocess.run(["nsenter", "-t", str(world.daemon.pid), "-m", "sh", "-ec", script], check=True)


def asks(server):
    def check(status):
        got = [s["address"] for s in status["nameservers"]]
        return None if got == [server] else f"name servers {got}"
    return check


def outage_resolv_conf(world):
    """Empty, removed, and another file under its name. Nobody says whom to ask meanwhile."""
    path = f"/etc/netns/{world.name}-host/resolv.conf"
    with open(path, "w", encoding="ascii"):
        pass
    expect("resolv.conf: empty for long", until(world, asks("127.0.0.1")), None)
    print(f"     empty: {endpoint(world.status(), 'ecs')['last_run']}")
    in_daemon(world, "umount /etc/resolv.conf; rm -f /etc/resolv.conf")
    time.sleep(HOLD_S)
    expect("resolv.conf: removed, and still an answer", world.status() is not None, True)
    print(f"     removed: {endpoint(world.status(), 'ecs')['last_run']}")
    with open(path, "w", encoding="ascii") as f:
        f.write(NAMESERVER)
    in_daemon(world, f"printf '{NAMESERVER.strip()}\\n' >/etc/resolv.new; "
                     "mv /etc/resolv.new /etc/resolv.conf")


PARTS = [part_descriptors, part_ports, part_stopped, part_starved, part_rewritten]
HASTY = [part_descriptors, part_ports, part_stopped, part_rewritten]  # one bad run would be an alarm
OUTAGES = [outage_interface, outage_address, outage_resolv_conf]


def run(world, names):
    expect("healthy to begin with", world.wait_until_healthy(), None)
    listening = Listening(world)
    listening.start()
    for part in PARTS + OUTAGES:
        name = part.__name__.partition("_")[2]
        if names and name not in names:
            continue
        if STOPPING.is_set():
            raise Stopped
        world.configure("Fall=1\n" if part in HASTY else "")
        before, started = len(alarms(listening)), time.monotonic()
        part(world)
        well_again(world, name)
        if part in PARTS:
            expect(f"{name}: no false alarm", alarms(listening)[before:], [])
        print(f"     {name}: {time.monotonic() - started:.1f} s", flush=True)
    expect("the stream is still open", listening.wrong, None)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("parts", nargs="*")
    args = parser.parse_args()
    why = cannot_run()
    if why:
        print("skipped:", why)
        return 77
    stop_on_signals()
    timeouts = TIMEOUTS.replace("Interval=1s", "Interval=500ms", 1)
    world = World("machine", os.path.abspath(args.bin), timeouts)
    return expect.of(world, lambda: run(world, args.parts))


if __name__ == "__main__":
    sys.exit(main())
