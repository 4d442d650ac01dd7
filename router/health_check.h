/* health_check.h - active checks: asks regions how they are where no request does. */
#ifndef ROUTER_HEALTH_CHECK_H
#define ROUTER_HEALTH_CHECK_H

#include "base/base.h"
#include "base/rand.h"
#include "config/config.h"
#include "fleet/fleet.h"
#include "fleet/shared_state.h"
#include "router/metrics_table.h"
#include "upstream/upstream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct health_check;

struct health_check_conf { /* all borrowed, and longer there than the checks */
    struct event_base *base;
    const struct config *conf;
    struct fleet *fleet;
    struct upstream *up;
    struct rand *rand;
    struct metrics_region *counters; /* one per region of conf */
    const bool *draining;            /* true: nothing new is checked */
};

/* NULL: health.interval is 0s. */
struct health_check *health_check_new(const struct health_check_conf *c);
void health_check_free(
    struct health_check *p); /* ends what runs, without a word about it; NULL is fine */

/* What this worker knows of the last check of region: its own, or what the fleet's checker
 * said. p may be NULL. */
void health_check_last(const struct health_check *p, size_t region, int64_t now_ms,
                       struct shared_state_check *out);

#endif
