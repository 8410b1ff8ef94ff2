/* See timeline.h. */
#include "daemon/timeline.h"

#include "daemon/report.h"
#include "daemon/util.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

json_t *
timeline_new(void)
{
    return json_pack("{s:n, s:n, s:i, s:[]}", "from", "note", "left_out", 0, "entries");
}

/* Printable UTF-8, or null. */
static json_t *
text_json(const char *s)
{
    char buf[OUTAGE_SUMMARY_SIZE] = "";
    struct text text = TEXT(buf);

    if (s == NULL || s[0] == '\0') {
        return json_null();
    }
    (void)text_add_printable(&text, s, strlen(s));
    return json_string(buf);
}

static json_t *
time_json(int64_t wall_us)
{
    char buf[RFC3339_SIZE];

    return json_string(rfc3339_format(wall_us / 1000, buf));
}

static json_t *
duration_json(const char *s)
{
    uint64_t ms;

    return s != NULL && parse_uint(s, 0, INT64_MAX, &ms) == 0 ? json_integer((json_int_t)ms)
                                                              : json_null();
}

int
timeline_add(json_t *timeline, const struct outage_record *record)
{
    json_t *entries = json_object_get(timeline, "entries");
    json_t *entry =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "at", time_json(record->at_us), /**/
            "endpoint", text_json(record->endpoint), "old_state", text_json(record->old_state),
            "state", text_json(record->state), "old_verdict", text_json(record->old_verdict),
            "verdict", text_json(record->verdict), "lasted_ms", duration_json(record->duration_ms),
            "summary", text_json(record->summary));

    if (json_array_append_new(entries, entry) < 0) {
        return -ENOMEM;
    }
    if (json_array_size(entries) > TIMELINE_MAX) {
        json_t *left_out = json_object_get(timeline, "left_out");

        (void)json_array_remove(entries, 0);
        (void)json_integer_set(left_out, json_integer_value(left_out) + 1);
    }
    return 0;
}

static int
add_logged(json_t *timeline, const struct logged_transition *transition)
{
    char duration[24];
    const struct outage_record record = {.at_us = transition->wall_ms * 1000,
        .event = OUTAGE_EVENT_CHANGED,
        .endpoint = transition->key,
        .old_state = endpoint_state_str((enum endpoint_state)transition->old_state),
        .state = endpoint_state_str((enum endpoint_state)transition->state),
        .old_verdict = transition->old_verdict != VERDICT_NONE
                           ? verdict_str((enum verdict_code)transition->old_verdict)
                           : NULL,
        .verdict = verdict_str((enum verdict_code)transition->verdict),
        .summary = transition->summary,
        .duration_ms = duration};

    (void)snprintf(duration, sizeof(duration), "%" PRId64, transition->lasted_ms);
    return timeline_add(timeline, &record);
}

json_t *
timeline_of_log(const struct transition_log *log)
{
    json_t *timeline = timeline_new();
    size_t n = transition_log_n(log);

    for (size_t i = n > TIMELINE_MAX ? n - TIMELINE_MAX : 0; i < n; i++) {
        if (timeline == NULL || add_logged(timeline, transition_log_get(log, i)) < 0) {
            json_decref(timeline);
            return NULL;
        }
    }
    if (timeline != NULL && transition_log_total(log) > TIMELINE_MAX) {
        (void)json_object_set_new(timeline, "left_out",
            json_integer((json_int_t)(transition_log_total(log) - TIMELINE_MAX)));
    }
    return timeline;
}

void
timeline_set_from(json_t *timeline, int64_t wall_us)
{
    (void)json_object_set_new(timeline, "from", time_json(wall_us));
}

void
timeline_set_note(json_t *timeline, const char *note)
{
    (void)json_object_set_new(timeline, "note", json_string(note));
}
