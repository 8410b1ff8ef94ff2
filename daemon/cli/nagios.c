/* See nagios.h. */
#include "daemon/cli/nagios.h"

#include "daemon/cli/cli.h"
#include "daemon/cli/paint.h"
#include "daemon/status_view.h"
#include "daemon/util.h"

#define LABEL_SIZE 40

static const char *
word_of(int exit_status)
{
    static const char *const words[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};

    return words[exit_status >= 0 && exit_status < CLI_EXIT_UNKNOWN ? exit_status
                                                                    : CLI_EXIT_UNKNOWN];
}

/* '|' begins the performance data, and a line ends the first line. */
static void
put_summary(FILE *out, const char *summary)
{
    for (; *summary != '\0'; summary++) {
        (void)fputc(*summary == '|' || *summary == '\n' ? '/' : *summary, out);
    }
}

/* A label may hold blanks, as it is quoted, but neither quote nor '='. */
static bool
is_label(const char *key)
{
    return strpbrk(key, "'=|\n") == NULL;
}

static void
put_endpoint(FILE *out, const json_t *endpoint)
{
    const json_t *addresses = json_object_get(endpoint, "addresses");
    char key[LABEL_SIZE];
    size_t n = 0;
    size_t n_up = 0;
    double slowest_ms = -1;

    paint_text_of(endpoint, "endpoint", key, sizeof(key));
    if (!is_label(key)) {
        return;
    }
    status_count_up(endpoint, &n_up, &n);
    for (size_t i = 0; i < json_array_size(addresses); i++) {
        const json_t *address = json_array_get(addresses, i);
        const char *outcome = status_text(address, "outcome");
        double ms = json_number_value(json_object_get(address, "connect_ms")) +
                    json_number_value(json_object_get(address, "tls_ms"));
        bool counts = !json_is_false(json_object_get(address, "judged"));

        if (counts && outcome != NULL && streq(outcome, "ok") && ms > slowest_ms) {
            slowest_ms = ms;
        }
    }
    (void)fprintf(out, " '%s up'=%zu;;;0;%zu", key, n_up, n);
    if (slowest_ms >= 0) {
        (void)fprintf(out, " '%s time'=%.1fms;;;0", key, slowest_ms);
    }
}

void
nagios_print(FILE *out, const json_t *status)
{
    const json_t *endpoints = json_object_get(status, "endpoints");
    const char *state = json_string_value(json_object_get(status, "state"));
    char summary[PAINT_LINE_SIZE];

    paint_text_of(status, "summary", summary, sizeof(summary));
    (void)fprintf(out, "VPCE-PROBE %s: ", word_of(cli_exit_status(state)));
    put_summary(out, summary);
    (void)fputs(" |", out);
    for (size_t i = 0; i < json_array_size(endpoints); i++) {
        put_endpoint(out, json_array_get(endpoints, i));
    }
    (void)fputc('\n', out);
}
