/* world_router.c - simulated routers and their traffic.
 *
 * A router is the real one from fleet.h downwards: all breakers, the view, the batches, the
 * link's rules; below it are wire.c and server.c.  Above it a small stand-in for the request
 * spine asks for a pass, holds it for the time of an answer and ends it. */
#include "base/clock.h"
#include "fleet/override.h"
#include "fleet/shared_state_parts.h"
#include "world_impl.h"

#define WORLD_SLACK_US 60000 /* ways there and back, and timers */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct shared_state *shared_of(const struct world_router *r)
{
    return r->fleet != NULL ? (struct shared_state *)r->fleet->decider.shared : NULL;
}

/* Does it take part in this life of the data? */
static bool is_attached(const struct world_router *r, struct shared_state *s)
{
    return redis_attach_is_level(s) && strcmp(shared_state_gen(s), r->w->gen) == 0;
}

static bool is_cut_off(const struct world_router *r)
{
    const struct server *s = r->w->server;

    return s->down || s->stalled_until_us > vtime_us() || r->w->wire.partitioned[r->i + 1];
}

void world_router_awaits(struct world_router *r)
{
    struct shared_state *s = shared_of(r);
    char name[200];
    const char *ver = keyspace_field(r->w->server->data, server_key(name, "meta"), "ver");

    if (s != NULL && is_attached(r, s))
        judge_await(r->w->judge, r->i, redis_subscribe_delivery(s), strtoull(ver, NULL, 10));
}

void world_router_seen(struct world_router *r)
{
    struct shared_state *s = shared_of(r);

    if (s == NULL)
        return;
    if (server_mutant_is("no-delivery"))
        redis_subscribe_stop(s);
    judge_view(r->w->judge, r->i, s);
    judge_delivery(
        r->w->judge, r->i, redis_subscribe_delivery(s), is_cut_off(r) || !is_attached(r, s),
        1000 * (r->w->conf.redis.sync_ms * 6 / 5 + DELIVERY_LIMIT_MS) + WORLD_SLACK_US);
}

static enum outcome truth(const struct world_router *r, size_t slot)
{
    static const enum outcome bad[] = {OUTCOME_CONNECT, OUTCOME_TIMEOUT, OUTCOME_SERVER_ERROR,
                                       OUTCOME_BROKEN};

    if (r->w->sick[slot] || r->broken[slot])
        return bad[world_draw(ARRAY_LEN(bad))];
    if (world_chance(5))
        return OUTCOME_ABORTED;
    if (!r->w->healed && world_chance(2))
        return OUTCOME_THROTTLED;
    return OUTCOME_OK;
}

static void note_begin(const struct world_attempt *a)
{
    if (a->pass.began.shared != 0)
        judge_begin(a->router->w->judge, a->router->i, (int)a->pass.slot, a->gen,
                    a->pass.began.shared);
}

static void attempt_ends(void *arg)
{
    struct world_attempt *a = arg;
    struct world_router *r = a->router;

    a->job = NULL;
    if (a->stream) { /* it has flowed for a while; it can still break, and count again */
        a->stream = false;
        note_begin(a);
        permit_flowing(r->fleet, &a->pass);
        a->job = vtime_at(vtime_us() + world_between(1000, 400000), r->i + 1, attempt_ends, a);
        return;
    }
    a->used = false;
    enum outcome o = truth(r, a->pass.slot);

    a->pass.took_ms = r->slow[a->pass.slot] ? WORLD_SLOW_MS + 1 : 1;
    permit_end(r->fleet, &a->pass, o, world_between(100, 900));
    world_router_seen(r);
}

static void attempt(struct world_router *r, size_t slot, bool last_resort)
{
    int64_t us = world_chance(85) ? world_between(2000, 40000) : world_between(40000, 700000);
    const struct shared_state *s = r->fleet->decider.shared;

    for (int i = 0; i < WORLD_PASSES; i++) {
        struct world_attempt *a = &r->attempts[i];

        if (a->used)
            continue;
        a->used = true;
        a->router = r;
        a->stream = world_chance(10);
        if (view_forced_now(shared_state_get(s, slot), clock_mono_ms()) == VIEW_DOWN)
            judge_fail(r->w->judge, "invariant 6: router %d sends to %s, which is forced down",
                       r->i, r->w->regions[slot].name);
        permit_begin(r->fleet, slot, last_resort, clock_mono_ms(), &a->pass);
        if (!last_resort && !a->pass.is_probe && decider_has_left(&r->fleet->decider, slot) &&
            override_now(&r->fleet->decider, slot, clock_mono_ms()) != VIEW_UP)
            judge_fail(r->w->judge, "invariant 12: router %d goes on asking %s, which it left",
                       r->i, r->w->regions[slot].name);
        snprintf(a->gen, sizeof(a->gen), "%s", shared_state_gen(s));
        note_begin(a);
        a->job = vtime_at(vtime_us() + us, r->i + 1, attempt_ends, a);
        return;
    }
}

static void request(void *arg)
{
    struct world_router *r = arg;
    int64_t now_ms = clock_mono_ms(), until_ms;
    size_t first = world_draw(WORLD_SLOTS);
    int last = -1;

    r->next = vtime_at(vtime_us() + world_between(r->w->gap_us / 2, r->w->gap_us * 3 / 2),
                       r->i + 1, request, r);
    for (size_t i = 0; i < WORLD_SLOTS; i++) {
        size_t slot = (first + i) % WORLD_SLOTS;
        enum picker_why why = permit_check(r->fleet, slot, PERMIT_ASKER_NEW, now_ms);

        if (why == PICKER_OPEN)
            permit_want(r->fleet, slot, now_ms);
        if (picker_may(why)) {
            attempt(r, slot, false);
            world_router_seen(r);
            return;
        }
        if (why == PICKER_OPEN && permit_may_last_resort(r->fleet, slot, &until_ms))
            last = (int)slot;
    }
    if (last >= 0)
        attempt(r, (size_t)last, true);
    world_router_seen(r);
}

void world_router_starts(void *arg)
{
    struct world_router *r = arg;
    struct err err = {0};
    int was = vtime_become(r->i + 1);

    snprintf(r->id, sizeof(r->id), "r%d.%d", r->i, ++r->lives);
    rand_init(&r->rand, rand_u64(vtime_rand()));
    judge_router(r->w->judge, r->i);
    r->must_reassert = false;
    r->fleet = fleet_new(NULL, &r->w->conf, r->id, &r->rand, r->counters, &err);
    if (r->fleet == NULL)
        abort();
    r->next = vtime_at(vtime_us() + world_between(1000, 50000), r->i + 1, request, r);
    judge_say(r->w->judge, "router %s starts", r->id);
    vtime_become(was);
}

void world_router_ends(struct world_router *r, bool crash)
{
    int was = vtime_become(r->i + 1);

    if (r->fleet == NULL)
        return;
    judge_say(r->w->judge, "router %s %s", r->id, crash ? "crashes" : "leaves");
    vtime_cancel(r->next);
    r->next = NULL;
    for (int i = 0; i < WORLD_PASSES; i++) {
        struct world_attempt *a = &r->attempts[i];

        if (a->used && !crash)
            permit_end(r->fleet, &a->pass, OUTCOME_ABORTED, -1);
        vtime_cancel(a->job);
        *a = (struct world_attempt){0};
    }
    if (crash)
        wire_crash(r->i + 1);
    fleet_free(r->fleet);
    r->fleet = NULL;
    judge_router(r->w->judge, r->i);
    vtime_become(was);
}
