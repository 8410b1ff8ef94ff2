/* Gives back the memory that only the start of a program needed: pages of its file and of its
 * libraries that are mapped to be read or run. They come back when they are used again. */
#ifndef VPCE_DAEMON_START_PAGES_H
#define VPCE_DAEMON_START_PAGES_H

void start_pages_release(void);

#endif
