#!/bin/sh
# Every C file is as clang-format leaves it.
set -eu
cd "$(dirname "$0")/.."
command -v clang-format >/dev/null || { echo "no clang-format: skipped"; exit 77; }
find daemon probes conf systemd tests -name '*.[ch]' -print0 |
    xargs -0 clang-format --dry-run -Werror
