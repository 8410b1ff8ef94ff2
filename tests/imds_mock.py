#!/usr/bin/python3
"""A strict stand-in for the instance metadata service, version 2, that can be made to misbehave.

    tests/imds_mock.py [PORT]      serves 127.0.0.1:PORT until it is ended, with the usual facts

It refuses what IMDS refuses: a PUT without the TTL header or with one outside 1..21600 (400), a PUT
with X-Forwarded-For (403), a GET without a token or with one it did not hand out (401), an unknown
path (404), other methods (405). Tests use the class.
"""

import http.client
import http.server
import json
import secrets
import string
import sys
import threading
import time

GROUP = "meta-data/tags/instance/aws:autoscaling:groupName"
LIFECYCLE_STATE = "meta-data/autoscaling/target-lifecycle-state"
CREDENTIALS = "meta-data/iam/security-credentials/"
GO_ON = object()  # what a fault returns when the right answer is to follow
MAC = "02:00:00:00:00:01"
MACS = "meta-data/network/interfaces/macs/"
TOKEN = "X-aws-ec2-metadata-token"
TTL = "X-aws-ec2-metadata-token-ttl-seconds"
HTML = "<html><head><title>Please sign in</title></head><body>Welcome</body></html>\n"


def usual_facts():
    """Path below /latest/ -> text."""
    document = {"accountId": "123456789012", "instanceId": "i-0abcdef1234567890",
                "region": "ap-northeast-1", "availabilityZone": "ap-northeast-1a",
                "privateIp": "10.0.11.68", "kernelId": None}
    return {
        "dynamic/instance-identity/document": json.dumps(document, indent=1),
        "meta-data/placement/region": "ap-northeast-1",
        "meta-data/placement/availability-zone": "ap-northeast-1a",
        "meta-data/placement/availability-zone-id": "apne1-az4",
        "meta-data/services/domain": "amazonaws.com",
        "meta-data/services/partition": "aws",
        "meta-data/mac": MAC,
        MACS: MAC + "/",
        MACS + MAC + "/vpc-id": "vpc-0123456789abcdef0",
        MACS + MAC + "/subnet-id": "subnet-0123456789abcdef0",
        MACS + MAC + "/vpc-ipv4-cidr-blocks": "10.0.0.0/16",
        MACS + MAC + "/subnet-ipv4-cidr-block": "10.0.11.0/24",
    }


class Role:
    """The role of the instance profile, and the credentials that IMDS has of it: new ones when the
    old ones are good for less than five minutes."""

    def __init__(self, name="web-instances", lifetime_s=6 * 3600):
        self.name = name
        self.lifetime_s = lifetime_s
        self.issued = []  # of the form of the document, the newest at the end
        self.rotate()

    def rotate(self):
        """New credentials, now. The old ones stay good until they expire."""
        now = time.time()
        letters = string.ascii_uppercase + string.digits
        self.issued.append({
            "Code": "Success", "LastUpdated": iso_time(now), "Type": "AWS-HMAC",
            "AccessKeyId": "ASIA" + "".join(secrets.choice(letters) for _ in range(16)),
            "SecretAccessKey": secrets.token_urlsafe(30).replace("-", "/").replace("_", "+"),
            "Token": "IQoJb3JpZ2luX2VjE" + secrets.token_urlsafe(700) + "==",
            "Expiration": iso_time(now + self.lifetime_s)})
        self.expires = now + self.lifetime_s
        return self.issued[-1]

    def current(self):
        if self.lifetime_s > 300 and self.expires - time.time() < 300:
            self.rotate()
        return self.issued[-1]

    def document(self):
        """As IMDS writes it."""
        members = ",\n".join(f"  {json.dumps(key)} : {json.dumps(value)}"
                             for key, value in self.current().items())
        return f"{{\n{members}\n}}"


def iso_time(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, text="", headers=()):
        body = text.encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def path_below(self):
        return self.path.removeprefix("/latest/") if self.path.startswith("/latest/") else None

    def served(self, name):
        """Counts the request; applies a fault. True: that was the answer."""
        with self.server.mock.request(self.command, name):
            fault = self.server.mock.fault_of(name)
            if fault is None:
                return False
            return fault(self) is not GO_ON

    def do_PUT(self):
        if self.served("api/token"):
            return
        ttl = self.headers.get(TTL, "")
        if self.path != "/latest/api/token":
            self.answer(405)
        elif self.headers.get("X-Forwarded-For") is not None:
            self.answer(403)
        elif not ttl.isdigit() or not 1 <= int(ttl) <= 21600:
            self.answer(400)
        else:
            granted = self.server.mock.ttl_granted or int(ttl)
            self.answer(200, self.server.mock.new_token(), [(TTL, str(granted))])

    def do_GET(self):
        name = self.path_below()
        if self.served(name):
            return
        if self.headers.get(TOKEN) not in self.server.mock.tokens:
            self.answer(401)
        elif name not in self.server.mock.facts:
            self.answer(404, HTML)
        else:
            fact = self.server.mock.facts[name]
            self.answer(200, fact() if callable(fact) else fact)

    def refuse_method(self):
        self.answer(405)

    do_POST = do_DELETE = do_HEAD = do_OPTIONS = refuse_method


# ---- faults: what happens instead of the answer ---------------------------------------------------

def status(code):
    return lambda handler: handler.answer(code, HTML)


def text(body):
    return lambda handler: handler.answer(200, body)


def redirect(handler):
    handler.answer(302, "", [("Location", "/latest/evil")])


def silence(handler):
    handler.server.mock.stopping.wait(30)
    handler.close_connection = True


def hop_limit(handler):
    """For api/token: the answer to PUT dies on its way into a container, as with a hop limit of 1;
    the kernel has answered the connection itself."""
    silence(handler)


def slow(seconds):
    """The right answer, later."""
    def fault(handler):
        handler.server.mock.stopping.wait(seconds)
        return GO_ON
    return fault


def in_pieces(body):
    """A right answer, a few bytes at a time."""
    def fault(handler):
        data = body.encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        for i in range(0, len(data), 100):
            handler.wfile.write(data[i:i + 100])
            handler.server.mock.stopping.wait(0.005)
    return fault


def in_chunks(body):
    """A right answer, in chunks of a few bytes."""
    def fault(handler):
        data = body.encode()
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for i in range(0, len(data), 100):
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(data[i:i + 100]), data[i:i + 100]))
        handler.wfile.write(b"0\r\n\r\n")
    return fault


def close(handler):
    handler.close_connection = True


def garbage(handler):
    handler.wfile.write(b"\x16\x03\x03\x00\x02\x02\x28\r\n\r\n")
    handler.close_connection = True


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.mock.stopping.is_set():
        handler.wfile.write(b"x" * 65536)


def endless_chunk_line(handler):
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    while not handler.server.mock.stopping.is_set():
        handler.wfile.write(b"1" * 65536)


def trickle(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    while not handler.server.mock.stopping.wait(0.05):
        handler.wfile.write(b"x")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass  # a client that went away


class Mock:
    """with Mock() as mock: serves mock.url; change mock.facts and call mock.fault as you like."""

    def __init__(self, port=0):
        self.facts = usual_facts()
        self.tokens = set()
        self.ttl_granted = None  # says this TTL instead of the one asked for
        self.requests = []  # (method, path below /latest/)
        self.most_in_flight = 0
        self.stopping = threading.Event()
        self._in_flight = 0
        self._faults = {}  # path, or "" for every GET -> [fault, how often yet]
        self._lock = threading.Lock()
        self._server = Server(("127.0.0.1", port), Handler)
        self._server.mock = self
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def give_role(self, role):
        """The instance profile has this role; None: there is no profile."""
        for path in [path for path in self.facts if path.startswith(CREDENTIALS)]:
            del self.facts[path]
        if role is not None:
            self.facts[CREDENTIALS] = role.name
            self.facts[CREDENTIALS + role.name] = role.document

    def set_group(self, name):
        """The tag of the Auto Scaling group; None: absent, as without tags in the metadata."""
        self._set(GROUP, name)

    def set_lifecycle_state(self, state):
        """Where the group wants the instance; None: absent, as outside of a group."""
        self._set(LIFECYCLE_STATE, state)

    def _set(self, path, value):
        if value is None:
            self.facts.pop(path, None)
        else:
            self.facts[path] = value

    def new_token(self):
        token = secrets.token_urlsafe(40) + "=="
        self.tokens.add(token)
        return token

    def revoke(self):
        self.tokens.clear()

    def fault(self, path, fault, times=1 << 30):
        """Instead of the answer to path (api/token for the PUT, "" for every GET)."""
        with self._lock:
            self._faults[path] = [fault, times]

    def heal(self):
        with self._lock:
            self._faults.clear()

    def fault_of(self, name):
        with self._lock:
            entry = self._faults.get(name)
            if entry is None and name != "api/token":
                entry = self._faults.get("")
            if entry is None or entry[1] == 0:
                return None
            entry[1] -= 1
            return entry[0]

    def request(self, method, name):
        return InFlight(self, method, name)

    def asked(self, name):
        return sum(1 for _, path in self.requests if path == name)

    def enter(self, method, name):
        with self._lock:
            self.requests.append((method, name))
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)

    def leave(self):
        with self._lock:
            self._in_flight -= 1


class InFlight:
    """A request between its arrival and its answer."""

    def __init__(self, mock, method, name):
        self.mock, self.method, self.name = mock, method, name

    def __enter__(self):
        self.mock.enter(self.method, self.name)

    def __exit__(self, *_):
        self.mock.leave()


def ask(mock, method, path, headers=None):
    """One request, for tests of the stand-in itself: (status, body)."""
    connection = http.client.HTTPConnection("127.0.0.1", mock.port, timeout=10)
    connection.request(method, path, headers=headers or {})
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, body


def main():
    with Mock(int(sys.argv[1]) if len(sys.argv) > 1 else 0) as mock:
        print(mock.url, flush=True)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    sys.exit(main())
