/* See report_html.h. Head, causes, picture, table, what to change, addresses, time line. */
#include "daemon/report_html.h"

#include "conf/timespan.h"
#include "daemon/html.h"
#include "daemon/html_assets.h"
#include "daemon/html_picture.h"
#include "daemon/status_view.h"
#include "daemon/text_stream.h"
#include "daemon/util.h"

#include <stdlib.h>

#define RELOAD_S 30
#define SHA256_LEN 32
#define HASH_SIZE 64

/* "sha256-" and base64 (RFC 4648), as a Content-Security-Policy names what it allows. */
static void
hash_source(const unsigned char hash[static SHA256_LEN], char ret[static HASH_SIZE])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct text text = {.buf = ret, .size = HASH_SIZE};

    (void)text_add(&text, "'sha256-");
    for (size_t i = 0; i < SHA256_LEN; i += 3) {
        unsigned second = hash[i + 1]; /* of 32 bytes two are left at the end */
        unsigned third = i + 2 < SHA256_LEN ? hash[i + 2] : 0;
        unsigned bits = (unsigned)hash[i] << 16 | second << 8 | third;

        (void)text_add(&text, "%c%c%c%c", digits[bits >> 18], digits[bits >> 12 & 63],
            digits[bits >> 6 & 63], i + 2 < SHA256_LEN ? digits[bits & 63] : '=');
    }
    (void)text_add(&text, "'");
}

const char *
report_html_policy(enum html_mode mode, char buf[static REPORT_HTML_POLICY_SIZE])
{
    struct text text = {.buf = buf, .size = REPORT_HTML_POLICY_SIZE};
    char style[HASH_SIZE];
    char script[HASH_SIZE];

    hash_source(report_css_sha256, style);
    hash_source(report_js_sha256, script);
    (void)text_add(
        &text, "default-src 'none'; style-src %s; base-uri 'none'; form-action 'none'", style);
    if (mode == HTML_MODE_LIVE) {
        (void)text_add(&text, "; script-src %s; connect-src 'self'", script);
    }
    return buf;
}

static const char *
host_name(const json_t *status)
{
    const json_t *host = json_object_get(status, "host");
    const char *name = status_text(host, "instance_id");

    return name != NULL ? name : status_text(host, "region");
}

static void
put_head(FILE *out, const json_t *status, enum html_mode mode)
{
    char policy[REPORT_HTML_POLICY_SIZE];

    (void)fprintf(out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"%s\"/>\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
        "<meta name=\"referrer\" content=\"no-referrer\"/>\n<title>",
        report_html_policy(mode, policy));
    html_text(out, status_text(status, "state"), HTML_WHOLE);
    (void)fputs(" - vpce-probe - ", out);
    html_text(out, host_name(status), HTML_WHOLE);
    (void)fprintf(out, "</title>\n<style>%s</style>\n", report_css_text);
    if (mode == HTML_MODE_LIVE) {
        (void)fprintf(out,
            "<script>%s</script>\n"
            "<noscript><meta http-equiv=\"refresh\" content=\"%d\"/></noscript>\n",
            report_js_text, RELOAD_S);
    }
    (void)fputs("</head>\n", out);
}

static void
put_span(FILE *out, int64_t ms)
{
    char buf[TIMESPAN_TEXT_SIZE];

    (void)fputs(ms < 0 ? "-" : ms < 1000 ? "0s" : timespan_format(ms / 1000 * 1000, buf), out);
}

/* How long the state of the host or of an endpoint has lasted. */
static void
put_age(FILE *out, const json_t *status, const json_t *object)
{
    int64_t now_s = status_seconds(status, "generated_at");
    int64_t since_s = status_seconds(object, "since");

    put_span(out, since_s < 0 || now_s < since_s ? -1 : (now_s - since_s) * 1000);
}

static void
put_state(FILE *out, const json_t *status)
{
    const char *state = status_text(status, "state");
    enum html_tone tone = html_tone_of_state(state);

    (void)fprintf(out, "<p class=\"state %s\" role=\"status\"><span class=\"badge\">%s ",
        html_tone_str(tone), html_tone_mark(tone));
    html_text(out, state, HTML_WHOLE);
    (void)fputs("</span> for ", out);
    put_age(out, status, status);
    (void)fputs(", since ", out);
    html_time(out, status_text(status, "since"));
    (void)fputs(" UTC<br/>", out);
    html_text(out, status_text(status, "summary"), HTML_WHOLE);
    (void)fputs("</p>\n", out);
}

static void
put_term(FILE *out, const char *term, const char *text)
{
    (void)fprintf(out, "<div><dt>%s</dt>", term);
    html_element(out, "dd", NULL, text);
    (void)fputs("</div>\n", out);
}

/* Texts of an array, one behind the other; "-" when there are none. */
static void
put_list(FILE *out, const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        (void)fputs(i > 0 ? ", " : "", out);
        html_text(out, json_string_value(json_array_get(array, i)), HTML_WHOLE);
    }
    if (json_array_size(array) == 0) {
        (void)fputc('-', out);
    }
}

static void
put_facts(FILE *out, const json_t *status)
{
    const json_t *host = json_object_get(status, "host");

    (void)fputs("<dl class=\"facts\">\n<div><dt>made at</dt><dd>", out);
    html_time(out, status_text(status, "generated_at"));
    (void)fputs(" UTC</dd></div>\n", out);
    put_term(out, "instance", status_text(host, "instance_id"));
    put_term(out, "Region", status_text(host, "region"));
    put_term(out, "Availability Zone", status_text(host, "availability_zone"));
    put_term(out, "account", status_text(host, "account_id"));
    put_term(out, "launch type", status_text(host, "launch_type"));
    put_term(out, "Internet", status_text(json_object_get(status, "egress"), "internet"));
    (void)fputs("<div><dt>VPC CIDRs</dt><dd>", out);
    put_list(out, json_object_get(host, "vpc_cidrs"));
    (void)fputs("</dd></div>\n</dl>\n", out);
}

static void
put_commands(FILE *out, const json_t *commands)
{
    size_t n = json_array_size(commands);

    if (n == 0) {
        return;
    }
    (void)fputs("<pre>", out);
    for (size_t i = 0; i < n; i++) {
        html_element(out, "code", NULL, json_string_value(json_array_get(commands, i)));
        (void)fputs(i + 1 < n ? "\n" : "", out);
    }
    (void)fputs("</pre>\n", out);
}

static void
put_remedy(FILE *out, const json_t *object)
{
    if (status_text(object, "remedy") != NULL) {
        (void)fputs("<p><strong>What to change:</strong> ", out);
        html_text(out, status_text(object, "remedy"), HTML_WHOLE);
        (void)fputs("</p>\n", out);
    }
    put_commands(out, json_object_get(object, "commands"));
}

static void
put_causes(FILE *out, const json_t *causes)
{
    if (json_array_size(causes) == 0) {
        return;
    }
    (void)fputs("<section aria-labelledby=\"causes\"><h2 id=\"causes\">Causes</h2>\n", out);
    for (size_t i = 0; i < json_array_size(causes); i++) {
        const json_t *cause = json_array_get(causes, i);

        (void)fputs("<div class=\"cause bad\"><h3 class=\"tone\">✗ ", out);
        html_text(out, status_text(cause, "verdict"), HTML_WHOLE);
        (void)fputs("</h3>\n", out);
        html_element(out, "p", NULL, status_text(cause, "summary"));
        (void)fputs("\n<p class=\"dim\">endpoints: ", out);
        put_list(out, json_object_get(cause, "endpoints"));
        (void)fputs("</p>\n", out);
        put_remedy(out, cause);
        (void)fputs("</div>\n", out);
    }
    (void)fputs("</section>\n", out);
}

static int
put_picture(FILE *out, const json_t *status)
{
    int r;

    (void)fputs("<section aria-labelledby=\"picture\"><h2 id=\"picture\">Paths</h2>\n", out);
    r = html_picture(out, status);
    (void)fputs("<ul class=\"legend\"><li>✓ solid: works</li><li>! long dashes: works, but not as "
                "expected</li><li>✗ short dashes: fails</li><li>? dots: not known, or not judged"
                "</li><li>⊘ and →: the Internet, closed or open</li></ul></section>\n",
        out);
    return r;
}

static void
put_ms_cell(FILE *out, double ms)
{
    (void)fputs("<td class=\"num\">", out);
    html_ms(out, ms);
    (void)fputs("</td>", out);
}

/* A cell with the mark of a state. */
static void
put_tone_cell(FILE *out, enum html_tone tone, const char *text)
{
    (void)fprintf(out, "<td class=\"tone %s\">%s ", html_tone_str(tone), html_tone_mark(tone));
    html_text(out, text, HTML_WHOLE);
    (void)fputs("</td>", out);
}

static void
put_endpoint_row(FILE *out, const json_t *status, const json_t *endpoint)
{
    bool optional = json_is_false(json_object_get(endpoint, "required"));
    size_t n;
    size_t n_up;

    status_count_up(endpoint, &n_up, &n);
    (void)fputs("<tr><th scope=\"row\">", out);
    html_text(out, status_text(endpoint, "endpoint"), HTML_WHOLE);
    (void)fprintf(out, "%s</th>", optional ? " *" : "");
    put_tone_cell(
        out, html_tone_of_state(status_text(endpoint, "state")), status_text(endpoint, "state"));
    html_element(out, "td", NULL, status_text(endpoint, "verdict"));
    html_element(out, "td", NULL, status_text(endpoint, "path"));
    (void)fprintf(out, "<td class=\"num\">%zu/%zu</td>", n_up, n);
    put_ms_cell(out, status_dns_ms(endpoint));
    put_ms_cell(out, status_slowest_ms(endpoint, "connect_ms"));
    put_ms_cell(out, status_slowest_ms(endpoint, "tls_ms"));
    (void)fputs("<td class=\"fix\">", out);
    put_age(out, status, endpoint);
    (void)fputs("</td></tr>\n", out);
}

static void
put_endpoints(FILE *out, const json_t *status)
{
    const json_t *endpoints = json_object_get(status, "endpoints");

    (void)fputs("<section aria-labelledby=\"endpoints\"><h2 id=\"endpoints\">Endpoints</h2>\n"
                "<div class=\"wide\"><table><caption>UP: addresses that work, of how many; times "
                "in milliseconds, of the slowest address; * not required</caption>\n<thead><tr>"
                "<th scope=\"col\">Endpoint</th><th scope=\"col\">State</th>"
                "<th scope=\"col\">Verdict</th><th scope=\"col\">Path</th>"
                "<th scope=\"col\" class=\"num\">UP</th><th scope=\"col\" class=\"num\">DNS</th>"
                "<th scope=\"col\" class=\"num\">TCP</th><th scope=\"col\" class=\"num\">TLS</th>"
                "<th scope=\"col\">For</th></tr></thead>\n<tbody>\n",
        out);
    for (size_t i = 0; i < json_array_size(endpoints); i++) {
        put_endpoint_row(out, status, json_array_get(endpoints, i));
    }
    (void)fputs("</tbody></table></div></section>\n", out);
}

static void
put_notes(FILE *out, const json_t *notes)
{
    if (json_array_size(notes) == 0) {
        return;
    }
    (void)fputs("<ul>", out);
    for (size_t i = 0; i < json_array_size(notes); i++) {
        (void)fputs("<li>note: ", out);
        html_text(out, json_string_value(json_array_get(notes, i)), HTML_WHOLE);
        (void)fputs("</li>", out);
    }
    (void)fputs("</ul>\n", out);
}

/* What was seen and what to change, of an endpoint that is not well; notes of any. */
static void
put_detail(FILE *out, const json_t *causes, const json_t *endpoint)
{
    enum html_tone tone = html_tone_of_state(status_text(endpoint, "state"));

    (void)fprintf(out, "<h3 class=\"tone %s\">%s ", html_tone_str(tone), html_tone_mark(tone));
    html_text(out, status_text(endpoint, "endpoint"), HTML_WHOLE);
    (void)fputs(": ", out);
    html_text(out, status_text(endpoint, "verdict"), HTML_WHOLE);
    (void)fputs("</h3>\n", out);
    html_element(out, "p", "dim", status_text(endpoint, "hostname"));
    html_element(out, "p", NULL, status_text(endpoint, "summary"));
    (void)fputc('\n', out);
    if (tone != HTML_TONE_GOOD && status_is_explained(causes, endpoint)) {
        (void)fputs("<p><strong>What to change:</strong> see the cause above.</p>\n", out);
    } else if (tone != HTML_TONE_GOOD) {
        put_remedy(out, endpoint);
    }
    put_notes(out, json_object_get(endpoint, "notes"));
}

static void
put_details(FILE *out, const json_t *status)
{
    const json_t *endpoints = json_object_get(status, "endpoints");
    bool any = false;

    for (size_t i = 0; i < json_array_size(endpoints); i++) {
        const json_t *endpoint = json_array_get(endpoints, i);
        enum html_tone tone = html_tone_of_state(status_text(endpoint, "state"));

        if (tone == HTML_TONE_GOOD && json_array_size(json_object_get(endpoint, "notes")) == 0) {
            continue;
        }
        (void)fputs(any ? ""
                        : "<section aria-labelledby=\"details\"><h2 id=\"details\">What was seen, "
                          "what to change</h2>\n",
            out);
        any = true;
        put_detail(out, json_object_get(status, "causes"), endpoint);
    }
    (void)fputs(any ? "</section>\n" : "", out);
}

static void
put_certificate(FILE *out, const json_t *tls)
{
    (void)fputs("<td>", out);
    if (json_is_object(tls)) {
        html_text(out, status_text(tls, "subject"), HTML_WHOLE);
        (void)fputs(", by ", out);
        html_text(out, status_text(tls, "issuer"), HTML_WHOLE);
        (void)fputs(", until ", out);
        html_time(out, status_text(tls, "not_after"));
        (void)fputs(", for ", out);
        put_list(out, json_object_get(tls, "names"));
    } else {
        (void)fputc('-', out);
    }
    (void)fputs("</td></tr>\n", out);
}

static void
put_address_row(FILE *out, const json_t *endpoint, const json_t *address)
{
    const char *outcome = status_text(address, "outcome");
    const char *zone = status_text(address, "availability_zone");
    bool judged = !json_is_false(json_object_get(address, "judged"));
    bool works = outcome != NULL && streq(outcome, "ok");

    (void)fputs("<tr>", out);
    html_element(out, "td", "key", status_text(endpoint, "endpoint"));
    html_element(out, "td", "mono", status_text(address, "address"));
    html_element(out, "td", NULL, zone != NULL ? zone : status_text(address, "subnet"));
    html_element(out, "td", "word", status_text(address, "class"));
    put_tone_cell(out,
        !judged ? HTML_TONE_UNKNOWN
        : works ? HTML_TONE_GOOD
                : HTML_TONE_BAD,
        outcome);
    html_element(out, "td", NULL, status_text(address, "error"));
    put_certificate(out, json_object_get(address, "tls"));
}

static void
put_addresses(FILE *out, const json_t *status)
{
    const json_t *endpoints = json_object_get(status, "endpoints");

    (void)fputs("<section aria-labelledby=\"addresses\"><h2 id=\"addresses\">Addresses</h2>\n"
                "<div class=\"wide\"><table><thead><tr><th scope=\"col\">Endpoint</th>"
                "<th scope=\"col\">Address</th><th scope=\"col\">Zone or subnet</th>"
                "<th scope=\"col\">Class</th><th scope=\"col\">Outcome</th>"
                "<th scope=\"col\">Error</th><th scope=\"col\">Certificate</th></tr></thead>\n"
                "<tbody>\n",
        out);
    for (size_t i = 0; i < json_array_size(endpoints); i++) {
        const json_t *endpoint = json_array_get(endpoints, i);
        const json_t *addresses = json_object_get(endpoint, "addresses");

        for (size_t k = 0; k < json_array_size(addresses); k++) {
            put_address_row(out, endpoint, json_array_get(addresses, k));
        }
    }
    (void)fputs("</tbody></table></div></section>\n", out);
}

static void
put_transition(FILE *out, const json_t *entry)
{
    const json_t *lasted = json_object_get(entry, "lasted_ms");
    const char *state = status_text(entry, "state");
    const char *old_state = status_text(entry, "old_state");

    (void)fputs("<tr><td class=\"fix\">", out);
    html_time(out, status_text(entry, "at"));
    (void)fputs("</td>", out);
    if (status_text(entry, "endpoint") == NULL) {
        (void)fputs("<td colspan=\"6\" class=\"dim\">vpce-probed was started</td></tr>\n", out);
        return;
    }
    html_element(out, "td", "key", status_text(entry, "endpoint"));
    put_tone_cell(out, html_tone_of_state(old_state), old_state);
    (void)fputs("<td class=\"fix\">", out);
    put_span(out, json_is_integer(lasted) ? json_integer_value(lasted) : -1);
    (void)fputs("</td>", out);
    put_tone_cell(out, html_tone_of_state(state), state);
    html_element(out, "td", "key", status_text(entry, "verdict"));
    html_element(out, "td", NULL, status_text(entry, "summary"));
    (void)fputs("</tr>\n", out);
}

static void
put_transitions(FILE *out, const json_t *entries)
{
    (void)fputs("<div class=\"wide\"><table><caption>Changes of state and verdict, the newest "
                "first; times are UTC</caption>\n<thead><tr><th scope=\"col\">When</th>"
                "<th scope=\"col\">Endpoint</th><th scope=\"col\">From</th>"
                "<th scope=\"col\">Lasted</th><th scope=\"col\">To</th>"
                "<th scope=\"col\">Verdict</th><th scope=\"col\">Summary</th></tr></thead>\n"
                "<tbody>\n",
        out);
    for (size_t i = json_array_size(entries); i > 0; i--) {
        put_transition(out, json_array_get(entries, i - 1));
    }
    (void)fputs("</tbody></table></div>\n", out);
}

static void
put_timeline(FILE *out, const json_t *timeline)
{
    const json_t *entries = json_object_get(timeline, "entries");
    long long left_out = (long long)json_integer_value(json_object_get(timeline, "left_out"));

    if (timeline == NULL) {
        return;
    }
    (void)fputs("<section aria-labelledby=\"timeline\"><h2 id=\"timeline\">Time line</h2>\n", out);
    if (status_text(timeline, "note") != NULL) {
        html_element(out, "p", NULL, status_text(timeline, "note"));
    }
    if (status_text(timeline, "from") != NULL) {
        (void)fputs("<p class=\"dim\">Since ", out);
        html_time(out, status_text(timeline, "from"));
        (void)fputs(" UTC.</p>\n", out);
    }
    if (json_array_size(entries) > 0) {
        put_transitions(out, entries);
    } else {
        (void)fputs("<p>No changes are known.</p>\n", out);
    }
    if (left_out > 0) {
        (void)fprintf(out, "<p class=\"dim\">%lld older ones are left out.</p>\n", left_out);
    }
    (void)fputs("</section>\n", out);
}

static int
put_body(FILE *out, const json_t *status, const json_t *timeline)
{
    int r;

    (void)fputs("<body>\n<header><h1>vpce-probe: ", out);
    html_text(out, host_name(status), HTML_WHOLE);
    (void)fputs("</h1>\n", out);
    put_state(out, status);
    put_facts(out, status);
    (void)fputs("</header>\n<main>\n", out);
    put_causes(out, json_object_get(status, "causes"));
    r = put_picture(out, status);
    put_endpoints(out, status);
    put_details(out, status);
    put_timeline(out, timeline);
    put_addresses(out, status);
    (void)fputs("</main>\n<footer>vpce-probe ", out);
    html_text(out, status_text(status, "version"), HTML_WHOLE);
    (void)fputs("</footer>\n</body>\n</html>\n", out);
    return r;
}

char *
report_html(const json_t *status, const json_t *timeline, enum html_mode mode)
{
    struct text_stream stream;

    text_stream_open(&stream);
    if (stream.out != NULL) {
        put_head(stream.out, status, mode);
        if (put_body(stream.out, status, timeline) < 0) {
            text_stream_fail(&stream);
        }
    }
    return text_stream_close(&stream);
}
