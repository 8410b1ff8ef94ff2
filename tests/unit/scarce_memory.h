/* malloc and realloc that fail when a test wants it. Whoever links to this has them in all code of
 * the program, and in what libraries get through hooks of ours. */
#ifndef VPCE_TESTS_UNIT_SCARCE_MEMORY_H
#define VPCE_TESTS_UNIT_SCARCE_MEMORY_H

#include <stdbool.h>

extern unsigned scarce_countdown; /* the call that fails, counted down; 0: none */
extern bool scarce_is_none;       /* all fail */
extern unsigned scarce_n_allocations;

#endif
