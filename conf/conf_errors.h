/* Collecting what is wrong with the configuration; for the files that read and check it. */
#ifndef VPCE_CONF_CONF_ERRORS_H
#define VPCE_CONF_CONF_ERRORS_H

#include "conf/conf.h"

#define CONF_SENTENCE_SIZE 1024 /* a value with every byte escaped, and what is allowed instead */

/* Where a setting stands. */
struct conf_where {
    const char *file; /* borrowed; NULL: not set anywhere */
    unsigned line;    /* from 1; 0: the file as a whole */
    unsigned order;   /* of two settings, the one read later has the larger number */
    bool bad;         /* its value was refused: no use in checking it against others */
};

/* "file:line", or "file" for line 0. where->file is not NULL. */
void conf_where_format(const struct conf_where *where, char ret[static CONF_WHERE_SIZE]);

/* Adds "file:line: subject: sentence", or "file: ..." for line 0. subject: the key, "[section]",
 * "line" or "file", as it stands in the file. Not kept, only counted: from CONF_ERRORS_MAX on, and
 * without memory. */
void conf_errors_add(struct conf_errors *errors, const struct conf_where *where,
    const char *subject, const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
