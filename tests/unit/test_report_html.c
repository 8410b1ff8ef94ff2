/* daemon/html and daemon/report_html: whatever stands in the data, it stays text. What the pages
 * look like is pinned by golden files; that they are well-formed is looked at by
 * tests/html_pages.py. */
#include "sample.h"

#include "daemon/html.h"
#include "daemon/html_assets.h"
#include "daemon/report_html.h"
#include "daemon/timeline.h"
#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define U_FFFD "\xef\xbf\xbd"

static void
escape(void **state)
{
    static const struct {
        const char *name;
        const char *text;
        size_t max_chars;
        const char *expected;
    } rows[] = {
        {"nothing", NULL, HTML_WHOLE, "-"},
        {"empty", "", HTML_WHOLE, ""},
        {"plain", "ecr.api 10.0.1.10", HTML_WHOLE, "ecr.api 10.0.1.10"},
        {"an element", "<script>alert(1)</script>", HTML_WHOLE,
            "&lt;script&gt;alert(1)&lt;/script&gt;"},
        {"the end of an attribute", "\" onload=\"x", HTML_WHOLE, "&quot; onload=&quot;x"},
        {"or of the other kind", "' x='", HTML_WHOLE, "&#39; x=&#39;"},
        {"an entity", "&lt;", HTML_WHOLE, "&amp;lt;"},
        {"UTF-8", "東京 é \xf0\x9f\x98\x80", HTML_WHOLE, "東京 é \xf0\x9f\x98\x80"},
        {"not UTF-8", "a\xff\xc3(\xed\xa0\x80", HTML_WHOLE,
            "a" U_FFFD U_FFFD "(" U_FFFD U_FFFD U_FFFD},
        {"cut in a character", "a\xe2\x82", HTML_WHOLE, "a" U_FFFD U_FFFD},
        {"longer than it must be", "\xc0\xbc", HTML_WHOLE, U_FFFD U_FFFD},
        {"control characters", "a\x01\x1b[2J\x7f", HTML_WHOLE, "a" U_FFFD U_FFFD "[2J" U_FFFD},
        {"C1 control characters", "a\xc2\x85", HTML_WHOLE, "a" U_FFFD U_FFFD},
        {"white space", "a\tb\nc", HTML_WHOLE, "a b c"},
        {"direction of writing",
            "a\xe2\x80\xae"
            "b\xe2\x81\xa6",
            HTML_WHOLE, "a" U_FFFD "b" U_FFFD},
        {"not in XML", "\xef\xbf\xbf", HTML_WHOLE, U_FFFD},
        {"it fits", "abc", 3, "abc"},
        {"it is cut", "abcd", 3, "ab…"},
        {"cut between characters", "東京都庁", 3, "東京…"},
        {"cut counts what is read", "<<<<", 3, "&lt;&lt;…"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);

        assert_non_null(out);
        html_text(out, rows[i].text, rows[i].max_chars);
        assert_int_equal(fclose(out), 0);
        if (!streq(text, rows[i].expected)) {
            fail_msg("%s: got %s, expected %s", rows[i].name, text, rows[i].expected);
        }
        free(text);
    }
}

/* Every text that a status or a time line can have, and keys that pick what is drawn. */
static const char *const hostile[] = {
    "</style><script>alert(1)</script>",
    "</title></svg><img src=\"http://evil.test/\" onerror=\"alert(1)\"/>",
    "\" onload=\"alert(1)\" x=\"",
    "' onclick='alert(1)' x='",
    "]]><!-- --><![CDATA[ long enough for a time",
    "javascript:alert(1) long enough for a time",
    "\x01\x1b[2J long enough for a time",
};

static const char *const text_keys[] = {"endpoint", "hostname", "state", "verdict", "path",
    "expected", "summary", "remedy", "since", "at", "address", "family", "class", "subnet",
    "availability_zone", "outcome", "phase", "error", "subject", "issuer", "not_after", "version",
    "generated_at", "instance_id", "region", "account_id", "launch_type", "internet", "control",
    "last_outcome", "old_state", "note", "from"};
static const char *const list_keys[] = {"commands", "notes", "names", "vpc_cidrs"};

/* An object with every text key; the keys in keep have that value instead. */
static json_t *
hostile_object(const char *text)
{
    json_t *object = json_object();

    for (size_t i = 0; i < ARRAY_SIZE(text_keys); i++) {
        (void)json_object_set_new(object, text_keys[i], json_string(text));
    }
    for (size_t i = 0; i < ARRAY_SIZE(list_keys); i++) {
        (void)json_object_set_new(object, list_keys[i], json_pack("[s]", text));
    }
    return object;
}

static json_t *
hostile_endpoint(const char *text, const char *class_name)
{
    json_t *endpoint = hostile_object(text);
    json_t *address = hostile_object(text);
    json_t *elsewhere = hostile_object(text);

    (void)json_object_set_new(address, "tls", hostile_object(text));
    (void)json_object_del(elsewhere, "availability_zone");
    (void)json_object_del(elsewhere, "subnet");
    (void)json_object_set_new(elsewhere, "class", json_string(class_name));
    (void)json_object_set_new(endpoint, "addresses", json_pack("[o, o]", address, elsewhere));
    return endpoint;
}

static json_t *
hostile_status(const char *text)
{
    json_t *status = hostile_object(text);
    json_t *cause = hostile_object(text);

    (void)json_object_set_new(cause, "endpoints", json_pack("[s]", text));
    (void)json_object_set_new(status, "host", hostile_object(text));
    (void)json_object_set_new(status, "egress", hostile_object(text));
    (void)json_object_set_new(status, "causes", json_pack("[o]", cause));
    (void)json_object_set_new(status, "nameservers", json_pack("[o]", hostile_object(text)));
    (void)json_object_set_new(status, "endpoints",
        json_pack("[o, o, o]", hostile_endpoint(text, "vpc"), hostile_endpoint(text, "public"),
            hostile_object(text)));
    return status;
}

static json_t *
hostile_timeline(const char *text)
{
    json_t *timeline = hostile_object(text);

    (void)json_object_set_new(timeline, "entries", json_pack("[o]", hostile_object(text)));
    return timeline;
}

static size_t
count(const char *text, const char *word)
{
    size_t n = 0;

    for (const char *at = text; (at = strstr(at, word)) != NULL; at++) {
        n++;
    }
    return n;
}

/* In a page what is no text is ours: so many of these there are, whatever the data. */
static void
nothing_breaks_out(void **state)
{
    static const char *const words[] = {
        "<script", "<img", "onload=\"", "onerror=\"", "onclick='", "</svg>", "<!--", "<![CDATA["};
    static const char calm_text[] = "2026-01-15T12:00:00 is long enough for a time";
    json_t *calm = hostile_status(calm_text);
    json_t *calm_timeline = hostile_timeline(calm_text);
    char *expected = report_html(calm, calm_timeline, HTML_MODE_LIVE);

    (void)state;
    assert_non_null(expected);
    assert_int_equal(count(expected, "<script"), 1);
    for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
        json_t *status = hostile_status(hostile[i]);
        json_t *timeline = hostile_timeline(hostile[i]);
        char *text = report_html(status, timeline, HTML_MODE_LIVE);

        assert_non_null(text);
        for (size_t w = 0; w < ARRAY_SIZE(words); w++) {
            if (count(text, words[w]) != count(expected, words[w])) {
                fail_msg("%s: %s got into the page", hostile[i], words[w]);
            }
        }
        assert_int_equal(count(text, "<"), count(expected, "<"));
        assert_int_equal(count(text, "\""), count(expected, "\""));
        assert_int_equal(count(text, "\x1b"), 0);
        free(text);
        json_decref(status);
        json_decref(timeline);
    }
    free(expected);
    json_decref(calm);
    json_decref(calm_timeline);
}

static void
hostile_page(void **state)
{
    json_t *status = hostile_status(hostile[1]);
    json_t *timeline = hostile_timeline(hostile[1]);
    char *text = report_html(status, timeline, HTML_MODE_FILE);

    (void)state;
    assert_non_null(text);
    assert_int_equal(count(text, "<script"), 0);
    assert_true(golden_equal("report-hostile.html", text));
    free(text);
    json_decref(status);
    json_decref(timeline);
}

/* Of any shape: values of other types, nothing at all. */
static void
any_json(void **state)
{
    static const char *const texts[] = {"{}", "[]",
        "{\"endpoints\": 1, \"host\": [], \"state\": 7}",
        "{\"endpoints\": [1, null, [], {}, {\"addresses\": [1, null, {}]}]}",
        "{\"endpoints\": [{\"addresses\": {}, \"dns\": 3, \"since\": \"yesterday\"}]}",
        "{\"causes\": [1, {\"endpoints\": 2}], \"nameservers\": [null, {}], \"egress\": \"\"}",
        "{\"generated_at\": \"2026-01-15T12:00:00Z\", \"since\": \"1e99\", \"entries\": [0, {}]}"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        json_t *json = json_loads(texts[i], 0, NULL);
        char *text;

        assert_non_null(json);
        text = report_html(json, json, HTML_MODE_FILE);
        assert_non_null(text);
        assert_int_equal(count(text, "</html>"), 1);
        free(text);
        json_decref(json);
    }
}

/* Hundreds of endpoints: the picture stays a picture, and shows what is wrong. */
static void
many_endpoints(void **state)
{
    json_t *endpoints = json_array();
    json_t *status = json_pack("{s:o}", "endpoints", endpoints);
    char *text;

    (void)state;
    for (int i = 0; i < 600; i++) {
        char zone[16];

        (void)snprintf(zone, sizeof(zone), "az%d", i % 40);
        (void)json_array_append_new(endpoints,
            json_pack("{s:s, s:s, s:[{s:s, s:s, s:s}]}", "endpoint", i == 400 ? "the-bad-one" : "e",
                "state", i == 400 ? "failed" : "ok", "addresses", "availability_zone", zone,
                "outcome", i == 400 ? "timeout" : "ok", "address", "10.0.0.1"));
    }
    text = report_html(status, NULL, HTML_MODE_FILE);
    assert_non_null(text);
    assert_in_range(count(text, "class=\"wire\""), 20, 300);
    assert_int_equal(count(text, "<title>the-bad-one"), 1);
    assert_true(count(text, " more: ") >= 1);
    free(text);
    json_decref(status);
}

static void
policy(void **state)
{
    char buf[REPORT_HTML_POLICY_SIZE];

    (void)state;
    assert_null(strstr(report_html_policy(HTML_MODE_FILE, buf), "script-src"));
    assert_non_null(strstr(buf, "default-src 'none'"));
    assert_null(strstr(buf, "connect-src"));
    assert_non_null(strstr(report_html_policy(HTML_MODE_LIVE, buf), "; script-src 'sha256-"));
    assert_null(strstr(buf, "unsafe"));
    assert_true(strlen(buf) + 1 < sizeof(buf));
    /* they stand in the page as they are */
    assert_null(strpbrk(report_css_text, "<&"));
    assert_null(strpbrk(report_js_text, "<&"));
}

static void
timeline_is_bounded(void **state)
{
    struct outage_record record = {
        .event = OUTAGE_EVENT_CHANGED, .endpoint = "e\xff\n", .duration_ms = "-1"};
    json_t *timeline = timeline_new();
    const json_t *entries = json_object_get(timeline, "entries");
    const json_t *first;

    (void)state;
    for (int i = 0; i < TIMELINE_MAX + 7; i++) {
        record.at_us = (int64_t)i * 1000000;
        assert_int_equal(timeline_add(timeline, &record), 0);
    }
    assert_int_equal(json_array_size(entries), TIMELINE_MAX);
    assert_int_equal(json_integer_value(json_object_get(timeline, "left_out")), 7);
    first = json_array_get(entries, 0);
    assert_string_equal(
        json_string_value(json_object_get(first, "at")), "1970-01-01T00:00:07.000Z");
    assert_string_equal(json_string_value(json_object_get(first, "endpoint")), "e\\xff\\x0a");
    assert_true(json_is_null(json_object_get(first, "lasted_ms")));
    json_decref(timeline);
}

static void
timeline_of_the_log(void **state)
{
    struct transition_log *log = transition_log_new();
    struct logged_transition change = {.key = "ecs",
        .state = STATE_FAILED,
        .old_state = STATE_OK,
        .verdict = VERDICT_BLOCKED,
        .lasted_ms = 5000,
        .wall_ms = 1000,
        .summary = "silence"};
    json_t *timeline;
    const json_t *entry;

    (void)state;
    assert_non_null(log);
    for (int i = 0; i < TIMELINE_MAX + 3; i++) {
        transition_log_push(log, &change);
    }
    timeline = timeline_of_log(log);
    assert_int_equal(json_array_size(json_object_get(timeline, "entries")), TIMELINE_MAX);
    assert_int_equal(json_integer_value(json_object_get(timeline, "left_out")), 3);
    entry = json_array_get(json_object_get(timeline, "entries"), 0);
    assert_string_equal(json_string_value(json_object_get(entry, "verdict")), "blocked");
    assert_string_equal(json_string_value(json_object_get(entry, "old_state")), "ok");
    assert_true(json_is_null(json_object_get(entry, "old_verdict")));
    assert_int_equal(json_integer_value(json_object_get(entry, "lasted_ms")), 5000);
    json_decref(timeline);
    transition_log_free(log);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(escape),
        cmocka_unit_test(nothing_breaks_out),
        cmocka_unit_test(hostile_page),
        cmocka_unit_test(any_json),
        cmocka_unit_test(many_endpoints),
        cmocka_unit_test(policy),
        cmocka_unit_test(timeline_is_bounded),
        cmocka_unit_test(timeline_of_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
