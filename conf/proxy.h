/* Which HTTP proxy the host's own clients use, out of the text of the files that tell them:
 * /etc/ecs/ecs.config for the ECS agent, the drop-ins of docker.service for the docker daemon.
 * Pure: the caller reads the files.
 *
 * Those files hold credentials, and what is learnt here is shown to every local user. So only the
 * variables below are looked at, and of a proxy's URL only host and port are kept; what cannot be
 * told apart for certain becomes PROXY_UNREADABLE. All text here is printable ASCII.
 *
 * For https URLs HTTPS_PROXY counts. Without it, the agent takes HTTP_PROXY: it has its own copy of
 * Go's rules from before Go 1.16 (ecs-agent/utils/httpproxy), as AWS documents HTTP_PROXY alone
 * ("Using an HTTP proxy for Amazon ECS Linux container instances"). The docker daemon does not: it
 * uses net/http, where since Go 1.16 HTTP_PROXY is for http URLs only ("Daemon proxy
 * configuration" in the Docker documentation). */
#ifndef VPCE_CONF_PROXY_H
#define VPCE_CONF_PROXY_H

#include "conf/no_proxy.h"
#include "probes/spec.h"

/* Whose proxy. */
enum proxy_client {
    PROXY_CLIENT_NONE, /* neither: tasks, or nobody in particular */
    PROXY_CLIENT_AGENT,
    PROXY_CLIENT_DOCKER, /* image layers and the awslogs log driver too */
};
#define PROXY_CLIENT_N (PROXY_CLIENT_DOCKER + 1)

const char *proxy_client_str(enum proxy_client client); /* "none", "ecs-agent", "docker" */

/* Who uses the endpoint of this key. */
enum proxy_client proxy_client_of(const char *key);

#define PROXY_TEXT_SIZE (HOSTNAME_SIZE + 8) /* "10.0.0.131:3128", "[fd00::1]:3128" */
#define PROXY_UNREADABLE "(unreadable)"

#define PROXY_SERVER_VARS_N 4 /* HTTPS_PROXY, https_proxy, HTTP_PROXY, http_proxy */
#define NO_PROXY_VARS_N 2     /* NO_PROXY, no_proxy */

struct proxy_settings {
    enum proxy_client client;
    bool known;                                         /* a file was read */
    char servers[PROXY_SERVER_VARS_N][PROXY_TEXT_SIZE]; /* "": not set */
    struct no_proxy no_proxies[NO_PROXY_VARS_N];
    char backend_host[HOSTNAME_SIZE]; /* of the agent's ECS_BACKEND_HOST; "": none, or unreadable */
    uint16_t backend_port;            /* 0: no backend_host */
};

void proxy_settings_init(struct proxy_settings *s, enum proxy_client client);

/* Adds what a file says; later files and lines win. Any text will do; a NUL byte ends it.
 *
 * env_file: KEY=VALUE lines as ecs-init reads ecs.config; blanks and quotes around a value go. */
void proxy_parse_env_file(const char *text, struct proxy_settings *s);

/* unit: the Environment= lines of [Service] as systemd reads a unit file (systemd.syntax(7)). Call
 * it for the unit and its drop-ins in the order of systemd.unit(5). Escapes and specifiers are not
 * resolved: a proxy that needs them is unreadable. */
void proxy_parse_unit(const char *text, struct proxy_settings *s);

/* The proxy for https URLs: "host:port", PROXY_UNREADABLE, or "" for none. Borrowed from s. */
const char *proxy_server(const struct proxy_settings *s);

/* There is a proxy for http URLs that https URLs do not use: a likely mistake. */
bool proxy_is_http_only(const struct proxy_settings *s);

/* The exceptions in force. Borrowed from s. */
const struct no_proxy *proxy_exceptions(const struct proxy_settings *s);

/* Whether the client reaches this host and port through proxy_server(), see no_proxy_matches. When
 * the exceptions are cut, true is a guess. */
bool proxy_applies(const struct proxy_settings *s, const char *hostname, uint16_t port);

#endif
