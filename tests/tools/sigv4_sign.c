/* sigv4_sign: signs requests given as JSON, a line each on stdin, and prints the Authorization
 * header of each. For tests/sigv4_botocore.py. */
#include "daemon/aws/sigv4.h"

#include "daemon/util.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static const char *
string_of(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));

    return s != NULL ? s : "";
}

static size_t
read_headers(const json_t *array, struct http_header ret[static SIGV4_HEADERS_MAX])
{
    size_t n = json_array_size(array);

    for (size_t i = 0; i < n && i < SIGV4_HEADERS_MAX; i++) {
        const json_t *pair = json_array_get(array, i);

        ret[i] = (struct http_header){
            json_string_value(json_array_get(pair, 0)), json_string_value(json_array_get(pair, 1))};
    }
    return n;
}

static int
sign_line(const char *line)
{
    json_t *json = json_loads(line, 0, NULL);
    struct http_header headers[SIGV4_HEADERS_MAX];
    struct sigv4_request request = {.method = string_of(json, "method"),
        .path = string_of(json, "path"),
        .query = string_of(json, "query"),
        .headers = headers,
        .n_headers = read_headers(json_object_get(json, "headers"), headers),
        .body = string_of(json, "body"),
        .body_len = strlen(string_of(json, "body"))};
    const struct sigv4_credentials credentials = {string_of(json, "access_key_id"),
        string_of(json, "secret_access_key"), string_of(json, "session_token")};
    const struct sigv4_scope scope = {string_of(json, "region"), string_of(json, "service"),
        json_integer_value(json_object_get(json, "wall_s"))};
    struct sigv4_signature signature;
    int r = sigv4_sign(&request, &credentials, &scope, &signature);

    if (r == 0) {
        (void)printf("%s\n", signature.authorization);
    } else {
        (void)printf("%s\n", strerror(-r));
    }
    json_decref(json);
    return r;
}

int
main(void)
{
    CLEANUP(cleanup_free) char *line = NULL;
    size_t size = 0;
    int status = EXIT_SUCCESS;

    while (getline(&line, &size, stdin) > 0) {
        if (sign_line(line) < 0) {
            status = EXIT_FAILURE;
        }
    }
    return status;
}
