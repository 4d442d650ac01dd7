/* probe_lease.c - leases of half-open slots; probe_lease.h has the contract.
 *
 * REJECTED  Asking for the lease on a timer: an idle fleet would hold leases all the time. */
#include "fleet/probe_lease.h"

#include "fleet/decider.h"

#include <stdlib.h>

#define WAIT_MIN_MS 10
#define WAIT_MAX_MS 1000 /* a slot may fall free at any time */

enum lease_state { LEASE_NONE, LEASE_ASKED, LEASE_GRANTED };

struct probe_lease {
    enum lease_state state;
    bool local; /* who grants it */
    uint64_t token, epoch;
    int64_t since_ms, ask_again_ms;
};

void probe_lease_init(struct probe_leases *l, struct decider *d, struct rand *rand)
{
    *l = (struct probe_leases){.decider = d, .rand = rand};
    l->slots = xcalloc(d->conf->n_slots, sizeof(*l->slots));
}

void probe_lease_release(struct probe_leases *l)
{
    free(l->slots);
    l->slots = NULL;
}

void probe_lease_ask(struct probe_leases *l, size_t slot, int64_t now_ms)
{
    struct probe_lease *t = &l->slots[slot];

    if (t->state != LEASE_NONE || now_ms < t->ask_again_ms)
        return;
    t->state = LEASE_ASKED;
    t->token = rand_u64(l->rand) >> 11 | 1; /* below 2^53: safe in Lua numbers and JSON */
    t->local = decider_probe(l->decider, slot, t->token);
}

bool probe_lease_is_held(const struct probe_leases *l, size_t slot)
{
    return l->slots[slot].state == LEASE_GRANTED;
}

void probe_lease_drop(struct probe_leases *l, size_t slot)
{
    struct probe_lease *t = &l->slots[slot];

    if (t->state == LEASE_GRANTED)
        decider_probe_done(l->decider, t->local, slot, t->epoch, t->token,
                           BREAKER_PROBE_ABANDON);
    t->state = LEASE_NONE;
}

void probe_lease_answered(struct probe_leases *l, const struct breakers_probe_answer *a,
                          bool local, int64_t now_ms)
{
    struct probe_lease *t = &l->slots[a->slot];
    int64_t wait_ms = a->wait_ms > WAIT_MIN_MS ? a->wait_ms : WAIT_MIN_MS;

    if (t->state != LEASE_ASKED || t->token != a->token || t->local != local) {
        if (a->grant == BREAKER_GRANTED) /* nobody waits for it any more */
            decider_probe_done(l->decider, local, a->slot, a->epoch, a->token,
                               BREAKER_PROBE_ABANDON);
        return;
    }
    if (a->grant == BREAKER_GRANTED) {
        t->state = LEASE_GRANTED;
        t->epoch = a->epoch;
        t->since_ms = now_ms;
        return;
    }
    t->state = LEASE_NONE;
    t->ask_again_ms = now_ms + (wait_ms < WAIT_MAX_MS ? wait_ms : WAIT_MAX_MS);
}

void probe_lease_epoch(struct probe_leases *l, size_t slot, uint64_t epoch)
{
    struct probe_lease *t = &l->slots[slot];

    if (t->state == LEASE_GRANTED && t->epoch < epoch)
        probe_lease_drop(l, slot); /* a probe under an older epoch would count for nothing */
    t->ask_again_ms = 0;
}

void probe_lease_take(struct probe_leases *l, size_t slot, struct probe *p)
{
    struct probe_lease *t = &l->slots[slot];

    *p = (struct probe){.slot = slot,
                        .local = t->local,
                        .token = t->token,
                        .epoch = t->epoch,
                        .life = decider_life(l->decider)};
    t->state = LEASE_NONE;
    p->next = l->running;
    p->prev = &l->running;
    if (p->next != NULL)
        p->next->prev = &p->next;
    l->running = p;
}

void probe_lease_end(struct probe_leases *l, struct probe *p, enum breaker_verdict verdict)
{
    *p->prev = p->next;
    if (p->next != NULL)
        p->next->prev = p->prev;
    if (p->local || p->life == decider_life(l->decider))
        decider_probe_done(l->decider, p->local, p->slot, p->epoch, p->token, verdict);
}

void probe_lease_renew(struct probe_leases *l)
{
    for (struct probe *p = l->running; p != NULL; p = p->next)
        decider_probe_renew(l->decider, p->local, p->slot, p->token);
}

void probe_lease_drop_unused(struct probe_leases *l, size_t slot, int64_t now_ms)
{
    const struct probe_lease *t = &l->slots[slot];

    if (t->state == LEASE_GRANTED &&
        now_ms - t->since_ms >= decider_rule(l->decider, slot)->probe_lease_ms / 2)
        probe_lease_drop(l, slot);
}
