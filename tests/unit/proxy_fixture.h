/* For the tests of conf/proxy: reads a text as if nothing stood behind it, and looks at all that is
 * kept of it. */
#ifndef VPCE_TESTS_UNIT_PROXY_FIXTURE_H
#define VPCE_TESTS_UNIT_PROXY_FIXTURE_H

#include "conf/proxy.h"
#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define AGENT PROXY_CLIENT_AGENT
#define DOCKER PROXY_CLIENT_DOCKER
#define P "10.0.0.131:3128"
#define S "[Service]\n"

typedef void parse_fn(const char *text, struct proxy_settings *s);

/* From a copy on the heap, as long as the text: reading behind it shows. */
static inline void
parse(parse_fn *fn, const char *text, size_t len, struct proxy_settings *s)
{
    CLEANUP(cleanup_free) char *copy = malloc(len + 1);

    assert_non_null(copy);
    memcpy(copy, text, len);
    copy[len] = '\0';
    fn(copy, s);
}

/* Every text ends within its array and is printable ASCII. */
static inline bool
is_clean(const char *buf, size_t size)
{
    size_t len = strnlen(buf, size);

    for (size_t i = 0; i < len; i++) {
        if (buf[i] <= 0x20 || buf[i] >= 0x7f) {
            return false;
        }
    }
    return len < size;
}

static inline bool
settings_are_clean(const struct proxy_settings *s)
{
    bool clean = is_clean(s->backend_host, sizeof(s->backend_host));

    for (size_t i = 0; i < PROXY_SERVER_VARS_N; i++) {
        clean &= is_clean(s->servers[i], sizeof(s->servers[i]));
    }
    for (size_t i = 0; i < NO_PROXY_VARS_N; i++) {
        clean &= is_clean(s->no_proxies[i].text, sizeof(s->no_proxies[i].text));
    }
    return clean;
}

static inline bool
settings_have(const struct proxy_settings *s, const char *secret)
{
    return memmem(s, sizeof(*s), secret, strlen(secret)) != NULL;
}

/* The credentials of texts are made of these words where this is asked. */
static inline bool
has_secret(const struct proxy_settings *s)
{
    return settings_have(s, "SECRET") || settings_have(s, "TOPS") || settings_have(s, "1234") ||
           settings_have(s, "user");
}

#endif
