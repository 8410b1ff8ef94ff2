/* The temporary credentials of the instance profile's role, from IMDS (Amazon EC2 User Guide,
 * "Retrieve security credentials from instance metadata"): asked for when somebody wants them, kept
 * until five minutes before they expire, for IMDS has new ones by then. If new ones cannot be had,
 * the old ones stay until they expire.
 *
 * The secret lives in pages of its own that a core dump leaves out (madvise(2), MADV_DONTDUMP), and
 * is wiped when it is replaced or freed. It is never logged. */
#ifndef VPCE_DAEMON_AWS_CREDENTIALS_H
#define VPCE_DAEMON_AWS_CREDENTIALS_H

#include "daemon/aws/sigv4.h"
#include "daemon/util.h"

struct loop;
struct credentials;

enum credentials_state {
    CREDENTIALS_NONE,      /* not asked for yet */
    CREDENTIALS_OK,        /* there, and not expired */
    CREDENTIALS_NO_ROLE,   /* the instance has no instance profile, or its role cannot be assumed */
    CREDENTIALS_SILENT,    /* IMDS does not answer */
    CREDENTIALS_REFUSED,   /* IMDS is off, or not for us (401, 403) */
    CREDENTIALS_BROKEN,    /* what it says is not of the documented form, or has expired */
    CREDENTIALS_RESOURCES, /* this host was out of memory or descriptors */
};
#define CREDENTIALS_STATE_N (CREDENTIALS_RESOURCES + 1)

const char *credentials_state_str(enum credentials_state state); /* "ok", "no-role", … */

/* Called once for each credentials_get, from the loop. */
typedef void (*credentials_fn)(enum credentials_state state, void *arg);

/* url: as imds_new's. 0: *ret is the caller's; -EINVAL, -ENOMEM. */
int credentials_new(struct loop *loop, const char *url, struct credentials **ret);
void credentials_free(
    struct credentials *credentials); /* nobody is called any more; NULL is fine */

/* See to it that there are some: done is called later, from the loop, within 4 s. One get at a
 * time: -EBUSY while one is under way; 0. */
int credentials_get(struct credentials *credentials, credentials_fn done, void *arg);
void credentials_cancel(struct credentials *credentials); /* done is not called; idle is fine */

/* After OK: borrowed until the loop goes on. NULL: there are none. */
const struct sigv4_credentials *credentials_peek(const struct credentials *credentials);

/* A service said that these are not good (expired, unknown): the next get asks anew. */
void credentials_discard(struct credentials *credentials);

/* Appends why there are none, as a sentence with its remedy, without the full stop: "the instance
 * has no role: give its instance profile …". */
void credentials_describe(const struct credentials *credentials, struct text *t);

#endif
