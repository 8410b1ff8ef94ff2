/* See history.h. Journal files are rotated and deleted while they are read: the library then goes
 * on with those that are left, and a file that is damaged costs what is in it. */
#include "systemd/history.h"

#include "daemon/util.h"
#include "systemd/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

/* What is kept of a field; far more than of any that makes sense. */
#define VALUE_SIZE 2048

/* In a row, before reading is given up. */
#define ERRORS_MAX 8

struct history {
    sd_journal *journal;
    bool partial; /* files of the journal may not be read */
};

/* One reading of it. */
struct reading {
    sd_journal *journal;
    history_fn on_record;
    void *arg;
    bool complete;
};

/* Fields of one record: copies, as the library's are gone with the next call. */
enum field {
    FIELD_MESSAGE_ID,
    FIELD_ENDPOINT,
    FIELD_OLD_STATE,
    FIELD_STATE,
    FIELD_OLD_VERDICT,
    FIELD_VERDICT,
    FIELD_SUMMARY,
    FIELD_DURATION_MS,
};
#define FIELD_N (FIELD_DURATION_MS + 1)

static const char *const names[FIELD_N] = {
    [FIELD_MESSAGE_ID] = "MESSAGE_ID",
    [FIELD_ENDPOINT] = "VPCE_ENDPOINT",
    [FIELD_OLD_STATE] = "VPCE_OLD_STATE",
    [FIELD_STATE] = "VPCE_STATE",
    [FIELD_OLD_VERDICT] = "VPCE_OLD_VERDICT",
    [FIELD_VERDICT] = "VPCE_VERDICT",
    [FIELD_SUMMARY] = "VPCE_SUMMARY",
    [FIELD_DURATION_MS] = "VPCE_DURATION_MS",
};

struct fields {
    const char *values[FIELD_N]; /* NULL: not there */
    char copies[FIELD_N][VALUE_SIZE];
};

struct file_count {
    size_t readable;
    size_t denied;
};

static bool
ends_with(const char *s, const char *end)
{
    size_t len = strlen(s);
    size_t end_len = strlen(end);

    return len >= end_len && streq(s + len - end_len, end);
}

/* "system.journal", "system@….journal", "system@….journal~": as the library picks them
 * (SD_JOURNAL_SYSTEM). */
static bool
is_system_journal(const char *name)
{
    return strncmp(name, "system", strlen("system")) == 0 &&
           (ends_with(name, ".journal") || ends_with(name, ".journal~"));
}

static void
count_files(const char *folder, struct file_count *count)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;

    if (dir == NULL) {
        count->denied += errno == EACCES;
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (!is_system_journal(entry->d_name)) {
            continue;
        }
        if (faccessat(dirfd(dir), entry->d_name, R_OK, AT_EACCESS) == 0) {
            count->readable++;
        } else {
            count->denied += errno == EACCES;
        }
    }
    (void)closedir(dir);
}

/* The library leaves out what it may not read without a word, so we look ourselves. */
static struct file_count
count_journals(void)
{
    static const char *const roots[] = {"/var/log/journal", "/run/log/journal"};
    struct file_count count = {.readable = 0};
    char folder[64];
    char machine[SD_ID128_STRING_MAX];
    sd_id128_t id;

    if (sd_id128_get_machine(&id) < 0) {
        return count;
    }
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
        (void)snprintf(folder, sizeof(folder), "%s/%s", roots[i], sd_id128_to_string(id, machine));
        count_files(folder, &count);
    }
    return count;
}

/* Matches of different fields are a logical AND, those of the same an OR (sd_journal_add_match(3)).
 */
static int
add_matches(sd_journal *journal)
{
    static const enum journal_event events[] = {
        JOURNAL_EVENT_ENDPOINT_CHANGED, JOURNAL_EVENT_STARTED};
    int r = sd_journal_add_match(journal, "_SYSTEMD_UNIT=" HISTORY_UNIT, 0);

    for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(events); i++) {
        char match[64];

        (void)snprintf(match, sizeof(match), "MESSAGE_ID=%s", journal_message_id(events[i]));
        r = sd_journal_add_match(journal, match, 0);
    }
    return r;
}

/* Returns 0, -EACCES, -ENOENT, or another negative errno. */
static int
look_around(struct history *history, int64_t now_us, int64_t *ret_from_us)
{
    struct file_count count = count_journals();
    uint64_t from_us = 0;
    int r = sd_journal_get_cutoff_realtime_usec(history->journal, &from_us, NULL);

    if (r < 0) {
        return r;
    }
    if (r == 0 && count.readable == 0) {
        return count.denied > 0 ? -EACCES : -ENOENT;
    }
    history->partial = count.denied > 0;
    *ret_from_us = r > 0 && from_us < (uint64_t)now_us ? (int64_t)from_us : now_us;
    return 0;
}

int
history_open(int64_t now_us, struct history **ret, int64_t *ret_from_us)
{
    struct history *history = calloc(1, sizeof(*history));
    int r;

    if (history == NULL) {
        return -ENOMEM;
    }
    /* of this machine: a journal that others send theirs to has records of their units, too */
    r = sd_journal_open(&history->journal, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
    if (r >= 0) {
        r = look_around(history, now_us, ret_from_us);
    }
    if (r >= 0) {
        r = add_matches(history->journal);
    }
    if (r >= 0) {
        r = sd_journal_set_data_threshold(history->journal, VALUE_SIZE);
    }
    if (r < 0) {
        history_close(history);
        return r;
    }
    *ret = history;
    return 0;
}

void
history_close(struct history *history)
{
    if (history != NULL) {
        sd_journal_close(history->journal);
        free(history);
    }
}

/* The value of a field, cut at VALUE_SIZE. Returns 0; a negative errno: it is not there (-ENOENT),
 * or cannot be read. */
static int
read_field(sd_journal *journal, enum field field, char value[static VALUE_SIZE])
{
    size_t name_len = strlen(names[field]) + 1; /* and "=" */
    const void *data;
    size_t len;
    int r = sd_journal_get_data(journal, names[field], &data, &len);

    if (r < 0) {
        return r;
    }
    if (len < name_len) {
        return -EBADMSG;
    }
    len -= name_len;
    if (len >= VALUE_SIZE) {
        len = VALUE_SIZE - 1;
    }
    memcpy(value, (const char *)data + name_len, len);
    value[len] = '\0';
    return 0;
}

/* What is there of the record. false: some of it cannot be read. */
static bool
read_fields(sd_journal *journal, struct fields *ret)
{
    bool good = true;

    for (enum field field = FIELD_MESSAGE_ID; field < FIELD_N; field++) {
        int r = read_field(journal, field, ret->copies[field]);

        ret->values[field] = r == 0 ? ret->copies[field] : NULL;
        good = good && (r == 0 || r == -ENOENT);
    }
    return good;
}

/* The record that the journal is at. */
static int
give_record(struct reading *reading, struct fields *fields)
{
    struct outage_record record = {.event = OUTAGE_EVENT_CHANGED};
    const char *started = journal_message_id(JOURNAL_EVENT_STARTED);
    uint64_t at_us;
    uint64_t steady_us;
    bool good = read_fields(reading->journal, fields);
    const char *const *values = fields->values;

    if (sd_journal_get_realtime_usec(reading->journal, &at_us) < 0 || at_us > INT64_MAX ||
        values[FIELD_MESSAGE_ID] == NULL) {
        reading->complete = false;
        return 0;
    }
    reading->complete = reading->complete && good;
    record.at_us = (int64_t)at_us;
    if (sd_journal_get_monotonic_usec(reading->journal, &steady_us, NULL) == 0 &&
        steady_us <= INT64_MAX) { /* -ESTALE: of another boot */
        record.steady_us = (int64_t)steady_us;
    }
    record.event =
        streq(values[FIELD_MESSAGE_ID], started) ? OUTAGE_EVENT_STARTED : OUTAGE_EVENT_CHANGED;
    record.endpoint = values[FIELD_ENDPOINT];
    record.old_state = values[FIELD_OLD_STATE];
    record.state = values[FIELD_STATE];
    record.old_verdict = values[FIELD_OLD_VERDICT];
    record.verdict = values[FIELD_VERDICT];
    record.summary = values[FIELD_SUMMARY];
    record.duration_ms = values[FIELD_DURATION_MS];
    return reading->on_record(&record, reading->arg);
}

static int
read_all(struct reading *reading, struct fields *fields)
{
    unsigned n_errors = 0;
    int r = sd_journal_seek_head(reading->journal);

    if (r < 0) {
        return r;
    }
    while ((r = sd_journal_next(reading->journal)) != 0 && n_errors < ERRORS_MAX) {
        if (r == -ENOMEM) {
            return r;
        }
        if (r < 0) {
            reading->complete = false;
            n_errors++;
            continue;
        }
        n_errors = 0;
        r = give_record(reading, fields);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int
history_read(struct history *history, history_fn on_record, void *arg, bool *ret_complete)
{
    struct fields *fields = calloc(1, sizeof(*fields));
    struct reading reading = {.journal = history->journal,
        .on_record = on_record,
        .arg = arg,
        .complete = !history->partial};
    int r;

    if (fields == NULL) {
        return -ENOMEM;
    }
    r = read_all(&reading, fields);
    free(fields);
    if (r == 0) {
        *ret_complete = reading.complete;
    }
    return r;
}
