/* What IMDS says about the role of the instance, read: the listing of its name and the document of
 * its credentials. Pure.
 *
 * The document is not read with jansson: its scanner and its values are heap that is freed as it
 * is, secrets in it. What is read here is written into *ret and nowhere else. */
#ifndef VPCE_DAEMON_AWS_CREDENTIALS_FACTS_H
#define VPCE_DAEMON_AWS_CREDENTIALS_FACTS_H

#include "daemon/aws/sigv4.h"

#define CREDENTIALS_ROLE_SIZE 65 /* IAM: 64 characters */
#define CREDENTIALS_CODE_SIZE 64
#define CREDENTIALS_ID_SIZE 129                        /* IAM: 16 to 128 characters */
#define CREDENTIALS_SECRET_SIZE (SIGV4_SECRET_MAX + 1) /* they have 40 */
#define CREDENTIALS_TOKEN_SIZE 8193                    /* STS: less than 4096, and may grow */
#define CREDENTIALS_TIME_SIZE 40                       /* "2026-11-24T20:11:05Z" */

enum credentials_reading {
    CREDENTIALS_READING_GOOD,
    CREDENTIALS_READING_FAILED,  /* the document says so: its code is not "Success" */
    CREDENTIALS_READING_EXPIRED, /* by the clock of this host */
    CREDENTIALS_READING_BAD,     /* not of the documented form */
};

struct credentials_facts {
    char code[CREDENTIALS_CODE_SIZE]; /* "Success", "AssumeRoleUnauthorizedAccess" */
    char access_key_id[CREDENTIALS_ID_SIZE];
    char secret_access_key[CREDENTIALS_SECRET_SIZE];
    char session_token[CREDENTIALS_TOKEN_SIZE];
    char expiration[CREDENTIALS_TIME_SIZE];
    int64_t expires_wall_s; /* seconds since 1970 */
};

/* The first line of the listing. false: that is no name of a role. */
bool credentials_role_read(const char *text, size_t len, char ret[static CREDENTIALS_ROLE_SIZE]);

/* *ret is overwritten: with zeros unless the reading is GOOD, but for the code when it FAILED.
 * *ret_bad: what was missing or of another form, a constant ("AccessKeyId"); NULL: nothing. */
enum credentials_reading credentials_facts_read(const char *text, size_t len, int64_t now_wall_s,
    struct credentials_facts *ret, const char **ret_bad);

#endif
