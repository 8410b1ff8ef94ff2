/* conf/proxy: whose proxy it is, what bypasses it, and that no credential gets through. */
#include "conf/proxy.h"
#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <string.h>

#include <cmocka.h>

#define AGENT PROXY_CLIENT_AGENT
#define DOCKER PROXY_CLIENT_DOCKER
#define P "10.0.0.131:3128"

typedef void parse_fn(const char *text, struct proxy_settings *s);

/* From a copy on the heap, as long as the text: reading behind it shows. */
static void
parse(parse_fn *fn, const char *text, size_t len, struct proxy_settings *s)
{
    CLEANUP(cleanup_free) char *copy = malloc(len + 1);

    assert_non_null(copy);
    memcpy(copy, text, len);
    copy[len] = '\0';
    fn(copy, s);
}

/* Every text ends within its array and is printable ASCII. */
static bool
is_clean(const char *buf, size_t size)
{
    size_t len = strnlen(buf, size);

    for (size_t i = 0; i < len; i++) {
        if (buf[i] <= 0x20 || buf[i] >= 0x7f) {
            return false;
        }
    }
    return len < size;
}

static bool
settings_are_clean(const struct proxy_settings *s)
{
    bool clean = is_clean(s->backend_host, sizeof(s->backend_host));

    for (size_t i = 0; i < PROXY_SERVER_VARS_N; i++) {
        clean &= is_clean(s->servers[i], sizeof(s->servers[i]));
    }
    for (size_t i = 0; i < NO_PROXY_VARS_N; i++) {
        clean &= is_clean(s->no_proxies[i].text, sizeof(s->no_proxies[i].text));
    }
    return clean;
}

static bool
settings_have(const struct proxy_settings *s, const char *secret)
{
    return memmem(s, sizeof(*s), secret, strlen(secret)) != NULL;
}

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

#define S "[Service]\n"

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

static bool
has_secret(const struct proxy_settings *s)
{
    return settings_have(s, "SECRET") || settings_have(s, "TOPS") || settings_have(s, "1234") ||
           settings_have(s, "user");
}

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

/* n times the part, between before and behind. */
static char *
long_text(const char *before, const char *part, size_t n, const char *behind)
{
    size_t size = strlen(before) + n * strlen(part) + strlen(behind) + 1;
    char *buf = malloc(size);
    struct text text = {.buf = buf, .size = size};

    assert_non_null(buf);
    (void)text_add(&text, "%s", before);
    for (size_t i = 0; i < n; i++) {
        (void)text_add(&text, "%s", part);
    }
    (void)text_add(&text, "%s", behind);
    return buf;
}

static const struct {
    const char *name;
    parse_fn *fn;
    const char *before;
    const char *part;
    size_t n;
    const char *behind;
    const char *server;
    bool cut;
    bool applies; /* to the host last.example.com */
} long_cases[] = {
    {"fits", proxy_parse_env_file, "HTTPS_PROXY=a:1\nNO_PROXY=", "aa,", 600, "last.example.com",
        "a:1", false, false},
    {"just fits", proxy_parse_env_file, "HTTPS_PROXY=a:1\nNO_PROXY=", "a,", 1015,
        "last.example.com", "a:1", false, false},
    {"just does not fit", proxy_parse_env_file, "HTTPS_PROXY=a:1\nNO_PROXY=", "a,", 1016,
        "last.example.com", "a:1", true, true},
    {"does not fit", proxy_parse_env_file, "HTTPS_PROXY=a:1\nNO_PROXY=", "aa,", 700,
        "last.example.com", "a:1", true, true},
    {"what cannot match takes no room", proxy_parse_env_file, "HTTPS_PROXY=a:1\nNO_PROXY=", "/a,",
        50000, "last.example.com", "a:1", false, false},
    {"one long entry", proxy_parse_env_file, "HTTPS_PROXY=a:1\nNO_PROXY=", "a", 50000,
        ",last.example.com", "a:1", false, false},
    {"unit: fits", proxy_parse_unit, S "Environment=HTTPS_PROXY=a:1 NO_PROXY=", "aa,", 600,
        "last.example.com", "a:1", false, false},
    {"unit: word cut", proxy_parse_unit, S "Environment=HTTPS_PROXY=a:1 NO_PROXY=", "/,", 50000,
        "last.example.com", "a:1", true, true},
    {"unit: an entry cut in two", proxy_parse_unit, S "Environment=HTTPS_PROXY=a:1 \"NO_PROXY=",
        " ", 4096 - 9 - 11, "example.com.cn\"", "a:1", true, true},
    {"unit: one byte less", proxy_parse_unit, S "Environment=HTTPS_PROXY=a:1 \"NO_PROXY=", " ",
        4096 - 9 - 11, "example.com\"", "a:1", false, false},
    {"long credentials", proxy_parse_env_file, "HTTPS_PROXY=http://user:", "SECRET", 50000,
        "@a:1\n", "a:1", false, true},
    {"long host", proxy_parse_env_file, "HTTPS_PROXY=http://", "SECRET", 50000, ":1\n",
        PROXY_UNREADABLE, false, true},
    {"long path", proxy_parse_env_file, "HTTPS_PROXY=http://a:1/", "b", 50000, "", "a:1", false,
        true},
    {"unit: URL cut", proxy_parse_unit, S "Environment=HTTPS_PROXY=http://user:", "SECRET", 50000,
        "@a:1\n", PROXY_UNREADABLE, false, true},
    {"unit: URL cut where a host could end", proxy_parse_unit,
        S "Environment=HTTPS_PROXY=http://a:1/", "b", 50000, "", PROXY_UNREADABLE, false, true},
    {"long line before", proxy_parse_env_file, "X=", "SECRET", 50000, "\nHTTPS_PROXY=a:1", "a:1",
        false, true},
    {"unit: long line before", proxy_parse_unit, S, "SECRET", 50000,
        "\nEnvironment=HTTPS_PROXY=a:1", "a:1", false, true},
    {"unit: long word before", proxy_parse_unit, S "Environment=", "SECRET", 50000,
        " HTTPS_PROXY=a:1", "a:1", false, true},
    {"unit: long section before", proxy_parse_unit, "[", "SECRET", 50000,
        "]\n" S "Environment=HTTPS_PROXY=a:1", "a:1", false, true},
    {"unit: many lines joined", proxy_parse_unit, S "Environment=", "X=1234 \\\n#SECRET\n", 20000,
        "HTTPS_PROXY=a:1", "a:1", false, true},
    {"unit: many comments", proxy_parse_unit, S, "#\n;\n \n", 50000, "Environment=HTTPS_PROXY=a:1",
        "a:1", false, true},
    {"many lines", proxy_parse_env_file, "", "=\n\n#\n", 50000, "HTTPS_PROXY=a:1", "a:1", false,
        true},
};

static void
survives_long_texts(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(long_cases); i++) {
        CLEANUP(cleanup_free)
        char *text = long_text(
            long_cases[i].before, long_cases[i].part, long_cases[i].n, long_cases[i].behind);
        struct proxy_settings s;

        proxy_settings_init(&s, DOCKER);
        parse(long_cases[i].fn, text, strlen(text), &s);
        bool applies = proxy_applies(&s, "last.example.com", 443);

        if (!streq(proxy_server(&s), long_cases[i].server) || has_secret(&s) ||
            !settings_are_clean(&s) || proxy_exceptions(&s)->cut != long_cases[i].cut ||
            applies != long_cases[i].applies) {
            print_error("%s: got \"%s\", cut %d, applies %d\n", long_cases[i].name,
                proxy_server(&s), proxy_exceptions(&s)->cut, applies);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

static const char nasty[] =
    "\xef\xbb\xbf# \\\n;\\\r\n[Service]\\\n[Service]\r\n"
    "Environment=\"HTTPS_PROXY=http://user:SE CRET%40@@TOPS@[fd00::1]:3128/\" 'NO_PROXY=*.a:1,\\\n"
    " # x\n [::1]:443,10.9.9.9/8,\\\", .b ,*' HTTP_PROXY=\"user:\\\\\"TOPS/@p \\\n\n"
    "Environment=\nEnvironment=\"\nHTTPS_PROXY='http://user:SECRET/TOPS@p:1'\r\n"
    "ECS_BACKEND_HOST=\"https://user:SECRET@[fd00::2]:443/v1?\"\nECS_ENGINE_AUTH_DATA={\"SECRET\"}"
    "\n\x01\x1b[2J\xff=\xfe\n=\n'=\"\nhttps_proxy=socks5://SECRET:1234@[::ffff:10.0.0.1]\n"
    "NO_PROXY=\"user:SECRET@x,[::]:,::/0,::ffff:0:0/96,/\\\"\nEnvironment=X=\\";

/* All the prefixes a cut file may have, and all the places where one may begin. A secret that is
 * a whole host only after the cut cannot be told apart, so only bounds and bytes are checked. */
static void
survives_every_cut(void **state)
{
    size_t len = sizeof(nasty) - 1;

    (void)state;
    for (size_t start = 0; start < len; start++) {
        for (size_t n = start == 0 ? 1 : 23; n <= len - start; n += start == 0 ? 1 : 23) {
            struct proxy_settings s;

            proxy_settings_init(&s, n % 2 == 0 ? AGENT : DOCKER);
            parse(proxy_parse_env_file, nasty + start, n, &s);
            parse(proxy_parse_unit, nasty + start, n, &s);
            (void)proxy_applies(&s, "fd00::1", 443);
            (void)proxy_applies(&s, "a.b", 443);
            assert_true(settings_are_clean(&s));
        }
    }
}

/* Every byte in every place of a small file. */
static void
survives_every_byte(void **state)
{
    static const char env[] = "HTTPS_PROXY=\"http://u:p@a:1\"\nNO_PROXY=b:1,10.0.0.0/8\n";
    static const char unit[] = "[Service]\nEnvironment=\"HTTPS_PROXY=http://u:p@a:1\" \\\nX=b\n";

    (void)state;
    for (size_t i = 0; i < sizeof(env) + sizeof(unit) - 2; i++) {
        for (int c = 0; c < 256; c++) {
            bool first = i < sizeof(env) - 1;
            char buf[sizeof(env) + sizeof(unit)];
            size_t len = first ? sizeof(env) - 1 : sizeof(unit) - 1;
            struct proxy_settings s;

            memcpy(buf, first ? env : unit, len);
            buf[first ? i : i - (sizeof(env) - 1)] = (char)c;
            proxy_settings_init(&s, AGENT);
            parse(first ? proxy_parse_env_file : proxy_parse_unit, buf, len, &s);
            assert_true(settings_are_clean(&s));
        }
    }
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
        cmocka_unit_test(strips_credentials),
        cmocka_unit_test(stores_no_other_text),
        cmocka_unit_test(matches_exceptions),
        cmocka_unit_test(applies_only_with_a_proxy),
        cmocka_unit_test(survives_long_texts),
        cmocka_unit_test(survives_every_cut),
        cmocka_unit_test(survives_every_byte),
        cmocka_unit_test(knows_who_uses_what),
    };

    return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
