/* For the tests of daemon/aws/http over TLS: OpenSSL's server side in the same loop, or a server
 * that speaks something else, or nothing. Bounds of time are waited for, never measured. */
#ifndef VPCE_TESTS_UNIT_TLS_SERVER_H
#define VPCE_TESTS_UNIT_TLS_SERVER_H

#include "daemon/aws/http.h"

#include <openssl/ssl.h>

#define TLS_SERVER_NAME "autoscaling.test"

/* What the server is. */
enum does {
    DOES_TLS,           /* the handshake, then the reply and what follows it */
    DOES_SILENCE,       /* takes what comes */
    DOES_CLOSE,         /* when the first bytes have come */
    DOES_PLAIN,         /* answers those with the reply, without TLS */
    DOES_TRICKLE,       /* a byte of a TLS record now and then */
    DOES_HELLO_REQUEST, /* a TLS message that is skipped, for ever */
};

/* What follows the reply. */
enum follow {
    FOLLOW_GOODBYE, /* close_notify, then the end */
    FOLLOW_END,     /* the end without it */
    FOLLOW_NOTHING,
    FOLLOW_BYTES,      /* without end */
    FOLLOW_TRICKLE,    /* a byte now and then */
    FOLLOW_KEY_UPDATE, /* a TLS 1.3 message that is skipped, for ever */
};

enum cert_kind {
    CERT_GOOD,
    CERT_OTHER_NAME,
    CERT_EXPIRED,
    CERT_NOT_YET,
    CERT_OTHER_CA,
    CERT_SELF_SIGNED,
    CERT_BY_ADDRESS,
};
#define CERT_KIND_N (CERT_BY_ADDRESS + 1)

struct tls_server {
    struct loop *loop;
    int listener;
    int fd; /* of the connection; -1: none */
    struct loop_io *listener_io;
    struct loop_io *io;
    struct loop_timer *timer;
    uint16_t port;
    SSL_CTX *ctx;
    SSL *ssl;
    enum does does;
    enum follow follow;
    const char *reply;
    size_t reply_len;
    bool answered;
    unsigned n_connections;
    char request[1024]; /* what came through TLS */
    size_t request_len;
    size_t n_trickled;
};

/* Of a group of tests: certificates, and a trust store. */
int tls_server_open_group(void **state);
int tls_server_close_group(void **state);

/* Listens on a loopback address; serves one connection after the other. */
void tls_server_listen(struct tls_server *server, struct loop *loop);
void tls_server_free(struct tls_server *server);

void tls_server_use(struct tls_server *server, enum cert_kind kind);

/* A request that it answers, to TLS_SERVER_NAME at its address. */
struct http_request https_request(const struct tls_server *server, int64_t timeout_ms);

#endif
