/* conf/conf: files that are missing, no files, hostile, or very large. */
#include "tests/unit/conf_fixture.h"

static void
too_many_dropins(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i <= CONF_FILES_MAX; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "%u.conf", i);
        write_dropin(f, name, "");
    }
    load_text(f, "");
    assert_int_equal(f->errors.n_found, 1);
    expect_error(f, 0, "conf.d: file: ", "more than 256 drop-ins");
}

static void
no_such_file(void **state)
{
    struct fixture *f = *state;

    load(f);
    assert_int_equal(f->result, -EINVAL);
    assert_int_equal(f->errors.n_found, 1);
    expect_error(f, 0, "test.conf: file: ", "No such file");
}

static void
folder_as_file(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(mkdir(f->path, 0755), 0);
    load(f);
    assert_int_equal(f->errors.n_found, 1);
    expect_error(f, 0, "test.conf: file: ", "Is a directory");
}

/* Opening a FIFO nobody writes to must not wait. */
static void
fifo_as_file(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(mkfifo(f->path, 0644), 0);
    (void)alarm(10);
    load(f);
    (void)alarm(0);
    assert_int_equal(f->errors.n_found, 1);
    expect_error(f, 0, "test.conf: file: ", "not a regular file");
}

static void
device_as_file(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(symlink("/dev/zero", f->path), 0);
    load(f);
    assert_int_equal(f->errors.n_found, 1);
    expect_error(f, 0, "test.conf: file: ", "not a regular file");
}

static void
unreadable_file(void **state)
{
    struct fixture *f = *state;

    if (geteuid() == 0) {
        skip(); /* root reads everything */
    }
    write_bytes(f->path, "", 0);
    assert_int_equal(chmod(f->path, 0), 0);
    load(f);
    expect_error(f, 0, "test.conf: file: ", "Permission denied");
}

static void
dangling_dropin(void **state)
{
    struct fixture *f = *state;

    write_dropin(f, "1.conf", "");
    assert_int_equal(symlink("nowhere", path_in(f, "conf.d/2.conf")), 0);
    load_text(f, "");
    assert_int_equal(f->errors.n_found, 1);
    expect_error(f, 0, "conf.d/2.conf: file: ", "No such file");
}

/* A file of holes, larger than any file may be: read up to the limit, one endless line. */
static void
endless_line(void **state)
{
    struct fixture *f = *state;

    write_bytes(f->path, "[Probe]\n", strlen("[Probe]\n"));
    assert_int_equal(truncate(f->path, INT64_C(1) << 40), 0);
    load(f);
    assert_int_equal(f->errors.n_found, 1);
    expect_error(f, 0, "test.conf: file: ", "larger than 4194304 bytes");
}

static void
nul_bytes(void **state)
{
    struct fixture *f = *state;
    const char text[] = "[Probe]\nInterval=30s\0garbage\nRise=2\n#\0\n[Pro\0be]\n";

    write_bytes(f->path, text, sizeof(text) - 1);
    load(f);
    assert_int_equal(f->errors.n_found, 3);
    expect_error(f, 0, "test.conf:2: line: ", "NUL");
    expect_error(f, 1, "test.conf:4: line: ", "NUL");
    expect_error(f, 2, "test.conf:5: line: ", "NUL");
}

/* Errors without end are counted, not kept. */
static void
million_sections(void **state)
{
    struct fixture *f = *state;
    size_t n = 1000000;
    char *text = malloc(4 * n);

    assert_non_null(text);
    for (size_t i = 0; i < n; i++) {
        memcpy(text + 4 * i, "[a]\n", 4);
    }
    write_bytes(f->path, text, 4 * n);
    free(text);
    load(f);
    assert_int_equal(f->result, -EINVAL);
    assert_int_equal(f->errors.n, CONF_ERRORS_MAX);
    assert_int_equal(f->errors.n_found, n);
}

/* Bytes without sense: refused or read, nothing else. The generator is our own, so that every run
 * sees the same bytes. */
static void
garbage(void **state)
{
    static const char useful[] = "[]=;#:\n\r\t \\ProbeHostEndpoint 0123456789\xff\xc3\x01";
    struct fixture *f = *state;
    uint32_t random = 1;

    for (unsigned round = 0; round < 300; round++) {
        char bytes[3000];

        for (size_t i = 0; i < sizeof(bytes); i++) {
            random = random * 1664525U + 1013904223U;
            bytes[i] = round % 2 == 0 ? (char)(random >> 24)
                                      : useful[(random >> 16) % (sizeof(useful) - 1)];
        }
        write_bytes(f->path, bytes, sizeof(bytes));
        load(f);
        assert_true(f->result == 0 || f->result == -EINVAL);
        assert_int_equal(f->result == 0, f->errors.n_found == 0);
    }
}

/* n endpoints of one's own in one file. */
static void
write_endpoints(const struct fixture *f, unsigned n)
{
    FILE *stream = fopen(f->path, "we");

    assert_non_null(stream);
    for (unsigned i = 0; i < n; i++) {
        (void)fprintf(stream, "[Endpoint service-number-%u]\nHost=service-%u.example.com\n", i, i);
    }
    assert_int_equal(fclose(stream), 0);
}

static void
ten_thousand_endpoints(void **state)
{
    struct fixture *f = *state;

    write_endpoints(f, CONF_ENDPOINTS_MAX);
    load(f);
    assert_int_equal(good(f)->n_endpoints, CONF_ENDPOINTS_MAX);
    assert_string_equal(f->conf->endpoints[9999].key, "service-number-9999");
    assert_string_equal(f->conf->endpoints[9999].hostname, "service-9999.example.com");
    write_endpoints(f, CONF_ENDPOINTS_MAX + 1);
    load(f);
    assert_int_equal(f->errors.n_found, 1);
    expect_error(f, 0, "test.conf:20001: [Endpoint service-number-10000]: ", "at most 10000");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(too_many_dropins),
        TEST(no_such_file),
        TEST(folder_as_file),
        TEST(fifo_as_file),
        TEST(device_as_file),
        TEST(unreadable_file),
        TEST(dangling_dropin),
        TEST(endless_line),
        TEST(nul_bytes),
        TEST(million_sections),
        TEST(garbage),
        TEST(ten_thousand_endpoints),
    };

    return cmocka_run_group_tests_name("conf_files", tests, NULL, NULL);
}
