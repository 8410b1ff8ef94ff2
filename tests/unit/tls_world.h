/* For the tests of probes/tls: a client and OpenSSL's server side, or a hostile one, over a pair of
 * sockets. Both ends are this thread and never block, so nothing here depends on time. */
#ifndef VPCE_TESTS_UNIT_TLS_WORLD_H
#define VPCE_TESTS_UNIT_TLS_WORLD_H

#include "probes/tls.h"
#include "tests/unit/ca_file.h"

#include <openssl/ssl.h>

#define TLS_WORLD_NAME "endpoint.test"
#define TLS_WORLD_STEPS_MAX 1000

struct tls_world {
    char ca_file[CA_FILE_SIZE];
    struct tls_ctx *ctx;
    SSL_CTX *server_ctx;
    int fd;      /* the client's end */
    int peer;    /* the other; -1: closed */
    SSL *server; /* over peer */
    struct tls *tls;
};

/* Of a group of tests: a trust store whose only certificate is the server's. */
int tls_world_open(void **state);
int tls_world_close(void **state);

/* Of each test: a connection, and a client's session over it. */
int tls_world_set_up(void **state);
int tls_world_tear_down(void **state);

#define TLS_WORLD_TEST(function)                                                                   \
    cmocka_unit_test_setup_teardown(function, tls_world_set_up, tls_world_tear_down)

/* A connection alone. */
void tls_world_pair(struct tls_world *w);

/* OpenSSL at the other end. */
void tls_world_serve(struct tls_world *w);

/* tls_world_serve, and both ends until the client has an answer. */
enum tls_step shake_hands(struct tls_world *w);

void expect_outcome(const struct tls_world *w, enum addr_outcome outcome);

/* The error that is told has these words. */
void expect_error(const struct tls_world *w, const char *words);

#endif
