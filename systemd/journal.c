/* See journal.h. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "systemd/journal.h"

#include "daemon/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, MESSAGE_ID */
#define OWN_FIELDS 4

const char *
journal_message_id(enum journal_event event)
{
    static const char *const ids[JOURNAL_EVENT_N] = {
        [JOURNAL_EVENT_ENDPOINT_CHANGED] = "6f5bbbd6568e4ed6b16a31bfc46b1181",
        [JOURNAL_EVENT_HOST_CHANGED] = "bde3123f461541a29cf369dbace186ed",
        [JOURNAL_EVENT_STARTED] = "d0cba31eebd24547b8e74b2da319d99f",
        [JOURNAL_EVENT_RELOADED] = "d8e0d7c196174543ac964e0806c77b92",
        [JOURNAL_EVENT_RELOAD_REFUSED] = "72f886ea030446f7865421874cdbc200",
        [JOURNAL_EVENT_LIFECYCLE_SENT] = "2c60d1819c0b4e67a400bdf38d4b667a",
        [JOURNAL_EVENT_LIFECYCLE_FAILED] = "8a8623e8b5ec4d7b8119028ee4b9edb0",
    };

    return (size_t)event < ARRAY_SIZE(ids) ? ids[event] : NULL;
}

/* Standard error is a stream of the journal: JOURNAL_STREAM names its device and inode
 * (systemd.exec(5)). */
static bool
stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char ours[64];
    struct stat st;

    if (stream == NULL || fstat(STDERR_FILENO, &st) < 0) {
        return false;
    }
    (void)snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return streq(stream, ours);
}

/* The entries of one record: "NAME=value" each, freed together. */
struct record {
    struct iovec entries[OWN_FIELDS + JOURNAL_FIELDS_MAX];
    int n;
};

static void
add_entry(struct record *record, const char *name, const char *value)
{
    char *entry = NULL;
    int len;

    if (value == NULL || (size_t)record->n == ARRAY_SIZE(record->entries)) {
        return;
    }
    len = asprintf(&entry, "%s=%s", name, value);
    if (len >= 0) {
        record->entries[record->n++] = (struct iovec){entry, (size_t)len};
    }
}

static void
send_native(enum journal_event event, int level, const char *message,
    const struct journal_field *fields, size_t n_fields)
{
    const char priority[] = {(char)('0' + (level & 7)), '\0'};
    struct record record = {.n = 0};

    add_entry(&record, "MESSAGE", message);
    add_entry(&record, "PRIORITY", priority);
    add_entry(&record, "SYSLOG_IDENTIFIER", "vpce-probed");
    add_entry(&record, "MESSAGE_ID", journal_message_id(event));
    for (size_t i = 0; i < n_fields; i++) {
        add_entry(&record, fields[i].name, fields[i].value);
    }
    (void)sd_journal_sendv(record.entries, record.n);
    for (int i = 0; i < record.n; i++) {
        free(record.entries[i].iov_base);
    }
}

void
journal_send(enum journal_event event, int level, const char *message,
    const struct journal_field *fields, size_t n_fields)
{
    bool to_stderr = !stderr_is_journal();

    if (access(JOURNAL_SOCKET, F_OK) == 0) {
        send_native(event, level, message, fields, n_fields);
    } else {
        to_stderr = true;
    }
    if (to_stderr) {
        (void)fprintf(stderr, "%s\n", message);
    }
}

void
journal_log_sink(int level, enum log_topic topic, const char *line)
{
    const struct journal_field field = {"VPCE_TOPIC", log_topic_str(topic)};

    journal_send(JOURNAL_EVENT_LINE, level, line, &field, 1);
}
