/* See dns_files.h. */
#include "probes/dns_files.h"

#include "daemon/log.h"
#include "daemon/util.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#define RESOLV_CONF_MAX 65536UL
#define HOSTS_MAX 1048576UL

/* Enough of stat(2) to see that a file was replaced or written. */
struct file_stamp {
    bool exists;
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec mtime;
};

struct watched_file {
    const char *path;
    size_t max_bytes;
    bool read; /* once at least; stamp is of then */
    struct file_stamp stamp;
    int last_error; /* told already; 0: none */
};

struct dns_files {
    struct watched_file resolv_conf;
    struct watched_file hosts;
    char *hosts_text;               /* heap; NULL: empty */
    struct nameservers found;       /* when resolv.conf was read last */
    struct nameservers nameservers; /* in force */
    int64_t bare_since_ms; /* when found was first without servers; -1: nothing is awaited */
};

static struct file_stamp
stamp_of(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0) {
        return (struct file_stamp){.exists = false};
    }
    return (struct file_stamp){.exists = true,
        .device = st.st_dev,
        .inode = st.st_ino,
        .size = st.st_size,
        .mtime = st.st_mtim};
}

static bool
stamps_equal(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->exists == b->exists && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && a->mtime.tv_sec == b->mtime.tv_sec &&
           a->mtime.tv_nsec == b->mtime.tv_nsec;
}

/* Once for each error in a row: files are looked at before every run. */
static void
tell_error(struct watched_file *file, int error)
{
    if (error != file->last_error) {
        log_msg(LOG_WARNING, LOG_TOPIC_DNS, "%s: %s, %s", file->path, strerror(error),
            error == EFBIG ? "ignoring it" : "keeping what was read before");
    }
    file->last_error = error;
}

enum reading {
    READING_SAME,
    READING_CHANGED,
    READING_FAILED, /* for the moment: what was known stays */
};

/* The file's text, if it changed since it was last read: *ret (heap) is NULL for a file that is
 * empty, too large or not there. */
static enum reading
read_changed(struct watched_file *file, char **ret)
{
    struct file_stamp stamp = stamp_of(file->path); /* before reading: a later write shows again */
    char *text = NULL;
    size_t len;
    int r;

    if (file->read && stamps_equal(&stamp, &file->stamp)) {
        return READING_SAME;
    }
    r = read_file(file->path, file->max_bytes, &text, &len);
    if (r < 0 && r != -ENOENT) {
        tell_error(file, -r);
    }
    if (r < 0 && r != -ENOENT && r != -EFBIG) {
        return READING_FAILED;
    }
    if (r == 0 || r == -ENOENT) {
        file->last_error = 0;
    }
    file->read = true;
    file->stamp = stamp;
    *ret = text;
    return READING_CHANGED;
}

struct dns_files *
dns_files_new(const char *resolv_conf, const char *hosts)
{
    struct dns_files *files = calloc(1, sizeof(*files));

    if (files != NULL) {
        files->resolv_conf =
            (struct watched_file){.path = resolv_conf, .max_bytes = RESOLV_CONF_MAX};
        files->hosts = (struct watched_file){.path = hosts, .max_bytes = HOSTS_MAX};
        files->bare_since_ms = -1;
    }
    return files;
}

void
dns_files_free(struct dns_files *files)
{
    if (files != NULL) {
        free(files->hosts_text);
        free(files);
    }
}

static void
refresh_hosts(struct dns_files *files)
{
    char *text;

    if (read_changed(&files->hosts, &text) == READING_CHANGED) {
        free(files->hosts_text);
        files->hosts_text = text;
    }
}

/* The file names no server any more, and may be half written. */
static bool
is_to_be_awaited(struct dns_files *files, int64_t now_ms)
{
    if (!files->found.assumed || files->nameservers.n == 0 || files->nameservers.assumed) {
        return false;
    }
    if (files->bare_since_ms < 0) {
        files->bare_since_ms = now_ms;
        log_msg(LOG_INFO, LOG_TOPIC_DNS,
            "%s names no server any more, asking those it named for a moment longer",
            files->resolv_conf.path);
    }
    return now_ms - files->bare_since_ms < DNS_FILES_WRITING_MS;
}

bool
dns_files_refresh(struct dns_files *files, int64_t now_ms)
{
    CLEANUP(cleanup_free) char *text = NULL;
    enum reading reading;

    refresh_hosts(files);
    reading = read_changed(&files->resolv_conf, &text);
    if (reading == READING_CHANGED || files->nameservers.n == 0) {
        resolvconf_parse(text != NULL ? text : "", &files->found);
    } else if (reading == READING_FAILED || files->bare_since_ms < 0) {
        return false;
    }
    if (is_to_be_awaited(files, now_ms)) {
        return false;
    }
    files->bare_since_ms = -1;
    files->nameservers = files->found;
    if (files->nameservers.n_ignored > 0) {
        log_msg(LOG_WARNING, LOG_TOPIC_DNS,
            "%s: %zu nameserver lines without a usable address, ignoring them",
            files->resolv_conf.path, files->nameservers.n_ignored);
    }
    return true;
}

void
dns_files_forget(struct dns_files *files)
{
    files->resolv_conf.read = false;
}

const struct nameservers *
dns_files_nameservers(const struct dns_files *files)
{
    return &files->nameservers;
}

size_t
dns_files_lookup(const struct dns_files *files, const char *hostname, struct addr *ret, size_t max)
{
    return files->hosts_text != NULL ? hosts_lookup(files->hosts_text, hostname, ret, max) : 0;
}
