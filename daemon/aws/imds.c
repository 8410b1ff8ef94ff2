/* See imds.h. The round is a struct (imds), a switch (imds_step) and a finish (imds_finish); the
 * answers of requests are noted and then the switch is asked what to do next. */
#include "daemon/aws/imds.h"

#include "daemon/aws/imds_items.h"
#include "daemon/aws/imds_request.h"
#include "daemon/aws/imds_targets.h"
#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/util.h"

#include <errno.h>
#include <stdlib.h>

#define TOKEN_MARGIN_MS 60000 /* renewed so long before it expires */

#define SLOTS_N 2 /* requests in flight */

enum imds_step {
    IMDS_STEP_IDLE, /* between rounds */
    IMDS_STEP_TOKEN,
    IMDS_STEP_HOST,
    IMDS_STEP_INTERFACES,
};

/* What a slot is at, beside the index of an item. */
#define SLOT_IDLE (-1)
#define SLOT_TOKEN (-2)

/* A request in flight. */
struct slot {
    struct imds *imds;
    struct imds_request *request;
    int work;            /* index of an item, SLOT_IDLE or SLOT_TOKEN */
    unsigned generation; /* of the token it was asked with */
};

struct imds {
    struct loop *loop;
    imds_fn on_facts;
    void *arg;
    struct imds_targets targets;

    enum imds_step step;
    enum imds_step after_token;
    struct slot slots[SLOTS_N];
    struct imds_items items;
    struct loop_timer *timer;    /* the next round */
    struct loop_timer *watch;    /* the next short one */
    int64_t watch_ms;            /* 0: no short ones */
    bool is_short;               /* the present round asks for the target lifecycle state only */
    struct loop_timer *deadline; /* of this one */
    enum imds_state trouble;     /* the worst of this round so far */
    bool token_renewed;          /* once in a round */
    bool again;                  /* imds_refresh while a round was under way */

    char token[IMDS_TOKEN_SIZE]; /* "": none */
    unsigned generation;         /* of the token */
    int64_t token_until_ms;

    struct imds_facts facts;
    struct imds_facts next; /* of this round */
    bool knows;             /* facts holds something */
    enum imds_state state;
    int64_t backoff_ms;
    char complaint[256]; /* the newest */
};

static void
drop_token(struct imds *imds)
{
    explicit_bzero(imds->token, sizeof(imds->token));
    imds->generation++;
}

static void
note_trouble(struct imds *imds, enum imds_state state)
{
    if (state > imds->trouble) {
        imds->trouble = state;
    }
}

/* Makes the request that slot->work stands for. 0, or -ENOMEM. */
static int
slot_start(struct slot *slot)
{
    const struct imds *imds = slot->imds;
    const struct imds_target *target = imds_targets_now(&imds->targets);
    char path[IMDS_PATH_SIZE];

    slot->generation = imds->generation;
    if (slot->work == SLOT_TOKEN) {
        return imds_request_start(slot->request, target, NULL, NULL);
    }
    const struct imds_item *item = &imds->items.items[slot->work];

    imds_path_format(item->path, imds->next.interfaces[item->interface].mac, path);
    return imds_request_start(slot->request, target, path, imds->token);
}

static void
slot_stop(struct slot *slot)
{
    imds_request_stop(slot->request);
    slot->work = SLOT_IDLE;
}

/* ---- the round ---- */

/* A line when the state is another one, or other things make no sense. */
static void
log_state(struct imds *imds, enum imds_state before)
{
    char complaint[sizeof(imds->complaint)] = "";
    char line[512] = "";
    struct text t = TEXT(complaint);
    struct text description = TEXT(line);

    imds_facts_complain(&imds->next, &t);
    if (imds->state == before && streq(complaint, imds->complaint)) {
        return;
    }
    (void)str_copy(imds->complaint, sizeof(imds->complaint), complaint);
    imds_describe(imds, &description);
    log_msg(imds->state == IMDS_STATE_OK && complaint[0] == '\0' ? LOG_INFO : LOG_WARNING,
        LOG_TOPIC_IMDS, "%s", line);
}

/* A short round that went well leaves the next whole one where it is. */
static void
plan_next_round(struct imds *imds)
{
    int64_t delay_ms = IMDS_REFRESH_MS;

    if (imds->is_short && imds->state == IMDS_STATE_OK && !imds->again) {
        return;
    }

    if (imds->state == IMDS_STATE_OK) {
        imds->backoff_ms = IMDS_BACKOFF_MIN_MS;
    } else {
        delay_ms = imds->backoff_ms;
        imds->backoff_ms *= 2;
        if (imds->backoff_ms > IMDS_BACKOFF_MAX_MS) {
            imds->backoff_ms = IMDS_BACKOFF_MAX_MS;
        }
    }
    if (imds->again) {
        delay_ms = 0;
        imds->again = false;
    }
    loop_timer_set(imds->timer, delay_ms);
}

/* The one end of a round. imds may be gone after this. */
static void
imds_finish(struct imds *imds, enum imds_state state)
{
    enum imds_state before = imds->state;
    bool changed;

    for (size_t i = 0; i < SLOTS_N; i++) {
        slot_stop(&imds->slots[i]);
    }
    loop_timer_stop(imds->deadline);
    imds->step = IMDS_STEP_IDLE;
    imds->state = state;
    if (state == IMDS_STATE_SILENT && imds->token[0] == '\0') {
        imds->targets.at = 0; /* none gave a token: the usual one is the one to name */
    }
    if (state != IMDS_STATE_OK) {
        drop_token(imds); /* so that the next round finds its way anew */
    }
    if (!imds->is_short) {
        imds_facts_finish(&imds->next, &imds->facts);
    } else if (imds->next.answers[IMDS_PATH_LIFECYCLE_STATE] == IMDS_ANSWER_NONE) {
        imds->next = imds->facts;
    }
    log_state(imds, before);
    changed = !imds_facts_equal(&imds->next, &imds->facts);
    imds->facts = imds->next;
    imds->knows = imds->knows || changed || state == IMDS_STATE_OK;
    plan_next_round(imds);
    if (changed || before == IMDS_STATE_ASKING) {
        imds->on_facts(imds->arg);
    }
}

static struct slot *
find_slot(struct imds *imds, int work)
{
    for (size_t i = 0; i < SLOTS_N; i++) {
        if (imds->slots[i].work == work) {
            return &imds->slots[i];
        }
    }
    return NULL;
}

/* One request for a token at a time; the slot whose answer led here is idle. */
static int
ask_token(struct imds *imds)
{
    struct slot *slot = find_slot(imds, SLOT_IDLE);

    if (find_slot(imds, SLOT_TOKEN) != NULL || slot == NULL) {
        return 0;
    }
    slot->work = SLOT_TOKEN;
    return slot_start(slot);
}

static int
ask_items(struct imds *imds)
{
    struct slot *slot;
    int todo;
    int r = 0;

    while (r == 0 && (slot = find_slot(imds, SLOT_IDLE)) != NULL &&
           (todo = imds_items_todo(&imds->items)) >= 0) {
        slot->work = todo;
        imds->items.items[todo].state = IMDS_ITEM_ASKED;
        r = slot_start(slot);
    }
    return r;
}

/* Does what there is to do. Returns whether the step has changed, so that there is more; *ret_end
 * becomes true when the round is over. */
static bool
imds_step(struct imds *imds, bool *ret_end)
{
    int r = 0;

    switch (imds->step) {
    case IMDS_STEP_IDLE:
        break;
    case IMDS_STEP_TOKEN:
        if (imds->token[0] != '\0') {
            imds->step = imds->after_token;
            return true;
        }
        r = ask_token(imds);
        break;
    case IMDS_STEP_HOST:
        if (imds->is_short) {
            *ret_end = imds_items_done(&imds->items);
        } else if (imds_items_done(&imds->items)) {
            imds_facts_settle(&imds->next);
            imds_items_add_interfaces(&imds->items, &imds->next);
            imds->step = IMDS_STEP_INTERFACES;
            return true;
        }
        r = ask_items(imds);
        break;
    case IMDS_STEP_INTERFACES:
        *ret_end = imds_items_done(&imds->items);
        r = ask_items(imds);
        break;
    }
    if (r < 0) {
        note_trouble(imds, IMDS_STATE_RESOURCES);
        *ret_end = true;
    }
    return false;
}

/* Until something is waited for, or the round is over. */
static void
imds_run(struct imds *imds)
{
    bool end = false;

    while (imds_step(imds, &end)) {
    }
    if (end) {
        imds_finish(imds, imds->trouble);
    }
}

/* ---- answers: what to do now; OK: go on, else the round ends so ---- */

static bool
take_token(struct imds *imds, const struct http_answer *answer)
{
    int64_t ttl_ms;

    if (!imds_token_read(answer, imds->token, &ttl_ms)) {
        return false;
    }
    imds->token_until_ms = loop_now_ms(imds->loop) + ttl_ms - TOKEN_MARGIN_MS;
    return true;
}

static enum imds_state
on_token_answer(struct imds *imds, enum imds_result result, const struct http_answer *answer)
{
    switch (result) {
    case IMDS_RESULT_GOOD:
        return take_token(imds, answer) ? IMDS_STATE_OK
                                        : imds_targets_next(&imds->targets, IMDS_STATE_BROKEN);
    case IMDS_RESULT_UNAUTHORIZED:
    case IMDS_RESULT_FORBIDDEN:
        return IMDS_STATE_REFUSED;
    case IMDS_RESULT_SILENT:
        return imds_targets_next(&imds->targets, IMDS_STATE_SILENT);
    case IMDS_RESULT_RESOURCES:
        return IMDS_STATE_RESOURCES;
    case IMDS_RESULT_ABSENT:
    case IMDS_RESULT_BROKEN:
        break;
    }
    return imds_targets_next(&imds->targets, IMDS_STATE_BROKEN);
}

/* 401: the token has expired, or was renewed meanwhile; once a round that is believed. */
static enum imds_state
on_expired(struct imds *imds, const struct slot *slot, struct imds_item *item)
{
    if (slot->generation == imds->generation) {
        if (imds->token_renewed) {
            return IMDS_STATE_REFUSED;
        }
        imds->token_renewed = true;
        drop_token(imds);
        imds->after_token = imds->step;
        imds->step = IMDS_STEP_TOKEN;
    }
    item->state = IMDS_ITEM_OPEN;
    return IMDS_STATE_OK;
}

static enum imds_state
put_answer(struct imds *imds, struct imds_item *item, enum imds_answer answer,
    const struct http_answer *http)
{
    item->state = IMDS_ITEM_DONE;
    imds_facts_put(&imds->next, item->path, item->interface, answer, http->body, http->len);
    if (imds->next.answers[item->path] == IMDS_ANSWER_BAD) {
        note_trouble(imds, IMDS_STATE_BROKEN);
    }
    return IMDS_STATE_OK;
}

static enum imds_state
on_item_answer(struct imds *imds, const struct slot *slot, struct imds_item *item,
    enum imds_result result, const struct http_answer *answer)
{
    switch (result) {
    case IMDS_RESULT_GOOD:
        return put_answer(imds, item, IMDS_ANSWER_GOOD, answer);
    case IMDS_RESULT_ABSENT:
        return put_answer(imds, item, IMDS_ANSWER_ABSENT, answer);
    case IMDS_RESULT_BROKEN:
        return put_answer(imds, item, IMDS_ANSWER_BAD, answer);
    case IMDS_RESULT_UNAUTHORIZED:
        return on_expired(imds, slot, item);
    case IMDS_RESULT_FORBIDDEN:
        return IMDS_STATE_REFUSED;
    case IMDS_RESULT_SILENT:
        note_trouble(imds, IMDS_STATE_SILENT);
        item->state = IMDS_ITEM_DONE;
        return IMDS_STATE_OK;
    case IMDS_RESULT_RESOURCES:
        return IMDS_STATE_RESOURCES;
    }
    return IMDS_STATE_BROKEN;
}

static void
on_answer(enum imds_result result, const struct http_answer *answer, void *arg)
{
    struct slot *slot = arg;
    struct imds *imds = slot->imds;
    int work = slot->work;
    enum imds_state end;

    slot->work = SLOT_IDLE;
    end = work == SLOT_TOKEN ? on_token_answer(imds, result, answer)
                             : on_item_answer(imds, slot, &imds->items.items[work], result, answer);
    if (end != IMDS_STATE_OK) {
        imds_finish(imds, end);
    } else {
        imds_run(imds);
    }
}

/* What is still under way has not been answered; if it was put off, that is why. */
static void
on_deadline(void *arg)
{
    struct imds *imds = arg;

    for (size_t i = 0; i < SLOTS_N; i++) {
        const struct slot *slot = &imds->slots[i];

        if (slot->work != SLOT_IDLE) {
            note_trouble(
                imds, imds_request_is_put_off(slot->request) ? IMDS_STATE_BUSY : IMDS_STATE_SILENT);
        }
    }
    imds_finish(imds, imds->trouble);
}

/* Everything is asked for. */
static void
expect_all(struct imds *imds)
{
    imds->next = (struct imds_facts){0};
    imds_items_reset(&imds->items);
}

static void
expect_target(struct imds *imds)
{
    imds->next = imds->facts;
    imds->next.lifecycle_state[0] = '\0';
    imds->next.answers[IMDS_PATH_LIFECYCLE_STATE] = IMDS_ANSWER_NONE;
    imds_items_reset_to(&imds->items, IMDS_PATH_LIFECYCLE_STATE);
}

static void
begin_round(struct imds *imds, bool is_short)
{
    bool has_token = imds->token[0] != '\0' && loop_now_ms(imds->loop) < imds->token_until_ms;

    if (!has_token) {
        drop_token(imds);
    }
    imds->is_short = is_short;
    if (is_short) {
        expect_target(imds);
    } else {
        expect_all(imds);
    }
    imds->trouble = IMDS_STATE_OK;
    imds_targets_begin(&imds->targets);
    imds->token_renewed = false;
    imds->after_token = IMDS_STEP_HOST;
    imds->step = IMDS_STEP_TOKEN;
    loop_timer_set(imds->deadline, IMDS_ROUND_MS);
    imds_run(imds);
}

static void
on_timer(void *arg)
{
    begin_round(arg, false);
}

static void
on_watch(void *arg)
{
    struct imds *imds = arg;

    loop_timer_set(imds->watch, imds->watch_ms);
    if (imds->step == IMDS_STEP_IDLE && imds->state == IMDS_STATE_OK) {
        begin_round(imds, true);
    }
}

/* ---- for the owner ---- */

void
imds_start(struct imds *imds)
{
    imds_refresh(imds);
}

void
imds_refresh(struct imds *imds)
{
    if (imds->step != IMDS_STEP_IDLE) {
        imds->again = true;
    } else {
        loop_timer_set(imds->timer, 0);
    }
}

void
imds_watch(struct imds *imds, int64_t interval_ms)
{
    imds->watch_ms = interval_ms;
    loop_timer_stop(imds->watch);
    if (interval_ms > 0) {
        loop_timer_set(imds->watch, interval_ms);
    }
}

const struct imds_facts *
imds_facts(const struct imds *imds)
{
    return imds->knows ? &imds->facts : NULL;
}

enum imds_state
imds_state(const struct imds *imds)
{
    return imds->state;
}

void
imds_describe(const struct imds *imds, struct text *t)
{
    char buf[ADDR_TEXT_SIZE];

    (void)text_add(t, "IMDS at %s %s", addr_format(&imds_targets_now(&imds->targets)->addr, buf),
        imds_state_words(imds->state));
    if (imds->complaint[0] != '\0') {
        (void)text_add(t, " (%s)", imds->complaint);
    }
}

static int
slot_init(struct slot *slot, struct imds *imds)
{
    slot->imds = imds;
    slot->work = SLOT_IDLE;
    slot->request = imds_request_new(imds->loop, on_answer, slot);
    return slot->request != NULL ? 0 : -ENOMEM;
}

static int
imds_init(struct imds *imds, const char *url)
{
    int r = imds_targets_init(&imds->targets, url);

    for (size_t i = 0; i < SLOTS_N && r == 0; i++) {
        r = slot_init(&imds->slots[i], imds);
    }
    imds->backoff_ms = IMDS_BACKOFF_MIN_MS;
    imds->timer = loop_timer_new(imds->loop, on_timer, imds);
    imds->deadline = loop_timer_new(imds->loop, on_deadline, imds);
    imds->watch = loop_timer_new(imds->loop, on_watch, imds);
    if (imds->timer == NULL || imds->deadline == NULL || imds->watch == NULL) {
        return -ENOMEM;
    }
    return r;
}

int
imds_new(struct loop *loop, const char *url, imds_fn on_facts, void *arg, struct imds **ret)
{
    struct imds *imds = calloc(1, sizeof(*imds));
    int r;

    if (imds == NULL) {
        return -ENOMEM;
    }
    imds->loop = loop;
    imds->on_facts = on_facts;
    imds->arg = arg;
    r = imds_init(imds, url);
    if (r < 0) {
        imds_free(imds);
        return r;
    }
    *ret = imds;
    return 0;
}

void
imds_free(struct imds *imds)
{
    if (imds == NULL) {
        return;
    }
    for (size_t i = 0; i < SLOTS_N; i++) {
        imds_request_free(imds->slots[i].request);
    }
    loop_timer_free(imds->timer);
    loop_timer_free(imds->watch);
    loop_timer_free(imds->deadline);
    explicit_bzero(imds->token, sizeof(imds->token));
    free(imds);
}
