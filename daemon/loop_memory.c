/* See loop_memory.h.
 *
 * Wiped: session tokens pass through evhttp's headers and buffers, in copies that nobody else can
 * reach, and nothing of them is to be left for a core dump.
 *
 * A reserve: libevent (2.1.12) frees what it could build only half, and dereferences NULL in it
 * (evhttp_connection_base_bufferevent_new without memory for the address, evhttp_request_new
 * without memory for its headers or buffers); or it goes on and does not tell. These pieces are
 * small, and there is always one for them. Its pages cost nothing until then. */
#include "daemon/loop_memory.h"

#include <malloc.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct piece {
    alignas(max_align_t) unsigned char bytes[LOOP_MEMORY_PIECE_BYTES];
};

static struct piece pieces[LOOP_MEMORY_PIECES];
static bool is_taken[LOOP_MEMORY_PIECES];

/* Its number; LOOP_MEMORY_PIECES: it is not of the reserve. */
static size_t
piece_of(const void *memory)
{
    uintptr_t offset = (uintptr_t)memory - (uintptr_t)pieces; /* what lies before wraps round */

    return offset < sizeof(pieces) ? offset / sizeof(pieces[0]) : LOOP_MEMORY_PIECES;
}

static void *
take_piece(void)
{
    for (size_t i = 0; i < LOOP_MEMORY_PIECES; i++) {
        if (!is_taken[i]) {
            is_taken[i] = true;
            return pieces[i].bytes;
        }
    }
    return NULL;
}

void *
loop_memory_alloc(size_t size)
{
    void *memory = malloc(size);

    if (memory == NULL && size <= LOOP_MEMORY_PIECE_BYTES) {
        memory = take_piece();
    }
    return memory;
}

void
loop_memory_free(void *memory)
{
    size_t i = piece_of(memory);

    if (i < LOOP_MEMORY_PIECES) {
        explicit_bzero(memory, LOOP_MEMORY_PIECE_BYTES);
        is_taken[i] = false;
    } else if (memory != NULL) {
        explicit_bzero(memory, malloc_usable_size(memory));
        free(memory);
    }
}

static size_t
size_of(void *memory)
{
    if (memory == NULL) {
        return 0;
    }
    return piece_of(memory) < LOOP_MEMORY_PIECES ? LOOP_MEMORY_PIECE_BYTES
                                                 : malloc_usable_size(memory);
}

/* realloc(3) leaves behind what it moves. */
void *
loop_memory_realloc(void *memory, size_t size)
{
    size_t had = size_of(memory);
    void *new = loop_memory_alloc(size);

    if (new != NULL) {
        if (had > 0) {
            memcpy(new, memory, had < size ? had : size);
        }
        loop_memory_free(memory);
    }
    return new;
}
