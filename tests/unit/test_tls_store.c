/* probes/tls_store beside OpenSSL's own loading of the same file: the same certificates found, the
 * same chains built and judged (store_world.h). */
#include "daemon/util.h"
#include "tests/unit/store_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const real_bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"};

static const struct {
    const char *name;
    enum which bundle[LIST_N];
    enum which sent[LIST_N];
    enum which leaf;
    int error;
} chains[] = {
    {"a root", {ROOT_A}, {NONE}, LEAF_A, X509_V_OK},
    {"a root that is sent", {ROOT_A}, {ROOT_A}, LEAF_A, X509_V_OK},
    {"another root", {ROOT_B}, {ROOT_A}, LEAF_A, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN},
    {"not there", {ROOT_B}, {NONE}, LEAF_A, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
    {"no such name", {ROOT_A, ROOT_B}, {NONE}, LEAF_OTHER,
        X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
    {"one name, two keys", {ROOT_A, ROOT_A_TWIN}, {NONE}, LEAF_TWIN, X509_V_OK},
    {"one name, two keys, the first", {ROOT_A, ROOT_A_TWIN}, {NONE}, LEAF_A, X509_V_OK},
    {"the other key alone", {ROOT_A_TWIN}, {NONE}, LEAF_A,
        X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
    {"renewed", {ROOT_A_EXPIRED, ROOT_A}, {NONE}, LEAF_A, X509_V_OK},
    {"renewed, the new one first", {ROOT_A, ROOT_A_EXPIRED}, {NONE}, LEAF_A, X509_V_OK},
    {"expired", {ROOT_A_EXPIRED}, {NONE}, LEAF_A, X509_V_ERR_CERT_HAS_EXPIRED},
    {"expired, or another key", {ROOT_A_TWIN, ROOT_A_EXPIRED}, {NONE}, LEAF_A,
        X509_V_ERR_CERT_HAS_EXPIRED},
    {"spelt otherwise", {ROOT_B, ROOT_A_SPELT}, {NONE}, LEAF_A, X509_V_OK},
    {"of another type of string", {ROOT_A_WIDE, ROOT_B}, {NONE}, LEAF_A, X509_V_OK},
    {"all spellings", {ROOT_A_SPELT, ROOT_A_TWIN, ROOT_A_WIDE, ROOT_A_EXPIRED}, {NONE}, LEAF_A,
        X509_V_OK},
    {"an intermediate", {ROOT_A, ROOT_B}, {ISSUING_A}, LEAF_IA, X509_V_OK},
    {"two intermediates of one name", {ROOT_A, ROOT_B}, {ISSUING_B, ISSUING_A}, LEAF_IA, X509_V_OK},
    {"an intermediate in the bundle", {ISSUING_A, ROOT_A}, {NONE}, LEAF_IA, X509_V_OK},
    {"two of one name in the bundle", {ISSUING_B, ISSUING_A, ROOT_A}, {NONE}, LEAF_IA, X509_V_OK},
    {"an intermediate without its root", {ISSUING_A}, {NONE}, LEAF_IA,
        X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT},
    {"cross-signed, the old root", {ROOT_B}, {ISSUING_A, A_BY_B}, LEAF_IA, X509_V_OK},
    {"cross-signed, both roots", {ROOT_B, ROOT_A}, {ISSUING_A, A_BY_B}, LEAF_IA, X509_V_OK},
    {"cross-signed, in the bundle", {A_BY_B, ROOT_B}, {ISSUING_A}, LEAF_IA, X509_V_OK},
    {"cross-signed and itself in the bundle", {A_BY_B, ROOT_A, ROOT_B}, {ISSUING_A}, LEAF_IA,
        X509_V_OK},
    {"cross-signed, its twin in the bundle", {ROOT_A_TWIN, ROOT_B}, {ISSUING_A, A_BY_B}, LEAF_IA,
        X509_V_OK},
    {"the root itself", {ROOT_A}, {NONE}, ROOT_A, X509_V_OK},
    {"the root's twin", {ROOT_A}, {NONE}, ROOT_A_TWIN, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT},
    {"twice in the bundle", {ROOT_A, ROOT_B, ROOT_A}, {NONE}, LEAF_A, X509_V_OK},
};

static void
test_chains(void **state)
{

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
        STACK_OF(X509) *sent = sk_X509_new_null();
        struct pair pair;
        int error;

        write_list(chains[i].bundle);
        pair = open_pair(store_world.path);
        assert_true(pair.indexed);
        for (size_t k = 0; k < LIST_N && chains[i].sent[k] != NONE; k++) {
            assert_true(sk_X509_push(sent, store_world.certs[chains[i].sent[k]]) > 0);
        }
        error = check_verdict(chains[i].name, &pair, store_world.certs[chains[i].leaf], sent);
        if (error != chains[i].error) {
            fail_msg("%s: %d, expected %d", chains[i].name, error, chains[i].error);
        }
        for (enum which w = ROOT_A; w < WHICH_N; w++) { /* in a store that others have used */
            (void)check_verdict(chains[i].name, &pair, store_world.certs[w], sent);
        }
        check_content(chains[i].name, &pair);
        sk_X509_free(sent);
        close_pair(&pair);
    }
}

/* A store with nothing decoded is asked for what the chain needs, and for no more. */
static void
test_on_demand(void **state)
{
    static const enum which list[LIST_N] = {ROOT_B, ROOT_A, ISSUING_B, ROOT_A_TWIN};
    const STACK_OF(X509_OBJECT) * objects;
    struct pair pair;

    (void)state;
    write_list(list);
    pair = open_pair(store_world.path);
    objects = X509_STORE_get0_objects(pair.lazy);
    assert_int_equal(sk_X509_OBJECT_num(objects), 0);
    assert_int_equal(check_verdict("on demand", &pair, store_world.certs[LEAF_A], NULL), X509_V_OK);
    assert_int_equal(sk_X509_OBJECT_num(objects), 2); /* ROOT_A and its twin */
    write_bytes("", 0);                               /* the file is not looked at again */
    assert_int_equal(check_verdict("on demand", &pair, store_world.certs[ROOT_B], NULL), X509_V_OK);
    assert_int_equal(sk_X509_OBJECT_num(objects), 3);
    close_pair(&pair);
}

/* The bundle of this machine. */
static void
test_real_bundle(void **state)
{
    bool found = false;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(real_bundles); i++) {
        STACK_OF(X509) * all;
        struct pair pair;

        if (access(real_bundles[i], R_OK) < 0) {
            continue;
        }
        found = true;
        pair = open_pair(real_bundles[i]);
        assert_true(pair.indexed);
        all = X509_STORE_get1_all_certs(pair.eager);
        assert_true(sk_X509_num(all) > 10);
        for (int k = 0; k < sk_X509_num(all); k++) {
            (void)check_verdict(real_bundles[i], &pair, sk_X509_value(all, k), NULL);
        }
        sk_X509_pop_free(all, X509_free);
        check_content(real_bundles[i], &pair);
        close_pair(&pair);
    }
    if (!found) {
        skip();
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_on_demand),
        cmocka_unit_test(test_real_bundle),
    };

    return cmocka_run_group_tests(tests, store_world_open, store_world_close);
}
