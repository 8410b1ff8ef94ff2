/* For verbs that take a lot of memory once and then end. */
#ifndef VPCE_DAEMON_CLI_HEAP_H
#define VPCE_DAEMON_CLI_HEAP_H

/* From now on memory comes out of pages that are there already, as far as they go, and is kept
 * until the end. At the start, once. Never fails: without it all is as ever. */
void heap_prepare(void);

#endif
