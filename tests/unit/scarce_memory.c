/* See scarce_memory.h. The program is linked with --wrap=malloc,--wrap=realloc. */
#include "tests/unit/scarce_memory.h"

#include <stddef.h>

unsigned scarce_countdown;
bool scarce_is_none;
unsigned scarce_n_allocations;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool
fails(void)
{
    scarce_n_allocations++;
    return scarce_is_none || (scarce_countdown > 0 && --scarce_countdown == 0);
}

void *
__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}
