"""Name servers that lie. Names are KEY.dns.test, and KEY chooses the lie; NAME.tls.test are told
truthfully. A case has the question and says what is sent back."""

import multiprocessing
import random
import socket
import struct
import threading
import time

from hostile_certs import EVIL

SERVER = "10.9.0.53"
STRANGER = "10.9.0.54"
WITHOUT_TCP = "10.9.0.55"
GOOD = "10.8.0.1"
FORGED = "10.66.66.66"
A, CNAME, TXT, AAAA = 1, 5, 16, 28
PROCESSES = 2
TRUNCATED = 0x0200
LATE_S = 25  # longer than the daemon waits
SLOW_S = 0.7  # it waits for three seconds, of which c-ares gives TCP a seventh


def encode(name):
    labels = name if isinstance(name, list) else [part.encode() for part in name.split(".")]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def record(name, kind, data, length=None, owner=None):
    head = struct.pack(">HHIH", kind, 1, 60, len(data) if length is None else length)
    return (owner or encode(name)) + head + data


def a(name, address):
    return record(name, A, socket.inet_aton(address))


class Question:
    def __init__(self, packet):
        self.id = struct.unpack_from(">H", packet)[0]
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]])
            at += 1 + packet[at]
        self.name = b".".join(labels).decode().lower()
        self.kind = struct.unpack_from(">H", packet, at + 1)[0]
        self.section = packet[12:at + 5]

    def answer(self, *records, flags=0, rcode=0, number=None, question=None, count=None):
        number = self.id if number is None else number
        count = len(records) if count is None else count
        return struct.pack(">HHHHHH", number, 0x8180 | flags | rcode, 1, count, 0, 0) + (
            question or self.section) + b"".join(records)

    def of(self, *addresses):
        """The answer with these, for whoever wants IPv4."""
        return self.answer(*(record(None, A, socket.inet_aton(one), owner=b"\xc0\x0c")
                             for one in addresses if self.kind == A))

    def truncated(self):
        return self.answer(flags=TRUNCATED)


def addresses(number):
    """The good one is the smallest."""
    return [GOOD] + [f"10.8.{1 + i // 250}.{1 + i % 250}" for i in range(number - 1)]


class Reply:
    """Where answers go. UDP."""

    def __init__(self, server, peer):
        self.server = server
        self.peer = peer
        self.tcp = None

    def send(self, *packets, by=None):
        for packet in packets:
            (by or self.server.udp).sendto(packet, self.peer)

    def later(self, seconds, packet):
        timer = threading.Timer(seconds, self.send, [packet])
        timer.daemon = True
        timer.start()


def wrong_id(q, reply):
    reply.send(*(q.answer(a(q.name, FORGED), number=(q.id + n) & 0xffff) for n in range(1, 50)))
    reply.send(q.of(GOOD))


def only_forged(q, reply):
    reply.send(*(q.answer(a(q.name, FORGED), number=(q.id + n) & 0xffff) for n in range(1, 50)))


def wrong_question(q, reply):
    for other in ("other.test", "x" + q.name):
        section = encode(other) + struct.pack(">HH", q.kind, 1)
        reply.send(q.answer(a(other, FORGED), question=section))
    reply.send(q.answer(a(q.name, FORGED), question=encode(q.name) + struct.pack(">HH", TXT, 1)))
    reply.send(q.of(GOOD))


def other_address(q, reply):
    reply.send(q.answer(a(q.name, FORGED)), by=reply.server.stranger)
    reply.later(0.1, q.of(GOOD))


def other_port(q, reply):
    reply.send(q.answer(a(q.name, FORGED)), by=reply.server.other_port)
    reply.later(0.1, q.of(GOOD))


def big_udp(q, reply):
    reply.send(q.of(*addresses(600)))


def by_tcp(number):
    def case(q, reply):
        reply.send(q.of(*addresses(number)) if reply.tcp else q.truncated())
    return case


def cname_loop(q, reply):
    pair = (q.name, "loop." + q.name)
    reply.send(q.answer(*(record(pair[i % 2], CNAME, encode(pair[1 - i % 2]))
                          for i in range(2))))


def cname_chain(q, reply):
    """50 deep, in an answer that needs TCP."""
    names = [q.name] + [f"c{i}.{q.name}" for i in range(50)]
    links = [record(names[i], CNAME, encode(names[i + 1])) for i in range(50)]
    if reply.tcp:
        reply.send(q.answer(*links, *([a(names[-1], GOOD)] if q.kind == A else [])))
    else:
        reply.send(q.truncated())


def late(q, reply):
    reply.later(LATE_S, q.of(GOOD))


def other_name(q, reply):
    reply.send(q.answer(a("other.test", FORGED)))


def slow_tcp(q, reply):
    """In time, though not in a part of it; and whatever else is on the connection waits."""
    if not reply.tcp:
        return reply.send(q.truncated())
    time.sleep(SLOW_S)
    reply.send(q.of(GOOD))


def tcp_garbage(q, reply):
    if reply.tcp:
        reply.tcp.sendall(random.Random(1).randbytes(70000))
    else:
        reply.send(q.truncated())


def tcp_trickle(q, reply):
    """An answer of 64 KiB, a byte a second."""
    if not reply.tcp:
        return reply.send(q.truncated())
    reply.tcp.sendall(b"\xff\xff")
    for byte in q.of(*addresses(100)):
        time.sleep(1)
        reply.tcp.sendall(bytes([byte]))


def tcp_empty(q, reply):
    """Messages of no length, without end."""
    if not reply.tcp:
        return reply.send(q.truncated())
    while True:
        reply.tcp.sendall(b"\0\0" * 4096)


def pointer_loop(q, reply):
    at = 12 + len(q.section)
    loop = struct.pack(">H", 0xc000 | at)
    two = struct.pack(">HH", 0xc000 | at + 2, 0xc000 | at)
    for bad in (loop, two):
        reply.send(q.answer(bad + struct.pack(">HHIH", A, 1, 60, 4) + socket.inet_aton(FORGED)))


def empty(q, reply):
    reply.send(*[b""] * 20)


def short(q, reply):
    packet = q.of(GOOD)
    reply.send(*(packet[:n] for n in range(1, 12)))


def control(q, reply):
    """Whatever a label may hold (RFC 2181, section 11)."""
    evil = [b"nul\0in" + EVIL, b"\\\"'&<b>", b"dns", b"test"]
    reply.send(q.answer(record(q.name, CNAME, encode(evil)),
                        *([record(evil, A, socket.inet_aton(GOOD))] if q.kind == A else [])))


def overrun(q, reply):
    reply.send(q.answer(record(q.name, q.kind, b"\x0a\x08\0\1", length=65535)))


def lying_count(q, reply):
    reply.send(q.answer(a(q.name, FORGED), count=65535))


def odd_length(q, reply):
    """Addresses of 3 and of 5 bytes."""
    reply.send(q.answer(record(q.name, q.kind, b"\x0a\x08\0"), record(q.name, q.kind, b"12345")))


def flood(q, reply):
    reply.send(*[q.answer(a(q.name, FORGED), number=q.id ^ 1)] * 200)
    reply.later(0.1, q.of(GOOD))


# key: (what is sent, the verdict, how many addresses are probed)
CASES = {
    "wrong-id": (wrong_id, "ok", 1),
    "only-forged": (only_forged, "dns-timeout", 0),
    "wrong-question": (wrong_question, "ok", 1),
    "other-address": (other_address, "ok", 1),
    "other-port": (other_port, "ok", 1),
    "big-udp": (big_udp, "ok", 16),
    "many": (by_tcp(500), "ok", 16),
    "slow-tcp": (slow_tcp, "ok", 1),
    "cname-loop": (cname_loop, "no-address", 0),
    "cname-chain": (cname_chain, "ok", 1),
    "late": (late, "dns-timeout", 0),
    "other-name": (other_name, "no-address", 0),
    "pointer-loop": (pointer_loop, "dns-failed", 0),
    "short": (short, "dns-timeout", 0),
    "control": (control, "dns-failed", 0),
    "overrun": (overrun, "dns-failed", 0),
    "lying-count": (lying_count, "dns-failed", 0),
    "odd-length": (odd_length, "no-address", 0),
    "flood": (flood, "ok", 1),
}

# c-ares puts all TCP queries into one connection, and an empty datagram costs it all its sockets, so
# these are for somebody who is alone with the server.
# key: (what is sent, the verdict, how many addresses are probed, the server's address)
LONE_CASES = {
    "tcp-garbage": (tcp_garbage, "dns-timeout", 0, SERVER),
    "tcp-trickle": (tcp_trickle, "dns-timeout", 0, SERVER),
    "tcp-empty": (tcp_empty, "dns-failed", 0, SERVER),
    "big-tcp": (by_tcp(4000), "ok", 16, SERVER),
    "empty": (empty, "dns-timeout", 0, SERVER),
    "tcp-refused": (lambda q, reply: reply.send(q.truncated()), "dns-failed", 0, WITHOUT_TCP),
}


class TcpReply(Reply):
    def __init__(self, server, connection):
        super().__init__(server, None)
        self.tcp = connection

    def send(self, *packets, by=None):
        for packet in packets:
            self.tcp.sendall(struct.pack(">H", len(packet)) + packet)


class Server:
    """zone: name to addresses, for the names that are told truthfully."""

    def __init__(self, zone, address=SERVER):
        self.zone = zone
        self.udp = self.bound(address, 53)
        self.tcp = None
        if address == SERVER:
            self.other_port = self.bound(SERVER, 5353)
            self.stranger = self.bound(STRANGER, 53)
            self.tcp = socket.create_server((SERVER, 53), backlog=64)
        for _ in range(PROCESSES):
            multiprocessing.Process(target=self.serve, daemon=True).start()

    def serve(self):
        if self.tcp is not None:
            threading.Thread(target=self.serve_tcp, daemon=True).start()
        self.serve_udp()

    @staticmethod
    def bound(address, port):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((address, port))
        return s

    def handle(self, packet, reply):
        q = Question(packet)
        key, _, domain = q.name.partition(".")
        cases = CASES | LONE_CASES
        if domain == "dns.test" and key in cases:
            cases[key][0](q, reply)
        elif q.name in self.zone:
            reply.send(q.of(*self.zone[q.name]))
        else:
            reply.send(q.answer(rcode=3))

    def serve_udp(self):
        while True:
            packet, peer = self.udp.recvfrom(4096)
            threading.Thread(target=self.quietly, args=(packet, Reply(self, peer)),
                             daemon=True).start()

    def quietly(self, packet, reply):
        try:
            self.handle(packet, reply)
        except OSError:
            pass  # the other side has gone

    def serve_tcp(self):
        while True:
            connection, _ = self.tcp.accept()
            threading.Thread(target=self.converse, args=(connection,), daemon=True).start()

    def converse(self, connection):
        with connection:
            while True:
                try:
                    head = connection.recv(2, socket.MSG_WAITALL)
                    if len(head) < 2:
                        return
                    packet = connection.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
                except OSError:
                    return
                self.quietly(packet, TcpReply(self, connection))
