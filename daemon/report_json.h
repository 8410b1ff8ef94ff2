/* The snapshot as JSON: the shape that `status --json` and GET /v1/status promise
 * (daemon/status.schema.json). */
#ifndef VPCE_DAEMON_REPORT_JSON_H
#define VPCE_DAEMON_REPORT_JSON_H

#include "daemon/report.h"

#include <jansson.h>

#define REPORT_SCHEMA_VERSION 1

/* A new reference, or NULL without memory. */
json_t *report_json(const struct report *report);

/* What the event stream tells: the host's state (old_state: NULL
 * at the stream's begin), and a change of an endpoint. New references, or NULL. */
json_t *report_state_event_json(const struct report *report, const char *old_state);
json_t *report_verdict_event_json(
    const struct report *report, const struct endpoint *e, const struct transition *change);

/* One line (compact) or indented; heap, caller frees; NULL without memory. */
char *report_json_text(const json_t *json, bool indent);

/* The text of report_json in one line, made endpoint by endpoint: of ten thousand the values would
 * take ten times what the text does. Heap, caller frees; NULL without memory. */
char *report_json_line(const struct report *report);

#endif
