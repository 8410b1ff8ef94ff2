/* Every value of an enum has a text of its own, and a value that none of its names stands for does
 * no harm: it has a text as well. The texts stand in reports, metrics and journal records. */
#include "conf/conf_keys.h"
#include "conf/host.h"
#include "conf/proxy.h"
#include "daemon/aws/autoscaling_forms.h"
#include "daemon/aws/credentials.h"
#include "daemon/aws/http.h"
#include "daemon/aws/imds_state.h"
#include "daemon/aws/replacement.h"
#include "daemon/endpoint.h"
#include "daemon/html.h"
#include "daemon/log.h"
#include "probes/result.h"
#include "probes/verdict_host.h"
#include "probes/verdict_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BEYOND 12345

/* One kind of function for all of them. */
#define TEXT_OF(function, type)                                                                    \
    static const char *text_of_##function(unsigned value)                                          \
    {                                                                                              \
        return function((enum type)value);                                                         \
    }

TEXT_OF(addr_class_str, addr_class)
TEXT_OF(addr_family_str, addr_family)
TEXT_OF(addr_outcome_str, addr_outcome)
TEXT_OF(autoscaling_action_api, autoscaling_action)
TEXT_OF(autoscaling_action_str, autoscaling_action)
TEXT_OF(autoscaling_outcome_str, autoscaling_outcome)
TEXT_OF(conf_section_str, conf_section)
TEXT_OF(credentials_state_str, credentials_state)
TEXT_OF(dns_outcome_str, dns_outcome)
TEXT_OF(endpoint_state_str, endpoint_state)
TEXT_OF(expected_path_str, expected_path)
TEXT_OF(host_source_str, host_source)
TEXT_OF(host_state_str, host_state)
TEXT_OF(html_tone_mark, html_tone)
TEXT_OF(html_tone_str, html_tone)
TEXT_OF(http_outcome_str, http_outcome)
TEXT_OF(imds_state_str, imds_state)
TEXT_OF(imds_state_words, imds_state)
TEXT_OF(internet_str, internet)
TEXT_OF(launch_type_str, launch_type)
TEXT_OF(log_topic_str, log_topic)
TEXT_OF(name_style_str, name_style)
TEXT_OF(network_path_str, network_path)
TEXT_OF(own_fault_str, own_fault)
TEXT_OF(own_fault_words, own_fault)
TEXT_OF(probe_phase_str, probe_phase)
TEXT_OF(proxy_client_str, proxy_client)
TEXT_OF(tls_engine_str, tls_engine)
TEXT_OF(verdict_str, verdict_code)

#define ROW(function, last_value)                                                                  \
    .name = #function, .text = text_of_##function, .last = (unsigned)(last_value)

static const struct {
    const char *name;
    const char *(*text)(unsigned value);
    unsigned last;      /* values are 0 to last */
    unsigned alike;     /* how many have the text of another */
    const char *beyond; /* NULL: "unknown" */
} rows[] = {
    {ROW(addr_class_str, ADDR_CLASS_SPECIAL)}, {ROW(addr_family_str, ADDR_FAMILY_IPV6)},
    {ROW(addr_outcome_str, ADDR_OUTCOME_RESOURCES)},
    {ROW(autoscaling_action_api, AUTOSCALING_SET_HEALTH), .alike = 1}, /* a call ends a launch */
    {ROW(autoscaling_action_str, AUTOSCALING_SET_HEALTH)},
    {ROW(autoscaling_outcome_str, AUTOSCALING_RESOURCES)},
    {ROW(conf_section_str, CONF_SECTION_HEALTH)},
    {ROW(credentials_state_str, CREDENTIALS_RESOURCES)},
    {ROW(dns_outcome_str, DNS_OUTCOME_RESOURCES)}, {ROW(endpoint_state_str, STATE_FAILED)},
    {ROW(expected_path_str, EXPECTED_ANY)}, {ROW(host_source_str, HOST_SOURCE_DERIVED)},
    {ROW(host_state_str, HOST_STATE_UNHEALTHY)},
    {ROW(html_tone_mark, HTML_TONE_BAD), .beyond = "?"}, {ROW(html_tone_str, HTML_TONE_BAD)},
    {ROW(http_outcome_str, HTTP_OUTCOME_RESOURCES)}, {ROW(imds_state_str, IMDS_STATE_RESOURCES)},
    {ROW(imds_state_words, IMDS_STATE_RESOURCES), .beyond = "is in an unknown state"},
    {ROW(internet_str, INTERNET_CLOSED)}, {ROW(launch_type_str, LAUNCH_TYPE_FARGATE_1_3)},
    {ROW(log_topic_str, LOG_TOPIC_IMDS)}, {ROW(name_style_str, NAME_STYLE_DUALSTACK)},
    {ROW(network_path_str, PATH_PUBLIC)}, {ROW(own_fault_str, OWN_FAULT_RESOURCES)},
    {ROW(own_fault_words, OWN_FAULT_RESOURCES)}, {ROW(probe_phase_str, PROBE_PHASE_DONE)},
    {ROW(proxy_client_str, PROXY_CLIENT_DOCKER)}, {ROW(tls_engine_str, TLS_ENGINE_LEAN)},
    {ROW(verdict_str, VERDICT_CODE_N - 1),
        .alike = 1}, /* resolver-bypass, with a way and without */
};

/* How many of the values before this one have its text. */
static unsigned
count_alike(size_t row, unsigned value)
{
    unsigned n = 0;

    for (unsigned other = 0; other < value; other++) {
        n += streq(rows[row].text(other), rows[row].text(value));
    }
    return n;
}

static void
each_has_a_text(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        unsigned alike = 0;

        for (unsigned value = 0; value <= rows[i].last; value++) {
            assert_non_null(rows[i].text(value));
            assert_string_not_equal(rows[i].text(value), "");
            alike += count_alike(i, value);
        }
        if (alike != rows[i].alike) {
            print_error("%s: %u texts are of two values\n", rows[i].name, alike);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

static void
beyond_the_last_one(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *expected = rows[i].beyond != NULL ? rows[i].beyond : "unknown";

        if (!streq(rows[i].text(rows[i].last + 1), expected) ||
            !streq(rows[i].text(BEYOND), expected)) {
            print_error("%s: got \"%s\" and \"%s\", expected \"%s\"\n", rows[i].name,
                rows[i].text(rows[i].last + 1), rows[i].text(BEYOND), expected);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

/* A code of no name makes no statement. */
static void
others_of_no_name(void **state)
{
    const struct verdict_policy policy = {.fall = 1};

    (void)state;
    assert_int_equal(verdict_state((enum verdict_code)BEYOND, &policy), STATE_UNKNOWN);
    assert_string_not_equal(verdict_meaning((enum verdict_code)BEYOND), "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_a_text),
        cmocka_unit_test(beyond_the_last_one),
        cmocka_unit_test(others_of_no_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
