/* What lies around the endpoints: whether the Internet is reachable (the egress control, looked at
 * every ten minutes and when something changed), and how the host's own clients go. */
#ifndef VPCE_DAEMON_OUTLOOK_H
#define VPCE_DAEMON_OUTLOOK_H

#include "conf/clients.h"
#include "daemon/egress.h"
#include "daemon/endpoint.h"

struct conf;
struct host;
struct outlook;

/* All borrowed, outlive it. on_egress is called from the loop after each look. 0, -ENOMEM. */
int outlook_new(const struct probe_env *env, const struct conf *conf, const struct host *host,
    egress_fn on_egress, void *arg, struct outlook **ret);
void outlook_free(struct outlook *outlook); /* NULL is fine */

/* Read the clients' settings again if they are not fresh. */
void outlook_refresh(struct outlook *outlook);

/* Look at the egress control now, unless that was begun less than min_age_ms ago. */
void outlook_look(struct outlook *outlook, int64_t min_age_ms);

bool outlook_is_looking(const struct outlook *outlook);
enum internet outlook_internet(const struct outlook *outlook);
const char *outlook_control(const struct outlook *outlook); /* host name; NULL: there is none */
const struct clients *outlook_clients(const struct outlook *outlook);

/* For the judgement of a run; ecs_is_public is left to the caller. */
struct surroundings outlook_of(
    const struct outlook *outlook, const struct endpoint *e, const struct probe_result *result);

#endif
