/* The two heads of the HTTP stage (RFC 9112): the one request that is sent, and what the head of
 * an answer says. Pure. The answer is bytes of anybody: read within bounds, kept printable. */
#ifndef VPCE_PROBES_HTTP_HEAD_H
#define VPCE_PROBES_HTTP_HEAD_H

#include "probes/result.h"

#define HTTP_REQUEST_SIZE 512 /* a host name has 253 characters at most */
#define HTTP_HEAD_MAX 16384   /* bytes of an answer's head that are waited for */

enum http_head {
    HTTP_HEAD_INCOMPLETE, /* so far it may become one */
    HTTP_HEAD_MALFORMED,  /* whatever follows, it is none */
    HTTP_HEAD_OK,
};

/* GET /, or /v2/ of a container registry. Returns its length. */
size_t http_request_format(const struct endpoint_spec *spec, char buf[static HTTP_REQUEST_SIZE]);

/* Reads the head that buf begins with; 1xx answers before it are skipped, what follows it is
 * ignored. wall_ms: when it was complete, milliseconds since 1970, UTC. *ret_is_aws: it has a
 * header that services of AWS answer with. Both are written on HTTP_HEAD_OK only. */
enum http_head http_head_parse(
    const char *buf, size_t len, int64_t wall_ms, struct http_facts *ret, bool *ret_is_aws);

#endif
