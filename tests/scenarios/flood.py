#!/usr/bin/python3
"""Local users who flood the status socket of the real daemon lock nobody out: root and another user
get /v1/status all the while, no state changes, and neither descriptors nor memory are left behind.

    tests/scenarios/flood.py --bin BUILD_DIR

Needs root (to be other users, and for namespaces of its own); exits 77 without.
"""

import argparse
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lonely  # noqa: E402
import world as scenarios  # noqa: E402

expect = scenarios.Expectations()
ASK_S = 20      # a client's patience: far more than an answer takes, far less than for ever
FLOODER, OTHER = 54322, 65534
CONNECTS_PER_S, CONNECT_S = 1000, 10
MEMORY_KIB = 1024  # what may be left of it: an allocator keeps some
REQUEST = b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
STREAM = b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"


# ---- the floods, each as a user of its own ------------------------------------------------------

def connect(path, wait=ASK_S):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(wait)
    s.connect(path)
    return s


def until_told(work):
    """Calls work() again and again. The parent ends us."""
    while True:
        work()


def slow_clients(path):
    """64 that send a byte each half second; who is closed comes again."""
    clients = {}
    request = b"GET /livez HTTP/1.1\r\nX: " + b"a" * 4000

    def work():
        for number in range(64):
            try:
                if number not in clients:
                    clients[number] = [connect(path, 0.05), 0]
                client = clients[number]
                client[0].send(request[client[1]:client[1] + 1])
                client[1] += 1
            except OSError:
                if number in clients:
                    clients.pop(number)[0].close()
        time.sleep(0.5)
    until_told(work)


def connects(path):
    """1,000 a second for 10 s, no word said; then as many as before stay."""
    kept = []
    started = time.monotonic()
    for n in range(CONNECTS_PER_S * CONNECT_S):
        try:
            kept.append(connect(path, 0.05))
        except OSError:
            pass
        if len(kept) > 200:
            kept.pop(0).close()
        time.sleep(max(0.0, started + n / CONNECTS_PER_S - time.monotonic()))


def streams(path):
    """64 event streams of one user, who does not read them; who is closed comes again."""
    open_streams = []

    def work():
        while len(open_streams) < 64:
            try:
                s = connect(path, 0.05)
                open_streams.append(s)
                s.send(STREAM)
            except OSError:
                break
        time.sleep(0.2)
        for s in list(open_streams):
            try:
                s.setblocking(False)
                if s.recv(1, socket.MSG_PEEK) == b"":
                    raise ConnectionResetError
            except BlockingIOError:
                pass
            except OSError:
                open_streams.remove(s)
                s.close()
    until_told(work)


def garbage(path):
    """What is no request, in every way."""
    rng = random.Random(1)
    pieces = [rng.randbytes(3000), b"\0" * 20000, b"GET " + b"/" * 20000, b"\r\n" * 5000,
              b"GET /v1/status HTTP/9.9\r\n\r\n", b"GET /v1/status HTTP/1.1\r\n" + b"A: b\r\n" * 3000,
              b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 9000,
              b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\n",
              b"GET http://[::1/ HTTP/1.1\r\n\r\n", b"GET /%00%0a HTTP/1.0\r\n\r\n",
              REQUEST[:-4] + b"\r\nX: \x1b[31m\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
              REQUEST * 100]

    def work():
        for piece in pieces:
            try:
                with connect(path, 0.05) as s:
                    s.sendall(piece)
                    s.recv(10)
            except OSError:
                pass
    until_told(work)


FLOODS = {"slow": slow_clients, "connects": connects, "streams": streams, "garbage": garbage}


# ---- those who only want to know ----------------------------------------------------------------

def ask(path):
    """The first line of the answer, in a process of its own, whoever that is."""
    try:
        with connect(path) as s:
            s.sendall(REQUEST)
            answer = b""
            while True:
                part = s.recv(65536)
                if not part:
                    break
                answer += part
        whole = answer.rstrip().endswith(b"}")
        return answer[:12].decode() + ("" if whole else ", cut off")
    except OSError as error:
        return repr(error)


def ask_as(uid, path):
    """Until it is answered: one that is closed to make room comes again. Seconds, and the answer."""
    program = [sys.executable, os.path.abspath(__file__), "--ask", path]
    done = subprocess.run(program, user=uid, group=uid, extra_groups=[], cwd="/",
                          capture_output=True, text=True, check=False)
    seconds, _, said = done.stdout.strip().partition(" ")
    return float(seconds or ASK_S), said


def ask_patiently(path):
    started = time.monotonic()
    said = "nothing"
    while said != "HTTP/1.1 200" and time.monotonic() < started + ASK_S:
        said = ask(path)
    print(f"{time.monotonic() - started:.3f} {said}")


# ---- the test -----------------------------------------------------------------------------------

def states_of(status):
    return [(e["endpoint"], e["state"], e["since"]) for e in status["endpoints"]]


def settled(daemon):
    """Nobody is connected any more."""
    return lonely.wait_until(
        daemon, lambda _: None if daemon.descriptors() <= settled.descriptors + 1
        else f"{daemon.descriptors()} instead of {settled.descriptors}")


def check_flood(daemon, names):
    """The crowd is there for CONNECT_S; meanwhile two users ask, again and again."""
    before = daemon.status()
    floods = [subprocess.Popen([sys.executable, os.path.abspath(__file__), "--flood", name,
                                daemon.socket], user=FLOODER, group=FLOODER, extra_groups=[],
                               cwd="/") for name in names]
    what = "+".join(names)
    longest, answers, most = {0: 0.0, OTHER: 0.0}, {0: set(), OTHER: set()}, 0
    deadline = time.monotonic() + CONNECT_S + 2
    try:
        while time.monotonic() < deadline:
            for uid in (0, OTHER):
                seconds, said = ask_as(uid, daemon.socket)
                answers[uid].add(said)
                longest[uid] = max(longest[uid], seconds)
            most = max(most, daemon.descriptors())
    finally:
        for flood in floods:
            flood.kill()
            flood.wait()
    print(f"     {what}: root waited {longest[0]:.2f} s at most, another user "
          f"{longest[OTHER]:.2f} s; {most} descriptors, {daemon.memory_kib('VmRSS')} KiB")
    expect(f"{what}: root is answered", answers[0], {"HTTP/1.1 200"})
    expect(f"{what}: another user is answered", answers[OTHER], {"HTTP/1.1 200"})
    expect(f"{what}: few descriptors", most < 100, True)
    expect(f"{what}: none left", settled(daemon), None)
    expect(f"{what}: states as before", states_of(daemon.status()), states_of(before))


def check_streams_end(daemon):
    """One user has no more than its share, and another gets one all the same."""
    crowd = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--flood", "streams",
                              daemon.socket], user=FLOODER, group=FLOODER, extra_groups=[], cwd="/")
    try:
        with connect(daemon.socket) as s:
            s.sendall(STREAM)
            expect("a stream for root beside the crowd", s.recv(12), b"HTTP/1.1 200")
    finally:
        crowd.kill()
        crowd.wait()
    expect("the crowd has gone", settled(daemon), None)


def run(daemon):
    def probed(status):
        one = scenarios.endpoint(status, "refused")
        return None if one["state"] == "failed" else "not decided"
    expect("probed to begin with", lonely.wait_until(daemon, probed), None)
    settled.descriptors = daemon.descriptors()
    check_flood(daemon, ["connects"])  # what is allocated once is allocated now
    before = daemon.memory_kib("VmRSS")
    for names in (["slow"], ["connects"], ["streams"], ["garbage"], list(FLOODS)):
        check_flood(daemon, names)
    check_streams_end(daemon)
    after = daemon.memory_kib("VmRSS")
    print(f"     resident: {before} KiB before, {after} KiB after, {daemon.memory_kib('VmHWM')} at most")
    if not daemon.is_sanitized():
        expect("memory as before", after - before < MEMORY_KIB, True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin")
    parser.add_argument("--ask", help=argparse.SUPPRESS)
    parser.add_argument("--flood", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.ask:
        return ask_patiently(args.ask)
    if args.flood:
        return FLOODS[args.flood[0]](args.flood[1])
    if os.geteuid() != 0 or not shutil.which("unshare"):
        print("skipped: needs root")
        return 77
    lonely.enter_namespaces()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    lonely.set_up()
    # nobody listens there, which is as good as anything: what counts is that it stays so
    daemon = lonely.Daemon(os.path.abspath(args.bin), "one", "10.9.0.53",
                           "/etc/ssl/certs/ca-certificates.crt",
                           "[Endpoint refused]\nHost=10.0.0.1\n")
    os.chmod(daemon.folder, 0o711)
    try:
        run(daemon)
    finally:
        ended = daemon.stop()
        if ended != 0 or expect.failures:
            print(daemon.log()[-3000:])
    expect("the daemon's end", ended, 0)
    return expect.exit_status()


if __name__ == "__main__":
    sys.exit(main())
