/* What became of a call, for people, and what to change. Pure: see autoscaling_describe in
 * autoscaling.h. */
#include "conf/catalogue.h"
#include "daemon/aws/autoscaling.h"

#define SERVICE_KEY "autoscaling"

/* "com.amazonaws.R.autoscaling"; false: it is not known. */
static bool
find_service_name(const char *region, char ret[static SERVICE_NAME_SIZE])
{
    const struct service *service = catalogue_find(SERVICE_KEY);
    const struct partition *partition = partition_of_region(region);
    struct name_parts parts = {.region = region, .account_id = "", .partition = partition};

    if (service == NULL || partition == NULL) {
        return false;
    }
    parts.dns_suffix = partition->dns_suffix;
    return service_name_format(service, service->expected, &parts, ret) == 0;
}

static void
add_service_name(const struct autoscaling_call *call, struct text *t)
{
    char name[SERVICE_NAME_SIZE];

    if (find_service_name(call->region, name)) {
        (void)text_add(t, "%s", name);
    } else {
        (void)text_add(t, "com.amazonaws.%s.autoscaling", call->region);
    }
}

/* " (CODE: MESSAGE)", as far as there is one. */
static void
add_reason(const struct autoscaling_answer *answer, struct text *t)
{
    const char *colon = answer->code[0] != '\0' && answer->message[0] != '\0' ? ": " : "";

    if (answer->code[0] != '\0' || answer->message[0] != '\0') {
        (void)text_add(t, " (%s%s%s)", answer->code, colon, answer->message);
    } else if (answer->status != 0) {
        (void)text_add(t, " (HTTP status %u)", answer->status);
    }
}

/* DescribeAutoScalingInstances knows no resources. The group of SetInstanceHealth is the caller's
 * to know. */
static void
add_resource(const struct autoscaling_call *call, struct text *t)
{
    const struct partition *partition = partition_of_region(call->region);
    bool has_group = call->group != NULL && call->group[0] != '\0';

    if (call->action == AUTOSCALING_DESCRIBE) {
        (void)text_add(t, "resource \"*\"");
    } else {
        (void)text_add(t, "arn:%s:autoscaling:%s:*:autoScalingGroup:*:autoScalingGroupName/%s",
            partition != NULL ? partition->name : "aws", call->region,
            has_group ? call->group : "*");
    }
}

static void
describe_denied(
    const struct autoscaling_call *call, const struct autoscaling_answer *answer, struct text *t)
{
    (void)text_add(
        t, "access denied: allow autoscaling:%s on ", autoscaling_action_api(call->action));
    add_resource(call, t);
    (void)text_add(t, " in the instance's role, and in the policy of the endpoint ");
    add_service_name(call, t);
    add_reason(answer, t);
}

static void
describe_unreachable(
    const struct autoscaling_call *call, const struct autoscaling_answer *answer, struct text *t)
{
    (void)text_add(t, "%s cannot be reached", call->host);
    add_reason(answer, t);
    (void)text_add(t, ": see to it that the interface endpoint ");
    add_service_name(call, t);
    (void)text_add(t, " exists, with private DNS, and that its security group lets this host in");
}

static void
describe_no_action(const struct autoscaling_call *call, struct text *t)
{
    (void)text_add(t,
        "%s waits for nothing at hook %s of group %s: the action is completed, has timed out, has "
        "not begun, or is of another hook",
        call->instance_id, call->hook != NULL ? call->hook : "-",
        call->group != NULL ? call->group : "-");
}

/* What is said of one outcome: the reason goes between the two. */
static void
add_with_reason(
    struct text *t, const char *what, const struct autoscaling_answer *answer, const char *remedy)
{
    (void)text_add(t, "%s", what);
    add_reason(answer, t);
    (void)text_add(t, ": %s", remedy);
}

/* What is said of most outcomes. */
struct saying {
    const char *what; /* NULL: another outcome */
    const char *remedy;
};

static struct saying
saying_of(enum autoscaling_outcome outcome)
{
    static const struct saying sayings[AUTOSCALING_OUTCOME_N] = {
        [AUTOSCALING_INVALID] = {"the call was refused",
            "check the names of the hook and the group"},
        [AUTOSCALING_SIGNATURE] = {"the signature was not accepted",
            "set this host's clock, which may be wrong by 5 minutes at most (chrony)"},
        [AUTOSCALING_EXPIRED] = {"the credentials were not accepted",
            "the next call asks IMDS for others; if they are refused, too, see whether the role "
            "still exists"},
        [AUTOSCALING_THROTTLED] = {"EC2 Auto Scaling throttles this account's calls",
            "it is tried again; should that last, ask for a higher quota"},
        [AUTOSCALING_CONTENTION] = {"the group is being changed by somebody else",
            "it is tried again"},
        [AUTOSCALING_SERVER_ERROR] = {"EC2 Auto Scaling failed", "it is tried again"},
    };

    return sayings[outcome];
}

static void
describe_others(
    const struct autoscaling_call *call, const struct autoscaling_answer *answer, struct text *t)
{
    struct saying saying = saying_of(answer->outcome);

    if (saying.what != NULL) {
        add_with_reason(t, saying.what, answer, saying.remedy);
    } else if (answer->outcome == AUTOSCALING_NO_CREDENTIALS) {
        (void)text_add(t, "there are no credentials: %s", answer->message);
    } else if (answer->outcome == AUTOSCALING_RESOURCES) {
        (void)text_add(t, "this host is out of memory or descriptors");
    } else {
        (void)text_add(t, "%s %s", autoscaling_action_api(call->action),
            answer->outcome == AUTOSCALING_OK ? "succeeded" : "was not called");
    }
}

void
autoscaling_describe(
    const struct autoscaling_call *call, const struct autoscaling_answer *answer, struct text *t)
{
    if (answer->outcome == AUTOSCALING_NO_ACTION) {
        describe_no_action(call, t);
    } else if (answer->outcome == AUTOSCALING_DENIED) {
        describe_denied(call, answer, t);
    } else if (answer->outcome == AUTOSCALING_UNREACHABLE) {
        describe_unreachable(call, answer, t);
    } else if (answer->outcome == AUTOSCALING_MALFORMED) {
        (void)text_add(t, "what answers as %s is not EC2 Auto Scaling", call->host);
        add_with_reason(t, "", answer, "see what the name resolves to, and what is between");
    } else if (answer->outcome == AUTOSCALING_TIMEOUT) {
        (void)text_add(t, "%s took too long", call->host);
        add_with_reason(t, "", answer, "it is tried again");
    } else {
        describe_others(call, answer, t);
    }
}
