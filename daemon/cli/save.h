/* A file is written whole, or it stays as it was. */
#ifndef VPCE_DAEMON_CLI_SAVE_H
#define VPCE_DAEMON_CLI_SAVE_H

#include <stddef.h>

/* Writes beside path, in a file of a name that nobody can foresee and that did not exist, and
 * renames that. What is at path is replaced when it is a regular file; a symbolic link is neither
 * followed nor replaced. Returns 0, -ELOOP (a symbolic link), -EEXIST (something else that is no
 * regular file), or a negative errno. */
int save_file(const char *path, const char *data, size_t len);

#endif
