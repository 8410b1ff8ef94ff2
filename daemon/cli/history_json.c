/* History as JSON. An outage:
 *
 *   endpoint, start, start_exact (false: it began then or before), end (or null), ongoing (false
 *   without an end: nothing has been heard since a restart), duration_ms (so far, while it is
 *   ongoing; or null), state (the worst) with its verdict and summary, first_verdict,
 *   last_verdict, restarts (of the daemon meanwhile) */
#include "daemon/cli/history.h"
#include "daemon/report.h"
#include "daemon/util.h"

static json_t *
time_json(int64_t us)
{
    char buf[RFC3339_SIZE];

    return us < 0 ? json_null() : json_string(rfc3339_format(us / 1000, buf));
}

static json_t *
text_json(const char *text)
{
    return text == NULL || text[0] == '\0' ? json_null() : json_string(text);
}

static json_t *
outage_json(const struct outage *o)
{
    return json_pack("{s:s, s:o, s:b, s:o, s:b, s:o, s:s, s:o, s:o, s:o, s:o, s:i}", /* keys: */
        "endpoint", o->endpoint, "start", time_json(o->start_us), "start_exact", !o->before, "end",
        o->ended ? time_json(o->end_us) : json_null(), "ongoing", o->ongoing, "duration_ms",
        o->duration_ms < 0 ? json_null() : json_integer(o->duration_ms), "state",
        endpoint_state_str(o->state), "verdict", text_json(o->verdict), "first_verdict",
        text_json(o->first_verdict), "last_verdict", text_json(o->last_verdict), "summary",
        text_json(o->summary), "restarts", (int)o->restarts);
}

static json_t *
list_json(const struct outages_result *result)
{
    json_t *list = json_array();

    for (size_t i = 0; i < result->n; i++) {
        if (json_array_append_new(list, outage_json(&result->list[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *
history_json(const struct history_facts *facts)
{
    const struct outages_result *result = &facts->result;
    bool complete = facts->complete && result->n_cut == 0 && result->n_ignored == 0;

    return json_pack("{s:i, s:o, s:{s:o, s:o}, s:o, s:b, s:I, s:o}", "schema_version",
        HISTORY_SCHEMA_VERSION, "generated_at", time_json(facts->now_us), "covers", "from",
        time_json(facts->from_us), "to", time_json(facts->now_us), "since",
        time_json(facts->since_us), "complete", complete, "records", (json_int_t)result->n_records,
        "outages", list_json(result));
}
