#!/usr/bin/python3
"""Scenarios: the real daemon in a VPC of network namespaces. Each breaks something, waits until
the daemon says what it must say, heals it, and waits until all is well again.

    tests/scenarios/run.py --bin BUILD_DIR [--worlds N] [NAME_PART]

Needs root and the packages of tests/setup; exits 77 without. Waiting is bounded, never measured.
What is broken and what must be said: tests/scenarios/faults.py and pairs.py.
"""

import argparse
import concurrent.futures
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faults import FAULTS  # noqa: E402
from pairs import PAIRS  # noqa: E402
from scenario import verdicts_of  # noqa: E402
from table import print_table  # noqa: E402
from world import (ALL, HERE, STATE, STOPPING, WAIT_S, Expectations, World,  # noqa: E402, F401
                   cannot_run, endpoint, in_world, stop_on_signals)

SCENARIOS = FAULTS + PAIRS


class Report:
    """What the scenarios came to, told as they end and in a table after the last."""

    def __init__(self):
        self.results = {}

    def __call__(self, name, wrong, status):
        self.results[name] = (wrong, status)
        said = " ".join(verdicts_of(status)) if status else ""
        print(f"{'ok  ' if wrong is None else 'FAIL'} {name:46} {said:.48}".rstrip(), flush=True)
        if wrong is not None:
            print(f"     {wrong}", flush=True)

    def rows(self):
        for scenario in SCENARIOS:
            wrong, status = self.results.get(scenario.name, (None, None))
            if status is not None:
                mark = "" if wrong is None else "FAIL "
                yield ([mark + scenario.name], scenario.broken(), verdicts_of(status),
                       [c["verdict"] for c in status["causes"]] or ["none"])

    def end(self):
        failed = sum(1 for wrong, _ in self.results.values() if wrong is not None)
        print()
        print_table(self.rows())
        print(f"{len(self.results)} scenarios, {failed} failed")
        return 1 if failed or not self.results else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--worlds", type=int, default=4)
    parser.add_argument("part", nargs="?", default="")
    args = parser.parse_args()
    if cannot_run():
        print(f"skipped: {cannot_run()}")
        return 77
    stop_on_signals()
    report = Report()
    todo = [scenario for scenario in SCENARIOS if args.part in scenario.name]

    def work(world, scenario):
        report(scenario.name, *scenario.run(world))

    with concurrent.futures.ThreadPoolExecutor(args.worlds) as pool:
        ends = [pool.submit(in_world, i, os.path.abspath(args.bin), todo, work)
                for i in range(min(args.worlds, len(todo)))]
        for i, end in enumerate(ends):
            if end.result() is not None:
                report(f"world {i}", end.result(), None)
    return 143 if STOPPING.is_set() else report.end()


if __name__ == "__main__":
    sys.exit(main())
