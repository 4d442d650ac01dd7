/* local_breakers.c - one breaker per slot, in this process; local_breakers.h has the contract.
 *
 * EPOCHS are of these breakers alone.  Attempts that began under the fleet's view carry another
 * numbering; where the two meet by chance the evidence counts in the state it was meant for
 * or is one report too many, never a transition of something else. */
#include "fleet/local_breakers.h"

#include "base/clock.h"
#include "base/rand.h"
#include "shared/state_line.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORCED_WAIT_MS 1000 /* when to ask again while an operator keeps the slot down */

struct entry {
    struct breaker *breaker;
    struct breakers_rule rule;
    struct view_slot view;
    bool changed; /* and not told yet */
};

struct local_breakers {
    struct local_breakers_events ev;
    struct breakers_later *later;
    struct rand rand;
    char router_id[VIEW_WORD_MAX + 1];
    uint64_t ver;
    size_t n;
    struct entry *entries;
    bool giving, freed; /* local_breakers_free may come from one of our events */
};

static void release(struct local_breakers *m)
{
    for (size_t i = 0; i < m->n; i++)
        breaker_free(m->entries[i].breaker);
    free(m->entries);
    free(m);
}

static void give(void *arg)
{
    struct local_breakers *m = arg;
    struct breakers_probe_answer a;

    m->giving = true;
    for (size_t i = 0; i < m->n && !m->freed; i++) {
        bool changed = m->entries[i].changed;

        m->entries[i].changed = false;
        if (changed && m->ev.on_slot != NULL)
            m->ev.on_slot(m->ev.arg, i);
    }
    while (!m->freed && breakers_later_take(m->later, &a))
        m->ev.on_probe(m->ev.arg, &a);
    m->giving = false;
    if (m->freed)
        release(m);
}

static void changed(struct local_breakers *m, struct entry *e)
{
    e->view.ver = ++m->ver;
    e->changed = true;
    breakers_later_wake(m->later);
}

/* Shows a transition of the breaker.  false: there was none. */
static bool show(struct local_breakers *m, struct entry *e)
{
    struct view_slot *k = &e->view;

    if (k->ep == breaker_get_epoch(e->breaker))
        return false;
    k->ep = breaker_get_epoch(e->breaker);
    k->st = breaker_get_state(e->breaker);
    k->trips = breaker_get_trips(e->breaker);
    k->until_ms = k->st == BREAKER_OPEN ? breaker_get_until(e->breaker) : 0;
    k->ramp_ms = 0;
    changed(m, e);
    return true;
}

static void name_cause(const struct local_breakers *m, struct entry *e, const char *why)
{
    snprintf(e->view.why, sizeof(e->view.why), "%s", why);
    snprintf(e->view.by, sizeof(e->view.by), "%s", m->router_id);
}

/* The same with its cause, unless an operator's is to be seen there. */
static void show_why(struct local_breakers *m, struct entry *e, const char *why)
{
    if (show(m, e) && e->view.forced == VIEW_AUTO)
        name_cause(m, e, why);
}

struct local_breakers *local_breakers_new(struct event_base *base,
                                          const struct local_breakers_conf *conf,
                                          const struct local_breakers_events *ev)
{
    struct local_breakers *m = xcalloc(1, sizeof(*m));

    m->ev = *ev;
    m->later = breakers_later_new(base, give, m);
    rand_init_os(&m->rand);
    snprintf(m->router_id, sizeof(m->router_id), "%s", conf->router_id);
    m->n = conf->n_slots;
    m->entries = xcalloc(m->n > 0 ? m->n : 1, sizeof(m->entries[0]));
    for (size_t i = 0; i < m->n; i++) {
        struct entry *e = &m->entries[i];

        e->rule = conf->rules[i];
        e->breaker = breaker_new(&e->rule.breaker);
        snprintf(e->view.name, sizeof(e->view.name), "%s", conf->slots[i]);
        e->view.ep = breaker_get_epoch(e->breaker);
        e->view.forced_until_ms = VIEW_NEVER;
    }
    return m;
}

void local_breakers_free(struct local_breakers *m)
{
    if (m == NULL)
        return;
    m->freed = true;
    breakers_later_free(m->later);
    m->later = NULL;
    if (!m->giving)
        release(m);
}

size_t local_breakers_count(const struct local_breakers *m)
{
    return m->n;
}

static struct entry *entry_at(const struct local_breakers *m, size_t slot)
{
    assert(slot < m->n);
    return &m->entries[slot];
}

const struct view_slot *local_breakers_get(const struct local_breakers *m, size_t slot)
{
    return &entry_at(m, slot)->view;
}

uint64_t local_breakers_ver(const struct local_breakers *m)
{
    return m->ver;
}

void local_breakers_report(struct local_breakers *m, size_t slot, uint64_t epoch,
                           enum breakers_evidence what, bool slow)
{
    struct entry *e = entry_at(m, slot);
    struct breaker_evidence evidence = {
        .ok = what == BREAKERS_OK, .fail = what == BREAKERS_FAIL, .slow = slow};

    evidence.hard_since_ok = evidence.fail;
    breaker_report(e->breaker, epoch, &evidence, clock_mono_ms(), rand_jitter(&m->rand));
    show_why(m, e, "own_evidence");
}

void local_breakers_get_part(const struct local_breakers *m, size_t slot, bool *failing,
                             bool *slow)
{
    breaker_get_part(entry_at(m, slot)->breaker, clock_mono_ms(), failing, slow);
}

struct window_counts local_breakers_get_counts(const struct local_breakers *m, size_t slot)
{
    return breaker_get_counts(entry_at(m, slot)->breaker, clock_mono_ms());
}

void local_breakers_probe(struct local_breakers *m, size_t slot, uint64_t token)
{
    struct entry *e = entry_at(m, slot);
    struct breakers_probe_answer a = {.slot = slot, .token = token};
    int64_t now_ms = clock_mono_ms();
    enum view_forced forced = view_forced_now(&e->view, now_ms);

    if (forced == VIEW_DOWN || forced == VIEW_DRAIN) {
        a.grant = BREAKER_BUSY;
        a.wait_ms = FORCED_WAIT_MS;
    } else {
        a.grant = breaker_probe(e->breaker, token, e->rule.probe_lease_ms, now_ms, &a.wait_ms);
        a.epoch = breaker_get_epoch(e->breaker);
        show_why(m, e, "recovery_time_over");
    }
    breakers_later_answer(m->later, &a);
}

void local_breakers_probe_renew(struct local_breakers *m, size_t slot, uint64_t token)
{
    struct entry *e = entry_at(m, slot);

    breaker_renew(e->breaker, token, e->rule.probe_lease_ms, clock_mono_ms());
}

void local_breakers_done(struct local_breakers *m, size_t slot, uint64_t epoch, uint64_t token,
                         enum breaker_verdict verdict)
{
    struct entry *e = entry_at(m, slot);

    int64_t now_ms = clock_mono_ms();
    bool moved = breaker_done(e->breaker, epoch, token, verdict, now_ms,
                              rand_jitter(&m->rand)) == BREAKER_DONE_MOVED;

    show_why(m, e, verdict == BREAKER_PROBE_OK ? "probes_succeeded" : "probe_failed");
    if (moved && verdict == BREAKER_PROBE_OK)
        e->view.ramp_ms = now_ms;
}

void local_breakers_cool(struct local_breakers *m, size_t slot, int64_t for_ms,
                         enum cooling_why why)
{
    struct entry *e = entry_at(m, slot);
    int64_t lim_ms =
        clock_mono_ms() + (for_ms < STATE_LINE_LIM_MAX_MS ? for_ms : STATE_LINE_LIM_MAX_MS);

    if (lim_ms <= e->view.lim_ms || for_ms <= 0)
        return;
    e->view.lim_ms = lim_ms;
    e->view.cools = why;
    changed(m, e);
}

/* Routers that lost the same Redis must not all send their first own probe at once: what was
 * open or half-open becomes open until its deadline plus up to a tenth of the open time. */
static void adopt_state(struct local_breakers *m, struct entry *e, const struct view_slot *from,
                        int64_t now_ms)
{
    enum breaker_state st = from->st == BREAKER_CLOSED ? BREAKER_CLOSED : BREAKER_OPEN;
    int64_t until_ms = 0;

    if (st == BREAKER_OPEN) {
        until_ms =
            from->st == BREAKER_OPEN && from->until_ms > now_ms ? from->until_ms : now_ms;
        until_ms +=
            (int64_t)rand_below(&m->rand, (uint64_t)(e->rule.breaker.recovery_ms / 10) + 1);
    }
    breaker_adopt(e->breaker, st, until_ms, from->trips, now_ms);
    if (show(m, e))
        name_cause(m, e, "redis_away");
    e->view.ramp_ms = st == BREAKER_CLOSED ? from->ramp_ms : 0;
    if (from->why[0] != '\0') {
        memcpy(e->view.why, from->why, sizeof(e->view.why));
        memcpy(e->view.by, from->by, sizeof(e->view.by));
    }
}

static void adopt(struct local_breakers *m, struct entry *e, const struct view_slot *from,
                  int64_t now_ms, bool keep)
{
    if (!keep)
        adopt_state(m, e, from, now_ms);
    e->view.forced = view_forced_now(from, now_ms);
    e->view.forced_until_ms = from->forced_until_ms;
    if (from->lim_ms > e->view.lim_ms) { /* else ours: the fleet may not have heard of it */
        e->view.lim_ms = from->lim_ms;
        e->view.cools = from->cools;
    }
}

void local_breakers_trip(struct local_breakers *m, size_t slot, const char *why)
{
    struct entry *e = entry_at(m, slot);
    int64_t now_ms = clock_mono_ms();
    int trips = breaker_get_trips(e->breaker) + 1;

    if (breaker_get_state(e->breaker) == BREAKER_OPEN)
        return;
    breaker_adopt(e->breaker, BREAKER_OPEN,
                  now_ms + breaker_open_ms(&e->rule.breaker, trips, rand_jitter(&m->rand)),
                  trips, now_ms);
    show_why(m, e, why);
}

void local_breakers_close(struct local_breakers *m, size_t slot, int64_t ramp_ms)
{
    struct entry *e = entry_at(m, slot);

    if (breaker_get_state(e->breaker) == BREAKER_CLOSED)
        return;
    breaker_adopt(e->breaker, BREAKER_CLOSED, 0, breaker_get_trips(e->breaker),
                  clock_mono_ms());
    show_why(m, e, "closed_for_the_fleet");
    e->view.ramp_ms = ramp_ms;
}

void local_breakers_force(struct local_breakers *m, size_t slot, enum view_forced forced,
                          int64_t until_ms)
{
    struct view_slot *k = &entry_at(m, slot)->view;

    k->forced = forced;
    k->forced_until_ms = until_ms;
}

/* We and the fleet know the same slots in the same order, as a rule: thousands of slots must not
 * stop the loop. */
static struct entry *entry_named(struct local_breakers *m, const char *name, size_t near)
{
    for (size_t tried = 0; tried < m->n; tried++) {
        struct entry *e = &m->entries[(near + tried) % m->n];

        if (strcmp(e->view.name, name) == 0)
            return e;
    }
    return NULL;
}

void local_breakers_adopt(struct local_breakers *m, const struct view_slot *from, size_t near,
                          bool keep)
{
    struct entry *e = entry_named(m, from->name, near);

    if (e != NULL)
        adopt(m, e, from, clock_mono_ms(), keep);
}
