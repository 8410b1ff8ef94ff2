/* See endpoints.h. Options, then configuration, then plan, then one line for each endpoint; what
 * the options say beats the configuration. */
#include "daemon/cli/endpoints.h"

#include "conf/plan.h"
#include "daemon/util.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <sysexits.h>

#define EXIT_ERROR 2

static const char help[] =
    "Usage: vpce-probe endpoints [OPTION]...\n"
    "\n"
    "Lists the endpoints that would be probed on a host, without touching the network.\n"
    "One line each, fields separated by tabs: key, host name, port, required (yes or\n"
    "no), expected path (interface, gateway or any), VPC endpoint service name.\n"
    "A field that is not known is printed as \"-\".\n"
    "\n"
    "  --config FILE       read FILE instead of " CONF_DEFAULT_FILE "\n"
    "  --region R          names of this Region, such as eu-central-1\n"
    "  --account ID        account id (12 digits), a part of ECR registry names\n"
    "  --launch-type TYPE  ec2, fargate or fargate-1.3 (platform version 1.3.0 or earlier)\n"
    "  --all               every service known, also those not probed on this host\n"
    "  --version           print the version and exit\n"
    "  --help              this text\n"
    "\n"
    "The options override the configuration. Without --region, Region= must be in it.\n";

struct options {
    const char *config; /* NULL, as all of them: not given */
    const char *region;
    const char *account;
    const char *launch_type;
    bool all;
    bool help;
    bool version;
};

static int __attribute__((format(printf, 1, 2))) usage_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)fputs("vpce-probe endpoints: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    return EX_USAGE;
}

static int
parse_options(int argc, char **argv, struct options *ret)
{
    static const struct option long_options[] = {
        {"config", required_argument, NULL, 'c'},
        {"region", required_argument, NULL, 'r'},
        {"account", required_argument, NULL, 'a'},
        {"launch-type", required_argument, NULL, 't'},
        {"all", no_argument, NULL, 'A'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    int c;

    opterr = 0;
    optind = 0; /* start over: the caller may have read options of its own (getopt(3)) */
    while ((c = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        switch (c) {
        case 'c':
            ret->config = optarg;
            break;
        case 'r':
            ret->region = optarg;
            break;
        case 'a':
            ret->account = optarg;
            break;
        case 't':
            ret->launch_type = optarg;
            break;
        case 'A':
            ret->all = true;
            break;
        case 'h':
            ret->help = true;
            break;
        case 'V':
            ret->version = true;
            break;
        case ':':
            return usage_error("%s needs a value; see --help", argv[optind - 1]);
        default:
            return usage_error("unknown option %s; see --help", argv[optind - 1]);
        }
    }
    if (optind < argc) {
        return usage_error("unexpected argument %s; see --help", argv[optind]);
    }
    return EX_OK;
}

static int
override_launch_type(struct conf *conf, const char *name)
{
    for (unsigned type = 0; type < LAUNCH_TYPE_N; type++) {
        if (streq(launch_type_str((enum launch_type)type), name)) {
            conf->launch_type = (enum launch_type)type;
            return EX_OK;
        }
    }
    return usage_error("%s is not a launch type; give ec2, fargate or fargate-1.3", name);
}

static int
override(struct conf *conf, const struct options *options)
{
    const char *region = options->region;
    const char *account = options->account;

    if (region != NULL && (!str_copy(conf->region, sizeof(conf->region), region) ||
                              partition_of_region(region) == NULL)) {
        return usage_error(
            "%s is not a Region of any AWS partition; give one such as eu-central-1", region);
    }
    if (account != NULL && (!str_copy(conf->account_id, sizeof(conf->account_id), account) ||
                               strspn(account, "0123456789") != ACCOUNT_ID_SIZE - 1)) {
        return usage_error("%s is not an account id; give its 12 digits", account);
    }
    if (options->launch_type != NULL) {
        return override_launch_type(conf, options->launch_type);
    }
    return EX_OK;
}

static const char *
or_dash(const char *text)
{
    return *text == '\0' ? "-" : text;
}

static void
print_plan(const struct plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        const struct endpoint_spec *spec = &plan->specs[i];

        (void)printf("%s\t%s\t%u\t%s\t%s\t%s\n", spec->key, or_dash(spec->hostname), spec->port,
            spec->required ? "yes" : "no", expected_path_str(spec->expected),
            or_dash(spec->service_name));
    }
}

static size_t
count_nameless(const struct plan *plan)
{
    size_t n = 0;

    for (size_t i = 0; i < plan->n; i++) {
        n += plan->specs[i].hostname[0] == '\0';
    }
    return n;
}

/* Without a Region hardly any name can be made, so that is an error; without an account id only
 * the ECR registry has none. */
static int
show_plan(const struct plan *plan, const struct host *host)
{
    size_t n_nameless = count_nameless(plan);

    if (n_nameless > 0 && host->region[0] == '\0') {
        return usage_error("the Region is not known; give --region, or set Region= in the "
                           "configuration");
    }
    print_plan(plan);
    if (n_nameless > 0) {
        (void)fputs("vpce-probe endpoints: the host names printed as - hold the account id, which "
                    "is not known; give --account, or set AccountId= in the configuration\n",
            stderr);
    }
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        (void)fprintf(stderr, "vpce-probe endpoints: cannot write: %s\n", strerror(errno));
        return EXIT_ERROR;
    }
    return EX_OK;
}

static int
out_of_memory(void)
{
    (void)fputs("vpce-probe endpoints: out of memory\n", stderr);
    return EXIT_ERROR;
}

static int
list_endpoints(struct conf *conf, const struct options *options)
{
    CLEANUP(plan_reset) struct plan plan = {.n = 0};
    struct host host;
    int status = override(conf, options);

    if (status != EX_OK) {
        return status;
    }
    host_from_conf(conf, &host);
    if (plan_build(conf, &host, options->all, &plan) < 0) {
        return out_of_memory();
    }
    return show_plan(&plan, &host);
}

static int
load_and_list(const struct options *options)
{
    CLEANUP(conf_errors_reset) struct conf_errors errors = {.n = 0};
    struct conf *conf = NULL;
    int r = conf_load(options->config, &conf, &errors);
    int status;

    if (r == -EINVAL) {
        conf_errors_print(&errors, stderr);
        return EX_CONFIG;
    }
    if (r < 0) {
        return out_of_memory();
    }
    status = list_endpoints(conf, options);
    conf_free(conf);
    return status;
}

int
cli_endpoints(int argc, char **argv)
{
    struct options options = {.config = NULL};
    int status = parse_options(argc, argv, &options);

    if (status != EX_OK) {
        return status;
    }
    if (options.help) {
        (void)fputs(help, stdout);
        return EX_OK;
    }
    if (options.version) {
        (void)puts("vpce-probe " VPCE_VERSION);
        return EX_OK;
    }
    return load_and_list(&options);
}
