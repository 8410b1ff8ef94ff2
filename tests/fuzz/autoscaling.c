/* What answers in the place of EC2 Auto Scaling, for each action and status. The first byte is the
 * action, the two after it the status. */
#include "daemon/aws/autoscaling_forms.h"
#include "fuzz.h"

#include <string.h>

#define INSTANCE "i-0abcdef1234567890"

static void
check_text(const char *text, size_t size)
{
    FUZZ_CHECK(fuzz_is_ended(text, size));
    FUZZ_CHECK(fuzz_is_printable(text));
}

static void
check_answer(const struct autoscaling_call *call, const struct autoscaling_answer *answer)
{
    char line[2048] = "";
    struct text t = TEXT(line);

    check_text(answer->code, sizeof(answer->code));
    check_text(answer->message, sizeof(answer->message));
    check_text(answer->request_id, sizeof(answer->request_id));
    check_text(answer->group, sizeof(answer->group));
    check_text(answer->lifecycle_state, sizeof(answer->lifecycle_state));
    FUZZ_CHECK(answer->outcome > AUTOSCALING_NONE);
    FUZZ_CHECK((unsigned)answer->outcome < AUTOSCALING_OUTCOME_N);
    FUZZ_CHECK(answer->outcome != AUTOSCALING_OK || answer->status == 200);
    if (answer->found) {
        FUZZ_CHECK(call->action == AUTOSCALING_DESCRIBE && answer->outcome == AUTOSCALING_OK);
        FUZZ_CHECK(answer->group[0] != '\0' && answer->lifecycle_state[0] != '\0');
    }
    autoscaling_describe(call, answer, &t);
    FUZZ_CHECK(line[0] != '\0' && fuzz_is_printable(line));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct autoscaling_call call = {.region = "eu-central-1",
        .host = "autoscaling.eu-central-1.amazonaws.com",
        .port = 443,
        .hook = "launch",
        .group = "web",
        .instance_id = INSTANCE};
    struct autoscaling_answer answer = {0};
    unsigned status;
    char *body;
    size_t len;

    call.action = (enum autoscaling_action)(fuzz_number(&input, 1) % AUTOSCALING_ACTION_N);
    status = fuzz_number(&input, 2) % 1000;
    len = input.left;
    body = malloc(len + 1); /* of its own: a step beyond its end is seen */
    FUZZ_CHECK(body != NULL);
    if (len > 0) {
        memcpy(body, input.at, len);
    }
    body[len] = '\0';
    FUZZ_CHECK(autoscaling_answer_read(&call, status, body, len, &answer) == 0);
    check_answer(&call, &answer);
    free(body);
    return 0;
}
