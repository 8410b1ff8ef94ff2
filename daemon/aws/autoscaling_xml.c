/* See autoscaling_xml.h. The path below the root is kept as text ("/Error/Code"); where an element
 * ends whose path is one of ours, its text is taken. */
#include "daemon/aws/autoscaling_xml.h"

#include <errno.h>
#include <expat.h>
#include <stdlib.h>

#define BODY_MAX 65536 /* http.h's, too */
#define DEPTH_MAX 16   /* AWS nests six */
#define PATH_SIZE 128  /* longer than any path of ours */
#define RAW_SIZE 1024  /* bytes of a text that are looked at */

#define ERROR_ROOT "ErrorResponse"
#define MEMBER "/DescribeAutoScalingInstancesResult/AutoScalingInstances/member"

enum field {
    FIELD_CODE,
    FIELD_MESSAGE,
    FIELD_REQUEST_ID,
    FIELD_INSTANCE_ID,
    FIELD_GROUP,
    FIELD_LIFECYCLE_STATE,
};

static const struct {
    const char *path;
    enum field field;
    bool of_error; /* below ErrorResponse; else below the others */
} fields[] = {
    {"/Error/Code", FIELD_CODE, true},
    {"/Error/Message", FIELD_MESSAGE, true},
    {"/RequestId", FIELD_REQUEST_ID, true},
    {"/ResponseMetadata/RequestId", FIELD_REQUEST_ID, false},
    {MEMBER "/InstanceId", FIELD_INSTANCE_ID, false},
    {MEMBER "/AutoScalingGroupName", FIELD_GROUP, false},
    {MEMBER "/LifecycleState", FIELD_LIFECYCLE_STATE, false},
};

/* One instance of the list. */
struct member {
    char instance_id[AUTOSCALING_ID_SIZE];
    char group[CONF_NAME_SIZE];
    char lifecycle_state[AUTOSCALING_STATE_SIZE];
    bool spoiled; /* one of them is not what the service said: too long, or made printable */
};

struct reading {
    XML_Parser parser;
    const char *instance_id;
    char *root; /* AUTOSCALING_ROOT_SIZE */
    struct autoscaling_answer *answer;
    bool refused;
    unsigned depth;           /* of the element that is open; 1: the root */
    size_t lens[DEPTH_MAX];   /* of the path, before the element of that depth */
    char path_buf[PATH_SIZE]; /* below the root; one that is too long is cut, and none of ours */
    struct text path;
    char raw[RAW_SIZE]; /* since the last element began */
    size_t raw_len;
    struct member member;
};

static void
refuse(struct reading *reading)
{
    reading->refused = true;
    (void)XML_StopParser(reading->parser, XML_FALSE);
}

/* Copies without control characters, and cuts between characters. false: the copy is another text.
 */
static bool
copy_clean(char *dst, size_t size, const char *src, size_t len)
{
    size_t n = 0;
    bool same = true;

    for (size_t i = 0; i < len;) {
        size_t n_in = utf8_length(src + i, len - i);
        size_t n_out = n_in > 0 ? n_in : 1;

        if (n + n_out >= size) {
            same = false;
            break;
        }
        if (n_in > 0) {
            memcpy(dst + n, src + i, n_in);
            i += n_in;
        } else {
            dst[n] = src[i] == '\n' || src[i] == '\r' || src[i] == '\t' ? ' ' : '?';
            same = false;
            do { /* a control character may be of two bytes */
                i++;
            } while (i < len && ((unsigned char)src[i] & 0xc0) == 0x80);
        }
        n += n_out;
    }
    dst[n] = '\0';
    return same;
}

static void
take(struct reading *reading, enum field field)
{
    struct autoscaling_answer *answer = reading->answer;
    struct member *member = &reading->member;
    const char *raw = reading->raw;
    size_t len = reading->raw_len;
    bool same = true;

    switch (field) {
    case FIELD_CODE:
        (void)copy_clean(answer->code, sizeof(answer->code), raw, len);
        break;
    case FIELD_MESSAGE:
        (void)copy_clean(answer->message, sizeof(answer->message), raw, len);
        break;
    case FIELD_REQUEST_ID:
        (void)copy_clean(answer->request_id, sizeof(answer->request_id), raw, len);
        break;
    case FIELD_INSTANCE_ID:
        same = copy_clean(member->instance_id, sizeof(member->instance_id), raw, len);
        break;
    case FIELD_GROUP:
        same = copy_clean(member->group, sizeof(member->group), raw, len);
        break;
    case FIELD_LIFECYCLE_STATE:
        same = copy_clean(member->lifecycle_state, sizeof(member->lifecycle_state), raw, len);
        break;
    }
    member->spoiled |= !same;
}

/* The first one of our instance counts. A group whose name we do not have right cannot be spoken of
 * to the service. */
static void
take_member(struct reading *reading)
{
    const struct member *member = &reading->member;
    struct autoscaling_answer *answer = reading->answer;

    if (!streq(member->instance_id, reading->instance_id) || answer->found) {
        return;
    }
    if (member->spoiled || member->group[0] == '\0' || member->lifecycle_state[0] == '\0') {
        refuse(reading);
        return;
    }
    answer->found = true;
    (void)str_copy(answer->group, sizeof(answer->group), member->group);
    (void)str_copy(
        answer->lifecycle_state, sizeof(answer->lifecycle_state), member->lifecycle_state);
}

static void XMLCALL
on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    struct reading *reading = arg;

    (void)attributes;
    if (reading->depth == DEPTH_MAX) {
        refuse(reading);
        return;
    }
    reading->lens[reading->depth++] = reading->path.len;
    if (reading->depth == 1) {
        (void)copy_clean(reading->root, AUTOSCALING_ROOT_SIZE, name, strlen(name));
    } else {
        (void)text_add(&reading->path, "/%s", name);
    }
    if (streq(reading->path_buf, MEMBER)) {
        reading->member = (struct member){0};
    }
    reading->raw_len = 0;
}

static void XMLCALL
on_end(void *arg, const XML_Char *name)
{
    struct reading *reading = arg;
    bool of_error = streq(reading->root, ERROR_ROOT);

    (void)name;
    if (reading->refused) {
        return; /* expat still closes an element that is empty */
    }
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        if (fields[i].of_error == of_error && streq(fields[i].path, reading->path_buf)) {
            take(reading, fields[i].field);
        }
    }
    if (!of_error && streq(reading->path_buf, MEMBER)) {
        take_member(reading);
    }
    reading->path.len = reading->lens[--reading->depth];
    reading->path_buf[reading->path.len] = '\0';
    reading->raw_len = 0;
}

static void XMLCALL
on_text(void *arg, const XML_Char *text, int len)
{
    struct reading *reading = arg;
    size_t n = (size_t)len;

    if (n > sizeof(reading->raw) - reading->raw_len) {
        n = sizeof(reading->raw) - reading->raw_len;
    }
    memcpy(reading->raw + reading->raw_len, text, n);
    reading->raw_len += n;
}

static void XMLCALL
on_doctype(void *arg, const XML_Char *name, const XML_Char *system_id, const XML_Char *public_id,
    int has_internal_subset)
{
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal_subset;
    refuse(arg);
}

int
autoscaling_xml_read(const char *body, size_t len, const char *instance_id,
    char ret_root[static AUTOSCALING_ROOT_SIZE], struct autoscaling_answer *ret)
{
    struct reading reading = {.instance_id = instance_id, .root = ret_root, .answer = ret};
    enum XML_Status status;
    enum XML_Error error;

    if (len > BODY_MAX) {
        return -EINVAL;
    }
    reading.path = TEXT(reading.path_buf);
    reading.parser = XML_ParserCreate("UTF-8"); /* whatever it says of itself */
    if (reading.parser == NULL) {
        return -ENOMEM;
    }
    ret_root[0] = '\0';
    XML_SetUserData(reading.parser, &reading);
    XML_SetElementHandler(reading.parser, on_start, on_end);
    XML_SetCharacterDataHandler(reading.parser, on_text);
    XML_SetStartDoctypeDeclHandler(reading.parser, on_doctype);
    status = XML_Parse(reading.parser, body, (int)len, 1);
    error = XML_GetErrorCode(reading.parser);
    XML_ParserFree(reading.parser);
    if (status == XML_STATUS_OK && !reading.refused) {
        return 0;
    }
    return error == XML_ERROR_NO_MEMORY ? -ENOMEM : -EINVAL;
}
