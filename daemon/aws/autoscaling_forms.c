/* See autoscaling_forms.h. */
#include "daemon/aws/autoscaling_forms.h"

#include "conf/catalogue.h"
#include "daemon/aws/autoscaling_xml.h"

#include <errno.h>

#define STATUS_OK 200
#define STATUS_TOO_MANY_REQUESTS 429

const char *
autoscaling_action_api(enum autoscaling_action action)
{
    switch (action) {
    case AUTOSCALING_DESCRIBE:
        return "DescribeAutoScalingInstances";
    case AUTOSCALING_CONTINUE:
    case AUTOSCALING_ABANDON:
        return "CompleteLifecycleAction";
    case AUTOSCALING_HEARTBEAT:
        return "RecordLifecycleActionHeartbeat";
    case AUTOSCALING_SET_HEALTH:
        return "SetInstanceHealth";
    }
    return "unknown";
}

const char *
autoscaling_action_str(enum autoscaling_action action)
{
    switch (action) {
    case AUTOSCALING_DESCRIBE:
        return "describe";
    case AUTOSCALING_CONTINUE:
        return "continue";
    case AUTOSCALING_ABANDON:
        return "abandon";
    case AUTOSCALING_HEARTBEAT:
        return "heartbeat";
    case AUTOSCALING_SET_HEALTH:
        return "set-health";
    }
    return "unknown";
}

const char *
autoscaling_outcome_str(enum autoscaling_outcome outcome)
{
    static const char *const names[AUTOSCALING_OUTCOME_N] = {
        [AUTOSCALING_NONE] = "none",
        [AUTOSCALING_OK] = "ok",
        [AUTOSCALING_NO_ACTION] = "no-action",
        [AUTOSCALING_INVALID] = "invalid",
        [AUTOSCALING_DENIED] = "denied",
        [AUTOSCALING_SIGNATURE] = "signature",
        [AUTOSCALING_EXPIRED] = "expired",
        [AUTOSCALING_THROTTLED] = "throttled",
        [AUTOSCALING_CONTENTION] = "contention",
        [AUTOSCALING_SERVER_ERROR] = "server-error",
        [AUTOSCALING_MALFORMED] = "malformed",
        [AUTOSCALING_TIMEOUT] = "timeout",
        [AUTOSCALING_UNREACHABLE] = "unreachable",
        [AUTOSCALING_NO_CREDENTIALS] = "no-credentials",
        [AUTOSCALING_RESOURCES] = "resources",
    };

    return (unsigned)outcome < ARRAY_SIZE(names) ? names[outcome] : "unknown";
}

/* A clock that is wrong at boot is mostly set soon after; a role that is not allowed stays so until
 * somebody sees to it. */
bool
autoscaling_may_retry(enum autoscaling_outcome outcome)
{
    switch (outcome) {
    case AUTOSCALING_SIGNATURE:
    case AUTOSCALING_EXPIRED:
    case AUTOSCALING_THROTTLED:
    case AUTOSCALING_CONTENTION:
    case AUTOSCALING_SERVER_ERROR:
    case AUTOSCALING_TIMEOUT:
    case AUTOSCALING_UNREACHABLE:
    case AUTOSCALING_NO_CREDENTIALS:
    case AUTOSCALING_RESOURCES:
        return true;
    case AUTOSCALING_NONE:
    case AUTOSCALING_OK:
    case AUTOSCALING_NO_ACTION:
    case AUTOSCALING_INVALID:
    case AUTOSCALING_DENIED:
    case AUTOSCALING_MALFORMED:
        break;
    }
    return false;
}

/* ---- the form ---- */

static bool
needs_hook(enum autoscaling_action action)
{
    return action == AUTOSCALING_CONTINUE || action == AUTOSCALING_ABANDON ||
           action == AUTOSCALING_HEARTBEAT;
}

static bool
is_text(const char *s, size_t size)
{
    return s != NULL && *s != '\0' && strlen(s) < size;
}

bool
autoscaling_call_is_valid(const struct autoscaling_call *call)
{
    return (unsigned)call->action < AUTOSCALING_ACTION_N && is_text(call->region, REGION_SIZE) &&
           is_text(call->host, HOSTNAME_SIZE) && hostname_is_valid(call->host) && call->port != 0 &&
           is_text(call->instance_id, AUTOSCALING_ID_SIZE) &&
           (!needs_hook(call->action) ||
               (is_text(call->hook, CONF_NAME_SIZE) && is_text(call->group, CONF_NAME_SIZE)));
}

/* RFC 3986's unreserved characters stay; so SigV4 has it, and the service takes it for a form. */
static bool
add_encoded(struct text *t, const char *value)
{
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789-._~";

    while (*value != '\0') {
        size_t n = strspn(value, unreserved);

        if (!text_add(t, "%.*s", (int)n, value)) {
            return false;
        }
        value += n;
        if (*value != '\0' && !text_add(t, "%%%02X", (unsigned char)*value++)) {
            return false;
        }
    }
    return true;
}

static bool
add_parameter(struct text *t, const char *name, const char *value)
{
    return text_add(t, "&%s=", name) && add_encoded(t, value);
}

static bool
add_hook(const struct autoscaling_call *call, struct text *t)
{
    return add_parameter(t, "LifecycleHookName", call->hook) &&
           add_parameter(t, "AutoScalingGroupName", call->group) &&
           add_parameter(t, "InstanceId", call->instance_id);
}

bool
autoscaling_form(const struct autoscaling_call *call, struct text *t)
{
    if (!text_add(t, "Action=%s&Version=2011-01-01", autoscaling_action_api(call->action))) {
        return false;
    }
    switch (call->action) {
    case AUTOSCALING_DESCRIBE:
        return add_parameter(t, "InstanceIds.member.1", call->instance_id);
    case AUTOSCALING_CONTINUE:
        return add_hook(call, t) && add_parameter(t, "LifecycleActionResult", "CONTINUE");
    case AUTOSCALING_ABANDON:
        return add_hook(call, t) && add_parameter(t, "LifecycleActionResult", "ABANDON");
    case AUTOSCALING_HEARTBEAT:
        return add_hook(call, t);
    case AUTOSCALING_SET_HEALTH:
        return add_parameter(t, "InstanceId", call->instance_id) &&
               add_parameter(t, "HealthStatus", "Unhealthy") &&
               add_parameter(t, "ShouldRespectGracePeriod", "true");
    }
    return false;
}

/* ---- the answer ---- */

/* Of an error, whatever its status. Where the message counts, that row comes first. */
static const struct {
    const char *code;
    const char *message; /* a part of it; NULL: any */
    enum autoscaling_outcome outcome;
} codes[] = {
    {"ValidationError", "No active Lifecycle Action found", AUTOSCALING_NO_ACTION},
    {"AccessDenied", NULL, AUTOSCALING_DENIED},
    {"AccessDeniedException", NULL, AUTOSCALING_DENIED},
    {"UnauthorizedOperation", NULL, AUTOSCALING_DENIED},
    {"IncompleteSignature", NULL, AUTOSCALING_SIGNATURE},
    {"InvalidSignatureException", NULL, AUTOSCALING_SIGNATURE},
    {"MissingAuthenticationToken", NULL, AUTOSCALING_SIGNATURE},
    {"RequestExpired", NULL, AUTOSCALING_SIGNATURE},
    {"RequestTimeTooSkewed", NULL, AUTOSCALING_SIGNATURE},
    {"SignatureDoesNotMatch", NULL, AUTOSCALING_SIGNATURE},
    {"ExpiredToken", NULL, AUTOSCALING_EXPIRED},
    {"ExpiredTokenException", NULL, AUTOSCALING_EXPIRED},
    {"InvalidClientTokenId", NULL, AUTOSCALING_EXPIRED},
    {"UnrecognizedClientException", NULL, AUTOSCALING_EXPIRED},
    {"RequestLimitExceeded", NULL, AUTOSCALING_THROTTLED},
    {"Throttling", NULL, AUTOSCALING_THROTTLED},
    {"ThrottlingException", NULL, AUTOSCALING_THROTTLED},
    {"TooManyRequestsException", NULL, AUTOSCALING_THROTTLED},
    {"ResourceContention", NULL, AUTOSCALING_CONTENTION},
    {"InternalFailure", NULL, AUTOSCALING_SERVER_ERROR},
    {"ServiceUnavailable", NULL, AUTOSCALING_SERVER_ERROR},
};

static enum autoscaling_outcome
outcome_of_error(unsigned status, const struct autoscaling_answer *answer)
{
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        if (streq(codes[i].code, answer->code) &&
            (codes[i].message == NULL || strstr(answer->message, codes[i].message) != NULL)) {
            return codes[i].outcome;
        }
    }
    if (status == STATUS_TOO_MANY_REQUESTS) {
        return AUTOSCALING_THROTTLED;
    }
    return status >= 500 ? AUTOSCALING_SERVER_ERROR : AUTOSCALING_INVALID;
}

/* What is between the service and us says "busy" and "failed" without the service's words. */
static enum autoscaling_outcome
outcome_of_status(unsigned status)
{
    if (status == STATUS_TOO_MANY_REQUESTS) {
        return AUTOSCALING_THROTTLED;
    }
    return status >= 500 && status <= 599 ? AUTOSCALING_SERVER_ERROR : AUTOSCALING_MALFORMED;
}

static bool
is_response_of(const char *root, enum autoscaling_action action)
{
    char expected[AUTOSCALING_ROOT_SIZE] = "";
    struct text t = TEXT(expected);

    return text_add(&t, "%sResponse", autoscaling_action_api(action)) && streq(root, expected);
}

int
autoscaling_answer_read(const struct autoscaling_call *call, unsigned status, const char *body,
    size_t len, struct autoscaling_answer *ret)
{
    struct autoscaling_answer answer = {.status = status};
    char root[AUTOSCALING_ROOT_SIZE] = "";
    int r = autoscaling_xml_read(body, len, call->instance_id, root, &answer);

    if (r == -ENOMEM) {
        return r;
    }
    if (r == 0 && status == STATUS_OK && is_response_of(root, call->action)) {
        answer.outcome = AUTOSCALING_OK;
    } else if (r == 0 && status >= 400 && status <= 599 && streq(root, "ErrorResponse") &&
               answer.code[0] != '\0') {
        answer.outcome = outcome_of_error(status, &answer);
    } else {
        answer =
            (struct autoscaling_answer){.outcome = outcome_of_status(status), .status = status};
    }
    *ret = answer;
    return 0;
}
