/* The words for a verdict: what it means, what was seen (the summary carries the facts), what to
 * change (the remedy, in AWS's own terms), and the commands that do it. One table, used by every
 * output. Pure; all text from outside is escaped. */
#ifndef VPCE_PROBES_VERDICT_TEXT_H
#define VPCE_PROBES_VERDICT_TEXT_H

#include "daemon/util.h"
#include "probes/verdict.h"

#define SUMMARY_SIZE 512
#define REMEDY_SIZE 1024
#define COMMAND_SIZE 401    /* one line */
#define COMMANDS_SIZE 16384 /* all of a verdict or a cause */
#define NOTE_SIZE 512
#define NOTES_MAX 8

/* What the host knows, for the words. */
struct verdict_context {
    const struct vpc_nets *nets;
    const char *region;            /* NULL or "": not known */
    int64_t wall_s;                /* now, seconds since 1970; 0: not known */
    int64_t certificate_warning_s; /* a certificate that ends sooner is a note; 0: never */
};

/* Where it was seen, for the commands: the first of several. Borrowed; NULL: not known. */
struct verdict_places {
    const struct addr *address; /* that fails */
    const struct addr *server;  /* the name server that fails */
    const struct cidr *subnet;
};

/* Those of a run; without a subnet. NULL: nothing is known. */
struct verdict_places verdict_places_of(const struct probe_result *result);

/* The inverse of verdict_str. false: there is no such code. */
bool verdict_parse(const char *name, enum verdict_code *ret);

/* The cause behind the code, and what was seen when it is said; one to three sentences, without
 * facts. */
const char *verdict_meaning(enum verdict_code code);
const char *verdict_evidence(enum verdict_code code);

/* One sentence with the facts of this run. */
void verdict_summary(struct text *t, const struct endpoint_spec *spec,
    const struct probe_result *result, const struct verdict *verdict,
    const struct verdict_context *context);

/* What to change; empty when there is nothing to change. What is not known is a placeholder in
 * AWS's terms, <vpc-cidr>. */
void verdict_remedy(struct text *t, const struct endpoint_spec *spec, enum verdict_code code,
    const struct verdict_context *context);

/* The commands that inspect and then repair, in the order to run them: lines of at most
 * COMMAND_SIZE - 1 bytes with "\n" between, none for a code that needs none. Those of a host cause
 * are for the host as a whole. A line that does not fit is left out. result: where it was seen, or
 * NULL. */
void verdict_commands(struct text *t, const struct endpoint_spec *spec, enum verdict_code code,
    const struct probe_result *result, const struct verdict_context *context);

/* The same for a cause of the host; specs: the n endpoints folded under it. */
void verdict_cause_commands(struct text *t, enum verdict_code code,
    const struct endpoint_spec *const *specs, size_t n, const struct verdict_places *places,
    const struct verdict_context *context);

/* How the host's own client reaches an endpoint, where it differs from the probe. Texts are
 * borrowed; NULL: it does not. */
struct client_view {
    const char *name;    /* "the ECS agent" */
    const char *proxy;   /* "10.0.0.131:3128": used for this endpoint */
    const char *backend; /* host name it is told to use in place of ours */
};

struct verdict_notes {
    size_t n;
    char lines[NOTES_MAX][NOTE_SIZE];
};

/* What else a reader should know; changes no state. */
void verdict_notes_of(const struct endpoint_spec *spec, const struct probe_result *result,
    const struct verdict *verdict, const struct client_view *client,
    const struct verdict_context *context, struct verdict_notes *ret);

#endif
