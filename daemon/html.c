/* See html.h. */
#include "daemon/html.h"

#include "daemon/util.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define ELLIPSIS "\xe2\x80\xa6"

/* "2026-01-31T12:00:00" of "2026-01-31T12:00:00.000Z" */
#define DAY_LEN 10
#define SECOND_LEN 19

const char *
html_tone_str(enum html_tone tone)
{
    switch (tone) {
    case HTML_TONE_UNKNOWN:
        return "unknown";
    case HTML_TONE_GOOD:
        return "good";
    case HTML_TONE_WARN:
        return "warn";
    case HTML_TONE_BAD:
        return "bad";
    }
    return "unknown";
}

const char *
html_tone_mark(enum html_tone tone)
{
    switch (tone) {
    case HTML_TONE_UNKNOWN:
        return "?";
    case HTML_TONE_GOOD:
        return "✓";
    case HTML_TONE_WARN:
        return "!";
    case HTML_TONE_BAD:
        return "✗";
    }
    return "?";
}

enum html_tone
html_tone_of_state(const char *state)
{
    if (state == NULL) {
        return HTML_TONE_UNKNOWN;
    }
    if (streq(state, "ok") || streq(state, "healthy")) {
        return HTML_TONE_GOOD;
    }
    if (streq(state, "degraded")) {
        return HTML_TONE_WARN;
    }
    return streq(state, "failed") || streq(state, "unhealthy") ? HTML_TONE_BAD : HTML_TONE_UNKNOWN;
}

/* Well-formed characters that could make a text look like another, or that XML does not have. */
static bool
is_deceitful(const char *s, size_t len)
{
    const unsigned char *u = (const unsigned char *)s;
    unsigned code;

    if (len != 3) {
        return false;
    }
    code = (u[0] & 0x0fU) << 12 | (u[1] & 0x3fU) << 6 | (u[2] & 0x3fU);
    return (code >= 0x202a && code <= 0x202e) || /* bidirectional embeddings and overrides */
           (code >= 0x2066 && code <= 0x2069) || /* and isolates */
           code >= 0xfffe;
}

static void
put_character(FILE *out, const char *s, size_t len)
{
    switch (*s) {
    case '<':
        (void)fputs("&lt;", out);
        break;
    case '>':
        (void)fputs("&gt;", out);
        break;
    case '&':
        (void)fputs("&amp;", out);
        break;
    case '"':
        (void)fputs("&quot;", out);
        break;
    case '\'':
        (void)fputs("&#39;", out);
        break;
    default:
        (void)fwrite(s, 1, len, out);
        break;
    }
}

static size_t
count_characters(const char *s)
{
    size_t n = 0;

    for (; *s != '\0'; s++) {
        n += ((unsigned char)*s & 0xc0) != 0x80;
    }
    return n;
}

void
html_text(FILE *out, const char *s, size_t max_chars)
{
    size_t left;
    bool cut;

    s = s != NULL ? s : "-";
    left = strlen(s);
    cut = max_chars != HTML_WHOLE && count_characters(s) > max_chars;
    for (size_t n = 0; left > 0 && (!cut || n + 1 < max_chars); n++) {
        size_t len = utf8_length(s, left);

        if (len == 0 || is_deceitful(s, len)) {
            (void)fputs(*s == '\n' || *s == '\t' ? " " : REPLACEMENT, out);
        } else {
            put_character(out, s, len);
        }
        len = len > 0 ? len : 1;
        s += len;
        left -= len;
    }
    if (cut) {
        (void)fputs(ELLIPSIS, out);
    }
}

void
html_element(FILE *out, const char *tag, const char *class_name, const char *text)
{
    if (class_name != NULL) {
        (void)fprintf(out, "<%s class=\"%s\">", tag, class_name);
    } else {
        (void)fprintf(out, "<%s>", tag);
    }
    html_text(out, text, HTML_WHOLE);
    (void)fprintf(out, "</%s>", tag);
}

void
html_ms(FILE *out, double ms)
{
    if (ms < 0) {
        (void)fputc('-', out);
    } else {
        (void)fprintf(out, ms < 99.95 ? "%.1f" : "%.0f", ms);
    }
}

void
html_time(FILE *out, const char *rfc3339)
{
    char text[SECOND_LEN + 1];

    if (rfc3339 == NULL || strlen(rfc3339) < SECOND_LEN) {
        (void)fputc('-', out);
        return;
    }
    (void)str_copy(text, sizeof(text), rfc3339);
    text[DAY_LEN] = ' ';
    (void)fputs("<time datetime=\"", out);
    html_text(out, rfc3339, HTML_WHOLE);
    (void)fputs("\">", out);
    html_text(out, text, HTML_WHOLE);
    (void)fputs("</time>", out);
}
