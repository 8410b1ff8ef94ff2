/* The functions of libsystemd that systemd/history.c calls, under their own names: each passes on
 * to the library, which is loaded when the first is called. A part of `vpce-probe` alone; what
 * links libsystemd itself does without.
 *
 * Reason: of the verbs only history and report read the journal, and libsystemd and the six
 * libraries it brings along are a fifth of what every verb takes to start: 62 of 302 page faults
 * and 1.2 of 6.1 million instructions of `vpce-probe --version`.
 *
 * Without the library, functions that can say so say -ELIBACC. */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <systemd/sd-journal.h>

#define LIBRARY "libsystemd.so.0"

/* Kept for the life of the process. NULL: no library, or no such function in it. */
static void *
find(const char *name)
{
    static void *library;

    if (library == NULL) {
        library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    }
    return library != NULL ? dlsym(library, name) : NULL;
}

/* A function of the library as a variable of our function's own type; data pointers may not be cast
 * to it. */
#define FIND(function)                                                                             \
    __typeof__(function) *found = NULL;                                                            \
    void *symbol = find(#function);                                                                \
                                                                                                   \
    memcpy(&found, &symbol, sizeof(symbol))

#define PASS_ON(function, ...)                                                                     \
    FIND(function);                                                                                \
    return found != NULL ? found(__VA_ARGS__) : -ELIBACC

int
sd_id128_get_machine(sd_id128_t *ret)
{
    PASS_ON(sd_id128_get_machine, ret);
}

char *
sd_id128_to_string(sd_id128_t id, char s[static SD_ID128_STRING_MAX])
{
    FIND(sd_id128_to_string);
    s[0] = '\0';
    return found != NULL ? found(id, s) : s;
}

int
sd_journal_open(sd_journal **ret, int flags)
{
    PASS_ON(sd_journal_open, ret, flags);
}

void
sd_journal_close(sd_journal *j)
{
    FIND(sd_journal_close);
    if (found != NULL) {
        found(j);
    }
}

int
sd_journal_add_match(sd_journal *j, const void *data, size_t size)
{
    PASS_ON(sd_journal_add_match, j, data, size);
}

int
sd_journal_get_cutoff_realtime_usec(sd_journal *j, uint64_t *from, uint64_t *to)
{
    PASS_ON(sd_journal_get_cutoff_realtime_usec, j, from, to);
}

int
sd_journal_set_data_threshold(sd_journal *j, size_t size)
{
    PASS_ON(sd_journal_set_data_threshold, j, size);
}

int
sd_journal_seek_head(sd_journal *j)
{
    PASS_ON(sd_journal_seek_head, j);
}

int
sd_journal_next(sd_journal *j)
{
    PASS_ON(sd_journal_next, j);
}

int
sd_journal_get_realtime_usec(sd_journal *j, uint64_t *ret)
{
    PASS_ON(sd_journal_get_realtime_usec, j, ret);
}

int
sd_journal_get_monotonic_usec(sd_journal *j, uint64_t *ret, sd_id128_t *ret_boot_id)
{
    PASS_ON(sd_journal_get_monotonic_usec, j, ret, ret_boot_id);
}

int
sd_journal_get_data(sd_journal *j, const char *field, const void **data, size_t *len)
{
    PASS_ON(sd_journal_get_data, j, field, data, len);
}
