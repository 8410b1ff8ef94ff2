#!/usr/bin/python3
"""The programs are built as they should be: what a compiler can do against an attacker is in the
binary, not only among the flags.

    tests/hardening.py CONFIG PROGRAM...

Debug builds (CONFIG is CMake's) go without _FORTIFY_SOURCE: skipped there.
"""

import re
import subprocess
import sys


def readelf(program, *options):
    return subprocess.run(["readelf", "-W", *options, program], capture_output=True, text=True,
                          check=True).stdout


def faults(program):
    head = readelf(program, "-h")
    segments = readelf(program, "-l")
    dynamic = readelf(program, "-d")
    symbols = set(re.findall(r"UND (\w+)", readelf(program, "--dyn-syms")))
    stack = re.search(r"GNU_STACK.*", segments)
    checks = {
        "position independent (PIE)": "DYN (Position-Independent" in head and "PIE" in dynamic,
        "GNU_RELRO": "GNU_RELRO" in segments,
        "all symbols bound at start (NOW)": re.search(r"FLAGS_1.*NOW", dynamic),
        "stack not executable": stack and "RWE" not in stack.group(),
        "nothing writable and executable": not re.search(r"LOAD.* RWE ", segments),
        "stack protector": "__stack_chk_fail" in symbols,
        "FORTIFY": any(name.endswith("_chk") and name != "__stack_chk_fail" for name in symbols),
        "no RPATH": "RPATH" not in dynamic and "RUNPATH" not in dynamic,
    }
    return [what for what, holds in checks.items() if not holds]


def main():
    config, *programs = sys.argv[1:]
    if config == "Debug":
        print("skipped: a debug build is not what is shipped")
        return 77
    wrong = [f"{program}: not {what}" for program in programs for what in faults(program)]
    print("\n".join(wrong) if wrong else f"{len(programs)} programs: as they should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
