/* See state_store.h. */
#include "daemon/state_store.h"

#include "daemon/log.h"
#include "daemon/util.h"
#include "systemd/fdstore.h"

#include <errno.h>

void
state_store_save(const struct report *report, const struct transition_log *log)
{
    CLEANUP(cleanup_free) uint8_t *bytes = NULL;
    uint8_t boot_id[BOOT_ID_SIZE];
    size_t len;
    int r;

    if (!fdstore_is_there()) {
        return;
    }
    fdstore_boot_id(boot_id);
    r = state_image_write(report, log, boot_id, &bytes, &len);
    if (r == 0) {
        r = fdstore_put(FDSTORE_STATE, bytes, len);
    }
    if (r < 0) {
        log_msg(LOG_WARNING, LOG_TOPIC_STATE,
            "the state cannot be kept for a restart: %s, going on without", strerror(-r));
    }
}

static const char *
why(int r)
{
    switch (r) {
    case -EPROTONOSUPPORT:
        return "another version wrote it";
    case -EBADMSG:
        return "it is damaged";
    case -ESTALE:
        return "it is of another boot";
    case -EINVAL:
        return "it makes no sense";
    case -EPERM:
        return "it is not sealed";
    default:
        return strerror(-r);
    }
}

bool
state_store_load(struct moment now, struct state_image *ret)
{
    CLEANUP(cleanup_free) uint8_t *bytes = NULL;
    uint8_t boot_id[BOOT_ID_SIZE];
    size_t len;
    int r = fdstore_get(FDSTORE_STATE, STATE_IMAGE_MAX_BYTES, &bytes, &len);

    if (r == 0) {
        fdstore_boot_id(boot_id);
        r = state_image_read(bytes, len, boot_id, now, ret);
    }
    if (r < 0 && r != -ENOENT) {
        log_msg(
            LOG_WARNING, LOG_TOPIC_STATE, "the state of before the restart is ignored: %s", why(r));
    }
    return r == 0;
}
