/* sample_snapshot.c - a fleet with a bit of everything. */
#include "sample_snapshot.h"

#include "base/base.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static void add_slot(struct snapshot *l, const char *name, enum breaker_state st, uint64_t ep,
                     uint64_t ver)
{
    struct snapshot_slot *k = &l->slots[l->n_slots++];

    str_copy(k->line.slot, sizeof(k->line.slot), name);
    str_copy(k->line.gen, sizeof(k->line.gen), l->gen);
    k->line.st = st;
    k->line.ep = ep;
    k->line.ver = ver;
    k->line.now_ms = l->now_ms;
    k->measured.first_us = k->measured.total_us = k->measured.health = -1;
    k->changed_ms = l->now_ms - 5000;
    k->seen_ms = l->now_ms - 400;
}

static void add_router(struct snapshot *l, const char *id, const char *config, int64_t applied)
{
    struct snapshot_router *r = &l->routers[l->n_routers++];

    str_copy(r->id, sizeof(r->id), id);
    str_copy(r->host, sizeof(r->host), "h1");
    str_copy(r->pid, sizeof(r->pid), "77");
    str_copy(r->version, sizeof(r->version), "0.1.0");
    str_copy(r->config, sizeof(r->config), config);
    r->started_ms = l->now_ms - 60000;
    r->load = 3;
    r->applied = applied;
    r->seen_ms = l->now_ms - 400;
}

void sample_snapshot(struct snapshot *l)
{
    setenv("TZ", "UTC0", 1);
    tzset();
    memset(l, 0, sizeof(*l));
    str_copy(l->gen, sizeof(l->gen), "g1");
    l->ver = 12;
    l->now_ms = SAMPLE_NOW_MS;
    l->born_ms = SAMPLE_NOW_MS - 3600000;
    l->slots = xcalloc(3, sizeof(l->slots[0]));
    l->routers = xcalloc(3, sizeof(l->routers[0]));

    add_slot(l, "ap", BREAKER_CLOSED, 1, 0);
    l->slots[0].ok = 40;
    l->slots[0].measured =
        (struct snapshot_measured){.first_us = 120400, .total_us = 1400000, .health = 97};
    add_slot(l, "eu", BREAKER_OPEN, 4, 12);
    struct state_line *eu = &l->slots[1].line;

    eu->until_ms = l->now_ms + 12000;
    eu->trips = 2;
    eu->forced = VIEW_DOWN;
    eu->funtil_ms = l->now_ms + 598000;
    str_copy(eu->why, sizeof(eu->why), "vendor incident");
    str_copy(eu->by, sizeof(eu->by), "a@h");
    add_slot(l, "us", BREAKER_HALF_OPEN, 7, 11);
    l->slots[2].leases = 2;
    l->slots[2].line.lim_ms = l->now_ms + 3000;
    str_copy(l->slots[2].cooling, sizeof(l->slots[2].cooling), "throttled");
    str_copy(l->slots[2].line.by, sizeof(l->slots[2].line.by), "r1");

    add_router(l, "r1", "c1", 12);
    add_router(l, "r2", "c2", 12);
    add_router(l, "r3", "c1", 10);
}
