/* conf/conf: what is refused, where it is reported and in which words. */
#include "tests/unit/conf_fixture.h"

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
    {"[Host]\nImds=http://metadata.test\n", "test.conf:2: Imds: ", "HOST an IP address"},
    {"[Host]\nImds=http://localhost:80/\n", "test.conf:2: Imds: ", "HOST an IP address"},
    {"[Host]\nImds=http://127.1\n", "test.conf:2: Imds: ", "http://HOST"},
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
expect_ca_file_problem(const struct fixture *f, const char *expected)
{
    char line[1024] = "";
    struct text text = TEXT(line);

    assert_int_equal(f->result, 0);
    conf_ca_file_problem(f->conf, "why", &text);
    if (strstr(line, expected) == NULL) {
        fail_msg("%s\n  expected %s", line, expected);
    }
}

/* Seen long after the files were read, and told as what was wrong with them. */
static void
trust_store_that_cannot_be_loaded(void **state)
{
    struct fixture *f = *state;

    load_text(f, "[Probe]\n\nCaFile=/nonexistent.pem\n");
    expect_ca_file_problem(f, "test.conf:3: CaFile: /nonexistent.pem: why");
    write_dropin(f, "a.conf", "[Probe]\nCaFile=/other.pem\n");
    load(f);
    expect_ca_file_problem(f, "conf.d/a.conf:2: CaFile: /other.pem: why");
    write_dropin(f, "b.conf", "[Probe]\nCaFile=\n");
    load(f);
    expect_ca_file_problem(f, "conf.d/b.conf:2: CaFile: is not set, and ");
    expect_ca_file_problem(f, "; set CaFile= in [Probe]");
}

static void
trust_store_of_the_system(void **state)
{
    struct fixture *f = *state;

    load_text(f, "");
    expect_ca_file_problem(f, "test.conf: CaFile: is not set, and ");
    assert_string_equal(f->conf->ca_file_where, f->path);
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_error_each),
        TEST(all_errors_at_once),
        TEST(no_error_twice),
        TEST(sections_do_not_leak),
        TEST(trust_store_that_cannot_be_loaded),
        TEST(trust_store_of_the_system),
        TEST(errors_print_and_reset),
    };

    return cmocka_run_group_tests_name("conf_errors", tests, NULL, NULL);
}
