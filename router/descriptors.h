/* descriptors.h - shares out the files a process may open between clients and regions. */
#ifndef ROUTER_DESCRIPTORS_H
#define ROUTER_DESCRIPTORS_H

#include <stddef.h>
#include <stdint.h>

/* Raises the soft limit of open files to the hard one; what the limit is now. */
uint64_t descriptors_raise(void);

/* How many clients of the wanted ones a process with that limit may have, at least 1. */
size_t descriptors_for_clients(uint64_t limit, size_t wanted);

#endif
