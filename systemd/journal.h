/* Records for the journal, one per change, with fields and a fixed MESSAGE_ID per kind. Where there
 * is no journal, and where standard error is not the journal's anyway, the same line goes to
 * standard error. None of it waits for the journal: see journal_link.h. */
#ifndef VPCE_SYSTEMD_JOURNAL_H
#define VPCE_SYSTEMD_JOURNAL_H

#include "daemon/log.h"

#include <stddef.h>

enum journal_event {
    JOURNAL_EVENT_LINE, /* an ordinary line, no MESSAGE_ID */
    JOURNAL_EVENT_ENDPOINT_CHANGED,
    JOURNAL_EVENT_HOST_CHANGED,
    JOURNAL_EVENT_STARTED,
    JOURNAL_EVENT_RELOADED,
    JOURNAL_EVENT_RELOAD_REFUSED,
    JOURNAL_EVENT_LIFECYCLE_SENT,
    JOURNAL_EVENT_LIFECYCLE_FAILED,
    JOURNAL_EVENT_LOST, /* sent from within */
};
#define JOURNAL_EVENT_N (JOURNAL_EVENT_LOST + 1)

/* 32 hexadecimal digits; NULL for a line. A promise to users: never changed. */
const char *journal_message_id(enum journal_event event);

/* One VPCE_… field. Names are upper case letters, digits and underscores: systemd drops others
 * without a word (systemd.journal-fields(7)). */
struct journal_field {
    const char *name;
    const char *value; /* NULL: the field is left out. "": it is there, and empty, so that the
                          catalog shows nothing for it; it would show the name of one left out */
};

#define JOURNAL_FIELDS_MAX 48

/* level: syslog(3). Fields of the same name may repeat. More than JOURNAL_FIELDS_MAX are cut. */
void journal_send(enum journal_event event, int level, const char *message,
    const struct journal_field *fields, size_t n_fields);

/* For log_set_sink. */
void journal_log_sink(int level, enum log_topic topic, const char *line);

#endif
