/* See watch.h. The picture is written over the old one, line by line, instead of clearing the
 * screen first, which would flicker. Whatever ends it, the terminal is put back. */
#include "daemon/cli/watch.h"

#include "daemon/cli/render.h"
#include "daemon/text_stream.h"
#include "daemon/util.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define PERIOD_MS 1000
#define ROWS_DEFAULT 24

#define SCREEN_OPEN "\033[?1049h\033[?25l"
#define SCREEN_CLOSE "\033[?25h\033[?1049l"
#define HOME "\033[H"
#define END_OF_LINE "\033[K\n"
#define END_OF_SCREEN "\033[K\033[J"

static volatile sig_atomic_t signalled; /* the number of a signal that ends us; SIGWINCH: redraw */

static void
on_signal(int number)
{
    if (number != SIGWINCH || signalled == 0) {
        signalled = number;
    }
}

struct screen {
    bool is_terminal; /* standard output */
    bool has_keys;    /* standard input */
    struct termios before;
};

static void
open_screen(struct screen *screen)
{
    static const int numbers[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGWINCH, SIGPIPE};
    const struct sigaction action = {.sa_handler = on_signal};
    struct termios raw;

    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        (void)sigaction(numbers[i], &action, NULL);
    }
    (void)sigaction(SIGTSTP, &(struct sigaction){.sa_handler = SIG_IGN}, NULL); /* q is near */
    screen->is_terminal = isatty(STDOUT_FILENO) != 0;
    screen->has_keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &screen->before) == 0;
    if (screen->has_keys) {
        raw = screen->before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    if (screen->is_terminal) {
        (void)fputs(SCREEN_OPEN, stdout);
    }
}

static void
close_screen(const struct screen *screen)
{
    if (screen->is_terminal) {
        (void)fputs(SCREEN_CLOSE, stdout);
        (void)fflush(stdout);
    }
    if (screen->has_keys) {
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &screen->before);
    }
}

static int
rows(void)
{
    struct winsize size;

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row
                                                                           : ROWS_DEFAULT;
}

/* The status, or why there is none; the caller's. *ret_exit: what the verb would exit with. */
static char *
picture(const char *socket, const struct cli_options *options, int *ret_exit)
{
    const struct render_options render = {.width = cli_width(), .color = options->color};
    char error[CLI_ERROR_SIZE];
    json_t *status = NULL;
    struct text_stream stream;

    text_stream_open(&stream);
    if (stream.out == NULL) {
        return NULL;
    }
    *ret_exit = CLI_EXIT_UNKNOWN;
    if (cli_fetch_status(socket, CLI_TIMEOUT_MS, &status, error) < 0) {
        (void)fputs(error, stream.out);
    } else {
        render_status(stream.out, status, &render);
        *ret_exit = cli_exit_status(json_string_value(json_object_get(status, "state")));
        json_decref(status);
    }
    return text_stream_close(&stream);
}

/* As many lines as there is room for. */
static void
draw(const char *text)
{
    int room = rows() - 1;

    (void)fputs(HOME, stdout);
    for (int i = 0; i < room && *text != '\0'; i++) {
        size_t len = strcspn(text, "\n");

        (void)fwrite(text, 1, len, stdout);
        (void)fputs(END_OF_LINE, stdout);
        text += len + (text[len] != '\0');
    }
    (void)fputs(END_OF_SCREEN, stdout);
}

/* A second, or until something happens. true: the person wants to leave. */
static bool
wait_for_key(struct screen *screen)
{
    struct pollfd pollfd = {.fd = screen->has_keys ? STDIN_FILENO : -1, .events = POLLIN};
    char key = '\0';

    if (poll(&pollfd, 1, PERIOD_MS) <= 0) {
        return false;
    }
    if (read(STDIN_FILENO, &key, 1) <= 0) {
        screen->has_keys = false; /* the terminal is gone: only signals are left */
    }
    return key == 'q' || key == 'Q';
}

static bool
is_over(void)
{
    return signalled != 0 && signalled != SIGWINCH;
}

int
watch_status(const char *socket, const struct cli_options *options)
{
    CLEANUP(cleanup_free) char *shown = NULL;
    struct screen screen = {0};
    bool leave = false;
    int status = CLI_EXIT_UNKNOWN;

    open_screen(&screen);
    while (!leave && !is_over() && !ferror(stdout)) {
        char *text = picture(socket, options, &status);
        bool resized = signalled == SIGWINCH;

        signalled = is_over() ? signalled : 0;
        if (text != NULL && (resized || shown == NULL || !streq(text, shown))) {
            if (screen.is_terminal) {
                draw(text);
            } else {
                (void)printf("%s\n", text); /* a pipe gets one after the other */
            }
            (void)fflush(stdout);
        }
        free(shown);
        shown = text;
        leave = wait_for_key(&screen);
    }
    close_screen(&screen);
    return status;
}
