/* What users and programs see of one sample report, pinned by files: a change of them is a change
 * of a promise, and must be meant. */
#include "sample.h"

#include "daemon/cli/render.h"
#include "daemon/event_streams.h"
#include "daemon/metrics.h"
#include "daemon/report_html.h"
#include "daemon/report_json.h"
#include "daemon/timeline.h"
#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* The version changes with every release, and is no promise. */
static void
mask_version(char *text)
{
    static const char version[] = "\"" VPCE_VERSION "\"";
    char *at = strstr(text, version);

    assert_non_null(at);
    memmove(at + 1, at + strlen(version) - 1, strlen(at + strlen(version) - 1) + 1);
}

static void
test_json(void **state)
{
    struct sample sample;
    json_t *json;
    char *text;

    (void)state;
    sample_init(&sample);
    json = report_json(&sample.report);
    assert_non_null(json);
    text = report_json_text(json, true);
    assert_non_null(text);
    mask_version(text);
    assert_true(golden_equal("status.json", text));
    free(text);
    json_decref(json);
    sample_done(&sample);
}

/* Made endpoint by endpoint it is the same. */
static void
test_json_line(void **state)
{
    struct sample sample;

    (void)state;
    sample_init(&sample);
    for (size_t n = 0; n <= ARRAY_SIZE(sample.endpoints); n++) {
        json_t *json;
        char *whole;
        char *line;

        sample.report.n_endpoints = n;
        json = report_json(&sample.report);
        whole = report_json_text(json, false);
        line = report_json_line(&sample.report);
        assert_non_null(line);
        assert_string_equal(line, whole);
        free(line);
        free(whole);
        json_decref(json);
    }
    sample_done(&sample);
}

static void
test_html(void **state)
{
    struct sample sample;
    json_t *status;
    json_t *timeline = sample_timeline();
    char *text;

    (void)state;
    sample_init(&sample);
    status = report_json(&sample.report);
    assert_int_equal(json_object_set_new(status, "version", json_string("")), 0);
    text = report_html(status, timeline, HTML_MODE_FILE);
    assert_non_null(text);
    assert_true(golden_equal("report.html", text));
    free(text);
    json_decref(status);
    json_decref(timeline);
    sample_done(&sample);
}

static void
test_metrics(void **state)
{
    const struct process_facts process = {12.5, 1768470000.25, 9437184, 17};
    struct sample sample;
    char *text;

    (void)state;
    sample_init(&sample);
    text = metrics_text(&sample.report, &process);
    assert_non_null(text);
    mask_version(text);
    assert_true(golden_equal("metrics.txt", text));
    free(text);
    sample_done(&sample);
}

/* What is not known is left out, not shown as nought. */
static void
test_metrics_unknown(void **state)
{
    const struct process_facts nothing = {-1, -1, -1, -1};
    struct sample sample;
    char *text;

    (void)state;
    sample_init(&sample);
    text = metrics_text(&sample.report, &nothing);
    assert_non_null(text);
    assert_null(strstr(text, "process_"));
    assert_null(strstr(text, "duration_seconds{endpoint=\"logs\""));
    assert_null(strstr(text, "last_run_timestamp_seconds{endpoint=\"logs\""));
    free(text);
    sample_done(&sample);
}

/* `vpce-probe status`: what it prints is read by people, and by their scripts all the same. */
static void
test_table(void **state)
{
    static const struct {
        const char *golden;
        struct render_options options;
    } tables[] = {{"status-80.txt", {.width = 80}}, {"status-120.txt", {.width = 120}},
        {"status-80-color.txt", {.width = 80, .color = true}},
        {"status-120-color.txt", {.width = 120, .color = true}}};
    struct sample sample;
    json_t *status;

    (void)state;
    sample_init(&sample);
    status = report_json(&sample.report);
    assert_non_null(status);
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);

        assert_non_null(out);
        render_status(out, status, &tables[i].options);
        assert_int_equal(fclose(out), 0);
        assert_true(golden_equal(tables[i].golden, text));
        free(text);
    }
    json_decref(status);
    sample_done(&sample);
}

/* Takes the event. */
static void
add_event(struct text *t, const char *name, json_t *event)
{
    char *data;
    char *text;

    assert_non_null(event);
    data = report_json_text(event, false);
    assert_non_null(data);
    text = event_streams_text(name, data);
    assert_non_null(text);
    assert_true(text_add(t, "%s", text));
    free(text);
    free(data);
    json_decref(event);
}

/* A client that has just come, a change of the host, one that took an endpoint down, and the first
 * one of an endpoint, which had no verdict before. */
static void
test_events(void **state)
{
    static char buf[16384];
    struct text t = TEXT(buf);
    const struct transition change = {.old_state = STATE_OK,
        .state = STATE_DEGRADED,
        .old_verdict = VERDICT_OK,
        .verdict = VERDICT_PARTLY_BLOCKED,
        .lasted_ms = 59000};
    const struct transition first = {.old_state = STATE_UNKNOWN,
        .state = STATE_OK,
        .old_verdict = VERDICT_NONE,
        .verdict = VERDICT_OK,
        .lasted_ms = 1250};
    struct sample sample;

    (void)state;
    sample_init(&sample);
    add_event(&t, "state", report_state_event_json(&sample.report, NULL));
    add_event(&t, "state", report_state_event_json(&sample.report, "healthy"));
    add_event(
        &t, "verdict", report_verdict_event_json(&sample.report, &sample.endpoints[1], &change));
    add_event(
        &t, "verdict", report_verdict_event_json(&sample.report, &sample.endpoints[0], &first));
    assert_true(golden_equal("events.txt", buf));
    sample_done(&sample);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_line), cmocka_unit_test(test_html),
        cmocka_unit_test(test_metrics), cmocka_unit_test(test_metrics_unknown),
        cmocka_unit_test(test_table), cmocka_unit_test(test_events)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
