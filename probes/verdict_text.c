/* See verdict_text.h. A summary is built from the addresses that show what the verdict is about.
 * The table of meanings and remedies is in verdict_words.c, the notes in verdict_notes.c. */
#include "probes/phrases.h"

/* A family that was not asked has no say. */
static void
add_no_address(struct text *t, const struct endpoint_spec *spec, const struct probe_result *result)
{
    bool only_4 = result->dns[FAMILY_INDEX(ADDR_FAMILY_IPV6)].outcome == DNS_OUTCOME_NONE;
    bool only_6 = result->dns[FAMILY_INDEX(ADDR_FAMILY_IPV4)].outcome == DNS_OUTCOME_NONE;

    if (only_4 == only_6) {
        (void)text_add(t, "%s has neither A nor AAAA records (", spec->hostname);
    } else {
        (void)text_add(t, "%s has no %s record, and only %s is probed (", spec->hostname,
            only_6 ? "AAAA" : "A", only_6 ? "IPv6" : "IPv4");
    }
}

static void
add_dns_summary(struct text *t, const struct endpoint_spec *spec, const struct probe_result *result,
    enum verdict_code code)
{
    if (code == VERDICT_NAME_NOT_FOUND) {
        (void)text_add(t, "%s does not exist (NXDOMAIN from ", spec->hostname);
    } else if (code == VERDICT_NO_ADDRESS) {
        add_no_address(t, spec, result);
    } else if (code == VERDICT_DNS_TIMEOUT) {
        (void)text_add(t, "no DNS server answers for %s (", spec->hostname);
    } else {
        (void)text_add(t, "DNS fails for %s (", spec->hostname);
    }
    phrase_dns_attempts(t, result);
    (void)text_add(t, ")");
}

static void
add_bypass_summary(struct text *t, const struct endpoint_spec *spec,
    const struct probe_result *result, const struct verdict_context *context)
{
    size_t family;
    enum dns_outcome outcome = probe_result_dns(result, &family);
    char buf[ADDR_TEXT_SIZE];

    if (result->dns[family].server.family != ADDR_FAMILY_NONE) {
        (void)text_add(t, "name server %s answers ", addr_format(&result->dns[family].server, buf));
    } else {
        (void)text_add(t, "the host's name servers answer ");
    }
    if (outcome == DNS_OUTCOME_OK) {
        (void)text_add(t, "public ");
        phrase_addrs_of_class(t, result, ADDR_CLASS_PUBLIC, context);
    } else {
        (void)text_add(t, "%s for %s", dns_outcome_str(outcome), spec->hostname);
    }
    (void)text_add(t, "; ");
    phrase_second_opinion(t, result->second_opinion);
}

/* Names are made of the Region; of an account id, too, those of ECR's registries alone. */
static void
add_none_summary(
    struct text *t, const struct endpoint_spec *spec, const struct verdict_context *context)
{
    bool region_known = context->region != NULL && context->region[0] != '\0';
    bool of_account = streq(spec->key, "ecr.dkr");

    if (spec->hostname[0] != '\0') {
        (void)text_add(t, "not probed yet");
    } else if (!region_known) {
        (void)text_add(t, "Region not known yet (no answer from IMDS?): set Region=%s",
            of_account ? ", and AccountId= if that is not known either" : "");
    } else if (of_account) {
        (void)text_add(t,
            "account id not known yet (no answer from IMDS?): set AccountId=, or Host= "
            "where Region %s has names of its own",
            context->region);
    } else {
        (void)text_add(t, "no host name is known for it in Region %s: set Host=", context->region);
    }
}

static void
add_ok_summary(struct text *t, const struct probe_result *result, const struct verdict *verdict)
{
    phrase_working(t, result);
    if (verdict->code == VERDICT_DEPENDS_ON_ECS) {
        (void)text_add(t, ", but the ecs endpoint is public: the ECS agent is sent elsewhere");
    } else if (verdict->path == PATH_GATEWAY) {
        (void)text_add(t, ", via a gateway endpoint (inferred: the Internet is not reachable)");
    }
}

static void
add_proxy_summary(
    struct text *t, const struct probe_result *result, const struct verdict_context *context)
{
    (void)text_add(t, "not judged, this host's clients use a proxy; the direct path fails: ");
    if (result->n_addrs > 0) {
        phrase_failures(t, result, context);
    } else {
        phrase_dns_attempts(t, result);
    }
}

/* What the class of the addresses gave away. */
static void
add_class_summary(struct text *t, const struct probe_result *result, enum verdict_code code,
    const struct verdict_context *context)
{
    if (code == VERDICT_UNEXPECTED_ADDRESS) {
        (void)text_add(t, "resolves only to ");
        phrase_addrs_of_class(t, result, ADDR_CLASS_SPECIAL, context);
        (void)text_add(t, ", where no endpoint can be");
        return;
    }
    (void)text_add(t, "resolves to public ");
    phrase_addrs_of_class(t, result, ADDR_CLASS_PUBLIC, context);
    if (code == VERDICT_PUBLIC_PATH) {
        (void)text_add(t, " and connects, through a NAT or Internet gateway");
    } else {
        (void)text_add(t, " and does not connect; ");
        phrase_failures(t, result, context);
    }
}

/* The family of which no address works. */
static void
add_dead_family(struct text *t, const struct probe_result *result)
{
    unsigned n_ok[FAMILY_N] = {0};

    for (size_t i = 0; i < result->n_addrs; i++) {
        const struct addr_result *addr = &result->addrs[i];

        n_ok[FAMILY_INDEX(addr->addr.family)] += addr->judged && addr->outcome == ADDR_OUTCOME_OK;
    }
    bool no_4 = n_ok[FAMILY_INDEX(ADDR_FAMILY_IPV4)] == 0;
    bool no_6 = n_ok[FAMILY_INDEX(ADDR_FAMILY_IPV6)] == 0;

    if (no_4 != no_6) {
        (void)text_add(t, ", none of %s", no_4 ? "IPv4" : "IPv6");
    }
}

void
verdict_summary(struct text *t, const struct endpoint_spec *spec, const struct probe_result *result,
    const struct verdict *verdict, const struct verdict_context *context)
{
    switch (verdict->code) {
    case VERDICT_NONE:
        add_none_summary(t, spec, context);
        break;
    case VERDICT_OK:
    case VERDICT_DEPENDS_ON_ECS:
        add_ok_summary(t, result, verdict);
        break;
    case VERDICT_RESOLVER_BYPASS:
    case VERDICT_RESOLVER_BYPASS_OPEN:
        add_bypass_summary(t, spec, result, context);
        break;
    case VERDICT_VIA_PROXY:
        add_proxy_summary(t, result, context);
        break;
    case VERDICT_PUBLIC_PATH:
    case VERDICT_ENDPOINT_MISSING:
    case VERDICT_UNEXPECTED_ADDRESS:
        add_class_summary(t, result, verdict->code, context);
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
        phrase_working(t, result);
        if (verdict->code == VERDICT_FAMILY_SPLIT) {
            add_dead_family(t, result);
        }
        (void)text_add(t, "; ");
        phrase_failures(t, result, context);
        break;
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
