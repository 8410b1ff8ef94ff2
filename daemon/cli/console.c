/* See console.h. */
#include "daemon/cli/console.h"

#include "daemon/util.h"

void
console_init(struct console *console)
{
    *console = (struct console){.unknown_ms = -1};
}

/* 0: it is known, or was unknown for long enough. */
static int64_t
wait_for_knowledge_ms(struct console *console, bool known, int64_t now_ms)
{
    int64_t left_ms;

    if (known) {
        console->unknown_ms = -1;
        return 0;
    }
    if (console->unknown_ms < 0) {
        console->unknown_ms = now_ms;
    }
    left_ms = console->unknown_ms + CONSOLE_UNKNOWN_MS - now_ms;
    return left_ms > 0 ? left_ms : 0;
}

/* 0: a line may be said now. */
static int64_t
wait_for_room_ms(const struct console *console, int64_t now_ms)
{
    int64_t left_ms;

    if (console->n_told < CONSOLE_LINES_MAX) {
        return 0;
    }
    left_ms = console->told_ms[console->n_told % CONSOLE_LINES_MAX] + CONSOLE_WINDOW_MS - now_ms;
    return left_ms > 0 ? left_ms : 0;
}

bool
console_look(
    struct console *console, const char *line, bool known, int64_t now_ms, int64_t *ret_wait_ms)
{
    int64_t wait_ms = wait_for_knowledge_ms(console, known, now_ms);
    char cut[CONSOLE_LINE_SIZE];

    (void)str_copy(cut, sizeof(cut), line);
    *ret_wait_ms = -1;
    if (wait_ms > 0) {
        *ret_wait_ms = wait_ms;
        return false;
    }
    if (!streq(cut, console->seen)) {
        (void)str_copy(console->seen, sizeof(console->seen), cut);
        console->n_changes++;
    }
    if (streq(console->seen, console->told)) {
        return false;
    }
    wait_ms = wait_for_room_ms(console, now_ms);
    if (wait_ms > 0) {
        *ret_wait_ms = wait_ms;
        return false;
    }
    return true;
}

uint64_t
console_told(struct console *console, int64_t now_ms)
{
    uint64_t n_passed = console->n_changes > 0 ? console->n_changes - 1 : 0;

    console->told_ms[console->n_told % CONSOLE_LINES_MAX] = now_ms;
    console->n_told++;
    console->n_changes = 0;
    (void)str_copy(console->told, sizeof(console->told), console->seen);
    return n_passed;
}
