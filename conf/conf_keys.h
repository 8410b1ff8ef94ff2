/* Every key of the configuration file: one table of sections, names, defaults and allowed values.
 * Pure. */
#ifndef VPCE_CONF_CONF_KEYS_H
#define VPCE_CONF_CONF_KEYS_H

#include "conf/conf.h"
#include "daemon/util.h"

enum conf_section {
    CONF_SECTION_NONE, /* before the first header, or under one that was refused */
    CONF_SECTION_HOST,
    CONF_SECTION_PROBE,
    CONF_SECTION_ENDPOINT, /* [Endpoint KEY] */
    CONF_SECTION_STATUS,
    CONF_SECTION_LIFECYCLE,
    CONF_SECTION_HEALTH,
};
#define CONF_SECTION_N (CONF_SECTION_HEALTH + 1)

const char *conf_section_str(enum conf_section section); /* "Host", … */
enum conf_section conf_section_find(const char *name);   /* NONE: there is none of this name */

struct conf_key;

/* Reads value into a field of base. Returns 0, or -EINVAL: why says what is wrong, in a sentence
 * without full stop, and base is as it was. */
typedef int conf_parse_fn(
    const struct conf_key *key, const char *value, void *base, struct text *why);

/* A word and the number a field gets for it. */
struct conf_word {
    const char *word;
    unsigned value;
};

struct conf_key {
    enum conf_section section;
    const char *name;
    const char *fallback; /* what an empty value means */
    conf_parse_fn *parse;
    size_t offset; /* of the field in struct conf, or in struct conf_endpoint for [Endpoint] */
    size_t size;   /* of the field */
    int64_t min;   /* numbers; milliseconds for time spans */
    int64_t max;
    const struct conf_word *words; /* those that are allowed; ends with a NULL word */
};

#define CONF_KEYS_MAX 64

/* NULL: the section has no such key. */
const struct conf_key *conf_key_find(enum conf_section section, const char *name);
size_t conf_key_index(const struct conf_key *key); /* < CONF_KEYS_MAX */

/* Appends the names of a section's keys: "Region, AccountId, …". */
void conf_keys_list(enum conf_section section, struct text *text);

/* Defaults, by reading every fallback. */
void conf_init(struct conf *conf);
void conf_endpoint_init(struct conf_endpoint *endpoint, const char *key);

#endif
