/* See http_head.h. A head is read line by line, each looked at once, none kept but what is asked
 * for: neither the number nor the length of lines needs a limit of its own. */
#include "probes/http_head.h"

#include "daemon/util.h"

#include <strings.h>
#include <time.h>

#ifndef VPCE_VERSION
#define VPCE_VERSION "unknown"
#endif

#define HTTPS_PORT 443

#define VERSION_PREFIX "HTTP/1."
#define VERSION_PREFIX_LEN (sizeof(VERSION_PREFIX) - 1)

/* Headers that hold a request id, the one people are asked for first. */
static const char *const id_names[] = {
    "x-amzn-requestid",
    "x-amzn-request-id",
    "x-amz-request-id",
    "x-amz-id-2",
};
#define ID_RANK_NONE ARRAY_SIZE(id_names)

/* Bytes of the answer, without an end of their own. */
struct piece {
    const char *s;
    size_t len;
};

/* One head under way. */
struct head {
    uint16_t status;
    size_t n_headers;
    size_t id_rank; /* in id_names, of request_id */
    char request_id[HTTP_REQUEST_ID_SIZE];
    bool is_registry; /* of containers */
    bool has_date;
    int64_t date_s; /* since 1970, UTC */
};

size_t
http_request_format(const struct endpoint_spec *spec, char buf[static HTTP_REQUEST_SIZE])
{
    struct text t = {.buf = buf, .size = HTTP_REQUEST_SIZE};
    bool is_ipv6 = strchr(spec->hostname, ':') != NULL;

    (void)text_add(&t, "GET %s HTTP/1.1\r\n", streq(spec->key, "ecr.dkr") ? "/v2/" : "/");
    (void)text_add(&t, is_ipv6 ? "Host: [%s]" : "Host: %s", spec->hostname);
    if (spec->port != HTTPS_PORT) {
        (void)text_add(&t, ":%u", spec->port);
    }
    (void)text_add(&t, "\r\nUser-Agent: vpce-probe/%s\r\n", VPCE_VERSION);
    (void)text_add(&t, "Accept: */*\r\nConnection: close\r\n\r\n");
    return t.len;
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* RFC 9110 5.6.2 */
static bool
is_token(struct piece p)
{
    for (size_t i = 0; i < p.len; i++) {
        char c = p.s[i];

        if (!is_letter(c) && !is_digit(c) && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)) {
            return false;
        }
    }
    return p.len > 0;
}

/* No control characters: RFC 9110 5.5. */
static bool
is_text(struct piece p)
{
    for (size_t i = 0; i < p.len; i++) {
        unsigned char c = (unsigned char)p.s[i];

        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool
is_named(struct piece p, const char *name)
{
    return p.len == strlen(name) && strncasecmp(p.s, name, p.len) == 0;
}

static struct piece
trimmed(struct piece p)
{
    while (p.len > 0 && is_blank(p.s[0])) {
        p.s++;
        p.len--;
    }
    while (p.len > 0 && is_blank(p.s[p.len - 1])) {
        p.len--;
    }
    return p;
}

/* The line that *rest begins with, without its end, which may be a LF alone (RFC 9112 2.2).
 * false: the end has not come. */
static bool
next_line(struct piece *rest, struct piece *ret)
{
    const char *end = memchr(rest->s, '\n', rest->len);
    struct piece line = {.s = rest->s};

    if (end == NULL) {
        return false;
    }
    line.len = (size_t)(end - line.s);
    rest->len -= line.len + 1;
    rest->s = end + 1;
    if (line.len > 0 && line.s[line.len - 1] == '\r') {
        line.len--;
    }
    *ret = line;
    return true;
}

static bool
may_become_status_line(struct piece p)
{
    size_t len = p.len < VERSION_PREFIX_LEN ? p.len : VERSION_PREFIX_LEN;

    return memcmp(p.s, VERSION_PREFIX, len) == 0;
}

/* "HTTP/1.1 200" and perhaps a reason. Classes above 5 are nobody's, but three digits. */
static bool
parse_status_line(struct piece line, uint16_t *ret)
{
    const char *s = line.s + VERSION_PREFIX_LEN;

    if (line.len < VERSION_PREFIX_LEN + 5 || !may_become_status_line(line) || !is_digit(s[0]) ||
        s[1] != ' ' || s[2] < '1' || !is_digit(s[2]) || !is_digit(s[3]) || !is_digit(s[4])) {
        return false;
    }
    if ((line.len > VERSION_PREFIX_LEN + 5 && s[5] != ' ') || !is_text(line)) {
        return false;
    }
    *ret = (uint16_t)((s[2] - '0') * 100 + (s[3] - '0') * 10 + (s[4] - '0'));
    return true;
}

/* Dates. Formats other than IMF-fixdate (RFC 9110 5.6.7) are obsolete, and no service sends them.
 */

static int
number_at(const char *s, size_t n_digits)
{
    int value = 0;

    for (size_t i = 0; i < n_digits; i++) {
        value = value * 10 + (s[i] - '0');
    }
    return value;
}

/* Which of the n names of three letters s begins with, or -1. */
static int
name_at(const char *s, const char *names, int n)
{
    for (int i = 0; i < n; i++) {
        if (memcmp(s, names + 3 * (size_t)i, 3) == 0) {
            return i;
        }
    }
    return -1;
}

static bool
has_form(struct piece p, const char *form)
{
    if (p.len != strlen(form)) {
        return false;
    }
    for (size_t i = 0; i < p.len; i++) {
        if (form[i] == '0' ? !is_digit(p.s[i]) : form[i] != '?' && form[i] != p.s[i]) {
            return false;
        }
    }
    return true;
}

static bool
parse_date(struct piece p, int64_t *ret_s)
{
    struct tm tm = {0};
    int hour;
    int minute;
    int second;

    if (!has_form(p, "???, 00 ??? 0000 00:00:00 GMT")) {
        return false;
    }
    hour = number_at(p.s + 17, 2);
    minute = number_at(p.s + 20, 2);
    second = number_at(p.s + 23, 2);
    tm.tm_mday = number_at(p.s + 5, 2);
    tm.tm_mon = name_at(p.s + 8, "JanFebMarAprMayJunJulAugSepOctNovDec", 12);
    tm.tm_year = number_at(p.s + 12, 4) - 1900;

    struct tm day = tm;
    int64_t day_s = timegm(&day); /* puts right what is no day: then it was none */

    if (tm.tm_mon < 0 || day.tm_mday != tm.tm_mday || day.tm_mon != tm.tm_mon ||
        day.tm_wday != name_at(p.s, "SunMonTueWedThuFriSat", 7) || hour > 23 || minute > 59 ||
        second > 60) {
        return false;
    }
    *ret_s = day_s + hour * INT64_C(3600) + minute * INT64_C(60) + second;
    return true;
}

/* Headers */

static void
keep_request_id(struct head *head, size_t rank, struct piece value)
{
    struct text t = TEXT(head->request_id);

    head->id_rank = rank;
    head->request_id[0] = '\0';
    (void)text_add_escaped(&t, value.s, value.len);
}

static void
take_header(struct head *head, struct piece name, struct piece value)
{
    if (value.len == 0) {
        return;
    }
    for (size_t rank = 0; rank < head->id_rank; rank++) {
        if (is_named(name, id_names[rank])) {
            keep_request_id(head, rank, value);
            return;
        }
    }
    if (is_named(name, "docker-distribution-api-version")) {
        head->is_registry = true;
    } else if (is_named(name, "date") && !head->has_date) {
        head->has_date = parse_date(value, &head->date_s);
    }
}

/* A folded line (RFC 9112 5.2) is allowed, but belongs to nothing we look for. */
static bool
parse_header(struct head *head, struct piece line)
{
    const char *colon = memchr(line.s, ':', line.len);
    struct piece name = {.s = line.s};
    struct piece value;

    if (is_blank(line.s[0])) {
        return head->n_headers > 0 && is_text(line);
    }
    if (colon == NULL) {
        return false;
    }
    name.len = (size_t)(colon - line.s);
    value = (struct piece){.s = colon + 1, .len = line.len - name.len - 1};
    if (!is_token(name) || !is_text(value)) {
        return false;
    }
    head->n_headers++;
    take_header(head, name, trimmed(value));
    return true;
}

static enum http_head
parse_one(struct piece *rest, struct head *head)
{
    struct piece line;

    *head = (struct head){.id_rank = ID_RANK_NONE};
    if (!next_line(rest, &line)) {
        return may_become_status_line(*rest) ? HTTP_HEAD_INCOMPLETE : HTTP_HEAD_MALFORMED;
    }
    if (!parse_status_line(line, &head->status)) {
        return HTTP_HEAD_MALFORMED;
    }
    while (next_line(rest, &line)) {
        if (line.len == 0) {
            return HTTP_HEAD_OK;
        }
        if (!parse_header(head, line)) {
            return HTTP_HEAD_MALFORMED;
        }
    }
    return HTTP_HEAD_INCOMPLETE;
}

enum http_head
http_head_parse(
    const char *buf, size_t len, int64_t wall_ms, struct http_facts *ret, bool *ret_is_aws)
{
    struct piece rest = {.s = buf, .len = len};
    struct head head;
    enum http_head r;

    do {
        r = parse_one(&rest, &head);
    } while (r == HTTP_HEAD_OK && head.status < 200);
    if (r != HTTP_HEAD_OK) {
        return r;
    }
    *ret = (struct http_facts){.status = head.status, .has_date = head.has_date};
    (void)str_copy(ret->request_id, sizeof(ret->request_id), head.request_id);
    ret->clock_skew_ms = head.has_date ? wall_ms - head.date_s * 1000 : 0;
    *ret_is_aws = head.id_rank < ID_RANK_NONE || head.is_registry;
    return HTTP_HEAD_OK;
}
