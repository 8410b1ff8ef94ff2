#!/usr/bin/python3
"""The wall clock is set while the daemon runs, by days to and fro, and the host sleeps. Schedule and
durations are those of the steady clock, times are told by the clock as it is now, and a certificate
is out of its days only when it really is. Nothing is an outage that is none.

    tests/scenarios/clock.py --bin BUILD_DIR [PART..]

The daemon alone has that clock: tests/tools/wall_clock.c. Needs root and the packages of
tests/setup; exits 77 without.
"""

import argparse
import datetime
import os
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from scenario import cause_says, every, has_looked  # noqa: E402
from soak import Listening  # noqa: E402
from world import (ALL, REQUIRED, STATE, STOPPING, TIMEOUTS, WAIT_S, Expectations,  # noqa: E402
                   Stopped, World, cannot_run, endpoint, stop_on_signals)

DAY_S = 86400
NEAR_S = 3600  # what is not a day apart, however slow this machine is
STOPPED_S = 3
NIGHT_S = 8 * 3600
LIBRARY = "libwall_clock.so"

expect = Expectations()


class Clock:
    """The wall clock of every program that is started with `words` before its own."""

    def __init__(self, folder, bin_dir):
        self.path = os.path.join(folder, "wall-clock")
        self.library = os.path.join(os.path.abspath(bin_dir), LIBRARY)
        self.set(0, 0)
        asan = os.environ.get("ASAN_OPTIONS", "")
        # the library has no functions that the sanitizer has, so their order does not matter
        self.words = ["env", f"LD_PRELOAD={self.library}", f"WALL_CLOCK_FILE={self.path}",
                      f"ASAN_OPTIONS={asan}:verify_asan_link_order=0"]

    def set(self, ahead_s, slept_s=None):
        """So far ahead of everybody else's; so long asleep since the host booted."""
        self.ahead_s = ahead_s
        self.slept_s = self.slept_s if slept_s is None else slept_s
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.pwrite(fd, struct.pack("=qq", int(self.ahead_s * 1e9), int(self.slept_s * 1e9)), 0)
        finally:
            os.close(fd)

    def step(self, by_s):
        self.set(self.ahead_s + by_s)

    def sleep(self, for_s):
        self.set(self.ahead_s + for_s, self.slept_s + for_s)


def why_not(bin_dir):
    """Why no process can have such a clock here, or None."""
    if not os.path.exists(os.path.join(bin_dir, LIBRARY)):
        return f"no {LIBRARY} in {bin_dir}"
    return None


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def near(got_s, wanted_s):
    return abs(got_s - wanted_s) < NEAR_S


def certificate_ends(name, option):
    """-startdate, -enddate: seconds since 1970. Of the first certificate in the file."""
    shown = subprocess.run(["openssl", "x509", "-noout", option, "-in",
                            os.path.join(STATE, "pki", name)], check=True, capture_output=True,
                           text=True).stdout.strip().partition("=")[2]
    parsed = datetime.datetime.strptime(shown, "%b %d %H:%M:%S %Y GMT")
    return parsed.replace(tzinfo=datetime.timezone.utc).timestamp()


def looked_since(world, before, host="healthy", expected=()):
    """Waits for two complete runs more of everybody. Returns what is wrong."""
    return world.wait_for(dict(expected), host, lambda status: has_looked(before, status))


def times_are_right(what, before, after, moved_s, begun_s=None):
    """All times are as the clock is now, those of what was before it was set, too; what began
    before a sleep did so then."""
    begun_s = moved_s if begun_s is None else begun_s
    now = seconds(after["generated_at"])
    expect(f"{what}: the time is the clock's",
           near(now - seconds(before["generated_at"]), moved_s), True)
    expect(f"{what}: the host's state began when it did",
           near(seconds(after["since"]) - seconds(before["since"]), begun_s), True)
    for old, new in zip(before["endpoints"], after["endpoints"]):
        got = (near(seconds(new["since"]) - seconds(old["since"]), begun_s),
               near(seconds(new["last_run"]["at"]), now), near(seconds(new["next_run_at"]), now))
        if got != (True, True, True):
            expect(f"{what}: {new['endpoint']}: since, last run, next run", got, (True,) * 3)


# ---- what is no outage --------------------------------------------------------------------------

def part_stepped(world):
    """A day ahead, two back, a day ahead."""
    for days in (1, -2, 1):
        before = world.status()
        world.clock.step(days * DAY_S)
        expect(f"{days:+} d: well", looked_since(world, before), None)
        times_are_right(f"{days:+} d", before, world.status(), days * DAY_S)


def part_slept(world):
    """Stopped, and when it goes on it is the next day: some runs are half way."""
    world.vpc("break delay 100")
    for moment in (1.3, 0.6):
        time.sleep(moment)
        before = world.status()
        os.kill(world.daemon.pid, signal.SIGSTOP)
        try:
            time.sleep(STOPPED_S)
            world.clock.sleep(NIGHT_S)
        finally:
            os.kill(world.daemon.pid, signal.SIGCONT)
        expect("slept: well", looked_since(world, before), None)
        times_are_right("slept", before, world.status(), NIGHT_S, begun_s=0)
    world.vpc("heal delay")


# ---- what is one, and ends ----------------------------------------------------------------------

def last_change(listening, key):
    return listening.verdicts[key][-1] if listening.verdicts[key] else {}


def told(listening, key, state):
    """The newest change of this endpoint, as soon as it is one to this state."""
    deadline = time.monotonic() + WAIT_S
    while last_change(listening, key).get("state") != state and time.monotonic() < deadline:
        time.sleep(0.05)
    return last_change(listening, key)


def outage_across(world):
    """An outage lasts as long as it lasts, whatever the clock says; so does waiting for its end."""
    for days in (1, -1):
        world.vpc("break rst ecs")
        expect("an outage", world.wait_for({"ecs": "refused"}, "unhealthy"), None)
        before = world.status()
        with subprocess.Popen(
                [*world.clock.words, os.path.join(world.bin, "vpce-probe"), "wait",
                 "--socket", world.socket, "-q", "--timeout", "20min"],
                stdout=subprocess.DEVNULL) as waiting:
            world.clock.step(days * DAY_S)
            expect(f"across {days:+} d: it goes on",
                   looked_since(world, before, "unhealthy", {"ecs": "refused"}), None)
            times_are_right(f"across {days:+} d", before, world.status(), days * DAY_S)
            expect(f"across {days:+} d: wait goes on", waiting.poll(), None)
            world.vpc("heal rst")
            change = told(world.listening, "ecs", "ok")
            expect(f"across {days:+} d: it has lasted for seconds",
                   0 < change.get("lasted_ms", -1) < NEAR_S * 1000, True)
            expect(f"across {days:+} d: wait has seen its end", waiting.wait(WAIT_S), 0)


def outage_certificates(world):
    """Past the last day of them all, and before the first."""
    for engine in ("default", "lean"):
        world.configure(f"TlsEngine={engine}\n")
        before = world.clock.ahead_s
        for day, verdict, words in (
                (certificate_ends("good.crt", "-enddate") + 3 * DAY_S, "tls-expired",
                 "all expired"),
                (certificate_ends("ca.crt", "-startdate") - 3 * DAY_S, "tls-not-yet-valid",
                 "not valid yet")):
            world.clock.set(day - time.time())
            wrong = world.wait_for(every(ALL, verdict), "unhealthy", cause_says("clock-skew", words),
                                   [("clock-skew", REQUIRED)])
            expect(f"{engine}: {verdict}", wrong, None)
            world.clock.set(before)
            expect(f"{engine}: the clock is right again", world.wait_for({}, "healthy"), None)


def outage_http(world):
    """AWS's own Date tells that the clock is a day off, and all the same nothing has failed."""
    before = world.clock.ahead_s
    world.configure("Http=yes\n")
    world.clock.set(DAY_S)
    wrong = world.wait_for({}, "healthy", cause_says("clock-skew", "ahead"),
                           [("clock-skew", REQUIRED)])
    expect("HTTP: the clock is ahead", wrong, None)
    world.clock.set(before)


PARTS = [part_stepped, outage_across, outage_certificates, outage_http,
         part_slept]  # last: what is set after a night is told as if it had been awake


class Hearing(Listening):
    """Keeps the verdicts' events as they are, too."""

    def __init__(self, world):
        super().__init__(world)
        self.verdicts = {key: [] for key in ALL}

    def on_verdict(self, data):
        super().on_verdict(data)
        self.verdicts[data["endpoint"]].append(data)


def alarms(listening):
    return [(key, *change) for key in ALL for change in listening.changes[key]]


def run(world, names):
    expect("healthy to begin with", world.wait_until_healthy(), None)
    world.listening = listening = Hearing(world)
    listening.start()
    for part in PARTS:
        name = part.__name__.partition("_")[2]
        if names and name not in names:
            continue
        if STOPPING.is_set():
            raise Stopped
        steady = part.__name__.startswith("part_")
        world.configure("Fall=1\n" if steady else "")  # one bad run would be an alarm
        before, started = len(alarms(listening)), time.monotonic()
        part(world)
        if steady:
            expect(f"{name}: no false alarm", alarms(listening)[before:], [])
        world.configure()
        expect(f"{name}: well afterwards", world.wait_for({}, "healthy"), None)
        print(f"     {name}: {time.monotonic() - started:.1f} s", flush=True)
    expect("the stream is still open", listening.wrong, None)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("parts", nargs="*")
    args = parser.parse_args()
    why = cannot_run() or why_not(args.bin)
    if why:
        print("skipped:", why)
        return 77
    stop_on_signals()
    world = World("clock", os.path.abspath(args.bin),
                  TIMEOUTS.replace("Interval=1s", "Interval=500ms", 1))
    world.clock = Clock(world.folder, args.bin)
    world.clock.set(2 * DAY_S)  # the certificates' authority may be a minute old
    world.started_by = world.clock.words
    return expect.of(world, lambda: run(world, args.parts))


if __name__ == "__main__":
    sys.exit(main())
