/* conf/no_proxy: which hosts are reached without the proxy. */
#include "tests/unit/proxy_fixture.h"

static const struct {
    const char *no_proxy;
    const char *hostname;
    uint16_t port; /* 0: 443 */
    bool applies;
} match_cases[] = {
    {"", "ecs.example.com", 0, true},
    {"", "localhost", 0, false},
    {"", "LocalHost", 0, false},
    {"", "127.0.0.1", 0, false},
    {"", "127.8.9.10", 0, false},
    {"", "::1", 0, false},
    {"", "::ffff:127.0.0.1", 0, false},
    {"", "::2", 0, true},
    {"", "128.0.0.1", 0, true},
    {"", "localhost.example.com", 0, true},
    /* all */
    {"*", "ecs.example.com", 0, false},
    {"*", "10.0.0.1", 0, false},
    {"a, * ,b", "ecs.example.com", 0, false},
    {"*:443", "ecs.example.com", 0, true},
    {"**", "ecs.example.com", 0, true},
    /* domains */
    {"example.com", "example.com", 0, false},
    {"example.com", "ecs.example.com", 0, false},
    {"example.com", "a.b.example.com", 0, false},
    {"example.com", "notexample.com", 0, true},
    {"example.com", "example.com.cn", 0, true},
    {"example.com", "com", 0, true},
    {"EXAMPLE.com", "ecs.Example.COM", 0, false},
    {"com", "ecs.example.com", 0, false},
    {".example.com", "example.com", 0, true},
    {".example.com", "ecs.example.com", 0, false},
    {".example.com", "notexample.com", 0, true},
    {"*.example.com", "example.com", 0, true},
    {"*.example.com", "ecs.example.com", 0, false},
    {"*example.com", "ecs.example.com", 0, true},
    {"ecs.*.example.com", "ecs.a.example.com", 0, true},
    {"..example.com", "a.example.com", 0, true},
    {"example.com.", "example.com", 0, true},
    {"https://example.com", "example.com", 0, true},
    {"example.com/", "example.com", 0, true},
    {"a,b,example.com", "example.com", 0, false},
    {" a ,\texample.com\t, b", "example.com", 0, false},
    {"a example.com", "example.com", 0, true},
    {"a;example.com", "example.com", 0, true},
    {",,example.com,,", "example.com", 0, false},
    {",", "example.com", 0, true},
    {".", "example.com", 0, true},
    {"*.", "example.com", 0, true},
    /* ports */
    {"example.com:443", "example.com", 0, false},
    {"example.com:443", "example.com", 8443, true},
    {"example.com:8443", "ecs.example.com", 8443, false},
    {".example.com:443", "ecs.example.com", 0, false},
    {"*.example.com:80", "ecs.example.com", 0, true},
    {"example.com:", "example.com", 8443, false},
    {"example.com:0443", "example.com", 0, true},
    {"example.com:44", "example.com", 0, true},
    {"example.com:https", "example.com", 0, true},
    {":443", "example.com", 0, true},
    /* addresses */
    {"10.0.0.1", "10.0.0.1", 0, false},
    {"10.0.0.1", "10.0.0.10", 0, true},
    {".example.com", "anexample.com", 0, true},
    {".example.com", "example.org", 0, true},
    {"example.com", "example.org", 0, true},
    {"example.com", "a.example.org", 0, true},
    {"10.0.0.1:443", "10.0.0.1", 0, false},
    {"10.0.0.1:80", "10.0.0.1", 0, true},
    {"10.0.0.1", "ecs.example.com", 0, true},
    {"10.0.0", "10.0.0.1", 0, true},
    {"10.", "10.0.0.1", 0, true},
    {"fd00::1", "fd00::1", 0, false},
    {"fd00:0::1", "fd00::1", 0, false},
    {"[fd00::1]", "fd00::1", 0, true},
    {"[fd00::1]:443", "fd00::1", 0, false},
    {"[fd00::1]:80", "fd00::1", 0, true},
    {"[fd00::1]443", "fd00::1", 0, true},
    {"::ffff:10.0.0.1", "10.0.0.1", 0, false},
    {"10.0.0.1", "::ffff:10.0.0.1", 0, false},
    {"10.0.0.1", "64:ff9b::10.0.0.1", 0, true},
    /* CIDRs */
    {"10.0.0.0/8", "10.1.2.3", 0, false},
    {"10.0.0.0/8", "11.1.2.3", 0, true},
    {"10.0.0.0/8", "::ffff:10.1.2.3", 0, false},
    {"10.9.9.9/8", "10.1.2.3", 0, false},
    {"10.0.0.0/8", "fd00::1", 0, true},
    {"0.0.0.0/0", "8.8.8.8", 0, false},
    {"0.0.0.0/0", "ecs.example.com", 0, true},
    {"fd00::/8", "fd12::1", 0, false},
    {"fd00::/8", "fc12::1", 0, true},
    {"fd00::1/128", "fd00::1", 0, false},
    {"::/0", "10.0.0.1", 0, true},
    {"10.0.0.0/33", "10.0.0.0", 0, true},
    {"10.0.0.0/", "10.0.0.0", 0, true},
    {"10.0.0.0/8:443", "10.0.0.0", 0, true},
    {"10.0.0.0/8/8", "10.0.0.0", 0, true},
    {"/8", "10.0.0.0", 0, true},
    {"/var/run/docker.sock", "docker.sock", 0, true},
    {"169.254.169.254,169.254.170.2,/var/run/docker.sock", "ecs.example.com", 0, true},
};

static void
matches_exceptions(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(match_cases); i++) {
        uint16_t port = match_cases[i].port != 0 ? match_cases[i].port : 443;
        struct proxy_settings s;
        char text[256];

        (void)snprintf(
            text, sizeof(text), "HTTPS_PROXY=" P "\nNO_PROXY=%s\n", match_cases[i].no_proxy);
        proxy_settings_init(&s, DOCKER);
        parse(proxy_parse_env_file, text, strlen(text), &s);
        if (proxy_applies(&s, match_cases[i].hostname, port) != match_cases[i].applies ||
            !settings_are_clean(&s)) {
            print_error("\"%s\" and %s:%u: expected %d\n", match_cases[i].no_proxy,
                match_cases[i].hostname, port, match_cases[i].applies);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

static void
applies_only_with_a_proxy(void **state)
{
    struct proxy_settings s;

    (void)state;
    proxy_settings_init(&s, DOCKER);
    assert_false(proxy_applies(&s, "ecs.example.com", 443));
    proxy_parse_env_file("HTTP_PROXY=a:1", &s);
    assert_false(proxy_applies(&s, "ecs.example.com", 443));
    proxy_parse_env_file("HTTPS_PROXY=rubbish", &s);
    assert_true(proxy_applies(&s, "ecs.example.com", 443));
    proxy_parse_env_file("no_proxy=example.com", &s);
    assert_false(proxy_applies(&s, "ecs.example.com", 443));
    proxy_parse_env_file("NO_PROXY=/nothing/that/matches", &s); /* but it is set */
    assert_true(proxy_applies(&s, "ecs.example.com", 443));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_exceptions),
        cmocka_unit_test(applies_only_with_a_proxy),
    };

    return cmocka_run_group_tests_name("no_proxy", tests, NULL, NULL);
}
