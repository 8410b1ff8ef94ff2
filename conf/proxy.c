/* See proxy.h. */
#include "conf/proxy.h"

#include "conf/catalogue.h"
#include "conf/unit_file.h"
#include "daemon/util.h"

#include <strings.h>

const char *
proxy_client_str(enum proxy_client client)
{
    switch (client) {
    case PROXY_CLIENT_NONE:
        return "none";
    case PROXY_CLIENT_AGENT:
        return "ecs-agent";
    case PROXY_CLIENT_DOCKER:
        return "docker";
    }
    return "unknown";
}

enum proxy_client
proxy_client_of(const char *key)
{
    static const struct {
        const char *key;
        enum proxy_client client;
    } users[] = {
        {"ecs", PROXY_CLIENT_AGENT},
        {"ecs-agent", PROXY_CLIENT_AGENT},
        {"ecs-telemetry", PROXY_CLIENT_AGENT},
        {"ecr.api", PROXY_CLIENT_AGENT},
        {"ecr.dkr", PROXY_CLIENT_DOCKER},
        {"s3", PROXY_CLIENT_DOCKER},
        {"logs", PROXY_CLIENT_DOCKER},
    };

    for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
        if (streq(users[i].key, key)) {
            return users[i].client;
        }
    }
    return PROXY_CLIENT_NONE;
}

/* What a URL leads to. */
struct authority {
    char host[HOSTNAME_SIZE]; /* name or address, without brackets */
    uint16_t port;            /* 0: neither scheme nor port given */
};

/* Takes the scheme off *url. false: it has one that no proxy has (or a password looks like one). */
static bool
take_scheme(struct span *url, uint16_t *ret_port)
{
    static const struct {
        const char *name;
        uint16_t port;
    } schemes[] = {{"http", 80}, {"https", 443}, {"socks5", 1080}, {"socks5h", 1080}};
    const char *end = memmem(url->at, url->len, "://", 3);

    *ret_port = 0;
    if (end == NULL) {
        return true;
    }
    size_t len = (size_t)(end - url->at);

    for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
        if (len == strlen(schemes[i].name) && strncasecmp(url->at, schemes[i].name, len) == 0) {
            *url = span_tail(*url, len + 3);
            *ret_port = schemes[i].port;
            return true;
        }
    }
    return false;
}

/* "host", "host:port", "[address]", "[address]:port". *ret_port stays when there is none. */
static bool
split_host_port(struct span s, struct span *ret_host, uint16_t *ret_port)
{
    bool bracket = s.len > 0 && s.at[0] == '[';
    size_t n = span_find(s, bracket ? "]" : ":");
    char digits[sizeof("65535")];
    uint64_t port;

    if (bracket && n == s.len) {
        return false;
    }
    *ret_host = bracket ? (struct span){s.at + 1, n - 1} : span_head(s, n);
    s = span_tail(s, bracket ? n + 1 : n);
    if (s.len == 0) {
        return true;
    }
    if (s.at[0] != ':' || !span_copy(span_tail(s, 1), digits, sizeof(digits)) ||
        parse_uint(digits, 1, UINT16_MAX, &port) < 0) {
        return false;
    }
    *ret_port = (uint16_t)port;
    return true;
}

/* A password may hold any byte, escaped or not, so the end of the credentials is not certain: with
 * a slash in them "the rest" starts too early. Nothing but an unsuspicious rest will do. */
static bool
is_plain_path(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!letter && !(c >= '0' && c <= '9') && (c == '\0' || strchr("/._-", c) == NULL)) {
            return false;
        }
    }
    return true;
}

/* false: no plausible host, and nothing of the URL may be shown. */
static bool
authority_parse(struct span url, struct authority *ret)
{
    struct authority found = {0};
    struct span host;

    if (!take_scheme(&url, &found.port)) {
        return false;
    }
    size_t n = span_find(url, "/?#");

    if (!is_plain_path(span_tail(url, n))) {
        return false;
    }
    url = span_head(url, n);
    const char *at = memrchr(url.at, '@', url.len);

    if (at != NULL) {
        url = span_tail(url, (size_t)(at + 1 - url.at));
    }
    if (!split_host_port(url, &host, &found.port) ||
        !span_copy(host, found.host, sizeof(found.host)) || !hostname_is_valid(found.host)) {
        return false;
    }
    *ret = found;
    return true;
}

static void
store_server(struct span value, bool cut, char dst[static PROXY_TEXT_SIZE])
{
    struct authority server;

    value = span_trim(value);
    /* a word alone could be anything */
    if (cut || !authority_parse(value, &server) || server.port == 0) {
        (void)str_copy(dst, PROXY_TEXT_SIZE, value.len == 0 ? "" : PROXY_UNREADABLE);
        return;
    }
    struct text text = {.buf = dst, .size = PROXY_TEXT_SIZE};
    bool is_ipv6 = strchr(server.host, ':') != NULL;

    (void)text_add(&text, is_ipv6 ? "[%s]:%u" : "%s:%u", server.host, server.port);
}

static void
store_backend(struct span value, struct proxy_settings *s)
{
    struct authority backend = {0};

    if (authority_parse(span_trim(value), &backend) && backend.port == 0) {
        backend.port = 443;
    }
    (void)str_copy(s->backend_host, sizeof(s->backend_host), backend.host);
    s->backend_port = backend.port;
}

/* In the order Go asks for them. */
static const char *const server_vars[PROXY_SERVER_VARS_N] = {
    "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"};
static const char *const no_proxy_vars[NO_PROXY_VARS_N] = {"NO_PROXY", "no_proxy"};
#define HTTPS_VARS_N 2

/* cut: the value's end is missing. */
static void
assign(struct span key, struct span value, bool cut, struct proxy_settings *s)
{
    for (size_t i = 0; i < ARRAY_SIZE(server_vars); i++) {
        if (span_is(key, server_vars[i])) {
            store_server(value, cut, s->servers[i]);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(no_proxy_vars); i++) {
        if (span_is(key, no_proxy_vars[i])) {
            no_proxy_parse(value, cut, &s->no_proxies[i]);
        }
    }
}

void
proxy_settings_init(struct proxy_settings *s, enum proxy_client client)
{
    memset(s, 0, sizeof(*s));
    s->client = client;
}

static struct span
unquote(struct span value)
{
    value = span_trim(value);
    if (value.len >= 2 && (value.at[0] == '"' || value.at[0] == '\'') &&
        value.at[value.len - 1] == value.at[0]) {
        value = (struct span){value.at + 1, value.len - 2};
    }
    return span_trim(value);
}

void
proxy_parse_env_file(const char *text, struct proxy_settings *s)
{
    struct span rest = {text, strlen(text)};

    s->known = true;
    while (rest.len > 0) {
        size_t n = span_find(rest, "\n");
        struct span line = span_trim(span_head(rest, n));
        size_t key_len = span_find(line, "=");

        rest = span_tail(rest, n < rest.len ? n + 1 : n);
        if (key_len == line.len) {
            continue; /* a comment may have a '=', but then its key has a '#' */
        }
        struct span key = span_head(line, key_len);
        struct span value = unquote(span_tail(line, key_len + 1));

        assign(key, value, false, s);
        if (s->client == PROXY_CLIENT_AGENT && span_is(key, "ECS_BACKEND_HOST")) {
            store_backend(value, s);
        }
    }
}

static void
on_assignment(const struct unit_assignment *assignment, void *user)
{
    struct proxy_settings *s = user;

    if (assignment->reset) {
        memset(s->servers, 0, sizeof(s->servers));
        memset(s->no_proxies, 0, sizeof(s->no_proxies));
        return;
    }
    assign(assignment->key, assignment->value, assignment->cut, s);
}

void
proxy_parse_unit(const char *text, struct proxy_settings *s)
{
    s->known = true;
    unit_environment_read(text, on_assignment, s);
}

const char *
proxy_server(const struct proxy_settings *s)
{
    size_t n = s->client == PROXY_CLIENT_AGENT ? PROXY_SERVER_VARS_N : HTTPS_VARS_N;

    for (size_t i = 0; i < n; i++) {
        if (*s->servers[i] != '\0') {
            return s->servers[i];
        }
    }
    return "";
}

bool
proxy_is_http_only(const struct proxy_settings *s)
{
    bool http = false;

    for (size_t i = HTTPS_VARS_N; i < PROXY_SERVER_VARS_N; i++) {
        http |= *s->servers[i] != '\0';
    }
    return http && *proxy_server(s) == '\0';
}

const struct no_proxy *
proxy_exceptions(const struct proxy_settings *s)
{
    return &s->no_proxies[s->no_proxies[0].set ? 0 : 1];
}

bool
proxy_applies(const struct proxy_settings *s, const char *hostname, uint16_t port)
{
    return *proxy_server(s) != '\0' && !no_proxy_matches(proxy_exceptions(s), hostname, port);
}
