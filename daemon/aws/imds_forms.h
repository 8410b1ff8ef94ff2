/* The forms AWS gives its identifiers. A text of IMDS that is not exactly of its form is no fact.
 * Pure. */
#ifndef VPCE_DAEMON_AWS_IMDS_FORMS_H
#define VPCE_DAEMON_AWS_IMDS_FORMS_H

#include "probes/classify.h"

bool imds_is_code(const char *s);        /* Region, zone, zone id, partition: "ap-northeast-1a" */
bool imds_is_instance_id(const char *s); /* "i-" and 8 or 17 hexadecimal digits */
bool imds_is_vpc_id(const char *s);
bool imds_is_subnet_id(const char *s);
bool imds_is_account_id(const char *s); /* 12 digits */
bool imds_is_domain(const char *s);     /* "amazonaws.com.cn": a host name of two labels or more */
bool imds_is_mac(const char *s);        /* "02:00:00:00:00:01" */
bool imds_is_group(const char *s);      /* few rules: printable, and no page of HTML */
bool imds_is_lifecycle_state(const char *s); /* letters and colons */

/* A block of the family that a VPC or subnet can have. */
bool imds_is_vpc_cidr(const struct cidr *cidr, enum addr_family family);

#endif
