/* What `vpce-probe history` knows, as JSON and as a person reads it. */
#ifndef VPCE_DAEMON_CLI_HISTORY_H
#define VPCE_DAEMON_CLI_HISTORY_H

#include "daemon/cli/paint.h"
#include "daemon/outages.h"

#define HISTORY_SCHEMA_VERSION 1

/* All times in microseconds since 1970. */
struct history_facts {
    int64_t now_us;
    int64_t from_us;  /* the oldest record of the journal */
    int64_t since_us; /* -1: not asked for */
    bool complete;    /* all records could be read */
    struct outages_result result;
};

/* A new reference, or NULL without memory. */
json_t *history_json(const struct history_facts *facts);

/* history: what history_json returned. */
void history_render(FILE *out, const json_t *history, const struct render_options *options);

#endif
