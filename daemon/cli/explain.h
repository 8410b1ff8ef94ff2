/* How `vpce-probe explain` prints: sections of wrapped text, then the commands as they are. */
#ifndef VPCE_DAEMON_CLI_EXPLAIN_H
#define VPCE_DAEMON_CLI_EXPLAIN_H

#include "daemon/cli/paint.h"
#include "probes/verdict_text.h"

/* Every verdict and its meaning. */
void explain_print_all(FILE *out, const struct render_options *options);

/* specs: the n endpoints the words are filled in with, at least one. */
void explain_print_verdict(FILE *out, const struct render_options *options, enum verdict_code code,
    const struct endpoint_spec *const *specs, size_t n, const struct verdict_context *context);

/* One object of the status's "endpoints", with the causes it is folded under. */
void explain_print_endpoint(
    FILE *out, const struct render_options *options, const json_t *status, const json_t *endpoint);

/* The names of the verdicts, in one text. */
void explain_print_names(FILE *out, const struct render_options *options);

#endif
