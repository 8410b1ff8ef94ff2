/* See no_proxy.h. */
#include "conf/no_proxy.h"

#include "conf/catalogue.h"
#include "daemon/util.h"

#include <stdio.h>
#include <strings.h>

#define PORT_TEXT_SIZE sizeof("65535")

/* An entry of NO_PROXY. */
struct rule {
    bool all;
    struct cidr net; /* family NONE: a domain; host bits may be set */
    char domain[HOSTNAME_SIZE];
    bool itself;               /* the domain too, not only what is below it */
    char port[PORT_TEXT_SIZE]; /* "": any */
};

/* Go compares IPv4-mapped addresses as IPv4. */
static struct addr
unmap(struct addr addr)
{
    /* 64:ff9b::/96 embeds an address too, but is none of these */
    if (addr.family == ADDR_FAMILY_IPV6 && addr.bytes[1] == 0) {
        (void)addr_embedded_ipv4(&addr, &addr);
    }
    return addr;
}

static unsigned
family_bits(uint8_t family)
{
    return family == ADDR_FAMILY_IPV6 ? 128 : 32;
}

/* As cidr_parse, but Go lets host bits stand. */
static bool
rule_parse_cidr(char *text, char *slash, struct rule *rule)
{
    uint64_t prefix_len;

    *slash = '\0';
    if (addr_parse(text, &rule->net.base) < 0 ||
        parse_uint(slash + 1, 0, family_bits(rule->net.base.family), &prefix_len) < 0) {
        return false;
    }
    rule->net.prefix_len = (uint8_t)prefix_len;
    return true;
}

/* Cuts the port off; none: *ret_host is all of the text. */
static bool
rule_split_port(char *text, char **ret_host, struct rule *rule)
{
    bool bracket = *text == '[';
    char *end = bracket ? strstr(text, "]:") : strchr(text, ':');

    if (bracket && end == NULL) {
        return false;
    }
    *ret_host = bracket ? text + 1 : text;
    if (end == NULL || (!bracket && strchr(end + 1, ':') != NULL)) {
        return true;
    }
    const char *port = bracket ? end + 2 : end + 1;

    *end = '\0';
    return port[strspn(port, "0123456789")] == '\0' &&
           str_copy(rule->port, sizeof(rule->port), port);
}

static bool
rule_parse_host(char *text, struct rule *rule)
{
    char *host;

    if (!rule_split_port(text, &host, rule)) {
        return false;
    }
    if (addr_parse(host, &rule->net.base) == 0) {
        rule->net.base = unmap(rule->net.base);
        rule->net.prefix_len = (uint8_t)family_bits(rule->net.base.family);
        return true;
    }
    host += strncmp(host, "*.", 2) == 0;
    rule->itself = *host != '.';
    host += *host == '.';
    return hostname_is_valid(host) && str_copy(rule->domain, sizeof(rule->domain), host);
}

/* false: this can match no host. */
static bool
rule_parse(struct span entry, struct rule *ret)
{
    char text[HOSTNAME_SIZE + PORT_TEXT_SIZE + 2] = "";

    *ret = (struct rule){.all = span_is(entry, "*")};
    if (ret->all) {
        return true;
    }
    if (!span_copy(entry, text, sizeof(text))) {
        return false;
    }
    char *slash = strchr(text, '/');

    return slash != NULL ? rule_parse_cidr(text, slash, ret) : rule_parse_host(text, ret);
}

static bool
domain_matches(const struct rule *rule, const char *hostname)
{
    size_t domain_len = strlen(rule->domain);
    size_t len = strlen(hostname);

    if (len == domain_len) {
        return rule->itself && strcasecmp(hostname, rule->domain) == 0;
    }
    return len > domain_len && hostname[len - domain_len - 1] == '.' &&
           strcasecmp(hostname + len - domain_len, rule->domain) == 0;
}

/* The host and port a client wants. */
struct target {
    const char *hostname;
    struct addr addr; /* family NONE: the host is a name */
    char port[PORT_TEXT_SIZE];
};

static bool
rule_matches(const struct rule *rule, const struct target *target)
{
    if (rule->all) {
        return true;
    }
    if (*rule->port != '\0' && !streq(rule->port, target->port)) {
        return false;
    }
    if (rule->net.base.family != ADDR_FAMILY_NONE) {
        return cidr_contains(&rule->net, &target->addr);
    }
    return domain_matches(rule, target->hostname);
}

static bool
next_entry(struct span *rest, struct span *ret)
{
    if (rest->len == 0) {
        return false;
    }
    size_t n = span_find(*rest, ",");

    *ret = span_trim(span_head(*rest, n));
    *rest = span_tail(*rest, n < rest->len ? n + 1 : n);
    return true;
}

void
no_proxy_parse(struct span value, bool cut, struct no_proxy *ret)
{
    struct text text = TEXT(ret->text);
    struct span entry;
    struct rule rule;

    /* half an entry would match what the whole one does not */
    while (cut && value.len > 0 && value.at[value.len - 1] != ',') {
        value.len--;
    }
    ret->text[0] = '\0';
    ret->set = value.len > 0 || cut;
    ret->cut = cut;
    while (next_entry(&value, &entry)) {
        if (!rule_parse(entry, &rule)) {
            continue;
        }
        if (text.size - text.len <= entry.len + 1) {
            ret->cut = true;
            continue; /* a shorter one may still fit */
        }
        (void)text_add(&text, "%s%.*s", text.len == 0 ? "" : ",", (int)entry.len, entry.at);
    }
}

static bool
is_loopback(const struct target *target)
{
    static const struct cidr loopbacks[] = {
        {{ADDR_FAMILY_IPV4, {127}}, 8},
        {{ADDR_FAMILY_IPV6, {[15] = 1}}, 128},
    };

    return strcasecmp(target->hostname, "localhost") == 0 ||
           cidr_contains(&loopbacks[0], &target->addr) ||
           cidr_contains(&loopbacks[1], &target->addr);
}

bool
no_proxy_matches(const struct no_proxy *list, const char *hostname, uint16_t port)
{
    struct target target = {.hostname = hostname};
    struct span rest = {list->text, strlen(list->text)};
    struct span entry;
    struct rule rule;

    (void)snprintf(target.port, sizeof(target.port), "%u", port);
    if (addr_parse(hostname, &target.addr) == 0) {
        target.addr = unmap(target.addr);
    }
    if (is_loopback(&target)) {
        return true;
    }
    while (next_entry(&rest, &entry)) {
        if (rule_parse(entry, &rule) && rule_matches(&rule, &target)) {
            return true;
        }
    }
    return false;
}
