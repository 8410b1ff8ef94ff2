/* See conf_values.h. */
#include "conf/conf_values.h"

#include "conf/timespan.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* What is wrong: the value, escaped, and a sentence's rest. */
static int __attribute__((format(printf, 3, 4)))
refuse(struct text *why, const char *value, const char *format, ...)
{
    char rest[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(rest, sizeof(rest), format, args);
    va_end(args);
    (void)text_add(why, "\"");
    (void)text_add_escaped(why, value, strlen(value));
    (void)text_add(why, "\" %s", rest);
    return -EINVAL;
}

static void *
field_of(const struct conf_key *key, void *base)
{
    return (char *)base + key->offset;
}

static int
store_text(const struct conf_key *key, const char *value, void *base)
{
    bool fits = str_copy(field_of(key, base), key->size, value);

    assert(fits); /* a field holds a whole line, or its parser has looked at the length */
    (void)fits;
    return 0;
}

static void
store_number(const struct conf_key *key, uint64_t value, void *base)
{
    uint8_t small = (uint8_t)value;
    uint16_t medium = (uint16_t)value;
    unsigned large = (unsigned)value;

    switch (key->size) {
    case sizeof(small):
        memcpy(field_of(key, base), &small, sizeof(small));
        break;
    case sizeof(medium):
        memcpy(field_of(key, base), &medium, sizeof(medium));
        break;
    default:
        assert(key->size == sizeof(large));
        memcpy(field_of(key, base), &large, sizeof(large));
    }
}

static bool
consists_of(const char *value, const char *letters)
{
    return value[strspn(value, letters)] == '\0';
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

int
conf_parse_word(const struct conf_key *key, const char *value, void *base, struct text *why)
{
    char allowed[128] = "";
    struct text list = TEXT(allowed);

    for (const struct conf_word *word = key->words; word->word != NULL; word++) {
        if (streq(word->word, value)) {
            store_number(key, word->value, base);
            return 0;
        }
        if (*word->word != '\0') {
            (void)text_add(&list, "%s%s", list.len == 0 ? "" : ", ", word->word);
        }
    }
    return refuse(why, value, "is not one of: %s", allowed);
}

int
conf_parse_number(const struct conf_key *key, const char *value, void *base, struct text *why)
{
    uint64_t number;

    if (parse_uint(value, (uint64_t)key->min, (uint64_t)key->max, &number) < 0) {
        return refuse(why, value, "is not a whole number from %lld to %lld", (long long)key->min,
            (long long)key->max);
    }
    store_number(key, number, base);
    return 0;
}

static int
parse_timespan(const struct conf_key *key, const char *value, const char *or_what, void *base,
    struct text *why)
{
    char min[TIMESPAN_TEXT_SIZE];
    char max[TIMESPAN_TEXT_SIZE];
    int64_t ms = 0;
    int r = timespan_parse(value, &ms);

    if (r == 0 && ms >= key->min && ms <= key->max) {
        memcpy(field_of(key, base), &ms, sizeof(ms));
        return 0;
    }
    (void)timespan_format(key->min, min);
    (void)timespan_format(key->max, max);
    if (r == -EINVAL) {
        return refuse(why, value,
            "is not a time span; give one from %s to %s, such as 500ms, "
            "30s or 1h 30min%s",
            min, max, or_what);
    }
    return refuse(
        why, value, "is out of range; give a time span from %s to %s%s", min, max, or_what);
}

int
conf_parse_timespan(const struct conf_key *key, const char *value, void *base, struct text *why)
{
    return parse_timespan(key, value, "", base, why);
}

int
conf_parse_timespan_or_off(
    const struct conf_key *key, const char *value, void *base, struct text *why)
{
    const int64_t off = 0;

    if (streq(value, "off")) {
        memcpy(field_of(key, base), &off, sizeof(off));
        return 0;
    }
    return parse_timespan(key, value, ", or off", base, why);
}

int
conf_parse_region(const struct conf_key *key, const char *value, void *base, struct text *why)
{
    if (streq(value, "auto")) {
        return store_text(key, "", base);
    }
    if (strlen(value) >= REGION_SIZE || !consists_of(value, LOWER DIGITS "-")) {
        return refuse(why, value,
            "is not the name of a Region; give one such as eu-central-1, "
            "or auto to ask the instance metadata");
    }
    return store_text(key, value, base);
}

int
conf_parse_account_id(const struct conf_key *key, const char *value, void *base, struct text *why)
{
    if (streq(value, "auto")) {
        return store_text(key, "", base);
    }
    if (strlen(value) != ACCOUNT_ID_SIZE - 1 || !consists_of(value, DIGITS)) {
        return refuse(why, value, "is not an account id; give its 12 digits, or auto");
    }
    return store_text(key, value, base);
}

int
conf_parse_hostname(const struct conf_key *key, const char *value, void *base, struct text *why)
{
    struct conf_endpoint *endpoint = base;

    (void)key;
    if (*value != '\0' && !hostname_is_valid(value)) {
        return refuse(why, value,
            "is not a host name or an IP address; a name has letters, "
            "digits and hyphens, with dots between its parts and none at its end");
    }
    free(TAKE(endpoint->hostname));
    if (*value != '\0') {
        endpoint->hostname = strdup(value);
    }
    return *value == '\0' || endpoint->hostname != NULL
               ? 0
               : refuse(why, value, "cannot be kept: no memory");
}

int
conf_parse_path(const struct conf_key *key, const char *value, void *base, struct text *why)
{
    if (*value != '\0' && *value != '/') {
        return refuse(why, value, "is not an absolute path; begin with /");
    }
    if (strlen(value) >= key->size) {
        return refuse(why, value, "is too long; a path has at most %zu bytes here", key->size - 1);
    }
    return store_text(key, value, base);
}

/* LifecycleHookName in the EC2 Auto Scaling API reference: [A-Za-z0-9\-_\/]+ */
int
conf_parse_hook(const struct conf_key *key, const char *value, void *base, struct text *why)
{
    if (!consists_of(value, LOWER UPPER DIGITS "-_/")) {
        return refuse(why, value,
            "is not the name of a lifecycle hook; it has letters, digits "
            "and - _ / only");
    }
    return store_text(key, value, base);
}

int
conf_parse_group(const struct conf_key *key, const char *value, void *base, struct text *why)
{
    if (strchr(value, ':') != NULL) {
        return refuse(why, value,
            "is not the name of an Auto Scaling group; give the name alone, "
            "without colons (not an ARN), or auto");
    }
    return store_text(key, streq(value, "auto") ? "" : value, base);
}

/* Cuts a port off its address: "name:80", "[::1]:80". false: what is there is no port. */
static bool
cut_port(char *host)
{
    char *end = *host == '[' ? strchr(host, ']') : host;
    char *colon = end == NULL ? NULL : strchr(end, ':');
    uint64_t port;

    if (colon == NULL) {
        return true;
    }
    *colon = '\0';
    return parse_uint(colon + 1, 1, UINT16_MAX, &port) == 0;
}

/* A host name, an IPv4 address, or an IPv6 address in brackets (RFC 3986 3.2.2). */
static bool
is_url_host(char *host)
{
    size_t len = strlen(host);
    struct addr addr;

    if (*host != '[') {
        return strchr(host, ':') == NULL && hostname_is_valid(host);
    }
    if (host[len - 1] != ']') {
        return false;
    }
    host[len - 1] = '\0';
    return addr_parse(host + 1, &addr) == 0 && addr.family == ADDR_FAMILY_IPV6;
}

/* scheme://HOST[:PORT][/]; the last slash is left out of the copy. */
static bool
copy_url(const char *value, const char *scheme, char ret[static CONF_PATH_SIZE])
{
    char url[CONF_PATH_SIZE];
    char host[CONF_PATH_SIZE];
    size_t len;

    if (strncmp(value, scheme, strlen(scheme)) != 0 || !str_copy(url, sizeof(url), value)) {
        return false;
    }
    len = strlen(url);
    if (url[len - 1] == '/') {
        url[len - 1] = '\0';
    }
    if (len <= strlen(scheme) || !str_copy(host, sizeof(host), url + strlen(scheme)) ||
        !cut_port(host) || !is_url_host(host)) {
        return false;
    }
    return str_copy(ret, CONF_PATH_SIZE, url);
}

int
conf_parse_service_url(const struct conf_key *key, const char *value, void *base, struct text *why)
{
    char url[CONF_PATH_SIZE] = "";

    if (!streq(value, "auto") && !copy_url(value, "https://", url)) {
        return refuse(why, value,
            "is not a URL of the form https://HOST or https://HOST:PORT; give one, or auto");
    }
    return store_text(key, url, base);
}

/* IMDS tells what names are made of, and is asked without DNS: its address is literal. */
static bool
url_has_address(const char *url)
{
    char host[CONF_PATH_SIZE];
    struct addr addr;

    (void)str_copy(host, sizeof(host), url + strlen("http://"));
    if (host[0] == '[') {
        return true; /* copy_url has looked inside */
    }
    host[strcspn(host, ":")] = '\0';
    return addr_parse(host, &addr) == 0;
}

int
conf_parse_imds(const struct conf_key *key, const char *value, void *base, struct text *why)
{
    struct conf *conf = base;
    char url[CONF_PATH_SIZE] = "";

    (void)key;
    if (streq(value, "auto") || streq(value, "off")) {
        conf->imds = *value == 'a' ? CONF_IMDS_AUTO : CONF_IMDS_OFF;
    } else if (copy_url(value, "http://", url) && url_has_address(url)) {
        conf->imds = CONF_IMDS_URL;
    } else {
        return refuse(why, value,
            "is not auto, off or a URL of the form http://HOST or "
            "http://HOST:PORT, HOST an IP address");
    }
    (void)str_copy(conf->imds_url, sizeof(conf->imds_url), url);
    return 0;
}

int
conf_parse_egress(const struct conf_key *key, const char *value, void *base, struct text *why)
{
    struct conf *conf = base;

    (void)key;
    if (streq(value, "auto") || streq(value, "off")) {
        conf->egress = *value == 'a' ? CONF_EGRESS_AUTO : CONF_EGRESS_OFF;
        conf->egress_host[0] = '\0';
        return 0;
    }
    if (!hostname_is_valid(value)) {
        return refuse(why, value, "is not auto, off, a host name or an IP address");
    }
    conf->egress = CONF_EGRESS_HOST;
    (void)str_copy(conf->egress_host, sizeof(conf->egress_host), value);
    return 0;
}

int
conf_parse_second_opinion(
    const struct conf_key *key, const char *value, void *base, struct text *why)
{
    struct addr addr = {.family = ADDR_FAMILY_NONE};

    (void)key;
    if (!streq(value, "off") && addr_parse(value, &addr) < 0) {
        return refuse(why, value, "is not the IP address of a name server, nor off");
    }
    ((struct conf *)base)->second_opinion = addr;
    return 0;
}

int
conf_parse_family(const struct conf_key *key, const char *value, void *base, struct text *why)
{
    bool any = streq(value, "any");
    bool ipv4 = any || streq(value, "ipv4");
    bool ipv6 = any || streq(value, "ipv6");
    bool *enabled = ((struct conf *)base)->probe.family_enabled;

    (void)key;
    if (!ipv4 && !ipv6) {
        return refuse(why, value, "is not one of: any, ipv4, ipv6");
    }
    enabled[FAMILY_INDEX(ADDR_FAMILY_IPV4)] = ipv4;
    enabled[FAMILY_INDEX(ADDR_FAMILY_IPV6)] = ipv6;
    return 0;
}

/* An empty value leaves the choice to the catalogue: only a word sets it. */
int
conf_parse_expect(const struct conf_key *key, const char *value, void *base, struct text *why)
{
    struct conf_endpoint *endpoint = base;
    int r = conf_parse_word(key, value, base, why);

    if (r == 0) {
        endpoint->expected_set = true;
    } else if (*value == '\0') {
        endpoint->expected_set = false;
        r = 0;
    }
    return r;
}

/* Takes the next word of a list off *rest, NULL at its end. */
static char *
next_word(char **rest)
{
    char *word;

    do {
        word = strsep(rest, " \t");
    } while (word != NULL && *word == '\0');
    return word;
}

int
conf_parse_vpc_cidrs(const struct conf_key *key, const char *value, void *base, struct text *why)
{
    struct vpc_nets *nets = &((struct conf *)base)->nets;
    struct cidr cidrs[VPC_CIDRS_MAX] = {{.prefix_len = 0}};
    bool known[FAMILY_N] = {false, false};
    char buf[CONF_LINE_MAX + 1];
    char *rest = buf;
    size_t n = 0;

    (void)key;
    (void)str_copy(buf, sizeof(buf), streq(value, "auto") ? "" : value);
    for (char *word = next_word(&rest); word != NULL; word = next_word(&rest)) {
        if (n == VPC_CIDRS_MAX) {
            return refuse(why, word, "is one block too many; at most %d are taken", VPC_CIDRS_MAX);
        }
        if (cidr_parse(word, &cidrs[n]) < 0) {
            return refuse(why, word,
                "is not an address block such as 10.0.0.0/16, with all bits "
                "behind the prefix zero; give blocks with blanks between them, or auto");
        }
        known[FAMILY_INDEX(cidrs[n].base.family)] = true;
        n++;
    }
    memcpy(nets->cidrs, cidrs, n * sizeof(cidrs[0]));
    memcpy(nets->known, known, sizeof(known));
    nets->n_cidrs = n;
    return 0;
}

/* "10.0.1.0/24=apne1-az4" */
static int
parse_subnet(char *word, struct subnet *ret)
{
    char *az_id = strchr(word, '=');
    struct subnet subnet = {0};

    if (az_id == NULL) {
        return -EINVAL;
    }
    *az_id++ = '\0';
    if (*az_id == '\0' || !consists_of(az_id, LOWER DIGITS "-") ||
        !str_copy(subnet.az_id, sizeof(subnet.az_id), az_id) ||
        cidr_parse(word, &subnet.cidr) < 0) {
        return -EINVAL;
    }
    *ret = subnet;
    return 0;
}

int
conf_parse_subnets(const struct conf_key *key, const char *value, void *base, struct text *why)
{
    struct vpc_nets *nets = &((struct conf *)base)->nets;
    struct subnet subnets[SUBNETS_MAX] = {{.az_id = ""}};
    char buf[CONF_LINE_MAX + 1];
    char *rest = buf;
    size_t n = 0;

    (void)key;
    (void)str_copy(buf, sizeof(buf), value);
    for (char *word = next_word(&rest); word != NULL; word = next_word(&rest)) {
        char copy[CONF_LINE_MAX + 1];

        (void)str_copy(copy, sizeof(copy), word);
        if (n == SUBNETS_MAX) {
            return refuse(why, word, "is one subnet too many; at most %d are taken", SUBNETS_MAX);
        }
        if (parse_subnet(copy, &subnets[n]) < 0) {
            return refuse(why, word,
                "is not a subnet and its Availability Zone id, such as "
                "10.0.1.0/24=apne1-az4; give these with blanks between them");
        }
        n++;
    }
    memcpy(nets->subnets, subnets, n * sizeof(subnets[0]));
    nets->n_subnets = n;
    return 0;
}
