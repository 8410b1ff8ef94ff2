/* See http.h. evhttp may call back from inside evhttp_make_request, and must not be freed from its
 * callbacks: they only note the outcome and set the timer, which is the deadline until then. Its
 * callback ends the call. */
#include "daemon/aws/http.h"

#include "conf/catalogue.h"
#include "daemon/aws/http_tls.h"
#include "daemon/loop.h"
#include "daemon/util.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <fcntl.h>
#include <stdlib.h>

#define HTTP_DEFAULT_PORT 80
#define HTTPS_DEFAULT_PORT 443

#define ERROR_TEXT_SIZE 160

/* Bytes that may wait to be understood: evhttp wants a body or a chunk whole, and reads the line
 * before a chunk without a limit of its own. */
#define READ_AHEAD_MAX (HTTP_HEADERS_MAX + HTTP_BODY_MAX + 4096)

struct http {
    struct loop *loop;
    http_fn on_done;
    void *arg;
    struct loop_timer *timer;             /* the deadline; once there is an outcome: at once */
    struct evhttp_connection *connection; /* NULL: idle */
    struct http_tls *tls;                 /* under the connection; NULL: plain */
    struct evhttp_request *answered;      /* ours, once it is answered; else NULL */
    enum http_outcome outcome;            /* NONE: under way */
    bool starting;                        /* inside http_start: errno is of this call */
    bool given_up;                        /* evhttp has ended the request, while it starts */
    char error[ERROR_TEXT_SIZE];          /* why there is no connection, or no TLS; "": none */
};

const char *
http_outcome_str(enum http_outcome outcome)
{
    switch (outcome) {
    case HTTP_OUTCOME_NONE:
        return "none";
    case HTTP_OUTCOME_ANSWERED:
        return "answered";
    case HTTP_OUTCOME_TIMEOUT:
        return "timeout";
    case HTTP_OUTCOME_NO_CONNECTION:
        return "no-connection";
    case HTTP_OUTCOME_TLS:
        return "tls";
    case HTTP_OUTCOME_CLOSED:
        return "closed";
    case HTTP_OUTCOME_MALFORMED:
        return "malformed";
    case HTTP_OUTCOME_TOO_BIG:
        return "too-big";
    case HTTP_OUTCOME_RESOURCES:
        return "resources";
    }
    return "unknown";
}

/* ---- the end of a call ---- */

static void
release(struct http *http)
{
    loop_timer_stop(http->timer);
    if (http->connection != NULL) {
        evhttp_connection_free(http->connection); /* and the request, unless it is ours */
        http->connection = NULL;
    }
    http_tls_free(TAKE(http->tls));
    if (http->answered != NULL) {
        evhttp_request_free(http->answered);
        http->answered = NULL;
    }
    http->outcome = HTTP_OUTCOME_NONE;
}

/* IMDS answers with secrets, and libevent frees its memory as it is. */
static void
wipe_buffer(struct evbuffer *buffer)
{
    struct evbuffer_iovec piece;

    while (evbuffer_peek(buffer, -1, NULL, &piece, 1) > 0) {
        explicit_bzero(piece.iov_base, piece.iov_len);
        (void)evbuffer_drain(buffer, piece.iov_len);
    }
}

/* The body of a request that is answered becomes one piece of heap, terminated, and leaves
 * libevent's buffers. false: memory. */
static bool
fill_answer(struct evhttp_request *request, struct http_answer *answer, char **ret_body)
{
    struct evbuffer *buffer = evhttp_request_get_input_buffer(request);
    size_t len = evbuffer_get_length(buffer);
    char *body = malloc(len + 1);

    if (body != NULL) {
        (void)evbuffer_copyout(buffer, body, len);
        body[len] = '\0';
    }
    wipe_buffer(buffer);
    *ret_body = body;
    answer->body = body;
    answer->len = len;
    answer->status = (unsigned)evhttp_request_get_response_code(request);
    answer->headers = (const struct http_headers *)evhttp_request_get_input_headers(request);
    return answer->body != NULL;
}

/* The only end of a call that somebody hears of. */
static void
http_finish(struct http *http)
{
    char error[ERROR_TEXT_SIZE];
    struct http_answer answer = {
        .outcome = http->outcome, .maybe_sent = http_maybe_sent(http), .error = error};
    struct evhttp_request *request = TAKE(http->answered);
    char *body = NULL;

    (void)str_copy(error, sizeof(error), http->error);
    if (answer.outcome == HTTP_OUTCOME_NONE) {
        answer.outcome = HTTP_OUTCOME_TIMEOUT;
    }
    release(http);
    if (request != NULL && !fill_answer(request, &answer, &body)) {
        answer = (struct http_answer){
            .outcome = HTTP_OUTCOME_RESOURCES, .maybe_sent = true, .error = error};
    }
    http->on_done(&answer, http->arg); /* http may be gone after this */
    if (body != NULL) {
        explicit_bzero(body, answer.len);
        free(body);
    }
    if (request != NULL) {
        evhttp_request_free(request);
    }
}

static void
on_timer(void *arg)
{
    http_finish(arg);
}

static void
http_note(struct http *http, enum http_outcome outcome)
{
    if (http->outcome == HTTP_OUTCOME_NONE) {
        http->outcome = outcome;
        loop_timer_set(http->timer, 0);
    }
}

/* ---- evhttp's callbacks ---- */

static enum http_outcome
outcome_of_error(enum evhttp_request_error error)
{
    switch (error) {
    case EVREQ_HTTP_TIMEOUT:
        return HTTP_OUTCOME_TIMEOUT;
    case EVREQ_HTTP_INVALID_HEADER:
        return HTTP_OUTCOME_MALFORMED;
    case EVREQ_HTTP_DATA_TOO_LONG:
        return HTTP_OUTCOME_TOO_BIG;
    case EVREQ_HTTP_EOF:
    case EVREQ_HTTP_BUFFER_ERROR:
    case EVREQ_HTTP_REQUEST_CANCEL:
        break;
    }
    return HTTP_OUTCOME_CLOSED;
}

/* There is no connection; when it failed at once, errno says why. */
static void
note_no_connection(struct http *http)
{
    bool ours = http->starting &&
                (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS);

    http_note(http, ours ? HTTP_OUTCOME_RESOURCES : HTTP_OUTCOME_NO_CONNECTION);
}

static bool
is_without_session(const struct http *http)
{
    return http->tls != NULL && !http_tls_is_verified(http->tls);
}

/* evhttp takes the handshake for a part of connecting. */
static void
note_no_session(struct http *http)
{
    if (http->tls != NULL && !http->starting) {
        struct text t = TEXT(http->error);

        http_tls_describe(http->tls, &t);
        if (http_tls_is_connected(http->tls)) {
            http_note(http, HTTP_OUTCOME_TLS);
            return;
        }
    }
    note_no_connection(http);
}

/* Comes before on_answer, which then has no request. */
static void
on_error(enum evhttp_request_error error, void *arg)
{
    struct http *http = arg;

    if (http->starting || is_without_session(http)) {
        note_no_session(http);
    } else {
        http_note(http, outcome_of_error(error));
    }
}

/* Nobody asked for an interim answer (1xx, RFC 9110 15.2), and evhttp would read them for ever. */
static int
on_head(struct evhttp_request *request, void *arg)
{
    if (evhttp_request_get_response_code(request) >= HTTP_OK) {
        return 0;
    }
    http_note(arg, HTTP_OUTCOME_MALFORMED);
    return -1;
}

/* request: NULL after an error; without a status when there was no connection. */
static void
on_answer(struct evhttp_request *request, void *arg)
{
    struct http *http = arg;

    http->given_up = http->starting;
    if (request == NULL || http->outcome != HTTP_OUTCOME_NONE) {
        http_note(http, HTTP_OUTCOME_CLOSED);
    } else if (evhttp_request_get_response_code(request) == 0) {
        note_no_session(http);
    } else {
        evhttp_request_own(request);
        http->answered = request;
        http_note(http, HTTP_OUTCOME_ANSWERED);
    }
}

/* ---- the start ---- */

static bool
is_path(const char *path)
{
    const char *p = path;

    while (*p > ' ' && *p < 0x7f) {
        p++;
    }
    return *path == '/' && *p == '\0';
}

/* A token (RFC 9110 5.6.2); evhttp checks values, not names. */
static bool
is_header_name(const char *name)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    return *name != '\0' && name[strspn(name, token)] == '\0';
}

static bool
is_header_value(const char *value)
{
    while ((unsigned char)*value >= ' ' && *value != 0x7f) {
        value++;
    }
    return *value == '\0';
}

static bool
is_peer(const struct http_request *request)
{
    return request->addr.family != ADDR_FAMILY_NONE && request->port != 0 &&
           (request->tls == NULL ||
               (request->tls_name != NULL && hostname_is_valid(request->tls_name)));
}

static bool
is_request(const struct http_request *request)
{
    if (!is_peer(request) || !is_path(request->path) ||
        (request->host != NULL && !is_header_value(request->host)) ||
        (request->method == HTTP_METHOD_GET && request->body_len > 0)) {
        return false;
    }
    for (size_t i = 0; i < request->n_headers; i++) {
        if (!is_header_name(request->headers[i].name) ||
            !is_header_value(request->headers[i].value)) {
            return false;
        }
    }
    return true;
}

static void
format_host(const struct http_request *request, struct text *t)
{
    char buf[ADDR_TEXT_SIZE];
    bool ipv6 = request->addr.family == ADDR_FAMILY_IPV6;

    (void)text_add(t, ipv6 ? "[%s]" : "%s", addr_format(&request->addr, buf));
    if (request->port != (request->tls != NULL ? HTTPS_DEFAULT_PORT : HTTP_DEFAULT_PORT)) {
        (void)text_add(t, ":%u", request->port);
    }
}

static int
add_headers(struct evkeyvalq *headers, const struct http_request *request)
{
    char host[ADDR_TEXT_SIZE + 16] = "";
    struct text t = TEXT(host);

    format_host(request, &t);
    if (evhttp_add_header(headers, "Host", request->host != NULL ? request->host : host) < 0 ||
        evhttp_add_header(headers, "Connection", "close") < 0) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < request->n_headers; i++) {
        if (evhttp_add_header(headers, request->headers[i].name, request->headers[i].value) < 0) {
            return -ENOMEM;
        }
    }
    return 0;
}

/* The request as evhttp has it, or NULL without memory. */
static struct evhttp_request *
request_new(struct http *http, const struct http_request *request)
{
    struct evhttp_request *new = evhttp_request_new(on_answer, http);

    if (new == NULL) {
        return NULL;
    }
    evhttp_request_set_error_cb(new, on_error);
    evhttp_request_set_header_cb(new, on_head);
    if (add_headers(evhttp_request_get_output_headers(new), request) < 0 ||
        (request->body_len > 0 && evbuffer_add(evhttp_request_get_output_buffer(new), request->body,
                                      request->body_len) < 0)) {
        evhttp_request_free(new);
        return NULL;
    }
    return new;
}

static struct bufferevent *
bufferevent_for(struct http *http, const struct http_request *request)
{
    struct event_base *base = loop_event_base(http->loop);

    if (request->tls == NULL) {
        return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    }
    http->tls = http_tls_new(request->tls, request->tls_name);
    return http->tls != NULL ? http_tls_bufferevent(http->tls, base) : NULL;
}

/* Not libevent's watermark, which dereferences NULL when there is no memory for it. */
static void
on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
    (void)info;
    if (evbuffer_get_length(input) > READ_AHEAD_MAX) {
        http_note(arg, HTTP_OUTCOME_TOO_BIG);
    }
}

static struct evhttp_connection *
connection_new(struct http *http, const struct http_request *request)
{
    struct event_base *base = loop_event_base(http->loop);
    struct bufferevent *bev = bufferevent_for(http, request);
    struct evhttp_connection *new;
    char address[ADDR_TEXT_SIZE];

    if (bev == NULL) {
        return NULL;
    }
    if (evbuffer_add_cb(bufferevent_get_input(bev), on_input, http) == NULL) {
        bufferevent_free(bev);
        return NULL;
    }
    new = evhttp_connection_base_bufferevent_new(
        base, NULL, bev, addr_format(&request->addr, address), request->port);
    if (new == NULL) {
        bufferevent_free(bev);
        return NULL;
    }
    evhttp_connection_set_family(
        new, request->addr.family == ADDR_FAMILY_IPV6 ? AF_INET6 : AF_INET);
    evhttp_connection_set_max_headers_size(new, HTTP_HEADERS_MAX);
    evhttp_connection_set_max_body_size(new, HTTP_BODY_MAX);
    return new;
}

static enum evhttp_cmd_type
command_of(enum http_method method)
{
    switch (method) {
    case HTTP_METHOD_GET:
        return EVHTTP_REQ_GET;
    case HTTP_METHOD_PUT:
        return EVHTTP_REQ_PUT;
    case HTTP_METHOD_POST:
        return EVHTTP_REQ_POST;
    }
    return EVHTTP_REQ_GET;
}

/* evhttp makes its socket without it. */
static void
set_cloexec(struct evhttp_connection *connection)
{
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));

    if (fd >= 0) {
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
}

/* From here on evhttp has the request. Its failures come as callbacks, from inside the call; what
 * fails without one is memory. When it fails evhttp may have freed the request or not, and does not
 * tell: so it is ours until that is over. */
static void
hand_over(struct http *http, struct evhttp_request *new, const struct http_request *request)
{
    int r;

    http->starting = true;
    http->given_up = false;
    http->error[0] = '\0';
    errno = 0;
    evhttp_request_own(new);
    r = evhttp_make_request(http->connection, new, command_of(request->method), request->path);
    if (r < 0) {
        http_note(http, HTTP_OUTCOME_RESOURCES);
    }
    if (r < 0 || http->given_up) {
        evhttp_request_free(new);
    } else {
        new->flags &= ~EVHTTP_USER_OWNED;
    }
    http->starting = false;
    set_cloexec(http->connection);
    if (http->tls != NULL) {
        http_tls_watch(http->tls);
    }
}

int
http_start(struct http *http, const struct http_request *request)
{
    struct evhttp_request *new;

    if (http_is_busy(http)) {
        return -EBUSY;
    }
    if (!is_request(request)) {
        return -EINVAL;
    }
    new = request_new(http, request);
    http->connection = connection_new(http, request);
    if (new == NULL || http->connection == NULL) {
        if (new != NULL) {
            evhttp_request_free(new);
        }
        release(http);
        return -ENOMEM;
    }
    loop_timer_set(http->timer, request->timeout_ms);
    hand_over(http, new, request);
    return 0;
}

void
http_stop(struct http *http)
{
    release(http);
}

bool
http_is_busy(const struct http *http)
{
    return http->connection != NULL;
}

/* Without TLS nobody tells when the connection stands. */
bool
http_maybe_sent(const struct http *http)
{
    return http->tls != NULL ? http_tls_is_verified(http->tls)
                             : http_is_busy(http) && http->outcome != HTTP_OUTCOME_NO_CONNECTION;
}

struct http *
http_new(struct loop *loop, http_fn on_done, void *arg)
{
    struct http *http = calloc(1, sizeof(*http));

    if (http == NULL) {
        return NULL;
    }
    http->loop = loop;
    http->on_done = on_done;
    http->arg = arg;
    http->timer = loop_timer_new(loop, on_timer, http);
    if (http->timer == NULL) {
        free(http);
        return NULL;
    }
    return http;
}

void
http_free(struct http *http)
{
    if (http != NULL) {
        release(http);
        loop_timer_free(http->timer);
        free(http);
    }
}

const char *
http_answer_header(const struct http_answer *answer, const char *name)
{
    return answer->headers == NULL
               ? NULL
               : evhttp_find_header((const struct evkeyvalq *)answer->headers, name);
}

/* ADDRESS or [ADDRESS], up to what follows it. */
static int
parse_host(const char **url, struct addr *ret)
{
    bool brackets = **url == '[';
    const char *start = *url + (brackets ? 1 : 0);
    size_t len = strcspn(start, brackets ? "]" : ":");
    char host[ADDR_TEXT_SIZE] = "";
    struct addr addr;

    if (len >= sizeof(host) || (brackets && start[len] != ']')) {
        return -EINVAL;
    }
    memcpy(host, start, len);
    if (addr_parse(host, &addr) < 0 || (addr.family == ADDR_FAMILY_IPV6) != brackets) {
        return -EINVAL;
    }
    *url = start + len + (brackets ? 1 : 0);
    *ret = addr;
    return 0;
}

int
http_url_parse(const char *url, struct addr *ret_addr, uint16_t *ret_port)
{
    static const char scheme[] = "http://";
    uint64_t port = HTTP_DEFAULT_PORT;
    struct addr addr;

    if (strncmp(url, scheme, strlen(scheme)) != 0) {
        return -EINVAL;
    }
    url += strlen(scheme);
    if (parse_host(&url, &addr) < 0 ||
        (*url != '\0' && (*url != ':' || parse_uint(url + 1, 1, UINT16_MAX, &port) < 0))) {
        return -EINVAL;
    }
    *ret_addr = addr;
    *ret_port = (uint16_t)port;
    return 0;
}
