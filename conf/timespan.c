/* See timespan.h. */
#include "conf/timespan.h"

#include "daemon/util.h"

#include <errno.h>
#include <stdio.h>

#define YEAR_MS INT64_C(31557600000) /* 365.25 days, as systemd.time(7) counts */

struct unit {
    const char *name;
    int64_t ms;
};

/* As in systemd.time(7), without microseconds and without months (an "M" is too close to "m"). */
static const struct unit parse_units[] = {
    {"ms", 1},
    {"msec", 1},
    {"s", 1000},
    {"sec", 1000},
    {"second", 1000},
    {"seconds", 1000},
    {"m", 60000},
    {"min", 60000},
    {"minute", 60000},
    {"minutes", 60000},
    {"h", 3600000},
    {"hr", 3600000},
    {"hour", 3600000},
    {"hours", 3600000},
    {"d", 86400000},
    {"day", 86400000},
    {"days", 86400000},
    {"w", 604800000},
    {"week", 604800000},
    {"weeks", 604800000},
    {"y", YEAR_MS},
    {"year", YEAR_MS},
    {"years", YEAR_MS},
};

/* What timespan_format writes: large to small, each a multiple of the next. */
static const struct unit format_units[] = {
    {"d", 86400000},
    {"h", 3600000},
    {"min", 60000},
    {"s", 1000},
    {"ms", 1},
};

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static const char *
skip_blanks(const char *p)
{
    while (is_blank(*p)) {
        p++;
    }
    return p;
}

/* Reads digits at *p and moves *p behind them. */
static int
take_number(const char **p, int64_t *ret)
{
    int64_t number = 0;
    const char *start = *p;

    for (; **p >= '0' && **p <= '9'; (*p)++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, **p - '0', &number)) {
            return -ERANGE;
        }
    }
    if (*p == start) {
        return -EINVAL;
    }
    *ret = number;
    return 0;
}

/* Reads a unit's name at *p and moves *p behind it. */
static int
take_unit(const char **p, int64_t *ret_ms)
{
    const char *start = *p;
    size_t len;

    while (**p >= 'a' && **p <= 'z') {
        (*p)++;
    }
    len = (size_t)(*p - start);
    for (size_t i = 0; i < ARRAY_SIZE(parse_units); i++) {
        if (strlen(parse_units[i].name) == len && memcmp(parse_units[i].name, start, len) == 0) {
            *ret_ms = parse_units[i].ms;
            return 0;
        }
    }
    return -EINVAL;
}

/* Reads "30s" or "1 h" at *p. A number without a unit is seconds, but only when it is all there
 * is: what the 30 of "1h 30" means would be a guess. */
static int
take_part(const char **p, bool first, int64_t *ret_ms)
{
    int64_t number;
    int64_t unit_ms = 1000;
    int r = take_number(p, &number);

    if (r < 0) {
        return r;
    }
    *p = skip_blanks(*p);
    if (!first || **p != '\0') {
        r = take_unit(p, &unit_ms);
    }
    if (r < 0) {
        return r;
    }
    *p = skip_blanks(*p);
    return __builtin_mul_overflow(number, unit_ms, ret_ms) ? -ERANGE : 0;
}

int
timespan_parse(const char *text, int64_t *ret_ms)
{
    const char *p = skip_blanks(text);
    int64_t sum_ms = 0;
    bool too_long = false;
    bool first = true;

    do {
        int64_t part_ms = 0;
        int r = take_part(&p, first, &part_ms);

        if (r < 0) {
            return r;
        }
        too_long = too_long || __builtin_add_overflow(sum_ms, part_ms, &sum_ms);
        first = false;
    } while (*p != '\0');
    if (too_long || sum_ms > YEAR_MS) {
        return -ERANGE;
    }
    *ret_ms = sum_ms;
    return 0;
}

/* Writes ms as a count of units[i] and, when that leaves a rest, a count of one smaller unit.
 * false: it takes more than that. */
static bool
format_from(int64_t ms, size_t i, struct text *text)
{
    int64_t rest_ms = ms % format_units[i].ms;

    if (ms < format_units[i].ms) {
        return false;
    }
    if (rest_ms == 0) {
        return text_add(text, "%lld%s", (long long)(ms / format_units[i].ms), format_units[i].name);
    }
    for (size_t k = i + 1; k < ARRAY_SIZE(format_units); k++) {
        if (rest_ms % format_units[k].ms == 0 && rest_ms < format_units[k - 1].ms) {
            return text_add(text, "%lld%s %lld%s", (long long)(ms / format_units[i].ms),
                format_units[i].name, (long long)(rest_ms / format_units[k].ms),
                format_units[k].name);
        }
    }
    return false;
}

const char *
timespan_format(int64_t ms, char buf[static TIMESPAN_TEXT_SIZE])
{
    struct text text = {.buf = buf, .size = TIMESPAN_TEXT_SIZE};

    buf[0] = '\0';
    if (ms < 0 && ms > INT64_MIN) {
        (void)text_add(&text, "-");
        ms = -ms;
    }
    for (size_t i = 0; i < ARRAY_SIZE(format_units); i++) {
        if (format_from(ms, i, &text)) {
            return buf;
        }
    }
    (void)text_add(&text, "0");
    return buf;
}
