#!/usr/bin/python3
"""Every verdict that the status can tell is expected by some scenario, as an endpoint's verdict or
as a cause of the host; but for those below. Needs no root: nothing is run."""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import run as scenarios  # noqa: E402

SCHEMA = os.path.join(scenarios.HERE, "..", "..", "daemon", "status.schema.json")

# verdict -> why no scenario brings it about
EXCEPTIONS = {
    "no-resources": "makes no statement: neither state nor verdict change (tests/flow has it)",
}


def promised():
    """Codes that the schema allows for an endpoint, and for a cause of the host alone."""
    with open(SCHEMA, encoding="utf-8") as f:
        properties = json.load(f)["properties"]
    verdicts = properties["endpoints"]["items"]["properties"]["verdict"]["enum"]
    causes = properties["causes"]["items"]["properties"]["verdict"]["enum"]
    return set(verdicts) - {None}, set(causes) - set(verdicts)


def main():
    verdicts, causes = promised()
    expected = {verdict for s in scenarios.SCENARIOS for verdict in s.expect.values()}
    expected.add("ok")  # of every endpoint that is not named
    told = {code for s in scenarios.SCENARIOS for code, _ in s.causes}
    names = [s.name for s in scenarios.SCENARIOS]
    expect = scenarios.Expectations()
    expect("each verdict has a scenario", sorted(verdicts - expected - set(EXCEPTIONS)), [])
    expect("each cause has a scenario", sorted(causes - told), [])
    expect("no scenario expects what is not in the schema",
           sorted((expected - verdicts) | (told - causes - verdicts)), [])
    expect("no exception is needless",
           sorted(v for v in EXCEPTIONS if v in expected or v not in verdicts), [])
    expect("no name is there twice", sorted({n for n in names if names.count(n) > 1}), [])
    return expect.exit_status()


if __name__ == "__main__":
    sys.exit(main())
