/* probes/tls and its memory: what is made ahead, and what a want of it may not spoil. */
#include "daemon/util.h"
#include "tests/unit/scarce_memory.h"
#include "tests/unit/tls_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define STARVED_STEP 5 /* less than there are where it matters, more than all take too long */

/* It is made, but nothing leaves before the connection is there, nor is anything asked of it. */
static void
a_hello_made_before(void **state)
{
    struct tls_world *w = *state;
    unsigned n_before = scarce_n_allocations;
    char byte;

    (void)close(w->fd); /* any use of it would fail */
    assert_int_equal(tls_prepare(w->tls), 0);
    assert_true(scarce_n_allocations - n_before > 50);
    assert_int_equal(recv(w->peer, &byte, 1, 0), 0); /* the end, and no byte before */
    (void)close(w->peer);
    tls_world_pair(w); /* with the same numbers */
    assert_int_equal(shake_hands(w), TLS_STEP_DONE);
}

/* As shake_hands, and the nth allocation of the client fails. false: it had not so many. */
static bool
shake_starved_hands(struct tls_world *w, unsigned nth)
{
    enum tls_step step = TLS_STEP_WANT_READ;

    tls_world_serve(w);
    for (int i = 0; i < TLS_WORLD_STEPS_MAX && step != TLS_STEP_DONE && step != TLS_STEP_FAILED;
         i++) {
        scarce_countdown = nth;
        step = tls_step(w->tls);
        nth = scarce_countdown;
        scarce_countdown = 0;
        (void)SSL_do_handshake(w->server);
    }
    if (step == TLS_STEP_FAILED) {
        expect_outcome(w, ADDR_OUTCOME_RESOURCES);
    } else {
        assert_int_equal(step, TLS_STEP_DONE);
    }
    return nth == 0;
}

/* OpenSSL keeps in a trust anchor that it could not make sense of it: no verdict of sessions that
 * are open then, and as ever for those that come later. */
static void
want_of_memory_spoils_no_trust(void **state)
{
    struct tls_world *w = *state;
    bool failed = true;

    for (unsigned nth = 1; failed; nth += STARVED_STEP) {
        struct tls_world first;
        void *first_state = &first;

        (void)tls_world_tear_down(state);
        tls_ctx_free(w->ctx);
        assert_int_equal(tls_ctx_new(w->ca_file, TLS_ENGINE_DEFAULT, &w->ctx), 0);
        (void)tls_world_set_up(state);
        first = *w;
        w->tls = NULL;
        (void)tls_world_set_up(state);
        failed = shake_starved_hands(&first, nth);
        (void)tls_world_tear_down(&first_state);
        if (shake_hands(w) == TLS_STEP_FAILED) {
            expect_outcome(w, ADDR_OUTCOME_RESOURCES);
        }
        (void)tls_world_tear_down(state);
        (void)tls_world_set_up(state);
        assert_int_equal(shake_hands(w), TLS_STEP_DONE);
    }
}

/* Nor where OpenSSL itself loaded the bundle, for there is more than certificates in it. */
static void
nor_of_another_bundle(void **state)
{
    struct tls_world *w = *state;
    FILE *f = fopen(w->ca_file, "a");

    assert_non_null(f);
    assert_true(fputs("----- the end -----\n", f) >= 0);
    assert_int_equal(fclose(f), 0);
    want_of_memory_spoils_no_trust(state);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TLS_WORLD_TEST(a_hello_made_before),
        TLS_WORLD_TEST(want_of_memory_spoils_no_trust),
        TLS_WORLD_TEST(nor_of_another_bundle),
    };

    (void)setenv("MALLOC_PERTURB_", "165", 1); /* each piece can fail (probes/tls_memory.h) */
    return cmocka_run_group_tests(tests, tls_world_open, tls_world_close);
}
