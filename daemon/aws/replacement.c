/* See replacement.h. */
#include "daemon/aws/replacement.h"

const char *
own_fault_str(enum own_fault fault)
{
    switch (fault) {
    case OWN_FAULT_NONE:
        return "none";
    case OWN_FAULT_NO_ROUTE:
        return "no-route";
    case OWN_FAULT_RESOLVER:
        return "resolver";
    case OWN_FAULT_RESOURCES:
        return "resources";
    }
    return "unknown";
}

const char *
own_fault_words(enum own_fault fault)
{
    switch (fault) {
    case OWN_FAULT_NONE:
        return "what is wrong is not of this host alone";
    case OWN_FAULT_NO_ROUTE:
        return "this host has no route to any endpoint";
    case OWN_FAULT_RESOLVER:
        return "this host's own resolver is dead, and the Amazon resolver answers";
    case OWN_FAULT_RESOURCES:
        return "this host has run out of memory, descriptors or ports";
    }
    return "unknown";
}

/* ---- whose fault it is ---- */

static bool
has_no_route(const struct endpoint *e)
{
    bool any = false;

    for (size_t i = 0; i < e->evidence.n_addrs; i++) {
        const struct addr_result *addr = &e->evidence.addrs[i];

        if (addr->judged && addr->outcome != ADDR_OUTCOME_NO_ROUTE) {
            return false;
        }
        any = any || addr->judged;
    }
    return any;
}

/* A server of this host: a loopback address (systemd-resolved, dnsmasq, unbound). */
static bool
is_own(const struct addr *server)
{
    static const uint8_t ipv6_loopback[16] = {[15] = 1};

    return (server->family == ADDR_FAMILY_IPV4 && server->bytes[0] == 127) ||
           (server->family == ADDR_FAMILY_IPV6 && memcmp(server->bytes, ipv6_loopback, 16) == 0);
}

/* Every server that was asked is ours, and none gave an answer of any kind. A server of ours that
 * answers SERVFAIL lives: what it asks is dead, and that may be the VPC's. */
static bool
is_own_silence(const struct dns_result *dns)
{
    for (size_t i = 0; i < dns->n_attempts; i++) {
        bool silent = dns->attempts[i].outcome == DNS_OUTCOME_TIMEOUT ||
                      dns->attempts[i].outcome == DNS_OUTCOME_UNREACHABLE;

        if (!silent || !is_own(&dns->attempts[i].server)) {
            return false;
        }
    }
    return dns->n_attempts > 0;
}

/* Not everybody has a second opinion: none is asked for where public addresses are expected (S3
 * behind a gateway endpoint). Such a one does not speak against it; own_fault_of wants one that
 * speaks for it. */
static bool
has_dead_resolver(const struct endpoint *e)
{
    enum dns_outcome second = probe_result_second_opinion(&e->evidence);
    bool any = false;

    if (second != DNS_OUTCOME_OK && second != DNS_OUTCOME_NONE) {
        return false;
    }
    for (size_t f = 0; f < FAMILY_N; f++) {
        const struct dns_result *dns = &e->evidence.dns[f];

        if (dns->outcome != DNS_OUTCOME_NONE && !is_own_silence(dns)) {
            return false;
        }
        any = any || dns->outcome != DNS_OUTCOME_NONE;
    }
    return any;
}

static enum own_fault
fault_of(const struct endpoint *e)
{
    if (e->last_run.code == VERDICT_NO_RESOURCES) {
        return OWN_FAULT_RESOURCES;
    }
    if (has_no_route(e)) {
        return OWN_FAULT_NO_ROUTE;
    }
    return has_dead_resolver(e) ? OWN_FAULT_RESOLVER : OWN_FAULT_NONE;
}

enum own_fault
own_fault_of(const struct endpoint *endpoints, size_t n)
{
    enum own_fault fault = OWN_FAULT_NONE;
    bool any = false;
    bool amazon_answers = false;

    for (size_t i = 0; i < n; i++) {
        if (!endpoints[i].spec.required) {
            continue;
        }
        if (any && fault_of(&endpoints[i]) != fault) {
            return OWN_FAULT_NONE;
        }
        fault = fault_of(&endpoints[i]);
        any = true;
        amazon_answers =
            amazon_answers || probe_result_second_opinion(&endpoints[i].evidence) == DNS_OUTCOME_OK;
    }
    return fault == OWN_FAULT_RESOLVER && !amazon_answers ? OWN_FAULT_NONE : fault;
}

/* ---- when it is reported ---- */

static void
follow_health(struct replacement *r, const struct replacement_facts *facts)
{
    if (facts->state == HOST_STATE_HEALTHY) {
        if (r->healthy_since_ms == 0) {
            r->healthy_since_ms = facts->now_ms;
        }
        r->was_healthy =
            r->was_healthy || facts->now_ms - r->healthy_since_ms >= REPLACEMENT_HEALTHY_MS;
    } else {
        r->healthy_since_ms = 0;
    }
}

static void
follow_illness(struct replacement *r, const struct replacement_facts *facts)
{
    if (facts->state == HOST_STATE_HEALTHY || facts->state == HOST_STATE_DEGRADED) {
        r->ill_since_ms = 0;
        r->refused = false;
    } else if (r->ill_since_ms == 0) {
        r->ill_since_ms = facts->now_ms;
    }
}

static void
follow_fault(
    struct replacement *r, int64_t after_ms, const struct replacement_facts *facts, uint32_t dice)
{
    if (r->fault != facts->fault) {
        r->fault = facts->fault;
        r->fault_since_ms = facts->now_ms;
        r->spread_ms = (int64_t)((uint64_t)dice * (uint64_t)after_ms / UINT32_MAX);
    }
}

static struct replacement_decision
wait_until(int64_t wake_ms)
{
    return (struct replacement_decision){.wake_ms = wake_ms};
}

static int64_t
max_ms(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Ill, and not of what is on the list. */
static struct replacement_decision
step_shared(struct replacement *r, int64_t after_ms, const struct replacement_facts *facts)
{
    if (r->ill_since_ms == 0 || r->refused) {
        return wait_until(REPLACEMENT_NEVER_MS);
    }
    if (facts->now_ms < r->ill_since_ms + after_ms) {
        return wait_until(r->ill_since_ms + after_ms);
    }
    r->refused = true;
    return (struct replacement_decision){.what = REPLACEMENT_DO_REFUSE};
}

static struct replacement_decision
step_own(const struct replacement *r, int64_t after_ms, const struct replacement_facts *facts)
{
    int64_t due_ms =
        max_ms(max_ms(r->fault_since_ms, r->ill_since_ms) + after_ms + r->spread_ms, r->retry_ms);

    if (facts->now_ms < due_ms) {
        return wait_until(due_ms);
    }
    return (struct replacement_decision){.what = REPLACEMENT_DO_REPORT};
}

struct replacement_decision
replacement_step(
    struct replacement *r, int64_t after_ms, const struct replacement_facts *facts, uint32_t dice)
{
    follow_health(r, facts);
    follow_illness(r, facts);
    follow_fault(r, after_ms, facts, dice);
    if (r->done) {
        return wait_until(REPLACEMENT_NEVER_MS);
    }
    if (r->healthy_since_ms != 0) {
        return wait_until(
            r->was_healthy ? REPLACEMENT_NEVER_MS : r->healthy_since_ms + REPLACEMENT_HEALTHY_MS);
    }
    if (r->ill_since_ms != 0 && r->fault != OWN_FAULT_NONE && r->was_healthy) {
        return step_own(r, after_ms, facts);
    }
    return step_shared(r, after_ms, facts);
}

void
replacement_answer(struct replacement *r, bool accepted, int64_t now_ms)
{
    r->done = r->done || accepted;
    r->retry_ms = now_ms + REPLACEMENT_RETRY_MS;
}
