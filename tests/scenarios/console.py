#!/usr/bin/python3
"""vpce-probe-console.service under a real systemd, with a terminal of the test's own as console.

    tests/scenarios/console.py --bin BUILD_DIR

Needs root, overlayfs and the packages of tests/setup; exits 77 without. It runs itself again inside
tests/sdbox (--inside); that part changes files of the box only.
"""

import argparse
import os
import re
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import unit  # noqa: E402
from unit import SERVICE, expect, sh, show, systemctl  # noqa: E402

CONSOLE = "vpce-probe-console.service"
LINES_MAX = 6  # in ten minutes
CHANGES = 12
STARTS_MAX = 20  # StartLimitBurst=


class Console(threading.Thread):
    """What appears on /dev/console."""

    def __init__(self):
        super().__init__(daemon=True)
        self.master, self.slave = os.openpty()
        os.symlink(os.ttyname(self.slave), "/dev/console")
        self.text = b""
        self.start()

    def run(self):
        while True:
            self.text += os.read(self.master, 4096)

    def lines(self):
        return self.text.decode().splitlines()

    def verdicts(self):
        """Without what is in front: our name and the time."""
        return [line.split(" ", 2)[2] for line in self.lines()]


def require(yes):
    """Whether the endpoint that is blocked is required. Returns when the daemon has it so."""
    unit.write("/etc/vpce-probe/conf.d/change.conf",
               f"[Endpoint ecr.api]\nRequired={'yes' if yes else 'no'}\n")
    systemctl("reload", SERVICE)
    wanted = "unhealthy" if yes else "healthy"
    return unit.wait_until(lambda: unit.status()["state"] == wanted)


# --- inside, in this order

def is_not_enabled():
    expect("it is not enabled", sh(["systemctl", "is-enabled", CONSOLE])[1], "disabled")
    systemctl("start", SERVICE)
    expect("and does not start by itself", show("ActiveState", CONSOLE), "inactive")


def tells_changes(console):
    expect("a healthy host", require(False), True)
    expect("enable --now", systemctl("enable", "--now", CONSOLE), 0)
    expect("it tells how it is", unit.wait_until(lambda: len(console.lines()) == 1), True)
    expect("in one line, with our name and the time",
           bool(re.fullmatch("vpce-probe: [0-9-]+T[0-9:]+ healthy: all 5 required endpoints are "
                             "reachable", console.lines()[0])), True)
    expect("a change", require(True), True)
    expect("is one line", unit.wait_until(lambda: len(console.lines()) == 2), True)
    expect("with the endpoint and its verdict", console.verdicts()[-1],
           "unhealthy: 1 of 6 required endpoints failed: ecr.api (blocked)")


def holds_back(console):
    """An endpoint that flaps. Each change lasts until it would have been told."""
    for i in range(CHANGES):
        require(i % 2 == 1)
        threading.Event().wait(1.5)
    expect(f"of {CHANGES} changes more, lines on the console", len(console.lines()), LINES_MAX)
    expect("it has no rights", os.stat(f"/proc/{pid()}").st_uid >= 61184, True)
    expect("nothing of it is in the way of the daemon", (unit.alive(), show("NRestarts")),
           (True, "0"))


def pid():
    return int(show("MainPID", CONSOLE))


def hangs():
    """A console that nobody reads, as one with flow control: the daemon does not mind."""
    sh(["kill", "-STOP", str(pid())], check=True)
    expect("the follower hangs: the daemon tells the journal",
           (require(True), require(False), unit.alive()), (True, True, True))
    sh(["kill", "-CONT", str(pid())], check=True)


def goes_with_the_daemon():
    systemctl("stop", SERVICE)
    expect("stopped with the daemon", show("ActiveState", CONSOLE), "inactive")
    threading.Event().wait(2)
    expect("which nobody starts again", show("ActiveState", SERVICE), "inactive")
    systemctl("start", SERVICE)
    expect("started with the daemon",
           unit.wait_until(lambda: show("ActiveState", CONSOLE) == "active"), True)
    for _ in range(STARTS_MAX + 1):
        systemctl("restart", SERVICE)
    expect("a daemon that starts anew and anew does not need it",
           (show("ActiveState"), unit.alive()), ("active", True))
    expect("and does not fill the console", show("Result", CONSOLE), "start-limit-hit")


def inside():
    console = Console()
    is_not_enabled()
    tells_changes(console)
    holds_back(console)
    hangs()
    goes_with_the_daemon()
    status = expect.exit_status()
    if status != 0:
        print("console:", *console.lines(), sep="\n")
        print(sh(["journalctl", "-q", "-u", "vpce-probe*", "-n", "60"])[1])
    return status


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin")
    parser.add_argument("--inside", action="store_true")
    args = parser.parse_args()
    return inside() if args.inside else unit.outside(10, args.bin, "console.py")


if __name__ == "__main__":
    sys.exit(main())
