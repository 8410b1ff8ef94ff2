/* Words and marks of the report page. Every text that is not our own goes through html_text: there
 * is no other way into the page. Pure but for the stream. */
#ifndef VPCE_DAEMON_HTML_H
#define VPCE_DAEMON_HTML_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* How something looks: a class of the style and, as colour alone tells nothing, a mark. */
enum html_tone {
    HTML_TONE_UNKNOWN,
    HTML_TONE_GOOD,
    HTML_TONE_WARN,
    HTML_TONE_BAD,
};
#define HTML_TONE_N (HTML_TONE_BAD + 1)

const char *html_tone_str(enum html_tone tone); /* the class: "good" … */
const char *html_tone_mark(enum html_tone tone);

/* state: of an endpoint, a name server or the host; NULL: not known. */
enum html_tone html_tone_of_state(const char *state);

#define HTML_WHOLE SIZE_MAX

/* A text from outside as content or between double quotes, in HTML and SVG alike. Bytes that are
 * not UTF-8, control characters and those that turn the direction of writing become U+FFFD. More
 * than max_chars characters are cut, with "…" at the end. NULL: "-". */
void html_text(FILE *out, const char *s, size_t max_chars);

/* <tag class="class_name">text</tag>; tag and class_name are ours; class_name NULL: none. */
void html_element(FILE *out, const char *tag, const char *class_name, const char *text);

/* Milliseconds as the tables show them; negative: "-". */
void html_ms(FILE *out, double ms);

/* A time (RFC 3339, UTC) to the second, as <time>. NULL: "-". */
void html_time(FILE *out, const char *rfc3339);

#endif
