#!/usr/bin/python3
"""Name servers and TLS servers that lie, stall, flood and break off, against the real daemon and
the real `vpce-probe check`. Each gets its right verdict, memory and descriptors stay bounded, what the
servers say reaches no terminal, log or page as it is, and good endpoints stay good all along.

    tests/scenarios/hostile.py --bin BUILD_DIR            a handshake is cut at every 8th place
    tests/scenarios/hostile.py --bin BUILD_DIR --long     at every one, each of them twice
    tests/scenarios/hostile.py --bin BUILD_DIR --only KEY  one case (or several, with commas)

Runs in namespaces of its own (network, mounts, processes), which end with it. Needs root and the
packages of tests/setup; exits 77 without.
"""

import argparse
import concurrent.futures
import json
import os
import re
import shutil
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import hostile_certs  # noqa: E402
import hostile_dns  # noqa: E402
import hostile_tls  # noqa: E402
import lonely  # noqa: E402
import world as scenarios  # noqa: E402

expect = scenarios.Expectations()
RUNS = 3
SHORT_STRIDE = 8
MEMORY_KIB = 24 * 1024  # what all the hostile servers together may cost at most
MEMORY_AGAIN_KIB = 2 * 1024  # and when they do it again
GOOD = "[Endpoint good]\nHost=good.tls.test\n"
# What nobody may find in what we show: bytes that move a cursor, and a page's own language.
CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")
MARKUP = re.compile(rb"<script>alert|<b>")


def verdicts_of(status):
    return {e["endpoint"]: e["verdict"] for e in status["endpoints"]}


def differences(status, wanted):
    got = verdicts_of(status)
    return {key: (got.get(key), verdict) for key, verdict in wanted.items()
            if got.get(key) != verdict}


def settle(daemon, wanted, runs):
    """All have had so many runs, and their right verdict, the newest run's too. Returns what was
    wrong, or None, and the status in which nothing was."""
    last = {}

    def condition(status):
        last.update(status)
        few = [e["endpoint"] for e in status["endpoints"] if e["runs"] < runs]
        other = {e["endpoint"]: e["last_run"]["verdict"] for e in status["endpoints"]
                 if e["last_run"] and e["last_run"]["verdict"] != wanted[e["endpoint"]]}
        return f"too few runs: {few}" if few else differences(status, wanted) or other or None
    return lonely.wait_until(daemon, condition), last


def check_good(status):
    """The good endpoint has not been anything else since it was first."""
    good = scenarios.endpoint(status, "good")
    expect("the good endpoint is good", (good["state"], good["verdict"]), ("ok", "ok"))
    return good["since"]


def check_dns(status, keys):
    for key in keys:
        e = scenarios.endpoint(status, key)
        got = [a["address"] for a in e["addresses"]]
        expect(f"{key}: addresses", len(got), hostile_dns.CASES[key][2])
        expect(f"{key}: none of them forged", hostile_dns.FORGED in got, False)
    if "many" in keys:
        many = scenarios.endpoint(status, "many")
        expect("many: said that there were more", any("500" in n for n in many["notes"]), True)
    for e in status["endpoints"]:
        for text in e["dns"]["cname"]:
            expect(f"{e['endpoint']}: a CNAME in print", (text.isascii(), text.isprintable()),
                   (True, True))
    for key, at_least in (("cname-chain", 2),):
        if key in keys:
            n = len(scenarios.endpoint(status, key)["dns"]["cname"])
            expect(f"{key}: {n} CNAMEs kept", at_least <= n <= 8, True)


def check_tls(status, keys):
    for e in (e for e in status["endpoints"] if e["endpoint"] in keys):
        if not e["endpoint"].startswith(("cut", "alert")):
            continue
        errors = {(a["outcome"], a["error"]) for a in e["addresses"]}
        if e["endpoint"].startswith("alert"):
            expect(f"{e['endpoint']}: {len(errors)} alerts told apart",
                   ({o for o, _ in errors}, len(errors) > 4), ({"alert"}, True))
        else:
            expect(f"{e['endpoint']}: none of its handshakes is ok",
                   "ok" in {o for o, _ in errors}, False)
    if "many-names" in keys:
        names = scenarios.endpoint(status, "many-names")["addresses"][0]["tls"]["names"]
        expect("many-names: few are kept", 0 < len(names) <= 33, True)


def check_texts(daemon):
    """Nothing that a server said comes out as it is."""
    for what, text in (("status", daemon.run_cli("status", "--socket", daemon.socket).stdout),
                       ("the page", daemon.get("/")), ("JSON", daemon.get("/v1/status")),
                       ("metrics", daemon.get("/metrics")), ("/healthz", daemon.get("/healthz")),
                       ("the log", daemon.log())):
        expect(f"no control characters in {what}", CONTROL.findall(text)[:3], [])
        if what == "the page":
            expect("nor markup", MARKUP.findall(text)[:3], [])
        expect(f"{what}: there", len(text) > 10, True)


def check_once(daemon, wanted):
    """`vpce-probe check` says the same. It asks once, and on a busy machine our servers may be late:
    one of three times."""
    well = set(wanted.values()) == {"ok"}
    got = None
    for _ in range(3):
        done = daemon.run_cli("check", "--config", daemon.conf, "--json")
        got = (done.returncode,
               differences(json.loads(done.stdout or "{\"endpoints\": []}"), wanted))
        if got == (0 if well else 2, {}):
            break
    expect("check: exit status and verdicts", got, (0 if well else 2, {}))
    text = daemon.run_cli("check", "--config", daemon.conf).stdout
    expect("check: no control characters", CONTROL.findall(text)[:3], [])


def check_cuts(daemon, server, rounds):
    cuts = {key: case[0] for key, case in server.cases.items()
            if isinstance(case[0], hostile_tls.Cuts)}
    said = lonely.wait_until(daemon, lambda _: [key for key, cut in cuts.items()
                                         if cut.rounds.value < rounds] or None)
    for key, cut in cuts.items():
        expect(f"{key}: cut at each {cut.stride}. of {cut.length.value} bytes", said, None)


def endpoints_of(tls_cases, dns_cases):
    lines = [f"[Endpoint {key}]\nHost={key}.tls.test\n{case[2]}"
             for key, case in tls_cases.items()]
    lines += [f"[Endpoint {key}]\nHost={key}.dns.test\n" for key in dns_cases]
    wanted = {key: case[1] for key, case in (tls_cases | dns_cases).items()}
    return "".join(lines), wanted | {"good": "ok"}


def check_alone(daemon, key):
    """One hostile name at a name server, of which the good one knows nothing."""
    endpoints, wanted = endpoints_of({}, {key: hostile_dns.LONE_CASES[key]})
    wrong, status = settle(daemon, {"good": "ok"}, 2)
    expect(f"{key}: good to begin with", wrong, None)
    since = check_good(status)
    daemon.reload(endpoints)
    wrong, status = settle(daemon, wanted, RUNS)
    expect(f"{key}: verdict", wrong, None)
    expect(f"{key}: addresses", len(scenarios.endpoint(status, key)["addresses"]),
           hostile_dns.LONE_CASES[key][2])
    check_once(daemon, wanted)
    expect(f"{key}: good without a break", check_good(daemon.status()), since)
    expect(f"{key}: nobody says that DNS is down", b"resolver-down" in daemon.log(), False)


def run(args, daemon, tls, dns_cases):
    endpoints, wanted = endpoints_of(tls.cases, dns_cases)
    wrong, status = settle(daemon, {"good": "ok"}, 2)
    expect("good to begin with", wrong, None)
    since = check_good(status)
    before = {"descriptors": daemon.descriptors(), "peak": daemon.memory_kib("VmHWM")}
    daemon.reload(endpoints)
    check_cuts(daemon, tls, 2 if args.long else 1)
    wrong, status = settle(daemon, wanted, RUNS)
    expect(f"{len(wanted)} verdicts", wrong, None)
    first = daemon.memory_kib("VmHWM")
    check_dns(status, dns_cases)
    check_tls(status, tls.cases)
    check_texts(daemon)
    check_once(daemon, wanted)
    runs = max(e["runs"] for e in daemon.status()["endpoints"])
    wrong, status = settle(daemon, wanted, min(runs, 2 * RUNS))
    expect("and again", wrong, None)
    expect("good without a break", check_good(daemon.status()), since)
    again = daemon.memory_kib("VmHWM")
    print(f"     peak memory {before['peak']} KiB, {first} KiB, {again} KiB; {runs} runs")
    if not daemon.is_sanitized():
        expect("little memory", first - before["peak"] < MEMORY_KIB, True)
        expect("and not more later", again - first < MEMORY_AGAIN_KIB, True)
    daemon.reload("")
    expect("all gone", lonely.wait_until(
        daemon, lambda status: None if len(status["endpoints"]) == 1 else "no"), None)
    expect("no descriptors left", lonely.wait_until(
        daemon, lambda _: None if daemon.descriptors() <= before["descriptors"]
        else daemon.descriptors()), None)
    expect("good in the end", check_good(daemon.status()), since)


def run_all(args, daemons, tls, dns_cases):
    """All of them at the same time."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        jobs = [pool.submit(run, args, daemon, tls, dns_cases) if key == "all" else
                pool.submit(check_alone, daemon, key) for key, daemon in daemons.items()]
        for job in jobs:
            try:
                job.result()
            except RuntimeError as problem:
                expect("the test runs to its end", str(problem), None)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only")
    args = parser.parse_args()
    if os.geteuid() != 0 or not shutil.which("openssl") or not shutil.which("ip"):
        print("skipped: needs root and the packages of tests/setup")
        return 77
    lonely.enter_namespaces()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started = time.monotonic()
    if args.long:
        lonely.WAIT_S *= 5
    lonely.set_up()
    ca = hostile_certs.Authority(lonely.FOLDER)
    good, tls_cases = hostile_tls.make_cases(ca, 1 if args.long else SHORT_STRIDE)
    only = args.only.split(",") if args.only else None
    tls_cases, dns_cases, lone_cases = (
        {key: case for key, case in cases.items() if only is None or key in only}
        for cases in (tls_cases, hostile_dns.CASES, hostile_dns.LONE_CASES))
    tls = hostile_tls.Server(good, tls_cases)
    zone = tls.zone | {"good.tls.test": [hostile_dns.GOOD]}
    for address in (hostile_dns.SERVER, hostile_dns.WITHOUT_TCP):
        hostile_dns.Server(zone, address)
    nameservers = {key: case[3] for key, case in lone_cases.items()}
    if tls_cases or dns_cases:
        nameservers["all"] = hostile_dns.SERVER
    daemons = {key: lonely.Daemon(os.path.abspath(args.bin), key, server, ca.path("root.crt"), GOOD)
               for key, server in nameservers.items()}
    try:
        run_all(args, daemons, tls, dns_cases)
    finally:
        for key, daemon in daemons.items():
            ended = daemon.stop()
            if expect.failures or ended != 0:
                print(key, daemon.log()[-3000:])
            expect(f"the end of the daemon for {key}", ended, 0)
    print(f"{time.monotonic() - started:.0f} s")
    return expect.exit_status()


if __name__ == "__main__":
    sys.exit(main())
