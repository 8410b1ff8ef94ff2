/* What is wrong with settings that are right one by one: checks across keys, once all files are
 * read. Pure. */
#ifndef VPCE_CONF_CONF_CHECK_H
#define VPCE_CONF_CONF_CHECK_H

#include "conf/conf_errors.h"
#include "conf/conf_keys.h"

/* Where the settings of a struct conf come from. */
struct conf_origin {
    struct conf_where keys[CONF_KEYS_MAX]; /* by conf_key_index; where it was set last */
    struct conf_where *endpoints; /* heap, parallel to conf->endpoints: its last header or Host= */
};

/* Adds what is wrong to errors, at the place where the last key involved was set. */
void conf_check(
    const struct conf *conf, const struct conf_origin *origin, struct conf_errors *errors);

#endif
