/* One line of a configuration file, before libinih sees it: read within bounds, and told apart.
 * What libinih would silently bend is a problem here:
 * an indented line continues the value before it, " ;" cuts a value off, ':' ends a key. */
#ifndef VPCE_CONF_CONF_LINE_H
#define VPCE_CONF_CONF_LINE_H

#include "conf/conf.h"

enum conf_line_kind {
    CONF_LINE_EMPTY,   /* blank, or a comment */
    CONF_LINE_HEADER,  /* "[" … "]" */
    CONF_LINE_SETTING, /* KEY=VALUE */
    CONF_LINE_BAD,
};

struct conf_line {
    char text[CONF_LINE_MAX + 2]; /* terminated; without line end and trailing blanks */
    size_t len;                   /* may count NUL bytes */
    bool too_long;
};

/* Reads the next line; longer ones are read to their end and marked. *bytes counts what was read
 * from the file. false: end of file, a read error (see ferror), or more than CONF_FILE_MAX. */
bool conf_line_read(FILE *stream, size_t *bytes, struct conf_line *ret);

/* BAD: *ret_problem says why, a constant sentence without full stop. */
enum conf_line_kind conf_line_kind(const struct conf_line *line, const char **ret_problem);

#endif
