/* store_ops.h - what an implementation of store.h provides; for lib/fleet alone. */
#ifndef FLEET_STORE_OPS_H
#define FLEET_STORE_OPS_H

#include "fleet/store.h"

struct store_ops {
    void (*free)(struct store *s);
    bool (*is_attached)(const struct store *s);
    size_t (*count)(const struct store *s);
    const struct view_slot *(*get)(const struct store *s, size_t slot);
    uint64_t (*ver)(const struct store *s);
    const char *(*gen)(const struct store *s);
    void (*report)(struct store *s, size_t slot, uint64_t epoch, enum store_evidence what,
                   bool slow);
    void (*probe)(struct store *s, size_t slot, uint64_t token);
    void (*probe_renew)(struct store *s, size_t slot, uint64_t token);
    void (*done)(struct store *s, size_t slot, uint64_t epoch, uint64_t token,
                 enum breaker_verdict verdict);
    void (*cool)(struct store *s, size_t slot, int64_t for_ms, enum store_cool why);
    /* NULL: there is nobody to share checks with */
    bool (*check)(struct store *s, size_t slot, int64_t lease_ms,
                  const struct store_check *seen, int64_t took_ms);
    void (*share)(struct store *s, const struct store_measure *of,
                  size_t n); /* NULL: nobody to tell */
    void (*set_load)(struct store *s, int inflight);
    void (*get_stats)(const struct store *s, struct store_stats *out);
    /* NULL: there is nothing to keep */
    int (*save)(const struct store *s, struct buf *out);
    int (*restore)(struct store *s, struct str text, struct err *err);
};

struct store { /* first member of each implementation's struct */
    const struct store_ops *ops;
};

const char *store_cool_name(enum store_cool why);       /* "throttled", "quota", "auth" */
const char *store_verdict_name(enum breaker_verdict v); /* "ok", "fail", "abandon" */

#endif
