/* permit.c - one attempt's way through the fleet: may it be, what it began under, what it
 * showed.
 *
 * Evidence goes to both breakers, each under its own epoch.  A probe's outcome goes only to the
 * one that granted its lease; a last resort's to nobody. */
#include "fleet/permit.h"

#include "base/clock.h"
#include "policy/ramp.h"
#include "fleet/fleet_parts.h"
#include "fleet/override.h"

#include <inttypes.h>

#define REFUSALS     3       /* of our key, in a row, before we stay away; as in cool.lua */
#define REFUSALS_MAX 1000000 /* counted so far; as in lua/common.lua */

/* ---- may it be ---- */

int permit_share_percent(const struct fleet *f, size_t slot, int64_t now_ms)
{
    const struct view_slot *k = decider_get(&f->decider, slot);
    int64_t ramp_ms = decider_rule(&f->decider, slot)->recovery_ramp_ms;

    if (k->st != BREAKER_CLOSED)
        return 100;
    int back = k->ramp_ms != 0 ? ramp_share_percent(now_ms, k->ramp_ms, ramp_ms) : 100;
    int left = ramp_left_percent(&f->regions[slot].ramp, now_ms, ramp_ms);

    return left < back ? left : back;
}

static bool is_its_turn(const struct fleet *f, size_t slot, int64_t now_ms)
{
    int share = permit_share_percent(f, slot, now_ms);

    return share >= 100 || rand_below(f->rand, 100) < (uint64_t)share;
}

/* A doubted trip may be overruled by whoever can use the slot: its open time does not count. */
static bool is_due(const struct view_slot *k, int64_t now_ms)
{
    return k->st == BREAKER_HALF_OPEN ||
           (k->st == BREAKER_OPEN && (now_ms >= k->until_ms || k->doubt));
}

enum picker_why permit_check(const struct fleet *f, size_t slot, enum permit_asker asker,
                             int64_t now_ms)
{
    const struct cooling *cooling = &f->regions[slot].cooling;
    int64_t lim_ms = decider_cools_until_ms(&f->decider, slot);
    const struct view_slot *k = decider_get(&f->decider, slot);
    enum view_forced forced = override_now(&f->decider, slot, now_ms);

    if (forced == VIEW_DOWN)
        return PICKER_FORCED_DOWN;
    if (forced == VIEW_DRAIN)
        return PICKER_DRAINING;
    if (lim_ms > now_ms &&
        !(asker == PERMIT_ASKER_BACKED_OFF && cooling_is_guess(cooling, lim_ms, now_ms)))
        return PICKER_COOLING;
    if (forced == VIEW_UP)
        return PICKER_USABLE;
    if (k->st == BREAKER_CLOSED)
        return is_its_turn(f, slot, now_ms) ? PICKER_USABLE : PICKER_RAMPING;
    return is_due(k, now_ms) && probe_lease_is_held(&f->leases, slot) ? PICKER_USABLE
                                                                      : PICKER_OPEN;
}

void permit_want(struct fleet *f, size_t slot, int64_t now_ms)
{
    if (is_due(decider_get(&f->decider, slot), now_ms))
        probe_lease_ask(&f->leases, slot, now_ms);
}

bool permit_may_last_resort(const struct fleet *f, size_t slot, int64_t *until_ms)
{
    const struct view_slot *k = decider_get(&f->decider, slot);
    const struct region_state *region = &f->regions[slot];

    *until_ms = k->st == BREAKER_OPEN ? k->until_ms : 0;
    return k->st != BREAKER_CLOSED &&
           region->last_resorts < PERMIT_LAST_RESORTS_MAX + region->last_resort_room;
}

bool permit_awaits_last_resort(const struct fleet *f, size_t slot)
{
    int64_t until_ms;

    return f->regions[slot].last_resorts > 0 && !permit_may_last_resort(f, slot, &until_ms) &&
           decider_get(&f->decider, slot)->st != BREAKER_CLOSED;
}

int64_t permit_return_ms(const struct fleet *f, size_t slot, int64_t now_ms)
{
    const struct view_slot *k = decider_get(&f->decider, slot);
    const struct view_slot *override = override_of(&f->decider, slot, now_ms);
    enum view_forced forced = view_forced_now(override, now_ms);
    int64_t back_ms = now_ms, cools_until_ms = decider_cools_until_ms(&f->decider, slot);

    if (forced == VIEW_DOWN || forced == VIEW_DRAIN) {
        if (override->forced_until_ms == VIEW_NEVER)
            return -1;
        back_ms = override->forced_until_ms;
    }
    if (forced != VIEW_UP && k->st == BREAKER_OPEN && k->until_ms > back_ms)
        back_ms = k->until_ms;
    return (cools_until_ms > back_ms ? cools_until_ms : back_ms) - now_ms;
}

bool permit_is_well(const struct fleet *f, size_t slot)
{
    return !f->regions[slot].failing;
}

bool permit_is_doubted(const struct fleet *f, size_t slot)
{
    return !permit_is_well(f, slot) || decider_get(&f->decider, slot)->st != BREAKER_CLOSED;
}

enum outcome permit_cools_for(const struct fleet *f, size_t slot)
{
    static const enum outcome of[N_COOLING_WHY] = {
        [COOLING_WHY_THROTTLED] = OUTCOME_THROTTLED,
        [COOLING_WHY_QUOTA] = OUTCOME_QUOTA,
        [COOLING_WHY_AUTH] = OUTCOME_AUTH,
    };

    return of[decider_cools_why(&f->decider, slot)];
}

/* ---- one attempt ---- */

static void show_averages(struct fleet *f, size_t region)
{
    const struct averages_region *a = &f->averages.regions[region];

    f->counters->slot[region].inflight = a->inflight;
    f->counters->slot[region].health = health_score(&a->health);
}

void permit_begin(struct fleet *f, size_t slot, bool last_resort, int64_t now_ms,
                  struct permit *p)
{
    size_t region = f->conf->slots[slot].region;
    struct fleet_slot_counters *m = &f->counters->slot[region];

    *p = (struct permit){.slot = slot, .last_resort = last_resort};
    averages_note_start(&f->averages, region);
    show_averages(f, region);
    if (last_resort) {
        f->regions[slot].last_resorts++;
        m->last_resorts++;
    } else if (decider_get(&f->decider, slot)->st != BREAKER_CLOSED &&
               override_now(&f->decider, slot, now_ms) != VIEW_UP &&
               probe_lease_is_held(&f->leases, slot)) {
        p->is_probe = true;
        probe_lease_take(&f->leases, slot, &p->probe);
        m->probes++;
    } else {
        decider_begin(&f->decider, slot, &p->began);
    }
}

/* A last resort began under no epoch, so nobody hears of it. */
static void report(struct fleet *f, const struct permit *p, enum breakers_evidence what)
{
    int64_t slow_ms = decider_rule(&f->decider, p->slot)->slow_ms;

    decider_report(&f->decider, p->slot, &p->began, what, slow_ms > 0 && p->took_ms > slow_ms);
}

/* A failure that was reported just now: the slot may have a smaller share. */
static void weigh_down(struct fleet *f, const struct permit *p)
{
    struct window_counts seen = decider_own_counts(&f->decider, p->slot);
    int64_t now_ms = clock_mono_ms();
    int share = permit_share_percent(f, p->slot, now_ms);
    struct ramp *ramp = &f->regions[p->slot].ramp;

    if (p->last_resort || decider_get(&f->decider, p->slot)->st != BREAKER_CLOSED ||
        !ramp_cut(ramp, share, seen.ok + seen.fail, seen.fail, now_ms,
                  decider_rule(&f->decider, p->slot)->recovery_ramp_ms))
        return;
    if (share == 100)
        log_at(LOG_WARN, &f->log, "region fails often, its share is cut region=%s percent=%d",
               f->conf->slots[p->slot].name, ramp->cut_percent);
}

/* A region that answers though it is open is trusted with more, step by step: when nothing else
 * is left, its open time must not outlast the outage.  The shared state hears nothing of it. */
static void note_last_resort(struct fleet *f, const struct permit *p,
                             const struct outcome_traits *t)
{
    int *room = &f->regions[p->slot].last_resort_room;

    if (t->hurts)
        *room = 0;
    else if (t->heals && !p->flowing && *room < PERMIT_LAST_RESORT_ROOM_MAX)
        ++*room;
}

static void note_ok(struct fleet *f, size_t slot)
{
    f->regions[slot].ok_ms = clock_mono_ms();
    f->regions[slot].auths = 0;
    f->regions[slot].provoked_by = 0;
}

void permit_flowing(struct fleet *f, struct permit *p)
{
    if (p->flowing || p->is_probe)
        return;
    if (p->last_resort)
        note_last_resort(f, p, outcome_traits(OUTCOME_OK));
    p->flowing = true;
    note_ok(f, p->slot);
    report(f, p, BREAKERS_OK);
}

enum breaker_verdict permit_probe_verdict(const struct outcome_traits *t)
{
    return t->hurts ? BREAKER_PROBE_FAIL : t->heals ? BREAKER_PROBE_OK : BREAKER_PROBE_ABANDON;
}

/* How often in a row we were refused, as a decision to stay away; 0: it is none yet.  One
 * refusal of our key may be the vendor's slip; so many in a row are our config's. */
static int refusals(struct region_state *region, enum outcome o)
{
    if (o != OUTCOME_AUTH)
        return 1;
    if (region->auths < REFUSALS_MAX)
        region->auths++;
    return region->auths >= REFUSALS ? region->auths : 0;
}

static void cool(struct fleet *f, size_t slot, enum outcome o, int64_t stated_ms)
{
    struct region_state *region = &f->regions[slot];
    int64_t cool_ms = COOLING_AUTH_MS;
    int times = refusals(region, o);

    if (times > 0) {
        cool_ms = cooling_note(&region->cooling, o, stated_ms, clock_mono_ms());
        if (cool_ms == 0)
            return;
        log_at(LOG_WARN, &f->log, "region cooling region=%s outcome=%s for_ms=%" PRId64,
               f->conf->slots[slot].name, outcome_traits(o)->name, cool_ms);
    }
    decider_cool(&f->decider, slot, cool_ms, times, cooling_why_of(o));
}

/* One client's 403s and 409s may be that client's alone: what it asks for, a lock it holds. */
static bool is_evidence(struct region_state *region, uint64_t client)
{
    bool seen_by_another = region->provoked_by != 0 && region->provoked_by != client;

    if (client != 0)
        region->provoked_by = client;
    return client == 0 || seen_by_another;
}

void permit_end(struct fleet *f, struct permit *p, enum outcome o, int64_t cool_ms)
{
    bool counts = is_evidence(&f->regions[p->slot], p->client);
    const struct outcome_traits *t = outcome_traits(counts ? o : OUTCOME_ABORTED);
    size_t region = f->conf->slots[p->slot].region;

    if (t->hurts || t->heals)
        f->regions[p->slot].failing = t->hurts;
    f->counters->slot[region].attempts[o]++;
    if (t->heals)
        note_ok(f, p->slot);
    averages_note_end(&f->averages, region, t);
    show_averages(f, region);
    if (p->last_resort) {
        f->regions[p->slot].last_resorts--;
        note_last_resort(f, p, t);
    }
    if (p->is_probe)
        probe_lease_end(&f->leases, &p->probe, permit_probe_verdict(t));
    else if (t->hurts) {
        report(f, p, BREAKERS_FAIL);
        weigh_down(f, p);
    } else if (t->heals && !p->flowing)
        report(f, p, BREAKERS_OK);
    if (t->cools || t->misconfigured)
        cool(f, o == OUTCOME_QUOTA ? region : p->slot, o, cool_ms);
}
