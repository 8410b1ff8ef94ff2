/* daemon/aws/autoscaling_forms: what is posted, what every answer means, and what is said of it. */
#include "daemon/aws/autoscaling_forms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ID "i-0abcdef1234567890"
#define XMLNS " xmlns=\"http://autoscaling.amazonaws.com/doc/2011-01-01/\""

static struct autoscaling_call
call_of(enum autoscaling_action action)
{
    return (struct autoscaling_call){.action = action,
        .region = "eu-west-1",
        .host = "autoscaling.eu-west-1.amazonaws.com",
        .port = 443,
        .hook = "ready",
        .group = "blue",
        .instance_id = ID};
}

/* ---- forms ---- */

static const struct {
    enum autoscaling_action action;
    const char *hook;
    const char *group;
    const char *form;
} forms[] = {
    {AUTOSCALING_DESCRIBE, NULL, NULL,
        "Action=DescribeAutoScalingInstances&Version=2011-01-01&InstanceIds.member.1=" ID},
    {AUTOSCALING_CONTINUE, "ready", "blue",
        "Action=CompleteLifecycleAction&Version=2011-01-01&LifecycleHookName=ready"
        "&AutoScalingGroupName=blue&InstanceId=" ID "&LifecycleActionResult=CONTINUE"},
    {AUTOSCALING_ABANDON, "ready", "blue",
        "Action=CompleteLifecycleAction&Version=2011-01-01&LifecycleHookName=ready"
        "&AutoScalingGroupName=blue&InstanceId=" ID "&LifecycleActionResult=ABANDON"},
    {AUTOSCALING_HEARTBEAT, "ready", "blue",
        "Action=RecordLifecycleActionHeartbeat&Version=2011-01-01&LifecycleHookName=ready"
        "&AutoScalingGroupName=blue&InstanceId=" ID},
    {AUTOSCALING_SET_HEALTH, NULL, NULL,
        "Action=SetInstanceHealth&Version=2011-01-01&InstanceId=" ID
        "&HealthStatus=Unhealthy&ShouldRespectGracePeriod=true"},
    {AUTOSCALING_HEARTBEAT, "-_.~aZ0", "a b+c/d&e=f%\303\274\n",
        "Action=RecordLifecycleActionHeartbeat&Version=2011-01-01&LifecycleHookName=-_.~aZ0"
        "&AutoScalingGroupName=a%20b%2Bc%2Fd%26e%3Df%25%C3%BC%0A&InstanceId=" ID},
};

static void
makes_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        struct autoscaling_call call = call_of(forms[i].action);
        char buf[AUTOSCALING_FORM_SIZE] = "";
        struct text t = TEXT(buf);

        call.hook = forms[i].hook;
        call.group = forms[i].group;
        assert_true(autoscaling_call_is_valid(&call));
        assert_true(autoscaling_form(&call, &t));
        assert_string_equal(buf, forms[i].form);
    }
}

static void
the_longest_names_fit(void **state)
{
    struct autoscaling_call call = call_of(AUTOSCALING_CONTINUE);
    char name[CONF_NAME_SIZE + 1];
    char buf[AUTOSCALING_FORM_SIZE] = "";
    struct text t = TEXT(buf);

    (void)state;
    memset(name, '/', sizeof(name));
    name[CONF_NAME_SIZE - 1] = '\0';
    call.hook = name;
    call.group = name;
    assert_true(autoscaling_call_is_valid(&call));
    assert_true(autoscaling_form(&call, &t));
    name[CONF_NAME_SIZE - 1] = '/';
    name[CONF_NAME_SIZE] = '\0';
    assert_false(autoscaling_call_is_valid(&call));
    t = (struct text){.buf = buf, .size = 100};
    assert_false(autoscaling_form(&call, &t));
}

/* Whatever the room, a form that is not whole is none. */
static void
half_forms_are_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        struct autoscaling_call call = call_of(forms[i].action);
        char buf[AUTOSCALING_FORM_SIZE];

        call.hook = forms[i].hook;
        call.group = forms[i].group;
        for (size_t size = 1; size <= strlen(forms[i].form); size++) {
            struct text t = {.buf = buf, .size = size};

            assert_false(autoscaling_form(&call, &t));
            assert_true(strlen(buf) < size);
        }
    }
    struct autoscaling_call call = call_of((enum autoscaling_action)AUTOSCALING_ACTION_N);
    char buf[AUTOSCALING_FORM_SIZE] = "";
    struct text t = TEXT(buf);

    assert_false(autoscaling_call_is_valid(&call));
    assert_false(autoscaling_form(&call, &t));
    assert_false(autoscaling_may_retry((enum autoscaling_outcome)AUTOSCALING_OUTCOME_N));
}

static void
checks_calls(void **state)
{
    static const char long_id[] = "i-0123456789012345678901234567890123456789";
    struct autoscaling_call call;

    (void)state;
#define REFUSED(field, value)                                                                      \
    do {                                                                                           \
        call = call_of(AUTOSCALING_HEARTBEAT);                                                     \
        call.field = (value);                                                                      \
        assert_false(autoscaling_call_is_valid(&call));                                            \
    } while (0)
    REFUSED(region, NULL);
    REFUSED(region, "");
    REFUSED(region, "a-region-of-a-name-that-is-too-long");
    REFUSED(host, NULL);
    REFUSED(host, "");
    REFUSED(host, "a b");
    REFUSED(host, "a\r\nB: c");
    REFUSED(port, 0);
    REFUSED(instance_id, NULL);
    REFUSED(instance_id, "");
    REFUSED(instance_id, long_id);
    REFUSED(hook, NULL);
    REFUSED(hook, "");
    REFUSED(group, NULL);
    REFUSED(group, "");
    call = call_of(AUTOSCALING_DESCRIBE);
    call.hook = NULL;
    call.group = NULL;
    assert_true(autoscaling_call_is_valid(&call));
}

/* ---- answers ---- */

#define DESCRIBED(members)                                                                         \
    "<DescribeAutoScalingInstancesResponse" XMLNS ">\n  <DescribeAutoScalingInstancesResult>\n"    \
    "    <AutoScalingInstances>\n" members "    </AutoScalingInstances>\n"                         \
    "  </DescribeAutoScalingInstancesResult>\n  <ResponseMetadata>\n"                              \
    "    <RequestId>7c6e177f-f082-11e1-ac58-3714bEXAMPLE</RequestId>\n  </ResponseMetadata>\n"     \
    "</DescribeAutoScalingInstancesResponse>\n"
#define MEMBER(id, group, lifecycle)                                                               \
    "<member><LaunchTemplate><LaunchTemplateName>t</LaunchTemplateName></LaunchTemplate>"          \
    "<AvailabilityZone>eu-west-1a</AvailabilityZone><InstanceId>" id                               \
    "</InstanceId><AutoScalingGroupName>" group "</AutoScalingGroupName><HealthStatus>HEALTHY"     \
    "</HealthStatus><LifecycleState>" lifecycle "</LifecycleState></member>"
#define DONE(action)                                                                               \
    "<" action "Response" XMLNS "><" action "Result/><ResponseMetadata><RequestId>7c6e177f"        \
    "</RequestId></ResponseMetadata></" action "Response>"
#define ERROR(code, message)                                                                       \
    "<ErrorResponse" XMLNS ">\n  <Error>\n    <Type>Sender</Type>\n    <Code>" code                \
    "</Code>\n    <Message>" message                                                               \
    "</Message>\n  </Error>\n  <RequestId>r-1</RequestId>\n</ErrorResponse>\n"
#define OTHER "i-0ffffffffffffffff"
#define S16 "0123456789abcdef"
#define S256 S16 S16 S16 S16 S16 S16 S16 S16 S16 S16 S16 S16 S16 S16 S16 S16
#define NEST8 "<a><a><a><a><a><a><a><a>"
#define UNNEST8 "</a></a></a></a></a></a></a></a>"

static const struct {
    const char *name;
    enum autoscaling_action action;
    unsigned status;
    const char *body;
    enum autoscaling_outcome outcome;
    const char *code;
    const char *message;
    const char *request_id;
    const char *group; /* NULL: not found */
    const char *lifecycle_state;
} answers[] = {
    {"in a group", AUTOSCALING_DESCRIBE, 200, DESCRIBED(MEMBER(ID, "blue", "Pending:Wait")),
        AUTOSCALING_OK, "", "", "7c6e177f-f082-11e1-ac58-3714bEXAMPLE", "blue", "Pending:Wait"},
    {"in none", AUTOSCALING_DESCRIBE, 200, DESCRIBED(""), AUTOSCALING_OK, "", "",
        "7c6e177f-f082-11e1-ac58-3714bEXAMPLE", NULL, NULL},
    {"twice: the first counts", AUTOSCALING_DESCRIBE, 200,
        DESCRIBED(MEMBER(ID, "blue", "InService") MEMBER(ID, "red", "Standby")), AUTOSCALING_OK, "",
        "", "7c6e177f-f082-11e1-ac58-3714bEXAMPLE", "blue", "InService"},
    {"no group", AUTOSCALING_DESCRIBE, 200, DESCRIBED(MEMBER(ID, "", "InService")),
        AUTOSCALING_MALFORMED, "", "", "", NULL, NULL},
    {"no state", AUTOSCALING_DESCRIBE, 200, DESCRIBED(MEMBER(ID, "blue", "")),
        AUTOSCALING_MALFORMED, "", "", "", NULL, NULL},
    {"a status of no class", AUTOSCALING_DESCRIBE, 600, "", AUTOSCALING_MALFORMED, "", "", "", NULL,
        NULL},
    {"an error with a status of no class", AUTOSCALING_CONTINUE, 600, ERROR("AccessDenied", "no"),
        AUTOSCALING_MALFORMED, "", "", "", NULL, NULL},
    {"another instance", AUTOSCALING_DESCRIBE, 200, DESCRIBED(MEMBER(OTHER, "red", "InService")),
        AUTOSCALING_OK, "", "", "7c6e177f-f082-11e1-ac58-3714bEXAMPLE", NULL, NULL},
    {"among others", AUTOSCALING_DESCRIBE, 200,
        DESCRIBED(MEMBER(OTHER, "red", "InService") MEMBER(ID, "blue", "Terminating:Wait")
                MEMBER(OTHER, "red", "Standby")),
        AUTOSCALING_OK, "", "", "7c6e177f-f082-11e1-ac58-3714bEXAMPLE", "blue", "Terminating:Wait"},
    {"nothing of the one before", AUTOSCALING_DESCRIBE, 200,
        DESCRIBED(
            MEMBER(OTHER, "red", "InService") "<member><InstanceId>" ID "</InstanceId></member>"),
        AUTOSCALING_MALFORMED, "", "", "", NULL, NULL},
    {"XML's own entities", AUTOSCALING_DESCRIBE, 200,
        "<?xml version=\"1.0\"?>" DESCRIBED(
            MEMBER(ID, "a&amp;b &lt;&#252;&gt;<![CDATA[<&]]>", "InService")),
        AUTOSCALING_OK, "", "", "7c6e177f-f082-11e1-ac58-3714bEXAMPLE", "a&b <\303\274><&",
        "InService"},
    {"a group's name that is too long", AUTOSCALING_DESCRIBE, 200,
        DESCRIBED(MEMBER(ID, S256, "InService")), AUTOSCALING_MALFORMED, "", "", "", NULL, NULL},
    {"that of another instance does not matter", AUTOSCALING_DESCRIBE, 200,
        DESCRIBED(MEMBER(OTHER, S256, "InService") MEMBER(ID, "blue", "InService")), AUTOSCALING_OK,
        "", "", "7c6e177f-f082-11e1-ac58-3714bEXAMPLE", "blue", "InService"},
    {"a group's name with a line break", AUTOSCALING_DESCRIBE, 200,
        DESCRIBED(MEMBER(ID, "a&#10;b", "InService")), AUTOSCALING_MALFORMED, "", "", "", NULL,
        NULL},
    {"a group elsewhere in the document", AUTOSCALING_DESCRIBE, 200,
        DESCRIBED("<x>" MEMBER(ID, "blue", "InService") "</x>"), AUTOSCALING_OK, "", "",
        "7c6e177f-f082-11e1-ac58-3714bEXAMPLE", NULL, NULL},
    {"completed", AUTOSCALING_CONTINUE, 200, DONE("CompleteLifecycleAction"), AUTOSCALING_OK, "",
        "", "7c6e177f", NULL, NULL},
    {"abandoned", AUTOSCALING_ABANDON, 200, DONE("CompleteLifecycleAction"), AUTOSCALING_OK, "", "",
        "7c6e177f", NULL, NULL},
    {"heartbeat", AUTOSCALING_HEARTBEAT, 200, DONE("RecordLifecycleActionHeartbeat"),
        AUTOSCALING_OK, "", "", "7c6e177f", NULL, NULL},
    {"set health", AUTOSCALING_SET_HEALTH, 200, DONE("SetInstanceHealth"), AUTOSCALING_OK, "", "",
        "7c6e177f", NULL, NULL},
    {"the answer to another call", AUTOSCALING_CONTINUE, 200,
        DONE("RecordLifecycleActionHeartbeat"), AUTOSCALING_MALFORMED, "", "", "", NULL, NULL},
    {"an error with status 200", AUTOSCALING_CONTINUE, 200, ERROR("AccessDenied", "no"),
        AUTOSCALING_MALFORMED, "", "", "", NULL, NULL},
    {"a good answer with status 202", AUTOSCALING_CONTINUE, 202, DONE("CompleteLifecycleAction"),
        AUTOSCALING_MALFORMED, "", "", "", NULL, NULL},
    {"a good answer with status 400", AUTOSCALING_CONTINUE, 400, DONE("CompleteLifecycleAction"),
        AUTOSCALING_MALFORMED, "", "", "", NULL, NULL},
    {"a redirect", AUTOSCALING_CONTINUE, 302, "", AUTOSCALING_MALFORMED, "", "", "", NULL, NULL},
    {"an error with status 302", AUTOSCALING_CONTINUE, 302, ERROR("AccessDenied", "no"),
        AUTOSCALING_MALFORMED, "", "", "", NULL, NULL},
    {"nothing", AUTOSCALING_CONTINUE, 200, "", AUTOSCALING_MALFORMED, "", "", "", NULL, NULL},
    {"HTML", AUTOSCALING_CONTINUE, 200, "<!DOCTYPE html><html><body>Log in</body></html>",
        AUTOSCALING_MALFORMED, "", "", "", NULL, NULL},
    {"HTML with status 403", AUTOSCALING_CONTINUE, 403, "<html><body>blocked</body></html>",
        AUTOSCALING_MALFORMED, "", "", "", NULL, NULL},
    {"HTML with status 503", AUTOSCALING_CONTINUE, 503, "<html><body><hr></body></html>",
        AUTOSCALING_SERVER_ERROR, "", "", "", NULL, NULL},
    {"nothing with status 429", AUTOSCALING_CONTINUE, 429, "", AUTOSCALING_THROTTLED, "", "", "",
        NULL, NULL},
    {"JSON", AUTOSCALING_CONTINUE, 200, "{\"a\":1}", AUTOSCALING_MALFORMED, "", "", "", NULL, NULL},
    {"not to the end", AUTOSCALING_CONTINUE, 200, "<CompleteLifecycleActionResponse>",
        AUTOSCALING_MALFORMED, "", "", "", NULL, NULL},
    {"more than one root", AUTOSCALING_CONTINUE, 200,
        DONE("CompleteLifecycleAction") DONE("CompleteLifecycleAction"), AUTOSCALING_MALFORMED, "",
        "", "", NULL, NULL},
    {"not UTF-8", AUTOSCALING_CONTINUE, 400, ERROR("X", "\303"), AUTOSCALING_MALFORMED, "", "", "",
        NULL, NULL},
    {"another encoding, says it", AUTOSCALING_CONTINUE, 400,
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>" ERROR("X", "\344"), AUTOSCALING_MALFORMED,
        "", "", "", NULL, NULL},
    {"a billion laughs", AUTOSCALING_CONTINUE, 400,
        "<!DOCTYPE a [<!ENTITY x \"ha\"><!ENTITY y \"&x;&x;&x;&x;\">]>" ERROR("X", "&y;"),
        AUTOSCALING_MALFORMED, "", "", "", NULL, NULL},
    {"a document type", AUTOSCALING_CONTINUE, 200,
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\">" DONE("CompleteLifecycleAction"),
        AUTOSCALING_MALFORMED, "", "", "", NULL, NULL},
    {"an entity nobody knows", AUTOSCALING_CONTINUE, 400, ERROR("X", "&nbsp;"),
        AUTOSCALING_MALFORMED, "", "", "", NULL, NULL},
    {"15 deep", AUTOSCALING_CONTINUE, 200,
        "<CompleteLifecycleActionResponse>" NEST8
        "<b><b><b><b><b><b></b></b></b></b></b></b>" UNNEST8 "</CompleteLifecycleActionResponse>",
        AUTOSCALING_OK, "", "", "", NULL, NULL},
    {"too deep", AUTOSCALING_CONTINUE, 200,
        "<CompleteLifecycleActionResponse>" NEST8 NEST8 UNNEST8 UNNEST8
        "</CompleteLifecycleActionResponse>",
        AUTOSCALING_MALFORMED, "", "", "", NULL, NULL},
    {"too deep, and empty", AUTOSCALING_CONTINUE, 200,
        "<CompleteLifecycleActionResponse>" NEST8 "<b><b><b><b><b><b><b><b/>",
        AUTOSCALING_MALFORMED, "", "", "", NULL, NULL},
    {"long names", AUTOSCALING_CONTINUE, 400,
        "<ErrorResponse><" S16 "><" S256 "><Code>X</Code></" S256 "></" S16
        "><Error><Code>Y</Code></Error></ErrorResponse>",
        AUTOSCALING_MALFORMED, "", "", "", NULL, NULL}, /* a name does not begin with a digit */
    {"long names that are some", AUTOSCALING_CONTINUE, 400,
        "<ErrorResponse><a" S16 "><a" S256 "><Code>X</Code></a" S256 "></a" S16
        "><Error><Code>Y</Code></Error></ErrorResponse>",
        AUTOSCALING_INVALID, "Y", "", "", NULL, NULL},
    {"texts are cut between characters", AUTOSCALING_CONTINUE, 400,
        ERROR("01234567890123456789012345678901234567890123456789012345678901\303\274", "m"),
        AUTOSCALING_INVALID, "01234567890123456789012345678901234567890123456789012345678901", "m",
        "r-1", NULL, NULL},
    {"control characters", AUTOSCALING_CONTINUE, 400, ERROR("X&#9;Y", "a&#13;&#10;b\302\233c"),
        AUTOSCALING_INVALID, "X Y", "a  b?c", "r-1", NULL, NULL},
    {"a validation error", AUTOSCALING_CONTINUE, 400,
        ERROR("ValidationError", "Invalid Lifecycle Hook"), AUTOSCALING_INVALID, "ValidationError",
        "Invalid Lifecycle Hook", "r-1", NULL, NULL},
    {"no action", AUTOSCALING_CONTINUE, 400,
        ERROR("ValidationError", "No active Lifecycle Action found with instance ID " ID),
        AUTOSCALING_NO_ACTION, "ValidationError",
        "No active Lifecycle Action found with instance ID " ID, "r-1", NULL, NULL},
    {"an error without a code", AUTOSCALING_CONTINUE, 400,
        "<ErrorResponse><Error/></ErrorResponse>", AUTOSCALING_MALFORMED, "", "", "", NULL, NULL},
    {"another error of the server", AUTOSCALING_CONTINUE, 500, ERROR("Odd", "m"),
        AUTOSCALING_SERVER_ERROR, "Odd", "m", "r-1", NULL, NULL},
    {"another error with status 429", AUTOSCALING_CONTINUE, 429, ERROR("Odd", "m"),
        AUTOSCALING_THROTTLED, "Odd", "m", "r-1", NULL, NULL},
    {"contention", AUTOSCALING_CONTINUE, 500, ERROR("ResourceContention", "m"),
        AUTOSCALING_CONTENTION, "ResourceContention", "m", "r-1", NULL, NULL},
};

static bool
is_as_expected(size_t i, const struct autoscaling_answer *answer)
{
    bool found = answers[i].group != NULL;

    return answer->outcome == answers[i].outcome && answer->status == answers[i].status &&
           streq(answer->code, answers[i].code) && streq(answer->message, answers[i].message) &&
           streq(answer->request_id, answers[i].request_id) && answer->found == found &&
           streq(answer->group, found ? answers[i].group : "") &&
           streq(answer->lifecycle_state, found ? answers[i].lifecycle_state : "");
}

static void
reads_answers(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        struct autoscaling_call call = call_of(answers[i].action);
        struct autoscaling_answer answer;
        int r = autoscaling_answer_read(
            &call, answers[i].status, answers[i].body, strlen(answers[i].body), &answer);

        assert_int_equal(r, 0);
        if (!is_as_expected(i, &answer)) {
            print_error("%s: got %s %u \"%s\" \"%s\" \"%s\" %d \"%s\" \"%s\"\n", answers[i].name,
                autoscaling_outcome_str(answer.outcome), answer.status, answer.code, answer.message,
                answer.request_id, answer.found, answer.group, answer.lifecycle_state);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

/* Cut off anywhere, it is no answer. */
static void
half_answers_are_none(void **state)
{
    static const char body[] = DESCRIBED(MEMBER(ID, "blue", "InService"));
    struct autoscaling_call call = call_of(AUTOSCALING_DESCRIBE);
    size_t end = strlen(body) - 1; /* the line break behind it may be missing */

    (void)state;
    for (size_t len = 0; len <= end; len++) {
        char *copy = malloc(len + 1); /* for the sanitizer to see a read behind it */
        struct autoscaling_answer answer;

        assert_non_null(copy);
        memcpy(copy, body, len);
        assert_int_equal(autoscaling_answer_read(&call, 200, copy, len, &answer), 0);
        free(copy);
        assert_string_equal(
            autoscaling_outcome_str(answer.outcome), len < end ? "malformed" : "ok");
        assert_int_equal(answer.found, len == end);
    }
}

/* Each code, with a status that alone would say something else where one exists. */
static const struct {
    const char *code;
    enum autoscaling_outcome outcome;
} codes[] = {
    {"AccessDenied", AUTOSCALING_DENIED},
    {"AccessDeniedException", AUTOSCALING_DENIED},
    {"UnauthorizedOperation", AUTOSCALING_DENIED},
    {"SignatureDoesNotMatch", AUTOSCALING_SIGNATURE},
    {"RequestExpired", AUTOSCALING_SIGNATURE},
    {"RequestTimeTooSkewed", AUTOSCALING_SIGNATURE},
    {"IncompleteSignature", AUTOSCALING_SIGNATURE},
    {"InvalidSignatureException", AUTOSCALING_SIGNATURE},
    {"MissingAuthenticationToken", AUTOSCALING_SIGNATURE},
    {"ExpiredToken", AUTOSCALING_EXPIRED},
    {"ExpiredTokenException", AUTOSCALING_EXPIRED},
    {"InvalidClientTokenId", AUTOSCALING_EXPIRED},
    {"UnrecognizedClientException", AUTOSCALING_EXPIRED},
    {"Throttling", AUTOSCALING_THROTTLED},
    {"ThrottlingException", AUTOSCALING_THROTTLED},
    {"RequestLimitExceeded", AUTOSCALING_THROTTLED},
    {"TooManyRequestsException", AUTOSCALING_THROTTLED},
    {"ResourceContention", AUTOSCALING_CONTENTION},
    {"ServiceUnavailable", AUTOSCALING_SERVER_ERROR},
    {"InternalFailure", AUTOSCALING_SERVER_ERROR},
    {"ValidationError", AUTOSCALING_INVALID},
    {"accessdenied", AUTOSCALING_INVALID},
};

static void
knows_codes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        struct autoscaling_call call = call_of(AUTOSCALING_CONTINUE);
        struct autoscaling_answer answer;
        char body[512];
        int len = snprintf(body, sizeof(body), ERROR("%s", "m"), codes[i].code);

        assert_int_equal(autoscaling_answer_read(&call, 400, body, (size_t)len, &answer), 0);
        assert_string_equal(
            autoscaling_outcome_str(answer.outcome), autoscaling_outcome_str(codes[i].outcome));
        assert_string_equal(answer.code, codes[i].code);
    }
}

static void
long_messages_are_cut(void **state)
{
    struct autoscaling_call call = call_of(AUTOSCALING_CONTINUE);
    struct autoscaling_answer answer;
    static char body[70000];
    char message[3000];
    int len;

    (void)state;
    memset(message, 'x', sizeof(message));
    message[sizeof(message) - 1] = '\0';
    len = snprintf(body, sizeof(body), ERROR("AccessDenied", "%s"), message);
    assert_int_equal(autoscaling_answer_read(&call, 403, body, (size_t)len, &answer), 0);
    assert_int_equal(answer.outcome, AUTOSCALING_DENIED);
    assert_int_equal(strlen(answer.message), AUTOSCALING_TEXT_SIZE - 1);
    memset(body, ' ', sizeof(body)); /* a good one, but too long for a good one */
    len = snprintf(body, sizeof(body), "%s", DONE("CompleteLifecycleAction"));
    body[len] = ' ';
    assert_int_equal(autoscaling_answer_read(&call, 200, body, 65536, &answer), 0);
    assert_int_equal(answer.outcome, AUTOSCALING_OK);
    assert_int_equal(autoscaling_answer_read(&call, 200, body, 65537, &answer), 0);
    assert_int_equal(answer.outcome, AUTOSCALING_MALFORMED);
}

/* ---- words ---- */

static const struct {
    enum autoscaling_action action;
    const char *region;
    struct autoscaling_answer answer;
    const char *words;
} descriptions[] = {
    {AUTOSCALING_CONTINUE, "eu-west-1", {.outcome = AUTOSCALING_OK},
        "CompleteLifecycleAction succeeded"},
    {AUTOSCALING_CONTINUE, "eu-west-1", {.outcome = AUTOSCALING_NO_ACTION},
        ID
        " waits for nothing at hook ready of group blue: the action is completed, has timed out, "
        "has not begun, or is of another hook"},
    {AUTOSCALING_CONTINUE, "eu-west-1",
        {.outcome = AUTOSCALING_INVALID, .code = "ValidationError", .message = "no hook"},
        "the call was refused (ValidationError: no hook): check the names of the "
        "hook and the group"},
    {AUTOSCALING_CONTINUE, "eu-west-1", {.outcome = AUTOSCALING_DENIED, .code = "AccessDenied"},
        "access denied: allow autoscaling:CompleteLifecycleAction on "
        "arn:aws:autoscaling:eu-west-1:*:autoScalingGroup:*:autoScalingGroupName/blue in the "
        "instance's role, and in the policy of the endpoint com.amazonaws.eu-west-1.autoscaling "
        "(AccessDenied)"},
    {AUTOSCALING_HEARTBEAT, "cn-north-1", {.outcome = AUTOSCALING_DENIED},
        "access denied: allow autoscaling:RecordLifecycleActionHeartbeat on "
        "arn:aws-cn:autoscaling:cn-north-1:*:autoScalingGroup:*:autoScalingGroupName/blue in the "
        "instance's role, and in the policy of the endpoint "
        "cn.com.amazonaws.cn-north-1.autoscaling"},
    {AUTOSCALING_HEARTBEAT, "of-nowhere-1", {.outcome = AUTOSCALING_DENIED},
        "access denied: allow autoscaling:RecordLifecycleActionHeartbeat on "
        "arn:aws:autoscaling:of-nowhere-1:*:autoScalingGroup:*:autoScalingGroupName/blue in the "
        "instance's role, and in the policy of the endpoint "
        "com.amazonaws.of-nowhere-1.autoscaling"},
    {AUTOSCALING_DESCRIBE, "us-gov-west-1", {.outcome = AUTOSCALING_DENIED},
        "access denied: allow autoscaling:DescribeAutoScalingInstances on resource \"*\" in the "
        "instance's role, and in the policy of the endpoint "
        "com.amazonaws.us-gov-west-1.autoscaling"},
    {AUTOSCALING_CONTINUE, "eu-west-1",
        {.outcome = AUTOSCALING_SIGNATURE, .code = "RequestExpired", .message = "late"},
        "the signature was not accepted (RequestExpired: late): set this host's clock, which may "
        "be wrong by 5 minutes at most (chrony)"},
    {AUTOSCALING_CONTINUE, "eu-west-1", {.outcome = AUTOSCALING_MALFORMED, .status = 302},
        "what answers as autoscaling.eu-west-1.amazonaws.com is not EC2 Auto Scaling (HTTP status "
        "302): see what the name resolves to, and what is between"},
    {AUTOSCALING_CONTINUE, "eu-west-1",
        {.outcome = AUTOSCALING_UNREACHABLE, .message = "10.0.0.1 port 443: Connection refused"},
        "autoscaling.eu-west-1.amazonaws.com cannot be reached (10.0.0.1 port 443: Connection "
        "refused): see to it that the interface endpoint com.amazonaws.eu-west-1.autoscaling "
        "exists, with private DNS, and that its security group lets this host in"},
    {AUTOSCALING_CONTINUE, "eu-west-1",
        {.outcome = AUTOSCALING_NO_CREDENTIALS, .message = "the instance has no role"},
        "there are no credentials: the instance has no role"},
};

static void
describes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(descriptions); i++) {
        struct autoscaling_call call = call_of(descriptions[i].action);
        char buf[1024] = "";
        struct text t = TEXT(buf);

        call.region = descriptions[i].region;
        autoscaling_describe(&call, &descriptions[i].answer, &t);
        assert_string_equal(buf, descriptions[i].words);
    }
}

/* Of each, something is said, and without a full stop. */
static void
describes_every_outcome(void **state)
{
    struct autoscaling_call call = call_of(AUTOSCALING_SET_HEALTH);

    (void)state;
    call.hook = NULL;
    call.group = NULL;
    for (unsigned i = 0; i < AUTOSCALING_OUTCOME_N; i++) {
        const struct autoscaling_answer answer = {
            .outcome = (enum autoscaling_outcome)i, .message = "why"};
        char buf[1024] = "";
        struct text t = TEXT(buf);

        autoscaling_describe(&call, &answer, &t);
        assert_true(t.len > 0);
        assert_int_not_equal(buf[t.len - 1], '.');
        assert_string_not_equal(autoscaling_outcome_str(answer.outcome), "unknown");
    }
    assert_string_equal(
        autoscaling_outcome_str((enum autoscaling_outcome)AUTOSCALING_OUTCOME_N), "unknown");
    assert_true(autoscaling_may_retry(AUTOSCALING_THROTTLED));
    assert_true(autoscaling_may_retry(AUTOSCALING_SIGNATURE)); /* once the clock is set */
    assert_false(autoscaling_may_retry(AUTOSCALING_OK));
    assert_false(autoscaling_may_retry(AUTOSCALING_NO_ACTION));
    assert_false(autoscaling_may_retry(AUTOSCALING_DENIED));
    assert_false(autoscaling_may_retry(AUTOSCALING_INVALID));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_forms),
        cmocka_unit_test(half_forms_are_none),
        cmocka_unit_test(the_longest_names_fit),
        cmocka_unit_test(checks_calls),
        cmocka_unit_test(reads_answers),
        cmocka_unit_test(half_answers_are_none),
        cmocka_unit_test(knows_codes),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(describes),
        cmocka_unit_test(describes_every_outcome),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
