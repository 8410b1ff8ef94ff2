/* What a service manager hands over, or somebody else: variables, one a line, with "$" for our own
 * process id, and descriptors from 3 on: a sealed memory with the second part, a listening socket,
 * an unsealed memory, and others that are none of them. */
#include "daemon/log.h"
#include "daemon/state_store.h"
#include "daemon/util.h"
#include "fuzz.h"
#include "systemd/fdstore.h"
#include "systemd/notify.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */
#define FDS_N 64   /* ours; libFuzzer's own come behind them */
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static const char *const variables[] = {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES",
    "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "VPCE_BOOT_ID"};

/* fd becomes the one of this number. */
static void
put_fd(int fd, int number)
{
    FUZZ_CHECK(fd >= 0 && dup2(fd, number) == number);
    if (fd != number) {
        (void)close(fd);
    }
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    fuzz_be_quiet();
    for (int i = 0; i < FDS_N; i++) {
        put_fd(open("/dev/null", O_RDONLY), FIRST_FD + i);
    }
    return 0;
}

static int
make_memory(const char *bytes, size_t len, int seals)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    FUZZ_CHECK(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    FUZZ_CHECK(fcntl(fd, F_ADD_SEALS, seals) == 0);
    return fd;
}

static int
make_listener(void)
{
    const struct sockaddr_un any = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    FUZZ_CHECK(bind(fd, (const struct sockaddr *)&any, sizeof(any.sun_family)) == 0);
    FUZZ_CHECK(listen(fd, 1) == 0);
    return fd;
}

static void
put_fds(struct fuzz_input *input)
{
    size_t len;
    char *state = fuzz_part(input, &len);

    for (int i = FIRST_FD; i < FIRST_FD + FDS_N; i++) {
        if (fcntl(i, F_GETFD) < 0) { /* taken for a state, and closed */
            put_fd(open("/dev/null", O_RDONLY), i);
        }
    }
    put_fd(make_memory(state, len, SEALS), FIRST_FD);
    put_fd(make_listener(), FIRST_FD + 1);
    put_fd(make_memory(state, len, F_SEAL_GROW), FIRST_FD + 2);
    put_fd(make_listener(), FIRST_FD + 3);
    put_fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), FIRST_FD + 4);
    free(state);
}

/* Somebody's socket in the file system is none to send to. */
static bool
is_harmless(const char *name, const char *value)
{
    return strcmp(name, "NOTIFY_SOCKET") != 0 || value[0] != '/' || access(value, F_OK) < 0;
}

static void
put_variables(char *text)
{
    char pid[24];
    char *rest = text;
    char *line;

    for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
        (void)unsetenv(variables[i]);
    }
    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    while ((line = strsep(&rest, "\n")) != NULL) {
        char *value = strchr(line, '=');

        if (value == NULL) {
            continue;
        }
        *value++ = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
            if (streq(line, variables[i]) && is_harmless(line, value)) {
                FUZZ_CHECK(setenv(line, streq(value, "$") ? pid : value, 1) == 0);
            }
        }
    }
}

static void
read_all(void)
{
    const struct moment now = {.mono_ms = 1000, .wall_ms = INT64_C(1768478400000)};
    struct state_image image;
    int fds[NOTIFY_SOCKETS_MAX];
    uint8_t id[BOOT_ID_SIZE];
    int n;

    (void)fdstore_is_there();
    fdstore_boot_id(id);
    if (state_store_load(now, &image)) {
        state_image_reset(&image);
    }
    FUZZ_CHECK(notify_watchdog_interval_ms() >= 0);
    notify_ready("fuzz");
    notify_watchdog();
    (void)fdstore_put(FDSTORE_STATE, "fuzz", 4);
    n = notify_take_sockets(fds);
    FUZZ_CHECK(n <= NOTIFY_SOCKETS_MAX);
    for (int i = 0; i < n; i++) {
        int flags = fcntl(fds[i], F_GETFD);

        FUZZ_CHECK(flags >= 0 && (flags & FD_CLOEXEC) != 0);
        FUZZ_CHECK(fds[i] == FIRST_FD + 1 || fds[i] == FIRST_FD + 3);
    }
    FUZZ_CHECK(getenv("LISTEN_FDS") == NULL || n < 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    char *text = fuzz_part(&input, NULL);
    size_t n_names = 1;

    for (const char *c = text; *c != '\0'; c++) {
        n_names += *c == ':';
    }
    if (n_names <= FDS_N) { /* else the last ones would be libFuzzer's */
        put_fds(&input);
        put_variables(text);
        read_all();
    }
    free(text);
    return 0;
}
