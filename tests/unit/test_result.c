/* probes/result: certificates that are shared, and what a result holds. */
#include "probes/result.h"

#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const names[] = {"a.example", "b.example"};

static struct cert *
make(const char *subject, const char *issuer, const char *const *texts, size_t n)
{
    struct cert *cert = cert_new(subject, issuer, texts, n);

    assert_non_null(cert);
    cert->not_before = 1;
    cert->not_after = 2;
    return cert;
}

static void
certificates_differ(void **state)
{
    static const char *const other_names[] = {"a.example", "c.example"};
    struct cert *a = make("CN=x", "CN=y", names, 2);
    struct cert *others[] = {make("CN=x", "CN=y", names, 2), make("CN=x", "CN=y", names, 2),
        make("CN=z", "CN=y", names, 2), make("CN=x", "CN=z", names, 2),
        make("CN=x", "CN=y", names, 1), make("CN=x", "CN=y", other_names, 2)};
    struct cert *same = make("CN=x", "CN=y", names, 2);

    (void)state;
    others[0]->not_before = 0;
    others[1]->not_after = 3;
    assert_true(cert_equal(a, same));
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        assert_false(cert_equal(a, others[i]));
        cert_unref(others[i]);
    }
    cert_unref(same);
    cert_unref(a);
}

static void
certificates_are_shared(void **state)
{
    struct cert *cert = make("", "", NULL, 0);

    (void)state;
    assert_string_equal(cert->subject, "");
    assert_ptr_equal(cert_ref(cert), cert);
    assert_int_equal(cert->refs, 2);
    cert_unref(cert);
    assert_int_equal(cert->refs, 1);
    cert_unref(cert);
    assert_null(cert_ref(NULL));
    cert_unref(NULL);
}

/* More names than are kept, and more than can be counted. */
static void
names_are_cut(void **state)
{
    const size_t n = UINT16_MAX + 5;
    const char **many = calloc(n, sizeof(char *));
    struct cert *cert;

    (void)state;
    assert_non_null(many);
    for (size_t i = 0; i < n; i++) {
        many[i] = "a.example";
    }
    cert = make("CN=x", "CN=y", many, n);
    assert_int_equal(cert->n_names, CERT_NAMES_MAX);
    assert_int_equal(cert->n_names_found, UINT16_MAX);
    cert_unref(cert);
    free(many);
}

/* All that it holds goes, or goes over; it may be used again. */
static void
results_are_moved(void **state)
{
    struct probe_result a;
    struct probe_result b;

    (void)state;
    probe_result_init(&a);
    probe_result_init(&b);
    a.addrs = calloc(1, sizeof(*a.addrs));
    assert_non_null(a.addrs);
    a.n_addrs = 1;
    a.addrs[0].cert = make("CN=x", "CN=y", names, 2);
    a.addrs[0].error = strdup("reset");
    a.cnames[a.n_cnames++] = strdup("alias.example");
    probe_result_move(&b, &a);
    assert_int_equal(a.n_addrs, 0);
    assert_null(a.addrs);
    assert_int_equal(a.n_cnames, 0);
    assert_string_equal(b.cnames[0], "alias.example");
    probe_result_move(&b, &a); /* of nothing */
    assert_int_equal(b.n_cnames, 0);
    assert_int_equal(b.dns[0].elapsed_us, -1);
    probe_result_reset(&b);
}

/* Which family's DNS speaks for the name. */
static void
dns_of_the_name(void **state)
{
    static const struct {
        enum dns_outcome dns[FAMILY_N];
        size_t family;
    } rows[] = {
        {{DNS_OUTCOME_NONE, DNS_OUTCOME_NODATA}, 1},
        {{DNS_OUTCOME_NODATA, DNS_OUTCOME_NONE}, 0},
        {{DNS_OUTCOME_NODATA, DNS_OUTCOME_TIMEOUT}, 1},
        {{DNS_OUTCOME_TIMEOUT, DNS_OUTCOME_UNREACHABLE}, 1},
        {{DNS_OUTCOME_MALFORMED, DNS_OUTCOME_UNREACHABLE}, 0},
        {{DNS_OUTCOME_MALFORMED, DNS_OUTCOME_REFUSED}, 1},
        {{DNS_OUTCOME_SERVFAIL, DNS_OUTCOME_REFUSED}, 0},
        {{DNS_OUTCOME_SERVFAIL, DNS_OUTCOME_NXDOMAIN}, 1},
        {{DNS_OUTCOME_RESOURCES, DNS_OUTCOME_NXDOMAIN}, 0},
        {{DNS_OUTCOME_NONE, DNS_OUTCOME_NONE}, 0},
        {{(enum dns_outcome)99, DNS_OUTCOME_NODATA}, 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct probe_result result;
        size_t family = 7;

        probe_result_init(&result);
        result.dns[0].outcome = rows[i].dns[0];
        result.dns[1].outcome = rows[i].dns[1];
        assert_int_equal(probe_result_dns(&result, &family), rows[i].dns[rows[i].family]);
        assert_int_equal(family, rows[i].family);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_differ),
        cmocka_unit_test(certificates_are_shared),
        cmocka_unit_test(names_are_cut),
        cmocka_unit_test(results_are_moved),
        cmocka_unit_test(dns_of_the_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
