/* world.h - one simulated history: routers with their traffic, two regions, one Redis, a
 * network and an operator, and what goes wrong with them.  The seed decides everything. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

struct world_result {
    char verdict[400]; /* "": every invariant held */
    uint64_t digest;   /* of all published lines */
    uint64_t calls;    /* of scripts */
    double level_s;    /* from the end of the faults until all was level */
};

/* skewed: routers' wall clocks are up to an hour off, each its own way. */
void world_run(uint64_t seed, bool skewed, bool verbose, struct world_result *out);

#endif
