/* One small HTTP/1.1 client, over libevent's: one request at a time, one answer, one connection for
 * it, plain or with TLS. To a literal address: a name is never looked up here, since looking one up
 * would block the loop. No redirects, no retries, no proxy.
 *
 * The answer is bytes of anybody: head and body are bounded, and the whole call has a deadline, so
 * that neither an endless answer nor a trickle holds on to anything. Programs that use it ignore
 * SIGPIPE.
 *
 * With TLS nothing of the request leaves before chain and name are verified (http_tls.h), and an
 * answer ends where it says it ends, or with a close_notify: what is cut off is CLOSED. What passes
 * through evhttp's buffers is wiped when they are freed (daemon/loop.c), at the end of the call.
 *
 * A call: started by its owner, ended by the answer, a failure, the deadline (http_finish in http.c
 * is the one way out) or by http_stop, which calls nobody. */
#ifndef VPCE_DAEMON_AWS_HTTP_H
#define VPCE_DAEMON_AWS_HTTP_H

#include "probes/addr.h"

#include <stddef.h>

struct loop;
struct http;
struct tls_ctx;

#define HTTP_BODY_MAX 65536    /* bytes of an answer's body; more is TOO_BIG */
#define HTTP_HEADERS_MAX 16384 /* bytes of an answer's head */

enum http_method {
    HTTP_METHOD_GET,
    HTTP_METHOD_PUT,
    HTTP_METHOD_POST,
};

struct http_header {
    const char *name;
    const char *value;
};

struct http_request {
    enum http_method method;
    struct addr addr;
    uint16_t port;
    const char *host;     /* the Host header; NULL: the address */
    struct tls_ctx *tls;  /* borrowed until the end of the call; NULL: plain */
    const char *tls_name; /* with tls: the name that is asked for (SNI) and verified, or a literal
                             address */
    const char *path;     /* "/latest/…", with the query; visible ASCII only */
    const struct http_header *headers;
    size_t n_headers;
    const void *body; /* NULL: none; not with GET */
    size_t body_len;
    int64_t timeout_ms; /* from the start to the last byte of the answer */
};

enum http_outcome {
    HTTP_OUTCOME_NONE,          /* under way */
    HTTP_OUTCOME_ANSWERED,      /* whatever the status */
    HTTP_OUTCOME_TIMEOUT,       /* the deadline came first */
    HTTP_OUTCOME_NO_CONNECTION, /* refused, or no route */
    HTTP_OUTCOME_TLS,           /* connected, but no verified TLS session came of it */
    HTTP_OUTCOME_CLOSED,        /* before the answer was complete */
    HTTP_OUTCOME_MALFORMED,     /* not HTTP, an interim answer, or a head that is too big */
    HTTP_OUTCOME_TOO_BIG,       /* a body over HTTP_BODY_MAX */
    HTTP_OUTCOME_RESOURCES,     /* out of memory or descriptors */
};
#define HTTP_OUTCOME_N (HTTP_OUTCOME_RESOURCES + 1)

const char *http_outcome_str(enum http_outcome outcome); /* "answered", "timeout", … */

struct http_headers;

/* Borrowed until the callback returns. Only ANSWERED has status, body and headers. */
struct http_answer {
    enum http_outcome outcome;
    bool maybe_sent;   /* the server may have seen the request, or a part of it */
    const char *error; /* of TLS, and of its NO_CONNECTION: why; else "" */
    unsigned status;
    const char *body; /* len bytes and a terminator; may hold NUL bytes */
    size_t len;
    const struct http_headers *headers; /* for http_answer_header */
};

/* The first header of that name, in any case; NULL: there is none. */
const char *http_answer_header(const struct http_answer *answer, const char *name);

/* Called once for each call, from the loop. The client is idle again: it may be started anew, or
 * freed. */
typedef void (*http_fn)(const struct http_answer *answer, void *arg);

struct http *http_new(struct loop *loop, http_fn on_done, void *arg); /* NULL: memory */
void http_free(struct http *http);                                    /* stops; NULL is fine */

/* Copies what it needs of the request. 0; -EBUSY while a call is under way; -EINVAL for a request
 * that would not be one (no address, a path or header with control characters); -ENOMEM. On failure
 * nobody is called. */
int http_start(struct http *http, const struct http_request *request);
void http_stop(struct http *http); /* nobody is called; idle is fine */
bool http_is_busy(const struct http *http);

/* Of the call under way: the server may have seen the request, or a part of it. */
bool http_maybe_sent(const struct http *http);

/* "http://ADDRESS[:PORT]" with a literal address, IPv6 in brackets. 0, or -EINVAL. */
int http_url_parse(const char *url, struct addr *ret_addr, uint16_t *ret_port);

#endif
