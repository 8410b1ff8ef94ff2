/* See verdict_text.h. A summary is built from the addresses that show what the verdict is about.
 * The table of meanings and remedies is in verdict_words.c. */
#include "probes/verdict_text.h"

#include <time.h>

/* Addresses and names that are listed before "and N more". */
#define LIST_MAX 6

static void
add_ms(struct text *t, int64_t us)
{
    (void)text_add(t, us < 99950 ? "%.1f ms" : "%.0f ms", (double)us / 1000.0);
}

static void
add_date(struct text *t, int64_t seconds)
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

static void
add_addr(struct text *t, const struct addr *addr, const struct vpc_nets *nets)
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

/* What one address did, as a phrase behind its name. */
static void
add_tls_failure(struct text *t, const struct addr_result *addr)
{
    switch (addr->outcome) {
    case ADDR_OUTCOME_TIMEOUT:
        (void)text_add(t, "connected, then no answer to the TLS ClientHello");
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
        (void)text_add(t, "certificate for ");
        if (addr->cert != NULL) {
            add_cert_names(t, addr->cert);
        }
        return;
    case ADDR_OUTCOME_EXPIRED:
        (void)text_add(t, "certificate expired ");
        add_date(t, addr->cert != NULL ? addr->cert->not_after : 0);
        return;
    case ADDR_OUTCOME_NOT_YET_VALID:
        (void)text_add(t, "certificate valid only from ");
        add_date(t, addr->cert != NULL ? addr->cert->not_before : 0);
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
    } else {
        (void)text_add(t, "what answers does not speak HTTP");
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

static bool
has_failed(const struct addr_result *addr)
{
    return addr->judged && addr->outcome != ADDR_OUTCOME_OK;
}

/* An address before i failed in the same way, so i stands in its group. */
static bool
is_grouped(const struct probe_result *result, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (has_failed(&result->addrs[k]) && fails_alike(&result->addrs[k], &result->addrs[i])) {
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

        if (!has_failed(addr) || !fails_alike(addr, head) || ++n > LIST_MAX) {
            continue;
        }
        (void)text_add(t, "%s", n == 1 ? "" : ", ");
        add_addr(t, &addr->addr, context->nets);
    }
    if (n > LIST_MAX) {
        (void)text_add(t, " and %u more", n - LIST_MAX);
    }
    (void)text_add(t, ": ");
    add_failure(t, head);
}

/* The failed addresses, grouped by what they did. */
static void
add_failures(
    struct text *t, const struct probe_result *result, const struct verdict_context *context)
{
    bool first = true;

    for (size_t i = 0; i < result->n_addrs; i++) {
        if (has_failed(&result->addrs[i]) && !is_grouped(result, i)) {
            (void)text_add(t, "%s", first ? "" : "; ");
            add_failure_group(t, result, i, context);
            first = false;
        }
    }
}

/* How many judged addresses there are, how many work, and the slowest of the working. */
static void
add_working(struct text *t, const struct probe_result *result)
{
    unsigned n = 0;
    unsigned n_ok = 0;
    int32_t connect_us = 0;
    int32_t tls_us = 0;

    for (size_t i = 0; i < result->n_addrs; i++) {
        const struct addr_result *addr = &result->addrs[i];

        n += addr->judged;
        if (!addr->judged || addr->outcome != ADDR_OUTCOME_OK) {
            continue;
        }
        n_ok++;
        connect_us = addr->connect_us > connect_us ? addr->connect_us : connect_us;
        tls_us = addr->tls_us > tls_us ? addr->tls_us : tls_us;
    }
    (void)text_add(t, "%u of %u addresses answer", n_ok, n);
    if (n_ok > 0) {
        (void)text_add(t, ", connect ");
        add_ms(t, connect_us);
        (void)text_add(t, ", TLS ");
        add_ms(t, tls_us);
    }
}

static void
add_addresses_of_class(struct text *t, const struct probe_result *result, enum addr_class wanted,
    const struct verdict_context *context)
{
    unsigned n = 0;

    for (size_t i = 0; i < result->n_addrs; i++) {
        if (result->addrs[i].addr_class == wanted && ++n <= LIST_MAX) {
            (void)text_add(t, "%s", n == 1 ? "" : ", ");
            add_addr(t, &result->addrs[i].addr, context->nets);
        }
    }
    if (n > LIST_MAX) {
        (void)text_add(t, " and %u more", n - LIST_MAX);
    }
}

/* Who said what: "169.254.169.253: servfail, 10.0.0.2: timeout". */
static void
add_dns_attempts(struct text *t, const struct probe_result *result)
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

static void
add_dns_summary(struct text *t, const struct endpoint_spec *spec, const struct probe_result *result,
    enum verdict_code code)
{
    if (code == VERDICT_NAME_NOT_FOUND) {
        (void)text_add(t, "%s does not exist (NXDOMAIN from ", spec->hostname);
    } else if (code == VERDICT_NO_ADDRESS) {
        (void)text_add(t, "%s has neither A nor AAAA records (", spec->hostname);
    } else if (code == VERDICT_DNS_TIMEOUT) {
        (void)text_add(t, "no DNS server answers for %s (", spec->hostname);
    } else {
        (void)text_add(t, "DNS fails for %s (", spec->hostname);
    }
    add_dns_attempts(t, result);
    (void)text_add(t, ")");
}

static void
add_none_summary(struct text *t, const struct endpoint_spec *spec)
{
    if (spec->hostname[0] == '\0') {
        (void)text_add(t, "its host name is not known yet: set Region= and AccountId=");
    } else {
        (void)text_add(t, "not probed yet");
    }
}

/* Judged addresses that connect with a public address: what "public-path" is about. */
static void
add_public_summary(struct text *t, const struct probe_result *result, const char *what,
    const struct verdict_context *context)
{
    (void)text_add(t, "resolves to public ");
    add_addresses_of_class(t, result, ADDR_CLASS_PUBLIC, context);
    (void)text_add(t, " %s", what);
}

void
verdict_summary(struct text *t, const struct endpoint_spec *spec, const struct probe_result *result,
    const struct verdict *verdict, const struct verdict_context *context)
{
    switch (verdict->code) {
    case VERDICT_NONE:
        add_none_summary(t, spec);
        break;
    case VERDICT_OK:
        add_working(t, result);
        break;
    case VERDICT_PUBLIC_PATH:
        add_public_summary(t, result, "and connects, through a NAT or Internet gateway", context);
        break;
    case VERDICT_ENDPOINT_MISSING:
        add_public_summary(t, result, "and does not connect; ", context);
        add_failures(t, result, context);
        break;
    case VERDICT_UNEXPECTED_ADDRESS:
        (void)text_add(t, "resolves only to ");
        add_addresses_of_class(t, result, ADDR_CLASS_SPECIAL, context);
        (void)text_add(t, ", where no endpoint can be");
        break;
    case VERDICT_NAME_NOT_FOUND:
    case VERDICT_NO_ADDRESS:
    case VERDICT_DNS_TIMEOUT:
    case VERDICT_DNS_FAILED:
        add_dns_summary(t, spec, result, verdict->code);
        break;
    case VERDICT_PARTLY_BLOCKED:
    case VERDICT_FAMILY_SPLIT:
    case VERDICT_BLOCKED:
    case VERDICT_GATEWAY_MISSING:
    case VERDICT_REFUSED:
    case VERDICT_UNROUTABLE:
    case VERDICT_TLS_TIMEOUT:
    case VERDICT_TLS_BLACKHOLE:
    case VERDICT_TLS_UNTRUSTED:
    case VERDICT_TLS_WRONG_NAME:
    case VERDICT_TLS_EXPIRED:
    case VERDICT_TLS_NOT_YET_VALID:
    case VERDICT_TLS_FAILED:
    case VERDICT_HTTP_FAILED:
        add_working(t, result);
        (void)text_add(t, "; ");
        add_failures(t, result, context);
        break;
    case VERDICT_DEPENDS_ON_ECS:
    case VERDICT_VIA_PROXY:
    case VERDICT_RESOLVER_BYPASS:
    case VERDICT_NO_RESOURCES:
    case VERDICT_NO_PRIVATE_DNS:
    case VERDICT_HOST_EGRESS_BLOCKED:
    case VERDICT_CLOCK_SKEW:
    case VERDICT_TLS_INTERCEPTION:
    case VERDICT_SUBNET_UNREACHABLE:
    case VERDICT_RESOLVER_DOWN:
        (void)text_add(t, "%s", verdict_meaning(verdict->code));
        break;
    }
}

static struct text
next_note(struct verdict_notes *notes)
{
    size_t i = notes->n < NOTES_MAX ? notes->n++ : NOTES_MAX - 1;

    notes->lines[i][0] = '\0';
    return TEXT(notes->lines[i]);
}

/* A name server that was passed over, and a family whose query failed while the other answered:
 * clients that ask for both wait for it. */
static void
note_dns(const struct probe_result *result, size_t family, struct verdict_notes *ret)
{
    const struct dns_result *dns = &result->dns[family];
    const struct dns_result *other = &result->dns[1 - family];
    const char *record = family == 0 ? "A" : "AAAA";
    char buf[ADDR_TEXT_SIZE];
    bool failed = dns->outcome >= DNS_OUTCOME_NXDOMAIN;

    if (dns->source == DNS_SOURCE_HOSTS_FILE) {
        struct text t = next_note(ret);

        (void)text_add(&t, "addresses come from /etc/hosts, not from DNS");
    }
    if (dns->n_found > PROBE_ADDRS_MAX) {
        struct text t = next_note(ret);

        (void)text_add(&t, "%u %s records, only the first %d are probed", dns->n_found, record,
            PROBE_ADDRS_MAX);
    }
    if (failed && other->outcome == DNS_OUTCOME_OK) {
        struct text t = next_note(ret);

        (void)text_add(&t,
            "the %s query fails (%s): clients that ask for both families wait for it", record,
            dns_outcome_str(dns->outcome));
        return;
    }
    for (size_t i = 0; i + 1 < dns->n_attempts; i++) {
        struct text t = next_note(ret);

        (void)text_add(&t, "name server %s was passed over for the %s record: %s",
            addr_format(&dns->attempts[i].server, buf), record,
            dns_outcome_str(dns->attempts[i].outcome));
    }
}

/* A certificate close to its end: AWS owns it, so it is no state. The soonest is told. */
static void
note_certificate(const struct probe_result *result, const struct verdict_context *context,
    struct verdict_notes *ret)
{
    const struct cert *soonest = NULL;

    for (size_t i = 0; i < result->n_addrs; i++) {
        const struct cert *cert = result->addrs[i].cert;
        bool works = result->addrs[i].outcome == ADDR_OUTCOME_OK;

        if (works && cert != NULL && (soonest == NULL || cert->not_after < soonest->not_after)) {
            soonest = cert;
        }
    }
    if (soonest == NULL || context->certificate_warning_s == 0 || context->wall_s == 0 ||
        soonest->not_after - context->wall_s > context->certificate_warning_s) {
        return;
    }
    struct text t = next_note(ret);

    (void)text_add(&t, "its certificate ends ");
    add_date(&t, soonest->not_after);
}

static void
note_addresses(const struct probe_result *result, const struct verdict *verdict,
    const struct verdict_context *context, struct verdict_notes *ret)
{
    int32_t retransmits = 0;
    unsigned n_retransmitting = 0;
    bool failing = false;
    bool not_judged = false;

    for (size_t i = 0; i < result->n_addrs; i++) {
        const struct addr_result *addr = &result->addrs[i];

        if (addr->connect_us >= 0 && addr->tcp.retransmits > 0) {
            n_retransmitting++;
            retransmits += addr->tcp.retransmits;
        }
        failing |= has_failed(addr);
        not_judged |= !addr->judged;
    }
    if (n_retransmitting > 0) {
        struct text t = next_note(ret);

        (void)text_add(&t, "%d segments sent again to %u addresses: packets are lost", retransmits,
            n_retransmitting);
    }
    if (failing && verdict->state == STATE_OK) {
        struct text t = next_note(ret);

        (void)text_add(&t, "in the newest run, not counted yet: ");
        add_failures(&t, result, context);
    }
    if (not_judged) {
        struct text t = next_note(ret);

        (void)text_add(&t, "not judged: addresses of a family this host has no address of");
    }
}

void
verdict_notes_of(const struct endpoint_spec *spec, const struct probe_result *result,
    const struct verdict *verdict, const struct verdict_context *context, struct verdict_notes *ret)
{
    (void)spec;
    ret->n = 0;
    for (size_t family = 0; family < FAMILY_N; family++) {
        note_dns(result, family, ret);
    }
    note_addresses(result, verdict, context, ret);
    note_certificate(result, context, ret);
}
