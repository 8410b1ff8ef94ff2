/* What IMDS says of the instance's role: the listing, or the document with its keys. */
#include "daemon/aws/credentials_facts.h"
#include "fuzz.h"

#include <string.h>

#define WALL_S INT64_C(1768478400) /* 2026-01-15T12:00:00Z */

static void
check_document(const char *text, size_t len)
{
    static struct credentials_facts facts; /* larger than a stack frame should be */
    static const struct credentials_facts nothing;
    const char *bad = NULL;
    enum credentials_reading reading = credentials_facts_read(text, len, WALL_S, &facts, &bad);

    if (reading == CREDENTIALS_READING_GOOD) {
        FUZZ_CHECK(fuzz_is_ascii(facts.access_key_id) && facts.access_key_id[0] != '\0');
        FUZZ_CHECK(fuzz_is_ascii(facts.secret_access_key) && facts.secret_access_key[0] != '\0');
        FUZZ_CHECK(fuzz_is_ascii(facts.session_token));
        FUZZ_CHECK(facts.expires_wall_s > WALL_S);
    } else {
        FUZZ_CHECK(fuzz_is_printable(facts.code));
        memset(facts.code, 0, sizeof(facts.code));
        FUZZ_CHECK(memcmp(&facts, &nothing, sizeof(facts)) == 0); /* nothing half read is kept */
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char role[CREDENTIALS_ROLE_SIZE] = "";
    char *text = malloc(size + 1);

    FUZZ_CHECK(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    if (credentials_role_read(text, size, role)) {
        FUZZ_CHECK(fuzz_is_ascii(role) && role[0] != '\0' && strchr(role, '/') == NULL);
    }
    check_document(text, size);
    free(text);
    return 0;
}
