/* What was known before a restart, changed by somebody who can seal it again. The input changes the
 * image of a sample: four bytes each, where (two), how, and what. */
#include "daemon/state_image.h"

#include "daemon/bytes.h"
#include "daemon/metrics.h"
#include "daemon/report_html.h"
#include "daemon/report_json.h"
#include "daemon/timeline.h"
#include "sample.h"
#include "text_checks.h"

#include <errno.h>
#include <string.h>

#define LENGTH_AT 12 /* see daemon/state_image.c */
#define BODY_AT 24

static const uint8_t boot_id[BOOT_ID_SIZE] = {1};
static struct sample sample;
static struct transition_log *sample_log;
static uint8_t *image;
static size_t image_len;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const struct transition change = {.state = STATE_FAILED, .verdict = VERDICT_BLOCKED};

    (void)argc;
    (void)argv;
    sample_init(&sample);
    sample_log = transition_log_new();
    FUZZ_CHECK(sample_log != NULL);
    transition_log_add(sample_log, &sample.endpoints[1], &change, sample.report.now.wall_ms);
    FUZZ_CHECK(state_image_write(&sample.report, sample_log, boot_id, &image, &image_len) == 0);
    return 0;
}

/* At any place but the seal: another byte, one more, one less, or an end. */
static size_t
change(struct fuzz_input *input, uint8_t *bytes, size_t len)
{
    while (input->left >= 4) {
        size_t at = BODY_AT + fuzz_number(input, 2) % (len - BODY_AT);
        uint32_t how = fuzz_number(input, 1) % 8;
        uint8_t what = (uint8_t)fuzz_number(input, 1);

        if (how == 0 && len > BODY_AT + 1) {
            memmove(bytes + at, bytes + at + 1, len - at - 1);
            len--;
        } else if (how == 1) {
            memmove(bytes + at + 1, bytes + at, len - at);
            bytes[at] = what;
            len++;
        } else if (how == 2) {
            len = at + 1;
        } else {
            bytes[at] = what;
        }
    }
    return len;
}

static void
seal(uint8_t *bytes, size_t len)
{
    uint64_t values[] = {len, bytes_hash(bytes + BODY_AT, len - BODY_AT)};

    for (size_t i = 0; i < 12; i++) {
        bytes[LENGTH_AT + i] = (uint8_t)(i < 4 ? values[0] >> (8 * i) : values[1] >> (8 * (i - 4)));
    }
}

/* All that is shown of it. */
static void
check_shown(struct state_image *read, struct sample *restored)
{
    const struct process_facts process = {.cpu_seconds = -1};
    struct report *report = &restored->report;
    json_t *json;
    json_t *timeline;

    for (size_t i = 0; i < report->n_endpoints; i++) {
        struct endpoint *e = &restored->endpoints[i];

        if (state_image_restore(read, e)) {
            FUZZ_CHECK(e->n_history <= ENDPOINT_HISTORY_N);
            FUZZ_CHECK(e->summary == NULL || fuzz_is_printable(e->summary));
            FUZZ_CHECK(e->since.mono_ms <= report->now.mono_ms);
        }
    }
    report->state = read->host_state;
    report->since = read->host_since;
    report->log = read->log;
    json = report_json(report);
    timeline = timeline_of_log(read->log);
    FUZZ_CHECK(json != NULL && timeline != NULL);
    check_metrics(metrics_text(report, &process));
    check_html(report_html(json, timeline, HTML_MODE_FILE));
    check_json_text(report_json_text(json, false));
    json_decref(timeline);
    json_decref(json);
}

/* It can be kept over the next restart. */
static void
check_kept(const struct report *report, const struct transition_log *log)
{
    struct state_image again;
    uint8_t *bytes;
    size_t len;

    FUZZ_CHECK(state_image_write(report, log, boot_id, &bytes, &len) == 0);
    FUZZ_CHECK(state_image_read(bytes, len, boot_id, report->now, &again) == 0);
    FUZZ_CHECK(transition_log_total(again.log) == transition_log_total(log));
    FUZZ_CHECK(transition_log_total(log) >= transition_log_n(log));
    state_image_reset(&again);
    free(bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    uint8_t *changed = malloc(image_len + size);
    uint8_t *bytes;
    struct state_image read;
    size_t len;
    int r;

    FUZZ_CHECK(changed != NULL);
    memcpy(changed, image, image_len);
    len = change(&input, changed, image_len);
    seal(changed, len);
    bytes = realloc(changed, len);
    FUZZ_CHECK(bytes != NULL);
    r = state_image_read(bytes, len, boot_id, sample.report.now, &read);
    free(bytes);
    FUZZ_CHECK(r == 0 || r == -ESTALE || r == -EINVAL);
    if (r == 0) {
        struct sample restored;

        sample_init(&restored);
        check_shown(&read, &restored);
        check_kept(&restored.report, read.log);
        sample_done(&restored);
        state_image_reset(&read);
    }
    return 0;
}
