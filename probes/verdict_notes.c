/* The notes of an endpoint: what else a reader should know. See verdict_text.h. */
#include "probes/phrases.h"

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
    bool failed = dns->outcome == DNS_OUTCOME_NXDOMAIN || dns_outcome_is_failure(dns->outcome);
    bool told = family > 0 && other->source == DNS_SOURCE_HOSTS_FILE;

    if (dns->source == DNS_SOURCE_HOSTS_FILE && !told) {
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

/* What the Amazon resolver said, where the summary does not tell. */
static void
note_second_opinion(
    const struct probe_result *result, const struct verdict *verdict, struct verdict_notes *ret)
{
    if (probe_result_second_opinion(result) != DNS_OUTCOME_NONE &&
        verdict->code != VERDICT_RESOLVER_BYPASS && verdict->code != VERDICT_RESOLVER_BYPASS_OPEN) {
        struct text t = next_note(ret);

        phrase_second_opinion(&t, result->second_opinion);
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
    phrase_date(&t, soonest->not_after);
}

static void
note_addresses(const struct probe_result *result, const struct verdict *verdict,
    const struct verdict_context *context, struct verdict_notes *ret)
{
    int32_t retransmits = 0;
    unsigned n_retransmitting = 0;
    unsigned n_again = 0;
    bool failing = false;
    bool not_judged = false;

    for (size_t i = 0; i < result->n_addrs; i++) {
        const struct addr_result *addr = &result->addrs[i];

        if (addr->connect_us >= 0 && addr->tcp.retransmits > 0) {
            n_retransmitting++;
            retransmits += addr->tcp.retransmits;
        }
        n_again += addr->tls_again && addr->outcome == ADDR_OUTCOME_OK;
        failing |= addr_has_failed(addr);
        not_judged |= !addr->judged;
    }
    if (n_retransmitting > 0) {
        struct text t = next_note(ret);

        (void)text_add(&t, "%d segments sent again to %u addresses: packets are lost", retransmits,
            n_retransmitting);
    }
    if (n_again > 0) {
        struct text t = next_note(ret);

        (void)text_add(&t,
            "TlsEngine=lean cannot do what %u addresses ask for: each is connected to "
            "again, with the default engine",
            n_again);
    }
    if (failing && verdict->state == STATE_OK) {
        struct text t = next_note(ret);

        (void)text_add(&t, "in the newest run, not counted yet: ");
        phrase_failures(&t, result, context);
    }
    if (not_judged) {
        struct text t = next_note(ret);

        (void)text_add(&t, "not judged: addresses of a family this host has no address of");
    }
}

/* The host's client goes another way than the probe. */
static void
note_client(
    const struct endpoint_spec *spec, const struct client_view *client, struct verdict_notes *ret)
{
    if (client->proxy != NULL) {
        struct text t = next_note(ret);

        (void)text_add(&t,
            "%s goes through proxy %s, this probe does not; to take the endpoint off the proxy, "
            "append to its NO_PROXY: ,%s",
            client->name, client->proxy, spec->hostname);
    }
    if (client->backend != NULL) {
        struct text t = next_note(ret);

        (void)text_add(
            &t, "%s is told to use %s (ECS_BACKEND_HOST) instead", client->name, client->backend);
    }
}

void
verdict_notes_of(const struct endpoint_spec *spec, const struct probe_result *result,
    const struct verdict *verdict, const struct client_view *client,
    const struct verdict_context *context, struct verdict_notes *ret)
{
    ret->n = 0;
    note_client(spec, client, ret);
    for (size_t family = 0; family < FAMILY_N; family++) {
        note_dns(result, family, ret);
    }
    note_second_opinion(result, verdict, ret);
    note_addresses(result, verdict, context, ret);
    note_certificate(result, context, ret);
}
