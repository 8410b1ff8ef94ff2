/* See status_server.h. A table of paths; handlers return text. */
#include "daemon/status_server.h"

#include "daemon/event_streams.h"
#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/metrics.h"
#include "daemon/process.h"
#include "daemon/report_html.h"
#include "daemon/report_json.h"
#include "daemon/status_schema.h"
#include "daemon/timeline.h"
#include "daemon/util.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTENERS_MAX 8
#define HEADERS_MAX 8192
#define BODY_MAX 1024
#define BACKLOG 64

/* How often we see whether everybody is served. */
#define DRAIN_LOOK_MS 10

/* Out of descriptors, accepting again at once would spin. */
#define ACCEPT_PAUSE_MS 200

/* One listening socket and its pause. */
struct listener {
    struct evconnlistener *listener; /* evhttp's */
    struct loop_timer *pause;
    bool paused;
};

struct status_server {
    struct loop *loop;
    struct evhttp *http;
    struct status_clients *clients;
    struct event_streams *streams;
    struct loop_timer *drain;
    void (*on_drained)(void *arg);
    void *drained_arg;
    int64_t drain_until_ms;
    struct loop_timer *accepted; /* one turn of the loop after each connection */
    status_server_fn report;
    void *arg;
    size_t n_listeners;
    struct listener listeners[LISTENERS_MAX];
};

/* What a handler answers. */
struct page {
    int status;
    const char *type;
    char *text; /* heap; NULL: no memory */
    bool is_html;
};

static void
page_status(const struct report *report, struct page *page)
{
    page->type = "application/json";
    page->text = report_json_line(report);
}

static void
page_healthz(const struct report *report, struct page *page)
{
    char summary[REPORT_SUMMARY_SIZE];
    bool good = report->state == HOST_STATE_HEALTHY || report->state == HOST_STATE_DEGRADED;

    report_summary(report, summary);
    page->status = good ? HTTP_OK : HTTP_SERVUNAVAIL;
    if (asprintf(&page->text, "%s: %s\n", host_state_str(report->state), summary) < 0) {
        page->text = NULL;
    }
}

static void
page_livez(const struct report *report, struct page *page)
{
    (void)report;
    page->text = strdup("alive\n");
}

static void
page_schema(const struct report *report, struct page *page)
{
    (void)report;
    page->type = "application/schema+json";
    page->text = strdup(status_schema_text);
}

static void
page_metrics(const struct report *report, struct page *page)
{
    struct process_facts process;

    process_read(&process);
    page->type = METRICS_TYPE;
    page->text = metrics_text(report, &process);
}

static void
page_html(const struct report *report, struct page *page)
{
    json_t *status = report_json(report);
    json_t *timeline = report->log != NULL ? timeline_of_log(report->log) : NULL;

    page->type = "text/html; charset=utf-8";
    page->is_html = true;
    page->text = status != NULL ? report_html(status, timeline, HTML_MODE_LIVE) : NULL;
    json_decref(status);
    json_decref(timeline);
    (void)malloc_trim(0); /* of ten thousand endpoints the values took 100 MB */
}

static const struct route {
    const char *path;
    bool for_network; /* also on IP sockets */
    void (*handler)(const struct report *report, struct page *page);
} routes[] = {
    {"/", false, page_html},
    {"/v1/status", false, page_status},
    {"/v1/schema", false, page_schema},
    {"/v1/events", false, NULL}, /* a stream: open_stream */
    {"/metrics", true, page_metrics},
    {"/healthz", true, page_healthz},
    {"/livez", true, page_livez},
};

static bool
is_unix_socket(evutil_socket_t fd)
{
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof(sa);

    return getsockname(fd, (struct sockaddr *)&sa, &len) == 0 && sa.ss_family == AF_UNIX;
}

static const struct route *
find_route(struct evhttp_request *request)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    struct bufferevent *bev = evhttp_connection_get_bufferevent(connection);
    bool local = is_unix_socket(bufferevent_getfd(bev));

    for (size_t i = 0; i < ARRAY_SIZE(routes) && path != NULL; i++) {
        if (streq(routes[i].path, path) && (local || routes[i].for_network)) {
            return &routes[i];
        }
    }
    return NULL;
}

/* Also against being framed, which a page cannot say of itself. */
static void
add_policy(struct evkeyvalq *headers)
{
    char page[REPORT_HTML_POLICY_SIZE];
    char policy[REPORT_HTML_POLICY_SIZE + 32];

    (void)snprintf(policy, sizeof(policy), "%s; frame-ancestors 'none'",
        report_html_policy(HTML_MODE_LIVE, page));
    (void)evhttp_add_header(headers, "Content-Security-Policy", policy);
}

/* Whoever asks may ask again. */
static void
send_no_memory(struct evhttp_request *request)
{
    log_msg(LOG_WARNING, LOG_TOPIC_CTL, "no memory to answer a request, refusing it");
    evhttp_send_error(request, HTTP_SERVUNAVAIL, NULL);
}

/* evhttp would send a body with HEAD, and no length without one. */
static void
send_page(struct evhttp_request *request, const struct page *page, bool head)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    struct evbuffer *body = evbuffer_new();
    size_t len = strlen(page->text);
    char length[24];

    if (body == NULL || (!head && evbuffer_add(body, page->text, len) < 0)) {
        send_no_memory(request);
        if (body != NULL) {
            evbuffer_free(body);
        }
        return;
    }
    (void)snprintf(length, sizeof(length), "%zu", len);
    (void)evhttp_add_header(headers, "Content-Type", page->type);
    (void)evhttp_add_header(headers, "Content-Length", length);
    (void)evhttp_add_header(headers, "Cache-Control", "no-store");
    (void)evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    if (page->is_html) {
        add_policy(headers);
    }
    evhttp_send_reply(request, page->status, NULL, body);
    evbuffer_free(body);
}

/* Of any JSON: one line, the caller's; NULL without memory. Takes the reference. */
static char *
line_of(json_t *json)
{
    char *text = json != NULL ? report_json_text(json, false) : NULL;

    json_decref(json);
    return text;
}

static void
open_stream(struct status_server *server, struct evhttp_request *request)
{
    CLEANUP(cleanup_free) char *data = NULL;
    struct report report;

    server->report(&report, server->arg);
    data = line_of(report_state_event_json(&report, NULL));
    if (data == NULL || !event_streams_open(server->streams, request, "state", data)) {
        (void)evhttp_add_header(evhttp_request_get_output_headers(request), "Retry-After", "10");
        evhttp_send_error(request, HTTP_SERVUNAVAIL, "too many event streams");
    }
}

void
status_server_publish_state(
    struct status_server *server, const struct report *report, const char *old_state)
{
    CLEANUP(cleanup_free) char *data = NULL;

    if (!event_streams_any(server->streams)) {
        return;
    }
    data = line_of(report_state_event_json(report, old_state));
    if (data != NULL) {
        event_streams_send(server->streams, "state", data);
    }
}

void
status_server_publish_verdict(struct status_server *server, const struct report *report,
    const struct endpoint *e, const struct transition *change)
{
    CLEANUP(cleanup_free) char *data = NULL;

    if (!event_streams_any(server->streams)) {
        return;
    }
    data = line_of(report_verdict_event_json(report, e, change));
    if (data != NULL) {
        event_streams_send(server->streams, "verdict", data);
    }
}

static void
on_request(struct evhttp_request *request, void *arg)
{
    struct status_server *server = arg;
    enum evhttp_cmd_type method = evhttp_request_get_command(request);
    const struct route *route = find_route(request);
    struct page page = {.status = HTTP_OK, .type = "text/plain; charset=utf-8"};
    struct report report;

    status_clients_answer(server->clients, request);
    if (route != NULL && route->handler == NULL && method == EVHTTP_REQ_GET) {
        open_stream(server, request);
        return;
    }
    if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
        (void)evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", "GET, HEAD");
        page.status = HTTP_BADMETHOD;
        page.text = strdup("only GET and HEAD\n");
    } else if (route == NULL) {
        page.status = HTTP_NOTFOUND;
        page.text = strdup("not found\n");
    } else if (route->handler == NULL) {
        page.type = "text/event-stream";
        page.text = strdup("");
    } else {
        server->report(&report, server->arg);
        route->handler(&report, &page);
    }
    if (page.text == NULL) {
        send_no_memory(request);
        return;
    }
    send_page(request, &page, method == EVHTTP_REQ_HEAD);
    free(page.text);
}

/* evhttp accepts a connection: one for each turn of the loop, so that its client is settled before
 * the next, and a flood of them leaves the probes their share. */
static struct bufferevent *
on_accept(struct event_base *base, void *arg)
{
    struct status_server *server = arg;

    (void)base;
    loop_timer_set(server->accepted, 0);
    for (size_t i = 0; i < server->n_listeners; i++) {
        (void)evconnlistener_disable(server->listeners[i].listener);
    }
    return status_clients_accept(server->clients);
}

/* Without memory it may stay deaf: it is tried again. */
static void
accept_again(struct listener *listener)
{
    listener->paused = evconnlistener_enable(listener->listener) < 0;
    if (listener->paused) {
        loop_timer_set(listener->pause, ACCEPT_PAUSE_MS);
    }
}

static void
on_accepted(void *arg)
{
    struct status_server *server = arg;

    status_clients_settle(server->clients);
    for (size_t i = 0; i < server->n_listeners && server->on_drained == NULL; i++) {
        if (!server->listeners[i].paused) {
            accept_again(&server->listeners[i]);
        }
    }
}

/* libevent hands its error callback evhttp's argument, not ours, so the one server of the process
 * has to be found here. */
static struct status_server *the_server;

static void
on_pause_over(void *arg)
{
    struct listener *listener = arg;

    listener->paused = false;
    if (the_server->on_drained == NULL) {
        accept_again(listener);
    }
}

static struct listener *
find_listener(const struct evconnlistener *evlistener)
{
    for (size_t i = 0; the_server != NULL && i < the_server->n_listeners; i++) {
        if (the_server->listeners[i].listener == evlistener) {
            return &the_server->listeners[i];
        }
    }
    return NULL;
}

static void
on_accept_error(struct evconnlistener *evlistener, void *arg)
{
    struct listener *listener = find_listener(evlistener);

    (void)arg;
    if (listener == NULL) {
        return;
    }
    log_msg(LOG_WARNING, LOG_TOPIC_CTL, "cannot accept a connection: %s, pausing %d ms",
        strerror(errno), ACCEPT_PAUSE_MS);
    listener->paused = true;
    loop_timer_set(listener->pause, ACCEPT_PAUSE_MS);
    (void)evconnlistener_disable(evlistener);
}

static void
on_drain_timer(void *arg)
{
    struct status_server *server = arg;

    if (status_clients_are_served(server->clients) ||
        loop_now_ms(server->loop) >= server->drain_until_ms) {
        server->on_drained(server->drained_arg);
    } else {
        loop_timer_set(server->drain, DRAIN_LOOK_MS);
    }
}

struct status_server *
status_server_new(struct loop *loop, status_server_fn report, void *arg)
{
    struct status_server *server = calloc(1, sizeof(*server));

    if (server == NULL) {
        return NULL;
    }
    server->loop = loop;
    server->report = report;
    server->arg = arg;
    server->http = evhttp_new(loop_event_base(loop));
    server->clients = status_clients_new(loop);
    server->accepted = loop_timer_new(loop, on_accepted, server);
    server->drain = loop_timer_new(loop, on_drain_timer, server);
    if (server->clients != NULL) {
        server->streams = event_streams_new(loop, server->clients);
    }
    if (server->http == NULL || server->streams == NULL || server->accepted == NULL ||
        server->drain == NULL) {
        status_server_free(server);
        return NULL;
    }
    /* all methods: others than ours get 405 from on_request, not evhttp's 501 */
    evhttp_set_allowed_methods(server->http, 0xffff);
    evhttp_set_max_headers_size(server->http, HEADERS_MAX);
    evhttp_set_max_body_size(server->http, BODY_MAX);
    evhttp_set_bevcb(server->http, on_accept, server);
    evhttp_set_gencb(server->http, on_request, server);
    the_server = server;
    return server;
}

void
status_server_drain(struct status_server *server, void (*on_drained)(void *arg), void *arg)
{
    if (server->on_drained != NULL) {
        return; /* asked for already */
    }
    server->on_drained = on_drained;
    server->drained_arg = arg;
    server->drain_until_ms = loop_now_ms(server->loop) + STATUS_DRAIN_MS;
    for (size_t i = 0; i < server->n_listeners; i++) {
        (void)evconnlistener_disable(server->listeners[i].listener);
    }
    loop_timer_set(server->drain, 0);
}

int
status_server_listen(struct status_server *server, int fd)
{
    struct listener *listener = &server->listeners[server->n_listeners];
    struct evhttp_bound_socket *bound = NULL;

    if (server->n_listeners == LISTENERS_MAX || evutil_make_socket_nonblocking(fd) < 0) {
        (void)close(fd);
        return -EINVAL;
    }
    listener->pause = loop_timer_new(server->loop, on_pause_over, listener);
    if (listener->pause != NULL) {
        bound = evhttp_accept_socket_with_handle(server->http, fd);
    }
    if (bound == NULL) {
        loop_timer_free(TAKE(listener->pause));
        (void)close(fd);
        return -ENOMEM;
    }
    server->n_listeners++;
    listener->listener = evhttp_bound_socket_get_listener(bound);
    evconnlistener_set_error_cb(listener->listener, on_accept_error);
    accept_again(listener); /* evhttp does not tell when it could not */
    return 0;
}

void
status_server_free(struct status_server *server)
{
    if (server == NULL) {
        return;
    }
    for (size_t i = 0; i < server->n_listeners; i++) {
        loop_timer_free(server->listeners[i].pause);
    }
    event_streams_free(server->streams);
    if (server->http != NULL) {
        evhttp_free(server->http);
    }
    status_clients_free(server->clients);
    loop_timer_free(server->accepted);
    loop_timer_free(server->drain);
    free(server);
    the_server = NULL;
}

static int
make_parent(const char *path)
{
    char folder[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
    char *slash;

    (void)str_copy(folder, sizeof(folder), path);
    slash = strrchr(folder, '/');
    if (slash == NULL || slash == folder) {
        return 0;
    }
    *slash = '\0';
    return mkdir(folder, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/* Somebody answers there. */
static bool
is_served(const struct sockaddr_un *sa)
{
    CLEANUP(cleanup_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return fd >= 0 && (connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0 ||
                          errno == EAGAIN || errno == EINPROGRESS);
}

int
status_socket_open(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    struct stat st;
    CLEANUP(cleanup_fd) int fd = -1;
    mode_t mask;
    int r;

    if (!str_copy(sa.sun_path, sizeof(sa.sun_path), path)) {
        return -ENAMETOOLONG;
    }
    r = make_parent(path);
    if (r < 0) {
        return r;
    }
    if (is_served(&sa)) {
        return -EADDRINUSE;
    }
    if (lstat(path, &st) == 0) {
        if (!S_ISSOCK(st.st_mode)) {
            return -ENOTSOCK;
        }
        (void)unlink(path);
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    mask = umask(0111); /* the socket is made 0666: reading the status needs no right */
    r = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ? -errno : 0;
    (void)umask(mask);
    if (r == 0 && listen(fd, BACKLOG) < 0) {
        r = -errno;
    }
    return r < 0 ? r : take_fd(&fd);
}
