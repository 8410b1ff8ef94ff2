/* See credentials_facts.h. A scanner for a flat JSON object (RFC 8259) that writes the members it
 * knows where they belong and steps over the others. */
#include "daemon/aws/credentials_facts.h"

#include "conf/timepoint.h"
#include "daemon/util.h"

#define KEY_SIZE 32 /* longer than every key we know */

/* Stands for a character that none of our values may have. */
#define NO_CHARACTER '\x7f'

/* ---- forms ---- */

static bool
is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool
is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static bool
is_word(const char *s)
{
    while (is_letter_or_digit(*s) || *s == '_') {
        s++;
    }
    return *s == '\0';
}

static bool
is_access_key_id(const char *s)
{
    return is_word(s) && strlen(s) >= 16;
}

/* The token goes into a header: visible ASCII without blanks. So is the secret. */
static bool
is_visible(const char *s)
{
    while (*s > ' ' && *s <= '~') {
        s++;
    }
    return *s == '\0';
}

/* Of all that timepoint_parse takes, the one form with a date, a time and a zone. */
static bool
is_time(const char *s)
{
    int64_t us;

    return strlen(s) >= strlen("2026-11-24T20:11:05Z") && s[10] == 'T' &&
           timepoint_parse(s, 0, &us) == 0;
}

/* IAM: letters, digits and these. */
static bool
is_role_character(char c)
{
    return is_letter_or_digit(c) || is_one_of(c, "_+=,.@-");
}

bool
credentials_role_read(const char *text, size_t len, char ret[static CREDENTIALS_ROLE_SIZE])
{
    const char *end = memchr(text, '\n', len);
    size_t n = end != NULL ? (size_t)(end - text) : len;

    if (n > 0 && text[n - 1] == '\r') {
        n--;
    }
    if (n == 0 || n >= CREDENTIALS_ROLE_SIZE) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_role_character(text[i])) {
            return false;
        }
    }
    memcpy(ret, text, n);
    ret[n] = '\0';
    return true;
}

/* ---- the members ---- */

#define MEMBER(name)                                                                               \
    offsetof(struct credentials_facts, name), sizeof(((struct credentials_facts *)NULL)->name)

struct member {
    const char *key;
    size_t offset;
    size_t size;
    bool (*is_good)(const char *s);
};

static const struct member members[] = {
    {"Code", MEMBER(code), is_word},
    {"AccessKeyId", MEMBER(access_key_id), is_access_key_id},
    {"SecretAccessKey", MEMBER(secret_access_key), is_visible},
    {"Token", MEMBER(session_token), is_visible},
    {"Expiration", MEMBER(expiration), is_time},
};

static const struct member *
find_member(const char *key)
{
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        if (streq(members[i].key, key)) {
            return &members[i];
        }
    }
    return NULL;
}

static char *
member_of(struct credentials_facts *facts, const struct member *member)
{
    return (char *)facts + member->offset;
}

/* ---- the scanner: false, the text is not what is wanted here ---- */

struct scan {
    const char *p;
    const char *end;
};

static void
skip_space(struct scan *scan)
{
    while (scan->p < scan->end && is_one_of(*scan->p, " \t\r\n")) {
        scan->p++;
    }
}

/* A character of the grammar, and the blanks before it. */
static bool
take(struct scan *scan, char c)
{
    skip_space(scan);
    if (scan->p == scan->end || *scan->p != c) {
        return false;
    }
    scan->p++;
    return true;
}

/* The four digits of "\u0041". */
static bool
take_code_point(struct scan *scan, char *ret)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    unsigned value = 0;

    for (size_t i = 0; i < 4; i++) {
        const char *at;

        if (scan->p == scan->end || !is_one_of(*scan->p, digits)) {
            return false;
        }
        at = strchr(digits, *scan->p++);
        value = value * 16 + (unsigned)((at - digits) % 16);
    }
    *ret = NO_CHARACTER;
    if (value >= ' ' && value < NO_CHARACTER) {
        *ret = (char)value;
    }
    return true;
}

/* What comes behind a backslash. */
static bool
take_escape(struct scan *scan, char *ret)
{
    char c;

    if (scan->p == scan->end) {
        return false;
    }
    c = *scan->p++;
    if (c == 'u') {
        return take_code_point(scan, ret);
    }
    *ret = c;
    if (is_one_of(c, "\"\\/")) {
        return true;
    }
    *ret = NO_CHARACTER;
    return is_one_of(c, "bfnrt");
}

/* A string, as one of less than size bytes in buf; "" when it is longer, which is no good value
 * either. buf NULL: nowhere. */
static bool
take_string(struct scan *scan, char *buf, size_t size)
{
    size_t n = 0;

    if (!take(scan, '"')) {
        return false;
    }
    while (scan->p < scan->end && *scan->p != '"') {
        char c = *scan->p++;

        if ((c >= '\0' && c < ' ') || (c == '\\' && !take_escape(scan, &c))) {
            return false;
        }
        if (buf != NULL && n + 1 < size) {
            buf[n] = c;
        }
        n++;
    }
    if (buf != NULL) {
        buf[n < size ? n : 0] = '\0';
    }
    return take(scan, '"');
}

/* A number, true, false or null. */
static bool
skip_word(struct scan *scan)
{
    const char *start = scan->p;

    while (scan->p < scan->end && (is_letter_or_digit(*scan->p) || is_one_of(*scan->p, "+-."))) {
        scan->p++;
    }
    return scan->p > start;
}

/* A part of a value: a string, a word, a bracket, or what stands between them. */
static bool
skip_part(struct scan *scan, size_t *depth)
{
    skip_space(scan);
    if (scan->p == scan->end) {
        return false;
    }
    if (*scan->p == '"') {
        return take_string(scan, NULL, 0);
    }
    if (is_one_of(*scan->p, "[{")) {
        (*depth)++;
    } else if (*depth > 0 && is_one_of(*scan->p, "]}")) {
        (*depth)--;
    } else if (*depth == 0 || !is_one_of(*scan->p, ",:")) {
        return skip_word(scan);
    }
    scan->p++;
    return true;
}

/* A value that nobody asks for. Of what is nested only the parts and the number of brackets are
 * looked at. */
static bool
skip_value(struct scan *scan)
{
    size_t depth = 0;

    do {
        if (!skip_part(scan, &depth)) {
            return false;
        }
    } while (depth > 0);
    return true;
}

static bool
take_member(struct scan *scan, struct credentials_facts *facts, const char **ret_bad)
{
    char key[KEY_SIZE] = "";
    const struct member *member;
    char *value;

    if (!take_string(scan, key, sizeof(key)) || !take(scan, ':')) {
        return false;
    }
    member = find_member(key);
    if (member == NULL) {
        return skip_value(scan);
    }
    value = member_of(facts, member);
    if (*value != '\0') {
        *ret_bad = member->key; /* which of the two is it? */
        return false;
    }
    skip_space(scan);
    /* null and numbers: "" is not good either, if it is wanted */
    return scan->p < scan->end && *scan->p != '"' ? skip_value(scan)
                                                  : take_string(scan, value, member->size);
}

static bool
take_object(struct scan *scan, struct credentials_facts *facts, const char **ret_bad)
{
    *ret_bad = "JSON";
    if (!take(scan, '{')) {
        return false;
    }
    if (!take(scan, '}')) {
        do {
            if (!take_member(scan, facts, ret_bad)) {
                return false;
            }
        } while (take(scan, ','));
        if (!take(scan, '}')) {
            return false;
        }
    }
    skip_space(scan);
    if (scan->p != scan->end) {
        return false;
    }
    *ret_bad = NULL;
    return true;
}

/* ---- what it means ---- */

static enum credentials_reading
reading_of(struct credentials_facts *facts, int64_t now_wall_s, const char **ret_bad)
{
    int64_t us = 0;

    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        const char *value = member_of(facts, &members[i]);

        if (*value == '\0' || !members[i].is_good(value)) {
            *ret_bad = members[i].key;
            return CREDENTIALS_READING_BAD;
        }
        if (i == 0 && !streq(value, "Success")) {
            return CREDENTIALS_READING_FAILED;
        }
    }
    (void)timepoint_parse(facts->expiration, 0, &us);
    facts->expires_wall_s = us / 1000000;
    return facts->expires_wall_s > now_wall_s ? CREDENTIALS_READING_GOOD
                                              : CREDENTIALS_READING_EXPIRED;
}

enum credentials_reading
credentials_facts_read(const char *text, size_t len, int64_t now_wall_s,
    struct credentials_facts *ret, const char **ret_bad)
{
    struct scan scan = {.p = text, .end = text + len};
    enum credentials_reading reading = CREDENTIALS_READING_BAD;
    char code[CREDENTIALS_CODE_SIZE] = "";

    explicit_bzero(ret, sizeof(*ret));
    if (take_object(&scan, ret, ret_bad)) {
        reading = reading_of(ret, now_wall_s, ret_bad);
    }
    if (reading == CREDENTIALS_READING_FAILED) {
        (void)str_copy(code, sizeof(code), ret->code);
    }
    if (reading != CREDENTIALS_READING_GOOD) {
        explicit_bzero(ret, sizeof(*ret));
        (void)str_copy(ret->code, sizeof(ret->code), code);
    }
    return reading;
}
