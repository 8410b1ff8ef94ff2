/* Short texts that become values: time spans and points, addresses, CIDRs, host names, URLs. What
 * is read, written and read again stays the same. */
#include "conf/catalogue.h"
#include "conf/timepoint.h"
#include "conf/timespan.h"
#include "daemon/aws/http.h"
#include "daemon/aws/imds_forms.h"
#include "daemon/util.h"
#include "fuzz.h"
#include "probes/classify.h"

#define YEAR_MS (INT64_C(31557600) * 1000) /* 365.25 days */
#define NOW_US INT64_C(1768478400000000)   /* 2026-01-15T12:00:00Z */

static void
check_times(const char *text)
{
    char buf[TIMESPAN_TEXT_SIZE];
    int64_t ms;
    int64_t again;
    int64_t us;

    if (timespan_parse(text, &ms) == 0) {
        FUZZ_CHECK(ms >= 0 && ms <= YEAR_MS);
        FUZZ_CHECK(timespan_parse(timespan_format(ms, buf), &again) == 0 && again <= ms);
        FUZZ_CHECK(timespan_parse(timespan_format(again, buf), &us) == 0 && us == again);
    }
    if (timepoint_parse(text, NOW_US, &us) == 0) {
        FUZZ_CHECK(us >= 0);
    }
}

static void
check_addr(const char *text)
{
    char buf[ADDR_TEXT_SIZE];
    struct sockaddr_storage sa;
    struct addr addr;
    struct addr again;

    if (addr_parse(text, &addr) == 0) {
        FUZZ_CHECK(addr_parse(addr_format(&addr, buf), &again) == 0 && addr_equal(&addr, &again));
        FUZZ_CHECK(addr_compare(&addr, &again) == 0);
        FUZZ_CHECK(addr_to_sockaddr(&addr, 443, &sa) > 0);
        FUZZ_CHECK(addr_from_sockaddr((struct sockaddr *)&sa, &again) == 0);
        FUZZ_CHECK(addr_equal(&addr, &again));
        FUZZ_CHECK(hostname_is_valid(buf));
    }
}

static void
check_cidr(const char *text)
{
    char buf[CIDR_TEXT_SIZE];
    struct cidr cidr;
    struct cidr again;

    if (cidr_parse(text, &cidr) == 0) {
        FUZZ_CHECK(cidr.prefix_len <= (cidr.base.family == ADDR_FAMILY_IPV6 ? 128 : 32));
        FUZZ_CHECK(cidr_contains(&cidr, &cidr.base));
        FUZZ_CHECK(cidr_parse(cidr_format(&cidr, buf), &again) == 0);
        FUZZ_CHECK(addr_equal(&cidr.base, &again.base) && cidr.prefix_len == again.prefix_len);

        struct vpc_nets nets = {.cidrs = {cidr}, .n_cidrs = 1};

        nets.subnets[0].cidr = cidr;
        nets.n_subnets = 1;
        FUZZ_CHECK(classify_addr(&cidr.base, &nets) == ADDR_CLASS_VPC);
        FUZZ_CHECK(classify_subnet(&cidr.base, &nets) == &nets.subnets[0]);
        (void)imds_is_vpc_cidr(&cidr, ADDR_FAMILY_IPV4);
        (void)imds_is_vpc_cidr(&cidr, ADDR_FAMILY_IPV6);
    }
}

static void
check_url(const char *text)
{
    char buf[ADDR_TEXT_SIZE];
    char url[128];
    struct text t = TEXT(url);
    struct addr addr;
    struct addr again;
    uint16_t port;
    uint16_t port_again;

    if (http_url_parse(text, &addr, &port) == 0) {
        (void)text_add(&t, addr.family == ADDR_FAMILY_IPV6 ? "http://[%s]:%u" : "http://%s:%u",
            addr_format(&addr, buf), port);
        FUZZ_CHECK(http_url_parse(url, &again, &port_again) == 0);
        FUZZ_CHECK(addr_equal(&addr, &again) && port == port_again && port > 0);
    }
}

static void
check_names(const char *text)
{
    const struct partition *partition = partition_of_region(text);

    FUZZ_CHECK(partition == NULL || fuzz_is_ascii(text));
    if (hostname_is_valid(text)) {
        FUZZ_CHECK(fuzz_is_ascii(text) && strlen(text) < HOSTNAME_SIZE);
    }
    (void)catalogue_find(text);
    (void)partition_find(text);
    (void)imds_is_code(text);
    (void)imds_is_instance_id(text);
    (void)imds_is_vpc_id(text);
    (void)imds_is_subnet_id(text);
    (void)imds_is_account_id(text);
    (void)imds_is_domain(text);
    (void)imds_is_mac(text);
    (void)imds_is_group(text);
    (void)imds_is_lifecycle_state(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);

    check_times(text);
    check_addr(text);
    check_cidr(text);
    check_url(text);
    check_names(text);
    free(text);
    return 0;
}
