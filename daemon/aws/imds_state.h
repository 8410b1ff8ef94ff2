/* How asking IMDS went, as a word and as a clause. Pure. */
#ifndef VPCE_DAEMON_AWS_IMDS_STATE_H
#define VPCE_DAEMON_AWS_IMDS_STATE_H

/* The worse, the higher. */
enum imds_state {
    IMDS_STATE_ASKING,    /* no round has ended yet */
    IMDS_STATE_OK,        /* every path was answered, or is absent */
    IMDS_STATE_REFUSED,   /* 401 or 403: IMDS is off, or not for us */
    IMDS_STATE_BUSY,      /* 429 or 5xx, again and again */
    IMDS_STATE_BROKEN,    /* what answers is not IMDSv2, or some of it makes no sense */
    IMDS_STATE_SILENT,    /* no answer: a firewall, or the hop limit of the token's answer */
    IMDS_STATE_RESOURCES, /* this host was out of memory or descriptors */
};
#define IMDS_STATE_N (IMDS_STATE_RESOURCES + 1)

const char *imds_state_str(enum imds_state state);   /* "asking", "ok", "refused", … */
const char *imds_state_words(enum imds_state state); /* goes on after "IMDS at ADDRESS " */

#endif
