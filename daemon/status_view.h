/* What is read out of a status (the JSON of report_json.h) by everything that shows it to a person.
 * Tolerant: the JSON may come from another version of the daemon, or from somebody who only
 * pretends to be one; what is missing or of another type counts as not known. Pure. */
#ifndef VPCE_DAEMON_STATUS_VIEW_H
#define VPCE_DAEMON_STATUS_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A text that is not empty, or NULL. */
const char *status_text(const json_t *object, const char *key);

/* A time (RFC 3339) as seconds since 1970, or -1. */
int64_t status_seconds(const json_t *object, const char *key);

/* The endpoint of that key, or NULL. */
const json_t *status_endpoint(const json_t *status, const char *key);

/* Of an endpoint: the addresses that count, and those of them that work. */
void status_count_up(const json_t *endpoint, size_t *ret_up, size_t *ret_n);

/* Of an endpoint: the slowest of its addresses in "connect_ms" …; -1: none has it. */
double status_slowest_ms(const json_t *endpoint, const char *key);

/* How long the answer of DNS took; -1: not known. */
double status_dns_ms(const json_t *endpoint);

/* One of the host's causes explains the endpoint. */
bool status_is_explained(const json_t *causes, const json_t *endpoint);

#endif
