/* See report_json.h. Absent facts are null, arrays always arrays, times RFC 3339 in UTC. Each
 * function gives a new reference, or NULL, which json_pack's "o" passes on as failure. */
#include "daemon/report_json.h"

#include "daemon/lifecycle_view.h"
#include "daemon/text_stream.h"

#include <stdlib.h>
#include <string.h>

#ifndef VPCE_VERSION
#define VPCE_VERSION "unknown"
#endif

/* One key and its value a line: the formatter would fill the lines. */
/* clang-format off */

/* Absent texts are "" in our structs and null in JSON. */
static const char *
text_or_null(const char *s)
{
    return s != NULL && s[0] != '\0' ? s : NULL;
}

static json_t *
addr_json(const struct addr *addr)
{
    char buf[ADDR_TEXT_SIZE];

    return addr->family == ADDR_FAMILY_NONE ? json_null() : json_string(addr_format(addr, buf));
}

static json_t *
time_json(int64_t wall_ms)
{
    char buf[RFC3339_SIZE];

    return json_string(rfc3339_format(wall_ms, buf));
}

/* Microseconds as milliseconds; negative is "not known". */
static json_t *
ms_json(int64_t us)
{
    return us < 0 ? json_null() : json_real((double)us / 1000.0);
}

static json_t *
count_json(int64_t count)
{
    return count < 0 ? json_null() : json_integer(count);
}

static json_t *
array_of(const char *const *texts, size_t n)
{
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++) {
        (void)json_array_append_new(array, json_string(texts[i]));
    }
    return array;
}

/* Whose word it is, where that is a question: TlsEngine=lean. */
static const char *
engine_text(const struct addr_result *addr)
{
    bool lean = addr->tls_engine == TLS_ENGINE_LEAN;

    return lean || addr->tls_again ? tls_engine_str(addr->tls_engine) : NULL;
}

static json_t *
tls_json(const struct addr_result *addr)
{
    const struct cert *cert = addr->cert;

    if (cert == NULL) {
        return json_null();
    }
    return json_pack("{s:s*, s:s?, s:s?, s:s, s:s, s:o, s:o, s:o}",
        "engine", engine_text(addr),
        "version", text_or_null(addr->tls_version),
        "cipher", text_or_null(addr->tls_cipher),
        "subject", cert->subject,
        "issuer", cert->issuer,
        "not_before", time_json(cert->not_before * 1000),
        "not_after", time_json(cert->not_after * 1000),
        "names", array_of(cert->names, cert->n_names));
}

static json_t *
subnet_json(const struct subnet *subnet)
{
    char buf[CIDR_TEXT_SIZE];

    return subnet == NULL ? json_null() : json_string(cidr_format(&subnet->cidr, buf));
}

static json_t *
address_json(const struct addr_result *addr, const struct vpc_nets *nets)
{
    const struct subnet *subnet = classify_subnet(&addr->addr, nets);

    return json_pack("{s:o, s:s, s:s, s:o, s:s?, s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o,"
                     " s:s?}",
        "address", addr_json(&addr->addr),
        "family", addr_family_str(addr->addr.family),
        "class", addr_class_str(addr->addr_class),
        "subnet", subnet_json(subnet),
        "availability_zone", subnet != NULL ? text_or_null(subnet->az_id) : NULL,
        "outcome", addr_outcome_str(addr->outcome),
        "phase", probe_phase_str(addr->phase),
        "judged", addr->judged,
        "connect_ms", ms_json(addr_result_connect_us(addr)),
        "tls_ms", ms_json(addr->tls_us),
        "rtt_ms", ms_json(addr->tcp.rtt_us),
        "retransmits", count_json(addr->tcp.retransmits),
        "path_mtu", count_json(addr->tcp.path_mtu),
        "local_address", addr_json(&addr->local),
        "tls", tls_json(addr),
        "error", text_or_null(addr->error));
}

static json_t *
addresses_json(const struct probe_result *result, const struct vpc_nets *nets)
{
    json_t *array = json_array();

    for (size_t i = 0; i < result->n_addrs; i++) {
        if (json_array_append_new(array, address_json(&result->addrs[i], nets)) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *
query_json(const struct dns_result *dns, size_t family)
{
    json_t *servers = json_array();

    for (size_t i = 0; i < dns->n_attempts; i++) {
        (void)json_array_append_new(servers,
            json_pack("{s:o, s:s}", "address", addr_json(&dns->attempts[i].server), "outcome",
                dns_outcome_str(dns->attempts[i].outcome)));
    }
    return json_pack("{s:s, s:s, s:o, s:o, s:i, s:o}",
        "family", addr_family_str(FAMILY_OF_INDEX(family)),
        "outcome", dns_outcome_str(dns->outcome),
        "server", addr_json(&dns->server),
        "ms", ms_json(dns->elapsed_us),
        "records", (int)dns->n_found,
        "asked", servers);
}

static json_t *
second_opinion_json(const struct second_opinion *opinion)
{
    json_t *addresses;

    if (opinion == NULL || opinion->outcome == DNS_OUTCOME_NONE) {
        return json_null();
    }
    addresses = json_array();
    for (size_t i = 0; i < opinion->n_addrs; i++) {
        (void)json_array_append_new(addresses, addr_json(&opinion->addrs[i]));
    }
    return json_pack("{s:o, s:s, s:o}",
        "server", addr_json(&opinion->server),
        "outcome", dns_outcome_str(opinion->outcome),
        "addresses", addresses);
}

/* The answer in short is that of the family that decides; both stand in "queries". */
static json_t *
dns_json(const struct probe_result *result)
{
    size_t family;
    enum dns_outcome outcome = probe_result_dns(result, &family);
    const struct dns_result *dns = &result->dns[family];
    json_t *queries = json_array();

    for (size_t f = 0; f < FAMILY_N; f++) {
        if (result->dns[f].outcome != DNS_OUTCOME_NONE) {
            (void)json_array_append_new(queries, query_json(&result->dns[f], f));
        }
    }
    return json_pack("{s:s?, s:o, s:o, s:o, s:o, s:o}",
        "outcome", outcome == DNS_OUTCOME_NONE ? NULL : dns_outcome_str(outcome),
        "server", addr_json(&dns->server),
        "ms", ms_json(dns->elapsed_us),
        "cname", array_of((const char *const *)result->cnames, result->n_cnames),
        "second_opinion", second_opinion_json(result->second_opinion),
        "queries", queries);
}

static json_t *
notes_json(const struct endpoint *e, const struct client_view *client,
    const struct verdict_context *context)
{
    struct verdict_notes notes;
    const struct verdict settled = {.code = e->verdict, .state = e->state};
    json_t *array = json_array();

    verdict_notes_of(&e->spec, &e->evidence, &settled, client, context, &notes);
    for (size_t i = 0; i < notes.n; i++) {
        (void)json_array_append_new(array, json_string(notes.lines[i]));
    }
    return array;
}

/* Lines with "\n" between as an array of texts. */
static json_t *
lines_json(const char *lines)
{
    json_t *array = json_array();

    while (*lines != '\0') {
        size_t len = strcspn(lines, "\n");

        (void)json_array_append_new(array, json_stringn(lines, len));
        lines += len + (lines[len] == '\n');
    }
    return array;
}

static json_t *
commands_json(const struct endpoint *e, const struct verdict_context *context)
{
    char commands[COMMANDS_SIZE] = "";
    struct text text = TEXT(commands);

    verdict_commands(&text, &e->spec, e->verdict, &e->evidence, context);
    return lines_json(commands);
}

static json_t *
last_run_json(const struct endpoint *e)
{
    if (e->runs == 0) {
        return json_null();
    }
    return json_pack("{s:s, s:s, s:o}",
        "verdict", verdict_str(e->last_run.code),
        "state", endpoint_state_str(e->last_run.state),
        "at", time_json(e->last_run_at.wall_ms));
}

#define UNSETTLED "not settled yet: "

/* Of an endpoint that has settled on nothing yet: what its newest run with a statement saw; with
 * none it was never probed, or this host spoilt every run. */
static void
add_unsettled(struct text *t, const struct endpoint *e, const struct verdict_context *context)
{
    struct verdict verdict = {.code = e->runs == 0 ? VERDICT_NONE : VERDICT_NO_RESOURCES};

    if (e->n_history > 0 && e->evidence.finished_ms > 0) {
        verdict.code = e->history[0];
        (void)text_add(t, UNSETTLED);
    }
    verdict_summary(t, &e->spec, &e->evidence, &verdict, context);
}

static json_t *
summary_json(const struct endpoint *e, const struct verdict_context *context)
{
    char buf[sizeof(UNSETTLED) + SUMMARY_SIZE] = "";
    struct text text = TEXT(buf);

    if (e->summary != NULL) {
        return json_string(e->summary);
    }
    add_unsettled(&text, e, context);
    return json_string(buf);
}

/* The answer to the HTTP stage, of the first address that gave one and counts. */
static json_t *
http_json(const struct probe_result *result)
{
    for (size_t i = 0; i < result->n_addrs; i++) {
        const struct http_facts *http = &result->addrs[i].http;

        if (result->addrs[i].judged && http->status != 0) {
            return json_pack("{s:i, s:s?, s:o}",
                "status", (int)http->status,
                "request_id", text_or_null(http->request_id),
                "clock_skew_ms", http->has_date ? json_integer(http->clock_skew_ms) : json_null());
        }
    }
    return json_null();
}

static json_t *
endpoint_json(const struct report *report, size_t i)
{
    const struct endpoint *e = &report->endpoints[i];
    char remedy[REMEDY_SIZE] = "";
    struct text text = TEXT(remedy);
    bool planned = report->due_ms != NULL && e->spec.hostname[0] != '\0';
    struct client_view client;

    clients_view(report->clients, &e->spec, &client);
    verdict_remedy(&text, &e->spec, e->verdict, &report->context);
    return json_pack("{s:s, s:s?, s:i, s:b, s:s, s:s?, s:s, s:o, s:s?, s:s, s:o, s:s?, s:o, s:o,"
                     " s:I, s:o, s:o, s:s?, s:o, s:o, s:o}",
        "endpoint", e->spec.key,
        "hostname", text_or_null(e->spec.hostname),
        "port", (int)e->spec.port,
        "required", e->spec.required,
        "expected", expected_path_str(e->spec.expected),
        "service_name", text_or_null(e->spec.service_name),
        "state", endpoint_state_str(e->state),
        "since", time_json(report_moment_ms(report, &e->since)),
        "verdict", e->verdict == VERDICT_NONE ? NULL : verdict_str(e->verdict),
        "path", network_path_str(e->path),
        "summary", summary_json(e, &report->context),
        "remedy", text_or_null(remedy),
        "commands", commands_json(e, &report->context),
        "notes", notes_json(e, &client, &report->context),
        "runs", (json_int_t)e->runs,
        "last_run", last_run_json(e),
        "next_run_at", planned ? time_json(report_wall_ms(report, report->due_ms[i])) : json_null(),
        "proxy", client.proxy,
        "http", http_json(&e->evidence),
        "dns", dns_json(&e->evidence),
        "addresses", addresses_json(&e->evidence, report->context.nets));
}

static json_t *
endpoints_json(const struct report *report)
{
    json_t *array = json_array();

    for (size_t i = 0; i < report->n_endpoints; i++) {
        if (json_array_append_new(array, endpoint_json(report, i)) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static void
add_source(json_t *sources, const char *fact, enum host_source source)
{
    if (source != HOST_SOURCE_NONE) {
        (void)json_object_set_new(sources, fact, json_string(host_source_str(source)));
    }
}

static json_t *
host_json(const struct host *host)
{
    json_t *sources = json_object();
    json_t *cidrs = json_array();

    add_source(sources, "region", host->region_source);
    add_source(sources, "account_id", host->account_id_source);
    add_source(sources, "instance_id", host->instance_id_source);
    add_source(sources, "availability_zone", host->availability_zone_source);
    add_source(sources, "partition", host->partition_source);
    add_source(sources, "vpc_cidrs", host->vpc_cidrs_source);
    for (size_t i = 0; i < host->nets.n_cidrs; i++) {
        char buf[CIDR_TEXT_SIZE];

        (void)json_array_append_new(cidrs, json_string(cidr_format(&host->nets.cidrs[i], buf)));
    }
    return json_pack("{s:s?, s:s?, s:s?, s:s?, s:s?, s:o, s:s, s:o}",
        "instance_id", text_or_null(host->instance_id),
        "region", text_or_null(host->region),
        "availability_zone", text_or_null(host->availability_zone),
        "account_id", text_or_null(host->account_id),
        "partition", host->partition != NULL ? host->partition->name : NULL,
        "vpc_cidrs", cidrs,
        "launch_type", launch_type_str(host->launch_type),
        "sources", sources);
}

static json_t *
nameservers_json(const struct report *report)
{
    json_t *array = json_array();

    for (size_t i = 0; i < report->n_nameservers; i++) {
        const struct nameserver_status *server = &report->nameservers[i];
        bool known = server->last_outcome != DNS_OUTCOME_NONE;
        const char *state = !known ? "unknown" : server->ill ? "failed" : "ok";

        (void)json_array_append_new(array,
            json_pack("{s:o, s:s, s:s?}", "address", addr_json(&server->addr), "state", state,
                "last_outcome", known ? dns_outcome_str(server->last_outcome) : NULL));
    }
    return array;
}

/* Keys of the endpoints that fold under the cause. */
static json_t *
folded_json(const struct report *report, size_t cause)
{
    json_t *array = json_array();

    for (size_t i = 0; i < report->n_endpoints; i++) {
        if (causes_fold(report->causes, cause, i)) {
            (void)json_array_append_new(array, json_string(report->endpoints[i].spec.key));
        }
    }
    return array;
}

static json_t *
causes_json(const struct report *report)
{
    json_t *array = json_array();

    for (size_t i = 0; i < report->causes->n; i++) {
        const struct cause *cause = &report->causes->list[i];

        (void)json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:o, s:o}",
            "verdict", verdict_str(cause->code),
            "summary", cause->summary,
            "remedy", cause->remedy,
            "commands", lines_json(cause->commands != NULL ? cause->commands : ""),
            "endpoints", folded_json(report, i)));
    }
    return array;
}

static json_t *
lifecycle_json(const struct lifecycle_view *lifecycle)
{
    if (lifecycle == NULL) {
        return json_null();
    }
    return json_pack("{s:s?, s:s?, s:s?}",
        "target", lifecycle->target,
        "last_action", lifecycle->last_action,
        "last_result", lifecycle->last_result);
}

/* endpoints: stolen; the last member. */
static json_t *
report_json_with(const struct report *report, json_t *endpoints)
{
    char summary[REPORT_SUMMARY_SIZE];

    report_summary(report, summary);
    return json_pack("{s:i, s:s, s:o, s:o, s:s, s:o, s:s, s:o, s:o, s:o, s:{s:s, s:s?},"
                     " s:o}",
        "schema_version", REPORT_SCHEMA_VERSION,
        "version", VPCE_VERSION,
        "generated_at", time_json(report->now.wall_ms),
        "host", host_json(report->host),
        "state", host_state_str(report->state),
        "since", time_json(report_moment_ms(report, &report->since)),
        "summary", summary,
        "causes", causes_json(report),
        "nameservers", nameservers_json(report),
        "lifecycle", lifecycle_json(report->lifecycle),
        "egress", "internet", internet_str(report->internet), "control", report->egress_control,
        "endpoints", endpoints);
}

json_t *
report_json(const struct report *report)
{
    return report_json_with(report, endpoints_json(report));
}

json_t *
report_state_event_json(const struct report *report, const char *old_state)
{
    char summary[REPORT_SUMMARY_SIZE];

    report_summary(report, summary);
    return json_pack("{s:o, s:s, s:s?, s:o, s:s, s:o}",
        "at", time_json(report->now.wall_ms),
        "state", host_state_str(report->state),
        "old_state", old_state,
        "since", time_json(report_wall_ms(report, report->since.mono_ms)),
        "summary", summary,
        "causes", causes_json(report));
}

json_t *
report_verdict_event_json(
    const struct report *report, const struct endpoint *e, const struct transition *change)
{
    char remedy[REMEDY_SIZE] = "";
    struct text text = TEXT(remedy);
    bool judged = change->old_verdict != VERDICT_NONE;

    verdict_remedy(&text, &e->spec, e->verdict, &report->context);
    return json_pack("{s:o, s:s, s:b, s:s, s:s, s:s, s:s?, s:s, s:I, s:o, s:s?}",
        "at", time_json(report->now.wall_ms),
        "endpoint", e->spec.key,
        "required", e->spec.required,
        "state", endpoint_state_str(change->state),
        "old_state", endpoint_state_str(change->old_state),
        "verdict", verdict_str(change->verdict),
        "old_verdict", judged ? verdict_str(change->old_verdict) : NULL,
        "path", network_path_str(e->path),
        "lasted_ms", (json_int_t)change->lasted_ms,
        "summary", summary_json(e, &report->context),
        "remedy", text_or_null(remedy));
}

/* clang-format on */

/* ASCII: what a terminal would take for a control character (U+009B) comes as \u */
#define DUMP_FLAGS (JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9))

/* What follows the endpoints, which are the last member. */
#define ENDPOINTS_END "]}"

/* jansson does not notice when a key of an object could not be written: the stream does. */
static void
put_json(struct text_stream *stream, const json_t *json, size_t flags)
{
    if (json == NULL || json_dumpf(json, stream->out, DUMP_FLAGS | flags) < 0) {
        text_stream_fail(stream);
    }
}

char *
report_json_text(const json_t *json, bool indent)
{
    struct text_stream stream;

    text_stream_open(&stream);
    if (stream.out != NULL) {
        put_json(&stream, json, indent ? JSON_INDENT(2) : JSON_COMPACT);
    }
    return text_stream_close(&stream);
}

static void
put_endpoint(struct text_stream *stream, const struct report *report, size_t i)
{
    json_t *json = endpoint_json(report, i);

    (void)fputs(i == 0 ? "" : ",", stream->out);
    put_json(stream, json, JSON_COMPACT);
    json_decref(json);
}

/* All but the endpoints, up to where they come. */
static void
put_frame(struct text_stream *stream, const struct report *report)
{
    json_t *json = report_json_with(report, json_array());
    CLEANUP(cleanup_free) char *frame = json != NULL ? report_json_text(json, false) : NULL;

    json_decref(json);
    if (frame == NULL) {
        text_stream_fail(stream);
    } else {
        (void)fwrite(frame, strlen(frame) - strlen(ENDPOINTS_END), 1, stream->out);
    }
}

char *
report_json_line(const struct report *report)
{
    struct text_stream stream;

    text_stream_open(&stream);
    if (stream.out != NULL) {
        put_frame(&stream, report);
        for (size_t i = 0; !stream.bytes.failed && i < report->n_endpoints; i++) {
            put_endpoint(&stream, report, i);
        }
        (void)fputs(ENDPOINTS_END, stream.out);
    }
    return text_stream_close(&stream);
}
