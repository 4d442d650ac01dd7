/* fleet.h - this worker's word on whether a region, or a model in it, may have an attempt.
 *
 * A slot is an index into the config's slots.  The first ones are the regions themselves, so a
 * region's index is the slot of its own.
 *
 * Joins the shared store (the fleet's verdict, pushed in) and a local one (the same rules on
 * this worker's own evidence, which decide while Redis is away or absent).  Nothing here waits:
 * a probe lease is asked for in the background and serves the next request. */
#ifndef FLEET_FLEET_H
#define FLEET_FLEET_H

#include "base/base.h"
#include "base/err.h"
#include "base/rand.h"
#include "config/config.h"
#include "policy/outcome.h"
#include "policy/picker.h"
#include "fleet/counters.h"
#include "fleet/store.h"

#include <stdbool.h>
#include <stdint.h>

#define FLEET_LAST_RESORTS_MAX     2    /* in flight per region and router while they fail */
#define FLEET_LAST_RESORT_ROOM_MAX 4096 /* that successes may add to it */

struct event_base;
struct fleet;

struct permit { /* the right to make one attempt; ended exactly once */
    size_t slot;
    uint64_t shared_epoch, local_epoch;
    uint64_t life;  /* of the shared data when it began: evidence never crosses lives */
    uint64_t token; /* of the probe lease; 0: none */
    bool probe, last_resort;
    int64_t took_ms; /* set by the caller before flowing or end: until the first content of a
                        stream, a whole plain answer; for the slow rule */
    bool flowing;    /* its success was reported while it ran */
    struct permit *next, **prev; /* probes in flight, for renewal */
};

/* counters, rand and conf are borrowed.  NULL with err when the Redis URL cannot work. */
struct fleet *fleet_new(struct event_base *base, const struct config *conf,
                        const char *router_id, struct rand *rand,
                        struct fleet_counters *counters, struct err *err);
/* Starts from the view that an earlier run kept in this file, and keeps it from now on.  A file
 * that is missing is none, one that makes no sense is said and left.  Before the loop runs. */
void fleet_keep(struct fleet *f, const char *path);
void fleet_free(struct fleet *f); /* leaves the fleet; no pass may be running */

/* May slot have an attempt now?  USABLE, RAMPING (a draw of the recovery ramp: as the last
 * choice), or why not.  Asks for a probe lease in the background when its time has come. again:
 * for a request that was throttled there without a stated time and has backed off; the cooling
 * that this worker guessed is to keep others away, not the one that finds out. */
enum picker_why fleet_ask_as(struct fleet *f, size_t slot, bool again, int64_t now_ms);
static inline enum picker_why fleet_ask(struct fleet *f, size_t slot, int64_t now_ms)
{
    return fleet_ask_as(f, slot, false, now_ms);
}
/* Whether the last resort may be tried there: open, and fewer of ours on the way than
 * FLEET_LAST_RESORTS_MAX and one more for each that went well since the last that did not.
 * *until_ms: the end of its open time. */
bool fleet_may_last_resort(const struct fleet *f, size_t slot, int64_t now_ms,
                           int64_t *until_ms);

/* Starts an attempt where fleet_ask said USABLE (or last_resort is true).  *p must stay where
 * it is until permit_end. */
void permit_begin(struct fleet *f, size_t slot, bool last_resort, int64_t now_ms,
                  struct permit *p);
/* A stream has flowed long enough to count as a success now. */
void permit_flowing(struct fleet *f, struct permit *p);
/* cool_ms: how long the vendor asked us to stay away; -1: it did not say. */
void permit_end(struct fleet *f, struct permit *p, enum outcome o, int64_t cool_ms);

/* ---- active checks: see health_check.c ---- */

/* Asks to be, or to stay, the fleet's checker of region for lease_ms; seen: what the last check
 * saw, NULL: nothing new.  The answer comes by the callback of fleet_on_check, or never.
 * false: there is no fleet to agree with now; then this worker checks for itself. */
bool fleet_check_lease(struct fleet *f, size_t region, int64_t lease_ms,
                       const struct store_check *seen, int64_t took_ms);
void fleet_on_check(struct fleet *f, void (*cb)(void *arg, const struct store_check_answer *a),
                    void *arg);
/* Is slot open and its time over, or half-open?  Then a check may be its probe. */
bool fleet_is_due(const struct fleet *f, size_t slot, int64_t now_ms);
/* Begins a check as a probe with the lease that is there.  false: there is none yet (one is
 * asked for), and *p is not begun.  Ended by fleet_check_end; ABORTED only frees the slot. */
bool fleet_check_begin(struct fleet *f, size_t slot, int64_t now_ms, struct permit *p);
void fleet_check_end(struct fleet *f, struct permit *p, enum outcome o);

/* Times of an attempt that went well: to its first byte, to its end. */
void averages_note_times(struct fleet *f, size_t region, int64_t first_us, int64_t total_us);

/* Until slot may return, in ms from now; 0: it may be asked now; -1: not by itself (forced). */
int64_t fleet_return_ms(const struct fleet *f, size_t slot, int64_t now_ms);
/* Is there anything in region that may be asked now? */
bool fleet_region_usable(const struct fleet *f, size_t region, int64_t now_ms);

/* "attached", "away", or "alone" (no Redis is configured). */
const char *fleet_mode(const struct fleet *f);
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

#endif
