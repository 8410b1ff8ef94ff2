/* A status from somebody who only pretends to be the daemon, and a time line behind it, through all
 * that shows it to a person: table, one line for Nagios, explanation, page. Inputs that are no JSON
 * do not get far (see client.c for those). */
#include "daemon/cli/cli.h"
#include "daemon/cli/explain.h"
#include "daemon/cli/nagios.h"
#include "daemon/cli/render.h"
#include "daemon/report_html.h"
#include "daemon/status_view.h"
#include "text_checks.h"

#include <string.h>

static void
check_nagios(const json_t *status)
{
    struct page page;
    char *bar;

    page_open(&page);
    nagios_print(page.out, status);
    page_close(&page);
    bar = strchr(page.text, '|');
    FUZZ_CHECK(strchr(page.text, '\n') == page.text + page.len - 1);
    FUZZ_CHECK(bar != NULL && bar == strrchr(page.text, '|'));
    page.text[page.len - 1] = '\0';
    FUZZ_CHECK(fuzz_is_printable(page.text));
    free(page.text);
}

static void
check_texts(const json_t *status)
{
    static const struct render_options options[] = {{.width = 40}, {.width = 120}};
    const json_t *endpoints = json_object_get(status, "endpoints");
    struct page page;

    for (size_t i = 0; i < 2; i++) {
        page_open(&page);
        render_status(page.out, status, &options[i]);
        page_check_lines(&page);
    }
    for (size_t i = 0; i < json_array_size(endpoints) && i < 4; i++) {
        page_open(&page);
        explain_print_endpoint(page.out, &options[0], status, json_array_get(endpoints, i));
        page_check_lines(&page);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    size_t len;
    char *text = fuzz_part(&input, &len);
    json_t *status = json_loadb(text, len, 0, NULL);
    json_t *timeline;
    int r = json_is_object(status) ? 0 : -1;

    free(text);
    if (r == 0) {
        text = fuzz_part(&input, &len);
        timeline = json_loadb(text, len, 0, NULL);
        free(text);
        check_texts(status);
        check_nagios(status);
        check_html(report_html(status, timeline, size % 2 == 0 ? HTML_MODE_FILE : HTML_MODE_LIVE));
        r = cli_exit_status(json_string_value(json_object_get(status, "state")));
        FUZZ_CHECK(r >= 0 && r <= CLI_EXIT_UNKNOWN);
        json_decref(timeline);
    }
    json_decref(status);
    return 0;
}
