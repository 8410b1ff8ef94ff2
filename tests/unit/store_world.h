/* For the tests of probes/tls_store: certificates, a file of them, and the file loaded twice, as
 * OpenSSL does it and as we do. */
#ifndef VPCE_TESTS_UNIT_STORE_WORLD_H
#define VPCE_TESTS_UNIT_STORE_WORLD_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

enum which {
    NONE,
    ROOT_A,
    ROOT_A_TWIN,    /* its name, another key */
    ROOT_A_EXPIRED, /* its name and key */
    ROOT_A_SPELT,   /* its key; its name in capitals, with more blanks, in UTF-8 */
    ROOT_A_WIDE,    /* its key; its name in two bytes a letter */
    ROOT_B,
    A_BY_B,     /* ROOT_A's name and key, signed by ROOT_B */
    ISSUING_A,  /* an intermediate */
    ISSUING_B,  /* the same name, another key, signed by ROOT_B */
    LEAF_A,     /* signed by ROOT_A */
    LEAF_TWIN,  /* by ROOT_A_TWIN */
    LEAF_IA,    /* by ISSUING_A */
    LEAF_IB,    /* by ISSUING_B */
    LEAF_OTHER, /* its issuer is of a name that is not there */
};
#define WHICH_N (LEAF_OTHER + 1)

#define KEYS_N 6
#define LIST_N 8

struct store_world {
    EVP_PKEY *keys[KEYS_N];
    X509 *certs[WHICH_N];
    char path[32];
};

extern struct store_world store_world;

/* The same file, as OpenSSL loads it and as we do. NULL: not loaded. */
struct pair {
    X509_STORE *eager;
    X509_STORE *lazy;
    bool indexed;
};

/* Of a group of tests. */
int store_world_open(void **state);
int store_world_close(void **state);

/* The file. */
void write_bytes(const void *bytes, size_t len);
void write_list(const enum which list[static LIST_N]);

/* As tls.c does. Both are loaded, or neither. */
struct pair open_pair(const char *path);
void close_pair(struct pair *pair);

/* Every certificate that OpenSSL loaded is found by its name, with all others of the name in the
 * same order; in the end there are as many. */
void check_content(const char *name, const struct pair *pair);

/* Both judge the chain alike. Returns the error. */
int check_verdict(const char *name, const struct pair *pair, X509 *leaf, STACK_OF(X509) * sent);

#endif
