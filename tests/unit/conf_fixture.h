/* A folder of its own under TMPDIR for each test of the configuration: write files, load them, look
 * at the settings or at the errors. */
#ifndef VPCE_TESTS_UNIT_CONF_FIXTURE_H
#define VPCE_TESTS_UNIT_CONF_FIXTURE_H

#include "conf/conf.h"
#include "daemon/util.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Bytes for lines of a certain length. */
#define X_60 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* The folder of the running test, and what conf_load gave. */
struct fixture {
    char folder[64];
    char path[128]; /* of the main file */
    struct conf *conf;
    struct conf_errors errors;
    int result;
};

static inline int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const char *tmp = getenv("TMPDIR"); // NOLINT(concurrency-mt-unsafe)

    if (f == NULL) {
        return -1;
    }
    (void)snprintf(
        f->folder, sizeof(f->folder), "%.40s/vpce-conf-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    if (mkdtemp(f->folder) == NULL) {
        free(f);
        return -1;
    }
    (void)snprintf(f->path, sizeof(f->path), "%s/test.conf", f->folder);
    *state = f;
    return 0;
}

static inline int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline int
teardown(void **state)
{
    struct fixture *f = *state;

    conf_free(f->conf);
    conf_errors_reset(&f->errors);
    (void)nftw(f->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static inline const char *
path_in(const struct fixture *f, const char *name)
{
    static char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", f->folder, name);
    return path;
}

static inline void
write_bytes(const char *path, const char *bytes, size_t len)
{
    FILE *stream = fopen(path, "we");

    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, len, stream), len);
    assert_int_equal(fclose(stream), 0);
}

static inline void
write_dropin(const struct fixture *f, const char *name, const char *text)
{
    char in_folder[64];

    (void)mkdir(path_in(f, "conf.d"), 0755);
    (void)snprintf(in_folder, sizeof(in_folder), "conf.d/%s", name);
    write_bytes(path_in(f, in_folder), text, strlen(text));
}

static inline void
load(struct fixture *f)
{
    conf_free(f->conf);
    conf_errors_reset(&f->errors);
    f->conf = NULL;
    f->result = conf_load(f->path, &f->conf, &f->errors);
}

static inline void
load_text(struct fixture *f, const char *text)
{
    write_bytes(f->path, text, strlen(text));
    load(f);
}

static inline void
print_errors(const struct fixture *f)
{
    for (size_t i = 0; i < f->errors.n; i++) {
        print_error("    %s\n", f->errors.lines[i]);
    }
}

/* The settings are fine. */
static inline const struct conf *
good(struct fixture *f)
{
    if (f->result != 0) {
        print_errors(f);
        fail_msg("got %d and %zu errors, expected none", f->result, f->errors.n_found);
    }
    assert_int_equal(f->errors.n_found, 0);
    return f->conf;
}

/* True when error i reads FOLDER/FILE:LINE: KEY: … and holds the words. */
static inline bool
error_is(const struct fixture *f, size_t i, const char *place, const char *words)
{
    const char *line = i < f->errors.n ? f->errors.lines[i] : "";
    size_t folder_len = strlen(f->folder);

    return strncmp(line, f->folder, folder_len) == 0 && line[folder_len] == '/' &&
           strncmp(line + folder_len + 1, place, strlen(place)) == 0 &&
           strstr(line + folder_len + 1 + strlen(place), words) != NULL;
}

static inline void
expect_error(const struct fixture *f, size_t i, const char *place, const char *words)
{
    if (!error_is(f, i, place, words)) {
        print_errors(f);
        fail_msg("error %zu: expected %s … %s", i, place, words);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

#endif
