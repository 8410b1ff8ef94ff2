/* See paint.h. */
#include "daemon/cli/paint.h"

#include "conf/timespan.h"
#include "daemon/status_view.h"
#include "daemon/util.h"

static const char *
tone_start(enum tone tone)
{
    switch (tone) {
    case TONE_GOOD:
        return "\033[32m";
    case TONE_WARN:
        return "\033[33m";
    case TONE_BAD:
        return "\033[31m";
    case TONE_DIM:
        return "\033[2m";
    case TONE_PLAIN:
        break;
    }
    return "";
}

const char *
tone_mark(enum tone tone)
{
    switch (tone) {
    case TONE_GOOD:
        return "✓";
    case TONE_WARN:
        return "!";
    case TONE_BAD:
        return "✗";
    case TONE_PLAIN:
    case TONE_DIM:
        break;
    }
    return "?";
}

enum tone
tone_of_state(const char *state)
{
    if (streq(state, "ok") || streq(state, "healthy")) {
        return TONE_GOOD;
    }
    if (streq(state, "degraded")) {
        return TONE_WARN;
    }
    return streq(state, "failed") || streq(state, "unhealthy") ? TONE_BAD : TONE_DIM;
}

void
paint_put(FILE *out, const struct render_options *options, enum tone tone, const char *text)
{
    bool colored = options->color && tone != TONE_PLAIN;

    (void)fprintf(out, "%s%s%s", colored ? tone_start(tone) : "", text, colored ? "\033[0m" : "");
}

int
paint_columns(const char *text)
{
    int n = 0;

    for (; *text != '\0'; text++) {
        n += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return n;
}

void
paint_hanging(FILE *out, const struct render_options *options, int indent, const char *label,
    const char *text)
{
    int room = options->width - indent;
    int column = 0;

    (void)fprintf(out, "%s%*s", label, indent - paint_columns(label), "");
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        char word[PAINT_LINE_SIZE] = "";
        int columns;

        struct text t = TEXT(word);

        (void)text_add(&t, "%.*s", (int)len, text);
        columns = paint_columns(word);
        if (column > 0 && column + 1 + columns > room) {
            (void)fprintf(out, "\n%*s", indent, "");
            column = 0;
        }
        (void)fprintf(out, "%s%s", column > 0 ? " " : "", word);
        column += columns + (column > 0);
        text += len + (text[len] == ' ');
    }
    (void)fputc('\n', out);
}

void
paint_wrapped(FILE *out, const struct render_options *options, int indent, const char *text)
{
    paint_hanging(out, options, indent, "", text);
}

void
paint_text(const json_t *value, char *ret, size_t size)
{
    struct text t = {.buf = ret, .size = size};

    ret[0] = '\0';
    if (!json_is_string(value) || json_string_length(value) == 0) {
        (void)text_add(&t, "-");
        return;
    }
    (void)text_add_printable(&t, json_string_value(value), json_string_length(value));
}

void
paint_text_of(const json_t *object, const char *key, char *ret, size_t size)
{
    paint_text(json_object_get(object, key), ret, size);
}

void
paint_age_of(const json_t *object, int64_t now_s, char *ret, size_t size)
{
    int64_t since_s = status_seconds(object, "since");
    char text[TIMESPAN_TEXT_SIZE];

    if (since_s < 0 || now_s < since_s) {
        (void)str_copy(ret, size, "-");
        return;
    }
    (void)str_copy(
        ret, size, now_s == since_s ? "0s" : timespan_format((now_s - since_s) * 1000, text));
}
