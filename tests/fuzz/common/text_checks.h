/* What must hold for texts that are shown: collecting them, and looking at every line. */
#ifndef VPCE_TESTS_FUZZ_TEXT_CHECKS_H
#define VPCE_TESTS_FUZZ_TEXT_CHECKS_H

#include "fuzz.h"

/* A stream into memory. */
struct page {
    FILE *out;
    char *text; /* heap; after page_close */
    size_t len;
};

void page_open(struct page *page);
void page_close(struct page *page); /* the caller frees text */

/* Every line of the page is printable, and there is no NUL byte in it. Frees the text. */
void page_check_lines(struct page *page);

/* It could be JSON of ours: jansson reads it again as it was. text: heap, is freed. */
void check_json_text(char *text);

/* Prometheus's text format: a comment or one sample a line, printable. text: heap, is freed. */
void check_metrics(char *text);

/* Well-formed XML as far as tags go, UTF-8, and nothing in it from outside that is markup: inputs
 * that try write "<zz", "zz=" or "zz:" to be found out. text: heap, is freed. */
void check_html(char *text);

#endif
