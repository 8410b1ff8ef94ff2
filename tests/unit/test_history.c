/* daemon/cli/history: what a person and what a program reads, of the same outages. */
#include "daemon/cli/history.h"
#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define T0_US INT64_C(1795168800000000) /* 2026-11-20 10:00:00 UTC */
#define MIN_US INT64_C(60000000)

static char no_answer[] = "0 of 3 addresses work; 10.0.1.10 (apne1-az1), 10.0.2.10 (apne1-az2), "
                          "10.0.3.10 (apne1-az4): no answer to SYN";
static char hostile[] = "\\x1b[2J cannot be seen as more than it is";

static const struct outage outages[] = {
    {.endpoint = "ecs-telemetry",
        .start_us = T0_US - 90000 * MIN_US + 1,
        .before = true,
        .ended = true,
        .end_us = T0_US + MIN_US,
        .duration_ms = INT64_C(90001) * 60000 + 7,
        .state = STATE_FAILED,
        .verdict = "blocked",
        .first_verdict = "public-path",
        .last_verdict = "unexpected-address",
        .summary = no_answer,
        .restarts = 2},
    {.endpoint = "s3",
        .start_us = T0_US + 2 * MIN_US,
        .ended = true,
        .end_us = T0_US + 14 * MIN_US + 28123456,
        .duration_ms = 748123,
        .state = STATE_DEGRADED,
        .verdict = "partly-blocked",
        .first_verdict = "partly-blocked",
        .last_verdict = "partly-blocked",
        .summary = hostile},
    {.endpoint = "ecr.api",
        .start_us = T0_US + 20 * MIN_US,
        .duration_ms = -1,
        .state = STATE_FAILED,
        .verdict = "blocked",
        .first_verdict = "blocked",
        .last_verdict = "blocked",
        .restarts = 1},
    {.endpoint = "ecr.dkr",
        .start_us = T0_US + 21 * MIN_US,
        .duration_ms = -1,
        .state = STATE_FAILED},
    {.endpoint = "12345678901234567890123456789012",
        .start_us = T0_US + 22 * MIN_US,
        .ongoing = true,
        .duration_ms = 4100,
        .state = STATE_FAILED,
        .verdict = "blocked",
        .first_verdict = "tls-timeout",
        .last_verdict = "blocked"},
};

static struct history_facts
make_facts(size_t n)
{
    return (struct history_facts){.now_us = T0_US + 30 * MIN_US,
        .from_us = T0_US - 60 * MIN_US,
        .since_us = -1,
        .complete = true,
        .result = {.list = outages, .n = n, .n_records = n}};
}

/* Heap; caller frees. */
static char *
render(const struct history_facts *facts, int width, bool color)
{
    const struct render_options options = {.width = width, .color = color};
    json_t *history = history_json(facts);
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(history);
    history_render(out, history, &options);
    (void)fclose(out);
    json_decref(history);
    return text;
}

static void
check_text(const struct history_facts *facts, const char *expected)
{
    char *text = render(facts, 80, false);

    assert_string_equal(text, expected);
    free(text);
}

static void
table(void **state)
{
    const struct history_facts facts = make_facts(4);

    (void)state;
    check_text(&facts,
        "journal covers 2026-11-20 09:00 UTC to now\n"
        "\n"
        "START (UTC)             END                 FOR       ENDPOINT      STATE\n"
        "before 2026-09-18 22:01 2026-11-20 10:01:00 > 62d 12h ecs-telemetry failed\n"
        "  public-path -> blocked -> unexpected-address: 0 of 3 addresses work; 10.0.1.10\n"
        "  (apne1-az1), 10.0.2.10 (apne1-az2), 10.0.3.10 (apne1-az4): no answer to SYN\n"
        "  (vpce-probed was started again several times)\n"
        "2026-11-20 10:02:00     10:14:28            12min 28s s3            degraded\n"
        "  partly-blocked: \\x1b[2J cannot be seen as more than it is\n"
        "2026-11-20 10:20:00     not known           -         ecr.api       failed\n"
        "  blocked (vpce-probed was started again once, and has not judged it since)\n"
        "2026-11-20 10:21:00     not known           -         ecr.dkr       failed\n"
        "  - (its state has been unknown since)\n"
        "\n"
        "4 outages, 0 ongoing\n");
}

static void
empty(void **state)
{
    struct history_facts facts = make_facts(0);

    (void)state;
    check_text(&facts, "journal covers 2026-11-20 09:00 UTC to now\n"
                       "no outages: no record of vpce-probe.service in it\n");
    facts.result.n_records = 1;
    facts.since_us = T0_US;
    check_text(&facts, "journal covers 2026-11-20 09:00 UTC to now, outages since 2026-11-20 10:00 "
                       "UTC\nno outages\n");
}

/* Columns of the widest line, colours left out. */
static int
widest(char *text)
{
    int most = 0;
    char *rest = text;
    char *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        int columns = paint_columns(line);

        for (const char *p = line; (p = strstr(p, "\033[")) != NULL;) {
            size_t len = strcspn(p, "m") + 1;

            columns -= (int)len;
            p += len;
        }
        most = columns > most ? columns : most;
    }
    return most;
}

static void
widths(void **state)
{
    const struct history_facts facts = make_facts(ARRAY_SIZE(outages));

    (void)state;
    for (int width = 40; width <= 200; width++) {
        for (int color = 0; color <= 1; color++) {
            char *text = render(&facts, width, color != 0);

            assert_true(widest(text) <= width);
            free(text);
        }
    }
}

static void
json(void **state)
{
    const struct history_facts facts = make_facts(ARRAY_SIZE(outages));
    json_t *history = history_json(&facts);
    char *text = json_dumps(json_array_get(json_object_get(history, "outages"), 0), JSON_COMPACT);
    char *covers = json_dumps(json_object_get(history, "covers"), JSON_COMPACT);
    json_t *last = json_array_get(json_object_get(history, "outages"), 4);

    (void)state;
    assert_string_equal(
        covers, "{\"from\":\"2026-11-20T09:00:00.000Z\",\"to\":\"2026-11-20T10:30:00.000Z\"}");
    assert_string_equal(text,
        "{\"endpoint\":\"ecs-telemetry\",\"start\":\"2026-09-18T22:00:00.000Z\","
        "\"start_exact\":false,\"end\":\"2026-11-20T10:01:00.000Z\",\"ongoing\":false,"
        "\"duration_ms\":5400060007,\"state\":\"failed\",\"verdict\":\"blocked\","
        "\"first_verdict\":\"public-path\",\"last_verdict\":\"unexpected-address\","
        "\"summary\":\"0 of 3 addresses work; 10.0.1.10 (apne1-az1), 10.0.2.10 (apne1-az2), "
        "10.0.3.10 (apne1-az4): no answer to SYN\",\"restarts\":2}");
    assert_true(json_is_null(json_object_get(last, "end")));
    assert_true(json_is_true(json_object_get(last, "ongoing")));
    assert_true(json_is_null(json_object_get(last, "summary")));
    assert_true(json_is_true(json_object_get(history, "complete")));
    free(text);
    free(covers);
    json_decref(history);
}

/* What is cut or left out is no secret. */
static void
incomplete(void **state)
{
    struct history_facts facts[3];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
        json_t *history;

        facts[i] = make_facts(1);
        facts[i].complete = i != 0;
        facts[i].result.n_cut = i == 1;
        facts[i].result.n_ignored = i == 2;
        history = history_json(&facts[i]);
        assert_true(json_is_false(json_object_get(history, "complete")));
        json_decref(history);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(empty),
        cmocka_unit_test(widths),
        cmocka_unit_test(json),
        cmocka_unit_test(incomplete),
    };

    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
