/* Server-sent events (the HTML standard, "Server-sent events") to clients of the status socket: the
 * streams that are open, and their limits. A client that does not read is dropped. */
#ifndef VPCE_DAEMON_EVENT_STREAMS_H
#define VPCE_DAEMON_EVENT_STREAMS_H

#include "daemon/status_clients.h"

#define EVENT_STREAMS_MAX 16
#define EVENT_STREAMS_PER_UID 4
#define EVENT_STREAMS_SHARED 12 /* of users that cannot be told apart */

/* A comment is sent this often: a client that has gone without a word is noticed. */
#define EVENT_STREAM_BEAT_MS 30000

/* Bytes that may wait for a slow reader. */
#define EVENT_STREAM_BACKLOG_MAX 65536

struct event_streams;

/* loop and clients are borrowed. NULL without memory. */
struct event_streams *event_streams_new(struct loop *loop, struct status_clients *clients);

/* Before evhttp_free: the open streams end with their connections. NULL is fine. */
void event_streams_free(struct event_streams *streams);

/* Answer the request with a stream, which begins with an event. false: there are too many, the
 * request is not answered yet. */
bool event_streams_open(struct event_streams *streams, struct evhttp_request *request,
    const char *event, const char *data);

/* Somebody listens. */
bool event_streams_any(const struct event_streams *streams);

/* An event as it goes over the wire. The caller frees; NULL without memory. */
char *event_streams_text(const char *event, const char *data);

/* To all. data: one line of JSON. */
void event_streams_send(struct event_streams *streams, const char *event, const char *data);

#endif
