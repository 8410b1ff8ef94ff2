/* See imds_forms.h. */
#include "daemon/aws/imds_forms.h"

#include "conf/conf.h"
#include "daemon/aws/imds_facts.h"
#include "daemon/util.h"

/* A VPC has /16 at most, an IPv6 one /44. A list that claims half the Internet would make public
 * addresses look like the VPC's. */
#define IPV4_PREFIX_MIN 8
#define IPV6_PREFIX_MIN 16

static bool
is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool
is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool
imds_is_code(const char *s)
{
    if (*s < 'a' || *s > 'z') {
        return false;
    }
    while (is_lower_or_digit(*s) || *s == '-') {
        s++;
    }
    return *s == '\0' && s[-1] != '-';
}

/* prefix and 8 or 17 hexadecimal digits */
static bool
is_id(const char *s, const char *prefix)
{
    size_t n = 0;

    if (strncmp(s, prefix, strlen(prefix)) != 0) {
        return false;
    }
    s += strlen(prefix);
    while (is_hex(s[n])) {
        n++;
    }
    return s[n] == '\0' && (n == 8 || n == 17);
}

bool
imds_is_instance_id(const char *s)
{
    return is_id(s, "i-");
}

bool
imds_is_vpc_id(const char *s)
{
    return is_id(s, "vpc-");
}

bool
imds_is_subnet_id(const char *s)
{
    return is_id(s, "subnet-");
}

bool
imds_is_account_id(const char *s)
{
    size_t n = strspn(s, "0123456789");

    return n == ACCOUNT_ID_SIZE - 1 && s[n] == '\0';
}

bool
imds_is_domain(const char *s)
{
    struct addr addr;

    return hostname_is_valid(s) && strchr(s, '.') != NULL && addr_parse(s, &addr) < 0;
}

bool
imds_is_mac(const char *s)
{
    for (size_t i = 0; i < IMDS_MAC_SIZE - 1; i++) {
        if (i % 3 == 2 ? s[i] != ':' : !is_hex(s[i])) {
            return false; /* the terminator, too, is neither */
        }
    }
    return s[IMDS_MAC_SIZE - 1] == '\0';
}

bool
imds_is_group(const char *s)
{
    char escaped[CONF_NAME_SIZE] = "";
    struct text t = TEXT(escaped);

    return *s != '<' && text_add_printable(&t, s, strlen(s)) && streq(escaped, s);
}

bool
imds_is_lifecycle_state(const char *s)
{
    while ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == ':') {
        s++;
    }
    return *s == '\0';
}

/* Something an interface of a VPC can have: AWS hands out nothing of 0/8, 127/8, 169.254/16 and
 * from 224/4 on, and in IPv6 only global unicast and unique local addresses. */
bool
imds_is_vpc_cidr(const struct cidr *cidr, enum addr_family family)
{
    const uint8_t *b = cidr->base.bytes;

    if (cidr->base.family != family) {
        return false;
    }
    if (family == ADDR_FAMILY_IPV6) {
        return cidr->prefix_len >= IPV6_PREFIX_MIN &&
               ((b[0] & 0xe0) == 0x20 || (b[0] & 0xfe) == 0xfc);
    }
    return cidr->prefix_len >= IPV4_PREFIX_MIN && b[0] != 0 && b[0] != 127 && b[0] < 224 &&
           !(b[0] == 169 && b[1] == 254);
}
