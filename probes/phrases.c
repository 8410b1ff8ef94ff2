/* See phrases.h. */
#include "probes/phrases.h"

#include <time.h>

/* Addresses and names that are listed before "and N more". */
#define LIST_MAX 6

void
phrase_ms(struct text *t, int64_t us)
{
    (void)text_add(t, us < 99950 ? "%.1f ms" : "%.0f ms", (double)us / 1000.0);
}

void
phrase_date(struct text *t, int64_t seconds)
{
    time_t when = (time_t)seconds;
    struct tm tm;
    char buf[32];

    if (gmtime_r(&when, &tm) == NULL ||
        strftime(buf, sizeof(buf), "%Y-%m-%d %H:%M UTC", &tm) == 0) {
        str_copy(buf, sizeof(buf), "an impossible date");
    }
    (void)text_add(t, "%s", buf);
}

void
phrase_addr(struct text *t, const struct addr *addr, const struct vpc_nets *nets)
{
    const struct subnet *subnet = classify_subnet(addr, nets);
    char buf[ADDR_TEXT_SIZE];

    (void)text_add(t, "%s", addr_format(addr, buf));
    if (subnet != NULL && subnet->az_id[0] != '\0') {
        (void)text_add(t, " (%s)", subnet->az_id);
    }
}

static void
add_cert_names(struct text *t, const struct cert *cert)
{
    for (size_t i = 0; i < cert->n_names && i < LIST_MAX; i++) {
        (void)text_add(t, "%s%s", i == 0 ? "" : ", ", cert->names[i]);
    }
    if (cert->n_names == 0) {
        (void)text_add(t, "%s", cert->subject);
    } else if (cert->n_names_found > LIST_MAX) {
        (void)text_add(t, " and %d more", cert->n_names_found - LIST_MAX);
    }
}

static void
add_tls_silence(struct text *t, const struct addr_result *addr)
{
    const struct tcp_facts *tcp = &addr->tcp;

    if (tcp->out_of_order > 0) {
        (void)text_add(t, "connected, then the first part of the server's answer never came");
        if (tcp->path_mtu > 0) {
            (void)text_add(t, " (path MTU %d)", tcp->path_mtu);
        }
        return;
    }
    (void)text_add(t, "connected, then no answer to the TLS ClientHello");
    if (tcp->retransmits > 0) {
        (void)text_add(t, " (sent again %d times)", tcp->retransmits);
    }
}

/* A certificate that was refused. Without memory there is none to tell of. */
static void
add_cert_failure(struct text *t, const struct addr_result *addr)
{
    const struct cert *cert = addr->cert;

    if (addr->outcome == ADDR_OUTCOME_WRONG_NAME) {
        (void)text_add(t, "certificate for %s", cert != NULL ? "" : "other names");
        if (cert != NULL) {
            add_cert_names(t, cert);
        }
        return;
    }
    bool expired = addr->outcome == ADDR_OUTCOME_EXPIRED;

    if (cert == NULL) {
        (void)text_add(t, "certificate %s", expired ? "expired" : "not valid yet");
        return;
    }
    (void)text_add(t, "certificate %s", expired ? "expired " : "valid only from ");
    phrase_date(t, expired ? cert->not_after : cert->not_before);
}

/* What one address did, as a phrase behind its name. */
static void
add_tls_failure(struct text *t, const struct addr_result *addr)
{
    switch (addr->outcome) {
    case ADDR_OUTCOME_TIMEOUT:
        add_tls_silence(t, addr);
        return;
    case ADDR_OUTCOME_RESET:
        (void)text_add(t, "connection reset during the TLS handshake");
        return;
    case ADDR_OUTCOME_CLOSED:
        (void)text_add(t, "connection closed during the TLS handshake");
        return;
    case ADDR_OUTCOME_UNTRUSTED:
        (void)text_add(t, "certificate of issuer \"%s\" not trusted",
            addr->cert != NULL ? addr->cert->issuer : "?");
        break;
    case ADDR_OUTCOME_WRONG_NAME:
    case ADDR_OUTCOME_EXPIRED:
    case ADDR_OUTCOME_NOT_YET_VALID:
        add_cert_failure(t, addr);
        return;
    case ADDR_OUTCOME_ALERT:
        (void)text_add(t, "TLS alert");
        break;
    case ADDR_OUTCOME_NONE:
    case ADDR_OUTCOME_OK:
    case ADDR_OUTCOME_REFUSED:
    case ADDR_OUTCOME_UNREACHABLE:
    case ADDR_OUTCOME_NO_ROUTE:
    case ADDR_OUTCOME_PROTOCOL:
    case ADDR_OUTCOME_NOT_AWS:
    case ADDR_OUTCOME_RESOURCES:
        (void)text_add(t, "TLS handshake failed");
        break;
    }
    if (addr->error != NULL) {
        (void)text_add(t, " (%s)", addr->error);
    }
}

static void
add_http_failure(struct text *t, const struct addr_result *addr)
{
    if (addr->outcome == ADDR_OUTCOME_NOT_AWS) {
        (void)text_add(t, "HTTP status %u, but without a request id of AWS: a proxy or portal",
            addr->http.status);
    } else if (addr->outcome == ADDR_OUTCOME_TIMEOUT) {
        (void)text_add(t, "TLS stands, then no answer to the HTTP request");
    } else if (addr->outcome == ADDR_OUTCOME_RESET) {
        (void)text_add(t, "connection reset after the HTTP request");
    } else if (addr->outcome == ADDR_OUTCOME_CLOSED) {
        (void)text_add(t, "connection closed after the HTTP request");
    } else if (addr->outcome == ADDR_OUTCOME_PROTOCOL) {
        (void)text_add(t, "what answers does not speak HTTP");
    } else {
        (void)text_add(t, "the HTTP request failed (%s)",
            addr->error != NULL ? addr->error : addr_outcome_str(addr->outcome));
    }
}

static void
add_failure(struct text *t, const struct addr_result *addr)
{
    if (addr->phase == PROBE_PHASE_HTTP) {
        add_http_failure(t, addr);
        return;
    }
    if (addr->connect_us >= 0) {
        add_tls_failure(t, addr);
        return;
    }
    switch (addr->outcome) {
    case ADDR_OUTCOME_TIMEOUT:
        (void)text_add(t, "no answer to SYN");
        break;
    case ADDR_OUTCOME_REFUSED:
        (void)text_add(t, "connection refused (RST)");
        break;
    case ADDR_OUTCOME_UNREACHABLE:
        (void)text_add(t, "ICMP says unreachable");
        break;
    case ADDR_OUTCOME_NO_ROUTE:
        (void)text_add(t, "this host has no route to it");
        break;
    case ADDR_OUTCOME_NONE:
    case ADDR_OUTCOME_OK:
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
        (void)text_add(
            t, "%s", addr->error != NULL ? addr->error : addr_outcome_str(addr->outcome));
        break;
    }
}

static bool
fails_alike(const struct addr_result *a, const struct addr_result *b)
{
    return a->outcome == b->outcome && a->phase == b->phase;
}

bool
addr_has_failed(const struct addr_result *addr)
{
    return addr->judged && addr->outcome != ADDR_OUTCOME_OK;
}

/* An address before i failed in the same way, so i stands in its group. */
static bool
is_grouped(const struct probe_result *result, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (addr_has_failed(&result->addrs[k]) &&
            fails_alike(&result->addrs[k], &result->addrs[i])) {
            return true;
        }
    }
    return false;
}

/* The addresses that fail as the i-th does, and how: "10.0.1.10, 10.0.2.10: no answer to SYN". */
static void
add_failure_group(struct text *t, const struct probe_result *result, size_t i,
    const struct verdict_context *context)
{
    const struct addr_result *head = &result->addrs[i];
    unsigned n = 0;

    for (; i < result->n_addrs; i++) {
        const struct addr_result *addr = &result->addrs[i];

        if (!addr_has_failed(addr) || !fails_alike(addr, head) || ++n > LIST_MAX) {
            continue;
        }
        (void)text_add(t, "%s", n == 1 ? "" : ", ");
        phrase_addr(t, &addr->addr, context->nets);
    }
    if (n > LIST_MAX) {
        (void)text_add(t, " and %u more", n - LIST_MAX);
    }
    (void)text_add(t, ": ");
    add_failure(t, head);
}

/* The failed addresses, grouped by what they did. */
void
phrase_failures(
    struct text *t, const struct probe_result *result, const struct verdict_context *context)
{
    bool first = true;

    for (size_t i = 0; i < result->n_addrs; i++) {
        if (addr_has_failed(&result->addrs[i]) && !is_grouped(result, i)) {
            (void)text_add(t, "%s", first ? "" : "; ");
            add_failure_group(t, result, i, context);
            first = false;
        }
    }
}

/* How many judged addresses there are, how many work, and the slowest of the working. */
void
phrase_working(struct text *t, const struct probe_result *result)
{
    unsigned n = 0;
    unsigned n_ok = 0;
    int32_t connect_us = -1;
    int32_t tls_us = -1;

    for (size_t i = 0; i < result->n_addrs; i++) {
        const struct addr_result *addr = &result->addrs[i];

        n += addr->judged;
        if (!addr->judged || addr->outcome != ADDR_OUTCOME_OK) {
            continue;
        }
        n_ok++;
        if (addr_result_connect_us(addr) > connect_us) {
            connect_us = addr_result_connect_us(addr);
        }
        tls_us = addr->tls_us > tls_us ? addr->tls_us : tls_us;
    }
    (void)text_add(t, "%u of %u address%s work%s", n_ok, n, n == 1 ? "" : "es", n == 1 ? "s" : "");
    if (connect_us >= 0) {
        (void)text_add(t, ", connect ");
        phrase_ms(t, connect_us);
    }
    if (tls_us >= 0) {
        (void)text_add(t, ", TLS ");
        phrase_ms(t, tls_us);
    }
}

void
phrase_addrs_of_class(struct text *t, const struct probe_result *result, enum addr_class wanted,
    const struct verdict_context *context)
{
    unsigned n = 0;

    for (size_t i = 0; i < result->n_addrs; i++) {
        if (result->addrs[i].addr_class == wanted && ++n <= LIST_MAX) {
            (void)text_add(t, "%s", n == 1 ? "" : ", ");
            phrase_addr(t, &result->addrs[i].addr, context->nets);
        }
    }
    if (n > LIST_MAX) {
        (void)text_add(t, " and %u more", n - LIST_MAX);
    }
}

/* Who said what: "169.254.169.253: servfail, 10.0.0.2: timeout". */
void
phrase_dns_attempts(struct text *t, const struct probe_result *result)
{
    size_t family;
    char buf[ADDR_TEXT_SIZE];

    (void)probe_result_dns(result, &family);

    const struct dns_result *dns = &result->dns[family];

    for (size_t i = 0; i < dns->n_attempts; i++) {
        (void)text_add(t, "%s%s: %s", i == 0 ? "" : ", ",
            addr_format(&dns->attempts[i].server, buf), dns_outcome_str(dns->attempts[i].outcome));
    }
    if (dns->n_attempts == 0) {
        (void)text_add(t, "%s", dns_outcome_str(dns->outcome));
    }
}

void
phrase_addrs(struct text *t, const struct addr *addrs, size_t n)
{
    char buf[ADDR_TEXT_SIZE];

    for (size_t i = 0; i < n && i < LIST_MAX; i++) {
        (void)text_add(t, "%s%s", i == 0 ? "" : ", ", addr_format(&addrs[i], buf));
    }
    if (n > LIST_MAX) {
        (void)text_add(t, " and %zu more", n - LIST_MAX);
    }
}

/* "the Amazon resolver 169.254.169.253 answers 10.0.1.10, 10.0.2.10" */
void
phrase_second_opinion(struct text *t, const struct second_opinion *opinion)
{
    char buf[ADDR_TEXT_SIZE];

    (void)text_add(t, "the Amazon resolver %s answers ", addr_format(&opinion->server, buf));
    if (opinion->n_addrs > 0) {
        phrase_addrs(t, opinion->addrs, opinion->n_addrs);
    } else {
        (void)text_add(t, "%s", dns_outcome_str(opinion->outcome));
    }
}
