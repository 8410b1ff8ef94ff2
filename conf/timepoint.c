/* See timepoint.h. */
#include "conf/timepoint.h"

#include "conf/timespan.h"
#include "daemon/util.h"

#include <errno.h>
#include <time.h>

#define SECOND_US INT64_C(1000000)

/* Exactly n digits at *p; moves *p behind them. */
static bool
take_digits(const char **p, int n, int max, int *ret)
{
    int value = 0;

    for (int i = 0; i < n; i++, (*p)++) {
        if (**p < '0' || **p > '9') {
            return false;
        }
        value = value * 10 + (**p - '0');
    }
    *ret = value;
    return value <= max;
}

static bool
take_char(const char **p, const char *any_of)
{
    if (**p == '\0' || strchr(any_of, **p) == NULL) {
        return false;
    }
    (*p)++;
    return true;
}

static bool
take_date(const char **p, struct tm *tm)
{
    bool good = take_digits(p, 4, 9999, &tm->tm_year) && take_char(p, "-") &&
                take_digits(p, 2, 12, &tm->tm_mon) && take_char(p, "-") &&
                take_digits(p, 2, 31, &tm->tm_mday);

    tm->tm_year -= 1900;
    tm->tm_mon -= 1;
    return good;
}

/* "10:00", "10:00:30". 60 seconds: a leap second, or none at all. */
static bool
take_time(const char **p, struct tm *tm, bool *ret_seconds)
{
    if (!take_digits(p, 2, 23, &tm->tm_hour) || !take_char(p, ":") ||
        !take_digits(p, 2, 59, &tm->tm_min)) {
        return false;
    }
    *ret_seconds = take_char(p, ":");
    return !*ret_seconds || take_digits(p, 2, 60, &tm->tm_sec);
}

/* ".5": digits behind the point, at least one. */
static bool
take_fraction(const char **p, int64_t *ret_us)
{
    int64_t unit_us = SECOND_US;
    const char *start;

    if (!take_char(p, ".")) {
        return true;
    }
    for (start = *p; **p >= '0' && **p <= '9'; (*p)++) {
        unit_us /= 10;
        *ret_us += unit_us * (**p - '0');
    }
    return *p > start;
}

/* "Z", "+09:00" (RFC 3339 section 5.6). */
static bool
take_offset(const char **p, int64_t *ret_us)
{
    bool west = **p == '-';
    int hours;
    int minutes;

    if (take_char(p, "Zz")) {
        return true;
    }
    if (!take_char(p, "+-") || !take_digits(p, 2, 23, &hours) || !take_char(p, ":") ||
        !take_digits(p, 2, 59, &minutes)) {
        return false;
    }
    *ret_us = (int64_t)(hours * 60 + minutes) * 60 * (west ? -SECOND_US : SECOND_US);
    return true;
}

/* What follows the date. */
static bool
take_rest(const char *p, struct tm *tm, int64_t *ret_fraction_us, int64_t *ret_offset_us)
{
    bool seconds = false;

    if (*p == '\0') {
        return true;
    }
    if (take_char(&p, " ")) {
        return take_time(&p, tm, &seconds) && *p == '\0';
    }
    return take_char(&p, "Tt") && take_time(&p, tm, &seconds) && seconds &&
           take_fraction(&p, ret_fraction_us) && take_offset(&p, ret_offset_us) && *p == '\0';
}

/* timegm(3) turns what is no day, such as 30 February, into one that is. */
static int
parse_date(const char *text, int64_t *ret_us)
{
    struct tm tm = {.tm_sec = 0};
    struct tm normal;
    int64_t fraction_us = 0;
    int64_t offset_us = 0;
    int64_t us;

    if (!take_date(&text, &tm) || !take_rest(text, &tm, &fraction_us, &offset_us)) {
        return -EINVAL;
    }
    normal = tm;
    normal.tm_sec = 0;
    us = ((int64_t)timegm(&normal) + tm.tm_sec) * SECOND_US + fraction_us - offset_us;
    if (normal.tm_mday != tm.tm_mday || normal.tm_mon != tm.tm_mon) {
        return -EINVAL;
    }
    if (us < 0) {
        return -ERANGE;
    }
    *ret_us = us;
    return 0;
}

static bool
looks_like_date(const char *text)
{
    return strspn(text, "0123456789") == 4 && text[4] == '-';
}

int
timepoint_parse(const char *text, int64_t now_us, int64_t *ret_us)
{
    int64_t span_ms = 0;
    int r;

    if (looks_like_date(text)) {
        return parse_date(text, ret_us);
    }
    r = timespan_parse(text, &span_ms);
    if (r == 0 && span_ms > now_us / 1000) {
        r = -ERANGE;
    }
    if (r == 0) {
        *ret_us = now_us - span_ms * 1000;
    }
    return r;
}
