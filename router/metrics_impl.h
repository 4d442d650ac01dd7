/* metrics_impl.h - the inside of metrics*.c: what lies where in the shared memory. */
#ifndef ROUTER_METRICS_IMPL_H
#define ROUTER_METRICS_IMPL_H

#include "router/metrics.h"

#include <stdatomic.h>
#include <stdbool.h>

/* Of regions and models, in all cohorts. */
#define METRICS_NAMES_MAX   (4 * CONFIG_SLOTS_MAX)
#define METRICS_BLOCK_BYTES ((size_t)1 << 30) /* of address space, for blocks */

/* Whose numbers lie where, by enum metrics_part. */
struct metrics_parts {
    char *at[METRICS_N_PARTS];
};

struct metrics_name { /* a region or a model in one */
    char label[CONFIG_SLOT_NAME_MAX + 1];
    int region_len; /* of a model's "region/model"; 0: a region */
    int users;      /* cohorts that have it; 0: the entry is free */
    struct fleet_slot_counters slot;
    struct metrics_region region;
};

struct metrics_cohort {
    size_t at, bytes; /* in blocks[]; 0 bytes: there is none */
    uint64_t age;     /* the higher, the younger */
    int workers;
    size_t n_regions, n_slots;
    size_t names_bytes, block_bytes;
};

struct metrics_shared {
    _Atomic uint64_t edits; /* odd: one is under way */
    uint64_t ages;
    struct metrics_block whole; /* of workers that have ended; pages apart from the blocks */
    struct fleet_counters *fleet_whole;
    size_t n_names; /* that were ever used */
    struct metrics_cohort cohorts[METRICS_COHORTS_MAX];
    struct metrics_name names[METRICS_NAMES_MAX];
};

struct metrics {
    struct metrics_shared *shared;
    char *blocks; /* behind it */
};

static inline uint32_t *metrics_names_of(const struct metrics *m,
                                         const struct metrics_cohort *g)
{
    return (uint32_t *)(void *)(m->blocks + g->at);
}

static inline size_t metrics_fleet_bytes(size_t n_slots)
{
    return sizeof(struct fleet_counters) + n_slots * sizeof(struct fleet_slot_counters);
}

static inline struct metrics_block *metrics_block_at(const struct metrics *m,
                                                     const struct metrics_cohort *g, int worker)
{
    return (struct metrics_block *)(void *)(m->blocks + g->at + g->names_bytes +
                                            g->block_bytes * (size_t)worker);
}

static inline struct fleet_counters *metrics_fleet_of(struct metrics_block *b)
{
    return (struct fleet_counters *)(b + 1);
}

static inline struct metrics_region *metrics_regions_of(struct metrics_block *b,
                                                        const struct metrics_cohort *g)
{
    return (struct metrics_region *)(void *)((char *)metrics_fleet_of(b) +
                                             metrics_fleet_bytes(g->n_slots));
}

static inline struct metrics_parts metrics_block_parts(struct metrics_block *b)
{
    return (struct metrics_parts){{(char *)b, (char *)metrics_fleet_of(b)}};
}

static inline struct metrics_parts
metrics_slot_parts(struct metrics_block *b, const struct metrics_cohort *g, size_t slot)
{
    char *region = slot < g->n_regions ? (char *)&metrics_regions_of(b, g)[slot] : NULL;

    return (struct metrics_parts){{region, (char *)&metrics_fleet_of(b)->slot[slot]}};
}

static inline struct metrics_parts metrics_whole_parts(const struct metrics *m)
{
    return (struct metrics_parts){{(char *)&m->shared->whole, (char *)m->shared->fleet_whole}};
}

static inline struct metrics_parts metrics_name_parts(struct metrics_name *name)
{
    return (struct metrics_parts){{(char *)&name->region, (char *)&name->slot}};
}

/* Adds what the rows of a scope have in from; gauges: theirs too. */
void metrics_join_rows(enum metrics_scope scope, bool gauges, const struct metrics_parts *to,
                       const struct metrics_parts *from);

#endif
