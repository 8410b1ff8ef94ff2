/* systemd/journal_link.c: the bytes of a record, and a journal that takes none for a while. */
#include "daemon/util.h"
#include "systemd/journal.h"
#include "systemd/journal_link.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define PATH_SIZE 64
#define MORE_THAN_FITS 4096

static void
fields_are_framed(void **state)
{
    static const struct {
        const char *what;
        const char *name;
        const char *value;
        const char *bytes;
        size_t len;
    } rows[] = {
        {"a word", "A", "b", "A=b\n", 4},
        {"nothing", "A", "", "A=\n", 3},
        {"an equals sign", "A", "b=c", "A=b=c\n", 6},
        {"two lines", "A", "b\nC=d", "A\n\x05\0\0\0\0\0\0\0b\nC=d\n", 16},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct journal_record record = {.len = 0};

        journal_record_add(&record, rows[i].name, rows[i].value);
        if (record.len != rows[i].len || memcmp(record.bytes, rows[i].bytes, rows[i].len) != 0) {
            fail_msg("%s: %zu bytes instead of %zu", rows[i].what, record.len, rows[i].len);
        }
    }
}

static void
what_does_not_fit_is_left_out(void **state)
{
    static struct journal_record record;
    static char value[JOURNAL_RECORD_SIZE + 1];

    (void)state;
    memset(value, 'x', sizeof(value) - 1);
    record.len = 0;
    journal_record_add(&record, "LONG", value);
    assert_int_equal(record.len, 0);
    /* exactly: name, equals sign, newline, and the room a length would take */
    value[JOURNAL_RECORD_SIZE - 4 - 8 - 2] = '\0';
    journal_record_add(&record, "LONG", value);
    assert_int_equal(record.len, JOURNAL_RECORD_SIZE - 8);
    journal_record_add(&record, "A", "b");
    assert_int_equal(record.len, JOURNAL_RECORD_SIZE - 8);
}

/* A stand-in for journald. */
struct world {
    char folder[PATH_SIZE];
    char path[PATH_SIZE + 8];
    int fd;
};

static void
listen_again(struct world *world)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};

    (void)unlink(world->path);
    world->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(world->fd >= 0);
    assert_true(str_copy(sa.sun_path, sizeof(sa.sun_path), world->path));
    assert_int_equal(bind(world->fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
}

static int
setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    if (world == NULL || !str_copy(world->folder, PATH_SIZE, "/tmp/vpce-journal-XXXXXX") ||
        mkdtemp(world->folder) == NULL) {
        free(world);
        return -1;
    }
    world->fd = -1;
    (void)snprintf(world->path, sizeof(world->path), "%s/socket", world->folder);
    *state = world;
    return 0;
}

static int
teardown(void **state)
{
    struct world *world = *state;

    cleanup_fd(&world->fd);
    (void)unlink(world->path);
    (void)rmdir(world->folder);
    free(world);
    return 0;
}

static void
describe(uint64_t n, struct journal_record *record)
{
    char number[24];

    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)n);
    journal_record_add(record, "LOST", number);
}

/* The next one, as text; "" when there is none. */
static const char *
receive(struct world *world, char ret[static 256])
{
    ssize_t n = recv(world->fd, ret, 255, 0);

    ret[n > 0 ? n : 0] = '\0';
    return ret;
}

static void
a_full_queue_does_not_wait(void **state)
{
    struct world *world = *state;
    struct journal_link link = {.path = world->path, .fd = -1};
    struct journal_record record = {.len = 0};
    char text[256];
    int n_sent = 0;
    int r = 0;

    listen_again(world);
    journal_record_add(&record, "A", "b");
    while (n_sent < MORE_THAN_FITS && (r = journal_link_send(&link, &record, describe)) == 0) {
        n_sent++;
    }
    assert_int_equal(r, -EAGAIN);
    assert_int_equal(journal_link_send(&link, &record, describe), -EAGAIN);
    assert_int_equal(link.n_lost, 2);

    /* room for two: what was lost, and the record */
    assert_string_equal(receive(world, text), "A=b\n");
    assert_string_equal(receive(world, text), "A=b\n");
    assert_int_equal(journal_link_send(&link, &record, describe), 0);
    assert_int_equal(link.n_lost, 0);
    for (int i = 2; i < n_sent; i++) {
        assert_string_equal(receive(world, text), "A=b\n");
    }
    assert_string_equal(receive(world, text), "LOST=2\n");
    assert_string_equal(receive(world, text), "A=b\n");
    assert_string_equal(receive(world, text), "");
    cleanup_fd(&link.fd);
}

static void
a_journal_that_comes_back(void **state)
{
    struct world *world = *state;
    struct journal_link link = {.path = world->path, .fd = -1};
    struct journal_record record = {.len = 0};
    char text[256];

    journal_record_add(&record, "A", "b");
    assert_int_equal(journal_link_send(&link, &record, describe), -ENOENT);
    assert_int_equal(link.n_lost, 0); /* no journal, nothing to lose */

    listen_again(world);
    assert_int_equal(journal_link_send(&link, &record, describe), 0);
    cleanup_fd(&world->fd);
    world->fd = -1;
    assert_int_equal(journal_link_send(&link, &record, describe), -ECONNREFUSED);
    assert_int_equal(link.n_lost, 1);

    listen_again(world);
    assert_int_equal(journal_link_send(&link, &record, describe), 0);
    assert_string_equal(receive(world, text), "LOST=1\n");
    assert_string_equal(receive(world, text), "A=b\n");
    cleanup_fd(&link.fd);
}

/* The daemon's own longest record is one datagram. */
static void
the_longest_record_is_taken(void **state)
{
    static char value[JOURNAL_RECORD_SIZE];
    static struct journal_record record;
    struct world *world = *state;
    struct journal_link link = {.path = world->path, .fd = -1};

    listen_again(world);
    memset(value, 'x', sizeof(value) - 64);
    record.len = 0;
    journal_record_add(&record, "LONG", value);
    assert_true(record.len > sizeof(value) - 64);
    assert_int_equal(journal_link_send(&link, &record, describe), 0);
    cleanup_fd(&link.fd);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_framed),
        cmocka_unit_test(what_does_not_fit_is_left_out),
        cmocka_unit_test_setup_teardown(a_full_queue_does_not_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(a_journal_that_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(the_longest_record_is_taken, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
