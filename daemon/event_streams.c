/* See event_streams.h. A streamed request is ours to free when its client leaves before we end it
 * (libevent 2.1): on_gone does, told by status_clients, which watches the connection. */
#include "daemon/event_streams.h"

#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/util.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>

struct stream {
    struct evhttp_request *request; /* NULL: a free place */
};

struct event_streams {
    struct status_clients *clients;
    struct loop_timer *beat; /* set while there are streams */
    struct stream places[EVENT_STREAMS_MAX];
};

/* The connection has ended; the request is not evhttp's any more. */
static void
on_gone(void *arg)
{
    struct stream *stream = arg;
    struct evhttp_request *request = TAKE(stream->request);

    if (request != NULL && evhttp_request_get_connection(request) == NULL) {
        evhttp_request_free(request);
    }
}

void
event_streams_free(struct event_streams *streams)
{
    if (streams == NULL) {
        return;
    }
    for (size_t i = 0; i < EVENT_STREAMS_MAX; i++) {
        if (streams->places[i].request != NULL) {
            evhttp_connection_free(evhttp_request_get_connection(streams->places[i].request));
        }
    }
    loop_timer_free(streams->beat);
    free(streams);
}

/* false: the client is too far behind, and was dropped. */
static bool
send_text(struct stream *stream, const char *text)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(stream->request);
    struct bufferevent *bev = evhttp_connection_get_bufferevent(connection);
    struct evbuffer *chunk;

    if (evbuffer_get_length(bufferevent_get_output(bev)) > EVENT_STREAM_BACKLOG_MAX) {
        log_msg(LOG_INFO, LOG_TOPIC_CTL, "a client does not read its events, closing");
        evhttp_connection_free(connection);
        return false;
    }
    chunk = evbuffer_new();
    if (chunk != NULL) {
        (void)evbuffer_add(chunk, text, strlen(text));
        evhttp_send_reply_chunk(stream->request, chunk);
        evbuffer_free(chunk);
    }
    return true;
}

char *
event_streams_text(const char *event, const char *data)
{
    char *text = NULL;

    return asprintf(&text, "event: %s\ndata: %s\n\n", event, data) < 0 ? NULL : text;
}

static bool
send_event(struct stream *stream, const char *event, const char *data)
{
    CLEANUP(cleanup_free) char *text = event_streams_text(event, data);

    return text == NULL || send_text(stream, text); /* without memory this one is lost */
}

static void
on_beat(void *arg)
{
    struct event_streams *streams = arg;
    bool any = false;

    for (size_t i = 0; i < EVENT_STREAMS_MAX; i++) {
        if (streams->places[i].request != NULL) {
            any |= send_text(&streams->places[i], ":\n\n");
        }
    }
    if (any) {
        loop_timer_set(streams->beat, EVENT_STREAM_BEAT_MS);
    }
}

struct event_streams *
event_streams_new(struct loop *loop, struct status_clients *clients)
{
    struct event_streams *streams = calloc(1, sizeof(*streams));

    if (streams == NULL) {
        return NULL;
    }
    streams->clients = clients;
    streams->beat = loop_timer_new(loop, on_beat, streams);
    if (streams->beat == NULL) {
        free(streams);
        return NULL;
    }
    return streams;
}

static struct stream *
find_place(struct event_streams *streams)
{
    for (size_t i = 0; i < EVENT_STREAMS_MAX; i++) {
        if (streams->places[i].request == NULL) {
            return &streams->places[i];
        }
    }
    return NULL;
}

bool
event_streams_open(struct event_streams *streams, struct evhttp_request *request, const char *event,
    const char *data)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    struct stream *stream = find_place(streams);

    if (stream == NULL || !status_clients_stream(streams->clients, request, EVENT_STREAMS_PER_UID,
                              EVENT_STREAMS_SHARED, on_gone, stream)) {
        return false;
    }
    stream->request = request;
    (void)evhttp_add_header(headers, "Content-Type", "text/event-stream");
    (void)evhttp_add_header(headers, "Cache-Control", "no-store");
    (void)evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    evhttp_send_reply_start(request, HTTP_OK, NULL);
    (void)send_event(stream, event, data);
    if (!loop_timer_is_set(streams->beat)) {
        loop_timer_set(streams->beat, EVENT_STREAM_BEAT_MS);
    }
    return true;
}

bool
event_streams_any(const struct event_streams *streams)
{
    for (size_t i = 0; i < EVENT_STREAMS_MAX; i++) {
        if (streams->places[i].request != NULL) {
            return true;
        }
    }
    return false;
}

void
event_streams_send(struct event_streams *streams, const char *event, const char *data)
{
    for (size_t i = 0; i < EVENT_STREAMS_MAX; i++) {
        if (streams->places[i].request != NULL) {
            (void)send_event(&streams->places[i], event, data);
        }
    }
}
