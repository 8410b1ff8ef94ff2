/* What answers in the place of IMDS, through evhttp and daemon/aws/http.c: this program is the
 * server, too. The first byte of the input is flags: 1 appends a long row of the last byte, 2
 * leaves the connection open. */
#include "daemon/aws/http.h"

#include "daemon/aws/imds_request.h"
#include "daemon/loop.h"
#include "daemon/util.h"
#include "fuzz.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT 8080
#define TIMEOUT_MS 20
#define ROW_LEN 90000 /* more than HTTP_BODY_MAX and HTTP_HEADERS_MAX together */
#define FLAG_ROW 1U
#define FLAG_OPEN 2U
#define ADDRESSES 250

static struct {
    struct loop *loop;
    struct http *http;
    int listener;
    int connection; /* -1: none */
    struct loop_io *listener_io;
    struct loop_io *connection_io;
    struct fuzz_input answer;
    uint32_t flags;
    unsigned answers;
} world;

static void
hang_up(void)
{
    loop_io_free(TAKE(world.connection_io));
    cleanup_fd(&world.connection);
    world.connection = -1;
}

static void
on_connection(bool readable, bool writable, void *arg)
{
    static char row[ROW_LEN];
    char request[4096];
    ssize_t n = recv(world.connection, request, sizeof(request), MSG_DONTWAIT);

    (void)readable;
    (void)writable;
    (void)arg;
    if (n > 0 && world.answer.left > 0) {
        (void)send(
            world.connection, world.answer.at, world.answer.left, MSG_DONTWAIT | MSG_NOSIGNAL);
        if ((world.flags & FLAG_ROW) != 0) {
            memset(row, world.answer.at[world.answer.left - 1], sizeof(row));
            (void)send(world.connection, row, sizeof(row), MSG_DONTWAIT | MSG_NOSIGNAL);
        }
    }
    if (n <= 0 || (world.flags & FLAG_OPEN) == 0) {
        hang_up();
    }
}

static void
on_listener(bool readable, bool writable, void *arg)
{
    (void)readable;
    (void)writable;
    (void)arg;
    hang_up();
    world.connection = accept4(world.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (world.connection >= 0) {
        world.connection_io = loop_io_new(world.loop, world.connection, on_connection, NULL);
        FUZZ_CHECK(loop_io_want(world.connection_io, true, false) == 0);
    }
}

static void
on_done(const struct http_answer *answer, void *arg)
{
    char token[IMDS_TOKEN_SIZE];
    int64_t ttl_ms;

    (void)arg;
    world.answers++;
    FUZZ_CHECK(answer->outcome != HTTP_OUTCOME_NONE);
    if (answer->outcome == HTTP_OUTCOME_ANSWERED) {
        const char *type = http_answer_header(answer, "Content-Type");

        FUZZ_CHECK(answer->status >= 200 && answer->len <= HTTP_BODY_MAX);
        FUZZ_CHECK(answer->body[answer->len] == '\0');
        FUZZ_CHECK(type == NULL || strlen(type) <= HTTP_HEADERS_MAX);
        if (imds_token_read(answer, token, &ttl_ms)) {
            FUZZ_CHECK(token[0] != '\0' && fuzz_is_ascii(token) && ttl_ms > 0);
        }
    } else {
        FUZZ_CHECK(answer->body == NULL && http_answer_header(answer, "a") == NULL);
    }
    FUZZ_CHECK(!http_is_busy(world.http));
    loop_stop(world.loop);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(PORT)};

    (void)argc;
    (void)argv;
    fuzz_be_quiet();
    fuzz_own_network();
    world.connection = -1;
    world.loop = loop_new();
    FUZZ_CHECK(world.loop != NULL);
    world.http = http_new(world.loop, on_done, NULL);
    FUZZ_CHECK(world.http != NULL);
    world.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    FUZZ_CHECK(bind(world.listener, (const struct sockaddr *)&sa, sizeof(sa)) == 0);
    FUZZ_CHECK(listen(world.listener, 8) == 0);
    world.listener_io = loop_io_new(world.loop, world.listener, on_listener, NULL);
    FUZZ_CHECK(loop_io_want(world.listener_io, true, false) == 0);
    return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t next;
    struct fuzz_input input = {data, size};
    struct http_request request = {.method = HTTP_METHOD_GET,
        .addr = {.family = ADDR_FAMILY_IPV4, .bytes = {127, 0, 0, 1}},
        .port = PORT,
        .path = "/latest/meta-data/",
        .timeout_ms = TIMEOUT_MS};

    /* turns, or the connections that have ended would soon leave no free port */
    next = (uint8_t)((next + 1) % ADDRESSES);
    request.addr.bytes[3] = (uint8_t)(next + 1);
    world.flags = fuzz_number(&input, 1);
    world.answer = input;
    world.answers = 0;
    FUZZ_CHECK(http_start(world.http, &request) == 0);
    FUZZ_CHECK(loop_run(world.loop) == 0);
    FUZZ_CHECK(world.answers == 1);
    hang_up();
    return 0;
}
