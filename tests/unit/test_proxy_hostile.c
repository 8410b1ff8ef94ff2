/* conf/proxy: texts too long, cut anywhere, or with any byte in any place. */
#include "tests/unit/proxy_fixture.h"

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_long_texts),
        cmocka_unit_test(survives_every_cut),
        cmocka_unit_test(survives_every_byte),
    };

    return cmocka_run_group_tests_name("proxy_hostile", tests, NULL, NULL);
}
