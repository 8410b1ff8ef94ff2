/* See sample.h. */
#include "sample.h"

#include "daemon/timeline.h"
#include "daemon/util.h"

#include <stdio.h>
#include <stdlib.h>

#define GOLDEN_MAX 1048576UL
#define NOW_MS INT64_C(1768478400000) /* 2026-01-15T12:00:00Z */

static struct addr
addr_of(const char *text)
{
    struct addr addr = {.family = ADDR_FAMILY_NONE};

    (void)addr_parse(text, &addr);
    return addr;
}

static void
set_address(struct addr_result *addr, const char *text, const struct vpc_nets *nets, bool works)
{
    static const char *const names[] = {"*.test", "<script>alert(1)</script>"};

    *addr = (struct addr_result){.addr = addr_of(text),
        .judged = true,
        .phase = works ? PROBE_PHASE_DONE : PROBE_PHASE_CONNECT,
        .outcome = works ? ADDR_OUTCOME_OK : ADDR_OUTCOME_TIMEOUT,
        .failures = works ? 0 : 3,
        .connect_us = works ? 1500 : -1,
        .tls_us = works ? 6250 : -1,
        .tcp = {.bytes_received = 4096,
            .rtt_us = works ? 1400 : -1,
            .retransmits = works ? 0 : 2,
            .path_mtu = 1500}};
    addr->addr_class = classify_addr(&addr->addr, nets);
    if (!works) {
        return;
    }
    addr->local = addr_of("10.0.11.68");
    addr->tls_version = "TLSv1.3";
    addr->tls_cipher = "TLS_AES_128_GCM_SHA256";
    addr->cert = cert_new("CN=*.test", "CN=Amazon RSA 2048 M02,O=Amazon,C=US", names, 2);
    if (addr->cert != NULL) {
        addr->cert->not_before = 1760000000;
        addr->cert->not_after = 1790000000;
    }
}

static void
set_dns(struct probe_result *result)
{
    result->dns[0] = (struct dns_result){.outcome = DNS_OUTCOME_OK,
        .source = DNS_SOURCE_NAMESERVER,
        .server = addr_of("169.254.169.253"),
        .elapsed_us = 850,
        .n_found = (uint16_t)result->n_addrs,
        .n_attempts = 1,
        .attempts = {{.server = addr_of("169.254.169.253"), .outcome = DNS_OUTCOME_OK}}};
    result->dns[1] = result->dns[0];
    result->dns[1].outcome = DNS_OUTCOME_NODATA;
    result->dns[1].n_found = 0;
    result->dns[1].attempts[0].outcome = DNS_OUTCOME_NODATA;
}

/* One run with these addresses; a '!' before one: it is silent. */
static void
run(struct sample *sample, struct endpoint *e, const char *const addrs[], size_t n)
{
    static const struct endpoint_policy policy = {
        .rise = 1, .fall = 1, .stale_ms = 100000, .verdict = {.fall = 1}};
    const struct surroundings around = {.internet_closed = true};
    struct moment now = {.mono_ms = 60000, .wall_ms = NOW_MS - 30000};
    struct transition change;
    struct probe_result result;

    probe_result_init(&result);
    result.started_ms = 59990;
    result.finished_ms = 60000;
    result.addrs = calloc(n, sizeof(*result.addrs));
    for (size_t i = 0; result.addrs != NULL && i < n; i++) {
        bool silent = addrs[i][0] == '!';

        set_address(
            &result.addrs[result.n_addrs++], addrs[i] + silent, &sample->host.nets, !silent);
    }
    set_dns(&result);
    (void)endpoint_apply(e, &result, &around, &policy, &sample->report.context, now, &change);
    probe_result_reset(&result);
}

#define SPEC(name, path, is_required)                                                              \
    {                                                                                              \
        .key = name, .hostname = name ".eu-west-1.amazonaws.com",                                  \
        .service_name = "com.amazonaws.eu-west-1." name, .port = 443, .required = (is_required),   \
        .expected = (path)                                                                         \
    }

static void
set_host(struct sample *sample)
{
    struct host *host = &sample->host;

    (void)str_copy(host->region, sizeof(host->region), "eu-west-1");
    (void)str_copy(host->account_id, sizeof(host->account_id), "123456789012");
    host->region_source = HOST_SOURCE_CONFIG;
    host->account_id_source = HOST_SOURCE_CONFIG;
    host->nets.n_cidrs = 1;
    host->nets.known[0] = true;
    host->nets.known[1] = true;
    (void)cidr_parse("10.0.0.0/16", &host->nets.cidrs[0]);
    host->nets.n_subnets = 1;
    (void)cidr_parse("10.0.2.0/24", &host->nets.subnets[0].cidr);
    (void)str_copy(host->nets.subnets[0].az_id, AZ_ID_SIZE, "euw1-az2");
}

void
sample_init(struct sample *sample)
{
    static const char *const ecs[] = {"10.0.1.10", "10.0.2.10"};
    static const char *const ecr[] = {"10.0.1.11", "!10.0.2.11"};
    static const char *const s3[] = {"52.218.1.20"};
    struct report *report = &sample->report;
    struct moment born = {.mono_ms = 1000, .wall_ms = NOW_MS - 89000};

    memset(sample, 0, sizeof(*sample));
    set_host(sample);
    proxy_settings_init(&sample->clients.agent, PROXY_CLIENT_AGENT);
    proxy_settings_init(&sample->clients.docker, PROXY_CLIENT_DOCKER);
    *report = (struct report){.now = {.mono_ms = 90000, .wall_ms = NOW_MS},
        .host = &sample->host,
        .since = {.mono_ms = 60000, .wall_ms = NOW_MS - 30000},
        .endpoints = sample->endpoints,
        .due_ms = sample->due_ms,
        .n_endpoints = ARRAY_SIZE(sample->endpoints),
        .n_nameservers = 1,
        .internet = INTERNET_CLOSED,
        .egress_control = "s3.us-west-2.amazonaws.com",
        .clients = &sample->clients,
        .causes = &sample->causes,
        .context = {.nets = &sample->host.nets,
            .region = sample->host.region,
            .wall_s = NOW_MS / 1000,
            .certificate_warning_s = 604800}};
    report->nameservers[0] = (struct nameserver_status){
        .addr = addr_of("169.254.169.253"), .last_outcome = DNS_OUTCOME_OK};
    static const struct endpoint_spec specs[] = {SPEC("ecs", EXPECTED_INTERFACE, true),
        SPEC("ecr.api", EXPECTED_INTERFACE, true), SPEC("s3", EXPECTED_GATEWAY, true),
        SPEC("logs", EXPECTED_INTERFACE, false)};

    for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
        endpoint_init(&sample->endpoints[i], &specs[i], born);
        sample->due_ms[i] = 120000;
    }
    run(sample, &sample->endpoints[0], ecs, 2);
    run(sample, &sample->endpoints[1], ecr, 2);
    run(sample, &sample->endpoints[2], s3, 1);
    report->state = host_state_of(sample->endpoints, report->n_endpoints);
    causes_update(&sample->causes, sample->endpoints, report->n_endpoints, report->internet,
        &report->context, report->now.mono_ms);
}

void
sample_done(struct sample *sample)
{
    for (size_t i = 0; i < ARRAY_SIZE(sample->endpoints); i++) {
        endpoint_done(&sample->endpoints[i]);
    }
    causes_reset(&sample->causes);
}

json_t *
sample_timeline(void)
{
    const struct outage_record records[] = {
        {.at_us = INT64_C(1768476600000000), .event = OUTAGE_EVENT_STARTED},
        {.at_us = INT64_C(1768478370000000),
            .event = OUTAGE_EVENT_CHANGED,
            .endpoint = "ecr.api",
            .old_state = "ok",
            .state = "degraded",
            .old_verdict = "ok",
            .verdict = "partly-blocked",
            .summary = "1 of 2 addresses work",
            .duration_ms = "1770000"}};
    json_t *timeline = timeline_new();

    for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
        if (timeline == NULL || timeline_add(timeline, &records[i]) < 0) {
            json_decref(timeline);
            return NULL;
        }
    }
    timeline_set_from(timeline, INT64_C(1768392000000000));
    return timeline;
}

bool
golden_equal(const char *name, const char *text)
{
    CLEANUP(cleanup_free) char *golden = NULL;
    const char *update = getenv("UPDATE_GOLDEN"); // NOLINT(concurrency-mt-unsafe): one thread
    char path[512];
    size_t len;

    (void)snprintf(path, sizeof(path), "%s/%s", GOLDEN_DIR, name);
    if (update != NULL) {
        FILE *f = fopen(path, "w");

        return f != NULL && fputs(text, f) >= 0 && fclose(f) == 0;
    }
    if (read_file(path, GOLDEN_MAX, &golden, &len) < 0 || !streq(golden, text)) {
        (void)fprintf(
            stderr, "%s is not what it was (UPDATE_GOLDEN=1 writes it anew):\n%s\n", path, text);
        return false;
    }
    return true;
}
