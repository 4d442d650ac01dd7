/* local_breakers.c - the store of a router that is alone: one breaker per slot, in this
 * process.
 *
 * It stands in while Redis is away (local_breakers_adopt) and is the whole story where no Redis
 * is configured.  The rules are those of lib/policy/breaker.c; what it shows is a view_slot, so
 * nobody who reads a store has to know which one it is.
 *
 * EPOCHS are this store's own.  Attempts that began under the fleet's view carry another
 * numbering; where the two meet by chance the evidence counts in the state it was meant for
 * or is one report too many, never a transition of something else. */
#include "fleet/store.h"

#include "base/clock.h"
#include "base/rand.h"
#include "shared/state_line.h"
#include "fleet/store_later.h"
#include "fleet/store_ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORCED_WAIT_MS 1000 /* when to ask again while an operator keeps the slot down */

struct entry {
    struct breaker *breaker;
    struct store_rule rule;
    struct view_slot view;
    bool changed; /* and not told yet */
};

struct local_breakers {
    struct store store;
    struct store_events ev;
    struct store_later *later;
    struct rand rand;
    char router_id[VIEW_WORD_MAX + 1];
    uint64_t ver;
    size_t n;
    struct entry *entries;
    bool giving, freed; /* store_free may come from one of our events */
};

static const struct store_ops mem_ops;

static void mem_release(struct local_breakers *m)
{
    for (size_t i = 0; i < m->n; i++)
        breaker_free(m->entries[i].breaker);
    free(m->entries);
    free(m);
}

static void give(void *arg)
{
    struct local_breakers *m = arg;
    struct store_probe_answer a;

    m->giving = true;
    for (size_t i = 0; i < m->n && !m->freed; i++) {
        bool changed = m->entries[i].changed;

        m->entries[i].changed = false;
        if (changed && m->ev.on_slot != NULL)
            m->ev.on_slot(m->ev.arg, i);
    }
    while (!m->freed && store_later_take(m->later, &a))
        m->ev.on_probe(m->ev.arg, &a);
    m->giving = false;
    if (m->freed)
        mem_release(m);
}

static void changed(struct local_breakers *m, struct entry *e)
{
    e->view.ver = ++m->ver;
    e->changed = true;
    store_later_wake(m->later);
}

/* Shows a transition of the breaker, if there was one. */
static void show(struct local_breakers *m, struct entry *e, const char *why)
{
    struct view_slot *k = &e->view;

    if (k->ep == breaker_get_epoch(e->breaker))
        return;
    k->ep = breaker_get_epoch(e->breaker);
    k->st = breaker_get_state(e->breaker);
    k->trips = breaker_get_trips(e->breaker);
    k->until_ms = k->st == BREAKER_OPEN ? breaker_get_until(e->breaker) : 0;
    k->ramp_ms = 0;
    if (k->forced == VIEW_AUTO) {
        snprintf(k->why, sizeof(k->why), "%s", why);
        snprintf(k->by, sizeof(k->by), "%s", m->router_id);
    }
    changed(m, e);
}

struct store *local_breakers_new(struct event_base *base, const struct store_conf *conf,
                                 const struct store_events *ev)
{
    struct local_breakers *m = xcalloc(1, sizeof(*m));

    m->store.ops = &mem_ops;
    m->ev = *ev;
    m->later = store_later_new(base, give, m);
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
    return &m->store;
}

static struct local_breakers *mem_of(struct store *s)
{
    return (struct local_breakers *)s;
}

static const struct local_breakers *mem_of_const(const struct store *s)
{
    return (const struct local_breakers *)s;
}

static void mem_free(struct store *s)
{
    struct local_breakers *m = mem_of(s);

    m->freed = true;
    store_later_free(m->later);
    m->later = NULL;
    if (!m->giving)
        mem_release(m);
}

static bool mem_is_attached(const struct store *s)
{
    (void)s;
    return true;
}

static size_t mem_count(const struct store *s)
{
    return mem_of_const(s)->n;
}

static const struct view_slot *mem_get(const struct store *s, size_t slot)
{
    return &mem_of_const(s)->entries[slot].view;
}

static uint64_t mem_ver(const struct store *s)
{
    return mem_of_const(s)->ver;
}

static const char *mem_gen(const struct store *s)
{
    (void)s;
    return "local";
}

static void mem_report(struct store *s, size_t slot, uint64_t epoch, enum store_evidence what,
                       bool slow)
{
    struct local_breakers *m = mem_of(s);
    struct entry *e = &m->entries[slot];
    struct breaker_evidence evidence = {
        .ok = what == STORE_OK, .fail = what == STORE_FAIL, .slow = slow};

    evidence.hard_since_ok = evidence.fail;
    breaker_report(e->breaker, epoch, &evidence, clock_mono_ms(), rand_jitter(&m->rand));
    show(m, e, "own_evidence");
}

static void mem_probe(struct store *s, size_t slot, uint64_t token)
{
    struct local_breakers *m = mem_of(s);
    struct entry *e = &m->entries[slot];
    struct store_probe_answer a = {.slot = slot, .token = token};
    int64_t now_ms = clock_mono_ms();
    enum view_forced forced = view_forced_now(&e->view, now_ms);

    if (forced == VIEW_DOWN || forced == VIEW_DRAIN) {
        a.grant = BREAKER_BUSY;
        a.wait_ms = FORCED_WAIT_MS;
    } else {
        a.grant = breaker_probe(e->breaker, token, e->rule.probe_lease_ms, now_ms, &a.wait_ms);
        a.epoch = breaker_get_epoch(e->breaker);
        show(m, e, "recovery_time_over");
    }
    store_later_answer(m->later, &a);
}

static void mem_probe_renew(struct store *s, size_t slot, uint64_t token)
{
    struct entry *e = &mem_of(s)->entries[slot];

    breaker_renew(e->breaker, token, e->rule.probe_lease_ms, clock_mono_ms());
}

static void mem_done(struct store *s, size_t slot, uint64_t epoch, uint64_t token,
                     enum breaker_verdict verdict)
{
    struct local_breakers *m = mem_of(s);
    struct entry *e = &m->entries[slot];

    int64_t now_ms = clock_mono_ms();
    bool moved = breaker_done(e->breaker, epoch, token, verdict, now_ms,
                              rand_jitter(&m->rand)) == BREAKER_DONE_MOVED;

    show(m, e, verdict == BREAKER_PROBE_OK ? "probes_succeeded" : "probe_failed");
    if (moved && verdict == BREAKER_PROBE_OK)
        e->view.ramp_ms = now_ms;
}

static void mem_cool(struct store *s, size_t slot, int64_t for_ms, enum store_cool why)
{
    struct local_breakers *m = mem_of(s);
    struct entry *e = &m->entries[slot];
    int64_t lim_ms =
        clock_mono_ms() + (for_ms < STATE_LINE_LIM_MAX_MS ? for_ms : STATE_LINE_LIM_MAX_MS);

    (void)why;
    if (lim_ms <= e->view.lim_ms || for_ms == 0)
        return;
    e->view.lim_ms = lim_ms;
    changed(m, e);
}

static void mem_set_load(struct store *s, int inflight)
{
    (void)s, (void)inflight; /* nobody else to tell */
}

static void mem_get_stats(const struct store *s, struct store_stats *out)
{
    (void)s;
    *out = (struct store_stats){.live_routers = 1};
}

static const struct store_ops mem_ops = {
    .free = mem_free,
    .is_attached = mem_is_attached,
    .count = mem_count,
    .get = mem_get,
    .ver = mem_ver,
    .gen = mem_gen,
    .report = mem_report,
    .probe = mem_probe,
    .probe_renew = mem_probe_renew,
    .done = mem_done,
    .cool = mem_cool,
    .set_load = mem_set_load,
    .get_stats = mem_get_stats,
};

/* Routers that lost the same Redis must not all send their first own probe at once: what was
 * open or half-open becomes open until its deadline plus up to a tenth of the open time. */
static void adopt(struct local_breakers *m, struct entry *e, const struct view_slot *from,
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
    e->view.forced = VIEW_AUTO; /* so that show() says why; the fleet's word follows */
    show(m, e, "redis_away");
    e->view.forced = view_forced_now(from, now_ms);
    e->view.forced_until_ms = from->forced_until_ms;
    if (from->lim_ms > e->view.lim_ms) /* ours: the fleet may not have heard of it */
        e->view.lim_ms = from->lim_ms;
    e->view.ramp_ms = st == BREAKER_CLOSED ? from->ramp_ms : 0;
    if (from->why[0] != '\0') {
        memcpy(e->view.why, from->why, sizeof(e->view.why));
        memcpy(e->view.by, from->by, sizeof(e->view.by));
    }
}

void local_breakers_trip(struct store *mem, size_t slot, const char *why)
{
    struct local_breakers *m = mem_of(mem);
    struct entry *e = &m->entries[slot];
    int64_t now_ms = clock_mono_ms();
    int trips = breaker_get_trips(e->breaker) + 1;

    if (breaker_get_state(e->breaker) == BREAKER_OPEN)
        return;
    breaker_adopt(e->breaker, BREAKER_OPEN,
                  now_ms + breaker_open_ms(&e->rule.breaker, trips, rand_jitter(&m->rand)),
                  trips, now_ms);
    show(m, e, why);
}

/* The two stores know the same slots in the same order, as a rule: thousands of slots must not
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

void local_breakers_adopt(struct store *mem, const struct store *from)
{
    struct local_breakers *m = mem_of(mem);
    int64_t now_ms = clock_mono_ms();

    for (size_t i = 0; i < store_count(from); i++) {
        const struct view_slot *k = store_get(from, i);
        struct entry *e = entry_named(m, k->name, i);

        if (e != NULL)
            adopt(m, e, k, now_ms);
    }
}
