/* Requests to the status socket: the real server with a report of a sample, and a client that sends
 * the input in as many pieces as it has parts, and reads what comes. */
#include "daemon/status_server.h"

#include "daemon/loop.h"
#include "daemon/util.h"
#include "sample.h"
#include "text_checks.h"

#include <event2/event.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define QUIET_TURNS 4 /* of the loop, without a byte: no more will come */
#define TURNS_MAX 200

static struct sample sample;
static struct loop *loop;
static struct status_server *server;
static struct sockaddr_un address;
static socklen_t address_len = sizeof(address);

static void
fill_report(struct report *ret, void *arg)
{
    (void)arg;
    *ret = sample.report;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const struct sockaddr_un any = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    (void)argc;
    (void)argv;
    fuzz_be_quiet();
    sample_init(&sample);
    FUZZ_CHECK(bind(fd, (const struct sockaddr *)&any, sizeof(any.sun_family)) == 0);
    FUZZ_CHECK(getsockname(fd, (struct sockaddr *)&address, &address_len) == 0);
    FUZZ_CHECK(listen(fd, 8) == 0);
    loop = loop_new();
    FUZZ_CHECK(loop != NULL);
    server = status_server_new(loop, fill_report, NULL);
    FUZZ_CHECK(server != NULL && status_server_listen(server, fd) == 0);
    return 0;
}

static void
turn(void)
{
    FUZZ_CHECK(event_base_loop(loop_event_base(loop), EVLOOP_NONBLOCK) >= 0);
}

/* What the server answers, until it is silent or hangs up. false: it has hung up. */
static bool
read_answer(int fd, FILE *out)
{
    static char buf[65536];

    for (int turns = 0, quiet = 0; quiet < QUIET_TURNS && turns < TURNS_MAX; turns++) {
        turn();

        ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

        if (n == 0) {
            return false;
        }
        quiet = n > 0 ? 0 : quiet + 1;
        if (n > 0) {
            FUZZ_CHECK(fwrite(buf, 1, (size_t)n, out) == (size_t)n);
        }
    }
    return true;
}

static void
check_answer(const struct page *page)
{
    unsigned status;
    int major; /* evhttp answers in the version it was asked in, whatever that is */
    int minor;

    if (page->len == 0) {
        return;
    }
    FUZZ_CHECK(sscanf(page->text, "HTTP/%d.%d %3u ", &major, &minor, &status) == 3);
    FUZZ_CHECK(status == 100 || status == 200 || (status >= 400 && status <= 503));
    if (status == 200) {
        FUZZ_CHECK(strstr(page->text, "\r\nContent-Type: ") != NULL);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    CLEANUP(cleanup_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct page page;
    bool open = true;

    FUZZ_CHECK(connect(fd, (struct sockaddr *)&address, address_len) == 0);
    page_open(&page);
    while (open && input.left > 0) {
        size_t len;
        char *part = fuzz_part(&input, &len);

        (void)send(fd, part, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        free(part);
        open = read_answer(fd, page.out);
    }
    page_close(&page);
    check_answer(&page);
    free(page.text);
    cleanup_fd(&fd);
    fd = -1;
    for (int i = 0; i < QUIET_TURNS; i++) {
        turn();
    }
    return 0;
}
