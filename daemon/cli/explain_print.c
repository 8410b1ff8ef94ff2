/* See explain.h. Prose is indented and wrapped; a command begins its line and is never wrapped or
 * decorated, so that it can be copied. */
#include "daemon/cli/explain.h"

#include "daemon/status_view.h"

#define INDENT 2
#define NAME_WIDTH 21 /* of the longest verdict, and two blanks */
#define WORD_SIZE 64

static bool
is_cause(enum verdict_code code)
{
    return code >= VERDICT_NO_PRIVATE_DNS;
}

static bool
is_verdict(enum verdict_code code)
{
    return !is_cause(code);
}

/* One DNS server that bypasses the Amazon resolver is the cause of many endpoints' verdicts. */
static bool
may_be_cause(enum verdict_code code)
{
    return is_cause(code) || code == VERDICT_RESOLVER_BYPASS;
}

static void
put_title(FILE *out, const char *title)
{
    (void)fprintf(out, "\n%s\n", title);
}

static void
put_section(FILE *out, const struct render_options *options, const char *title, const char *text)
{
    put_title(out, title);
    paint_wrapped(out, options, INDENT, text);
}

static void
put_commands_title(FILE *out, const struct render_options *options, const char *title, bool has_aws)
{
    put_section(out, options, title,
        has_aws ? "Look first, then repair; put in what stands in < >. Run the lines that begin "
                  "with \"aws\" where there are credentials and a way to the AWS APIs: this host "
                  "may have neither."
                : "Look first, then repair; put in what stands in < >.");
    (void)fputc('\n', out);
}

static bool
is_aws(const char *line)
{
    return line != NULL && strncmp(line, "aws ", 4) == 0;
}

/* What the code does to an endpoint, as a phrase behind its name. */
static const char *
effect_of(enum verdict_code code)
{
    static const struct verdict_policy mild = {.public_path_fails = false};

    if (is_cause(code)) {
        return "a cause of the host, above the endpoints that it explains";
    }
    if (code == VERDICT_NO_RESOURCES) {
        return "no statement: the endpoint keeps its state";
    }
    if (code == VERDICT_PUBLIC_PATH) {
        return "the endpoint is degraded (failed where PublicPath=failed is set)";
    }
    if (code == VERDICT_RESOLVER_BYPASS) {
        return "the endpoint is failed (degraded if public addresses connect)";
    }
    switch (verdict_state(code, &mild)) {
    case STATE_UNKNOWN:
        break;
    case STATE_OK:
        return "the endpoint is ok";
    case STATE_DEGRADED:
        return "the endpoint is degraded";
    case STATE_FAILED:
        return "the endpoint is failed";
    }
    return "the endpoint is unknown";
}

static enum tone
tone_of(enum verdict_code code)
{
    static const struct verdict_policy mild = {.public_path_fails = false};

    return is_cause(code) ? TONE_BAD
                          : tone_of_state(endpoint_state_str(verdict_state(code, &mild)));
}

/* Two codes may share a name: it is shown once. */
static bool
is_first_of_name(enum verdict_code code)
{
    enum verdict_code first;

    return verdict_parse(verdict_str(code), &first) && first == code;
}

static void
put_list(FILE *out, const struct render_options *options, bool (*belongs)(enum verdict_code code))
{
    for (size_t i = VERDICT_OK; i < VERDICT_CODE_N; i++) {
        enum verdict_code code = (enum verdict_code)i;

        if (is_first_of_name(code) && belongs(code)) {
            paint_hanging(out, options, NAME_WIDTH, verdict_str(code), verdict_meaning(code));
        }
    }
}

void
explain_print_all(FILE *out, const struct render_options *options)
{
    put_list(out, options, is_verdict);
    (void)fputs("\ncauses of the host, above the endpoints that they explain:\n", out);
    put_list(out, options, may_be_cause);
    (void)fputc('\n', out);
    paint_wrapped(out, options, 0,
        "\"vpce-probe explain VERDICT\" tells more of one of them, \"vpce-probe explain ENDPOINT\" "
        "of an endpoint as it is now, such as ecr.api.");
}

void
explain_print_names(FILE *out, const struct render_options *options)
{
    char names[PAINT_LINE_SIZE] = "";
    struct text t = TEXT(names);

    for (size_t i = VERDICT_OK; i < VERDICT_CODE_N; i++) {
        if (is_first_of_name((enum verdict_code)i)) {
            (void)text_add(&t, "%s%s", i == VERDICT_OK ? "verdicts: " : ", ",
                verdict_str((enum verdict_code)i));
        }
    }
    paint_wrapped(out, options, 0, names);
}

void
explain_print_verdict(FILE *out, const struct render_options *options, enum verdict_code code,
    const struct endpoint_spec *const *specs, size_t n, const struct verdict_context *context)
{
    char remedy[REMEDY_SIZE] = "";
    char commands[COMMANDS_SIZE] = "";
    struct text remedy_text = TEXT(remedy);
    struct text commands_text = TEXT(commands);

    paint_put(out, options, tone_of(code), verdict_str(code));
    (void)fprintf(out, ": %s\n\n", effect_of(code));
    paint_wrapped(out, options, INDENT, verdict_meaning(code));
    put_section(out, options, "What was seen", verdict_evidence(code));
    verdict_remedy(&remedy_text, specs[0], code, context);
    if (remedy[0] != '\0') {
        put_section(out, options, "What to change", remedy);
    }
    verdict_cause_commands(&commands_text, code, specs, n, &(struct verdict_places){0}, context);
    if (commands[0] != '\0') {
        put_commands_title(
            out, options, "Commands", is_aws(commands) || strstr(commands, "\naws ") != NULL);
        (void)fprintf(out, "%s\n", commands);
    }
}

static void
put_head(
    FILE *out, const struct render_options *options, const json_t *status, const json_t *endpoint)
{
    char key[WORD_SIZE];
    char state[WORD_SIZE];
    char verdict[WORD_SIZE];
    char since[WORD_SIZE];
    char age[WORD_SIZE];
    char hostname[PAINT_LINE_SIZE];
    bool required = !json_is_false(json_object_get(endpoint, "required"));

    paint_text_of(endpoint, "endpoint", key, sizeof(key));
    paint_text_of(endpoint, "state", state, sizeof(state));
    paint_text_of(endpoint, "verdict", verdict, sizeof(verdict));
    paint_text_of(endpoint, "since", since, sizeof(since));
    paint_text_of(endpoint, "hostname", hostname, sizeof(hostname));
    paint_age_of(endpoint, status_seconds(status, "generated_at"), age, sizeof(age));
    paint_put(out, options, tone_of_state(state), key);
    (void)fprintf(out, ": %s, verdict %s\n", state, verdict);
    (void)fprintf(out, "  since %s, for %s\n", since, age);
    (void)fprintf(out, "  %s%s\n", hostname, required ? "" : " (not required)");
}

/* "10.0.1.10 (apne1-az1): timeout in phase connect". */
static void
put_failed_address(FILE *out, const struct render_options *options, const json_t *address)
{
    char line[PAINT_LINE_SIZE];
    char word[PAINT_LINE_SIZE];
    struct text t = TEXT(line);

    line[0] = '\0';
    paint_text_of(address, "address", word, sizeof(word));
    (void)text_add(&t, "%s", word);
    if (json_is_string(json_object_get(address, "availability_zone"))) {
        paint_text_of(address, "availability_zone", word, sizeof(word));
        (void)text_add(&t, " (%s)", word);
    }
    paint_text_of(address, "outcome", word, sizeof(word));
    (void)text_add(&t, ": %s", word);
    paint_text_of(address, "phase", word, sizeof(word));
    (void)text_add(&t, " in phase %s", word);
    if (json_is_string(json_object_get(address, "error"))) {
        paint_text_of(address, "error", word, sizeof(word));
        (void)text_add(&t, " (%s)", word);
    }
    paint_wrapped(out, options, INDENT, line);
}

static void
put_failed_addresses(FILE *out, const struct render_options *options, const json_t *addresses)
{
    for (size_t i = 0; i < json_array_size(addresses); i++) {
        const json_t *address = json_array_get(addresses, i);
        const char *outcome = json_string_value(json_object_get(address, "outcome"));
        bool judged = !json_is_false(json_object_get(address, "judged"));

        if (judged && outcome != NULL && !streq(outcome, "ok")) {
            put_failed_address(out, options, address);
        }
    }
}

static void
put_seen(FILE *out, const struct render_options *options, const json_t *endpoint)
{
    const json_t *notes = json_object_get(endpoint, "notes");
    char text[PAINT_LINE_SIZE];

    paint_text_of(endpoint, "summary", text, sizeof(text));
    put_section(out, options, "What was seen", text);
    put_failed_addresses(out, options, json_object_get(endpoint, "addresses"));
    for (size_t i = 0; i < json_array_size(notes); i++) {
        char note[PAINT_LINE_SIZE];
        struct text t = TEXT(note);

        paint_text(json_array_get(notes, i), text, sizeof(text));
        (void)text_add(&t, "note: %s", text);
        paint_wrapped(out, options, INDENT, note);
    }
}

static void
put_commands(
    FILE *out, const struct render_options *options, const char *title, const json_t *commands)
{
    char line[PAINT_LINE_SIZE];
    bool has_aws = false;

    if (json_array_size(commands) == 0) {
        return;
    }
    for (size_t i = 0; i < json_array_size(commands); i++) {
        has_aws |= is_aws(json_string_value(json_array_get(commands, i)));
    }
    put_commands_title(out, options, title, has_aws);
    for (size_t i = 0; i < json_array_size(commands); i++) {
        paint_text(json_array_get(commands, i), line, sizeof(line));
        (void)fprintf(out, "%s\n", line);
    }
}

static bool
has_text(const json_t *array, const char *wanted)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *text = json_string_value(json_array_get(array, i));

        if (text != NULL && wanted != NULL && streq(text, wanted)) {
            return true;
        }
    }
    return false;
}

/* The cause of the host explains the endpoint's own verdict, so its commands come first. */
static void
put_cause(FILE *out, const struct render_options *options, const json_t *cause)
{
    char verdict[WORD_SIZE];
    char text[PAINT_LINE_SIZE];
    char line[PAINT_LINE_SIZE + WORD_SIZE];
    struct text t = TEXT(line);

    paint_text_of(cause, "verdict", verdict, sizeof(verdict));
    paint_text_of(cause, "summary", text, sizeof(text));
    (void)text_add(&t, "%s: %s", verdict, text);
    put_section(out, options, "Cause on this host, repair it first", line);
    paint_text_of(cause, "remedy", text, sizeof(text));
    paint_hanging(out, options, INDENT + 3, "  ->", text);
    put_commands(out, options, "Commands for the cause", json_object_get(cause, "commands"));
}

static void
put_causes(FILE *out, const struct render_options *options, const json_t *causes, const char *key)
{
    for (size_t i = 0; i < json_array_size(causes); i++) {
        const json_t *cause = json_array_get(causes, i);

        if (has_text(json_object_get(cause, "endpoints"), key)) {
            put_cause(out, options, cause);
        }
    }
}

void
explain_print_endpoint(
    FILE *out, const struct render_options *options, const json_t *status, const json_t *endpoint)
{
    const char *key = json_string_value(json_object_get(endpoint, "endpoint"));
    const char *verdict = json_string_value(json_object_get(endpoint, "verdict"));
    char text[PAINT_LINE_SIZE];
    enum verdict_code code;

    put_head(out, options, status, endpoint);
    if (verdict != NULL && verdict_parse(verdict, &code)) {
        put_section(out, options, "What it means", verdict_meaning(code));
    }
    put_seen(out, options, endpoint);
    put_causes(out, options, json_object_get(status, "causes"), key);
    if (json_is_string(json_object_get(endpoint, "remedy"))) {
        paint_text_of(endpoint, "remedy", text, sizeof(text));
        put_section(out, options, "What to change", text);
    }
    put_commands(out, options, "Commands", json_object_get(endpoint, "commands"));
}
