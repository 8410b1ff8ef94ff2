/* daemon/aws/sigv4: the answers AWS publishes in its documentation, and every case of the official
 * test suite where it is at hand: in the folder that the environment names with SIGV4_VECTORS, or
 * beside this repository. */
#include "daemon/aws/sigv4.h"

#include "daemon/util.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

/* 2015-08-30 12:36:00, 2013-05-24 00:00:00, 2012-02-15 00:00:00 */
#define WALL_2015 INT64_C(1440938160)
#define WALL_2013 INT64_C(1369353600)
#define WALL_2012 INT64_C(1329264000)

#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define PUT_HASH "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"

/* IAM user guide, "Examples of how to derive a signing key" */
static const struct {
    int64_t wall_s;
    const char *key;
} key_cases[] = {
    {WALL_2012, "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"},
    {WALL_2015, "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"},
};

static void
derives_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(key_cases); i++) {
        const struct sigv4_scope scope = {"us-east-1", "iam", key_cases[i].wall_s};
        uint8_t key[SIGV4_KEY_LEN];
        char hex[2 * SIGV4_KEY_LEN + 1] = "";
        struct text t = TEXT(hex);

        assert_int_equal(
            sigv4_signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", &scope, key), 0);
        for (size_t k = 0; k < sizeof(key); k++) {
            (void)text_add(&t, "%02x", key[k]);
        }
        assert_string_equal(hex, key_cases[i].key);
    }
}

#define BUCKET                                                                                     \
    {                                                                                              \
        "Host", "examplebucket.s3.amazonaws.com"                                                   \
    }
#define UNSIGNED_BODY                                                                              \
    {                                                                                              \
        "x-amz-content-sha256", EMPTY_HASH                                                         \
    }

/* Whole requests: "Create a signed AWS API request" (IAM), "Signature calculations for the
 * Authorization header" (S3). */
static const struct {
    const char *name;
    const char *method;
    const char *path;
    const char *query;
    const char *body;
    struct http_header headers[5];
    const char *secret;
    struct sigv4_scope scope;
    const char *access_key_id;
    const char *signed_headers;
    const char *signature;
} documented[] = {
    {"ListUsers", "GET", "/", "Action=ListUsers&Version=2010-05-08", "",
        {{"Host", "iam.amazonaws.com"},
            {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}},
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", {"us-east-1", "iam", WALL_2015}, "AKIDEXAMPLE",
        "content-type;host;x-amz-date",
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
    {"GET object", "GET", "/test.txt", NULL, "", {BUCKET, {"Range", "bytes=0-9"}, UNSIGNED_BODY},
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", {"us-east-1", "s3", WALL_2013},
        "AKIAIOSFODNN7EXAMPLE", "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
    {"PUT object", "PUT", "/test$file.text", NULL, "Welcome to Amazon S3.",
        {BUCKET, {"Date", "Fri, 24 May 2013 00:00:00 GMT"},
            {"x-amz-storage-class", "REDUCED_REDUNDANCY"}, {"x-amz-content-sha256", PUT_HASH}},
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", {"us-east-1", "s3", WALL_2013},
        "AKIAIOSFODNN7EXAMPLE", "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
    {"GET lifecycle", "GET", "/", "lifecycle", "", {BUCKET, UNSIGNED_BODY},
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", {"us-east-1", "s3", WALL_2013},
        "AKIAIOSFODNN7EXAMPLE", "host;x-amz-content-sha256;x-amz-date",
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
    {"list objects", "GET", "/", "max-keys=2&prefix=J", "", {BUCKET, UNSIGNED_BODY},
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", {"us-east-1", "s3", WALL_2013},
        "AKIAIOSFODNN7EXAMPLE", "host;x-amz-content-sha256;x-amz-date",
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
};

static void
signs_as_documented(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(documented); i++) {
        struct sigv4_request request = {.method = documented[i].method,
            .path = documented[i].path,
            .query = documented[i].query,
            .headers = documented[i].headers,
            .body = documented[i].body,
            .body_len = strlen(documented[i].body)};
        const struct sigv4_credentials credentials = {
            documented[i].access_key_id, documented[i].secret, NULL};
        struct sigv4_signature got;
        char expected[SIGV4_AUTHORIZATION_SIZE];

        while (documented[i].headers[request.n_headers].name != NULL) {
            request.n_headers++;
        }
        assert_int_equal(sigv4_sign(&request, &credentials, &documented[i].scope, &got), 0);
        (void)snprintf(expected, sizeof(expected),
            "AWS4-HMAC-SHA256 Credential=%s/%.8s/us-east-1/%s/aws4_request, SignedHeaders=%s, "
            "Signature=%s",
            documented[i].access_key_id, got.date, documented[i].scope.service,
            documented[i].signed_headers, documented[i].signature);
        if (!streq(got.authorization, expected)) {
            print_error("%s: got %s\n", documented[i].name, got.authorization);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

/* ---- what cannot be signed ---- */

static void
refuses_nonsense(void **state)
{
    struct http_header many[SIGV4_HEADERS_MAX];
    const struct http_header nameless = {"", "b"};
    const struct sigv4_credentials good = {"AK", "SK", ""};
    const struct sigv4_scope scope = {"us-east-1", "iam", WALL_2015};
    struct sigv4_request request = {.method = "GET", .path = "/"};
    struct sigv4_signature got = {.date = "untouched"};
    char long_text[2048];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
        many[i] = (struct http_header){"A", "b"};
    }
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    assert_int_equal(
        sigv4_sign(&request, &(struct sigv4_credentials){"", "SK", ""}, &scope, &got), -EINVAL);
    assert_int_equal(
        sigv4_sign(&request, &(struct sigv4_credentials){"AK", "", ""}, &scope, &got), -EINVAL);
    assert_int_equal(
        sigv4_sign(&request, &(struct sigv4_credentials){"AK", long_text, ""}, &scope, &got),
        -EINVAL);
    assert_int_equal(
        sigv4_sign(&request, &(struct sigv4_credentials){long_text, "SK", ""}, &scope, &got),
        -E2BIG);
    assert_int_equal(
        sigv4_sign(&request, &good, &(struct sigv4_scope){"", "iam", WALL_2015}, &got), -EINVAL);
    assert_int_equal(
        sigv4_sign(&request, &good, &(struct sigv4_scope){"r", "", WALL_2015}, &got), -EINVAL);
    assert_int_equal(
        sigv4_sign(&request, &good, &(struct sigv4_scope){"r", "s", INT64_MAX}, &got), -EINVAL);
    assert_int_equal(
        sigv4_sign(&request, &good, &(struct sigv4_scope){"r", "s", INT64_MIN}, &got), -EINVAL);
    request.path = "";
    assert_int_equal(sigv4_sign(&request, &good, &scope, &got), -EINVAL);
    request.path = "/";
    request.headers = &nameless;
    request.n_headers = 1;
    assert_int_equal(sigv4_sign(&request, &good, &scope, &got), -EINVAL);
    request.headers = many;
    request.n_headers = SIGV4_HEADERS_MAX - 1;
    assert_int_equal(sigv4_sign(&request, &good, &scope, &got), -E2BIG);
    request.n_headers = SIGV4_HEADERS_MAX - 2;
    assert_string_equal(got.date, "untouched");
    assert_int_equal(sigv4_sign(&request, &good, &scope, &got), 0);
    assert_string_equal(got.date, "20150830T123600Z");
}

/* Canonical path and query of strange ones; every byte has its worst length once. */
static const struct {
    const char *path;
    const char *query;
    const char *expected; /* "PATH\nQUERY" */
} canonical_cases[] = {
    {"/", NULL, "/\n"},
    {"/", "", "/\n"},
    {"/..", "&&", "/\n"},
    {"/../../a/./b/..", "=", "/a\n="},
    {"/...", "a", "/...\na="},
    {"/a/.", "a=b=c", "/a\na=b%3Dc"},
    {"/%", "%", "/%25\n%25="},
    {"/%41", "%41=%zz&%4", "/%2541\n%254=&A=%25zz"},
    {"/\377\001", "\377=\001", "/%FF%01\n%FF=%01"},
    {"/a+b", "a+b=%2b", "/a%2Bb\na%2Bb=%2B"},
    {"/!!!!!!!!", "!&!&!&!", "/%21%21%21%21%21%21%21%21\n%21=&%21=&%21=&%21="},
    {"/", "a-b=1&a=2&a=1&a.=0&B=3", "/\nB=3&a=1&a=2&a-b=1&a.=0"},
};

static void
writes_canonical_paths_and_queries(void **state)
{
    const struct sigv4_credentials credentials = {"AK", "SK", NULL};
    const struct sigv4_scope scope = {"us-east-1", "iam", WALL_2015};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(canonical_cases); i++) {
        const struct sigv4_request request = {
            .method = "", .path = canonical_cases[i].path, .query = canonical_cases[i].query};
        struct sigv4_request with_method = request;
        CLEANUP(cleanup_free) char *got = NULL;
        char expected[512];

        with_method.method = "GET";
        assert_int_equal(sigv4_canonical_request(&request, &credentials, &scope, &got), -EINVAL);
        assert_int_equal(sigv4_canonical_request(&with_method, &credentials, &scope, &got), 0);
        (void)snprintf(expected, sizeof(expected),
            "GET\n%s\nx-amz-date:20150830T123600Z\n\nx-amz-date\n" EMPTY_HASH,
            canonical_cases[i].expected);
        assert_string_equal(got, expected);
    }
}

static void
bounds_parameters(void **state)
{
    const struct sigv4_credentials credentials = {"AK", "SK", NULL};
    const struct sigv4_scope scope = {"us-east-1", "iam", WALL_2015};
    char query[2 * SIGV4_PARAMETERS_MAX + 3] = "";
    struct text t = TEXT(query);
    struct sigv4_request request = {.method = "GET", .path = "/", .query = query};
    char *got = NULL;

    (void)state;
    for (int i = 0; i < SIGV4_PARAMETERS_MAX; i++) {
        (void)text_add(&t, "a&");
    }
    assert_int_equal(sigv4_canonical_request(&request, &credentials, &scope, &got), 0);
    free(TAKE(got));
    (void)text_add(&t, "a");
    assert_int_equal(sigv4_canonical_request(&request, &credentials, &scope, &got), -E2BIG);
    assert_null(got);
}

/* ---- the official suite ---- */

#define FILE_MAX 65536
#define HEADERS_MAX 16

/* A request of the suite; everything points into text. */
struct parsed {
    char *text;
    size_t len;
    struct sigv4_request request;
    struct http_header headers[HEADERS_MAX];
    char hash[SIGV4_HASH_SIZE];
};

/* NULL: there is no such folder */
static const char *
vectors_folder(void)
{
    const char *folder = getenv("SIGV4_VECTORS");
    DIR *dir;

    folder = folder != NULL ? folder : SIGV4_VECTORS;
    dir = opendir(folder);
    if (dir == NULL) {
        return NULL;
    }
    (void)closedir(dir);
    return folder;
}

static char *
read_case(const char *name, const char *file, size_t *ret_len)
{
    char path[1024];
    char *text = NULL;
    int r;

    (void)snprintf(path, sizeof(path), "%s/v4/%s/%s", vectors_folder(), name, file);
    r = read_file(path, FILE_MAX, &text, ret_len);
    if (r < 0) {
        print_error("%s: %s\n", path, strerror(-r));
    }
    assert_int_equal(r, 0);
    return text;
}

/* Cuts the line at s off; returns what follows it, or NULL at the end. */
static char *
cut_line(char *s)
{
    char *end = strchr(s, '\n');

    if (end == NULL) {
        return NULL;
    }
    *end = '\0';
    return end + 1;
}

/* "GET /path?query HTTP/1.1": the path may hold blanks. */
static void
parse_first_line(struct parsed *parsed, char *line)
{
    char *path = strchr(line, ' ');
    char *end = strstr(line, " HTTP/1.1");
    char *query;

    assert_non_null(path);
    assert_non_null(end);
    *path++ = '\0';
    *end = '\0';
    query = strchr(path, '?');
    if (query != NULL) {
        *query++ = '\0';
    }
    parsed->request.method = line;
    parsed->request.path = path;
    parsed->request.query = query;
}

/* A line that begins with a blank goes on with the value before: the newline between them is white
 * space, too, and comes back. */
static void
parse_headers(struct parsed *parsed, char *line)
{
    while (line != NULL && *line != '\0') {
        char *next = cut_line(line);

        if (line[0] == '\0') {
            break;
        }
        if (*line == ' ' || *line == '\t') {
            line[-1] = '\n';
        } else {
            char *colon = strchr(line, ':');

            assert_non_null(colon);
            assert_true(parsed->request.n_headers < HEADERS_MAX - 1);
            *colon = '\0';
            parsed->headers[parsed->request.n_headers++] = (struct http_header){line, colon + 1};
        }
        line = next;
    }
    if (line != NULL && line < parsed->text + parsed->len) {
        parsed->request.body = line + 1;
        parsed->request.body_len = (size_t)(parsed->text + parsed->len - (line + 1));
    }
}

static void
parse_request(const char *name, struct parsed *parsed)
{
    char *rest;

    *parsed = (struct parsed){.hash = ""};
    parsed->text = read_case(name, "request.txt", &parsed->len);
    rest = cut_line(parsed->text);
    parse_first_line(parsed, parsed->text);
    parse_headers(parsed, rest);
    parsed->request.headers = parsed->headers;
}

static const char *
string_of(json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));

    return s != NULL ? s : "";
}

static void
apply_context(json_t *context, struct parsed *parsed, struct sigv4_credentials *credentials,
    struct sigv4_scope *scope)
{
    json_t *secrets = json_object_get(context, "credentials");
    struct tm tm = {0};

    assert_non_null(strptime(string_of(context, "timestamp"), "%Y-%m-%dT%H:%M:%SZ", &tm));
    *scope = (struct sigv4_scope){
        string_of(context, "region"), string_of(context, "service"), timegm(&tm)};
    *credentials = (struct sigv4_credentials){string_of(secrets, "access_key_id"),
        string_of(secrets, "secret_access_key"),
        json_is_true(json_object_get(context, "omit_session_token")) ? ""
                                                                     : string_of(secrets, "token")};
    parsed->request.keep_path = json_is_false(json_object_get(context, "normalize"));
    if (json_is_true(json_object_get(context, "sign_body"))) {
        assert_int_equal(
            sigv4_hash(parsed->request.body, parsed->request.body_len, parsed->hash), 0);
        parsed->headers[parsed->request.n_headers++] =
            (struct http_header){"x-amz-content-sha256", parsed->hash};
    }
}

static int
compare_with(const char *name, const char *file, const char *got)
{
    size_t len;
    CLEANUP(cleanup_free) char *expected = read_case(name, file, &len);

    if (got != NULL && streq(got, expected)) {
        return 0;
    }
    print_error("%s: %s\n-- got\n%s\n-- expected\n%s\n", name, file, got, expected);
    return 1;
}

/* Returns how many of its files were not as expected. */
static int
check_case(const char *name)
{
    size_t len;
    CLEANUP(cleanup_free) char *context_text = read_case(name, "context.json", &len);
    CLEANUP(cleanup_free) char *canonical = NULL;
    CLEANUP(cleanup_free) char *string_to_sign = NULL;
    json_t *context = json_loadb(context_text, len, 0, NULL);
    struct sigv4_credentials credentials;
    struct sigv4_signature signature;
    struct sigv4_scope scope;
    struct parsed parsed;
    const char *hex;
    int failures = 0;

    assert_non_null(context);
    parse_request(name, &parsed);
    apply_context(context, &parsed, &credentials, &scope);
    assert_int_equal(sigv4_canonical_request(&parsed.request, &credentials, &scope, &canonical), 0);
    assert_int_equal(sigv4_string_to_sign(canonical, &scope, &string_to_sign), 0);
    assert_int_equal(sigv4_sign(&parsed.request, &credentials, &scope, &signature), 0);
    hex = strstr(signature.authorization, "Signature=");
    assert_non_null(hex);
    failures += compare_with(name, "header-canonical-request.txt", canonical);
    failures += compare_with(name, "header-string-to-sign.txt", string_to_sign);
    failures += compare_with(name, "header-signature.txt", hex + strlen("Signature="));

    CLEANUP(cleanup_free) char *signed_request = read_case(name, "header-signed-request.txt", &len);

    if (strstr(signed_request, signature.authorization) == NULL ||
        strstr(signed_request, signature.date) == NULL) {
        print_error("%s: not in the signed request: %s\n", name, signature.authorization);
        failures++;
    }
    json_decref(context);
    free(parsed.text);
    return failures;
}

static void
passes_the_official_suite(void **state)
{
    struct dirent **entries;
    char path[1024];
    int n_cases = 0;
    int failures = 0;
    int n;

    (void)state;
    if (vectors_folder() == NULL) {
        print_message(
            "no test suite at %s, and SIGV4_VECTORS is not set: skipped\n", SIGV4_VECTORS);
        skip();
    }
    (void)snprintf(path, sizeof(path), "%s/v4", vectors_folder());
    n = scandir(path, &entries, NULL, alphasort);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.') {
            failures += check_case(entries[i]->d_name);
            n_cases++;
        }
        free(entries[i]);
    }
    free(entries);
    print_message("%d cases\n", n_cases);
    assert_true(n_cases > 0);
    assert_int_equal(failures, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(derives_keys),
        cmocka_unit_test(signs_as_documented),
        cmocka_unit_test(refuses_nonsense),
        cmocka_unit_test(writes_canonical_paths_and_queries),
        cmocka_unit_test(bounds_parameters),
        cmocka_unit_test(passes_the_official_suite),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
