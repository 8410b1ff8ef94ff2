/* See outages.h. A slot for each endpoint holds its outage while it is open; closed ones go to a
 * list that overwrites its oldest. */
#include "daemon/outages.h"

#include "daemon/util.h"

#include <errno.h>
#include <stdlib.h>

/* A century. Longer cannot be true, and sums stay far from overflowing. */
#define DURATION_MAX_MS UINT64_C(3155760000000)

struct slot {
    char endpoint[ENDPOINT_KEY_SIZE];
    bool open;
    bool steady;       /* lasted_ms is all of it: no restart, no unknown in between */
    int64_t lasted_ms; /* the states of the outage that are over, by the steady clock */
    int64_t state_us;  /* when the one it is in began, by the same; 0: not known */
    struct outage outage;
};

struct outages {
    int64_t from_us;
    int64_t since_us;
    size_t n_slots;
    size_t slots_size;
    struct slot *slots;
    uint64_t n_closed; /* all of them; the i-th is or was list[i % OUTAGES_MAX] */
    size_t n_list;     /* closed and kept; at the end the open ones, too */
    size_t list_size;
    struct outage *list;
    uint64_t n_records;
    uint64_t n_ignored;
};

/* A record whose texts have been understood. */
struct change {
    int64_t at_us;
    int64_t steady_us; /* 0: not known */
    enum endpoint_state old_state;
    enum endpoint_state state;
    const char *old_verdict;
    const char *verdict;
    const char *summary;
    int64_t lasted_ms; /* the old state; -1: not known */
};

struct outages *
outages_new(int64_t from_us, int64_t since_us)
{
    struct outages *outages = calloc(1, sizeof(*outages));

    if (outages != NULL) {
        outages->from_us = from_us;
        outages->since_us = since_us;
    }
    return outages;
}

void
outages_free(struct outages *outages)
{
    if (outages == NULL) {
        return;
    }
    for (size_t i = 0; i < outages->n_slots; i++) {
        free(outages->slots[i].outage.summary);
    }
    for (size_t i = 0; i < outages->n_list; i++) {
        free(outages->list[i].summary);
    }
    free(outages->slots);
    free(outages->list);
    free(outages);
}

/* Makes room for one more of n in an array of *size; new room is zeroed. Returns 0 or -ENOMEM. */
static int
make_room(void *array, size_t n, size_t *size, size_t element)
{
    void **pointer = array;
    size_t wanted = *size == 0 ? 16 : *size * 2;
    char *grown;

    if (n < *size) {
        return 0;
    }
    grown = reallocarray(*pointer, wanted, element);
    if (grown == NULL) {
        return -ENOMEM;
    }
    memset(grown + *size * element, 0, (wanted - *size) * element);
    *pointer = grown;
    *size = wanted;
    return 0;
}

/* false: it was cut. */
static bool
keep_text(char *buf, size_t size, const char *text)
{
    struct text t = {.buf = buf, .size = size};

    buf[0] = '\0';
    return text == NULL || text_add_printable(&t, text, strlen(text));
}

static bool
is_bad(enum endpoint_state state)
{
    return state == STATE_DEGRADED || state == STATE_FAILED;
}

static bool
parse_state(const char *text, enum endpoint_state *ret)
{
    for (unsigned state = 0; text != NULL && state < ENDPOINT_STATE_N; state++) {
        if (streq(text, endpoint_state_str((enum endpoint_state)state))) {
            *ret = (enum endpoint_state)state;
            return true;
        }
    }
    return false;
}

/* When the old state began, or -1. */
static int64_t
began_us(const struct change *change)
{
    return change->lasted_ms < 0 ? -1 : change->at_us - change->lasted_ms * 1000;
}

/* How long the old state lasted; -1: not known, or it cannot be, having begun before 1970. */
static int64_t
parse_duration(const char *text, int64_t at_us)
{
    uint64_t ms;

    if (text == NULL || parse_uint(text, 0, DURATION_MAX_MS, &ms) < 0 ||
        (int64_t)ms > at_us / 1000) {
        return -1;
    }
    return (int64_t)ms;
}

/* By the wall clock; what is known by the steady clock when that is longer. */
static int64_t
at_least(const struct slot *slot, int64_t end_us)
{
    int64_t us;

    if (__builtin_sub_overflow(end_us, slot->outage.start_us, &us) || us / 1000 < slot->lasted_ms) {
        return slot->lasted_ms;
    }
    return us / 1000;
}

/* A worse state takes over; so does one as bad when nothing was said of the worst yet. */
static int
note_state(struct outage *o, enum endpoint_state state, const char *verdict, const char *summary)
{
    char printable[OUTAGE_SUMMARY_SIZE];
    bool says_more;

    (void)keep_text(o->last_verdict, sizeof(o->last_verdict), verdict);
    if (o->first_verdict[0] == '\0') {
        (void)str_copy(o->first_verdict, sizeof(o->first_verdict), o->last_verdict);
    }
    (void)keep_text(printable, sizeof(printable), summary);
    says_more = state == o->state && o->summary == NULL && printable[0] != '\0';
    if (state <= o->state && !says_more) {
        return 0;
    }
    o->state = state;
    (void)str_copy(o->verdict, sizeof(o->verdict), o->last_verdict);
    free(TAKE(o->summary));
    o->summary = printable[0] != '\0' ? strdup(printable) : NULL;
    return o->summary == NULL && printable[0] != '\0' ? -ENOMEM : 0;
}

static void
open_slot(struct slot *slot, int64_t start_us)
{
    free(slot->outage.summary);
    slot->outage = (struct outage){.start_us = start_us, .ongoing = true};
    (void)str_copy(slot->outage.endpoint, sizeof(slot->outage.endpoint), slot->endpoint);
    slot->open = true;
    slot->steady = true;
    slot->lasted_ms = 0;
    slot->state_us = 0;
}

/* The record of its beginning is not there. */
static int
open_late(const struct outages *outages, struct slot *slot, const struct change *change)
{
    int64_t start_us = began_us(change);

    open_slot(slot, start_us >= 0 ? start_us : outages->from_us);
    slot->outage.before = start_us <= outages->from_us;
    slot->steady = start_us >= 0;
    if (slot->steady && change->steady_us > change->lasted_ms * 1000) {
        slot->state_us = change->steady_us - change->lasted_ms * 1000;
    }
    return note_state(&slot->outage, change->old_state, change->old_verdict, NULL);
}

/* The place for one more in the list, zeroed or the oldest; NULL without memory. */
static struct outage *
next_place(struct outages *outages)
{
    size_t i = (size_t)(outages->n_closed % OUTAGES_MAX);

    if (outages->n_list < OUTAGES_MAX) {
        if (make_room(&outages->list, i, &outages->list_size, sizeof(struct outage)) < 0) {
            return NULL;
        }
        outages->n_list++;
    }
    outages->n_closed++;
    return &outages->list[i];
}

static int
close_slot(struct outages *outages, struct slot *slot, int64_t end_us)
{
    struct outage *o = &slot->outage;
    struct outage *place;

    slot->open = false;
    if (end_us < outages->since_us) {
        free(TAKE(o->summary));
        return 0;
    }
    place = next_place(outages);
    if (place == NULL) {
        return -ENOMEM;
    }
    o->ended = true;
    o->ongoing = false;
    o->end_us = end_us;
    o->duration_ms = slot->steady ? slot->lasted_ms : at_least(slot, end_us);
    free(place->summary);
    *place = *o;
    o->summary = NULL;
    return 0;
}

/* It was ok before this change, so the record of the end is not there. */
static int
close_late(struct outages *outages, struct slot *slot, const struct change *change)
{
    int64_t end_us = began_us(change);

    if (end_us < slot->outage.start_us) {
        end_us = change->at_us;
    }
    slot->steady = false;
    return close_slot(outages, slot, end_us);
}

static void
add_piece(struct slot *slot, const struct change *change)
{
    bool over = change->state != change->old_state;

    if (!is_bad(change->old_state) || change->lasted_ms < 0) {
        slot->steady = false;
    } else if (over &&
               __builtin_add_overflow(slot->lasted_ms, change->lasted_ms, &slot->lasted_ms)) {
        slot->steady = false;
        slot->lasted_ms = 0;
    }
}

static int
apply(struct outages *outages, struct slot *slot, const struct change *change)
{
    int r = 0;

    if (slot->open && change->old_state == STATE_OK) {
        r = close_late(outages, slot, change);
    } else if (!slot->open && is_bad(change->old_state)) {
        r = open_late(outages, slot, change);
    }
    if (r == 0 && slot->open) {
        add_piece(slot, change);
    }
    if (r < 0 || (!slot->open && !is_bad(change->state))) {
        return r;
    }
    if (change->state == STATE_OK) {
        return close_slot(outages, slot, change->at_us);
    }
    if (!slot->open) {
        open_slot(slot, change->at_us);
    }
    if (change->state != change->old_state) {
        slot->state_us = change->steady_us;
    }
    slot->outage.ongoing = is_bad(change->state);
    slot->steady = slot->steady && slot->outage.ongoing;
    return slot->outage.ongoing
               ? note_state(&slot->outage, change->state, change->verdict, change->summary)
               : 0;
}

/* Returns 1 and *ret; 0: too many endpoints; or -ENOMEM. */
static int
find_slot(struct outages *outages, const char *endpoint, struct slot **ret)
{
    for (size_t i = 0; i < outages->n_slots; i++) {
        if (streq(outages->slots[i].endpoint, endpoint)) {
            *ret = &outages->slots[i];
            return 1;
        }
    }
    if (outages->n_slots == OUTAGES_ENDPOINTS_MAX) {
        return 0;
    }
    if (make_room(
            &outages->slots, outages->n_slots, &outages->slots_size, sizeof(*outages->slots)) < 0) {
        return -ENOMEM;
    }
    *ret = &outages->slots[outages->n_slots++];
    (void)str_copy((*ret)->endpoint, sizeof((*ret)->endpoint), endpoint);
    return 1;
}

/* restored: the daemon took up its states where the one before left them. */
static void
on_started(struct outages *outages, bool restored)
{
    for (size_t i = 0; i < outages->n_slots; i++) {
        struct slot *slot = &outages->slots[i];

        if (slot->open) {
            slot->outage.restarts++;
            slot->outage.ongoing = slot->outage.ongoing && restored;
            slot->steady = slot->steady && restored;
        }
    }
}

int
outages_add(struct outages *outages, const struct outage_record *record)
{
    struct change change = {.at_us = record->at_us,
        .steady_us = record->steady_us,
        .old_verdict = record->old_verdict,
        .verdict = record->verdict,
        .summary = record->summary,
        .lasted_ms = parse_duration(record->duration_ms, record->at_us)};
    char endpoint[ENDPOINT_KEY_SIZE];
    struct slot *slot = NULL;
    int r;

    outages->n_records++;
    if (record->event == OUTAGE_EVENT_STARTED) {
        on_started(outages, record->state != NULL && record->state[0] != '\0');
        return 0;
    }
    if (!keep_text(endpoint, sizeof(endpoint), record->endpoint) || endpoint[0] == '\0' ||
        !parse_state(record->state, &change.state)) {
        outages->n_ignored++;
        return 0;
    }
    if (!parse_state(record->old_state, &change.old_state)) {
        change.old_state = STATE_UNKNOWN;
    }
    r = find_slot(outages, endpoint, &slot);
    outages->n_ignored += r == 0;
    return r > 0 ? apply(outages, slot, &change) : r;
}

static int
by_start(const void *a, const void *b)
{
    const struct outage *left = a;
    const struct outage *right = b;

    if (left->start_us != right->start_us) {
        return left->start_us < right->start_us ? -1 : 1;
    }
    return strcmp(left->endpoint, right->endpoint);
}

/* By the steady clock, if that has been heard of all along. */
static int64_t
lasted_so_far(const struct slot *slot, int64_t now_us, int64_t now_steady_us)
{
    int64_t ms;

    if (!slot->steady || slot->state_us <= 0 || slot->state_us > now_steady_us ||
        __builtin_add_overflow(slot->lasted_ms, (now_steady_us - slot->state_us) / 1000, &ms)) {
        return at_least(slot, now_us);
    }
    return ms;
}

int
outages_finish(
    struct outages *outages, int64_t now_us, int64_t now_steady_us, struct outages_result *ret)
{
    size_t n_most = outages->n_list + outages->n_slots;
    struct outage *list = reallocarray(outages->list, n_most + 1, sizeof(struct outage));

    if (list == NULL) {
        return -ENOMEM;
    }
    *ret = (struct outages_result){.list = list,
        .n_cut = outages->n_closed - outages->n_list,
        .n_records = outages->n_records,
        .n_ignored = outages->n_ignored};
    outages->list = list;
    for (size_t i = 0; i < outages->n_slots; i++) {
        struct slot *slot = &outages->slots[i];

        if (slot->open) {
            slot->outage.duration_ms =
                slot->outage.ongoing ? lasted_so_far(slot, now_us, now_steady_us) : -1;
            list[outages->n_list++] = slot->outage;
            slot->outage.summary = NULL;
            slot->open = false;
        }
    }
    qsort(list, outages->n_list, sizeof(*list), by_start);
    ret->n = outages->n_list;
    return 0;
}
