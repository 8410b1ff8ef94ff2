/* See dns.h. A query: WAITING for a place -> ASKING one server after the other -> DONE, told from
 * its own timer, which is also the deadline of the server being asked. */
#include "probes/dns.h"

#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/util.h"
#include "probes/dns_server.h"
#include "probes/resolvconf.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#define RESOLV_CONF_MAX 65536UL
#define HOSTS_MAX 1048576UL

/* Enough of stat(2) to see that a file was replaced or written. */
struct file_stamp {
    bool exists;
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec mtime;
};

struct dns {
    struct loop *loop;
    int64_t timeout_ms;
    struct file_stamp resolv_conf;
    struct file_stamp hosts;
    char *hosts_text; /* heap; NULL: empty */
    struct nameservers nameservers;
    struct dns_server *servers[NAMESERVERS_MAX];
    enum dns_outcome last_outcomes[NAMESERVERS_MAX];
    unsigned n_asking;
    struct dns_query *waiting; /* first in, first out */
    struct dns_query **waiting_end;
};

enum dns_query_step {
    DNS_QUERY_WAITING, /* in dns->waiting */
    DNS_QUERY_ASKING,  /* counted in dns->n_asking */
    DNS_QUERY_DONE,    /* the timer will tell */
};

struct dns_query {
    struct dns *dns;
    char hostname[HOSTNAME_SIZE];
    enum addr_family family;
    dns_query_fn on_reply;
    void *arg;
    enum dns_query_step step;
    struct dns_query *next; /* while WAITING */
    struct loop_timer *timer;
    size_t n_servers; /* as they were at the start: references of ours */
    struct dns_server *servers[NAMESERVERS_MAX];
    struct dns_lookup *lookup; /* the one under way, or NULL */
    bool answered;             /* answer is filled, the timer is about to fire */
    int64_t started_us;
    int64_t answered_us;
    struct dns_result result;
    struct dns_answer answer;
};

static struct file_stamp
stamp_of(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0) {
        return (struct file_stamp){.exists = false};
    }
    return (struct file_stamp){.exists = true,
        .device = st.st_dev,
        .inode = st.st_ino,
        .size = st.st_size,
        .mtime = st.st_mtim};
}

static bool
stamps_equal(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->exists == b->exists && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && a->mtime.tv_sec == b->mtime.tv_sec &&
           a->mtime.tv_nsec == b->mtime.tv_nsec;
}

/* The file's text, or NULL; what is wrong with it is logged, and it counts as empty. */
static char *
read_text(const char *path, size_t max_bytes)
{
    char *text = NULL;
    size_t len;
    int r = read_file(path, max_bytes, &text, &len);

    if (r < 0 && r != -ENOENT) {
        log_msg(LOG_WARNING, LOG_TOPIC_DNS, "%s: %s, ignoring it", path, strerror(-r));
    }
    return text;
}

static void
refresh_hosts(struct dns *dns)
{
    struct file_stamp stamp = stamp_of(DNS_DEFAULT_HOSTS);

    if (stamps_equal(&stamp, &dns->hosts)) {
        return;
    }
    dns->hosts = stamp;
    free(dns->hosts_text);
    dns->hosts_text = read_text(DNS_DEFAULT_HOSTS, HOSTS_MAX);
}

/* A channel for each of the name servers; queries under way keep a reference to theirs. */
static int
use_nameservers(struct dns *dns, const struct nameservers *nameservers)
{
    struct dns_server *servers[NAMESERVERS_MAX] = {NULL};

    for (size_t i = 0; i < nameservers->n; i++) {
        if (dns_server_new(dns->loop, &nameservers->servers[i], dns->timeout_ms, &servers[i]) < 0) {
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
refresh_nameservers(struct dns *dns, bool *ret_changed)
{
    struct file_stamp stamp = stamp_of(DNS_DEFAULT_RESOLV_CONF);
    struct nameservers nameservers;
    char *text;
    int r;

    *ret_changed = false;
    if (dns->nameservers.n > 0 && stamps_equal(&stamp, &dns->resolv_conf)) {
        return 0;
    }
    text = read_text(DNS_DEFAULT_RESOLV_CONF, RESOLV_CONF_MAX);
    resolvconf_parse(text != NULL ? text : "", &nameservers);
    free(text);
    if (nameservers.n_ignored > 0) {
        log_msg(LOG_WARNING, LOG_TOPIC_DNS,
            "%s: %zu nameserver lines without a usable address, "
            "ignoring them",
            DNS_DEFAULT_RESOLV_CONF, nameservers.n_ignored);
    }
    dns->resolv_conf = stamp;
    if (nameservers_equal(&nameservers, &dns->nameservers)) {
        return 0;
    }
    r = use_nameservers(dns, &nameservers);
    *ret_changed = r == 0;
    return r;
}

bool
dns_refresh(struct dns *dns)
{
    bool changed;

    refresh_hosts(dns);
    if (refresh_nameservers(dns, &changed) < 0) {
        log_msg(LOG_WARNING, LOG_TOPIC_DNS, "no memory for the new name servers, keeping the old");
        dns->resolv_conf = (struct file_stamp){.exists = false}; /* try again */
    }
    return changed;
}

int
dns_new(struct loop *loop, int64_t timeout_ms, struct dns **ret)
{
    struct dns *dns = calloc(1, sizeof(*dns));
    bool changed;

    if (dns == NULL) {
        return -ENOMEM;
    }
    dns->loop = loop;
    dns->timeout_ms = timeout_ms;
    dns->waiting_end = &dns->waiting;
    refresh_hosts(dns);
    if (refresh_nameservers(dns, &changed) < 0) {
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
    free(dns->hosts_text);
    free(dns);
}

/* Another server may know better. A name that does not exist, or has no such record, is an
 * answer. */
static bool
wants_next_server(enum dns_outcome outcome)
{
    return outcome > DNS_OUTCOME_NXDOMAIN && outcome != DNS_OUTCOME_RESOURCES;
}

size_t
dns_nameservers(const struct dns *dns, struct nameserver_status ret[static NAMESERVERS_MAX])
{
    for (size_t i = 0; i < dns->nameservers.n; i++) {
        enum dns_outcome last = dns->last_outcomes[i];

        ret[i] = (struct nameserver_status){.addr = dns->nameservers.servers[i],
            .last_outcome = last,
            .ill = wants_next_server(last)};
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
    query->answered_us = loop_now_us(query->dns->loop);
    (void)loop_timer_set(query->timer, 0);
}

static void ask_next_server(struct dns_query *query);

static void
start_waiting(struct dns *dns)
{
    while (dns->n_asking < DNS_IN_FLIGHT_MAX && dns->waiting != NULL) {
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

static void
ask_next_server(struct dns_query *query)
{
    struct dns_server *server = query->servers[query->result.n_attempts];

    dns_answer_reset(&query->answer);
    query->answered = false;
    query->result.attempts[query->result.n_attempts++].server = *dns_server_addr(server);
    if (loop_timer_set(query->timer, query->dns->timeout_ms) < 0 ||
        dns_lookup_start(server, query->hostname, query->family, &query->answer, on_lookup, query,
            &query->lookup) < 0) {
        query->answer.outcome = DNS_OUTCOME_RESOURCES;
        on_lookup(query);
    }
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
        query->answer.outcome =
            dns_server_starved(server) ? DNS_OUTCOME_RESOURCES : DNS_OUTCOME_TIMEOUT;
    }
    attempt->outcome = query->answer.outcome;
    note_outcome(query->dns, &attempt->server, attempt->outcome);
    if (!wants_next_server(attempt->outcome)) {
        query->result.server = attempt->server;
        finish_asking(query, attempt->outcome);
    } else if (query->result.n_attempts < query->n_servers) {
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
    if (query->dns->hosts_text != NULL) {
        n = hosts_lookup(query->dns->hosts_text, query->hostname, found, ARRAY_SIZE(found));
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
    query->n_servers = dns->nameservers.n;
    for (size_t i = 0; i < query->n_servers; i++) {
        query->servers[i] = dns_server_ref(dns->servers[i]);
    }
    *dns->waiting_end = query;
    dns->waiting_end = &query->next;
    start_waiting(dns);
}

int
dns_query_start(struct dns *dns, const char *hostname, enum addr_family family,
    dns_query_fn on_reply, void *arg, struct dns_query **ret)
{
    struct dns_query *query = calloc(1, sizeof(*query));

    if (query == NULL) {
        return -ENOMEM;
    }
    query->dns = dns;
    query->family = family;
    query->on_reply = on_reply;
    query->arg = arg;
    query->timer = loop_timer_new(dns->loop, on_timer, query);
    (void)str_copy(query->hostname, sizeof(query->hostname), hostname);
    if (query->timer == NULL) {
        free(query);
        return -ENOMEM;
    }
    if (!needs_no_server(query)) {
        enqueue(query);
    } else if (loop_timer_set(query->timer, 0) < 0) {
        free_query(query);
        return -ENOMEM;
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
