#!/usr/bin/python3
"""The manual pages say what the programs say: options as --help, keys and defaults as the shipped
configuration, verdicts as `explain`; and they are clean.

    tests/man.py BUILD_DIR SOURCE_DIR

Exit status: 0 all well, 1 something is not, 77 skipped: there is no mandoc.
"""

import os
import re
import shutil
import subprocess
import sys

BUILD, SOURCE = sys.argv[1:]
PAGES = ["vpce-probe.1", "vpce-probed.8", "vpce-probe.conf.5"]
COMMON = {"--version", "--help"}  # not in a synopsis
failures = []


def expect(what, got, wanted):
    if got != wanted:
        failures.append(what)
        print(f"FAILED: {what}: got {got}, expected {wanted}")


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def page(name):
    return read(f"{BUILD}/man/{name}")


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def is_clean(name):
    path = f"{BUILD}/man/{name}"
    expect(f"{name}: no place is left to fill in", re.findall("@.*@", page(name)), [])
    r = run("mandoc", "-T", "lint", "-W", "warning", path)
    expect(f"{name}: mandoc", (r.returncode, r.stdout + r.stderr), (0, ""))
    if shutil.which("man"):
        r = run("man", "--warnings", "-l", path, env={**os.environ, "LC_ALL": "C.UTF-8",
                                                      "MANWIDTH": "80", "MANPAGER": "cat"})
        expect(f"{name}: man", (r.returncode, r.stderr), (0, ""))


def section(text, macro, title):
    """Lines from this heading to the next."""
    match = re.search(rf"^\.{macro} {re.escape(title)}\n(.*?)(?=^\.S[hs] |\Z)", text, re.M | re.S)
    return match.group(1) if match else ""


def options_of_help(*command):
    text = run(*command, "--help").stdout
    return set(word for line in re.findall(r"^ +(-\S.*?)(?:  |$)", text, re.M)
               for word in re.findall(r"(?<!\S)--?[\w-]+", line))


def flags(line):
    """Options of .Fl in a line: "Fl -json | -nagios" has two."""
    found = []
    for part in re.findall(r"\bFl ((?:(?:-?[\w-]+)(?: \| | , )?)+)", line):
        found += ["-" + word for word in re.findall(r"-?[\w-]+", part)]
    return found


def items(text):
    return {flag for line in re.findall(r"^\.It (Fl .*)$", text, re.M) for flag in flags(line)}


def verbs():
    text = run(f"{BUILD}/vpce-probe", "--help").stdout
    return re.findall(r"^  (\w+) ", text, re.M)


def synopsis(text):
    """verb -> options"""
    parts = re.split(r"^\.Nm\n\.Cm (\w+)\n", section(text, "Sh", "SYNOPSIS"), flags=re.M)
    return {verb: {flag for line in body.splitlines() for flag in flags(line)}
            for verb, body in zip(parts[1::2], parts[2::2])}


def options_of_vpce_probe():
    text = page("vpce-probe.1")
    shown = synopsis(text)
    common = items(section(text, "Ss", "Common options"))
    expect("verbs", list(shown), verbs())
    every = set()
    for verb in verbs():
        known = options_of_help(f"{BUILD}/vpce-probe", verb)
        told = items(section(text, "Ss", verb))
        expect(f"{verb}: has options", known > {"--help"}, True)
        expect(f"{verb}: synopsis", shown[verb], known - COMMON)
        expect(f"{verb}: described", known - told - common, set())
        expect(f"{verb}: has none of", told - known, set())
        every |= known
    expect("options that no verb has", common - every, set())


def options_of_vpce_probed():
    expect("vpce-probed", items(section(page("vpce-probed.8"), "Sh", "DESCRIPTION")),
           options_of_help(f"{BUILD}/vpce-probed"))


def keys(text, heading, key):
    """[section] -> its keys with their defaults, in order"""
    parts = re.split(heading, text, flags=re.M)
    return {name: re.findall(key, body, re.M) for name, body in zip(parts[1::2], parts[2::2])}


def settings():
    shipped = read(f"{SOURCE}/conf/vpce-probe.conf")
    told = keys(page("vpce-probe.conf.5"), r"^\.Ss \[(.*)\]$", r"^\.It Cm ([A-Z]\w*=.*)$")
    told["Endpoint ssm"] = told.pop("Endpoint KEY")
    expect("keys and defaults", told, keys(shipped, r"^#?\[(.*)\]$", r"^#([A-Z]\w*=.*)$"))


def words(text):
    return " ".join(re.sub(r"^\.It Cm ", "", text, flags=re.M).replace("\\&", "").split())


def verdicts():
    explained = run(f"{BUILD}/vpce-probe", "explain").stdout
    explained = explained.split('\n"')[0]
    told, causes = re.split(r"^causes of .*:$", explained, flags=re.M)
    lists = re.findall(r"^\.Bl .*\n((?:.|\n)*?)^\.El$", section(page("vpce-probe.1"), "Sh",
                                                               "VERDICTS"), re.M)
    expect("verdicts and causes", [words(text) for text in lists], [words(told), words(causes)])


def main():
    if not shutil.which("mandoc"):
        print("skipped: there is no mandoc")
        return 77
    for name in PAGES:
        is_clean(name)
    options_of_vpce_probe()
    options_of_vpce_probed()
    settings()
    verdicts()
    print(f"{len(PAGES)} pages, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
