/* See heap.h.
 *
 * Reason: the heap of a check of seven endpoints grows to 2 MB page by page, and each page is an
 * exception when it is first written to, 470 of 779 in all. Made at once (Linux 5.14 on) a page
 * takes a sixteenth of that where exceptions are dear, as in some virtual machines (1 of 16 us; 57
 * ms of CPU for a check, for 65), and no more elsewhere. Not for the daemon, whose memory is to be
 * small.
 */
#include "daemon/cli/heap.h"

#include "daemon/util.h"

#include <malloc.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define HEAP_BYTES ((size_t)2 * 1024 * 1024)

/* Blocks below this come from the heap, which keeps so much at its end. */
#define LARGE_BYTES (16 * 1024 * 1024)

static void
populate(char *block, size_t size)
{
#ifdef MADV_POPULATE_WRITE
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t before = (page - (uintptr_t)block % page) % page;

    (void)madvise(block + before, (size - before) / page * page, MADV_POPULATE_WRITE);
#else
    (void)block;
    (void)size;
#endif
}

void
heap_prepare(void)
{
    char *block;

    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
    block = malloc(HEAP_BYTES);
    if (block != NULL) {
        populate(block, HEAP_BYTES);
        free(block);
    }
}
