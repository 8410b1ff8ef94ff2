/* See sigv4.h. In the order of AWS's description: canonical request, string to sign, signing key,
 * signature ("Create a signed AWS API request" in the IAM user guide). */
#include "daemon/aws/sigv4.h"

#include "daemon/util.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define TERMINATOR "aws4_request"
#define DAY_LEN 8 /* of the date: "20150830" */

/* Text of the heap that may hold a session token. */
static void
free_secret(char *s)
{
    if (s != NULL) {
        OPENSSL_cleanse(s, strlen(s));
        free(s);
    }
}

static void
cleanup_secret(char **s)
{
    free_secret(*s);
    *s = NULL;
}

/* ---- digests ---- */

static void
format_hex(const uint8_t *bytes, size_t len, char *ret)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        ret[2 * i] = digits[bytes[i] >> 4];
        ret[2 * i + 1] = digits[bytes[i] & 0xf];
    }
    ret[2 * len] = '\0';
}

int
sigv4_hash(const void *data, size_t len, char ret[static SIGV4_HASH_SIZE])
{
    uint8_t digest[SIGV4_KEY_LEN];
    size_t digest_len = 0;

    if (EVP_Q_digest(NULL, "SHA256", NULL, data, len, digest, &digest_len) != 1 ||
        digest_len != sizeof(digest)) {
        return -EIO;
    }
    format_hex(digest, sizeof(digest), ret);
    return 0;
}

/* ret may be key. */
static int
hmac(const void *key, size_t key_len, const char *text, uint8_t ret[static SIGV4_KEY_LEN])
{
    uint8_t mac[SIGV4_KEY_LEN];
    size_t mac_len = 0;
    bool good = EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, key_len, (const uint8_t *)text,
                    strlen(text), mac, sizeof(mac), &mac_len) != NULL &&
                mac_len == sizeof(mac);

    if (good) {
        memcpy(ret, mac, sizeof(mac));
    }
    OPENSSL_cleanse(mac, sizeof(mac));
    return good ? 0 : -EIO;
}

/* ---- the canonical URI ---- */

static bool
is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void
add_encoded(struct text *t, char c)
{
    (void)text_add(t, is_unreserved(c) ? "%c" : "%%%02X", (unsigned char)c);
}

/* Takes the last segment off what has been written since start. */
static void
drop_segment(struct text *t, size_t start)
{
    while (t->len > start && t->buf[--t->len] != '/') {
    }
    t->buf[t->len] = '\0';
}

static void
add_segment(struct text *t, const char *segment, size_t len)
{
    (void)text_add(t, "/");
    for (size_t i = 0; i < len; i++) {
        add_encoded(t, segment[i]);
    }
}

/* Without empty and "." segments; ".." takes the one before it away (RFC 3986 5.2.4). */
static void
add_normal_path(struct text *t, const char *path)
{
    size_t start = t->len;
    size_t len;

    for (const char *p = path; *p != '\0'; p += len) {
        p += *p == '/' ? 1 : 0;
        len = strcspn(p, "/");
        if (len == 2 && strncmp(p, "..", len) == 0) {
            drop_segment(t, start);
        } else if (len > 0 && !(len == 1 && *p == '.')) {
            add_segment(t, p, len);
        }
    }
    if (t->len == start || path[strlen(path) - 1] == '/') {
        (void)text_add(t, "/");
    }
}

static void
add_path(struct text *t, const struct sigv4_request *request)
{
    if (!request->keep_path) {
        add_normal_path(t, request->path);
        return;
    }
    for (const char *p = request->path; *p != '\0'; p++) {
        if (*p == '/') {
            (void)text_add(t, "/");
        } else {
            add_encoded(t, *p);
        }
    }
}

/* ---- the canonical query ---- */

/* Both encoded. */
struct parameter {
    const char *key;
    const char *value;
};

static int
hex_value(char c)
{
    const char *digits = "0123456789abcdef";
    const char *p = c != '\0' ? strchr(digits, c | 0x20) : NULL;

    return p != NULL && is_unreserved(c) ? (int)(p - digits) : -1;
}

/* "%NN" at s, of len bytes. false: there is none. */
static bool
parse_escape(const char *s, size_t len, char *ret)
{
    int high;
    int low;

    if (len < 3 || *s != '%') {
        return false;
    }
    high = hex_value(s[1]);
    low = hex_value(s[2]);
    if (high < 0 || low < 0) {
        return false;
    }
    *ret = (char)(high * 16 + low);
    return true;
}

/* Adds what was sent, encoded the one right way, and a terminator. Returns where it begins. */
static const char *
add_part(struct text *t, const char *part, size_t len)
{
    const char *start = t->buf + t->len;

    t->buf[t->len] = '\0'; /* there may be nothing to add */
    for (size_t i = 0; i < len; i++) {
        char c = part[i];

        if (parse_escape(part + i, len - i, &c)) {
            i += 2;
        }
        add_encoded(t, c);
    }
    t->len++; /* the terminator stays */
    return start;
}

static int
compare_parameters(const void *a, const void *b)
{
    const struct parameter *left = a;
    const struct parameter *right = b;
    int r = strcmp(left->key, right->key);

    return r != 0 ? r : strcmp(left->value, right->value);
}

/* query: sorted by name, then value. scratch: room for it, encoded and with terminators. */
static int
add_query(struct text *t, const char *query, struct text *scratch)
{
    struct parameter parameters[SIGV4_PARAMETERS_MAX];
    size_t n = 0;
    size_t len;

    for (const char *p = query; *p != '\0'; p += len) {
        size_t key_len;

        p += *p == '&' ? 1 : 0;
        len = strcspn(p, "&");
        if (len == 0) {
            continue;
        }
        if (n == SIGV4_PARAMETERS_MAX) {
            return -E2BIG;
        }
        key_len = strcspn(p, "=&");
        parameters[n].key = add_part(scratch, p, key_len);
        parameters[n].value = key_len < len ? add_part(scratch, p + key_len + 1, len - key_len - 1)
                                            : add_part(scratch, "", 0);
        n++;
    }
    if (n > 1) {
        qsort(parameters, n, sizeof(parameters[0]), compare_parameters);
    }
    for (size_t i = 0; i < n; i++) {
        (void)text_add(t, "%s%s=%s", i > 0 ? "&" : "", parameters[i].key, parameters[i].value);
    }
    return 0;
}

static int
add_query_of(struct text *t, const struct sigv4_request *request)
{
    const char *query = request->query != NULL ? request->query : "";
    size_t size = 4 * strlen(query) + 4;
    char *buf = malloc(size);
    struct text scratch = {.buf = buf, .size = size};
    int r;

    if (buf == NULL) {
        return -ENOMEM;
    }
    r = add_query(t, query, &scratch);
    free(buf);
    return r;
}

/* ---- the canonical headers ---- */

struct headers {
    struct http_header headers[SIGV4_HEADERS_MAX];
    size_t n;
};

/* Behind those of the same name: their order is that of the request. */
static void
insert_header(struct headers *headers, const char *name, const char *value)
{
    size_t i = headers->n++;

    while (i > 0 && strcasecmp(headers->headers[i - 1].name, name) > 0) {
        headers->headers[i] = headers->headers[i - 1];
        i--;
    }
    headers->headers[i] = (struct http_header){name, value};
}

static int
collect_headers(const struct sigv4_request *request, const char *session_token, const char *date,
    struct headers *ret)
{
    ret->n = 0;
    if (request->n_headers > SIGV4_HEADERS_MAX - 2) {
        return -E2BIG;
    }
    for (size_t i = 0; i < request->n_headers; i++) {
        if (request->headers[i].name[0] == '\0') {
            return -EINVAL;
        }
        insert_header(ret, request->headers[i].name, request->headers[i].value);
    }
    insert_header(ret, "x-amz-date", date);
    if (session_token != NULL && *session_token != '\0') {
        insert_header(ret, "x-amz-security-token", session_token);
    }
    return 0;
}

static void
add_lower(struct text *t, const char *name)
{
    for (const char *p = name; *p != '\0'; p++) {
        (void)text_add(t, "%c", *p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p);
    }
}

/* Runs of white space become one blank; at the ends there is none. */
static void
add_value(struct text *t, const char *value)
{
    static const char blanks[] = " \t\r\n\v\f";
    const char *separator = "";

    for (const char *p = value + strspn(value, blanks); *p != '\0'; p += strspn(p, blanks)) {
        size_t len = strcspn(p, blanks);

        (void)text_add(t, "%s%.*s", separator, (int)len, p);
        separator = " ";
        p += len;
    }
}

/* Whether this one has the name of the one before it; NULL: it is the first. */
static bool
is_repeated(const struct http_header *before, const struct http_header *header)
{
    return before != NULL && strcasecmp(before->name, header->name) == 0;
}

static void
add_headers(struct text *t, const struct headers *headers)
{
    const struct http_header *before = NULL;

    for (size_t i = 0; i < headers->n; i++) {
        const struct http_header *header = &headers->headers[i];

        if (is_repeated(before, header)) {
            (void)text_add(t, ",");
        } else {
            (void)text_add(t, "%s", before != NULL ? "\n" : "");
            add_lower(t, header->name);
            (void)text_add(t, ":");
        }
        add_value(t, header->value);
        before = header;
    }
    (void)text_add(t, "\n");
}

static void
add_signed_headers(struct text *t, const struct headers *headers)
{
    const struct http_header *before = NULL;

    for (size_t i = 0; i < headers->n; i++) {
        const struct http_header *header = &headers->headers[i];

        if (!is_repeated(before, header)) {
            (void)text_add(t, "%s", before != NULL ? ";" : "");
            add_lower(t, header->name);
        }
        before = header;
    }
}

/* ---- the canonical request ---- */

/* false: the time is none of this millennium's. */
static bool
format_date(const struct sigv4_scope *scope, char ret[static SIGV4_DATE_SIZE])
{
    time_t wall = (time_t)scope->wall_s;
    struct tm tm;

    return gmtime_r(&wall, &tm) != NULL &&
           strftime(ret, SIGV4_DATE_SIZE, "%Y%m%dT%H%M%SZ", &tm) == SIGV4_DATE_SIZE - 1;
}

/* Bytes that the canonical request has at most. */
static size_t
canonical_size(const struct sigv4_request *request, const struct headers *headers)
{
    size_t size = strlen(request->method) + 3 * strlen(request->path) + SIGV4_HASH_SIZE + 16;

    size += request->query != NULL ? 4 * strlen(request->query) : 0;
    for (size_t i = 0; i < headers->n; i++) {
        size += 2 * strlen(headers->headers[i].name) + strlen(headers->headers[i].value) + 4;
    }
    return size;
}

static int
format_canonical(struct text *t, const struct sigv4_request *request, const struct headers *headers)
{
    char hash[SIGV4_HASH_SIZE];
    int r = sigv4_hash(request->body_len > 0 ? request->body : "", request->body_len, hash);

    if (r < 0) {
        return r;
    }
    (void)text_add(t, "%s\n", request->method);
    add_path(t, request);
    (void)text_add(t, "\n");
    r = add_query_of(t, request);
    (void)text_add(t, "\n");
    add_headers(t, headers);
    (void)text_add(t, "\n");
    add_signed_headers(t, headers);
    (void)text_add(t, "\n%s", hash);
    return r;
}

int
sigv4_canonical_request(const struct sigv4_request *request,
    const struct sigv4_credentials *credentials, const struct sigv4_scope *scope, char **ret)
{
    char date[SIGV4_DATE_SIZE];
    struct headers headers;
    struct text t;
    int r;

    if (*request->method == '\0' || *request->path != '/' || !format_date(scope, date)) {
        return -EINVAL;
    }
    r = collect_headers(request, credentials->session_token, date, &headers);
    if (r < 0) {
        return r;
    }
    t = (struct text){.size = canonical_size(request, &headers)};
    t.buf = calloc(1, t.size);
    if (t.buf == NULL) {
        return -ENOMEM;
    }
    r = format_canonical(&t, request, &headers);
    if (r < 0) {
        free_secret(t.buf);
        return r;
    }
    *ret = t.buf;
    return 0;
}

/* ---- the string to sign ---- */

int
sigv4_string_to_sign(const char *canonical_request, const struct sigv4_scope *scope, char **ret)
{
    char hash[SIGV4_HASH_SIZE];
    char date[SIGV4_DATE_SIZE];
    int r = sigv4_hash(canonical_request, strlen(canonical_request), hash);

    if (r < 0) {
        return r;
    }
    if (*scope->region == '\0' || *scope->service == '\0' || !format_date(scope, date)) {
        return -EINVAL;
    }
    r = asprintf(ret, ALGORITHM "\n%s\n%.*s/%s/%s/" TERMINATOR "\n%s", date, DAY_LEN, date,
        scope->region, scope->service, hash);
    return r < 0 ? -ENOMEM : 0;
}

/* ---- the key and the signature ---- */

int
sigv4_signing_key(const char *secret_access_key, const struct sigv4_scope *scope,
    uint8_t ret[static SIGV4_KEY_LEN])
{
    char secret[sizeof("AWS4") + SIGV4_SECRET_MAX] = "AWS4";
    char date[SIGV4_DATE_SIZE];
    uint8_t key[SIGV4_KEY_LEN];
    int r = -EINVAL;

    if (*secret_access_key != '\0' && format_date(scope, date) &&
        str_copy(secret + strlen("AWS4"), SIGV4_SECRET_MAX + 1, secret_access_key)) {
        date[DAY_LEN] = '\0';
        r = hmac(secret, strlen(secret), date, key);
    }
    if (r == 0) {
        r = hmac(key, sizeof(key), scope->region, key);
    }
    if (r == 0) {
        r = hmac(key, sizeof(key), scope->service, key);
    }
    if (r == 0) {
        r = hmac(key, sizeof(key), TERMINATOR, key);
    }
    if (r == 0) {
        memcpy(ret, key, sizeof(key));
    }
    OPENSSL_cleanse(secret, sizeof(secret));
    OPENSSL_cleanse(key, sizeof(key));
    return r;
}

static int
compute_signature(const char *string_to_sign, const char *secret_access_key,
    const struct sigv4_scope *scope, char ret[static SIGV4_HASH_SIZE])
{
    uint8_t key[SIGV4_KEY_LEN];
    uint8_t mac[SIGV4_KEY_LEN];
    int r = sigv4_signing_key(secret_access_key, scope, key);

    if (r == 0) {
        r = hmac(key, sizeof(key), string_to_sign, mac);
    }
    if (r == 0) {
        format_hex(mac, sizeof(mac), ret);
    }
    OPENSSL_cleanse(key, sizeof(key));
    return r;
}

/* false: it does not fit. */
static bool
format_authorization(const struct sigv4_request *request,
    const struct sigv4_credentials *credentials, const struct sigv4_scope *scope,
    const char *signature, struct sigv4_signature *ret)
{
    struct text t = TEXT(ret->authorization);
    struct headers headers;

    if (collect_headers(request, credentials->session_token, ret->date, &headers) < 0) {
        return false;
    }
    (void)text_add(&t, ALGORITHM " Credential=%s/%.*s/%s/%s/" TERMINATOR ", SignedHeaders=",
        credentials->access_key_id, DAY_LEN, ret->date, scope->region, scope->service);
    add_signed_headers(&t, &headers);
    return text_add(&t, ", Signature=%s", signature);
}

int
sigv4_sign(const struct sigv4_request *request, const struct sigv4_credentials *credentials,
    const struct sigv4_scope *scope, struct sigv4_signature *ret)
{
    CLEANUP(cleanup_secret) char *canonical = NULL;
    CLEANUP(cleanup_free) char *string_to_sign = NULL;
    struct sigv4_signature signature = {.date = ""};
    char hex[SIGV4_HASH_SIZE];
    int r;

    if (*credentials->access_key_id == '\0' || !format_date(scope, signature.date)) {
        return -EINVAL;
    }
    r = sigv4_canonical_request(request, credentials, scope, &canonical);
    if (r == 0) {
        r = sigv4_string_to_sign(canonical, scope, &string_to_sign);
    }
    if (r == 0) {
        r = compute_signature(string_to_sign, credentials->secret_access_key, scope, hex);
    }
    if (r == 0 && !format_authorization(request, credentials, scope, hex, &signature)) {
        r = -E2BIG;
    }
    if (r == 0) {
        *ret = signature;
    }
    return r;
}
