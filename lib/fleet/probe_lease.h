/* probe_lease.h - the right to try a slot that is half-open: asked for, held, given back.
 *
 * An open region whose time has come needs a lease before anybody may try it.  It is asked for
 * when a request would like to go there and is kept for the next request: no request waits for
 * the answer.  A lease nobody used is given back at half of its life; a probe in flight renews
 * its lease every third of it. */
#ifndef FLEET_PROBE_LEASE_H
#define FLEET_PROBE_LEASE_H

#include "base/rand.h"
#include "fleet/shared_state.h"

#include <stdbool.h>
#include <stdint.h>

struct decider;
struct probe_lease;

struct probe { /* one under way on a lease; ended exactly once, must not move until then */
    size_t slot;
    bool local; /* who granted its lease */
    uint64_t token, epoch;
    uint64_t life; /* of the shared data when it began */
    struct probe *next, **prev;
};

struct probe_leases {
    struct decider *decider; /* borrowed, as rand */
    struct rand *rand;
    struct probe_lease *slots; /* one per slot */
    struct probe *running;     /* for renewal */
};

void probe_lease_init(struct probe_leases *l, struct decider *d, struct rand *rand);
void probe_lease_release(struct probe_leases *l); /* what is held runs out by itself */

/* Asks for slot's lease, unless one is asked for, held, or was refused a moment ago. */
void probe_lease_ask(struct probe_leases *l, size_t slot, int64_t now_ms);
bool probe_lease_is_held(const struct probe_leases *l, size_t slot);
void probe_lease_drop(struct probe_leases *l, size_t slot); /* gives back what is held */
/* The answer to a question; local: of whom. */
void probe_lease_answered(struct probe_leases *l, const struct breakers_probe_answer *a,
                          bool local, int64_t now_ms);
/* slot's state changed, to epoch: what was granted before it is worth nothing. */
void probe_lease_epoch(struct probe_leases *l, size_t slot, uint64_t epoch);
/* The lease is held: *p is a probe from now on. */
void probe_lease_take(struct probe_leases *l, size_t slot, struct probe *p);
void probe_lease_end(struct probe_leases *l, struct probe *p, enum breaker_verdict verdict);
void probe_lease_renew(struct probe_leases *l); /* of all probes under way */
void probe_lease_drop_unused(struct probe_leases *l, size_t slot, int64_t now_ms);

#endif
