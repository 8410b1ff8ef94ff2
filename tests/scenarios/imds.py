#!/usr/bin/python3
"""The IMDS client in a VPC of network namespaces: its usual addresses, several interfaces, metadata
that vanishes and comes back. What a service can answer wrongly is in tests/imds_faults.py.

    tests/scenarios/imds.py --bin BUILD_DIR

Needs root and the packages of tests/setup; exits 77 without.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
VPC = os.path.join(HERE, "..", "vpc")
NAME = os.environ.get("VPC_NAME") or f"im{os.getpid() % 10000}"
MACS = "meta-data/network/interfaces/macs/"
MAC, OTHER = "02:00:00:00:00:01", "02:00:00:00:00:02"
IPV4 = "169.254.169.254"

failures = []


def expect(what, got, wanted):
    good = got == wanted
    print(f"{'ok  ' if good else 'FAIL'} {what}")
    if not good:
        print(f"     got {got!r}, expected {wanted!r}")
        failures.append(what)


def vpc(*words):
    subprocess.run([sys.executable, VPC, *words], env=dict(os.environ, VPC_NAME=NAME), check=True,
                   stdout=subprocess.DEVNULL)


def command(program, *args):
    return ["ip", "netns", "exec", NAME + "-host", program, "--seconds", "60", *args]


def first(program):
    done = subprocess.run(command(program), capture_output=True, text=True, check=False)
    return json.loads(done.stdout.splitlines()[-1])


def check_facts(program):
    line = first(program)
    expect("state", line["state"], "ok")
    expect("all facts", line["host"], {
        "region": "ap-northeast-1", "availability_zone": "ap-northeast-1a",
        "availability_zone_id": "apne1-az4", "account_id": "123456789012",
        "instance_id": "i-0abcdef1234567890", "partition": "aws", "dns_suffix": "amazonaws.com",
        "vpc_id": "vpc-0123456789abcdef0", "subnet_id": "subnet-0123456789abcdef0",
        "asg_name": "", "lifecycle_state": "", "vpc_cidrs": ["10.0.0.0/16"], "ipv4_known": True,
        "ipv6_known": True, "subnets": {"10.0.11.0/24": "apne1-az4"}})


def check_interfaces(program):
    vpc("imds", MACS, f"{MAC}/\n{OTHER}/")
    vpc("imds", MACS + MAC + "/vpc-ipv4-cidr-blocks", "10.0.0.0/16\n10.50.0.0/16")
    vpc("imds", MACS + OTHER + "/vpc-ipv4-cidr-blocks", "10.0.0.0/16\n10.60.0.0/16")
    vpc("ipv6", "on")
    host = first(program)["host"]
    expect("CIDRs of two interfaces", sorted(host["vpc_cidrs"]),
           ["10.0.0.0/16", "10.50.0.0/16", "10.60.0.0/16", "fd00::/16"])
    expect("complete", (host["ipv4_known"], host["ipv6_known"]), (True, True))
    vpc("imds", MACS + OTHER + "/vpc-ipv4-cidr-blocks")
    host = first(program)["host"]
    expect("an interface that does not say", (host["ipv4_known"], host["ipv6_known"]),
           (False, True))
    vpc("heal", "all")


def check_silence(program):
    vpc("break", "imds")
    client = subprocess.Popen(command(program, "--until", "ok"), stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    line = json.loads(client.stdout.readline())
    expect("metadata is gone", (line["state"], line["host"]), ("silent", None))
    expect("the address is named", f"IMDS at {IPV4} " in line["description"], True)
    vpc("heal", "imds")
    lines = client.stdout.read().splitlines()
    expect("it is back by itself", (client.wait(), json.loads(lines[-1])["host"]["region"]),
           (0, "ap-northeast-1"))


def check_ipv6(program):
    vpc("break", "sg", IPV4)
    line = first(program)
    expect("IPv4 gone, asked over IPv6", (line["state"], line["description"]),
           ("ok", "IMDS at fd00:ec2::254 answers"))
    vpc("heal", "all")
    vpc("break", "rst", IPV4)
    expect("IPv4 refuses, asked over IPv6", first(program)["state"], "ok")
    vpc("heal", "all")
    expect("healed", first(program)["description"], f"IMDS at {IPV4} answers")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    args = parser.parse_args()
    program = os.path.join(os.path.abspath(args.bin), "imds_dump")
    if os.geteuid() != 0 or not shutil.which("dnsdist") or not shutil.which("nginx"):
        print("skipped: needs root and the packages of tests/setup")
        return 77
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        vpc("up", "--private")
        for check in (check_facts, check_interfaces, check_silence, check_ipv6):
            check(program)
    finally:
        vpc("down")
    print(f"{len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
