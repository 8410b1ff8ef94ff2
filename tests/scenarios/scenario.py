"""What a scenario is, how it runs, and the further looks at a status it may take."""

from world import ALL, INTERFACES, REQUIRED, endpoint

# Verdicts that leave an endpoint usable; every other one but "ok" means that it failed.
DEGRADED = {"public-path", "depends-on-ecs", "partly-blocked", "family-split", "via-proxy"}

NAT = "heal nat"


def host_state(expect):
    """What the verdicts of the required endpoints come to."""
    bad = {expect[key] for key in REQUIRED if expect.get(key, "ok") != "ok"}
    if bad - DEGRADED:
        return "unhealthy"
    return "degraded" if bad else "healthy"


class Scenario:
    """What is broken, in words of tests/vpc, and what must be said of whom; everything else must
    be ok. Everything beside that is named:

    causes    code -> the endpoints under it (None: any), or a list of codes; none, unless given
    host      the host's state, where it does not follow from the verdicts
    check     further looks at the status: each returns what is wrong, or None
    prepare   verbs before the break, e.g. "ipv6 on"
    conf      more lines of configuration
    clients   what the settings of the ECS agent ("ecs.config") and of "docker" say
    internet  "open" or "closed", where it matters; looked at anew
    steady    no endpoint may change its state all the while"""

    def __init__(self, name, breaks, expect, *, causes=(), host=None, check=(), prepare=(), conf="",
                 clients=None, internet=None, steady=False):
        self.name = name
        self.breaks = [breaks] if isinstance(breaks, str) else list(breaks)
        self.expect = expect
        self.causes = (list(causes.items()) if isinstance(causes, dict)
                       else [(code, None) for code in causes])
        self.host = host or host_state(expect)
        self.checks = list(check) if isinstance(check, (list, tuple)) else [check]
        self.prepare = [prepare] if isinstance(prepare, str) else list(prepare)
        self.conf = conf
        self.clients = clients
        self.internet = internet
        self.steady = steady

    def broken(self):
        """In words."""
        return [*self.conf.split(), *(f"proxy of {name}" for name in self.clients or ()),
                *self.prepare, *self.breaks] or ["nothing"]

    def check(self, status):
        return next(filter(None, (check(status) for check in self.checks)), None)

    def run(self, world, watch=None):
        """Returns what is wrong (None: nothing), and the status to which it led. watch is given
        every status until then."""
        wrong = world.wait_until_healthy()
        if wrong is not None:
            return f"before: {wrong}", None
        before = world.status()
        if self.conf or self.clients:
            world.configure(self.conf, self.clients)
        for words in self.prepare:
            world.vpc(words)
        if NAT in self.prepare:  # as it has been all along
            world.look()
            wrong = world.wait_for({}, "healthy", internet="open")
        for words in self.breaks:
            world.vpc("break " + words)
        broken = world.status()

        def check(status):  # "ok" was said before, too
            return self.check(status) or (None if self.expect else has_looked(broken, status))
        wrong = wrong or world.wait_for(self.expect, self.host, check, self.causes, self.internet,
                                        watch)
        status = world.status()
        world.vpc("heal all")
        if self.conf or self.clients:
            world.configure()
        healed = world.wait_until_healthy()
        if wrong is None and healed is not None:
            wrong = f"after healing: {healed}"
        if wrong is None and self.steady:
            wrong = changes(before, status)
        return wrong, status


def has_looked(before, after):
    """Each endpoint has gone through two complete runs since."""
    late = [new["endpoint"] for old, new in zip(before["endpoints"], after["endpoints"])
            if new["runs"] < old["runs"] + 3]
    return f"not probed again: {late}" if late else None


def changes(before, after):
    for old, new in zip(before["endpoints"], after["endpoints"]):
        if old["since"] != new["since"]:
            return f"{new['endpoint']} has changed its state meanwhile: since {new['since']}"
    return None


def every(keys, verdict):
    return dict.fromkeys(keys, verdict)


# ---- further looks ------------------------------------------------------------------------------

def missing_from(text, words):
    missing = [word for word in words if word not in text]
    return f"{missing} not in: {text}" if missing else None


def says(key, *words):
    return lambda status: missing_from(endpoint(status, key)["summary"], words)


def notes(key, *words):
    return lambda status: missing_from(" | ".join(endpoint(status, key)["notes"]), words)


def has(key, **facts):
    """These members of the endpoint have these values."""
    def check(status):
        e = endpoint(status, key)
        wrong = {name: e[name] for name, value in facts.items() if e[name] != value}
        return f"{key}: {wrong}" if wrong else None
    return check


def no_latency(key):
    """None of its addresses has a connect time that would be the timer of a lost SYN."""
    def check(status):
        times = [a["connect_ms"] for a in endpoint(status, key)["addresses"]]
        return f"{key}: connected in {times} ms" if any(t is not None for t in times) else None
    return check


def answers(key, http_status):
    def check(status):
        http = endpoint(status, key)["http"] or {}
        return None if http.get("status") == http_status else f"HTTP of {key}: {http}"
    return check


def clock_is_off(key, low_s, high_s):
    """This host's clock minus the endpoint's."""
    def check(status):
        skew_ms = (endpoint(status, key)["http"] or {}).get("clock_skew_ms")
        good = skew_ms is not None and low_s * 1000 <= skew_ms <= high_s * 1000
        return None if good else f"clock skew of {key}: {skew_ms} ms"
    return check


def knows_host(source):
    """Region, account and CIDRs are known, from there."""
    def check(status):
        host = status["host"]
        known = (host["region"], host["account_id"], sorted(set(host["sources"].values())))
        wanted = ("ap-northeast-1", "123456789012", [source])
        return None if known == wanted and host["vpc_cidrs"] else f"{host}"
    return check


def cause_says(code, *words):
    """In this order, in its summary and remedy."""
    def check(status):
        cause = next(c for c in status["causes"] if c["verdict"] == code)
        text = cause["summary"] + " " + cause["remedy"]
        at = 0
        for word in words:
            at = text.find(word, at)
            if at < 0:
                return f"{word} is not said, or too early, in: {text}"
        return None
    return check


def commands_say(name, *words):
    """Of an endpoint, or of a cause."""
    def check(status):
        text = "\n".join(next(
            each["commands"] for each in status["endpoints"] + status["causes"]
            if name in (each.get("endpoint"), each["verdict"])))
        missing = [word for word in words if word not in text]
        return f"{missing} not in: {text}" if missing else None
    return check


def names_ill_server(address):
    def check(status):
        ill = [s["address"] for s in status["nameservers"] if s["state"] == "failed"]
        return None if ill == [address] else f"ill name servers: {ill}"
    return check


def second_opinion(key, outcome, address):
    def check(status):
        opinion = endpoint(status, key)["dns"]["second_opinion"]
        good = opinion and opinion["outcome"] == outcome and (
            address in opinion["addresses"] or address is None)
        return None if good else f"second opinion of {key}: {opinion}"
    return check


def speaks(key, version):
    def check(status):
        versions = {(a["tls"] or {}).get("version") for a in endpoint(status, key)["addresses"]}
        return None if versions == {version} else f"TLS of {key}: {versions}"
    return check


def dns_takes(milliseconds):
    def check(status):
        fast = [e["endpoint"] for e in status["endpoints"] if (e["dns"]["ms"] or 0) < milliseconds]
        return f"DNS was faster for {fast}" if fast else None
    return check


def nowhere(secret):
    return lambda status: "a secret is told" if secret in str(status) else None


# ---- the table ----------------------------------------------------------------------------------

SHORT = {tuple(ALL): "all", tuple(INTERFACES): "all but s3",
         ("ecs", "ecs-agent", "ecs-telemetry"): "ecs*"}


def verdicts_of(status):
    """["blocked: ecs", ...], in the order of the endpoints."""
    by_verdict = {}
    for e in status["endpoints"]:
        if e["verdict"] != "ok":
            by_verdict.setdefault(str(e["verdict"]), []).append(e["endpoint"])
    return [f"{verdict}: {in_short(keys)}" for verdict, keys in by_verdict.items()] or ["ok"]


def in_short(keys):
    ordered = tuple(key for key in ALL if key in keys)
    return SHORT.get(ordered, " ".join(ordered))
