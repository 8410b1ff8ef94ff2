/* What the calls of autoscaling.h look like on the wire (Amazon EC2 Auto Scaling API Reference,
 * version 2011-01-01: "Making requests", "Common errors"): the form that is posted, and what an
 * answer means. Pure. */
#ifndef VPCE_DAEMON_AWS_AUTOSCALING_FORMS_H
#define VPCE_DAEMON_AWS_AUTOSCALING_FORMS_H

#include "daemon/aws/autoscaling.h"

#define AUTOSCALING_FORM_SIZE 2048 /* two names of 255 bytes, encoded, and the rest */
#define AUTOSCALING_CONTENT_TYPE "application/x-www-form-urlencoded; charset=utf-8"

/* All texts it needs are there, and none is longer than we keep. */
bool autoscaling_call_is_valid(const struct autoscaling_call *call);

/* Appends the form of a valid call. false: it was cut. */
bool autoscaling_form(const struct autoscaling_call *call, struct text *t);

/* What a call was answered: *ret in full, its outcome among it. 0 or -ENOMEM, *ret untouched. */
int autoscaling_answer_read(const struct autoscaling_call *call, unsigned status, const char *body,
    size_t len, struct autoscaling_answer *ret);

#endif
