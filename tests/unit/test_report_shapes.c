/* What shows a status to a person takes any JSON: each value of a sample, one after the other, is
 * taken away or is of another type. The page stays well-formed XML, the table a text. */
#include "sample.h"

#include "daemon/cli/render.h"
#include "daemon/report_html.h"
#include "daemon/report_json.h"
#include "daemon/status_view.h"
#include "daemon/timeline.h"
#include "daemon/util.h"

#include <expat.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NODES_MAX 4096

/* Where a value stands: in this object under this key, or in this array at this index. */
struct place {
    json_t *parent;
    const char *key;
    size_t index;
};

struct places {
    struct place list[NODES_MAX];
    size_t n;
};

/* All values below root, each with the one it is in before it. */
static void
find_places(struct places *places, json_t *root)
{
    json_t *parent = root;

    places->n = 0;
    for (size_t next = 0;; next++) {
        const char *key;
        json_t *value;
        size_t i;

        json_object_foreach(parent, key, value)
        {
            assert_true(places->n < NODES_MAX);
            places->list[places->n++] = (struct place){.parent = parent, .key = key};
        }
        json_array_foreach(parent, i, value)
        {
            assert_true(places->n < NODES_MAX);
            places->list[places->n++] = (struct place){.parent = parent, .index = i};
        }
        if (next == places->n) {
            return;
        }
        const struct place *at = &places->list[next];

        parent = at->key != NULL ? json_object_get(at->parent, at->key)
                                 : json_array_get(at->parent, at->index);
    }
}

/* Puts value there, and gives back what was there. References are handed over. */
static json_t *
replace(const struct place *at, json_t *value)
{
    json_t *old;

    if (at->key != NULL) {
        old = json_incref(json_object_get(at->parent, at->key));
        assert_int_equal(json_object_set_new(at->parent, at->key, value), 0);
    } else {
        old = json_incref(json_array_get(at->parent, at->index));
        assert_int_equal(json_array_set_new(at->parent, at->index, value), 0);
    }
    return old;
}

static void
expect_well_formed(const char *page, const struct place *at, const char *value)
{
    XML_Parser parser = XML_ParserCreate("UTF-8");

    assert_non_null(parser);
    if (XML_Parse(parser, page, (int)strlen(page), 1) != XML_STATUS_OK) {
        print_error("%s is %s: %s in line %lu\n", at->key != NULL ? at->key : "an element", value,
            XML_ErrorString(XML_GetErrorCode(parser)), XML_GetCurrentLineNumber(parser));
        fail();
    }
    XML_ParserFree(parser);
}

static void
expect_table(const json_t *status)
{
    static const struct render_options options = {.width = 80, .color = true};
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    render_status(out, status, &options);
    assert_int_equal(fclose(out), 0);
    assert_true(len > 0);
    free(text);
}

static void
show(const json_t *status, const json_t *timeline, const struct place *at, const char *value)
{
    char *page = report_html(status, timeline, HTML_MODE_FILE);

    assert_non_null(page);
    expect_well_formed(page, at, value);
    free(page);
    expect_table(status);
}

static json_t *
timeline_with_a_note(void)
{
    json_t *timeline = sample_timeline();

    assert_non_null(timeline);
    timeline_set_note(timeline, "the journal was vacuumed");
    return timeline;
}

static void
each_value_is_another(void **state)
{
    static const char *const values[] = {"null", "false", "-1", "1e300", "\"x\"", "[]", "{}",
        "[[], {}, 1, \"y\", null]", "{\"outcome\": 1}"};
    struct places *places = malloc(sizeof(*places));
    struct sample sample;
    json_t *root;

    (void)state;
    assert_non_null(places);
    sample_init(&sample);
    root = json_pack(
        "{s:o, s:o}", "status", report_json(&sample.report), "timeline", timeline_with_a_note());
    assert_non_null(root);
    find_places(places, root);
    print_message("%zu values\n", places->n);
    assert_in_range(places->n, 200, NODES_MAX);
    for (size_t i = 0; i < places->n; i++) {
        for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
            json_t *old = replace(&places->list[i], json_loads(values[v], JSON_DECODE_ANY, NULL));

            show(json_object_get(root, "status"), json_object_get(root, "timeline"),
                &places->list[i], values[v]);
            json_decref(replace(&places->list[i], old));
        }
    }
    json_decref(root);
    sample_done(&sample);
    free(places);
}

/* ---- what there may be, beyond the sample ---- */

static json_t *
page_of(const char *status, char **ret_page)
{
    static const struct place nowhere = {.key = "the status"};
    json_t *json = json_loads(status, 0, NULL);

    assert_non_null(json);
    *ret_page = report_html(json, NULL, HTML_MODE_FILE);
    assert_non_null(*ret_page);
    expect_well_formed(*ret_page, &nowhere, status);
    return json;
}

#define ADDRESS(members)                                                                           \
    "{\"endpoints\":[{\"endpoint\":\"ecs\",\"state\":\"degraded\",\"addresses\":[{" members "}]}]" \
    "}"
#define EGRESS(members)                                                                            \
    "{\"egress\":{" members "},\"endpoints\":[{\"addresses\":[{\"class\":\"public\"}]}]}"

/* Where an address is drawn, and in which color. */
static void
pictures(void **state)
{
    static const struct {
        const char *status;
        const char *has[3];
    } rows[] = {
        {ADDRESS("\"class\":\"vpc\",\"outcome\":\"ok\",\"subnet\":\"10.0.1.0/24\""),
            {"10.0.1.0/24", "<g class=\"good\"><title>ecs"}},
        {ADDRESS("\"class\":\"private\",\"outcome\":\"ok\""), {"<g class=\"good\"><title>ecs"}},
        {ADDRESS("\"class\":\"public\",\"outcome\":\"ok\""), {"<g class=\"warn\"><title>ecs"}},
        {ADDRESS("\"class\":\"vpc\",\"outcome\":\"timeout\""), {"<g class=\"bad\"><title>ecs"}},
        {ADDRESS("\"class\":\"vpc\",\"outcome\":\"none\""), {"<g class=\"unknown\"><title>ecs"}},
        {ADDRESS("\"class\":\"vpc\",\"outcome\":\"no-resources\""),
            {"<g class=\"unknown\"><title>ecs"}},
        {ADDRESS("\"class\":\"vpc\",\"outcome\":\"ok\",\"judged\":false"),
            {"<g class=\"unknown\"><title>ecs"}},
        {ADDRESS("\"class\":\"special\",\"outcome\":\"ok\""), {"<g class=\"warn\"><title>ecs"}},
        {"{\"endpoints\":[{\"endpoint\":\"s3\",\"state\":\"ok\",\"path\":\"gateway\","
         "\"addresses\":[{\"class\":\"public\",\"outcome\":\"ok\"}]}]}",
            {"<g class=\"good\"><title>s3"}},
        {EGRESS("\"internet\":\"open\""), {"<g class=\"open\">", "→"}},
        {EGRESS("\"internet\":\"closed\""), {"<g class=\"closed\">", "⊘"}},
        {EGRESS("\"internet\":\"unknown\""), {"<g class=\"unknown\"><title>Whether"}},
        {EGRESS("\"internet\":\"ajar\""), {"<g class=\"unknown\"><title>Whether"}},
        {EGRESS("\"internet\":7"), {"<g class=\"unknown\"><title>Whether"}},
        /* one zone, two subnets of it: none is named */
        {"{\"endpoints\":[{\"addresses\":[{\"availability_zone\":\"az1\",\"subnet\":\"10.0.1.0/"
         "24\"}"
         ",{\"availability_zone\":\"az1\",\"subnet\":\"10.0.9.0/24\"},"
         "{\"availability_zone\":\"az1\"}]}]}",
            {"az1"}},
        {"{\"nameservers\":[{},{},{},{},{},{},{},{},{},{}],\"state\":\"unhealthy\"}", {"<svg"}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *page;
        json_t *json = page_of(rows[i].status, &page);

        for (size_t k = 0; k < ARRAY_SIZE(rows[i].has) && rows[i].has[k] != NULL; k++) {
            if (strstr(page, rows[i].has[k]) == NULL) {
                print_error("%s: no %s in\n%s\n", rows[i].status, rows[i].has[k], page);
                fail();
            }
        }
        free(page);
        json_decref(json);
    }
}

static void
older_changes(void **state)
{
    json_t *status = json_object();
    json_t *timeline = json_loads("{\"left_out\":5,\"entries\":[]}", 0, NULL);
    char *page;

    (void)state;
    assert_non_null(status);
    assert_non_null(timeline);
    page = report_html(status, timeline, HTML_MODE_FILE);
    assert_non_null(page);
    assert_non_null(strstr(page, "5 older ones are left out"));
    free(page);
    json_decref(status);
    json_decref(timeline);
}

/* ---- what is read out of it ---- */

static void
views(void **state)
{
    json_t *json =
        json_loads("{\"endpoints\":[1,{\"endpoint\":2},{\"endpoint\":\"s3\"}],"
                   "\"since\":\"2026-01-15T12:00:00Z\",\"at\":\"noon\",\"t\":\"\","
                   "\"dns\":{\"ipv4\":{\"elapsed_ms\":1.5},\"ipv6\":{\"elapsed_ms\":\"2\"}},"
                   "\"addresses\":[{\"connect_ms\":3,\"outcome\":\"ok\"},"
                   "{\"connect_ms\":\"9\",\"judged\":false},{\"connect_ms\":2}],"
                   "\"causes\":[{\"endpoints\":[1,\"ecs\"]},{\"endpoints\":[\"s3\"]}]}",
            0, NULL);
    json_t *none = json_object();
    size_t up;
    size_t n;

    (void)state;
    assert_non_null(json);
    assert_non_null(none);
    assert_null(status_text(json, "t"));
    assert_int_equal(status_seconds(json, "since"), 1768478400);
    assert_int_equal(status_seconds(json, "at"), -1);
    assert_non_null(status_endpoint(json, "s3"));
    assert_null(status_endpoint(json, "ecs"));
    status_count_up(json, &up, &n);
    assert_int_equal(up, 1);
    assert_int_equal(n, 2);
    assert_true(status_slowest_ms(json, "connect_ms") > 2.5);
    assert_true(status_slowest_ms(none, "connect_ms") < 0);
    assert_true(status_dns_ms(none) < 0);
    const json_t *causes = json_object_get(json, "causes");

    assert_true(status_is_explained(causes, status_endpoint(json, "s3")));
    assert_false(status_is_explained(causes, none));
    assert_false(status_is_explained(NULL, status_endpoint(json, "s3")));
    (void)json_object_set_new(none, "endpoint", json_string("logs"));
    assert_false(status_is_explained(causes, none));
    json_decref(json);
    json_decref(none);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_value_is_another),
        cmocka_unit_test(pictures),
        cmocka_unit_test(older_changes),
        cmocka_unit_test(views),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
