/* world_impl.h - the inside of world*.c; nobody else includes it. */
#ifndef SIM_WORLD_IMPL_H
#define SIM_WORLD_IMPL_H

#include "judge.h"
#include "fleet/fleet.h"
#include "fleet/fleet_parts.h"
#include "fleet/permit.h"
#include "vtime.h"
#include "wire.h"

#define WORLD_SLOTS   2
#define WORLD_ROUTERS 4
#define WORLD_PASSES  24
#define WORLD_SLOW_MS 100 /* an attempt that takes longer is slow */
#define WORLD_FAULTS  7   /* at most, in one history */

#define WORLD_FAULTS_FROM_US 500000
#define WORLD_FAULTS_TO_US   6000000
#define WORLD_HEALED_US      7000000
#define WORLD_END_US         16000000

struct world;
struct world_router;

struct world_attempt {
    struct permit pass;
    struct world_router *router;
    struct vtime_job *job;
    bool used, stream;
    char gen[VIEW_GEN_MAX + 1]; /* under which it began */
};

struct world_router {
    struct world *w;
    int i, lives;
    char id[32];
    struct fleet *fleet; /* NULL: not running */
    struct fleet_counters *counters;
    struct rand rand;
    struct vtime_job *next;
    struct world_attempt attempts[WORLD_PASSES];
    bool broken[WORLD_SLOTS], slow[WORLD_SLOTS]; /* its way to the region */
    bool never_again;
    bool must_reassert; /* has not told the new generation yet what it knows */
};

struct world {
    struct server *server;
    struct wire_conf wire;
    struct judge *judge;
    struct config conf;
    struct config_region regions[WORLD_SLOTS];
    struct config_slot slots[WORLD_SLOTS];
    struct world_router routers[WORLD_ROUTERS];
    int n_routers;
    bool sick[WORLD_SLOTS], healed;
    int words, generations;
    char gen[VIEW_GEN_MAX + 1];
    int64_t born_us, level_since_us, level_us;
    int replay_percent, gap_us;
};

static inline uint64_t world_draw(uint64_t n)
{
    return rand_below(vtime_rand(), n);
}

static inline bool world_chance(unsigned percent)
{
    return world_draw(100) < percent;
}

static inline int64_t world_between(int64_t min, int64_t max)
{
    return min + (int64_t)world_draw((uint64_t)(max - min) + 1);
}

/* The operator; ttl_ms 0: no end. */
void world_say_word(struct world *w, int slot, const char *word, int64_t ttl_ms);

/* world_router.c */
void world_router_starts(void *router);
void world_router_ends(struct world_router *r, bool crash);
void world_router_seen(struct world_router *r); /* shows the judge what it has applied */

void world_router_awaits(struct world_router *r); /* a change is being published */

/* world_faults.c */
void world_plan_fault(struct world *w);

#endif
