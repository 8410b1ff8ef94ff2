/* See tls_server.h. */
#include "tests/unit/tls_server.h"

#include "daemon/loop.h"
#include "daemon/util.h"
#include "probes/tls.h"
#include "tests/unit/ca_file.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/x509v3.h>

#define DAY_S 86400

/* Made once. */
static struct {
    EVP_PKEY *key; /* of all */
    X509 *certs[CERT_KIND_N];
    char ca_file[CA_FILE_SIZE];
    struct tls_ctx *ctx;
} common;

/* ---- certificates ---- */

static X509 *
make_cert(const char *subject, const char *names, long from_s, long to_s, X509 *issuer)
{
    X509 *cert = X509_new();
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL,
        issuer == NULL ? NID_basic_constraints : NID_subject_alt_name,
        issuer == NULL ? "critical,CA:TRUE" : names);

    assert_non_null(extension);
    assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), from_s));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), to_s));
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                         (const unsigned char *)subject, -1, -1, 0),
        1);
    assert_int_equal(
        X509_set_issuer_name(cert, X509_get_subject_name(issuer != NULL ? issuer : cert)), 1);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    assert_int_equal(X509_set_pubkey(cert, common.key), 1);
    assert_true(X509_sign(cert, common.key, EVP_sha256()) > 0);
    X509_EXTENSION_free(extension);
    return cert;
}

int
tls_server_open_group(void **state)
{
    static const char dns[] = "DNS:" TLS_SERVER_NAME;
    X509 *ca;
    X509 *other_ca;

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN); /* as the programs do */
    common.key = EVP_EC_gen("P-256");
    ca = make_cert("CA", NULL, -DAY_S, DAY_S, NULL);
    other_ca = make_cert("Other CA", NULL, -DAY_S, DAY_S, NULL);
    common.certs[CERT_GOOD] = make_cert("good", dns, -DAY_S, DAY_S, ca);
    common.certs[CERT_OTHER_NAME] = make_cert(TLS_SERVER_NAME, "DNS:other.test", -DAY_S, DAY_S, ca);
    common.certs[CERT_EXPIRED] = make_cert("expired", dns, -2 * DAY_S, -DAY_S, ca);
    common.certs[CERT_NOT_YET] = make_cert("early", dns, DAY_S, 2 * DAY_S, ca);
    common.certs[CERT_OTHER_CA] = make_cert("untrusted", dns, -DAY_S, DAY_S, other_ca);
    common.certs[CERT_SELF_SIGNED] = make_cert(TLS_SERVER_NAME, NULL, -DAY_S, DAY_S, NULL);
    common.certs[CERT_BY_ADDRESS] = make_cert("address", "IP:127.0.0.1", -DAY_S, DAY_S, ca);
    ca_file_write(common.ca_file, ca);
    X509_free(ca);
    X509_free(other_ca);
    return tls_ctx_new(common.ca_file, TLS_ENGINE_DEFAULT, &common.ctx);
}

int
tls_server_close_group(void **state)
{
    (void)state;
    tls_ctx_free(common.ctx);
    for (size_t i = 0; i < CERT_KIND_N; i++) {
        X509_free(common.certs[i]);
    }
    EVP_PKEY_free(common.key);
    return unlink(common.ca_file);
}

/* ---- the server ---- */

static void
server_hang_up(struct tls_server *server)
{
    loop_timer_stop(server->timer);
    loop_io_free(TAKE(server->io));
    SSL_free(TAKE(server->ssl));
    cleanup_fd(&server->fd);
    server->fd = -1;
}

static void
send_filler(struct tls_server *server)
{
    static const char filler[4096];
    static const uint8_t hello_request[] = {22, 3, 3, 0, 4, 0, 0, 0, 0};

    if (server->does == DOES_HELLO_REQUEST) {
        while (send(server->fd, hello_request, sizeof(hello_request), MSG_NOSIGNAL) ==
               sizeof(hello_request)) {
        }
    } else if (server->follow == FOLLOW_KEY_UPDATE) {
        (void)SSL_key_update(server->ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
        (void)SSL_do_handshake(server->ssl);
    } else {
        (void)SSL_write(server->ssl, filler, sizeof(filler));
    }
}

static void
on_server_timer(void *arg)
{
    struct tls_server *server = arg;

    if (server->does == DOES_TRICKLE) {
        static const uint8_t record[5] = {22, 3, 3, 0x3f, 0xff};

        (void)send(server->fd, record + (server->n_trickled < 5 ? server->n_trickled : 3), 1,
            MSG_NOSIGNAL);
        server->n_trickled++;
    } else {
        (void)SSL_write(server->ssl, "x", 1);
    }
    loop_timer_set(server->timer, 10);
}

static void
server_reply(struct tls_server *server)
{
    server->answered = true;
    if (server->reply_len > 0) {
        (void)SSL_write(server->ssl, server->reply, (int)server->reply_len);
    }
    switch (server->follow) {
    case FOLLOW_GOODBYE:
        (void)SSL_shutdown(server->ssl);
        server_hang_up(server);
        break;
    case FOLLOW_END:
        server_hang_up(server);
        break;
    case FOLLOW_NOTHING:
        break;
    case FOLLOW_BYTES:
    case FOLLOW_KEY_UPDATE:
        assert_int_equal(loop_io_want(server->io, true, true), 0);
        break;
    case FOLLOW_TRICKLE:
        loop_timer_set(server->timer, 10);
        break;
    }
}

static void
speak_tls(struct tls_server *server)
{
    int n;

    if (SSL_do_handshake(server->ssl) != 1) {
        if (SSL_get_error(server->ssl, -1) != SSL_ERROR_WANT_READ) {
            server_hang_up(server); /* the client did not like it */
        }
        return;
    }
    n = SSL_read(server->ssl, server->request + server->request_len,
        (int)(sizeof(server->request) - 1 - server->request_len));
    if (n <= 0) {
        if (SSL_get_error(server->ssl, n) != SSL_ERROR_WANT_READ) {
            server_hang_up(server);
        }
        return;
    }
    server->request_len += (size_t)n;
    server->request[server->request_len] = '\0';
    if (!server->answered && strstr(server->request, "\r\n\r\nAction=X") != NULL) {
        server_reply(server);
    }
}

static void
speak_plain(struct tls_server *server)
{
    char buf[4096];
    ssize_t n = recv(server->fd, buf, sizeof(buf), 0);

    if (n <= 0) {
        server_hang_up(server);
        return;
    }
    if (server->does == DOES_CLOSE) {
        server_hang_up(server);
    } else if (server->does == DOES_PLAIN) {
        (void)send(server->fd, server->reply, server->reply_len, MSG_NOSIGNAL);
    } else if (server->does == DOES_TRICKLE) {
        loop_timer_set(server->timer, 10);
    } else if (server->does == DOES_HELLO_REQUEST) {
        assert_int_equal(loop_io_want(server->io, true, true), 0);
    }
}

static void
on_server_io(bool readable, bool writable, void *arg)
{
    struct tls_server *server = arg;

    if (readable) {
        if (server->does == DOES_TLS) {
            speak_tls(server);
        } else {
            speak_plain(server);
        }
    } else if (writable) {
        send_filler(server);
    }
}

static void
on_server_accept(bool readable, bool writable, void *arg)
{
    struct tls_server *server = arg;

    (void)readable;
    (void)writable;
    server_hang_up(server);
    server->fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (server->fd < 0) {
        return;
    }
    server->n_connections++;
    server->request_len = 0;
    server->request[0] = '\0';
    server->answered = false;
    server->n_trickled = 0;
    server->ssl = SSL_new(server->ctx);
    assert_int_equal(SSL_set_fd(server->ssl, server->fd), 1);
    SSL_set_accept_state(server->ssl);
    server->io = loop_io_new(server->loop, server->fd, on_server_io, server);
    assert_int_equal(loop_io_want(server->io, true, false), 0);
}

void
tls_server_listen(struct tls_server *server, struct loop *loop)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sa);

    *server = (struct tls_server){.loop = loop, .fd = -1, .reply = ""};
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(listen(server->listener, 8), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&sa, &len), 0);
    server->port = ntohs(sa.sin_port);
    server->timer = loop_timer_new(loop, on_server_timer, server);
    server->listener_io = loop_io_new(loop, server->listener, on_server_accept, server);
    assert_int_equal(loop_io_want(server->listener_io, true, false), 0);
    server->ctx = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_PrivateKey(server->ctx, common.key), 1);
}

void
tls_server_free(struct tls_server *server)
{
    server_hang_up(server);
    loop_timer_free(server->timer);
    loop_io_free(server->listener_io);
    cleanup_fd(&server->listener);
    SSL_CTX_free(server->ctx);
}

void
tls_server_use(struct tls_server *server, enum cert_kind kind)
{
    assert_int_equal(SSL_CTX_use_certificate(server->ctx, common.certs[kind]), 1);
}

struct http_request
https_request(const struct tls_server *server, int64_t timeout_ms)
{
    struct http_request request = {.method = HTTP_METHOD_POST,
        .port = server->port,
        .host = TLS_SERVER_NAME,
        .tls = common.ctx,
        .tls_name = TLS_SERVER_NAME,
        .path = "/",
        .body = "Action=X",
        .body_len = 8,
        .timeout_ms = timeout_ms};

    assert_int_equal(addr_parse("127.0.0.1", &request.addr), 0);
    return request;
}
