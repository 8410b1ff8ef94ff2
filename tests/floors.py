#!/usr/bin/python3
"""The oldest libraries that will do: CMakeLists.txt refuses what is older, and README.md says the
same versions.

    tests/floors.py SOURCE_DIR

Each library in turn is made a little too old: a copy of its .pc file says so.
"""

import os
import re
import subprocess
import sys
import tempfile

# pkg-config's name, CMakeLists.txt's, README.md's
LIBRARIES = [("libcares", "CARES", "c-ares"), ("libevent", "EVENT", "libevent"),
             ("libevent_openssl", "EVENT", "libevent"), ("openssl", "OPENSSL", "OpenSSL"),
             ("libsystemd", "SYSTEMD", "libsystemd"), ("expat", "EXPAT", "expat"),
             ("jansson", "JANSSON", "jansson")]


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as f:
        return f.read()


def older(version):
    """A version just before this one."""
    numbers = [int(n) for n in version.split(".")]
    last = max(i for i, n in enumerate(numbers) if n > 0)
    return ".".join(map(str, numbers[:last] + [numbers[last] - 1, 99]))


def configure(source, folder, pc_folder):
    """What CMake says. The compiler is taken on trust: it is not what is asked about."""
    return subprocess.run(
        ["cmake", "-S", source, "-B", os.path.join(folder, "build"), "-DCMAKE_C_COMPILER_WORKS=1",
         "-DVPCE_TESTS=OFF"], env=dict(os.environ, PKG_CONFIG_PATH=pc_folder),
        capture_output=True, text=True, check=False)


def refusal(source, module, version):
    """What is wrong with how this version is met, or None."""
    pc_folder = subprocess.run(["pkg-config", "--variable=pcfiledir", module], check=True,
                               capture_output=True, text=True).stdout.strip()
    text = read(pc_folder, module + ".pc")
    with tempfile.TemporaryDirectory(prefix="vpce-floors-") as folder:
        with open(os.path.join(folder, module + ".pc"), "w", encoding="utf-8") as f:
            f.write(re.sub(r"(?m)^Version:.*$", "Version: " + version, text))
        done = configure(source, folder, folder)
    words = " ".join((done.stderr + done.stdout).split())
    if done.returncode == 0:
        return "is taken"
    if f"'{module}' has version '{version}', required version is" in words:
        return None
    return f"is refused otherwise: {words[:400]}"


def main():
    source = sys.argv[1]
    floors = dict(re.findall(r"set\(VPCE_(\w+)_MIN ([\d.]+)\)", read(source, "CMakeLists.txt")))
    readme = " ".join(read(source, "README.md").split())
    wrong = []
    for module, name, product in LIBRARIES:
        if f"{product} {floors[name]}," not in readme:
            wrong.append(f"README.md does not say {product} {floors[name]}")
        said = refusal(source, module, older(floors[name]))
        if said is not None:
            wrong.append(f"{module} {older(floors[name])} {said}")
    print("\n".join(wrong) if wrong else f"{len(LIBRARIES)} libraries: older ones are refused")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
