/* The way to the journal: its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL) over a socket
 * that never blocks. sd_journal_sendv(3) waits for a journald that hangs once its queue is full
 * (net.unix.max_dgram_qlen records), and with it would wait the loop and all that asks it.
 *
 * The kernel's queue is the only one: what does not fit is lost, counted, and told by the next
 * record that gets through. */
#ifndef VPCE_SYSTEMD_JOURNAL_LINK_H
#define VPCE_SYSTEMD_JOURNAL_LINK_H

#include <stddef.h>
#include <stdint.h>

/* Several times of what our longest record has. One datagram always takes it. */
#define JOURNAL_RECORD_SIZE 32768

struct journal_record {
    size_t len; /* 0: an empty one */
    char bytes[JOURNAL_RECORD_SIZE];
};

/* name: upper case letters, digits, underscores. value: any text, of several lines, too. A field
 * that does not fit is left out. */
void journal_record_add(struct journal_record *record, const char *name, const char *value);

struct journal_link {
    const char *path; /* of the journal's socket, borrowed */
    int fd;           /* -1: not opened yet */
    uint64_t n_lost;  /* since the last that got through */
};

/* What tells how many were lost; n >= 1. */
typedef void (*journal_lost_fn)(uint64_t n, struct journal_record *record);

/* Send one record, after one that tells what was lost before it. Never blocks.
 * 0; -ENOENT: there is no journal here, nothing counts as lost; or another negative errno: the
 * record is lost, and counted. */
int journal_link_send(
    struct journal_link *link, const struct journal_record *record, journal_lost_fn describe);

#endif
