/* daemon/aws/http over TLS, against OpenSSL's server side in the same loop, and against servers
 * that speak something else, or nothing. Bounds of time are waited for, never measured. */
#include "daemon/util.h"
#include "probes/tls.h"
#include "tests/unit/http_world.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define NAME "autoscaling.test"
#define DAY_S 86400
#define OK "HTTP/1.1 200 OK\r\n"

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

/* Made once. */
static struct {
    EVP_PKEY *key; /* of all */
    X509 *certs[CERT_KIND_N];
    char ca_file[32];
    struct tls_ctx *ctx;
} common;

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

static void
write_ca_file(X509 *cert)
{
    int fd;
    FILE *stream;

    assert_true(str_copy(common.ca_file, sizeof(common.ca_file), "/tmp/vpce-http-XXXXXX"));
    fd = mkstemp(common.ca_file);
    assert_true(fd >= 0);
    stream = fdopen(fd, "w");
    assert_non_null(stream);
    assert_int_equal(PEM_write_X509(stream, cert), 1);
    assert_int_equal(fclose(stream), 0);
}

static int
setup_group(void **state)
{
    static const char dns[] = "DNS:" NAME;
    X509 *ca;
    X509 *other_ca;

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN); /* as the programs do */
    common.key = EVP_EC_gen("P-256");
    ca = make_cert("CA", NULL, -DAY_S, DAY_S, NULL);
    other_ca = make_cert("Other CA", NULL, -DAY_S, DAY_S, NULL);
    common.certs[CERT_GOOD] = make_cert("good", dns, -DAY_S, DAY_S, ca);
    common.certs[CERT_OTHER_NAME] = make_cert(NAME, "DNS:other.test", -DAY_S, DAY_S, ca);
    common.certs[CERT_EXPIRED] = make_cert("expired", dns, -2 * DAY_S, -DAY_S, ca);
    common.certs[CERT_NOT_YET] = make_cert("early", dns, DAY_S, 2 * DAY_S, ca);
    common.certs[CERT_OTHER_CA] = make_cert("untrusted", dns, -DAY_S, DAY_S, other_ca);
    common.certs[CERT_SELF_SIGNED] = make_cert(NAME, NULL, -DAY_S, DAY_S, NULL);
    common.certs[CERT_BY_ADDRESS] = make_cert("address", "IP:127.0.0.1", -DAY_S, DAY_S, ca);
    write_ca_file(ca);
    X509_free(ca);
    X509_free(other_ca);
    return tls_ctx_new(common.ca_file, TLS_ENGINE_DEFAULT, &common.ctx);
}

static int
teardown_group(void **state)
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

static void
server_listen(struct tls_server *server, struct loop *loop)
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

static void
server_free(struct tls_server *server)
{
    server_hang_up(server);
    loop_timer_free(server->timer);
    loop_io_free(server->listener_io);
    cleanup_fd(&server->listener);
    SSL_CTX_free(server->ctx);
}

static void
server_use(struct tls_server *server, enum cert_kind kind)
{
    assert_int_equal(SSL_CTX_use_certificate(server->ctx, common.certs[kind]), 1);
}

static struct http_request
https_request(const struct tls_server *server, int64_t timeout_ms)
{
    struct http_request request = {.method = HTTP_METHOD_POST,
        .port = server->port,
        .host = NAME,
        .tls = common.ctx,
        .tls_name = NAME,
        .path = "/",
        .body = "Action=X",
        .body_len = 8,
        .timeout_ms = timeout_ms};

    assert_int_equal(addr_parse("127.0.0.1", &request.addr), 0);
    return request;
}

/* ---- tests ---- */

static void
sends_over_tls(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct world *world = *state;
    struct tls_server server;

    server_listen(&server, world->loop);
    server_use(&server, CERT_GOOD);
    server.reply = OK "Content-Length: 2\r\nX-Test: a\r\n\r\nok";
    server.reply_len = strlen(server.reply);
    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        struct http_request request = https_request(&server, LONG_MS);

        assert_int_equal(SSL_CTX_set_min_proto_version(server.ctx, versions[i]), 1);
        assert_int_equal(SSL_CTX_set_max_proto_version(server.ctx, versions[i]), 1);
        call(world, &request);
        assert_string_equal(http_outcome_str(world->outcome), "answered");
        assert_int_equal(world->status, 200);
        assert_string_equal(world->body, "ok");
        assert_string_equal(world->header, "a");
        assert_string_equal(world->error, "");
        assert_true(world->maybe_sent);
        assert_string_equal(server.request,
            "POST / HTTP/1.1\r\nHost: " NAME
            "\r\nConnection: close\r\nContent-Length: 8\r\n\r\nAction=X");
        assert_int_equal(server.n_connections, i + 1);
    }
    server_free(&server);
}

/* The name is asked for; a literal address is verified, too. */
static void
verifies_literal_addresses(void **state)
{
    struct world *world = *state;
    struct tls_server server;
    struct http_request request;

    server_listen(&server, world->loop);
    server_use(&server, CERT_BY_ADDRESS);
    server.reply = OK "Content-Length: 0\r\n\r\n";
    server.reply_len = strlen(server.reply);
    request = https_request(&server, LONG_MS);
    request.tls_name = "127.0.0.1";
    call(world, &request);
    assert_int_equal(world->outcome, HTTP_OUTCOME_ANSWERED);
    request.tls_name = "127.0.0.2";
    call(world, &request);
    assert_int_equal(world->outcome, HTTP_OUTCOME_TLS);
    assert_string_equal(world->error, "IP address mismatch");
    server_free(&server);
}

static const struct {
    const char *name;
    enum cert_kind kind;
    const char *error;
} bad_certs[] = {
    {"another name", CERT_OTHER_NAME, "hostname mismatch"},
    {"expired", CERT_EXPIRED, "certificate has expired"},
    {"not yet valid", CERT_NOT_YET, "certificate is not yet valid"},
    {"another CA", CERT_OTHER_CA, "unable to get local issuer certificate"},
    {"self-signed", CERT_SELF_SIGNED, "self-signed certificate"},
};

/* And nothing of the request is sent, whatever the version. */
static void
refuses_bad_certificates(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct world *world = *state;
    struct tls_server server;
    int failures = 0;

    server_listen(&server, world->loop);
    for (size_t i = 0; i < ARRAY_SIZE(bad_certs) * ARRAY_SIZE(versions); i++) {
        size_t row = i / ARRAY_SIZE(versions);
        struct http_request request = https_request(&server, LONG_MS);

        server_use(&server, bad_certs[row].kind);
        assert_int_equal(
            SSL_CTX_set_max_proto_version(server.ctx, versions[i % ARRAY_SIZE(versions)]), 1);
        call(world, &request);
        if (world->outcome != HTTP_OUTCOME_TLS || !streq(world->error, bad_certs[row].error) ||
            world->maybe_sent || server.request_len != 0 || world->n_calls != 1) {
            print_error("%s: got %s, \"%s\", %zu bytes sent\n", bad_certs[row].name,
                http_outcome_str(world->outcome), world->error, server.request_len);
            failures++;
        }
    }
    assert_int_equal(server.n_connections, ARRAY_SIZE(bad_certs) * ARRAY_SIZE(versions));
    server_free(&server);
    assert_int_equal(failures, 0);
}

#define BYTES(literal) (literal), sizeof(literal) - 1

static const struct {
    const char *name;
    enum does does;
    const char *reply;
    size_t len;
    enum follow follow;
    enum http_outcome outcome;
    bool maybe_sent;
    unsigned status;
    const char *body;  /* NULL: not looked at */
    const char *error; /* a part of it; "": there is none */
} servers[] = {
    {"with a length", DOES_TLS, BYTES(OK "Content-Length: 2\r\n\r\nok"), FOLLOW_NOTHING,
        HTTP_OUTCOME_ANSWERED, true, 200, "ok", ""},
    {"with a length, then the end", DOES_TLS, BYTES(OK "Content-Length: 2\r\n\r\nok"), FOLLOW_END,
        HTTP_OUTCOME_ANSWERED, true, 200, "ok", ""},
    {"to the goodbye", DOES_TLS, BYTES(OK "\r\nok"), FOLLOW_GOODBYE, HTTP_OUTCOME_ANSWERED, true,
        200, "ok", ""},
    {"an end without goodbye cuts off", DOES_TLS, BYTES(OK "\r\nok"), FOLLOW_END,
        HTTP_OUTCOME_CLOSED, true, 0, "", ""},
    {"less than it says, and goodbye", DOES_TLS, BYTES(OK "Content-Length: 9\r\n\r\nok"),
        FOLLOW_GOODBYE, HTTP_OUTCOME_CLOSED, true, 0, "", ""},
    {"less than it says", DOES_TLS, BYTES(OK "Content-Length: 9\r\n\r\nok"), FOLLOW_END,
        HTTP_OUTCOME_CLOSED, true, 0, "", ""},
    {"closed for an answer", DOES_TLS, BYTES(""), FOLLOW_GOODBYE, HTTP_OUTCOME_CLOSED, true, 0, "",
        ""},
    {"too much", DOES_TLS, BYTES(OK "Content-Length: 65537\r\n\r\n"), FOLLOW_NOTHING,
        HTTP_OUTCOME_TOO_BIG, true, 0, "", ""},
    {"endless", DOES_TLS, BYTES(OK "\r\n"), FOLLOW_BYTES, HTTP_OUTCOME_TOO_BIG, true, 0, "", ""},
    {"a redirect", DOES_TLS,
        BYTES("HTTP/1.1 307 Go\r\nLocation: https://evil.test/\r\nContent-Length: 0\r\n\r\n"),
        FOLLOW_NOTHING, HTTP_OUTCOME_ANSWERED, true, 307, "", ""},
    {"not HTTP", DOES_TLS, BYTES("SSH-2.0-OpenSSH_9.2\r\n"), FOLLOW_NOTHING, HTTP_OUTCOME_MALFORMED,
        true, 0, "", ""},
    {"no answer", DOES_TLS, BYTES(""), FOLLOW_NOTHING, HTTP_OUTCOME_TIMEOUT, true, 0, "", ""},
    {"a trickle of body", DOES_TLS, BYTES(OK "\r\n"), FOLLOW_TRICKLE, HTTP_OUTCOME_TIMEOUT, true, 0,
        "", ""},
    {"KeyUpdate for ever", DOES_TLS, BYTES(OK "\r\n"), FOLLOW_KEY_UPDATE, HTTP_OUTCOME_CLOSED, true,
        0, "", ""},
    {"silence", DOES_SILENCE, BYTES(""), FOLLOW_NOTHING, HTTP_OUTCOME_TIMEOUT, false, 0, "", ""},
    {"closed in the handshake", DOES_CLOSE, BYTES(""), FOLLOW_NOTHING, HTTP_OUTCOME_TLS, false, 0,
        "", "closed"},
    {"plain HTTP", DOES_PLAIN, BYTES("HTTP/1.1 400 Bad Request\r\n\r\n"), FOLLOW_NOTHING,
        HTTP_OUTCOME_TLS, false, 0, "", "wrong version number"},
    {"a refusal of TLS", DOES_PLAIN, BYTES("\x15\x03\x03\x00\x02\x02\x28"), FOLLOW_NOTHING,
        HTTP_OUTCOME_TLS, false, 0, "", "handshake failure"},
    {"a trickle of handshake", DOES_TRICKLE, BYTES(""), FOLLOW_NOTHING, HTTP_OUTCOME_TIMEOUT, false,
        0, "", ""},
    {"HelloRequest for ever", DOES_HELLO_REQUEST, BYTES(""), FOLLOW_NOTHING, HTTP_OUTCOME_TLS,
        false, 0, "", "more than 512 KiB"},
};

static bool
call_is_as_expected(struct world *world, struct tls_server *server, size_t i, int64_t timeout_ms)
{
    struct http_request request = https_request(server, timeout_ms);

    server->does = servers[i].does;
    server->follow = servers[i].follow;
    server->reply = servers[i].reply;
    server->reply_len = servers[i].len;
    server->n_connections = 0;
    call(world, &request);
    return world->outcome == servers[i].outcome && world->maybe_sent == servers[i].maybe_sent &&
           world->status == servers[i].status && streq(world->body, servers[i].body) &&
           (servers[i].error[0] == '\0' ? world->error[0] == '\0'
                                        : strstr(world->error, servers[i].error) != NULL) &&
           world->n_calls == 1 && server->n_connections == 1 &&
           (server->request_len > 0) == servers[i].maybe_sent;
}

static void
takes_every_server(void **state)
{
    struct world *world = *state;
    size_t n_fds = count_fds();
    struct tls_server server;
    int failures = 0;

    server_listen(&server, world->loop);
    server_use(&server, CERT_GOOD);
    for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
        bool waits = servers[i].outcome == HTTP_OUTCOME_TIMEOUT;
        int64_t timeout_ms = waits ? SHORT_MS : LONG_MS;
        bool expected = call_is_as_expected(world, &server, i, timeout_ms);

        /* a slow machine may not get as far as it should in so short a time */
        while (!expected && timeout_ms < 50 * SHORT_MS) {
            timeout_ms *= 10;
            expected = call_is_as_expected(world, &server, i, timeout_ms);
        }
        if (!expected) {
            print_error("%s: got %s %u \"%.60s\" sent %d/%zu, \"%s\"\n", servers[i].name,
                http_outcome_str(world->outcome), world->status, world->body, world->maybe_sent,
                server.request_len, world->error);
            failures++;
        }
    }
    server_free(&server);
    assert_int_equal(failures, 0);
    assert_int_equal(count_fds(), n_fds);
}

static void
says_when_nobody_listens(void **state)
{
    struct world *world = *state;
    struct tls_server server;
    struct http_request request;

    server_listen(&server, world->loop);
    request = https_request(&server, LONG_MS);
    server_free(&server); /* the port is free now, and refuses */
    call(world, &request);
    assert_string_equal(http_outcome_str(world->outcome), "no-connection");
    assert_string_equal(world->error, "Connection refused");
    assert_false(world->maybe_sent);
    assert_int_equal(addr_parse("255.255.255.255", &request.addr), 0); /* EACCES at once */
    call(world, &request);
    assert_string_equal(http_outcome_str(world->outcome), "no-connection");
    assert_false(world->maybe_sent);
}

static void
refuses_what_is_no_name(void **state)
{
    static const char *const names[] = {NULL, "", "a b", "a\r\nb", "x..y"};
    struct world *world = *state;
    struct tls_server server;

    server_listen(&server, world->loop);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct http_request request = https_request(&server, LONG_MS);

        request.tls_name = names[i];
        assert_int_equal(http_start(world->http, &request), -EINVAL);
        assert_false(http_is_busy(world->http));
    }
    server_free(&server);
}

struct stopping {
    struct world *world;
    struct loop_timer *end;
};

static void
on_stop_time(void *arg)
{
    struct stopping *stopping = arg;

    http_stop(stopping->world->http);
    loop_timer_set(stopping->end, 20); /* what is stopped is released by the loop */
}

static void
on_end_time(void *arg)
{
    loop_stop(((struct world *)arg)->loop);
}

/* Stopped at once, in the handshake, and while the answer comes; then the client goes. */
static void
stops_silently(void **state)
{
    static const enum does does[] = {DOES_TLS, DOES_SILENCE, DOES_TLS};
    struct world *world = *state;
    size_t n_fds = count_fds();
    struct stopping stopping = {world, loop_timer_new(world->loop, on_end_time, world)};
    struct loop_timer *stop = loop_timer_new(world->loop, on_stop_time, &stopping);
    struct tls_server server;

    server_listen(&server, world->loop);
    server_use(&server, CERT_GOOD);
    server.reply = OK "\r\n";
    server.reply_len = strlen(server.reply);
    server.follow = FOLLOW_TRICKLE;
    world->n_calls = 0;
    for (size_t i = 0; i < ARRAY_SIZE(does); i++) {
        struct http_request request = https_request(&server, LONG_MS);

        server.does = does[i];
        assert_int_equal(http_start(world->http, &request), 0);
        loop_timer_set(stop, i == 0 ? 0 : 60);
        assert_int_equal(loop_run(world->loop), 0);
        assert_false(http_is_busy(world->http));
    }
    assert_int_equal(world->n_calls, 0);
    server_free(&server);
    loop_timer_free(stop);
    loop_timer_free(stopping.end);
    assert_int_equal(count_fds(), n_fds);
}

static void
may_be_freed_from_its_callback(void **state)
{
    static const enum cert_kind kinds[] = {CERT_GOOD, CERT_EXPIRED};
    struct world *world = *state;
    struct tls_server server;

    server_listen(&server, world->loop);
    server.reply = OK "Content-Length: 2\r\n\r\nok";
    server.reply_len = strlen(server.reply);
    world->free_it = true;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct http_request request = https_request(&server, LONG_MS);

        server_use(&server, kinds[i]);
        if (world->http == NULL) {
            world->http = http_new(world->loop, world_on_done, world);
            assert_non_null(world->http);
        }
        call(world, &request);
        assert_null(world->http);
    }
    server_free(&server);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_setup, world_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sends_over_tls),
        TEST(verifies_literal_addresses),
        TEST(refuses_bad_certificates),
        TEST(takes_every_server),
        TEST(says_when_nobody_listens),
        TEST(refuses_what_is_no_name),
        TEST(stops_silently),
        TEST(may_be_freed_from_its_callback),
    };

    return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
