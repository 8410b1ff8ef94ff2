/* probe_cpu: what a probe costs us: the prober's own run, DNS + TCP + TLS of every address, over
 * and over. For tests/bench/tls.
 *
 *     probe_cpu --names FILE --resolv-conf FILE --port N --ca FILE [--rounds N]
 *               [--engine default|lean]
 *
 * All of probes/ as the daemon uses it, up to the result that is handed to be judged; IPv4 alone.
 * Prints a line a round: addresses, how many were verified, and microseconds of CPU for each. */
#include "daemon/loop.h"
#include "daemon/util.h"
#include "probes/dns.h"
#include "probes/probe.h"
#include "probes/tls.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NAMES_MAX 10000
#define CONNECTIONS_MAX 32
#define PACKETS_MAX 1000000 /* no limit worth the name: what is measured is CPU */
#define TIMEOUT_MS 10000

struct bench {
    struct probe_env env;
    size_t n;
    struct endpoint_spec specs[NAMES_MAX];
    char hostnames[NAMES_MAX][HOSTNAME_SIZE];
    struct probe *probes[NAMES_MAX];
    size_t n_running;
    size_t n_addrs;
    size_t n_verified;
};

static void
die(const char *what)
{
    (void)fprintf(stderr, "probe_cpu: %s\n", what);
    exit(EXIT_FAILURE);
}

static void
on_done(struct probe_result *result, void *arg)
{
    struct bench *bench = arg;

    for (size_t i = 0; i < result->n_addrs; i++) {
        bench->n_addrs++;
        bench->n_verified += result->addrs[i].outcome == ADDR_OUTCOME_OK;
    }
    if (--bench->n_running == 0) {
        loop_stop(bench->env.loop);
    }
}

static double
cpu_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void
run_round(struct bench *bench)
{
    double before = cpu_us();

    bench->n_addrs = 0;
    bench->n_verified = 0;
    bench->n_running = bench->n;
    for (size_t i = 0; i < bench->n; i++) {
        if (probe_start(bench->probes[i], &bench->specs[i], NULL) < 0) {
            die("a probe is still running");
        }
    }
    if (loop_run(bench->env.loop) < 0) {
        die("the loop failed");
    }
    (void)printf("addresses=%zu verified=%zu cpu_us=%.1f\n", bench->n_addrs, bench->n_verified,
        (cpu_us() - before) / (double)(bench->n_addrs > 0 ? bench->n_addrs : 1));
}

static void
read_names(struct bench *bench, const char *path)
{
    FILE *stream = fopen(path, "r");
    char line[HOSTNAME_SIZE];

    if (stream == NULL) {
        die(path);
    }
    while (bench->n < NAMES_MAX && fgets(line, sizeof(line), stream) != NULL) {
        char *hostname = bench->hostnames[bench->n];
        struct endpoint_spec *spec = &bench->specs[bench->n++];

        line[strcspn(line, "\n")] = '\0';
        (void)str_copy(hostname, HOSTNAME_SIZE, line);
        spec->hostname = hostname;
        spec->service_name = "";
        (void)snprintf(spec->key, sizeof(spec->key), "e%zu", bench->n);
        spec->expected = EXPECTED_ANY;
    }
    (void)fclose(stream);
}

static void
open_all(struct bench *bench, enum tls_engine engine, const char *ca_file, const char *resolv_conf,
    uint16_t port)
{
    static const struct vpc_nets nets;
    const struct dns_options dns = {.resolv_conf = resolv_conf,
        .hosts = "/dev/null",
        .timeout_ms = TIMEOUT_MS,
        .per_second = PACKETS_MAX,
        .burst = PACKETS_MAX};
    struct probe_env *env = &bench->env;

    env->options =
        (struct probe_options){.family_enabled = {[FAMILY_INDEX(ADDR_FAMILY_IPV4)] = true},
            .dns_timeout_ms = TIMEOUT_MS,
            .connect_timeout_ms = TIMEOUT_MS,
            .tls_timeout_ms = TIMEOUT_MS};
    env->loop = loop_new();
    if (env->loop == NULL || (env->slots = slots_new(env->loop, CONNECTIONS_MAX)) == NULL ||
        (env->ahead = ahead_new(env->loop)) == NULL || dns_new(env->loop, &dns, &env->dns) < 0) {
        die("no memory");
    }
    if (tls_ctx_new(ca_file, engine, &env->tls_ctx) < 0) {
        die(ca_file);
    }
    if (tls_ctx_engine(env->tls_ctx) != engine) {
        die("the engine cannot be used here");
    }
    for (size_t i = 0; i < bench->n; i++) {
        bench->specs[i].port = port;
        bench->probes[i] = probe_new(env, &nets, on_done, bench);
        if (bench->probes[i] == NULL) {
            die("no memory");
        }
    }
}

static void
close_all(struct bench *bench)
{
    for (size_t i = 0; i < bench->n; i++) {
        probe_free(bench->probes[i]);
    }
    dns_free(bench->env.dns);
    slots_free(bench->env.slots);
    ahead_free(bench->env.ahead);
    tls_ctx_free(bench->env.tls_ctx);
    loop_free(bench->env.loop);
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {{"names", required_argument, NULL, 'n'},
        {"resolv-conf", required_argument, NULL, 's'}, {"port", required_argument, NULL, 'p'},
        {"ca", required_argument, NULL, 'c'}, {"rounds", required_argument, NULL, 'r'},
        {"engine", required_argument, NULL, 'e'}, {NULL, 0, NULL, 0}};
    static struct bench bench;
    const char *resolv_conf = DNS_DEFAULT_RESOLV_CONF;
    const char *ca_file = "/etc/ssl/certs/ca-certificates.crt";
    uint16_t port = 443;
    enum tls_engine engine = TLS_ENGINE_DEFAULT;
    unsigned long n_rounds = 1;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'n':
            read_names(&bench, optarg);
            break;
        case 's':
            resolv_conf = optarg;
            break;
        case 'p':
            port = (uint16_t)strtoul(optarg, NULL, 10);
            break;
        case 'c':
            ca_file = optarg;
            break;
        case 'r':
            n_rounds = strtoul(optarg, NULL, 10);
            break;
        case 'e':
            engine = streq(optarg, "lean") ? TLS_ENGINE_LEAN : TLS_ENGINE_DEFAULT;
            break;
        default:
            return EXIT_FAILURE;
        }
    }
    open_all(&bench, engine, ca_file, resolv_conf, port);
    for (unsigned long i = 0; i < n_rounds; i++) {
        run_round(&bench);
    }
    close_all(&bench);
    return EXIT_SUCCESS;
}
