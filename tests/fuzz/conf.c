/* The configuration: a file and a drop-in (the part behind a line "%%"), and what is planned from
 * them. */
#include "conf/conf.h"
#include "conf/plan.h"
#include "daemon/util.h"
#include "fuzz.h"

#include <errno.h>

/* What the configuration promises to everybody who reads it. */
static void
check_conf(const struct conf *conf)
{
    FUZZ_CHECK(conf->rise >= 1 && conf->rise <= CONF_RISE_FALL_MAX);
    FUZZ_CHECK(conf->fall >= 1 && conf->fall <= CONF_RISE_FALL_MAX);
    FUZZ_CHECK(conf->parallel >= 1);
    FUZZ_CHECK(conf->interval_ms > 0 && conf->fast_interval_ms > 0);
    FUZZ_CHECK(conf->probe.connect_timeout_ms > 0 && conf->probe.tls_timeout_ms > 0);
    FUZZ_CHECK(conf->nets.n_cidrs <= VPC_CIDRS_MAX && conf->nets.n_subnets <= SUBNETS_MAX);
    FUZZ_CHECK(conf->n_endpoints <= CONF_ENDPOINTS_MAX);
    FUZZ_CHECK(conf->region[0] == '\0' || fuzz_is_ascii(conf->region));
    FUZZ_CHECK(fuzz_is_ended(conf->lifecycle.group, sizeof(conf->lifecycle.group)));
    FUZZ_CHECK(conf->socket[0] == '/');
    for (size_t i = 0; i < conf->n_endpoints; i++) {
        const struct conf_endpoint *e = &conf->endpoints[i];

        FUZZ_CHECK(e->key[0] != '\0' && fuzz_is_ascii(e->key));
        FUZZ_CHECK(e->hostname == NULL || hostname_is_valid(e->hostname));
    }
    (void)conf_ca_file(conf);
}

static void
check_plan(const struct conf *conf, bool all)
{
    struct host host;
    struct plan plan = {0};
    char control[HOSTNAME_SIZE];

    host_from_conf(conf, &host);
    FUZZ_CHECK(plan_build(conf, &host, all, &plan) == 0);
    for (size_t i = 0; i < plan.n; i++) {
        const char *hostname = plan.specs[i].hostname;

        FUZZ_CHECK(hostname[0] == '\0' || hostname_is_valid(hostname));
        FUZZ_CHECK(plan.specs[i].port != 0);
    }
    if (plan_egress_control(conf, &host, control)) {
        FUZZ_CHECK(hostname_is_valid(control));
    }
    plan_reset(&plan);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct conf_errors errors = {0};
    struct conf *conf = NULL;

    for (size_t i = 0; i < 2; i++) {
        size_t len;
        char *part = fuzz_part(&input, &len);

        fuzz_write(i == 0 ? "test.conf" : "conf.d/10-test.conf", part, len);
        free(part);
    }

    int r = conf_load(fuzz_path("test.conf"), &conf, &errors);

    FUZZ_CHECK(r == 0 || r == -EINVAL);
    FUZZ_CHECK((r == 0) == (errors.n_found == 0) && (r == 0) == (conf != NULL));
    FUZZ_CHECK(errors.n <= CONF_ERRORS_MAX && errors.n <= errors.n_found);
    for (size_t i = 0; i < errors.n; i++) {
        FUZZ_CHECK(fuzz_is_printable(errors.lines[i]));
    }
    if (r == 0) {
        check_conf(conf);
        check_plan(conf, false);
        check_plan(conf, true);
    }
    conf_errors_reset(&errors);
    conf_free(conf);
    return 0;
}
