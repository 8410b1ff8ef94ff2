/* See tls_site.h. Asks the library what is loaded, then reads its configuration file, because what
 * that has set cannot all be asked for. Whatever is not known to be harmless counts as a policy. */
#include "probes/tls_site.h"

#include "daemon/util.h"

#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <unistd.h>

static bool
file_begins_with(const char *path, const char *word)
{
    CLEANUP(cleanup_free) char *text = NULL;
    size_t len;

    return read_file(path, 4096, &text, &len) == 0 && strncmp(text, word, strlen(word)) == 0;
}

/* The kernel's word, which distributions follow, and, as ProcSubset= hides it from a unit, that of
 * crypto-policies(7), which is how Amazon Linux is put into FIPS mode. */
static bool
system_is_fips(void)
{
    return file_begins_with("/proc/sys/crypto/fips_enabled", "1") ||
           file_begins_with("/etc/crypto-policies/state/current", "FIPS") ||
           file_begins_with("/etc/crypto-policies/config", "FIPS");
}

static int
on_provider(OSSL_PROVIDER *provider, void *arg)
{
    bool *other = arg;

    *other |= !streq(OSSL_PROVIDER_get0_name(provider), "default");
    return 1;
}

static bool
has_other_provider(void)
{
    bool other = false;

    return OSSL_PROVIDER_do_all(NULL, on_provider, &other) != 1 || other;
}

static size_t
n_values(const CONF *conf, const char *section)
{
    const STACK_OF(CONF_VALUE) *values = NCONF_get_section(conf, section);

    return values != NULL ? (size_t)sk_CONF_VALUE_num(values) : 0;
}

/* A section of providers: which are loaded has been asked; here, that none is given parameters. */
static bool
providers_are_plain(const CONF *conf, const char *section)
{
    const STACK_OF(CONF_VALUE) *providers = NCONF_get_section(conf, section);

    for (int i = 0; i < sk_CONF_VALUE_num(providers); i++) {
        const char *name = sk_CONF_VALUE_value(providers, i)->value;
        const STACK_OF(CONF_VALUE) *values = NCONF_get_section(conf, name);

        for (int k = 0; k < sk_CONF_VALUE_num(values); k++) {
            if (!streq(sk_CONF_VALUE_value(values, k)->name, "activate")) {
                return false;
            }
        }
    }
    return true;
}

/* The modules that section sets up. ssl_conf is of TLS itself, the others are names of objects and
 * lengths of strings. */
static bool
modules_are_plain(const CONF *conf, const char *section)
{
    const STACK_OF(CONF_VALUE) *modules = NCONF_get_section(conf, section);

    for (int i = 0; i < sk_CONF_VALUE_num(modules); i++) {
        const CONF_VALUE *module = sk_CONF_VALUE_value(modules, i);
        bool plain = streq(module->name, "ssl_conf") || streq(module->name, "oid_section") ||
                     streq(module->name, "stbl_section");

        if (streq(module->name, "providers")) {
            plain = providers_are_plain(conf, module->value);
        } else if (streq(module->name, "alg_section")) {
            plain = n_values(conf, module->value) == 0;
        }
        if (!plain) {
            return false;
        }
    }
    return true;
}

static bool
file_is_plain(const char *path)
{
    CONF *conf = NCONF_new(NULL);
    long line = 0;
    bool plain = false;

    if (conf != NULL && NCONF_load(conf, path, &line) == 1) {
        const char *section = NCONF_get_string(conf, NULL, "openssl_conf");

        plain = section == NULL || modules_are_plain(conf, section);
    }
    NCONF_free(conf);
    return plain;
}

static bool
configuration_is_plain(void)
{
    char *path = CONF_get1_default_config_file();
    bool plain = path != NULL && (access(path, F_OK) < 0 || file_is_plain(path));

    OPENSSL_free(path);
    return plain;
}

const char *
tls_site_policy(void)
{
    const char *policy = NULL;

    ERR_clear_error();
    if (OPENSSL_version_major() != 3) {
        policy = "it is made for OpenSSL 3";
    } else if (OPENSSL_init_ssl(0, NULL) != 1) {
        policy = "OpenSSL cannot be initialised";
    } else if (system_is_fips() || EVP_default_properties_is_fips_enabled(NULL) == 1) {
        policy = "OpenSSL is in FIPS mode";
    } else if (has_other_provider()) {
        policy = "OpenSSL has providers besides its default one";
    } else if (!configuration_is_plain()) {
        policy = "the OpenSSL configuration sets providers, engines or properties";
    }
    ERR_clear_error();
    return policy;
}
