#!/usr/bin/python3
"""A strict stand-in for EC2 Auto Scaling over TLS that can be made to misbehave.

    tests/autoscaling_mock.py --cert FILE --key FILE [--address A] [--port N] [--region R]
        [--host NAME].. [--control SOCKET] [--log FILE] [--imds DIR]

It believes nothing: every signature is made again by botocore's own signer, every parameter is held
against botocore's model (tests/autoscaling_request.py); groups, hooks and their time-outs are
tests/autoscaling_group.py. A request that is refused is so whatever fault is set; a fault replaces
the answer of a good one. Every call is logged, and why it was refused.

Tests in the same process use the class Mock; others use Control with the path of --control. --imds:
a folder with the files of IMDS ("latest/meta-data/…", as tests/vpc has it): credentials are looked
up there, and the target lifecycle state is written there.
"""

import argparse
import calendar
import glob
import http.server
import json
import os
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
import uuid
from xml.sax.saxutils import escape

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from autoscaling_group import WAYS, AutoScaling, Invalid  # noqa: E402
from autoscaling_request import (Model, Refused, check_form, check_signature,  # noqa: E402
                                 invalid)

REGION = "ap-northeast-1"
ACCOUNT = "123456789012"
BODY_MAX = 65536
ACTIONS = ("CompleteLifecycleAction", "RecordLifecycleActionHeartbeat", "SetInstanceHealth",
           "DescribeAutoScalingInstances")
HTML = """<!DOCTYPE html>
<html><head><title>Please sign in</title></head><body>&nbsp;</body></html>
"""
CREDENTIAL_FILES = "latest/meta-data/iam/security-credentials/*"
STATE_FILE = "latest/meta-data/autoscaling/target-lifecycle-state"


def target_state(state):
    """What IMDS calls the target while the instance is on its way there."""
    for way, (wait, proceed, end) in WAYS.items():
        if state in (way, wait, proceed):
            return end
    return state


def make_certificate(folder, *names):
    """(certificate, key): signed by itself, so that it is its own CA."""
    cert, key = os.path.join(folder, "server.crt"), os.path.join(folder, "server.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-keyout", key, "-out",
                    cert, "-subj", "/CN=test", "-addext", "subjectAltName=" + ",".join(names)],
                   check=True, capture_output=True)
    return cert, key


# ---- answers, as AWS writes them ------------------------------------------------------------------

def text_xml(text):
    """What XML cannot hold (XML 1.0, 2.2) becomes a question mark."""
    return escape("".join(c if c >= " " or c in "\t\n\r" else "?" for c in text))


def error_xml(namespace, status, code, message, request_id):
    kind = "Sender" if status < 500 else "Receiver"
    return f"""<ErrorResponse xmlns="{namespace}">
  <Error>
    <Type>{kind}</Type>
    <Code>{text_xml(code)}</Code>
    <Message>{text_xml(message)}</Message>
  </Error>
  <RequestId>{request_id}</RequestId>
</ErrorResponse>
"""


def success_xml(namespace, action, wrapper, inner, request_id):
    result = ""
    if wrapper is not None:
        result = f"  <{wrapper}>\n{inner}  </{wrapper}>\n" if inner else f"  <{wrapper}/>\n"
    return f"""<{action}Response xmlns="{namespace}">
{result}  <ResponseMetadata>
    <RequestId>{request_id}</RequestId>
  </ResponseMetadata>
</{action}Response>
"""


def instances_xml(instances):
    members = "".join(f"""      <member>
        <LaunchTemplate>
          <LaunchTemplateId>lt-0123456789abcdef0</LaunchTemplateId>
          <LaunchTemplateName>{escape(instance.group.name)}</LaunchTemplateName>
          <Version>7</Version>
        </LaunchTemplate>
        <InstanceId>{escape(instance.id)}</InstanceId>
        <ProtectedFromScaleIn>false</ProtectedFromScaleIn>
        <AutoScalingGroupName>{escape(instance.group.name)}</AutoScalingGroupName>
        <AvailabilityZone>{escape(instance.zone)}</AvailabilityZone>
        <InstanceType>m7g.large</InstanceType>
        <HealthStatus>{instance.health.upper()}</HealthStatus>
        <LifecycleState>{instance.state}</LifecycleState>
      </member>
""" for instance in instances)
    return f"    <AutoScalingInstances>\n{members}    </AutoScalingInstances>\n" if members \
        else "    <AutoScalingInstances/>\n"


# ---- faults: what happens instead of the answer ---------------------------------------------------

def error(status, code, message):
    return lambda handler: handler.answer_error(status, code, message)


def silence(handler):
    handler.mock.stopping.wait(60)
    handler.close_connection = True


def close(handler):
    handler.close_connection = True


def endless(handler):
    handler.send_response(200)
    handler.send_header("Content-Type", "text/xml")
    handler.end_headers()
    handler.close_connection = True
    while not handler.mock.stopping.is_set():
        handler.wfile.write(b"<member>" * 4096)


def trickle(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "10000")
    handler.end_headers()
    handler.close_connection = True
    while not handler.mock.stopping.wait(0.05):
        handler.wfile.write(b" ")


def redirect(handler):
    handler.answer(307, "", "text/html", [("Location", "https://203.0.113.1/evil")])


def body(status, text, media="text/xml"):
    return lambda handler: handler.answer(status, text, media)


LAUGHS = """<?xml version="1.0"?>
<!DOCTYPE lolz [
 <!ENTITY lol0 "lol">
""" + "".join(f' <!ENTITY lol{i} "{f"&lol{i - 1};" * 10}">\n' for i in range(1, 10)) + """]>
<ErrorResponse><Error><Type>Sender</Type><Code>&lol9;</Code><Message>&lol9;</Message></Error>
</ErrorResponse>
"""

FAULTS = {
    "unavailable": error(503, "ServiceUnavailable", "Service Unavailable"),
    "internal": error(500, "InternalFailure", "The request processing has failed because of an "
                      "unknown error, exception or failure."),
    "throttling": error(400, "Throttling", "Rate exceeded"),
    "contention": error(500, "ResourceContention", "You already have a pending update to an Amazon "
                        "EC2 Auto Scaling resource (for example, an Auto Scaling group, instance, "
                        "or load balancer)."),
    "expired-token": error(403, "ExpiredToken",
                           "The security token included in the request is expired"),
    "silence": silence,
    "close": close,
    "html": body(200, HTML, "text/html"),
    "html-502": body(502, HTML, "text/html"),
    "empty": body(200, ""),
    "endless": endless,
    "trickle": trickle,
    "bad-xml": body(200, "<CompleteLifecycleActionResponse><CompleteLifecycleActionResult"),
    "bad-error": body(400, "<ErrorResponse><Error><Code>\x1b[2J</Code>"),
    "deep": body(200, "<a>" * 20000),
    "billion-laughs": body(400, LAUGHS),
    "redirect": redirect,
}
# these let the call happen: the answer is lost, or late
AFTER = ("lost", "slow")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    @property
    def mock(self):
        return self.server.mock

    def log_message(self, *_):
        pass

    def answer(self, status, text, media="text/xml", headers=()):
        data = text.encode()
        self.send_response(status)
        self.send_header("x-amzn-RequestId", self.request_id)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def answer_error(self, status, code, message):
        self.answer(status, error_xml(self.mock.model.namespace, status, code, message,
                                      self.request_id))

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (OSError, ValueError):
            self.close_connection = True

    def read_body(self):
        length = self.headers.get("Content-Length", "")
        if self.headers.get("Transfer-Encoding") is not None or not length.isdigit() \
                or int(length) > BODY_MAX:
            self.close_connection = True  # whatever follows is no request
            raise Refused(411, "MissingContentLength", f"Content-Length is {length!r}")
        return self.rfile.read(int(length))

    def serve(self):
        self.request_id = str(uuid.uuid4())
        self.connection.settimeout(60)
        record = {"method": self.command, "path": self.path, "request_id": self.request_id,
                  "headers": sorted({name.lower() for name in self.headers.keys()})}
        try:
            data = self.read_body() if self.command == "POST" else b""
            fault, answer = self.mock.call(self, data, record)
        except Refused as refusal:
            self.mock.note(record, accepted=False, status=refusal.status, code=refusal.code,
                           message=refusal.message)
            if self.command == "HEAD":
                self.close_connection = True
            else:
                self.answer_error(refusal.status, refusal.code, refusal.message)
            return
        if fault is None:
            self.answer(200, answer)
        elif fault["name"] == "slow":
            self.mock.stopping.wait(fault["seconds"])
            self.answer(200, answer)
        elif fault["name"] == "lost":
            self.close_connection = True
        else:
            FAULTS[fault["name"]](self)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = serve


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def server_bind(self):
        """http.server would look the name of the address up."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def finish_request(self, request, client_address):
        """In the thread of the connection, so that nobody waits for somebody's handshake."""
        request.settimeout(10)
        with self.mock.tls.wrap_socket(request, server_side=True,
                                       suppress_ragged_eofs=True) as connection:
            self.mock.connections += 1
            super().finish_request(connection, client_address)

    def handle_error(self, request, client_address):
        pass  # a client that went away, or wants no TLS


class Mock:
    """with Mock(cert, key) as mock: serves mock.url."""

    def __init__(self, cert, key, address="127.0.0.1", port=0, region=REGION, hosts=None,
                 log_path=None, imds_folder=None):
        self.region, self.hosts = region, hosts
        self.model = Model()
        self.scaling = AutoScaling(time.monotonic)
        self.roles = []  # imds_mock.Role: what they have issued is good
        self.calls = []  # of the log
        self.connections = 0
        self.clock_ahead = 0  # seconds: AWS's clock against ours
        self.on_state = None  # called with (instance id, target lifecycle state)
        self.stopping = threading.Event()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(cert, key)
        self._lock = threading.RLock()
        self._denied = set()
        self._faults = []
        self._keys = {}
        self._targets = {}
        self._log = open(log_path, "a", encoding="utf-8") if log_path else None
        self._imds = imds_folder
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        server_class = type("Family", (Server,), {"address_family": family})
        self._server = server_class((address, port), Handler)
        self._server.mock = self
        self.port = self._server.server_address[1]
        self.url = f"https://localhost:{self.port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        threading.Thread(target=self._tick, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        if self._log:
            self._log.close()

    # ---- time goes on ----

    def _tick(self):
        while not self.stopping.wait(0.02):
            with self._lock:
                self.scaling.tick()
                self._tell_states()

    def _tell_states(self):
        for instance in self.scaling.instances.values():
            target = target_state(instance.state)
            if self._targets.get(instance.id) != target:
                self._targets[instance.id] = target
                if self.on_state is not None:
                    self.on_state(instance.id, target)
                if self._imds is not None:
                    self._write_state(target)

    def _write_state(self, target):
        path = os.path.join(self._imds, STATE_FILE)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "w", encoding="ascii") as f:
            f.write(target)
        os.replace(path + ".new", path)

    # ---- who asks ----

    def _find_keys(self, key_id):
        documents = [document for role in self.roles for document in role.issued]
        if self._imds is not None:
            for path in glob.glob(os.path.join(self._imds, CREDENTIAL_FILES)):
                try:
                    with open(path, encoding="utf-8") as f:
                        documents.append(json.load(f))
                except (OSError, ValueError):
                    pass
        for document in documents:
            if isinstance(document, dict) and document.get("AccessKeyId") == key_id:
                return {**document, "expires": calendar.timegm(
                    time.strptime(document["Expiration"], "%Y-%m-%dT%H:%M:%SZ"))}
        return self._keys.get(key_id)

    def _check_iam(self, action, parameters):
        if action not in self._denied:
            return
        group = parameters.get("AutoScalingGroupName")
        instance = self.scaling.instances.get(parameters.get("InstanceId"))
        if group is None and instance is not None:
            group = instance.group.name
        resource = ""
        if group is not None and action != "DescribeAutoScalingInstances":
            known = self.scaling.groups.get(group)
            resource = (f" on resource: arn:aws:autoscaling:{self.region}:{ACCOUNT}:"
                        f"autoScalingGroup:{known.id if known else '*'}:"
                        f"autoScalingGroupName/{group}")
        raise Refused(403, "AccessDenied",
                      f"User: arn:aws:sts::{ACCOUNT}:assumed-role/web-instances/"
                      f"i-0abcdef1234567890 is not authorized to perform: autoscaling:{action}"
                      f"{resource} because no identity-based policy allows the "
                      f"autoscaling:{action} action")

    # ---- a call ----

    def call(self, handler, data, record):
        """(fault or None, the answer). What is wrong with it is raised."""
        with self._lock:
            check_form(handler.command, handler.path, handler.headers, self.hosts)
            check_signature(handler.headers, data, self.region, self._find_keys,
                            time.time() + self.clock_ahead)
            action, parameters = self.model.parameters(data)
            record.update(action=action, parameters=parameters)
            if action not in ACTIONS:
                raise Refused(400, "InvalidAction", f"{action} is not for an instance")
            self._check_iam(action, parameters)
            fault = self._take_fault(action)
            if fault is not None and fault["name"] not in AFTER:
                self.note(record, accepted=False, fault=fault["name"])
                return fault, None
            self.scaling.tick()
            try:
                inner = self._perform(action, parameters)
            except Invalid as reason:
                raise invalid(str(reason)) from reason
            finally:
                self._tell_states()
            self.note(record, accepted=True, status=200, fault=fault and fault["name"])
            return fault, success_xml(self.model.namespace, action, self.model.wrapper(action),
                                      inner, record["request_id"])

    def _perform(self, action, p):
        if action == "DescribeAutoScalingInstances":
            ids = p.get("InstanceIds")
            if "MaxRecords" in p or "NextToken" in p or (ids is not None and len(ids) > 50):
                raise Invalid("this stand-in answers in one piece, for up to 50 instances")
            return instances_xml(self.scaling.describe(ids))
        if action == "SetInstanceHealth":
            self.scaling.set_health(p["InstanceId"], p["HealthStatus"],
                                    p.get("ShouldRespectGracePeriod", True))
            return ""
        instance, token = p.get("InstanceId"), p.get("LifecycleActionToken")
        if instance is None and token is None:
            raise Invalid("Lifecycle action token or instance ID must be specified")
        which = {"instance_id": instance, "token": token}
        if action == "CompleteLifecycleAction":
            self.scaling.complete(p["AutoScalingGroupName"], p["LifecycleHookName"],
                                  p["LifecycleActionResult"], **which)
        else:
            self.scaling.heartbeat(p["AutoScalingGroupName"], p["LifecycleHookName"], **which)
        return ""

    def note(self, record, **more):
        with self._lock:
            record = {"at": time.monotonic(), **record, **more}
            self.calls.append(record)
            if self._log:
                self._log.write(json.dumps(record) + "\n")
                self._log.flush()

    def _take_fault(self, action):
        for fault in self._faults:
            if fault["action"] in ("", action) and fault["times"] > 0:
                fault["times"] -= 1
                return fault
        return None

    # ---- for tests, here or through Control ----

    def log(self):
        """Every call so far: action, parameters, accepted, status, code, message, fault."""
        with self._lock:
            return list(self.calls)

    def accepted(self, action):
        """The parameters of the calls that were performed."""
        return [call["parameters"] for call in self.log()
                if call["accepted"] and call["action"] == action]

    def state(self):
        with self._lock:
            self.scaling.tick()
            return self.scaling.snapshot()

    def fault(self, name, action="", times=1 << 30, seconds=0.0):
        """Instead of the answer to that action; "": to any."""
        if name not in FAULTS and name not in AFTER:
            raise ValueError(f"no such fault: {name}")
        with self._lock:
            self._faults.append({"name": name, "action": action, "times": times,
                                 "seconds": seconds})

    def heal(self):
        with self._lock:
            self._faults.clear()
            self._denied.clear()
            self.clock_ahead = 0

    def deny(self, action):
        with self._lock:
            self._denied.add(action)

    def allow(self, action):
        with self._lock:
            self._denied.discard(action)

    def skew(self, seconds):
        """AWS's clock is ahead by so much."""
        self.clock_ahead = seconds

    def add_credentials(self, document, expires=None):
        """A document of IMDS; its Expiration counts unless expires (seconds since 1970) is given."""
        with self._lock:
            self._keys[document["AccessKeyId"]] = {**document, "expires": expires or calendar.timegm(
                time.strptime(document["Expiration"], "%Y-%m-%dT%H:%M:%SZ"))}

    def set_proceed(self, seconds):
        """How long "Pending:Proceed" lasts."""
        self.scaling.proceed_s = seconds

    def do(self, verb, *args, **settings):
        """What an administrator does: a method of AutoScaling."""
        if verb not in ("add_group", "add_hook", "remove_hook", "launch", "leave_pool", "terminate",
                        "set_state"):
            raise ValueError(f"no such verb: {verb}")
        with self._lock:
            self.scaling.tick()
            getattr(self.scaling, verb)(*args, **settings)
            self._tell_states()


# ---- the control channel: a line of JSON each way, on a unix socket -------------------------------

VERBS = ("log", "accepted", "state", "fault", "heal", "deny", "allow", "skew", "add_credentials",
         "set_proceed", "do")


class ControlHandler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            try:
                verb, args, settings = json.loads(line)
                if verb not in VERBS:
                    raise ValueError(f"no such verb: {verb}")
                answer = {"ok": getattr(self.server.mock, verb)(*args, **settings)}
            except (ValueError, TypeError, KeyError, AttributeError) as problem:
                answer = {"error": f"{type(problem).__name__}: {problem}"}
            self.wfile.write(json.dumps(answer).encode() + b"\n")


class ControlServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


def serve_control(mock, path):
    server = ControlServer(path, ControlHandler)
    server.mock = mock
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


class Control:
    """The verbs of Mock, in another process: Control(path).fault("silence", times=1)."""

    def __init__(self, path):
        self._path = path

    def __getattr__(self, verb):
        def ask(*args, **settings):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(20)
                connection.connect(self._path)
                connection.sendall(json.dumps([verb, args, settings]).encode() + b"\n")
                answer = json.loads(connection.makefile().readline())
            if "error" in answer:
                raise ValueError(answer["error"])
            return answer["ok"]
        return ask


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cert", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--region", default=REGION)
    parser.add_argument("--host", action="append", help="a Host that is right; any without")
    parser.add_argument("--control")
    parser.add_argument("--log")
    parser.add_argument("--imds")
    options = parser.parse_args()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    with Mock(options.cert, options.key, options.address, options.port, options.region,
              options.host, options.log, options.imds) as mock:
        server = serve_control(mock, options.control) if options.control else None
        print(mock.port, flush=True)
        try:
            signal.sigwait({signal.SIGTERM, signal.SIGINT})
        finally:
            if server is not None:
                server.server_close()
                os.unlink(options.control)


if __name__ == "__main__":
    sys.exit(main())
