/* One request to IMDS at a time: PUT for a token, or GET of a path with the token. Told to come
 * back later (429, 5xx) it does so by itself, at growing distances, until its owner stops it: the
 * owner has the deadline. */
#ifndef VPCE_DAEMON_AWS_IMDS_REQUEST_H
#define VPCE_DAEMON_AWS_IMDS_REQUEST_H

#include "daemon/aws/http.h"
#include "daemon/aws/imds_state.h"

struct loop;
struct imds_request;

#define IMDS_REQUEST_MS 1000
#define IMDS_TOKEN_SIZE 513 /* they have 56 characters */

struct imds_target {
    struct addr addr;
    uint16_t port;
};

enum imds_result {
    IMDS_RESULT_GOOD,   /* 200: the answer has a body */
    IMDS_RESULT_ABSENT, /* 404 */
    IMDS_RESULT_UNAUTHORIZED,
    IMDS_RESULT_FORBIDDEN,
    IMDS_RESULT_BROKEN, /* another status, or not HTTP */
    IMDS_RESULT_SILENT, /* no answer in time, or no way there */
    IMDS_RESULT_RESOURCES,
};
#define IMDS_RESULT_N (IMDS_RESULT_RESOURCES + 1)

#define IMDS_TARGETS_MAX 2 /* IPv4, IPv6 */

/* Where to ask, in this order. url: of Imds=, "http://ADDRESS[:PORT]"; NULL or "": the usual
 * addresses. 0, or -EINVAL. */
int imds_targets_set(
    const char *url, struct imds_target ret[static IMDS_TARGETS_MAX], size_t *ret_n);

/* Called once for each request, from the loop; the request is idle and may be started or freed. */
typedef void (*imds_request_fn)(
    enum imds_result result, const struct http_answer *answer, void *arg);

struct imds_request *imds_request_new(struct loop *loop, imds_request_fn on_done, void *arg);
void imds_request_free(struct imds_request *request); /* stops; NULL is fine */

/* Idle before. path is copied; token is borrowed until the end, NULL: PUT for one (path is not
 * looked at). 0, -EINVAL or -ENOMEM; then nobody is called. */
int imds_request_start(struct imds_request *request, const struct imds_target *target,
    const char *path, const char *token);
void imds_request_stop(struct imds_request *request);

/* The newest answer was to come back later. */
bool imds_request_is_put_off(const struct imds_request *request);

/* The token and how long it is good for. false: this is none. */
bool imds_token_read(
    const struct http_answer *answer, char ret[static IMDS_TOKEN_SIZE], int64_t *ret_ttl_ms);

#endif
