"""The aims of speed, and whether the figures of tests/bench/run meet them. Nothing is asserted."""

import statistics

from bed import RTT_MS

CPU_OF_REFERENCE = {"daemon default": 1.10, "daemon lean": 0.70}
ROUND_TRIPS = 3  # DNS, TCP, TLS 1.3
VERDICT_EXTRA_MS = 3.5
MANY, FEW = 10000, 1000
GROWTH = 1.05
PEAK_KB = 25 * 1024
IDLE_KB = 9.5 * 1024
IDLE_WAKEUPS = 2
IDLE_CPU_PERCENT = 0.1
START_MS = 50


def median(cell, who, what):
    return statistics.median(r[what] for r in cell["figures"][who]["rounds"])


def ratio(cell, who, to="reference"):
    """Of CPU, round by round: both had the same machine."""
    pairs = zip(cell["figures"][who]["rounds"], cell["figures"][to]["rounds"])
    return statistics.median(a["cpu_us"] / b["cpu_us"] for a, b in pairs)


def where(cell):
    return f"{cell['n']} x {cell['addresses']}, {cell['key']}, {cell['rtt_ms']} ms"


def goal(what, aim, got, met, note=""):
    return {"goal": what, "aim": aim, "got": got, "met": met, "note": note}


def cpu_goals(cells):
    for who, aim in CPU_OF_REFERENCE.items():
        ratios = [(ratio(cell, who), cell) for cell in cells]
        worst, at = max(ratios, key=lambda pair: pair[0])
        n = sum(r <= aim for r, _ in ratios)
        yield goal(f"{who}: CPU an address, of the reference's", f"{aim:.2f}", f"{worst:.2f}",
                   worst <= aim, f"worst of all, {where(at)}; {n} of {len(ratios)} rows meet it")


def verdict_goals(cells):
    for cell in cells:
        if (cell["n"], cell["addresses"], cell["rtt_ms"]) != (7, 3, RTT_MS):
            continue
        aim = ROUND_TRIPS * RTT_MS + VERDICT_EXTRA_MS + 21 * median(
            cell, "reference", "cpu_us") / 1e3
        for who in ("check", "check bundle", "check lean"):
            got = median(cell, who, "told_ms")
            yield goal(f"{who}: first verdict of 7 x 3 addresses ({cell['key']}), ms",
                       f"{aim:.1f}", f"{got:.1f}", got <= aim,
                       "start included, all of it told; the process has ended after "
                       f"{median(cell, who, 'wall_ms'):.1f}; the reference, already running: "
                       f"{median(cell, 'reference', 'wall_ms'):.1f}")


def many_goals(cells):
    for cell in cells:
        if cell["n"] != MANY:
            continue
        for who in CPU_OF_REFERENCE:
            got = ratio(cell, who, f"{who} few")
            yield goal(f"{who}: CPU an address, of that with {FEW} names", f"{GROWTH:.2f}",
                       f"{got:.2f}", got <= GROWTH, where(cell))
            peak = cell["figures"][who]["peak_kb"]
            yield goal(f"{who}: resident peak, MB", f"{PEAK_KB / 1024:.0f}",
                       f"{peak / 1024:.1f}", peak <= PEAK_KB, where(cell))


def idle_goals(idle):
    for what, aim, got, form in (
            ("resident, MB", IDLE_KB / 1024, idle["resident_kb"] / 1024, ".1f"),
            ("wake-ups a cycle", IDLE_WAKEUPS, idle["wakeups_per_cycle"], ".1f"),
            ("CPU, %", IDLE_CPU_PERCENT, idle["cpu_percent"], ".3f")):
        yield goal(f"idle: {what}", f"{aim:g}", f"{got:{form}}", got <= aim,
                   "7 endpoints, 30 s, full bundle, no watchdog")


def goals_of(figures):
    found = list(cpu_goals(figures["cells"])) + list(verdict_goals(figures["cells"])) + \
        list(many_goals(figures["cells"]))
    if figures["idle"]:
        found += idle_goals(figures["idle"])
    start = statistics.median(figures["start_cpu_ms"])
    found.append(goal("daemon: CPU until READY=1, ms", f"{START_MS}", f"{start:.1f}",
                      start <= START_MS, "7 endpoints, full bundle"))
    if not any(cell["n"] == MANY for cell in figures["cells"]):
        found.append(goal(f"{MANY} endpoints: CPU an address, resident peak", "", "", None))
    if not any((c["n"], c["addresses"], c["rtt_ms"]) == (7, 3, RTT_MS) for c in figures["cells"]):
        found.append(goal("check: first verdict", "", "", None))
    return found


def print_goals(goals):
    for g in goals:
        if g["met"] is None:
            print(f"not measured  {g['goal']}")
            continue
        print(f"{'met' if g['met'] else 'NOT MET':12}  {g['goal']}: {g['got']}, aim <= {g['aim']}"
              f" ({g['note']})")
