/* See conf_line.h. */
#include "conf/conf_line.h"

#include <string.h>

#define BOM "\xef\xbb\xbf" /* U+FEFF in UTF-8; some editors begin a file with it */

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Takes the line end of either kind and the blanks before it away. */
static void
trim_end(struct conf_line *line)
{
    if (line->len > 0 && line->text[line->len - 1] == '\r') {
        line->len--;
    }
    if (line->len > CONF_LINE_MAX) {
        line->too_long = true;
        line->len = CONF_LINE_MAX;
    }
    while (line->len > 0 && is_blank(line->text[line->len - 1])) {
        line->len--;
    }
    line->text[line->len] = '\0';
}

static void
skip_bom(struct conf_line *line)
{
    size_t n = strlen(BOM);

    if (line->len >= n && memcmp(line->text, BOM, n) == 0) {
        memmove(line->text, line->text + n, line->len - n);
        line->len -= n;
    }
}

bool
conf_line_read(FILE *stream, size_t *bytes, struct conf_line *ret)
{
    struct conf_line line = {.len = 0};
    bool first = *bytes == 0;
    bool any = false;
    int c;

    while ((c = getc_unlocked(stream)) != EOF) {
        any = true;
        if (++*bytes > CONF_FILE_MAX) {
            return false;
        }
        if (c == '\n') {
            break;
        }
        if (line.len < sizeof(line.text) - 1) { /* one byte more than a line may have: a CR */
            line.text[line.len++] = (char)c;
        } else {
            line.too_long = true;
        }
    }
    if (!any) {
        return false;
    }
    if (first) {
        skip_bom(&line);
    }
    trim_end(&line);
    *ret = line;
    return true;
}

static bool
has_control_character(const struct conf_line *line)
{
    for (size_t i = 0; i < line->len; i++) {
        unsigned char c = (unsigned char)line->text[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return true;
        }
    }
    return false;
}

static bool
has_inline_comment(const char *text)
{
    for (const char *p = strchr(text, ';'); p != NULL; p = strchr(p + 1, ';')) {
        if (p > text && is_blank(p[-1])) {
            return true;
        }
    }
    return false;
}

static const char *
problem_of_setting(const char *text)
{
    const char *equals = strchr(text, '=');

    if (equals == NULL) {
        return "is neither a [Section], nor KEY=VALUE, nor a comment";
    }
    if (equals == text) {
        return "has no key before the =";
    }
    if (memchr(text, ':', (size_t)(equals - text)) != NULL) {
        return "has a : in the key; write KEY=VALUE";
    }
    if (has_inline_comment(text)) {
        return "has a comment behind the value; put it on a line of its own";
    }
    return NULL;
}

enum conf_line_kind
conf_line_kind(const struct conf_line *line, const char **ret_problem)
{
    static const char too_long[] = "is longer than 198 bytes; no setting needs more";
    static const char control[] = "has a control character or a NUL byte; this must be plain text";
    static const char indented[] = "starts with a blank; there are no continuation lines";
    const char *problem = NULL;

    _Static_assert(CONF_LINE_MAX == 198, "as the sentence says");
    if (line->too_long) {
        problem = too_long;
    } else if (has_control_character(line)) {
        problem = control;
    } else if (line->len == 0 || line->text[0] == '#' || line->text[0] == ';') {
        return CONF_LINE_EMPTY;
    } else if (is_blank(line->text[0])) {
        problem = indented;
    } else if (line->text[0] == '[') {
        return CONF_LINE_HEADER;
    } else {
        problem = problem_of_setting(line->text);
    }
    if (problem != NULL) {
        *ret_problem = problem;
        return CONF_LINE_BAD;
    }
    return CONF_LINE_SETTING;
}
