/* The memory that libevent gets: wiped when it is given back, and with a reserve. */
#ifndef VPCE_DAEMON_LOOP_MEMORY_H
#define VPCE_DAEMON_LOOP_MEMORY_H

#include <stddef.h>

/* What the reserve has when malloc(3) has nothing: so many pieces, none larger. */
#define LOOP_MEMORY_PIECES 64
#define LOOP_MEMORY_PIECE_BYTES 512

/* As malloc(3), realloc(3) and free(3). Of one thread. */
void *loop_memory_alloc(size_t size);
void *loop_memory_realloc(void *memory, size_t size);
void loop_memory_free(void *memory);

#endif
