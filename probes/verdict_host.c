/* See verdict_host.h. Each cause has one function, which marks the endpoints that fold under it and
 * says whether it holds. Their order is that of the layers: name servers, the way out, the clock,
 * certificates, private DNS, a subnet. The words are in verdict_host_text.c. */
#include "probes/verdict_host.h"

#include "daemon/util.h"

#include <stdlib.h>

/* A cause being examined. */
struct trial {
    const struct host_view *view;
    struct host_cause cause;
    bool *folded; /* view->n of them, all false at first */
};

const char *
internet_str(enum internet internet)
{
    switch (internet) {
    case INTERNET_UNKNOWN:
        return "unknown";
    case INTERNET_OPEN:
        return "open";
    case INTERNET_CLOSED:
        return "closed";
    }
    return "unknown";
}

/* It has evidence, and its state counts for the host. */
static bool
counts(const struct host_evidence *e)
{
    return e->spec->required && e->result != NULL;
}

static bool
has_connected(const struct addr_result *addr)
{
    return addr->connect_us >= 0;
}

static unsigned
count_connected(const struct probe_result *result)
{
    unsigned n = 0;

    for (size_t i = 0; i < result->n_addrs; i++) {
        n += has_connected(&result->addrs[i]);
    }
    return n;
}

/* Addresses of the kind an interface endpoint has. */
static unsigned
count_private(const struct probe_result *result)
{
    unsigned n = 0;

    for (size_t i = 0; i < result->n_addrs; i++) {
        n += addr_class_is_private(result->addrs[i].addr_class);
    }
    return n;
}

static bool
is_public_only(const struct probe_result *result)
{
    for (size_t i = 0; i < result->n_addrs; i++) {
        if (result->addrs[i].addr_class != ADDR_CLASS_PUBLIC) {
            return false;
        }
    }
    return result->n_addrs > 0;
}

static bool
asked_name_servers(const struct probe_result *result)
{
    for (size_t f = 0; f < FAMILY_N; f++) {
        if (result->dns[f].n_attempts > 0) {
            return true;
        }
    }
    return false;
}

/* Every name that DNS was asked for failed, and all in the same way. */
static bool
resolver_is_down(struct trial *trial)
{
    enum dns_outcome alike = DNS_OUTCOME_NONE;

    for (size_t i = 0; i < trial->view->n; i++) {
        const struct host_evidence *e = &trial->view->endpoints[i];
        size_t family;

        if (!counts(e) || !asked_name_servers(e->result)) {
            continue;
        }
        enum dns_outcome outcome = probe_result_dns(e->result, &family);

        if (e->result->n_addrs > 0 || !dns_outcome_is_failure(outcome) ||
            (alike != DNS_OUTCOME_NONE && outcome != alike)) {
            return false;
        }
        alike = outcome;
        trial->folded[i] = true;
    }
    return true;
}

/* A private address is silent, and nothing at all can be connected to. */
static bool
egress_is_blocked(struct trial *trial)
{
    bool private_silent = false;

    if (trial->view->internet == INTERNET_OPEN) {
        return false;
    }
    for (size_t i = 0; i < trial->view->n; i++) {
        const struct host_evidence *e = &trial->view->endpoints[i];

        if (e->result == NULL || e->result->n_addrs == 0) {
            continue;
        }
        if (count_connected(e->result) > 0) {
            return false;
        }
        for (size_t k = 0; k < e->result->n_addrs; k++) {
            const struct addr_result *addr = &e->result->addrs[k];

            private_silent |= addr_class_is_private(addr->addr_class) && addr->judged &&
                              addr->outcome == ADDR_OUTCOME_TIMEOUT;
        }
        trial->folded[i] = e->spec->required;
    }
    return private_silent;
}

/* What the HTTP answers of an endpoint say about our clock, in milliseconds. false: nothing. */
static bool
find_skew(const struct probe_result *result, int64_t *ret_ms)
{
    for (size_t i = 0; i < result->n_addrs; i++) {
        const struct addr_result *addr = &result->addrs[i];

        if (addr->outcome == ADDR_OUTCOME_OK && addr->http.has_date) {
            *ret_ms = addr->http.clock_skew_ms;
            return true;
        }
    }
    return false;
}

/* The Date of every answer that has one is off in the same direction. */
static bool
clock_is_off_by_date(struct trial *trial)
{
    for (size_t i = 0; i < trial->view->n; i++) {
        const struct host_evidence *e = &trial->view->endpoints[i];
        int64_t skew_ms;

        if (!counts(e) || !find_skew(e->result, &skew_ms)) {
            continue;
        }
        if ((skew_ms <= CLOCK_SKEW_MAX_MS && skew_ms >= -CLOCK_SKEW_MAX_MS) ||
            (trial->cause.skew_ms != 0 && (trial->cause.skew_ms < 0) != (skew_ms < 0))) {
            return false;
        }
        trial->cause.skew_ms = skew_ms;
        trial->folded[i] = true;
    }
    return trial->cause.skew_ms != 0;
}

/* The certificates that came, of two endpoints or more, are all expired, or all not valid yet. */
static bool
clock_is_off_by_certificates(struct trial *trial)
{
    enum addr_outcome alike = ADDR_OUTCOME_NONE;

    for (size_t i = 0; i < trial->view->n; i++) {
        const struct host_evidence *e = &trial->view->endpoints[i];

        for (size_t k = 0; counts(e) && k < e->result->n_addrs; k++) {
            const struct addr_result *addr = &e->result->addrs[k];
            bool outside = addr->outcome == ADDR_OUTCOME_EXPIRED ||
                           addr->outcome == ADDR_OUTCOME_NOT_YET_VALID;

            if (addr->cert == NULL) {
                continue;
            }
            if (!outside || (alike != ADDR_OUTCOME_NONE && addr->outcome != alike)) {
                return false;
            }
            alike = addr->outcome;
            trial->folded[i] = true;
        }
    }
    return true;
}

static const char *
untrusted_issuer(const struct probe_result *result)
{
    for (size_t i = 0; i < result->n_addrs; i++) {
        const struct addr_result *addr = &result->addrs[i];

        if (addr->judged && addr->outcome == ADDR_OUTCOME_UNTRUSTED && addr->cert != NULL) {
            return addr->cert->issuer;
        }
    }
    return NULL;
}

static const char *
issuer_of(const struct host_evidence *e)
{
    return counts(e) ? untrusted_issuer(e->result) : NULL;
}

static unsigned
count_issuer(const struct host_view *view, const char *issuer)
{
    unsigned n = 0;

    for (size_t i = 0; i < view->n; i++) {
        const char *other = issuer_of(&view->endpoints[i]);

        n += other != NULL && streq(other, issuer);
    }
    return n;
}

/* One issuer that is not trusted signs for two endpoints or more. */
static bool
tls_is_intercepted(struct trial *trial)
{
    const struct host_view *view = trial->view;
    const char *best = NULL;

    for (size_t i = 0; i < view->n && best == NULL; i++) {
        const char *issuer = issuer_of(&view->endpoints[i]);

        if (issuer != NULL && count_issuer(view, issuer) >= 2) {
            best = issuer;
        }
    }
    for (size_t i = 0; best != NULL && i < view->n; i++) {
        const char *issuer = issuer_of(&view->endpoints[i]);

        trial->folded[i] = issuer != NULL && streq(issuer, best);
    }
    trial->cause.issuer = best;
    return best != NULL;
}

/* No interface endpoint's name resolves private, by whomever it is asked. An S3 that cannot be
 * reached belongs to it: such a subnet has no endpoints at all yet. */
static bool
private_dns_is_missing(struct trial *trial)
{
    unsigned n_public = 0;

    for (size_t i = 0; i < trial->view->n; i++) {
        const struct host_evidence *e = &trial->view->endpoints[i];

        if (!counts(e)) {
            continue;
        }
        if (e->spec->expected == EXPECTED_GATEWAY) {
            trial->folded[i] = e->code == VERDICT_GATEWAY_MISSING;
            continue;
        }
        if (e->spec->expected != EXPECTED_INTERFACE) {
            continue;
        }
        if (count_private(e->result) > 0 || probe_result_second_is_private(e->result)) {
            return false;
        }
        if (is_public_only(e->result)) {
            trial->folded[i] = true;
            n_public++;
        }
    }
    return n_public >= 2;
}

/* The host's name servers give other answers than the Amazon resolver for two names or more. */
static bool
resolver_is_bypassed(struct trial *trial)
{
    for (size_t i = 0; i < trial->view->n; i++) {
        const struct host_evidence *e = &trial->view->endpoints[i];

        trial->folded[i] = counts(e) && (e->code == VERDICT_RESOLVER_BYPASS ||
                                            e->code == VERDICT_RESOLVER_BYPASS_OPEN);
    }
    return true;
}

/* Every address in the subnet is dead, though private addresses elsewhere answer. */
static bool
subnet_is_unreachable(struct trial *trial, const struct subnet *subnet)
{
    const struct vpc_nets *nets = trial->view->context->nets;
    bool others_answer = false;

    for (size_t i = 0; i < trial->view->n; i++) {
        const struct host_evidence *e = &trial->view->endpoints[i];

        for (size_t k = 0; counts(e) && k < e->result->n_addrs; k++) {
            const struct addr_result *addr = &e->result->addrs[k];
            bool inside = classify_subnet(&addr->addr, nets) == subnet;

            if (inside && has_connected(addr)) {
                return false;
            }
            trial->folded[i] |= inside && addr->judged;
            others_answer |=
                !inside && has_connected(addr) && addr_class_is_private(addr->addr_class);
        }
    }
    trial->cause.subnet = *subnet;
    return others_answer;
}

/* A cause is told once one of its endpoints has settled on something worse than ok: a single lost
 * run is no cause for anything. */
static bool
is_settled(const struct trial *trial)
{
    for (size_t i = 0; i < trial->view->n; i++) {
        if (trial->folded[i] && trial->view->endpoints[i].settled > STATE_OK) {
            return true;
        }
    }
    return false;
}

static void
count_folded(struct trial *trial)
{
    for (size_t i = trial->view->n; i-- > 0;) {
        if (trial->folded[i]) {
            trial->cause.n_folded++;
            trial->cause.first = i;
        }
    }
}

/* Take the cause into the list if it holds. needs: endpoints that must show it. */
static bool
conclude(struct trial *trial, bool holds, enum verdict_code code, size_t needs,
    struct host_causes *causes, uint8_t *folded)
{
    bool measured = trial->cause.skew_ms != 0; /* a clock is off whether anything fails or not */

    count_folded(trial);
    holds &= trial->cause.n_folded >= needs && (measured || is_settled(trial)) &&
             causes->n < HOST_CAUSES_MAX;
    for (size_t i = 0; i < trial->view->n; i++) {
        if (holds && trial->folded[i]) {
            folded[i] |= (uint8_t)(1U << causes->n);
        }
        trial->folded[i] = false;
    }
    if (holds) {
        trial->cause.code = code;
        causes->causes[causes->n++] = trial->cause;
    }
    trial->cause = (struct host_cause){0};
    return holds;
}

void
verdict_of_host(const struct host_view *view, struct host_causes *ret, uint8_t *ret_folded)
{
    static const struct {
        enum verdict_code code;
        size_t needs;
        bool (*holds)(struct trial *trial);
    } rules[] = {
        {VERDICT_RESOLVER_DOWN, 2, resolver_is_down},
        {VERDICT_HOST_EGRESS_BLOCKED, 2, egress_is_blocked},
        {VERDICT_CLOCK_SKEW, 1, clock_is_off_by_date},
        {VERDICT_CLOCK_SKEW, 2, clock_is_off_by_certificates},
        {VERDICT_TLS_INTERCEPTION, 2, tls_is_intercepted},
        {VERDICT_RESOLVER_BYPASS, 2, resolver_is_bypassed},
        {VERDICT_NO_PRIVATE_DNS, 2, private_dns_is_missing},
    };
    struct trial trial = {.view = view, .folded = calloc(view->n + 1, sizeof(bool))};
    enum verdict_code last = VERDICT_NONE;

    ret->n = 0;
    memset(ret_folded, 0, view->n);
    if (trial.folded == NULL) {
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        if (rules[i].code != last && conclude(&trial, rules[i].holds(&trial), rules[i].code,
                                         rules[i].needs, ret, ret_folded)) {
            last = rules[i].code; /* told once, by whichever rule */
        }
    }
    for (size_t i = 0; i < view->context->nets->n_subnets; i++) {
        bool holds = subnet_is_unreachable(&trial, &view->context->nets->subnets[i]);

        (void)conclude(&trial, holds, VERDICT_SUBNET_UNREACHABLE, 2, ret, ret_folded);
    }
    free(trial.folded);
}
