/* conf/proxy: of a URL only host and port are kept, and no credential gets through. */
#include "tests/unit/proxy_fixture.h"

/* What is kept of a URL, in both kinds of files. The secret of each row is SECRET, TOPS or 1234;
 * none of them is in any host here. */
static const struct {
    const char *url;
    const char *server;
} url_cases[] = {
    {"10.0.0.131:3128", P},
    {"10.0.0.131:3128/", P},
    {"http://10.0.0.131:3128", P},
    {"HTTP://10.0.0.131:3128/", P},
    {"http://10.0.0.131:3128/squid/proxy.pac", P},
    {"http://proxy.example.com", "proxy.example.com:80"},
    {"https://proxy.example.com", "proxy.example.com:443"},
    {"socks5://proxy.example.com", "proxy.example.com:1080"},
    {"socks5h://proxy.example.com:99", "proxy.example.com:99"},
    {"http://[fd00::1]:3128", "[fd00::1]:3128"},
    {"http://[fd00::1]", "[fd00::1]:80"},
    {"http://Proxy-1.example.com:65535", "Proxy-1.example.com:65535"},
    /* credentials in their place */
    {"http://SECRET:TOPS@p:3128", "p:3128"},
    {"http://SECRET@p:3128", "p:3128"},
    {"http://:SECRET@p:3128", "p:3128"},
    {"http://SECRET:@p:3128", "p:3128"},
    {"http://user:1234@p:3128", "p:3128"},
    {"http://user:SECRET@[fd00::1]:3128", "[fd00::1]:3128"},
    {"https://user:SECRET@p/", "p:443"},
    {"user:SECRET@p:3128", "p:3128"},
    {"SECRET@p:3128", "p:3128"},
    /* several '@' */
    {"http://user:TOPS@SECRET@p:3128", "p:3128"},
    {"user:TOPS@SECRET@p:3128", "p:3128"},
    {"http://user@example.com:SECRET@p:3128", "p:3128"},
    {"http://user:@@SECRET@@p:3128", "p:3128"},
    {"http://SECRET:1234@", PROXY_UNREADABLE},
    {"http://p:3128@user:SECRET", PROXY_UNREADABLE},
    {"http://@user:SECRET", PROXY_UNREADABLE},
    /* escapes */
    {"http://us%40er:SECRET%3A%40@p:3128", "p:3128"},
    {"http://user:SECRET%40p:3128", PROXY_UNREADABLE},
    {"http://SECRET%40p:3128", PROXY_UNREADABLE},
    {"http://user:1234/%40TOPS%40p:3128", PROXY_UNREADABLE},
    /* what ends an authority, in a password */
    {"http://user:SECRET/TOPS@p:3128", PROXY_UNREADABLE},
    {"http://user:1234/SECRET@p:3128", PROXY_UNREADABLE},
    {"http://user:1234#SECRET@p:3128", PROXY_UNREADABLE},
    {"http://user:1234?SECRET@p:3128", PROXY_UNREADABLE},
    {"http://user:1234/@p:3128", PROXY_UNREADABLE},
    {"http://user:/SECRET@p:3128", PROXY_UNREADABLE},
    {"user:1234/SECRET@p:3128", PROXY_UNREADABLE},
    {"user:1234#SECRET@p:3128", PROXY_UNREADABLE},
    {"user:SECRET?@p:3128", PROXY_UNREADABLE},
    {"http://user:TOPS@SECRET/@p:3128", PROXY_UNREADABLE},
    {"http://p:3128/?password=SECRET", PROXY_UNREADABLE},
    {"http://p:3128/#SECRET", PROXY_UNREADABLE},
    {"http://p:3128/SECRET@", PROXY_UNREADABLE},
    /* broken schemes */
    {"http:/user:SECRET@p:3128", PROXY_UNREADABLE},
    {"http:user:SECRET@p:3128", "p:3128"},
    {"http:SECRET", PROXY_UNREADABLE},
    {"//user:SECRET@p:3128", PROXY_UNREADABLE},
    {"://user:SECRET@p:3128", PROXY_UNREADABLE},
    {"ftp://user:SECRET@p:3128", PROXY_UNREADABLE},
    {"user:SECRET://TOPS@p:3128", PROXY_UNREADABLE},
    {"SECRET://p:3128", PROXY_UNREADABLE},
    {"http://http://user:SECRET@p:3128", PROXY_UNREADABLE},
    {"http://user:SECRET://TOPS@p:3128", PROXY_UNREADABLE},
    {"http:\\\\user:SECRET@p:3128", "p:3128"},
    {"http://user:SECRET\\\\@p:3128", "p:3128"},
    /* no host, no port */
    {"SECRET", PROXY_UNREADABLE},
    {"user:SECRET", PROXY_UNREADABLE},
    {"user:SECRET@p", PROXY_UNREADABLE},
    {"http://user:SECRET", PROXY_UNREADABLE},
    {"http://", PROXY_UNREADABLE},
    {"http:///SECRET", PROXY_UNREADABLE},
    {":3128", PROXY_UNREADABLE},
    {"@", PROXY_UNREADABLE},
    {"://", PROXY_UNREADABLE},
    {"[", PROXY_UNREADABLE},
    {"[]:1", PROXY_UNREADABLE},
    {"http://[fd00::1", PROXY_UNREADABLE},
    {"http://[fd00::1]SECRET:1", PROXY_UNREADABLE},
    {"http://fd00::1:3128", PROXY_UNREADABLE},
    {"http://[fe80::1%eth0]:3128", PROXY_UNREADABLE},
    {"http://p:", PROXY_UNREADABLE},
    {"http://p:0", PROXY_UNREADABLE},
    {"http://p:65536", PROXY_UNREADABLE},
    {"http://p:31280000000000000000000000000", PROXY_UNREADABLE},
    {"http://p:+1", PROXY_UNREADABLE},
    {"http://p:3128:SECRET", PROXY_UNREADABLE},
    {"http://10.0.0.256:3128", PROXY_UNREADABLE},
    {"http://12345:3128", PROXY_UNREADABLE},
    {"http://-p:3128", PROXY_UNREADABLE},
    {"http://SECRET;p:3128", PROXY_UNREADABLE},
    {"http://SECRET,p:3128", PROXY_UNREADABLE},
    {"http://$SECRET:3128", PROXY_UNREADABLE},
    {"{SECRET}:3128", PROXY_UNREADABLE},
    /* bytes that do not belong */
    {"http://user:SE\x01\x1b[2J\xff@p:3128", "p:3128"},
    {"http://p\x1b[2J:3128", PROXY_UNREADABLE},
    {"http://p\xc3\xbc:3128", PROXY_UNREADABLE},
    {"http://p:3128/\x7f", PROXY_UNREADABLE},
    {"\xff\xfe", PROXY_UNREADABLE},
};

static int
check_url(parse_fn *fn, const char *format, const char *url, const char *server)
{
    char text[512];
    struct proxy_settings s;

    (void)snprintf(text, sizeof(text), "%s%s\n", format, url);
    proxy_settings_init(&s, DOCKER);
    parse(fn, text, strlen(text), &s);
    if (streq(proxy_server(&s), server) && !has_secret(&s) && settings_are_clean(&s)) {
        return 0;
    }
    print_error("%s: got \"%s\", expected \"%s\"%s\n", url, proxy_server(&s), server,
        has_secret(&s) ? ", and a secret got through" : "");
    return 1;
}

static void
strips_credentials(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(url_cases); i++) {
        failures +=
            check_url(proxy_parse_env_file, "HTTPS_PROXY=", url_cases[i].url, url_cases[i].server);
        failures += check_url(
            proxy_parse_unit, S "Environment=HTTPS_PROXY=", url_cases[i].url, url_cases[i].server);
    }
    assert_int_equal(failures, 0);
}

/* Other lines, other keys, other sections: none of it is stored. */
static void
stores_no_other_text(void **state)
{
    static const char *const texts[] = {
        "ECS_ENGINE_AUTH_DATA={\"https://user:SECRET@registry\":{\"password\":\"TOPS\"}}\n",
        "ECS_ENGINE_AUTH_DATA=HTTPS_PROXY=http://SECRET:80\n",
        "#HTTPS_PROXY=http://SECRET:80\n",
        "HTTPS_PROXY http://SECRET:80\n",
        "AWS_SECRET_ACCESS_KEY=SECRET\nHTTPS_PROXY=a:1\n",
        "HTTPS_PROXY=user:SECRET\nhttps_proxy=TOPS\nHTTP_PROXY=http://SECRET:x\nhttp_proxy=SECRET",
        "NO_PROXY=user:SECRET@a,http://user:TOPS@b:1,SECRET/TOPS,%SECRET,SECRET TOPS\n",
        "NO_PROXY=user:SECRET,[SECRET],SECRET*,SE\x01CRET,SECRET!,SECRET-,SECRET:999999\n",
        "ECS_BACKEND_HOST=https://user:SECRET/TOPS@ecs\nECS_BACKEND_HOST=https://u:SECRET\n",
        "ECS_BACKEND_HOST=https://user:TOPS@SECRET@ecs\n",
        S "Environment=\"SECRET\" X=TOPS \"HTTPS_PROXY=SECRET\nEnvironment=user\n",
        S
        "Environment=\"NO_PROXY=SECRET\\\\,TOPS\\x41,TOPS\\\n@\" HTTPS_PROXY=user:\\\nSECRET@a:1\n",
        "[SECRET]\nEnvironment=HTTPS_PROXY=TOPS:1\n",
        S "SECRET=TOPS\nExecStart=user --password SECRET\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct proxy_settings s;

        proxy_settings_init(&s, AGENT);
        parse(proxy_parse_env_file, texts[i], strlen(texts[i]), &s);
        parse(proxy_parse_unit, texts[i], strlen(texts[i]), &s);
        if (has_secret(&s) || !settings_are_clean(&s)) {
            fail_msg("a secret got through: %s", texts[i]);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strips_credentials),
        cmocka_unit_test(stores_no_other_text),
    };

    return cmocka_run_group_tests_name("proxy_secrets", tests, NULL, NULL);
}
