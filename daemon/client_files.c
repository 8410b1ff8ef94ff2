/* See client_files.h. */
#include "daemon/client_files.h"

#include "daemon/util.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX_BYTES 262144UL
#define DROPINS_MAX 64

static void
read_env_file(const char *path, struct proxy_settings *settings)
{
    CLEANUP(cleanup_free) char *text = NULL;
    size_t len;

    if (read_file(path, FILE_MAX_BYTES, &text, &len) == 0) {
        proxy_parse_env_file(text, settings);
    }
}

static int
is_dropin(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return entry->d_name[0] != '.' && len > 5 && streq(entry->d_name + len - 5, ".conf");
}

/* In the order of their names, as systemd applies them. */
static void
read_dropins(const char *folder, struct proxy_settings *settings)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, is_dropin, alphasort);

    for (int i = 0; i < n; i++) {
        CLEANUP(cleanup_free) char *text = NULL;
        char path[PATH_MAX];
        size_t len;

        (void)snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        if (i < DROPINS_MAX && read_file(path, FILE_MAX_BYTES, &text, &len) == 0) {
            proxy_parse_unit(text, settings);
        }
        free(entries[i]);
    }
    if (n >= 0) {
        free(entries);
    }
}

void
client_files_read(struct clients *ret, const char *ecs_config, const char *docker_dropins)
{
    proxy_settings_init(&ret->agent, PROXY_CLIENT_AGENT);
    proxy_settings_init(&ret->docker, PROXY_CLIENT_DOCKER);
    read_env_file(ecs_config, &ret->agent);
    read_dropins(docker_dropins, &ret->docker);
}
