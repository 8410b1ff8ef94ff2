/* conf/conf and the files behind it: defaults, every key, every refusal, files that are no files.
 * Each test works in a folder of its own under TMPDIR and removes it. */
#include "conf/conf.h"
#include "daemon/util.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* The folder of the running test, and what conf_load gave. */
struct fixture {
    char folder[64];
    char path[128]; /* of the main file */
    struct conf *conf;
    struct conf_errors errors;
    int result;
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const char *tmp = getenv("TMPDIR"); // NOLINT(concurrency-mt-unsafe)

    if (f == NULL) {
        return -1;
    }
    (void)snprintf(
        f->folder, sizeof(f->folder), "%.40s/vpce-conf-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    if (mkdtemp(f->folder) == NULL) {
        free(f);
        return -1;
    }
    (void)snprintf(f->path, sizeof(f->path), "%s/test.conf", f->folder);
    *state = f;
    return 0;
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    conf_free(f->conf);
    conf_errors_reset(&f->errors);
    (void)nftw(f->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static const char *
path_in(const struct fixture *f, const char *name)
{
    static char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", f->folder, name);
    return path;
}

static void
write_bytes(const char *path, const char *bytes, size_t len)
{
    FILE *stream = fopen(path, "we");

    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, len, stream), len);
    assert_int_equal(fclose(stream), 0);
}

static void
write_dropin(const struct fixture *f, const char *name, const char *text)
{
    char in_folder[64];

    (void)mkdir(path_in(f, "conf.d"), 0755);
    (void)snprintf(in_folder, sizeof(in_folder), "conf.d/%s", name);
    write_bytes(path_in(f, in_folder), text, strlen(text));
}

static void
load(struct fixture *f)
{
    conf_free(f->conf);
    conf_errors_reset(&f->errors);
    f->conf = NULL;
    f->result = conf_load(f->path, &f->conf, &f->errors);
}

static void
load_text(struct fixture *f, const char *text)
{
    write_bytes(f->path, text, strlen(text));
    load(f);
}

static void
print_errors(const struct fixture *f)
{
    for (size_t i = 0; i < f->errors.n; i++) {
        print_error("    %s\n", f->errors.lines[i]);
    }
}

/* The settings are fine. */
static const struct conf *
good(struct fixture *f)
{
    if (f->result != 0) {
        print_errors(f);
        fail_msg("got %d and %zu errors, expected none", f->result, f->errors.n_found);
    }
    assert_int_equal(f->errors.n_found, 0);
    return f->conf;
}

/* True when error i reads FOLDER/FILE:LINE: KEY: … and holds the words. */
static bool
error_is(const struct fixture *f, size_t i, const char *place, const char *words)
{
    const char *line = i < f->errors.n ? f->errors.lines[i] : "";
    size_t folder_len = strlen(f->folder);

    return strncmp(line, f->folder, folder_len) == 0 && line[folder_len] == '/' &&
           strncmp(line + folder_len + 1, place, strlen(place)) == 0 &&
           strstr(line + folder_len + 1 + strlen(place), words) != NULL;
}

static void
expect_error(const struct fixture *f, size_t i, const char *place, const char *words)
{
    if (!error_is(f, i, place, words)) {
        print_errors(f);
        fail_msg("error %zu: expected %s … %s", i, place, words);
    }
}

static void
defaults(void **state)
{
    struct fixture *f = *state;
    struct addr resolver;

    load_text(f, "");
    const struct conf *conf = good(f);

    assert_string_equal(conf->region, "");
    assert_string_equal(conf->account_id, "");
    assert_int_equal(conf->nets.n_cidrs, 0);
    assert_int_equal(conf->nets.n_subnets, 0);
    assert_false(conf->nets.known[0] || conf->nets.known[1]);
    assert_int_equal(conf->launch_type, LAUNCH_TYPE_EC2);
    assert_int_equal(conf->names, NAME_STYLE_DEFAULT);
    assert_int_equal(conf->imds, CONF_IMDS_AUTO);
    assert_int_equal(conf->interval_ms, 30000);
    assert_int_equal(conf->fast_interval_ms, 2000);
    assert_int_equal(conf->rise, 2);
    assert_int_equal(conf->fall, 3);
    assert_int_equal(conf->probe.dns_timeout_ms, 2000);
    assert_int_equal(conf->probe.connect_timeout_ms, 4000);
    assert_int_equal(conf->probe.tls_timeout_ms, 3000);
    assert_true(conf->probe.family_enabled[0] && conf->probe.family_enabled[1]);
    assert_int_equal(conf->parallel, 32);
    assert_string_equal(conf->ca_file, "");
    assert_int_equal(addr_parse("169.254.169.253", &resolver), 0);
    assert_true(addr_equal(&conf->second_opinion, &resolver));
    assert_int_equal(conf->egress, CONF_EGRESS_AUTO);
    assert_false(conf->public_path_fails);
    assert_int_equal(conf->certificate_warning_ms, 7 * INT64_C(86400000));
    assert_false(conf->http);
    assert_int_equal(conf->tls_engine, CONF_TLS_ENGINE_DEFAULT);
    assert_int_equal(conf->n_endpoints, 0);
    assert_string_equal(conf->socket, CONF_DEFAULT_SOCKET);
    assert_false(conf->lifecycle.enabled);
    assert_string_equal(conf->lifecycle.hook, "");
    assert_string_equal(conf->lifecycle.group, "");
    assert_false(conf->lifecycle.ready_when_healthy);
    assert_int_equal(conf->lifecycle.deadline_ms, 0);
    assert_false(conf->lifecycle.abandon);
    assert_int_equal(conf->lifecycle.heartbeat_ms, 0);
    assert_string_equal(conf->lifecycle.endpoint, "");
    assert_false(conf->health.set_instance_health);
    assert_int_equal(conf->health.after_ms, 600000);
    assert_true(conf_ca_file(conf)[0] == '/');
}

static const char every_key[] = "# a comment\n"
                                "; another\n"
                                "\n"
                                "   \t\n"
                                "[Host]\n"
                                "Region=eu-central-1\n"
                                "AccountId = 123456789012\n"
                                "VpcCidrs=10.0.0.0/16  100.64.0.0/16 2600:1f14:abc:4200::/56\n"
                                "Subnets=10.0.1.0/24=apne1-az4 10.0.2.0/24=apne1-az1\n"
                                "LaunchType=fargate-1.3\n"
                                "Imds=http://127.0.0.1:8080/\n"
                                "Names=dualstack\n"
                                "[Probe]\n"
                                "Interval=1min 30s\n"
                                "FastInterval=100ms\n"
                                "Rise=20\n"
                                "Fall=1\n"
                                "DnsTimeout=1s\n"
                                "ConnectTimeout=100ms\n"
                                "TlsTimeout=60s\n"
                                "Parallel=1024\n"
                                "AddressFamily=ipv6\n"
                                "CaFile=/etc/ssl/my ca.pem\n"
                                "SecondOpinion=fd00:ec2::253\n"
                                "EgressControl=example.com\n"
                                "PublicPath=failed\n"
                                "CertificateWarning=0\n"
                                "Http=yes\n"
                                "TlsEngine=lean\n"
                                "[Status]\n"
                                "Socket=/run/test.sock\n"
                                "[Lifecycle]\n"
                                "Enabled=yes\n"
                                "Hook=launch_hook/A-1\n"
                                "AutoScalingGroup=my group; prod\n"
                                "Ready=healthy\n"
                                "Deadline=15min\n"
                                "OnDeadline=abandon\n"
                                "Heartbeat=5min\n"
                                "Endpoint=https://autoscaling.test:8443\n"
                                "[Health]\n"
                                "SetInstanceHealth=yes\n"
                                "After=1h\n"
                                "[Endpoint ecr.api]\n"
                                "Required=no\n"
                                "[Endpoint my-service.v2]\n"
                                "Host=10.0.0.9\n"
                                "Port=8443\n"
                                "Expect=any\n"
                                "Http=no\n"
                                "Enabled=yes\n"
                                "[Endpoint sts]"; /* no line end */

static void
reads_host_and_probe(const struct conf *conf)
{
    assert_string_equal(conf->region, "eu-central-1");
    assert_string_equal(conf->account_id, "123456789012");
    assert_int_equal(conf->nets.n_cidrs, 3);
    assert_int_equal(conf->nets.cidrs[2].prefix_len, 56);
    assert_true(conf->nets.known[0] && conf->nets.known[1]);
    assert_int_equal(conf->nets.n_subnets, 2);
    assert_string_equal(conf->nets.subnets[0].az_id, "apne1-az4");
    assert_string_equal(conf->nets.subnets[1].az_id, "apne1-az1");
    assert_int_equal(conf->launch_type, LAUNCH_TYPE_FARGATE_1_3);
    assert_int_equal(conf->imds, CONF_IMDS_URL);
    assert_string_equal(conf->imds_url, "http://127.0.0.1:8080");
    assert_int_equal(conf->names, NAME_STYLE_DUALSTACK);
    assert_int_equal(conf->interval_ms, 90000);
    assert_int_equal(conf->fast_interval_ms, 100);
    assert_int_equal(conf->rise, 20);
    assert_int_equal(conf->fall, 1);
    assert_int_equal(conf->probe.dns_timeout_ms, 1000);
    assert_int_equal(conf->probe.connect_timeout_ms, 100);
    assert_int_equal(conf->probe.tls_timeout_ms, 60000);
    assert_int_equal(conf->parallel, 1024);
    assert_true(!conf->probe.family_enabled[0] && conf->probe.family_enabled[1]);
    assert_string_equal(conf->ca_file, "/etc/ssl/my ca.pem");
    assert_string_equal(conf_ca_file(conf), "/etc/ssl/my ca.pem");
    assert_int_equal(conf->second_opinion.family, ADDR_FAMILY_IPV6);
    assert_int_equal(conf->egress, CONF_EGRESS_HOST);
    assert_string_equal(conf->egress_host, "example.com");
    assert_true(conf->public_path_fails);
    assert_int_equal(conf->certificate_warning_ms, 0);
    assert_true(conf->http);
    assert_int_equal(conf->tls_engine, CONF_TLS_ENGINE_LEAN);
}

static void
reads_endpoints(const struct conf *conf)
{
    const struct conf_endpoint *endpoint = conf->endpoints;

    assert_int_equal(conf->n_endpoints, 3);
    assert_string_equal(endpoint[0].key, "ecr.api");
    assert_int_equal(endpoint[0].required, CONF_CHOICE_NO);
    assert_int_equal(endpoint[0].enabled, CONF_CHOICE_DEFAULT);
    assert_false(endpoint[0].expected_set);
    assert_string_equal(endpoint[1].key, "my-service.v2");
    assert_string_equal(endpoint[1].hostname, "10.0.0.9");
    assert_int_equal(endpoint[1].port, 8443);
    assert_true(endpoint[1].expected_set);
    assert_int_equal(endpoint[1].expected, EXPECTED_ANY);
    assert_int_equal(endpoint[1].http, CONF_CHOICE_NO);
    assert_int_equal(endpoint[1].enabled, CONF_CHOICE_YES);
    assert_string_equal(endpoint[2].key, "sts");
    assert_int_equal(endpoint[2].required, CONF_CHOICE_DEFAULT);
    assert_string_equal(endpoint[2].hostname, "");
    assert_int_equal(endpoint[2].port, 443);
}

static void
every_key_is_read(void **state)
{
    struct fixture *f = *state;

    load_text(f, every_key);
    const struct conf *conf = good(f);

    reads_host_and_probe(conf);
    reads_endpoints(conf);
    assert_string_equal(conf->socket, "/run/test.sock");
    assert_true(conf->lifecycle.enabled);
    assert_string_equal(conf->lifecycle.hook, "launch_hook/A-1");
    assert_string_equal(conf->lifecycle.group, "my group; prod");
    assert_true(conf->lifecycle.ready_when_healthy);
    assert_int_equal(conf->lifecycle.deadline_ms, 900000);
    assert_true(conf->lifecycle.abandon);
    assert_int_equal(conf->lifecycle.heartbeat_ms, 300000);
    assert_string_equal(conf->lifecycle.endpoint, "https://autoscaling.test:8443");
    assert_true(conf->health.set_instance_health);
    assert_int_equal(conf->health.after_ms, 3600000);
}

/* An empty value of every key puts its default back: nothing is left of every_key. */
static void
empty_values(void **state)
{
    struct fixture *f = *state;
    char emptied[sizeof(every_key)] = "";
    struct text text = TEXT(emptied);
    const char *line = every_key;

    write_bytes(f->path, every_key, strlen(every_key));
    while (line != NULL && *line != '\0') {
        const char *end = strchrnul(line, '\n');
        size_t len = (size_t)(end - line);
        const char *equals = memchr(line, '=', len);

        if (equals != NULL && line[0] != '[') {
            len = (size_t)(equals - line) + 1;
        }
        (void)text_add(&text, "%.*s\n", (int)len, line);
        line = *end == '\0' ? NULL : end + 1;
    }
    /* An endpoint of one's own cannot lose its Host=. */
    write_dropin(f, "1.conf", emptied);
    write_dropin(f, "2.conf", "[Endpoint my-service.v2]\nHost=a.example\n");
    load(f);
    const struct conf *conf = good(f);

    assert_string_equal(conf->region, "");
    assert_int_equal(conf->nets.n_cidrs, 0);
    assert_false(conf->nets.known[0] || conf->nets.known[1]);
    assert_int_equal(conf->nets.n_subnets, 0);
    assert_int_equal(conf->imds, CONF_IMDS_AUTO);
    assert_string_equal(conf->imds_url, "");
    assert_int_equal(conf->interval_ms, 30000);
    assert_true(conf->probe.family_enabled[0] && conf->probe.family_enabled[1]);
    assert_int_equal(conf->second_opinion.family, ADDR_FAMILY_IPV4);
    assert_int_equal(conf->egress, CONF_EGRESS_AUTO);
    assert_string_equal(conf->egress_host, "");
    assert_int_equal(conf->certificate_warning_ms, 7 * INT64_C(86400000));
    assert_string_equal(conf->socket, CONF_DEFAULT_SOCKET);
    assert_false(conf->lifecycle.enabled);
    assert_string_equal(conf->lifecycle.hook, "");
    assert_int_equal(conf->lifecycle.deadline_ms, 0);
    assert_int_equal(conf->endpoints[0].required, CONF_CHOICE_DEFAULT);
    assert_false(conf->endpoints[1].expected_set);
    assert_int_equal(conf->endpoints[1].port, 443);
    assert_int_equal(conf->endpoints[1].http, CONF_CHOICE_DEFAULT);
}

#define X_60 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* One file, one error: where it is reported, and words that must be in it. */
static const struct {
    const char *text;
    const char *place;
    const char *words;
} error_cases[] = {
    /* lines */
    {"[Probe]\n Interval=30s\n", "test.conf:2: line: ", "starts with a blank"},
    {"[Probe]\nInterval=30s\n\tmore\n", "test.conf:3: line: ", "starts with a blank"},
    {"[Probe]\n  # comment\n", "test.conf:2: line: ", "starts with a blank"},
    {"[Probe]\nInterval\n", "test.conf:2: line: ", "neither"},
    {"[Probe]\nInterval: 30s\n", "test.conf:2: line: ", "neither"},
    {"[Probe]\nCaFile:x=/a\n", "test.conf:2: line: ", "a : in the key"},
    {"[Probe]\n=30s\n", "test.conf:2: line: ", "no key"},
    {"[Probe]\nInterval=30s ; slow\n", "test.conf:2: line: ", "line of its own"},
    {"[Probe]\nInterval=30s\t;slow\n", "test.conf:2: line: ", "line of its own"},
    {"[Probe]\nInterval ;=30s\n", "test.conf:2: line: ", "line of its own"},
    {"[Probe]\nCaFile=/a\033[2J\n", "test.conf:2: line: ", "control character"},
    {"[Probe]\n\n#" X_60 X_60 X_60 X_60 "\n", "test.conf:3: line: ", "longer than 198 bytes"},
    {"[Probe]\nCaFile=/" X_60 X_60 X_60 "01234567890\n",
        "test.conf:2: line: ", "longer than 198 bytes"},
    /* sections */
    {"[Nope]\nInterval=30s\n", "test.conf:1: [Nope]: ", "[Probe]"},
    {"[probe]\n", "test.conf:1: [probe]: ", "[Probe]"},
    {"[Probe\nInterval=x\n", "test.conf:1: [Probe: ", "must end with ]"},
    {"[Probe] # fast\n", "test.conf:1: [Probe] # fast: ", "must end with ]"},
    {"[Probe]]\n", "test.conf:1: [Probe]]: ", "[Probe]"},
    {"[]\n", "test.conf:1: []: ", "[Probe]"},
    {"[\n", "test.conf:1: [: ", "must end with ]"},
    {"[\x9b]\n", "test.conf:1: [\\x9b]: ", "[Probe]"},
    {"Interval=30s\n", "test.conf:1: Interval: ", "before any section"},
    {"[Endpoint]\nPort=1\n", "test.conf:1: [Endpoint]: ", "[Endpoint KEY]"},
    {"[Endpoint ]\n", "test.conf:1: [Endpoint ]: ", "[Endpoint KEY]"},
    {"[Endpoint a b]\n", "test.conf:1: [Endpoint a b]: ", "starts with a letter"},
    {"[Endpoint Logs]\n", "test.conf:1: [Endpoint Logs]: ", "a-z"},
    {"[Endpoint 1a]\n", "test.conf:1: [Endpoint 1a]: ", "starts with a letter"},
    {"[Endpoint a_b]\n", "test.conf:1: [Endpoint a_b]: ", "a-z"},
    {"[Endpoint a23456789012345678901234567890123]\nHost=x\n",
        "test.conf:1: [Endpoint a23456789012345678901234567890123]: ", "up to 32"},
    {"[Endpoint newkey]\n", "test.conf:1: [Endpoint newkey]: ", "kinesis-firehose"},
    {"[Endpoint newkey]\nRequired=no\n", "test.conf:1: [Endpoint newkey]: ", "Host="},
    {"[Endpoint newkey]\nHost=a\n[Endpoint newkey]\nHost=\n",
        "test.conf:4: [Endpoint newkey]: ", "Host="},
    /* keys */
    {"[Probe]\nRegion=eu-central-1\n", "test.conf:2: Region: ", "is not a key of [Probe]"},
    {"[Probe]\ninterval=30s\n", "test.conf:2: interval: ", "Interval, FastInterval"},
    {"[Endpoint s3]\nRegion=x\n", "test.conf:2: Region: ", "Required, Enabled, Host"},
    /* values */
    {"[Host]\nRegion=xx-nowhere-1\n", "test.conf:2: Region: ", "\"xx-nowhere-1\" is not a Region"},
    {"[Host]\nRegion=eu central\n", "test.conf:2: Region: ", "\"eu central\" is not the name"},
    {"[Host]\nRegion=EU-central-1\n", "test.conf:2: Region: ", "such as eu-central-1"},
    {"[Host]\nRegion=a23456789012345678901234567890123\n", "test.conf:2: Region: ", "Region"},
    {"[Host]\nAccountId=12345678901\n", "test.conf:2: AccountId: ", "12 digits"},
    {"[Host]\nAccountId=1234567890123\n", "test.conf:2: AccountId: ", "12 digits"},
    {"[Host]\nAccountId=1234-5678-90\n", "test.conf:2: AccountId: ", "12 digits"},
    {"[Host]\nVpcCidrs=10.0.0.0/16,10.1.0.0/16\n",
        "test.conf:2: VpcCidrs: ", "\"10.0.0.0/16,10.1.0.0/16\" is not an address block"},
    {"[Host]\nVpcCidrs=10.0.0.0/16 10.1.0.1/16\n", "test.conf:2: VpcCidrs: ", "\"10.1.0.1/16\""},
    {"[Host]\nVpcCidrs=10.0.0.0\n", "test.conf:2: VpcCidrs: ", "such as 10.0.0.0/16"},
    {"[Host]\nSubnets=10.0.1.0/24\n", "test.conf:2: Subnets: ", "=apne1-az4"},
    {"[Host]\nSubnets=10.0.1.0/24=\n", "test.conf:2: Subnets: ", "=apne1-az4"},
    {"[Host]\nSubnets=10.0.1.0=apne1-az4\n", "test.conf:2: Subnets: ", "\"10.0.1.0=apne1-az4\""},
    {"[Host]\nSubnets=10.0.1.0/24=AZ4\n", "test.conf:2: Subnets: ", "=apne1-az4"},
    {"[Host]\nSubnets=10.0.1.0/24=a23456789012345678901234\n",
        "test.conf:2: Subnets: ", "is not a subnet"},
    {"[Host]\nLaunchType=EC2\n",
        "test.conf:2: LaunchType: ", "\"EC2\" is not one of: ec2, fargate, fargate-1.3"},
    {"[Host]\nNames=ipv6\n", "test.conf:2: Names: ", "default, fips, dualstack"},
    {"[Host]\nImds=no\n", "test.conf:2: Imds: ", "auto, off or a URL"},
    {"[Host]\nImds=https://127.0.0.1\n", "test.conf:2: Imds: ", "http://HOST"},
    {"[Host]\nImds=http://\n", "test.conf:2: Imds: ", "http://HOST"},
    {"[Host]\nImds=http:///\n", "test.conf:2: Imds: ", "http://HOST"},
    {"[Host]\nImds=http://a:\n", "test.conf:2: Imds: ", "http://HOST"},
    {"[Host]\nImds=http://a:0\n", "test.conf:2: Imds: ", "http://HOST"},
    {"[Host]\nImds=http://a:65536\n", "test.conf:2: Imds: ", "http://HOST"},
    {"[Host]\nImds=http://u@a\n", "test.conf:2: Imds: ", "http://HOST"},
    {"[Host]\nImds=http://a/latest\n", "test.conf:2: Imds: ", "http://HOST"},
    {"[Host]\nImds=http://::1\n", "test.conf:2: Imds: ", "http://HOST"},
    {"[Host]\nImds=http://[::1\n", "test.conf:2: Imds: ", "http://HOST"},
    {"[Host]\nImds=http://[::1]x\n", "test.conf:2: Imds: ", "http://HOST"},
    {"[Host]\nImds=http://[127.0.0.1]\n", "test.conf:2: Imds: ", "http://HOST"},
    {"[Host]\nImds=http://[]\n", "test.conf:2: Imds: ", "http://HOST"},
    {"[Host]\nImds=off\n", "test.conf:2: Imds: ", "set Region="},
    {"[Host]\nImds=off\nRegion=auto\n", "test.conf:3: Region: ", "set Region="},
    {"[Probe]\nInterval=abc\n",
        "test.conf:2: Interval: ", "\"abc\" is not a time span; give one from 100ms to 1d"},
    {"[Probe]\nInterval=99ms\n", "test.conf:2: Interval: ", "out of range"},
    {"[Probe]\nInterval=25h\n", "test.conf:2: Interval: ", "from 100ms to 1d"},
    {"[Probe]\nInterval=9999999999999999999h\n", "test.conf:2: Interval: ", "out of range"},
    {"[Probe]\nInterval=30s # slow\n", "test.conf:2: Interval: ", "\"30s # slow\""},
    {"[Probe]\nInterval=1s\n", "test.conf:2: Interval: ", "FastInterval= is longer"},
    {"[Probe]\nInterval=10s\nFastInterval=11s\n", "test.conf:3: FastInterval: ", "longer"},
    {"[Probe]\nFastInterval=11s\nInterval=10s\n", "test.conf:3: Interval: ", "longer"},
    {"[Probe]\nRise=0\n", "test.conf:2: Rise: ", "\"0\" is not a whole number from 1 to 20"},
    {"[Probe]\nFall=21\n", "test.conf:2: Fall: ", "from 1 to 20"},
    {"[Probe]\nFall=-1\n", "test.conf:2: Fall: ", "from 1 to 20"},
    {"[Probe]\nFall=2.0\n", "test.conf:2: Fall: ", "from 1 to 20"},
    {"[Probe]\nParallel=1025\n", "test.conf:2: Parallel: ", "from 1 to 1024"},
    {"[Probe]\nDnsTimeout=99ms\n", "test.conf:2: DnsTimeout: ", "from 100ms to 1min"},
    {"[Probe]\nConnectTimeout=61s\n", "test.conf:2: ConnectTimeout: ", "from 100ms to 1min"},
    {"[Probe]\nTlsTimeout=0\n", "test.conf:2: TlsTimeout: ", "from 100ms to 1min"},
    {"[Probe]\nAddressFamily=both\n", "test.conf:2: AddressFamily: ", "any, ipv4, ipv6"},
    {"[Probe]\nCaFile=ca.pem\n", "test.conf:2: CaFile: ", "absolute path"},
    {"[Probe]\nSecondOpinion=resolver\n", "test.conf:2: SecondOpinion: ", "IP address"},
    {"[Probe]\nSecondOpinion=10.0.0.2:53\n", "test.conf:2: SecondOpinion: ", "IP address"},
    {"[Probe]\nEgressControl=a..b\n", "test.conf:2: EgressControl: ", "host name"},
    {"[Probe]\nPublicPath=ok\n", "test.conf:2: PublicPath: ", "degraded, failed"},
    {"[Probe]\nCertificateWarning=367d\n",
        "test.conf:2: CertificateWarning: ", "from 0 to 365d 6h"},
    {"[Probe]\nHttp=true\n", "test.conf:2: Http: ", "\"true\" is not one of: yes, no"},
    {"[Probe]\nTlsEngine=fast\n", "test.conf:2: TlsEngine: ", "default, lean"},
    {"[Endpoint s3]\nRequired=maybe\n", "test.conf:2: Required: ", "is not one of: yes, no"},
    {"[Endpoint x]\nEnabled=nope\n", "test.conf:2: Enabled: ", "is not one of: yes, no"},
    {"[Endpoint s3]\nHost=https://s3\n",
        "test.conf:2: Host: ", "\"https://s3\" is not a host name"},
    {"[Endpoint s3]\nHost=a.\n", "test.conf:2: Host: ", "is not a host name"},
    {"[Endpoint x]\nHost=10.0.0.256\n", "test.conf:2: Host: ", "is not a host name"},
    {"[Endpoint s3]\nHost=\x1b\xff\n", "test.conf:2: line: ", "control character"},
    {"[Endpoint x]\nHost=\xff\n", "test.conf:2: Host: ", "\"\\xff\""},
    {"[Endpoint s3]\nPort=0\n", "test.conf:2: Port: ", "from 1 to 65535"},
    {"[Endpoint s3]\nPort=65536\n", "test.conf:2: Port: ", "from 1 to 65535"},
    {"[Endpoint s3]\nPort=https\n", "test.conf:2: Port: ", "from 1 to 65535"},
    {"[Endpoint s3]\nExpect=public\n", "test.conf:2: Expect: ", "interface, gateway, any"},
    {"[Endpoint s3]\nHttp=maybe\n", "test.conf:2: Http: ", "yes, no"},
    {"[Status]\nSocket=status.sock\n", "test.conf:2: Socket: ", "absolute path"},
    {"[Status]\nSocket=/" X_60 "/0123456789012345678901234567890123456789012345\n",
        "test.conf:2: Socket: ", "at most 107 bytes"},
    {"[Lifecycle]\nEnabled=yes\n", "test.conf:2: Enabled: ", "set Hook="},
    {"[Lifecycle]\nEnabled=yes\nHook=\n", "test.conf:3: Hook: ", "set Hook="},
    {"[Lifecycle]\nHook=a b\n", "test.conf:2: Hook: ", "name of a lifecycle hook"},
    {"[Lifecycle]\nAutoScalingGroup=arn:aws:x\n", "test.conf:2: AutoScalingGroup: ", "ARN"},
    {"[Lifecycle]\nReady=unhealthy\n", "test.conf:2: Ready: ", "degraded, healthy"},
    {"[Lifecycle]\nDeadline=3d\n", "test.conf:2: Deadline: ", "from 100ms to 2d, or off"},
    {"[Lifecycle]\nDeadline=no\n", "test.conf:2: Deadline: ", "or off"},
    {"[Lifecycle]\nOnDeadline=continue\n", "test.conf:2: OnDeadline: ", "none, abandon"},
    {"[Lifecycle]\nOnDeadline=abandon\n", "test.conf:2: OnDeadline: ", "needs a deadline"},
    {"[Lifecycle]\nHeartbeat=1min\n", "test.conf:2: Heartbeat: ", "needs a deadline"},
    {"[Lifecycle]\nHeartbeat=1min\nDeadline=off\n", "test.conf:3: Deadline: ", "needs a deadline"},
    {"[Lifecycle]\nHeartbeat=x\n", "test.conf:2: Heartbeat: ", "is not a time span"},
    {"[Lifecycle]\nEndpoint=autoscaling.test\n", "test.conf:2: Endpoint: ", "https://HOST"},
    {"[Lifecycle]\nEndpoint=ftp://a\n", "test.conf:2: Endpoint: ", "https://HOST"},
    {"[Lifecycle]\nEnabled=yes\nHook=h\n[Host]\nRegion=us-east-1\nImds=off\n",
        "test.conf:6: Imds: ", "needs the instance id"},
    {"[Host]\nRegion=us-east-1\nImds=off\n[Health]\nSetInstanceHealth=yes\n",
        "test.conf:5: SetInstanceHealth: ", "needs the instance id"},
    {"[Health]\nSetInstanceHealth=maybe\n", "test.conf:2: SetInstanceHealth: ", "yes, no"},
    {"[Health]\nAfter=never\n", "test.conf:2: After: ", "time span"},
};

static void
one_error_each(void **state)
{
    struct fixture *f = *state;
    int failures = 0;

    for (size_t i = 0; i < ARRAY_SIZE(error_cases); i++) {
        load_text(f, error_cases[i].text);
        if (f->result != -EINVAL || f->conf != NULL || f->errors.n_found != 1 ||
            !error_is(f, 0, error_cases[i].place, error_cases[i].words)) {
            print_error(
                "%s  got %d, %zu errors:\n", error_cases[i].text, f->result, f->errors.n_found);
            print_errors(f);
            print_error("  expected %s… %s\n", error_cases[i].place, error_cases[i].words);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

/* Texts that look odd and are fine. */
static const char *const good_cases[] = {
    "",
    "\n\n\n",
    "# only a comment",
    "#\n;\n",
    "\xef\xbb\xbf[Probe]\nInterval=30s\n",
    "[Probe]\r\nInterval=30s\r\n",
    "[Probe]   \nInterval = 30s   \n",
    "[Probe]\n[Probe]\n[Host]\n",
    "[Probe]\nInterval=5s\nInterval=6s\n",
    "[Probe]\nCaFile=/a=b:c\n",
    "[Probe]\nCaFile=/a;b\n",
    "[Probe]\nEgressControl=off\nSecondOpinion=off\n",
    "[Probe]\nFastInterval=30s\n",
    "[Probe]\nInterval=100ms\nFastInterval=100ms\n",
    "[Host]\nRegion=us-east-1\nImds=off\n",
    "[Host]\nImds=off\nRegion=us-east-1\n",
    "[Host]\nImds=off\nImds=\n",
    "[Host]\nRegion=xx-nowhere-1\nRegion=eusc-de-east-1\n",
    "[Host]\nImds=http://[fd00:ec2::254]:80/\n",
    "[Host]\nImds=http://metadata.test\n",
    "[Host]\nVpcCidrs=auto\nAccountId=auto\nRegion=auto\n",
    "[Endpoint newkey]\nEnabled=no\n",
    "[Endpoint newkey]\nHost=::1\n",
    "[Endpoint newkey]\n[Probe]\n[Endpoint newkey]\nHost=x\n",
    "[Endpoint a2345678901234567890123456789012]\nHost=x\n",
    "[Lifecycle]\nHook=h\nDeadline=1min\nHeartbeat=30s\n",
    "[Status]\nSocket=/" X_60 "/012345678901234567890123456789012345678901234\n",
    "[Probe]\nCaFile=/" X_60 X_60 X_60 "0123456789\n", /* 198 bytes */
    "[Probe]\r\nCaFile=/" X_60 X_60 X_60 "0123456789\r\n",
    "[Host]\nSubnets=10.0.1.0/24=apne1-az4 2600:1f14::/64=apne1-az1\n",
};

static void
odd_but_good(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_SIZE(good_cases); i++) {
        load_text(f, good_cases[i]);
        if (f->result != 0) {
            print_error("%s\n", good_cases[i]);
        }
        (void)good(f);
    }
}

/* Nothing of a value is cut, whatever libinih thinks of its characters. */
static void
values_come_through(void **state)
{
    struct fixture *f = *state;

    load_text(f, "[Probe]\nCaFile=/a;b#c:d=e [f] \"g\" 'h'\n");
    assert_string_equal(good(f)->ca_file, "/a;b#c:d=e [f] \"g\" 'h'");
    load_text(f, "[Probe]\nCaFile=/" X_60 X_60 X_60 "0123456789\n");
    assert_int_equal(strlen(good(f)->ca_file), 191);
}

static void
all_errors_at_once(void **state)
{
    struct fixture *f = *state;

    write_dropin(f, "b.conf", "[Probe]\nFall=x\n\nNope=1\n");
    write_dropin(f, "a.conf", "junk\n");
    load_text(f, "[Host]\nRegion=xx-nowhere-1\n[Probe]\nInterval=abc\nInterval=30s\nRise=0\n"
                 "[Bad]\nIgnored=1\n[Endpoint newkey]\n");
    assert_int_equal(f->result, -EINVAL);
    assert_int_equal(f->errors.n_found, 8);
    expect_error(f, 0, "test.conf:4: Interval: ", "abc");
    expect_error(f, 1, "test.conf:6: Rise: ", "\"0\"");
    expect_error(f, 2, "test.conf:7: [Bad]: ", "section");
    expect_error(f, 3, "conf.d/a.conf:1: line: ", "neither");
    expect_error(f, 4, "conf.d/b.conf:2: Fall: ", "\"x\"");
    expect_error(f, 5, "conf.d/b.conf:4: Nope: ", "not a key");
    expect_error(f, 6, "test.conf:2: Region: ", "xx-nowhere-1");
    expect_error(f, 7, "test.conf:9: [Endpoint newkey]: ", "Host=");
}

/* A refused value is no reason for a second error about what it would have been. */
static void
no_error_twice(void **state)
{
    struct fixture *f = *state;

    load_text(f, "[Host]\nImds=off\nRegion=a b\n");
    assert_int_equal(f->errors.n_found, 1);
    load_text(f, "[Endpoint newkey]\nHost=a b\n");
    assert_int_equal(f->errors.n_found, 1);
    load_text(f, "[Lifecycle]\nEnabled=yes\nHook=a b\n");
    assert_int_equal(f->errors.n_found, 1);
    load_text(f, "[Lifecycle]\nHeartbeat=1min\nDeadline=x\n");
    assert_int_equal(f->errors.n_found, 1);
}

static void
dropins(void **state)
{
    struct fixture *f = *state;

    write_dropin(f, "20.conf", "[Probe]\nInterval=20s\n[Endpoint logs]\nRequired=no\n");
    write_dropin(f, "10.conf", "[Probe]\nInterval=10s\nRise=5\n[Endpoint logs]\nPort=8443\n");
    write_dropin(f, "30.conf.bak", "[Probe]\nInterval=50s\n");
    write_dropin(f, ".hidden.conf", "[Probe]\nInterval=50s\n");
    write_dropin(f, ".conf", "[Probe]\nInterval=50s\n");
    write_dropin(f, "A.conf", "[Probe]\nFall=7\n"); /* bytes, no locale: capitals first */
    write_dropin(f, "a.conf", "[Probe]\nFall=8\n");
    load_text(f, "[Probe]\nInterval=5s\nParallel=9\n[Endpoint logs]\nPort=1\nExpect=any\n");
    const struct conf *conf = good(f);

    assert_int_equal(conf->interval_ms, 20000);
    assert_int_equal(conf->rise, 5);
    assert_int_equal(conf->parallel, 9);
    assert_int_equal(conf->fall, 8);
    assert_int_equal(conf->n_endpoints, 1);
    assert_int_equal(conf->endpoints[0].port, 8443);
    assert_int_equal(conf->endpoints[0].required, CONF_CHOICE_NO);
    assert_int_equal(conf->endpoints[0].expected, EXPECTED_ANY);
}

/* A section ends with its file. */
static void
sections_do_not_leak(void **state)
{
    struct fixture *f = *state;

    write_dropin(f, "1.conf", "Rise=3\n");
    load_text(f, "[Probe]\n");
    assert_int_equal(f->errors.n_found, 1);
    expect_error(f, 0, "conf.d/1.conf:1: Rise: ", "before any section");
}

static void
too_many_dropins(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i <= CONF_FILES_MAX; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "%u.conf", i);
        write_dropin(f, name, "");
    }
    load_text(f, "");
    assert_int_equal(f->errors.n_found, 1);
    expect_error(f, 0, "conf.d:0: file: ", "more than 256 drop-ins");
}

static void
no_such_file(void **state)
{
    struct fixture *f = *state;

    load(f);
    assert_int_equal(f->result, -EINVAL);
    assert_int_equal(f->errors.n_found, 1);
    expect_error(f, 0, "test.conf:0: file: ", "No such file");
}

static void
folder_as_file(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(mkdir(f->path, 0755), 0);
    load(f);
    assert_int_equal(f->errors.n_found, 1);
    expect_error(f, 0, "test.conf:0: file: ", "Is a directory");
}

/* Opening a FIFO nobody writes to must not wait. */
static void
fifo_as_file(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(mkfifo(f->path, 0644), 0);
    (void)alarm(10);
    load(f);
    (void)alarm(0);
    assert_int_equal(f->errors.n_found, 1);
    expect_error(f, 0, "test.conf:0: file: ", "not a regular file");
}

static void
device_as_file(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(symlink("/dev/zero", f->path), 0);
    load(f);
    assert_int_equal(f->errors.n_found, 1);
    expect_error(f, 0, "test.conf:0: file: ", "not a regular file");
}

static void
unreadable_file(void **state)
{
    struct fixture *f = *state;

    if (geteuid() == 0) {
        skip(); /* root reads everything */
    }
    write_bytes(f->path, "", 0);
    assert_int_equal(chmod(f->path, 0), 0);
    load(f);
    expect_error(f, 0, "test.conf:0: file: ", "Permission denied");
}

static void
dangling_dropin(void **state)
{
    struct fixture *f = *state;

    write_dropin(f, "1.conf", "");
    assert_int_equal(symlink("nowhere", path_in(f, "conf.d/2.conf")), 0);
    load_text(f, "");
    assert_int_equal(f->errors.n_found, 1);
    expect_error(f, 0, "conf.d/2.conf:0: file: ", "No such file");
}

/* A file of holes, larger than any file may be: read up to the limit, one endless line. */
static void
endless_line(void **state)
{
    struct fixture *f = *state;

    write_bytes(f->path, "[Probe]\n", strlen("[Probe]\n"));
    assert_int_equal(truncate(f->path, INT64_C(1) << 40), 0);
    load(f);
    assert_int_equal(f->errors.n_found, 1);
    expect_error(f, 0, "test.conf:0: file: ", "larger than 4194304 bytes");
}

static void
nul_bytes(void **state)
{
    struct fixture *f = *state;
    const char text[] = "[Probe]\nInterval=30s\0garbage\nRise=2\n#\0\n[Pro\0be]\n";

    write_bytes(f->path, text, sizeof(text) - 1);
    load(f);
    assert_int_equal(f->errors.n_found, 3);
    expect_error(f, 0, "test.conf:2: line: ", "NUL");
    expect_error(f, 1, "test.conf:4: line: ", "NUL");
    expect_error(f, 2, "test.conf:5: line: ", "NUL");
}

/* Errors without end are counted, not kept. */
static void
million_sections(void **state)
{
    struct fixture *f = *state;
    size_t n = 1000000;
    char *text = malloc(4 * n);

    assert_non_null(text);
    for (size_t i = 0; i < n; i++) {
        memcpy(text + 4 * i, "[a]\n", 4);
    }
    write_bytes(f->path, text, 4 * n);
    free(text);
    load(f);
    assert_int_equal(f->result, -EINVAL);
    assert_int_equal(f->errors.n, CONF_ERRORS_MAX);
    assert_int_equal(f->errors.n_found, n);
}

/* Bytes without sense: refused or read, nothing else. The generator is our own, so that every run
 * sees the same bytes. */
static void
garbage(void **state)
{
    static const char useful[] = "[]=;#:\n\r\t \\ProbeHostEndpoint 0123456789\xff\xc3\x01";
    struct fixture *f = *state;
    uint32_t random = 1;

    for (unsigned round = 0; round < 300; round++) {
        char bytes[3000];

        for (size_t i = 0; i < sizeof(bytes); i++) {
            random = random * 1664525U + 1013904223U;
            bytes[i] = round % 2 == 0 ? (char)(random >> 24)
                                      : useful[(random >> 16) % (sizeof(useful) - 1)];
        }
        write_bytes(f->path, bytes, sizeof(bytes));
        load(f);
        assert_true(f->result == 0 || f->result == -EINVAL);
        assert_int_equal(f->result == 0, f->errors.n_found == 0);
    }
}

/* n endpoints of one's own in one file. */
static void
write_endpoints(const struct fixture *f, unsigned n)
{
    FILE *stream = fopen(f->path, "we");

    assert_non_null(stream);
    for (unsigned i = 0; i < n; i++) {
        (void)fprintf(stream, "[Endpoint service-number-%u]\nHost=service-%u.example.com\n", i, i);
    }
    assert_int_equal(fclose(stream), 0);
}

static double
seconds_since(const struct timespec *start)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void
ten_thousand_endpoints(void **state)
{
    struct fixture *f = *state;
    struct timespec start;

    write_endpoints(f, CONF_ENDPOINTS_MAX);
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    load(f);
    double seconds = seconds_since(&start);

    assert_int_equal(good(f)->n_endpoints, CONF_ENDPOINTS_MAX);
    assert_string_equal(f->conf->endpoints[9999].key, "service-number-9999");
    assert_string_equal(f->conf->endpoints[9999].hostname, "service-9999.example.com");
    print_message("%d endpoints: %.3f s\n", CONF_ENDPOINTS_MAX, seconds);
    if (getenv("VALGRIND") == NULL) { // NOLINT(concurrency-mt-unsafe)
        assert_true(seconds < 1.0);
    }
    write_endpoints(f, CONF_ENDPOINTS_MAX + 1);
    load(f);
    assert_int_equal(f->errors.n_found, 1);
    expect_error(f, 0, "test.conf:20001: [Endpoint service-number-10000]: ", "at most 10000");
}

static void
errors_print_and_reset(void **state)
{
    struct fixture *f = *state;
    char buf[256] = "";
    FILE *stream = fmemopen(buf, sizeof(buf), "w");

    assert_non_null(stream);
    load_text(f, "x\n");
    f->errors.n_found = 5;
    conf_errors_print(&f->errors, stream);
    assert_int_equal(fclose(stream), 0);
    assert_non_null(strstr(buf, "test.conf:1: line: is neither"));
    assert_non_null(strstr(buf, "\n4 more errors\n"));
    conf_errors_reset(&f->errors);
    assert_null(f->errors.lines);
    assert_int_equal(f->errors.n + f->errors.n_found, 0);
    conf_errors_reset(&f->errors);
    conf_free(NULL);
}

/* The socket's path must fit unix(7)'s address. */
static void
socket_size(void **state)
{
    (void)state;
    assert_int_equal(
        sizeof(((struct conf *)NULL)->socket), sizeof(((struct sockaddr_un *)NULL)->sun_path));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults),
        TEST(every_key_is_read),
        TEST(empty_values),
        TEST(one_error_each),
        TEST(odd_but_good),
        TEST(values_come_through),
        TEST(all_errors_at_once),
        TEST(no_error_twice),
        TEST(dropins),
        TEST(sections_do_not_leak),
        TEST(too_many_dropins),
        TEST(no_such_file),
        TEST(folder_as_file),
        TEST(fifo_as_file),
        TEST(device_as_file),
        TEST(unreadable_file),
        TEST(dangling_dropin),
        TEST(endless_line),
        TEST(nul_bytes),
        TEST(million_sections),
        TEST(garbage),
        TEST(ten_thousand_endpoints),
        TEST(errors_print_and_reset),
        cmocka_unit_test(socket_size),
    };

    return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
