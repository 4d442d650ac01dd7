/* metrics.h - counters of every worker in one shared mapping, so that whichever worker is asked
 * can answer for the whole process group.
 *
 * The supervisor makes the mapping before it forks; each worker writes its own slot and nobody
 * else's, so no lock is needed: a reader sees each number whole (aligned 64-bit stores). */
#ifndef ROUTER_METRICS_H
#define ROUTER_METRICS_H

#include "base/base.h"
#include "base/buf.h"
#include "config/config.h"
#include "fleet/counters.h"

#include <stdbool.h>
#include <stdint.h>

#define METRICS_BUCKETS 12

struct metrics_hist { /* seconds as microseconds; bounds in metrics.c */
    uint64_t bucket[METRICS_BUCKETS], count, sum_us;
};

struct metrics_region {                /* what the fleet counts of it stands in fleet->slot */
    uint64_t checks_ok, checks_failed; /* from outside; no attempts */
    uint64_t prompt_tokens, completion_tokens;
    uint64_t partial_streams, partial_events;
    struct metrics_hist first_byte;
};

enum metrics_request {                         /* how requests ended towards the client */
                       METRICS_REQ_OK,         /* a region's complete answer */
                       METRICS_REQ_VENDOR_4XX, /* a region's refusal, passed on */
                       METRICS_REQ_REFUSED,    /* our 4xx */
                       METRICS_REQ_FAILED, /* our 5xx, or a stream that ended with an error */
                       METRICS_REQ_GONE,   /* the client left */
                       METRICS_N_REQ
};

struct metrics_block {
    int64_t pid; /* 0: the slot is free */
    uint64_t requests[METRICS_N_REQ];
    uint64_t attempts, retries, retries_refused, hedges, bytes_out, http_refused;
    int64_t inflight, connections, draining;
    struct metrics_hist duration, overhead;
    struct fleet_counters *fleet; /* of its slots; of models only the state is kept */
    struct metrics_region *region;
};

struct metrics; /* the mapping */

/* NULL only when the kernel refuses the mapping. */
struct metrics *metrics_new(const struct config *conf, int slots);
void metrics_free(struct metrics *m);
struct metrics_block *metrics_claim(struct metrics *m,
                                    int slot); /* gauges zeroed, counters go on */
void metrics_vacate(struct metrics *m, int slot);
void metrics_observe(struct metrics_hist *h, int64_t us);

/* Prometheus text format 0.0.4: counters summed over slots, gauges per worker where they
 * differ. */
int metrics_render(const struct metrics *m, struct buf *out) MUST_CHECK;

#endif
