/* What a server answers to the request of the HTTP stage, in two pieces as it may arrive. */
#include "probes/http_head.h"
#include "fuzz.h"

#include <string.h>

#define WALL_MS INT64_C(1768478400000) /* 2026-01-15T12:00:00Z */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    size_t at = fuzz_number(&input, 2);
    size_t len;
    char *bytes = fuzz_part(&input, &len);
    struct http_facts first = {0};
    struct http_facts whole = {0};
    bool first_is_aws = false;
    bool whole_is_aws = false;
    size_t first_len = len > 0 ? at % len : 0;
    char *piece = malloc(first_len + 1); /* of its own: a step beyond its end is seen */

    FUZZ_CHECK(piece != NULL);
    memcpy(piece, bytes, first_len);

    enum http_head early = http_head_parse(piece, first_len, WALL_MS, &first, &first_is_aws);
    enum http_head late = http_head_parse(bytes, len, WALL_MS, &whole, &whole_is_aws);

    /* what is settled stays so, whatever follows */
    FUZZ_CHECK(early == HTTP_HEAD_INCOMPLETE || early == late);
    if (early == HTTP_HEAD_OK) {
        FUZZ_CHECK(first.status == whole.status && first_is_aws == whole_is_aws);
        FUZZ_CHECK(strcmp(first.request_id, whole.request_id) == 0);
        FUZZ_CHECK(first.clock_skew_ms == whole.clock_skew_ms);
    }
    if (late == HTTP_HEAD_OK) {
        FUZZ_CHECK(whole.status >= 200 && whole.status <= 999);
        FUZZ_CHECK(fuzz_is_ended(whole.request_id, sizeof(whole.request_id)));
        FUZZ_CHECK(fuzz_is_printable(whole.request_id));
        FUZZ_CHECK(whole.has_date || whole.clock_skew_ms == 0);
    }
    free(piece);
    free(bytes);
    return 0;
}
