/* See fake_dns.h. */
#include "fake_dns.h"

#include "daemon/loop.h"
#include "daemon/util.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define ANSWERS_MAX 64
#define DEFAULT_DELAY_MS 1
#define ADDRS_TEXT_SIZE 256

struct answer {
    enum dns_via via;
    char hostname[HOSTNAME_SIZE];
    enum addr_family family;
    enum dns_outcome outcome;
    int64_t delay_ms;
    size_t n_addrs;
    struct addr addrs[PROBE_ADDRS_MAX];
};

static struct answer answers[ANSWERS_MAX];
static size_t n_answers;
static size_t n_pending;
static size_t n_second;
static bool has_second_opinion;
static const char *second_server;

struct dns {
    struct loop *loop;
    size_t n_queries;
};

struct dns_query {
    struct dns *dns;
    struct answer answer; /* as it was when asked */
    struct loop_timer *timer;
    dns_query_fn on_reply;
    void *arg;
};

void
fake_dns_reset(void)
{
    n_answers = 0;
    n_second = 0;
    has_second_opinion = false;
    second_server = "169.254.169.253";
}

static struct answer *
find(enum dns_via via, const char *hostname, enum addr_family family)
{
    for (size_t i = 0; i < n_answers; i++) {
        if (answers[i].via == via && streq(answers[i].hostname, hostname) &&
            answers[i].family == family) {
            return &answers[i];
        }
    }
    return NULL;
}

static void
parse_addrs(struct answer *answer, const char *addrs)
{
    char buf[ADDRS_TEXT_SIZE];
    char *rest = NULL;
    bool whole = str_copy(buf, sizeof(buf), addrs);

    assert(whole);
    (void)whole;
    for (char *word = strtok_r(buf, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        assert(answer->n_addrs < PROBE_ADDRS_MAX);
        int r = addr_parse(word, &answer->addrs[answer->n_addrs]);

        assert(r == 0);
        assert(answer->addrs[answer->n_addrs].family == answer->family);
        (void)r;
        answer->n_addrs++;
    }
}

static void
set(enum dns_via via, const char *hostname, enum addr_family family, enum dns_outcome outcome,
    int64_t delay_ms, const char *addrs)
{
    struct answer *answer = find(via, hostname, family);

    if (answer == NULL) {
        assert(n_answers < ANSWERS_MAX);
        answer = &answers[n_answers++];
    }
    *answer =
        (struct answer){.via = via, .family = family, .outcome = outcome, .delay_ms = delay_ms};
    (void)str_copy(answer->hostname, sizeof(answer->hostname), hostname);
    if (addrs != NULL) {
        parse_addrs(answer, addrs);
    }
}

void
fake_dns_set(const char *hostname, enum addr_family family, enum dns_outcome outcome,
    int64_t delay_ms, const char *addrs)
{
    set(DNS_VIA_HOST, hostname, family, outcome, delay_ms, addrs);
}

void
fake_dns_set_second(const char *hostname, enum addr_family family, enum dns_outcome outcome,
    int64_t delay_ms, const char *addrs)
{
    has_second_opinion = true;
    set(DNS_VIA_SECOND_OPINION, hostname, family, outcome, delay_ms, addrs);
}

void
fake_dns_set_second_server(const char *server)
{
    second_server = server;
}

size_t
fake_dns_n_second(void)
{
    return n_second;
}

size_t
fake_dns_n_pending(void)
{
    return n_pending;
}

int
dns_new(struct loop *loop, const struct dns_options *options, struct dns **ret)
{
    struct dns *dns = calloc(1, sizeof(*dns));

    (void)options;
    if (dns == NULL) {
        return -ENOMEM;
    }
    dns->loop = loop;
    *ret = dns;
    return 0;
}

void
dns_free(struct dns *dns)
{
    assert(dns == NULL || dns->n_queries == 0);
    free(dns);
}

bool
dns_refresh(struct dns *dns)
{
    (void)dns;
    return false;
}

void
dns_query_drop(struct dns_query *query)
{
    if (query != NULL) {
        query->dns->n_queries--;
        n_pending--;
        loop_timer_free(query->timer);
        free(query);
    }
}

static struct addr
name_server(void)
{
    struct addr addr = {.family = ADDR_FAMILY_NONE};
    int r = addr_parse("10.0.0.2", &addr);

    assert(r == 0);
    (void)r;
    return addr;
}

static void
on_answer(void *arg)
{
    struct dns_query *query = arg;
    const struct answer *answer = &query->answer;
    struct dns_reply reply = {
        .result = {.outcome = answer->outcome,
            .source = DNS_SOURCE_NAMESERVER,
            .elapsed_us = (int32_t)(answer->delay_ms * 1000),
            .n_found = (uint16_t)answer->n_addrs,
            .n_attempts = 1,
            .attempts = {{.server = name_server(), .outcome = answer->outcome}}},
        .n_addrs = answer->n_addrs,
        .addrs = answer->addrs,
    };

    if (answer->outcome != DNS_OUTCOME_TIMEOUT) {
        reply.result.server = reply.result.attempts[0].server;
    }
    query->on_reply(&reply, query->arg);
    dns_query_drop(query);
}

int
dns_query_start(struct dns *dns, enum dns_via via, const char *hostname, enum addr_family family,
    dns_query_fn on_reply, void *arg, struct dns_query **ret)
{
    struct dns_query *query = calloc(1, sizeof(*query));
    const struct answer *answer = find(via, hostname, family);

    n_second += via == DNS_VIA_SECOND_OPINION;
    if (query == NULL) {
        return -ENOMEM;
    }
    query->answer = answer != NULL ? *answer
                                   : (struct answer){.family = family,
                                         .outcome = DNS_OUTCOME_NXDOMAIN,
                                         .delay_ms = DEFAULT_DELAY_MS};
    query->dns = dns;
    query->on_reply = on_reply;
    query->arg = arg;
    query->timer = loop_timer_new(dns->loop, on_answer, query);
    if (query->timer == NULL) {
        free(query);
        return -ENOMEM;
    }
    dns->n_queries++;
    n_pending++;
    loop_timer_set(query->timer, query->answer.delay_ms);
    *ret = query;
    return 0;
}

struct addr
dns_second_opinion(const struct dns *dns)
{
    struct addr addr = {.family = ADDR_FAMILY_NONE};

    (void)dns;
    if (has_second_opinion) {
        (void)addr_parse(second_server, &addr);
    }
    return addr;
}

size_t
dns_nameservers(const struct dns *dns, struct nameserver_status ret[static NAMESERVERS_MAX])
{
    (void)dns;
    ret[0] = (struct nameserver_status){.addr = name_server(), .last_outcome = DNS_OUTCOME_OK};
    return 1;
}
