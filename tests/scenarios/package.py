#!/usr/bin/python3
"""The packages under a real systemd: installed, upgraded while somebody asks, removed, purged.

    tests/scenarios/package.py --bin BUILD_DIR deb|rpm|lintian

Builds the packages in BUILD_DIR/package. Needs root, overlayfs and the packages of
tests/setup; exits 77 without. It runs itself again inside tests/sdbox (--inside); that part changes
files of the box only.
"""

import argparse
import fcntl
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import unit  # noqa: E402
from unit import CONF, CONSOLE, OUT, SERVICE, SOCKET, SOCKET_UNIT, expect, sh, show, systemctl  # noqa: E402

SOURCE = os.path.abspath(os.path.join(unit.scenarios.HERE, "..", ".."))
NEWEST_GLIBC = (2, 34)  # Amazon Linux 2023
NEEDS = {"deb": ["dpkg-shlibdeps"], "rpm": ["rpmbuild"], "lintian": ["dpkg-shlibdeps", "lintian"]}
SETTINGS = "[Host]\nRegion=eu-west-1\nAccountId=123456789012\nVpcCidrs=10.0.0.0/16\nImds=off\n"
UNITS = (SOCKET_UNIT, SERVICE)
WANTS = "/etc/systemd/system/vpce-probe.service.wants"
LIBRARIES = ["libcares", "libevent-2.1", "libevent_openssl-2.1", "libexpat", "libssl", "libcrypto",
             "libsystemd", "libinih", "libjansson"]
NEWER = "99.1"  # another package with this version, and a line more in the configuration it brings
NEW_LINE = "# a line of the newer package"
PRESET = "/etc/systemd/system-preset/10-test.preset"
FOLDERS = ["/etc", "/usr", "/var", "/run", "/lib"]


# --- inside

def files():
    """All that has our name, but not what man keeps of a manual."""
    names = sh(["find", *FOLDERS, "-name", "*vpce-probe*", "-not", "-path", "/usr/local/*",
                "-not", "-path", "/var/lib/dpkg/info/*", "-not", "-path", "/var/cache/man/*"])[1]
    return set(names.split("\n")) - {""}


def enabled():
    return [sh(["systemctl", "is-enabled", name])[1] for name in UNITS]


def console():
    return sh(["systemctl", "is-enabled", CONSOLE])[1]


def active():
    return [show("ActiveState", name) for name in UNITS]


def explained():
    """Whether the journal's catalog has our texts."""
    return "vpce-probe: " in sh(["journalctl", "--list-catalog"])[1]


def installed():
    expect("curl answers", unit.wait_until(unit.alive), True)
    expect("systemd-analyze verify", sh(["systemd-analyze", "verify", *UNITS]), (0, ""))
    expect("the catalog is known", explained(), True)
    expect("a manual", sh("MANPAGER=cat man -w vpce-probe.conf")[1:],
           ("/usr/share/man/man5/vpce-probe.conf.5.gz",))
    expect("both programs run", [sh([p, "--version"])[0] for p in ("vpce-probe", "vpce-probed")],
           [0, 0])


class Asking:
    """Somebody who asks all the time."""

    def __enter__(self):
        self.stop = threading.Event()
        self.answers = []
        self.thread = threading.Thread(target=self.ask)
        self.thread.start()
        return self

    def ask(self):
        while not self.stop.is_set():
            self.answers.append(unit.curl()[:2])

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()

    def failures(self):
        # one that is just being served may lose its answer, none may stand before a closed door
        return [a for a in self.answers if a[0] not in (52, 56) and a != (0, "200")]


def listener():
    return os.stat(SOCKET).st_ino, show("ActiveEnterTimestampMonotonic", SOCKET_UNIT)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def upgrade(command, offered):
    """To the newer one. offered: where its configuration goes, beside the administrator's own."""
    unit.write(CONF, "\n[Probe]\nInterval=7s\n", "a")
    mine = read(CONF)
    before, pid = listener(), unit.main_pid()
    with Asking() as somebody:
        unit.wait_until(lambda: len(somebody.answers) > 5)
        expect("upgrade", sh(command)[0], 0)
        expect("a new daemon", unit.wait_until(lambda: unit.main_pid() not in (0, pid)), True)
        n = len(somebody.answers)
        unit.wait_until(lambda: len(somebody.answers) > n + 5)
    expect(f"all of {len(somebody.answers)} are answered meanwhile", somebody.failures(), [])
    lost = [a for a in somebody.answers if a[0] in (52, 56)]
    print(f"     ({len(lost)} lost the answer that was on its way)")
    expect("the same listener", listener(), before)
    expect("the settings stay", read(CONF), mine)
    expect("the new ones are beside them", NEW_LINE in read(offered), True)
    os.unlink(offered)


def listens_for_prometheus():
    """The drop-in of the README."""
    path = f"/etc/systemd/system/{SOCKET_UNIT}.d/tcp.conf"
    unit.write(path, "[Socket]\nListenStream=9899\n")
    systemctl("daemon-reload")
    systemctl("restart", *UNITS)

    def get(what):
        return sh(["curl", "-s", "-m", "10", "-o", "/dev/null", "-w", "%{http_code}",
                   f"http://127.0.0.1:9899/{what}"])

    expect("metrics over TCP", unit.wait_until(lambda: get("metrics") == (0, "200")), True)
    expect("nothing else", get("v1/status"), (0, "404"))
    expect("the Unix socket answers, too", unit.alive(), True)
    shutil.rmtree(os.path.dirname(path))
    systemctl("daemon-reload")
    systemctl("restart", *UNITS)
    unit.wait_until(unit.alive)


def presets_decide(install):
    unit.write(PRESET, "disable vpce-probe.*\n")
    expect("install where a preset says no", sh(install)[0], 0)
    expect("it is obeyed", (enabled(), active()), (["disabled"] * 2, ["inactive"] * 2))
    os.unlink(PRESET)


def deb(package, newer):
    install = ["dpkg", "-i", package]
    before = files()
    code, out = sh(install)
    expect("install", code, 0)
    if code != 0:
        print(out)
    expect("enabled", enabled(), ["enabled", "enabled"])
    expect("started", active(), ["active", "active"])
    installed()
    listens_for_prometheus()
    expect("the console is not told", console(), "disabled")
    upgrade(["dpkg", "--force-confold", "-i", newer], CONF + ".dpkg-dist")
    expect("it is the newer one", sh(["dpkg-query", "-W", "-f", "${Version}", "vpce-probe"]),
           (0, NEWER))
    install = ["dpkg", "--force-confold", "-i", newer]
    systemctl("enable", CONSOLE)
    systemctl("disable", "--now", SERVICE)
    expect("upgrade", sh(install)[0], 0)
    expect("what is disabled stays so", (enabled(), active()),
           (["enabled", "disabled"], ["active", "inactive"]))
    systemctl("start", SERVICE)
    expect("remove", sh(["dpkg", "-r", "vpce-probe"])[0], 0)
    expect("stopped", active(), ["inactive", "inactive"])
    expect("the catalog is clean", explained(), False)
    expect("settings are left", files() - before,
           {CONF, "/etc/systemd/system/sockets.target.wants/" + SOCKET_UNIT,
            WANTS, os.path.join(WANTS, CONSOLE)})
    expect("install again", sh(install)[0], 0)
    expect("as it was", (enabled(), active()), (["enabled", "disabled"], ["active", "inactive"]))
    expect("purge", sh(["dpkg", "-P", "vpce-probe"])[0], 0)
    expect("nothing is left", (files() - before, os.path.exists(os.path.dirname(CONF))),
           (set(), False))
    presets_decide(install)
    sh(["dpkg", "-P", "vpce-probe"])
    untouched_settings_are_renewed(package, newer)


def untouched_settings_are_renewed(package, newer):
    sh(["dpkg", "-i", package])
    expect("the old settings", NEW_LINE in read(CONF), False)
    expect("upgrade, nothing was changed, nobody is asked", sh(["dpkg", "-i", newer])[0], 0)
    expect("the new settings", NEW_LINE in read(CONF), True)


def rpm(package, newer):
    options = ["--nodeps", "--force-debian"]
    before = files()
    expect("install", sh(["rpm", "-i", *options, package])[0], 0)
    expect("presets decide, nothing is started", (enabled(), active()),
           (["enabled", "enabled"], ["inactive", "inactive"]))
    expect("verify", sh(["rpm", "-V", "--nodeps", "vpce-probe"]), (0, ""))
    systemctl("start", *UNITS)
    installed()
    requires = sh(["rpm", "-q", "--requires", "vpce-probe"])[1]
    expect("a soname of each library is required",
           [name for name in LIBRARIES if not re.search(rf"^{re.escape(name)}\.so\.\d", requires, re.M)],
           [])
    expect("the console is not told", console(), "disabled")
    systemctl("enable", CONSOLE)
    upgrade(["rpm", "-U", *options, newer], CONF + ".rpmnew")
    expect("it is the newer one", sh(["rpm", "-q", "--qf", "%{VERSION}", "vpce-probe"]), (0, NEWER))
    expect("verify", sh(["rpm", "-V", "--nodeps", "vpce-probe"])[1].split(), ["S.5....T.", "c", CONF])
    expect("erase", sh(["rpm", "-e", "vpce-probe"])[0], 0)
    expect("stopped", active(), ["inactive", "inactive"])
    expect("the catalog is clean", explained(), False)
    expect("the administrator's settings are left", files() - before,
           {CONF + ".rpmsave"})
    os.unlink(CONF + ".rpmsave")
    presets_decide(["rpm", "-i", *options, package])


def inside(kind):
    unit.write("/etc/vpce-probe/conf.d/host.conf", SETTINGS)
    before = sh("ls /etc/vpce-probe")[1]
    expect("only what the test brings", before, "conf.d")
    try:
        {"deb": deb, "rpm": rpm}[kind](*(glob.glob(f"{OUT}/{age}/*.{kind}")[0]
                                         for age in ("this", "newer")))
    except OSError as error:
        expect("it goes on", error, None)
    status = expect.exit_status()
    if status != 0:
        print(sh(["journalctl", "-q", "-u", "vpce-probe.*", "-n", "40"])[1])
    return status


# --- outside

def build(folder, generator):
    """Returns a folder of its own with the package, this/*, and the same again as if it were newer,
    newer/*. A second test waits, and finds all compiled."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, ".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        copy = tempfile.mkdtemp(prefix="vpce-package-")
        script = os.path.join(copy, "newer.cmake")
        unit.write(script, 'file(GLOB_RECURSE conf "${CPACK_TEMPORARY_DIRECTORY}/*/vpce-probe.conf")\n'
                   f'file(APPEND ${{conf}} "{NEW_LINE}\n")\n')
        cpack = ["cpack", "-G", generator, "--config", f"{folder}/CPackConfig.cmake"]
        for command in (["cmake", "--preset", "package", "-B", folder],
                        ["cmake", "--build", folder],
                        [*cpack, "-B", f"{copy}/this"],
                        [*cpack, "-B", f"{copy}/newer", "-D", f"CPACK_PACKAGE_VERSION={NEWER}",
                         "-D", f"CPACK_PRE_BUILD_SCRIPTS={script}"]):
            code, out = sh_in(command, SOURCE)
            if code != 0:
                print(out)
                shutil.rmtree(copy)
                sys.exit(1)
    return copy


def sh_in(command, folder):
    r = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, check=False)
    return r.returncode, r.stdout


def libraries_are_old_enough(folder):
    for name in ("vpce-probe", "vpce-probed"):
        symbols = sh(["objdump", "-T", os.path.join(folder, name)])[1]
        versions = {tuple(map(int, v.split("."))) for v in re.findall(r"GLIBC_([0-9.]+)", symbols)}
        expect(f"{name}: no GLIBC above {NEWEST_GLIBC}",
               (bool(versions), [v for v in versions if v > NEWEST_GLIBC]), (True, []))


def lintian(folder):
    package = glob.glob(f"{folder}/this/*.deb")[0]
    code, out = sh(["lintian", "--allow-root", "--fail-on", "error,warning", package])
    expect("lintian", (code, out), (0, ""))
    return expect.exit_status()


def in_box(folder, kind):
    for name in ("package.py", "unit.py", "world.py", "journal.py"):
        shutil.copy(os.path.join(unit.scenarios.HERE, name), folder)
    os.chmod(folder, 0o755)
    prepare = os.path.join(folder, "prepare")
    unit.write(prepare, '#!/bin/sh\nrm -rf "$1/etc/vpce-probe" "$1/usr/sbin/policy-rc.d" '
               '"$1/var/lib/man-db/auto-update"\n')
    os.chmod(prepare, 0o755)
    r = subprocess.run([unit.SDBOX, "run", "-b", folder, "-p", prepare, "--", sys.executable,
                        f"{OUT}/package.py", "--inside", kind], check=False,
                       stdin=subprocess.DEVNULL)
    if r.returncode == 125:
        print("skipped: no systemd can be started here")
        return 77
    return r.returncode


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin")
    parser.add_argument("--inside", action="store_true")
    parser.add_argument("kind", choices=NEEDS)
    args = parser.parse_args()
    if args.inside:
        return inside(args.kind)
    missing = [name for name in NEEDS[args.kind] if not shutil.which(name)]
    if missing or os.geteuid() != 0:
        print("skipped: needs root and the packages of tests/setup;", *missing)
        return 77
    built = os.path.join(os.path.abspath(args.bin), "package")
    folder = build(built, "RPM" if args.kind == "rpm" else "DEB")
    try:
        if args.kind == "lintian":
            return lintian(folder)
        libraries_are_old_enough(built)
        return in_box(folder, args.kind) or expect.exit_status()
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
