/* The diagnosis: from the evidence of a run to one verdict code, its state and the path. Pure.
 * The words are in probes/verdict_text.c.
 *
 * The codes and their states are a promise to users; additive changes only. */
#ifndef VPCE_PROBES_VERDICT_H
#define VPCE_PROBES_VERDICT_H

#include "probes/result.h"

enum SMALL endpoint_state {
    STATE_UNKNOWN,
    STATE_OK,
    STATE_DEGRADED,
    STATE_FAILED,
};
#define ENDPOINT_STATE_N (STATE_FAILED + 1)

/* The way the traffic takes, as far as the host can tell. */
enum SMALL network_path {
    PATH_UNKNOWN,
    PATH_INTERFACE,
    PATH_GATEWAY, /* inferred: a gateway endpoint changes routes, not names */
    PATH_PUBLIC,
};

enum SMALL verdict_code {
    VERDICT_NONE, /* not judged yet */
    VERDICT_OK,
    VERDICT_PUBLIC_PATH,
    VERDICT_DEPENDS_ON_ECS,
    VERDICT_PARTLY_BLOCKED,
    VERDICT_FAMILY_SPLIT,
    VERDICT_VIA_PROXY,
    VERDICT_ENDPOINT_MISSING,
    VERDICT_RESOLVER_BYPASS,
    VERDICT_RESOLVER_BYPASS_OPEN, /* "resolver-bypass", too, while its public addresses connect:
                                     wrong in the same way, but not cut off */
    VERDICT_NAME_NOT_FOUND,
    VERDICT_NO_ADDRESS,
    VERDICT_DNS_TIMEOUT,
    VERDICT_DNS_FAILED,
    VERDICT_UNEXPECTED_ADDRESS,
    VERDICT_BLOCKED,
    VERDICT_GATEWAY_MISSING,
    VERDICT_REFUSED,
    VERDICT_UNROUTABLE,
    VERDICT_TLS_TIMEOUT,
    VERDICT_TLS_BLACKHOLE,
    VERDICT_TLS_UNTRUSTED,
    VERDICT_TLS_WRONG_NAME,
    VERDICT_TLS_EXPIRED,
    VERDICT_TLS_NOT_YET_VALID,
    VERDICT_TLS_FAILED,
    VERDICT_HTTP_FAILED,
    VERDICT_NO_RESOURCES, /* no statement: the run was spoiled by this host itself */
    /* causes of the host, never an endpoint's verdict */
    VERDICT_NO_PRIVATE_DNS,
    VERDICT_HOST_EGRESS_BLOCKED,
    VERDICT_CLOCK_SKEW,
    VERDICT_TLS_INTERCEPTION,
    VERDICT_SUBNET_UNREACHABLE,
    VERDICT_RESOLVER_DOWN,
};
#define VERDICT_CODE_N (VERDICT_RESOLVER_DOWN + 1)

const char *endpoint_state_str(enum endpoint_state state);
const char *network_path_str(enum network_path path);
const char *verdict_str(enum verdict_code code); /* "partly-blocked" */

struct verdict_policy {
    bool public_path_fails; /* PublicPath=failed */
    unsigned fall;          /* failures of its own before a vpc or private address counts */
};

/* State of a code; UNKNOWN for those that make no statement. */
enum endpoint_state verdict_state(enum verdict_code code, const struct verdict_policy *policy);

/* What one endpoint's run does not show, but its judgement needs. All zero: nothing known. */
struct surroundings {
    bool ecs_is_public;   /* the endpoint "ecs" resolves public */
    bool uses_proxy;      /* this host's clients reach the name through a proxy */
    bool internet_closed; /* another Region's S3 could not be reached at about the same time */
};

struct verdict {
    enum verdict_code code;
    enum endpoint_state state;
    enum network_path path;
    unsigned held_runs; /* runs, this one included, for which the evidence shows it held: an
                           address that counts has failed in all of its last `fall` runs */
};

/* Judge one endpoint by its own evidence. result->addrs[].failures must be set (1 for a first
 * failure) when policy->fall > 1. */
void verdict_of_run(const struct endpoint_spec *spec, const struct probe_result *result,
    const struct surroundings *around, const struct verdict_policy *policy, struct verdict *ret);

/* The path alone. */
enum network_path verdict_path(const struct endpoint_spec *spec, const struct probe_result *result,
    const struct surroundings *around);

#endif
