/* See result.h. */
#include "probes/result.h"

#include "daemon/util.h"

#include <stdlib.h>

const char *
expected_path_str(enum expected_path expected)
{
    switch (expected) {
    case EXPECTED_INTERFACE:
        return "interface";
    case EXPECTED_GATEWAY:
        return "gateway";
    case EXPECTED_ANY:
        return "any";
    }
    return "unknown";
}

const char *
probe_phase_str(enum probe_phase phase)
{
    switch (phase) {
    case PROBE_PHASE_NONE:
        return "none";
    case PROBE_PHASE_CONNECT:
        return "connect";
    case PROBE_PHASE_TLS:
        return "tls";
    case PROBE_PHASE_HTTP:
        return "http";
    case PROBE_PHASE_DONE:
        return "done";
    }
    return "unknown";
}

const char *
dns_outcome_str(enum dns_outcome outcome)
{
    switch (outcome) {
    case DNS_OUTCOME_NONE:
        return "none";
    case DNS_OUTCOME_OK:
        return "ok";
    case DNS_OUTCOME_NODATA:
        return "nodata";
    case DNS_OUTCOME_NXDOMAIN:
        return "nxdomain";
    case DNS_OUTCOME_SERVFAIL:
        return "servfail";
    case DNS_OUTCOME_REFUSED:
        return "refused";
    case DNS_OUTCOME_MALFORMED:
        return "malformed";
    case DNS_OUTCOME_UNREACHABLE:
        return "unreachable";
    case DNS_OUTCOME_TIMEOUT:
        return "timeout";
    case DNS_OUTCOME_RESOURCES:
        return "no-resources";
    }
    return "unknown";
}

bool
dns_outcome_is_failure(enum dns_outcome outcome)
{
    return outcome > DNS_OUTCOME_NXDOMAIN && outcome != DNS_OUTCOME_RESOURCES;
}

const char *
tls_engine_str(enum tls_engine engine)
{
    switch (engine) {
    case TLS_ENGINE_NONE:
        return "none";
    case TLS_ENGINE_DEFAULT:
        return "default";
    case TLS_ENGINE_LEAN:
        return "lean";
    }
    return "unknown";
}

const char *
addr_outcome_str(enum addr_outcome outcome)
{
    static const char *const names[ADDR_OUTCOME_N] = {
        [ADDR_OUTCOME_NONE] = "none",
        [ADDR_OUTCOME_OK] = "ok",
        [ADDR_OUTCOME_TIMEOUT] = "timeout",
        [ADDR_OUTCOME_REFUSED] = "refused",
        [ADDR_OUTCOME_UNREACHABLE] = "unreachable",
        [ADDR_OUTCOME_NO_ROUTE] = "no-route",
        [ADDR_OUTCOME_RESET] = "reset",
        [ADDR_OUTCOME_CLOSED] = "closed",
        [ADDR_OUTCOME_ALERT] = "alert",
        [ADDR_OUTCOME_PROTOCOL] = "protocol-error",
        [ADDR_OUTCOME_NOT_AWS] = "not-aws",
        [ADDR_OUTCOME_UNTRUSTED] = "untrusted",
        [ADDR_OUTCOME_WRONG_NAME] = "wrong-name",
        [ADDR_OUTCOME_EXPIRED] = "expired",
        [ADDR_OUTCOME_NOT_YET_VALID] = "not-yet-valid",
        [ADDR_OUTCOME_RESOURCES] = "no-resources",
    };

    return (size_t)outcome < ARRAY_SIZE(names) ? names[outcome] : "unknown";
}

/* Copies s to *end, moves *end behind it. */
static const char *
pack(char **end, const char *s)
{
    size_t size = strlen(s) + 1;
    char *start = *end;

    memcpy(start, s, size);
    *end += size;
    return start;
}

struct cert *
cert_new(const char *subject, const char *issuer, const char *const *names, size_t n)
{
    size_t n_kept = n < CERT_NAMES_MAX ? n : CERT_NAMES_MAX;
    size_t size = sizeof(struct cert) + n_kept * sizeof(char *);
    size_t texts = strlen(subject) + 1 + strlen(issuer) + 1;

    for (size_t i = 0; i < n_kept; i++) {
        texts += strlen(names[i]) + 1;
    }
    struct cert *cert = calloc(1, size + texts); /* one block: the texts stand behind the struct */

    if (cert == NULL) {
        return NULL;
    }
    char *end = (char *)cert + size;

    cert->refs = 1;
    cert->subject = pack(&end, subject);
    cert->issuer = pack(&end, issuer);
    cert->n_names = (uint16_t)n_kept;
    cert->n_names_found = (uint16_t)(n < UINT16_MAX ? n : UINT16_MAX);
    for (size_t i = 0; i < n_kept; i++) {
        cert->names[i] = pack(&end, names[i]);
    }
    return cert;
}

struct cert *
cert_ref(struct cert *cert)
{
    if (cert != NULL) {
        cert->refs++;
    }
    return cert;
}

void
cert_unref(struct cert *cert)
{
    if (cert != NULL && --cert->refs == 0) {
        free(cert);
    }
}

bool
cert_equal(const struct cert *a, const struct cert *b)
{
    if (a->not_before != b->not_before || a->not_after != b->not_after ||
        a->n_names_found != b->n_names_found || !streq(a->subject, b->subject) ||
        !streq(a->issuer, b->issuer)) {
        return false;
    }
    for (size_t i = 0; i < a->n_names; i++) {
        if (!streq(a->names[i], b->names[i])) {
            return false;
        }
    }
    return true;
}

int32_t
addr_result_connect_us(const struct addr_result *result)
{
    return result->syn_lost ? -1 : result->connect_us;
}

void
addr_result_done(struct addr_result *result)
{
    cert_unref(TAKE(result->cert));
    free(TAKE(result->error));
}

void
probe_result_init(struct probe_result *result)
{
    memset(result, 0, sizeof(*result));
    for (size_t i = 0; i < FAMILY_N; i++) {
        result->dns[i].elapsed_us = -1;
    }
}

void
probe_result_reset(struct probe_result *result)
{
    for (size_t i = 0; i < result->n_addrs; i++) {
        addr_result_done(&result->addrs[i]);
    }
    free(result->addrs);
    for (size_t i = 0; i < result->n_cnames; i++) {
        free(result->cnames[i]);
    }
    free(result->second_opinion);
    probe_result_init(result);
}

void
probe_result_move(struct probe_result *dst, struct probe_result *src)
{
    probe_result_reset(dst);
    *dst = *src;
    probe_result_init(src);
}

struct second_opinion *
probe_result_add_second_opinion(struct probe_result *result)
{
    if (result->second_opinion == NULL) {
        result->second_opinion = calloc(1, sizeof(*result->second_opinion));
    }
    return result->second_opinion;
}

enum dns_outcome
probe_result_second_opinion(const struct probe_result *result)
{
    return result->second_opinion != NULL ? result->second_opinion->outcome : DNS_OUTCOME_NONE;
}

bool
probe_result_second_is_private(const struct probe_result *result)
{
    return result->second_opinion != NULL && result->second_opinion->is_private;
}

/* How much a family's DNS outcome says about the name; the higher wins. That a name does not exist
 * settles the matter whatever the other family's query met; a failure leaves open what "no data"
 * for the other family cannot. */
static int
dns_rank(enum dns_outcome outcome)
{
    switch (outcome) {
    case DNS_OUTCOME_NONE:
        return 0;
    case DNS_OUTCOME_NODATA:
        return 1;
    case DNS_OUTCOME_TIMEOUT:
        return 2;
    case DNS_OUTCOME_UNREACHABLE:
        return 3;
    case DNS_OUTCOME_MALFORMED:
        return 4;
    case DNS_OUTCOME_REFUSED:
        return 5;
    case DNS_OUTCOME_SERVFAIL:
        return 6;
    case DNS_OUTCOME_NXDOMAIN:
        return 7;
    case DNS_OUTCOME_RESOURCES:
        return 8;
    case DNS_OUTCOME_OK:
        return 9;
    }
    return 0;
}

/* The family gave addresses, but none that counts: its answer is not what there is to say. */
static bool
is_beside_the_point(const struct probe_result *result, size_t family)
{
    bool any = false;

    for (size_t i = 0; i < result->n_addrs; i++) {
        if (result->addrs[i].judged) {
            return false;
        }
        any |= FAMILY_INDEX(result->addrs[i].addr.family) == family;
    }
    return any;
}

enum dns_outcome
probe_result_dns(const struct probe_result *result, size_t *ret_family_index)
{
    size_t best = 0;

    for (size_t i = 1; i < FAMILY_N; i++) {
        bool better = dns_rank(result->dns[i].outcome) > dns_rank(result->dns[best].outcome);

        if (is_beside_the_point(result, best) || (better && !is_beside_the_point(result, i))) {
            best = i;
        }
    }
    *ret_family_index = best;
    return result->dns[best].outcome;
}
