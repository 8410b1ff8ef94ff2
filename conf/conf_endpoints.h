/* The [Endpoint KEY] sections while they are read: an array in the order of appearance, and a
 * hash index on the key, so that 10,000 of them load in no time. Pure. */
#ifndef VPCE_CONF_CONF_ENDPOINTS_H
#define VPCE_CONF_CONF_ENDPOINTS_H

#include "conf/conf_check.h"

struct conf_endpoints;

struct conf_endpoints *conf_endpoints_new(void);            /* NULL without memory */
void conf_endpoints_free(struct conf_endpoints *endpoints); /* NULL is fine */

/* Finds the endpoint of this key, or adds it with defaults.
 * 0, -ENOSPC when there are CONF_ENDPOINTS_MAX already, -ENOMEM. */
int conf_endpoints_enter(struct conf_endpoints *endpoints, const char *key, size_t *ret);

/* Borrowed until the next _enter. */
struct conf_endpoint *conf_endpoints_at(struct conf_endpoints *endpoints, size_t i);

/* Remembers where its header or its Host= was. */
void conf_endpoints_where(
    struct conf_endpoints *endpoints, size_t i, const struct conf_where *where);

/* Releases a list of n, as conf has it. */
void conf_endpoints_release(struct conf_endpoint *list, size_t n);

/* Hands the endpoints over to conf, which owns them from now on; origin borrows from endpoints. */
void conf_endpoints_give(
    struct conf_endpoints *endpoints, struct conf *conf, struct conf_origin *origin);

#endif
