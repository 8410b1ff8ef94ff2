/* daemon/aws/http over TLS (tls_server.h). */
#include "daemon/util.h"
#include "tests/unit/http_world.h"
#include "tests/unit/tls_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define OK "HTTP/1.1 200 OK\r\n"

static void
sends_over_tls(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct world *world = *state;
    struct tls_server server;

    tls_server_listen(&server, world->loop);
    tls_server_use(&server, CERT_GOOD);
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
            "POST / HTTP/1.1\r\nHost: " TLS_SERVER_NAME
            "\r\nConnection: close\r\nContent-Length: 8\r\n\r\nAction=X");
        assert_int_equal(server.n_connections, i + 1);
    }
    tls_server_free(&server);
}

/* The name is asked for; a literal address is verified, too. */
static void
verifies_literal_addresses(void **state)
{
    struct world *world = *state;
    struct tls_server server;
    struct http_request request;

    tls_server_listen(&server, world->loop);
    tls_server_use(&server, CERT_BY_ADDRESS);
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
    tls_server_free(&server);
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

    tls_server_listen(&server, world->loop);
    for (size_t i = 0; i < ARRAY_SIZE(bad_certs) * ARRAY_SIZE(versions); i++) {
        size_t row = i / ARRAY_SIZE(versions);
        struct http_request request = https_request(&server, LONG_MS);

        tls_server_use(&server, bad_certs[row].kind);
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
    tls_server_free(&server);
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

    tls_server_listen(&server, world->loop);
    tls_server_use(&server, CERT_GOOD);
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
    tls_server_free(&server);
    assert_int_equal(failures, 0);
    assert_int_equal(count_fds(), n_fds);
}

static void
says_when_nobody_listens(void **state)
{
    struct world *world = *state;
    struct tls_server server;
    struct http_request request;

    tls_server_listen(&server, world->loop);
    request = https_request(&server, LONG_MS);
    tls_server_free(&server); /* the port is free now, and refuses */
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

    tls_server_listen(&server, world->loop);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct http_request request = https_request(&server, LONG_MS);

        request.tls_name = names[i];
        assert_int_equal(http_start(world->http, &request), -EINVAL);
        assert_false(http_is_busy(world->http));
    }
    tls_server_free(&server);
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

    tls_server_listen(&server, world->loop);
    tls_server_use(&server, CERT_GOOD);
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
    tls_server_free(&server);
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

    tls_server_listen(&server, world->loop);
    server.reply = OK "Content-Length: 2\r\n\r\nok";
    server.reply_len = strlen(server.reply);
    world->free_it = true;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct http_request request = https_request(&server, LONG_MS);

        tls_server_use(&server, kinds[i]);
        if (world->http == NULL) {
            world->http = http_new(world->loop, world_on_done, world);
            assert_non_null(world->http);
        }
        call(world, &request);
        assert_null(world->http);
    }
    tls_server_free(&server);
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

    return cmocka_run_group_tests(tests, tls_server_open_group, tls_server_close_group);
}
