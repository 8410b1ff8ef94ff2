/* The table of words, for verdict_fill.c alone: others use verdict_text.h. */
#ifndef VPCE_PROBES_VERDICT_WORDS_H
#define VPCE_PROBES_VERDICT_WORDS_H

#include "probes/verdict.h"

struct verdict_words {
    const char *meaning;        /* the cause, in a sentence or two */
    const char *evidence;       /* what vpce-probe saw when it says so: packets and answers */
    const char *remedy;         /* template: what to change, in AWS's own terms */
    const char *gateway_remedy; /* template: for a gateway endpoint; NULL: the same */
    const char *commands;       /* template lines: inspect, then repair, in the order to run them */
};

/* Of any code; one out of range has the words of VERDICT_NONE. */
const struct verdict_words *verdict_words_of(enum verdict_code code);

/* Template lines that create the VPC endpoint of a spec, and that make the ECS agent ask anew. */
extern const char verdict_create_commands[];
extern const char verdict_restart_commands[];

#endif
