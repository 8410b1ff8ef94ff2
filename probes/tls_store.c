/* See tls_store.h.
 *
 * Reason: OpenSSL decodes all of a bundle when it loads it, 144 certificates with their keys, to
 * use one or two of them: 241 million instructions, as much as the handshakes of 21 addresses and
 * half of what the daemon takes to start, and 0.7 MB. Here it is 13 million.
 *
 * How: OpenSSL lets a store look up what it does not have (X509_LOOKUP, as its own for a directory
 * of hashed names does): the names are hashed here as they are there, by X509_NAME_hash_ex, of the
 * form in which OpenSSL compares names. Asked for a name, all certificates of its hash are decoded
 * and added to the store, in the order of the file, so several of one name, renewed or of another
 * key, compete as ever. The chains are OpenSSL's business, unchanged.
 *
 * A bundle is looked at as closely as OpenSSL does (ca_bundle.h, and the names by OpenSSL itself);
 * what is not plain is not taken, and OpenSSL loads it. */
#include "probes/tls_store.h"

#include "daemon/log.h"
#include "daemon/util.h"
#include "probes/ca_bundle.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Longer ones are OpenSSL's; the usual is 0.2 MiB. */
#define BUNDLE_MAX (2L * 1024 * 1024)

struct entry {
    struct ca_span whole;
    uint32_t hash;
    bool in_store; /* or will never be */
};

struct index {
    unsigned refs; /* stores that ask it; one after the other */
    unsigned char *der;
    size_t n;
    struct entry entries[];
};

static bool
hash_name(const X509_NAME *name, uint32_t *ret)
{
    int ok = 0;
    unsigned long hash = X509_NAME_hash_ex(name, NULL, NULL, &ok);

    *ret = (uint32_t)hash;
    return ok == 1;
}

/* To be freed; NULL: OpenSSL does not take it. */
static X509_NAME *
decode_name(const struct ca_bundle *bundle, struct ca_span span)
{
    const unsigned char *at = bundle->der + span.at;
    X509_NAME *name = d2i_X509_NAME(NULL, &at, (long)span.len);

    if (name != NULL && at != bundle->der + span.at + span.len) {
        X509_NAME_free(name);
        name = NULL;
    }
    return name;
}

/* Roots name themselves as their issuer: no need to look twice. */
static bool
issuer_is_good(const struct ca_bundle *bundle, const struct ca_cert *cert)
{
    X509_NAME *name;
    bool good;

    if (cert->issuer.len == cert->subject.len &&
        memcmp(bundle->der + cert->issuer.at, bundle->der + cert->subject.at, cert->issuer.len) ==
            0) {
        return true;
    }
    name = decode_name(bundle, cert->issuer);
    good = name != NULL;
    X509_NAME_free(name);
    return good;
}

static bool
make_entry(const struct ca_bundle *bundle, const struct ca_cert *cert, struct entry *ret)
{
    X509_NAME *subject = decode_name(bundle, cert->subject);
    bool good = subject != NULL && hash_name(subject, &ret->hash) && issuer_is_good(bundle, cert);

    X509_NAME_free(subject);
    ret->whole = cert->whole;
    return good;
}

/* Takes the certificates over. */
static int
make_index(struct ca_bundle *bundle, struct index **ret)
{
    struct index *index = calloc(1, sizeof(*index) + bundle->n * sizeof(index->entries[0]));

    if (index == NULL) {
        return -ENOMEM;
    }
    for (; index->n < bundle->n; index->n++) {
        if (!make_entry(bundle, &bundle->certs[index->n], &index->entries[index->n])) {
            free(index);
            return -EINVAL;
        }
    }
    index->der = TAKE(bundle->der);
    index->refs = 1;
    *ret = index;
    return 0;
}

static void
index_unref(struct index *index)
{
    if (index != NULL && --index->refs == 0) {
        free(index->der);
        free(index);
    }
}

/* Not decodable, though it was looked at: it is left out, as what it signs is not trusted then.
 * Without memory another chain may ask again; tls.c has noticed. */
static void
add_to_store(const struct index *index, struct entry *entry, X509_STORE *store)
{
    const unsigned char *at = index->der + entry->whole.at;
    X509 *cert = d2i_X509(NULL, &at, (long)entry->whole.len);

    entry->in_store = cert != NULL && X509_STORE_add_cert(store, cert) == 1;
    X509_free(cert);
}

/* What is in the store under this name now; borrowed from it. */
static X509 *
find(X509_STORE *store, const X509_NAME *name)
{
    const X509_OBJECT *object;

    if (X509_STORE_lock(store) != 1) {
        return NULL;
    }
    object = X509_OBJECT_retrieve_by_subject(X509_STORE_get0_objects(store), X509_LU_X509, name);
    (void)X509_STORE_unlock(store);
    return object != NULL ? X509_OBJECT_get0_X509(object) : NULL;
}

/* OpenSSL asks when its store has nothing of this name; once one is returned, it looks at all the
 * store has. 1, or 0: there is none, and everything else. */
static int
on_subject(X509_LOOKUP *lookup, X509_LOOKUP_TYPE type, const X509_NAME *name, X509_OBJECT *ret)
{
    struct index *index = X509_LOOKUP_get_method_data(lookup);
    X509_STORE *store = X509_LOOKUP_get_store(lookup);
    X509 *cert = NULL;
    bool found = false;
    uint32_t hash;

    if (type != X509_LU_X509) {
        return 0;
    }
    (void)ERR_set_mark(); /* nobody's error: the chain says what is wrong with it */
    if (hash_name(name, &hash)) {
        for (size_t i = 0; i < index->n; i++) {
            if (index->entries[i].hash == hash && !index->entries[i].in_store) {
                add_to_store(index, &index->entries[i], store);
                found = true;
            }
        }
    }
    if (found) {
        cert = find(store, name);
    }
    if (cert != NULL && X509_OBJECT_set1_X509(ret, cert) == 1) {
        X509_free(cert); /* the caller takes a reference of its own; the store's stays */
    } else {
        cert = NULL;
    }
    (void)ERR_pop_to_mark();
    return cert != NULL;
}

static void
on_free(X509_LOOKUP *lookup)
{
    index_unref(X509_LOOKUP_get_method_data(lookup));
}

/* One for the process, as it has to outlive all stores; it has no state. */
static X509_LOOKUP_METHOD *
method(void)
{
    static X509_LOOKUP_METHOD *made;

    if (made == NULL) {
        X509_LOOKUP_METHOD *new = X509_LOOKUP_meth_new("certificates of a bundle, on demand");

        if (new != NULL && X509_LOOKUP_meth_set_get_by_subject(new, on_subject) == 1 &&
            X509_LOOKUP_meth_set_free(new, on_free) == 1) {
            made = TAKE(new);
        }
        X509_LOOKUP_meth_free(new);
    }
    return made;
}

/* Where a store keeps its index for us: OpenSSL does not show a store's lookups. -1: no memory. */
static int
place_of_index(void)
{
    static int place = -1;

    if (place < 0) {
        place = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_X509_STORE, 0, NULL, NULL, NULL, NULL);
    }
    return place;
}

/* The store takes the reference over. */
static int
attach(X509_STORE *store, struct index *index)
{
    X509_LOOKUP *lookup;

    if (method() == NULL || place_of_index() < 0 ||
        X509_STORE_set_ex_data(store, place_of_index(), index) != 1) {
        return -ENOMEM;
    }
    lookup = X509_STORE_add_lookup(store, method());
    if (lookup == NULL || X509_LOOKUP_set_method_data(lookup, index) != 1) {
        (void)X509_STORE_set_ex_data(store, place_of_index(), NULL);
        return -ENOMEM;
    }
    return 0;
}

static int
read_bundle(const char *ca_file, struct ca_bundle *ret)
{
    CLEANUP(cleanup_free) char *text = NULL;
    struct stat st;
    size_t len;
    int r;

    /* what can be read only once is OpenSSL's */
    if (stat(ca_file, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > BUNDLE_MAX) {
        return -EINVAL;
    }
    r = read_file(ca_file, (size_t)st.st_size, &text, &len);
    return r == 0 ? ca_bundle_parse(text, len, ret) : r;
}

int
tls_store_index(struct x509_store_st *store, const char *ca_file)
{
    struct ca_bundle bundle = {NULL, NULL, 0};
    struct index *index = NULL;
    int r = read_bundle(ca_file, &bundle);

    ERR_clear_error();
    if (r == 0) {
        r = make_index(&bundle, &index);
    }
    if (r == 0) {
        r = attach(store, index);
    }
    if (r < 0) {
        index_unref(index);
        ERR_clear_error();
    }
    ca_bundle_reset(&bundle);
    return r;
}

int
tls_store_renew(struct x509_store_st *old, struct x509_store_st **ret)
{
    struct index *index =
        place_of_index() >= 0 ? X509_STORE_get_ex_data(old, place_of_index()) : NULL;
    X509_STORE *store;

    if (index == NULL) {
        return -ENOENT;
    }
    store = X509_STORE_new();
    if (store == NULL) {
        return -ENOMEM;
    }
    index->refs++;
    if (attach(store, index) < 0) {
        index->refs--; /* the old store has another */
        X509_STORE_free(store);
        return -ENOMEM;
    }
    for (size_t i = 0; i < index->n; i++) {
        index->entries[i].in_store = false;
    }
    *ret = store;
    return 0;
}
