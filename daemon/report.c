/* See report.h. */
#include "daemon/report.h"

#include <stdio.h>
#include <time.h>

/* Endpoints that are named before "and N more". */
#define NAMED_MAX 6

/* The clock was set, if it moved by this much against the monotonic one. */
#define CLOCK_SET_MS 1000

static void
add_named(struct text *t, const struct report *report, enum endpoint_state state)
{
    unsigned n = 0;

    for (size_t i = 0; i < report->n_endpoints; i++) {
        const struct endpoint *e = &report->endpoints[i];

        if (!e->spec.required || e->state != state || ++n > NAMED_MAX) {
            continue;
        }
        (void)text_add(t, "%s%s", n == 1 ? ": " : ", ", e->spec.key);
        if (e->verdict != VERDICT_NONE) {
            (void)text_add(t, " (%s)", verdict_str(e->verdict));
        }
    }
    if (n > NAMED_MAX) {
        (void)text_add(t, " and %u more", n - NAMED_MAX);
    }
}

/* "; cause: resolver-down, subnet-unreachable" */
static void
add_causes(struct text *t, const struct report *report)
{
    for (size_t i = 0; i < report->causes->n; i++) {
        (void)text_add(
            t, "%s%s", i == 0 ? "; cause: " : ", ", verdict_str(report->causes->list[i].code));
    }
}

void
report_summary(const struct report *report, char ret[static REPORT_SUMMARY_SIZE])
{
    struct text t = {.buf = ret, .size = REPORT_SUMMARY_SIZE};
    unsigned n_required = 0;
    unsigned n[ENDPOINT_STATE_N] = {0};

    for (size_t i = 0; i < report->n_endpoints; i++) {
        if (report->endpoints[i].spec.required) {
            n_required++;
            n[report->endpoints[i].state]++;
        }
    }
    switch (report->state) {
    case HOST_STATE_HEALTHY:
        (void)text_add(&t, "all %u required endpoints are reachable", n_required);
        break;
    case HOST_STATE_DEGRADED:
        (void)text_add(&t, "%u of %u required endpoints degraded", n[STATE_DEGRADED], n_required);
        add_named(&t, report, STATE_DEGRADED);
        break;
    case HOST_STATE_UNHEALTHY:
        (void)text_add(&t, "%u of %u required endpoints failed", n[STATE_FAILED], n_required);
        add_named(&t, report, STATE_FAILED);
        break;
    case HOST_STATE_UNKNOWN:
        (void)text_add(
            &t, "%u of %u required endpoints not known yet", n[STATE_UNKNOWN], n_required);
        add_named(&t, report, STATE_UNKNOWN);
        break;
    }
    add_causes(&t, report);
}

int64_t
report_wall_ms(const struct report *report, int64_t mono_ms)
{
    return report->now.wall_ms + (mono_ms - report->now.mono_ms);
}

int64_t
report_moment_ms(const struct report *report, const struct moment *moment)
{
    int64_t counted_ms = report_wall_ms(report, moment->mono_ms);
    int64_t apart_ms = counted_ms - moment->wall_ms;

    return apart_ms < CLOCK_SET_MS + report->slept_ms && apart_ms > -CLOCK_SET_MS ? moment->wall_ms
                                                                                  : counted_ms;
}

const char *
rfc3339_format(int64_t wall_ms, char buf[static RFC3339_SIZE])
{
    bool before = wall_ms % 1000 < 0; /* before 1970 it is rounded down, too */
    int ms = (int)(wall_ms % 1000) + (before ? 1000 : 0);
    time_t seconds = (time_t)(wall_ms / 1000 - before);
    struct tm tm;
    char date[24];

    if (gmtime_r(&seconds, &tm) == NULL ||
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0) {
        (void)str_copy(date, sizeof(date), "1970-01-01T00:00:00");
    }
    (void)snprintf(buf, RFC3339_SIZE, "%s.%03dZ", date, ms);
    return buf;
}
