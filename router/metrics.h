/* metrics.h - the counters of a supervisor's workers, by the names of regions and models.
 *
 * The supervisor owns them.  They lie in memory that every worker shares, whenever it was
 * forked, so whichever one is asked answers for all.  Each worker writes the block that was
 * claimed for it and nothing else: there is no lock, a reader sees each number whole.
 *
 * Counters only grow for as long as their region is known to a cohort: what a worker
 * counted is carried over when it has ended.  Gauges are those of workers that run. */
#ifndef ROUTER_METRICS_H
#define ROUTER_METRICS_H

#include "base/base.h"
#include "config/config.h"
#include "router/metrics_table.h"

#include <stddef.h>
#include <stdint.h>

#define METRICS_COHORTS_MAX 256 /* that have workers: a reload is refused above it */

struct metrics;

/* Before the first fork.  NULL when the kernel refuses the memory. */
struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);

/* ---- for the supervisor ---- */

/* Makes room for the workers of one cohort; regions and models that are new begin with
 * zeros.  Its number for the calls below; -1: there is no room. */
int metrics_add(struct metrics *m, const struct config *conf, int workers) MUST_CHECK;

/* The block of a worker, before it is forked.  What a predecessor counted there is carried
 * over.  Never NULL. */
struct metrics_block *metrics_claim(struct metrics *m, int cohort, int worker);

/* The worker has ended: its counters are carried over, its gauges go. */
void metrics_vacate(struct metrics *m, int cohort, int worker);

/* All of its workers have ended.  Regions and models that no other cohort has are gone. */
void metrics_remove(struct metrics *m, int cohort);

/* ---- for workers ---- */

void metrics_observe(struct metrics_hist *h, int64_t us);

struct metrics_series {                     /* the numbers of one set of labels */
    char labels[CONFIG_SLOT_NAME_MAX + 32]; /* without braces; "": none */
    char *part[METRICS_N_PARTS];            /* see enum metrics_scope */
};

struct metrics_snapshot { /* all numbers at one moment */
    struct {
        struct metrics_series *series;
        size_t n;
    } scope[METRICS_N_SCOPES];
};

/* -1: the supervisor was at it all the time; *out is empty. */
int metrics_snapshot_take(const struct metrics *m, struct metrics_snapshot *out) MUST_CHECK;
void metrics_snapshot_release(struct metrics_snapshot *s);

#endif
