/* The launch gate: when EC2 Auto Scaling is told that this instance may go into service, and when
 * not (Amazon EC2 Auto Scaling User Guide, "Lifecycle hooks" and "Retrieve the target lifecycle
 * state through instance metadata"). Pure: what is seen goes in, what to do comes out;
 * daemon/aws/launch_gate.c sees and does it.
 *
 * An attempt begins when IMDS says that the group wants the instance in service, or in its warm
 * pool. Then EC2 Auto Scaling is asked whether a hook holds the launch (…Pending:Wait). While it
 * does: CONTINUE once the host is ready; until then heartbeats, but never beyond the deadline; at
 * the deadline ABANDON, if that was asked for. What fails is tried again at growing distances. The
 * attempt is over when the hook is, and a target it was over for begins no other: an instance that
 * is long in service is left alone. Leaving the warm pool changes the target, so it is held, and
 * let go, once more. */
#ifndef VPCE_DAEMON_AWS_LIFECYCLE_H
#define VPCE_DAEMON_AWS_LIFECYCLE_H

#include "daemon/aws/autoscaling.h"

#define LIFECYCLE_NEVER_MS INT64_MAX

/* How often IMDS is asked for the target: while a launch may be about to be held, and in a warm
 * pool or outside any group. */
#define LIFECYCLE_WATCH_MS 5000
#define LIFECYCLE_WATCH_SLOWLY_MS 60000
#define LIFECYCLE_WATCH_CLOSELY_FOR_MS (10 * INT64_C(60000))

#define LIFECYCLE_RETRY_MIN_MS 2000
#define LIFECYCLE_RETRY_MAX_MS 60000
#define LIFECYCLE_MISSING_MAX_MS (15 * INT64_C(60000)) /* the group does not know the instance */
#define LIFECYCLE_MAX_MS (48 * INT64_C(3600000))       /* no hook holds a launch for longer */

/* Of [Lifecycle]. */
struct lifecycle_settings {
    int64_t deadline_ms;  /* from the begin of the attempt; 0: none */
    int64_t heartbeat_ms; /* 0: none */
    bool abandon;         /* at the deadline */
};

/* Now. */
struct lifecycle_facts {
    int64_t now_ms;     /* monotonic */
    const char *target; /* target-lifecycle-state of IMDS; "": none */
    bool ready;         /* host_is_ready */
};

enum lifecycle_phase {
    LIFECYCLE_IDLE,   /* there is no launch */
    LIFECYCLE_ASKING, /* is it held? */
    LIFECYCLE_HELD,   /* by a hook */
    LIFECYCLE_OVER,   /* for this target */
};
#define LIFECYCLE_PHASE_N (LIFECYCLE_OVER + 1)

/* All zero: nothing is known. Kept over a restart. */
struct lifecycle {
    enum lifecycle_phase phase;
    char target[AUTOSCALING_STATE_SIZE]; /* of the attempt */
    char group[CONF_NAME_SIZE];          /* that EC2 Auto Scaling named; "": none yet */
    int64_t since_ms;                    /* the attempt's begin, monotonic */
    int64_t heartbeat_due_ms;
    int64_t retry_ms; /* nothing but heartbeats is sent before */
    unsigned failures;
    bool deadline_passed; /* and it was said */
};

enum lifecycle_do {
    LIFECYCLE_DO_NOTHING,
    LIFECYCLE_DO_CALL,        /* EC2 Auto Scaling; then lifecycle_answer */
    LIFECYCLE_DO_SAY_HELD_UP, /* in the journal: the deadline has passed, and it was not ready */
};

struct lifecycle_decision {
    enum lifecycle_do what;
    enum autoscaling_action action; /* of CALL */
    int64_t wake_ms;                /* decide again then at the latest, monotonic */
    int64_t watch_ms;               /* ask IMDS for the target this often; 0: with the hourly
                                       round */
};

/* What to do now. Not while a call is under way. */
struct lifecycle_decision lifecycle_step(struct lifecycle *lifecycle,
    const struct lifecycle_settings *settings, const struct lifecycle_facts *facts);

/* The call has ended. dice: any number, spreads the retries of a fleet. */
void lifecycle_answer(struct lifecycle *lifecycle, const struct lifecycle_settings *settings,
    enum autoscaling_action action, const struct autoscaling_answer *answer, int64_t now_ms,
    uint32_t dice);

/* The settings have changed: what failed may work now. */
void lifecycle_reconsider(struct lifecycle *lifecycle);

#endif
