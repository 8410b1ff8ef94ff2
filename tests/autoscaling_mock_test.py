#!/usr/bin/python3
"""The stand-in for EC2 Auto Scaling (tests/autoscaling_mock.py), used by botocore's own client and
by requests of our own making: what is right is accepted, each thing that is wrong is refused.

Exit status: 0, 1 something failed, 77 botocore is absent.
"""

import http.client
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse
import xml.etree.ElementTree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
try:
    import botocore.session
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.config import Config
    from botocore.credentials import Credentials
    from botocore.exceptions import ClientError, HTTPClientError
    import autoscaling_mock
except ImportError:
    print("botocore is not installed; skipped")
    sys.exit(77)
from autoscaling_group import AutoScaling, Invalid  # noqa: E402
from autoscaling_mock import FAULTS, REGION, Control, Mock, make_certificate  # noqa: E402
from autoscaling_request import Refused, parse_body  # noqa: E402
from imds_mock import Role  # noqa: E402
import imds_mock  # noqa: E402

ID, OTHER = "i-0abcdef1234567890", "i-0abcdef1234567891"
GROUP, HOOK = "web servers/blue", "endpoints-ready"
NONE_ACTIVE = f"No active Lifecycle Action found with instance ID {ID}"

failures = []


def expect(what, got, wanted):
    good = got == wanted
    print(f"{'ok  ' if good else 'FAIL'} {what}")
    if not good:
        print(f"     got {got!r}, expected {wanted!r}")
        failures.append(what)


# ---- the model, with a clock of our own -----------------------------------------------------------

class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def a_group(**hook):
    clock = Clock()
    scaling = AutoScaling(clock)
    scaling.add_group(GROUP)
    scaling.add_hook(GROUP, HOOK, **hook)
    return clock, scaling


def state_of(scaling, instance_id=ID):
    scaling.tick()
    return scaling.instances[instance_id].state


def refused(fn, *args, **settings):
    try:
        fn(*args, **settings)
    except Invalid as reason:
        return str(reason)
    return None


def states_of(scaling):
    return [state for state, _ in scaling.instances[ID].history]


def check_model_launch():
    clock, scaling = a_group(heartbeat_timeout=30)
    scaling.launch(GROUP, ID)
    expect("waits", state_of(scaling), "Pending:Wait")
    expect("another hook", refused(scaling.complete, GROUP, "x", "CONTINUE", ID), NONE_ACTIVE)
    scaling.proceed_s = 5
    scaling.complete(GROUP, HOOK, "CONTINUE", ID)
    expect("proceeds", state_of(scaling), "Pending:Proceed")
    expect("accepted once", refused(scaling.complete, GROUP, HOOK, "CONTINUE", ID), NONE_ACTIVE)
    expect("no heartbeat either", refused(scaling.heartbeat, GROUP, HOOK, ID), NONE_ACTIVE)
    clock.now += 5
    expect("in service", state_of(scaling), "InService")
    scaling.launch(GROUP, ID)
    scaling.complete(GROUP, HOOK, "ABANDON", ID)
    expect("abandoned", (state_of(scaling), states_of(scaling)[2:4]),
           ("Terminating:Proceed", ["Terminating", "Terminating:Proceed"]))
    clock.now += 5
    expect("ended", (state_of(scaling), scaling.describe()), ("Terminated", []))


def check_model_timeouts():
    for result, state in (("ABANDON", "Terminated"), ("CONTINUE", "InService")):
        clock, scaling = a_group(heartbeat_timeout=30, default_result=result)
        scaling.launch(GROUP, ID)
        clock.now += 29.9
        expect("not yet", state_of(scaling), "Pending:Wait")
        clock.now += 0.2
        expect(f"default result {result}", state_of(scaling), state)
    clock, scaling = a_group(heartbeat_timeout=0.5)
    scaling.launch(GROUP, ID)
    for _ in range(150):
        clock.now += 0.4
        if state_of(scaling) == "Pending:Wait":
            scaling.heartbeat(GROUP, HOOK, ID)
    expect("heartbeats hold it for 100 time-outs, no longer",
           (state_of(scaling), clock.now - 1000 >= 50), ("Terminated", True))
    expect("at its time", [event["why"] for event in scaling.events if "result" in event],
           ["timed out"])
    clock, scaling = a_group(heartbeat_timeout=7200)
    scaling.launch(GROUP, ID)
    expect("48 hours at most", scaling.instances[ID].actions[HOOK].latest - clock.now, 172800)


def check_model_warm():
    clock, scaling = a_group(heartbeat_timeout=30)
    scaling.launch(GROUP, ID, warm=True)
    expect("waits, warm", state_of(scaling), "Warmed:Pending:Wait")
    scaling.complete(GROUP, HOOK, "CONTINUE", ID)
    expect("stopped", state_of(scaling), "Warmed:Stopped")
    scaling.leave_pool(ID)
    expect("waits again", state_of(scaling), "Pending:Wait")
    scaling.heartbeat(GROUP, HOOK, ID)
    scaling.complete(GROUP, HOOK, "CONTINUE", ID)
    expect("in service", state_of(scaling), "InService")
    scaling.launch(GROUP, OTHER, warm=True)
    clock.now += 31
    expect("abandoned while warm", state_of(scaling, OTHER), "Warmed:Terminated")


def check_model_hooks():
    clock, scaling = a_group(heartbeat_timeout=30)
    scaling.add_hook(GROUP, "second", heartbeat_timeout=60)
    scaling.add_hook(GROUP, "end", transition="autoscaling:EC2_INSTANCE_TERMINATING")
    scaling.add_group("green")
    scaling.launch(GROUP, ID)
    expect("the group's hook alone", refused(scaling.complete, "green", HOOK, "CONTINUE", ID),
           NONE_ACTIVE)
    expect("no such group", refused(scaling.complete, "red", HOOK, "CONTINUE", ID),
           "AutoScalingGroup name not found - red")
    token = scaling.instances[ID].actions["second"].token
    expect("a token of another hook", refused(scaling.complete, GROUP, HOOK, "CONTINUE",
                                              token=token),
           f"No active Lifecycle Action found with token {token}")
    scaling.complete(GROUP, "second", "CONTINUE", token=token)
    expect("one of two", state_of(scaling), "Pending:Wait")
    scaling.complete(GROUP, HOOK, "CONTINUE", ID)
    expect("both", state_of(scaling), "InService")
    scaling.set_health(ID, "Healthy")
    expect("healthy", state_of(scaling), "InService")
    scaling.groups[GROUP].grace_period = 300
    clock.now += 20
    expect("grace", refused(scaling.set_health, ID, "Unhealthy"), "The age of the instance (20 "
           "seconds) is less than the configured grace period of 300 seconds")
    scaling.set_health(ID, "Unhealthy", respect_grace_period=False)
    expect("unhealthy", (state_of(scaling), scaling.instances[ID].health),
           ("Terminating:Wait", "Unhealthy"))
    expect("nobody", refused(scaling.set_health, "i-0", "Unhealthy"), "Instance Id not found - i-0")


# ---- over the wire --------------------------------------------------------------------------------

class World:
    """A mock with a group and a role, and clients for it."""

    def __init__(self, folder, **settings):
        self.cert, key = make_certificate(folder, "DNS:localhost")
        self.mock = Mock(self.cert, key, **settings)
        self.role = Role()
        self.mock.roles.append(self.role)
        self.mock.do("add_group", GROUP)
        self.mock.do("add_hook", GROUP, HOOK, heartbeat_timeout=600)
        self.mock.do("launch", GROUP, ID)

    def client(self, keys=None, **settings):
        keys = keys or self.role.issued[-1]
        session = botocore.session.Session()
        session.set_credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["Token"])
        return session.create_client(
            "autoscaling", region_name=settings.pop("region", REGION), endpoint_url=self.mock.url,
            verify=self.cert, config=Config(retries={"max_attempts": 0, "mode": "standard"},
                                            read_timeout=3, connect_timeout=10, proxies={}))

    def last(self):
        return self.mock.log()[-1]


def outcome(fn, **parameters):
    """("ok", answer) or (status, code, message) of botocore's client."""
    try:
        return "ok", fn(**parameters)
    except ClientError as problem:
        answer = problem.response
        return (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"],
                answer["Error"].get("Message", ""))
    except HTTPClientError as problem:
        return "none", type(problem).__name__, ""


def check_botocore(world):
    client, mock = world.client(), world.mock
    which = {"AutoScalingGroupName": GROUP, "LifecycleHookName": HOOK, "InstanceId": ID}
    kind, answer = outcome(client.describe_auto_scaling_instances, InstanceIds=[ID])
    found = answer["AutoScalingInstances"][0]
    expect("describe", (kind, found["AutoScalingGroupName"], found["LifecycleState"],
                        found["InstanceId"]), ("ok", GROUP, "Pending:Wait", ID))
    expect("a request id", answer["ResponseMetadata"]["RequestId"], world.last()["request_id"])
    expect("nobody", outcome(client.describe_auto_scaling_instances, InstanceIds=[OTHER])[1]
           ["AutoScalingInstances"], [])
    expect("all", len(client.describe_auto_scaling_instances()["AutoScalingInstances"]), 1)
    expect("heartbeat", outcome(client.record_lifecycle_action_heartbeat, **which)[0], "ok")
    expect("counted", mock.state()["instances"][ID]["actions"][HOOK]["beats"], 1)
    expect("complete", outcome(client.complete_lifecycle_action, LifecycleActionResult="CONTINUE",
                               **which)[0], "ok")
    expect("in service", mock.state()["instances"][ID]["state"], "InService")
    expect("twice", outcome(client.complete_lifecycle_action, LifecycleActionResult="CONTINUE",
                            **which), (400, "ValidationError", NONE_ACTIVE))
    expect("heartbeat afterwards", outcome(client.record_lifecycle_action_heartbeat, **which),
           (400, "ValidationError", NONE_ACTIVE))
    expect("health", outcome(client.set_instance_health, InstanceId=ID, HealthStatus="Unhealthy",
                             ShouldRespectGracePeriod=True)[0], "ok")
    expect("replaced", mock.state()["instances"][ID]["state"], "Terminated")
    expect("another result", outcome(client.complete_lifecycle_action, LifecycleActionResult="GO",
                                     **which)[:2], (400, "ValidationError"))
    expect("another health", outcome(client.set_instance_health, InstanceId=ID, HealthStatus="Sick"
                                     )[:2], (400, "ValidationError"))
    expect("neither instance nor token", outcome(
        client.complete_lifecycle_action, AutoScalingGroupName=GROUP, LifecycleHookName=HOOK,
        LifecycleActionResult="CONTINUE")[:2], (400, "ValidationError"))
    expect("another call", outcome(client.describe_auto_scaling_groups)[:2],
           (400, "InvalidAction"))
    expect("the log has them all", [call["accepted"] for call in mock.log()],
           [True] * 5 + [False] * 2 + [True] + [False] * 4)
    expect("accepted completions", mock.accepted("CompleteLifecycleAction"),
           [{**which, "LifecycleActionResult": "CONTINUE"}])


def check_credentials(world):
    good = dict(world.role.issued[-1])

    def as_(**changes):
        answer = outcome(world.client({**good, **changes}).describe_auto_scaling_instances)
        return answer[:2] if answer[0] != "ok" else "ok"

    expect("good", as_(), "ok")
    expect("another secret", as_(SecretAccessKey="x" * 40), (403, "SignatureDoesNotMatch"))
    expect("another token", as_(Token=good["Token"] + "x"), (403, "InvalidClientTokenId"))
    expect("no token", as_(Token=None), (403, "InvalidClientTokenId"))
    expect("another id", as_(AccessKeyId="ASIAXXXXXXXXXXXXXXXX"), (403, "InvalidClientTokenId"))
    world.role.rotate()
    expect("rotated: the old ones", as_(), "ok")
    expect("the new ones", outcome(world.client().describe_auto_scaling_instances)[0], "ok")
    world.role.issued[0]["Expiration"] = imds_mock.iso_time(time.time() - 1)
    expect("expired", as_(), (403, "ExpiredToken"))
    world.mock.add_credentials({**good, "AccessKeyId": "ASIAYYYYYYYYYYYYYYYY"},
                               expires=time.time() + 60)
    expect("added", as_(AccessKeyId="ASIAYYYYYYYYYYYYYYYY"), "ok")
    expect("another Region", outcome(world.client(region="us-east-1")
                                     .describe_auto_scaling_instances)[:2],
           (403, "SignatureDoesNotMatch"))
    for skew, words in ((400, "Signature expired"), (-400, "Signature not yet current")):
        world.mock.skew(skew)
        answer = outcome(world.client().describe_auto_scaling_instances)
        expect(f"clock {skew}", (answer[:2], words in answer[2]),
               ((403, "SignatureDoesNotMatch"), True))
        world.mock.skew(skew * 0.7)
        expect("tolerated", outcome(world.client().describe_auto_scaling_instances)[0], "ok")


def check_iam(world):
    client = world.client()
    calls = {
        "CompleteLifecycleAction": lambda: outcome(
            client.complete_lifecycle_action, AutoScalingGroupName=GROUP, LifecycleHookName=HOOK,
            InstanceId=ID, LifecycleActionResult="CONTINUE"),
        "DescribeAutoScalingInstances": lambda: outcome(client.describe_auto_scaling_instances)}
    for action, call in calls.items():
        world.mock.deny(action)
        status, code, message = call()
        expect(f"{action} denied", (status, code), (403, "AccessDenied"))
        expect("and it is said", f"is not authorized to perform: autoscaling:{action}" in message,
               True)
        expect("nothing happened", world.mock.state()["instances"][ID]["state"], "Pending:Wait")
        world.mock.allow(action)
    for action, call in calls.items():
        expect(f"{action} allowed", call()[0], "ok")


def check_faults(world):
    client = world.client()
    seen = {
        "unavailable": (503, "ServiceUnavailable"), "internal": (500, "InternalFailure"),
        "throttling": (400, "Throttling"), "contention": (500, "ResourceContention"),
        "expired-token": (403, "ExpiredToken"), "close": ("none", "ConnectionClosedError"),
        "silence": ("none", "ReadTimeoutError"), "trickle": None, "endless": None,
    }
    for name in FAULTS:
        if name in seen and seen[name] is not None:
            world.mock.fault(name, times=1)
            expect(name, outcome(client.describe_auto_scaling_instances)[:2], seen[name])
            expect("logged", (world.last()["accepted"], world.last()["fault"]), (False, name))
            expect("once", outcome(client.describe_auto_scaling_instances)[0], "ok")
    world.mock.fault("throttling", action="SetInstanceHealth")
    expect("of another action", outcome(client.describe_auto_scaling_instances)[0], "ok")
    expect("of this one", outcome(client.set_instance_health, InstanceId=ID,
                                  HealthStatus="Healthy")[1], "Throttling")
    world.mock.heal()
    expect("healed", outcome(client.set_instance_health, InstanceId=ID,
                             HealthStatus="Healthy")[0], "ok")
    world.mock.fault("slow", seconds=0.1)
    expect("slow", outcome(client.describe_auto_scaling_instances)[0], "ok")
    world.mock.heal()
    world.mock.fault("lost", action="CompleteLifecycleAction", times=1)
    which = {"AutoScalingGroupName": GROUP, "LifecycleHookName": HOOK, "InstanceId": ID,
             "LifecycleActionResult": "CONTINUE"}
    expect("lost", outcome(client.complete_lifecycle_action, **which)[:2],
           ("none", "ConnectionClosedError"))
    expect("but it happened", (world.mock.state()["instances"][ID]["state"],
                               world.last()["accepted"]), ("InService", True))
    expect("and is told so", outcome(client.complete_lifecycle_action, **which),
           (400, "ValidationError", NONE_ACTIVE))


# ---- requests of our own making -------------------------------------------------------------------

FORM = "application/x-www-form-urlencoded; charset=utf-8"


class Request:
    """A right request, with what is to be wrong with it."""

    def __init__(self, world, body, **changes):
        self.world, self.body, self.changes = world, body, changes

    def signed(self):
        keys = self.world.role.issued[-1]
        request = AWSRequest("POST", f"https://localhost:{self.world.mock.port}/", data=self.body)
        request.headers["Content-Type"] = self.changes.get("media", FORM)
        for name, value in self.changes.get("sign_also", {}).items():
            request.headers[name] = value
        auth = SigV4Auth(Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["Token"]),
                         self.changes.get("service", "autoscaling"), REGION)
        skip = self.changes.get("unsigned", ())
        original = auth.headers_to_sign

        def headers_to_sign(r):
            kept = original(r)
            for name in skip:
                del kept[name]
            return kept

        auth.headers_to_sign = headers_to_sign
        auth.add_auth(request)
        return dict(request.headers.items())

    def send(self):
        """(status, code of the error or "")."""
        port = self.world.mock.port
        context = ssl.create_default_context(cafile=self.world.cert)
        connection = http.client.HTTPSConnection("localhost", port, timeout=20, context=context)
        headers = self.signed()
        for name, value in self.changes.get("instead", {}).items():
            headers.pop(name, None)
            if value is not None:
                headers[name] = value
        method = self.changes.get("method", "POST")
        body = None if method == "GET" or "no_length" in self.changes \
            else self.changes.get("body_sent", self.body)
        connection.putrequest(method, self.changes.get("path", "/"), skip_accept_encoding=True,
                              skip_host="Host" in headers)
        for name, value in [*headers.items(), *self.changes.get("add", [])]:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body.encode() if body is not None else None)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        try:
            code = xml.etree.ElementTree.fromstring(text).findtext(".//{*}Error/{*}Code")
        except xml.etree.ElementTree.ParseError:
            code = "not XML"
        return response.status, code or ""


def form(*pairs):
    return urllib.parse.urlencode([("Version", "2011-01-01"), *pairs])


def describe(*more):
    return form(("Action", "DescribeAutoScalingInstances"), *more)


def complete(**changes):
    members = {"Action": "CompleteLifecycleAction", "LifecycleHookName": HOOK,
               "AutoScalingGroupName": GROUP, "LifecycleActionResult": "CONTINUE",
               "InstanceId": ID, **changes}
    return form(*[(name, value) for name, value in members.items() if value is not None])


def check_requests(world):
    body = describe(("InstanceIds.member.1", ID))
    date = imds_mock.iso_time(time.time()).replace("-", "").replace(":", "")
    cases = {
        "right": ({}, (200, "")),
        "one more signed header": ({"sign_also": {"X-Other": " a  b "}}, (200, "")),
        "without a charset": ({"media": "application/x-www-form-urlencoded"}, (200, "")),
        "GET": ({"method": "GET"}, (405, "MethodNotAllowed")),
        "PUT": ({"method": "PUT"}, (405, "MethodNotAllowed")),
        "another path": ({"path": "/x"}, (404, "UnknownOperationException")),
        "a query": ({"path": "/?Action=DescribeAutoScalingInstances"},
                    (404, "UnknownOperationException")),
        "JSON": ({"media": "application/json"}, (400, "MalformedInput")),
        "another charset": ({"media": "application/x-www-form-urlencoded; charset=latin-1"},
                            (400, "MalformedInput")),
        "no media type": ({"instead": {"Content-Type": None}}, (400, "MalformedInput")),
        "no length": ({"no_length": True}, (411, "MissingContentLength")),
        "not signed": ({"instead": {"Authorization": None}}, (403, "MissingAuthenticationToken")),
        "signed otherwise": ({"instead": {"Authorization": "AWS4-HMAC-SHA256 x"}},
                             (400, "IncompleteSignature")),
        "basic": ({"instead": {"Authorization": "Basic dTpw"}}, (400, "IncompleteSignature")),
        "two authorizations": ({"add": [("Authorization", "x")]}, (400, "MalformedHeader")),
        "no date": ({"instead": {"X-Amz-Date": None}}, (400, "IncompleteSignature")),
        "another day": ({"instead": {"X-Amz-Date": "20200101T000000Z"}},
                        (403, "SignatureDoesNotMatch")),
        "another second": ({"instead": {"X-Amz-Date": date[:-3] + (
            "58Z" if date[-3:] != "58Z" else "57Z")}}, (403, "SignatureDoesNotMatch")),
        "another service": ({"service": "ec2"}, (403, "SignatureDoesNotMatch")),
        "another body": ({"body_sent": body.replace(ID, OTHER)}, (403, "SignatureDoesNotMatch")),
        "another media type than signed":
            ({"instead": {"Content-Type": "application/x-www-form-urlencoded"}},
             (403, "SignatureDoesNotMatch")),
        "another Host than signed": ({"instead": {"Host": "localhost"}},
                                     (403, "SignatureDoesNotMatch")),
    }
    for name in ("host", "x-amz-date", "content-type", "x-amz-security-token"):
        cases[f"{name} not signed"] = ({"unsigned": [name]}, (403, "SignatureDoesNotMatch"))
    for name, (changes, wanted) in cases.items():
        expect(name, Request(world, body, **changes).send(), wanted)
        expect(f"{name}: logged", world.last()["accepted"], wanted[0] == 200)
        if wanted[0] != 200:
            expect(f"{name}: and why", world.last()["code"], wanted[1])


def check_parameters(world):
    invalid, query = (400, "ValidationError"), (400, "MalformedQueryString")
    cases = {
        "no action": (form(), (400, "MissingAction")),
        "an unknown action": (form(("Action", "Fly")), (400, "InvalidAction")),
        "another version": (describe().replace("2011", "2012"), (400, "InvalidAction")),
        "no version": ("Action=DescribeAutoScalingInstances", (400, "InvalidAction")),
        "no form": ("{}", query), "empty": ("", (400, "MissingAction")),
        "bad UTF-8": ("Action=%ff", query),
        "an unknown member": (complete(Force="true"), query),
        "a member of another action": (describe(("HealthStatus", "Healthy")), query),
        "twice": (complete() + "&InstanceId=" + ID, query),
        "no hook": (complete(LifecycleHookName=None), invalid),
        "no group": (complete(AutoScalingGroupName=None), invalid),
        "no result": (complete(LifecycleActionResult=None), invalid),
        "an empty group": (complete(AutoScalingGroupName=""), invalid),
        "a hook with a blank": (complete(LifecycleHookName="a b"), invalid),
        "a hook of 256": (complete(LifecycleHookName="h" * 256), invalid),
        "an instance of 20": (complete(InstanceId="i" * 20), invalid),
        "a control character": (complete(AutoScalingGroupName="a\x01"), invalid),
        "a short token": (complete(LifecycleActionToken="x", InstanceId=None), invalid),
        "a result in small letters": (complete(LifecycleActionResult="continue"), invalid),
        "members that begin at 2": (describe(("InstanceIds.member.2", ID)), query),
        "a list as a text": (describe(("InstanceIds", ID)), query),
        "no boolean": (form(("Action", "SetInstanceHealth"), ("InstanceId", ID),
                            ("HealthStatus", "Unhealthy"), ("ShouldRespectGracePeriod", "True")),
                       (400, "MalformedInput")),
        "no number": (describe(("MaxRecords", "-1")), (400, "MalformedInput")),
        "a group beyond the first plane": (complete(AutoScalingGroupName="\U0001f600"), invalid),
    }
    try:
        parse_body(b"Action=\xe9")
        expect("not ASCII", "accepted", "refused")
    except Refused as refusal:
        expect("not ASCII", refusal.code, "MalformedQueryString")
    for name, (body, wanted) in cases.items():
        expect(name, Request(world, body).send(), wanted)
    expect("nothing of it was performed", (world.mock.accepted("CompleteLifecycleAction"),
                                           world.mock.state()["instances"][ID]["state"]),
           ([], "Pending:Wait"))
    expect("and right at last", Request(world, complete()).send(), (200, ""))


def check_raw_faults(world):
    """Those that botocore's client cannot be asked about."""
    wanted = {"html": (200, "not XML"), "html-502": (502, "not XML"), "empty": (200, "not XML"),
              "bad-xml": (200, "not XML"), "bad-error": (400, "not XML"),
              "deep": (200, "not XML"), "redirect": (307, "not XML")}
    for name, answer in wanted.items():
        world.mock.fault(name, times=1)
        expect(name, Request(world, describe()).send(), answer)
    expect("laughs are short on the wire", len(autoscaling_mock.LAUGHS) < 2000, True)
    for name in ("endless", "trickle"):
        world.mock.fault(name, times=1)
        context = ssl.create_default_context(cafile=world.cert)
        connection = http.client.HTTPSConnection("localhost", world.mock.port, timeout=20,
                                                 context=context)
        request = Request(world, describe())
        connection.request("POST", "/", request.body, request.signed())
        expect(name, len(connection.getresponse().read(3)), 3)
        connection.close()
    world.mock.fault("html")
    expect("a fault makes nothing right", Request(world, describe(), service="ec2").send(),
           (403, "SignatureDoesNotMatch"))


def check_hosts(world):
    expect("no Host that is ours", Request(world, describe()).send(), (400, "MalformedHeader"))


check_hosts.settings = {"hosts": ["autoscaling.ap-northeast-1.amazonaws.com"]}


def check_states(world):
    """The target lifecycle state of IMDS follows the group."""
    states = []
    world.mock.on_state = lambda instance, state: states.append((instance, state))
    world.mock.do("launch", GROUP, OTHER, warm=True)
    world.mock.do("leave_pool", OTHER)
    world.mock.do("terminate", OTHER)
    expect("states", [state for instance, state in states if instance == OTHER],
           ["Warmed:Stopped", "InService", "Terminated"])
    with imds_mock.Mock() as imds:
        world.mock.on_state = lambda _, state: imds.set_lifecycle_state(state)
        world.mock.do("launch", GROUP, "i-0abcdef1234567892", warm=True)
        expect("in IMDS", imds.facts[imds_mock.LIFECYCLE_STATE], "Warmed:Stopped")


def check_other_process(world):
    """The program, with its control channel, its log and a folder of IMDS."""
    folder = os.path.dirname(world.cert)
    path = {name: os.path.join(folder, name) for name in ("control", "calls", "imds")}
    imds = os.path.join(path["imds"], "latest/meta-data/iam/security-credentials")
    os.makedirs(imds)
    with open(os.path.join(imds, "web"), "w", encoding="ascii") as f:
        f.write(world.role.document())
    process = subprocess.Popen(
        [sys.executable, autoscaling_mock.__file__, "--cert", world.cert, "--key",
         os.path.join(folder, "server.key"), "--control", path["control"], "--log", path["calls"],
         "--imds", path["imds"], "--host", f"localhost:{world.mock.port}"],
        stdout=subprocess.PIPE, text=True)
    try:
        port = int(process.stdout.readline())
        control = Control(path["control"])
        control.do("add_group", GROUP)
        control.do("add_hook", GROUP, HOOK, heartbeat_timeout=600)
        control.do("launch", GROUP, ID)
        expect("its state", control.state()["instances"][ID]["state"], "Pending:Wait")
        with open(os.path.join(path["imds"], autoscaling_mock.STATE_FILE), encoding="ascii") as f:
            expect("IMDS follows", f.read(), "InService")
        world.mock.url = f"https://localhost:{port}"
        expect("another Host", outcome(world.client().describe_auto_scaling_instances)[1],
               "MalformedHeader")
        expect("the log, there and in its file", (len(control.log()), len(open(
            path["calls"], encoding="utf-8").read().splitlines())), (1, 1))
        for verb, args in (("fly", ()), ("fault", ("none",)), ("do", ("__init__",))):
            try:
                getattr(control, verb)(*args)
                expect(f"{verb} {args}", "accepted", "refused")
            except ValueError as problem:
                expect(f"{verb} {args}", "no such" in str(problem), True)
    finally:
        process.send_signal(signal.SIGTERM)
        expect("ends", process.wait(), 0)
        process.stdout.close()
    expect("and leaves nothing", os.path.exists(path["control"]), False)


def main():
    for name, check in list(globals().items()):
        if not name.startswith("check_"):
            continue
        print(f"-- {name[6:]}")
        if check.__code__.co_argcount == 0:
            check()
            continue
        with tempfile.TemporaryDirectory(prefix="vpce-as-") as folder:
            world = World(folder, **getattr(check, "settings", {}))
            with world.mock:
                check(world)
    print(f"{len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
