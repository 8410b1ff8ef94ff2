/* See servers.h. A thread for each socket and connection, blocking calls: they need not be clever.
 */
#include "servers.h"

#include "daemon/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define RESOLVER "10.99.0.53"
#define IMDS "10.99.0.254"

/* the last one is of class public, for the egress control */
static const char *const addresses[] = {"10.99.0.1", "10.99.0.2", RESOLVER, IMDS, "52.94.0.1"};

_Noreturn static void
die(const char *what)
{
    perror(what);
    _exit(1);
}

/* ---- the namespace ---- */

__attribute__((format(printf, 2, 3))) static int
write_file(const char *path, const char *format, ...)
{
    FILE *file = fopen(path, "we");
    va_list args;
    int r;

    if (file == NULL) {
        return -errno;
    }
    va_start(args, format);
    r = vfprintf(file, format, args);
    va_end(args);
    return fclose(file) == 0 && r >= 0 ? 0 : -EIO;
}

static int
add_address(int fd, const char *alias, const char *address)
{
    struct ifreq request = {.ifr_name = ""};
    struct sockaddr_in sa = {.sin_family = AF_INET};

    (void)str_copy(request.ifr_name, sizeof(request.ifr_name), alias);
    (void)inet_pton(AF_INET, address, &sa.sin_addr);
    memcpy(&request.ifr_addr, &sa, sizeof(sa));
    if (ioctl(fd, SIOCSIFADDR, &request) < 0) {
        return -errno;
    }
    (void)inet_pton(AF_INET, "255.255.255.255", &sa.sin_addr);
    memcpy(&request.ifr_netmask, &sa, sizeof(sa));
    return ioctl(fd, SIOCSIFNETMASK, &request) < 0 ? -errno : 0;
}

static int
add_addresses(void)
{
    CLEANUP(cleanup_fd) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int r = fd < 0 || ioctl(fd, SIOCSIFFLAGS, &up) < 0 ? -errno : 0;

    for (size_t i = 0; i < ARRAY_SIZE(addresses) && r == 0; i++) {
        char alias[16];

        (void)snprintf(alias, sizeof(alias), "lo:%zu", i + 1);
        r = add_address(fd, alias, addresses[i]);
    }
    return r;
}

static int
bind_file(const char *dir, const char *name, const char *over, const char *text)
{
    char path[128];
    int r;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    r = write_file(path, "%s", text);
    return r == 0 && mount(path, over, NULL, MS_BIND, NULL) < 0 ? -errno : r;
}

int
servers_enter_namespace(const char *dir)
{
    unsigned uid = getuid();
    unsigned gid = getgid();
    int r;

    if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) < 0) {
        return -errno;
    }
    (void)write_file("/proc/self/setgroups", "deny");
    r = write_file("/proc/self/uid_map", "0 %u 1\n", uid);
    if (r == 0) {
        r = write_file("/proc/self/gid_map", "0 %u 1\n", gid);
    }
    if (r == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        r = -errno;
    }
    if (r == 0) {
        r = bind_file(dir, "resolv.conf", "/etc/resolv.conf", "nameserver " RESOLVER "\n");
    }
    if (r == 0) {
        r = bind_file(dir, "hosts", "/etc/hosts", "127.0.0.1 localhost\n");
    }
    return r == 0 ? add_addresses() : r;
}

/* ---- the servers ---- */

static int
open_socket(int type, const char *address, uint16_t port)
{
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    int on = 1;
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};

    (void)inet_pton(AF_INET, address, &sa.sin_addr);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
        (type == SOCK_STREAM && listen(fd, 128) < 0)) {
        die(address);
    }
    return fd;
}

/* A query as it came becomes its answer: ecs has two addresses, nobody has an IPv6 one (RFC 1035,
 * 4.1). */
static void *
serve_dns(void *arg)
{
    int fd = *(int *)arg;
    uint8_t packet[600];
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    ssize_t n;

    while ((n = recvfrom(fd, packet, 512, 0, (struct sockaddr *)&peer, &len)) > 0) {
        const uint8_t ecs[] = {3, 'e', 'c', 's'};
        const uint8_t ipv4[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4};
        size_t at = 12;
        uint8_t n_answers = memcmp(packet + 12, ecs, sizeof(ecs)) == 0 ? 2 : 1;
        bool control = memcmp(packet + 12, "\7control", 8) == 0;

        while (at < (size_t)n && packet[at] != 0) {
            at += packet[at] + 1U;
        }
        n_answers = packet[at + 2] == 1 ? n_answers : 0;
        at += 5;
        packet[2] = 0x81;
        packet[3] = 0x80;
        packet[7] = n_answers;
        packet[11] = 0; /* without the query's EDNS record */
        for (uint8_t i = 0; i < n_answers; i++) {
            memcpy(packet + at, ipv4, sizeof(ipv4));
            (void)inet_pton(AF_INET, addresses[control ? 4 : i], packet + at + sizeof(ipv4));
            at += sizeof(ipv4) + 4;
        }
        (void)sendto(fd, packet, at, 0, (struct sockaddr *)&peer, len);
        len = sizeof(peer);
    }
    return NULL;
}

static const struct {
    const char *path;
    const char *text;
} facts[] = {
    {"PUT /latest/api/token ", "token"},
    {"GET /latest/meta-data/mac ", "02:00:00:00:00:01"},
    {"GET /latest/meta-data/network/interfaces/macs/ ", "02:00:00:00:00:01/"},
    {"GET /latest/meta-data/network/interfaces/macs/02:00:00:00:00:01/vpc-ipv4-cidr-blocks ",
        "10.99.0.0/16"},
};

static void
answer_imds(int fd)
{
    char request[2048];
    char answer[512];
    size_t len = 0;
    ssize_t n = 1;
    const char *text = NULL;

    request[0] = '\0';
    while (strstr(request, "\r\n\r\n") == NULL && len < sizeof(request) - 1 &&
           (n = read(fd, request + len, sizeof(request) - 1 - len)) > 0) {
        len += (size_t)n;
        request[len] = '\0';
    }
    for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
        text = strncmp(request, facts[i].path, strlen(facts[i].path)) == 0 ? facts[i].text : text;
    }
    n = snprintf(answer, sizeof(answer),
        "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
        text != NULL ? "200 OK" : "404 Not Found", text != NULL ? strlen(text) : 0,
        text != NULL ? text : "");
    (void)write(fd, answer, (size_t)n);
}

static SSL_CTX *server_ctx;

static void
answer_tls(int fd)
{
    static const char answer[] = "HTTP/1.1 400 Bad Request\r\n"
                                 "x-amzn-RequestId: 00000000-0000-0000-0000-000000000000\r\n"
                                 "Content-Length: 0\r\nConnection: close\r\n\r\n";
    char request[2048];
    SSL *ssl = SSL_new(server_ctx);

    if (SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1 &&
        SSL_read(ssl, request, sizeof(request)) > 0) {
        (void)SSL_write(ssl, answer, sizeof(answer) - 1);
    }
    SSL_free(ssl);
}

struct service {
    int fd;
    void (*answer)(int fd);
};

static void *
serve_one(void *arg)
{
    struct service *one = arg;
    const struct timeval patience = {.tv_sec = 5};

    (void)setsockopt(one->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    one->answer(one->fd);
    (void)close(one->fd);
    free(one);
    return NULL;
}

static void *
serve(void *arg)
{
    struct service *listener = arg;

    for (;;) {
        struct service *one = calloc(1, sizeof(*one));
        pthread_t thread;

        if (one == NULL) {
            die("calloc");
        }
        *one = (struct service){accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC), listener->answer};
        if (one->fd < 0 || pthread_create(&thread, NULL, serve_one, one) != 0) {
            die("accept");
        }
        (void)pthread_detach(thread);
    }
    return NULL;
}

static X509 *
make_cert(EVP_PKEY *key)
{
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
        "DNS:*.eu-central-1.amazonaws.com,DNS:*.ecr.eu-central-1.amazonaws.com");

    if (X509_set_version(cert, X509_VERSION_3) != 1 ||
        ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) != 1 ||
        X509_gmtime_adj(X509_getm_notBefore(cert), -86400) == NULL ||
        X509_gmtime_adj(X509_getm_notAfter(cert), 86400L * 90) == NULL ||
        X509_NAME_add_entry_by_txt(
            name, "CN", MBSTRING_ASC, (const unsigned char *)"torture", -1, -1, 0) != 1 ||
        X509_set_issuer_name(cert, name) != 1 || X509_add_ext(cert, names, -1) != 1 ||
        X509_set_pubkey(cert, key) != 1 || X509_sign(cert, key, EVP_sha256()) == 0) {
        die("certificate");
    }
    X509_EXTENSION_free(names);
    return cert;
}

static void
open_tls(const char *ca_file)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = make_cert(key);
    FILE *file = fopen(ca_file, "we");

    if (file == NULL || PEM_write_X509(file, cert) != 1 || fclose(file) != 0) {
        die(ca_file);
    }
    server_ctx = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate(server_ctx, cert) != 1 ||
        SSL_CTX_use_PrivateKey(server_ctx, key) != 1) {
        die("TLS");
    }
    X509_free(cert);
    EVP_PKEY_free(key);
}

pid_t
servers_start(const char *ca_file)
{
    static struct service tls;
    static struct service imds;
    static int dns;
    int ready[2];
    pthread_t thread;
    char byte = 0;
    pid_t pid;

    if (pipe2(ready, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
        die("fork");
    }
    if (pid > 0) {
        (void)close(ready[1]);
        if (read(ready[0], &byte, 1) != 1) {
            die("servers");
        }
        (void)close(ready[0]);
        return pid;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_IGN);
    open_tls(ca_file);
    dns = open_socket(SOCK_DGRAM, RESOLVER, 53);
    imds = (struct service){open_socket(SOCK_STREAM, IMDS, 80), answer_imds};
    tls = (struct service){open_socket(SOCK_STREAM, "0.0.0.0", 443), answer_tls};
    if (pthread_create(&thread, NULL, serve_dns, &dns) != 0 ||
        pthread_create(&thread, NULL, serve, &imds) != 0 || write(ready[1], &byte, 1) != 1) {
        die("servers");
    }
    (void)serve(&tls);
    _exit(0);
}
