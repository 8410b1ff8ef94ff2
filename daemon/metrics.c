/* See metrics.h. A family at a time: its head, then a sample for each endpoint. */
#include "daemon/metrics.h"

#include "daemon/lifecycle_view.h"
#include "daemon/text_stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct family {
    const char *name;
    const char *type;
    const char *help;
};

static void
put_head(FILE *out, const struct family *family)
{
    (void)fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
        family->type);
}

/* Label values hold keys, codes and addresses; whatever is in them, it cannot end the value. */
static void
put_label(FILE *out, const char *name, const char *value, bool first)
{
    (void)fprintf(out, "%s%s=\"", first ? "{" : ",", name);
    for (; *value != '\0'; value++) {
        if (*value == '\n') {
            (void)fputs("\\n", out);
        } else {
            (void)fprintf(out, "%s%c", *value == '"' || *value == '\\' ? "\\" : "", *value);
        }
    }
    (void)fputc('"', out);
}

/* One sample; label2 may be NULL. */
static void
put_sample(FILE *out, const char *family, const char *endpoint, const char *label2,
    const char *value2, double value)
{
    (void)fputs(family, out);
    put_label(out, "endpoint", endpoint, true);
    if (label2 != NULL) {
        put_label(out, label2, value2, false);
    }
    (void)fprintf(out, "} %.15g\n", value);
}

static void
put_host(FILE *out, const struct report *report)
{
    static const struct family info = {
        "vpce_probe_build_info", "gauge", "The version that runs; always 1."};
    static const struct family state = {"vpce_probe_host_state", "gauge",
        "1 for the state the host is in, over its required endpoints."};

    put_head(out, &info);
    (void)fputs(info.name, out);
    put_label(out, "version", VPCE_VERSION, true);
    (void)fputs("} 1\n", out);
    put_head(out, &state);
    for (enum host_state s = HOST_STATE_UNKNOWN; s <= HOST_STATE_UNHEALTHY; s++) {
        (void)fputs(state.name, out);
        put_label(out, "state", host_state_str(s), true);
        (void)fprintf(out, "} %d\n", report->state == s);
    }
}

static void
put_states(FILE *out, const char *family, const struct endpoint *e)
{
    for (int i = STATE_UNKNOWN; i <= STATE_FAILED; i++) {
        const enum endpoint_state s = (enum endpoint_state)i;

        put_sample(out, family, e->spec.key, "state", endpoint_state_str(s), e->state == s);
    }
}

static void
put_required(FILE *out, const char *family, const struct endpoint *e)
{
    put_sample(out, family, e->spec.key, NULL, NULL, e->spec.required);
}

/* The present one only. */
static void
put_verdict(FILE *out, const char *family, const struct endpoint *e)
{
    if (e->verdict != VERDICT_NONE) {
        put_sample(out, family, e->spec.key, "verdict", verdict_str(e->verdict), 1);
    }
}

/* Public addresses change with every look-up: they would make series without end. */
static void
put_addresses(FILE *out, const char *family, const struct endpoint *e)
{
    char text[ADDR_TEXT_SIZE];

    for (size_t i = 0; i < e->evidence.n_addrs; i++) {
        const struct addr_result *addr = &e->evidence.addrs[i];

        if (!addr_class_is_private(addr->addr_class)) {
            continue;
        }
        (void)fputs(family, out);
        put_label(out, "endpoint", e->spec.key, true);
        put_label(out, "address", addr_format(&addr->addr, text), false);
        put_label(out, "class", addr_class_str(addr->addr_class), false);
        (void)fprintf(out, "} %d\n", addr->outcome == ADDR_OUTCOME_OK);
    }
}

static void
put_duration(FILE *out, const char *family, const struct endpoint *e, const char *phase, int64_t us)
{
    if (us >= 0) {
        put_sample(out, family, e->spec.key, "phase", phase, (double)us / 1e6);
    }
}

/* Of the newest run: the slower of the two DNS answers, the slowest address in the other phases. */
static void
put_durations(FILE *out, const char *family, const struct endpoint *e)
{
    int64_t dns_us = -1;
    int64_t connect_us = -1;
    int64_t tls_us = -1;

    for (size_t f = 0; e->n_history > 0 && f < FAMILY_N; f++) {
        const struct dns_result *dns = &e->evidence.dns[f];

        if (dns->outcome != DNS_OUTCOME_NONE && dns->elapsed_us > dns_us) {
            dns_us = dns->elapsed_us;
        }
    }
    for (size_t i = 0; i < e->evidence.n_addrs; i++) {
        const struct addr_result *addr = &e->evidence.addrs[i];

        int32_t us = addr_result_connect_us(addr);

        connect_us = us > connect_us ? us : connect_us;
        tls_us = addr->tls_us > tls_us ? addr->tls_us : tls_us;
    }
    put_duration(out, family, e, "dns", dns_us);
    put_duration(out, family, e, "connect", connect_us);
    put_duration(out, family, e, "tls", tls_us);
}

/* The one that ends first. */
static void
put_certificate(FILE *out, const char *family, const struct endpoint *e)
{
    const struct cert *soonest = NULL;

    for (size_t i = 0; i < e->evidence.n_addrs; i++) {
        const struct cert *cert = e->evidence.addrs[i].cert;

        if (cert != NULL && (soonest == NULL || cert->not_after < soonest->not_after)) {
            soonest = cert;
        }
    }
    if (soonest != NULL) {
        put_sample(out, family, e->spec.key, NULL, NULL, (double)soonest->not_after);
    }
}

static void
put_runs(FILE *out, const char *family, const struct endpoint *e)
{
    put_sample(out, family, e->spec.key, NULL, NULL, (double)e->runs);
}

/* Codes that share a name share a series. */
static void
put_run_failures(FILE *out, const char *family, const struct endpoint *e)
{
    for (int c = VERDICT_NONE; e->run_failures != NULL && c < VERDICT_CODE_N; c++) {
        const enum verdict_code code = (enum verdict_code)c;
        enum verdict_code first;
        uint64_t n = 0;

        if (!verdict_parse(verdict_str(code), &first) || first != code) {
            continue;
        }
        for (int i = code; i < VERDICT_CODE_N; i++) {
            const enum verdict_code other = (enum verdict_code)i;

            n += streq(verdict_str(other), verdict_str(code)) ? endpoint_run_failures(e, other) : 0;
        }
        if (n > 0) {
            put_sample(out, family, e->spec.key, "verdict", verdict_str(code), (double)n);
        }
    }
}

static void
put_changes(FILE *out, const char *family, const struct endpoint *e)
{
    put_sample(out, family, e->spec.key, NULL, NULL, (double)e->changes);
}

static void
put_last_run(FILE *out, const char *family, const struct endpoint *e)
{
    if (e->runs > 0) {
        put_sample(out, family, e->spec.key, NULL, NULL, (double)e->last_run_at.wall_ms / 1000.0);
    }
}

static const struct {
    struct family family;
    void (*put)(FILE *out, const char *family, const struct endpoint *e);
} families[] = {
    {{"vpce_probe_endpoint_state", "gauge", "1 for the settled state of the endpoint."},
        put_states},
    {{"vpce_probe_endpoint_required", "gauge", "1 if the host's state depends on the endpoint."},
        put_required},
    {{"vpce_probe_verdict", "gauge", "1 for the settled verdict of the endpoint."}, put_verdict},
    {{"vpce_probe_address_up", "gauge",
         "1 if the vpc or private address worked in the newest run."},
        put_addresses},
    {{"vpce_probe_duration_seconds", "gauge",
         "How long the phase took in the newest run; of the addresses, the slowest."},
        put_durations},
    {{"vpce_probe_certificate_not_after_timestamp_seconds", "gauge",
         "When the certificate ends that ends first."},
        put_certificate},
    {{"vpce_probe_runs_total", "counter", "Runs of the endpoint."}, put_runs},
    {{"vpce_probe_run_failures_total", "counter",
         "Runs that were not ok, and runs without statement, by their verdict."},
        put_run_failures},
    {{"vpce_probe_state_changes_total", "counter", "Changes of the settled state."}, put_changes},
    {{"vpce_probe_last_run_timestamp_seconds", "gauge", "When the newest run ended."},
        put_last_run},
};

/* There as soon as something is told to EC2 Auto Scaling. */
static void
put_lifecycle(FILE *out, const struct lifecycle_view *lifecycle)
{
    static const struct family actions = {"vpce_probe_lifecycle_actions_total", "counter",
        "Calls of EC2 Auto Scaling, by what was asked for and what came of it."};

    if (lifecycle == NULL || lifecycle->n_counts == 0) {
        return;
    }
    put_head(out, &actions);
    for (size_t i = 0; i < lifecycle->n_counts; i++) {
        (void)fputs(actions.name, out);
        put_label(out, "action", lifecycle->counts[i].action, true);
        put_label(out, "result", lifecycle->counts[i].result, false);
        (void)fprintf(out, "} %" PRIu64 "\n", lifecycle->counts[i].n);
    }
}

static void
put_process(FILE *out, const struct process_facts *process)
{
    const struct {
        struct family family;
        double value;
    } facts[] = {
        {{"process_cpu_seconds_total", "counter", "CPU time of the process."},
            process->cpu_seconds},
        {{"process_resident_memory_bytes", "gauge", "Resident memory of the process."},
            (double)process->resident_bytes},
        {{"process_open_fds", "gauge", "Open descriptors of the process."},
            (double)process->open_fds},
        {{"process_start_time_seconds", "gauge", "When the process started."},
            process->start_time_seconds},
    };

    for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
        if (facts[i].value >= 0) {
            put_head(out, &facts[i].family);
            (void)fprintf(out, "%s %.15g\n", facts[i].family.name, facts[i].value);
        }
    }
}

static void
put_all(FILE *out, const struct report *report, const struct process_facts *process)
{
    put_host(out, report);
    for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
        put_head(out, &families[f].family);
        for (size_t i = 0; i < report->n_endpoints; i++) {
            families[f].put(out, families[f].family.name, &report->endpoints[i]);
        }
    }
    put_lifecycle(out, report->lifecycle);
    put_process(out, process);
}

char *
metrics_text(const struct report *report, const struct process_facts *process)
{
    struct text_stream stream;

    text_stream_open(&stream);
    if (stream.out != NULL) {
        put_all(stream.out, report, process);
    }
    return text_stream_close(&stream);
}
