/* checks.c - what active checks and the fleet have to do with each other: who checks, and
 * checks that serve as probes.
 *
 * A check that is a probe counts as a probe does, in the store that granted its lease, and
 * nowhere else: it is no attempt, and says nothing about a closed region.  It gives no second
 * opinion either: a region may list its models and serve none of them. */
#include "fleet/fleet_impl.h"

#include <string.h>

void fleet_on_check(struct fleet *f, void (*cb)(void *arg, const struct store_check_answer *a),
                    void *arg)
{
    f->on_check = cb;
    f->check_arg = arg;
}

void fleet_take_check(void *arg, const struct store_check_answer *a)
{
    struct fleet *f = arg;

    if (!f->dead && f->on_check != NULL)
        f->on_check(f->check_arg, a);
}

bool fleet_check_lease(struct fleet *f, size_t region, int64_t lease_ms,
                       const struct store_check *seen, int64_t took_ms)
{
    return f->attached && store_check(f->shared, region, lease_ms, seen, took_ms);
}

bool fleet_is_due(const struct fleet *f, size_t slot, int64_t now_ms)
{
    const struct view_slot *k = fleet_slot(f, slot);
    enum view_forced forced = fleet_forced(f, slot, now_ms);

    if (forced == VIEW_DOWN || forced == VIEW_DRAIN || now_ms < f->places[slot].doubt_until_ms)
        return false;
    return k->st == BREAKER_HALF_OPEN || (k->st == BREAKER_OPEN && now_ms >= k->until_ms);
}

bool fleet_check_begin(struct fleet *f, size_t slot, int64_t now_ms, struct permit *p)
{
    if (!fleet_is_due(f, slot, now_ms))
        return false;
    if (f->places[slot].lease.state != PROBE_LEASE_GRANTED) {
        probe_lease_ask(f, slot, now_ms);
        return false;
    }
    memset(p, 0, sizeof(*p));
    p->slot = slot;
    p->life = fleet_life(f);
    probe_lease_take(f, p);
    return true;
}

void fleet_check_end(struct fleet *f, struct permit *p, enum outcome o)
{
    permit_end_probe(f, p, outcome_traits(o));
}
