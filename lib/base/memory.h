/* memory.h - what peers make this process hold, in sum, and the budget for it.
 *
 * Every buffer has a cap of its own; a thousand peers that each fill one have none in sum.  So
 * what a peer may fill is counted here (struct buf does it, see buf_init_charged; others by
 * memory_take), and whoever lets more in asks first.  Within the last sixteenth of the budget
 * newcomers are refused and the largest holders that make no progress are given up; beyond it no
 * counted buffer grows.
 *
 * One process is one worker is one budget: this is the process' own account, like malloc's. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

void memory_set_budget(size_t bytes); /* 0: no bound */
size_t memory_budget_bytes(void);

void memory_take(size_t bytes); /* holds so many more, from now on */
void memory_give(size_t bytes);
size_t memory_held_bytes(void);

bool memory_may_grow(size_t more_bytes); /* within the budget */
bool memory_fits(size_t more_bytes);     /* and with the last sixteenth to spare */
/* The same for somebody who would hold so much from now on.  false: is refused, and noted. */
bool memory_admit(size_t bytes);
/* How much has to come free for the largest that was refused since the last call, or before
 * anything fits again; 0: nothing. */
size_t memory_short_bytes(void);

/* What this process has in memory by the kernel's account; 0: unknown. */
size_t memory_resident_bytes(void);
/* What a process on this machine may use: the machine's memory, or less by its cgroups (versions 1
 * and 2, all levels).  root: "" but in tests. */
size_t memory_machine_bytes(const char *root);

#endif
