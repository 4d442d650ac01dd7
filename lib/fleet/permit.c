/* permit.c - one attempt's way through the fleet: what it began under, what it showed.
 *
 * Evidence goes to both stores, each under its own epoch.  A probe's outcome goes only to the
 * store that granted its lease; a last resort's to nobody. */
#include "fleet/fleet_impl.h"

#include "base/clock.h"

#include <inttypes.h>
#include <string.h>

#define REFUSALS 3 /* of our key, in a row, before we stay away; as in cool.lua */

void probe_lease_take(struct fleet *f, struct permit *p)
{
    struct probe_lease *t = &f->places[p->slot].lease;

    p->probe = true;
    p->token = t->token;
    p->shared_epoch = t->local ? 0 : t->epoch;
    p->local_epoch = t->local ? t->epoch : 0;
    t->state = PROBE_LEASE_NONE;
    p->next = f->probes;
    p->prev = &f->probes;
    if (p->next != NULL)
        p->next->prev = &p->next;
    f->probes = p;
}

void permit_begin(struct fleet *f, size_t slot, bool last_resort, int64_t now_ms,
                  struct permit *p)
{
    const struct view_slot *k = fleet_slot(f, slot);
    struct fleet_slot_counters *m = &f->counters->slot[fleet_region_of(f, slot)];
    bool forced_up = fleet_forced(f, slot, now_ms) == VIEW_UP;

    memset(p, 0, sizeof(*p));
    p->slot = slot;
    p->life = fleet_life(f);
    m->inflight++;
    if (last_resort) {
        p->last_resort = true;
        f->places[slot].last_resorts++;
        m->last_resorts++;
        return;
    }
    if (k->st != BREAKER_CLOSED && !forced_up &&
        f->places[slot].lease.state == PROBE_LEASE_GRANTED) {
        probe_lease_take(f, p);
        m->probes++;
        return;
    }
    p->local_epoch = store_get(f->local, slot)->ep;
    if (fleet_decider(f, slot) == f->shared && f->shared != NULL)
        p->shared_epoch = store_get(f->shared, slot)->ep;
}

/* Evidence goes to both stores, each under its own epoch, and never into another life of the
 * shared data. */
static void report(struct fleet *f, const struct permit *p, enum store_evidence what)
{
    int64_t slow_ms = fleet_rule(f, p->slot)->slow_ms;
    bool slow = slow_ms > 0 && p->took_ms > slow_ms;

    if (p->last_resort)
        return;
    if (p->local_epoch != 0)
        store_report(f->local, p->slot, p->local_epoch, what, slow);
    if (p->shared_epoch != 0 && f->attached && p->life == fleet_life(f))
        store_report(f->shared, p->slot, p->shared_epoch, what, slow);
}

/* A region that answers though it is open is trusted with more, step by step: when nothing else
 * is left, its open time must not outlast the outage.  The shared state hears nothing of it. */
static void note_last_resort(struct fleet *f, const struct permit *p,
                             const struct outcome_traits *t)
{
    int *room = &f->places[p->slot].last_resort_room;

    if (t->hurts)
        *room = 0;
    else if (t->heals && !p->flowing && *room < FLEET_LAST_RESORT_ROOM_MAX)
        ++*room;
}

static void note_ok(struct fleet *f, size_t slot)
{
    f->places[slot].ok_ms = clock_mono_ms();
    f->places[slot].auths = 0;
}

void permit_flowing(struct fleet *f, struct permit *p)
{
    if (p->flowing || p->probe)
        return;
    if (p->last_resort)
        note_last_resort(f, p, outcome_traits(OUTCOME_OK));
    p->flowing = true;
    note_ok(f, p->slot);
    report(f, p, STORE_OK);
}

void permit_end_probe(struct fleet *f, struct permit *p, const struct outcome_traits *t)
{
    enum breaker_verdict v = t->hurts   ? BREAKER_PROBE_FAIL
                             : t->heals ? BREAKER_PROBE_OK
                                        : BREAKER_PROBE_ABANDON;

    *p->prev = p->next;
    if (p->next != NULL)
        p->next->prev = p->prev;
    if (p->local_epoch != 0)
        store_done(f->local, p->slot, p->local_epoch, p->token, v);
    else if (p->life == fleet_life(f))
        store_done(f->shared, p->slot, p->shared_epoch, p->token, v);
}

/* One refusal of our key may be the vendor's slip; so many in a row are our config's. */
static bool is_refused(struct region_state *p, enum outcome o)
{
    if (o == OUTCOME_AUTH)
        p->auths++;
    return o != OUTCOME_AUTH || p->auths >= REFUSALS;
}

static void cool(struct fleet *f, size_t slot, enum outcome o, int64_t stated_ms)
{
    struct region_state *p = &f->places[slot];
    int64_t cool_ms = COOLING_AUTH_MS;

    if (is_refused(p, o)) {
        cool_ms = cooling_note(&p->cooling, o, stated_ms, clock_mono_ms());
        if (cool_ms == 0)
            return;
        store_cool(f->local, slot, cool_ms, cooling_why(o));
        log_at(LOG_WARN, &f->log, "region cooling region=%s outcome=%s for_ms=%" PRId64,
               f->conf->slots[slot].name, outcome_traits(o)->name, cool_ms);
    }
    if (f->attached)
        store_cool(f->shared, slot, cool_ms, cooling_why(o));
}

void permit_end(struct fleet *f, struct permit *p, enum outcome o, int64_t cool_ms)
{
    const struct outcome_traits *t = outcome_traits(o);

    size_t region = fleet_region_of(f, p->slot);

    f->counters->slot[region].inflight--;
    f->counters->slot[region].attempts[o]++;
    if (t->heals)
        note_ok(f, p->slot);
    averages_note_health(f, region, t);
    if (p->last_resort) {
        f->places[p->slot].last_resorts--;
        note_last_resort(f, p, t);
    }
    if (p->probe)
        permit_end_probe(f, p, t);
    else if (t->hurts)
        report(f, p, STORE_FAIL);
    else if (t->heals && !p->flowing)
        report(f, p, STORE_OK);
    if (t->cools || t->misconfigured)
        cool(f, o == OUTCOME_QUOTA ? region : p->slot, o, cool_ms);
}
