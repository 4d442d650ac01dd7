/* decider.c - whose verdict counts; decider.h has the contract.
 *
 * A row of failures that this router reported was overruled by another one's probe: the trouble
 * is on our side.  Then our own breaker decides about the region, and the fleet's verdict is
 * back when the time is over and our breaker has closed by probes of its own.
 *
 * REJECTED  The fleet's verdict as soon as the time is over: a host whose network stays broken
 * would trip the region for everybody again, if only for one probe. */
#include "fleet/decider.h"

#include "base/str.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define OVERRULED "others_can_use_it"

void decider_init(struct decider *d, const struct config *conf)
{
    *d = (struct decider){.conf = conf, .log = {.where = "fleet"}};
    d->own_until_ms = xcalloc(conf->n_slots, sizeof(*d->own_until_ms));
}

void decider_release(struct decider *d)
{
    store_free(d->shared);
    store_free(d->local);
    free(d->own_until_ms);
}

const struct config_breaker *decider_rule(const struct decider *d, size_t slot)
{
    return &d->conf->regions[d->conf->slots[slot].region].breaker;
}

bool decider_is_local(const struct decider *d, size_t slot)
{
    return !d->attached || d->own_until_ms[slot] != 0;
}

const struct view_slot *decider_get(const struct decider *d, size_t slot)
{
    return store_get(decider_is_local(d, slot) ? d->local : d->shared, slot);
}

const struct view_slot *decider_announced(const struct decider *d, size_t slot)
{
    return store_get(d->shared != NULL ? d->shared : d->local, slot);
}

static int64_t cools_until_ms(const struct decider *d, size_t slot)
{
    int64_t ms = decider_announced(d, slot)->lim_ms, own_ms = store_get(d->local, slot)->lim_ms;

    return ms > own_ms ? ms : own_ms;
}

int64_t decider_cools_until_ms(const struct decider *d, size_t slot)
{
    int64_t ms = cools_until_ms(d, slot),
            regions_ms = cools_until_ms(d, d->conf->slots[slot].region);

    return ms > regions_ms ? ms : regions_ms;
}

uint64_t decider_life(struct decider *d)
{
    if (d->attached && strcmp(d->gen, store_gen(d->shared)) != 0) {
        d->life++;
        str_copy(d->gen, sizeof(d->gen), store_gen(d->shared));
    }
    return d->life;
}

/* ---- evidence ---- */

void decider_begin(struct decider *d, size_t slot, struct decider_epochs *out)
{
    *out = (struct decider_epochs){.local = store_get(d->local, slot)->ep,
                                   .life = decider_life(d)};
    if (!decider_is_local(d, slot))
        out->shared = store_get(d->shared, slot)->ep;
}

void decider_report(struct decider *d, size_t slot, const struct decider_epochs *began,
                    enum store_evidence what, bool slow)
{
    if (began->local != 0)
        store_report(d->local, slot, began->local, what, slow);
    if (began->shared != 0 && d->attached && began->life == decider_life(d))
        store_report(d->shared, slot, began->shared, what, slow);
}

void decider_cool_local(struct decider *d, size_t slot, int64_t for_ms, enum store_cool why)
{
    store_cool(d->local, slot, for_ms, why);
}

void decider_cool_shared(struct decider *d, size_t slot, int64_t for_ms, enum store_cool why)
{
    if (d->attached)
        store_cool(d->shared, slot, for_ms, why);
}

/* ---- probes ---- */

bool decider_probe(struct decider *d, size_t slot, uint64_t token)
{
    bool local = decider_is_local(d, slot);

    store_probe(local ? d->local : d->shared, slot, token);
    return local;
}

void decider_probe_renew(struct decider *d, bool local, size_t slot, uint64_t token)
{
    store_probe_renew(local ? d->local : d->shared, slot, token);
}

void decider_probe_done(struct decider *d, bool local, size_t slot, uint64_t epoch,
                        uint64_t token, enum breaker_verdict verdict)
{
    store_done(local ? d->local : d->shared, slot, epoch, token, verdict);
}

/* ---- our own breaker ---- */

bool decider_trusts_own(const struct decider *d, size_t slot)
{
    return d->own_until_ms[slot] != 0;
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
    d->own_until_ms[slot] = now_ms + (for_ms > 0 ? for_ms : 1);
}

bool decider_may_trust_fleet(const struct decider *d, size_t slot, int64_t now_ms)
{
    return decider_trusts_own(d, slot) && now_ms >= d->own_until_ms[slot] &&
           store_get(d->local, slot)->st == BREAKER_CLOSED;
}

void decider_trust_fleet(struct decider *d, size_t slot)
{
    d->own_until_ms[slot] = 0;
    log_at(LOG_INFO, &d->log, "region as the fleet sees it again region=%s",
           d->conf->slots[slot].name);
}

void decider_adopt(struct decider *d)
{
    bool *was_out = xcalloc(d->conf->n_slots, sizeof(*was_out));

    for (size_t i = 0; i < d->conf->n_slots; i++)
        was_out[i] = decider_trusts_own(d, i) && store_get(d->local, i)->st != BREAKER_CLOSED;
    local_breakers_adopt(d->local, d->shared);
    for (size_t i = 0; i < d->conf->n_slots; i++)
        if (was_out[i])
            local_breakers_trip(d->local, i, OVERRULED);
    free(was_out);
}
