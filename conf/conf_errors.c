/* See conf_errors.h and conf.h. */
#include "conf/conf_errors.h"

#include "daemon/util.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void
conf_where_format(const struct conf_where *where, char ret[static CONF_WHERE_SIZE])
{
    struct text text = {.buf = ret, .size = CONF_WHERE_SIZE - CONF_WHERE_LINE_SIZE};

    *ret = '\0';
    (void)text_add_escaped(&text, where->file, strlen(where->file));
    text.size = CONF_WHERE_SIZE; /* whatever the file is called, its line is told */
    if (where->line > 0) {
        (void)text_add(&text, ":%u", where->line);
    }
}

static char *
error_line(const struct conf_where *where, const char *subject, const char *sentence)
{
    char place[CONF_WHERE_SIZE];
    char subject_buf[2 * CONF_LINE_MAX] = "";
    struct text escaped = TEXT(subject_buf);
    char *line;

    conf_where_format(where, place);
    (void)text_add_escaped(&escaped, subject, strlen(subject));
    if (asprintf(&line, "%s: %s: %s", place, subject_buf, sentence) < 0) {
        return NULL;
    }
    return line;
}

void
conf_errors_add(struct conf_errors *errors, const struct conf_where *where, const char *subject,
    const char *format, ...)
{
    char sentence[CONF_SENTENCE_SIZE];
    va_list args;
    char *line;

    errors->n_found++;
    if (errors->n == CONF_ERRORS_MAX) {
        return;
    }
    if (errors->lines == NULL) {
        errors->lines = calloc(CONF_ERRORS_MAX, sizeof(*errors->lines));
    }
    va_start(args, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    line = error_line(where, subject, sentence);
    if (errors->lines == NULL || line == NULL) {
        free(line);
        return;
    }
    errors->lines[errors->n++] = line;
}

void
conf_errors_print(const struct conf_errors *errors, FILE *stream)
{
    for (size_t i = 0; i < errors->n; i++) {
        (void)fprintf(stream, "%s\n", errors->lines[i]);
    }
    if (errors->n_found > errors->n) {
        (void)fprintf(stream, "%zu more errors\n", errors->n_found - errors->n);
    }
}

void
conf_errors_reset(struct conf_errors *errors)
{
    for (size_t i = 0; i < errors->n; i++) {
        free(errors->lines[i]);
    }
    free(errors->lines);
    *errors = (struct conf_errors){0};
}
