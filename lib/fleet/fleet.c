/* fleet.c - this worker's side of the fleet: joins its parts and hands them what is heard;
 * fleet.h has the contract. */
#include "fleet/fleet.h"

#include "base/clock.h"
#include "base/loop.h"
#include "fleet/fleet_parts.h"
#include "fleet/override.h"
#include "fleet/permit.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>

#define OPINION_MS                                                                             \
    10000 /* a success that old says that we can use a region; as in report.lua */

/* ---- what is counted ---- */

/* A region whose models have breakers shows the worst of them. */
static void show_state(struct fleet *f, size_t slot)
{
    size_t region = f->conf->slots[slot].region;
    const struct config_region *r = &f->conf->regions[region];
    struct fleet_slot_counters *m = f->counters->slot;

    m[slot].state = decider_get(&f->decider, slot)->st;
    m[slot].forced = override_now(&f->decider, slot, clock_mono_ms());
    for (size_t i = r->first_slot; i < r->first_slot + r->n_slots; i++)
        if (i == r->first_slot || m[i].state > m[region].state)
            m[region].state = m[i].state;
    if (decider_has_shared(&f->decider))
        f->counters->store_ver = decider_version(&f->decider);
}

static void show_stats(struct fleet *f)
{
    struct shared_state_stats st;

    decider_get_stats(&f->decider, &st);
    f->counters->store_commands = st.commands;
    f->counters->store_errors = st.errors + st.late;
    f->counters->store_pushes = st.pushes;
    f->counters->store_reconnects = st.reconnects;
}

/* ---- what is heard ---- */

/* Has the one who decides about slot changed?  A lease of the other one is worth nothing. */
static bool note_decider(struct fleet *f, size_t slot)
{
    bool local = decider_is_local(&f->decider, slot);

    if (local == f->regions[slot].is_local)
        return false;
    f->regions[slot].is_local = local;
    probe_lease_drop(&f->leases, slot);
    return true;
}

/* Said with the clock: where the fleet is about to follow us there is nothing to say. */
static void note_left(struct fleet *f, size_t slot)
{
    bool left = decider_has_left(&f->decider, slot);
    struct region_state *region = &f->regions[slot];

    if (left == region->has_left)
        return;
    region->has_left = left;
    log_at(left ? LOG_WARN : LOG_INFO, &f->log, "%s region=%s",
           left ? "region left by this router alone, the fleet keeps it"
                : "region as the fleet sees it again",
           f->conf->slots[slot].name);
}

static void note_slot(struct fleet *f, size_t slot, bool local)
{
    const struct view_slot *k;

    if (f->dead || (!note_decider(f, slot) && local != f->regions[slot].is_local))
        return;
    k = decider_get(&f->decider, slot);
    log_at(LOG_INFO, &f->log, "region state region=%s state=%s of=%s forced=%s epoch=%" PRIu64,
           f->conf->slots[slot].name, breaker_state_name(k->st),
           f->regions[slot].is_local ? "this_router" : "the_fleet",
           view_forced_name(override_now(&f->decider, slot, clock_mono_ms())), k->ep);
    probe_lease_epoch(&f->leases, slot, k->ep);
    f->regions[slot].last_resort_room = 0;
    show_state(f, slot);
}

/* A doubted trip: who could use the region a moment ago is asked for its opinion at once;
 * others give theirs with the next request they have. */
static void on_shared_slot(void *arg, size_t slot)
{
    struct fleet *f = arg;
    const struct view_slot *k = decider_announced(&f->decider, slot);
    struct region_state *region = &f->regions[slot];
    int64_t now_ms = clock_mono_ms();

    if (!f->dead)
        decider_heard(&f->decider, slot);
    note_slot(f, slot, false);
    region->doubt_until_ms = k->doubt                     ? k->until_ms
                             : k->st == BREAKER_HALF_OPEN ? region->doubt_until_ms
                                                          : 0;
    if (!f->dead && k->doubt && region->ok_ms != 0 && now_ms - region->ok_ms < OPINION_MS &&
        !decider_is_local(&f->decider, slot))
        probe_lease_ask(&f->leases, slot, now_ms);
}

static void on_local_slot(void *arg, size_t slot)
{
    note_slot(arg, slot, true);
}

static void on_overruled(void *arg, size_t slot, int64_t for_ms)
{
    struct fleet *f = arg;

    if (f->dead || !decider_is_attached(&f->decider))
        return;
    decider_trust_own(&f->decider, slot, for_ms, clock_mono_ms());
    note_decider(f, slot);
    show_state(f, slot);
}

/* Attached or away; once per change, said once. */
static void on_mode(void *arg, bool attached, const char *why)
{
    struct fleet *f = arg;

    (void)why;
    if (f->dead)
        return;
    for (size_t i = 0; i < f->conf->n_slots; i++)
        probe_lease_drop(&f->leases, i);
    decider_set_attached(&f->decider, attached); /* shared_state has said why, once */
    f->counters->store_attached = attached;
    for (size_t i = 0; i < f->conf->n_slots; i++) {
        note_decider(f, i);
        show_state(f, i);
    }
}

static void on_shared_probe(void *arg, const struct breakers_probe_answer *a)
{
    struct fleet *f = arg;

    if (!f->dead)
        probe_lease_answered(&f->leases, a, false, clock_mono_ms());
}

static void on_local_probe(void *arg, const struct breakers_probe_answer *a)
{
    struct fleet *f = arg;

    if (!f->dead)
        probe_lease_answered(&f->leases, a, true, clock_mono_ms());
}

static void on_check(void *arg, const struct shared_state_check_answer *a)
{
    struct fleet *f = arg;

    if (!f->dead && f->on_check != NULL)
        f->on_check(f->check_arg, a);
}

static void on_averages(void *arg, size_t region, const struct shared_state_measured *m)
{
    struct fleet *f = arg;

    if (!f->dead)
        averages_note_fleets(&f->averages, region, m);
}

/* ---- what comes with time ---- */

static void tick_slot(struct fleet *f, size_t slot, int64_t now_ms)
{
    probe_lease_drop_unused(&f->leases, slot, now_ms);
    if (decider_may_trust_fleet(&f->decider, slot, now_ms)) {
        decider_trust_fleet(&f->decider, slot);
        note_decider(f, slot);
    }
    note_left(f, slot);
    decider_note_own(&f->decider, slot);
    show_state(f, slot);
}

/* Every third of a lease's life. */
static void on_fleet_tick(evutil_socket_t fd, short what, void *arg)
{
    struct fleet *f = arg;
    int64_t now_ms = clock_mono_ms();

    (void)fd, (void)what;
    probe_lease_renew(&f->leases);
    for (size_t i = 0; i < f->conf->n_slots; i++)
        tick_slot(f, i, now_ms);
    if (decider_is_attached(&f->decider))
        state_file_tick(&f->file, &f->decider, now_ms);
    averages_tick(&f->averages, &f->decider, f->rand, now_ms);
    if (f->counters->requests != NULL)
        decider_set_load(&f->decider, (int)*f->counters->requests);
    show_stats(f);
}

static void start_tick(struct fleet *f, struct event_base *base)
{
    int64_t every_ms = 1000;

    for (size_t i = 0; i < f->conf->n_regions; i++)
        if (decider_rule(&f->decider, i)->probe_lease_ms / 3 < every_ms)
            every_ms = decider_rule(&f->decider, i)->probe_lease_ms / 3;
    struct timeval tv = {every_ms / 1000, every_ms % 1000 * 1000};

    f->tick = loop_event_new(base, -1, EV_PERSIST, on_fleet_tick, f);
    loop_event_add(f->tick, &tv);
}

/* ---- up and down ---- */

static int join(struct fleet *f, struct event_base *base, const char *router_id,
                struct err *err)
{
    const struct local_breakers_events local = {f, on_local_slot, on_local_probe};
    const struct shared_state_events shared = {.arg = f,
                                               .on_slot = on_shared_slot,
                                               .on_mode = on_mode,
                                               .on_probe = on_shared_probe,
                                               .on_check = on_check,
                                               .on_overruled = on_overruled,
                                               .on_averages = on_averages};

    return decider_open(&f->decider, base, router_id, &local, &shared, err);
}

struct fleet *fleet_new(struct event_base *base, const struct config *conf,
                        const char *router_id, struct rand *rand,
                        struct fleet_counters *counters, struct err *err)
{
    struct fleet *f = xcalloc(1, sizeof(*f));
    int rc;

    f->conf = conf;
    f->rand = rand;
    f->counters = counters;
    f->log = (struct log_ctx){.where = "fleet"};
    f->regions = xcalloc(conf->n_slots, sizeof(*f->regions));
    decider_init(&f->decider, conf);
    probe_lease_init(&f->leases, &f->decider, rand);
    averages_init(&f->averages, conf->n_regions);
    for (size_t i = 0; i < conf->n_regions; i++)
        counters->slot[i].health = health_score(&f->averages.regions[i].health);
    rc = join(f, base, router_id, err);
    if (rc == 0)
        start_tick(f, base);
    if (rc < 0) {
        fleet_free(f);
        return NULL;
    }
    return f;
}

void fleet_keep(struct fleet *f, const char *path)
{
    if (decider_has_shared(&f->decider)) /* else nobody said anything worth keeping */
        state_file_open(&f->file, path, &f->decider, clock_mono_ms());
}

void fleet_free(struct fleet *f)
{
    if (f == NULL)
        return;
    f->dead = true;
    if (decider_is_attached(&f->decider))
        state_file_save(&f->file, &f->decider, clock_mono_ms());
    state_file_release(&f->file);
    if (f->tick != NULL)
        event_free(f->tick);
    decider_release(&f->decider);
    probe_lease_release(&f->leases);
    averages_release(&f->averages);
    free(f->regions);
    free(f);
}

/* ---- questions ---- */

int64_t fleet_typical_ms(const struct fleet *f, size_t region, bool stream)
{
    const struct averages_region *a = &f->averages.regions[region];
    int64_t us = stream ? ewma_us(&a->first, a->fleets.first_us)
                        : ewma_us(&a->total, a->fleets.total_us);

    return us < 0 ? -1 : us / 1000;
}

void fleet_note_times(struct fleet *f, size_t region, int64_t first_us, int64_t total_us)
{
    averages_note_times(&f->averages, region, first_us, total_us);
}

bool fleet_region_usable(const struct fleet *f, size_t region, int64_t now_ms)
{
    const struct config_region *r = &f->conf->regions[region];

    for (size_t i = r->first_slot; i < r->first_slot + r->n_slots; i++)
        if (permit_return_ms(f, i, now_ms) == 0)
            return true;
    return r->n_slots == 0 && permit_return_ms(f, region, now_ms) == 0;
}

const char *fleet_mode(const struct fleet *f)
{
    return decider_mode(&f->decider);
}

bool fleet_is_awaited(const struct fleet *f)
{
    return !decider_is_informed(&f->decider);
}

const char *fleet_view(const struct fleet *f)
{
    return decider_view(&f->decider);
}

const char *fleet_generation(const struct fleet *f)
{
    return decider_generation(&f->decider);
}

uint64_t fleet_version(const struct fleet *f)
{
    return decider_version(&f->decider);
}

void fleet_describe(const struct fleet *f, size_t slot, int64_t now_ms,
                    struct fleet_region *out)
{
    const struct view_slot *k = decider_get(&f->decider, slot);
    const struct view_slot *override = override_of(&f->decider, slot, now_ms);
    const struct averages_region *a = /* of a model: its region's */
        &f->averages.regions[f->conf->slots[slot].region];
    int64_t lim_ms = decider_cools_until_ms(&f->decider, slot);
    bool waits = k->st == BREAKER_OPEN && k->until_ms > now_ms;

    *out = (struct fleet_region){
        .alone = decider_is_attached(&f->decider) && decider_is_local(&f->decider, slot),
        .state = k->st,
        .epoch = k->ep,
        .open_for_ms = waits ? k->until_ms - now_ms : 0,
        .cooling_for_ms = lim_ms > now_ms ? lim_ms - now_ms : 0,
        .forced = view_forced_now(override, now_ms),
        .share_percent = permit_share_percent(f, slot, now_ms),
        .reason = override->why,
        .health = health_score(&a->health),
        .fleet_health = a->fleets.health,
        .first_us = ewma_us(&a->first, a->fleets.first_us),
        .total_us = ewma_us(&a->total, a->fleets.total_us),
    };
}
