#!/usr/bin/python3
"""`vpce-probe history` over a real journal: an outage, one that spans a restart of the daemon, one
whose beginning has been vacuumed away; records that somebody else forged; a user who may not read.

    tests/scenarios/history.py --bin BUILD_DIR

Needs root, overlayfs and the packages of tests/setup; exits 77 without.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import clock  # noqa: E402
import world as scenarios  # noqa: E402

SDBOX = os.path.join(scenarios.HERE, "..", "sdbox")
WAIT_S = 100

# What runs inside, with the VPC outside: `ask` has it changed and waits until it has been. It
# starts with nothing recorded.
INSIDE = r"""
set -eu
cd /mnt/out
changed=6f5bbbd6568e4ed6b16a31bfc46b1181

ask() {
    echo "$*" >ask.new
    mv ask.new ask
    for i in $(seq 400); do [ -e ask ] || return 0; sleep 0.05; done
    echo "nobody answered: $*" >&2
    exit 1
}
# the NUMBER-th record in which ecr.api is STATE
until_record() {
    for i in $(seq 300); do
        n=$(journalctl -q -u vpce-probe VPCE_ENDPOINT=ecr.api VPCE_STATE=$2 -o cat | wc -l)
        [ "$n" -lt "$1" ] || return 0
        sleep 0.1
    done
    echo "ecr.api is not $2 ($1)" >&2
    exit 1
}
history() {
    name=$1
    shift
    status=0
    "$@" >$name.out 2>$name.err || status=$?
    echo $status >$name.status
}
start() {
    systemd-run --quiet --unit=vpce-probe -p Type=notify -p DynamicUser=yes \
        -p RuntimeDirectory=vpce-probe /mnt/out/vpce-probed --config /mnt/out/conf
}
forge() {
    printf 'MESSAGE_ID=%s\nVPCE_ENDPOINT=forged\nVPCE_OLD_STATE=ok\nVPCE_STATE=failed\n%s\n' \
        $changed 'VPCE_VERDICT=blocked
_SYSTEMD_UNIT=vpce-probe.service
UNIT=vpce-probe.service
SYSLOG_IDENTIFIER=vpce-probed
MESSAGE=forged' >record
    # on a busy machine the forger may have ended before journald looks what unit it is of
    for i in $(seq 20); do
        systemd-run --quiet --wait --unit=forger --uid=nobody \
            -p StandardInput=file:/mnt/out/record logger --journald
        journalctl --sync
        [ -z "$(journalctl -q _SYSTEMD_UNIT=forger.service VPCE_ENDPOINT=forged -o cat)" ] || break
    done
}

history unrecorded ./vpce-probe history
start
until_record 1 ok
history none ./vpce-probe history --json
ask break sg ecr.api
until_record 1 failed
history ongoing ./vpce-probe history --json
history ahead env LD_PRELOAD=/mnt/out/$CLOCK WALL_CLOCK_FILE=/mnt/out/wall-clock \
    ./vpce-probe history --json
ask heal sg ecr.api
until_record 2 ok
journalctl --rotate
ask break hang ecr.api
until_record 2 failed
systemctl stop vpce-probe
forge
journalctl --rotate
start
until_record 3 failed
ask heal all
until_record 3 ok
journalctl -q MESSAGE_ID=$changed VPCE_ENDPOINT=forged -o json >forged

history json ./vpce-probe history --json
history text ./vpce-probe history
history color env COLUMNS=60 ./vpce-probe history --color always
history since ./vpce-probe history --json --since 0
history since_year ./vpce-probe history --json --since 1y
history full sh -c "./vpce-probe history >/dev/full"
history nobody setpriv --reuid=nobody --regid=nogroup --clear-groups ./vpce-probe history
history member setpriv --reuid=nobody --regid=nogroup --groups=systemd-journal \
    ./vpce-probe history --json
history report ./vpce-probe report --config /mnt/out/conf
history report_nobody setpriv --reuid=nobody --regid=nogroup --clear-groups \
    ./vpce-probe report --config /mnt/out/conf

ask break sg ecr.api
until_record 4 failed
journalctl -q --rotate --vacuum-files=1
ask heal all
until_record 1 ok
history vacuumed ./vpce-probe history --json
history vacuumed_text ./vpce-probe history
systemctl stop vpce-probe
systemctl stop systemd-journald.socket systemd-journald-dev-log.socket \
    systemd-journald-audit.socket systemd-journald
rm -rf /run/log/journal/* /var/log/journal/*
history gone ./vpce-probe history
"""

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"

# Field -> what it may be; a text is a pattern.
OUTAGE = {
    "endpoint": r".+", "start": TIME, "start_exact": bool, "end": (TIME, None), "ongoing": bool,
    "duration_ms": (int, None), "state": "degraded|failed", "verdict": (r"[a-z-]+", None),
    "first_verdict": (r"[a-z-]+", None), "last_verdict": (r"[a-z-]+", None),
    "summary": (r".+", None), "restarts": int,
}
HISTORY = {
    "schema_version": int, "generated_at": TIME, "covers": {"from": TIME, "to": TIME},
    "since": (TIME, None), "complete": bool, "records": int, "outages": [OUTAGE],
}

expect = scenarios.Expectations()


def fits(value, shape):
    """The JSON value has this shape, and nothing else."""
    if isinstance(shape, tuple):
        return any(fits(value, s) for s in shape)
    if isinstance(shape, dict):
        return (isinstance(value, dict) and value.keys() == shape.keys() and
                all(fits(value[key], shape[key]) for key in shape))
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(v, shape[0]) for v in value)
    if isinstance(shape, str):
        return isinstance(value, str) and re.fullmatch(shape, value) is not None
    return value is None if shape is None else type(value) is shape


class Run:
    """What one call of `vpce-probe history` gave."""

    def __init__(self, world, name):
        self.out, self.err, self.status = (
            self.read(os.path.join(world.folder, f"{name}.{kind}"))
            for kind in ("out", "err", "status"))
        self.status = int(self.status)

    @staticmethod
    def read(path):
        with open(path, encoding="utf-8") as f:
            return f.read()

    def json(self):
        history = json.loads(self.out)
        expect("JSON has its shape", fits(history, HISTORY), True)
        return history


def without_colors(text):
    return re.sub("\033\\[[0-9]*m", "", text)


def look_at_outages(world):
    run = Run(world, "json")
    history = run.json()
    outages = history["outages"]
    expect("exit status", (run.status, run.err), (0, ""))
    expect("two outages, forged ones do not count",
           [(o["endpoint"], o["state"], o["verdict"], o["restarts"]) for o in outages],
           [("ecr.api", "failed", "blocked", 0), ("ecr.api", "failed", "tls-timeout", 1)])
    expect("both have ended", [o["ongoing"] or o["end"] is None for o in outages], [False, False])
    times = [o[key] or "none" for o in outages for key in ("start", "end")]
    expect("times in order", sorted(times), times)
    expect("summary", "no answer to SYN" in outages[0]["summary"], True)
    expect("durations", [o["duration_ms"] > 0 for o in outages], [True, True])
    expect("complete", history["complete"], True)
    forged = [json.loads(line) for line in Run.read(os.path.join(world.folder, "forged"))
              .splitlines()]
    expect("there was a forged record",
           "forger.service" in [r.get("_SYSTEMD_UNIT") for r in forged], True)


def look_at_moments(world):
    run = Run(world, "unrecorded")
    expect("nothing recorded", (run.status, run.out.splitlines()[1:]),
           (0, ["no outages: no record of vpce-probe.service in it"]))
    expect("no outages", (Run(world, "none").json()["outages"], Run(world, "none").status), ([], 0))
    ongoing = Run(world, "ongoing").json()["outages"]
    expect("an ongoing outage", [(o["endpoint"], o["ongoing"], o["end"]) for o in ongoing],
           [("ecr.api", True, None)])
    ahead = Run(world, "ahead").json()
    expect("by a clock a day ahead", clock.near(
        clock.seconds(ahead["generated_at"]) - clock.seconds(
            Run(world, "ongoing").json()["generated_at"]), clock.DAY_S), True)
    expect("it has lasted no longer", [0 <= o["duration_ms"] < clock.NEAR_S * 1000
                                       for o in ahead["outages"]], [True])
    expect("--since 0: all has ended before", Run(world, "since").json()["outages"], [])
    expect("--since 1y: all", len(Run(world, "since_year").json()["outages"]), 2)


def look_at_vacuumed(world):
    outages = Run(world, "vacuumed").json()["outages"]
    expect("what began in a file that is gone", [
        (o["endpoint"], o["state"], o["verdict"], o["start_exact"], o["end"] is None)
        for o in outages], [("ecr.api", "failed", "blocked", False, False)])
    expect("shown as before", re.findall("^before ", Run(world, "vacuumed_text").out, re.MULTILINE),
           ["before "])


def look_at_text(world):
    run = Run(world, "text")
    lines = run.out.splitlines()
    expect("says what the journal covers", bool(re.fullmatch(
        r"journal covers \d{4}-\d\d-\d\d \d\d:\d\d UTC to now", lines[0])), True)
    expect("80 columns", max(map(len, lines)) <= 80, True)
    expect("newest last", re.findall(r"^  ([a-z-]+): ", run.out, re.MULTILINE),
           ["blocked", "tls-timeout"])
    expect("the count", lines[-1], "2 outages, 0 ongoing")
    lines = without_colors(Run(world, "color").out).splitlines()
    expect("60 columns, with marks", (max(map(len, lines)) <= 60,
                                      sum(line.startswith("✗ ") for line in lines)), (True, 2))


def look_at_refusals(world):
    run = Run(world, "nobody")
    expect("no right to read it", (run.status, run.out, "group systemd-journal" in run.err),
           (2, "", True))
    expect("a member of the group reads the same", Run(world, "member").json()["outages"],
           Run(world, "json").json()["outages"])
    run = Run(world, "gone")
    expect("no journal", (run.status, run.out, "there is no journal" in run.err), (2, "", True))
    run = Run(world, "full")
    expect("output that cannot be written", (run.status, "cannot write" in run.err), (2, True))


def look_at_reports(world):
    """The time line of the report page comes from the same records."""
    page = Run(world, "report")
    line = re.search(r'<h2 id="timeline">.*?</section>', page.out, re.DOTALL)[0]
    changes = re.findall(r"<td[^>]*>ecr\.api</td>.*?</td>.*?<td class=\"tone \w+\">. (\w+)</td>", line)
    expect("report: every change, the newest first; after a start there is one more", (page.status, changes),
           (0, ["ok", "failed", "failed", "ok", "failed", "ok"]))
    expect("report: the starts of the daemon", line.count("vpce-probed was started"), 2)
    expect("report: nothing that was forged", "forged" in page.out, False)
    page = Run(world, "report_nobody")
    expect("report: who may not read the journal is told so",
           (page.status, "may not be read" in page.out, "<td>blocked</td>" in page.out),
           (0, True, False))


def serve(world, box):
    """Does to the VPC what the box asks for, until it has ended."""
    path = os.path.join(world.folder, "ask")
    deadline = time.monotonic() + WAIT_S
    while box.poll() is None and time.monotonic() < deadline:
        if os.path.exists(path):
            world.vpc(Run.read(path).strip())
            os.unlink(path)
        time.sleep(0.05)
    if box.poll() is None:
        box.terminate()
    return box.wait(timeout=20)


def prepare(world):
    world.vpc("up --private")
    os.chmod(world.folder, 0o755)
    for program in ("vpce-probed", "vpce-probe", clock.LIBRARY):
        shutil.copy(os.path.join(world.bin, program), world.folder)
    clock.Clock(world.folder, world.bin).set(clock.DAY_S)
    world.write_conf(os.path.join(world.folder, "conf"), "/mnt/out/ca.crt")
    shutil.copy(os.path.join(scenarios.STATE, "pki", "ca.crt"), world.folder)
    os.chmod(os.path.join(world.folder, "ca.crt"), 0o644)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    args = parser.parse_args()
    if os.geteuid() != 0 or not shutil.which("dnsdist"):
        print("skipped: needs root and the packages of tests/setup")
        return 77
    world = scenarios.World(8, os.path.abspath(args.bin))
    try:
        prepare(world)
        with subprocess.Popen([SDBOX, "run", "-n", world.name + "-host", "-b", world.folder, "--",
                               "sh", "-c", f"CLOCK={clock.LIBRARY}\n{INSIDE}"], stdin=subprocess.DEVNULL) as box:
            code = serve(world, box)
        if code == 125:
            print("skipped: no systemd can be started here")
            return 77
        expect("everything ran", code, 0)
        if code == 0:
            look_at_outages(world)
            look_at_moments(world)
            look_at_vacuumed(world)
            look_at_text(world)
            look_at_refusals(world)
            look_at_reports(world)
    finally:
        world.stop()
    return expect.exit_status()


if __name__ == "__main__":
    sys.exit(main())
