/* daemon/outages: from records to outages, case by case, as one line of text for each outage:
 *
 *   endpoint start-end duration state first>worst>last "summary" and what is special */
#include "daemon/outages.h"
#include "daemon/util.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FROM_S 1000
#define NOW_S 9000
#define NOW_STEADY_S 500
#define US 1000000

/* old state, old verdict, state, verdict */
#define TO_OK "failed", "blocked", "ok", "ok"
#define TO_FAILED "ok", "ok", "failed", "blocked"
#define FIRST_FAILED "unknown", "none", "failed", "blocked"
#define FIRST_OK "unknown", "none", "ok", "ok"

struct row {
    int64_t at_s;         /* 0: no more */
    const char *endpoint; /* NULL: the daemon was started */
    const char *old_state;
    const char *old_verdict;
    const char *state;
    const char *verdict;
    const char *duration_ms;
    const char *summary;
    int64_t steady_s; /* 0: of another boot */
};

static const struct {
    const char *name;
    int64_t since_s;
    struct row rows[8];
    const char *expected;
} cases[] = {
    {"nothing", 0, {{0}}, ""},
    {"a start and an ok alone", 0, {{2000, NULL}, {2001, "s3", FIRST_OK, "900", "all well"}}, ""},
    {"one outage", 0,
        {{2000, "s3", TO_FAILED, "5000", "no answer"}, {2060, "s3", TO_OK, "60123", "fine"}},
        "s3 2000-2060 60123ms failed blocked>blocked>blocked \"no answer\"\n"},
    {"degraded, failed, degraded: the worst, its words, first and last", 0,
        {{2000, "s3", "ok", "ok", "degraded", "public-path", "1", "public"},
            {2010, "s3", "degraded", "public-path", "failed", "blocked", "10000", "no answer"},
            {2030, "s3", "failed", "blocked", "degraded", "partly-blocked", "20000", "1 of 3"},
            {2060, "s3", "degraded", "partly-blocked", "ok", "ok", "30000"}},
        "s3 2000-2060 60000ms failed public-path>blocked>partly-blocked \"no answer\"\n"},
    {"another verdict in the same state: the words stay those of the first", 0,
        {{2000, "s3", TO_FAILED, "5000", "no answer"},
            {2020, "s3", "failed", "blocked", "failed", "refused", "20000", "RST"},
            {2060, "s3", "failed", "refused", "ok", "ok", "60000"}},
        "s3 2000-2060 60000ms failed blocked>blocked>refused \"no answer\"\n"},
    {"nothing was said of it, ever", 0,
        {{2000, "s3", TO_FAILED, "5000"},
            {2020, "s3", "failed", "blocked", "failed", "refused", "20000", ""},
            {2060, "s3", "failed", "refused", "ok", "ok", "60000"}},
        "s3 2000-2060 60000ms failed blocked>blocked>refused -\n"},
    {"two outages", 0,
        {{2000, "s3", TO_FAILED, "5000", "a"}, {2060, "s3", TO_OK, "60000"},
            {3000, "s3", TO_FAILED, "940000", "b"}, {3001, "s3", TO_OK, "1000"}},
        "s3 2000-2060 60000ms failed blocked>blocked>blocked \"a\"\n"
        "s3 3000-3001 1000ms failed blocked>blocked>blocked \"b\"\n"},
    {"a restart inside: one outage, by the wall clock", 0,
        {{2000, "s3", TO_FAILED, "5000", "a"}, {2100, NULL},
            {2110, "s3", FIRST_FAILED, "9000", "b"}, {2200, "s3", TO_OK, "90000"}},
        "s3 2000-2200 200000ms failed blocked>blocked>blocked \"a\" restarts=1\n"},
    {"a restart that took up its states: still seen, and by the steady clock", 0,
        {{2000, "s3", TO_FAILED, "5000", "a"}, {2100, NULL, .state = "unhealthy"},
            {2200, "s3", TO_OK, "200123"}},
        "s3 2000-2200 200123ms failed blocked>blocked>blocked \"a\" restarts=1\n"},
    {"healed while the daemon was away: ends when that is seen", 0,
        {{2000, "s3", TO_FAILED, "5000", "a"}, {2100, NULL}, {2103, "s3", FIRST_OK, "3000"}},
        "s3 2000-2103 103000ms failed blocked>blocked>blocked \"a\" restarts=1\n"},
    {"worse after a restart", 0,
        {{2000, "s3", "ok", "ok", "degraded", "public-path", "1", "public"}, {2100, NULL},
            {2110, "s3", FIRST_FAILED, "9000", "b"}, {2200, "s3", TO_OK, "90000"}},
        "s3 2000-2200 200000ms failed public-path>blocked>blocked \"b\" restarts=1\n"},
    {"unknown in between does not end it", 0,
        {{2000, "s3", TO_FAILED, "5000", "a"},
            {2100, "s3", "failed", "blocked", "unknown", "no-resources", "100000", "ports"},
            {2200, "s3", "unknown", "no-resources", "failed", "blocked", "100000", "b"},
            {2300, "s3", TO_OK, "100000"}},
        "s3 2000-2300 300000ms failed blocked>blocked>blocked \"a\"\n"},
    {"failed from the first look on", 0,
        {{2000, NULL}, {2006, "s3", FIRST_FAILED, "6000", "a"}, {2060, "s3", TO_OK, "54000"}},
        "s3 2006-2060 54000ms failed blocked>blocked>blocked \"a\"\n"},
    {"endpoints overlap", 0,
        {{2000, "s3", TO_FAILED, "1", "a"}, {2010, "ecs", TO_FAILED, "1", "b"},
            {2020, "s3", TO_OK, "20000"}, {2040, "ecs", TO_OK, "30000"}},
        "s3 2000-2020 20000ms failed blocked>blocked>blocked \"a\"\n"
        "ecs 2010-2040 30000ms failed blocked>blocked>blocked \"b\"\n"},
    {"no end", 0, {{2000, "s3", TO_FAILED, "1", "a"}},
        "s3 2000- 7000000ms failed blocked>blocked>blocked \"a\" ongoing\n"},
    {"no end, and the daemon was started since", 0,
        {{2000, "s3", TO_FAILED, "1", "a"}, {2100, NULL}},
        "s3 2000- -1ms failed blocked>blocked>blocked \"a\" restarts=1\n"},
    {"no end, and unknown since", 0,
        {{2000, "s3", TO_FAILED, "1", "a"},
            {2100, "s3", "failed", "blocked", "unknown", "no-resources", "100000", "ports"}},
        "s3 2000- -1ms failed blocked>blocked>blocked \"a\"\n"},
    {"no begin: the ok record tells it", 0, {{2000, "s3", TO_OK, "60000", "fine"}},
        "s3 1940-2000 60000ms failed blocked>blocked>blocked -\n"},
    {"no begin, before the journal", 0, {{2000, "s3", TO_OK, "1800000"}},
        "s3 200-2000 1800000ms failed blocked>blocked>blocked - before\n"},
    {"no begin, no duration: before the journal", 0, {{2000, "s3", TO_OK, NULL}},
        "s3 1000-2000 1000000ms failed blocked>blocked>blocked - before\n"},
    {"no begin, and still going on", 0,
        {{2000, "s3", "failed", "refused", "degraded", "public-path", "1500000", "public"}},
        "s3 500- 8500000ms failed refused>refused>public-path - before ongoing\n"},
    {"no begin: words for the same state are taken when they come", 0,
        {{2000, "s3", "failed", "refused", "failed", "blocked", "500000", "no answer"},
            {2100, "s3", TO_OK, "600000"}},
        "s3 1500-2100 600000ms failed refused>blocked>blocked \"no answer\"\n"},
    {"no begin, unknown is the first that is heard", 0,
        {{2000, "s3", "failed", "refused", "unknown", "no-resources", "500000", "ports"},
            {2100, "s3", "unknown", "no-resources", "ok", "ok", "100000"}},
        "s3 1500-2100 600000ms failed refused>refused>refused -\n"},
    {"no ok record in between: the next failure tells when it was ok", 0,
        {{2000, "s3", TO_FAILED, "1", "a"}, {2500, "s3", TO_FAILED, "300000", "b"},
            {2600, "s3", TO_OK, "100000"}},
        "s3 2000-2200 200000ms failed blocked>blocked>blocked \"a\"\n"
        "s3 2500-2600 100000ms failed blocked>blocked>blocked \"b\"\n"},
    {"the clock was set back inside: the steady clock counts", 0,
        {{2000, "s3", TO_FAILED, "1", "a"}, {1500, "s3", TO_OK, "40000"}},
        "s3 2000-1500 40000ms failed blocked>blocked>blocked \"a\"\n"},
    {"the clock was set forward inside", 0,
        {{2000, "s3", TO_FAILED, "1", "a"}, {8000, "s3", TO_OK, "40000"}},
        "s3 2000-8000 40000ms failed blocked>blocked>blocked \"a\"\n"},
    {"the clock was set back, and the daemon restarted: what is known at least", 0,
        {{2000, "s3", TO_FAILED, "1", "a"}, {1500, NULL}, {1510, "s3", FIRST_FAILED, "1", "b"},
            {1550, "s3", TO_OK, "40000"}},
        "s3 2000-1550 40000ms failed blocked>blocked>blocked \"a\" restarts=1\n"},
    {"the clock was set back, and it goes on", 0, {{9500, "s3", TO_FAILED, "1", "a"}},
        "s3 9500- 0ms failed blocked>blocked>blocked \"a\" ongoing\n"},
    {"the clock was set back, and it goes on, in this boot", 0,
        {{9500, "s3", TO_FAILED, "1", "a", 440}},
        "s3 9500- 60000ms failed blocked>blocked>blocked \"a\" ongoing\n"},
    {"the clock was set forward, and it goes on", 0, {{2000, "s3", TO_FAILED, "1", "a", 440}},
        "s3 2000- 60000ms failed blocked>blocked>blocked \"a\" ongoing\n"},
    {"likewise, worse and another verdict meanwhile", 0,
        {{2000, "s3", "ok", "ok", "degraded", "public-path", "1", "public", 410},
            {2020, "s3", "degraded", "public-path", "failed", "blocked", "20000", "a", 430},
            {2030, "s3", "failed", "blocked", "failed", "refused", "10000", "b", 440}},
        "s3 2000- 90000ms failed public-path>blocked>refused \"a\" ongoing\n"},
    {"likewise, and its begin is not there", 0,
        {{2000, "s3", "failed", "blocked", "failed", "refused", "30000", "b", 440}},
        "s3 1970- 90000ms failed blocked>refused>refused \"b\" ongoing\n"},
    {"likewise, and a restart that took up its states", 0,
        {{2000, "s3", TO_FAILED, "1", "a", 440}, {2010, NULL, .state = "unhealthy"}},
        "s3 2000- 60000ms failed blocked>blocked>blocked \"a\" ongoing restarts=1\n"},
    {"it goes on, and the host was booted since", 0,
        {{2000, "s3", TO_FAILED, "1", "a"}, {2010, NULL, .state = "unhealthy", .steady_s = 5}},
        "s3 2000- 7000000ms failed blocked>blocked>blocked \"a\" ongoing restarts=1\n"},
    {"a steady clock that is ahead of itself", 0, {{2000, "s3", TO_FAILED, "1", "a", 501}},
        "s3 2000- 7000000ms failed blocked>blocked>blocked \"a\" ongoing\n"},
    {"a duration that is none", 0,
        {{2000, "s3", TO_FAILED, "garbage", "a"}, {2060, "s3", TO_OK, "-60000"},
            {3000, "ecs", TO_OK, "99999999999999999999"},
            {4000, "ecr.api", TO_OK, "3155760000001"}},
        "ecr.api 1000-4000 3000000ms failed blocked>blocked>blocked - before\n"
        "ecs 1000-3000 2000000ms failed blocked>blocked>blocked - before\n"
        "s3 2000-2060 60000ms failed blocked>blocked>blocked \"a\"\n"},
    {"a duration that reaches before 1970", 0, {{2000, "s3", TO_OK, "3155760000000"}},
        "s3 1000-2000 1000000ms failed blocked>blocked>blocked - before\n"},
    {"records that make no sense are left out", 0,
        {{2000, "", TO_FAILED, "1", "a"}, {2001, "s3", "ok", "ok", "broken", "blocked", "1", "a"},
            {2002, "s3", "ok", "ok", NULL, "blocked", "1", "a"},
            {2003, "123456789012345678901234567890123", TO_FAILED, "1", "a"},
            {2004, "s3", "?", NULL, "failed", NULL, NULL, NULL}, {2005, "s3", TO_OK, NULL}},
        "s3 2004-2005 1000ms failed >> -\nignored=4\n"},
    {"texts are made safe", 0,
        {{2000, "a\033[2J", "ok", "ok", "failed", "x\ny", "1", "\xff \\x07 \xc3\xa9"}},
        "a\\x1b[2J 2000- 7000000ms failed x\\x0ay>x\\x0ay>x\\x0ay \"\\xff \\x07 \xc3\xa9\" "
        "ongoing\n"},
    {"since: what has ended before is left out", 2100,
        {{2000, "s3", TO_FAILED, "1", "a"}, {2099, "s3", TO_OK, "99000"},
            {2000, "ecs", TO_FAILED, "1", "b"}, {2100, "ecs", TO_OK, "100000"},
            {2000, "logs", TO_FAILED, "1", "c"}},
        "ecs 2000-2100 100000ms failed blocked>blocked>blocked \"b\"\n"
        "logs 2000- 7000000ms failed blocked>blocked>blocked \"c\" ongoing\n"},
};

static int
add_row(struct outages *outages, const struct row *row)
{
    const struct outage_record record = {.at_us = row->at_s * US,
        .event = row->endpoint != NULL ? OUTAGE_EVENT_CHANGED : OUTAGE_EVENT_STARTED,
        .endpoint = row->endpoint,
        .old_state = row->old_state,
        .state = row->state,
        .old_verdict = row->old_verdict,
        .verdict = row->verdict,
        .summary = row->summary,
        .duration_ms = row->duration_ms,
        .steady_us = row->steady_s * US};

    return outages_add(outages, &record);
}

static void
add_outage(struct text *t, const struct outage *o)
{
    (void)text_add(t, "%s %" PRId64 "-", o->endpoint, o->start_us / US);
    if (o->ended) {
        (void)text_add(t, "%" PRId64, o->end_us / US);
    }
    (void)text_add(t, " %" PRId64 "ms %s %s>%s>%s ", o->duration_ms, endpoint_state_str(o->state),
        o->first_verdict, o->verdict, o->last_verdict);
    if (o->summary != NULL) {
        (void)text_add(t, "\"%s\"", o->summary);
    } else {
        (void)text_add(t, "-");
    }
    (void)text_add(t, "%s%s", o->before ? " before" : "", o->ongoing ? " ongoing" : "");
    if (o->restarts > 0) {
        (void)text_add(t, " restarts=%u", o->restarts);
    }
    (void)text_add(t, "\n");
}

static void
add_up(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct outages *outages = outages_new(INT64_C(1) * FROM_S * US, cases[i].since_s * US);
        struct outages_result result = {0};
        char got[4096] = "";
        struct text t = TEXT(got);

        assert_non_null(outages);
        for (const struct row *row = cases[i].rows; row->at_s != 0; row++) {
            assert_int_equal(add_row(outages, row), 0);
        }
        assert_int_equal(
            outages_finish(outages, INT64_C(1) * NOW_S * US, NOW_STEADY_S * US, &result), 0);
        for (size_t k = 0; k < result.n; k++) {
            add_outage(&t, &result.list[k]);
        }
        if (result.n_ignored > 0) {
            (void)text_add(&t, "ignored=%" PRIu64 "\n", result.n_ignored);
        }
        if (!streq(got, cases[i].expected)) {
            print_error("%s: got\n%sexpected\n%s", cases[i].name, got, cases[i].expected);
            failures++;
        }
        outages_free(outages);
    }
    assert_int_equal(failures, 0);
}

/* The newest stay, and the number of those that do not is told. */
static void
caps_outages(void **state)
{
    struct outages *outages = outages_new(0, 0);
    struct outages_result result;
    const size_t n = OUTAGES_MAX + 500;

    (void)state;
    for (size_t i = 0; i < n; i++) {
        const struct row failed = {(int64_t)(i * 10 + 1), "s3", TO_FAILED, "5000", "a"};
        const struct row ok = {(int64_t)(i * 10 + 6), "s3", TO_OK, "5000"};

        assert_int_equal(add_row(outages, &failed), 0);
        assert_int_equal(add_row(outages, &ok), 0);
    }
    assert_int_equal(add_row(outages, &(struct row){n * 10 + 1, "s3", TO_FAILED, "5000", "a"}), 0);
    assert_int_equal(outages_finish(outages, INT64_C(1) << 40, 0, &result), 0);
    assert_int_equal(result.n, OUTAGES_MAX + 1);
    assert_int_equal(result.n_cut, 500);
    assert_int_equal(result.n_records, 2 * n + 1);
    assert_int_equal(result.list[0].start_us, INT64_C(5001) * US);
    assert_true(result.list[OUTAGES_MAX].ongoing);
    outages_free(outages);
}

static void
caps_endpoints(void **state)
{
    struct outages *outages = outages_new(0, 0);
    struct outages_result result;

    (void)state;
    for (int64_t i = 1; i <= OUTAGES_ENDPOINTS_MAX + 3; i++) {
        char key[32];
        const struct row failed = {i, key, TO_FAILED, "5000", "a"};

        (void)snprintf(key, sizeof(key), "endpoint%" PRId64, i);
        assert_int_equal(add_row(outages, &failed), 0);
    }
    assert_int_equal(outages_finish(outages, INT64_C(1) << 40, 0, &result), 0);
    assert_int_equal(result.n, OUTAGES_ENDPOINTS_MAX);
    assert_int_equal(result.n_ignored, 3);
    outages_free(outages);
}

/* Values of any length, and times at the ends of what there is. */
static void
takes_extremes(void **state)
{
    static const int64_t times_us[] = {INT64_MIN, 0, INT64_MAX, INT64_MIN + 1, INT64_MAX - 1};
    const size_t len = 1 << 20;
    char *text = malloc(len + 1);
    struct outages *outages = outages_new(INT64_MIN, INT64_MIN);
    struct outages_result result;

    (void)state;
    memset(text, 'x', len);
    text[len] = '\0';
    for (size_t i = 0; i < 200; i++) {
        const struct outage_record record = {.at_us = times_us[i % ARRAY_SIZE(times_us)],
            .steady_us = times_us[(i + i / 3) % ARRAY_SIZE(times_us)],
            .endpoint = i % 7 == 6   ? text
                        : i % 2 == 0 ? "s3"
                                     : "ecs",
            .old_state = i % 3 == 0 ? "failed" : text,
            .state = i % 4 == 3 ? "ok" : "failed",
            .old_verdict = text,
            .verdict = text,
            .summary = text,
            .duration_ms = i % 5 == 0 ? text : "3155760000000"};

        assert_int_equal(outages_add(outages, &record), 0);
    }
    assert_int_equal(outages_finish(outages, INT64_MAX, INT64_MAX, &result), 0);
    assert_true(result.n > 0);
    for (size_t i = 0; i < result.n; i++) {
        const struct outage *o = &result.list[i];

        assert_true(o->duration_ms >= -1);
        assert_true(strlen(o->verdict) < sizeof(o->verdict));
        assert_true(o->summary == NULL || strlen(o->summary) < OUTAGE_SUMMARY_SIZE);
    }
    outages_free(outages);
    free(text);
}

/* Freed without having been finished. */
static void
frees(void **state)
{
    struct outages *outages = outages_new(0, 0);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (const struct row *row = cases[i].rows; row->at_s != 0; row++) {
            assert_int_equal(add_row(outages, row), 0);
        }
    }
    outages_free(outages);
    outages_free(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(add_up),
        cmocka_unit_test(caps_outages),
        cmocka_unit_test(caps_endpoints),
        cmocka_unit_test(takes_extremes),
        cmocka_unit_test(frees),
    };

    return cmocka_run_group_tests_name("outages", tests, NULL, NULL);
}
