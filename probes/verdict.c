/* See verdict.h. One endpoint's own evidence, from DNS to TLS: first whether there is an address
 * at all, then whether all, some or none of the judged addresses work, then which failure speaks
 * for the endpoint. */
#include "probes/verdict.h"

#include "daemon/util.h"

const char *
endpoint_state_str(enum endpoint_state state)
{
    switch (state) {
    case STATE_UNKNOWN:
        return "unknown";
    case STATE_OK:
        return "ok";
    case STATE_DEGRADED:
        return "degraded";
    case STATE_FAILED:
        return "failed";
    }
    return "unknown";
}

const char *
network_path_str(enum network_path path)
{
    switch (path) {
    case PATH_UNKNOWN:
        return "unknown";
    case PATH_INTERFACE:
        return "interface";
    case PATH_GATEWAY:
        return "gateway";
    case PATH_PUBLIC:
        return "public";
    }
    return "unknown";
}

static const struct {
    const char *name;
    enum endpoint_state state;
} codes[VERDICT_CODE_N] = {
    [VERDICT_NONE] = {"none", STATE_UNKNOWN},
    [VERDICT_OK] = {"ok", STATE_OK},
    [VERDICT_PUBLIC_PATH] = {"public-path", STATE_DEGRADED},
    [VERDICT_DEPENDS_ON_ECS] = {"depends-on-ecs", STATE_DEGRADED},
    [VERDICT_PARTLY_BLOCKED] = {"partly-blocked", STATE_DEGRADED},
    [VERDICT_FAMILY_SPLIT] = {"family-split", STATE_DEGRADED},
    [VERDICT_VIA_PROXY] = {"via-proxy", STATE_DEGRADED},
    [VERDICT_ENDPOINT_MISSING] = {"endpoint-missing", STATE_FAILED},
    [VERDICT_RESOLVER_BYPASS] = {"resolver-bypass", STATE_FAILED},
    [VERDICT_RESOLVER_BYPASS_OPEN] = {"resolver-bypass", STATE_DEGRADED},
    [VERDICT_NAME_NOT_FOUND] = {"name-not-found", STATE_FAILED},
    [VERDICT_NO_ADDRESS] = {"no-address", STATE_FAILED},
    [VERDICT_DNS_TIMEOUT] = {"dns-timeout", STATE_FAILED},
    [VERDICT_DNS_FAILED] = {"dns-failed", STATE_FAILED},
    [VERDICT_UNEXPECTED_ADDRESS] = {"unexpected-address", STATE_FAILED},
    [VERDICT_BLOCKED] = {"blocked", STATE_FAILED},
    [VERDICT_GATEWAY_MISSING] = {"gateway-missing", STATE_FAILED},
    [VERDICT_REFUSED] = {"refused", STATE_FAILED},
    [VERDICT_UNROUTABLE] = {"unroutable", STATE_FAILED},
    [VERDICT_TLS_TIMEOUT] = {"tls-timeout", STATE_FAILED},
    [VERDICT_TLS_BLACKHOLE] = {"tls-blackhole", STATE_FAILED},
    [VERDICT_TLS_UNTRUSTED] = {"tls-untrusted", STATE_FAILED},
    [VERDICT_TLS_WRONG_NAME] = {"tls-wrong-name", STATE_FAILED},
    [VERDICT_TLS_EXPIRED] = {"tls-expired", STATE_FAILED},
    [VERDICT_TLS_NOT_YET_VALID] = {"tls-not-yet-valid", STATE_FAILED},
    [VERDICT_TLS_FAILED] = {"tls-failed", STATE_FAILED},
    [VERDICT_HTTP_FAILED] = {"http-failed", STATE_FAILED},
    [VERDICT_NO_RESOURCES] = {"no-resources", STATE_UNKNOWN},
    [VERDICT_NO_PRIVATE_DNS] = {"no-private-dns", STATE_UNKNOWN},
    [VERDICT_HOST_EGRESS_BLOCKED] = {"host-egress-blocked", STATE_UNKNOWN},
    [VERDICT_CLOCK_SKEW] = {"clock-skew", STATE_UNKNOWN},
    [VERDICT_TLS_INTERCEPTION] = {"tls-interception", STATE_UNKNOWN},
    [VERDICT_SUBNET_UNREACHABLE] = {"subnet-unreachable", STATE_UNKNOWN},
    [VERDICT_RESOLVER_DOWN] = {"resolver-down", STATE_UNKNOWN},
};

const char *
verdict_str(enum verdict_code code)
{
    return (size_t)code < ARRAY_SIZE(codes) ? codes[code].name : "unknown";
}

enum endpoint_state
verdict_state(enum verdict_code code, const struct verdict_policy *policy)
{
    if ((code == VERDICT_PUBLIC_PATH || code == VERDICT_RESOLVER_BYPASS_OPEN) &&
        policy->public_path_fails) {
        return STATE_FAILED;
    }
    return (size_t)code < ARRAY_SIZE(codes) ? codes[code].state : STATE_UNKNOWN;
}

/* What the judged addresses of a run look like together. */
struct tally {
    unsigned n; /* judged */
    unsigned n_ok;
    unsigned n_failed;   /* failed in this run */
    unsigned n_counting; /* failed, and counts: see address_counts */
    unsigned n_private;  /* class vpc or private */
    unsigned n_public;
    unsigned n_special;
    unsigned family_n[FAMILY_N];
    unsigned family_failed[FAMILY_N];
    unsigned held_runs;                  /* most failures in a row of an address that counts */
    unsigned by_outcome[ADDR_OUTCOME_N]; /* of the failed */
    bool resources;
    bool hosts_file;
};

/* A vpc or private address is there in every answer, so one lost packet can be told from a dead
 * address by asking again: it counts after `fall` failures of its own. Public addresses change
 * with every look-up and have no memory. */
static bool
address_counts(const struct addr_result *addr, const struct verdict_policy *policy)
{
    return !addr_class_is_private(addr->addr_class) || addr->failures >= policy->fall;
}

static void
tally_address(
    struct tally *tally, const struct addr_result *addr, const struct verdict_policy *policy)
{
    size_t family = FAMILY_INDEX(addr->addr.family);

    tally->n++;
    tally->family_n[family]++;
    tally->n_private += addr_class_is_private(addr->addr_class);
    tally->n_public += addr->addr_class == ADDR_CLASS_PUBLIC;
    tally->n_special += addr->addr_class == ADDR_CLASS_SPECIAL;
    if (addr->outcome == ADDR_OUTCOME_OK) {
        tally->n_ok++;
        return;
    }
    tally->resources |= addr->outcome == ADDR_OUTCOME_RESOURCES;
    tally->n_failed++;
    tally->family_failed[family]++;
    tally->by_outcome[addr->outcome]++;
    if (address_counts(addr, policy)) {
        tally->n_counting++;
        if (addr->failures > tally->held_runs) {
            tally->held_runs = addr->failures;
        }
    }
}

static struct tally
tally_of(const struct probe_result *result, const struct verdict_policy *policy)
{
    struct tally tally = {0};

    for (size_t i = 0; i < FAMILY_N; i++) {
        tally.hosts_file |= result->dns[i].source == DNS_SOURCE_HOSTS_FILE;
    }
    for (size_t i = 0; i < result->n_addrs; i++) {
        if (result->addrs[i].judged) {
            tally_address(&tally, &result->addrs[i], policy);
        }
    }
    return tally;
}

static enum verdict_code
verdict_of_dns(enum dns_outcome outcome)
{
    switch (outcome) {
    case DNS_OUTCOME_NONE:
        return VERDICT_NONE;
    case DNS_OUTCOME_OK:
    case DNS_OUTCOME_NODATA:
        return VERDICT_NO_ADDRESS;
    case DNS_OUTCOME_NXDOMAIN:
        return VERDICT_NAME_NOT_FOUND;
    case DNS_OUTCOME_TIMEOUT:
        return VERDICT_DNS_TIMEOUT;
    case DNS_OUTCOME_SERVFAIL:
    case DNS_OUTCOME_REFUSED:
    case DNS_OUTCOME_MALFORMED:
    case DNS_OUTCOME_UNREACHABLE:
        return VERDICT_DNS_FAILED;
    case DNS_OUTCOME_RESOURCES:
        return VERDICT_NO_RESOURCES;
    }
    return VERDICT_NONE;
}

/* The failure that speaks for an endpoint none of whose addresses works: the one that most of them
 * show; of two as common the one that got further, since it tells more. */
static enum addr_outcome
leading_failure(const struct tally *tally)
{
    enum addr_outcome best = ADDR_OUTCOME_TIMEOUT;

    for (int o = ADDR_OUTCOME_TIMEOUT; o < ADDR_OUTCOME_RESOURCES; o++) {
        if (tally->by_outcome[o] >= tally->by_outcome[best]) {
            best = (enum addr_outcome)o;
        }
    }
    return best;
}

/* No SYN was answered (or the way there does not exist): who is to blame follows from the class of
 * the addresses and from what was expected. */
static enum verdict_code
verdict_of_no_connect(
    const struct endpoint_spec *spec, const struct tally *tally, enum addr_outcome outcome)
{
    bool all_public = tally->n_public == tally->n;

    if (all_public && spec->expected != EXPECTED_GATEWAY) {
        return VERDICT_ENDPOINT_MISSING;
    }
    switch (outcome) {
    case ADDR_OUTCOME_REFUSED:
        return VERDICT_REFUSED;
    case ADDR_OUTCOME_UNREACHABLE:
    case ADDR_OUTCOME_NO_ROUTE:
        return VERDICT_UNROUTABLE;
    case ADDR_OUTCOME_NONE:
    case ADDR_OUTCOME_OK:
    case ADDR_OUTCOME_TIMEOUT:
    case ADDR_OUTCOME_RESET:
    case ADDR_OUTCOME_CLOSED:
    case ADDR_OUTCOME_ALERT:
    case ADDR_OUTCOME_PROTOCOL:
    case ADDR_OUTCOME_NOT_AWS:
    case ADDR_OUTCOME_UNTRUSTED:
    case ADDR_OUTCOME_WRONG_NAME:
    case ADDR_OUTCOME_EXPIRED:
    case ADDR_OUTCOME_NOT_YET_VALID:
    case ADDR_OUTCOME_RESOURCES:
        break;
    }
    bool gateway = spec->expected == EXPECTED_GATEWAY && tally->n_private == 0;

    return gateway ? VERDICT_GATEWAY_MISSING : VERDICT_BLOCKED;
}

/* Silence in TLS is a black hole for large packets only with evidence: a later, smaller segment of
 * the server's came through while those before it are missing. A server that says nothing, or a
 * firewall that drops what we say, leaves none. */
static enum verdict_code
verdict_of_tls_silence(const struct probe_result *result)
{
    unsigned n = 0;
    unsigned n_with_gap = 0;

    for (size_t i = 0; i < result->n_addrs; i++) {
        const struct addr_result *addr = &result->addrs[i];

        if (addr->judged && addr->outcome == ADDR_OUTCOME_TIMEOUT &&
            addr->phase == PROBE_PHASE_TLS) {
            n++;
            n_with_gap += addr->tcp.out_of_order > 0;
        }
    }
    return n_with_gap * 2 >= n ? VERDICT_TLS_BLACKHOLE : VERDICT_TLS_TIMEOUT;
}

static enum verdict_code
verdict_of_tls(const struct probe_result *result, enum addr_outcome outcome)
{
    switch (outcome) {
    case ADDR_OUTCOME_TIMEOUT:
        return verdict_of_tls_silence(result);
    case ADDR_OUTCOME_UNTRUSTED:
        return VERDICT_TLS_UNTRUSTED;
    case ADDR_OUTCOME_WRONG_NAME:
        return VERDICT_TLS_WRONG_NAME;
    case ADDR_OUTCOME_EXPIRED:
        return VERDICT_TLS_EXPIRED;
    case ADDR_OUTCOME_NOT_YET_VALID:
        return VERDICT_TLS_NOT_YET_VALID;
    case ADDR_OUTCOME_NONE:
    case ADDR_OUTCOME_OK:
    case ADDR_OUTCOME_REFUSED:
    case ADDR_OUTCOME_UNREACHABLE:
    case ADDR_OUTCOME_NO_ROUTE:
    case ADDR_OUTCOME_RESET:
    case ADDR_OUTCOME_CLOSED:
    case ADDR_OUTCOME_ALERT:
    case ADDR_OUTCOME_PROTOCOL:
    case ADDR_OUTCOME_NOT_AWS:
    case ADDR_OUTCOME_RESOURCES:
        break;
    }
    return VERDICT_TLS_FAILED;
}

/* The furthest phase that half of the addresses which failed with `outcome` reached. */
static enum probe_phase
leading_phase(
    const struct probe_result *result, const struct tally *tally, enum addr_outcome outcome)
{
    unsigned reached = 0;

    for (enum probe_phase phase = PROBE_PHASE_HTTP; phase > PROBE_PHASE_CONNECT; phase--) {
        for (size_t i = 0; i < result->n_addrs; i++) {
            const struct addr_result *addr = &result->addrs[i];

            reached += addr->judged && addr->outcome == outcome && addr->phase == phase;
        }
        if (reached * 2 >= tally->by_outcome[outcome]) {
            return phase;
        }
    }
    return PROBE_PHASE_CONNECT;
}

static enum verdict_code
verdict_of_all_failed(
    const struct endpoint_spec *spec, const struct probe_result *result, const struct tally *tally)
{
    enum addr_outcome outcome = leading_failure(tally);

    switch (leading_phase(result, tally, outcome)) {
    case PROBE_PHASE_HTTP:
        return VERDICT_HTTP_FAILED;
    case PROBE_PHASE_TLS:
        return verdict_of_tls(result, outcome);
    case PROBE_PHASE_NONE:
    case PROBE_PHASE_CONNECT:
    case PROBE_PHASE_DONE:
        break;
    }
    return verdict_of_no_connect(spec, tally, outcome);
}

/* All addresses of exactly one family fail, while the other family has one that works. */
static bool
is_family_split(const struct tally *tally)
{
    bool dead[FAMILY_N];

    for (size_t i = 0; i < FAMILY_N; i++) {
        if (tally->family_n[i] == 0) {
            return false;
        }
        dead[i] = tally->family_failed[i] == tally->family_n[i];
    }
    return dead[0] != dead[1];
}

/* All addresses are public (or there is none), and the Amazon resolver would give private ones. */
static bool
is_bypass(const struct probe_result *result, const struct tally *tally)
{
    return probe_result_second_is_private(result) && tally->n_public == tally->n;
}

static enum verdict_code
verdict_of_working(
    const struct endpoint_spec *spec, const struct probe_result *result, const struct tally *tally)
{
    if (spec->expected == EXPECTED_INTERFACE && tally->n_public > 0) {
        return is_bypass(result, tally) ? VERDICT_RESOLVER_BYPASS_OPEN : VERDICT_PUBLIC_PATH;
    }
    if (tally->n_counting == 0) {
        return VERDICT_OK;
    }
    return is_family_split(tally) ? VERDICT_FAMILY_SPLIT : VERDICT_PARTLY_BLOCKED;
}

static enum verdict_code
verdict_of_addresses(
    const struct endpoint_spec *spec, const struct probe_result *result, const struct tally *tally)
{
    if (tally->resources) {
        return VERDICT_NO_RESOURCES;
    }
    bool override_works = tally->hosts_file && tally->n_failed == 0;

    if (tally->n_special == tally->n && !override_works) {
        return VERDICT_UNEXPECTED_ADDRESS;
    }
    if (tally->n_ok > 0) {
        return verdict_of_working(spec, result, tally);
    }
    return is_bypass(result, tally) ? VERDICT_RESOLVER_BYPASS
                                    : verdict_of_all_failed(spec, result, tally);
}

/* No address. A name server that is silent or fails is its own verdict; one that knows of no
 * address while the Amazon resolver does is bypassing it. */
static enum verdict_code
verdict_of_no_address(const struct probe_result *result)
{
    size_t family;
    enum verdict_code code = verdict_of_dns(probe_result_dns(result, &family));
    bool answered = code == VERDICT_NAME_NOT_FOUND || code == VERDICT_NO_ADDRESS;

    return answered && probe_result_second_is_private(result) ? VERDICT_RESOLVER_BYPASS : code;
}

/* S3 that connects over public addresses may do so through a gateway endpoint or a NAT gateway:
 * the address cannot tell, but when nothing else of the Internet can be reached it is the first. */
static enum network_path
path_of(
    const struct endpoint_spec *spec, const struct tally *tally, const struct surroundings *around)
{
    if (tally->n > 0 && tally->n_private == tally->n) {
        return PATH_INTERFACE;
    }
    if (tally->n_public > 0 && spec->expected == EXPECTED_INTERFACE) {
        return PATH_PUBLIC;
    }
    if (tally->n_public == tally->n && tally->n_ok > 0 && spec->expected == EXPECTED_GATEWAY &&
        around->internet_closed) {
        return PATH_GATEWAY;
    }
    return PATH_UNKNOWN;
}

enum network_path
verdict_path(const struct endpoint_spec *spec, const struct probe_result *result,
    const struct surroundings *around)
{
    static const struct verdict_policy any = {.fall = 1};
    struct tally tally = tally_of(result, &any);

    return path_of(spec, &tally, around);
}

/* The agent asks `ecs` where to go, and over a public path it is sent to numbered public names: its
 * own two endpoints are not used then, however well they are. */
static bool
depends_on_ecs(const struct endpoint_spec *spec)
{
    return streq(spec->key, "ecs-agent") || streq(spec->key, "ecs-telemetry");
}

/* What the evidence comes to where this host is. */
static enum verdict_code
verdict_in(const struct surroundings *around, const struct endpoint_spec *spec,
    enum verdict_code code, const struct verdict_policy *policy)
{
    if (code == VERDICT_OK && around->ecs_is_public && depends_on_ecs(spec)) {
        return VERDICT_DEPENDS_ON_ECS;
    }
    if (around->uses_proxy && verdict_state(code, policy) == STATE_FAILED &&
        code != VERDICT_PUBLIC_PATH && code != VERDICT_RESOLVER_BYPASS_OPEN) {
        return VERDICT_VIA_PROXY;
    }
    return code;
}

void
verdict_of_run(const struct endpoint_spec *spec, const struct probe_result *result,
    const struct surroundings *around, const struct verdict_policy *policy, struct verdict *ret)
{
    struct tally tally = tally_of(result, policy);
    struct verdict verdict = {.path = path_of(spec, &tally, around), .held_runs = 1};

    verdict.code =
        tally.n == 0 ? verdict_of_no_address(result) : verdict_of_addresses(spec, result, &tally);
    if (result->spoiled && (verdict.code != VERDICT_OK || tally.n_failed > 0)) {
        verdict.code = VERDICT_NO_RESOURCES; /* our slowness can look like a failure, not like
                                                a verified handshake */
    }
    verdict.code = verdict_in(around, spec, verdict.code, policy);
    if (verdict.code == VERDICT_PARTLY_BLOCKED || verdict.code == VERDICT_FAMILY_SPLIT) {
        verdict.held_runs = tally.held_runs > 0 ? tally.held_runs : 1;
    }
    verdict.state = verdict_state(verdict.code, policy);
    *ret = verdict;
}
