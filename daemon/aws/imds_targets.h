/* The addresses IMDS may be at, and which of them is in use. Pure. */
#ifndef VPCE_DAEMON_AWS_IMDS_TARGETS_H
#define VPCE_DAEMON_AWS_IMDS_TARGETS_H

#include "daemon/aws/imds_request.h"
#include "daemon/aws/imds_state.h"

struct imds_targets {
    struct imds_target list[IMDS_TARGETS_MAX];
    size_t n;
    size_t at;               /* the one in use */
    size_t n_tried;          /* in this round, without a token */
    enum imds_state trouble; /* the worst of those */
};

/* url: of Imds=; NULL or "": 169.254.169.254, then fd00:ec2::254. 0, or -EINVAL. */
int imds_targets_init(struct imds_targets *targets, const char *url);

const struct imds_target *imds_targets_now(const struct imds_targets *targets);
void imds_targets_begin(struct imds_targets *targets); /* a round */

/* The token could not be had at this one. OK: another is in use now; else the worst of all. */
enum imds_state imds_targets_next(struct imds_targets *targets, enum imds_state state);

#endif
