/* Reads what the host's own clients are told: /etc/ecs/ecs.config and the drop-ins of
 * docker.service. What cannot be read is not known. */
#ifndef VPCE_DAEMON_CLIENT_FILES_H
#define VPCE_DAEMON_CLIENT_FILES_H

#include "conf/clients.h"

#define CLIENTS_ECS_CONFIG "/etc/ecs/ecs.config"
#define CLIENTS_DOCKER_DROPINS "/etc/systemd/system/docker.service.d"

void client_files_read(struct clients *ret, const char *ecs_config, const char *docker_dropins);

#endif
