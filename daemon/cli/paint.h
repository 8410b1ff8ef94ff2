/* How the verbs write for a person: colour by state, wrapping, and the texts of a status made safe
 * for a terminal, wherever they came from. */
#ifndef VPCE_DAEMON_CLI_PAINT_H
#define VPCE_DAEMON_CLI_PAINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define PAINT_LINE_SIZE 2048

struct render_options {
    int width;  /* columns, at least 40 */
    bool color; /* colour and marks */
};

enum tone {
    TONE_PLAIN,
    TONE_GOOD,
    TONE_WARN,
    TONE_BAD,
    TONE_DIM,
};

enum tone tone_of_state(const char *state); /* of an endpoint or of the host */
const char *tone_mark(enum tone tone);      /* "✓" … */

void paint_put(FILE *out, const struct render_options *options, enum tone tone, const char *text);

/* Columns of a text on the terminal: UTF-8 characters, each taken as one column wide. */
int paint_columns(const char *text);

/* Prints text in lines no wider than the terminal, each behind `indent` blanks. */
void paint_wrapped(FILE *out, const struct render_options *options, int indent, const char *text);

/* The same, with a label in the indent of the first line; it is shorter than the indent. */
void paint_hanging(FILE *out, const struct render_options *options, int indent, const char *label,
    const char *text);

/* A text, or that of an object's key, safe to print; "-" when there is none. */
void paint_text(const json_t *value, char *ret, size_t size);
void paint_text_of(const json_t *object, const char *key, char *ret, size_t size);

/* How long the state ("since") of the object has lasted at now_s: "8s"; "-" when not known. */
void paint_age_of(const json_t *object, int64_t now_s, char *ret, size_t size);

#endif
