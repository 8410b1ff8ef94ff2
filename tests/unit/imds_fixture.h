/* For the tests of what IMDS says: puts texts as answers, all of an instance's or one by one, and
 * looks at the CIDRs and the complaints they make. */
#ifndef VPCE_TESTS_UNIT_IMDS_FIXTURE_H
#define VPCE_TESTS_UNIT_IMDS_FIXTURE_H

#include "daemon/aws/imds_facts.h"
#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAC_1 "02:00:00:00:00:01"
#define MAC_2 "02:00:00:00:00:02"
#define HTML "<html><head><title>503</title></head></html>"
#define DIGITS_64 "0123456789012345678901234567890123456789012345678901234567890123"
#define DIGITS_256 DIGITS_64 DIGITS_64 DIGITS_64 DIGITS_64

#define DOCUMENT                                                                                   \
    "{\"accountId\": \"123456789012\", \"instanceId\": \"i-0abcdef1234567890\",\n"                 \
    " \"region\": \"ap-northeast-1\", \"availabilityZone\": \"ap-northeast-1a\",\n"                \
    " \"kernelId\": null, \"version\": \"2017-09-30\"}"

static inline void
put(struct imds_facts *facts, enum imds_path path, size_t interface, const char *text)
{
    imds_facts_put(facts, path, interface, IMDS_ANSWER_GOOD, text, strlen(text));
}

static inline void
mark(struct imds_facts *facts, enum imds_path path, size_t interface, enum imds_answer answer)
{
    imds_facts_put(facts, path, interface, answer, NULL, 0);
}

/* What an instance with one interface says. */
static inline void
put_all(struct imds_facts *facts)
{
    *facts = (struct imds_facts){0};
    put(facts, IMDS_PATH_DOCUMENT, 0, DOCUMENT);
    put(facts, IMDS_PATH_REGION, 0, "ap-northeast-1");
    put(facts, IMDS_PATH_ZONE, 0, "ap-northeast-1a");
    put(facts, IMDS_PATH_ZONE_ID, 0, "apne1-az4");
    put(facts, IMDS_PATH_PARTITION, 0, "aws");
    put(facts, IMDS_PATH_DOMAIN, 0, "amazonaws.com");
    put(facts, IMDS_PATH_GROUP, 0, "web servers/blue");
    put(facts, IMDS_PATH_LIFECYCLE_STATE, 0, "InService");
    put(facts, IMDS_PATH_MAC, 0, MAC_1);
    put(facts, IMDS_PATH_MACS, 0, MAC_1 "/");
    imds_facts_settle(facts);
    put(facts, IMDS_PATH_VPC_ID, 0, "vpc-0123456789abcdef0");
    put(facts, IMDS_PATH_SUBNET_ID, 0, "subnet-0123456789abcdef0");
    put(facts, IMDS_PATH_SUBNET_IPV4, 0, "10.0.11.0/24");
    mark(facts, IMDS_PATH_SUBNET_IPV6, 0, IMDS_ANSWER_ABSENT);
    put(facts, IMDS_PATH_VPC_IPV4, 0, "10.0.0.0/16\n10.1.0.0/16");
    mark(facts, IMDS_PATH_VPC_IPV6, 0, IMDS_ANSWER_ABSENT);
}

static inline void
add_cidrs(struct text *t, const struct cidr *cidrs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char buf[CIDR_TEXT_SIZE];

        (void)text_add(t, " %s", cidr_format(&cidrs[i], buf));
    }
}

static inline void
expect_nets(const struct imds_facts *facts, const char *expected)
{
    char got[4096] = "";
    struct text t = TEXT(got);

    for (size_t f = 0; f < FAMILY_N; f++) {
        (void)text_add(
            &t, "%s%s", f == 0 ? "" : "; ", facts->vpc_cidrs_known[f] ? "all:" : "some:");
        add_cidrs(&t, facts->vpc_cidrs[f], facts->n_vpc_cidrs[f]);
        (void)text_add(&t, ", subnet");
        add_cidrs(&t, facts->subnet_cidrs[f], facts->n_subnet_cidrs[f]);
    }
    assert_string_equal(got, expected);
}

static inline void
expect_complaint(const struct imds_facts *facts, const char *expected)
{
    char got[1024] = "";
    struct text t = TEXT(got);

    imds_facts_complain(facts, &t);
    assert_string_equal(got, expected);
}

/* n lines, printed with their number. */
static inline const char *
many(char *buf, size_t size, const char *form[2], int n)
{
    struct text t = {.buf = buf, .size = size};

    buf[0] = '\0';
    for (int i = 0; i < n; i++) {
        (void)text_add(&t, "%s%d%s\n", form[0], i, form[1]);
    }
    return buf;
}

#endif
