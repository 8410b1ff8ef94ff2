/* The environment that a systemd unit file gives its service, by the rules of systemd.syntax(7) and
 * systemd.exec(5). Escapes and specifiers are not resolved. Pure. */
#ifndef VPCE_CONF_UNIT_FILE_H
#define VPCE_CONF_UNIT_FILE_H

#include "conf/span.h"

/* The longest assignment that is read whole. */
#define UNIT_WORD_SIZE 4096

struct unit_assignment {
    struct span key;
    struct span value;
    bool cut;   /* the value's end is missing */
    bool reset; /* an empty Environment=: all before it has no effect; key and value are empty */
};

/* assignment: borrowed until it returns. */
typedef void unit_assignment_fn(const struct unit_assignment *assignment, void *user);

/* Calls on_assignment for each in turn. Any text will do. */
void unit_environment_read(const char *text, unit_assignment_fn *on_assignment, void *user);

#endif
