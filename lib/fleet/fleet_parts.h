/* fleet_parts.h - the parts of struct fleet; for fleet.c, permit.c and fleet_check.c alone.
 *
 * Each part is written by the file of its name, and `regions` by permit.c. */
#ifndef FLEET_FLEET_PARTS_H
#define FLEET_FLEET_PARTS_H

#include "base/log.h"
#include "fleet/averages.h"
#include "fleet/counters.h"
#include "fleet/decider.h"
#include "fleet/probe_lease.h"
#include "fleet/region_state.h"
#include "fleet/state_file.h"

struct event;

struct fleet {
    const struct config *conf;
    struct rand *rand;
    struct fleet_counters *counters;
    struct log_ctx log;
    bool dead; /* being freed: what is heard now is not acted on */
    struct event *tick;
    struct decider decider;
    struct probe_leases leases;
    struct averages averages;
    struct state_file file;
    struct region_state *regions; /* one per slot */
    void (*on_check)(void *arg, const struct shared_state_check_answer *a);
    void *check_arg;
};

#endif
