"""Who else probes, where it is installed: curl, haproxy's health checks, blackbox_exporter. Each is
set to do what we do: a full handshake with chain and name verified, one connection an address."""

import concurrent.futures
import os
import re
import shutil
import subprocess
import time
import urllib.request

from subjects import Program, StandsStill, Subject, cpu_us, start

ASK_AT_ONCE = 32
EXPORTER = "127.0.0.1:9115"
EXPORTER_CONF = """modules:
  tls:
    prober: tcp
    timeout: 30s
    tcp:
      preferred_ip_protocol: ip4
      tls: true
      tls_config: {ca_file: %s}
"""
HAPROXY_CONF = """global
  nbthread 1
defaults
  mode tcp
  timeout connect 30s
  timeout check 30s
  timeout client 30s
  timeout server 30s
frontend nobody
  bind unix@%s
  default_backend peers
backend peers
  default-server check check-ssl verify required ca-file %s no-ssl-reuse inter %dms fastinter 100ms
"""


def curl(cell):
    """Asks for a head, too, and takes one address of each name."""
    urls = cell.write("curl.conf", "".join(
        f'url = "https://{name}:{cell.port}/"\noutput = /dev/null\n' for name in cell.names))
    return Program("curl", ["curl", "--silent", "--parallel", "--parallel-max", str(ASK_AT_ONCE),
                            "--head", "--cacert", cell.path("roots.pem"), "--config", urls],
                   cell.n_addresses)


class Haproxy(StandsStill):
    """It is told addresses, and asks no name server. Checks that were due while it stood still are
    made at once, others in their time: its wall time is that of its interval."""
    name = "haproxy"

    def __init__(self, cell, server_pid):
        interval_s = max(1, cell.n_addresses * 0.002)
        self.log = cell.path("haproxy.log")
        super().__init__(cell, server_pid, interval_s)
        conf = cell.write("haproxy.conf", HAPROXY_CONF % (
            cell.path("haproxy.sock"), cell.path("roots.pem"), interval_s * 1e3) + "".join(
                f"  server s{i} {address}:{cell.port} check-sni {name} verifyhost {name}\n"
                for i, (address, name) in enumerate(cell.places())))
        with open(self.log, "wb") as log:
            self.process = start(["haproxy", "-db", "-f", conf], stdout=subprocess.DEVNULL,
                                 stderr=log)
        self.wait_for_end(self.quiet_s)
        time.sleep(interval_s + 1)  # the first checks are spread over it; three bad ones are told
        self.expect_all_up()
        self.stand_still()

    def expect_all_up(self):
        """It tells when a server goes down, and when it comes up again. Later some do: checks are
        under way when it is stopped, and their time is over when it goes on."""
        with open(self.log, encoding="utf-8", errors="replace") as f:
            states = dict(re.findall(r"Server peers/(s\d+) is (UP|DOWN)", f.read()))
        n_down = list(states.values()).count("DOWN")
        if n_down > 0:
            raise SystemExit(f"haproxy: {n_down} of {self.n} are down")

    def stop(self):
        self.process.kill()
        self.process.wait()


class BlackboxExporter(Subject):
    """Is asked for every name; takes one address of each."""
    name = "blackbox"

    def __init__(self, cell):
        self.targets = [f"{name}:{cell.port}" for name in cell.names]
        conf = cell.write("blackbox.yml", EXPORTER_CONF % cell.path("roots.pem"))
        self.process = start(
            ["prometheus-blackbox-exporter", f"--config.file={conf}",
             f"--web.listen-address={EXPORTER}", "--log.level=error"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "GOMAXPROCS": "1"})
        for _ in range(100):
            time.sleep(0.05)
            try:
                self.ask(self.targets[0])
                return
            except OSError:
                continue
        raise SystemExit("blackbox: it does not answer")

    @staticmethod
    def ask(target):
        url = f"http://{EXPORTER}/probe?module=tls&target={target}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            return b"\nprobe_success 1\n" in answer.read()

    def cycle(self):
        before, started = cpu_us(self.process.pid), time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(ASK_AT_ONCE) as pool:
            good = list(pool.map(self.ask, self.targets))
        wall = time.monotonic() - started
        if not all(good):
            raise SystemExit(f"blackbox: {good.count(False)} of {len(good)} failed")
        return {"cpu_us": (cpu_us(self.process.pid) - before) / len(good), "wall_ms": wall * 1e3}


def all_of(cell, server_pid):
    """Those that are installed, one after the other."""
    if shutil.which("haproxy"):
        yield Haproxy(cell, server_pid)
    if cell.addresses == 1 and shutil.which("prometheus-blackbox-exporter"):
        yield BlackboxExporter(cell)
    if cell.addresses == 1 and shutil.which("curl"):
        yield curl(cell)
