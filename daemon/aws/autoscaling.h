/* EC2 Auto Scaling, API version 2011-01-01: the four calls that the launch gate and the health
 * signal need. One call at a time: credentials, then the name of the Region's endpoint through
 * probes/dns (the second opinion is asked where no name server of the host answers), then one
 * signed POST to the first of its addresses with which a TLS session comes about and is verified,
 * all within one deadline; it is never sent twice. No redirects, no retries: when to try again is
 * the caller's business.
 *
 * Building the request and reading the answer is autoscaling_forms.h, and pure. */
#ifndef VPCE_DAEMON_AWS_AUTOSCALING_H
#define VPCE_DAEMON_AWS_AUTOSCALING_H

#include "conf/conf.h"
#include "daemon/aws/credentials.h"
#include "daemon/util.h"

struct loop;
struct dns;
struct tls_ctx;
struct autoscaling;

#define AUTOSCALING_CALL_MS 10000 /* from the start to the end of a call */
#define AUTOSCALING_TEXT_SIZE 256
#define AUTOSCALING_STATE_SIZE 40
#define AUTOSCALING_ID_SIZE 40

enum autoscaling_action {
    AUTOSCALING_DESCRIBE,   /* DescribeAutoScalingInstances of instance_id */
    AUTOSCALING_CONTINUE,   /* CompleteLifecycleAction, CONTINUE */
    AUTOSCALING_ABANDON,    /* CompleteLifecycleAction, ABANDON */
    AUTOSCALING_HEARTBEAT,  /* RecordLifecycleActionHeartbeat */
    AUTOSCALING_SET_HEALTH, /* SetInstanceHealth, Unhealthy, ShouldRespectGracePeriod=true */
};
#define AUTOSCALING_ACTION_N (AUTOSCALING_SET_HEALTH + 1)

/* As the API names it: "CompleteLifecycleAction" for both results of it. */
const char *autoscaling_action_api(enum autoscaling_action action);
const char *autoscaling_action_str(enum autoscaling_action action); /* "describe", "continue", … */

enum autoscaling_outcome {
    AUTOSCALING_NONE,
    AUTOSCALING_OK,
    AUTOSCALING_NO_ACTION,  /* ValidationError "No active Lifecycle Action found": done, or not
                               there yet */
    AUTOSCALING_INVALID,    /* another 4xx: a wrong hook, group or instance; repeating is useless
                             */
    AUTOSCALING_DENIED,     /* AccessDenied: IAM */
    AUTOSCALING_SIGNATURE,  /* SignatureDoesNotMatch, RequestExpired …: mostly the clock */
    AUTOSCALING_EXPIRED,    /* ExpiredToken, InvalidClientTokenId: other credentials, then again */
    AUTOSCALING_THROTTLED,  /* Throttling, RequestLimitExceeded, 429 */
    AUTOSCALING_CONTENTION, /* ResourceContention */
    AUTOSCALING_SERVER_ERROR, /* another 5xx */
    AUTOSCALING_MALFORMED,    /* what answers is not this API */
    AUTOSCALING_TIMEOUT,      /* the deadline */
    AUTOSCALING_UNREACHABLE,  /* the name does not resolve, nothing connects, TLS fails, or the
                                 connection ends before the answer does */
    AUTOSCALING_NO_CREDENTIALS,
    AUTOSCALING_RESOURCES, /* this host is out of memory or descriptors */
};
#define AUTOSCALING_OUTCOME_N (AUTOSCALING_RESOURCES + 1)

const char *autoscaling_outcome_str(enum autoscaling_outcome outcome); /* "ok", "no-action", … */

/* Trying again may help, nothing else having changed. */
bool autoscaling_may_retry(enum autoscaling_outcome outcome);

/* Texts are copied by autoscaling_start. */
struct autoscaling_call {
    enum autoscaling_action action;
    const char *region;
    const char *host; /* "autoscaling.R.SUF", or of Endpoint= */
    uint16_t port;
    const char *hook; /* for CONTINUE, ABANDON and HEARTBEAT, as is group */
    const char *group;
    const char *instance_id; /* always */
};

/* Borrowed until the callback returns. Texts are UTF-8 without control characters. */
struct autoscaling_answer {
    enum autoscaling_outcome outcome;
    unsigned status;                     /* of HTTP; 0: no answer */
    char code[64];                       /* of the error: "AccessDenied"; "": none */
    char message[AUTOSCALING_TEXT_SIZE]; /* of the error, or why there was no answer */
    char request_id[64];
    /* of DESCRIBE */
    bool found; /* the instance is in a group; false with OK: in none */
    char group[CONF_NAME_SIZE];
    char lifecycle_state[AUTOSCALING_STATE_SIZE]; /* "Pending:Wait", "InService" … */
};

/* Appends one sentence without the full stop: what went wrong and what to change ("access denied:
 * allow autoscaling:CompleteLifecycleAction on … in the instance's role"). */
void autoscaling_describe(
    const struct autoscaling_call *call, const struct autoscaling_answer *answer, struct text *t);

/* Called once for each start, from the loop; idle again: it may start anew, or be freed. */
typedef void (*autoscaling_fn)(const struct autoscaling_answer *answer, void *arg);

/* dns and tls are borrowed and outlive it; credentials too. NULL: memory. */
struct autoscaling *autoscaling_new(struct loop *loop, struct dns *dns, struct tls_ctx *tls,
    struct credentials *credentials, autoscaling_fn on_done, void *arg);
void autoscaling_free(struct autoscaling *autoscaling); /* stops; NULL is fine */

/* 0; -EBUSY, -EINVAL (a text that is missing or too long), -ENOMEM; then nobody is called. */
int autoscaling_start(struct autoscaling *autoscaling, const struct autoscaling_call *call);
void autoscaling_stop(struct autoscaling *autoscaling); /* nobody is called; idle is fine */
bool autoscaling_is_busy(const struct autoscaling *autoscaling);

#endif
