/* hedge.h - how long a first attempt may be silent before a second target is asked beside it.
 *
 * The idea is the hedged request of Dean and Barroso, The Tail at Scale (CACM 56, 2013): who
 * waits longer than nearly everybody did is asked again elsewhere, which costs little and bounds
 * the wait. */
#ifndef POLICY_HEDGE_H
#define POLICY_HEDGE_H

#include <stdbool.h>
#include <stdint.h>

struct hedge_facts {          /* of an attempt that has shown no content yet; times in ms */
    int64_t silent_ms;        /* since it began */
    int64_t region_silent_ms; /* since its region gave anybody content */
    int64_t p95_ms;           /* within which 95 % of the last answers came; -1: too few */
    int64_t typical_ms;       /* the average of this worker or the fleet; -1: not known */
    bool is_probe;
    bool is_doubted; /* the region failed somebody last, or is left */
    bool budget;     /* is there a hedge left that requests have earned? */
};

/* The patience with it.  A probe gets less, for its region has just failed and the request that
 * tries it is a client's; and so does an attempt at a region that is doubted and has answered
 * nobody since that attempt began. */
int64_t hedge_patience_ms(const struct hedge_facts *f);

/* Should a second target be asked now?  Beyond the budget only where waiting has no prospect:
 * for a probe, and where the region has been silent to everybody for as long.  A region that is
 * merely slow under load answers somebody, so hedges never double an overload. */
bool hedge_is_due(const struct hedge_facts *f);

/* A second target, asked later, answered first: did the first region fail to deliver?  It did
 * when it had its patience; else it only lost a race. */
bool hedge_was_overtaken(const struct hedge_facts *f);

#endif
