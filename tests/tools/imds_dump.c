/* imds_dump: asks IMDS as the daemon does and prints a JSON line each time there is something new.
 *
 *   imds_dump [--lines N] [--seconds S] [--until STATE] [URL]
 *
 * Ends after N lines (1), after S seconds (30), or with a line whose state is STATE. SIGUSR1 asks
 * anew. Exit status: 0, or 1 when the time was over first. */
#include "daemon/aws/host_merge.h"
#include "daemon/aws/imds.h"
#include "daemon/loop.h"

#include <dirent.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct dump {
    struct loop *loop;
    struct imds *imds;
    struct loop_timer *poll; /* looks for a state that comes without new facts */
    int64_t started_ms;
    uint64_t lines;
    const char *until; /* NULL: not looked at */
    int status;
};

static json_t *
cidrs_json(const struct vpc_nets *nets)
{
    json_t *array = json_array();

    for (size_t i = 0; i < nets->n_cidrs; i++) {
        char buf[CIDR_TEXT_SIZE];

        (void)json_array_append_new(array, json_string(cidr_format(&nets->cidrs[i], buf)));
    }
    return array;
}

static json_t *
subnets_json(const struct vpc_nets *nets)
{
    json_t *object = json_object();

    for (size_t i = 0; i < nets->n_subnets; i++) {
        char buf[CIDR_TEXT_SIZE];

        (void)json_object_set_new(
            object, cidr_format(&nets->subnets[i].cidr, buf), json_string(nets->subnets[i].az_id));
    }
    return object;
}

static json_t *
host_json(const struct imds_facts *facts)
{
    static const struct conf conf;
    struct host host;

    host_merge(&conf, facts, &host);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:b, s:b, s:o}",
        "region", host.region, "availability_zone", host.availability_zone, "availability_zone_id",
        host.availability_zone_id, "account_id", host.account_id, "instance_id", host.instance_id,
        "partition", host.partition != NULL ? host.partition->name : "", "dns_suffix",
        host.dns_suffix, "vpc_id", host.vpc_id, "subnet_id", host.subnet_id, "asg_name",
        host.asg_name, "lifecycle_state", host.lifecycle_state, "vpc_cidrs", cidrs_json(&host.nets),
        "ipv4_known", host.nets.known[0], "ipv6_known", host.nets.known[1], "subnets",
        subnets_json(&host.nets));
}

/* What a leak would show in. */
static int
count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = -3; /* ".", ".." and the folder itself */

    while (dir != NULL && readdir(dir) != NULL) {
        n++;
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return n;
}

static void
print_line(const struct dump *dump)
{
    const struct imds_facts *facts = imds_facts(dump->imds);
    char description[512] = "";
    struct text t = TEXT(description);
    json_t *json;
    char *line;

    imds_describe(dump->imds, &t);
    json = json_pack("{s:s, s:s, s:I, s:i, s:o}", "state", imds_state_str(imds_state(dump->imds)),
        "description", description, "ms", (json_int_t)(loop_now_ms(dump->loop) - dump->started_ms),
        "fds", count_fds(), "host", facts != NULL ? host_json(facts) : json_null());
    line = json_dumps(json, JSON_COMPACT);
    (void)puts(line != NULL ? line : "null");
    (void)fflush(stdout);
    free(line);
    json_decref(json);
}

static bool
is_wanted_state(const struct dump *dump)
{
    return dump->until != NULL && streq(dump->until, imds_state_str(imds_state(dump->imds)));
}

static void
on_facts(void *arg)
{
    struct dump *dump = arg;

    print_line(dump);
    if (dump->until == NULL && --dump->lines == 0) {
        loop_stop(dump->loop);
    }
}

static void
on_poll(void *arg)
{
    struct dump *dump = arg;

    if (is_wanted_state(dump)) {
        print_line(dump);
        loop_stop(dump->loop);
    }
    loop_timer_set(dump->poll, 20);
}

static void
on_end(void *arg)
{
    struct dump *dump = arg;

    print_line(dump);
    dump->status = EXIT_FAILURE;
    loop_stop(dump->loop);
}

static void
on_signal(int signal_number, void *arg)
{
    struct dump *dump = arg;

    (void)signal_number;
    imds_refresh(dump->imds);
}

static int
run(struct dump *dump, const char *url, uint64_t seconds)
{
    struct loop_timer *end;
    int r;

    dump->loop = loop_new();
    if (dump->loop == NULL) {
        return EXIT_FAILURE;
    }
    r = imds_new(dump->loop, url, on_facts, dump, &dump->imds);
    if (r < 0) {
        (void)fprintf(stderr, "imds_dump: %s\n", strerror(-r));
        loop_free(dump->loop);
        return EXIT_FAILURE;
    }
    dump->started_ms = loop_now_ms(dump->loop);
    end = loop_timer_new(dump->loop, on_end, dump);
    dump->poll = loop_timer_new(dump->loop, on_poll, dump);
    loop_timer_set(end, (int64_t)seconds * 1000);
    loop_timer_set(dump->poll, 20);
    (void)loop_on_signal(dump->loop, SIGUSR1, on_signal, dump);
    imds_start(dump->imds);
    (void)loop_run(dump->loop);
    imds_free(dump->imds);
    loop_timer_free(end);
    loop_timer_free(dump->poll);
    loop_free(dump->loop);
    return dump->status;
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {{"lines", required_argument, NULL, 'l'},
        {"seconds", required_argument, NULL, 's'}, {"until", required_argument, NULL, 'u'},
        {NULL, 0, NULL, 0}};
    struct dump dump = {.lines = 1};
    uint64_t seconds = 30;
    int option;
    int r = 0;

    (void)signal(SIGPIPE, SIG_IGN);
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'l':
            r = parse_uint(optarg, 1, 1000, &dump.lines);
            break;
        case 's':
            r = parse_uint(optarg, 1, 1000, &seconds);
            break;
        case 'u':
            dump.until = optarg;
            break;
        default:
            r = -1;
        }
        if (r < 0) {
            return 64;
        }
    }
    return run(&dump, optind < argc ? argv[optind] : NULL, seconds);
}
