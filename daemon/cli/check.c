/* `vpce-probe check`: probe every endpoint once, in this process, and print the same as status. */
#include "conf/conf.h"
#include "daemon/aws/host_merge.h"
#include "daemon/aws/imds.h"
#include "daemon/cli/cli.h"
#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/metrics.h"
#include "daemon/prober.h"
#include "daemon/report_json.h"
#include "daemon/util.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

static const char help[] =
    "Usage: vpce-probe check [OPTION]...\n"
    "Probe every endpoint once, now, without the daemon, and show the result. A run that\n"
    "this host itself spoils is made again, three in all.\n"
    "Exit status: 0 healthy, 1 degraded, 2 unhealthy, 3 unknown.\n"
    "\n"
    "  -4, -6           only IPv4, only IPv6\n"
    "  --json           as JSON\n"
    "  --metrics        as Prometheus metrics\n"
    "  --nagios         one line with performance data, for a Nagios plugin\n"
    "  --color WHEN     auto (default), always or never\n"
    "  --config FILE    the configuration (default /etc/vpce-probe/vpce-probe.conf)\n"
    "  --version        print the version and exit\n"
    "  --help           print this help and exit\n";

#define IMDS_TEXT_SIZE 256

struct check {
    struct conf *conf;
    struct loop *loop;
    struct moment since;
    struct prober *prober;
    size_t n;
    size_t n_done;
    bool progress;
    bool interrupted;
    int exit_status; /* EX_OK, unless nothing could be probed */
};

static void
show_progress(const struct check *check)
{
    if (check->progress) {
        (void)fprintf(stderr, "\rprobed %zu of %zu endpoints%s", check->n_done, check->n,
            check->n_done == check->n ? "\r\033[K" : "");
    }
}

/* The egress control tells more about what is wrong; what is well is not kept waiting for it. */
static void
stop_when_done(struct check *check)
{
    bool healthy = prober_host_state(check->prober) == HOST_STATE_HEALTHY;

    if (check->n_done == check->n && (healthy || !prober_is_looking(check->prober))) {
        loop_stop(check->loop);
    }
}

static void
on_run(const struct endpoint *e, void *arg)
{
    struct check *check = arg;

    (void)e;
    check->n_done++;
    show_progress(check);
    stop_when_done(check);
}

static void
on_egress(enum internet before, void *arg)
{
    (void)before;
    stop_when_done(arg);
}

static void
on_no_trust(int error, const char *text, void *arg)
{
    struct check *check = arg;
    bool is_conf = error == -EINVAL || error == -ENOENT;

    (void)fprintf(
        stderr, "%s%s%s\n", check->progress ? "\r\033[K" : "", is_conf ? "" : "vpce-probe: ", text);
    check->exit_status = is_conf ? EX_CONFIG : CLI_EXIT_UNKNOWN;
    loop_stop(check->loop);
}

static void
on_signal(int signal_number, void *arg)
{
    struct check *check = arg;

    (void)signal_number;
    check->interrupted = true;
    loop_stop(check->loop);
}

static int
print_metrics(const struct report *report)
{
    const struct process_facts not_of_interest = {-1, -1, -1, -1};
    CLEANUP(cleanup_free) char *text = metrics_text(report, &not_of_interest);

    if (text == NULL || fputs(text, stdout) < 0 || fflush(stdout) != 0) {
        (void)fprintf(stderr, "vpce-probe: cannot write the output\n");
        return CLI_EXIT_UNKNOWN;
    }
    return cli_exit_status(host_state_str(report->state));
}

static int
print_result(struct check *check, const struct cli_options *options)
{
    struct report report;
    json_t *status;
    int r;

    prober_report(check->prober, check->since, &report);
    if (options->metrics) {
        return print_metrics(&report);
    }
    status = report_json(&report);
    if (status == NULL) {
        (void)fprintf(stderr, "vpce-probe: no memory\n");
        return CLI_EXIT_UNKNOWN;
    }
    r = cli_print_status(status, options);
    json_decref(status);
    return r;
}

static void
on_facts(void *arg)
{
    struct check *check = arg;

    loop_stop(check->loop);
}

/* Everything that IMDS could tell and that changes a verdict stands in the configuration. */
static bool
knows_enough(const struct conf *conf)
{
    return conf->region[0] != '\0' && conf->account_id[0] != '\0' && conf->nets.n_cidrs > 0;
}

/* What the configuration leaves open IMDS is asked for, for IMDS_ROUND_MS at most. */
static void
learn_host(struct check *check, const struct conf *conf, struct host *ret)
{
    const char *url = conf->imds == CONF_IMDS_URL ? conf->imds_url : NULL;
    struct imds *imds = NULL;

    if (conf->imds != CONF_IMDS_OFF && !knows_enough(conf) &&
        imds_new(check->loop, url, on_facts, check, &imds) == 0) {
        imds_start(imds);
        (void)loop_run(check->loop);
    }
    host_merge(conf, imds != NULL ? imds_facts(imds) : NULL, ret);
    if (ret->region[0] == '\0' && imds != NULL && !check->interrupted) {
        char why[IMDS_TEXT_SIZE] = "";
        struct text t = TEXT(why);

        imds_describe(imds, &t);
        (void)fprintf(
            stderr, "vpce-probe: Region not known: set Region= or allow IMDS (%s)\n", why);
    }
    imds_free(imds);
}

/* As for all below: EX_OK, or the exit status; what is wrong has been told. */
static int
run(struct check *check)
{
    const struct prober_callbacks callbacks = {
        .on_run = on_run, .on_egress = on_egress, .on_no_trust = on_no_trust, .arg = check};
    char error[PROBER_ERROR_SIZE];
    struct host host;
    int r;

    (void)loop_on_signal(check->loop, SIGINT, on_signal, check);
    (void)loop_on_signal(check->loop, SIGTERM, on_signal, check);
    learn_host(check, check->conf, &host);
    check->since = moment_now(check->loop);
    r = prober_new(check->loop, check->conf, &host, true, &callbacks, &check->prober, error);
    if (r < 0) {
        (void)fprintf(stderr, "vpce-probe: %s\n", error);
        return CLI_EXIT_UNKNOWN;
    }
    check->n = prober_n_runnable(check->prober);
    check->progress = isatty(STDERR_FILENO);
    show_progress(check);
    prober_start(check->prober);
    if (check->n > 0 && !check->interrupted) {
        (void)loop_run(check->loop);
    }
    return check->exit_status;
}

static int
load(struct check *check, const struct cli_options *options)
{
    struct conf_errors errors = {0};
    int r = conf_load(options->conf_file, &check->conf, &errors);

    if (r < 0) {
        conf_errors_print(&errors, stderr);
    }
    conf_errors_reset(&errors);
    if (r < 0) {
        return EX_CONFIG;
    }
    check->conf->probe.family_enabled[FAMILY_INDEX(ADDR_FAMILY_IPV4)] &= !options->only_ipv6;
    check->conf->probe.family_enabled[FAMILY_INDEX(ADDR_FAMILY_IPV6)] &= !options->only_ipv4;
    return EX_OK;
}

/* Then close_check, also on failure. */
static int
open_and_run(struct check *check, const struct cli_options *options)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    int r;

    r = load(check, options);
    if (r != EX_OK) {
        return r;
    }
    (void)sigaction(SIGPIPE, &ignore, NULL);
    log_set_level(LOG_WARNING);
    check->loop = loop_new();
    if (check->loop == NULL) {
        (void)fprintf(stderr, "vpce-probe: no memory or no descriptors\n");
        return CLI_EXIT_UNKNOWN;
    }
    return run(check);
}

static void
close_check(struct check *check)
{
    prober_free(check->prober);
    loop_free(check->loop);
    conf_free(check->conf);
}

int
cli_check(int argc, char **argv)
{
    struct cli_options options;
    struct check check = {0};
    int r = cli_parse(argc, argv, help, CLI_TAKES_FAMILIES | CLI_TAKES_FORMATS, &options);

    if (r >= 0) {
        return r;
    }
    r = open_and_run(&check, &options);
    if (r == EX_OK) {
        r = print_result(&check, &options);
    }
    close_check(&check);
    return r;
}

int
cli_check_status(const struct cli_options *options, json_t **ret)
{
    struct check check = {0};
    struct report report;
    int r = open_and_run(&check, options);

    if (r == EX_OK && check.interrupted) {
        r = CLI_EXIT_UNKNOWN;
    } else if (r == EX_OK) {
        prober_report(check.prober, check.since, &report);
        *ret = report_json(&report);
        r = *ret != NULL ? EX_OK : CLI_EXIT_UNKNOWN;
    }
    close_check(&check);
    return r;
}
