/* conf/proxy: whose proxy the files of the agent and of docker name, and who uses it. */
#include "tests/unit/proxy_fixture.h"

struct file_case {
    const char *name;
    enum proxy_client client;
    const char *text;
    const char *server;
    const char *no_proxy;
    const char *backend; /* NULL: none */
    uint16_t backend_port;
    bool http_only;
};

static int
check_file(parse_fn *fn, const struct file_case *c)
{
    const char *backend = c->backend != NULL ? c->backend : "";
    struct proxy_settings s;

    memset(&s, 0xff, sizeof(s));
    proxy_settings_init(&s, c->client);
    assert_false(s.known);
    parse(fn, c->text, strlen(c->text), &s);
    assert_true(s.known);
    if (streq(proxy_server(&s), c->server) && streq(proxy_exceptions(&s)->text, c->no_proxy) &&
        !proxy_exceptions(&s)->cut && streq(s.backend_host, backend) &&
        s.backend_port == c->backend_port && proxy_is_http_only(&s) == c->http_only &&
        settings_are_clean(&s)) {
        return 0;
    }
    print_error("%s: got \"%s\" not \"%s\", backend \"%s\" %u, http only %d; expected \"%s\" not "
                "\"%s\", backend \"%s\" %u\n",
        c->name, proxy_server(&s), proxy_exceptions(&s)->text, s.backend_host, s.backend_port,
        proxy_is_http_only(&s), c->server, c->no_proxy, backend, c->backend_port);
    return 1;
}

static const struct file_case env_cases[] = {
    {"empty", AGENT, "", "", ""},
    {"nothing of interest", AGENT, "ECS_CLUSTER=prod\nECS_LOGLEVEL=info\n", "", ""},
    {"as AWS documents it", AGENT,
        "ECS_CLUSTER=prod\nHTTP_PROXY=" P "\n"
        "NO_PROXY=169.254.169.254,169.254.170.2,/var/run/docker.sock\n",
        P, "169.254.169.254,169.254.170.2"},
    {"no line end", AGENT, "HTTPS_PROXY=http://" P, P, ""},
    {"HTTPS_PROXY first", AGENT, "HTTPS_PROXY=http://a:1\nHTTP_PROXY=http://b:2\n", "a:1", ""},
    {"in any order", AGENT, "HTTP_PROXY=http://b:2\nHTTPS_PROXY=http://a:1\n", "a:1", ""},
    {"lower case", AGENT, "https_proxy=http://a:1\nno_proxy=b\n", "a:1", "b"},
    {"upper case before lower case", AGENT,
        "https_proxy=http://b:2\nHTTPS_PROXY=http://a:1\nno_proxy=d\nNO_PROXY=c\n", "a:1", "c"},
    {"lower case before HTTP_PROXY", AGENT, "HTTP_PROXY=b:2\nhttps_proxy=a:1\n", "a:1", ""},
    {"empty upper case", AGENT, "HTTPS_PROXY=\nhttps_proxy=a:1\nNO_PROXY=\nno_proxy=b\n", "a:1",
        "b"},
    {"mixed case is another variable", AGENT, "Https_Proxy=a:1\nNo_Proxy=b\n", "", ""},
    {"http only, agent", AGENT, "HTTP_PROXY=a:1\n", "a:1", ""},
    {"http only, docker", DOCKER, "HTTP_PROXY=a:1\n", "", "", NULL, 0, true},
    {"http only in lower case", DOCKER, "http_proxy=a:1\n", "", "", NULL, 0, true},
    {"both, docker", DOCKER, "HTTP_PROXY=a:1\nHTTPS_PROXY=b:2\n", "b:2", ""},
    {"later wins", AGENT, "HTTPS_PROXY=a:1\nHTTPS_PROXY=b:2\n", "b:2", ""},
    {"later and empty wins", AGENT, "HTTPS_PROXY=a:1\nHTTPS_PROXY=\n", "", ""},
    {"double quotes", AGENT, "HTTPS_PROXY=\"http://a:1\"\n", "a:1", ""},
    {"single quotes and blanks", AGENT, "HTTPS_PROXY= 'http://a:1' \t\n", "a:1", ""},
    {"blanks in quotes", AGENT, "HTTPS_PROXY=\" a:1 \"\n", "a:1", ""},
    {"empty quotes", AGENT, "HTTPS_PROXY=\"\"\nNO_PROXY=''\n", "", ""},
    {"one quote", AGENT, "HTTPS_PROXY=\"\n", PROXY_UNREADABLE, ""},
    {"quotes that do not match", AGENT, "HTTPS_PROXY=\"a:1'\n", PROXY_UNREADABLE, ""},
    {"indented", AGENT, "  HTTPS_PROXY=a:1\n", "a:1", ""},
    {"blank before =", AGENT, "HTTPS_PROXY =a:1\n", "", ""},
    {"CR LF", AGENT, "HTTPS_PROXY=a:1\r\nNO_PROXY=b,c\r\n", "a:1", "b,c"},
    {"comments", AGENT, "#HTTPS_PROXY=a:1\n # HTTPS_PROXY=b:2\n", "", ""},
    {"no comment behind a value", AGENT, "HTTPS_PROXY=a:1 # squid\n", PROXY_UNREADABLE, ""},
    {"a semicolon is no comment here", AGENT, ";HTTPS_PROXY=a:1\n", "", ""},
    {"export", AGENT, "export HTTPS_PROXY=a:1\n", "", ""},
    {"longer names", AGENT, "XHTTPS_PROXY=a:1\nHTTPS_PROXYX=a:1\nHTTPS_PROX=a:1\n", "", ""},
    {"no =", AGENT, "HTTPS_PROXY\nHTTPS_PROXY a:1\n=\n==\n", "", ""},
    {"name inside a value", AGENT, "X=HTTPS_PROXY=a:1\n", "", ""},
    {"sections mean nothing here", AGENT, "[Service]\nEnvironment=HTTPS_PROXY=a:1\n", "", ""},
    {"a backslash joins no lines here", AGENT, "X=a\\\nHTTPS_PROXY=a:1\n", "a:1", ""},
    {"byte order mark", AGENT, "\xef\xbb\xbfHTTPS_PROXY=a:1\n", "", ""},
    {"backend", AGENT, "ECS_BACKEND_HOST=ecs.example.com\n", "", "", "ecs.example.com", 443},
    {"backend URL", AGENT, "ECS_BACKEND_HOST=https://ecs.example.com/v1/\n", "", "",
        "ecs.example.com", 443},
    {"backend port", AGENT, "ECS_BACKEND_HOST=https://ecs.example.com:8443\n", "", "",
        "ecs.example.com", 8443},
    {"backend over http", AGENT, "ECS_BACKEND_HOST=http://127.0.0.1\n", "", "", "127.0.0.1", 80},
    {"backend IPv6", AGENT, "ECS_BACKEND_HOST=https://[fd00::1]:8443\n", "", "", "fd00::1", 8443},
    {"backend with credentials", AGENT, "ECS_BACKEND_HOST=https://u:p@ecs.example.com\n", "", "",
        "ecs.example.com", 443},
    {"backend unreadable", AGENT, "ECS_BACKEND_HOST=https://a b\n", "", ""},
    {"backend unreadable in the end", AGENT, "ECS_BACKEND_HOST=a\nECS_BACKEND_HOST=a b\n", "", ""},
    {"backend is the agent's", DOCKER, "ECS_BACKEND_HOST=ecs.example.com\n", "", ""},
};

static void
parses_env_files(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(env_cases); i++) {
        failures += check_file(proxy_parse_env_file, &env_cases[i]);
    }
    assert_int_equal(failures, 0);
}

static const struct file_case unit_cases[] = {
    {"empty", DOCKER, "", "", ""},
    {"as Docker documents it", DOCKER,
        S "Environment=\"HTTP_PROXY=http://p:3128\"\n"
          "Environment=\"HTTPS_PROXY=https://p:3129\"\n"
          "Environment=\"NO_PROXY=localhost,127.0.0.1,docker-registry.example.com,.corp\"\n",
        "p:3129", "localhost,127.0.0.1,docker-registry.example.com,.corp"},
    {"several on a line", DOCKER,
        S "Environment=\"HTTPS_PROXY=http://" P "\" \"NO_PROXY=localhost,169.254.169.254\"\n", P,
        "localhost,169.254.169.254"},
    {"HTTP_PROXY alone", DOCKER, S "Environment=\"HTTP_PROXY=http://" P "\"\n", "", "", NULL, 0,
        true},
    {"without quotes", DOCKER, S "Environment=HTTPS_PROXY=a:1 NO_PROXY=b", "a:1", "b"},
    {"single quotes", DOCKER, S "Environment='HTTPS_PROXY=a:1' 'NO_PROXY=b, c'\n", "a:1", "b,c"},
    {"quotes around the value", DOCKER, S "Environment=HTTPS_PROXY=\"a:1\" NO_PROXY='b'\n", "a:1",
        "b"},
    {"quotes in quotes stay", DOCKER, S "Environment=\"HTTPS_PROXY='a:1'\"\n", PROXY_UNREADABLE,
        ""},
    {"quote without end", DOCKER, S "Environment=NO_PROXY=b \"HTTPS_PROXY=a:1\n", "", "b"},
    {"the line after it", DOCKER, S "Environment=\"X=a\nEnvironment=HTTPS_PROXY=a:1\n", "a:1", ""},
    {"escaped quote", DOCKER, S "Environment=\"X=\\\" HTTPS_PROXY=a:1\" NO_PROXY=b\n", "", "b"},
    {"escaped backslash", DOCKER, S "Environment=\"X=\\\\\" HTTPS_PROXY=a:1\n", "a:1", ""},
    {"escaped blank", DOCKER, S "Environment=X=\\ HTTPS_PROXY=a:1\n", "", ""},
    {"escape in the value", DOCKER, S "Environment=HTTPS_PROXY=http://u:p\\x40a:1\n",
        PROXY_UNREADABLE, ""},
    {"blanks around =", DOCKER, " " S "\t Environment \t= HTTPS_PROXY=a:1\t NO_PROXY=b \n", "a:1",
        "b"},
    {"CR LF", DOCKER, "[Service]\r\nEnvironment=HTTPS_PROXY=a:1\r\nEnvironment=NO_PROXY=b\r\n",
        "a:1", "b"},
    {"comments", DOCKER,
        S "#Environment=HTTPS_PROXY=a:1\n;Environment=HTTPS_PROXY=a:1\n"
          " # x\n\n ;y\nEnvironment=NO_PROXY=b\n",
        "", "b"},
    {"no comment behind a value", DOCKER, S "Environment=HTTPS_PROXY=a:1 #NO_PROXY=b\n", "a:1", ""},
    {"a comment does not continue", DOCKER, S "# x \\\nEnvironment=HTTPS_PROXY=a:1\n", "a:1", ""},
    {"continued", DOCKER, S "Environment=HTTPS_PROXY=a:1 \\\n  NO_PROXY=b\n", "a:1", "b"},
    {"continued with CR LF", DOCKER, S "Environment=HTTPS_PROXY=a:1 \\\r\nNO_PROXY=b\r\n", "a:1",
        "b"},
    {"continued in quotes", DOCKER, S "Environment=\"NO_PROXY=b,\\\n    c\" HTTPS_PROXY=a:1\n",
        "a:1", "b,c"},
    {"continued without a blank", DOCKER, S "Environment=HTTPS_PROXY=a:1\\\nNO_PROXY=b\n", "a:1",
        "b"},
    {"comments in between", DOCKER,
        S "Environment=HTTPS_PROXY=a:1 \\\n# x\n  ; y \\\nNO_PROXY=b\nX=y\n", "a:1", "b"},
    {"a blank line ends it", DOCKER, S "Environment=HTTPS_PROXY=a:1 \\\n\nNO_PROXY=b\n", "a:1", ""},
    {"a blank line ends it behind a comment", DOCKER,
        S "Environment=HTTPS_PROXY=a:1 \\\n#\n\nEnvironment=NO_PROXY=b\n", "a:1", "b"},
    {"two backslashes do not continue", DOCKER,
        S "Environment=X=a\\\\\nEnvironment=HTTPS_PROXY=a:1\n", "a:1", ""},
    {"backslash at the end", DOCKER, S "Environment=HTTPS_PROXY=a:1 \\", "a:1", ""},
    {"another setting, continued", DOCKER, S "ExecStart=x \\\nEnvironment=HTTPS_PROXY=a:1\n", "",
        ""},
    {"another section", DOCKER, "[Unit]\nEnvironment=HTTPS_PROXY=a:1\n", "", ""},
    {"before any section", DOCKER, "Environment=HTTPS_PROXY=a:1\n", "", ""},
    {"section again", DOCKER,
        S "Environment=HTTPS_PROXY=a:1\n[Unit]\nEnvironment=HTTPS_PROXY=b:2\n" S
          "Environment=NO_PROXY=c\n",
        "a:1", "c"},
    {"nearly the section", DOCKER, "[service]\nEnvironment=HTTPS_PROXY=a:1\n", "", ""},
    {"blanks in the section", DOCKER, "[ Service]\nEnvironment=HTTPS_PROXY=a:1\n", "", ""},
    {"section without end", DOCKER, S "[Service\nEnvironment=HTTPS_PROXY=a:1\n", "", ""},
    {"other settings", DOCKER,
        S "environment=HTTPS_PROXY=a:1\nEnvironmentFile=HTTPS_PROXY=b:2\nEnvironment\n=\n", "", ""},
    {"without Environment=", DOCKER, S "HTTPS_PROXY=a:1\n", "", ""},
    {"later wins", DOCKER, S "Environment=HTTPS_PROXY=a:1\nEnvironment=HTTPS_PROXY=b:2\n", "b:2",
        ""},
    {"reset", DOCKER,
        S "Environment=HTTPS_PROXY=a:1 HTTP_PROXY=c:3 NO_PROXY=d\nEnvironment= \t\n"
          "Environment=https_proxy=b:2\n",
        "b:2", ""},
    {"empty quotes do not reset", DOCKER, S "Environment=HTTPS_PROXY=a:1\nEnvironment=\"\"\n",
        "a:1", ""},
    {"empty value", DOCKER, S "Environment=HTTPS_PROXY=a:1\nEnvironment=HTTPS_PROXY=\n", "", ""},
    {"specifier", DOCKER, S "Environment=HTTPS_PROXY=http://%H:3128\n", PROXY_UNREADABLE, ""},
    {"specifier in the credentials", DOCKER, S "Environment=HTTPS_PROXY=http://u:p%%40@a:1\n",
        "a:1", ""},
    {"an agent's drop-in", AGENT, S "Environment=\"HTTP_PROXY=10.0.0.131:3128/\"\n", P, ""},
    {"no backend here", AGENT, S "Environment=ECS_BACKEND_HOST=a\n", "", ""},
};

static void
parses_units(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(unit_cases); i++) {
        failures += check_file(proxy_parse_unit, &unit_cases[i]);
    }
    assert_int_equal(failures, 0);
}

/* Drop-ins add to each other. */
static void
parses_units_in_order(void **state)
{
    struct proxy_settings s;

    (void)state;
    proxy_settings_init(&s, DOCKER);
    proxy_parse_unit(S "Environment=HTTPS_PROXY=a:1 NO_PROXY=b", &s);
    proxy_parse_unit("Environment=HTTPS_PROXY=x:1", &s); /* its section ended with the file */
    proxy_parse_unit(S "Environment=HTTPS_PROXY=b:2", &s);
    assert_string_equal(proxy_server(&s), "b:2");
    assert_string_equal(proxy_exceptions(&s)->text, "b");
    proxy_parse_unit(S "Environment=", &s);
    assert_string_equal(proxy_server(&s), "");
    assert_string_equal(proxy_exceptions(&s)->text, "");
}

static void
knows_who_uses_what(void **state)
{
    static const struct {
        const char *key;
        const char *client;
    } cases[] = {
        {"ecs", "ecs-agent"},
        {"ecs-agent", "ecs-agent"},
        {"ecs-telemetry", "ecs-agent"},
        {"ecr.api", "ecs-agent"},
        {"ecr.dkr", "docker"},
        {"s3", "docker"},
        {"logs", "docker"},
        {"ssm", "none"},
        {"ecr", "none"},
        {"s3x", "none"},
        {"S3", "none"},
        {"", "none"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_string_equal(proxy_client_str(proxy_client_of(cases[i].key)), cases[i].client);
    }
    for (unsigned i = 0; i < PROXY_CLIENT_N; i++) {
        assert_string_not_equal(proxy_client_str((enum proxy_client)i), "unknown");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_env_files),
        cmocka_unit_test(parses_units),
        cmocka_unit_test(parses_units_in_order),
        cmocka_unit_test(knows_who_uses_what),
    };

    return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
