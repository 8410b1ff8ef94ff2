"""The bed of tests/bench/run: a namespace for who probes and one for who is probed, with two ways
between them: at once, and by tests/tools/delay.c with round trips of RTT_MS."""

import os
import shutil
import subprocess

from servers import HOST_NAMES, Files, hosts, run, wait_for_servers

HERE = os.path.dirname(os.path.abspath(__file__))
DELAY = os.path.join(HERE, "..", "tools", "delay.c")
RTT_MS = 5
MTU = "8500"  # of an interface endpoint; the delayed link costs the servers' CPU for each packet
NAMES_MAX = 10000
SERVER_CPU = str(os.cpu_count() - 1)
# in the third number of an address: n0 to n9999, m0 to m9999 (three addresses), the host's names
FIRST_N, FIRST_M, HOST_THIRD = 0, 60, 120


class Bed(Files):
    def __init__(self):
        super().__init__()
        self.client = f"vpce-bench-{os.getpid()}c"
        self.server = f"vpce-bench-{os.getpid()}s"
        self.etc = f"/etc/netns/{self.client}"
        self.processes = []
        self.namespaces = []

    def names(self, n_names=NAMES_MAX, n_addresses=3):
        lines = hosts("n", n_names, 1, FIRST_N) + hosts("m", n_names, n_addresses, FIRST_M)
        lines += "".join(f"10.{k}.{HOST_THIRD}.{i + 1} {name}\n"
                         for k in (1, 2, 3) for i, name in enumerate(HOST_NAMES))
        self.write("hosts", lines)
        self.write("resolv.conf", "nameserver 10.1.255.53\n")

    def spawn(self, *command, **options):
        process = subprocess.Popen(  # pylint: disable=consider-using-with
            command, stderr=subprocess.DEVNULL, **options)
        self.processes.append(process)
        return process

    def serve(self, *command):
        return self.spawn("ip", "netns", "exec", self.server, "taskset", "-c", SERVER_CPU,
                          *command, stdout=subprocess.DEVNULL)

    def link(self):
        for name in (self.client, self.server):
            run("ip", "netns", "add", name)
            self.namespaces.append(name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", self.client, "link", "add", "direct", "type", "veth",
            "peer", "name", "direct", "netns", self.server)
        run("cc", "-O2", "-o", self.path("delay"), DELAY)
        # before the servers: a real network does not wait until a server has signed all it has to
        delay = self.spawn("chrt", "--fifo", "1", "taskset", "-c", SERVER_CPU, self.path("delay"),
                           self.client, self.server, str(RTT_MS / 2), stdout=subprocess.PIPE)
        if delay.stdout.readline() != b"ready\n":
            raise SystemExit("bench: no delayed link")
        for number, name in enumerate((self.client, self.server), 1):
            for third, device in enumerate(("direct", "tdelay")):
                run("ip", "-n", name, "addr", "add", f"10.0.{third}.{number}/30", "dev", device)
                run("ip", "-n", name, "link", "set", device, "mtu", MTU, "up")
        for k in (1, 2, 3):
            run("ip", "-n", self.server, "route", "add", "local", f"10.{k}.0.0/16", "dev", "lo")
            run("ip", "-n", self.client, "route", "add", f"10.{k}.0.0/16", "via", "10.0.0.2")

    def start(self):
        self.certificates()
        with open("/etc/ssl/certs/ca-certificates.crt", encoding="utf-8") as f:
            self.write("bundle.pem", f.read() + self.read("roots.pem"))
        self.names()
        self.nginx_conf()
        os.makedirs(self.etc)
        shutil.copy(self.path("resolv.conf"), self.etc)
        self.link()
        nginx = self.serve(*self.nginx())
        self.serve(*self.dnsmasq())
        wait_for_servers(self.server)
        self.write("server.pid", str(nginx.pid))

    def inside(self, *command):
        """Runs what measures, in the client's namespace, and returns its exit status."""
        process = subprocess.Popen(  # pylint: disable=consider-using-with
            ["ip", "netns", "exec", self.client, *command])
        self.processes.append(process)
        return process.wait()

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
            process.wait()
        for name in self.namespaces:
            run("ip", "netns", "del", name)
        shutil.rmtree(self.etc, ignore_errors=True)
        self.remove()


def set_rtt(rtt_ms):
    """From inside the client's namespace."""
    gateway = "10.0.1.2" if rtt_ms else "10.0.0.2"
    for k in (1, 2, 3):
        run("ip", "route", "replace", f"10.{k}.0.0/16", "via", gateway)
