/* The words for the causes of the host. See verdict_host.h. */
#include "daemon/util.h"
#include "probes/phrases.h"
#include "probes/verdict_host.h"

/* Services that are listed. */
#define SERVICES_MAX 16

static bool
is_folded(const uint8_t *folded, size_t endpoint, size_t cause)
{
    return (folded[endpoint] & 1U << cause) != 0;
}

/* "ecs, ecs-agent, ecr.api" */
static void
add_keys_but(struct text *t, const struct host_view *view, size_t cause, const uint8_t *folded,
    const enum expected_path *left_out)
{
    unsigned n = 0;

    for (size_t i = 0; i < view->n; i++) {
        bool counts = left_out == NULL || view->endpoints[i].spec->expected != *left_out;

        if (counts && is_folded(folded, i, cause) && ++n <= SERVICES_MAX) {
            (void)text_add(t, "%s%s", n == 1 ? "" : ", ", view->endpoints[i].spec->key);
        }
    }
    if (n > SERVICES_MAX) {
        (void)text_add(t, " and %u more", n - SERVICES_MAX);
    }
}

static void
add_keys(struct text *t, const struct host_view *view, size_t cause, const uint8_t *folded)
{
    add_keys_but(t, view, cause, folded, NULL);
}

static unsigned
count_connecting(const struct host_view *view, size_t cause, const uint8_t *folded)
{
    unsigned n = 0;

    for (size_t i = 0; i < view->n; i++) {
        const struct probe_result *result = view->endpoints[i].result;
        bool connects = false;

        for (size_t k = 0; is_folded(folded, i, cause) && k < result->n_addrs; k++) {
            connects |= result->addrs[k].connect_us >= 0;
        }
        n += connects;
    }
    return n;
}

static void
add_private_dns_summary(struct text *t, const struct host_view *view,
    const struct host_cause *cause, size_t i, const uint8_t *folded)
{
    static const enum expected_path gateway = EXPECTED_GATEWAY;
    unsigned n_connecting = count_connecting(view, i, folded);

    (void)text_add(t, "no interface endpoint's name resolves to a private address (");
    add_keys_but(t, view, i, folded, &gateway);
    if (n_connecting == 0) {
        (void)text_add(t, "), and none of them can be reached");
        if (view->internet == INTERNET_CLOSED) {
            (void)text_add(t, "; there is no way to the Internet either");
        }
    } else {
        (void)text_add(t, "); %u of %zu connect through a NAT or Internet gateway", n_connecting,
            cause->n_folded);
    }
}

static void
add_skew_summary(struct text *t, const struct host_cause *cause, const struct probe_result *result)
{
    int64_t seconds = cause->skew_ms / 1000;

    if (seconds != 0) {
        (void)text_add(t, "this host's clock is %lld s %s that of the endpoints",
            (long long)(seconds < 0 ? -seconds : seconds), seconds < 0 ? "behind" : "ahead of");
        return;
    }
    for (size_t i = 0; i < result->n_addrs; i++) {
        const struct addr_result *addr = &result->addrs[i];

        if (addr->cert == NULL) {
            continue;
        }
        (void)text_add(t, "the certificates of %zu endpoints are all %s", cause->n_folded,
            addr->outcome == ADDR_OUTCOME_EXPIRED ? "expired, the first on "
                                                  : "not valid yet, the first from ");
        phrase_date(t,
            addr->outcome == ADDR_OUTCOME_EXPIRED ? addr->cert->not_after : addr->cert->not_before);
        (void)text_add(t, "; this host's clock says ");
        break;
    }
}

static void
add_subnet_summary(struct text *t, const struct host_view *view, const struct host_cause *cause,
    size_t i, const uint8_t *folded)
{
    char buf[CIDR_TEXT_SIZE];

    (void)text_add(t, "no address in subnet %s", cidr_format(&cause->subnet.cidr, buf));
    if (cause->subnet.az_id[0] != '\0') {
        (void)text_add(t, " (%s)", cause->subnet.az_id);
    }
    (void)text_add(t, " answers (");
    add_keys(t, view, i, folded);
    (void)text_add(t, "), those in other subnets do");
}

static void
add_bypass_summary(struct text *t, const struct host_view *view, size_t i, const uint8_t *folded,
    const struct probe_result *result)
{
    char buf[ADDR_TEXT_SIZE];
    size_t family;

    (void)probe_result_dns(result, &family);
    if (result->dns[family].server.family != ADDR_FAMILY_NONE) {
        (void)text_add(t, "name server %s", addr_format(&result->dns[family].server, buf));
    } else {
        (void)text_add(t, "this host's name server");
    }
    (void)text_add(t, " does not forward to the Amazon resolver %s, which has private addresses (",
        addr_format(&result->second_opinion->server, buf));
    add_keys(t, view, i, folded);
    (void)text_add(t, ")");
}

static void
add_resolver_summary(
    struct text *t, const struct host_cause *cause, const struct probe_result *result)
{
    (void)text_add(t, "DNS fails for all %zu names (", cause->n_folded);
    phrase_dns_attempts(t, result);
    (void)text_add(t, ")");
    if (result->second_opinion != NULL && result->second_opinion->n_addrs > 0) {
        (void)text_add(t, "; ");
        phrase_second_opinion(t, result->second_opinion);
    }
}

void
host_cause_summary(struct text *t, const struct host_view *view, const struct host_causes *causes,
    size_t i, const uint8_t *folded)
{
    const struct host_cause *cause = &causes->causes[i];
    const struct probe_result *result = view->endpoints[cause->first].result;

    if (cause->code == VERDICT_RESOLVER_DOWN) {
        add_resolver_summary(t, cause, result);
    } else if (cause->code == VERDICT_HOST_EGRESS_BLOCKED) {
        (void)text_add(t, "no address of %zu endpoints answers (", cause->n_folded);
        add_keys(t, view, i, folded);
        (void)text_add(t, "): the way out of this host is blocked");
    } else if (cause->code == VERDICT_CLOCK_SKEW) {
        add_skew_summary(t, cause, result);
        if (cause->skew_ms == 0) {
            phrase_date(t, view->context->wall_s);
        }
    } else if (cause->code == VERDICT_TLS_INTERCEPTION) {
        (void)text_add(t, "\"%s\", which is not trusted, signs for %zu endpoints (", cause->issuer,
            cause->n_folded);
        add_keys(t, view, i, folded);
        (void)text_add(t, ")");
    } else if (cause->code == VERDICT_RESOLVER_BYPASS) {
        add_bypass_summary(t, view, i, folded, result);
    } else if (cause->code == VERDICT_NO_PRIVATE_DNS) {
        add_private_dns_summary(t, view, cause, i, folded);
    } else if (cause->code == VERDICT_SUBNET_UNREACHABLE) {
        add_subnet_summary(t, view, cause, i, folded);
    } else {
        (void)text_add(t, "%s", verdict_meaning(cause->code));
    }
}

/* The service names of the kind, in the order of the endpoints. Returns how many. */
static unsigned
add_services(struct text *t, const struct host_view *view, size_t cause, const uint8_t *folded,
    enum expected_path expected, const char *lead)
{
    unsigned n = 0;

    for (size_t i = 0; i < view->n; i++) {
        const struct endpoint_spec *spec = view->endpoints[i].spec;

        if (is_folded(folded, i, cause) && spec->expected == expected &&
            spec->service_name[0] != '\0' && ++n <= SERVICES_MAX) {
            (void)text_add(t, "%s%s", n == 1 ? lead : ", ", spec->service_name);
        }
    }
    return n;
}

void
host_cause_remedy(struct text *t, const struct host_view *view, const struct host_causes *causes,
    size_t i, const uint8_t *folded)
{
    const struct host_cause *cause = &causes->causes[i];

    verdict_remedy(t, view->endpoints[cause->first].spec, cause->code, view->context);
    if (cause->code != VERDICT_NO_PRIVATE_DNS) {
        return;
    }
    /* the gateway endpoint costs nothing and image layers come through it */
    unsigned n_gateway = add_services(t, view, i, folded, EXPECTED_GATEWAY,
        " What does not exist, create in this order: the gateway endpoint ");

    (void)add_services(t, view, i, folded, EXPECTED_INTERFACE,
        n_gateway > 0 ? "; the interface endpoints, with private DNS enabled: "
                      : " What does not exist, create, with private DNS enabled: ");
    (void)text_add(t, ". Restart the ECS agent then: it keeps the old answers for hours.");
}
