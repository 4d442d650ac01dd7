/* fleet.c - this worker's word on whether a region may have an attempt; fleet.h has the
 * contract.
 *
 * Two stores speak.  `shared` is the fleet's (NULL without a redis section); while it is
 * attached its verdict counts.  `local` hears the same evidence all the time and decides while
 * the shared one is away; what an operator forced, and how long a vendor asked us to stay away,
 * are kept from the last shared view.
 *
 * PROBES  An open region whose time has come needs a lease before anybody may try it.  The
 * lease is asked for when a request would like to go there and is kept as a lease for the next
 * request: no request waits for the answer.  A lease nobody used is given back at half of its
 * life, a probe in flight renews its lease every third of it.
 *
 * REJECTED  Asking for the lease on a timer: an idle fleet would hold leases all the time. */
#include "fleet/fleet_impl.h"

#include "base/clock.h"
#include "policy/ramp.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPINION_MS                                                                             \
    10000 /* a success that old says that we can use a region; as in report.lua */

uint64_t fleet_life(struct fleet *f)
{
    if (f->attached && strcmp(f->gen, store_gen(f->shared)) != 0) {
        f->life++;
        str_copy(f->gen, sizeof(f->gen), store_gen(f->shared));
    }
    return f->life;
}

void probe_lease_drop(struct fleet *f, size_t slot)
{
    struct probe_lease *t = &f->places[slot].lease;

    if (t->state == PROBE_LEASE_GRANTED)
        store_done(t->local ? f->local : f->shared, slot, t->epoch, t->token,
                   BREAKER_PROBE_ABANDON);
    t->state = PROBE_LEASE_NONE;
}

static void on_slot(struct fleet *f, size_t slot, const struct store *s)
{
    struct probe_lease *t = &f->places[slot].lease;
    const struct view_slot *k = store_get(s, slot);

    if (f->dead || s != fleet_decider(f, slot))
        return;
    log_at(LOG_INFO, &f->log, "region state region=%s state=%s forced=%s epoch=%" PRIu64,
           f->conf->slots[slot].name, breaker_state_name(k->st),
           view_forced_name(fleet_forced(f, slot, clock_mono_ms())), k->ep);
    if (t->state == PROBE_LEASE_GRANTED && t->epoch < k->ep)
        probe_lease_drop(f, slot); /* a probe under an older epoch would count for nothing */
    t->ask_again_ms = 0;
    f->places[slot].last_resort_room = 0;
    fleet_note_state(f, slot);
}

/* A doubted trip: who could use the region a moment ago is asked for its opinion at once;
 * others give theirs with the next request they have. */
static void on_shared_key(void *arg, size_t slot)
{
    struct fleet *f = arg;
    const struct view_slot *k = store_get(f->shared, slot);
    struct region_state *p = &f->places[slot];
    int64_t now_ms = clock_mono_ms();

    on_slot(f, slot, f->shared);
    p->doubt_until_ms = k->doubt                     ? k->until_ms
                        : k->st == BREAKER_HALF_OPEN ? p->doubt_until_ms
                                                     : 0;
    if (!f->dead && k->doubt && p->ok_ms != 0 && now_ms - p->ok_ms < OPINION_MS &&
        fleet_decider(f, slot) == f->shared)
        probe_lease_ask(f, slot, now_ms);
}

static void on_alone(void *arg, size_t slot, int64_t for_ms)
{
    local_verdict_begin(arg, slot, for_ms);
}

static void on_local_key(void *arg, size_t slot)
{
    struct fleet *f = arg;

    on_slot(f, slot, f->local);
}

/* Attached or away; once per change, said once. */
static void on_mode(void *arg, bool attached, const char *why)
{
    struct fleet *f = arg;

    (void)why;
    if (f->dead)
        return;
    for (size_t i = 0; i < f->conf->n_slots; i++)
        probe_lease_drop(f, i);
    f->attached = attached;
    f->counters->store_attached = attached;
    if (!attached) /* the store has said why, once */
        local_verdict_adopt(f);
    for (size_t i = 0; i < f->conf->n_slots; i++)
        fleet_note_state(f, i);
}

static void on_local_mode(void *arg, bool attached, const char *why)
{
    (void)arg, (void)attached, (void)why; /* memory never goes away */
}

static void on_probe(struct fleet *f, const struct store_probe_answer *a, bool local)
{
    struct probe_lease *t = &f->places[a->slot].lease;
    struct store *s = local ? f->local : f->shared;

    if (f->dead)
        return;
    if (t->state != PROBE_LEASE_ASKED || t->token != a->token || t->local != local) {
        if (a->grant == BREAKER_GRANTED) /* nobody waits for it any more */
            store_done(s, a->slot, a->epoch, a->token, BREAKER_PROBE_ABANDON);
        return;
    }
    if (a->grant == BREAKER_GRANTED) {
        t->state = PROBE_LEASE_GRANTED;
        t->epoch = a->epoch;
        t->since_ms = clock_mono_ms();
        return;
    }
    t->state = PROBE_LEASE_NONE;
    t->ask_again_ms = clock_mono_ms() + (a->wait_ms > 10 ? a->wait_ms : 10);
    if (t->ask_again_ms > clock_mono_ms() + 1000)
        t->ask_again_ms = clock_mono_ms() + 1000; /* a slot may fall free at any time */
}

static void on_shared_probe(void *arg, const struct store_probe_answer *a)
{
    on_probe(arg, a, false);
}

static void on_local_probe(void *arg, const struct store_probe_answer *a)
{
    on_probe(arg, a, true);
}

/* Every third of a lease's life: renew what runs, give back what nobody used. */
static void on_fleet_tick(evutil_socket_t fd, short what, void *arg)
{
    struct fleet *f = arg;
    int64_t now_ms = clock_mono_ms();
    struct store_stats st;

    (void)fd, (void)what;
    for (struct permit *p = f->probes; p != NULL; p = p->next)
        store_probe_renew(p->local_epoch != 0 ? f->local : f->shared, p->slot, p->token);
    for (size_t i = 0; i < f->conf->n_slots; i++) {
        struct probe_lease *t = &f->places[i].lease;

        if (t->state == PROBE_LEASE_GRANTED &&
            now_ms - t->since_ms >= fleet_rule(f, i)->probe_lease_ms / 2)
            probe_lease_drop(f, i);
        local_verdict_tick(f, i, now_ms);
        fleet_note_state(f, i);
    }
    if (f->shared == NULL)
        return;
    state_file_tick(f, now_ms);
    averages_tick(f, now_ms);
    if (f->counters->requests != NULL)
        store_set_load(f->shared, (int)*f->counters->requests);
    store_get_stats(f->shared, &st);
    f->counters->store_commands = st.commands;
    f->counters->store_errors = st.errors + st.late;
    f->counters->store_pushes = st.pushes;
    f->counters->store_reconnects = st.reconnects;
}

static int start_tick(struct fleet *f, struct event_base *base)
{
    int64_t every_ms = 1000;

    for (size_t i = 0; i < f->conf->n_regions; i++)
        if (fleet_rule(f, i)->probe_lease_ms / 3 < every_ms)
            every_ms = fleet_rule(f, i)->probe_lease_ms / 3;
    struct timeval tv = {every_ms / 1000, every_ms % 1000 * 1000};

    f->tick = event_new(base, -1, EV_PERSIST, on_fleet_tick, f);
    return event_add(f->tick, &tv);
}

static void describe_keys(const struct fleet *f, const char **slots, struct store_rule *rules)
{
    for (size_t i = 0; i < f->conf->n_slots; i++) {
        const struct config_breaker *b = fleet_rule(f, i);

        slots[i] = f->conf->slots[i].name;
        rules[i] = (struct store_rule){.breaker = b->rule,
                                       .probe_lease_ms = b->probe_lease_ms,
                                       .trip_confirm = b->trip_confirm};
    }
}

struct fleet *fleet_new(struct event_base *base, const struct config *conf,
                        const char *router_id, struct rand *rand,
                        struct fleet_counters *counters, struct err *err)
{
    struct fleet *f = xcalloc(1, sizeof(*f));
    const char **slots = xcalloc(conf->n_slots, sizeof(*slots));
    struct store_rule *rules = xcalloc(conf->n_slots, sizeof(*rules));
    char host[64] = "";

    gethostname(host, sizeof(host) - 1);
    f->conf = conf;
    f->rand = rand;
    f->counters = counters;
    f->log = (struct log_ctx){.where = "fleet"};
    f->places = xcalloc(conf->n_slots, sizeof(*f->places));
    describe_keys(f, slots, rules);
    averages_start(f);
    struct store_conf sc = {
        .fleet = conf->fleet,
        .router_id = router_id,
        .host = host,
        .version = SLUICE_VERSION,
        .config_digest = conf->digest,
        .slots = slots,
        .rules = rules,
        .n_slots = conf->n_slots,
        .url = conf->redis.url,
        .subscribe_url = conf->redis.subscribe_url,
        .tls = {conf->redis.ca_file, conf->redis.cert_file, conf->redis.key_file},
        .command_timeout_ms = conf->redis.command_timeout_ms,
        .connect_timeout_ms = conf->redis.connect_timeout_ms,
        .sync_ms = conf->redis.sync_ms,
    };
    struct store_events local = {.arg = f,
                                 .on_slot = on_local_key,
                                 .on_mode = on_local_mode,
                                 .on_probe = on_local_probe};
    struct store_events shared = {.arg = f,
                                  .on_slot = on_shared_key,
                                  .on_mode = on_mode,
                                  .on_probe = on_shared_probe,
                                  .on_check = fleet_take_check,
                                  .on_alone = on_alone,
                                  .on_share = averages_take};

    f->local = local_breakers_new(base, &sc, &local);
    if (conf->redis.enabled) {
        f->shared = store_redis_new(base, &sc, &shared, err);
        if (f->shared == NULL) {
            fleet_free(f);
            f = NULL;
        }
    }
    free(slots);
    free(rules);
    if (f != NULL && start_tick(f, base) < 0) {
        err_set(err, ERR_IO, "cannot start the fleet's timer");
        fleet_free(f);
        f = NULL;
    }
    return f;
}

void fleet_free(struct fleet *f)
{
    if (f == NULL)
        return;
    f->dead = true;
    state_file_close(f);
    if (f->tick != NULL)
        event_free(f->tick);
    store_free(f->shared);
    store_free(f->local);
    free(f->places);
    free(f);
}

void probe_lease_ask(struct fleet *f, size_t slot, int64_t now_ms)
{
    struct probe_lease *t = &f->places[slot].lease;

    if (t->state != PROBE_LEASE_NONE || now_ms < t->ask_again_ms)
        return;
    t->state = PROBE_LEASE_ASKED;
    t->local = fleet_decider(f, slot) == f->local;
    t->token = rand_u64(f->rand) >> 11 | 1; /* below 2^53: safe in Lua numbers and JSON */
    store_probe(fleet_decider(f, slot), slot, t->token);
}

static int share_percent(const struct fleet *f, size_t slot, int64_t now_ms)
{
    const struct view_slot *k = fleet_slot(f, slot);

    if (k->st != BREAKER_CLOSED || k->ramp_ms == 0)
        return 100;
    return ramp_share_percent(now_ms, k->ramp_ms, fleet_rule(f, slot)->recovery_ramp_ms);
}

static bool is_its_turn(struct fleet *f, size_t slot, int64_t now_ms)
{
    int share = share_percent(f, slot, now_ms);

    return share >= 100 || rand_below(f->rand, 100) < (uint64_t)share;
}

enum picker_why fleet_ask_as(struct fleet *f, size_t slot, bool again, int64_t now_ms)
{
    const struct cooling *cooling = &f->places[slot].cooling;
    int64_t lim_ms = fleet_cools_until_ms(f, slot);
    const struct view_slot *k = fleet_slot(f, slot);
    enum view_forced forced = fleet_forced(f, slot, now_ms);

    if (forced == VIEW_DOWN)
        return PICKER_FORCED_DOWN;
    if (forced == VIEW_DRAIN)
        return PICKER_DRAINING;
    if (lim_ms > now_ms && !(again && cooling_is_guess(cooling, lim_ms, now_ms)))
        return PICKER_COOLING;
    if (forced == VIEW_UP)
        return PICKER_USABLE;
    if (k->st == BREAKER_CLOSED)
        return is_its_turn(f, slot, now_ms) ? PICKER_USABLE : PICKER_RAMPING;
    if (k->st == BREAKER_OPEN && now_ms < k->until_ms && !k->doubt)
        return PICKER_OPEN;
    if (f->places[slot].lease.state == PROBE_LEASE_GRANTED)
        return PICKER_USABLE;
    probe_lease_ask(f, slot, now_ms);
    return PICKER_OPEN;
}

bool fleet_may_last_resort(const struct fleet *f, size_t slot, int64_t now_ms,
                           int64_t *until_ms)
{
    const struct view_slot *k = fleet_slot(f, slot);
    const struct region_state *place = &f->places[slot];

    (void)now_ms;
    *until_ms = k->st == BREAKER_OPEN ? k->until_ms : 0;
    return k->st != BREAKER_CLOSED &&
           place->last_resorts < FLEET_LAST_RESORTS_MAX + place->last_resort_room;
}

int64_t fleet_return_ms(const struct fleet *f, size_t slot, int64_t now_ms)
{
    const struct view_slot *k = fleet_slot(f, slot);
    const struct view_slot *said = fleet_override(f, slot, now_ms);
    enum view_forced forced = view_forced_now(said, now_ms);
    int64_t back_ms = now_ms;

    if (forced == VIEW_DOWN || forced == VIEW_DRAIN) {
        if (said->forced_until_ms == VIEW_NEVER)
            return -1;
        back_ms = said->forced_until_ms;
    }
    if (forced != VIEW_UP && k->st == BREAKER_OPEN && k->until_ms > back_ms)
        back_ms = k->until_ms;
    if (fleet_cools_until_ms(f, slot) > back_ms)
        back_ms = fleet_cools_until_ms(f, slot);
    return back_ms - now_ms;
}

const char *fleet_mode(const struct fleet *f)
{
    return f->shared == NULL ? "alone" : f->attached ? "attached" : "away";
}

void fleet_describe(const struct fleet *f, size_t slot, int64_t now_ms,
                    struct fleet_region *out)
{
    const struct view_slot *k = fleet_slot(f, slot);
    const struct view_slot *said = fleet_override(f, slot, now_ms);
    const struct region_state *place = &f->places[slot];
    int64_t lim_ms = fleet_cools_until_ms(f, slot);
    bool waits = k->st == BREAKER_OPEN && k->until_ms > now_ms;

    *out = (struct fleet_region){
        .alone = f->attached && f->places[slot].local_until_ms != 0,
        .state = k->st,
        .epoch = k->ep,
        .open_for_ms = waits ? k->until_ms - now_ms : 0,
        .cooling_for_ms = lim_ms > now_ms ? lim_ms - now_ms : 0,
        .forced = view_forced_now(said, now_ms),
        .share_percent = share_percent(f, slot, now_ms),
        .reason = said->why,
        .health = health_score(&place->health),
        .fleet_health = place->fleets.health,
        .first_us = ewma_us(&place->first, place->fleets.first_us),
        .total_us = ewma_us(&place->total, place->fleets.total_us),
    };
}

const char *fleet_generation(const struct fleet *f)
{
    return f->shared != NULL ? store_gen(f->shared) : "";
}

uint64_t fleet_version(const struct fleet *f)
{
    return store_ver(f->shared != NULL ? f->shared : f->local);
}
