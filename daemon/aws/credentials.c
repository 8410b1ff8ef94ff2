/* See credentials.h. A get is a step (credentials_step), requests one after the other, and a finish
 * (credentials_finish). What is read goes into one of two places in pages of their own; the other
 * one holds what is in use meanwhile.
 *
 * What is not wiped: the kernel's socket buffers, and vector registers until the next copy
 * (daemon/loop.c wipes libevent's memory, daemon/aws/http.c the answer and the copy it hands out).
 */
#include "daemon/aws/credentials.h"

#include "daemon/aws/credentials_facts.h"
#include "daemon/aws/imds_facts.h"
#include "daemon/aws/imds_request.h"
#include "daemon/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define ROLE_PATH "/latest/meta-data/iam/security-credentials/"
#define GET_MS 4000
#define MARGIN_S 300 /* renewed so long before they expire */

enum credentials_step {
    CREDENTIALS_STEP_IDLE,
    CREDENTIALS_STEP_TOKEN,
    CREDENTIALS_STEP_ROLE,
    CREDENTIALS_STEP_KEYS,
};

struct secrets {
    struct credentials_facts facts[2];
    char token[IMDS_TOKEN_SIZE];
};

struct credentials {
    struct imds_target targets[IMDS_TARGETS_MAX];
    size_t n_targets;
    size_t target; /* the one in use */

    enum credentials_step step;
    struct imds_request *request;
    struct loop_timer *timer; /* the deadline; once there is an end: at once */
    credentials_fn done;      /* NULL: nobody waits */
    void *arg;
    size_t n_targets_tried;
    enum credentials_state target_trouble; /* the worst of the addresses that gave no token */

    struct secrets *secrets;       /* pages of their own */
    size_t current;                /* which of the two facts is in use */
    bool has;                      /* there is one in use */
    struct sigv4_credentials peek; /* points to it */

    enum credentials_state state; /* of the newest get that has ended */
    enum imds_state imds;         /* how IMDS behaved in it */
    char role[CREDENTIALS_ROLE_SIZE];
    char code[CREDENTIALS_CODE_SIZE]; /* of a document that was no success; "": none */
    const char *bad;                  /* what made no sense; NULL: nothing */
};

const char *
credentials_state_str(enum credentials_state state)
{
    switch (state) {
    case CREDENTIALS_NONE:
        return "none";
    case CREDENTIALS_OK:
        return "ok";
    case CREDENTIALS_NO_ROLE:
        return "no-role";
    case CREDENTIALS_SILENT:
        return "silent";
    case CREDENTIALS_REFUSED:
        return "refused";
    case CREDENTIALS_BROKEN:
        return "broken";
    case CREDENTIALS_RESOURCES:
        return "resources";
    }
    return "unknown";
}

/* Expiration is a time of the wall clock, and that one goes on while a host of a warm pool is
 * stopped or hibernated. */
static int64_t
wall_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

static bool
are_good_for(const struct credentials *credentials, int64_t s)
{
    const struct credentials_facts *facts = &credentials->secrets->facts[credentials->current];

    return credentials->has && facts->expires_wall_s - s > wall_s();
}

/* ---- the get ---- */

/* The only end of a get that somebody hears of. Credentials that are still good stay in use,
 * whatever became of getting new ones. credentials may be gone after this. */
static void
credentials_finish(struct credentials *credentials)
{
    credentials_fn done = TAKE(credentials->done);
    void *arg = credentials->arg;

    credentials_cancel(credentials);
    done(credentials->state, arg);
}

/* done is called from the loop. Without memory for that the deadline stays. */
static void
credentials_end(struct credentials *credentials, enum credentials_state state)
{
    imds_request_stop(credentials->request);
    explicit_bzero(credentials->secrets->token, sizeof(credentials->secrets->token));
    credentials->step = CREDENTIALS_STEP_IDLE;
    credentials->state = state;
    if (state != CREDENTIALS_OK && are_good_for(credentials, 0)) {
        credentials->state = CREDENTIALS_OK;
    }
    loop_timer_set(credentials->timer, 0);
}

static int
ask(struct credentials *credentials, enum credentials_step step)
{
    const struct imds_target *target = &credentials->targets[credentials->target];
    char path[IMDS_PATH_SIZE] = "";
    struct text t = TEXT(path);

    credentials->step = step;
    if (step == CREDENTIALS_STEP_TOKEN) {
        return imds_request_start(credentials->request, target, NULL, NULL);
    }
    (void)text_add(&t, "%s%s", ROLE_PATH, step == CREDENTIALS_STEP_KEYS ? credentials->role : "");
    return imds_request_start(credentials->request, target, path, credentials->secrets->token);
}

static enum credentials_state
trouble_of(enum imds_result result, enum imds_state *ret_imds)
{
    switch (result) {
    case IMDS_RESULT_UNAUTHORIZED:
    case IMDS_RESULT_FORBIDDEN:
        *ret_imds = IMDS_STATE_REFUSED;
        return CREDENTIALS_REFUSED;
    case IMDS_RESULT_SILENT:
        *ret_imds = IMDS_STATE_SILENT;
        return CREDENTIALS_SILENT;
    case IMDS_RESULT_RESOURCES:
        *ret_imds = IMDS_STATE_RESOURCES;
        return CREDENTIALS_RESOURCES;
    case IMDS_RESULT_GOOD:
    case IMDS_RESULT_ABSENT:
    case IMDS_RESULT_BROKEN:
        break;
    }
    *ret_imds = IMDS_STATE_BROKEN;
    return CREDENTIALS_BROKEN;
}

static void
end_in_trouble(struct credentials *credentials, enum imds_result result)
{
    credentials_end(credentials, trouble_of(result, &credentials->imds));
}

static void
go_on(struct credentials *credentials, enum credentials_step step)
{
    if (ask(credentials, step) < 0) {
        end_in_trouble(credentials, IMDS_RESULT_RESOURCES);
    }
}

/* The token could not be had here: is there another address? The worst of them is told. */
static void
next_target(struct credentials *credentials, enum imds_result result)
{
    enum imds_state imds;
    enum credentials_state trouble = trouble_of(result, &imds);

    if (trouble > credentials->target_trouble) {
        credentials->target_trouble = trouble;
        credentials->imds = imds;
    }
    if (++credentials->n_targets_tried >= credentials->n_targets) {
        credentials->target = 0; /* the usual one is the one to name */
        credentials_end(credentials, credentials->target_trouble);
        return;
    }
    credentials->target = (credentials->target + 1) % credentials->n_targets;
    go_on(credentials, CREDENTIALS_STEP_TOKEN);
}

static void
on_token(struct credentials *credentials, enum imds_result result, const struct http_answer *answer)
{
    int64_t ttl_ms;

    if (result == IMDS_RESULT_GOOD &&
        imds_token_read(answer, credentials->secrets->token, &ttl_ms)) {
        go_on(credentials, CREDENTIALS_STEP_ROLE);
    } else if (result == IMDS_RESULT_UNAUTHORIZED || result == IMDS_RESULT_FORBIDDEN ||
               result == IMDS_RESULT_RESOURCES) {
        end_in_trouble(credentials, result);
    } else {
        next_target(credentials, result == IMDS_RESULT_SILENT ? result : IMDS_RESULT_BROKEN);
    }
}

static void
on_role(struct credentials *credentials, enum imds_result result, const struct http_answer *answer)
{
    if (result == IMDS_RESULT_ABSENT || (result == IMDS_RESULT_GOOD && answer->len == 0)) {
        credentials_end(credentials, CREDENTIALS_NO_ROLE);
    } else if (result != IMDS_RESULT_GOOD) {
        end_in_trouble(credentials, result);
    } else if (credentials_role_read(answer->body, answer->len, credentials->role)) {
        go_on(credentials, CREDENTIALS_STEP_KEYS);
    } else {
        credentials->bad = "the name of the role";
        end_in_trouble(credentials, IMDS_RESULT_BROKEN);
    }
}

/* What was just read is used from now on, and what it replaces is wiped. */
static void
take_over(struct credentials *credentials, size_t next)
{
    const struct credentials_facts *facts = &credentials->secrets->facts[next];

    credentials_discard(credentials);
    credentials->peek = (struct sigv4_credentials){
        .access_key_id = facts->access_key_id,
        .secret_access_key = facts->secret_access_key,
        .session_token = facts->session_token,
    };
    credentials->current = next;
    credentials->has = true;
}

static enum credentials_state
read_keys(struct credentials *credentials, const struct http_answer *answer)
{
    size_t next = credentials->current == 0 ? 1 : 0;
    struct credentials_facts *facts = &credentials->secrets->facts[next];

    switch (credentials_facts_read(answer->body, answer->len, wall_s(), facts, &credentials->bad)) {
    case CREDENTIALS_READING_GOOD:
        take_over(credentials, next);
        return CREDENTIALS_OK;
    case CREDENTIALS_READING_FAILED:
        (void)str_copy(credentials->code, sizeof(credentials->code), facts->code);
        return CREDENTIALS_NO_ROLE;
    case CREDENTIALS_READING_EXPIRED:
        return CREDENTIALS_BROKEN;
    case CREDENTIALS_READING_BAD:
        break;
    }
    credentials->imds = IMDS_STATE_BROKEN;
    return CREDENTIALS_BROKEN;
}

static void
on_keys(struct credentials *credentials, enum imds_result result, const struct http_answer *answer)
{
    if (result == IMDS_RESULT_GOOD) {
        credentials_end(credentials, read_keys(credentials, answer));
    } else if (result == IMDS_RESULT_ABSENT) {
        credentials_end(credentials, CREDENTIALS_NO_ROLE);
    } else {
        end_in_trouble(credentials, result);
    }
}

static void
on_answer(enum imds_result result, const struct http_answer *answer, void *arg)
{
    struct credentials *credentials = arg;

    switch (credentials->step) {
    case CREDENTIALS_STEP_IDLE:
        break;
    case CREDENTIALS_STEP_TOKEN:
        on_token(credentials, result, answer);
        break;
    case CREDENTIALS_STEP_ROLE:
        on_role(credentials, result, answer);
        break;
    case CREDENTIALS_STEP_KEYS:
        on_keys(credentials, result, answer);
        break;
    }
}

/* The end, or the deadline: then nobody has answered, or only to come back later. */
static void
on_timer(void *arg)
{
    struct credentials *credentials = arg;

    if (credentials->step != CREDENTIALS_STEP_IDLE) {
        credentials->imds =
            imds_request_is_put_off(credentials->request) ? IMDS_STATE_BUSY : IMDS_STATE_SILENT;
        credentials_end(credentials, CREDENTIALS_SILENT);
    }
    credentials_finish(credentials);
}

static void
start_round(struct credentials *credentials)
{
    credentials->n_targets_tried = 0;
    credentials->target_trouble = CREDENTIALS_NONE;
    credentials->imds = IMDS_STATE_OK;
    credentials->role[0] = '\0';
    credentials->code[0] = '\0';
    credentials->bad = NULL;
    go_on(credentials, CREDENTIALS_STEP_TOKEN);
}

int
credentials_get(struct credentials *credentials, credentials_fn done, void *arg)
{
    if (credentials->done != NULL) {
        return -EBUSY;
    }
    loop_timer_set(credentials->timer, GET_MS);
    credentials->done = done;
    credentials->arg = arg;
    if (are_good_for(credentials, MARGIN_S)) {
        credentials_end(credentials, CREDENTIALS_OK);
    } else {
        start_round(credentials);
    }
    return 0;
}

void
credentials_cancel(struct credentials *credentials)
{
    imds_request_stop(credentials->request);
    loop_timer_stop(credentials->timer);
    explicit_bzero(credentials->secrets->token, sizeof(credentials->secrets->token));
    credentials->step = CREDENTIALS_STEP_IDLE;
    credentials->done = NULL;
}

/* ---- for the owner ---- */

const struct sigv4_credentials *
credentials_peek(const struct credentials *credentials)
{
    return are_good_for(credentials, 0) ? &credentials->peek : NULL;
}

void
credentials_discard(struct credentials *credentials)
{
    struct credentials_facts *facts = &credentials->secrets->facts[credentials->current];

    credentials->peek = (struct sigv4_credentials){0};
    credentials->has = false;
    explicit_bzero(facts, sizeof(*facts));
}

static void
describe_no_role(const struct credentials *credentials, struct text *t)
{
    if (credentials->role[0] == '\0') {
        (void)text_add(t, "the instance has no role: give it an instance profile with a role that "
                          "allows the calls to EC2 Auto Scaling");
        return;
    }
    (void)text_add(t, "there are no credentials of the role %s", credentials->role);
    if (credentials->code[0] != '\0') {
        (void)text_add(t, " (%s)", credentials->code);
    }
    (void)text_add(t, ": see that it exists and that its trust policy lets EC2 assume it");
}

static void
describe_imds(const struct credentials *credentials, struct text *t)
{
    char buf[ADDR_TEXT_SIZE];

    (void)text_add(t, "IMDS at %s %s",
        addr_format(&credentials->targets[credentials->target].addr, buf),
        imds_state_words(credentials->imds));
    if (credentials->bad != NULL) {
        (void)text_add(t, " (%s makes no sense)", credentials->bad);
    }
}

void
credentials_describe(const struct credentials *credentials, struct text *t)
{
    switch (credentials->state) {
    case CREDENTIALS_NONE:
        (void)text_add(t, "nobody has asked IMDS for credentials yet");
        return;
    case CREDENTIALS_OK:
        (void)text_add(t, "IMDS has credentials of the instance's role");
        return;
    case CREDENTIALS_NO_ROLE:
        describe_no_role(credentials, t);
        return;
    case CREDENTIALS_BROKEN:
        if (credentials->imds == IMDS_STATE_OK) {
            (void)text_add(t,
                "the credentials of the role %s have expired by the clock of this "
                "host: see that it is right",
                credentials->role);
            return;
        }
        break;
    case CREDENTIALS_SILENT:
    case CREDENTIALS_REFUSED:
    case CREDENTIALS_RESOURCES:
        break;
    }
    describe_imds(credentials, t);
}

/* ---- life ---- */

/* Zeros, in pages that no other thing shares and no core dump has. NULL: memory. */
static struct secrets *
secrets_new(void)
{
    void *pages = mmap(
        NULL, sizeof(struct secrets), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED) {
        return NULL;
    }
    if (madvise(pages, sizeof(struct secrets), MADV_DONTDUMP) < 0) {
        (void)munmap(pages, sizeof(struct secrets));
        return NULL;
    }
    return pages;
}

static void
secrets_free(struct secrets *secrets)
{
    if (secrets != NULL) {
        explicit_bzero(secrets, sizeof(*secrets));
        (void)munmap(secrets, sizeof(*secrets));
    }
}

int
credentials_new(struct loop *loop, const char *url, struct credentials **ret)
{
    struct credentials *credentials = calloc(1, sizeof(*credentials));
    int r;

    if (credentials == NULL) {
        return -ENOMEM;
    }
    r = imds_targets_set(url, credentials->targets, &credentials->n_targets);
    credentials->secrets = secrets_new();
    credentials->request = imds_request_new(loop, on_answer, credentials);
    credentials->timer = loop_timer_new(loop, on_timer, credentials);
    if (r == 0 && (credentials->secrets == NULL || credentials->request == NULL ||
                      credentials->timer == NULL)) {
        r = -ENOMEM;
    }
    if (r < 0) {
        credentials_free(credentials);
        return r;
    }
    *ret = credentials;
    return 0;
}

void
credentials_free(struct credentials *credentials)
{
    if (credentials != NULL) {
        imds_request_free(credentials->request);
        loop_timer_free(credentials->timer);
        secrets_free(credentials->secrets);
        free(credentials);
    }
}
