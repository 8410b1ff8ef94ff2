/* Whether there is a lean TLS engine: it has to be asked for, and where the site has set OpenSSL up
 * itself there is none. That takes a process of its own each time, as OpenSSL reads its
 * configuration once. */
#include "daemon/util.h"
#include "tests/unit/tls_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char *program; /* this one */
static char conf_file[] = "/tmp/vpce-site-XXXXXX";

/* The default engine stays when nobody asks for another. */
static void
it_has_to_be_asked_for(void **state)
{
    const struct tls_world *w = *state;
    struct tls_ctx *ctx;

    assert_int_equal(tls_ctx_new(w->ca_file, TLS_ENGINE_DEFAULT, &ctx), 0);
    assert_int_equal(tls_ctx_engine(ctx), TLS_ENGINE_DEFAULT);
    tls_ctx_free(ctx);
}

#define INIT "openssl_conf = init\n[init]\n"

static const struct {
    const char *name;
    const char *conf;
    const char *engine;
} sites[] = {
    {"an empty file", "", "lean"},
    {"no modules", "[init]\nproviders = p\n[p]\nlegacy = l\n[l]\nactivate = 1\n", "lean"},
    {"as Debian ships it",
        INIT "providers = p\nssl_conf = s\n[p]\ndefault = d\n[d]\n[s]\nsystem_default = t\n[t]\n"
             "MinProtocol = TLSv1.2\nCipherString = DEFAULT@SECLEVEL=2\n",
        "lean"},
    {"as Amazon Linux ships it",
        INIT "providers = p\nssl_conf = s\nalg_section = a\n[p]\n[s]\nsystem_default = t\n[t]\n"
             "MinProtocol = TLSv1.2\nGroups = X25519:P-256\n[a]\n",
        "lean"},
    {"the default provider, named", INIT "providers = p\n[p]\ndefault = d\n[d]\nactivate = 1\n",
        "lean"},
    {"another provider",
        INIT "providers = p\n[p]\ndefault = d\nbase = b\n[d]\nactivate = 1\n[b]\nactivate = 1\n",
        "default"},
    {"a provider with parameters",
        INIT "providers = p\n[p]\ndefault = d\n[d]\nactivate = 1\nsecurity-checks = 1\n",
        "default"},
    {"a provider that is not active", INIT "providers = p\n[p]\nlegacy = l\n[l]\n", "lean"},
    {"FIPS where there is", INIT "alg_section = a\n[a]\ndefault_properties = ?fips=yes\n",
        "default"},
    {"another property", INIT "alg_section = a\n[a]\ndefault_properties = provider=default\n",
        "default"},
    {"engines", INIT "engines = e\n[e]\n", "default"},
    {"a random generator", INIT "random = r\n[r]\nrandom = CTR-DRBG\n", "default"},
    {"a file nobody can read", "[init\n", "default"},
};

/* What a process with this configuration says, a word. */
static void
ask_process(const struct tls_world *w, const char *conf, char *ret, size_t size)
{
    char *const argv[] = {(char[]){"test_tls_site"}, (char[]){"--engine"}, NULL};
    FILE *stream = fopen(conf_file, "w");
    int fds[2];
    int status;
    ssize_t n;
    pid_t pid;

    assert_non_null(stream);
    assert_true(fputs(conf, stream) >= 0);
    assert_int_equal(fclose(stream), 0);
    assert_int_equal(pipe(fds), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)dup2(fds[1], STDOUT_FILENO);
        (void)setenv("OPENSSL_CONF", conf_file, 1);
        (void)setenv("TEST_CA_FILE", w->ca_file, 1);
        (void)execv(program, argv);
        _exit(127);
    }
    (void)close(fds[1]);
    n = read(fds[0], ret, size - 1);
    ret[n > 0 ? n : 0] = '\0';
    (void)close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0) {
        (void)snprintf(ret, size, "status %#x", (unsigned)status);
    }
}

static void
the_site_has_the_last_word(void **state)
{
    const struct tls_world *w = *state;
    unsigned n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(sites); i++) {
        char engine[32];

        ask_process(w, sites[i].conf, engine, sizeof(engine));
        if (!streq(engine, sites[i].engine)) {
            (void)fprintf(
                stderr, "%s: got %s, expected %s\n", sites[i].name, engine, sites[i].engine);
            n++;
        }
    }
    assert_int_equal(n, 0);
}

/* The other process. */
static int
say_engine(void)
{
    struct tls_ctx *ctx;

    if (tls_ctx_new(getenv("TEST_CA_FILE"), TLS_ENGINE_LEAN, &ctx) < 0) {
        return EXIT_FAILURE;
    }
    (void)fputs(tls_engine_str(tls_ctx_engine(ctx)), stdout);
    tls_ctx_free(ctx);
    return EXIT_SUCCESS;
}

static int
open_group(void **state)
{
    assert_int_equal(close(mkstemp(conf_file)), 0);
    return tls_world_open(state);
}

static int
close_group(void **state)
{
    return unlink(conf_file) | tls_world_close(state);
}

int
main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_has_to_be_asked_for),
        cmocka_unit_test(the_site_has_the_last_word),
    };

    program = argv[0];
    if (argc == 2 && streq(argv[1], "--engine")) {
        return say_engine();
    }
    return cmocka_run_group_tests(tests, open_group, close_group);
}
