/* daemon/aws/credentials_facts: what IMDS says about the instance's role, good and hostile. */
#include "daemon/aws/credentials_facts.h"
#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HTML "<html><head><title>503</title></head></html>"
#define X16 "0123456789abcdef"
#define X64 X16 X16 X16 X16
#define X128 X64 X64

/* ---- the name of the role ---- */

struct role_case {
    const char *text;
    size_t len;           /* 0: all of it */
    const char *expected; /* NULL: none */
};

static const struct role_case role_cases[] = {
    {"web", 0, "web"},
    {"web\n", 0, "web"},
    {"web\r\n", 0, "web"},
    {"first\nsecond\n", 0, "first"},
    {"a_b+c=d,e.f@g-h0Z", 0, "a_b+c=d,e.f@g-h0Z"},
    {X64, 0, X64},
    {X64 "x", 0, NULL},
    {"", 0, NULL},
    {"\n", 0, NULL},
    {"../../latest/user-data", 0, NULL},
    {"path/web", 0, NULL},
    {"web?x", 0, NULL},
    {"web%2e", 0, NULL},
    {"w b", 0, NULL},
    {"w\x01"
     "b",
        0, NULL},
    {"web\0x", 5, NULL},
    {"w\xc3\xa9"
     "b",
        0, NULL},
    {HTML, 0, NULL},
};

static void
test_role(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(role_cases); i++) {
        const struct role_case *c = &role_cases[i];
        char role[CREDENTIALS_ROLE_SIZE] = "untouched";
        bool good = credentials_role_read(c->text, c->len > 0 ? c->len : strlen(c->text), role);

        if (good != (c->expected != NULL) ||
            !streq(role, c->expected != NULL ? c->expected : "untouched")) {
            fail_msg("\"%s\": got %d, \"%s\"", c->text, good, role);
            abort();
        }
    }
}

/* ---- the document ---- */

#define NOW 1500000000 /* 2017-07-14T02:40:00Z */
#define ID "ASIAIOSFODNN7EXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define TOKEN "IQoJb3JpZ2luX2VjEHMaDmV1/+=="

#define CODE "\"Code\" : \"Success\""
#define KEY_ID "\"AccessKeyId\" : \"" ID "\""
#define KEY "\"SecretAccessKey\" : \"" SECRET "\""
#define SESSION "\"Token\" : \"" TOKEN "\""
#define LATER "\"Expiration\" : \"2017-07-14T08:40:00Z\""
#define ALL CODE "," KEY_ID "," KEY "," SESSION "," LATER

struct case_ {
    const char *name;
    const char *text;
    enum credentials_reading expected;
    const char *bad;  /* NULL: nothing */
    const char *code; /* NULL: "" */
};

#define GOOD CREDENTIALS_READING_GOOD, NULL, "Success"
#define BAD(what) CREDENTIALS_READING_BAD, what

static const struct case_ cases[] = {
    {"as AWS has it",
        "{\n  \"Code\" : \"Success\",\n  \"LastUpdated\" : \"2017-07-14T02:39:16Z\",\n"
        "  \"Type\" : \"AWS-HMAC\",\n  " KEY_ID ",\n  " KEY ",\n  " SESSION ",\n  " LATER "\n}\n",
        GOOD},
    {"compact", "{" ALL "}", GOOD},
    {"what is new", "{\"AccountId\":\"1\",\"n\":-1.5e+3,\"t\":true,\"z\":null," ALL "}", GOOD},
    {"what is nested", "{" ALL ",\"x\":{\"a\":[1,{\"b\":\"}]\\\"\"},[]],\"c\":{}}}", GOOD},
    {"escapes",
        "{" CODE "," KEY_ID ",\"SecretAccessKey\":\"wJalrXUtnFEMI\\/K7MDENG\\u002fbPxRfiCYE"
        "XAMPLEKEY\"," SESSION "," LATER "}",
        GOOD},
    {"a key in escapes", "{\"\\u0043ode\":\"Success\"," KEY_ID "," KEY "," SESSION "," LATER "}",
        GOOD},
    {"another zone",
        "{" CODE "," KEY_ID "," KEY "," SESSION ",\"Expiration\":"
        "\"2017-07-14T17:40:00+09:00\"}",
        GOOD},

    {"not assumed",
        "{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"EC2 cannot assume "
        "the role web.\",\"LastUpdated\":\"2017-07-14T02:39:16Z\"}",
        CREDENTIALS_READING_FAILED, NULL, "AssumeRoleUnauthorizedAccess"},
    {"failed, with keys", "{\"Code\":\"Failed\"," KEY_ID "," KEY "," SESSION "," LATER "}",
        CREDENTIALS_READING_FAILED, NULL, "Failed"},
    {"expired", "{" CODE "," KEY_ID "," KEY "," SESSION ",\"Expiration\":\"2017-07-14T02:40:00Z\"}",
        CREDENTIALS_READING_EXPIRED},

    {"nothing", "", BAD("JSON")},
    {"HTML", HTML, BAD("JSON")},
    {"an array", "[" ALL "]", BAD("JSON")},
    {"a text", "\"x\"", BAD("JSON")},
    {"cut", "{" ALL, BAD("JSON")},
    {"cut in a text", "{" CODE "," KEY_ID ",\"SecretAccessKey\":\"wJalr", BAD("JSON")},
    {"cut in an escape", "{" CODE ",\"Token\":\"x\\", BAD("JSON")},
    {"cut in a code point", "{" CODE ",\"Token\":\"x\\u00", BAD("JSON")},
    {"cut in a nest", "{" ALL ",\"x\":[[[", BAD("JSON")},
    {"cut behind a colon", "{" ALL ",\"x\":", BAD("JSON")},
    {"cut behind the colon of ours", "{\"Code\":", BAD("JSON")},
    {"more behind it", "{" ALL "}x", BAD("JSON")},
    {"a comma too many", "{" ALL ",}", BAD("JSON")},
    {"a comma missing", "{" CODE " " KEY_ID "}", BAD("JSON")},
    {"a colon missing", "{\"Code\" \"Success\"}", BAD("JSON")},
    {"a bare word for a key", "{Code:\"Success\"}", BAD("JSON")},
    {"a newline in a text", "{" CODE ",\"Token\":\"a\nb\"}", BAD("JSON")},
    {"an unknown escape", "{" CODE ",\"Token\":\"a\\xb\"}", BAD("JSON")},
    {"a bad code point", "{" CODE ",\"Token\":\"\\u00g0\"}", BAD("JSON")},
    {"brackets the wrong way", "{" ALL ",\"x\":]}", BAD("JSON")},
    {"single quotes", "{'Code':'Success'}", BAD("JSON")},
    {"twice", "{" ALL "," KEY "}", BAD("SecretAccessKey")},

    {"empty", "{}", BAD("Code")},
    {"no code", "{" KEY_ID "," KEY "," SESSION "," LATER "}", BAD("Code")},
    {"a code of control characters", "{\"Code\":\"\\u001b[2J\"}", BAD("Code")},
    {"a code that is too long", "{\"Code\":\"" X64 "\"}", BAD("Code")},
    {"a code that is a number", "{\"Code\":200," KEY_ID "," KEY "," SESSION "," LATER "}",
        BAD("Code")},
    {"no id", "{" CODE "," KEY "," SESSION "," LATER "}", BAD("AccessKeyId")},
    {"id null", "{" CODE ",\"AccessKeyId\":null," KEY "," SESSION "," LATER "}",
        BAD("AccessKeyId")},
    {"id too short", "{" CODE ",\"AccessKeyId\":\"ASIA\"," KEY "," SESSION "," LATER "}",
        BAD("AccessKeyId")},
    {"id too long", "{" CODE ",\"AccessKeyId\":\"" X128 "0\"," KEY "," SESSION "," LATER "}",
        BAD("AccessKeyId")},
    {"id with a slash",
        "{" CODE ",\"AccessKeyId\":\"ASIAIOSFODNN7EX/MPLE\"," KEY "," SESSION "," LATER "}",
        BAD("AccessKeyId")},
    {"no secret", "{" CODE "," KEY_ID "," SESSION "," LATER "}", BAD("SecretAccessKey")},
    {"an empty secret", "{" CODE "," KEY_ID ",\"SecretAccessKey\":\"\"," SESSION "," LATER "}",
        BAD("SecretAccessKey")},
    {"a secret that is too long",
        "{" CODE "," KEY_ID ",\"SecretAccessKey\":\"" X128 "0\"," SESSION "," LATER "}",
        BAD("SecretAccessKey")},
    {"no token", "{" CODE "," KEY_ID "," KEY "," LATER "}", BAD("Token")},
    {"a token that ends a header",
        "{" CODE "," KEY_ID "," KEY ",\"Token\":\"a\\r\\nX-Evil: 1\"," LATER "}", BAD("Token")},
    {"a token with NUL", "{" CODE "," KEY_ID "," KEY ",\"Token\":\"a\\u0000b\"," LATER "}",
        BAD("Token")},
    {"a token that is not ASCII", "{" CODE "," KEY_ID "," KEY ",\"Token\":\"\xc3\xa9\"," LATER "}",
        BAD("Token")},
    {"a token in an object", "{" CODE "," KEY_ID "," KEY ",\"Token\":{\"a\":1}," LATER "}",
        BAD("Token")},
    {"no expiration", "{" CODE "," KEY_ID "," KEY "," SESSION "}", BAD("Expiration")},
    {"a span", "{" CODE "," KEY_ID "," KEY "," SESSION ",\"Expiration\":\"2d\"}",
        BAD("Expiration")},
    {"a day", "{" CODE "," KEY_ID "," KEY "," SESSION ",\"Expiration\":\"2037-01-01\"}",
        BAD("Expiration")},
    {"no such day",
        "{" CODE "," KEY_ID "," KEY "," SESSION ",\"Expiration\":\"2037-02-30T00:00:00Z\"}",
        BAD("Expiration")},
};

static bool
is_zero(const void *p, size_t len)
{
    const char *bytes = p;

    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static void
expect_facts(const struct case_ *c, const struct credentials_facts *facts)
{
    if (c->expected == CREDENTIALS_READING_GOOD) {
        assert_string_equal(facts->access_key_id, ID);
        assert_string_equal(facts->secret_access_key, SECRET);
        assert_string_equal(facts->session_token, TOKEN);
        assert_int_equal(facts->expires_wall_s, NOW + 6 * 3600);
    } else if (!is_zero(facts->access_key_id,
                   sizeof(*facts) - offsetof(struct credentials_facts, access_key_id))) {
        fail_msg("%s: something stayed", c->name);
    }
}

static void
test_document(void **state)
{
    static struct credentials_facts facts;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct case_ *c = &cases[i];
        const char *bad = NULL;
        enum credentials_reading got;

        memset(&facts, 'x', sizeof(facts));
        got = credentials_facts_read(c->text, strlen(c->text), NOW, &facts, &bad);
        if (got != c->expected || !streq(bad != NULL ? bad : "", c->bad != NULL ? c->bad : "") ||
            !streq(facts.code, c->code != NULL ? c->code : "")) {
            fail_msg("%s: got %d, bad %s, code %s", c->name, (int)got, bad != NULL ? bad : "-",
                facts.code);
            abort();
        }
        expect_facts(c, &facts);
    }
}

/* Every beginning of a good document, in memory that ends there, is none. */
static void
test_cut(void **state)
{
    static const char text[] = "{" ALL ",\"x\":[\"\\u0041\",{}]}";
    static struct credentials_facts facts;

    (void)state;
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        char *cut = malloc(len + 1); /* the sanitizer sees a byte too many */
        const char *bad;

        assert_non_null(cut);
        memcpy(cut, text, len);
        cut = realloc(cut, len > 0 ? len : 1);
        assert_non_null(cut);
        assert_int_equal(
            credentials_facts_read(cut, len, NOW, &facts, &bad), CREDENTIALS_READING_BAD);
        free(cut);
    }
}

/* A NUL anywhere makes it something else. */
static void
test_nul(void **state)
{
    static const char text[] = "{" ALL ",\"x\":[1,\"a\"]}";
    static struct credentials_facts facts;

    (void)state;
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        char copy[sizeof(text)];
        const char *bad;

        memcpy(copy, text, sizeof(text));
        copy[i] = '\0';
        assert_int_equal(credentials_facts_read(copy, sizeof(text) - 1, NOW, &facts, &bad),
            CREDENTIALS_READING_BAD);
    }
}

/* As long as it may be, and by one character longer. */
static void
test_long_token(void **state)
{
    static char token[CREDENTIALS_TOKEN_SIZE + 1];
    static char text[CREDENTIALS_TOKEN_SIZE + 512];
    static struct credentials_facts facts;
    const char *bad;

    (void)state;
    memset(token, 't', CREDENTIALS_TOKEN_SIZE);
    for (size_t len = CREDENTIALS_TOKEN_SIZE; len >= CREDENTIALS_TOKEN_SIZE - 1; len--) {
        struct text t = TEXT(text);

        token[len] = '\0';
        assert_true(
            text_add(&t, "{" CODE "," KEY_ID "," KEY "," LATER ",\"Token\":\"%s\"}", token));
        assert_int_equal(credentials_facts_read(text, t.len, NOW, &facts, &bad),
            len < CREDENTIALS_TOKEN_SIZE ? CREDENTIALS_READING_GOOD : CREDENTIALS_READING_BAD);
    }
    assert_string_equal(facts.session_token, token);
}

/* Brackets by the thousand take no stack. */
static void
test_deep(void **state)
{
    static char text[65536];
    static struct credentials_facts facts;
    const char *bad;

    (void)state;
    memset(text, '[', sizeof(text));
    memcpy(text, "{\"x\":", 5);
    assert_int_equal(
        credentials_facts_read(text, sizeof(text), NOW, &facts, &bad), CREDENTIALS_READING_BAD);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_role),
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_long_token),
        cmocka_unit_test(test_deep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
