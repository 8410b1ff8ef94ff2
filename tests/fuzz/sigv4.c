/* A request to be signed: path %% query %% header value %% session token %% body. */
#include "daemon/aws/sigv4.h"
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#define PARTS 5

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sigv4_scope scope = {
        .region = "ap-northeast-1", .service = "autoscaling", .wall_s = 1768478400};
    struct fuzz_input input = {data, size};
    char *parts[PARTS];
    size_t body_len;

    for (size_t i = 0; i < PARTS; i++) {
        parts[i] = fuzz_part(&input, i == PARTS - 1 ? &body_len : NULL);
    }

    const struct http_header headers[] = {{"Host", "autoscaling.test"}, {"X-Test", parts[2]}};
    const struct sigv4_request request = {.method = "POST",
        .path = parts[0],
        .query = parts[1],
        .headers = headers,
        .n_headers = 2,
        .body = parts[4],
        .body_len = body_len};
    const struct sigv4_credentials credentials = {.access_key_id = "AKIDEXAMPLE",
        .secret_access_key = "wJalrXUtnFEMI",
        .session_token = parts[3]};
    struct sigv4_signature signature;
    int r = sigv4_sign(&request, &credentials, &scope, &signature);

    FUZZ_CHECK(r == 0 || r == -EINVAL || r == -E2BIG);
    if (r == 0) {
        FUZZ_CHECK(fuzz_is_ended(signature.authorization, sizeof(signature.authorization)));
        FUZZ_CHECK(fuzz_is_ascii(signature.authorization));
        FUZZ_CHECK(strcmp(signature.date, "20260115T120000Z") == 0);
        FUZZ_CHECK(strstr(signature.authorization, "wJalr") == NULL);
    }
    for (size_t i = 0; i < PARTS; i++) {
        free(parts[i]);
    }
    return 0;
}
