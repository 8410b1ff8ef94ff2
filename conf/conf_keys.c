/* See conf_keys.h. */
#include "conf/conf_keys.h"

#include "conf/conf_values.h"

#include <assert.h>

#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define YEAR INT64_C(31557600000) /* as systemd.time(7) counts */

#define SHORTEST INT64_C(100) /* for tests and endurance runs; people use seconds */

static const struct conf_word yes_no[] = {
    {"yes", true},
    {"no", false},
    {NULL, 0},
};

static const struct conf_word choices[] = {
    {"yes", CONF_CHOICE_YES},
    {"no", CONF_CHOICE_NO},
    {"", CONF_CHOICE_DEFAULT},
    {NULL, 0},
};

static const struct conf_word launch_types[] = {
    {"ec2", LAUNCH_TYPE_EC2},
    {"fargate", LAUNCH_TYPE_FARGATE},
    {"fargate-1.3", LAUNCH_TYPE_FARGATE_1_3},
    {NULL, 0},
};

static const struct conf_word name_styles[] = {
    {"default", NAME_STYLE_DEFAULT},
    {"fips", NAME_STYLE_FIPS},
    {"dualstack", NAME_STYLE_DUALSTACK},
    {NULL, 0},
};

static const struct conf_word degraded_failed[] = {
    {"degraded", false},
    {"failed", true},
    {NULL, 0},
};

static const struct conf_word degraded_healthy[] = {
    {"degraded", false},
    {"healthy", true},
    {NULL, 0},
};

static const struct conf_word none_abandon[] = {
    {"none", false},
    {"abandon", true},
    {NULL, 0},
};

static const struct conf_word tls_engines[] = {
    {"default", TLS_ENGINE_DEFAULT},
    {"lean", TLS_ENGINE_LEAN},
    {NULL, 0},
};

static const struct conf_word expected_paths[] = {
    {"interface", EXPECTED_INTERFACE},
    {"gateway", EXPECTED_GATEWAY},
    {"any", EXPECTED_ANY},
    {NULL, 0},
};

#define FIELD(type, member) offsetof(type, member), sizeof(((type *)NULL)->member)
#define CONF(member) FIELD(struct conf, member)
#define ENDPOINT(member) FIELD(struct conf_endpoint, member)

/* section, name, fallback, parser, field, smallest, largest, words */
static const struct conf_key keys[] = {
#define S CONF_SECTION_HOST
    {S, "Region", "auto", conf_parse_region, CONF(region), 0, 0, NULL},
    {S, "AccountId", "auto", conf_parse_account_id, CONF(account_id), 0, 0, NULL},
    {S, "VpcCidrs", "auto", conf_parse_vpc_cidrs, CONF(nets), 0, 0, NULL},
    {S, "Subnets", "", conf_parse_subnets, CONF(nets), 0, 0, NULL},
    {S, "LaunchType", "ec2", conf_parse_word, CONF(launch_type), 0, 0, launch_types},
    {S, "Imds", "auto", conf_parse_imds, CONF(imds), 0, 0, NULL},
    {S, "Names", "default", conf_parse_word, CONF(names), 0, 0, name_styles},
#undef S
#define S CONF_SECTION_PROBE
    {S, "Interval", "30s", conf_parse_timespan, CONF(interval_ms), SHORTEST, DAY, NULL},
    {S, "FastInterval", "2s", conf_parse_timespan, CONF(fast_interval_ms), SHORTEST, DAY, NULL},
    {S, "Rise", "2", conf_parse_number, CONF(rise), 1, CONF_RISE_FALL_MAX, NULL},
    {S, "Fall", "3", conf_parse_number, CONF(fall), 1, CONF_RISE_FALL_MAX, NULL},
    {S, "DnsTimeout", "2s", conf_parse_timespan, CONF(probe.dns_timeout_ms), SHORTEST, 60 * SECOND,
        NULL},
    {S, "ConnectTimeout", "4s", conf_parse_timespan, CONF(probe.connect_timeout_ms), SHORTEST,
        60 * SECOND, NULL},
    {S, "TlsTimeout", "3s", conf_parse_timespan, CONF(probe.tls_timeout_ms), SHORTEST, 60 * SECOND,
        NULL},
    {S, "Parallel", "32", conf_parse_number, CONF(parallel), 1, 1024, NULL},
    {S, "AddressFamily", "any", conf_parse_family, CONF(probe.family_enabled), 0, 0, NULL},
    {S, "CaFile", "", conf_parse_path, CONF(ca_file), 0, 0, NULL},
    {S, "SecondOpinion", "169.254.169.253", conf_parse_second_opinion, CONF(second_opinion), 0, 0,
        NULL},
    {S, "EgressControl", "auto", conf_parse_egress, CONF(egress), 0, 0, NULL},
    {S, "PublicPath", "degraded", conf_parse_word, CONF(public_path_fails), 0, 0, degraded_failed},
    {S, "CertificateWarning", "7d", conf_parse_timespan, CONF(certificate_warning_ms), 0, YEAR,
        NULL},
    {S, "Http", "no", conf_parse_word, CONF(http), 0, 0, yes_no},
    {S, "TlsEngine", "default", conf_parse_word, CONF(tls_engine), 0, 0, tls_engines},
#undef S
#define S CONF_SECTION_ENDPOINT
    {S, "Required", "", conf_parse_word, ENDPOINT(required), 0, 0, choices},
    {S, "Enabled", "", conf_parse_word, ENDPOINT(enabled), 0, 0, choices},
    {S, "Host", "", conf_parse_hostname, ENDPOINT(hostname), 0, 0, NULL},
    {S, "Port", "443", conf_parse_number, ENDPOINT(port), 1, UINT16_MAX, NULL},
    {S, "Expect", "", conf_parse_expect, ENDPOINT(expected), 0, 0, expected_paths},
    {S, "Http", "", conf_parse_word, ENDPOINT(http), 0, 0, choices},
#undef S
#define S CONF_SECTION_STATUS
    {S, "Socket", CONF_DEFAULT_SOCKET, conf_parse_path, CONF(socket), 0, 0, NULL},
#undef S
#define S CONF_SECTION_LIFECYCLE
    {S, "Enabled", "no", conf_parse_word, CONF(lifecycle.enabled), 0, 0, yes_no},
    {S, "Hook", "", conf_parse_hook, CONF(lifecycle.hook), 0, 0, NULL},
    {S, "AutoScalingGroup", "auto", conf_parse_group, CONF(lifecycle.group), 0, 0, NULL},
    {S, "Ready", "degraded", conf_parse_word, CONF(lifecycle.ready_when_healthy), 0, 0,
        degraded_healthy},
    /* A lifecycle action lives at most 48 hours (EC2 Auto Scaling User Guide, "Lifecycle hooks").
     */
    {S, "Deadline", "off", conf_parse_timespan_or_off, CONF(lifecycle.deadline_ms), SHORTEST,
        2 * DAY, NULL},
    {S, "OnDeadline", "none", conf_parse_word, CONF(lifecycle.abandon), 0, 0, none_abandon},
    /* The longest heartbeat timeout of a hook is two hours (the same page). */
    {S, "Heartbeat", "off", conf_parse_timespan_or_off, CONF(lifecycle.heartbeat_ms), SHORTEST,
        2 * HOUR, NULL},
    {S, "Endpoint", "auto", conf_parse_service_url, CONF(lifecycle.endpoint), 0, 0, NULL},
#undef S
#define S CONF_SECTION_HEALTH
    {S, "SetInstanceHealth", "no", conf_parse_word, CONF(health.set_instance_health), 0, 0, yes_no},
    {S, "After", "10min", conf_parse_timespan, CONF(health.after_ms), SHORTEST, DAY, NULL},
#undef S
};

_Static_assert(ARRAY_SIZE(keys) <= CONF_KEYS_MAX, "raise CONF_KEYS_MAX");

const char *
conf_section_str(enum conf_section section)
{
    switch (section) {
    case CONF_SECTION_NONE:
        return "none";
    case CONF_SECTION_HOST:
        return "Host";
    case CONF_SECTION_PROBE:
        return "Probe";
    case CONF_SECTION_ENDPOINT:
        return "Endpoint";
    case CONF_SECTION_STATUS:
        return "Status";
    case CONF_SECTION_LIFECYCLE:
        return "Lifecycle";
    case CONF_SECTION_HEALTH:
        return "Health";
    }
    return "unknown";
}

enum conf_section
conf_section_find(const char *name)
{
    for (enum conf_section s = CONF_SECTION_HOST; s < CONF_SECTION_N; s++) {
        if (streq(conf_section_str(s), name)) {
            return s;
        }
    }
    return CONF_SECTION_NONE;
}

const struct conf_key *
conf_key_find(enum conf_section section, const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (keys[i].section == section && streq(keys[i].name, name)) {
            return &keys[i];
        }
    }
    return NULL;
}

size_t
conf_key_index(const struct conf_key *key)
{
    return (size_t)(key - keys);
}

void
conf_keys_list(enum conf_section section, struct text *text)
{
    const char *separator = "";

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (keys[i].section == section) {
            (void)text_add(text, "%s%s", separator, keys[i].name);
            separator = ", ";
        }
    }
}

static void
read_fallbacks(bool of_endpoint, void *base)
{
    char buf[CONF_LINE_MAX];
    struct text why = TEXT(buf);

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if ((keys[i].section == CONF_SECTION_ENDPOINT) == of_endpoint) {
            int r = keys[i].parse(&keys[i], keys[i].fallback, base, &why);

            assert(r == 0); /* a default that is not allowed */
            (void)r;
        }
    }
}

void
conf_init(struct conf *conf)
{
    memset(conf, 0, sizeof(*conf));
    read_fallbacks(false, conf);
}

void
conf_endpoint_init(struct conf_endpoint *endpoint, const char *key)
{
    memset(endpoint, 0, sizeof(*endpoint));
    (void)str_copy(endpoint->key, sizeof(endpoint->key), key);
    read_fallbacks(true, endpoint);
}
