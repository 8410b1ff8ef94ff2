/* Thirty days of a host's life under the hand-turned clock, with faults from a seeded calendar.
 * Every outage that lasts long enough is told exactly once, none is invented, and durations are
 * right to one interval. FLOW_SEED=N in the environment draws another calendar. */
#include "fake_dns.h"
#include "fake_loop.h"
#include "fake_tcp.h"
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

#define DAY_MS (24 * HOUR_MS)
#define MONTH_MS (30 * DAY_MS)
#define INTERVAL_MS (5 * MINUTE_MS)
#define FAST_MS 5000
#define CONNECT_MS 3000
#define SETTINGS                                                                                   \
    "Interval=5min\nFastInterval=5s\nRise=2\nFall=3\n"                                             \
    "DnsTimeout=2s\nConnectTimeout=3s\nTlsTimeout=3s\n"

/* From the first failed run until the state changes; and back. */
#define SETTLE_MS (4 * (FAST_MS + CONNECT_MS))

/* Long enough to be told in any case: a run may just have been. */
#define CERTAIN_MS (INTERVAL_MS + SETTLE_MS)

#define OUTAGES_MAX 35 /* of each endpoint: their changes must fit into CHANGES_MAX */
#define KEYS_N 3

enum fault {
    FAULT_SILENT,
    FAULT_REFUSED,
    FAULT_UNTRUSTED,
    FAULT_NO_DNS,
    FAULT_ONE_ADDRESS,
};
#define FAULT_N (FAULT_ONE_ADDRESS + 1)

struct outage {
    int64_t start_ms;
    int64_t end_ms;
    enum fault fault;
    unsigned told; /* changes for the worse that belong to it */
};

struct calendar {
    size_t n;
    struct outage outages[OUTAGES_MAX];
};

static const char *const keys[] = {THREE};
static const char *const addrs[KEYS_N][3] = {{"10.0.0.11", "10.0.0.12", "10.0.0.13"},
    {"10.0.1.11", "10.0.1.12", "10.0.1.13"}, {"10.0.2.11", "10.0.2.12", "10.0.2.13"}};

/* xorshift64*: the same calendar everywhere. */
static uint64_t
draw(uint64_t *state, uint64_t below)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717) % below;
}

/* Mostly short, sometimes for hours: from a second to six hours. */
static int64_t
draw_duration_ms(uint64_t *state)
{
    static const uint64_t longest_s[] = {30, 300, 1200, 6 * 3600};

    return (int64_t)(1 + draw(state, longest_s[draw(state, 4)])) * 1000;
}

static void
draw_calendar(uint64_t *state, int64_t start_ms, struct calendar *ret)
{
    int64_t at_ms = start_ms + HOUR_MS;

    ret->n = 0;
    while (ret->n < OUTAGES_MAX) {
        struct outage *outage = &ret->outages[ret->n];

        /* long enough apart for the one before to be over, and told */
        at_ms += INTERVAL_MS * 4 + (int64_t)draw(state, MONTH_MS / (OUTAGES_MAX + 8));
        *outage = (struct outage){.start_ms = at_ms,
            .end_ms = at_ms + draw_duration_ms(state),
            .fault = (enum fault)draw(state, FAULT_N)};
        at_ms = outage->end_ms;
        if (at_ms > start_ms + MONTH_MS - DAY_MS) {
            return;
        }
        ret->n++;
    }
}

static void
break_or_heal(size_t key, enum fault fault, bool broken)
{
    char hostname[32];

    (void)snprintf(hostname, sizeof(hostname), "%s.test", keys[key]);
    for (size_t i = 0; i < 3; i++) {
        bool hit = broken && (fault != FAULT_ONE_ADDRESS || i == 1);
        bool silent = fault == FAULT_SILENT || fault == FAULT_ONE_ADDRESS;

        fake_tcp_set(addrs[key][i],
            hit && fault == FAULT_REFUSED ? ADDR_OUTCOME_REFUSED : ADDR_OUTCOME_OK,
            hit && silent ? -1 : 1);
        fake_tls_set(addrs[key][i],
            hit && fault == FAULT_UNTRUSTED ? ADDR_OUTCOME_UNTRUSTED : ADDR_OUTCOME_OK, 1);
    }
    if (broken && fault == FAULT_NO_DNS) {
        fake_dns_set(hostname, ADDR_FAMILY_IPV4, DNS_OUTCOME_SERVFAIL, 1, NULL);
    } else {
        char list[64];

        (void)snprintf(list, sizeof(list), "%s %s %s", addrs[key][0], addrs[key][1], addrs[key][2]);
        fake_dns_set(hostname, ADDR_FAMILY_IPV4, DNS_OUTCOME_OK, 1, list);
    }
}

/* The next moment at which a fault begins or ends; *ret_key and *ret_outage say which. */
static int64_t
next_moment(const struct calendar calendars[static KEYS_N], int64_t after_ms, size_t *ret_key,
    size_t *ret_outage)
{
    int64_t best_ms = INT64_MAX;

    for (size_t k = 0; k < KEYS_N; k++) {
        for (size_t i = 0; i < calendars[k].n; i++) {
            const struct outage *outage = &calendars[k].outages[i];
            int64_t moment_ms = outage->start_ms > after_ms ? outage->start_ms : outage->end_ms;

            if (moment_ms > after_ms && moment_ms < best_ms) {
                best_ms = moment_ms;
                *ret_key = k;
                *ret_outage = i;
            }
        }
    }
    return best_ms;
}

static void
live(struct flow *f, struct calendar calendars[static KEYS_N], int64_t end_ms)
{
    int64_t now_ms = loop_now_ms(f->loop);

    while (now_ms < end_ms) {
        size_t key = 0;
        size_t i = 0;
        int64_t moment_ms = next_moment(calendars, now_ms, &key, &i);

        if (moment_ms > end_ms) {
            fake_loop_advance(f->loop, end_ms - now_ms);
            return;
        }
        fake_loop_advance(f->loop, moment_ms - now_ms);
        now_ms = moment_ms;

        const struct outage *outage = &calendars[key].outages[i];

        break_or_heal(key, outage->fault, outage->start_ms == now_ms);
    }
}

/* The outage that a change for the worse at this moment tells of. */
static struct outage *
outage_at(struct calendar *calendar, int64_t at_ms)
{
    for (size_t i = 0; i < calendar->n; i++) {
        struct outage *outage = &calendar->outages[i];

        /* the run that settles it may have begun just before the end */
        if (at_ms >= outage->start_ms && at_ms <= outage->end_ms + CONNECT_MS + 2000) {
            return outage;
        }
    }
    return NULL;
}

static size_t
key_index(const char *key)
{
    size_t k = 0;

    while (!streq(keys[k], key)) {
        k++;
    }
    return k;
}

/* Each change for the worse belongs to an outage, and the change back comes when it is over. */
static void
match_changes(const struct flow *f, struct calendar calendars[static KEYS_N])
{
    struct outage *open[KEYS_N] = {NULL};

    for (size_t i = 0; i < f->n_changes; i++) {
        const struct change *c = &f->changes[i];
        size_t k = key_index(c->key);

        if (c->change.state == STATE_OK) {
            int64_t lasted_ms;

            if (open[k] == NULL) {
                fail_msg("%s: ok without an outage", c->key);
                abort();
            }
            lasted_ms = open[k]->end_ms - open[k]->start_ms;
            assert_true(c->at_ms >= open[k]->end_ms);
            assert_true(c->at_ms - open[k]->end_ms <= INTERVAL_MS + SETTLE_MS);
            assert_true(llabs(c->change.lasted_ms - lasted_ms) <= INTERVAL_MS + SETTLE_MS);
            open[k] = NULL;
            continue;
        }
        struct outage *outage = outage_at(&calendars[k], c->at_ms);

        if (outage == NULL) {
            fail_msg("%s: an outage was invented at %lld", c->key, (long long)c->at_ms);
            abort(); /* which the compiler does not know of fail_msg */
        }
        open[k] = outage;
        outage->told++;
    }
}

static void
thirty_days(void **state)
{
    static struct calendar calendars[KEYS_N];
    struct flow *f = *state;
    const char *text = getenv("FLOW_SEED"); // NOLINT(concurrency-mt-unsafe): one thread
    uint64_t seed = 20260115;
    unsigned n_certain = 0;
    int64_t start_ms;

    assert_true(text == NULL || parse_uint(text, 1, UINT64_MAX, &seed) == 0);
    open_healthy(f, SETTINGS);
    start_ms = loop_now_ms(f->loop);
    for (size_t k = 0; k < KEYS_N; k++) {
        draw_calendar(&seed, start_ms, &calendars[k]);
    }
    live(f, calendars, start_ms + MONTH_MS);
    assert_int_equal(prober_host_state(f->prober), HOST_STATE_HEALTHY);
    match_changes(f, calendars);
    for (size_t k = 0; k < KEYS_N; k++) {
        for (size_t i = 0; i < calendars[k].n; i++) {
            const struct outage *outage = &calendars[k].outages[i];
            bool certain = outage->end_ms - outage->start_ms >= CERTAIN_MS;

            n_certain += certain;
            if (outage->told > 1 || (certain && outage->told == 0)) {
                fail_msg("%s: outage %zu of %lld ms was told %u times", keys[k], i,
                    (long long)(outage->end_ms - outage->start_ms), outage->told);
            }
        }
    }
    assert_true(n_certain > 10); /* the calendar is worth its name */
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {TEST(thirty_days)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
