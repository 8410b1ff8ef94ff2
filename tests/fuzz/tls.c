/* What a server sends instead of a handshake, record by record or in pieces, and what is told of
 * it. The first byte of the input: 1 connects to an address in place of a name, 2 keeps the
 * connection open behind the last part. */
#include "probes/tls.h"

#include "daemon/util.h"
#include "fuzz.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLAG_ADDRESS 1U
#define FLAG_OPEN 2U
#define STEPS_MAX 64

static struct tls_ctx *ctx;

/* A trust anchor of nobody. */
static void
write_anchor(const char *path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *anchor = X509_new();
    FILE *file = fopen(path, "we");

    FUZZ_CHECK(key != NULL && anchor != NULL && file != NULL);
    FUZZ_CHECK(X509_set_version(anchor, X509_VERSION_3) == 1);
    FUZZ_CHECK(X509_gmtime_adj(X509_getm_notBefore(anchor), 0) != NULL);
    FUZZ_CHECK(X509_gmtime_adj(X509_getm_notAfter(anchor), 86400) != NULL);
    FUZZ_CHECK(X509_set_pubkey(anchor, key) == 1 && X509_sign(anchor, key, EVP_sha256()) > 0);
    FUZZ_CHECK(PEM_write_X509(file, anchor) == 1 && fclose(file) == 0);
    X509_free(anchor);
    EVP_PKEY_free(key);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    FUZZ_CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR); /* as the programs do */
    write_anchor(fuzz_path("anchor.pem"));
    FUZZ_CHECK(tls_ctx_new(fuzz_path("anchor.pem"), TLS_ENGINE_DEFAULT, &ctx) == 0);
    return 0;
}

static enum tls_step
step_on(struct tls *tls)
{
    enum tls_step step = TLS_STEP_WANT_READ;

    for (int i = 0; i < STEPS_MAX && step == TLS_STEP_WANT_READ; i++) {
        step = tls_step(tls);
    }
    return step;
}

static void
check_facts(const struct tls *tls, enum tls_step step)
{
    struct addr_result result = {.phase = PROBE_PHASE_TLS};

    FUZZ_CHECK(step != TLS_STEP_DONE); /* nobody has the key of the anchor any more */
    if (step == TLS_STEP_FAILED) {
        enum addr_outcome outcome = tls_outcome(tls);

        FUZZ_CHECK(outcome > ADDR_OUTCOME_OK && outcome < ADDR_OUTCOME_N);
    }
    tls_facts(tls, &result);
    FUZZ_CHECK(result.error == NULL || fuzz_is_printable(result.error));
    FUZZ_CHECK(result.tls_version == NULL || strncmp(result.tls_version, "TLSv1.", 6) == 0);
    addr_result_done(&result);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    uint32_t flags = fuzz_number(&input, 1);
    enum tls_step step;
    struct tls *tls;
    int fds[2];

    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
    FUZZ_CHECK(tls_open(ctx, TLS_ENGINE_DEFAULT, fds[0],
                   (flags & FLAG_ADDRESS) != 0 ? "10.0.1.2" : "ecs.test", &tls) == 0);
    step = step_on(tls);
    while (step == TLS_STEP_WANT_READ && input.left > 0) {
        size_t len;
        char *part = fuzz_part(&input, &len);

        (void)send(fds[1], part, len, MSG_NOSIGNAL);
        free(part);
        step = step_on(tls);
    }
    if ((flags & FLAG_OPEN) == 0) {
        (void)shutdown(fds[1], SHUT_RDWR);
        step = step == TLS_STEP_WANT_READ ? step_on(tls) : step;
        FUZZ_CHECK(step != TLS_STEP_WANT_READ);
    }
    check_facts(tls, step);
    tls_close(tls);
    (void)close(fds[0]);
    (void)close(fds[1]);
    return 0;
}
