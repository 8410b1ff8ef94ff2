/* See clients.h. */
#include "conf/clients.h"

#include "daemon/util.h"

static bool
is_set(const char *text)
{
    return text[0] != '\0';
}

void
clients_view(
    const struct clients *clients, const struct endpoint_spec *spec, struct client_view *ret)
{
    enum proxy_client client = proxy_client_of(spec->key);
    const struct proxy_settings *settings =
        client == PROXY_CLIENT_AGENT ? &clients->agent : &clients->docker;

    *ret = (struct client_view){.proxy = NULL};
    if (client == PROXY_CLIENT_NONE || !settings->known) {
        return;
    }
    ret->name = client == PROXY_CLIENT_AGENT ? "the ECS agent" : "docker";
    if (is_set(proxy_server(settings)) && proxy_applies(settings, spec->hostname, spec->port)) {
        ret->proxy = proxy_server(settings);
    }
    if (streq(spec->key, "ecs") && is_set(settings->backend_host) &&
        !streq(settings->backend_host, spec->hostname)) {
        ret->backend = settings->backend_host;
    }
}
