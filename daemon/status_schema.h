/* The JSON Schema of the status, as it is shipped (daemon/status.schema.json, made into C by the
 * build). */
#ifndef VPCE_DAEMON_STATUS_SCHEMA_H
#define VPCE_DAEMON_STATUS_SCHEMA_H

extern const char status_schema_text[];
extern const unsigned char status_schema_sha256[32];

#endif
