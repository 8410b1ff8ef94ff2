/* TLS under the connection of daemon/aws/http: an SSL of the shared trust store in a bufferevent of
 * libevent's, watched, so that http can tell how far it came and why it went no further. Never
 * overrules a verification: nothing of the request leaves before chain and name are good. */
#ifndef VPCE_DAEMON_AWS_HTTP_TLS_H
#define VPCE_DAEMON_AWS_HTTP_TLS_H

#include "daemon/util.h"

struct bufferevent;
struct event_base;
struct http_tls;
struct tls_ctx;

/* One session; name as tls_open's. NULL: memory. */
struct http_tls *http_tls_new(struct tls_ctx *ctx, const char *name);
void http_tls_free(
    struct http_tls *tls); /* the bufferevent may live on for a while; NULL is fine */

/* For evhttp, whose socket it will have; the caller's. Once. NULL: memory. */
struct bufferevent *http_tls_bufferevent(struct http_tls *tls, struct event_base *base);

/* After evhttp has made the socket and before the loop goes on: from here on no call of OpenSSL's
 * reads more than its share, and no session more than 512 KiB. */
void http_tls_watch(struct http_tls *tls);

/* The connection stood: the first bytes of the handshake went out. */
bool http_tls_is_connected(const struct http_tls *tls);

/* The handshake is over and verified: the request may be on its way. */
bool http_tls_is_verified(const struct http_tls *tls);

/* Appends why it failed ("hostname mismatch"), or nothing when it did not. */
void http_tls_describe(struct http_tls *tls, struct text *t);

#endif
