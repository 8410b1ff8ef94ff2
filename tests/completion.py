#!/usr/bin/python3
"""Completion offers all verbs, options, endpoints and verdicts, in bash, and in zsh where there is
one.

    tests/completion.py PROGRAM SOURCE_DIR
"""

import os
import re
import shutil
import subprocess
import sys

PROGRAM, SOURCE = sys.argv[1:]
FOLDER = os.path.join(SOURCE, "daemon/completion")
failures = []


def expect(what, got, wanted):
    if got != wanted:
        failures.append(what)
        print(f"FAILED: {what}: got {got}, expected {wanted}")


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **more)


def program(*words):
    return run(PROGRAM, *words).stdout


BASH = """
source "$1/vpce-probe.bash"
shift
set -u
[ "$(complete -p vpce-probe)" = "complete -F _vpce_probe vpce-probe" ] || echo not registered
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_vpce_probe
printf '%s\\n' "${COMPREPLY[@]}"
"""

# What zsh's own functions would show is printed.
ZSH = """
_describe() { shift $(($# - 1)); print -l -- ${(P)1%%:*} }
compadd() { print -l -- $@ }
_message() { : }
_files() { print files }
words=("$@") CURRENT=$# file=$FOLDER/_vpce-probe
[[ $(head -1 $file) == "#compdef vpce-probe" ]] || print not registered
completion() { source $file }
completion
"""


def bash(*words):
    r = run("bash", "--norc", "-c", BASH, "bash", FOLDER, PROGRAM, *words)
    expect(f"{words}: errors", r.stderr, "")
    return sorted(r.stdout.split())


def options_of(verb):
    return sorted(word for line in re.findall(r"^ +(-\S.*?)(?:  |$)", program(verb, "--help"), re.M)
                  for word in re.findall(r"(?<!\S)--?[\w-]+", line))


def main():
    verbs = re.findall(r"^  (\w+) ", program("--help"), re.M)
    keys = [line.split("\t")[0] for line in program(
        "endpoints", "--all", "--region", "eu-west-1", "--account",
        "123456789012").splitlines()]
    verdicts = re.findall(r"^([a-z-]+)  ", program("explain"), re.M)
    expect("there is something to offer", [len(verbs) >= 7, len(keys) >= 30, len(verdicts) >= 32],
           [True, True, True])
    expect("verbs", bash(""), sorted(verbs + ["--help", "--version"]))
    expect("one verb", bash("hi"), ["history"])
    for verb in verbs:
        expect(f"options of {verb}", bash(verb, "-"), options_of(verb))
    expect("one option", bash("status", "--json", "--met"), ["--metrics"])
    expect("endpoints", bash("wait", "--for", ""), sorted(keys))
    expect("endpoints and verdicts", bash("explain", ""), sorted(keys + verdicts))
    expect("colours", bash("check", "--color", "a"), ["always", "auto"])
    expect("files are bash's", bash("check", "--config", ""), [])
    expect("nothing to offer", bash("wait", "--timeout", ""), [])
    expect("no such verb", bash("nonsense", "-"), [])
    shells = "bash"
    if shutil.which("zsh"):
        shells = "bash and zsh"
        zsh_offers(verbs, keys, verdicts)
    print(f"{shells}: {len(failures)} failures")
    return 1 if failures else 0


def zsh(*words):
    r = run("zsh", "-f", "-c", ZSH, "zsh", *words, env={**os.environ, "FOLDER": FOLDER})
    expect(f"zsh: {words}: errors", r.stderr, "")
    return sorted(r.stdout.split())


def zsh_offers(verbs, keys, verdicts):
    expect("zsh: verbs", zsh(PROGRAM, ""), sorted(verbs))
    for verb in verbs:
        expect(f"zsh: options of {verb}", zsh(PROGRAM, verb, "-"), options_of(verb))
    expect("zsh: endpoints", zsh(PROGRAM, "wait", "--for", ""), sorted(keys))
    expect("zsh: endpoints and verdicts", zsh(PROGRAM, "explain", ""), sorted(keys + verdicts))
    expect("zsh: colours", zsh(PROGRAM, "check", "--color", ""), ["always", "auto", "never"])
    expect("zsh: files", zsh(PROGRAM, "check", "--config", ""), ["files"])


if __name__ == "__main__":
    sys.exit(main())
