/* counters.h - what the fleet counts: plain memory that its owner gives it and may read at any
 * time, from another process too (each number is an aligned 64-bit store).
 *
 * Counters only grow; what is marked as a gauge goes both ways.  The fleet writes, nobody else.
 */
#ifndef FLEET_COUNTERS_H
#define FLEET_COUNTERS_H

#include "policy/outcome.h"

#include <stdint.h>

struct fleet_slot_counters { /* attempts are counted at the region's slot, not at its models' */
    uint64_t attempts[N_OUTCOMES];
    uint64_t probes, last_resorts;
    int64_t inflight; /* gauge: attempts */
    int64_t state;    /* gauge: enum breaker_state */
    int64_t forced;   /* gauge: enum view_forced */
    int64_t health;   /* gauge: 0..100, of regions */
};

struct fleet_counters {
    const int64_t *requests; /* the owner's requests in flight, told to the fleet; NULL: none */
    int64_t store_attached;  /* gauge: 0 or 1 */
    uint64_t store_ver;      /* gauge: of the view that is applied */
    uint64_t store_commands, store_errors, store_pushes, store_reconnects;
    struct fleet_slot_counters slot[]; /* one per slot of the config */
};

#endif
