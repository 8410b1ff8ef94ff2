/* See harness.h. */
#include "harness.h"

#include "fake_dns.h"
#include "fake_loop.h"
#include "fake_tcp.h"

#include "daemon/log.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What is recorded */

static void
on_change(const struct endpoint *e, const struct transition *change, void *arg)
{
    struct flow *f = arg;
    struct change *c = &f->changes[f->n_changes++];

    assert_true(f->n_changes < CHANGES_MAX);
    *c = (struct change){.at_ms = loop_now_ms(f->loop), .change = *change};
    assert_true(str_copy(c->key, sizeof(c->key), e->spec.key));
    assert_int_equal(e->state, change->state);
    assert_int_equal(e->verdict, change->verdict);
}

static void
on_run(const struct endpoint *e, void *arg)
{
    struct flow *f = arg;
    struct run *run = &f->runs[f->n_runs++];

    assert_true(f->n_runs < RUNS_MAX);
    *run = (struct run){.at_ms = loop_now_ms(f->loop), .code = e->last_run.code, .state = e->state};
    assert_true(str_copy(run->key, sizeof(run->key), e->spec.key));
}

static void
on_no_trust(int error, const char *text, void *arg)
{
    struct flow *f = arg;

    f->n_no_trust++;
    assert_int_equal(error, -ENOMEM);
    assert_non_null(strstr(text, "no memory") != NULL ? text : strstr(text, "Cannot allocate"));
}

void
forget(struct flow *f)
{
    f->n_runs = 0;
    f->n_changes = 0;
}

/* Run i of the endpoint, counted from the last forget; NULL: there is none. */
static const struct run *
find_run(const struct flow *f, const char *key, size_t i)
{
    for (size_t k = 0; k < f->n_runs; k++) {
        if (streq(f->runs[k].key, key) && i-- == 0) {
            return &f->runs[k];
        }
    }
    return NULL;
}

size_t
count_runs(const struct flow *f, const char *key)
{
    size_t n = 0;

    for (size_t i = 0; i < f->n_runs; i++) {
        n += streq(f->runs[i].key, key);
    }
    return n;
}

const struct run *
run_of(const struct flow *f, const char *key, size_t i)
{
    const struct run *run = find_run(f, key, i);

    if (run == NULL) {
        fail_msg("%s has no run %zu", key, i);
        abort();
    }
    return run;
}

void
until_runs(struct flow *f, const char *key, size_t n, int64_t limit_ms)
{
    size_t seen = 0; /* of f->runs */

    for (;; limit_ms--) {
        if (f->n_runs > seen && count_runs(f, key) >= n) {
            return;
        }
        seen = f->n_runs;
        if (limit_ms == 0) {
            fail_msg("%s had %zu runs, expected %zu", key, count_runs(f, key), n);
        }
        fake_loop_advance(f->loop, 1);
    }
}

const struct endpoint *
endpoint_of(const struct flow *f, const char *key)
{
    struct report report;

    prober_report(f->prober, (struct moment){0}, &report);
    for (size_t i = 0; i < report.n_endpoints; i++) {
        if (streq(report.endpoints[i].spec.key, key)) {
            return &report.endpoints[i];
        }
    }
    fail_msg("no endpoint %s", key);
    abort();
}

void
expect_change(const struct flow *f, size_t i, const char *key, enum endpoint_state from,
    enum endpoint_state to, enum verdict_code verdict)
{
    const struct change *c = &f->changes[i];

    assert_true(i < f->n_changes);
    assert_string_equal(c->key, key);
    assert_string_equal(endpoint_state_str(c->change.old_state), endpoint_state_str(from));
    assert_string_equal(endpoint_state_str(c->change.state), endpoint_state_str(to));
    assert_string_equal(verdict_str(c->change.verdict), verdict_str(verdict));
}

void
expect_run(const struct run *run, enum verdict_code code, enum endpoint_state state)
{
    assert_string_equal(verdict_str(run->code), verdict_str(code));
    assert_string_equal(endpoint_state_str(run->state), endpoint_state_str(state));
}

/* The world */

struct conf *
load(const char *probe, const char *const *keys)
{
    char path[] = "/tmp/vpce-flow-XXXXXX";
    struct conf_errors errors = {0};
    struct conf *conf = NULL;
    const struct service *service = NULL;
    int fd = mkstemp(path);
    FILE *stream;
    int r;

    assert_true(fd >= 0);
    stream = fdopen(fd, "w");
    assert_non_null(stream);
    (void)fprintf(stream, "[Host]\nVpcCidrs=10.0.0.0/16\n[Probe]\n%s", probe);
    while ((service = catalogue_next(service)) != NULL) {
        (void)fprintf(stream, "[Endpoint %s]\nEnabled=no\n", service->key);
    }
    for (; *keys != NULL; keys++) {
        (void)fprintf(stream, "[Endpoint %s]\nHost=%s.test\n", *keys, *keys);
    }
    assert_int_equal(fclose(stream), 0);
    r = conf_load(path, &conf, &errors);
    (void)unlink(path);
    conf_errors_print(&errors, stderr);
    conf_errors_reset(&errors);
    assert_int_equal(r, 0);
    return conf;
}

struct prober *
make_prober(struct flow *f, const struct conf *conf, bool once)
{
    struct prober_callbacks callbacks = {.on_change = on_change,
        .on_run = on_run,
        .on_no_trust = once ? on_no_trust : NULL,
        .arg = f};
    char error[PROBER_ERROR_SIZE];
    struct prober *prober = NULL;
    struct host host;

    host_from_conf(conf, &host);
    assert_int_equal(prober_new(f->loop, conf, &host, once, &callbacks, &prober, error), 0);
    return prober;
}

void
resolves_to(const char *hostname, const char *addrs)
{
    fake_dns_set(hostname, ADDR_FAMILY_IPV4, DNS_OUTCOME_OK, 1, addrs);
    fake_dns_set(hostname, ADDR_FAMILY_IPV6, DNS_OUTCOME_NODATA, 1, NULL);
}

void
open_flow(struct flow *f, const char *probe, bool once, const char *const *keys)
{
    f->conf = load(probe, keys);
    f->prober = make_prober(f, f->conf, once);
    prober_start(f->prober);
}

void
open_healthy(struct flow *f, const char *probe)
{
    static const char *const keys[] = {THREE};

    open_flow(f, probe, false, keys);
    fake_loop_advance(f->loop, 100);
    assert_int_equal(f->n_runs, 3);
    assert_int_equal(prober_host_state(f->prober), HOST_STATE_HEALTHY);
    forget(f);
}

void
silence_alpha(void)
{
    fake_tcp_set("10.0.0.11", ADDR_OUTCOME_OK, -1);
    fake_tcp_set("10.0.0.12", ADDR_OUTCOME_OK, -1);
    fake_tcp_set("10.0.0.13", ADDR_OUTCOME_OK, -1);
}

void
close_prober(struct flow *f)
{
    prober_free(TAKE(f->prober));
    conf_free(TAKE(f->conf));
    assert_int_equal(fake_dns_n_pending(), 0);
    assert_int_equal(fake_loop_n_objects(f->loop), 0);
    assert_int_equal(fake_loop_n_watchers(f->loop), 0);
}

size_t
count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t n = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL) { // NOLINT(concurrency-mt-unsafe)
        n++;
    }
    assert_int_equal(closedir(dir), 0);
    return n;
}

static void
ignore_line(int level, enum log_topic topic, const char *line)
{
    (void)level;
    (void)topic;
    (void)line;
}

int
setup(void **state)
{
    struct flow *f = calloc(1, sizeof(*f));

    if (f == NULL) {
        return -1;
    }
    log_set_sink(ignore_line);
    f->n_fds = count_fds();
    f->loop = loop_new();
    fake_dns_reset();
    fake_tcp_reset();
    resolves_to("alpha.test", "10.0.0.11 10.0.0.12 10.0.0.13");
    resolves_to("beta.test", "10.0.1.11 10.0.1.12 10.0.1.13");
    resolves_to("gamma.test", "10.0.2.11 10.0.2.12 10.0.2.13");
    resolves_to("delta.test", "10.0.3.11");
    *state = f;
    return f->loop != NULL ? 0 : -1;
}

int
teardown(void **state)
{
    struct flow *f = *state;

    close_prober(f);
    assert_int_equal(count_fds(), f->n_fds);
    loop_free(f->loop);
    free(f);
    return 0;
}
