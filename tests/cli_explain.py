#!/usr/bin/python3
"""Checks `vpce-probe explain` of every verdict, and of endpoints as a made-up daemon tells them.

Usage: cli_explain.py BINARY [--aws]

With --aws, every line of AWS CLI that it prints is given to the AWS CLI itself, which checks
operation, options, types and query, and then finds nobody at an address of this machine.
Exit status: 0 all well, 1 something is not, 77 skipped: there is no AWS CLI.
"""

import concurrent.futures
import http.server
import json
import os
import re
import shlex
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading

BINARY = sys.argv[1]
CONFIGURATION = """[Host]
Region=eu-west-1
AccountId=123456789012
VpcCidrs=10.7.0.0/16 2001:db8:7::/56
LaunchType=ec2
"""
failures = []


def check(good, what):
    if not good:
        print("FAILED:", what)
        failures.append(what)


def explain(*arguments, directory, color="never"):
    """Runs it in a pipe, with no configuration of this machine's and no daemon."""
    run = subprocess.run(
        [BINARY, "explain", "--color", color, "--config", f"{directory}/conf",
         "--socket", f"{directory}/sock", *arguments],
        capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})
    return run.returncode, run.stdout, run.stderr


def commands_of(output):
    """The lines behind the blank line of each section of commands."""
    commands = []
    for section in re.split(r"^Commands.*$", output, flags=re.MULTILINE)[1:]:
        body = section.strip("\n").split("\n\n")[1] if "\n\n" in section else ""
        commands += body.split("\n")
    return commands


def check_widths(name, output, commands):
    for line in output.splitlines():
        if line not in commands:
            check(len(line) <= 80, f"{name}: wider than 80: {line}")
            check(line == line.rstrip(), f"{name}: blanks at the end: {line!r}")
    for line in commands:
        check(0 < len(line) <= 400 and line == line.strip(), f"{name}: command {line!r}")
        check(not re.search(r"\{.\}", line), f"{name}: a field is left: {line}")


def verdicts():
    """Of the error message, which lists them."""
    with tempfile.TemporaryDirectory() as directory:
        open(f"{directory}/conf", "w", encoding="ascii").close()
        status, output, errors = explain("nonsense", directory=directory)
    check(status == 64, f"nonsense gives {status}")
    check(output == "", "nonsense prints on standard output")
    check("endpoints: see vpce-probe endpoints" in errors, "nonsense: how to see the endpoints")
    names = re.search(r"^verdicts: (.*?)^endpoints:", errors, re.DOTALL | re.MULTILINE).group(1)
    return names.replace("\n", " ").replace(",", "").split()


def check_verdict(name, directory, known):
    status, output, errors = explain(name, directory=directory)
    commands = commands_of(output)
    check(status == 0, f"{name} gives {status}")
    check(errors == "", f"{name}: {errors}")
    check(output.startswith(name + ": "), f"{name}: first line")
    check("What was seen" in output, f"{name}: evidence")
    check(("What to change" in output) == (name != "ok"), f"{name}: remedy")
    check(bool(commands) == (name != "ok"), f"{name}: commands")
    check(("credentials" in output) == any(line.startswith("aws ") for line in commands),
          f"{name}: where to run them")
    check_widths(name, output, commands)
    text = "\n".join(commands)
    check(("<region>" in text) == ("--region" in text and not known), f"{name}: Region")
    if known:
        check("<vpc-cidr>" not in text, f"{name}: CIDR")
    return commands


def check_verdicts(names, directory, configuration):
    """Returns the commands of them all."""
    with open(f"{directory}/conf", "w", encoding="ascii") as conf:
        conf.write(configuration)
    return [line for name in names for line in check_verdict(name, directory, configuration != "")]


def check_facts(directory):
    _, output, _ = explain("blocked", directory=directory)
    check("--region eu-west-1 " in output, "blocked: the Region")
    check("--port 443 --cidr 10.7.0.0/16\n" in output, "blocked: CIDR")
    check("{CidrIpv6=2001:db8:7::/56}" in output, "blocked: IPv6 CIDR")
    _, output, _ = explain("no-private-dns", directory=directory)
    creations = re.findall(r"-type (\S+) --service-name (\S+)", output)
    check(creations[:2] == [("Gateway", "com.amazonaws.eu-west-1.s3"),
                            ("Interface", "com.amazonaws.eu-west-1.ecs")],
          f"no-private-dns creates {creations}")
    check(len(creations) == 6, "no-private-dns: one for each required endpoint")
    _, output, _ = explain("gateway-missing", directory=directory)
    check("Values=com.amazonaws.eu-west-1.s3" in output, "gateway-missing is about S3")
    _, output, _ = explain("resolver-bypass", directory=directory)
    check("failed (degraded if public addresses connect)\n" in output, "resolver-bypass: states")


def check_usage(names, directory):
    status, output, _ = explain(directory=directory)
    check(status == 0, f"the list gives {status}")
    check_widths("the list", output, [])
    _, causes = output.split("\ncauses of the host", 1)
    check(re.findall(r"^(resolver-\S+)", causes, re.MULTILINE) ==
          ["resolver-bypass", "resolver-down"], f"causes: {causes}")
    for name in names:
        check(re.search(rf"^{name} ", output, re.MULTILINE), f"{name} is not in the list")
    for arguments, expected in ((["blocked", "refused"], 64), (["--json", "blocked"], 64),
                                (["--help"], 0), (["-4", "blocked"], 64)):
        status, _, _ = explain(*arguments, directory=directory)
        check(status == expected, f"{arguments} gives {status}")
    status, _, errors = explain("ecr.api", directory=directory)
    check(status == 3, f"no daemon gives {status}")
    check("systemctl start vpce-probe" in errors, "no daemon: how to start it")
    with open(f"{directory}/conf", "w", encoding="ascii") as conf:
        conf.write("[Host]\nRegio=x\n")
    status, output, errors = explain("blocked", directory=directory)
    check(status == 0 and "<region>" in output, "a broken configuration costs only its facts")
    check("conf:2" in errors, "a broken configuration is told")


STATUS = {
    "generated_at": "2026-01-31T12:00:08.000Z",
    "causes": [
        {"verdict": "no-private-dns", "summary": "no name is private", "remedy": "create them",
         "commands": ["aws ec2 cause"], "endpoints": ["ecs", "ecr.api"]},
        {"verdict": "clock-skew", "summary": "of another", "remedy": "no", "commands": [],
         "endpoints": ["logs"]}],
    "endpoints": [
        {"endpoint": "ecr.api", "hostname": "api.ecr.example", "required": True, "state": "failed",
         "since": "2026-01-31T12:00:00.000Z", "verdict": "blocked", "summary": "0 of 2 " * 30,
         "remedy": "allow it", "commands": ["aws ec2 own " + "x" * 300, "evil \x1b[31m\nline"],
         "notes": ["a note"],
         "addresses": [
             {"address": "10.0.1.10", "availability_zone": "apne1-az1", "outcome": "timeout",
              "phase": "connect", "judged": True, "error": None},
             {"address": "10.0.2.10", "outcome": "ok", "phase": "done", "judged": True},
             {"address": "fd00::9", "outcome": "timeout", "phase": "connect", "judged": False}]},
        {"endpoint": "odd", "verdict": "from-a-newer-daemon", "commands": "no array", "notes": 7},
        {"endpoint": 5}, None]}


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(STATUS).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "unix"

    def log_message(self, *_):
        pass


def check_endpoint(directory):
    status, output, errors = explain("ecr.api", directory=directory)
    commands = commands_of(output)
    check(status == 0 and errors == "", f"ecr.api gives {status}: {errors}")
    for part in ("ecr.api: failed, verdict blocked\n", "since 2026-01-31T12:00:00.000Z, for 8s\n",
                 "no connection attempt is answered", "10.0.1.10 (apne1-az1): timeout in phase ",
                 "note: a note", "no-private-dns: no name is private", "-> create them",
                 "allow it"):
        check(part in output, f"ecr.api: no {part!r} in\n{output}")
    for part in ("10.0.2.10", "fd00::9", "clock-skew", "\x1b"):
        check(part not in output, f"ecr.api: {part!r} in\n{output}")
    check(commands == ["aws ec2 cause", "aws ec2 own " + "x" * 300, "evil \\x1b[31m\\x0aline"],
          f"ecr.api: commands {commands}")
    check_widths("ecr.api", output, commands)


def check_daemon(directory):
    server = socketserver.UnixStreamServer(f"{directory}/sock", Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    check_endpoint(directory)
    status, output, _ = explain("odd", directory=directory)
    check(status == 0 and "from-a-newer-daemon" in output, f"odd gives {status}: {output}")
    status, output, _ = explain("ecr.api", directory=directory, color="always")
    check("\x1b[31mecr.api" in output and "\naws ec2 cause\n" in output, "colour")
    for name in ("ssm", "nonsense"):
        status, output, errors = explain(name, directory=directory)
        check(status == 64 and output == "" and name in errors, f"{name} gives {status}")
    server.shutdown()
    server.server_close()


# What stands in for a placeholder where the AWS CLI wants more than a text.
PLACEHOLDERS = {"rule-number": "100", "port": "443", "vpc-cidr": "10.0.0.0/16",
                "dns-server": "10.0.0.2", "own-dns-server": "10.0.0.2", "region": "eu-west-1"}


NOBODY = ["--no-paginate", "--cli-connect-timeout", "2", "--endpoint-url", "http://127.0.0.1:9"]


def check_aws_line(line):
    filled = re.sub(r"<([a-z0-9-]+)>", lambda m: PLACEHOLDERS.get(m[1], m[1]), line)
    run = subprocess.run(
        shlex.split(filled) + NOBODY, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
             "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1"})
    check("Could not connect to the endpoint URL" in run.stderr,
          f"{filled}\n{run.stderr.strip()}")


def check_with_aws(lines):
    """One line of those that differ only in the service: the AWS CLI takes a second to start."""
    distinct = {re.sub(r"[a-z.]*amazonaws[^ ]*", "S", line): line for line in lines
                if line.startswith("aws ")}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(check_aws_line, distinct.values()))


def main():
    with_aws = "--aws" in sys.argv[2:]
    if with_aws and shutil.which("aws") is None:
        print("there is no AWS CLI; skipped")
        sys.exit(77)
    names = verdicts()
    check(len(names) == 32, f"{len(names)} verdicts: {names}")
    with tempfile.TemporaryDirectory() as directory:
        check_verdicts(names, directory, "")
        commands = check_verdicts(names, directory, CONFIGURATION)
        if with_aws:
            check_with_aws(commands)
        else:
            check_facts(directory)
            check_daemon(directory)
            check_usage(names, directory)
    print(f"{len(names)} verdicts, {len(set(commands))} commands, {len(failures)} failures")
    sys.exit(1 if failures else 0)


main()
