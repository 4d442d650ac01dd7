/* override.h - whose operator's word is in force: the slot's own or its region's. */
#ifndef FLEET_OVERRIDE_H
#define FLEET_OVERRIDE_H

#include "fleet/decider.h"

/* The stricter of the two; kept while Redis is away.  view_forced_now says what it is. */
const struct view_slot *override_of(const struct decider *d, size_t slot, int64_t now_ms);
enum view_forced override_now(const struct decider *d, size_t slot, int64_t now_ms);

#endif
