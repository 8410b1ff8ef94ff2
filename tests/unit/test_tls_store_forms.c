/* Forms of a bundle: probes/tls_store refuses the files that OpenSSL refuses, and finds in the
 * others what it finds (store_world.h). */
#include "daemon/util.h"
#include "probes/tls_store.h"
#include "tests/unit/store_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/pem.h>

/* In text, what enum part has stands for a certificate in that form. */
enum part {
    PART_A = 0x10, /* no character of text */
    PART_B,
    PART_CRLF,
    PART_TRUSTED,
    PART_OLD,
    PART_ONE_LINE, /* all Base64 in a line */
    PART_CUT,      /* the last line of Base64 is missing */
    PART_LETTER,   /* one that is not of Base64 */
    PART_BLANK,    /* lines of Base64 with a blank behind them */
    PART_BROKEN,   /* DER that is none */
    PART_LONGER,   /* bytes behind the certificate */
    PART_KEY,
};
#define PART_N (PART_KEY + 1)

static char *
pem_text(const char *label, const unsigned char *der, long len)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    char *text;
    long n;

    assert_true(PEM_write_bio(bio, label, "", der, len) > 0);
    n = BIO_get_mem_data(bio, &data);
    text = strndup(data, (size_t)n);
    BIO_free(bio);
    return text;
}

/* Puts with in place of what, everywhere. */
static char *
replaced(char *text, const char *what, const char *with)
{
    char *ret = calloc(strlen(text) + 1, 1 + strlen(with));
    const char *at = text;
    const char *next;

    while ((next = strstr(at, what)) != NULL) {
        (void)strncat(ret, at, (size_t)(next - at));
        (void)strcat(ret, with); // NOLINT: room was made
        at = next + strlen(what);
    }
    (void)strcat(ret, at); // NOLINT: room was made
    free(text);
    return ret;
}

static char *
cut_line(char *text)
{
    char *end = strstr(text, "-----END");
    char *start = end - 1;

    while (start[-1] != '\n') {
        start--;
    }
    memmove(start, end, strlen(end) + 1);
    return text;
}

#define END_LINE "-----END CERTIFICATE-----\n"

static void
make_parts(char *parts[static PART_N])
{
    unsigned char *der = NULL;
    int len = i2d_X509(store_world.certs[ROOT_A], &der);
    unsigned char *other = NULL;
    int other_len = i2d_X509(store_world.certs[ROOT_B], &other);
    unsigned char *key = NULL;
    int key_len = i2d_PrivateKey(store_world.keys[0], &key);
    unsigned char longer[2048] = {0};

    assert_true(len > 0 && other_len > 0 && key_len > 0 && (size_t)len < sizeof(longer));
    memcpy(longer, der, (size_t)len);
    parts[PART_A] = pem_text("CERTIFICATE", der, len);
    parts[PART_B] = pem_text("CERTIFICATE", other, other_len);
    parts[PART_CRLF] = replaced(pem_text("CERTIFICATE", der, len), "\n", "\r\n");
    parts[PART_TRUSTED] = pem_text("TRUSTED CERTIFICATE", der, len);
    parts[PART_OLD] = pem_text("X509 CERTIFICATE", der, len);
    parts[PART_ONE_LINE] = replaced(pem_text("CERTIFICATE", der, len), "\n", "");
    parts[PART_ONE_LINE] =
        replaced(parts[PART_ONE_LINE], "BEGIN CERTIFICATE-----", "BEGIN CERTIFICATE-----\n");
    parts[PART_ONE_LINE] =
        replaced(parts[PART_ONE_LINE], "-----END CERTIFICATE-----", "\n" END_LINE);
    parts[PART_CUT] = cut_line(pem_text("CERTIFICATE", der, len));
    parts[PART_LETTER] = pem_text("CERTIFICATE", der, len);
    parts[PART_LETTER][100] = '*';
    parts[PART_BLANK] = replaced(pem_text("CERTIFICATE", der, len), "\n", " \n");
    parts[PART_LONGER] = pem_text("CERTIFICATE", longer, len + 1);
    longer[4] = 0x31;
    parts[PART_BROKEN] = pem_text("CERTIFICATE", longer, len);
    parts[PART_KEY] = pem_text("EC PRIVATE KEY", key, key_len);
    OPENSSL_free(der);
    OPENSSL_free(other);
    OPENSSL_free(key);
}

static void
write_form(const char *form, char *const parts[static PART_N])
{
    FILE *stream = fopen(store_world.path, "w");

    assert_non_null(stream);
    for (const char *at = form; *at != '\0'; at++) {
        if (*at >= PART_A && *at < PART_N) {
            assert_true(fputs(parts[(size_t)*at], stream) >= 0);
        } else {
            assert_true(fputc(*at == '~' ? '\0' : *at, stream) != EOF);
        }
    }
    assert_int_equal(fclose(stream), 0);
}

#define A "\x10"
#define B "\x11"
#define LONG_TEXT_50 "12345678901234567890123456789012345678901234567890"
#define LONG_TEXT_250 LONG_TEXT_50 LONG_TEXT_50 LONG_TEXT_50 LONG_TEXT_50 LONG_TEXT_50

static const struct {
    const char *name;
    const char *form;
    bool indexed;
    int n; /* certificates; 0: the file is refused */
} forms[] = {
    {"usual", A B, true, 2},
    {"with text", "# Root A\nsubject=/CN=Root A\n\n" A "\n\nRoot B\n======\n" B "end", true, 2},
    {"text in UTF-8", "# F\xc5\x91tan\xc3\xbas\n" A, true, 1},
    {"a mark of UTF-8 at the head", "\xef\xbb\xbf" A, false, 1},
    {"twice", A A B A, true, 2},
    {"CR LF", "\x12" B, true, 2},
    {"blanks at the ends of lines", "\x18" B, false, 2},
    {"all in one line", "\x15" B, false, 2},
    {"trusted for some purpose", B "\x13", false, 2},
    {"the old label", "\x14" B, false, 2},
    {"with a private key", A "\x1b" B, false, 2},
    {"something else", A "-----BEGIN NONSENSE-----\nAAAA\n-----END NONSENSE-----\n" B, false, 2},
    {"dashes in text", "----- Root A -----\n" A, false, 1},
    {"a long line of text", LONG_TEXT_250 "\n" A, true, 1},
    {"a longer line of text", LONG_TEXT_250 "1\n" A, false, 1},
    {"a line that goes on as a certificate", LONG_TEXT_250 "1234" A, false, 1},
    {"a zero byte in text", "#~\n" A, false, 1},
    {"bytes behind a certificate", "\x1a" B, false, 2},
    {"empty", "", false, 0},
    {"only text", "no certificate\n", false, 0},
    {"only a key", "\x1b", false, 0},
    {"cut Base64", A "\x16" B, false, 0},
    {"a wrong letter", A "\x17" B, false, 0},
    {"broken DER amid good ones", A "\x19" B, false, 0},
    {"broken DER alone", "\x19", false, 0},
    {"no end", A "-----BEGIN CERTIFICATE-----\nAAAA\n", false, 0},
    {"no Base64", A "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", false, 0},
    {"another end", A "-----BEGIN CERTIFICATE-----\nAAAA\n-----END X-----\n", false, 0},
    {"padding amid it", A "-----BEGIN CERTIFICATE-----\nAA==AAAA\n-----END CERTIFICATE-----\n",
        false, 0},
};

static void
test_forms(void **state)
{
    char *parts[PART_N] = {NULL};

    (void)state;
    make_parts(parts);
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        struct pair pair;
        int n = 0;

        write_form(forms[i].form, parts);
        pair = open_pair(store_world.path);
        if (pair.eager != NULL) {
            check_content(forms[i].name, &pair);
            n = sk_X509_OBJECT_num(X509_STORE_get0_objects(pair.eager));
        }
        if (n != forms[i].n || pair.indexed != forms[i].indexed) {
            fail_msg("%s: %d certificates, %s, expected %d", forms[i].name, n,
                pair.indexed ? "indexed" : "not indexed", forms[i].n);
        }
        close_pair(&pair);
    }
    for (size_t i = 0; i < PART_N; i++) {
        free(parts[i]);
    }
}

/* Not the size of a bundle, not a file, not there. */
static void
test_not_for_us(void **state)
{
    static char huge[3 * 1024 * 1024];
    X509_STORE *store = X509_STORE_new();
    struct pair pair;
    char *pem;
    unsigned char *der = NULL;
    int len = i2d_X509(store_world.certs[ROOT_A], &der);

    (void)state;
    memset(huge, '\n', sizeof(huge));
    pem = pem_text("CERTIFICATE", der, len);
    for (size_t i = 0, at = sizeof(huge) - strlen(pem); pem[i] != '\0'; i++) {
        huge[at + i] = pem[i];
    }
    write_bytes(huge, sizeof(huge));
    pair = open_pair(store_world.path);
    assert_false(pair.indexed);
    assert_non_null(pair.lazy);
    check_content("huge", &pair);
    close_pair(&pair);
    assert_true(tls_store_index(store, "/nonexistent") < 0);
    assert_true(tls_store_index(store, "/tmp") < 0);
    assert_true(tls_store_index(store, "/dev/null") < 0);
    X509_STORE_free(store);
    OPENSSL_free(der);
    free(pem);
}

/* Each byte of a certificate altered in turn: what is indexed OpenSSL loads, and finds. */
static void
test_altered(void **state)
{
    static const unsigned char masks[] = {0x01, 0x20, 0x80, 0xff};
    unsigned char *der = NULL;
    int len = i2d_X509(store_world.certs[ROOT_B], &der);
    size_t n_indexed = 0;
    size_t n_refused = 0;

    (void)state;
    for (int i = 0; i < len; i++) {
        for (size_t k = 0; k < ARRAY_SIZE(masks); k++) {
            struct pair pair;
            char *text;

            der[i] ^= masks[k];
            text = pem_text("CERTIFICATE", der, len);
            der[i] ^= masks[k];
            write_bytes(text, strlen(text));
            free(text);
            pair = open_pair(store_world.path);
            n_indexed += pair.indexed;
            n_refused += pair.eager == NULL;
            if (pair.eager != NULL) {
                check_content("altered", &pair);
                (void)check_verdict("altered", &pair, store_world.certs[LEAF_IB], NULL);
            }
            close_pair(&pair);
        }
    }
    OPENSSL_free(der);
    assert_true(n_indexed > 100 && n_refused > 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_not_for_us),
        cmocka_unit_test(test_altered),
    };

    return cmocka_run_group_tests(tests, store_world_open, store_world_close);
}
