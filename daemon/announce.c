/* See announce.h. */
#include "daemon/announce.h"

#include "conf/timespan.h"
#include "daemon/log.h"
#include "systemd/journal.h"

#include <stdio.h>

static int
level_of_endpoint(const struct endpoint *e)
{
    if (!e->spec.required || e->state == STATE_OK || e->state == STATE_UNKNOWN) {
        return LOG_NOTICE;
    }
    return e->state == STATE_FAILED ? LOG_ERR : LOG_WARNING;
}

static int
level_of_host(enum host_state state)
{
    if (state == HOST_STATE_UNHEALTHY) {
        return LOG_ERR;
    }
    return state == HOST_STATE_DEGRADED ? LOG_WARNING : LOG_NOTICE;
}

/* A VPCE_ADDRESS for each address that fails; returns how many fields there are now. */
static size_t
add_address_fields(struct journal_field *fields, size_t n, const struct endpoint *e,
    char texts[static PROBE_RESULT_ADDRS_MAX][ADDR_TEXT_SIZE])
{
    const struct probe_result *result = &e->evidence;
    size_t n_texts = 0;

    for (size_t i = 0; i < result->n_addrs && n < JOURNAL_FIELDS_MAX; i++) {
        if (result->addrs[i].judged && result->addrs[i].outcome != ADDR_OUTCOME_OK &&
            n_texts < PROBE_RESULT_ADDRS_MAX) {
            const char *text = addr_format(&result->addrs[i].addr, texts[n_texts++]);

            fields[n++] = (struct journal_field){"VPCE_ADDRESS", text};
        }
    }
    return n;
}

void
announce_endpoint(
    const struct report *report, const struct endpoint *e, const struct transition *change)
{
    char line[LOG_LINE_SIZE];
    char duration[24];
    char lasted[TIMESPAN_TEXT_SIZE];
    char remedy[REMEDY_SIZE] = "";
    char texts[PROBE_RESULT_ADDRS_MAX][ADDR_TEXT_SIZE];
    struct text text = TEXT(remedy);

    verdict_remedy(&text, &e->spec, e->verdict, &report->context);
    (void)snprintf(duration, sizeof(duration), "%lld", (long long)change->lasted_ms);
    (void)snprintf(line, sizeof(line), "%s %s: %s (%s for %s): %s", e->spec.key,
        endpoint_state_str(change->state), verdict_str(change->verdict),
        endpoint_state_str(change->old_state), timespan_format(change->lasted_ms, lasted),
        e->summary != NULL ? e->summary : "");

    struct journal_field fields[JOURNAL_FIELDS_MAX] = {
        {"VPCE_ENDPOINT", e->spec.key},
        {"VPCE_HOST", e->spec.hostname},
        {"VPCE_STATE", endpoint_state_str(change->state)},
        {"VPCE_OLD_STATE", endpoint_state_str(change->old_state)},
        {"VPCE_VERDICT", verdict_str(change->verdict)},
        {"VPCE_OLD_VERDICT", verdict_str(change->old_verdict)},
        {"VPCE_PATH", network_path_str(e->path)},
        {"VPCE_SUMMARY", e->summary},
        {"VPCE_REMEDY", remedy},
        {"VPCE_DURATION_MS", duration},
    };
    size_t n = add_address_fields(fields, 10, e, texts);

    journal_send(JOURNAL_EVENT_ENDPOINT_CHANGED, level_of_endpoint(e), line, fields, n);
}

void
announce_host(const struct report *report, enum host_state old, int64_t lasted_ms)
{
    char summary[REPORT_SUMMARY_SIZE];
    char line[LOG_LINE_SIZE];
    char duration[24];
    char lasted[TIMESPAN_TEXT_SIZE];

    report_summary(report, summary);
    (void)snprintf(duration, sizeof(duration), "%lld", (long long)lasted_ms);
    (void)snprintf(line, sizeof(line), "host %s (%s for %s): %s", host_state_str(report->state),
        host_state_str(old), timespan_format(lasted_ms, lasted), summary);

    const struct journal_field fields[] = {
        {"VPCE_STATE", host_state_str(report->state)},
        {"VPCE_OLD_STATE", host_state_str(old)},
        {"VPCE_SUMMARY", summary},
        {"VPCE_DURATION_MS", duration},
    };

    journal_send(
        JOURNAL_EVENT_HOST_CHANGED, level_of_host(report->state), line, fields, ARRAY_SIZE(fields));
}

void
announce_causes(const struct report *report, uint64_t *told)
{
    uint64_t now = 0;

    _Static_assert(VERDICT_CODE_N <= 64, "a bit each");

    for (size_t i = 0; i < report->causes->n; i++) {
        const struct cause *cause = &report->causes->list[i];
        uint64_t bit = UINT64_C(1) << cause->code;

        if ((*told & bit) == 0 && (now & bit) == 0) {
            log_msg(LOG_WARNING, LOG_TOPIC_STATE, "cause %s: %s. %s", verdict_str(cause->code),
                cause->summary, cause->remedy);
        }
        now |= bit;
    }
    for (int i = VERDICT_NONE; i < VERDICT_CODE_N; i++) {
        const enum verdict_code code = (enum verdict_code)i;

        if ((*told & ~now & (UINT64_C(1) << code)) != 0) {
            log_msg(LOG_NOTICE, LOG_TOPIC_STATE, "cause %s: gone", verdict_str(code));
        }
    }
    *told = now;
}

void
announce_internet(const struct report *report, enum internet before)
{
    if (report->internet == before || report->internet == INTERNET_UNKNOWN) {
        return;
    }
    if (report->internet == INTERNET_CLOSED) {
        log_msg(before == INTERNET_OPEN ? LOG_NOTICE : LOG_INFO, LOG_TOPIC_STATE,
            "the Internet is not reachable (%s does not answer): what works goes through VPC "
            "endpoints",
            report->egress_control);
    } else {
        log_msg(LOG_NOTICE, LOG_TOPIC_STATE,
            "the Internet is reachable (%s answers): there is a NAT or Internet gateway, and which "
            "way S3 takes cannot be told",
            report->egress_control);
    }
}

void
announce_unknown(const struct host *host, size_t n_unnamed, const char *why)
{
    if (host->region[0] == '\0') {
        log_msg(LOG_WARNING, LOG_TOPIC_CONF, "Region not known yet: set Region= or allow IMDS (%s)",
            why);
    } else if (n_unnamed > 0) {
        log_msg(LOG_WARNING, LOG_TOPIC_CONF,
            "account id not known yet, ecr.dkr is not probed: set AccountId= or allow IMDS (%s)",
            why);
    }
}

void
announce_conf_errors(const struct conf_errors *errors)
{
    for (size_t i = 0; i < errors->n; i++) {
        log_msg(LOG_ERR, LOG_TOPIC_CONF, "%s", errors->lines[i]);
    }
    if (errors->n_found > errors->n) {
        log_msg(LOG_ERR, LOG_TOPIC_CONF, "and %zu errors more", errors->n_found - errors->n);
    }
}
