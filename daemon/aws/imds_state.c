/* See imds_state.h. */
#include "daemon/aws/imds_state.h"

const char *
imds_state_str(enum imds_state state)
{
    switch (state) {
    case IMDS_STATE_ASKING:
        return "asking";
    case IMDS_STATE_OK:
        return "ok";
    case IMDS_STATE_REFUSED:
        return "refused";
    case IMDS_STATE_BUSY:
        return "busy";
    case IMDS_STATE_BROKEN:
        return "broken";
    case IMDS_STATE_SILENT:
        return "silent";
    case IMDS_STATE_RESOURCES:
        return "resources";
    }
    return "unknown";
}

const char *
imds_state_words(enum imds_state state)
{
    switch (state) {
    case IMDS_STATE_ASKING:
        return "is being asked";
    case IMDS_STATE_OK:
        return "answers";
    case IMDS_STATE_REFUSED:
        return "refuses: the instance metadata is off, or not for this host";
    case IMDS_STATE_BUSY:
        return "is busy: it asks to come back later";
    case IMDS_STATE_BROKEN:
        return "answers, but not as IMDSv2 does";
    case IMDS_STATE_SILENT:
        return "does not answer: a firewall drops it or, in a container, its hop limit is too low";
    case IMDS_STATE_RESOURCES:
        return "was not asked: this host is out of memory or descriptors";
    }
    return "is in an unknown state";
}
