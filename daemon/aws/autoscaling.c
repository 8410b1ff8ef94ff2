/* See autoscaling.h. CREDENTIALS → RESOLVE → CALL → the end.
 *
 * IPv4 addresses are tried first, then IPv6 ones, one after the other. Until the session with one
 * is verified nothing of the request has left, so whatever goes wrong before, another address may
 * be tried; from then on the call is that address's, for the service may have acted on it.
 *
 * Whatever ends the call is noted, and the timer, which is the deadline until then, is set: its
 * callback is the end. */
#include "daemon/aws/autoscaling.h"

#include "conf/catalogue.h"
#include "daemon/aws/autoscaling_forms.h"
#include "daemon/aws/http.h"
#include "daemon/loop.h"
#include "probes/dns.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define SERVICE "autoscaling"
#define DEFAULT_PORT 443

enum step {
    STEP_IDLE,
    STEP_CREDENTIALS,
    STEP_RESOLVE,
    STEP_CALL, /* the rest of the addresses may still be on their way */
};

static const char silent[] = "no connection, or no TLS session, in time";

/* One family of the name: the host's name servers are asked, and should none of them answer, that
 * of the second opinion. */
struct lookup {
    struct autoscaling *autoscaling;
    struct dns_query *query; /* NULL: answered, or not asked */
    enum dns_outcome outcome;
    enum dns_via via; /* who was asked last */
};

/* How far an address came that could not be used; the furthest is what is told. */
enum distance {
    DISTANCE_NONE,
    DISTANCE_REFUSED,
    DISTANCE_SILENT,
    DISTANCE_CONNECTED,
};

struct autoscaling {
    struct loop *loop;
    struct dns *dns;
    struct tls_ctx *tls;
    struct credentials *credentials;
    autoscaling_fn on_done;
    void *arg;
    struct loop_timer *timer;    /* the deadline; once there is an outcome: at once */
    struct loop_timer *patience; /* with one address, while there are others */
    struct http *http;
    enum step step;
    int64_t deadline_ms;
    struct lookup lookups[FAMILY_N];
    size_t n_addrs;
    size_t next; /* the first that was not tried */
    struct addr addrs[FAMILY_N * PROBE_ADDRS_MAX];
    enum distance distance;
    struct autoscaling_answer answer; /* outcome NONE: under way; then its message is of distance */

    struct autoscaling_call call; /* of the texts below */
    char region[REGION_SIZE];
    char host[HOSTNAME_SIZE];
    char hook[CONF_NAME_SIZE];
    char group[CONF_NAME_SIZE];
    char instance_id[AUTOSCALING_ID_SIZE];
};

/* ---- the end of a call ---- */

static void
release(struct autoscaling *autoscaling)
{
    loop_timer_stop(autoscaling->timer);
    loop_timer_stop(autoscaling->patience);
    if (autoscaling->step == STEP_CREDENTIALS) {
        credentials_cancel(autoscaling->credentials);
    }
    for (size_t i = 0; i < FAMILY_N; i++) {
        dns_query_drop(TAKE(autoscaling->lookups[i].query));
    }
    http_stop(autoscaling->http);
    autoscaling->step = STEP_IDLE;
}

static void
note(struct autoscaling *autoscaling, enum autoscaling_outcome outcome)
{
    if (autoscaling->answer.outcome == AUTOSCALING_NONE) {
        autoscaling->answer.outcome = outcome;
        loop_timer_set(autoscaling->timer, 0); /* without memory the deadline stays */
    }
}

static struct text
message_of(struct autoscaling *autoscaling)
{
    struct autoscaling_answer *answer = &autoscaling->answer;

    answer->message[0] = '\0';
    return TEXT(answer->message);
}

static void
note_with(struct autoscaling *autoscaling, enum autoscaling_outcome outcome, const char *message)
{
    struct text t = message_of(autoscaling);

    (void)text_add(&t, "%s", message);
    note(autoscaling, outcome);
}

/* The last address that was tried is not to be had. Nothing was sent. */
static void
tell_address(struct autoscaling *autoscaling, enum distance distance, const char *why)
{
    char buf[ADDR_TEXT_SIZE];

    if (distance > autoscaling->distance) {
        struct text t = message_of(autoscaling);

        autoscaling->distance = distance;
        (void)text_add(&t, "%s port %u: %s",
            addr_format(&autoscaling->addrs[autoscaling->next - 1], buf), autoscaling->call.port,
            why);
    }
}

/* The deadline came before anything else. */
static void
note_deadline(struct autoscaling *autoscaling)
{
    switch (autoscaling->step) {
    case STEP_IDLE:
        break;
    case STEP_CREDENTIALS:
        note_with(autoscaling, AUTOSCALING_NO_CREDENTIALS, "IMDS does not answer");
        break;
    case STEP_RESOLVE:
        note_with(autoscaling, AUTOSCALING_UNREACHABLE, "the name servers do not answer");
        break;
    case STEP_CALL:
        if (http_maybe_sent(autoscaling->http)) {
            note_with(autoscaling, AUTOSCALING_TIMEOUT, "no answer");
            break;
        }
        if (http_is_busy(autoscaling->http)) {
            tell_address(autoscaling, DISTANCE_SILENT, silent);
        }
        note(autoscaling, AUTOSCALING_UNREACHABLE);
        break;
    }
}

/* The only end of a call that somebody hears of. */
static void
autoscaling_finish(struct autoscaling *autoscaling)
{
    struct autoscaling_answer answer;

    if (autoscaling->answer.outcome == AUTOSCALING_NONE) {
        note_deadline(autoscaling);
    }
    answer = autoscaling->answer;
    release(autoscaling);
    if (answer.outcome == AUTOSCALING_EXPIRED) {
        credentials_discard(autoscaling->credentials);
    }
    autoscaling->on_done(&answer, autoscaling->arg); /* autoscaling may be gone after this */
}

static void
on_timer(void *arg)
{
    autoscaling_finish(arg);
}

/* ---- one address ---- */

static void
format_host(const struct autoscaling *autoscaling, struct text *t)
{
    (void)text_add(t, "%s", autoscaling->call.host);
    if (autoscaling->call.port != DEFAULT_PORT) {
        (void)text_add(t, ":%u", autoscaling->call.port);
    }
}

static int
sign(const struct autoscaling *autoscaling, const char *host, const struct text *form,
    const struct sigv4_credentials *credentials, struct sigv4_signature *ret)
{
    const struct http_header headers[] = {
        {"Content-Type", AUTOSCALING_CONTENT_TYPE}, {"Host", host}};
    const struct sigv4_request request = {
        .method = "POST",
        .path = "/",
        .headers = headers,
        .n_headers = ARRAY_SIZE(headers),
        .body = form->buf,
        .body_len = form->len,
    };
    struct sigv4_scope scope = {.region = autoscaling->call.region, .service = SERVICE};
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    scope.wall_s = now.tv_sec;
    return sigv4_sign(&request, credentials, &scope, ret);
}

/* Signed anew for each address: the clock may have been set meanwhile. */
static int
send_request(struct autoscaling *autoscaling, const struct addr *addr)
{
    const struct sigv4_credentials *credentials = credentials_peek(autoscaling->credentials);
    char form_buf[AUTOSCALING_FORM_SIZE] = "";
    char host_buf[HOSTNAME_SIZE + 8] = "";
    struct text form = TEXT(form_buf);
    struct text host = TEXT(host_buf);
    struct sigv4_signature signature;
    int r;

    if (credentials == NULL) {
        return -EINVAL;
    }
    format_host(autoscaling, &host);
    if (!autoscaling_form(&autoscaling->call, &form)) {
        return -EINVAL;
    }
    r = sign(autoscaling, host_buf, &form, credentials, &signature);
    if (r < 0) {
        return r;
    }

    bool has_token = credentials->session_token != NULL && credentials->session_token[0] != '\0';
    const struct http_header headers[] = {
        {"Content-Type", AUTOSCALING_CONTENT_TYPE},
        {"X-Amz-Date", signature.date},
        {"Authorization", signature.authorization},
        {"X-Amz-Security-Token", has_token ? credentials->session_token : ""},
    };
    const struct http_request request = {
        .method = HTTP_METHOD_POST,
        .addr = *addr,
        .port = autoscaling->call.port,
        .host = host_buf,
        .tls = autoscaling->tls,
        .tls_name = autoscaling->call.host,
        .path = "/",
        .headers = headers,
        .n_headers = ARRAY_SIZE(headers) - (has_token ? 0 : 1),
        .body = form_buf,
        .body_len = form.len,
        .timeout_ms = AUTOSCALING_CALL_MS, /* ours comes first */
    };

    r = http_start(autoscaling->http, &request);
    explicit_bzero(&signature, sizeof(signature));
    return r;
}

/* The same time for each of the addresses that are left, for as long as one is silent. */
static int64_t
patience_ms(const struct autoscaling *autoscaling)
{
    int64_t left_ms = autoscaling->deadline_ms - loop_now_ms(autoscaling->loop);

    return left_ms > 0 ? left_ms / (int64_t)(autoscaling->n_addrs - autoscaling->next + 1) : 0;
}

static void
try_address(struct autoscaling *autoscaling)
{
    int64_t wait_ms = patience_ms(autoscaling);
    int r = send_request(autoscaling, &autoscaling->addrs[autoscaling->next++]);

    autoscaling->step = STEP_CALL;
    if (r == -ENOMEM || r == -EIO) {
        note(autoscaling, AUTOSCALING_RESOURCES);
    } else if (r < 0) {
        note_with(autoscaling, AUTOSCALING_NO_CREDENTIALS, "those of IMDS cannot be used");
    } else {
        loop_timer_set(autoscaling->patience, wait_ms); /* else the deadline */
    }
}

/* There is nobody left to try. */
static void
note_nobody(struct autoscaling *autoscaling)
{
    const struct lookup *lookups = autoscaling->lookups;

    if (autoscaling->n_addrs == 0) {
        struct text t = message_of(autoscaling);

        (void)text_add(&t, "the name does not resolve: A %s, AAAA %s",
            dns_outcome_str(lookups[0].outcome), dns_outcome_str(lookups[1].outcome));
        if (lookups[0].outcome == DNS_OUTCOME_RESOURCES) {
            note(autoscaling, AUTOSCALING_RESOURCES);
            return;
        }
    }
    note(autoscaling, AUTOSCALING_UNREACHABLE);
}

/* The next address, if it is its turn. */
static void
go_on(struct autoscaling *autoscaling)
{
    if (autoscaling->answer.outcome != AUTOSCALING_NONE || http_is_busy(autoscaling->http) ||
        autoscaling->lookups[FAMILY_INDEX(ADDR_FAMILY_IPV4)].query != NULL) {
        return;
    }
    if (autoscaling->next < autoscaling->n_addrs) {
        try_address(autoscaling);
    } else if (autoscaling->lookups[FAMILY_INDEX(ADDR_FAMILY_IPV6)].query == NULL) {
        note_nobody(autoscaling);
    }
}

static void
give_up_address(struct autoscaling *autoscaling, enum distance distance, const char *why)
{
    tell_address(autoscaling, distance, why);
    go_on(autoscaling);
}

static void
on_patience(void *arg)
{
    struct autoscaling *autoscaling = arg;

    if (autoscaling->answer.outcome == AUTOSCALING_NONE && http_is_busy(autoscaling->http) &&
        !http_maybe_sent(autoscaling->http)) {
        http_stop(autoscaling->http);
        give_up_address(autoscaling, DISTANCE_SILENT, silent);
    }
}

/* ---- the answer ---- */

static void
take_answer(struct autoscaling *autoscaling, const struct http_answer *answer)
{
    struct autoscaling_answer read;

    if (autoscaling_answer_read(
            &autoscaling->call, answer->status, answer->body, answer->len, &read) < 0) {
        note(autoscaling, AUTOSCALING_RESOURCES);
        return;
    }
    autoscaling->answer = read;
    autoscaling->answer.outcome = AUTOSCALING_NONE;
    note(autoscaling, read.outcome);
}

static void
on_http(const struct http_answer *answer, void *arg)
{
    struct autoscaling *autoscaling = arg;
    const char *why = answer->error;

    loop_timer_stop(autoscaling->patience);
    switch (answer->outcome) {
    case HTTP_OUTCOME_ANSWERED:
        take_answer(autoscaling, answer);
        break;
    case HTTP_OUTCOME_NO_CONNECTION:
        give_up_address(autoscaling, DISTANCE_REFUSED, *why != '\0' ? why : "no connection");
        break;
    case HTTP_OUTCOME_TLS:
        give_up_address(autoscaling, DISTANCE_CONNECTED, *why != '\0' ? why : "TLS failed");
        break;
    case HTTP_OUTCOME_TIMEOUT:
        if (answer->maybe_sent) {
            note_with(autoscaling, AUTOSCALING_TIMEOUT, "no answer");
        } else {
            give_up_address(autoscaling, DISTANCE_SILENT, silent);
        }
        break;
    case HTTP_OUTCOME_CLOSED:
        note_with(autoscaling, AUTOSCALING_UNREACHABLE, "closed before the answer was complete");
        break;
    case HTTP_OUTCOME_MALFORMED:
        note_with(autoscaling, AUTOSCALING_MALFORMED, "not HTTP");
        break;
    case HTTP_OUTCOME_TOO_BIG:
        note_with(autoscaling, AUTOSCALING_MALFORMED, "an answer of more than 64 KiB");
        break;
    case HTTP_OUTCOME_NONE:
    case HTTP_OUTCOME_RESOURCES:
        note(autoscaling, AUTOSCALING_RESOURCES);
        break;
    }
}

/* ---- before it ---- */

static void on_reply(const struct dns_reply *reply, void *arg);

static int
ask(struct lookup *lookup, enum dns_via via)
{
    struct autoscaling *autoscaling = lookup->autoscaling;

    lookup->via = via;
    return dns_query_start(autoscaling->dns, via, autoscaling->call.host,
        FAMILY_OF_INDEX(lookup - autoscaling->lookups), on_reply, lookup, &lookup->query);
}

/* A host whose own resolver is dead must be able to say so. A server that answers, and be it that
 * there is no such name, is the one that counts. false: there is nobody else to ask. */
static bool
ask_elsewhere(struct lookup *lookup)
{
    return lookup->via == DNS_VIA_HOST && dns_outcome_is_failure(lookup->outcome) &&
           ask(lookup, DNS_VIA_SECOND_OPINION) == 0;
}

static void
on_reply(const struct dns_reply *reply, void *arg)
{
    struct lookup *lookup = arg;
    struct autoscaling *autoscaling = lookup->autoscaling;

    lookup->query = NULL;
    lookup->outcome = reply->result.outcome;
    if (ask_elsewhere(lookup)) {
        return;
    }
    for (size_t i = 0; i < reply->n_addrs; i++) {
        if (autoscaling->n_addrs < ARRAY_SIZE(autoscaling->addrs)) {
            autoscaling->addrs[autoscaling->n_addrs++] = reply->addrs[i];
        }
    }
    go_on(autoscaling);
}

static void
resolve(struct autoscaling *autoscaling)
{
    autoscaling->step = STEP_RESOLVE;
    for (size_t i = 0; i < FAMILY_N; i++) {
        if (ask(&autoscaling->lookups[i], DNS_VIA_HOST) < 0) {
            note(autoscaling, AUTOSCALING_RESOURCES);
        }
    }
}

static void
on_credentials(enum credentials_state state, void *arg)
{
    struct autoscaling *autoscaling = arg;

    autoscaling->step = STEP_RESOLVE;
    if (state == CREDENTIALS_OK) {
        resolve(autoscaling);
    } else if (state == CREDENTIALS_RESOURCES) {
        note(autoscaling, AUTOSCALING_RESOURCES);
    } else {
        struct text t = message_of(autoscaling);

        credentials_describe(autoscaling->credentials, &t);
        note(autoscaling, AUTOSCALING_NO_CREDENTIALS);
    }
}

static void
copy_call(struct autoscaling *autoscaling, const struct autoscaling_call *call)
{
    (void)str_copy(autoscaling->region, sizeof(autoscaling->region), call->region);
    (void)str_copy(autoscaling->host, sizeof(autoscaling->host), call->host);
    (void)str_copy(
        autoscaling->hook, sizeof(autoscaling->hook), call->hook != NULL ? call->hook : "");
    (void)str_copy(
        autoscaling->group, sizeof(autoscaling->group), call->group != NULL ? call->group : "");
    (void)str_copy(autoscaling->instance_id, sizeof(autoscaling->instance_id), call->instance_id);
    autoscaling->call = (struct autoscaling_call){
        .action = call->action,
        .region = autoscaling->region,
        .host = autoscaling->host,
        .port = call->port,
        .hook = autoscaling->hook,
        .group = autoscaling->group,
        .instance_id = autoscaling->instance_id,
    };
}

int
autoscaling_start(struct autoscaling *autoscaling, const struct autoscaling_call *call)
{
    int r;

    if (autoscaling_is_busy(autoscaling)) {
        return -EBUSY;
    }
    if (!autoscaling_call_is_valid(call)) {
        return -EINVAL;
    }
    loop_timer_set(autoscaling->timer, AUTOSCALING_CALL_MS);
    copy_call(autoscaling, call);
    autoscaling->deadline_ms = loop_now_ms(autoscaling->loop) + AUTOSCALING_CALL_MS;
    autoscaling->answer = (struct autoscaling_answer){0};
    autoscaling->distance = DISTANCE_NONE;
    autoscaling->n_addrs = 0;
    autoscaling->next = 0;
    r = credentials_get(autoscaling->credentials, on_credentials, autoscaling);
    if (r < 0) {
        release(autoscaling);
        return r;
    }
    autoscaling->step = STEP_CREDENTIALS;
    return 0;
}

void
autoscaling_stop(struct autoscaling *autoscaling)
{
    release(autoscaling);
}

bool
autoscaling_is_busy(const struct autoscaling *autoscaling)
{
    return autoscaling->step != STEP_IDLE;
}

struct autoscaling *
autoscaling_new(struct loop *loop, struct dns *dns, struct tls_ctx *tls,
    struct credentials *credentials, autoscaling_fn on_done, void *arg)
{
    struct autoscaling *autoscaling = calloc(1, sizeof(*autoscaling));

    if (autoscaling == NULL) {
        return NULL;
    }
    autoscaling->loop = loop;
    autoscaling->dns = dns;
    autoscaling->tls = tls;
    autoscaling->credentials = credentials;
    autoscaling->on_done = on_done;
    autoscaling->arg = arg;
    for (size_t i = 0; i < FAMILY_N; i++) {
        autoscaling->lookups[i].autoscaling = autoscaling;
    }
    autoscaling->timer = loop_timer_new(loop, on_timer, autoscaling);
    autoscaling->patience = loop_timer_new(loop, on_patience, autoscaling);
    autoscaling->http = http_new(loop, on_http, autoscaling);
    if (autoscaling->timer == NULL || autoscaling->patience == NULL || autoscaling->http == NULL) {
        autoscaling_free(autoscaling);
        return NULL;
    }
    return autoscaling;
}

void
autoscaling_free(struct autoscaling *autoscaling)
{
    if (autoscaling == NULL) {
        return;
    }
    if (autoscaling->step != STEP_IDLE) {
        release(autoscaling);
    }
    http_free(autoscaling->http);
    loop_timer_free(autoscaling->timer);
    loop_timer_free(autoscaling->patience);
    free(autoscaling);
}
