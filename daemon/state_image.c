/* See state_image.h. Layout, all of it little-endian (daemon/bytes.h):
 *
 *   "VPCESTAT"  version u32  length of all u32  hash of the rest u64
 *   boot id 16  written at: moment
 *   names of the verdicts: n u8, texts; a verdict is an index into them
 *   host: state u8, since moment
 *   endpoints: n u32, each: put_endpoint
 *   time line: logged ever u64, n u32, each: put_transition
 *   dealings with EC2 Auto Scaling: group_state_put
 *
 * A moment is two i64: monotonic, wall. States and paths are numbers: they never change. */
#include "daemon/state_image.h"

#include "daemon/bytes.h"
#include "daemon/util.h"

#include <errno.h>
#include <stdlib.h>

#define MAGIC "VPCESTAT"
#define MAGIC_SIZE 8
#define VERSION 2
#define LENGTH_AT 12
#define HASH_AT 16
#define BODY_AT 24

/* More are not kept. Both fit the byte that counts them. */
#define MEMORY_MAX 64
_Static_assert(ENDPOINT_HISTORY_N <= UINT8_MAX, "a byte counts them");

/* The smallest endpoint and transition: what a count may promise at most. */
#define ENDPOINT_MIN_BYTES (2 + 2 + 2 + 1 + 1 + 1 + 16 + 8 + 2 + 1 + 1)
#define TRANSITION_MIN_BYTES (8 + 8 + 2 + 1 + 1 + 1 + 1 + 2)

#define WALL_MAX_MS INT64_C(253402300799999) /* 9999-12-31: RFC 3339 has four digits */
#define VERDICT_NAME_SIZE 48

_Static_assert(STATE_UNKNOWN == 0 && STATE_OK == 1 && STATE_DEGRADED == 2 && STATE_FAILED == 3 &&
                   PATH_UNKNOWN == 0 && PATH_INTERFACE == 1 && PATH_GATEWAY == 2 &&
                   PATH_PUBLIC == 3 && HOST_STATE_UNKNOWN == 0 && HOST_STATE_HEALTHY == 1 &&
                   HOST_STATE_DEGRADED == 2 && HOST_STATE_UNHEALTHY == 3,
    "these numbers are in images: raise VERSION");

/* --- writing */

static void
put_moment(struct byte_writer *w, struct moment moment)
{
    bytes_put_uint(w, (uint64_t)moment.mono_ms, 8);
    bytes_put_uint(w, (uint64_t)moment.wall_ms, 8);
}

static void
put_head(struct byte_writer *w, const uint8_t *boot_id, struct moment now)
{
    bytes_put(w, MAGIC, MAGIC_SIZE);
    bytes_put_uint(w, VERSION, 4);
    bytes_put_uint(w, 0, 4); /* length and hash: put_seal */
    bytes_put_uint(w, 0, 8);
    bytes_put(w, boot_id, BOOT_ID_SIZE);
    put_moment(w, now);
    bytes_put_uint(w, VERDICT_CODE_N, 1);
    for (int code = VERDICT_NONE; code < VERDICT_CODE_N; code++) {
        bytes_put_text(w, verdict_str((enum verdict_code)code));
    }
}

static void
put_addr(struct byte_writer *w, const struct addr_memory *memory)
{
    bytes_put_uint(w, memory->addr.family, 1);
    bytes_put(w, memory->addr.bytes, sizeof(memory->addr.bytes));
    bytes_put_uint(w, memory->failures, 2);
}

static void
put_endpoint(struct byte_writer *w, const struct endpoint *e)
{
    size_t n_memory = e->n_memory < MEMORY_MAX ? e->n_memory : MEMORY_MAX;

    bytes_put_text(w, e->spec.key);
    bytes_put_text(w, e->spec.hostname);
    bytes_put_uint(w, e->spec.port, 2);
    bytes_put_uint(w, e->state, 1);
    bytes_put_uint(w, e->verdict, 1);
    bytes_put_uint(w, e->path, 1);
    put_moment(w, e->since);
    bytes_put_uint(w, e->changes, 8);
    bytes_put_text(w, e->summary);
    bytes_put_uint(w, e->n_history, 1);
    for (size_t i = 0; i < e->n_history; i++) {
        bytes_put_uint(w, e->history[i], 1);
    }
    bytes_put_uint(w, n_memory, 1);
    for (size_t i = 0; i < n_memory; i++) {
        put_addr(w, &e->memory[i]);
    }
}

static void
put_transition(struct byte_writer *w, const struct logged_transition *transition)
{
    bytes_put_uint(w, (uint64_t)transition->wall_ms, 8);
    bytes_put_uint(w, (uint64_t)transition->lasted_ms, 8);
    bytes_put_text(w, transition->key);
    bytes_put_uint(w, transition->old_state, 1);
    bytes_put_uint(w, transition->state, 1);
    bytes_put_uint(w, transition->old_verdict, 1);
    bytes_put_uint(w, transition->verdict, 1);
    bytes_put_text(w, transition->summary);
}

static void
put_log(struct byte_writer *w, const struct transition_log *log)
{
    size_t n = log != NULL ? transition_log_n(log) : 0;

    bytes_put_uint(w, log != NULL ? transition_log_total(log) : 0, 8);
    bytes_put_uint(w, n, 4);
    for (size_t i = 0; i < n; i++) {
        put_transition(w, transition_log_get(log, i));
    }
}

/* The length and the hash, now that they are known. */
static void
put_seal(struct byte_writer *w)
{
    struct byte_writer at = {.data = w->data, .len = LENGTH_AT, .size = w->size};

    bytes_put_uint(&at, w->len, 4);
    bytes_put_uint(&at, bytes_hash(w->data + BODY_AT, w->len - BODY_AT), 8);
}

int
state_image_write(const struct report *report, const struct transition_log *log,
    const uint8_t boot_id[static BOOT_ID_SIZE], uint8_t **ret, size_t *ret_len)
{
    static const struct group_state no_group = {0};
    struct byte_writer w = {0};
    int r = 0;

    put_head(&w, boot_id, report->now);
    bytes_put_uint(&w, report->state, 1);
    put_moment(&w, report->since);
    bytes_put_uint(&w, report->n_endpoints, 4);
    for (size_t i = 0; i < report->n_endpoints; i++) {
        put_endpoint(&w, &report->endpoints[i]);
    }
    put_log(&w, log);
    group_state_put(&w, report->group != NULL ? report->group : &no_group);
    if (w.failed) {
        r = -ENOMEM;
    } else if (w.len > STATE_IMAGE_MAX_BYTES) {
        r = -EFBIG;
    }
    if (r < 0) {
        free(w.data);
        return r;
    }
    put_seal(&w);
    *ret = w.data;
    *ret_len = w.len;
    return 0;
}

/* --- reading */

struct image_reader {
    struct byte_reader r;
    struct moment at;                   /* nothing in it is later */
    uint8_t n_codes;                    /* names in the image */
    enum verdict_code codes[UINT8_MAX]; /* ours for each; NONE: a name we don't know */
    bool no_memory;
};

static int64_t
get_wall(struct image_reader *r)
{
    return (int64_t)bytes_get_limited(&r->r, 8, WALL_MAX_MS);
}

static int64_t
get_mono(struct image_reader *r)
{
    return (int64_t)bytes_get_limited(&r->r, 8, (uint64_t)r->at.mono_ms);
}

static struct moment
get_moment(struct image_reader *r)
{
    struct moment moment;

    moment.mono_ms = get_mono(r);
    moment.wall_ms = get_wall(r);
    return moment;
}

/* Ours with the name; of several with the same, the nth (from 0) in their order. */
static enum verdict_code
code_of_name(const char *name, unsigned nth)
{
    for (int i = VERDICT_NONE; i < VERDICT_CODE_N; i++) {
        const enum verdict_code code = (enum verdict_code)i;

        if (streq(verdict_str(code), name) && nth-- == 0) {
            return code;
        }
    }
    return VERDICT_NONE;
}

static void
get_codes(struct image_reader *r)
{
    char names[UINT8_MAX][VERDICT_NAME_SIZE];

    r->n_codes = (uint8_t)bytes_get_limited(&r->r, 1, UINT8_MAX);
    for (size_t i = 0; i < r->n_codes && !r->r.failed; i++) {
        unsigned nth = 0;

        bytes_get_text(&r->r, names[i], sizeof(names[i]));
        for (size_t k = 0; k < i; k++) {
            nth += streq(names[k], names[i]);
        }
        r->codes[i] = code_of_name(names[i], nth);
    }
}

static enum verdict_code
get_code(struct image_reader *r)
{
    uint64_t index = bytes_get_uint(&r->r, 1);

    if (index >= r->n_codes) {
        r->r.failed = true;
        return VERDICT_NONE;
    }
    return r->codes[index];
}

static char *
get_heap_text(struct image_reader *r)
{
    char buf[SUMMARY_SIZE];
    char *copy;

    bytes_get_text(&r->r, buf, sizeof(buf));
    if (buf[0] == '\0') {
        return NULL;
    }
    copy = strdup(buf);
    r->no_memory |= copy == NULL;
    return copy;
}

/* Codes that a newer program wrote and this one does not know are left out. */
static void
get_history(struct image_reader *r, struct endpoint *e)
{
    size_t n = bytes_get_limited(&r->r, 1, ENDPOINT_HISTORY_N);

    for (size_t i = 0; i < n; i++) {
        enum verdict_code code = get_code(r);

        if (code != VERDICT_NONE) {
            e->history[e->n_history++] = code;
        }
    }
}

static void
get_memory(struct image_reader *r, struct endpoint *e)
{
    size_t n = bytes_get_limited(&r->r, 1, MEMORY_MAX);

    if (n == 0) {
        return;
    }
    e->memory = calloc(n, sizeof(*e->memory));
    if (e->memory == NULL) {
        r->no_memory = true;
        return;
    }
    e->n_memory = n;
    for (size_t i = 0; i < n; i++) {
        struct addr_memory *memory = &e->memory[i];

        memory->addr.family = (uint8_t)bytes_get_limited(&r->r, 1, ADDR_FAMILY_IPV6);
        bytes_get(&r->r, memory->addr.bytes, sizeof(memory->addr.bytes));
        memory->failures = (uint16_t)bytes_get_uint(&r->r, 2);
        r->r.failed |= memory->addr.family == ADDR_FAMILY_NONE;
    }
}

static void
get_endpoint(struct image_reader *r, struct endpoint *e, char hostname[static HOSTNAME_SIZE])
{
    struct endpoint_spec spec = {.hostname = hostname, .service_name = ""};

    bytes_get_text(&r->r, spec.key, sizeof(spec.key));
    bytes_get_text(&r->r, hostname, HOSTNAME_SIZE);
    spec.port = (uint16_t)bytes_get_uint(&r->r, 2);
    endpoint_init(e, &spec, r->at);
    e->state = (enum endpoint_state)bytes_get_limited(&r->r, 1, STATE_FAILED);
    e->verdict = get_code(r);
    e->path = (enum network_path)bytes_get_limited(&r->r, 1, PATH_PUBLIC);
    e->since = get_moment(r);
    e->changes = bytes_get_uint(&r->r, 8);
    e->summary = get_heap_text(r);
    get_history(r, e);
    get_memory(r, e);
}

static void
get_endpoints(struct image_reader *r, struct state_image *image)
{
    size_t n = bytes_get_limited(&r->r, 4, bytes_left(&r->r) / ENDPOINT_MIN_BYTES);

    if (n == 0) {
        return;
    }
    image->endpoints = calloc(n, sizeof(*image->endpoints));
    image->hostnames = calloc(n, sizeof(*image->hostnames));
    r->no_memory |= image->endpoints == NULL || image->hostnames == NULL;
    while (!r->no_memory && !r->r.failed && image->n_endpoints < n) {
        size_t i = image->n_endpoints++;

        get_endpoint(r, &image->endpoints[i], image->hostnames[i]);
    }
}

static void
get_transition(struct image_reader *r, struct transition_log *log)
{
    struct logged_transition transition = {0};

    transition.wall_ms = get_wall(r);
    transition.lasted_ms = (int64_t)bytes_get_limited(&r->r, 8, WALL_MAX_MS);
    bytes_get_text(&r->r, transition.key, sizeof(transition.key));
    transition.old_state = (uint8_t)bytes_get_limited(&r->r, 1, STATE_FAILED);
    transition.state = (uint8_t)bytes_get_limited(&r->r, 1, STATE_FAILED);
    transition.old_verdict = (uint8_t)get_code(r);
    transition.verdict = (uint8_t)get_code(r);
    bytes_get_text(&r->r, transition.summary, sizeof(transition.summary));
    if (!r->r.failed) {
        transition_log_push(log, &transition);
    }
}

static void
get_log(struct image_reader *r, struct state_image *image)
{
    uint64_t total = bytes_get_uint(&r->r, 8);
    size_t n = bytes_get_limited(&r->r, 4, bytes_left(&r->r) / TRANSITION_MIN_BYTES);

    r->r.failed |= n > TRANSITION_LOG_N || n > total;
    image->log = transition_log_new();
    if (image->log == NULL) {
        r->no_memory = true;
        return;
    }
    if (!r->r.failed) {
        transition_log_skip(image->log, total - n);
    }
    for (size_t i = 0; i < n && !r->r.failed; i++) {
        get_transition(r, image->log);
    }
}

/* What comes before the body. 0, or why it is not for us. */
static int
check_seal(const uint8_t *bytes, size_t len)
{
    struct byte_reader r = {.data = bytes, .len = len, .at = MAGIC_SIZE};

    if (len < BODY_AT || len > STATE_IMAGE_MAX_BYTES || memcmp(bytes, MAGIC, MAGIC_SIZE) != 0) {
        return -EBADMSG;
    }
    if (bytes_get_uint(&r, 4) != VERSION) {
        return -EPROTONOSUPPORT;
    }
    if (bytes_get_uint(&r, 4) != len ||
        bytes_get_uint(&r, 8) != bytes_hash(bytes + BODY_AT, len - BODY_AT)) {
        return -EBADMSG;
    }
    return 0;
}

static bool
is_of_this_boot(struct image_reader *r, const uint8_t *boot_id, struct moment now)
{
    uint8_t its_id[BOOT_ID_SIZE];

    bytes_get(&r->r, its_id, sizeof(its_id));
    r->at.mono_ms = now.mono_ms;
    r->at = get_moment(r);
    return !r->r.failed && memcmp(its_id, boot_id, BOOT_ID_SIZE) == 0;
}

int
state_image_read(const uint8_t *bytes, size_t len, const uint8_t boot_id[static BOOT_ID_SIZE],
    struct moment now, struct state_image *ret)
{
    struct image_reader r = {.r = {.data = bytes, .len = len, .at = BODY_AT}};
    struct state_image image = {0};
    int result = check_seal(bytes, len);

    if (result < 0) {
        return result;
    }
    if (!is_of_this_boot(&r, boot_id, now)) {
        return -ESTALE;
    }
    image.at = r.at;
    get_codes(&r);
    image.host_state = (enum host_state)bytes_get_limited(&r.r, 1, HOST_STATE_UNHEALTHY);
    image.host_since = get_moment(&r);
    get_endpoints(&r, &image);
    if (!r.no_memory) {
        get_log(&r, &image);
        group_state_get(&r.r, r.at.mono_ms, &image.group);
    }
    if (r.no_memory) {
        result = -ENOMEM;
    } else if (r.r.failed || bytes_left(&r.r) > 0) {
        result = -EINVAL;
    }
    if (result < 0) {
        state_image_reset(&image);
        return result;
    }
    *ret = image;
    return 0;
}

bool
state_image_restore(struct state_image *image, struct endpoint *e)
{
    struct endpoint *saved =
        endpoint_find(image->endpoints, image->n_endpoints, &e->spec, &image->next);

    /* settled on a verdict that this program does not know: begin anew */
    if (saved == NULL || (saved->state != STATE_UNKNOWN && saved->verdict == VERDICT_NONE)) {
        return false;
    }
    /* however long ago it was looked at: it has the time of a new one to be looked at again */
    saved->last_conclusive_ms = e->last_conclusive_ms;
    endpoint_take_over(e, saved);
    return true;
}

void
state_image_reset(struct state_image *image)
{
    for (size_t i = 0; i < image->n_endpoints; i++) {
        endpoint_done(&image->endpoints[i]);
    }
    image->n_endpoints = 0;
    free(TAKE(image->endpoints));
    free(TAKE(image->hostnames));
    transition_log_free(TAKE(image->log));
}
