/* Answers of a name server, through c-ares and probes/dns.c: this program is the server, too, on
 * port 53 of a network of its own.
 *
 * The input: a byte of flags, the length of the UDP answer (two bytes), the answer without its id,
 * and what is answered over TCP likewise. Flags: 1 asks for IPv6; 2 puts the question that was
 * asked behind the header, so that the rest is records. */
#include "probes/dns.h"

#include "daemon/loop.h"
#include "daemon/util.h"
#include "fuzz.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIMEOUT_MS 7 /* c-ares sends again after 1 */
#define PACKET_MAX 8192
#define HEADER_LEN 12
#define DNS_PORT 53
#define QUERIES 256 /* with the same channel, as in the daemon */
#define FLAG_IPV6 1U
#define FLAG_QUESTION 2U

static struct {
    struct loop *loop;
    int udp;
    int listener;
    int connection; /* -1: none */
    struct loop_io *udp_io;
    struct loop_io *listener_io;
    struct loop_io *connection_io;
    struct fuzz_input answers[2]; /* over UDP, over TCP */
    uint32_t flags;
    unsigned replies;
    struct dns *dns;
    char resolv_conf[256];
    char hosts[256];
} world;

/* ---- the server */

/* The answer to a query of len bytes. */
static size_t
make_answer(
    const uint8_t *query, size_t len, const struct fuzz_input *answer, uint8_t *packet, size_t size)
{
    size_t header = answer->left < HEADER_LEN - 2 ? answer->left : HEADER_LEN - 2;
    size_t question = (world.flags & FLAG_QUESTION) != 0 && len > HEADER_LEN ? len - HEADER_LEN : 0;
    size_t rest = answer->left - header;

    memcpy(packet, query, 2);
    if (header > 0) {
        memcpy(packet + 2, answer->at, header);
    }
    memcpy(packet + 2 + header, query + HEADER_LEN, question);
    if (rest > size - 2 - header - question) {
        rest = size - 2 - header - question;
    }
    if (rest > 0) {
        memcpy(packet + 2 + header + question, answer->at + header, rest);
    }
    return 2 + header + question + rest;
}

static void
on_udp(bool readable, bool writable, void *arg)
{
    struct sockaddr_in from;
    socklen_t from_len = sizeof(from);
    uint8_t query[512];
    uint8_t packet[PACKET_MAX];
    ssize_t n = recvfrom(
        world.udp, query, sizeof(query), MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);

    (void)readable;
    (void)writable;
    (void)arg;
    if (n >= 2) {
        size_t len = make_answer(query, (size_t)n, &world.answers[0], packet, sizeof(packet));

        (void)sendto(world.udp, packet, len, MSG_DONTWAIT, (struct sockaddr *)&from, from_len);
    }
}

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
    uint8_t query[514];
    uint8_t packet[PACKET_MAX + 2];
    ssize_t n = recv(world.connection, query, sizeof(query), MSG_DONTWAIT);

    (void)readable;
    (void)writable;
    (void)arg;
    if (n < 4) {
        hang_up();
        return;
    }
    size_t len = make_answer(query + 2, (size_t)n - 2, &world.answers[1], packet + 2, PACKET_MAX);

    packet[0] = (uint8_t)(len >> 8);
    packet[1] = (uint8_t)len;
    (void)send(world.connection, packet, len + 2, MSG_DONTWAIT | MSG_NOSIGNAL);
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

static int
open_server(int type)
{
    const struct sockaddr_in sa = {.sin_family = AF_INET,
        .sin_port = htons(DNS_PORT),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    FUZZ_CHECK(fd >= 0 && bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0);
    FUZZ_CHECK(type != SOCK_STREAM || listen(fd, 8) == 0);
    return fd;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char resolv_conf[] = "nameserver 127.0.0.1\n";

    (void)argc;
    (void)argv;
    fuzz_be_quiet();
    fuzz_own_network();
    fuzz_write("resolv.conf", resolv_conf, strlen(resolv_conf));
    fuzz_write("hosts", "", 0);
    (void)str_copy(world.resolv_conf, sizeof(world.resolv_conf), fuzz_path("resolv.conf"));
    (void)str_copy(world.hosts, sizeof(world.hosts), fuzz_path("hosts"));
    world.connection = -1;
    world.loop = loop_new();
    FUZZ_CHECK(world.loop != NULL);
    world.udp = open_server(SOCK_DGRAM);
    world.listener = open_server(SOCK_STREAM);
    world.udp_io = loop_io_new(world.loop, world.udp, on_udp, NULL);
    world.listener_io = loop_io_new(world.loop, world.listener, on_listener, NULL);
    FUZZ_CHECK(loop_io_want(world.udp_io, true, false) == 0);
    FUZZ_CHECK(loop_io_want(world.listener_io, true, false) == 0);
    return 0;
}

/* ---- the client */

static void
on_reply(const struct dns_reply *reply, void *arg)
{
    uint8_t family = (world.flags & FLAG_IPV6) != 0 ? ADDR_FAMILY_IPV6 : ADDR_FAMILY_IPV4;

    (void)arg;
    world.replies++;
    FUZZ_CHECK(reply->n_addrs <= PROBE_ADDRS_MAX && reply->n_addrs <= reply->result.n_found);
    FUZZ_CHECK((reply->result.outcome == DNS_OUTCOME_OK) == (reply->n_addrs > 0));
    for (size_t i = 0; i < reply->n_addrs; i++) {
        FUZZ_CHECK(reply->addrs[i].family == family);
        FUZZ_CHECK(i == 0 || addr_compare(&reply->addrs[i - 1], &reply->addrs[i]) < 0);
    }
    FUZZ_CHECK(reply->n_cnames <= CNAMES_MAX);
    for (size_t i = 0; i < reply->n_cnames; i++) {
        FUZZ_CHECK(fuzz_is_printable(reply->cnames[i]));
    }
    loop_stop(world.loop);
}

/* Anew from time to time, so that its end is seen, too. */
static void
renew_dns(void)
{
    static unsigned queries;
    const struct dns_options options = {.resolv_conf = world.resolv_conf,
        .hosts = world.hosts,
        .timeout_ms = TIMEOUT_MS,
        .per_second = 1000000,
        .burst = 1000000};

    if (queries++ % QUERIES == 0) {
        dns_free(world.dns);
        FUZZ_CHECK(dns_new(world.loop, &options, &world.dns) == 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct dns_query *query;
    size_t udp_len;

    world.flags = fuzz_number(&input, 1);
    udp_len = fuzz_number(&input, 2);
    if (udp_len > input.left) {
        udp_len = input.left;
    }
    world.answers[0] = (struct fuzz_input){input.at, udp_len};
    world.answers[1] = (struct fuzz_input){input.at + udp_len, input.left - udp_len};
    world.replies = 0;
    renew_dns();
    FUZZ_CHECK(dns_query_start(world.dns, DNS_VIA_HOST, "ecs.eu-west-1.amazonaws.com",
                   (world.flags & FLAG_IPV6) != 0 ? ADDR_FAMILY_IPV6 : ADDR_FAMILY_IPV4, on_reply,
                   NULL, &query) == 0);
    FUZZ_CHECK(loop_run(world.loop) == 0);
    FUZZ_CHECK(world.replies == 1);
    hang_up();
    return 0;
}
