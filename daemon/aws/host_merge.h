/* What is known about this host, from the configuration and from IMDS together. Pure.
 *
 * The configuration overrides every fact, VpcCidrs= family by family. What IMDS says of partition
 * and domain beats the Region's pattern, unless Region= names another Region than the host is in:
 * then they are not about that Region. */
#ifndef VPCE_DAEMON_AWS_HOST_MERGE_H
#define VPCE_DAEMON_AWS_HOST_MERGE_H

#include "conf/host.h"
#include "daemon/aws/imds_facts.h"

/* facts: NULL while IMDS has said nothing; then as host_from_conf. */
void host_merge(const struct conf *conf, const struct imds_facts *facts, struct host *ret);

#endif
