/* Records of the journal as `history` and `report` read them. The journal is played here: a part
 * for each record, first its time, then FIELD=VALUE lines. MESSAGE_ID=started is a start of the
 * daemon; without one it is a change. */
#include "systemd/history.h"

#include "daemon/cli/history.h"
#include "daemon/report_html.h"
#include "daemon/report_json.h"
#include "daemon/timeline.h"
#include "daemon/util.h"
#include "systemd/journal.h"
#include "text_checks.h"

#include <errno.h>
#include <inttypes.h>
#include <systemd/sd-journal.h>

#define NOW_US INT64_C(1768478400000000) /* 2026-01-15T12:00:00Z */
#define FIELD_MAX 4096

/* ---- the journal: in place of libsystemd's */

static struct {
    struct fuzz_input input;
    char *record; /* NULL: before the first */
    size_t len;
    char field[FIELD_MAX];
} journal;

int
sd_journal_open(sd_journal **ret, int flags)
{
    (void)flags;
    *ret = (sd_journal *)&journal;
    return 0;
}

void
sd_journal_close(sd_journal *j)
{
    (void)j;
    free(TAKE(journal.record));
}

int
sd_journal_add_match(sd_journal *j, const void *data, size_t size)
{
    (void)j;
    (void)data;
    (void)size;
    return 0;
}

int
sd_journal_get_cutoff_realtime_usec(sd_journal *j, uint64_t *from, uint64_t *to)
{
    (void)j;
    (void)to;
    *from = NOW_US / 2;
    return 1;
}

int
sd_journal_set_data_threshold(sd_journal *j, size_t size)
{
    (void)j;
    (void)size;
    return 0;
}

int
sd_journal_seek_head(sd_journal *j)
{
    (void)j;
    return 0;
}

int
sd_journal_next(sd_journal *j)
{
    (void)j;
    free(TAKE(journal.record));
    if (journal.input.left == 0) {
        return 0;
    }
    journal.record = fuzz_part(&journal.input, &journal.len);
    return strncmp(journal.record, "broken", 6) == 0 ? -EBADMSG : 1;
}

int
sd_journal_get_realtime_usec(sd_journal *j, uint64_t *ret)
{
    (void)j;
    *ret = strtoull(journal.record, NULL, 10);
    return 0;
}

int
sd_journal_get_monotonic_usec(sd_journal *j, uint64_t *ret, sd_id128_t *ret_boot_id)
{
    uint64_t at_us = strtoull(journal.record, NULL, 10);

    (void)j;
    (void)ret_boot_id;
    *ret = at_us / 2;
    return at_us % 2 == 0 ? 0 : -ESTALE; /* of another boot */
}

static int
give(const char *field, const char *value, size_t len, const void **data, size_t *ret_len)
{
    int n = snprintf(journal.field, sizeof(journal.field), "%s=", field);

    if (len > sizeof(journal.field) - (size_t)n) {
        len = sizeof(journal.field) - (size_t)n;
    }
    memcpy(journal.field + n, value, len);
    *data = journal.field;
    *ret_len = (size_t)n + len;
    return 0;
}

int
sd_journal_get_data(sd_journal *j, const char *field, const void **data, size_t *ret_len)
{
    const char *end = journal.record + journal.len;
    size_t field_len = strlen(field);
    bool is_id = strcmp(field, "MESSAGE_ID") == 0;
    const char *id = journal_message_id(JOURNAL_EVENT_ENDPOINT_CHANGED);

    (void)j;
    for (const char *line = journal.record; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        size_t len = (size_t)((newline != NULL ? newline : end) - line);

        if (len > field_len && memcmp(line, field, field_len) == 0 && line[field_len] == '=') {
            const char *value = line + field_len + 1;

            if (!is_id || strncmp(value, "started", 7) != 0) {
                return give(field, value, len - field_len - 1, data, ret_len);
            }
            id = journal_message_id(JOURNAL_EVENT_STARTED);
        }
        line += len + 1;
    }
    return is_id ? give(field, id, strlen(id), data, ret_len) : -ENOENT;
}

/* ---- who reads it */

struct readers {
    struct outages *outages;
    json_t *timeline;
};

static int
on_record(const struct outage_record *record, void *arg)
{
    struct readers *readers = arg;

    FUZZ_CHECK(timeline_add(readers->timeline, record) == 0);
    return outages_add(readers->outages, record);
}

static void
check_outages(const struct outages_result *result)
{
    FUZZ_CHECK(result->n <= OUTAGES_MAX && result->n_ignored <= result->n_records);
    for (size_t i = 0; i < result->n; i++) {
        const struct outage *o = &result->list[i];

        FUZZ_CHECK(fuzz_is_printable(o->endpoint) && fuzz_is_printable(o->verdict));
        FUZZ_CHECK(fuzz_is_printable(o->first_verdict) && fuzz_is_printable(o->last_verdict));
        FUZZ_CHECK(o->summary == NULL || fuzz_is_printable(o->summary));
        FUZZ_CHECK(o->duration_ms >= -1 && !(o->ended && o->ongoing));
        FUZZ_CHECK(i == 0 || result->list[i - 1].start_us <= o->start_us);
    }
}

static void
show(const struct history_facts *facts, json_t *timeline)
{
    const struct render_options options = {.width = 80};
    json_t *json = history_json(facts);
    json_t *status = json_object();
    struct page page;

    FUZZ_CHECK(json != NULL);
    check_json_text(report_json_text(json, true));
    page_open(&page);
    history_render(page.out, json, &options);
    page_check_lines(&page);
    FUZZ_CHECK(json_array_size(json_object_get(timeline, "entries")) <= TIMELINE_MAX);
    if (journal.len % 8 == 0) { /* much for one record more: not each time */
        check_html(report_html(status, timeline, HTML_MODE_FILE));
    }
    json_decref(status);
    json_decref(json);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct history_facts facts = {.now_us = NOW_US, .since_us = -1};
    struct readers readers = {.timeline = timeline_new()};
    struct history *history;

    journal.input = (struct fuzz_input){data, size};
    FUZZ_CHECK(history_open(NOW_US, &history, &facts.from_us) == 0);
    readers.outages = outages_new(facts.from_us, facts.since_us);
    FUZZ_CHECK(history_read(history, on_record, &readers, &facts.complete) == 0);
    history_close(history);
    FUZZ_CHECK(outages_finish(readers.outages, NOW_US, NOW_US / 2, &facts.result) == 0);
    check_outages(&facts.result);
    show(&facts, readers.timeline);
    json_decref(readers.timeline);
    outages_free(readers.outages);
    return 0;
}
