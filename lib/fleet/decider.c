/* decider.c - whose verdict counts; decider.h has the contract.
 *
 * TWO LEVELS  Our own breaker runs on our own evidence all the time.  It takes a slot from us
 * while the fleet keeps it, and its own probes bring it back, so that a host whose way to a
 * region is broken neither goes on asking nor takes it from the others.  When the fleet's
 * breaker closes, it has better news than our last failures: ours starts anew.
 *
 * OVERRULED  A trip that this router had a part in was overruled by another one's probe: the
 * trouble is on our side.  Then our own breaker alone decides about the region, and the fleet's
 * verdict is back when the time is over and our breaker has closed by probes of its own.
 *
 * REJECTED  The fleet's verdict as soon as the time is over: a host whose network stays broken
 * would trip the region for everybody again, if only for one probe. */
#include "fleet/decider.h"

#include "base/str.h"
#include "base/version.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OVERRULED "others_can_use_it"

void decider_init(struct decider *d, const struct config *conf)
{
    *d = (struct decider){.conf = conf, .log = {.where = "fleet"}};
    d->slots = xcalloc(conf->n_slots, sizeof(*d->slots));
}

const struct config_breaker *decider_rule(const struct decider *d, size_t slot)
{
    return &d->conf->regions[d->conf->slots[slot].region].breaker;
}

static void describe_slots(const struct decider *d, const char **slots,
                           struct breakers_rule *rules)
{
    for (size_t i = 0; i < d->conf->n_slots; i++) {
        const struct config_breaker *b = decider_rule(d, i);

        slots[i] = d->conf->slots[i].name;
        rules[i] = (struct breakers_rule){.breaker = b->rule,
                                          .probe_lease_ms = b->probe_lease_ms,
                                          .trip_confirm = b->trip_confirm};
    }
}

static struct shared_state *open_shared(const struct decider *d, struct event_base *base,
                                        const struct local_breakers_conf *lc,
                                        const struct shared_state_events *ev, struct err *err)
{
    const struct config *conf = d->conf;
    char host[64] = "";

    gethostname(host, sizeof(host) - 1);
    struct shared_state_conf sc = {
        .fleet = conf->fleet,
        .router_id = lc->router_id,
        .host = host,
        .version = version_text(),
        .config_digest = conf->digest,
        .slots = lc->slots,
        .rules = lc->rules,
        .n_slots = lc->n_slots,
        .url = conf->redis.url,
        .subscribe_url = conf->redis.subscribe_url,
        .tls = {.ca_file = conf->redis.ca_file,
                .cert_file = conf->redis.cert_file,
                .key_file = conf->redis.key_file},
        .command_timeout_ms = conf->redis.command_timeout_ms,
        .connect_timeout_ms = conf->redis.connect_timeout_ms,
        .sync_ms = conf->redis.sync_ms,
    };

    return shared_state_new(base, &sc, ev, err);
}

int decider_open(struct decider *d, struct event_base *base, const char *router_id,
                 const struct local_breakers_events *local,
                 const struct shared_state_events *shared, struct err *err)
{
    const char **slots = xcalloc(d->conf->n_slots, sizeof(*slots));
    struct breakers_rule *rules = xcalloc(d->conf->n_slots, sizeof(*rules));
    const struct local_breakers_conf lc = {router_id, slots, rules, d->conf->n_slots};

    describe_slots(d, slots, rules);
    d->local = local_breakers_new(base, &lc, local);
    if (d->conf->redis.enabled)
        d->shared = open_shared(d, base, &lc, shared, err);
    free(slots);
    free(rules);
    return d->shared != NULL || !d->conf->redis.enabled ? 0 : -1;
}

void decider_release(struct decider *d)
{
    shared_state_free(d->shared);
    local_breakers_free(d->local);
    free(d->slots);
}

/* ---- the fleet's shared state ---- */

const char *decider_mode(const struct decider *d)
{
    return d->shared == NULL ? "alone" : d->attached ? "attached" : "away";
}

bool decider_has_shared(const struct decider *d)
{
    return d->shared != NULL;
}

bool decider_is_attached(const struct decider *d)
{
    return d->attached;
}

bool decider_is_informed(const struct decider *d)
{
    return d->shared == NULL || d->attached || (d->heard && d->restored);
}

const char *decider_view(const struct decider *d)
{
    return decider_generation(d)[0] != '\0' ? "fleet" : d->restored ? "file" : "own";
}

/* What our own breaker keeps us from it goes on keeping us from. */
static void adopt(struct decider *d)
{
    for (size_t i = 0; i < shared_state_count(d->shared); i++) {
        bool own = (decider_trusts_own(d, i) || decider_has_left(d, i)) &&
                   local_breakers_get(d->local, i)->st != BREAKER_CLOSED;

        local_breakers_adopt(d->local, shared_state_get(d->shared, i), i, own);
    }
}

void decider_set_attached(struct decider *d, bool attached)
{
    d->heard = true;
    if (!attached)
        adopt(d);
    d->attached = attached;
    for (size_t i = 0; attached && i < d->conf->n_slots; i++)
        d->slots[i].ep = shared_state_get(d->shared, i)->ep;
    decider_life(d);
}

uint64_t decider_version(const struct decider *d)
{
    return d->shared != NULL ? shared_state_ver(d->shared) : local_breakers_ver(d->local);
}

const char *decider_generation(const struct decider *d)
{
    return d->shared != NULL ? shared_state_gen(d->shared) : "";
}

void decider_get_stats(const struct decider *d, struct shared_state_stats *out)
{
    *out = (struct shared_state_stats){0};
    if (d->shared != NULL)
        shared_state_get_stats(d->shared, out);
}

int decider_save(const struct decider *d, struct buf *out)
{
    return d->shared != NULL ? shared_state_save(d->shared, out) : -1;
}

int decider_restore(struct decider *d, struct str text, struct err *err)
{
    if (shared_state_restore(d->shared, text, err) < 0)
        return -1;
    d->restored = true;
    adopt(d);
    return 0;
}

void decider_set_load(struct decider *d, int inflight)
{
    if (d->shared != NULL)
        shared_state_set_load(d->shared, inflight);
}

void decider_average(struct decider *d, const struct shared_state_measure *of, size_t n)
{
    if (d->attached)
        shared_state_average(d->shared, of, n);
}

bool decider_check_lease(struct decider *d, size_t slot, int64_t lease_ms,
                         const struct shared_state_check *seen, int64_t took_ms)
{
    return d->attached && shared_state_check(d->shared, slot, lease_ms, seen, took_ms);
}

/* ---- verdicts ---- */

bool decider_has_left(const struct decider *d, size_t slot)
{
    return d->attached && local_breakers_get(d->local, slot)->st != BREAKER_CLOSED &&
           shared_state_get(d->shared, slot)->st == BREAKER_CLOSED;
}

bool decider_is_local(const struct decider *d, size_t slot)
{
    return !d->attached || decider_trusts_own(d, slot) || decider_has_left(d, slot);
}

void decider_heard(struct decider *d, size_t slot)
{
    const struct view_slot *k = decider_announced(d, slot);
    uint64_t life = d->life;
    bool news = k->ep != d->slots[slot].ep && decider_life(d) == life;

    d->slots[slot].ep = k->ep;
    if (!d->attached)
        return;
    local_breakers_force(d->local, slot, k->forced, k->forced_until_ms);
    if (news && k->st == BREAKER_CLOSED && !decider_trusts_own(d, slot))
        local_breakers_close(d->local, slot, k->ramp_ms);
}

const struct view_slot *decider_get(const struct decider *d, size_t slot)
{
    return decider_is_local(d, slot) ? local_breakers_get(d->local, slot)
                                     : shared_state_get(d->shared, slot);
}

const struct view_slot *decider_announced(const struct decider *d, size_t slot)
{
    return d->shared != NULL ? shared_state_get(d->shared, slot)
                             : local_breakers_get(d->local, slot);
}

/* Who says the longest of slot: the fleet or we. */
static const struct view_slot *longest(const struct decider *d, size_t slot)
{
    const struct view_slot *fleets = decider_announced(d, slot),
                           *own = local_breakers_get(d->local, slot);

    return fleets->lim_ms > own->lim_ms ? fleets : own;
}

/* The same of slot and of its region. */
static const struct view_slot *cools(const struct decider *d, size_t slot)
{
    const struct view_slot *k = longest(d, slot),
                           *regions = longest(d, d->conf->slots[slot].region);

    return k->lim_ms > regions->lim_ms ? k : regions;
}

int64_t decider_cools_until_ms(const struct decider *d, size_t slot)
{
    return cools(d, slot)->lim_ms;
}

enum cooling_why decider_cools_why(const struct decider *d, size_t slot)
{
    return cools(d, slot)->cools;
}

uint64_t decider_life(struct decider *d)
{
    if (d->attached && strcmp(d->gen, shared_state_gen(d->shared)) != 0) {
        d->life++;
        str_copy(d->gen, sizeof(d->gen), shared_state_gen(d->shared));
    }
    return d->life;
}

/* ---- evidence ---- */

void decider_begin(struct decider *d, size_t slot, struct decider_epochs *out)
{
    *out = (struct decider_epochs){.local = local_breakers_get(d->local, slot)->ep,
                                   .life = decider_life(d)};
    if (!decider_is_local(d, slot))
        out->shared = shared_state_get(d->shared, slot)->ep;
}

struct window_counts decider_own_counts(const struct decider *d, size_t slot)
{
    return local_breakers_get_counts(d->local, slot);
}

void decider_note_own(struct decider *d, size_t slot)
{
    struct shared_state_own own = {.has_left = decider_has_left(d, slot)};

    if (d->shared == NULL)
        return;
    local_breakers_get_part(d->local, slot, &own.failing, &own.slow);
    shared_state_set_own(d->shared, slot, &own);
}

void decider_report(struct decider *d, size_t slot, const struct decider_epochs *began,
                    enum breakers_evidence what, bool slow)
{
    bool is_known = (what == BREAKERS_FAIL || slow) && decider_has_left(d, slot);

    if (began->local != 0)
        local_breakers_report(d->local, slot, began->local, what, slow);
    decider_note_own(d, slot);
    if (began->shared != 0 && d->attached && !is_known && began->life == decider_life(d))
        shared_state_report(d->shared, slot, began->shared, what, slow);
}

void decider_cool(struct decider *d, size_t slot, int64_t for_ms, int times,
                  enum cooling_why why)
{
    if (times > 0)
        local_breakers_cool(d->local, slot, for_ms, why);
    if (d->shared != NULL)
        shared_state_cool(d->shared, slot, for_ms, times, why);
}

/* ---- probes ---- */

bool decider_probe(struct decider *d, size_t slot, uint64_t token)
{
    bool local = decider_is_local(d, slot);

    if (local)
        local_breakers_probe(d->local, slot, token);
    else
        shared_state_probe(d->shared, slot, token);
    return local;
}

void decider_probe_renew(struct decider *d, bool local, size_t slot, uint64_t token)
{
    if (local)
        local_breakers_probe_renew(d->local, slot, token);
    else
        shared_state_probe_renew(d->shared, slot, token);
}

void decider_probe_done(struct decider *d, bool local, size_t slot, uint64_t epoch,
                        uint64_t token, enum breaker_verdict verdict)
{
    if (local)
        local_breakers_done(d->local, slot, epoch, token, verdict);
    else
        shared_state_done(d->shared, slot, epoch, token, verdict);
}

/* ---- our own breaker ---- */

bool decider_trusts_own(const struct decider *d, size_t slot)
{
    return d->slots[slot].own_until_ms != 0;
}

void decider_trust_own(struct decider *d, size_t slot, int64_t for_ms, int64_t now_ms)
{
    if (!decider_trusts_own(d, slot)) {
        local_breakers_trip(d->local, slot, OVERRULED);
        log_at(
            LOG_WARN, &d->log,
            "region avoided by this router alone, others can use it region=%s for_ms=%" PRId64,
            d->conf->slots[slot].name, for_ms);
    }
    d->slots[slot].own_until_ms = now_ms + (for_ms > 0 ? for_ms : 1);
}

bool decider_may_trust_fleet(const struct decider *d, size_t slot, int64_t now_ms)
{
    return decider_trusts_own(d, slot) && now_ms >= d->slots[slot].own_until_ms &&
           local_breakers_get(d->local, slot)->st == BREAKER_CLOSED;
}

void decider_trust_fleet(struct decider *d, size_t slot)
{
    d->slots[slot].own_until_ms = 0;
    log_at(LOG_INFO, &d->log, "region as the fleet sees it again region=%s",
           d->conf->slots[slot].name);
}
