/* What a serial console is told: the host's one-line verdict when it changes, and not too often,
 * for such a console is slow, and what EC2 keeps of it is 64 KiB. Pure. */
#ifndef VPCE_DAEMON_CLI_CONSOLE_H
#define VPCE_DAEMON_CLI_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>

/* So many lines in so long. */
#define CONSOLE_LINES_MAX 6
#define CONSOLE_WINDOW_MS 600000

/* An outage of many endpoints comes in bursts of events, and is one line. */
#define CONSOLE_SETTLE_MS 1000

/* After a start or new settings little is known for a while; only when it lasts it is told. */
#define CONSOLE_UNKNOWN_MS 60000

#define CONSOLE_LINE_SIZE 640

struct console {
    int64_t unknown_ms;                 /* monotonic, as all here: since when; -1: it is known */
    int64_t told_ms[CONSOLE_LINES_MAX]; /* a ring of the newest */
    uint64_t n_told;
    uint64_t n_changes;           /* seen since the last line */
    char told[CONSOLE_LINE_SIZE]; /* the last; "": none yet */
    char seen[CONSOLE_LINE_SIZE]; /* the newest, told or not */
};

void console_init(struct console *console);

/* line: "unhealthy: 1 of 6 …", as it is now; known: the state is not "unknown".
 * Returns whether to say it now; console_told says that it was said. *ret_wait_ms: otherwise when
 * to look again, or -1: there is nothing to say until it changes. */
bool console_look(
    struct console *console, const char *line, bool known, int64_t now_ms, int64_t *ret_wait_ms);

/* It was said. Returns how many other lines were passed over since the one before. */
uint64_t console_told(struct console *console, int64_t now_ms);

#endif
