/* Reading the configuration: the files in order, each through libinih with a line reader of our
 * own, each setting through the table of conf_keys.c; the checks across keys come last.
 *
 * libinih tells no line numbers and hides a section without keys, so on_line() looks at every raw
 * line first: headers, comments and all that conf_line.c refuses end there, and only plain
 * KEY=VALUE lines go on to libinih and come back in on_setting(). */
#include "conf/conf.h"

#include "conf/conf_check.h"
#include "conf/conf_endpoints.h"
#include "conf/conf_errors.h"
#include "conf/conf_keys.h"
#include "conf/conf_line.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct loader {
    struct conf *conf;                /* under construction; owned */
    struct conf_origin origin;        /* of its settings */
    struct conf_endpoints *endpoints; /* by key; owned */
    struct conf_errors *errors;       /* borrowed */
    int error;                        /* negative errno of this machine, not of the files; or 0 */

    FILE *stream;              /* being read; borrowed */
    struct conf_where where;   /* the line being read */
    size_t bytes;              /* of the file, so far */
    enum conf_section section; /* that keys belong to now */
    bool section_refused;      /* its header was an error: its keys are not looked at */
    size_t endpoint;           /* CONF_SECTION_ENDPOINT: which one */

    char *files[CONF_FILES_MAX + 1]; /* heap; origin points into them */
    size_t n_files;
};

/* Error at the present line. */
#define refuse(loader, subject, ...)                                                               \
    conf_errors_add((loader)->errors, &(loader)->where, subject, __VA_ARGS__)

static bool
is_endpoint_key(const char *key)
{
    size_t len = strlen(key);

    return len > 0 && len < ENDPOINT_KEY_SIZE && key[0] >= 'a' && key[0] <= 'z' &&
           key[strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789.-")] == '\0';
}

/* [Endpoint KEY]: the endpoint, known already or new, takes the keys that follow. */
static int
enter_endpoint(struct loader *loader, const char *header, const char *key)
{
    int r;

    if (!is_endpoint_key(key)) {
        refuse(loader, header,
            "is not [Endpoint KEY]; a key has up to %d of a-z, 0-9, . and -, "
            "and starts with a letter",
            ENDPOINT_KEY_SIZE - 1);
        return -EINVAL;
    }
    r = conf_endpoints_enter(loader->endpoints, key, &loader->endpoint);
    if (r == -ENOSPC) {
        refuse(
            loader, header, "is one endpoint too many; at most %d are taken", CONF_ENDPOINTS_MAX);
    } else if (r < 0) {
        loader->error = r;
    } else {
        conf_endpoints_where(loader->endpoints, loader->endpoint, &loader->where);
    }
    return r;
}

static int
enter_section(struct loader *loader, const char *header)
{
    static const char endpoint[] = "Endpoint ";
    char name[CONF_LINE_MAX + 1];
    size_t len = strlen(header);

    if (header[len - 1] != ']') {
        refuse(loader, header, "is not a section header; it must end with ]");
        return -EINVAL;
    }
    (void)str_copy(name, sizeof(name), header + 1);
    name[len - 2] = '\0';
    if (strncmp(name, endpoint, strlen(endpoint)) == 0) {
        loader->section = CONF_SECTION_ENDPOINT;
        return enter_endpoint(loader, header, name + strlen(endpoint));
    }
    loader->section = conf_section_find(name);
    if (loader->section == CONF_SECTION_ENDPOINT) {
        refuse(loader, header, "names no endpoint; write [Endpoint KEY], such as [Endpoint logs]");
        return -EINVAL;
    }
    if (loader->section == CONF_SECTION_NONE) {
        refuse(loader, header,
            "is not a section; there are [Host], [Probe], [Endpoint KEY], "
            "[Status], [Lifecycle] and [Health]");
        return -EINVAL;
    }
    return 0;
}

/* The ini_reader: the next line for libinih, an empty one in place of those that are not for it.
 * NULL ends the file. */
static char *
on_line(char *str, int num, void *stream)
{
    struct loader *loader = stream;
    const char *problem = NULL;
    struct conf_line line;

    if (loader->error < 0 || !conf_line_read(loader->stream, &loader->bytes, &line)) {
        return NULL;
    }
    loader->where.line++;
    loader->where.order++;
    (void)str_copy(str, (size_t)num, "\n");
    switch (conf_line_kind(&line, &problem)) {
    case CONF_LINE_EMPTY:
        break;
    case CONF_LINE_HEADER:
        loader->section_refused = enter_section(loader, line.text) < 0;
        break;
    case CONF_LINE_SETTING:
        if (!str_copy(str, (size_t)num, line.text)) {
            loader->error = -EMSGSIZE; /* a libinih built with a smaller INI_MAX_LINE */
        }
        break;
    case CONF_LINE_BAD:
        refuse(loader, "line", "%s", problem);
        break;
    }
    return str;
}

static void
set_key(struct loader *loader, const struct conf_key *key, const char *value)
{
    bool of_endpoint = key->section == CONF_SECTION_ENDPOINT;
    char sentence[CONF_SENTENCE_SIZE] = "";
    struct text why = TEXT(sentence);
    struct conf_where where = loader->where;
    void *base = loader->conf;

    if (of_endpoint) {
        base = conf_endpoints_at(loader->endpoints, loader->endpoint);
    }
    if (key->parse(key, *value == '\0' ? key->fallback : value, base, &why) < 0) {
        refuse(loader, key->name, "%s", sentence);
        where.bad = true;
    }
    if (!of_endpoint) {
        loader->origin.keys[conf_key_index(key)] = where;
    } else if (where.bad || streq(key->name, "Host")) {
        conf_endpoints_where(loader->endpoints, loader->endpoint, &where);
    }
}

/* The ini_handler: one key and its value. All errors are wanted, so it never stops libinih. */
static int
on_setting(void *user, const char *section, const char *name, const char *value)
{
    struct loader *loader = user;
    const struct conf_key *key = conf_key_find(loader->section, name);
    char names[CONF_SENTENCE_SIZE / 2] = "";
    struct text list = TEXT(names);

    (void)section; /* libinih never sees a header */
    if (loader->section_refused) {
        return 1;
    }
    if (loader->section == CONF_SECTION_NONE) {
        refuse(loader, name, "stands before any section; put a header such as [Probe] above it");
    } else if (key == NULL) {
        conf_keys_list(loader->section, &list);
        refuse(loader, name, "is not a key of [%s]; its keys are: %s",
            conf_section_str(loader->section), names);
    } else {
        set_key(loader, key, value);
    }
    return 1;
}

/* NONBLOCK: opening a FIFO must not wait for its writer. Returns the descriptor, -EISDIR, -EBADF
 * (not a regular file), or the negative errno of open. */
static int
open_regular(const char *path)
{
    CLEANUP(cleanup_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0) {
        return -errno;
    }
    if (!S_ISREG(st.st_mode)) {
        return S_ISDIR(st.st_mode) ? -EISDIR : -EBADF;
    }
    return take_fd(&fd);
}

static const char *
open_problem(int error)
{
    return error == -EBADF ? "it is not a regular file" : strerror(-error);
}

static void
parse_stream(struct loader *loader)
{
    int r = ini_parse_stream(on_line, loader, on_setting, loader);

    loader->where.line = 0;
    if (ferror(loader->stream) != 0) {
        refuse(loader, "file", "cannot be read to its end");
    } else if (loader->bytes > CONF_FILE_MAX) {
        refuse(loader, "file", "is larger than %d bytes", CONF_FILE_MAX);
    } else if (r > 0) {
        loader->where.line = (unsigned)r; /* no such line is known: conf_line.c lets none pass */
        refuse(loader, "line", "is not KEY=VALUE");
    } else if (r < 0 && loader->error == 0) {
        loader->error = -ENOMEM;
    }
}

/* Takes over path. */
static void
load_file(struct loader *loader, char *path, bool must_exist)
{
    CLEANUP(cleanup_fd) int fd = open_regular(path);

    loader->files[loader->n_files++] = path;
    loader->where.file = path;
    loader->where.line = 0;
    loader->section = CONF_SECTION_NONE;
    loader->section_refused = false;
    loader->bytes = 0;
    if (fd == -ENOENT && !must_exist) {
        return;
    }
    if (fd < 0) {
        refuse(loader, "file", "cannot be read: %s", open_problem(fd));
        return;
    }
    loader->stream = fdopen(fd, "r");
    if (loader->stream == NULL) {
        loader->error = -errno;
        return;
    }
    (void)take_fd(&fd);
    parse_stream(loader);
    (void)fclose(loader->stream);
    loader->stream = NULL;
}

/* A drop-in, as the shell's *.conf would find it. */
static bool
is_dropin(const char *name)
{
    size_t len = strlen(name);
    size_t suffix_len = strlen(".conf");

    return name[0] != '.' && len > suffix_len && streq(name + len - suffix_len, ".conf");
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Adds the drop-ins' paths to paths, unsorted. */
static int
list_dropins(struct loader *loader, const char *folder, DIR *dir, char *paths[], size_t *n)
{
    const struct dirent *entry;

    while ((entry = readdir(dir)) != NULL) { // NOLINT(concurrency-mt-unsafe)
        if (!is_dropin(entry->d_name)) {
            continue;
        }
        if (*n == CONF_FILES_MAX) {
            refuse(loader, "file", "holds more than %d drop-ins", CONF_FILES_MAX);
            return 0;
        }
        if (asprintf(&paths[*n], "%s/%s", folder, entry->d_name) < 0) {
            return -ENOMEM;
        }
        ++*n;
    }
    return 0;
}

/* Loads FOLDER/NAME.conf in the order of the names' bytes, which no locale changes. */
static void
load_dropins(struct loader *loader, const char *folder)
{
    char *paths[CONF_FILES_MAX] = {NULL};
    DIR *dir = opendir(folder);
    size_t n = 0;

    loader->where.file = folder;
    loader->where.line = 0;
    if (dir == NULL) {
        if (errno != ENOENT && errno != ENOTDIR) {
            refuse(loader, "file", "cannot be read: %s", strerror(errno));
        }
        return;
    }
    loader->error = list_dropins(loader, folder, dir, paths, &n);
    (void)closedir(dir);
    qsort(paths, n, sizeof(paths[0]), compare_names);
    for (size_t i = 0; i < n; i++) {
        load_file(loader, paths[i], true);
    }
}

/* The folder of drop-ins beside a file. Heap, or NULL without memory. */
static char *
dropin_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    int len = slash == NULL ? 0 : (int)(slash - path + 1);
    char *folder;

    return asprintf(&folder, "%.*sconf.d", len, path) < 0 ? NULL : folder;
}

static int
load_all(struct loader *loader, const char *path)
{
    const char *file = path == NULL ? CONF_DEFAULT_FILE : path;
    CLEANUP(cleanup_free) char *folder = dropin_folder(file);
    char *first = strdup(file);

    if (folder == NULL || first == NULL) {
        free(first);
        return -ENOMEM;
    }
    load_file(loader, first, path != NULL);
    if (loader->error == 0) {
        load_dropins(loader, folder);
    }
    return loader->error;
}

/* Whether there are certificates in it is seen when it is loaded, much later. */
static void
tell_ca_file(const struct loader *loader)
{
    const struct conf_key *key = conf_key_find(CONF_SECTION_PROBE, "CaFile");
    struct conf_where where = loader->origin.keys[conf_key_index(key)];

    if (where.file == NULL) {
        where = (struct conf_where){.file = loader->files[0]};
    }
    conf_where_format(&where, loader->conf->ca_file_where);
}

static void
loader_done(struct loader *loader)
{
    conf_free(loader->conf);
    conf_endpoints_free(loader->endpoints);
    for (size_t i = 0; i < loader->n_files; i++) {
        free(loader->files[i]);
    }
}

static int
loader_run(struct loader *loader, const char *path)
{
    size_t n_before = loader->errors->n_found;
    int r;

    loader->conf = calloc(1, sizeof(*loader->conf));
    loader->endpoints = conf_endpoints_new();
    if (loader->conf == NULL || loader->endpoints == NULL) {
        return -ENOMEM;
    }
    conf_init(loader->conf);
    r = load_all(loader, path);
    if (r < 0) {
        return r;
    }
    conf_endpoints_give(loader->endpoints, loader->conf, &loader->origin);
    tell_ca_file(loader);
    conf_check(loader->conf, &loader->origin, loader->errors);
    return loader->errors->n_found > n_before ? -EINVAL : 0;
}

int
conf_load(const char *path, struct conf **ret, struct conf_errors *errors)
{
    struct loader loader = {.errors = errors};
    int r = loader_run(&loader, path);

    if (r == 0) {
        *ret = TAKE(loader.conf);
    }
    loader_done(&loader);
    return r;
}

int
conf_load_socket(const char *path, char ret[static CONF_SOCKET_SIZE], struct conf_errors *errors)
{
    struct loader loader = {.errors = errors};
    int r = loader_run(&loader, path);
    const char *socket = loader.conf != NULL ? loader.conf->socket : "";

    (void)str_copy(ret, CONF_SOCKET_SIZE, socket[0] != '\0' ? socket : CONF_DEFAULT_SOCKET);
    loader_done(&loader);
    return r;
}

void
conf_free(struct conf *conf)
{
    if (conf != NULL) {
        conf_endpoints_release(conf->endpoints, conf->n_endpoints);
        free(conf);
    }
}

#define BUNDLE_FEDORA "/etc/pki/tls/certs/ca-bundle.crt" /* and Amazon Linux */
#define BUNDLE_DEBIAN "/etc/ssl/certs/ca-certificates.crt"

const char *
conf_ca_file(const struct conf *conf)
{
    static const char *const bundles[] = {BUNDLE_FEDORA, BUNDLE_DEBIAN};

    if (conf->ca_file[0] != '\0') {
        return conf->ca_file;
    }
    for (size_t i = 0; i < ARRAY_SIZE(bundles); i++) {
        if (access(bundles[i], R_OK) == 0) {
            return bundles[i];
        }
    }
    return bundles[0];
}

void
conf_ca_file_problem(const struct conf *conf, const char *why, struct text *ret)
{
    const char *file = conf_ca_file(conf);

    (void)text_add(ret, "%s: CaFile: ", conf->ca_file_where);
    if (conf->ca_file[0] != '\0') {
        (void)text_add(ret, "%s: %s", file, why);
    } else if (access(file, R_OK) == 0) {
        (void)text_add(ret,
            "is not set, and the system's %s cannot be used: %s; set CaFile= in [Probe]", file,
            why);
    } else {
        (void)text_add(ret,
            "is not set, and there are no certificates of the system in " BUNDLE_FEDORA
            " or " BUNDLE_DEBIAN "; set CaFile= in [Probe] to a bundle of trusted certificates");
    }
}
