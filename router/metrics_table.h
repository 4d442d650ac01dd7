/* metrics_table.h - what this router counts: where each number lies, and the table that gives
 * it its name, its help, its type and its labels.  /metrics, the sums over workers and what is
 * kept of one that ended follow from the table. */
#ifndef ROUTER_METRICS_TABLE_H
#define ROUTER_METRICS_TABLE_H

#include "base/base.h"
#include "fleet/counters.h"

#include <stddef.h>
#include <stdint.h>

#define METRICS_BUCKETS 12

struct metrics_hist {
    uint64_t bucket[METRICS_BUCKETS], count, sum_us;
};

/* Upper bounds of the buckets; the last one is +Inf. */
extern const int64_t metrics_bounds_us[METRICS_BUCKETS - 1];

struct metrics_region {                /* what the fleet counts of it stands in fleet->slot */
    uint64_t checks_ok, checks_failed; /* from outside; no attempts */
    uint64_t prompt_tokens, completion_tokens;
    uint64_t partial_streams, partial_events;
    struct metrics_hist first_byte;
};

#define METRICS_REQUESTS(X)                                                                    \
    X(OK, "ok")                     /* a region's complete answer */                           \
    X(VENDOR_4XX, "vendor_refused") /* a region's refusal, passed on */                        \
    X(REFUSED, "refused")           /* our 4xx */                                              \
    X(FAILED, "failed")             /* our 5xx, or a stream that ended with an error */        \
    X(GONE, "client_gone")          /* the client left */
#define METRICS_REQUEST_ENUM(id, name) METRICS_REQ_##id,
enum metrics_request { METRICS_REQUESTS(METRICS_REQUEST_ENUM) METRICS_N_REQ };

const char *metrics_request_name(int result); /* as in /metrics and the log */

struct metrics_block { /* of one worker, which alone writes it */
    int64_t live;      /* 0: nobody has it, all numbers are 0 */
    int64_t worker;    /* its number in its cohort, from 0 */
    uint64_t requests[METRICS_N_REQ];
    uint64_t attempts, retries, retries_refused, hedges, bytes_out, http_refused, shed;
    int64_t inflight, connections, draining, memory_bytes, memory_budget_bytes;
    struct metrics_hist duration, overhead;
    struct fleet_counters *fleet; /* of its slots; of models only the state is kept */
    struct metrics_region *region;
};

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };

/* Who has a number of the row: it decides the labels and the two structs it may lie in. */
enum metrics_scope {
    METRICS_WHOLE,  /* all workers together: metrics_block, fleet_counters */
    METRICS_WORKER, /* each worker: the same */
    METRICS_REGION, /* each region: metrics_region, fleet_slot_counters */
    METRICS_MODEL,  /* each model with a breaker of its own: fleet_slot_counters */
    METRICS_N_SCOPES
};

enum metrics_part { METRICS_OWN, METRICS_FLEET, METRICS_N_PARTS };

enum metrics_join { METRICS_SUM, METRICS_HIGHEST, METRICS_LOWEST }; /* over workers */

struct metrics_row {
    const char *name, *help;
    enum metrics_type type;
    enum metrics_scope scope;
    enum metrics_part part;
    size_t offset; /* in that part */
    enum metrics_join join;
    const char *label; /* that tells the row's n numbers apart; NULL: it is one number */
    const char *(*value)(int i);
    int n;
};

extern const struct metrics_row metrics_rows[];
extern const size_t metrics_n_rows;

/* Bytes of that part for one of that scope; 0: there is none. */
size_t metrics_part_bytes(enum metrics_scope scope, enum metrics_part part);

/* How many 64-bit numbers the row has, those of a histogram included. */
size_t metrics_row_numbers(const struct metrics_row *row);

#endif
