/* How a verb prints a status: table or JSON, as wide as the terminal. See cli.h. */
#include "daemon/cli/cli.h"
#include "daemon/cli/nagios.h"
#include "daemon/cli/render.h"
#include "daemon/report_json.h"
#include "daemon/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_MIN 40
#define WIDTH_MAX 1000
#define WIDTH_DEFAULT 80

int
cli_width(void)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    uint64_t width = WIDTH_DEFAULT;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        width = size.ws_col;
    } else if (columns != NULL && parse_uint(columns, 1, WIDTH_MAX, &width) < 0) {
        width = WIDTH_DEFAULT;
    }
    return width < WIDTH_MIN ? WIDTH_MIN : (int)width;
}

static bool
print_json(const json_t *status)
{
    CLEANUP(cleanup_free) char *text = report_json_text(status, true);

    return text != NULL && puts(text) >= 0;
}

int
cli_print_status(const json_t *status, const struct cli_options *options)
{
    bool printed = true;

    if (options->json) {
        printed = print_json(status);
    } else if (options->nagios) {
        nagios_print(stdout, status);
    } else {
        const struct render_options render = {.width = cli_width(), .color = options->color};

        render_status(stdout, status, &render);
    }
    if (!printed || fflush(stdout) != 0 || ferror(stdout)) {
        (void)fprintf(stderr, "vpce-probe: cannot write the output\n");
        return CLI_EXIT_UNKNOWN;
    }
    return cli_exit_status(json_string_value(json_object_get(status, "state")));
}
