/* See probe.h. probe_finish is the only way out of a run: it gathers, stops everything and lets
 * the timer tell. */
#include "probes/probe.h"

#include "daemon/loop.h"
#include "daemon/util.h"
#include "probes/dns.h"
#include "probes/tcp.h"

#include <errno.h>
#include <stdlib.h>

enum probe_step {
    PROBE_STEP_IDLE,
    PROBE_STEP_RUNNING,
    PROBE_STEP_DONE, /* gathered; the timer is about to tell */
};

/* One family's part of the run. */
struct probe_family {
    struct probe *probe;
    enum addr_family family;
    struct dns_query *query;
    size_t n;
    struct addr_probe *addrs; /* heap, n of them */
};

struct probe {
    const struct probe_env *env;
    const struct vpc_nets *nets;
    const struct endpoint_spec *spec;
    const struct probe_result *before; /* or NULL */
    probe_fn on_done;
    void *arg;
    enum probe_step step;
    struct loop_timer *timer;
    struct probe_family families[FAMILY_N];
    size_t n_pending; /* queries and addresses under way */
    size_t n_asking;  /* of them, queries to the host's own name servers */
    struct dns_query *second_queries[FAMILY_N];
    struct probe_result result;
};

static void
stop_all(struct probe *p)
{
    for (size_t f = 0; f < FAMILY_N; f++) {
        struct probe_family *family = &p->families[f];

        dns_query_drop(TAKE(family->query));
        dns_query_drop(TAKE(p->second_queries[f]));
        for (size_t i = 0; i < family->n; i++) {
            addr_probe_done(&family->addrs[i]);
        }
        free(TAKE(family->addrs));
        family->n = 0;
    }
    p->n_pending = 0;
    p->n_asking = 0;
}

/* Addresses of one endpoint mostly present the same certificate: keep it once. */
static void
share_certificates(struct probe_result *result)
{
    for (size_t i = 1; i < result->n_addrs; i++) {
        struct cert *cert = result->addrs[i].cert;

        for (size_t k = 0; k < i && cert != NULL; k++) {
            struct cert *other = result->addrs[k].cert;

            if (other != NULL && other != cert && cert_equal(other, cert)) {
                result->addrs[i].cert = cert_ref(other);
                cert_unref(cert);
                break;
            }
        }
    }
}

/* This host uses the family when it would have a source address for one of the endpoint's addresses
 * (a subnet may have routes to the VPC alone), or for the Internet at large. A connection that was
 * tried has told already; else it takes a socket to ask. */
static bool
host_has_family(const struct probe_result *result, enum addr_family family)
{
    /* documentation addresses (RFC 5737, RFC 3849): they follow the default route */
    static const struct addr anywhere_ipv4 = {.family = ADDR_FAMILY_IPV4, .bytes = {192, 0, 2, 1}};
    static const struct addr anywhere_ipv6 = {
        .family = ADDR_FAMILY_IPV6, .bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};

    for (size_t i = 0; i < result->n_addrs; i++) {
        const struct addr *local = &result->addrs[i].local;

        if (local->family == family && classify_is_source(local)) {
            return true;
        }
    }
    if (tcp_has_source(family == ADDR_FAMILY_IPV4 ? &anywhere_ipv4 : &anywhere_ipv6)) {
        return true;
    }
    for (size_t i = 0; i < result->n_addrs; i++) {
        const struct addr *addr = &result->addrs[i].addr;

        if (addr->family == family && tcp_has_source(addr)) {
            return true;
        }
    }
    return false;
}

/* Something depends on whether the host has the family. */
static bool
family_matters(const struct probe_result *result, size_t f)
{
    for (size_t i = 0; i < result->n_addrs; i++) {
        if (FAMILY_INDEX(result->addrs[i].addr.family) == f) {
            return true;
        }
    }
    return result->dns[f].outcome > DNS_OUTCOME_NXDOMAIN;
}

/* Which addresses count: those of families this host has an address of; all, when that leaves
 * none. But when DNS failed for a family that this host has, that is what there is to say. */
static void
mark_judged(struct probe_result *result)
{
    bool any = false;

    for (size_t f = 0; f < FAMILY_N; f++) {
        result->host_has[f] =
            family_matters(result, f) && host_has_family(result, FAMILY_OF_INDEX(f));
        any |= result->host_has[f] && result->dns[f].outcome > DNS_OUTCOME_NXDOMAIN;
    }
    for (size_t i = 0; i < result->n_addrs; i++) {
        any |= result->host_has[FAMILY_INDEX(result->addrs[i].addr.family)];
    }
    for (size_t i = 0; i < result->n_addrs; i++) {
        result->addrs[i].judged =
            !any || result->host_has[FAMILY_INDEX(result->addrs[i].addr.family)];
    }
}

/* Moves the results of one family behind *n of addrs. */
static void
take_results(struct probe_family *family, struct addr_result *addrs, size_t *n)
{
    for (size_t i = 0; i < family->n; i++) {
        struct addr_result *from = &family->addrs[i].result;

        addrs[(*n)++] = *from;
        from->cert = NULL; /* ours now */
        from->error = NULL;
    }
}

static void
gather(struct probe *p)
{
    size_t max = p->families[0].n + p->families[1].n;
    struct addr_result *addrs;
    size_t n = 0;

    if (max == 0) {
        return;
    }
    addrs = calloc(max, sizeof(*addrs));
    if (addrs == NULL) {
        p->result.spoiled = true;
        return;
    }
    for (size_t f = 0; f < FAMILY_N; f++) {
        take_results(&p->families[f], addrs, &n);
    }
    p->result.addrs = addrs;
    p->result.n_addrs = n;
    mark_judged(&p->result);
    share_certificates(&p->result);
}

static int64_t
min_timeout_ms(const struct probe_options *options)
{
    int64_t min = options->dns_timeout_ms;

    min = options->connect_timeout_ms < min ? options->connect_timeout_ms : min;
    return options->tls_timeout_ms < min ? options->tls_timeout_ms : min;
}

static void
probe_finish(struct probe *p)
{
    struct loop *loop = p->env->loop;
    int64_t lag_ms = loop_lag_ms(loop, p->result.started_ms);

    gather(p);
    if (lag_ms > min_timeout_ms(&p->env->options) / 2) {
        p->result.spoiled = true;
    }
    loop_unwatch_lag(loop);
    stop_all(p);
    p->result.finished_ms = loop_now_ms(loop);
    p->step = PROBE_STEP_DONE;
    loop_timer_set(p->timer, 0);
}

static void
one_less_pending(struct probe *p)
{
    if (--p->n_pending == 0) {
        probe_finish(p);
    }
}

static void
on_addr_done(void *arg)
{
    one_less_pending(arg);
}

/* The addresses of one family, told apart by class, each on its way. */
static void
fan_out(struct probe *p, struct probe_family *family, const struct dns_reply *reply)
{
    family->addrs = calloc(reply->n_addrs, sizeof(*family->addrs));
    if (family->addrs == NULL) {
        p->result.spoiled = true;
        return;
    }
    for (size_t i = 0; i < reply->n_addrs; i++) {
        const struct addr *addr = &reply->addrs[i];
        struct addr_probe *one = &family->addrs[family->n++];

        if (addr_probe_init(one, p->env, p->spec, addr, classify_addr(addr, p->nets)) < 0) {
            one->result.outcome = ADDR_OUTCOME_RESOURCES;
            continue;
        }
        p->n_pending++;
        addr_probe_start(one, on_addr_done, p);
    }
}

static void
keep_cnames(struct probe_result *result, const struct dns_reply *reply)
{
    if (result->n_cnames > 0) {
        return; /* the other family's answer went through the same chain */
    }
    for (size_t i = 0; i < reply->n_cnames; i++) {
        result->cnames[result->n_cnames] = strdup(reply->cnames[i]);
        if (result->cnames[result->n_cnames] != NULL) {
            result->n_cnames++;
        }
    }
}

static void
find_private(const struct probe *p, struct second_opinion *opinion)
{
    opinion->is_private = false;
    for (size_t i = 0; i < opinion->n_addrs; i++) {
        opinion->is_private |= addr_class_is_private(classify_addr(&opinion->addrs[i], p->nets));
    }
}

/* An OK of one family is the answer; else the worse of the two. */
static void
keep_second_opinion(struct probe *p, const struct dns_reply *reply)
{
    struct second_opinion *opinion = p->result.second_opinion;
    enum dns_outcome outcome = reply->result.outcome;

    if (outcome == DNS_OUTCOME_OK ||
        (opinion->outcome != DNS_OUTCOME_OK && outcome > opinion->outcome)) {
        opinion->outcome = outcome;
    }
    for (size_t i = 0; i < reply->n_addrs && opinion->n_addrs < PROBE_ADDRS_MAX; i++) {
        opinion->addrs[opinion->n_addrs++] = reply->addrs[i];
    }
    find_private(p, opinion);
}

static void
on_second_opinion(const struct dns_reply *reply, void *arg)
{
    struct probe_family *family = arg;
    struct probe *p = family->probe;

    p->second_queries[FAMILY_INDEX(family->family)] = NULL;
    keep_second_opinion(p, reply);
    one_less_pending(p);
}

static bool
was_asked(const struct dns_result *dns, const struct addr *server)
{
    for (size_t i = 0; i < dns->n_attempts; i++) {
        if (addr_equal(&dns->attempts[i].server, server)) {
            return true;
        }
    }
    return false;
}

/* Where an interface endpoint is expected and DNS gave public addresses, none, or an error; unless
 * the answer came from the second opinion's server itself, or from no server at all. */
static bool
wants_second_opinion(const struct probe *p, const struct addr *server)
{
    if (p->spec->expected != EXPECTED_INTERFACE || server->family == ADDR_FAMILY_NONE) {
        return false;
    }
    for (size_t f = 0; f < FAMILY_N; f++) {
        const struct dns_result *dns = &p->result.dns[f];
        const struct probe_family *family = &p->families[f];

        if (dns->source == DNS_SOURCE_HOSTS_FILE || dns->source == DNS_SOURCE_LITERAL ||
            dns->outcome == DNS_OUTCOME_RESOURCES || was_asked(dns, server)) {
            return false;
        }
        for (size_t i = 0; i < family->n; i++) {
            if (family->addrs[i].result.addr_class != ADDR_CLASS_PUBLIC) {
                return false;
            }
        }
    }
    return true;
}

/* The one of the run before is of the same server, and young enough. */
static bool
has_second_opinion(const struct probe *p, const struct addr *server, int64_t now_ms)
{
    return p->before != NULL && probe_result_second_opinion(p->before) != DNS_OUTCOME_NONE &&
           addr_equal(&p->before->second_opinion->server, server) &&
           now_ms - p->before->second_opinion->asked_ms < p->env->options.second_opinion_age_ms;
}

/* All the host's own name servers have to say is there. */
static void
consider_second_opinion(struct probe *p)
{
    const struct addr server = dns_second_opinion(p->env->dns);
    int64_t now_ms = loop_now_ms(p->env->loop);
    struct second_opinion *opinion;

    if (!wants_second_opinion(p, &server)) {
        return;
    }
    opinion = probe_result_add_second_opinion(&p->result);
    if (opinion == NULL) {
        p->result.spoiled = true;
        return;
    }
    if (has_second_opinion(p, &server, now_ms)) {
        *opinion = *p->before->second_opinion;
        find_private(p, opinion); /* the networks may be known better since */
        return;
    }
    *opinion = (struct second_opinion){.server = server, .asked_ms = now_ms};
    for (size_t f = 0; f < FAMILY_N; f++) {
        if (p->env->options.family_enabled[f] &&
            dns_query_start(p->env->dns, DNS_VIA_SECOND_OPINION, p->spec->hostname,
                FAMILY_OF_INDEX(f), on_second_opinion, &p->families[f],
                &p->second_queries[f]) == 0) {
            p->n_pending++;
        }
    }
}

static void
on_dns(const struct dns_reply *reply, void *arg)
{
    struct probe_family *family = arg;
    struct probe *p = family->probe;

    family->query = NULL;
    p->result.dns[FAMILY_INDEX(family->family)] = reply->result;
    keep_cnames(&p->result, reply);
    if (reply->n_addrs > 0) {
        fan_out(p, family, reply);
    }
    if (--p->n_asking == 0) {
        consider_second_opinion(p);
    }
    one_less_pending(p);
}

static void
on_timer(void *arg)
{
    struct probe *p = arg;

    p->step = PROBE_STEP_IDLE;
    p->on_done(&p->result, p->arg); /* p may be gone */
}

struct probe *
probe_new(const struct probe_env *env, const struct vpc_nets *nets, probe_fn on_done, void *arg)
{
    struct probe *p = calloc(1, sizeof(*p));

    if (p == NULL) {
        return NULL;
    }
    p->env = env;
    p->nets = nets;
    p->on_done = on_done;
    p->arg = arg;
    probe_result_init(&p->result);
    for (size_t f = 0; f < FAMILY_N; f++) {
        p->families[f].probe = p;
        p->families[f].family = FAMILY_OF_INDEX(f);
    }
    p->timer = loop_timer_new(env->loop, on_timer, p);
    if (p->timer == NULL) {
        free(p);
        return NULL;
    }
    return p;
}

int
probe_start(struct probe *p, const struct endpoint_spec *spec, const struct probe_result *before)
{
    if (p->step != PROBE_STEP_IDLE) {
        return -EBUSY;
    }
    p->spec = spec;
    p->before = before;
    p->step = PROBE_STEP_RUNNING;
    p->n_pending = 1; /* this function, so that no answer finishes the run under it */
    probe_result_reset(&p->result);
    p->result.started_ms = loop_now_ms(p->env->loop);
    loop_watch_lag(p->env->loop);
    for (size_t f = 0; f < FAMILY_N; f++) {
        struct probe_family *family = &p->families[f];

        if (!p->env->options.family_enabled[f]) {
            continue;
        }
        if (dns_query_start(p->env->dns, DNS_VIA_HOST, spec->hostname, family->family, on_dns,
                family, &family->query) < 0) {
            p->result.dns[f].outcome = DNS_OUTCOME_RESOURCES;
            continue;
        }
        p->n_pending++;
        p->n_asking++;
    }
    one_less_pending(p);
    return 0;
}

bool
probe_is_running(const struct probe *p)
{
    return p->step != PROBE_STEP_IDLE;
}

void
probe_cancel(struct probe *p)
{
    if (p->step == PROBE_STEP_RUNNING) {
        loop_unwatch_lag(p->env->loop);
    }
    stop_all(p);
    loop_timer_stop(p->timer);
    probe_result_reset(&p->result);
    p->step = PROBE_STEP_IDLE;
}

void
probe_free(struct probe *p)
{
    if (p == NULL) {
        return;
    }
    probe_cancel(p);
    loop_timer_free(p->timer);
    free(p);
}
