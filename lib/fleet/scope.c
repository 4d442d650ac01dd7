/* scope.c - regions and the models in them; fleet.h has the contract.
 *
 * With breaker.scope model each model of a region has a slot of its own beside the region's.
 * Its breaker is its own, and so is what the vendor says of our rate and our right to use it;
 * the operator's word on the region and the end of our quota there hold for all of its slots.
 * With scope region the two are one slot, and everything here comes out the same.
 *
 * REJECTED  One pushed line per model when an operator forces a region: a thousand lines for
 * one word, and a model that joins later would miss it. */
#include "fleet/fleet_impl.h"

#include "base/clock.h"

size_t fleet_region_of(const struct fleet *f, size_t slot)
{
    return f->conf->slots[slot].region;
}

const struct config_breaker *fleet_rule(const struct fleet *f, size_t slot)
{
    return &f->conf->regions[fleet_region_of(f, slot)].breaker;
}

static const struct view_slot *said(const struct fleet *f, size_t slot)
{
    return store_get(f->shared != NULL ? f->shared : f->local, slot);
}

const struct view_slot *fleet_override(const struct fleet *f, size_t slot, int64_t now_ms)
{
    static const int weight[N_VIEW_FORCED] = {
        [VIEW_AUTO] = 0, [VIEW_UP] = 1, [VIEW_DRAIN] = 2, [VIEW_DOWN] = 3};
    const struct view_slot *own = said(f, slot), *regions = said(f, fleet_region_of(f, slot));

    return weight[view_forced_now(regions, now_ms)] > weight[view_forced_now(own, now_ms)]
               ? regions
               : own;
}

enum view_forced fleet_forced(const struct fleet *f, size_t slot, int64_t now_ms)
{
    return view_forced_now(fleet_override(f, slot, now_ms), now_ms);
}

static int64_t cools_until_ms(const struct fleet *f, size_t slot)
{
    int64_t ms = said(f, slot)->lim_ms, local_ms = store_get(f->local, slot)->lim_ms;

    return ms > local_ms ? ms : local_ms;
}

int64_t fleet_cools_until_ms(const struct fleet *f, size_t slot)
{
    int64_t ms = cools_until_ms(f, slot),
            regions_ms = cools_until_ms(f, fleet_region_of(f, slot));

    return ms > regions_ms ? ms : regions_ms;
}

/* A region whose models have breakers shows the worst of them. */
void fleet_note_state(struct fleet *f, size_t slot)
{
    size_t region = fleet_region_of(f, slot);
    const struct config_region *r = &f->conf->regions[region];
    struct fleet_slot_counters *m = f->counters->slot;

    m[slot].state = fleet_slot(f, slot)->st;
    m[slot].forced = fleet_forced(f, slot, clock_mono_ms());
    for (size_t i = r->first_slot; i < r->first_slot + r->n_slots; i++)
        if (i == r->first_slot || m[i].state > m[region].state)
            m[region].state = m[i].state;
    if (f->shared != NULL)
        f->counters->store_ver = store_ver(f->shared);
}

bool fleet_region_usable(const struct fleet *f, size_t region, int64_t now_ms)
{
    const struct config_region *r = &f->conf->regions[region];

    for (size_t i = r->first_slot; i < r->first_slot + r->n_slots; i++)
        if (fleet_return_ms(f, i, now_ms) == 0)
            return true;
    return r->n_slots == 0 && fleet_return_ms(f, region, now_ms) == 0;
}
