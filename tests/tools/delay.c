/* delay NAMESPACE_A NAMESPACE_B MILLISECONDS [LOSS_PERCENT]
 *
 * A slow link between two network namespaces, for kernels without tc netem. It makes a tun device
 * "tdelay" in each and carries every packet from one to the other, so much later; LOSS_PERCENT of
 * them never arrive. Prints "ready" when the devices are there. The caller brings them up and adds
 * the routes. They are gone when this process is.
 *
 * tests/vpc and tests/bench compile it when they need it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define PACKET_MAX 65536
#define QUEUE_MAX 8192 /* what is more is lost, as on any link */
#define NS_PER_S 1000000000LL
#define NS_PER_MS 1000000LL

struct packet {
    int64_t due_ns;
    int to;
    size_t len;
    uint8_t *bytes; /* heap */
};

struct link {
    int64_t delay_ns;
    double loss; /* 0 to 1 */
    size_t first;
    size_t n;
    struct packet queue[QUEUE_MAX]; /* all take as long: the first to come is the first to arrive */
};

static void
die(const char *what)
{
    (void)fprintf(stderr, "delay: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static int64_t
now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* A tun device belongs to the namespace it is made in; its descriptor works from anywhere. */
static int
open_tun(const char *namespace)
{
    struct ifreq request = {.ifr_name = "tdelay", .ifr_flags = IFF_TUN | IFF_NO_PI};
    char path[256];
    int fd, tun;

    (void)snprintf(path, sizeof(path), "/run/netns/%s", namespace);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) < 0) {
        die(path);
    }
    (void)close(fd);
    tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tun < 0 || ioctl(tun, TUNSETIFF, &request) < 0) {
        die("/dev/net/tun");
    }
    return tun;
}

static void
put(struct link *link, int to, const uint8_t *bytes, size_t len)
{
    struct packet *packet = &link->queue[(link->first + link->n) % QUEUE_MAX];

    if (link->n == QUEUE_MAX || drand48() < link->loss) {
        return;
    }
    *packet = (struct packet){now_ns() + link->delay_ns, to, len, malloc(len)};
    if (packet->bytes != NULL) {
        memcpy(packet->bytes, bytes, len);
        link->n++;
    }
}

/* All that is there; none while the device is not up. */
static void
take_in(struct link *link, int from, int to)
{
    static uint8_t bytes[PACKET_MAX];
    ssize_t len;

    while ((len = read(from, bytes, sizeof(bytes))) > 0) {
        put(link, to, bytes, (size_t)len);
    }
}

static void
deliver(struct link *link)
{
    while (link->n > 0 && link->queue[link->first].due_ns <= now_ns()) {
        struct packet *packet = &link->queue[link->first];

        if (write(packet->to, packet->bytes, packet->len) < 0) {
            /* the device is down: the packet is lost */
        }
        free(packet->bytes);
        link->first = (link->first + 1) % QUEUE_MAX;
        link->n--;
    }
}

static void
wait_for_packets(const struct link *link, struct pollfd fds[static 2])
{
    struct timespec timeout;
    int64_t ns;

    if (link->n == 0) {
        (void)poll(fds, 2, -1);
        return;
    }
    ns = link->queue[link->first].due_ns - now_ns();
    ns = ns > 0 ? ns : 0;
    timeout = (struct timespec){ns / NS_PER_S, ns % NS_PER_S};
    (void)ppoll(fds, 2, &timeout, NULL);
}

int
main(int argc, char **argv)
{
    static struct link link;
    struct pollfd fds[2];

    if (argc < 4 || argc > 5) {
        (void)fprintf(stderr, "usage: delay NAMESPACE_A NAMESPACE_B MILLISECONDS [LOSS_PERCENT]\n");
        return EXIT_FAILURE;
    }
    link.delay_ns = (int64_t)(strtod(argv[3], NULL) * NS_PER_MS);
    link.loss = argc > 4 ? strtod(argv[4], NULL) / 100 : 0;
    srand48(getpid());
    for (int i = 0; i < 2; i++) {
        fds[i] = (struct pollfd){.fd = open_tun(argv[1 + i]), .events = POLLIN};
    }
    (void)printf("ready\n");
    (void)fflush(stdout);
    for (;;) {
        wait_for_packets(&link, fds);
        take_in(&link, fds[0].fd, fds[1].fd);
        take_in(&link, fds[1].fd, fds[0].fd);
        deliver(&link);
    }
}
