/* health_check.h - active checks: asks regions how they are where no request does. */
#ifndef ROUTER_HEALTH_CHECK_H
#define ROUTER_HEALTH_CHECK_H

#include "base/base.h"
#include "fleet/store.h"

#include <stddef.h>
#include <stdint.h>

struct probe;
struct worker;

/* The worker's checks, on its loop, connections and fleet, all of which must outlive it.  NULL:
 * health.interval is 0s. */
struct probe *probe_new(struct worker *w);
void probe_free(struct probe *p); /* ends what runs, without a word about it; NULL is fine */

/* What this worker knows of the last check of region: its own, or what the fleet's checker
 * said. p may be NULL. */
void probe_last(const struct probe *p, size_t region, int64_t now_ms, struct store_check *out);

#endif
