/* See imds_request.h. */
#include "daemon/aws/imds_request.h"

#include "daemon/aws/imds_facts.h"
#include "daemon/loop.h"
#include "daemon/util.h"

#include <stdlib.h>

#define TOKEN_PATH "/latest/api/token"
#define TOKEN_HEADER "X-aws-ec2-metadata-token"
#define TTL_HEADER "X-aws-ec2-metadata-token-ttl-seconds"
#define TTL_S 21600 /* the most there is */
#define TTL_TEXT "21600"

/* The first wait; then twice that, and so on, but for RETRY_DOUBLINGS times. */
#define RETRY_MS 100
#define RETRY_DOUBLINGS 4

struct imds_request {
    imds_request_fn on_done;
    void *arg;
    struct http *http;
    struct loop_timer *retry;
    struct imds_target target;
    char path[IMDS_PATH_SIZE];
    const char *token; /* NULL: this is the PUT */
    unsigned tries;    /* so often it was put off */
};

int
imds_targets_set(const char *url, struct imds_target ret[static IMDS_TARGETS_MAX], size_t *ret_n)
{
    static const char *const usual[IMDS_TARGETS_MAX] = {
        "http://169.254.169.254", "http://[fd00:ec2::254]"};
    bool one = url != NULL && *url != '\0';
    size_t n = one ? 1 : IMDS_TARGETS_MAX;

    for (size_t i = 0; i < n; i++) {
        int r = http_url_parse(one ? url : usual[i], &ret[i].addr, &ret[i].port);

        if (r < 0) {
            return r;
        }
    }
    *ret_n = n;
    return 0;
}

/* It goes into a header: visible ASCII without blanks, and no page of HTML. */
static bool
is_token(const char *s, size_t len)
{
    if (len == 0 || len >= IMDS_TOKEN_SIZE || *s == '<') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (s[i] <= ' ' || s[i] > '~') {
            return false;
        }
    }
    return true;
}

bool
imds_token_read(
    const struct http_answer *answer, char ret[static IMDS_TOKEN_SIZE], int64_t *ret_ttl_ms)
{
    const char *ttl = http_answer_header(answer, TTL_HEADER);
    uint64_t ttl_s = TTL_S;

    if (!is_token(answer->body, answer->len)) {
        return false;
    }
    if (ttl != NULL && parse_uint(ttl, 1, TTL_S, &ttl_s) < 0) {
        ttl_s = TTL_S; /* if it was less, a 401 tells */
    }
    memcpy(ret, answer->body, answer->len);
    ret[answer->len] = '\0';
    *ret_ttl_ms = (int64_t)ttl_s * 1000;
    return true;
}

static int
send_request(struct imds_request *request)
{
    bool put = request->token == NULL;
    const struct http_header header = {
        put ? TTL_HEADER : TOKEN_HEADER, put ? TTL_TEXT : request->token};
    const struct http_request http = {
        .method = put ? HTTP_METHOD_PUT : HTTP_METHOD_GET,
        .addr = request->target.addr,
        .port = request->target.port,
        .path = request->path,
        .headers = &header,
        .n_headers = 1,
        .timeout_ms = IMDS_REQUEST_MS,
    };

    return http_start(request->http, &http);
}

static void
on_retry(void *arg)
{
    struct imds_request *request = arg;

    if (send_request(request) < 0) {
        const struct http_answer none = {.outcome = HTTP_OUTCOME_RESOURCES};

        request->on_done(IMDS_RESULT_RESOURCES, &none, request->arg);
    }
}

static enum imds_result
result_of_status(unsigned status)
{
    switch (status) {
    case 200:
        return IMDS_RESULT_GOOD;
    case 401:
        return IMDS_RESULT_UNAUTHORIZED;
    case 403:
        return IMDS_RESULT_FORBIDDEN;
    case 404:
        return IMDS_RESULT_ABSENT;
    default:
        return IMDS_RESULT_BROKEN;
    }
}

static enum imds_result
result_of_answer(const struct http_answer *answer)
{
    switch (answer->outcome) {
    case HTTP_OUTCOME_ANSWERED:
        return result_of_status(answer->status);
    case HTTP_OUTCOME_TIMEOUT:
    case HTTP_OUTCOME_NO_CONNECTION:
        return IMDS_RESULT_SILENT;
    case HTTP_OUTCOME_RESOURCES:
        return IMDS_RESULT_RESOURCES;
    case HTTP_OUTCOME_NONE:
    case HTTP_OUTCOME_TLS:
    case HTTP_OUTCOME_CLOSED:
    case HTTP_OUTCOME_MALFORMED:
    case HTTP_OUTCOME_TOO_BIG:
        break;
    }
    return IMDS_RESULT_BROKEN;
}

static bool
is_put_off(const struct http_answer *answer)
{
    return answer->outcome == HTTP_OUTCOME_ANSWERED &&
           (answer->status == 429 || (answer->status >= 500 && answer->status <= 599));
}

static void
on_answer(const struct http_answer *answer, void *arg)
{
    struct imds_request *request = arg;
    unsigned doublings = request->tries < RETRY_DOUBLINGS ? request->tries : RETRY_DOUBLINGS;

    if (is_put_off(answer)) {
        request->tries++;
        loop_timer_set(request->retry, (int64_t)RETRY_MS << doublings);
    } else {
        request->on_done(result_of_answer(answer), answer, request->arg);
    }
}

int
imds_request_start(struct imds_request *request, const struct imds_target *target, const char *path,
    const char *token)
{
    request->target = *target;
    request->token = token;
    request->tries = 0;
    (void)str_copy(request->path, sizeof(request->path), token == NULL ? TOKEN_PATH : path);
    return send_request(request);
}

void
imds_request_stop(struct imds_request *request)
{
    http_stop(request->http);
    loop_timer_stop(request->retry);
}

bool
imds_request_is_put_off(const struct imds_request *request)
{
    return request->tries > 0;
}

struct imds_request *
imds_request_new(struct loop *loop, imds_request_fn on_done, void *arg)
{
    struct imds_request *request = calloc(1, sizeof(*request));

    if (request == NULL) {
        return NULL;
    }
    request->on_done = on_done;
    request->arg = arg;
    request->http = http_new(loop, on_answer, request);
    request->retry = loop_timer_new(loop, on_retry, request);
    if (request->http == NULL || request->retry == NULL) {
        imds_request_free(request);
        return NULL;
    }
    return request;
}

void
imds_request_free(struct imds_request *request)
{
    if (request != NULL) {
        http_free(request->http);
        loop_timer_free(request->retry);
        free(request);
    }
}
