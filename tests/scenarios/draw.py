"""Faults drawn at random, each with what may be said of it. A kind of fault is a function that
takes the dice and returns the words of tests/vpc, what is expected, and what else differs."""

import random

from faults import (AGENT_PROXY, DOCKER_PROXY, ECS, FOLDED, HTTP, OWN_SERVER, SECRET,
                    TWO_SERVERS)
from scenario import NAT, Scenario, every, nowhere
from world import ALL, INTERFACES, REQUIRED

# number of each interface endpoint in its zones' subnets, see tests/vpc
NUMBERS = {"ecr.api": 10, "ecr.dkr": 11, "logs": 12, "ecs": 16, "ecs-agent": 17,
           "ecs-telemetry": 18}
ZONES = [1, 2, 3]

# break -> what it makes of an endpoint all of whose addresses it hits
BY_BREAK = {
    "rst": "refused", "unreach": "unroutable", "hang": "tls-timeout", "close": "tls-failed",
    "reset": "tls-failed", "alert": "tls-failed", "plain": "tls-failed",
    "cert-wrong": "tls-wrong-name", "cert-expired": "tls-expired",
    "cert-future": "tls-not-yet-valid", "cert-self": "tls-untrusted",
    "cert-intercept": "tls-untrusted",
}
BY_DNS_FAULT = {
    "servfail": "dns-failed", "refused": "dns-failed", "timeout": "dns-timeout",
    "slow": "dns-timeout", "nxdomain": "name-not-found", "nodata": "no-address",
    "trunc": "ok", "noaaaa": "ok",
}
DOWN = {"dns-failed", "dns-timeout"}


def blocked(key):
    return "gateway-missing" if key == "s3" else "blocked"


def addresses(key, ipv6):
    v4 = [f"10.0.{zone}.{NUMBERS[key]}" for zone in ZONES]
    return v4 + ([f"fd00:{zone}::{NUMBERS[key]}" for zone in ZONES] if ipv6 else [])


def with_ecs(expect):
    """The agent's endpoints depend on how ecs is reached."""
    return {**every(ECS[1:], "depends-on-ecs"), **expect} if "ecs" in expect else expect


class Dice(random.Random):
    def key(self, keys=tuple(ALL)):
        return self.choice(keys)

    def often(self, probability):
        return self.random() < probability


# ---- kinds --------------------------------------------------------------------------------------

def security_group(dice):
    key = dice.key()
    return f"sg {key}", {key: blocked(key)}, {}


def security_group_of_several(dice):
    keys = dice.sample(ALL, dice.randint(2, 4))
    return "sg " + " ".join(keys), {key: blocked(key) for key in keys}, {}


def whole_endpoint(dice):
    key, what = dice.key(), dice.choice(sorted(BY_BREAK))
    return f"{what} {key}", {key: BY_BREAK[what]}, {}


def some_addresses(dice):
    """Not all of them, in any of the ways an address can fail."""
    key, what, ipv6 = dice.key(INTERFACES), dice.choice(["sg", *sorted(BY_BREAK)]), dice.often(0.4)
    candidates = addresses(key, ipv6)
    hit = dice.sample(candidates, dice.randint(1, len(candidates) - 1))
    families_left = {":" in address for address in candidates if address not in hit}
    split = ipv6 and len(families_left) == 1
    return (f"{what} " + " ".join(hit), {key: "family-split" if split else "partly-blocked"},
            {"prepare": ["ipv6 on"] if ipv6 else []})


def one_family(dice):
    key, v6 = dice.key(INTERFACES), dice.often(0.5)
    hit = [a for a in addresses(key, True) if (":" in a) == v6]
    return "sg " + " ".join(hit), {key: "family-split"}, {"prepare": ["ipv6 on"]}


def zones(dice):
    dead = dice.sample(ZONES, dice.randint(1, 2))
    return ("eni " + " ".join(map(str, sorted(dead))), every(INTERFACES, "partly-blocked"),
            {"causes": ["subnet-unreachable"] * len(dead)})


def no_way_out(dice):
    return ("egress", {**every(INTERFACES, "blocked"), "s3": "gateway-missing"},
            {"causes": {"host-egress-blocked": REQUIRED}})


def s3_route(dice):
    return "s3gw", {"s3": "gateway-missing"}, {}


def path_mtu(dice):
    key, traces = dice.key(), dice.often(0.7)
    # without a smaller link the whole answer is one segment, and nothing comes through after it
    return (f"mtu {key} 1000 1500" if traces else f"mtu {key}",
            {key: "tls-blackhole" if traces else "tls-timeout"}, {})


def harmless(dice):
    key = dice.key()
    words = dice.choice([f"slowsyn {key}", f"tls12 {key}", "delay 40", "dns trunc", "dns noaaaa"])
    return words, {}, {"steady": True}


def private_dns_off(dice):
    key, nat = dice.key(INTERFACES), dice.often(0.5)
    return (f"public {key}", with_ecs({key: "public-path" if nat else "endpoint-missing"}),
            {"prepare": [NAT] if nat else [], "internet": "open" if nat else "closed"})


def private_dns_off_for_all(dice):
    nat = dice.often(0.5)
    return ("dns public", every(INTERFACES, "public-path" if nat else "endpoint-missing"),
            {"prepare": [NAT] if nat else [], "internet": "open" if nat else "closed",
             "causes": {"no-private-dns": FOLDED}})


def dns(dice):
    fault = dice.choice(sorted(BY_DNS_FAULT))
    verdict = BY_DNS_FAULT[fault]
    return (f"dns {fault}", every(ALL, verdict) if verdict != "ok" else {},
            {"causes": {"resolver-down": REQUIRED} if verdict in DOWN else {}})


def first_server(dice):
    """Of two. What it fails at is asked of the second; what it answers, however wrong, is not."""
    fault = dice.choice(["servfail", "refused", "timeout", "slow", "nxdomain", "nodata", "public"])
    s3 = {"nxdomain": "name-not-found", "nodata": "no-address", "public": "ok"}.get(fault)
    bypass = {**every(INTERFACES, "resolver-bypass"), "s3": s3} if s3 else {}
    return (f"dns {fault} 10.0.0.2", bypass,
            {"prepare": [TWO_SERVERS], "steady": not bypass,
             "causes": {"resolver-bypass": FOLDED} if bypass else {}})


def own_server(dice):
    """A custom one, beside which Amazon's answers."""
    fault = dice.choice(sorted(BY_DNS_FAULT) + ["public", "public-one"])
    prepare = {"prepare": [OWN_SERVER]}
    if fault == "public-one":
        return "dns public-one 10.0.0.2", {"ecr.api": "resolver-bypass"}, prepare
    verdict = BY_DNS_FAULT.get(fault, "ok")
    if verdict in DOWN:
        return (f"dns {fault} 10.0.0.2", every(ALL, verdict),
                {**prepare, "causes": {"resolver-down": REQUIRED}})
    if fault in ("trunc", "noaaaa"):
        return f"dns {fault} 10.0.0.2", {}, prepare
    return (f"dns {fault} 10.0.0.2", {**every(INTERFACES, "resolver-bypass"), "s3": verdict},
            {**prepare, "causes": {"resolver-bypass": FOLDED}})


def hosts_file(dice):
    key = dice.key(INTERFACES)
    address, verdict = dice.choice([
        ("127.0.0.1", "unexpected-address"), ("169.254.1.1", "unexpected-address"),
        ("10.0.1.99", "blocked"), ("52.119.224.99", "endpoint-missing"),
        (f"10.0.2.{NUMBERS[key]}", "ok"), ("10.50.0.9", "ok")])
    expect = {key: verdict} if verdict != "ok" else {}
    return ([], with_ecs(expect) if verdict == "endpoint-missing" else expect,
            {"prepare": [f"hosts {key} {address}"]})


def record(dice):
    """A private hosted zone that points elsewhere."""
    key = dice.key(INTERFACES)
    address, verdict = dice.choice([
        ("10.0.1.99", "blocked"), ("52.119.224.99", "endpoint-missing"), ("10.50.0.9", "ok"),
        ("192.168.7.7", "blocked"), ("127.0.0.1", "unexpected-address")])
    expect = {key: verdict} if verdict != "ok" else {}
    return ([], with_ecs(expect) if verdict == "endpoint-missing" else expect,
            {"prepare": [f"record {key} {address}"]})


def http(dice):
    key = dice.key()
    what = dice.choice(["http-portal", "http-hang", "http-close"])
    return f"{what} {key}", {key: "http-failed"}, {"conf": HTTP}


def proxy(dice):
    key = dice.key(REQUIRED)
    what = dice.choice(["sg", "rst", "hang", "cert-intercept"])
    return (f"{what} {key}", {key: "via-proxy"},
            {"clients": {"ecs.config": AGENT_PROXY, "docker": DOCKER_PROXY},
             "check": nowhere(SECRET)})


def many_certificates(dice):
    what = dice.choice(["cert-intercept", "cert-expired", "cert-future", "cert-wrong"])
    code = {"cert-intercept": "tls-interception", "cert-wrong": None}.get(what, "clock-skew")
    return (f"{what} all s3", every(ALL, BY_BREAK[what]),
            {"causes": {code: REQUIRED} if code else {}})


# twice: what happens most, and comes in many forms
KINDS = [security_group, security_group_of_several, whole_endpoint, whole_endpoint, some_addresses,
         some_addresses, one_family, zones, no_way_out, s3_route, path_mtu, harmless,
         private_dns_off, private_dns_off, private_dns_off_for_all, dns, dns, first_server,
         own_server, hosts_file, record, http, proxy, many_certificates]


def draw(n, seed):
    """The same n scenarios for the same seed."""
    dice = Dice(seed)
    for i in range(n):
        kind = dice.choice(KINDS)
        breaks, expect, more = kind(dice)
        expect = {key: verdict for key, verdict in expect.items() if verdict != "ok"}
        yield Scenario(f"{i} {kind.__name__}", breaks, expect, **more)
