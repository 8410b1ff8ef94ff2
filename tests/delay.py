#!/usr/bin/python3
"""delay.py NAMESPACE_A NAMESPACE_B MILLISECONDS [LOSS_PERCENT]

A slow link between two network namespaces, for kernels without tc netem. It makes a tun device
"tdelay" in each and carries every packet from one to the other, so much later; LOSS_PERCENT of
them never arrive. Prints "ready" when the devices are there. The caller brings them up and adds
the routes. They are gone when this process is.
"""
import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000  # layer 3, no header before the packet
LONGEST_PACKET = 65536


def enter(namespace):
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/run/netns/" + namespace) as f:
        if libc.setns(f.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")


def open_tun(namespace):
    """A tun device belongs to the namespace it is made in; its descriptor works from anywhere."""
    enter(namespace)
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"tdelay", IFF_TUN | IFF_NO_PI))
    return tun


class Link:
    """Packets on their way, the next one to arrive first."""

    def __init__(self, delay_s, loss_percent):
        self.delay_s, self.loss_percent = delay_s, loss_percent
        self.queue, self.count = [], 0

    def send(self, to, packet):
        if random.random() * 100 < self.loss_percent:
            return
        self.count += 1  # keeps packets of the same moment in order
        heapq.heappush(self.queue, (time.monotonic() + self.delay_s, self.count, to, packet))

    def seconds_to_next(self):
        return max(0, self.queue[0][0] - time.monotonic()) if self.queue else None

    def deliver(self):
        while self.queue and self.queue[0][0] <= time.monotonic():
            _, _, to, packet = heapq.heappop(self.queue)
            try:
                os.write(to, packet)
            except OSError:
                pass  # the device is down: the packet is lost, as on any link


def receive(tun):
    try:
        return os.read(tun, LONGEST_PACKET)
    except OSError:  # nothing there after all, or the device is not up yet
        return None


def main():
    a, b = open_tun(sys.argv[1]), open_tun(sys.argv[2])
    other_end = {a: b, b: a}
    link = Link(float(sys.argv[3]) / 1000, float(sys.argv[4]) if len(sys.argv) > 4 else 0)
    print("ready", flush=True)
    while True:
        for tun in select.select([a, b], [], [], link.seconds_to_next())[0]:
            packet = receive(tun)
            if packet:
                link.send(other_end[tun], packet)
        link.deliver()


if __name__ == "__main__":
    main()
