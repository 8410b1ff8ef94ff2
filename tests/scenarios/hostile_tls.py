"""TLS servers that misbehave, all behind one listening socket: what a server does hangs on the
address that was called. KEY.tls.test leads to a case's addresses; every other address is good."""

import multiprocessing
import random
import socket
import ssl
import struct
import threading
import time

from hostile_certs import EVIL, name

MANY_NAMES = 2000
HANDSHAKE, ALERT, CHANGE_CIPHER_SPEC = 22, 21, 20
HELLO_REQUEST, TICKET, CERTIFICATE = 0, 4, 11
ALERTS = [0, 10, 20, 21, 22, 30, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 60, 70, 71, 80, 86,
          90, 100, 109, 110, 111, 112, 113, 114, 115, 116, 120, 200, 255]
PER_NAME = 16  # addresses of one name that are probed
CHUNK = 65536
GIVE_UP_S = 60  # far longer than the daemon waits
PROCESSES = 3


def record(kind, data, version=0x0303):
    return struct.pack(">BHH", kind, version, len(data)) + data


def message(kind, data, length=None):
    return bytes([kind]) + (len(data) if length is None else length).to_bytes(3, "big") + data


def end_with_reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def context(chain, tls12=False, tickets=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(chain)
    if tls12:
        made.maximum_version = ssl.TLSVersion.TLSv1_2
    if tickets is not None:
        made.num_tickets = tickets
    return made


class Talk:
    """One handshake in memory: what a true server would say, for us to spoil."""

    def __init__(self, server_context, connection):
        self.connection = connection
        self.inside, self.outside = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = server_context.wrap_bio(self.inside, self.outside, server_side=True)

    def flight(self):
        """What the server says to all that the client has said, or b"" at the end."""
        while True:
            data = self.connection.recv(CHUNK)
            if not data:
                return b""
            self.inside.write(data)
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            said = self.outside.read()
            if said:
                return said


# ---- cases: they get the connection, before anything was read -----------------------------------

def full(server_context):
    """A handshake, and one answer to a request."""
    def case(server, connection):
        with server_context.wrap_socket(connection, server_side=True) as tls:
            if tls.recv(CHUNK):
                tls.sendall(b"HTTP/1.1 403 Forbidden\r\nx-amz-request-id: 1\r\n"
                            b"Content-Length: 0\r\n\r\n")
            tls.recv(CHUNK)
    return case


def after_hello(*endless, first=b""):
    """Waits for the ClientHello, says `first`, then this again and again."""
    def case(server, connection):
        connection.recv(CHUNK)
        connection.sendall(first)
        data = b"".join(endless) * max(1, CHUNK // max(1, len(b"".join(endless))))
        while data:
            connection.sendall(data)
        connection.recv(CHUNK)
    return case


def said_once(data):
    return after_hello(first=data)


def trickle(data_of):
    """A byte a second."""
    def case(server, connection):
        data = data_of(connection)
        for byte in data:
            time.sleep(1)
            connection.sendall(bytes([byte]))
    return case


def after_true_hello(server_context, spoiled):
    """The true ServerHello of TLS 1.2, and then what `spoiled` makes without end."""
    def case(server, connection):
        flight = Talk(server_context, connection).flight()
        hello_end = 5 + int.from_bytes(flight[3:5], "big")
        connection.sendall(flight[:hello_end] + spoiled)
        while True:
            connection.sendall(record(HANDSHAKE, b"x" * 16000))
    return case


def giant_ticket(server_context):
    """TLS 1.2: in the place of the session ticket one that says it has 16 MiB."""
    def case(server, connection):
        talk = Talk(server_context, connection)
        connection.sendall(talk.flight())
        talk.flight()
        connection.sendall(record(HANDSHAKE, message(TICKET, b"t" * 8000, 0xfffffe)))
        while True:
            connection.sendall(record(HANDSHAKE, b"t" * 16000))
    return case


class Cuts:
    """The true flights of the server, ended at each place of them: every `stride`-th, in turn.
    TLS 1.3 has one before the client is satisfied, TLS 1.2 has two."""

    def __init__(self, server_context, flights, stride):
        self.context = server_context
        self.flights = flights
        self.stride = stride
        self.next = multiprocessing.Value("i", 0)
        self.length = multiprocessing.Value("i", 0)
        self.rounds = multiprocessing.Value("i", 0)

    def take(self):
        with self.next:
            at = self.next.value
            self.next.value += self.stride
            if self.length.value and self.next.value >= self.length.value:
                self.next.value = 0
                self.rounds.value += 1
            return at

    def __call__(self, server, connection):
        talk = Talk(self.context, connection)
        at = self.take()
        if at % 2:
            end_with_reset(connection)
        sent = 0
        for number in range(self.flights):
            flight = talk.flight()
            if number == self.flights - 1:
                # signatures differ in length: the last place is one before this very end
                self.length.value = sent + len(flight) - 1
                at = min(at, self.length.value)
            connection.sendall(flight[:max(0, at - sent)])
            sent += len(flight)
            if at < sent:
                return


def alert_by_address(server, connection):
    """Each address says another one."""
    _, key, at = server.place_of(connection)
    connection.recv(CHUNK)
    connection.sendall(record(ALERT, bytes([2, ALERTS[(int(key[-1]) * PER_NAME + at) %
                                                     len(ALERTS)]])))


def close_at_once(server, connection):
    pass


def reset_at_once(server, connection):
    end_with_reset(connection)


def silent(server, connection):
    time.sleep(GIVE_UP_S)


class Server:
    """cases: key to (case, verdict, lines of configuration, number of addresses)."""

    def __init__(self, good, cases):
        self.good = good
        self.cases = cases
        self.zone, self.places = {}, {}
        for number, (key, case) in enumerate(cases.items()):
            addresses = [f"10.7.{number}.{1 + i}" for i in range(case[3])]
            self.zone[key + ".tls.test"] = addresses
            self.places.update({one: (case[0], key, at) for at, one in enumerate(addresses)})
        self.listener = socket.create_server(("", 443), backlog=1024)
        for _ in range(PROCESSES):
            multiprocessing.Process(target=self.serve, daemon=True).start()

    def place_of(self, connection):
        return self.places.get(connection.getsockname()[0], (self.good, "good", 0))

    def serve(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.quietly, args=(connection,), daemon=True).start()

    def quietly(self, connection):
        with connection:
            try:
                connection.settimeout(GIVE_UP_S)
                self.place_of(connection)[0](self, connection)
            except OSError:  # ssl.SSLError is one
                pass


def make_cases(ca, stride):
    """The cases, and what serves all who are good."""
    def chain(key, alt_names, subject=b"ok", extra=(), **more):
        leaf = ca.certificate(name(subject), alt_names, **more)
        return ca.chain(key + ".pem", leaf, *extra)

    def named(key, **more):
        return chain(key, [key.encode() + b".tls.test"], **more)

    good = chain("good", [b"*.tls.test", b"*.dns.test"])
    tls13, tls12 = context(good), context(good, tls12=True)
    filler = ca.filler(1000)
    many = [b"n%027d.tls.test" % i for i in range(MANY_NAMES)] + [b"many-names.tls.test"]
    evil_issuer = name(EVIL, EVIL)
    http = "Http=yes\n"
    cuts = {f"cut{version}-{i}": (Cuts(c, flights, stride), "tls-failed", "", PER_NAME)
            for version, c, flights in (("12", tls12, 2), ("13", tls13, 1)) for i in range(2)}
    for version in ("12", "13"):  # two names share the work
        cuts[f"cut{version}-1"] = (cuts[f"cut{version}-0"][0], *cuts[f"cut{version}-1"][1:])
    return full(tls13), cuts | {
        "long-chain": (full(context(named("long-chain", extra=[filler] * 60))), "ok", "", 1),
        "huge-chain": (full(context(named("huge-chain", extra=[filler] * 300))), "tls-failed",
                       "", 1),
        "many-names": (full(context(chain("many-names", many))), "ok", "", 1),
        "nul-name": (full(context(chain("nul-name", [b"nul-name.tls.test\0.evil.test",
                                                     b"\0nul-name.tls.test"]))),
                     "tls-wrong-name", "", 1),
        "evil-name": (full(context(chain("evil-name", [EVIL, b"<script>alert(1)</script>.test",
                                                       b"\xff\xfe\0"], subject=EVIL))),
                      "tls-wrong-name", "", 1),
        "evil-issuer": (full(context(named("evil-issuer", issuer=evil_issuer, subject=EVIL,
                                           issuer_key="server"))), "tls-untrusted", "", 1),
        "hello-requests": (after_hello(record(HANDSHAKE, message(HELLO_REQUEST, b""))),
                           "tls-failed", "", 1),
        "empty-records": (after_hello(record(HANDSHAKE, b"")), "tls-failed", "", 1),
        "warnings": (after_hello(record(ALERT, b"\x01\x5a")), "tls-failed", "", 1),
        "cipher-specs": (after_hello(record(CHANGE_CIPHER_SPEC, b"\x01")), "tls-failed", "", 1),
        "trickle": (trickle(lambda c: Talk(tls13, c).flight()), "tls-timeout", "", 1),
        "trickle-12": (trickle(lambda c: Talk(tls12, c).flight()), "tls-timeout", "", 1),
        "http": (said_once(b"HTTP/1.1 400 Bad Request\r\nServer: " + EVIL + b"\r\n\r\n"),
                 "tls-failed", "", 1),
        "garbage": (said_once(random.Random(1).randbytes(100000)), "tls-failed", "", 1),
        "garbage-record": (said_once(record(HANDSHAKE, random.Random(2).randbytes(16000))),
                           "tls-failed", "", 1),
        "long-record": (after_hello(b"x", first=b"\x16\x03\x03\xff\xff"), "tls-failed", "", 1),
        "long-message": (after_hello(record(HANDSHAKE, b"x" * 16000),
                                     first=record(HANDSHAKE, message(2, b"x", 0xffffff))),
                         "tls-failed", "", 1),
        "long-certificate": (after_true_hello(tls12, record(HANDSHAKE, message(
            CERTIFICATE, b"x", 0xffffff))), "tls-failed", "", 1),
        "giant-ticket": (giant_ticket(tls12), "tls-failed", "", 1),
        "tickets": (full(context(good, tickets=200)), "ok", http, 1),
        "ticket-flood": (full(context(good, tickets=20000)), "http-failed", http, 1),
        "close": (close_at_once, "tls-failed", "", 1),
        "reset": (reset_at_once, "tls-failed", "", 1),
        "silent": (silent, "tls-timeout", "", 1),
    } | {f"alert-{i}": (alert_by_address, "tls-failed", "", PER_NAME)
         for i in range((len(ALERTS) + PER_NAME - 1) // PER_NAME)}
