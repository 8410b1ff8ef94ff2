#!/usr/bin/python3
"""A launch under a real systemd: the installed units, the agent that waits for them, an endpoint
that is broken at the boot, and what the journal has of the dealings with EC2 Auto Scaling.

    tests/scenarios/launch_systemd.py --bin BUILD_DIR

Needs root, overlayfs, botocore and the packages of tests/setup; exits 77 without. It runs itself
again inside tests/sdbox (--inside); that part changes files of the box only.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import unit  # noqa: E402
from unit import (OUT, SERVICE, SOCKET_UNIT, TARGET, WAIT, dropin, installed,  # noqa: E402
                  journal, sh, show, systemctl, wait_until, write)

SENT, FAILED = "2c60d1819c0b4e67a400bdf38d4b667a", "8a8623e8b5ec4d7b8119028ee4b9edb0"
HELD, HEALED, JOURNAL = "held", "healed", "journal"  # files that both sides see
AGENT = "ecs.service"
PATIENCE_S = 60

expect = unit.expect


# --- inside

def records(action, result="ok"):
    return journal("VPCE_ACTION=" + action, "VPCE_RESULT=" + result)


def boots():
    """As the first boot does it: the agent pulls in all that it waits for."""
    # a system call that the filter denies is the end of the process, here: it shows
    dropin("SystemCallErrorNumber=kill\n")
    write(f"/run/systemd/system/{AGENT}",
          "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n")
    os.makedirs(f"/run/systemd/system/{AGENT}.d")
    shutil.copy(installed("share/doc/vpce-probe/ecs.service.d/10-vpce-probe.conf"),
                f"/run/systemd/system/{AGENT}.d")
    systemctl("daemon-reload")
    systemctl("start", SOCKET_UNIT)
    systemctl("start", "--no-block", AGENT)
    expect("heartbeats", wait_until(lambda: len(records("heartbeat")) > 1, PATIENCE_S), True)
    expect("meanwhile the agent waits",
           [show("ActiveState", u) for u in (SERVICE, WAIT, TARGET, AGENT)],
           ["active", "activating", "inactive", "inactive"])
    expect("nothing lets the instance go", records("continue"), [])


def outlives_a_restart():
    """What is known of the launch is kept: it is not asked for again."""
    asked = "is Pending:Wait in group"

    def times():
        return len([m for m in unit.messages() if asked in m])

    before = times(), len(records("heartbeat"))
    systemctl("restart", SERVICE)
    expect("heartbeats go on after a restart",
           wait_until(lambda: len(records("heartbeat")) > before[1], PATIENCE_S), True)
    expect("without asking anew", (before[0], times()), (1, 1))


def is_healed():
    write(f"{OUT}/{HELD}", "")
    expect("the agent starts", wait_until(lambda: show("ActiveState", AGENT) == "active",
                                          PATIENCE_S), True)
    expect("the endpoint was healed before", os.path.exists(f"{OUT}/{HEALED}"), True)
    expect("and the units say so", [show("ActiveState", u) for u in (SERVICE, WAIT, TARGET)],
           ["active"] * 3)
    expect("the instance is let go", wait_until(lambda: records("continue"), PATIENCE_S), True)
    expect("nothing was denied", [m for m in unit.messages()
                                  if "not permitted" in m or "SYS" in m], [])
    expect("it did not crash", show("NRestarts"), "0")


def explains():
    sh(["journalctl", "--update-catalog"], check=True)
    # enough of a locale to have the name of one: the texts come from the catalog alone
    shutil.copytree("/usr/lib/locale/C.utf8", "/usr/lib/locale/ja_JP.utf8")
    for locale, heading in (("C.UTF-8", "What to change:"), ("ja_JP.UTF-8", "対処:")):
        for message_id in (SENT, FAILED):
            text = subprocess.run(["journalctl", "-q", "-x", "-n", "1", "MESSAGE_ID=" + message_id],
                                  env=dict(os.environ, LANG=locale), capture_output=True,
                                  encoding="utf-8", check=False).stdout
            record = journal("MESSAGE_ID=" + message_id)[-1]
            expect(f"{locale}, {message_id[:4]}: the summary",
                   f"░░ {record['VPCE_SUMMARY']}\n" in text, True)
            expect(f"{locale}, {message_id[:4]}: what to change",
                   f"{heading}\n░░ {record['VPCE_REMEDY']}\n" in text, message_id == FAILED)
            expect(f"{locale}, {message_id[:4]}: nothing is left to fill in",
                   [word for word in text.split() if "VPCE_" in word or "@" in word], [])


def inside():
    for part in (boots, outlives_a_restart, is_healed, explains):
        part()
    write(f"{OUT}/{JOURNAL}", sh(["journalctl", "-q", "-o", "json", "--all"])[1])
    result = expect.exit_status()
    if result != 0:
        print(sh(["journalctl", "-q", "-n", "80"])[1])
    return result


# --- outside

def check_records(world, names):
    """Every field of both kinds; the group and the hook are those of the stand-in."""
    with open(os.path.join(world.folder, JOURNAL), encoding="utf-8") as f:
        text = f.read()
    lines = [json.loads(line) for line in text.splitlines()]
    common = {"VPCE_HOOK": names.HOOK, "VPCE_AUTO_SCALING_GROUP": names.GROUP,
              "VPCE_INSTANCE_ID": names.INSTANCE, "_SYSTEMD_UNIT": SERVICE,
              "SYSLOG_IDENTIFIER": "vpce-probed", "_TRANSPORT": "journal"}
    wanted = {
        "heartbeat": dict(common, MESSAGE_ID=SENT, PRIORITY="6", VPCE_RESULT="ok", VPCE_REMEDY=""),
        "continue": dict(common, MESSAGE_ID=SENT, PRIORITY="5", VPCE_RESULT="ok", VPCE_REMEDY="")}
    for action, fields in wanted.items():
        records = [r for r in lines if r.get("VPCE_ACTION") == action
                   and r.get("VPCE_RESULT") == "ok"]
        expect(f"{action}: every field", {k: records[0].get(k) for k in fields}, fields)
        expect(f"{action}: the summary is the line", records[0]["VPCE_SUMMARY"],
               records[0]["MESSAGE"])
    failed = [r for r in lines if r.get("MESSAGE_ID") == FAILED]
    fields = dict(common, VPCE_ACTION="continue", VPCE_RESULT="contention", PRIORITY="4")
    expect("one that failed: once", len(failed), 1)
    expect("every field", {k: failed[0].get(k) for k in fields}, fields)
    expect("with what to change", "being changed by somebody else" in failed[0]["VPCE_REMEDY"],
           True)
    expect("no piece of a secret in the journal",
           (len(lines) > 20, [p for p in world.pieces() if p in text]), (True, []))


def run(world, names):
    world.start()
    world.set_hook()
    world.vpc("break sg ecr.api")
    os.chmod(world.folder, 0o755)
    prepare = unit.prepare_script(world)
    world.write_conf(os.path.join(world.folder, "conf"), "/etc/vpce-probe/ca.crt",
                     names.GATE + "Deadline=1h\nHeartbeat=500ms\n")
    world.prepare_launch()
    world.group.fault("contention", "CompleteLifecycleAction", times=1)
    with subprocess.Popen(
            [unit.SDBOX, "run", "-n", world.name + "-host", "-b", world.folder, "-p", prepare,
             "--", sys.executable, f"{OUT}/launch_systemd.py", "--inside"],
            stdin=subprocess.DEVNULL) as box:
        world.wait_until(lambda: box.poll() is not None or
                         os.path.exists(os.path.join(world.folder, HELD)))
        expect("held until now", (world.state(), world.results()), ("Pending:Wait", []))
        write(os.path.join(world.folder, HEALED), "")
        world.vpc("heal sg")
    if box.returncode != 125:
        expect("all is well inside", box.returncode, 0)
        expect("let go exactly once", (world.state(), world.results()), ("InService", ["CONTINUE"]))
        check_records(world, names)
    return box.returncode


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin")
    parser.add_argument("--inside", action="store_true")
    args = parser.parse_args()
    if args.inside:
        return inside()
    if os.geteuid() != 0 or not shutil.which("dnsdist"):
        print("skipped: needs root and the packages of tests/setup")
        return 77
    try:
        import launch_world as names
    except ImportError as missing:
        print(f"skipped: {missing}")
        return 77
    world = names.LaunchWorld(9, os.path.abspath(args.bin))
    result = None
    try:
        result = run(world, names)
    finally:
        world.stop()
    if result == 125:
        print("skipped: no systemd can be started here")
        return 77
    return expect.exit_status()


if __name__ == "__main__":
    sys.exit(main())
