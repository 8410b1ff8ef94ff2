/* reference: what a probe costs at least, for tests/bench/tls and tests/bench/run to compare with.
 *
 *     reference --names FILE --server ADDR --port N --ca FILE [--rounds N | --wait]
 *               [--parallel N]
 *
 * For each name of FILE, one a line: an A query over UDP, a TCP connection to each address, a TLS
 * handshake whose chain and name OpenSSL verifies. One thread, epoll, one SSL_CTX; up to 64 queries
 * and 32 connections (--parallel) in flight, as the prober has. No deadline, no facts, no causes,
 * and hardly a check: a yardstick, not a prober. Prints a line a round: addresses, how many were
 * verified, and microseconds of CPU for each. With --wait a round for each line of input. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NAMES_MAX 10000
#define NAME_SIZE 64
#define ADDRS_MAX (4 * NAMES_MAX)
#define CONNECTIONS_MAX 64
#define QUERIES_MAX 64
#define EVENTS_MAX 64
#define MESSAGE_MAX 1500
#define DNS_HEADER 12
#define RESEND_MS 1000

struct connection {
    int fd; /* -1: free */
    SSL *ssl;
    size_t name;
};

static char names[NAMES_MAX][NAME_SIZE];
static size_t n_names;
static bool answered[NAMES_MAX];
static struct {
    struct in_addr addr;
    size_t name;
} found[ADDRS_MAX];
static size_t n_found;
static size_t n_started; /* of found */
static size_t n_asked;   /* of names */
static size_t n_answered;
static size_t n_open;
static size_t n_verified;
static struct connection connections[CONNECTIONS_MAX];
static size_t n_connections = 32;
static SSL_CTX *ssl_ctx;
static uint16_t port;
static int epoll_fd;
static int dns_fd;

static void
die(const char *what)
{
    (void)fprintf(stderr, "reference: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static void
watch(int fd, struct connection *connection)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};

    if (connection != NULL) {
        event.events |= EPOLLOUT | EPOLLET;
    }
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        die("epoll");
    }
}

/* An A query whose id is the name's index. Returns its length. */
static size_t
write_query(size_t name, uint8_t buf[static DNS_HEADER + NAME_SIZE + 5])
{
    const uint8_t header[DNS_HEADER] = {(uint8_t)(name >> 8), (uint8_t)name, 1, [5] = 1};
    static const uint8_t a_in[] = {0, 0, 1, 0, 1};
    uint8_t *end = buf + DNS_HEADER;

    memcpy(buf, header, sizeof(header));
    for (const char *label = names[name]; *label != '\0';) {
        size_t len = strcspn(label, ".");

        *end++ = (uint8_t)len;
        memcpy(end, label, len);
        end += len;
        label += len + (label[len] == '.');
    }
    memcpy(end, a_in, sizeof(a_in));
    return (size_t)(end - buf) + sizeof(a_in);
}

static void
ask(size_t name)
{
    uint8_t query[DNS_HEADER + NAME_SIZE + 5];
    size_t len = write_query(name, query);

    if (send(dns_fd, query, len, 0) < 0) {
        die("send");
    }
}

/* The answers of our server, a test's: each record's name is a pointer. */
static void
read_records(size_t name, const uint8_t *record, const uint8_t *end)
{
    while (end - record >= 12 && n_found < ADDRS_MAX) {
        size_t len = (size_t)record[10] << 8 | record[11];

        if (record[3] == 1 && len == 4 && end - record >= 16) {
            memcpy(&found[n_found].addr, record + 12, 4);
            found[n_found++].name = name;
        }
        record += 12 + len <= (size_t)(end - record) ? 12 + len : (size_t)(end - record);
    }
}

static void
read_answers(void)
{
    uint8_t query[DNS_HEADER + NAME_SIZE + 5];
    uint8_t buf[MESSAGE_MAX];
    ssize_t n;

    while ((n = recv(dns_fd, buf, sizeof(buf), MSG_DONTWAIT)) >= DNS_HEADER) {
        size_t name = (size_t)buf[0] << 8 | buf[1];
        size_t len;

        if (name >= n_asked || answered[name]) {
            continue;
        }
        len = write_query(name, query);
        if ((size_t)n < len ||
            memcmp(query + DNS_HEADER, buf + DNS_HEADER, len - DNS_HEADER) != 0) {
            continue;
        }
        answered[name] = true;
        n_answered++;
        read_records(name, buf + len, buf + n);
    }
}

static void
finish(struct connection *c, bool verified)
{
    n_verified += verified;
    SSL_free(c->ssl);
    c->ssl = NULL;
    (void)close(c->fd);
    c->fd = -1;
    n_open--;
}

static void
connect_to(struct connection *c, size_t i)
{
    struct sockaddr_in sa = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = found[i].addr};

    c->name = found[i].name;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        die("socket");
    }
    n_open++;
    if (connect(c->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 && errno != EINPROGRESS) {
        finish(c, false);
        return;
    }
    watch(c->fd, c);
}

static bool
start_handshake(struct connection *c)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error != 0) {
        return false;
    }
    c->ssl = SSL_new(ssl_ctx);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1 ||
        SSL_set_tlsext_host_name(c->ssl, names[c->name]) != 1 ||
        SSL_set1_host(c->ssl, names[c->name]) != 1) {
        return false;
    }
    SSL_set_connect_state(c->ssl);
    return true;
}

static void
step(struct connection *c)
{
    int r;

    if (c->ssl == NULL && !start_handshake(c)) {
        finish(c, false);
        return;
    }
    r = SSL_do_handshake(c->ssl);
    if (r == 1) {
        finish(c, SSL_get_verify_result(c->ssl) == X509_V_OK);
    } else if (SSL_get_error(c->ssl, r) != SSL_ERROR_WANT_READ) {
        finish(c, false);
    }
}

static void
start_what_may(void)
{
    for (; n_asked < n_names && n_asked - n_answered < QUERIES_MAX; n_asked++) {
        ask(n_asked);
    }
    for (size_t i = 0; i < n_connections && n_started < n_found; i++) {
        if (connections[i].fd < 0) {
            connect_to(&connections[i], n_started++);
        }
    }
}

static void
resend(void)
{
    for (size_t i = 0; i < n_asked; i++) {
        if (!answered[i]) {
            ask(i);
        }
    }
}

static double
cpu_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void
run_round(void)
{
    double before = cpu_us();

    n_found = n_started = n_asked = n_answered = n_verified = 0;
    memset(answered, 0, sizeof(answered));
    start_what_may();
    while (n_answered < n_names || n_started < n_found || n_open > 0) {
        struct epoll_event events[EVENTS_MAX];
        int n = epoll_wait(epoll_fd, events, EVENTS_MAX, RESEND_MS);

        if (n == 0) {
            resend();
        }
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL) {
                read_answers();
            } else {
                step(events[i].data.ptr);
            }
        }
        start_what_may();
    }
    (void)printf("addresses=%zu verified=%zu cpu_us=%.1f\n", n_found, n_verified,
        (cpu_us() - before) / (double)(n_found > 0 ? n_found : 1));
}

static void
read_names(const char *path)
{
    FILE *stream = fopen(path, "r");

    if (stream == NULL) {
        die(path);
    }
    while (n_names < NAMES_MAX && fgets(names[n_names], NAME_SIZE, stream) != NULL) {
        names[n_names][strcspn(names[n_names], "\n")] = '\0';
        n_names += names[n_names][0] != '\0';
    }
    (void)fclose(stream);
}

static void
open_all(const char *server, const char *ca_file)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(53)};

    ssl_ctx = SSL_CTX_new(TLS_client_method());
    if (ssl_ctx == NULL || SSL_CTX_load_verify_file(ssl_ctx, ca_file) != 1 ||
        SSL_CTX_set_min_proto_version(ssl_ctx, TLS1_2_VERSION) != 1) {
        die(ca_file);
    }
    SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_session_cache_mode(ssl_ctx, SSL_SESS_CACHE_OFF);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    dns_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (inet_pton(AF_INET, server, &sa.sin_addr) != 1 || epoll_fd < 0 || dns_fd < 0 ||
        connect(dns_fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
        die(server);
    }
    watch(dns_fd, NULL);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        connections[i].fd = -1;
    }
}

/* False: the end of standard input. */
static bool
is_told_to_go_on(void)
{
    char line[8];

    return fgets(line, sizeof(line), stdin) != NULL;
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {{"names", required_argument, NULL, 'n'},
        {"server", required_argument, NULL, 's'}, {"port", required_argument, NULL, 'p'},
        {"ca", required_argument, NULL, 'c'}, {"rounds", required_argument, NULL, 'r'},
        {"wait", no_argument, NULL, 'w'}, {"parallel", required_argument, NULL, 'l'},
        {NULL, 0, NULL, 0}};
    const char *server = "127.0.0.1";
    const char *ca_file = "/etc/ssl/certs/ca-certificates.crt";
    unsigned long n_rounds = 1;
    bool waits = false;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'n':
            read_names(optarg);
            break;
        case 's':
            server = optarg;
            break;
        case 'p':
            port = (uint16_t)strtoul(optarg, NULL, 10);
            break;
        case 'c':
            ca_file = optarg;
            break;
        case 'l':
            n_connections = strtoul(optarg, NULL, 10);
            break;
        case 'r':
            n_rounds = strtoul(optarg, NULL, 10);
            break;
        case 'w':
            waits = true;
            n_rounds = ULONG_MAX;
            break;
        default:
            return EXIT_FAILURE;
        }
    }
    if (n_connections == 0 || n_connections > CONNECTIONS_MAX) {
        return EXIT_FAILURE;
    }
    open_all(server, ca_file);
    for (unsigned long i = 0; i < n_rounds && (!waits || is_told_to_go_on()); i++) {
        run_round();
        (void)fflush(stdout);
    }
    SSL_CTX_free(ssl_ctx);
    return EXIT_SUCCESS;
}
