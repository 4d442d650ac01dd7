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

struct store *fleet_decider(const struct fleet *f, size_t key)
{
    return f->attached && f->places[key].alone_until_ms == 0 ? f->shared : f->local;
}

void fleet_alone_begin(struct fleet *f, size_t key, int64_t for_ms)
{
    struct fleet_place *p = &f->places[key];
    bool news = p->alone_until_ms == 0;

    if (f->dead || !f->attached)
        return;
    if (news) {
        fleet_drop_ticket(f, key);
        store_mem_trip(f->local, key, "others_can_use_it");
        log_at(
            LOG_WARN, &f->log,
            "region avoided by this router alone, others can use it region=%s for_ms=%" PRId64,
            f->conf->keys[key].name, for_ms);
    }
    p->alone_until_ms = clock_mono_ms() + (for_ms > 0 ? for_ms : 1);
    fleet_note_state(f, key);
}

void fleet_alone_adopt(struct fleet *f)
{
    for (size_t i = 0; i < f->conf->n_keys; i++)
        f->places[i].was_out =
            f->places[i].alone_until_ms != 0 && store_get(f->local, i)->st != BREAKER_CLOSED;
    store_mem_adopt(f->local, f->shared);
    for (size_t i = 0; i < f->conf->n_keys; i++)
        if (f->places[i].was_out)
            store_mem_trip(f->local, i, "others_can_use_it");
}

void fleet_alone_tick(struct fleet *f, size_t key, int64_t now_ms)
{
    struct fleet_place *p = &f->places[key];

    if (p->alone_until_ms == 0 || now_ms < p->alone_until_ms ||
        store_get(f->local, key)->st != BREAKER_CLOSED)
        return;
    fleet_drop_ticket(f, key);
    p->alone_until_ms = 0;
    log_at(LOG_INFO, &f->log, "region as the fleet sees it again region=%s",
           f->conf->keys[key].name);
    fleet_note_state(f, key);
}
