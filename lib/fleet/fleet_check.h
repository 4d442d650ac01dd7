/* fleet_check.h - active checks and the fleet: who checks, and checks that serve as probes.
 * router/health_check.c checks. */
#ifndef FLEET_FLEET_CHECK_H
#define FLEET_FLEET_CHECK_H

#include "policy/outcome.h"
#include "fleet/probe_lease.h"
#include "fleet/shared_state.h"

struct fleet;

/* Asks to be, or to stay, the fleet's checker of region for lease_ms; seen: what the last check
 * saw, NULL: nothing new.  The answer comes by the callback of fleet_check_subscribe, or never.
 * false: there is no fleet to agree with now; then this worker checks for itself. */
bool fleet_check_lease(struct fleet *f, size_t region, int64_t lease_ms,
                       const struct shared_state_check *seen, int64_t took_ms);
void fleet_check_subscribe(struct fleet *f,
                           void (*cb)(void *arg, const struct shared_state_check_answer *a),
                           void *arg); /* one at a time; cb NULL: no more */
/* Is slot open and its time over, or half-open?  Then a check may be its probe. */
bool fleet_check_is_due(const struct fleet *f, size_t slot, int64_t now_ms);
/* Begins a check as a probe with the lease that is there.  false: there is none yet (one is
 * asked for), and *p is not begun.  Ended by fleet_check_end; ABORTED only frees the slot. */
bool fleet_check_begin(struct fleet *f, size_t slot, int64_t now_ms, struct probe *p);
void fleet_check_end(struct fleet *f, struct probe *p, enum outcome o);
/* A check of region had a 403 or 409: no client provoked that, so theirs are evidence. */
void fleet_check_note_refusal(struct fleet *f, size_t region);

#endif
