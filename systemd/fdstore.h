/* Bytes that outlive a restart of the service, in memory that systemd keeps: a sealed memfd in its
 * file descriptor store (FileDescriptorStoreMax= in the unit). They are gone when the service is
 * stopped, and at a reboot. */
#ifndef VPCE_SYSTEMD_FDSTORE_H
#define VPCE_SYSTEMD_FDSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FDSTORE_STATE "state" /* the one name we use */

/* Somebody keeps what is put: we run under a service manager. */
bool fdstore_is_there(void);

/* Keep these bytes under the name, instead of those before. 0, or a negative errno. That systemd
 * has taken them is not confirmed. */
int fdstore_put(const char *name, const void *bytes, size_t len);

/* What was kept. Before notify_take_sockets, which closes the descriptor (systemd keeps its own).
 * 0, and the caller frees *ret; -ENOENT: nothing; -EPERM: not sealed; -EFBIG: more than max bytes;
 * or another negative errno. */
int fdstore_get(const char *name, size_t max, uint8_t **ret, size_t *ret_len);

/* Which boot this is; zeros when that cannot be found out. */
void fdstore_boot_id(uint8_t ret[static 16]);

#endif
