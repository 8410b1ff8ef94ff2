/* resolv.conf and hosts as they are on the disk: changed, gone, unreadable for a moment. */
#include "probes/dns_files.h"

#include "daemon/log.h"
#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/vpce-dns-files-XXXXXX";
static char resolv_conf[64];
static char hosts[64];
static unsigned n_lines;

static void
count_line(int level, enum log_topic topic, const char *line)
{
    (void)level;
    (void)topic;
    (void)line;
    n_lines++;
}

static void
write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    (void)fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void
expect_server(const struct dns_files *files, const char *text)
{
    const struct nameservers *servers = dns_files_nameservers(files);
    char buf[ADDR_TEXT_SIZE];

    assert_int_equal(servers->n, 1);
    assert_string_equal(addr_format(&servers->servers[0], buf), text);
}

static size_t
found(const struct dns_files *files)
{
    struct addr addrs[2];

    return dns_files_lookup(files, "ecs.test", addrs, 2);
}

/* No descriptor is left, so nothing can be read: what was read stays in force, is told once, and
 * is read again as soon as that works. */
static void
what_cannot_be_read_stays(void **state)
{
    struct dns_files *files = dns_files_new(resolv_conf, hosts);
    struct rlimit before;
    struct rlimit none = {.rlim_cur = 0};

    (void)state;
    assert_non_null(files);
    write_file(resolv_conf, "nameserver 10.0.0.2\n");
    write_file(hosts, "10.0.0.9 ecs.test\n");
    assert_true(dns_files_refresh(files, 0));
    expect_server(files, "10.0.0.2");
    assert_int_equal(found(files), 1);

    write_file(resolv_conf, "nameserver 10.0.0.33\n");
    write_file(hosts, "\n");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    n_lines = 0;
    for (int i = 0; i < 5; i++) {
        assert_false(dns_files_refresh(files, 0));
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    expect_server(files, "10.0.0.2");
    assert_int_equal(found(files), 1);
    assert_int_equal(n_lines, 2); /* a line each */

    assert_true(dns_files_refresh(files, 0));
    expect_server(files, "10.0.0.33");
    assert_int_equal(found(files), 0);
    dns_files_free(files);
}

static void
what_is_not_there_is_empty(void **state)
{
    struct dns_files *files = dns_files_new(resolv_conf, hosts);

    (void)state;
    write_file(hosts, "10.0.0.9 ecs.test\n");
    assert_int_equal(unlink(resolv_conf), 0);
    assert_true(dns_files_refresh(files, 0));
    expect_server(files, "127.0.0.1"); /* resolv.conf(5) */
    assert_int_equal(found(files), 1);
    assert_int_equal(unlink(hosts), 0);
    assert_false(dns_files_refresh(files, 1));
    assert_int_equal(found(files), 0);
    dns_files_forget(files);
    assert_true(dns_files_refresh(files, 2));
    dns_files_free(files);
}

#define GONE NULL
#define UNREADABLE "a directory"

/* What becomes of resolv.conf, looked at every so often. */
static const struct {
    const char *name;
    struct {
        int64_t at_ms;
        const char *text; /* GONE: there is none; "=": nobody touched it */
        const char *server;
        bool changed; /* what refresh returns */
    } looks[6];
} histories[] = {
    {"emptied, and written",
        {{0, "nameserver 10.0.0.2\n", "10.0.0.2", true}, {1000, "", "10.0.0.2"},
            {1050, "nameserver 10.0.0.33\n", "10.0.0.33", true}, {9000, "=", "10.0.0.33"}}},
    {"emptied for good",
        {{0, "nameserver 10.0.0.2\n", "10.0.0.2", true}, {1000, "", "10.0.0.2"},
            {1999, "=", "10.0.0.2"}, {2000, "=", "127.0.0.1", true}, {2001, "=", "127.0.0.1"},
            {9000, "nameserver 10.0.0.2\n", "10.0.0.2", true}}},
    {"seldom looked at: the second look counts",
        {{0, "nameserver 10.0.0.2\n", "10.0.0.2", true}, {30000, "", "10.0.0.2"},
            {60000, "=", "127.0.0.1", true}}},
    {"removed, made, written",
        {{0, "nameserver 10.0.0.2\n", "10.0.0.2", true}, {1000, GONE, "10.0.0.2"},
            {1500, "", "10.0.0.2"}, {1600, "nameserver 10.0.0.2\n", "10.0.0.2", true}}},
    {"removed for good", {{0, "nameserver 10.0.0.2\n", "10.0.0.2", true}, {1000, GONE, "10.0.0.2"},
                             {2000, "=", "127.0.0.1", true}}},
    {"written again and again without servers",
        {{0, "nameserver 10.0.0.2\n", "10.0.0.2", true}, {1000, "", "10.0.0.2"},
            {1600, "# by me\n", "10.0.0.2"}, {2200, "#\n", "127.0.0.1", true}}},
    {"half a line of it",
        {{0, "nameserver 10.0.0.2\n", "10.0.0.2", true}, {1000, "nameserver 10.0", "10.0.0.2"},
            {1050, "nameserver 10.0.0.33\n", "10.0.0.33", true}}},
    {"each time for itself",
        {{0, "nameserver 10.0.0.2\n", "10.0.0.2", true}, {1000, "", "10.0.0.2"},
            {1100, "nameserver 10.0.0.2\n", "10.0.0.2", true}, {5000, "", "10.0.0.2"},
            {5999, "=", "10.0.0.2"}, {6000, "=", "127.0.0.1", true}}},
    {"emptied, and not to be read for a while",
        {{0, "nameserver 10.0.0.2\n", "10.0.0.2", true}, {1000, "", "10.0.0.2"},
            {3000, UNREADABLE, "10.0.0.2"}, {4000, "=", "10.0.0.2"},
            {5000, "", "127.0.0.1", true}}},
    {"empty from the start", {{0, "", "127.0.0.1", true}, {1, GONE, "127.0.0.1", true}}},
};

static bool
look_is_right(struct dns_files *files, size_t row, size_t i)
{
    const char *text = histories[row].looks[i].text;
    char buf[ADDR_TEXT_SIZE];
    const char *got;
    bool changed;

    if (text == GONE) {
        (void)unlink(resolv_conf);
    } else if (strcmp(text, UNREADABLE) == 0) {
        (void)unlink(resolv_conf);
        assert_int_equal(mkdir(resolv_conf, 0700), 0);
    } else if (strcmp(text, "=") != 0) {
        (void)rmdir(resolv_conf); /* a file is written in place */
        write_file(resolv_conf, text);
    }
    changed = dns_files_refresh(files, histories[row].looks[i].at_ms);
    got = addr_format(&dns_files_nameservers(files)->servers[0], buf);
    if (strcmp(got, histories[row].looks[i].server) == 0 &&
        changed == histories[row].looks[i].changed) {
        return true;
    }
    print_error(
        "%s, look %zu: got %s, %schanged\n", histories[row].name, i + 1, got, changed ? "" : "un");
    return false;
}

static void
one_that_is_being_written(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t row = 0; row < ARRAY_SIZE(histories); row++) {
        struct dns_files *files = dns_files_new(resolv_conf, hosts);

        assert_non_null(files);
        for (size_t i = 0; i < 6 && histories[row].looks[i].server != NULL; i++) {
            failures += !look_is_right(files, row, i);
        }
        dns_files_free(files);
    }
    assert_int_equal(failures, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_cannot_be_read_stays),
        cmocka_unit_test(what_is_not_there_is_empty), cmocka_unit_test(one_that_is_being_written)};
    int r;

    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    (void)snprintf(resolv_conf, sizeof(resolv_conf), "%s/resolv.conf", folder);
    (void)snprintf(hosts, sizeof(hosts), "%s/hosts", folder);
    log_set_sink(count_line);
    r = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(resolv_conf);
    (void)unlink(hosts);
    (void)rmdir(folder);
    return r;
}
