/* The value of NO_PROXY: hosts that are reached without the proxy, by the rules of Go's
 * golang.org/x/net/http/httpproxy. Pure. */
#ifndef VPCE_CONF_NO_PROXY_H
#define VPCE_CONF_NO_PROXY_H

#include "conf/span.h"

#include <stdint.h>

#define NO_PROXY_SIZE 2048

struct no_proxy {
    char text[NO_PROXY_SIZE]; /* "a,b,c": the entries that can match a host, as they were written */
    bool set;                 /* the value was not empty */
    bool cut;                 /* entries are missing, for want of room */
};

/* Any value will do; printable ASCII comes out. What can match no host is left out, URLs with
 * credentials among it. cut: the value's end is missing. */
void no_proxy_parse(struct span value, bool cut, struct no_proxy *ret);

/* Whether it is one of these hosts; the loopback always is. Names are not resolved: an address or
 * CIDR matches only a host that is an address itself (without brackets). */
bool no_proxy_matches(const struct no_proxy *list, const char *hostname, uint16_t port);

#endif
