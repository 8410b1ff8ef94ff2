/* How the host's own clients, the ECS agent and docker, are told to reach AWS. Pure; the files are
 * read by daemon/client_files. */
#ifndef VPCE_CONF_CLIENTS_H
#define VPCE_CONF_CLIENTS_H

#include "conf/proxy.h"
#include "probes/verdict_text.h"

/* Plain data; all zero: nothing known. */
struct clients {
    struct proxy_settings agent;
    struct proxy_settings docker;
};

/* How this endpoint's client goes; texts are borrowed from clients. */
void clients_view(
    const struct clients *clients, const struct endpoint_spec *spec, struct client_view *ret);

#endif
