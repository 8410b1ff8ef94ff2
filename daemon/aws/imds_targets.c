/* See imds_targets.h. */
#include "daemon/aws/imds_targets.h"

int
imds_targets_init(struct imds_targets *targets, const char *url)
{
    return imds_targets_set(url, targets->list, &targets->n);
}

const struct imds_target *
imds_targets_now(const struct imds_targets *targets)
{
    return &targets->list[targets->at];
}

void
imds_targets_begin(struct imds_targets *targets)
{
    targets->n_tried = 0;
    targets->trouble = IMDS_STATE_OK;
}

enum imds_state
imds_targets_next(struct imds_targets *targets, enum imds_state state)
{
    if (state > targets->trouble) {
        targets->trouble = state;
    }
    if (++targets->n_tried >= targets->n) {
        return targets->trouble;
    }
    targets->at = (targets->at + 1) % targets->n;
    return IMDS_STATE_OK;
}
