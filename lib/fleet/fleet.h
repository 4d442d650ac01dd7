/* fleet.h - this worker's side of the fleet: what it knows of every region, and for whom.
 *
 * A slot is an index into the config's slots.  The first ones are the regions themselves, so a
 * region's index is the slot of its own.
 *
 * Joins the fleet's verdict, pushed in through Redis, and this worker's own (the same rules on
 * its own evidence, which decide while Redis is away or absent).  permit.h says whether a slot
 * may have an attempt, fleet_check.h what active checks have to do with it.  Nothing here
 * waits. */
#ifndef FLEET_FLEET_H
#define FLEET_FLEET_H

#include "base/base.h"
#include "base/err.h"
#include "base/rand.h"
#include "config/config.h"
#include "fleet/counters.h"
#include "shared/view.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct fleet;

/* counters, rand and conf are borrowed.  NULL with err when the Redis URL cannot work. */
struct fleet *fleet_new(struct event_base *base, const struct config *conf,
                        const char *router_id, struct rand *rand,
                        struct fleet_counters *counters, struct err *err);
/* Starts from the view that an earlier run kept in this file, and keeps it from now on.  A file
 * that is missing is none, one that makes no sense is said and left.  Before the loop runs. */
void fleet_keep(struct fleet *f, const char *path);
void fleet_free(struct fleet *f); /* leaves the fleet; no permit may be running */

/* Times of an attempt that went well: to its first byte, to its end. */
void fleet_note_times(struct fleet *f, size_t region, int64_t first_us, int64_t total_us);

/* Is there anything in region that may be asked now? */
bool fleet_region_usable(const struct fleet *f, size_t region, int64_t now_ms);

/* "attached", "away", or "alone" (no Redis is configured). */
const char *fleet_mode(const struct fleet *f);
/* Should a worker that starts wait for the fleet's view?  False too where there is none. */
bool fleet_is_awaited(const struct fleet *f);
/* Whose view decides: "fleet" (as it is or was last heard), "file" or "own". */
const char *fleet_view(const struct fleet *f);
const char *fleet_generation(const struct fleet *f); /* "" before the first attach */
uint64_t fleet_version(const struct fleet *f);

struct fleet_region { /* for people */
    bool alone;       /* our own breaker decides, because others can use it and we cannot */
    enum breaker_state state;
    uint64_t epoch;
    int64_t open_for_ms, cooling_for_ms; /* 0: not */
    enum view_forced forced;
    int share_percent;  /* of the requests that may choose it; below 100 while it ramps up */
    const char *reason; /* borrowed; why the state or the operator's word */
    int health, fleet_health;   /* 0..100, this worker's and the fleet's; -1: not known */
    int64_t first_us, total_us; /* averages of this worker, or else of the fleet; -1: none */
};
void fleet_describe(const struct fleet *f, size_t slot, int64_t now_ms,
                    struct fleet_region *out);

/* What an answer of region took on average, in ms: until the first byte of a stream, until the end
 * of a plain one.  This worker's, or the fleet's while it has none; -1: neither is known. */
int64_t fleet_typical_ms(const struct fleet *f, size_t region, bool stream);

#endif
