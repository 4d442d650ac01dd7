/* local_verdict.c - regions that the fleet can use and this router cannot.
 *
 * A row of failures that this router reported was overruled by another one's probe: the trouble
 * is on our side.  Then our own breaker decides about the region, and the fleet's verdict is
 * back when the time is over and our breaker has closed by probes of its own.
 *
 * REJECTED  The fleet's verdict as soon as the time is over: a host whose network stays broken
 * would trip the region for everybody again, if only for one probe. */
#include "fleet/fleet_impl.h"

#include "base/clock.h"

#include <inttypes.h>

struct store *fleet_decider(const struct fleet *f, size_t slot)
{
    return f->attached && f->places[slot].local_until_ms == 0 ? f->shared : f->local;
}

void local_verdict_begin(struct fleet *f, size_t slot, int64_t for_ms)
{
    struct region_state *p = &f->places[slot];
    bool news = p->local_until_ms == 0;

    if (f->dead || !f->attached)
        return;
    if (news) {
        probe_lease_drop(f, slot);
        local_breakers_trip(f->local, slot, "others_can_use_it");
        log_at(
            LOG_WARN, &f->log,
            "region avoided by this router alone, others can use it region=%s for_ms=%" PRId64,
            f->conf->slots[slot].name, for_ms);
    }
    p->local_until_ms = clock_mono_ms() + (for_ms > 0 ? for_ms : 1);
    fleet_note_state(f, slot);
}

void local_verdict_adopt(struct fleet *f)
{
    for (size_t i = 0; i < f->conf->n_slots; i++)
        f->places[i].was_out =
            f->places[i].local_until_ms != 0 && store_get(f->local, i)->st != BREAKER_CLOSED;
    local_breakers_adopt(f->local, f->shared);
    for (size_t i = 0; i < f->conf->n_slots; i++)
        if (f->places[i].was_out)
            local_breakers_trip(f->local, i, "others_can_use_it");
}

void local_verdict_tick(struct fleet *f, size_t slot, int64_t now_ms)
{
    struct region_state *p = &f->places[slot];

    if (p->local_until_ms == 0 || now_ms < p->local_until_ms ||
        store_get(f->local, slot)->st != BREAKER_CLOSED)
        return;
    probe_lease_drop(f, slot);
    p->local_until_ms = 0;
    log_at(LOG_INFO, &f->log, "region as the fleet sees it again region=%s",
           f->conf->slots[slot].name);
    fleet_note_state(f, slot);
}
