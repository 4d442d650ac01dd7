/* health_check.h - active checks: asks regions how they are where no request does. */
#ifndef ROUTER_HEALTH_CHECK_H
#define ROUTER_HEALTH_CHECK_H

#include "base/base.h"
#include "fleet/store.h"

#include <stddef.h>
#include <stdint.h>

struct health_check;
struct worker;

/* The worker's checks, on its loop, connections and fleet, all of which must outlive it.  NULL:
 * health.interval is 0s. */
struct health_check *health_check_new(struct worker *w);
void health_check_free(
    struct health_check *p); /* ends what runs, without a word about it; NULL is fine */

/* What this worker knows of the last check of region: its own, or what the fleet's checker
 * said. p may be NULL. */
void health_check_last(const struct health_check *p, size_t region, int64_t now_ms,
                       struct store_check *out);

#endif
