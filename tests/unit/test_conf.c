/* conf/conf: defaults, every key, values as they are written, drop-ins. */
#include "tests/unit/conf_fixture.h"

#include <sys/un.h>

static void
defaults(void **state)
{
    struct fixture *f = *state;
    struct addr resolver;

    load_text(f, "");
    const struct conf *conf = good(f);

    assert_string_equal(conf->region, "");
    assert_string_equal(conf->account_id, "");
    assert_int_equal(conf->nets.n_cidrs, 0);
    assert_int_equal(conf->nets.n_subnets, 0);
    assert_false(conf->nets.known[0] || conf->nets.known[1]);
    assert_int_equal(conf->launch_type, LAUNCH_TYPE_EC2);
    assert_int_equal(conf->names, NAME_STYLE_DEFAULT);
    assert_int_equal(conf->imds, CONF_IMDS_AUTO);
    assert_int_equal(conf->interval_ms, 30000);
    assert_int_equal(conf->fast_interval_ms, 2000);
    assert_int_equal(conf->rise, 2);
    assert_int_equal(conf->fall, 3);
    assert_int_equal(conf->probe.dns_timeout_ms, 2000);
    assert_int_equal(conf->probe.connect_timeout_ms, 4000);
    assert_int_equal(conf->probe.tls_timeout_ms, 3000);
    assert_true(conf->probe.family_enabled[0] && conf->probe.family_enabled[1]);
    assert_int_equal(conf->parallel, 32);
    assert_string_equal(conf->ca_file, "");
    assert_int_equal(addr_parse("169.254.169.253", &resolver), 0);
    assert_true(addr_equal(&conf->second_opinion, &resolver));
    assert_int_equal(conf->egress, CONF_EGRESS_AUTO);
    assert_false(conf->public_path_fails);
    assert_int_equal(conf->certificate_warning_ms, 7 * INT64_C(86400000));
    assert_false(conf->http);
    assert_int_equal(conf->tls_engine, TLS_ENGINE_DEFAULT);
    assert_int_equal(conf->n_endpoints, 0);
    assert_string_equal(conf->socket, CONF_DEFAULT_SOCKET);
    assert_false(conf->lifecycle.enabled);
    assert_string_equal(conf->lifecycle.hook, "");
    assert_string_equal(conf->lifecycle.group, "");
    assert_false(conf->lifecycle.ready_when_healthy);
    assert_int_equal(conf->lifecycle.deadline_ms, 0);
    assert_false(conf->lifecycle.abandon);
    assert_int_equal(conf->lifecycle.heartbeat_ms, 0);
    assert_string_equal(conf->lifecycle.endpoint, "");
    assert_false(conf->health.set_instance_health);
    assert_int_equal(conf->health.after_ms, 600000);
    assert_true(conf_ca_file(conf)[0] == '/');
}

static const char every_key[] = "# a comment\n"
                                "; another\n"
                                "\n"
                                "   \t\n"
                                "[Host]\n"
                                "Region=eu-central-1\n"
                                "AccountId = 123456789012\n"
                                "VpcCidrs=10.0.0.0/16  100.64.0.0/16 2600:1f14:abc:4200::/56\n"
                                "Subnets=10.0.1.0/24=apne1-az4 10.0.2.0/24=apne1-az1\n"
                                "LaunchType=fargate-1.3\n"
                                "Imds=http://127.0.0.1:8080/\n"
                                "Names=dualstack\n"
                                "[Probe]\n"
                                "Interval=1min 30s\n"
                                "FastInterval=100ms\n"
                                "Rise=20\n"
                                "Fall=1\n"
                                "DnsTimeout=1s\n"
                                "ConnectTimeout=100ms\n"
                                "TlsTimeout=60s\n"
                                "Parallel=1024\n"
                                "AddressFamily=ipv6\n"
                                "CaFile=/etc/ssl/my ca.pem\n"
                                "SecondOpinion=fd00:ec2::253\n"
                                "EgressControl=example.com\n"
                                "PublicPath=failed\n"
                                "CertificateWarning=0\n"
                                "Http=yes\n"
                                "TlsEngine=lean\n"
                                "[Status]\n"
                                "Socket=/run/test.sock\n"
                                "[Lifecycle]\n"
                                "Enabled=yes\n"
                                "Hook=launch_hook/A-1\n"
                                "AutoScalingGroup=my group; prod\n"
                                "Ready=healthy\n"
                                "Deadline=15min\n"
                                "OnDeadline=abandon\n"
                                "Heartbeat=5min\n"
                                "Endpoint=https://autoscaling.test:8443\n"
                                "[Health]\n"
                                "SetInstanceHealth=yes\n"
                                "After=1h\n"
                                "[Endpoint ecr.api]\n"
                                "Required=no\n"
                                "[Endpoint my-service.v2]\n"
                                "Host=10.0.0.9\n"
                                "Port=8443\n"
                                "Expect=any\n"
                                "Http=no\n"
                                "Enabled=yes\n"
                                "[Endpoint sts]"; /* no line end */

static void
reads_host_and_probe(const struct conf *conf)
{
    assert_string_equal(conf->region, "eu-central-1");
    assert_string_equal(conf->account_id, "123456789012");
    assert_int_equal(conf->nets.n_cidrs, 3);
    assert_int_equal(conf->nets.cidrs[2].prefix_len, 56);
    assert_true(conf->nets.known[0] && conf->nets.known[1]);
    assert_int_equal(conf->nets.n_subnets, 2);
    assert_string_equal(conf->nets.subnets[0].az_id, "apne1-az4");
    assert_string_equal(conf->nets.subnets[1].az_id, "apne1-az1");
    assert_int_equal(conf->launch_type, LAUNCH_TYPE_FARGATE_1_3);
    assert_int_equal(conf->imds, CONF_IMDS_URL);
    assert_string_equal(conf->imds_url, "http://127.0.0.1:8080");
    assert_int_equal(conf->names, NAME_STYLE_DUALSTACK);
    assert_int_equal(conf->interval_ms, 90000);
    assert_int_equal(conf->fast_interval_ms, 100);
    assert_int_equal(conf->rise, 20);
    assert_int_equal(conf->fall, 1);
    assert_int_equal(conf->probe.dns_timeout_ms, 1000);
    assert_int_equal(conf->probe.connect_timeout_ms, 100);
    assert_int_equal(conf->probe.tls_timeout_ms, 60000);
    assert_int_equal(conf->parallel, 1024);
    assert_true(!conf->probe.family_enabled[0] && conf->probe.family_enabled[1]);
    assert_string_equal(conf->ca_file, "/etc/ssl/my ca.pem");
    assert_string_equal(conf_ca_file(conf), "/etc/ssl/my ca.pem");
    assert_int_equal(conf->second_opinion.family, ADDR_FAMILY_IPV6);
    assert_int_equal(conf->egress, CONF_EGRESS_HOST);
    assert_string_equal(conf->egress_host, "example.com");
    assert_true(conf->public_path_fails);
    assert_int_equal(conf->certificate_warning_ms, 0);
    assert_true(conf->http);
    assert_int_equal(conf->tls_engine, TLS_ENGINE_LEAN);
}

static void
reads_endpoints(const struct conf *conf)
{
    const struct conf_endpoint *endpoint = conf->endpoints;

    assert_int_equal(conf->n_endpoints, 3);
    assert_string_equal(endpoint[0].key, "ecr.api");
    assert_int_equal(endpoint[0].required, CONF_CHOICE_NO);
    assert_int_equal(endpoint[0].enabled, CONF_CHOICE_DEFAULT);
    assert_false(endpoint[0].expected_set);
    assert_string_equal(endpoint[1].key, "my-service.v2");
    assert_string_equal(endpoint[1].hostname, "10.0.0.9");
    assert_int_equal(endpoint[1].port, 8443);
    assert_true(endpoint[1].expected_set);
    assert_int_equal(endpoint[1].expected, EXPECTED_ANY);
    assert_int_equal(endpoint[1].http, CONF_CHOICE_NO);
    assert_int_equal(endpoint[1].enabled, CONF_CHOICE_YES);
    assert_string_equal(endpoint[2].key, "sts");
    assert_int_equal(endpoint[2].required, CONF_CHOICE_DEFAULT);
    assert_null(endpoint[2].hostname);
    assert_int_equal(endpoint[2].port, 443);
}

static void
every_key_is_read(void **state)
{
    struct fixture *f = *state;

    load_text(f, every_key);
    const struct conf *conf = good(f);

    reads_host_and_probe(conf);
    reads_endpoints(conf);
    assert_string_equal(conf->socket, "/run/test.sock");
    assert_true(conf->lifecycle.enabled);
    assert_string_equal(conf->lifecycle.hook, "launch_hook/A-1");
    assert_string_equal(conf->lifecycle.group, "my group; prod");
    assert_true(conf->lifecycle.ready_when_healthy);
    assert_int_equal(conf->lifecycle.deadline_ms, 900000);
    assert_true(conf->lifecycle.abandon);
    assert_int_equal(conf->lifecycle.heartbeat_ms, 300000);
    assert_string_equal(conf->lifecycle.endpoint, "https://autoscaling.test:8443");
    assert_true(conf->health.set_instance_health);
    assert_int_equal(conf->health.after_ms, 3600000);
}

/* An empty value of every key puts its default back: nothing is left of every_key. */
static void
empty_values(void **state)
{
    struct fixture *f = *state;
    char emptied[sizeof(every_key)] = "";
    struct text text = TEXT(emptied);
    const char *line = every_key;

    write_bytes(f->path, every_key, strlen(every_key));
    while (line != NULL && *line != '\0') {
        const char *end = strchrnul(line, '\n');
        size_t len = (size_t)(end - line);
        const char *equals = memchr(line, '=', len);

        if (equals != NULL && line[0] != '[') {
            len = (size_t)(equals - line) + 1;
        }
        (void)text_add(&text, "%.*s\n", (int)len, line);
        line = *end == '\0' ? NULL : end + 1;
    }
    /* An endpoint of one's own cannot lose its Host=. */
    write_dropin(f, "1.conf", emptied);
    write_dropin(f, "2.conf", "[Endpoint my-service.v2]\nHost=a.example\n");
    load(f);
    const struct conf *conf = good(f);

    assert_string_equal(conf->region, "");
    assert_int_equal(conf->nets.n_cidrs, 0);
    assert_false(conf->nets.known[0] || conf->nets.known[1]);
    assert_int_equal(conf->nets.n_subnets, 0);
    assert_int_equal(conf->imds, CONF_IMDS_AUTO);
    assert_string_equal(conf->imds_url, "");
    assert_int_equal(conf->interval_ms, 30000);
    assert_true(conf->probe.family_enabled[0] && conf->probe.family_enabled[1]);
    assert_int_equal(conf->second_opinion.family, ADDR_FAMILY_IPV4);
    assert_int_equal(conf->egress, CONF_EGRESS_AUTO);
    assert_string_equal(conf->egress_host, "");
    assert_int_equal(conf->certificate_warning_ms, 7 * INT64_C(86400000));
    assert_string_equal(conf->socket, CONF_DEFAULT_SOCKET);
    assert_false(conf->lifecycle.enabled);
    assert_string_equal(conf->lifecycle.hook, "");
    assert_int_equal(conf->lifecycle.deadline_ms, 0);
    assert_int_equal(conf->endpoints[0].required, CONF_CHOICE_DEFAULT);
    assert_false(conf->endpoints[1].expected_set);
    assert_int_equal(conf->endpoints[1].port, 443);
    assert_int_equal(conf->endpoints[1].http, CONF_CHOICE_DEFAULT);
}

/* Texts that look odd and are fine. */
static const char *const good_cases[] = {
    "",
    "\n\n\n",
    "# only a comment",
    "#\n;\n",
    "\xef\xbb\xbf[Probe]\nInterval=30s\n",
    "[Probe]\r\nInterval=30s\r\n",
    "[Probe]   \nInterval = 30s   \n",
    "[Probe]\n[Probe]\n[Host]\n",
    "[Probe]\nInterval=5s\nInterval=6s\n",
    "[Probe]\nCaFile=/a=b:c\n",
    "[Probe]\nCaFile=/a;b\n",
    "[Probe]\nEgressControl=off\nSecondOpinion=off\n",
    "[Probe]\nFastInterval=30s\n",
    "[Probe]\nInterval=100ms\nFastInterval=100ms\n",
    "[Host]\nRegion=us-east-1\nImds=off\n",
    "[Host]\nImds=off\nRegion=us-east-1\n",
    "[Host]\nImds=off\nImds=\n",
    "[Host]\nRegion=xx-nowhere-1\nRegion=eusc-de-east-1\n",
    "[Host]\nImds=http://[fd00:ec2::254]:80/\n",
    "[Host]\nImds=http://169.254.169.254\n",
    "[Host]\nVpcCidrs=auto\nAccountId=auto\nRegion=auto\n",
    "[Endpoint newkey]\nEnabled=no\n",
    "[Endpoint newkey]\nHost=::1\n",
    "[Endpoint newkey]\n[Probe]\n[Endpoint newkey]\nHost=x\n",
    "[Endpoint a2345678901234567890123456789012]\nHost=x\n",
    "[Lifecycle]\nHook=h\nDeadline=1min\nHeartbeat=30s\n",
    "[Status]\nSocket=/" X_60 "/012345678901234567890123456789012345678901234\n",
    "[Probe]\nCaFile=/" X_60 X_60 X_60 "0123456789\n", /* 198 bytes */
    "[Probe]\r\nCaFile=/" X_60 X_60 X_60 "0123456789\r\n",
    "[Host]\nSubnets=10.0.1.0/24=apne1-az4 2600:1f14::/64=apne1-az1\n",
};

static void
odd_but_good(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_SIZE(good_cases); i++) {
        load_text(f, good_cases[i]);
        if (f->result != 0) {
            print_error("%s\n", good_cases[i]);
        }
        (void)good(f);
    }
}

/* Nothing of a value is cut, whatever libinih thinks of its characters. */
static void
values_come_through(void **state)
{
    struct fixture *f = *state;

    load_text(f, "[Probe]\nCaFile=/a;b#c:d=e [f] \"g\" 'h'\n");
    assert_string_equal(good(f)->ca_file, "/a;b#c:d=e [f] \"g\" 'h'");
    load_text(f, "[Probe]\nCaFile=/" X_60 X_60 X_60 "0123456789\n");
    assert_int_equal(strlen(good(f)->ca_file), 191);
}

static void
dropins(void **state)
{
    struct fixture *f = *state;

    write_dropin(f, "20.conf", "[Probe]\nInterval=20s\n[Endpoint logs]\nRequired=no\n");
    write_dropin(f, "10.conf", "[Probe]\nInterval=10s\nRise=5\n[Endpoint logs]\nPort=8443\n");
    write_dropin(f, "30.conf.bak", "[Probe]\nInterval=50s\n");
    write_dropin(f, ".hidden.conf", "[Probe]\nInterval=50s\n");
    write_dropin(f, ".conf", "[Probe]\nInterval=50s\n");
    write_dropin(f, "A.conf", "[Probe]\nFall=7\n"); /* bytes, no locale: capitals first */
    write_dropin(f, "a.conf", "[Probe]\nFall=8\n");
    load_text(f, "[Probe]\nInterval=5s\nParallel=9\n[Endpoint logs]\nPort=1\nExpect=any\n");
    const struct conf *conf = good(f);

    assert_int_equal(conf->interval_ms, 20000);
    assert_int_equal(conf->rise, 5);
    assert_int_equal(conf->parallel, 9);
    assert_int_equal(conf->fall, 8);
    assert_int_equal(conf->n_endpoints, 1);
    assert_int_equal(conf->endpoints[0].port, 8443);
    assert_int_equal(conf->endpoints[0].required, CONF_CHOICE_NO);
    assert_int_equal(conf->endpoints[0].expected, EXPECTED_ANY);
}

/* The socket's path must fit unix(7)'s address. */
static void
socket_size(void **state)
{
    (void)state;
    assert_int_equal(
        sizeof(((struct conf *)NULL)->socket), sizeof(((struct sockaddr_un *)NULL)->sun_path));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults),
        TEST(every_key_is_read),
        TEST(empty_values),
        TEST(odd_but_good),
        TEST(values_come_through),
        TEST(dropins),
        cmocka_unit_test(socket_size),
    };

    return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
