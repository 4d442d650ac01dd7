/* permit.h - may a slot have an attempt, and the right to make one. */
#ifndef FLEET_PERMIT_H
#define FLEET_PERMIT_H

#include "policy/outcome.h"
#include "policy/picker.h"
#include "fleet/decider.h"
#include "fleet/probe_lease.h"

#include <stdbool.h>
#include <stdint.h>

#define PERMIT_CLIENT_CHECK         1    /* the health check, as a client */
#define PERMIT_LAST_RESORTS_MAX     2    /* in flight per region and router while they fail */
#define PERMIT_LAST_RESORT_ROOM_MAX 4096 /* that successes may add to it */

struct fleet;

enum permit_asker {
    PERMIT_ASKER_NEW,
    /* A request that was throttled there without a stated time and has backed off: the cooling
     * that this worker guessed is to keep others away, not the one that finds out. */
    PERMIT_ASKER_BACKED_OFF,
};

struct permit { /* the right to make one attempt; ended exactly once */
    size_t slot;
    bool is_probe, last_resort;
    struct probe probe;          /* of a probe */
    struct decider_epochs began; /* of what is neither probe nor last resort */
    int64_t took_ms; /* set by the caller before flowing or end: until the first content of a
                        stream, a whole plain answer; for the slow rule */
    /* Who asked, set by the caller before end when the answer is one that a client can provoke
     * (a 403 for what it asked, a 409 for a lock of its own); 0: it is not.  Such a failure
     * counts only where another client, or a health check, saw the last one. */
    uint64_t client;
    bool flowing; /* its success was reported while it ran */
};

/* May slot have an attempt now?  USABLE, RAMPING (a draw of its share: as the last choice), or
 * why not.  Asks nobody and changes nothing. */
enum picker_why permit_check(const struct fleet *f, size_t slot, enum permit_asker asker,
                             int64_t now_ms);
/* Somebody would like to go to slot, which was found OPEN: if its time has come, a probe lease
 * is asked for in the background, for whoever comes next. */
void permit_want(struct fleet *f, size_t slot, int64_t now_ms);
/* Whether the last resort may be tried there: open, and fewer of ours on the way than
 * PERMIT_LAST_RESORTS_MAX and one more for each that went well since the last that did not.
 * *until_ms: the end of its open time. */
bool permit_may_last_resort(const struct fleet *f, size_t slot, int64_t *until_ms);
/* Are so many on the way there that one more has to wait for their end? */
bool permit_awaits_last_resort(const struct fleet *f, size_t slot);
/* Until slot may return, in ms from now; 0: it may be asked now; -1: not by itself (forced). */
int64_t permit_return_ms(const struct fleet *f, size_t slot, int64_t now_ms);
/* Has slot not failed us last?  Asking it is then no doubling of an outage's load. */
bool permit_is_well(const struct fleet *f, size_t slot);
/* Is there reason not to wait for slot: it failed us last, or is left, by whomever? */
bool permit_is_doubted(const struct fleet *f, size_t slot);
/* What slot cools for, where permit_check says that it does: THROTTLED, QUOTA or AUTH. */
enum outcome permit_cools_for(const struct fleet *f, size_t slot);
/* Of the requests that may choose slot; below 100 while it ramps up, or fails often. */
int permit_share_percent(const struct fleet *f, size_t slot, int64_t now_ms);

/* Starts an attempt where permit_check said USABLE (or last_resort is true).  *p must stay
 * where it is until permit_end. */
void permit_begin(struct fleet *f, size_t slot, bool last_resort, int64_t now_ms,
                  struct permit *p);
/* A stream has flowed long enough to count as a success now. */
void permit_flowing(struct fleet *f, struct permit *p);
/* cool_ms: how long the vendor asked us to stay away; -1: it did not say. */
void permit_end(struct fleet *f, struct permit *p, enum outcome o, int64_t cool_ms);

/* What an outcome means for a probe. */
enum breaker_verdict permit_probe_verdict(const struct outcome_traits *t);

#endif
