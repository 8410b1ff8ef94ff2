#!/usr/bin/python3
"""The launch gate and the health signal, end to end: the real daemon in a VPC, IMDS, and a strict
stand-in for EC2 Auto Scaling (tests/autoscaling_mock.py) in place of the Region's endpoint.

    tests/scenarios/launch.py --bin BUILD_DIR [--seed N] [PART..]

Needs root, botocore and the packages of tests/setup; exits 77 without. The moments of the kills are
random; the seed is printed.
"""

import argparse
import calendar
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import world as scenarios  # noqa: E402
from clock import Clock  # noqa: E402
from world import STOPPING, Expectations, StatusConnection, cannot_run  # noqa: E402
try:
    from launch_world import GATE, GROUP, HOOK, IMDS, INSTANCE, PORT, LaunchWorld  # noqa: E402
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

# in the middle of a launch whose heartbeats are seldom, the credentials are kept
SELDOM = GATE + "Deadline=1h\nHeartbeat=1min\n"
COMPLETE, BEAT = "CompleteLifecycleAction", "RecordLifecycleActionHeartbeat"
DESCRIBE, HEALTH = "DescribeAutoScalingInstances", "SetInstanceHealth"
KILLS = 20

expect = Expectations()


def get(world, path):
    connection = StatusConnection(world.socket)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def shown(world):
    """The line of `vpce-probe status`."""
    text = subprocess.run([os.path.join(world.bin, "vpce-probe"), "status", "--socket",
                           world.socket], capture_output=True, text=True, check=False).stdout
    return [line for line in text.splitlines() if line.startswith("Auto Scaling")]


def lifecycle(world):
    status = world.status()
    return status and status["lifecycle"]


def is_told(world, action, result):
    """By the status."""
    return lifecycle(world) == {"target": "InService", "last_action": action, "last_result": result}


def goes_on(world):
    """Once the trouble is over: CONTINUE, accepted exactly once, and then silence."""
    done = world.wait_until(lambda: world.state() == "InService")
    world.wait_until(lambda: world.lines("told EC2 Auto Scaling to CONTINUE")
                     or world.lines("no lifecycle action is active"))
    return done, world.results()


ONCE = (True, ["CONTINUE"])


def failed(world, words):
    """Its line in the log, once it is there."""
    world.wait_until(lambda: world.lines(words))
    return world.lines(words)[-1:] or [""]


# ---- the secret ---------------------------------------------------------------------------------

def keeps_the_secret(world):
    texts = {"log": world.log(), **{path: get(world, path) for path in (
        "/v1/status", "/metrics", "/", "/healthz")}}
    for name, text in texts.items():
        expect(f"no piece of a secret: {name}", (text != "", [p for p in world.pieces()
                                                              if p in text]), (True, []))


def cores_come_here(world):
    with open("/proc/sys/kernel/core_pattern", encoding="ascii") as f:
        pattern = f.read().strip()
    with open(os.path.join(world.bin, "vpce-probed"), "rb") as f:
        sanitized = b"__asan_init" in f.read()
    allowed = resource.getrlimit(resource.RLIMIT_CORE)[1] == resource.RLIM_INFINITY
    return "|" not in pattern and "/" not in pattern and allowed and not sanitized


def core_has_no_secret(world):
    """While the credentials are in use. Registers are looked at, too: nothing is copied now."""
    folder = os.path.join(world.folder, "core")
    os.makedirs(folder)
    if not cores_come_here(world):
        print("skipped: no core dumps here")
        return
    world.set_hook()
    world.vpc("break rst ecr.api")
    world.started_by = ["sh", "-c", f'ulimit -c unlimited; cd {folder}; exec "$@"', "sh"]
    world.launch(SELDOM)
    expect("the credentials are used", world.wait_until(lambda: world.accepted(DESCRIBE)), True)
    world.wait_until(lambda: is_told(world, "describe", "ok"))
    world.daemon.send_signal(signal.SIGABRT)
    world.daemon.wait()
    world.daemon = None
    world.started_by = []
    cores = os.listdir(folder)
    with open(os.path.join(folder, cores[0]), "rb") as f:
        core = f.read()
    expect("a core of the daemon", (len(cores), INSTANCE.encode() in core), (1, True))
    expect("no piece of a secret: core", [p for p in world.pieces() if p.encode() in core], [])
    world.vpc("heal rst")


# ---- the gate -----------------------------------------------------------------------------------

def check_schema(world):
    import jsonschema
    validator = jsonschema.Draft7Validator(json.loads(get(world, "/v1/schema")))
    expect("the status holds to the schema",
           [e.message for e in validator.iter_errors(world.status())][:3], [])


def check_metrics(world, *wanted):
    text = get(world, "/metrics")
    if shutil.which("promtool"):
        r = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True,
                           text=True, check=False)
        expect("promtool has nothing to say", (r.returncode, r.stdout + r.stderr), (0, ""))
    else:
        print("skipped: no promtool here")
    counters = [line for line in text.splitlines()
                if line.startswith("vpce_probe_lifecycle_actions_total{")]
    for action, result, n in wanted:
        expect(f"counter {action}, {result}",
               f'vpce_probe_lifecycle_actions_total{{action="{action}",result="{result}"}} {n}'
               in counters, True)


def holds_and_lets_go(world):
    """An instance that boots while an endpoint is broken."""
    world.set_hook(heartbeat_timeout=5.0)
    world.vpc("break sg ecr.api")
    world.launch(GATE + "Deadline=1h\nHeartbeat=600ms\n")
    began = world.group.state()["now"]
    expect("heartbeats hold it for longer than the hook would",
           (world.wait_until(lambda: world.group.state()["now"] > began + 6 and
                             len(world.accepted(BEAT)) > 3), world.state(), world.results()),
           (True, "Pending:Wait", []))
    expect("of this hook, group and instance", world.accepted(BEAT)[0], {
        "LifecycleHookName": HOOK, "AutoScalingGroupName": GROUP, "InstanceId": INSTANCE})
    expect("the status says so", world.wait_until(lambda: is_told(world, "heartbeat", "ok")), True)
    expect("for people", shown(world), ["Auto Scaling (target InService): heartbeat: ok"])
    expect("the log says what is waited for", world.wait_until(
        lambda: "ecr.api (blocked)" in world.lines("prolonged the launch")[-1]), True)
    check_schema(world)
    check_metrics(world, ("describe", "ok", 1))
    world.vpc("heal sg")
    expect("healed, it is let go, once", goes_on(world), ONCE)
    expect("the status says so", world.wait_until(lambda: is_told(world, "continue", "ok")), True)
    expect("for people", shown(world), ["Auto Scaling (target InService): continue: ok"])
    check_schema(world)
    check_metrics(world, ("describe", "ok", 1), ("continue", "ok", 1),
                  ("heartbeat", "ok", len(world.accepted(BEAT))))
    n = len(world.calls())
    world.configure(GATE)
    world.vpc("break sg ecr.api")
    world.wait_until(lambda: world.lines("ecr.api failed"))
    world.vpc("heal sg")
    world.wait_until(lambda: world.lines("ecr.api ok"))
    expect("nothing is said any more: after a reload, an outage, its end", len(world.calls()), n)
    keeps_the_secret(world)


def deadline_passes(world):
    world.set_hook()
    world.vpc("break rst ecr.api")
    world.launch(GATE + "Deadline=3s\nHeartbeat=300ms\nOnDeadline=abandon\n")
    expect("abandoned, once", (world.wait_until(lambda: world.state() == "Terminated"),
                               world.results()), (True, ["ABANDON"]))
    told = failed(world, "to ABANDON the launch of " + INSTANCE)[0]
    expect("the log says why", "ecr.api (refused)" in told, True)
    said = world.said()
    reason = said.find("not ready 3s after the launch began, it is abandoned: ")
    expect("and before it is done", 0 <= reason < said.find(told), True)
    expect("heartbeats until then", (len(world.accepted(BEAT)) > 0, world.calls()[-1]["action"]),
           (True, COMPLETE))
    world.launch(GATE + "Deadline=3s\nHeartbeat=300ms\n")
    late = failed(world, "not ready 3s after the launch began, no more heartbeats are sent")[0]
    expect("not abandoned: the log says so, too", "ecr.api (refused)" in late, True)
    n = len(world.calls(BEAT))
    time.sleep(2)
    expect("no heartbeat beyond the deadline", len(world.calls(BEAT)) - n, 0)
    expect("it is left to the hook", (world.state(), world.results()), ("Pending:Wait", []))
    world.vpc("heal rst")
    expect("ready after all, it is let go", goes_on(world), ONCE)


def waits_in_a_warm_pool(world):
    world.set_hook()
    world.vpc("break rst ecr.api")
    world.launch(warm=True)
    expect("held on its way into the pool",
           (world.wait_until(lambda: world.lines(f"{INSTANCE} is Warmed:Pending:Wait in group")),
            lifecycle(world)["target"]), (True, "Warmed:Stopped"))
    world.vpc("heal rst")
    expect("let go into the pool", (world.wait_until(lambda: world.state() == "Warmed:Stopped"),
                                    world.results()), (True, ["CONTINUE"]))
    world.vpc("break rst ecr.api")
    world.wait_until(lambda: world.lines("ecr.api failed"))
    world.group.do("leave_pool", INSTANCE)
    expect("held on its way into service", world.wait_until(
        lambda: world.lines(f"{INSTANCE} is Pending:Wait in group")), True)
    expect("and not let go yet", world.results(), ["CONTINUE"])
    world.vpc("heal rst")
    expect("let go", (world.wait_until(lambda: world.state() == "InService"), world.results()),
           (True, ["CONTINUE"] * 2))


def is_long_in_service(world):
    """Nothing holds it: one question, and no more."""
    world.remove_hook()
    world.launch()
    world.wait_until(lambda: world.lines(f"{INSTANCE} is InService in group"))
    world.wait_for({}, "healthy")
    world.vpc("break rst ecr.api")
    world.wait_until(lambda: world.lines("host unhealthy"))
    world.vpc("heal rst")
    world.wait_until(lambda: world.lines("host healthy (unhealthy"))
    expect("in service: one question", [c["action"] for c in world.calls()], [DESCRIBE])


# ---- what can fail ------------------------------------------------------------------------------

# fault of the stand-in -> what the log says of it
FAULTS = {
    "unavailable": "EC2 Auto Scaling failed (ServiceUnavailable: Service Unavailable)",
    "html": "is not EC2 Auto Scaling (HTTP status 200): see what the name resolves to",
    "internal": "EC2 Auto Scaling failed (InternalFailure: ",
    "throttling": "throttles this account's calls (Throttling: Rate exceeded)",
    "bad-xml": "is not EC2 Auto Scaling",
    "contention": "the group is being changed by somebody else (ResourceContention: ",
    "close": "closed before the answer was complete",
    "html-502": "EC2 Auto Scaling failed (HTTP status 502)",
    "silence": "took too long (no answer): it is tried again",
}


def group_misbehaves(world):
    """One fault after the other; after each a reload lets it try again at once. The last one stays
    until it is healed."""
    world.set_hook()
    world.vpc("break rst ecr.api")
    world.launch()
    world.wait_until(lambda: world.lines(f"{INSTANCE} is Pending:Wait in group"))
    for name in FAULTS:
        world.group.fault(name, COMPLETE, times=1)
    world.group.fault("throttling", COMPLETE)
    world.vpc("heal rst")
    for name, words in FAULTS.items():
        line = failed(world, words)[0]
        expect(f"{name}: {line[:150]}", line.startswith(COMPLETE + " failed: "), True)
        world.mark_log()
        world.configure(GATE)
    expect("none of them let it go", (world.results(), world.state()), ([], "Pending:Wait"))
    world.group.heal()
    expect("healed, it is let go", goes_on(world), ONCE)


def answer_is_lost(world):
    world.set_hook()
    world.group.set_proceed(600)  # the group takes its time
    world.prepare_launch()
    world.group.fault("lost", COMPLETE, times=1)
    world.start_with()
    quiet = "no lifecycle action is active for " + INSTANCE
    expect("asked again, it was done already", world.wait_until(lambda: world.lines(quiet)), True)
    expect("accepted once, asked twice", (world.results(), len(world.calls(COMPLETE))),
           (["CONTINUE"], 2))
    expect("a wrong Hook= is not ruled out", "or Hook= does not name" in failed(world, quiet)[0],
           True)
    expect("and it is over", world.wait_until(
        lambda: is_told(world, "continue", "no-action")), True)
    expect("for people", shown(world), ["Auto Scaling (target InService): continue: no-action"])
    world.group.set_proceed(0)


def role_may_not(world):
    world.set_hook()
    world.prepare_launch()
    world.group.deny(DESCRIBE)
    world.start_with()
    line = failed(world, DESCRIBE + " failed: access denied")[0]
    expect(f"{DESCRIBE}: what to allow", f'allow autoscaling:{DESCRIBE} on resource "*"' in line,
           True)
    world.group.deny(COMPLETE)
    world.group.allow(DESCRIBE)
    line = failed(world, COMPLETE + " failed: access denied")[0]
    expect(f"{COMPLETE}: what to allow", f"allow autoscaling:{COMPLETE} on arn:aws:autoscaling:"
           f"ap-northeast-1:*:autoScalingGroup:*:autoScalingGroupName/{GROUP} in the instance's "
           "role" in line, True)
    expect("not let go yet", world.results(), [])
    world.group.allow(COMPLETE)
    expect("allowed, it is let go", goes_on(world), ONCE)


def clock_is_wrong(world):
    world.set_hook()
    world.prepare_launch()
    world.group.skew(400)
    world.start_with()
    line = failed(world, "the signature was not accepted")[0]
    expect("the clock is named", "set this host's clock" in line, True)
    world.group.skew(0)
    expect("set right, it is let go", goes_on(world), ONCE)


def clock_is_set(world):
    """This host's own clock, while the daemon runs: ten minutes ahead, a day ahead, right."""
    clock = Clock(world.folder, world.bin)
    world.started_by = clock.words
    for ahead_s, words, remedy in (
            (600, "the signature was not accepted", "set this host's clock"),
            (86400, "have expired by the clock of this host", "see that it is right")):
        world.set_hook()
        world.prepare_launch()
        clock.set(ahead_s)
        world.start_with()
        line = failed(world, words)[0]
        expect(f"{ahead_s} s ahead: the clock is named", remedy in line, True)
        expect(f"{ahead_s} s ahead: not let go yet", world.results(), [])
        clock.set(0)
        expect(f"{ahead_s} s ahead: set right, it is let go", goes_on(world), ONCE)
    world.started_by = []


def credentials_change(world):
    world.set_hook()
    world.vpc("break rst ecr.api")
    world.launch(SELDOM)
    world.wait_until(lambda: world.lines(f"{INSTANCE} is Pending:Wait in group"))
    world.group.add_credentials(world.role.issued[-1], expires=calendar.timegm(time.gmtime()) - 1)
    world.role.rotate()
    world.give_role(world.role)
    world.vpc("heal rst")
    line = failed(world, "the credentials were not accepted (ExpiredToken")[0]
    expect("expired: it is said", line.startswith(COMPLETE + " failed"), True)
    expect("renewed, it is let go", goes_on(world), ONCE)

    world.give_role(None)
    world.launch()
    line = failed(world, "there are no credentials")[0]
    expect("no role: what to give it", "give it an instance profile" in line, True)
    expect("nothing is sent", world.calls(), [])
    world.give_role(world.role)
    expect("a role, and it is let go", goes_on(world), ONCE)


def metadata_is_silent(world):
    world.set_hook()
    world.vpc("break rst ecr.api")
    world.launch(SELDOM)
    world.wait_until(lambda: world.lines(f"{INSTANCE} is Pending:Wait in group"))
    world.vpc("break imds")
    world.vpc("heal rst")
    expect("the credentials are still good, it is let go", goes_on(world), ONCE)
    world.vpc("heal imds")

    world.vpc("break rst ecr.api")
    world.launch()
    world.wait_until(lambda: world.lines(f"{INSTANCE} is Pending:Wait in group"))
    world.vpc("break imds")
    world.configure(GATE)  # forgets them
    world.vpc("heal rst")
    line = failed(world, "there are no credentials")[0]
    expect("no credentials: IMDS is named", "IMDS at 169.254.169.254 does not answer" in line,
           True)
    expect("nothing was sent", world.results(), [])
    world.vpc("heal imds")
    expect("it answers again, it is let go", goes_on(world), ONCE)


def signal_has_no_way(world):
    """The endpoint of Auto Scaling itself refuses, or is blocked."""
    world.set_hook()
    world.vpc("heal serve")
    world.vpc(f"break serve autoscaling {PORT + 1}")  # where nobody listens
    world.launch()
    line = failed(world, "; endpoint autoscaling is refused: ")[0]
    expect("refused at once: the reason is told when it is known",
           line.startswith(DESCRIBE + " failed: "), True)
    world.vpc("heal serve")
    world.vpc(f"break serve autoscaling {PORT}")
    expect("healed, it is let go", goes_on(world), ONCE)
    world.vpc("break sg autoscaling")
    world.launch()
    line = failed(world, "; endpoint autoscaling is blocked: ")[0]
    expect("why nothing is sent", (line.startswith(DESCRIBE + " failed: "), "cannot be reached"
                                   in line), (True, True))
    expect("the host is healthy all the same", world.status()["state"], "healthy")
    expect("nothing was sent", world.calls(), [])
    world.vpc("heal sg")
    expect("healed, it is let go", goes_on(world), ONCE)


# ---- the health signal --------------------------------------------------------------------------

def does_not_replace_for_a_shared_fault(world):
    world.remove_hook()
    world.launch(IMDS + "[Health]\nSetInstanceHealth=yes\nAfter=500ms\n")
    world.wait_for({}, "healthy")
    world.vpc("break sg all")
    line = failed(world, "this instance is not reported unhealthy")[0]
    expect("a shared fault: refused, with the reason",
           ("a replacement would not help: what is wrong is not of this host alone" in line,
            "blocked" in line), (True, True))
    world.vpc("heal sg")
    world.wait_for({}, "healthy")
    expect("nothing was sent", world.calls(), [])


def speaks_without_its_resolver(world):
    """Its own stub resolver is dead: the group is told all the same. Not replaced, for it was not
    healthy for ten minutes."""
    world.set_hook()
    world.vpc("resolv 127.0.0.53")
    world.launch(GATE + "Deadline=6s\nHeartbeat=500ms\nOnDeadline=abandon\n[Health]\n"
                 "SetInstanceHealth=yes\nAfter=3s\n")
    line = failed(world, "this instance is not reported unhealthy")[0]
    expect("its own fault, but too early", ("this host's own resolver is dead, and the Amazon "
           "resolver answers, but it was never healthy for ten minutes" in line), True)
    expect("abandoned, through the second opinion",
           (world.wait_until(lambda: world.state() == "Terminated"), world.results()),
           (True, ["ABANDON"]))
    expect("and heartbeats before", len(world.accepted(BEAT)) > 0, True)
    expect("no SetInstanceHealth", world.calls(HEALTH), [])
    world.vpc("resolv")


def nothing_is_known(world):
    """No IMDS and no configuration."""
    world.kill_daemon()
    world.vpc("break imds")
    world.mark_log()
    with open(world.conf, "w", encoding="utf-8") as f:
        f.write("")
    world.start_daemon()
    line = failed(world, "Region not known yet")[0]
    expect("what to set", "Region not known yet: set Region= or allow IMDS (IMDS at "
           "169.254.169.254 does not answer" in line, True)
    world.vpc("heal imds")


# ---- kills --------------------------------------------------------------------------------------

def is_killed(world):
    """At random moments of a launch, from before it begins until after it is over."""
    world.set_hook()
    world.launch()
    began = time.monotonic()
    expect("a launch without kills", goes_on(world), ONCE)
    lasts = time.monotonic() - began
    world.group.set_proceed(0.2)
    wrong = []
    moments = []
    for _ in range(KILLS):
        world.launch()
        time.sleep(world.random.uniform(0, 1.2 * lasts))
        world.kill_daemon()
        moments.append(world.state())
        world.start_with(GATE)
        if not world.wait_until(lambda: world.state() == "InService") or \
                world.results() != ["CONTINUE"]:
            wrong.append((world.state(), world.calls(), world.said()[-1000:]))
    print("     killed in", {state: moments.count(state) for state in sorted(set(moments))})
    expect(f"{KILLS} kills: let go exactly once in each launch", wrong, [])
    world.group.set_proceed(0)


# each in a world of its own, side by side
WORLDS = [
    [holds_and_lets_go, deadline_passes, waits_in_a_warm_pool, is_long_in_service,
     does_not_replace_for_a_shared_fault, speaks_without_its_resolver, nothing_is_known],
    [group_misbehaves, answer_is_lost, role_may_not, clock_is_wrong, clock_is_set,
     credentials_change, metadata_is_silent],
    [is_killed, signal_has_no_way, core_has_no_secret],
]


def play(world, parts):
    wrong = None
    try:
        world.start()
        for part in parts:
            began, failures = time.monotonic(), len(expect.failures)
            part(world)
            if len(expect.failures) > failures:
                print(world.said()[-4000:])
            print(f"     ({part.__name__}: {time.monotonic() - began:.1f} s)", flush=True)
    except scenarios.Stopped:
        wrong = "stopped"
    except (RuntimeError, OSError, ValueError, subprocess.CalledProcessError) as problem:
        wrong = f"{type(problem).__name__}: {problem}\n{world.log()[-3000:]}"
    finally:
        end = world.stop()
    expect(f"the world of {parts[0].__name__}, and its daemon's end", wrong or end, None)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("parts", nargs="*")
    args = parser.parse_args()
    if cannot_run():
        print("skipped: " + cannot_run())
        return 77
    scenarios.stop_on_signals()
    print(f"seed {args.seed}", flush=True)
    threads = []
    for number, parts in enumerate(WORLDS):
        parts = [part for part in parts if not args.parts or part.__name__ in args.parts]
        if parts:
            world = LaunchWorld(20 + number, os.path.abspath(args.bin))
            world.random = random.Random(args.seed)
            threads.append(threading.Thread(target=play, args=(world, parts)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 1 if STOPPING.is_set() else expect.exit_status()


if __name__ == "__main__":
    sys.exit(main())
