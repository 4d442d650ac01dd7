/* hedge.h - how long a first attempt may be silent before a second target is asked beside it.
 *
 * The idea is the hedged request of Dean and Barroso, The Tail at Scale (CACM 56, 2013): who
 * waits longer than nearly everybody did is asked again elsewhere, which costs little and bounds
 * the wait. */
#ifndef POLICY_HEDGE_H
#define POLICY_HEDGE_H

#include <stdbool.h>
#include <stdint.h>

/* The patience with an attempt that has shown no content yet, in ms.  p95_ms: within which 95 %
 * of the region's last answers came, -1 when too few are known.  A probe gets less: its region
 * has just failed, and the request that tries it is a client's. */
int64_t hedge_patience_ms(int64_t p95_ms, bool is_probe);

struct hedge_facts {
    int64_t silent_ms;        /* since the attempt began */
    int64_t region_silent_ms; /* since the region gave anybody content */
    int64_t p95_ms;           /* as above */
    bool is_probe;
    bool budget; /* is there a hedge left that requests have earned? */
};

/* Should a second target be asked now?  Beyond the budget only where waiting has no prospect:
 * for a probe, and where the region has been silent to everybody for as long.  A region that is
 * merely slow under load answers somebody, so hedges never double an overload. */
bool hedge_is_due(const struct hedge_facts *f);

/* A second target, asked later, answered first: did the first region fail to deliver?  It did
 * when it had its patience; else it only lost a race. */
bool hedge_was_overtaken(int64_t silent_ms, int64_t p95_ms, bool is_probe);

#endif
