/* fleet_check.c - what active checks and the fleet have to do with each other; fleet_check.h
 * has the contract.
 *
 * A check that is a probe counts as a probe does, in the breaker that granted its lease, and
 * nowhere else: it is no attempt, and says nothing about a closed region.  It gives no second
 * opinion either: a region may list its models and serve none of them. */
#include "fleet/fleet_check.h"

#include "fleet/fleet_parts.h"
#include "fleet/override.h"
#include "fleet/permit.h"

void fleet_check_subscribe(struct fleet *f,
                           void (*cb)(void *arg, const struct shared_state_check_answer *a),
                           void *arg)
{
    f->on_check = cb;
    f->check_arg = arg;
}

bool fleet_check_lease(struct fleet *f, size_t region, int64_t lease_ms,
                       const struct shared_state_check *seen, int64_t took_ms)
{
    return decider_check_lease(&f->decider, region, lease_ms, seen, took_ms);
}

bool fleet_check_is_due(const struct fleet *f, size_t slot, int64_t now_ms)
{
    const struct view_slot *k = decider_get(&f->decider, slot);
    enum view_forced forced = override_now(&f->decider, slot, now_ms);

    if (forced == VIEW_DOWN || forced == VIEW_DRAIN || now_ms < f->regions[slot].doubt_until_ms)
        return false;
    return k->st == BREAKER_HALF_OPEN || (k->st == BREAKER_OPEN && now_ms >= k->until_ms);
}

bool fleet_check_begin(struct fleet *f, size_t slot, int64_t now_ms, struct probe *p)
{
    if (!fleet_check_is_due(f, slot, now_ms))
        return false;
    if (!probe_lease_is_held(&f->leases, slot)) {
        probe_lease_ask(&f->leases, slot, now_ms);
        return false;
    }
    probe_lease_take(&f->leases, slot, p);
    return true;
}

void fleet_check_end(struct fleet *f, struct probe *p, enum outcome o)
{
    probe_lease_end(&f->leases, p, permit_probe_verdict(outcome_traits(o)));
}

void fleet_check_note_refusal(struct fleet *f, size_t region)
{
    const struct config_region *r = &f->conf->regions[region];

    f->regions[region].provoked_by = PERMIT_CLIENT_CHECK;
    for (size_t i = r->first_slot; i < r->first_slot + r->n_slots; i++)
        f->regions[i].provoked_by = PERMIT_CLIENT_CHECK;
}
