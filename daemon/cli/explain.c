/* `vpce-probe explain [VERDICT|ENDPOINT]`. A verdict is explained from the table of words and the
 * configuration, without the daemon; an endpoint as the daemon sees it now. */
#include "daemon/cli/explain.h"

#include "conf/plan.h"
#include "daemon/cli/cli.h"
#include "daemon/status_view.h"
#include "daemon/util.h"

#include <stdlib.h>
#include <sysexits.h>

static const char help[] =
    "Usage: vpce-probe explain [OPTION]... [VERDICT|ENDPOINT]\n"
    "Tell what a verdict means, what is seen when it is said, what to change, and the\n"
    "commands that do it; or the same of an endpoint as the daemon sees it now.\n"
    "Without an argument, list the verdicts. A verdict needs neither daemon nor network.\n"
    "Exit status: 0; 3 when the daemon cannot be asked about an endpoint; 64 when the name\n"
    "is neither a verdict nor an endpoint.\n"
    "\n"
    "  --color WHEN     auto (default), always or never\n"
    "  --socket PATH    the status socket (default: Socket= of the configuration,\n"
    "                   /run/vpce-probe/status.sock)\n"
    "  --config FILE    the configuration (default /etc/vpce-probe/vpce-probe.conf)\n"
    "  --version        print the version and exit\n"
    "  --help           print this help and exit\n";

/* What the configuration tells, as far as there is one. */
struct facts {
    struct host host;
    struct plan plan;
    struct verdict_context context;
    char socket[CLI_PATH_SIZE];
};

static void
facts_reset(struct facts *facts)
{
    plan_reset(&facts->plan);
}

/* A broken configuration costs the facts in it, not the explanation. */
static void
load_facts(const struct cli_options *options, struct facts *ret)
{
    CLEANUP(conf_errors_reset) struct conf_errors errors = {.n = 0};
    struct conf *conf = NULL;

    if (conf_load(options->conf_file, &conf, &errors) < 0) {
        conf_errors_print(&errors, stderr);
    } else {
        host_from_conf(conf, &ret->host);
        (void)plan_build(conf, &ret->host, false, &ret->plan);
    }
    if (options->socket != NULL) {
        (void)str_copy(ret->socket, sizeof(ret->socket), options->socket);
    } else if (conf != NULL) {
        (void)str_copy(ret->socket, sizeof(ret->socket), conf->socket);
    } else { /* what is wrong has been told */
        CLEANUP(conf_errors_reset) struct conf_errors again = {.n = 0};

        (void)conf_load_socket(options->conf_file, ret->socket, &again);
    }
    ret->context = (struct verdict_context){.nets = &ret->host.nets, .region = ret->host.region};
    conf_free(conf);
}

static bool
is_planned(const struct plan *plan, const char *key)
{
    for (size_t i = 0; i < plan->n; i++) {
        if (streq(plan->specs[i].key, key)) {
            return true;
        }
    }
    return false;
}

/* The endpoints that a verdict is about: a cause of the host concerns all that are required, a
 * missing gateway the one that has a gateway. n of specs, which has room for the whole plan. */
static size_t
pick_specs(const struct plan *plan, enum verdict_code code, const struct endpoint_spec **specs)
{
    size_t n = 0;

    for (size_t i = 0; i < plan->n; i++) {
        const struct endpoint_spec *spec = &plan->specs[i];
        bool gateway = code == VERDICT_GATEWAY_MISSING && spec->expected == EXPECTED_GATEWAY;
        bool folded = code >= VERDICT_NO_PRIVATE_DNS && spec->required;

        if (gateway || folded) {
            specs[n++] = spec;
        }
    }
    return n;
}

static int
explain_verdict(
    const struct facts *facts, enum verdict_code code, const struct render_options *options)
{
    const struct endpoint_spec any = {.hostname = "",
        .service_name = "",
        .port = 443,
        .expected = code == VERDICT_GATEWAY_MISSING ? EXPECTED_GATEWAY : EXPECTED_INTERFACE};
    CLEANUP(cleanup_free)
    const struct endpoint_spec **specs =
        calloc(facts->plan.n + 1, sizeof(const struct endpoint_spec *));
    size_t n;

    if (specs == NULL) {
        (void)fputs("vpce-probe explain: out of memory\n", stderr);
        return CLI_EXIT_UNKNOWN;
    }
    n = pick_specs(&facts->plan, code, specs);
    if (n == 0) {
        specs[n++] = &any;
    }
    explain_print_verdict(stdout, options, code, specs, n, &facts->context);
    return EX_OK;
}

static int
refuse_name(const char *name, const struct render_options *options)
{
    (void)fprintf(
        stderr, "vpce-probe explain: \"%s\" is neither a verdict nor an endpoint\n", name);
    explain_print_names(stderr, options);
    (void)fputs("endpoints: see vpce-probe endpoints, or vpce-probe status\n", stderr);
    return EX_USAGE;
}

/* The daemon alone knows what it probes; without it, a name that may be an endpoint's is worth
 * telling how to start it. */
static int
explain_endpoint(const struct facts *facts, const char *name, const struct render_options *options)
{
    char error[CLI_ERROR_SIZE];
    bool known = is_planned(&facts->plan, name) || catalogue_find(name) != NULL;
    const json_t *endpoint;
    json_t *status = NULL;
    int r = EX_OK;

    if (cli_fetch_status(facts->socket, CLI_TIMEOUT_MS, &status, error) < 0) {
        if (!known) {
            return refuse_name(name, options);
        }
        (void)fputs(error, stderr);
        return CLI_EXIT_UNKNOWN;
    }
    endpoint = status_endpoint(status, name);
    if (endpoint != NULL) {
        explain_print_endpoint(stdout, options, status, endpoint);
    } else if (known) {
        (void)fprintf(stderr,
            "vpce-probe explain: the daemon does not probe %s; a section [Endpoint %s] in the "
            "configuration adds it\n",
            name, name);
        r = EX_USAGE;
    } else {
        r = refuse_name(name, options);
    }
    json_decref(status);
    return r;
}

static int
explain(const struct cli_options *options, const char *name)
{
    const struct render_options render = {.width = cli_width(), .color = options->color};
    CLEANUP(facts_reset) struct facts facts = {.plan = {.n = 0}};
    enum verdict_code code;

    if (name == NULL) {
        explain_print_all(stdout, &render);
        return EX_OK;
    }
    load_facts(options, &facts);
    if (verdict_parse(name, &code)) {
        return explain_verdict(&facts, code, &render);
    }
    return explain_endpoint(&facts, name, &render);
}

int
cli_explain(int argc, char **argv)
{
    struct cli_options options;
    const char *name = NULL;
    int r = cli_parse_operand(argc, argv, help, &options, &name);

    if (r >= 0) {
        return r;
    }
    if (options.json) {
        (void)fputs("explain: has no --json; see vpce-probe status --json\n", stderr);
        return EX_USAGE;
    }
    r = explain(&options, name);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)fputs("vpce-probe: cannot write the output\n", stderr);
        return CLI_EXIT_UNKNOWN;
    }
    return r;
}
