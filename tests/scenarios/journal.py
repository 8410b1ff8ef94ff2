#!/usr/bin/python3
"""Under a real systemd and a real journal: Type=notify, the socket, and the records with their
fields.

    tests/scenarios/journal.py --bin BUILD_DIR

Needs root, overlayfs and the packages of tests/setup; exits 77 without.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import world as scenarios  # noqa: E402

SDBOX = os.path.join(scenarios.HERE, "..", "sdbox")

# what runs inside: the daemon as a service, until it has said what it must say of ecr.api
INSIDE = """
set -e
systemd-run --quiet --unit=vpce-probe -p Type=notify -p DynamicUser=yes \
    -p RuntimeDirectory=vpce-probe /mnt/out/vpce-probed --config /mnt/out/conf
for i in $(seq 200); do
    journalctl -q -u vpce-probe VPCE_ENDPOINT=ecr.api -o cat | grep -q failed && break
    sleep 0.1
done
for i in $(seq 100); do # the host's state follows
    systemctl show -p StatusText --value vpce-probe > /mnt/out/status-text
    grep -q blocked /mnt/out/status-text && break
    sleep 0.1
done
curl -sS --unix-socket /run/vpce-probe/status.sock http://localhost/healthz > /mnt/out/healthz
systemctl kill -s HUP vpce-probe
for i in $(seq 100); do
    journalctl -q -u vpce-probe -o cat | grep -q reloaded && break
    sleep 0.1
done
systemctl stop vpce-probe
systemctl show -p Result --value vpce-probe > /mnt/out/result
journalctl -q -u vpce-probe -o json > /mnt/out/journal
"""

FIELDS = {
    "VPCE_ENDPOINT": "ecr.api",
    "VPCE_HOST": "api.ecr.ap-northeast-1.amazonaws.com",
    "VPCE_STATE": "failed",
    "VPCE_OLD_STATE": "unknown",
    "VPCE_VERDICT": "blocked",
    "VPCE_OLD_VERDICT": "none",
    "VPCE_PATH": "interface",
    "VPCE_ADDRESS": ["10.0.1.10", "10.0.2.10", "10.0.3.10"],
    "PRIORITY": "3",
    "MESSAGE_ID": "6f5bbbd6568e4ed6b16a31bfc46b1181",
    "_TRANSPORT": "journal",
    "SYSLOG_IDENTIFIER": "vpce-probed",
}

expect = scenarios.Expectations()


def read(world, name):
    with open(os.path.join(world.folder, name), encoding="utf-8") as f:
        return f.read().strip()


def look(world):
    records = [json.loads(line) for line in read(world, "journal").splitlines()]
    changes = [r for r in records if r.get("VPCE_ENDPOINT") == "ecr.api"]
    expect("one record for one change", len(changes), 1)
    for name, value in FIELDS.items():
        expect(f"field {name}", changes[0].get(name), value)
    expect("summary and remedy", all(changes[0].get(f) for f in (
        "VPCE_SUMMARY", "VPCE_REMEDY", "VPCE_DURATION_MS")), True)
    ids = {r.get("MESSAGE_ID") for r in records}
    for what, message_id in (("host changed", "bde3123f461541a29cf369dbace186ed"),
                             ("started", "d0cba31eebd24547b8e74b2da319d99f"),
                             ("reloaded", "d8e0d7c196174543ac964e0806c77b92")):
        expect(f"a record: {what}", message_id in ids, True)
    expect("STATUS= has the summary", "ecr.api (blocked)" in read(world, "status-text"), True)
    expect("the status socket answers", read(world, "healthz").split(":")[0], "unhealthy")
    expect("a clean end", read(world, "result"), "success")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    args = parser.parse_args()
    if os.geteuid() != 0 or not shutil.which("dnsdist"):
        print("skipped: needs root and the packages of tests/setup")
        return 77
    world = scenarios.World(7, os.path.abspath(args.bin))
    try:
        world.vpc("up --private")
        world.vpc("break sg ecr.api")
        os.chmod(world.folder, 0o755)
        shutil.copy(os.path.join(world.bin, "vpce-probed"), world.folder)
        world.write_conf(os.path.join(world.folder, "conf"), "/mnt/out/ca.crt")
        shutil.copy(os.path.join(scenarios.STATE, "pki", "ca.crt"), world.folder)
        os.chmod(os.path.join(world.folder, "ca.crt"), 0o644)
        r = subprocess.run([SDBOX, "run", "-n", world.name + "-host", "-b", world.folder, "--",
                            "sh", "-c", INSIDE], check=False, stdin=subprocess.DEVNULL)
        if r.returncode == 125:
            print("skipped: no systemd can be started here")
            return 77
        expect("everything ran", r.returncode, 0)
        look(world)
    finally:
        world.stop()
    return expect.exit_status()


if __name__ == "__main__":
    sys.exit(main())
