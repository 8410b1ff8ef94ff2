/* What outlives a restart, as bytes: the settled states, the host's, and the time line. Pure: where
 * the bytes are kept is daemon/state_store's business.
 *
 * An image is read only on the boot that wrote it, for it has monotonic times. Verdicts stand in it
 * by name, so another version of the program can read it. Bytes are believed after all of them were
 * checked: a hostile image may lie, but not do harm. */
#ifndef VPCE_DAEMON_STATE_IMAGE_H
#define VPCE_DAEMON_STATE_IMAGE_H

#include "daemon/aws/group_state.h"
#include "daemon/report.h"
#include "daemon/transition_log.h"

#define BOOT_ID_SIZE 16 /* bytes; all zero: not known */

/* Larger ones are neither written nor read. */
#define STATE_IMAGE_MAX_BYTES (4U << 20)

/* The state of report, as of report->now. log: may be NULL.
 * 0, and the caller frees *ret; -ENOMEM or -EFBIG. */
int state_image_write(const struct report *report, const struct transition_log *log,
    const uint8_t boot_id[static BOOT_ID_SIZE], uint8_t **ret, size_t *ret_len);

struct state_image {
    struct moment at; /* when it was written */
    enum host_state host_state;
    struct moment host_since;
    size_t n_endpoints;
    struct endpoint *endpoints; /* heap; settled part, history and memory; of the spec only key,
                                   hostname and port. No evidence, no run yet */
    char (*hostnames)[HOSTNAME_SIZE]; /* heap; theirs */
    size_t next;                      /* of them to be asked for, likely */
    struct transition_log *log;       /* heap; never NULL. TAKE it to keep it */
    struct group_state group;
};

/* now: nothing in the image may be later.
 * 0, and the caller resets *ret; -EPROTONOSUPPORT: another format; -EBADMSG: damaged; -ESTALE: of
 * another boot; -EINVAL: makes no sense; -ENOMEM. */
int state_image_read(const uint8_t *bytes, size_t len, const uint8_t boot_id[static BOOT_ID_SIZE],
    struct moment now, struct state_image *ret);

/* Move what is known of e (its key, host name and port are the same) into e, which is fresh from
 * endpoint_init. false: nothing is known. */
bool state_image_restore(struct state_image *image, struct endpoint *e);

void state_image_reset(struct state_image *image); /* twice is fine */

#endif
