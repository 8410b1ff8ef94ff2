/* See render.h. Reads the JSON tolerantly: it may come from another version of the daemon, or from
 * somebody who only pretends to be one. */
#include "daemon/cli/render.h"

#include "conf/timespan.h"
#include "daemon/util.h"

#include <time.h>

#define CELL_SIZE 40
#define LINE_SIZE 2048
#define COLUMN_N 8
#define NOTE_INDENT 2

enum tone {
    TONE_PLAIN,
    TONE_GOOD,
    TONE_WARN,
    TONE_BAD,
    TONE_DIM,
};

struct cell {
    char text[CELL_SIZE];
};

struct row {
    enum tone tone;
    struct cell cells[COLUMN_N];
};

static const char *const titles[COLUMN_N] = {
    "ENDPOINT", "PATH", "UP", "DNS ms", "TCP ms", "TLS ms", "VERDICT", "FOR"};

static const char *
tone_start(enum tone tone)
{
    switch (tone) {
    case TONE_GOOD:
        return "\033[32m";
    case TONE_WARN:
        return "\033[33m";
    case TONE_BAD:
        return "\033[31m";
    case TONE_DIM:
        return "\033[2m";
    case TONE_PLAIN:
        break;
    }
    return "";
}

static const char *
mark(enum tone tone)
{
    switch (tone) {
    case TONE_GOOD:
        return "✓";
    case TONE_WARN:
        return "!";
    case TONE_BAD:
        return "✗";
    case TONE_PLAIN:
    case TONE_DIM:
        break;
    }
    return "?";
}

static void
put(FILE *out, const struct render_options *options, enum tone tone, const char *text)
{
    bool colored = options->color && tone != TONE_PLAIN;

    (void)fprintf(out, "%s%s%s", colored ? tone_start(tone) : "", text, colored ? "\033[0m" : "");
}

static enum tone
tone_of_state(const char *state)
{
    if (streq(state, "ok") || streq(state, "healthy")) {
        return TONE_GOOD;
    }
    if (streq(state, "degraded")) {
        return TONE_WARN;
    }
    return streq(state, "failed") || streq(state, "unhealthy") ? TONE_BAD : TONE_DIM;
}

/* A text of the object, safe to print; "-" when there is none. */
static void
text_of(const json_t *object, const char *key, char *ret, size_t size)
{
    const json_t *value = json_object_get(object, key);
    struct text t = {.buf = ret, .size = size};

    ret[0] = '\0';
    if (!json_is_string(value) || json_string_length(value) == 0) {
        (void)text_add(&t, "-");
        return;
    }
    (void)text_add_printable(&t, json_string_value(value), json_string_length(value));
}

static int64_t
seconds_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    struct tm tm = {0};

    if (text == NULL || strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) == NULL) {
        return -1;
    }
    return (int64_t)timegm(&tm);
}

/* How long the state has lasted when the status was made. */
static void
age_of(const json_t *object, int64_t now_s, struct cell *ret)
{
    int64_t since_s = seconds_of(object, "since");
    char text[TIMESPAN_TEXT_SIZE];

    if (since_s < 0 || now_s < since_s) {
        (void)str_copy(ret->text, sizeof(ret->text), "-");
        return;
    }
    (void)str_copy(ret->text, sizeof(ret->text),
        now_s == since_s ? "0s" : timespan_format((now_s - since_s) * 1000, text));
}

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

/* The slowest of the addresses; -1: none has it. */
static double
slowest(const json_t *addresses, const char *key)
{
    double worst = -1;

    for (size_t i = 0; i < json_array_size(addresses); i++) {
        const json_t *value = json_object_get(json_array_get(addresses, i), key);

        if (json_is_number(value) && json_number_value(value) > worst) {
            worst = json_number_value(value);
        }
    }
    return worst;
}

static void
up_cell(const json_t *addresses, struct cell *ret)
{
    struct text t = TEXT(ret->text);
    size_t n = 0;
    size_t n_up = 0;

    for (size_t i = 0; i < json_array_size(addresses); i++) {
        const json_t *address = json_array_get(addresses, i);
        const char *outcome = json_string_value(json_object_get(address, "outcome"));

        if (!json_is_false(json_object_get(address, "judged"))) {
            n++;
            n_up += outcome != NULL && streq(outcome, "ok");
        }
    }
    (void)text_add(&t, "%zu/%zu", n_up, n);
}

static void
fill_row(const json_t *endpoint, int64_t now_s, struct row *row)
{
    const json_t *addresses = json_object_get(endpoint, "addresses");
    const json_t *dns_ms = json_object_get(json_object_get(endpoint, "dns"), "ms");
    char state[CELL_SIZE];

    text_of(endpoint, "state", state, sizeof(state));
    row->tone = tone_of_state(state);
    text_of(endpoint, "endpoint", row->cells[0].text, CELL_SIZE);
    text_of(endpoint, "path", row->cells[1].text, CELL_SIZE);
    up_cell(addresses, &row->cells[2]);
    ms_cell(json_is_number(dns_ms) ? json_number_value(dns_ms) : -1, &row->cells[3]);
    ms_cell(slowest(addresses, "connect_ms"), &row->cells[4]);
    ms_cell(slowest(addresses, "tls_ms"), &row->cells[5]);
    text_of(endpoint, "verdict", row->cells[6].text, CELL_SIZE);
    age_of(endpoint, now_s, &row->cells[7]);
    if (json_is_false(json_object_get(endpoint, "required"))) {
        struct text t = {
            .buf = row->cells[0].text, .size = CELL_SIZE, .len = strlen(row->cells[0].text)};

        (void)text_add(&t, " *");
    }
}

/* Columns of a text on the terminal: UTF-8 characters, each taken as one column wide. */
static int
columns_of(const char *text)
{
    int n = 0;

    for (; *text != '\0'; text++) {
        n += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return n;
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
        int pad = widths[c] - columns_of(text);
        enum tone tone = c == 0 || c == 6 ? row->tone : TONE_PLAIN;
        bool last = c == COLUMN_N - 1;

        (void)fprintf(out, "%*s", is_number_column(c) && pad > 0 ? pad : 0, "");
        put(out, options, tone, text);
        (void)fprintf(out, "%*s", !is_number_column(c) && !last && pad > 0 ? pad : 0, "");
        (void)fputs(last ? "\n" : c == 0 ? "  " : " ", out);
    }
}

static void
grow_widths(const struct row *row, int widths[static COLUMN_N])
{
    for (size_t c = 0; c < COLUMN_N; c++) {
        int columns = columns_of(row->cells[c].text);

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
            put(out, options, row.tone, mark(row.tone));
            (void)fputc(' ', out);
        }
        put_row(out, options, &row, widths);
    }
    if (any_optional) {
        put(out, options, TONE_DIM, "* not required\n");
    }
}

/* Prints text in lines no wider than the terminal, each behind `indent` blanks. */
static void
put_wrapped(FILE *out, const struct render_options *options, int indent, const char *text)
{
    int room = options->width - indent;
    int column = 0;

    (void)fprintf(out, "%*s", indent, "");
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        char word[LINE_SIZE] = "";
        int columns;

        struct text t = TEXT(word);

        (void)text_add(&t, "%.*s", (int)len, text);
        columns = columns_of(word);
        if (column > 0 && column + 1 + columns > room) {
            (void)fprintf(out, "\n%*s", indent, "");
            column = 0;
        }
        (void)fprintf(out, "%s%s", column > 0 ? " " : "", word);
        column += columns + (column > 0);
        text += len + (text[len] == ' ');
    }
    (void)fputc('\n', out);
}

static void
put_labelled(FILE *out, const struct render_options *options, const char *label, const char *text)
{
    char line[LINE_SIZE];
    struct text t = TEXT(line);

    (void)text_add(&t, "%s%s", label, text);
    put_wrapped(out, options, NOTE_INDENT, line);
}

/* What was seen and what to change, for one endpoint that is not well; notes for any. */
static void
render_details(FILE *out, const json_t *endpoint, const struct render_options *options)
{
    const json_t *notes = json_object_get(endpoint, "notes");
    char state[CELL_SIZE];
    char verdict[CELL_SIZE];
    char key[CELL_SIZE];
    char hostname[LINE_SIZE];
    char text[LINE_SIZE];
    bool well;

    text_of(endpoint, "state", state, sizeof(state));
    well = streq(state, "ok");
    if (well && json_array_size(notes) == 0) {
        return;
    }
    text_of(endpoint, "verdict", verdict, sizeof(verdict));
    text_of(endpoint, "endpoint", key, sizeof(key));
    text_of(endpoint, "hostname", hostname, sizeof(hostname));
    (void)fputc('\n', out);
    put(out, options, tone_of_state(state), key);
    (void)fprintf(out, ": %s (%s)\n", verdict, hostname);
    text_of(endpoint, "summary", text, sizeof(text));
    put_labelled(out, options, "", text);
    if (!well && json_is_string(json_object_get(endpoint, "remedy"))) {
        text_of(endpoint, "remedy", text, sizeof(text));
        put_labelled(out, options, "-> ", text);
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
        char text[LINE_SIZE];

        text_of(cause, "verdict", verdict, sizeof(verdict));
        (void)fputs("\ncause: ", out);
        put(out, options, TONE_BAD, verdict);
        (void)fputc('\n', out);
        text_of(cause, "summary", text, sizeof(text));
        put_labelled(out, options, "", text);
        text_of(cause, "remedy", text, sizeof(text));
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

        text_of(server, "state", state, sizeof(state));
        if (!streq(state, "failed")) {
            continue;
        }
        text_of(server, "address", address, sizeof(address));
        text_of(server, "last_outcome", outcome, sizeof(outcome));
        put(out, options, TONE_WARN, "name server ");
        (void)fprintf(out, "%s fails: %s\n", address, outcome);
    }
}

static void
render_head(FILE *out, const json_t *status, int64_t now_s, const struct render_options *options)
{
    char state[CELL_SIZE];
    char summary[LINE_SIZE];
    char line[LINE_SIZE + 2 * CELL_SIZE];
    struct cell age;

    text_of(status, "state", state, sizeof(state));
    text_of(status, "summary", summary, sizeof(summary));
    age_of(status, now_s, &age);
    if (options->color) {
        put(out, options, tone_of_state(state), mark(tone_of_state(state)));
        (void)fputc(' ', out);
    }
    put(out, options, tone_of_state(state), state);
    (void)snprintf(line, sizeof(line), " for %s: ", age.text);
    (void)fputs(line, out);
    if (columns_of(state) + columns_of(line) + columns_of(summary) + NOTE_INDENT <=
        options->width) {
        (void)fprintf(out, "%s\n", summary);
    } else {
        (void)fputc('\n', out);
        put_wrapped(out, options, NOTE_INDENT, summary);
    }
}

void
render_status(FILE *out, const json_t *status, const struct render_options *options)
{
    const json_t *endpoints = json_object_get(status, "endpoints");
    int64_t now_s = seconds_of(status, "generated_at");

    render_head(out, status, now_s, options);
    render_nameservers(out, json_object_get(status, "nameservers"), options);
    render_causes(out, json_object_get(status, "causes"), options);
    (void)fputc('\n', out);
    render_table(out, endpoints, now_s, options);
    for (size_t i = 0; i < json_array_size(endpoints); i++) {
        render_details(out, json_array_get(endpoints, i), options);
    }
}
