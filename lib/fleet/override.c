/* override.c - whose operator's word is in force; override.h has the contract.
 *
 * With breaker.scope model each model of a region has a slot of its own beside the region's.
 * Its breaker is its own, and so is what the vendor says of our rate and our right to use it;
 * the operator's word on the region and the end of our quota there hold for all of its slots.
 * With scope region the two are one slot, and everything here comes out the same.
 *
 * REJECTED  One pushed line per model when an operator forces a region: a thousand lines for
 * one word, and a model that joins later would miss it. */
#include "fleet/override.h"

const struct view_slot *override_of(const struct decider *d, size_t slot, int64_t now_ms)
{
    static const int weight[N_VIEW_FORCED] = {
        [VIEW_AUTO] = 0, [VIEW_UP] = 1, [VIEW_DRAIN] = 2, [VIEW_DOWN] = 3};
    const struct view_slot *own = decider_announced(d, slot);
    const struct view_slot *regions = decider_announced(d, d->conf->slots[slot].region);

    return weight[view_forced_now(regions, now_ms)] > weight[view_forced_now(own, now_ms)]
               ? regions
               : own;
}

enum view_forced override_now(const struct decider *d, size_t slot, int64_t now_ms)
{
    return view_forced_now(override_of(d, slot, now_ms), now_ms);
}
