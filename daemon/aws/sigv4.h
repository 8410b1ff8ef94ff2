/* AWS Signature Version 4 in its header form: what makes a request to an AWS service believable.
 * Pure but for OpenSSL's digests, which live here and nowhere else; logs nothing.
 *
 * Secrets: the signing key and everything it is made from are wiped before a function returns. The
 * credentials stay the caller's. */
#ifndef VPCE_DAEMON_AWS_SIGV4_H
#define VPCE_DAEMON_AWS_SIGV4_H

#include "daemon/aws/http.h"

#define SIGV4_HASH_SIZE 65      /* 64 hexadecimal digits */
#define SIGV4_KEY_LEN 32        /* bytes of a signing key */
#define SIGV4_DATE_SIZE 17      /* "20150830T123600Z" */
#define SIGV4_SECRET_MAX 128    /* characters of a secret access key; they have 40 */
#define SIGV4_HEADERS_MAX 32    /* with the two that are added */
#define SIGV4_PARAMETERS_MAX 64 /* of a query */
#define SIGV4_AUTHORIZATION_SIZE 1024

struct sigv4_request {
    const char *method;
    const char *path;  /* as it is sent; encoded once more for the signature, as all services but S3
                          want it */
    const char *query; /* behind the "?", as it is sent; NULL: none */
    const struct http_header *headers; /* all to be signed, Host among them; not X-Amz-Date */
    size_t n_headers;
    const void *body;
    size_t body_len;
    bool keep_path; /* do not take out ".", ".." and empty segments (S3) */
};

struct sigv4_credentials {
    const char *access_key_id;
    const char *secret_access_key;
    const char *session_token; /* NULL or "": none */
};

struct sigv4_scope {
    const char *region;
    const char *service; /* "autoscaling" */
    int64_t wall_s;      /* seconds since 1970, UTC */
};

/* To be sent with the request, as X-Amz-Date and Authorization; X-Amz-Security-Token is the session
 * token, when there is one. */
struct sigv4_signature {
    char date[SIGV4_DATE_SIZE];
    char authorization[SIGV4_AUTHORIZATION_SIZE];
};

/* 0; -EINVAL for what cannot be signed (an empty part, a time or secret out of range), -E2BIG over
 * one of the limits, -ENOMEM, -EIO when OpenSSL fails. *ret is written on success only. */
int sigv4_sign(const struct sigv4_request *request, const struct sigv4_credentials *credentials,
    const struct sigv4_scope *scope, struct sigv4_signature *ret);

/* The steps of it, for tests and for saying what was signed. The texts are heap, the caller's to
 * free; the canonical request holds the session token. */
int sigv4_canonical_request(const struct sigv4_request *request,
    const struct sigv4_credentials *credentials, const struct sigv4_scope *scope, char **ret);
int sigv4_string_to_sign(
    const char *canonical_request, const struct sigv4_scope *scope, char **ret);
int sigv4_signing_key(const char *secret_access_key, const struct sigv4_scope *scope,
    uint8_t ret[static SIGV4_KEY_LEN]);

/* SHA-256 in hexadecimal, as X-Amz-Content-Sha256 has it. 0 or -EIO. */
int sigv4_hash(const void *data, size_t len, char ret[static SIGV4_HASH_SIZE]);

#endif
