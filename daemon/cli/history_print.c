/* History as a person reads it: what the journal covers, a row and its words for each outage, the
 * newest last. Times are UTC. */
#include "conf/timespan.h"
#include "daemon/cli/history.h"
#include "daemon/status_view.h"
#include "daemon/util.h"

#include <time.h>

#define CELL_SIZE 40
#define INDENT 2

enum column {
    COLUMN_START,
    COLUMN_END,
    COLUMN_FOR,
    COLUMN_ENDPOINT,
    COLUMN_STATE,
};
#define COLUMN_N (COLUMN_STATE + 1)

struct row {
    enum tone tone;
    char cells[COLUMN_N][CELL_SIZE];
};

static const struct row head = {
    .tone = TONE_PLAIN, .cells = {"START (UTC)", "END", "FOR", "ENDPOINT", "STATE"}};

static void
add_day(struct text *t, int64_t seconds)
{
    time_t time = (time_t)seconds;
    struct tm tm = {.tm_sec = 0};

    (void)gmtime_r(&time, &tm);
    (void)text_add(t, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

static void
add_minute(struct text *t, int64_t seconds)
{
    int64_t minutes = seconds / 60;

    (void)text_add(t, "%02d:%02d", (int)(minutes / 60 % 24), (int)(minutes % 60));
}

static void
add_second(struct text *t, int64_t seconds)
{
    add_minute(t, seconds);
    (void)text_add(t, ":%02d", (int)(seconds % 60));
}

/* A bound goes without seconds, for room: up to the minute that it certainly was before. */
static void
start_cell(const json_t *outage, char cell[static CELL_SIZE])
{
    struct text t = {.buf = cell, .size = CELL_SIZE};
    int64_t start_s = status_seconds(outage, "start");

    if (json_is_true(json_object_get(outage, "start_exact"))) {
        add_day(&t, start_s);
        (void)text_add(&t, " ");
        add_second(&t, start_s);
    } else {
        start_s += 60;
        (void)text_add(&t, "before ");
        add_day(&t, start_s);
        (void)text_add(&t, " ");
        add_minute(&t, start_s);
    }
}

/* The day is left out when it is that of the start. */
static void
end_cell(const json_t *outage, char cell[static CELL_SIZE])
{
    const int64_t day_s = 86400;
    struct text t = {.buf = cell, .size = CELL_SIZE};
    int64_t start_s = status_seconds(outage, "start");
    int64_t end_s = status_seconds(outage, "end");

    if (json_is_true(json_object_get(outage, "ongoing"))) {
        (void)text_add(&t, "ongoing");
        return;
    }
    if (end_s < 0) {
        (void)text_add(&t, "not known");
        return;
    }
    if (end_s / day_s != start_s / day_s) {
        add_day(&t, end_s);
        (void)text_add(&t, " ");
    }
    add_second(&t, end_s);
}

/* Two units are enough: "3d 4h", "12min 28s", "1s 500ms". */
static int64_t
round_ms(int64_t ms)
{
    static const struct {
        int64_t from_ms;
        int64_t step_ms;
    } steps[] = {{86400000, 3600000}, {3600000, 60000}, {10000, 1000}};

    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        if (ms >= steps[i].from_ms) {
            return ms - ms % steps[i].step_ms;
        }
    }
    return ms;
}

static void
for_cell(const json_t *outage, char cell[static CELL_SIZE])
{
    const json_t *duration = json_object_get(outage, "duration_ms");
    bool exact = json_is_true(json_object_get(outage, "start_exact"));
    struct text t = {.buf = cell, .size = CELL_SIZE};
    char span[TIMESPAN_TEXT_SIZE];

    if (!json_is_integer(duration)) {
        (void)text_add(&t, "-");
        return;
    }
    (void)text_add(&t, "%s%s", exact ? "" : "> ",
        timespan_format(round_ms(json_integer_value(duration)), span));
}

static void
fill_row(const json_t *outage, struct row *row)
{
    *row = (struct row){.tone = TONE_PLAIN};
    start_cell(outage, row->cells[COLUMN_START]);
    end_cell(outage, row->cells[COLUMN_END]);
    for_cell(outage, row->cells[COLUMN_FOR]);
    paint_text_of(outage, "endpoint", row->cells[COLUMN_ENDPOINT], CELL_SIZE);
    paint_text_of(outage, "state", row->cells[COLUMN_STATE], CELL_SIZE);
    row->tone = tone_of_state(row->cells[COLUMN_STATE]);
}

static void
grow_widths(const struct row *row, int widths[static COLUMN_N])
{
    for (size_t c = 0; c < COLUMN_N; c++) {
        int columns = paint_columns(row->cells[c]);

        widths[c] = columns > widths[c] ? columns : widths[c];
    }
}

/* Columns that the terminal has no room for go on in the next line. */
static void
put_row(FILE *out, const struct render_options *options, const struct row *row,
    const int widths[static COLUMN_N])
{
    int at = options->color ? INDENT : 0; /* the mark's */

    for (size_t c = 0; c < COLUMN_N; c++) {
        int end = at + widths[c];
        bool last = c == COLUMN_N - 1 || end + 1 + widths[c + 1] > options->width;

        paint_put(out, options, c >= COLUMN_ENDPOINT ? row->tone : TONE_PLAIN, row->cells[c]);
        if (!last) {
            (void)fprintf(out, "%*s", widths[c] - paint_columns(row->cells[c]) + 1, "");
            at = end + 1;
        } else {
            (void)fprintf(out, "\n%*s", c == COLUMN_N - 1 ? 0 : INDENT, "");
            at = INDENT;
        }
    }
}

/* "blocked", "public-path -> blocked -> partly-blocked": the first, the worst, the last. */
static void
add_verdicts(struct text *t, const json_t *outage)
{
    static const char *const keys[] = {"first_verdict", "verdict", "last_verdict"};
    char before[CELL_SIZE] = "";
    char verdict[CELL_SIZE];

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        paint_text_of(outage, keys[i], verdict, sizeof(verdict));
        if (!streq(verdict, before)) {
            (void)text_add(t, "%s%s", i > 0 ? " -> " : "", verdict);
        }
        (void)str_copy(before, sizeof(before), verdict);
    }
}

/* Why, and what else there is to say. */
static void
put_words(FILE *out, const struct render_options *options, const json_t *outage)
{
    json_int_t n = json_integer_value(json_object_get(outage, "restarts"));
    bool ended = json_is_string(json_object_get(outage, "end"));
    bool ongoing = json_is_true(json_object_get(outage, "ongoing"));
    char line[PAINT_LINE_SIZE];
    char summary[PAINT_LINE_SIZE / 2];
    struct text t = TEXT(line);

    add_verdicts(&t, outage);
    if (json_is_string(json_object_get(outage, "summary"))) {
        paint_text_of(outage, "summary", summary, sizeof(summary));
        (void)text_add(&t, ": %s", summary);
    }
    if (n > 0) {
        (void)text_add(&t, " (vpce-probed was started again %s%s)",
            n == 1 ? "once" : "several times",
            ended || ongoing ? "" : ", and has not judged it since");
    } else if (!ended && !ongoing) {
        (void)text_add(&t, " (its state has been unknown since)");
    }
    paint_wrapped(out, options, INDENT, line);
}

static void
add_utc(struct text *t, int64_t seconds)
{
    add_day(t, seconds);
    (void)text_add(t, " ");
    add_minute(t, seconds);
    (void)text_add(t, " UTC");
}

static void
put_covers(FILE *out, const json_t *history, const struct render_options *options)
{
    int64_t since_s = status_seconds(history, "since");
    char line[PAINT_LINE_SIZE];
    struct text t = TEXT(line);

    (void)text_add(&t, "journal covers ");
    add_utc(&t, status_seconds(json_object_get(history, "covers"), "from"));
    (void)text_add(&t, " to now");
    if (since_s >= 0) {
        (void)text_add(&t, ", outages since ");
        add_utc(&t, since_s);
    }
    paint_wrapped(out, options, 0, line);
}

/* "3 outages, 1 of them ongoing"; nothing was wrong, or nobody looked. */
static void
put_count(FILE *out, const json_t *history, const json_t *outages)
{
    size_t n = json_array_size(outages);
    size_t n_ongoing = 0;

    for (size_t i = 0; i < n; i++) {
        n_ongoing += json_is_true(json_object_get(json_array_get(outages, i), "ongoing"));
    }
    if (n > 0) {
        (void)fprintf(out, "\n%zu %s, %zu ongoing\n", n, n == 1 ? "outage" : "outages", n_ongoing);
    } else if (json_integer_value(json_object_get(history, "records")) > 0) {
        (void)fputs("no outages\n", out);
    } else {
        (void)fputs("no outages: no record of vpce-probe.service in it\n", out);
    }
}

void
history_render(FILE *out, const json_t *history, const struct render_options *options)
{
    const json_t *outages = json_object_get(history, "outages");
    int widths[COLUMN_N] = {0};
    struct row row;

    put_covers(out, history, options);
    grow_widths(&head, widths);
    for (size_t i = 0; i < json_array_size(outages); i++) {
        fill_row(json_array_get(outages, i), &row);
        grow_widths(&row, widths);
    }
    if (json_array_size(outages) > 0) {
        (void)fprintf(out, "\n%s", options->color ? "  " : "");
        put_row(out, options, &head, widths);
    }
    for (size_t i = 0; i < json_array_size(outages); i++) {
        const json_t *outage = json_array_get(outages, i);

        fill_row(outage, &row);
        if (options->color) {
            paint_put(out, options, row.tone, tone_mark(row.tone));
            (void)fputc(' ', out);
        }
        put_row(out, options, &row, widths);
        put_words(out, options, outage);
    }
    put_count(out, history, outages);
}
