/* The words for a verdict: what it means, what was seen (the summary carries the facts), what to
 * change (the remedy, in AWS's own terms). One table, used by every output. Pure; all text from
 * outside is escaped. */
#ifndef VPCE_PROBES_VERDICT_TEXT_H
#define VPCE_PROBES_VERDICT_TEXT_H

#include "daemon/util.h"
#include "probes/verdict.h"

#define SUMMARY_SIZE 512
#define REMEDY_SIZE 768
#define NOTE_SIZE 256
#define NOTES_MAX 8

/* What the host knows, for the words. */
struct verdict_context {
    const struct vpc_nets *nets;
    int64_t wall_s;                /* now, seconds since 1970; 0: not known */
    int64_t certificate_warning_s; /* a certificate that ends sooner is a note; 0: never */
};

/* One sentence that explains the code, without facts. */
const char *verdict_meaning(enum verdict_code code);

/* One sentence with the facts of this run. */
void verdict_summary(struct text *t, const struct endpoint_spec *spec,
    const struct probe_result *result, const struct verdict *verdict,
    const struct verdict_context *context);

/* What to change; empty when there is nothing to change. */
void verdict_remedy(struct text *t, const struct endpoint_spec *spec, enum verdict_code code,
    const struct verdict_context *context);

struct verdict_notes {
    size_t n;
    char lines[NOTES_MAX][NOTE_SIZE];
};

/* What else a reader should know; changes no state. */
void verdict_notes_of(const struct endpoint_spec *spec, const struct probe_result *result,
    const struct verdict *verdict, const struct verdict_context *context,
    struct verdict_notes *ret);

#endif
