/* The snapshot as JSON: the shape that `status --json` and GET /v1/status promise
 * (daemon/status.schema.json). */
#ifndef VPCE_DAEMON_REPORT_JSON_H
#define VPCE_DAEMON_REPORT_JSON_H

#include "daemon/report.h"

#include <jansson.h>

#define REPORT_SCHEMA_VERSION 1

/* A new reference, or NULL without memory. */
json_t *report_json(const struct report *report);

/* One line (compact) or indented; heap, caller frees; NULL without memory. */
char *report_json_text(const json_t *json, bool indent);

#endif
