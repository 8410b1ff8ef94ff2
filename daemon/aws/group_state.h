/* What the dealings with EC2 Auto Scaling remember over a restart, and its bytes
 * (daemon/state_image.h). Pure. */
#ifndef VPCE_DAEMON_AWS_GROUP_STATE_H
#define VPCE_DAEMON_AWS_GROUP_STATE_H

#include "daemon/aws/lifecycle.h"
#include "daemon/aws/replacement.h"
#include "daemon/bytes.h"

/* All zero: nothing is known. */
struct group_state {
    struct lifecycle lifecycle;
    struct replacement replacement;
};

void group_state_put(struct byte_writer *w, const struct group_state *state);

/* at_ms: monotonic, when it was written. The reader fails when it makes no sense. */
void group_state_get(struct byte_reader *r, int64_t at_ms, struct group_state *ret);

#endif
