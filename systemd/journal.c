/* See journal.h. */
#include "systemd/journal.h"

#include "daemon/util.h"
#include "systemd/journal_link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

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
        [JOURNAL_EVENT_LOST] = "c1a0be2f8ff84dbb8de5a34f4bbd9c62",
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

/* Who opens it and who counts: a log has no owner to pass around. */
static struct journal_link journal = {.path = JOURNAL_SOCKET, .fd = -1};

static void
add_head(struct journal_record *record, enum journal_event event, int level, const char *message)
{
    const char priority[] = {(char)('0' + (level & 7)), '\0'};
    const char *message_id = journal_message_id(event);

    journal_record_add(record, "MESSAGE", message);
    journal_record_add(record, "PRIORITY", priority);
    journal_record_add(record, "SYSLOG_IDENTIFIER", "vpce-probed");
    if (message_id != NULL) {
        journal_record_add(record, "MESSAGE_ID", message_id);
    }
}

static void
describe_lost(uint64_t n, struct journal_record *record)
{
    char number[24];
    char line[160];

    (void)snprintf(number, sizeof(number), "%" PRIu64, n);
    (void)snprintf(line, sizeof(line),
        "%s records are missing here: the journal took none; how it is now: vpce-probe status",
        number);
    add_head(record, JOURNAL_EVENT_LOST, LOG_WARNING, line);
    journal_record_add(record, "VPCE_LOST", number);
}

/* STARTED was sent. */
static bool has_started;

/* To standard error, which may be a stream of the very journal that hangs; there the level goes
 * before it (sd-daemon(3)). Elsewhere, on a terminal or in a file, it is written as by any program.
 */
static void
put_line(int level, const char *message, bool to_journal)
{
    char line[LOG_LINE_SIZE];

    if (to_journal) {
        (void)snprintf(line, sizeof(line), "<%d>%.*s\n", level & 7, LOG_LINE_SIZE - 5, message);
        (void)send(STDERR_FILENO, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL);
    } else {
        (void)fprintf(stderr, "%s\n", message);
    }
}

void
journal_send(enum journal_event event, int level, const char *message,
    const struct journal_field *fields, size_t n_fields)
{
    struct journal_record record = {.len = 0};
    bool to_journal = stderr_is_journal();
    int r;

    add_head(&record, event, level, message);
    for (size_t i = 0; i < n_fields && i < JOURNAL_FIELDS_MAX; i++) {
        if (fields[i].value != NULL) {
            journal_record_add(&record, fields[i].name, fields[i].value);
        }
    }
    r = journal_link_send(&journal, &record, describe_lost);
    if (!to_journal || r == -ENOENT) {
        put_line(level, message, to_journal);
    }
    has_started |= event == JOURNAL_EVENT_STARTED;
}

/* Why a program does not start is the last it says. The journal looks up whose a record is when it
 * reads it, and finds nobody when its sender has ended meanwhile: the unit's journal would lack the
 * reason. Of a stream it knows from the beginning. */
static bool
is_last_word(int level)
{
    return !has_started && level <= LOG_ERR && stderr_is_journal();
}

void
journal_log_sink(int level, enum log_topic topic, const char *line)
{
    const struct journal_field field = {"VPCE_TOPIC", log_topic_str(topic)};

    if (is_last_word(level)) {
        put_line(level, line, true);
        return;
    }
    journal_send(JOURNAL_EVENT_LINE, level, line, &field, 1);
}
