"""Who is measured by tests/bench/run, and how: CPU, wall time and memory of one cycle, which is
every address of every name once. All of it from inside the client's namespace of bed.py."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import time

POLL_S = 0.0005
CYCLE_MAX_S = 300
SETTLE_S = 0.02  # between the last connection and the end of what is done about it
ROUNDS_S = 1  # more than between two rounds of questions, probes/dns.h
CLIENT_CPU = 0
ENDPOINTS_MAX = 10000  # conf/conf.h
ENGINES = ("default", "lean")
DNS_BURST, DNS_PER_SECOND_MIN, DNS_PER_SECOND_MAX = 512, 10, 512  # probes/dns.h
DEFAULT_KEYS = ("ecs", "ecs-agent", "ecs-telemetry", "ecr.api", "ecr.dkr", "s3", "logs")
HOST_CONF = """[Host]
Region=eu-west-1
AccountId=123456789012
VpcCidrs=10.0.0.0/8
Imds=off
[Probe]
"""
PROBE_CONF = """Rise=1
AddressFamily=ipv4
EgressControl=off
SecondOpinion=off
"""


def counter(text, protocol, name):
    names, values = (line.split()[1:] for line in text.splitlines()
                     if line.startswith(protocol + ":"))
    return int(values[names.index(name)])


def tcp_counter(process, name):
    """Of the network namespace that a process is in: "self", or its number."""
    with open(f"/proc/{process}/net/snmp", encoding="ascii") as f:
        return counter(f.read(), "Tcp", name)


def cpu_us(pid):
    """Of all its threads."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total / 1e3


def status_fields(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return dict(line.split(":", 1) for line in f)


def memory_kb(pid):
    fields = status_fields(pid)
    return int(fields["VmHWM"].split()[0]), int(fields["VmRSS"].split()[0])


def start(command, **options):
    """On the client's CPU; without taskset, whose start would be measured, too."""
    os.sched_setaffinity(0, {CLIENT_CPU})
    try:
        return subprocess.Popen(command, **options)  # pylint: disable=consider-using-with
    finally:
        os.sched_setaffinity(0, {os.cpu_count() - 1})


class Cell:
    """What is probed: n names of so many addresses, one kind of key, one round trip."""

    def __init__(self, folder, n, addresses, key, rtt_ms):
        self.folder, self.n, self.addresses, self.key, self.rtt_ms = \
            folder, n, addresses, key, rtt_ms
        self.port = {"rsa": 443, "ec": 444}[key]
        self.n_addresses = n * addresses
        self.interval_s = 120 if n > 1000 else 30 if n > 100 else 10
        self.parallel = 64 if n > 1000 else 32
        letter = "n" if addresses == 1 else "m"
        self.names = [f"{letter}{i}.svc.test" for i in range(n)]

    def few(self, n):
        """So many of the names, at the same pace."""
        few = Cell(self.folder, n, self.addresses, self.key, self.rtt_ms)
        few.interval_s = self.interval_s * n // self.n
        few.parallel = self.parallel
        return few

    def per_second(self):
        """What the daemon's DNS budget gets: four packets for each name in an Interval. A cycle
        takes one, as AddressFamily=ipv4."""
        return min(max(4 * self.n // self.interval_s, DNS_PER_SECOND_MIN), DNS_PER_SECOND_MAX)

    def is_paced(self):
        return self.n > DNS_BURST

    def path(self, name):
        return os.path.join(self.folder, name)

    def places(self):
        """(address, name) of each address, as the bed's servers have them."""
        wanted = set(self.names)
        with open(self.path("hosts"), encoding="ascii") as f:
            pairs = (line.split() for line in f)
            return [(address, name) for address, name in pairs if name in wanted]

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def conf(self, name, ca_file, engine="default"):
        keys = [name.split(".")[0] for name in self.names]
        unused = DEFAULT_KEYS
        if self.n + len(unused) > ENDPOINTS_MAX:  # then they are some of the names
            keys[:len(unused)], unused = unused, ()
        return self.write(name, HOST_CONF + PROBE_CONF + f"""CaFile={self.path(ca_file)}
Interval={self.interval_s}s
Parallel={self.parallel}
TlsEngine={engine}
""" + "".join(f"[Endpoint {key}]\nEnabled=no\n" for key in unused) +
            "".join(f"[Endpoint {key}]\nHost={name}\nPort={self.port}\nExpect=interface\n"
                    for key, name in zip(keys, self.names)))


class Subject:
    """Who is measured: cycle() returns the figures of one. What most have in common; who is no
    process that stays has no memory to tell of."""
    rested_at = 0  # when the next cycle may begin
    process = None

    def memory(self):
        return memory_kb(self.process.pid) if self.process else None

    def finish(self):
        """After the last cycle."""

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()


class Reference(Subject):
    """tests/bench/reference.c, a round for each line."""
    name = "reference"

    def __init__(self, cell, bin_dir):
        self.process = start(
            [os.path.join(bin_dir, "bench_reference"), "--wait", "--names",
             cell.write("names", "".join(name + "\n" for name in cell.names)), "--server",
             "10.1.255.53", "--port", str(cell.port), "--ca", cell.path("roots.pem"),
             "--parallel", str(cell.parallel)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.n = cell.n_addresses

    def cycle(self):
        before, started = cpu_us(self.process.pid), time.monotonic()
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        wall = time.monotonic() - started
        if not line.startswith(f"addresses={self.n} verified={self.n} "):
            raise SystemExit(f"reference: {line or 'ended'}")
        return {"cpu_us": (cpu_us(self.process.pid) - before) / self.n, "wall_ms": wall * 1e3}

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Program(Subject):
    """A program that is started for each cycle. When it has told all is measured, too; its memory is
    not known: what rusage tells after its end is as well that of the process it was before exec."""

    def __init__(self, name, command, n):
        self.name, self.command, self.n = name, command, n

    def cycle(self):
        started = time.monotonic()
        process = start(self.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        told = 0
        with process.stdout:
            while os.read(process.stdout.fileno(), 65536):
                told = time.monotonic() - started
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit(f"{self.name}: exit status {process.returncode}")
        return {"cpu_us": (usage.ru_utime + usage.ru_stime) * 1e6 / self.n, "wall_ms": wall * 1e3,
                "told_ms": told * 1e3}


def check(cell, bin_dir, ca_file="roots.pem", name="check", engine="default"):
    return Program(name, [os.path.join(bin_dir, "vpce-probe"), "check", "--config",
                          cell.conf(f"{name}.conf", ca_file, engine)], cell.n_addresses)


def get_status(path):
    """Returns the daemon's status."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(60)
        s.connect(path)
        s.sendall(b"GET /v1/status HTTP/1.0\r\n\r\n")
        return json.loads(b"".join(iter(lambda: s.recv(65536), b"")).split(b"\r\n\r\n", 1)[1])


class Daemon(Subject):
    """vpce-probed. It stands still (SIGSTOP) while others are measured."""

    def __init__(self, bin_dir, conf, folder, name):
        self.name = f"daemon {name}"
        self.socket = os.path.join(folder, f"{name}.sock")
        notify = os.path.join(folder, f"{name}.notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(notify)
            self.process = start(
                [os.path.join(bin_dir, "vpce-probed"), "--config", conf, "--socket", self.socket],
                env={"PATH": os.environ["PATH"], "NOTIFY_SOCKET": notify},
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while not select.select([s], [], [], 30)[0] or b"READY=1" not in s.recv(4096):
                if self.process.poll() is not None:
                    raise SystemExit(f"{self.name}: exit status {self.process.returncode}")
            self.start_cpu_us = cpu_us(self.process.pid)
        os.unlink(notify)

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait()


class StandsStill(Subject):
    """Who runs for ever: it is stopped (SIGSTOP) while others are measured, and rests rest_s at
    least. A cycle is over when the server has accepted as many connections as there are
    addresses. What is measured may be several cycles, one after the other."""
    n_cycles = 1
    quiet_s = 0

    def __init__(self, cell, server_pid, rest_s):
        self.n, self.server_pid = cell.n_addresses, server_pid
        self.rest_s = rest_s
        self.count_from_here()

    def count_from_here(self):
        self.accepted = tcp_counter(self.server_pid, "PassiveOpens")
        self.n_open = tcp_counter("self", "CurrEstab")

    def stand_still(self):
        self.process.send_signal(signal.SIGSTOP)
        self.rested_at = time.monotonic() + self.rest_s

    def n_accepted(self):
        return tcp_counter(self.server_pid, "PassiveOpens") - self.accepted

    def is_over(self):
        """Every address was connected to and no connection is left: no more than before, as the
        others may stand still amid a cycle, or all were once more."""
        return self.n_accepted() >= self.n and (tcp_counter("self", "CurrEstab") <= self.n_open or
                                                self.n_accepted() >= 2 * self.n)

    def wait_for_end(self, quiet_s):
        """Until it is over, and nothing more comes for so long: a run that this machine spoilt is
        made again, and then there are more connections than addresses. Returns when it was."""
        deadline = time.monotonic() + CYCLE_MAX_S
        over_at, n_accepted = 0, -1
        while n_accepted < 0 or time.monotonic() < over_at + quiet_s:
            if not self.is_over():
                n_accepted = -1
            elif n_accepted != self.n_accepted():
                over_at, n_accepted = time.monotonic(), self.n_accepted()
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise SystemExit(f"{self.name}: {self.n_accepted()} of {self.n} addresses")
            time.sleep(POLL_S)
        return over_at

    def ask_for_a_cycle(self):
        pass

    def cycle(self):
        pid = self.process.pid
        before, started = cpu_us(pid), time.monotonic()
        n_accepted = 0
        for i in range(self.n_cycles):
            is_last = i == self.n_cycles - 1
            self.count_from_here()
            self.ask_for_a_cycle()
            self.process.send_signal(signal.SIGCONT)
            over_at = self.wait_for_end(self.quiet_s if is_last else 0)
            time.sleep(SETTLE_S if is_last else 0)
            n_accepted += self.n_accepted()
        wall = over_at - started
        self.stand_still()
        return {"cpu_us": (cpu_us(pid) - before) / n_accepted, "wall_ms": wall * 1e3}


class CellDaemon(StandsStill, Daemon):
    """Rests between two cycles as long as its DNS budget wants. In less it would spread the
    questions over seconds, which it does not on its own schedule."""

    def __init__(self, cell, bin_dir, engine, server_pid, name=None, n_cycles=1):
        StandsStill.__init__(self, cell, server_pid, cell.n / cell.per_second())
        self.n_names = cell.n
        self.n_cycles = n_cycles
        self.quiet_s = ROUNDS_S if cell.is_paced() else 0
        name = name or engine
        Daemon.__init__(self, bin_dir, cell.conf(f"{name}.conf", "bundle.pem", engine),
                        cell.folder, name)
        self.wait_for_end(self.quiet_s)
        self.stand_still()

    def ask_for_a_cycle(self):
        self.process.send_signal(signal.SIGUSR1)

    def finish(self):
        """Were they good handshakes? Asked last: the answer takes memory."""
        self.process.send_signal(signal.SIGCONT)
        bad = [e for e in get_status(self.socket)["endpoints"]
               if e["verdict"] != "ok" or len(e["addresses"]) * self.n_names != self.n]
        if bad:
            raise SystemExit(f"{self.name}: {len(bad)} not ok, such as {bad[0]}")


def idle(bin_dir, folder, seconds, interval_s=30):
    """An ECS host's seven endpoints and settings. Returns figures of the time between cycles and
    in them. A wake-up is one out of a rest of a fifth of a second: what a cycle waits for is not
    counted again."""
    conf = os.path.join(folder, "idle.conf")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(f"{HOST_CONF}Interval={interval_s}s\nCaFile={folder}/bundle.pem\n")
    daemon = Daemon(bin_dir, conf, folder, "idle")
    try:
        time.sleep(interval_s + 5)  # the state is decided, and the first cycle on the grid is over
        pid = daemon.process.pid
        wakeups = 0
        cpu, switches = cpu_us(pid), voluntary(pid)
        first, last, moved = switches, switches, 0.0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.02)
            now = voluntary(pid)
            if now != last:
                wakeups += time.monotonic() - moved > 0.2
                last, moved = now, time.monotonic()
        peak, resident = daemon.memory()
        cpu = cpu_us(pid) - cpu
        states = {e["endpoint"]: e["verdict"] for e in get_status(daemon.socket)["endpoints"]}
    finally:
        daemon.stop()
    if len(states) != 7 or set(states.values()) != {"ok"}:
        raise SystemExit(f"idle: {states}")
    return {"seconds": seconds, "cycles": seconds / interval_s, "peak_kb": peak,
            "resident_kb": resident, "cpu_percent": cpu / seconds / 1e4,
            "wakeups_per_minute": wakeups * 60 / seconds,
            "wakeups_per_cycle": wakeups * interval_s / seconds,
            "context_switches_per_minute": (last - first) * 60 / seconds}


def voluntary(pid):
    return int(status_fields(pid)["voluntary_ctxt_switches"])


def start_cpu_ms(bin_dir, folder, rounds):
    """CPU until READY=1, with the seven endpoints and the full bundle."""
    conf = os.path.join(folder, "start.conf")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(f"{HOST_CONF}CaFile={folder}/bundle.pem\n")
    figures = []
    for _ in range(rounds):
        daemon = Daemon(bin_dir, conf, folder, "start")
        daemon.stop()
        figures.append(daemon.start_cpu_us / 1e3)
    return figures


def versions(bin_dir):
    def first_line(*command):
        text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return re.sub(r"^[a-zA-Z-]+ | *\(Library.*", "", text.splitlines()[0]) if text else "?"
    return {"vpce-probe": first_line(os.path.join(bin_dir, "vpce-probed"), "--version"),
            "OpenSSL": first_line("openssl", "version"),
            "c-ares": first_line("pkg-config", "--modversion", "libcares"),
            "kernel": os.uname().release, "cpus": os.cpu_count()}
