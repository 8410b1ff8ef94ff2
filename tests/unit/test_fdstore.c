/* The store with systemd played by this test: what is sent to NOTIFY_SOCKET, and what comes back
 * through LISTEN_FDS. */
#include "systemd/fdstore.h"

#include "daemon/log.h"
#include "daemon/state_store.h"
#include "daemon/util.h"
#include "systemd/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define MORE_THAN_FITS 4096
#define FIRST_FD 3 /* SD_LISTEN_FDS_START */
#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static char last_line[LOG_LINE_SIZE];

static void
keep_line(int level, enum log_topic topic, const char *line)
{
    (void)level;
    (void)topic;
    (void)str_copy(last_line, sizeof(last_line), line);
}

/* A NOTIFY_SOCKET of our own: an abstract address that the kernel chooses. */
static int
open_manager(void)
{
    const struct sockaddr_un any = {.sun_family = AF_UNIX};
    struct sockaddr_un address = {0};
    socklen_t len = sizeof(address);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&any, sizeof(any.sun_family)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    address.sun_path[0] = '@';
    address.sun_path[len - offsetof(struct sockaddr_un, sun_path)] = '\0';
    assert_int_equal(setenv("NOTIFY_SOCKET", address.sun_path, 1), 0);
    return fd;
}

/* The next message, and the descriptor with it, or -1. */
static int
receive(int manager, char *text, size_t size)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct iovec iov = {text, size - 1};
    struct msghdr message = {.msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(manager, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    int fd = -1;

    assert_true(n > 0);
    text[n] = '\0';
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_type == SCM_RIGHTS) {
            memcpy(&fd, CMSG_DATA(c), sizeof(fd));
        }
    }
    return fd;
}

/* As a service that was started with these descriptors, in this order. */
static void
pass(const int *fds, size_t n, const char *names)
{
    char text[24];

    for (size_t i = 0; i < n; i++) {
        assert_int_equal(dup2(fds[i], FIRST_FD + (int)i), FIRST_FD + (int)i);
    }
    (void)snprintf(text, sizeof(text), "%d", (int)getpid());
    assert_int_equal(setenv("LISTEN_PID", text, 1), 0);
    (void)snprintf(text, sizeof(text), "%zu", n);
    assert_int_equal(setenv("LISTEN_FDS", text, 1), 0);
    assert_int_equal(setenv("LISTEN_FDNAMES", names, 1), 0);
}

/* Descriptors 3 to 5 are what systemd passes: nobody else may hold them. */
static int
setup(void **state)
{
    int *manager = calloc(1, sizeof(*manager));
    int fd = open_manager();

    assert_non_null(manager);
    *manager = fcntl(fd, F_DUPFD_CLOEXEC, 20);
    assert_true(*manager >= 20);
    (void)close(fd);
    last_line[0] = '\0';
    log_set_sink(keep_line);
    *state = manager;
    return 0;
}

static int
teardown(void **state)
{
    int *manager = *state;

    (void)close(*manager);
    free(manager);
    log_set_sink(NULL);
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("LISTEN_FDS");
    return 0;
}

/* Takes what was put, as systemd would keep it, to a descriptor out of the way. */
static int
kept_by(int manager)
{
    char text[128];
    int fd;
    int kept;

    assert_int_equal(receive(manager, text, sizeof(text)), -1);
    assert_string_equal(text, "FDSTOREREMOVE=1\nFDNAME=state");
    fd = receive(manager, text, sizeof(text));
    assert_string_equal(text, "FDSTORE=1\nFDNAME=state");
    assert_true(fd >= 0);
    kept = fcntl(fd, F_DUPFD_CLOEXEC, 20);
    (void)close(fd);
    return kept;
}

static void
gives_back_what_was_put(void **state)
{
    int manager = *(int *)*state;
    CLEANUP(cleanup_free) uint8_t *bytes = NULL;
    size_t len = 0;
    int fd;

    assert_true(fdstore_is_there());
    assert_int_equal(fdstore_put(FDSTORE_STATE, "a\0b", 3), 0);
    fd = kept_by(manager);
    assert_int_equal(fcntl(fd, F_GET_SEALS) & ALL_SEALS, ALL_SEALS);
    pass(&fd, 1, "state");
    assert_int_equal(fdstore_get(FDSTORE_STATE, 3, &bytes, &len), 0);
    assert_int_equal(len, 3);
    assert_memory_equal(bytes, "a\0b", 3);
    (void)close(fd);
}

static void
keeps_apart_sockets_and_state(void **state)
{
    int manager = *(int *)*state;
    CLEANUP(cleanup_free) uint8_t *bytes = NULL;
    int sockets[NOTIFY_SOCKETS_MAX];
    int fds[3];
    int pipe_fds[2];
    size_t len;

    assert_int_equal(fdstore_put(FDSTORE_STATE, "x", 1), 0);
    for (size_t i = 0; i < 2; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        fds[2 * i] = fcntl(fd, F_DUPFD_CLOEXEC, 20);
        (void)close(fd);
        assert_int_equal(
            bind(fds[2 * i], &(struct sockaddr){.sa_family = AF_UNIX}, sizeof(sa_family_t)), 0);
        assert_int_equal(listen(fds[2 * i], 1), 0);
    }
    fds[1] = kept_by(manager);
    pass(fds, 3, "status:state:tcp");
    assert_int_equal(fdstore_get(FDSTORE_STATE, 1, &bytes, &len), 0);
    assert_int_equal(notify_take_sockets(sockets), 2);
    assert_int_equal(sockets[0], FIRST_FD);
    assert_int_equal(sockets[1], FIRST_FD + 2);
    assert_int_equal(fcntl(FIRST_FD + 1, F_GETFD), -1); /* nothing is left open */
    assert_null(getenv("LISTEN_FDS"));
    /* also when nobody asked for the state */
    pass(fds, 2, "status:state");
    assert_int_equal(notify_take_sockets(sockets), 1);
    /* anything else is a mistake in a unit */
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    pass(pipe_fds, 1, "status");
    assert_int_equal(notify_take_sockets(sockets), -EINVAL);
}

static int
memfd_of(const char *bytes, int seals)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, 20);

    (void)close(fd);
    assert_int_equal(write(moved, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
    if (seals != 0) {
        assert_int_equal(fcntl(moved, F_ADD_SEALS, seals), 0);
    }
    return moved;
}

static void
refuses(void **state)
{
    static const struct {
        const char *name;
        const char *names;
        int seals;
        int expected;
        const char *line; /* what state_store_load logs; "": nothing */
    } rows[] = {
        {"no such name", "other", ALL_SEALS, -ENOENT, ""},
        {"not sealed", "state", 0, -EPERM, "it is not sealed"},
        {"may grow", "state", F_SEAL_SHRINK | F_SEAL_WRITE | F_SEAL_SEAL, -EPERM,
            "it is not sealed"},
        {"may be sealed", "state", F_SEAL_SHRINK | F_SEAL_WRITE | F_SEAL_GROW, -EPERM,
            "it is not sealed"},
        {"more than asked for", "state", ALL_SEALS, -EFBIG, "it is damaged"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int fd = memfd_of("abcd", rows[i].seals);
        struct state_image image;
        uint8_t *bytes;
        size_t len;
        int r;

        pass(&fd, 1, rows[i].names);
        r = fdstore_get(FDSTORE_STATE, 3, &bytes, &len);
        if (r != rows[i].expected) {
            fail_msg("%s: got %d, expected %d", rows[i].name, r, rows[i].expected);
        }
        last_line[0] = '\0';
        pass(&fd, 1, rows[i].names);
        assert_false(state_store_load((struct moment){0}, &image));
        if (rows[i].line[0] == '\0' ? last_line[0] != '\0'
                                    : strstr(last_line, rows[i].line) == NULL) {
            fail_msg("%s: it logged \"%s\"", rows[i].name, last_line);
        }
        (void)close(fd);
    }
}

static void
keeps_the_state(void **state)
{
    int manager = *(int *)*state;
    const struct endpoint_spec spec = {
        .key = "ecs", .hostname = "ecs.test", .service_name = "", .port = 443};
    struct moment now = {.mono_ms = 5000, .wall_ms = 1700000000000};
    struct endpoint e;
    struct report report = {.now = now, .since = now, .endpoints = &e, .n_endpoints = 1};
    struct state_image image;
    int fd;

    endpoint_init(&e, &spec, now);
    e.state = STATE_FAILED;
    e.verdict = VERDICT_BLOCKED;
    state_store_save(&report, NULL);
    fd = kept_by(manager);
    pass(&fd, 1, "state");
    now.mono_ms += 100;
    assert_true(state_store_load(now, &image));
    assert_string_equal(last_line, "");
    assert_int_equal(image.endpoints[0].verdict, VERDICT_BLOCKED);
    state_image_reset(&image);
    endpoint_done(&e);
    (void)close(fd);
    (void)unsetenv("NOTIFY_SOCKET");
    assert_false(fdstore_is_there());
    state_store_save(&report, NULL); /* nobody to keep it: nothing to say */
    assert_string_equal(last_line, "");
}

static void
knows_the_boot(void **state)
{
    static const uint8_t zeros[16];
    uint8_t id[16];

    (void)state;
    assert_int_equal(setenv("VPCE_BOOT_ID", "000102030405060708090a0b0c0d0e0f", 1), 0);
    fdstore_boot_id(id);
    for (uint8_t i = 0; i < 16; i++) {
        assert_int_equal(id[i], i);
    }
    assert_int_equal(setenv("VPCE_BOOT_ID", "not an id", 1), 0);
    fdstore_boot_id(id); /* the kernel's */
    assert_memory_not_equal(id, zeros, sizeof(id));
    (void)unsetenv("VPCE_BOOT_ID");
}

/* A PID 1 that has frozen: nothing waits for it. */
static void
a_manager_that_does_not_read(void **state)
{
    int manager = open_manager();
    int n = 0;

    (void)state;
    for (int i = 0; i < MORE_THAN_FITS; i++) {
        notify_status("all is well");
        notify_watchdog();
    }
    assert_int_equal(fdstore_put(FDSTORE_STATE, "x", 1), -EAGAIN);
    while (recv(manager, last_line, sizeof(last_line) - 1, MSG_DONTWAIT) > 0) {
        n++;
    }
    assert_in_range(n, 1, 2 * MORE_THAN_FITS - 1);
    assert_int_equal(fdstore_put(FDSTORE_STATE, "x", 1), 0);
    (void)close(manager);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(gives_back_what_was_put),
        TEST(keeps_apart_sockets_and_state),
        TEST(refuses),
        TEST(keeps_the_state),
        TEST(knows_the_boot),
        TEST(a_manager_that_does_not_read),
    };

    return cmocka_run_group_tests_name("fdstore", tests, NULL, NULL);
}
