/* descriptors.c - descriptors.h has the contract.
 *
 * WHY  A request holds two descriptors: its client's and its region's.  Clients that are let in
 * until the last one is gone leave none for regions, and then every request of this router
 * fails while the regions are well.  So clients get half of what there is; who comes later
 * waits in the kernel's backlog.
 *
 * Service managers and shells often set a soft limit of 1,024 for the sake of select(2), which
 * nothing here uses.
 */
#include "router/descriptors.h"

#include <sys/resource.h>

#define OWN 64 /* sockets to listen on, Redis, the private port, the loop, the log */

uint64_t descriptors_raise(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1024;
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = {limit.rlim_max, limit.rlim_max};

        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    return limit.rlim_cur;
}

size_t descriptors_for_clients(uint64_t limit, size_t wanted)
{
    uint64_t half = limit > OWN ? (limit - OWN) / 2 : 0;

    if (half < 1)
        return 1;
    return half < wanted ? (size_t)half : wanted;
}
