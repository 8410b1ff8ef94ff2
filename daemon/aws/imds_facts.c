/* See imds_facts.h. One table of the texts that are facts as they are; lists of CIDRs, the listing
 * of interfaces and the identity document have a function each. */
#include "daemon/aws/imds_facts.h"

#include "daemon/aws/imds_forms.h"

#include <jansson.h>

#define META "/latest/meta-data/"

static const char *const path_names[] = {
    [IMDS_PATH_DOCUMENT] = "/latest/dynamic/instance-identity/document",
    [IMDS_PATH_REGION] = META "placement/region",
    [IMDS_PATH_ZONE] = META "placement/availability-zone",
    [IMDS_PATH_ZONE_ID] = META "placement/availability-zone-id",
    [IMDS_PATH_PARTITION] = META "services/partition",
    [IMDS_PATH_DOMAIN] = META "services/domain",
    [IMDS_PATH_GROUP] = META "tags/instance/aws:autoscaling:groupName",
    [IMDS_PATH_LIFECYCLE_STATE] = META "autoscaling/target-lifecycle-state",
    [IMDS_PATH_MAC] = META "mac",
    [IMDS_PATH_MACS] = META "network/interfaces/macs/",
    /* below the interface */
    [IMDS_PATH_VPC_IPV4] = "vpc-ipv4-cidr-blocks",
    [IMDS_PATH_VPC_IPV6] = "vpc-ipv6-cidr-blocks",
    [IMDS_PATH_VPC_ID] = "vpc-id",
    [IMDS_PATH_SUBNET_ID] = "subnet-id",
    [IMDS_PATH_SUBNET_IPV4] = "subnet-ipv4-cidr-block",
    [IMDS_PATH_SUBNET_IPV6] = "subnet-ipv6-cidr-blocks",
};

void
imds_path_format(enum imds_path path, const char *mac, char ret[static IMDS_PATH_SIZE])
{
    struct text t = {.buf = ret, .size = IMDS_PATH_SIZE};

    if (path < IMDS_PATH_HOST_N) {
        (void)text_add(&t, "%s", path_names[path]);
    } else {
        (void)text_add(&t, "%s%s/%s", path_names[IMDS_PATH_MACS], mac, path_names[path]);
    }
}

/* ---- facts that are texts ---- */

#define FIELD(name) offsetof(struct imds_facts, name), sizeof(((struct imds_facts *)NULL)->name)

struct field {
    size_t offset;
    size_t size;
    bool (*is_good)(const char *s);
    enum imds_path path; /* where it comes from */
    const char *key;     /* in the document; NULL: the path's text is the fact */
};

static const struct field fields[] = {
    {FIELD(region), imds_is_code, IMDS_PATH_REGION, NULL},
    {FIELD(zone), imds_is_code, IMDS_PATH_ZONE, NULL},
    {FIELD(zone_id), imds_is_code, IMDS_PATH_ZONE_ID, NULL},
    {FIELD(partition), imds_is_code, IMDS_PATH_PARTITION, NULL},
    {FIELD(domain), imds_is_domain, IMDS_PATH_DOMAIN, NULL},
    {FIELD(group), imds_is_group, IMDS_PATH_GROUP, NULL},
    {FIELD(lifecycle_state), imds_is_lifecycle_state, IMDS_PATH_LIFECYCLE_STATE, NULL},
    {FIELD(mac), imds_is_mac, IMDS_PATH_MAC, NULL},
    {FIELD(vpc_id), imds_is_vpc_id, IMDS_PATH_VPC_ID, NULL},
    {FIELD(subnet_id), imds_is_subnet_id, IMDS_PATH_SUBNET_ID, NULL},
    {FIELD(account_id), imds_is_account_id, IMDS_PATH_DOCUMENT, "accountId"},
    {FIELD(instance_id), imds_is_instance_id, IMDS_PATH_DOCUMENT, "instanceId"},
    {FIELD(document.region), imds_is_code, IMDS_PATH_DOCUMENT, "region"},
    {FIELD(document.zone), imds_is_code, IMDS_PATH_DOCUMENT, "availabilityZone"},
};

static char *
field_of(struct imds_facts *facts, const struct field *field)
{
    return (char *)facts + field->offset;
}

static const char *
const_field_of(const struct imds_facts *facts, const struct field *field)
{
    return (const char *)facts + field->offset;
}

/* false: it is empty, too long or not of the form. */
static bool
put_field(struct imds_facts *facts, const struct field *field, const char *s)
{
    return *s != '\0' && strlen(s) < field->size && field->is_good(s) &&
           str_copy(field_of(facts, field), field->size, s);
}

/* IMDS ends a text without a newline; stand-ins for it do not. */
static size_t
trimmed_len(const char *text, size_t len)
{
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r')) {
        len--;
    }
    return len;
}

/* As a string in buf. false: it does not fit, or holds a NUL. */
static bool
copy_text(const char *text, size_t len, char *buf, size_t size)
{
    len = trimmed_len(text, len);
    if (len >= size || memchr(text, '\0', len) != NULL) {
        return false;
    }
    memcpy(buf, text, len);
    buf[len] = '\0';
    return true;
}

static bool
put_text(struct imds_facts *facts, enum imds_path path, const char *text, size_t len)
{
    char s[CONF_NAME_SIZE];

    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        if (fields[i].path == path) {
            return copy_text(text, len, s, sizeof(s)) && put_field(facts, &fields[i], s);
        }
    }
    return false;
}

/* What is missing in it is not known; what is there must be good. */
static bool
put_value(struct imds_facts *facts, const struct field *field, const json_t *value)
{
    return value == NULL || json_is_null(value) ||
           (json_is_string(value) && put_field(facts, field, json_string_value(value)));
}

/* What is missing in it is not known; what is there must be good. */
static bool
put_document(struct imds_facts *facts, const char *text, size_t len)
{
    json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    bool good = json_is_object(json);

    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        if (fields[i].key != NULL) {
            good = put_value(facts, &fields[i], json_object_get(json, fields[i].key)) && good;
        }
    }
    json_decref(json);
    return good;
}

/* ---- lists ---- */

/* The next line of a text, as a string in buf. false: there is none left. A line that does not fit
 * or holds a NUL becomes "?", which is nothing at all. */
static bool
next_line(const char **text, size_t *len, char *buf, size_t size)
{
    const char *end = memchr(*text, '\n', *len);
    size_t n = end != NULL ? (size_t)(end - *text) : *len;
    size_t step = end != NULL ? n + 1 : n;

    if (*len == 0) {
        return false;
    }
    if (!copy_text(*text, n, buf, size)) {
        (void)str_copy(buf, size, "?");
    }
    *text += step;
    *len -= step;
    return true;
}

static bool
has_cidr(const struct cidr *cidrs, size_t n, const struct cidr *cidr)
{
    for (size_t i = 0; i < n; i++) {
        if (cidrs[i].prefix_len == cidr->prefix_len && addr_equal(&cidrs[i].base, &cidr->base)) {
            return true;
        }
    }
    return false;
}

/* A list of CIDRs under construction. */
struct cidrs {
    struct cidr *cidrs;
    size_t max;
    size_t *n;
    enum addr_family family;
};

/* A line a CIDR. The good ones are taken; false: one is not good, or there is none.
 * *cut becomes true when they are too many. */
static bool
put_cidrs(struct cidrs list, const char *text, size_t len, bool *cut)
{
    char line[CIDR_TEXT_SIZE];
    bool good = len > 0;

    while (next_line(&text, &len, line, sizeof(line))) {
        struct cidr cidr;

        if (cidr_parse(line, &cidr) < 0 || !imds_is_vpc_cidr(&cidr, list.family)) {
            good = false;
        } else if (has_cidr(list.cidrs, *list.n, &cidr)) {
            continue;
        } else if (*list.n == list.max) {
            *cut = true;
        } else {
            list.cidrs[(*list.n)++] = cidr;
        }
    }
    return good;
}

static bool
has_interface(const struct imds_facts *facts, const char *mac)
{
    for (size_t i = 0; i < facts->n_interfaces; i++) {
        if (streq(facts->interfaces[i].mac, mac)) {
            return true;
        }
    }
    return false;
}

/* A line an interface: "02:00:00:00:00:01/". */
static bool
put_macs(struct imds_facts *facts, const char *text, size_t len)
{
    char line[IMDS_MAC_SIZE + 1];
    bool good = len > 0;

    while (next_line(&text, &len, line, sizeof(line))) {
        size_t n = strlen(line);

        if (line[n > 0 ? n - 1 : 0] == '/') {
            line[n - 1] = '\0';
        }
        if (!imds_is_mac(line)) {
            good = false;
        } else if (has_interface(facts, line)) {
            continue;
        } else if (facts->n_interfaces == IMDS_INTERFACES_MAX) {
            facts->interfaces_cut = true;
        } else {
            (void)str_copy(facts->interfaces[facts->n_interfaces++].mac, IMDS_MAC_SIZE, line);
        }
    }
    return good;
}

/* ---- a round ---- */

static enum addr_family
family_of_path(enum imds_path path)
{
    return path == IMDS_PATH_VPC_IPV6 || path == IMDS_PATH_SUBNET_IPV6 ? ADDR_FAMILY_IPV6
                                                                       : ADDR_FAMILY_IPV4;
}

static bool
put_cidrs_of_path(struct imds_facts *facts, enum imds_path path, const char *text, size_t len)
{
    enum addr_family family = family_of_path(path);
    size_t f = (size_t)FAMILY_INDEX(family);

    if (path == IMDS_PATH_VPC_IPV4 || path == IMDS_PATH_VPC_IPV6) {
        return put_cidrs(
            (struct cidrs){facts->vpc_cidrs[f], VPC_CIDRS_MAX, &facts->n_vpc_cidrs[f], family},
            text, len, &facts->cidrs_cut);
    }
    return put_cidrs((struct cidrs){facts->subnet_cidrs[f], IMDS_SUBNET_CIDRS_MAX,
                         &facts->n_subnet_cidrs[f], family},
        text, len, &facts->cidrs_cut);
}

static bool
put_good(struct imds_facts *facts, enum imds_path path, const char *text, size_t len)
{
    switch (path) {
    case IMDS_PATH_DOCUMENT:
        return put_document(facts, text, len);
    case IMDS_PATH_MACS:
        return put_macs(facts, text, len);
    case IMDS_PATH_VPC_IPV4:
    case IMDS_PATH_VPC_IPV6:
    case IMDS_PATH_SUBNET_IPV4:
    case IMDS_PATH_SUBNET_IPV6:
        return put_cidrs_of_path(facts, path, text, len);
    case IMDS_PATH_REGION:
    case IMDS_PATH_ZONE:
    case IMDS_PATH_ZONE_ID:
    case IMDS_PATH_PARTITION:
    case IMDS_PATH_DOMAIN:
    case IMDS_PATH_GROUP:
    case IMDS_PATH_LIFECYCLE_STATE:
    case IMDS_PATH_MAC:
    case IMDS_PATH_VPC_ID:
    case IMDS_PATH_SUBNET_ID:
        return put_text(facts, path, text, len);
    }
    return false;
}

void
imds_facts_put(struct imds_facts *facts, enum imds_path path, size_t interface,
    enum imds_answer answer, const char *text, size_t len)
{
    if (answer == IMDS_ANSWER_GOOD && !put_good(facts, path, text, len)) {
        answer = IMDS_ANSWER_BAD;
    }
    if (path == IMDS_PATH_VPC_IPV4 || path == IMDS_PATH_VPC_IPV6) {
        facts->interfaces[interface].vpc_cidrs[FAMILY_INDEX(family_of_path(path))] =
            (uint8_t)answer;
    }
    if (facts->answers[path] < answer) {
        facts->answers[path] = (uint8_t)answer;
    }
}

void
imds_facts_settle(struct imds_facts *facts)
{
    struct imds_interface *first = &facts->interfaces[0];
    size_t i = 0;

    if (facts->mac[0] == '\0') {
        facts->has_own = facts->n_interfaces == 1 && !facts->interfaces_cut;
        return;
    }
    while (i < facts->n_interfaces && !streq(facts->interfaces[i].mac, facts->mac)) {
        i++;
    }
    if (i == IMDS_INTERFACES_MAX) {
        facts->interfaces_cut = true;
        i--;
    } else if (i == facts->n_interfaces) {
        facts->n_interfaces++; /* the listing does not have it */
    }
    facts->interfaces[i] = *first;
    (void)str_copy(first->mac, sizeof(first->mac), facts->mac);
    facts->has_own = true;
}

/* Every interface said all its CIDRs of the family. No IPv6 is an answer, no IPv4 is none: every
 * VPC has IPv4. */
static bool
is_complete(const struct imds_facts *facts, enum addr_family family)
{
    if (facts->answers[IMDS_PATH_MACS] != IMDS_ANSWER_GOOD || facts->interfaces_cut ||
        facts->cidrs_cut) {
        return false;
    }
    for (size_t i = 0; i < facts->n_interfaces; i++) {
        uint8_t answer = facts->interfaces[i].vpc_cidrs[FAMILY_INDEX(family)];
        bool none = family == ADDR_FAMILY_IPV6 && answer == IMDS_ANSWER_ABSENT;

        if (answer != IMDS_ANSWER_GOOD && !none) {
            return false;
        }
    }
    return true;
}

static bool
is_answered(const struct imds_facts *facts, enum imds_path path)
{
    return facts->answers[path] == IMDS_ANSWER_GOOD || facts->answers[path] == IMDS_ANSWER_ABSENT;
}

static void
keep_fields(struct imds_facts *facts, const struct imds_facts *old)
{
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        char *value = field_of(facts, &fields[i]);

        if (*value == '\0' && !is_answered(facts, fields[i].path)) {
            (void)str_copy(value, fields[i].size, const_field_of(old, &fields[i]));
        }
    }
}

static void
keep_cidrs(struct imds_facts *facts, const struct imds_facts *old, enum addr_family family)
{
    size_t f = (size_t)FAMILY_INDEX(family);
    enum imds_path subnet = f == 0 ? IMDS_PATH_SUBNET_IPV4 : IMDS_PATH_SUBNET_IPV6;

    if (!facts->vpc_cidrs_known[f] && old->vpc_cidrs_known[f]) {
        memcpy(facts->vpc_cidrs[f], old->vpc_cidrs[f], sizeof(facts->vpc_cidrs[f]));
        facts->n_vpc_cidrs[f] = old->n_vpc_cidrs[f];
        facts->vpc_cidrs_known[f] = true;
    }
    if (!is_answered(facts, subnet)) {
        memcpy(facts->subnet_cidrs[f], old->subnet_cidrs[f], sizeof(facts->subnet_cidrs[f]));
        facts->n_subnet_cidrs[f] = old->n_subnet_cidrs[f];
    }
}

/* The paths of their own win over the document. */
static void
take_from_document(struct imds_facts *facts)
{
    if (facts->region[0] == '\0') {
        (void)str_copy(facts->region, sizeof(facts->region), facts->document.region);
    }
    if (facts->zone[0] == '\0') {
        (void)str_copy(facts->zone, sizeof(facts->zone), facts->document.zone);
    }
}

void
imds_facts_finish(struct imds_facts *facts, const struct imds_facts *old)
{
    take_from_document(facts);
    for (size_t f = 0; f < FAMILY_N; f++) {
        facts->vpc_cidrs_known[f] = is_complete(facts, FAMILY_OF_INDEX(f));
    }
    if (old == NULL) {
        return;
    }
    keep_fields(facts, old);
    take_from_document(facts);
    for (size_t f = 0; f < FAMILY_N; f++) {
        keep_cidrs(facts, old, FAMILY_OF_INDEX(f));
    }
}

/* The order of a list is IMDS's own and means nothing. */
static bool
same_cidrs(const struct cidr *a, size_t n_a, const struct cidr *b, size_t n_b)
{
    if (n_a != n_b) {
        return false;
    }
    for (size_t i = 0; i < n_a; i++) {
        if (!has_cidr(b, n_b, &a[i])) {
            return false;
        }
    }
    return true;
}

bool
imds_facts_equal(const struct imds_facts *a, const struct imds_facts *b)
{
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        if (!streq(const_field_of(a, &fields[i]), const_field_of(b, &fields[i]))) {
            return false;
        }
    }
    for (size_t f = 0; f < FAMILY_N; f++) {
        if (a->vpc_cidrs_known[f] != b->vpc_cidrs_known[f] ||
            !same_cidrs(a->vpc_cidrs[f], a->n_vpc_cidrs[f], b->vpc_cidrs[f], b->n_vpc_cidrs[f]) ||
            !same_cidrs(a->subnet_cidrs[f], a->n_subnet_cidrs[f], b->subnet_cidrs[f],
                b->n_subnet_cidrs[f])) {
            return false;
        }
    }
    return true;
}

void
imds_facts_complain(const struct imds_facts *facts, struct text *t)
{
    const char *before = "makes no sense: ";
    size_t start = t->len;

    for (size_t i = 0; i < IMDS_PATH_N; i++) {
        if (facts->answers[i] == IMDS_ANSWER_BAD) {
            const char *name = path_names[i];

            name += strncmp(name, META, strlen(META)) == 0 ? strlen(META) : 0;
            (void)text_add(t, "%s%s", before, name);
            before = ", ";
        }
    }
    if (facts->interfaces_cut) {
        (void)text_add(t, "%smore than %d interfaces, the others are not looked at",
            t->len > start ? "; " : "", IMDS_INTERFACES_MAX);
    }
    if (facts->cidrs_cut) {
        (void)text_add(
            t, "%smore CIDRs than the %d that are kept", t->len > start ? "; " : "", VPC_CIDRS_MAX);
    }
}
