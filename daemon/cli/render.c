/* See render.h. Reads the JSON tolerantly: it may come from another version of the daemon, or from
 * somebody who only pretends to be one. */
#include "daemon/cli/render.h"

#include "daemon/status_view.h"
#include "daemon/util.h"

#define CELL_SIZE 40
#define LINE_SIZE PAINT_LINE_SIZE
#define COLUMN_N 8
#define NOTE_INDENT 2

struct cell {
    char text[CELL_SIZE];
};

struct row {
    enum tone tone;
    struct cell cells[COLUMN_N];
};

static const char *const titles[COLUMN_N] = {
    "ENDPOINT", "PATH", "UP", "DNS ms", "TCP ms", "TLS ms", "VERDICT", "FOR"};

static void
ms_cell(double ms, struct cell *ret)
{
    struct text t = TEXT(ret->text);

    if (ms < 0) {
        (void)text_add(&t, "-");
    } else {
        (void)text_add(&t, ms < 99.95 ? "%.1f" : "%.0f", ms);
    }
}

static void
up_cell(const json_t *endpoint, struct cell *ret)
{
    struct text t = TEXT(ret->text);
    size_t n;
    size_t n_up;

    status_count_up(endpoint, &n_up, &n);
    (void)text_add(&t, "%zu/%zu", n_up, n);
}

static void
fill_row(const json_t *endpoint, int64_t now_s, struct row *row)
{
    char state[CELL_SIZE];

    paint_text_of(endpoint, "state", state, sizeof(state));
    row->tone = tone_of_state(state);
    paint_text_of(endpoint, "endpoint", row->cells[0].text, CELL_SIZE);
    paint_text_of(endpoint, "path", row->cells[1].text, CELL_SIZE);
    up_cell(endpoint, &row->cells[2]);
    ms_cell(status_dns_ms(endpoint), &row->cells[3]);
    ms_cell(status_slowest_ms(endpoint, "connect_ms"), &row->cells[4]);
    ms_cell(status_slowest_ms(endpoint, "tls_ms"), &row->cells[5]);
    paint_text_of(endpoint, "verdict", row->cells[6].text, CELL_SIZE);
    paint_age_of(endpoint, now_s, row->cells[7].text, CELL_SIZE);
    if (json_is_false(json_object_get(endpoint, "required"))) {
        struct text t = {
            .buf = row->cells[0].text, .size = CELL_SIZE, .len = strlen(row->cells[0].text)};

        (void)text_add(&t, " *");
    }
}

static bool
is_number_column(size_t column)
{
    return column >= 2 && column <= 5;
}

static void
put_row(FILE *out, const struct render_options *options, const struct row *row,
    const int widths[static COLUMN_N])
{
    for (size_t c = 0; c < COLUMN_N; c++) {
        const char *text = row->cells[c].text;
        int pad = widths[c] - paint_columns(text);
        enum tone tone = c == 0 || c == 6 ? row->tone : TONE_PLAIN;
        bool last = c == COLUMN_N - 1;

        (void)fprintf(out, "%*s", is_number_column(c) && pad > 0 ? pad : 0, "");
        paint_put(out, options, tone, text);
        (void)fprintf(out, "%*s", !is_number_column(c) && !last && pad > 0 ? pad : 0, "");
        (void)fputs(last ? "\n" : c == 0 ? "  " : " ", out);
    }
}

static void
grow_widths(const struct row *row, int widths[static COLUMN_N])
{
    for (size_t c = 0; c < COLUMN_N; c++) {
        int columns = paint_columns(row->cells[c].text);

        widths[c] = columns > widths[c] ? columns : widths[c];
    }
}

static void
render_table(
    FILE *out, const json_t *endpoints, int64_t now_s, const struct render_options *options)
{
    int widths[COLUMN_N] = {0};
    struct row head = {.tone = TONE_PLAIN};
    struct row row;
    bool any_optional = false;

    for (size_t c = 0; c < COLUMN_N; c++) {
        (void)str_copy(head.cells[c].text, CELL_SIZE, titles[c]);
    }
    grow_widths(&head, widths);
    for (size_t i = 0; i < json_array_size(endpoints); i++) {
        fill_row(json_array_get(endpoints, i), now_s, &row);
        grow_widths(&row, widths);
    }
    (void)fputs(options->color ? "  " : "", out);
    put_row(out, options, &head, widths);
    for (size_t i = 0; i < json_array_size(endpoints); i++) {
        const json_t *endpoint = json_array_get(endpoints, i);

        fill_row(endpoint, now_s, &row);
        any_optional |= json_is_false(json_object_get(endpoint, "required"));
        if (options->color) {
            paint_put(out, options, row.tone, tone_mark(row.tone));
            (void)fputc(' ', out);
        }
        put_row(out, options, &row, widths);
    }
    if (any_optional) {
        paint_put(out, options, TONE_DIM, "* not required");
        (void)fputc('\n', out);
    }
}

static void
put_labelled(FILE *out, const struct render_options *options, const char *label, const char *text)
{
    char line[LINE_SIZE];
    struct text t = TEXT(line);

    (void)text_add(&t, "%s%s", label, text);
    paint_wrapped(out, options, NOTE_INDENT, line);
}

/* What was seen and what to change, for one endpoint that is not well; notes for any. */
static void
render_details(
    FILE *out, const json_t *endpoint, const json_t *causes, const struct render_options *options)
{
    const json_t *notes = json_object_get(endpoint, "notes");
    char state[CELL_SIZE];
    char verdict[CELL_SIZE];
    char key[CELL_SIZE];
    char hostname[LINE_SIZE];
    char text[LINE_SIZE];
    bool well;

    paint_text_of(endpoint, "state", state, sizeof(state));
    well = streq(state, "ok");
    if (well && json_array_size(notes) == 0) {
        return;
    }
    paint_text_of(endpoint, "verdict", verdict, sizeof(verdict));
    paint_text_of(endpoint, "endpoint", key, sizeof(key));
    paint_text_of(endpoint, "hostname", hostname, sizeof(hostname));
    (void)fputc('\n', out);
    paint_put(out, options, tone_of_state(state), key);
    (void)fprintf(out, ": %s (%s)\n", verdict, hostname);
    paint_text_of(endpoint, "summary", text, sizeof(text));
    put_labelled(out, options, "", text);
    if (!well && json_is_string(json_object_get(endpoint, "remedy"))) {
        bool explained = status_is_explained(causes, endpoint);

        paint_text_of(endpoint, "remedy", text, sizeof(text));
        put_labelled(out, options, "-> ", explained ? "see the cause above" : text);
    }
    for (size_t i = 0; i < json_array_size(notes); i++) {
        const json_t *note = json_array_get(notes, i);
        struct text t = TEXT(text);

        text[0] = '\0';
        if (json_is_string(note)) {
            (void)text_add_printable(&t, json_string_value(note), json_string_length(note));
            put_labelled(out, options, "note: ", text);
        }
    }
}

static void
render_causes(FILE *out, const json_t *causes, const struct render_options *options)
{
    for (size_t i = 0; i < json_array_size(causes); i++) {
        const json_t *cause = json_array_get(causes, i);
        char verdict[CELL_SIZE];
        char text[2 * LINE_SIZE]; /* a remedy may list many services */

        paint_text_of(cause, "verdict", verdict, sizeof(verdict));
        (void)fputs("\ncause: ", out);
        paint_put(out, options, TONE_BAD, verdict);
        (void)fputc('\n', out);
        paint_text_of(cause, "summary", text, sizeof(text));
        put_labelled(out, options, "", text);
        paint_text_of(cause, "remedy", text, sizeof(text));
        put_labelled(out, options, "-> ", text);
    }
}

static void
render_nameservers(FILE *out, const json_t *servers, const struct render_options *options)
{
    for (size_t i = 0; i < json_array_size(servers); i++) {
        const json_t *server = json_array_get(servers, i);
        char address[CELL_SIZE * 2];
        char state[CELL_SIZE];
        char outcome[CELL_SIZE];

        paint_text_of(server, "state", state, sizeof(state));
        if (!streq(state, "failed")) {
            continue;
        }
        paint_text_of(server, "address", address, sizeof(address));
        paint_text_of(server, "last_outcome", outcome, sizeof(outcome));
        paint_put(out, options, TONE_WARN, "name server ");
        (void)fprintf(out, "%s fails: %s\n", address, outcome);
    }
}

/* Only while there is something to say of it. */
static void
render_lifecycle(FILE *out, const json_t *lifecycle, const struct render_options *options)
{
    char target[CELL_SIZE];
    char action[CELL_SIZE];
    char result[CELL_SIZE];
    bool well;

    if (status_text(lifecycle, "last_action") == NULL) {
        return;
    }
    paint_text_of(lifecycle, "target", target, sizeof(target));
    paint_text_of(lifecycle, "last_action", action, sizeof(action));
    paint_text_of(lifecycle, "last_result", result, sizeof(result));
    well = streq(result, "ok") || streq(result, "no-action");
    (void)fputs("Auto Scaling (target ", out);
    (void)fprintf(out, "%s): %s: ", target, action);
    paint_put(out, options, well ? TONE_GOOD : TONE_WARN, result);
    (void)fputc('\n', out);
}

static void
render_head(FILE *out, const json_t *status, int64_t now_s, const struct render_options *options)
{
    char state[CELL_SIZE];
    char summary[LINE_SIZE];
    char line[LINE_SIZE + 2 * CELL_SIZE];
    char age[CELL_SIZE];

    paint_text_of(status, "state", state, sizeof(state));
    paint_text_of(status, "summary", summary, sizeof(summary));
    paint_age_of(status, now_s, age, sizeof(age));
    if (options->color) {
        paint_put(out, options, tone_of_state(state), tone_mark(tone_of_state(state)));
        (void)fputc(' ', out);
    }
    paint_put(out, options, tone_of_state(state), state);
    (void)snprintf(line, sizeof(line), " for %s:", age);
    (void)fputs(line, out);
    if (paint_columns(state) + paint_columns(line) + paint_columns(summary) + NOTE_INDENT <=
        options->width) {
        (void)fprintf(out, " %s\n", summary);
    } else {
        (void)fputc('\n', out);
        paint_wrapped(out, options, NOTE_INDENT, summary);
    }
}

void
render_status(FILE *out, const json_t *status, const struct render_options *options)
{
    const json_t *endpoints = json_object_get(status, "endpoints");
    int64_t now_s = status_seconds(status, "generated_at");

    render_head(out, status, now_s, options);
    render_nameservers(out, json_object_get(status, "nameservers"), options);
    render_lifecycle(out, json_object_get(status, "lifecycle"), options);
    render_causes(out, json_object_get(status, "causes"), options);
    (void)fputc('\n', out);
    render_table(out, endpoints, now_s, options);
    for (size_t i = 0; i < json_array_size(endpoints); i++) {
        render_details(
            out, json_array_get(endpoints, i), json_object_get(status, "causes"), options);
    }
}
