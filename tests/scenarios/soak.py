#!/usr/bin/python3
"""Endurance: the real daemon probes as often as it can be told to, faults come and go, and somebody
looks all the time. At its end it holds as much as in the middle, and every fault that lasted was
told once, and its end once.

    tests/scenarios/soak.py --bin BUILD_DIR [--seconds 900] [--seed N] [--under "PROGRAM OPTION.."]

--under starts the daemon by another program, for which everything takes longer (tests/valgrind).
Needs root and the packages of tests/setup; exits 77 without.
"""

import argparse
import json
import os
import random
import re
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import world as scenarios  # noqa: E402
from live import Stream  # noqa: E402
from world import (ALL, INTERFACES, STOPPING, Expectations, StatusConnection,  # noqa: E402
                   Stopped, World, cannot_run, stop_on_signals)

SHORT_S = 60
FALL, RISE = 3, 2
TIMEOUTS = """Interval=100ms
FastInterval=100ms
DnsTimeout=1s
ConnectTimeout=1s
TlsTimeout=1s
"""

# Under a program that makes it fifty times slower.
SLOW_TIMEOUTS = """Interval=1s
FastInterval=200ms
DnsTimeout=4s
ConnectTimeout=4s
TlsTimeout=4s
Parallel=2
"""
SLOW = 5  # times as patient

# What may be more at the end: a probe opens and closes descriptors all the time, and the
# allocator keeps what it likes. A leak of one record in each run would be far beyond this.
MORE_DESCRIPTORS = 16
MORE_KIB = 2048

KINDS = ["sg", "rst", "unreach", "hang", "alert", "close", "plain", "cert-wrong", "cert-self"]
FLICKERS = "logs"  # for faults that come and go too fast for anybody to say what must be told

expect = Expectations()


def get(world, path):
    connection = StatusConnection(world.socket)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


class Looking(threading.Thread):
    """Asks for the status and the metrics, one after the other, until it is told to end."""

    def __init__(self, world):
        super().__init__()
        self.world, self.ended = world, threading.Event()
        self.answers, self.wrong = 0, []

    def run(self):
        while not self.ended.wait(0.05):
            try:
                json.loads(get(self.world, "/v1/status"))
                if "vpce_probe_host_state" not in get(self.world, "/metrics"):
                    self.wrong.append("metrics without a state")
                self.answers += 2
            except Exception as problem:  # whatever it is, it is told
                self.wrong.append(repr(problem))

    def end(self):
        self.ended.set()
        self.join()


class Listening(threading.Thread):
    """Keeps the changes of endpoints' states that the event stream tells."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.stream = Stream(world)
        self.changes = {key: [] for key in ALL}
        self.wrong = None

    def run(self):
        try:
            while (got := self.stream.next()) is not None:
                event, data = got
                if event == "verdict":
                    self.on_verdict(data)
            self.wrong = "the stream has ended"
        except Exception as problem:  # whatever it is, it is told
            self.wrong = repr(problem)

    def on_verdict(self, data):
        if data["state"] != data["old_state"]:
            self.changes[data["endpoint"]].append((data["old_state"], data["state"]))


def counted(text, name, key):
    """The sum of a metric of this endpoint, whatever its other labels."""
    lines = re.findall(rf'(?m)^{name}{{endpoint="{re.escape(key)}"(.*)}} (\d+)$', text)
    return sum(int(n) for labels, n in lines if "no-resources" not in labels)


def failures(text, key):
    return counted(text, "vpce_probe_run_failures_total", key)


def successes(world, key):
    """Runs that said something, and nothing bad. A run without resources is in neither number."""
    text = get(world, "/metrics")
    spoiled = sum(int(n) for n in re.findall(
        rf'(?m)^vpce_probe_\w+_total{{endpoint="{re.escape(key)}",verdict="no-resources"}} (\d+)$',
        text))
    return counted(text, "vpce_probe_runs_total", key) - failures(text, key) - spoiled


def until_more(count, keys, more):
    """Until each of these has so many more of them."""
    before = {key: count(key) for key in keys}
    deadline = time.monotonic() + scenarios.WAIT_S
    while late := [key for key in keys if count(key) < before[key] + more]:
        if STOPPING.is_set():
            raise Stopped
        if time.monotonic() > deadline:
            raise RuntimeError(f"not probed often enough: {late}")
        time.sleep(0.1)


def without_halves(changes):
    """A fault comes and goes address by address, and on a busy machine runs enough for a change may
    meet the half of it: degraded on the way to failed, or back."""
    told = []
    for old, new in changes:
        if told and told[-1][1] == old == "degraded" and {told[-1][0], new} == {"failed", "ok"}:
            told[-1] = (told[-1][0], new)
        else:
            told.append((old, new))
    return told


def until_told(listening, wanted):
    """Whether the stream tells exactly this, now or soon: it goes another way than the metrics."""
    for _ in range(50):
        if all(without_halves(listening.changes[key]) == wanted[key]
               for key in ALL if key != FLICKERS):
            return
        time.sleep(0.1)


def one_fault(world, dice, listening, wanted):
    """A fault that lasts for Fall + 1 runs after those that it met half way, and its end."""
    if dice.randrange(6) == 0:
        words, keys, state = f"eni {dice.randint(1, 3)}", INTERFACES, "degraded"
    else:
        keys = dice.sample([key for key in ALL if key != FLICKERS], dice.randint(1, 2))
        words, state = f"{dice.choice(KINDS)} {' '.join(keys)}", "failed"
        if "s3" in keys and words.startswith(("sg ", "unreach ")):
            keys = ["ecs"]  # S3's gateway has a verdict of its own there
            words = words.split()[0] + " ecs"
    print(f"     break {words}", flush=True)
    world.vpc("break " + words)
    until_more(lambda key: failures(get(world, "/metrics"), key), keys, 1 + FALL + 1)
    for key in keys:
        wanted[key].append(("ok", state))
    until_told(listening, wanted)
    world.vpc("heal all")
    until_more(lambda key: successes(world, key), keys, 1 + RISE + 1)
    for key in keys:
        wanted[key].append((state, "ok"))
    until_told(listening, wanted)


def flicker(world, dice):
    world.vpc(f"break rst {FLICKERS}")
    time.sleep(dice.uniform(0, 0.5))
    world.vpc("heal all")


def held(world):
    """Descriptors, threads and KiB: the most of two seconds, as probes come and go."""
    most = [0, 0, 0]
    for _ in range(40):
        with open(f"/proc/{world.daemon.pid}/status", encoding="ascii") as f:
            text = f.read()
        now = [len(os.listdir(f"/proc/{world.daemon.pid}/fd")),
               *(int(re.search(name + r":\s+(\d+)", text)[1]) for name in ("Threads", "VmRSS"))]
        most = [max(pair) for pair in zip(most, now)]
        time.sleep(0.05)
    return most


def has_memory_of_others(world):
    """A sanitizer, or valgrind, keeps what was freed."""
    with open(f"/proc/{world.daemon.pid}/maps", encoding="utf-8") as f:
        return re.search("asan|vgpreload", f.read()) is not None


def state_changes(world):
    text = get(world, "/metrics")
    return {key: counted(text, "vpce_probe_state_changes_total", key) for key in ALL}


def chained(changes):
    """Each begins where the one before ended; all is well at first and at last."""
    ends = ["ok", *(new for _, new in changes)]
    return [old for old, _ in changes] == ends[:-1] and ends[-1] == "ok"


def soak(world, dice, seconds):
    expect("healthy to begin with", world.wait_until_healthy(), None)
    counts = state_changes(world)
    looking, listening = Looking(world), Listening(world)
    looking.start()
    listening.start()
    wanted = {key: [] for key in ALL}
    middle, faults, started = None, 0, time.monotonic()
    try:
        while (elapsed := time.monotonic() - started) < seconds or middle is None:
            one_fault(world, dice, listening, wanted)
            flicker(world, dice)
            faults += 1
            if middle is None and elapsed > seconds / 3:
                expect("healthy in the middle", world.wait_until_healthy(), None)
                middle = held(world)
        expect("healthy at the end", world.wait_until_healthy(), None)
        end = held(world)
    finally:
        looking.end()
    compare(world, listening, wanted, counts)
    expect("everybody was answered", looking.wrong[:3], [])
    expect("the stream is still open", listening.wrong, None)
    print(f"     {faults} faults, {looking.answers} answers; descriptors, threads, KiB: "
          f"{middle} in the middle, {end} at the end")
    expect("descriptors as before", end[0] <= middle[0] + MORE_DESCRIPTORS, True)
    expect("threads as before", end[1], middle[1])
    if not has_memory_of_others(world):
        expect("memory as before", end[2] <= middle[2] + MORE_KIB, True)


def compare(world, listening, wanted, counts):
    for key in ALL:
        told = without_halves(listening.changes[key])
        if key == FLICKERS:  # of one that was too short, either both ends were told or none
            expect(f"{key}: {len(told)} changes, in a chain", chained(told), True)
        else:
            expect(f"{key}: {len(wanted[key])} changes, each told once", told, wanted[key])
    now = state_changes(world)
    expect("the metrics count as many", {key: now[key] - counts[key] for key in ALL},
           {key: len(listening.changes[key]) for key in ALL})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seconds", type=float, default=SHORT_S)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--under", default="")
    args = parser.parse_args()
    why = cannot_run()
    if why:
        print("skipped:", why)
        return 77
    stop_on_signals()
    seed = random.randrange(1 << 32) if args.seed is None else args.seed
    print(f"seed {seed}", flush=True)
    if args.under:
        scenarios.WAIT_S *= SLOW
    world = World("soak", os.path.abspath(args.bin), SLOW_TIMEOUTS if args.under else TIMEOUTS)
    world.started_by = args.under.split()
    return expect.of(world, lambda: soak(world, random.Random(seed), args.seconds))


if __name__ == "__main__":
    sys.exit(main())
