/* See dns.h. A query: WAITING for a place -> ASKING one server after the other -> DONE, told from
 * its own timer, which is also the deadline of the server being asked. */
#include "probes/dns.h"

#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/util.h"
#include "probes/bucket.h"
#include "probes/dns_files.h"
#include "probes/dns_server.h"

#include <errno.h>
#include <stdlib.h>

/* Packets that a query sends again, when nobody answers it (probes/dns_server.c). */
#define RESENT_ON_SILENCE 2

struct dns {
    struct loop *loop;
    int64_t timeout_ms;
    struct dns_files *files;
    struct nameservers nameservers; /* in use: those of the files, once they have channels */
    struct dns_server *servers[NAMESERVERS_MAX];
    enum dns_outcome last_outcomes[NAMESERVERS_MAX];
    struct dns_server *second_opinion; /* or NULL */
    struct bucket bucket;
    int stamps_fd;                   /* see dns_server_want_stamps */
    struct loop_timer *bucket_timer; /* set while queries wait for a token */
    unsigned n_asking;
    struct dns_query *waiting; /* first in, first out */
    struct dns_query **waiting_end;
};

enum dns_query_step {
    DNS_QUERY_WAITING, /* in dns->waiting */
    DNS_QUERY_ASKING,  /* counted in dns->n_asking */
    DNS_QUERY_DONE,    /* the timer will tell */
};

/* Whose channel the server is asked on; a query only ever goes down this list. */
enum dns_channel {
    DNS_CHANNEL_SHARED,  /* with all other queries */
    DNS_CHANNEL_OWN,     /* of this query alone */
    DNS_CHANNEL_OWN_TCP, /* and by TCP */
};

struct dns_query {
    struct dns *dns;
    enum dns_via via;
    char hostname[HOSTNAME_SIZE];
    enum addr_family family;
    dns_query_fn on_reply;
    void *arg;
    enum dns_query_step step;
    struct dns_query *next; /* while WAITING */
    struct loop_timer *timer;
    size_t n_servers; /* as they were at the start: references of ours */
    struct dns_server *servers[NAMESERVERS_MAX];
    enum dns_channel channel;  /* to the server being asked */
    struct dns_lookup *lookup; /* the one under way, or NULL */
    bool answered;             /* answer is filled, the timer is about to fire */
    int64_t started_us;
    int64_t asked_us; /* the server that is being asked */
    int64_t answered_us;
    struct dns_result result;
    struct dns_answer answer;
};

/* A channel for each of the name servers; queries under way keep a reference to theirs. */
static int
use_nameservers(struct dns *dns, const struct nameservers *nameservers)
{
    struct dns_server *servers[NAMESERVERS_MAX] = {NULL};

    for (size_t i = 0; i < nameservers->n; i++) {
        if (dns_server_new(dns->loop, &nameservers->servers[i], DNS_TRANSPORT_UDP, dns->timeout_ms,
                &servers[i]) < 0) {
            for (size_t k = 0; k < i; k++) {
                dns_server_unref(servers[k]);
            }
            return -ENOMEM;
        }
    }
    for (size_t i = 0; i < NAMESERVERS_MAX; i++) {
        dns_server_unref(dns->servers[i]);
        dns->servers[i] = servers[i];
        dns->last_outcomes[i] = DNS_OUTCOME_NONE;
    }
    dns->nameservers = *nameservers;
    return 0;
}

static int
refresh(struct dns *dns, bool *ret_changed)
{
    *ret_changed = false;
    if (!dns_files_refresh(dns->files, loop_now_ms(dns->loop))) {
        return 0;
    }
    if (nameservers_equal(dns_files_nameservers(dns->files), &dns->nameservers)) {
        return 0;
    }
    if (use_nameservers(dns, dns_files_nameservers(dns->files)) < 0) {
        dns_files_forget(dns->files); /* try again */
        return -ENOMEM;
    }
    *ret_changed = true;
    return 0;
}

bool
dns_refresh(struct dns *dns)
{
    bool changed;

    if (refresh(dns, &changed) < 0) {
        log_msg(LOG_WARNING, LOG_TOPIC_DNS, "no memory for the new name servers, keeping the old");
    }
    return changed;
}

static void start_waiting(struct dns *dns);

static void
on_bucket_timer(void *arg)
{
    start_waiting(arg);
}

static int
open_all(struct dns *dns, const struct dns_options *options)
{
    bool changed;

    dns->files = dns_files_new(options->resolv_conf, options->hosts);
    dns->bucket_timer = loop_timer_new(dns->loop, on_bucket_timer, dns);
    if (dns->files == NULL || dns->bucket_timer == NULL) {
        return -ENOMEM;
    }
    if (options->second_opinion.family != ADDR_FAMILY_NONE &&
        dns_server_new(dns->loop, &options->second_opinion, DNS_TRANSPORT_UDP, dns->timeout_ms,
            &dns->second_opinion) < 0) {
        return -ENOMEM;
    }
    return refresh(dns, &changed);
}

int
dns_new(struct loop *loop, const struct dns_options *options, struct dns **ret)
{
    struct dns *dns = calloc(1, sizeof(*dns));

    if (dns == NULL) {
        return -ENOMEM;
    }
    dns->loop = loop;
    dns->timeout_ms = options->timeout_ms;
    dns->waiting_end = &dns->waiting;
    dns->stamps_fd = dns_server_want_stamps();
    bucket_init(&dns->bucket, options->per_second, options->burst, loop_now_ms(loop));
    if (open_all(dns, options) < 0) {
        dns_free(dns);
        return -ENOMEM;
    }
    *ret = dns;
    return 0;
}

void
dns_free(struct dns *dns)
{
    if (dns == NULL) {
        return;
    }
    for (size_t i = 0; i < NAMESERVERS_MAX; i++) {
        dns_server_unref(dns->servers[i]);
    }
    dns_server_unref(dns->second_opinion);
    cleanup_fd(&dns->stamps_fd);
    loop_timer_free(dns->bucket_timer);
    dns_files_free(dns->files);
    free(dns);
}

struct addr
dns_second_opinion(const struct dns *dns)
{
    return dns->second_opinion != NULL ? *dns_server_addr(dns->second_opinion)
                                       : (struct addr){.family = ADDR_FAMILY_NONE};
}

size_t
dns_nameservers(const struct dns *dns, struct nameserver_status ret[static NAMESERVERS_MAX])
{
    for (size_t i = 0; i < dns->nameservers.n; i++) {
        enum dns_outcome last = dns->last_outcomes[i];

        ret[i] = (struct nameserver_status){.addr = dns->nameservers.servers[i],
            .last_outcome = last,
            .ill = dns_outcome_is_failure(last)};
    }
    return dns->nameservers.n;
}

/* What the query came to when every server failed: an error that was said weighs more than
 * silence, and silence more than nobody being there. */
static enum dns_outcome
outcome_of_attempts(const struct dns_result *result)
{
    static const enum dns_outcome by_weight[] = {
        DNS_OUTCOME_SERVFAIL, DNS_OUTCOME_REFUSED, DNS_OUTCOME_MALFORMED, DNS_OUTCOME_TIMEOUT};

    for (size_t w = 0; w < ARRAY_SIZE(by_weight); w++) {
        for (size_t i = 0; i < result->n_attempts; i++) {
            if (result->attempts[i].outcome == by_weight[w]) {
                return by_weight[w];
            }
        }
    }
    return DNS_OUTCOME_UNREACHABLE;
}

static void
note_outcome(struct dns *dns, const struct addr *server, enum dns_outcome outcome)
{
    for (size_t i = 0; i < dns->nameservers.n; i++) {
        if (addr_equal(&dns->nameservers.servers[i], server)) {
            dns->last_outcomes[i] = outcome;
        }
    }
}

static void
on_lookup(void *arg)
{
    struct dns_query *query = arg;

    query->lookup = NULL;
    query->answered = true;
    query->answered_us =
        query->answer.arrived_us > query->asked_us ? query->answer.arrived_us : query->asked_us;
    loop_timer_set(query->timer, 0);
}

static void ask_next_server(struct dns_query *query);

/* Take a place and a token, or wait for them. Once there is no token, none is taken before a round
 * of them is there. */
static bool
may_ask(struct dns *dns)
{
    int64_t now_ms = loop_now_ms(dns->loop);

    if (dns->n_asking >= DNS_IN_FLIGHT_MAX || loop_timer_is_set(dns->bucket_timer)) {
        return false;
    }
    if (bucket_take(&dns->bucket, now_ms)) {
        return true;
    }
    loop_timer_set(dns->bucket_timer,
        bucket_wait_ms(&dns->bucket, bucket_refill(&dns->bucket, DNS_ROUND_MS), now_ms));
    return false;
}

static void
start_waiting(struct dns *dns)
{
    while (dns->waiting != NULL && may_ask(dns)) {
        struct dns_query *query = dns->waiting;

        dns->waiting = query->next;
        if (dns->waiting == NULL) {
            dns->waiting_end = &dns->waiting;
        }
        dns->n_asking++;
        query->step = DNS_QUERY_ASKING;
        query->started_us = loop_now_us(dns->loop);
        ask_next_server(query);
    }
}

static void
leave_step(struct dns_query *query)
{
    struct dns *dns = query->dns;
    struct dns_query **link = &dns->waiting;

    if (query->step == DNS_QUERY_ASKING) {
        dns->n_asking--;
    } else if (query->step == DNS_QUERY_WAITING) {
        while (*link != query) {
            link = &(*link)->next;
        }
        *link = query->next;
        if (dns->waiting_end == &query->next) {
            dns->waiting_end = link;
        }
    }
    query->step = DNS_QUERY_DONE;
}

static void
free_query(struct dns_query *query)
{
    dns_lookup_drop(TAKE(query->lookup));
    for (size_t i = 0; i < query->n_servers; i++) {
        dns_server_unref(query->servers[i]);
    }
    dns_answer_reset(&query->answer);
    loop_timer_free(query->timer);
    free(query);
}

/* The only end: tell, then release. The query's step is DONE. */
static void
finish(struct dns_query *query)
{
    struct dns_reply reply = {.result = query->result,
        .n_addrs = query->answer.n_addrs,
        .addrs = query->answer.addrs,
        .n_cnames = query->answer.n_cnames,
        .cnames = (const char *const *)query->answer.cnames};

    reply.result.n_found = query->answer.n_found;
    query->on_reply(&reply, query->arg);
    free_query(query);
}

static void
finish_asking(struct dns_query *query, enum dns_outcome outcome)
{
    struct dns *dns = query->dns;

    query->result.outcome = outcome;
    query->result.elapsed_us = (int32_t)(query->answered_us - query->started_us);
    leave_step(query);
    finish(query);
    start_waiting(dns);
}

static int64_t
left_ms(const struct dns_query *query)
{
    int64_t gone_ms = (loop_now_us(query->dns->loop) - query->asked_us) / 1000;

    return query->dns->timeout_ms - gone_ms;
}

static void
ask_server(struct dns_query *query, int64_t timeout_ms)
{
    struct dns_server *server = query->servers[query->result.n_attempts - 1];

    dns_answer_reset(&query->answer);
    query->answered = false;
    loop_timer_set(query->timer, timeout_ms);
    if (dns_lookup_start(server, query->hostname, query->family, &query->answer, on_lookup, query,
            &query->lookup) < 0) {
        query->answer.outcome = DNS_OUTCOME_RESOURCES;
        query->answer.arrived_us = loop_now_us(query->dns->loop);
        on_lookup(query);
    }
}

static void
ask_next_server(struct dns_query *query)
{
    struct dns_server *server = query->servers[query->result.n_attempts];

    query->channel = DNS_CHANNEL_SHARED;
    query->asked_us = loop_now_us(query->dns->loop);
    query->result.attempts[query->result.n_attempts++].server = *dns_server_addr(server);
    ask_server(query, query->dns->timeout_ms);
}

/* What an answer that others may have spoilt calls for. A connection refused (TCP, after a cut
 * answer) costs c-ares its sockets, and with them all lookups of the channel, whatever they are
 * for: nobody there to answer is believed when it is said on a channel of the query's own. And a
 * cut answer's TCP connection, which is one for all, c-ares gives a part of the server's time, so
 * that silence before that time is over is none. */
static enum dns_channel
next_channel(const struct dns_query *query)
{
    bool nobody = query->answer.outcome == DNS_OUTCOME_UNREACHABLE;

    if (query->answer.gave_up && left_ms(query) > 0) {
        return DNS_CHANNEL_OWN_TCP;
    }
    return nobody && query->channel == DNS_CHANNEL_SHARED ? DNS_CHANNEL_OWN : query->channel;
}

static bool
ask_again_alone(struct dns_query *query)
{
    struct dns *dns = query->dns;
    struct dns_server **server = &query->servers[query->result.n_attempts - 1];
    enum dns_channel channel = next_channel(query);
    bool tcp = channel == DNS_CHANNEL_OWN_TCP;
    int64_t timeout_ms = tcp ? left_ms(query) : dns->timeout_ms;
    struct dns_server *own;

    if (channel == query->channel) {
        return false;
    }
    if (dns_server_new(dns->loop, dns_server_addr(*server),
            tcp ? DNS_TRANSPORT_TCP : DNS_TRANSPORT_UDP, timeout_ms, &own) < 0) {
        query->answer.outcome = DNS_OUTCOME_RESOURCES; /* what it would have said nobody knows */
        return false;
    }
    dns_server_unref(*server);
    *server = own;
    query->channel = channel;
    query->asked_us = tcp ? query->asked_us : loop_now_us(dns->loop);
    bucket_charge(&dns->bucket, 1, loop_now_ms(dns->loop));
    ask_server(query, timeout_ms);
    return true;
}

/* The server being asked has answered, or its time is over. */
static void
on_asked(struct dns_query *query)
{
    struct dns_attempt *attempt = &query->result.attempts[query->result.n_attempts - 1];
    const struct dns_server *server = query->servers[query->result.n_attempts - 1];

    if (!query->answered) {
        dns_lookup_drop(TAKE(query->lookup));
        query->answered_us = loop_now_us(query->dns->loop);
        query->answer.outcome = dns_server_starved(server, query->asked_us) ? DNS_OUTCOME_RESOURCES
                                                                            : DNS_OUTCOME_TIMEOUT;
        bucket_charge(&query->dns->bucket, RESENT_ON_SILENCE, loop_now_ms(query->dns->loop));
    } else if (ask_again_alone(query)) {
        return;
    }
    attempt->outcome = query->answer.outcome;
    note_outcome(query->dns, &attempt->server, attempt->outcome);
    if (!dns_outcome_is_failure(attempt->outcome)) { /* else another may know better */
        query->result.server = attempt->server;
        finish_asking(query, attempt->outcome);
    } else if (query->result.n_attempts < query->n_servers) {
        bucket_charge(&query->dns->bucket, 1, loop_now_ms(query->dns->loop));
        ask_next_server(query);
    } else {
        finish_asking(query, outcome_of_attempts(&query->result));
    }
}

static void
on_timer(void *arg)
{
    struct dns_query *query = arg;

    if (query->step == DNS_QUERY_ASKING) {
        on_asked(query);
    } else {
        finish(query); /* hosts(5) or a literal */
    }
}

/* The answer needs no server: *ret_found addresses of any family are known for the name. */
static void
answer_at_once(struct dns_query *query, enum dns_source source, const struct addr *found, size_t n)
{
    query->step = DNS_QUERY_DONE;
    query->result.source = source;
    query->result.elapsed_us = 0;
    for (size_t i = 0; i < n; i++) {
        if (found[i].family == query->family && query->answer.n_addrs < PROBE_ADDRS_MAX) {
            query->answer.addrs[query->answer.n_addrs++] = found[i];
        }
    }
    query->answer.n_found = (uint16_t)query->answer.n_addrs;
    query->result.outcome = query->answer.n_addrs > 0 ? DNS_OUTCOME_OK : DNS_OUTCOME_NODATA;
}

/* Literals and hosts(5). A hosts entry of one family is the whole answer, as for glibc's
 * "hosts: files dns": the other family is not asked of DNS. */
static bool
needs_no_server(struct dns_query *query)
{
    struct addr found[PROBE_RESULT_ADDRS_MAX];
    size_t n = 0;

    if (addr_parse(query->hostname, &found[0]) == 0) {
        answer_at_once(query, DNS_SOURCE_LITERAL, found, 1);
        return true;
    }
    if (query->via == DNS_VIA_HOST) {
        n = dns_files_lookup(query->dns->files, query->hostname, found, ARRAY_SIZE(found));
    }
    if (n > 0) {
        answer_at_once(query, DNS_SOURCE_HOSTS_FILE, found, n);
    }
    return n > 0;
}

static void
enqueue(struct dns_query *query)
{
    struct dns *dns = query->dns;

    query->step = DNS_QUERY_WAITING;
    query->result.source = DNS_SOURCE_NAMESERVER;
    if (query->via == DNS_VIA_SECOND_OPINION) {
        query->n_servers = 1;
        query->servers[0] = dns_server_ref(dns->second_opinion);
    } else {
        query->n_servers = dns->nameservers.n;
        for (size_t i = 0; i < query->n_servers; i++) {
            query->servers[i] = dns_server_ref(dns->servers[i]);
        }
    }
    *dns->waiting_end = query;
    dns->waiting_end = &query->next;
    start_waiting(dns);
}

int
dns_query_start(struct dns *dns, enum dns_via via, const char *hostname, enum addr_family family,
    dns_query_fn on_reply, void *arg, struct dns_query **ret)
{
    struct dns_query *query;

    if (via == DNS_VIA_SECOND_OPINION && dns->second_opinion == NULL) {
        return -ENOENT;
    }
    query = calloc(1, sizeof(*query));
    if (query == NULL) {
        return -ENOMEM;
    }
    query->dns = dns;
    query->via = via;
    query->family = family;
    query->on_reply = on_reply;
    query->arg = arg;
    query->timer = loop_timer_new(dns->loop, on_timer, query);
    (void)str_copy(query->hostname, sizeof(query->hostname), hostname);
    if (query->timer == NULL) {
        free(query);
        return -ENOMEM;
    }
    if (needs_no_server(query)) {
        loop_timer_set(query->timer, 0);
    } else {
        enqueue(query);
    }
    *ret = query;
    return 0;
}

void
dns_query_drop(struct dns_query *query)
{
    if (query == NULL) {
        return;
    }
    struct dns *dns = query->dns;

    leave_step(query);
    free_query(query);
    start_waiting(dns);
}
