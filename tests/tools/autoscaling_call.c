/* autoscaling_call: one call to EC2 Auto Scaling as the daemon makes it, and what became of it as
 * lines "key=value".
 *
 *   autoscaling_call --imds URL --ca FILE --host NAME --port N --region R --resolv-conf FILE
 *       --hosts FILE [--hook H] [--group G] [--instance I] [--calls N] [--end-ms MS] ACTION
 *
 * ACTION is what autoscaling_action_str says. With --calls the same call is made N times, one after
 * the other; each has its lines. --end-ms ends it, in the middle of a call. Exit status: 0, or 1
 * when there was no call. */
#include "daemon/aws/autoscaling.h"
#include "daemon/loop.h"
#include "probes/dns.h"
#include "probes/tls.h"

#include <dirent.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define DNS_TIMEOUT_MS 1000

struct arguments {
    const char *imds;
    const char *ca;
    const char *resolv_conf;
    const char *hosts;
    uint64_t port;
    uint64_t calls;
    uint64_t end_ms; /* 0: after the calls */
    struct autoscaling_call call;
};

struct program {
    const struct arguments *arguments;
    struct loop *loop;
    struct dns *dns;
    struct tls_ctx *tls;
    struct credentials *credentials;
    struct autoscaling *autoscaling;
    uint64_t left;
    int status;
};

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
start(struct program *program)
{
    int r = autoscaling_start(program->autoscaling, &program->arguments->call);

    if (r < 0) {
        (void)fprintf(stderr, "autoscaling_call: %s\n", strerror(-r));
        program->status = EXIT_FAILURE;
        loop_stop(program->loop);
    }
}

static void
on_done(const struct autoscaling_answer *answer, void *arg)
{
    struct program *program = arg;
    char description[1024] = "";
    struct text t = TEXT(description);

    autoscaling_describe(&program->arguments->call, answer, &t);
    (void)printf("outcome=%s\nstatus=%u\ncode=%s\nmessage=%s\nrequest_id=%s\nfound=%d\ngroup=%s\n"
                 "lifecycle_state=%s\ndescription=%s\nfds=%d\n",
        autoscaling_outcome_str(answer->outcome), answer->status, answer->code, answer->message,
        answer->request_id, answer->found, answer->group, answer->lifecycle_state, description,
        count_fds());
    (void)fflush(stdout);
    if (--program->left > 0) {
        start(program);
    } else {
        loop_stop(program->loop);
    }
}

static bool
set_up(struct program *program)
{
    const struct arguments *arguments = program->arguments;
    const struct dns_options options = {.resolv_conf = arguments->resolv_conf,
        .hosts = arguments->hosts,
        .timeout_ms = DNS_TIMEOUT_MS,
        .per_second = DNS_PER_SECOND,
        .burst = DNS_BURST};

    program->loop = loop_new();
    if (program->loop == NULL || dns_new(program->loop, &options, &program->dns) < 0 ||
        tls_ctx_new(arguments->ca, TLS_ENGINE_DEFAULT, &program->tls) < 0 ||
        credentials_new(program->loop, arguments->imds, &program->credentials) < 0) {
        return false;
    }
    program->autoscaling = autoscaling_new(
        program->loop, program->dns, program->tls, program->credentials, on_done, program);
    return program->autoscaling != NULL;
}

static void
on_end(void *arg)
{
    struct program *program = arg;

    program->status = EXIT_FAILURE;
    loop_stop(program->loop);
}

static int
run(const struct arguments *arguments)
{
    struct program program = {.arguments = arguments, .left = arguments->calls};
    struct loop_timer *end = NULL;

    if (set_up(&program)) {
        end = loop_timer_new(program.loop, on_end, &program);
        if (arguments->end_ms > 0) {
            (void)loop_timer_set(end, (int64_t)arguments->end_ms);
        }
        start(&program);
        if (program.status == 0) {
            (void)loop_run(program.loop);
        }
    } else {
        (void)fputs("autoscaling_call: cannot set up\n", stderr);
        program.status = EXIT_FAILURE;
    }
    loop_timer_free(end);
    autoscaling_free(program.autoscaling);
    credentials_free(program.credentials);
    tls_ctx_free(program.tls);
    dns_free(program.dns);
    loop_free(program.loop);
    return program.status;
}

static bool
find_action(const char *name, enum autoscaling_action *ret)
{
    for (unsigned i = 0; i < AUTOSCALING_ACTION_N; i++) {
        if (name != NULL && streq(autoscaling_action_str((enum autoscaling_action)i), name)) {
            *ret = (enum autoscaling_action)i;
            return true;
        }
    }
    return false;
}

/* The options with a text. NULL: none of them. */
static const char **
text_option(struct arguments *arguments, int option)
{
    switch (option) {
    case 'i':
        return &arguments->imds;
    case 'c':
        return &arguments->ca;
    case 'h':
        return &arguments->call.host;
    case 'r':
        return &arguments->call.region;
    case 'R':
        return &arguments->resolv_conf;
    case 'H':
        return &arguments->hosts;
    case 'k':
        return &arguments->call.hook;
    case 'g':
        return &arguments->call.group;
    case 'I':
        return &arguments->call.instance_id;
    default:
        return NULL;
    }
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {{"imds", required_argument, NULL, 'i'},
        {"ca", required_argument, NULL, 'c'}, {"host", required_argument, NULL, 'h'},
        {"port", required_argument, NULL, 'p'}, {"region", required_argument, NULL, 'r'},
        {"resolv-conf", required_argument, NULL, 'R'}, {"hosts", required_argument, NULL, 'H'},
        {"hook", required_argument, NULL, 'k'}, {"group", required_argument, NULL, 'g'},
        {"instance", required_argument, NULL, 'I'}, {"calls", required_argument, NULL, 'n'},
        {"end-ms", required_argument, NULL, 'e'}, {NULL, 0, NULL, 0}};
    struct arguments arguments = {.port = 443,
        .calls = 1,
        .resolv_conf = DNS_DEFAULT_RESOLV_CONF,
        .hosts = DNS_DEFAULT_HOSTS,
        .call = {.instance_id = "i-0abcdef1234567890"}};
    int option;
    int r = 0;

    (void)signal(SIGPIPE, SIG_IGN);
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        const char **text = text_option(&arguments, option);

        if (text != NULL) {
            *text = optarg;
        } else if (option == 'p') {
            r = parse_uint(optarg, 1, UINT16_MAX, &arguments.port);
        } else if (option == 'n') {
            r = parse_uint(optarg, 1, 1000, &arguments.calls);
        } else if (option == 'e') {
            r = parse_uint(optarg, 1, 60000, &arguments.end_ms);
        } else {
            r = -1;
        }
        if (r < 0) {
            return EXIT_FAILURE;
        }
    }
    arguments.call.port = (uint16_t)arguments.port;
    if (!find_action(argv[optind], &arguments.call.action) || arguments.imds == NULL ||
        arguments.ca == NULL) {
        (void)fputs("autoscaling_call: missing arguments\n", stderr);
        return EXIT_FAILURE;
    }
    return run(&arguments);
}
