#!/usr/bin/python3
"""The alert rules do what they say, and rules and dashboard use metrics and labels that there are.

    tests/alerts.py SOURCE_DIR

Exit status: 0 all well, 1 something is not, 77 skipped: there is no promtool.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = sys.argv[1]
FROM_ELSEWHERE = {"instance", "job"}  # labels that Prometheus gives
failures = []


def fail(what):
    failures.append(what)
    print("FAILED:", what)


def read(path):
    with open(f"{SOURCE}/{path}", encoding="utf-8") as f:
        return f.read()


def promtool(*words, folder="."):
    r = subprocess.run(["promtool", *words], cwd=f"{SOURCE}/{folder}", capture_output=True,
                       text=True, check=False)
    if r.returncode != 0:
        fail(f"promtool {words}: {r.stdout}{r.stderr}")


def expressions(dashboard):
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def series():
    """metric -> its labels"""
    found = {}
    for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? ", read("tests/golden/metrics.txt"), re.M):
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return found


def check_names(where, text, known):
    names = set(re.findall(r"\b(?:vpce_probe|process)_\w+", text))
    for name in names - set(known):
        fail(f"{where}: no such metric: {name}")
    for name, matchers in re.findall(r"\b((?:vpce_probe|process)_\w+)\{([^}]*)\}", text):
        for label in set(re.findall(r"(\w+)\s*[!=]~?", matchers)):
            if label not in known.get(name, set()) | FROM_ELSEWHERE:
                fail(f"{where}: {name} has no label {label}")
    return names


def check_panels(dashboard, known):
    ids = [panel["id"] for panel in dashboard["panels"]]
    if len(set(ids)) != len(ids):
        fail("two panels with one id")
    rules = []
    for title, text in expressions(dashboard):
        if not check_names(title, text, known):
            fail(f"{title}: no metric of ours")
        rules.append({"record": "a:b", "expr": text.replace("$__rate_interval", "5m")})
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as f:
        json.dump({"groups": [{"name": f"panel{i}", "rules": [rule]}
                              for i, rule in enumerate(rules)]}, f)
        f.flush()
        promtool("check", "rules", f.name)
    return len(rules)


def main():
    if not shutil.which("promtool"):
        print("skipped: there is no promtool")
        return 77
    known = series()
    rules = read("conf/alerts.yml")
    check_names("alerts.yml", rules, known)
    promtool("check", "rules", "conf/alerts.yml")
    promtool("test", "rules", "alerts_test.yml", folder="tests")
    for alert in re.findall(r"- alert: (\w+)", rules):
        if not re.search(rf"alertname: {alert}\n        exp_alerts", read("tests/alerts_test.yml")):
            fail(f"{alert}: no test in which it comes")
    panels = check_panels(json.loads(read("conf/grafana.json")), known)
    print(f"{len(known)} metrics, {panels} panels, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
