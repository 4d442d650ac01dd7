/* world_faults.c - what goes wrong in a simulated history, and ends again. */
#include "world_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAP_MS 10000 /* of lua/common.lua */

struct fault {
    struct world *w;
    int router, slot;
    void (*ends)(struct fault *f);
    void (*begins)(struct fault *f);
    const char *name;
    int64_t for_us;
};

static void fault_ends(void *arg)
{
    struct fault *f = arg;

    if (f->ends != NULL)
        f->ends(f);
    free(f);
}

static void fault_begins(void *arg)
{
    struct fault *f = arg;

    judge_say(f->w->judge, "FAULT %s router %d key %d for %lld ms", f->name, f->router, f->slot,
              (long long)f->for_us / 1000);
    f->begins(f);
    if (f->for_us > WORLD_HEALED_US - vtime_us())
        f->for_us = WORLD_HEALED_US - vtime_us();
    vtime_at(vtime_us() + f->for_us, 0, fault_ends, f);
}

static void sick(struct fault *f)
{
    f->w->sick[f->slot] = true;
}

static void well(struct fault *f)
{
    f->w->sick[f->slot] = false;
}

static void broken(struct fault *f)
{
    f->w->routers[f->router].broken[f->slot] = true;
}

static void mended(struct fault *f)
{
    f->w->routers[f->router].broken[f->slot] = false;
}

static void crawls(struct fault *f)
{
    f->w->routers[f->router].slow[f->slot] = true;
}

static void runs(struct fault *f)
{
    f->w->routers[f->router].slow[f->slot] = false;
}

static void cut(struct fault *f)
{
    f->w->wire.partitioned[f->router + 1] = true;
}

static void joined(struct fault *f)
{
    f->w->wire.partitioned[f->router + 1] = false;
}

static void deaf(struct fault *f)
{
    f->w->wire.deaf[f->router + 1] = true;
}

static void hears(struct fault *f)
{
    f->w->wire.deaf[f->router + 1] = false;
}

static void lossy(struct fault *f)
{
    f->w->wire.push_loss_percent = 30;
}

static void lossless(struct fault *f)
{
    f->w->wire.push_loss_percent = 0;
}

static void crash(struct fault *f)
{
    world_router_ends(&f->w->routers[f->router], world_chance(70));
    f->w->routers[f->router].never_again = f->w->n_routers > 2 && world_chance(20);
}

static void start_again(struct fault *f)
{
    struct world_router *r = &f->w->routers[f->router];

    if (r->fleet == NULL && !r->never_again)
        world_router_starts(r);
}

static void gone(struct fault *f)
{
    f->w->wire.fails_silently = world_chance(30);
    f->w->server->down = true;
    f->w->server->life++;
    wire_server_gone(true);
}

static void back(struct fault *f)
{
    f->w->server->down = false;
}

static void new_data(struct world *w, struct keyspace *data)
{
    keyspace_free(w->server->data);
    w->server->data = data;
    judge_lost(w->judge);
}

static void back_empty(struct fault *f)
{
    new_data(f->w, keyspace_new());
    back(f);
}

static void flush(struct fault *f)
{
    if (!f->w->server->down)
        new_data(f->w, keyspace_new());
}

static void word(struct fault *f)
{
    static const char *const words[] = {"down", "up", "drain", "auto"};

    int64_t ttl_ms = world_chance(30) ? world_between(200, 4000) : 0;

    world_say_word(f->w, f->slot, words[world_draw(ARRAY_LEN(words))], ttl_ms);
}

/* "r:<slot>" often, for that is what everybody must know; else any that there is. */
static const char *draw_key(struct fault *f, char name[200])
{
    char suffix[160];
    size_t n = 0;

    snprintf(suffix, sizeof(suffix), "r:%s", f->w->regions[f->slot].name);
    if (world_chance(50))
        return server_key(name, suffix);
    while (keyspace_name(f->w->server->data, n) != NULL)
        n++;
    snprintf(name, 200, "%s",
             n > 0 ? keyspace_name(f->w->server->data, (size_t)world_draw(n)) : "");
    return name;
}

/* Evicted, deleted, written over, in part or whole. */
static void lose_key(struct fault *f)
{
    static const char *const fields[] = {"st", "ep", "until", "forced", "funtil"};
    struct keyspace *data = f->w->server->data;
    char name[200], suffix[160];

    if (f->w->server->down)
        return;
    uint64_t how = world_draw(3);

    draw_key(f, name);
    if (how == 2) {
        snprintf(suffix, sizeof(suffix), "r:%s", f->w->regions[f->slot].name);
        keyspace_lose_field(data, server_key(name, suffix),
                            fields[world_draw(ARRAY_LEN(fields))]);
    } else if (how == 1) {
        keyspace_lose(data, name);
    } else {
        keyspace_overwrite(data, name);
    }
    judge_say(f->w->judge, "%s is %s", name,
              how == 2   ? "there in part"
              : how == 1 ? "lost"
                         : "another one");
    judge_lost_key(f->w->judge, name);
}

/* The fleet's time does not follow a leap while a router lives. */
static void step_clock(struct server *s, int64_t ms)
{
    char name[200];
    bool lives = keyspace_score_max(s->data, server_key(name, "routers")) > 0;

    s->step_ms += ms;
    if (ms > 0 && (ms <= LEAP_MS || !lives))
        s->forward_ms += ms;
}

/* The replica stops hearing now, and takes over at the end. */
static void lags(struct fault *f)
{
    keyspace_free(f->w->server->replica);
    f->w->server->replica = keyspace_copy(f->w->server->data);
    if (world_chance(30))
        word(f); /* one that will be lost, unless routers say it again */
}

static void takes_over(struct fault *f)
{
    if (f->w->server->replica == NULL || f->w->server->down)
        return;
    gone(f);
    new_data(f->w, f->w->server->replica);
    f->w->server->replica = NULL;
    step_clock(f->w->server, world_between(-300, 300)); /* another host's */
    back(f);
    if (world_chance(30))
        word(f); /* before any router is back */
}

static int64_t version(const struct world *w)
{
    char name[200];
    const char *ver = keyspace_field(w->server->data, server_key(name, "meta"), "ver");

    return ver != NULL ? strtoll(ver, NULL, 10) : 0;
}

/* Other changes bring the data to where they were: by the number alone nothing was lost. */
static void catch_up(struct world *w, int64_t ver)
{
    for (int i = 0; i < 4 && version(w) < ver; i++)
        world_say_word(w, (int)world_draw(WORLD_SLOTS), world_chance(50) ? "up" : "auto", 0);
}

/* The same process again, now with what the replica had. */
static void promoted(void *arg)
{
    struct world *w = arg;
    int64_t ver = version(w);

    w->server->readonly = false;
    if (w->server->replica == NULL || w->server->down)
        return;
    judge_say(w->judge, "the old master is back, with the replica's data");
    w->server->history++;
    new_data(w, w->server->replica);
    w->server->replica = NULL;
    if (world_chance(60))
        wire_server_gone(false);
    else if (world_chance(50))
        catch_up(w, ver);
}

/* For a moment the replica was the master, unless nobody noticed. */
static void demoted(struct fault *f)
{
    if (f->w->server->replica == NULL || f->w->server->down)
        return;
    f->w->server->readonly = true;
    vtime_at(vtime_us() + (world_chance(50) ? 0 : 1000 * world_between(0, 1500)), 0, promoted,
             f->w);
}

static void stall(struct fault *f)
{
    f->w->server->stalled_until_us = vtime_us() + f->for_us;
}

static void leap(struct world *w, int64_t ms)
{
    judge_say(w->judge, "clock steps by %lld ms", (long long)ms);
    step_clock(w->server, ms);
    if (ms > LEAP_MS)
        judge_leapt(w->judge);
}

static bool any_is_open(const struct world *w)
{
    for (int i = 0; i < WORLD_SLOTS; i++) {
        char name[200], suffix[80];
        const char *st;

        snprintf(suffix, sizeof(suffix), "r:%s", w->regions[i].name);
        st = keyspace_field(w->server->data, server_key(name, suffix), "st");
        if (st != NULL && strcmp(st, "open") == 0)
            return true;
    }
    return false;
}

/* Where it would end an open time. */
static void leap_while_open(void *arg)
{
    struct world *w = arg;

    if (any_is_open(w))
        leap(w, world_between(LEAP_MS + 1, 3600000));
    else if (vtime_us() < WORLD_HEALED_US)
        vtime_at(vtime_us() + 10000, 0, leap_while_open, w);
}

static void step(struct fault *f)
{
    if (world_chance(40))
        leap_while_open(f->w);
    else
        leap(f->w,
             world_chance(50) ? world_between(-3000, 3000) : world_between(-3600000, 3600000));
}

static void word_then_word(struct fault *f)
{
    word(f);
}

static const struct {
    const char *name;
    void (*begins)(struct fault *f), (*ends)(struct fault *f);
    int weight, min_ms, max_ms;
} faults[] = {
    {"region sick", sick, well, 5, 100, 4000},
    {"way to the region broken", broken, mended, 3, 100, 4000},
    {"way to the region slow", crawls, runs, 1, 500, 4000},
    {"partition", cut, joined, 3, 50, 4000},
    {"deaf subscriber", deaf, hears, 2, 100, 6000},
    {"lost pushes", lossy, lossless, 2, 100, 4000},
    {"crash", crash, start_again, 3, 10, 3000},
    {"restart", gone, back, 2, 10, 2000},
    {"restart empty", gone, back_empty, 1, 10, 2000},
    {"flush", flush, NULL, 2, 1, 1},
    {"lost key", lose_key, NULL, 3, 1, 1},
    {"failover", lags, takes_over, 4, 10, 2000},
    {"demotion", lags, demoted, 3, 10, 2000},
    {"stall", stall, NULL, 2, 20, 3000},
    {"clock step", step, NULL, 2, 1, 1},
    {"operator", word, word_then_word, 5, 300, 4000},
};

void world_plan_fault(struct world *w)
{
    int total = 0, at;

    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        total += faults[i].weight;
    at = (int)world_draw((uint64_t)total);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        at -= faults[i].weight;
        if (at >= 0)
            continue;
        struct fault *f = xcalloc(1, sizeof(*f));

        f->w = w;
        f->begins = faults[i].begins;
        f->ends = faults[i].ends;
        f->name = faults[i].name;
        f->router = (int)world_draw((uint64_t)w->n_routers);
        f->slot = (int)world_draw(WORLD_SLOTS);
        f->for_us = 1000 * world_between(faults[i].min_ms, faults[i].max_ms);
        vtime_at(world_between(WORLD_FAULTS_FROM_US, WORLD_FAULTS_TO_US), 0, fault_begins, f);
        return;
    }
}
