/* What the daemon under torture talks to, on the loopback of a namespace of its own: a name server,
 * TLS servers and an instance metadata service. */
#ifndef VPCE_TORTURE_SERVERS_H
#define VPCE_TORTURE_SERVERS_H

#include <sys/types.h>

/* Moves this process into a user, network and mount namespace with the addresses and a resolv.conf.
 * dir: for its files. 0, or a negative errno: not possible here. */
int servers_enter_namespace(const char *dir);

/* Starts them in a process of their own; the trust anchor is in ca_file then. Returns its id. */
pid_t servers_start(const char *ca_file);

#endif
