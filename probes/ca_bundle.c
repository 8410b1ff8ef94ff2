/* See ca_bundle.h. Line by line: text, BEGIN, Base64, END; then a walk over the DER of what was
 * between them. Every step takes one form and refuses the others. */
#include "probes/ca_bundle.h"

#include "daemon/util.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#define BEGIN_LINE "-----BEGIN CERTIFICATE-----"
#define END_LINE "-----END CERTIFICATE-----"
#define DASHES "-----"

/* OpenSSL reads lines in pieces of 254 bytes, and a piece may look like a line. */
#define LINE_MAX_BYTES 250

/* Of Base64 in a line: all of the lines but the last of a certificate have so many. */
#define BASE64_LINE 64

/* Tags of DER (X.690) in the order they come in. */
enum tag {
    TAG_BOOLEAN = 0x01,
    TAG_INTEGER = 0x02,
    TAG_BIT_STRING = 0x03,
    TAG_OCTET_STRING = 0x04,
    TAG_NULL = 0x05,
    TAG_OID = 0x06,
    TAG_UTC_TIME = 0x17,
    TAG_GENERALIZED_TIME = 0x18,
    TAG_SEQUENCE = 0x30,
    TAG_VERSION = 0xa0,
    TAG_EXTENSIONS = 0xa3,
};

struct line {
    const char *at;
    size_t len;
};

struct input {
    const char *at;
    const char *end;
};

/* Bytes of DER that are left. */
struct der {
    const unsigned char *at;
    const unsigned char *end;
};

/* Without its end, which may be missing from the last one. */
static bool
take_line(struct input *in, struct line *ret)
{
    size_t left = (size_t)(in->end - in->at);
    const char *newline = left > 0 ? memchr(in->at, '\n', left) : NULL;
    size_t len = newline != NULL ? (size_t)(newline - in->at) : left;

    if (left == 0) {
        return false;
    }
    *ret = (struct line){in->at, len};
    in->at += len + (newline != NULL);
    if (len > 0 && ret->at[len - 1] == '\r') {
        ret->len--;
    }
    return true;
}

static bool
is_line(const struct line *line, const char *text)
{
    return line->len == strlen(text) && memcmp(line->at, text, line->len) == 0;
}

/* Around the certificates anything may stand, but nothing that OpenSSL might take for the beginning
 * of something. */
static bool
is_text(const struct line *line)
{
    return line->len <= LINE_MAX_BYTES && memchr(line->at, '\0', line->len) == NULL &&
           memmem(line->at, line->len, DASHES, strlen(DASHES)) == NULL;
}

/* Base64 (RFC 4648): the value of each letter, -1 of what is none. A table, as there are 200,000.
 */
struct base64 {
    short values[UCHAR_MAX + 1];
};

static void
base64_init(struct base64 *base64)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < ARRAY_SIZE(base64->values); i++) {
        base64->values[i] = -1;
    }
    for (size_t i = 0; i < sizeof(letters) - 1; i++) {
        base64->values[(unsigned char)letters[i]] = (short)i;
    }
}

/* Four letters, or fewer and '=' to the end of the certificate. Returns how many bytes, 0: wrong.
 */
static size_t
decode_group(const struct base64 *base64, const char *letters, unsigned char *out)
{
    size_t n_pad = letters[3] == '=' ? 1 + (size_t)(letters[2] == '=') : 0;
    int values[4] = {0};
    unsigned bits;

    for (size_t i = 0; i < 4 - n_pad; i++) {
        values[i] = base64->values[(unsigned char)letters[i]];
    }
    if ((values[0] | values[1] | values[2] | values[3]) < 0) {
        return 0;
    }
    bits = (unsigned)(values[0] << 18 | values[1] << 12 | values[2] << 6 | values[3]);
    out[0] = (unsigned char)(bits >> 16);
    out[1] = (unsigned char)(bits >> 8); /* there is room; what is padding is written over */
    out[2] = (unsigned char)bits;
    return 3 - n_pad;
}

/* The lines up to END. Returns how many bytes, 0: wrong. */
static size_t
decode_pem(const struct base64 *base64, struct input *in, unsigned char *out)
{
    size_t len = 0;
    bool last = false; /* whatever comes after it is wrong */
    struct line line = {NULL, 0};

    while (take_line(in, &line) && !is_line(&line, END_LINE)) {
        if (last || line.len == 0 || line.len > BASE64_LINE || line.len % 4 != 0) {
            return 0;
        }
        last = line.len < BASE64_LINE || line.at[line.len - 1] == '=';
        for (size_t i = 0; i < line.len; i += 4) {
            size_t n = decode_group(base64, line.at + i, out + len);

            if (n == 0 || (n < 3 && i + 4 < line.len)) {
                return 0;
            }
            len += n;
        }
    }
    return is_line(&line, END_LINE) ? len : 0;
}

/* A definite length of up to three bytes, no longer than need be. */
static bool
take_length(struct der *in, size_t *ret)
{
    size_t left = (size_t)(in->end - in->at);
    size_t n = 0;
    size_t len;

    if (left < 1) {
        return false;
    }
    len = *in->at++;
    if (len >= 0x80) {
        n = len - 0x80;
        if (n < 1 || n > 3 || left < 1 + n || in->at[0] == 0) {
            return false;
        }
        len = 0;
        for (size_t i = 0; i < n; i++) {
            len = len << 8 | *in->at++;
        }
        if (n == 1 && len < 0x80) {
            return false;
        }
    }
    *ret = len;
    return len <= (size_t)(in->end - in->at);
}

/* The element at the head, which has to have this tag: its content. */
static bool
take(struct der *in, enum tag tag, struct der *ret)
{
    size_t len;

    if (in->at == in->end || *in->at != tag) {
        return false;
    }
    in->at++;
    if (!take_length(in, &len)) {
        return false;
    }
    *ret = (struct der){in->at, in->at + len};
    in->at += len;
    return true;
}

static bool
is_at_end(const struct der *in)
{
    return in->at == in->end;
}

static bool
has_tag(const struct der *in, enum tag tag)
{
    return !is_at_end(in) && *in->at == tag;
}

static bool
take_integer(struct der *in)
{
    struct der content;

    if (!take(in, TAG_INTEGER, &content) || is_at_end(&content)) {
        return false;
    }
    if (content.end - content.at == 1) {
        return true;
    }
    /* nine equal bits at the head are padding */
    return !((content.at[0] == 0 && content.at[1] < 0x80) ||
             (content.at[0] == 0xff && content.at[1] >= 0x80));
}

static bool
take_oid(struct der *in)
{
    struct der content;
    bool first = true; /* of a number */

    if (!take(in, TAG_OID, &content) || is_at_end(&content)) {
        return false;
    }
    for (; !is_at_end(&content); content.at++) {
        if (first && *content.at == 0x80) {
            return false;
        }
        first = *content.at < 0x80;
    }
    return first;
}

static bool
take_bits(struct der *in)
{
    struct der content;

    return take(in, TAG_BIT_STRING, &content) && !is_at_end(&content) && *content.at <= 7;
}

static bool
take_algorithm(struct der *in)
{
    struct der content;
    struct der parameter;

    if (!take(in, TAG_SEQUENCE, &content) || !take_oid(&content)) {
        return false;
    }
    if (has_tag(&content, TAG_NULL)) {
        return take(&content, TAG_NULL, &parameter) && is_at_end(&parameter) && is_at_end(&content);
    }
    if (has_tag(&content, TAG_OID)) {
        return take_oid(&content) && is_at_end(&content);
    }
    return is_at_end(&content) || (take(&content, TAG_SEQUENCE, &parameter) && is_at_end(&content));
}

static bool
take_time(struct der *in)
{
    struct der content;

    return take(in, has_tag(in, TAG_UTC_TIME) ? TAG_UTC_TIME : TAG_GENERALIZED_TIME, &content);
}

static bool
take_validity(struct der *in)
{
    struct der content;

    return take(in, TAG_SEQUENCE, &content) && take_time(&content) && take_time(&content) &&
           is_at_end(&content);
}

static bool
take_key(struct der *in)
{
    struct der content;

    return take(in, TAG_SEQUENCE, &content) && take_algorithm(&content) && take_bits(&content) &&
           is_at_end(&content);
}

/* Not what is in it. */
static bool
take_name(struct der *in, const unsigned char *start, struct ca_span *ret)
{
    const unsigned char *at = in->at;
    struct der content;

    if (!take(in, TAG_SEQUENCE, &content)) {
        return false;
    }
    *ret = (struct ca_span){(uint32_t)(at - start), (uint32_t)(in->at - at)};
    return true;
}

static bool
take_version(struct der *in)
{
    struct der content;

    if (!has_tag(in, TAG_VERSION)) {
        return true;
    }
    return take(in, TAG_VERSION, &content) && take_integer(&content) && is_at_end(&content);
}

/* Not what is in its value, which OpenSSL, too, reads only when it is asked for. */
static bool
take_extension(struct der *in)
{
    struct der content;
    struct der part;

    if (!take(in, TAG_SEQUENCE, &content) || !take_oid(&content)) {
        return false;
    }
    if (has_tag(&content, TAG_BOOLEAN) &&
        (!take(&content, TAG_BOOLEAN, &part) || part.end - part.at != 1)) {
        return false;
    }
    return take(&content, TAG_OCTET_STRING, &part) && is_at_end(&content);
}

static bool
take_extensions(struct der *in)
{
    struct der outer;
    struct der list;

    if (is_at_end(in)) {
        return true;
    }
    if (!take(in, TAG_EXTENSIONS, &outer) || !take(&outer, TAG_SEQUENCE, &list) ||
        !is_at_end(&outer)) {
        return false;
    }
    while (!is_at_end(&list)) {
        if (!take_extension(&list)) {
            return false;
        }
    }
    return true;
}

/* RFC 5280, 4.1; without unique identifiers, which nobody has. start: of the bundle. */
static bool
is_certificate(const unsigned char *start, struct ca_cert *cert)
{
    struct der in = {start + cert->whole.at, start + cert->whole.at + cert->whole.len};
    struct der whole;
    struct der body;

    return take(&in, TAG_SEQUENCE, &whole) && is_at_end(&in) && take(&whole, TAG_SEQUENCE, &body) &&
           take_version(&body) && take_integer(&body) && take_algorithm(&body) &&
           take_name(&body, start, &cert->issuer) && take_validity(&body) &&
           take_name(&body, start, &cert->subject) && take_key(&body) && take_extensions(&body) &&
           is_at_end(&body) && take_algorithm(&whole) && take_bits(&whole) && is_at_end(&whole);
}

/* Grows by doubling. */
static struct ca_cert *
add_cert(struct ca_bundle *bundle)
{
    size_t n = bundle->n;

    if ((n & (n - 1)) == 0) { /* full: 0, 1, 2, 4, ... */
        struct ca_cert *certs =
            reallocarray(bundle->certs, n > 0 ? 2 * n : 1, sizeof(*bundle->certs));

        if (certs == NULL) {
            return NULL;
        }
        bundle->certs = certs;
    }
    return &bundle->certs[bundle->n++];
}

static int
take_all(struct input *in, struct ca_bundle *bundle)
{
    size_t at = 0;
    struct base64 base64;
    struct line line;

    base64_init(&base64);
    while (take_line(in, &line)) {
        struct ca_cert *cert;
        size_t len;

        if (is_text(&line)) {
            continue;
        }
        len = is_line(&line, BEGIN_LINE) ? decode_pem(&base64, in, bundle->der + at) : 0;
        if (len == 0) {
            return -EINVAL;
        }
        cert = add_cert(bundle);
        if (cert == NULL) {
            return -ENOMEM;
        }
        *cert = (struct ca_cert){.whole = {(uint32_t)at, (uint32_t)len}};
        if (!is_certificate(bundle->der, cert)) {
            return -EINVAL;
        }
        at += len;
    }
    if (bundle->n == 0) {
        return -EINVAL;
    }

    unsigned char *shrunk = realloc(bundle->der, at);

    bundle->der = shrunk != NULL ? shrunk : bundle->der;
    return 0;
}

int
ca_bundle_parse(const char *text, size_t len, struct ca_bundle *ret)
{
    struct input in = {text, text + len};
    struct ca_bundle bundle = {NULL, NULL, 0};
    int r;

    if (len > UINT32_MAX) {
        return -EINVAL;
    }
    bundle.der = malloc(len + 1);
    if (bundle.der == NULL) {
        return -ENOMEM;
    }
    r = take_all(&in, &bundle);
    if (r < 0) {
        ca_bundle_reset(&bundle);
        return r;
    }
    *ret = bundle;
    return 0;
}

void
ca_bundle_reset(struct ca_bundle *bundle)
{
    free(bundle->der);
    free(bundle->certs);
    *bundle = (struct ca_bundle){NULL, NULL, 0};
}
