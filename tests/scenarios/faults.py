"""One fault each: what breaks, and what must be said of whom."""

from scenario import (NAT, Scenario, answers, cause_says, clock_is_off, commands_say, dns_takes,
                      every, has, knows_host, names_ill_server, no_latency, notes, nowhere, says,
                      second_opinion, speaks)
from world import ALL, INTERFACES, REQUIRED

FOLDED = [key for key in REQUIRED if key != "s3"]  # interface endpoints that count for the host
ECS = ["ecs", "ecs-agent", "ecs-telemetry"]
TWO_SERVERS = "resolv 10.0.0.2 169.254.169.253"
OWN_SERVER = "resolv 10.0.0.2"  # a custom one; 169.254.169.253 is asked for a second opinion

SECRET = "hunter2"
AGENT_PROXY = f"ECS_CLUSTER=c\nHTTP_PROXY=http://user:{SECRET}@10.0.0.131:3128\nNO_PROXY=10.0.0.9\n"
DOCKER_PROXY = f'[Service]\nEnvironment="HTTPS_PROXY=http://user:{SECRET}@10.0.0.131:3128"\n'
PROXIES = {"ecs.config": AGENT_PROXY, "docker": DOCKER_PROXY}

HTTP = "Http=yes\n"
PATIENT = "DnsTimeout=3s\n"

# What the configuration of a world says of the host is taken back, and IMDS asked instead.
IMDS = "[Host]\nImds=auto\nRegion=\nAccountId=\nVpcCidrs=\nSubnets=\n"

BY_PHASE = [
    Scenario("all healthy", [], {}, internet="closed", check=[
        has("s3", path="gateway"), has("ecs", path="interface", proxy=None, http=None)]),
    # 7: the endpoint's security group, or a NACL
    Scenario("security group off one", "sg ecr.api", {"ecr.api": "blocked"},
             check=says("ecr.api", "no answer to SYN", "10.0.1.10")),
    Scenario("security group off the ECS endpoints", "sg ecs ecs-agent ecs-telemetry",
             every(ECS, "blocked")),
    Scenario("security group off one not required", "sg logs", {"logs": "blocked"}),
    # 8: one Availability Zone
    Scenario("one Availability Zone dead", "eni 2", every(INTERFACES, "partly-blocked"),
             causes={"subnet-unreachable": FOLDED}, check=[
                 says("ecr.dkr", "10.0.2.11 (apne1-az2)"),
                 cause_says("subnet-unreachable", "10.0.2.0/24 (apne1-az2)", "other subnets"),
                 commands_say("subnet-unreachable", "Name=cidr-block,Values=10.0.2.0/24\n")]),
    Scenario("one dead address of three", "sg 10.0.3.10", {"ecr.api": "partly-blocked"},
             check=[says("ecr.api", "10.0.3.10"),
                    commands_say("ecr.api", "ip route get 10.0.3.10\n")]),
    # 9: the instance's own way out
    Scenario("no way out of the host", "egress", {**every(ALL, "blocked"), "s3": "gateway-missing"},
             causes={"host-egress-blocked": REQUIRED},
             check=cause_says("host-egress-blocked", "way out", "security group")),
    Scenario("no way out of the host, NAT", "egress",
             {**every(ALL, "blocked"), "s3": "gateway-missing"}, prepare=NAT, internet="closed",
             causes={"host-egress-blocked": REQUIRED}),
    # 10: a middlebox, a wrong target
    Scenario("RST", "rst ecs", {"ecs": "refused"}),
    Scenario("ICMP prohibited", "unreach ecs", {"ecs": "unroutable"}),
    # 11: the gateway endpoint
    Scenario("S3 route gone", "s3gw", {"s3": "gateway-missing"}),
    Scenario("S3 with a NAT gateway", [], {}, prepare=NAT, internet="open",
             check=has("s3", path="unknown")),
    Scenario("first SYNs lost", "slowsyn ecr.api s3", {}, steady=True,
             check=[notes("ecr.api", "3 segments sent again", "packets are lost"),
                    no_latency("ecr.api")]),
    # 12: TLS is silent
    Scenario("silent TLS", "hang ecr.dkr", {"ecr.dkr": "tls-timeout"}),
    Scenario("path MTU black hole", "mtu ecr.dkr 1000 1500", {"ecr.dkr": "tls-blackhole"}),
    Scenario("closed in the handshake", "close ecr.dkr", {"ecr.dkr": "tls-failed"}),
    Scenario("reset in the handshake", "reset ecr.dkr", {"ecr.dkr": "tls-failed"}),
    Scenario("TLS alert", "alert ecr.dkr", {"ecr.dkr": "tls-failed"}),
    Scenario("plain HTTP", "plain ecr.dkr", {"ecr.dkr": "tls-failed"}),
    Scenario("no TLS 1.3", "tls12 s3 ecs", {}, steady=True, check=speaks("s3", "TLSv1.2")),
    # 13: interception
    Scenario("intercepted TLS", "cert-intercept ecs", {"ecs": "tls-untrusted"},
             check=says("ecs", "Corp Inspection CA")),
    Scenario("all TLS intercepted", "cert-intercept all s3", every(ALL, "tls-untrusted"),
             causes={"tls-interception": REQUIRED},
             check=cause_says("tls-interception", "Corp Inspection CA")),
    Scenario("self-signed certificate", "cert-self ecs", {"ecs": "tls-untrusted"}),
    # 14: another service's endpoint
    Scenario("certificate for another name", "cert-wrong ecs", {"ecs": "tls-wrong-name"},
             check=says("ecs", "other.example")),
    # 15: the certificate's days, or the clock
    Scenario("expired certificate", "cert-expired ecs", {"ecs": "tls-expired"}),
    Scenario("certificate of tomorrow", "cert-future ecs", {"ecs": "tls-not-yet-valid"}),
    Scenario("all certificates expired", "cert-expired all s3", every(ALL, "tls-expired"),
             causes={"clock-skew": REQUIRED}, check=cause_says("clock-skew", "all expired")),
    Scenario("all certificates of tomorrow", "cert-future all s3", every(ALL, "tls-not-yet-valid"),
             causes={"clock-skew": REQUIRED}, check=cause_says("clock-skew", "not valid yet")),
    # a good handshake, and then?
    Scenario("HTTP, all healthy", [], {}, conf=HTTP,
             check=[answers("ecs", 404), answers("ecr.dkr", 401), answers("s3", 403)]),
    Scenario("another's answer", "http-portal ecr.api", {"ecr.api": "http-failed"}, conf=HTTP),
    Scenario("no answer to HTTP", "http-hang ecr.api", {"ecr.api": "http-failed"}, conf=HTTP),
    Scenario("closed instead of an answer", "http-close ecr.api", {"ecr.api": "http-failed"},
             conf=HTTP),
    Scenario("clock behind, by HTTP", "http-skew all s3", {}, conf=HTTP,
             causes={"clock-skew": REQUIRED}, check=cause_says("clock-skew", "s behind")),
    Scenario("clock of one endpoint ahead", "http-skew ecs", {}, conf=HTTP, steady=True,
             check=clock_is_off("ecs", -605, -595)),
]

DNS = [
    # 1, 2, 4: no private DNS
    Scenario("private DNS off, no NAT", "public ecr.api", {"ecr.api": "endpoint-missing"}),
    Scenario("private DNS off, NAT", "public ecr.api", {"ecr.api": "public-path"}, prepare=NAT,
             internet="open", check=has("ecr.api", path="public")),
    Scenario("a new subnet, without anything", ["dns public", "s3gw"],
             {**every(ALL, "endpoint-missing"), "s3": "gateway-missing"},
             causes={"no-private-dns": REQUIRED}, internet="closed",
             check=cause_says("no-private-dns", "no way to the Internet", "in this order",
                              "northeast-1.s3", "northeast-1.ecs", "northeast-1.ecr.api")),
    Scenario("private DNS off for all, NAT", "dns public", every(INTERFACES, "public-path"),
             causes={"no-private-dns": FOLDED}, prepare=NAT, internet="open",
             check=cause_says("no-private-dns", "5 of 5 connect through a NAT")),
    # 3: a custom DNS server
    Scenario("custom DNS does not forward", "dns public 10.0.0.2",
             every(INTERFACES, "resolver-bypass"), prepare=OWN_SERVER,
             causes={"resolver-bypass": FOLDED}, check=[
                 second_opinion("ecs", "ok", "10.0.1.16"),
                 cause_says("resolver-bypass", "10.0.0.2", "169.254.169.253", "Forward")]),
    Scenario("custom DNS forwards all but one", "dns public-one 10.0.0.2",
             {"ecr.api": "resolver-bypass"}, prepare=OWN_SERVER,
             check=says("ecr.api", "10.0.0.2", "169.254.169.253")),
    Scenario("custom DNS does not forward, NAT", "dns public 10.0.0.2",
             every(INTERFACES, "resolver-bypass"), prepare=[OWN_SERVER, NAT], host="degraded",
             causes={"resolver-bypass": FOLDED}, check=has("ecr.dkr", state="degraded")),
    Scenario("custom DNS says NXDOMAIN", "dns nxdomain 10.0.0.2",
             {**every(ALL, "resolver-bypass"), "s3": "name-not-found"}, prepare=OWN_SERVER,
             causes={"resolver-bypass": FOLDED}, check=second_opinion("ecs", "ok", "10.0.1.16")),
    Scenario("custom DNS has no records", "dns nodata 10.0.0.2",
             {**every(ALL, "resolver-bypass"), "s3": "no-address"}, prepare=OWN_SERVER,
             causes={"resolver-bypass": FOLDED}),
    # 5: names
    Scenario("NXDOMAIN", "dns nxdomain", every(ALL, "name-not-found")),
    Scenario("no records", "dns nodata", every(ALL, "no-address")),
    # 6: name servers
    Scenario("silent name server", "dns timeout", every(ALL, "dns-timeout"),
             causes={"resolver-down": REQUIRED}, check=[
                 names_ill_server("169.254.169.253"),
                 commands_say("resolver-down", "ip route get 169.254.169.253\n")]),
    Scenario("all name servers silent", "dns timeout", every(ALL, "dns-timeout"),
             causes={"resolver-down": REQUIRED}, prepare=TWO_SERVERS,
             check=cause_says("resolver-down", "10.0.0.2", "169.254.169.253")),
    Scenario("custom DNS silent", "dns timeout 10.0.0.2", every(ALL, "dns-timeout"),
             causes={"resolver-down": REQUIRED}, prepare=OWN_SERVER,
             check=[second_opinion("ecs", "ok", "10.0.1.16"), names_ill_server("10.0.0.2")]),
    Scenario("SERVFAIL", "dns servfail", every(ALL, "dns-failed"),
             causes={"resolver-down": REQUIRED}),
    Scenario("REFUSED", "dns refused", every(ALL, "dns-failed"),
             causes={"resolver-down": REQUIRED}),
    Scenario("first name server dead", "dns timeout 10.0.0.2", {}, prepare=TWO_SERVERS, steady=True,
             check=names_ill_server("10.0.0.2")),
    Scenario("first name server refuses", "dns refused 10.0.0.2", {}, prepare=TWO_SERVERS,
             steady=True, check=names_ill_server("10.0.0.2")),
    Scenario("first name server fails", "dns servfail 10.0.0.2", {}, prepare=TWO_SERVERS,
             steady=True, check=names_ill_server("10.0.0.2")),
    Scenario("truncated answers", "dns trunc", {}, steady=True),
    Scenario("AAAA is not answered", "dns noaaaa", {}, steady=True,
             check=notes("ecs", "AAAA query fails")),
    Scenario("slow name server", "dns late", {}, conf=PATIENT, steady=True, check=dns_takes(950)),
]

HOST = [
    # 16: the agent is sent elsewhere
    Scenario("ecs public, the agent's private", "public ecs",
             {"ecs": "endpoint-missing", "ecs-agent": "depends-on-ecs",
              "ecs-telemetry": "depends-on-ecs"}, check=has("ecs-agent", state="degraded")),
    Scenario("ecs public, the agent's private, NAT", "public ecs",
             {"ecs": "public-path", "ecs-agent": "depends-on-ecs",
              "ecs-telemetry": "depends-on-ecs"}, prepare=NAT),
    # 17: address families
    Scenario("IPv6, all healthy", [], {}, prepare="ipv6 on"),
    Scenario("IPv6 of one blocked", "sg fd00:1::10 fd00:2::10 fd00:3::10",
             {"ecr.api": "family-split"}, prepare="ipv6 on"),
    Scenario("IPv6 only, with a container bridge", [], {},
             prepare=["ipv6 on", "record s3 fd00:1::20 10.50.0.20", "resolv fd00:ec2::253",
                      "ipv4 off"],
             check=[notes("ecr.api", "not judged"), notes("s3", "not judged")]),
    # the hosts file
    Scenario("hosts file points to loopback", [], {"ecs": "unexpected-address"},
             prepare="hosts ecs 127.0.0.1"),
    Scenario("hosts file override that works", [], {}, prepare="hosts ecr.api 10.0.2.10",
             check=notes("ecr.api", "/etc/hosts")),
    # the clients' proxies
    Scenario("proxies beside what works", [], {}, clients=PROXIES, check=[
        has("ecs", proxy="10.0.0.131:3128"), notes("ecs", "ECS agent", "10.0.0.131:3128"),
        has("ecr.dkr", proxy="10.0.0.131:3128"), notes("ecr.dkr", "docker"), nowhere(SECRET)]),
    Scenario("agent's proxy, direct path blocked", "sg ecs", {"ecs": "via-proxy"}, clients=PROXIES,
             check=[nowhere(SECRET), has("ecs", state="degraded")]),
    Scenario("docker's proxy, direct path blocked", "sg ecr.dkr", {"ecr.dkr": "via-proxy"},
             clients={"docker": DOCKER_PROXY}, check=[nowhere(SECRET), has("ecs", proxy=None)]),
    # central endpoints in another VPC
    Scenario("endpoint in a hub VPC", [], {}, prepare="record ecr.api 10.50.0.7",
             check=has("ecr.api", path="interface")),
    # the host's own facts
    Scenario("everything from IMDS", "sg ecr.api", {"ecr.api": "blocked"}, conf=IMDS,
             check=knows_host("imds")),
    Scenario("IMDS silent, the configuration counts", "imds", {}, conf="[Host]\nImds=auto\n",
             steady=True),
]

FAULTS = BY_PHASE + DNS + HOST
