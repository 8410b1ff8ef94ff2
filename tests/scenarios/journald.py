#!/usr/bin/python3
"""The daemon beside a journal in trouble, under a real systemd: journald restarted, hung, stopped,
and without space.

    tests/scenarios/journald.py --bin BUILD_DIR

Needs root, overlayfs and the packages of tests/setup; exits 77 without. It runs itself again inside
tests/sdbox (--inside); that part changes files of the box only.
"""

import argparse
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import unit  # noqa: E402
from unit import SERVICE, expect, sh, show, systemctl  # noqa: E402

JOURNALD = "systemd-journald.service"
JOURNALD_SOCKETS = ["systemd-journald.socket", "systemd-journald-dev-log.socket"]
RELOADED = "d8e0d7c196174543ac964e0806c77b92"
LOST = "c1a0be2f8ff84dbb8de5a34f4bbd9c62"
QUEUE = "/proc/sys/net/unix/max_dgram_qlen"  # 512 on a host that systemd has booted
QUEUE_LENGTH = 10
MORE_THAN_FITS = 40


def reloaded():
    return len(unit.journal("MESSAGE_ID=" + RELOADED))


def tell(times=1):
    """So many records. Returns whether it answered after each of them."""
    answers = []
    for _ in range(times):
        os.kill(unit.main_pid(), signal.SIGHUP)
        answers.append(unit.alive())
    return all(answers)


def next_record_arrives(what):
    before = reloaded()
    tell()
    expect(f"{what}: the next record arrives", unit.wait_until(lambda: reloaded() > before), True)


def lost():
    """What the daemon says it could not tell."""
    return [int(r["VPCE_LOST"]) for r in unit.journal("MESSAGE_ID=" + LOST)]


# --- inside, in this order

def restart_journald():
    systemctl("reset-failed", JOURNALD)  # or its start limit is hit
    return systemctl("restart", JOURNALD)


def journald_and_its_sockets(verb):
    """Whoever logs meanwhile, systemd itself for one, may get in between."""
    return unit.wait_until(lambda: systemctl(verb, *JOURNALD_SOCKETS, JOURNALD) == 0)


def short_queue():
    """What takes a busy host hundreds of records shall not take us as many."""
    unit.write(QUEUE, str(QUEUE_LENGTH))
    expect("a short queue",
           (journald_and_its_sockets("stop"), journald_and_its_sockets("start")), (True, True))


def restarted():
    systemctl("start", SERVICE)
    unit.wait_until(lambda: unit.status()["state"] == "unhealthy")
    next_record_arrives("before all that")
    expect("restart of journald", restart_journald(), 0)
    expect("the daemon goes on", (unit.alive(), show("NRestarts")), (True, "0"))
    next_record_arrives("journald restarted")
    expect("nothing was lost", lost(), [])


def hung():
    """One that reads no more: its queue fills up."""
    pid = unit.main_pid()
    before = reloaded()
    journald = int(show("MainPID", JOURNALD))
    os.kill(journald, signal.SIGSTOP)
    try:
        expect("journald hangs: the daemon answers all the time", tell(MORE_THAN_FITS), True)
        expect("and sees what it saw", unit.status()["state"], "unhealthy")
    finally:
        os.kill(journald, signal.SIGCONT)
    next_record_arrives("journald goes on")
    expect("the same daemon", (unit.main_pid(), show("NRestarts")), (pid, "0"))
    expect("it says how many were lost", len(lost()), 1)
    tell()
    # or more: an endpoint may have changed meanwhile
    expect("none is missing", unit.wait_until(
        lambda: reloaded() + sum(lost()) >= before + MORE_THAN_FITS + 2), True)
    expect("and says it once", len(lost()), 1)


def stopped():
    """None at all, not even its socket."""
    pid, before = unit.main_pid(), sum(lost())
    journald_and_its_sockets("stop")
    expect("journald is stopped: the daemon answers all the time", tell(MORE_THAN_FITS), True)
    journald_and_its_sockets("start")
    next_record_arrives("journald is back")
    expect("the same daemon", (unit.main_pid(), show("NRestarts")), (pid, "0"))
    expect("it says how many were lost", sum(lost()) - before >= MORE_THAN_FITS, True)


def full():
    """No space for the journal: its files are on a file system of 64 kB."""
    folder = "/run/log/journal"
    expect("no space", sh(f"mkdir -p {folder} && mount -t tmpfs -o size=64k full {folder}")[0], 0)
    restart_journald()
    before = unit.status()["state"], unit.main_pid()
    expect("no space: the daemon answers all the time", tell(MORE_THAN_FITS), True)
    expect("and sees what it saw", (unit.status()["state"], unit.main_pid()), before)
    expect("space again", sh(f"umount {folder}")[0], 0)
    expect("restart of journald", restart_journald(), 0)
    next_record_arrives("space again")


def takes_a_record():
    """Whether journald still writes down what it is told."""
    mark = f"mark {time.monotonic_ns()}"
    sh(["logger", mark])
    sh(["journalctl", "--sync"])
    return mark in sh(["journalctl", "-q", "-b", "-n", "20", "-o", "cat"])[1]


def fills_up():
    """The disk becomes full while journald has a file open on it: that file is used up, and no
    other can be begun. Nobody restarts anything."""
    folder = "/run/log/journal"
    sh(f"mount -t tmpfs -o size=20m fills-up {folder}", check=True)
    restart_journald()
    next_record_arrives("a small disk")
    sh(f"dd if=/dev/zero of={folder}/others bs=64k")
    for _ in range(64):
        if not takes_a_record():
            break
        sh("head -c 400000 /dev/urandom | base64 -w 1000 | logger")
    expect("it is full", takes_a_record(), False)
    before = unit.status()["state"], unit.main_pid()
    expect("full: the daemon answers all the time", tell(MORE_THAN_FITS), True)
    expect("and sees what it saw", (unit.status()["state"], unit.main_pid()), before)
    os.unlink(f"{folder}/others")
    known = reloaded()
    started = time.monotonic()
    expect("space again: it is told again", unit.wait_until(
        lambda: tell() and reloaded() > known, 90), True)
    print(f"     after {time.monotonic() - started:.0f} s")
    sh(f"umount {folder}")
    restart_journald()


INSIDE = [short_queue, restarted, hung, stopped, full, fills_up]


def inside():
    for part in INSIDE:
        part()
    status = expect.exit_status()
    if status != 0:
        print(sh(["journalctl", "-q", "-u", "vpce-probe.*", "-n", "60"])[1])
    return status


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin")
    parser.add_argument("--inside", action="store_true")
    args = parser.parse_args()
    return inside() if args.inside else unit.outside(9, args.bin, "journald.py")


if __name__ == "__main__":
    sys.exit(main())
