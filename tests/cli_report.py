#!/usr/bin/python3
"""`vpce-probe report`: where the page goes, what it may replace, and what it says when it cannot
know. A server of one page stands for the daemon.

    tests/cli_report.py VPCE_PROBE
"""

import http.server
import os
import pty
import re
import socketserver
import stat
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
failures = []


def expect(what, got, wanted):
    if got != wanted:
        print(f"FAIL {what}\n     got {got!r}, expected {wanted!r}")
        failures.append(what)


class Handler(http.server.BaseHTTPRequestHandler):
    """The sample's status, whatever is asked for."""

    def do_GET(self):  # noqa: N802
        with open(os.path.join(HERE, "golden", "status.json"), "rb") as f:
            body = f.read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

    def address_string(self):
        return "local"


def run(program, folder, *args, **more):
    return subprocess.run([program, "report", "--socket", os.path.join(folder, "socket"), *args],
                          capture_output=True, text=True, check=False, cwd=folder, **more)


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as f:
        return f.read()


def check_page(program, folder):
    page = run(program, folder).stdout
    expect("a pipe gets the page", (page.startswith("<!DOCTYPE html>"), page.endswith("</html>\n")),
           (True, True))
    expect("which runs nothing", "<script>" in page, False)
    expect("with the state", "degraded" in page, True)
    expect("and a time line, or why there is none", '<h2 id="timeline">' in page, True)
    path = os.path.join(folder, "page.html")
    r = run(program, folder, "--output", path)
    expect("a file", (r.returncode, r.stdout, r.stderr), (0, "", ""))
    r = subprocess.run([sys.executable, os.path.join(HERE, "html_pages.py"), path],
                       capture_output=True, text=True, check=False)
    expect("well-formed", (r.returncode, r.stdout), (0, ""))
    expect("-", run(program, folder, "--output", "-").stdout.startswith("<!DOCTYPE"), True)


def check_files(program, folder):
    old_mask = os.umask(0o027)
    with open(os.path.join(folder, "old.html"), "w", encoding="utf-8") as f:
        f.write("old")
    expect("a file is replaced", run(program, folder, "--output", "old.html").returncode, 0)
    os.umask(old_mask)
    expect("whole", read(folder, "old.html").endswith("</html>\n"), True)
    mode = stat.S_IMODE(os.stat(os.path.join(folder, "old.html")).st_mode)
    expect("the umask counts", oct(mode), oct(0o640))
    with open(os.path.join(folder, "target"), "w", encoding="utf-8") as f:
        f.write("precious")
    os.symlink("target", os.path.join(folder, "link.html"))
    r = run(program, folder, "--output", "link.html")
    expect("no symbolic link is followed", (r.returncode, "symbolic link" in r.stderr), (2, True))
    expect("what it points to stays", read(folder, "target"), "precious")
    os.symlink("nowhere", os.path.join(folder, "dangling"))
    expect("nor a dangling one", run(program, folder, "--output", "dangling").returncode, 2)
    expect("what is missing stays so", os.path.exists(os.path.join(folder, "nowhere")), False)
    r = run(program, folder, "--output", "/dev/null")
    expect("no device is replaced", (r.returncode, stat.S_ISCHR(os.stat("/dev/null").st_mode)),
           (2, True))
    expect("no such folder", run(program, folder, "--output", "none/x.html").returncode, 2)
    expect("a folder", run(program, folder, "--output", folder).returncode, 2)
    r = run(program, folder, "--output", "/dev/full/x")
    expect("no folder at all", r.returncode, 2)
    with open("/dev/full", "w", encoding="utf-8") as full:
        r = subprocess.run([program, "report", "--socket", os.path.join(folder, "socket")],
                           stdout=full, stderr=subprocess.PIPE, check=False)
    expect("a full disk is told", (r.returncode, b"cannot write" in r.stderr), (2, True))
    expect("nothing is left behind", [n for n in os.listdir(folder) if "vpce-probe-" in n], [])


def check_terminal(program, folder):
    master, slave = pty.openpty()
    r = subprocess.run([program, "report", "--socket", os.path.join(folder, "socket")],
                       stdout=slave, stderr=slave, cwd=folder, check=False)
    name = os.read(master, 4096).decode().strip()
    os.close(master)
    os.close(slave)
    expect("a terminal gets a file's name", (r.returncode, bool(
        re.fullmatch(r"vpce-probe-report-\d{8}T\d{6}Z\.html", name))), (0, True))
    expect("of the page", read(folder, name).startswith("<!DOCTYPE html>"), True)


def check_usage(program, folder):
    expect("--help", "--output" in run(program, folder, "--help").stdout, True)
    expect("--json is another verb", run(program, folder, "--json").returncode, 64)
    expect("no operands", run(program, folder, "file").returncode, 64)
    conf = os.path.join(folder, "broken.conf")
    with open(conf, "w", encoding="utf-8") as f:
        f.write("[Nonsense]\n")
    r = subprocess.run([program, "report", "--socket", folder + "/none", "--config", conf],
                       capture_output=True, text=True, check=False)
    expect("no daemon and no configuration", (r.returncode, r.stdout), (78, ""))


def main():
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        server = socketserver.ThreadingUnixStreamServer(os.path.join(folder, "socket"), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        check_page(program, folder)
        check_files(program, folder)
        check_terminal(program, folder)
        check_usage(program, folder)
        server.shutdown()
        server.server_close()
    print(f"{len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
